/* The queue against a real Redis when more waits than a stream's window holds: whose turn it is, and that all come. */
#include <inttypes.h>

#include "common/base/clock.h"
#include "common/redis/queue.h"
#include "common/redis/queue_admin.h"
#include "tests/unit/redis_server.h"
#include "tests/unit/test.h"

#define WINDOW 256
#define MOST_JOBS 6000

static struct redis_server server;
static struct error error;

/* What was sent, and when it was claimed: the how-manieth claim, 0 for not yet. */
static struct sent {
	char id[ULID_SIZE];
	int tenant; /* 0: none */
	enum job_priority priority;
	int claimed;
} sent[MOST_JOBS];
static int sent_count, claimed_count;

static struct redis *redis;
static struct queue *queue;

static void begin(int64_t most_waiting)
{
	struct queue_settings settings = queue_default_settings;
	struct redis_settings connection = { .url = server.url, .reconnect_ms = 10000 };
	(void)redis_server_ask(&server, "FLUSHALL");
	settings.worker = "w";
	settings.most_waiting = most_waiting;
	redis = redis_new(&connection, &error);
	queue = redis ? queue_new(&settings, redis, &error) : NULL;
	if (!queue || !queue_prepare(queue, &error)) {
		printf("Bail out! %s\n", error.message);
		exit(1);
	}
	sent_count = claimed_count = 0;
}

static void end(void)
{
	queue_free(queue);
	redis_free(redis);
}

/* Sends jobs of one tenant; returns the index of the first. */
static int send(int count, int tenant, enum job_priority priority)
{
	static struct job jobs[MOST_JOBS];
	static struct queue_receipt receipts[MOST_JOBS];
	char name[16];
	int first = sent_count;
	(void)snprintf(name, sizeof name, "t%d", tenant);
	struct job_template given = { .uri = "r2://bucket/a.png", .tenant = tenant ? name : NULL, .priority = priority };
	for (int index = 0; index < count; index++)
		CHECK(job_new(&jobs[index], &given, &error));
	CHECK(queue_enqueue(queue, jobs, (size_t)count, receipts, &error));
	for (int index = 0; index < count; index++) {
		CHECK_INTEGER(receipts[index].status, RECEIPT_QUEUED);
		struct sent *job = &sent[sent_count++];
		*job = (struct sent){ .tenant = tenant, .priority = priority };
		memcpy(job->id, receipts[index].job, ULID_SIZE);
		job_free(&jobs[index]);
	}
	return first;
}

static struct sent *find(const char *id)
{
	for (int index = 0; index < sent_count; index++)
		if (strcmp(sent[index].id, id) == 0)
			return &sent[index];
	return NULL;
}

/* Claims up to `most` and finishes them; each must be one that was sent and not yet claimed. */
static int claim(int most)
{
	struct delivery deliveries[64];
	size_t count = 0;
	bool owned = false;
	CHECK(queue_claim(queue, (size_t)most, 0, deliveries, &count, &error));
	for (size_t index = 0; index < count; index++) {
		struct sent *job = find(deliveries[index].job.id);
		CHECK(job && !job->claimed);
		if (job)
			job->claimed = ++claimed_count;
		CHECK(queue_finish(queue, &deliveries[index], NULL, &owned, &error) && owned);
		delivery_free(&deliveries[index]);
	}
	return (int)count;
}

static long long backlog(void)
{
	return redis_server_ask(&server, "GET filot:{ocr}:backlog") +
	       redis_server_ask(&server, "GET filot:{ocr}:backlog:high") +
	       redis_server_ask(&server, "GET filot:{ocr}:backlog:low");
}

/* Nothing waits, and nothing of the turns is kept. */
static void check_nothing_is_left(void)
{
	CHECK_INTEGER(claim(64), 0);
	CHECK_INTEGER(claimed_count, sent_count);
	CHECK_INTEGER(redis_server_ask(&server, "KEYS filot:{ocr}:backlog*"), 0);
	CHECK_INTEGER(redis_server_ask(&server, "KEYS filot:{ocr}:turns*"), 0);
	CHECK_INTEGER(redis_server_ask(&server, "XLEN filot:{ocr}:jobs"), 0);
}

