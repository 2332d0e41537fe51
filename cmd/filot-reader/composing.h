/* What a document's process does for a FRAME_COMPOSE (common/ocr/reader_protocol.h): a searchable PDF, in frames. */
#ifndef FILOT_READER_COMPOSING_H
#define FILOT_READER_COMPOSING_H

#include <jansson.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/ocr/reader.h"

struct composing {
	const json_t *request; /* the object that the frame begins with */
	const char *bytes; /* what follows it in the frame */
	size_t length;
	const struct reader_limits *limits;
	int descriptor, socket;
};

/* Sends FRAME_BYTES; the last frame is the caller's. *page is the one that failed, 0 for none. */
bool composing_run(const struct composing *composing, int32_t *page, struct error *error);

#endif
