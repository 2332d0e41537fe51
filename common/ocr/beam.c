/*
 * The search. Each step extends every path that survived the last one by each of at most three codes (the two largest outputs
 * and the blank) and keeps the best few of each kind. Paths live in one array of nodes that only grows within a line; the
 * heaps of a step hold scores and node numbers, so what moves in them is 8 bytes.
 *
 * What must not change, as results hang on it: the order in which paths are continued and codes are tried, the exact shape
 * of the heaps (it decides that order in the next step), which of two equal scores stays (the older), and the types of the
 * arithmetic: certainties are float logarithms of float sums, the offset is added in double, scores are summed in float.
 */
#include "common/ocr/beam.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/array.h"
#include "common/ocr/beam_private.h"

#define DICTIONARY_RATIO 2.25f /* certainties outside the dictionary count so many times (kDictRatio) */
#define CERTAINTY_OFFSET (-0.085) /* to give the dictionary a chance (kCertOffset) */
#define MINIMUM_CERTAINTY (-20.0f) /* kMinCertainty */
#define TOP_OUTPUTS 5

/* Paths kept of each kind, by the codes of their unfinished unichar (kBeamWidths). */
static const uint8_t widths[RECODER_LONGEST] = { 5, 10, 16, 16, 16, 16, 16, 16, 16 };

/* A code that this step may append. */
struct option {
	int32_t code;
	float certainty;
	float with_null; /* of the code or the blank */
	float with_both; /* of the code, the blank or the other of the two largest */
};

/* An option under the prefix of a path. */
struct branch {
	const struct recoder_child *child;
	const struct option *option;
};

struct branches {
	struct branch finals[3], nexts[3]; /* in the recoder's order of trial */
	int final_count, next_count;
};

/* One step of the search. */
struct search {
	struct beam *beam;
	struct beam_front *front; /* being filled */
	struct option options[3];
	int option_count;
	int32_t null_code;
	float null_certainty;
	struct branches root;
	uint32_t spare; /* a node that was pushed out in this step, BEAM_NONE when none */
	/* The best path of each continuation after which a word of the dictionary may begin: only one may go on. */
	struct beam_node beginnings[BEAM_CONTINUATIONS];
	bool has_beginning[BEAM_CONTINUATIONS];
};

/* A path that is continued. */
struct origin {
	const struct beam_node *node; /* NULL before the first step */
	uint32_t index;
	enum beam_continuation continuation;
	bool dictionary;
	int length; /* codes of its unfinished unichar */
	int32_t prefix;
};

static float probability_certainty(float probability, float least)
{
	float certainty = probability > least ? logf(probability) : MINIMUM_CERTAINTY;

	return (float)((double)certainty + CERTAINTY_OFFSET);
}

/* Puts an entry into the hole at `index` or above, where it is in order. */
static void heap_lift(struct beam_heap *heap, uint32_t index, struct beam_heap_entry entry)
{
	while (index > 0 && entry.score < heap->entries[(index - 1) / 2].score) {
		heap->entries[index] = heap->entries[(index - 1) / 2];
		index = (index - 1) / 2;
	}
	heap->entries[index] = entry;
}

/* The place at `index` or below for an entry; what was on the way moves up. */
static uint32_t heap_sink(struct beam_heap *heap, uint32_t index, struct beam_heap_entry entry)
{
	for (uint32_t child; (child = 2 * index + 1) < heap->count; index = child) {
		if (child + 1 < heap->count && heap->entries[child + 1].score < heap->entries[child].score)
			child++;
		if (!(heap->entries[child].score < entry.score))
			break;
		heap->entries[index] = heap->entries[child];
	}
	return index;
}

static void heap_push(struct beam_heap *heap, struct beam_heap_entry entry)
{
	heap_lift(heap, heap->count++, entry);
}

static struct beam_heap_entry heap_pop(struct beam_heap *heap)
{
	struct beam_heap_entry worst = heap->entries[0], last = heap->entries[--heap->count];

	if (heap->count > 0)
		heap->entries[heap_sink(heap, 0, last)] = last;
	return worst;
}

