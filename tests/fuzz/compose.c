/* A document of any kind, made into a searchable PDF with a word on each of its first two pages. */
#include <stdint.h>
#include <stdlib.h>

#include <leptonica/allheaders.h>

#include "common/ocr/compose.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static bool count(void *context, const void *piece, size_t length, struct error *error)
{
	size_t *left = context;
	(void)piece;
	if (length > *left)
		return error_set(error, ERROR_TOO_LARGE, "enough");
	*left -= length;
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	static const char text[] = "10 0 0 -10 10 20 Tm 100 Tz <0002> Tj\n", unicode[] = "1 beginbfchar <0002> <0041> endbfchar";
	static const struct compose_page pages[] = { { 1, 100, 100, 72, text, sizeof text - 1 },
						     { 2, 30000, 1, 0, text, sizeof text - 1 } };
	struct compose_request request = { .bytes = bytes, .length = length, .password = "secret", .most_pixels = 1000000,
					   .pages = pages, .unicode = unicode, .unicode_length = sizeof unicode - 1,
					   .character_count = 3 };
	size_t left = (size_t)16 << 20;
	const struct compose_sink sink = { count, &left };
	struct error error = { 0 };
	int32_t page;
	(void)setMsgSeverity(L_SEVERITY_NONE);
	if (!media_find(bytes, length, &request.media, &error))
		return 0;
	for (request.page_count = 1; request.page_count <= 2; request.page_count++)
		(void)compose(&request, &sink, &page, &error);
	return 0;
}
