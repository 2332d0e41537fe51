/* Calls of the scripts, and their answers as structs. */
#include "common/buli2/queue.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "buli2_breaker_lua.h"
#include "buli2_claim_lua.h"
#include "buli2_end_lua.h"
#include "buli2_look_lua.h"
#include "buli2_revive_lua.h"
#include "buli2_send_lua.h"
#include "common/redis/queue.h"

#define PAGE "100"
#define RETRIES_A_LOOK "100"
#define KEY_SIZE 96

enum key { REQUESTS, RETRY, DEAD, BREAKER, KEY_COUNT };

static const char *const key_names[KEY_COUNT] = { "requests", "retry", "dead", "breaker" };

struct buli2_queue {
	struct buli2_queue_settings settings; /* its strings are the caller's */
	struct redis *redis;
	char keys[KEY_COUNT][KEY_SIZE];
};

struct buli2_queue *buli2_queue_new(const struct buli2_queue_settings *settings, struct redis *redis,
				    struct error *error)
{
	if (!queue_name_valid(settings->name)) {
		(void)error_set(error, ERROR_CONFIG, "queue name \"%s\": 1 to 64 of A-Z, a-z, 0-9 and ._-", settings->name);
		return NULL;
	}
	struct buli2_queue *queue = calloc(1, sizeof *queue);
	if (!queue) {
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
		return NULL;
	}
	queue->settings = *settings;
	queue->redis = redis;
	for (int key = 0; key < KEY_COUNT; key++)
		(void)snprintf(queue->keys[key], KEY_SIZE, "filot:{%s}:%s", settings->name, key_names[key]);
	return queue;
}

void buli2_queue_free(struct buli2_queue *queue)
{
	free(queue);
}

/* Runs a script and looks at the kind of its answer; NULL with *error filled. */
static redisReply *call(struct buli2_queue *queue, const char *script, int keys, int count, const char **words, int type,
			size_t least, struct error *error)
{
	redisReply *reply = redis_script(queue->redis, true, script, keys, count, words, NULL, error);
	if (!reply || (reply->type == type && (type != REDIS_REPLY_ARRAY || reply->elements >= least)))
		return reply;
	(void)redis_refused(reply, queue->keys[REQUESTS], error);
	freeReplyObject(reply);
	return NULL;
}

bool buli2_queue_send(struct buli2_queue *queue, const char *const *lines, size_t count, struct error *error)
{
	const char *words[1 + BULI2_SEND_LINES] = { queue->keys[REQUESTS] };
	for (size_t from = 0; from < count;) {
		size_t some = count - from < BULI2_SEND_LINES ? count - from : BULI2_SEND_LINES;
		memcpy(words + 1, lines + from, some * sizeof *words);
		redisReply *reply =
		    call(queue, buli2_send_lua, 1, 1 + (int)some, words, REDIS_REPLY_INTEGER, 0, error);
		if (!reply)
			return false;
		freeReplyObject(reply);
		from += some;
	}
	return true;
}

bool buli2_queue_look(struct buli2_queue *queue, struct buli2_looked *looked, struct error *error)
{
	const char *words[] = { queue->keys[REQUESTS], queue->keys[RETRY], queue->keys[DEAD], queue->keys[BREAKER],
				RETRIES_A_LOOK, queue->settings.sender };
	redisReply *reply = call(queue, buli2_look_lua, 4, 6, words, REDIS_REPLY_ARRAY, 6, error);
	if (!reply)
		return false;
	*looked = (struct buli2_looked){ .requests = reply->element[0]->integer,
					 .retries = reply->element[1]->integer,
					 .due = reply->element[2]->integer,
					 .dead = reply->element[3]->integer,
					 .breaker_ms = reply->element[4]->integer,
					 .next_ms = reply->element[5]->integer };
	freeReplyObject(reply);
	return true;
}

bool buli2_queue_claim(struct buli2_queue *queue, struct buli2_claim *claim, bool *got, struct error *error)
{
	char visibility[24];
	const char *words[] = { queue->keys[REQUESTS], queue->keys[BREAKER], queue->settings.sender, visibility };
	(void)snprintf(visibility, sizeof visibility, "%" PRId64, queue->settings.visibility_ms);
	redisReply *reply = call(queue, buli2_claim_lua, 2, 4, words, REDIS_REPLY_ARRAY, 0, error);
	*got = false;
	*claim = (struct buli2_claim){ 0 };
	if (!reply)
		return false;
	if (reply->elements == 4) {
		(void)snprintf(claim->entry, sizeof claim->entry, "%s", reply->element[0]->str);
		buffer_append(&claim->line, reply->element[1]->str, reply->element[1]->len);
		claim->deliveries = reply->element[2]->integer;
		claim->probe = reply->element[3]->integer == 1;
		*got = true;
	}
	freeReplyObject(reply);
	if (!claim->line.failed)
		return true;
	buffer_free(&claim->line);
	return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
}

