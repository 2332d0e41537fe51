/*
 * Building, checking, freeing and writing pages. The arrays have no stored capacity: they hold room for 16 and double
 * whenever the count reaches a power of two, so a count says all. The JSON is written by hand, number by number: a dense
 * page has thousands of words, and a tree of values would cost more than all the rest of the writing.
 */
#include "common/ocr/page.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/json_text.h"
#include "common/mrz/mrz_json.h"
#include "common/ocr/turn.h"

#define FIRST_ROOM 16

const char *const block_kind_names[BLOCK_KIND_COUNT + 1] = { "text",  "heading",   "pullout", "caption",
							     "image", "separator", NULL };

const char *const page_source_names[PAGE_SOURCE_COUNT + 1] = { "ocr", "text-layer", "none", NULL };

const char *const text_layer_fault_names[TEXT_LAYER_FAULT_COUNT + 1] = {
	"", "absent", "unreadable", "right-to-left", "pictures", "hidden", "incomplete", "contradicted", NULL
};

/* Makes room for one more item. `what` is for the message. */
static bool grow(void *array, size_t count, size_t item_bytes, const char *what, struct error *error)
{
	void **items = array;
	if (count >= PAGE_MOST_WORDS)
		return error_set(error, ERROR_TOO_LARGE, "a page has more than %d %s", PAGE_MOST_WORDS, what);
	if (count && (count < FIRST_ROOM || (count & (count - 1))))
		return true;
	void *bigger = realloc(*items, (count < FIRST_ROOM ? FIRST_ROOM : count * 2) * item_bytes);
	if (!bigger)
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for the %s of a page", what);
	*items = bigger;
	return true;
}

bool page_add_block(struct page *page, const struct block *block, struct error *error)
{
	if (!grow(&page->blocks, page->block_count, sizeof *block, "blocks", error))
		return false;
	page->blocks[page->block_count++] = *block;
	return true;
}

bool page_add_paragraph(struct page *page, const struct paragraph *paragraph, struct error *error)
{
	if (!grow(&page->paragraphs, page->paragraph_count, sizeof *paragraph, "paragraphs", error))
		return false;
	page->paragraphs[page->paragraph_count++] = *paragraph;
	return true;
}

bool page_add_line(struct page *page, const struct line *line, struct error *error)
{
	if (!grow(&page->lines, page->line_count, sizeof *line, "lines", error))
		return false;
	struct line *added = &page->lines[page->line_count++];
	*added = *line;
	added->first_word = page->word_count;
	added->word_count = 0;
	return true;
}

bool page_add_word(struct page *page, const struct word *word, struct error *error)
{
	if (!page->line_count)
		return error_set(error, ERROR_INTERNAL, "a word came before the first line");
	if (!word->text || !*word->text)
		return error_set(error, ERROR_INTERNAL, "a word has no text");
	if (!grow(&page->words, page->word_count, sizeof *word, "words", error))
		return false;
	struct word copy = *word;
	copy.text = strdup(word->text);
	bool has_language = word->language && *word->language;
	copy.language = has_language ? strdup(word->language) : NULL;
	if (!copy.text || (has_language && !copy.language)) {
		free(copy.text);
		free(copy.language);
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for the words of a page");
	}
	page->words[page->word_count++] = copy;
	page->lines[page->line_count - 1].word_count++;
	return true;
}

bool page_find_mrz(struct page *page, struct error *error)
{
	struct mrz zone;
	if (!page->text || !mrz_find(page->text, strlen(page->text), clock_unix_ms(), &zone))
		return true;
	page->mrz = malloc(sizeof zone);
	if (!page->mrz)
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for the machine readable zone of a page");
	*page->mrz = zone;
	return true;
}

void page_free(struct page *page)
{
	for (size_t index = 0; index < page->word_count; index++) {
		free(page->words[index].text);
		free(page->words[index].language);
	}
	free(page->text);
	free(page->blocks);
	free(page->paragraphs);
	free(page->lines);
	free(page->words);
	free(page->mrz);
	page_image_free(&page->image);
	*page = (struct page){ 0 };
}

