/*
 * The page is walked as libtesseract's result iterator walks it: blocks and rows as the layout has them, words of a row
 * from the left for geometry and in reading order for text. Rows without words, and blocks with rows but no words, are as
 * if they were not there.
 */
#include "common/ocr/assemble.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/json_text.h"
#include "common/ocr/found_words.h"
#include "common/ocr/paragraphs.h"
#include "common/ocr/reading_order.h"

#define LEFT_TO_RIGHT_MARK "\u200e"
#define RIGHT_TO_LEFT_MARK "\u200f"
#define FAKE_CERTAINTY (-1.0f) /* of words in images, which are not read */

/* A row of the layout with what was read. */
struct read_row {
	size_t first_word, word_count; /* in found.words */
	int32_t paragraph;	       /* within the block, from 0 */
	struct upright box;
	bool left_to_right; /* its paragraph */
};

struct assembly {
	const struct layout *layout;
	struct found_words found;
	struct read_row *rows; /* [layout->row_count] */
	struct paragraph_row *paragraph_rows; /* [layout->row_count], of one block */
	int32_t *owners;		      /* [layout->row_count], of one block */
	int32_t *order;			      /* of a row's words */
	int32_t *characters;		      /* order of a word's */
	struct page *page;
	struct buffer text;
	struct buffer word; /* scratch */
	bool keeps_blanks;  /* blanks between words as they were read (Chinese, …), not always one */
	struct error *error;
	/* What the result iterator knows between two words. */
	bool in_run, begins_run;
};

static bool no_memory(struct error *error)
{
	return error_set(error, ERROR_OUT_OF_MEMORY, "no memory to put a page together");
}

static bool read_words(struct assembly *assembly, struct chooser *chooser)
{
	const struct layout *layout = assembly->layout;

	for (size_t i = 0; i < layout->row_count; i++) {
		const struct layout_row *row = &layout->rows[i];
		struct read_row *read = &assembly->rows[i];

		read->first_word = assembly->found.count;
		read->box = upright_none;
		for (int32_t p = 0; p < row->piece_count; p++) {
			const struct layout_piece *piece = &layout->pieces[row->first_piece + p];
			size_t first = assembly->found.count;

			if (!chooser_add_piece(chooser, (size_t)(row->first_piece + p), &assembly->found,
					       assembly->error))
				return false;
			/* Words put together for reading stay in their row; others are replaced by what was read. */
			read->box = upright_union(read->box, piece->parts);
			for (size_t w = first; w < assembly->found.count && !piece->is_combination; w++)
				read->box = upright_union(read->box, assembly->found.words[w].box);
		}
		read->word_count = assembly->found.count - read->first_word;
	}
	return true;
}

/* Of pages that are to be one line, only the row that was read best is kept (Textord::CleanupSingleRowResult). */
static void keep_best_row(struct assembly *assembly)
{
	const struct layout *layout = assembly->layout;
	size_t best = layout->row_count;
	float best_certainty = 0.0f;

	if (layout->psm < 7 || layout->psm == 11 || layout->psm == 12)
		return;
	for (size_t i = 0; i < layout->row_count; i++) {
		const struct read_row *row = &assembly->rows[i];
		float certainty = 0.0f;

		for (size_t w = 0; w < row->word_count; w++)
			certainty += assembly->found.words[row->first_word + w].read->final_certainty;
		if (row->word_count == 0)
			continue;
		certainty /= (float)row->word_count;
		if (best == layout->row_count || best_certainty < certainty) {
			best = i;
			best_certainty = certainty;
		}
	}
	for (size_t i = 0; i < layout->row_count; i++)
		if (i != best)
			assembly->rows[i].word_count = 0;
}

static uint32_t first_code_point(const char *text)
{
	return json_text_utf8_code(text, json_text_utf8_length(text, strlen(text)));
}

static const struct unichar *unichar_at(const struct found_word *word, size_t character)
{
	return &word->model->decoding.unicharset->unichars[word->characters[character].unichar];
}

static bool is_list_mark(uint32_t code)
{
	static const uint32_t marks[] = { 0xb0,	  0x2022, 0x25e6, 0xb7,	  0x25a1, 0x25a0,
					  0x25aa, 0x2b1d, 0x25ba, 0x25cf, 0x25cb };

	if (code < 0x80)
		return code != 0 && strchr("0Oo*.,+.", (int)code) != NULL;
	for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
		if (marks[i] == code)
			return true;
	return false;
}

