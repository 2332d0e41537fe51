/*
 * The plain back end: what the fast ones must equal, written to be read. It runs on any machine.
 *
 * Integer models: sums of int8 products are exact, so their order is free; floats begin with the one multiplication by
 * an output's scale. Float models: a dot product is kept in eight partial sums, as Tesseract's AVX code does, so that
 * the order of additions, and with it each bit, is the same.
 */
#include <math.h>

#include "common/ocr/network_private.h"

#define PARTIAL_SUMS 8

static float affine_integer(const struct model_matrix *matrix, int32_t row, const int8_t *first, int32_t first_count,
			    const int8_t *second)
{
	const int8_t *weights = matrix->integers + (size_t)row * (size_t)matrix->columns;
	int32_t count = matrix->columns - 1, sum = weights[count] * INT8_MAX;

	for (int32_t i = 0; i < first_count; i++)
		sum += weights[i] * first[i];
	for (int32_t i = first_count; second && i < count; i++)
		sum += weights[i] * second[i - first_count];
	return (float)sum * matrix->scales[row];
}

static float affine_float(const struct model_matrix *matrix, int32_t row, const float *inputs)
{
	const float *weights = matrix->floats + (size_t)row * (size_t)matrix->columns;
	int32_t count = matrix->columns - 1, i = 0;
	float partial[PARTIAL_SUMS] = { 0 }, sum;

	for (; i + PARTIAL_SUMS <= count; i += PARTIAL_SUMS)
		for (int32_t j = 0; j < PARTIAL_SUMS; j++)
			partial[j] += weights[i + j] * inputs[i + j];
	sum = partial[0];
	for (int32_t j = 1; j < PARTIAL_SUMS; j++)
		sum += partial[j];
	for (; i < count; i++)
		sum += weights[i] * inputs[i];
	return sum + weights[count];
}

static void affine_rows_integer(const struct network_layer *layer, const void *const *inputs, size_t count, float *sums)
{
	for (size_t row = 0; row < count; row++, sums += NETWORK_ROUND(layer->outputs))
		for (int32_t i = 0; i < layer->outputs; i++)
			sums[i] = affine_integer(layer->matrices, i, inputs[row], layer->inputs, NULL);
}

static void affine_rows_float(const struct network_layer *layer, const void *const *inputs, size_t count, float *sums)
{
	for (size_t row = 0; row < count; row++, sums += NETWORK_ROUND(layer->outputs))
		for (int32_t i = 0; i < layer->outputs; i++)
			sums[i] = affine_float(layer->matrices, i, inputs[row]);
}

static void lstm_step_integer(const struct network_layer *layer, const struct network_lanes *lanes)
{
	float gates[MODEL_GATE_COUNT];

	for (size_t lane = 0; lane < lanes->count; lane++) {
		const int8_t *previous = lanes->previous ? lanes->previous[lane] : NULL;
		float *states = lanes->states + lane * (size_t)NETWORK_ROUND(layer->outputs);
		int8_t *outputs = lanes->outputs[lane];

		for (int32_t i = 0; i < layer->outputs; i++) {
			for (int gate = 0; gate < MODEL_GATE_COUNT; gate++)
				gates[gate] = affine_integer(&layer->matrices[gate], i, lanes->inputs[lane],
							     layer->inputs, previous);
			if (!previous)
				states[i] = 0;
			outputs[i] = network_round(network_cell(layer->curves, gates, &states[i]));
		}
	}
}

