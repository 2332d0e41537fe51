/* Followers are a list under a mutex; sending never blocks (server.h), so the mutex is held for microseconds. */
#include "cmd/filot-api/events.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/filot-api/clients.h"
#include "common/base/worker.h"
#include "common/base/clock.h"
#include "common/base/json_text.h"
#include "common/base/log.h"
#include "common/base/ulid.h"
#include "documents_states_sql.h"

#define BLOCK_MS 1000 /* how late a new follower is looked after, at most */
#define LOOK_MS 5000
#define HEARTBEAT_MS 15000
#define FOLLOW_MOST_MS (INT64_C(60) * 60 * 1000) /* then the client comes again, with a token that is still good */
#define IDLE_MS 60000
#define READ_MOST "500"

/* Steps within an attempt; a page's is STEP_STARTED plus its number. */
enum { STEP_QUEUED, STEP_STARTED, STEP_RETRYING = 100000000, STEP_END };

struct follower {
	struct follower *next;
	struct server_stream *stream;
	char document[129], job[ULID_SIZE];
	int64_t attempt, step; /* what was sent last; attempt -1: nothing */
	int64_t began_ms, sent_ms;
	bool ended;
};

struct events {
	struct worker worker;
	struct pg *pg;
	struct redis *redis;
	char streams[2][128]; /* keys */
	char last[2][48]; /* ids */
	pthread_mutex_t mutex; /* guards what follows */
	struct follower *followers;
	bool draining, fresh; /* fresh: somebody came since the last look into the database */
};

static const char *const final_states[] = { "done", "failed", "cancelled", "deleted" };

static bool is_final(const char *state)
{
	for (size_t index = 0; index < sizeof final_states / sizeof *final_states; index++)
		if (strcmp(state, final_states[index]) == 0)
			return true;
	return false;
}

/* ---- one follower; the mutex is held ---- */

static void send_event(struct follower *follower, const char *name, const struct event_state *state, int64_t step)
{
	struct buffer text = { 0 };
	buffer_printf(&text, "event: %s\nid: %s.%" PRId64 ".%" PRId64 "\ndata: {\"document\":\"%s\",\"job\":\"%s\",\"status\":\"%s\"",
		      name, follower->job, state->attempt, step, follower->document, follower->job,
		      strcmp(name, "started") == 0 || strcmp(name, "page") == 0 ? "running" : name);
	if (step != STEP_QUEUED)
		buffer_printf(&text, ",\"attempt\":%" PRId64, state->attempt);
	if (strcmp(name, "page") == 0)
		buffer_printf(&text, ",\"page\":%" PRId64, state->page);
	if (strcmp(name, "page") == 0 || strcmp(name, "done") == 0)
		buffer_printf(&text, ",\"pages\":%" PRId64, state->pages);
	if (step >= STEP_RETRYING && state->code && *state->code) {
		buffer_printf(&text, ",\"error\":{\"code\":\"%s\",\"message\":", state->code);
		json_text_string(&text, state->message, strlen(state->message));
		buffer_append_char(&text, '}');
	}
	buffer_append_string(&text, "}\n\n");
	if (text.failed || !server_stream_send(follower->stream, text.data, text.length))
		follower->ended = true;
	buffer_free(&text);
	follower->attempt = state->attempt;
	follower->step = step;
	follower->sent_ms = clock_monotonic_ms();
}

static void send_if_later(struct follower *follower, const char *name, const struct event_state *state, int64_t step)
{
	if (!follower->ended && (state->attempt > follower->attempt ||
				 (state->attempt == follower->attempt && step > follower->step)))
		send_event(follower, name, state, step);
}

/* Sends what the follower does not yet know of the state, and what must have come before it. */
static void advance(struct follower *follower, const struct event_state *state)
{
	bool final = is_final(state->state), running = strcmp(state->state, "running") == 0;
	bool retrying = strcmp(state->state, "retrying") == 0;
	if (strcmp(state->job, follower->job) > 0) { /* ULIDs: a newer job */
		(void)snprintf(follower->job, sizeof follower->job, "%s", state->job);
		follower->attempt = follower->step = -1;
	}
	if (strcmp(state->job, follower->job) != 0 || (!*state->job && !final))
		return;
	if (follower->attempt < 0 && *state->job) {
		struct event_state queued = *state;
		queued.attempt = 0;
		send_if_later(follower, "queued", &queued, STEP_QUEUED);
	}
	if ((running || retrying || final) && state->attempt > 0)
		send_if_later(follower, "started", state, STEP_STARTED);
	if (running && state->page > 0)
		send_if_later(follower, "page", state, STEP_STARTED + state->page);
	if (retrying)
		send_if_later(follower, "retrying", state, STEP_RETRYING);
	if (final) {
		send_if_later(follower, state->state, state, STEP_END);
		follower->ended = true;
	}
}

