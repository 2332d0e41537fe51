/* A layout as a reader process sends it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/ocr/layout.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct layout layout;
	struct error error = { 0 };
	if (layout_read(&layout, bytes, length, &error))
		layout_free(&layout);
	return 0;
}
