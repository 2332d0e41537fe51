/* Characters are copied or replaced one at a time; see the header. */
#include "common/ocr/xml_text.h"

#include <string.h>

#include "common/base/json_text.h"

static const char replacement[] = "\xef\xbf\xbd";

/* Whether XML has no such character, which takes `size` bytes. */
static bool is_excluded(const char *text, size_t size)
{
	if (size == 3)
		return !memcmp(text, "\xef\xbf\xbe", 3) || !memcmp(text, "\xef\xbf\xbf", 3);
	return !size || ((unsigned char)*text < 0x20 && *text != '\t' && *text != '\n');
}

/* What an element or attribute needs instead of the character at `text`; NULL: itself. */
static const char *entity(const char *text, size_t size)
{
	switch (*text) {
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '&':
		return "&amp;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return is_excluded(text, size) ? replacement : NULL;
	}
}

void xml_bytes(struct buffer *out, const char *text, size_t length)
{
	for (size_t index = 0; index < length;) {
		size_t size = json_text_utf8_length(text + index, length - index);
		const char *instead = entity(text + index, size);
		if (instead)
			buffer_append_string(out, instead);
		else
			buffer_append(out, text + index, size);
		index += size ? size : 1;
	}
}

void xml_text(struct buffer *out, const char *text)
{
	xml_bytes(out, text, strlen(text));
}
