/* Condition variables that wait until a time of the monotonic clock, so that a clock that is set moves no wait. */
#ifndef FILOT_CONDITION_H
#define FILOT_CONDITION_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* For condition_wait_until; it serves pthread_cond_wait as well. pthread_cond_destroy ends it. */
void condition_init(pthread_cond_t *condition);

/* Like pthread_cond_wait until then, by clock_monotonic_us; false when that time has come. */
bool condition_wait_until(pthread_cond_t *condition, pthread_mutex_t *mutex, int64_t monotonic_us);

#endif
