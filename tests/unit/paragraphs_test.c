/* Paragraphs by outline and by words, and the order of text in both directions. */
#include <stdlib.h>
#include <string.h>

#include "common/ocr/paragraphs.h"
#include "common/ocr/reading_order.h"
#include "test.h"

#define FULL 0
#define WORD_PX 60
#define SPACE_PX 10

/* A row of many words by its indents; `begins`: its first word has a capital; `ends`: its last word has a stop. */
static struct paragraph_row row(int32_t left, int32_t right, bool begins, bool ends)
{
	return (struct paragraph_row){ left, right, SPACE_PX, 8, true, { WORD_PX, 30, begins, false }, { WORD_PX, 30, false, ends } };
}

static const char *owners_of(const struct paragraph_row *rows, size_t count)
{
	static char text[64];
	int32_t owners[64];
	struct error error;

	if (!paragraphs_find(rows, count, owners, &error))
		return "failed";
	for (size_t i = 0; i < count; i++)
		text[i] = (char)('a' + owners[i]);
	text[count] = '\0';
	return text;
}

static void no_rows_are_no_paragraphs(void)
{
	CHECK_STRING(owners_of(NULL, 0), "");
}

static void indented_first_rows_begin_paragraphs(void)
{
	const struct paragraph_row rows[] = {
		row(40, FULL, true, false), row(0, FULL, false, false), row(0, FULL, false, false),
		row(0, 300, false, true),   row(40, FULL, true, false), row(0, FULL, false, false),
		row(0, FULL, false, false), row(0, 250, false, true),	row(40, FULL, true, false),
		row(0, FULL, false, false), row(0, FULL, false, false), row(0, 200, false, true),
	};

	CHECK_STRING(owners_of(rows, 12), "aaaabbbbcccc");
}

static void flush_paragraphs_end_with_a_short_row(void)
{
	const struct paragraph_row rows[] = {
		row(0, FULL, true, false), row(0, FULL, false, false), row(0, FULL, false, false), row(0, 300, false, true),
		row(0, FULL, true, false), row(0, FULL, false, false), row(0, FULL, false, false), row(0, 300, false, true),
	};

	CHECK_STRING(owners_of(rows, 8), "aaaabbbb");
}

static void rows_that_tell_nothing_are_one_paragraph(void)
{
	const struct paragraph_row rows[] = { row(0, 0, false, false), row(0, 0, false, false), row(0, 0, false, false) };

	CHECK_STRING(owners_of(rows, 3), "aaa");
}

static void any_rows_end_in_numbered_paragraphs(void)
{
	unsigned seed = 7;

	printf("# seed %u\n", seed);
	srand(seed);
	for (int run = 0; run < 2000; run++) {
		struct paragraph_row rows[40];
		size_t count = (size_t)(rand() % 40) + 1;

		for (size_t i = 0; i < count; i++) {
			rows[i] = row(rand() % 6 * 20, rand() % 6 * 60, rand() % 3 == 0, rand() % 3 == 0);
			rows[i].word_count = rand() % 9;
			rows[i].left_to_right = rand() % 9 != 0;
		}
		const char *owners = owners_of(rows, count);
		CHECK(owners[0] == 'a');
		for (size_t i = 1; i < count; i++)
			CHECK(owners[i] == owners[i - 1] || owners[i] == owners[i - 1] + 1);
	}
}

/* Words by direction: l, r, n (neutral), m (both). Marks: ( run begins, ) run ends, * mixed word. */
static const char *order_of(bool left_to_right, const char *directions)
{
	static char text[64];
	struct found_word words[16] = { 0 };
	int32_t order[ORDER_ROOM(16)];
	size_t count = strlen(directions), length;

	for (size_t i = 0; i < count; i++)
		words[i].direction = directions[i] == 'l' ? DIRECTION_LEFT :
				     directions[i] == 'r' ? DIRECTION_RIGHT :
				     directions[i] == 'm' ? DIRECTION_MIXED :
							    DIRECTION_NEUTRAL;
	length = order_words(left_to_right, words, count, order);
	for (size_t i = 0; i < length; i++)
		text[i] = order[i] >= 0			  ? (char)('0' + order[i]) :
			  order[i] == ORDER_RUN_BEGINS ? '(' :
			  order[i] == ORDER_RUN_ENDS	  ? ')' :
							    '*';
	text[length] = '\0';
	return text;
}

static void words_of_one_direction_are_read_that_way(void)
{
	CHECK_STRING(order_of(true, "lll"), "012");
	CHECK_STRING(order_of(false, "rrr"), "210");
	CHECK_STRING(order_of(true, ""), "");
}

static void runs_against_the_paragraph_are_turned_and_marked(void)
{
	CHECK_STRING(order_of(true, "lrrl"), "0(21)3");
	CHECK_STRING(order_of(true, "lrnrnl"), "0(321)45");
	CHECK_STRING(order_of(false, "rllr"), "3(12)0");
	CHECK_STRING(order_of(true, "lml"), "01*2");
}

static void neutral_words_at_the_begin_of_a_right_to_left_row_follow_a_left_to_right_word(void)
{
	CHECK_STRING(order_of(false, "rln"), "(12)0");
	CHECK_STRING(order_of(false, "rrn"), "210");
}

int main(void)
{
	TEST(no_rows_are_no_paragraphs);
	TEST(indented_first_rows_begin_paragraphs);
	TEST(flush_paragraphs_end_with_a_short_row);
	TEST(rows_that_tell_nothing_are_one_paragraph);
	TEST(any_rows_end_in_numbered_paragraphs);
	TEST(words_of_one_direction_are_read_that_way);
	TEST(runs_against_the_paragraph_are_turned_and_marked);
	TEST(neutral_words_at_the_begin_of_a_right_to_left_row_follow_a_left_to_right_word);
	return test_done();
}
