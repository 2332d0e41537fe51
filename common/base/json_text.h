/* JSON text pieces for writers that are too hot or too low for a tree of values (log lines, page words). */
#ifndef FILOT_JSON_TEXT_H
#define FILOT_JSON_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"

/* Appends `length` bytes as a JSON string with its quotes (RFC 8259). Bytes that are not UTF-8 become U+FFFD. */
void json_text_string(struct buffer *buffer, const char *bytes, size_t length);

/* Length of the valid UTF-8 sequence at `bytes` (1 to 4; no surrogates, no overlong forms), 0 when there is none. */
size_t json_text_utf8_length(const char *bytes, size_t length);

/* The code point of the character that json_text_utf8_length found; 0 where that found none. */
uint32_t json_text_utf8_code(const char *bytes, size_t size);

#endif
