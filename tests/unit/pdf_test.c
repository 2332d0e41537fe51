/* Scans come out of a PDF pixel for pixel, other pages at 300 dpi; what is wrong with a PDF is said. */
#include "common/ocr/pdf.h"

#include <leptonica/allheaders.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buffer.h"
#include "tests/unit/test.h"

#define MOST_PIXELS 20000000

/*
 * A PDF of one page with `content`, whose image /I is 8-bit grey noise of width x height. No cross-reference table:
 * Poppler finds the objects.
 */
static void write_pdf(struct buffer *pdf, const char *page_keys, const char *content, int width, int height)
{
	buffer_printf(pdf, "%%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
			   "2 0 obj<</Type/Pages/Count 1/Kids[3 0 R]>>endobj\n"
			   "3 0 obj<</Type/Page/Parent 2 0 R%s/Contents 4 0 R"
			   "/Resources<</XObject<</I 5 0 R>>/Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>>>endobj\n"
			   "4 0 obj<</Length %zu>>stream\n%s\nendstream endobj\n"
			   "5 0 obj<</Type/XObject/Subtype/Image/Width %d/Height %d/ColorSpace/DeviceGray"
			   "/BitsPerComponent 8/Length %d>>stream\n",
		      page_keys, strlen(content), content, width, height, width * height);
	srandom(1);
	for (int i = 0; i < width * height; i++)
		buffer_append_char(pdf, (char)(random() & 255));
	buffer_append_string(pdf, "\nendstream endobj\ntrailer<</Root 1 0 R>>\n");
}

static PIX *noise(int width, int height)
{
	PIX *pix = pixCreate(width, height, 8);
	srandom(1);
	for (int y = 0; y < height; y++)
		for (int x = 0; x < width; x++)
			pixSetPixel(pix, x, y, (l_uint32)(random() & 255));
	return pix;
}

static PIX *first_page(const struct buffer *bytes, int32_t dpi, int64_t most_pixels, struct error *error)
{
	struct pdf *pdf = pdf_open(bytes->data, bytes->length, NULL, error);
	PIX *page = pdf ? pdf_page(pdf, 1, dpi, most_pixels, error) : NULL;
	pdf_close(pdf);
	return page;
}

/* Turns by quarters clockwise after which the noise must be what the page shows. */
static void check_scan(const char *page_keys, const char *content, int width, int height, int quarters, int dpi)
{
	struct buffer bytes = { 0 };
	struct error error = { 0 };
	l_int32 same = 0;
	write_pdf(&bytes, page_keys, content, width, height);
	PIX *page = first_page(&bytes, 0, MOST_PIXELS, &error);
	PIX *image = noise(width, height), *turned = pixRotateOrth(image, quarters);
	if (!page)
		printf("# %s\n", error.message);
	else
		printf("# %d x %d x %d\n", pixGetWidth(page), pixGetHeight(page), pixGetDepth(page));
	if (page)
		pixEqual(page, turned, &same);
	CHECK(same);
	CHECK(page && pixGetXRes(page) == dpi);
	pixDestroy(&page);
	pixDestroy(&image);
	pixDestroy(&turned);
	buffer_free(&bytes);
}

static void a_scan_comes_pixel_for_pixel(void)
{
	check_scan("/MediaBox[0 0 144 72]", "q 144 0 0 72 0 0 cm /I Do Q", 400, 200, 0, 200);
}

static void a_scan_on_a_page_of_broken_points_too(void)
{
	check_scan("/MediaBox[0 0 95.76 143.52]", "q 95.76 0 0 143.52 0 0 cm /I Do Q", 399, 598, 0, 300);
}

static void a_scan_on_a_turned_page_too(void)
{
	check_scan("/Rotate 90/MediaBox[0 0 144 72]", "q 144 0 0 72 0 0 cm /I Do Q", 400, 200, 1, 200);
	check_scan("/Rotate 180/MediaBox[0 0 144 72]", "q 144 0 0 72 0 0 cm /I Do Q", 400, 200, 2, 200);
	check_scan("/Rotate 270/MediaBox[0 0 144 72]", "q 144 0 0 72 0 0 cm /I Do Q", 400, 200, 3, 200);
}

static void the_crop_box_is_what_is_seen(void)
{
	check_scan("/MediaBox[0 0 500 500]/CropBox[100 100 244 172]", "q 144 0 0 72 100 100 cm /I Do Q", 400, 200, 0, 200);
}

static PIX *page_of(const char *page_keys, const char *content, int32_t dpi, int64_t most_pixels, struct error *error)
{
	struct buffer bytes = { 0 };
	*error = (struct error){ 0 };
	write_pdf(&bytes, page_keys, content, 40, 40);
	PIX *page = first_page(&bytes, dpi, most_pixels, error);
	buffer_free(&bytes);
	return page;
}

