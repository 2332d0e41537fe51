/*
 * Languages. Each piece is read by the language of the piece before; while one of its words is not acceptable, the others
 * follow, first the first one asked for. Two readings are compared by the smallest groups of words that end at the same
 * gap: the newer one wins a group if it is both surer and better rated, or is of the dictionary where the other is not and
 * not much worse.
 *
 * Boxes. The network only knows roughly where a character is. Its word's box is made of the blobs that the layout found,
 * each given to the character whose stretch holds its middle, cut at the word's bounds; where a character gets none, the
 * rough box stands in.
 */
#include "common/ocr/found_words.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "common/base/array.h"
#include "common/ocr/acceptable.h"

#define RATING_RATIO 1.5     /* classify_max_rating_ratio */
#define CERTAINTY_MARGIN 5.5 /* classify_max_certainty_margin */
#define BLANK_RATING 10.0f
#define BLANK_CERTAINTY (-1.0f)
#define BAD_RATING 100000.0f /* WERD_CHOICE::kBadRating */

static int32_t width_of(struct upright box)
{
	return upright_is_none(box) ? 0 : box.right - box.left;
}

static int32_t height_of(struct upright box)
{
	return upright_is_none(box) ? 0 : box.top - box.bottom;
}

static int32_t lesser(int32_t a, int32_t b)
{
	return a < b ? a : b;
}

static int32_t greater(int32_t a, int32_t b)
{
	return a > b ? a : b;
}

static int32_t overlap_width(struct upright a, struct upright b)
{
	if (a.left > b.right || b.left > a.right || a.bottom > b.top || b.bottom > a.top)
		return 0;
	return width_of((struct upright){ greater(a.left, b.left), greater(a.bottom, b.bottom),
					  lesser(a.right, b.right), lesser(a.top, b.top) });
}

void found_words_free(struct found_words *words)
{
	free(words->words);
	*words = (struct found_words){ 0 };
}

void chooser_free(struct chooser *chooser)
{
	found_words_free(&chooser->best);
	found_words_free(&chooser->other);
	found_words_free(&chooser->merged);
}

static bool add_word(struct found_words *words, const struct found_word *word)
{
	struct found_word *grown = array_grow(words->words, &words->capacity, words->count + 1, sizeof *grown);

	if (!grown)
		return false;
	words->words = grown;
	grown[words->count++] = *word;
	return true;
}

/* A character's rough box: the pixels of its steps, as high as the line. */
static struct upright rough_box(const struct found_word *word, size_t character)
{
	const struct beam_character *read = &word->characters[character];

	return (struct upright){
		(int16_t)floorf((float)read->first_step * word->pixels_a_step) + word->line.left,
		word->line.bottom,
		(int16_t)ceilf((float)read->end_step * word->pixels_a_step) + word->line.left,
		word->line.top,
	};
}

static enum direction direction_of(const struct found_word *word)
{
	bool left = false, right = false;

	for (size_t i = 0; i < word->read->character_count; i++) {
		uint8_t direction = word->model->decoding.unicharset->unichars[word->characters[i].unichar].direction;

		right |= direction == UNICHAR_RIGHT_TO_LEFT || direction == UNICHAR_RIGHT_TO_LEFT_ARABIC;
		left |= direction == UNICHAR_LEFT_TO_RIGHT || direction == UNICHAR_ARABIC_NUMBER;
	}
	if (left && right)
		return DIRECTION_MIXED;
	return left ? DIRECTION_LEFT : right ? DIRECTION_RIGHT : DIRECTION_NEUTRAL;
}

/*
 * Where nothing was read, Tesseract puts a word of blanks, one a blob, with a rating and a certainty of its own (SetupFake),
 * and a reading that is not surer than that does not replace it.
 */
static bool take_nothing(struct chooser *chooser, size_t piece_number, const struct text_model *model,
			 struct found_words *words)
{
	const struct layout_piece *piece = &chooser->layout->pieces[piece_number];
	bool has_blobs = piece->blob_count > 0;

