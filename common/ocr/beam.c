/*
 * The search. Each step extends every path that survived the last one by each of at most three codes (the two largest
 * outputs and the blank) and keeps the best few of each kind. All that continuing them needs is in two fronts, that of
 * the step before and that of this one, small enough for the first level cache; of each path that survives a step 16
 * bytes are kept until the line's end, to read the best one back.
 *
 * What must not change, as results hang on it: the order in which paths are continued and codes are tried, the exact
 * shape of the heaps (it decides that order in the next step), which of two equal scores stays (the older), and the
 * types of the arithmetic: certainties are float logarithms of float sums, the offset is added in double, scores are
 * summed in float.
 */
#include "common/ocr/beam.h"

#include <math.h>
#include <stdlib.h>

#include "common/base/array.h"
#include "common/ocr/beam_options.h"
#include "common/ocr/beam_private.h"

/* Paths kept of each kind, by the codes of their unfinished unichar (kBeamWidths). */
#define WHOLE_WIDTH 5
static const uint8_t widths[RECODER_LONGEST] = { WHOLE_WIDTH, 10, 16, 16, 16, 16, 16, 16, 16 };

/*
 * Functions of this kind are compiled anew for each kind of path where continue_front names it, so that what depends on
 * the kind alone is decided there and not for every path: a fifth of the time.
 */
#define SPECIAL inline __attribute__((always_inline))

/* One step of the search. */
struct search {
	struct beam *beam;
	struct beam_front *front; /* being filled */
	int32_t null_code;
	struct beam_options options;
	struct beam_branches inner; /* under inner_prefix, the prefix of the path continued last within a unichar */
	int32_t inner_prefix;
	uint32_t free; /* the front's node that the next path is made in */
	/* The best path of each continuation after which a word of the dictionary may begin: only one may go on. */
	struct beam_node beginnings[BEAM_CONTINUATIONS];
	bool has_beginning[BEAM_CONTINUATIONS];
};

/* A path that is continued. */
struct origin {
	const struct beam_node *node;
	const struct beam_option *own; /* that appends its last code again, NULL when this step has none */
	bool joins; /* its last code and the one appended are the two largest outputs, so both and the blank may share
		       the step */
	uint64_t next_hash; /* of a path that goes on from it, before the new code is added */
	enum beam_continuation continuation;
	bool dictionary;
	int length; /* codes of its unfinished unichar */
};

/* Tesseract's hash, as a collision would join paths there too; the new code is added to this. */
static uint64_t next_hash(uint64_t hash, int32_t code_count)
{
	uint64_t codes = (uint64_t)code_count;

	return hash * codes + (((hash >> 32) * codes) >> 32);
}

/* Whether a path of this score would stay in the heap. */
static inline bool is_admitted(const struct beam_heap *heap, float score)
{
	return score > heap->bar;
}

/*
 * A path one code longer than `from`, in the node that is free: it is kept by push, or overwritten by the next one.
 * What is not said here is as for a path outside the dictionary that does not repeat.
 */
static SPECIAL struct beam_node *make_node(const struct search *search, const struct origin *from, int32_t code,
					   int32_t unichar, float certainty)
{
	struct beam_node *node = &search->front->nodes[search->free];
	const struct beam_node *before = from->node;

	node->hash = code == search->null_code ? before->hash : from->next_hash + (uint64_t)code;
	node->score = before->score + certainty;
	node->step.certainty = certainty;
	node->step.previous = before->past;
	node->code = code;
	node->step.unichar = unichar;
	node->prefix = RECODER_ROOT;
	node->step.permuter = PERMUTER_TOP;
	node->step.starts_dictionary = node->step.starts_word = node->step.is_repeat = false;
	node->last = before->last;
	return node;
}

/* Says of a node that finishes a unichar what the path knows of its last one. */
static void set_last(struct beam_node *node, int32_t state, enum permuter permuter, bool ends_word)
{
	node->step.permuter = (uint8_t)permuter;
	node->last = (struct beam_last){
		.unichar = node->step.unichar, .state = state, .permuter = (uint8_t)permuter, .ends_word = ends_word
	};
}

/* A copy of a node in the node that is free. */
static struct beam_node *copy_node(const struct search *search, const struct beam_node *node)
{
	struct beam_node *copy = &search->front->nodes[search->free];

	*copy = *node;
	return copy;
}

/* A path that spells the same and is of the same kind is in the heap: the better one stays. False when there is none.
 */
