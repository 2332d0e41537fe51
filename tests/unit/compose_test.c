/*
 * Searchable PDFs of small images and PDFs with text of any script and direction, as Poppler's own tools read them. Hostile
 * documents and real pages are tests/cli/pdf.bats' matter.
 */
#include "common/ocr/compose.h"

#include <leptonica/allheaders.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/ocr/invisible_text.h"
#include "tests/unit/test.h"

#define WIDTH 600
#define HEIGHT 800

static char path[64];

static bool keep(void *context, const void *bytes, size_t length, struct error *error)
{
	(void)error;
	return fwrite(bytes, 1, length, context) == length;
}

static bool refuse(void *context, const void *bytes, size_t length, struct error *error)
{
	(void)context;
	(void)bytes;
	(void)length;
	return error_set(error, ERROR_TOO_LARGE, "enough");
}

static void line(struct page *page, struct box box, int32_t orientation)
{
	(void)page_add_line(page, &(struct line){ .box = box, .block = 1, .paragraph = 1, .orientation = orientation }, NULL);
}

static void word(struct page *page, struct box box, const char *text, enum word_direction direction)
{
	const struct word added = { .box = box, .confidence = 90, .text = (char *)(uintptr_t)text, .direction = direction };
	(void)page_add_word(page, &added, NULL);
}

static struct page empty_page(void)
{
	struct page page = { .number = 1, .width = WIDTH, .height = HEIGHT, .dpi = 72, .text = strdup("") };
	(void)page_add_block(&page, &(struct block){ { 0, 0, WIDTH, HEIGHT }, 1, BLOCK_TEXT }, NULL);
	(void)page_add_paragraph(&page, &(struct paragraph){ { 0, 0, WIDTH, HEIGHT }, 1, 1, false }, NULL);
	return page;
}

/* Composes into the file at `path`. */
static bool compose_page(enum media media, const void *bytes, size_t length, struct page *page, struct error *error)
{
	struct invisible_text text;
	const struct result result = { .pages = page, .page_count = 1 };
	FILE *file = fopen(path, "wb");
	int32_t failed_page = 0;
	bool made = file && invisible_text_make(&text, &result, error);
	const struct compose_page composed = { page->number, page->width, page->height, page->dpi,
					       text.streams.data, text.lengths[0] };
	const struct compose_request request = { .media = media, .bytes = bytes, .length = length,
						 .most_pixels = 1000000, .pages = &composed, .page_count = 1,
						 .unicode = text.unicode.data, .unicode_length = text.unicode.length,
						 .character_count = text.character_count };
	const struct compose_sink sink = { keep, file };
	made = made && compose(&request, &sink, &failed_page, error);
	invisible_text_free(&text);
	page_free(page);
	return file && fclose(file) == 0 && made;
}

static l_uint8 *png(size_t *length)
{
	l_uint8 *bytes = NULL;
	PIX *pix = pixCreate(WIDTH, HEIGHT, 8);
	(void)pixSetAll(pix);
	(void)pixWriteMemPng(&bytes, length, pix, 0);
	pixDestroy(&pix);
	return bytes;
}

static void compose_on_png(struct page page)
{
	struct error error = { 0 };
	size_t length = 0;
	l_uint8 *bytes = png(&length);
	CHECK(compose_page(MEDIA_PNG, bytes, length, &page, &error));
	CHECK_STRING(error.message, "");
	lept_free(bytes);
}

/* What a command prints of the file; `after` stands behind its name. */
static char *output_of(const char *command_start, const char *after)
{
	char command[256], bytes[4096];
	struct buffer out = { 0 };
	(void)snprintf(command, sizeof command, "%s %s %s", command_start, path, after);
	FILE *pipe = popen(command, "r");
	for (size_t got; pipe && (got = fread(bytes, 1, sizeof bytes, pipe)) > 0;)
		buffer_append(&out, bytes, got);
	CHECK_INTEGER(pipe ? pclose(pipe) : -1, 0);
	buffer_append_string(&out, "");
	return buffer_take(&out);
}

