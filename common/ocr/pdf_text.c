/* From a text layer that was found good to a page: lines into blocks and paragraphs, words into reading order. */
#include "common/ocr/pdf_text.h"

#include <leptonica/allheaders.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buffer.h"
#include "common/ocr/paragraphs.h"
#include "common/ocr/pdf_layer.h"
#include "common/ocr/pdf_seen.h"
#include "common/ocr/reading_order.h"

#define CONFIDENCE 100.0f /* the file says so */
#define SOFT_HYPHEN 0xad
/* Two lines are of one block when they are no further apart, and no more different, in heights of the lower one. */
#define MOST_GAP 0.8
#define MOST_DIFFERENCE 1.5

struct writing {
	const struct pdf_layer *layer;
	struct paragraph_row *rows; /* [layer->line_count], of a block */
	int32_t *owners; /* [layer->line_count] */
	struct found_word *words; /* [words of the longest line]: their directions */
	int32_t *order;
	uint32_t *codes; /* [layer->code_count], of a word */
	struct page *page;
	struct buffer text, word;
	struct error *error;
};

static bool no_memory(struct error *error)
{
	return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for the text of a page");
}

/* ---- words ---- */

static bool is_presentation_form(uint32_t code)
{
	return (code >= 0xfb00 && code <= 0xfdff) || (code >= 0xfe70 && code <= 0xfefc);
}

static bool is_from_right(uint32_t code)
{
	return ((code >= 0x590 && code <= 0x8ff) || (code >= 0xfb1d && code <= 0xfdff) || (code >= 0xfe70 && code <= 0xfefc) ||
		(code >= 0x10800 && code <= 0x10fff) || (code >= 0x1e800 && code <= 0x1efff)) &&
	       !g_unichar_isdigit(code);
}

static bool is_from_left(uint32_t code)
{
	return !is_from_right(code) && g_unichar_isalnum(code);
}

/*
 * A word's characters as they are read, into `read`: from the right they are turned about, and so are runs against the
 * direction around them, from the first to the last of their letters (of the Unicode Bidirectional Algorithm what one word
 * needs).
 */
static void order_word(const uint32_t *codes, size_t count, bool left_to_right, uint32_t *read)
{
	bool (*goes_against)(uint32_t) = left_to_right ? is_from_right : is_from_left;
	bool (*goes_along)(uint32_t) = left_to_right ? is_from_left : is_from_right;
	for (size_t i = 0; i < count; i++)
		read[i] = codes[left_to_right ? i : count - 1 - i];
	for (size_t first = 0; first < count; first++) {
		size_t last = first;
		if (!goes_against(read[first]))
			continue;
		for (size_t i = first; i < count && !goes_along(read[i]); i++)
			last = goes_against(read[i]) ? i : last;
		pdf_layer_reverse(read + first, last + 1 - first);
		first = last;
	}
}

/* The word's text as it is read, ended by NUL; empty when it is none. */
static void word_text(struct writing *writing, const struct layer_word *word, bool left_to_right)
{
	struct buffer *out = &writing->word;
	buffer_clear(out);
	order_word(writing->layer->codes + word->first, word->count, left_to_right, writing->codes);
	for (size_t i = 0; !word->is_dropped && i < word->count; i++) {
		uint32_t code = writing->codes[i] == SOFT_HYPHEN ? '-' : writing->codes[i];
		char bytes[6 + 1] = "";
		bytes[g_unichar_to_utf8(code, bytes)] = '\0';
		char *letters = is_presentation_form(code) ? g_utf8_normalize(bytes, -1, G_NORMALIZE_NFKC) : NULL;
		if (!g_unichar_iszerowidth(code) || g_unichar_ismark(code))
			buffer_append_string(out, letters ? letters : bytes);
		g_free(letters);
	}
	buffer_append_char(out, '\0');
}

static enum direction direction_of(const struct pdf_layer *layer, const struct layer_word *word)
{
	bool left = false, right = false;
	for (size_t i = word->first; i < word->first + word->count; i++) {
		uint32_t code = layer->codes[i];
		right |= is_from_right(code);
		left |= !is_from_right(code) && g_unichar_isalpha(code);
	}
	return left && right ? DIRECTION_MIXED : left ? DIRECTION_LEFT : right ? DIRECTION_RIGHT : DIRECTION_NEUTRAL;
}

/* ---- lines ---- */

static struct box line_box(const struct pdf_layer *layer, const struct layer_line *line)
{
	struct box box = { 0 };
	for (size_t i = 0; i < line->word_count; i++)
		box = layer_box_union(&box, &layer->words[line->first_word + i].box);
	return box;
}

static struct paragraph_word word_signs(const struct pdf_layer *layer, const struct layer_word *word, int32_t orientation)
{
	struct layer_upright box = layer_upright(&word->box, orientation);
	uint32_t first = layer->codes[word->first], last = layer->codes[word->first + word->count - 1];
	return (struct paragraph_word){ .width = box.right - box.left,
					.height = box.bottom - box.top,
					.starts_idea = g_unichar_isupper(first) || g_unichar_ispunct(first),
					.ends_idea = g_unichar_ispunct(last) };
}

