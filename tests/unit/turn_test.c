/* What was found on the page as read is where it is on the page as given. */
#include "common/ocr/turn.h"

#include <math.h>

#include "tests/unit/test.h"

static void check_box(struct box box, int32_t x, int32_t y, int32_t width, int32_t height)
{
	CHECK_INTEGER(box.x, x);
	CHECK_INTEGER(box.y, y);
	CHECK_INTEGER(box.width, width);
	CHECK_INTEGER(box.height, height);
}

static void a_page_as_it_is_keeps_its_boxes(void)
{
	struct turn turn = turn_none(200, 100);
	CHECK(turn_is_none(&turn));
	check_box(turn_box(&turn, (struct box){ 10, 20, 30, 5 }), 10, 20, 30, 5);
}

/* The page of 200 x 100 stands turned; a box of 30 x 5 at 10, 20 of it read upright. */
static void quarter_turns_are_exact(void)
{
	struct turn turn = turn_none(200, 100);
	turn_undo_rotation(&turn, 90);
	CHECK_INTEGER(turn.read_width, 100);
	CHECK_INTEGER(turn.read_height, 200);
	/* Clockwise, the upright page's top lies at the right. */
	check_box(turn_box(&turn, (struct box){ 10, 20, 30, 5 }), 200 - 25, 10, 5, 30);
	turn = turn_none(200, 100);
	turn_undo_rotation(&turn, 180);
	check_box(turn_box(&turn, (struct box){ 10, 20, 30, 5 }), 160, 75, 30, 5);
	turn = turn_none(200, 100);
	turn_undo_rotation(&turn, 270);
	check_box(turn_box(&turn, (struct box){ 10, 20, 30, 5 }), 20, 100 - 40, 5, 30);
}

static void two_rotations_are_one(void)
{
	struct turn once = turn_none(200, 100), twice = turn_none(200, 100);
	turn_undo_rotation(&once, 270);
	turn_undo_rotation(&twice, 90);
	turn_undo_rotation(&twice, 180);
	CHECK_INTEGER(twice.rotation, 270);
	struct box a = turn_box(&once, (struct box){ 3, 5, 7, 11 }), b = turn_box(&twice, (struct box){ 3, 5, 7, 11 });
	check_box(a, b.x, b.y, b.width, b.height);
	turn_undo_rotation(&twice, 90);
	CHECK_INTEGER(twice.rotation, 0);
	CHECK(turn_is_none(&twice));
}

/* The middle stays, a point to its right lies lower on a page that was skewed clockwise. */
static void a_skew_is_undone_about_the_middle(void)
{
	struct turn turn = turn_none(1000, 1000);
	turn_undo_skew(&turn, 5.0, 1100, 1100);
	check_box(turn_box(&turn, (struct box){ 550, 550, 0, 0 }), 500, 500, 0, 0);
	struct box right = turn_box(&turn, (struct box){ 950, 550, 0, 0 });
	CHECK_INTEGER(right.x, (int)floor(500 + 400 * cos(5.0 * M_PI / 180)));
	CHECK_INTEGER(right.y, (int)floor(500 + 400 * sin(5.0 * M_PI / 180)));
	/* A box of the upright page has a larger one around it when it stands askew. */
	struct box around = turn_box(&turn, (struct box){ 500, 540, 100, 20 });
	CHECK(around.width == 102 || around.width == 103);
	CHECK(around.height == 29 || around.height == 30);
}

static void boxes_end_at_the_pages_edges(void)
{
	struct turn turn = turn_none(1000, 1000);
	turn_undo_skew(&turn, -10.0, 1160, 1160);
	check_box(turn_box(&turn, (struct box){ 0, 0, 1160, 1160 }), 0, 0, 1000, 1000);
	struct box outside = turn_box(&turn, (struct box){ 0, 0, 10, 10 });
	CHECK(outside.x >= 0 && outside.y >= 0 && outside.width >= 0 && outside.height >= 0);
	CHECK(outside.x + outside.width <= 1000 && outside.y + outside.height <= 1000);
}

