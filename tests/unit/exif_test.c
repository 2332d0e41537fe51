/* The orientation is found in each container, and what is cut or damaged has none. */
#include "common/ocr/exif.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/test.h"

#define LITTLE "II*\0\x08\0\0\0\x02\0" "\x0f\x01\x02\0\x04\0\0\0abc\0" "\x12\x01\x03\0\x01\0\0\0\x06\0\0\0" "\0\0\0\0"
#define BIG "MM\0*\0\0\0\x08\0\x01" "\x01\x12\0\x03\0\0\0\x01\0\x08\0\0" "\0\0\0\0"
#define JPEG "\xff\xd8\xff\xe0\0\x04JF\xff\xff\xe1\0\x32" "Exif\0\0" LITTLE "\xff\xda\0\x02"
#define PNG "\x89PNG\r\n\x1a\n\0\0\0\x02IHDRab\0\0\0\0\0\0\0\x1a" "eXIf" BIG "\0\0\0\0\0\0\0\0IEND\0\0\0\0"
#define WEBP "RIFF\0\0\0\0WEBPVP8X\x03\0\0\0abc\0EXIF\x1a\0\0\0" BIG

static int orientation(enum media media, const char *bytes, size_t length)
{
	/* A copy of just that length, so that reading beyond it is seen by a sanitizer. */
	char *copy = malloc(length ? length : 1);
	int found = 0;
	if (copy) {
		memcpy(copy, bytes, length);
		found = exif_orientation(media, copy, length);
	}
	free(copy);
	return found;
}

static void it_is_found_in_each_container(void)
{
	CHECK_INTEGER(orientation(MEDIA_JPEG, JPEG, sizeof JPEG - 1), 6);
	CHECK_INTEGER(orientation(MEDIA_PNG, PNG, sizeof PNG - 1), 8);
	CHECK_INTEGER(orientation(MEDIA_WEBP, WEBP, sizeof WEBP - 1), 8);
	CHECK_INTEGER(orientation(MEDIA_TIFF, LITTLE, sizeof LITTLE - 1), 1); /* the decoder's matter */
	CHECK_INTEGER(orientation(MEDIA_BMP, "BM", 2), 1);
}

static void a_file_without_it_is_as_stored(void)
{
	CHECK_INTEGER(orientation(MEDIA_JPEG, "\xff\xd8\xff\xda\0\x02", 6), 1);
	CHECK_INTEGER(orientation(MEDIA_PNG, "\x89PNG\r\n\x1a\n\0\0\0\0IEND\0\0\0\0", 20), 1);
	CHECK_INTEGER(orientation(MEDIA_WEBP, "RIFF\0\0\0\0WEBP", 12), 1);
}

static void what_is_cut_anywhere_is_read_in_bounds(void)
{
	static const struct {
		enum media media;
		const char *bytes;
		size_t length;
		int orientation;
	} files[] = { { MEDIA_JPEG, JPEG, sizeof JPEG - 1, 6 }, { MEDIA_PNG, PNG, sizeof PNG - 1, 8 },
		      { MEDIA_WEBP, WEBP, sizeof WEBP - 1, 8 } };
	for (size_t file = 0; file < sizeof files / sizeof *files; file++)
		for (size_t length = 0; length <= files[file].length; length++) {
			int found = orientation(files[file].media, files[file].bytes, length);
			CHECK(found == 1 || found == files[file].orientation);
		}
}

static void numbers_out_of_range_are_as_stored(void)
{
	char bytes[sizeof WEBP];
	memcpy(bytes, WEBP, sizeof bytes);
	char *value = bytes + sizeof bytes - 1 - 7; /* the value's low byte */
	CHECK_INTEGER(*value, 8);
	*value = 9;
	CHECK_INTEGER(orientation(MEDIA_WEBP, bytes, sizeof bytes - 1), 1);
	*value = 0;
	CHECK_INTEGER(orientation(MEDIA_WEBP, bytes, sizeof bytes - 1), 1);
	memcpy(bytes, WEBP, sizeof bytes);
	memset(bytes + sizeof bytes - 1 - 22, 0xff, 4); /* where the directory lies */
	CHECK_INTEGER(orientation(MEDIA_WEBP, bytes, sizeof bytes - 1), 1);
}

int main(void)
{
	TEST(it_is_found_in_each_container);
	TEST(a_file_without_it_is_as_stored);
	TEST(what_is_cut_anywhere_is_read_in_bounds);
	TEST(numbers_out_of_range_are_as_stored);
	return test_done();
}