struct beam_step beam_reduce(const float *outputs, int32_t count, int32_t null_code)
{
	struct beam_heap heap = { 0 };
	struct beam_step step = { .null_probability = outputs[null_code] };

	for (int32_t i = 0; i < count; i++) {
		if (heap.count >= TOP_OUTPUTS && !(outputs[i] > heap.entries[0].score))
			continue;
		heap_push(&heap, (struct beam_heap_entry){ outputs[i], (uint32_t)i });
		if (heap.count > TOP_OUTPUTS)
			heap_pop(&heap);
	}
	while (heap.count > 2)
		heap_pop(&heap);
	step.second = (int32_t)heap_pop(&heap).node;
	step.top = (int32_t)heap_pop(&heap).node;
	step.second_probability = outputs[step.second];
	step.top_probability = outputs[step.top];
	return step;
}

/* Tesseract's hash, as a collision would join paths there too. */
static uint64_t path_hash(const struct search *search, const struct beam_node *node, const struct beam_node *previous)
{
	uint64_t hash = previous ? previous->hash : 0;

	if (!node->is_repeat && node->code != search->null_code) {
		uint64_t codes = (uint64_t)search->beam->model.recoder->code_count;
		uint64_t carry = ((hash >> 32) * codes) >> 32;

		hash = hash * codes + carry + (uint64_t)node->code;
	}
	return hash;
}

static void store(struct search *search, uint32_t index, const struct beam_node *node, const struct beam_node *previous)
{
	struct beam_node *stored = &search->beam->nodes[index];

	*stored = *node;
	if (node->unichar != UNICHAR_NONE && !node->is_repeat)
		stored->last_unichar = index;
	else
		stored->last_unichar = previous ? previous->last_unichar : BEAM_NONE;
}

/* A path that spells the same is in the heap: the better of the two stays. False when there is none. */
static bool heap_merge(struct search *search, struct beam_heap *heap, const struct beam_node *node,
		       const struct beam_node *previous)
{
	for (uint32_t i = 0; i < heap->count; i++) {
		const struct beam_node *other = &search->beam->nodes[heap->entries[i].node];

		if (other->code != node->code || other->hash != node->hash || other->permuter != node->permuter ||
		    other->starts_dictionary != node->starts_dictionary)
			continue;
		if (node->score > other->score) {
			struct beam_heap_entry entry = { node->score, heap->entries[i].node };

			store(search, entry.node, node, previous);
			heap_lift(heap, heap_sink(heap, i, entry), entry);
		}
		return true;
	}
	return false;
}

/* Adds a path that goes on from `from` if it is good enough. Its score and hash are found here. */
static void push(struct search *search, struct beam_heap *heap, uint32_t width, const struct origin *from,
		 struct beam_node *node)
{
	node->score = node->certainty;
	if (from->node)
		node->score += from->node->score;
	if (heap->count >= width && !(node->score > heap->entries[0].score))
		return;
	node->previous = from->index;
	node->hash = path_hash(search, node, from->node);
	if (heap_merge(search, heap, node, from->node))
		return;
	uint32_t index = search->spare != BEAM_NONE ? search->spare : search->beam->node_count++;
	search->spare = BEAM_NONE;
	store(search, index, node, from->node);
	heap_push(heap, (struct beam_heap_entry){ node->score, index });
	if (heap->count > width)
		search->spare = heap_pop(heap).node;
}

/* Remembers a path after which a word of the dictionary may begin, if it is the best of its continuation. */
static void offer_beginning(struct search *search, const struct origin *from, struct beam_node node,
			    enum beam_continuation continuation)
{
	struct beam_node *best = &search->beginnings[continuation];

	node.score = node.certainty;
	if (from->node)
		node.score += from->node->score;
	if (search->has_beginning[continuation] && !(node.score > best->score))
		return;
	node.starts_dictionary = true;
	node.state = DICTIONARY_START;
	node.previous = from->index;
	search->has_beginning[continuation] = true;
	*best = node;
}

/* A repeat, a blank within a unichar, or a code that does not finish one. */
static void continue_within(struct search *search, const struct origin *from, struct beam_node node, int length,
			    enum beam_continuation continuation)
{
	struct beam_heap *heap = &search->front->heaps[from->dictionary][continuation][length];

