/*
 * Which rows of a block form a paragraph: by indents, by whether a row's first word would have fitted at the end of the
 * row before, and by whether the words at the seams look like the end and the begin of a thought. Given the same rows it
 * finds the paragraphs that Tesseract finds.
 *
 * How it goes: a model of a paragraph is a side that its rows are aligned to, the indent of the first row and that of
 * the others. Each row collects hypotheses: it starts, or continues, a paragraph of some model. First come rows with
 * strong signs, from which models are made and carried on to the rows around them; then blocks whose outline alone
 * tells; what is left stays without a model and is one paragraph a run. A paragraph that is flush on both sides and
 * not like its neighbours gets a provisional model, a "crown", that takes the model of what follows.
 *
 * Source of the rules: Tesseract 5.3.0, ccmain/paragraphs.cpp, ccstruct/ocrpara.cpp.
 */
#ifndef FILOT_PARAGRAPHS_H
#define FILOT_PARAGRAPHS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"

/* The first or last word of a row, from the left. */
struct paragraph_word {
	int32_t width, height;
	bool starts_idea, ends_idea;
};

struct paragraph_row {
	int32_t left_px, right_px; /* from the row to the edges of its block */
	int32_t space_px;	   /* between words */
	int32_t word_count;	   /* rows without words are allowed */
	bool left_to_right;
	struct paragraph_word left, right;
};

/*
 * Sets owners[i], of `count` rows, to the number of the row's paragraph, from 0 and rising. ERROR_OUT_OF_MEMORY.
 */
bool paragraphs_find(const struct paragraph_row *rows, size_t count, int32_t *owners, struct error *error);

#endif
