/*
 * Scaling makes greys of two colours. 16 of them are enough for letters, and a PNG of 16 greys has half the bytes of one
 * of 256; so such a page is never longer than its scan for nothing.
 */
#include "cmd/filot-reader/picture.h"

#include <leptonica/allheaders.h>

#include "common/ocr/page_image.h"

#define JPEG_QUALITY 80
#define GREYS 16

/* How a side is scaled that must not vanish. */
static l_float32 factor_of(l_int32 side, l_int32 longer)
{
	l_float32 factor = (l_float32)PAGE_IMAGE_LONGEST_SIDE_PX / (l_float32)longer, least = 1.0F / (l_float32)side;
	return factor > least ? factor : least;
}

/* 1, 4 or 8 bits of grey, or 32 of colour without transparency; with a palette only where nothing is scaled. */
static PIX *scale(PIX *page)
{
	l_int32 width = pixGetWidth(page), height = pixGetHeight(page);
	l_int32 longer = width > height ? width : height;
	bool small = longer <= PAGE_IMAGE_LONGEST_SIDE_PX;
	bool two_colours = pixGetDepth(page) == 1 && !pixGetColormap(page);
	if (small && (two_colours || pixGetColormap(page)))
		return pixClone(page);
	PIX *plain = pixConvertTo8Or32(page, L_CLONE, 0);
	PIX *scaled = NULL;
	if (plain && small)
		scaled = pixCopy(NULL, plain); /* its samples a pixel are set below */
	else if (plain)
		scaled = pixScaleGeneral(plain, factor_of(width, longer), factor_of(height, longer), 0, 0);
	pixDestroy(&plain);
	if (scaled && two_colours) {
		plain = scaled;
		scaled = pixThresholdTo4bpp(plain, GREYS, 0);
		pixDestroy(&plain);
	}
	if (scaled && pixGetDepth(scaled) == 32)
		(void)pixSetSpp(scaled, 3);
	return scaled;
}

bool picture_write(struct Pix *page, int32_t number, struct buffer *out, struct error *error)
{
	const struct frame_image head = { number, pixGetWidth(page), pixGetHeight(page), 0 };
	PIX *scaled = scale(page);
	l_uint8 *png = NULL, *jpeg = NULL;
	size_t png_length = 0, jpeg_length = 0;
	bool done = scaled && pixWriteMemPng(&png, &png_length, scaled, 0) == 0;
	if (done && pixGetDepth(scaled) >= 8 && !pixGetColormap(scaled))
		done = pixWriteMemJpeg(&jpeg, &jpeg_length, scaled, JPEG_QUALITY, 0) == 0;
	pixDestroy(&scaled);
	if (done) {
		bool is_jpeg = jpeg && jpeg_length < png_length;
		buffer_append(out, &head, sizeof head);
		buffer_append(out, is_jpeg ? jpeg : png, is_jpeg ? jpeg_length : png_length);
	}
	lept_free(png);
	lept_free(jpeg);
	return (done && !out->failed) || error_set(error, ERROR_OUT_OF_MEMORY, "no memory for the image of a page");
}
