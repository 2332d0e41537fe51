/*
 * A page as people see it: a PNG or JPEG of the pixels in which its boxes lie, scaled down, for the overlay. The reader
 * child draws it (cmd/filot-reader/picture.h) and sends it as a FRAME_IMAGE; a worker keeps its bytes and never decodes
 * them.
 */
#ifndef FILOT_PAGE_IMAGE_H
#define FILOT_PAGE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"

#define PAGE_IMAGE_LONGEST_SIDE_PX 2000
/* More than the pixels of the largest one have as they are. */
#define PAGE_IMAGE_MOST_BYTES (16 * 1024 * 1024)

/* How a FRAME_IMAGE begins: the page's number and its size, not the image's own. The PNG or JPEG follows. */
struct frame_image {
	int32_t page, width, height, reserved;
};

struct page_image {
	char *bytes; /* owned; NULL: there is none */
	size_t length;
	const char *media_type; /* "image/png" or "image/jpeg" */
	int32_t page, width, height; /* of the page */
};

/*
 * Copies the image of a FRAME_IMAGE's payload into *image, which is empty. ERROR_INTERNAL when it is too long, or begins as
 * neither a PNG nor a JPEG does.
 */
bool page_image_take(struct page_image *image, const void *payload, size_t length, struct error *error);

/*
 * Moves *image into *kept when it is of that page; none at all is right when none was `wanted`. *image is empty after in
 * any case. ERROR_INTERNAL otherwise.
 */
bool page_image_keep(struct page_image *image, bool wanted, int32_t page, int32_t width, int32_t height,
		     struct page_image *kept, struct error *error);

void page_image_free(struct page_image *image);

#endif
