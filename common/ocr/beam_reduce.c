/* Picking a step's two largest outputs. */
#include <math.h>

#include "common/ocr/beam_reduce.h"

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
 * one is it done plainly, as the heap has to decide. Reads the outputs once, and about ten of them again.
 */
struct beam_reduced beam_reduce(const float *outputs, int32_t count, int32_t null_code)
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
		return beam_reduce_plain(outputs, count, null_code);
	step.second_probability = outputs[step.second];
	step.top_probability = outputs[step.top];
	return (struct beam_reduced){ .step = step, .strength = beam_strength(step.top, first, null_code) };
}
