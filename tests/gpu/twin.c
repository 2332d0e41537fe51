/* The twin: twin.h. */
#include "tests/gpu/twin.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/sanitized.h"
#include "common/ocr/cuda/convolve.h"
#include "common/ocr/cuda/lstm.h"
#include "common/ocr/cuda/lstm_float.h"
#include "common/ocr/cuda/softmax.h"

#define POISON 0xa5

/* An A10G in what decides how kernels are launched. */
struct twin_settings twin_settings = {
	.devices = 1, .processors = 80, .shared_bytes = 101376, .memory_bytes = INT64_C(1) << 30, .lost_after = -1
};
struct twin_figures twin_figures;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of the figures */
static pthread_once_t environment_once = PTHREAD_ONCE_INIT;

struct cuda_stream {
	int32_t device;
};

/* Before each allocation: its size and device. */
struct header {
	size_t bytes;
	int32_t device;
} __attribute__((aligned(256)));

int twin_turn(const struct kernel_block *block, int32_t turn, int32_t *warp)
{
	uint32_t warps = (uint32_t)block->warps;

	if (block->thread >= 0) {
		*warp = block->thread;
		return turn == 0;
	}
	*warp = (int32_t)(((uint32_t)turn + block->order / 2) % warps);
	if (block->order % 2)
		*warp = block->warps - 1 - *warp;
	return turn < block->warps;
}

void twin_barrier(const struct kernel_block *block)
{
	if (block->thread >= 0)
		(void)pthread_barrier_wait(block->barrier);
}

#if defined(__x86_64__) && !defined(__clang__) && !SANITIZED
#define WIDE __attribute__((target_clones("avx2", "default")))
#else
#define WIDE
#endif

/*
 * mma.m16n8k32 as the PTX ISA describes it: with groupID = lane / 4 and threadID_in_group = lane % 4, register i of A
 * holds four bytes of row groupID (i even) or groupID + 8 from column 4 · threadID_in_group on, + 16 for i of 2 and 3;
 * register i of B four bytes of column groupID from row 4 · threadID_in_group + 16 · i on; element i of C is of row
 * groupID (+ 8 for i of 2 and 3) and column 2 · threadID_in_group + i % 2.
 */
WIDE void tile_multiply(struct tile_sums *sums, const struct kernel_chunk *weights, const struct tile_operand *operand)
{
	int8_t a[16][32], b[8][32];

	for (int lane = 0; lane < KERNEL_LANES; lane++) {
		for (int i = 0; i < 4; i++)
			memcpy(&a[lane / 4 + i % 2 * 8][lane % 4 * 4 + i / 2 * 16], &weights[lane].words[i], 4);
		for (int i = 0; i < 2; i++)
			memcpy(&b[lane / 4][lane % 4 * 4 + i * 16], &operand[lane].words[i], 4);
	}
	for (int row = 0; row < 16; row++)
		for (int column = 0; column < 8; column++) {
			int32_t sum = 0;

			for (int k = 0; k < 32; k++)
				sum += a[row][k] * b[column][k];
			sums[row % 8 * 4 + column / 2].at[row / 8 * 2 + column % 2] += sum;
		}
}

static void read_number(const char *name, int64_t *value)
{
	const char *text = getenv(name);

	if (text)
		*value = strtoll(text, NULL, 10);
}

static void read_environment(void)
{
	int64_t devices = twin_settings.devices;

	read_number("FILOT_TWIN_DEVICES", &devices);
	read_number("FILOT_TWIN_MEMORY", &twin_settings.memory_bytes);
	read_number("FILOT_TWIN_LOST_AFTER", &twin_settings.lost_after);
	twin_settings.devices = (int32_t)devices;
}

int32_t cuda_device_count(struct error *error)
{
	(void)pthread_once(&environment_once, read_environment);
	if (twin_settings.devices == 0)
		(void)error_set(error, ERROR_UNAVAILABLE, "no GPU: the twin has none");
	return twin_settings.devices;
}

