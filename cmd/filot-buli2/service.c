/*
 * The main thread looks: it puts due retries and due rows in the stream, so long as the breaker lets requests through and
 * the stream is short (rows wait better in the database). Each sender empties the stream one request at a time and then
 * sleeps until the next look. That costs one statement and one script call each --poll while there is nothing to do.
 */
#include "cmd/filot-buli2/service.h"

#include <stdlib.h>
#include <string.h>

#include "cmd/filot-buli2/sender.h"
#include "common/base/clock.h"
#include "common/base/condition.h"
#include "common/base/log.h"
#include "common/base/stop.h"

#define MOST_IN_STREAM 1000
#define REST_MS 1000 /* after a service failed */

struct service {
	const struct delivery_settings *settings;
	struct output *output;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int64_t round;	 /* each look begins one */
	int64_t claimed; /* requests, in all */
	int64_t ended;	 /* senders that have ended this round */
	bool over;
	struct error failure; /* the last one of a sender in this round */
};

struct worker {
	struct service *service;
	struct sender sender;
	pthread_t thread;
	bool started;
};

static void rest(struct service *service, int64_t ms)
{
	int64_t until_us = clock_monotonic_us() + ms * 1000;
	(void)pthread_mutex_lock(&service->lock);
	while (!service->over && condition_wait_until(&service->changed, &service->lock, until_us))
		;
	(void)pthread_mutex_unlock(&service->lock);
}

/* One request out of the stream. *got false: there is none for us now. */
static bool send_one(struct worker *worker, bool *got, struct error *error)
{
	struct sender *sender = &worker->sender;
	struct buli2_request request;
	struct buli2_receipt receipt;
	struct buli2_claim claim;
	struct error why = { 0 };
	*got = false;
	if (!buli2_queue_claim(sender->queue, &claim, got, error) || !*got)
		return error->code == ERROR_NONE;
	bool good;
	if (buli2_request_parse(&request, claim.line.data ? claim.line.data : "", claim.line.length, &why)) {
		good = sender_deliver(sender, &request, claim.entry, &receipt, error) &&
		       (receipt.end == BULI2_SKIPPED || output_receipt(worker->service->output, &receipt, error));
		buli2_request_free(&request);
	} else {
		receipt = (struct buli2_receipt){ .end = BULI2_REFUSED, .error = why };
		good = sender_refuse(sender, &claim, &why, error) &&
		       output_receipt(worker->service->output, &receipt, error);
	}
	buffer_free(&claim.line);
	return good;
}

static bool is_over(struct service *service)
{
	(void)pthread_mutex_lock(&service->lock);
	bool over = service->over;
	(void)pthread_mutex_unlock(&service->lock);
	return over;
}

/* Sends until there is nothing more; a failure ends the round for this sender. */
static void send_round(struct worker *worker)
{
	struct service *service = worker->service;
	for (bool got = true; got && !stop_requests && !is_over(service);) {
		struct error why = { 0 };
		bool good = send_one(worker, &got, &why);
		(void)pthread_mutex_lock(&service->lock);
		service->claimed += got;
		if (!good)
			service->failure = why;
		(void)pthread_mutex_unlock(&service->lock);
		if (!good) {
			log_warning("sender_failed", log_failure(&why), log_string("sender", worker->sender.name));
			rest(service, REST_MS);
			return;
		}
	}
}

static void *work(void *argument)
{
	struct worker *worker = argument;
	struct service *service = worker->service;
	int64_t seen = 0;
	for (;;) {
		(void)pthread_mutex_lock(&service->lock);
		while (!service->over && service->round == seen)
			(void)pthread_cond_wait(&service->changed, &service->lock);
		seen = service->round;
		bool over = service->over;
		(void)pthread_mutex_unlock(&service->lock);
		if (over)
			return NULL;
		send_round(worker);
		(void)pthread_mutex_lock(&service->lock);
		service->ended++;
		(void)pthread_cond_broadcast(&service->changed);
		(void)pthread_mutex_unlock(&service->lock);
	}
}

/* Due rows go into the stream. */
static bool relay(struct sender *sender, int64_t *count, struct error *error)
{
	struct buli2_request requests[BULI2_DUE_ROWS];
	struct buffer lines[BULI2_DUE_ROWS] = { 0 };
	const char *texts[BULI2_DUE_ROWS];
	size_t rows;
	if (!deliveries_due(sender->pg, sender->settings->again_ms, requests, &rows, error))
		return false;
	bool good = true;
	for (size_t row = 0; row < rows; row++) {
		buli2_request_write(&requests[row], &lines[row]);
		good = good && (!lines[row].failed || error_set(error, ERROR_OUT_OF_MEMORY, "out of memory"));
		texts[row] = lines[row].data;
	}
	/* When this fails, the rows are given again in a while. */
	good = good && (!rows || buli2_queue_send(sender->queue, texts, rows, error));
	for (size_t row = 0; row < rows; row++) {
		buffer_free(&lines[row]);
		buli2_request_free(&requests[row]);
	}
	*count = (int64_t)rows;
	return good;
}

