/*
 * How a model spells unichars in network outputs (entry lstm-recoder, Tesseract's UnicharCompress): each unichar is a
 * sequence of 1 to 9 codes, a code being the index of a network output. Most languages have one code a unichar; Han and
 * Hangul take up to five, so that thousands of characters need some two hundred outputs.
 *
 * Kept as a tree of prefixes, as decoding walks it: from a prefix, a code can finish a unichar, lead to a longer
 * prefix, or both. Immutable after loading, so threads share it.
 *
 * Format (ccutil/unicharcompress.*, little endian): uint32 count, then for each unichar int8 (1), int32 length, that
 * many int32 codes. Several unichars may have the same codes: the last one is what decoding gives.
 */
#ifndef FILOT_RECODER_H
#define FILOT_RECODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"

#define RECODER_LONGEST 9 /* codes of a unichar (RecodedCharID::kMaxCodeLen) */
#define RECODER_ROOT 0	  /* the empty prefix */
#define RECODER_NONE (-1)

struct recoder_child {
	int32_t code;
	int32_t unichar; /* that the code finishes; UNICHAR_NONE for the null code */
	int32_t prefix;	 /* that the code leads to, RECODER_NONE when none */
	/* Places in Tesseract's lists of finishing and of leading codes, RECODER_NONE when in none: its order of trial.
	 */
	int32_t final_rank, next_rank;
};

struct recoder_prefix {
	int32_t first, count; /* its children, by code */
};

struct recoder {
	int32_t code_count;		 /* 1 + the largest code */
	int32_t null_code;		 /* CTC's blank */
	int32_t longest;		 /* codes of the longest unichar */
	struct recoder_prefix *prefixes; /* RECODER_ROOT first */
	struct recoder_child *children;
	int32_t *root_children; /* [code_count] index of the root's child of that code, RECODER_NONE when none */
};

/*
 * Reads the entry's bytes, which are not needed after. `unichar_count` is the character set's size, `output_count` the
 * network's outputs, `null_code` its blank. ERROR_CONFIG when the entry is not a recoder to its last byte, when codes
 * are not outputs, when the space is not code 0 alone, or when the blank is not a code of its own (decoding relies on
 * it; every published model is so); ERROR_OUT_OF_MEMORY.
 */
struct recoder *recoder_new(const void *bytes, size_t length, int32_t unichar_count, int32_t output_count,
			    int32_t null_code, struct error *error);
void recoder_free(struct recoder *recoder); /* NULL is fine */

/* The child of a prefix for a code, NULL when there is none. `code` is in [0, output_count). */
static inline const struct recoder_child *recoder_find(const struct recoder *recoder, int32_t prefix, int32_t code)
{
	if (prefix == RECODER_ROOT) {
		int32_t child = code < recoder->code_count ? recoder->root_children[code] : RECODER_NONE;

		return child == RECODER_NONE ? NULL : &recoder->children[child];
	}
	const struct recoder_child *children = recoder->children + recoder->prefixes[prefix].first;
	int32_t low = 0, high = recoder->prefixes[prefix].count;
	while (low < high) {
		int32_t middle = low + (high - low) / 2;

		if (children[middle].code < code)
			low = middle + 1;
		else
			high = middle;
	}
	return low < recoder->prefixes[prefix].count && children[low].code == code ? &children[low] : NULL;
}

#endif
