/* Claiming against a real Redis: in which order, from whom, and what is met on the way. */
#include "tests/unit/queue_side.h"

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

int main(void)
{
	redis_server_start(&server);
	RUN(one_claim_in_eight_looks_at_low_first_and_one_at_normal);
	RUN(one_claim_takes_high_then_normal_then_low);
	RUN(a_claim_that_is_not_renewed_is_taken_over_and_counted);
	RUN(a_renewed_claim_is_not_taken_over);
	RUN(a_worker_that_takes_its_own_old_claim_holds_only_the_new_one);
	RUN(what_is_no_job_is_buried_and_the_next_one_given);
	RUN(a_cancelled_job_is_dropped_when_it_is_met);
	RUN(a_waiting_claim_wakes_for_each_priority);
	redis_server_stop(&server);
	return test_done();
}
