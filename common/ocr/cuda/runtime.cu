/*
 * device.h by the CUDA runtime, which is linked statically: a machine without a driver runs the same binary, and
 * cuda_device_count says there why it has no device.
 */
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <time.h>

#include "common/ocr/cuda/kernels.h"

struct cuda_stream {
	int32_t device;
	cudaStream_t stream;
	cudaEvent_t marks[CUDA_MARKS], end;
};

/* Of the process: no device is asked for anything after one hung. */
static std::atomic<bool> hangs;

static bool check(cudaError_t status, int32_t device, const char *what, struct error *error)
{
	if (status == cudaSuccess)
		return true;
	(void)cudaGetLastError(); /* an error that is not sticky would come up again elsewhere */
	if (status == cudaErrorMemoryAllocation)
		return error_set(error, ERROR_OUT_OF_MEMORY, "GPU %d: %s: out of memory", device, what);
	return error_set(error, ERROR_UNAVAILABLE, "GPU %d: %s: %s (%s)", device, what, cudaGetErrorString(status),
			 cudaGetErrorName(status));
}

extern "C" int32_t cuda_device_count(struct error *error)
{
	int count = 0;
	cudaError_t status = cudaGetDeviceCount(&count);

	if (status != cudaSuccess) {
		(void)cudaGetLastError();
		/* What CUDA says of a machine without a driver, too. */
		(void)error_set(error, ERROR_UNAVAILABLE, "no GPU: %s",
				status == cudaErrorInsufficientDriver ? "no NVIDIA driver, or one that is too old" :
									cudaGetErrorString(status));
		return 0;
	}
	if (count == 0)
		(void)error_set(error, ERROR_UNAVAILABLE, "no GPU: the driver knows of no device");
	return count;
}

extern "C" bool cuda_device_describe(int32_t device, struct cuda_description *description, struct error *error)
{
	cudaDeviceProp properties;

	memset(description, 0, sizeof *description);
	if (!check(cudaGetDeviceProperties(&properties, device), device, "its properties", error))
		return false;
	(void)snprintf(description->name, sizeof description->name, "%.*s", (int)sizeof description->name - 1,
		       properties.name);
	(void)snprintf(description->bus, sizeof description->bus, "%08x:%02x:%02x.0", properties.pciDomainID,
		       properties.pciBusID, properties.pciDeviceID);
	description->major = properties.major;
	description->minor = properties.minor;
	description->processors = properties.multiProcessorCount;
	description->shared_bytes = (int32_t)properties.sharedMemPerBlockOptin;
	description->memory_bytes = (int64_t)properties.totalGlobalMem;
	return true;
}

extern "C" bool cuda_device_free_bytes(int32_t device, int64_t *bytes, struct error *error)
{
	size_t unused, total;

	if (!check(cudaSetDevice(device), device, "choosing it", error) ||
	    !check(cudaMemGetInfo(&unused, &total), device, "its memory", error))
		return false;
	*bytes = (int64_t)unused;
	return true;
}

extern "C" void *cuda_allocate(int32_t device, size_t bytes, struct error *error)
{
	void *memory = NULL;

	if (!check(cudaSetDevice(device), device, "choosing it", error) ||
	    !check(cudaMalloc(&memory, bytes), device, "taking memory", error))
		return NULL;
	return memory;
}

extern "C" void cuda_release(int32_t device, void *memory)
{
	if (memory && !hangs && cudaSetDevice(device) == cudaSuccess)
		(void)cudaFree(memory);
}

extern "C" void *cuda_pinned_allocate(size_t bytes, struct error *error)
{
	void *memory = NULL;

	return check(cudaHostAlloc(&memory, bytes, cudaHostAllocPortable), 0, "taking pinned memory", error) ? memory :
													     NULL;
}

extern "C" void cuda_pinned_release(void *memory)
{
	if (!hangs)
		(void)cudaFreeHost(memory);
}

extern "C" void cuda_stream_close(struct cuda_stream *stream)
{
	if (stream && !hangs) {
		(void)cudaSetDevice(stream->device);
		for (int i = 0; i < CUDA_MARKS; i++)
			if (stream->marks[i])
				(void)cudaEventDestroy(stream->marks[i]);
		if (stream->end)
			(void)cudaEventDestroy(stream->end);
		if (stream->stream)
			(void)cudaStreamDestroy(stream->stream);
	}
	free(stream);
}

