/*
 * A page from its layout: its lines go to the recogniser, what comes back is assembled (assemble.h). Of several languages
 * the first one reads every line, each other only the lines that need it (assemble_wants), as libtesseract does.
 */
#ifndef FILOT_PAGE_READER_H
#define FILOT_PAGE_READER_H

#include "common/ocr/assemble.h"
#include "common/ocr/recogniser.h"

/* The heights of the models' networks, each once, as the layout's images must have them. Returns how many; 0: too many. */
size_t page_reader_heights(const struct text_model *const *models, size_t model_count,
			   int32_t heights[static LAYOUT_MOST_HEIGHTS]);

/* A piece's image for a network of that height, pixels borrowed from the layout; false when it has none. */
bool page_reader_image(const struct layout *layout, size_t piece, int32_t height, struct line_image *line);

/* A page whose lines are being read. */
struct page_reading;

/*
 * Begins to read a layout with 1 to TEXT_MODELS_AT_ONCE models. The layout becomes the reading's (*layout is zero
 * after), also on failure; the models are the caller's until page_reading_free. Errors of recogniser_submit;
 * ERROR_INTERNAL when a piece lacks an image of a model's height.
 */
struct page_reading *page_reading_begin(struct recogniser *recogniser, struct layout *layout,
					const struct text_model *const *models, size_t model_count,
					struct error *error);

/* Waits for the lines, has others read those that need it, and fills *page but for its number, rotation and times. Errors of recogniser_wait, assemble_page. */
bool page_reading_finish(struct page_reading *reading, struct page *page, struct error *error);

/* After page_reading_finish: time that the recogniser's threads spent on the lines. */
int64_t page_reading_us(const struct page_reading *reading);

void page_reading_free(struct page_reading *reading); /* NULL is fine */

#endif
