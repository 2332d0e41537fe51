/*
 * The tree of prefixes is built from the sequences in sorted order: there, all that share a prefix stand together, so a
 * prefix is a range, and its children are the runs of equal codes within that range. Ranges wait in a queue, so that
 * prefixes are numbered level by level and the children of one are contiguous.
 */
#include "common/ocr/recoder.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "common/ocr/unicharset.h"

/* One unichar's codes. */
struct sequence {
	int32_t codes[RECODER_LONGEST];
	int32_t length;
	int32_t unichar;
};

/* The sequences that share a prefix of `depth` codes. */
struct range {
	int32_t first, end, depth;
};

static int32_t read_int32(const uint8_t *bytes)
{
	uint32_t value;

	memcpy(&value, bytes, sizeof value);
	return (int32_t)le32toh(value);
}

static bool read_sequence(struct sequence *sequence, const uint8_t **next, const uint8_t *end, int32_t output_count,
			  struct error *error)
{
	if (end - *next < 5)
		return error_set(error, ERROR_CONFIG, "recoder: the entry ends within character %d", sequence->unichar);
	sequence->length = read_int32(*next + 1);
	*next += 5;
	if (sequence->length < 1 || sequence->length > RECODER_LONGEST)
		return error_set(error, ERROR_CONFIG, "recoder: character %d has %d codes, not 1 to 9",
				 sequence->unichar, sequence->length);
	if (end - *next < 4 * sequence->length)
		return error_set(error, ERROR_CONFIG, "recoder: the entry ends within character %d", sequence->unichar);
	for (int32_t i = 0; i < sequence->length; i++, *next += 4) {
		sequence->codes[i] = read_int32(*next);
		if (sequence->codes[i] < 0 || sequence->codes[i] >= output_count)
			return error_set(error, ERROR_CONFIG, "recoder: character %d has code %d of %d outputs",
					 sequence->unichar, sequence->codes[i], output_count);
	}
	return true;
}

/* By codes, a prefix before what it begins; equal ones by unichar. */
static int compare_sequences(const void *left, const void *right)
{
	const struct sequence *a = left, *b = right;

	for (int32_t i = 0; i < a->length && i < b->length; i++)
		if (a->codes[i] != b->codes[i])
			return a->codes[i] < b->codes[i] ? -1 : 1;
	if (a->length != b->length)
		return a->length < b->length ? -1 : 1;
	return a->unichar < b->unichar ? -1 : a->unichar > b->unichar;
}

/*
 * The child made of sequences [first, end), which agree in depth + 1 codes. Tesseract lists a prefix's codes in the
 * order of the unichars that brought them, so the least unichar is the rank; of several that a code finishes, the last
 * wins.
 */
static struct recoder_child make_child(const struct recoder *recoder, const struct sequence *sequences,
				       struct range run, int32_t *longer)
{
	struct recoder_child child = { .code = sequences[run.first].codes[run.depth],
				       .unichar = UNICHAR_NONE,
				       .prefix = RECODER_NONE,
				       .final_rank = RECODER_NONE,
				       .next_rank = RECODER_NONE };
	int32_t i = run.first;

	for (; i < run.end && sequences[i].length == run.depth + 1; i++) {
		if (child.final_rank == RECODER_NONE)
			child.final_rank = sequences[i].unichar;
		child.unichar = sequences[i].unichar;
	}
	*longer = i;
	for (; i < run.end; i++)
		if (child.next_rank == RECODER_NONE || sequences[i].unichar < child.next_rank)
			child.next_rank = sequences[i].unichar;
	if (run.depth == 0 && child.code == recoder->null_code)
		child.unichar = UNICHAR_NONE;
	return child;
}

/* Fills prefixes and children from the sorted sequences; `ranges` has room for every prefix. */
static void build(struct recoder *recoder, const struct sequence *sequences, int32_t count, struct range *ranges)
{
	int32_t prefix_count = 1, child_count = 0;

	ranges[RECODER_ROOT] = (struct range){ 0, count, 0 };
	for (int32_t prefix = 0; prefix < prefix_count; prefix++) {
		struct range range = ranges[prefix];

		recoder->prefixes[prefix].first = child_count;
		for (int32_t first = range.first, end; first < range.end; first = end) {
			int32_t longer;

			for (end = first + 1; end < range.end; end++)
				if (sequences[end].codes[range.depth] != sequences[first].codes[range.depth])
					break;
			struct recoder_child *child = &recoder->children[child_count++];
			*child = make_child(recoder, sequences, (struct range){ first, end, range.depth }, &longer);
			if (longer < end) {
				child->prefix = prefix_count;
				ranges[prefix_count++] = (struct range){ longer, end, range.depth + 1 };
			}
		}
		recoder->prefixes[prefix].count = child_count - recoder->prefixes[prefix].first;
	}
	for (int32_t code = 0; code < recoder->code_count; code++)
		recoder->root_children[code] = RECODER_NONE;
	for (int32_t i = 0; i < recoder->prefixes[RECODER_ROOT].count; i++)
		recoder->root_children[recoder->children[i].code] = i;
}

