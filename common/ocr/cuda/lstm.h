/*
 * An LSTM layer of an integer model as one launch: no step is a launch of its own. A block takes some sequences (lines
 * along x, rows along y) from their first step to their last. In shared memory it keeps the sequences' inputs and
 * outputs of the step that is being computed and of the next one, the cells' states, the values of tanh and logistic,
 * and as many of the weights as fit; the others are read from the second-level cache, for all sequences of the block at
 * once. While a step is computed the inputs of the next are on their way and the outputs of the one before are stored, so
 * a step has one barrier.
 *
 * A warp computes the four gates of 16 cells for up to 4 × 8 sequences in registers; all four gates of a cell are in
 * one lane, so the sums never leave it.
 *
 * A step of a block is 4 · cells · (inputs + cells) · sequences multiplications for 4 · cells · (inputs + cells) bytes
 * of weights: 64 operations a byte with 32 sequences, which is about what an A10G's cache feeds its tensor cores with;
 * weights in shared memory have four times the bandwidth.
 *
 * A cell is five look-ups of two values each, wherever its sums lead: more time than its products take, even from shared
 * memory, whose 32 banks give 32 such values in three or four goes; the first-level cache would need one for each.
 */
#ifndef FILOT_CUDA_LSTM_H
#define FILOT_CUDA_LSTM_H

#include "common/ocr/cuda/tile.h"

/* What turns a cell's sums into the arguments of its gates. */
struct lstm_biases {
	int32_t of[MODEL_GATE_COUNT]; /* times 127 */
} __attribute__((aligned(16)));

struct lstm_scales {
	float of[MODEL_GATE_COUNT];
} __attribute__((aligned(16)));

struct lstm_arguments {
	const char *inputs;		    /* int8 [height][rows][input_stride] */
	char *outputs;			    /* int8 [output height][rows][output_stride] */
	const struct kernel_chunk *weights; /* [cell tiles][tiles_deep][gates][32 lanes] */
	const struct lstm_biases *biases;   /* [cell tiles][16] */
	const struct lstm_scales *scales;   /* the same; 0 for cells that there are not, whose output is 0 then */
	const struct network_curves *curves;
	const int32_t *step_counts; /* [lines] of lines, falling */
	const int32_t *row_starts;  /* [most steps + 1] */
	int32_t lines, rows, height;
	int32_t input_stride, output_stride; /* bytes; multiples of 16 */
	int32_t cell_tiles, tiles_deep;
	int32_t resident_tiles; /* cell tiles whose weights are kept in shared memory */
	int32_t tile_warps;	/* warps side by side over cell tiles */
	int32_t groups;		/* and so many groups of them over sequences */
	int32_t row_tiles;	/* a warp's: 1, 2 or 4 times 8 sequences */
	int32_t keeps_curves;	/* curves, biases and scales are in shared memory; else they stay where they are */
	int32_t along_y, reversed, is_summary;
};

/* A block's places in its shared memory. */
struct lstm_places {
	const struct network_curves *curves;
	const struct lstm_biases *biases; /* [cell tiles][16] */
	const struct lstm_scales *scales;
	char *weights;	  /* [resident tiles][tiles_deep][gates][512] */
	char *operands;	  /* [2][sequences][pitch]: a step's inputs, then the outputs of the step before */
	float *states;	  /* [cell tiles][groups][row tiles][32 lanes][4] */
	int32_t first, y; /* of the sequences */
	int32_t sequences, steps, pitch, threads;
};

KERNEL_FUNCTION int32_t lstm_sequences(const struct lstm_arguments *arguments)
{
	return arguments->groups * arguments->row_tiles * TILE_ROWS;
}

KERNEL_FUNCTION int32_t lstm_resident_bytes(const struct lstm_arguments *arguments, int32_t tiles)
{
	return tiles * arguments->tiles_deep * MODEL_GATE_COUNT * TILE_BYTES;
}

/* Operands and states. */
KERNEL_FUNCTION int32_t lstm_changing_bytes(const struct lstm_arguments *arguments)
{
	return 2 * lstm_sequences(arguments) * tile_pitch(arguments->tiles_deep) +
	       arguments->cell_tiles * lstm_sequences(arguments) * TILE_OUTPUTS * (int32_t)sizeof(float);
}

