/*
 * The integer kernels for vectors of any width, compiled once for each back end that includes this file after defining
 *   LANES                 32-bit lanes of a vector: 8 or 16
 *   TILE_ROWS             rows that a tile works on, as many as there are registers for
 *   vint, vfloat          vectors of LANES int32 and floats
 *   struct operand, operand_load(p)   four int8 inputs at p, for all lanes
 *   dot(sum, weights, operand)        sum + in each lane, four weights · (the four inputs + INPUT_OFFSET), exactly
 *   INPUT_OFFSET
 *   and the vector operations used below (v_…).
 *
 * Layout of weights. A tile makes TILE_VECTORS × LANES outputs: for an LSTM the four gates of LANES cells, so that a
 * cell's new state comes from registers; for the softmax so many classes. A tile's weights stand together, in groups of
 * four inputs: [tile][group][TILE_VECTORS][LANES][4]. The groups of a layer's inputs come first, then those of its own
 * outputs of the step before. A tile's weights (a few KB) stay in the first-level cache while all rows go past them, so
 * from memory come only the rows: a multiplication costs 1 / (4 LANES) of a dot's instructions.
 */
#include <stdlib.h>

#define TILE_VECTORS 4
#define GROUP 4		/* inputs */
#define ROWS_AT_ONCE 16 /* a multiple of TILE_ROWS */
#define UNROLLED _Pragma("GCC unroll 8")
#define INLINE static inline __attribute__((always_inline))

struct packed {
	size_t tile_count, input_groups, own_groups;
	const int8_t *weights;
	const float *scales; /* [tile][TILE_VECTORS][LANES] */
	/* The same: what sums begin with, for all groups and for the inputs' alone: the bias × 127, and what undoes an
	 * operand's offset. */
	const int32_t *sums, *first_sums;
};

/* Matrix and its row of a tile's lane; NULL where there is none. */
static const struct model_matrix *lane_row(const struct network_layer *layer, size_t tile, size_t vector, size_t lane,
					   size_t *row)
{
	bool is_lstm = layer->kind == NETWORK_LSTM;

	*row = is_lstm ? tile * LANES + lane : (tile * TILE_VECTORS + vector) * LANES + lane;
	return *row >= (size_t)layer->outputs ? NULL : is_lstm ? &layer->matrices[vector] : layer->matrices;
}

static void pack_lane(const struct network_layer *layer, const struct packed *packed, size_t tile, size_t vector,
		      size_t lane)
{
	size_t row, groups = packed->input_groups + packed->own_groups,
		    index = (tile * TILE_VECTORS + vector) * LANES + lane;
	const struct model_matrix *matrix = lane_row(layer, tile, vector, lane, &row);
	int8_t *weights = (int8_t *)(uintptr_t)packed->weights;
	int32_t bias, input_sum = 0, own_sum = 0;

	if (!matrix)
		return;
	const int8_t *source = matrix->integers + row * (size_t)matrix->columns;
	for (size_t i = 0; i + 1 < (size_t)matrix->columns; i++) {
		size_t own = i - (size_t)layer->inputs; /* of the outputs of the step before */
		size_t at = i < (size_t)layer->inputs ? i : packed->input_groups * GROUP + own;
		size_t group = tile * groups + at / GROUP;

		weights[((group * TILE_VECTORS + vector) * LANES + lane) * GROUP + at % GROUP] = source[i];
		*(i < (size_t)layer->inputs ? &input_sum : &own_sum) += source[i];
	}
	bias = source[matrix->columns - 1] * INT8_MAX;
	((int32_t *)(uintptr_t)packed->first_sums)[index] = bias - INPUT_OFFSET * input_sum;
	((int32_t *)(uintptr_t)packed->sums)[index] = bias - INPUT_OFFSET * (input_sum + own_sum);
	((float *)(uintptr_t)packed->scales)[index] = matrix->scales[row];
}