static void read_last_id(struct follower *follower, const char *last_id)
{
	char job[ULID_SIZE];
	long long attempt, step;
	if (last_id && sscanf(last_id, "%26[0-9A-Z].%10lld.%10lld", job, &attempt, &step) == 3 && ulid_valid(job) &&
	    attempt >= 0 && step >= 0) {
		memcpy(follower->job, job, sizeof job);
		follower->attempt = attempt;
		follower->step = step;
	}
}

/* Ends the streams of those that are through, and tells the others now and then that we live. */
static void tend(struct events *events)
{
	int64_t now_ms = clock_monotonic_ms();
	(void)pthread_mutex_lock(&events->mutex);
	for (struct follower **at = &events->followers; *at;) {
		struct follower *follower = *at;
		if (!follower->ended && now_ms >= follower->sent_ms + HEARTBEAT_MS) {
			follower->ended = !server_stream_send(follower->stream, ":\n\n", 3);
			follower->sent_ms = now_ms;
		}
		if (follower->ended || events->draining || now_ms >= follower->began_ms + FOLLOW_MOST_MS) {
			*at = follower->next;
			server_stream_end(follower->stream);
			free(follower);
		} else {
			at = &follower->next;
		}
	}
	(void)pthread_mutex_unlock(&events->mutex);
}

static void advance_all(struct events *events, const struct event_state *state)
{
	(void)pthread_mutex_lock(&events->mutex);
	for (struct follower *follower = events->followers; follower; follower = follower->next)
		if (!follower->ended && strcmp(follower->document, state->document) == 0)
			advance(follower, state);
	(void)pthread_mutex_unlock(&events->mutex);
}

void events_follow(struct events *events, struct server_stream *stream, const struct event_state *state,
		   const char *last_id)
{
	static const char hello[] = "retry: 2000\n\n";
	struct follower *follower = calloc(1, sizeof *follower);
	if (!follower) {
		server_stream_end(stream);
		return;
	}
	follower->stream = stream;
	follower->attempt = follower->step = -1;
	follower->began_ms = follower->sent_ms = clock_monotonic_ms();
	(void)snprintf(follower->document, sizeof follower->document, "%s", state->document);
	read_last_id(follower, last_id);
	(void)pthread_mutex_lock(&events->mutex);
	follower->ended = !server_stream_send(stream, hello, sizeof hello - 1);
	advance(follower, state);
	bool over = follower->ended || events->draining;
	if (!over) {
		follower->next = events->followers;
		events->followers = follower;
		events->fresh = true; /* what happened between the state and now is looked up */
	}
	(void)pthread_mutex_unlock(&events->mutex);
	if (over) {
		server_stream_end(stream);
		free(follower);
	} else {
		worker_wake(&events->worker);
	}
}

/* ---- what comes from PostgreSQL and from Redis ---- */

/* The followed documents as an array of PostgreSQL; their ids have no character that would need more than quotes. */
static void followed(struct events *events, struct buffer *array)
{
	(void)pthread_mutex_lock(&events->mutex);
	events->fresh = false;
	for (struct follower *follower = events->followers; follower; follower = follower->next)
		buffer_printf(array, "%c\"%s\"", array->length ? ',' : '{', follower->document);
	(void)pthread_mutex_unlock(&events->mutex);
	buffer_append_char(array, '}');
}

static void look(struct events *events)
{
	struct buffer array = { 0 };
	struct error error = { 0 };
	followed(events, &array);
	PGresult *rows = array.failed || array.length < 2 ?
			     NULL :
			     pg_query(events->pg, true, documents_states_sql, 1, (const char *const[]){ array.data },
				      &error);
	for (int row = 0; rows && row < PQntuples(rows); row++)
		advance_all(events, &(const struct event_state){ .document = PQgetvalue(rows, row, 0),
								 .job = PQgetvalue(rows, row, 1),
								 .state = PQgetvalue(rows, row, 2),
								 .attempt = strtoll(PQgetvalue(rows, row, 3), NULL, 10),
								 .pages = strtoll(PQgetvalue(rows, row, 4), NULL, 10),
								 .code = PQgetvalue(rows, row, 5),
								 .message = PQgetvalue(rows, row, 6) });
	if (!rows && error.code != ERROR_NONE)
		log_warning("followers_not_updated", log_failure(&error));
	PQclear(rows);
	buffer_free(&array);
}

static void read_line(struct events *events, const char *line, size_t length)
{
	const char *document = NULL, *job = NULL, *status = NULL, *code = "", *message = "";
	json_int_t attempt = 0, page = 0, pages = 0;
	json_t *value = json_loadb(line, length, 0, NULL);
	if (value && json_unpack(value, "{s:s, s:s, s:s, s?I, s?I, s?I, s?{s:s, s:s}}", "job", &job, "document", &document,
				 "status", &status, "attempt", &attempt, "page", &page, "pages", &pages, "error", "code",
				 &code, "message", &message) == 0)
		advance_all(events, &(const struct event_state){ .document = document,
								 .job = job,
								 .state = status,
								 .attempt = attempt,
								 .page = page,
								 .pages = pages,
								 .code = code,
								 .message = message });
	json_decref(value);
}