enum span { SPAN_PUNCTUATION, SPAN_ROMAN, SPAN_DIGITS, SPAN_LETTERS };

/* The first character from `from` on that is not of a kind. */
static size_t skip(const struct found_word *word, size_t from, enum span span)
{
	size_t count = word->read->character_count;

	for (; from < count; from++) {
		const struct unichar *unichar = unichar_at(word, from);
		uint32_t code = first_code_point(unichar->text);
		bool is = span == SPAN_PUNCTUATION ? (unichar->properties & UNICHAR_PUNCTUATION) != 0 :
			  span == SPAN_ROMAN	   ? code < 0xf0 && strchr("ivxlmdIVXLMD", (int)code) != NULL :
			  span == SPAN_DIGITS	   ? (unichar->properties & UNICHAR_DIGIT) != 0 || code == 'o' ||
						     code == 'O' || code == 'l' || code == 'I' :
						     (unichar->properties & UNICHAR_ALPHABETIC) != 0;

		if (!is)
			break;
	}
	return from;
}

/* "A", "iii.", "(2)", "3.5.", "[C-4]", a bullet. */
static bool is_list_item(const struct found_word *word)
{
	size_t count = word->read->character_count, at = 0;

	if (count == 1 && is_list_mark(first_code_point(unichar_at(word, 0)->text)))
		return true;
	for (int segments = 0; at < count && segments < 3; segments++) {
		size_t start = skip(word, at, SPAN_PUNCTUATION);

		if (start > at + 1)
			break;
		size_t end = skip(word, start, SPAN_ROMAN);
		if (end == start)
			end = skip(word, start, SPAN_DIGITS);
		if (end == start) {
			end = skip(word, start, SPAN_LETTERS);
			if (end - start != 1)
				break;
		}
		at = skip(word, end, SPAN_PUNCTUATION);
		if (at == end)
			break;
	}
	return at == count;
}

static struct paragraph_word word_signs(const struct found_word *word, bool is_left)
{
	bool list_item = is_list_item(word);
	uint8_t first = unichar_at(word, 0)->properties;
	uint8_t last = unichar_at(word, word->read->character_count - 1)->properties;
	bool has_size = !upright_is_none(word->box);
	struct paragraph_word signs = {
		.width = has_size ? word->box.right - word->box.left : 0,
		.height = has_size ? word->box.top - word->box.bottom : 0,
		.starts_idea = list_item,
	};

	if (is_left) {
		signs.starts_idea |= (first & (UNICHAR_UPPER | UNICHAR_PUNCTUATION)) != 0;
		signs.ends_idea = list_item || (first & UNICHAR_PUNCTUATION);
	} else {
		signs.ends_idea = (last & UNICHAR_PUNCTUATION) != 0;
	}
	return signs;
}

static struct paragraph_row row_signs(const struct assembly *assembly, size_t number)
{
	const struct layout_row *from = &assembly->layout->rows[number];
	const struct read_row *row = &assembly->rows[number];
	const struct found_word *words = assembly->found.words + row->first_word;
	int32_t x_height = (int32_t)from->x_height, left = 0, right = 0;

	for (size_t i = 0; i < row->word_count; i++) {
		left += words[i].direction == DIRECTION_LEFT || words[i].direction == DIRECTION_MIXED;
		right += words[i].direction == DIRECTION_RIGHT || words[i].direction == DIRECTION_MIXED;
	}
	return (struct paragraph_row){
		.left_px = from->left_margin,
		.right_px = from->right_margin,
		.space_px = from->space > 0 ? from->space : x_height > 1 ? x_height : 1,
		.word_count = (int32_t)row->word_count,
		.left_to_right = left >= right,
		.left = word_signs(&words[0], true),
		.right = word_signs(&words[row->word_count - 1], false),
	};
}

