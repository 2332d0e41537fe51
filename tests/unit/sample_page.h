/* Pages for tests: one small page that has one of everything, and random valid ones. */
#ifndef FILOT_SAMPLE_PAGE_H
#define FILOT_SAMPLE_PAGE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/ocr/page.h"

/* A fixed seed by FILOT_TEST_SEED, else one from the clock; printed, so that a failure can be had again. */
static inline unsigned sample_seed(void)
{
	const char *given = getenv("FILOT_TEST_SEED");
	unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
	printf("# seed %u (FILOT_TEST_SEED)\n", seed);
	return seed;
}

/* xorshift: the same numbers from the same seed everywhere. */
static inline unsigned sample_random(unsigned *state, unsigned below)
{
	unsigned x = *state ? *state : 1;
	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	*state = x;
	return x % below;
}

static inline void sample_word(struct page *page, struct box box, float confidence, const char *text,
			       const char *language, enum word_direction direction)
{
	const struct word word = { .box = box,
				   .confidence = confidence,
				   .text = (char *)(uintptr_t)text,
				   .language = (char *)(uintptr_t)language,
				   .direction = direction };
	(void)page_add_word(page, &word, NULL);
}

/*
 * 400 x 300 px at 200 dpi: a heading block (one paragraph, one line of two words), a rule, a block of two paragraphs, the
 * second right to left with a German and a neutral word, a line that stands on its side.
 */
static inline void sample_page(struct page *page, int32_t number)
{
	*page = (struct page){ .number = number,
			       .width = 400,
			       .height = 300,
			       .dpi = 200,
			       .confidence = 93,
			       .text = strdup("Fish & Chips\n\none\n\ntwo 3\n"),
			       .decode_ms = 5,
			       .layout_ms = 7,
			       .recognise_ms = 11 };
	(void)page_add_block(page, &(struct block){ { 10, 10, 200, 30 }, 1, BLOCK_HEADING }, NULL);
	(void)page_add_block(page, &(struct block){ { 0, 50, 400, 2 }, 2, BLOCK_SEPARATOR }, NULL);
	(void)page_add_block(page, &(struct block){ { 10, 60, 300, 200 }, 3, BLOCK_TEXT }, NULL);
	(void)page_add_paragraph(page, &(struct paragraph){ { 10, 10, 200, 30 }, 1, 1, false }, NULL);
	(void)page_add_paragraph(page, &(struct paragraph){ { 10, 60, 300, 40 }, 3, 1, false }, NULL);
	(void)page_add_paragraph(page, &(struct paragraph){ { 10, 110, 300, 150 }, 3, 2, true }, NULL);
	(void)page_add_line(page,
			    &(struct line){ .box = { 10, 10, 200, 30 },
					    .confidence = 95.5f,
					    .block = 1,
					    .paragraph = 1,
					    .baseline = { 10, 34, 209, 36 },
					    .row_height_px = 31.214842f,
					    .descenders_px = -7.2148418f,
					    .ascenders_px = 6 },
			    NULL);
	sample_word(page, (struct box){ 10, 10, 60, 24 }, 96.063461f, "Fish", "eng", WORD_LEFT_TO_RIGHT);
	sample_word(page, (struct box){ 80, 10, 20, 24 }, 95, "&", "eng", WORD_NEUTRAL);
	(void)page_add_line(
		page, &(struct line){ .box = { 10, 60, 50, 40 }, .confidence = 90.1f, .block = 3, .paragraph = 1 }, NULL);
	sample_word(page, (struct box){ 10, 60, 50, 40 }, 90.1f, "\"one\"", "eng", WORD_RIGHT_TO_LEFT);
	(void)page_add_line(page,
			    &(struct line){ .box = { 10, 110, 20, 150 },
					    .confidence = 50,
					    .block = 3,
					    .paragraph = 2,
					    .row_height_px = 20,
					    .descenders_px = -5,
					    .ascenders_px = 4,
					    .orientation = 270 },
			    NULL);
	sample_word(page, (struct box){ 10, 110, 20, 70 }, 100, "zw\xc3\xb6lf", "deu", WORD_LEFT_TO_RIGHT);
	sample_word(page, (struct box){ 10, 190, 20, 70 }, 0, "3", NULL, WORD_NEUTRAL);
}

static inline struct box sample_random_box(const struct page *page, unsigned *state)
{
	int32_t x = (int32_t)sample_random(state, (unsigned)page->width + 1);
	int32_t y = (int32_t)sample_random(state, (unsigned)page->height + 1);
	return (struct box){ x, y, (int32_t)sample_random(state, (unsigned)(page->width - x) + 1),
			     (int32_t)sample_random(state, (unsigned)(page->height - y) + 1) };
}