static void ten_jobs_of_one_tenant_pass_the_thousands_of_others(void)
{
	begin(0);
	send(3000, 1, JOB_PRIORITY_NORMAL);
	send(1000, 2, JOB_PRIORITY_NORMAL);
	send(1000, 0, JOB_PRIORITY_NORMAL);
	for (int claims = 0; claims < 500; claims += claim(7)) {
	}
	int before = claimed_count;
	int first = send(10, 3, JOB_PRIORITY_NORMAL);
	while (claim(7) > 0) {
	}
	/* The window, and before the own job number k at most k + 1 of each of the three others. */
	for (int own = 1; own <= 10; own++)
		CHECK(sent[first + own - 1].claimed - before <= WINDOW + own + 3 * (own + 1));
	printf("# the tenth was claimed after %d\n", sent[first + 9].claimed - before);
	check_nothing_is_left();
	end();
}

static void a_tenant_that_comes_for_each_job_anew_gains_nothing(void)
{
	begin(0);
	send(1000, 1, JOB_PRIORITY_NORMAL);
	int first = send(20, 3, JOB_PRIORITY_NORMAL);
	while (claim(1) > 0)
		if (sent_count < 2000) { /* one job at a time of two tenants, always again */
			send(1, 4, JOB_PRIORITY_NORMAL);
			send(1, 5, JOB_PRIORITY_NORMAL);
		}
	for (int own = 1; own <= 20; own++)
		CHECK(sent[first + own - 1].claimed <= WINDOW + own + 3 * (own + 1));
	check_nothing_is_left();
	end();
}

static void jobs_without_a_tenant_come_in_the_order_of_their_sending(void)
{
	begin(0);
	send(700, 0, JOB_PRIORITY_NORMAL);
	while (claimed_count < 400)
		claim(9);
	send(800, 0, JOB_PRIORITY_NORMAL);
	while (claim(9) > 0) {
	}
	send(5, 0, JOB_PRIORITY_NORMAL);
	while (claim(9) > 0) {
	}
	for (int index = 0; index < sent_count; index++)
		CHECK_INTEGER(sent[index].claimed, index + 1);
	check_nothing_is_left();
	end();
}

static void high_comes_before_low_also_from_the_backlog(void)
{
	begin(0);
	int high_first = 1000;
	send(high_first, 1, JOB_PRIORITY_LOW);
	send(1000, 1, JOB_PRIORITY_HIGH);
	for (int claims = 0; claims < 80; claims++)
		CHECK_INTEGER(claim(10), 10);
	int high = 0;
	for (int index = high_first; index < sent_count; index++)
		high += sent[index].claimed > 0;
	CHECK_INTEGER(high, 700); /* one claim in eight looks at low first */
	while (claim(10) > 0) {
	}
	check_nothing_is_left();
	end();
}

static void many_workers_widen_the_window(void)
{
	begin(0);
	for (int index = 0; index < 199; index++)
		(void)redis_server_ask(&server, "XGROUP CREATECONSUMER filot:{ocr}:jobs workers c%d", index);
	(void)redis_server_ask(&server, "XGROUP CREATECONSUMER filot:{ocr}:jobs workers w");
	send(500, 0, JOB_PRIORITY_NORMAL);
	CHECK_INTEGER(redis_server_ask(&server, "XLEN filot:{ocr}:jobs"), 400);
	CHECK_INTEGER(backlog(), 100);
	while (claim(10) > 0) {
	}
	check_nothing_is_left();
	end();
}

