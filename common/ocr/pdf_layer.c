/*
 * Poppler gives the page's text, lines ended by line feeds and words by blanks, and a rectangle for each character of it as it
 * stands on the page. What runs from the right is turned about in the text, and has a mark at either end without a rectangle.
 * Of a page that is mostly written from the right there is nothing, or, asked for what is between its top right and its
 * bottom left corner, the first block only (22.12).
 */
#include "common/ocr/pdf_layer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define RIGHT_TO_LEFT_EMBEDDING 0x202b
#define POP_DIRECTIONAL_FORMATTING 0x202c
#define REPLACEMENT 0xfffd
#define LEAST_TEXT_SHARE 0.5 /* letters and digits among characters, rows of the same one (leaders) counted once */
#define MOST_UNKNOWN_SHARE 0.02
#define WORD_GAP 0.3f /* of a cell's height, between two cells that Poppler has in one word: columns of a table */
#define SAME_ROW 0.6 /* of the lower line's height, that two pieces of a row share */
#define MOST_ROW_WORDS 1000 /* of a row that is put together */

static bool no_memory(struct error *error)
{
	return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for the text layer of a page");
}

void pdf_layer_free(struct pdf_layer *layer)
{
	free(layer->codes);
	free(layer->cells);
	free(layer->words);
	free(layer->lines);
	*layer = (struct pdf_layer){ 0 };
}

/* ---- from Poppler ---- */

struct poppler_text {
	char *text;
	PopplerRectangle *places;
	guint place_count;
};

static void free_text(struct poppler_text *text)
{
	g_free(text->text);
	g_free(text->places);
	*text = (struct poppler_text){ 0 };
}

static enum text_layer_fault take_text(PopplerPage *page, struct poppler_text *text)
{
	double width = 0, height = 0;
	poppler_page_get_size(page, &width, &height);
	PopplerRectangle from_right = { width, 0, 0, height };
	if (poppler_page_get_text_layout(page, &text->places, &text->place_count)) {
		text->text = poppler_page_get_text(page);
		return text->text ? TEXT_LAYER_NO_FAULT : TEXT_LAYER_ABSENT;
	}
	return poppler_page_get_text_layout_for_area(page, &from_right, &text->places, &text->place_count) ?
		       TEXT_LAYER_FROM_RIGHT : TEXT_LAYER_ABSENT;
}

static struct layer_cell cell_of(const PopplerRectangle *place, const struct pdf_grid *grid)
{
	return (struct layer_cell){
		.left = (float)(fmin(place->x1, place->x2) * grid->scale + grid->offset_x),
		.top = (float)(fmin(place->y1, place->y2) * grid->scale + grid->offset_y),
		.right = (float)(fmax(place->x1, place->x2) * grid->scale + grid->offset_x),
		.bottom = (float)(fmax(place->y1, place->y2) * grid->scale + grid->offset_y),
	};
}

void pdf_layer_reverse(uint32_t *codes, size_t count)
{
	for (size_t i = 0; i < count / 2; i++) {
		uint32_t code = codes[i];
		codes[i] = codes[count - 1 - i];
		codes[count - 1 - i] = code;
	}
}

/* The characters as they stand; false when they and the places are not as many (the last line feed has none). */
static bool take_characters(const struct poppler_text *text, const struct pdf_grid *grid, struct pdf_layer *layer)
{
	size_t count = 0, turned = 0;
	for (const char *at = text->text; *at; at = g_utf8_next_char(at)) {
		gunichar code = g_utf8_get_char(at);
		if (code == RIGHT_TO_LEFT_EMBEDDING)
			turned = count;
		if (code == POP_DIRECTIONAL_FORMATTING)
			pdf_layer_reverse(layer->codes + turned, count - turned);
		if (code == RIGHT_TO_LEFT_EMBEDDING || code == POP_DIRECTIONAL_FORMATTING)
			continue;
		if (count >= text->place_count)
			return code == '\n' && !at[1];
		layer->codes[count] = code;
		layer->cells[count] = cell_of(&text->places[count], grid);
		layer->code_count = ++count;
	}
	return count == text->place_count;
}

/* ---- words and lines ---- */

static void widen(struct layer_cell *cell, const struct layer_cell *by)
{
	cell->left = fminf(cell->left, by->left);
	cell->top = fminf(cell->top, by->top);
	cell->right = fmaxf(cell->right, by->right);
	cell->bottom = fmaxf(cell->bottom, by->bottom);
}

