/* Lines and tables. */
#include "cmd/filot-requeue/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/filot-requeue/selection.h"
#include "common/base/clock.h"
#include "common/base/json_text.h"

/* ---- pieces ---- */

void line_string(struct buffer *line, const char *name, const char *value)
{
	if (!value)
		return;
	buffer_printf(line, ",\"%s\":", name);
	json_text_string(line, value, strlen(value));
}

void line_integer(struct buffer *line, const char *name, int64_t value)
{
	buffer_printf(line, ",\"%s\":%" PRId64, name, value);
}

void line_time(struct buffer *line, const char *name, int64_t unix_ms)
{
	char text[CLOCK_RFC3339_SIZE];
	line_string(line, name, clock_rfc3339(unix_ms, text));
}

void line_print(struct buffer *line)
{
	buffer_append_char(line, '\n');
	if (line->failed)
		fputs("{\"v\":1,\"error\":{\"code\":\"out_of_memory\"}}\n", stdout);
	else
		(void)fwrite(line->data, 1, line->length, stdout);
	(void)fflush(stdout);
	buffer_free(line);
	*line = (struct buffer){ 0 };
}

const char *age_text(int64_t ms, char text[static AGE_SIZE])
{
	if (ms < 0)
		(void)snprintf(text, AGE_SIZE, "-");
	else if (ms < 10000)
		(void)snprintf(text, AGE_SIZE, "%.1f s", (double)ms / 1e3);
	else if (ms < 120000)
		(void)snprintf(text, AGE_SIZE, "%" PRId64 " s", ms / 1000);
	else if (ms < 120 * 60000)
		(void)snprintf(text, AGE_SIZE, "%" PRId64 " min", ms / 60000);
	else if (ms < INT64_C(48) * 3600000)
		(void)snprintf(text, AGE_SIZE, "%.1f h", (double)ms / 3.6e6);
	else
		(void)snprintf(text, AGE_SIZE, "%" PRId64 " d", ms / 86400000);
	return text;
}

const char *plain_text(const char *from, char *text, size_t size)
{
	size_t used = 0;
	while (*from) {
		size_t length = json_text_utf8_length(from, strnlen(from, 4));
		bool plain = length > 1 || (length == 1 && (unsigned char)*from >= 0x20 && *from != 0x7f);
		/* U+0080 to U+009F are control characters, too. */
		if (length == 2 && (unsigned char)from[0] == 0xc2 && (unsigned char)from[1] < 0xa0)
			plain = false;
		size_t width = plain ? length : 1;
		if (used + width >= size)
			break;
		if (plain)
			memcpy(text + used, from, length);
		else
			text[used] = '?';
		used += width;
		from += length ? length : 1;
	}
	text[used] = '\0';
	return text;
}

/* ---- one job ---- */

static bool is_handed_back(const struct queue_item *item)
{
	return item->place == PLACE_PENDING && strcmp(item->worker, QUEUE_HANDED_BACK) == 0;
}

static const char *place_name(const struct queue_item *item)
{
	return queue_place_names[is_handed_back(item) ? PLACE_READY : item->place];
}

static const char *priority_name(const struct found *found)
{
	if (found->item->place == PLACE_DEAD)
		return found->job.uri ? job_priority_names[found->job.priority] : NULL;
	return job_priority_names[found->item->stream];
}

void line_found(struct buffer *line, const struct found *found, int64_t now_ms)
{
	const struct queue_item *item = found->item;
	line_string(line, "priority", priority_name(found));
	line_string(line, "document", found->job.document);
	line_string(line, "tenant", found->job.tenant);
	if (found->job.uri)
		line_integer(line, "attempt", found->attempt);
	line_string(line, "worker", found->worker && *found->worker ? found->worker : NULL);
	if (item->place == PLACE_PENDING && !is_handed_back(item)) {
		if (item->idle_ms >= QUEUE_RELEASED_IDLE_MS)
			buffer_append_string(line, ",\"released\":true");
		else
			line_integer(line, "idle_ms", item->idle_ms);
	}
	if (item->place == PLACE_DELAYED) {
		line_time(line, "due_at", item->since_ms);
	} else {
		line_time(line, item->place == PLACE_DEAD ? "died_at" : "since", item->since_ms);
		if (now_ms)
			line_integer(line, "age_ms", now_ms > item->since_ms ? now_ms - item->since_ms : 0);
	}
	if (item->place != PLACE_DELAYED && !item->backlog) /* members are long, and have the line in them */
		line_string(line, "entry", item->entry);
	line_string(line, "code", found->code && *found->code ? found->code : NULL);
	line_string(line, "message", found->message && *found->message ? found->message : NULL);
}

