/*
 * A job's life in PostgreSQL: started, done, failed; each one statement, fenced by (job, attempt), so that a worker whose
 * claim was taken over cannot write over its successor and no effect happens twice.
 */
#ifndef FILOT_PG_JOBS_H
#define FILOT_PG_JOBS_H

#include "common/json/job.h"
#include "common/json/result.h"
#include "common/pg/pg.h"

enum jobs_outcome {
	JOBS_TAKEN, /* written */
	JOBS_ALREADY_DONE, /* an earlier attempt had committed: acknowledge, nothing else to do */
	JOBS_SUPERSEDED /* a later attempt holds the job: drop what was made, do not acknowledge */
};

/* Records that this attempt runs (and the document, when it is not known yet). */
bool jobs_start(struct pg *pg, const struct job *job, const char *worker, enum jobs_outcome *outcome,
		struct error *error);

/* Writes all pages and marks the job done, in one statement. */
bool jobs_store_result(struct pg *pg, const struct job *job, const struct result *result, enum jobs_outcome *outcome,
		       struct error *error);

/* Marks the attempt failed: `final` (dead) or to be tried again. */
bool jobs_store_failure(struct pg *pg, const struct job *job, const struct error *why, bool final,
			enum jobs_outcome *outcome, struct error *error);

#endif
