/* Black and white is what the libtesseract that is installed makes of an image. */
#include "common/ocr/threshold.h"

#include <leptonica/allheaders.h>
#include <stdbool.h>
#include <stdlib.h>
#include <tesseract/capi.h>

#define RANDOM_SEED 20261130u
#include "tests/unit/random.h"
#include "tests/unit/tessdata.h"
#include "tests/unit/test.h"

static TessBaseAPI *tesseract;

static bool same_as_libtesseract(PIX *image)
{
	l_int32 same = 0;
	PIX *ours = threshold_otsu(image), *theirs;
	TessBaseAPISetImage2(tesseract, image);
	theirs = TessBaseAPIGetThresholdedImage(tesseract);
	bool compared = ours && theirs && pixEqual(ours, theirs, &same) == 0 && pixGetXRes(ours) == pixGetXRes(theirs) &&
			pixGetYRes(ours) == pixGetYRes(theirs);
	pixDestroy(&ours);
	pixDestroy(&theirs);
	return compared && same;
}

/* A byte of one of two humps, `dark` of 100 of them of the darker one. */
static uint32_t byte_of_two(uint32_t dark)
{
	uint32_t level = random_below(100) < dark ? 40 : 200;
	return level - 30 + random_below(60);
}

/* Channels that differ in how much of them is dark; of a grey image one. */
static PIX *two_humps(int width, int height, int depth)
{
	PIX *image = pixCreate(width, height, depth);
	const uint32_t shares[] = { 0, 2, 20, 26, 50, 74, 80, 98, 100 };
	uint32_t dark[4];
	for (int i = 0; i < 4; i++)
		dark[i] = shares[random_below(9)];
	for (int y = 0; y < height; y++)
		for (int x = 0; x < width; x++) {
			uint32_t value = byte_of_two(dark[0]);
			for (int i = 1; depth == 32 && i < 4; i++)
				value = value << 8 | byte_of_two(dark[i]);
			(void)pixSetPixel(image, x, y, value);
		}
	pixSetResolution(image, 150, 300);
	return image;
}

static void check_sizes(int depth)
{
	for (int width = 3; width < 70; width++) {
		PIX *image = two_humps(width, 3 + (int)random_below(40), depth);
		CHECK(same_as_libtesseract(image));
		pixDestroy(&image);
	}
}

static void grey_images_of_any_width(void)
{
	check_sizes(8);
}

static void colour_images_of_any_width(void)
{
	check_sizes(32);
}

/* All of one level, of two, and of three that lie equally far apart. */
static void images_of_few_levels(void)
{
	static const uint32_t levels[][3] = { { 0, 0, 0 },	 { 255, 255, 255 }, { 7, 7, 7 },
					      { 0, 255, 255 },	 { 0, 0, 255 },	    { 254, 255, 255 },
					      { 100, 150, 200 }, { 0, 1, 2 },	    { 0, 1, 255 } };
	for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
		for (int depth = 8; depth <= 32; depth += 24) {
			PIX *image = pixCreate(37, 12, depth);
			for (int y = 0; y < 12; y++)
				for (int x = 0; x < 37; x++)
					(void)pixSetPixel(image, x, y, levels[i][x % 3] * (depth == 8 ? 1 : 0x01010100u));
			CHECK(same_as_libtesseract(image));
			pixDestroy(&image);
		}
}

static void a_whole_page(void)
{
	PIX *bitmap = pixRead("tests/data/phototest.tif");
	PIX *page = bitmap ? pixConvertTo8(bitmap, 0) : NULL, *grey = page ? pixBlockconv(page, 1, 1) : NULL;
	PIX *colour = grey ? pixConvertTo32(grey) : NULL;
	CHECK(grey && same_as_libtesseract(grey));
	CHECK(colour && same_as_libtesseract(colour));
	pixDestroy(&bitmap);
	pixDestroy(&page);
	pixDestroy(&grey);
	pixDestroy(&colour);
}

static void what_is_neither_grey_nor_colour_is_refused(void)
{
	static const int depths[] = { 1, 2, 4, 16 };
	for (size_t i = 0; i < sizeof depths / sizeof *depths; i++) {
		PIX *image = pixCreate(9, 9, depths[i]);
		CHECK(!threshold_otsu(image));
		pixDestroy(&image);
	}
}

int main(void)
{
	setMsgSeverity(L_SEVERITY_NONE);
	tesseract = TessBaseAPICreate();
	if (TessBaseAPIInit2(tesseract, tessdata(), "eng", OEM_LSTM_ONLY) != 0) {
		printf("Bail out! libtesseract has no eng\n");
		return 1;
	}
	TEST(grey_images_of_any_width);
	TEST(colour_images_of_any_width);
	TEST(images_of_few_levels);
	TEST(a_whole_page);
	TEST(what_is_neither_grey_nor_colour_is_refused);
	TessBaseAPIEnd(tesseract);
	TessBaseAPIDelete(tesseract);
	return test_done();
}
