/* Leptonica packs pixels into 32-bit words of the machine's byte order, the leftmost into the highest bits. */
#include "common/ocr/pixels.h"

#include <leptonica/allheaders.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/bits.h"

/* The first `count` (0..31) pixels of a word. */
static uint32_t first_pixels(unsigned count)
{
	return count ? UINT32_MAX << (32 - count) : 0;
}

/* ---- copying ---- */

/* Clips one direction of a rectangle, as rasteropLow does; false when nothing is left. */
static bool clip(int *to, int *from, int *size, int to_size, int from_size)
{
	if (*to < 0) {
		*from -= *to;
		*size += *to;
		*to = 0;
	}
	if (*from < 0) {
		*to -= *from;
		*size += *from;
		*from = 0;
	}
	if (*size > to_size - *to)
		*size = to_size - *to;
	if (*size > from_size - *from)
		*size = from_size - *from;
	return *size > 0;
}

/* `width` pixels from the one `bits` (0..31) into `from`. */
static void copy_row(uint32_t *to, const uint32_t *from, size_t width, unsigned bits)
{
	size_t words = width / 32;
	unsigned rest = width % 32;
	if (!bits)
		memcpy(to, from, words * sizeof *to);
	else
		for (size_t i = 0; i < words; i++)
			to[i] = from[i] << bits | from[i + 1] >> (32 - bits);
	if (!rest)
		return;
	uint32_t last = from[words] << bits, mask = first_pixels(rest);
	if (bits + rest > 32) /* else the next word may lie behind the image */
		last |= from[words + 1] >> (32 - bits);
	to[words] = (to[words] & ~mask) | (last & mask);
}

static void copy_rectangle(PIX *destination, int x, int y, int width, int height, PIX *source, int from_x, int from_y)
{
	if (!clip(&x, &from_x, &width, pixGetWidth(destination), pixGetWidth(source)) ||
	    !clip(&y, &from_y, &height, pixGetHeight(destination), pixGetHeight(source)))
		return;
	size_t to_stride = (size_t)pixGetWpl(destination), from_stride = (size_t)pixGetWpl(source);
	uint32_t *to = pixGetData(destination) + (size_t)y * to_stride + x / 32;
	const uint32_t *from = pixGetData(source) + (size_t)from_y * from_stride + from_x / 32;
	for (int row = 0; row < height; row++, to += to_stride, from += from_stride)
		copy_row(to, from, (size_t)width, (unsigned)from_x % 32);
}

int pixels_rasterop(PIX *destination, int x, int y, int width, int height, int operation, PIX *source, int from_x,
		    int from_y)
{
	if (!destination)
		return 1;
	int depth = pixGetDepth(destination);
	if (operation == PIX_DST)
		return 0;
	if (operation == PIX_CLR || operation == PIX_SET || operation == PIX_NOT(PIX_DST)) {
		rasteropUniLow(pixGetData(destination), pixGetWidth(destination), pixGetHeight(destination), depth,
			       pixGetWpl(destination), x, y, width, height, operation);
		return 0;
	}
	if (!source || pixGetDepth(source) != depth)
		return 1;
	/* Clipping moves x to the right only where it or from_x is negative. */
	if (operation == PIX_SRC && depth == 1 && x >= 0 && x % 32 == 0 && from_x >= 0 && destination != source)
		copy_rectangle(destination, x, y, width, height, source, from_x, from_y);
	else
		rasteropLow(pixGetData(destination), pixGetWidth(destination), pixGetHeight(destination), depth,
			    pixGetWpl(destination), x, y, width, height, operation, pixGetData(source), pixGetWidth(source),
			    pixGetHeight(source), pixGetWpl(source), from_x, from_y);
	return 0;
}

/* ---- counting and looking ---- */

#define BLOCK 8 /* words; most of a page is white, and blocks of nothing need no counting */

static uint32_t count_row(const uint32_t *row, size_t words)
{
	uint32_t sum = 0;
	size_t at = 0;
	for (; at + BLOCK <= words; at += BLOCK) {
		uint32_t any = 0;
		for (size_t i = 0; i < BLOCK; i++)
			any |= row[at + i];
		for (size_t i = 0; any && i < BLOCK; i++)
			sum += bits_count(row[at + i]);
	}
	for (; at < words; at++)
		sum += row[at] ? bits_count(row[at]) : 0;
	return sum;
}

