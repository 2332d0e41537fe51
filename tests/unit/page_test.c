/* Pages: what is built is what is written is what is read back, and nothing that is not a page is taken for one. */
#include <math.h>

#include "tests/unit/test.h"
#include "tests/unit/sample_page.h"

#define ROUND_TRIPS 500
#define MUTATIONS 10000

static const char sample_json[] =
	"{\"page\":2,\"width\":400,\"height\":300,\"dpi\":200,\"rotation\":0,\"source\":\"ocr\","
	"\"text\":\"Fish & Chips\\n\\none\\n\\ntwo 3\\n\",\"confidence\":93,\"lang\":\"eng\",\"lines\":["
	"{\"box\":[10,10,200,30],\"text\":\"Fish &\",\"confidence\":95.5,\"words\":["
	"{\"box\":[10,10,60,24],\"text\":\"Fish\",\"confidence\":96.06,\"dir\":\"ltr\"},"
	"{\"box\":[80,10,20,24],\"text\":\"&\",\"confidence\":95}],"
	"\"block\":1,\"paragraph\":1,\"baseline\":[10,34,209,36],\"row\":[31.21,-7.21,6]},"
	"{\"box\":[10,60,50,40],\"text\":\"\\\"one\\\"\",\"confidence\":90.1,\"words\":["
	"{\"box\":[10,60,50,40],\"text\":\"\\\"one\\\"\",\"confidence\":90.1,\"dir\":\"rtl\"}],"
	"\"block\":3,\"paragraph\":1},"
	"{\"box\":[10,110,20,150],\"text\":\"zw\xc3\xb6lf 3\",\"confidence\":50,\"words\":["
	"{\"box\":[10,110,20,70],\"text\":\"zw\xc3\xb6lf\",\"confidence\":100,\"lang\":\"deu\",\"dir\":\"ltr\"},"
	"{\"box\":[10,190,20,70],\"text\":\"3\",\"confidence\":0,\"lang\":null}],"
	"\"block\":3,\"paragraph\":2,\"row\":[20,-5,4],\"orientation\":270}],"
	"\"blocks\":[{\"box\":[10,10,200,30],\"kind\":\"heading\"},{\"box\":[0,50,400,2],\"kind\":\"separator\"},"
	"{\"box\":[10,60,300,200],\"kind\":\"text\"}],"
	"\"paragraphs\":[{\"box\":[10,10,200,30],\"block\":1,\"number\":1},"
	"{\"box\":[10,60,300,40],\"block\":3,\"number\":1},"
	"{\"box\":[10,110,300,150],\"block\":3,\"number\":2,\"rtl\":true}],"
	"\"ms\":{\"decode\":5,\"layout\":7,\"recognise\":11}}";

static bool same_bytes(const void *first, const void *second, size_t length)
{
	return !length || memcmp(first, second, length) == 0;
}

static bool same_string(const char *first, const char *second)
{
	return first && second ? strcmp(first, second) == 0 : first == second;
}

static bool same_line(const struct line *first, const struct line *second)
{
	return same_bytes(&first->box, &second->box, sizeof first->box) &&
	       same_bytes(&first->confidence, &second->confidence, sizeof(float)) && first->block == second->block &&
	       first->paragraph == second->paragraph && first->first_word == second->first_word &&
	       first->word_count == second->word_count &&
	       same_bytes(first->baseline, second->baseline, sizeof first->baseline) &&
	       same_bytes(&first->row_height_px, &second->row_height_px, sizeof(float)) &&
	       same_bytes(&first->descenders_px, &second->descenders_px, sizeof(float)) &&
	       same_bytes(&first->ascenders_px, &second->ascenders_px, sizeof(float)) &&
	       first->orientation == second->orientation;
}

static bool same_word(const struct word *first, const struct word *second)
{
	return same_bytes(&first->box, &second->box, sizeof first->box) &&
	       same_bytes(&first->confidence, &second->confidence, sizeof(float)) &&
	       same_string(first->text, second->text) && same_string(first->language, second->language) &&
	       first->direction == second->direction;
}

