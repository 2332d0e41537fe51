/* Decoding: what libtesseract decoded from the same outputs, bit for bit, and what must hold for any outputs. */
#include "common/ocr/beam_reduce.h"

#include "tests/unit/decode_data.h"
#include "tests/unit/sample_page.h"
#include "tests/unit/test.h"

static const char *const languages[] = { "eng", "deu", "fra", "ell", "chi_sim" };
#define LANGUAGES (sizeof languages / sizeof *languages)

static bool same_float(float a, float b)
{
	return memcmp(&a, &b, sizeof a) == 0;
}

static bool is_expected(const struct beam_line *line, const struct expected_line *expected)
{
	bool same = line->character_count == (size_t)expected->character_count &&
		    line->word_count == (size_t)expected->word_count;

	for (size_t i = 0; same && i < line->character_count; i++) {
		const struct beam_character *ours = &line->characters[i];
		const struct expected_character *theirs = &expected->characters[i];

		same = ours->unichar == theirs->unichar && ours->step == theirs->step &&
		       ours->first_step == theirs->first_step && ours->end_step == theirs->end_step &&
		       same_float(ours->certainty, theirs->certainty) && same_float(ours->rating, theirs->rating);
	}
	for (size_t i = 0; same && i < line->word_count; i++) {
		const struct beam_word *ours = &line->words[i];
		const struct expected_word *theirs = &expected->words[i];

		same = ours->first_character == (size_t)theirs->first_character &&
		       ours->character_count == (size_t)theirs->character_count &&
		       ours->leading_space == (theirs->leading_space != 0) && (int)ours->permuter == theirs->permuter &&
		       same_float(ours->certainty, theirs->certainty) && same_float(ours->rating, theirs->rating) &&
		       ours->space_certainty == theirs->space_certainty &&
		       same_float(ours->final_certainty, theirs->final_certainty);
	}
	return same;
}

/* Two results of our own, which may stand in the same beam's memory only one after the other: so a copy is compared. */
struct copy {
	struct beam_line line;
	struct beam_character *characters;
	struct beam_word *words;
};

static struct copy copy_line(const struct beam_line *line)
{
	struct copy copy = { .line = *line };

	copy.characters = malloc((line->character_count + 1) * sizeof *copy.characters);
	copy.words = malloc((line->word_count + 1) * sizeof *copy.words);
	if (!copy.characters || !copy.words)
		abort();
	memcpy(copy.characters, line->characters, line->character_count * sizeof *copy.characters);
	for (size_t i = 0; i < line->word_count; i++)
		copy.words[i] = line->words[i];
	return copy;
}

static bool is_copy(const struct beam_line *line, const struct copy *copy)
{
	bool same = line->character_count == copy->line.character_count && line->word_count == copy->line.word_count &&
		    memcmp(line->characters, copy->characters, line->character_count * sizeof *copy->characters) == 0;

	for (size_t i = 0; same && i < line->word_count; i++)
		same = line->words[i].first_character == copy->words[i].first_character &&
		       line->words[i].permuter == copy->words[i].permuter &&
		       same_float(line->words[i].final_certainty, copy->words[i].final_certainty);
	return same;
}

static void copy_free(struct copy *copy)
{
	free(copy->characters);
	free(copy->words);
}

static void lines_are_as_libtesseract_decodes_them(void)
{
	for (size_t i = 0; i < LANGUAGES; i++) {
		struct decode_data data = decode_data_open(languages[i]);
		struct beam_model model = decode_data_model(&data);
		struct beam *beam = beam_new(&model, NULL);
		int32_t same = 0;

		for (int32_t at = 0; beam && at < data.line_count; at++) {
			struct error error = { 0 };
			struct beam_line line = { 0 };

			CHECK(
			    beam_decode(beam, data.lines[at].steps, (size_t)data.lines[at].step_count, &line, &error));
			CHECK_STRING(error.message, "");
			same += is_expected(&line, &data.lines[at]);
		}
		printf("# %s: %d of %d lines\n", languages[i], same, data.line_count);
		CHECK_INTEGER(same, data.line_count);
		beam_free(beam);
		decode_data_close(&data);
	}
}

