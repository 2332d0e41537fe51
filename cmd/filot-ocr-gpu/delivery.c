/* The life of a delivery. See delivery.h for the order of things. */
#include "delivery.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/json_text.h"
#include "common/base/log.h"
#include "common/pg/jobs.h"

#define RETRY_BASE_MS 2000
#define RETRY_CAP_MS (10 * 60 * 1000)
#define SERVICE_BASE_MS 100
#define SERVICE_CAP_MS 5000
/* A document that ended its reader twice (crash, memory, time) is not given a third one. */
#define MOST_READER_DEATHS 2

static bool must_stop(const struct handler *handler)
{
	return atomic_load(&handler->lost) || atomic_load(&handler->abandon);
}

/* Sleeps before try number `attempt` of a service that is away, waking early when the job is lost or handed back. */
static void pause_before_retry(const struct handler *handler, int attempt)
{
	int64_t until_ms = clock_monotonic_ms() + clock_backoff_ms(attempt, SERVICE_BASE_MS, SERVICE_CAP_MS);
	while (!must_stop(handler) && clock_monotonic_ms() < until_ms)
		clock_sleep_ms(20);
}

enum step { STEP_START, STEP_RESULT, STEP_FAILURE, STEP_DEATH };

static bool run_step(struct handler *handler, enum step step, const struct job *job, const struct result *result,
		     const struct error *why, enum jobs_outcome *outcome, struct error *error)
{
	switch (step) {
	case STEP_START:
		return jobs_start(handler->pg, job, handler->worker, outcome, error);
	case STEP_RESULT:
		return jobs_store_result(handler->pg, job, result, outcome, error);
	default:
		return jobs_store_failure(handler->pg, job, why, step == STEP_DEATH, outcome, error);
	}
}

/*
 * One step in the database. While the database is away the job is kept (its claim goes on being renewed) and the step is
 * tried again: work that was done is not thrown away, and no attempt is counted against the document.
 */
static bool persist(struct handler *handler, enum step step, const struct job *job, const struct result *result,
		    const struct error *why, enum jobs_outcome *outcome, struct error *error)
{
	for (int attempt = 0;; attempt++) {
		if (run_step(handler, step, job, result, why, outcome, error))
			return true;
		if (error->code != ERROR_UNAVAILABLE || must_stop(handler)) {
			/* Save one of too many bytes, what the database dislikes is not the document's fault. */
			if (error->code != ERROR_UNAVAILABLE && error->code != ERROR_TOO_LARGE)
				error->code = ERROR_STORAGE_UNAVAILABLE;
			return false;
		}
		if (attempt == 0)
			log_warning("database_unavailable", log_string("job", job->id), log_failure(error));
		pause_before_retry(handler, attempt);
	}
}

enum ending { ENDING_FINISH, ENDING_RETRY, ENDING_BURY, ENDING_HAND_BACK };

static bool run_ending(struct control *control, enum ending ending, struct delivery *delivery, const struct error *why,
		       const char *event, int64_t due_ms, bool *owned, struct error *error)
{
	if (ending == ENDING_FINISH)
		return control_finish(control, delivery, event, owned, error);
	(void)pthread_mutex_lock(&control->mutex);
	bool ended = ending == ENDING_RETRY ? queue_retry(control->queue, delivery, due_ms, why, owned, error) :
		     ending == ENDING_BURY  ? queue_bury(control->queue, delivery, why, event, owned, error) :
					      queue_hand_back(control->queue, delivery, owned, error);
	(void)pthread_mutex_unlock(&control->mutex);
	return ended;
}

/*
 * Ends the delivery in the queue. While Redis is away this goes on trying; should the claim be taken over meanwhile, the
 * next worker finds the job done in the database and only acknowledges it.
 */
