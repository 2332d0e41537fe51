/*
 * What is said on standard output: one line a job and one of summary, JSON lines, or words where a person looks on.
 * Each line goes out at once, so that who reads a pipe sees how far it is.
 */
#ifndef REQUEUE_REPORT_H
#define REQUEUE_REPORT_H

#include "common/base/buffer.h"
#include "common/redis/queue_admin.h"

struct found;

struct report {
	bool json, dry_run;
	const char *done; /* "moved", "dropped", "cancelled" */
	const char *would; /* "would_move" … */
	int64_t done_count, skipped_count, refused_count;
	int64_t started_ms; /* monotonic */
};

void report_open(struct report *report, bool json, bool dry_run, const char *done, const char *would);

/* `why`: what made it be chosen, as "idle"; `note`: what a person should know. Both may be NULL. */
void report_done(struct report *report, const struct found *found, const char *why, const char *note);

/* `reason` is a stable word. `id` is for jobs that were not found (found NULL). */
void report_skipped(struct report *report, const struct found *found, const char *id, const char *reason);

/* `found` NULL: about a line of input. */
void report_refused(struct report *report, const struct found *found, const struct error *error);

/* The same for a job that was not found. */
void report_unknown(struct report *report, const char *id, const struct error *error);

void report_summary(const struct report *report);

/* A job where it is, for `list`; in words as a row of a table, with a heading before the first one. */
void report_heading(const struct report *report);
void report_item(const struct report *report, const struct found *found, int64_t now_ms);

/* ---- pieces of lines, for `show` and `stats` ---- */

/* Appends `,"name":"value"`; nothing when the value is NULL. */
void line_string(struct buffer *line, const char *name, const char *value);
void line_integer(struct buffer *line, const char *name, int64_t value);
void line_time(struct buffer *line, const char *name, int64_t unix_ms);

/* Appends where an item is and what is known of it (of its job, but for the line). */
void line_found(struct buffer *line, const struct found *found, int64_t now_ms);

/* Prints and empties the line. */
void line_print(struct buffer *line);

#define AGE_SIZE 24

/* "45 s", "12 min", "3.5 h", "9 d"; "-" for what is negative. */
const char *age_text(int64_t ms, char text[static AGE_SIZE]);

/* What a terminal may be given: control characters and what is no UTF-8 become '?'. Cut to `size`. */
const char *plain_text(const char *from, char *text, size_t size);

#endif
