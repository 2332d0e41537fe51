/*
 * Words of an image hold four bytes: of a grey image four pixels, of a colour image one pixel's channels, alpha among them,
 * in both cases the first in the highest bits. So both are counted and compared alike.
 */
#include "common/ocr/threshold.h"

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

/* How often each byte of a word has each value. Two tables by turns: a counter that was just written is slow to be read. */
static void count_words(const uint32_t *words, size_t count, struct levels tables[2])
{
	for (size_t i = 0; i < count; i++)
		for (int channel = 0; channel < CHANNELS; channel++)
			tables[i % 2].counts[channel][words[i] >> (24 - 8 * channel) & 0xff]++;
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

/* The 8 bytes of two words, each 0 or 1, as 8 bits: each byte's product with one bit of the factor falls into the highest byte. */
static uint32_t eight_bits(uint32_t first, uint32_t second)
{
	return (uint32_t)(((uint64_t)first << 32 | second) * UINT64_C(0x0102040810204080) >> 56);
}

/* 32 pixels of a grey image, of one byte each. */
static uint32_t pack_grey(const uint32_t *marks)
{
	return eight_bits(marks[0], marks[1]) << 24 | eight_bits(marks[2], marks[3]) << 16 |
	       eight_bits(marks[4], marks[5]) << 8 | eight_bits(marks[6], marks[7]);
}

/* 32 pixels of a colour image, of one word each. */
static uint32_t pack_colour(const uint32_t *marks)
{
	uint32_t bits = 0;
	for (int i = 0; i < 32; i++)
		bits |= (uint32_t)(marks[i] != 0) << (31 - i);
	return bits;
}

static bool blacken(PIX *image, bool is_grey, const struct range black[CHANNELS], PIX *bitmap)
{
	const struct pattern pattern = pattern_of(black);
	size_t words = (size_t)(pixGetWidth(image) + 31) / 32, rest = (size_t)pixGetWidth(image) % 32;
	size_t step = is_grey ? 32 / CHANNELS : 32; /* words of the image for one of the bitmap */
	size_t stride = (size_t)pixGetWpl(image);
	uint32_t *marks = calloc(words * step + BLOCK / sizeof *marks, sizeof *marks);
	uint32_t *to = pixGetData(bitmap);
	const uint32_t *from = pixGetData(image);
	for (int y = 0; marks && y < pixGetHeight(image); y++, from += stride, to += pixGetWpl(bitmap)) {
		mark_black((const uint8_t *)from, stride * sizeof *from, &pattern, (uint8_t *)marks);
		for (size_t i = 0; i < words; i++)
			to[i] = is_grey ? pack_grey(marks + i * step) : pack_colour(marks + i * step);
		if (rest)
			to[words - 1] &= UINT32_MAX << (32 - rest);
	}
	bool done = marks != NULL;
	free(marks);
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
