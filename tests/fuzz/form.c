/* The body of an upload, in two pieces: the first byte says where it is cut, the first line is its content type. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/http/form.h"

static bool begin(void *context, const struct form_part *part, struct error *error)
{
	(void)context;
	(void)error;
	return strlen(part->name) < FORM_NAME_SIZE;
}

static bool data(void *context, const char *bytes, size_t length, struct error *error)
{
	(void)context;
	(void)error;
	return bytes || !length;
}

static bool end(void *context, struct error *error)
{
	(void)context;
	(void)error;
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	const struct form_sink sink = { .begin = begin, .data = data, .end = end };
	char boundary[FORM_BOUNDARY_SIZE], type[256] = "";
	struct error error = { 0 };
	struct form form;
	const uint8_t *line_end = length > 1 ? memchr(bytes + 1, 10, length - 1) : NULL;
	if (!line_end || (size_t)(line_end - bytes) > sizeof type)
		return 0;
	memcpy(type, bytes + 1, (size_t)(line_end - bytes) - 1);
	if (!form_boundary(type, boundary, &error))
		return 0;
	const char *body = (const char *)line_end + 1;
	size_t rest = length - (size_t)(line_end + 1 - bytes), cut = rest * bytes[0] / 256;
	form_open(&form, boundary, &sink);
	if (form_feed(&form, body, cut, &error) && form_feed(&form, body + cut, rest - cut, &error))
		(void)form_finish(&form, &error);
	form_close(&form);
	return 0;
}
