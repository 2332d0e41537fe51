/*
 * GPUs, streams and their memory. One lock guards who has which stream and what is used of each GPU's memory; it is not
 * held while a device works, but while memory is taken, which is seldom: arenas grow to what the largest batch needed
 * and stay.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/ocr/cuda/network_cuda.h"

#define STREAMS_DEFAULT 4
#define LEAST_MAJOR 7
#define LEAST_MINOR 5
#define ARENA_STEP ((size_t)4 << 20) /* arenas grow in such steps, so that batches of like size find theirs */

struct gpu {
	int32_t number;
	struct cuda_description description;
	int64_t limit_bytes, used_bytes;
	int64_t stored_bytes; /* of those, weights */
	struct network_gpu_figures figures;
	struct gpu_stream *streams; /* [options.streams] */
	int32_t busy;
};

struct network_gpus {
	pthread_mutex_t lock;
	pthread_cond_t freed;
	int32_t streams;
	struct gpu gpus[NETWORK_GPUS_MOST];
	int32_t count;
	struct error lost; /* code is 0 while none is */
};

int32_t network_gpus_count(struct error *error)
{
	return cuda_device_count(error);
}

static bool add_gpu(struct network_gpus *gpus, int32_t number, int32_t there, const struct network_gpus_options *options,
		    struct error *error)
{
	struct gpu *gpu = &gpus->gpus[gpus->count];
	int64_t unused;

	if (number >= there)
		return error_set(error, ERROR_UNAVAILABLE, "GPU %d is not there: CUDA knows of %d, from 0 on", number,
				 there);
	for (int32_t i = 0; i < gpus->count; i++)
		if (gpus->gpus[i].number == number)
			return error_set(error, ERROR_CONFIG, "GPU %d is named twice", number);
	if (gpus->count == NETWORK_GPUS_MOST)
		return error_set(error, ERROR_CONFIG, "more than %d GPUs", NETWORK_GPUS_MOST);
	gpu->number = number;
	if (!cuda_device_describe(number, &gpu->description, error) || !cuda_device_free_bytes(number, &unused, error))
		return false;
	if (gpu->description.major < LEAST_MAJOR ||
	    (gpu->description.major == LEAST_MAJOR && gpu->description.minor < LEAST_MINOR))
		return error_set(error, ERROR_UNAVAILABLE,
				 "GPU %d (%s) has compute capability %d.%d; the kernels need %d.%d", number,
				 gpu->description.name, gpu->description.major, gpu->description.minor, LEAST_MAJOR,
				 LEAST_MINOR);
	gpu->limit_bytes = options->memory_bytes > 0 ? options->memory_bytes : unused / 10 * 9;
	gpu->streams = calloc((size_t)gpus->streams, sizeof *gpu->streams);
	if (!gpu->streams)
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for streams");
	gpus->count++;
	for (int32_t i = 0; i < gpus->streams; i++) {
		gpu->streams[i].gpu = gpus->count - 1;
		gpu->streams[i].stream = cuda_stream_open(number, error);
		if (!gpu->streams[i].stream)
			return false;
	}
	return true;
}

static bool add_list(struct network_gpus *gpus, int32_t there, const struct network_gpus_options *options,
		     struct error *error)
{
	const char *at = options->list;

	for (;;) {
		char *end;
		long number = *at >= '0' && *at <= '9' ? strtol(at, &end, 10) : -1;

		if (number < 0 || number > INT16_MAX || (*end != ',' && *end != '\0'))
			return error_set(error, ERROR_CONFIG, "\"%s\" is not a list of GPUs such as 0,1",
					 options->list);
		if (!add_gpu(gpus, (int32_t)number, there, options, error))
			return false;
		if (*end == '\0')
			return true;
		at = end + 1;
	}
}

struct network_gpus *network_gpus_open(const struct network_gpus_options *options, struct error *error)
{
	struct network_gpus *gpus;
	int32_t there = cuda_device_count(error);
	bool opened = true;

	if (there == 0)
		return NULL;
	gpus = calloc(1, sizeof *gpus);
	if (!gpus) {
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "no memory for GPUs");
		return NULL;
	}
	pthread_mutex_init(&gpus->lock, NULL);
	pthread_cond_init(&gpus->freed, NULL);
	gpus->streams = options->streams > 0 ? options->streams : STREAMS_DEFAULT;
	if (options->list)
		opened = add_list(gpus, there, options, error);
	for (int32_t i = 0; !options->list && opened && i < there && i < NETWORK_GPUS_MOST; i++)
		opened = add_gpu(gpus, i, there, options, error);
	if (opened)
		return gpus;
	network_gpus_close(gpus);
	return NULL;
}

