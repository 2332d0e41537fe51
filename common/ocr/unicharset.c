/*
 * The character set is text, so reading it is cutting lines into fields. The widths and heights of glyphs, which only
 * the old engine used, are checked to be numbers and dropped.
 */
#include "common/ocr/unicharset.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/json_text.h"

#define UNICHARSET_LARGEST 32767 /* ids fit 15 bits (dawg.c); the largest known set has 4,603 */
#define FIELDS_MOST 16
#define SCRIPTS_MOST 256
#define DIRECTIONS 23

/* One field of a line, as bytes of the entry. */
struct field {
	const char *start;
	size_t length;
};

/* What is left to read, and where that is. */
struct unicharset_reader {
	const char *next, *end;
	int32_t line;
	struct error *error;
};

static bool fail(const struct unicharset_reader *reader, const char *what)
{
	return error_set(reader->error, ERROR_CONFIG, "character set, line %d: %s", (int)reader->line, what);
}

static bool is_blank(char byte)
{
	return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

/* The next line's fields; those after FIELDS_MOST belong to a comment. */
static bool next_line(struct unicharset_reader *reader, struct field fields[FIELDS_MOST], size_t *count)
{
	const char *end =
	    reader->next < reader->end ? memchr(reader->next, '\n', (size_t)(reader->end - reader->next)) : NULL;

	reader->line++;
	if (!end)
		return fail(reader, "the entry ends early");
	/* Tesseract reads lines in pieces of this size, so a longer one would be two to it. */
	if (end - reader->next >= 255)
		return fail(reader, "too long");
	*count = 0;
	for (const char *byte = reader->next; byte < end;) {
		if (*byte == '\0')
			return fail(reader, "holds a NUL");
		if (is_blank(*byte)) {
			byte++;
			continue;
		}
		const char *start = byte;
		while (byte < end && *byte && !is_blank(*byte))
			byte++;
		if (*count < FIELDS_MOST)
			fields[(*count)++] = (struct field){ start, (size_t)(byte - start) };
	}
	reader->next = end + 1;
	return true;
}

/* A whole number in the given base that fills the field. */
static bool field_number(const struct field *field, int base, long *value)
{
	char text[24];
	char *end;

	if (field->length == 0 || field->length >= sizeof text)
		return false;
	memcpy(text, field->start, field->length);
	text[field->length] = '\0';
	errno = 0;
	*value = strtol(text, &end, base);
	return *end == '\0' && errno == 0;
}

/* "0,255,0,255" or that with six real numbers after: glyph measures. Only their form is checked. */
static bool is_measures(const struct field *field)
{
	size_t commas = 0;

	for (size_t i = 0; i < field->length; i++) {
		if (field->start[i] == ',')
			commas++;
		else if (!memchr("0123456789.+-einfaINFA", field->start[i], 22))
			return false;
	}
	return commas == 3 || commas == 9;
}

static bool set_text(const struct unicharset_reader *reader, struct unichar *unichar, const struct field *field)
{
	/* Ligatures that have no code point of their own (unicharset.cpp, kCustomLigatures). */
	static const struct {
		const char *code, *text;
	} ligatures[] = {
		{ "\uE003", "ct" }, { "\uE006", "ſh" }, { "\uE007", "ſi" }, { "\uE008", "ſl" }, { "\uE009", "ſſ" }
	};

	if (field->length > UNICHAR_LONGEST_BYTES)
		return fail(reader, "a character of more than 30 bytes");
	for (size_t at = 0, step; at < field->length; at += step) {
		step = json_text_utf8_length(field->start + at, field->length - at);
		if (step == 0)
			return fail(reader, "not UTF-8");
	}
	memcpy(unichar->text, field->start, field->length);
	if (strcmp(unichar->text, "NULL") == 0)
		memcpy(unichar->text, " ", sizeof " ");
	for (size_t i = 0; i < sizeof ligatures / sizeof *ligatures; i++)
		if (strcmp(unichar->text, ligatures[i].code) == 0)
			memcpy(unichar->text, ligatures[i].text, strlen(ligatures[i].text) + 1);
	return true;
}

static bool set_script(const struct unicharset_reader *reader, struct unicharset *set, struct unichar *unichar,
		       const struct field *field)
{
	if (field->length >= sizeof *set->scripts)
		return fail(reader, "a script's name of more than 63 bytes");
	for (size_t i = 0; i < set->script_count; i++) {
		if (strlen(set->scripts[i]) == field->length &&
		    memcmp(set->scripts[i], field->start, field->length) == 0) {
			unichar->script = (uint16_t)i;
			return true;
		}
	}
	if (set->script_count == SCRIPTS_MOST)
		return fail(reader, "more than 256 scripts");
	memcpy(set->scripts[set->script_count], field->start, field->length);
	unichar->script = (uint16_t)set->script_count++;
	return true;
}

static bool read_unichar(struct unicharset_reader *reader, struct unicharset *set, int32_t id)
{
	struct unichar *unichar = &set->unichars[id];
	struct field fields[FIELDS_MOST];
	size_t count, at = 2;
	long value;

	if (!next_line(reader, fields, &count))
		return false;
	if (count < 3)
		return fail(reader, "fewer than three fields");
	if (!set_text(reader, unichar, &fields[0]))
		return false;
	if (!field_number(&fields[1], 16, &value))
		return fail(reader, "properties that are no number");
	unichar->properties = (uint8_t)(value & 0x1f);
	if (memchr(fields[at].start, ',', fields[at].length)) {
		if (!is_measures(&fields[at]) || ++at == count)
			return fail(reader, "glyph measures that are none");
	}
	if (!set_script(reader, set, unichar, &fields[at++]))
		return false;
	unichar->other_case = unichar->mirror = id;
	if (at < count && fields[at].start[0] != '#') {
		if (!field_number(&fields[at++], 10, &value))
			return fail(reader, "another case that is no number");
		if (value >= 0 && value < set->count)
			unichar->other_case = (int32_t)value;
	}
	long direction, mirror;
	if (at + 1 < count && field_number(&fields[at], 10, &direction) && field_number(&fields[at + 1], 10, &mirror)) {
		if (direction < 0 || direction >= DIRECTIONS)
			return fail(reader, "a direction that is none");
		unichar->direction = (uint8_t)direction;
		if (mirror >= 0 && mirror < set->count)
			unichar->mirror = (int32_t)mirror;
	}
	return true;
}

/* The index of a script, 0 (that of "NULL") when the set does not have it, as in Tesseract. */
static size_t script_index(const struct unicharset *set, const char *name)
{
	for (size_t i = 0; i < set->script_count; i++)
		if (strcmp(set->scripts[i], name) == 0)
			return i;
	return 0;
}

/* What follows from the scripts and directions (UNICHARSET::IsSpaceDelimited, Dict::IsSpaceDelimitedLang). */
static void derive(struct unicharset *set)
{
	static const char *const unspaced[] = { "Han", "Thai", "Hangul", "Hiragana", "Katakana" };
	int32_t left_to_right = 0, right_to_left = 0;

	set->space_delimited =
	    script_index(set, "Han") == 0 && script_index(set, "Katakana") == 0 && script_index(set, "Thai") == 0;
	for (int32_t id = 0; id < set->count; id++) {
		struct unichar *unichar = &set->unichars[id];

		/* A script that the set lacks counts as "NULL" here, so a unichar without a script is not space
		 * delimited. */
		unichar->space_delimited = true;
		for (size_t i = 0; i < sizeof unspaced / sizeof *unspaced; i++)
			if (unichar->script == script_index(set, unspaced[i]))
				unichar->space_delimited = false;
		left_to_right += unichar->direction == UNICHAR_LEFT_TO_RIGHT;
		right_to_left += unichar->direction == UNICHAR_RIGHT_TO_LEFT ||
				 unichar->direction == UNICHAR_RIGHT_TO_LEFT_ARABIC ||
				 unichar->direction == UNICHAR_ARABIC_NUMBER;
	}
	set->right_to_left = right_to_left > left_to_right;
}

static bool read_all(struct unicharset_reader *reader, struct unicharset *set)
{
	struct field fields[FIELDS_MOST];
	size_t count;
	long size;

	if (!next_line(reader, fields, &count))
		return false;
	if (count < 1 || !field_number(&fields[0], 10, &size) || size < 1 || size > UNICHARSET_LARGEST)
		return fail(reader, "not a count of characters");
	set->count = (int32_t)size;
	set->unichars = calloc((size_t)size, sizeof *set->unichars);
	set->scripts = calloc(SCRIPTS_MOST, sizeof *set->scripts);
	if (!set->unichars || !set->scripts)
		return error_set(reader->error, ERROR_OUT_OF_MEMORY, "no memory for a character set of %ld", size);
	memcpy(set->scripts[0], "NULL", sizeof "NULL");
	set->script_count = 1;
	for (int32_t id = 0; id < set->count; id++)
		if (!read_unichar(reader, set, id))
			return false;
	if (reader->next != reader->end)
		return fail(reader, "more follows after the last character");
	if (strcmp(set->unichars[UNICHAR_SPACE].text, " ") != 0)
		return error_set(reader->error, ERROR_CONFIG, "character set: the first character is not the space");
	return true;
}

struct unicharset *unicharset_new(const void *bytes, size_t length, struct error *error)
{
	struct unicharset *set = calloc(1, sizeof *set);

	if (!set) {
		error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a character set");
		return NULL;
	}
	struct unicharset_reader reader = { .next = bytes, .end = (const char *)bytes + length, .error = error };
	if (!read_all(&reader, set)) {
		unicharset_free(set);
		return NULL;
	}
	derive(set);
	return set;
}

void unicharset_mark(const struct unicharset *set, const char *text, uint8_t *marks)
{
	size_t step;

	for (; *text; text += step) {
		int32_t best = UNICHAR_NONE;

		step = 0;
		for (int32_t id = 0; id < set->count; id++) {
			size_t length = strlen(set->unichars[id].text);

			if (length > step && strncmp(text, set->unichars[id].text, length) == 0) {
				step = length;
				best = id;
			}
		}
		if (best != UNICHAR_NONE)
			marks[best] = 1;
		else
			step = json_text_utf8_length(text, strlen(text));
		if (step == 0)
			step = 1;
	}
}

void unicharset_free(struct unicharset *set)
{
	if (!set)
		return;
	free(set->unichars);
	free(set->scripts);
	free(set);
}
