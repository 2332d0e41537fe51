/*
 * Words of an image hold four bytes: of a grey image four pixels, of a colour image one pixel's channels, alpha among them,
 * in both cases the first in the highest bits. So both are counted and compared alike.
 */
#include "common/ocr/threshold.h"

#include <endian.h>
#include <leptonica/allheaders.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define LEVELS 256
#define CHANNELS 4
#define BLOCK 16 /* bytes that are compared at a time */

struct levels {
	int32_t counts[CHANNELS][LEVELS];
};

/* The levels of a channel that are black; none when `low` is above `high`. */
struct range {
	uint8_t low, high;
};

static const struct range none = { UINT8_MAX, 0 };

/* ---- thresholds ---- */

static void count_word(uint32_t word, struct levels *table)
{
	table->counts[0][word >> 24]++;
	table->counts[1][word >> 16 & 0xff]++;
	table->counts[2][word >> 8 & 0xff]++;
	table->counts[3][word & 0xff]++;
}

/* How often each byte of a word has each value. Two tables by turns: a counter that was just written is slow to be read. */
static void count_words(const uint32_t *words, size_t count, struct levels tables[2])
{
	for (; count >= 2; count -= 2, words += 2) {
		count_word(words[0], &tables[0]);
		count_word(words[1], &tables[1]);
	}
	if (count)
		count_word(words[0], &tables[0]);
}

static void add_levels(int32_t sum[LEVELS], const int32_t more[LEVELS])
{
	for (int level = 0; level < LEVELS; level++)
		sum[level] += more[level];
}

/* Of a grey image all in the first channel. */
static void count_levels(PIX *image, bool is_grey, struct levels *levels)
{
	struct levels tables[2] = { 0 };
	size_t width = (size_t)pixGetWidth(image), stride = (size_t)pixGetWpl(image);
	size_t words = is_grey ? width / CHANNELS : width;
	const uint32_t *line = pixGetData(image);
	for (int y = 0; y < pixGetHeight(image); y++, line += stride) {
		count_words(line, words, tables);
		for (size_t x = words * CHANNELS; is_grey && x < width; x++)
			tables[0].counts[x % CHANNELS][GET_DATA_BYTE(line, x)]++;
	}
	*levels = tables[0];
	for (int channel = 0; channel < CHANNELS; channel++)
		add_levels(levels->counts[channel], tables[1].counts[channel]);
	for (int channel = 1; is_grey && channel < CHANNELS; channel++)
		add_levels(levels->counts[0], levels->counts[channel]);
}

/*
 * The level up to which pixels are the lower part, and how many these are; all: of all levels. The order of the sums is
 * libtesseract's, so that equal distances are equal here, too.
 */
static int best_threshold(const int32_t counts[LEVELS], int32_t *all, int32_t *lower)
{
	double total = 0.0, sum = 0.0, best_distance = 0.0;
	int32_t below = 0;
	int best = -1;
	*all = *lower = 0;
	for (int level = 0; level < LEVELS; level++) {
		*all += counts[level];
		total += (double)level * counts[level];
	}
	for (int level = 0; level < LEVELS - 1; level++) {
		below += counts[level];
		sum += level * (double)counts[level];
		if (below == 0)
			continue;
		int32_t above = *all - below;
		if (above == 0)
			break;
		double distance = (total - sum) / above - sum / below;
		distance *= distance * below * above;
		if (best < 0 || distance > best_distance) {
			best_distance = distance;
			best = level;
			*lower = below;
		}
	}
	return best;
}

static struct range upper_part(int threshold)
{
	return (struct range){ (uint8_t)(threshold + 1), UINT8_MAX };
}

static struct range lower_part(int threshold)
{
	return (struct range){ 0, (uint8_t)threshold };
}

/*
 * Black is a part of less than a quarter; when no channel has one, the smaller part of the channel whose larger part is the
 * largest. An image of one level is white.
 */
static void find_black(const struct levels *levels, int count, struct range black[CHANNELS])
{
	struct range best_range = none;
	int32_t largest = 0;
	int best = 0;
	bool any = false;
	for (int i = 0; i < count; i++) {
		int32_t all, lower;
		int threshold = best_threshold(levels->counts[i], &all, &lower);
		black[i] = none;
		if (lower == 0 || lower == all)
			continue;
		if (lower > all * 0.75) {
			black[i] = upper_part(threshold);
			any = true;
		} else if (lower < all * 0.25) {
			black[i] = lower_part(threshold);
			any = true;
		} else if ((lower < all * 0.5 ? all - lower : lower) > largest) {
			largest = lower < all * 0.5 ? all - lower : lower;
			best_range = lower < all * 0.5 ? lower_part(threshold) : upper_part(threshold);
			best = i;
		}
	}
	if (!any)
		black[best] = best_range;
}

/* ---- black and white ---- */

/* What each byte of a block is held against: the channels in the order of a word's bytes in memory, over and over. */
struct pattern {
	uint8_t low[BLOCK], high[BLOCK];
};

