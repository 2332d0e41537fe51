/* Shared by beam.c (the search) and beam_words.c (reading the best path). */
#ifndef FILOT_BEAM_PRIVATE_H
#define FILOT_BEAM_PRIVATE_H

#include "common/ocr/beam.h"
#include "common/ocr/beam_heap.h"

#define BEAM_NONE UINT32_MAX

/* The last unichar that a path finished, and where in the dictionary it is after it. */
struct beam_last {
	int32_t unichar; /* UNICHAR_NONE: none yet */
	int32_t state;	 /* the dictionary's, -1: not in a word of it */
	uint8_t permuter;
	bool starts_dictionary; /* a word of the dictionary may begin after it */
	bool ends_word;		/* a word of the dictionary may end with it */
};

/* One step of one path, as it is kept until the line's end. Paths share their beginnings. */
struct beam_past {
	uint32_t previous; /* BEAM_NONE at the first step */
	float certainty;   /* of this step */
	int32_t unichar;   /* that its code finishes, UNICHAR_NONE when none */
	uint8_t permuter;
	bool starts_dictionary; /* it finishes a unichar after which a word of the dictionary may begin */
	bool starts_word;	/* first of a word of the dictionary */
	bool is_repeat;		/* the code before it again, as CTC allows */
};

/* A path after a step, with all that continuing it needs. */
struct beam_node {
	uint64_t hash; /* of the path's codes, repeats and blanks left out: two paths that spell the same */
	float score;   /* sum of the path's certainties */
	int32_t code;
	int32_t prefix; /* the recoder's, after this code; RECODER_ROOT: between unichars */
	uint32_t past;	/* where `step` is kept, once the step is over */
	struct beam_past step;
	struct beam_last last;
};

/* What a path's last step commits it to, so that sums of outputs never count one spelling twice (recodebeam.h). */
enum beam_continuation { BEAM_ANYTHING, BEAM_ONLY_REPEAT, BEAM_NO_REPEAT, BEAM_CONTINUATIONS };

/* All heaps full (5 + 10 + 7 × 16 by length), and the node that the next path is made in. */
#define BEAM_NODES_MOST (2 * BEAM_CONTINUATIONS * (5 + 10 + (RECODER_LONGEST - 2) * BEAM_HEAP_MOST) + 1)

/* The paths after a step: by whether they follow the dictionary, by continuation, by codes of an unfinished unichar. */
struct beam_front {
	struct beam_heap heaps[2][BEAM_CONTINUATIONS][RECODER_LONGEST];
	struct beam_node nodes[BEAM_NODES_MOST];
	uint32_t node_count;
};

struct beam {
	struct beam_model model;
	struct dictionary_walk *walk; /* NULL: no dictionary */
	float worst_dictionary_certainty;
	float least_probability;     /* no certainty is below that of this probability */
	struct beam_front fronts[2]; /* of the step before and of this one, in turn */
	struct beam_past *pasts;
	size_t past_count, past_capacity;
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