static bool merge(const struct search *search, struct beam_heap *heap, const struct beam_node *node)
{
	for (uint32_t i = 0; i < heap->count; i++) {
		struct beam_node *other = &search->front->nodes[heap->entries[i].node];

		if (other->hash != node->hash || other->code != node->code ||
		    other->step.permuter != node->step.permuter ||
		    other->step.starts_dictionary != node->step.starts_dictionary)
			continue;
		if (node->score > other->score) {
			struct beam_heap_entry entry = { node->score, heap->entries[i].node };

			*other = *node;
			beam_heap_lift(heap, beam_heap_sink(heap, i, entry), entry);
		}
		return true;
	}
	return false;
}

/* Adds an admitted path, which stands in the node that is free. */
static void push(struct search *search, struct beam_heap *heap, uint32_t width, const struct beam_node *node)
{
	if (!merge(search, heap, node)) {
		beam_heap_push(heap, (struct beam_heap_entry){ node->score, search->free });
		search->free = heap->count > width ? beam_heap_pop(heap).node : search->front->node_count++;
	}
	if (heap->count == width)
		heap->bar = heap->entries[0].score;
}

/* Remembers a path after which a word of the dictionary may begin, if it is the best of its continuation. */
static void offer_beginning(struct search *search, const struct beam_node *node, enum beam_continuation continuation)
{
	struct beam_node *best = &search->beginnings[continuation];

	if (search->has_beginning[continuation] && !(node->score > best->score))
		return;
	search->has_beginning[continuation] = true;
	*best = *node;
	best->step.starts_dictionary = best->last.starts_dictionary = true;
	best->last.state = DICTIONARY_START;
}

/* A repeat, a blank within a unichar, or a code that does not finish one: to `length` codes of an unfinished unichar.
 */
static SPECIAL void continue_within(struct search *search, const struct origin *from, int32_t code,
				    const struct beam_certainty *certainty, int32_t prefix, int length,
				    enum beam_continuation continuation, bool is_repeat)
{
	struct beam_heap *heap = &search->front->heaps[from->dictionary][continuation][length];
	float counted = from->dictionary ? certainty->plain : certainty->scaled;

	if (!is_admitted(heap, from->node->score + counted))
		return;
	if (from->dictionary ? !(counted > search->beam->worst_dictionary_certainty)
			     : !(counted >= BEAM_MINIMUM_CERTAINTY) && code != search->null_code)
		return;
	struct beam_node *node = make_node(search, from, code, UNICHAR_NONE, counted);
	node->prefix = prefix;
	node->step.permuter = from->node->step.permuter;
	if (is_repeat) {
		node->step.is_repeat = true;
		node->step.unichar = from->node->step.unichar;
		node->hash = from->node->hash;
	}
	push(search, heap, widths[length], node);
}

/* A space after a path of the dictionary: good when its word may end. */
static void continue_dictionary_space(struct search *search, struct beam_node *node,
				      enum beam_continuation continuation)
{
	struct beam_heap *without = &search->front->heaps[false][continuation][0];

	if (!node->last.ends_word)
		return;
	set_last(node, -1, (enum permuter)node->last.permuter, false);
	offer_beginning(search, node, continuation);
	if (is_admitted(without, node->score))
		push(search, without, WHOLE_WIDTH, node);
}

/* A unichar that goes on in a word of the dictionary, or begins one. */
static void continue_word(struct search *search, struct beam_node *node, enum beam_continuation continuation)
{
	const struct unicharset *unicharset = search->beam->model.unicharset;
	const struct unichar *unichars = unicharset->unichars;
	struct beam_heap *with = &search->front->heaps[true][continuation][0];
	struct beam_heap *without = &search->front->heaps[false][continuation][0];

	if (node->last.state < 0)
		return;
	/* Words of scripts with spaces are not broken without one. */
	if (node->last.starts_dictionary && node->last.unichar != UNICHAR_NONE && node->last.unichar != UNICHAR_SPACE &&
	    unichars[node->last.unichar].space_delimited && unichars[node->step.unichar].space_delimited)
		return;
	struct dictionary_step step = dictionary_walk_step(search->beam->walk, node->last.state, node->step.unichar);
	if (step.permuter == PERMUTER_NONE)
		return;
	node->step.starts_word = node->last.starts_dictionary;
	set_last(node, step.state, (enum permuter)step.permuter, step.word_ends);
	if (!step.word_ends || unicharset->space_delimited) {
		if (is_admitted(with, node->score))
			push(search, with, WHOLE_WIDTH, node);
		return;
	}
	/* Another word may begin right after it, and so may what is no word. */
	struct beam_node ended = *node;
	if (is_admitted(with, node->score))
		push(search, with, WHOLE_WIDTH, node);
	offer_beginning(search, &ended, continuation);
	ended.last.state = -1;
	if (is_admitted(without, ended.score))
		push(search, without, WHOLE_WIDTH, copy_node(search, &ended));
}

