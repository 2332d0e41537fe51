/* What ours do with pixels is what the Leptonica that is installed does. */
#include "common/ocr/pixels.h"

#include <leptonica/allheaders.h>
#include <stdbool.h>
#include <string.h>

#include "common/ocr/threshold.h"
#define RANDOM_SEED 20261130u
#include "tests/unit/random.h"
#include "tests/unit/test.h"

static int random_in(int low, int high)
{
	return low + (int)random_below((uint32_t)(high - low + 1));
}

/* Noise of any density, also none and full, and pixels of any kind behind the right edge. */
static PIX *random_image(int width, int height, int depth)
{
	PIX *pix = pixCreate(width, height, depth);
	uint32_t words = (uint32_t)(pixGetWpl(pix) * height), density = random_below(5);
	for (uint32_t i = 0; i < words; i++)
		switch (density) {
		case 0:
			pixGetData(pix)[i] = 0;
			break;
		case 1:
			pixGetData(pix)[i] = random_below(40) ? 0 : random_below(UINT32_MAX);
			break;
		case 2:
			pixGetData(pix)[i] = UINT32_MAX;
			break;
		default:
			pixGetData(pix)[i] = random_below(UINT32_MAX);
		}
	return pix;
}

/* Also what lies behind the edges. */
static bool same_words(PIX *one, PIX *other)
{
	size_t words = (size_t)pixGetWpl(one) * (size_t)pixGetHeight(one);
	return pixGetWpl(one) == pixGetWpl(other) && pixGetHeight(one) == pixGetHeight(other) &&
	       memcmp(pixGetData(one), pixGetData(other), words * 4) == 0;
}

static void a_rectangle_is_combined_as_leptonica_does(void)
{
	static const int operations[] = { PIX_SRC, PIX_SRC, PIX_SRC, PIX_SRC | PIX_DST, PIX_SRC & PIX_DST, PIX_SRC ^ PIX_DST,
					  PIX_NOT(PIX_SRC), PIX_DST, PIX_CLR, PIX_SET, PIX_NOT(PIX_DST) };
	static const int depths[] = { 1, 1, 1, 8, 32 };
	for (int round = 0; round < 20000; round++) {
		int depth = depths[round % 5];
		PIX *source = random_image(random_in(1, 200), random_in(1, 20), depth);
		PIX *ours = random_image(random_in(1, 200), random_in(1, 20), depth), *theirs = pixCopy(NULL, ours);
		int x = random_below(2) ? 32 * random_in(0, 3) : random_in(-70, 210), y = random_in(-5, 22);
		int width = random_in(-3, 260), height = random_in(-3, 25);
		int from_x = random_below(3) ? random_in(0, 200) : random_in(-70, 210), from_y = random_in(-5, 22);
		int operation = operations[random_below(sizeof operations / sizeof *operations)];
		CHECK(pixels_rasterop(ours, x, y, width, height, operation, source, from_x, from_y) == 0);
		CHECK(pixRasterop(theirs, x, y, width, height, operation, source, from_x, from_y) == 0);
		CHECK(same_words(ours, theirs));
		if (!same_words(ours, theirs))
			printf("# %d bits, operation %d, %d x %d from %d,%d of %d x %d to %d,%d of %d x %d\n", depth, operation,
			       width, height, from_x, from_y, pixGetWidth(source), pixGetHeight(source), x, y,
			       pixGetWidth(ours), pixGetHeight(ours));
		pixDestroy(&source);
		pixDestroy(&ours);
		pixDestroy(&theirs);
	}
}

static void an_image_is_combined_with_itself(void)
{
	for (int round = 0; round < 500; round++) {
		PIX *ours = random_image(random_in(1, 200), random_in(1, 20), 1), *theirs = pixCopy(NULL, ours);
		int x = 32 * random_in(0, 3), from_x = random_in(0, 150), y = random_in(0, 9), from_y = random_in(0, 9);
		CHECK(pixels_rasterop(ours, x, y, 90, 10, PIX_SRC, ours, from_x, from_y) == 0);
		CHECK(pixRasterop(theirs, x, y, 90, 10, PIX_SRC, theirs, from_x, from_y) == 0);
		CHECK(same_words(ours, theirs));
		pixDestroy(&ours);
		pixDestroy(&theirs);
	}
}