struct ending {
	const char *how, *line, *code, *message, *body;
	int64_t delay_ms;
	long http_status;
};

static bool end_try(struct buli2_queue *queue, const char *entry, const struct ending *ending, int64_t *result,
		    bool *owned, struct error *error)
{
	char delay[24], status[24], keep[24];
	(void)snprintf(delay, sizeof delay, "%" PRId64, ending->delay_ms);
	(void)snprintf(status, sizeof status, "%ld", ending->http_status);
	(void)snprintf(keep, sizeof keep, "%" PRId64, queue->settings.dead_keep_ms);
	const char *words[] = { queue->keys[REQUESTS], queue->keys[RETRY], queue->keys[DEAD], entry ? entry : "",
				ending->how, ending->line, delay, ending->code, ending->message, status, ending->body, keep };
	/*
	 * From the stream it may be done twice: the second time it finds nothing to acknowledge. Then *owned says false,
	 * but what was asked for is done.
	 */
	redisReply *reply = redis_script(queue->redis, entry != NULL, buli2_end_lua, 3, 12, words, NULL, error);
	if (!reply)
		return false;
	bool good = reply->type == REDIS_REPLY_INTEGER || redis_refused(reply, queue->keys[REQUESTS], error);
	if (good) {
		*result = reply->integer;
		*owned = reply->integer != 0;
	}
	freeReplyObject(reply);
	return good;
}

bool buli2_queue_done(struct buli2_queue *queue, const char *entry, bool *owned, struct error *error)
{
	const struct ending ending = { .how = "done", .line = "", .code = "", .message = "", .body = "" };
	int64_t ignored;
	return end_try(queue, entry, &ending, &ignored, owned, error);
}

bool buli2_queue_retry(struct buli2_queue *queue, const char *entry, const char *line, int64_t delay_ms, int64_t *due_ms,
		       bool *owned, struct error *error)
{
	const struct ending ending = { .how = "retry", .line = line, .code = "", .message = "", .body = "",
				       .delay_ms = delay_ms };
	return end_try(queue, entry, &ending, due_ms, owned, error);
}

bool buli2_queue_bury(struct buli2_queue *queue, const char *entry, const char *line, const struct error *why,
		      long http_status, const char *body, bool *owned, struct error *error)
{
	const struct ending ending = { .how = "dead", .line = line, .code = error_code_name(why->code),
				       .message = why->message, .http_status = http_status, .body = body ? body : "" };
	int64_t ignored;
	return end_try(queue, entry, &ending, &ignored, owned, error);
}

bool buli2_queue_report(struct buli2_queue *queue, enum buli2_health health, int64_t asked_ms, bool *changed,
			int64_t *open_ms, struct error *error)
{
	static const char *const names[] = { [BULI2_WELL] = "good", [BULI2_UNWELL] = "bad", [BULI2_ASKS_TO_WAIT] = "wait" };
	const struct buli2_queue_settings *settings = &queue->settings;
	unsigned random = 500;
	char threshold[24], base[24], cap[24], random_text[24], asked[24];
	(void)!getrandom(&random, sizeof random, 0);
	(void)snprintf(threshold, sizeof threshold, "%" PRId64, settings->breaker_failures);
	(void)snprintf(base, sizeof base, "%" PRId64, settings->breaker_base_ms);
	(void)snprintf(cap, sizeof cap, "%" PRId64, settings->breaker_cap_ms);
	(void)snprintf(random_text, sizeof random_text, "%u", random % 1000);
	(void)snprintf(asked, sizeof asked, "%" PRId64, asked_ms);
	const char *words[] = { queue->keys[BREAKER], names[health], threshold, base, cap, random_text, asked,
				settings->sender };
	redisReply *reply = call(queue, buli2_breaker_lua, 1, 8, words, REDIS_REPLY_ARRAY, 3, error);
	if (!reply)
		return false;
	*changed = reply->element[0]->integer != reply->element[1]->integer;
	*open_ms = reply->element[2]->integer;
	freeReplyObject(reply);
	return true;
}

/* ---- looking ---- */

static const char *field(const redisReply *fields, const char *name, size_t *length)
{
	for (size_t index = 0; index + 1 < fields->elements; index += 2)
		if (strcmp(fields->element[index]->str, name) == 0) {
			if (length)
				*length = fields->element[index + 1]->len;
			return fields->element[index + 1]->str;
		}
	return "";
}

