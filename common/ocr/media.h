/* What a document is, by its first bytes. Needs no codec, so that whoever only stores documents can ask, too. */
#ifndef FILOT_MEDIA_H
#define FILOT_MEDIA_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/error.h"

#define MEDIA_PREFIX_BYTES 1024 /* media_find needs no more of a document than this */

enum media {
	MEDIA_PNG,
	MEDIA_JPEG,
	MEDIA_TIFF,
	MEDIA_WEBP,
	MEDIA_BMP,
	MEDIA_GIF,
	MEDIA_JP2,
	MEDIA_PNM,
	MEDIA_PDF,
	MEDIA_COUNT
};

/* "PNG", "TIFF", … for messages; "image/png" … as media types. */
extern const char *const media_names[MEDIA_COUNT];
extern const char *const media_types[MEDIA_COUNT];

/*
 * What the bytes are. ERROR_EMPTY_DOCUMENT (no bytes); ERROR_UNSUPPORTED_FORMAT says what they look like instead ("a shell
 * script", "text", …).
 */
bool media_find(const void *bytes, size_t length, enum media *media, struct error *error);

#endif