/* Numbers the paragraphs of a block's rows that have words, and finds which way each runs. */
static bool find_paragraphs(struct assembly *assembly, const struct layout_block *block)
{
	struct read_row *rows = assembly->rows + block->first_row;
	struct paragraph_row *signs = assembly->paragraph_rows;
	size_t count = 0;
	int32_t left = INT32_MAX, right = INT32_MAX;

	for (int32_t i = 0; i < block->row_count; i++) {
		if (rows[i].word_count == 0)
			continue;
		signs[count] = row_signs(assembly, (size_t)(block->first_row + i));
		left = signs[count].left_px < left ? signs[count].left_px : left;
		right = signs[count].right_px < right ? signs[count].right_px : right;
		count++;
	}
	for (size_t i = 0; i < count && (left > 0 || right > 0); i++) {
		signs[i].left_px -= left;
		signs[i].right_px -= right;
	}
	if (count == 0)
		return true;
	if (!paragraphs_find(signs, count, assembly->owners, assembly->error))
		return false;
	count = 0;
	for (int32_t i = 0; i < block->row_count; i++)
		if (rows[i].word_count > 0)
			rows[i].paragraph = assembly->owners[count++];
	for (int32_t i = 0; i < block->row_count; i++) {
		if (rows[i].word_count == 0)
			continue;
		/* Words of a paragraph are one after the other, but those of rows that were dropped lie between. */
		int32_t end = i;
		size_t words = 0;
		while (end < block->row_count && (rows[end].word_count == 0 || rows[end].paragraph == rows[i].paragraph))
			words = rows[end].word_count ? rows[end].first_word + rows[end].word_count - rows[i].first_word :
						       words,
			end++;
		bool left_to_right = order_is_left_to_right(assembly->found.words + rows[i].first_word,
							    rows[i].word_count, words);
		for (int32_t row = i; row < end; row++)
			rows[row].left_to_right = left_to_right;
		i = end - 1;
	}
	return true;
}

/* The iterator moves to a row's begin: a run that the order begins with is entered. */
static void begin_row(struct assembly *assembly, size_t length)
{
	for (size_t i = 0; i < length && assembly->order[i] < 0; i++)
		if (assembly->order[i] != ORDER_MIXED_WORD)
			assembly->in_run = assembly->order[i] == ORDER_RUN_BEGINS;
	if (assembly->in_run)
		assembly->begins_run = true;
}

static const char *mark_of(bool left_to_right)
{
	return left_to_right ? LEFT_TO_RIGHT_MARK : RIGHT_TO_LEFT_MARK;
}

/* The mark behind the word at `at` of the order: it ends a run, or has letters of both directions. */
static const char *suffix_mark(const struct assembly *assembly, bool left_to_right, size_t at, size_t length)
{
	int32_t last = 0;

	for (at++; at < length && assembly->order[at] < 0; at++)
		last = assembly->order[at];
	if (last == ORDER_MIXED_WORD)
		return mark_of(left_to_right != assembly->in_run);
	return last == ORDER_RUN_ENDS ? mark_of(left_to_right) : "";
}

/* Moves from a word of the order to the next one's place; `length` when it was the last. */
static size_t next_word(struct assembly *assembly, size_t at, size_t length)
{
	size_t final = length - 1;

	while (final > 0 && assembly->order[final] < 0)
		final--;
	if (at >= final)
		return length;
	size_t next = at + 1;
	for (; next < final && assembly->order[next] < 0; next++) {
		if (assembly->order[next] == ORDER_RUN_BEGINS)
			assembly->in_run = true;
		if (assembly->order[next] == ORDER_RUN_ENDS)
			assembly->in_run = false;
	}
	assembly->begins_run = assembly->order[next - 1] == ORDER_RUN_BEGINS;
	return next;
}

static bool add_word(struct assembly *assembly, const struct layout_block *block, const struct found_word *word,
		     const char *mark, bool left_to_right)
{
	static const enum word_direction directions[] = { WORD_NEUTRAL, WORD_LEFT_TO_RIGHT, WORD_RIGHT_TO_LEFT,
							  WORD_NEUTRAL };
	struct buffer *text = &assembly->word;

	buffer_clear(text);
	order_characters(left_to_right != assembly->in_run, word, assembly->characters);
	for (size_t i = 0; i < word->read->character_count; i++)
		buffer_append_string(text, unichar_at(word, (size_t)assembly->characters[i])->text);
	buffer_append_string(text, mark);
	if (assembly->begins_run)
		buffer_append_string(&assembly->text, mark_of(left_to_right != assembly->in_run));
	buffer_append(&assembly->text, text->data, text->length);
	buffer_append_char(text, '\0');
	if (text->failed)
		return no_memory(assembly->error);
	const struct word made = {
		.box = layout_on_page(assembly->layout, block, word->box),
		.confidence = beam_confidence(word->read->final_certainty),
		.text = text->data,
		.language = (char *)(uintptr_t)word->model->name,
		.direction = directions[word->direction],
	};
	return page_add_word(assembly->page, &made, assembly->error);
}

