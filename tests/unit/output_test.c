/* Text, TSV and hOCR of hand-built pages as Tesseract's renderers write them; ALTO as its schema has it; the overlay's HTML. */
#include "common/ocr/output.h"

#include "tests/unit/test.h"
#include "tests/unit/sample_page.h"

/* The sample as pages 1 and 2 of a document. */
static char *output_of(enum output_format format, const char *document, struct error error, size_t page_count)
{
	struct page pages[2];
	struct buffer out = { 0 };
	sample_page(&pages[0], 1);
	sample_page(&pages[1], 2);
	const struct result result = { .document = document,
				       .pages = pages,
				       .page_count = page_count,
				       .engine = { "tesseract", "eng", "", "5.3.0" },
				       .error = error };
	output_begin(format, &out);
	output_write(format, &result, &out);
	output_end(format, &out);
	page_free(&pages[0]);
	page_free(&pages[1]);
	return buffer_take(&out);
}

static const struct error none = { .code = ERROR_NONE };

static const char heading[] =
	"level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext\n";

static void text_has_a_form_feed_between_pages_and_none_at_the_end(void)
{
	char *text = output_of(OUTPUT_TEXT, "d", none, 2);
	CHECK_STRING(text, "Fish & Chips\n\none\n\ntwo 3\n\fFish & Chips\n\none\n\ntwo 3\n");
	free(text);
	CHECK_STRING(output_separator(OUTPUT_TEXT), "\f");
}

static void tsv_has_a_row_for_page_block_paragraph_line_and_word(void)
{
	char *text = output_of(OUTPUT_TSV, "d", none, 1);
	CHECK(strncmp(text, heading, strlen(heading)) == 0);
	CHECK_STRING(text + strlen(heading), "1\t1\t0\t0\t0\t0\t0\t0\t400\t300\t-1\t\n"
					     "2\t1\t1\t0\t0\t0\t10\t10\t200\t30\t-1\t\n"
					     "3\t1\t1\t1\t0\t0\t10\t10\t200\t30\t-1\t\n"
					     "4\t1\t1\t1\t1\t0\t10\t10\t200\t30\t-1\t\n"
					     "5\t1\t1\t1\t1\t1\t10\t10\t60\t24\t96.063461\tFish\n"
					     "5\t1\t1\t1\t1\t2\t80\t10\t20\t24\t95.000000\t&\n"
					     "2\t1\t2\t0\t0\t0\t0\t50\t400\t2\t-1\t\n"
					     "3\t1\t2\t1\t0\t0\t0\t50\t400\t2\t-1\t\n"
					     "4\t1\t2\t1\t1\t0\t0\t50\t400\t2\t-1\t\n"
					     "5\t1\t2\t1\t1\t1\t0\t50\t400\t2\t95.000000\t \n"
					     "2\t1\t3\t0\t0\t0\t10\t60\t300\t200\t-1\t\n"
					     "3\t1\t3\t1\t0\t0\t10\t60\t300\t40\t-1\t\n"
					     "4\t1\t3\t1\t1\t0\t10\t60\t50\t40\t-1\t\n"
					     "5\t1\t3\t1\t1\t1\t10\t60\t50\t40\t90.099998\t\"one\"\n"
					     "3\t1\t3\t2\t0\t0\t10\t110\t300\t150\t-1\t\n"
					     "4\t1\t3\t2\t1\t0\t10\t110\t20\t150\t-1\t\n"
					     "5\t1\t3\t2\t1\t1\t10\t110\t20\t70\t100.000000\tzw\xc3\xb6lf\n"
					     "5\t1\t3\t2\t1\t2\t10\t190\t20\t70\t0.000000\t3\n");
	free(text);
}

static void tsv_has_its_heading_once_and_pages_their_numbers(void)
{
	char *text = output_of(OUTPUT_TSV, "d", none, 2);
	char *second = strstr(text, "\n1\t2\t0\t");
	CHECK(second != NULL);
	CHECK(second && strstr(second, "\n5\t2\t3\t2\t1\t2\t10\t190\t20\t70\t0.000000\t3\n") != NULL);
	CHECK(strstr(text + 1, "level") == NULL);
	free(text);
}

