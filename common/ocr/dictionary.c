/*
 * Walking the graphs. A state is a set of positions, kept in one growing array; a table from (state, unichar) to what
 * followed remembers most steps. The table is direct mapped: an entry that was pushed out is computed again, which only
 * makes a second state of the same positions.
 */
#include "common/ocr/dictionary.h"

#include <stdlib.h>

#include "common/base/array.h"

#define TABLE_BITS 13
#define STATES_FORGET 65536 /* a line that starts with more states starts afresh: 2 MB or so */

struct state {
	uint32_t first; /* in positions */
	uint32_t count;
};

struct remembered {
	int32_t state, unichar; /* state -1: empty */
	struct dictionary_step step;
};

struct dictionary_walk {
	const struct dictionary *dictionary;
	struct state *states;
	size_t state_count, state_capacity;
	struct dictionary_position *positions;
	size_t position_count, position_capacity;
	struct remembered table[1 << TABLE_BITS];
	bool failed;
};

/* One unichar being read, and the positions that it leads to: `made` has room for DICTIONARY_POSITIONS_MOST. */
struct reading {
	const struct dictionary *dictionary;
	int32_t unichar;
	bool is_last; /* only readings that may end with it count */
	struct dictionary_position *made;
	size_t count;
	struct dictionary_step *step;
};

static const struct dawg *graph_of(const struct dictionary *dictionary, uint8_t graph)
{
	return graph == PERMUTER_WORD ? dictionary->words : dictionary->numbers;
}

/* In the number graph all digits are one letter. */
static int32_t letter_for(const struct dictionary *dictionary, uint8_t graph, int32_t unichar)
{
	bool is_digit = dictionary->unicharset->unichars[unichar].properties & UNICHAR_DIGIT;

	return graph == PERMUTER_NUMBER && is_digit ? DAWG_PATTERN : unichar;
}

/* The edge with a letter after `edge` (DAWG_NO_EDGE: from the root), DAWG_NO_EDGE when there is none. */
static int32_t edge_after(const struct dawg *dawg, int32_t edge, int32_t letter)
{
	if (edge == DAWG_NO_EDGE)
		return dawg_find(dawg, DAWG_ROOT, letter);
	uint32_t node = dawg_next(dawg, edge);
	return node == DAWG_ROOT ? DAWG_NO_EDGE : dawg_find(dawg, node, letter);
}

static void add(struct reading *reading, struct dictionary_position position, bool word_ends)
{
	if (reading->is_last && !word_ends)
		return;
	if (position.graph > reading->step->permuter)
		reading->step->permuter = position.graph;
	reading->step->word_ends |= word_ends;
	for (size_t i = 0; i < reading->count; i++) {
		const struct dictionary_position *made = &reading->made[i];

		if (made->edge == position.edge && made->punctuation_edge == position.punctuation_edge &&
		    made->graph == position.graph && made->has_punctuation == position.has_punctuation &&
		    made->is_back == position.is_back)
			return;
	}
	if (reading->count < DICTIONARY_POSITIONS_MOST)
		reading->made[reading->count++] = position;
}

/* From a position in the punctuation graph alone: into a word or number where the pattern has one, and on in the
 * pattern. */