/* Whether pdftotext has the word just there, to a hundredth of a point. */
static bool has_word(const char *boxes, const char *text, const struct box *box)
{
	char behind[64];
	float x1 = 0, y1 = 0, x2 = 0, y2 = 0;
	(void)snprintf(behind, sizeof behind, ">%s</word>", text);
	for (const char *at = boxes; (at = strstr(at, "<word ")); at++) {
		const char *end = strchr(at, '>');
		if (end && !strncmp(end, behind, strlen(behind)) &&
		    sscanf(at, "<word xMin=\"%f\" yMin=\"%f\" xMax=\"%f\" yMax=\"%f\"", &x1, &y1, &x2, &y2) == 4)
			return fabsf(x1 - (float)box->x) < 0.01f && fabsf(y1 - (float)box->y) < 0.01f &&
			       fabsf(x2 - (float)(box->x + box->width)) < 0.01f &&
			       fabsf(y2 - (float)(box->y + box->height)) < 0.01f;
	}
	return false;
}

static void text_of_any_script_is_found_and_copied(void)
{
	struct page page = empty_page();
	line(&page, (struct box){ 50, 50, 400, 20 }, 0);
	word(&page, (struct box){ 50, 50, 100, 20 }, "Gr\xc3\xbc\xc3\x9f" "e", WORD_LEFT_TO_RIGHT);
	word(&page, (struct box){ 160, 50, 90, 20 }, "\xe2\x82\xac" "12", WORD_NEUTRAL);
	word(&page, (struct box){ 260, 50, 190, 20 }, "(<&>\\)", WORD_NEUTRAL);
	line(&page, (struct box){ 50, 100, 400, 20 }, 0);
	word(&page, (struct box){ 50, 100, 200, 20 }, "\xe6\xbc\xa2\xe5\xad\x97", WORD_LEFT_TO_RIGHT);
	word(&page, (struct box){ 260, 100, 190, 20 }, "\xf0\x9d\x94\x98\xf0\x9f\x90\xb1", WORD_LEFT_TO_RIGHT);
	compose_on_png(page);
	char *text = output_of("pdftotext", "-");
	CHECK(strstr(text, "Gr\xc3\xbc\xc3\x9f" "e \xe2\x82\xac" "12 (<&>\\)\n") != NULL);
	CHECK(strstr(text, "\xe6\xbc\xa2\xe5\xad\x97 \xf0\x9d\x94\x98\xf0\x9f\x90\xb1\n") != NULL);
	free(text);
	page = empty_page(); /* shalom olam, from right to left */
	line(&page, (struct box){ 50, 150, 400, 20 }, 0);
	word(&page, (struct box){ 250, 150, 200, 20 }, "\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d", WORD_RIGHT_TO_LEFT);
	word(&page, (struct box){ 50, 150, 190, 20 }, "\xd7\xa2\xd7\x95\xd7\x9c\xd7\x9d", WORD_RIGHT_TO_LEFT);
	compose_on_png(page);
	text = output_of("pdftotext", "-");
	CHECK(strstr(text, "\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d \xd7\xa2\xd7\x95\xd7\x9c\xd7\x9d") != NULL);
	free(text);
}

static void words_have_their_boxes_and_lines_their_height(void)
{
	struct page page = empty_page();
	line(&page, (struct box){ 50, 50, 400, 20 }, 0);
	word(&page, (struct box){ 50, 50, 100, 20 }, "one", WORD_LEFT_TO_RIGHT);
	word(&page, (struct box){ 170, 55, 280, 12 }, "two", WORD_LEFT_TO_RIGHT);
	compose_on_png(page);
	char *text = output_of("pdftotext -bbox", "-");
	CHECK(has_word(text, "one", &(struct box){ 50, 50, 100, 20 }));
	CHECK(has_word(text, "two", &(struct box){ 170, 50, 280, 20 }));
	free(text);
}

