/*
 * The worker's threads: the main thread claims jobs for idle handlers, each handler thread takes one delivery to its
 * end, and the keeper renews claims and tells the queue that this worker lives. Two connections to Redis: one that waits
 * for jobs, one (control) on which everything else is said.
 */
#include "consumer.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/condition.h"
#include "common/base/json_text.h"
#include "common/base/log.h"
#include "common/base/process_name.h"
#include "common/base/stop.h"
#include "common/redis/metrics_publish.h"
#include "common/redis/queue_admin.h"
#include "delivery.h"
#include "protection.h"

#define CLAIM_BLOCK_MS 2000 /* bounds how late a stop signal and a due retry are noticed */
#define HEARTBEAT_MS 15000
#define METRICS_MS 60000
#define PROGRESS_MS 1000 /* jobs that are read within that tell of their end only */
#define PROTECTION_MS 1000 /* how soon after becoming busy or idle the ECS agent is told */
#define RECONNECT_MS 3000

struct handler_thread {
	struct consumer *consumer;
	struct handler handler;
	pthread_t thread;
	bool started;
	bool busy; /* holds `delivery`; under consumer.mutex */
	struct delivery delivery;
	int told_pages; /* how many of them followers know to be read; -1: nothing yet */
};

struct consumer {
	const struct ocr_settings *settings;
	struct engine *engine;
	char worker[160];
	struct redis *redis; /* the main thread's, for claiming */
	struct queue *queue;
	struct control control;
	pthread_mutex_t mutex; /* guards busy, ending and the condition */
	pthread_cond_t changed;
	bool ending;
	struct handler_thread *threads;
	size_t thread_count;
	pthread_t keeper;
	bool keeper_started;
	struct protection *protection; /* the keeper's */
	struct handler_counts counts;
	struct metrics *metrics;
	struct metrics_publisher *publisher;
};

/* Waits on `changed` for at most `ms`. The mutex is held. */
static void wait_changed(struct consumer *consumer, int64_t ms)
{
	(void)condition_wait_until(&consumer->changed, &consumer->mutex, clock_monotonic_us() + ms * 1000);
}

static void *run_handler(void *argument)
{
	struct handler_thread *self = argument;
	struct consumer *consumer = self->consumer;
	(void)pthread_mutex_lock(&consumer->mutex);
	for (;;) {
		while (!self->busy && !consumer->ending)
			(void)pthread_cond_wait(&consumer->changed, &consumer->mutex);
		if (!self->busy)
			break;
		(void)pthread_mutex_unlock(&consumer->mutex);
		delivery_handle(&self->handler, &self->delivery);
		(void)pthread_mutex_lock(&consumer->mutex);
		delivery_free(&self->delivery);
		self->busy = false;
		(void)pthread_cond_broadcast(&consumer->changed);
	}
	(void)pthread_mutex_unlock(&consumer->mutex);
	return NULL;
}

static size_t count_busy(const struct consumer *consumer)
{
	size_t busy = 0;
	for (size_t index = 0; index < consumer->thread_count; index++)
		busy += consumer->threads[index].busy;
	return busy;
}

static size_t busy_now(struct consumer *consumer)
{
	(void)pthread_mutex_lock(&consumer->mutex);
	size_t busy = count_busy(consumer);
	(void)pthread_mutex_unlock(&consumer->mutex);
	return busy;
}

/* Renews all claims; handlers whose claim was taken over are told to stop. */
static void renew_claims(struct consumer *consumer)
{
	struct delivery *held = calloc(consumer->thread_count, sizeof *held);
	struct delivery **list = calloc(consumer->thread_count, sizeof *list);
	size_t count = 0;
	struct error error = { 0 };
	(void)pthread_mutex_lock(&consumer->mutex);
	/* Copies of what identifies a delivery: its thread may end it while Redis is asked. */
	for (size_t index = 0; held && list && index < consumer->thread_count; index++)
		if (consumer->threads[index].busy) {
			held[count] = consumer->threads[index].delivery;
			list[count] = &held[count];
			count++;
		}
	(void)pthread_mutex_unlock(&consumer->mutex);
	if (count) {
		(void)pthread_mutex_lock(&consumer->control.mutex);
		if (!queue_renew(consumer->control.queue, list, count, &error))
			log_warning("renewal_failed", log_failure(&error));
		(void)pthread_mutex_unlock(&consumer->control.mutex);
	}
	(void)pthread_mutex_lock(&consumer->mutex);
	for (size_t index = 0; index < count; index++)
		for (size_t other = 0; held[index].lost && other < consumer->thread_count; other++) {
			struct handler_thread *thread = &consumer->threads[other];
			if (!thread->busy || strcmp(thread->delivery.entry, held[index].entry) != 0 ||
			    thread->delivery.stream != held[index].stream)
				continue;
			atomic_store(&thread->handler.lost, true);
			slot_interrupt(thread->handler.slot);
		}
	(void)pthread_mutex_unlock(&consumer->mutex);
	free(held);
	free(list);
}

