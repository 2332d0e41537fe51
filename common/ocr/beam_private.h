/* Shared by beam.c (the search) and beam_words.c (reading the best path). */
#ifndef FILOT_BEAM_PRIVATE_H
#define FILOT_BEAM_PRIVATE_H

#include "common/ocr/beam.h"
#include "common/ocr/beam_heap.h"

#define BEAM_NONE UINT32_MAX

/* One step of one path. Paths share their beginnings: a node knows the one before it. */
struct beam_node {
	uint64_t hash; /* of the path's codes, repeats and blanks left out: two paths that spell the same */
	uint32_t previous; /* BEAM_NONE at the first step */
	uint32_t last_unichar; /* the node, this one or before, that finished the last unichar; BEAM_NONE: none yet */
	float score; /* sum of the path's certainties */
	float certainty; /* of this step */
	int32_t code;
	int32_t unichar; /* that the code finishes, UNICHAR_NONE when none */
	int32_t prefix; /* the recoder's, after this code; RECODER_ROOT: between unichars */
	int32_t state; /* the dictionary's, -1: not in a word of the dictionary */
	uint8_t permuter;
	bool starts_dictionary; /* a word of the dictionary may begin after this */
	bool starts_word; /* first of a word of the dictionary */
	bool ends_word; /* a word of the dictionary may end here */
	bool is_repeat; /* the code before it again, as CTC allows */
};

/* What a path's last step commits it to, so that sums of outputs never count one spelling twice (recodebeam.h). */
enum beam_continuation {
	BEAM_ANYTHING,
	BEAM_ONLY_REPEAT,
	BEAM_NO_REPEAT,
	BEAM_CONTINUATIONS
};

/* The paths after a step: by whether they follow the dictionary, by continuation, by codes of an unfinished unichar. */
struct beam_front {
	struct beam_heap heaps[2][BEAM_CONTINUATIONS][RECODER_LONGEST];
};

struct beam {
	struct beam_model model;
	struct dictionary_walk *walk; /* NULL: no dictionary */
	float worst_dictionary_certainty;
	float least_probability; /* no certainty is below that of this probability */
	struct beam_front fronts[2]; /* of the step before and of this one, in turn */
	struct beam_node *nodes;
	uint32_t node_count, node_capacity;
	struct beam_step *steps; /* made by beam_decode_outputs */
	size_t step_capacity;
	/* the result, and the best path as it is read */
	uint32_t *path;
	size_t path_capacity;
	struct beam_character *characters;
	size_t character_capacity;
	struct beam_word *words;
	size_t word_capacity;
};

/* Reads characters and words off the path of `step_count` nodes that ends with `best`. */
bool beam_read_words(struct beam *beam, uint32_t best, size_t step_count, struct beam_line *line, struct error *error);

#endif