static const char hocr_head[] =
	"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	"<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0 Transitional//EN\"\n"
	"    \"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd\">\n"
	"<html xmlns=\"http://www.w3.org/1999/xhtml\" xml:lang=\"en\" lang=\"en\">\n"
	" <head>\n"
	"  <title></title>\n"
	"  <meta http-equiv=\"Content-Type\" content=\"text/html;charset=utf-8\"/>\n"
	"  <meta name='ocr-system' content='tesseract 5.3.0' />\n"
	"  <meta name='ocr-capabilities' content='ocr_page ocr_carea ocr_par ocr_line ocrx_word ocrp_dir ocrp_lang "
	"ocrp_wconf'/>\n"
	" </head>\n"
	" <body>\n";

static const char hocr_page[] =
	"  <div class='ocr_page' id='page_1' title='image \"a &amp; &#39;b&#39;.png\"; bbox 0 0 400 300; ppageno 0; "
	"scan_res 200 200'>\n"
	"   <div class='ocr_carea' id='block_1_1' title=\"bbox 10 10 210 40\">\n"
	"    <p class='ocr_par' id='par_1_1' lang='eng' title=\"bbox 10 10 210 40\">\n"
	"     <span class='ocr_header' id='line_1_1' title=\"bbox 10 10 210 40; baseline 0.01 -6; x_size 31.214842; "
	"x_descenders 7.2148418; x_ascenders 6\">\n"
	"      <span class='ocrx_word' id='word_1_1' title='bbox 10 10 70 34; x_wconf 96'>Fish</span>\n"
	"      <span class='ocrx_word' id='word_1_2' title='bbox 80 10 100 34; x_wconf 95'>&amp;</span>\n"
	"     </span>\n"
	"    </p>\n"
	"   </div>\n"
	"   <div class='ocr_separator' id='block_1_2' title=\"bbox 0 50 400 52\"></div>\n"
	"   <div class='ocr_carea' id='block_1_3' title=\"bbox 10 60 310 260\">\n"
	"    <p class='ocr_par' id='par_1_2' lang='eng' title=\"bbox 10 60 310 100\">\n"
	"     <span class='ocr_line' id='line_1_2' title=\"bbox 10 60 60 100; x_size 0; x_descenders -0; x_ascenders 0\">\n"
	"      <span class='ocrx_word' id='word_1_3' title='bbox 10 60 60 100; x_wconf 90' dir='rtl'>&quot;one&quot;</span>\n"
	"     </span>\n"
	"    </p>\n"
	"\n"
	"    <p class='ocr_par' dir='rtl' id='par_1_3' lang='deu' title=\"bbox 10 110 310 260\">\n"
	"     <span class='ocr_line' id='line_1_3' title=\"bbox 10 110 30 260; textangle 90; x_size 20; x_descenders 5; "
	"x_ascenders 4\">\n"
	"      <span class='ocrx_word' id='word_1_4' title='bbox 10 110 30 180; x_wconf 100' dir='ltr'>zw\xc3\xb6lf</span>\n"
	"      <span class='ocrx_word' id='word_1_5' title='bbox 10 190 30 260; x_wconf 0'>3</span>\n"
	"     </span>\n"
	"    </p>\n"
	"   </div>\n"
	"  </div>\n";

static void hocr_is_one_document_as_tesseract_lays_it_out(void)
{
	char *text = output_of(OUTPUT_HOCR, "a & 'b'.png", none, 1);
	struct buffer expected = { 0 };
	buffer_printf(&expected, "%s%s </body>\n</html>\n", hocr_head, hocr_page);
	CHECK_STRING(text, expected.data);
	buffer_free(&expected);
	free(text);
}

static void hocr_counts_ids_anew_on_each_page(void)
{
	char *text = output_of(OUTPUT_HOCR, "d", none, 2);
	CHECK(strstr(text, "id='page_2'") != NULL && strstr(text, "ppageno 1;") != NULL);
	CHECK(strstr(text, "id='word_2_1'") != NULL && strstr(text, "id='par_2_1'") != NULL);
	CHECK(strstr(text, "id='line_2_3'") != NULL && strstr(text, "id='block_2_1'") != NULL);
	free(text);
}

static void hocr_holds_nothing_that_xml_cannot(void)
{
	char *text = output_of(OUTPUT_HOCR, "a\x01\xff<b>", none, 1);
	CHECK(strstr(text, "image \"a\xef\xbf\xbd\xef\xbf\xbd&lt;b&gt;\";") != NULL);
	free(text);
}

