/*
 * Finishing claims, many in one call: for workers whose jobs are short or whose Redis is far. A call for each job would
 * take longer than such a job itself; here a hundred share one round trip and one run of a script.
 */
#include "common/redis/queue_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "queue_finish_lua.h"

#define FIXED_WORDS (JOB_PRIORITY_COUNT + 2 + 5)
#define WORDS_A_CLAIM 2

struct words {
	int count;
	const char *texts[FIXED_WORDS + WORDS_A_CLAIM * QUEUE_FINISH_AT_ONCE];
	char events_keep[24], takeovers[24];
	char streams[QUEUE_FINISH_AT_ONCE + 1];
	char deliveries[21 * QUEUE_FINISH_AT_ONCE + 1];
};

static void add(struct words *words, const char *text)
{
	words->texts[words->count++] = text;
}

static void add_all(struct words *words, const struct queue *queue, struct delivery *const *deliveries,
		    const char *const *events, size_t count)
{
	int64_t takeovers = INT64_MAX;
	char *at = words->deliveries;
	bool any_event = false;
	for (size_t index = 0; index < count; index++) {
		const struct delivery *delivery = deliveries[index];
		takeovers = delivery->takeovers < takeovers ? delivery->takeovers : takeovers;
		words->streams[index] = "123"[delivery->stream];
		at += snprintf(at, 22, "%" PRId64 " ", delivery->deliveries);
		any_event = any_event || (events && events[index]);
	}
	words->streams[count] = '\0';
	(void)snprintf(words->events_keep, sizeof words->events_keep, "%" PRId64, queue->settings.events_keep);
	(void)snprintf(words->takeovers, sizeof words->takeovers, "%" PRId64, takeovers);
	for (int stream = 0; stream < JOB_PRIORITY_COUNT; stream++)
		add(words, queue->keys[stream]);
	add(words, queue->keys[QUEUE_EVENTS]);
	add(words, queue->keys[QUEUE_TAKEOVERS]);
	add(words, queue->settings.worker);
	add(words, words->events_keep);
	add(words, words->takeovers);
	add(words, words->streams);
	add(words, words->deliveries);
	for (size_t index = 0; index < count; index++)
		add(words, deliveries[index]->entry);
	for (size_t index = 0; any_event && index < count; index++)
		add(words, events[index] ? events[index] : "");
}

static bool finish_some(struct queue *queue, struct delivery *const *deliveries, const char *const *events,
			size_t count, bool *owned, struct error *error)
{
	struct words words;
	bool no_group = false;
	words.count = 0;
	add_all(&words, queue, deliveries, events, count);
	redisReply *reply = redis_script(queue->redis, true, queue_finish_lua, JOB_PRIORITY_COUNT + 2, words.count,
					 words.texts, NULL, error);
	bool good = reply && reply->type == REDIS_REPLY_STRING && reply->len == count;
	if (reply && !good) {
		no_group = reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "NOGROUP ", 8) == 0;
		if (!no_group)
			(void)redis_refused(reply, "finishing jobs", error);
	}
	for (size_t index = 0; index < count; index++)
		owned[index] = good && reply->str[index] == '1';
	freeReplyObject(reply);
	return good || no_group; /* a group that is gone: nothing is ours any more */
}

bool queue_finish_many(struct queue *queue, struct delivery *const *deliveries, const char *const *events, size_t count,
		       bool *owned, struct error *error)
{
	for (size_t start = 0; start < count; start += QUEUE_FINISH_AT_ONCE) {
		size_t some = count - start < QUEUE_FINISH_AT_ONCE ? count - start : QUEUE_FINISH_AT_ONCE;
		if (!finish_some(queue, deliveries + start, events ? events + start : NULL, some, owned + start, error))
			return false;
	}
	return true;
}

bool queue_finish(struct queue *queue, struct delivery *delivery, const char *event, bool *owned, struct error *error)
{
	return queue_finish_many(queue, &delivery, &event, 1, owned, error);
}
