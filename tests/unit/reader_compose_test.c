/* Having a PDF made by a child that keeps to the protocol, or not: the request's password says how it answers. */
#include "common/ocr/reader.h"

#include "tests/unit/test.h"
#include "tests/unit/fake_reader.h"

#define MOST_BYTES 3000000
#define PIECE "0123456789"

static int output = -1; /* a memfd */

/* What the child was asked for, as bytes of the PDF: the object, then what follows it. */
static void answer(const char *order, const struct buffer *request)
{
	static char piece[FRAME_LONGEST_PIECE_BYTES + 1];
	if (strcmp(order, "good") == 0)
		(void)frame_send(STDIN_FILENO, FRAME_BYTES, request->data, request->length, -1, NULL);
	if (strcmp(order, "much") == 0)
		while (frame_send(STDIN_FILENO, FRAME_BYTES, piece, FRAME_LONGEST_PIECE_BYTES, -1, NULL))
			continue;
	if (strcmp(order, "long") == 0)
		(void)frame_send(STDIN_FILENO, FRAME_BYTES, piece, sizeof piece, -1, NULL);
	if (strcmp(order, "page") == 0)
		fake_send_page(1, NULL, -1);
	if (strcmp(order, "torn") == 0) {
		fake_send_text(FRAME_BYTES, PIECE);
		fake_send_text(FRAME_ERROR, "{\"code\":\"corrupt_document\",\"message\":\"torn\",\"page\":2}");
		return;
	}
	if (strcmp(order, "die") == 0) {
		fake_send_text(FRAME_BYTES, PIECE);
		_exit(3);
	}
	fake_send_text(FRAME_BYTES, "");
	fake_send_text(FRAME_DONE, "{\"engine\":{},\"rss_bytes\":1}");
}

static int be_child(void)
{
	struct buffer payload = { 0 };
	enum frame_type type;
	int descriptor;
	while (frame_receive(STDIN_FILENO, &type, &payload, 1 << 24, 0, -1, &descriptor, NULL)) {
		json_t *request = json_loadb(payload.data, payload.length, JSON_DISABLE_EOF_CHECK, NULL);
		const char *order = json_string_value(json_object_get(request, "password"));
		if (type == FRAME_COMPOSE && descriptor >= 0 && order)
			answer(order, &payload);
		else if (type == FRAME_READ) /* with bytes, which only a composition may have */
			fake_send_text(FRAME_BYTES, PIECE);
		json_decref(request);
		if (descriptor >= 0)
			(void)close(descriptor);
	}
	buffer_free(&payload);
	return 0;
}

static struct reader *open_reader(void)
{
	const struct reader_options options = { .program = self,
						.tessdata = "/models",
						.limits = { .document_bytes = 100,
							    .pages = 10,
							    .page_pixels = 400 * 300,
							    .time_ms = 60000,
							    .memory_bytes = FAKE_MEMORY_BYTES,
							    .result_bytes = 1000 } };
	struct reader *reader = reader_new(&options, NULL);
	if (!reader)
		exit(70); /* nothing can be tested */
	return reader;
}

static bool compose_as(struct reader *reader, const char *order, struct error *error)
{
	const struct reader_composition composition = { document, order, output, MOST_BYTES };
	struct page page;
	sample_page(&page, 1);
	const struct result result = { .pages = &page, .page_count = 1 };
	*error = (struct error){ 0 };
	CHECK(ftruncate(output, 0) == 0 && lseek(output, 0, SEEK_SET) == 0);
	bool done = reader_compose(reader, &composition, &result, error);
	page_free(&page);
	return done;
}