static void a_word_of_another_language_says_so(void)
{
	struct page page;
	struct buffer out = { 0 };
	sample_page(&page, 1);
	free(page.words[1].language);
	page.words[1].language = strdup("deu");
	const struct result result = { .document = "d", .pages = &page, .page_count = 1, .engine = { "cuda", "eng", "", "1" } };
	output_write(OUTPUT_HOCR, &result, &out);
	CHECK(strstr(out.data, "x_wconf 95' lang='deu'>&amp;<") != NULL);
	CHECK(strstr(out.data, "content='filot 1' />") != NULL);
	page_free(&page);
	buffer_free(&out);
}

static const char alto_page[] =
	"\t<Styles>\n"
	"\t\t<TextStyle ID=\"font_7\" FONTSIZE=\"7\"/>\n"
	"\t\t<TextStyle ID=\"font_11\" FONTSIZE=\"11\"/>\n"
	"\t</Styles>\n"
	"\t<Tags>\n"
	"\t\t<LayoutTag ID=\"layout_heading\" TYPE=\"block\" LABEL=\"heading\"/>\n"
	"\t</Tags>\n"
	"\t<Layout>\n"
	"\t\t<Page ID=\"page_1\" PHYSICAL_IMG_NR=\"1\" WIDTH=\"400\" HEIGHT=\"300\" PROCESSING=\"reading\" PC=\"0.93\" "
	"LANG=\"eng\">\n"
	"\t\t\t<PrintSpace ID=\"space_1\" HPOS=\"0\" VPOS=\"0\" WIDTH=\"400\" HEIGHT=\"300\">\n"
	"\t\t\t\t<ComposedBlock ID=\"block_1_1\" HPOS=\"10\" VPOS=\"10\" WIDTH=\"200\" HEIGHT=\"30\">\n"
	"\t\t\t\t\t<TextBlock ID=\"par_1_1\" TAGREFS=\"layout_heading\" HPOS=\"10\" VPOS=\"10\" WIDTH=\"200\" HEIGHT=\"30\">\n"
	"\t\t\t\t\t\t<TextLine ID=\"line_1_1\" STYLEREFS=\"font_11\" HPOS=\"10\" VPOS=\"10\" WIDTH=\"200\" HEIGHT=\"30\" "
	"BASELINE=\"10,34 209,36\">\n"
	"\t\t\t\t\t\t\t<String ID=\"string_1_1\" HPOS=\"10\" VPOS=\"10\" WIDTH=\"60\" HEIGHT=\"24\" WC=\"0.9606\" "
	"CONTENT=\"Fish\"/>\n"
	"\t\t\t\t\t\t\t<SP HPOS=\"70\" VPOS=\"10\" WIDTH=\"10\" HEIGHT=\"24\"/>\n"
	"\t\t\t\t\t\t\t<String ID=\"string_1_2\" HPOS=\"80\" VPOS=\"10\" WIDTH=\"20\" HEIGHT=\"24\" WC=\"0.95\" "
	"CONTENT=\"&amp;\"/>\n"
	"\t\t\t\t\t\t</TextLine>\n"
	"\t\t\t\t\t</TextBlock>\n"
	"\t\t\t\t</ComposedBlock>\n"
	"\t\t\t\t<GraphicalElement ID=\"block_1_2\" HPOS=\"0\" VPOS=\"50\" WIDTH=\"400\" HEIGHT=\"2\"/>\n"
	"\t\t\t\t<ComposedBlock ID=\"block_1_3\" HPOS=\"10\" VPOS=\"60\" WIDTH=\"300\" HEIGHT=\"200\">\n"
	"\t\t\t\t\t<TextBlock ID=\"par_1_2\" HPOS=\"10\" VPOS=\"60\" WIDTH=\"300\" HEIGHT=\"40\">\n"
	"\t\t\t\t\t\t<TextLine ID=\"line_1_2\" HPOS=\"10\" VPOS=\"60\" WIDTH=\"50\" HEIGHT=\"40\">\n"
	"\t\t\t\t\t\t\t<String ID=\"string_1_3\" HPOS=\"10\" VPOS=\"60\" WIDTH=\"50\" HEIGHT=\"40\" WC=\"0.901\" "
	"CONTENT=\"&quot;one&quot;\"/>\n"
	"\t\t\t\t\t\t</TextLine>\n"
	"\t\t\t\t\t</TextBlock>\n"
	"\t\t\t\t\t<TextBlock ID=\"par_1_3\" HPOS=\"10\" VPOS=\"110\" WIDTH=\"300\" HEIGHT=\"150\" ROTATION=\"90\" LANG=\"deu\" "
	"BASEDIRECTION=\"rtl\">\n"
	"\t\t\t\t\t\t<TextLine ID=\"line_1_3\" STYLEREFS=\"font_7\" HPOS=\"10\" VPOS=\"110\" WIDTH=\"20\" HEIGHT=\"150\">\n"
	"\t\t\t\t\t\t\t<String ID=\"string_1_4\" HPOS=\"10\" VPOS=\"110\" WIDTH=\"20\" HEIGHT=\"70\" WC=\"1\" "
	"CONTENT=\"zw\xc3\xb6lf\"/>\n"
	"\t\t\t\t\t\t\t<SP HPOS=\"10\" VPOS=\"180\" WIDTH=\"20\" HEIGHT=\"10\"/>\n"
	"\t\t\t\t\t\t\t<String ID=\"string_1_5\" HPOS=\"10\" VPOS=\"190\" WIDTH=\"20\" HEIGHT=\"70\" WC=\"0\" CONTENT=\"3\"/>\n"
	"\t\t\t\t\t\t</TextLine>\n"
	"\t\t\t\t\t</TextBlock>\n"
	"\t\t\t\t</ComposedBlock>\n"
	"\t\t\t</PrintSpace>\n"
	"\t\t</Page>\n"
	"\t</Layout>\n"
	"</alto>\n";

