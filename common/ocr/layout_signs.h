/*
 * What a page's layout tells of how the page lies: libtesseract finds lines that stand sideways as well, and its baselines
 * follow a skew. So asking whether a page is straight costs next to nothing once it is laid out.
 */
#ifndef FILOT_LAYOUT_SIGNS_H
#define FILOT_LAYOUT_SIGNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/ocr/layout.h"

struct layout_signs {
	int64_t letters;	/* that lines were made of */
	int32_t quarter_turns;	/* of the blocks that hold most of the letters (struct layout_block) */
	size_t line_count;	/* lines long enough to tell a skew */
	double skew_degrees;	/* their median, clockwise */
	double spread_degrees;	/* between their quartiles */
	double rise;		/* of a long line (their third quartile) from end to end for that skew, in x-heights */
	double x_height_px;	/* the median of all rows; 0 without any */
};

/* ERROR_OUT_OF_MEMORY. */
bool layout_signs_find(const struct layout *layout, struct layout_signs *signs, struct error *error);

#endif
