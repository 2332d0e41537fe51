/*
 * What a recogniser that was not made for zones makes of their fillers, undone: in their runs it sees K, X and small letters,
 * one more or less of them, and beside a run "K<" or "<X" for one filler. Whether a K that a run begins with ends the name
 * before it cannot be seen in the zone (MARIAK<<, MARK<<), so the page is asked, which says names in its upper part, too.
 */
#include <string.h>
#include <strings.h>

#include "common/mrz/mrz_private.h"

#define FILLER '<'
#define MOST_MOVED 8 /* fillers put in or taken out inside a line */

/* A line on its way to its length. */
struct fitting {
	char text[MRZ_LONGEST_READ];
	bool doubtful[MRZ_LONGEST_READ]; /* a K or X at the edge of a run: a letter, or a part of the filler beside it */
	bool likely[MRZ_LONGEST_READ];	 /* and there are others within that run */
	size_t length;
	int changed;
};

static bool is_letter(char character)
{
	return character >= 'A' && character <= 'Z';
}

/* ---- the page ---- */

static bool is_word_byte(char character)
{
	return is_letter(character) || (character >= 'a' && character <= 'z') || ((unsigned char)character & 0x80);
}

static bool line_says(const char *line, size_t length, const char *word, size_t word_length)
{
	if (memchr(line, FILLER, length))
		return false;
	for (size_t at = 0; at + word_length <= length; at++)
		if (strncasecmp(line + at, word, word_length) == 0 && (at == 0 || !is_word_byte(line[at - 1])) &&
		    (at + word_length == length || !is_word_byte(line[at + word_length])))
			return true;
	return false;
}

bool mrz_page_says(const struct mrz_reader *page, const char *word, size_t length)
{
	for (size_t start = 0; length > 1 && start < page->length;) {
		const char *newline = memchr(page->text + start, '\n', page->length - start);
		size_t end = newline ? (size_t)(newline - page->text) : page->length;
		if (line_says(page->text + start, end - start, word, length))
			return true;
		start = end + 1;
	}
	return false;
}

/* The letters around `at`, that one among them. */
static size_t word_around(const char *text, size_t length, size_t at, size_t *start)
{
	size_t end = at + 1;
	*start = at;
	while (*start > 0 && is_letter(text[*start - 1]))
		--*start;
	while (end < length && is_letter(text[end]))
		end++;
	return end - *start;
}

/* ---- runs of fillers ---- */

static bool is_junk(const struct mrz_candidate *candidate, size_t at)
{
	return candidate->weak[at] || candidate->text[at] == 'K' || candidate->text[at] == 'X';
}

/* The characters from `start` to `end` are fillers and junk, as many as stand together. */
static void clean_run(const struct mrz_candidate *candidate, size_t start, size_t end, struct fitting *fitting)
{
	size_t fillers = 0, inside = 0;
	for (size_t at = start; at < end; at++)
		fillers += candidate->text[at] == FILLER;
	for (size_t at = start; fillers && at < end; at++) {
		bool edge = (at == start && start > 0) || (at + 1 == end && end < candidate->length);
		if (candidate->text[at] == FILLER)
			continue;
		fitting->doubtful[at] = edge && !candidate->weak[at];
		if (fitting->doubtful[at] || (edge && !strchr("CEKQSXLZ", candidate->text[at])))
			continue;
		fitting->text[at] = FILLER;
		fitting->changed++;
		inside++;
	}
	for (size_t at = start; at < end; at++)
		fitting->likely[at] = fitting->doubtful[at] && inside > 0;
}

static void clean_runs(const struct mrz_candidate *candidate, struct fitting *fitting)
{
	for (size_t start = 0, end; start < candidate->length; start = end + 1) {
		for (end = start; end < candidate->length &&
				  (candidate->text[end] == FILLER || is_junk(candidate, end));)
			end++;
		clean_run(candidate, start, end, fitting);
	}
}

/* A single letter between fillers, as in JOHN<K<<<: stays when it is all there is to doubt. */
static void keep_initial(const struct mrz_candidate *candidate, struct fitting *fitting)
{
	if (fitting->changed != 1)
		return;
	for (size_t at = 2; at + 2 < candidate->length; at++)
		if (fitting->text[at] != candidate->text[at] && !candidate->weak[at] &&
		    candidate->text[at - 1] == FILLER && is_letter(candidate->text[at - 2]) &&
		    candidate->text[at + 1] == FILLER && candidate->text[at + 2] == FILLER) {
			fitting->text[at] = candidate->text[at];
			fitting->changed--;
			memset(fitting->likely, 0, sizeof fitting->likely);
			return;
		}
}

static void take_out(struct fitting *fitting, size_t at, size_t count)
{
	size_t rest = fitting->length - at - count;
	memmove(fitting->text + at, fitting->text + at + count, rest);
	memmove(fitting->doubtful + at, fitting->doubtful + at + count, rest);
	memmove(fitting->likely + at, fitting->likely + at + count, rest);
	fitting->length -= count;
	fitting->changed += (int)count;
}

