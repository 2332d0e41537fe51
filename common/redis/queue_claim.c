/*
 * Claiming, renewing and ending. The script finds entries; whether a line is a job, and whether it has had its
 * attempts, is judged here, by the one reader of job lines, and what fails that is buried by the same script as any
 * other.
 */
#include "common/redis/queue_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "queue_claim_lua.h"
#include "queue_end_lua.h"
#include "queue_renew_lua.h"

#define RENEW_AT_ONCE 16
#define LONGEST_SWEEP_MS 1000
#define LEAST_BLOCK_MS 1

/* One entry as Redis gave it; points into the reply. */
struct entry {
	enum job_priority stream;
	const char *id;
	int64_t deliveries;
	const char *owner; /* who held it before; "": nobody */
	const char *line;
	size_t length;
};

void delivery_free(struct delivery *delivery)
{
	job_free(&delivery->job);
	*delivery = (struct delivery){ 0 };
}

/* ---- the ends ---- */

static void begin_end(struct queue *queue, struct queue_call *call, const struct delivery *delivery, const char *how,
		      const char *event)
{
	queue_call_string(call, queue->keys[delivery->stream]);
	queue_call_string(call, queue->keys[QUEUE_DELAYED]);
	queue_call_string(call, queue->keys[QUEUE_DEAD]);
	queue_call_string(call, queue->keys[QUEUE_EVENTS]);
	queue_call_string(call, queue->keys[QUEUE_TAKEOVERS]);
	queue_call_string(call, queue->settings.worker);
	queue_call_string(call, delivery->entry);
	queue_call_number(call, delivery->deliveries);
	queue_call_string(call, how);
	queue_call_string(call, event ? event : "");
	queue_call_number(call, queue->settings.events_keep);
}

/* A second run after a lost answer finds the claim ended and changes nothing, so *owned may be false for what was done.
 */
static bool run_end(struct queue *queue, const struct queue_call *call, const char *what, bool *owned,
		    struct error *error)
{
	bool no_group = false;
	redisReply *reply = queue_call_run(queue, queue_end_lua, 5, call, what, &no_group, error);
	*owned = reply && reply->type == REDIS_REPLY_INTEGER && reply->integer == 1;
	freeReplyObject(reply);
	return reply != NULL || no_group; /* a group that is gone: nothing is ours any more */
}

bool queue_hand_back(struct queue *queue, const struct delivery *delivery, bool *owned, struct error *error)
{
	struct queue_call call = { 0 };
	begin_end(queue, &call, delivery, "hand back", NULL);
	queue_call_number(&call, queue->settings.visibility_ms);
	return run_end(queue, &call, "handing a job back", owned, error);
}

/*
 * Appends the line of a failed attempt: with it in the history, and the attempt that comes next. The delivery stays as it
 * is, so that an end which Redis did not answer can be asked for again and counts once.
 */
static bool write_failed(const struct queue *queue, struct delivery *delivery, int64_t next_attempt,
			 const struct error *why, struct buffer *line, struct error *error)
{
	struct job failed;
	bool good = job_copy(&delivery->job, &failed, error) &&
		    job_add_history(&failed, failed.attempt, queue->settings.worker, why, error) &&
		    job_set_attempt(&failed, next_attempt, error);
	if (good)
		job_write(&failed, line);
	job_free(&failed);
	return good && (!line->failed || error_set(error, ERROR_OUT_OF_MEMORY, "queue: out of memory"));
}

bool queue_retry(struct queue *queue, struct delivery *delivery, int64_t due_ms, const struct error *why, bool *owned,
		 struct error *error)
{
	const struct job *job = &delivery->job;
	struct buffer member = { 0 };
	*owned = false;
	buffer_printf(&member, "%d %s %s ", (int)delivery->stream + 1, job->id, job->tenant ? job->tenant : "");
	bool good = write_failed(queue, delivery, job->attempt + 1, why, &member, error);
	if (good) {
		struct queue_call call = { 0 };
		begin_end(queue, &call, delivery, "retry", NULL);
		queue_call_number(&call, due_ms);
		queue_call_bytes(&call, member.data, member.length);
		good = run_end(queue, &call, "putting a job off", owned, error);
	}
	buffer_free(&member);
	return good;
}

static bool bury_line(struct queue *queue, const struct delivery *delivery, const char *line, size_t length,
		      const struct error *why, const char *event, bool *owned, struct error *error)
{
	struct queue_call call = { 0 };
	begin_end(queue, &call, delivery, "bury", event);
	queue_call_number(&call, queue->settings.dead_keep_ms);
	queue_call_string(&call, delivery->job.id);
	queue_call_string(&call, error_code_name(why->code));
	queue_call_string(&call, why->message);
	queue_call_bytes(&call, line, length);
	return run_end(queue, &call, "burying a job", owned, error);
}

