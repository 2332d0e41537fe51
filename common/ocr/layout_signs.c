/* Medians over the rows of the text blocks that are turned as most letters are. */
#include "common/ocr/layout_signs.h"

#include <math.h>
#include <stdlib.h>

#define DEGREES_PER_RADIAN 57.29577951308232
#define LONG_LINE 8 /* x-heights */

static int compare(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;
	return (a > b) - (a < b);
}

static double at(const double *sorted, size_t count, size_t of_four)
{
	return count ? sorted[(count - 1) * of_four / 4] : 0.0;
}

static int32_t most_turned(const struct layout *layout, int64_t *all)
{
	int64_t letters[4] = { 0 };
	int32_t most = 0;
	for (size_t b = 0; b < layout->block_count; b++) {
		const struct layout_block *block = &layout->blocks[b];
		for (int32_t r = block->first_row; r < block->first_row + block->row_count; r++)
			for (int32_t p = 0; p < layout->rows[r].piece_count; p++)
				letters[block->quarter_turns] += layout->pieces[layout->rows[r].first_piece + p].blob_count;
	}
	for (int32_t turns = 1; turns < 4; turns++)
		if (letters[turns] > letters[most])
			most = turns;
	*all = letters[0] + letters[1] + letters[2] + letters[3];
	return most;
}

/* The angle of a baseline to the nearest edge of the page, and its length; false for a line too short to tell. */
static bool skew_of(const struct layout_row *row, double *degrees, double *x_heights)
{
	double x = row->baseline[2] - row->baseline[0], y = row->baseline[3] - row->baseline[1];
	if (!(row->x_height > 0.0f) || hypot(x, y) < LONG_LINE * (double)row->x_height)
		return false;
	double angle = atan2(y, x) * DEGREES_PER_RADIAN;
	*degrees = angle - 90.0 * round(angle / 90.0);
	*x_heights = hypot(x, y) / (double)row->x_height;
	return true;
}

bool layout_signs_find(const struct layout *layout, struct layout_signs *signs, struct error *error)
{
	double *skews = calloc(layout->row_count + 1, sizeof *skews);
	double *lengths = calloc(layout->row_count + 1, sizeof *lengths);
	double *heights = calloc(layout->row_count + 1, sizeof *heights);
	size_t rows = 0, lines = 0;
	bool done = (skews && lengths && heights) || error_set(error, ERROR_OUT_OF_MEMORY, "no memory to look at a layout");
	*signs = (struct layout_signs){ 0 };
	signs->quarter_turns = most_turned(layout, &signs->letters);
	for (size_t b = 0; done && b < layout->block_count; b++) {
		const struct layout_block *block = &layout->blocks[b];
		for (int32_t r = block->first_row;
		     block->quarter_turns == signs->quarter_turns && r < block->first_row + block->row_count; r++) {
			heights[rows++] = (double)layout->rows[r].x_height;
			lines += skew_of(&layout->rows[r], &skews[lines], &lengths[lines]);
		}
	}
	if (done) {
		qsort(skews, lines, sizeof *skews, compare);
		qsort(lengths, lines, sizeof *lengths, compare);
		qsort(heights, rows, sizeof *heights, compare);
		signs->line_count = lines;
		signs->skew_degrees = at(skews, lines, 2);
		signs->spread_degrees = at(skews, lines, 3) - at(skews, lines, 1);
		signs->rise = at(lengths, lines, 3) * fabs(sin(signs->skew_degrees / DEGREES_PER_RADIAN));
		signs->x_height_px = at(heights, rows, 2);
	}
	free(skews);
	free(lengths);
	free(heights);
	return done;
}