int pixels_count(PIX *bitmap, int *count)
{
	*count = 0;
	if (!bitmap || pixGetDepth(bitmap) != 1)
		return 1;
	size_t words = (size_t)pixGetWidth(bitmap) / 32, stride = (size_t)pixGetWpl(bitmap);
	uint32_t mask = first_pixels((unsigned)pixGetWidth(bitmap) % 32), sum = 0;
	const uint32_t *row = pixGetData(bitmap);
	for (int y = 0; y < pixGetHeight(bitmap); y++, row += stride) {
		sum += count_row(row, words);
		if (mask)
			sum += bits_count(row[words] & mask);
	}
	*count = (int)sum;
	return 0;
}

/* The first ON pixel of a row in [from, end), or end. */
static int first_in_row(const uint32_t *row, int from, int end)
{
	for (int at = from / 32; at * 32 < end; at++) {
		uint32_t word = row[at];
		if (at == from / 32)
			word &= UINT32_MAX >> from % 32;
		if (word) {
			int x = at * 32 + __builtin_clz(word);
			return x < end ? x : end;
		}
	}
	return end;
}

/* The last ON pixel of a row in [from, end), or from - 1. */
static int last_in_row(const uint32_t *row, int from, int end)
{
	for (int at = (end - 1) / 32; end > from && (at + 1) * 32 > from; at--) {
		uint32_t word = row[at];
		if (at == (end - 1) / 32 && end % 32)
			word &= first_pixels((unsigned)end % 32);
		if (word) {
			int x = at * 32 + 31 - __builtin_ctz(word);
			return x >= from ? x : from - 1;
		}
	}
	return from - 1;
}

struct rectangle {
	int left, top, right, bottom; /* the last two are behind it */
};

static int scan_columns(PIX *bitmap, const struct rectangle *in, bool from_left, int *location)
{
	const size_t stride = (size_t)pixGetWpl(bitmap);
	const uint32_t *row = pixGetData(bitmap) + (size_t)in->top * stride;
	int left = in->right, right = in->left - 1;
	for (int y = in->top; y < in->bottom; y++, row += stride)
		if (from_left)
			left = first_in_row(row, in->left, left);
		else
			right = last_in_row(row, right + 1, in->right);
	if (from_left ? left == in->right : right < in->left)
		return 1;
	*location = from_left ? left : right;
	return 0;
}

static int scan_rows(PIX *bitmap, const struct rectangle *in, bool from_top, int *location)
{
	for (int i = 0; i < in->bottom - in->top; i++) {
		int y = from_top ? in->top + i : in->bottom - 1 - i;
		const uint32_t *row = pixGetData(bitmap) + (size_t)y * (size_t)pixGetWpl(bitmap);
		if (first_in_row(row, in->left, in->right) < in->right) {
			*location = y;
			return 0;
		}
	}
	return 1;
}

int pixels_scan(PIX *bitmap, BOX *box, int side, int *location)
{
	*location = 0;
	if (!bitmap || pixGetDepth(bitmap) != 1)
		return 1;
	struct rectangle in = { 0, 0, pixGetWidth(bitmap), pixGetHeight(bitmap) };
	if (box) {
		int width, height;
		BOX *clipped = boxClipToRectangle(box, in.right, in.bottom);
		if (!clipped)
			return 1;
		(void)boxGetGeometry(clipped, &in.left, &in.top, &width, &height);
		boxDestroy(&clipped);
		in.right = in.left + width;
		in.bottom = in.top + height;
	}
	switch (side) {
	case L_FROM_LEFT:
	case L_FROM_RIGHT:
		return scan_columns(bitmap, &in, side == L_FROM_LEFT, location);
	case L_FROM_TOP:
	case L_FROM_BOT:
		return scan_rows(bitmap, &in, side == L_FROM_TOP, location);
	default:
		return 1;
	}
}

/* ---- colours ---- */

struct weights {
	float red, green, blue;
};

