/* JSON string escaping over runs of plain bytes, so that ordinary text costs one append. */
#include "common/base/json_text.h"

size_t json_text_utf8_length(const char *bytes, size_t length)
{
	const uint8_t *byte = (const uint8_t *)bytes;
	if (!length)
		return 0;
	if (byte[0] < 0x80)
		return 1;
	size_t size = byte[0] >= 0xc2 && byte[0] < 0xe0 ? 2 : byte[0] >= 0xe0 && byte[0] < 0xf0 ? 3 :
		      byte[0] >= 0xf0 && byte[0] < 0xf5 ? 4 : 0;
	if (!size || size > length)
		return 0;
	for (size_t index = 1; index < size; index++)
		if ((byte[index] & 0xc0) != 0x80)
			return 0;
	if ((byte[0] == 0xe0 && byte[1] < 0xa0) || (byte[0] == 0xed && byte[1] > 0x9f) ||
	    (byte[0] == 0xf0 && byte[1] < 0x90) || (byte[0] == 0xf4 && byte[1] > 0x8f))
		return 0;
	return size;
}

uint32_t json_text_utf8_code(const char *bytes, size_t size)
{
	const uint8_t *byte = (const uint8_t *)bytes;
	uint32_t code = size == 0 ? 0 : size == 1 ? byte[0] : byte[0] & (0x7fU >> size);
	for (size_t index = 1; index < size; index++)
		code = code << 6 | (byte[index] & 0x3f);
	return code;
}

static void append_escape(struct buffer *buffer, uint8_t byte)
{
	switch (byte) {
	case '"':
		buffer_append(buffer, "\\\"", 2);
		break;
	case '\\':
		buffer_append(buffer, "\\\\", 2);
		break;
	case '\n':
		buffer_append(buffer, "\\n", 2);
		break;
	case '\t':
		buffer_append(buffer, "\\t", 2);
		break;
	case '\r':
		buffer_append(buffer, "\\r", 2);
		break;
	default:
		buffer_printf(buffer, "\\u%04x", byte);
	}
}

void json_text_string(struct buffer *buffer, const char *bytes, size_t length)
{
	size_t start = 0;
	size_t index = 0;
	buffer_append_char(buffer, '"');
	while (index < length) {
		uint8_t byte = (uint8_t)bytes[index];
		bool plain = byte >= 0x20 && byte != '"' && byte != '\\';
		size_t size = json_text_utf8_length(bytes + index, length - index);
		if (plain && size) {
			index += size;
			continue;
		}
		buffer_append(buffer, bytes + start, index - start);
		if (size)
			append_escape(buffer, byte);
		else
			buffer_append_string(buffer, "\xef\xbf\xbd");
		start = ++index;
	}
	buffer_append(buffer, bytes + start, length - start);
	buffer_append_char(buffer, '"');
}
