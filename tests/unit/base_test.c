/* The small parts: errors, buffers, clocks, ULIDs, lines, JSON text, SHA-256. */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/buffer.h"
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/json_text.h"
#include "common/base/lines.h"
#include "common/base/sha256.h"
#include "common/base/ulid.h"

static void an_error_has_a_name_a_class_and_a_status(void)
{
	struct error error = { 0 };
	CHECK(!error_set(&error, ERROR_NOT_FOUND, "object %s", "a/b"));
	CHECK_STRING(error.message, "object a/b");
	CHECK_STRING(error_code_name(error.code), "not_found");
	CHECK(!error_is_transient(ERROR_NOT_FOUND) && error_is_transient(ERROR_STORAGE_UNAVAILABLE));
	CHECK_INTEGER(error_exit_status(ERROR_CONFIG), EX_CONFIG);
	CHECK_INTEGER(error_exit_status(ERROR_UNAVAILABLE), EX_UNAVAILABLE);
	CHECK(!error_prefix(&error, "job %d", 7));
	CHECK_STRING(error.message, "job 7: object a/b");
}

static void every_error_code_is_found_by_its_name(void)
{
	for (int code = ERROR_NONE; code < ERROR_CODE_COUNT; code++)
		CHECK_INTEGER(error_code_from_name(error_code_name((enum error_code)code)), code);
	CHECK_INTEGER(error_code_from_name("no such code"), ERROR_NONE);
}

static void a_message_that_is_too_long_is_cut(void)
{
	struct error error;
	char text[2000];
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	(void)error_set(&error, ERROR_INTERNAL, "%s", text);
	CHECK_INTEGER(strlen(error.message), sizeof error.message - 1);
	(void)error_prefix(&error, "%s", text);
	CHECK_INTEGER(strlen(error.message), sizeof error.message - 1);
}

static void a_buffer_grows_and_gives_its_bytes_away(void)
{
	struct buffer buffer = { 0 };
	for (int index = 0; index < 10000; index++)
		buffer_printf(&buffer, "%d,", index % 10);
	CHECK_INTEGER(buffer.length, 20000);
	buffer_consume(&buffer, 19998);
	CHECK_STRING(buffer.data, "9,");
	char *taken = buffer_take(&buffer);
	CHECK_STRING(taken, "9,");
	CHECK(buffer.data == NULL && buffer.length == 0);
	free(taken);
}

static void a_buffer_remembers_that_memory_ended(void)
{
	struct buffer buffer = { 0 };
	buffer_append_string(&buffer, "kept");
	CHECK(!buffer_reserve(&buffer, SIZE_MAX / 2));
	buffer_append_string(&buffer, "not added");
	CHECK(buffer.failed);
	CHECK_STRING(buffer.data, "kept");
	CHECK(buffer_take(&buffer) == NULL);
}

static void times_are_written_and_read_as_rfc_3339(void)
{
	char text[CLOCK_RFC3339_SIZE];
	int64_t ms = 0;
	CHECK_STRING(clock_rfc3339(0, text), "1970-01-01T00:00:00.000Z");
	CHECK_STRING(clock_rfc3339(951782400123, text), "2000-02-29T00:00:00.123Z");
	CHECK_STRING(clock_rfc3339(-1, text), "1969-12-31T23:59:59.999Z");
	CHECK(clock_parse_rfc3339("2000-02-29T00:00:00.123Z", &ms));
	CHECK_INTEGER(ms, 951782400123);
	CHECK(clock_parse_rfc3339("2000-02-29T01:30:00+01:30", &ms));
	CHECK_INTEGER(ms, 951782400000);
	CHECK(clock_parse_rfc3339("1969-12-31T23:59:59.9994z", &ms));
	CHECK_INTEGER(ms, -1);
}

static void what_is_no_time_is_refused(void)
{
	static const char *const wrong[] = { "", "2000", "2000-13-01T00:00:00Z", "2000-00-01T00:00:00Z",
					     "2000-01-32T00:00:00Z", "2000-01-01T24:00:00Z", "2000-01-01T00:60:00Z",
					     "2000-01-01T00:00:00", "2000-01-01T00:00:00.Z", "2000-01-01T00:00:00Zx",
					     "2000-01-01T00:00:00+1:00", "20000-01-01T00:00:00Z" };
	int64_t ms;
	for (size_t index = 0; index < sizeof wrong / sizeof *wrong; index++)
		CHECK(!clock_parse_rfc3339(wrong[index], &ms));
}

static void backoff_stays_within_its_cap(void)
{
	for (int attempt = 0; attempt < 100; attempt++) {
		int64_t ms = clock_backoff_ms(attempt, 100, 5000);
		CHECK(ms >= 0 && ms <= 5000);
		CHECK(attempt > 3 || ms <= 100 << attempt);
	}
	CHECK_INTEGER(clock_backoff_ms(1000, 0, 0), 0);
}

static void ulids_are_valid_sorted_and_carry_the_time(void)
{
	char before[ULID_SIZE] = "";
	int64_t now_ms = clock_unix_ms();
	for (int index = 0; index < 5000; index++) {
		char text[ULID_SIZE];
		ulid_new(text);
		CHECK(ulid_valid(text) && strcmp(before, text) < 0);
		CHECK(ulid_unix_ms(text) >= now_ms && ulid_unix_ms(text) <= now_ms + 60000);
		memcpy(before, text, sizeof text);
	}
	CHECK(!ulid_valid("") && !ulid_valid("01ARZ3NDEKTSV4RRFFQ69G5FA") && !ulid_valid("81ARZ3NDEKTSV4RRFFQ69G5FAV"));
	CHECK(!ulid_valid("01ARZ3NDEKTSV4RRFFQ69G5FAU") && !ulid_valid("01arz3ndektsv4rrffq69g5fav"));
	CHECK_INTEGER(ulid_unix_ms("01ARZ3NDEKTSV4RRFFQ69G5FAV"), 1469922850259);
}