/* The mean of the row's words from the first that is read on: in a paragraph from the right that is not the first here. */
static float row_confidence(const struct assembly *assembly, const struct read_row *row, size_t from)
{
	float sum = 0.0f;

	for (size_t i = from; i < row->word_count; i++)
		sum += assembly->found.words[row->first_word + i].read->final_certainty;
	return beam_confidence(sum / (float)(row->word_count - from));
}

static bool add_row(struct assembly *assembly, const struct layout_block *block, size_t number, int32_t block_number)
{
	const struct layout_row *from = &assembly->layout->rows[number];
	const struct read_row *row = &assembly->rows[number];
	const struct found_word *words = assembly->found.words + row->first_word;
	size_t length = order_words(row->left_to_right, words, row->word_count, assembly->order), at = 0;

	assembly->in_run = false;
	begin_row(assembly, length);
	while (assembly->order[at] < 0)
		at++;
	struct line line = {
		.box = layout_on_page(assembly->layout, block, row->box),
		.confidence = row_confidence(assembly, row, (size_t)assembly->order[at]),
		.block = block_number,
		.paragraph = row->paragraph + 1,
		.row_height_px = from->row_height,
		.descenders_px = from->descenders,
		.ascenders_px = from->ascenders,
		.orientation = block->orientation,
	};
	memcpy(line.baseline, from->baseline, sizeof line.baseline);
	if (!page_add_line(assembly->page, &line, assembly->error))
		return false;
	for (bool first = true; at < length; at = next_word(assembly, at, length), first = false) {
		const struct found_word *word = &words[assembly->order[at]];
		int32_t blanks = assembly->keeps_blanks ? word->blanks : !first;

		for (; blanks > 0; blanks--)
			buffer_append_char(&assembly->text, ' ');
		if (!add_word(assembly, block, word,
			      suffix_mark(assembly, row->left_to_right, at, length), row->left_to_right))
			return false;
	}
	buffer_append_char(&assembly->text, '\n');
	return true;
}

static bool add_paragraph(struct assembly *assembly, const struct layout_block *block, int32_t first,
			  int32_t block_number)
{
	const struct read_row *rows = assembly->rows + block->first_row;
	struct upright box = rows[first].box;

	for (int32_t i = 0; i < block->row_count; i++)
		if (rows[i].word_count > 0 && rows[i].paragraph == rows[first].paragraph)
			box = upright_union(box, assembly->layout->rows[block->first_row + i].bound);
	const struct paragraph paragraph = {
		.box = layout_on_page(assembly->layout, block, box),
		.block = block_number,
		.number = rows[first].paragraph + 1,
		.right_to_left = !rows[first].left_to_right,
	};
	return page_add_paragraph(assembly->page, &paragraph, assembly->error);
}

/* A line between two paragraphs, wherever something follows. */
static void separate(struct assembly *assembly, bool *pending)
{
	if (*pending)
		buffer_append_char(&assembly->text, '\n');
	*pending = false;
}

static bool add_block(struct assembly *assembly, const struct layout_block *from, bool *pending)
{
	const struct read_row *rows = assembly->rows + from->first_row;
	struct upright all = upright_none;
	bool is_text = from->kind != BLOCK_IMAGE && from->kind != BLOCK_SEPARATOR, has_words = false;

	for (int32_t i = 0; i < from->row_count; i++) {
		has_words |= rows[i].word_count > 0;
		all = upright_union(all, rows[i].box);
	}
	if (is_text && from->row_count > 0 && !has_words)
		return true;
	separate(assembly, pending);
	if (is_text && !has_words)
		return true;
	const struct block block = {
		.box = is_text ? layout_on_page(assembly->layout, from, all) : from->box,
		.number = (int32_t)assembly->page->block_count + 1,
		.kind = (enum block_kind)from->kind,
	};
	if (!page_add_block(assembly->page, &block, assembly->error))
		return false;
	int32_t paragraph = -1;
	for (int32_t i = 0; is_text && i < from->row_count; i++) {
		if (rows[i].word_count == 0)
			continue;
		if (rows[i].paragraph != paragraph) {
			separate(assembly, pending);
			if (!add_paragraph(assembly, from, i, block.number))
				return false;
		}
		paragraph = rows[i].paragraph;
		if (!add_row(assembly, from, (size_t)(from->first_row + i), block.number))
			return false;
		*pending = true;
	}
	return true;
}

