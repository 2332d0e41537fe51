/*
 * A brick is its row and then its column. Along one direction, eroding is the AND, and dilating the OR, of a pixel with
 * the next n - 1, after the image was moved so that the brick's origin is its first pixel. That AND is made by doubling:
 * of 2 pixels from 1, of 4 from 2, and the last step overlaps. Pixels come 32 at a time, as Leptonica packs them: the
 * leftmost one is the highest bit.
 */
#include "common/ocr/brick.h"

#include <leptonica/allheaders.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define STRIP_WORDS 16 /* columns of so many words at a time: a cache line, and a page's height of them fits the cache */

enum operation { ERODE, DILATE };

/* How many pixels the image is moved by: those of the brick before its origin, or, dilating, of the mirrored brick. */
static size_t lead_of(enum operation operation, size_t size)
{
	return operation == ERODE ? size / 2 : size - 1 - size / 2;
}

/* into[i] = into[i] and (or) from[i], `from` being at or after `into`. */
static void combine(uint32_t *into, const uint32_t *from, size_t count, enum operation operation)
{
	if (operation == ERODE)
		for (size_t i = 0; i < count; i++)
			into[i] &= from[i];
	else
		for (size_t i = 0; i < count; i++)
			into[i] |= from[i];
}

/* The same with `from` taken `bits` pixels (1..31) further to the right; reads one word more. */
static void combine_shifted(uint32_t *into, const uint32_t *from, size_t count, unsigned bits, enum operation operation)
{
	if (operation == ERODE)
		for (size_t i = 0; i < count; i++)
			into[i] &= from[i] << bits | from[i + 1] >> (32 - bits);
	else
		for (size_t i = 0; i < count; i++)
			into[i] |= from[i] << bits | from[i + 1] >> (32 - bits);
}

/* `row` of words + 1: each pixel becomes the AND (OR) of itself and the size - 1 to its right. */
static void run_along_row(uint32_t *row, size_t words, size_t size, enum operation operation)
{
	for (size_t length = 1, step; length < size; length += step) {
		step = length < size - length ? length : size - length;
		size_t skipped = step / 32;
		if (step % 32)
			combine_shifted(row, row + skipped, words - skipped, step % 32, operation);
		else
			combine(row, row + skipped, words - skipped, operation);
	}
}

/* Copies a row to `bits` pixels further right in `to`, which is zero and has a word more than that needs. */
static void copy_moved(uint32_t *to, const uint32_t *from, size_t words, size_t bits)
{
	to += bits / 32;
	for (size_t i = 0; i < words; i++) {
		to[i] |= from[i] >> bits % 32;
		to[i + 1] = bits % 32 ? from[i] << (32 - bits % 32) : 0;
	}
}

static bool along_rows(PIX *pix, size_t size, enum operation operation)
{
	size_t words = (size_t)pixGetWpl(pix), room = words + (size + 31) / 32;
	uint32_t *row = malloc((room + 1) * sizeof *row), *data = pixGetData(pix);
	if (!row)
		return false;
	for (l_int32 y = 0; y < pixGetHeight(pix); y++, data += words) {
		memset(row, 0, (room + 1) * sizeof *row);
		copy_moved(row, data, words, lead_of(operation, size));
		run_along_row(row, room, size, operation);
		memcpy(data, row, words * sizeof *row);
	}
	free(row);
	return pixSetPadBits(pix, 0) == 0;
}

/* Rows from `data` on, `width` words of each `stride`, through `strip`, which has room for height + size - 1 of STRIP_WORDS. */
static void strip_along_columns(uint32_t *data, size_t width, size_t stride, size_t height, uint32_t *strip, size_t size,
				enum operation operation)
{
	size_t room = (height + size - 1) * STRIP_WORDS, lead = lead_of(operation, size) * STRIP_WORDS;
	memset(strip, 0, room * sizeof *strip);
	for (size_t y = 0; y < height; y++)
		memcpy(strip + lead + y * STRIP_WORDS, data + y * stride, width * sizeof *strip);
	for (size_t length = 1, step; length < size; length += step) {
		step = length < size - length ? length : size - length;
		combine(strip, strip + step * STRIP_WORDS, room - step * STRIP_WORDS, operation);
	}
	for (size_t y = 0; y < height; y++)
		memcpy(data + y * stride, strip + y * STRIP_WORDS, width * sizeof *strip);
}

static bool along_columns(PIX *pix, size_t size, enum operation operation)
{
	size_t words = (size_t)pixGetWpl(pix), height = (size_t)pixGetHeight(pix);
	uint32_t *strip = malloc((height + size - 1) * STRIP_WORDS * sizeof *strip);
	if (!strip)
		return false;
	for (size_t at = 0; at < words; at += STRIP_WORDS)
		strip_along_columns(pixGetData(pix) + at, words - at < STRIP_WORDS ? words - at : STRIP_WORDS, words, height,
				    strip, size, operation);
	free(strip);
	return true;
}

static bool run(PIX *pix, int width, int height, enum operation operation)
{
	return (width == 1 || along_rows(pix, (size_t)width, operation)) &&
	       (height == 1 || along_columns(pix, (size_t)height, operation));
}

/* One operation, or two, on a copy of the source. */
static PIX *run_all(PIX *destination, PIX *source, int width, int height, const enum operation *operations, size_t count)
{
	if (!source || pixGetDepth(source) != 1 || width < 1 || height < 1)
		return NULL;
	PIX *made = pixCopy(destination, source);
	bool done = made && pixSetPadBits(made, 0) == 0;
	for (size_t i = 0; done && i < count; i++)
		done = run(made, width, height, operations[i]);
	if (!done && made != destination)
		pixDestroy(&made);
	return done ? made : NULL;
}

PIX *brick_erode(PIX *destination, PIX *source, int width, int height)
{
	return run_all(destination, source, width, height, (const enum operation[]){ ERODE }, 1);
}

PIX *brick_dilate(PIX *destination, PIX *source, int width, int height)
{
	return run_all(destination, source, width, height, (const enum operation[]){ DILATE }, 1);
}

PIX *brick_open(PIX *destination, PIX *source, int width, int height)
{
	return run_all(destination, source, width, height, (const enum operation[]){ ERODE, DILATE }, 2);
}

PIX *brick_close(PIX *destination, PIX *source, int width, int height)
{
	return run_all(destination, source, width, height, (const enum operation[]){ DILATE, ERODE }, 2);
}
