/* Normalisation and convolution on a GPU: convolve.h. */
#include "common/ocr/cuda/convolve.h"
#include "common/ocr/cuda/kernels.h"

extern __shared__ __align__(16) char shared[];

static __global__ void __launch_bounds__(CONVOLVE_WARPS *KERNEL_LANES)
    normalise_integer(const __grid_constant__ convolve_arguments arguments)
{
	const kernel_block block = KERNEL_BLOCK(NULL);

	convolve_normalise(&arguments, &block, 1);
}

static __global__ void __launch_bounds__(CONVOLVE_WARPS *KERNEL_LANES)
    normalise_float(const __grid_constant__ convolve_arguments arguments)
{
	const kernel_block block = KERNEL_BLOCK(NULL);

	convolve_normalise(&arguments, &block, 0);
}

static __global__ void __launch_bounds__(CONVOLVE_WARPS *KERNEL_LANES)
    convolve_integer(const __grid_constant__ convolve_arguments arguments)
{
	const kernel_block block = KERNEL_BLOCK(shared);

	convolve_run(&arguments, &block);
}

static __global__ void __launch_bounds__(CONVOLVE_WARPS *KERNEL_LANES)
    convolve_float(const __grid_constant__ convolve_arguments arguments)
{
	const kernel_block block = KERNEL_BLOCK(NULL);

	convolve_run_float(&arguments, &block);
}

cudaError_t convolve_launch(enum cuda_kernel kernel, const struct cuda_grid *grid, cudaStream_t stream,
			    const void *arguments)
{
	switch (kernel) {
	case CUDA_NORMALISE_INTEGER:
		return kernel_launch(normalise_integer, grid, stream, arguments);
	case CUDA_NORMALISE_FLOAT:
		return kernel_launch(normalise_float, grid, stream, arguments);
	case CUDA_CONVOLVE_INTEGER:
		return kernel_launch(convolve_integer, grid, stream, arguments);
	default:
		return kernel_launch(convolve_float, grid, stream, arguments);
	}
}
