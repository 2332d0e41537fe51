/* The kernels' launchers: what runtime.cu knows of the other .cu files. */
#ifndef FILOT_CUDA_KERNELS_H
#define FILOT_CUDA_KERNELS_H

#include <cuda_runtime.h>

#include "common/ocr/cuda/device.h"

cudaError_t convolve_launch(enum cuda_kernel kernel, const struct cuda_grid *grid, cudaStream_t stream,
			    const void *arguments);
cudaError_t lstm_launch(enum cuda_kernel kernel, const struct cuda_grid *grid, cudaStream_t stream,
			const void *arguments);
cudaError_t softmax_launch(enum cuda_kernel kernel, const struct cuda_grid *grid, cudaStream_t stream,
			   const void *arguments);

/* Launches a kernel with room for its shared memory, which above 48 KB has to be asked for on each device. */
template <typename Arguments>
static cudaError_t kernel_launch(void (*kernel)(Arguments), const struct cuda_grid *grid, cudaStream_t stream,
				 const void *arguments)
{
	cudaError_t status =
	    cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, grid->shared_bytes);

	if (status != cudaSuccess)
		return status;
	kernel<<<dim3((unsigned)grid->x, (unsigned)grid->y), (unsigned)grid->warps * 32, (size_t)grid->shared_bytes,
		 stream>>>(*static_cast<const Arguments *>(arguments));
	return cudaGetLastError();
}

/* The block that a thread belongs to. */
#define KERNEL_BLOCK(shared)                                                                                           \
	{ (int32_t)blockIdx.x, (int32_t)blockIdx.y, (int32_t)blockDim.x / 32, (shared) }

#endif
