/*
 * The GPUs that a process uses, for networks of the back end "cuda": which ones, how much of their memory, and how many
 * batches may be in flight on each. Networks share them; a batch goes to the GPU that has the fewest.
 *
 * Memory of a GPU: each network's weights once (eng 0.5 MB), and for each batch in flight its pixels, the outputs of two
 * layers and the probabilities, about 1 KB a step for eng. A batch that does not fit is refused with
 * ERROR_OUT_OF_MEMORY, and recogniser_batch.c then runs its halves.
 *
 * A GPU that answers with anything but that is lost: from then on every batch fails with ERROR_UNAVAILABLE, and
 * network_gpus_lost says why. There is no way back within the process: what CUDA holds after such an error is void.
 */
#ifndef FILOT_NETWORK_GPUS_H
#define FILOT_NETWORK_GPUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"

#define NETWORK_GPUS_MOST 16
#define NETWORK_GPU_STREAMS_MOST 32

struct network_gpus_options {
	const char *list;     /* "0,1" as CUDA numbers them (CUDA_VISIBLE_DEVICES is followed); NULL: all */
	int64_t memory_bytes; /* of each, at most; 0: nine tenths of what is free at the start */
	int32_t streams;      /* batches in flight on each, 1 to NETWORK_GPU_STREAMS_MOST; 0: 4 */
};

struct network_gpus;

/* How many GPUs there are; 0 with the reason in *error. Starts CUDA: a second or so where there is one. */
int32_t network_gpus_count(struct error *error);

/*
 * ERROR_UNAVAILABLE when there is no GPU, or one of the list is not there, or is older than the kernels (compute
 * capability 7.5); ERROR_CONFIG when the list is none; ERROR_OUT_OF_MEMORY. Any thread may use them.
 */
struct network_gpus *network_gpus_open(const struct network_gpus_options *options, struct error *error);
/* After all networks of theirs. NULL is fine. */
void network_gpus_close(struct network_gpus *gpus);

/* True once a GPU is lost; *error is then what it answered. */
bool network_gpus_lost(struct network_gpus *gpus, struct error *error);

/* Of one GPU since the start. Times are the GPU's own, by events of each stream; streams overlap, so their sum may be
 * greater than the time that passed. */
struct network_gpu_figures {
	char name[96], bus[32];
	int32_t number;	      /* CUDA's */
	int32_t major, minor; /* compute capability */
	int32_t processors, shared_bytes;
	int32_t streams, busy; /* batches that may be and are in flight */
	int64_t memory_bytes;  /* all that it has */
	int64_t limit_bytes, used_bytes;
	int64_t batches, lines, steps;
	int64_t refused; /* batches for which memory did not suffice */
	int64_t upload_us, convolve_us, lstm_us, softmax_us, download_us;
};

/* Fills up to `most` of them; returns how many GPUs are used. */
size_t network_gpus_figures(struct network_gpus *gpus, struct network_gpu_figures *figures, size_t most);

#endif
