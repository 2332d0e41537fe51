/*
 * The small binary heaps of the beam search. Which entry stands where decides the order in which paths are continued
 * and which of equal scores stays, so these are the steps of Tesseract's heap (ccutil/genericheap.h) one by one.
 */
#ifndef FILOT_BEAM_HEAP_H
#define FILOT_BEAM_HEAP_H

#include <stdint.h>

#include "common/ocr/host_device.h"

struct beam_heap_entry {
	float score;
	uint32_t node;
};

#define BEAM_HEAP_MOST 16

/* A binary heap with the worst path on top. The order within matters: it is the order in which paths are continued. */
struct beam_heap {
	uint32_t count;
	float
	    bar; /* a path must be better to be added: -INFINITY until the heap is full, then the worst path's score */
	struct beam_heap_entry entries[BEAM_HEAP_MOST + 1];
};

/* Puts an entry into the hole at `index` or above, where it is in order. */
HOST_DEVICE void beam_heap_lift(struct beam_heap *heap, uint32_t index, struct beam_heap_entry entry)
{
	while (index > 0 && entry.score < heap->entries[(index - 1) / 2].score) {
		heap->entries[index] = heap->entries[(index - 1) / 2];
		index = (index - 1) / 2;
	}
	heap->entries[index] = entry;
}

/* The place at `index` or below for an entry; what was on the way moves up. */
HOST_DEVICE uint32_t beam_heap_sink(struct beam_heap *heap, uint32_t index, struct beam_heap_entry entry)
{
	for (uint32_t child; (child = 2 * index + 1) < heap->count; index = child) {
		if (child + 1 < heap->count && heap->entries[child + 1].score < heap->entries[child].score)
			child++;
		if (!(heap->entries[child].score < entry.score))
			break;
		heap->entries[index] = heap->entries[child];
	}
	return index;
}

HOST_DEVICE void beam_heap_push(struct beam_heap *heap, struct beam_heap_entry entry)
{
	beam_heap_lift(heap, heap->count++, entry);
}

HOST_DEVICE struct beam_heap_entry beam_heap_pop(struct beam_heap *heap)
{
	struct beam_heap_entry worst = heap->entries[0], last = heap->entries[--heap->count];

	if (heap->count > 0)
		heap->entries[beam_heap_sink(heap, 0, last)] = last;
	return worst;
}

#endif
