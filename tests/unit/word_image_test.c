/* The canary's word and its picture. (That OCR reads it is shown in tests/system/smoke.bats.) */
#include "cmd/filot-smoke/word_image.c" /* a command's own file: it is in no library */

#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/test.h"

static void a_word_is_consonants_and_vowels_in_turn_that_have_strokes(void)
{
	for (int round = 0; round < 1000; round++) {
		char word[WORD_SIZE];
		CHECK(word_new(word) == word);
		CHECK_INTEGER(strlen(word), WORD_LENGTH);
		for (size_t index = 0; index < WORD_LENGTH; index++) {
			CHECK(strchr(index % 2 ? vowels : consonants, word[index]) != NULL);
			CHECK(letter_of(word[index]) != NULL);
		}
	}
}

static void two_words_differ(void)
{
	int same = 0;
	for (int round = 0; round < 20; round++) {
		char one[WORD_SIZE], other[WORD_SIZE];
		same += strcmp(word_new(one), word_new(other)) == 0;
	}
	CHECK(same < 2);
}

/* Ink: three times the word's, none in the margins. */
static void a_picture_is_a_whole_pgm_with_white_margins(void)
{
	struct buffer image = { 0 };
	struct error error = { 0 };
	int width = 0, height = 0, most = 0, header = 0;
	CHECK(word_image("FAHEKALEMA", &image, &error));
	CHECK_INTEGER(sscanf(image.data, "P5\n%d %d\n%d%n", &width, &height, &most, &header), 3);
	CHECK_INTEGER(most, 255);
	CHECK_INTEGER(image.length, (size_t)header + 1 + (size_t)width * (size_t)height);
	const unsigned char *pixels = (const unsigned char *)image.data + header + 1;
	size_t dark = 0, in_margin = 0;
	for (int y = 0; y < height; y++)
		for (int x = 0; x < width; x++) {
			bool inside = x >= MARGIN_PX - PEN_PX && x < width - MARGIN_PX + PEN_PX && y >= MARGIN_PX - PEN_PX &&
				      y <= height - MARGIN_PX + PEN_PX;
			if (pixels[(size_t)y * (size_t)width + (size_t)x] < 128)
				*(inside ? &dark : &in_margin) += 1;
		}
	CHECK(dark > 20000 && dark < image.length / 3);
	CHECK_INTEGER(in_margin, 0);
	buffer_free(&image);
}

static void a_letter_without_strokes_is_refused(void)
{
	struct buffer image = { 0 };
	struct error error = { 0 };
	CHECK(!word_image("FAQ", &image, &error));
	CHECK_INTEGER(error.code, ERROR_INTERNAL);
	buffer_free(&image);
}

int main(void)
{
	TEST(a_word_is_consonants_and_vowels_in_turn_that_have_strokes);
	TEST(two_words_differ);
	TEST(a_picture_is_a_whole_pgm_with_white_margins);
	TEST(a_letter_without_strokes_is_refused);
	return test_done();
}
