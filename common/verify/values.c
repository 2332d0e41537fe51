/* Document numbers, dates and state codes: the part of names.h that is not about names. */
#include <string.h>

#include "common/verify/names.h"

#define LONGEST_NUMBER 128

/* ---- numbers ---- */

static char plain_character(char character)
{
	if (character >= 'a' && character <= 'z')
		return (char)(character - 'a' + 'A');
	return (character >= 'A' && character <= 'Z') || (character >= '0' && character <= '9') ? character : '\0';
}

static size_t squeeze_number(const char *text, char number[static LONGEST_NUMBER])
{
	size_t length = 0;
	for (; *text && length + 1 < LONGEST_NUMBER; text++)
		if (plain_character(*text))
			number[length++] = plain_character(*text);
	number[length] = '\0';
	return length;
}

double number_similarity(const char *claimed, const char *read)
{
	char one[LONGEST_NUMBER], other[LONGEST_NUMBER];
	size_t length = squeeze_number(claimed, one);
	if (!length || squeeze_number(read, other) != length)
		return 0;
	if (strcmp(one, other) == 0)
		return 1;
	for (size_t index = 0; index < length; index++) {
		const char *from = "OQDIBSZG", *to = "00018526";
		const char *found = strchr(from, one[index]);
		char a = found ? to[found - from] : one[index];
		found = strchr(from, other[index]);
		if (a != (found ? to[found - from] : other[index]))
			return 0;
	}
	return 0.9;
}

bool number_in(const char *number, const char *text, size_t length)
{
	char wanted[LONGEST_NUMBER];
	size_t count = squeeze_number(number, wanted);
	for (size_t start = 0; count && start < length; start++) {
		size_t at = start, got = 0;
		if (!plain_character(text[start]) || (start && plain_character(text[start - 1])))
			continue;
		while (at < length && got < count && (plain_character(text[at]) || text[at] == ' ' || text[at] == '-')) {
			char character = plain_character(text[at++]);
			if (character && character != wanted[got++]) {
				got = 0;
				break;
			}
		}
		if (got == count && (at == length || !plain_character(text[at])))
			return true;
	}
	return false;
}

/* ---- dates ---- */

static int digits_value(const char *text, size_t length)
{
	int value = 0;
	for (size_t index = 0; index < length; index++) {
		if (text[index] < '0' || text[index] > '9')
			return -1;
		value = value * 10 + text[index] - '0';
	}
	return value;
}

static bool read_iso(const char *date, int *year, int *month, int *day)
{
	if (strlen(date) != 10 || date[4] != '-' || date[7] != '-')
		return false;
	*year = digits_value(date, 4);
	*month = digits_value(date + 5, 2);
	*day = digits_value(date + 8, 2);
	return *year >= 0 && *month >= 0 && *day >= 0;
}

bool date_valid(const char *date)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int year, month, day;
	if (!read_iso(date, &year, &month, &day) || year < 1000 || month < 1 || month > 12 || day < 1)
		return false;
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return day <= days[month - 1] + (month == 2 && leap);
}

double date_similarity(const char *claimed, const char *read)
{
	size_t length = strlen(read);
	int year, month, day, read_year, read_month, read_day;
	if (strcmp(claimed, read) == 0)
		return 1;
	if ((length == 4 || length == 7) && strncmp(claimed, read, length) == 0)
		return 0.9;
	if (!read_iso(claimed, &year, &month, &day) || !read_iso(read, &read_year, &read_month, &read_day))
		return 0;
	return year == read_year && month == read_day && day == read_month ? 0.5 : 0;
}

/* A word of a date: a number of at most four digits, or a month by its name; neither: 0. */
struct part {
	int value; /* -1: no part of a date */
	size_t digits; /* 0: a month's name */
};