/* ---- checking ---- */

static bool box_lies_on(const struct page *page, const struct box *box)
{
	return box->x >= 0 && box->y >= 0 && box->width >= 0 && box->height >= 0 && box->x <= page->width &&
	       box->y <= page->height && box->width <= page->width - box->x && box->height <= page->height - box->y;
}

static bool confidence_valid(float confidence)
{
	return confidence >= 0 && confidence <= 100; /* false for a NaN */
}

static bool right_angle(int32_t degrees)
{
	return degrees == 0 || degrees == 90 || degrees == 180 || degrees == 270;
}

static bool utf8_valid(const char *text)
{
	size_t length = strlen(text);
	for (size_t index = 0; index < length;) {
		size_t size = json_text_utf8_length(text + index, length - index);
		if (!size)
			return false;
		index += size;
	}
	return true;
}

static bool check_head(const struct page *page, struct error *error)
{
	if (page->number < 1)
		return error_set(error, ERROR_INTERNAL, "page number %d", page->number);
	if (page->width < 1 || page->width > PAGE_LONGEST_SIDE_PX || page->height < 1 ||
	    page->height > PAGE_LONGEST_SIDE_PX)
		return error_set(error, ERROR_INTERNAL, "page of %d x %d px", page->width, page->height);
	if (page->dpi < 0 || page->dpi > PAGE_LONGEST_SIDE_PX || !right_angle(page->rotation) ||
	    !confidence_valid(page->confidence))
		return error_set(error, ERROR_INTERNAL, "page with dpi %d, rotation %d, confidence %g", page->dpi,
				 page->rotation, (double)page->confidence);
	if (!(fabsf(page->skew_degrees) <= TURN_MOST_SKEW_DEGREES) || !(page->enlarged >= 0 && page->enlarged <= TURN_MOST_SCALE))
		return error_set(error, ERROR_INTERNAL, "page with a skew of %g, enlarged %g times",
				 (double)page->skew_degrees, (double)page->enlarged);
	if ((int)page->source < 0 || page->source >= PAGE_SOURCE_COUNT || (int)page->text_layer_fault < 0 ||
	    page->text_layer_fault >= TEXT_LAYER_FAULT_COUNT)
		return error_set(error, ERROR_INTERNAL, "page of an unknown source");
	if (page->decode_ms < 0 || page->layout_ms < 0 || page->recognise_ms < 0)
		return error_set(error, ERROR_INTERNAL, "page with times below zero");
	if (page->text && !utf8_valid(page->text))
		return error_set(error, ERROR_INTERNAL, "page text is not UTF-8");
	return true;
}

static bool has_text(const struct block *block)
{
	return block->kind != BLOCK_IMAGE && block->kind != BLOCK_SEPARATOR;
}

/* Paragraphs follow their blocks' order and count 1, 2, … within each. */
static bool check_blocks(const struct page *page, struct error *error)
{
	for (size_t index = 0; index < page->block_count; index++) {
		const struct block *block = &page->blocks[index];
		if (!box_lies_on(page, &block->box) || block->number < 1 || (size_t)block->number != index + 1 ||
		    (int)block->kind < 0 || block->kind >= BLOCK_KIND_COUNT)
			return error_set(error, ERROR_INTERNAL, "block %zu has a wrong box, number or kind", index + 1);
	}
	int32_t last_block = 0, last_number = 0;
	for (size_t index = 0; index < page->paragraph_count; index++) {
		const struct paragraph *paragraph = &page->paragraphs[index];
		if (!box_lies_on(page, &paragraph->box) || paragraph->block < 1 ||
		    (size_t)paragraph->block > page->block_count || paragraph->block < last_block)
			return error_set(error, ERROR_INTERNAL, "paragraph %zu has a wrong box or block", index);
		if (paragraph->number != (paragraph->block == last_block ? last_number + 1 : 1) ||
		    !has_text(&page->blocks[paragraph->block - 1]))
			return error_set(error, ERROR_INTERNAL, "paragraph %zu has a wrong number or block", index);
		last_block = paragraph->block;
		last_number = paragraph->number;
	}
	return true;
}

