/*
 * A job's life in PostgreSQL: started, done, failed; each one statement (jobs_*.sql beside this file), so atomic and safe
 * behind a transaction pooler, and fenced by (job, attempt), so that a worker whose claim was taken over cannot write over
 * its successor and no effect happens twice. Every statement may be sent twice, so a lost connection is no matter.
 *
 * The fence needs attempts that only grow: whoever brings a dead job back goes on counting.
 *
 * A failure of these functions is about the database and never the job's fault: it is tried again, whatever its code;
 * except ERROR_TOO_LARGE of jobs_store_result.
 */
#ifndef FILOT_PG_JOBS_H
#define FILOT_PG_JOBS_H

#include "common/base/clock.h"
#include "common/json/job.h"
#include "common/json/result.h"
#include "common/pg/pg.h"

enum jobs_outcome {
	JOBS_TAKEN, /* written */
	JOBS_ALREADY_DONE, /* an earlier attempt had committed, or it was cancelled: tell of it (jobs_end) and acknowledge */
	JOBS_SUPERSEDED /* another attempt holds the job: drop what was made, do not acknowledge */
};

/*
 * Records that this attempt runs (and the document, when it is not known yet). Takes the job from every earlier attempt;
 * from the same attempt only when that is over (failed, handed back) or was this worker's own.
 */
bool jobs_start(struct pg *pg, const struct job *job, const char *worker, enum jobs_outcome *outcome,
		struct error *error);

/*
 * Writes all pages and marks the job done. After an answer that was lost and asked for again, the outcome is
 * JOBS_ALREADY_DONE though this attempt wrote it. ERROR_TOO_LARGE when the pages are more than one statement can carry.
 */
bool jobs_store_result(struct pg *pg, const struct job *job, const struct result *result, enum jobs_outcome *outcome,
		       struct error *error);

/* Marks the attempt failed: `final` (dead) or to be tried again. */
bool jobs_store_failure(struct pg *pg, const struct job *job, const struct error *why, bool final,
			enum jobs_outcome *outcome, struct error *error);

/*
 * Before queue_hand_back: lets another worker begin the same attempt. Without it (a database that is away) the next
 * worker's jobs_start says JOBS_SUPERSEDED until the claim's visibility time has counted a new attempt.
 */
bool jobs_release(struct pg *pg, const struct job *job, const char *worker, enum jobs_outcome *outcome,
		  struct error *error);

/* How a job ended that JOBS_ALREADY_DONE is said of. */
struct jobs_end {
	bool done; /* false: it was cancelled, or its document deleted; the rest is empty */
	int64_t attempt, pages;
	char worker[160];
	char at[CLOCK_RFC3339_SIZE];
};

bool jobs_end_read(struct pg *pg, const struct job *job, struct jobs_end *end, struct error *error);

#endif