/* All but the resident weights. */
KERNEL_FUNCTION int32_t lstm_working_bytes(const struct lstm_arguments *arguments)
{
	int32_t of_cell = (int32_t)(sizeof(struct lstm_biases) + sizeof(struct lstm_scales));
	int32_t kept = (int32_t)sizeof(struct network_curves) + arguments->cell_tiles * TILE_OUTPUTS * of_cell;

	return lstm_changing_bytes(arguments) + (arguments->keeps_curves ? kept : 0);
}

/* Where a sequence's step lies among [height][rows]. */
KERNEL_FUNCTION int64_t lstm_place(int32_t along_y, int32_t reversed, int32_t height, int32_t rows,
				   const int32_t *step_counts, const int32_t *row_starts, int32_t sequence, int32_t y,
				   int32_t step)
{
	if (along_y)
		return (int64_t)(reversed ? height - 1 - step : step) * rows + sequence;
	return (int64_t)y * rows + row_starts[reversed ? step_counts[sequence] - 1 - step : step] + sequence;
}

/* Steps of a sequence; 0 when there is no such one. */
KERNEL_FUNCTION int32_t lstm_steps(int32_t along_y, int32_t height, int32_t lines, int32_t rows,
				   const int32_t *step_counts, int32_t sequence)
{
	if (along_y)
		return sequence < rows ? height : 0;
	return sequence < lines ? step_counts[sequence] : 0;
}

KERNEL_FUNCTION struct lstm_places lstm_places(const struct lstm_arguments *arguments,
					       const struct kernel_block *block, const int32_t keeps_curves)
{
	struct lstm_places places;

	places.sequences = lstm_sequences(arguments);
	places.pitch = tile_pitch(arguments->tiles_deep);
	places.curves = arguments->curves;
	places.biases = arguments->biases;
	places.scales = arguments->scales;
	places.weights = block->shared;
	if (keeps_curves) {
		places.curves = (const struct network_curves *)(const void *)block->shared;
		places.biases = (const struct lstm_biases *)(const void *)(places.curves + 1);
		places.scales =
		    (const struct lstm_scales *)(const void *)(places.biases + arguments->cell_tiles * TILE_OUTPUTS);
		places.weights += lstm_working_bytes(arguments) - lstm_changing_bytes(arguments);
	}
	places.operands = places.weights + lstm_resident_bytes(arguments, arguments->resident_tiles);
	places.states = (float *)(void *)(places.operands + 2 * places.sequences * places.pitch);
	places.first = block->x * places.sequences;
	places.y = block->y;
	/* Lines are sorted: none of the block's is longer than its first. */
	places.steps = lstm_steps(arguments->along_y, arguments->height, arguments->lines, arguments->rows,
				  arguments->step_counts, places.first);
	places.threads = block->warps * KERNEL_LANES;
	return places;
}

KERNEL_FUNCTION char *lstm_operand(const struct lstm_places *places, int32_t step, int32_t sequence)
{
	return places->operands + ((step & 1) * places->sequences + sequence) * places->pitch;
}

/* Begins to bring a step's inputs to their operands. */
KERNEL_FUNCTION void lstm_gather(const struct lstm_arguments *arguments, const struct lstm_places *places, int32_t step,
				 int32_t warp)
{
	int32_t chunks = arguments->input_stride / KERNEL_CHUNK;

	if (step >= places->steps)
		return;
	EACH_LANE(lane)
	for (int32_t i = warp * KERNEL_LANES + lane; i < chunks * places->sequences; i += places->threads) {
		int32_t sequence = i / chunks, at = i % chunks * KERNEL_CHUNK, global = places->first + sequence;

		if (step < lstm_steps(arguments->along_y, arguments->height, arguments->lines, arguments->rows,
				      arguments->step_counts, global))
			kernel_copy(lstm_operand(places, step, sequence) + at,
				    arguments->inputs +
					lstm_place(arguments->along_y, arguments->reversed, arguments->height,
						   arguments->rows, arguments->step_counts, arguments->row_starts,
						   global, places->y, step) *
					    arguments->input_stride +
					at);
	}
}

