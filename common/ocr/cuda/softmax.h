/*
 * The last layer: sums of all classes for each row, the softmax of them, and what reading takes of that. A block takes
 * some rows; their sums, then their exponentials, stand where the probabilities will be: in global memory where those
 * are wanted, or are too many, else in shared memory. A row's total is added up in the order of the classes by one
 * thread, as that order tells its last bit; the maximum, which has no order, and the two largest are found by the same
 * thread.
 *
 * The exponential has the bits of glibc's expf on processors with fused operations (Szabolcs Nagy's algorithm, as in
 * network_avx2.c): in double, e^x = 2^(k/32) · 2^r.
 *
 * What is made is written line by line, in the batch's order of lines: [steps][classes] probabilities, or [steps].
 */
#ifndef FILOT_CUDA_SOFTMAX_H
#define FILOT_CUDA_SOFTMAX_H

#include <math.h>
#include <string.h>

#include "common/ocr/beam_reduce.h"
#include "common/ocr/cuda/convolve.h"
#include "common/ocr/cuda/tile.h"

#define SOFTMAX_WARPS 8
#define SOFTMAX_ROW_TILES 2
#define SOFTMAX_ROWS (SOFTMAX_ROW_TILES * TILE_ROWS)
#define SOFTMAX_POWERS 32

struct softmax_arguments {
	const char *inputs; /* int8 or float [rows][input_stride bytes] */
	float *outputs;			    /* [rows][classes]; NULL: in shared memory */
	struct beam_reduced *reductions;    /* [rows]; NULL: the outputs are what is wanted */
	const struct kernel_chunk *weights; /* integer: [class tiles][tiles_deep][32 lanes] */
	const int32_t *biases;		    /* integer: [class tiles][16], times 127 */
	const float *scales;		    /* integer: the same */
	const float *floats;		    /* float: [inputs + 1][classes], turned */
	const double *powers;		    /* [32] 2^(i/32) */
	const int32_t *row_starts;
	const int32_t *line_starts; /* [lines] the step of all at which a line's outputs begin */
	int32_t rows, most_steps;
	int32_t inputs_count, input_stride; /* input_stride: bytes, a multiple of 16 */
	int32_t classes, class_tiles, tiles_deep, null_code;
};

KERNEL_FUNCTION float softmax_exponential(float x, const double *powers)
{
	double wide = (double)x, shifted = wide * (0x1.71547652b82fep+0 * 32) + 0x1.8p52;
	double r = fma(wide, 0x1.71547652b82fep+0 * 32, -(shifted - 0x1.8p52));
	double p = fma(0x1.c6af84b912394p-5 / 32 / 32 / 32, r, 0x1.ebfce50fac4f3p-3 / 32 / 32);
	double y = fma(0x1.62e42ff0c52d6p-1 / 32, r, 1.0), power;
	uint64_t k, bits;

	memcpy(&k, &shifted, sizeof k);
	memcpy(&bits, &powers[k % SOFTMAX_POWERS], sizeof bits);
	bits += k / SOFTMAX_POWERS << 52;
	memcpy(&power, &bits, sizeof power);
	return (float)(fma(p, r * r, y) * power);
}

/* Where in the order of lines a row's step is. */
KERNEL_FUNCTION int32_t softmax_place(const struct softmax_arguments *arguments, int32_t row)
{
	int32_t step = kernel_find(arguments->row_starts, arguments->most_steps, row);
	int32_t line = row - arguments->row_starts[step];

	return arguments->line_starts[line] + step;
}

/* A block's places in its shared memory. */
struct softmax_places {
	char *operands; /* integer: [rows][pitch] */
	float *sums;	/* where the outputs are not in global memory: [rows][softmax_stride] */
	float *most;	/* [rows] the maximum, then the total */
	int32_t *order; /* [rows] softmax_place */
	int32_t first, count;
};

KERNEL_FUNCTION int32_t softmax_operand_bytes(int32_t tiles_deep, int32_t is_integer)
{
	return is_integer ? SOFTMAX_ROWS * tile_pitch(tiles_deep) : 0;
}

/* An odd number, so that one class of all rows is in different banks. */
KERNEL_FUNCTION int32_t softmax_stride(int32_t classes)
{
	return classes | 1;
}

/* `in_shared`: of the outputs. */
KERNEL_FUNCTION int32_t softmax_shared_bytes(int32_t tiles_deep, int32_t classes, int32_t is_integer, int32_t in_shared)
{
	return softmax_operand_bytes(tiles_deep, is_integer) +
	       SOFTMAX_ROWS * (int32_t)(sizeof(float) + sizeof(int32_t)) +
	       (in_shared ? SOFTMAX_ROWS * softmax_stride(classes) * (int32_t)sizeof(float) : 0);
}

