/* A recogniser without threads: this one takes the place of its only one. */
#include "common/ocr/line_reader.h"

#include <stdint.h>
#include <stdlib.h>

#include "common/ocr/page_reader.h"
#include "common/ocr/recogniser_private.h"

struct line_reader {
	struct recogniser recogniser; /* its options and models */
	struct recogniser_thread thread;
	const struct text_model *models[TEXT_MODELS_AT_ONCE];
	size_t model_count;
};

struct line_reader *line_reader_new(const char *tessdata, struct error *error)
{
	struct line_reader *reader = calloc(1, sizeof *reader);

	if (!reader) {
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a line reader");
		return NULL;
	}
	reader->recogniser.options.batch_lines = 1;
	reader->recogniser.models = text_models_new(tessdata, network_backend_best(), TEXT_MODELS_AT_ONCE, error);
	reader->thread.recogniser = &reader->recogniser;
	if (reader->recogniser.models && recogniser_thread_prepare(&reader->thread, error))
		return reader;
	line_reader_free(reader);
	return NULL;
}

void line_reader_free(struct line_reader *reader)
{
	if (!reader)
		return;
	recogniser_thread_clear(&reader->thread);
	text_models_give_all(reader->recogniser.models, reader->models, reader->model_count);
	text_models_free(reader->recogniser.models);
	free(reader);
}

bool line_reader_load(struct line_reader *reader, const char *languages, struct error *error)
{
	const struct text_model *models[TEXT_MODELS_AT_ONCE];
	size_t count = text_models_take_all(reader->recogniser.models, languages, models, error);

	text_models_give_all(reader->recogniser.models, reader->models, reader->model_count);
	for (size_t i = 0; i < count; i++)
		reader->models[i] = models[i];
	reader->model_count = count;
	return count > 0;
}

/* A copy of `count` pixels in reverse order, which is the image turned by 180 degrees; NULL without memory. */
static uint8_t *turn_round(const uint8_t *pixels, size_t count)
{
	uint8_t *turned = malloc(count);

	for (size_t i = 0; turned && i < count; i++)
		turned[i] = pixels[count - 1 - i];
	return turned;
}

static bool read_image(struct line_reader *reader, const struct text_model *model, const struct line_image *image,
		       struct line_text *text, struct error *error)
{
	struct recogniser_page page = { .recogniser = &reader->recogniser, .model = model };
	struct recogniser_line line = { .page = &page, .image = image, .text = text };
	struct recogniser_figures figures;

	reader->thread.lines[0] = &line;
	return recogniser_batch_run(&reader->thread, 1, &figures, error);
}

static bool read_turned(struct line_reader *reader, const struct text_model *model, const struct line_image *image,
			struct line_text *text, struct error *error)
{
	size_t count = (size_t)image->width * (size_t)image->height;
	uint8_t *pixels = turn_round(image->pixels, count);
	uint8_t *inverse = image->inverse ? turn_round(image->inverse, count) : NULL;
	struct line_image turned = { pixels, inverse, image->width, image->height };
	bool done = pixels && (inverse || !image->inverse) ?
			read_image(reader, model, &turned, text, error) :
			error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a line that is turned");

	free(pixels);
	free(inverse);
	return done;
}

static float mean_confidence(const struct line_text *text)
{
	float sum = 0.0f;

	for (size_t i = 0; i < text->word_count; i++)
		sum += beam_confidence(text->words[i].final_certainty);
	return text->word_count > 0 ? sum / (float)text->word_count : 0.0f;
}

static void append_text(const struct text_model *model, const struct line_text *line, struct buffer *text)
{
	for (size_t i = 0; i < line->word_count; i++) {
		const struct beam_word *word = &line->words[i];

		buffer_append_string(text, i > 0 ? " " : "");
		for (size_t c = 0; c < word->character_count; c++) {
			int32_t unichar = line->characters[word->first_character + c].unichar;

			buffer_append_string(text, model->decoding.unicharset->unichars[unichar].text);
		}
	}
}

bool line_reader_read(struct line_reader *reader, const struct layout *layout, size_t piece, bool upside_down,
		      float *confidence, struct buffer *text, struct error *error)
{
	const struct text_model *surest = NULL;
	struct line_text best = { 0 };
	bool done = true;

	*confidence = 0.0f;
	for (size_t i = 0; done && i < reader->model_count; i++) {
		const struct text_model *model = reader->models[i];
		struct line_image image;
		struct line_text read = { 0 };

		if (!page_reader_image(layout, piece, model->shape.height, &image) ||
		    !recogniser_reads(&model->shape, image.width))
			continue;
		done = (upside_down ? read_turned : read_image)(reader, model, &image, &read, error);
		if (done && (!surest || mean_confidence(&read) > *confidence)) {
			struct line_text worse = best;

			surest = model;
			best = read;
			read = worse;
			*confidence = mean_confidence(&best);
		}
		line_text_free(&read);
	}
	if (done && surest && text)
		append_text(surest, &best, text);
	line_text_free(&best);
	return done;
}
