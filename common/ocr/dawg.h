/*
 * A word list as a graph (entries lstm-word-dawg, lstm-punc-dawg, lstm-number-dawg): Tesseract's squished DAWG. A node
 * is a run of edges, each with a letter (a unichar id) and the node that it leads to; words share beginnings and ends.
 * In the punctuation graph the letter 0 stands for a whole word, in the number graph for any digit. Immutable after
 * loading.
 *
 * Loading checks every edge, that nodes are whole and that there is no cycle, so walks need no checks.
 *
 * Format (dict/dawg.*, little endian): int16 42, int32 alphabet size, int32 edge count, then 64-bit edges: the letter
 * in ceil(log2(alphabet + 1)) bits, three flags (last edge of its node, backward, end of a word), the next node in the
 * rest: the index of its first edge, 0 when no word goes on from here. Edge 0 begins the root, whose letters ascend.
 */
#ifndef FILOT_DAWG_H
#define FILOT_DAWG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"

#define DAWG_ROOT 0u
#define DAWG_NO_EDGE (-1)
#define DAWG_PATTERN 0 /* the letter that stands for a word or a digit */

#define DAWG_LETTER_LAST 0x8000u /* in letters[]: the last edge of its node */
#define DAWG_LINK_WORD_END 1u	 /* in links[]; the next node is above it */

struct dawg {
	uint32_t edge_count;
	int32_t alphabet; /* letters are below it */
	uint16_t
	    *letters; /* [edge_count] letter and DAWG_LETTER_LAST: two bytes an edge, as a walk looks at many of them */
	uint32_t *links;     /* [edge_count] next node << 1 | DAWG_LINK_WORD_END */
	int32_t *root_edges; /* [alphabet] the root's edge of a letter, DAWG_NO_EDGE when none */
};

/*
 * Reads the entry's bytes, which are not needed after. `unichar_count` is the character set's size, which must be the
 * graph's alphabet. ERROR_CONFIG when it is not such a graph to its last byte; ERROR_OUT_OF_MEMORY.
 */
struct dawg *dawg_new(const void *bytes, size_t length, int32_t unichar_count, struct error *error);
void dawg_free(struct dawg *dawg); /* NULL is fine */

/* The edge of a node with a letter in [0, alphabet), DAWG_NO_EDGE when there is none. */
static inline int32_t dawg_find(const struct dawg *dawg, uint32_t node, int32_t letter)
{
	if (node == DAWG_ROOT)
		return dawg->root_edges[letter];
	for (uint32_t edge = node;; edge++) {
		unsigned found = dawg->letters[edge];

		if ((found & ~DAWG_LETTER_LAST) == (unsigned)letter)
			return (int32_t)edge;
		if (found & DAWG_LETTER_LAST)
			return DAWG_NO_EDGE;
	}
}

/* The node after an edge; DAWG_ROOT when no word goes on. */
static inline uint32_t dawg_next(const struct dawg *dawg, int32_t edge)
{
	return dawg->links[edge] >> 1;
}

static inline bool dawg_word_ends(const struct dawg *dawg, int32_t edge)
{
	return dawg->links[edge] & DAWG_LINK_WORD_END;
}

#endif