/* Stores a finished step's outputs, which stand where the next step reads them. */
KERNEL_FUNCTION void lstm_store(const struct lstm_arguments *arguments, const struct lstm_places *places, int32_t step,
				int32_t warp)
{
	int32_t chunks = arguments->output_stride / KERNEL_CHUNK;

	if (step < 0 || (arguments->is_summary && step != arguments->height - 1))
		return;
	EACH_LANE(lane)
	for (int32_t i = warp * KERNEL_LANES + lane; i < chunks * places->sequences; i += places->threads) {
		int32_t sequence = i / chunks, at = i % chunks * KERNEL_CHUNK, global = places->first + sequence;
		int64_t row = global;

		if (step >= lstm_steps(arguments->along_y, arguments->height, arguments->lines, arguments->rows,
				       arguments->step_counts, global))
			continue;
		if (!arguments->is_summary)
			row = lstm_place(arguments->along_y, arguments->reversed, arguments->height, arguments->rows,
					 arguments->step_counts, arguments->row_starts, global, places->y, step);
		*(struct kernel_chunk *)(void *)(arguments->outputs + row * arguments->output_stride + at) =
		    *(const struct kernel_chunk *)(const void *)(lstm_operand(places, step + 1, sequence) +
								 arguments->input_stride + at);
	}
}

/* Begins to bring so many bytes to a place in shared memory, by all threads of the block; returns the next place. */
KERNEL_FUNCTION char *lstm_copy(const struct lstm_places *places, int32_t warp, char *shared, const void *global,
				int32_t bytes)
{
	EACH_LANE(lane)
	for (int32_t i = (warp * KERNEL_LANES + lane) * KERNEL_CHUNK; i < bytes; i += places->threads * KERNEL_CHUNK)
		kernel_copy(shared + i, (const char *)global + i);
	return shared + bytes;
}

/* Brings in all that stays, and clears operands and states. */
KERNEL_FUNCTION void lstm_begin(const struct lstm_arguments *arguments, const struct lstm_places *places, char *shared,
				int32_t warp, const int32_t keeps_curves)
{
	int32_t cells = arguments->cell_tiles * TILE_OUTPUTS;
	int32_t changing = lstm_changing_bytes(arguments) / KERNEL_CHUNK;
	const struct kernel_chunk none = { { 0, 0, 0, 0 } };

	if (keeps_curves) {
		shared = lstm_copy(places, warp, shared, arguments->curves, (int32_t)sizeof *places->curves);
		shared = lstm_copy(places, warp, shared, arguments->biases, cells * (int32_t)sizeof *places->biases);
		shared = lstm_copy(places, warp, shared, arguments->scales, cells * (int32_t)sizeof *places->scales);
	}
	lstm_copy(places, warp, shared, arguments->weights, lstm_resident_bytes(arguments, arguments->resident_tiles));
	EACH_LANE(lane)
	for (int32_t i = warp * KERNEL_LANES + lane; i < changing; i += places->threads)
		*(struct kernel_chunk *)(void *)(places->operands + i * KERNEL_CHUNK) = none;
	kernel_copy_wait();
}

/* What a lane needs for a tile's cells, two of which are its own. */
struct lstm_constants {
	struct lstm_biases biases[2];
	struct lstm_scales scales[2];
};

KERNEL_FUNCTION struct lstm_constants lstm_constants(const struct lstm_places *places, int32_t tile, int32_t lane)
{
	struct lstm_constants constants;

	KERNEL_UNROLL
	for (int32_t i = 0; i < 2; i++) {
		int32_t cell = tile * TILE_OUTPUTS + tile_sum_output(lane, 2 * i);

		constants.biases[i] = places->biases[cell];
		constants.scales[i] = places->scales[cell];
	}
	return constants;
}

/* The four gates of a tile's cells, from sums to outputs, for one lane and 8 sequences. */
KERNEL_FUNCTION void lstm_finish(const struct lstm_arguments *arguments, const struct lstm_places *places, int32_t step,
				 int32_t tile, int32_t row_tile, int32_t lane, const struct lstm_constants *constants,
				 const struct tile_sums (*sums)[KERNEL_OWN])
{
	float *states =
	    places->states + ((tile * (places->sequences / TILE_ROWS) + row_tile) * KERNEL_LANES + lane) * 4;

	KERNEL_UNROLL
	for (int32_t i = 0; i < 4; i++) {
		int32_t at = tile_sum_output(lane, i), sequence = row_tile * TILE_ROWS + tile_sum_row(lane, i);
		float gates[MODEL_GATE_COUNT];

		KERNEL_UNROLL
		for (int32_t gate = 0; gate < MODEL_GATE_COUNT; gate++)
			gates[gate] =
			    (float)(sums[gate][KERNEL_AT(lane)].at[i] + constants->biases[i / 2].of[gate]) *
			    constants->scales[i / 2].of[gate];
		lstm_operand(places, step + 1,
			     sequence)[arguments->input_stride + tile * TILE_OUTPUTS + at] =
		    network_round(network_cell(places->curves, gates, &states[i]));
	}
}

