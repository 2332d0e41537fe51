/*
 * From lines' grey pixels to the first layer's outputs: normalisation in place, then convolution, tanh and max-pooling
 * in one kernel. A thread makes one pooled place; it takes the maximum of each output's sums over the pooled places
 * before it scales and rounds, as neither ever turns an order (a negative scale turns it: then the minimum).
 *
 * Places outside of the image take the network's noise (network_run.c). Which number of it: the noise is used row by
 * row, so a place's first one is counted from what stands before it (convolve_noise).
 *
 * A pooled place of eng is 9 × 9 × 16 multiplications, a quarter as many dp4a: 3% of the network's.
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
	const struct network_tables *tables;
	const int32_t *row_starts;
	int32_t rows, most_steps, line_count;
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

/* A row's line and place. */
struct convolve_place {
	int32_t line, step;
};

KERNEL_FUNCTION struct convolve_place convolve_place_of(const struct convolve_arguments *arguments, int32_t row)
{
	struct convolve_place place;

	place.step = kernel_step_of(arguments->row_starts, arguments->most_steps, row);
	place.line = row - arguments->row_starts[place.step];
	return place;
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
KERNEL_FUNCTION void convolve_pool(const struct convolve_arguments *arguments, int32_t row, int32_t pooled_y,
				   int32_t tile, const uint32_t *weights)
{
	const struct convolve_place place = convolve_place_of(arguments, row);
	const struct convolve_line line = arguments->lines[place.line];
	const int32_t *biases = arguments->biases + tile * CONVOLVE_OUTPUTS;
	const float *scales = arguments->scales + tile * CONVOLVE_OUTPUTS;
	int8_t *outputs =
	    (int8_t *)arguments->outputs +
	    ((int64_t)pooled_y * arguments->rows + row) * arguments->output_stride + tile * CONVOLVE_OUTPUTS;
	int32_t best[CONVOLVE_OUTPUTS];

	for (int32_t i = 0; i < arguments->pool_x * arguments->pool_y; i++) {
		int32_t sums[CONVOLVE_OUTPUTS];

		KERNEL_UNROLL
		for (int32_t j = 0; j < CONVOLVE_OUTPUTS; j++)
			sums[j] = biases[j];
		convolve_window(arguments, &line, place.step * arguments->pool_x + i % arguments->pool_x,
				pooled_y * arguments->pool_y + i / arguments->pool_x, weights, sums);
		KERNEL_UNROLL
		for (int32_t j = 0; j < CONVOLVE_OUTPUTS; j++)
			if (i == 0 || (scales[j] < 0 ? sums[j] < best[j] : sums[j] > best[j]))
				best[j] = sums[j];
	}
	KERNEL_UNROLL
	for (int32_t j = 0; j < CONVOLVE_OUTPUTS; j++)
		outputs[j] = network_round(network_tanh(arguments->tables, (float)best[j] * scales[j]));
}

/* The integer kernel: grid [blocks of rows][output height]; shared memory holds the weights of all outputs. */
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
			int32_t row = (block->x * CONVOLVE_WARPS + warp) * KERNEL_LANES + lane;

			if (row < arguments->rows)
				convolve_pool(arguments, row, block->y, tile, shared);
		}
		KERNEL_BARRIER(block);
	}
}

#define DOT_PARTIAL 8

/*
 * A float model's sum in the order of the plain back end: eight partial sums over `count` inputs, added up from the
 * first to the last, then what is left of the inputs, then the bias, which is added as input number `count`. It begins
 * as zeros.
 */
struct dot_float {
	float partial[DOT_PARTIAL], sum;
};

KERNEL_FUNCTION void dot_float_add(struct dot_float *dot, int32_t count, int32_t index, float weight, float input)
{
	int32_t whole = count / DOT_PARTIAL * DOT_PARTIAL;

	if (index < whole) {
		KERNEL_UNROLL
		for (int32_t i = 0; i < DOT_PARTIAL; i++)
			if (index % DOT_PARTIAL == i)
				dot->partial[i] += weight * input;
		return;
	}
	if (index == whole) {
		dot->sum = dot->partial[0];
		KERNEL_UNROLL
		for (int32_t i = 1; i < DOT_PARTIAL; i++)
			dot->sum += dot->partial[i];
	}
	dot->sum += index < count ? weight * input : weight;
}

/* One output of the window around (x, y) of a float model. */
KERNEL_FUNCTION float convolve_window_float(const struct convolve_arguments *arguments,
					    const struct convolve_line *line, int32_t x, int32_t y,
					    const float *weights)
{
	const float *image = arguments->values + line->pixels, *noise = (const float *)arguments->noise;
	int32_t count = (2 * arguments->half_x + 1) * (2 * arguments->half_y + 1), index = 0;
	struct dot_float dot = { { 0 }, 0 };

	noise += convolve_noise(arguments, line->width, x, y);
	for (int32_t at_x = x - arguments->half_x; at_x <= x + arguments->half_x; at_x++)
		for (int32_t at_y = y - arguments->half_y; at_y <= y + arguments->half_y; at_y++, index++) {
			bool is_inside = at_x >= 0 && at_x < line->width && at_y >= 0 && at_y < arguments->height;

			dot_float_add(&dot, count, index, weights[index],
				      is_inside ? image[at_y * line->width + at_x] : *noise++);
		}
	dot_float_add(&dot, count, count, weights[count], 0);
	return dot.sum;
}

/* The float kernel: the same grid. */
KERNEL_FUNCTION void convolve_run_float(const struct convolve_arguments *arguments, const struct kernel_block *block)
{
	int32_t columns = (2 * arguments->half_x + 1) * (2 * arguments->half_y + 1) + 1;

	EACH_WARP(block, warp)
	EACH_LANE(lane)
	{
		int32_t row = (block->x * CONVOLVE_WARPS + warp) * KERNEL_LANES + lane;
		struct convolve_place place;

		if (row < arguments->rows) {
			float *outputs = (float *)(void *)(arguments->outputs +
							   ((int64_t)block->y * arguments->rows + row) *
							       arguments->output_stride);

			place = convolve_place_of(arguments, row);
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
				outputs[output] = network_tanh(arguments->tables, best);
			}
		}
	}
}

#endif