static void lstm_step_float(const struct network_layer *layer, const struct network_lanes *lanes)
{
	float gates[MODEL_GATE_COUNT];

	for (size_t lane = 0; lane < lanes->count; lane++) {
		const float *previous = lanes->previous ? lanes->previous[lane] : NULL;
		float *states = lanes->states + lane * (size_t)NETWORK_ROUND(layer->outputs);
		float *outputs = lanes->outputs[lane];

		/* One vector of both, as the order of additions runs through it. */
		memcpy(lanes->scratch, lanes->inputs[lane], (size_t)layer->inputs * sizeof(float));
		for (int32_t i = 0; i < layer->outputs; i++)
			lanes->scratch[layer->inputs + i] = previous ? previous[i] : 0;
		for (int32_t i = 0; i < layer->outputs; i++) {
			for (int gate = 0; gate < MODEL_GATE_COUNT; gate++)
				gates[gate] = affine_float(&layer->matrices[gate], i, lanes->scratch);
			if (!previous)
				states[i] = 0;
			outputs[i] = network_cell(layer->curves, gates, &states[i]);
		}
	}
}

/* A place's outputs, or the greater ones of those that are there already. */
static void pool_place(const struct network_layer *layer, const float *sums, void *outputs, bool is_integer,
		       bool is_first)
{
	for (int32_t i = 0; i < layer->outputs; i++) {
		float value = network_tanh(layer->curves, sums[i]);

		if (is_integer) {
			int8_t *output = (int8_t *)outputs + i, rounded = network_round(value);

			*output = is_first || *output < rounded ? rounded : *output;
		} else {
			float *output = (float *)outputs + i;

			*output = is_first || *output < value ? value : *output;
		}
	}
}

/* Row by row of the image, as the noise is drawn in that order. */
void network_convolve(const struct network_layer *layer, const struct network_image *image, bool is_integer,
		      const struct network_kernels *kernels)
{
	size_t bytes = is_integer ? sizeof(int8_t) : sizeof(float);
	size_t window_bytes = (size_t)NETWORK_ROUND(layer->inputs) * bytes;
	const char *noise = image->noise;

	for (int32_t y = 0; y < layer->output_height * layer->pool_y; y++) {
		void *const *outputs = image->outputs + (size_t)(y / layer->pool_y) * (size_t)image->step_count;

		for (int32_t x = 0; x < image->width; x++) {
			char *window = (char *)image->window_rows + (size_t)x * window_bytes;

			noise = network_window(layer, image, x, y, noise, window, bytes);
			image->rows[x] = window;
		}
		kernels->affine(layer, image->rows, (size_t)image->width, image->sums);
		for (int32_t x = 0; x < image->step_count * layer->pool_x; x++)
			pool_place(layer, image->sums + (size_t)x * (size_t)NETWORK_ROUND(layer->outputs),
				   outputs[x / layer->pool_x], is_integer,
				   y % layer->pool_y == 0 && x % layer->pool_x == 0);
	}
}

static void convolve_integer(const struct network_layer *layer, const struct network_image *image)
{
	network_convolve(layer, image, true, &network_generic_integer);
}

static void convolve_float(const struct network_layer *layer, const struct network_image *image)
{
	network_convolve(layer, image, false, &network_generic_float);
}

static void softmax(const struct network_layer *layer, float *sums, size_t count, float *const *outputs)
{
	for (size_t row = 0; row < count; row++, sums += NETWORK_ROUND(layer->outputs)) {
		float most = sums[0], total = 0;

		for (int32_t i = 1; i < layer->outputs; i++)
			most = sums[i] > most ? sums[i] : most;
		for (int32_t i = 0; i < layer->outputs; i++) {
			float below = sums[i] - most;

			sums[i] = expf(below < -NETWORK_SOFTMAX_LIMIT ? -NETWORK_SOFTMAX_LIMIT : below);
			total += sums[i];
		}
		for (int32_t i = 0; i < layer->outputs; i++)
			outputs[row][i] = sums[i] / total;
	}
}

const struct network_kernels network_generic_integer = {
	.affine = affine_rows_integer, .lstm_step = lstm_step_integer, .convolve = convolve_integer, .softmax = softmax
};

const struct network_kernels network_generic_float = {
	.affine = affine_rows_float, .lstm_step = lstm_step_float, .convolve = convolve_float, .softmax = softmax
};
