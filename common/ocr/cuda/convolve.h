/*
 * From lines' grey pixels to the first layer's outputs: normalisation in place, then convolution, tanh and max-pooling
 * in one kernel. A thread makes one pooled place; it takes the maximum of each output's sums over the pooled places
 * before it scales and rounds, as neither ever turns an order (a negative scale turns it: then the minimum). Threads side
 * by side are steps side by side of one line, so that what a warp reads of the image lies together.
 *
 * Places outside of the image take the network's noise (network_run.c). Which number of it: the noise is used row by
 * row, so a place's first one is counted from what stands before it (convolve_noise).
 *
 * A pooled place of eng is 9 × 9 × 16 multiplications, a quarter as many dp4a: 3% of the network's. Its nine windows lie
 * in 5 × 5 pixels, which all published models have in common: where none of them is outside of the image, they are read
 * once (convolve_inside).
 */
#ifndef FILOT_CUDA_CONVOLVE_H
#define FILOT_CUDA_CONVOLVE_H

#include "common/ocr/cuda/grid.h"

#define CONVOLVE_WARPS 4
#define CONVOLVE_OUTPUTS 16 /* at a time, in registers */

struct convolve_line {
	int64_t pixels; /* where its image begins, [height][width] */
	int32_t width;
	float black, contrast;
};

struct convolve_arguments {
	const struct convolve_line *lines; /* in the batch's order */
	uint8_t *pixels;		   /* integer models: normalised in place */
	float *values;			   /* float models: what pixels become */
	char *outputs;			   /* int8 or float [output height][rows][output_stride bytes] */
	const uint32_t *weights;	   /* integer: [output tiles][window words][16]: see convolve_word */
	const int32_t *biases;		   /* integer: [output tiles][16], times 127 */
	const float *scales;		   /* integer: the same */
	const float *floats;		   /* float: [outputs][window places + 1], as in the model */
	const void *noise;		   /* int8 or float */
	const struct network_curves *curves;
	const int32_t *row_starts, *line_starts;
	int32_t rows, line_count;
	int32_t height, output_stride, output_count;
	int32_t half_x, half_y, pool_x, pool_y;
};

/* Words of four places from top to bottom in each of a window's columns. */
KERNEL_FUNCTION int32_t convolve_column_words(const struct convolve_arguments *arguments)
{
	return (2 * arguments->half_y + 1 + 3) / 4;
}

KERNEL_FUNCTION int32_t convolve_words(const struct convolve_arguments *arguments)
{
	return (2 * arguments->half_x + 1) * convolve_column_words(arguments);
}

/* How many of `offsets` 1 to half, each way, lead outside of 0..size - 1, summed over the places before `at`. */
KERNEL_FUNCTION int64_t convolve_outside_before(int32_t half, int32_t size, int32_t at)
{
	int64_t outside = 0;

	for (int32_t offset = 1; offset <= half; offset++) {
		int32_t least = size > offset ? size - offset : 0;

		outside += (at < offset ? at : offset) + (at > least ? at - least : 0);
	}
	return outside;
}

/* The number in the noise of the first one that the window around (x, y) takes. */
KERNEL_FUNCTION int64_t convolve_noise(const struct convolve_arguments *arguments, int32_t width, int32_t x, int32_t y)
{
	int32_t window_x = 2 * arguments->half_x + 1, window_y = 2 * arguments->half_y + 1;
	int64_t row_x = convolve_outside_before(arguments->half_x, width, width);
	int64_t before_x = convolve_outside_before(arguments->half_x, width, x);
	int64_t before_y = convolve_outside_before(arguments->half_y, arguments->height, y);
	int64_t at_y = convolve_outside_before(arguments->half_y, arguments->height, y + 1) - before_y;

	return y * row_x * window_y + ((int64_t)width * window_x - row_x) * before_y + before_x * window_y +
	       ((int64_t)x * window_x - before_x) * at_y;
}

