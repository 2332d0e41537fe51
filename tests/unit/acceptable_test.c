/* Which words are good enough: by certainty, dictionary, case and length. */
#include "common/ocr/acceptable.h"

#include "tests/unit/decode_data.h"
#include "tests/unit/test.h"

static void longer_words_of_the_dictionary_may_be_less_certain(void)
{
	static const struct {
		const char *text;
		float threshold; /* acceptable just above it, not at it */
	} cases[] = {
		{ "wall", -3.5f }, { "thirty", -4.5f },	 { "(wall)", -3.5f }, { "us", -2.5f }, { "tv", -2.5f },
		{ "qzxv", -2.5f }, { "1234567", -2.5f }, { "walk", -2.5f },   { ",", -2.5f },
	};
	struct decode_data data = decode_data_open("eng");
	struct beam_model model = decode_data_model(&data);
	int32_t ids[16];

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		size_t count = decode_data_ids(data.unicharset, cases[i].text, ids);

		if (!word_is_acceptable(&model, ids, count, cases[i].threshold + 0.01f) ||
		    word_is_acceptable(&model, ids, count, cases[i].threshold))
			printf("# %s\n", cases[i].text);
		CHECK(word_is_acceptable(&model, ids, count, cases[i].threshold + 0.01f));
		CHECK(!word_is_acceptable(&model, ids, count, cases[i].threshold));
	}
	CHECK(!word_is_acceptable(&model, ids, 0, 0.0f));
	model.dictionary = NULL;
	CHECK(!word_is_acceptable(&model, ids, decode_data_ids(data.unicharset, "wall", ids), -2.5f));
	decode_data_close(&data);
}

/*
 * A character set of a, A, 1 and -, and a graph that has every word of five of them, so that only case decides. Each
 * has a run of at least three letters, which would lower the threshold to -3.
 */
static void words_of_odd_case_need_the_certainty_of_others(void)
{
	enum { LENGTH = 5, LETTERS = 4, EDGES = LENGTH * LETTERS };
	static const char text[] = "5\nNULL 0 Common 0\na 3 Latin 2\nA 5 Latin 1\n1 8 Common 3\n- 10 Common 4\n";
	static const struct {
		const char *word;
		bool is_odd;
	} cases[] = {
		{ "aaaaa", false }, { "Aaaaa", false }, { "AAAAA", false }, { "AAA1-", false }, { "AAA11", false },
		{ "-aaa-", false }, { "-AAA-", false }, { "1-AAA", false }, { "1-aaa", false }, { "--Aaa", false },
		{ "aAAAA", true },  { "aaaaA", true },	{ "AAAAa", true },  { "aaa1-", true },	{ "Aaa1-", true },
		{ "1AAA-", true },  { "1aaa-", true },	{ "-aaA-", true },
	};
	struct unicharset *set = unicharset_new(text, sizeof text - 1, NULL);
	uint8_t bytes[10 + 8 * EDGES] = { 42, 0, 5, 0, 0, 0, EDGES };

	/* Letters of an alphabet of 5 take 3 bits, then come last, backward and word end, then the next node. */
	for (uint64_t i = 0; i < EDGES; i++) {
		bool is_end = i >= EDGES - LETTERS;
		uint64_t next = is_end ? 0 : (i / LETTERS + 1) * LETTERS;
		uint64_t edge =
		    (i % LETTERS + 1) | (uint64_t)(i % LETTERS == LETTERS - 1) << 3 | (uint64_t)is_end << 5 | next << 6;

		memcpy(bytes + 10 + 8 * i, &edge, 8);
	}
	struct dawg *words = dawg_new(bytes, sizeof bytes, 5, NULL);
	CHECK(set && words);
	struct dictionary dictionary = { .unicharset = set, .words = words };
	struct beam_model model = { .unicharset = set, .dictionary = &dictionary };
	for (size_t i = 0; set && words && i < sizeof cases / sizeof *cases; i++) {
		int32_t ids[LENGTH];
		size_t count = decode_data_ids(set, cases[i].word, ids);

		CHECK(count == LENGTH && dictionary_has_word(&dictionary, ids, count));
		if (word_is_acceptable(&model, ids, count, -2.9f) == cases[i].is_odd)
			printf("# %s\n", cases[i].word);
		CHECK(word_is_acceptable(&model, ids, count, -2.9f) == !cases[i].is_odd);
		CHECK(word_is_acceptable(&model, ids, count, -2.4f));
	}
	dawg_free(words);
	unicharset_free(set);
}

int main(void)
{
	TEST(longer_words_of_the_dictionary_may_be_less_certain);
	TEST(words_of_odd_case_need_the_certainty_of_others);
	return test_done();
}
