/*
 * The last hours, one sample a minute, in one list of Redis: filot:{QUEUE}:samples holds HISTORY_SAMPLES short texts, the
 * newest first, some 25 KiB. Whoever samples a minute first puts it there, so several daemons and restarts give one history.
 */
#ifndef HEALTHD_HISTORY_H
#define HEALTHD_HISTORY_H

#include "cmd/filot-healthd/figures.h"
#include "common/base/buffer.h"
#include "common/redis/redis.h"

#define HISTORY_SAMPLES 360 /* six hours */

/*
 * Adds the sample of this minute unless it is there, and writes the whole history:
 * {"v":1,"samples":360,"columns":["minute",…],"rows":[[…],…]}, the oldest first, minutes since 1970.
 */
bool history_add(struct redis *redis, const char *queue_name, const struct figures *figures, struct buffer *json,
		 struct error *error);

#endif
