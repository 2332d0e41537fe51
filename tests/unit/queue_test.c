/*
 * The queue against a real Redis: where a job is at each moment, and that it is nowhere twice. Long, because all of it
 * shares one server and the two sides of one queue, and a second file would start both again.
 */
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

static struct side side_open_with(struct queue_settings settings)
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

static struct queue_settings test_settings(const char *worker)
{
	struct queue_settings settings = queue_default_settings;
	settings.worker = worker;
	settings.visibility_ms = VISIBILITY_MS;
	settings.max_attempts = 3;
	return settings;
}

static struct side side_open(const char *worker)
{
	return side_open_with(test_settings(worker));
}

static void side_close(struct side *side)
{
	queue_free(side->queue);
	redis_free(side->redis);
}

static void start_empty(void)
{
	(void)redis_server_ask(&server, "FLUSHALL");
}

static struct job make_job(const char *key, enum job_priority priority)
{
	struct job_template given = { .uri = "r2://bucket/a.png", .key = key, .priority = priority };
	struct job job;
	CHECK(job_new(&job, &given, &error));
	return job;
}

/* Puts one job in and returns its id. */
static const char *put(struct side *side, const char *key, enum job_priority priority, char id[static ULID_SIZE])
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
static bool claim(struct side *side, int64_t block_ms, struct delivery *delivery)
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

static bool finish(struct side *side, struct delivery *delivery)
{
	bool owned = false;
	CHECK(queue_finish(side->queue, delivery, NULL, &owned, &error));
	delivery_free(delivery);
	return owned;
}

/* Jobs in the streams, their backlogs and the delayed set. */
static long long queued(void)
{
	return redis_server_ask(&server, "XLEN filot:{ocr}:jobs") +
	       redis_server_ask(&server, "XLEN filot:{ocr}:jobs:high") +
	       redis_server_ask(&server, "XLEN filot:{ocr}:jobs:low") +
	       redis_server_ask(&server, "ZCARD filot:{ocr}:backlog") +
	       redis_server_ask(&server, "ZCARD filot:{ocr}:backlog:high") +
	       redis_server_ask(&server, "ZCARD filot:{ocr}:backlog:low") +
	       redis_server_ask(&server, "ZCARD filot:{ocr}:delayed");
}

static void a_finished_job_leaves_only_its_event(void)
{
	struct side sender = side_open(NULL);
	struct side worker = side_open("w");
	struct delivery delivery;
	char id[ULID_SIZE];
	bool owned;
	put(&sender, NULL, JOB_PRIORITY_NORMAL, id);
	CHECK(claim(&worker, 0, &delivery));
	CHECK_STRING(delivery.job.id, id);
	CHECK_INTEGER(delivery.job.attempt, 1);
	CHECK_INTEGER(redis_server_ask(&server, "XPENDING filot:{ocr}:jobs workers - + 10 w"), 1);
	CHECK(queue_finish(worker.queue, &delivery, "{\"v\":1}", &owned, &error) && owned);
	CHECK_INTEGER(queued(), 0);
	CHECK_INTEGER(redis_server_ask(&server, "XPENDING filot:{ocr}:jobs workers - + 10"), 0);
	CHECK_INTEGER(redis_server_ask(&server, "XLEN filot:{ocr}:events"), 1);
	CHECK(queue_finish(worker.queue, &delivery, "{\"v\":1}", &owned, &error) && !owned);
	CHECK_INTEGER(redis_server_ask(&server, "XLEN filot:{ocr}:events"), 1);
	delivery_free(&delivery);
	side_close(&worker);
	side_close(&sender);
}

static void many_claims_are_finished_in_one_call_and_lost_ones_left_alone(void)
{
	struct side sender = side_open(NULL);
	struct side worker = side_open("w");
	struct side other = side_open("other");
	struct delivery held[300];
	struct delivery *list[302];
	const char *events[302] = { [1] = "{\"v\":1}" };
	bool owned[302];
	char id[ULID_SIZE];
	for (int index = 0; index < 302; index++)
		put(&sender, NULL, (enum job_priority)(index % JOB_PRIORITY_COUNT), id);
	struct delivery not_ours;
	CHECK(claim(&other, 0, &not_ours));
	size_t count = 0;
	CHECK(queue_claim(worker.queue, 300, 0, held, &count, &error));
	CHECK_INTEGER(count, 300);
	struct delivery stale = held[7]; /* an earlier claim of the same entry */
	stale.deliveries--;
	list[0] = &not_ours;
	for (size_t index = 1; index < 300; index++)
		list[index] = &held[300 - index]; /* the oldest claim, held[0], is kept */
	list[293] = &stale;
	list[300] = &held[20]; /* twice in two calls */
	list[301] = &held[20]; /* and twice in one */
	CHECK(queue_finish_many(worker.queue, list, events, 302, owned, &error));
	for (size_t index = 0; index < 302; index++)
		CHECK_INTEGER(owned[index], index != 0 && index != 293 && index < 300);
	CHECK_INTEGER(redis_server_ask(&server, "XLEN filot:{ocr}:events"), 1);
	CHECK_INTEGER(queued(), 302 - 298);
	list[0] = &held[0];
	list[1] = &held[7];
	list[2] = &held[0];
	CHECK(queue_finish_many(worker.queue, list, NULL, 3, owned, &error) && owned[0] && owned[1] && !owned[2]);
	CHECK_INTEGER(queued(), 2);
	CHECK(finish(&other, &not_ours));
	for (size_t index = 0; index < 300; index++)
		delivery_free(&held[index]);
	start_empty();
	CHECK(queue_finish_many(worker.queue, list, NULL, 1, owned, &error) && !owned[0]);
	side_close(&other);
	side_close(&worker);
	side_close(&sender);
}

