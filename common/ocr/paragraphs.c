/* The order in which paragraphs are looked for, and the paragraphs made of the rows' hypotheses. */
#include <stdlib.h>

#include "common/ocr/paragraphs_private.h"

/* [begin, end) rows */
struct interval {
	int32_t begin, end;
};

/* A row whose models are not borne out by the rows around it. */
static bool is_stranded(struct finder *finder, int32_t number)
{
	struct model_set models = { 0 };
	bool stranded = true;

	set_add_strong(finder, &models, &finder->rows[number]);
	for (size_t i = 0; i < models.count && stranded; i++) {
		bool all_start = true;
		int32_t run = 1;

		for (int32_t step = -1; step <= 1; step += 2)
			for (int32_t row = number + step; row >= 0 && row < finder->row_count; row += step) {
				enum row_type type = row_type_in(&finder->rows[row], models.models[i]);

				if (type == ROW_UNKNOWN)
					break;
				run++;
				all_start &= type == ROW_START;
			}
		stranded = !(run > 2 || (!all_start && run > 1));
	}
	set_free(&models);
	return stranded;
}

static bool has_strong(const struct scratch_row *row)
{
	for (size_t i = 0; i < row->count; i++)
		if (model_is_strong(row->hypotheses[i].model))
			return true;
	return false;
}

static int32_t first_model(const struct scratch_row *row)
{
	for (size_t i = 0; i < row->count; i++)
		if (row->hypotheses[i].model != MODEL_NONE)
			return row->hypotheses[i].model;
	return MODEL_NONE;
}

/* Rows without a model, crowns that no modelled row follows, and stranded ones. */
static bool needs_more(struct finder *finder, int32_t number)
{
	const struct scratch_row *row = &finder->rows[number];

	if (has_strong(row))
		return is_stranded(finder, number);
	if (first_model(row) == MODEL_NONE)
		return row->row->word_count > 0;
	for (int32_t after = number + 1; after < finder->row_count; after++) {
		if (first_model(&finder->rows[after]) == MODEL_NONE)
			return true;
		if (has_strong(&finder->rows[after]))
			return false;
	}
	return false;
}

/* The runs of rows of [start, end) that need more; `intervals` has room for each row. */
static size_t find_leftovers(struct finder *finder, int32_t start, int32_t end, struct interval *intervals)
{
	size_t count = 0;

	for (int32_t i = start; i < end; i++) {
		if (!needs_more(finder, i))
			continue;
		if (count > 0 && intervals[count - 1].end == i)
			intervals[count - 1].end = i + 1;
		else
			intervals[count++] = (struct interval){ i, i + 1 };
	}
	return count;
}

/* A flush paragraph at the top, or after one of another model, is like what follows it rather than a kind of its own. */
static bool is_crown(const struct finder *finder, int32_t start, int32_t model)
{
	return start == 0 || !model_is_strong(model) || !row_may_start(finder, &finder->rows[start - 1], model);
}

static bool crowns_agree(const struct scratch_row *a, const struct scratch_row *b, int32_t crown)
{
	int32_t tolerance = edge_tolerance(a->row->space_px);

	if (crown == MODEL_CROWN_RIGHT)
		return nearly_equal(a->right_indent + a->right_margin, b->right_indent + b->right_margin, tolerance);
	if (crown == MODEL_CROWN_LEFT)
		return nearly_equal(a->left_indent + a->left_margin, b->left_indent + b->left_margin, tolerance);
	return false;
}

static void make_crowns(struct finder *finder)
{
	struct scratch_row *rows = finder->rows;
	int32_t start;

	for (int32_t end = finder->row_count; end > 0; end = start) {
		int32_t model = MODEL_NONE;

		while (end > 0 && (model = row_only_body(&rows[end - 1])) == MODEL_NONE)
			end--;
		if (end == 0)
			break;
		start = end - 1;
		while (start >= 0 && row_only_body(&rows[start]) == model)
			start--;
		if (start >= 0 && model_is_strong(model) && row_only_start(&rows[start]) == model &&
		    nearly_equal(finder->models[model].first, finder->models[model].body,
				 finder->models[model].tolerance))
			start--;
		start++;
		if (model_is_strong(model) && finder->models[model].side == SIDE_CENTER)
			continue;
		while (!model_is_strong(model) && start > 0 && crowns_agree(&rows[start - 1], &rows[start], model))
			start--;
		if (!is_crown(finder, start, model))
			continue;
		int32_t crown = !model_is_strong(model)			   ? model :
				finder->models[model].side == SIDE_LEFT ? MODEL_CROWN_LEFT :
									     MODEL_CROWN_RIGHT;
		for (int32_t i = start; i < end; i++) {
			row_forget(&rows[i]);
			if (i == start)
				row_add_start(finder, &rows[i], crown);
			else
				row_add_body(finder, &rows[i], crown);
		}
	}
	models_discard_unused(finder);
}