/* Bit for bit, floats included. */
static bool same_page(const struct page *first, const struct page *second)
{
	bool same = first->number == second->number && first->width == second->width &&
		    first->height == second->height && first->dpi == second->dpi &&
		    first->rotation == second->rotation && first->source == second->source &&
		    same_bytes(&first->skew_degrees, &second->skew_degrees, sizeof(float)) &&
		    same_bytes(&first->enlarged, &second->enlarged, sizeof(float)) &&
		    first->uneven_light == second->uneven_light &&
		    first->text_layer_fault == second->text_layer_fault &&
		    same_bytes(&first->confidence, &second->confidence, sizeof(float)) &&
		    same_string(first->text, second->text) && first->decode_ms == second->decode_ms &&
		    first->layout_ms == second->layout_ms && first->recognise_ms == second->recognise_ms &&
		    first->block_count == second->block_count && first->paragraph_count == second->paragraph_count &&
		    first->line_count == second->line_count && first->word_count == second->word_count;
	for (size_t index = 0; same && index < first->block_count; index++)
		same = same_bytes(&first->blocks[index].box, &second->blocks[index].box, sizeof(struct box)) &&
		       first->blocks[index].number == second->blocks[index].number &&
		       first->blocks[index].kind == second->blocks[index].kind;
	for (size_t index = 0; same && index < first->paragraph_count; index++)
		same = same_bytes(&first->paragraphs[index].box, &second->paragraphs[index].box, sizeof(struct box)) &&
		       first->paragraphs[index].block == second->paragraphs[index].block &&
		       first->paragraphs[index].number == second->paragraphs[index].number &&
		       first->paragraphs[index].right_to_left == second->paragraphs[index].right_to_left;
	for (size_t index = 0; same && index < first->line_count; index++)
		same = same_line(&first->lines[index], &second->lines[index]);
	for (size_t index = 0; same && index < first->word_count; index++)
		same = same_word(&first->words[index], &second->words[index]);
	return same;
}

static void a_page_is_written_as_the_object_of_the_contract(void)
{
	struct page page;
	struct buffer json = { 0 };
	sample_page(&page, 2);
	page_write_json(&page, &json);
	CHECK_STRING(json.data, sample_json);
	page_free(&page);
	buffer_free(&json);
}

static void exact_json_gives_the_same_page_again(void)
{
	unsigned state = sample_seed();
	struct buffer json = { 0 };
	struct error error = { 0 };
	for (int round = 0; round < ROUND_TRIPS; round++) {
		struct page page, again;
		sample_random_page(&page, &state);
		CHECK(page_check(&page, &error));
		buffer_clear(&json);
		page_write_exact_json(&page, &json);
		bool read = page_parse_json(&again, json.data, json.length, &error);
		CHECK(read);
		if (!read || !same_page(&page, &again)) {
			printf("# round %d: %s: %s\n", round, error.message, json.data);
			test_bad_checks++;
			round = ROUND_TRIPS;
		}
		if (read)
			page_free(&again);
		page_free(&page);
	}
	buffer_free(&json);
}

static void result_json_rounds_to_hundredths_and_is_stable(void)
{
	unsigned state = sample_seed();
	for (int round = 0; round < ROUND_TRIPS; round++) {
		struct page page, again;
		struct buffer json = { 0 }, second = { 0 };
		sample_random_page(&page, &state);
		page_write_json(&page, &json);
		CHECK(page_parse_json(&again, json.data, json.length, NULL));
		for (size_t index = 0; index < page.word_count; index++)
			CHECK(fabsf(again.words[index].confidence - page.words[index].confidence) <= 0.00501f);
		page_write_json(&again, &second);
		CHECK(strcmp(second.data, json.data) == 0);
		page_free(&page);
		page_free(&again);
		buffer_free(&json);
		buffer_free(&second);
	}
}

static void a_page_without_anything_on_it_is_a_page(void)
{
	struct page page = { .number = 1, .width = 1, .height = 1 }, again;
	struct buffer json = { 0 };
	page_write_json(&page, &json);
	CHECK(page_parse_json(&again, json.data, json.length, NULL));
	CHECK_STRING(again.text, "");
	CHECK_INTEGER(again.line_count, 0);
	page_free(&again);
	buffer_free(&json);
}

static void words_belong_to_the_last_line(void)
{
	struct page page = { .number = 1, .width = 10, .height = 10 };
	struct error error = { 0 };
	struct word word = { .text = (char[]){ "a" } };
	CHECK(!page_add_word(&page, &word, &error));
	CHECK_INTEGER(error.code, ERROR_INTERNAL);
	for (int line = 0; line < 100; line++) {
		CHECK(page_add_line(&page, &(struct line){ .first_word = 77, .word_count = 77 }, &error));
		for (int index = 0; index < 10; index++)
			CHECK(page_add_word(&page, &word, &error));
	}
	CHECK_INTEGER(page.word_count, 1000);
	CHECK_INTEGER(page.lines[99].first_word, 990);
	CHECK_INTEGER(page.lines[99].word_count, 10);
	CHECK(!page_add_word(&page, &(struct word){ .text = (char[]){ "" } }, &error));
	page_free(&page);
	CHECK_INTEGER(page.word_count, 0);
}

