/* Turns jobs and results into the parameters of the jobs_*.sql statements, and their one word of answer into an outcome. */
#include "common/pg/jobs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/buffer.h"
#include "common/base/clock.h"
#include "common/base/json_text.h"
#include "jobs_end_sql.h"
#include "jobs_release_sql.h"
#include "jobs_start_sql.h"
#include "jobs_store_failure_sql.h"
#include "jobs_store_result_sql.h"

/* PostgreSQL takes messages below 1 GiB; a message over that ends the connection without a word. */
#define LONGEST_PAGES_BYTES ((size_t)900 * 1024 * 1024)

#define NUMBER_SIZE 24

static const char *number(int64_t value, char text[static NUMBER_SIZE])
{
	(void)snprintf(text, NUMBER_SIZE, "%" PRId64, value);
	return text;
}

static bool run(struct pg *pg, const char *sql, int count, const char *const *values, enum jobs_outcome *outcome,
		struct error *error)
{
	PGresult *result = pg_query(pg, true, sql, count, values, error);
	if (!result)
		return false;
	const char *word = PQntuples(result) == 1 && PQnfields(result) == 1 ? PQgetvalue(result, 0, 0) : "";
	bool known = true;
	if (strcmp(word, "taken") == 0)
		*outcome = JOBS_TAKEN;
	else if (strcmp(word, "already_done") == 0)
		*outcome = JOBS_ALREADY_DONE;
	else if (strcmp(word, "superseded") == 0)
		*outcome = JOBS_SUPERSEDED;
	else
		known = error_set(error, ERROR_INTERNAL, "PostgreSQL %s: unexpected answer to a job's statement", pg_where(pg));
	PQclear(result);
	return known;
}

/*
 * Appends `text` as PostgreSQL's text type takes it. Messages are cut to their room, maybe inside a character, and name
 * files of strangers: what is not UTF-8 becomes U+FFFD.
 */
static void append_text(struct buffer *out, const char *text)
{
	for (size_t left = strlen(text); left;) {
		size_t length = json_text_utf8_length(text, left);
		if (length)
			buffer_append(out, text, length);
		else
			buffer_append_string(out, "\xEF\xBF\xBD");
		length = length ? length : 1;
		text += length;
		left -= length;
	}
}

/* jsonb holds every character but U+0000: its escape becomes that of U+FFFD, which is as long. */
static void replace_nul_escapes(char *json, size_t length)
{
	for (size_t index = 0; index + 1 < length; index++) {
		if (json[index] != '\\')
			continue;
		if (length - index >= 6 && memcmp(json + index, "\\u0000", 6) == 0)
			memcpy(json + index, "\\ufffd", 6);
		index++; /* what is escaped is no backslash that escapes */
	}
}

bool jobs_start(struct pg *pg, const struct job *job, const char *worker, enum jobs_outcome *outcome,
		struct error *error)
{
	char attempt[NUMBER_SIZE], enqueued_at[CLOCK_RFC3339_SIZE], asked_us[NUMBER_SIZE];
	struct timespec now;
	struct buffer worker_text = { 0 };
	append_text(&worker_text, worker);
	if (worker_text.failed) {
		buffer_free(&worker_text);
		return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
	}
	(void)clock_gettime(CLOCK_REALTIME, &now);
	const char *const values[] = {
		job->id,	job->document, job->uri,
		job->sha256,	job->media_type, job->lang,
		job_priority_names[job->priority],
		job->key,	job->trace,	 job->tenant,
		number(job->attempt, attempt),
		clock_rfc3339(job->enqueued_at_ms, enqueued_at),
		worker_text.data ? worker_text.data : "",
		number(now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000, asked_us),
	};
	bool done = run(pg, jobs_start_sql, sizeof values / sizeof values[0], values, outcome, error);
	buffer_free(&worker_text);
	return done;
}

static void write_engine(struct buffer *out, const struct engine_info *engine)
{
	const struct {
		const char *name, *value;
	} members[] = { { "backend", engine->backend },
			{ "model", engine->model },
			{ "model_sha256", engine->model_sha256 },
			{ "version", engine->version } };
	for (size_t index = 0; index < sizeof members / sizeof members[0]; index++) {
		buffer_printf(out, "%c\"%s\":", index ? ',' : '{', members[index].name);
		json_text_string(out, members[index].value, strlen(members[index].value));
	}
	buffer_append_char(out, '}');
}

