/*
 * Sending. A batch is one script call that carries a name of its own (:sent:ULID): the script keeps its answer for some
 * minutes and gives the same one when the batch comes again. So whatever a lost connection left unanswered is simply
 * sent again, and several batches can be under way at once.
 */
#include "common/redis/queue_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "queue_enqueue_lua.h"

#define ANSWER_KEEP_MS (INT64_C(10) * 60 * 1000)
#define FIXED_KEYS (QUEUE_WINDOW_KEYS + 2)
#define FIXED_WORDS (3 + FIXED_KEYS + 4) /* EVALSHA, sha, number of keys; keys; arguments before the jobs' */

/* What a command is made of; freed at once. */
struct words {
	const char **texts;
	size_t *lengths;
	size_t count;
	struct buffer jobs;  /* members of queue_window.lua, one after the other */
	struct buffer keys;  /* their idempotency keys, each with its NUL */
	struct buffer heads; /* two letters for each: its stream, and whether it has a key */
};

static void words_free(struct words *words)
{
	free(words->texts);
	free(words->lengths);
	buffer_free(&words->jobs);
	buffer_free(&words->keys);
	buffer_free(&words->heads);
}

static void add_word(struct words *words, const char *text, size_t length)
{
	words->texts[words->count] = text;
	words->lengths[words->count++] = length;
}

static void add_string(struct words *words, const char *text)
{
	add_word(words, text, strlen(text));
}

/* Writes jobs, keys and heads, and where each job ends. Pointers are taken later: buffers move while they grow. */
static bool write_parts(const struct queue *queue, const struct job *jobs, size_t count, struct words *words,
			size_t *ends)
{
	char prefix[96];
	char now_ms[24];
	(void)snprintf(prefix, sizeof prefix, "filot:{%s}:key:", queue->settings.name);
	(void)snprintf(now_ms, sizeof now_ms, "%" PRId64 " ", clock_unix_ms());
	for (size_t index = 0; index < count; index++) {
		const struct job *job = &jobs[index];
		buffer_append_string(&words->jobs, now_ms);
		buffer_append(&words->jobs, job->id, ULID_SIZE - 1);
		buffer_append_char(&words->jobs, ' ');
		buffer_append_string(&words->jobs, job->tenant ? job->tenant : "");
		buffer_append_char(&words->jobs, ' ');
		job_write(job, &words->jobs);
		ends[index] = words->jobs.length;
		if (job->key) {
			buffer_append_string(&words->keys, prefix);
			buffer_append(&words->keys, job->key, strlen(job->key) + 1);
		}
		buffer_append_char(&words->heads, "123"[job->priority]);
		buffer_append_char(&words->heads, job->key ? 'k' : '-');
	}
	return !words->jobs.failed && !words->keys.failed && !words->heads.failed;
}

static void add_jobs(struct words *words, size_t count, const size_t *ends)
{
	size_t start = 0;
	add_word(words, words->heads.data, words->heads.length);
	for (size_t index = 0; index < count; index++) {
		add_word(words, words->jobs.data + start, ends[index] - start);
		start = ends[index];
	}
}

/* The EVALSHA of a batch, in the protocol. */
static bool format_batch(struct queue *queue, const struct job *jobs, size_t count, struct queue_batch *batch,
			 struct error *error)
{
	char sent[160];
	char id[ULID_SIZE];
	char numbers[4][24];
	struct words words = { 0 };
	size_t key_count = 0;
	size_t *ends = calloc(count, sizeof *ends);
	long long length = -1;
	const char *sha = redis_script_sha(queue->redis, queue_enqueue_lua, error);
	if (!sha)
		goto out;
	for (size_t index = 0; index < count; index++)
		key_count += jobs[index].key != NULL;
	size_t most = FIXED_WORDS + key_count + count;
	words.texts = calloc(most, sizeof *words.texts);
	words.lengths = calloc(most, sizeof *words.lengths);
	if (!ends || !words.texts || !words.lengths || !write_parts(queue, jobs, count, &words, ends))
		goto out;
	(void)snprintf(sent, sizeof sent, "filot:{%s}:sent:%s", queue->settings.name, ulid_new(id));
	(void)snprintf(numbers[0], sizeof numbers[0], "%zu", FIXED_KEYS + key_count);
	(void)snprintf(numbers[1], sizeof numbers[1], "%" PRId64, queue->settings.key_ttl_ms);
	/* Longer than any budget within which it can come again. */
	(void)snprintf(numbers[2], sizeof numbers[2], "%" PRId64,
		       ANSWER_KEEP_MS + 2 * redis_reconnect_ms(queue->redis));
	(void)snprintf(numbers[3], sizeof numbers[3], "%" PRId64, queue->settings.most_waiting);
	add_string(&words, "EVALSHA");
	add_string(&words, sha);
	add_string(&words, numbers[0]);
	for (int index = 0; index < QUEUE_WINDOW_KEYS; index++)
		add_string(&words, queue->keys[index]);
	add_string(&words, sent);
	add_string(&words, queue->keys[QUEUE_DELAYED]);
	const char *key = words.keys.data;
	for (size_t index = 0; index < key_count; index++, key += strlen(key) + 1)
		add_string(&words, key);
	for (int index = 1; index < 4; index++)
		add_string(&words, numbers[index]);
	add_jobs(&words, count, ends);
	length = redisFormatCommandArgv(&batch->command, (int)words.count, words.texts, words.lengths);
	batch->length = length > 0 ? (size_t)length : 0;
out:
	if (sha && length <= 0)
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "queue: out of memory");
	words_free(&words);
	free(ends);
	return length > 0;
}

