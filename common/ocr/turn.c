/*
 * Each step of changing the image is told as the map from the new image to the one before; the steps are multiplied.
 * Quarter turns keep whole numbers whole, so boxes of a page that only stood sideways are exact.
 */
#include "common/ocr/turn.h"

#include <math.h>

#define RADIANS_PER_DEGREE 0.017453292519943295
#define FARTHEST_PX 1e7
#define NEARLY_PX 1e-6 /* what rounding leaves of a whole number */

struct turn turn_none(int32_t width, int32_t height)
{
	return (struct turn){ .width = width, .height = height, .read_width = width, .read_height = height, .scale = 1.0,
			      .xx = 1.0, .yy = 1.0 };
}

bool turn_is_none(const struct turn *turn)
{
	return turn->rotation == 0 && turn->skew_degrees == 0.0 && turn->scale == 1.0;
}

/* Before the turn so far comes one more: x = xx * X + xy * Y + x0, y = yx * X + yy * Y + y0. */
static void then(struct turn *turn, double xx, double xy, double x0, double yx, double yy, double y0)
{
	struct turn old = *turn;
	turn->xx = old.xx * xx + old.xy * yx;
	turn->xy = old.xx * xy + old.xy * yy;
	turn->x0 = old.xx * x0 + old.xy * y0 + old.x0;
	turn->yx = old.yx * xx + old.yy * yx;
	turn->yy = old.yx * xy + old.yy * yy;
	turn->y0 = old.yx * x0 + old.yy * y0 + old.y0;
}

void turn_undo_rotation(struct turn *turn, int32_t degrees)
{
	double width = turn->read_width, height = turn->read_height;
	if (degrees == 90)
		then(turn, 0, -1, width, 1, 0, 0);
	else if (degrees == 180)
		then(turn, -1, 0, width, 0, -1, height);
	else if (degrees == 270)
		then(turn, 0, 1, 0, -1, 0, height);
	if (degrees == 90 || degrees == 270) {
		int32_t side = turn->read_width;
		turn->read_width = turn->read_height;
		turn->read_height = side;
	}
	turn->rotation = (turn->rotation + degrees) % 360;
}

void turn_undo_skew(struct turn *turn, double degrees, int32_t width, int32_t height)
{
	double cosine = cos(degrees * RADIANS_PER_DEGREE), sine = sin(degrees * RADIANS_PER_DEGREE);
	double x = width / 2.0, y = height / 2.0;
	then(turn, cosine, -sine, turn->read_width / 2.0 - cosine * x + sine * y, sine, cosine,
	     turn->read_height / 2.0 - sine * x - cosine * y);
	turn->read_width = width;
	turn->read_height = height;
	turn->skew_degrees += degrees;
}

void turn_scale(struct turn *turn, int32_t width, int32_t height)
{
	double x = (double)turn->read_width / width, y = (double)turn->read_height / height;
	then(turn, x, 0, 0, 0, y, 0);
	turn->scale /= y;
	turn->read_width = width;
	turn->read_height = height;
}

static bool is_side(int32_t side)
{
	return side >= 1 && side <= PAGE_LONGEST_SIDE_PX;
}

bool turn_valid(const struct turn *turn, int32_t read_width, int32_t read_height)
{
	const double numbers[] = { turn->xx, turn->xy, turn->yx, turn->yy, turn->x0, turn->y0 };
	for (int i = 0; i < 6; i++)
		if (!(fabs(numbers[i]) <= (i < 4 ? TURN_MOST_SCALE : FARTHEST_PX)))
			return false;
	bool right_angle = turn->rotation == 0 || turn->rotation == 90 || turn->rotation == 180 || turn->rotation == 270;
	bool is_flag = turn->uneven_light == 0 || turn->uneven_light == 1;
	return is_flag && is_side(turn->width) && is_side(turn->height) && turn->read_width == read_width &&
	       turn->read_height == read_height && right_angle &&
	       fabs(turn->skew_degrees) <= TURN_MOST_SKEW_DEGREES && turn->scale >= 1.0 / TURN_MOST_SCALE &&
	       turn->scale <= TURN_MOST_SCALE;
}

static double x_of(const struct turn *turn, double x, double y)
{
	return turn->xx * x + turn->xy * y + turn->x0;
}

static double y_of(const struct turn *turn, double x, double y)
{
	return turn->yx * x + turn->yy * y + turn->y0;
}

static double cut(double value, double most)
{
	return fmin(fmax(value, 0.0), most);
}

struct box turn_box(const struct turn *turn, struct box box)
{
	double left = INFINITY, top = INFINITY, right = -INFINITY, bottom = -INFINITY;
	for (int corner = 0; corner < 4; corner++) {
		double x = box.x + (corner & 1 ? (double)box.width : 0.0);
		double y = box.y + (corner & 2 ? (double)box.height : 0.0);
		left = fmin(left, x_of(turn, x, y));
		right = fmax(right, x_of(turn, x, y));
		top = fmin(top, y_of(turn, x, y));
		bottom = fmax(bottom, y_of(turn, x, y));
	}
	left = cut(floor(left + NEARLY_PX), turn->width);
	right = cut(ceil(right - NEARLY_PX), turn->width);
	top = cut(floor(top + NEARLY_PX), turn->height);
	bottom = cut(ceil(bottom - NEARLY_PX), turn->height);
	return (struct box){ (int32_t)left, (int32_t)top, (int32_t)fmax(right - left, 0.0), (int32_t)fmax(bottom - top, 0.0) };
}

static int32_t near(double value)
{
	return (int32_t)lround(fmin(fmax(value, -PAGE_LONGEST_SIDE_PX), PAGE_LONGEST_SIDE_PX));
}

static void turn_line(const struct turn *turn, struct line *line)
{
	const int32_t *from = line->baseline;
	const int32_t baseline[4] = { near(x_of(turn, from[0], from[1])), near(y_of(turn, from[0], from[1])),
				      near(x_of(turn, from[2], from[3])), near(y_of(turn, from[2], from[3])) };
	bool known = from[0] || from[1] || from[2] || from[3];
	for (int i = 0; i < 4 && known; i++)
		line->baseline[i] = baseline[i];
	line->box = turn_box(turn, line->box);
	line->row_height_px = (float)(line->row_height_px / turn->scale);
	line->descenders_px = (float)(line->descenders_px / turn->scale);
	line->ascenders_px = (float)(line->ascenders_px / turn->scale);
	line->orientation = (line->orientation + turn->rotation) % 360;
}

void turn_page(const struct turn *turn, struct page *page)
{
	page->rotation = turn->rotation;
	page->skew_degrees = (float)turn->skew_degrees;
	page->enlarged = turn->scale == 1.0 ? 0.0f : (float)turn->scale;
	page->uneven_light = turn->uneven_light;
	if (turn_is_none(turn))
		return;
	page->width = turn->width;
	page->height = turn->height;
	page->dpi = (int32_t)lround(page->dpi / turn->scale);
	for (size_t i = 0; i < page->block_count; i++)
		page->blocks[i].box = turn_box(turn, page->blocks[i].box);
	for (size_t i = 0; i < page->paragraph_count; i++)
		page->paragraphs[i].box = turn_box(turn, page->paragraphs[i].box);
	for (size_t i = 0; i < page->line_count; i++)
		turn_line(turn, &page->lines[i]);
	for (size_t i = 0; i < page->word_count; i++)
		page->words[i].box = turn_box(turn, page->words[i].box);
}
