/* What a worker and its reader both know of a request: page lists such as "1-3,7,9-", and the names of choices. */
#include "common/ocr/reader.h"

#include <limits.h>

const char *const pdf_text_names[PDF_TEXT_COUNT + 1] = { "auto", "never", "only", NULL };

/* A number from 1 to INT32_MAX at *text, which is moved behind it; 0 when there is none. */
static int32_t take_number(const char **text)
{
	int64_t number = 0;
	const char *digit = *text;
	for (; *digit >= '0' && *digit <= '9'; digit++) {
		number = number * 10 + (*digit - '0');
		if (number > INT32_MAX)
			return 0;
	}
	*text = digit;
	return (int32_t)number;
}

/* One item at *text, which is moved behind it and its comma. False when there is no proper one. */
static bool take_range(const char **text, int32_t *first, int32_t *last)
{
	*first = *last = take_number(text);
	if (!*first)
		return false;
	if (**text == '-') {
		++*text;
		*last = **text == ',' || !**text ? INT32_MAX : take_number(text);
		if (*last < *first)
			return false;
	}
	if (!**text)
		return true;
	return *(*text)++ == ',' && **text;
}

bool reader_pages_valid(const char *pages)
{
	int32_t first, last;
	if (!pages)
		return true;
	do
		if (!take_range(&pages, &first, &last))
			return false;
	while (*pages);
	return true;
}

bool reader_pages_contain(const char *pages, int32_t number)
{
	int32_t first, last;
	if (!pages)
		return true;
	while (*pages && take_range(&pages, &first, &last))
		if (number >= first && number <= last)
			return true;
	return false;
}
