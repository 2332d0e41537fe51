/*
 * What the CUDA back end asks of a device, in plain C. Three implementations answer: runtime.cu with the kernels'
 * .cu files, where nvcc was there at build time; absent.c, where it was not; tests/gpu/twin.c, which runs the kernels'
 * source on the host. Nothing outside of this folder includes it.
 *
 * Errors: ERROR_OUT_OF_MEMORY when the device (or the host, for pinned memory) has none left: nothing is broken, a
 * smaller batch may do. Everything else that a device answers is ERROR_UNAVAILABLE and final: the device is lost to
 * this process (Xid, ECC, a kernel that failed), all that it holds is gone, and so it is for all of its streams.
 */
#ifndef FILOT_CUDA_DEVICE_H
#define FILOT_CUDA_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#include "common/base/error.h"

struct cuda_description {
	char name[96];
	char bus[32]; /* PCI, as NVML names devices: "00000000:00:1E.0" */
	int32_t major, minor; /* compute capability */
	int32_t processors;   /* streaming multiprocessors */
	int32_t shared_bytes; /* the most that a block may have */
	int64_t memory_bytes;
};

/* How many devices there are; 0 with the reason in *error (no CUDA in this build, no driver, no device). */
int32_t cuda_device_count(struct error *error);
bool cuda_device_describe(int32_t device, struct cuda_description *description, struct error *error);
/* What is free now of a device's memory, for all processes. */
bool cuda_device_free_bytes(int32_t device, int64_t *bytes, struct error *error);

void *cuda_allocate(int32_t device, size_t bytes, struct error *error);
void cuda_release(int32_t device, void *memory); /* NULL is fine */
/* Host memory that a device copies from and to by itself. */
void *cuda_pinned_allocate(size_t bytes, struct error *error);
void cuda_pinned_release(void *memory); /* NULL is fine */

/* Work in order, beside that of other streams. */
struct cuda_stream;
struct cuda_stream *cuda_stream_open(int32_t device, struct error *error);
void cuda_stream_close(struct cuda_stream *stream); /* NULL is fine */

bool cuda_upload(struct cuda_stream *stream, void *target, const void *source, size_t bytes, struct error *error);
bool cuda_download(struct cuda_stream *stream, void *target, const void *source, size_t bytes, struct error *error);

enum cuda_kernel {
	CUDA_NORMALISE_INTEGER, /* struct convolve_arguments */
	CUDA_NORMALISE_FLOAT,
	CUDA_CONVOLVE_INTEGER,
	CUDA_CONVOLVE_FLOAT,
	CUDA_LSTM_1, /* struct lstm_arguments, by its row_tiles */
	CUDA_LSTM_2,
	CUDA_LSTM_4,
	CUDA_LSTM_LARGE,      /* whose curves do not fit into shared memory */
	CUDA_LSTM_FLOAT,       /* struct lstm_float_arguments */
	CUDA_SOFTMAX_INTEGER, /* struct softmax_arguments */
	CUDA_SOFTMAX_FLOAT
};

struct cuda_grid {
	int32_t x, y;	/* blocks; none is 0 */
	int32_t warps;	/* of a block */
	int32_t shared_bytes; /* of a block */
};

/* `arguments` are copied. */
bool cuda_launch(struct cuda_stream *stream, enum cuda_kernel kernel, const struct cuda_grid *grid,
		 const void *arguments, struct error *error);

#define CUDA_MARKS 6
#define CUDA_PATIENCE_MS 60000 /* batches take milliseconds, with other processes on the device perhaps a second */

/* Notes the time when what was asked before is done; mark 0 to CUDA_MARKS - 1. */
bool cuda_mark(struct cuda_stream *stream, int32_t mark, struct error *error);

/*
 * Waits, asleep, until the stream has done all. us[i]: microseconds from mark i to mark i + 1. A device that has not done it
 * within CUDA_PATIENCE_MS hangs, and is lost; whatever is asked of it then would wait as long as it hangs, so what is
 * released or closed on it is left to the end of the process.
 */
bool cuda_finish(struct cuda_stream *stream, int64_t us[CUDA_MARKS - 1], struct error *error);

#ifdef __cplusplus
}
#endif

#endif