bool queue_bury(struct queue *queue, struct delivery *delivery, const struct error *why, const char *event, bool *owned,
		struct error *error)
{
	struct buffer line = { 0 };
	*owned = false;
	bool good = write_failed(queue, delivery, delivery->job.attempt, why, &line, error) &&
		    bury_line(queue, delivery, line.data, line.length, why, event, owned, error);
	buffer_free(&line);
	return good;
}

/* ---- renewing ---- */

static bool renew_some(struct queue *queue, struct delivery *const *deliveries, size_t count, struct error *error)
{
	struct queue_call call = { 0 };
	bool no_group = false;
	for (int stream = 0; stream < JOB_PRIORITY_COUNT; stream++)
		queue_call_string(&call, queue->keys[stream]);
	queue_call_string(&call, queue->settings.worker);
	for (size_t index = 0; index < count; index++) {
		queue_call_number(&call, deliveries[index]->stream + 1);
		queue_call_string(&call, deliveries[index]->entry);
		queue_call_number(&call, deliveries[index]->deliveries);
	}
	redisReply *reply = queue_call_run(queue, queue_renew_lua, 3, &call, "renewing claims", &no_group, error);
	if (!reply && !no_group)
		return false;
	for (size_t index = 0; index < count; index++)
		if (!reply || index >= reply->elements || reply->element[index]->integer != 1)
			deliveries[index]->lost = true;
	freeReplyObject(reply);
	return true;
}

bool queue_renew(struct queue *queue, struct delivery *const *deliveries, size_t count, struct error *error)
{
	for (size_t start = 0; start < count; start += RENEW_AT_ONCE) {
		size_t some = count - start < RENEW_AT_ONCE ? count - start : RENEW_AT_ONCE;
		if (!renew_some(queue, deliveries + start, some, error))
			return false;
	}
	return true;
}

/* ---- claiming ---- */

/* Buries an entry that cannot become a delivery. What fails here stays pending and is met again by a later claim. */
static void bury_entry(struct queue *queue, const struct delivery *delivery, const struct entry *entry,
		       const struct error *why)
{
	bool owned;
	struct error error = { 0 };
	log_warning("job_buried", log_string("job", delivery->job.id), log_string("entry", entry->id),
		    log_failure(why));
	if (!bury_line(queue, delivery, entry->line, entry->length, why, NULL, &owned, &error))
		log_warning("bury_failed", log_string("entry", entry->id), log_failure(&error));
}

/* The attempt that a takeover ended goes into the history; nobody else could write it. */
static bool count_takeover(struct queue *queue, struct delivery *delivery, const struct entry *entry,
			   struct error *error)
{
	struct job *job = &delivery->job;
	int64_t attempt = job->attempt + entry->deliveries - 1;
	struct error why = { .code = ERROR_UNAVAILABLE };
	if (*entry->owner && strcmp(entry->owner, QUEUE_HELD) != 0) {
		(void)snprintf(why.message, sizeof why.message,
			       "the worker stopped renewing its claim, which was taken over after %" PRId64 " ms",
			       queue->settings.visibility_ms);
		if (!job_add_history(job, attempt - 1, entry->owner, &why, error))
			return false;
	}
	return job_set_attempt(job, attempt, error);
}

/* Makes a delivery of an entry; false when it was buried or must be left for later. */
static bool receive_entry(struct queue *queue, const struct entry *entry, struct delivery *delivery)
{
	struct error why = { 0 };
	*delivery = (struct delivery){ .stream = entry->stream,
				       .deliveries = entry->deliveries,
				       .takeovers = queue->takeovers };
	(void)snprintf(delivery->entry, sizeof delivery->entry, "%s", entry->id);
	if (job_parse(&delivery->job, entry->line, entry->length, &why) &&
	    count_takeover(queue, delivery, entry, &why)) {
		if (job_tries(&delivery->job) > queue->settings.max_attempts)
			(void)error_set(&delivery->exhausted, ERROR_INTERNAL, "given up after %" PRId64 " attempts%s%s",
					job_tries(&delivery->job) - 1,
					*entry->owner ? "; the last ended without a word of " : "", entry->owner);
		return true;
	}
	if (why.code == ERROR_BAD_JOB)
		bury_entry(queue, delivery, entry, &why);
	else
		log_error("claim_failed", log_string("entry", entry->id), log_failure(&why));
	delivery_free(delivery);
	return false;
}

static bool is_string(const redisReply *reply)
{
	return reply->type == REDIS_REPLY_STRING;
}

