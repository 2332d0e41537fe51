/* multipart/form-data: what comes out does not depend on how the bytes were cut, and what is malformed is refused. */
#include "common/http/form.h"

#include <stdio.h>
#include <stdlib.h>

#include "test.h"

/* Everything a sink was told, as one text. */
static bool on_begin(void *context, const struct form_part *part, struct error *error)
{
	(void)error;
	buffer_printf(context, "<%s|%s|%d>", part->name, part->file_name, part->file);
	return true;
}

static bool on_data(void *context, const char *bytes, size_t length, struct error *error)
{
	(void)error;
	buffer_append(context, bytes, length);
	return true;
}

static bool on_end(void *context, struct error *error)
{
	(void)error;
	buffer_append_string(context, "</>");
	return true;
}

/* Feeds `length` bytes in pieces of `piece`; true when it was a whole form. */
static bool parse(const char *body, size_t length, size_t piece, struct buffer *told)
{
	struct error error = { 0 };
	struct form form;
	form_open(&form, "XX", &(const struct form_sink){ told, on_begin, on_data, on_end });
	bool done = true;
	for (size_t at = 0; done && at < length; at += piece)
		done = form_feed(&form, body + at, length - at < piece ? length - at : piece, &error);
	done = done && form_finish(&form, &error);
	form_close(&form);
	CHECK(done || error.code == ERROR_BAD_INPUT);
	return done;
}

static void check_form(const char *body, const char *expected)
{
	for (size_t piece = 1; piece <= strlen(body); piece++) {
		struct buffer told = { 0 };
		bool whole = parse(body, strlen(body), piece, &told);
		CHECK(whole == (expected != NULL));
		if (expected)
			CHECK_STRING(told.data ? told.data : "", expected);
		buffer_free(&told);
	}
}

#define PART(disposition) "--XX\r\nContent-Disposition: form-data; " disposition "\r\n\r\n"

static void parts_come_out_whole_however_the_bytes_are_cut(void)
{
	check_form(PART("name=\"lang\"") "deu\r\n" PART("name=\"file\"; filename=\"a b.pdf\"") "one\r\n--X\r\n-two\r\n--XX--\r\n",
		   "<lang||0>deu</><file|a b.pdf|1>one\r\n--X\r\n-two</>");
}

static void an_empty_part_and_one_of_line_ends_are_kept(void)
{
	check_form(PART("name=a") "\r\n" PART("name=b") "\r\n\r\n\r\n--XX--", "<a||0></><b||0>\r\n\r\n</>");
}

static void what_stands_before_and_after_is_ignored(void)
{
	check_form("preamble\r\n" PART("name=a") "1\r\n--XX--\r\nepilogue --XX", "<a||0>1</>");
}

static void other_headers_and_blanks_after_a_boundary_are_allowed(void)
{
	check_form("--XX  \r\nContent-Type: image/png\r\ncontent-disposition:form-data;name=\"a\"\r\nX: y\r\n\r\n1\r\n--XX--",
		   "<a||0>1</>");
}

static void file_names_lose_folders_controls_and_escapes(void)
{
	check_form(PART("name=f; filename=\"C:\\temp/a%22b\\\"c\x01\xff.png\"") "1\r\n--XX--", "<f|a\"b\"c.png|1>1</>");
	check_form(PART("name=f; filename=\"\"") "1\r\n--XX--", "<f||1>1</>");
}

static void what_is_no_form_is_refused(void)
{
	check_form("hello", NULL);
	check_form(PART("name=a") "1", NULL);
	check_form(PART("name=a") "1\r\n--XX", NULL);
	check_form("--XXY\r\n\r\n", NULL);
	check_form("--XX\r\n\r\nno header\r\n--XX--", NULL);
	check_form(PART("filename=a") "1\r\n--XX--", NULL);
}

static void headers_without_an_end_are_refused_early(void)
{
	struct buffer body = { 0 }, told = { 0 };
	buffer_append_string(&body, "--XX\r\n");
	for (int count = 0; count < 1000; count++)
		buffer_append_string(&body, "X: 1234567890\r\n");
	CHECK(!parse(body.data, body.length, 1000, &told));
	buffer_free(&body);
	buffer_free(&told);
}

static void random_bytes_between_boundaries_come_out_unchanged(void)
{
	unsigned seed = 20261124;
	printf("# seed %u\n", seed);
	for (int round = 0; round < 200; round++) {
		struct buffer body = { 0 }, told = { 0 };
		size_t length = (size_t)rand_r(&seed) % 300, head;
		buffer_append_string(&body, PART("name=a"));
		head = body.length;
		for (size_t index = 0; index < length; index++) { /* many beginnings of a boundary, never a whole one */
			char next = "\r\n--XY"[rand_r(&seed) % 6];
			buffer_append_char(&body, next == 'X' && body.data[body.length - 1] == 'X' ? 'Y' : next);
		}
		size_t body_length = body.length - head;
		buffer_append_string(&body, "\r\n--XX--");
		CHECK(parse(body.data, body.length, 1 + (size_t)rand_r(&seed) % 40, &told));
		CHECK(told.length == 6 + body_length + 3 && memcmp(told.data + 6, body.data + head, body_length) == 0);
		buffer_free(&body);
		buffer_free(&told);
	}
}

static void boundaries_are_read_quoted_or_not(void)
{
	char boundary[FORM_BOUNDARY_SIZE];
	struct error error = { 0 };
	CHECK(form_boundary("multipart/form-data; boundary=----WebKitFormBoundaryx", boundary, &error));
	CHECK_STRING(boundary, "----WebKitFormBoundaryx");
	CHECK(form_boundary("multipart/form-data; charset=x; Boundary=\"a b:c\"", boundary, &error));
	CHECK_STRING(boundary, "a b:c");
	CHECK(!form_boundary("multipart/form-data", boundary, &error));
	CHECK(!form_boundary("multipart/form-data; boundary=", boundary, &error));
	CHECK(!form_boundary("multipart/form-data; boundary=\"a\r\nb\"", boundary, &error));
	CHECK(!form_boundary("multipart/form-data; boundary=0123456789012345678901234567890123456789012345678901234567890"
			     "1234567890", boundary, &error));
}

int main(void)
{
	TEST(parts_come_out_whole_however_the_bytes_are_cut);
	TEST(an_empty_part_and_one_of_line_ends_are_kept);
	TEST(what_stands_before_and_after_is_ignored);
	TEST(other_headers_and_blanks_after_a_boundary_are_allowed);
	TEST(file_names_lose_folders_controls_and_escapes);
	TEST(what_is_no_form_is_refused);
	TEST(headers_without_an_end_are_refused_early);
	TEST(random_bytes_between_boundaries_come_out_unchanged);
	TEST(boundaries_are_read_quoted_or_not);
	return test_done();
}
