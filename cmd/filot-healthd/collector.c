/* One look after another, each into fresh texts that then take the place of the old ones. */
#include "cmd/filot-healthd/collector.h"

#include <inttypes.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "cmd/filot-healthd/history.h"
#include "cmd/filot-healthd/status.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/version.h"
#include "common/redis/metrics_publish.h"
#include "emf_swap_lua.h"

#define SERVICE_MS 3000
#define MINUTE_MS 60000

struct collector {
	const struct healthd_settings *settings;
	struct health *health;
	struct redis *redis, *buli2; /* two, for with Redis Cluster their keys may lie on two nodes */
	struct queue *queue;
	int64_t sampled_minute;
	bool failing; /* told in the log */
	pthread_mutex_t mutex; /* guards what follows */
	struct buffer metrics, status, history;
	int64_t looked_ms;
};

struct collector *collector_new(const struct healthd_settings *settings, struct health *health, struct error *error)
{
	struct collector *collector = calloc(1, sizeof *collector);
	const struct redis_settings connection = { .url = settings->redis_url, .ca = settings->redis_ca,
						   .client_name = "filot-healthd", .connect_ms = SERVICE_MS,
						   .command_ms = SERVICE_MS };
	struct queue_settings names = queue_default_settings;
	names.name = settings->queue_name;
	names.visibility_ms = settings->visibility_ms;
	if (!collector) {
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
		return NULL;
	}
	*collector = (struct collector){ .settings = settings, .health = health, .looked_ms = clock_monotonic_ms() };
	(void)pthread_mutex_init(&collector->mutex, NULL);
	collector->redis = redis_new(&connection, error);
	collector->buli2 = collector->redis ? redis_new(&connection, error) : NULL;
	collector->queue = collector->buli2 ? queue_new(&names, collector->redis, error) : NULL;
	if (collector->queue)
		return collector;
	collector_free(collector);
	return NULL;
}

void collector_free(struct collector *collector)
{
	if (!collector)
		return;
	queue_free(collector->queue);
	redis_free(collector->redis);
	redis_free(collector->buli2);
	buffer_free(&collector->metrics);
	buffer_free(&collector->status);
	buffer_free(&collector->history);
	(void)pthread_mutex_destroy(&collector->mutex);
	free(collector);
}

/* ---- the queue ---- */

static double tells_number(const json_t *tells, const char *name)
{
	return json_number_value(json_object_get(tells, name));
}

/* A worker that has GPUs tells "gpus":[{"utilization":0..1,"memory_used_bytes":N,"memory_total_bytes":N}, …]. */
static void add_gpus(struct metrics *metrics, const char *worker, const json_t *gpus)
{
	static const char *const kinds[][2] = { { "memory_used_bytes", "used" }, { "memory_total_bytes", "total" } };
	size_t index;
	json_t *gpu;
	json_array_foreach(gpus, index, gpu)
	{
		char number[24];
		(void)snprintf(number, sizeof number, "%zu", index);
		if (json_is_number(json_object_get(gpu, "utilization")))
			metrics_set(metrics, METRIC_GPU_UTILIZATION, tells_number(gpu, "utilization"), worker, number);
		for (size_t kind = 0; kind < 2; kind++)
			if (json_is_number(json_object_get(gpu, kinds[kind][0])))
				metrics_set(metrics, METRIC_GPU_MEMORY, tells_number(gpu, kinds[kind][0]), worker,
					    number, kinds[kind][1]);
	}
}

