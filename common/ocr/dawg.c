/* Loading a squished DAWG: all checks are here. */
#include "common/ocr/dawg.h"

#include <endian.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC 42
#define HEADER_BYTES 10
#define EDGE_BYTES 8
#define LARGEST_ALPHABET 32767
#define LARGEST_EDGE_COUNT (1u << 30) /* so that a node and a flag fit 32 bits, and edges an int32_t */

#define FLAG_LAST 1u
#define FLAG_BACKWARD 2u
#define FLAG_WORD_END 4u
#define FLAG_BITS 3

static uint64_t read_edge(const uint8_t *bytes)
{
	uint64_t edge;

	memcpy(&edge, bytes, sizeof edge);
	return le64toh(edge);
}

static bool read_header(struct dawg *dawg, const uint8_t *bytes, size_t length, int32_t unichar_count,
			struct error *error)
{
	uint16_t magic;
	uint32_t alphabet, edge_count;

	if (length < HEADER_BYTES)
		return error_set(error, ERROR_CONFIG, "word graph: %zu bytes are no header", length);
	memcpy(&magic, bytes, 2);
	memcpy(&alphabet, bytes + 2, 4);
	memcpy(&edge_count, bytes + 6, 4);
	alphabet = le32toh(alphabet);
	edge_count = le32toh(edge_count);
	if (le16toh(magic) != MAGIC)
		return error_set(error, ERROR_CONFIG, "word graph: begins with %d, not 42", (int)le16toh(magic));
	if (alphabet != (uint32_t)unichar_count || alphabet < 1 || alphabet > LARGEST_ALPHABET)
		return error_set(error, ERROR_CONFIG, "word graph: an alphabet of %u, not the character set's %d",
				 alphabet, unichar_count);
	if (edge_count < 1 || edge_count > LARGEST_EDGE_COUNT || (length - HEADER_BYTES) % EDGE_BYTES != 0 ||
	    (length - HEADER_BYTES) / EDGE_BYTES != edge_count)
		return error_set(error, ERROR_CONFIG, "word graph: %u edges in %zu bytes", edge_count, length);
	dawg->alphabet = unichar_count;
	dawg->edge_count = edge_count;
	return true;
}

static bool read_edges(struct dawg *dawg, const uint8_t *bytes, struct error *error)
{
	/* The writer's own expression, so that both agree at powers of two (Dawg::init). */
	const unsigned letter_bits = (unsigned)ceil(log(dawg->alphabet + 1.0) / log(2.0));
	const uint64_t letter_mask = (1ull << letter_bits) - 1;

	for (uint32_t i = 0; i < dawg->edge_count; i++) {
		uint64_t edge = read_edge(bytes + (size_t)i * EDGE_BYTES);
		uint64_t letter = edge & letter_mask, next = edge >> (letter_bits + FLAG_BITS);
		unsigned flags = (edge >> letter_bits) & ((1u << FLAG_BITS) - 1);

		if (letter >= (uint64_t)dawg->alphabet || next >= dawg->edge_count || (flags & FLAG_BACKWARD))
			return error_set(error, ERROR_CONFIG, "word graph: edge %u is out of range", i);
		if (next == 0 && !(flags & FLAG_WORD_END))
			return error_set(error, ERROR_CONFIG, "word graph: edge %u leads nowhere", i);
		dawg->letters[i] = (uint16_t)(letter | (flags & FLAG_LAST ? DAWG_LETTER_LAST : 0));
		dawg->links[i] = (uint32_t)next << 1 | (flags & FLAG_WORD_END ? DAWG_LINK_WORD_END : 0);
	}
	if (!(dawg->letters[dawg->edge_count - 1] & DAWG_LETTER_LAST))
		return error_set(error, ERROR_CONFIG, "word graph: the last node has no end");
	for (uint32_t i = 0; i < dawg->edge_count; i++) {
		uint32_t next = dawg->links[i] >> 1;

		if (next > 0 && !(dawg->letters[next - 1] & DAWG_LETTER_LAST))
			return error_set(error, ERROR_CONFIG, "word graph: edge %u leads into the middle of a node", i);
	}
	return true;
}