static void a_key_is_queued_once_and_later_ones_hear_whose_it_is(void)
{
	struct side sender = side_open(NULL);
	struct job jobs[4] = { make_job("a", JOB_PRIORITY_NORMAL), make_job("b", JOB_PRIORITY_LOW),
			       make_job("a", JOB_PRIORITY_HIGH), make_job(NULL, JOB_PRIORITY_NORMAL) };
	struct queue_receipt receipts[4];
	CHECK(queue_enqueue(sender.queue, jobs, 4, receipts, &error));
	CHECK_INTEGER(receipts[0].status, RECEIPT_QUEUED);
	CHECK_INTEGER(receipts[1].status, RECEIPT_QUEUED);
	CHECK_INTEGER(receipts[2].status, RECEIPT_DUPLICATE);
	CHECK_STRING(receipts[2].job, jobs[0].id);
	CHECK_INTEGER(receipts[3].status, RECEIPT_QUEUED);
	CHECK(queue_enqueue(sender.queue, jobs, 2, receipts, &error));
	CHECK_INTEGER(receipts[1].status, RECEIPT_DUPLICATE);
	CHECK_STRING(receipts[1].job, jobs[1].id);
	CHECK_INTEGER(queued(), 3);
	CHECK(redis_server_ask(&server, "PTTL filot:{ocr}:key:a") > 6 * 24 * 3600 * 1000);
	for (int index = 0; index < 4; index++)
		job_free(&jobs[index]);
	side_close(&sender);
}

static void many_batches_answer_in_the_order_of_their_jobs(void)
{
	struct side sender = side_open(NULL);
	enum { COUNT = 5237 };
	static struct job jobs[COUNT];
	static struct queue_receipt receipts[COUNT];
	for (int index = 0; index < COUNT; index++) {
		char key[16];
		(void)snprintf(key, sizeof key, "%d", index % 5000);
		jobs[index] = make_job(key, (enum job_priority)(index % 3));
	}
	CHECK(queue_enqueue(sender.queue, jobs, COUNT, receipts, &error));
	for (int index = 0; index < COUNT; index++) {
		CHECK_INTEGER(receipts[index].status, index < 5000 ? RECEIPT_QUEUED : RECEIPT_DUPLICATE);
		CHECK_STRING(receipts[index].job, jobs[index % 5000].id);
	}
	CHECK_INTEGER(queued(), 5000);
	for (int index = 0; index < COUNT; index++)
		job_free(&jobs[index]);
	side_close(&sender);
}

/* The answer is lost after the batch took effect; sending it again must not put its jobs (without keys) in twice. */
static void a_batch_whose_answer_was_lost_takes_effect_once(void)
{
	struct side sender = side_open(NULL);
	static struct queue_receipt receipts[QUEUE_BATCH_JOBS];
	size_t count = 0;
	struct job jobs[2] = { make_job(NULL, JOB_PRIORITY_NORMAL), make_job(NULL, JOB_PRIORITY_NORMAL) };
	struct queue_receipt receipt;
	CHECK(queue_enqueue(sender.queue, jobs, 1, &receipt, &error)); /* connected, script loaded */
	for (int batch = 0; batch < 3; batch++)
		CHECK(queue_send(sender.queue, jobs, 2, &error));
	int64_t end_ms = clock_monotonic_ms() + PATIENCE_MS;
	while (queued() < 7 && clock_monotonic_ms() < end_ms)
		clock_sleep_ms(1);
	CHECK(redis_server_ask(&server, "CLIENT KILL TYPE normal SKIPME yes") >= 1);
	CHECK(queue_send(sender.queue, jobs, 2, &error));
	for (int batch = 0; batch < 4; batch++) {
		CHECK(queue_receive(sender.queue, receipts, &count, &error));
		CHECK_INTEGER(count, 2);
		CHECK_INTEGER(receipts[1].status, RECEIPT_QUEUED);
		CHECK_STRING(receipts[1].job, jobs[1].id);
	}
	CHECK_INTEGER(queued(), 9);
	job_free(&jobs[0]);
	job_free(&jobs[1]);
	side_close(&sender);
}

