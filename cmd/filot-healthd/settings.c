/* The table of filot-healthd's flags and settings. */
#include "cmd/filot-healthd/settings.h"

#include <string.h>

#include "common/redis/queue.h"
#include "common/redis/redis_options.h"
#include "common/store/store_options.h"

static void set_defaults(struct healthd_settings *settings)
{
	*settings = (struct healthd_settings){
		.listen = "127.0.0.1:8090",
		.interval_ms = 10 * 1000,
		.stuck_ms = 120 * 1000,
		.emf_ms = 60 * 1000,
		.visibility_ms = 60 * 1000,
		.probe_ms = 3 * 1000,
		.service = "filot",
		.queue_name = "ocr",
		.buli2_queue_name = "buli2",
	};
}

struct command healthd_command(struct healthd_settings *s)
{
	set_defaults(s);
	const struct option_row table[] = {
		{ "emf", 0, OPTION_FLAG, &s->emf, NULL, "print figures for CloudWatch on standard output, too" },
		{ "once", 0, OPTION_FLAG, &s->once, NULL, "with --emf: print one line and end, for cron" },
		{ "probe", 0, OPTION_FLAG, &s->probe, NULL, "ask URL, http://HOST:PORT/PATH or unix:SOCKET[:/PATH], and end" },
		{ "probe-timeout", 0, OPTION_DURATION, &s->probe_ms, "TIME", "with --probe: the longest wait (3s)",
		  .minimum = 100, .maximum = 60000 },
		{ "listen", 0, OPTION_STRING, &s->listen, "ADDRESS", "where to answer (127.0.0.1:8090); :8090 is everywhere",
		  .setting = "FILOT_HEALTHD_LISTEN" },
		{ "socket", 0, OPTION_STRING, &s->socket, "PATH", "answer on a UNIX socket, too",
		  .setting = "FILOT_HEALTHD_SOCKET" },
		{ "interval", 0, OPTION_DURATION, &s->interval_ms, "TIME",
		  "each service is probed once in this time, however many ask (10s)", .minimum = 100, .maximum = 3600000 },
		{ "stuck", 0, OPTION_DURATION, &s->stuck_ms, "TIME",
		  "/livez is red when no look has ended for so long and an interval (120s)", .minimum = 100,
		  .maximum = 3600000 },
		{ "emf-interval", 0, OPTION_DURATION, &s->emf_ms, "TIME", "one line in this time (60s)", .minimum = 1000,
		  .maximum = 3600000 },
		{ "service", 0, OPTION_STRING, &s->service, "NAME", "the dimension Service of --emf (filot)",
		  .setting = "FILOT_SERVICE" },
		{ "visibility", 0, OPTION_DURATION, &s->visibility_ms, "TIME",
		  "the workers' own --visibility: who is not seen for three of it is gone (60s)", .minimum = 1000,
		  .maximum = 86400000 },
		{ "oldest", 0, OPTION_DURATION, &s->oldest_ms, "TIME",
		  "the queue is degraded when a job waits for longer (0: never)", .maximum = 30 * INT64_C(86400000) },
		{ "disk", 0, OPTION_LIST, &s->disks, "PATH", "file systems whose use is told (/)" },
		REDIS_OPTIONS(s, "the queue's Redis; rediss:// is TLS", .required_unless = &s->probe),
		{ "queue-name", 0, OPTION_STRING, &s->queue_name, "NAME", "which queue (ocr)",
		  .setting = "FILOT_QUEUE_NAME" },
		{ "buli2-queue-name", 0, OPTION_STRING, &s->buli2_queue_name, "NAME", "which queue of filot-buli2 (buli2)",
		  .setting = "FILOT_BULI2_QUEUE_NAME" },
		{ "database-url", 0, OPTION_STRING, &s->database_url, "URL", "the database to probe",
		  .setting = "FILOT_DATABASE_URL", .alias = "DATABASE_URL", .secret = true },
		STORE_OPTIONS(s),
		TEMPORAL_OPTIONS(&s->temporal),
	};
	_Static_assert(sizeof table < sizeof s->rows, "the table needs its empty last row");
	memcpy(s->rows, table, sizeof table);
	return (struct command){
		.name = "filot-healthd",
		.summary = "say whether FiLot is well: health, metrics, a status page",
		.usage = "[flags]\n--emf [--once] [flags]\n--probe URL",
		.details = "Answers /livez, /readyz, /health, /metrics and a page at /.\n"
			   "Exit status: 0 ended by a signal, --once printed, --probe was answered with 2xx; 1 --probe was not;\n"
			   "64 usage; 69 the address is taken; 70 internal; 78 configuration.",
		.rows = s->rows,
	};
}

bool healthd_settings_check(const struct healthd_settings *settings, size_t operand_count, struct error *error)
{
	if (operand_count != (settings->probe ? 1 : 0))
		return error_set(error, ERROR_USAGE, settings->probe ? "--probe needs one URL" : "only --probe takes a URL");
	if (settings->once && !settings->emf)
		return error_set(error, ERROR_USAGE, "--once goes with --emf");
	if (settings->probe && settings->emf)
		return error_set(error, ERROR_USAGE, "--probe and --emf exclude each other");
	if (!queue_name_valid(settings->buli2_queue_name))
		return error_set(error, ERROR_USAGE, "--buli2-queue-name: must be 1 to 64 of A-Z a-z 0-9 . _ -");
	for (size_t index = 0; index < settings->disks.count; index++)
		if (*settings->disks.items[index] != '/')
			return error_set(error, ERROR_USAGE, "--disk: \"%s\" is no absolute path",
					 settings->disks.items[index]);
	return true;
}
