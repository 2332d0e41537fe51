/*
 * usage: queue_loop ours|bare fill|drain BATCH FILE        (Redis from FILOT_REDIS_URL)
 *
 * One process that puts the job lines of a file in a queue (fill), or takes as many jobs as the file has lines out
 * again, BATCH at a time, does nothing with them and acknowledges them (drain). Prints the milliseconds that it took;
 * reading the file and connecting do not count.
 *
 *   ours   by queue.h, as filot-enqueue and filot-ocr-gpu do
 *   bare   by hiredis alone, on one stream: XADD, XREADGROUP, XACK and XDEL, in pipelines of the same sizes; no keys,
 * no priorities, no retries, no fence: what the server itself can take
 */
#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/redis/queue.h"

#define BARE_STREAM "bare"
#define BARE_GROUP "workers"

struct loop {
	size_t batch, count;
	char **lines;
	struct redis *redis;
};

static void fail(const char *what)
{
	(void)fprintf(stderr, "queue_loop: %s\n", what);
	exit(1);
}

static void *need(void *pointer)
{
	if (!pointer)
		fail("out of memory");
	return pointer;
}

static void read_lines(struct loop *loop, const char *path)
{
	FILE *file = fopen(path, "r");
	char *line = NULL;
	size_t room = 0, capacity = 0;
	if (!file)
		fail(path);
	for (ssize_t length; (length = getline(&line, &room, file)) > 0;) {
		if (loop->count == capacity) {
			capacity = capacity ? 2 * capacity : 1024;
			loop->lines = need(realloc(loop->lines, capacity * sizeof *loop->lines));
		}
		line[strcspn(line, "\n")] = '\0';
		loop->lines[loop->count++] = need(strdup(line));
	}
	free(line);
	(void)fclose(file);
}

/* ---- ours ---- */

static void ours_fill(struct loop *loop, struct queue *queue)
{
	struct job *jobs = need(calloc(loop->count, sizeof *jobs));
	struct queue_receipt *receipts = need(calloc(loop->count, sizeof *receipts));
	struct error error = { 0 };
	for (size_t index = 0; index < loop->count; index++)
		if (!job_parse(&jobs[index], loop->lines[index], strlen(loop->lines[index]), &error))
			fail(error.message);
	int64_t started_ms = clock_monotonic_ms();
	if (!queue_enqueue(queue, jobs, loop->count, receipts, &error))
		fail(error.message);
	printf("%" PRId64 "\n", clock_monotonic_ms() - started_ms);
	for (size_t index = 0; index < loop->count; index++) {
		if (receipts[index].status != RECEIPT_QUEUED)
			fail("a job was not queued");
		job_free(&jobs[index]);
	}
	free(receipts);
	free(jobs);
}

static void ours_drain(struct loop *loop, struct queue *queue)
{
	struct delivery *deliveries = need(calloc(loop->batch, sizeof *deliveries));
	struct delivery **list = need(calloc(loop->batch, sizeof *list));
	bool *owned = need(calloc(loop->batch, sizeof *owned));
	struct error error = { 0 };
	for (size_t index = 0; index < loop->batch; index++)
		list[index] = &deliveries[index];
	int64_t started_ms = clock_monotonic_ms();
	for (size_t done = 0, count; done < loop->count; done += count) {
		if (!queue_claim(queue, loop->batch, 0, deliveries, &count, &error) ||
		    !queue_finish_many(queue, list, NULL, count, owned, &error))
			fail(error.message);
		if (!count)
			fail("the queue was empty too early");
		for (size_t index = 0; index < count; index++) {
			if (!owned[index])
				fail("a claim was lost");
			delivery_free(&deliveries[index]);
		}
	}
	printf("%" PRId64 "\n", clock_monotonic_ms() - started_ms);
	free(owned);
	free(list);
	free(deliveries);
}

static void ours(struct loop *loop, bool fill)
{
	struct queue_settings settings = queue_default_settings;
	struct error error = { 0 };
	settings.worker = fill ? NULL : "bench";
	struct queue *queue = queue_new(&settings, loop->redis, &error);
	if (!queue || (!fill && !queue_prepare(queue, &error)))
		fail(error.message);
	if (fill)
		ours_fill(loop, queue);
	else
		ours_drain(loop, queue);
	queue_free(queue);
}