static void scripts_flushed_with_batches_under_way_are_loaded_again(void)
{
	struct side sender = side_open(NULL);
	static struct queue_receipt receipts[QUEUE_BATCH_JOBS];
	size_t count = 0;
	struct job job = make_job(NULL, JOB_PRIORITY_NORMAL);
	CHECK(queue_send(sender.queue, &job, 1, &error));
	(void)redis_server_ask(&server, "SCRIPT FLUSH");
	for (int batch = 0; batch < 5; batch++)
		CHECK(queue_send(sender.queue, &job, 1, &error));
	for (int batch = 0; batch < 6; batch++)
		CHECK(queue_receive(sender.queue, receipts, &count, &error) && count == 1);
	CHECK_INTEGER(queued(), 6);
	job_free(&job);
	side_close(&sender);
}

static void a_full_queue_refuses_the_batch_for_now(void)
{
	struct queue_settings settings = test_settings(NULL);
	settings.most_waiting = 3;
	struct side sender = side_open_with(settings);
	struct job jobs[2] = { make_job("a", JOB_PRIORITY_NORMAL), make_job("b", JOB_PRIORITY_LOW) };
	struct queue_receipt receipts[2];
	CHECK(queue_enqueue(sender.queue, jobs, 2, receipts, &error));
	CHECK_INTEGER(receipts[1].status, RECEIPT_QUEUED);
	struct job more[2] = { make_job("c", JOB_PRIORITY_NORMAL), make_job("d", JOB_PRIORITY_LOW) };
	CHECK(queue_enqueue(sender.queue, more, 2, receipts, &error));
	CHECK_INTEGER(receipts[0].status, RECEIPT_REFUSED);
	CHECK_INTEGER(receipts[1].error.code, ERROR_TRY_AGAIN);
	CHECK_INTEGER(queued(), 2);
	CHECK(queue_enqueue(sender.queue, more, 1, receipts, &error)); /* its key was not taken by the refusal */
	CHECK_INTEGER(receipts[0].status, RECEIPT_QUEUED);
	for (int index = 0; index < 2; index++) {
		job_free(&jobs[index]);
		job_free(&more[index]);
	}
	side_close(&sender);
}

static void one_claim_in_eight_looks_at_low_first_and_one_at_normal(void)
{
	struct side sender = side_open(NULL);
	struct side worker = side_open("w");
	char id[ULID_SIZE];
	char order[17] = "";
	for (int index = 0; index < 16; index++)
		for (int priority = 0; priority < JOB_PRIORITY_COUNT; priority++)
			put(&sender, NULL, (enum job_priority)priority, id);
	for (int index = 0; index < 16; index++) {
		struct delivery delivery;
		CHECK(claim(&worker, 0, &delivery));
		order[index] = "hnl"[delivery.stream];
		CHECK_INTEGER(delivery.stream, delivery.job.priority);
		CHECK(finish(&worker, &delivery));
	}
	CHECK_STRING(order, "hhhnhhhlhhhnhhhl");
	side_close(&worker);
	side_close(&sender);
}

static void one_claim_takes_high_then_normal_then_low(void)
{
	struct side sender = side_open(NULL);
	struct side worker = side_open("w");
	char id[ULID_SIZE];
	for (int priority = JOB_PRIORITY_COUNT; priority-- > 0;)
		for (int index = 0; index < 2; index++)
			put(&sender, NULL, (enum job_priority)priority, id);
	struct delivery deliveries[5];
	size_t count = 0;
	CHECK(queue_claim(worker.queue, 5, 0, deliveries, &count, &error));
	CHECK_INTEGER(count, 5);
	for (size_t index = 0; index < count; index++) {
		CHECK_INTEGER(deliveries[index].stream, index / 2);
		CHECK(finish(&worker, &deliveries[index]));
	}
	CHECK_INTEGER(queued(), 1);
	side_close(&worker);
	side_close(&sender);
}

