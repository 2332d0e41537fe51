/*
 * A model's dictionary: which unichars may follow in a word, in a number, or in the punctuation around them. Its three
 * word graphs (dawg.h) are walked side by side: the punctuation graph holds patterns such as  ( WORD ) ,  and where a
 * pattern says WORD, the graphs of words and of numbers begin. Source of the rules: Tesseract, dict/dict.cpp
 * (default_dawgs, def_letter_is_okay).
 *
 * struct dictionary is immutable and shared by threads; struct dictionary_walk belongs to one thread. A walk names what
 * it has read so far by a small number, a state; the same unichar after the same state gives the same state again, from
 * a table, so that the many paths of a beam search that read the same letters look them up in the graphs once.
 */
#ifndef FILOT_DICTIONARY_H
#define FILOT_DICTIONARY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/ocr/dawg.h"
#include "common/ocr/unicharset.h"

/*
 * What a piece of text was found to be, the greater the better; Tesseract's values (PermuterType), as they decide by
 * order. PERMUTER_TOP is what the network alone says.
 */
enum permuter { PERMUTER_NONE = 0, PERMUTER_PUNCTUATION = 1, PERMUTER_TOP = 2, PERMUTER_NUMBER = 6, PERMUTER_WORD = 8 };

struct dictionary {
	const struct unicharset *unicharset;
	const struct dawg *punctuation, *words, *numbers; /* each may be NULL; borrowed */
};

/* Where one way of reading the text so far stands. */
struct dictionary_position {
	int32_t edge;		  /* last edge in the graph of words or numbers, DAWG_NO_EDGE before its first */
	int32_t punctuation_edge; /* last edge in the punctuation graph, DAWG_NO_EDGE before its first */
	uint8_t graph;	      /* PERMUTER_WORD or _NUMBER once such a graph was entered, PERMUTER_PUNCTUATION before */
	bool has_punctuation; /* the reading began in the punctuation graph */
	bool is_back;	      /* the word is over: only punctuation may follow */
};

/* What reading a unichar led to. */
struct dictionary_step {
	int32_t state;	  /* valid until the next dictionary_walk_begin that forgets */
	uint8_t permuter; /* enum permuter; PERMUTER_NONE: not allowed here, and state is of no use */
	bool word_ends;	  /* the text so far may stand alone */
};

#define DICTIONARY_START 0 /* the state before anything was read */

/*
 * Whether `count` unichars, punctuation around them included, are a word of the dictionary; numbers are none
 * (Dict::valid_word). Their ids are those of the character set.
 */
bool dictionary_has_word(const struct dictionary *dictionary, const int32_t *unichars, size_t count);

/* Readings of one text that are followed at a time; real models have 5 at most. More are given up, the last ones first.
 */
#define DICTIONARY_POSITIONS_MOST 64

struct dictionary_walk;

/* `dictionary` is borrowed. NULL with ERROR_OUT_OF_MEMORY. */
struct dictionary_walk *dictionary_walk_new(const struct dictionary *dictionary, struct error *error);
void dictionary_walk_free(struct dictionary_walk *walk); /* NULL is fine */

/* Before a line: forgets the states once they are many. No state from before may be used after. */
void dictionary_walk_begin(struct dictionary_walk *walk);

/*
 * Reads `unichar`, an id of the character set, after `state`. When memory ends the answer is "not allowed" and
 * dictionary_walk_failed is true from then until the next dictionary_walk_begin.
 */
struct dictionary_step dictionary_walk_step(struct dictionary_walk *walk, int32_t state, int32_t unichar);
bool dictionary_walk_failed(const struct dictionary_walk *walk);

#endif