static bool check_line(const struct page *page, const struct line *line)
{
	for (int index = 0; index < 4; index++)
		if (line->baseline[index] < -2 * PAGE_LONGEST_SIDE_PX || line->baseline[index] > 2 * PAGE_LONGEST_SIDE_PX)
			return false;
	const float row[3] = { line->row_height_px, line->descenders_px, line->ascenders_px };
	for (int index = 0; index < 3; index++)
		if (!isfinite(row[index]) || fabsf(row[index]) > PAGE_LONGEST_SIDE_PX)
			return false;
	return box_lies_on(page, &line->box) && confidence_valid(line->confidence) && right_angle(line->orientation);
}

/* Lines follow their paragraphs' order, and their words lie one behind the other without a gap. */
static bool check_lines(const struct page *page, struct error *error)
{
	size_t paragraph = 0, next_word = 0;
	for (size_t index = 0; index < page->line_count; index++) {
		const struct line *line = &page->lines[index];
		if (!check_line(page, line))
			return error_set(error, ERROR_INTERNAL, "line %zu has a wrong box or number", index);
		while (paragraph < page->paragraph_count && (page->paragraphs[paragraph].block != line->block ||
							     page->paragraphs[paragraph].number != line->paragraph))
			paragraph++;
		if (paragraph == page->paragraph_count)
			return error_set(error, ERROR_INTERNAL,
					 "line %zu is in block %d, paragraph %d, which is not there or comes before",
					 index, line->block, line->paragraph);
		if (line->first_word != next_word || line->word_count > page->word_count - next_word)
			return error_set(error, ERROR_INTERNAL, "line %zu has wrong words", index);
		next_word += line->word_count;
	}
	if (next_word != page->word_count)
		return error_set(error, ERROR_INTERNAL, "words without a line");
	return true;
}

bool page_check(const struct page *page, struct error *error)
{
	if (page->block_count > PAGE_MOST_WORDS || page->paragraph_count > PAGE_MOST_WORDS ||
	    page->line_count > PAGE_MOST_WORDS || page->word_count > PAGE_MOST_WORDS)
		return error_set(error, ERROR_INTERNAL, "page of more than %d parts", PAGE_MOST_WORDS);
	if (!check_head(page, error) || !check_blocks(page, error) || !check_lines(page, error))
		return false;
	for (size_t index = 0; index < page->word_count; index++) {
		const struct word *word = &page->words[index];
		if (!box_lies_on(page, &word->box) || !confidence_valid(word->confidence) ||
		    (int)word->direction < 0 || word->direction > WORD_RIGHT_TO_LEFT)
			return error_set(error, ERROR_INTERNAL, "word %zu has a wrong box or confidence", index);
		if (!word->text || !*word->text || !utf8_valid(word->text) ||
		    (word->language && !utf8_valid(word->language)))
			return error_set(error, ERROR_INTERNAL, "word %zu has no text or not UTF-8", index);
	}
	return true;
}

/* ---- writing ---- */

static char *put_integer(char *end, int64_t value)
{
	char digits[24];
	size_t count = 0;
	uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
	do
		digits[count++] = (char)('0' + rest % 10);
	while (rest /= 10);
	if (value < 0)
		*end++ = '-';
	while (count)
		*end++ = digits[--count];
	return end;
}

static void append_integer(struct buffer *out, int64_t value)
{
	char text[24];
	buffer_append(out, text, (size_t)(put_integer(text, value) - text));
}