	node.state = -1;
	if (from->dictionary) {
		if (!(node.certainty > search->beam->worst_dictionary_certainty))
			return;
		node.permuter = from->node ? from->node->permuter : PERMUTER_NONE;
	} else {
		node.certainty *= DICTIONARY_RATIO;
		if (!(node.certainty >= MINIMUM_CERTAINTY) && node.code != search->null_code)
			return;
		node.permuter = from->node ? from->node->permuter : PERMUTER_TOP;
	}
	push(search, heap, widths[length], from, &node);
}

/* A space after a path of the dictionary: good when its word may end. */
static void continue_dictionary_space(struct search *search, const struct origin *from, struct beam_node node,
				      const struct beam_node *last, enum beam_continuation continuation)
{
	if (!last || !last->ends_word)
		return;
	node.permuter = last->permuter;
	offer_beginning(search, from, node, continuation);
	push(search, &search->front->heaps[false][continuation][0], widths[0], from, &node);
}

/* A unichar that goes on in a word of the dictionary, or begins one. */
static void continue_word(struct search *search, const struct origin *from, struct beam_node node,
			  const struct beam_node *last, enum beam_continuation continuation)
{
	const struct unicharset *unicharset = search->beam->model.unicharset;
	const struct unichar *unichars = unicharset->unichars;
	int32_t state = DICTIONARY_START;

	if (last) {
		if (last->starts_dictionary && last->unichar != UNICHAR_SPACE && unichars[last->unichar].space_delimited &&
		    unichars[node.unichar].space_delimited)
			return;
		if (last->state < 0)
			return;
		state = last->state;
	}
	struct dictionary_step step = dictionary_walk_step(search->beam->walk, state, node.unichar);
	if (step.permuter == PERMUTER_NONE)
		return;
	node.permuter = step.permuter;
	node.state = step.state;
	node.starts_word = !last || last->starts_dictionary;
	node.ends_word = step.word_ends;
	push(search, &search->front->heaps[true][continuation][0], widths[0], from, &node);
	if (step.word_ends && !unicharset->space_delimited) {
		offer_beginning(search, from, node, continuation);
		node.state = -1;
		push(search, &search->front->heaps[false][continuation][0], widths[0], from, &node);
	}
}

static void continue_dictionary(struct search *search, const struct origin *from, struct beam_node node,
				enum beam_continuation continuation)
{
	struct beam_heap *with = &search->front->heaps[true][continuation][0];
	struct beam_heap *without = &search->front->heaps[false][continuation][0];
	float score = node.certainty;

	if (node.unichar == UNICHAR_NONE) {
		push(search, with, widths[0], from, &node);
		return;
	}
	if (from->node)
		score += from->node->score;
	if (with->count >= widths[0] && score <= with->entries[0].score && without->count >= widths[0] &&
	    score <= without->entries[0].score)
		return;
	uint32_t index = from->node ? from->node->last_unichar : BEAM_NONE;
	const struct beam_node *last = index == BEAM_NONE ? NULL : &search->beam->nodes[index];
	if (node.unichar == UNICHAR_SPACE)
		continue_dictionary_space(search, from, node, last, continuation);
	else
		continue_word(search, from, node, last, continuation);
}

/* A code that finishes a unichar, or the blank between unichars. */
static void continue_unichar(struct search *search, const struct origin *from, const struct branch *branch,
			     float certainty, enum beam_continuation continuation)
{
	const struct beam *beam = search->beam;
	struct beam_node node = { .code = branch->option->code, .unichar = branch->child->unichar, .certainty = certainty,
				  .prefix = RECODER_ROOT, .state = -1, .permuter = PERMUTER_NONE };
	bool is_space = node.unichar == UNICHAR_SPACE;

	if (from->dictionary) {
		if (certainty > beam->worst_dictionary_certainty)
			continue_dictionary(search, from, node, continuation);
		return;
	}
	node.permuter = PERMUTER_TOP;
	node.certainty = certainty * DICTIONARY_RATIO;
	struct beam_node pushed = node;
	push(search, &search->front->heaps[false][continuation][0], widths[0], from, &pushed);
	if (!beam->walk || node.unichar == UNICHAR_NONE)
		return;
	if (is_space) {
		/* The space counts in the certainty of the word after it, so its own is kept as it is, and PERMUTER_NONE
		 * says that the blanks before it, which were made worse by the ratio, do not count (beam_words.c). */
		node.permuter = PERMUTER_NONE;
		node.certainty = certainty;
	}
	if (is_space ? certainty > beam->worst_dictionary_certainty :
		       !beam->model.unicharset->unichars[node.unichar].space_delimited)
		offer_beginning(search, from, node, continuation);
}

