/* Receipt lines on standard output, whole ones, from any thread; and what they were, as counts and figures. */
#ifndef FILOT_BULI2_OUTPUT_H
#define FILOT_BULI2_OUTPUT_H

#include <pthread.h>
#include <stdatomic.h>

#include "common/base/metrics.h"
#include "common/buli2/request.h"

struct output {
	pthread_mutex_t lock;
	int64_t counts[BULI2_END_COUNT];
	atomic_bool failed; /* standard output is gone */
	struct metrics *metrics; /* the caller's, or NULL */
	const char *process; /* its name in gauges */
};

void output_open(struct output *output);
void output_close(struct output *output);

/* Writes it at once. False when standard output cannot be written. */
bool output_receipt(struct output *output, const struct buli2_receipt *receipt, struct error *error);

#endif
