/*
 * Rate limits: token buckets in Redis (rate_take.lua), shared by all processes. A process takes tokens of a user in small
 * batches and spends them from a table in memory, so that most requests cost no round trip; what it may hold is at most a
 * sixteenth of the burst.
 *
 * When Redis is away everything is let through (fail open): the limits protect us from clients that are too eager, and to
 * refuse everybody would be worse. It is logged, and Redis is left alone for five seconds.
 */
#ifndef FILOT_API_RATES_H
#define FILOT_API_RATES_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/redis/redis.h"

struct rates;

struct rates *rates_new(struct error *error);
void rates_free(struct rates *rates);

struct rate_limit {
	const char *kind; /* "user", "login-address", "login-account": a part of the key */
	const char *who; /* hashed before it leaves the process */
	int64_t per_minute, burst;
};

/* Takes one. False: none is left, and *wait_ms says when there will be. Any thread; `redis` is the calling thread's. */
bool rates_take(struct rates *rates, struct redis *redis, const struct rate_limit *limit, int64_t *wait_ms);

#endif