static void a_claim_that_is_not_renewed_is_taken_over_and_counted(void)
{
	struct side sender = side_open(NULL);
	struct side frozen = side_open("frozen");
	struct side other = side_open("other");
	struct delivery old;
	struct delivery new;
	struct delivery *const olds[] = { &old };
	struct buffer line = { 0 };
	char id[ULID_SIZE];
	bool owned;
	put(&sender, NULL, JOB_PRIORITY_LOW, id);
	CHECK(claim(&frozen, 0, &old));
	int64_t begun_ms = clock_monotonic_ms();
	CHECK(claim(&other, 1, &new));
	CHECK(clock_monotonic_ms() - begun_ms >= VISIBILITY_MS - 20);
	CHECK_STRING(new.job.id, id);
	CHECK_INTEGER(new.job.attempt, 2);
	job_write(&new.job, &line);
	CHECK(line.data && strstr(line.data, "\"history\":[{\"attempt\":1,\"worker\":\"frozen\",") != NULL);
	CHECK(queue_renew(frozen.queue, olds, 1, &error) && old.lost);
	CHECK(queue_finish(frozen.queue, &old, NULL, &owned, &error) && !owned);
	struct error why = { .code = ERROR_TIMEOUT, .message = "late" };
	CHECK(queue_bury(frozen.queue, &old, &why, NULL, &owned, &error) && !owned);
	CHECK(queue_hand_back(frozen.queue, &old, &owned, &error) && !owned);
	CHECK(queue_retry(frozen.queue, &old, 0, &why, &owned, &error) && !owned);
	CHECK_INTEGER(queued(), 1);
	CHECK(finish(&other, &new));
	CHECK_INTEGER(queued() + redis_server_ask(&server, "XLEN filot:{ocr}:dead"), 0);
	delivery_free(&old);
	buffer_free(&line);
	side_close(&other);
	side_close(&frozen);
	side_close(&sender);
}

static void a_renewed_claim_is_not_taken_over(void)
{
	struct side sender = side_open(NULL);
	struct side busy = side_open("busy");
	struct side other = side_open("other");
	struct delivery mine;
	struct delivery none;
	struct delivery *const mines[] = { &mine };
	char id[ULID_SIZE];
	put(&sender, NULL, JOB_PRIORITY_NORMAL, id);
	CHECK(claim(&busy, 0, &mine));
	int64_t end_ms = clock_monotonic_ms() + INT64_C(6) * VISIBILITY_MS;
	int64_t renewed_ms = clock_monotonic_ms();
	bool held = true; /* false once this process itself was kept from renewing in time */
	while (held && clock_monotonic_ms() < end_ms) {
		held = clock_monotonic_ms() - renewed_ms < VISIBILITY_MS * 2 / 3;
		CHECK(queue_renew(busy.queue, mines, 1, &error) && (!mine.lost || !held));
		renewed_ms = clock_monotonic_ms();
		if (held)
			CHECK(!claim(&other, 0, &none));
		clock_sleep_ms(VISIBILITY_MS / 6);
	}
	if (!held)
		printf("# the machine was too busy to renew in time; not judged\n");
	else
		CHECK(finish(&busy, &mine));
	delivery_free(&mine);
	side_close(&other);
	side_close(&busy);
	side_close(&sender);
}

static void a_worker_that_takes_its_own_old_claim_holds_only_the_new_one(void)
{
	struct side sender = side_open(NULL);
	struct side worker = side_open("w");
	struct delivery old;
	struct delivery new;
	struct delivery *const both[] = { &old, &new };
	char id[ULID_SIZE];
	bool owned;
	put(&sender, NULL, JOB_PRIORITY_NORMAL, id);
	CHECK(claim(&worker, 0, &old));
	CHECK(claim(&worker, 1, &new));
	CHECK_INTEGER(new.job.attempt, 2);
	CHECK(queue_renew(worker.queue, both, 2, &error) && old.lost && !new.lost);
	CHECK(queue_finish(worker.queue, &old, NULL, &owned, &error) && !owned);
	CHECK(finish(&worker, &new));
	delivery_free(&old);
	side_close(&worker);
	side_close(&sender);
}

static void a_retry_waits_until_it_is_due_and_carries_its_history(void)
{
	struct side sender = side_open(NULL);
	struct side worker = side_open("w");
	struct delivery delivery;
	struct buffer line = { 0 };
	char id[ULID_SIZE];
	bool owned;
	put(&sender, NULL, JOB_PRIORITY_HIGH, id);
	CHECK(claim(&worker, 0, &delivery));
	struct error why = { .code = ERROR_STORAGE_UNAVAILABLE, .message = "503 Slow Down" };
	int64_t due_ms = clock_unix_ms() + 300;
	CHECK(queue_retry(worker.queue, &delivery, due_ms, &why, &owned, &error) && owned);
	CHECK_INTEGER(redis_server_ask(&server, "ZCARD filot:{ocr}:delayed"), 1);
	delivery_free(&delivery);
	size_t count = 0;
	CHECK(queue_claim(worker.queue, 1, PATIENCE_MS, &delivery, &count, &error)); /* waits only until it is due */
	if (!count)
		CHECK(claim(&worker, 1, &delivery));
	CHECK(clock_unix_ms() >= due_ms && clock_unix_ms() < due_ms + PATIENCE_MS / 2);
	CHECK_STRING(delivery.job.id, id);
	CHECK_INTEGER(delivery.job.attempt, 2);
	CHECK_INTEGER(delivery.stream, JOB_PRIORITY_HIGH);
	job_write(&delivery.job, &line);
	CHECK(line.data && strstr(line.data, "\"code\":\"storage_unavailable\",\"message\":\"503 Slow Down\"") != NULL);
	CHECK(finish(&worker, &delivery));
	CHECK_INTEGER(queued(), 0);
	buffer_free(&line);
	side_close(&worker);
	side_close(&sender);
}

