/* Of pixels.h, what looks at a pixel's neighbours. */
#include <leptonica/allheaders.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/ocr/pixels.h"

/* ---- distances ---- */

#define WORD_BITS 32
#define HIGHEST_BIT UINT32_C(0x80000000)
#define MOST_DISTANCE 254 /* of a neighbour that one more is counted to */

static int at_most(int value, int most)
{
	return value < most ? value : most;
}

/* A bitmap and the distances of its ON pixels. */
struct distances {
	const uint32_t *bits;
	uint32_t *values;
	int width, height, bits_stride, values_stride;
};

/* A word of a row's bits, without those behind the image. */
static uint32_t bits_at(const struct distances *distances, int y, int word)
{
	int left = distances->width - word * WORD_BITS;
	uint32_t bits = distances->bits[(ptrdiff_t)y * distances->bits_stride + word];

	return left < WORD_BITS ? bits & ~(UINT32_MAX >> left) : bits;
}

static bool is_on_edge(const struct distances *distances, int x, int y)
{
	return x == 0 || y == 0 || x == distances->width - 1 || y == distances->height - 1;
}

/* From the OFF pixels above and to the left. */
static void go_down(const struct distances *distances, int y)
{
	uint32_t *row = distances->values + (ptrdiff_t)y * distances->values_stride;

	for (int word = 0; word * WORD_BITS < distances->width; word++)
		for (uint32_t bits = bits_at(distances, y, word); bits;) {
			int bit = __builtin_clz(bits), x = word * WORD_BITS + bit, distance = 1;

			bits &= ~(HIGHEST_BIT >> bit);
			if (!is_on_edge(distances, x, y))
				distance += at_most(at_most(GET_DATA_BYTE(row - distances->values_stride, x),
							    GET_DATA_BYTE(row, x - 1)),
						    MOST_DISTANCE);
			SET_DATA_BYTE(row, x, (uint8_t)distance);
		}
}

/* From those below and to the right, where they are nearer. */
static void go_up(const struct distances *distances, int y)
{
	uint32_t *row = distances->values + (ptrdiff_t)y * distances->values_stride;

	for (int word = (distances->width - 1) / WORD_BITS; word >= 0; word--)
		for (uint32_t bits = bits_at(distances, y, word); bits; bits &= bits - 1) {
			int x = word * WORD_BITS + WORD_BITS - 1 - __builtin_ctz(bits), nearest;

			if (is_on_edge(distances, x, y))
				continue;
			nearest = at_most(GET_DATA_BYTE(row + distances->values_stride, x), GET_DATA_BYTE(row, x + 1));
			if (nearest + 1 < GET_DATA_BYTE(row, x))
				SET_DATA_BYTE(row, x, (uint8_t)(nearest + 1));
		}
}

PIX *pixels_distance(PIX *bitmap)
{
	struct distances distances;
	PIX *made;

	if (!bitmap || pixGetDepth(bitmap) != 1 || !(made = pixCreate(pixGetWidth(bitmap), pixGetHeight(bitmap), 8)))
		return NULL;
	distances = (struct distances){ .bits = pixGetData(bitmap),
					.values = pixGetData(made),
					.width = pixGetWidth(bitmap),
					.height = pixGetHeight(bitmap),
					.bits_stride = pixGetWpl(bitmap),
					.values_stride = pixGetWpl(made) };
	for (int y = 0; y < distances.height; y++)
		go_down(&distances, y);
	for (int y = distances.height - 2; y > 0; y--)
		go_up(&distances, y);
	return made;
}

/* ---- means ---- */

#define SIDE 3
#define BLOCK 16 /* greys that compilers make vectors of */

/* Means of 3 × 3 greys, row by row. */
struct means {
	uint16_t *rows[SIDE]; /* greys of row y in rows[y % 3], as all here with room for whole blocks and one more */
	uint16_t *columns;    /* sums of up to three rows */
	uint16_t *made;
	int width, height;
};

static void take_row(const struct means *means, PIX *grey, int y)
{
	const uint32_t *words = pixGetData(grey) + (ptrdiff_t)y * pixGetWpl(grey);
	uint16_t *row = means->rows[y % SIDE];

	for (int x = 0; x < means->width; x += 4) {
		uint32_t word = words[x / 4];

		row[x] = (uint16_t)(word >> 24);
		row[x + 1] = (uint16_t)(word >> 16 & 0xff);
		row[x + 2] = (uint16_t)(word >> 8 & 0xff);
		row[x + 3] = (uint16_t)(word & 0xff);
	}
}

static void add_block(uint16_t *restrict sums, const uint16_t *restrict greys)
{
	for (int i = 0; i < BLOCK; i++)
		sums[i] = (uint16_t)(sums[i] + greys[i]);
}

/*
 * The columns' sums for a row: of itself and its neighbours. Leptonica takes the difference of two sums from the image's
 * corner on, and so never counts the first row (nor the first column).
 */
