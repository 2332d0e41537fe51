/* Cuts of lines of fixed pitch: every bit of what libtesseract's own function makes of the same cuts. */
#include <stdlib.h>
#include <string.h>

#include "common/ocr/pitch.h"
#define RANDOM_SEED 50531
#include "tests/unit/random.h"
#include "tests/unit/test.h"

pitch_assign_function theirs __asm__(PITCH_ASSIGN);

#define PLACES 2400
#define ORIGIN (-300)

/* A line's projection and its cuts so far, for a pitch. */
struct line {
	int32_t pitch, zero_count;
	int32_t counts[PLACES];
	struct pitch_projection projection;
	struct pitch_cut cuts[PLACES];
};

static bool is_occupied(const struct line *line, int32_t place)
{
	int32_t least = line->projection.least - ORIGIN, most = line->projection.most - ORIGIN;

	return line->counts[place < least ? 0 : place > most ? most - least : place - least] > line->zero_count;
}

/* The bits beside each place; those to the right of the first, and what is left of them in others, are anything. */
static void set_bits(struct line *line)
{
	int32_t half = line->pitch / 2 - 1 > 31 ? 31 : line->pitch / 2 - 1 < 0 ? 0 : line->pitch / 2 - 1;
	uint32_t highest = UINT32_C(1) << half, mask = highest | (highest - 1);

	line->cuts[0].left_bits = 0;
	line->cuts[0].right_bits = (uint32_t)random_below(UINT32_MAX) & mask;
	for (int32_t i = 1; i < PLACES; i++) {
		line->cuts[i].left_bits = (line->cuts[i - 1].left_bits << 1 & mask) | is_occupied(line, i);
		line->cuts[i].right_bits =
		    line->cuts[i - 1].right_bits >> 1 | (is_occupied(line, i + half) ? highest : 0);
	}
}

/* Letters and gaps of any widths; cuts that led there or not. */
static void make_line(struct line *line, uint32_t widest_run, int32_t most_pitch)
{
	memset(line, 0, sizeof *line);
	line->pitch = 3 + (int32_t)random_below((uint32_t)most_pitch - 2);
	line->zero_count = (int32_t)random_below(3);
	line->projection = (struct pitch_projection){ .least = ORIGIN + 40, .most = ORIGIN + PLACES - 90 };
	for (int32_t i = 0, run = 0, count = 0; i < PLACES; i++, run--) {
		if (run <= 0) {
			run = 1 + (int32_t)random_below(widest_run);
			count = random_below(2) ? (int32_t)random_below(40) : 0;
		}
		line->counts[i] = count;
	}
	line->projection.counts = line->counts;
	for (int32_t i = 0; i < PLACES; i++)
		line->cuts[i] = (struct pitch_cut){ .faked = random_below(4) == 0,
						    .terminal = random_below(30) == 0,
						    .fake_count = random_below(5) ? (int16_t)random_below(6) : INT16_MAX,
						    .cell_count = (int16_t)random_below(90),
						    .free_count = (int16_t)random_below(9),
						    .x = ORIGIN + i,
						    .sum = (double)random_below(4000),
						    .squares = (double)random_below(90000),
						    .cost = (double)random_below(3000) / 7 };
	set_bits(line);
}

static struct pitch_place random_place(struct line *line)
{
	return (struct pitch_place){ .cuts = line->cuts,
				     .origin = ORIGIN,
				     .x = (int16_t)(ORIGIN + 1 + (int32_t)random_below(PLACES - 1)),
				     .faked = random_below(3) == 0,
				     .is_free = random_below(3) == 0,
				     .offset = (int16_t)random_below(20),
				     .projection = &line->projection,
				     .scale = 0.25f + (float)random_below(100) / 16,
				     .zero_count = (int16_t)line->zero_count,
				     .pitch = (int16_t)line->pitch,
				     .pitch_error =
					 (int16_t)random_below((uint32_t)(line->pitch < 40 ? line->pitch : 40)) };
}

static void call_theirs(struct pitch_cut *cut, const struct pitch_place *place)
{
	theirs(cut, place->cuts, place->origin, place->x, place->faked, place->is_free, place->offset,
	       place->projection, place->scale, place->zero_count, place->pitch, place->pitch_error);
}

