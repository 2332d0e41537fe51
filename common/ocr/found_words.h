/*
 * Words of a page while it is put together: chosen among what the languages read on each piece of the layout, then given
 * boxes. For assemble.c.
 */
#ifndef FILOT_FOUND_WORDS_H
#define FILOT_FOUND_WORDS_H

#include "common/ocr/assemble.h"

/* Which way a word's letters run. */
enum direction { DIRECTION_NEUTRAL, DIRECTION_LEFT, DIRECTION_RIGHT, DIRECTION_MIXED };

struct found_word {
	const struct text_model *model;
	const struct beam_word *read;
	const struct beam_character *characters; /* [read->character_count] */
	float pixels_a_step;			 /* page pixels */
	struct upright line;			 /* of its piece */
	struct upright guess;			 /* by time steps alone */
	struct upright box;			 /* by blobs */
	enum direction direction;
	int32_t blanks; /* before it */
};

struct found_words {
	struct found_word *words;
	size_t count, capacity;
};

/* Chooses among languages, line after line: the language of the last line is tried first. */
struct chooser {
	const struct layout *layout;
	const struct text_model *const *models;
	size_t model_count;
	const struct line_text *texts; /* [piece][model] */
	/* NULL: all of texts was read. Else a reading that is missed is set in `wanted`, and the choice goes on without it. */
	const bool *is_read;
	bool *wanted;
	size_t last_model;
	struct beam_word nothing; /* stands for a reading of one piece without words */
	struct found_words best, other, merged; /* of one piece */
};

void found_words_free(struct found_words *words);
void chooser_free(struct chooser *chooser);

/*
 * Appends a piece's words, with boxes, to `words`; those that are nothing but blanks are left out. ERROR_OUT_OF_MEMORY.
 */
bool chooser_add_piece(struct chooser *chooser, size_t piece, struct found_words *words, struct error *error);

#endif