static struct pattern pattern_of(const struct range black[CHANNELS])
{
	struct pattern pattern;
	uint32_t low = 0, high = 0;
	for (int i = 0; i < CHANNELS; i++) {
		low = low << 8 | black[i].low;
		high = high << 8 | black[i].high;
	}
	for (size_t at = 0; at < BLOCK; at += sizeof low) {
		memcpy(pattern.low + at, &low, sizeof low);
		memcpy(pattern.high + at, &high, sizeof high);
	}
	return pattern;
}

static void mark_block(const uint8_t *restrict bytes, const struct pattern *pattern, uint8_t *restrict marks)
{
	for (size_t i = 0; i < BLOCK; i++)
		marks[i] = (uint8_t)((bytes[i] >= pattern->low[i]) & (bytes[i] <= pattern->high[i]));
}

/* 1 for each byte that is black, else 0; `marks` has room for whole blocks. */
static void mark_black(const uint8_t *bytes, size_t count, const struct pattern *pattern, uint8_t *marks)
{
	uint8_t last[BLOCK] = { 0 };
	size_t at = 0;
	for (; at + BLOCK <= count; at += BLOCK)
		mark_block(bytes + at, pattern, marks + at);
	memcpy(last, bytes + at, count - at);
	mark_block(last, pattern, marks + at);
}

/*
 * Eight bytes, each 0 or 1, as bits, the first the highest: each byte's product with one bit of the factor falls into the
 * highest byte of the product, and no two products meet.
 */
static uint32_t eight_bits(const uint8_t *marks)
{
	uint64_t bytes;
	memcpy(&bytes, marks, sizeof bytes);
	return (uint32_t)(le64toh(bytes) * UINT64_C(0x8040201008040201) >> 56);
}

/* 32 pixels, of one byte each. */
static uint32_t word_of(const uint8_t *marks)
{
	return eight_bits(marks) << 24 | eight_bits(marks + 8) << 16 | eight_bits(marks + 16) << 8 | eight_bits(marks + 24);
}

/* From the marks of words to those of pixels: of a grey image their bytes in the order of the pixels, of colour any of them. */
static void grey_pixels(const uint32_t *restrict words, size_t count, uint8_t *restrict pixels)
{
	for (size_t i = 0; i < count; i++) {
		uint32_t ordered = htobe32(words[i]);
		memcpy(pixels + i * sizeof ordered, &ordered, sizeof ordered);
	}
}

static void colour_pixels(const uint32_t *restrict words, size_t count, uint8_t *restrict pixels)
{
	for (size_t i = 0; i < count; i++)
		pixels[i] = (words[i] | words[i] >> 8 | words[i] >> 16 | words[i] >> 24) & 1;
}

/* One row, through the rows `marks` and `pixels`, which have room for blocks and for words of the bitmap. */
static void blacken_row(const uint32_t *from, size_t words, bool is_grey, const struct pattern *pattern, uint32_t *marks,
			uint8_t *pixels, uint32_t *to, size_t width)
{
	mark_black((const uint8_t *)from, words * sizeof *from, pattern, (uint8_t *)marks);
	(is_grey ? grey_pixels : colour_pixels)(marks, words, pixels);
	for (size_t i = 0; i < (width + 31) / 32; i++)
		to[i] = word_of(pixels + i * 32);
	if (width % 32)
		to[width / 32] &= UINT32_MAX << (32 - width % 32);
}

static bool blacken(PIX *image, bool is_grey, const struct range black[CHANNELS], PIX *bitmap)
{
	const struct pattern pattern = pattern_of(black);
	size_t width = (size_t)pixGetWidth(image), words = is_grey ? (width + CHANNELS - 1) / CHANNELS : width;
	uint32_t *marks = calloc(words + BLOCK / sizeof *marks, sizeof *marks);
	uint8_t *pixels = calloc((width + 31) / 32 * 32 + sizeof *marks, 1);
	bool done = marks && pixels;
	uint32_t *to = pixGetData(bitmap);
	const uint32_t *from = pixGetData(image);
	for (int y = 0; done && y < pixGetHeight(image); y++, from += pixGetWpl(image), to += pixGetWpl(bitmap))
		blacken_row(from, words, is_grey, &pattern, marks, pixels, to, width);
	free(marks);
	free(pixels);
	return done;
}

PIX *threshold_otsu(PIX *image)
{
	struct levels levels;
	struct range black[CHANNELS] = { none, none, none, none };
	bool is_grey = pixGetDepth(image) == 8;
	if (!is_grey && pixGetDepth(image) != 32)
		return NULL;
	PIX *bitmap = pixCreate(pixGetWidth(image), pixGetHeight(image), 1);
	if (!bitmap)
		return NULL;
	pixCopyResolution(bitmap, image);
	count_levels(image, is_grey, &levels);
	find_black(&levels, is_grey ? 1 : CHANNELS, black);
	for (int i = 1; is_grey && i < CHANNELS; i++)
		black[i] = black[0];
	if (!blacken(image, is_grey, black, bitmap))
		pixDestroy(&bitmap);
	return bitmap;
}
