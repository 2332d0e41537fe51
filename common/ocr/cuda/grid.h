/*
 * How kernels are written once for a GPU and for its twin on the host. A kernel is a function of its arguments and a
 * block; between two barriers it does the same for each of the block's warps and, within a warp, for each of its 32
 * lanes. On a GPU both loops are the hardware: a thread runs its own warp's turn and its own lane's. In the twin
 * (tests/gpu/twin.c) they are loops, in an order that the twin picks, or threads. What a lane keeps in registers
 * between two lane loops is an array of KERNEL_OWN elements, its own at KERNEL_AT(lane); between barriers nothing but
 * shared and global memory lives on. So the twin runs each index, each sum and each rounding of the GPU's code; what it
 * cannot show is what nvcc and the hardware make of them.
 *
 * Plain C types only: the .cu files know nothing of the rest of the program.
 */
#ifndef FILOT_CUDA_GRID_H
#define FILOT_CUDA_GRID_H

#include <stdint.h>

#include "common/ocr/network_maths.h"

#define KERNEL_LANES 32
#define KERNEL_WARPS_MOST 16

#ifdef __CUDACC__
#define KERNEL_FUNCTION static __device__ __forceinline__
#define KERNEL_UNROLL _Pragma("unroll")
#define KERNEL_OWN 1
#define KERNEL_AT(lane) ((lane) * 0)
#define EACH_LANE(lane) for (int32_t lane = (int32_t)threadIdx.x % KERNEL_LANES, once = 1; once; once = 0)
#define EACH_WARP(block, warp) for (int32_t warp = (int32_t)threadIdx.x / KERNEL_LANES, turn = 1; turn; turn = 0)
#define KERNEL_BARRIER(block) __syncthreads()
#else
#define KERNEL_FUNCTION static inline __attribute__((always_inline))
#define KERNEL_UNROLL
#define KERNEL_OWN KERNEL_LANES
#define KERNEL_AT(lane) (lane)
#define EACH_LANE(lane) for (int32_t lane = 0; lane < KERNEL_LANES; lane++)
#define EACH_WARP(block, warp) for (int32_t turn = 0, warp; twin_turn(block, turn, &warp); turn++)
#define KERNEL_BARRIER(block) twin_barrier(block)
#endif

/* What a block knows of itself. */
struct kernel_block {
	int32_t x, y;
	int32_t warps;
	char *shared;
#ifndef __CUDACC__
	uint32_t order; /* seeds the order of warps */
	int32_t thread; /* the only warp that this thread of the twin runs; -1: all */
	void *barrier;
#endif
};

#ifndef __CUDACC__
/* Sets *warp to the one whose turn it is; false when all of this phase have had theirs. */
int twin_turn(const struct kernel_block *block, int32_t turn, int32_t *warp);
void twin_barrier(const struct kernel_block *block);
#endif

/* Sixteen bytes, moved at once. */
struct kernel_chunk {
	uint32_t words[4];
} __attribute__((aligned(16)));

#define KERNEL_CHUNK 16
#define KERNEL_CHUNKS(count) (((count) + KERNEL_CHUNK - 1) / KERNEL_CHUNK)

/* Begins to copy a chunk from global to shared memory; kernel_copy_wait ends all that this thread began. */
KERNEL_FUNCTION void kernel_copy(void *shared, const void *global)
{
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
	__asm__ volatile("cp.async.cg.shared.global [%0], [%1], 16;"
			 :
			 : "r"((uint32_t)__cvta_generic_to_shared(shared)), "l"(__cvta_generic_to_global(global))
			 : "memory");
#else
	*(struct kernel_chunk *)shared = *(const struct kernel_chunk *)global;
#endif
}

KERNEL_FUNCTION void kernel_copy_wait(void)
{
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
	__asm__ volatile("cp.async.wait_all;" : : : "memory");
#endif
}

/* sum + the products of four signed bytes. */
KERNEL_FUNCTION int32_t kernel_dot_four(uint32_t a, uint32_t b, int32_t sum)
{
#ifdef __CUDA_ARCH__
	return __dp4a((int32_t)a, (int32_t)b, sum);
#else
	for (int i = 0; i < 4; i++)
		sum += (int8_t)(uint8_t)(a >> 8 * i) * (int8_t)(uint8_t)(b >> 8 * i);
	return sum;
#endif
}

/* The last of `count` rising starts that is not after a number: which step a row is of, which line a step of all. */
KERNEL_FUNCTION int32_t kernel_find(const int32_t *starts, int32_t count, int32_t number)
{
	int32_t low = 0, high = count;

	while (high - low > 1) {
		int32_t middle = low + (high - low) / 2;

		if (starts[middle] <= number)
			low = middle;
		else
			high = middle;
	}
	return low;
}

#endif
