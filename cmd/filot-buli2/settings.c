/* The table of filot-buli2's flags and settings. */
#include "cmd/filot-buli2/settings.h"

#include <string.h>

#include "common/redis/redis_options.h"

static void set_defaults(struct delivery_settings *settings)
{
	*settings = (struct delivery_settings){
		.jobs = 2,
		.connect_ms = 10 * 1000,
		.timeout_ms = 30 * 1000,
		.max_attempts = 100, /* with their waits, about four days */
		.backoff_base_ms = 5 * 1000,
		.backoff_cap_ms = 3600 * 1000,
		.breaker_failures = 5,
		.breaker_base_ms = 5 * 1000,
		.breaker_cap_ms = 5 * 60 * 1000,
		.visibility_ms = 60 * 1000,
		.again_ms = 5 * 60 * 1000,
		.poll_ms = 1000,
		.dead_keep_ms = INT64_C(90) * 86400 * 1000,
		.wait_ms = 30 * 1000,
		.queue_name = "buli2",
		.jobs_queue_name = "ocr",
	};
}

#define DAY_MS INT64_C(86400000)

struct command delivery_command(struct delivery_settings *s)
{
	set_defaults(s);
	const struct option_row table[] = {
		{ "queue", 0, OPTION_FLAG, &s->from_queue, NULL, "send what is due, again and again, until SIGTERM" },
		{ "drain", 0, OPTION_FLAG, &s->drain, NULL, "send what is due now, then end" },
		{ "list", 0, OPTION_FLAG, &s->list, NULL, "print the lines of dead, retry or requests (dead)" },
		{ "requeue-dead", 0, OPTION_FLAG, &s->requeue_dead, NULL, "make dead requests ready again" },
		{ "drop-dead", 0, OPTION_FLAG, &s->drop_dead, NULL, "take dead requests away for good" },
		{ "delivery", 0, OPTION_LIST, &s->deliveries, "ID",
		  "--list, --requeue-dead, --drop-dead: only this one; - reads them from standard input; may be repeated" },
		{ "dry-run", 'n', OPTION_FLAG, &s->dry_run, NULL,
		  "--requeue-dead, --drop-dead: say what would be done, change nothing" },
		{ "yes", 'y', OPTION_FLAG, &s->yes, NULL, "--drop-dead: it is meant" },
		{ "jobs", 'j', OPTION_INTEGER, &s->jobs, "N", "requests sent side by side (2)", .setting = "FILOT_BULI2_JOBS",
		  .minimum = 1, .maximum = 64 },
		{ "timeout", 0, OPTION_DURATION, &s->timeout_ms, "TIME", "longest time for one request (30s)",
		  .minimum = 100, .maximum = 600000 },
		{ "connect-timeout", 0, OPTION_DURATION, &s->connect_ms, "TIME", "longest time to connect (10s)",
		  .minimum = 100, .maximum = 600000 },
		{ "max-attempts", 0, OPTION_INTEGER, &s->max_attempts, "N", "tries before a request is dead (100)",
		  .minimum = 1, .maximum = 100000 },
		{ "backoff", 0, OPTION_DURATION, &s->backoff_base_ms, "TIME",
		  "longest wait before the second try, doubled with each (5s)", .minimum = 1, .maximum = DAY_MS },
		{ "backoff-cap", 0, OPTION_DURATION, &s->backoff_cap_ms, "TIME", "longest wait before a try (1h)",
		  .minimum = 1, .maximum = DAY_MS },
		{ "breaker-failures", 0, OPTION_INTEGER, &s->breaker_failures, "N",
		  "failures in a row that open the circuit breaker (5)", .minimum = 1, .maximum = 100000 },
		{ "breaker-wait", 0, OPTION_DURATION, &s->breaker_base_ms, "TIME",
		  "how long it opens, doubled each time a probe fails (5s)", .minimum = 1, .maximum = DAY_MS },
		{ "breaker-cap", 0, OPTION_DURATION, &s->breaker_cap_ms, "TIME", "how long it opens at most (5m)",
		  .minimum = 1, .maximum = DAY_MS },
		{ "visibility", 0, OPTION_DURATION, &s->visibility_ms, "TIME",
		  "a request whose sender stopped is taken over after so long (60s)", .minimum = 1000, .maximum = DAY_MS },
		{ "again", 0, OPTION_DURATION, &s->again_ms, "TIME",
		  "a row that Redis has forgotten is sent again after so long (5m)", .minimum = 1000, .maximum = DAY_MS },
		{ "poll", 0, OPTION_DURATION, &s->poll_ms, "TIME", "--queue: look for work so often (1s)", .minimum = 10,
		  .maximum = 3600000 },
		{ "dead-keep", 0, OPTION_DURATION, &s->dead_keep_ms, "TIME", "keep the dead stream's entries so long (90d)",
		  .minimum = 1000, .maximum = 3650 * DAY_MS },
		{ "sender", 0, OPTION_STRING, &s->sender, "NAME", "this sender's name (host-pid-random)",
		  .setting = "FILOT_BULI2_SENDER" },
		{ "queue-name", 0, OPTION_STRING, &s->queue_name, "NAME", "which queue (buli2)",
		  .setting = "FILOT_BULI2_QUEUE_NAME" },
		{ "wait", 0, OPTION_DURATION, &s->wait_ms, "TIME", "wait so long for services (30s)", .maximum = DAY_MS },
		REDIS_OPTIONS(s, "the queue's Redis; rediss:// is TLS", .required_if = &s->from_queue),
		{ "database-url", 0, OPTION_STRING, &s->database_url, "URL", "where deliveries are recorded",
		  .setting = "FILOT_DATABASE_URL", .alias = "DATABASE_URL", .secret = true, .required_if = &s->from_queue },
		{ NULL, 0, OPTION_STRING, &s->jobs_queue_name, NULL, "the jobs' queue, beside which figures are kept (ocr)",
		  .setting = "FILOT_QUEUE_NAME" },
		{ NULL, 0, OPTION_STRING, &s->api_url, NULL, "BULI2: where requests are posted",
		  .setting = "FILOT_BULI2_API_URL", .required_if = &options_always },
		{ NULL, 0, OPTION_STRING, &s->api_key, NULL, "BULI2: the API key", .setting = "FILOT_BULI2_API_KEY",
		  .secret = true, .required_if = &options_always },
		{ NULL, 0, OPTION_STRING, &s->signature_secret, NULL, "BULI2: the secret that signs requests",
		  .setting = "FILOT_BULI2_SIGNATURE_SECRET", .secret = true, .required_if = &options_always },
		{ NULL, 0, OPTION_STRING, &s->callback_url, NULL, "BULI2: where it sends its decision",
		  .setting = "FILOT_BULI2_CALLBACK_URL" },
	};
	_Static_assert(sizeof table < sizeof s->rows, "the table needs its empty last row");
	memcpy(s->rows, table, sizeof table);
	return (struct command){
		.name = "filot-buli2",
		.summary = "deliver verification requests to BULI2, never losing one",
		.usage = "[flags] < REQUEST-LINES\n--queue [flags]\n--drain [flags]\n"
			 "--list [flags] [dead|retry|requests]\n--requeue-dead [--delivery ID]... [flags]\n"
			 "--drop-dead --yes [--delivery ID]... [flags]",
		.details = "One receipt line for each request on standard output. Without --queue and --drain, requests come from\n"
			   "standard input; what may pass then goes to the retry set, when there is a Redis.\n"
			   "Exit status: 0 all done; 1 some failed (each has its own receipt); 64 usage; 69 a service is\n"
			   "unavailable; 75 BULI2 is down or the run was stopped, and requests are left; 78 configuration.",
		.rows = s->rows,
	};
}