/* By the first letters, in English, French, German, Spanish, Italian, Portuguese and Dutch, without marks. */
static int month_of(const char *word)
{
	static const struct {
		const char *start;
		int month;
	} names[] = { { "JAN", 1 },  { "ENE", 1 },  { "GEN", 1 },  { "FEB", 2 },  { "FEV", 2 },  { "MAR", 3 },  { "MAE", 3 },
		      { "MRT", 3 },  { "MAA", 3 },  { "APR", 4 },  { "AVR", 4 },  { "ABR", 4 },  { "MAY", 5 },  { "MAI", 5 },
		      { "MAG", 5 },  { "MEI", 5 },  { "JUN", 6 },  { "JUIN", 6 }, { "GIU", 6 },  { "JUL", 7 },  { "JUIL", 7 },
		      { "LUG", 7 },  { "AUG", 8 },  { "AOU", 8 },  { "AGO", 8 },  { "SEP", 9 },  { "SET", 9 },  { "OCT", 10 },
		      { "OKT", 10 }, { "OTT", 10 }, { "OUT", 10 }, { "NOV", 11 }, { "DEC", 12 }, { "DEZ", 12 }, { "DIC", 12 } };
	for (size_t index = 0; index < sizeof names / sizeof *names; index++)
		if (strncmp(word, names[index].start, strlen(names[index].start)) == 0)
			return names[index].month;
	return -1;
}

static struct part part_of(const char *word, size_t length)
{
	char text[16];
	if (length > 0 && length <= 4 && digits_value(word, length) >= 0)
		return (struct part){ digits_value(word, length), length };
	if (length < 3 || length >= sizeof text)
		return (struct part){ -1, 0 };
	memcpy(text, word, length);
	text[length] = '\0';
	return (struct part){ month_of(text), 0 };
}

static bool is_year(struct part part, int year)
{
	return (part.digits == 4 && part.value == year) || (part.digits == 2 && part.value == year % 100);
}

static bool is_month(struct part part, int month)
{
	return part.digits <= 2 && part.value == month;
}

static bool is_day(struct part part, int day)
{
	return (part.digits == 1 || part.digits == 2) && part.value == day;
}

bool date_in(const char *date, const char *text, size_t length)
{
	struct part last[3] = { { -1, 0 }, { -1, 0 }, { -1, 0 } };
	struct buffer words = { 0 };
	int year, month, day;
	bool found = false;
	if (!read_iso(date, &year, &month, &day))
		return false;
	/* A full stop parts the numbers of a date, and is no part of a name. */
	for (size_t index = 0; index < length; index++)
		buffer_append_char(&words, text[index] == '.' ? ' ' : text[index]);
	struct buffer plain = { 0 };
	name_words(words.data ? words.data : "", words.length, NAME_PLAIN, &plain);
	for (const char *word = plain.data; word && *word && !found;) {
		size_t size = strcspn(word, " ");
		struct part part = part_of(word, size);
		/* "AUG/AOUT" is one month. */
		if (!(part.digits == 0 && part.value > 0 && last[2].digits == 0 && last[2].value > 0)) {
			last[0] = last[1];
			last[1] = last[2];
			last[2] = part;
			found = (is_year(last[0], year) && last[0].digits == 4 && is_month(last[1], month) && is_day(last[2], day)) ||
				(is_day(last[0], day) && is_month(last[1], month) && is_year(last[2], year)) ||
				(is_month(last[0], month) && is_day(last[1], day) && is_year(last[2], year));
		}
		word += size + (word[size] == ' ');
	}
	buffer_free(&plain);
	buffer_free(&words);
	return found;
}

/* ---- states ---- */

bool state_code_valid(const char *code)
{
	return strcmp(code, "D") == 0 || (strlen(code) == 3 && strspn(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 3);
}

bool state_code_equal(const char *claimed, const char *read)
{
	const char *one = strcmp(claimed, "D") == 0 ? "DEU" : claimed;
	return strcmp(one, strcmp(read, "D") == 0 ? "DEU" : read) == 0;
}
