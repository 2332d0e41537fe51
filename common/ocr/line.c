/* What a line image needs around the network: its normalisation, the measure of its reading, and copies of what was read. */
#include "common/ocr/line.h"

#include <stdlib.h>
#include <string.h>

#define GREYS 256
#define OUTPUT_SCALE 127

/* The value below which `fraction` of a histogram lies, interpolated within its grey (STATS::ile). */
static double percentile(const int32_t *counts, int32_t total, double fraction)
{
	double target = fraction * total;
	int32_t sum = 0, grey = 0;

	if (target < 1.0)
		target = 1.0;
	while (grey < GREYS && sum < target)
		sum += counts[grey++];
	return grey - (sum - target) / counts[grey - 1];
}

void line_to_network(const uint8_t *pixels, int32_t width, int32_t height, struct network_line *line)
{
	const uint8_t *row = pixels + (size_t)(height / 2) * (size_t)width;
	int32_t minima[GREYS] = { 0 }, maxima[GREYS] = { 0 }, minimum_count = 0, maximum_count = 0;

	for (int32_t x = 1; x + 1 < width; x++) {
		int before = row[x - 1], here = row[x], after = row[x + 1];

		if ((here < before && here <= after) || (here <= before && here < after)) {
			minima[here]++;
			minimum_count++;
		}
		if ((here > before && here >= after) || (here >= before && here > after)) {
			maxima[here]++;
			maximum_count++;
		}
	}
	if (minimum_count == 0)
		minima[minimum_count++] = 1;
	if (maximum_count == 0) {
		maxima[GREYS - 1] = 1;
		maximum_count = 1;
	}
	float black = (float)percentile(minima, minimum_count, 0.25);
	float white = (float)percentile(maxima, maximum_count, 0.75);
	float contrast = (white - black) / 2.0f;
	*line = (struct network_line){
		.pixels = pixels,
		.stride_bytes = (size_t)width,
		.width = width,
		.black = black,
		.contrast = contrast > 0.0f ? contrast : 1.0f,
	};
}

float line_mean_output(const struct network_reading *reading)
{
	int64_t sum = 0, count = 0;

	for (int32_t step = 0; step < reading->step_count; step++)
		if (reading->steps[step].strength >= 0) {
			sum += reading->steps[step].strength;
			count++;
		}
	return count ? (float)((double)sum / (double)count / OUTPUT_SCALE) : 0.0f;
}

bool line_text_copy(struct line_text *text, const struct beam_line *line, struct error *error)
{
	size_t word_bytes = line->word_count * sizeof *line->words;
	size_t character_bytes = line->character_count * sizeof *line->characters;
	char *memory = malloc(word_bytes + character_bytes + 1);

	*text = (struct line_text){ 0 };
	if (!memory)
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a line of text");
	text->words = (struct beam_word *)(void *)memory;
	text->characters = (struct beam_character *)(void *)(memory + word_bytes);
	if (word_bytes)
		memcpy(text->words, line->words, word_bytes);
	if (character_bytes)
		memcpy(text->characters, line->characters, character_bytes);
	text->word_count = line->word_count;
	text->character_count = line->character_count;
	return true;
}

void line_text_free(struct line_text *text)
{
	free(text->words);
	*text = (struct line_text){ 0 };
}