/* A code that finishes a unichar, or the blank between unichars, for a path of the dictionary. */
static SPECIAL void continue_dictionary(struct search *search, const struct origin *from,
					const struct beam_branch *branch, const struct beam_certainty *certainty,
					enum beam_continuation continuation)
{
	struct beam_heap *with = &search->front->heaps[true][continuation][0];
	struct beam_heap *without = &search->front->heaps[false][continuation][0];
	float score = from->node->score + certainty->plain;
	int32_t unichar = branch->child->unichar;

	if (!(certainty->plain > search->beam->worst_dictionary_certainty) ||
	    (!is_admitted(with, score) && (unichar == UNICHAR_NONE || !is_admitted(without, score))))
		return;
	struct beam_node *node = make_node(search, from, branch->option->code, unichar, certainty->plain);
	if (unichar == UNICHAR_SPACE) {
		continue_dictionary_space(search, node, continuation);
	} else if (unichar != UNICHAR_NONE) {
		continue_word(search, node, continuation);
	} else {
		node->step.permuter = PERMUTER_NONE;
		push(search, with, WHOLE_WIDTH, node);
	}
}

/* The same for a path outside the dictionary; where a word may begin after it, the dictionary may take over. */
static SPECIAL void continue_plain(struct search *search, const struct origin *from, const struct beam_branch *branch,
				   const struct beam_certainty *certainty, enum beam_continuation continuation)
{
	const struct beam *beam = search->beam;
	struct beam_heap *heap = &search->front->heaps[false][continuation][0];
	int32_t code = branch->option->code, unichar = branch->child->unichar;
	bool is_space = unichar == UNICHAR_SPACE;

	if (is_admitted(heap, from->node->score + certainty->scaled)) {
		struct beam_node *node = make_node(search, from, code, unichar, certainty->scaled);

		if (unichar != UNICHAR_NONE)
			set_last(node, -1, PERMUTER_TOP, false);
		push(search, heap, WHOLE_WIDTH, node);
	}
	if (!beam->walk || unichar == UNICHAR_NONE ||
	    (beam->model.unicharset->unichars[unichar].space_delimited &&
	     !(is_space && certainty->plain > beam->worst_dictionary_certainty)))
		return;
	/* A space counts in the certainty of the word after it, so its own is kept as it is, and PERMUTER_NONE says
	 * that the blanks before it, which were made worse by the ratio, do not count (beam_words.c). */
	struct beam_node *node =
	    make_node(search, from, code, unichar, is_space ? certainty->plain : certainty->scaled);
	set_last(node, -1, is_space ? PERMUTER_NONE : PERMUTER_TOP, false);
	offer_beginning(search, node, continuation);
}

static SPECIAL void continue_unichar(struct search *search, const struct origin *from, const struct beam_branch *branch,
				     const struct beam_certainty *certainty, enum beam_continuation continuation)
{
	if (from->dictionary)
		continue_dictionary(search, from, branch, certainty, continuation);
	else
		continue_plain(search, from, branch, certainty, continuation);
}

/* The code of the step before once more, and blanks within a unichar. */
static SPECIAL void continue_repeats(struct search *search, const struct origin *from)
{
	const struct beam_option *own = from->own;
	int32_t code = from->node->code, prefix = from->node->prefix;

	if (own && from->continuation != BEAM_NO_REPEAT)
		continue_within(search, from, code, &own->alone, prefix, from->length, BEAM_ANYTHING, true);
	if (own && from->continuation == BEAM_ANYTHING && !own->is_null)
		continue_within(search, from, code, &own->with_null, prefix, from->length, BEAM_NO_REPEAT, true);
	if (from->length > 0 && from->continuation != BEAM_ONLY_REPEAT && code != search->null_code)
		continue_within(search, from, search->null_code, &search->options.null_certainty, prefix, from->length,
				BEAM_ANYTHING, false);
}

