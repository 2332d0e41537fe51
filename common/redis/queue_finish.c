/*
 * Finishing many claims in one call, for workers whose jobs are short. A call for each job would take longer than such
 * a job itself; here a hundred share one round trip and one run of a script.
 */
#include "common/redis/queue_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "queue_finish_lua.h"

#define FINISH_AT_ONCE 128
#define FIXED_WORDS (JOB_PRIORITY_COUNT + 3)
#define WORDS_A_CLAIM 4

struct words {
	int count;
	const char *texts[FIXED_WORDS + WORDS_A_CLAIM * FINISH_AT_ONCE];
	char numbers[1 + FINISH_AT_ONCE][24];
};

static void add(struct words *words, const char *text)
{
	words->texts[words->count++] = text;
}

static bool finish_some(struct queue *queue, struct delivery *const *deliveries, const char *const *events,
			size_t count, bool *owned, struct error *error)
{
	static const char *const streams[JOB_PRIORITY_COUNT] = { "1", "2", "3" };
	struct words words;
	bool no_group = false;
	words.count = 0;
	for (int stream = 0; stream < JOB_PRIORITY_COUNT; stream++)
		add(&words, queue->keys[stream]);
	add(&words, queue->keys[QUEUE_EVENTS]);
	add(&words, queue->settings.worker);
	(void)snprintf(words.numbers[0], sizeof words.numbers[0], "%" PRId64, queue->settings.events_keep);
	add(&words, words.numbers[0]);
	for (size_t index = 0; index < count; index++) {
		char *number = words.numbers[1 + index];
		(void)snprintf(number, sizeof words.numbers[0], "%" PRId64, deliveries[index]->deliveries);
		add(&words, streams[deliveries[index]->stream]);
		add(&words, deliveries[index]->entry);
		add(&words, number);
		add(&words, events && events[index] ? events[index] : "");
	}
	/* A second run finds the claims ended and changes nothing, as with a single end. */
	redisReply *reply = redis_script(queue->redis, true, queue_finish_lua, JOB_PRIORITY_COUNT + 1, words.count,
					 words.texts, NULL, error);
	bool good = reply && reply->type == REDIS_REPLY_ARRAY && reply->elements == count;
	if (reply && !good) {
		no_group = reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "NOGROUP ", 8) == 0;
		if (!no_group)
			(void)redis_refused(reply, "finishing jobs", error);
	}
	for (size_t index = 0; index < count; index++)
		owned[index] = good && reply->element[index]->integer == 1;
	freeReplyObject(reply);
	return good || no_group; /* a group that is gone: nothing is ours any more */
}

bool queue_finish_many(struct queue *queue, struct delivery *const *deliveries, const char *const *events, size_t count,
		       bool *owned, struct error *error)
{
	for (size_t start = 0; start < count; start += FINISH_AT_ONCE) {
		size_t some = count - start < FINISH_AT_ONCE ? count - start : FINISH_AT_ONCE;
		if (!finish_some(queue, deliveries + start, events ? events + start : NULL, some, owned + start, error))
			return false;
	}
	return true;
}