static void figures_and_the_limit_count_the_backlog(void)
{
	struct queue_stats stats = { 0 };
	struct queue_overview overview;
	struct queue_receipt receipt;
	struct job job;
	struct job_template given = { .uri = "r2://bucket/a.png" };
	begin(1000);
	send(1000, 1, JOB_PRIORITY_LOW);
	CHECK_INTEGER(redis_server_ask(&server, "XLEN filot:{ocr}:jobs:low"), WINDOW);
	CHECK(job_new(&job, &given, &error));
	CHECK(queue_enqueue(queue, &job, 1, &receipt, &error));
	CHECK_INTEGER(receipt.status, RECEIPT_REFUSED);
	job_free(&job);
	clock_sleep_ms(30);
	claim(64);
	while (claimed_count < WINDOW + 1)
		claim(1); /* the window was filled again; its jobs still tell since when they wait */
	CHECK(queue_stats(queue, &stats, &error));
	CHECK_INTEGER(stats.ready[JOB_PRIORITY_LOW], 1000 - WINDOW - 1);
	CHECK(stats.oldest_ms >= 30);
	CHECK(queue_overview_read(queue, &overview, &error));
	CHECK_INTEGER(overview.streams[JOB_PRIORITY_LOW].waiting, 1000 - WINDOW - 1);
	CHECK(overview.streams[JOB_PRIORITY_LOW].oldest_ms >= 30);
	queue_overview_free(&overview);
	end();
}

/* Also more than fit in the window: what is due then waits its turn and is not lost. */
static void retries_that_are_due_take_their_turn(void)
{
	enum { RETRIES = 350 };
	begin(0);
	send(2000, 1, JOB_PRIORITY_NORMAL);
	for (int index = 0; index < RETRIES; index++) {
		struct delivery delivery;
		struct error why = { .code = ERROR_TIMEOUT, .message = "slow" };
		size_t count = 0;
		bool owned;
		CHECK(queue_claim(queue, 1, 0, &delivery, &count, &error) && count == 1);
		CHECK(queue_retry(queue, &delivery, clock_unix_ms() + 3600000, &why, &owned, &error) && owned);
		delivery_free(&delivery);
	}
	CHECK_INTEGER(redis_server_ask(&server, "ZCARD filot:{ocr}:delayed"), RETRIES);
	struct queue_view *view = calloc(1, sizeof *view);
	bool more = true;
	*view = (struct queue_view){ .place = PLACE_DELAYED };
	while (queue_view_next(queue, view, &more, &error) && more)
		for (size_t index = 0; index < view->count; index++) {
			struct queue_move move = { .act = ACT_PROMOTE, .item = &view->items[index], .job = view->items[index].job,
						   .tenant = "t1", .line = view->items[index].line,
						   .length = view->items[index].length };
			CHECK(queue_move(queue, false, &move, 1, &error));
			CHECK_INTEGER(move.moved, MOVED_DONE);
			view->removed++;
		}
	queue_view_close(view);
	free(view);
	int first = send(10, 2, JOB_PRIORITY_NORMAL);
	CHECK(redis_server_ask(&server, "XLEN filot:{ocr}:jobs") <= WINDOW);
	while (claim(9) > 0) {
	}
	CHECK(sent[first + 9].claimed <= WINDOW + 21);
	check_nothing_is_left();
	end();
}

static void an_operator_sees_and_removes_what_is_in_the_backlog(void)
{
	struct queue_view *view = calloc(1, sizeof *view);
	const char *wanted = NULL;
	bool more = true;
	int seen = 0;
	begin(0);
	send(1000, 1, JOB_PRIORITY_NORMAL);
	send(3, 2, JOB_PRIORITY_HIGH);
	*view = (struct queue_view){ .place = PLACE_READY };
	while (queue_view_next(queue, view, &more, &error) && more)
		for (size_t index = 0; index < view->count; index++) {
			const struct queue_item *item = &view->items[index];
			struct job job;
			CHECK(job_parse(&job, item->line, item->length, &error));
			CHECK_STRING(job.id, item->job);
			CHECK_INTEGER(item->stream, job.priority);
			CHECK(item->since_ms > clock_unix_ms() - 60000 && item->since_ms <= clock_unix_ms() + 1000);
			job_free(&job);
			seen++;
		}
	CHECK_INTEGER(seen, 1003);
	wanted = sent[900].id;
	*view = (struct queue_view){ .place = PLACE_READY, .jobs = &wanted, .job_count = 1 };
	more = true;
	int removed = 0;
	while (queue_view_next(queue, view, &more, &error) && more)
		for (size_t index = 0; index < view->count; index++) {
			struct queue_move move = { .act = ACT_REMOVE, .item = &view->items[index] };
			CHECK(queue_move(queue, true, &move, 1, &error) && move.moved == MOVED_DONE);
			CHECK(queue_move(queue, false, &move, 1, &error) && move.moved == MOVED_DONE);
			CHECK(queue_move(queue, false, &move, 1, &error) && move.moved == MOVED_GONE);
			view->removed++;
			removed++;
		}
	queue_view_close(view);
	CHECK_INTEGER(removed, 1);
	CHECK_INTEGER(backlog(), 1000 - WINDOW - 1);
	while (claim(50) > 0) {
	}
	CHECK_INTEGER(sent[900].claimed, 0);
	CHECK_INTEGER(claimed_count, 1002);
	free(view);
	end();
}

