/* What a model's character set says, and what is none. */
#include "common/ocr/unicharset.h"

#include "tests/unit/decode_data.h"
#include "tests/unit/sample_page.h"
#include "tests/unit/test.h"

static int32_t id_of(const struct unicharset *set, const char *text)
{
	for (int32_t id = 0; id < set->count; id++)
		if (strcmp(set->unichars[id].text, text) == 0)
			return id;
	return UNICHAR_NONE;
}

static struct unicharset *read_text(const char *text, struct error *error)
{
	return unicharset_new(text, strlen(text), error);
}

static void english_has_112_characters_with_their_properties(void)
{
	struct decode_data data = decode_data_open("eng");
	const struct unicharset *set = data.unicharset;
	int32_t small = id_of(set, "a"), large = id_of(set, "A"), seven = id_of(set, "7"), open = id_of(set, "(");

	CHECK_INTEGER(set->count, 112);
	CHECK_STRING(set->unichars[UNICHAR_SPACE].text, " ");
	CHECK_INTEGER(set->unichars[small].properties, UNICHAR_ALPHABETIC | UNICHAR_LOWER);
	CHECK_INTEGER(set->unichars[large].properties, UNICHAR_ALPHABETIC | UNICHAR_UPPER);
	CHECK_INTEGER(set->unichars[seven].properties, UNICHAR_DIGIT);
	CHECK_INTEGER(set->unichars[open].properties, UNICHAR_PUNCTUATION);
	CHECK_INTEGER(set->unichars[small].other_case, large);
	CHECK_INTEGER(set->unichars[large].other_case, small);
	CHECK_INTEGER(set->unichars[open].mirror, id_of(set, ")"));
	CHECK_INTEGER(set->unichars[seven].direction, UNICHAR_EUROPEAN_NUMBER);
	CHECK_STRING(set->scripts[set->unichars[small].script], "Latin");
	CHECK(set->space_delimited && !set->right_to_left && set->unichars[small].space_delimited);
	decode_data_close(&data);
}

static void chinese_words_are_not_set_apart_by_spaces(void)
{
	struct decode_data data = decode_data_open("chi_sim");
	const struct unicharset *set = data.unicharset;

	CHECK_INTEGER(set->count, 4022);
	CHECK(!set->space_delimited);
	CHECK(!set->unichars[id_of(set, "中")].space_delimited);
	CHECK(set->unichars[id_of(set, "a")].space_delimited);
	decode_data_close(&data);
}

static void every_form_of_a_line_is_read(void)
{
	struct error error = { 0 };
	struct unicharset *set = read_text("7\n"
					   "NULL 0 Common 0\n"
					   "a 3 Latin\n"
					   "A 5 Latin 1\n"
					   "b 3 0,255,0,255 Latin 4 # comment\n"
					   "B 5 0,255,0,255 Latin 3 0 4\n"
					   "( a 1,2,3,4,5,.5,-1,2e3,0,nan Common 5 10 6\t# ( [28 ]p\n"
					   ") 10 0,255,0,255,0,0,0,0,0,0 Common 6 10 5 ) # ) [29 ]p\n",
					   &error);

	CHECK_STRING(error.message, "");
	if (!set)
		return;
	CHECK_INTEGER(set->unichars[2].other_case, 1);
	CHECK_INTEGER(set->unichars[3].other_case, 4);
	CHECK_INTEGER(set->unichars[4].other_case, 3);
	CHECK_INTEGER(set->unichars[1].other_case, 1);
	CHECK_INTEGER(set->unichars[5].mirror, 6);
	CHECK_INTEGER(set->unichars[6].mirror, 5);
	CHECK_INTEGER(set->unichars[6].direction, UNICHAR_OTHER_NEUTRAL);
	CHECK_INTEGER(set->unichars[5].properties, UNICHAR_DIGIT | UNICHAR_LOWER);
	CHECK_INTEGER(set->script_count, 3);
	unicharset_free(set);
}

static void ligatures_without_a_code_point_are_spelled_out(void)
{
	struct unicharset *set = read_text("2\nNULL 0 Common 0\n\uE003 1 Latin 1\n", NULL);

	CHECK(set != NULL);
	if (set)
		CHECK_STRING(set->unichars[1].text, "ct");
	unicharset_free(set);
}

static void a_character_without_a_script_needs_no_spaces_unless_all_such_scripts_are_there(void)
{
	struct unicharset *few = read_text("2\nNULL 0 Common 0\nx 1 NULL 1\n", NULL);
	struct unicharset *all = read_text("7\nNULL 0 Common 0\nx 1 NULL 1\na 1 Han 2\nb 1 Thai 3\nc 1 Hangul 4\n"
					   "d 1 Hiragana 5\ne 1 Katakana 6\n",
					   NULL);

	CHECK(few && all);
	if (few && all) {
		CHECK(!few->unichars[1].space_delimited && few->unichars[0].space_delimited && few->space_delimited);
		CHECK(all->unichars[1].space_delimited && !all->unichars[2].space_delimited && !all->space_delimited);
	}
	unicharset_free(few);
	unicharset_free(all);
}

