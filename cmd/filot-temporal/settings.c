/* The table of filot-temporal's flags and settings. */
#include "cmd/filot-temporal/settings.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/redis/redis_options.h"

static void set_defaults(struct tell_settings *settings)
{
	*settings = (struct tell_settings){
		.poll_ms = 1000,
		.backoff_base_ms = 1000,
		.backoff_cap_ms = 5 * 60 * 1000,
		.wait_ms = 30 * 1000,
		.jobs_queue_name = "ocr",
		.temporal = { .task_queue = "filot", .workflow_type = "Verification", .connect_ms = 10 * 1000, .total_ms = 30 * 1000 },
	};
}

#define DAY_MS INT64_C(86400000)

struct command tell_command(struct tell_settings *s)
{
	set_defaults(s);
	const struct option_row table[] = {
		{ "queue", 0, OPTION_FLAG, &s->from_queue, NULL, "tell what the database says, again and again, until SIGTERM" },
		{ "once", 0, OPTION_FLAG, &s->once, NULL, "with --queue: end when nothing is due" },
		{ "timeout", 0, OPTION_DURATION, &s->temporal.total_ms, "TIME", "longest time for one call (30s)",
		  .minimum = 100, .maximum = 600000 },
		{ "connect-timeout", 0, OPTION_DURATION, &s->temporal.connect_ms, "TIME", "longest time to connect (10s)",
		  .minimum = 100, .maximum = 600000 },
		{ "poll", 0, OPTION_DURATION, &s->poll_ms, "TIME", "--queue: look for work so often (1s)", .minimum = 10,
		  .maximum = 3600000 },
		{ "backoff", 0, OPTION_DURATION, &s->backoff_base_ms, "TIME",
		  "longest wait before the second try, doubled with each (1s)", .minimum = 1, .maximum = DAY_MS },
		{ "backoff-cap", 0, OPTION_DURATION, &s->backoff_cap_ms, "TIME", "longest wait before a try (5m)",
		  .minimum = 1, .maximum = DAY_MS },
		{ "wait", 0, OPTION_DURATION, &s->wait_ms, "TIME", "wait so long for the database (30s)", .maximum = DAY_MS },
		{ "database-url", 0, OPTION_STRING, &s->database_url, "URL", "where the workflows' rows are",
		  .setting = "FILOT_DATABASE_URL", .alias = "DATABASE_URL", .secret = true, .required_if = &s->from_queue },
		REDIS_OPTIONS(s, "--queue: where figures are kept (nowhere)"),
		{ NULL, 0, OPTION_STRING, &s->jobs_queue_name, NULL, "the jobs' queue, beside which figures are kept (ocr)",
		  .setting = "FILOT_QUEUE_NAME" },
		TEMPORAL_OPTIONS(&s->temporal.place),
		{ NULL, 0, OPTION_STRING, &s->temporal.task_queue, NULL, "the workflows' task queue (filot)",
		  .setting = "FILOT_TEMPORAL_TASK_QUEUE" },
		{ NULL, 0, OPTION_STRING, &s->temporal.workflow_type, NULL, "the workflows' type (Verification)",
		  .setting = "FILOT_TEMPORAL_WORKFLOW_TYPE" },
	};
	_Static_assert(sizeof table < sizeof s->rows, "the table needs its empty last row");
	memcpy(s->rows, table, sizeof table);
	return (struct command){
		.name = "filot-temporal",
		.summary = "start verification workflows in Temporal and signal them",
		.usage = "[flags] < EVENT-LINES\n--queue [--once] [flags]",
		.details = "One receipt line for each event on standard output. Temporal is off while FILOT_TEMPORAL_ENDPOINT is not\n"
			   "set: then --queue waits for SIGTERM, and each event line gets a receipt that says so.\n"
			   "Exit status: 0 all done; 1 some failed (each has its own receipt); 64 usage; 69 the database is\n"
			   "unavailable; 75 --once leaves something to be done; 78 configuration.",
		.rows = s->rows,
	};
}

bool tell_settings_check(struct tell_settings *settings, const struct string_list *operands, struct error *error)
{
	char host[64] = "host";
	(void)gethostname(host, sizeof host - 1);
	(void)snprintf(settings->identity, sizeof settings->identity, "filot-temporal@%s:%d", host, (int)getpid());
	settings->temporal.identity = settings->identity;
	if (operands->count)
		return error_set(error, ERROR_USAGE, "\"%s\" is too much", operands->items[0]);
	if (settings->once && !settings->from_queue)
		return error_set(error, ERROR_USAGE, "--once goes with --queue");
	return true;
}