/* Normalises the pixels of line block->y; grid [blocks of pixels][lines]. */
KERNEL_FUNCTION void convolve_normalise(const struct convolve_arguments *arguments, const struct kernel_block *block,
					int32_t is_integer)
{
	const struct convolve_line line = arguments->lines[block->y];
	int32_t count = arguments->height * line.width;

	EACH_WARP(block, warp)
	EACH_LANE(lane)
	{
		int32_t at = (block->x * CONVOLVE_WARPS + warp) * KERNEL_LANES + lane;

		if (at < count) {
			uint8_t *pixel = arguments->pixels + line.pixels + at;

			if (is_integer)
				*(int8_t *)pixel = network_pixel_integer(*pixel, line.black, line.contrast);
			else
				arguments->values[line.pixels + at] = network_pixel(*pixel, line.black, line.contrast);
		}
	}
}

/* Of all lines' steps, line by line, the one of a number. */
struct convolve_place {
	int32_t line, step, row;
};

KERNEL_FUNCTION struct convolve_place convolve_place_of(const struct convolve_arguments *arguments, int32_t number)
{
	struct convolve_place place;

	place.line = kernel_find(arguments->line_starts, arguments->line_count, number);
	place.step = number - arguments->line_starts[place.line];
	place.row = arguments->row_starts[place.step] + place.line;
	return place;
}

/* Keeps the largest of each output's sums, the least where a scale is negative. */
KERNEL_FUNCTION void convolve_keep(const float *scales, const int32_t *sums, int32_t is_first, int32_t *best)
{
	KERNEL_UNROLL
	for (int32_t i = 0; i < CONVOLVE_OUTPUTS; i++)
		if (is_first || (scales[i] < 0 ? sums[i] < best[i] : sums[i] > best[i]))
			best[i] = sums[i];
}

#define INSIDE_HALF 1
#define INSIDE_POOL 3
#define INSIDE_SIZE (INSIDE_POOL + 2 * INSIDE_HALF)

/* Whether the windows are those of convolve_inside, and none that a pooled place at (x, y) takes leaves the image. */
KERNEL_FUNCTION int32_t convolve_is_inside(const struct convolve_arguments *arguments,
					   const struct convolve_line *line, int32_t x, int32_t y)
{
	return arguments->half_x == INSIDE_HALF && arguments->half_y == INSIDE_HALF &&
	       arguments->pool_x == INSIDE_POOL && arguments->pool_y == INSIDE_POOL && x >= INSIDE_HALF &&
	       x + INSIDE_POOL + INSIDE_HALF <= line->width && y >= INSIDE_HALF &&
	       y + INSIDE_POOL + INSIDE_HALF <= arguments->height;
}

/* The best sums of the windows around the places from (x, y) on: a column of pixels is a word, from which each takes three. */
KERNEL_FUNCTION void convolve_inside(const struct convolve_arguments *arguments, const struct convolve_line *line,
				     int32_t x, int32_t y, const uint32_t *weights, const int32_t *biases,
				     const float *scales, int32_t *best)
{
	const uint8_t *pixels = arguments->pixels + line->pixels + (y - INSIDE_HALF) * line->width + x - INSIDE_HALF;
	uint64_t columns[INSIDE_SIZE];

	KERNEL_UNROLL
	for (int32_t i = 0; i < INSIDE_SIZE; i++) {
		columns[i] = 0;
		KERNEL_UNROLL
		for (int32_t j = 0; j < INSIDE_SIZE; j++)
			columns[i] |= (uint64_t)pixels[j * line->width + i] << 8 * j;
	}
	KERNEL_UNROLL
	for (int32_t i = 0; i < INSIDE_POOL * INSIDE_POOL; i++) {
		int32_t sums[CONVOLVE_OUTPUTS];

		KERNEL_UNROLL
		for (int32_t j = 0; j < CONVOLVE_OUTPUTS; j++) {
			sums[j] = biases[j];
			KERNEL_UNROLL
			for (int32_t k = 0; k < 2 * INSIDE_HALF + 1; k++) /* a word's fourth weight is 0 */
				sums[j] = kernel_dot_four(
				    (uint32_t)(columns[i % INSIDE_POOL + k] >> 8 * (i / INSIDE_POOL)),
				    weights[k * CONVOLVE_OUTPUTS + j], sums[j]);
		}
		convolve_keep(scales, sums, i == 0, best);
	}
}