/* Reads all sequences and what can be said of them one by one. */
static bool read_sequences(struct recoder *recoder, struct sequence *sequences, int32_t count, const uint8_t *bytes,
			   const uint8_t *end, int32_t output_count, struct error *error)
{
	const uint8_t *next = bytes;
	bool has_null = false;

	for (int32_t unichar = 0; unichar < count; unichar++) {
		struct sequence *sequence = &sequences[unichar];

		sequence->unichar = unichar;
		if (!read_sequence(sequence, &next, end, output_count, error))
			return false;
		if (sequence->length > recoder->longest)
			recoder->longest = sequence->length;
		for (int32_t i = 0; i < sequence->length; i++) {
			if (sequence->codes[i] >= recoder->code_count)
				recoder->code_count = sequence->codes[i] + 1;
			if (sequence->codes[i] != recoder->null_code)
				continue;
			if (sequence->length > 1)
				return error_set(error, ERROR_CONFIG,
						 "recoder: character %d has the blank within its codes", unichar);
			has_null = true;
		}
	}
	if (next != end)
		return error_set(error, ERROR_CONFIG, "recoder: more follows after the last character");
	if (sequences[UNICHAR_SPACE].length != 1 || sequences[UNICHAR_SPACE].codes[0] != UNICHAR_SPACE)
		return error_set(error, ERROR_CONFIG, "recoder: the space is not code 0");
	if (!has_null)
		return error_set(error, ERROR_CONFIG, "recoder: no character has the blank's code %d",
				 recoder->null_code);
	return true;
}

static bool load(struct recoder *recoder, const uint8_t *bytes, size_t length, int32_t unichar_count,
		 int32_t output_count, struct error *error)
{
	int32_t count = length < 4 ? 0 : read_int32(bytes);
	size_t room = length / 4 + 1; /* no tree has more prefixes or children than there are codes */
	struct sequence *sequences = NULL;
	struct range *ranges = NULL;
	bool good = false;

	/* A model whose characters have no code for the blank adds one for it after them. */
	if (count < 1 || (count != unichar_count && count != unichar_count + 1))
		return error_set(error, ERROR_CONFIG, "recoder: %d characters, not the character set's %d", count,
				 unichar_count);
	sequences = calloc((size_t)count, sizeof *sequences);
	ranges = calloc(room, sizeof *ranges);
	recoder->prefixes = calloc(room, sizeof *recoder->prefixes);
	recoder->children = calloc(room, sizeof *recoder->children);
	recoder->root_children = calloc((size_t)output_count, sizeof *recoder->root_children);
	if (!sequences || !ranges || !recoder->prefixes || !recoder->children || !recoder->root_children) {
		error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a recoder of %d characters", count);
		goto out;
	}
	if (!read_sequences(recoder, sequences, count, bytes + 4, bytes + length, output_count, error))
		goto out;
	if (count > unichar_count &&
	    (sequences[unichar_count].length != 1 || sequences[unichar_count].codes[0] != recoder->null_code)) {
		error_set(error, ERROR_CONFIG, "recoder: the character after the last is not the blank");
		goto out;
	}
	qsort(sequences, (size_t)count, sizeof *sequences, compare_sequences);
	build(recoder, sequences, count, ranges);
	good = true;
out:
	free(sequences);
	free(ranges);
	return good;
}

struct recoder *recoder_new(const void *bytes, size_t length, int32_t unichar_count, int32_t output_count,
			    int32_t null_code, struct error *error)
{
	struct recoder *recoder = calloc(1, sizeof *recoder);

	if (!recoder) {
		error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a recoder");
		return NULL;
	}
	recoder->null_code = null_code;
	if (output_count < 2 || !load(recoder, bytes, length, unichar_count, output_count, error)) {
		if (output_count < 2)
			error_set(error, ERROR_CONFIG, "recoder: a network of %d outputs spells nothing", output_count);
		recoder_free(recoder);
		return NULL;
	}
	return recoder;
}

void recoder_free(struct recoder *recoder)
{
	if (!recoder)
		return;
	free(recoder->prefixes);
	free(recoder->children);
	free(recoder->root_children);
	free(recoder);
}
