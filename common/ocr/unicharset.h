/*
 * A model's character set (entry lstm-unicharset): what each unichar id stands for. A unichar is a character or a short
 * sequence of them; ids are the positions in the file. Id 0 is the space. Immutable after loading, so threads share it.
 *
 * Format (Tesseract, ccutil/unicharset.cpp, as text): a line with the count, then one line a unichar:
 *   TEXT PROPERTIES [BOTTOM,BOTTOM,TOP,TOP[,six widths]] SCRIPT [OTHER_CASE [DIRECTION MIRROR [NORMED]]] [# comment]
 * PROPERTIES is hexadecimal; TEXT "NULL" is the space. The whole entry must be just that, to its last byte.
 */
#ifndef FILOT_UNICHARSET_H
#define FILOT_UNICHARSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"

#define UNICHAR_SPACE 0
#define UNICHAR_NONE (-1)
#define UNICHAR_LONGEST_BYTES 30

enum unichar_property {
	UNICHAR_ALPHABETIC = 1,
	UNICHAR_LOWER = 2,
	UNICHAR_UPPER = 4,
	UNICHAR_DIGIT = 8,
	UNICHAR_PUNCTUATION = 16
};

/* ICU's values (UCharDirection), as the file has them; only those that text order asks for are named. */
enum unichar_direction {
	UNICHAR_LEFT_TO_RIGHT = 0,
	UNICHAR_RIGHT_TO_LEFT = 1,
	UNICHAR_EUROPEAN_NUMBER = 2,
	UNICHAR_ARABIC_NUMBER = 5,
	UNICHAR_OTHER_NEUTRAL = 10,
	UNICHAR_RIGHT_TO_LEFT_ARABIC = 13
};

struct unichar {
	char text[UNICHAR_LONGEST_BYTES +
		  1];	    /* UTF-8, as it is written in results; private-use ligatures are spelled out */
	uint8_t properties; /* of enum unichar_property */
	uint8_t direction;  /* ICU's value, 0..22 */
	/* false: words of this script are not set apart by spaces (Han, Hiragana, Katakana, Hangul, Thai; see
	 * unicharset.c) */
	bool space_delimited;
	uint16_t script;	    /* index in scripts */
	int32_t other_case, mirror; /* unichar ids; itself when it has none */
};

struct unicharset {
	struct unichar *unichars;
	int32_t count;
	char (*scripts)[64]; /* "NULL" first, then in the order of the file: "Common", "Latin", … */
	size_t script_count;
	bool space_delimited; /* the language's words are: it has no Han, Katakana or Thai */
	bool right_to_left;   /* most of its unichars that have a direction run from right to left */
};

/*
 * Reads the entry's bytes, which are not needed after. ERROR_CONFIG with the line's number when they are not a
 * character set (other counts, text that is no UTF-8, over 30 bytes or empty, numbers that are none),
 * ERROR_OUT_OF_MEMORY.
 */
struct unicharset *unicharset_new(const void *bytes, size_t length, struct error *error);
void unicharset_free(struct unicharset *unicharset); /* NULL is fine */

/*
 * Sets marks[id], of `count` marks, to 1 for the unichars that `text` (UTF-8) is made of: at each place the longest one
 * that is in the set; what is not is passed over. For a model's blacklist (tessedit_char_blacklist in its config entry,
 * as Hindi's "1"), which Tesseract applies to every language that is read with it: struct beam_model's `disabled`.
 */
void unicharset_mark(const struct unicharset *unicharset, const char *text, uint8_t *marks);

#endif
