/* The queue at a glance: a line of JSON, or a table that --watch draws again. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/filot-requeue/commands.h"
#include "common/base/clock.h"
#include "common/base/json_text.h"
#include "common/base/log.h"
#include "common/base/stop.h"

/* What is made of the figures. */
struct totals {
	int64_t waiting, in_flight, oldest_ms, live, slots, busy;
	double done_per_s, pages_per_s;
	double backlog; /* jobs that wait for each live worker; all of them when there is none */
};

static bool is_live(const struct context *context, const struct queue_worker *worker)
{
	return worker->seen_ms >= 0 && worker->seen_ms <= 3 * context->settings->visibility_ms;
}

static double member_number(const json_t *json, const char *name)
{
	return json_number_value(json_object_get(json, name));
}

static struct totals add_up(const struct context *context, const struct queue_overview *overview)
{
	struct totals totals = { .oldest_ms = -1 };
	for (int stream = 0; stream < JOB_PRIORITY_COUNT; stream++) {
		totals.waiting += overview->streams[stream].waiting;
		totals.in_flight += overview->streams[stream].in_flight;
		if (overview->streams[stream].oldest_ms > totals.oldest_ms)
			totals.oldest_ms = overview->streams[stream].oldest_ms;
	}
	for (size_t index = 0; index < overview->worker_count; index++) {
		const struct queue_worker *worker = &overview->workers[index];
		if (!is_live(context, worker))
			continue;
		json_t *json = json_loads(worker->json, 0, NULL);
		totals.live++;
		totals.slots += (int64_t)member_number(json, "slots");
		totals.busy += (int64_t)member_number(json, "busy");
		totals.pages_per_s += member_number(json, "pages_per_s");
		json_decref(json);
	}
	totals.done_per_s = 1000.0 * (double)overview->finished / (double)overview->finished_in_ms;
	totals.backlog = (double)(totals.waiting + overview->overdue) / (double)(totals.live ? totals.live : 1);
	return totals;
}

/* ---- JSON ---- */

static void write_worker(const struct context *context, const struct queue_worker *worker, struct buffer *line)
{
	json_t *json = json_loads(worker->json, JSON_REJECT_DUPLICATES, NULL);
	buffer_append_string(line, "{\"worker\":");
	json_text_string(line, worker->name, strlen(worker->name));
	buffer_printf(line, ",\"live\":%s", is_live(context, worker) ? "true" : "false");
	if (worker->seen_ms >= 0)
		line_integer(line, "seen_ms", worker->seen_ms);
	line_integer(line, "claims", worker->claims);
	if (json_is_object(json)) {
		buffer_append_string(line, ",\"tells\":");
		buffer_append_string(line, worker->json);
	}
	buffer_append_char(line, '}');
	json_decref(json);
}

static void write_json(const struct context *context, const struct queue_overview *overview, const struct totals *totals)
{
	struct buffer line = { 0 };
	buffer_append_string(&line, "{\"v\":1");
	line_string(&line, "queue", context->settings->queue_name);
	line_time(&line, "at", overview->now_ms);
	line_integer(&line, "depth", totals->waiting + overview->delayed);
	line_integer(&line, "ready", totals->waiting);
	line_integer(&line, "in_flight", totals->in_flight);
	line_integer(&line, "delayed", overview->delayed);
	line_integer(&line, "overdue", overview->overdue);
	if (overview->next_due_ms >= 0)
		line_time(&line, "next_due_at", overview->next_due_ms);
	line_integer(&line, "dead", overview->dead);
	line_integer(&line, "oldest_ms", totals->oldest_ms < 0 ? 0 : totals->oldest_ms);
	line_integer(&line, "workers_live", totals->live);
	line_integer(&line, "slots", totals->slots);
	line_integer(&line, "busy", totals->busy);
	buffer_printf(&line, ",\"finished_per_s\":%.3f,\"pages_per_s\":%.3f,\"backlog_per_worker\":%.2f",
		      totals->done_per_s, totals->pages_per_s, totals->backlog);
	buffer_append_string(&line, ",\"priorities\":{");
	for (int stream = 0; stream < JOB_PRIORITY_COUNT; stream++) {
		const struct queue_waiting *waiting = &overview->streams[stream];
		buffer_printf(&line, "%s\"%s\":{\"ready\":%" PRId64, stream ? "," : "", job_priority_names[stream],
			      waiting->waiting);
		line_integer(&line, "in_flight", waiting->in_flight);
		line_integer(&line, "oldest_ms", waiting->oldest_ms < 0 ? 0 : waiting->oldest_ms);
		buffer_append_char(&line, '}');
	}
	buffer_append_string(&line, "},\"workers\":[");
	for (size_t index = 0; index < overview->worker_count; index++) {
		if (index)
			buffer_append_char(&line, ',');
		write_worker(context, &overview->workers[index], &line);
	}
	buffer_append_string(&line, "]}");
	line_print(&line);
}

