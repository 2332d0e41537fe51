/*
 * The text layer of a PDF page as Poppler has it: characters, words and lines with the places of their glyphs. Nothing here
 * is believed yet: pdf_seen.h compares it with what the page shows.
 *
 * Coordinates are pixels of the page's image. A line's words, and a word's characters, come as they stand on the page, from
 * the line's left to its right (by how it is turned), whichever way they are read.
 */
#ifndef FILOT_PDF_LAYER_H
#define FILOT_PDF_LAYER_H

#include <poppler.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/ocr/page.h"
#include "common/ocr/pdf_grid.h"

/* A glyph's cell: its advance wide, as high as its font, whatever of that is inked. */
struct layer_cell {
	float left, top, right, bottom;
};

struct layer_word {
	size_t first, count; /* in codes and cells */
	struct layer_cell cell; /* around its cells */
	struct box place; /* the pixels of the page that its cell touches */
	struct box box; /* around its ink, once pdf_seen.h has looked; before, its place */
	bool is_text; /* has a letter or a digit */
	bool is_dropped; /* an ornament of a symbol font, which no character stands for */
};

struct layer_line {
	size_t first_word, word_count;
	struct box box; /* around its words' cells */
	int32_t orientation; /* as struct line has it */
};

struct pdf_layer {
	uint32_t *codes; /* Unicode */
	struct layer_cell *cells;
	struct layer_word *words;
	struct layer_line *lines;
	size_t code_count, word_count, line_count;
	size_t text_count; /* letters and digits */
};

/*
 * Reads it. *fault is TEXT_LAYER_ABSENT, _UNREADABLE or _FROM_RIGHT when it cannot be taken. ERROR_OUT_OF_MEMORY; the layer is zero
 * then. The caller frees it (pdf_layer_free).
 */
bool pdf_layer_read(PopplerPage *page, const struct pdf_grid *grid, struct pdf_layer *layer, enum text_layer_fault *fault,
		    struct error *error);

void pdf_layer_free(struct pdf_layer *layer);

/*
 * A box as its text sees it: left to right along its lines, top to bottom across them. Only to compare boxes of one
 * orientation: the origin is not the page's.
 */
struct layer_upright {
	int32_t left, top, right, bottom;
};

struct layer_upright layer_upright(const struct box *box, int32_t orientation);

void pdf_layer_reverse(uint32_t *codes, size_t count); /* turns characters about */

struct box layer_box_union(const struct box *a, const struct box *b); /* an empty one adds nothing */

#endif