static void read_punctuation(struct reading *reading, const struct dictionary_position *from)
{
	const struct dictionary *dictionary = reading->dictionary;
	const struct dawg *punctuation = dictionary->punctuation;
	int32_t pattern = edge_after(punctuation, from->punctuation_edge, DAWG_PATTERN);

	if (pattern != DAWG_NO_EDGE) {
		static const uint8_t graphs[] = { PERMUTER_WORD, PERMUTER_NUMBER };

		for (size_t i = 0; i < sizeof graphs; i++) {
			const struct dawg *dawg = graph_of(dictionary, graphs[i]);
			int32_t edge =
			    !dawg ? DAWG_NO_EDGE
				  : dawg_find(dawg, DAWG_ROOT, letter_for(dictionary, graphs[i], reading->unichar));

			if (edge != DAWG_NO_EDGE)
				add(reading,
				    (struct dictionary_position){ .edge = edge,
								  .punctuation_edge = pattern,
								  .graph = graphs[i],
								  .has_punctuation = true },
				    dawg_word_ends(dawg, edge) && dawg_word_ends(punctuation, pattern));
		}
	}
	int32_t edge = edge_after(punctuation, from->punctuation_edge, reading->unichar);
	if (edge != DAWG_NO_EDGE)
		add(reading,
		    (struct dictionary_position){ .edge = DAWG_NO_EDGE,
						  .punctuation_edge = edge,
						  .graph = PERMUTER_PUNCTUATION,
						  .has_punctuation = true },
		    dawg_word_ends(punctuation, edge));
}

/* From a position in a word or number: back to the punctuation where the word may end, and on in the word. */
static void read_word(struct reading *reading, const struct dictionary_position *from)
{
	const struct dictionary *dictionary = reading->dictionary;
	const struct dawg *punctuation = from->has_punctuation ? dictionary->punctuation : NULL;
	const struct dawg *dawg = graph_of(dictionary, from->graph);

	if (punctuation && dawg_word_ends(dawg, from->edge)) {
		int32_t edge = edge_after(punctuation, from->punctuation_edge, reading->unichar);

		if (edge != DAWG_NO_EDGE)
			add(reading,
			    (struct dictionary_position){ .edge = from->edge,
							  .punctuation_edge = edge,
							  .graph = from->graph,
							  .has_punctuation = true,
							  .is_back = true },
			    dawg_word_ends(punctuation, edge));
	}
	if (from->is_back)
		return;
	int32_t edge = edge_after(dawg, from->edge, letter_for(dictionary, from->graph, reading->unichar));
	if (edge != DAWG_NO_EDGE) {
		struct dictionary_position position = *from;

		position.edge = edge;
		add(reading, position,
		    dawg_word_ends(dawg, edge) &&
			(!punctuation || dawg_word_ends(punctuation, from->punctuation_edge)));
	}
}

static void read_unichar(struct reading *reading, const struct dictionary_position *positions, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (positions[i].graph == PERMUTER_PUNCTUATION)
			read_punctuation(reading, &positions[i]);
		else
			read_word(reading, &positions[i]);
	}
}

/* Where readings begin; at most three. */
static size_t start_positions(const struct dictionary *dictionary, struct dictionary_position *positions)
{
	const struct dawg *punctuation = dictionary->punctuation;
	struct dictionary_position start = { .edge = DAWG_NO_EDGE, .punctuation_edge = DAWG_NO_EDGE };
	size_t count = 0;

	if (punctuation) {
		positions[count] = start;
		positions[count].has_punctuation = true;
		positions[count++].graph = PERMUTER_PUNCTUATION;
	}
	/* Words alone begin in the punctuation graph too, when it has the pattern of nothing but a word. */
	int32_t bare = punctuation ? dawg_find(punctuation, DAWG_ROOT, DAWG_PATTERN) : DAWG_NO_EDGE;
	if (bare != DAWG_NO_EDGE && dawg_word_ends(punctuation, bare))
		return count;
	if (dictionary->words) {
		positions[count] = start;
		positions[count++].graph = PERMUTER_WORD;
	}
	if (dictionary->numbers) {
		positions[count] = start;
		positions[count++].graph = PERMUTER_NUMBER;
	}
	return count;
}

