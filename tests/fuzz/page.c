/* A page as a reader process sends it, and all that is written of it; a result line must be JSON. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "common/ocr/output.h"

static void write_all(struct page *page)
{
	const struct result result = { .document = "d", .pages = page, .page_count = 1 };
	struct buffer out = { 0 };
	for (int format = 0; format < OUTPUT_FORMAT_COUNT; format++) {
		buffer_clear(&out);
		output_write((enum output_format)format, &result, &out);
		json_t *line = format == OUTPUT_JSON && !out.failed ? json_loadb(out.data, out.length, JSON_ALLOW_NUL, NULL) : NULL;
		if (format == OUTPUT_JSON && !out.failed && (!line || memchr(out.data, '\n', out.length - 1)))
			abort();
		json_decref(line);
	}
	buffer_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct page page;
	struct error error = { 0 };
	if (!page_parse_json(&page, (const char *)bytes, length, &error))
		return 0;
	write_all(&page);
	page_free(&page);
	return 0;
}