bool cuda_device_describe(int32_t device, struct cuda_description *description, struct error *error)
{
	(void)error;
	*description = (struct cuda_description){ .name = "twin",
						  .major = 8,
						  .minor = 6,
						  .processors = twin_settings.processors,
						  .shared_bytes = twin_settings.shared_bytes,
						  .memory_bytes = twin_settings.memory_bytes };
	(void)snprintf(description->bus, sizeof description->bus, "00000000:%02x:00.0", (unsigned)device);
	return true;
}

bool cuda_device_free_bytes(int32_t device, int64_t *bytes, struct error *error)
{
	(void)device;
	(void)error;
	*bytes = twin_settings.memory_bytes;
	return true;
}

static bool is_lost(struct error *error)
{
	bool lost;

	pthread_mutex_lock(&lock);
	lost = twin_settings.lost_after >= 0 && twin_figures.launches >= twin_settings.lost_after;
	pthread_mutex_unlock(&lock);
	return lost && !error_set(error, ERROR_UNAVAILABLE, "GPU 0: running a batch: it has fallen off the bus");
}

static void *take(size_t bytes, int32_t device)
{
	struct header *header = aligned_alloc(256, (sizeof *header + bytes + 255) / 256 * 256);

	if (!header)
		abort();
	*header = (struct header){ .bytes = bytes, .device = device };
	memset(header + 1, POISON, bytes);
	return header + 1;
}

void *cuda_allocate(int32_t device, size_t bytes, struct error *error)
{
	bool fits;

	pthread_mutex_lock(&lock);
	fits = twin_figures.allocated_bytes + (int64_t)bytes <= twin_settings.memory_bytes;
	twin_figures.allocated_bytes += fits ? (int64_t)bytes : 0;
	if (twin_figures.allocated_bytes > twin_figures.most_bytes)
		twin_figures.most_bytes = twin_figures.allocated_bytes;
	pthread_mutex_unlock(&lock);
	if (!fits) {
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "GPU %d: taking memory: out of memory", device);
		return NULL;
	}
	return take(bytes, device);
}

void cuda_release(int32_t device, void *memory)
{
	struct header *header;

	if (!memory)
		return;
	header = (struct header *)memory - 1;
	if (header->device != device)
		abort();
	pthread_mutex_lock(&lock);
	twin_figures.allocated_bytes -= (int64_t)header->bytes;
	pthread_mutex_unlock(&lock);
	free(header);
}

void *cuda_pinned_allocate(size_t bytes, struct error *error)
{
	(void)error;
	return take(bytes, -1);
}

void cuda_pinned_release(void *memory)
{
	if (memory)
		free((struct header *)memory - 1);
}

struct cuda_stream *cuda_stream_open(int32_t device, struct error *error)
{
	struct cuda_stream *stream = calloc(1, sizeof *stream);

	(void)error;
	if (!stream)
		abort();
	stream->device = device;
	return stream;
}

void cuda_stream_close(struct cuda_stream *stream)
{
	free(stream);
}

bool cuda_upload(struct cuda_stream *stream, void *target, const void *source, size_t bytes, struct error *error)
{
	if (is_lost(error))
		return false;
	(void)stream;
	memcpy(target, source, bytes);
	return true;
}

bool cuda_download(struct cuda_stream *stream, void *target, const void *source, size_t bytes, struct error *error)
{
	return cuda_upload(stream, target, source, bytes, error);
}

static void run_block(enum cuda_kernel kernel, const struct kernel_block *block, const void *arguments)
{
	switch (kernel) {
	case CUDA_NORMALISE_INTEGER:
		convolve_normalise(arguments, block, true);
		break;
	case CUDA_NORMALISE_FLOAT:
		convolve_normalise(arguments, block, false);
		break;
	case CUDA_CONVOLVE_INTEGER:
		convolve_run(arguments, block);
		break;
	case CUDA_CONVOLVE_FLOAT:
		convolve_run_float(arguments, block);
		break;
	case CUDA_LSTM_1:
		lstm_run(arguments, block, 1, true);
		break;
	case CUDA_LSTM_2:
		lstm_run(arguments, block, 2, true);
		break;
	case CUDA_LSTM_4:
		lstm_run(arguments, block, 4, true);
		break;
	case CUDA_LSTM_LARGE:
		lstm_run(arguments, block, 1, false);
		break;
	case CUDA_LSTM_FLOAT:
		lstm_float_run(arguments, block);
		break;
	case CUDA_SOFTMAX_INTEGER:
		softmax_run(arguments, block, true);
		break;
	case CUDA_SOFTMAX_FLOAT:
		softmax_run(arguments, block, false);
		break;
	}
}

