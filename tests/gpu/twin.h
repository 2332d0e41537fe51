/*
 * The CUDA back end's twin: device.h answered by the host. It runs the kernels' own source, block after block, with
 * device memory from malloc, so that AddressSanitizer sees each access; memory begins as 0xa5, never as zeros. Within a
 * phase between barriers it gives warps their turns in an order that changes from block to block, or, with threads, lets
 * them run at once between real barriers, so that ThreadSanitizer sees what no barrier keeps apart.
 *
 * A program gets it by naming twin.o before libfilot.a. The environment makes a device of another size or one that
 * fails, for programs that are not made for the twin:
 *   FILOT_TWIN_DEVICES     how many (1; 0: none)
 *   FILOT_TWIN_MEMORY      bytes of each (1G): beyond, ERROR_OUT_OF_MEMORY
 *   FILOT_TWIN_LOST_AFTER  launches after which the device is lost, as after an Xid
 */
#ifndef FILOT_TWIN_H
#define FILOT_TWIN_H

#include "common/ocr/cuda/device.h"

struct twin_settings {
	int32_t devices, processors, shared_bytes;
	int64_t memory_bytes;
	int64_t lost_after; /* launches; -1: never */
	uint32_t order;	    /* seeds orders of blocks and warps */
	bool threads;	    /* a thread a warp */
};

/* Changed by tests between batches only; the environment is read before the first device is asked for. */
extern struct twin_settings twin_settings;

struct twin_figures {
	int64_t launches, blocks, allocated_bytes, most_bytes;
	int32_t shared_most; /* bytes of one block */
	/* Launches of LSTMs by row tiles; those with part of their weights resident; those with their curves outside. */
	int32_t row_tiles[5], resident_some, large;
};

extern struct twin_figures twin_figures;

#endif
