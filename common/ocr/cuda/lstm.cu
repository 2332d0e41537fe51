/* LSTM layers on a GPU: lstm.h and lstm_float.h. */
#include "common/ocr/cuda/kernels.h"
#include "common/ocr/cuda/lstm.h"
#include "common/ocr/cuda/lstm_float.h"

extern __shared__ __align__(16) char shared[];

/* 16 warps have 128 registers a thread: enough for 4 row tiles' sums without spilling (-Xptxas -v says). */
template <int row_tiles, int keeps_curves>
static __global__ void __launch_bounds__(KERNEL_WARPS_MOST *KERNEL_LANES)
    lstm_integer(const __grid_constant__ lstm_arguments arguments)
{
	const kernel_block block = KERNEL_BLOCK(shared);

	lstm_run(&arguments, &block, row_tiles, keeps_curves);
}

static __global__ void __launch_bounds__(LSTM_FLOAT_WARPS *KERNEL_LANES)
    lstm_float(const __grid_constant__ lstm_float_arguments arguments)
{
	const kernel_block block = KERNEL_BLOCK(shared);

	lstm_float_run(&arguments, &block);
}

cudaError_t lstm_launch(enum cuda_kernel kernel, const struct cuda_grid *grid, cudaStream_t stream,
			const void *arguments)
{
	switch (kernel) {
	case CUDA_LSTM_1:
		return kernel_launch(lstm_integer<1, 1>, grid, stream, arguments);
	case CUDA_LSTM_2:
		return kernel_launch(lstm_integer<2, 1>, grid, stream, arguments);
	case CUDA_LSTM_4:
		return kernel_launch(lstm_integer<4, 1>, grid, stream, arguments);
	case CUDA_LSTM_LARGE:
		return kernel_launch(lstm_integer<1, 0>, grid, stream, arguments);
	default:
		return kernel_launch(lstm_float, grid, stream, arguments);
	}
}
