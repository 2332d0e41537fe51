/* Paragraphs by the outline of a block alone, where words gave no sign: by the few indents at which its rows begin and end. */
#include <stdlib.h>

#include "common/ocr/paragraphs_private.h"

/* Indents at which edges of rows stand, from the least. */
struct stop {
	int32_t center, count;
};

struct stops {
	struct stop *stops; /* room for one a row */
	size_t count;
};

struct outline {
	struct finder *finder;
	int32_t start, end, tolerance;
	bool left_to_right;
	struct stops left, right;
	/* The model that is looked for. */
	enum side side;
	int32_t margin, first, body;
	int32_t paragraph_end_px; /* an offside indent above this ends a paragraph; 0: text is ragged, ask for the word */
};

static int ascending(const void *left, const void *right)
{
	int32_t a = *(const int32_t *)left, b = *(const int32_t *)right;

	return (a > b) - (a < b);
}

/* Groups values, which are sorted, so that none spans more than the tolerance. */
static void stops_find(struct stops *stops, int32_t *values, size_t count, int32_t tolerance)
{
	stops->count = 0;
	qsort(values, count, sizeof *values, ascending);
	for (size_t i = 0; i < count;) {
		size_t from = i;
		int32_t low = values[i], high = low;

		while (++i < count && values[i] <= low + tolerance)
			high = values[i];
		stops->stops[stops->count++] = (struct stop){ (high + low) / 2, (int32_t)(i - from) };
	}
}

static size_t closest(const struct stops *stops, int32_t value)
{
	size_t best = 0;

	for (size_t i = 0; i < stops->count; i++)
		if (abs(value - stops->stops[i].center) < abs(value - stops->stops[best].center))
			best = i;
	return best;
}

/* Takes out the rarest of three stops when it is rare and the other side is ragged. */
static void prune(struct stops *stops, const struct stops *other, int32_t rare)
{
	size_t rarest = 2;

	if (stops->count != 3 || other->count < 4)
		return;
	for (size_t i = 2; i-- > 0;)
		if (stops->stops[i].count < stops->stops[rarest].count)
			rarest = i;
	if (stops->stops[rarest].count > rare)
		return;
	for (size_t i = rarest; i + 1 < stops->count; i++)
		stops->stops[i] = stops->stops[i + 1];
	stops->count--;
}

/* Collects the indents of rows that are usual (or not) on either side; those that come are added to *count. */
static void collect(const struct outline *outline, const struct stops *left, const struct stops *right, int32_t rare,
		    bool usual, int32_t *lefts, int32_t *rights, size_t *count)
{
	for (int32_t i = outline->start; i < outline->end; i++) {
		const struct scratch_row *row = &outline->finder->rows[i];
		bool is_usual = left->stops[closest(left, row->left_indent)].count > rare ||
				right->stops[closest(right, row->right_indent)].count > rare;

		if (is_usual != usual)
			continue;
		lefts[*count] = row->left_indent;
		rights[(*count)++] = row->right_indent;
	}
}

/* Rows far from all others, such as page numbers, are left out of the stops. False when memory ends. */
static bool find_stops(struct outline *outline)
{
	size_t rows = (size_t)(outline->end - outline->start), count = 0;
	int32_t rare = rows >= 20 ? 2 : rows >= 8 ? 1 : 0;
	int32_t *lefts = calloc(rows, sizeof *lefts), *rights = calloc(rows, sizeof *rights);
	struct stops left = { calloc(rows, sizeof *left.stops), 0 }, right = { calloc(rows, sizeof *right.stops), 0 };
	bool done = lefts && rights && left.stops && right.stops && outline->left.stops && outline->right.stops;

	if (done) {
		for (size_t i = 0; i < rows; i++) {
			lefts[i] = outline->finder->rows[outline->start + (int32_t)i].left_indent;
			rights[i] = outline->finder->rows[outline->start + (int32_t)i].right_indent;
		}
		stops_find(&left, lefts, rows, outline->tolerance);
		stops_find(&right, rights, rows, outline->tolerance);
		collect(outline, &left, &right, rare, true, lefts, rights, &count);
		stops_find(&outline->left, lefts, count, outline->tolerance);
		stops_find(&outline->right, rights, count, outline->tolerance);
		/* One side ragged, the other with a single stop, as in an index: the rare rows matter. */
		if ((outline->left.count == 1 && outline->right.count >= 4) ||
		    (outline->right.count == 1 && outline->left.count >= 4))
			collect(outline, &left, &right, rare, false, lefts, rights, &count);
		stops_find(&outline->left, lefts, count, outline->tolerance);
		stops_find(&outline->right, rights, count, outline->tolerance);
		prune(&outline->left, &outline->right, rare);
		prune(&outline->right, &outline->left, rare);
	}
	free(lefts);
	free(rights);
	free(left.stops);
	free(right.stops);
	return done;
}