bool delivery_settings_check(struct delivery_settings *settings, const struct string_list *operands, const char **place,
			     struct error *error)
{
	bool changes = settings->requeue_dead || settings->drop_dead;
	int modes = settings->from_queue + settings->drain + settings->list + settings->requeue_dead + settings->drop_dead;
	if (modes > 1)
		return error_set(error, ERROR_USAGE,
				 "--queue, --drain, --list, --requeue-dead and --drop-dead exclude each other");
	*place = settings->list && operands->count == 1 ? operands->items[0] : "dead";
	if (operands->count > (settings->list ? 1U : 0U))
		return error_set(error, ERROR_USAGE, "\"%s\" is too much", operands->items[settings->list ? 1 : 0]);
	if (strcmp(*place, "dead") != 0 && strcmp(*place, "retry") != 0 && strcmp(*place, "requests") != 0)
		return error_set(error, ERROR_USAGE, "\"%s\" is none of: dead, retry, requests", *place);
	if (settings->deliveries.count && !settings->list && !changes)
		return error_set(error, ERROR_USAGE, "--delivery goes with --list, --requeue-dead or --drop-dead");
	if (settings->dry_run && !changes)
		return error_set(error, ERROR_USAGE, "--dry-run goes with --requeue-dead or --drop-dead");
	if (settings->yes && !settings->drop_dead)
		return error_set(error, ERROR_USAGE, "--yes goes with --drop-dead");
	if (settings->drop_dead && !settings->yes && !settings->dry_run)
		return error_set(error, ERROR_USAGE,
				 "--drop-dead cannot be undone: look what it would take with --dry-run, then give --yes");
	if (modes && !settings->redis_url)
		return error_set(error, ERROR_CONFIG, "FILOT_REDIS_URL is not set");
	if (settings->drain && !settings->database_url)
		return error_set(error, ERROR_CONFIG, "FILOT_DATABASE_URL is not set");
	/* A try must be over, and recorded, before somebody else may take it over. */
	if (settings->visibility_ms < settings->timeout_ms + settings->timeout_ms / 2)
		settings->visibility_ms = settings->timeout_ms + settings->timeout_ms / 2 + 1000;
	return true;
}
