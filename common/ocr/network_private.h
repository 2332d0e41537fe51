/*
 * What the compiled network and its back ends share. A back end is a set of kernels (struct network_kernels), each for
 * one layer and a few rows; which rows, in which order, is decided once for all of them in network_run.c.
 *
 * All published models are one chain: image, convolution with tanh and max-pooling, LSTMs along y and x, softmax. So
 * the plan is a flat list of layers, each of which reads what the one before it wrote.
 */
#ifndef FILOT_NETWORK_PRIVATE_H
#define FILOT_NETWORK_PRIVATE_H

#include <string.h>

#include "common/ocr/network.h"
#include "common/ocr/network_maths.h"

/* Float rows of sums and of LSTM states have room for a multiple of this: the widest back end's vector. */
#define NETWORK_LANES_MOST 16
#define NETWORK_ROUND(count) (((count) + NETWORK_LANES_MOST - 1) / NETWORK_LANES_MOST * NETWORK_LANES_MOST)
#define NETWORK_SLACK_BYTES 64 /* kernels may read, and ignore, so much after a row */

enum network_layer_kind { NETWORK_CONVOLVE, NETWORK_LSTM, NETWORK_SOFTMAX };

struct network_layer {
	enum network_layer_kind kind;
	const char *name;
	const struct model_matrix *matrices; /* LSTM: MODEL_GATE_COUNT, else 1 */
	const struct network_tables *tables; /* for vectors; the plain functions: */
	const struct network_curves *curves;
	int32_t inputs, outputs;	    /* channels; a convolution's inputs are the places of its window */
	int32_t height, output_height;	    /* of what it reads and writes */
	int32_t half_x, half_y;		    /* convolution: window of 2 half + 1 */
	int32_t pool_x, pool_y;		    /* convolution: its outputs' maximum over so many places; 1: none */
	bool along_y, reversed, is_summary; /* LSTM */
	void *packed;			    /* the back end's weights, one block from aligned_alloc */
};

/* One step of an LSTM for some sequences (lanes) side by side. Elements are int8, or float in float models. */
struct network_lanes {
	size_t count;
	const void *const *inputs;   /* [count] rows of the layer's inputs */
	const void *const *previous; /* [count] rows of outputs of the step before; NULL: this is the first */
	void *const *outputs;	     /* [count] rows of outputs */
	float *states;		     /* [count][NETWORK_ROUND(outputs)] */
	float *scratch;		     /* float models: [count][NETWORK_ROUND(inputs) + NETWORK_ROUND(outputs)] */
};

/* A line on its way through the convolution. */
struct network_image {
	const void
	    *columns; /* [width][column_elements]: half_y places, the pixels from top to bottom, half_y + 3 places */
	size_t column_elements;
	int32_t width, height;
	const void *noise;    /* what stands for pixels outside the image, in the order of their use */
	void *const *outputs; /* [output_height][steps] rows of outputs */
	int32_t step_count;   /* width / pool_x */
	void *window_rows;    /* scratch: [width][NETWORK_ROUND(inputs)] elements */
	float *sums;	      /* scratch: [width][NETWORK_ROUND(outputs)] */
	const void **rows;    /* scratch: [width] */
};

struct network_kernels {
	/* Brings a layer's weights into layer->packed. NULL: the matrices are used as they are. */
	bool (*pack)(struct network_layer *layer, struct error *error);
	/* sums[row][NETWORK_ROUND(outputs)] = (weights · input + bias) × scale, for fully connected layers. */
	void (*affine)(const struct network_layer *layer, const void *const *inputs, size_t count, float *sums);
	void (*lstm_step)(const struct network_layer *layer, const struct network_lanes *lanes);
	void (*convolve)(const struct network_layer *layer, const struct network_image *image);
	/* Rows of sums become probabilities at outputs[row]. The sums are spoilt. */
	void (*softmax)(const struct network_layer *layer, float *sums, size_t count, float *const *outputs);
};

/* Convolution of whole windows by a back end's affine kernel (network_generic.c). */
void network_convolve(const struct network_layer *layer, const struct network_image *image, bool is_integer,
		      const struct network_kernels *kernels);

extern const struct network_kernels network_generic_integer, network_generic_float;
extern const struct network_kernels network_avx2_integer, network_avx2_float;
extern const struct network_kernels network_vnni_integer; /* float models take network_avx2_float */

/* Of network_avx2.c, for back ends that have no need of another. */
bool network_avx2_pack_convolution(struct network_layer *layer, struct error *error);
void network_avx2_convolve(const struct network_layer *layer, const struct network_image *image);
void network_avx2_softmax(const struct network_layer *layer, float *sums, size_t count, float *const *outputs);

#define NETWORK_LAYERS_MOST 32

struct network {
	const struct model *model;
	enum network_backend backend;
	const struct network_kernels *kernels;
	struct network_layer layers[NETWORK_LAYERS_MOST];
	size_t layer_count;
	struct network_shape shape;
	size_t element_bytes; /* 1 or 4 */
	struct network_tables tables;
	struct network_curves curves;
	struct cuda_network *cuda; /* of NETWORK_CUDA, which has no kernels here: cuda/network_cuda.h */
};

/* Of network_run.c, for back ends that run whole batches. The order of lines in a batch: [count] indices. */
void network_sort_lines(const struct network_line *lines, size_t count, size_t *order);

void network_fill_tables(struct network_tables *tables, struct network_curves *curves);

/* Fills network->layers, ->layer_count and ->shape from the model's tree (network_plan.c). */
bool network_plan(struct network *network, struct error *error);

/*
 * The window around (x, y) as a fully connected layer's inputs, x offsets first, each with its y offsets; places
 * outside the image take the next of the noise. Returns what is left of the noise. Elements of `bytes` bytes.
 */
static inline const char *network_window(const struct network_layer *layer, const struct network_image *image,
					 int32_t x, int32_t y, const char *noise, char *window, size_t bytes)
{
	for (int32_t at_x = x - layer->half_x; at_x <= x + layer->half_x; at_x++)
		for (int32_t at_y = y - layer->half_y; at_y <= y + layer->half_y; at_y++, window += bytes) {
			const char *source = noise;

			if (at_x >= 0 && at_x < image->width && at_y >= 0 && at_y < image->height)
				source =
				    (const char *)image->columns +
				    ((size_t)at_x * image->column_elements + (size_t)(at_y + layer->half_y)) * bytes;
			else
				noise += bytes;
			for (size_t i = 0; i < bytes; i++)
				window[i] = source[i];
		}
	return noise;
}

#endif
