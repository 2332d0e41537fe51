/*
 * The arithmetic of one number or one cell, which every back end has in common: written once, for C and for CUDA, so
 * that a device computes what the plain back end does. Floats are not contracted (-ffp-contract=off, -fmad=false):
 * each operation here is one rounding.
 *
 * Sources: Tesseract 5.3.0, lstm/functions.h (tables, limits), lstm/networkio.cpp (SetPixel), lstm/lstm.cpp.
 */
#ifndef FILOT_NETWORK_MATHS_H
#define FILOT_NETWORK_MATHS_H

#include <stdint.h>

#include "common/ocr/host_device.h"
#include "common/ocr/model.h"

#define NETWORK_TABLE_SIZE 4096 /* tanh and logistic at steps of 1/256 (lstm/functions.h) */
#define NETWORK_TABLE_SCALE 256.0f
#define NETWORK_TANH_SIZE 2312
#define NETWORK_STATE_LIMIT 100.0f
#define NETWORK_SOFTMAX_LIMIT 86.0f /* keeps the exponential from 0 */

/*
 * The functions' values, and two ones that stand for all that is beyond. Of the hyperbolic tangent everything from 9.02 on
 * is 1, to the last bit of a float.
 */
struct network_curves {
	float tanh[NETWORK_TANH_SIZE + 2], logistic[NETWORK_TABLE_SIZE + 2];
};

/* The same for vectors, which fetch a value and what it gains to the next in one go. The last entry is 1 and 0. */
struct network_table_entry {
	float value, gain;
};

struct network_tables {
	struct network_table_entry tanh[NETWORK_TABLE_SIZE], logistic[NETWORK_TABLE_SIZE];
};

/* The functions, plain: what the vector ones must equal. Written so that a GPU's warps need not part ways. */
HOST_DEVICE float network_lookup(const float *values, int32_t size, float magnitude)
{
	float scaled = magnitude * NETWORK_TABLE_SCALE;
	float within = scaled < (float)(size - 1) ? scaled : (float)size;
	uint32_t index = (uint32_t)within;

	return values[index] + (values[index + 1] - values[index]) * (within - (float)index);
}

HOST_DEVICE float network_tanh(const struct network_curves *curves, float x)
{
	float y = network_lookup(curves->tanh, NETWORK_TANH_SIZE, x < 0 ? -x : x);

	return x < 0 ? -y : y;
}

HOST_DEVICE float network_logistic(const struct network_curves *curves, float x)
{
	float y = network_lookup(curves->logistic, NETWORK_TABLE_SIZE, x < 0 ? -x : x);

	return x < 0 ? 1 - y : y;
}

/* Rounded half away from zero and clipped to what an int8 holds symmetrically. */
HOST_DEVICE int8_t network_clip(float scaled)
{
	float clipped = scaled > INT8_MAX ? INT8_MAX : scaled < -INT8_MAX ? -INT8_MAX : scaled;

	return (int8_t)(clipped + (clipped < 0 ? -0.5f : 0.5f));
}

/* A value as int8, v / 127. */
HOST_DEVICE int8_t network_round(float value)
{
	return network_clip(value * INT8_MAX);
}

/* A pixel as the network's input: in float models as it is, in integer models times 128 (not 127) and rounded. */
HOST_DEVICE float network_pixel(uint8_t pixel, float black, float contrast)
{
	return ((float)pixel - black) / contrast - 1.0f;
}

HOST_DEVICE int8_t network_pixel_integer(uint8_t pixel, float black, float contrast)
{
	return network_clip(network_pixel(pixel, black, contrast) * (INT8_MAX + 1));
}

/* From a cell's four sums to its new state and its output. A first step's state is 0. */
HOST_DEVICE float network_cell(const struct network_curves *curves, const float *gates, float *state)
{
	float cell = network_tanh(curves, gates[MODEL_GATE_CELL]);
	float input = network_logistic(curves, gates[MODEL_GATE_INPUT]);
	float forget = network_logistic(curves, gates[MODEL_GATE_FORGET]);
	float output = network_logistic(curves, gates[MODEL_GATE_OUTPUT]);
	float value = *state * forget;

	value += cell * input;
	value = value < -NETWORK_STATE_LIMIT  ? -NETWORK_STATE_LIMIT
		: value > NETWORK_STATE_LIMIT ? NETWORK_STATE_LIMIT
					      : value;
	*state = value;
	return network_tanh(curves, value) * output;
}

#endif
