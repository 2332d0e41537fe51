/* device.h in a build without nvcc: there is no device, and nothing can be done with one. */
#include "common/ocr/cuda/device.h"

#define ABSENT error_set(error, ERROR_UNAVAILABLE, "no GPU: this build is without CUDA")

int32_t cuda_device_count(struct error *error)
{
	return ABSENT;
}

bool cuda_device_describe(int32_t device, struct cuda_description *description, struct error *error)
{
	(void)device;
	(void)description;
	return ABSENT;
}

bool cuda_device_free_bytes(int32_t device, int64_t *bytes, struct error *error)
{
	(void)device;
	(void)bytes;
	return ABSENT;
}

void *cuda_allocate(int32_t device, size_t bytes, struct error *error)
{
	(void)device;
	(void)bytes;
	(void)ABSENT;
	return NULL;
}

void cuda_release(int32_t device, void *memory)
{
	(void)device;
	(void)memory;
}

void *cuda_pinned_allocate(size_t bytes, struct error *error)
{
	(void)bytes;
	(void)ABSENT;
	return NULL;
}

void cuda_pinned_release(void *memory)
{
	(void)memory;
}

struct cuda_stream *cuda_stream_open(int32_t device, struct error *error)
{
	(void)device;
	(void)ABSENT;
	return NULL;
}

void cuda_stream_close(struct cuda_stream *stream)
{
	(void)stream;
}

bool cuda_upload(struct cuda_stream *stream, void *target, const void *source, size_t bytes, struct error *error)
{
	(void)stream;
	(void)target;
	(void)source;
	(void)bytes;
	return ABSENT;
}

bool cuda_download(struct cuda_stream *stream, void *target, const void *source, size_t bytes, struct error *error)
{
	return cuda_upload(stream, target, source, bytes, error);
}

bool cuda_launch(struct cuda_stream *stream, enum cuda_kernel kernel, const struct cuda_grid *grid,
		 const void *arguments, struct error *error)
{
	(void)stream;
	(void)kernel;
	(void)grid;
	(void)arguments;
	return ABSENT;
}

bool cuda_mark(struct cuda_stream *stream, int32_t mark, struct error *error)
{
	(void)stream;
	(void)mark;
	return ABSENT;
}

bool cuda_finish(struct cuda_stream *stream, int64_t us[CUDA_MARKS - 1], struct error *error)
{
	(void)stream;
	(void)us;
	return ABSENT;
}
