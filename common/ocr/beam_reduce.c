/* Picking a step's two largest outputs. */
#include <math.h>

#include "common/ocr/beam.h"
#include "common/ocr/beam_heap.h"

#define TOP_OUTPUTS 5

/* The general case of beam_reduce: which of equal outputs are taken depends on the heap. */
static void reduce_by_heap(const float *outputs, int32_t count, struct beam_step *step)
{
	struct beam_heap heap = { 0 };

	for (int32_t i = 0; i < count; i++) {
		if (heap.count >= TOP_OUTPUTS && !(outputs[i] > heap.entries[0].score))
			continue;
		beam_heap_push(&heap, (struct beam_heap_entry){ outputs[i], (uint32_t)i });
		if (heap.count > TOP_OUTPUTS)
			beam_heap_pop(&heap);
	}
	while (heap.count > 2)
		beam_heap_pop(&heap);
	step->second = (int32_t)beam_heap_pop(&heap).node;
	step->top = (int32_t)beam_heap_pop(&heap).node;
}

/* Keeps the two largest of what it has seen; written so that compilers make minimum and maximum instructions of it. */
static inline void keep_two(float *first, float *second, float value)
{
	float lesser = value < *first ? value : *first;

	*first = value > *first ? value : *first;
	*second = lesser > *second ? lesser : *second;
}

/*
 * The outputs are dealt out to lanes, which compilers make vectors of; the two largest values of all lanes are found
 * first, then where they are, in the lanes that have them. Only when more than two outputs are as large as the second
 * one does the heap have to decide. Reads the outputs once, and about ten of them again.
 */
struct beam_step beam_reduce(const float *outputs, int32_t count, int32_t null_code)
{
	enum { LANES = 16 };
	float firsts[LANES], seconds[LANES], first = -INFINITY, second = -INFINITY;
	struct beam_step step = { .top = -1, .second = -1, .null_probability = outputs[null_code] };
	int32_t whole = count - count % LANES, found = 0;

	for (int lane = 0; lane < LANES; lane++)
		firsts[lane] = seconds[lane] = -INFINITY;
	for (int32_t i = 0; i < whole; i += LANES)
		for (int lane = 0; lane < LANES; lane++)
			keep_two(&firsts[lane], &seconds[lane], outputs[i + lane]);
	for (int32_t i = whole; i < count; i++)
		keep_two(&firsts[i - whole], &seconds[i - whole], outputs[i]);
	for (int lane = 0; lane < LANES; lane++) {
		keep_two(&first, &second, firsts[lane]);
		keep_two(&first, &second, seconds[lane]);
	}
	for (int lane = 0; lane < LANES; lane++) {
		if (!(firsts[lane] >= second))
			continue;
		for (int32_t i = lane; i < count; i += LANES) {
			if (!(outputs[i] >= second))
				continue;
			found++;
			*(outputs[i] == first ? &step.top : &step.second) = i;
		}
	}
	if (found != 2 || step.top < 0 || step.second < 0)
		reduce_by_heap(outputs, count, &step);
	step.second_probability = outputs[step.second];
	step.top_probability = outputs[step.top];
	return step;
}
