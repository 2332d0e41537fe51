/* Paragraphs by strong signs: rows that surely start or continue one, models made of runs of these, carried on to others. */
#include <stdlib.h>

#include "common/ocr/paragraphs_private.h"

static enum side reading_side(const struct scratch_row *row)
{
	return row->row->left_to_right ? SIDE_LEFT : SIDE_RIGHT;
}

/*
 * A row whose first word had no room at the end of the row before, and does not look like a begin, continues. One that
 * would have had room starts, but only if it is itself full, else poems and centred headings would be all starts.
 */
static void mark_strong(struct finder *finder, int32_t start, int32_t end)
{
	struct scratch_row *rows = finder->rows;

	for (int32_t i = start + 1; i < end; i++)
		if (!rows[i].row->right.starts_idea && !rows[i].row->left.starts_idea &&
		    !row_would_have_fitted(&rows[i - 1], &rows[i], reading_side(&rows[i - 1])))
			row_set_body(finder, &rows[i]);
	if (row_type(&rows[start]) == ROW_UNKNOWN &&
	    !row_would_have_fitted(&rows[start], &rows[start + 1], reading_side(&rows[start])) &&
	    (rows[start].row->left.starts_idea || rows[start].row->right.starts_idea))
		row_set_start(finder, &rows[start]);
	for (int32_t i = start + 1; i < end; i++) {
		/* The last row is measured with its own first word, for want of a next one. */
		const struct scratch_row *next = &rows[i < end - 1 ? i + 1 : i];
		enum side side = reading_side(&rows[i]);

		if (row_type(&rows[i]) == ROW_UNKNOWN && !row_would_have_fitted(&rows[i], next, side) &&
		    row_likely_starts(&rows[i - 1], &rows[i], side))
			row_set_start(finder, &rows[i]);
	}
}

struct range {
	int32_t least, most;
};

static void range_add(struct range *range, int32_t value)
{
	range->least = value < range->least ? value : range->least;
	range->most = value > range->most ? value : range->most;
}

static const struct paragraph_model no_model;

/*
 * The model that would make one paragraph of [start, end), which share their margins; of SIDE_UNKNOWN when there is
 * none. *consistent is false when they could not even be the begin of one.
 */
static struct paragraph_model model_of_outline(const struct finder *finder, int32_t start, int32_t end,
					       int32_t tolerance, bool *consistent)
{
	const struct scratch_row *rows = finder->rows, *first = &rows[start];
	int32_t readings = 0;

	*consistent = true;
	if (end - start < 2)
		return no_model;
	for (int32_t i = start; i < end; i++)
		readings += rows[i].row->left_to_right;
	bool left_to_right = readings >= (end - start) / 2;
	struct range left = { rows[start + 1].left_indent, rows[start + 1].left_indent };
	struct range right = { rows[start + 1].right_indent, rows[start + 1].right_indent }, center = { 0, 0 };

	for (int32_t i = start + 1; i < end; i++) {
		*consistent &= rows[i].left_margin == first->left_margin && rows[i].right_margin == first->right_margin;
		range_add(&left, rows[i].left_indent);
		range_add(&right, rows[i].right_indent);
		range_add(&center, rows[i].right_indent - rows[i].left_indent);
	}
	if (!*consistent)
		return no_model;
	int32_t left_spread = left.most - left.least, right_spread = right.most - right.least;
	if (right_spread > tolerance && left_spread > tolerance) {
		if (center.most - center.least < tolerance * 2)
			return end - start < 3 ? no_model : model_make(SIDE_CENTER, 0, 0, 0, tolerance);
		*consistent = false;
		return no_model;
	}
	if (end - start < 3)
		return no_model;
	struct paragraph_model left_model = model_make(SIDE_LEFT, first->left_margin, first->left_indent,
						       (left.least + left.most) / 2, tolerance);
	struct paragraph_model right_model = model_make(SIDE_RIGHT, first->right_margin, first->right_indent,
							(right.least + right.most) / 2, tolerance);
	bool body_left = left_spread < tolerance, body_right = right_spread < tolerance;
	/* One ragged side leaves the other; the first row must not be indented on the side where rows end. */
	if (tolerance < right_spread && body_left && (left_to_right || model_is_flush(&left_model)))
		return left_model;
	if (tolerance >= right_spread && tolerance < left_spread && body_right &&
	    (!left_to_right || model_is_flush(&right_model)))
		return right_model;
	/* With both sides straight, the side on which the first row juts out is the one. */
	if (tolerance >= right_spread && tolerance >= left_spread) {
		if (left_to_right && body_left &&
		    (first->left_indent < left.least || first->left_indent > left.most))
			return left_model;
		if (!left_to_right && body_right &&
		    (first->right_indent < right.least || first->right_indent > right.most))
			return right_model;
	}
	*consistent = false;
	return no_model;
}

/* The end of the run from `start` that could be one paragraph. */
static int32_t run_end(const struct finder *finder, int32_t start, int32_t end)
{
	const struct scratch_row *rows = finder->rows;
	int32_t tolerance = edge_tolerance(rows[start + 1].row->space_px), stop = start;
	struct paragraph_model last = no_model;
	bool consistent;

	do {
		stop++;
		if (stop >= end - 1)
			break;
		enum row_type type = row_type(&rows[stop]);
		consistent = type == ROW_BODY || (type == ROW_UNKNOWN &&
						  !row_would_have_fitted_anywhere(&rows[stop - 1], &rows[stop]));
		if (!consistent)
			break;
		struct paragraph_model next = model_of_outline(finder, start, stop + 1, tolerance, &consistent);
		enum side side = reading_side(&rows[start]);
		if (last.side == side && next.side != side)
			consistent = false;
		last = next;
	} while (consistent && stop < end);
	return stop;
}

