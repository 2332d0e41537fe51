/*
 * Pages in flight. Lines are read in rounds: all by the first language, then those by others that the choice among
 * languages asks for. Text is mostly of one language for many lines, so a guess what the choice will ask for is right
 * mostly, and a page takes two or three rounds; what is still missing then is read all at once.
 */
#include "common/ocr/page_reader.h"

#include <stdlib.h>
#include <string.h>

#define ROUNDS_MOST 4

/* The lines that one language reads in one round. */
struct errand {
	struct recogniser_page *page;
	struct line_image *lines; /* [count] */
	size_t *pieces;		  /* [count], their numbers in the layout */
	size_t count;
};

struct page_reading {
	struct layout layout;
	struct recogniser *recogniser;
	const struct text_model *models[TEXT_MODELS_AT_ONCE];
	size_t model_count;
	struct errand errands[TEXT_MODELS_AT_ONCE]; /* by model; without a page when it has nothing to read */
	struct line_text *texts; /* [piece][model] */
	bool *is_read, *wanted;	 /* of the same shape */
	int64_t spent_us;
};

size_t page_reader_heights(const struct text_model *const *models, size_t model_count,
			   int32_t heights[static LAYOUT_MOST_HEIGHTS])
{
	size_t count = 0;

	for (size_t model = 0; model < model_count; model++) {
		size_t i = 0;

		while (i < count && heights[i] != models[model]->shape.height)
			i++;
		if (i < count)
			continue;
		if (count == LAYOUT_MOST_HEIGHTS)
			return 0;
		heights[count++] = models[model]->shape.height;
	}
	return count;
}

bool page_reader_image(const struct layout *layout, size_t piece, int32_t height, struct line_image *line)
{
	size_t at = (size_t)layout->pieces[piece].first_image;

	while (at < layout->image_count && layout->images[at].height != height)
		at++;
	if (at == layout->image_count)
		return false;
	const struct layout_image *image = &layout->images[at];
	const uint8_t *pixels = layout->pixels + image->offset;
	*line = (struct line_image){
		.pixels = pixels,
		.inverse = image->has_inverse ? pixels + (size_t)image->width * (size_t)image->height : NULL,
		.width = image->width,
		.height = image->height,
	};
	return true;
}

static void errand_free(struct errand *errand)
{
	recogniser_page_free(errand->page);
	free(errand->lines);
	free(errand->pieces);
	*errand = (struct errand){ 0 };
}

/* Hands in the lines that a model is wanted to read. */
static bool submit(struct page_reading *reading, size_t model, struct error *error)
{
	const struct layout *layout = &reading->layout;
	struct errand *errand = &reading->errands[model];

	errand->lines = calloc(layout->piece_count + 1, sizeof *errand->lines);
	errand->pieces = calloc(layout->piece_count + 1, sizeof *errand->pieces);
	if (!errand->lines || !errand->pieces)
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for the lines of a page");
	for (size_t piece = 0; piece < layout->piece_count; piece++) {
		if (!reading->wanted[piece * reading->model_count + model])
			continue;
		if (!page_reader_image(layout, piece, reading->models[model]->shape.height,
				       &errand->lines[errand->count]))
			return error_set(error, ERROR_INTERNAL, "a layout without images of height %d",
					 reading->models[model]->shape.height);
		errand->pieces[errand->count++] = piece;
	}
	if (errand->count == 0) {
		errand_free(errand);
		return true;
	}
	errand->page =
	    recogniser_submit(reading->recogniser, reading->models[model], errand->lines, errand->count, error);
	return errand->page != NULL;
}

static bool submit_all(struct page_reading *reading, struct error *error)
{
	for (size_t model = 0; model < reading->model_count; model++)
		if (!submit(reading, model, error))
			return false;
	memset(reading->wanted, 0, reading->layout.piece_count * reading->model_count * sizeof *reading->wanted);
	return true;
}