/* The value of `field` in the newest dead entry. */
static const char *dead_field(const char *field, char text[static 4096])
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

static void a_buried_job_lies_in_the_dead_stream_with_its_reason(void)
{
	struct side sender = side_open(NULL);
	struct side worker = side_open("w");
	struct delivery delivery;
	char id[ULID_SIZE];
	char text[4096];
	bool owned;
	put(&sender, NULL, JOB_PRIORITY_NORMAL, id);
	CHECK(claim(&worker, 0, &delivery));
	struct error why = { .code = ERROR_CORRUPT_DOCUMENT, .message = "no pixels" };
	CHECK(queue_bury(worker.queue, &delivery, &why, "{}", &owned, &error) && owned);
	CHECK_INTEGER(queued(), 0);
	CHECK_INTEGER(redis_server_ask(&server, "XLEN filot:{ocr}:dead"), 1);
	CHECK_INTEGER(redis_server_ask(&server, "XLEN filot:{ocr}:events"), 1);
	CHECK_STRING(dead_field("job", text), id);
	CHECK_STRING(dead_field("code", text), "corrupt_document");
	CHECK_STRING(dead_field("message", text), "no pixels");
	CHECK(strstr(dead_field("line", text), "\"worker\":\"w\"") != NULL);
	delivery_free(&delivery);
	side_close(&worker);
	side_close(&sender);
}

static void a_job_whose_workers_all_died_is_dead_after_max_attempts(void)
{
	struct side sender = side_open(NULL);
	struct side worker = side_open("w");
	struct delivery delivery;
	char id[ULID_SIZE];
	char text[4096];
	put(&sender, NULL, JOB_PRIORITY_NORMAL, id);
	for (int attempt = 1; attempt <= 3; attempt++) {
		CHECK(claim(&worker, 1, &delivery));
		CHECK_INTEGER(delivery.job.attempt, attempt);
		delivery_free(&delivery);
	}
	bool owned = false;
	CHECK(claim(&worker, 1, &delivery));
	CHECK_INTEGER(delivery.exhausted.code, ERROR_INTERNAL);
	CHECK(queue_bury(worker.queue, &delivery, &delivery.exhausted, NULL, &owned, NULL) && owned);
	delivery_free(&delivery);
	CHECK(!queued());
	CHECK_STRING(dead_field("job", text), id);
	CHECK_STRING(dead_field("code", text), "internal");
	CHECK(strstr(dead_field("message", text), "after 3 attempts") != NULL);
	CHECK(strstr(dead_field("line", text), "\"history\":[{\"attempt\":3,\"worker\":\"w\"") != NULL);
	side_close(&worker);
	side_close(&sender);
}

static void what_is_no_job_is_buried_and_the_next_one_given(void)
{
	struct side sender = side_open(NULL);
	struct side worker = side_open("w");
	struct delivery deliveries[10];
	size_t count = 0;
	char id[ULID_SIZE];
	char text[4096];
	(void)redis_server_ask(&server, "XADD filot:{ocr}:jobs * line {\"uri\":7}");
	(void)redis_server_ask(&server, "XADD filot:{ocr}:jobs * foo bar");
	(void)redis_server_ask(&server, "ZADD filot:{ocr}:delayed 1 nonsense");
	put(&sender, NULL, JOB_PRIORITY_NORMAL, id);
	CHECK(queue_claim(worker.queue, 10, 0, deliveries, &count, &error));
	CHECK_INTEGER(count, 1);
	CHECK_STRING(deliveries[0].job.id, id);
	CHECK_INTEGER(redis_server_ask(&server, "XLEN filot:{ocr}:dead"), 3);
	CHECK_STRING(dead_field("code", text), "bad_job");
	CHECK_STRING(dead_field("line", text), "nonsense");
	CHECK(finish(&worker, &deliveries[0]));
	CHECK_INTEGER(queued(), 0);
	side_close(&worker);
	side_close(&sender);
}

