/* The queue's keys, its scripts' calls, and what is neither sending nor claiming: group and workers. */
#include "common/redis/queue_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "queue_heartbeat_lua.h"
#include "queue_leave_lua.h"
#include "queue_prepare_lua.h"

#define FORGET_WORKERS_MS (INT64_C(24) * 3600 * 1000)

const struct queue_settings queue_default_settings = {
	.name = "ocr",
	.visibility_ms = 60 * 1000,
	.max_attempts = 12,
	.key_ttl_ms = INT64_C(7) * 24 * 3600 * 1000,
	.dead_keep_ms = INT64_C(30) * 24 * 3600 * 1000,
	.events_keep = 10000,
};

static const char *const key_names[QUEUE_KEY_COUNT] = {
	[QUEUE_STREAM_HIGH] = "jobs:high", [QUEUE_STREAM_NORMAL] = "jobs", [QUEUE_STREAM_LOW] = "jobs:low",
	[QUEUE_BACKLOG_HIGH] = "backlog:high", [QUEUE_BACKLOG_NORMAL] = "backlog", [QUEUE_BACKLOG_LOW] = "backlog:low",
	[QUEUE_TURNS_HIGH] = "turns:high", [QUEUE_TURNS_NORMAL] = "turns", [QUEUE_TURNS_LOW] = "turns:low",
	[QUEUE_DELAYED] = "delayed",	   [QUEUE_DEAD] = "dead",	   [QUEUE_CANCEL] = "cancel",
	[QUEUE_WORKERS] = "workers",	   [QUEUE_EVENTS] = "events",	   [QUEUE_PROGRESS] = "progress",	   [QUEUE_SWEPT] = "swept",
	[QUEUE_TAKEOVERS] = "takeovers",
};

bool queue_name_valid(const char *name)
{
	size_t length = strlen(name);
	return length >= 1 && length <= 64 &&
	       strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") == length;
}

struct queue *queue_new(const struct queue_settings *settings, struct redis *redis, struct error *error)
{
	if (!queue_name_valid(settings->name)) {
		(void)error_set(error, ERROR_USAGE, "queue name \"%.64s\": must be 1 to 64 of A-Z a-z 0-9 . _ -",
				settings->name);
		return NULL;
	}
	if (settings->worker && (!*settings->worker || strcmp(settings->worker, QUEUE_HELD) == 0)) {
		(void)error_set(error, ERROR_USAGE, "worker name \"%s\" is not allowed", settings->worker);
		return NULL;
	}
	struct queue *queue = calloc(1, sizeof *queue);
	if (!queue)
		goto failed;
	queue->settings = *settings;
	queue->settings.name = strdup(settings->name);
	queue->settings.worker = settings->worker ? strdup(settings->worker) : NULL;
	queue->redis = redis;
	bool made = queue->settings.name && (!settings->worker || queue->settings.worker);
	for (int key = 0; key < QUEUE_KEY_COUNT; key++)
		if (asprintf(&queue->keys[key], "filot:{%s}:%s", settings->name, key_names[key]) < 0) {
			queue->keys[key] = NULL;
			made = false;
		}
	if (made)
		return queue;
failed:
	queue_free(queue);
	(void)error_set(error, ERROR_OUT_OF_MEMORY, "queue: out of memory");
	return NULL;
}

void queue_free(struct queue *queue)
{
	if (!queue)
		return;
	for (size_t index = 0; index < QUEUE_BATCHES_IN_FLIGHT; index++) {
		redisFreeCommand(queue->batches[index].command);
		free(queue->batches[index].ids);
	}
	for (int key = 0; key < QUEUE_KEY_COUNT; key++)
		free(queue->keys[key]);
	free((void *)queue->settings.name);
	free((void *)queue->settings.worker);
	free(queue);
}

void queue_call_bytes(struct queue_call *call, const char *bytes, size_t length)
{
	if (call->count == QUEUE_CALL_WORDS)
		abort(); /* a fault of this module, never of its input */
	call->words[call->count] = bytes;
	call->lengths[call->count++] = length;
}

void queue_call_string(struct queue_call *call, const char *text)
{
	queue_call_bytes(call, text, strlen(text));
}