/* Waits for what a model reads. */
static bool collect(struct page_reading *reading, size_t model, struct error *error)
{
	struct errand *errand = &reading->errands[model];
	struct line_text *texts = calloc(errand->count + 1, sizeof *texts);
	bool done = texts ? recogniser_wait(errand->page, texts, error) :
			    error_set(error, ERROR_OUT_OF_MEMORY, "no memory for the text of a page");

	for (size_t i = 0; done && i < errand->count; i++) {
		size_t index = errand->pieces[i] * reading->model_count + model;

		reading->texts[index] = texts[i];
		reading->is_read[index] = true;
	}
	if (done) {
		struct recogniser_figures figures = recogniser_page_figures(errand->page);

		reading->spent_us += figures.network_us + figures.decode_us;
	}
	free(texts);
	errand_free(errand);
	return done;
}

static bool collect_all(struct page_reading *reading, struct error *error)
{
	for (size_t model = 0; model < reading->model_count; model++)
		if (reading->errands[model].page && !collect(reading, model, error))
			return false;
	return true;
}

static bool begin(struct page_reading *reading, struct error *error)
{
	const struct layout *layout = &reading->layout;
	size_t readings = layout->piece_count * reading->model_count;

	reading->texts = calloc(readings + 1, sizeof *reading->texts);
	reading->is_read = calloc(readings + 1, sizeof *reading->is_read);
	reading->wanted = calloc(readings + 1, sizeof *reading->wanted);
	if (!reading->texts || !reading->is_read || !reading->wanted)
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for the text of a page");
	for (size_t i = 0; i < readings; i++) {
		bool has_image = layout->pieces[i / reading->model_count].first_image >= 0;

		reading->is_read[i] = !has_image; /* there is nothing to read */
		reading->wanted[i] = has_image && i % reading->model_count == 0;
	}
	return submit_all(reading, error);
}

struct page_reading *page_reading_begin(struct recogniser *recogniser, struct layout *layout,
					const struct text_model *const *models, size_t model_count, struct error *error)
{
	struct page_reading *reading = calloc(1, sizeof *reading);

	if (!reading) {
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a page");
		layout_free(layout);
		return NULL;
	}
	reading->layout = *layout;
	*layout = (struct layout){ 0 };
	reading->recogniser = recogniser;
	reading->model_count = model_count;
	for (size_t model = 0; model < model_count; model++)
		reading->models[model] = models[model];
	if (begin(reading, error))
		return reading;
	page_reading_free(reading);
	return NULL;
}

/* What the next round is to read; *some: anything. */
static bool find_wanted(struct page_reading *reading, int round, bool *some, struct error *error)
{
	*some = false;
	if (reading->model_count == 1)
		return true;
	if (round < ROUNDS_MOST)
		return assemble_wants(&reading->layout, reading->models, reading->model_count, reading->texts,
				      reading->is_read, reading->wanted, some, error);
	for (size_t i = 0; i < reading->layout.piece_count * reading->model_count; i++) {
		reading->wanted[i] = !reading->is_read[i];
		*some |= reading->wanted[i];
	}
	return true;
}

bool page_reading_finish(struct page_reading *reading, struct page *page, struct error *error)
{
	bool some = false, done = collect_all(reading, error);

	*page = (struct page){ 0 };
	for (int round = 1; done; round++) {
		done = find_wanted(reading, round, &some, error);
		if (!done || !some)
			break;
		done = submit_all(reading, error) && collect_all(reading, error);
	}
	return done && assemble_page(&reading->layout, reading->models, reading->model_count, reading->texts, page, error);
}

int64_t page_reading_us(const struct page_reading *reading)
{
	return reading->spent_us;
}

void page_reading_free(struct page_reading *reading)
{
	if (!reading)
		return;
	for (size_t model = 0; model < reading->model_count; model++)
		errand_free(&reading->errands[model]);
	for (size_t i = 0; reading->texts && i < reading->layout.piece_count * reading->model_count; i++)
		line_text_free(&reading->texts[i]);
	free(reading->texts);
	free(reading->is_read);
	free(reading->wanted);
	layout_free(&reading->layout);
	free(reading);
}
