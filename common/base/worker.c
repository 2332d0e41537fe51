/* One condition for both ends: being woken and being ended. */
#include "common/base/worker.h"

#include <string.h>

#include "common/base/clock.h"
#include "common/base/condition.h"
#include "common/base/stop.h"

static void wait_woken(struct worker *worker, int64_t ms)
{
	int64_t until_us = clock_monotonic_us() + ms * 1000;
	while (!worker->woken && !worker->ending && condition_wait_until(&worker->changed, &worker->mutex, until_us))
		;
	worker->woken = false;
}

static void *run(void *argument)
{
	struct worker *worker = argument;
	(void)pthread_mutex_lock(&worker->mutex);
	while (!worker->ending) {
		(void)pthread_mutex_unlock(&worker->mutex);
		int64_t pause_ms = worker->round(worker->context);
		(void)pthread_mutex_lock(&worker->mutex);
		wait_woken(worker, pause_ms);
	}
	(void)pthread_mutex_unlock(&worker->mutex);
	return NULL;
}

bool worker_start(struct worker *worker, int64_t (*round)(void *context), void *context, struct error *error)
{
	*worker = (struct worker){ .round = round, .context = context };
	(void)pthread_mutex_init(&worker->mutex, NULL);
	condition_init(&worker->changed);
	int failure = stop_start_thread(&worker->thread, run, worker);
	worker->started = failure == 0;
	if (failure) {
		(void)pthread_mutex_destroy(&worker->mutex);
		(void)pthread_cond_destroy(&worker->changed);
		return error_set(error, ERROR_INTERNAL, "starting a thread: %s", strerror(failure));
	}
	return true;
}

void worker_wake(struct worker *worker)
{
	(void)pthread_mutex_lock(&worker->mutex);
	worker->woken = true;
	(void)pthread_cond_signal(&worker->changed);
	(void)pthread_mutex_unlock(&worker->mutex);
}

bool worker_ending(struct worker *worker)
{
	(void)pthread_mutex_lock(&worker->mutex);
	bool ending = worker->ending;
	(void)pthread_mutex_unlock(&worker->mutex);
	return ending;
}

void worker_stop(struct worker *worker)
{
	if (!worker->started)
		return;
	(void)pthread_mutex_lock(&worker->mutex);
	worker->ending = true;
	(void)pthread_cond_signal(&worker->changed);
	(void)pthread_mutex_unlock(&worker->mutex);
	(void)pthread_join(worker->thread, NULL);
	worker->started = false;
	(void)pthread_mutex_destroy(&worker->mutex);
	(void)pthread_cond_destroy(&worker->changed);
}