/* At most two decimals, or (exact) as many digits as give the same float again. */
static void append_number(struct buffer *out, float value, bool exact)
{
	if (exact) {
		/* JSON's "-0" is an integer, which has no sign at zero. */
		if (value == 0 && signbit(value))
			buffer_append_string(out, "-0.0");
		else
			buffer_printf(out, "%.9g", (double)value);
		return;
	}
	long hundredths = lround((double)value * 100);
	char text[32];
	char *end = text;
	if (hundredths < 0) {
		*end++ = '-';
		hundredths = -hundredths;
	}
	end = put_integer(end, hundredths / 100);
	if (hundredths % 100) {
		*end++ = '.';
		*end++ = (char)('0' + hundredths % 100 / 10);
		if (hundredths % 10)
			*end++ = (char)('0' + hundredths % 10);
	}
	buffer_append(out, text, (size_t)(end - text));
}

/* Whether append_number writes it as 0, so that it can be left out. */
static bool written_as_zero(float value, bool exact)
{
	return exact ? value == 0 && !signbit(value) : lround((double)value * 100) == 0;
}

static void append_unless_zero(struct buffer *out, const char *before, float value, bool exact)
{
	if (written_as_zero(value, exact))
		return;
	buffer_append_string(out, before);
	append_number(out, value, exact);
}

static void append_integers(struct buffer *out, const char *before, const int32_t values[static 4])
{
	char text[64];
	char *end = text;
	for (int index = 0; index < 4; index++) {
		*end++ = index ? ',' : '[';
		end = put_integer(end, values[index]);
	}
	*end++ = ']';
	buffer_append_string(out, before);
	buffer_append(out, text, (size_t)(end - text));
}

static void append_box(struct buffer *out, const char *before, const struct box *box)
{
	append_integers(out, before, (const int32_t[4]){ box->x, box->y, box->width, box->height });
}

static void append_string(struct buffer *out, const char *before, const char *text)
{
	buffer_append_string(out, before);
	json_text_string(out, text, strlen(text));
}

static void append_member(struct buffer *out, const char *before, int64_t value)
{
	buffer_append_string(out, before);
	append_integer(out, value);
}

static void write_word(const struct word *word, const char *page_language, bool exact, struct buffer *out)
{
	static const char *const directions[] = { "", ",\"dir\":\"ltr\"", ",\"dir\":\"rtl\"" };
	append_box(out, "{\"box\":", &word->box);
	append_string(out, ",\"text\":", word->text);
	buffer_append_string(out, ",\"confidence\":");
	append_number(out, word->confidence, exact);
	if (word->language && (!page_language || strcmp(word->language, page_language) != 0))
		append_string(out, ",\"lang\":", word->language);
	if (!word->language && page_language)
		buffer_append_string(out, ",\"lang\":null");
	buffer_append_string(out, directions[word->direction]);
	buffer_append_char(out, '}');
}

/* The words joined by blanks, as one string: each word's opening quote becomes the blank, its closing one goes. */
static void write_line_text(const struct word *words, size_t count, struct buffer *out)
{
	buffer_append_string(out, ",\"text\":");
	for (size_t index = 0; index < count; index++) {
		size_t start = out->length;
		json_text_string(out, words[index].text, strlen(words[index].text));
		if (out->failed)
			return;
		if (index)
			out->data[start] = ' ';
		out->length--;
	}
	buffer_append_string(out, count ? "\"" : "\"\"");
}

