/* Models of paragraphs, hypotheses of rows, and what of the one fits the other. */
#include <math.h>
#include <stdlib.h>

#include "common/base/array.h"
#include "common/ocr/paragraphs_private.h"

struct paragraph_model model_make(enum side side, int32_t margin, int32_t first, int32_t body, int32_t tolerance)
{
	int32_t shared = first < body ? first : body;

	return (struct paragraph_model){ side, margin + shared, first - shared, body - shared, tolerance, false };
}

bool model_is_flush(const struct paragraph_model *model)
{
	return (model->side == SIDE_LEFT || model->side == SIDE_RIGHT) &&
	       nearly_equal(model->first, model->body, model->tolerance);
}

static bool is_comparable(const struct paragraph_model *a, const struct paragraph_model *b)
{
	int32_t tolerance = (a->tolerance + b->tolerance) / 4;

	if (a->side != b->side)
		return false;
	if (a->side == SIDE_CENTER || a->side == SIDE_UNKNOWN)
		return true;
	return nearly_equal(a->margin + a->first, b->margin + b->first, tolerance) &&
	       nearly_equal(a->margin + a->body, b->margin + b->body, tolerance);
}

int32_t model_add(struct finder *finder, struct paragraph_model model)
{
	for (size_t i = 0; i < finder->model_count; i++)
		if (!finder->models[i].discarded && is_comparable(&finder->models[i], &model))
			return (int32_t)i;
	struct paragraph_model *grown =
	    array_grow(finder->models, &finder->model_capacity, finder->model_count + 1, sizeof model);
	if (!grown) {
		finder->failed = true;
		return MODEL_NONE;
	}
	finder->models = grown;
	grown[finder->model_count] = model;
	return (int32_t)finder->model_count++;
}

void models_discard_unused(struct finder *finder)
{
	for (size_t i = 0; i < finder->model_count; i++)
		finder->models[i].discarded = true;
	for (int32_t row = 0; row < finder->row_count; row++)
		for (size_t i = 0; i < finder->rows[row].count; i++)
			if (model_is_strong(finder->rows[row].hypotheses[i].model))
				finder->models[finder->rows[row].hypotheses[i].model].discarded = false;
}

void set_add(struct finder *finder, struct model_set *set, int32_t model)
{
	for (size_t i = 0; i < set->count; i++)
		if (set->models[i] == model)
			return;
	int32_t *grown = array_grow(set->models, &set->capacity, set->count + 1, sizeof *grown);
	if (!grown) {
		finder->failed = true;
		return;
	}
	set->models = grown;
	set->models[set->count++] = model;
}

void set_free(struct model_set *set)
{
	free(set->models);
	*set = (struct model_set){ 0 };
}

void set_add_starts(struct finder *finder, struct model_set *set, const struct scratch_row *row)
{
	for (size_t i = 0; i < row->count; i++)
		if (row->hypotheses[i].type == ROW_START && model_is_strong(row->hypotheses[i].model))
			set_add(finder, set, row->hypotheses[i].model);
}

void set_add_strong(struct finder *finder, struct model_set *set, const struct scratch_row *row)
{
	for (size_t i = 0; i < row->count; i++)
		if (model_is_strong(row->hypotheses[i].model))
			set_add(finder, set, row->hypotheses[i].model);
}

void set_add_uncentered(struct finder *finder, struct model_set *set)
{
	for (size_t i = 0; i < finder->model_count; i++)
		if (!finder->models[i].discarded && finder->models[i].side != SIDE_CENTER)
			set_add(finder, set, (int32_t)i);
}

static enum row_type type_among(const struct scratch_row *row, bool any, int32_t model)
{
	bool has_start = false, has_body = false;

	if (row->count == 0)
		return ROW_UNKNOWN;
	for (size_t i = 0; i < row->count; i++) {
		if (!any && row->hypotheses[i].model != model)
			continue;
		has_start |= row->hypotheses[i].type == ROW_START;
		has_body |= row->hypotheses[i].type == ROW_BODY;
	}
	if (has_start && has_body)
		return ROW_MULTIPLE;
	return has_start ? ROW_START : ROW_BODY;
}

enum row_type row_type(const struct scratch_row *row)
{
	return type_among(row, true, MODEL_NONE);
}

enum row_type row_type_in(const struct scratch_row *row, int32_t model)
{
	return type_among(row, false, model);
}

void row_forget(struct scratch_row *row)
{
	row->count = 0;
}

