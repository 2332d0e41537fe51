/* Which jobs are meant: a set of ids, given one by one or on standard input, and the filters. */
#ifndef REQUEUE_SELECTION_H
#define REQUEUE_SELECTION_H

#include "cmd/filot-requeue/report.h"
#include "cmd/filot-requeue/settings.h"
#include "common/redis/queue_admin.h"

struct named_job {
	char id[ULID_SIZE];
	bool met; /* it was found where it was looked for */
	bool row_cancelled; /* in the database, by us; of a dry run: it would be */
};

/* Sorted, each once. */
struct job_set {
	struct named_job *jobs;
	size_t count, capacity;
	bool given; /* also an empty list from standard input means: none, not all */
};

/*
 * Reads ids: operands, where "-" stands for the lines of standard input, each a ULID or a JSON object with "job" (so
 * the lines of filot-requeue, of receipts and of results will do). Lines that are neither are refused in the report.
 * An operand that is no ULID fails with ERROR_USAGE.
 */
bool job_set_read(struct job_set *set, const struct string_list *operands, struct report *report, struct error *error);
struct named_job *job_set_find(const struct job_set *set, const char *id);
void job_set_free(struct job_set *set);

/* For queue_view: where there are few of them, the server looks for them; *list is theirs as pointers. */
#define FEW_JOBS 32
size_t job_set_few(const struct job_set *set, const char *list[static FEW_JOBS]);

/* One item with its line read. */
struct found {
	const struct queue_item *item;
	struct job job;	  /* zero when the line is no job */
	struct error why; /* why it is none */
	const char *id;	  /* of the entry, else of the line, else "" */
	int64_t attempt;  /* the running or next one */
	const char *code, *worker, *message; /* of the last failure; worker of a claim: who holds it; NULL: none */
};

void found_read(struct found *found, const struct queue_item *item);
void found_free(struct found *found);

/* Whether the filters let it through; marks it as met in `set`. */
bool selection_has(const struct requeue_settings *settings, struct job_set *set, const struct found *found);

#endif