static void end_delivery(struct handler *handler, struct delivery *delivery, enum ending ending,
			 const struct error *why, const char *event)
{
	int64_t due_ms =
	    clock_unix_ms() + clock_backoff_ms((int)job_tries(&delivery->job) - 1, RETRY_BASE_MS, RETRY_CAP_MS);
	for (int attempt = 0;; attempt++) {
		struct error error = { 0 };
		bool owned = true;
		bool ended = run_ending(handler->control, ending, delivery, why, event, due_ms, &owned, &error);
		if (ended) {
			if (!owned)
				log_warning("claim_lost", log_string("job", delivery->job.id),
					    log_integer("attempt", delivery->job.attempt));
			return;
		}
		if (attempt == 0 || must_stop(handler))
			log_warning("queue_unavailable", log_string("job", delivery->job.id), log_failure(&error));
		if (must_stop(handler))
			return;
		pause_before_retry(handler, attempt);
	}
}

static void write_end(struct buffer *event, const struct job *job, const struct jobs_end *end, const struct error *why)
{
	buffer_printf(event, "{\"v\":1,\"job\":\"%s\",\"document\":", job->id);
	json_text_string(event, job->document, strlen(job->document));
	buffer_printf(event,
		      ",\"status\":\"%s\",\"attempt\":%" PRId64 ",\"pages\":%" PRId64 ",\"at\":\"%s\",\"worker\":",
		      why ? "failed" : "done", end->attempt, end->pages, end->at);
	json_text_string(event, end->worker, strlen(end->worker));
	if (why) {
		buffer_printf(event, ",\"error\":{\"code\":\"%s\",\"message\":", error_code_name(why->code));
		json_text_string(event, why->message, strlen(why->message));
		buffer_append_char(event, '}');
	}
	buffer_append_char(event, '}');
}

void delivery_write_progress(const struct handler *handler, const struct job *job, int page, int pages,
			     struct buffer *line)
{
	char at[CLOCK_RFC3339_SIZE];
	buffer_printf(line, "{\"v\":1,\"job\":\"%s\",\"document\":", job->id);
	json_text_string(line, job->document, strlen(job->document));
	buffer_printf(line,
		      ",\"status\":\"running\",\"attempt\":%" PRId64 ",\"page\":%d,\"pages\":%d,\"at\":\"%s\",\"worker\":",
		      job->attempt, page, pages, clock_rfc3339(clock_unix_ms(), at));
	json_text_string(line, handler->worker, strlen(handler->worker));
	buffer_append_char(line, '}');
}

/* The event of what this delivery came to. */
static void write_event(struct buffer *event, const struct handler *handler, const struct job *job,
			const struct result *result, const struct error *why)
{
	struct jobs_end end = { .done = true, .attempt = job->attempt, .pages = (int64_t)result->page_count };
	(void)snprintf(end.worker, sizeof end.worker, "%s", handler->worker);
	(void)clock_rfc3339(clock_unix_ms(), end.at);
	write_end(event, job, &end, why);
}

/*
 * Acknowledges what was done before. Whoever did it may have died before it told of it, so it is told now, as the database
 * has it: followers hear of each job at least once. A cancelled job makes no event.
 */
static void finish_done(struct handler *handler, struct delivery *delivery)
{
	struct jobs_end end;
	struct error error = { 0 };
	struct buffer event = { 0 };
	for (int attempt = 0; !jobs_end_read(handler->pg, &delivery->job, &end, &error); attempt++) {
		if (attempt == 0)
			log_warning("database_unavailable", log_string("job", delivery->job.id), log_failure(&error));
		if (error.code != ERROR_UNAVAILABLE || must_stop(handler))
			return; /* the claim stays and will be taken over */
		pause_before_retry(handler, attempt);
	}
	log_info("job_already_done", log_string("job", delivery->job.id), log_integer("attempt", delivery->job.attempt));
	if (end.done)
		write_end(&event, &delivery->job, &end, NULL);
	end_delivery(handler, delivery, ENDING_FINISH, NULL, event.data);
	buffer_free(&event);
}

