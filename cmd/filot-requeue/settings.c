/* The table of filot-requeue's flags and settings, and what the table cannot say. */
#include "cmd/filot-requeue/settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/settings.h"
#include "common/redis/queue_admin.h"
#include "common/redis/redis_options.h"

#define WATCH_MS 2000

static void set_defaults(struct requeue_settings *settings)
{
	*settings = (struct requeue_settings){
		.min_idle_ms = 60 * 1000,
		.visibility_ms = 60 * 1000,
		.watch_ms = WATCH_MS,
		.queue_name = "ocr",
		.wait_ms = 5000,
	};
}

struct command requeue_command(struct requeue_settings *s)
{
	set_defaults(s);
	const struct option_row table[] = {
		{ "dead", 0, OPTION_FLAG, &s->dead, NULL, "bring dead jobs back instead of stuck ones" },
		{ "delayed", 0, OPTION_FLAG, &s->delayed, NULL, "make retries ready now instead of when they are due" },
		{ "min-idle", 'm', OPTION_DURATION, &s->min_idle_ms, "TIME",
		  "stuck is a claim not renewed, or a retry overdue, for so long (60s)" },
		{ "visibility", 0, OPTION_DURATION, &s->visibility_ms, "TIME",
		  "the workers' own --visibility: who is not seen for three of it is gone (60s)", .minimum = 1000,
		  .maximum = 86400000 },
		{ "job", 0, OPTION_LIST, &s->jobs, "ULID", "only this job; - reads jobs from standard input" },
		{ "document", 0, OPTION_LIST, &s->documents, "ID", "only jobs of this document" },
		{ "tenant", 0, OPTION_STRING, &s->tenant, "NAME", "only jobs of this tenant" },
		{ "worker", 0, OPTION_STRING, &s->worker, "NAME", "only jobs that this worker holds or had last" },
		{ "code", 'c', OPTION_LIST, &s->codes, "CODE", "only jobs that failed last with this code" },
		{ "since", 0, OPTION_STRING, &s->since, "TIME", "only dead since then: 2h, or 2026-11-24T10:00:00Z" },
		{ "until", 0, OPTION_STRING, &s->until, "TIME", "only dead until then" },
		{ "limit", 'l', OPTION_INTEGER, &s->limit, "N", "stop after N jobs", .minimum = 1,
		  .maximum = INT64_MAX },
		{ "rate", 'r', OPTION_STRING, &s->rate_text, "N/s", "move no more than N jobs a second; also N/m, N/h" },
		{ "dry-run", 'n', OPTION_FLAG, &s->dry_run, NULL, "say what would be done, change nothing" },
		{ "yes", 'y', OPTION_FLAG, &s->yes, NULL, "drop: do not ask" },
		{ "json", 0, OPTION_FLAG, &s->json, NULL, "JSON lines on a terminal, too" },
		{ "watch", 'w', OPTION_FLAG, &s->watch, NULL, "stats: again and again, every [SECONDS] (2)" },
		REDIS_OPTIONS(s, "the queue's Redis; rediss:// is TLS", .required_if = &options_always),
		{ "queue-name", 0, OPTION_STRING, &s->queue_name, "NAME", "which queue (ocr)",
		  .setting = "FILOT_QUEUE_NAME" },
		{ "database-url", 0, OPTION_STRING, &s->database_url, "URL",
		  "show, drop, cancel: the jobs' database, when there is one", .setting = "FILOT_DATABASE_URL",
		  .alias = "DATABASE_URL", .secret = true },
		{ "wait", 0, OPTION_DURATION, &s->wait_ms, "TIME", "wait so long for services (5s)", .maximum = 86400000 },
	};
	_Static_assert(sizeof table < sizeof s->rows, "the table needs its empty last row");
	memcpy(s->rows, table, sizeof table);
	return (struct command){
		.name = "filot-requeue",
		.summary = "rescue jobs that are stuck or dead, and see what the queue holds",
		.usage = "[flags]\n--dead [flags]\n--delayed [flags]\n[flags] list [dead|delayed|pending|ready]\n"
			 "[flags] show JOB\n[flags] drop JOB...\n[flags] cancel JOB...\n[flags] stats [--watch [SECONDS]]",
		.details = "Without a verb it hands stuck jobs to the next worker that asks: those whose claim was not renewed for\n"
			   "--min-idle, whose worker is gone, or whose retry is overdue. JOB may be - for standard input.\n"
			   "Exit status: 0 all done, or nothing to do; 1 some were refused (each has its own line); 64 usage;\n"
			   "69 a service is unavailable; 75 stopped before the end; 77 not permitted; 78 configuration.",
		.rows = s->rows,
	};
}

static bool read_rate(struct requeue_settings *settings, struct error *error)
{
	char *end;
	if (!settings->rate_text)
		return true;
	errno = 0;
	settings->rate = strtod(settings->rate_text, &end);
	double per_s = !*end || strcmp(end, "/s") == 0 ? 1 : strcmp(end, "/m") == 0 ? 60 : strcmp(end, "/h") == 0 ? 3600 : 0;
	if (errno || end == settings->rate_text || per_s == 0 || !(settings->rate > 0 && settings->rate <= 1e6))
		return error_set(error, ERROR_USAGE, "--rate: \"%s\" is not a rate such as 50/s or 10/m",
				 settings->rate_text);
	settings->rate /= per_s;
	return true;
}