static void drop_batch(struct queue *queue)
{
	struct queue_batch *batch = &queue->batches[queue->first_batch];
	redisFreeCommand(batch->command);
	free(batch->ids);
	*batch = (struct queue_batch){ 0 };
	queue->first_batch = (queue->first_batch + 1) % QUEUE_BATCHES_IN_FLIGHT;
	queue->batch_count--;
}

static bool append_batch(struct queue *queue, const struct queue_batch *batch, struct error *error)
{
	return redis_append_formatted(queue->redis, batch->command, batch->length, error) &&
	       queue_durable_append(queue, error);
}

/* Sends all unanswered batches on a new connection. */
static bool send_again(struct queue *queue, struct error *error)
{
	for (size_t index = 0; index < queue->batch_count; index++) {
		size_t at = (queue->first_batch + index) % QUEUE_BATCHES_IN_FLIGHT;
		if (!append_batch(queue, &queue->batches[at], error))
			return false;
	}
	return redis_flush(queue->redis, error);
}

bool queue_send(struct queue *queue, const struct job *jobs, size_t count, struct error *error)
{
	if (!count || count > QUEUE_BATCH_JOBS || queue->batch_count == QUEUE_BATCHES_IN_FLIGHT)
		return error_set(error, ERROR_INTERNAL, "queue: %zu jobs in one batch, %zu batches under way", count,
				 queue->batch_count);
	/* The first connection is made here, so that who cannot connect learns it before a batch counts as sent. */
	if (!queue->batch_count && !redis_connect(queue->redis, redis_reconnect_ms(queue->redis), error))
		return false;
	struct queue_batch *batch =
	    &queue->batches[(queue->first_batch + queue->batch_count) % QUEUE_BATCHES_IN_FLIGHT];
	batch->ids = calloc(count, sizeof *batch->ids);
	if (!batch->ids)
		return error_set(error, ERROR_OUT_OF_MEMORY, "queue: out of memory");
	if (!format_batch(queue, jobs, count, batch, error)) {
		free(batch->ids);
		*batch = (struct queue_batch){ 0 };
		return false;
	}
	batch->count = count;
	for (size_t index = 0; index < count; index++)
		memcpy(batch->ids[index], jobs[index].id, ULID_SIZE);
	/* A connection that has failed, or fails now, is queue_receive's to mend: it sends all that is unanswered, in
	 * order. */
	struct error later = { 0 };
	bool whole = redis_outstanding(queue->redis) == queue->batch_count++ * (1 + queue_durable_replies(queue));
	if (whole && append_batch(queue, batch, &later))
		(void)redis_flush(queue->redis, &later);
	return true;
}

size_t queue_in_flight(const struct queue *queue)
{
	return queue->batch_count;
}

/* Reads all other answers away, so that the script can be loaded and everything sent again. */
static bool load_and_send_again(struct queue *queue, struct error *error)
{
	while (redis_outstanding(queue->redis)) {
		redisReply *reply = redis_reply(queue->redis, error);
		if (!reply)
			return false;
		freeReplyObject(reply);
	}
	return redis_script_load(queue->redis, queue_enqueue_lua, error) && send_again(queue, error);
}

/*
 * The answer of the oldest batch. Keeps on, on new connections, until the budget is spent; then *missing tells of a batch
 * that was answered but is not known to be kept.
 */
