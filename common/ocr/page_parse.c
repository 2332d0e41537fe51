/*
 * Pages from JSON that nobody vouches for. jansson parses, page_check (page.c) judges what came out; here each member is
 * taken with its type and range. jansson needs some 50 bytes for a value of two, so the number of values that a text can
 * hold is bounded before it is parsed: a reader that was taken over must not be able to fill the worker's memory.
 */
#include "common/ocr/page.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/*
 * Arrays and objects outside strings. The shortest honest ones are words ({"box":[0,0,1,1],"text":"a","confidence":0},
 * 2 in 45 bytes), so one in 12 bytes is never reached.
 */
static bool too_many_values(const char *bytes, size_t length)
{
	size_t most = length / 12 + 16, count = 0;
	bool in_string = false;
	for (size_t index = 0; index < length; index++) {
		char byte = bytes[index];
		if (in_string && byte == '\\')
			index++;
		else if (byte == '"')
			in_string = !in_string;
		else if (!in_string && (byte == '[' || byte == '{') && ++count > most)
			return true;
	}
	return false;
}

static bool refuse(struct error *error, const char *what)
{
	return error_set(error, ERROR_INTERNAL, "\"%s\" is missing or wrong", what);
}

static bool take_integer(const json_t *value, int64_t most, int64_t *integer)
{
	if (!json_is_integer(value))
		return false;
	json_int_t number = json_integer_value(value);
	*integer = number;
	return number >= -most && number <= most;
}

static bool get_int32(const json_t *object, const char *name, int32_t *number, struct error *error)
{
	int64_t integer;
	if (!take_integer(json_object_get(object, name), INT32_MAX, &integer))
		return refuse(error, name);
	*number = (int32_t)integer;
	return true;
}

static bool get_time(const json_t *object, const char *name, int64_t *ms, struct error *error)
{
	return take_integer(json_object_get(object, name), INT64_MAX / 1000000, ms) || refuse(error, name);
}

/* Numbers beyond a float's range would be undefined to convert; page_check sees to the rest. */
static bool take_float(const json_t *value, float *number)
{
	double real = json_number_value(value);
	if (!json_is_number(value) || !(real > -1e9 && real < 1e9))
		return false;
	*number = (float)real;
	return true;
}

static bool get_confidence(const json_t *object, float *confidence, struct error *error)
{
	return take_float(json_object_get(object, "confidence"), confidence) || refuse(error, "confidence");
}

/* Left out: 0. */
static bool get_float(const json_t *object, const char *name, float *number, struct error *error)
{
	const json_t *value = json_object_get(object, name);
	*number = 0.0f;
	return !value || take_float(value, number) || refuse(error, name);
}

static bool get_integers(const json_t *object, const char *name, int32_t values[static 4], struct error *error)
{
	const json_t *array = json_object_get(object, name);
	if (json_array_size(array) != 4)
		return refuse(error, name);
	for (size_t index = 0; index < 4; index++) {
		int64_t integer;
		if (!take_integer(json_array_get(array, index), 4 * PAGE_LONGEST_SIDE_PX, &integer))
			return refuse(error, name);
		values[index] = (int32_t)integer;
	}
	return true;
}

static bool get_box(const json_t *object, struct box *box, struct error *error)
{
	int32_t values[4];
	if (!get_integers(object, "box", values, error))
		return false;
	*box = (struct box){ values[0], values[1], values[2], values[3] };
	return true;
}

/* An array member; its size in *count. */
static bool get_array(const json_t *object, const char *name, const json_t **array, size_t *count, struct error *error)
{
	*array = json_object_get(object, name);
	*count = json_array_size(*array);
	return json_is_array(*array) || refuse(error, name);
}

/* Left out: false. */
static bool get_flag(const json_t *object, const char *name, bool *flag, struct error *error)
{
	const json_t *value = json_object_get(object, name);
	*flag = json_is_true(value);
	return !value || json_is_boolean(value) || refuse(error, name);
}

static bool parse_language(const json_t *object, const char *usual, const char **language, struct error *error)
{
	const json_t *value = json_object_get(object, "lang");
	*language = value ? json_string_value(value) : usual;
	if (value && !json_is_null(value) && (!*language || !**language))
		return refuse(error, "lang");
	return true;
}

static bool parse_word(struct page *page, const json_t *value, const char *page_language, struct error *error)
{
	struct word word = { 0 };
	const char *language, *direction;
	if (!get_box(value, &word.box, error) || !get_confidence(value, &word.confidence, error) ||
	    !parse_language(value, page_language, &language, error))
		return false;
	const char *text = json_string_value(json_object_get(value, "text"));
	if (!text || !*text)
		return refuse(error, "text");
	const json_t *dir = json_object_get(value, "dir");
	direction = json_string_value(dir);
	if (direction && strcmp(direction, "ltr") == 0)
		word.direction = WORD_LEFT_TO_RIGHT;
	else if (direction && strcmp(direction, "rtl") == 0)
		word.direction = WORD_RIGHT_TO_LEFT;
	else if (dir)
		return refuse(error, "dir");
	word.text = (char *)(uintptr_t)text; /* page_add_word copies them */
	word.language = (char *)(uintptr_t)language;
	return page_add_word(page, &word, error);
}

static bool parse_row(const json_t *value, struct line *line, struct error *error)
{
	const json_t *row = json_object_get(value, "row");
	if (!row)
		return true;
	if (json_array_size(row) != 3 || !take_float(json_array_get(row, 0), &line->row_height_px) ||
	    !take_float(json_array_get(row, 1), &line->descenders_px) ||
	    !take_float(json_array_get(row, 2), &line->ascenders_px))
		return refuse(error, "row");
	return true;
}