/* One step of 16 cells for a warp's sequences: a constant number of row tiles, so that all sums are registers. */
KERNEL_FUNCTION void lstm_tile(const struct lstm_arguments *arguments, const struct lstm_places *places, int32_t step,
			       int32_t tile, int32_t group, const int32_t row_tiles)
{
	struct tile_sums sums[4][MODEL_GATE_COUNT][KERNEL_OWN];
	struct lstm_constants constants[KERNEL_OWN];
	int64_t first = (int64_t)tile * arguments->tiles_deep * MODEL_GATE_COUNT * KERNEL_LANES;
	const struct kernel_chunk *weights = tile < arguments->resident_tiles ?
						 (const struct kernel_chunk *)(const void *)places->weights + first :
						 arguments->weights + first;
	const char *rows = lstm_operand(places, step, group * row_tiles * TILE_ROWS);

	KERNEL_UNROLL
	for (int32_t row_tile = 0; row_tile < row_tiles; row_tile++)
		KERNEL_UNROLL
		for (int32_t gate = 0; gate < MODEL_GATE_COUNT; gate++)
			EACH_LANE(lane)
			KERNEL_UNROLL
			for (int32_t i = 0; i < 4; i++)
				sums[row_tile][gate][KERNEL_AT(lane)].at[i] = 0;
	for (int32_t depth = 0; depth < arguments->tiles_deep; depth++) {
		struct kernel_chunk of_gate[MODEL_GATE_COUNT][KERNEL_OWN];

		KERNEL_UNROLL
		for (int32_t gate = 0; gate < MODEL_GATE_COUNT; gate++)
			EACH_LANE(lane)
			of_gate[gate][KERNEL_AT(lane)] =
			    weights[(depth * MODEL_GATE_COUNT + gate) * KERNEL_LANES + lane];
		KERNEL_UNROLL
		for (int32_t row_tile = 0; row_tile < row_tiles; row_tile++) {
			struct tile_operand operand[KERNEL_OWN];

			EACH_LANE(lane)
			operand[KERNEL_AT(lane)] =
			    tile_load_operand(rows + row_tile * TILE_ROWS * places->pitch + depth * TILE_INPUTS,
					      places->pitch, lane);
			KERNEL_UNROLL
			for (int32_t gate = 0; gate < MODEL_GATE_COUNT; gate++)
				tile_multiply(sums[row_tile][gate], of_gate[gate], operand);
		}
	}
	EACH_LANE(lane)
	constants[KERNEL_AT(lane)] = lstm_constants(places, tile, lane);
	KERNEL_UNROLL
	for (int32_t row_tile = 0; row_tile < row_tiles; row_tile++)
		EACH_LANE(lane)
		lstm_finish(arguments, places, step, tile, group * row_tiles + row_tile, lane,
			    &constants[KERNEL_AT(lane)], sums[row_tile]);
}

/* The kernel: grid [blocks of sequences][height along x, else 1]. The last two are the arguments', as constants. */
KERNEL_FUNCTION void lstm_run(const struct lstm_arguments *arguments, const struct kernel_block *block,
			      const int32_t row_tiles, const int32_t keeps_curves)
{
	const struct lstm_places places = lstm_places(arguments, block, keeps_curves);

	EACH_WARP(block, warp)
	lstm_begin(arguments, &places, block->shared, warp, keeps_curves);
	KERNEL_BARRIER(block);
	EACH_WARP(block, warp)
	{
		lstm_gather(arguments, &places, 0, warp);
		kernel_copy_wait();
	}
	KERNEL_BARRIER(block);
	for (int32_t step = 0; step < places.steps; step++) {
		EACH_WARP(block, warp)
		{
			lstm_gather(arguments, &places, step + 1, warp);
			lstm_store(arguments, &places, step - 1, warp);
			for (int32_t tile = warp % arguments->tile_warps; tile < arguments->cell_tiles;
			     tile += arguments->tile_warps)
				lstm_tile(arguments, &places, step, tile, warp / arguments->tile_warps, row_tiles);
			kernel_copy_wait();
		}
		KERNEL_BARRIER(block);
	}
	EACH_WARP(block, warp)
	lstm_store(arguments, &places, places.steps - 1, warp);
}

#endif
