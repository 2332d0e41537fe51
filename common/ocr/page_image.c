/* What may come as a page's image, by its first bytes and its length: the rest is for whoever shows it. */
#include "common/ocr/page_image.h"

#include <stdlib.h>
#include <string.h>

static const char *media_type_of(const char *bytes, size_t length)
{
	static const char png[] = "\x89PNG\r\n\x1a\n", jpeg[] = "\xff\xd8\xff";
	if (length >= sizeof png - 1 && memcmp(bytes, png, sizeof png - 1) == 0)
		return "image/png";
	return length >= sizeof jpeg - 1 && memcmp(bytes, jpeg, sizeof jpeg - 1) == 0 ? "image/jpeg" : NULL;
}

bool page_image_take(struct page_image *image, const void *payload, size_t length, struct error *error)
{
	struct frame_image head;
	if (length < sizeof head || length - sizeof head > PAGE_IMAGE_MOST_BYTES)
		return error_set(error, ERROR_INTERNAL, "reader sent a page's image of %zu bytes", length);
	memcpy(&head, payload, sizeof head);
	const char *bytes = (const char *)payload + sizeof head;
	length -= sizeof head;
	const char *media_type = media_type_of(bytes, length);
	if (!media_type)
		return error_set(error, ERROR_INTERNAL, "reader sent a page's image that is neither PNG nor JPEG");
	char *copy = malloc(length);
	if (!copy)
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a page's image");
	memcpy(copy, bytes, length);
	*image = (struct page_image){ copy, length, media_type, head.page, head.width, head.height };
	return true;
}

bool page_image_keep(struct page_image *image, bool wanted, int32_t page, int32_t width, int32_t height,
		     struct page_image *kept, struct error *error)
{
	*kept = *image;
	*image = (struct page_image){ 0 };
	if (wanted ? kept->bytes && kept->page == page && kept->width == width && kept->height == height : !kept->bytes)
		return true;
	page_image_free(kept);
	return error_set(error, ERROR_INTERNAL, "reader sent page %d of %d x %d px without its image", page, width, height);
}

void page_image_free(struct page_image *image)
{
	free(image->bytes);
	*image = (struct page_image){ 0 };
}