/* {stream, entry, deliveries, owner before, member}, of what was taken over. */
static bool read_taken(const redisReply *reply, struct entry *entry)
{
	if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 5 || !is_string(reply->element[1]) ||
	    !is_string(reply->element[3]) || !is_string(reply->element[4]))
		return false;
	struct queue_member member = queue_member_split(reply->element[4]->str, reply->element[4]->len);
	*entry = (struct entry){ .stream = (enum job_priority)(reply->element[0]->integer - 1),
				 .id = reply->element[1]->str,
				 .deliveries = reply->element[2]->integer,
				 .owner = reply->element[3]->str,
				 .line = member.line,
				 .length = member.length };
	return entry->stream < JOB_PRIORITY_COUNT;
}

static bool read_new(enum job_priority stream, const redisReply *id, const redisReply *value, struct entry *entry)
{
	if (stream >= JOB_PRIORITY_COUNT || !is_string(id) || !is_string(value))
		return false;
	struct queue_member member = queue_member_split(value->str, value->len);
	*entry = (struct entry){ .stream = stream,
				 .id = id->str,
				 .deliveries = 1,
				 .owner = "",
				 .line = member.line,
				 .length = member.length };
	return true;
}

static const char *claim_order(int64_t claim)
{
	return claim % 8 == 7 ? "312" : claim % 8 == 3 ? "213" : "123";
}

static redisReply *call_claim(struct queue *queue, size_t most, bool *no_group, struct error *error)
{
	struct queue_call call = { 0 };
	int64_t sweep_ms = queue->settings.visibility_ms / 20;
	for (int key = 0; key < QUEUE_WINDOW_KEYS; key++)
		queue_call_string(&call, queue->keys[key]);
	queue_call_string(&call, queue->keys[QUEUE_DELAYED]);
	queue_call_string(&call, queue->keys[QUEUE_CANCEL]);
	queue_call_string(&call, queue->keys[QUEUE_SWEPT]);
	queue_call_string(&call, queue->keys[QUEUE_TAKEOVERS]);
	queue_call_string(&call, queue->settings.worker);
	queue_call_number(&call, (int64_t)most);
	queue_call_number(&call, queue->settings.visibility_ms);
	queue_call_string(&call, claim_order(queue->claims++));
	queue_call_number(&call, sweep_ms > LONGEST_SWEEP_MS ? LONGEST_SWEEP_MS : sweep_ms < 1 ? 1 : sweep_ms);
	return queue_call_run(queue, queue_claim_lua, QUEUE_WINDOW_KEYS + 4, &call, "claiming jobs", no_group, error);
}

/* The parts of a script's answer after the first two: what was taken over, and by twos a stream and its new ones. */
static void receive_all(struct queue *queue, const redisReply *reply, size_t most, struct delivery *deliveries,
			size_t *count, size_t *found)
{
	struct entry entry;
	const redisReply *taken = reply->element[2];
	*found = taken->elements;
	for (size_t index = 0; index < taken->elements && *count < most; index++)
		if (read_taken(taken->element[index], &entry))
			*count += receive_entry(queue, &entry, &deliveries[*count]);
	for (size_t part = 3; part + 1 < reply->elements; part += 2) {
		enum job_priority stream = (enum job_priority)(reply->element[part]->integer - 1);
		const redisReply *flat = reply->element[part + 1];
		*found += flat->elements / 2;
		for (size_t index = 0; index + 1 < flat->elements && *count < most; index += 2)
			if (read_new(stream, flat->element[index], flat->element[index + 1], &entry))
				*count += receive_entry(queue, &entry, &deliveries[*count]);
	}
}

/* What is ready now; *found says how many entries there were, whatever became of them. */
static bool claim_ready(struct queue *queue, size_t most, struct delivery *deliveries, size_t *count, size_t *found,
			int64_t *due_ms, struct error *error)
{
	bool no_group = false;
	redisReply *reply = call_claim(queue, most, &no_group, error);
	if (!reply && no_group) /* Redis came back without its data */
		reply = queue_prepare(queue, error) ? call_claim(queue, most, NULL, error) : NULL;
	if (!reply)
		return false;
	bool good = reply->type == REDIS_REPLY_ARRAY && reply->elements >= 3 && is_string(reply->element[1]) &&
		    reply->element[2]->type == REDIS_REPLY_ARRAY;
	if (good) {
		*due_ms = reply->element[0]->integer;
		queue->takeovers = strtoll(reply->element[1]->str, NULL, 10);
		receive_all(queue, reply, most, deliveries, count, found);
	} else {
		(void)redis_refused(reply, "claiming jobs", error);
	}
	freeReplyObject(reply);
	return good;
}

