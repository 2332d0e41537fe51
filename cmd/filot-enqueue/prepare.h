/* One input, a path, a URI or a job line, becomes a job: read, summed, uploaded and given its key as the settings say.
 */
#ifndef FILOT_ENQUEUE_PREPARE_H
#define FILOT_ENQUEUE_PREPARE_H

#include "common/json/job.h"
#include "common/store/store.h"
#include "settings.h"

struct preparer {
	const struct enqueue_settings *settings;
	struct store *store; /* NULL unless files are uploaded */
};

/*
 * The job of one input of `length` bytes (followed by a NUL). A failure is about this input alone, unless its code is
 * one of error_ends_all(). On failure job->id may hold the id that a job line had.
 */
bool prepare_job(const struct preparer *preparer, const char *input, size_t length, struct job *job,
		 struct error *error);

/* True for what the next input would meet, too: the storage is away or refuses us, memory is at its end. */
bool error_ends_all(enum error_code code);

#endif