static void check_page(PIX *page, int width, int height, int depth, int dpi)
{
	CHECK(page && pixGetWidth(page) == width && pixGetHeight(page) == height);
	CHECK(page && pixGetDepth(page) == depth);
	CHECK(page && pixGetXRes(page) == dpi);
	pixDestroy(&page);
}

static void other_pages_come_at_300_dpi_or_as_asked(void)
{
	struct error error;
	const char *text = "BT /F 12 Tf 10 30 Td (words) Tj ET", *logo = "q 20 0 0 20 0 0 cm /I Do Q";
	check_page(page_of("/MediaBox[0 0 144 72]", text, 0, MOST_PIXELS, &error), 600, 300, 8, 300);
	check_page(page_of("/MediaBox[0 0 144 72]", logo, 0, MOST_PIXELS, &error), 600, 300, 8, 300);
	check_page(page_of("/MediaBox[0 0 144 72]", text, 100, MOST_PIXELS, &error), 200, 100, 8, 100);
}

static void a_page_has_as_many_bits_as_its_colours_need(void)
{
	struct error error;
	check_page(page_of("/MediaBox[0 0 72 72]", "0 g 10 10 20 20 re f", 72, MOST_PIXELS, &error), 72, 72, 1, 72);
	check_page(page_of("/MediaBox[0 0 72 72]", "0.5 g 10 10 20 20 re f", 72, MOST_PIXELS, &error), 72, 72, 8, 72);
	check_page(page_of("/MediaBox[0 0 72 72]", "1 0 0 rg 10 10 20 20 re f", 72, MOST_PIXELS, &error), 72, 72, 32, 72);
}

static void black_is_black_in_one_bit(void)
{
	struct error error;
	l_uint32 inside = 0, outside = 1;
	PIX *page = page_of("/MediaBox[0 0 72 72]", "0 g 10 10 20 20 re f", 72, MOST_PIXELS, &error);
	CHECK(page && !pixGetPixel(page, 20, 72 - 20, &inside) && !pixGetPixel(page, 60, 20, &outside));
	CHECK(inside == 1 && outside == 0);
	pixDestroy(&page);
}

static void invisible_text_is_not_drawn(void)
{
	struct error error;
	PIX *page = page_of("/MediaBox[0 0 144 72]", "BT 3 Tr /F 12 Tf 10 30 Td (words) Tj ET", 0, MOST_PIXELS, &error);
	l_int32 empty = 0;
	CHECK(page && pixGetDepth(page) == 1 && !pixZero(page, &empty) && empty);
	pixDestroy(&page);
}

static void a_page_too_large_is_refused_before_it_is_drawn(void)
{
	struct error error;
	CHECK(!page_of("/MediaBox[0 0 144 72]", "", 0, 600 * 300 - 1, &error) && error.code == ERROR_PAGE_TOO_LARGE);
	CHECK(!page_of("/MediaBox[0 0 14400 14400]", "", 0, INT64_MAX, &error) && error.code == ERROR_PAGE_TOO_LARGE);
}

static void a_scan_too_fine_for_the_limit_is_drawn_at_300_dpi(void)
{
	struct buffer bytes = { 0 };
	struct error error = { 0 };
	write_pdf(&bytes, "/MediaBox[0 0 72 72]", "q 72 0 0 72 0 0 cm /I Do Q", 600, 600);
	check_page(first_page(&bytes, 0, 300 * 300, &error), 300, 300, 8, 300);
	buffer_free(&bytes);
}

static enum error_code open_error(const char *text)
{
	struct error error = { 0 };
	struct pdf *pdf = pdf_open(text, strlen(text), NULL, &error);
	CHECK(pdf == NULL);
	pdf_close(pdf);
	return error.code;
}

static void what_is_wrong_with_a_pdf_is_said(void)
{
	CHECK_INTEGER(open_error("%PDF-1.3\nThis is not a valid PDF file\n%%EOF\n"), ERROR_CORRUPT_DOCUMENT);
	CHECK_INTEGER(open_error("%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
				 "2 0 obj<</Type/Pages/Count 0/Kids[]>>endobj\ntrailer<</Root 1 0 R>>\n"),
		      ERROR_EMPTY_DOCUMENT);
}

int main(void)
{
	TEST(a_scan_comes_pixel_for_pixel);
	TEST(a_scan_on_a_page_of_broken_points_too);
	TEST(a_scan_on_a_turned_page_too);
	TEST(the_crop_box_is_what_is_seen);
	TEST(other_pages_come_at_300_dpi_or_as_asked);
	TEST(a_page_has_as_many_bits_as_its_colours_need);
	TEST(black_is_black_in_one_bit);
	TEST(invisible_text_is_not_drawn);
	TEST(a_page_too_large_is_refused_before_it_is_drawn);
	TEST(a_scan_too_fine_for_the_limit_is_drawn_at_300_dpi);
	TEST(what_is_wrong_with_a_pdf_is_said);
	return test_done();
}