static SPECIAL void continue_path(struct search *search, const struct origin *from)
{
	const struct beam_branches *branches = &search->options.root;

	continue_repeats(search, from);
	if (from->continuation == BEAM_ONLY_REPEAT)
		return;
	if (from->node->prefix != RECODER_ROOT) {
		/* Paths of one prefix often stand together. */
		if (search->inner_prefix != from->node->prefix)
			beam_branches_find(&search->options, from->node->prefix, &search->inner);
		search->inner_prefix = from->node->prefix;
		branches = &search->inner;
	}
	for (int i = 0; i < branches->final_count; i++) {
		const struct beam_branch *branch = &branches->finals[i];
		const struct beam_option *option = branch->option;

		if (option == from->own)
			continue;
		continue_unichar(search, from, branch, &option->alone, BEAM_ANYTHING);
		if (!option->is_null)
			continue_unichar(search, from, branch, from->joins ? &option->with_both : &option->with_null,
					 BEAM_ONLY_REPEAT);
	}
	for (int i = 0; i < branches->next_count; i++) {
		const struct beam_option *option = branches->nexts[i].option;
		int32_t prefix = branches->nexts[i].child->prefix;

		if (option == from->own)
			continue;
		continue_within(search, from, option->code, &option->alone, prefix, from->length + 1, BEAM_ANYTHING,
				false);
		continue_within(search, from, option->code, from->joins ? &option->with_both : &option->with_null,
				prefix, from->length + 1, BEAM_ONLY_REPEAT, false);
	}
}

/* All paths of one heap, from its last entry to its first, which is the worst. */
static SPECIAL void continue_heap(struct search *search, const struct beam_front *before, const struct beam_heap *heap,
				  struct origin *from)
{
	int32_t code_count = search->beam->model.recoder->code_count;

	for (uint32_t i = heap->count; i-- > 0;) {
		from->node = &before->nodes[heap->entries[i].node];
		from->next_hash = next_hash(from->node->hash, code_count);
		from->own = beam_option_find(&search->options, from->node->code);
		from->joins = from->own && !from->own->is_null && from->continuation == BEAM_ANYTHING &&
			      search->options.count == 3;
		continue_path(search, from);
	}
}

/* The paths of one kind between unichars. */
static SPECIAL void continue_whole(struct search *search, const struct beam_front *before, bool dictionary,
				   enum beam_continuation continuation)
{
	struct origin from = { .continuation = continuation, .dictionary = dictionary, .length = 0 };

	continue_heap(search, before, &before->heaps[dictionary][continuation][0], &from);
}

/* The paths of one kind within a unichar. */
static void continue_partial(struct search *search, const struct beam_front *before, bool dictionary,
			     enum beam_continuation continuation)
{
	for (int length = 1; length < search->beam->model.recoder->longest; length++) {
		struct origin from = { .continuation = continuation, .dictionary = dictionary, .length = length };

		continue_heap(search, before, &before->heaps[dictionary][continuation][length], &from);
	}
}

static void continue_front(struct search *search, const struct beam_front *before)
{
	continue_whole(search, before, false, BEAM_ANYTHING);
	continue_partial(search, before, false, BEAM_ANYTHING);
	continue_whole(search, before, false, BEAM_ONLY_REPEAT);
	continue_partial(search, before, false, BEAM_ONLY_REPEAT);
	continue_whole(search, before, false, BEAM_NO_REPEAT);
	continue_partial(search, before, false, BEAM_NO_REPEAT);
	continue_whole(search, before, true, BEAM_ANYTHING);
	continue_partial(search, before, true, BEAM_ANYTHING);
	continue_whole(search, before, true, BEAM_ONLY_REPEAT);
	continue_partial(search, before, true, BEAM_ONLY_REPEAT);
	continue_whole(search, before, true, BEAM_NO_REPEAT);
	continue_partial(search, before, true, BEAM_NO_REPEAT);
	for (int continuation = 0; continuation < BEAM_CONTINUATIONS; continuation++) {
		const struct beam_node *node = &search->beginnings[continuation];
		struct beam_heap *heap = &search->front->heaps[true][continuation][0];

		if (search->has_beginning[continuation] && is_admitted(heap, node->score))
			push(search, heap, WHOLE_WIDTH, copy_node(search, node));
	}
}

/* The first step: from nothing, outside the dictionary and in it. */
static void begin_front(struct search *search)
{
	for (int dictionary = 0; dictionary <= (search->beam->walk != NULL); dictionary++) {
		const struct beam_node nothing = {
			.past = BEAM_NONE,
			.code = -1,
			.prefix = RECODER_ROOT,
			.last = { .unichar = UNICHAR_NONE, .state = DICTIONARY_START, .starts_dictionary = true },
			.step.permuter = dictionary ? PERMUTER_NONE : PERMUTER_TOP
		};

		continue_path(search, &(struct origin){ .node = &nothing, .dictionary = dictionary });
	}
}

