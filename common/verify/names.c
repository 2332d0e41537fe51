/* Texts are brought to plain words first; then comparing is simple. Lengths are bounded, so nothing here is slow. */
#include "common/verify/names.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/json_text.h"
#include "common/verify/letters.h"

#define MOST_WORDS 32
#define LONGEST_NAME 512

/* ---- to words ---- */

/* The capital of a small letter of the tables' scripts; others stay. */
static unsigned capital(unsigned code)
{
	if ((code >= 0xe0 && code <= 0xfe && code != 0xf7) || (code >= 0x430 && code <= 0x44f))
		return code - 0x20;
	if (code >= 0x450 && code <= 0x45f)
		return code - 0x50;
	if (code == 0xff)
		return 0x178;
	bool odd_small = (code >= 0x100 && code <= 0x137) || (code >= 0x14a && code <= 0x177) ||
			 (code >= 0x218 && code <= 0x21b) || code == 0x491;
	bool even_small = (code >= 0x139 && code <= 0x148) || (code >= 0x179 && code <= 0x17e);
	if (code != 0x131 && ((odd_small && code % 2 == 1) || (even_small && code % 2 == 0)))
		return code - 1;
	switch (code) { /* Greek with tonos and final sigma */
	case 0x3ac:
		return 0x386;
	case 0x3ad:
	case 0x3ae:
	case 0x3af:
		return code - 0x25;
	case 0x3cc:
		return 0x38c;
	case 0x3cd:
	case 0x3ce:
		return code - 0x3f;
	case 0x3c2:
		return 0x3a3;
	default:
		return code >= 0x3b1 && code <= 0x3c9 ? code - 0x20 : code;
	}
}