/* How many of `count` cuts on lines of such runs and pitches differ. */
static int count_different(struct line *line, int count, uint32_t widest_run, int32_t most_pitch)
{
	int different = 0;

	for (int i = 0; i < count; i++) {
		if (i % 100 == 0)
			make_line(line, widest_run, most_pitch);
		struct pitch_place place = random_place(line);
		struct pitch_cut *cut = &line->cuts[place.x - place.origin], before, ours;

		memcpy(&before, cut, sizeof before);
		memcpy(&ours, cut, sizeof ours);
		CHECK(pitch_assign(&ours, &place));
		call_theirs(cut, &place);
		different += memcmp(&ours, cut, sizeof ours) != 0;
		memcpy(cut, &before, sizeof before);
	}
	return different;
}

static void every_cut_is_libtesseracts_bit_for_bit(void)
{
	struct line *line = malloc(sizeof *line);

	printf("# seed %llu\n", (unsigned long long)random_state);
	if (!line)
		abort();
	CHECK_INTEGER(count_different(line, 4000, 12, 40), 0);
	CHECK_INTEGER(count_different(line, 4000, 60, 200), 0);
	CHECK_INTEGER(count_different(line, 2000, 300, 900), 0);
	free(line);
}

static void cells_that_could_have_no_width_are_left_to_libtesseract(void)
{
	struct line *line = malloc(sizeof *line);

	if (!line)
		abort();
	make_line(line, 12, 40);
	struct pitch_place place = random_place(line);
	struct pitch_cut cut, before;

	memset(&before, 0x5a, sizeof before);
	memcpy(&cut, &before, sizeof cut);
	place.pitch = place.pitch_error = 7;
	CHECK(!pitch_assign(&cut, &place));
	CHECK(memcmp(&cut, &before, sizeof cut) == 0);
	free(line);
}

static int calls;

static void counted(struct pitch_cut *cut, struct pitch_cut *cuts, int16_t origin, int16_t x, bool faked, bool is_free,
		    int16_t offset, const struct pitch_projection *projection, float scale, int16_t zero_count,
		    int16_t pitch, int16_t pitch_error)
{
	calls++;
	theirs(cut, cuts, origin, x, faked, is_free, offset, projection, scale, zero_count, pitch, pitch_error);
}

/* One whose cuts cost otherwise in the end, as another version's might. */
static void another(struct pitch_cut *cut, struct pitch_cut *cuts, int16_t origin, int16_t x, bool faked, bool is_free,
		    int16_t offset, const struct pitch_projection *projection, float scale, int16_t zero_count,
		    int16_t pitch, int16_t pitch_error)
{
	counted(cut, cuts, origin, x, faked, is_free, offset, projection, scale, zero_count, pitch, pitch_error);
	if (calls == PITCH_COMPARED)
		cut->free_count++;
}

/* What a process makes of `count` cuts: how often it asked libtesseract's function, and whether all are as that makes them. */
static int cut_trusted(pitch_assign_function *function, int count, bool *equal)
{
	struct pitch_trust trust = { .theirs = function };
	struct line *line = malloc(sizeof *line);

	if (!line)
		abort();
	make_line(line, 12, 40);
	calls = 0;
	*equal = true;
	for (int i = 0; i < count; i++) {
		struct pitch_place place = random_place(line);
		struct pitch_cut *cut = &line->cuts[place.x - place.origin], expected;

		memcpy(&expected, cut, sizeof expected);
		call_theirs(&expected, &place);
		pitch_assign_trusted(&trust, cut, &place);
		*equal &= memcmp(&expected, cut, sizeof expected) == 0;
	}
	free(line);
	return calls;
}

static void the_first_cuts_are_compared_and_one_that_differs_ends_the_trust(void)
{
	bool equal;

	CHECK_INTEGER(cut_trusted(counted, 1000, &equal), PITCH_COMPARED);
	CHECK(equal);
	CHECK_INTEGER(cut_trusted(another, 1000, &equal), 1000);
	CHECK(!equal);
}

int main(void)
{
	TEST(every_cut_is_libtesseracts_bit_for_bit);
	TEST(cells_that_could_have_no_width_are_left_to_libtesseract);
	TEST(the_first_cuts_are_compared_and_one_that_differs_ends_the_trust);
	return test_done();
}