/* The model of a crown: that of a paragraph below which its first row fits, else one of its own. */
static int32_t resolve_crown(struct finder *finder, int32_t start, int32_t end, int32_t crown, const int32_t *models)
{
	const struct scratch_row *first = &finder->rows[start];
	int32_t tolerance = edge_tolerance(first->row->space_px);

	for (int32_t row = end; row < finder->row_count; row++)
		if (models[row] != MODEL_NONE && row_may_continue(finder, first, models[row]) &&
		    (start == 0 || row_may_start(finder, first, models[row])))
			return models[row];
	if (crown == MODEL_CROWN_LEFT)
		return model_add(finder, model_make(SIDE_LEFT, first->left_margin + first->left_indent, 0, 0, tolerance));
	/* The margin twice, without the indent, is Tesseract's. */
	return model_add(finder, model_make(SIDE_RIGHT, first->right_margin + first->right_margin, 0, 0, tolerance));
}

/* Makes paragraphs, from the last row up. owners[i] becomes a number of its own for each, -1 for rows without. */
static void make_paragraphs(struct finder *finder, int32_t *owners, int32_t *models)
{
	struct scratch_row *rows = finder->rows;
	int32_t start, number = 0;

	for (int32_t end = finder->row_count; end > 0; end = start) {
		start = end - 1;
		int32_t model = first_model(&rows[start]);
		if (model != MODEL_NONE && row_type_in(&rows[start], model) == ROW_BODY) {
			while (--start > 0 && row_type_in(&rows[start], model) == ROW_BODY)
				continue;
			if (start < 0 || row_type_in(&rows[start], model) != ROW_START)
				model = MODEL_NONE;
			start = start < 0 ? 0 : start;
		}
		if (model == MODEL_NONE)
			continue;
		if (!model_is_strong(model))
			model = resolve_crown(finder, start, end, model, models);
		for (int32_t i = start; i < end; i++) {
			row_forget(&rows[i]);
			if (i == start)
				row_add_start(finder, &rows[i], model);
			else
				row_add_body(finder, &rows[i], model);
			owners[i] = number;
			models[i] = model;
		}
		number++;
	}
}

static void find(struct finder *finder, struct interval *intervals, struct interval *inner)
{
	size_t count = find_leftovers(finder, 0, finder->row_count, intervals);

	for (size_t i = 0; i < count; i++) {
		rows_find_strong(finder, intervals[i].begin, intervals[i].end);
		size_t left = find_leftovers(finder, intervals[i].begin, intervals[i].end, inner);
		/* Once more for each part, unless nothing was found and it would be the same rows. */
		if (left > 1 || (left == 1 && (inner[0].begin != 0 || inner[0].end != finder->row_count)))
			for (size_t j = 0; j < left; j++)
				rows_find_strong(finder, inner[j].begin, inner[j].end);
	}
	count = find_leftovers(finder, 0, finder->row_count, intervals);
	for (size_t i = 0; i < count; i++)
		rows_find_outline(finder, intervals[i].begin, intervals[i].end);
	make_crowns(finder);
	count = find_leftovers(finder, 0, finder->row_count, intervals);
	for (size_t i = 0; i < count; i++)
		for (int32_t row = intervals[i].begin; row < intervals[i].end; row++)
			row_forget(&finder->rows[row]);
}

/* Numbers from the top; a run of rows without a paragraph is one. */
static void number_owners(int32_t *owners, size_t count)
{
	int32_t before = -2, number = -1;

	for (size_t i = 0; i < count; i++) {
		number += owners[i] != before;
		before = owners[i];
		owners[i] = number;
	}
}

bool paragraphs_find(const struct paragraph_row *rows, size_t count, int32_t *owners, struct error *error)
{
	struct finder finder = { .rows = calloc(count + 1, sizeof *finder.rows), .row_count = (int32_t)count };
	struct interval *intervals = calloc(2 * (count + 1), sizeof *intervals);
	int32_t *models = calloc(count + 1, sizeof *models);

	finder.failed = !finder.rows || !intervals || !models || count > INT32_MAX / 4;
	for (size_t i = 0; i < count && !finder.failed; i++) {
		finder.rows[i] = (struct scratch_row){ .row = &rows[i],
						       .left_indent = rows[i].left_px,
						       .right_indent = rows[i].right_px };
		owners[i] = -1;
		models[i] = MODEL_NONE;
	}
	if (!finder.failed)
		find(&finder, intervals, intervals + count + 1);
	if (!finder.failed)
		make_paragraphs(&finder, owners, models);
	if (!finder.failed)
		number_owners(owners, count);
	for (size_t i = 0; finder.rows && i < count; i++)
		free(finder.rows[i].hypotheses);
	free(finder.rows);
	free(finder.models);
	free(intervals);
	free(models);
	return !finder.failed || error_set(error, ERROR_OUT_OF_MEMORY, "no memory to find paragraphs");
}