static void alto_has_blocks_paragraphs_lines_words_and_the_blanks_between(void)
{
	char *text = output_of(OUTPUT_ALTO, "a & 'b'.png", none, 1);
	const char *styles = strstr(text, "\t<Styles>");
	CHECK(strstr(text, "<fileName>a &amp; &#39;b&#39;.png</fileName>") != NULL);
	CHECK(strstr(text, "<softwareName>tesseract</softwareName>\n\t\t\t\t<softwareVersion>5.3.0</softwareVersion>") != NULL);
	CHECK(strstr(text, "SCHEMAVERSION=\"4.4\"") != NULL);
	CHECK_STRING(styles ? styles : text, alto_page);
	free(text);
}

/* A page of one paragraph of two lines of a word each. */
static char *alto_of_two_lines(const char *one, const char *other, const char *language)
{
	struct page page = { .number = 1, .width = 100, .height = 100, .rotation = 180, .text = strdup("") };
	struct line line = { .box = { 0, 0, 50, 20 }, .block = 1, .paragraph = 1, .orientation = 180 };
	struct buffer out = { 0 };
	(void)page_add_block(&page, &(struct block){ { 0, 0, 50, 40 }, 1, BLOCK_TEXT }, NULL);
	(void)page_add_paragraph(&page, &(struct paragraph){ { 0, 0, 50, 40 }, 1, 1, false }, NULL);
	(void)page_add_line(&page, &line, NULL);
	sample_word(&page, (struct box){ 0, 0, 50, 20 }, 90, one, language, WORD_NEUTRAL);
	(void)page_add_line(&page, &line, NULL);
	sample_word(&page, (struct box){ 0, 20, 50, 20 }, 90, other, language, WORD_NEUTRAL);
	const struct result result = { .pages = &page, .page_count = 1, .engine = { "avx2", "eng", "", "1" } };
	output_write(OUTPUT_ALTO, &result, &out);
	page_free(&page);
	return buffer_take(&out);
}

static void alto_says_what_a_parted_word_is_as_a_whole(void)
{
	char *text = alto_of_two_lines("Donau<-", "dampf", "deu");
	CHECK(strstr(text, " CONTENT=\"Donau&lt;-\"/>") != NULL); /* no letter before the hyphen */
	free(text);
	text = alto_of_two_lines("Donau-", "dampf", "deu");
	CHECK(strstr(text, " SUBS_TYPE=\"HypPart1\" SUBS_CONTENT=\"Donaudampf\" CONTENT=\"Donau\"/>\n"
			   "\t\t\t\t\t\t\t<HYP CONTENT=\"-\"/>\n") != NULL);
	CHECK(strstr(text, " SUBS_TYPE=\"HypPart2\" SUBS_CONTENT=\"Donaudampf\" CONTENT=\"dampf\"/>\n") != NULL);
	free(text);
	text = alto_of_two_lines("Bad-", "Homburg", "deu");
	CHECK(strstr(text, "<HYP") == NULL && strstr(text, "CONTENT=\"Bad-\"") != NULL);
	free(text);
	text = alto_of_two_lines("-", "dampf", "deu");
	CHECK(strstr(text, "<HYP") == NULL);
	free(text);
}

