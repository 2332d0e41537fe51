/* Result lines have the members of filot-jobs(5), one object a line, whatever is in them. */
#include "common/json/result.h"

#include <jansson.h>

#include "tests/unit/test.h"
#include "tests/unit/sample_page.h"

static struct result sample_result(void)
{
	return (struct result){ .job = "01JDX0000000000000000000AB",
				.document = "scan-1",
				.engine = { "tesseract", "eng", "00ff", "5.3.0" },
				.ms = { 1, 2, 3, 4, 5, 6, 21 } };
}

static char *line_of(const struct result *result)
{
	struct buffer line = { 0 };
	result_write(result, &line);
	return buffer_take(&line);
}

static void a_done_result_has_the_members_of_the_contract(void)
{
	struct result result = sample_result();
	char *line = line_of(&result);
	CHECK_STRING(line, "{\"v\":1,\"job\":\"01JDX0000000000000000000AB\",\"document\":\"scan-1\",\"status\":\"done\","
			   "\"pages\":[],\"engine\":{\"backend\":\"tesseract\",\"model\":\"eng\",\"model_sha256\":\"00ff\","
			   "\"version\":\"5.3.0\"},\"ms\":{\"queue\":1,\"fetch\":2,\"decode\":3,\"layout\":4,\"recognise\":5,"
			   "\"store\":6,\"total\":21}}\n");
	free(line);
}

static void a_failed_result_says_code_message_and_page(void)
{
	struct result result = sample_result();
	result.engine = (struct engine_info){ 0 };
	result.error_page = 2;
	error_set(&result.error, ERROR_CORRUPT_DOCUMENT, "page \"2\" is torn");
	char *line = line_of(&result);
	CHECK(strstr(line, "\"status\":\"failed\",\"pages\":[],\"ms\":") != NULL); /* no engine read it */
	CHECK(strstr(line, ",\"error\":{\"code\":\"corrupt_document\",\"message\":\"page \\\"2\\\" is torn\",\"page\":2}}\n") !=
	      NULL);
	free(line);
	result.error_page = 0;
	line = line_of(&result);
	CHECK(strstr(line, "\"page\":") == NULL);
	free(line);
}

static void a_plain_file_has_no_job(void)
{
	struct result result = sample_result();
	result.job = NULL;
	char *line = line_of(&result);
	CHECK(strncmp(line, "{\"v\":1,\"document\":\"scan-1\",", 27) == 0);
	free(line);
}

/* The contract's codes end with internal; what only a process can have is internal to a reader of lines. */
static void codes_outside_the_contract_become_internal(void)
{
	static const enum error_code codes[] = { ERROR_CONFIG, ERROR_UNAVAILABLE, ERROR_TRY_AGAIN, ERROR_NOT_PERMITTED };
	for (size_t index = 0; index < sizeof codes / sizeof *codes; index++) {
		struct result result = sample_result();
		error_set(&result.error, codes[index], "m");
		char *line = line_of(&result);
		CHECK(strstr(line, "\"code\":\"internal\"") != NULL);
		free(line);
	}
}

/* A file's name may hold anything but '/' and NUL. */
static void any_name_gives_one_line_of_valid_json(void)
{
	struct result result = sample_result();
	struct page pages[2];
	sample_page(&pages[0], 1);
	sample_page(&pages[1], 2);
	result.pages = pages;
	result.page_count = 2;
	result.document = "a\n\"b\"\\\x01\xff\xc3\xa4";
	char *line = line_of(&result);
	CHECK(strchr(line, '\n') == line + strlen(line) - 1);
	json_t *root = json_loads(line, 0, NULL);
	CHECK_STRING(json_string_value(json_object_get(root, "document")), "a\n\"b\"\\\x01\xef\xbf\xbd\xc3\xa4");
	json_t *second = json_array_get(json_object_get(root, "pages"), 1);
	CHECK_INTEGER(json_integer_value(json_object_get(second, "page")), 2);
	CHECK_INTEGER(json_array_size(json_object_get(second, "lines")), 3);
	json_decref(root);
	free(line);
	page_free(&pages[0]);
	page_free(&pages[1]);
}

static void freed_pages_are_gone(void)
{
	struct result result = sample_result();
	result.pages = calloc(1, sizeof *result.pages);
	result.page_count = 1;
	sample_page(&result.pages[0], 1);
	result_free_pages(&result);
	CHECK(result.pages == NULL && result.page_count == 0);
	result_free_pages(&result);
}

int main(void)
{
	TEST(a_done_result_has_the_members_of_the_contract);
	TEST(a_failed_result_says_code_message_and_page);
	TEST(a_plain_file_has_no_job);
	TEST(codes_outside_the_contract_become_internal);
	TEST(any_name_gives_one_line_of_valid_json);
	TEST(freed_pages_are_gone);
	return test_done();
}
