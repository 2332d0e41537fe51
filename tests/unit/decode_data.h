/*
 * Reads tests/data/decode-LANG.bin: a model's character set, recoder and word graphs (of few words), and lines that
 * libtesseract decoded with them. Little endian: "FILOTDEC", int32 outputs, blank, lines; five entries (character set,
 * recoder, punctuation, words, numbers), each uint32 bytes and that many; then the lines: int32 steps, outputs, blank,
 * characters, words, matrix (0 or 1); steps as struct beam_step; characters as int32 unichar, step, first, end, float
 * certainty, rating; words as int32 first, count, leading space, permuter, float certainty, rating, space, final; and,
 * when matrix is 1, all outputs as float [steps][outputs].
 */
#ifndef FILOT_DECODE_DATA_H
#define FILOT_DECODE_DATA_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/ocr/beam.h"

enum { ENTRY_UNICHARSET, ENTRY_RECODER, ENTRY_PUNCTUATION, ENTRY_WORDS, ENTRY_NUMBERS, ENTRY_COUNT };

struct expected_character {
	int32_t unichar, step, first_step, end_step;
	float certainty, rating;
};

struct expected_word {
	int32_t first_character, character_count, leading_space, permuter;
	float certainty, rating, space_certainty, final_certainty;
};

struct expected_line {
	int32_t step_count, output_count, null_code, character_count, word_count, has_matrix;
	const struct beam_step *steps;
	const struct expected_character *characters;
	const struct expected_word *words;
	const float *matrix; /* NULL unless has_matrix */
};

struct decode_data {
	char *bytes;
	int32_t output_count, null_code, line_count;
	const char *entries[ENTRY_COUNT];
	uint32_t entry_lengths[ENTRY_COUNT];
	struct expected_line *lines;
	struct unicharset *unicharset;
	struct recoder *recoder;
	struct dawg *dawgs[3]; /* punctuation, words, numbers */
	struct dictionary dictionary;
};

/* Copies to aligned memory and moves on; the program ends when there is no memory, as it cannot go on. */
static inline void *decode_data_take(const char **next, size_t length)
{
	void *copy = malloc(length ? length : 1);

	if (!copy)
		abort();
	memcpy(copy, *next, length);
	*next += length;
	return copy;
}

static inline void decode_data_line(struct expected_line *line, const char **next)
{
	memcpy(line, *next, 6 * sizeof(int32_t));
	*next += 6 * sizeof(int32_t);
	line->steps = decode_data_take(next, (size_t)line->step_count * sizeof *line->steps);
	line->characters = decode_data_take(next, (size_t)line->character_count * sizeof *line->characters);
	line->words = decode_data_take(next, (size_t)line->word_count * sizeof *line->words);
	line->matrix = NULL;
	if (line->has_matrix)
		line->matrix =
		    decode_data_take(next, (size_t)line->step_count * (size_t)line->output_count * sizeof(float));
}

/* Loads tests/data/decode-LANG.bin and its model; exits with a message when that fails. */
static inline struct decode_data decode_data_open(const char *language)
{
	struct decode_data data = { 0 };
	struct error error = { 0 };
	char path[128];
	long length;

	(void)snprintf(path, sizeof path, "tests/data/decode-%s.bin", language);
	FILE *file = fopen(path, "rb");
	if (!file || fseek(file, 0, SEEK_END) != 0 || (length = ftell(file)) < 0) {
		printf("Bail out! %s cannot be read\n", path);
		exit(1);
	}
	rewind(file);
	data.bytes = malloc((size_t)length);
	if (!data.bytes || fread(data.bytes, 1, (size_t)length, file) != (size_t)length)
		abort();
	(void)fclose(file);
	const char *next = data.bytes + strlen("FILOTDEC");
	memcpy(&data.output_count, next, 4);
	memcpy(&data.null_code, next + 4, 4);
	memcpy(&data.line_count, next + 8, 4);
	next += 12;
	for (int i = 0; i < ENTRY_COUNT; i++) {
		memcpy(&data.entry_lengths[i], next, 4);
		data.entries[i] = next + 4;
		next += 4 + data.entry_lengths[i];
	}
	data.lines = calloc((size_t)data.line_count, sizeof *data.lines);
	if (!data.lines)
		abort();
	for (int32_t i = 0; i < data.line_count; i++)
		decode_data_line(&data.lines[i], &next);
	data.unicharset = unicharset_new(data.entries[ENTRY_UNICHARSET], data.entry_lengths[ENTRY_UNICHARSET], &error);
	if (data.unicharset)
		data.recoder = recoder_new(data.entries[ENTRY_RECODER], data.entry_lengths[ENTRY_RECODER],
					   data.unicharset->count, data.output_count, data.null_code, &error);
	for (int i = 0; data.recoder && i < 3; i++)
		data.dawgs[i] = dawg_new(data.entries[ENTRY_PUNCTUATION + i], data.entry_lengths[ENTRY_PUNCTUATION + i],
					 data.unicharset->count, &error);
	if (next != data.bytes + length || !data.recoder || !data.dawgs[0] || !data.dawgs[1] || !data.dawgs[2]) {
		printf("Bail out! %s: %s\n", path, error.message);
		exit(1);
	}
	data.dictionary = (struct dictionary){ data.unicharset, data.dawgs[0], data.dawgs[1], data.dawgs[2] };
	return data;
}

/* The model of the data; it points into *data, which must stay where it is. */
static inline struct beam_model decode_data_model(const struct decode_data *data)
{
	return (struct beam_model){ .unicharset = data->unicharset,
				    .recoder = data->recoder,
				    .dictionary = &data->dictionary };
}

/* The ids of ASCII text, of characters that the set has. */
static inline size_t decode_data_ids(const struct unicharset *set, const char *text, int32_t *ids)
{
	size_t count = 0;

	for (; *text; text++)
		for (int32_t id = 0; id < set->count; id++)
			if (set->unichars[id].text[0] == *text && !set->unichars[id].text[1])
				ids[count++] = id;
	return count;
}

static inline void decode_data_close(struct decode_data *data)
{
	for (int32_t i = 0; i < data->line_count; i++) {
		free((void *)(uintptr_t)data->lines[i].steps);
		free((void *)(uintptr_t)data->lines[i].characters);
		free((void *)(uintptr_t)data->lines[i].words);
		free((void *)(uintptr_t)data->lines[i].matrix);
	}
	free(data->lines);
	unicharset_free(data->unicharset);
	recoder_free(data->recoder);
	for (int i = 0; i < 3; i++)
		dawg_free(data->dawgs[i]);
	free(data->bytes);
}

#endif