/* ---- the table ---- */

static void print_worker(const struct context *context, const struct queue_worker *worker)
{
	char name[41], host[24], backend[16], age[AGE_SIZE];
	json_t *json = json_loads(worker->json, 0, NULL);
	const char *host_text = json_string_value(json_object_get(json, "host"));
	const char *backend_text = json_string_value(json_object_get(json, "backend"));
	printf("  %-40s %-5s %9s %7" PRId64 " %4.0f/%-4.0f %8.2f  %-12s %s\n", plain_text(worker->name, name, sizeof name),
	       worker->seen_ms < 0 ? "left" : is_live(context, worker) ? "live" : "gone", age_text(worker->seen_ms, age),
	       worker->claims, member_number(json, "busy"), member_number(json, "slots"), member_number(json, "pages_per_s"),
	       plain_text(backend_text ? backend_text : "-", backend, sizeof backend),
	       plain_text(host_text ? host_text : "-", host, sizeof host));
	json_decref(json);
}

static void print_table(const struct context *context, const struct queue_overview *overview, const struct totals *totals)
{
	char at[CLOCK_RFC3339_SIZE], age[AGE_SIZE];
	printf("queue %s at %s\n\n", context->settings->queue_name, clock_rfc3339(overview->now_ms, at));
	printf("  %-10s %9s %9s %9s\n", "priority", "ready", "in flight", "oldest");
	for (int stream = 0; stream < JOB_PRIORITY_COUNT; stream++) {
		const struct queue_waiting *waiting = &overview->streams[stream];
		printf("  %-10s %9" PRId64 " %9" PRId64 " %9s\n", job_priority_names[stream], waiting->waiting,
		       waiting->in_flight, age_text(waiting->oldest_ms, age));
	}
	printf("  %-10s %9" PRId64 " %9" PRId64 " %9s\n\n", "all", totals->waiting, totals->in_flight,
	       age_text(totals->oldest_ms, age));
	printf("  delayed    %9" PRId64 "   overdue %" PRId64, overview->delayed, overview->overdue);
	if (overview->next_due_ms > overview->now_ms)
		printf(", next in %s", age_text(overview->next_due_ms - overview->now_ms, age));
	printf("\n  dead       %9" PRId64, overview->dead);
	if (overview->dead)
		printf("   oldest %s ago", age_text(overview->oldest_dead_ms, age));
	printf("\n  finished   %9.2f   a second, over the last %s\n", totals->done_per_s,
	       age_text(overview->finished_in_ms, age));
	printf("  backlog    %9.2f   jobs for each of %" PRId64 " live workers (%" PRId64 " of %" PRId64 " slots busy)\n\n",
	       totals->backlog, totals->live, totals->busy, totals->slots);
	if (!overview->worker_count) {
		printf("  no workers\n");
		return;
	}
	printf("  %-40s %-5s %9s %7s %9s %8s  %-12s %s\n", "worker", "state", "seen", "claims", "busy", "pages/s", "backend",
	       "host");
	for (size_t index = 0; index < overview->worker_count; index++)
		print_worker(context, &overview->workers[index]);
}

/* ---- once, or again and again ---- */

static int by_name(const void *one, const void *other)
{
	return strcmp(((const struct queue_worker *)one)->name, ((const struct queue_worker *)other)->name);
}

static bool draw(struct context *context, bool redraw, struct error *error)
{
	struct queue_overview overview;
	if (!queue_overview_read(context->queue, &overview, error))
		return false;
	if (overview.worker_count)
		qsort(overview.workers, overview.worker_count, sizeof *overview.workers, by_name);
	struct totals totals = add_up(context, &overview);
	if (context->report.json) {
		write_json(context, &overview, &totals);
	} else {
		if (redraw)
			fputs("\033[H\033[2J", stdout); /* home, and all wiped */
		print_table(context, &overview, &totals);
		(void)fflush(stdout);
	}
	queue_overview_free(&overview);
	return true;
}

static void wait_next(int64_t ms)
{
	int64_t until_ms = clock_monotonic_ms() + ms;
	for (int64_t left_ms = ms; left_ms > 0 && !stop_requests; left_ms = until_ms - clock_monotonic_ms())
		clock_sleep_ms(left_ms < 200 ? left_ms : 200);
}

bool command_stats(struct context *context, struct error *error)
{
	const struct requeue_settings *settings = context->settings;
	queue_check_server(context->queue);
	if (!settings->watch)
		return draw(context, false, error);
	for (bool first = true; !stop_requests; first = false) {
		struct error why = { 0 };
		/* Who watches through an outage wants to see its end. */
		if (!draw(context, true, &why)) {
			if (first || !error_is_transient(why.code))
				return error_set(error, why.code, "%s", why.message);
			log_warning("figures_failed", log_failure(&why));
		}
		wait_next(settings->watch_ms);
	}
	return true;
}
