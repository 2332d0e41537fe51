/* Text inside XML elements and attributes, for the output formats that are XML. */
#ifndef FILOT_XML_TEXT_H
#define FILOT_XML_TEXT_H

#include "common/base/buffer.h"

/*
 * Appends `text` with <, >, &, " and ' as entities. What XML 1.0 cannot hold (control characters but tab and line end,
 * U+FFFE, U+FFFF, bytes that are not UTF-8) becomes U+FFFD.
 */
void xml_text(struct buffer *out, const char *text);
void xml_bytes(struct buffer *out, const char *text, size_t length); /* the first `length` bytes of it */

#endif
