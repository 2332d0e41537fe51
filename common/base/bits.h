/* Bits of words. */
#ifndef FILOT_BITS_H
#define FILOT_BITS_H

#include <stdint.h>

/* How many are set; in steps that the compiler makes vectors of, which a call is not. */
static inline uint32_t bits_count(uint32_t word)
{
	word -= word >> 1 & 0x55555555;
	word = (word & 0x33333333) + (word >> 2 & 0x33333333);
	word = (word + (word >> 4)) & 0x0f0f0f0f;
	word += word >> 8;
	return (word + (word >> 16)) & 0x3f;
}

#endif