void network_gpus_close(struct network_gpus *gpus)
{
	if (!gpus)
		return;
	for (int32_t i = 0; i < gpus->count; i++) {
		struct gpu *gpu = &gpus->gpus[i];

		for (int32_t j = 0; j < gpus->streams; j++) {
			cuda_release(gpu->number, gpu->streams[j].arena);
			cuda_stream_close(gpu->streams[j].stream);
		}
		free(gpu->streams);
	}
	pthread_cond_destroy(&gpus->freed);
	pthread_mutex_destroy(&gpus->lock);
	free(gpus);
}

bool network_gpus_lost(struct network_gpus *gpus, struct error *error)
{
	bool lost;

	pthread_mutex_lock(&gpus->lock);
	lost = gpus->lost.code != ERROR_NONE;
	if (lost && error)
		*error = gpus->lost;
	pthread_mutex_unlock(&gpus->lock);
	return lost;
}

/* Under the lock: the GPU with the fewest batches, if it has room for one more. */
static struct gpu *least_busy(struct network_gpus *gpus)
{
	struct gpu *least = &gpus->gpus[0];

	for (int32_t i = 1; i < gpus->count; i++)
		if (gpus->gpus[i].busy < least->busy)
			least = &gpus->gpus[i];
	return least->busy < gpus->streams ? least : NULL;
}

struct gpu_stream *network_gpus_take(struct network_gpus *gpus, struct error *error)
{
	struct gpu_stream *stream = NULL;
	struct gpu *gpu = NULL;

	pthread_mutex_lock(&gpus->lock);
	while (!gpus->lost.code && !(gpu = least_busy(gpus)))
		pthread_cond_wait(&gpus->freed, &gpus->lock);
	if (gpus->lost.code && error)
		*error = gpus->lost;
	/* Of those that are free the one with the largest arena, so that as few as possible grow. */
	for (int32_t i = 0; !gpus->lost.code && i < gpus->streams; i++)
		if (!gpu->streams[i].busy && (!stream || gpu->streams[i].arena_bytes > stream->arena_bytes))
			stream = &gpu->streams[i];
	if (stream) {
		stream->busy = true;
		gpu->busy++;
	}
	pthread_mutex_unlock(&gpus->lock);
	return stream;
}

void network_gpus_give(struct network_gpus *gpus, struct gpu_stream *stream, const struct gpu_batch *batch,
		       const struct error *failure)
{
	struct gpu *gpu = &gpus->gpus[stream->gpu];

	pthread_mutex_lock(&gpus->lock);
	stream->busy = false;
	gpu->busy--;
	if (batch) {
		struct network_gpu_figures *figures = &gpu->figures;

		figures->batches++;
		figures->lines += batch->lines;
		figures->steps += batch->steps;
		figures->upload_us += batch->us[0];
		figures->convolve_us += batch->us[1];
		figures->lstm_us += batch->us[2];
		figures->softmax_us += batch->us[3];
		figures->download_us += batch->us[4];
	} else if (failure->code == ERROR_OUT_OF_MEMORY) {
		gpu->figures.refused++;
	} else if (!gpus->lost.code) {
		gpus->lost = *failure;
		gpus->lost.code = ERROR_UNAVAILABLE;
	}
	pthread_cond_broadcast(&gpus->freed);
	pthread_mutex_unlock(&gpus->lock);
}

/* Under the lock: gives back the arenas of streams that have no batch. Returns whether there were any. */
static bool shrink(struct network_gpus *gpus, struct gpu *gpu)
{
	bool shrunk = false;

	for (int32_t i = 0; i < gpus->streams; i++) {
		struct gpu_stream *stream = &gpu->streams[i];

		if (stream->busy || !stream->arena)
			continue;
		cuda_release(gpu->number, stream->arena);
		gpu->used_bytes -= (int64_t)stream->arena_bytes;
		stream->arena = NULL;
		stream->arena_bytes = 0;
		shrunk = true;
	}
	return shrunk;
}

/* Under the lock. When memory ends, idle arenas are given back first. */
static char *allocate(struct network_gpus *gpus, struct gpu *gpu, size_t bytes, struct error *error)
{
	for (;;) {
		char *memory = NULL;
		struct error refused = { 0 };

		if ((int64_t)bytes > gpu->limit_bytes - gpu->used_bytes)
			(void)error_set(&refused, ERROR_OUT_OF_MEMORY,
					"GPU %d: %zu bytes more than %lld would pass the limit of %lld", gpu->number,
					bytes, (long long)gpu->used_bytes, (long long)gpu->limit_bytes);
		else
			memory = cuda_allocate(gpu->number, bytes, &refused);
		if (memory) {
			gpu->used_bytes += (int64_t)bytes;
			return memory;
		}
		if (refused.code == ERROR_OUT_OF_MEMORY && shrink(gpus, gpu))
			continue;
		if (error)
			*error = refused;
		return NULL;
	}
}