static void send_heartbeat(struct consumer *consumer, int64_t started_ms)
{
	struct buffer json = { 0 };
	struct error error = { 0 };
	char host[128] = "";
	char seen[CLOCK_RFC3339_SIZE];
	(void)gethostname(host, sizeof host - 1);
	double seconds = (double)(clock_monotonic_ms() - started_ms) / 1000.0;
	double pages = (double)atomic_load(&consumer->counts.pages);
	buffer_append_string(&json, "{\"host\":");
	json_text_string(&json, host, strlen(host));
	buffer_printf(&json,
		      ",\"pid\":%ld,\"backend\":\"%s\",\"slots\":%zu,\"busy\":%zu,\"done\":%lld,\"failed\":%lld,"
		      "\"pages_per_s\":%.3f,\"seen\":\"%s\"}",
		      (long)getpid(), engine_backend(consumer->engine), consumer->thread_count, busy_now(consumer), atomic_load(&consumer->counts.done),
		      atomic_load(&consumer->counts.failed), seconds > 0 ? pages / seconds : 0.0,
		      clock_rfc3339(clock_unix_ms(), seen));
	(void)pthread_mutex_lock(&consumer->control.mutex);
	if (json.failed || !queue_heartbeat(consumer->control.queue, json.data, &error))
		log_debug("heartbeat_failed", log_failure(&error));
	(void)pthread_mutex_unlock(&consumer->control.mutex);
	buffer_free(&json);
}

/* Tells those who follow how far the documents are that take long: all that is new in one go. */
static void tell_progress(struct consumer *consumer)
{
	struct buffer *lines = calloc(consumer->thread_count, sizeof *lines);
	const char **texts = calloc(consumer->thread_count, sizeof *texts);
	struct error error = { 0 };
	size_t count = 0;
	(void)pthread_mutex_lock(&consumer->mutex);
	for (size_t index = 0; lines && texts && index < consumer->thread_count; index++) {
		struct handler_thread *thread = &consumer->threads[index];
		const struct reader_progress *progress = slot_progress(thread->handler.slot);
		int pages = thread->busy ? atomic_load(&progress->pages) : 0, read = atomic_load(&progress->read);
		if (!pages || read == thread->told_pages)
			continue;
		delivery_write_progress(&thread->handler, &thread->delivery.job, read, pages, &lines[count]);
		thread->told_pages = read;
		texts[count] = lines[count].data;
		count += !lines[count].failed;
	}
	(void)pthread_mutex_unlock(&consumer->mutex);
	if (count) {
		(void)pthread_mutex_lock(&consumer->control.mutex);
		if (!queue_progress(consumer->control.queue, texts, count, &error))
			log_debug("progress_not_told", log_failure(&error));
		(void)pthread_mutex_unlock(&consumer->control.mutex);
	}
	for (size_t index = 0; lines && index < consumer->thread_count; index++)
		buffer_free(&lines[index]);
	free(lines);
	free(texts);
}

static void log_metrics(struct consumer *consumer)
{
	log_info("metrics", log_integer("done", atomic_load(&consumer->counts.done)),
		 log_integer("failed", atomic_load(&consumer->counts.failed)),
		 log_integer("retried", atomic_load(&consumer->counts.retried)),
		 log_integer("pages", atomic_load(&consumer->counts.pages)), log_integer("busy", busy_now(consumer)),
		 log_integer("slots", consumer->thread_count));
	engine_log_figures(consumer->engine, LOG_LEVEL_INFO);
}

