/* Picking a step's two largest outputs, plainly: what the vectors of beam_reduce.c must equal, and what devices run. */
#ifndef FILOT_BEAM_REDUCE_H
#define FILOT_BEAM_REDUCE_H

#include "common/ocr/beam_heap.h"
#include "common/ocr/beam_step.h"

#define BEAM_TOP_OUTPUTS 5
#define BEAM_STRENGTH_SCALE 127

/* The general case: which of equal outputs are taken depends on the heap. */
HOST_DEVICE void beam_reduce_by_heap(const float *outputs, int32_t count, struct beam_step *step)
{
	struct beam_heap heap = { 0 };

	for (int32_t i = 0; i < count; i++) {
		struct beam_heap_entry entry;

		if (heap.count >= BEAM_TOP_OUTPUTS && !(outputs[i] > heap.entries[0].score))
			continue;
		entry.score = outputs[i];
		entry.node = (uint32_t)i;
		beam_heap_push(&heap, entry);
		if (heap.count > BEAM_TOP_OUTPUTS)
			beam_heap_pop(&heap);
	}
	while (heap.count > 2)
		beam_heap_pop(&heap);
	step->second = (int32_t)beam_heap_pop(&heap).node;
	step->top = (int32_t)beam_heap_pop(&heap).node;
}

/* `best`: the first of the largest outputs. */
HOST_DEVICE int32_t beam_strength(int32_t best, float probability, int32_t null_code)
{
	int32_t strength = (int32_t)(BEAM_STRENGTH_SCALE * probability);

	if (best == null_code)
		return -1;
	return strength < BEAM_STRENGTH_SCALE ? strength : BEAM_STRENGTH_SCALE;
}

/* Reads the outputs once, and once more only when the second largest has equals. */
HOST_DEVICE struct beam_reduced beam_reduce_plain(const float *outputs, int32_t count, int32_t null_code)
{
	struct beam_reduced reduced;
	struct beam_step *step = &reduced.step;
	float third = -1;

	step->top = step->second = -1;
	step->top_probability = step->second_probability = -1;
	for (int32_t i = 0; i < count; i++) {
		float value = outputs[i];

		if (value > step->top_probability) {
			third = step->second_probability;
			step->second = step->top;
			step->second_probability = step->top_probability;
			step->top = i;
			step->top_probability = value;
		} else if (value > step->second_probability) {
			third = step->second_probability;
			step->second = i;
			step->second_probability = value;
		} else if (value > third) {
			third = value;
		}
	}
	reduced.strength = beam_strength(step->top, step->top_probability, null_code);
	if (third == step->second_probability || step->second_probability == step->top_probability)
		beam_reduce_by_heap(outputs, count, step);
	step->null_probability = outputs[null_code];
	return reduced;
}

#endif
