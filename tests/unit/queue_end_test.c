/* The ends of a delivery against a real Redis: finished, put off, buried, handed back; each once and only by its owner. */
#include "common/redis/queue_admin.h"
#include "tests/unit/queue_side.h"

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

/* Gives a claim of `worker` to the next who claims. */
static void release(struct queue *queue, const char *entry)
{
	struct queue_view *view = calloc(1, sizeof *view);
	bool more = true;
	*view = (struct queue_view){ .place = PLACE_PENDING };
	while (queue_view_next(queue, view, &more, &error) && more)
		for (size_t index = 0; index < view->count; index++)
			if (strcmp(view->items[index].entry, entry) == 0) {
				struct queue_move move = { .act = ACT_RELEASE, .item = &view->items[index] };
				CHECK(queue_move(queue, false, &move, 1, &error) && move.moved == MOVED_DONE);
			}
	queue_view_close(view);
	free(view);
}

static void many_claims_are_finished_in_one_call_and_lost_ones_left_alone(void)
{
	struct side sender = side_open(NULL);
	struct side worker = side_open_patient("w");
	struct side other = side_open_patient("other");
	struct delivery held[300];
	struct delivery *list[300];
	const char *events[300] = { [1] = "{\"v\":1}" };
	bool owned[300];
	char id[ULID_SIZE];
	for (int index = 0; index < 300; index++)
		put(&sender, NULL, (enum job_priority)(index % JOB_PRIORITY_COUNT), id);
	size_t count = 0;
	CHECK(queue_claim(worker.queue, 300, 0, held, &count, &error));
	CHECK_INTEGER(count, 300);
	for (size_t index = 0; index < 150; index++)
		list[index] = &held[299 - index]; /* the newest first, of each stream */
	CHECK(queue_finish_many(worker.queue, list, events, 150, owned, &error));
	for (size_t index = 0; index < 150; index++)
		CHECK(owned[index]);
	CHECK_INTEGER(queued(), 150);
	CHECK_INTEGER(redis_server_ask(&server, "XLEN filot:{ocr}:events"), 1);

	struct delivery taken;
	struct delivery again;
	release(worker.queue, held[0].entry);
	CHECK(claim(&other, 0, &taken));
	CHECK_STRING(taken.entry, held[0].entry);
	release(worker.queue, held[7].entry);
	CHECK(claim(&worker, 0, &again)); /* by the same worker: the earlier claim is none any more */
	CHECK_STRING(again.entry, held[7].entry);
	for (size_t index = 0; index < 150; index++)
		list[index] = &held[index];
	CHECK(queue_finish_many(worker.queue, list, events, 150, owned, &error));
	for (size_t index = 0; index < 150; index++)
		CHECK_INTEGER(owned[index], index != 0 && index != 7);
	CHECK_INTEGER(queued(), 2);
	CHECK_INTEGER(redis_server_ask(&server, "XLEN filot:{ocr}:events"), 2);
	list[0] = &held[8]; /* is finished */
	list[1] = &again;
	CHECK(queue_finish_many(worker.queue, list, NULL, 2, owned, &error) && !owned[0] && owned[1]);
	CHECK(finish(&other, &taken));
	CHECK_INTEGER(queued(), 0);
	start_empty();
	(void)redis_server_ask(&server, "DEL filot:{ocr}:jobs filot:{ocr}:jobs:high filot:{ocr}:jobs:low");
	CHECK(queue_finish_many(worker.queue, list, NULL, 1, owned, &error) && !owned[0]);
	delivery_free(&again);
	for (size_t index = 0; index < 300; index++)
		delivery_free(&held[index]);
	side_close(&other);
	side_close(&worker);
	side_close(&sender);
}