extern "C" struct cuda_stream *cuda_stream_open(int32_t device, struct error *error)
{
	struct cuda_stream *stream = static_cast<struct cuda_stream *>(calloc(1, sizeof *stream));

	if (!stream) {
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a stream");
		return NULL;
	}
	stream->device = device;
	bool opened = check(cudaSetDevice(device), device, "choosing it", error) &&
		      check(cudaStreamCreateWithFlags(&stream->stream, cudaStreamNonBlocking), device,
			    "opening a stream", error);

	for (int i = 0; opened && i < CUDA_MARKS; i++)
		opened = check(cudaEventCreate(&stream->marks[i]), device, "making an event", error);
	opened = opened && check(cudaEventCreateWithFlags(&stream->end, cudaEventDisableTiming), device, "making an event",
				 error);
	if (opened)
		return stream;
	cuda_stream_close(stream);
	return NULL;
}

extern "C" bool cuda_upload(struct cuda_stream *stream, void *target, const void *source, size_t bytes,
			    struct error *error)
{
	return check(cudaSetDevice(stream->device), stream->device, "choosing it", error) &&
	       check(cudaMemcpyAsync(target, source, bytes, cudaMemcpyHostToDevice, stream->stream), stream->device,
		     "copying to it", error);
}

extern "C" bool cuda_download(struct cuda_stream *stream, void *target, const void *source, size_t bytes,
			      struct error *error)
{
	return check(cudaMemcpyAsync(target, source, bytes, cudaMemcpyDeviceToHost, stream->stream), stream->device,
		     "copying from it", error);
}

extern "C" bool cuda_launch(struct cuda_stream *stream, enum cuda_kernel kernel, const struct cuda_grid *grid,
			    const void *arguments, struct error *error)
{
	cudaError_t status;

	if (kernel <= CUDA_CONVOLVE_FLOAT)
		status = convolve_launch(kernel, grid, stream->stream, arguments);
	else if (kernel <= CUDA_LSTM_FLOAT)
		status = lstm_launch(kernel, grid, stream->stream, arguments);
	else
		status = softmax_launch(kernel, grid, stream->stream, arguments);
	return check(status, stream->device, "launching a kernel", error);
}

extern "C" bool cuda_mark(struct cuda_stream *stream, int32_t mark, struct error *error)
{
	return check(cudaEventRecord(stream->marks[mark], stream->stream), stream->device, "recording an event", error);
}

static int64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/*
 * Between looks the thread sleeps, and leaves its core to those that decode. CUDA's own way to wait asleep knows no end: a
 * kernel that hangs would keep its jobs for ever, and their claims renewed.
 */
static bool wait_for_end(struct cuda_stream *stream, struct error *error)
{
	const struct timespec pause = { 0, 50000 };
	const int64_t until_ms = now_ms() + CUDA_PATIENCE_MS;
	cudaError_t status = cudaEventQuery(stream->end);

	while (status == cudaErrorNotReady && now_ms() < until_ms) {
		(void)nanosleep(&pause, NULL);
		status = cudaEventQuery(stream->end);
	}
	(void)cudaGetLastError(); /* "not ready" is remembered as an error, too */
	if (status != cudaErrorNotReady)
		return check(status, stream->device, "running a batch", error);
	hangs = true;
	return error_set(error, ERROR_UNAVAILABLE, "GPU %d: running a batch: not done after %d s", stream->device,
			 CUDA_PATIENCE_MS / 1000);
}

extern "C" bool cuda_finish(struct cuda_stream *stream, int64_t us[CUDA_MARKS - 1], struct error *error)
{
	if (!check(cudaEventRecord(stream->end, stream->stream), stream->device, "recording an event", error) ||
	    !wait_for_end(stream, error))
		return false;
	for (int i = 0; i < CUDA_MARKS - 1; i++) {
		float ms = 0;

		if (!check(cudaEventElapsedTime(&ms, stream->marks[i], stream->marks[i + 1]), stream->device,
			   "reading a time", error))
			return false;
		us[i] = (int64_t)(ms * 1000.0f);
	}
	return true;
}