void queue_call_number(struct queue_call *call, int64_t number)
{
	char *text = call->count < QUEUE_CALL_WORDS ? call->numbers[call->count] : NULL;
	if (text)
		(void)snprintf(text, sizeof call->numbers[0], "%" PRId64, number);
	queue_call_string(call, text ? text : "");
}

redisReply *queue_call_run(struct queue *queue, const char *script, int key_count, const struct queue_call *call,
			   const char *what, bool *no_group, struct error *error)
{
	/* Every script may run twice: a second run finds what the first one did, see each. */
	redisReply *reply = redis_script(queue->redis, true, script, key_count, call->count, (const char **)call->words,
					 call->lengths, error);
	if (!reply || reply->type != REDIS_REPLY_ERROR)
		return reply;
	if (no_group)
		*no_group = strncmp(reply->str, "NOGROUP ", 8) == 0;
	(void)redis_refused(reply, what, error);
	(void)error_prefix(error, "queue %s", queue->settings.name);
	freeReplyObject(reply);
	return NULL;
}

struct queue_member queue_member_split(const char *member, size_t length)
{
	struct queue_member whole = { .number = -1, .line = member, .length = length };
	const char *end = member + length;
	const char *at = member + strspn(member, "0123456789");
	if (at == member || at - member > 18 || *at != ' ')
		return whole;
	for (int space = 0; space < 3; space++) {
		at = memchr(at, ' ', (size_t)(end - at));
		if (!at)
			return whole;
		at++;
	}
	return (struct queue_member){ .number = strtoll(member, NULL, 10), .line = at, .length = (size_t)(end - at) };
}

static void add_streams(struct queue_call *call, const struct queue *queue)
{
	for (int stream = 0; stream < JOB_PRIORITY_COUNT; stream++)
		queue_call_string(call, queue->keys[stream]);
}

bool queue_prepare(struct queue *queue, struct error *error)
{
	struct queue_call call = { 0 };
	add_streams(&call, queue);
	queue_call_string(&call, queue->keys[QUEUE_WORKERS]);
	queue_call_number(&call, FORGET_WORKERS_MS);
	redisReply *reply = queue_call_run(queue, queue_prepare_lua, 4, &call, "making the group", NULL, error);
	freeReplyObject(reply);
	return reply != NULL;
}

bool queue_heartbeat(struct queue *queue, const char *json, struct error *error)
{
	struct queue_call call = { 0 };
	queue_call_string(&call, queue->keys[QUEUE_WORKERS]);
	queue_call_string(&call, queue->settings.worker);
	queue_call_string(&call, json);
	redisReply *reply = queue_call_run(queue, queue_heartbeat_lua, 1, &call, "heartbeat", NULL, error);
	freeReplyObject(reply);
	return reply != NULL;
}

bool queue_progress(struct queue *queue, const char *const *lines, size_t count, struct error *error)
{
	bool good = true;
	for (size_t index = 0; good && index < count; index++) {
		const char *words[] = { "XADD", queue->keys[QUEUE_PROGRESS], "MAXLEN", "~", "1000", "*", "line", lines[index] };
		good = redis_append(queue->redis, 8, words, NULL, error);
	}
	for (size_t index = 0; good && index < count; index++) {
		redisReply *reply = redis_reply(queue->redis, error);
		good = reply && (reply->type != REDIS_REPLY_ERROR || redis_refused(reply, "progress", error));
		freeReplyObject(reply);
	}
	return good;
}

bool queue_leave(struct queue *queue, struct error *error)
{
	struct queue_call call = { 0 };
	bool no_group = false;
	add_streams(&call, queue);
	queue_call_string(&call, queue->keys[QUEUE_WORKERS]);
	queue_call_string(&call, queue->keys[QUEUE_TAKEOVERS]);
	queue_call_string(&call, queue->settings.worker);
	queue_call_number(&call, queue->settings.visibility_ms);
	redisReply *reply = queue_call_run(queue, queue_leave_lua, 5, &call, "leaving the group", &no_group, error);
	freeReplyObject(reply);
	return reply != NULL || no_group; /* where there is no group, it is left already */
}
