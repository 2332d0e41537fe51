/* A model's character set. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/ocr/unicharset.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct error error = { 0 };
	struct unicharset *unicharset = unicharset_new(bytes, length, &error);
	uint8_t *marks = unicharset ? calloc((size_t)unicharset->count + 1, 1) : NULL;
	if (marks)
		unicharset_mark(unicharset, "The quick brown \xc3\xa4\xe2\x82\xac", marks);
	free(marks);
	unicharset_free(unicharset);
	return 0;
}