static void add_worker(const struct collector *collector, const struct queue_worker *worker, struct figures *figures,
		       struct metrics *metrics)
{
	bool live = status_worker_live(worker, collector->settings->visibility_ms);
	metrics_set(metrics, METRIC_WORKER_UP, live ? 1 : 0, worker->name);
	if (worker->seen_ms >= 0)
		metrics_set(metrics, METRIC_WORKER_SEEN, (double)worker->seen_ms / 1000, worker->name);
	if (!live)
		return;
	json_t *tells = json_loads(worker->json, JSON_REJECT_DUPLICATES, NULL);
	figures->workers++;
	figures->slots += (int64_t)tells_number(tells, "slots");
	figures->busy += worker->claims; /* newer than what it told */
	figures->pages_per_s += tells_number(tells, "pages_per_s");
	metrics_set(metrics, METRIC_WORKER_SLOTS, tells_number(tells, "slots"), worker->name);
	metrics_set(metrics, METRIC_WORKER_BUSY, (double)worker->claims, worker->name);
	metrics_set(metrics, METRIC_WORKER_PAGES_RATE, tells_number(tells, "pages_per_s"), worker->name);
	add_gpus(metrics, worker->name, json_object_get(tells, "gpus"));
	json_decref(tells);
}

static void add_queue(const struct collector *collector, const struct queue_overview *overview, struct figures *figures,
		      struct metrics *metrics)
{
	for (int stream = 0; stream < JOB_PRIORITY_COUNT; stream++) {
		const struct queue_waiting *waiting = &overview->streams[stream];
		figures->waiting[stream] = waiting->waiting;
		figures->waiting_all += waiting->waiting;
		figures->in_flight += waiting->in_flight;
		if (waiting->oldest_ms > figures->oldest_ms)
			figures->oldest_ms = waiting->oldest_ms;
		metrics_set(metrics, METRIC_QUEUE_DEPTH, (double)waiting->waiting, job_priority_names[stream]);
	}
	figures->delayed = overview->delayed;
	figures->overdue = overview->overdue;
	figures->dead = overview->dead;
	figures->finished_per_s = overview->finished_in_ms > 0 ? 1000.0 * (double)overview->finished /
									 (double)overview->finished_in_ms :
								 0;
	for (size_t index = 0; index < overview->worker_count; index++)
		add_worker(collector, &overview->workers[index], figures, metrics);
	figures->backlog_per_worker = (double)(figures->waiting_all + figures->overdue) /
				      (double)(figures->workers ? figures->workers : 1);
	figures->queue_known = true;
	metrics_set(metrics, METRIC_QUEUE_IN_FLIGHT, (double)figures->in_flight);
	metrics_set(metrics, METRIC_QUEUE_OLDEST, (double)figures->oldest_ms / 1000);
	metrics_set(metrics, METRIC_QUEUE_DELAYED, (double)figures->delayed);
	metrics_set(metrics, METRIC_QUEUE_OVERDUE, (double)figures->overdue);
	metrics_set(metrics, METRIC_QUEUE_DEAD, (double)figures->dead);
	metrics_set(metrics, METRIC_QUEUE_BACKLOG, figures->backlog_per_worker);
	metrics_set(metrics, METRIC_WORKERS, (double)figures->workers);
	metrics_set(metrics, METRIC_COLLECTED, (double)overview->now_ms / 1000);
}

/* ---- the rest ---- */

static void add_totals(struct figures *figures, const struct metrics *metrics)
{
	struct figures_totals *totals = &figures->totals;
	totals->jobs_done = metrics_sum(metrics, METRIC_JOBS, 0, "done");
	totals->jobs_failed = metrics_sum(metrics, METRIC_JOBS, 0, "failed");
	totals->jobs_retried = metrics_sum(metrics, METRIC_JOBS, 0, "retried");
	totals->pages = metrics_sum(metrics, METRIC_PAGES, -1, NULL);
	totals->api_requests = metrics_sum(metrics, METRIC_API_REQUESTS, -1, NULL);
	for (int status = 500; status <= 599; status++) {
		char text[16];
		(void)snprintf(text, sizeof text, "%d", status);
		totals->api_5xx += metrics_sum(metrics, METRIC_API_REQUESTS, 2, text);
	}
	figures->totals_known = true;
}

static bool read_number(const struct collector *collector, const char *command, const char *place, int64_t *number,
			struct error *error)
{
	char key[96];
	const char *argv[] = { command, key };
	(void)snprintf(key, sizeof key, "filot:{%s}:%s", collector->settings->buli2_queue_name, place);
	redisReply *reply = redis_command(collector->buli2, true, 2, argv, NULL, error);
	bool good = reply && (reply->type == REDIS_REPLY_INTEGER || redis_refused(reply, key, error));
	*number = good ? reply->integer : 0;
	freeReplyObject(reply);
	return good;
}