/* From the right: what is too much goes of the unknown and the doubtful, unless it is in a word that the page says. */
static void decide_doubtful(struct fitting *fitting, const struct mrz_reader *page, size_t length)
{
	for (size_t at = fitting->length; at-- > 0;) {
		size_t start, word = word_around(fitting->text, fitting->length, at, &start);
		bool unknown = fitting->text[at] == MRZ_UNKNOWN;
		if (!unknown && (!fitting->doubtful[at] || mrz_page_says(page, fitting->text + start, word)))
			continue;
		if (fitting->length > length) {
			take_out(fitting, at, 1);
		} else if (fitting->likely[at]) {
			fitting->text[at] = FILLER;
			fitting->changed++;
		}
	}
}

/* The longest run of fillers: where it begins and how long it is. */
static size_t longest_run(const struct fitting *fitting, size_t *start)
{
	size_t best = 0, run = 0;
	*start = 0;
	for (size_t index = 0; index < fitting->length; index++) {
		run = fitting->text[index] == FILLER ? run + 1 : 0;
		if (run > best) {
			best = run;
			*start = index + 1 - run;
		}
	}
	return best;
}

bool mrz_candidate_fit(const struct mrz_candidate *candidate, const struct mrz_reader *page, size_t length,
		       char line[static MRZ_LINE_SIZE], int *corrections)
{
	struct fitting fitting = { .length = candidate->length };
	if (length >= MRZ_LINE_SIZE)
		return false;
	memcpy(fitting.text, candidate->text, candidate->length);
	clean_runs(candidate, &fitting);
	if (fitting.length == length)
		keep_initial(candidate, &fitting);
	decide_doubtful(&fitting, page, length);
	size_t start, run = longest_run(&fitting, &start), read = fitting.length;
	size_t missing = length > read ? length - read : 0, extra = read > length ? read - length : 0;
	bool at_end = start + run == read;
	if ((missing && run < 2) || ((missing > MOST_MOVED || extra > MOST_MOVED) && !at_end) || (extra && run < extra + 2))
		return false;
	if (extra)
		take_out(&fitting, start, extra);
	size_t head = missing ? start + run : fitting.length;
	memcpy(line, fitting.text, head);
	memset(line + head, FILLER, missing);
	memcpy(line + head + missing, fitting.text + head, fitting.length - head);
	line[length] = '\0';
	*corrections += candidate->changed + fitting.changed + (int)missing;
	return true;
}

/* ---- names ---- */

/* Takes `count` characters out of a field of `room` characters, whose end is filled. */
static void close_up(char *text, size_t count, size_t room)
{
	memmove(text, text + count, room - count);
	memset(text + room - count, FILLER, count);
}

/* Without the letters from `at` to `end`, is what is left and right of them what the page says? */
static bool parts_said(const char *name, size_t length, size_t at, size_t end, const struct mrz_reader *page)
{
	return end - at < length && (at == 0 || mrz_page_says(page, name, at)) &&
	       (end == length || mrz_page_says(page, name + end, length - end));
}

/* The name of `length` letters at `text`, of which `room` characters are left in its field; see mrz_names_part. */
static int part_name(char *text, size_t length, size_t room, const struct mrz_reader *page)
{
	if (mrz_page_says(page, text, length))
		return 0;
	for (size_t at = 0; at < length; at++)
		for (size_t junk = strspn(text + at, "KX"); junk > 0; junk--) {
			bool inside = at > 0 && at + junk < length;
			if (!parts_said(text, length, at, at + junk, page))
				continue;
			if (inside)
				text[at] = FILLER;
			close_up(text + at + inside, junk - inside, room - at - inside);
			return (int)junk;
		}
	return 0;
}

/* Three fillers or more before a name that the page says are two. */
static int close_gap(char *text, size_t room, const struct mrz_reader *page)
{
	size_t gap = strspn(text, "<"), name = gap;
	while (name < room && is_letter(text[name]))
		name++;
	if (gap < 3 || gap >= room || !mrz_page_says(page, text + gap, name - gap))
		return 0;
	close_up(text, gap - 2, room);
	return (int)gap - 2;
}

int mrz_names_part(char *text, size_t length, const struct mrz_reader *page)
{
	int changed = 0;
	for (size_t start = 0; start < length; start++) {
		bool begins = is_letter(text[start]) && (start == 0 || !is_letter(text[start - 1]));
		size_t name = start;
		while (begins && name < length && is_letter(text[name]))
			name++;
		changed += begins ? part_name(text + start, name - start, length - start, page) : 0;
	}
	for (size_t start = 1; start < length; start++)
		if (text[start] == FILLER && text[start - 1] != FILLER)
			changed += close_gap(text + start, length - start, page);
	return changed;
}