static void a_cancelled_job_is_dropped_when_it_is_met(void)
{
	struct side sender = side_open(NULL);
	struct side worker = side_open("w");
	struct delivery delivery;
	char cancelled[ULID_SIZE];
	char id[ULID_SIZE];
	put(&sender, NULL, JOB_PRIORITY_NORMAL, cancelled);
	put(&sender, NULL, JOB_PRIORITY_NORMAL, id);
	CHECK_INTEGER(redis_server_ask(&server, "SADD filot:{ocr}:cancel %s", cancelled), 1);
	CHECK(claim(&worker, 1, &delivery));
	CHECK_STRING(delivery.job.id, id);
	CHECK(finish(&worker, &delivery));
	CHECK_INTEGER(queued() + redis_server_ask(&server, "SCARD filot:{ocr}:cancel"), 0);
	side_close(&worker);
	side_close(&sender);
}

static void a_job_handed_back_is_the_next_one_given_and_no_attempt(void)
{
	struct side sender = side_open(NULL);
	struct side leaving = side_open("leaving");
	struct side other = side_open("other");
	struct delivery delivery;
	char first[ULID_SIZE];
	char second[ULID_SIZE];
	bool owned;
	put(&sender, NULL, JOB_PRIORITY_NORMAL, first);
	put(&sender, NULL, JOB_PRIORITY_NORMAL, second);
	for (int round = 0; round < 5; round++) { /* more often than there are attempts */
		CHECK(claim(&leaving, 0, &delivery));
		CHECK_STRING(delivery.job.id, first);
		CHECK_INTEGER(delivery.job.attempt, 1);
		CHECK(queue_hand_back(leaving.queue, &delivery, &owned, &error) && owned);
		delivery_free(&delivery);
	}
	CHECK(claim(&other, 0, &delivery));
	CHECK_STRING(delivery.job.id, first);
	CHECK_INTEGER(delivery.job.attempt, 1);
	CHECK(finish(&other, &delivery));
	side_close(&other);
	side_close(&leaving);
	side_close(&sender);
}

static void leaving_hands_back_what_is_pending(void)
{
	struct side sender = side_open(NULL);
	struct side leaving = side_open("leaving");
	struct side other = side_open("other");
	struct delivery delivery;
	char id[ULID_SIZE];
	put(&sender, NULL, JOB_PRIORITY_LOW, id);
	CHECK(claim(&leaving, 0, &delivery));
	delivery_free(&delivery);
	CHECK(queue_heartbeat(leaving.queue, "{\"pid\":1}", &error));
	CHECK_INTEGER(redis_server_ask(&server, "HLEN filot:{ocr}:workers"), 1);
	CHECK(queue_leave(leaving.queue, &error));
	CHECK_INTEGER(redis_server_ask(&server, "HLEN filot:{ocr}:workers"), 0);
	CHECK_INTEGER(redis_server_ask(&server, "XINFO CONSUMERS filot:{ocr}:jobs:low workers"), 1); /* handed-back */
	CHECK(claim(&other, 0, &delivery));
	CHECK_STRING(delivery.job.id, id);
	CHECK_INTEGER(delivery.job.attempt, 1);
	CHECK(finish(&other, &delivery));
	side_close(&other);
	side_close(&leaving);
	side_close(&sender);
}

/* Runs in a child: sends once the parent waits in Redis. */
static void send_when_somebody_waits(enum job_priority priority)
{
	struct side sender = side_open(NULL);
	char id[ULID_SIZE];
	const char *argv[] = { "INFO", "clients" };
	for (bool waits = false; !waits;) {
		redisReply *reply = redis_command(sender.redis, true, 2, argv, NULL, &error);
		waits = !reply || strstr(reply->str, "blocked_clients:1") != NULL;
		freeReplyObject(reply);
	}
	put(&sender, NULL, priority, id);
	side_close(&sender);
}

static void a_waiting_claim_wakes_for_each_priority(void)
{
	struct side worker = side_open("w");
	for (int priority = 0; priority < JOB_PRIORITY_COUNT; priority++) {
		struct delivery delivery = { 0 };
		size_t count = 0;
		pid_t child = fork();
		if (child == 0) {
			send_when_somebody_waits((enum job_priority)priority);
			_exit(0);
		}
		int64_t begun_ms = clock_monotonic_ms();
		CHECK(queue_claim(worker.queue, 4, PATIENCE_MS, &delivery, &count, &error));
		CHECK(clock_monotonic_ms() - begun_ms < PATIENCE_MS);
		CHECK_INTEGER(count, 1);
		CHECK_INTEGER(delivery.stream, priority);
		CHECK(finish(&worker, &delivery));
		(void)waitpid(child, NULL, 0);
	}
	side_close(&worker);
}