/* The root's letters must ascend: Tesseract finds them by bisection. */
static bool index_root(struct dawg *dawg, struct error *error)
{
	int32_t before = -1;

	for (int32_t letter = 0; letter < dawg->alphabet; letter++)
		dawg->root_edges[letter] = DAWG_NO_EDGE;
	for (uint32_t edge = 0;; edge++) {
		int32_t letter = (int32_t)(dawg->letters[edge] & ~DAWG_LETTER_LAST);

		if (letter <= before)
			return error_set(error, ERROR_CONFIG, "word graph: the root's letters do not ascend");
		before = letter;
		dawg->root_edges[letter] = (int32_t)edge;
		if (dawg->letters[edge] & DAWG_LETTER_LAST)
			return true;
	}
}

/*
 * No node may be reached from itself. Kahn's way: take away nodes that nothing leads to until none is left; what a
 * cycle holds can never be taken. `arrivals` counts the edges that lead to a node, by its first edge; `ready` is a
 * stack.
 */
static bool is_acyclic(const struct dawg *dawg, uint32_t *arrivals, uint32_t *ready)
{
	uint32_t ready_count = 0, taken = 0, nodes = 0;

	for (uint32_t edge = 0; edge < dawg->edge_count; edge++)
		arrivals[dawg->links[edge] >> 1] += (dawg->links[edge] >> 1) != 0;
	for (uint32_t edge = 0; edge < dawg->edge_count; edge++) {
		if (edge > 0 && !(dawg->letters[edge - 1] & DAWG_LETTER_LAST))
			continue;
		nodes++;
		if (arrivals[edge] == 0)
			ready[ready_count++] = edge;
	}
	while (ready_count > 0) {
		uint32_t edge = ready[--ready_count];

		taken++;
		do {
			uint32_t next = dawg->links[edge] >> 1;

			if (next != 0 && --arrivals[next] == 0)
				ready[ready_count++] = next;
		} while (!(dawg->letters[edge++] & DAWG_LETTER_LAST));
	}
	return taken == nodes;
}

static bool load(struct dawg *dawg, const uint8_t *bytes, size_t length, int32_t unichar_count, struct error *error)
{
	uint32_t *arrivals = NULL, *ready = NULL;
	bool good = false;

	if (!read_header(dawg, bytes, length, unichar_count, error))
		return false;
	dawg->letters = calloc(dawg->edge_count, sizeof *dawg->letters);
	dawg->links = calloc(dawg->edge_count, sizeof *dawg->links);
	dawg->root_edges = calloc((size_t)dawg->alphabet, sizeof *dawg->root_edges);
	arrivals = calloc(dawg->edge_count, sizeof *arrivals);
	ready = calloc(dawg->edge_count, sizeof *ready);
	if (!dawg->letters || !dawg->links || !dawg->root_edges || !arrivals || !ready) {
		error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a word graph of %u edges", dawg->edge_count);
		goto out;
	}
	if (!read_edges(dawg, bytes + HEADER_BYTES, error) || !index_root(dawg, error))
		goto out;
	good = is_acyclic(dawg, arrivals, ready);
	if (!good)
		error_set(error, ERROR_CONFIG, "word graph: has a cycle");
out:
	free(arrivals);
	free(ready);
	return good;
}

struct dawg *dawg_new(const void *bytes, size_t length, int32_t unichar_count, struct error *error)
{
	struct dawg *dawg = calloc(1, sizeof *dawg);

	if (!dawg) {
		error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a word graph");
		return NULL;
	}
	if (!load(dawg, bytes, length, unichar_count, error)) {
		dawg_free(dawg);
		return NULL;
	}
	return dawg;
}

void dawg_free(struct dawg *dawg)
{
	if (!dawg)
		return;
	free(dawg->letters);
	free(dawg->links);
	free(dawg->root_edges);
	free(dawg);
}