static void a_page_is_mapped_whole(void)
{
	struct error error = { 0 };
	struct page page = { .number = 1, .width = 400, .height = 800, .dpi = 300 };
	const struct block block = { .box = { 40, 80, 100, 20 }, .number = 1 };
	const struct paragraph paragraph = { .box = { 40, 80, 100, 20 }, .block = 1, .number = 1 };
	const struct line line = { .box = { 40, 80, 100, 20 }, .block = 1, .paragraph = 1,
				   .baseline = { 40, 96, 140, 96 }, .row_height_px = 20, .ascenders_px = 6, .descenders_px = -4 };
	const struct word word = { .box = { 40, 80, 100, 20 }, .text = (char *)(uintptr_t)"word" };
	CHECK(page_add_block(&page, &block, &error) && page_add_paragraph(&page, &paragraph, &error) &&
	      page_add_line(&page, &line, &error) && page_add_word(&page, &word, &error));
	struct turn turn = turn_none(400, 200);
	turn_undo_rotation(&turn, 90);
	turn_scale(&turn, 400, 800);
	turn.uneven_light = 1;
	CHECK(turn_valid(&turn, 400, 800));
	turn_page(&turn, &page);
	CHECK(page_check(&page, &error));
	CHECK_INTEGER(page.width, 400);
	CHECK_INTEGER(page.height, 200);
	CHECK_INTEGER(page.dpi, 150);
	CHECK_INTEGER(page.rotation, 90);
	CHECK(page.skew_degrees == 0.0f && page.enlarged == 2.0f && page.uneven_light);
	check_box(page.blocks[0].box, 400 - 50, 20, 10, 50);
	check_box(page.paragraphs[0].box, 350, 20, 10, 50);
	check_box(page.words[0].box, 350, 20, 10, 50);
	check_box(page.lines[0].box, 350, 20, 10, 50);
	/* The baseline goes down the page, in the way of reading. */
	CHECK_INTEGER(page.lines[0].baseline[0], 352);
	CHECK_INTEGER(page.lines[0].baseline[1], 20);
	CHECK_INTEGER(page.lines[0].baseline[2], 352);
	CHECK_INTEGER(page.lines[0].baseline[3], 70);
	CHECK_INTEGER(page.lines[0].orientation, 90);
	CHECK(page.lines[0].row_height_px == 10.0f && page.lines[0].ascenders_px == 3.0f &&
	      page.lines[0].descenders_px == -2.0f);
	page_free(&page);
}

static void a_turn_of_a_stranger_is_checked(void)
{
	struct turn good = turn_none(200, 100), bad;
	turn_undo_rotation(&good, 90);
	CHECK(turn_valid(&good, 100, 200));
	CHECK(!turn_valid(&good, 200, 100));
	bad = good, bad.xx = NAN;
	CHECK(!turn_valid(&bad, 100, 200));
	bad = good, bad.y0 = INFINITY;
	CHECK(!turn_valid(&bad, 100, 200));
	bad = good, bad.rotation = 45;
	CHECK(!turn_valid(&bad, 100, 200));
	bad = good, bad.width = 0;
	CHECK(!turn_valid(&bad, 100, 200));
	bad = good, bad.scale = 0;
	CHECK(!turn_valid(&bad, 100, 200));
	bad = good, bad.uneven_light = 2;
	CHECK(!turn_valid(&bad, 100, 200));
	bad = good, bad.skew_degrees = NAN;
	CHECK(!turn_valid(&bad, 100, 200));
}

int main(void)
{
	TEST(a_page_as_it_is_keeps_its_boxes);
	TEST(quarter_turns_are_exact);
	TEST(two_rotations_are_one);
	TEST(a_skew_is_undone_about_the_middle);
	TEST(boxes_end_at_the_pages_edges);
	TEST(a_page_is_mapped_whole);
	TEST(a_turn_of_a_stranger_is_checked);
	return test_done();
}