static const struct option *find_option(const struct search *search, int32_t code)
{
	for (int i = 0; i < search->option_count; i++)
		if (search->options[i].code == code)
			return &search->options[i];
	return NULL;
}

/* The certainty of a code when it may share its step with the blank, and with the code before it if those are the largest. */
static float joint_certainty(const struct search *search, const struct origin *from, const struct option *option)
{
	if (from->node && from->continuation == BEAM_ANYTHING && from->node->code != search->null_code &&
	    (option == &search->options[0] || option == &search->options[1]) &&
	    from->node->code == search->options[option == &search->options[0]].code)
		return option->with_both;
	return option->with_null;
}

static void insert_branch(struct branch branches[3], int *count, struct branch branch, bool by_final)
{
	int place = (*count)++;

	for (; place > 0; place--) {
		const struct recoder_child *before = branches[place - 1].child;

		if (by_final ? before->final_rank < branch.child->final_rank : before->next_rank < branch.child->next_rank)
			break;
		branches[place] = branches[place - 1];
	}
	branches[place] = branch;
}

/* The options that a prefix allows, in the order in which they are tried. */
static void find_branches(const struct search *search, int32_t prefix, struct branches *branches)
{
	branches->final_count = branches->next_count = 0;
	for (int i = 0; i < search->option_count; i++) {
		const struct option *option = &search->options[i];
		struct branch branch = { recoder_find(search->beam->model.recoder, prefix, option->code), option };

		if (branch.child && branch.child->final_rank != RECODER_NONE)
			insert_branch(branches->finals, &branches->final_count, branch, true);
		if (branch.child && branch.child->next_rank != RECODER_NONE)
			insert_branch(branches->nexts, &branches->next_count, branch, false);
	}
}

/* The code of the step before once more, and blanks within a unichar. */
static void continue_repeats(struct search *search, const struct origin *from)
{
	const struct option *option = find_option(search, from->node->code);
	struct beam_node node = { .code = from->node->code, .unichar = from->node->unichar, .prefix = from->prefix };

	if (option) {
		node.is_repeat = true;
		if (from->continuation != BEAM_NO_REPEAT) {
			node.certainty = option->certainty;
			continue_within(search, from, node, from->length, BEAM_ANYTHING);
		}
		if (from->continuation == BEAM_ANYTHING && node.code != search->null_code) {
			node.certainty = option->with_null;
			continue_within(search, from, node, from->length, BEAM_NO_REPEAT);
		}
	}
	if (from->continuation != BEAM_ONLY_REPEAT && node.code != search->null_code && from->length > 0) {
		struct beam_node blank = { .code = search->null_code, .unichar = UNICHAR_NONE, .prefix = from->prefix,
					   .certainty = search->null_certainty };

		continue_within(search, from, blank, from->length, BEAM_ANYTHING);
	}
}

