/*
 * One process's figures added to those of the whole system, so that totals outlive processes: every few seconds a thread
 * with a connection of its own adds what the counters and histogram buckets grew by to one hash, in one script call. Nothing
 * is called when nothing changed, save once a minute as a sign of life. While Redis is away the growth is kept, and a call
 * whose answer was lost is made again under the same number, so that nothing is counted twice.
 *
 *   filot:{QUEUE}:metrics  hash, cell (metrics_take) -> total
 *   filot:{QUEUE}:gauges   hash, process -> "UNIX-MS NUMBER COMMAND\n" and its gauges (metrics_gauges)
 *
 * A process's row counts for METRICS_ROW_MS; older ones are removed by who starts next, and by filot-healthd.
 */
#ifndef FILOT_METRICS_PUBLISH_H
#define FILOT_METRICS_PUBLISH_H

#include "common/base/metrics.h"
#include "common/redis/redis.h"

#define METRICS_PUBLISH_MS 5000
#define METRICS_ROW_MS 180000

struct metrics_publisher;

struct metrics_publish_settings {
	struct metrics *metrics; /* the caller's; outlives the publisher */
	const char *redis_url, *redis_ca;
	const char *queue_name; /* "ocr" */
	const char *command; /* "filot-api" */
	const char *process; /* unique in time too; NULL: host-pid-random is made */
	int64_t interval_ms; /* 0: METRICS_PUBLISH_MS */
};

/* Starts the thread; connects later, so an absent Redis is no failure. Strings are copied. */
struct metrics_publisher *metrics_publisher_start(const struct metrics_publish_settings *settings, struct error *error);

/* Publishes the rest (for at most two seconds), ends the thread and withdraws the process's row. NULL is fine. */
void metrics_publisher_stop(struct metrics_publisher *publisher);

/* The process's name, for gauges that are labelled with it. */
const char *metrics_publisher_process(const struct metrics_publisher *publisher);

/*
 * The totals and the gauges of all live processes, added to *metrics (a fresh one), and METRIC_PROCESS_UP for each of them.
 * `now_ms` of the server may be NULL.
 */
bool metrics_totals_read(struct redis *redis, const char *queue_name, struct metrics *metrics, int64_t *now_ms,
			 struct error *error);

#endif
