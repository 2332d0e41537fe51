/*
 * The JSON is put together from what Redis holds, which came from workers and senders: every text goes through
 * json_text_string, and a worker's own object is parsed and written anew.
 */
#include "cmd/filot-healthd/status.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/json_text.h"
#include "common/json/job.h"
#include "status_look_lua.h"

#define MOST_HELD "100" /* of one stream */
#define MOST_FAILURES "15"
#define MOST_WORKERS 200

redisReply *status_look(struct redis *redis, const char *queue_name, struct error *error)
{
	char keys[4][128];
	static const char *const names[] = { "jobs:high", "jobs", "jobs:low", "dead" };
	for (size_t index = 0; index < 4; index++)
		(void)snprintf(keys[index], sizeof keys[index], "filot:{%s}:%s", queue_name, names[index]);
	const char *argv[] = { keys[0], keys[1], keys[2], keys[3], MOST_HELD, MOST_FAILURES };
	redisReply *reply = redis_script(redis, true, status_look_lua, 4, 6, argv, NULL, error);
	bool good = reply && (reply->type != REDIS_REPLY_ERROR || redis_refused(reply, "looking at jobs", error));
	if (good && (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
		     reply->element[0]->type != REDIS_REPLY_ARRAY || reply->element[1]->type != REDIS_REPLY_ARRAY))
		good = error_set(error, ERROR_INTERNAL, "looking at jobs: Redis gave an answer of an unexpected kind");
	if (good)
		return reply;
	freeReplyObject(reply);
	return NULL;
}

bool status_worker_live(const struct queue_worker *worker, int64_t visibility_ms)
{
	return worker->seen_ms >= 0 && worker->seen_ms <= 3 * visibility_ms;
}

/* ---- pieces ---- */

static void member_text(struct buffer *json, const char *name, const char *text)
{
	buffer_printf(json, "\"%s\":", name);
	json_text_string(json, text, strlen(text));
}

static void member_number(struct buffer *json, const char *name, int64_t number)
{
	buffer_printf(json, ",\"%s\":%" PRId64, name, number);
}

static const char *text_of(const redisReply *row, size_t index)
{
	return index < row->elements && row->element[index]->type == REDIS_REPLY_STRING ? row->element[index]->str : "";
}

static int64_t number_of(const redisReply *row, size_t index)
{
	return index < row->elements && row->element[index]->type == REDIS_REPLY_INTEGER ? row->element[index]->integer :
											   0;
}

/* ---- workers ---- */

static void write_held(const redisReply *look, const char *worker, struct buffer *json)
{
	const redisReply *held = look ? look->element[0] : NULL;
	bool first = true;
	buffer_append_string(json, ",\"jobs\":[");
	for (size_t index = 0; held && index < held->elements; index++) {
		const redisReply *row = held->element[index];
		int64_t stream = number_of(row, 3) - 1;
		if (strcmp(text_of(row, 0), worker) != 0 || stream < 0 || stream >= JOB_PRIORITY_COUNT)
			continue;
		buffer_append_string(json, first ? "{" : ",{");
		first = false;
		member_text(json, "job", text_of(row, 1));
		buffer_append_char(json, ',');
		member_text(json, "document", text_of(row, 2));
		buffer_append_char(json, ',');
		member_text(json, "priority", job_priority_names[stream]);
		member_number(json, "renewed_ms", number_of(row, 4));
		member_number(json, "deliveries", number_of(row, 5));
		buffer_append_char(json, '}');
	}
	buffer_append_char(json, ']');
}

static void write_worker(const struct status_source *source, const struct queue_worker *worker, struct buffer *json)
{
	buffer_append_char(json, '{');
	member_text(json, "worker", worker->name);
	buffer_printf(json, ",\"live\":%s", status_worker_live(worker, source->visibility_ms) ? "true" : "false");
	if (worker->seen_ms >= 0)
		member_number(json, "seen_ms", worker->seen_ms);
	member_number(json, "claims", worker->claims);
	json_t *tells = json_loads(worker->json, JSON_REJECT_DUPLICATES, NULL);
	char *text = json_is_object(tells) ? json_dumps(tells, JSON_COMPACT) : NULL;
	if (text) {
		buffer_append_string(json, ",\"tells\":");
		buffer_append_string(json, text);
	}
	free(text);
	json_decref(tells);
	write_held(source->look, worker->name, json);
	buffer_append_char(json, '}');
}

static int by_name(const void *one, const void *other)
{
	return strcmp(((const struct queue_worker *)one)->name, ((const struct queue_worker *)other)->name);
}