static void continue_path(struct search *search, const struct origin *from)
{
	struct branches found;
	const struct branches *branches = &search->root;

	if (from->node) {
		continue_repeats(search, from);
		if (from->continuation == BEAM_ONLY_REPEAT)
			return;
	}
	if (from->prefix != RECODER_ROOT) {
		find_branches(search, from->prefix, &found);
		branches = &found;
	}
	for (int i = 0; i < branches->final_count; i++) {
		const struct branch *branch = &branches->finals[i];
		const struct option *option = branch->option;

		if (from->node && from->node->code == option->code)
			continue;
		if (option->certainty < MINIMUM_CERTAINTY && option->code != search->null_code)
			continue;
		continue_unichar(search, from, branch, option->certainty, BEAM_ANYTHING);
		if (option->code != search->null_code)
			continue_unichar(search, from, branch, joint_certainty(search, from, option), BEAM_ONLY_REPEAT);
	}
	for (int i = 0; i < branches->next_count; i++) {
		const struct option *option = branches->nexts[i].option;
		struct beam_node node = { .code = option->code, .unichar = UNICHAR_NONE, .certainty = option->certainty,
					  .prefix = branches->nexts[i].child->prefix };

		if (from->node && from->node->code == option->code)
			continue;
		continue_within(search, from, node, from->length + 1, BEAM_ANYTHING);
		node.certainty = joint_certainty(search, from, option);
		continue_within(search, from, node, from->length + 1, BEAM_ONLY_REPEAT);
	}
}

/* The codes that a step allows and their certainties. */
static void set_options(struct search *search, const struct beam_step *step)
{
	const float least = search->beam->least_probability;
	const int32_t codes[3] = { step->top, step->second, search->null_code };
	const float probabilities[3] = { step->top_probability, step->second_probability, step->null_probability };

	search->null_certainty = probability_certainty(step->null_probability, least);
	search->option_count = codes[0] == codes[2] || codes[1] == codes[2] ? 2 : 3;
	for (int i = 0; i < search->option_count; i++) {
		struct option *option = &search->options[i];
		float sum = probabilities[i] + step->null_probability;

		*option = (struct option){ .code = codes[i], .certainty = probability_certainty(probabilities[i], least) };
		if (codes[i] == search->null_code)
			continue;
		option->with_null = probability_certainty(sum, least);
		if (i < 2)
			option->with_both = probability_certainty(sum + probabilities[1 - i], least);
	}
	find_branches(search, RECODER_ROOT, &search->root);
}

static void continue_front(struct search *search, const struct beam_front *before)
{
	const struct beam *beam = search->beam;

	for (int dictionary = 0; dictionary < 2; dictionary++) {
		for (int continuation = 0; continuation < BEAM_CONTINUATIONS; continuation++) {
			for (int length = 0; length < beam->model.recoder->longest; length++) {
				const struct beam_heap *heap = &before->heaps[dictionary][continuation][length];

				for (uint32_t i = heap->count; i-- > 0;) {
					uint32_t index = heap->entries[i].node;
					const struct beam_node *node = &beam->nodes[index];
					struct origin from = { .node = node, .index = index,
							       .continuation = (enum beam_continuation)continuation,
							       .dictionary = dictionary, .length = length,
							       .prefix = node->prefix };

					continue_path(search, &from);
				}
			}
		}
	}
	for (int continuation = 0; continuation < BEAM_CONTINUATIONS; continuation++) {
		struct beam_node *node = &search->beginnings[continuation];

		if (!search->has_beginning[continuation])
			continue;
		struct origin from = { .node = node->previous == BEAM_NONE ? NULL : &beam->nodes[node->previous],
				       .index = node->previous };
		push(search, &search->front->heaps[true][continuation][0], widths[0], &from, node);
	}
}

static void front_clear(struct beam_front *front, int lengths)
{
	for (int dictionary = 0; dictionary < 2; dictionary++)
		for (int continuation = 0; continuation < BEAM_CONTINUATIONS; continuation++)
			for (int length = 0; length < lengths; length++)
				front->heaps[dictionary][continuation][length].count = 0;
}

/* The node that ends the best path; BEAM_NONE for none, which cannot be. */
static uint32_t best_path(const struct beam *beam, const struct beam_front *front)
{
	static const enum beam_continuation finished[] = { BEAM_ANYTHING, BEAM_NO_REPEAT };
	uint32_t best = BEAM_NONE;

	for (size_t i = 0; i < sizeof finished / sizeof *finished; i++) {
		for (int dictionary = 0; dictionary < 2; dictionary++) {
			const struct beam_heap *heap = &front->heaps[dictionary][finished[i]][0];

			for (uint32_t at = 0; at < heap->count; at++) {
				uint32_t last = beam->nodes[heap->entries[at].node].last_unichar;

				/* A path of the dictionary must not end within a word. */
				if (dictionary && (last == BEAM_NONE || (!beam->nodes[last].ends_word &&
									 beam->nodes[last].unichar != UNICHAR_SPACE)))
					continue;
				if (best == BEAM_NONE || heap->entries[at].score > beam->nodes[best].score)
					best = heap->entries[at].node;
			}
		}
	}
	return best;
}

