/* Growing arrays. */
#include "common/base/array.h"

#include <stdint.h>
#include <stdlib.h>

#include "tests/unit/test.h"

static void what_was_in_an_array_stays_when_it_grows(void)
{
	size_t capacity = 0;
	int *numbers = NULL;

	for (int i = 0; i < 1000; i++) {
		int *grown = array_grow(numbers, &capacity, (size_t)i + 1, sizeof *grown);

		CHECK(grown && capacity > (size_t)i);
		if (!grown)
			break;
		numbers = grown;
		numbers[i] = i;
	}
	for (int i = 0; numbers && i < 1000; i++)
		CHECK(numbers[i] == i);
	CHECK(array_grow(numbers, &capacity, 10, sizeof *numbers) ==
	      numbers); /* enough already: it stays where it is */
	free(numbers);
}

static void an_array_beyond_memory_stays_as_it_was(void)
{
	size_t capacity = 0;
	char *bytes = array_grow(NULL, &capacity, 1, 1);

	CHECK(bytes != NULL);
	size_t before = capacity;
	CHECK(array_grow(bytes, &capacity, SIZE_MAX, 1) == NULL);
	CHECK(array_grow(bytes, &capacity, SIZE_MAX / 2, 16) == NULL);
	CHECK_INTEGER(capacity, before);
	if (bytes)
		memset(bytes, 1, capacity);
	free(bytes);
}

int main(void)
{
	TEST(what_was_in_an_array_stays_when_it_grows);
	TEST(an_array_beyond_memory_stays_as_it_was);
	return test_done();
}