/* Adds the window around (x, y) to the sums of 16 outputs. */
KERNEL_FUNCTION void convolve_window(const struct convolve_arguments *arguments, const struct convolve_line *line,
				     int32_t x, int32_t y, const uint32_t *weights, int32_t *sums)
{
	const int8_t *image = (const int8_t *)arguments->pixels + line->pixels;
	const int8_t *noise = (const int8_t *)arguments->noise;
	int32_t last_y = y + arguments->half_y, column_words = convolve_column_words(arguments);

	if (x < arguments->half_x || x + arguments->half_x >= line->width || y < arguments->half_y ||
	    last_y >= arguments->height)
		noise += convolve_noise(arguments, line->width, x, y);
	for (int32_t at_x = x - arguments->half_x; at_x <= x + arguments->half_x; at_x++)
		for (int32_t word = 0, at_y = y - arguments->half_y; word < column_words; word++) {
			uint32_t values = 0;

			KERNEL_UNROLL
			for (int32_t i = 0; i < 4; i++, at_y++) {
				int8_t value = 0;

				if (at_y <= last_y && at_x >= 0 && at_x < line->width && at_y >= 0 &&
				    at_y < arguments->height)
					value = image[at_y * line->width + at_x];
				else if (at_y <= last_y)
					value = *noise++;
				values |= (uint32_t)(uint8_t)value << 8 * i;
			}
			KERNEL_UNROLL
			for (int32_t i = 0; i < CONVOLVE_OUTPUTS; i++)
				sums[i] = kernel_dot_four(values, weights[i], sums[i]);
			weights += CONVOLVE_OUTPUTS;
		}
}

/* One pooled place, 16 outputs. */
KERNEL_FUNCTION void convolve_pool(const struct convolve_arguments *arguments, int32_t number, int32_t pooled_y,
				   int32_t tile, const uint32_t *weights)
{
	const struct convolve_place place = convolve_place_of(arguments, number);
	const struct convolve_line line = arguments->lines[place.line];
	const int32_t *biases = arguments->biases + tile * CONVOLVE_OUTPUTS;
	const float *scales = arguments->scales + tile * CONVOLVE_OUTPUTS;
	int32_t x = place.step * arguments->pool_x, y = pooled_y * arguments->pool_y;
	char *outputs = arguments->outputs +
			((int64_t)pooled_y * arguments->rows + place.row) * arguments->output_stride +
			tile * CONVOLVE_OUTPUTS;
	int32_t best[CONVOLVE_OUTPUTS];
	struct kernel_chunk rounded = { { 0, 0, 0, 0 } };

	if (convolve_is_inside(arguments, &line, x, y))
		convolve_inside(arguments, &line, x, y, weights, biases, scales, best);
	else
		for (int32_t i = 0; i < arguments->pool_x * arguments->pool_y; i++) {
			int32_t sums[CONVOLVE_OUTPUTS];

			KERNEL_UNROLL
			for (int32_t j = 0; j < CONVOLVE_OUTPUTS; j++)
				sums[j] = biases[j];
			convolve_window(arguments, &line, x + i % arguments->pool_x, y + i / arguments->pool_x,
					weights, sums);
			convolve_keep(scales, sums, i == 0, best);
		}
	KERNEL_UNROLL
	for (int32_t j = 0; j < CONVOLVE_OUTPUTS; j++)
		rounded.words[j / 4] |=
		    (uint32_t)(uint8_t)network_round(network_tanh(arguments->curves, (float)best[j] * scales[j]))
		    << j % 4 * 8;
	*(struct kernel_chunk *)(void *)outputs = rounded;
}

