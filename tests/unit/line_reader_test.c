/* A line read here and now: a line of tests/data/network-eng.bin, which libtesseract made, in a layout of one piece. */
#include "common/ocr/line_reader.h"

#include <stdlib.h>

#include "tests/line_file.h"
#include "tests/unit/tessdata.h"
#include "tests/unit/test.h"

#define LINE "This is a lot of 12 point text to test the"
#define LINES_MOST 64

static struct line_file file;

static _Noreturn void bail_out(const char *why)
{
	printf("Bail out! %s\n", why);
	exit(1);
}

static struct line_reader *reader_with(const char *languages)
{
	struct error error = { 0 };
	struct line_reader *reader = line_reader_new(tessdata(), &error);
	if (!reader || !line_reader_load(reader, languages, &error))
		bail_out(error.message);
	return reader;
}

/* What is read on the first line, `columns` of it, when its pixels are in the other order or inverted. */
static float read_line(struct line_reader *reader, int32_t columns, bool turned, bool inverted, bool upside_down,
		       struct buffer *text)
{
	int32_t width = file.lines[0].width < columns ? file.lines[0].width : columns;
	size_t count = (size_t)width * (size_t)file.height;
	uint8_t *pixels = malloc(count);
	struct layout_piece piece = { .first_image = 0 };
	struct layout_image image = { .width = width, .height = file.height, .factor = 1.0f };
	struct layout layout = { .pieces = &piece, .piece_count = 1, .images = &image, .image_count = 1,
				 .pixels = pixels, .pixel_count = count };
	struct error error = { 0 };
	float confidence = -1.0f;
	for (size_t i = 0; i < count; i++) {
		size_t from = turned ? count - 1 - i : i;
		uint8_t pixel = file.lines[0].pixels[from / (size_t)width * (size_t)file.lines[0].width + from % (size_t)width];
		pixels[i] = inverted ? (uint8_t)(255 - pixel) : pixel;
	}
	buffer_clear(text);
	CHECK(line_reader_read(reader, &layout, 0, upside_down, &confidence, text, &error));
	buffer_append_char(text, '\0');
	free(pixels);
	return confidence;
}

static void a_line_is_read_as_it_stands(void)
{
	struct line_reader *reader = reader_with("eng");
	struct buffer text = { 0 };
	CHECK(read_line(reader, INT32_MAX, false, false, false, &text) > 90.0f);
	CHECK_STRING(text.data, LINE);
	CHECK(read_line(reader, INT32_MAX, true, false, false, &text) < 75.0f);
	CHECK(strcmp(text.data, LINE) != 0);
	buffer_free(&text);
	line_reader_free(reader);
}

static void a_line_is_read_turned_round(void)
{
	struct line_reader *reader = reader_with("eng");
	struct buffer text = { 0 };
	float upright = read_line(reader, INT32_MAX, false, false, false, &text);
	CHECK(read_line(reader, INT32_MAX, true, false, true, &text) == upright);
	CHECK_STRING(text.data, LINE);
	CHECK(read_line(reader, INT32_MAX, false, false, true, &text) < 75.0f);
	buffer_free(&text);
	line_reader_free(reader);
}

static void white_on_black_is_read_too(void)
{
	struct line_reader *reader = reader_with("eng");
	struct buffer text = { 0 };
	CHECK(read_line(reader, INT32_MAX, false, true, false, &text) > 90.0f);
	CHECK_STRING(text.data, LINE);
	CHECK(read_line(reader, INT32_MAX, true, true, true, &text) > 90.0f);
	CHECK_STRING(text.data, LINE);
	buffer_free(&text);
	line_reader_free(reader);
}

static void the_language_that_is_surest_reads(void)
{
	struct line_reader *alone = reader_with("eng"), *greek = reader_with("ell"), *both = reader_with("ell+eng");
	struct buffer text = { 0 };
	float english = read_line(alone, INT32_MAX, false, false, false, &text);
	CHECK(read_line(greek, INT32_MAX, false, false, false, &text) < english);
	CHECK(read_line(both, INT32_MAX, false, false, false, &text) == english);
	CHECK_STRING(text.data, LINE);
	buffer_free(&text);
	line_reader_free(alone);
	line_reader_free(greek);
	line_reader_free(both);
}

static void what_no_model_can_read_is_nothing(void)
{
	struct line_reader *reader = reader_with("eng");
	struct buffer text = { 0 };
	CHECK(read_line(reader, 1, false, false, false, &text) == 0.0f); /* narrower than a step */
	CHECK_STRING(text.data, "");
	file.height--; /* not the network's */
	CHECK(read_line(reader, INT32_MAX, false, false, false, &text) == 0.0f);
	CHECK_STRING(text.data, "");
	file.height++;
	buffer_free(&text);
	line_reader_free(reader);
}

static void a_language_that_is_not_there_leaves_none(void)
{
	struct line_reader *reader = reader_with("eng");
	struct buffer text = { 0 };
	struct error error = { 0 };
	CHECK(!line_reader_load(reader, "eng+xyz", &error));
	CHECK_INTEGER(error.code, ERROR_UNKNOWN_LANGUAGE);
	CHECK(read_line(reader, INT32_MAX, false, false, false, &text) == 0.0f);
	CHECK(line_reader_load(reader, "eng", &error));
	CHECK(read_line(reader, INT32_MAX, false, false, false, &text) > 90.0f);
	buffer_free(&text);
	line_reader_free(reader);
}

int main(void)
{
	if (!line_file_read("tests/data/network-eng.bin", LINES_MOST, &file))
		bail_out("tests/data/network-eng.bin cannot be read");
	TEST(a_line_is_read_as_it_stands);
	TEST(a_line_is_read_turned_round);
	TEST(white_on_black_is_read_too);
	TEST(the_language_that_is_surest_reads);
	TEST(what_no_model_can_read_is_nothing);
	TEST(a_language_that_is_not_there_leaves_none);
	line_file_free(&file);
	return test_done();
}
