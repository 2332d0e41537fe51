/*
 * The overlay: one HTML page for a document, which holds all that it needs (overlay.html, .css and .js; the pages' images;
 * the result line) and asks for nothing: its policy lets no script run but its own. For output.c.
 */
#ifndef FILOT_OUTPUT_OVERLAY_H
#define FILOT_OUTPUT_OVERLAY_H

#include "common/json/result.h"

/* Appends one whole HTML document. The pages must have their images (reader_request.images). */
void output_overlay_write(const struct result *result, struct buffer *out);

#endif
