/* What reading a line takes of one time step's outputs, and how it is picked. Plain C types only, as devices make them. */
#ifndef FILOT_BEAM_STEP_H
#define FILOT_BEAM_STEP_H

#include <stdint.h>

/* What the search needs (beam.h). */
struct beam_step {
	int32_t top, second; /* classes of the largest and second largest output */
	float top_probability, second_probability, null_probability;
};

struct beam_reduced {
	struct beam_step step;
	int32_t strength; /* the largest output in 1/127, rounded down; -1: it is the blank, or the first of equal ones is */
};

/*
 * Picks a step's two largest of `count` outputs, at least 2, as Tesseract does: the five largest are kept in a heap in
 * which an output enters only by being greater than the least one, and come out in increasing order (ComputeTopN).
 */
struct beam_reduced beam_reduce(const float *outputs, int32_t count, int32_t null_code);

#endif
