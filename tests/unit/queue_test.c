/* The queue as a whole against a real Redis: its figures, servers that lose data or restart, and any random schedule. */
#include "common/redis/queue_admin.h"
#include "tests/unit/queue_side.h"

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

int main(void)
{
	redis_server_start(&server);
	RUN(figures_tell_where_jobs_are);
	RUN(a_queue_without_its_group_is_waiting_as_a_whole);
	RUN(a_worker_goes_on_when_redis_lost_its_data);
	RUN(a_restarted_redis_is_met_again_within_the_budget);
	RUN(by_any_random_schedule_each_job_is_finished_once_or_dead_once);
	redis_server_stop(&server);
	return test_done();
}
