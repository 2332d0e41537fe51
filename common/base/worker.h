/* A background thread that does something again and again: when woken, else after a pause; until it is ended. */
#ifndef FILOT_WORKER_H
#define FILOT_WORKER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/error.h"

struct worker {
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	bool started, woken, ending;
	void *context;
	int64_t (*round)(void *context); /* does what is to be done; returns the ms until it should be called again */
};

/* Starts calling `round` in a thread of its own, which gets no signals. */
bool worker_start(struct worker *worker, int64_t (*round)(void *context), void *context, struct error *error);

/* Calls `round` soon; any thread. */
void worker_wake(struct worker *worker);

/* True once worker_stop was called: a round that has much to do should end. */
bool worker_ending(struct worker *worker);

/* Waits for the round that runs, and ends. Fine for one that was never started, and twice. */
void worker_stop(struct worker *worker);

#endif
