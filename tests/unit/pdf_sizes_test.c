/* Sizes of images are found in a PDF's bytes, and what is uncertain is not called certain. */
#include "common/ocr/pdf_sizes.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/unit/test.h"

static struct pdf_sizes sizes_of(const char *text)
{
	struct pdf_sizes sizes;
	/* A copy of just that length, so that reading beyond it is seen by a sanitizer. */
	size_t length = strlen(text);
	char *copy = malloc(length ? length : 1);
	if (copy)
		memcpy(copy, text, length);
	pdf_sizes_find(copy, length, &sizes);
	free(copy);
	return sizes;
}

static void width_and_height_belong_to_one_dictionary(void)
{
	struct pdf_sizes sizes = sizes_of("5 0 obj<</Width 2550/Height 3300/Length 3>>stream\nabc\nendstream endobj\n"
					  "6 0 obj << /Height\n100\n/Subtype/Image /Width 200 >> stream\nendstream endobj");
	CHECK_INTEGER(sizes.count, 2);
	CHECK(sizes.complete);
	CHECK(sizes.sizes[0].width == 2550 && sizes.sizes[0].height == 3300);
	CHECK(sizes.sizes[1].width == 200 && sizes.sizes[1].height == 100);
}

static void widths_of_fonts_and_widths_alone_are_no_sizes(void)
{
	struct pdf_sizes sizes = sizes_of("<</Widths[1 2 3]/FirstChar 1>> endobj 7 0 obj <</Width 3>> endobj /Height 4");
	CHECK_INTEGER(sizes.count, 0);
	CHECK(sizes.complete);
}

static void the_same_size_is_listed_once(void)
{
	CHECK_INTEGER(sizes_of("obj<</Width 1/Height 2>>stream endobj obj<</Width 1/Height 2>>stream").count, 1);
}

static void a_size_by_reference_makes_the_list_incomplete(void)
{
	CHECK(!sizes_of("obj<</Width 12 0 R/Height 2>>stream").complete);
	CHECK(!sizes_of("obj<</Width 12/Height 3 0 R>>stream").complete);
	CHECK(sizes_of("obj<</Width 12/Height 3/Rows 4>>stream").complete);
}

static void absurd_numbers_make_the_list_incomplete(void)
{
	CHECK(!sizes_of("obj<</Width 99999999999999999999/Height 2>>stream").complete);
	CHECK(!sizes_of("obj<</Width 0/Height 2>>stream").complete);
	CHECK(!sizes_of("obj<</Width -5/Height 2>>stream").complete || sizes_of("obj<</Width -5/Height 2>>stream").count == 0);
}

static void any_bytes_are_looked_through(void)
{
	static const char *const pieces[] = { "/Width ", "/Height ", "obj", "stream", "12", " 0 R", "<<", ">>", "\n", "x" };
	unsigned seed = (unsigned)time(NULL);
	printf("# seed %u\n", seed);
	srandom(seed);
	for (int round = 0; round < 2000; round++) {
		char text[256] = "";
		size_t used = 0;
		for (int i = (int)(random() % 20); i > 0; i--) {
			const char *piece = pieces[(size_t)random() % (sizeof pieces / sizeof *pieces)];
			used += (size_t)snprintf(text + used, sizeof text - used, "%s", piece);
		}
		struct pdf_sizes sizes = sizes_of(text);
		CHECK(sizes.count <= PDF_SIZES_MOST);
		for (size_t i = 0; i < sizes.count; i++)
			CHECK(sizes.sizes[i].width > 0 && sizes.sizes[i].height > 0);
	}
}

int main(void)
{
	TEST(width_and_height_belong_to_one_dictionary);
	TEST(widths_of_fonts_and_widths_alone_are_no_sizes);
	TEST(the_same_size_is_listed_once);
	TEST(a_size_by_reference_makes_the_list_incomplete);
	TEST(absurd_numbers_make_the_list_incomplete);
	TEST(any_bytes_are_looked_through);
	return test_done();
}