static void whole_outputs_give_what_their_reduced_steps_give(void)
{
	struct decode_data data = decode_data_open("eng");
	struct beam_model model = decode_data_model(&data);
	struct beam *beam = beam_new(&model, NULL);
	int matrices = 0;

	for (int32_t i = 0; beam && i < data.line_count; i++) {
		const struct expected_line *expected = &data.lines[i];
		struct beam_line line = { 0 };

		if (!expected->has_matrix)
			continue;
		matrices++;
		for (int32_t at = 0; at < expected->step_count; at++) {
			struct beam_reduced reduced =
			    beam_reduce(expected->matrix + (size_t)at * (size_t)expected->output_count,
					expected->output_count, expected->null_code);

			CHECK(memcmp(&reduced.step, &expected->steps[at], sizeof reduced.step) == 0);
		}
		CHECK(beam_decode_outputs(beam, expected->matrix, (size_t)expected->step_count,
					  (size_t)expected->output_count, (size_t)expected->output_count, &line, NULL));
		CHECK(is_expected(&line, expected));
	}
	CHECK(matrices > 0);
	beam_free(beam);
	decode_data_close(&data);
}

/* Takes the least output off a heap of their indices. */
static int heap_take(int *heap, int *size, const float *outputs)
{
	int least = heap[0], last = heap[--*size], at = 0;

	for (int child; (child = 2 * at + 1) < *size; at = child) {
		child += child + 1 < *size && outputs[heap[child + 1]] < outputs[heap[child]];
		if (!(outputs[heap[child]] < outputs[last]))
			break;
		heap[at] = heap[child];
	}
	heap[at] = last;
	return least;
}

/* The rule: a heap of five with the least on top; only a greater output enters, and the top leaves. */
static void two_largest_by_heap(const float *outputs, int count, int *top, int *second)
{
	int heap[6], size = 0;

	for (int i = 0; i < count; i++) {
		int hole = size;

		if (size == 5 && !(outputs[i] > outputs[heap[0]]))
			continue;
		for (size++; hole > 0 && outputs[i] < outputs[heap[(hole - 1) / 2]]; hole = (hole - 1) / 2)
			heap[hole] = heap[(hole - 1) / 2];
		heap[hole] = i;
		if (size > 5)
			(void)heap_take(heap, &size, outputs);
	}
	while (size > 2)
		(void)heap_take(heap, &size, outputs);
	*second = heap_take(heap, &size, outputs);
	*top = heap_take(heap, &size, outputs);
}

/* OutputStats: of the first of the largest. */
static int strength_of(const float *outputs, int count, int null_code)
{
	int best = 0;

	for (int i = 1; i < count; i++)
		if (outputs[i] > outputs[best])
			best = i;
	return best == null_code ? -1 : (int)(127 * outputs[best]);
}

static void equal_outputs_are_chosen_as_the_heap_chooses(void)
{
	unsigned state = sample_seed();

	for (int i = 0; i < 20000; i++) {
		float outputs[131];
		int count = 2 + (int)sample_random(&state, 130), top, second, null_code;
		unsigned values = 1 + sample_random(&state, i % 2 ? 4 : 1000000);

		for (int at = 0; at < count; at++)
			outputs[at] = (float)sample_random(&state, values) / (float)values;
		null_code = (int)sample_random(&state, (unsigned)count);
		struct beam_reduced reduced = beam_reduce(outputs, count, null_code);
		struct beam_reduced plain = beam_reduce_plain(outputs, count, null_code);
		struct beam_step step = reduced.step;
		two_largest_by_heap(outputs, count, &top, &second);
		CHECK(step.top == top && step.second == second);
		CHECK(same_float(step.top_probability, outputs[top]) &&
		      same_float(step.second_probability, outputs[second]));
		CHECK(same_float(step.null_probability, outputs[null_code]));
		CHECK_INTEGER(reduced.strength, strength_of(outputs, count, null_code));
		CHECK(memcmp(&reduced, &plain, sizeof reduced) == 0);
	}
}