static void figures_tell_where_jobs_are(void)
{
	struct side sender = side_open(NULL);
	struct side worker = side_open("w");
	struct delivery deliveries[3];
	size_t count = 0;
	struct queue_stats stats = { 0 };
	char id[ULID_SIZE];
	bool owned;
	CHECK(queue_stats(worker.queue, &stats, &error));
	CHECK_INTEGER(stats.oldest_ms + stats.ready[1] + stats.in_flight + stats.workers, 0);
	for (int index = 0; index < 6; index++)
		put(&sender, NULL, (enum job_priority)(index % 3), id);
	CHECK(queue_claim(worker.queue, 3, 0, deliveries, &count, &error)); /* both high ones and a normal one */
	struct error why = { .code = ERROR_TIMEOUT, .message = "slow" };
	CHECK(queue_retry(worker.queue, &deliveries[0], clock_unix_ms() + 60000, &why, &owned, &error) && owned);
	CHECK(queue_hand_back(worker.queue, &deliveries[2], &owned, &error) && owned);
	CHECK(queue_heartbeat(worker.queue, "{}", &error));
	clock_sleep_ms(2);
	CHECK(queue_stats(sender.queue, &stats, &error));
	CHECK_INTEGER(stats.ready[JOB_PRIORITY_HIGH], 0);
	CHECK_INTEGER(stats.ready[JOB_PRIORITY_NORMAL], 2);
	CHECK_INTEGER(stats.ready[JOB_PRIORITY_LOW], 2);
	CHECK_INTEGER(stats.in_flight, 1);
	CHECK_INTEGER(stats.delayed, 1);
	CHECK_INTEGER(stats.dead, 0);
	CHECK_INTEGER(stats.workers, 1);
	CHECK(stats.oldest_ms > 0 && stats.oldest_ms < PATIENCE_MS);
	for (int index = 0; index < 3; index++)
		delivery_free(&deliveries[index]);
	side_close(&worker);
	side_close(&sender);
}

static void a_queue_without_its_group_is_waiting_as_a_whole(void)
{
	struct side sender = side_open(NULL);
	struct queue_stats stats = { 0 };
	char id[ULID_SIZE];
	put(&sender, NULL, JOB_PRIORITY_NORMAL, id);
	CHECK(queue_stats(sender.queue, &stats, &error));
	CHECK_INTEGER(stats.ready[JOB_PRIORITY_NORMAL], 1);
	side_close(&sender);
}

static void a_worker_goes_on_when_redis_lost_its_data(void)
{
	struct side sender = side_open(NULL);
	struct side worker = side_open("w");
	struct delivery delivery;
	char id[ULID_SIZE];
	put(&sender, NULL, JOB_PRIORITY_NORMAL, id);
	CHECK(claim(&worker, 0, &delivery));
	(void)redis_server_ask(&server, "FLUSHALL");
	CHECK(!finish(&worker, &delivery));
	put(&sender, NULL, JOB_PRIORITY_NORMAL, id);
	CHECK(claim(&worker, 0, &delivery));
	CHECK_STRING(delivery.job.id, id);
	CHECK(finish(&worker, &delivery));
	side_close(&worker);
	side_close(&sender);
}

static void a_restarted_redis_is_met_again_within_the_budget(void)
{
	struct side sender = side_open(NULL);
	struct side worker = side_open("w");
	struct delivery delivery;
	char id[ULID_SIZE];
	CHECK(!claim(&worker, 0, &delivery));
	redis_server_kill(&server);
	redis_server_launch(&server);
	put(&sender, NULL, JOB_PRIORITY_NORMAL, id);
	CHECK(claim(&worker, 1, &delivery));
	CHECK_STRING(delivery.job.id, id);
	CHECK(finish(&worker, &delivery));
	side_close(&worker);
	side_close(&sender);
}

#define RANDOM_JOBS 300
#define RANDOM_WORKERS 4

/* What one delivery's end is, by chance; the worker may also forget it, as one that was killed does. */
static void end_by_chance(struct side *worker, struct delivery *delivery, unsigned *seed, bool *ended, int *finished)
{
	struct error why = { .code = ERROR_TIMEOUT, .message = "by chance" };
	bool owned = false;
	struct delivery *const one[] = { delivery };
	switch (rand_r(seed) % 8) {
	case 0:
		break; /* forgotten */
	case 1:
		CHECK(queue_hand_back(worker->queue, delivery, &owned, &error));
		break;
	case 2:
		CHECK(queue_retry(worker->queue, delivery, clock_unix_ms() + rand_r(seed) % 20, &why, &owned, &error));
		break;
	case 3:
		CHECK(queue_bury(worker->queue, delivery, &why, NULL, &owned, &error));
		*ended = owned;
		break;
	case 4:
		CHECK(queue_renew(worker->queue, one, 1, &error));
		break;
	default:
		CHECK(queue_finish(worker->queue, delivery, NULL, &owned, &error));
		*ended = owned;
		*finished += owned;
	}
	delivery_free(delivery);
}

