/* The machine-readable zone in the text of a page. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/mrz/mrz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct mrz mrz;
	(void)mrz_find((const char *)bytes, length, INT64_C(1795000000000), &mrz);
	return 0;
}
