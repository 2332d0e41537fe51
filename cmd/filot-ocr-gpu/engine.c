/* Our engine: GPUs, models and recogniser. The folder of models is libtesseract's own when none is named, so a reader is asked. */
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

#include "common/base/log.h"
#include "common/ocr/network_gpus.h"
#include "common/ocr/nvml.h"
#include "common/ocr/reader_process.h"

#define MODELS_KEPT 8
#define GPU_LINE_COLUMNS 1024 /* of pixels, that a line of a full batch has on average at most */

extern char **environ;

struct engine {
	bool is_ours;
	struct reader_engine parts;
	struct network_gpus *gpus; /* of the back end "cuda" */
	int32_t batch_lines;
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

bool engine_choose(const struct ocr_settings *settings, enum network_backend *backend, struct network_gpus **gpus,
		   struct error *error)
{
	/* "auto", then the back ends in their order */
	bool is_auto = settings->backend == 0;
	struct error refused = { 0 };
	*gpus = NULL;
	*backend = is_auto ? NETWORK_CUDA : (enum network_backend)(settings->backend - 1);
	if (*backend != NETWORK_CUDA)
		return network_backend_runs(*backend) ||
		       error_set(error, ERROR_CONFIG, "--backend: this machine does not run %s",
				 network_backend_name(*backend));
	*gpus = network_gpus_open(&(struct network_gpus_options){ .list = settings->gpus,
								   .memory_bytes = settings->gpu_memory_bytes },
				  &refused);
	if (*gpus)
		return true;
	if (!is_auto || refused.code != ERROR_UNAVAILABLE) {
		*error = refused;
		return false;
	}
	*backend = network_backend_best();
	log_event(settings->from_queue ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG, "no_gpu",
		  log_string("message", refused.message), log_string("backend", network_backend_name(*backend)));
	return true;
}

/* Waiting for a GPU takes no core, so twice as many threads as cores decode on all of them. */
static void fit_to_gpus(const struct ocr_settings *settings, struct recogniser_options *options)
{
	int64_t columns = settings->gpu_batch_lines * GPU_LINE_COLUMNS, cores = ocr_core_count();
	options->batch_lines = (int32_t)settings->gpu_batch_lines;
	options->batch_columns = (int32_t)(columns < NETWORK_COLUMNS_MOST ? columns : NETWORK_COLUMNS_MOST);
	options->waiting_columns = 4 * (int64_t)options->batch_columns;
	if (options->waiting_columns < recogniser_default_options.waiting_columns)
		options->waiting_columns = recogniser_default_options.waiting_columns;
	if (options->threads == 0)
		options->threads = (int32_t)(cores < RECOGNISER_THREADS_MOST / 2 ? 2 * cores : RECOGNISER_THREADS_MOST);
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
	if (engine_choose(settings, &parts->backend, &engine->gpus, error) && find_tessdata(settings, folder, error))
		parts->models = text_models_new(folder, parts->backend, MODELS_KEPT, error);
	struct recogniser_options options = recogniser_default_options;
	options.threads = (int32_t)settings->threads;
	if (engine->gpus && parts->models) {
		text_models_use_gpus(parts->models, engine->gpus);
		fit_to_gpus(settings, &options);
	}
	engine->batch_lines = options.batch_lines;
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

bool engine_lost(const struct engine *engine, struct error *error)
{
	return engine->gpus && network_gpus_lost(engine->gpus, error);
}

void engine_log_figures(const struct engine *engine, enum log_level level)
{
	struct network_gpu_figures figures[NETWORK_GPUS_MOST];
	bool is_asked = engine->gpus && log_writes(level); /* NVML is a library to load */
	size_t count = is_asked ? network_gpus_figures(engine->gpus, figures, NETWORK_GPUS_MOST) : 0;
	for (size_t index = 0; index < count; index++) {
		const struct network_gpu_figures *gpu = &figures[index];
		struct nvml_utilisation use = { .processors_percent = -1, .memory_percent = -1 };
		(void)nvml_utilisation(gpu->bus, &use);
		log_event(level, "gpu", log_integer("gpu", gpu->number), log_string("name", gpu->name),
			  log_integer("use_percent", use.processors_percent),
			  log_integer("memory_use_percent", use.memory_percent),
			  log_integer("used_bytes", gpu->used_bytes), log_integer("limit_bytes", gpu->limit_bytes),
			  log_integer("batches", gpu->batches), log_integer("lines", gpu->lines),
			  log_integer("steps", gpu->steps), log_integer("refused_batches", gpu->refused),
			  log_number("batch_fill", gpu->batches ? (double)gpu->lines / (double)gpu->batches /
								      (double)engine->batch_lines :
								  0.0),
			  log_integer("upload_ms", gpu->upload_us / 1000),
			  log_integer("convolve_ms", gpu->convolve_us / 1000),
			  log_integer("lstm_ms", gpu->lstm_us / 1000),
			  log_integer("softmax_ms", gpu->softmax_us / 1000),
			  log_integer("download_ms", gpu->download_us / 1000));
	}
}

void engine_close(struct engine *engine)
{
	if (!engine)
		return;
	recogniser_free(engine->parts.recogniser);
	text_models_free(engine->parts.models);
	network_gpus_close(engine->gpus);
	free(engine);
}