/* The pixels that a cell touches, on the page. */
static struct box box_of(const struct layer_cell *cell, const struct pdf_grid *grid)
{
	int32_t width = (int32_t)grid->width, height = (int32_t)grid->height;
	float left = fminf(fmaxf(floorf(cell->left), 0), (float)width);
	float top = fminf(fmaxf(floorf(cell->top), 0), (float)height);
	float right = fminf(fmaxf(ceilf(cell->right), left), (float)width);
	float bottom = fminf(fmaxf(ceilf(cell->bottom), top), (float)height);
	return (struct box){ (int32_t)left, (int32_t)top, (int32_t)(right - left), (int32_t)(bottom - top) };
}

/* No character: what files say when they do not know, or what only one font knows. */
static bool is_unknown(uint32_t code)
{
	return code == REPLACEMENT || !g_unichar_isdefined(code) || g_unichar_iscntrl(code) ||
	       g_unichar_type(code) == G_UNICODE_PRIVATE_USE;
}

static void add_word(struct pdf_layer *layer, const struct pdf_grid *grid, size_t first, size_t end)
{
	struct layer_word *word = &layer->words[layer->word_count++];
	size_t unknown = 0;
	*word = (struct layer_word){ .first = first, .count = end - first, .cell = layer->cells[first] };
	for (size_t i = first; i < end; i++) {
		bool is_text = g_unichar_isalnum(layer->codes[i]);
		word->is_text |= is_text;
		layer->text_count += is_text;
		unknown += is_unknown(layer->codes[i]);
		widen(&word->cell, &layer->cells[i]);
	}
	word->is_dropped = unknown == word->count;
	word->box = word->place = box_of(&word->cell, grid);
}

/* Whether more than a word's letters can have lies between two cells, beside or above each other. */
static bool is_gap(const struct layer_cell *a, const struct layer_cell *b)
{
	float aside = fmaxf(b->left - a->right, a->left - b->right), apart = fmaxf(b->top - a->bottom, a->top - b->bottom);
	float height = fminf(a->bottom - a->top, b->bottom - b->top), width = fminf(a->right - a->left, b->right - b->left);
	return aside > WORD_GAP * height || apart > WORD_GAP * fmaxf(height, width);
}

/* What lies between two blanks: mostly one word. */
static void add_words(struct pdf_layer *layer, const struct pdf_grid *grid, size_t first, size_t end)
{
	for (size_t i = first + 1; i < end; i++)
		if (is_gap(&layer->cells[i - 1], &layer->cells[i])) {
			add_word(layer, grid, first, i);
			first = i;
		}
	if (first < end)
		add_word(layer, grid, first, end);
}

/* How the text stands, by the way from each glyph to the next. */
static int32_t orientation_of(const struct pdf_layer *layer, const struct layer_line *line)
{
	float right = 0, down = 0;
	for (size_t w = 0; w < line->word_count; w++) {
		const struct layer_word *word = &layer->words[line->first_word + w];
		for (size_t i = word->first + 1; i < word->first + word->count; i++) {
			const struct layer_cell *before = &layer->cells[i - 1], *cell = &layer->cells[i];
			right += cell->left + cell->right - before->left - before->right;
			down += cell->top + cell->bottom - before->top - before->bottom;
		}
	}
	if (fabsf(down) > fabsf(right))
		return down > 0 ? 90 : 270;
	return right < 0 ? 180 : 0;
}

struct layer_upright layer_upright(const struct box *box, int32_t orientation)
{
	int32_t left = box->x, top = box->y, right = box->x + box->width, bottom = box->y + box->height;
	switch (orientation) {
	case 90:
		return (struct layer_upright){ top, -right, bottom, -left };
	case 180:
		return (struct layer_upright){ -right, -bottom, -left, -top };
	case 270:
		return (struct layer_upright){ -bottom, left, -top, right };
	default:
		return (struct layer_upright){ left, top, right, bottom };
	}
}

struct box layer_box_union(const struct box *a, const struct box *b)
{
	if (a->width == 0 || a->height == 0)
		return *b;
	if (b->width == 0 || b->height == 0)
		return *a;
	int32_t left = a->x < b->x ? a->x : b->x, top = a->y < b->y ? a->y : b->y;
	int32_t right = a->x + a->width > b->x + b->width ? a->x + a->width : b->x + b->width;
	int32_t bottom = a->y + a->height > b->y + b->height ? a->y + a->height : b->y + b->height;
	return (struct box){ left, top, right - left, bottom - top };
}

/* A word's place in its line, from the left. Lines are nearly sorted and mostly short. */
static void sort_words(struct pdf_layer *layer, const struct layer_line *line)
{
	struct layer_word *words = layer->words + line->first_word;
	for (size_t i = 1; i < line->word_count; i++) {
		struct layer_word word = words[i];
		int32_t left = layer_upright(&word.box, line->orientation).left;
		size_t at = i;
		for (; at > 0 && layer_upright(&words[at - 1].box, line->orientation).left > left; at--)
			words[at] = words[at - 1];
		words[at] = word;
	}
}

