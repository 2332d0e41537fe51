/*
 * Job lines and receipt lines (filot-jobs(5)): one reader and one writer.
 *
 * A job owns what its strings point into; they live until job_free. Members that are not known are
 * ignored when reading and kept when writing, so that a newer sender's members survive a retry.
 */
#ifndef FILOT_JOB_H
#define FILOT_JOB_H

#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/error.h"
#include "common/base/ulid.h"

#define JOB_LONGEST_LINE_BYTES (1024 * 1024)

enum job_priority { JOB_PRIORITY_HIGH, JOB_PRIORITY_NORMAL, JOB_PRIORITY_LOW, JOB_PRIORITY_COUNT };

struct job {
	char id[ULID_SIZE];
	const char *document;	/* 1..128 characters of [A-Za-z0-9._:-] */
	const char *uri;	/* r2://bucket/key, https://…, http://…, file:/… */
	const char *sha256;	/* 64 hex digits, or NULL */
	const char *media_type; /* or NULL */
	const char *lang;	/* Tesseract language names joined by '+'; never NULL ("eng") */
	bool lang_given;	/* the line named it */
	const char *key;	/* idempotency key, 1..256 bytes, or NULL */
	const char *trace;	/* W3C traceparent, or NULL */
	const char *tenant;	/* as document, or NULL */
	enum job_priority priority;
	int64_t attempt;	/* from 1 */
	int64_t first_attempt;	/* from which the tries are counted: 1, later when the job was dead and came back */
	int64_t enqueued_at_ms; /* Unix ms */
	/* owned; use the functions below */
	void *json;	    /* json_t; NULL until wanted: job_json */
	struct buffer line; /* what job_write writes; empty once the job was changed */
	char *texts;	    /* what the members above point into, when not into json */
};

/* What a sender knows of a new job; NULL and 0 mean "not given". */
struct job_template {
	const char *document, *uri, *sha256, *media_type, *lang, *key, *trace, *tenant;
	enum job_priority priority;
};

/* "high", "normal", "low". */
extern const char *const job_priority_names[JOB_PRIORITY_COUNT + 1];

/*
 * Reads one job line of `length` bytes. Missing "job", "document", "enqueued_at", "lang", "priority" and "attempt" get
 * a new ULID, the job's id, now, "eng", normal and 1. Anything else that is missing, of the wrong type or out of range
 * is ERROR_BAD_JOB with the member's name ("line" for the whole). `v` other than 1 is refused; without it 1 is meant.
 * Lines longer than 1 MiB, nested deeper than 32 levels or with a member twice are refused. On failure *job is zero,
 * but job->id is kept when the line had a valid one, so that an error line can name it.
 */
bool job_parse(struct job *job, const char *line, size_t length, struct error *error);

/* The same, where what the line lacks is taken from `given` (its priority always counts as given). */
bool job_parse_given(struct job *job, const char *line, size_t length, const struct job_template *given,
		     struct error *error);

/* A new job with a fresh ULID, checked by the same rules. */
bool job_new(struct job *job, const struct job_template *given, struct error *error);

/* Changes "attempt" in the job and its JSON. */
bool job_set_attempt(struct job *job, int64_t attempt, struct error *error);

/* How many tries this attempt makes: what max_attempts bounds. Not the attempt, which only grows (it is the fence). */
int64_t job_tries(const struct job *job);

/* For a dead job that comes back: counts the attempt up and starts the tries anew from it ("first_attempt"). */
bool job_revive(struct job *job, struct error *error);

/* The job as a jansson object (json_t *), the job's own, not to be changed. NULL when memory ends. */
void *job_json(struct job *job, struct error *error);

/* Changes or adds one of the members that have a text ("uri", "sha256", "key" …), by the same rules. */
bool job_set_member(struct job *job, const char *name, const char *text, struct error *error);

/* Appends {"attempt":…,"worker":…,"at":…,"code":…,"message":…} to the job's "history" (the last 20 are kept). */
bool job_add_history(struct job *job, int64_t attempt, const char *worker, const struct error *why,
		     struct error *error);

/*
 * How many attempts in the "history", of those that count as tries, ended with one of the codes (ERROR_NONE is behind the
 * last).
 */
int64_t job_failures(struct job *job, const enum error_code codes[]);

/* A copy to be changed and written while the job stays as it is. Its strings are the job's, which must outlive it. */
bool job_copy(struct job *job, struct job *copy, struct error *error);

/* Appends the job as one line without its line end. */
void job_write(const struct job *job, struct buffer *line);

void job_free(struct job *job);

/* True for "eng", "deu+eng", "script/Latin+eng": 1..128 characters, no empty part, no "..", no leading '/'. */
bool job_lang_valid(const char *lang);

enum receipt_status { RECEIPT_QUEUED, RECEIPT_DUPLICATE, RECEIPT_REFUSED };

/* Appends a receipt line with its "\n". `job` may be NULL (a line that could not be read); `why` only when refused. */
void receipt_write(struct buffer *line, const char *job, enum receipt_status status, const struct error *why);

#endif