/* Clockwise; the baseline tells also where the orientation does not. */
static void lines_that_do_not_stand_upright_run_as_they_do(void)
{
	static const struct {
		int32_t orientation;
		struct box first, second, whole;
	} turned[] = { { 90, { 300, 100, 20, 100 }, { 300, 208, 20, 112 }, { 300, 100, 20, 220 } },
		       { 180, { 420, 100, 100, 20 }, { 300, 100, 112, 20 }, { 300, 100, 220, 20 } },
		       { 270, { 300, 220, 20, 100 }, { 300, 100, 20, 112 }, { 300, 100, 20, 220 } } };
	for (size_t index = 0; index < sizeof turned / sizeof *turned; index++) {
		struct page page = empty_page();
		line(&page, turned[index].whole, turned[index].orientation);
		word(&page, turned[index].first, "first", WORD_LEFT_TO_RIGHT);
		word(&page, turned[index].second, "second", WORD_LEFT_TO_RIGHT);
		compose_on_png(page);
		char *text = output_of("pdftotext", "-");
		CHECK_STRING(text, "first second\n\n\f");
		free(text);
		text = output_of("pdftotext -bbox", "-");
		CHECK(has_word(text, "first", &turned[index].first));
		CHECK(has_word(text, "second", &turned[index].second));
		free(text);
	}
	struct page page = empty_page();
	line(&page, turned[0].whole, 0);
	memcpy(page.lines[0].baseline, (int32_t[]){ 304, 100, 304, 320 }, sizeof page.lines[0].baseline);
	word(&page, turned[0].first, "first", WORD_LEFT_TO_RIGHT);
	word(&page, turned[0].second, "second", WORD_LEFT_TO_RIGHT);
	compose_on_png(page);
	char *text = output_of("pdftotext", "-");
	CHECK_STRING(text, "first second\n\n\f");
	free(text);
}

static void words_on_a_slope_stay_whole(void)
{
	struct page page = empty_page();
	line(&page, (struct box){ 50, 100, 500, 70 }, 0);
	memcpy(page.lines[0].baseline, (int32_t[]){ 50, 120, 550, 165 }, sizeof page.lines[0].baseline);
	word(&page, (struct box){ 50, 100, 300, 50 }, "extraordinary", WORD_LEFT_TO_RIGHT);
	word(&page, (struct box){ 370, 130, 180, 40 }, "things", WORD_LEFT_TO_RIGHT);
	compose_on_png(page);
	char *text = output_of("pdftotext", "-");
	CHECK_STRING(text, "extraordinary things\n\n\f");
	free(text);
}

/* A page whose crop box is not at the corner, turned in each way; a font and resources that two pages share. */
static void a_pdf_keeps_its_pages_and_gets_text_where_it_shows(void)
{
	static const char form[] = "%%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
				   "2 0 obj<</Type/Pages/Kids[3 0 R 4 0 R]/Count 2/Resources 5 0 R/MediaBox[-50 -50 900 1000]"
				   "/CropBox[100 100 %d %d]>>endobj\n"
				   "3 0 obj<</Type/Page/Parent 2 0 R/Rotate %d/Contents 6 0 R>>endobj\n"
				   "4 0 obj<</Type/Page/Parent 2 0 R/Contents 6 0 R>>endobj\n"
				   "5 0 obj<</Font 7 0 R>>endobj\n"
				   "6 0 obj<</Length 52>>stream\n0.5 0 0 0.5 9 9 cm q q BT /FiLot 9 Tf 600 600 Td (x) Tj ET\nendstream endobj\n"
				   "7 0 obj<</FiLot<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>endobj\n"
				   "trailer<</Root 1 0 R/Size 8>>\n";
	for (int rotation = 0; rotation < 360; rotation += 90) {
		struct error error = { 0 };
		struct page page = empty_page();
		bool turned = rotation % 180 != 0;
		char bytes[1024];
		int length = snprintf(bytes, sizeof bytes, form, 100 + (turned ? HEIGHT : WIDTH), 100 + (turned ? WIDTH : HEIGHT),
				      rotation);
		line(&page, (struct box){ 50, 40, 400, 20 }, 0);
		word(&page, (struct box){ 50, 40, 100, 20 }, "one", WORD_LEFT_TO_RIGHT);
		word(&page, (struct box){ 170, 40, 280, 20 }, "two", WORD_LEFT_TO_RIGHT);
		CHECK(compose_page(MEDIA_PDF, bytes, (size_t)length, &page, &error));
		CHECK_STRING(error.message, "");
		char *text = output_of("pdftotext -cropbox -bbox", "-");
		CHECK(has_word(text, "one", &(struct box){ 50, 40, 100, 20 }));
		CHECK(has_word(text, "two", &(struct box){ 170, 40, 280, 20 }));
		CHECK(strstr(text, ">x<") != NULL);
		free(text);
		text = output_of("pdfinfo", "| grep ^Pages:");
		CHECK_STRING(text, "Pages:           1\n");
		free(text);
	}
}