/* ---- bare ---- */

/* A hiredis command without any of redis.h's care. */
static redisReply *bare_reply(redisContext *redis)
{
	void *reply = NULL;
	if (redisGetReply(redis, &reply) != REDIS_OK || ((redisReply *)reply)->type == REDIS_REPLY_ERROR)
		fail("the bare loop was refused");
	return reply;
}

static void bare_take(redisContext *redis, size_t count)
{
	for (size_t index = 0; index < count; index++)
		freeReplyObject(bare_reply(redis));
}

/* As many under way as queue_enqueue has. */
static void bare_fill(struct loop *loop, redisContext *redis)
{
	const size_t most = QUEUE_BATCH_JOBS * QUEUE_BATCHES_IN_FLIGHT;
	size_t sent = 0, taken = 0;
	int64_t started_ms = clock_monotonic_ms();
	while (taken < loop->count) {
		if (sent < loop->count && sent - taken < most) {
			size_t size = loop->count - sent < QUEUE_BATCH_JOBS ? loop->count - sent : QUEUE_BATCH_JOBS;
			int unsent = 0;
			for (size_t index = sent; index < sent + size; index++)
				(void)redisAppendCommand(redis, "XADD " BARE_STREAM " * line %s", loop->lines[index]);
			while (!unsent)
				if (redisBufferWrite(redis, &unsent) != REDIS_OK)
					fail("the connection was lost");
			sent += size;
			continue;
		}
		size_t size = sent - taken < QUEUE_BATCH_JOBS ? sent - taken : QUEUE_BATCH_JOBS;
		bare_take(redis, size);
		taken += size;
	}
	printf("%" PRId64 "\n", clock_monotonic_ms() - started_ms);
}

static void bare_drain(struct loop *loop, redisContext *redis)
{
	freeReplyObject(redisCommand(redis, "XGROUP CREATE " BARE_STREAM " " BARE_GROUP " 0"));
	int64_t started_ms = clock_monotonic_ms();
	for (size_t done = 0; done < loop->count;) {
		(void)redisAppendCommand(redis,
					 "XREADGROUP GROUP " BARE_GROUP " bench COUNT %d STREAMS " BARE_STREAM " >",
					 (int)loop->batch);
		redisReply *reply = bare_reply(redis);
		if (reply->type != REDIS_REPLY_ARRAY)
			fail("the stream was empty too early");
		const redisReply *entries = reply->element[0]->element[1];
		for (size_t index = 0; index < entries->elements; index++) {
			const char *entry = entries->element[index]->element[0]->str;
			(void)redisAppendCommand(redis, "XACK " BARE_STREAM " " BARE_GROUP " %s", entry);
			(void)redisAppendCommand(redis, "XDEL " BARE_STREAM " %s", entry);
		}
		bare_take(redis, 2 * entries->elements);
		done += entries->elements;
		freeReplyObject(reply);
	}
	printf("%" PRId64 "\n", clock_monotonic_ms() - started_ms);
}

static void bare(struct loop *loop, bool fill, int port)
{
	redisContext *redis = redisConnect("127.0.0.1", port);
	if (!redis || redis->err)
		fail("cannot connect");
	if (fill)
		bare_fill(loop, redis);
	else
		bare_drain(loop, redis);
	redisFree(redis);
}

int main(int argc, char **argv)
{
	struct loop loop = { 0 };
	struct error error = { 0 };
	struct redis_settings settings = { .url = getenv("FILOT_REDIS_URL") };
	if (argc != 5 || !settings.url || (loop.batch = strtoul(argv[3], NULL, 10)) == 0) {
		(void)fprintf(stderr, "usage: queue_loop ours|bare fill|drain BATCH FILE\n");
		return 64;
	}
	bool fill = strcmp(argv[2], "fill") == 0;
	read_lines(&loop, argv[4]);
	loop.redis = redis_new(&settings, &error);
	if (!loop.redis || !redis_connect(loop.redis, 1000, &error))
		fail(error.message);
	if (strcmp(argv[1], "ours") == 0)
		ours(&loop, fill);
	else
		bare(&loop, fill, atoi(strrchr(settings.url, ':') + 1));
	redis_free(loop.redis);
	for (size_t index = 0; index < loop.count; index++)
		free(loop.lines[index]);
	free(loop.lines);
	return 0;
}