static void a_line_does_not_depend_on_the_lines_before_it(void)
{
	unsigned state = sample_seed();

	for (size_t i = 0; i < LANGUAGES; i++) {
		struct decode_data data = decode_data_open(languages[i]);
		struct beam_model model = decode_data_model(&data);
		struct beam *beam = beam_new(&model, NULL);

		for (int at = 0; beam && at < 40; at++) {
			const struct expected_line *expected =
			    &data.lines[sample_random(&state, (unsigned)data.line_count)];
			struct beam_line line;

			CHECK(beam_decode(beam, expected->steps, (size_t)expected->step_count, &line, NULL));
			CHECK(is_expected(&line, expected));
			/* A piece of it in between, which ends within a word. */
			CHECK(beam_decode(beam, expected->steps,
					  1 + sample_random(&state, (unsigned)expected->step_count), &line, NULL));
		}
		beam_free(beam);
		decode_data_close(&data);
	}
}

static void without_a_dictionary_nothing_is_in_it(void)
{
	struct decode_data data = decode_data_open("eng");
	struct beam_model model = decode_data_model(&data);

	model.dictionary = NULL;
	struct beam *beam = beam_new(&model, NULL);
	for (int32_t i = 0; beam && i < data.line_count; i++) {
		struct beam_line line;

		CHECK(beam_decode(beam, data.lines[i].steps, (size_t)data.lines[i].step_count, &line, NULL));
		CHECK(line.word_count > 1);
		for (size_t word = 0; word < line.word_count; word++)
			CHECK(line.words[word].permuter == PERMUTER_TOP);
	}
	beam_free(beam);
	decode_data_close(&data);
}

static void disabled_characters_are_never_read(void)
{
	struct decode_data data = decode_data_open("eng");
	struct beam_model model = decode_data_model(&data);
	uint8_t *disabled = calloc((size_t)data.unicharset->count, 1);
	size_t disabled_count = 0, read_before = 0, read_after = 0;

	if (!disabled)
		abort();
	unicharset_mark(data.unicharset, "eeöt中1", disabled); /* the set has neither ö nor 中 */
	for (int32_t id = 0; id < data.unicharset->count; id++)
		disabled_count += disabled[id];
	CHECK_INTEGER(disabled_count, 3); /* e, t and 1 */
	model.disabled = disabled;
	struct beam *beam = beam_new(&model, NULL);
	for (int32_t i = 0; beam && i < data.line_count; i++) {
		const struct expected_line *expected = &data.lines[i];
		struct beam_line line;

		for (int32_t at = 0; at < expected->character_count; at++)
			read_before += disabled[expected->characters[at].unichar];
		CHECK(beam_decode(beam, expected->steps, (size_t)expected->step_count, &line, NULL));
		CHECK(line.character_count > 10);
		for (size_t at = 0; at < line.character_count; at++)
			read_after += disabled[line.characters[at].unichar];
	}
	CHECK(read_before > 20);
	CHECK_INTEGER(read_after, 0);
	beam_free(beam);
	free(disabled);
	decode_data_close(&data);
}

/* What must hold for whatever a network says. */
static void check_line(const struct decode_data *data, const struct beam_line *line, size_t step_count)
{
	size_t next = 0;

	for (size_t i = 0; i < line->character_count; i++) {
		const struct beam_character *character = &line->characters[i];

		CHECK(character->unichar >= 0 && character->unichar < data->unicharset->count);
		CHECK(character->first_step == (i ? line->characters[i - 1].end_step : 0));
		CHECK(character->first_step <= character->step && character->step < character->end_step);
		CHECK(character->certainty < 0.0f && character->rating > 0.0f);
	}
	if (line->character_count)
		CHECK_INTEGER(line->characters[line->character_count - 1].end_step, step_count);
	for (size_t i = 0; i < line->word_count; i++) {
		const struct beam_word *word = &line->words[i];

		/* Words stand one after another, with nothing or one space between. */
		CHECK(word->first_character == next || (word->leading_space && word->first_character == next + 1 &&
							line->characters[next].unichar == UNICHAR_SPACE));
		CHECK(word->character_count > 0 && word->space_certainty <= 0.0f);
		CHECK(word->final_certainty <= word->certainty * 7.0f);
		next = word->first_character + word->character_count;
	}
	CHECK(next == line->character_count ||
	      (next + 1 == line->character_count && line->characters[next].unichar == UNICHAR_SPACE));
}

