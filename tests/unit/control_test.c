/* Threads of a worker that finish jobs on one connection: those that wait go together, and each hears of its own. */
#include "cmd/filot-ocr-gpu/control.c" /* a command's own file: it is in no library */

#include <pthread.h>

#include "tests/unit/queue_side.h"

#define THREADS 150 /* more than one call takes */
#define LOST 77

struct thread {
	pthread_t id;
	struct control *control;
	struct delivery delivery;
	bool finished, owned;
};

static void *run_finish(void *argument)
{
	struct thread *self = argument;
	struct error why = { 0 };
	self->finished = control_finish(self->control, &self->delivery, "{}", &self->owned, &why);
	return NULL;
}

static size_t line_length(struct control *control)
{
	size_t length = 0;
	(void)pthread_mutex_lock(&control->line_mutex);
	for (const struct finish *finish = control->line; finish; finish = finish->next)
		length++;
	(void)pthread_mutex_unlock(&control->line_mutex);
	return length;
}

/* How many scripts the server has run. */
static long long script_calls(void)
{
	const char *argv[] = { "INFO", "commandstats" };
	redisReply *reply = redis_command(server.operator, true, 2, argv, NULL, &error);
	const char *at = reply && reply->str ? strstr(reply->str, "cmdstat_evalsha:calls=") : NULL;
	long long calls = at ? strtoll(at + strlen("cmdstat_evalsha:calls="), NULL, 10) : -1;
	freeReplyObject(reply);
	return calls;
}

static void finishes_that_wait_for_the_connection_go_together(void)
{
	static struct thread threads[THREADS];
	struct side sender = side_open(NULL);
	struct side worker = side_open_patient("w");
	struct side other = side_open_patient("other");
	struct control control = CONTROL_INITIALIZER;
	struct delivery warm;
	struct delivery taken;
	char id[ULID_SIZE];
	control.queue = worker.queue;
	put(&sender, NULL, JOB_PRIORITY_NORMAL, id);
	CHECK(claim(&worker, 0, &warm) && finish(&worker, &warm)); /* the script is there now */
	for (int index = 0; index < THREADS; index++) {
		put(&sender, NULL, JOB_PRIORITY_NORMAL, id);
		CHECK(claim(&worker, 0, &threads[index].delivery));
		threads[index].control = &control;
	}
	(void)redis_server_ask(&server, "XCLAIM filot:{ocr}:jobs workers handed-back 0 %s RETRYCOUNT 0 JUSTID",
			       threads[LOST].delivery.entry);
	(void)redis_server_ask(&server, "INCR filot:{ocr}:takeovers");
	CHECK(claim(&other, 0, &taken));
	CHECK_STRING(taken.entry, threads[LOST].delivery.entry);

	long long calls = script_calls();
	(void)pthread_mutex_lock(&control.mutex);
	for (int index = 0; index < THREADS; index++)
		CHECK(pthread_create(&threads[index].id, NULL, run_finish, &threads[index]) == 0);
	int64_t end_ms = clock_monotonic_ms() + PATIENCE_MS;
	while (line_length(&control) < THREADS && clock_monotonic_ms() < end_ms)
		clock_sleep_ms(1);
	(void)pthread_mutex_unlock(&control.mutex);
	for (int index = 0; index < THREADS; index++) {
		(void)pthread_join(threads[index].id, NULL);
		CHECK(threads[index].finished);
		CHECK_INTEGER(threads[index].owned, index != LOST);
		delivery_free(&threads[index].delivery);
	}
	CHECK_INTEGER(script_calls() - calls, 2);
	CHECK_INTEGER(queued(), 1);
	CHECK_INTEGER(redis_server_ask(&server, "XLEN filot:{ocr}:events"), THREADS - 1);
	CHECK(finish(&other, &taken));
	side_close(&other);
	side_close(&worker);
	side_close(&sender);
}

int main(void)
{
	redis_server_start(&server);
	RUN(finishes_that_wait_for_the_connection_go_together);
	redis_server_stop(&server);
	return test_done();
}