/* The beginning of every line about a job. */
static void begin(struct buffer *line, const char *id)
{
	buffer_append_string(line, "{\"v\":1");
	line_string(line, "job", *id ? id : NULL);
}

/* ---- what was done ---- */

void report_open(struct report *report, bool json, bool dry_run, const char *done, const char *would)
{
	*report = (struct report){ .json = json, .dry_run = dry_run, .done = done, .would = would,
				   .started_ms = clock_monotonic_ms() };
}

/* The document for a person; a job that was given none has its own id there, which is on the line already. */
static const char *document_text(const struct found *found, char *text, size_t size)
{
	const char *document = found->job.document;
	return document && strcmp(document, found->id) != 0 ? plain_text(document, text, size) : "-";
}

/* "would_move" as a person writes it. */
static const char *spaced(const char *word, char text[static 24])
{
	(void)snprintf(text, 24, "%s", word);
	for (char *at = text; *at; at++)
		if (*at == '_')
			*at = ' ';
	return text;
}

/* "moved  01J…  pending  doc-1  w1  idle" */
static void say(const char *status, const struct found *found, const char *id, const char *words)
{
	char text[160], document[64], worker[64] = "", done[24];
	if (found && found->worker)
		(void)plain_text(found->worker, worker, sizeof worker);
	printf("%-12s %-26s  %-8s %-20s %-20s %s\n", spaced(status, done), id && *id ? id : "-",
	       found ? place_name(found->item) : "", found ? document_text(found, document, sizeof document) : "", worker,
	       words ? plain_text(words, text, sizeof text) : "");
	(void)fflush(stdout);
}

/* Why a job was left as it is, for a person, and what can be done about it. */
static const char *reason_text(const char *reason)
{
	static const struct {
		const char *reason, *text;
	} texts[] = {
		{ "released", "released before: the next worker that asks takes it" },
		{ "taken", "a worker has begun it again meanwhile" },
		{ "renewed", "its worker has renewed the claim: it is alive" },
		{ "gone", "finished or moved meanwhile: see filot-requeue show" },
		{ "cancelled", "it has a cancel mark, which the next claim obeys" },
		{ "not_stuck", "not stuck: see filot-requeue show" },
		{ "not_delayed", "it waits for no retry: see filot-requeue show" },
		{ "not_dead", "not dead: see filot-requeue show" },
		{ "not_in_the_queue", "not in the queue: done, never sent, or of another --queue-name" },
		{ "cancelled_in_the_database", "not in the queue; cancelled in the database" },
		{ "only_in_the_database", "not in the queue; it would be cancelled in the database" },
		{ "dropped_by_a_worker", "a worker met it and dropped it" },
		{ "dead", "dead: --dead brings it back, drop takes it away" },
		{ "done", "done already" },
	};
	for (size_t index = 0; index < sizeof texts / sizeof *texts; index++)
		if (strcmp(texts[index].reason, reason) == 0)
			return texts[index].text;
	return reason;
}

void report_done(struct report *report, const struct found *found, const char *why, const char *note)
{
	const char *status = report->dry_run ? report->would : report->done;
	struct buffer line = { 0 };
	report->done_count++;
	if (!report->json) {
		char words[160];
		(void)snprintf(words, sizeof words, "%s%s%s", why ? why : "", why && note ? ": " : "", note ? note : "");
		say(status, found, found->id, words);
		return;
	}
	begin(&line, found->id);
	line_string(&line, "status", status);
	line_string(&line, "from", place_name(found->item));
	line_string(&line, "why", why);
	line_string(&line, "note", note);
	line_found(&line, found, 0);
	buffer_append_char(&line, '}');
	line_print(&line);
}