/* Up to `most`, in a quarter of cases one of the values that are special in some way. */
static float random_probability(unsigned *state, float most)
{
	static const float special[] = { 0.0f, 1.0f, 1e-30f, 2.0611537e-9f, 0.5f };
	float share = sample_random(state, 4) ? (float)sample_random(state, 1000000) / 1e6f
					      : special[sample_random(state, sizeof special / sizeof *special)];

	return share * most;
}

/* Any classes; which one is called the largest matters to no rule, but together they are at most 1. */
static void random_step(struct beam_step *step, const struct decode_data *data, unsigned classes, unsigned *state)
{
	step->top = (int32_t)sample_random(state, classes);
	step->second = (int32_t)((unsigned)(step->top + 1) % (unsigned)data->output_count);
	if (sample_random(state, 3) == 0)
		*(sample_random(state, 2) ? &step->top : &step->second) = data->null_code;
	if (step->top == step->second)
		step->second = (step->top + 1) % data->output_count;
	step->top_probability = random_probability(state, 1.0f);
	step->second_probability = random_probability(state, 1.0f - step->top_probability);
	step->null_probability =
	    step->top == data->null_code ? step->top_probability
	    : step->second == data->null_code
		? step->second_probability
		: random_probability(state, 1.0f - step->top_probability - step->second_probability);
}

static void any_outputs_give_a_whole_line(void)
{
	unsigned state = sample_seed();

	for (size_t i = 0; i < LANGUAGES; i++) {
		struct decode_data data = decode_data_open(languages[i]);
		struct beam_model model = decode_data_model(&data);
		struct beam *beam = beam_new(&model, NULL);
		struct beam_step steps[200];

		for (int at = 0; beam && at < 150; at++) {
			size_t count = 1 + sample_random(&state, 200);
			unsigned classes = 2 + sample_random(&state, (unsigned)data.output_count - 1);
			struct beam_line line = { 0 };

			for (size_t step = 0; step < count; step++)
				random_step(&steps[step], &data, classes, &state);
			CHECK(beam_decode(beam, steps, count, &line, NULL));
			check_line(&data, &line, count);
			struct copy first = copy_line(&line);
			CHECK(beam_decode(beam, steps, count, &line, NULL));
			CHECK(is_copy(&line, &first));
			copy_free(&first);
		}
		beam_free(beam);
		decode_data_close(&data);
	}
}

static void a_line_of_no_steps_or_too_many_is_refused(void)
{
	struct decode_data data = decode_data_open("eng");
	struct beam_model model = decode_data_model(&data);
	struct beam *beam = beam_new(&model, NULL);
	struct error error = { 0 };
	struct beam_line line;

	CHECK(beam && !beam_decode(beam, data.lines[0].steps, 0, &line, &error));
	CHECK_INTEGER(error.code, ERROR_TOO_LARGE);
	CHECK(beam && !beam_decode(beam, data.lines[0].steps, BEAM_STEPS_MOST + 1, &line, &error));
	CHECK_STRING(error.message, "a line of 100001 steps, not 1 to 100000");
	beam_free(beam);
	decode_data_close(&data);
}

int main(void)
{
	TEST(lines_are_as_libtesseract_decodes_them);
	TEST(whole_outputs_give_what_their_reduced_steps_give);
	TEST(equal_outputs_are_chosen_as_the_heap_chooses);
	TEST(a_line_does_not_depend_on_the_lines_before_it);
	TEST(without_a_dictionary_nothing_is_in_it);
	TEST(disabled_characters_are_never_read);
	TEST(any_outputs_give_a_whole_line);
	TEST(a_line_of_no_steps_or_too_many_is_refused);
	return test_done();
}