/* The integer kernel: grid [blocks of steps][output height]; shared memory holds the weights of 16 outputs at a time. */
KERNEL_FUNCTION void convolve_run(const struct convolve_arguments *arguments, const struct kernel_block *block)
{
	int32_t tiles = (arguments->output_count + CONVOLVE_OUTPUTS - 1) / CONVOLVE_OUTPUTS;
	int32_t tile_words = convolve_words(arguments) * CONVOLVE_OUTPUTS;
	uint32_t *shared = (uint32_t *)(void *)block->shared;

	for (int32_t tile = 0; tile < tiles; tile++) {
		EACH_WARP(block, warp)
		EACH_LANE(lane)
		for (int32_t i = warp * KERNEL_LANES + lane; i < tile_words; i += CONVOLVE_WARPS * KERNEL_LANES)
			shared[i] = arguments->weights[tile * tile_words + i];
		KERNEL_BARRIER(block);
		EACH_WARP(block, warp)
		EACH_LANE(lane)
		{
			int32_t number = (block->x * CONVOLVE_WARPS + warp) * KERNEL_LANES + lane;

			if (number < arguments->rows)
				convolve_pool(arguments, number, block->y, tile, shared);
		}
		KERNEL_BARRIER(block);
	}
}

#define DOT_PARTIAL 8

/*
 * A float model's sum in the order of the plain back end: eight partial sums over `count` inputs, added up from the
 * first to the last, then what is left of the inputs, then the bias, which is weight number `count`. Weights lie
 * `stride` floats apart.
 */
KERNEL_FUNCTION float dot_float(const float *weights, int64_t stride, const float *inputs, int32_t count)
{
	float partial[DOT_PARTIAL], sum;
	int32_t at = 0;

	KERNEL_UNROLL
	for (int32_t i = 0; i < DOT_PARTIAL; i++)
		partial[i] = 0;
	for (; at + DOT_PARTIAL <= count; at += DOT_PARTIAL)
		KERNEL_UNROLL
		for (int32_t i = 0; i < DOT_PARTIAL; i++)
			partial[i] += weights[(at + i) * stride] * inputs[at + i];
	sum = partial[0];
	KERNEL_UNROLL
	for (int32_t i = 1; i < DOT_PARTIAL; i++)
		sum += partial[i];
	for (; at < count; at++)
		sum += weights[at * stride] * inputs[at];
	return sum + weights[count * stride];
}

#define WINDOW_MOST 225 /* places; weights.c refuses larger ones */

/* One output of the window around (x, y) of a float model. */
KERNEL_FUNCTION float convolve_window_float(const struct convolve_arguments *arguments,
					    const struct convolve_line *line, int32_t x, int32_t y,
					    const float *weights)
{
	const float *image = arguments->values + line->pixels, *noise = (const float *)arguments->noise;
	float window[WINDOW_MOST];
	int32_t count = 0;

	noise += convolve_noise(arguments, line->width, x, y);
	for (int32_t at_x = x - arguments->half_x; at_x <= x + arguments->half_x; at_x++)
		for (int32_t at_y = y - arguments->half_y; at_y <= y + arguments->half_y; at_y++) {
			bool is_inside = at_x >= 0 && at_x < line->width && at_y >= 0 && at_y < arguments->height;

			window[count++] = is_inside ? image[at_y * line->width + at_x] : *noise++;
		}
	return dot_float(weights, 1, window, count);
}

/* The float kernel: the same grid. */
KERNEL_FUNCTION void convolve_run_float(const struct convolve_arguments *arguments, const struct kernel_block *block)
{
	int32_t columns = (2 * arguments->half_x + 1) * (2 * arguments->half_y + 1) + 1;

	EACH_WARP(block, warp)
	EACH_LANE(lane)
	{
		int32_t number = (block->x * CONVOLVE_WARPS + warp) * KERNEL_LANES + lane;

		if (number < arguments->rows) {
			const struct convolve_place place = convolve_place_of(arguments, number);
			float *outputs = (float *)(void *)(arguments->outputs +
							   ((int64_t)block->y * arguments->rows + place.row) *
							       arguments->output_stride);

			for (int32_t output = 0; output < arguments->output_count; output++) {
				float best = 0;

				for (int32_t i = 0; i < arguments->pool_x * arguments->pool_y; i++) {
					float sum = convolve_window_float(
					    arguments, &arguments->lines[place.line],
					    place.step * arguments->pool_x + i % arguments->pool_x,
					    block->y * arguments->pool_y + i / arguments->pool_x,
					    arguments->floats + output * columns);

					if (i == 0 || sum > best)
						best = sum;
				}
				outputs[output] = network_tanh(arguments->curves, best);
			}
		}
	}
}

#endif