static void *run_keeper(void *argument)
{
	struct consumer *consumer = argument;
	int64_t started_ms = clock_monotonic_ms();
	int64_t renew_ms = started_ms;
	int64_t heartbeat_ms = started_ms;
	int64_t metrics_ms = started_ms + METRICS_MS;
	int64_t progress_ms = started_ms + PROGRESS_MS;
	bool ending = false;
	while (!ending) {
		int64_t now_ms = clock_monotonic_ms();
		if (now_ms >= renew_ms) {
			renew_claims(consumer);
			renew_ms = now_ms + consumer->settings->visibility_ms / 3;
		}
		if (now_ms >= heartbeat_ms) {
			send_heartbeat(consumer, started_ms);
			heartbeat_ms = now_ms + HEARTBEAT_MS;
		}
		if (now_ms >= metrics_ms) {
			log_metrics(consumer);
			metrics_ms = now_ms + METRICS_MS;
		}
		if (now_ms >= progress_ms) {
			tell_progress(consumer);
			progress_ms = now_ms + PROGRESS_MS;
		}
		protection_update(consumer->protection, busy_now(consumer) > 0);
		int64_t next_ms = renew_ms < heartbeat_ms ? renew_ms : heartbeat_ms;
		if (next_ms > now_ms + PROTECTION_MS)
			next_ms = now_ms + PROTECTION_MS;
		(void)pthread_mutex_lock(&consumer->mutex);
		if (!consumer->ending)
			wait_changed(consumer, next_ms > now_ms ? next_ms - now_ms : 1);
		ending = consumer->ending;
		(void)pthread_mutex_unlock(&consumer->mutex);
	}
	return NULL;
}

static void name_worker(struct consumer *consumer)
{
	if (consumer->settings->worker)
		(void)snprintf(consumer->worker, sizeof consumer->worker, "%s", consumer->settings->worker);
	else
		(void)process_name(consumer->worker, sizeof consumer->worker);
}

static bool open_queue(struct consumer *consumer, struct redis **redis, struct queue **queue, struct error *error)
{
	const struct ocr_settings *settings = consumer->settings;
	const struct redis_settings connection = { .url = settings->redis_url, .ca = settings->redis_ca,
						   .client_name = "filot-ocr-gpu", .connect_ms = 5000,
						   .command_ms = 5000, .reconnect_ms = RECONNECT_MS };
	struct queue_settings names = queue_default_settings;
	names.name = settings->queue_name;
	names.worker = consumer->worker;
	names.visibility_ms = settings->visibility_ms;
	names.max_attempts = settings->max_attempts;
	*redis = redis_new(&connection, error);
	if (!*redis || !redis_connect(*redis, settings->wait_ms, error))
		return false;
	*queue = queue_new(&names, *redis, error);
	return *queue && queue_prepare(*queue, error);
}

static struct pg *open_database(const struct ocr_settings *settings, struct error *error)
{
	const struct pg_settings connection = { .url = settings->database_url, .application_name = "filot-ocr-gpu",
						.connect_ms = 10000, .statement_ms = 60000,
						.reconnect_ms = RECONNECT_MS };
	struct pg *pg = pg_new(&connection, error);
	if (pg && pg_connect(pg, settings->wait_ms, error))
		return pg;
	pg_free(pg);
	return NULL;
}

/* A database without our tables would send every job to the dead stream: say so before any is taken. */
static bool check_schema(struct pg *pg, struct error *error)
{
	PGresult *result = pg_query(pg, true, "SELECT to_regclass('jobs') IS NOT NULL", 0, NULL, error);
	if (!result)
		return false;
	bool there = PQntuples(result) == 1 && strcmp(PQgetvalue(result, 0, 0), "t") == 0;
	PQclear(result);
	return there || error_set(error, ERROR_CONFIG, "%s has no table \"jobs\": run filot-migrate up", pg_where(pg));
}