/* All lines of `bytes`, joined by '|'; one that is too long as "!". */
static char *split(const char *bytes, size_t length, size_t longest)
{
	int ends[2];
	struct buffer joined = { 0 };
	struct lines lines;
	struct error error;
	char *line;
	size_t line_length;
	enum lines_status status;
	CHECK(pipe(ends) == 0);
	CHECK(write(ends[1], bytes, length) == (ssize_t)length);
	(void)close(ends[1]);
	lines_open(&lines, ends[0], longest);
	while ((status = lines_next(&lines, &line, &line_length, NULL, &error)) == LINES_LINE ||
	       status == LINES_TOO_LONG)
		buffer_printf(&joined, "%s|", status == LINES_LINE ? line : "!");
	CHECK_INTEGER(status, LINES_END);
	lines_free(&lines);
	(void)close(ends[0]);
	buffer_append(&joined, "", 0);
	return buffer_take(&joined);
}

static void lines_are_split_whatever_ends_them(void)
{
	static const struct {
		const char *bytes, *expected;
	} cases[] = { { "", "" },	   { "a\nb\n", "a|b|" }, { "a\r\nb", "a|b|" }, { "\n\n", "||" },
		      { "a\n\nb", "a||b|" }, { "12345\n", "12345|" }, { "123456\nx\n", "!|x|" }, { "123456", "!|" } };
	for (size_t index = 0; index < sizeof cases / sizeof *cases; index++) {
		char *joined = split(cases[index].bytes, strlen(cases[index].bytes), 5);
		CHECK_STRING(joined, cases[index].expected);
		free(joined);
	}
}

static void a_line_that_is_far_too_long_is_skipped_and_the_next_one_read(void)
{
	size_t length = 60000;
	char *bytes = malloc(length + 3);
	CHECK(bytes != NULL);
	memset(bytes, 'x', length);
	memcpy(bytes + length, "\ny\n", 3);
	char *joined = split(bytes, length + 3, 1000);
	CHECK_STRING(joined, "!|y|");
	free(joined);
	free(bytes);
}

static void waiting_for_a_line_ends_when_asked_to_stop(void)
{
	int ends[2];
	atomic_int stop = 1;
	struct lines lines;
	struct error error;
	char *line;
	size_t length;
	CHECK(pipe(ends) == 0);
	lines_open(&lines, ends[0], 100);
	CHECK_INTEGER(lines_next(&lines, &line, &length, &stop, &error), LINES_FAILED);
	CHECK_INTEGER(error.code, ERROR_TRY_AGAIN);
	lines_free(&lines);
	(void)close(ends[0]);
	(void)close(ends[1]);
}

static void json_strings_are_escaped_and_bad_utf8_replaced(void)
{
	static const struct {
		const char *bytes, *expected;
	} cases[] = {
		{ "plain", "\"plain\"" },
		{ "a\"b\\c\n\t\r\x01", "\"a\\\"b\\\\c\\n\\t\\r\\u0001\"" },
		{ "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"" },
		{ "x\xff\xc3", "\"x\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ "\xc0\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\"" }, /* overlong */
		{ "\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" }, /* surrogate */
		{ "\xf4\x90\x80\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
	};
	for (size_t index = 0; index < sizeof cases / sizeof *cases; index++) {
		struct buffer buffer = { 0 };
		json_text_string(&buffer, cases[index].bytes, strlen(cases[index].bytes));
		CHECK_STRING(buffer.data, cases[index].expected);
		buffer_free(&buffer);
	}
}

static void sha256_is_that_of_fips_180(void)
{
	char hex[SHA256_HEX_SIZE];
	struct error error;
	CHECK(sha256_of("abc", 3, hex));
	CHECK_STRING(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	struct sha256 *sum = sha256_new(&error);
	CHECK(sum && sha256_add(sum, "a", 1) && sha256_add(sum, "bc", 2) && sha256_finish(sum, hex));
	CHECK_STRING(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	int64_t length = 0;
	int descriptor = open("/dev/null", O_RDONLY | O_CLOEXEC);
	CHECK(sha256_of_descriptor(descriptor, 10, hex, &length, &error) && length == 0);
	CHECK_STRING(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	(void)close(descriptor);
	descriptor = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	CHECK(!sha256_of_descriptor(descriptor, 1000, hex, &length, &error) && error.code == ERROR_TOO_LARGE);
	(void)close(descriptor);
	CHECK(sha256_valid(hex) && !sha256_valid("abc"));
}

int main(void)
{
	TEST(an_error_has_a_name_a_class_and_a_status);
	TEST(every_error_code_is_found_by_its_name);
	TEST(a_message_that_is_too_long_is_cut);
	TEST(a_buffer_grows_and_gives_its_bytes_away);
	TEST(a_buffer_remembers_that_memory_ended);
	TEST(times_are_written_and_read_as_rfc_3339);
	TEST(what_is_no_time_is_refused);
	TEST(backoff_stays_within_its_cap);
	TEST(ulids_are_valid_sorted_and_carry_the_time);
	TEST(lines_are_split_whatever_ends_them);
	TEST(a_line_that_is_far_too_long_is_skipped_and_the_next_one_read);
	TEST(waiting_for_a_line_ends_when_asked_to_stop);
	TEST(json_strings_are_escaped_and_bad_utf8_replaced);
	TEST(sha256_is_that_of_fips_180);
	return test_done();
}