void report_skipped(struct report *report, const struct found *found, const char *id, const char *reason)
{
	struct buffer line = { 0 };
	report->skipped_count++;
	if (found)
		id = found->id;
	if (!report->json) {
		say("skipped", found, id, reason_text(reason));
		return;
	}
	begin(&line, id);
	line_string(&line, "status", "skipped");
	line_string(&line, "reason", reason);
	if (found)
		line_string(&line, "from", place_name(found->item));
	buffer_append_char(&line, '}');
	line_print(&line);
}

static void refuse(struct report *report, const struct found *found, const char *id, const struct error *error)
{
	struct buffer line = { 0 };
	report->refused_count++;
	if (!report->json) {
		say("refused", found, id, error->message);
		return;
	}
	begin(&line, id);
	line_string(&line, "status", "refused");
	if (found) {
		line_string(&line, "from", place_name(found->item));
		line_string(&line, "entry", found->item->place == PLACE_DELAYED ? NULL : found->item->entry);
	}
	buffer_printf(&line, ",\"error\":{\"code\":\"%s\"", error_code_name(error->code));
	line_string(&line, "message", error->message);
	buffer_append_string(&line, "}}");
	line_print(&line);
}

void report_refused(struct report *report, const struct found *found, const struct error *error)
{
	refuse(report, found, found ? found->id : "", error);
}

void report_unknown(struct report *report, const char *id, const struct error *error)
{
	refuse(report, NULL, id, error);
}

void report_summary(const struct report *report)
{
	int64_t ms = clock_monotonic_ms() - report->started_ms;
	char done[24];
	if (report->json)
		printf("{\"v\":1,\"summary\":{\"%s\":%" PRId64 ",\"skipped\":%" PRId64 ",\"refused\":%" PRId64
		       ",\"dry_run\":%s,\"ms\":%" PRId64 "}}\n",
		       report->dry_run ? report->would : report->done, report->done_count, report->skipped_count,
		       report->refused_count, report->dry_run ? "true" : "false", ms);
	else
		printf("%s %" PRId64 ", skipped %" PRId64 ", refused %" PRId64 "%s\n",
		       spaced(report->dry_run ? report->would : report->done, done), report->done_count,
		       report->skipped_count, report->refused_count, report->dry_run ? "; nothing was changed" : "");
	(void)fflush(stdout);
}

/* ---- lists ---- */

void report_heading(const struct report *report)
{
	if (!report->json)
		printf("%-26s  %-8s %-8s %-20s %7s  %8s  %s\n", "job", "where", "priority", "document", "attempt", "age",
		       "worker or error");
}

void report_item(const struct report *report, const struct found *found, int64_t now_ms)
{
	const struct queue_item *item = found->item;
	struct buffer line = { 0 };
	if (report->json) {
		begin(&line, found->id);
		line_string(&line, "where", place_name(item));
		line_found(&line, found, now_ms);
		buffer_append_char(&line, '}');
		line_print(&line);
		return;
	}
	const char *priority = priority_name(found);
	char age[AGE_SIZE], document[24], last[160] = "", text[200] = "";
	if (item->place == PLACE_PENDING) {
		bool released = item->idle_ms >= QUEUE_RELEASED_IDLE_MS;
		(void)plain_text(is_handed_back(item) ? "handed back" : item->worker, last, sizeof last);
		if (released)
			(void)snprintf(text, sizeof text, "%s, released", last);
		else
			(void)snprintf(text, sizeof text, "%s, idle %s", last, age_text(item->idle_ms, age));
	} else if (found->code) {
		(void)snprintf(text, sizeof text, "%s: %s", found->code,
			       plain_text(found->message ? found->message : "", last, sizeof last));
	}
	int64_t age_ms = item->place == PLACE_DELAYED ? item->since_ms - now_ms : now_ms - item->since_ms;
	const char *sign = item->place != PLACE_DELAYED ? "" : age_ms < 0 ? "late " : "in ";
	char when[AGE_SIZE + 8];
	(void)snprintf(when, sizeof when, "%s%s", sign, age_text(age_ms < 0 ? -age_ms : age_ms, age));
	printf("%-26s  %-8s %-8s %-20s %7" PRId64 "  %8s  %s\n", *found->id ? found->id : "-", place_name(item),
	       priority ? priority : "-", document_text(found, document, sizeof document), found->attempt, when, text);
}