static bool tries_are_left(const struct handler *handler, struct job *job, enum error_code code)
{
	static const enum error_code reader_deaths[] = { ERROR_INTERNAL, ERROR_OUT_OF_MEMORY, ERROR_TIMEOUT, ERROR_NONE };
	bool reader_died = code == ERROR_INTERNAL || code == ERROR_OUT_OF_MEMORY || code == ERROR_TIMEOUT;
	if (reader_died && job_failures(job, reader_deaths) + 1 >= MOST_READER_DEATHS)
		return false;
	return error_is_transient(code) && job_tries(job) < handler->settings->max_attempts;
}

/* The document could not be read, or its result not be kept: again later, or dead. */
static void fail_delivery(struct handler *handler, struct delivery *delivery, const struct result *result,
			  const struct error *why)
{
	struct job *job = &delivery->job;
	bool again = tries_are_left(handler, job, why->code);
	enum jobs_outcome outcome = JOBS_TAKEN;
	struct error error = { 0 };
	if (!persist(handler, again ? STEP_FAILURE : STEP_DEATH, job, NULL, why, &outcome, &error)) {
		log_warning("failure_not_stored", log_string("job", job->id), log_failure(&error));
		/* unknown whether another attempt holds the job: leave the claim, it will be taken over */
		if (error.code == ERROR_UNAVAILABLE)
			return;
	}
	if (outcome == JOBS_SUPERSEDED) {
		log_warning("job_superseded", log_string("job", job->id), log_integer("attempt", job->attempt));
		return;
	}
	if (outcome == JOBS_ALREADY_DONE) {
		finish_done(handler, delivery);
		return;
	}
	struct buffer event = { 0 };
	write_event(&event, handler, job, result, why);
	end_delivery(handler, delivery, again ? ENDING_RETRY : ENDING_BURY, why, again ? NULL : event.data);
	buffer_free(&event);
	atomic_fetch_add(again ? &handler->counts->retried : &handler->counts->failed, 1);
	if (outcome != JOBS_ALREADY_DONE)
		metrics_count(handler->metrics, METRIC_JOBS, 1, again ? "retried" : "failed", error_code_name(why->code));
	log_event(again ? LOG_LEVEL_WARNING : LOG_LEVEL_ERROR, again ? "job_retried" : "job_failed",
		  log_string("job", job->id), log_string("document", job->document),
		  log_string("tenant", job->tenant), log_integer("attempt", job->attempt), log_failure(why),
		  log_integer("page", result->error_page));
}

static void hand_back(struct handler *handler, struct delivery *delivery)
{
	enum jobs_outcome outcome;
	struct error error = { 0 };
	/* Released in the database first, so that the next worker may start the same attempt. */
	if (!jobs_release(handler->pg, &delivery->job, handler->worker, &outcome, &error))
		log_warning("release_not_stored", log_string("job", delivery->job.id), log_failure(&error));
	end_delivery(handler, delivery, ENDING_HAND_BACK, NULL, NULL);
	log_info("job_handed_back", log_string("job", delivery->job.id), log_integer("attempt", delivery->job.attempt));
}

static void drop(const struct delivery *delivery)
{
	log_warning("job_dropped", log_string("job", delivery->job.id), log_integer("attempt", delivery->job.attempt),
		    log_string("message", "another worker holds this job now"));
}

/* What was done by this delivery; one that repeats a lost commit was counted, or died before it could be. */
static void count_done(struct metrics *metrics, const struct result *result)
{
	const struct result_times *ms = &result->ms;
	metrics_count(metrics, METRIC_JOBS, 1, "done", "");
	metrics_count(metrics, METRIC_PAGES, (int64_t)result->page_count);
	metrics_time_us(metrics, METRIC_JOB_STAGE, 1000 * ms->queue_ms, "queue");
	metrics_time_us(metrics, METRIC_JOB_STAGE, 1000 * ms->fetch_ms, "fetch");
	metrics_time_us(metrics, METRIC_JOB_STAGE, 1000 * ms->decode_ms, "decode");
	metrics_time_us(metrics, METRIC_JOB_STAGE, 1000 * ms->layout_ms, "layout");
	metrics_time_us(metrics, METRIC_JOB_STAGE, 1000 * ms->recognise_ms, "recognise");
	metrics_time_us(metrics, METRIC_JOB_STAGE, 1000 * ms->store_ms, "store");
	metrics_time_us(metrics, METRIC_JOB_STAGE, 1000 * (ms->total_ms + ms->store_ms), "total");
}