static const struct stops *align_stops(const struct outline *outline)
{
	return outline->side == SIDE_RIGHT ? &outline->right : &outline->left;
}

static const struct stops *offside_stops(const struct outline *outline)
{
	return outline->side == SIDE_RIGHT ? &outline->left : &outline->right;
}

static void assume(struct outline *outline, enum side side)
{
	const struct scratch_row *first = &outline->finder->rows[outline->start];

	outline->side = side;
	outline->margin = side == SIDE_LEFT ? first->left_margin : first->right_margin;
}

static int32_t offside_middle(const struct outline *outline)
{
	const struct stops *stops = offside_stops(outline);

	return (stops->stops[0].center + stops->stops[1].center) / 2;
}

static int32_t add_model(const struct outline *outline)
{
	return model_add(outline->finder, model_make(outline->side, outline->margin, outline->first, outline->body,
						     outline->tolerance));
}

/* Marks the rows as starts and continuations of a model. Where a row may be both, what the row before looks like tells. */
static void mark_with(const struct outline *outline, int32_t model)
{
	struct finder *finder = outline->finder;

	for (int32_t i = outline->start; i < outline->end && !finder->failed; i++) {
		struct scratch_row *row = &finder->rows[i];
		bool first = row_may_start(finder, row, model), body = row_may_continue(finder, row, model);

		if (first && body) {
			if (i == outline->start)
				body = false;
			else if (outline->paragraph_end_px > 0)
				body = (outline->side == SIDE_LEFT ? row[-1].right_indent : row[-1].left_indent) <=
				       outline->paragraph_end_px;
			else
				body = !row_would_have_fitted(row - 1, row, outline->side);
			first = !body;
		}
		if (first)
			row_add_start(finder, row, model);
		else if (body)
			row_add_body(finder, row, model);
	}
}

/*
 * Three stops in all: a rectangle but for some rows that are shorter on one side. On the side where rows begin these are
 * starts of paragraphs; on the other they are ends, or, when it is the last row only, the end of a single one.
 */
static void find_rectangle(struct outline *outline)
{
	struct finder *finder = outline->finder;
	int32_t rows = outline->end - outline->start, full = 0, last_full = 0;

	for (int32_t i = outline->start; i < outline->end; i++) {
		bool is_full = closest(&outline->left, finder->rows[i].left_indent) == 0 &&
			       closest(&outline->right, finder->rows[i].right_indent) == 0;

		full += is_full;
		last_full = is_full;
	}
	if (full < 0.7 * rows)
		return;
	assume(outline, outline->left_to_right ? SIDE_LEFT : SIDE_RIGHT);
	const struct stops *stops = align_stops(outline);
	if (stops->count == 2) {
		outline->first = stops->stops[1].center;
		outline->body = stops->stops[0].center;
	} else if (rows - 1 == full - last_full) {
		int32_t crown = outline->left_to_right ? MODEL_CROWN_LEFT : MODEL_CROWN_RIGHT;

		row_add_start(finder, &finder->rows[outline->start], crown);
		for (int32_t i = outline->start + 1; i < outline->end; i++)
			row_add_body(finder, &finder->rows[i], crown);
		return;
	} else {
		outline->first = outline->body = stops->stops[0].center;
		outline->paragraph_end_px = offside_middle(outline);
	}
	mark_with(outline, add_model(outline));
}