static bool read_verb(struct requeue_settings *settings, struct string_list *operands, struct error *error)
{
	static const struct {
		const char *name;
		size_t least, most;
	} verbs[] = { [VERB_REQUEUE] = { "", 0, 0 },	       [VERB_LIST] = { "list", 0, 1 },
		      [VERB_SHOW] = { "show", 1, 1 },	       [VERB_DROP] = { "drop", 1, SIZE_MAX },
		      [VERB_CANCEL] = { "cancel", 1, SIZE_MAX }, [VERB_STATS] = { "stats", 0, 1 } };
	if (!operands->count)
		return true;
	const char *word = operands->items[0];
	for (size_t index = VERB_LIST; index < sizeof verbs / sizeof *verbs; index++) {
		if (strcmp(word, verbs[index].name) != 0)
			continue;
		size_t count = operands->count - 1;
		settings->verb = (enum verb)index;
		memmove(operands->items, operands->items + 1, count * sizeof *operands->items);
		operands->count = count;
		if (count < verbs[index].least)
			return error_set(error, ERROR_USAGE, "%s needs a job's ULID, as in \"filot-requeue list\"", word);
		return count <= verbs[index].most ||
		       error_set(error, ERROR_USAGE, "\"%s\" is too much", operands->items[verbs[index].most]);
	}
	return error_set(error, ERROR_USAGE, "\"%s\" is none of: list, show, drop, cancel, stats", word);
}

/* The operand of `stats --watch` is a number of seconds, or any duration. */
static bool read_watch(struct requeue_settings *settings, const struct string_list *operands, struct error *error)
{
	struct option_row row = { .kind = OPTION_DURATION, .value = &settings->watch_ms, .minimum = 100,
				  .maximum = 86400000 };
	if (settings->watch && settings->verb != VERB_STATS)
		return error_set(error, ERROR_USAGE, "--watch goes with stats");
	if (settings->verb != VERB_STATS || !operands->count)
		return true;
	if (!settings->watch)
		return error_set(error, ERROR_USAGE, "\"%s\" is too much", operands->items[0]);
	return options_set_row(&row, "--watch", operands->items[0], error);
}

static bool codes_valid(const struct requeue_settings *settings, struct error *error)
{
	for (size_t index = 0; index < settings->codes.count; index++)
		if (error_code_from_name(settings->codes.items[index]) == ERROR_NONE)
			return error_set(error, ERROR_USAGE, "--code: \"%s\" is no code of filot-jobs(5)",
					 settings->codes.items[index]);
	return true;
}

bool requeue_settings_check(struct requeue_settings *settings, struct string_list *operands, struct error *error)
{
	int64_t ignored_ms;
	if (!read_verb(settings, operands, error) || !read_rate(settings, error) || !read_watch(settings, operands, error) ||
	    !codes_valid(settings, error))
		return false;
	enum verb verb = settings->verb;
	if (settings->dead && settings->delayed)
		return error_set(error, ERROR_USAGE, "--dead and --delayed exclude each other");
	if ((settings->dead || settings->delayed) && verb != VERB_REQUEUE)
		return error_set(error, ERROR_USAGE, "--%s goes without a verb%s", settings->dead ? "dead" : "delayed",
				 verb == VERB_LIST ? ": say \"list dead\" or \"list delayed\"" : "");
	if ((settings->since || settings->until) && !settings->dead && verb != VERB_LIST)
		return error_set(error, ERROR_USAGE, "--since and --until go with --dead or list");
	bool by_filter = verb == VERB_REQUEUE || verb == VERB_LIST;
	if (!by_filter && (settings->jobs.count || settings->documents.count || settings->tenant || settings->worker ||
			   settings->codes.count || settings->limit))
		return error_set(error, ERROR_USAGE, "filters and --limit go with list, or without a verb");
	if (settings->yes && verb != VERB_DROP)
		return error_set(error, ERROR_USAGE, "--yes goes with drop");
	if (settings->rate > 0 && verb != VERB_REQUEUE)
		return error_set(error, ERROR_USAGE, "--rate goes without a verb");
	if (settings->dry_run && (verb == VERB_LIST || verb == VERB_SHOW || verb == VERB_STATS))
		return error_set(error, ERROR_USAGE, "--dry-run goes with what changes something");
	return (!settings->since || requeue_time("--since", settings->since, 0, &ignored_ms, error)) &&
	       (!settings->until || requeue_time("--until", settings->until, 0, &ignored_ms, error));
}

bool requeue_time(const char *name, const char *text, int64_t now_ms, int64_t *unix_ms, struct error *error)
{
	int64_t ago_ms = 0;
	struct option_row row = { .kind = OPTION_DURATION, .value = &ago_ms };
	struct error ignored;
	if (clock_parse_rfc3339(text, unix_ms))
		return true;
	if (!options_set_row(&row, name, text, &ignored))
		return error_set(error, ERROR_USAGE, "%s: \"%s\" is neither a duration such as 2h nor a time such as "
						     "2026-11-24T10:00:00Z", name, text);
	*unix_ms = now_ms - ago_ms;
	return true;
}
