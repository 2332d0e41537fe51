/* What a step of the beam search may append to a path: at most three codes, and what they finish or begin. For beam.c.
 */
#ifndef FILOT_BEAM_OPTIONS_H
#define FILOT_BEAM_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/ocr/beam.h"

#define BEAM_MINIMUM_CERTAINTY (-20.0f) /* kMinCertainty */

/* Plain for paths of the dictionary, scaled (times kDictRatio) for others. */
struct beam_certainty {
	float plain, scaled;
};

/* A code that may be appended. */
struct beam_option {
	int32_t code;
	bool is_null; /* the blank */
	struct beam_certainty alone;
	struct beam_certainty with_null; /* of the code or the blank; not for the blank itself */
	struct beam_certainty with_both; /* of the code, the blank or the other of the two largest */
};

/* An option under the prefix of a path. */
struct beam_branch {
	const struct beam_option *option;
	const struct recoder_child *child;
};

struct beam_branches {
	struct beam_branch finals[3],
	    nexts[3]; /* in the recoder's order of trial; finals of any likelihood and not disabled */
	int final_count, next_count;
};

struct beam_options {
	const struct beam_model *model;
	struct beam_option options[3]; /* the two largest outputs, and the blank unless it is one of them */
	int count;
	struct beam_certainty null_certainty;
	struct beam_branches root; /* under no prefix */
};

/* `model` is borrowed. `least` is the probability of BEAM_MINIMUM_CERTAINTY. */
void beam_options_set(struct beam_options *options, const struct beam_model *model, const struct beam_step *step,
		      float least);

/* The options that a prefix allows. They point into *options. */
void beam_branches_find(const struct beam_options *options, int32_t prefix, struct beam_branches *branches);

/* NULL when the code is none of them. */
static inline const struct beam_option *beam_option_find(const struct beam_options *options, int32_t code)
{
	for (int i = 0; i < options->count; i++)
		if (options->options[i].code == code)
			return &options->options[i];
	return NULL;
}

#endif