/* The sample with its first `old` replaced is refused, and the reason is said. */
static void check_refused(const char *old, const char *new)
{
	struct page page;
	struct error error = { 0 };
	struct buffer json = { 0 };
	const char *at = strstr(sample_json, old);
	CHECK(at != NULL);
	if (!at)
		return;
	buffer_append(&json, sample_json, (size_t)(at - sample_json));
	buffer_append_string(&json, new);
	buffer_append_string(&json, at + strlen(old));
	bool read = page_parse_json(&page, json.data, json.length, &error);
	if (read || error.code != ERROR_INTERNAL || !error.message[0])
		printf("# %s -> %s: code %s, message \"%s\"\n", old, new, error_code_name(error.code), error.message);
	CHECK(!read);
	CHECK_INTEGER(error.code, ERROR_INTERNAL);
	CHECK(page.words == NULL && page.text == NULL);
	buffer_free(&json);
}

static void numbers_out_of_range_are_refused(void)
{
	check_refused("\"page\":2", "\"page\":0");
	check_refused("\"page\":2", "\"page\":2.5");
	check_refused("\"page\":2", "\"page\":4294967298");
	check_refused("\"width\":400", "\"width\":0");
	check_refused("\"width\":400", "\"width\":1000001");
	check_refused("\"dpi\":200", "\"dpi\":-1");
	check_refused("\"rotation\":0", "\"rotation\":45");
	check_refused("\"rotation\":0", "\"rotation\":0,\"skew\":90");
	check_refused("\"rotation\":0", "\"rotation\":0,\"skew\":\"1\"");
	check_refused("\"rotation\":0", "\"rotation\":0,\"enlarged\":-1");
	check_refused("\"rotation\":0", "\"rotation\":0,\"uneven_light\":1");
	check_refused("\"source\":\"ocr\"", "\"source\":\"hearsay\"");
	check_refused("\"source\":\"ocr\"", "\"source\":1");
	check_refused("\"source\":\"ocr\"", "\"source\":\"ocr\",\"text_layer\":\"fine\"");
	check_refused("\"orientation\":270", "\"orientation\":271");
	check_refused("\"confidence\":93", "\"confidence\":100.01");
	check_refused("\"confidence\":93", "\"confidence\":-0.01");
	check_refused("\"confidence\":93", "\"confidence\":1e300");
	check_refused("\"confidence\":96.06", "\"confidence\":\"96\"");
	check_refused("\"confidence\":96.06", "\"confidence\":101");
	check_refused("\"baseline\":[10,", "\"baseline\":[9999999,");
	check_refused("\"row\":[31.21", "\"row\":[1e8");
	check_refused("\"decode\":5", "\"decode\":-5");
	check_refused("\"decode\":5", "\"decode\":9223372036854775807");
}

static void boxes_off_the_page_are_refused(void)
{
	check_refused("[10,10,60,24]", "[-1,10,60,24]");
	check_refused("[10,10,60,24]", "[10,10,391,24]");
	check_refused("[10,10,60,24]", "[10,10,60,291]");
	check_refused("[10,10,60,24]", "[10,10,60]");
	check_refused("[10,10,60,24]", "[10,10,60,24,1]");
	check_refused("[10,10,60,24]", "[10,10,2147483647,24]");
	check_refused("[0,50,400,2]", "[0,50,401,2]");
	check_refused("{\"box\":[10,110,300,150],", "{");
}

static void references_to_what_is_not_there_are_refused(void)
{
	check_refused("\"block\":1,\"paragraph\":1,\"base", "\"block\":9,\"paragraph\":1,\"base");
	check_refused("\"block\":3,\"paragraph\":2,\"row", "\"block\":3,\"paragraph\":3,\"row");
	check_refused("\"block\":3,\"paragraph\":2,\"row", "\"block\":1,\"paragraph\":1,\"row"); /* goes back */
	check_refused("\"block\":3,\"paragraph\":2,\"row", "\"block\":2,\"paragraph\":1,\"row"); /* a rule */
	check_refused("\"block\":1,\"number\":1", "\"block\":2,\"number\":1");
	check_refused("\"block\":1,\"number\":1", "\"block\":0,\"number\":1");
	check_refused("\"block\":3,\"number\":2", "\"block\":3,\"number\":3");
	check_refused("\"kind\":\"heading\"", "\"kind\":\"poem\"");
	check_refused("\"kind\":\"heading\"", "\"kind\":\"image\"");
}

static void strings_that_are_not_text_are_refused(void)
{
	check_refused("\"text\":\"Fish\"", "\"text\":\"\"");
	check_refused("\"text\":\"Fish\"", "\"text\":\"a\\u0000b\"");
	check_refused("\"text\":\"Fish\"", "\"text\":\"\xc3\"");
	check_refused("\"text\":\"Fish\"", "\"text\":\"\\ud800\"");
	check_refused("\"text\":\"Fish\"", "\"text\":null");
	check_refused("\"dir\":\"ltr\"", "\"dir\":\"up\"");
	check_refused("\"lang\":\"deu\"", "\"lang\":7");
	check_refused("\"lang\":\"eng\"", "\"lang\":\"\"");
	check_refused("\"words\":[", "\"words\":{},\"w\":[");
	check_refused("\"lines\":[", "\"l\":[");
	check_refused("{\"page\"", "[{\"page\"");
	check_refused("11}}", "11}");
	check_refused("11}}", "11}}}");
}