static void pixels_are_counted(void)
{
	for (int round = 0; round < 3000; round++) {
		l_int32 ours = -1, theirs = -2;
		PIX *pix = random_image(random_in(1, 300), random_in(1, 20), 1);
		CHECK(pixels_count(pix, &ours) == 0);
		CHECK(pixCountPixels(pix, &theirs, NULL) == 0);
		CHECK_INTEGER(ours, theirs);
		pixDestroy(&pix);
	}
}

static void the_first_pixel_from_each_side_is_found(void)
{
	static const int sides[] = { L_FROM_LEFT, L_FROM_RIGHT, L_FROM_TOP, L_FROM_BOT, 99 };
	for (int round = 0; round < 20000; round++) {
		l_int32 ours = -1, theirs = -2;
		int side = sides[round % 5];
		PIX *pix = random_image(random_in(1, 150), random_in(1, 30), 1);
		BOX *box = random_below(4) ? boxCreate(random_in(0, 160), random_in(0, 35), random_in(1, 150), random_in(1, 30))
					   : NULL;
		if (box && !random_below(4))
			(void)boxSetGeometry(box, random_in(-20, 5), random_in(-20, 5), -1, -1);
		CHECK_INTEGER(pixels_scan(pix, box, side, &ours), pixScanForForeground(pix, box, side, &theirs));
		CHECK_INTEGER(ours, theirs);
		boxDestroy(&box);
		pixDestroy(&pix);
	}
}

static void check_grey(PIX *source, float red, float green, float blue)
{
	l_int32 same = 0;
	PIX *ours = pixels_grey(source, red, green, blue), *theirs = pixConvertRGBToGray(source, red, green, blue);
	CHECK(ours && theirs && pixEqual(ours, theirs, &same) == 0);
	CHECK(same);
	CHECK(ours && theirs && pixGetXRes(ours) == pixGetXRes(theirs) && pixGetInputFormat(ours) == pixGetInputFormat(theirs));
	pixDestroy(&ours);
	pixDestroy(&theirs);
}

static void colours_become_the_same_grey(void)
{
	/* Every green and blue, and every red with some of them. */
	PIX *all = pixCreate(256, 256, 32);
	(void)pixSetResolution(all, 300, 200);
	pixSetInputFormat(all, IFF_JFIF_JPEG);
	for (uint32_t i = 0; i < 256 * 256; i++)
		pixGetData(all)[i] = (i * 2654435761U & 0xff000000) | i << 8;
	check_grey(all, 0, 0, 0);
	check_grey(all, 0.3F, 0.5F, 0.2F);
	check_grey(all, 1, 1, 1);
	check_grey(all, 0, 0, 7);
	for (int round = 0; round < 60; round++) {
		PIX *source = random_image(random_in(1, 70), random_in(1, 9), 32);
		check_grey(source, (float)random_in(0, 9) / 7, (float)random_in(0, 9) / 7, (float)random_in(0, 9) / 7);
		pixDestroy(&source);
	}
	pixDestroy(&all);
}

/* The same image, grey and with three equal channels; behind the right edge and in the fourth anything. */
static void random_grey(PIX **grey, PIX **colours)
{
	*grey = random_image(random_in(1, 200), random_in(1, 90), 8);
	*colours = pixConvertTo32(*grey);
	(void)pixSetPadBits(*grey, 0);
	for (int i = 0; i < pixGetWpl(*colours) * pixGetHeight(*colours); i++)
		pixGetData(*colours)[i] |= random_below(256);
}

static void an_image_without_colours_becomes_grey(void)
{
	for (int round = 0; round < 2000; round++) {
		PIX *expected, *colours;
		random_grey(&expected, &colours);
		PIX *grey = pixels_without_colour(colours);

		CHECK(grey && same_words(grey, expected));
		pixDestroy(&grey);
		pixGetData(colours)[random_in(0, pixGetWpl(colours) * pixGetHeight(colours) - 1)] ^=
		    UINT32_C(1) << random_in(8, 31);
		CHECK(!pixels_without_colour(colours));
		pixDestroy(&expected);
		pixDestroy(&colours);
	}
}