	chooser->nothing = (struct beam_word){
		.rating = has_blobs ? BLANK_RATING * (float)piece->blob_count : BAD_RATING,
		.final_certainty = has_blobs ? BLANK_CERTAINTY : -FLT_MAX,
		.permuter = PERMUTER_NONE,
	};
	return add_word(words, &(struct found_word){ .model = model,
						     .read = &chooser->nothing,
						     .line = piece->line,
						     .guess = piece->box,
						     .direction = DIRECTION_NEUTRAL });
}

/* What a model read on a piece. */
static bool take_reading(struct chooser *chooser, size_t piece_number, size_t model, struct found_words *words)
{
	const struct layout_piece *piece = &chooser->layout->pieces[piece_number];
	const struct line_text *text = &chooser->texts[piece_number * chooser->model_count + model];
	const struct text_model *with = chooser->models[model];

	words->count = 0;
	if (piece->first_image < 0 || text->word_count == 0)
		return take_nothing(chooser, piece_number, with, words);
	const struct layout_image *image = &chooser->layout->images[piece->first_image];
	while (image->height != with->shape.height)
		image++;
	for (size_t i = 0; i < text->word_count; i++) {
		struct found_word word = {
			.model = with,
			.read = &text->words[i],
			.characters = text->characters + text->words[i].first_character,
			.pixels_a_step = (float)with->shape.x_scale / image->factor,
			.line = piece->line,
			.guess = upright_none,
			.blanks = text->words[i].leading_space,
		};

		for (size_t c = 0; c < word.read->character_count; c++)
			word.guess = upright_union(word.guess, rough_box(&word, c));
		word.direction = direction_of(&word);
		if (!add_word(words, &word))
			return false;
	}
	return true;
}

/* Where a word ends and the next one begins. */
static void gap_after(const struct found_words *words, size_t index, int32_t *right, int32_t *next_left)
{
	*right = index < words->count ? words->words[index].guess.right : -INT32_MAX;
	*next_left = index + 1 < words->count ? words->words[index + 1].guess.left : INT32_MAX;
}

struct evaluation {
	float rating, certainty;
	bool bad, in_dictionary;
};

static struct evaluation evaluate(const struct found_words *words, size_t start, size_t end)
{
	struct evaluation sum = { 0.0f, 0.0f, end <= start, end > start };

	for (size_t i = start; i < end; i++) {
		const struct beam_word *word = words->words[i].read;

		sum.rating += word->rating;
		if (word->final_certainty < sum.certainty)
			sum.certainty = word->final_certainty;
		sum.in_dictionary &= word->permuter == PERMUTER_WORD;
	}
	return sum;
}

static bool is_better(struct evaluation new, struct evaluation old)
{
	if (new.bad)
		return false;
	return old.bad || (new.certainty > old.certainty && new.rating < old.rating) ||
	       (!old.in_dictionary && new.in_dictionary && new.rating < old.rating * RATING_RATIO &&
		new.certainty > old.certainty - CERTAINTY_MARGIN);
}

/* Merges chooser->other into chooser->best; *gain is how many more words of the other than of the best there are. */
static bool merge(struct chooser *chooser, int64_t *gain)
{
	struct found_words *best = &chooser->best, *other = &chooser->other, *merged = &chooser->merged;
	size_t b = 0, n = 0;

	*gain = 0;
	merged->count = 0;
	while (b < best->count || n < other->count) {
		size_t start_b = b, start_n = n;

		while (b < best->count || n < other->count) {
			int32_t b_right, b_next, n_right, n_next;

			gap_after(best, b, &b_right, &b_next);
			gap_after(other, n, &n_right, &n_next);
			if (greater(b_right, n_right) < lesser(b_next, n_next))
				break;
			if ((b_right < n_right && b < best->count) || n == other->count)
				b++;
			else
				n++;
		}
		size_t end_b = b < best->count ? b + 1 : b, end_n = n < other->count ? n + 1 : n;
		struct evaluation old = evaluate(best, start_b, end_b), new = evaluate(other, start_n, end_n);
		bool better = is_better(new, old);
		const struct found_words *from = better ? other : best;
		size_t start = better ? start_n : start_b, end = better ? end_n : end_b;

		for (size_t i = start; i < end && (better || !old.bad); i++)
			if (!add_word(merged, &from->words[i]))
				return false;
		*gain += better ? (int64_t)(end - start) : old.bad ? 0 : -(int64_t)(end - start);
		b = end_b;
		n = end_n;
	}
	struct found_words swap = *best;
	*best = *merged;
	*merged = swap;
	return true;
}

