/*
 * Cuts an SQL file into its statements as psql does: at semicolons outside of strings, quoted names, dollar quotes,
 * comments (nested ones too), parentheses and the BEGIN ATOMIC … END bodies of functions. Needed where a server takes
 * one statement at a time (CREATE INDEX CONCURRENTLY), and to say in which line an error is.
 */
#ifndef FILOT_PG_STATEMENTS_H
#define FILOT_PG_STATEMENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/error.h"

struct statement {
	const char *text; /* in the file's text, from its first word on; not NUL-terminated */
	size_t length; /* without the semicolon */
	size_t line; /* of its first word, from 1 */
};

struct statements {
	struct statement *items;
	size_t count;
};

/* `text` is UTF-8 and stays the caller's, who keeps it. ERROR_BAD_INPUT for something opened and never closed. */
bool statements_split(const char *text, size_t length, struct statements *statements, struct error *error);
void statements_free(struct statements *statements);

/* True when the statement's first words are `words`: capitals, one space between them ("START TRANSACTION"). */
bool statement_begins(const struct statement *statement, const char *words);

/* The line of the file in which character (not byte) `position` of the statement lies; positions count from 1. */
size_t statement_line_at(const struct statement *statement, size_t position);

#endif