static void a_set_of_right_to_left_letters_is_one(void)
{
	struct unicharset *set =
	    read_text("3\nNULL 0 Common 0\nא 1 0,255,0,255 Hebrew 1 1 1\nب 1 0,255,0,255 Arabic 2 13 2\n", NULL);

	CHECK(set && set->right_to_left);
	unicharset_free(set);
}

static void what_is_no_character_set_is_refused_with_the_line(void)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "", "character set, line 1: the entry ends early" },
		{ "1", "character set, line 1: the entry ends early" },
		{ "x\n", "character set, line 1: not a count of characters" },
		{ "0\n", "character set, line 1: not a count of characters" },
		{ "-1\n", "character set, line 1: not a count of characters" },
		{ "32768\n", "character set, line 1: not a count of characters" },
		{ "99999999999999999999999\n", "character set, line 1: not a count of characters" },
		{ "2\nNULL 0 Common 0\n", "character set, line 3: the entry ends early" },
		{ "1\nNULL 0 Common 0\nx\n", "character set, line 2: more follows after the last character" },
		{ "1\nNULL 0\n", "character set, line 2: fewer than three fields" },
		{ "1\nNULL zz Common 0\n", "character set, line 2: properties that are no number" },
		{ "1\nNULL 0 1,2 Common 0\n", "character set, line 2: glyph measures that are none" },
		{ "1\nNULL 0 0,0,0,0\n", "character set, line 2: glyph measures that are none" },
		{ "1\nNULL 0 Common zero\n", "character set, line 2: another case that is no number" },
		{ "1\nNULL 0 Common 0 99 0\n", "character set, line 2: a direction that is none" },
		{ "1\na 3 Latin 0\n", "character set: the first character is not the space" },
		{ "2\nNULL 0 Common 0\n\xff 3 Latin 0\n", "character set, line 3: not UTF-8" },
		{ "2\nNULL 0 Common 0\naaaaaaaaaabbbbbbbbbbccccccccccd 3 Latin 0\n",
		  "character set, line 3: a character of more than 30 bytes" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct error error = { 0 };

		CHECK(read_text(cases[i].text, &error) == NULL);
		CHECK_STRING(error.message, cases[i].message);
		CHECK_INTEGER(error.code, ERROR_CONFIG);
	}
	static const char with_nul[] = "1\nNU\0LL 0 Common 0\n";
	CHECK(unicharset_new(with_nul, sizeof with_nul - 1, NULL) == NULL);
}

static void cut_sets_are_refused_and_flipped_ones_do_no_harm(void)
{
	struct decode_data data = decode_data_open("eng");
	unsigned state = sample_seed();
	size_t length = data.entry_lengths[ENTRY_UNICHARSET];
	char *copy = malloc(length);

	for (int i = 0; copy && i < 300; i++) {
		size_t cut = sample_random(&state, (unsigned)length);

		/* A copy of just that size, so that a read past its end is seen. */
		char *exact = malloc(cut ? cut : 1);
		if (!exact)
			break;
		memcpy(exact, data.entries[ENTRY_UNICHARSET], cut);
		CHECK(unicharset_new(exact, cut, NULL) == NULL);
		free(exact);
		memcpy(copy, data.entries[ENTRY_UNICHARSET], length);
		for (unsigned flips = 1 + sample_random(&state, 4); flips > 0; flips--)
			copy[sample_random(&state, (unsigned)length)] ^= (char)(1 << sample_random(&state, 8));
		struct unicharset *set = unicharset_new(copy, length, NULL);
		for (int32_t id = 0; set && id < set->count; id++) {
			CHECK(set->unichars[id].script < set->script_count);
			CHECK(set->unichars[id].other_case >= 0 && set->unichars[id].other_case < set->count);
			CHECK(set->unichars[id].mirror >= 0 && set->unichars[id].mirror < set->count);
			CHECK(set->unichars[id].direction < 23);
		}
		unicharset_free(set);
	}
	free(copy);
	decode_data_close(&data);
}

int main(void)
{
	TEST(english_has_112_characters_with_their_properties);
	TEST(chinese_words_are_not_set_apart_by_spaces);
	TEST(every_form_of_a_line_is_read);
	TEST(ligatures_without_a_code_point_are_spelled_out);
	TEST(a_character_without_a_script_needs_no_spaces_unless_all_such_scripts_are_there);
	TEST(a_set_of_right_to_left_letters_is_one);
	TEST(what_is_no_character_set_is_refused_with_the_line);
	TEST(cut_sets_are_refused_and_flipped_ones_do_no_harm);
	return test_done();
}