static void complete(struct handler *handler, struct delivery *delivery, struct result *result)
{
	const struct job *job = &delivery->job;
	enum jobs_outcome outcome;
	struct error error = { 0 };
	int64_t started_ms = clock_monotonic_ms();
	if (!persist(handler, STEP_RESULT, job, result, NULL, &outcome, &error)) {
		if (atomic_load(&handler->lost))
			drop(delivery);
		else if (atomic_load(&handler->abandon))
			hand_back(handler, delivery);
		else
			fail_delivery(handler, delivery, result, &error);
		return;
	}
	if (outcome == JOBS_SUPERSEDED) {
		drop(delivery);
		return;
	}
	result->ms.store_ms = clock_monotonic_ms() - started_ms;
	if (outcome == JOBS_ALREADY_DONE) { /* by a lost answer of ours, by another attempt, or it was cancelled */
		finish_done(handler, delivery);
	} else {
		struct buffer event = { 0 };
		write_event(&event, handler, job, result, NULL);
		end_delivery(handler, delivery, ENDING_FINISH, NULL, event.data);
		buffer_free(&event);
	}
	if (outcome == JOBS_TAKEN)
		count_done(handler->metrics, result);
	atomic_fetch_add(&handler->counts->done, 1);
	atomic_fetch_add(&handler->counts->pages, (long long)result->page_count);
	log_info("job_done", log_string("job", job->id), log_string("document", job->document),
		 log_string("tenant", job->tenant), log_integer("attempt", job->attempt),
		 log_integer("pages", result->page_count), log_integer("queue_ms", result->ms.queue_ms),
		 log_integer("fetch_ms", result->ms.fetch_ms), log_integer("decode_ms", result->ms.decode_ms),
		 log_integer("layout_ms", result->ms.layout_ms), log_integer("recognise_ms", result->ms.recognise_ms),
		 log_integer("store_ms", result->ms.store_ms),
		 log_integer("total_ms", result->ms.total_ms + result->ms.store_ms));
}

void delivery_handle(struct handler *handler, struct delivery *delivery)
{
	const struct job *job = &delivery->job;
	enum jobs_outcome outcome = JOBS_TAKEN;
	struct error error = { 0 };
	struct result result = { .job = job->id, .document = job->document };
	int64_t queue_ms = clock_unix_ms() - job->enqueued_at_ms;
	bool started = persist(handler, STEP_START, job, NULL, NULL, &outcome, &error);
	if (started && outcome == JOBS_ALREADY_DONE) {
		finish_done(handler, delivery);
		return;
	}
	if (started && outcome == JOBS_SUPERSEDED) {
		drop(delivery);
		return;
	}
	bool exhausted = delivery->exhausted.code != ERROR_NONE;
	if (started && exhausted)
		error = delivery->exhausted;
	bool read = started && !exhausted && slot_read_job(handler->slot, job, -1, &result, &error);
	if (started && !exhausted && !read && engine_lost(handler->engine, NULL))
		atomic_store(&handler->abandon, true); /* no fault of the document's: another worker reads it */
	result.ms.queue_ms = queue_ms > 0 ? queue_ms : 0;
	if (atomic_load(&handler->lost))
		drop(delivery);
	else if (!read && atomic_load(&handler->abandon))
		hand_back(handler, delivery);
	else if (read)
		complete(handler, delivery, &result);
	else
		fail_delivery(handler, delivery, &result, &error);
	result_free_pages(&result);
}