static bool all_acceptable(const struct found_words *words)
{
	for (size_t i = 0; i < words->count; i++) {
		const struct found_word *word = &words->words[i];
		int32_t unichars[512];
		size_t count = word->read->character_count;

		/* No dictionary has a word this long: the threshold for others decides. */
		if (count > sizeof unichars / sizeof *unichars)
			count = sizeof unichars / sizeof *unichars;
		for (size_t c = 0; c < count; c++)
			unichars[c] = word->characters[c].unichar;
		if (!word_is_acceptable(&word->model->decoding, unichars, count, word->read->final_certainty))
			return false;
	}
	return words->count > 0;
}

static bool has_reading(const struct chooser *chooser, size_t piece, size_t model)
{
	size_t index = piece * chooser->model_count + model;

	if (!chooser->is_read || chooser->is_read[index])
		return true;
	chooser->wanted[index] = true;
	return false;
}

static bool choose(struct chooser *chooser, size_t piece)
{
	size_t first = chooser->last_model, best = first;
	int64_t gain;

	chooser->best.count = 0;
	if (!has_reading(chooser, piece, first))
		return true;
	if (!take_reading(chooser, piece, first, &chooser->best))
		return false;
	/* The others in the order given; that is the first, then the rest. */
	for (size_t model = 0; model < chooser->model_count && chooser->model_count > 1; model++) {
		if (model == first)
			continue;
		if (all_acceptable(&chooser->best) || !has_reading(chooser, piece, model))
			break;
		if (!take_reading(chooser, piece, model, &chooser->other) || !merge(chooser, &gain))
			return false;
		if (gain > 0)
			best = model;
	}
	chooser->last_model = best;
	return true;
}

static int by_middle(const void *left, const void *right)
{
	const struct upright *a = left, *b = right;
	int32_t a_middle = (a->left + a->right) / 2, b_middle = (b->left + b->right) / 2;

	return (a_middle > b_middle) - (a_middle < b_middle);
}

/* The bounds of a word: those of the layout's words that it overlaps well, where these are its alone. */
static struct upright bounds_of(const struct found_words *words, size_t number, struct upright before,
				const struct upright *parts, size_t part_count)
{
	struct upright here = words->words[number].guess, bounds = upright_none;
	struct upright after = number + 1 < words->count ? words->words[number + 1].guess : upright_none;

	for (size_t i = 0; i < part_count; i++) {
		int32_t least = greater(lesser(height_of(parts[i]), width_of(parts[i]) / 2), width_of(parts[i]) / 4);

		if (overlap_width(parts[i], here) <= least)
			continue;
		if (overlap_width(parts[i], before) > least)
			bounds.left = here.left;
		else if (overlap_width(parts[i], after) > least)
			bounds.right = here.right;
		else
			bounds = upright_union(bounds, parts[i]);
	}
	if (height_of(bounds) <= 0) {
		bounds.top = here.top;
		bounds.bottom = here.bottom;
	}
	return width_of(bounds) <= 0 ? here : bounds;
}

static int32_t clip(int32_t value, int32_t least, int32_t most)
{
	return value < least ? least : value > most ? most : value;
}