KERNEL_FUNCTION struct softmax_places softmax_places(const struct softmax_arguments *arguments,
						     const struct kernel_block *block, int32_t is_integer)
{
	struct softmax_places places;

	places.operands = block->shared;
	places.most = (float *)(void *)(block->shared + softmax_operand_bytes(arguments->tiles_deep, is_integer));
	places.order = (int32_t *)(void *)(places.most + SOFTMAX_ROWS);
	places.sums = (float *)(void *)(places.order + SOFTMAX_ROWS);
	places.first = block->x * SOFTMAX_ROWS;
	places.count = arguments->rows - places.first < SOFTMAX_ROWS ? arguments->rows - places.first : SOFTMAX_ROWS;
	return places;
}

/* A row's outputs. */
KERNEL_FUNCTION float *softmax_outputs(const struct softmax_arguments *arguments, const struct softmax_places *places,
				       int32_t row)
{
	if (arguments->outputs)
		return arguments->outputs + (int64_t)places->order[row] * arguments->classes;
	return places->sums + row * softmax_stride(arguments->classes);
}

KERNEL_FUNCTION void softmax_begin(const struct softmax_arguments *arguments, const struct softmax_places *places,
				   int32_t warp, int32_t is_integer)
{
	int32_t pitch = tile_pitch(arguments->tiles_deep), chunks = pitch / KERNEL_CHUNK;
	int32_t filled = arguments->input_stride / KERNEL_CHUNK;
	const struct kernel_chunk none = { { 0, 0, 0, 0 } };

	EACH_LANE(lane)
	{
		int32_t thread = warp * KERNEL_LANES + lane;

		if (thread < places->count)
			places->order[thread] = softmax_place(arguments, places->first + thread);
		for (int32_t i = thread; is_integer && i < SOFTMAX_ROWS * chunks; i += SOFTMAX_WARPS * KERNEL_LANES) {
			int32_t row = i / chunks, at = i % chunks;
			char *target = places->operands + row * pitch + at * KERNEL_CHUNK;

			if (row < places->count && at < filled)
				kernel_copy(target, arguments->inputs +
							(int64_t)(places->first + row) * arguments->input_stride +
							at * KERNEL_CHUNK);
			else
				*(struct kernel_chunk *)(void *)target = none;
		}
	}
	kernel_copy_wait();
}

/* The sums of 16 classes for all rows of the block. */
KERNEL_FUNCTION void softmax_tile(const struct softmax_arguments *arguments, const struct softmax_places *places,
				  int32_t tile)
{
	struct tile_sums sums[SOFTMAX_ROW_TILES][KERNEL_OWN];
	int32_t pitch = tile_pitch(arguments->tiles_deep);

	KERNEL_UNROLL
	for (int32_t row_tile = 0; row_tile < SOFTMAX_ROW_TILES; row_tile++)
		EACH_LANE(lane)
		KERNEL_UNROLL
		for (int32_t i = 0; i < 4; i++)
			sums[row_tile][KERNEL_AT(lane)].at[i] = 0;
	for (int32_t depth = 0; depth < arguments->tiles_deep; depth++) {
		struct kernel_chunk weights[KERNEL_OWN];

		EACH_LANE(lane)
		weights[KERNEL_AT(lane)] =
		    arguments->weights[((int64_t)tile * arguments->tiles_deep + depth) * KERNEL_LANES + lane];
		KERNEL_UNROLL
		for (int32_t row_tile = 0; row_tile < SOFTMAX_ROW_TILES; row_tile++) {
			struct tile_operand operand[KERNEL_OWN];

			EACH_LANE(lane)
			operand[KERNEL_AT(lane)] = tile_load_operand(
			    places->operands + row_tile * TILE_ROWS * pitch + depth * TILE_INPUTS, pitch, lane);
			tile_multiply(sums[row_tile], weights, operand);
		}
	}
	KERNEL_UNROLL
	for (int32_t row_tile = 0; row_tile < SOFTMAX_ROW_TILES; row_tile++)
		EACH_LANE(lane)
		KERNEL_UNROLL
		for (int32_t i = 0; i < 4; i++) {
			int32_t row = row_tile * TILE_ROWS + tile_sum_row(lane, i);
			int32_t class_index = tile * TILE_OUTPUTS + tile_sum_output(lane, i);

			if (row < places->count && class_index < arguments->classes)
				softmax_outputs(arguments, places, row)[class_index] =
				    (float)(sums[row_tile][KERNEL_AT(lane)].at[i] + arguments->biases[class_index]) *
				    arguments->scales[class_index];
		}
}