static void alto_has_languages_of_bcp_47_and_angles_counterclockwise(void)
{
	char *text = alto_of_two_lines("a", "b", "chi_sim");
	CHECK(strstr(text, " ROTATION=\"180\" LANG=\"zh-Hans\"") != NULL);
	CHECK(strstr(text, "<TextBlock ID=\"par_1_1\" HPOS=\"0\" VPOS=\"0\" WIDTH=\"50\" HEIGHT=\"40\">") != NULL);
	free(text);
	text = alto_of_two_lines("a", "b", "script/Latin");
	CHECK(strstr(text, "LANG=") == NULL);
	free(text);
}

/* The schema is asked; pages are random, but for their numbers, which a document has once each. */
static void alto_of_random_pages_is_what_its_schema_allows(void)
{
	static const char check[] = "XML_CATALOG_FILES=tests/data/xml-catalog.xml "
				    "xmllint --huge --nonet --noout --schema tests/data/alto-4-4.xsd - 2>&1";
	enum { PAGES = 200 };
	struct page pages[PAGES];
	struct buffer alto = { 0 };
	unsigned state = sample_seed();
	for (int index = 0; index < PAGES; index++) {
		sample_random_page(&pages[index], &state);
		pages[index].number = index + 1;
	}
	const struct result result = { .document = "a\x01\xff<b>", .pages = pages, .page_count = PAGES,
				       .engine = { "cuda", "deu+eng", "", "1" } };
	output_write(OUTPUT_ALTO, &result, &alto);
	FILE *schema = popen(check, "w");
	CHECK(schema && fwrite(alto.data, 1, alto.length, schema) == alto.length);
	CHECK_INTEGER(schema ? pclose(schema) : -1, 0);
	for (int index = 0; index < PAGES; index++)
		page_free(&pages[index]);
	buffer_free(&alto);
}

static void a_failed_document_is_a_line_in_json_and_nothing_elsewhere(void)
{
	struct error error = { .code = ERROR_TIMEOUT, .message = "late" };
	char *text = output_of(OUTPUT_JSON, "d", error, 0);
	CHECK(strstr(text, "\"error\":{\"code\":\"timeout\",\"message\":\"late\"}}\n") != NULL);
	free(text);
	text = output_of(OUTPUT_TEXT, "d", error, 0);
	CHECK_STRING(text, "");
	free(text);
	text = output_of(OUTPUT_TSV, "d", error, 0);
	CHECK_STRING(text, heading);
	free(text);
	text = output_of(OUTPUT_HOCR, "d", error, 0);
	CHECK_STRING(text, "");
	free(text);
	text = output_of(OUTPUT_ALTO, "d", error, 0);
	CHECK_STRING(text, "");
	free(text);
	text = output_of(OUTPUT_OVERLAY, "d", error, 0);
	CHECK_STRING(text, "");
	free(text);
}

static size_t count_of(const char *text, const char *wanted)
{
	size_t count = 0;
	for (const char *at = text; (at = strstr(at, wanted)); at++)
		count++;
	return count;
}

static void the_overlay_holds_the_result_and_its_images(void)
{
	char png[] = "\x89PNG\r\n\x1a\n";
	struct page page;
	struct buffer html = { 0 }, line = { 0 };
	sample_page(&page, 3);
	page.image = (struct page_image){ png, strlen(png), "image/png", 3, 400, 300 };
	const struct result result = { .document = "d", .pages = &page, .page_count = 1 };
	output_write(OUTPUT_OVERLAY, &result, &html);
	output_write(OUTPUT_JSON, &result, &line);
	CHECK(strncmp(html.data, "<!doctype html>\n", 16) == 0);
	CHECK(strstr(html.data, line.data) != NULL); /* the sample has no '<' */
	CHECK(strstr(html.data, "id=\"image-3\">data:image/png;base64,iVBORw0KGgo=</script>") != NULL);
	CHECK_INTEGER(count_of(html.data, "{{"), 0);
	CHECK_INTEGER(count_of(html.data, "'sha256-"), 2);
	CHECK_INTEGER(count_of(html.data, "default-src 'none'"), 1);
	page.image = (struct page_image){ 0 }; /* it is not on the heap */
	page_free(&page);
	buffer_free(&html);
	buffer_free(&line);
}