/* Makes models of runs of a start and its continuations. */
static void make_models(struct finder *finder, int32_t row_start, int32_t row_end)
{
	struct scratch_row *rows = finder->rows;
	int32_t start = row_start, end;

	for (; start < row_end; start = end) {
		while (start < row_end && row_type(&rows[start]) != ROW_START)
			start++;
		if (start >= row_end - 1)
			return;
		end = run_end(finder, start, row_end);
		if (end <= start + 1)
			continue;
		int32_t model = MODEL_NONE;
		bool consistent;
		struct paragraph_model found = model_of_outline(
		    finder, start, end, edge_tolerance(rows_space(finder, start, end)), &consistent);
		if (found.side == SIDE_UNKNOWN)
			continue;
		if (!model_is_flush(&found))
			model = model_add(finder, found);
		else if (end == start + 2)
			end = start + 1; /* likely two starts in a row */
		else if (start == row_start)
			model = found.side == SIDE_LEFT ? MODEL_CROWN_LEFT : MODEL_CROWN_RIGHT;
		if (model == MODEL_NONE)
			continue;
		row_add_start(finder, &rows[start], model);
		for (int32_t i = start + 1; i < end; i++)
			row_add_body(finder, &rows[i], model);
	}
}

/* Models open at each row: a row before starts a paragraph of it, and all rows since would fit into it. */
struct smearer {
	struct finder *finder;
	int32_t start, end;
	struct model_set *open; /* [end - start + 2], open[i] of row start + i - 1 */
};

static struct model_set *open_at(struct smearer *smearer, int32_t row)
{
	return &smearer->open[row - smearer->start + 1];
}

static void find_open(struct smearer *smearer, int32_t start, int32_t end)
{
	struct finder *finder = smearer->finder;

	if (start < smearer->start)
		start = smearer->start;
	if (end > smearer->end)
		end = smearer->end;
	for (int32_t row = start > 0 ? start - 1 : start; row < end; row++) {
		struct model_set *after = open_at(smearer, row + 1), *here = open_at(smearer, row);

		after->count = 0;
		if (finder->rows[row].row->word_count == 0)
			continue;
		set_add_starts(finder, here, &finder->rows[row]);
		for (size_t i = 0; i < here->count; i++)
			if (row_may_start(finder, &finder->rows[row], here->models[i]) ||
			    row_may_continue(finder, &finder->rows[row], here->models[i]))
				set_add(finder, after, here->models[i]);
	}
}

static bool likely_starts(struct smearer *smearer, int32_t row)
{
	const struct scratch_row *rows = smearer->finder->rows;
	const struct model_set *open = open_at(smearer, row);
	bool left = false, right = false;

	if (row == 0)
		return true;
	for (size_t i = 0; i < open->count; i++) {
		enum side side = smearer->finder->models[open->models[i]].side;

		left |= side != SIDE_RIGHT;
		right |= side != SIDE_LEFT;
	}
	if (left == right)
		return row_likely_starts(&rows[row - 1], &rows[row], SIDE_LEFT) ||
		       row_likely_starts(&rows[row - 1], &rows[row], SIDE_RIGHT);
	return row_likely_starts(&rows[row - 1], &rows[row], left ? SIDE_LEFT : SIDE_RIGHT);
}

static void smear_row(struct smearer *smearer, int32_t number)
{
	struct finder *finder = smearer->finder;
	struct scratch_row *row = &finder->rows[number];
	struct model_set models = { 0 };

	if (likely_starts(smearer, number)) {
		const struct model_set *open = open_at(smearer, number);

		for (size_t i = 0; i < open->count; i++)
			if (row_may_start(finder, row, open->models[i]))
				row_add_start(finder, row, open->models[i]);
	} else {
		if (number > 0)
			set_add_strong(finder, &models, row - 1);
		else
			set_add_uncentered(finder, &models);
		for (size_t i = 0; i < models.count; i++)
			if (row_may_continue(finder, row, models.models[i]))
				row_add_body(finder, row, models.models[i]);
	}
	if (row_type(row) == ROW_UNKNOWN || (row_type(row) == ROW_START && row_only_start(row) == MODEL_NONE)) {
		models.count = 0;
		set_add_uncentered(finder, &models);
		for (size_t i = 0; i < models.count; i++)
			if (row_may_start(finder, row, models.models[i]))
				row_add_start(finder, row, models.models[i]);
	}
	if (row_type(row) != ROW_UNKNOWN)
		find_open(smearer, number + 1, smearer->end);
	set_free(&models);
}

static void smear(struct finder *finder, int32_t start, int32_t end)
{
	struct smearer smearer = { finder, start, end, calloc((size_t)(end - start) + 2, sizeof *smearer.open) };

	if (!smearer.open) {
		finder->failed = true;
		return;
	}
	find_open(&smearer, start, end);
	for (int32_t i = start; i < end && !finder->failed; i++)
		if (finder->rows[i].row->word_count > 0)
			smear_row(&smearer, i);
	for (int32_t i = 0; i < end - start + 2; i++)
		set_free(&smearer.open[i]);
	free(smearer.open);
}

void rows_find_strong(struct finder *finder, int32_t start, int32_t end)
{
	if (end - start < 2)
		return;
	rows_reset(finder, start, end);
	mark_strong(finder, start, end);
	make_models(finder, start, end);
	smear(finder, start, end);
}
