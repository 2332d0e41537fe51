/*
 * From the page as it was read back to the page as it was given. What is read may be the given page turned upright, its
 * skew removed, enlarged; all that is told of it (boxes, baselines, sizes) has to be where it is on the page as given.
 *
 * A struct turn is an affine map, built up step by step as the image is changed. Coordinates are pixels, origin top left,
 * y downwards; a pixel is a square whose corners are whole numbers. Angles are clockwise.
 */
#ifndef FILOT_TURN_H
#define FILOT_TURN_H

#include <stdbool.h>
#include <stdint.h>

#include "common/ocr/page.h"

#define TURN_MOST_SKEW_DEGREES 15.0
#define TURN_MOST_SCALE 8.0

struct turn {
	int32_t width, height;		 /* of the page as given */
	int32_t read_width, read_height; /* of the page as read */
	int32_t rotation;		 /* 0, 90, 180, 270: how the page as given stood, clockwise; this was undone */
	int32_t uneven_light;		 /* 1: the paper's shade was followed when black was told from white; else 0 */
	double skew_degrees; /* likewise, beyond the rotation */
	double scale;	     /* pixels of the page as read to one of the page as given */
	/* given x = xx * x + xy * y + x0, given y = yx * x + yy * y + y0 */
	double xx, xy, x0, yx, yy, y0;
};

/* Nothing is undone yet. */
struct turn turn_none(int32_t width, int32_t height);

bool turn_is_none(const struct turn *turn);

/* The image is turned back by a rotation of 90, 180 or 270 degrees. */
void turn_undo_rotation(struct turn *turn, int32_t degrees);

/* The image is turned back by a skew about its middle, in a frame of width x height, whose middle is the same point. */
void turn_undo_skew(struct turn *turn, double degrees, int32_t width, int32_t height);

/* The image is scaled to width x height. */
void turn_scale(struct turn *turn, int32_t width, int32_t height);

/* Whether a turn that comes from another process is one, for a page read of width x height. */
bool turn_valid(const struct turn *turn, int32_t read_width, int32_t read_height);

/* The smallest box of the page as given around a box of the page as read, cut at the page's edges. */
struct box turn_box(const struct turn *turn, struct box box);

/* All of the page: its size, resolution and rotation, boxes, baselines, heights of rows, orientations of lines. */
void turn_page(const struct turn *turn, struct page *page);

#endif
