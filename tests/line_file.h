/*
 * Lines with the hashes of libtesseract's outputs for them, as tests/bench/recognise_lines -o writes and tests read them:
 * int32 lines, height, classes; for each line int32 width, float black, contrast, uint64 hash, then its pixels.
 */
#ifndef FILOT_LINE_FILE_H
#define FILOT_LINE_FILE_H

#include <stdio.h>
#include <stdlib.h>

#include "common/ocr/network.h"

struct line_file {
	int32_t height;
	size_t count;
	struct network_line *lines;
	uint64_t *hashes;
};

/* FNV-1a. */
static inline uint64_t line_hash(const void *bytes, size_t length)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ ((const uint8_t *)bytes)[i]) * 0x100000001b3u;
	return hash;
}

static inline bool line_file_read_one(FILE *stream, int32_t height, struct network_line *line, uint64_t *hash)
{
	if (fread(&line->width, 4, 1, stream) != 1 || fread(&line->black, 4, 1, stream) != 1 ||
	    fread(&line->contrast, 4, 1, stream) != 1 || fread(hash, 8, 1, stream) != 1 || line->width < 1 ||
	    line->width > NETWORK_WIDTH_MOST)
		return false;
	size_t bytes = (size_t)line->width * (size_t)height;
	uint8_t *pixels = malloc(bytes);
	line->pixels = pixels;
	line->stride_bytes = (size_t)line->width;
	return pixels && fread(pixels, 1, bytes, stream) == bytes;
}

/* False when it cannot be read to its end or has more than `most` lines. To be freed in either case. */
static inline bool line_file_read(const char *path, size_t most, struct line_file *file)
{
	int32_t head[3] = { 0 };
	FILE *stream = fopen(path, "rb");
	bool good = stream && fread(head, sizeof head, 1, stream) == 1 && head[0] > 0 && (size_t)head[0] <= most && head[1] > 0;

	*file = (struct line_file){ .height = head[1] };
	if (good) {
		file->lines = calloc((size_t)head[0], sizeof *file->lines);
		file->hashes = calloc((size_t)head[0], sizeof *file->hashes);
		good = file->lines && file->hashes;
	}
	for (; good && file->count < (size_t)head[0]; file->count++)
		good = line_file_read_one(stream, file->height, &file->lines[file->count], &file->hashes[file->count]);
	if (stream)
		(void)fclose(stream);
	return good;
}

static inline void line_file_free(struct line_file *file)
{
	for (size_t i = 0; i < file->count; i++)
		free((void *)(uintptr_t)file->lines[i].pixels);
	free(file->lines);
	free(file->hashes);
}

#endif
