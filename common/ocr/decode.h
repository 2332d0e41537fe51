/*
 * From a document's bytes to page images: the image formats, by Leptonica. What the bytes are is in media.h, PDF in pdf.h.
 *
 * A document is what its first bytes say, never its name, and only what is on the list below. A page's size is read from
 * its header and compared with the limit before any pixel is allocated. Images come out as the `tesseract` command would
 * hand them to its engine (pixReadMem; for TIFF each directory in turn), so that the text is the same; but an image with
 * an EXIF orientation (exif.h) comes as viewers show it.
 *
 * Not for several threads at once on one struct image. Errors of all functions: ERROR_EMPTY_DOCUMENT (no bytes),
 * ERROR_UNSUPPORTED_FORMAT, ERROR_CORRUPT_DOCUMENT (also when a codec had no memory: Leptonica does not tell),
 * ERROR_PAGE_TOO_LARGE, ERROR_OUT_OF_MEMORY.
 */
#ifndef FILOT_DECODE_H
#define FILOT_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/ocr/media.h"

struct Pix; /* Leptonica's image; freed by pixDestroy */

struct image; /* an image file of one page, or a TIFF of several */

/* Reads headers only. The bytes must stay until image_close. `media` is any but MEDIA_PDF. */
struct image *image_open(enum media media, const void *bytes, size_t length, struct error *error);

int32_t image_page_count(const struct image *image); /* at least 1 */

/* Decodes page `number` (from 1), unless it has more than most_pixels. The caller frees it (pixDestroy). */
struct Pix *image_page(const struct image *image, int32_t number, int64_t most_pixels, struct error *error);

void image_close(struct image *image); /* NULL is fine */

/* ERROR_PAGE_TOO_LARGE when width x height is more than most_pixels; true when it fits. Takes any positive numbers. */
bool decode_page_fits(int64_t width, int64_t height, int64_t most_pixels, struct error *error);

#endif