/* Lines' images: scaled by any factor and those that have a way of their own, then grey, and the same of the inverse. */
static void an_image_without_colours_is_scaled_and_turned_as_a_grey_one(void)
{
	static const float factors[] = { 0.0625f, 0.125f, 0.25f, 0.5f, 0.69f, 0.7f, 1.0f, 1.4f, 2.0f, 4.0f };

	for (int round = 0; round < 2000; round++) {
		PIX *grey, *colours;
		random_grey(&grey, &colours);
		float factor = round % 2 ? factors[random_below(sizeof factors / sizeof *factors)] :
					   36.0f / (float)pixGetHeight(grey);
		bool turned = round % 10 == 0;
		PIX *one = turned ? pixRotate(grey, factor / 20, L_ROTATE_AREA_MAP, L_BRING_IN_WHITE, 0, 0) :
				    pixScale(grey, factor, factor);
		PIX *other = turned ? pixRotate(colours, factor / 20, L_ROTATE_AREA_MAP, L_BRING_IN_WHITE, 0, 0) :
				      pixScale(colours, factor, factor);
		PIX *inverse = other ? pixInvert(NULL, other) : NULL;
		PIX *other_grey = other ? pixConvertTo8(other, 0) : NULL, *inverse_grey = inverse ? pixConvertTo8(inverse, 0) : NULL;

		CHECK(!one == !other);
		if (one && other) {
			(void)pixSetPadBits(one, 0);
			(void)pixSetPadBits(other_grey, 0);
			CHECK(same_words(one, other_grey));
			(void)pixInvert(one, one);
			(void)pixSetPadBits(one, 0);
			(void)pixSetPadBits(inverse_grey, 0);
			CHECK(same_words(one, inverse_grey));
		}
		pixDestroy(&grey);
		pixDestroy(&colours);
		pixDestroy(&one);
		pixDestroy(&other);
		pixDestroy(&other_grey);
		pixDestroy(&inverse);
		pixDestroy(&inverse_grey);
	}
}

static void an_image_without_colours_has_the_black_pixels_of_a_grey_one(void)
{
	for (int round = 0; round < 300; round++) {
		PIX *grey, *colours;
		random_grey(&grey, &colours);
		for (int i = 0; i < pixGetWpl(colours) * pixGetHeight(colours); i++)
			pixGetData(colours)[i] &= 0xffffff00; /* as images are read: without a fourth channel */
		PIX *one = threshold_otsu(grey), *other = threshold_otsu(colours);

		CHECK(one && other && same_words(one, other));
		pixDestroy(&grey);
		pixDestroy(&colours);
		pixDestroy(&one);
		pixDestroy(&other);
	}
}

/* Bitmaps with parts that are farther from their edges than can be said. */
static PIX *random_blobs(int width, int height)
{
	PIX *pix = random_image(width, height, 1);

	for (uint32_t i = random_below(4); i > 0; i--)
		(void)pixRasterop(pix, random_in(-20, width), random_in(-20, height), random_in(1, 700), random_in(1, 700),
				  PIX_SET, NULL, 0, 0);
	return pix;
}

static void distances_are_those_of_leptonica(void)
{
	for (int round = 0; round < 1500; round++) {
		bool is_large = round % 100 == 0;
		PIX *bitmap = random_blobs(random_in(1, is_large ? 1300 : 200), random_in(1, is_large ? 1300 : 60));
		PIX *ours = pixels_distance(bitmap), *theirs = pixDistanceFunction(bitmap, 4, 8, L_BOUNDARY_BG);

		CHECK(ours && same_words(ours, theirs));
		pixDestroy(&bitmap);
		pixDestroy(&ours);
		pixDestroy(&theirs);
	}
}

static void means_are_those_of_leptonica(void)
{
	for (int round = 0; round < 1500; round++) {
		PIX *grey = random_image(random_in(3, 200), random_in(3, 60), 8);
		PIX *ours = pixels_mean(grey), *theirs = pixBlockconv(grey, 1, 1);

		CHECK(ours && same_words(ours, theirs));
		pixDestroy(&grey);
		pixDestroy(&ours);
		pixDestroy(&theirs);
	}
}

/* A maze of walls, in which a way goes up and down for ever. */
static PIX *winding(int width, int height)
{
	PIX *pix = pixCreate(width, height, 1);

	(void)pixSetAll(pix);
	for (int x = 3; x < width; x += 4)
		(void)pixRasterop(pix, x, x / 4 % 2 ? 0 : 2, 1, height - 2, PIX_CLR, NULL, 0, 0);
	return pix;
}