bool network_gpus_reserve(struct network_gpus *gpus, struct gpu_stream *stream, size_t bytes, struct error *error)
{
	struct gpu *gpu = &gpus->gpus[stream->gpu];

	int64_t share;

	if (bytes <= stream->arena_bytes)
		return true;
	pthread_mutex_lock(&gpus->lock);
	/* Each stream may have its part and no more, so that none starves beside those that came first. */
	share = (gpu->limit_bytes - gpu->stored_bytes) / gpus->streams;
	if (share < 0 || bytes > (size_t)share) {
		pthread_mutex_unlock(&gpus->lock);
		return error_set(error, ERROR_OUT_OF_MEMORY, "GPU %d: a batch of %zu bytes, more than the %lld of one",
				 gpu->number, bytes, (long long)share);
	}
	cuda_release(gpu->number, stream->arena);
	gpu->used_bytes -= (int64_t)stream->arena_bytes;
	stream->arena_bytes = (bytes + ARENA_STEP - 1) / ARENA_STEP * ARENA_STEP;
	if (stream->arena_bytes > (size_t)share)
		stream->arena_bytes = (size_t)share;
	stream->arena = allocate(gpus, gpu, stream->arena_bytes, error);
	if (!stream->arena)
		stream->arena_bytes = 0;
	pthread_mutex_unlock(&gpus->lock);
	return stream->arena != NULL;
}

char *network_gpus_store(struct network_gpus *gpus, int32_t gpu, const void *source, size_t bytes, struct error *error)
{
	struct cuda_stream *stream = cuda_stream_open(gpus->gpus[gpu].number, error);
	int64_t us[CUDA_MARKS - 1];
	char *memory = NULL;
	bool done = false;

	if (stream) {
		pthread_mutex_lock(&gpus->lock);
		memory = allocate(gpus, &gpus->gpus[gpu], bytes, error);
		gpus->gpus[gpu].stored_bytes += memory ? (int64_t)bytes : 0;
		pthread_mutex_unlock(&gpus->lock);
	}
	if (memory)
		done = cuda_upload(stream, memory, source, bytes, error);
	for (int32_t mark = 0; done && mark < CUDA_MARKS; mark++)
		done = cuda_mark(stream, mark, error);
	done = done && cuda_finish(stream, us, error);
	cuda_stream_close(stream);
	if (done)
		return memory;
	network_gpus_drop(gpus, gpu, memory, bytes);
	return NULL;
}

void network_gpus_drop(struct network_gpus *gpus, int32_t gpu, char *memory, size_t bytes)
{
	if (!memory)
		return;
	pthread_mutex_lock(&gpus->lock);
	cuda_release(gpus->gpus[gpu].number, memory);
	gpus->gpus[gpu].used_bytes -= (int64_t)bytes;
	gpus->gpus[gpu].stored_bytes -= (int64_t)bytes;
	pthread_mutex_unlock(&gpus->lock);
}

int32_t network_gpus_used(const struct network_gpus *gpus)
{
	return gpus->count;
}

const struct cuda_description *network_gpus_describe(const struct network_gpus *gpus, int32_t gpu)
{
	return &gpus->gpus[gpu].description;
}

size_t network_gpus_figures(struct network_gpus *gpus, struct network_gpu_figures *figures, size_t most)
{
	size_t count = (size_t)gpus->count;

	pthread_mutex_lock(&gpus->lock);
	for (size_t i = 0; i < count && i < most; i++) {
		const struct gpu *gpu = &gpus->gpus[i];

		figures[i] = gpu->figures;
		memcpy(figures[i].name, gpu->description.name, sizeof figures[i].name);
		memcpy(figures[i].bus, gpu->description.bus, sizeof figures[i].bus);
		figures[i].number = gpu->number;
		figures[i].major = gpu->description.major;
		figures[i].minor = gpu->description.minor;
		figures[i].processors = gpu->description.processors;
		figures[i].shared_bytes = gpu->description.shared_bytes;
		figures[i].streams = gpus->streams;
		figures[i].busy = gpu->busy;
		figures[i].memory_bytes = gpu->description.memory_bytes;
		figures[i].limit_bytes = gpu->limit_bytes;
		figures[i].used_bytes = gpu->used_bytes;
	}
	pthread_mutex_unlock(&gpus->lock);
	return count;
}