static redisReply *oldest_answer(struct queue *queue, struct error *missing, struct error *error)
{
	int64_t end_ms = clock_monotonic_ms() + redis_reconnect_ms(queue->redis);
	for (int attempt = 0;; attempt++) {
		struct error why = { 0 };
		redisReply *reply = redis_reply(queue->redis, &why);
		if (reply) {
			bool script = !redis_is_noscript(reply);
			*missing = (struct error){ 0 };
			bool read = !script || queue_durable_read(queue, missing, &why);
			bool kept = missing->code == ERROR_NONE;
			/* What was refused as a whole is nowhere, so there is nothing to keep. */
			if (reply->type != REDIS_REPLY_STRING || strncmp(reply->str, "full ", 5) == 0)
				kept = true;
			if (script && read && (kept || clock_monotonic_ms() >= end_ms))
				return reply;
			freeReplyObject(reply);
			if (!read)
				goto again;
			if (script)
				log_warning("not_kept_yet", log_failure(missing));
			if (load_and_send_again(queue, &why))
				continue;
		}
again:;
		int64_t left_ms = end_ms - clock_monotonic_ms();
		if (left_ms <= 0 || !error_is_transient(why.code)) {
			(void)error_set(error, why.code, "%s", why.message);
			return NULL;
		}
		log_warning("redis_retry", log_failure(&why));
		int64_t pause_ms = clock_backoff_ms(attempt, 20, 1000);
		clock_sleep_ms(pause_ms < left_ms ? pause_ms : left_ms);
		if (!send_again(queue, &why) && !error_is_transient(why.code)) {
			(void)error_set(error, why.code, "%s", why.message);
			return NULL;
		}
	}
}

/* Puts "index id " pairs, or "full DEPTH", into the receipts. */
static bool read_answer(const struct queue_batch *batch, const redisReply *reply, struct queue_receipt *receipts)
{
	const char *text = reply->str;
	bool full = strncmp(text, "full ", 5) == 0;
	for (size_t index = 0; index < batch->count; index++) {
		receipts[index] = (struct queue_receipt){ .status = full ? RECEIPT_REFUSED : RECEIPT_QUEUED };
		memcpy(receipts[index].job, batch->ids[index], ULID_SIZE);
		if (full)
			(void)error_set(&receipts[index].error, ERROR_TRY_AGAIN, "the queue is full: %s jobs are in it",
					text + 5);
	}
	while (!full && *text) {
		char *end;
		unsigned long index = strtoul(text, &end, 10);
		if (end == text || *end != ' ' || index >= batch->count || strcspn(end + 1, " ") >= ULID_SIZE)
			return false;
		receipts[index].status = RECEIPT_DUPLICATE;
		size_t length = strcspn(end + 1, " ");
		memcpy(receipts[index].job, end + 1, length);
		receipts[index].job[length] = '\0';
		text = end + 1 + length + (end[1 + length] == ' ');
	}
	return true;
}

bool queue_receive(struct queue *queue, struct queue_receipt receipts[static QUEUE_BATCH_JOBS], size_t *count,
		   struct error *error)
{
	*count = 0;
	if (!queue->batch_count)
		return true;
	struct error missing = { 0 };
	redisReply *reply = oldest_answer(queue, &missing, error);
	if (!reply)
		return false;
	const struct queue_batch *batch = &queue->batches[queue->first_batch];
	bool good = reply->type == REDIS_REPLY_STRING && read_answer(batch, reply, receipts);
	if (good)
		*count = batch->count;
	for (size_t index = 0; good && missing.code != ERROR_NONE && index < batch->count; index++)
		if (receipts[index].status != RECEIPT_REFUSED) {
			receipts[index].status = RECEIPT_REFUSED;
			receipts[index].error = missing;
		}
	if (!good)
		(void)redis_refused(reply, "putting jobs in the queue", error);
	freeReplyObject(reply);
	drop_batch(queue);
	return good;
}

bool queue_enqueue(struct queue *queue, const struct job *jobs, size_t count, struct queue_receipt *receipts,
		   struct error *error)
{
	struct queue_receipt *answered = calloc(QUEUE_BATCH_JOBS, sizeof *answered);
	size_t sent = 0;
	size_t received = 0;
	bool good = answered || error_set(error, ERROR_OUT_OF_MEMORY, "queue: out of memory");
	while (good && received < count) {
		if (sent < count && queue->batch_count < QUEUE_BATCHES_IN_FLIGHT) {
			size_t size = count - sent < QUEUE_BATCH_JOBS ? count - sent : QUEUE_BATCH_JOBS;
			good = queue_send(queue, jobs + sent, size, error);
			sent += size;
			continue;
		}
		size_t size;
		good = queue_receive(queue, answered, &size, error);
		if (good)
			memcpy(receipts + received, answered, size * sizeof *receipts);
		received += good ? size : 0;
	}
	while (!good && queue->batch_count) /* what is unanswered now is not known; the caller is told */
		drop_batch(queue);
	free(answered);
	return good;
}