static void shapes_are_filled_as_leptonica_does(void)
{
	for (int round = 0; round < 3000; round++) {
		int width = random_in(1, 200), height = random_in(1, 60), connectivity = random_below(2) ? 4 : 8;
		bool is_winding = round % 50 == 0;
		PIX *mask = is_winding ? winding(random_in(30, 700), random_in(5, 50)) :
			    round % 3 == 0 ? random_blobs(random_in(1, 200), random_in(1, 60)) : random_blobs(width, height);
		PIX *seed = is_winding ? pixCreate(pixGetWidth(mask), pixGetHeight(mask), 1) : random_image(width, height, 1);
		if (is_winding)
			(void)pixSetPixel(seed, random_in(0, 2), random_in(0, 4), 1);
		PIX *their_mask = pixCopy(NULL, mask), *their_seed = pixCopy(NULL, seed);
		bool in_place = random_below(2);
		PIX *ours = pixels_fill(in_place ? seed : NULL, seed, mask, connectivity);
		PIX *theirs = pixSeedfillBinary(in_place ? their_seed : NULL, their_seed, their_mask, connectivity);

		CHECK(ours && (!in_place || ours == seed) && same_words(ours, theirs));
		CHECK(same_words(mask, their_mask) && same_words(seed, their_seed));
		if (!in_place) {
			pixDestroy(&ours);
			pixDestroy(&theirs);
		}
		pixDestroy(&mask);
		pixDestroy(&seed);
		pixDestroy(&their_mask);
		pixDestroy(&their_seed);
	}
}

static void what_is_not_as_it_should_be_is_refused(void)
{
	l_int32 number = 7;
	PIX *grey = pixCreate(9, 9, 8), *bitmap = pixCreate(9, 9, 1), *colours = pixCreate(9, 9, 32);
	PIX *low = pixCreate(9, 2, 8);
	CHECK(pixels_rasterop(NULL, 0, 0, 1, 1, PIX_SRC, bitmap, 0, 0) == 1);
	CHECK(pixels_rasterop(bitmap, 0, 0, 1, 1, PIX_SRC, NULL, 0, 0) == 1);
	CHECK(pixels_rasterop(bitmap, 0, 0, 1, 1, PIX_SRC, grey, 0, 0) == 1);
	CHECK(pixels_count(NULL, &number) == 1 && number == 0);
	number = 7;
	CHECK(pixels_count(grey, &number) == 1 && number == 0);
	number = 7;
	CHECK(pixels_scan(NULL, NULL, L_FROM_TOP, &number) == 1 && number == 0);
	number = 7;
	CHECK(pixels_scan(grey, NULL, L_FROM_TOP, &number) == 1 && number == 0);
	CHECK(!pixels_grey(NULL, 0, 0, 0));
	CHECK(!pixels_grey(grey, 0, 0, 0));
	CHECK(!pixels_grey(colours, -1, 1, 1));
	CHECK(!pixels_without_colour(NULL));
	CHECK(!pixels_without_colour(grey));
	CHECK(!pixels_distance(NULL));
	CHECK(!pixels_distance(grey));
	CHECK(!pixels_fill(NULL, NULL, bitmap, 4));
	CHECK(!pixels_fill(NULL, bitmap, NULL, 4));
	CHECK(!pixels_fill(NULL, bitmap, grey, 4));
	CHECK(!pixels_fill(NULL, bitmap, bitmap, 5));
	CHECK(!pixels_mean(NULL));
	CHECK(!pixels_mean(bitmap));
	CHECK(!pixels_mean(low));
	pixDestroy(&grey);
	pixDestroy(&bitmap);
	pixDestroy(&colours);
	pixDestroy(&low);
}

int main(void)
{
	setMsgSeverity(L_SEVERITY_NONE);
	TEST(a_rectangle_is_combined_as_leptonica_does);
	TEST(an_image_is_combined_with_itself);
	TEST(pixels_are_counted);
	TEST(the_first_pixel_from_each_side_is_found);
	TEST(colours_become_the_same_grey);
	TEST(an_image_without_colours_becomes_grey);
	TEST(an_image_without_colours_is_scaled_and_turned_as_a_grey_one);
	TEST(an_image_without_colours_has_the_black_pixels_of_a_grey_one);
	TEST(distances_are_those_of_leptonica);
	TEST(means_are_those_of_leptonica);
	TEST(shapes_are_filled_as_leptonica_does);
	TEST(what_is_not_as_it_should_be_is_refused);
	return test_done();
}