static void no_text_ends_the_element_that_holds_it(void)
{
	static const char hostile[] = "</script><!--<script>\xe2\x80\xae\"'{{images}}{{script}}";
	struct page page;
	struct buffer html = { 0 };
	sample_page(&page, 1);
	free(page.text);
	page.text = strdup(hostile);
	sample_word(&page, (struct box){ 10, 110, 20, 70 }, 50, hostile, hostile, WORD_NEUTRAL);
	const struct result result = { .document = hostile, .pages = &page, .page_count = 1 };
	char *plain = output_of(OUTPUT_OVERLAY, "d", none, 1);
	output_write(OUTPUT_OVERLAY, &result, &html);
	CHECK_INTEGER(count_of(html.data, "</script"), count_of(plain, "</script"));
	CHECK_INTEGER(count_of(html.data, "<script"), count_of(plain, "<script"));
	CHECK_INTEGER(count_of(html.data, "<!--"), count_of(plain, "<!--"));
	CHECK_INTEGER(count_of(html.data, "\\u003c/script>\\u003c!--\\u003cscript>"), 5); /* name, text, language, word, line */
	free(plain);
	page_free(&page);
	buffer_free(&html);
}

static void formats_are_called_by_their_names(void)
{
	CHECK_STRING(output_format_names[OUTPUT_JSON], "json");
	CHECK_STRING(output_format_names[OUTPUT_TEXT], "text");
	CHECK_STRING(output_format_names[OUTPUT_TSV], "tsv");
	CHECK_STRING(output_format_names[OUTPUT_HOCR], "hocr");
	CHECK_STRING(output_format_names[OUTPUT_ALTO], "alto");
	CHECK_STRING(output_format_names[OUTPUT_OVERLAY], "overlay");
	CHECK(output_format_names[OUTPUT_FORMAT_COUNT] == NULL);
}

/* Whatever the nesting of blocks, paragraphs and lines: no word is lost or doubled. */
static void hocr_has_every_word_of_random_pages_once(void)
{
	unsigned state = sample_seed();
	for (int round = 0; round < 200; round++) {
		struct page page;
		struct buffer hocr = { 0 };
		size_t words = 0;
		sample_random_page(&page, &state);
		const struct result result = { .document = "d", .pages = &page, .page_count = 1 };
		output_write(OUTPUT_HOCR, &result, &hocr);
		for (const char *at = hocr.data; (at = strstr(at, "<span class='ocrx_word'")); at++)
			words++;
		CHECK_INTEGER(words, page.word_count);
		page_free(&page);
		buffer_free(&hocr);
	}
}

int main(void)
{
	TEST(text_has_a_form_feed_between_pages_and_none_at_the_end);
	TEST(tsv_has_a_row_for_page_block_paragraph_line_and_word);
	TEST(tsv_has_its_heading_once_and_pages_their_numbers);
	TEST(hocr_is_one_document_as_tesseract_lays_it_out);
	TEST(hocr_counts_ids_anew_on_each_page);
	TEST(hocr_holds_nothing_that_xml_cannot);
	TEST(a_word_of_another_language_says_so);
	TEST(alto_has_blocks_paragraphs_lines_words_and_the_blanks_between);
	TEST(alto_says_what_a_parted_word_is_as_a_whole);
	TEST(alto_has_languages_of_bcp_47_and_angles_counterclockwise);
	TEST(alto_of_random_pages_is_what_its_schema_allows);
	TEST(a_failed_document_is_a_line_in_json_and_nothing_elsewhere);
	TEST(the_overlay_holds_the_result_and_its_images);
	TEST(no_text_ends_the_element_that_holds_it);
	TEST(formats_are_called_by_their_names);
	TEST(hocr_has_every_word_of_random_pages_once);
	return test_done();
}
