/* What the tests of the queue share: one Redis of their own, and sides of a queue with a connection each. */
#ifndef FILOT_QUEUE_SIDE_H
#define FILOT_QUEUE_SIDE_H

#include "common/redis/queue.h"

#include <inttypes.h>

#include "common/base/clock.h"
#include "tests/unit/redis_server.h"
#include "tests/unit/test.h"

#define VISIBILITY_MS 60
#define PATIENCE_MS 10000

static struct redis_server server;
static struct error error;

/* One side of the queue with a connection of its own. */
struct side {
	struct redis *redis;
	struct queue *queue;
};

static inline struct side side_open_with(struct queue_settings settings)
{
	struct redis_settings connection = { .url = server.url, .reconnect_ms = PATIENCE_MS };
	struct side side = { .redis = redis_new(&connection, &error) };
	side.queue = side.redis ? queue_new(&settings, side.redis, &error) : NULL;
	if (!side.queue || (settings.worker && !queue_prepare(side.queue, &error))) {
		printf("Bail out! %s\n", error.message);
		exit(1);
	}
	return side;
}

static inline struct queue_settings test_settings(const char *worker)
{
	struct queue_settings settings = queue_default_settings;
	settings.worker = worker;
	settings.visibility_ms = VISIBILITY_MS;
	settings.max_attempts = 3;
	return settings;
}

static inline struct side side_open(const char *worker)
{
	return side_open_with(test_settings(worker));
}

/* Whose claims are left alone for as long as a test may take. */
static inline struct side side_open_patient(const char *worker)
{
	struct queue_settings settings = test_settings(worker);
	settings.visibility_ms = 6 * PATIENCE_MS;
	return side_open_with(settings);
}

static inline void side_close(struct side *side)
{
	queue_free(side->queue);
	redis_free(side->redis);
}

static inline void start_empty(void)
{
	(void)redis_server_ask(&server, "FLUSHALL");
}

static inline struct job make_job(const char *key, enum job_priority priority)
{
	struct job_template given = { .uri = "r2://bucket/a.png", .key = key, .priority = priority };
	struct job job;
	CHECK(job_new(&job, &given, &error));
	return job;
}

/* Puts one job in and returns its id. */
static inline const char *put(struct side *side, const char *key, enum job_priority priority, char id[static ULID_SIZE])
{
	struct job job = make_job(key, priority);
	struct queue_receipt receipt = { 0 };
	CHECK(queue_enqueue(side->queue, &job, 1, &receipt, &error));
	CHECK_INTEGER(receipt.status, RECEIPT_QUEUED);
	memcpy(id, receipt.job, ULID_SIZE);
	job_free(&job);
	return id;
}

/* One job within the patience, or none at all for `block_ms` 0. */
static inline bool claim(struct side *side, int64_t block_ms, struct delivery *delivery)
{
	size_t count = 0;
	int64_t end_ms = clock_monotonic_ms() + PATIENCE_MS;
	*delivery = (struct delivery){ 0 };
	do {
		bool claimed = queue_claim(side->queue, 1, block_ms ? 20 : 0, delivery, &count, &error);
		CHECK(claimed);
		if (!claimed)
			printf("# %s\n", error.message);
	} while (!count && block_ms && clock_monotonic_ms() < end_ms);
	return count == 1;
}

static inline bool finish(struct side *side, struct delivery *delivery)
{
	bool owned = false;
	CHECK(queue_finish(side->queue, delivery, NULL, &owned, &error));
	delivery_free(delivery);
	return owned;
}

/* Jobs in the streams, their backlogs and the delayed set. */
static inline long long queued(void)
{
	return redis_server_ask(&server, "XLEN filot:{ocr}:jobs") +
	       redis_server_ask(&server, "XLEN filot:{ocr}:jobs:high") +
	       redis_server_ask(&server, "XLEN filot:{ocr}:jobs:low") +
	       redis_server_ask(&server, "GET filot:{ocr}:backlog") +
	       redis_server_ask(&server, "GET filot:{ocr}:backlog:high") +
	       redis_server_ask(&server, "GET filot:{ocr}:backlog:low") +
	       redis_server_ask(&server, "ZCARD filot:{ocr}:delayed");
}

/* The value of `field` in the newest dead entry. */
static inline const char *dead_field(const char *field, char text[static 4096])
{
	const char *argv[] = { "XREVRANGE", "filot:{ocr}:dead", "+", "-", "COUNT", "1" };
	redisReply *reply = redis_command(server.operator, true, 6, argv, NULL, &error);
	*text = '\0';
	if (reply && reply->type == REDIS_REPLY_ARRAY && reply->elements) {
		const redisReply *fields = reply->element[0]->element[1];
		for (size_t index = 0; index + 1 < fields->elements; index += 2)
			if (strcmp(fields->element[index]->str, field) == 0)
				(void)snprintf(text, 4096, "%s", fields->element[index + 1]->str);
	}
	freeReplyObject(reply);
	return text;
}

#define RUN(function)                                                                                                  \
	do {                                                                                                           \
		start_empty();                                                                                         \
		TEST(function);                                                                                        \
	} while (0)

#endif
