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

#include "common/ocr/model.h"

#ifdef __CUDACC__
#define NETWORK_MATHS static inline __host__ __device__
#else
#define NETWORK_MATHS static inline
#endif

#define NETWORK_TABLE_SIZE 4096 /* tanh and logistic at steps of 1/256 (lstm/functions.h) */
#define NETWORK_TABLE_SCALE 256.0f
#define NETWORK_STATE_LIMIT 100.0f
#define NETWORK_SOFTMAX_LIMIT 86.0f /* keeps the exponential from 0 */

/* A function's value at a step and what it gains to the next. The last entry is 1 and 0: from there on it is 1. */
struct network_table_entry {
	float value, gain;
};

struct network_tables {
	struct network_table_entry tanh[NETWORK_TABLE_SIZE], logistic[NETWORK_TABLE_SIZE];
};

/* The functions of the tables, plain: what the vector ones must equal. */
NETWORK_MATHS float network_lookup(const struct network_table_entry *table, float magnitude)
{
	float scaled = magnitude * NETWORK_TABLE_SCALE;
	uint32_t index;

	if (!(scaled < NETWORK_TABLE_SIZE - 1))
		return 1;
	index = (uint32_t)scaled;
	return table[index].value + table[index].gain * (scaled - (float)index);
}

NETWORK_MATHS float network_tanh(const struct network_tables *tables, float x)
{
	return x < 0 ? -network_lookup(tables->tanh, -x) : network_lookup(tables->tanh, x);
}

NETWORK_MATHS float network_logistic(const struct network_tables *tables, float x)
{
	return x < 0 ? 1 - network_lookup(tables->logistic, -x) : network_lookup(tables->logistic, x);
}

/* Rounded half away from zero and clipped to what an int8 holds symmetrically. */
NETWORK_MATHS int8_t network_clip(float scaled)
{
	if (scaled >= INT8_MAX)
		return INT8_MAX;
	if (scaled <= -INT8_MAX)
		return -INT8_MAX;
	return (int8_t)(scaled >= 0 ? (int)(scaled + 0.5f) : -(int)(0.5f - scaled));
}

/* A value as int8, v / 127. */
NETWORK_MATHS int8_t network_round(float value)
{
	return network_clip(value * INT8_MAX);
}

/* A pixel as the network's input: in float models as it is, in integer models times 128 (not 127) and rounded. */
NETWORK_MATHS float network_pixel(uint8_t pixel, float black, float contrast)
{
	return ((float)pixel - black) / contrast - 1.0f;
}

NETWORK_MATHS int8_t network_pixel_integer(uint8_t pixel, float black, float contrast)
{
	return network_clip(network_pixel(pixel, black, contrast) * (INT8_MAX + 1));
}

/* From a cell's four sums to its new state and its output. A first step's state is 0. */
NETWORK_MATHS float network_cell(const struct network_tables *tables, const float *gates, float *state)
{
	float cell = network_tanh(tables, gates[MODEL_GATE_CELL]);
	float input = network_logistic(tables, gates[MODEL_GATE_INPUT]);
	float forget = network_logistic(tables, gates[MODEL_GATE_FORGET]);
	float output = network_logistic(tables, gates[MODEL_GATE_OUTPUT]);
	float value = *state * forget;

	value += cell * input;
	value = value < -NETWORK_STATE_LIMIT  ? -NETWORK_STATE_LIMIT
		: value > NETWORK_STATE_LIMIT ? NETWORK_STATE_LIMIT
					      : value;
	*state = value;
	return network_tanh(tables, value) * output;
}

#endif