static void cancelled_jobs_of_the_backlog_are_dropped_when_met(void)
{
	begin(0);
	send(1000, 1, JOB_PRIORITY_NORMAL);
	for (int index = 10; index < 1000; index++)
		CHECK_INTEGER(redis_server_ask(&server, "SADD filot:{ocr}:cancel %s", sent[index].id), 1);
	for (int claims = 0; claims < 20; claims++) /* one claim drops a bounded number */
		claim(50);
	CHECK_INTEGER(claimed_count, 10);
	CHECK_INTEGER(backlog() + redis_server_ask(&server, "SCARD filot:{ocr}:cancel") +
			  redis_server_ask(&server, "XLEN filot:{ocr}:jobs"),
		      0);
	end();
}

/* One for each tenant that waits in the backlog. */
static long long kept_turns(void)
{
	return redis_server_ask(&server, "LLEN filot:{ocr}:turns") + redis_server_ask(&server, "LLEN filot:{ocr}:turns:high") +
	       redis_server_ask(&server, "LLEN filot:{ocr}:turns:low");
}

static void by_any_random_schedule_each_job_comes_once_and_each_tenants_in_order(void)
{
	unsigned seed = (unsigned)clock_unix_ms();
	printf("# seed %u\n", seed);
	begin(0);
	while (sent_count < MOST_JOBS - 400) {
		/* few tenants with much, and many with little */
		int tenant = rand_r(&seed) % 3 ? rand_r(&seed) % 4 : 4 + rand_r(&seed) % 500;
		int count = tenant < 4 ? 1 + rand_r(&seed) % 200 : 1 + rand_r(&seed) % 3;
		send(count, tenant, (enum job_priority)(rand_r(&seed) % 3));
		for (int claims = rand_r(&seed) % 4; claims > 0; claims--)
			claim(1 + rand_r(&seed) % 60);
		CHECK(kept_turns() <= backlog());
	}
	while (claim(1 + rand_r(&seed) % 60) > 0)
		CHECK(kept_turns() <= backlog());
	static int last[504][JOB_PRIORITY_COUNT];
	memset(last, 0, sizeof last);
	for (int index = 0; index < sent_count; index++) {
		int *before = &last[sent[index].tenant][sent[index].priority];
		CHECK(sent[index].claimed > *before);
		*before = sent[index].claimed;
	}
	check_nothing_is_left();
	end();
}

int main(void)
{
	redis_server_start(&server);
	TEST(ten_jobs_of_one_tenant_pass_the_thousands_of_others);
	TEST(a_tenant_that_comes_for_each_job_anew_gains_nothing);
	TEST(jobs_without_a_tenant_come_in_the_order_of_their_sending);
	TEST(high_comes_before_low_also_from_the_backlog);
	TEST(many_workers_widen_the_window);
	TEST(figures_and_the_limit_count_the_backlog);
	TEST(retries_that_are_due_take_their_turn);
	TEST(an_operator_sees_and_removes_what_is_in_the_backlog);
	TEST(cancelled_jobs_of_the_backlog_are_dropped_when_met);
	TEST(by_any_random_schedule_each_job_comes_once_and_each_tenants_in_order);
	redis_server_stop(&server);
	return test_done();
}
