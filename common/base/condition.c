/* POSIX condition variables wait by the wall clock unless they are made otherwise. */
#include "common/base/condition.h"

#include <time.h>

void condition_init(pthread_cond_t *condition)
{
	pthread_condattr_t attributes;
	(void)pthread_condattr_init(&attributes);
	(void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	(void)pthread_cond_init(condition, &attributes);
	(void)pthread_condattr_destroy(&attributes);
}

bool condition_wait_until(pthread_cond_t *condition, pthread_mutex_t *mutex, int64_t monotonic_us)
{
	const struct timespec until = { .tv_sec = (time_t)(monotonic_us / 1000000),
					.tv_nsec = (long)(monotonic_us % 1000000) * 1000 };
	return pthread_cond_timedwait(condition, mutex, &until) == 0;
}
