/*
 * Figures: how they are rendered, that many threads lose none, that the system's totals get each growth once, and that
 * health probes keep to their interval.
 */
#include "common/base/metrics.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/health/health.h"
#include "common/redis/metrics_publish.h"
#include "redis_server.h"
#include "test.h"

static struct redis_server server;

static struct metrics *fresh(void)
{
	struct error error;
	struct metrics *metrics = metrics_new(&error);
	if (!metrics)
		abort();
	return metrics;
}

static bool renders_quietly(const struct metrics *metrics, const char *piece)
{
	struct buffer text = { 0 };
	metrics_render(metrics, &text);
	bool there = strstr(text.data, piece) != NULL;
	buffer_free(&text);
	return there;
}

static bool renders(const struct metrics *metrics, const char *line)
{
	if (renders_quietly(metrics, line))
		return true;
	printf("# is not rendered: %s\n", line);
	return false;
}

/* ---- the registry ---- */

static void an_empty_registry_is_only_its_end(void)
{
	struct metrics *metrics = fresh();
	struct buffer text = { 0 };
	metrics_render(metrics, &text);
	CHECK_STRING(text.data, "# EOF\n");
	buffer_free(&text);
	metrics_free(metrics);
}

static void every_family_has_a_name_a_help_and_the_end_that_its_unit_wants(void)
{
	for (size_t name = 0; name < METRIC_NAME_COUNT; name++) {
		const struct metric_family *family = &metric_families[name];
		CHECK(family->name && strncmp(family->name, "filot_", 6) == 0);
		CHECK(family->help && *family->help);
		CHECK((family->kind == METRIC_HISTOGRAM) == (family->bounds_us != NULL));
		size_t length = family->unit ? strlen(family->unit) : 0;
		CHECK(!length || strcmp(family->name + strlen(family->name) - length, family->unit) == 0);
		CHECK(!strstr(family->name, "_total"));
		for (size_t other = 0; other < name; other++)
			CHECK(strcmp(metric_families[other].name, family->name) != 0);
		for (size_t index = 1; family->bounds_us && family->bounds_us[index]; index++)
			CHECK(family->bounds_us[index] > family->bounds_us[index - 1]);
	}
}

static void counters_gauges_and_histograms_are_rendered_with_their_heads(void)
{
	struct metrics *metrics = fresh();
	metrics_count(metrics, METRIC_JOBS, 2, "failed", "timeout");
	metrics_count(metrics, METRIC_JOBS, 3, "failed", "timeout");
	metrics_count(metrics, METRIC_PAGES, 7);
	metrics_set(metrics, METRIC_QUEUE_DEPTH, 12, "high");
	metrics_set(metrics, METRIC_QUEUE_BACKLOG, 0.25);
	metrics_time_us(metrics, METRIC_API_SECONDS, 1000, "/health");
	metrics_time_us(metrics, METRIC_API_SECONDS, 1001, "/health");
	metrics_time_us(metrics, METRIC_API_SECONDS, 99000000, "/health");
	CHECK(renders(metrics, "# TYPE filot_jobs counter\n# HELP filot_jobs "));
	CHECK(renders(metrics, "\nfilot_jobs_total{status=\"failed\",code=\"timeout\"} 5\n"));
	CHECK(renders(metrics, "\nfilot_pages_total 7\n"));
	CHECK(renders(metrics, "\nfilot_queue_depth{priority=\"high\"} 12\n"));
	CHECK(renders(metrics, "\nfilot_queue_backlog_per_worker 0.25\n"));
	CHECK(renders(metrics, "# UNIT filot_api_request_seconds seconds\n"));
	CHECK(renders(metrics, "\nfilot_api_request_seconds_bucket{route=\"/health\",le=\"0.001\"} 1\n"));
	CHECK(renders(metrics, "{route=\"/health\",le=\"0.0025\"} 2\n"));
	CHECK(renders(metrics, "{route=\"/health\",le=\"10.0\"} 2\n"));
	CHECK(renders(metrics, "{route=\"/health\",le=\"+Inf\"} 3\n"));
	CHECK(renders(metrics, "_count{route=\"/health\"} 3\nfilot_api_request_seconds_sum{route=\"/health\"} 99.002001\n"));
	metrics_free(metrics);
}

