/* Growing an array by doubling, so that appending one by one costs a constant number of moves an element. */
#include "common/base/array.h"

#include <stdint.h>
#include <stdlib.h>

void *array_grow(void *array, size_t *capacity, size_t needed, size_t element_bytes)
{
	size_t larger = *capacity ? *capacity : 64;

	if (array && needed <= *capacity)
		return array;
	while (larger < needed) {
		if (larger > SIZE_MAX / 2)
			return NULL;
		larger *= 2;
	}
	if (larger > SIZE_MAX / element_bytes)
		return NULL;
	void *moved = realloc(array, larger * element_bytes);
	if (moved)
		*capacity = larger;
	return moved;
}
