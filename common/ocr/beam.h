/*
 * From a line's softmax outputs to its words: Tesseract's beam search over codes (CTC) with the dictionary, its word
 * breaks, certainties and character boundaries. Given the same outputs it gives the same as libtesseract, to the last
 * bit of every float. Sources: lstm/recodebeam.*, lstm/lstmrecognizer.cpp, ccmain/linerec.cpp.
 *
 * Which outputs it looks at: of each time step the two largest and the blank (CTC's null), nothing else. Tesseract
 * falls back on the outputs after the second only when no path survives a step, and that cannot be: the blank is always
 * allowed after any path outside the dictionary that is at the end of a unichar, such a path exists after every step,
 * and it never counts as too unlikely. So the search takes 20 bytes a step (struct beam_step), whatever the number of
 * classes. beam_reduce says exactly which two are "the largest" when some are equal.
 *
 * struct beam_model is immutable and shared by threads; struct beam belongs to one thread and one model, and keeps its
 * memory from line to line: about 250 bytes a step for languages of one code a unichar, up to 4.5 KB for Han, and 0.3
 * to 2 MB whatever the line, most of it what the dictionary's walk remembers.
 */
#ifndef FILOT_BEAM_H
#define FILOT_BEAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/ocr/beam_step.h"
#include "common/ocr/dictionary.h"
#include "common/ocr/recoder.h"
#include "common/ocr/unicharset.h"

struct beam_model { /* all borrowed; they outlive the beams made of them */
	const struct unicharset *unicharset;
	const struct recoder *recoder;	     /* its null_code is the blank */
	const struct dictionary *dictionary; /* NULL: without */
	const uint8_t *disabled; /* [unicharset->count] not 0: never read (see unicharset_mark); NULL: all are */
};

struct beam_character {
	int32_t unichar;	      /* id in the character set */
	int32_t step;		      /* where it was read first */
	int32_t first_step, end_step; /* from the middle between it and its neighbours: [first_step, end_step) */
	float certainty;	      /* the least of its steps, natural logarithm, at most 0; not scaled */
	float rating;		      /* minus the sum of its steps' certainties */
};

struct beam_word {
	size_t first_character, character_count; /* in the line's characters; no spaces */
	bool leading_space;			 /* a space was read before it */
	enum permuter
	    permuter;	 /* PERMUTER_WORD and _NUMBER: the dictionary has it; PERMUTER_NONE, _PUNCTUATION, _TOP: not */
	float certainty; /* the least of its characters */
	float rating;	 /* the sum of its characters */
	float space_certainty; /* the lesser of the spaces around it (0 where there is none) */
	float final_certainty; /* what decides confidence: (the lesser of the two above) × 7 */
};

struct beam_line {
	const struct beam_character *characters; /* spaces too, in the order they were read */
	size_t character_count;
	const struct beam_word *words;
	size_t word_count;
};

struct beam;

/* `model` is copied, what it points to is not. NULL with ERROR_OUT_OF_MEMORY. */
struct beam *beam_new(const struct beam_model *model, struct error *error);
void beam_free(struct beam *beam); /* NULL is fine */

/*
 * Decodes a line of `step_count` steps, at least 1. What *line points to belongs to the beam and lives until its next
 * call. ERROR_OUT_OF_MEMORY, ERROR_TOO_LARGE for more than BEAM_STEPS_MOST steps.
 */
bool beam_decode(struct beam *beam, const struct beam_step *steps, size_t step_count, struct beam_line *line,
		 struct error *error);

/*
 * The same from whole outputs: [step_count][output_count] probabilities, `stride` floats from one step to the next.
 * output_count is that given to recoder_new.
 */
bool beam_decode_outputs(struct beam *beam, const float *outputs, size_t step_count, size_t output_count, size_t stride,
			 struct beam_line *line, struct error *error);

/* Of a word's or row's final certainty, as Tesseract says it: 100 + 5 × certainty, within 0 to 100. */
float beam_confidence(float certainty);

#define BEAM_STEPS_MOST 100000

#endif