static bool parse_line(struct page *page, const json_t *value, const char *page_language, struct error *error)
{
	struct line line = { 0 };
	const json_t *words;
	size_t count;
	if (!get_box(value, &line.box, error) || !get_confidence(value, &line.confidence, error) ||
	    !get_int32(value, "block", &line.block, error) || !get_int32(value, "paragraph", &line.paragraph, error) ||
	    !parse_row(value, &line, error) || !get_array(value, "words", &words, &count, error))
		return false;
	if (json_object_get(value, "baseline") && !get_integers(value, "baseline", line.baseline, error))
		return false;
	if (json_object_get(value, "orientation") && !get_int32(value, "orientation", &line.orientation, error))
		return false;
	if (!page_add_line(page, &line, error))
		return false;
	for (size_t index = 0; index < count; index++)
		if (!parse_word(page, json_array_get(words, index), page_language, error))
			return error_prefix(error, "word %zu", index);
	return true;
}

/* A name of a list by its index; left out: the first one. */
static bool get_name(const json_t *object, const char *member, const char *const *names, int *index, struct error *error)
{
	const json_t *value = json_object_get(object, member);
	const char *given = json_string_value(value);
	for (*index = 0; value && names[*index] && (!given || strcmp(names[*index], given) != 0); ++*index)
		continue;
	return !value || names[*index] || refuse(error, member);
}

static bool parse_block(struct page *page, const json_t *value, struct error *error)
{
	struct block block = { .number = (int32_t)page->block_count + 1 };
	int kind;
	if (!json_object_get(value, "kind"))
		return refuse(error, "kind");
	if (!get_box(value, &block.box, error) || !get_name(value, "kind", block_kind_names, &kind, error))
		return false;
	block.kind = (enum block_kind)kind;
	return page_add_block(page, &block, error);
}

static bool parse_paragraph(struct page *page, const json_t *value, struct error *error)
{
	struct paragraph paragraph = { 0 };
	return get_box(value, &paragraph.box, error) && get_int32(value, "block", &paragraph.block, error) &&
	       get_int32(value, "number", &paragraph.number, error) &&
	       get_flag(value, "rtl", &paragraph.right_to_left, error) && page_add_paragraph(page, &paragraph, error);
}

static bool parse_head(struct page *page, const json_t *root, struct error *error)
{
	const json_t *ms = json_object_get(root, "ms");
	const char *text = json_string_value(json_object_get(root, "text"));
	int source, fault;
	if (!text)
		return refuse(error, "text");
	if (!get_name(root, "source", page_source_names, &source, error) ||
	    !get_name(root, "text_layer", text_layer_fault_names, &fault, error))
		return false;
	page->source = (enum page_source)source;
	page->text_layer_fault = (enum text_layer_fault)fault;
	if (!get_int32(root, "page", &page->number, error) || !get_int32(root, "width", &page->width, error) ||
	    !get_int32(root, "height", &page->height, error) || !get_int32(root, "dpi", &page->dpi, error) ||
	    !get_int32(root, "rotation", &page->rotation, error) ||
	    !get_float(root, "skew", &page->skew_degrees, error) || !get_float(root, "enlarged", &page->enlarged, error) ||
	    !get_flag(root, "uneven_light", &page->uneven_light, error) ||
	    !get_confidence(root, &page->confidence, error) || !get_time(ms, "decode", &page->decode_ms, error) ||
	    !get_time(ms, "layout", &page->layout_ms, error) ||
	    !get_time(ms, "recognise", &page->recognise_ms, error))
		return false;
	page->text = strdup(text);
	return page->text || error_set(error, ERROR_OUT_OF_MEMORY, "no memory for the text of a page");
}

static bool parse_parts(struct page *page, const json_t *root, struct error *error)
{
	const json_t *blocks, *paragraphs, *lines;
	size_t block_count, paragraph_count, line_count;
	const char *language;
	if (!get_array(root, "blocks", &blocks, &block_count, error) ||
	    !get_array(root, "paragraphs", &paragraphs, &paragraph_count, error) ||
	    !get_array(root, "lines", &lines, &line_count, error) || !parse_language(root, NULL, &language, error))
		return false;
	for (size_t index = 0; index < block_count; index++)
		if (!parse_block(page, json_array_get(blocks, index), error))
			return error_prefix(error, "block %zu", index);
	for (size_t index = 0; index < paragraph_count; index++)
		if (!parse_paragraph(page, json_array_get(paragraphs, index), error))
			return error_prefix(error, "paragraph %zu", index);
	for (size_t index = 0; index < line_count; index++)
		if (!parse_line(page, json_array_get(lines, index), language, error))
			return error_prefix(error, "line %zu", index);
	return true;
}

bool page_parse_json(struct page *page, const char *bytes, size_t length, struct error *error)
{
	json_error_t reason;
	*page = (struct page){ 0 };
	if (length > PAGE_LONGEST_JSON_BYTES || too_many_values(bytes, length))
		return error_set(error, ERROR_INTERNAL, "a page's JSON has too many bytes or values");
	json_t *root = json_loadb(bytes, length, 0, &reason);
	if (!root)
		return error_set(error, ERROR_INTERNAL, "a page's JSON at byte %d: %s", reason.position, reason.text);
	bool valid = parse_head(page, root, error) && parse_parts(page, root, error) && page_check(page, error);
	json_decref(root);
	if (!valid) {
		page_free(page);
		return error_prefix(error, "a page's JSON");
	}
	return true;
}
