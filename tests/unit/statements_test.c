/* How SQL files are cut into statements. */
#include "common/pg/statements.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/test.h"

/* The statements joined by " | ", each after "line:"; or the error's message. */
static const char *cut(const char *text)
{
	static char joined[2048];
	struct statements statements;
	struct error error = { 0 };
	if (!statements_split(text, strlen(text), &statements, &error)) {
		(void)snprintf(joined, sizeof joined, "%s", error.message);
		return joined;
	}
	size_t used = 0;
	joined[0] = '\0';
	for (size_t index = 0; index < statements.count && used < sizeof joined; index++)
		used += (size_t)snprintf(joined + used, sizeof joined - used, "%s%zu:%.*s", index ? " | " : "",
					 statements.items[index].line, (int)statements.items[index].length,
					 statements.items[index].text);
	statements_free(&statements);
	return joined;
}

static void a_semicolon_ends_a_statement(void)
{
	CHECK_STRING(cut("select 1; select 2 ;\n\nselect 3"), "1:select 1 | 1:select 2 | 3:select 3");
	CHECK_STRING(cut(""), "");
	CHECK_STRING(cut(" ;; \n-- nothing\n ; /* here */"), "");
	CHECK_STRING(cut("\xEF\xBB\xBFselect 1"), "1:select 1");
}

static void comments_before_a_statement_are_not_part_of_it(void)
{
	CHECK_STRING(cut("-- a; b\n/* c; */\nselect 1; -- d;\nselect 2;"), "3:select 1 | 4:select 2");
}

static void a_semicolon_in_a_string_a_name_or_a_comment_ends_nothing(void)
{
	CHECK_STRING(cut("select 'a;b', \"c;d\", 'it''s;' -- e;\n, 1; x"),
		     "1:select 'a;b', \"c;d\", 'it''s;' -- e;\n, 1 | 2:x");
	CHECK_STRING(cut("select 1 /* a /* nested; */ b; */ + 1; x"), "1:select 1 /* a /* nested; */ b; */ + 1 | 1:x");
}

static void a_backslash_escapes_in_e_strings_only(void)
{
	CHECK_STRING(cut("select E'it\\'s;', e'\\\\'; x"), "1:select E'it\\'s;', e'\\\\' | 1:x");
	CHECK_STRING(cut("select 'c:\\'; x"), "1:select 'c:\\' | 1:x");
	CHECK_STRING(cut("select name'\\'; x"), "1:select name'\\' | 1:x");
}

static void dollar_quotes_end_at_their_own_tag(void)
{
	CHECK_STRING(cut("do $$ begin; end $$; x"), "1:do $$ begin; end $$ | 1:x");
	CHECK_STRING(cut("do $a$ $b$; $$ ' $a$; x"), "1:do $a$ $b$; $$ ' $a$ | 1:x");
	CHECK_STRING(cut("select $1; select a$b$; x"), "1:select $1 | 1:select a$b$ | 1:x");
}

static void a_rule_and_a_function_body_keep_their_semicolons(void)
{
	CHECK_STRING(cut("create rule r as on insert to t do (a; b); x"),
		     "1:create rule r as on insert to t do (a; b) | 1:x");
	CHECK_STRING(cut("create or replace function f() returns int begin atomic\nselect case when a then 1 end; select 2; end; x"),
		     "1:create or replace function f() returns int begin atomic\nselect case when a then 1 end; select 2; end"
		     " | 2:x");
	CHECK_STRING(cut("create procedure p() begin atomic a; end; begin; end"),
		     "1:create procedure p() begin atomic a; end | 1:begin | 1:end");
}

static void what_is_never_closed_is_said_with_its_line(void)
{
	CHECK_STRING(cut("select 1;\nselect 'a"), "line 2: a string is never closed");
	CHECK_STRING(cut("select E'a\\'"), "line 1: a string is never closed");
	CHECK_STRING(cut("\n\n\"a"), "line 3: a quoted name is never closed");
	CHECK_STRING(cut("/* /* */"), "line 1: a comment is never closed");
	CHECK_STRING(cut("do $x$ $y$\n"), "line 1: a dollar quote is never closed");
	CHECK_STRING(cut("create table t (\na int;\nselect 1;"), "line 1: a parenthesis of the last statement is never closed");
}

static void first_words_are_known_in_any_case_and_spacing(void)
{
	struct statement statement = { .text = "start \n Transaction read only", .length = 29, .line = 1 };
	CHECK(statement_begins(&statement, "START TRANSACTION"));
	CHECK(statement_begins(&statement, "START"));
	CHECK(!statement_begins(&statement, "STAR"));
	CHECK(!statement_begins(&statement, "START TRANS"));
	CHECK(!statement_begins(&statement, "START TRANSACTION READ WRITE"));
}

static void a_position_in_characters_gives_a_line_of_the_file(void)
{
	const char *text = "sälect\nü x\ny";
	struct statement statement = { .text = text, .length = strlen(text), .line = 10 };
	CHECK_INTEGER(statement_line_at(&statement, 1), 10);
	CHECK_INTEGER(statement_line_at(&statement, 6), 10);
	CHECK_INTEGER(statement_line_at(&statement, 8), 11);
	CHECK_INTEGER(statement_line_at(&statement, 10), 11);
	CHECK_INTEGER(statement_line_at(&statement, 12), 12);
	CHECK_INTEGER(statement_line_at(&statement, 999), 12);
}

static void any_bytes_are_cut_or_refused(void)
{
	static const char alphabet[] = "'\"$a$$;()-/*\\E\n \xC3";
	char text[64];
	unsigned seed = 20260101;
	printf("# seed %u\n", seed);
	for (int round = 0; round < 200000; round++) {
		size_t length = (size_t)(rand_r(&seed) % (int)sizeof text);
		for (size_t index = 0; index < length; index++)
			text[index] = alphabet[rand_r(&seed) % (int)(sizeof alphabet - 1)];
		struct statements statements;
		struct error error = { 0 };
		bool fine = statements_split(text, length, &statements, &error);
		size_t end = 0;
		for (size_t index = 0; index < statements.count; index++) {
			const struct statement *statement = &statements.items[index];
			size_t start = (size_t)(statement->text - text);
			CHECK(statement->length > 0 && start >= end && start + statement->length <= length);
			end = start + statement->length;
		}
		CHECK(fine || error.code == ERROR_BAD_INPUT);
		statements_free(&statements);
	}
}

int main(void)
{
	TEST(a_semicolon_ends_a_statement);
	TEST(comments_before_a_statement_are_not_part_of_it);
	TEST(a_semicolon_in_a_string_a_name_or_a_comment_ends_nothing);
	TEST(a_backslash_escapes_in_e_strings_only);
	TEST(dollar_quotes_end_at_their_own_tag);
	TEST(a_rule_and_a_function_body_keep_their_semicolons);
	TEST(what_is_never_closed_is_said_with_its_line);
	TEST(first_words_are_known_in_any_case_and_spacing);
	TEST(a_position_in_characters_gives_a_line_of_the_file);
	TEST(any_bytes_are_cut_or_refused);
	return test_done();
}