bool dictionary_has_word(const struct dictionary *dictionary, const int32_t *unichars, size_t count)
{
	struct dictionary_position positions[2][DICTIONARY_POSITIONS_MOST];
	size_t position_count = start_positions(dictionary, positions[0]);
	uint8_t permuter = PERMUTER_NONE;

	for (size_t i = 0; i < count; i++) {
		struct dictionary_step step = { .permuter = PERMUTER_NONE };
		struct reading reading = { .dictionary = dictionary,
					   .unichar = unichars[i],
					   .is_last = i == count - 1,
					   .made = positions[(i + 1) % 2],
					   .step = &step };

		if (unichars[i] == DAWG_PATTERN)
			return false;
		read_unichar(&reading, positions[i % 2], position_count);
		if (step.permuter == PERMUTER_NONE)
			return false;
		position_count = reading.count;
		/* What the middle was found to be is not lost when only punctuation follows. */
		if (permuter == PERMUTER_NONE || step.permuter != PERMUTER_PUNCTUATION)
			permuter = step.permuter;
	}
	return permuter == PERMUTER_WORD;
}

static bool reserve(struct dictionary_walk *walk)
{
	struct dictionary_position *positions =
	    array_grow(walk->positions, &walk->position_capacity, walk->position_count + DICTIONARY_POSITIONS_MOST,
		       sizeof *positions);
	struct state *states = array_grow(walk->states, &walk->state_capacity, walk->state_count + 1, sizeof *states);

	if (positions)
		walk->positions = positions;
	if (states)
		walk->states = states;
	return positions && states;
}

/* Takes the positions made at the end of the array as a new state. */
static int32_t keep_state(struct dictionary_walk *walk, size_t count)
{
	walk->states[walk->state_count] = (struct state){ (uint32_t)walk->position_count, (uint32_t)count };
	walk->position_count += count;
	return (int32_t)walk->state_count++;
}

static void forget(struct dictionary_walk *walk)
{
	for (size_t i = 0; i < sizeof walk->table / sizeof *walk->table; i++)
		walk->table[i].state = -1;
	walk->position_count = walk->state_count = 0;
	keep_state(walk, start_positions(walk->dictionary, walk->positions));
}

struct dictionary_walk *dictionary_walk_new(const struct dictionary *dictionary, struct error *error)
{
	struct dictionary_walk *walk = calloc(1, sizeof *walk);

	if (!walk || !reserve(walk)) {
		dictionary_walk_free(walk);
		error_set(error, ERROR_OUT_OF_MEMORY, "no memory to walk a dictionary");
		return NULL;
	}
	walk->dictionary = dictionary;
	forget(walk);
	return walk;
}

void dictionary_walk_free(struct dictionary_walk *walk)
{
	if (!walk)
		return;
	free(walk->states);
	free(walk->positions);
	free(walk);
}

void dictionary_walk_begin(struct dictionary_walk *walk)
{
	walk->failed = false;
	if (walk->state_count > STATES_FORGET)
		forget(walk);
}

bool dictionary_walk_failed(const struct dictionary_walk *walk)
{
	return walk->failed;
}

static struct dictionary_step compute_step(struct dictionary_walk *walk, int32_t from, int32_t unichar)
{
	struct dictionary_step step = { .state = -1, .permuter = PERMUTER_NONE };

	if (unichar == DAWG_PATTERN)
		return step;
	if (!reserve(walk)) {
		walk->failed = true;
		return step;
	}
	struct reading reading = { .dictionary = walk->dictionary,
				   .unichar = unichar,
				   .made = walk->positions + walk->position_count,
				   .step = &step };
	const struct state *state = &walk->states[from];
	read_unichar(&reading, walk->positions + state->first, state->count);
	if (step.permuter != PERMUTER_NONE)
		step.state = keep_state(walk, reading.count);
	return step;
}

struct dictionary_step dictionary_walk_step(struct dictionary_walk *walk, int32_t state, int32_t unichar)
{
	uint32_t hash = ((uint32_t)state * 0x9e3779b1u + (uint32_t)unichar) * 0x85ebca6bu;
	struct remembered *entry = &walk->table[hash >> (32 - TABLE_BITS)];

	if (entry->state != state || entry->unichar != unichar) {
		struct dictionary_step step = compute_step(walk, state, unichar);

		if (walk->failed)
			return step;
		*entry = (struct remembered){ state, unichar, step };
	}
	return entry->step;
}
