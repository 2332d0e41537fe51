/*
 * One delivery of one job, from its claim to one of its ends: finished, tried again later, dead, handed back, or dropped
 * because another worker holds it now. The order is fixed: the result is committed first (fenced by job and attempt), the
 * entry is acknowledged after, so that a crash between the two repeats the delivery but not its effect.
 */
#ifndef OCR_DELIVERY_H
#define OCR_DELIVERY_H

#include <stdatomic.h>

#include "common/base/metrics.h"
#include "common/pg/pg.h"
#include "control.h"
#include "slot.h"

struct handler_counts {
	atomic_llong done, failed, retried, pages;
};

/* What a thread needs to handle deliveries. */
struct handler {
	const struct ocr_settings *settings;
	const char *worker; /* this process's name in the queue */
	const struct engine *engine; /* that the slot reads with */
	struct slot *slot;
	struct pg *pg;
	struct control *control;
	struct handler_counts *counts;
	struct metrics *metrics; /* for the whole system's figures */
	atomic_bool lost; /* set from outside: the claim was taken over, stop soon */
	atomic_bool abandon; /* set from outside, or when the GPU is lost: hand the job back, stop soon */
};

/* Appends {"v":1,"job":…,"document":…,"status":"running","attempt":…,"page":…,"pages":…,"at":…,"worker":…}, filot-jobs(5). */
void delivery_write_progress(const struct handler *handler, const struct job *job, int page, int pages,
			     struct buffer *line);

/* Handles the delivery to its end. Logs what happened. */
void delivery_handle(struct handler *handler, struct delivery *delivery);

#endif
