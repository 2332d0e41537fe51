/* A model's recoder, for the English character set and its network. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/ocr/recoder.h"

#define UNICHARS 112
#define OUTPUTS 111
#define NULL_CODE 110

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct error error = { 0 };
	struct recoder *recoder = recoder_new(bytes, length, UNICHARS, OUTPUTS, NULL_CODE, &error);
	for (int32_t code = 0; recoder && code < OUTPUTS; code++)
		(void)recoder_find(recoder, RECODER_ROOT, code);
	recoder_free(recoder);
	return 0;
}
