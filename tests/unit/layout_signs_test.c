/* What a layout tells of how its page lies: sideways lines, skew, small letters. */
#include "common/ocr/layout_signs.h"

#include <math.h>
#include <stdlib.h>

#include "tests/unit/test.h"

#define ROWS 5

/* A block of five rows, each of one piece of ten letters, from `from` on; baselines of 400 pixels at an angle. */
static void fill_block(struct layout *layout, int32_t number, int32_t quarter_turns, double degrees, float x_height)
{
	layout->blocks[number] = (struct layout_block){ .quarter_turns = quarter_turns, .first_row = number * ROWS, .row_count = ROWS };
	for (int32_t row = number * ROWS; row < (number + 1) * ROWS; row++) {
		int32_t x = 100, y = 100 + 50 * row;
		layout->rows[row] = (struct layout_row){
			.x_height = x_height,
			.baseline = { x, y, x + (int32_t)lround(400 * cos(degrees * M_PI / 180)),
				      y + (int32_t)lround(400 * sin(degrees * M_PI / 180)) },
			.first_piece = row,
			.piece_count = 1,
		};
		layout->pieces[row] = (struct layout_piece){ .blob_count = 10 };
	}
}

static struct layout new_layout(size_t blocks)
{
	return (struct layout){ .width = 1000, .height = 1000, .block_count = blocks, .row_count = blocks * ROWS,
				.piece_count = blocks * ROWS, .blocks = calloc(blocks + 1, sizeof(struct layout_block)),
				.rows = calloc(blocks * ROWS + 1, sizeof(struct layout_row)),
				.pieces = calloc(blocks * ROWS + 1, sizeof(struct layout_piece)) };
}

static bool is_near(double value, double wanted)
{
	return fabs(value - wanted) < 0.2;
}

static void a_skew_is_that_of_most_lines(void)
{
	struct layout layout = new_layout(1);
	struct layout_signs signs;
	struct error error;
	fill_block(&layout, 0, 0, 3.0, 20.0f);
	layout.rows[4].baseline[3] += 100; /* one is odd */
	CHECK(layout_signs_find(&layout, &signs, &error));
	CHECK_INTEGER(signs.line_count, ROWS);
	CHECK_INTEGER(signs.letters, 50);
	CHECK_INTEGER(signs.quarter_turns, 0);
	CHECK(is_near(signs.skew_degrees, 3.0));
	CHECK(is_near(signs.spread_degrees, 0.0));
	CHECK(is_near(signs.rise, 400 * sin(3.0 * M_PI / 180) / 20));
	CHECK(signs.x_height_px == 20.0);
	layout_free(&layout);
}

static void short_lines_tell_no_skew(void)
{
	struct layout layout = new_layout(1);
	struct layout_signs signs;
	struct error error;
	fill_block(&layout, 0, 0, 3.0, 60.0f);
	CHECK(layout_signs_find(&layout, &signs, &error));
	CHECK_INTEGER(signs.line_count, 0);
	CHECK(signs.skew_degrees == 0.0 && signs.x_height_px == 60.0);
	layout_free(&layout);
}

/* Up a page run the lines of a page that lies on its side; the skew is that to its edge. */
static void sideways_lines_are_known_by_their_block(void)
{
	struct layout layout = new_layout(3);
	struct layout_signs signs;
	struct error error;
	fill_block(&layout, 0, 3, 92.0, 20.0f);
	fill_block(&layout, 1, 0, 10.0, 40.0f);
	fill_block(&layout, 2, 3, 92.0, 20.0f);
	CHECK(layout_signs_find(&layout, &signs, &error));
	CHECK_INTEGER(signs.quarter_turns, 3);
	CHECK_INTEGER(signs.line_count, 2 * ROWS);
	CHECK(is_near(signs.skew_degrees, 2.0));
	CHECK(signs.x_height_px == 20.0);
	layout_free(&layout);
}

static void an_empty_page_tells_nothing(void)
{
	struct layout layout = { .width = 10, .height = 10 };
	struct layout_signs signs;
	struct error error;
	CHECK(layout_signs_find(&layout, &signs, &error));
	CHECK(signs.line_count == 0 && signs.letters == 0 && signs.quarter_turns == 0 && signs.x_height_px == 0.0);
}

int main(void)
{
	TEST(a_skew_is_that_of_most_lines);
	TEST(short_lines_tell_no_skew);
	TEST(sideways_lines_are_known_by_their_block);
	TEST(an_empty_page_tells_nothing);
	return test_done();
}