static bool open_handler(struct consumer *consumer, struct handler_thread *thread, struct error *error)
{
	thread->consumer = consumer;
	thread->handler = (struct handler){ .settings = consumer->settings, .worker = consumer->worker,
					    .engine = consumer->engine,
					    .control = &consumer->control, .counts = &consumer->counts,
					    .metrics = consumer->metrics };
	thread->handler.slot = slot_new(consumer->settings, consumer->engine, error);
	thread->handler.pg = thread->handler.slot ? open_database(consumer->settings, error) : NULL;
	if (!thread->handler.pg || !check_schema(thread->handler.pg, error))
		return false;
	struct error warm = { 0 };
	if (!slot_warm_up(thread->handler.slot, &warm))
		log_warning("reader_not_ready", log_failure(&warm));
	int failure = stop_start_thread(&thread->thread, run_handler, thread);
	if (failure)
		return error_set(error, ERROR_INTERNAL, "starting a thread: %s", strerror(failure));
	thread->started = true;
	return true;
}

static bool open_metrics(struct consumer *consumer, struct error *error)
{
	const struct metrics_publish_settings settings = { .metrics = consumer->metrics = metrics_new(error),
							   .redis_url = consumer->settings->redis_url,
							   .redis_ca = consumer->settings->redis_ca,
							   .queue_name = consumer->settings->queue_name,
							   .command = "filot-ocr-gpu" };
	consumer->publisher = settings.metrics ? metrics_publisher_start(&settings, error) : NULL;
	return consumer->publisher != NULL;
}

static bool consumer_open(struct consumer *consumer, struct error *error)
{
	name_worker(consumer);
	consumer->thread_count = (size_t)consumer->settings->jobs;
	consumer->threads = calloc(consumer->thread_count, sizeof *consumer->threads);
	if (!consumer->threads)
		return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
	if (!open_queue(consumer, &consumer->redis, &consumer->queue, error) ||
	    !open_queue(consumer, &consumer->control.redis, &consumer->control.queue, error))
		return false;
	queue_check_server(consumer->queue);
	if (!open_metrics(consumer, error))
		return false;
	consumer->engine = engine_open(consumer->settings, error);
	if (!consumer->engine)
		return false;
	for (size_t index = 0; index < consumer->thread_count; index++)
		if (!open_handler(consumer, &consumer->threads[index], error))
			return false;
	consumer->protection = protection_new(getenv("ECS_AGENT_URI"), error);
	if (!consumer->protection)
		return false;
	int failure = stop_start_thread(&consumer->keeper, run_keeper, consumer);
	if (failure)
		return error_set(error, ERROR_INTERNAL, "starting a thread: %s", strerror(failure));
	consumer->keeper_started = true;
	return true;
}

/* Ends the threads (handlers first come to the end of what they hold) and closes everything. */
static void consumer_close(struct consumer *consumer)
{
	(void)pthread_mutex_lock(&consumer->mutex);
	consumer->ending = true;
	(void)pthread_cond_broadcast(&consumer->changed);
	(void)pthread_mutex_unlock(&consumer->mutex);
	if (consumer->keeper_started)
		(void)pthread_join(consumer->keeper, NULL);
	protection_free(consumer->protection);
	for (size_t index = 0; consumer->threads && index < consumer->thread_count; index++) {
		struct handler_thread *thread = &consumer->threads[index];
		if (thread->started)
			(void)pthread_join(thread->thread, NULL);
		slot_free(thread->handler.slot);
		pg_free(thread->handler.pg);
	}
	engine_close(consumer->engine);
	metrics_publisher_stop(consumer->publisher);
	metrics_free(consumer->metrics);
	free(consumer->threads);
	queue_free(consumer->queue);
	queue_free(consumer->control.queue);
	redis_free(consumer->redis);
	redis_free(consumer->control.redis);
}

/* Gives claimed jobs to idle handlers; there are at least as many idle ones. */
static void dispatch(struct consumer *consumer, struct delivery *deliveries, size_t count)
{
	size_t next = 0;
	(void)pthread_mutex_lock(&consumer->mutex);
	for (size_t index = 0; index < consumer->thread_count && next < count; index++) {
		struct handler_thread *thread = &consumer->threads[index];
		if (thread->busy)
			continue;
		atomic_store(&thread->handler.lost, false);
		atomic_store(&thread->handler.abandon, false);
		/* others interrupt only busy handlers, and only under the mutex */
		slot_interrupt_clear(thread->handler.slot);
		thread->delivery = deliveries[next++];
		thread->told_pages = -1;
		thread->busy = true;
	}
	(void)pthread_cond_broadcast(&consumer->changed);
	(void)pthread_mutex_unlock(&consumer->mutex);
}

