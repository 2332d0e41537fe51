/* Growing an array. */
#ifndef FILOT_ARRAY_H
#define FILOT_ARRAY_H

#include <stddef.h>

/*
 * The array with room for `needed` elements, which is moved when it had less (at least doubled, from 64); *capacity
 * follows. NULL when memory ends, and then the array and *capacity are as they were. Elements that are new hold nothing
 * yet.
 */
void *array_grow(void *array, size_t *capacity, size_t needed, size_t element_bytes);

#endif