static const struct letter *find_letter(unsigned code)
{
	size_t low = 0, high = sizeof letters / sizeof *letters;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (letters[middle].code == code)
			return &letters[middle];
		if (letters[middle].code < code)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

static bool is_left_out(unsigned code)
{
	return code == '\'' || code == '.' || code == 0x2019 || code == 0x2bc || code == 0xb4 || code == '`' ||
	       (code >= 0x300 && code <= 0x36f); /* marks that follow their letter */
}

void name_words(const char *text, size_t length, enum name_spelling spelling, struct buffer *words)
{
	size_t start = words->length;
	bool space = false;
	for (size_t index = 0; index < length;) {
		size_t size = json_text_utf8_length(text + index, length - index);
		unsigned code = size ? capital(json_text_utf8_code(text + index, size)) : ' ';
		index += size ? size : 1;
		if (is_left_out(code))
			continue;
		if (code >= 'a' && code <= 'z')
			code -= 'a' - 'A';
		const char plain[2] = { (char)code, '\0' };
		bool ascii = (code >= 'A' && code <= 'Z') || (code >= '0' && code <= '9');
		const struct letter *letter = ascii ? NULL : find_letter(code);
		const char *written = ascii ? plain : !letter ? NULL : spelling == NAME_ICAO ? letter->icao : letter->plain;
		if (!written) {
			space = true;
			continue;
		}
		if (space && words->length > start)
			buffer_append_char(words, ' ');
		space = false;
		buffer_append_string(words, written);
	}
}

/* ---- names ---- */

struct word_list {
	const char *starts[MOST_WORDS];
	size_t lengths[MOST_WORDS];
	size_t count;
};

static void split(const char *words, struct word_list *list)
{
	list->count = 0;
	while (*words && list->count < MOST_WORDS) {
		size_t length = strcspn(words, " ");
		list->starts[list->count] = words;
		list->lengths[list->count++] = length;
		words += length + (words[length] == ' ');
	}
}

/* How many words of `some` are in `all`, each of `all` used once. */
static size_t words_found(const struct word_list *some, const struct word_list *all)
{
	bool used[MOST_WORDS] = { false };
	size_t found = 0;
	for (size_t index = 0; index < some->count; index++)
		for (size_t other = 0; other < all->count; other++)
			if (!used[other] && some->lengths[index] == all->lengths[other] &&
			    memcmp(some->starts[index], all->starts[other], some->lengths[index]) == 0) {
				used[other] = true;
				found++;
				break;
			}
	return found;
}

static size_t squeeze(const char *words, char joined[static LONGEST_NAME])
{
	size_t length = 0;
	for (; *words && length + 1 < LONGEST_NAME; words++)
		if (*words != ' ')
			joined[length++] = *words;
	joined[length] = '\0';
	return length;
}

/* Levenshtein's distance, one row at a time. */
static size_t edit_distance(const char *one, size_t one_length, const char *other, size_t other_length)
{
	size_t row[LONGEST_NAME];
	for (size_t column = 0; column <= other_length; column++)
		row[column] = column;
	for (size_t line = 1; line <= one_length; line++) {
		size_t diagonal = row[0];
		row[0] = line;
		for (size_t column = 1; column <= other_length; column++) {
			size_t changed = diagonal + (one[line - 1] != other[column - 1]);
			diagonal = row[column];
			size_t least = row[column] < row[column - 1] ? row[column] : row[column - 1];
			row[column] = least + 1 < changed ? least + 1 : changed;
		}
	}
	return row[other_length];
}

static double words_similarity(const char *claimed, const char *read, bool cut)
{
	char one[LONGEST_NAME], other[LONGEST_NAME];
	struct word_list claimed_words, read_words;
	size_t one_length = squeeze(claimed, one), other_length = squeeze(read, other);
	if (!one_length || !other_length)
		return 0;
	if (strcmp(one, other) == 0)
		return 1;
	split(claimed, &claimed_words);
	split(read, &read_words);
	size_t found = words_found(&claimed_words, &read_words);
	if (found == claimed_words.count && found == read_words.count)
		return 0.95;
	if (cut && other_length < one_length && strncmp(one, other, other_length) == 0)
		return 0.95;
	if (found && (found == claimed_words.count || found == read_words.count))
		return 0.8;
	size_t longest = one_length > other_length ? one_length : other_length;
	double similar = 1 - (double)edit_distance(one, one_length, other, other_length) / (double)longest;
	return similar < 0.79 ? similar : 0.79; /* letters that differ may be misread, or another name */
}

double name_similarity(const char *claimed, const char *read, bool cut)
{
	struct buffer claims[NAME_SPELLINGS] = { 0 }, reads[NAME_SPELLINGS] = { 0 };
	double best = 0;
	for (int spelling = 0; spelling < NAME_SPELLINGS; spelling++) {
		name_words(claimed, strlen(claimed), (enum name_spelling)spelling, &claims[spelling]);
		name_words(read, strlen(read), (enum name_spelling)spelling, &reads[spelling]);
	}
	for (int one = 0; one < NAME_SPELLINGS; one++)
		for (int other = 0; other < NAME_SPELLINGS; other++) {
			if (claims[one].failed || reads[other].failed)
				best = -1;
			if (best < 0 || !claims[one].data || !reads[other].data)
				continue;
			double similar = words_similarity(claims[one].data, reads[other].data, cut);
			if (similar > best)
				best = similar;
		}
	for (int spelling = 0; spelling < NAME_SPELLINGS; spelling++) {
		buffer_free(&claims[spelling]);
		buffer_free(&reads[spelling]);
	}
	return best;
}

/* True when the word stands in the text of name_words, as a whole. */
static bool word_in(const char *word, size_t length, const char *text)
{
	for (const char *at = text; (at = memmem(at, strlen(at), word, length)); at++)
		if ((at == text || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0'))
			return true;
	return false;
}

double name_share_in(const char *name, const struct buffer words[static NAME_SPELLINGS])
{
	double best = 0;
	for (int spelling = 0; spelling < NAME_SPELLINGS * NAME_SPELLINGS; spelling++) {
		struct buffer wanted = { 0 };
		struct word_list list;
		const struct buffer *text = &words[spelling / NAME_SPELLINGS];
		name_words(name, strlen(name), (enum name_spelling)(spelling % NAME_SPELLINGS), &wanted);
		if (wanted.failed)
			return -1;
		split(wanted.data ? wanted.data : "", &list);
		size_t found = 0;
		for (size_t index = 0; text->data && index < list.count; index++)
			found += word_in(list.starts[index], list.lengths[index], text->data);
		double share = list.count ? (double)found / (double)list.count : 0;
		best = share > best ? share : best;
		buffer_free(&wanted);
	}
	return best;
}