static bool look(struct sender *sender, struct buli2_looked *looked, int64_t *relayed, struct error *error)
{
	*relayed = 0;
	if (!buli2_queue_look(sender->queue, looked, error))
		return false;
	if (looked->breaker_ms > 0 || looked->requests >= MOST_IN_STREAM)
		return true;
	return relay(sender, relayed, error);
}

static void begin_round(struct service *service)
{
	(void)pthread_mutex_lock(&service->lock);
	service->round++;
	service->ended = 0;
	service->claimed = 0;
	service->failure = (struct error){ 0 };
	(void)pthread_cond_broadcast(&service->changed);
	(void)pthread_mutex_unlock(&service->lock);
}

static void run_queue(struct service *service, struct sender *scout)
{
	const struct delivery_settings *settings = service->settings;
	int64_t open_ms = 0;
	while (!stop_requests && !service->output->failed) {
		struct buli2_looked looked = { 0 };
		struct error why = { 0 };
		int64_t relayed = 0;
		if (!look(scout, &looked, &relayed, &why))
			log_warning("look_failed", log_failure(&why));
		else if (looked.requests || relayed)
			begin_round(service);
		metrics_set(service->output->metrics, METRIC_BULI2_BREAKER, looked.breaker_ms > 0, service->output->process);
		if (looked.breaker_ms > 0 && open_ms == 0)
			log_info("breaker_waits", log_integer("ms", looked.breaker_ms));
		open_ms = looked.breaker_ms;
		/* A full batch of rows: there are more. */
		if (relayed < BULI2_DUE_ROWS || looked.requests >= MOST_IN_STREAM)
			clock_sleep_ms(settings->poll_ms);
	}
}

/* A round of all senders, to its end. *claimed: how many requests they took. */
static bool whole_round(struct service *service, int64_t *claimed, struct error *error)
{
	begin_round(service);
	(void)pthread_mutex_lock(&service->lock);
	while (service->ended < service->settings->jobs)
		(void)pthread_cond_wait(&service->changed, &service->lock);
	struct error failure = service->failure;
	*claimed = service->claimed;
	(void)pthread_mutex_unlock(&service->lock);
	return failure.code == ERROR_NONE || error_set(error, failure.code, "%s", failure.message);
}

/* Until a round finds nothing to send. What other senders hold is theirs. */
static bool run_drain(struct service *service, struct sender *scout, struct error *error)
{
	for (;;) {
		struct buli2_looked looked = { 0 };
		int64_t relayed, claimed;
		if (!look(scout, &looked, &relayed, error))
			return false;
		if (looked.breaker_ms > 0 && looked.requests + looked.due > 0)
			return error_set(error, ERROR_TRY_AGAIN,
					 "BULI2 is down: the circuit breaker is open for %lld ms more, and requests are left",
					 (long long)looked.breaker_ms);
		if (!whole_round(service, &claimed, error))
			return false;
		if (stop_requests)
			return error_set(error, ERROR_TRY_AGAIN, "stopped before all was sent");
		if (!claimed && !relayed)
			return true;
	}
}

static bool start_workers(struct service *service, struct worker *workers, struct error *error)
{
	const struct delivery_settings *settings = service->settings;
	for (int64_t index = 0; index < settings->jobs; index++) {
		workers[index].service = service;
		if (!sender_open(&workers[index].sender, settings, (int)index, error))
			return false;
	}
	for (int64_t index = 0; index < settings->jobs; index++) {
		if (stop_start_thread(&workers[index].thread, work, &workers[index]) != 0)
			return error_set(error, ERROR_INTERNAL, "a thread could not be started");
		workers[index].started = true;
	}
	return true;
}

bool service_run(const struct delivery_settings *settings, struct output *output, struct error *error)
{
	struct service service = { .settings = settings, .output = output };
	struct worker *workers = calloc((size_t)settings->jobs, sizeof *workers);
	struct sender scout = { 0 };
	bool good = false;
	(void)pthread_mutex_init(&service.lock, NULL);
	condition_init(&service.changed);
	if (!workers) {
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
		goto out;
	}
	if (!sender_open(&scout, settings, -1, error) || !start_workers(&service, workers, error))
		goto out;
	log_info("ready", log_integer("senders", settings->jobs));
	good = !settings->drain || run_drain(&service, &scout, error);
	if (!settings->drain)
		run_queue(&service, &scout);
out:
	(void)pthread_mutex_lock(&service.lock);
	service.over = true; /* each sender ends the request that it sends */
	(void)pthread_cond_broadcast(&service.changed);
	(void)pthread_mutex_unlock(&service.lock);
	for (int64_t index = 0; workers && index < settings->jobs; index++) {
		if (workers[index].started)
			(void)pthread_join(workers[index].thread, NULL);
		sender_close(&workers[index].sender);
	}
	/* Now that all have written their last. */
	if (good && output->failed)
		good = error_set(error, ERROR_INTERNAL, "standard output cannot be written");
	sender_close(&scout);
	free(workers);
	(void)pthread_cond_destroy(&service.changed);
	(void)pthread_mutex_destroy(&service.lock);
	return good;
}