/* Leptonica adds 0.5 in double precision: rounding a float's half up, exactly. */
static void grey_row(uint32_t *grey, const uint32_t *colours, size_t width, const struct weights *weights)
{
	const float red = weights->red, green = weights->green, blue = weights->blue;
	for (size_t x = 0; x < width; x++) {
		uint32_t colour = colours[x];
		float sum = red * (float)(int32_t)(colour >> L_RED_SHIFT & 0xff) +
			    green * (float)(int32_t)(colour >> L_GREEN_SHIFT & 0xff) +
			    blue * (float)(int32_t)(colour >> L_BLUE_SHIFT & 0xff);
		int32_t whole = (int32_t)sum;
		grey[x] = (uint32_t)(whole + (sum - (float)whole >= 0.5f));
	}
}

/* `grey` has room for a multiple of four. */
static void pack_row(uint32_t *to, const uint32_t *grey, size_t words)
{
	for (size_t i = 0; i < words; i++, grey += 4)
		to[i] = grey[0] << 24 | grey[1] << 16 | grey[2] << 8 | grey[3];
}

static bool weights_are_right(struct weights *weights)
{
	float sum = weights->red + weights->green + weights->blue;
	if (!(weights->red >= 0 && weights->green >= 0 && weights->blue >= 0 && isfinite(sum)))
		return false;
	if (sum <= 0) {
		*weights = (struct weights){ (float)L_RED_WEIGHT, (float)L_GREEN_WEIGHT, (float)L_BLUE_WEIGHT };
		sum = weights->red + weights->green + weights->blue;
	}
	if (fabs((double)sum - 1.0) > 0.0001) {
		weights->red /= sum;
		weights->green /= sum;
		weights->blue /= sum;
	}
	return true;
}

PIX *pixels_grey(PIX *source, float red, float green, float blue)
{
	struct weights weights = { red, green, blue };
	if (!source || pixGetDepth(source) != 32 || !weights_are_right(&weights))
		return NULL;
	size_t width = (size_t)pixGetWidth(source), height = (size_t)pixGetHeight(source), words = (width + 3) / 4;
	uint32_t *row = calloc(words * 4, sizeof *row);
	PIX *grey = row ? pixCreate((l_int32)width, (l_int32)height, 8) : NULL;
	if (grey) {
		(void)pixCopyResolution(grey, source);
		(void)pixCopyInputFormat(grey, source);
		for (size_t y = 0; y < height; y++) {
			grey_row(row, pixGetData(source) + y * (size_t)pixGetWpl(source), width, &weights);
			pack_row(pixGetData(grey) + y * (size_t)pixGetWpl(grey), row, words);
		}
	}
	free(row);
	return grey;
}

#define COLOUR_BLOCK 16 /* pixels that compilers make a vector of */

/* What differs between neighbouring channels of some pixels. */
static uint32_t colour_of(const uint32_t *restrict colours)
{
	uint32_t differences = 0;
	for (int i = 0; i < COLOUR_BLOCK; i++)
		differences |= colours[i] ^ colours[i] << 8;
	return differences & 0xffff0000;
}

static bool has_colour(const uint32_t *colours, size_t width)
{
	size_t x = 0;
	for (; x + COLOUR_BLOCK <= width; x += COLOUR_BLOCK)
		if (colour_of(colours + x))
			return true;
	for (; x < width; x++)
		if ((colours[x] ^ colours[x] << 8) & 0xffff0000)
			return true;
	return false;
}

static bool image_has_colour(PIX *image)
{
	const uint32_t *line = pixGetData(image);
	for (int y = 0; y < pixGetHeight(image); y++, line += pixGetWpl(image))
		if (has_colour(line, (size_t)pixGetWidth(image)))
			return true;
	return false;
}

PIX *pixels_without_colour(PIX *image)
{
	if (!image || pixGetDepth(image) != 32 || image_has_colour(image))
		return NULL;
	size_t width = (size_t)pixGetWidth(image), words = (width + 3) / 4;
	uint32_t *row = calloc(words * 4, sizeof *row);
	PIX *grey = row ? pixCreate((l_int32)width, pixGetHeight(image), 8) : NULL;
	if (grey) {
		(void)pixCopyResolution(grey, image);
		(void)pixCopyInputFormat(grey, image);
		for (size_t y = 0; y < (size_t)pixGetHeight(image); y++) {
			const uint32_t *from = pixGetData(image) + y * (size_t)pixGetWpl(image);
			for (size_t x = 0; x < width; x++)
				row[x] = from[x] >> L_RED_SHIFT;
			pack_row(pixGetData(grey) + y * (size_t)pixGetWpl(grey), row, words);
		}
	}
	free(row);
	return grey;
}
