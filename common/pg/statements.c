/* One pass over the text; the rules are those of PostgreSQL's lexer (section 4.1 of its manual) and of psql's splitter. */
#include "common/pg/statements.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* How many first words decide whether a statement may hold a BEGIN ATOMIC body: CREATE OR REPLACE FUNCTION. */
#define HEAD_WORDS 4

struct scanner {
	const char *text;
	size_t length;
	size_t at;
	size_t line;
	size_t start; /* of the statement at hand; SIZE_MAX before its first word */
	size_t start_line;
	size_t parentheses;
	size_t blocks; /* open BEGIN and CASE of a function's body */
	size_t words; /* seen in this statement, counted up to HEAD_WORDS */
	char head[HEAD_WORDS]; /* first letters of those words, in lower case */
};

static char peek(const struct scanner *scanner, size_t ahead)
{
	size_t index = scanner->at + ahead;
	return index < scanner->length ? scanner->text[index] : '\0';
}

static void step(struct scanner *scanner, size_t count)
{
	for (; count && scanner->at < scanner->length; count--)
		scanner->line += scanner->text[scanner->at++] == '\n';
}

static bool is_word(char byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '_' || (byte & 0x80);
}

static bool is_space(char byte)
{
	return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

static bool is_digit(char byte)
{
	return byte >= '0' && byte <= '9';
}

static bool never_closed(const char *what, size_t line, struct error *error)
{
	return error_set(error, ERROR_BAD_INPUT, "line %zu: %s is never closed", line, what);
}

/* Past a string or a quoted name. A doubled quote stands for itself; `escapes`: a backslash does that, too. */
static bool skip_quoted(struct scanner *scanner, bool escapes, struct error *error)
{
	size_t line = scanner->line;
	char quote = peek(scanner, 0);
	step(scanner, 1);
	while (scanner->at < scanner->length) {
		char byte = peek(scanner, 0);
		if (byte == quote && peek(scanner, 1) != quote) {
			step(scanner, 1);
			return true;
		}
		step(scanner, byte == quote || (escapes && byte == '\\') ? 2 : 1);
	}
	return never_closed(quote == '"' ? "a quoted name" : "a string", line, error);
}

static void skip_line_comment(struct scanner *scanner)
{
	while (scanner->at < scanner->length && peek(scanner, 0) != '\n')
		step(scanner, 1);
}

static bool skip_block_comment(struct scanner *scanner, struct error *error)
{
	size_t line = scanner->line, depth = 0;
	while (scanner->at < scanner->length) {
		if (peek(scanner, 0) == '/' && peek(scanner, 1) == '*') {
			depth++;
			step(scanner, 2);
		} else if (peek(scanner, 0) == '*' && peek(scanner, 1) == '/') {
			step(scanner, 2);
			if (--depth == 0)
				return true;
		} else {
			step(scanner, 1);
		}
	}
	return never_closed("a comment", line, error);
}

/* Length of the $tag$ that begins here, 0 when it is a parameter ($1) or a lone dollar. */
static size_t dollar_tag(const struct scanner *scanner)
{
	size_t length = 1;
	if (is_digit(peek(scanner, length)))
		return 0;
	while (is_word(peek(scanner, length)) || is_digit(peek(scanner, length)))
		length++;
	return peek(scanner, length) == '$' ? length + 1 : 0;
}

static bool skip_dollar_quoted(struct scanner *scanner, size_t tag_length, struct error *error)
{
	size_t line = scanner->line;
	const char *tag = scanner->text + scanner->at;
	step(scanner, tag_length);
	const char *body = scanner->text + scanner->at;
	const char *end = memmem(body, scanner->length - scanner->at, tag, tag_length);
	if (!end)
		return never_closed("a dollar quote", line, error);
	step(scanner, (size_t)(end - body) + tag_length);
	return true;
}

/* CREATE [OR REPLACE] FUNCTION or PROCEDURE: only there does BEGIN open a body with semicolons in it. */
static bool makes_routine(const struct scanner *scanner)
{
	const char *head = scanner->head;
	if (head[0] != 'c')
		return false;
	char kind = head[1] == 'o' && head[2] == 'r' ? head[3] : head[1];
	return kind == 'f' || kind == 'p';
}

static void take_word(struct scanner *scanner)
{
	const char *word = scanner->text + scanner->at;
	size_t length = 1;
	while (is_word(peek(scanner, length)) || is_digit(peek(scanner, length)) || peek(scanner, length) == '$')
		length++;
	if (scanner->words < HEAD_WORDS)
		scanner->head[scanner->words++] = (char)(word[0] | 0x20);
	if (makes_routine(scanner) && scanner->parentheses == 0) {
		if (length == 5 && strncasecmp(word, "begin", 5) == 0)
			scanner->blocks++;
		else if (length == 4 && strncasecmp(word, "case", 4) == 0 && scanner->blocks)
			scanner->blocks++;
		else if (length == 3 && strncasecmp(word, "end", 3) == 0 && scanner->blocks)
			scanner->blocks--;
	}
	step(scanner, length);
}

static bool end_statement(struct scanner *scanner, struct statements *statements, struct error *error)
{
	if (scanner->start != SIZE_MAX) {
		size_t end = scanner->at;
		while (end > scanner->start && is_space(scanner->text[end - 1]))
			end--;
		struct statement *items = realloc(statements->items, (statements->count + 1) * sizeof *items);
		if (!items)
			return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
		statements->items = items;
		items[statements->count++] = (struct statement){ .text = scanner->text + scanner->start,
								 .length = end - scanner->start,
								 .line = scanner->start_line };
	}
	scanner->start = SIZE_MAX;
	scanner->parentheses = scanner->blocks = scanner->words = 0;
	memset(scanner->head, 0, sizeof scanner->head);
	return true;
}

/* Past one token that belongs to a statement. */
static bool take_token(struct scanner *scanner, struct error *error)
{
	char byte = peek(scanner, 0);
	if (scanner->start == SIZE_MAX) {
		scanner->start = scanner->at;
		scanner->start_line = scanner->line;
	}
	if (byte == '\'' || byte == '"')
		return skip_quoted(scanner, false, error);
	if ((byte == 'e' || byte == 'E') && peek(scanner, 1) == '\'') {
		step(scanner, 1);
		return skip_quoted(scanner, true, error);
	}
	if (byte == '$') {
		size_t tag_length = dollar_tag(scanner);
		if (tag_length)
			return skip_dollar_quoted(scanner, tag_length, error);
	}
	if (is_word(byte)) {
		take_word(scanner);
		return true;
	}
	if (byte == '(')
		scanner->parentheses++;
	else if (byte == ')' && scanner->parentheses)
		scanner->parentheses--;
	step(scanner, 1);
	return true;
}

bool statements_split(const char *text, size_t length, struct statements *statements, struct error *error)
{
	struct scanner scanner = { .text = text, .length = length, .line = 1, .start = SIZE_MAX };
	bool fine = true;
	*statements = (struct statements){ 0 };
	if (length >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0)
		scanner.at = 3; /* a byte order mark */
	while (fine && scanner.at < length) {
		char byte = peek(&scanner, 0);
		if (byte == '-' && peek(&scanner, 1) == '-') {
			skip_line_comment(&scanner);
		} else if (byte == '/' && peek(&scanner, 1) == '*') {
			fine = skip_block_comment(&scanner, error);
		} else if (byte == ';' && !scanner.parentheses && !scanner.blocks) {
			fine = end_statement(&scanner, statements, error);
			step(&scanner, 1);
		} else if (is_space(byte)) {
			step(&scanner, 1);
		} else {
			fine = take_token(&scanner, error);
		}
	}
	if (fine && scanner.parentheses)
		fine = never_closed("a parenthesis of the last statement", scanner.start_line, error);
	fine = fine && end_statement(&scanner, statements, error);
	if (!fine)
		statements_free(statements);
	return fine;
}

void statements_free(struct statements *statements)
{
	free(statements->items);
	*statements = (struct statements){ 0 };
}

bool statement_begins(const struct statement *statement, const char *words)
{
	size_t at = 0;
	for (; *words; words++) {
		if (*words == ' ') {
			size_t spaces = 0;
			while (at + spaces < statement->length && is_space(statement->text[at + spaces]))
				spaces++;
			if (!spaces)
				return false;
			at += spaces;
		} else if (at >= statement->length || (statement->text[at] & ~0x20) != *words) {
			return false;
		} else {
			at++;
		}
	}
	return at == statement->length || (!is_word(statement->text[at]) && !is_digit(statement->text[at]));
}

size_t statement_line_at(const struct statement *statement, size_t position)
{
	size_t line = statement->line, character = 1;
	for (size_t index = 0; index < statement->length && character < position; index++) {
		line += statement->text[index] == '\n';
		/* a character ends before the next byte that continues none */
		character += index + 1 < statement->length && (statement->text[index + 1] & 0xC0) != 0x80;
	}
	return line;
}
