/*
 * One thread a check: probe, note what was seen, sleep until the next turn. Everything that is told is what was noted; a
 * mutex guards it for the time of a copy.
 */
#include "common/health/health.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/condition.h"
#include "common/base/json_text.h"
#include "common/base/log.h"
#include "common/base/stop.h"
#include "common/base/version.h"

const char *const health_status_names[HEALTH_UNKNOWN + 1] = { "off", "ok", "degraded", "down", "unknown" };

struct watch {
	struct health *health;
	struct health_check check;
	struct health_report report; /* under health.mutex */
	pthread_t thread;
	bool started;
};

struct health {
	struct watch watches[HEALTH_MOST_CHECKS];
	size_t count;
	int64_t interval_ms;
	pthread_mutex_t mutex; /* guards the reports and `ending` */
	pthread_cond_t changed;
	bool ending;
};

/* ---- probing ---- */

static void note(struct watch *watch, enum health_status status, int64_t latency_us, const struct error *error)
{
	struct health_report *report = &watch->report;
	int64_t now_ms = clock_unix_ms();
	bool changed = report->status != status;
	(void)pthread_mutex_lock(&watch->health->mutex);
	if (changed)
		report->since_ms = now_ms;
	report->status = status;
	report->latency_us = latency_us;
	report->checked_ms = now_ms;
	if (status == HEALTH_OK)
		report->success_ms = now_ms;
	report->error = status == HEALTH_OK ? (struct error){ 0 } : *error;
	report->probes++;
	(void)pthread_cond_broadcast(&watch->health->changed);
	(void)pthread_mutex_unlock(&watch->health->mutex);
	if (changed && status == HEALTH_OK)
		log_info("dependency_ok", log_string("dependency", watch->check.name),
			 log_number("latency_ms", (double)latency_us / 1000));
	else if (changed)
		log_warning(status == HEALTH_DOWN ? "dependency_down" : "dependency_degraded",
			    log_string("dependency", watch->check.name), log_failure(error));
}

static void *run_watch(void *argument)
{
	struct watch *watch = argument;
	struct health *health = watch->health;
	bool ending = false;
	while (!ending) {
		struct error error = { 0 };
		int64_t started_us = clock_monotonic_us();
		enum health_status status = watch->check.probe(watch->check.context, &error);
		note(watch, status, clock_monotonic_us() - started_us, &error);
		int64_t next_ms = started_us / 1000 + health->interval_ms + 1;
		(void)pthread_mutex_lock(&health->mutex);
		while (!health->ending && clock_monotonic_ms() < next_ms)
			(void)condition_wait_until(&health->changed, &health->mutex, next_ms * 1000);
		ending = health->ending;
		(void)pthread_mutex_unlock(&health->mutex);
	}
	return NULL;
}

/* ---- life ---- */

static bool start_watches(struct health *health, struct error *error)
{
	for (size_t index = 0; index < health->count; index++) {
		struct watch *watch = &health->watches[index];
		if (!watch->check.probe)
			continue;
		int failure = stop_start_thread(&watch->thread, run_watch, watch);
		if (failure)
			return error_set(error, ERROR_INTERNAL, "starting a thread: %s", strerror(failure));
		watch->started = true;
	}
	return true;
}

static void close_checks(const struct health_check *checks, size_t count)
{
	for (size_t index = 0; index < count; index++)
		if (checks[index].close)
			checks[index].close(checks[index].context);
}

struct health *health_start(const struct health_check *checks, size_t count, int64_t interval_ms, struct error *error)
{
	struct health *health = calloc(1, sizeof *health);
	if (!health || count > HEALTH_MOST_CHECKS) {
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "no memory for %zu health checks", count);
		free(health);
		close_checks(checks, count);
		return NULL;
	}
	health->count = count;
	health->interval_ms = interval_ms > 0 ? interval_ms : HEALTH_INTERVAL_MS;
	(void)pthread_mutex_init(&health->mutex, NULL);
	condition_init(&health->changed);
	for (size_t index = 0; index < count; index++)
		health->watches[index] = (struct watch){
			.health = health,
			.check = checks[index],
			.report = { .name = checks[index].name,
				    .required = checks[index].required,
				    .status = checks[index].probe ? HEALTH_UNKNOWN : HEALTH_OFF,
				    .latency_us = -1,
				    .since_ms = clock_unix_ms() },
		};
	if (start_watches(health, error))
		return health;
	health_stop(health);
	return NULL;
}