/* Poppler cuts rows at wide gaps: the next piece of the same row, to its right (or, from the right, to its left). */
static bool continues(const struct layer_line *line, const struct layer_line *next)
{
	if (line->orientation != next->orientation || line->word_count + next->word_count > MOST_ROW_WORDS)
		return false;
	struct layer_upright a = layer_upright(&line->box, line->orientation);
	struct layer_upright b = layer_upright(&next->box, line->orientation);
	int32_t shared = (a.bottom < b.bottom ? a.bottom : b.bottom) - (a.top > b.top ? a.top : b.top);
	int32_t lower = a.bottom - a.top < b.bottom - b.top ? a.bottom - a.top : b.bottom - b.top;
	return (float)shared >= SAME_ROW * (float)lower && (b.left >= a.right || b.right <= a.left);
}

static void end_line(struct pdf_layer *layer, size_t first_word)
{
	struct layer_line line = { .first_word = first_word, .word_count = layer->word_count - first_word };
	struct layer_line *last = layer->line_count ? &layer->lines[layer->line_count - 1] : NULL;
	size_t dropped = 0;
	for (size_t i = 0; i < line.word_count; i++) {
		line.box = layer_box_union(&line.box, &layer->words[first_word + i].box);
		dropped += layer->words[first_word + i].is_dropped;
	}
	if (dropped == line.word_count) /* none at all, too */
		return;
	line.orientation = orientation_of(layer, &line);
	if (last && continues(last, &line)) {
		last->word_count = layer->word_count - last->first_word; /* with ornaments between them */
		last->box = layer_box_union(&last->box, &line.box);
	} else {
		layer->lines[layer->line_count++] = line;
	}
	sort_words(layer, &layer->lines[layer->line_count - 1]);
}

static void find_words(struct pdf_layer *layer, const struct pdf_grid *grid)
{
	size_t first = 0, first_word = 0;
	for (size_t i = 0; i <= layer->code_count; i++) {
		bool ends_line = i == layer->code_count || layer->codes[i] == '\n';
		if (!ends_line && layer->codes[i] != ' ')
			continue;
		add_words(layer, grid, first, i);
		first = i + 1;
		if (!ends_line)
			continue;
		end_line(layer, first_word);
		first_word = layer->word_count;
	}
}

/* ---- whether it is text ---- */

static enum text_layer_fault text_fault(const struct pdf_layer *layer)
{
	size_t unknown = 0, different = 0, dropped = 0;
	uint32_t before = 0;
	if (layer->text_count == 0)
		return TEXT_LAYER_ABSENT;
	for (size_t w = 0; w < layer->word_count; w++) {
		const struct layer_word *word = &layer->words[w];
		const uint32_t *codes = layer->codes + word->first;
		for (size_t i = 0; i < word->count; i++) {
			unknown += !word->is_dropped && is_unknown(codes[i]);
			different += codes[i] != before || g_unichar_isalnum(codes[i]);
			before = codes[i];
		}
		dropped += word->is_dropped ? word->count : 0;
	}
	/* An ornament is left out; a letter that is not known in a word would leave another word. */
	if (unknown > 0 || (double)dropped > MOST_UNKNOWN_SHARE * (double)layer->code_count ||
	    (double)layer->text_count < LEAST_TEXT_SHARE * (double)different)
		return TEXT_LAYER_UNREADABLE;
	return TEXT_LAYER_NO_FAULT;
}

static bool make_room(struct pdf_layer *layer, size_t count, struct error *error)
{
	layer->codes = calloc(count + 1, sizeof *layer->codes);
	layer->cells = calloc(count + 1, sizeof *layer->cells);
	layer->words = calloc(count + 1, sizeof *layer->words);
	layer->lines = calloc(count + 1, sizeof *layer->lines);
	return (layer->codes && layer->cells && layer->words && layer->lines) || no_memory(error);
}

bool pdf_layer_read(PopplerPage *page, const struct pdf_grid *grid, struct pdf_layer *layer, enum text_layer_fault *fault,
		    struct error *error)
{
	struct poppler_text text = { 0 };
	*layer = (struct pdf_layer){ 0 };
	bool done = true, agree = false;
	*fault = take_text(page, &text);
	if (!*fault) {
		done = make_room(layer, text.place_count, error);
		agree = done && take_characters(&text, grid, layer);
		*fault = TEXT_LAYER_UNREADABLE;
	}
	free_text(&text);
	if (agree) {
		find_words(layer, grid);
		*fault = text_fault(layer);
	}
	if (!done)
		pdf_layer_free(layer);
	return done;
}
