/* Values of identity documents, compared as a person would: names, document numbers, dates, state codes. */
#ifndef FILOT_VERIFY_NAMES_H
#define FILOT_VERIFY_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/buffer.h"

enum name_spelling {
	NAME_ICAO, /* as in a machine readable zone: Ä is AE, Ø is OE, Я is IA */
	NAME_PLAIN, /* with the marks left out: Ä is A, Ø is O */
	NAME_SPELLINGS
};

/*
 * Appends UTF-8 text as words of A-Z and 0-9 with one space between them: case and marks gone, apostrophes and full stops
 * left out, everything else a space. What is in no table (and bytes that are no UTF-8) is a space, too.
 */
void name_words(const char *text, size_t length, enum name_spelling spelling, struct buffer *words);

/*
 * How well two names agree, 0 to 1: 1 the same in one of the spellings; 0.95 the same words in another order, or as far as
 * the one that was `cut` goes; 0.8 one has words that the other lacks; less by their edit distance. 0.8 and more agree.
 * -1: memory ended.
 */
double name_similarity(const char *claimed, const char *read, bool cut);

#define NAME_AGREES 0.8

/* Whether all words of `name` stand in `words` (of name_words): the share of them, 0 to 1; -1: memory ended. */
double name_share_in(const char *name, const struct buffer words[static NAME_SPELLINGS]);

/* 1 the same letters and digits, 0.9 if only what looks alike differs (O/0, I/1, B/8, S/5, Z/2, G/6), else 0. */
double number_similarity(const char *claimed, const char *read);

/* True when the number's letters and digits stand in `text` one after another, spaces and hyphens between them allowed. */
bool number_in(const char *number, const char *text, size_t length);

/* ISO dates, `read` perhaps without day or month: 1 the same, 0.9 as far as known, 0.5 day and month exchanged, else 0. */
double date_similarity(const char *claimed, const char *read);

/* True when `text` has the ISO date in any usual form: 1974-08-12, 12.08.74, 8/12/1974, 12 AUG/AOÛT 1974, Aug 12, 1974. */
bool date_in(const char *date, const char *text, size_t length);

/* True for a date of the calendar as YYYY-MM-DD, from the year 1000 on. */
bool date_valid(const char *date);

/* True for three capitals, or D (Germany, as in a zone). */
bool state_code_valid(const char *code);
bool state_code_equal(const char *claimed, const char *read);

#endif