static void add_hypothesis(struct finder *finder, struct scratch_row *row, enum row_type type, int32_t model)
{
	for (size_t i = 0; i < row->count; i++)
		if (row->hypotheses[i].type == type && row->hypotheses[i].model == model)
			return;
	struct hypothesis *grown = array_grow(row->hypotheses, &row->capacity, row->count + 1, sizeof *grown);
	if (!grown) {
		finder->failed = true;
		return;
	}
	row->hypotheses = grown;
	grown[row->count++] = (struct hypothesis){ type, model };
}

void row_set_start(struct finder *finder, struct scratch_row *row)
{
	enum row_type type = row_type(row);

	if (type == ROW_UNKNOWN || type == ROW_BODY)
		add_hypothesis(finder, row, ROW_START, MODEL_NONE);
}

void row_set_body(struct finder *finder, struct scratch_row *row)
{
	enum row_type type = row_type(row);

	if (type == ROW_UNKNOWN || type == ROW_START)
		add_hypothesis(finder, row, ROW_BODY, MODEL_NONE);
}

/* Adds a hypothesis with a model, which takes the place of the one without. */
static void add_modelled(struct finder *finder, struct scratch_row *row, enum row_type type, int32_t model)
{
	size_t kept = 0;
	bool removed = false;

	add_hypothesis(finder, row, type, model);
	for (size_t i = 0; i < row->count; i++) {
		if (!removed && row->hypotheses[i].type == type && row->hypotheses[i].model == MODEL_NONE)
			removed = true;
		else
			row->hypotheses[kept++] = row->hypotheses[i];
	}
	row->count = kept;
}

void row_add_start(struct finder *finder, struct scratch_row *row, int32_t model)
{
	add_modelled(finder, row, ROW_START, model);
}

void row_add_body(struct finder *finder, struct scratch_row *row, int32_t model)
{
	add_modelled(finder, row, ROW_BODY, model);
}

int32_t row_only_start(const struct scratch_row *row)
{
	return row->count == 1 && row->hypotheses[0].type == ROW_START ? row->hypotheses[0].model : MODEL_NONE;
}

int32_t row_only_body(const struct scratch_row *row)
{
	return row->count == 1 && row->hypotheses[0].type == ROW_BODY ? row->hypotheses[0].model : MODEL_NONE;
}

int32_t row_offside_indent(const struct scratch_row *row, enum side side)
{
	if (side == SIDE_RIGHT)
		return row->left_indent;
	if (side == SIDE_LEFT)
		return row->right_indent;
	return row->left_indent > row->right_indent ? row->left_indent : row->right_indent;
}

int32_t row_alignside_indent(const struct scratch_row *row, enum side side)
{
	if (side == SIDE_RIGHT)
		return row->right_indent;
	if (side == SIDE_LEFT)
		return row->left_indent;
	return row->left_indent > row->right_indent ? row->left_indent : row->right_indent;
}

static bool row_fits(const struct finder *finder, const struct scratch_row *row, int32_t number, bool first)
{
	if (!model_is_strong(number))
		return false;
	const struct paragraph_model *model = &finder->models[number];
	int32_t indent = model->margin + (first ? model->first : model->body);

	switch (model->side) {
	case SIDE_LEFT:
		return nearly_equal(row->left_margin + row->left_indent, indent, model->tolerance);
	case SIDE_RIGHT:
		return nearly_equal(row->right_margin + row->right_indent, indent, model->tolerance);
	case SIDE_CENTER:
		return nearly_equal(row->left_indent, row->right_indent, model->tolerance * 2);
	default:
		return false;
	}
}

bool row_may_start(const struct finder *finder, const struct scratch_row *row, int32_t model)
{
	return row_fits(finder, row, model, true);
}

bool row_may_continue(const struct finder *finder, const struct scratch_row *row, int32_t model)
{
	return row_fits(finder, row, model, false);
}

static bool fits_into(const struct scratch_row *before, const struct scratch_row *after, int32_t room_px)
{
	const struct paragraph_word *word = before->row->left_to_right ? &after->row->left : &after->row->right;

	return word->width < room_px - before->row->space_px;
}

bool row_would_have_fitted(const struct scratch_row *before, const struct scratch_row *after, enum side side)
{
	if (before->row->word_count == 0 || after->row->word_count == 0)
		return true;
	return fits_into(before, after,
			 side == SIDE_CENTER ? before->left_indent + before->right_indent :
					       row_offside_indent(before, side));
}

bool row_would_have_fitted_anywhere(const struct scratch_row *before, const struct scratch_row *after)
{
	if (before->row->word_count == 0 || after->row->word_count == 0)
		return true;
	return fits_into(before, after,
			 before->right_indent > before->left_indent ? before->right_indent : before->left_indent);
}