static void label_values_are_escaped_cut_and_made_utf8(void)
{
	struct metrics *metrics = fresh();
	char longest[300];
	memset(longest, 'x', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	metrics_set(metrics, METRIC_WORKER_UP, 1, "a\"b\\c\nd\xff");
	metrics_set(metrics, METRIC_WORKER_SLOTS, 1, longest);
	metrics_count(metrics, METRIC_JOBS, 1, "done");
	CHECK(renders(metrics, "filot_worker_up{worker=\"a\\\"b\\\\c\\nd\xef\xbf\xbd\"} 1\n"));
	longest[100] = '\0';
	char line[300];
	(void)snprintf(line, sizeof line, "filot_worker_slots{worker=\"%s\"} 1\n", longest);
	CHECK(renders(metrics, line));
	CHECK(renders(metrics, "filot_jobs_total{status=\"done\",code=\"\"} 1\n"));
	metrics_free(metrics);
}

static void a_missing_registry_counts_nothing(void)
{
	metrics_count(NULL, METRIC_PAGES, 1);
	metrics_time_us(NULL, METRIC_JOB_STAGE, 1, "fetch");
	metrics_set(NULL, METRIC_WORKERS, 1);
	CHECK(true); /* it came here */
}

static void too_many_series_are_refused_and_counted(void)
{
	struct metrics *metrics = fresh();
	for (int number = 0; number < METRICS_MOST_SERIES + 10; number++) {
		char worker[24];
		(void)snprintf(worker, sizeof worker, "w%d", number);
		metrics_set(metrics, METRIC_WORKER_UP, 1, worker);
	}
	CHECK_INTEGER(metrics_lost(metrics), 10);
	metrics_free(metrics);
}

static void sums_are_over_one_value_of_one_label_and_no_look_alike(void)
{
	struct metrics *metrics = fresh();
	metrics_count(metrics, METRIC_API_REQUESTS, 1, "/a", "GET", "200");
	metrics_count(metrics, METRIC_API_REQUESTS, 2, "/a", "GET", "503");
	metrics_count(metrics, METRIC_API_REQUESTS, 4, "/b", "POST", "503");
	metrics_count(metrics, METRIC_API_REQUESTS, 8, ",status=\"503\"", "GET", "200");
	CHECK_INTEGER(metrics_sum(metrics, METRIC_API_REQUESTS, 2, "503"), 6);
	CHECK_INTEGER(metrics_sum(metrics, METRIC_API_REQUESTS, -1, NULL), 15);
	CHECK_INTEGER(metrics_value(metrics, METRIC_API_REQUESTS, metric_labels("/b", "POST", "503")), 4);
	CHECK_INTEGER(metrics_value(metrics, METRIC_API_REQUESTS, metric_labels("/c", "POST", "503")), 0);
	metrics_free(metrics);
}

#define THREADS 8
#define ROUNDS 20000

static void *count_much(void *argument)
{
	static const char *const stages[] = { "queue", "fetch", "decode", "layout" };
	for (int round = 0; round < ROUNDS; round++) {
		char worker[24];
		(void)snprintf(worker, sizeof worker, "w%d", round % 97);
		metrics_count(argument, METRIC_JOBS, 1, "done", worker);
		metrics_time_us(argument, METRIC_JOB_STAGE, round, stages[round % 4]);
	}
	return NULL;
}

static void many_threads_lose_no_count(void)
{
	struct metrics *metrics = fresh();
	pthread_t threads[THREADS];
	for (int index = 0; index < THREADS; index++)
		(void)pthread_create(&threads[index], NULL, count_much, metrics);
	for (int index = 0; index < THREADS; index++)
		(void)pthread_join(threads[index], NULL);
	CHECK_INTEGER(metrics_sum(metrics, METRIC_JOBS, 0, "done"), THREADS * ROUNDS);
	CHECK_INTEGER(metrics_sum(metrics, METRIC_JOB_STAGE, -1, NULL), THREADS * ROUNDS);
	metrics_free(metrics);
}

/* ---- away and back ---- */

static void move_cell(void *context, const char *cell, int64_t amount)
{
	CHECK(metrics_restore(context, cell, amount));
}

static void what_is_taken_restores_to_the_same_text_and_is_taken_once(void)
{
	struct metrics *from = fresh(), *to = fresh();
	struct buffer one = { 0 }, other = { 0 };
	for (int round = 0; round < 2; round++) {
		metrics_count(from, METRIC_JOBS, 5, "failed", "a\"},{\\ \n");
		metrics_count(from, METRIC_PAGES, 1);
		metrics_time_us(from, METRIC_JOB_STAGE, 3000 + 40000000 * round, "fetch");
		metrics_time_us(from, METRIC_BULI2_SECONDS, INT64_C(1) << 40);
		metrics_take(from, move_cell, to);
		metrics_take(from, move_cell, to); /* nothing has grown */
	}
	metrics_render(from, &one);
	metrics_render(to, &other);
	CHECK_STRING(other.data, one.data);
	buffer_free(&one);
	buffer_free(&other);
	metrics_free(from);
	metrics_free(to);
}

static void what_is_no_cell_changes_nothing(void)
{
	static const char *const bad[] = {
		"", "filot_jobs", "filot_nothing{}", "filot_jobs{}", "filot_jobs{status=\"done\"}", "filot_pages{} 5",
		"filot_jobs{status=\"a\"b\",code=\"\"}", "filot_jobs{status=\"a\\\",code=\"\"}",
		"filot_jobs{code=\"\",status=\"done\"}", "filot_jobs{status=\"a\n\",code=\"\"}", "filot_job_stage_seconds{stage=\"x\"}",
		"filot_job_stage_seconds{stage=\"x\"} -1", "filot_job_stage_seconds{stage=\"x\"} 12x", "filot_workers{}",
		"filot_jobs{status=\"\xc0\xaf\",code=\"\"}", "}{", "{}",
	};
	for (size_t index = 0; index < sizeof bad / sizeof *bad; index++) {
		struct metrics *metrics = fresh();
		bool taken = metrics_restore(metrics, bad[index], 1);
		if (taken)
			printf("# taken: %s\n", bad[index]);
		CHECK(!taken);
		CHECK_INTEGER(metrics_sum(metrics, METRIC_JOBS, -1, NULL), 0);
		metrics_free(metrics);
	}
	struct metrics *metrics = fresh();
	CHECK(!metrics_restore(metrics, "filot_pages{}", -1));
	CHECK(!metrics_restore_gauge(metrics, "filot_pages{}", 1));
	CHECK(metrics_restore(metrics, "filot_pages{}", 3));
	CHECK(metrics_restore_gauge(metrics, "filot_workers{}", 2.5));
	CHECK(metrics_restore(metrics, "filot_job_stage_seconds{stage=\"x\"} 6000", 1)); /* no bound of ours: the next one */
	CHECK(renders(metrics, "{stage=\"x\",le=\"0.005\"} 0\n"));
	CHECK(renders(metrics, "{stage=\"x\",le=\"0.01\"} 1\n"));
	CHECK(renders(metrics, "filot_workers 2.5\n"));
	metrics_free(metrics);
}

/* ---- totals in Redis ---- */

static struct metrics_publisher *publish(struct metrics *metrics, const char *process)
{
	struct error error;
	const struct metrics_publish_settings settings = { .metrics = metrics, .redis_url = server.url, .queue_name = "t",
							   .command = "test", .process = process, .interval_ms = 20 };
	struct metrics_publisher *publisher = metrics_publisher_start(&settings, &error);
	CHECK(publisher != NULL);
	return publisher;
}

static int64_t total(enum metric_name name, const char *const *labels)
{
	struct error error = { 0 };
	struct metrics *metrics = fresh();
	if (!metrics_totals_read(server.operator, "t", metrics, NULL, &error))
		printf("# %s\n", error.message);
	int64_t value = metrics_value(metrics, name, labels);
	metrics_free(metrics);
	return value;
}

static bool total_becomes(int64_t wanted)
{
	int64_t until_ms = clock_monotonic_ms() + 10000;
	while (total(METRIC_PAGES, metric_labels()) != wanted && clock_monotonic_ms() < until_ms)
		clock_sleep_ms(5);
	return total(METRIC_PAGES, metric_labels()) == wanted;
}

static void processes_add_up_and_totals_outlive_them(void)
{
	redis_server_ask(&server, "FLUSHALL");
	for (int round = 1; round <= 2; round++) {
		struct metrics *one = fresh(), *two = fresh();
		struct metrics_publisher *first = publish(one, "p1"), *second = publish(two, "p2");
		metrics_count(one, METRIC_PAGES, 10);
		metrics_count(two, METRIC_PAGES, 1);
		metrics_set(two, METRIC_API_CONNECTIONS, 4, "p2");
		CHECK(total_becomes(11 * round));
		metrics_count(one, METRIC_JOBS, 1, "done", ""); /* not yet published: stop does it */
		metrics_publisher_stop(first);
		metrics_publisher_stop(second);
		CHECK_INTEGER(total(METRIC_JOBS, metric_labels("done", "")), round);
		CHECK_INTEGER(redis_server_ask(&server, "HLEN filot:{t}:gauges"), 0);
		metrics_free(one);
		metrics_free(two);
	}
	CHECK(total_becomes(22));
}

static void live_processes_are_told_with_their_gauges(void)
{
	struct error error;
	struct metrics *metrics = fresh(), *read = fresh();
	redis_server_ask(&server, "FLUSHALL");
	struct metrics_publisher *publisher = publish(metrics, "p9");
	metrics_set(metrics, METRIC_API_CONNECTIONS, 4, "p9");
	metrics_set(metrics, METRIC_DEPENDENCY_UP, 1, "redis"); /* not about the process: stays with it */
	metrics_count(metrics, METRIC_PAGES, 1);
	CHECK(total_becomes(1));
	CHECK(metrics_totals_read(server.operator, "t", read, NULL, &error));
	CHECK(renders(read, "filot_process_up{process=\"p9\",command=\"test\"} 1\n"));
	CHECK(renders(read, "filot_api_connections{process=\"p9\"} 4\n"));
	CHECK(!renders_quietly(read, "filot_dependency_up"));
	/* The row of one that has gone silent does not count. */
	redis_server_ask(&server, "HSET filot:{t}:gauges silent 1000");
	metrics_free(read);
	read = fresh();
	CHECK(metrics_totals_read(server.operator, "t", read, NULL, &error));
	CHECK(!renders_quietly(read, "silent"));
	metrics_publisher_stop(publisher);
	metrics_free(read);
	metrics_free(metrics);
}

static void what_is_counted_while_redis_is_away_is_added_once(void)
{
	struct metrics *metrics = fresh();
	redis_server_ask(&server, "FLUSHALL");
	struct metrics_publisher *publisher = publish(metrics, "p1");
	metrics_count(metrics, METRIC_PAGES, 5);
	CHECK(total_becomes(5));
	/* All connections cut again and again, while it counts: answers are lost in every place. */
	for (int round = 0; round < 60; round++) {
		metrics_count(metrics, METRIC_PAGES, 1);
		if (round % 3 == 0)
			redis_server_ask(&server, "CLIENT KILL TYPE normal SKIPME yes");
		clock_sleep_ms(5);
	}
	CHECK(total_becomes(65));
	metrics_publisher_stop(publisher);
	CHECK_INTEGER(total(METRIC_PAGES, metric_labels()), 65);
	metrics_free(metrics);
}

static void a_call_made_again_under_its_number_adds_nothing(void)
{
	redis_server_ask(&server, "FLUSHALL");
	/* As if the first call of p1 had been done and its answer lost: the row has its number. */
	redis_server_ask(&server, "HSET filot:{t}:metrics filot_pages{} 5");
	struct error error;
	const char *row[] = { "HSET", "filot:{t}:gauges", "p1", "99999999999999 1 test\n" };
	freeReplyObject(redis_command(server.operator, true, 4, row, NULL, &error));
	struct metrics *metrics = fresh();
	metrics_count(metrics, METRIC_PAGES, 5);
	struct metrics_publisher *publisher = publish(metrics, "p1");
	metrics_count(metrics, METRIC_PAGES, 0);
	int64_t until_ms = clock_monotonic_ms() + 5000;
	while (redis_server_ask(&server, "HSTRLEN filot:{t}:gauges p1") == 22 && clock_monotonic_ms() < until_ms)
		clock_sleep_ms(5);
	metrics_count(metrics, METRIC_PAGES, 2);
	CHECK(total_becomes(7));
	metrics_publisher_stop(publisher);
	metrics_free(metrics);
}

/* ---- health ---- */

struct fake {
	atomic_int calls;
	_Atomic(enum health_status) status;
	atomic_int sleep_ms;
};

static enum health_status probe_fake(void *context, struct error *error)
{
	struct fake *fake = context;
	atomic_fetch_add(&fake->calls, 1);
	clock_sleep_ms(atomic_load(&fake->sleep_ms));
	enum health_status status = atomic_load(&fake->status);
	if (status != HEALTH_OK)
		(void)error_set(error, ERROR_UNAVAILABLE, "it \"broke\"");
	return status;
}

static struct health *watch(struct fake *needed, struct fake *wished, int64_t interval_ms)
{
	struct error error;
	const struct health_check checks[] = { { "needed", true, probe_fake, needed, NULL },
					       { "wished", false, probe_fake, wished, NULL },
					       { "other", true, NULL, NULL, NULL } };
	return health_start(checks, 3, interval_ms, &error);
}

static bool overall_becomes(struct health *health, enum health_status wanted)
{
	int64_t until_ms = clock_monotonic_ms() + 10000;
	while (health_overall(health) != wanted && clock_monotonic_ms() < until_ms)
		clock_sleep_ms(2);
	return health_overall(health) == wanted;
}

static void however_many_ask_a_service_is_probed_once_in_an_interval(void)
{
	struct fake needed = { .status = HEALTH_OK }, wished = { .status = HEALTH_OK };
	int64_t started_ms = clock_monotonic_ms();
	struct health *health = watch(&needed, &wished, 200);
	int asked = 0;
	for (; clock_monotonic_ms() < started_ms + 700; asked++) {
		struct buffer json = { 0 };
		(void)health_write(health, &json);
		buffer_free(&json);
	}
	int64_t spent_ms = clock_monotonic_ms() - started_ms;
	CHECK(asked > 1000);
	CHECK(atomic_load(&needed.calls) >= 2);
	CHECK(atomic_load(&needed.calls) <= 1 + spent_ms / 200);
	health_stop(health);
}

static void the_whole_follows_what_is_required_and_off_counts_for_nothing(void)
{
	struct fake needed = { .status = HEALTH_OK }, wished = { .status = HEALTH_OK };
	struct health *health = watch(&needed, &wished, 5);
	CHECK(overall_becomes(health, HEALTH_OK));
	atomic_store(&wished.status, HEALTH_DOWN);
	CHECK(overall_becomes(health, HEALTH_DEGRADED));
	atomic_store(&needed.status, HEALTH_DOWN);
	CHECK(overall_becomes(health, HEALTH_DOWN));
	atomic_store(&wished.status, HEALTH_OK);
	atomic_store(&needed.status, HEALTH_DEGRADED);
	CHECK(overall_becomes(health, HEALTH_DEGRADED));
	health_stop(health);
}

static void what_was_not_probed_yet_is_unknown_and_the_whole_down(void)
{
	struct fake needed = { .status = HEALTH_OK, .sleep_ms = 300 }, wished = { .status = HEALTH_OK };
	struct health *health = watch(&needed, &wished, 1000);
	CHECK_INTEGER(health_overall(health), HEALTH_DOWN);
	CHECK(!health_wait_first(health, 10));
	struct buffer json = { 0 };
	CHECK_INTEGER(health_write(health, &json), HEALTH_DOWN);
	CHECK(strstr(json.data, "\"needed\":{\"status\":\"unknown\",\"since\":\"20") != NULL);
	buffer_free(&json);
	CHECK(health_wait_first(health, 10000));
	CHECK_INTEGER(health_overall(health), HEALTH_OK);
	health_stop(health);
}

static void since_is_when_the_state_began_and_last_success_stays(void)
{
	struct health_report before[HEALTH_MOST_CHECKS], after[HEALTH_MOST_CHECKS];
	struct fake needed = { .status = HEALTH_OK }, wished = { .status = HEALTH_OK };
	struct health *health = watch(&needed, &wished, 5);
	CHECK(overall_becomes(health, HEALTH_OK));
	int64_t broken_ms = clock_unix_ms();
	atomic_store(&needed.status, HEALTH_DOWN);
	CHECK(overall_becomes(health, HEALTH_DOWN));
	(void)health_read(health, before);
	int calls = atomic_load(&needed.calls);
	while (atomic_load(&needed.calls) < calls + 3)
		clock_sleep_ms(2);
	CHECK_INTEGER(health_read(health, after), 3);
	CHECK(before[0].since_ms >= broken_ms);
	CHECK_INTEGER(after[0].since_ms, before[0].since_ms);
	CHECK(after[0].checked_ms >= before[0].checked_ms);
	CHECK(after[0].success_ms > 0 && after[0].success_ms <= after[0].since_ms);
	CHECK_INTEGER(after[0].success_ms, before[0].success_ms);
	CHECK_STRING(after[0].error.message, "it \"broke\"");
	CHECK_INTEGER(after[2].status, HEALTH_OFF);
	struct buffer json = { 0 };
	CHECK_INTEGER(health_write(health, &json), HEALTH_DOWN);
	CHECK(strstr(json.data, "\"error\":\"it \\\"broke\\\"\"") != NULL);
	CHECK(strstr(json.data, "\"other\":{\"status\":\"off\"}") != NULL);
	buffer_clear(&json);
	CHECK_INTEGER(health_write_public(health, &json), HEALTH_DOWN);
	CHECK(strstr(json.data, "\"error\":\"unavailable\"") != NULL && !strstr(json.data, "broke"));
	buffer_free(&json);
	health_stop(health);
}

int main(void)
{
	redis_server_start(&server);
	TEST(an_empty_registry_is_only_its_end);
	TEST(every_family_has_a_name_a_help_and_the_end_that_its_unit_wants);
	TEST(counters_gauges_and_histograms_are_rendered_with_their_heads);
	TEST(label_values_are_escaped_cut_and_made_utf8);
	TEST(a_missing_registry_counts_nothing);
	TEST(too_many_series_are_refused_and_counted);
	TEST(sums_are_over_one_value_of_one_label_and_no_look_alike);
	TEST(many_threads_lose_no_count);
	TEST(what_is_taken_restores_to_the_same_text_and_is_taken_once);
	TEST(what_is_no_cell_changes_nothing);
	TEST(however_many_ask_a_service_is_probed_once_in_an_interval);
	TEST(the_whole_follows_what_is_required_and_off_counts_for_nothing);
	TEST(what_was_not_probed_yet_is_unknown_and_the_whole_down);
	TEST(since_is_when_the_state_began_and_last_success_stays);
	TEST(processes_add_up_and_totals_outlive_them);
	TEST(live_processes_are_told_with_their_gauges);
	TEST(what_is_counted_while_redis_is_away_is_added_once);
	TEST(a_call_made_again_under_its_number_adds_nothing);
	redis_server_stop(&server);
	return test_done();
}
