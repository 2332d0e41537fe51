/* A .traineddata file. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/ocr/model.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct error error = { 0 };
	model_close(model_read(bytes, length, "fuzzed", &error));
	return 0;
}
