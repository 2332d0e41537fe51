/* What a document is by its bytes, sizes read before pixels, and images that come out as they went in. */
#include "common/ocr/decode.h"

#include <leptonica/allheaders.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/unit/test.h"

#define MOST_PIXELS 1000000

static enum error_code media_error(const void *bytes, size_t length, struct error *error)
{
	enum media media;
	*error = (struct error){ 0 };
	return media_find(bytes, length, &media, error) ? ERROR_NONE : error->code;
}

static void a_document_without_bytes_is_empty(void)
{
	struct error error;
	CHECK_INTEGER(media_error("", 0, &error), ERROR_EMPTY_DOCUMENT);
}

static void what_is_not_read_is_called_by_its_name(void)
{
	static const struct {
		const char *bytes, *name;
	} cases[] = { { "#!/bin/sh\nexit 0\n", "a shell script" },
		      { "This is not a picture.\n", "text" },
		      { "PK\x03\x04 and more", "ZIP" },
		      { "<svg xmlns", "SVG" },
		      { "P9 is a number", "text" },
		      { "\x01\x02\x03\x04", "unknown" },
		      { "....ftypheic....", "HEIF" } };
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct error error;
		CHECK_INTEGER(media_error(cases[i].bytes, strlen(cases[i].bytes), &error), ERROR_UNSUPPORTED_FORMAT);
		CHECK(strstr(error.message, cases[i].name) != NULL);
	}
}

static void a_pdf_may_have_bytes_before_its_header(void)
{
	enum media media = MEDIA_COUNT;
	struct error error;
	CHECK(media_find("junk\n%PDF-1.4\n", 14, &media, &error) && media == MEDIA_PDF);
}

/* A picture with something in it, of `depth` bits. */
static PIX *picture(int width, int height, int depth)
{
	PIX *pix = pixCreate(width, height, depth);
	for (int y = 0; y < height; y++)
		for (int x = 0; x < width; x++)
			pixSetPixel(pix, x, y,
				    depth == 1	? (l_uint32)((x / 3 + y / 5) & 1)
				    : depth == 8 ? (l_uint32)(x * 7 + y * 3) & 255
						 : ((l_uint32)(x * 5) & 255) << 24 | ((l_uint32)y & 255) << 16);
	pixSetResolution(pix, 200, 200);
	return pix;
}

static bool equal_first_page(const l_uint8 *bytes, size_t length, enum media media, PIX *want)
{
	struct error error = { 0 };
	enum media found = MEDIA_COUNT;
	l_int32 same = 0;
	if (!media_find(bytes, length, &found, &error) || found != media)
		return false;
	struct image *image = image_open(media, bytes, length, &error);
	PIX *pix = image ? image_page(image, 1, MOST_PIXELS, &error) : NULL;
	if (pix)
		pixEqual(pix, want, &same);
	pixDestroy(&pix);
	image_close(image);
	return same != 0;
}

static void every_lossless_format_gives_the_pixels_that_went_in(void)
{
	static const struct {
		enum media media;
		int format, depth;
	} cases[] = { { MEDIA_PNG, IFF_PNG, 1 },	 { MEDIA_PNG, IFF_PNG, 8 },	 { MEDIA_PNG, IFF_PNG, 32 },
		      { MEDIA_TIFF, IFF_TIFF_G4, 1 },	 { MEDIA_TIFF, IFF_TIFF_LZW, 8 }, { MEDIA_TIFF, IFF_TIFF_ZIP, 32 },
		      { MEDIA_TIFF, IFF_TIFF_PACKBITS, 1 }, { MEDIA_BMP, IFF_BMP, 8 },	 { MEDIA_PNM, IFF_PNM, 1 },
		      { MEDIA_PNM, IFF_PNM, 8 },	 { MEDIA_PNM, IFF_PNM, 32 } };
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		PIX *pix = picture(61, 47, cases[i].depth);
		l_uint8 *bytes = NULL;
		size_t length = 0;
		CHECK(pixWriteMem(&bytes, &length, pix, cases[i].format) == 0);
		CHECK(equal_first_page(bytes, length, cases[i].media, pix));
		lept_free(bytes);
		pixDestroy(&pix);
	}
}

static void lossy_formats_give_a_page_of_the_same_size(void)
{
	static const struct {
		enum media media;
		int format;
	} cases[] = { { MEDIA_JPEG, IFF_JFIF_JPEG }, { MEDIA_WEBP, IFF_WEBP }, { MEDIA_JP2, IFF_JP2 }, { MEDIA_GIF, IFF_GIF } };
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		PIX *pix = picture(161, 147, 32), *read = NULL;
		l_uint8 *bytes = NULL;
		size_t length = 0;
		struct error error = { 0 };
		enum media media = MEDIA_COUNT;
		CHECK(pixWriteMem(&bytes, &length, pix, cases[i].format) == 0);
		CHECK(media_find(bytes, length, &media, &error) && media == cases[i].media);
		struct image *image = image_open(media, bytes, length, &error);
		CHECK(image && (read = image_page(image, 1, MOST_PIXELS, &error)));
		CHECK(read && pixGetWidth(read) == 161 && pixGetHeight(read) == 147);
		/* One pixel fewer than it has is too few, and said so before it is decoded. */
		CHECK(image && !image_page(image, 1, 161 * 147 - 1, &error) && error.code == ERROR_PAGE_TOO_LARGE);
		pixDestroy(&read);
		pixDestroy(&pix);
		image_close(image);
		lept_free(bytes);
	}
}