static size_t wait_for_idle(struct consumer *consumer)
{
	(void)pthread_mutex_lock(&consumer->mutex);
	/* signals do not end this wait, so it looks up from time to time */
	while (count_busy(consumer) == consumer->thread_count && !stop_requests && !engine_lost(consumer->engine, NULL))
		wait_changed(consumer, 250);
	size_t idle = consumer->thread_count - count_busy(consumer);
	(void)pthread_mutex_unlock(&consumer->mutex);
	return idle;
}

/* Claims and dispatches until a signal comes, the GPU is lost, or, with --once, nothing is left to do. */
static bool consume(struct consumer *consumer, struct error *error)
{
	struct delivery *deliveries = calloc(consumer->thread_count, sizeof *deliveries);
	if (!deliveries)
		return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
	for (int failures = 0; !stop_requests && !engine_lost(consumer->engine, NULL);) {
		size_t idle = wait_for_idle(consumer);
		size_t count = 0;
		if (!idle || stop_requests || engine_lost(consumer->engine, NULL))
			continue;
		bool once = consumer->settings->once;
		struct error claim_error = { 0 };
		if (!queue_claim(consumer->queue, idle, once ? 0 : CLAIM_BLOCK_MS, deliveries, &count, &claim_error)) {
			if (failures++ == 0)
				log_warning("claim_failed", log_failure(&claim_error));
			clock_sleep_ms(clock_backoff_ms(failures, 100, 5000));
			/* a server that lost its data lost the group with it */
			(void)queue_prepare(consumer->queue, &claim_error);
			continue;
		}
		if (failures) {
			log_info("claiming_again", log_integer("failures", failures));
			failures = 0;
		}
		dispatch(consumer, deliveries, count);
		if (once && !count) {
			if (idle == consumer->thread_count)
				break;
			(void)pthread_mutex_lock(&consumer->mutex);
			if (count_busy(consumer) > consumer->thread_count - idle)
				wait_changed(consumer, 100);
			(void)pthread_mutex_unlock(&consumer->mutex);
		}
	}
	free(deliveries);
	return true;
}

/* Lets running jobs finish for drain_ms, then has them handed back; a second signal or a lost GPU does so at once. */
static void drain(struct consumer *consumer)
{
	int64_t until_ms = clock_monotonic_ms() + consumer->settings->drain_ms;
	(void)pthread_mutex_lock(&consumer->mutex);
	size_t busy = count_busy(consumer);
	if (stop_requests)
		log_info("draining", log_integer("running", busy));
	while (count_busy(consumer) > 0) {
		bool abandon = stop_requests > 1 || engine_lost(consumer->engine, NULL) || (stop_requests && clock_monotonic_ms() >= until_ms);
		for (size_t index = 0; abandon && index < consumer->thread_count; index++) {
			struct handler_thread *thread = &consumer->threads[index];
			if (!thread->busy)
				continue;
			atomic_store(&thread->handler.abandon, true);
			slot_interrupt(thread->handler.slot);
		}
		wait_changed(consumer, 100);
	}
	(void)pthread_mutex_unlock(&consumer->mutex);
}

bool consumer_run(const struct ocr_settings *settings, struct error *error)
{
	struct consumer consumer = {
		.settings = settings,
		.mutex = PTHREAD_MUTEX_INITIALIZER,
		.control = CONTROL_INITIALIZER,
	};
	condition_init(&consumer.changed);
	bool done = consumer_open(&consumer, error);
	if (done) {
		log_info("ready", log_string("worker", consumer.worker), log_string("queue", settings->queue_name),
			 log_string("redis", redis_where(consumer.redis)),
			 log_string("database", pg_where(consumer.threads[0].handler.pg)),
			 log_integer("slots", consumer.thread_count));
		done = consume(&consumer, error);
		drain(&consumer);
		if (engine_lost(consumer.engine, error)) {
			log_error("gpu_lost", log_failure(error));
			done = false;
		}
		struct error leave = { 0 };
		if (!queue_leave(consumer.queue, &leave))
			log_warning("leaving_failed", log_failure(&leave));
		log_metrics(&consumer);
		log_info("stopped", log_string("worker", consumer.worker));
	}
	consumer_close(&consumer);
	return done;
}