/* One page of a stream; `after` is the entry to go on behind, and follows. *more false at the end. */
static bool walk_stream_page(struct buli2_queue *queue, const char *key, char after[static 44], bool *more,
			     buli2_visit *visit, void *context, struct error *error)
{
	char from[48];
	(void)snprintf(from, sizeof from, "%s%s", *after ? "(" : "-", after);
	const char *words[] = { "XRANGE", key, from, "+", "COUNT", PAGE };
	redisReply *reply = redis_command(queue->redis, true, 6, words, NULL, error);
	if (!reply)
		return false;
	bool good = reply->type == REDIS_REPLY_ARRAY || redis_refused(reply, key, error);
	*more = good && reply->elements > 0;
	for (size_t index = 0; good && *more && index < reply->elements; index++) {
		const redisReply *entry = reply->element[index], *fields = entry->element[1];
		struct buli2_item item = { .entry = entry->element[0]->str, .when_ms = strtoll(entry->element[0]->str, NULL, 10),
					   .code = field(fields, "code", NULL), .message = field(fields, "message", NULL),
					   .http_status = field(fields, "http_status", NULL),
					   .body = field(fields, "body", NULL) };
		item.line = field(fields, "line", &item.length);
		(void)snprintf(after, 44, "%s", item.entry);
		struct error why = { 0 };
		*more = visit(context, &item, &why);
		good = why.code == ERROR_NONE || error_set(error, why.code, "%s", why.message);
	}
	freeReplyObject(reply);
	return good;
}

/* Members and scores of the retry set, the next first. It changes meanwhile, so a member may be missed or come twice. */
static bool walk_retries(struct buli2_queue *queue, buli2_visit *visit, void *context, struct error *error)
{
	bool more = true, good = true;
	for (int64_t from = 0; good && more; from += 100) {
		char first[24], last[24];
		(void)snprintf(first, sizeof first, "%" PRId64, from);
		(void)snprintf(last, sizeof last, "%" PRId64, from + 99);
		const char *words[] = { "ZRANGE", queue->keys[RETRY], first, last, "WITHSCORES" };
		redisReply *reply = redis_command(queue->redis, true, 5, words, NULL, error);
		if (!reply)
			return false;
		good = reply->type == REDIS_REPLY_ARRAY || redis_refused(reply, queue->keys[RETRY], error);
		more = good && reply->elements > 0;
		for (size_t index = 0; good && more && index + 1 < reply->elements; index += 2) {
			const struct buli2_item item = { .entry = "", .line = reply->element[index]->str,
							 .length = reply->element[index]->len, .code = "", .message = "",
							 .http_status = "", .body = "",
							 .when_ms = strtoll(reply->element[index + 1]->str, NULL, 10) };
			struct error why = { 0 };
			more = visit(context, &item, &why);
			good = why.code == ERROR_NONE || error_set(error, why.code, "%s", why.message);
		}
		freeReplyObject(reply);
	}
	return good;
}

bool buli2_queue_walk(struct buli2_queue *queue, const char *place, buli2_visit *visit, void *context,
		      struct error *error)
{
	char after[44] = "";
	bool more = true;
	if (strcmp(place, key_names[RETRY]) == 0)
		return walk_retries(queue, visit, context, error);
	const char *key = queue->keys[strcmp(place, key_names[DEAD]) == 0 ? DEAD : REQUESTS];
	while (more)
		if (!walk_stream_page(queue, key, after, &more, visit, context, error))
			return false;
	return true;
}

bool buli2_queue_revive(struct buli2_queue *queue, const char *entry, const char *line, bool *done, struct error *error)
{
	const char *words[] = { queue->keys[REQUESTS], queue->keys[DEAD], entry, line };
	redisReply *reply = call(queue, buli2_revive_lua, 2, 4, words, REDIS_REPLY_INTEGER, 0, error);
	if (!reply)
		return false;
	*done = reply->integer == 1;
	freeReplyObject(reply);
	return true;
}

bool buli2_queue_drop(struct buli2_queue *queue, const char *entry, bool *done, struct error *error)
{
	const char *words[] = { "XDEL", queue->keys[DEAD], entry };
	redisReply *reply = redis_command(queue->redis, true, 3, words, NULL, error);
	if (!reply)
		return false;
	bool good = reply->type == REDIS_REPLY_INTEGER || redis_refused(reply, queue->keys[DEAD], error);
	*done = good && reply->integer == 1;
	freeReplyObject(reply);
	return good;
}