static void write_line(const struct page *page, const struct line *line, const char *language, bool exact,
		       struct buffer *out)
{
	const struct word *words = line->word_count ? &page->words[line->first_word] : NULL;
	append_box(out, "{\"box\":", &line->box);
	write_line_text(words, line->word_count, out);
	buffer_append_string(out, ",\"confidence\":");
	append_number(out, line->confidence, exact);
	buffer_append_string(out, ",\"words\":[");
	for (size_t index = 0; index < line->word_count; index++) {
		if (index)
			buffer_append_char(out, ',');
		write_word(&words[index], language, exact, out);
	}
	append_member(out, "],\"block\":", line->block);
	append_member(out, ",\"paragraph\":", line->paragraph);
	const int32_t *baseline = line->baseline;
	if (baseline[0] || baseline[1] || baseline[2] || baseline[3])
		append_integers(out, ",\"baseline\":", baseline);
	const float row[3] = { line->row_height_px, line->descenders_px, line->ascenders_px };
	if (!written_as_zero(row[0], exact) || !written_as_zero(row[1], exact) || !written_as_zero(row[2], exact)) {
		buffer_append_string(out, ",\"row\":");
		for (int index = 0; index < 3; index++) {
			buffer_append_char(out, index ? ',' : '[');
			append_number(out, row[index], exact);
		}
		buffer_append_char(out, ']');
	}
	if (line->orientation)
		append_member(out, ",\"orientation\":", line->orientation);
	buffer_append_char(out, '}');
}

static void write_blocks(const struct page *page, struct buffer *out)
{
	buffer_append_string(out, "],\"blocks\":[");
	for (size_t index = 0; index < page->block_count; index++) {
		append_box(out, index ? ",{\"box\":" : "{\"box\":", &page->blocks[index].box);
		append_string(out, ",\"kind\":", block_kind_names[page->blocks[index].kind]);
		buffer_append_char(out, '}');
	}
	buffer_append_string(out, "],\"paragraphs\":[");
	for (size_t index = 0; index < page->paragraph_count; index++) {
		const struct paragraph *paragraph = &page->paragraphs[index];
		append_box(out, index ? ",{\"box\":" : "{\"box\":", &paragraph->box);
		append_member(out, ",\"block\":", paragraph->block);
		append_member(out, ",\"number\":", paragraph->number);
		buffer_append_string(out, paragraph->right_to_left ? ",\"rtl\":true}" : "}");
	}
}

static void write_page(const struct page *page, bool exact, struct buffer *out)
{
	const char *language = page->word_count ? page->words[0].language : NULL;
	append_member(out, "{\"page\":", page->number);
	append_member(out, ",\"width\":", page->width);
	append_member(out, ",\"height\":", page->height);
	append_member(out, ",\"dpi\":", page->dpi);
	append_member(out, ",\"rotation\":", page->rotation);
	append_unless_zero(out, ",\"skew\":", page->skew_degrees, exact);
	append_unless_zero(out, ",\"enlarged\":", page->enlarged, exact);
	if (page->uneven_light)
		buffer_append_string(out, ",\"uneven_light\":true");
	append_string(out, ",\"source\":", page_source_names[page->source]);
	if (page->text_layer_fault)
		append_string(out, ",\"text_layer\":", text_layer_fault_names[page->text_layer_fault]);
	append_string(out, ",\"text\":", page->text ? page->text : "");
	buffer_append_string(out, ",\"confidence\":");
	append_number(out, page->confidence, exact);
	if (language)
		append_string(out, ",\"lang\":", language);
	buffer_append_string(out, ",\"lines\":[");
	for (size_t index = 0; index < page->line_count; index++) {
		if (index)
			buffer_append_char(out, ',');
		write_line(page, &page->lines[index], language, exact, out);
	}
	write_blocks(page, out);
	buffer_append_char(out, ']');
	if (page->mrz) {
		buffer_append_string(out, ",\"mrz\":");
		mrz_write_json(page->mrz, out);
	}
	append_member(out, ",\"ms\":{\"decode\":", page->decode_ms);
	append_member(out, ",\"layout\":", page->layout_ms);
	append_member(out, ",\"recognise\":", page->recognise_ms);
	buffer_append_string(out, "}}");
}

void page_write_json(const struct page *page, struct buffer *out)
{
	write_page(page, false, out);
}

void page_write_exact_json(const struct page *page, struct buffer *out)
{
	write_page(page, true, out);
}
