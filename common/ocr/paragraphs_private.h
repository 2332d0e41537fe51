/* What the parts of paragraph detection share: rows with their hypotheses, models, and the questions asked of both. */
#ifndef FILOT_PARAGRAPHS_PRIVATE_H
#define FILOT_PARAGRAPHS_PRIVATE_H

#include "common/ocr/paragraphs.h"

enum side { SIDE_UNKNOWN, SIDE_LEFT, SIDE_CENTER, SIDE_RIGHT };

/* A model's number is its index; these stand for none and for the two crowns. */
#define MODEL_NONE (-1)
#define MODEL_CROWN_LEFT (-2)
#define MODEL_CROWN_RIGHT (-3)

struct paragraph_model {
	enum side side;
	int32_t margin, first, body, tolerance; /* indents beyond the margin; the lesser one is 0 */
	bool discarded;
};

enum row_type { ROW_UNKNOWN, ROW_START, ROW_BODY, ROW_MULTIPLE };

struct hypothesis {
	enum row_type type; /* ROW_START or ROW_BODY */
	int32_t model;
};

/* The white at a row's ends in two parts: the margin that its neighbours share, and its own indent. */
struct scratch_row {
	const struct paragraph_row *row;
	int32_t left_margin, left_indent, right_indent, right_margin;
	struct hypothesis *hypotheses;
	size_t count, capacity;
};

struct model_set {
	int32_t *models;
	size_t count, capacity;
};

struct finder {
	struct scratch_row *rows;
	int32_t row_count;
	struct paragraph_model *models;
	size_t model_count, model_capacity;
	bool failed; /* memory ended: what follows means nothing */
};

static inline bool model_is_strong(int32_t model)
{
	return model >= 0;
}

static inline bool nearly_equal(int32_t a, int32_t b, int32_t tolerance)
{
	int32_t difference = a > b ? a - b : b - a;

	return difference <= tolerance;
}

/* How much an aligned edge may vary. */
static inline int32_t edge_tolerance(int32_t space_px)
{
	return space_px * 4 / 5;
}

struct paragraph_model model_make(enum side side, int32_t margin, int32_t first, int32_t body, int32_t tolerance);
bool model_is_flush(const struct paragraph_model *model);
/* A model like it, or itself as a new one. */
int32_t model_add(struct finder *finder, struct paragraph_model model);
void models_discard_unused(struct finder *finder);

void set_add(struct finder *finder, struct model_set *set, int32_t model);
void set_free(struct model_set *set);
void set_add_starts(struct finder *finder, struct model_set *set, const struct scratch_row *row); /* strong models */
void set_add_strong(struct finder *finder, struct model_set *set, const struct scratch_row *row);
void set_add_uncentered(struct finder *finder, struct model_set *set); /* all models there are */

enum row_type row_type(const struct scratch_row *row);
/* The row's type as far as a model goes. A row that has only other models counts as a body. */
enum row_type row_type_in(const struct scratch_row *row, int32_t model);
void row_forget(struct scratch_row *row);
void row_set_start(struct finder *finder, struct scratch_row *row);
void row_set_body(struct finder *finder, struct scratch_row *row);
void row_add_start(struct finder *finder, struct scratch_row *row, int32_t model);
void row_add_body(struct finder *finder, struct scratch_row *row, int32_t model);
int32_t row_only_start(const struct scratch_row *row); /* the model of its only hypothesis, a start; else MODEL_NONE */
int32_t row_only_body(const struct scratch_row *row);
int32_t row_offside_indent(const struct scratch_row *row, enum side side);
int32_t row_alignside_indent(const struct scratch_row *row, enum side side);

bool row_may_start(const struct finder *finder, const struct scratch_row *row, int32_t model);
bool row_may_continue(const struct finder *finder, const struct scratch_row *row, int32_t model);
/* Whether the first word of `after` would have fitted at the end of `before`. */
bool row_would_have_fitted(const struct scratch_row *before, const struct scratch_row *after, enum side side);
bool row_would_have_fitted_anywhere(const struct scratch_row *before, const struct scratch_row *after);
bool row_likely_starts(const struct scratch_row *before, const struct scratch_row *after, enum side side);

/* [start, end) rows: their median space between words. */
int32_t rows_space(struct finder *finder, int32_t start, int32_t end);
/* Forgets hypotheses and sets margins to what nine tenths of the rows have. */
void rows_reset(struct finder *finder, int32_t start, int32_t end);

/* By strong signs in geometry and text, then carried on. */
void rows_find_strong(struct finder *finder, int32_t start, int32_t end);
/* By their outline alone. */
void rows_find_outline(struct finder *finder, int32_t start, int32_t end);

#endif