static void write_workers(const struct status_source *source, struct buffer *json)
{
	const struct queue_overview *overview = source->overview;
	if (!overview) {
		buffer_append_string(json, ",\"workers\":null");
		return;
	}
	if (overview->worker_count)
		qsort(overview->workers, overview->worker_count, sizeof *overview->workers, by_name);
	buffer_append_string(json, ",\"workers\":[");
	for (size_t index = 0; index < overview->worker_count && index < MOST_WORKERS; index++) {
		if (index)
			buffer_append_char(json, ',');
		write_worker(source, &overview->workers[index], json);
	}
	buffer_append_char(json, ']');
}

/* ---- failures ---- */

/* What a shell would run; a job's id is a ULID, or there is no such command. */
static void write_command(const struct status_source *source, const char *job, struct buffer *json)
{
	if (!ulid_valid(job))
		return;
	bool other = strcmp(source->queue_name, "ocr") != 0; /* names are of [A-Za-z0-9._-] */
	buffer_printf(json, ",\"command\":\"filot-requeue%s%s --dead --job %s\"", other ? " --queue-name " : "",
		      other ? source->queue_name : "", job);
}

static void write_failures(const struct status_source *source, struct buffer *json)
{
	if (!source->look) {
		buffer_append_string(json, ",\"failures\":null");
		return;
	}
	const redisReply *rows = source->look->element[1];
	char at[CLOCK_RFC3339_SIZE];
	buffer_append_string(json, ",\"failures\":[");
	for (size_t index = 0; index < rows->elements; index++) {
		const redisReply *row = rows->element[index];
		buffer_append_string(json, index ? ",{" : "{");
		member_text(json, "at", clock_rfc3339(number_of(row, 0), at));
		buffer_append_char(json, ',');
		member_text(json, "job", text_of(row, 1));
		buffer_append_char(json, ',');
		member_text(json, "document", text_of(row, 2));
		buffer_append_char(json, ',');
		member_text(json, "code", text_of(row, 3));
		buffer_append_char(json, ',');
		member_text(json, "message", text_of(row, 4));
		write_command(source, text_of(row, 1), json);
		buffer_append_char(json, '}');
	}
	buffer_append_char(json, ']');
}

/* ---- figures ---- */

static void write_queue(const struct figures *figures, struct buffer *json)
{
	if (!figures->queue_known) {
		buffer_append_string(json, ",\"figures\":null");
		return;
	}
	buffer_append_string(json, ",\"figures\":{\"waiting\":{");
	for (int priority = 0; priority < JOB_PRIORITY_COUNT; priority++)
		buffer_printf(json, "%s\"%s\":%" PRId64, priority ? "," : "", job_priority_names[priority],
			      figures->waiting[priority]);
	buffer_append_char(json, '}');
	member_number(json, "in_flight", figures->in_flight);
	member_number(json, "oldest_ms", figures->oldest_ms);
	member_number(json, "delayed", figures->delayed);
	member_number(json, "overdue", figures->overdue);
	member_number(json, "dead", figures->dead);
	member_number(json, "workers", figures->workers);
	member_number(json, "slots", figures->slots);
	member_number(json, "busy", figures->busy);
	buffer_printf(json, ",\"backlog_per_worker\":%.2f,\"finished_per_s\":%.3f,\"pages_per_s\":%.3f}",
		      figures->backlog_per_worker, figures->finished_per_s, figures->pages_per_s);
}

static void write_rest(const struct figures *figures, struct buffer *json)
{
	const struct figures_totals *totals = &figures->totals;
	if (figures->buli2_known)
		buffer_printf(json, ",\"buli2\":{\"requests\":%" PRId64 ",\"retry\":%" PRId64 ",\"dead\":%" PRId64 "}",
			      figures->buli2_requests, figures->buli2_retry, figures->buli2_dead);
	else
		buffer_append_string(json, ",\"buli2\":null");
	if (figures->totals_known) {
		buffer_printf(json, ",\"totals\":{\"jobs_done\":%" PRId64, totals->jobs_done);
		member_number(json, "jobs_failed", totals->jobs_failed);
		member_number(json, "jobs_retried", totals->jobs_retried);
		member_number(json, "pages", totals->pages);
		member_number(json, "api_requests", totals->api_requests);
		member_number(json, "api_5xx", totals->api_5xx);
		buffer_append_char(json, '}');
	} else {
		buffer_append_string(json, ",\"totals\":null");
	}
	if (figures->disk_used_percent >= 0)
		buffer_printf(json, ",\"disk_used_percent\":%.1f", figures->disk_used_percent);
}

void status_write(const struct status_source *source, struct buffer *json)
{
	char at[CLOCK_RFC3339_SIZE];
	member_text(json, "at", clock_rfc3339(source->figures->at_ms, at));
	buffer_append_char(json, ',');
	member_text(json, "queue", source->queue_name);
	write_queue(source->figures, json);
	write_rest(source->figures, json);
	write_workers(source, json);
	write_failures(source, json);
}
