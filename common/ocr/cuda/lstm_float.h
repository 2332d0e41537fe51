/*
 * An LSTM layer of a float model as one launch. It takes sequences through their steps as lstm.h does, with the plain
 * back end's order of additions and so its bits: a thread computes the four sums of one cell of one sequence. Float
 * models are the slow ones everywhere; this is written to be right.
 */
#ifndef FILOT_CUDA_LSTM_FLOAT_H
#define FILOT_CUDA_LSTM_FLOAT_H

#include "common/ocr/cuda/convolve.h"
#include "common/ocr/cuda/lstm.h"

#define LSTM_FLOAT_WARPS 8

struct lstm_float_arguments {
	const char *inputs;   /* float [height][rows][input_stride bytes] */
	char *outputs;	      /* float [output height][rows][output_stride bytes] */
	const float *weights; /* [inputs + cells + 1][gates][cells], turned so that cells lie side by side */
	const struct network_curves *curves;
	const int32_t *step_counts, *row_starts;
	int32_t lines, rows, height;
	int32_t input_stride, output_stride;
	int32_t inputs_count, cells;
	int32_t sequences; /* of a block */
	int32_t along_y, reversed, is_summary;
};

/* A sequence's [2][inputs + cells] floats, then its states. */
KERNEL_FUNCTION int32_t lstm_float_sequence_floats(const struct lstm_float_arguments *arguments)
{
	return 2 * (arguments->inputs_count + arguments->cells) + arguments->cells;
}

KERNEL_FUNCTION float *lstm_float_operand(const struct lstm_float_arguments *arguments, float *shared, int32_t step,
					  int32_t sequence)
{
	return shared + sequence * lstm_float_sequence_floats(arguments) +
	       (step & 1) * (arguments->inputs_count + arguments->cells);
}

KERNEL_FUNCTION void lstm_float_gather(const struct lstm_float_arguments *arguments, const struct kernel_block *block,
				       float *shared, int32_t step, int32_t warp)
{
	EACH_LANE(lane)
	for (int32_t i = warp * KERNEL_LANES + lane; i < arguments->inputs_count * arguments->sequences;
	     i += LSTM_FLOAT_WARPS * KERNEL_LANES) {
		int32_t sequence = i / arguments->inputs_count, at = i % arguments->inputs_count;
		int32_t global = block->x * arguments->sequences + sequence;

		if (step < lstm_steps(arguments->along_y, arguments->height, arguments->lines, arguments->rows,
				      arguments->step_counts, global)) {
			int64_t place = lstm_place(arguments->along_y, arguments->reversed, arguments->height,
						   arguments->rows, arguments->step_counts, arguments->row_starts,
						   global, block->y, step);
			const char *row = arguments->inputs + place * arguments->input_stride;

			lstm_float_operand(arguments, shared, step, sequence)[at] =
			    ((const float *)(const void *)row)[at];
		}
	}
}

/* One step of one cell of one sequence. */
KERNEL_FUNCTION void lstm_float_cell(const struct lstm_float_arguments *arguments, const struct kernel_block *block,
				     float *shared, int32_t step, int32_t sequence, int32_t cell)
{
	int32_t count = arguments->inputs_count + arguments->cells, global = block->x * arguments->sequences + sequence;
	const float *operand = lstm_float_operand(arguments, shared, step, sequence);
	float *state = lstm_float_operand(arguments, shared, 0, sequence) + 2 * count + cell;
	float gates[MODEL_GATE_COUNT], output;

	if (step >= lstm_steps(arguments->along_y, arguments->height, arguments->lines, arguments->rows,
			       arguments->step_counts, global))
		return;
	KERNEL_UNROLL
	for (int32_t gate = 0; gate < MODEL_GATE_COUNT; gate++)
		gates[gate] = dot_float(arguments->weights + gate * arguments->cells + cell,
					(int64_t)MODEL_GATE_COUNT * arguments->cells, operand, count);
	output = network_cell(arguments->curves, gates, state);
	lstm_float_operand(arguments, shared, step + 1, sequence)[arguments->inputs_count + cell] = output;
	if (!arguments->is_summary || step == arguments->height - 1) {
		int64_t row = global;

		if (!arguments->is_summary)
			row = lstm_place(arguments->along_y, arguments->reversed, arguments->height, arguments->rows,
					 arguments->step_counts, arguments->row_starts, global, block->y, step);
		((float *)(void *)(arguments->outputs + row * arguments->output_stride))[cell] = output;
	}
}

/* The kernel: grid [blocks of sequences][height along x, else 1]. */
KERNEL_FUNCTION void lstm_float_run(const struct lstm_float_arguments *arguments, const struct kernel_block *block)
{
	float *shared = (float *)(void *)block->shared;
	int32_t steps = lstm_steps(arguments->along_y, arguments->height, arguments->lines, arguments->rows,
				   arguments->step_counts, block->x * arguments->sequences);

	EACH_WARP(block, warp)
	EACH_LANE(lane)
	for (int32_t i = warp * KERNEL_LANES + lane;
	     i < arguments->sequences * lstm_float_sequence_floats(arguments); i += LSTM_FLOAT_WARPS * KERNEL_LANES)
		shared[i] = 0;
	KERNEL_BARRIER(block);
	for (int32_t step = 0; step < steps; step++) {
		EACH_WARP(block, warp)
		lstm_float_gather(arguments, block, shared, step, warp);
		KERNEL_BARRIER(block);
		EACH_WARP(block, warp)
		EACH_LANE(lane)
		for (int32_t i = warp * KERNEL_LANES + lane; i < arguments->sequences * arguments->cells;
		     i += LSTM_FLOAT_WARPS * KERNEL_LANES)
			lstm_float_cell(arguments, block, shared, step, i / arguments->cells, i % arguments->cells);
		KERNEL_BARRIER(block);
	}
}

#endif