static void members_that_are_not_known_are_passed_over(void)
{
	struct page page;
	struct buffer json = { 0 };
	buffer_append_string(&json, "{\"new\":[{\"a\":[1]}],");
	buffer_append_string(&json, sample_json + 1);
	CHECK(page_parse_json(&page, json.data, json.length, NULL));
	CHECK_INTEGER(page.word_count, 5);
	page_free(&page);
	buffer_free(&json);
}

/* A megabyte of "[" or "[]," would become 50 to 100 MB of values. */
static void a_text_of_brackets_is_refused_before_it_is_parsed(void)
{
	static const char *const pieces[] = { "[", "[],", "{\"\":{}}," };
	for (size_t kind = 0; kind < 3; kind++) {
		struct buffer json = { 0 };
		struct page page;
		struct error error = { 0 };
		buffer_append_string(&json, "[");
		while (json.length < 1 << 20)
			buffer_append_string(&json, pieces[kind]);
		CHECK(!page_parse_json(&page, json.data, json.length, &error));
		CHECK(strstr(error.message, "too many bytes or values") != NULL);
		buffer_free(&json);
	}
}

/* Changes, inserts, drops or doubles a few bytes; half of the time with bytes that JSON is made of. */
static void mutate(struct buffer *json, unsigned *state)
{
	static const char alphabet[] = "[]{}\",:0123456789-.eE\\untrfalsl \x80\xff";
	for (unsigned left = 1 + sample_random(state, 4); left && json->length; left--) {
		size_t at = sample_random(state, (unsigned)json->length);
		size_t run = 1 + sample_random(state, 12);
		char byte = sample_random(state, 2) ? alphabet[sample_random(state, sizeof alphabet - 1)] :
						      (char)sample_random(state, 256);
		if (run > json->length - at)
			run = json->length - at;
		switch (sample_random(state, 4)) {
		case 0:
			json->data[at] = byte;
			break;
		case 1:
			memmove(json->data + at, json->data + at + run, json->length - at - run);
			json->length -= run;
			break;
		case 2:
			if (buffer_reserve(json, run)) {
				memmove(json->data + at + run, json->data + at, json->length - at);
				json->length += run;
			}
			break;
		default:
			json->length = at + 1; /* cut off */
			left = 1;
		}
	}
}

/* Whatever is taken is a page by all checks, and comes back from its own JSON. */
static void changed_json_is_refused_or_is_a_page(void)
{
	unsigned state = sample_seed();
	int taken = 0;
	for (int round = 0; round < MUTATIONS; round++) {
		struct page page, again;
		struct buffer json = { 0 }, exact = { 0 };
		struct error error = { 0 };
		buffer_append_string(&json, sample_json);
		mutate(&json, &state);
		/* Its own allocation of exactly its length, so that a read beyond it is seen by the sanitizer. */
		char *bytes = malloc(json.length ? json.length : 1);
		memcpy(bytes, json.data, json.length);
		if (page_parse_json(&page, bytes, json.length, &error)) {
			taken++;
			CHECK(page_check(&page, NULL));
			page_write_exact_json(&page, &exact);
			CHECK(page_parse_json(&again, exact.data, exact.length, NULL) && same_page(&page, &again));
			page_free(&again);
			page_free(&page);
		} else {
			CHECK(error.code != ERROR_NONE && error.message[0]);
		}
		free(bytes);
		buffer_free(&json);
		buffer_free(&exact);
	}
	printf("# %d of %d changed texts were still pages\n", taken, MUTATIONS);
	CHECK(taken > 0 && taken < MUTATIONS);
}

int main(void)
{
	TEST(a_page_is_written_as_the_object_of_the_contract);
	TEST(exact_json_gives_the_same_page_again);
	TEST(result_json_rounds_to_hundredths_and_is_stable);
	TEST(a_page_without_anything_on_it_is_a_page);
	TEST(words_belong_to_the_last_line);
	TEST(numbers_out_of_range_are_refused);
	TEST(boxes_off_the_page_are_refused);
	TEST(references_to_what_is_not_there_are_refused);
	TEST(strings_that_are_not_text_are_refused);
	TEST(members_that_are_not_known_are_passed_over);
	TEST(a_text_of_brackets_is_refused_before_it_is_parsed);
	TEST(changed_json_is_refused_or_is_a_page);
	return test_done();
}