static void by_any_random_schedule_each_job_is_finished_once_or_dead_once(void)
{
	struct side sender = side_open(NULL);
	struct side workers[RANDOM_WORKERS];
	static const char *const names[RANDOM_WORKERS] = { "w0", "w1", "w2", "w3" };
	static char ids[RANDOM_JOBS][ULID_SIZE];
	static bool ended[RANDOM_JOBS];
	int finished = 0;
	unsigned seed = (unsigned)clock_unix_ms();
	printf("# seed %u\n", seed);
	for (int index = 0; index < RANDOM_WORKERS; index++) {
		struct queue_settings settings = test_settings(names[index]);
		settings.visibility_ms = 5;
		workers[index] = side_open_with(settings);
	}
	for (int index = 0; index < RANDOM_JOBS; index++)
		put(&sender, NULL, (enum job_priority)(rand_r(&seed) % 3), ids[index]);
	int64_t end_ms = clock_monotonic_ms() + 3 * PATIENCE_MS;
	while (queued() && clock_monotonic_ms() < end_ms) {
		struct side *worker = &workers[rand_r(&seed) % RANDOM_WORKERS];
		struct delivery deliveries[8];
		size_t count = 0;
		CHECK(queue_claim(worker->queue, 1 + (size_t)rand_r(&seed) % 8, 1, deliveries, &count, &error));
		for (size_t given = 0; given < count; given++) {
			int index = 0;
			while (index < RANDOM_JOBS && strcmp(ids[index], deliveries[given].job.id) != 0)
				index++;
			CHECK(index < RANDOM_JOBS && !ended[index]);
			end_by_chance(worker, &deliveries[given], &seed, &ended[index], &finished);
		}
		if (rand_r(&seed) % 20 == 0)
			CHECK(queue_leave(worker->queue, &error));
	}
	CHECK_INTEGER(queued(), 0);
	long long dead = redis_server_ask(&server, "XLEN filot:{ocr}:dead");
	printf("# %d finished, %lld dead\n", finished, dead);
	CHECK_INTEGER(finished + dead, RANDOM_JOBS);
	CHECK(dead > 0 && finished > 0);
	for (int index = 0; index < RANDOM_WORKERS; index++)
		side_close(&workers[index]);
	side_close(&sender);
}

#define RUN(function)                                                                                                  \
	do {                                                                                                           \
		start_empty();                                                                                         \
		TEST(function);                                                                                        \
	} while (0)

int main(void)
{
	redis_server_start(&server);
	RUN(a_finished_job_leaves_only_its_event);
	RUN(many_claims_are_finished_in_one_call_and_lost_ones_left_alone);
	RUN(a_key_is_queued_once_and_later_ones_hear_whose_it_is);
	RUN(many_batches_answer_in_the_order_of_their_jobs);
	RUN(a_batch_whose_answer_was_lost_takes_effect_once);
	RUN(scripts_flushed_with_batches_under_way_are_loaded_again);
	RUN(a_full_queue_refuses_the_batch_for_now);
	RUN(one_claim_in_eight_looks_at_low_first_and_one_at_normal);
	RUN(one_claim_takes_high_then_normal_then_low);
	RUN(a_claim_that_is_not_renewed_is_taken_over_and_counted);
	RUN(a_renewed_claim_is_not_taken_over);
	RUN(a_worker_that_takes_its_own_old_claim_holds_only_the_new_one);
	RUN(a_retry_waits_until_it_is_due_and_carries_its_history);
	RUN(a_buried_job_lies_in_the_dead_stream_with_its_reason);
	RUN(a_job_whose_workers_all_died_is_dead_after_max_attempts);
	RUN(what_is_no_job_is_buried_and_the_next_one_given);
	RUN(a_cancelled_job_is_dropped_when_it_is_met);
	RUN(a_job_handed_back_is_the_next_one_given_and_no_attempt);
	RUN(leaving_hands_back_what_is_pending);
	RUN(a_waiting_claim_wakes_for_each_priority);
	RUN(figures_tell_where_jobs_are);
	RUN(a_queue_without_its_group_is_waiting_as_a_whole);
	RUN(a_worker_goes_on_when_redis_lost_its_data);
	RUN(a_restarted_redis_is_met_again_within_the_budget);
	RUN(by_any_random_schedule_each_job_is_finished_once_or_dead_once);
	redis_server_stop(&server);
	return test_done();
}
