/* filot-migrate: brings the schema of a database forward, file by file, each once. See filot-migrate(1). */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/filot-migrate/commands.h"
#include "common/base/log.h"
#include "common/base/options.h"
#include "common/base/stop.h"

#define CONNECT_MS 10000

enum verb { VERB_UP, VERB_STATUS, VERB_VERIFY, VERB_NEW, VERB_BASELINE, VERB_COUNT };

static const struct {
	const char *name;
	const char *operand; /* NULL: none */
} verbs[VERB_COUNT] = { { "up", NULL }, { "status", NULL }, { "verify", NULL }, { "new", "NAME" }, { "baseline", "N" } };

static bool read_verb(const struct string_list *operands, enum verb *verb, struct error *error)
{
	if (!operands->count)
		return error_set(error, ERROR_USAGE, "say what to do: up, status, verify, new or baseline");
	for (int index = 0; index < VERB_COUNT; index++) {
		if (strcmp(operands->items[0], verbs[index].name) != 0)
			continue;
		*verb = (enum verb)index;
		size_t wanted = verbs[index].operand ? 2 : 1;
		if (operands->count < wanted)
			return error_set(error, ERROR_USAGE, "%s needs %s", verbs[index].name, verbs[index].operand);
		return operands->count == wanted ||
		       error_set(error, ERROR_USAGE, "\"%s\" is too much", operands->items[wanted]);
	}
	return error_set(error, ERROR_USAGE, "\"%s\" is none of: up, status, verify, new, baseline", operands->items[0]);
}

static bool read_version(const char *text, int64_t *version, struct error *error)
{
	char *end;
	errno = 0;
	*version = strtoll(text, &end, 10);
	if (!errno && end != text && !*end && *version > 0)
		return true;
	return error_set(error, ERROR_USAGE, "\"%s\" is no migration's number", text);
}

/* A transaction pooler works, but what a migration sets on its session would stay there for others. */
static void warn_pooled(struct pg_settings *database)
{
	struct error ignored;
	struct pg *pg = pg_new(database, &ignored);
	if (pg && strstr(pg_where(pg), "-pooler."))
		log_warning("pooled_url", log_string("database", pg_where(pg)),
			    log_string("message", "this is a pooler's address; migrations want the direct one: set "
						  "FILOT_DATABASE_DIRECT_URL (the same host without \"-pooler\")"));
	pg_free(pg);
}

static bool run(struct context *context, const struct string_list *operands, bool *well, struct error *error)
{
	enum verb verb = VERB_COUNT;
	char folder[PATH_MAX], path[PATH_MAX];
	int64_t version = 0;
	if (!read_verb(operands, &verb, error) || (verb == VERB_BASELINE && !read_version(operands->items[1], &version, error)))
		return false;
	if (context->folder == NULL) {
		if (!files_default_folder(folder, error))
			return false;
		context->folder = folder;
	}
	if (verb == VERB_NEW) {
		if (!files_new(context->folder, operands->items[1], path, error))
			return false;
		return puts(path) >= 0 || error_set(error, ERROR_INTERNAL, "standard output: %s", strerror(errno));
	}
	if (!context->database.url)
		return error_set(error, ERROR_CONFIG, "FILOT_DATABASE_URL is not set");
	warn_pooled(&context->database);
	switch (verb) {
	case VERB_UP:
		return command_up(context, error);
	case VERB_STATUS:
		return command_status(context, well, error);
	case VERB_VERIFY:
		return command_verify(context, well, error);
	default:
		return command_baseline(context, version, error);
	}
}

int main(int argc, char **argv)
{
	const char *given_url = NULL, *url = NULL, *direct_url = NULL;
	struct context context = { .database = { .application_name = "filot-migrate", .connect_ms = CONNECT_MS,
						 .statement_ms = CONNECT_MS },
				   .apply = { .wait_ms = 30000, .lock_ms = 5000, .statement_ms = 15 * 60000 },
				   .json = false };
	struct option_row rows[] = {
		{ "dir", 'd', OPTION_STRING, &context.folder, "DIR",
		  "folder of NNNN_name.sql files (migrations beside the program's checkout or installation)",
		  .setting = "FILOT_MIGRATIONS" },
		{ "target", 't', OPTION_INTEGER, &context.target, "N", "up: stop after migration N", .minimum = 1,
		  .maximum = INT64_MAX },
		{ "dry-run", 'n', OPTION_FLAG, &context.dry, NULL, "up, baseline: say what would be done, change nothing" },
		{ "resume", 0, OPTION_FLAG, &context.resume, NULL,
		  "up: go on with a file without transaction that stopped on the way" },
		{ "json", 0, OPTION_FLAG, &context.json, NULL, "JSON lines on a terminal, too" },
		{ "wait", 'w', OPTION_DURATION, &context.apply.wait_ms, "TIME",
		  "how long to wait for the database, and for another filot-migrate (30s)" },
		{ "lock-timeout", 0, OPTION_DURATION, &context.apply.lock_ms, "TIME",
		  "give up a statement that waits longer for a lock (5s; 0: never)" },
		{ "statement-timeout", 0, OPTION_DURATION, &context.apply.statement_ms, "TIME",
		  "give up a statement that takes longer (15m; 0: never)" },
		{ "database-url", 0, OPTION_STRING, &given_url, "URL",
		  "database to migrate, before both settings (others see it in the process list)", .secret = true },
		{ NULL, 0, OPTION_STRING, &direct_url, "URL", "the database past its pooler; preferred",
		  .setting = "FILOT_DATABASE_DIRECT_URL", .secret = true },
		{ NULL, 0, OPTION_STRING, &url, "URL", "the database", .setting = "FILOT_DATABASE_URL",
		  .alias = "DATABASE_URL", .secret = true },
		{ 0 },
	};
	const struct command command = {
		.name = "filot-migrate",
		.summary = "bring a database's schema forward",
		.usage = "[options] up\n[options] status | verify\n[options] new NAME\n[options] baseline N",
		.details = "Exit status: 0 done, well or up to date; 1 status: migrations are pending, verify: something is wrong;\n"
			   "65 a migration failed or its files are not in order; 69 no database; 75 locked, too slow or stopped.",
		.rows = rows,
	};
	struct options options;
	struct error error = { 0 };
	bool well = true;
	enum options_outcome outcome = options_parse(&command, &options, argc, argv, &error);
	int status = 0;
	context.database.url = given_url ? given_url : direct_url ? direct_url : url;
	if (outcome == OPTIONS_DONE && options.checked && !context.database.url) {
		(void)error_set(&error, ERROR_CONFIG, "FILOT_DATABASE_URL is not set");
		outcome = OPTIONS_FAILED;
	}
	if (outcome == OPTIONS_RUN) {
		stop_install();
		context.json = context.json || !isatty(STDOUT_FILENO);
		if (!run(&context, &options.operands, &well, &error))
			outcome = OPTIONS_FAILED;
		if (outcome == OPTIONS_RUN && (fflush(stdout) != 0 || ferror(stdout))) {
			(void)error_set(&error, ERROR_INTERNAL, "standard output: %s", strerror(errno));
			outcome = OPTIONS_FAILED;
		}
	}
	if (outcome == OPTIONS_FAILED)
		status = options_exit(&command, &error);
	else if (!well)
		status = 1;
	options_free(&options, &command);
	return status;
}