static struct paragraph_row row_signs(const struct pdf_layer *layer, const struct layer_line *line,
				      const struct layer_upright *block)
{
	struct layer_upright box = layer_upright(&line->box, line->orientation);
	const struct layer_word *words = &layer->words[line->first_word];
	size_t left = 0, right = 0;
	for (size_t i = 0; i < line->word_count; i++) {
		enum direction direction = direction_of(layer, &words[i]);
		left += direction == DIRECTION_LEFT || direction == DIRECTION_MIXED;
		right += direction == DIRECTION_RIGHT || direction == DIRECTION_MIXED;
	}
	return (struct paragraph_row){ .left_px = box.left - block->left,
				       .right_px = block->right - box.right,
				       .space_px = 1 + (box.bottom - box.top) / 4,
				       .word_count = (int32_t)line->word_count,
				       .left_to_right = left >= right,
				       .left = word_signs(layer, &words[0], line->orientation),
				       .right = word_signs(layer, &words[line->word_count - 1], line->orientation) };
}

/* The baseline is where most of the line's words end; how high its small letters are is not known. */
static void set_baseline(const struct pdf_layer *layer, const struct layer_line *from, struct line *line)
{
	if (from->orientation != 0)
		return;
	int32_t bottom = line->box.y + line->box.height, height = line->box.height, best = bottom;
	size_t most = 0;
	for (size_t i = 0; i < from->word_count; i++) {
		const struct box *box = &layer->words[from->first_word + i].box;
		int32_t candidate = box->y + box->height;
		size_t votes = 0;
		for (size_t k = 0; k < from->word_count && k < 64; k++) {
			const struct box *other = &layer->words[from->first_word + k].box;
			votes += abs(other->y + other->height - candidate) <= 1 + height / 32;
		}
		if (i < 64 && (votes > most || (votes == most && candidate < best))) {
			most = votes;
			best = candidate;
		}
	}
	line->baseline[0] = line->box.x;
	line->baseline[2] = line->box.x + line->box.width;
	line->baseline[1] = line->baseline[3] = best;
	line->row_height_px = (float)height;
	line->descenders_px = (float)(best - bottom);
}

static bool add_line(struct writing *writing, const struct layer_line *from, int32_t block, int32_t paragraph,
		     bool left_to_right)
{
	static const enum word_direction directions[] = { WORD_NEUTRAL, WORD_LEFT_TO_RIGHT, WORD_RIGHT_TO_LEFT,
							  WORD_NEUTRAL };
	const struct pdf_layer *layer = writing->layer;
	struct line line = { .box = line_box(layer, from), .confidence = CONFIDENCE, .block = block,
			     .paragraph = paragraph, .orientation = from->orientation };
	set_baseline(layer, from, &line);
	if (!page_add_line(writing->page, &line, writing->error))
		return false;
	for (size_t i = 0; i < from->word_count; i++)
		writing->words[i] = (struct found_word){ .direction =
								 direction_of(layer, &layer->words[from->first_word + i]) };
	size_t length = order_words(left_to_right, writing->words, from->word_count, writing->order);
	bool first = true;
	for (size_t i = 0; i < length; i++) {
		if (writing->order[i] < 0)
			continue;
		const struct layer_word *word = &layer->words[from->first_word + (size_t)writing->order[i]];
		word_text(writing, word, left_to_right);
		if (writing->word.failed)
			return no_memory(writing->error);
		if (!*writing->word.data)
			continue;
		const struct word made = { .box = word->box, .confidence = CONFIDENCE, .text = writing->word.data,
					   .direction = directions[writing->words[writing->order[i]].direction] };
		buffer_append_string(&writing->text, first ? "" : " ");
		buffer_append_string(&writing->text, made.text);
		first = false;
		if (!page_add_word(writing->page, &made, writing->error))
			return false;
	}
	buffer_append_char(&writing->text, '\n');
	return true;
}

/* ---- blocks ---- */

/* Whether a line goes on with the block of the line before it. */
static bool goes_on(const struct layer_line *before, const struct layer_line *line)
{
	if (before->orientation != line->orientation)
		return false;
	struct layer_upright a = layer_upright(&before->box, line->orientation);
	struct layer_upright b = layer_upright(&line->box, line->orientation);
	int32_t height_a = a.bottom - a.top, height_b = b.bottom - b.top;
	double lower = height_a < height_b ? height_a : height_b, higher = height_a < height_b ? height_b : height_a;
	return b.top - a.bottom <= MOST_GAP * lower && higher <= MOST_DIFFERENCE * lower && b.top + b.bottom > a.top + a.bottom &&
	       b.left < a.right && a.left < b.right;
}

/* Whether the rows [first, end) of a paragraph are mostly read from the left. */
static bool reads_from_left(const struct writing *writing, size_t first, size_t end)
{
	size_t left = 0;
	for (size_t i = first; i < end; i++)
		left += writing->rows[i].left_to_right;
	return 2 * left >= end - first;
}