static void the_child_gets_the_text_and_its_bytes_go_to_the_output(void)
{
	struct reader *reader = open_reader();
	struct error error;
	char bytes[16384] = "";
	CHECK(compose_as(reader, "good", &error));
	CHECK_STRING(error.message, "");
	ssize_t length = pread(output, bytes, sizeof bytes - 1, 0);
	json_error_t where;
	json_t *head = json_loadb(bytes, length > 0 ? (size_t)length : 0, JSON_DISABLE_EOF_CHECK, &where);
	json_t *page = json_array_get(json_object_get(head, "pages"), 0);
	json_int_t unicode = json_integer_value(json_object_get(head, "unicode"));
	json_int_t text = json_integer_value(json_object_get(page, "text"));
	CHECK_INTEGER(json_integer_value(json_object_get(page, "width")), 400);
	CHECK_INTEGER(json_integer_value(json_object_get(json_object_get(head, "limits"), "result_bytes")), MOST_BYTES);
	CHECK(unicode > 0 && text > 0);
	CHECK_INTEGER(length, where.position + unicode + text);
	CHECK(strstr(bytes, "beginbfchar") != NULL && strstr(bytes, " Tj\n") != NULL);
	json_decref(head);
	reader_free(reader);
}

static void what_is_no_pdf_costs_the_child_and_the_document(void)
{
	static const struct {
		const char *order, *says;
		enum error_code code;
	} cases[] = { { "much", "more of a PDF than it may", ERROR_INTERNAL },
		      { "long", "", ERROR_TOO_LARGE },
		      { "page", "what was not asked for", ERROR_INTERNAL },
		      { "die", "ended with status 3", ERROR_INTERNAL } };
	struct reader *reader = open_reader();
	for (size_t index = 0; index < sizeof cases / sizeof *cases; index++) {
		struct error error;
		CHECK(!compose_as(reader, cases[index].order, &error));
		CHECK_INTEGER(error.code, cases[index].code);
		CHECK(strstr(error.message, cases[index].says) != NULL);
		CHECK_INTEGER(reader_process(reader), 0);
		CHECK(compose_as(reader, "good", &error));
	}
	reader_free(reader);
}

static void an_error_of_the_document_leaves_the_child_alive(void)
{
	struct reader *reader = open_reader();
	struct error error;
	CHECK(!compose_as(reader, "torn", &error));
	CHECK_INTEGER(error.code, ERROR_CORRUPT_DOCUMENT);
	CHECK_STRING(error.message, "torn");
	CHECK(reader_process(reader) > 0);
	reader_free(reader);
}

static void bytes_are_no_answer_to_a_reading(void)
{
	struct reader *reader = open_reader();
	const struct reader_request request = { .descriptor = document, .lang = "eng", .psm = 3 };
	struct result result = { 0 };
	struct error error = { 0 };
	CHECK(!reader_read(reader, &request, &result, &error));
	CHECK_INTEGER(error.code, ERROR_INTERNAL);
	CHECK(strstr(error.message, "what was not asked for") != NULL);
	reader_free(reader);
}

static void an_output_that_takes_nothing_is_an_error(void)
{
	struct reader *reader = open_reader();
	struct error error = { 0 };
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	const struct reader_composition composition = { document, "good", full, MOST_BYTES };
	struct page page;
	sample_page(&page, 1);
	const struct result result = { .pages = &page, .page_count = 1 };
	CHECK(!reader_compose(reader, &composition, &result, &error));
	CHECK(strstr(error.message, "writing a PDF: No space left") != NULL);
	page_free(&page);
	(void)close(full);
	reader_free(reader);
}

int main(int argc, char **argv)
{
	if (fake_is_child(argc, argv))
		return be_child();
	fake_make_document();
	output = memfd_create("output", MFD_CLOEXEC);
	TEST(the_child_gets_the_text_and_its_bytes_go_to_the_output);
	TEST(what_is_no_pdf_costs_the_child_and_the_document);
	TEST(an_error_of_the_document_leaves_the_child_alive);
	TEST(bytes_are_no_answer_to_a_reading);
	TEST(an_output_that_takes_nothing_is_an_error);
	return test_done();
}
