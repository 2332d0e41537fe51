/* One condition for both ends: being woken and being ended. */
#include "cmd/filot-api/worker.h"

#include <string.h>
#include <time.h>

#include "common/base/stop.h"

static void wait_woken(struct worker *worker, int64_t ms)
{
	struct timespec until;
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	int64_t nanoseconds = until.tv_nsec + ms % 1000 * 1000000;
	until.tv_sec += (time_t)(ms / 1000 + nanoseconds / 1000000000);
	until.tv_nsec = (long)(nanoseconds % 1000000000);
	while (!worker->woken && !worker->ending &&
	       pthread_cond_timedwait(&worker->changed, &worker->mutex, &until) == 0)
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
	pthread_condattr_t attributes;
	*worker = (struct worker){ .round = round, .context = context };
	(void)pthread_mutex_init(&worker->mutex, NULL);
	(void)pthread_condattr_init(&attributes);
	(void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&worker->changed, &attributes);
	(void)pthread_condattr_destroy(&attributes);
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