/* Any float from 0 to `most`, with all its bits. */
static inline float sample_random_float(unsigned *state, float most)
{
	unsigned kind = sample_random(state, 8);
	float share = (float)sample_random(state, 1u << 31) / (float)(1u << 31);
	return kind == 0 ? 0 : kind == 1 ? most : most * (kind == 2 ? share * share * share * share : share);
}

/* 1 to 8 characters of one to four bytes, among them all that JSON and XML must escape. */
static inline void sample_random_text(char text[40], unsigned *state)
{
	static const char *const characters[] = { "a",	"Z",	"\"",	    "\\",	"/",	    "<",
						  "&",	"\x01", "\t",	    "\x7f",	"\xc3\xa4", "\xd7\x90",
						  "'",	"\n",	"\xe2\x80\xa8", "\xf0\x9f\x90\xb1", "\xef\xbf\xbd", "[" };
	text[0] = '\0';
	for (unsigned left = 1 + sample_random(state, 8); left; left--)
		(void)strncat(text, characters[sample_random(state, sizeof characters / sizeof *characters)],
			      40 - 1 - strlen(text));
}

static inline void sample_random_line(struct page *page, int32_t block, int32_t paragraph, unsigned *state)
{
	static const char *const languages[] = { "eng", "eng", "deu", NULL };
	struct line line = { .box = sample_random_box(page, state),
			     .confidence = sample_random_float(state, 100),
			     .block = block,
			     .paragraph = paragraph };
	char text[40];
	if (sample_random(state, 4))
		for (int index = 0; index < 4; index++)
			line.baseline[index] = (int32_t)sample_random(state, 100000) - 50000;
	if (sample_random(state, 4)) {
		line.row_height_px = sample_random_float(state, 1000);
		line.descenders_px = -sample_random_float(state, 1e-3f);
		line.ascenders_px = sample_random_float(state, 1e6f);
	}
	line.orientation = (int32_t)sample_random(state, 4) * 90;
	(void)page_add_line(page, &line, NULL);
	for (unsigned left = sample_random(state, 12); left; left--) {
		sample_random_text(text, state);
		sample_word(page, sample_random_box(page, state), sample_random_float(state, 100), text,
			    languages[sample_random(state, 4)], (enum word_direction)sample_random(state, 3));
	}
}

static inline void sample_random_page(struct page *page, unsigned *state)
{
	char text[40];
	sample_random_text(text, state);
	*page = (struct page){ .number = 1 + (int32_t)sample_random(state, 1000),
			       .width = 1 + (int32_t)sample_random(state, PAGE_LONGEST_SIDE_PX),
			       .height = 1 + (int32_t)sample_random(state, PAGE_LONGEST_SIDE_PX),
			       .dpi = (int32_t)sample_random(state, 2400),
			       .rotation = (int32_t)sample_random(state, 4) * 90,
			       .skew_degrees = (float)sample_random(state, 3000) / 100.0f - 15.0f,
			       .enlarged = (float)sample_random(state, 3),
			       .uneven_light = sample_random(state, 2),
			       .source = (enum page_source)sample_random(state, PAGE_SOURCE_COUNT),
			       .text_layer_fault = (enum text_layer_fault)sample_random(state, TEXT_LAYER_FAULT_COUNT),
			       .confidence = sample_random_float(state, 100),
			       .text = strdup(text),
			       .decode_ms = (int64_t)sample_random(state, 1u << 31) * 1000,
			       .layout_ms = sample_random(state, 1000),
			       .recognise_ms = sample_random(state, 1000) };
	int32_t blocks = (int32_t)sample_random(state, 6);
	for (int32_t block = 1; block <= blocks; block++) {
		enum block_kind kind = (enum block_kind)sample_random(state, BLOCK_KIND_COUNT);
		(void)page_add_block(page, &(struct block){ sample_random_box(page, state), block, kind }, NULL);
		int32_t paragraphs = kind == BLOCK_IMAGE || kind == BLOCK_SEPARATOR ? 0 :
						 (int32_t)sample_random(state, 4);
		for (int32_t number = 1; number <= paragraphs; number++) {
			const struct paragraph paragraph = { sample_random_box(page, state), block, number,
							     sample_random(state, 2) };
			(void)page_add_paragraph(page, &paragraph, NULL);
			for (unsigned left = sample_random(state, 4); left; left--)
				sample_random_line(page, block, number, state);
		}
	}
}

#endif