void health_stop(struct health *health)
{
	if (!health)
		return;
	(void)pthread_mutex_lock(&health->mutex);
	health->ending = true;
	(void)pthread_cond_broadcast(&health->changed);
	(void)pthread_mutex_unlock(&health->mutex);
	for (size_t index = 0; index < health->count; index++) {
		struct watch *watch = &health->watches[index];
		if (watch->started)
			(void)pthread_join(watch->thread, NULL);
		close_checks(&watch->check, 1);
	}
	(void)pthread_cond_destroy(&health->changed);
	(void)pthread_mutex_destroy(&health->mutex);
	free(health);
}

/* ---- telling ---- */

bool health_wait_first(struct health *health, int64_t wait_ms)
{
	int64_t until_ms = clock_monotonic_ms() + wait_ms;
	bool all = false, more = true;
	(void)pthread_mutex_lock(&health->mutex);
	while (!all && more) {
		all = true;
		for (size_t index = 0; index < health->count; index++)
			all &= health->watches[index].report.status != HEALTH_UNKNOWN;
		if (!all)
			more = condition_wait_until(&health->changed, &health->mutex, until_ms * 1000);
	}
	(void)pthread_mutex_unlock(&health->mutex);
	return all;
}

size_t health_read(struct health *health, struct health_report reports[static HEALTH_MOST_CHECKS])
{
	(void)pthread_mutex_lock(&health->mutex);
	for (size_t index = 0; index < health->count; index++)
		reports[index] = health->watches[index].report;
	(void)pthread_mutex_unlock(&health->mutex);
	return health->count;
}

static enum health_status judge(const struct health_report *reports, size_t count)
{
	enum health_status overall = HEALTH_OK;
	for (size_t index = 0; index < count; index++) {
		enum health_status status = reports[index].status;
		if (status == HEALTH_OFF || status == HEALTH_OK)
			continue;
		if (reports[index].required && status != HEALTH_DEGRADED)
			return HEALTH_DOWN;
		overall = HEALTH_DEGRADED;
	}
	return overall;
}

enum health_status health_overall(struct health *health)
{
	struct health_report reports[HEALTH_MOST_CHECKS];
	size_t count = health_read(health, reports);
	return judge(reports, count);
}

static void write_time(struct buffer *json, const char *name, int64_t unix_ms)
{
	char text[CLOCK_RFC3339_SIZE];
	if (unix_ms)
		buffer_printf(json, ",\"%s\":\"%s\"", name, clock_rfc3339(unix_ms, text));
}

static void write_report(struct buffer *json, const struct health_report *report, bool inside)
{
	json_text_string(json, report->name, strlen(report->name));
	buffer_printf(json, ":{\"status\":\"%s\"", health_status_names[report->status]);
	if (report->status != HEALTH_OFF) {
		if (report->latency_us >= 0)
			buffer_printf(json, ",\"latency_ms\":%" PRId64 ".%03" PRId64, report->latency_us / 1000,
				      report->latency_us % 1000);
		write_time(json, "since", report->since_ms);
		write_time(json, "checked_at", report->checked_ms);
		write_time(json, "last_success", report->success_ms);
	}
	if (report->error.code != ERROR_NONE) {
		const char *why = inside ? report->error.message : error_code_name(report->error.code);
		buffer_append_string(json, ",\"error\":");
		json_text_string(json, why, strlen(why));
	}
	buffer_append_char(json, '}');
}

static enum health_status write_all(struct health *health, struct buffer *json, bool inside)
{
	struct health_report reports[HEALTH_MOST_CHECKS];
	size_t count = health_read(health, reports);
	enum health_status overall = judge(reports, count);
	buffer_printf(json, "{\"status\":\"%s\",\"version\":", health_status_names[overall]);
	json_text_string(json, FILOT_VERSION, strlen(FILOT_VERSION));
	buffer_append_string(json, ",\"checks\":{");
	for (size_t index = 0; index < count; index++) {
		if (index)
			buffer_append_char(json, ',');
		write_report(json, &reports[index], inside);
	}
	buffer_append_string(json, "}}");
	return overall;
}

enum health_status health_write(struct health *health, struct buffer *json)
{
	return write_all(health, json, true);
}

enum health_status health_write_public(struct health *health, struct buffer *json)
{
	return write_all(health, json, false);
}

void health_metrics(struct health *health, struct metrics *metrics)
{
	struct health_report reports[HEALTH_MOST_CHECKS];
	size_t count = health_read(health, reports);
	for (size_t index = 0; index < count; index++) {
		const struct health_report *report = &reports[index];
		if (report->status == HEALTH_OFF || report->status == HEALTH_UNKNOWN)
			continue;
		double up = report->status == HEALTH_OK ? 1 : report->status == HEALTH_DEGRADED ? 0.5 : 0;
		metrics_set(metrics, METRIC_DEPENDENCY_UP, up, report->name);
		metrics_set(metrics, METRIC_DEPENDENCY_LATENCY, (double)report->latency_us / 1e6, report->name);
	}
}