/* Also in the middle of a stream, while older and newer ones are still claimed or wait. */
static void what_others_hold_or_wait_for_stays_when_many_are_finished(void)
{
	unsigned seed = (unsigned)clock_unix_ms();
	printf("# seed %u\n", seed);
	for (int round = 0; round < 20; round++) {
		struct side sender = side_open(NULL);
		struct side workers[2] = { side_open_patient("a"), side_open_patient("b") };
		struct delivery held[2][100];
		size_t counts[2];
		char id[ULID_SIZE];
		long long left = 150;
		for (int index = 0; index < 150; index++)
			put(&sender, NULL, JOB_PRIORITY_NORMAL, id);
		for (int index = 0; index < 2; index++)
			CHECK(queue_claim(workers[index].queue, 1 + (size_t)rand_r(&seed) % 70, 0, held[index], &counts[index], &error));
		for (int index = 0; index < 2; index++) {
			struct delivery *list[100];
			bool owned[100];
			size_t some = 0;
			for (size_t at = 0; at < counts[index]; at++)
				if (rand_r(&seed) % (1 + round % 3) == 0)
					list[some++] = &held[index][at];
			CHECK(queue_finish_many(workers[index].queue, list, NULL, some, owned, &error));
			left -= (long long)some;
			CHECK_INTEGER(queued(), left);
		}
		for (int index = 0; index < 2; index++) {
			for (size_t at = 0; at < counts[index]; at++)
				delivery_free(&held[index][at]);
			CHECK(queue_leave(workers[index].queue, &error));
		}
		struct delivery rest;
		while (claim(&workers[0], 0, &rest)) {
			CHECK(finish(&workers[0], &rest));
			left--;
		}
		CHECK_INTEGER(left, 0);
		CHECK_INTEGER(queued(), 0);
		side_close(&workers[1]);
		side_close(&workers[0]);
		side_close(&sender);
	}
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

static int times_in(const char *text, const char *word)
{
	int times = 0;
	for (const char *at = text ? strstr(text, word) : NULL; at; at = strstr(at + 1, word))
		times++;
	return times;
}

/* As a worker asks while Redis is away: again and again. */
static void an_end_that_is_asked_for_again_counts_one_attempt(void)
{
	struct side sender = side_open(NULL);
	struct side worker = side_open("w");
	struct delivery delivery;
	struct buffer line = { 0 };
	char id[ULID_SIZE];
	char text[4096];
	bool owned;
	struct error why = { .code = ERROR_STORAGE_UNAVAILABLE, .message = "503 Slow Down" };
	put(&sender, NULL, JOB_PRIORITY_NORMAL, id);
	CHECK(claim(&worker, 0, &delivery));
	(void)redis_server_ask(&server, "SET filot:{ocr}:delayed x");
	for (int time = 0; time < 3; time++)
		CHECK(!queue_retry(worker.queue, &delivery, 0, &why, &owned, &error) && !owned);
	(void)redis_server_ask(&server, "DEL filot:{ocr}:delayed");
	CHECK(queue_retry(worker.queue, &delivery, 0, &why, &owned, &error) && owned);
	CHECK_INTEGER(delivery.job.attempt, 1);
	delivery_free(&delivery);
	CHECK(claim(&worker, 0, &delivery));
	CHECK_INTEGER(delivery.job.attempt, 2);
	job_write(&delivery.job, &line);
	CHECK_INTEGER(times_in(line.data, "503 Slow Down"), 1);
	buffer_free(&line);
	(void)redis_server_ask(&server, "SET filot:{ocr}:dead x");
	for (int time = 0; time < 3; time++)
		CHECK(!queue_bury(worker.queue, &delivery, &why, NULL, &owned, &error) && !owned);
	(void)redis_server_ask(&server, "DEL filot:{ocr}:dead");
	CHECK(queue_bury(worker.queue, &delivery, &why, NULL, &owned, &error) && owned);
	CHECK_INTEGER(times_in(dead_field("line", text), "503 Slow Down"), 2);
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

int main(void)
{
	redis_server_start(&server);
	RUN(a_finished_job_leaves_only_its_event);
	RUN(many_claims_are_finished_in_one_call_and_lost_ones_left_alone);
	RUN(what_others_hold_or_wait_for_stays_when_many_are_finished);
	RUN(a_retry_waits_until_it_is_due_and_carries_its_history);
	RUN(a_buried_job_lies_in_the_dead_stream_with_its_reason);
	RUN(an_end_that_is_asked_for_again_counts_one_attempt);
	RUN(a_job_whose_workers_all_died_is_dead_after_max_attempts);
	RUN(a_job_handed_back_is_the_next_one_given_and_no_attempt);
	RUN(leaving_hands_back_what_is_pending);
	redis_server_stop(&server);
	return test_done();
}