static bool pack(struct network_layer *layer, struct error *error)
{
	bool is_lstm = layer->kind == NETWORK_LSTM;
	size_t per_tile = is_lstm ? LANES : TILE_VECTORS * LANES;
	struct packed packed = { .tile_count = ((size_t)layer->outputs + per_tile - 1) / per_tile,
				 .input_groups = ((size_t)layer->inputs + GROUP - 1) / GROUP,
				 .own_groups = is_lstm ? ((size_t)layer->outputs + GROUP - 1) / GROUP : 0 };
	size_t lanes = packed.tile_count * TILE_VECTORS * LANES;
	size_t weights = lanes * GROUP * (packed.input_groups + packed.own_groups);
	char *bytes;

	if (layer->kind == NETWORK_CONVOLVE)
		return network_avx2_pack_convolution(layer, error);
	bytes = aligned_alloc(64, 64 + 3 * lanes * 4 + weights);
	if (!bytes)
		return error_set(error, ERROR_OUT_OF_MEMORY, "layer %s: no memory for its weights", layer->name);
	memset(bytes, 0, 64 + 3 * lanes * 4 + weights);
	packed.scales = (const float *)(bytes + 64);
	packed.sums = (const int32_t *)(bytes + 64 + lanes * 4);
	packed.first_sums = (const int32_t *)(bytes + 64 + 2 * lanes * 4);
	packed.weights = (const int8_t *)(bytes + 64 + 3 * lanes * 4);
	memcpy(bytes, &packed, sizeof packed);
	layer->packed = bytes;
	for (size_t i = 0; i < lanes; i++)
		pack_lane(layer, &packed, i / LANES / TILE_VECTORS, i / LANES % TILE_VECTORS, i % LANES);
	return true;
}

/* Adds `groups` groups of each row's inputs times the weights to the sums. `rows` is a constant. */
INLINE void add_products(vint sums[TILE_ROWS][TILE_VECTORS], size_t rows, const int8_t *weights,
			 const void *const *inputs, size_t groups)
{
	for (size_t group = 0; group < groups; group++, weights += TILE_VECTORS * LANES * GROUP) {
		struct operand operands[TILE_ROWS];

		UNROLLED
		for (size_t row = 0; row < rows; row++)
			operands[row] = operand_load((const int8_t *)inputs[row] + group * GROUP);
		UNROLLED
		for (size_t vector = 0; vector < TILE_VECTORS; vector++) {
			vint weight = v_load_int(weights + vector * LANES * GROUP);

			UNROLLED
			for (size_t row = 0; row < rows; row++)
				sums[row][vector] = dot(sums[row][vector], weight, operands[row]);
		}
	}
}

INLINE void begin_sums(vint sums[TILE_ROWS][TILE_VECTORS], size_t rows, const int32_t *first)
{
	UNROLLED
	for (size_t row = 0; row < rows; row++) {
		UNROLLED
		for (size_t vector = 0; vector < TILE_VECTORS; vector++)
			sums[row][vector] = v_load_int(first + vector * LANES);
	}
}

/* network_lookup for all lanes, of magnitudes. */
INLINE vfloat look_up(const struct network_table_entry *table, vfloat magnitude)
{
	vfloat scaled = v_min(v_mul(magnitude, v_all(NETWORK_TABLE_SCALE)), v_all(NETWORK_TABLE_SIZE - 1));
	vint index = v_truncate(scaled);
	vfloat value, gain;

	v_gather(table, index, &value, &gain);
	return v_add(value, v_mul(gain, v_sub(scaled, v_to_float(index))));
}

INLINE vfloat v_tanh(const struct network_tables *tables, vfloat x)
{
	return v_with_sign(look_up(tables->tanh, v_magnitude(x)), x);
}

INLINE vfloat v_logistic(const struct network_tables *tables, vfloat x)
{
	vfloat y = look_up(tables->logistic, v_magnitude(x));

	return v_if_negative(x, v_sub(v_all(1), y), y);
}

/* From LANES cells' sums of gates to their new states, which are kept, and their outputs. */
INLINE vfloat step_states(const struct network_tables *tables, const vfloat *gates, float *states, bool is_first)
{
	vfloat cell = v_tanh(tables, gates[MODEL_GATE_CELL]), input = v_logistic(tables, gates[MODEL_GATE_INPUT]);
	vfloat forget = v_logistic(tables, gates[MODEL_GATE_FORGET]);
	vfloat output = v_logistic(tables, gates[MODEL_GATE_OUTPUT]);
	vfloat state = is_first ? v_all(0) : v_load(states);

	state = v_add(v_mul(state, forget), v_mul(cell, input));
	state = v_max(v_min(state, v_all(100)), v_all(-100));
	v_store(states, state);
	return v_mul(v_tanh(tables, state), output);
}

