/* Our engine: models and recogniser. The folder of models is libtesseract's own when none is named, so a reader is asked. */
#include "engine.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/ocr/reader_process.h"

#define MODELS_KEPT 8

extern char **environ;

struct engine {
	bool is_ours;
	struct reader_engine parts;
};

/* What a reader prints when it is asked for its folder. */
static bool ask_reader(const char *program, char folder[static PATH_MAX], struct error *error)
{
	char *const arguments[] = { (char *)(uintptr_t)program, (char *)(uintptr_t)"--print-tessdata", NULL };
	posix_spawn_file_actions_t actions;
	int ends[2], status = -1;
	pid_t child = -1;
	if (pipe2(ends, O_CLOEXEC) != 0)
		return error_set(error, ERROR_UNAVAILABLE, "pipe: %s", strerror(errno));
	bool started = posix_spawn_file_actions_init(&actions) == 0 &&
		       posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO) == 0 &&
		       posix_spawn(&child, program, &actions, NULL, arguments, environ) == 0;
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)close(ends[1]);
	size_t length = 0;
	ssize_t count = 1;
	while (started && length < PATH_MAX - 1 && count > 0) {
		count = read(ends[0], folder + length, PATH_MAX - 1 - length);
		if (count < 0 && errno == EINTR)
			count = 1;
		else if (count > 0)
			length += (size_t)count;
	}
	(void)close(ends[0]);
	while (started && waitpid(child, &status, 0) < 0 && errno == EINTR)
		continue;
	folder[length] = '\0';
	folder[strcspn(folder, "\n")] = '\0';
	return (started && status == 0 && *folder) ||
	       error_set(error, ERROR_CONFIG, "%s does not say where the models are; give --tessdata", program);
}

static bool find_tessdata(const struct ocr_settings *settings, char folder[static PATH_MAX], struct error *error)
{
	if (settings->tessdata)
		return snprintf(folder, PATH_MAX, "%s", settings->tessdata) < PATH_MAX ||
		       error_set(error, ERROR_CONFIG, "--tessdata: too long");
	char *program = reader_program_find(NULL, error);
	bool found = program && ask_reader(program, folder, error);
	free(program);
	return found;
}

struct engine *engine_open(const struct ocr_settings *settings, struct error *error)
{
	struct engine *engine = calloc(1, sizeof *engine);
	char folder[PATH_MAX] = "";
	if (!engine) {
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
		return NULL;
	}
	engine->is_ours = settings->engine == OCR_ENGINE_FILOT;
	if (!engine->is_ours)
		return engine;
	struct reader_engine *parts = &engine->parts;
	/* "auto", then the back ends in their order */
	parts->backend = settings->backend == 0 ? network_backend_best() :
						  (enum network_backend)(settings->backend - 1);
	if (!network_backend_runs(parts->backend))
		(void)error_set(error, ERROR_CONFIG, "--backend: this machine does not run %s",
				network_backend_name(parts->backend));
	else if (find_tessdata(settings, folder, error))
		parts->models = text_models_new(folder, parts->backend, MODELS_KEPT, error);
	struct recogniser_options options = recogniser_default_options;
	options.threads = (int32_t)settings->threads;
	if (parts->models)
		parts->recogniser = recogniser_new(&options, parts->models, error);
	if (parts->recogniser)
		return engine;
	engine_close(engine);
	return NULL;
}

const struct reader_engine *engine_for_readers(const struct engine *engine)
{
	return engine->is_ours ? &engine->parts : NULL;
}

const char *engine_backend(const struct engine *engine)
{
	return engine->is_ours ? network_backend_name(engine->parts.backend) : "tesseract";
}

void engine_close(struct engine *engine)
{
	if (!engine)
		return;
	recogniser_free(engine->parts.recogniser);
	text_models_free(engine->parts.models);
	free(engine);
}