static void add_rows(const struct means *means, int y)
{
	int first = y < 2 ? 1 : y - 1, last = y < means->height - 1 ? y + 1 : y;

	memset(means->columns, 0, (size_t)means->width * sizeof *means->columns);
	for (int i = first; i <= last; i++)
		for (int x = 0; x < means->width; x += BLOCK)
			add_block(means->columns + x, means->rows[i % SIDE] + x);
}

/* A ninth, rounded: no sum is half way between two. 7282 / 2^16 is near enough to a ninth for all sums of 9 greys. */
static uint16_t ninth(uint16_t sum)
{
	return (uint16_t)((uint32_t)(uint16_t)(sum + 4) * 7282 >> 16);
}

static void divide_block(uint16_t *restrict means, const uint16_t *restrict columns)
{
	for (int i = 0; i < BLOCK; i++)
		means[i] = ninth((uint16_t)(columns[i] + columns[i + 1] + columns[i + 2]));
}

/* What a mean at an edge is multiplied by: as if there were fewer places than the one row or column that is not counted. */
static float edge_factor(int at, int size)
{
	return at == 0 ? 3.0f : at == 1 || at == size - 1 ? 1.5f : 1.0f;
}

/* The mean of the columns from `first` to `last`, at an edge. */
static uint16_t mean_at_edge(const struct means *means, int first, int last, float factor_y, float factor_x)
{
	uint16_t sum = 0;
	float mean;

	for (int i = first; i <= last; i++)
		sum = (uint16_t)(sum + means->columns[i]);
	mean = (float)ninth(sum) * factor_y * factor_x;
	return (uint16_t)(mean < UINT8_MAX ? mean : UINT8_MAX);
}

static void make_row(const struct means *means, int y)
{
	int last = means->width - 1;
	float factor = edge_factor(y, means->height);

	for (int x = 0; x < means->width; x += BLOCK) /* as if there were no edges */
		divide_block(means->made + x + 1, means->columns + x);
	for (int x = 2; factor > 1.0f && x < last; x++)
		means->made[x] = mean_at_edge(means, x - 1, x + 1, factor, 1.0f);
	means->made[0] = mean_at_edge(means, 1, 1, factor, edge_factor(0, means->width));
	means->made[1] = mean_at_edge(means, 1, 2, factor, edge_factor(1, means->width));
	means->made[last] = mean_at_edge(means, last - 1, last, factor, edge_factor(last, means->width));
	memset(means->made + means->width, 0, 3 * sizeof *means->made); /* behind the edge, in its word */
}

static void give_row(const struct means *means, PIX *pix, int y)
{
	uint32_t *words = pixGetData(pix) + (ptrdiff_t)y * pixGetWpl(pix);
	const uint16_t *made = means->made;

	for (int x = 0; x < means->width; x += 4)
		words[x / 4] = (uint32_t)made[x] << 24 | (uint32_t)made[x + 1] << 16 | (uint32_t)made[x + 2] << 8 | made[x + 3];
}

PIX *pixels_mean(PIX *grey)
{
	struct means means = { .width = grey ? pixGetWidth(grey) : 0, .height = grey ? pixGetHeight(grey) : 0 };
	ptrdiff_t stride = (means.width + BLOCK) / BLOCK * BLOCK + BLOCK;
	uint16_t *memory;
	PIX *made;

	if (means.width < SIDE || means.height < SIDE || pixGetDepth(grey) != 8 || pixGetColormap(grey))
		return NULL;
	memory = calloc((size_t)stride * (SIDE + 2), sizeof *memory);
	made = memory ? pixCreateTemplate(grey) : NULL;
	if (made) {
		for (int i = 0; i < SIDE; i++)
			means.rows[i] = memory + i * stride;
		means.columns = memory + SIDE * stride;
		means.made = memory + (SIDE + 1) * stride;
		take_row(&means, grey, 1);
		for (int y = 0; y < means.height; y++) {
			if (y > 0 && y + 1 < means.height)
				take_row(&means, grey, y + 1);
			add_rows(&means, y);
			make_row(&means, y);
			give_row(&means, made, y);
		}
	}
	free(memory);
	return made;
}

/* ---- filling ---- */

#define MOST_ROUNDS 40 /* Leptonica's; it then leaves the rest unfilled */

/*
 * A fill goes down and up the image, row by row, until a round changes nothing. A row that was filled in a direction is
 * filled again only when it, or the row that is before it in that direction, has changed since: else it would not change.
 */
struct fill {
	uint32_t *rows;
	const uint32_t *mask;
	int stride, mask_stride, words, width, height;
	bool is_eight; /* connected; else four */
	bool has_changed; /* a pixel of the image; those behind its edge, which a wider mask lets fill, do not count */
	/* [height] at which filling of a row it changed last, 0: it is empty, and was last filled down and up */
	uint32_t *changed, *filled[2];
	uint32_t filling;
};