/* A tile's sums for `rows` lanes from `first` on; `rows` is a constant. */
INLINE void sum_gates(const struct network_layer *layer, const struct network_lanes *lanes, size_t tile, size_t first,
		      size_t rows, vint kept[][TILE_VECTORS])
{
	const struct packed *packed = layer->packed;
	const int8_t *weights =
	    packed->weights + tile * (packed->input_groups + packed->own_groups) * TILE_VECTORS * LANES * GROUP;
	vint sums[TILE_ROWS][TILE_VECTORS];

	begin_sums(sums, rows, (lanes->previous ? packed->sums : packed->first_sums) + tile * TILE_VECTORS * LANES);
	add_products(sums, rows, weights, lanes->inputs + first, packed->input_groups);
	if (lanes->previous)
		add_products(sums, rows, weights + packed->input_groups * TILE_VECTORS * LANES * GROUP,
			     lanes->previous + first, packed->own_groups);
	UNROLLED
	for (size_t row = 0; row < rows; row++) {
		UNROLLED
		for (size_t vector = 0; vector < TILE_VECTORS; vector++)
			kept[row][vector] = sums[row][vector];
	}
}

/* From a lane's sums of a tile to its cells' new states and outputs. */
INLINE void step_lane(const struct network_layer *layer, const struct network_lanes *lanes, size_t tile, size_t lane,
		      const vint *sums)
{
	const struct packed *packed = layer->packed;
	size_t stride = (size_t)NETWORK_ROUND(layer->outputs), left = (size_t)layer->outputs - tile * LANES;
	vfloat gates[TILE_VECTORS], outputs;

	UNROLLED
	for (size_t gate = 0; gate < TILE_VECTORS; gate++)
		gates[gate] =
		    v_mul(v_to_float(sums[gate]), v_load(packed->scales + (tile * TILE_VECTORS + gate) * LANES));
	outputs = step_states(layer->tables, gates, lanes->states + lane * stride + tile * LANES, !lanes->previous);
	v_store_int8((int8_t *)lanes->outputs[lane] + tile * LANES, v_round(v_mul(outputs, v_all(INT8_MAX))),
		     left < LANES ? left : LANES);
}

/*
 * Sums of some lanes first, then their functions: those of one lane are a long chain of dependent instructions, which
 * the processor overlaps with the next lane's only when no products stand between.
 */
static void lstm_step(const struct network_layer *layer, const struct network_lanes *lanes)
{
	const struct packed *packed = layer->packed;
	vint sums[ROWS_AT_ONCE][TILE_VECTORS];

	for (size_t tile = 0; tile < packed->tile_count; tile++)
		for (size_t first = 0; first < lanes->count; first += ROWS_AT_ONCE) {
			size_t left = lanes->count - first, count = left < ROWS_AT_ONCE ? left : ROWS_AT_ONCE, lane = 0;

			for (; lane + TILE_ROWS <= count; lane += TILE_ROWS)
				sum_gates(layer, lanes, tile, first + lane, TILE_ROWS, sums + lane);
			for (; lane < count; lane++)
				sum_gates(layer, lanes, tile, first + lane, 1, sums + lane);
			for (lane = 0; lane < count; lane++)
				step_lane(layer, lanes, tile, first + lane, sums[lane]);
		}
}

INLINE void affine_tile(const struct network_layer *layer, const void *const *inputs, float *sums_out, size_t tile,
			size_t rows)
{
	const struct packed *packed = layer->packed;
	size_t stride = (size_t)NETWORK_ROUND(layer->outputs), from = tile * TILE_VECTORS * LANES;
	vint sums[TILE_ROWS][TILE_VECTORS];

	begin_sums(sums, rows, packed->sums + from);
	add_products(sums, rows, packed->weights + from * packed->input_groups * GROUP, inputs, packed->input_groups);
	for (size_t vector = 0; vector < TILE_VECTORS && from + vector * LANES < stride; vector++) {
		UNROLLED
		for (size_t row = 0; row < rows; row++)
			v_store(sums_out + row * stride + from + vector * LANES,
				v_mul(v_to_float(sums[row][vector]), v_load(packed->scales + from + vector * LANES)));
	}
}

static void affine(const struct network_layer *layer, const void *const *inputs, size_t count, float *sums)
{
	const struct packed *packed = layer->packed;
	size_t stride = (size_t)NETWORK_ROUND(layer->outputs);

	for (size_t tile = 0; tile < packed->tile_count; tile++) {
		size_t row = 0;

		for (; row + TILE_ROWS <= count; row += TILE_ROWS)
			affine_tile(layer, inputs + row, sums + row * stride, tile, TILE_ROWS);
		for (; row < count; row++)
			affine_tile(layer, inputs + row, sums + row * stride, tile, 1);
	}
}
