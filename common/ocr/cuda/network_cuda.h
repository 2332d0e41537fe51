/*
 * What the parts of the CUDA back end share: GPUs and their streams (gpus.c), a network's weights on them (weights.c),
 * batches (network_cuda.c).
 */
#ifndef FILOT_NETWORK_CUDA_H
#define FILOT_NETWORK_CUDA_H

#include "common/ocr/cuda/device.h"
#include "common/ocr/network_gpus.h"
#include "common/ocr/network_private.h"

/* A batch's place on a GPU: one at a time. */
struct gpu_stream {
	int32_t gpu; /* index of network_gpus' */
	struct cuda_stream *stream;
	char *arena;
	size_t arena_bytes;
	bool busy;
};

/* Waits for a free stream, on the GPU with the fewest batches. NULL with ERROR_UNAVAILABLE when a GPU is lost. */
struct gpu_stream *network_gpus_take(struct network_gpus *gpus, struct error *error);

/* What a batch was, for the figures. */
struct gpu_batch {
	int64_t lines, steps;
	int64_t us[CUDA_MARKS - 1];
};

/* Gives a stream back. `batch`: what was done; NULL: it failed with *failure. */
void network_gpus_give(struct network_gpus *gpus, struct gpu_stream *stream, const struct gpu_batch *batch,
		       const struct error *failure);

/* Makes a stream's arena large enough. ERROR_OUT_OF_MEMORY beyond the limit or the device's memory. */
bool network_gpus_reserve(struct network_gpus *gpus, struct gpu_stream *stream, size_t bytes, struct error *error);

/* Memory that stays (weights), counted; a copy of `source`. */
char *network_gpus_store(struct network_gpus *gpus, int32_t gpu, const void *source, size_t bytes, struct error *error);
void network_gpus_drop(struct network_gpus *gpus, int32_t gpu, char *memory, size_t bytes);

int32_t network_gpus_used(const struct network_gpus *gpus); /* how many */
const struct cuda_description *network_gpus_describe(const struct network_gpus *gpus, int32_t gpu);

/* Where a layer's parts are in the network's block, and its size in tiles. */
struct cuda_layer {
	size_t weights, biases, scales;
	int32_t tiles, tiles_deep;
	int32_t input_stride, output_stride; /* bytes of a row */
};

struct cuda_network {
	struct network_gpus *gpus;
	bool owns_gpus;
	bool reduces_in_shared; /* a block's outputs fit into the shared memory of each GPU */
	size_t bytes, curves, powers;
	char *blocks[NETWORK_GPUS_MOST]; /* on each GPU */
	struct cuda_layer layers[NETWORK_LAYERS_MOST];
};

/* Packs the network's weights and brings them to all GPUs. `gpus`: NULL for all there are, the network's own. */
struct cuda_network *cuda_network_new(const struct network *network, struct network_gpus *gpus, struct error *error);
void cuda_network_free(struct cuda_network *cuda); /* NULL is fine */

/* An LSTM's launch on a GPU for so many sequences: the sizes of *arguments that depend on it, and the grid. */
struct lstm_arguments;
struct lstm_float_arguments;
bool cuda_lstm_shape(const struct cuda_description *gpu, struct lstm_arguments *arguments, struct cuda_grid *grid);
bool cuda_lstm_float_shape(const struct cuda_description *gpu, struct lstm_float_arguments *arguments,
			   struct cuda_grid *grid);

struct cuda_workspace;
struct cuda_workspace *cuda_workspace_new(struct error *error);
void cuda_workspace_free(struct cuda_workspace *workspace); /* NULL is fine */

/*
 * network_run, or network_read where `readings` is not NULL, by a GPU. The lines were checked; `noise` is as long as the
 * widest line needs.
 */
bool cuda_network_run(const struct network *network, struct cuda_workspace *workspace, const struct network_line *lines,
		      size_t count, const void *noise, size_t noise_bytes, struct network_output *outputs,
		      struct network_reading *readings, struct error *error);

#endif
