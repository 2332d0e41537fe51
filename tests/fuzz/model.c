/* A .traineddata file, and what is made of its network. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/ocr/model.h"
#include "common/ocr/network.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct error error = { 0 };
	struct model *model = model_read(bytes, length, "fuzzed", &error);
	network_free(model ? network_new(model, NETWORK_GENERIC, &error) : NULL);
	model_close(model);
	return 0;
}
