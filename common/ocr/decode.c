/*
 * Image decoding. Sizes come from Leptonica's header readers, except for BMP and GIF,
 * for which those decode all pixels: their few header bytes are read here.
 */
#include "common/ocr/decode.h"

#include <errno.h>
#include <inttypes.h>
#include <leptonica/allheaders.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/ocr/exif.h"

struct image {
	enum media media;
	const unsigned char *bytes;
	size_t length;
	int32_t page_count;
};

bool decode_page_fits(int64_t width, int64_t height, int64_t most_pixels, struct error *error)
{
	if (width <= most_pixels / height)
		return true;
	return error_set(error, ERROR_PAGE_TOO_LARGE,
			 "the page is %" PRId64 " x %" PRId64 " pixels, more than %" PRId64 " in all", width, height,
			 most_pixels);
}

static bool tiff_count(struct image *image, struct error *error)
{
	FILE *stream = fmemopen((void *)(uintptr_t)image->bytes, image->length, "rb");
	if (!stream)
		return error_set(error, ERROR_OUT_OF_MEMORY, "cannot open the document in memory: %s", strerror(errno));
	l_int32 count = 0;
	bool counted = tiffGetCount(stream, &count) == 0;
	(void)fclose(stream);
	if (!counted || count < 1)
		return error_set(error, ERROR_CORRUPT_DOCUMENT, "the TIFF's directory cannot be read");
	image->page_count = count;
	return true;
}

struct image *image_open(enum media media, const void *bytes, size_t length, struct error *error)
{
	struct image *image = calloc(1, sizeof *image);
	if (!image) {
		error_set(error, ERROR_OUT_OF_MEMORY, "no memory");
		return NULL;
	}
	*image = (struct image){ media, bytes, length, 1 };
	if (media == MEDIA_TIFF && !tiff_count(image, error)) {
		free(image);
		return NULL;
	}
	return image;
}

void image_close(struct image *image)
{
	free(image);
}

int32_t image_page_count(const struct image *image)
{
	return image->page_count;
}

static int64_t little_endian(const unsigned char *bytes, int count)
{
	int64_t value = 0;
	while (count-- > 0)
		value = value << 8 | bytes[count];
	return value;
}

/*
 * Windows BMP: the header that follows the 14 bytes of the file's is 12 bytes (OS/2: 16-bit sizes) or longer (32-bit sizes,
 * a negative height is a picture from the top down). Source: Microsoft, "Bitmap Storage".
 */
static bool bmp_size(const unsigned char *bytes, size_t length, int64_t *width, int64_t *height)
{
	if (length < 26)
		return false;
	if (little_endian(bytes + 14, 4) == 12) {
		*width = little_endian(bytes + 18, 2);
		*height = little_endian(bytes + 20, 2);
		return true;
	}
	*width = (int32_t)little_endian(bytes + 18, 4);
	*height = (int32_t)little_endian(bytes + 22, 4);
	if (*height < 0)
		*height = -*height;
	return true;
}

/* Past the sub-blocks at `at`: a length byte and as many bytes, until a length of 0. */
static size_t gif_skip(const unsigned char *bytes, size_t length, size_t at)
{
	while (at < length && bytes[at] != 0)
		at += (size_t)bytes[at] + 1;
	return at + 1;
}

/* Bytes of the colour table that a packed field announces. */
static size_t gif_colours(unsigned char packed)
{
	return packed & 0x80 ? 3U << ((packed & 7) + 1) : 0;
}

/*
 * All frames of a GIF are unpacked to get the first, so the size that counts is that of the largest frame's sides and of
 * all frames' pixels together: given as width x height of one picture as wide as the widest. Source: GIF89a.
 */
static bool gif_size(const unsigned char *bytes, size_t length, int64_t *width, int64_t *height)
{
	size_t at = 13;
	if (length < at)
		return false;
	at += gif_colours(bytes[10]);
	int64_t widest = 0, pixels = 0;
	while (at < length && bytes[at] != ';') {
		if (bytes[at] == '!') {
			at = gif_skip(bytes, length, at + 2);
			continue;
		}
		if (bytes[at] != ',' || length - at < 11)
			break; /* cut: what came before counts */
		int64_t frame_width = little_endian(bytes + at + 5, 2), frame_height = little_endian(bytes + at + 7, 2);
		widest = frame_width > widest ? frame_width : widest;
		pixels += frame_width * frame_height;
		at = gif_skip(bytes, length, at + 11 + gif_colours(bytes[at + 9]));
	}
	if (widest == 0)
		return false;
	*width = widest;
	*height = (pixels + widest - 1) / widest;
	return true;
}

/* Size of a page by its header alone. */
static bool page_size(const struct image *image, int32_t number, int64_t *width, int64_t *height)
{
	l_int32 w = 0, h = 0;
	bool read;
	switch (image->media) {
	case MEDIA_BMP:
		read = bmp_size(image->bytes, image->length, width, height);
		break;
	case MEDIA_GIF:
		read = gif_size(image->bytes, image->length, width, height);
		break;
	case MEDIA_TIFF:
		read = !readHeaderMemTiff(image->bytes, image->length, number - 1, &w, &h, NULL, NULL, NULL, NULL, NULL);
		*width = w;
		*height = h;
		break;
	default:
		read = !pixReadHeaderMem(image->bytes, image->length, NULL, &w, &h, NULL, NULL, NULL);
		*width = w;
		*height = h;
		break;
	}
	return read && *width > 0 && *height > 0;
}

/* Leaves `from` to what was made of it. */
static PIX *instead(PIX *from, PIX *made)
{
	pixDestroy(&from);
	return made;
}

/* As a viewer shows it: mirrored first, then turned (exif.h). */
static PIX *oriented(PIX *pix, int orientation)
{
	static const struct {
		bool mirrored;
		l_int32 quarters;
	} shown[] = { { false, 0 }, { true, 0 }, { false, 2 }, { true, 2 }, { true, 3 }, { false, 1 }, { true, 1 }, { false, 3 } };
	bool mirrored = shown[orientation - 1].mirrored;
	l_int32 quarters = shown[orientation - 1].quarters;
	if (mirrored)
		pix = instead(pix, pixFlipLR(NULL, pix));
	return pix && quarters ? instead(pix, pixRotateOrth(pix, quarters)) : pix;
}

struct Pix *image_page(const struct image *image, int32_t number, int64_t most_pixels, struct error *error)
{
	int64_t width = 0, height = 0;
	const char *name = media_names[image->media];
	if (!page_size(image, number, &width, &height)) {
		error_set(error, ERROR_CORRUPT_DOCUMENT, "the %s header of page %" PRId32 " cannot be read", name, number);
		return NULL;
	}
	if (!decode_page_fits(width, height, most_pixels, error))
		return NULL;
	PIX *pix = image->media == MEDIA_TIFF ? pixReadMemTiff(image->bytes, image->length, number - 1)
					      : pixReadMem(image->bytes, image->length);
	if (!pix)
		error_set(error, ERROR_CORRUPT_DOCUMENT, "the %s data of page %" PRId32 " cannot be decoded", name, number);
	int orientation = pix ? exif_orientation(image->media, image->bytes, image->length) : 1;
	if (orientation == 1)
		return pix;
	pix = oriented(pix, orientation);
	if (!pix)
		error_set(error, ERROR_OUT_OF_MEMORY, "no memory to turn page %" PRId32, number);
	return pix;
}