static void read_entries(struct events *events, const redisReply *stream)
{
	const redisReply *entries = stream->elements == 2 ? stream->element[1] : NULL;
	int which = stream->elements == 2 && stream->element[0]->str &&
		    strcmp(stream->element[0]->str, events->streams[1]) == 0;
	for (size_t index = 0; entries && index < entries->elements; index++) {
		const redisReply *entry = entries->element[index];
		if (entry->elements != 2 || !entry->element[0]->str)
			continue;
		(void)snprintf(events->last[which], sizeof events->last[which], "%s", entry->element[0]->str);
		const redisReply *fields = entry->element[1];
		for (size_t at = 0; at + 1 < fields->elements; at += 2)
			if (fields->element[at]->str && strcmp(fields->element[at]->str, "line") == 0)
				read_line(events, fields->element[at + 1]->str, fields->element[at + 1]->len);
	}
}

/* Where to begin: a second ago by the server's clock. */
static bool begin_reading(struct events *events, struct error *error)
{
	redisReply *reply = redis_command(events->redis, true, 1, (const char *[]){ "TIME" }, NULL, error);
	bool good = reply && reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 && reply->element[0]->str;
	for (int which = 0; good && which < 2; which++)
		(void)snprintf(events->last[which], sizeof events->last[which], "%lld-0",
			       (strtoll(reply->element[0]->str, NULL, 10) - 1) * 1000);
	if (reply)
		freeReplyObject(reply);
	return good;
}

/* Waits for what comes, at most BLOCK_MS. False: Redis is away. */
static bool listen_once(struct events *events)
{
	const char *argv[] = { "XREAD", "COUNT", READ_MOST, "BLOCK", "1000", "STREAMS", events->streams[0],
			       events->streams[1], events->last[0], events->last[1] };
	struct error error = { 0 };
	redis_set_block(events->redis, BLOCK_MS);
	redisReply *reply = redis_command(events->redis, true, 10, argv, NULL, &error);
	redis_set_block(events->redis, 0);
	bool good = reply && reply->type != REDIS_REPLY_ERROR;
	for (size_t index = 0; good && reply->type == REDIS_REPLY_ARRAY && index < reply->elements; index++)
		read_entries(events, reply->element[index]);
	if (reply)
		freeReplyObject(reply);
	return good;
}

static bool anybody(struct events *events, bool *fresh)
{
	(void)pthread_mutex_lock(&events->mutex);
	bool there = events->followers != NULL;
	*fresh = events->fresh;
	(void)pthread_mutex_unlock(&events->mutex);
	return there;
}

static int64_t events_round(void *context)
{
	struct events *events = context;
	int64_t look_ms = 0;
	bool fresh;
	events->last[0][0] = '\0';
	while (anybody(events, &fresh) && !worker_ending(&events->worker)) {
		int64_t now_ms = clock_monotonic_ms();
		bool listening = *events->last[0] || begin_reading(events, NULL);
		if (fresh || now_ms >= look_ms) {
			look(events);
			look_ms = now_ms + LOOK_MS;
		}
		tend(events);
		if (!listening || !listen_once(events))
			clock_sleep_ms(BLOCK_MS);
		tend(events);
	}
	return IDLE_MS;
}

struct events *events_open(const struct api_settings *settings, struct error *error)
{
	static const char *const names[] = { "progress", "events" }; /* read in this order: an end ends its followers */
	struct events *events = calloc(1, sizeof *events);
	if (!events) {
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "no memory for followers");
		return NULL;
	}
	(void)pthread_mutex_init(&events->mutex, NULL);
	for (int which = 0; which < 2; which++)
		(void)snprintf(events->streams[which], sizeof events->streams[which], "filot:{%s}:%s",
			       settings->queue_name, names[which]);
	events->pg = client_pg(settings, "filot-api-events", error);
	events->redis = events->pg ? client_redis(settings, "filot-api-events", error) : NULL;
	if (events->redis && worker_start(&events->worker, events_round, events, error))
		return events;
	events_close(events);
	return NULL;
}

void events_drain(struct events *events)
{
	(void)pthread_mutex_lock(&events->mutex);
	events->draining = true;
	(void)pthread_mutex_unlock(&events->mutex);
	tend(events);
}

void events_close(struct events *events)
{
	if (!events)
		return;
	worker_stop(&events->worker);
	events->draining = true;
	tend(events);
	redis_free(events->redis);
	pg_free(events->pg);
	(void)pthread_mutex_destroy(&events->mutex);
	free(events);
}
