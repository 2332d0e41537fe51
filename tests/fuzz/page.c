/* A page as a reader process sends it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/ocr/page.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct page page;
	struct error error = { 0 };
	if (page_parse_json(&page, (const char *)bytes, length, &error))
		page_free(&page);
	return 0;
}