/* The sums of a float model, a class a lane. */
KERNEL_FUNCTION void softmax_sums_float(const struct softmax_arguments *arguments, const struct softmax_places *places,
					int32_t warp)
{
	EACH_LANE(lane)
	for (int32_t i = warp * KERNEL_LANES + lane; i < places->count * arguments->classes;
	     i += SOFTMAX_WARPS * KERNEL_LANES) {
		int32_t row = i / arguments->classes, class_index = i % arguments->classes;
		const float *inputs =
		    (const float *)(const void *)(arguments->inputs +
						  (int64_t)(places->first + row) * arguments->input_stride);

		softmax_outputs(arguments, places, row)[class_index] =
		    dot_float(arguments->floats + class_index, arguments->classes, inputs, arguments->inputs_count);
	}
}

/* Rows of sums become probabilities. */
KERNEL_FUNCTION void softmax_normalise(const struct softmax_arguments *arguments, const struct kernel_block *block,
				       const struct softmax_places *places)
{
	EACH_WARP(block, warp)
	EACH_LANE(lane)
	{
		int32_t row = warp * KERNEL_LANES + lane;

		if (row < places->count) {
			const float *sums = softmax_outputs(arguments, places, row);
			float most = sums[0];

			for (int32_t i = 1; i < arguments->classes; i++)
				most = sums[i] > most ? sums[i] : most;
			places->most[row] = most;
		}
	}
	KERNEL_BARRIER(block);
	EACH_WARP(block, warp)
	EACH_LANE(lane)
	for (int32_t i = warp * KERNEL_LANES + lane; i < places->count * arguments->classes;
	     i += SOFTMAX_WARPS * KERNEL_LANES) {
		int32_t row = i / arguments->classes;
		float *sum = softmax_outputs(arguments, places, row) + i % arguments->classes;
		float below = *sum - places->most[row];

		*sum = softmax_exponential(below < -NETWORK_SOFTMAX_LIMIT ? -NETWORK_SOFTMAX_LIMIT : below,
					   arguments->powers);
	}
	KERNEL_BARRIER(block);
	EACH_WARP(block, warp)
	EACH_LANE(lane)
	{
		int32_t row = warp * KERNEL_LANES + lane;

		if (row < places->count) {
			const float *exponentials = softmax_outputs(arguments, places, row);
			float total = 0;

			for (int32_t i = 0; i < arguments->classes; i++)
				total += exponentials[i];
			places->most[row] = total;
		}
	}
	KERNEL_BARRIER(block);
	EACH_WARP(block, warp)
	EACH_LANE(lane)
	for (int32_t i = warp * KERNEL_LANES + lane; i < places->count * arguments->classes;
	     i += SOFTMAX_WARPS * KERNEL_LANES)
		softmax_outputs(arguments, places, i / arguments->classes)[i % arguments->classes] /=
		    places->most[i / arguments->classes];
}

/* Rows of probabilities become what reading takes of them. */
KERNEL_FUNCTION void softmax_reduce(const struct softmax_arguments *arguments, const struct kernel_block *block,
				    const struct softmax_places *places)
{
	EACH_WARP(block, warp)
	EACH_LANE(lane)
	{
		int32_t row = warp * KERNEL_LANES + lane;

		if (row < places->count)
			arguments->reductions[places->order[row]] = beam_reduce_plain(
			    softmax_outputs(arguments, places, row), arguments->classes, arguments->null_code);
	}
}

/* The kernel: grid [blocks of SOFTMAX_ROWS rows]. */
KERNEL_FUNCTION void softmax_run(const struct softmax_arguments *arguments, const struct kernel_block *block,
				 const int32_t is_integer)
{
	const struct softmax_places places = softmax_places(arguments, block, is_integer);

	EACH_WARP(block, warp)
	softmax_begin(arguments, &places, warp, is_integer);
	KERNEL_BARRIER(block);
	EACH_WARP(block, warp)
	{
		for (int32_t tile = warp; is_integer && tile < arguments->class_tiles; tile += SOFTMAX_WARPS)
			softmax_tile(arguments, &places, tile);
		if (!is_integer)
			softmax_sums_float(arguments, &places, warp);
	}
	KERNEL_BARRIER(block);
	softmax_normalise(arguments, block, &places);
	if (arguments->reductions) {
		KERNEL_BARRIER(block);
		softmax_reduce(arguments, block, &places);
	}
}

#endif
