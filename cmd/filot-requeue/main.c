/* filot-requeue: rescue jobs that are stuck or dead, and see what the queue holds. See filot-requeue(1). */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "cmd/filot-requeue/commands.h"
#include "common/base/stop.h"

#define CONNECT_MS 5000
#define RECONNECT_MS 10000

static bool open_database(struct context *context, struct error *error)
{
	const struct requeue_settings *settings = context->settings;
	bool wanted = settings->verb == VERB_SHOW || settings->verb == VERB_DROP || settings->verb == VERB_CANCEL;
	const struct pg_settings database = { .url = settings->database_url, .application_name = "filot-requeue",
					      .connect_ms = CONNECT_MS, .statement_ms = RECONNECT_MS,
					      .reconnect_ms = RECONNECT_MS };
	if (!wanted || !settings->database_url)
		return true;
	context->pg = pg_new(&database, error);
	return context->pg && pg_connect(context->pg, settings->wait_ms, error);
}

static bool run_verb(struct context *context, const struct string_list *operands, struct error *error)
{
	switch (context->settings->verb) {
	case VERB_LIST:
		return command_list(context, operands->count ? operands->items[0] : NULL, error);
	case VERB_SHOW:
		return command_show(context, operands, error);
	case VERB_DROP:
	case VERB_CANCEL:
		return command_remove(context, operands, error);
	case VERB_STATS:
		return command_stats(context, error);
	default:
		return command_requeue(context, error);
	}
}

static bool run(struct context *context, const struct string_list *operands, struct error *error)
{
	const struct requeue_settings *settings = context->settings;
	const struct redis_settings connection = { .url = settings->redis_url, .ca = settings->redis_ca,
						   .client_name = "filot-requeue", .connect_ms = CONNECT_MS,
						   .reconnect_ms = RECONNECT_MS };
	struct queue_settings names = queue_default_settings;
	names.name = settings->queue_name;
	names.visibility_ms = settings->visibility_ms;
	struct redis *redis = redis_new(&connection, error);
	bool good = redis && redis_connect(redis, settings->wait_ms, error);
	context->queue = good ? queue_new(&names, redis, error) : NULL;
	good = context->queue && open_database(context, error) && run_verb(context, operands, error);
	if (good && (fflush(stdout) != 0 || ferror(stdout)))
		good = error_set(error, ERROR_INTERNAL, "standard output: %s", strerror(errno));
	pg_free(context->pg);
	queue_free(context->queue);
	redis_free(redis);
	return good;
}

int main(int argc, char **argv)
{
	struct requeue_settings settings;
	struct options options;
	struct error error = { 0 };
	const struct command command = requeue_command(&settings);
	struct context context = { .settings = &settings };
	enum options_outcome outcome = options_parse(&command, &options, argc, argv, &error);
	int status = EX_OK;
	if (outcome == OPTIONS_RUN) {
		static const char *const done[] = { [VERB_DROP] = "dropped", [VERB_CANCEL] = "cancelled" };
		static const char *const would[] = { [VERB_DROP] = "would_drop", [VERB_CANCEL] = "would_cancel" };
		stop_install();
		if (requeue_settings_check(&settings, &options.operands, &error)) {
			bool removes = settings.verb == VERB_DROP || settings.verb == VERB_CANCEL;
			report_open(&context.report, settings.json || !isatty(STDOUT_FILENO), settings.dry_run,
				    removes ? done[settings.verb] : "moved", removes ? would[settings.verb] : "would_move");
			outcome = run(&context, &options.operands, &error) ? OPTIONS_RUN : OPTIONS_FAILED;
		} else {
			outcome = OPTIONS_FAILED;
		}
	}
	if (outcome == OPTIONS_FAILED)
		status = options_exit(&command, &error);
	else if (context.report.refused_count)
		status = 1;
	options_free(&options, &command);
	return status;
}