/* The time of storing is known only when this has been stored. */
static void write_times(struct buffer *out, const struct result_times *ms)
{
	buffer_printf(out,
		      "{\"queue\":%" PRId64 ",\"fetch\":%" PRId64 ",\"decode\":%" PRId64 ",\"layout\":%" PRId64
		      ",\"recognise\":%" PRId64 ",\"total\":%" PRId64 "}",
		      ms->queue_ms, ms->fetch_ms, ms->decode_ms, ms->layout_ms, ms->recognise_ms, ms->total_ms);
}

bool jobs_store_result(struct pg *pg, const struct job *job, const struct result *result, enum jobs_outcome *outcome,
		       struct error *error)
{
	char attempt[NUMBER_SIZE];
	struct buffer pages = { 0 }, engine = { 0 }, times = { 0 };
	bool done = false;
	buffer_append_char(&pages, '[');
	for (size_t index = 0; index < result->page_count && pages.length <= LONGEST_PAGES_BYTES; index++) {
		if (index)
			buffer_append_char(&pages, ',');
		page_write_json(&result->pages[index], &pages);
	}
	buffer_append_char(&pages, ']');
	write_engine(&engine, &result->engine);
	write_times(&times, &result->ms);
	if (pages.failed || engine.failed || times.failed) {
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "job %s: out of memory for its %zu pages", job->id,
				result->page_count);
		goto out;
	}
	if (pages.length > LONGEST_PAGES_BYTES) {
		(void)error_set(error, ERROR_TOO_LARGE, "job %s: what was read takes more than %zu MiB to store", job->id,
				LONGEST_PAGES_BYTES / 1024 / 1024);
		goto out;
	}
	replace_nul_escapes(pages.data, pages.length);
	const char *const values[] = { job->id, number(job->attempt, attempt), pages.data, engine.data, times.data };
	done = run(pg, jobs_store_result_sql, sizeof values / sizeof values[0], values, outcome, error);
out:
	buffer_free(&pages);
	buffer_free(&engine);
	buffer_free(&times);
	return done;
}

bool jobs_store_failure(struct pg *pg, const struct job *job, const struct error *why, bool final,
			enum jobs_outcome *outcome, struct error *error)
{
	char attempt[NUMBER_SIZE];
	struct buffer message = { 0 };
	append_text(&message, why->message);
	if (message.failed) {
		buffer_free(&message);
		return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
	}
	const char *const values[] = { job->id, number(job->attempt, attempt), final ? "failed" : "retrying",
				       error_code_name(why->code), message.data ? message.data : "" };
	bool done = run(pg, jobs_store_failure_sql, sizeof values / sizeof values[0], values, outcome, error);
	buffer_free(&message);
	return done;
}

bool jobs_release(struct pg *pg, const struct job *job, const char *worker, enum jobs_outcome *outcome,
		  struct error *error)
{
	char attempt[NUMBER_SIZE];
	struct buffer worker_text = { 0 };
	append_text(&worker_text, worker);
	if (worker_text.failed) {
		buffer_free(&worker_text);
		return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
	}
	const char *const values[] = { job->id, number(job->attempt, attempt), worker_text.data ? worker_text.data : "" };
	bool done = run(pg, jobs_release_sql, sizeof values / sizeof values[0], values, outcome, error);
	buffer_free(&worker_text);
	return done;
}

bool jobs_end_read(struct pg *pg, const struct job *job, struct jobs_end *end, struct error *error)
{
	const char *const values[] = { job->id };
	*end = (struct jobs_end){ 0 };
	PGresult *result = pg_query(pg, true, jobs_end_sql, 1, values, error);
	if (!result)
		return false;
	end->done = PQntuples(result) == 1 && PQnfields(result) == 4;
	if (end->done) {
		end->attempt = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
		end->pages = strtoll(PQgetvalue(result, 0, 1), NULL, 10);
		(void)snprintf(end->worker, sizeof end->worker, "%s", PQgetvalue(result, 0, 2));
		(void)snprintf(end->at, sizeof end->at, "%s", PQgetvalue(result, 0, 3));
	}
	PQclear(result);
	return true;
}