static void what_cannot_be_taken_over_says_so(void)
{
	static const char broken[] = "%PDF-1.4\nnothing";
	struct error error = { 0 };
	struct page page = empty_page();
	CHECK(!compose_page(MEDIA_PDF, broken, sizeof broken, &page, &error));
	CHECK_INTEGER(error.code, ERROR_CORRUPT_DOCUMENT);
	static const char none[] = "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
				   "2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\ntrailer<</Root 1 0 R>>\n";
	page = empty_page();
	CHECK(!compose_page(MEDIA_PDF, none, sizeof none - 1, &page, &error));
	CHECK_INTEGER(error.code, ERROR_CORRUPT_DOCUMENT);
	CHECK(strstr(error.message, "page") != NULL); /* QPDF's own words, from version 12 on */
	static const char one[] = "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
				  "2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
				  "3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>endobj\ntrailer<</Root 1 0 R>>\n";
	page = empty_page();
	page.number = 2;
	CHECK(!compose_page(MEDIA_PDF, one, sizeof one - 1, &page, &error));
	CHECK_INTEGER(error.code, ERROR_CORRUPT_DOCUMENT);
	CHECK(strstr(error.message, "no such page") != NULL);
	page = empty_page();
	CHECK(!compose_page(MEDIA_PNG, "\x89PNG\r\n\x1a\n", 8, &page, &error));
	CHECK_INTEGER(error.code, ERROR_CORRUPT_DOCUMENT);
}

static void a_sink_that_fails_ends_it(void)
{
	size_t length = 0;
	l_uint8 *bytes = png(&length);
	struct error error = { 0 };
	int32_t failed_page = 0;
	const struct compose_page page = { 1, WIDTH, HEIGHT, 72, "", 0 };
	const struct compose_request request = { .media = MEDIA_PNG, .bytes = bytes, .length = length,
						 .most_pixels = 1000000, .pages = &page, .page_count = 1, .unicode = "" };
	const struct compose_sink sink = { refuse, NULL };
	CHECK(!compose(&request, &sink, &failed_page, &error));
	CHECK_INTEGER(error.code, ERROR_TOO_LARGE);
	lept_free(bytes);
}

int main(void)
{
	(void)snprintf(path, sizeof path, "/tmp/filot-compose-test-%d.pdf", (int)getpid());
	(void)setMsgSeverity(L_SEVERITY_NONE);
	TEST(text_of_any_script_is_found_and_copied);
	TEST(words_have_their_boxes_and_lines_their_height);
	TEST(lines_that_do_not_stand_upright_run_as_they_do);
	TEST(words_on_a_slope_stay_whole);
	TEST(a_pdf_keeps_its_pages_and_gets_text_where_it_shows);
	TEST(what_cannot_be_taken_over_says_so);
	TEST(a_sink_that_fails_ends_it);
	(void)unlink(path);
	return test_done();
}