/* Of two indents on the aligned side, which one starts paragraphs. False when neither clearly does. */
static bool find_first_indent(struct outline *outline)
{
	const struct scratch_row *rows = outline->finder->rows;
	const struct stops *stops = align_stops(outline);
	int32_t firsts[2] = { 0, 0 }, last = outline->end - 1;
	bool packed = true;

	firsts[closest(stops, row_alignside_indent(&rows[outline->start], outline->side))]++;
	for (int32_t i = outline->start + 1; i < outline->end; i++)
		if (row_would_have_fitted(&rows[i - 1], &rows[i], outline->side)) {
			firsts[closest(stops, row_alignside_indent(&rows[i], outline->side))]++;
			packed = false;
		}
	/* A last row that is the only short one ends a paragraph whose other indent started it. */
	if (packed && row_would_have_fitted(&rows[last], &rows[last], outline->side))
		firsts[1 - closest(stops, row_alignside_indent(&rows[last], outline->side))]++;
	int32_t share[2] = { 100 * firsts[0] / stops->stops[0].count, 100 * firsts[1] / stops->stops[1].count };
	int first = (share[0] < 20 && 30 < share[1]) || share[0] + 30 < share[1] ? 1 :
		    (share[1] < 20 && 30 < share[0]) || share[1] + 30 < share[0] ? 0 :
										   -1;
	if (first < 0)
		return false;
	outline->first = stops->stops[first].center;
	outline->body = stops->stops[1 - first].center;
	return true;
}

/* Whether a row that ends no paragraph is short: then the text is ragged. */
static bool is_ragged(const struct outline *outline, int32_t model)
{
	const struct scratch_row *rows = outline->finder->rows;
	bool indented = align_stops(outline)->count == 2;

	for (int32_t i = outline->start; i < outline->end - 1; i++)
		if ((indented ? row_may_start(outline->finder, &rows[i + 1], model) :
				!row_would_have_fitted(&rows[i], &rows[i + 1], outline->side)) &&
		    !nearly_equal(offside_stops(outline)->stops[0].center, row_offside_indent(&rows[i], outline->side),
				  outline->tolerance))
			return true;
	return false;
}

static void find_model(struct outline *outline)
{
	size_t left = outline->left.count, right = outline->right.count;

	if ((left > 2 && right > 2) || (left <= 1 && right <= 1))
		return;
	if (left + right == 3) {
		find_rectangle(outline);
		return;
	}
	/* A side with many stops is the one where rows end. */
	assume(outline, right > 2 ? SIDE_LEFT :
			left > 2  ? SIDE_RIGHT :
			outline->left_to_right ? SIDE_LEFT :
						 SIDE_RIGHT);
	if (align_stops(outline)->count == 2) {
		if (!find_first_indent(outline))
			return;
	} else {
		outline->first = outline->body = align_stops(outline)->stops[0].center;
	}
	int32_t model = add_model(outline);
	if (outline->finder->failed)
		return;
	outline->paragraph_end_px = is_ragged(outline, model) ? 0 : offside_middle(outline);
	mark_with(outline, model);
}

void rows_find_outline(struct finder *finder, int32_t start, int32_t end)
{
	size_t rows = (size_t)(end - start);

	if (end - start < 4)
		return;
	rows_reset(finder, start, end);
	struct outline outline = {
		.finder = finder,
		.start = start,
		.end = end,
		.tolerance = rows_space(finder, start, end),
		.left_to_right = finder->rows[start].row->left_to_right,
		.left = { calloc(rows, sizeof *outline.left.stops), 0 },
		.right = { calloc(rows, sizeof *outline.right.stops), 0 },
	};
	if (finder->failed || !find_stops(&outline))
		finder->failed = true;
	else
		find_model(&outline);
	free(outline.left.stops);
	free(outline.right.stops);
}
