/* What may follow what in words, numbers and punctuation. */
#include "common/ocr/dictionary.h"

#include "tests/unit/decode_data.h"
#include "tests/unit/sample_page.h"
#include "tests/unit/test.h"

/* Reads ASCII text; the last step, or one with PERMUTER_NONE as soon as it is not allowed. */
static struct dictionary_step read_text(struct dictionary_walk *walk, const struct unicharset *set, const char *text)
{
	struct dictionary_step step = { .state = DICTIONARY_START };

	for (; *text; text++) {
		int32_t id = 1;

		while (id < set->count && (set->unichars[id].text[0] != *text || set->unichars[id].text[1]))
			id++;
		if (id == set->count)
			return (struct dictionary_step){ .permuter = PERMUTER_NONE };
		step = dictionary_walk_step(walk, step.state, id);
		if (step.permuter == PERMUTER_NONE)
			return step;
	}
	return step;
}

static void words_numbers_and_punctuation_are_told_apart(void)
{
	static const struct {
		const char *text;
		enum permuter permuter;
		bool word_ends;
	} cases[] = {
		{ "wall", PERMUTER_WORD, true },	 { "wal", PERMUTER_WORD, false },
		{ "walk", PERMUTER_WORD, false }, /* walker */
		{ "(wall", PERMUTER_WORD, true }, /* the bracket is closed some words later */
		{ "(wall)", PERMUTER_WORD, true },	 { "\"wall\"", PERMUTER_WORD, true },
		{ "wall,", PERMUTER_WORD, true },	 { "wall.", PERMUTER_WORD, true },
		{ "wall,thirty", PERMUTER_NONE, false }, { "walq", PERMUTER_NONE, false },
		{ "WALL", PERMUTER_NONE, false },	 { "7", PERMUTER_NUMBER, true },
		{ "1234", PERMUTER_NUMBER, true },	 { "12.34", PERMUTER_NUMBER, true },
		{ "(12)", PERMUTER_NUMBER, true },	 { "12wall", PERMUTER_NONE, false },
		{ "(", PERMUTER_PUNCTUATION, false },
	};
	struct decode_data data = decode_data_open("eng");
	struct dictionary_walk *walk = dictionary_walk_new(&data.dictionary, NULL);

	for (size_t i = 0; walk && i < sizeof cases / sizeof *cases; i++) {
		struct dictionary_step step = read_text(walk, data.unicharset, cases[i].text);

		if (step.permuter != cases[i].permuter || (step.permuter && step.word_ends != cases[i].word_ends))
			printf("# %s\n", cases[i].text);
		CHECK_INTEGER(step.permuter, cases[i].permuter);
		CHECK(!step.permuter || step.word_ends == cases[i].word_ends);
	}
	dictionary_walk_free(walk);
	decode_data_close(&data);
}

static void without_punctuation_words_and_numbers_begin_alone(void)
{
	struct decode_data data = decode_data_open("eng");
	struct dictionary_walk *walk;

	data.dictionary.punctuation = NULL;
	walk = dictionary_walk_new(&data.dictionary, NULL);
	CHECK(walk != NULL);
	if (walk) {
		CHECK_INTEGER(read_text(walk, data.unicharset, "wall").permuter, PERMUTER_WORD);
		CHECK_INTEGER(read_text(walk, data.unicharset, "12").permuter, PERMUTER_NUMBER);
		CHECK_INTEGER(read_text(walk, data.unicharset, "(wall").permuter, PERMUTER_NONE);
		CHECK_INTEGER(read_text(walk, data.unicharset, "wall,").permuter, PERMUTER_NONE);
	}
	dictionary_walk_free(walk);
	data.dictionary.words = data.dictionary.numbers = NULL;
	walk = dictionary_walk_new(&data.dictionary, NULL);
	CHECK(walk && read_text(walk, data.unicharset, "w").permuter == PERMUTER_NONE);
	dictionary_walk_free(walk);
	decode_data_close(&data);
}

static void whole_words_are_looked_up_with_their_punctuation(void)
{
	static const struct {
		const char *text;
		bool is_word;
	} cases[] = {
		{ "wall", true },  { "wall.", true },  { "\"wall\"", true }, { "(wall)", true },  { "walker", true },
		{ "walk", false }, { "wal", false },   { "wall.q", false },  { "12", false },	  { ".", false },
		{ "", false },	   { " wall", false }, { "WALL", false },    { "wall:;", false },
	};
	struct decode_data data = decode_data_open("eng");

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int32_t ids[16];
		bool is_word =
		    dictionary_has_word(&data.dictionary, ids, decode_data_ids(data.unicharset, cases[i].text, ids));

		if (is_word != cases[i].is_word)
			printf("# %s\n", cases[i].text);
		CHECK(is_word == cases[i].is_word);
	}
	decode_data_close(&data);
}

static void the_space_is_never_part_of_a_word(void)
{
	struct decode_data data = decode_data_open("eng");
	struct dictionary_walk *walk = dictionary_walk_new(&data.dictionary, NULL);

	CHECK(walk && dictionary_walk_step(walk, DICTIONARY_START, UNICHAR_SPACE).permuter == PERMUTER_NONE);
	dictionary_walk_free(walk);
	decode_data_close(&data);
}

/* Random texts that begin as words do, so that many go on for a while. */
static void what_a_walk_remembers_changes_no_answer(void)
{
	struct decode_data data = decode_data_open("fra");
	unsigned state = sample_seed();
	struct dictionary_walk *old = dictionary_walk_new(&data.dictionary, NULL);

	for (int text = 0; old && text < 300; text++) {
		/* A new walk remembers nothing; the old one has read all texts before, many of their beginnings among
		 * them. */
		struct dictionary_walk *new = dictionary_walk_new(&data.dictionary, NULL);
		struct dictionary_step ours = { .state = DICTIONARY_START }, theirs = ours;

		dictionary_walk_begin(old);
		for (int i = 0; new &&i < 12; i++) {
			int32_t unichar = 1 + (int32_t)sample_random(&state, (unsigned)data.unicharset->count - 1);

			/* Try some letters, to find one that is allowed. */
			for (int tries = 0; tries < 40; tries++) {
				if (dictionary_walk_step(new, theirs.state, unichar).permuter != PERMUTER_NONE)
					break;
				unichar = 1 + (int32_t)sample_random(&state, (unsigned)data.unicharset->count - 1);
			}
			ours = dictionary_walk_step(old, ours.state, unichar);
			theirs = dictionary_walk_step(new, theirs.state, unichar);
			CHECK(ours.permuter == theirs.permuter && ours.word_ends == theirs.word_ends);
			if (theirs.permuter == PERMUTER_NONE)
				break;
		}
		CHECK(new && !dictionary_walk_failed(new) && !dictionary_walk_failed(old));
		dictionary_walk_free(new);
	}
	dictionary_walk_free(old);
	decode_data_close(&data);
}

int main(void)
{
	TEST(words_numbers_and_punctuation_are_told_apart);
	TEST(without_punctuation_words_and_numbers_begin_alone);
	TEST(whole_words_are_looked_up_with_their_punctuation);
	TEST(the_space_is_never_part_of_a_word);
	TEST(what_a_walk_remembers_changes_no_answer);
	return test_done();
}