static struct upright clip_box(struct upright box, struct upright to)
{
	if (box.left >= to.left && box.right <= to.right && box.bottom >= to.bottom && box.top <= to.top &&
	    box.left <= to.right && box.right >= to.left && box.top >= to.bottom && box.bottom <= to.top)
		return box;
	int32_t left = clip(box.left, to.left, to.right - 1), right = clip(box.right, to.left + 1, to.right);
	int32_t top = clip(box.top, to.bottom + 1, to.top), bottom = clip(box.bottom, to.bottom, to.top - 1);

	return (struct upright){ lesser(left, right), lesser(bottom, top), greater(left, right), greater(bottom, top) };
}

/* Blobs from the left, taken up to an x. */
struct blobs {
	const struct upright *boxes;
	size_t count, next;
};

static struct upright take_blobs(struct blobs *blobs, int32_t end_x, struct upright bounds, struct upright box)
{
	while (blobs->next < blobs->count &&
	       (blobs->boxes[blobs->next].left + blobs->boxes[blobs->next].right) / 2 < end_x)
		box = upright_union(box, clip_box(blobs->boxes[blobs->next++], bounds));
	return box;
}

/* Where the stretch of a character ends: halfway to the next one, be it of the next word. */
static int32_t character_end(const struct found_words *words, size_t number, size_t character, struct upright bounds)
{
	const struct found_word *word = &words->words[number];

	if (character + 1 == word->read->character_count)
		return bounds.right;
	return clip((rough_box(word, character).right + rough_box(word, character + 1).left) / 2, bounds.left,
		    bounds.right);
}

/* Gives the words of a piece their boxes; `blobs` are a copy of the piece's, to be sorted. */
static void find_boxes(const struct layout_piece *piece, struct upright *boxes, const struct upright *parts,
		       struct found_words *words)
{
	struct upright *rejects = boxes + piece->blob_count;
	struct upright bounds = upright_none;

	qsort(boxes, (size_t)piece->blob_count, sizeof *boxes, by_middle);
	qsort(rejects, (size_t)piece->reject_count, sizeof *rejects, by_middle);
	struct blobs good = { boxes, (size_t)piece->blob_count, 0 };
	struct blobs noise = { rejects, (size_t)piece->reject_count, 0 };

	for (size_t i = 0; i < words->count; i++) {
		struct found_word *word = &words->words[i];

		bounds = bounds_of(words, i, bounds, parts, (size_t)piece->part_count);
		word->box = upright_none;
		for (size_t c = 0; c < word->read->character_count; c++) {
			int32_t end_x = character_end(words, i, c, bounds);
			struct upright box = take_blobs(&good, end_x, bounds, upright_none);

			box = take_blobs(&noise, end_x, bounds, box);
			/* The blobs are the word's even if they make no box of their own. */
			word->box = upright_union(word->box, box);
			if (upright_is_none(box))
				word->box = upright_union(word->box, clip_box(rough_box(word, c), bounds));
		}
	}
}

static bool is_blank(const struct found_word *word)
{
	for (size_t i = 0; i < word->read->character_count; i++)
		if (word->characters[i].unichar != UNICHAR_SPACE)
			return false;
	return true;
}

bool chooser_add_piece(struct chooser *chooser, size_t number, struct found_words *words, struct error *error)
{
	const struct layout_piece *piece = &chooser->layout->pieces[number];
	const struct upright *from = chooser->layout->boxes + piece->first_box;
	size_t blob_count = (size_t)piece->blob_count + (size_t)piece->reject_count;
	struct upright *boxes = calloc(blob_count + 1, sizeof *boxes);
	bool done = boxes && choose(chooser, number);

	if (done) {
		for (size_t i = 0; i < blob_count; i++)
			boxes[i] = from[i];
		find_boxes(piece, boxes, from + blob_count, &chooser->best);
		if (chooser->best.count > 0 && piece->blanks > 0)
			chooser->best.words[0].blanks = piece->blanks;
		for (size_t i = 0; done && i < chooser->best.count; i++)
			if (!is_blank(&chooser->best.words[i]))
				done = add_word(words, &chooser->best.words[i]);
	}
	free(boxes);
	return done || error_set(error, ERROR_OUT_OF_MEMORY, "no memory for the words of a page");
}
