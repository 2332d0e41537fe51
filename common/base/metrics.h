/*
 * A process's figures: counters, gauges and histograms with labels, rendered as OpenMetrics 1.0. What can be counted is
 * the table in metrics_families.c, so that all commands, and filot-healthd which adds them up, mean the same by a name.
 *
 *   metrics_count(metrics, METRIC_JOBS, 1, "done", "");
 *   metrics_time_us(metrics, METRIC_JOB_STAGE, us, "fetch");
 *   metrics_set(metrics, METRIC_QUEUE_DEPTH, 12, "high");
 *
 * Safe from many threads. A series is made when it is first named and stays; finding it again takes no lock, and adding
 * is one atomic instruction. A NULL registry counts nothing, so callers need not ask whether figures are wanted.
 */
#ifndef FILOT_METRICS_H
#define FILOT_METRICS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/error.h"

#define METRIC_MOST_LABELS 3
#define METRICS_MOST_SERIES 4000 /* more (a label with too many values) are not counted: see metrics_lost */
#define METRICS_CONTENT_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

/* Labels in their order beside each name. */
enum metric_name {
	METRIC_JOBS, /* status (done, failed, retried), code */
	METRIC_PAGES,
	METRIC_JOB_STAGE, /* stage: queue, fetch, decode, layout, recognise, store, total */
	METRIC_API_REQUESTS, /* route, method, status */
	METRIC_API_SECONDS, /* route */
	METRIC_API_UPLOAD_BYTES,
	METRIC_API_CONNECTIONS, /* process */
	METRIC_BULI2_DELIVERIES, /* outcome, status */
	METRIC_BULI2_SECONDS,
	METRIC_BULI2_CALLBACKS, /* outcome */
	METRIC_BULI2_BREAKER, /* process: 1 while open */
	METRIC_TEMPORAL_CALLS, /* call, outcome */
	METRIC_TEMPORAL_SECONDS, /* call */
	/* of the whole system, by filot-healthd */
	METRIC_QUEUE_DEPTH, /* priority */
	METRIC_QUEUE_IN_FLIGHT,
	METRIC_QUEUE_OLDEST,
	METRIC_QUEUE_DELAYED,
	METRIC_QUEUE_OVERDUE,
	METRIC_QUEUE_DEAD,
	METRIC_QUEUE_BACKLOG,
	METRIC_WORKERS,
	METRIC_WORKER_UP, /* worker */
	METRIC_WORKER_SEEN, /* worker */
	METRIC_WORKER_SLOTS, /* worker */
	METRIC_WORKER_BUSY, /* worker */
	METRIC_WORKER_PAGES_RATE, /* worker */
	METRIC_GPU_UTILIZATION, /* worker, gpu */
	METRIC_GPU_MEMORY, /* worker, gpu, kind (used, total) */
	METRIC_BULI2_REQUESTS,
	METRIC_BULI2_RETRY,
	METRIC_BULI2_DEAD,
	METRIC_PROCESS_UP, /* process, command */
	METRIC_DEPENDENCY_UP, /* dependency */
	METRIC_DEPENDENCY_LATENCY, /* dependency */
	METRIC_DISK_USED, /* path */
	METRIC_DISK_SIZE, /* path */
	METRIC_COLLECTED, /* Unix time of what the other gauges say */
	METRIC_BUILD, /* version */
	METRIC_NAME_COUNT
};

struct metric_family {
	const char *name; /* without _total; ends with _UNIT when there is one */
	enum metric_kind kind;
	const char *unit; /* "seconds", "bytes", "ratio" or NULL */
	const char *help;
	const char *labels[METRIC_MOST_LABELS + 1]; /* NULL-terminated */
	const int64_t *bounds_us; /* histograms: upper bounds, ascending, 0 after the last */
};

extern const struct metric_family metric_families[METRIC_NAME_COUNT];

struct metrics;

struct metrics *metrics_new(struct error *error); /* ERROR_OUT_OF_MEMORY */
void metrics_free(struct metrics *metrics); /* NULL is fine */

/*
 * Use the macros: they make the array of label values, which ends with NULL. A value is cut to 100 bytes; a missing one is
 * "", what is not UTF-8 in it becomes U+FFFD.
 */
void metrics_add_to(struct metrics *metrics, enum metric_name name, int64_t amount, const char *const *labels);
void metrics_set_to(struct metrics *metrics, enum metric_name name, double value, const char *const *labels);
void metrics_observe_us(struct metrics *metrics, enum metric_name name, int64_t us, const char *const *labels);

#define metric_labels(...) ((const char *const[]){ __VA_ARGS__ __VA_OPT__(, ) NULL })
#define metrics_count(metrics, name, amount, ...) \
	metrics_add_to((metrics), (name), (amount), metric_labels(__VA_ARGS__)) /* a counter; amount >= 0 */
#define metrics_set(metrics, name, value, ...) \
	metrics_set_to((metrics), (name), (value), metric_labels(__VA_ARGS__)) /* a gauge */
#define metrics_time_us(metrics, name, us, ...) \
	metrics_observe_us((metrics), (name), (us), metric_labels(__VA_ARGS__)) /* a histogram, in microseconds */

/* Counters are never set back. What a counter, or a histogram's count, has reached; 0 for a series that is not there. */
int64_t metrics_value(const struct metrics *metrics, enum metric_name name, const char *const *labels);

/* The sum of a counter over all series whose label number `label` has the value; label -1: over all. */
int64_t metrics_sum(const struct metrics *metrics, enum metric_name name, int label, const char *value);

/* Appends everything as OpenMetrics text, "# EOF" at its end. Families without series are left out. */
void metrics_render(const struct metrics *metrics, struct buffer *text);

/* Series refused because there were METRICS_MOST_SERIES, or memory ended. */
int64_t metrics_lost(const struct metrics *metrics);

/*
 * What counters and histograms grew by since the last call, as cells: name, value. A cell's name is "FAMILY{LABELS}" for a
 * counter, and for a histogram "FAMILY{LABELS} BOUND-US" (not cumulative; "inf" above the last) and "FAMILY{LABELS} sum_us".
 * `visit` gets each that grew. For one thread: the publisher.
 */
typedef void metrics_visit(void *context, const char *cell, int64_t amount);
void metrics_take(struct metrics *metrics, metrics_visit *visit, void *context);

/*
 * Appends the gauges that have the label "process", a line each: "FAMILY{LABELS} VALUE\n". Others are about the system, not
 * about the process that tells them, and two processes that told them would contradict each other.
 */
void metrics_gauges(const struct metrics *metrics, struct buffer *text);

/*
 * The way back: adds a cell (or sets a gauge) by its name. False for what is no cell of this version's table; then nothing
 * is changed. A bucket with a bound that the table does not have counts for the next higher one.
 */
bool metrics_restore(struct metrics *metrics, const char *cell, int64_t amount);
bool metrics_restore_gauge(struct metrics *metrics, const char *cell, double value);

#endif
