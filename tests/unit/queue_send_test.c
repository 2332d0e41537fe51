/* Sending against a real Redis: each key once, each batch once, and what a full queue says. */
#include "tests/unit/queue_side.h"

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

int main(void)
{
	redis_server_start(&server);
	RUN(a_key_is_queued_once_and_later_ones_hear_whose_it_is);
	RUN(many_batches_answer_in_the_order_of_their_jobs);
	RUN(a_batch_whose_answer_was_lost_takes_effect_once);
	RUN(scripts_flushed_with_batches_under_way_are_loaded_again);
	RUN(a_full_queue_refuses_the_batch_for_now);
	redis_server_stop(&server);
	return test_done();
}
