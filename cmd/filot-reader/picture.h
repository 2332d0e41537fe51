/* A page's pixels as the PNG or JPEG that people see it by (common/ocr/page_image.h). */
#ifndef FILOT_READER_PICTURE_H
#define FILOT_READER_PICTURE_H

#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/error.h"

struct Pix;

/*
 * Appends what FRAME_IMAGE has for page `number`: `page` scaled down until its longer side has at most
 * PAGE_IMAGE_LONGEST_SIDE_PX. Pages of two colours or a palette become a PNG, others a JPEG of quality 80 or a PNG,
 * whichever is shorter. ERROR_OUT_OF_MEMORY.
 */
bool picture_write(struct Pix *page, int32_t number, struct buffer *out, struct error *error);

#endif
