/*
 * A page's image as the stream of a PDF's image object, in the document's own bytes where PDF has that coding: JPEG
 * (baseline and progressive of 8 bits), JPEG 2000 files, PNG without transparency and interlacing, TIFF in one strip of
 * CCITT group 4. Other images are decoded and coded again without loss: CCITT group 4 for black and white, else PNG.
 */
#ifndef FILOT_COMPOSE_IMAGE_H
#define FILOT_COMPOSE_IMAGE_H

#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/error.h"
#include "common/ocr/media.h"

struct image;

struct compose_image {
	struct buffer entries; /* of the object's dictionary: all but its type and length */
	const void *bytes; /* of the stream: in the document, or in `own` */
	size_t length;
	struct buffer own;
	int orientation; /* 1 to 8, as exif.h has it: how the page shows it */
	double shape; /* of a pixel: its height by its width, 1 unless the image says otherwise */
};

/*
 * Page `number` of an open document of those bytes. ERROR_CORRUPT_DOCUMENT, ERROR_PAGE_TOO_LARGE, ERROR_OUT_OF_MEMORY. The
 * result is to be freed in any case.
 */
bool compose_image_make(const struct image *document, enum media media, const void *bytes, size_t length, int32_t number,
			int64_t most_pixels, struct compose_image *image, struct error *error);

void compose_image_free(struct compose_image *image);

#endif
