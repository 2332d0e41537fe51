/* Small rules about a word's letters. */
#include "common/ocr/acceptable.h"

#define THRESHOLD (-2.5f)	 /* stopper_nondict_certainty_base */
#define THRESHOLD_LETTER (-0.5f) /* stopper_certainty_per_char */
#define SMALL_WORD 2		 /* stopper_smallword_size */

/* What case allows after what has been; a word that ends as a single small letter does not pass. */
static bool is_case_plausible(const struct unichar *set, const int32_t *unichars, size_t count)
{
	enum { START, INITIAL_UPPER, LOWER, UPPER, DIGIT, INITIAL_LOWER, WRONG } state = START;
	enum { OTHER_NEXT, UPPER_NEXT, LOWER_NEXT, DIGIT_NEXT, KINDS };
	static const uint8_t next[WRONG][KINDS] = {
		[START] = { START, INITIAL_UPPER, INITIAL_LOWER, DIGIT },
		[INITIAL_UPPER] = { START, UPPER, LOWER, DIGIT },
		[LOWER] = { START, WRONG, LOWER, WRONG },
		[UPPER] = { START, UPPER, WRONG, DIGIT },
		[DIGIT] = { START, WRONG, WRONG, DIGIT },
		[INITIAL_LOWER] = { INITIAL_LOWER, WRONG, LOWER, WRONG },
	};

	for (size_t i = 0; i < count && state != WRONG; i++) {
		uint8_t properties = set[unichars[i]].properties;

		state = next[state][properties & UNICHAR_UPPER	 ? UPPER_NEXT
				    : properties & UNICHAR_LOWER ? LOWER_NEXT
				    : properties & UNICHAR_DIGIT ? DIGIT_NEXT
								 : OTHER_NEXT];
	}
	return state != WRONG && state != INITIAL_LOWER;
}

/* 0 when there is no letter. */
static size_t shortest_letter_run(const struct unichar *set, const int32_t *unichars, size_t count)
{
	size_t shortest = 0, run = 0;

	for (size_t i = 0; i <= count; i++) {
		if (i < count && (set[unichars[i]].properties & UNICHAR_ALPHABETIC)) {
			run++;
			continue;
		}
		if (run > 0 && (shortest == 0 || run < shortest))
			shortest = run;
		run = 0;
	}
	return shortest;
}

bool word_is_acceptable(const struct beam_model *model, const int32_t *unichars, size_t count, float final_certainty)
{
	const struct unichar *set = model->unicharset->unichars;
	float threshold = THRESHOLD;

	if (count == 0)
		return false;
	if (model->dictionary && dictionary_has_word(model->dictionary, unichars, count) &&
	    is_case_plausible(set, unichars, count)) {
		size_t run = shortest_letter_run(set, unichars, count);

		if (run > SMALL_WORD)
			threshold += (float)(run - SMALL_WORD) * THRESHOLD_LETTER;
	}
	return final_certainty > threshold;
}