/* A warp of a block that has threads. */
struct warp {
	pthread_t thread;
	struct kernel_block block;
	enum cuda_kernel kernel;
	const void *arguments;
};

static void *run_warp(void *argument)
{
	const struct warp *warp = argument;

	run_block(warp->kernel, &warp->block, warp->arguments);
	return NULL;
}

static void run_threads(enum cuda_kernel kernel, const struct kernel_block *block, const void *arguments)
{
	struct warp warps[KERNEL_WARPS_MOST];
	pthread_barrier_t barrier;

	if (pthread_barrier_init(&barrier, NULL, (unsigned)block->warps) != 0)
		abort();
	for (int32_t i = 0; i < block->warps; i++) {
		warps[i] = (struct warp){ .block = *block, .kernel = kernel, .arguments = arguments };
		warps[i].block.thread = i;
		warps[i].block.barrier = &barrier;
		if (pthread_create(&warps[i].thread, NULL, run_warp, &warps[i]) != 0)
			abort();
	}
	for (int32_t i = 0; i < block->warps; i++)
		(void)pthread_join(warps[i].thread, NULL);
	(void)pthread_barrier_destroy(&barrier);
}

static void count(enum cuda_kernel kernel, const struct cuda_grid *grid, const void *arguments)
{
	const struct lstm_arguments *lstm = arguments;

	pthread_mutex_lock(&lock);
	twin_figures.launches++;
	twin_figures.blocks += (int64_t)grid->x * grid->y;
	if (grid->shared_bytes > twin_figures.shared_most)
		twin_figures.shared_most = grid->shared_bytes;
	if (kernel >= CUDA_LSTM_1 && kernel <= CUDA_LSTM_LARGE) {
		twin_figures.row_tiles[lstm->row_tiles]++;
		twin_figures.large += kernel == CUDA_LSTM_LARGE;
		twin_figures.resident_some += lstm->resident_tiles > 0 && lstm->resident_tiles < lstm->cell_tiles;
	}
	pthread_mutex_unlock(&lock);
}

bool cuda_launch(struct cuda_stream *stream, enum cuda_kernel kernel, const struct cuda_grid *grid,
		 const void *arguments, struct error *error)
{
	int32_t blocks = grid->x * grid->y;

	if (is_lost(error))
		return false;
	/* What CUDA would refuse. */
	if (grid->x < 1 || grid->y < 1 || grid->y > 65535 || grid->warps < 1 || grid->warps > KERNEL_WARPS_MOST ||
	    grid->shared_bytes > twin_settings.shared_bytes)
		return error_set(error, ERROR_UNAVAILABLE, "GPU %d: launching a kernel: invalid configuration",
				 stream->device);
	count(kernel, grid, arguments);
	for (int32_t i = 0; i < blocks; i++) {
		int32_t number = twin_settings.order % 2 ? blocks - 1 - i : i;
		size_t shared = (size_t)grid->shared_bytes;
		struct kernel_block block = { .x = number % grid->x,
					      .y = number / grid->x,
					      .warps = grid->warps,
					      .order = twin_settings.order * 7919u + (uint32_t)number,
					      .thread = -1 };

		block.shared = aligned_alloc(16, shared > 0 ? (shared + 15) / 16 * 16 : 16);
		if (!block.shared)
			abort();
		memset(block.shared, POISON, shared);
		if (twin_settings.threads)
			run_threads(kernel, &block, arguments);
		else
			run_block(kernel, &block, arguments);
		free(block.shared);
	}
	return true;
}

bool cuda_mark(struct cuda_stream *stream, int32_t mark, struct error *error)
{
	(void)stream;
	(void)mark;
	return !is_lost(error);
}

bool cuda_finish(struct cuda_stream *stream, int64_t us[CUDA_MARKS - 1], struct error *error)
{
	(void)stream;
	memset(us, 0, (CUDA_MARKS - 1) * sizeof *us);
	return !is_lost(error);
}
