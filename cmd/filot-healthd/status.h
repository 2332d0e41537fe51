/* The page's JSON: what workers do, what failed last and how to bring it back. */
#ifndef HEALTHD_STATUS_H
#define HEALTHD_STATUS_H

#include "cmd/filot-healthd/figures.h"
#include "common/redis/queue_admin.h"

/* Jobs that workers hold, and the newest of the dead; in one script call that sends no job lines. NULL when it fails. */
redisReply *status_look(struct redis *redis, const char *queue_name, struct error *error);

struct status_source {
	const char *queue_name;
	int64_t visibility_ms;
	const struct figures *figures;
	const struct queue_overview *overview; /* NULL: not known */
	const redisReply *look;		       /* of status_look; NULL: not known */
};

/* Members without braces. */
void status_write(const struct status_source *source, struct buffer *json);

/* True for a worker seen within three visibility times. */
bool status_worker_live(const struct queue_worker *worker, int64_t visibility_ms);

#endif
