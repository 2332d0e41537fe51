/* The certainties of a step's codes: the logarithm in float, the offset added in double, as Tesseract has it. */
#include "common/ocr/beam_options.h"

#include <math.h>

#define DICTIONARY_RATIO 2.25f	  /* certainties outside the dictionary count so many times (kDictRatio) */
#define CERTAINTY_OFFSET (-0.085) /* to give the dictionary a chance (kCertOffset) */

static struct beam_certainty make_certainty(float probability, float least)
{
	float certainty = probability > least ? logf(probability) : BEAM_MINIMUM_CERTAINTY;
	float plain = (float)((double)certainty + CERTAINTY_OFFSET);

	return (struct beam_certainty){ plain, plain * DICTIONARY_RATIO };
}

/* Keeps the branches in order of their ranks. */
static void insert_branch(struct beam_branch branches[3], int *count, struct beam_branch branch, bool by_final)
{
	int place = (*count)++;

	for (; place > 0; place--) {
		const struct recoder_child *before = branches[place - 1].child;

		if (by_final ? before->final_rank < branch.child->final_rank
			     : before->next_rank < branch.child->next_rank)
			break;
		branches[place] = branches[place - 1];
	}
	branches[place] = branch;
}

/* The blank always is: that is what keeps the search alive. */
static bool is_possible(const struct beam_model *model, const struct beam_branch *branch)
{
	if (branch->option->is_null)
		return true;
	return !(branch->option->alone.plain < BEAM_MINIMUM_CERTAINTY) &&
	       !(model->disabled && model->disabled[branch->child->unichar]);
}

void beam_branches_find(const struct beam_options *options, int32_t prefix, struct beam_branches *branches)
{
	const struct beam_model *model = options->model;

	branches->final_count = branches->next_count = 0;
	for (int i = 0; i < options->count; i++) {
		const struct beam_option *option = &options->options[i];

		if (option->is_null && prefix != RECODER_ROOT)
			continue; /* the blank is part of no unichar (recoder_new) */
		struct beam_branch branch = { option, recoder_find(model->recoder, prefix, option->code) };

		if (!branch.child)
			continue;
		if (branch.child->final_rank != RECODER_NONE && is_possible(model, &branch))
			insert_branch(branches->finals, &branches->final_count, branch, true);
		if (branch.child->next_rank != RECODER_NONE)
			insert_branch(branches->nexts, &branches->next_count, branch, false);
	}
}

void beam_options_set(struct beam_options *options, const struct beam_model *model, const struct beam_step *step,
		      float least)
{
	const int32_t null_code = model->recoder->null_code;
	const int32_t codes[3] = { step->top, step->second, null_code };
	const float probabilities[3] = { step->top_probability, step->second_probability, step->null_probability };

	options->model = model;
	options->null_certainty = make_certainty(step->null_probability, least);
	options->count = codes[0] == null_code || codes[1] == null_code ? 2 : 3;
	for (int i = 0; i < options->count; i++) {
		struct beam_option *option = &options->options[i];
		float sum = probabilities[i] + step->null_probability;

		*option = (struct beam_option){ .code = codes[i],
						.is_null = codes[i] == null_code,
						.alone = make_certainty(probabilities[i], least) };
		if (option->is_null)
			continue;
		option->with_null = make_certainty(sum, least);
		if (options->count == 3)
			option->with_both = make_certainty(sum + probabilities[1 - i], least);
	}
	beam_branches_find(options, RECODER_ROOT, &options->root);
}