/* The step is over: what was kept becomes past. */
static void keep_front(struct beam *beam, struct beam_front *front)
{
	for (int dictionary = 0; dictionary < 2; dictionary++) {
		for (int continuation = 0; continuation < BEAM_CONTINUATIONS; continuation++) {
			for (int length = 0; length < beam->model.recoder->longest; length++) {
				const struct beam_heap *heap = &front->heaps[dictionary][continuation][length];

				for (uint32_t i = 0; i < heap->count; i++) {
					struct beam_node *node = &front->nodes[heap->entries[i].node];

					node->past = (uint32_t)beam->past_count;
					beam->pasts[beam->past_count++] = node->step;
				}
			}
		}
	}
}

static void front_clear(struct beam_front *front, int lengths)
{
	front->node_count = 1; /* the first is free */
	for (int dictionary = 0; dictionary < 2; dictionary++)
		for (int continuation = 0; continuation < BEAM_CONTINUATIONS; continuation++)
			for (int length = 0; length < lengths; length++) {
				front->heaps[dictionary][continuation][length].count = 0;
				front->heaps[dictionary][continuation][length].bar = -INFINITY;
			}
}

/* The end of the best path. There is one: after every step some path outside the dictionary is at the end of a unichar.
 */
static uint32_t best_path(const struct beam_front *front)
{
	static const enum beam_continuation finished[] = { BEAM_ANYTHING, BEAM_NO_REPEAT };
	const struct beam_node *best = NULL;

	for (size_t i = 0; i < sizeof finished / sizeof *finished; i++) {
		for (int dictionary = 0; dictionary < 2; dictionary++) {
			const struct beam_heap *heap = &front->heaps[dictionary][finished[i]][0];

			for (uint32_t at = 0; at < heap->count; at++) {
				const struct beam_node *node = &front->nodes[heap->entries[at].node];

				/* A path of the dictionary must not end within a word. */
				if (dictionary && !node->last.ends_word && node->last.unichar != UNICHAR_SPACE)
					continue;
				if (!best || node->score > best->score)
					best = node;
			}
		}
	}
	return best ? best->past : BEAM_NONE;
}

/* `before` is NULL for the first step. */
static void search_step(struct search *search, const struct beam_step *step, const struct beam_front *before,
			struct beam_front *front)
{
	search->front = front;
	search->free = 0;
	search->inner_prefix = RECODER_NONE;
	for (int continuation = 0; continuation < BEAM_CONTINUATIONS; continuation++)
		search->has_beginning[continuation] = false;
	front_clear(front, search->beam->model.recoder->longest);
	beam_options_set(&search->options, &search->beam->model, step, search->beam->least_probability);
	if (before)
		continue_front(search, before);
	else
		begin_front(search);
	keep_front(search->beam, front);
}

bool beam_decode(struct beam *beam, const struct beam_step *steps, size_t step_count, struct beam_line *line,
		 struct error *error)
{
	struct search search = { .beam = beam, .null_code = beam->model.recoder->null_code };

	if (step_count < 1 || step_count > BEAM_STEPS_MOST)
		return error_set(error, ERROR_TOO_LARGE, "a line of %zu steps, not 1 to %d", step_count,
				 BEAM_STEPS_MOST);
	beam->past_count = 0;
	if (beam->walk)
		dictionary_walk_begin(beam->walk);
	for (size_t i = 0; i < step_count; i++) {
		struct beam_past *pasts =
		    array_grow(beam->pasts, &beam->past_capacity, beam->past_count + BEAM_NODES_MOST, sizeof *pasts);

		if (!pasts || (beam->walk && dictionary_walk_failed(beam->walk)))
			return error_set(error, ERROR_OUT_OF_MEMORY, "no memory to decode a line of %zu steps",
					 step_count);
		beam->pasts = pasts;
		search_step(&search, &steps[i], i > 0 ? &beam->fronts[(i - 1) % 2] : NULL, &beam->fronts[i % 2]);
	}
	return beam_read_words(beam, best_path(&beam->fronts[(step_count - 1) % 2]), step_count, line, error);
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
		steps[i] = beam_reduce(outputs + i * stride, (int32_t)output_count, beam->model.recoder->null_code).step;
	return beam_decode(beam, steps, step_count, line, error);
}

float beam_confidence(float certainty)
{
	float confidence = 100 + 5 * certainty;

	return confidence < 0.0f ? 0.0f : confidence > 100.0f ? 100.0f : confidence;
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
	beam->least_probability = expf(BEAM_MINIMUM_CERTAINTY);
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
	free(beam->pasts);
	free(beam->steps);
	free(beam->path);
	free(beam->characters);
	free(beam->words);
	free(beam);
}
