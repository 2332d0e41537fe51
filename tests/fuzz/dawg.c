/* A model's dictionary, for the English character set; one walk through it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/ocr/dawg.h"

#define UNICHARS 112
#define MOST_STEPS 100

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct error error = { 0 };
	struct dawg *dawg = dawg_new(bytes, length, UNICHARS, &error);
	uint32_t node = 0;
	for (int32_t step = 0; dawg && step < MOST_STEPS; step++) {
		int32_t edge = dawg_find(dawg, node, step % UNICHARS);
		if (edge != DAWG_NO_EDGE)
			node = dawg_next(dawg, edge);
	}
	dawg_free(dawg);
	return 0;
}