enum { FILL_DOWN, FILL_UP };

static uint32_t *fill_row_at(const struct fill *fill, int y)
{
	return y >= 0 && y < fill->height ? fill->rows + (ptrdiff_t)y * fill->stride : NULL;
}

/* What a word gets from three words of the row before it. */
static uint32_t from_row(const struct fill *fill, const uint32_t *row, int at)
{
	uint32_t word = row[at];

	if (!fill->is_eight)
		return word;
	word |= word << 1 | word >> 1;
	word |= at > 0 ? row[at - 1] << 31 : 0;
	return word | (at < fill->words - 1 ? row[at + 1] >> 31 : 0);
}

/* As far as the mask lets it. */
static uint32_t spread(uint32_t word, uint32_t mask)
{
	for (uint32_t before = 0; word != before && word != 0 && word != UINT32_MAX;) {
		before = word;
		word = (word | word >> 1 | word << 1) & mask;
	}
	return word;
}

/* Which pixels of a row's word are in the image. */
static uint32_t in_image(const struct fill *fill, int at)
{
	int left = fill->width - at * WORD_BITS;

	return left < WORD_BITS ? ~(UINT32_MAX >> left) : UINT32_MAX;
}

/* Fills a row from the one before it and, going down from the left to the right, from the word before each. */
static bool fill_row(struct fill *fill, int y, int direction)
{
	bool is_down = direction == FILL_DOWN, has_changed = false;
	uint32_t *row = fill_row_at(fill, y);
	const uint32_t *before = fill_row_at(fill, is_down ? y - 1 : y + 1);
	const uint32_t *mask = fill->mask + (ptrdiff_t)y * fill->mask_stride;

	for (int i = 0; i < fill->words; i++) {
		int at = is_down ? i : fill->words - 1 - i;
		uint32_t word = row[at];

		if (!(mask[at] | word))
			continue;
		if (before)
			word |= from_row(fill, before, at);
		if (i > 0)
			word |= is_down ? row[at - 1] << 31 : row[at + 1] >> 31;
		word = spread(word & mask[at], mask[at]);
		has_changed |= word != row[at];
		fill->has_changed |= ((word ^ row[at]) & in_image(fill, at)) != 0;
		row[at] = word;
	}
	return has_changed;
}

/* Whether a row would change. */
static bool is_due(const struct fill *fill, int y, int direction)
{
	int before = direction == FILL_DOWN ? y - 1 : y + 1;
	uint32_t filled = fill->filled[direction][y];

	return fill->changed[y] > filled || (before >= 0 && before < fill->height && fill->changed[before] > filled);
}

static void fill_rows(struct fill *fill, int direction)
{
	for (int i = 0; i < fill->height; i++) {
		int y = direction == FILL_DOWN ? i : fill->height - 1 - i;

		if (!is_due(fill, y, direction))
			continue;
		fill->filling++;
		if (fill_row(fill, y, direction))
			fill->changed[y] = fill->filling;
		fill->filled[direction][y] = fill->filling;
	}
}

static bool is_empty_row(const uint32_t *row, int words)
{
	for (int i = 0; i < words; i++)
		if (row[i])
			return false;
	return true;
}

static void fill_all(struct fill *fill)
{
	fill->has_changed = true;
	fill->filling = 1;
	for (int y = 0; y < fill->height; y++)
		fill->changed[y] = !is_empty_row(fill_row_at(fill, y), fill->words);
	for (int round = 0; fill->has_changed && round < MOST_ROUNDS; round++) {
		fill->has_changed = false;
		fill_rows(fill, FILL_DOWN);
		fill_rows(fill, FILL_UP);
	}
}

PIX *pixels_fill(PIX *made, PIX *seed, PIX *mask, int connectivity)
{
	struct fill fill = { .is_eight = connectivity == 8 };
	uint32_t *memory;

	if (!seed || !mask || pixGetDepth(seed) != 1 || pixGetDepth(mask) != 1 || (connectivity != 4 && connectivity != 8))
		return NULL;
	fill.height = at_most(pixGetHeight(seed), pixGetHeight(mask));
	memory = calloc((size_t)fill.height * 3, sizeof *memory);
	made = memory ? pixCopy(made, seed) : NULL;
	if (made) {
		(void)pixSetPadBits(made, 0);
		(void)pixSetPadBits(mask, 0);
		fill.rows = pixGetData(made);
		fill.mask = pixGetData(mask);
		fill.width = pixGetWidth(made);
		fill.stride = pixGetWpl(made);
		fill.mask_stride = pixGetWpl(mask);
		fill.words = at_most(fill.stride, fill.mask_stride);
		fill.changed = memory;
		fill.filled[FILL_DOWN] = memory + fill.height;
		fill.filled[FILL_UP] = memory + 2 * (ptrdiff_t)fill.height;
		fill_all(&fill);
	}
	free(memory);
	return made;
}
