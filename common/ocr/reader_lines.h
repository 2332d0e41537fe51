/*
 * The parent's half of reading with our own engine: layouts come from a reader child, pages are read from them a few at a
 * time. For reader.c.
 */
#ifndef FILOT_READER_LINES_H
#define FILOT_READER_LINES_H

#include "common/ocr/page_reader.h"
#include "common/ocr/reader.h"
#include "common/ocr/turn.h"

/* Pages of a document whose lines are read at a time: the recogniser is busy while the child lays out the next page. */
#define READER_PAGES_AHEAD 2

struct reader_lines {
	const struct reader_engine *engine;
	const struct text_model *models[TEXT_MODELS_AT_ONCE];
	size_t model_count;
	int32_t heights[LAYOUT_MOST_HEIGHTS];
	size_t height_count;
	struct pending_page {
		struct page_reading *reading;
		struct page page; /* its number, image and times */
		struct turn turn; /* to the page as given */
	} pending[READER_PAGES_AHEAD];
	size_t pending_count;
};

/*
 * Takes the models of `languages` ("deu+eng"). ERROR_UNKNOWN_LANGUAGE, also for a model that ours does not take. Ended by
 * reader_lines_close in any case.
 */
bool reader_lines_open(struct reader_lines *lines, const struct reader_engine *engine, const char *languages,
		       struct error *error);

/* Begins to read the page of a FRAME_LAYOUT, whose image (page_image_keep) is moved to it; there must be room. */
bool reader_lines_begin(struct reader_lines *lines, const void *payload, size_t length, struct page_image *image,
			bool image_wanted, struct error *error);

bool reader_lines_full(const struct reader_lines *lines);

/* The oldest page that is being read, when it is read; there must be one. */
bool reader_lines_finish(struct reader_lines *lines, struct page *page, struct error *error);

/* What a result says of the engine; `engine` is what the child said. */
void reader_lines_describe(const struct reader_lines *lines, struct engine_info *engine);

void reader_lines_close(struct reader_lines *lines); /* gives up pages that are being read */

#endif