static bool look_at_buli2(struct collector *collector, struct figures *figures, struct metrics *metrics,
			  struct error *error)
{
	if (!read_number(collector, "XLEN", "requests", &figures->buli2_requests, error) ||
	    !read_number(collector, "ZCARD", "retry", &figures->buli2_retry, error) ||
	    !read_number(collector, "XLEN", "dead", &figures->buli2_dead, error))
		return false;
	figures->buli2_known = true;
	metrics_set(metrics, METRIC_BULI2_REQUESTS, (double)figures->buli2_requests);
	metrics_set(metrics, METRIC_BULI2_RETRY, (double)figures->buli2_retry);
	metrics_set(metrics, METRIC_BULI2_DEAD, (double)figures->buli2_dead);
	return true;
}

static void look_at_disk(const char *path, struct figures *figures, struct metrics *metrics)
{
	struct statvfs disk;
	if (statvfs(path, &disk) != 0 || !disk.f_blocks)
		return;
	double used = (double)(disk.f_blocks - disk.f_bfree), usable = used + (double)disk.f_bavail;
	double percent = usable > 0 ? 100 * used / usable : 100; /* as df counts: without what only root may have */
	if (percent > figures->disk_used_percent)
		figures->disk_used_percent = percent;
	metrics_set(metrics, METRIC_DISK_USED, used * (double)disk.f_frsize, path);
	metrics_set(metrics, METRIC_DISK_SIZE, usable * (double)disk.f_frsize, path);
}

static void look_at_disks(const struct collector *collector, struct figures *figures, struct metrics *metrics)
{
	const struct string_list *disks = &collector->settings->disks;
	figures->disk_used_percent = -1;
	if (!disks->count)
		look_at_disk("/", figures, metrics);
	for (size_t index = 0; index < disks->count; index++)
		look_at_disk(disks->items[index], figures, metrics);
}

/* ---- a look ---- */

/* Puts the new text in the place of the old one; one that failed for want of memory is dropped. */
static void keep(struct collector *collector, struct buffer *place, struct buffer *text)
{
	struct buffer old = *text;
	(void)pthread_mutex_lock(&collector->mutex);
	if (!text->failed && text->length) {
		old = *place;
		*place = *text;
	}
	(void)pthread_mutex_unlock(&collector->mutex);
	buffer_free(&old);
	*text = (struct buffer){ 0 };
}

static void tell_failure(struct collector *collector, const struct error *error)
{
	bool failing = error->code != ERROR_NONE;
	if (failing && !collector->failing)
		log_warning("look_failed", log_failure(error));
	else if (!failing && collector->failing)
		log_info("looking_again");
	collector->failing = failing;
}

static bool look_at_queue(struct collector *collector, struct figures *figures, struct metrics *metrics,
			  struct queue_overview *overview, redisReply **look, struct error *error)
{
	if (!queue_overview_read(collector->queue, overview, error))
		return false;
	add_queue(collector, overview, figures, metrics);
	*look = status_look(collector->redis, collector->settings->queue_name, error);
	if (!*look || !metrics_totals_read(collector->redis, collector->settings->queue_name, metrics, NULL, error))
		return false;
	add_totals(figures, metrics);
	return true;
}

/* Once a minute. */
static bool sample(struct collector *collector, const struct figures *figures, struct error *error)
{
	struct buffer history = { 0 };
	int64_t minute = figures->at_ms / MINUTE_MS;
	if (minute == collector->sampled_minute)
		return true;
	bool good = history_add(collector->redis, collector->settings->queue_name, figures, &history, error);
	if (good) {
		collector->sampled_minute = minute;
		keep(collector, &collector->history, &history);
	}
	buffer_free(&history);
	return good;
}

