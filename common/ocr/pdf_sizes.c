/* Finds "/Width N" and the "/Height N" of the same dictionary. What is not certain makes the list incomplete. */
#include "common/ocr/pdf_sizes.h"

#include <string.h>

#define DICTIONARY_REACH_BYTES 4096 /* a dictionary is looked through this far to either side */

struct text {
	const char *at, *end;
};

static bool is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == '\f' || c == '\0';
}

static void skip_spaces(struct text *text)
{
	while (text->at < text->end && is_space(*text->at))
		text->at++;
}

/* A whole number at `text`, which moves behind it; -1 when there is none or it is absurd. */
static int64_t read_number(struct text *text)
{
	int64_t value = -1;
	skip_spaces(text);
	for (; text->at < text->end && *text->at >= '0' && *text->at <= '9' && value < INT32_MAX; text->at++)
		value = (value < 0 ? 0 : value) * 10 + (*text->at - '0');
	return value <= INT32_MAX ? value : -1;
}

/* The number after the name at `text->at`; -1 when it is no number, or the first of a reference ("12 0 R"). */
static int64_t value_of(struct text text, size_t name_length)
{
	text.at += name_length;
	int64_t value = read_number(&text);
	struct text after = text;
	bool reference = read_number(&after) >= 0 && after.at > text.at;
	skip_spaces(&after);
	return reference && after.at < after.end && *after.at == 'R' ? -1 : value;
}

/* Where `name` (with its slash) stands as a whole name within `text`; NULL when it does not. */
static const char *find_name(struct text text, const char *name)
{
	size_t length = strlen(name);
	while ((text.at = memmem(text.at, (size_t)(text.end - text.at), name, length))) {
		const char *after = text.at + length;
		if (after < text.end && (is_space(*after) || (*after >= '0' && *after <= '9')))
			return text.at;
		text.at = after;
	}
	return NULL;
}

/* The bytes around `at` up to the words that no dictionary goes beyond. */
static struct text dictionary_around(const char *at, struct text all)
{
	struct text found = { at - all.at > DICTIONARY_REACH_BYTES ? at - DICTIONARY_REACH_BYTES : all.at,
			      all.end - at > DICTIONARY_REACH_BYTES ? at + DICTIONARY_REACH_BYTES : all.end };
	const char *start;
	while ((start = memmem(found.at, (size_t)(at - found.at), "obj", 3)))
		found.at = start + 3;
	const char *end;
	if ((end = memmem(at, (size_t)(found.end - at), "stream", 6)))
		found.end = end;
	if ((end = memmem(at, (size_t)(found.end - at), "endobj", 6)))
		found.end = end;
	return found;
}

static void add(struct pdf_sizes *sizes, int64_t width, int64_t height)
{
	for (size_t i = 0; i < sizes->count; i++)
		if (sizes->sizes[i].width == width && sizes->sizes[i].height == height)
			return;
	if (width <= 0 || height <= 0 || sizes->count == PDF_SIZES_MOST)
		sizes->complete = false;
	else
		sizes->sizes[sizes->count++] = (struct pdf_size){ (int32_t)width, (int32_t)height };
}

void pdf_sizes_find(const void *bytes, size_t length, struct pdf_sizes *sizes)
{
	const struct text all = { bytes, (const char *)bytes + length };
	struct text rest = all;
	sizes->count = 0;
	sizes->complete = true;
	while ((rest.at = find_name(rest, "/Width"))) {
		struct text dictionary = dictionary_around(rest.at, all);
		const char *height = find_name(dictionary, "/Height");
		if (height)
			add(sizes, value_of(rest, strlen("/Width")),
			    value_of((struct text){ height, dictionary.end }, strlen("/Height")));
		rest.at += strlen("/Width");
	}
}