/* Room for what one step can add: every heap full, and one path on its way out. */
static bool reserve_step(struct beam *beam)
{
	size_t capacity = beam->node_capacity, needed = 1;

	for (int length = 0; length < beam->model.recoder->longest; length++)
		needed += 2u * BEAM_CONTINUATIONS * (widths[length] + 1u);
	struct beam_node *nodes = array_grow(beam->nodes, &capacity, beam->node_count + needed, sizeof *nodes);
	if (!nodes)
		return false;
	beam->nodes = nodes;
	beam->node_capacity = (uint32_t)capacity;
	return true;
}

bool beam_decode(struct beam *beam, const struct beam_step *steps, size_t step_count, struct beam_line *line,
		 struct error *error)
{
	if (step_count < 1 || step_count > BEAM_STEPS_MOST)
		return error_set(error, ERROR_TOO_LARGE, "a line of %zu steps, not 1 to %d", step_count, BEAM_STEPS_MOST);
	beam->node_count = 0;
	if (beam->walk)
		dictionary_walk_begin(beam->walk);
	for (size_t i = 0; i < step_count; i++) {
		struct search search = { .beam = beam, .front = &beam->fronts[i % 2], .spare = BEAM_NONE,
					 .null_code = beam->model.recoder->null_code };

		if (!reserve_step(beam) || (beam->walk && dictionary_walk_failed(beam->walk)))
			return error_set(error, ERROR_OUT_OF_MEMORY, "no memory to decode a line of %zu steps", step_count);
		front_clear(search.front, beam->model.recoder->longest);
		set_options(&search, &steps[i]);
		if (i > 0) {
			continue_front(&search, &beam->fronts[(i - 1) % 2]);
			continue;
		}
		for (int dictionary = 0; dictionary <= (beam->walk != NULL); dictionary++)
			continue_path(&search, &(struct origin){ .index = BEAM_NONE, .dictionary = dictionary });
	}
	return beam_read_words(beam, best_path(beam, &beam->fronts[(step_count - 1) % 2]), step_count, line, error);
}

bool beam_decode_outputs(struct beam *beam, const float *outputs, size_t step_count, size_t output_count, size_t stride,
			 struct beam_line *line, struct error *error)
{
	struct beam_step *steps = NULL;

	if (step_count <= BEAM_STEPS_MOST)
		steps = array_grow(beam->steps, &beam->step_capacity, step_count, sizeof *steps);
	if (!steps)
		return error_set(error, step_count > BEAM_STEPS_MOST ? ERROR_TOO_LARGE : ERROR_OUT_OF_MEMORY,
				 "a line of %zu steps", step_count);
	beam->steps = steps;
	for (size_t i = 0; i < step_count; i++)
		steps[i] = beam_reduce(outputs + i * stride, (int32_t)output_count, beam->model.recoder->null_code);
	return beam_decode(beam, steps, step_count, line, error);
}

struct beam *beam_new(const struct beam_model *model, struct error *error)
{
	struct beam *beam = calloc(1, sizeof *beam);

	if (!beam) {
		error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a beam search");
		return NULL;
	}
	beam->model = *model;
	beam->worst_dictionary_certainty = -25.0f / 7.0f; /* kWorstDictCertainty / kCertaintyScale */
	beam->least_probability = expf(MINIMUM_CERTAINTY);
	if (model->dictionary) {
		beam->walk = dictionary_walk_new(model->dictionary, error);
		if (!beam->walk) {
			beam_free(beam);
			return NULL;
		}
	}
	return beam;
}

void beam_free(struct beam *beam)
{
	if (!beam)
		return;
	dictionary_walk_free(beam->walk);
	free(beam->nodes);
	free(beam->steps);
	free(beam->path);
	free(beam->characters);
	free(beam->words);
	free(beam);
}
