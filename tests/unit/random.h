/* The same numbers in every run, from RANDOM_SEED, which is defined before this is included. */
#ifndef FILOT_TEST_RANDOM_H
#define FILOT_TEST_RANDOM_H

#include <stdint.h>

static uint64_t random_state = RANDOM_SEED;

/* 0 to limit - 1: a linear congruential generator with Knuth's MMIX constants, of which the upper half is good. */
static uint32_t random_below(uint32_t limit)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((random_state >> 33) % limit);
}

#endif