void collector_look(struct collector *collector, struct figures *figures)
{
	struct error error = { 0 };
	struct queue_overview overview = { 0 };
	struct buffer text = { 0 }, status = { 0 };
	redisReply *look = NULL;
	struct metrics *metrics = metrics_new(&error);
	*figures = (struct figures){ .at_ms = clock_unix_ms(), .disk_used_percent = -1 };
	if (metrics) {
		/* Is Redis away, one wait for its timeout is enough. */
		if (look_at_queue(collector, figures, metrics, &overview, &look, &error) &&
		    sample(collector, figures, &error))
			(void)look_at_buli2(collector, figures, metrics, &error);
		look_at_disks(collector, figures, metrics);
		health_metrics(collector->health, metrics);
		metrics_set(metrics, METRIC_BUILD, 1, FILOT_VERSION);
		metrics_render(metrics, &text);
	}
	const struct status_source source = { .queue_name = collector->settings->queue_name,
					      .visibility_ms = collector->settings->visibility_ms,
					      .figures = figures,
					      .overview = figures->queue_known ? &overview : NULL,
					      .look = look };
	status_write(&source, &status);
	keep(collector, &collector->metrics, &text);
	keep(collector, &collector->status, &status);
	(void)pthread_mutex_lock(&collector->mutex);
	collector->looked_ms = clock_monotonic_ms();
	(void)pthread_mutex_unlock(&collector->mutex);
	tell_failure(collector, &error);
	queue_overview_free(&overview);
	freeReplyObject(look);
	metrics_free(metrics);
}

/* ---- what was told ---- */

bool collector_swap_told(struct collector *collector, const struct figures_totals *now, struct figures_totals *last,
			 bool *known, struct error *error)
{
	const struct {
		const char *name;
		int64_t now;
		int64_t *last;
	} totals[] = {
		{ "jobs_done", now->jobs_done, &last->jobs_done },	    { "jobs_failed", now->jobs_failed, &last->jobs_failed },
		{ "pages", now->pages, &last->pages },			    { "api_requests", now->api_requests, &last->api_requests },
		{ "api_5xx", now->api_5xx, &last->api_5xx },
	};
	enum { COUNT = sizeof totals / sizeof *totals };
	char key[128], numbers[COUNT][24];
	const char *argv[1 + 2 * COUNT] = { key };
	*last = *now;
	*known = false;
	(void)snprintf(key, sizeof key, "filot:{%s}:emf", collector->settings->queue_name);
	for (size_t index = 0; index < COUNT; index++) {
		(void)snprintf(numbers[index], sizeof numbers[index], "%" PRId64, totals[index].now);
		argv[1 + 2 * index] = totals[index].name;
		argv[2 + 2 * index] = numbers[index];
	}
	/* Not sent twice: a second call would find the first one's totals and tell that nothing was done. */
	redisReply *reply =
		redis_script(collector->redis, false, emf_swap_lua, 1, 1 + 2 * COUNT, argv, NULL, error);
	bool good = reply && (reply->type == REDIS_REPLY_ARRAY || redis_refused(reply, "figures told", error));
	*known = good && reply->elements == COUNT;
	for (size_t index = 0; *known && index < COUNT; index++)
		if (reply->element[index]->type == REDIS_REPLY_STRING)
			*totals[index].last = strtoll(reply->element[index]->str, NULL, 10);
	freeReplyObject(reply);
	return good;
}

/* ---- copies ---- */

static bool copy(struct collector *collector, const struct buffer *from, struct buffer *to)
{
	(void)pthread_mutex_lock(&collector->mutex);
	bool there = from->length > 0;
	buffer_append(to, from->data, from->length);
	(void)pthread_mutex_unlock(&collector->mutex);
	return there;
}

bool collector_metrics(struct collector *collector, struct buffer *text)
{
	return copy(collector, &collector->metrics, text);
}

bool collector_history(struct collector *collector, struct buffer *json)
{
	return copy(collector, &collector->history, json);
}

bool collector_status(struct collector *collector, struct buffer *json)
{
	return copy(collector, &collector->status, json);
}

int64_t collector_looked_ms(struct collector *collector)
{
	(void)pthread_mutex_lock(&collector->mutex);
	int64_t looked_ms = collector->looked_ms;
	(void)pthread_mutex_unlock(&collector->mutex);
	return looked_ms;
}
