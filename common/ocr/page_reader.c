/* Pages in flight: every language reads every line, each language's lines handed in together. */
#include "common/ocr/page_reader.h"

#include <stdlib.h>

struct page_reading {
	struct layout layout;
	const struct text_model *models[ASSEMBLE_LANGUAGES_MOST];
	size_t model_count;
	struct recogniser_page *pages[ASSEMBLE_LANGUAGES_MOST]; /* by model */
	struct line_image *lines; /* [model_count][line_count] */
	size_t *pieces;		  /* [line_count], those that have an image */
	size_t line_count;
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

/* The images of the pieces for one model; false when one is not there. */
static bool find_images(const struct page_reading *reading, const struct text_model *model, struct line_image *lines)
{
	const struct layout *layout = &reading->layout;

	for (size_t i = 0; i < reading->line_count; i++) {
		size_t at = (size_t)layout->pieces[reading->pieces[i]].first_image;

		while (at < layout->image_count && layout->images[at].height != model->shape.height)
			at++;
		if (at == layout->image_count)
			return false;
		const struct layout_image *image = &layout->images[at];
		const uint8_t *pixels = layout->pixels + image->offset;
		lines[i] = (struct line_image){
			.pixels = pixels,
			.inverse =
			    image->has_inverse ? pixels + (size_t)image->width * (size_t)image->height : NULL,
			.width = image->width,
			.height = image->height,
		};
	}
	return true;
}

static bool begin(struct page_reading *reading, struct recogniser *recogniser, struct error *error)
{
	const struct layout *layout = &reading->layout;

	reading->pieces = calloc(layout->piece_count + 1, sizeof *reading->pieces);
	reading->lines = calloc(reading->model_count * (layout->piece_count + 1), sizeof *reading->lines);
	if (!reading->pieces || !reading->lines)
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for the lines of a page");
	for (size_t i = 0; i < layout->piece_count; i++)
		if (layout->pieces[i].first_image >= 0)
			reading->pieces[reading->line_count++] = i;
	for (size_t model = 0; model < reading->model_count; model++) {
		struct line_image *lines = reading->lines + model * reading->line_count;

		if (!find_images(reading, reading->models[model], lines))
			return error_set(error, ERROR_INTERNAL, "a layout without images of height %d",
					 reading->models[model]->shape.height);
		reading->pages[model] =
		    recogniser_submit(recogniser, reading->models[model], lines, reading->line_count, error);
		if (!reading->pages[model])
			return false;
	}
	return true;
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
	reading->model_count = model_count;
	for (size_t model = 0; model < model_count; model++)
		reading->models[model] = models[model];
	if (begin(reading, recogniser, error))
		return reading;
	page_reading_free(reading);
	return NULL;
}

bool page_reading_finish(struct page_reading *reading, struct page *page, struct error *error)
{
	size_t pieces = reading->layout.piece_count;
	struct line_text *texts = calloc(pieces * reading->model_count + 1, sizeof *texts);
	struct line_text *read = calloc(reading->line_count + 1, sizeof *read);
	bool done = (texts && read) || error_set(error, ERROR_OUT_OF_MEMORY, "no memory for the text of a page");

	*page = (struct page){ 0 };
	for (size_t model = 0; done && model < reading->model_count; model++) {
		done = recogniser_wait(reading->pages[model], read, error);
		for (size_t i = 0; done && i < reading->line_count; i++)
			texts[reading->pieces[i] * reading->model_count + model] = read[i];
	}
	done = done && assemble_page(&reading->layout, reading->models, reading->model_count, texts, page, error);
	for (size_t i = 0; texts && i < pieces * reading->model_count; i++)
		line_text_free(&texts[i]);
	free(texts);
	free(read);
	return done;
}

int64_t page_reading_us(const struct page_reading *reading)
{
	int64_t spent_us = 0;

	for (size_t model = 0; model < reading->model_count; model++) {
		struct recogniser_figures figures = recogniser_page_figures(reading->pages[model]);

		spent_us += figures.network_us + figures.decode_us;
	}
	return spent_us;
}

void page_reading_cancel(struct page_reading *reading)
{
	for (size_t model = 0; model < reading->model_count; model++)
		if (reading->pages[model])
			recogniser_cancel(reading->pages[model]);
}

void page_reading_free(struct page_reading *reading)
{
	if (!reading)
		return;
	for (size_t model = 0; model < reading->model_count; model++)
		recogniser_page_free(reading->pages[model]);
	layout_free(&reading->layout);
	free(reading->lines);
	free(reading->pieces);
	free(reading);
}