static void every_page_of_a_tiff_is_found_in_any_order(void)
{
	PIXA *pages = pixaCreate(3);
	for (int i = 0; i < 3; i++)
		pixaAddPix(pages, picture(20 + 10 * i, 30, 1), L_INSERT);
	l_uint8 *bytes = NULL;
	size_t length = 0;
	struct error error = { 0 };
	CHECK(pixaWriteMemMultipageTiff(&bytes, &length, pages) == 0);
	struct image *image = image_open(MEDIA_TIFF, bytes, length, &error);
	CHECK(image && image_page_count(image) == 3);
	for (int number = 3; image && number >= 1; number--) {
		PIX *pix = image_page(image, number, MOST_PIXELS, &error);
		CHECK(pix && pixGetWidth(pix) == 10 + 10 * number);
		pixDestroy(&pix);
	}
	CHECK(image && !image_page(image, 4, MOST_PIXELS, &error) && error.code == ERROR_CORRUPT_DOCUMENT);
	image_close(image);
	lept_free(bytes);
	pixaDestroy(&pages);
}

static enum error_code first_page_error(enum media media, const void *bytes, size_t length)
{
	struct error error = { 0 };
	struct image *image = image_open(media, bytes, length, &error);
	PIX *pix = image ? image_page(image, 1, MOST_PIXELS, &error) : NULL;
	enum error_code code = pix ? ERROR_NONE : error.code;
	pixDestroy(&pix);
	image_close(image);
	return code;
}

static void sizes_that_a_header_only_promises_are_refused_unread(void)
{
	static const char png[] = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\x7f\xff\xff\xff\x7f\xff\xff\xff\x01\0\0\0\0\0\0\0\0"
				  "\0\0\0\0IEND\xae\x42\x60\x82";
	static const char bmp[] = "BM\x36\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\xff\xff\xff\x7f\0\0\0\x80\x01\0\x18\0";
	static const char frames[] = "GIF89a\1\0\1\0\0\0\0"
				     ",\0\0\0\0\xff\xff\xff\xff\0\2\0" ",\0\0\0\0\xff\xff\xff\xff\0\2\0;";
	CHECK_INTEGER(first_page_error(MEDIA_PNG, png, sizeof png - 1), ERROR_PAGE_TOO_LARGE);
	CHECK_INTEGER(first_page_error(MEDIA_BMP, bmp, sizeof bmp - 1), ERROR_PAGE_TOO_LARGE);
	CHECK_INTEGER(first_page_error(MEDIA_GIF, frames, sizeof frames - 1), ERROR_PAGE_TOO_LARGE);
}

static void cut_headers_are_corrupt(void)
{
	CHECK_INTEGER(first_page_error(MEDIA_BMP, "BM\x36\0\0\0\0\0\0\0\x36\0\0\0", 14), ERROR_CORRUPT_DOCUMENT);
	CHECK_INTEGER(first_page_error(MEDIA_GIF, "GIF89a\1\0", 8), ERROR_CORRUPT_DOCUMENT);
	CHECK_INTEGER(first_page_error(MEDIA_PNG, "\x89PNG\r\n\x1a\n", 8), ERROR_CORRUPT_DOCUMENT);
	CHECK_INTEGER(first_page_error(MEDIA_TIFF, "II*\0\x08\0\0\0", 8), ERROR_CORRUPT_DOCUMENT);
	CHECK_INTEGER(first_page_error(MEDIA_JPEG, "\xff\xd8\xff", 3), ERROR_CORRUPT_DOCUMENT);
}

/* The answer may be a page or an error, but there is one, and a page is never larger than allowed. */
static void files_with_random_bytes_changed_give_a_page_or_an_error(void)
{
	static const int formats[] = { IFF_PNG, IFF_TIFF_G4, IFF_TIFF_LZW, IFF_BMP, IFF_GIF, IFF_PNM, IFF_JFIF_JPEG, IFF_WEBP };
	unsigned seed = (unsigned)time(NULL);
	int answers = 0;
	printf("# seed %u\n", seed);
	srandom(seed);
	for (int round = 0; round < 400; round++) {
		int format = formats[(size_t)round % (sizeof formats / sizeof *formats)];
		PIX *pix = picture(60, 40, format == IFF_TIFF_G4 ? 1 : format == IFF_GIF ? 8 : 32);
		l_uint8 *bytes = NULL;
		size_t length = 0;
		CHECK(pixWriteMem(&bytes, &length, pix, format) == 0 && length > 16);
		for (int change = 0; change < 4; change++)
			bytes[(size_t)random() % length] ^= (l_uint8)(1 << (random() & 7));
		struct error error = { 0 };
		enum media media = MEDIA_COUNT;
		bool known = media_find(bytes, length, &media, &error) && media != MEDIA_PDF;
		struct image *image = known ? image_open(media, bytes, length, &error) : NULL;
		PIX *read = image ? image_page(image, 1, MOST_PIXELS, &error) : NULL;
		answers += read ? (int64_t)pixGetWidth(read) * pixGetHeight(read) <= MOST_PIXELS : error.code != ERROR_NONE;
		pixDestroy(&read);
		pixDestroy(&pix);
		image_close(image);
		lept_free(bytes);
	}
	CHECK_INTEGER(answers, 400);
}

int main(void)
{
	setMsgSeverity(L_SEVERITY_NONE);
	TEST(a_document_without_bytes_is_empty);
	TEST(what_is_not_read_is_called_by_its_name);
	TEST(a_pdf_may_have_bytes_before_its_header);
	TEST(every_lossless_format_gives_the_pixels_that_went_in);
	TEST(lossy_formats_give_a_page_of_the_same_size);
	TEST(every_page_of_a_tiff_is_found_in_any_order);
	TEST(sizes_that_a_header_only_promises_are_refused_unread);
	TEST(cut_headers_are_corrupt);
	TEST(files_with_random_bytes_changed_give_a_page_or_an_error);
	return test_done();
}
