/*
 * The connection on which claims are renewed and ended and the worker is told of, used by all threads in turn. Those that
 * finish a job while another one is being finished wait in line and are finished together, by one call: so a worker with
 * many slots, or one whose Redis is far, does not wait for a round trip a job.
 */
#ifndef OCR_CONTROL_H
#define OCR_CONTROL_H

#include <pthread.h>

#include "common/redis/queue.h"

struct finish; /* one that waits in line */

struct control {
	pthread_mutex_t mutex; /* held by who uses the connection */
	struct redis *redis;
	struct queue *queue;
	pthread_mutex_t line_mutex; /* guards `line`; nothing is waited for while it is held */
	struct finish *line;
};

#define CONTROL_INITIALIZER { .mutex = PTHREAD_MUTEX_INITIALIZER, .line_mutex = PTHREAD_MUTEX_INITIALIZER }

/* queue_finish, with all that wait for it. Takes `mutex` itself. */
bool control_finish(struct control *control, struct delivery *delivery, const char *event, bool *owned,
		    struct error *error);

#endif