/* Which stream has this key; JOB_PRIORITY_COUNT: none. */
static enum job_priority stream_of(const struct queue *queue, const char *key)
{
	int stream = 0;
	while (stream < JOB_PRIORITY_COUNT && strcmp(queue->keys[stream], key) != 0)
		stream++;
	return (enum job_priority)stream;
}

/* Drops a job that was cancelled while it waited. When Redis cannot say, the job is done: no harm but the work. */
static bool dropped_as_cancelled(struct queue *queue, struct delivery *delivery)
{
	const char *argv[] = { "SREM", queue->keys[QUEUE_CANCEL], delivery->job.id };
	struct error error = { 0 };
	bool owned;
	redisReply *reply = redis_command(queue->redis, false, 3, argv, NULL, &error);
	bool cancelled = reply && reply->type == REDIS_REPLY_INTEGER && reply->integer == 1;
	freeReplyObject(reply);
	if (cancelled && !queue_finish(queue, delivery, NULL, &owned, &error))
		log_warning("cancel_failed", log_string("job", delivery->job.id), log_failure(&error));
	return cancelled;
}

/* One entry that arrived during the wait. COUNT is for each stream, so there may be more than were asked for. */
static void receive_new(struct queue *queue, const struct entry *entry, size_t most, struct delivery *deliveries,
			size_t *count)
{
	struct delivery delivery;
	struct error error = { 0 };
	bool owned;
	if (!receive_entry(queue, entry, &delivery))
		return;
	if (dropped_as_cancelled(queue, &delivery)) {
		delivery_free(&delivery);
	} else if (*count < most) {
		deliveries[(*count)++] = delivery;
	} else {
		if (!queue_hand_back(queue, &delivery, &owned, &error))
			log_warning("hand_back_failed", log_string("job", delivery.job.id), log_failure(&error));
		delivery_free(&delivery);
	}
}

/* Waits for a new entry in any stream. */
static bool claim_waiting(struct queue *queue, size_t most, int64_t block_ms, struct delivery *deliveries,
			  size_t *count, struct error *error)
{
	char block[24];
	char each[24];
	(void)snprintf(block, sizeof block, "%" PRId64, block_ms);
	(void)snprintf(each, sizeof each, "%zu", most >= JOB_PRIORITY_COUNT ? most / JOB_PRIORITY_COUNT : 1);
	const char *argv[] = {
		"XREADGROUP", "GROUP",	      QUEUE_GROUP,    queue->settings.worker, "COUNT", each, "BLOCK", block,
		"STREAMS",    queue->keys[0], queue->keys[1], queue->keys[2],	      ">",     ">",  ">"
	};
	redis_set_block(queue->redis, block_ms);
	redisReply *reply = redis_command(queue->redis, true, sizeof argv / sizeof *argv, argv, NULL, error);
	redis_set_block(queue->redis, 0);
	if (!reply)
		return false;
	bool good = reply->type == REDIS_REPLY_NIL || reply->type == REDIS_REPLY_ARRAY ||
		    (reply->type == REDIS_REPLY_ERROR &&
		     strncmp(reply->str, "NOGROUP ", 8) == 0) || /* the next claim mends it */
		    redis_refused(reply, "waiting for jobs", error);
	for (size_t stream = 0; reply->type == REDIS_REPLY_ARRAY && stream < reply->elements; stream++) {
		const redisReply *part = reply->element[stream];
		for (size_t index = 0; part->elements == 2 && index < part->element[1]->elements; index++) {
			const redisReply *pair = part->element[1]->element[index]; /* {entry, {"job", member}} */
			struct entry entry;
			if (pair->elements == 2 && pair->element[1]->elements >= 2 &&
			    read_new(stream_of(queue, part->element[0]->str), pair->element[0], pair->element[1]->element[1],
				     &entry))
				receive_new(queue, &entry, most, deliveries, count);
		}
	}
	freeReplyObject(reply);
	return good;
}

bool queue_claim(struct queue *queue, size_t most, int64_t block_ms, struct delivery *deliveries, size_t *count,
		 struct error *error)
{
	size_t found = 0;
	int64_t due_ms = -1;
	*count = 0;
	if (!most || !queue->settings.worker)
		return error_set(error, ERROR_INTERNAL, "queue: a claim needs a worker's name and room for a job");
	/* Where all that was found was buried on the way, there may be more behind it. */
	do {
		if (!claim_ready(queue, most, deliveries, count, &found, &due_ms, error))
			return false;
	} while (found && !*count);
	if (found || block_ms <= 0)
		return true;
	if (due_ms >= 0 && due_ms < block_ms)
		block_ms = due_ms < LEAST_BLOCK_MS ? LEAST_BLOCK_MS : due_ms; /* BLOCK 0 would wait for ever */
	return claim_waiting(queue, most, block_ms, deliveries, count, error);
}