/* A paragraph: the lines [first, end) of the layer, whose signs begin at rows[row]. */
static bool add_paragraph(struct writing *writing, size_t first, size_t end, size_t row, int32_t block, int32_t number)
{
	const struct pdf_layer *layer = writing->layer;
	bool left_to_right = reads_from_left(writing, row, row + (end - first));
	struct paragraph paragraph = { .block = block, .number = number, .right_to_left = !left_to_right };
	for (size_t i = first; i < end; i++) {
		struct box box = line_box(layer, &layer->lines[i]);
		paragraph.box = layer_box_union(&paragraph.box, &box);
	}
	if (writing->text.length > 0)
		buffer_append_char(&writing->text, '\n');
	if (!page_add_paragraph(writing->page, &paragraph, writing->error))
		return false;
	for (size_t i = first; i < end; i++)
		if (!add_line(writing, &layer->lines[i], block, number, left_to_right))
			return false;
	return true;
}

/* The lines [first, end) of the layer. */
static bool add_block(struct writing *writing, size_t first, size_t end)
{
	const struct pdf_layer *layer = writing->layer;
	struct box cells = { 0 };
	struct block block = { .number = (int32_t)writing->page->block_count + 1, .kind = BLOCK_TEXT };
	for (size_t i = first; i < end; i++) {
		struct box box = line_box(layer, &layer->lines[i]);
		cells = layer_box_union(&cells, &layer->lines[i].box);
		block.box = layer_box_union(&block.box, &box);
	}
	struct layer_upright upright = layer_upright(&cells, layer->lines[first].orientation);
	for (size_t i = first; i < end; i++)
		writing->rows[i - first] = row_signs(layer, &layer->lines[i], &upright);
	if (!page_add_block(writing->page, &block, writing->error) ||
	    !paragraphs_find(writing->rows, end - first, writing->owners, writing->error))
		return false;
	int32_t number = 0;
	for (size_t i = first, next; i < end; i = next) {
		for (next = i + 1; next < end && writing->owners[next - first] == writing->owners[i - first];)
			next++;
		if (!add_paragraph(writing, i, next, i - first, block.number, ++number))
			return false;
	}
	return true;
}

static bool write_lines(struct writing *writing)
{
	const struct pdf_layer *layer = writing->layer;
	size_t longest = 0;
	for (size_t i = 0; i < layer->line_count; i++)
		longest = layer->lines[i].word_count > longest ? layer->lines[i].word_count : longest;
	writing->rows = calloc(layer->line_count, sizeof *writing->rows);
	writing->owners = calloc(layer->line_count, sizeof *writing->owners);
	writing->words = calloc(longest, sizeof *writing->words);
	writing->order = calloc(ORDER_ROOM(longest), sizeof *writing->order);
	writing->codes = calloc(layer->code_count, sizeof *writing->codes);
	if (!writing->rows || !writing->owners || !writing->words || !writing->order || !writing->codes)
		return no_memory(writing->error);
	for (size_t first = 0, end; first < layer->line_count; first = end) {
		for (end = first + 1; end < layer->line_count && goes_on(&layer->lines[end - 1], &layer->lines[end]);)
			end++;
		if (!add_block(writing, first, end))
			return false;
	}
	buffer_append_char(&writing->text, '\0');
	if (writing->text.failed)
		return no_memory(writing->error);
	writing->page->text = buffer_take(&writing->text);
	writing->page->confidence = CONFIDENCE;
	writing->page->source = PAGE_SOURCE_TEXT_LAYER;
	return true;
}

static bool write_layer(const struct pdf_layer *layer, struct page *page, struct error *error)
{
	struct writing writing = { .layer = layer, .page = page, .error = error };
	bool done = write_lines(&writing);
	free(writing.rows);
	free(writing.owners);
	free(writing.words);
	free(writing.order);
	free(writing.codes);
	buffer_free(&writing.text);
	buffer_free(&writing.word);
	return done;
}

bool pdf_text_read(PopplerPage *page, const struct pdf_grid *grid, struct Pix *image, struct page *text,
		   struct error *error)
{
	struct pdf_layer layer = { 0 };
	*text = (struct page){ .width = pixGetWidth(image), .height = pixGetHeight(image), .dpi = pixGetXRes(image),
			       .source = PAGE_SOURCE_NONE };
	bool done = pdf_layer_read(page, grid, &layer, &text->text_layer_fault, error);
	if (done && !text->text_layer_fault && pdf_seen_pictures(page))
		text->text_layer_fault = TEXT_LAYER_PICTURES;
	if (done && !text->text_layer_fault)
		done = pdf_seen_compare(page, grid, image, &layer, &text->text_layer_fault, error);
	if (done && !text->text_layer_fault)
		done = write_layer(&layer, text, error);
	pdf_layer_free(&layer);
	if (!done)
		page_free(text);
	return done;
}
