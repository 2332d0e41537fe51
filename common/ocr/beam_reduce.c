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
 * Two passes that compilers turn into vector code: the two largest values, then where they are. Only when more than two
 * outputs are as large as the second one does the heap have to decide.
 */
struct beam_step beam_reduce(const float *outputs, int32_t count, int32_t null_code)
{
	enum { LANES = 16 };
	float first[LANES], second[LANES];
	struct beam_step step = { .top = -1, .second = -1, .null_probability = outputs[null_code] };
	int32_t whole = count - count % LANES, found = 0;

	for (int lane = 0; lane < LANES; lane++)
		first[lane] = second[lane] = -INFINITY;
	for (int32_t i = 0; i < whole; i += LANES)
		for (int lane = 0; lane < LANES; lane++)
			keep_two(&first[lane], &second[lane], outputs[i + lane]);
	for (int32_t i = whole; i < count; i++)
		keep_two(&first[0], &second[0], outputs[i]);
	for (int lane = 1; lane < LANES; lane++) {
		keep_two(&first[0], &second[0], first[lane]);
		keep_two(&first[0], &second[0], second[lane]);
	}
	for (int32_t i = 0; i < count; i += LANES) {
		int32_t end = i + LANES < count ? i + LANES : count;
		int any = 0;

		if (i < whole)
			for (int lane = 0; lane < LANES; lane++)
				any |= outputs[i + lane] >= second[0];
		for (int32_t at = i; at < end && (any || i == whole); at++) {
			if (!(outputs[at] >= second[0]))
				continue;
			found++;
			if (outputs[at] == first[0])
				step.top = at;
			else
				step.second = at;
		}
	}
	if (found != 2 || step.top < 0 || step.second < 0)
		reduce_by_heap(outputs, count, &step);
	step.second_probability = outputs[step.second];
	step.top_probability = outputs[step.top];
	return step;
}