bool row_likely_starts(const struct scratch_row *before, const struct scratch_row *after, enum side side)
{
	if (before->row->word_count == 0)
		return true;
	if (!row_would_have_fitted(before, after, side))
		return false;
	if (before->row->left_to_right)
		return before->row->right.ends_idea && after->row->left.starts_idea;
	return before->row->left.ends_idea && after->row->right.starts_idea;
}

/* A histogram of small whole numbers (STATS). */
struct histogram {
	int32_t least, most, total;
	int32_t *counts;
};

static bool histogram_open(struct finder *finder, struct histogram *histogram, int32_t least, int32_t most)
{
	if (most < least) {
		least = 0;
		most = 1;
	}
	*histogram = (struct histogram){ least, most, 0, calloc((size_t)(most - least) + 1, sizeof(int32_t)) };
	finder->failed |= !histogram->counts;
	return histogram->counts != NULL;
}

static void histogram_add(struct histogram *histogram, int32_t value)
{
	if (value < histogram->least)
		value = histogram->least;
	if (value > histogram->most)
		value = histogram->most;
	histogram->counts[value - histogram->least]++;
	histogram->total++;
}

static double histogram_percentile(const struct histogram *histogram, double fraction)
{
	double target = fraction * histogram->total;
	int32_t sum = 0, index = 0;

	if (histogram->total == 0)
		return histogram->least;
	if (target < 1.0)
		target = 1.0;
	while (index <= histogram->most - histogram->least && sum < target)
		sum += histogram->counts[index++];
	return histogram->least + index - (sum - target) / histogram->counts[index - 1];
}

static int32_t histogram_count(const struct histogram *histogram, int32_t value)
{
	if (value < histogram->least)
		value = histogram->least;
	if (value > histogram->most)
		value = histogram->most;
	return histogram->counts[value - histogram->least];
}

static double histogram_median(const struct histogram *histogram)
{
	double median = histogram_percentile(histogram, 0.5);
	int32_t low = (int32_t)floor(median), high = low;

	if (histogram->total <= 1 || histogram_count(histogram, low) != 0)
		return median;
	while (histogram_count(histogram, low) == 0 && low > histogram->least)
		low--;
	while (histogram_count(histogram, high) == 0 && high < histogram->most)
		high++;
	return (low + high) / 2.0;
}

int32_t rows_space(struct finder *finder, int32_t start, int32_t end)
{
	struct histogram spaces;

	if (end <= start)
		return 1;
	const struct paragraph_word *first = &finder->rows[start].row->left, *last = &finder->rows[end - 1].row->left;
	int32_t least = (first->height + last->height) / 2 / 3;
	if (!histogram_open(finder, &spaces, 0, 4 + (first->width + last->width) / 2))
		return 1;
	for (int32_t i = start; i < end; i++)
		if (finder->rows[i].row->word_count > 1)
			histogram_add(&spaces, finder->rows[i].row->space_px);
	int32_t median = (int32_t)histogram_median(&spaces);
	free(spaces.counts);
	if (least < 2)
		least = 2;
	return median > least ? median : least;
}

void rows_reset(struct finder *finder, int32_t start, int32_t end)
{
	struct histogram lefts, rights;
	int32_t left_least = INT32_MAX, left_most = INT32_MIN, right_least = INT32_MAX, right_most = INT32_MIN;

	for (int32_t i = start; i < end; i++) {
		struct scratch_row *row = &finder->rows[i];
		int32_t left = row->left_margin + row->left_indent, right = row->right_margin + row->right_indent;

		row_forget(row);
		if (row->row->word_count == 0 && i > start)
			continue;
		left_least = left < left_least ? left : left_least;
		left_most = left > left_most ? left : left_most;
		right_least = right < right_least ? right : right_least;
		right_most = right > right_most ? right : right_most;
	}
	if (start >= end || !histogram_open(finder, &lefts, left_least, left_most))
		return;
	if (!histogram_open(finder, &rights, right_least, right_most)) {
		free(lefts.counts);
		return;
	}
	for (int32_t i = start; i < end; i++)
		if (finder->rows[i].row->word_count > 0) {
			histogram_add(&lefts, finder->rows[i].left_margin + finder->rows[i].left_indent);
			histogram_add(&rights, finder->rows[i].right_margin + finder->rows[i].right_indent);
		}
	int32_t left = (int32_t)histogram_percentile(&lefts, 0.1), right = (int32_t)histogram_percentile(&rights, 0.1);
	for (int32_t i = start; i < end; i++) {
		struct scratch_row *row = &finder->rows[i];

		row->left_indent -= left - row->left_margin;
		row->left_margin = left;
		row->right_indent -= right - row->right_margin;
		row->right_margin = right;
	}
	free(lefts.counts);
	free(rights.counts);
}