static float mean_confidence(const struct assembly *assembly)
{
	int64_t sum = 0, count = 0;

	for (size_t i = 0; i < assembly->layout->row_count; i++)
		for (size_t w = 0; w < assembly->rows[i].word_count; w++) {
			const struct found_word *word = &assembly->found.words[assembly->rows[i].first_word + w];

			sum += (int64_t)beam_confidence(word->read->final_certainty);
			count++;
		}
	for (size_t i = 0; i < assembly->layout->block_count; i++) {
		sum += assembly->layout->blocks[i].unread_count * (int64_t)beam_confidence(FAKE_CERTAINTY);
		count += assembly->layout->blocks[i].unread_count;
	}
	return count ? (float)(sum / count) : 0.0f;
}

static bool assemble(struct assembly *assembly)
{
	const struct layout *layout = assembly->layout;
	bool pending = false;

	for (size_t i = 0; i < layout->block_count; i++)
		if (!find_paragraphs(assembly, &layout->blocks[i]))
			return false;
	for (size_t i = 0; i < layout->block_count; i++)
		if (!add_block(assembly, &layout->blocks[i], &pending))
			return false;
	assembly->page->confidence = mean_confidence(assembly);
	buffer_append_char(&assembly->text, '\0');
	if (assembly->text.failed)
		return no_memory(assembly->error);
	assembly->page->text = buffer_take(&assembly->text);
	return true;
}

/* Room for the longest row and the longest word. */
static bool make_room(struct assembly *assembly)
{
	size_t words = 0, characters = 0;

	for (size_t i = 0; i < assembly->layout->row_count; i++)
		words = assembly->rows[i].word_count > words ? assembly->rows[i].word_count : words;
	for (size_t i = 0; i < assembly->found.count; i++)
		if (assembly->found.words[i].read->character_count > characters)
			characters = assembly->found.words[i].read->character_count;
	assembly->order = calloc(ORDER_ROOM(words), sizeof *assembly->order);
	assembly->characters = calloc(characters + 1, sizeof *assembly->characters);
	return (assembly->order && assembly->characters) || no_memory(assembly->error);
}

bool assemble_page(const struct layout *layout, const struct text_model *const *models, size_t model_count,
		   const struct line_text *texts, struct page *page, struct error *error)
{
	struct chooser chooser = { .layout = layout, .models = models, .model_count = model_count, .texts = texts };
	struct assembly assembly = {
		.layout = layout,
		.rows = calloc(layout->row_count + 1, sizeof *assembly.rows),
		.paragraph_rows = calloc(layout->row_count + 1, sizeof *assembly.paragraph_rows),
		.owners = calloc(layout->row_count + 1, sizeof *assembly.owners),
		.page = page,
		.error = error,
	};
	bool done = (assembly.rows && assembly.paragraph_rows && assembly.owners) || no_memory(error);

	struct model_bytes keep = model_setting(models[0]->file, "preserve_interword_spaces");
	assembly.keeps_blanks = keep.data && keep.length == 1 && (keep.data[0] == '1' || keep.data[0] == 'T');
	*page = (struct page){ .width = layout->width, .height = layout->height, .dpi = layout->dpi };
	done = done && read_words(&assembly, &chooser);
	if (done) {
		keep_best_row(&assembly);
		done = make_room(&assembly) && assemble(&assembly);
	}
	chooser_free(&chooser);
	found_words_free(&assembly.found);
	free(assembly.rows);
	free(assembly.paragraph_rows);
	free(assembly.owners);
	free(assembly.order);
	free(assembly.characters);
	buffer_free(&assembly.text);
	buffer_free(&assembly.word);
	if (!done) {
		page_free(page);
		*page = (struct page){ 0 };
	}
	return done;
}

bool assemble_wants(const struct layout *layout, const struct text_model *const *models, size_t model_count,
		    const struct line_text *texts, const bool *is_read, bool *wanted, bool *some, struct error *error)
{
	struct chooser chooser = { .layout = layout, .models = models, .model_count = model_count, .texts = texts,
				   .is_read = is_read, .wanted = wanted };
	struct assembly assembly = { .layout = layout, .rows = calloc(layout->row_count + 1, sizeof *assembly.rows),
				     .error = error };
	bool done = assembly.rows ? read_words(&assembly, &chooser) : no_memory(error);

	*some = false;
	for (size_t i = 0; i < layout->piece_count * model_count; i++)
		*some |= wanted[i];
	chooser_free(&chooser);
	found_words_free(&assembly.found);
	free(assembly.rows);
	return done;
}
