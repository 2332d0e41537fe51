/* Bricks against Leptonica's own, pixel by pixel. */
#include "common/ocr/brick.h"

#include <leptonica/allheaders.h>

#define RANDOM_SEED 20261130u
#include "tests/unit/random.h"
#include "tests/unit/test.h"

typedef PIX *brick_function(PIX *destination, PIX *source, l_int32 width, l_int32 height);

static const struct pair {
	const char *name;
	brick_function *ours, *theirs;
} pairs[] = {
	{ "erode", brick_erode, pixErodeBrick },
	{ "dilate", brick_dilate, pixDilateBrick },
	{ "open", brick_open, pixOpenBrick },
	{ "close", brick_close, pixCloseBrick },
};

#define PAIRS (sizeof pairs / sizeof *pairs)

/* Dots, or bars of up to 99 pixels as rules and letters are, and pixels of any kind behind the right edge. */
static PIX *random_image(int width, int height)
{
	PIX *pix = pixCreate(width, height, 1);
	uint32_t words = (uint32_t)(pixGetWpl(pix) * height);
	if (random_below(2))
		for (uint32_t i = 0; i < words; i++)
			pixGetData(pix)[i] = random_below(UINT32_MAX) | (random_below(2) ? random_below(UINT32_MAX) : 0);
	else
		for (int i = 0; i < 60; i++)
			(void)pixRasterop(pix, (int)random_below((uint32_t)width), (int)random_below((uint32_t)height),
					  1 + (int)random_below(99), 1 + (int)random_below(99), random_below(3) ? PIX_SET : PIX_CLR,
					  NULL, 0, 0);
	return pix;
}

static void check_same(const struct pair *pair, PIX *source, int width, int height)
{
	l_int32 same = 0;
	PIX *ours = pair->ours(NULL, source, width, height), *theirs = pair->theirs(NULL, source, width, height);
	CHECK(ours && theirs);
	CHECK(ours && theirs && pixEqual(ours, theirs, &same) == 0);
	if (!same)
		printf("# %s by %d x %d of an image of %d x %d\n", pair->name, width, height, pixGetWidth(source),
		       pixGetHeight(source));
	CHECK(same);
	pixDestroy(&ours);
	pixDestroy(&theirs);
}

static void bricks_of_any_size_make_what_leptonica_makes(void)
{
	for (int round = 0; round < 400; round++) {
		int limit = round % 4 ? 150 : 700;
		PIX *source = random_image(1 + (int)random_below((uint32_t)limit), 1 + (int)random_below((uint32_t)limit));
		int width = 1 + (int)random_below(round % 3 ? 20 : 130), height = 1 + (int)random_below(round % 3 ? 20 : 130);
		for (size_t i = 0; i < PAIRS; i++) {
			check_same(&pairs[i], source, width, height);
			check_same(&pairs[i], source, width, 1);
			check_same(&pairs[i], source, 1, height);
		}
		pixDestroy(&source);
	}
}

static void a_destination_is_replaced_and_may_be_the_source(void)
{
	for (size_t i = 0; i < PAIRS; i++) {
		l_int32 same[2] = { 0, 0 };
		PIX *source = random_image(333, 77), *other = pixCreate(5, 5, 1);
		PIX *wanted = pairs[i].theirs(NULL, source, 7, 4);
		CHECK(pairs[i].ours(other, source, 7, 4) == other);
		CHECK(pairs[i].ours(source, source, 7, 4) == source);
		CHECK(pixEqual(other, wanted, &same[0]) == 0 && same[0]);
		CHECK(pixEqual(source, wanted, &same[1]) == 0 && same[1]);
		pixDestroy(&source);
		pixDestroy(&other);
		pixDestroy(&wanted);
	}
}

static void what_is_no_brick_or_no_bitmap_is_refused(void)
{
	PIX *grey = pixCreate(9, 9, 8), *bitmap = pixCreate(9, 9, 1);
	for (size_t i = 0; i < PAIRS; i++) {
		CHECK(!pairs[i].ours(NULL, NULL, 3, 3));
		CHECK(!pairs[i].ours(NULL, grey, 3, 3));
		CHECK(!pairs[i].ours(NULL, bitmap, 0, 3));
		CHECK(!pairs[i].ours(NULL, bitmap, 3, -1));
	}
	pixDestroy(&grey);
	pixDestroy(&bitmap);
}

int main(void)
{
	TEST(bricks_of_any_size_make_what_leptonica_makes);
	TEST(a_destination_is_replaced_and_may_be_the_source);
	TEST(what_is_no_brick_or_no_bitmap_is_refused);
	return test_done();
}
