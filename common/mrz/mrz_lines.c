/* Lines of a page that may be lines of a zone, in its alphabet; and the dates of a zone. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/mrz/mrz_private.h"

#define SHORTEST_READ 22
#define MOST_UNKNOWN 4 /* characters that no line of a zone has, for which something was taken */

/* What recognisers make of one filler, or of two. */
static const struct {
	const char *read;
	const char *meant;
} fillers[] = {
	{ "\xc2\xab", "<<" },	  /* « */
	{ "\xc2\xbb", "<<" },	  /* » */
	{ "\xe2\x80\xb9", "<" },  /* ‹ */
	{ "\xe2\x80\xba", "<" },  /* › */
	{ "\xe3\x80\x88", "<" },  /* 〈 */
	{ "\xe2\x9f\xa8", "<" },  /* ⟨ */
	{ "\xef\xbc\x9c", "<" },  /* ＜ */
	{ "\xe2\x89\xa4", "<" },  /* ≤ */
	{ "\xe2\x89\xaa", "<<" }, /* ≪ */
	{ "\xe2\x82\xac", "<" },  /* € */
	{ "(", "<" },		  { "{", "<" }, { "[", "<" }, { "_", "<" }, { "-", "<" },
};

/* One character of the page into the candidate. Its length goes into *size. */
static void take_character(const char *at, size_t left, struct mrz_candidate *candidate, size_t *size)
{
	char character = *at;
	*size = 1;
	if (character == ' ' || character == '\t' || character == '\r' || character == '.' || character == ',' ||
	    character == '\'')
		return;
	bool lower = character >= 'a' && character <= 'z';
	if (lower || character == '<' || (character >= '0' && character <= '9') ||
	    (character >= 'A' && character <= 'Z')) {
		candidate->weak[candidate->length] = lower;
		candidate->text[candidate->length++] = (char)(lower ? character - 'a' + 'A' : character);
		candidate->changed += lower;
		return;
	}
	for (size_t index = 0; index < sizeof fillers / sizeof *fillers; index++) {
		size_t length = strlen(fillers[index].read);
		if (length > left || memcmp(at, fillers[index].read, length) != 0)
			continue;
		*size = length;
		for (const char *filler = fillers[index].meant; *filler; filler++) {
			candidate->text[candidate->length++] = *filler;
			candidate->changed++;
		}
		return;
	}
	if (character == '|' || character == '!') {
		candidate->text[candidate->length++] = 'I';
		candidate->changed++;
		return;
	}
	candidate->weak[candidate->length] = true;
	candidate->text[candidate->length++] = MRZ_UNKNOWN;
	candidate->changed++;
	while (*size < left && ((unsigned char)at[*size] & 0xc0) == 0x80)
		++*size;
}

/* Lines of running text have letters enough, too; those of a zone have a filler, or are mostly digits and capitals. */
static bool looks_like_one(const struct mrz_candidate *candidate)
{
	size_t marks = 0, unknown = 0;
	for (size_t index = 0; index < candidate->length; index++) {
		marks += candidate->text[index] == '<' || (candidate->text[index] >= '0' && candidate->text[index] <= '9');
		unknown += candidate->text[index] == MRZ_UNKNOWN;
	}
	return candidate->length >= SHORTEST_READ && marks > 0 && unknown <= MOST_UNKNOWN &&
	       (size_t)candidate->changed * 2 <= candidate->length;
}

bool mrz_next_candidate(struct mrz_reader *reader, struct mrz_candidate *candidate)
{
	while (reader->position < reader->length) {
		const char *start = reader->text + reader->position;
		const char *newline = memchr(start, '\n', reader->length - reader->position);
		size_t length = newline ? (size_t)(newline - start) : reader->length - reader->position;
		reader->position += length + (newline != NULL);
		*candidate = (struct mrz_candidate){ 0 };
		size_t index = 0, size;
		for (; index < length && candidate->length + 2 < MRZ_LONGEST_READ; index += size)
			take_character(start + index, length - index, candidate, &size);
		if (index == length && looks_like_one(candidate))
			return true;
	}
	return false;
}

/* ---- dates ---- */

static int days_in(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return days[month - 1] + (month == 2 && leap);
}

/* Two digits; -1 for "<<", -2 for anything else. */
static int two_digits(const char *text)
{
	if (text[0] == '<' && text[1] == '<')
		return -1;
	if (text[0] < '0' || text[0] > '9' || text[1] < '0' || text[1] > '9')
		return -2;
	return (text[0] - '0') * 10 + text[1] - '0';
}

void mrz_date(const char text[static 6], enum mrz_date_window window, int64_t now_ms, char date[static MRZ_DATE_SIZE])
{
	int year = two_digits(text), month = two_digits(text + 2), day = two_digits(text + 4);
	time_t now_s = (time_t)(now_ms / 1000);
	struct tm now;
	*date = '\0';
	if (year < 0 || month == -2 || day == -2 || month > 12 || month == 0 || day == 0 || !gmtime_r(&now_s, &now))
		return;
	int this_year = now.tm_year + 1900;
	year += this_year - this_year % 100;
	if (window == MRZ_DATE_NEAR)
		year += year > this_year + 50 ? -100 : year <= this_year - 50 ? 100 : 0;
	else if (year > this_year || (year == this_year && (month > now.tm_mon + 1 ||
							    (month == now.tm_mon + 1 && day > now.tm_mday))))
		year -= 100;
	if (year < 1 || year > 9999 || (month > 0 && day > days_in(year, month)))
		return;
	/* Two digits each, and no more, whatever an analyser makes of the ranges above. */
	if (month < 0)
		(void)snprintf(date, MRZ_DATE_SIZE, "%04d", year);
	else if (day < 0)
		(void)snprintf(date, MRZ_DATE_SIZE, "%04d-%02d", year, month % 100);
	else
		(void)snprintf(date, MRZ_DATE_SIZE, "%04d-%02d-%02d", year, month % 100, day % 100);
}
