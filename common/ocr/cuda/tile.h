/*
 * The product at the heart of integer layers: 16 outputs × 32 inputs of weights times 32 inputs × 8 rows, int8 with
 * int32 sums, by one warp on the tensor cores. Sums are exact, so their order is free.
 *
 * A layer's weights are packed as such tiles in the order in which lanes hold them, 16 bytes a lane, so that a warp
 * reads a tile as 512 bytes in one go. Which byte a lane holds where follows the PTX ISA, "Matrix fragments for
 * mma.m16n8k32"; the same registers are what four mma.m8n8k16 take, which is all that sm_75 has.
 */
#ifndef FILOT_CUDA_TILE_H
#define FILOT_CUDA_TILE_H

#include "common/ocr/cuda/grid.h"

#define TILE_OUTPUTS 16
#define TILE_INPUTS 32
#define TILE_ROWS 8
#define TILE_BYTES (TILE_OUTPUTS * TILE_INPUTS)
#define TILES(count, size) (((count) + (size)-1) / (size))

struct tile_operand {
	uint32_t words[2];
};

struct tile_sums {
	int32_t at[4];
};

/* Where a lane's byte of the weights belongs: byte 0..15 of lane 0..31 is weight [output][input] of the tile. */
KERNEL_FUNCTION int32_t tile_weight_output(int32_t lane, int32_t byte)
{
	return lane / 4 + (byte / 4 % 2) * 8;
}

KERNEL_FUNCTION int32_t tile_weight_input(int32_t lane, int32_t byte)
{
	return lane % 4 * 4 + byte % 4 + byte / 8 * 16;
}

/* Sum 0..3 of a lane is of this output and this row of the tile. */
KERNEL_FUNCTION int32_t tile_sum_output(int32_t lane, int32_t sum)
{
	return lane / 4 + sum / 2 * 8;
}

KERNEL_FUNCTION int32_t tile_sum_row(int32_t lane, int32_t sum)
{
	return lane % 4 * 2 + sum % 2;
}

/* A lane's part of the inputs of 8 rows, which lie `pitch` bytes apart from each other. */
KERNEL_FUNCTION struct tile_operand tile_load_operand(const char *rows, int32_t pitch, int32_t lane)
{
	const char *at = rows + lane / 4 * pitch + lane % 4 * 4;
	struct tile_operand operand = { { *(const uint32_t *)(const void *)at,
					  *(const uint32_t *)(const void *)(at + 16) } };

	return operand;
}

/* Rows of inputs in shared memory lie this far apart: 8 rows × 4 words then are in 32 different banks. */
KERNEL_FUNCTION int32_t tile_pitch(int32_t tiles_deep)
{
	return tiles_deep * TILE_INPUTS + 16;
}

#ifdef __CUDACC__

KERNEL_FUNCTION void tile_multiply(struct tile_sums *sums, const struct kernel_chunk *weights,
				   const struct tile_operand *operand)
{
	int32_t *c = sums->at;
	const uint32_t *a = weights->words, *b = operand->words;

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
	__asm__ volatile("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
		: "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3])
		: "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
	KERNEL_UNROLL
	for (int half = 0; half < 2; half++) {
		__asm__ volatile("mma.sync.aligned.m8n8k16.row.col.s32.s8.s8.s32 {%0,%1}, {%2}, {%3}, {%0,%1};"
			: "+r"(c[0]), "+r"(c[1])
			: "r"(a[2 * half]), "r"(b[half]));
		__asm__ volatile("mma.sync.aligned.m8n8k16.row.col.s32.s8.s8.s32 {%0,%1}, {%2}, {%3}, {%0,%1};"
			: "+r"(c[2]), "+r"(c[3])
			: "r"(a[2 * half + 1]), "r"(b[half]));
	}
#endif
}

#else

/* The instruction, for all lanes at once. */
void tile_multiply(struct tile_sums *sums, const struct kernel_chunk *weights, const struct tile_operand *operand);

#endif

#endif
