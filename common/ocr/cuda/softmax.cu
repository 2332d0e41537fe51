/* The softmax layer on a GPU: softmax.h. */
#include "common/ocr/cuda/softmax.h"
#include "common/ocr/cuda/kernels.h"

extern __shared__ __align__(16) char shared[];

static __global__ void __launch_bounds__(SOFTMAX_WARPS *KERNEL_LANES)
    softmax_integer(const __grid_constant__ softmax_arguments arguments)
{
	const kernel_block block = KERNEL_BLOCK(shared);

	softmax_run(&arguments, &block, 1);
}

static __global__ void __launch_bounds__(SOFTMAX_WARPS *KERNEL_LANES)
    softmax_float(const __grid_constant__ softmax_arguments arguments)
{
	const kernel_block block = KERNEL_BLOCK(shared);

	softmax_run(&arguments, &block, 0);
}

cudaError_t softmax_launch(enum cuda_kernel kernel, const struct cuda_grid *grid, cudaStream_t stream,
			   const void *arguments)
{
	return kernel == CUDA_SOFTMAX_INTEGER ? kernel_launch(softmax_integer, grid, stream, arguments) :
						kernel_launch(softmax_float, grid, stream, arguments);
}
