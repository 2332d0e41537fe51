/*
 * At most three layouts of a page: as it is, without its skew and enlarged, and upright. Which way is up is tested once, on
 * lines that are straight.
 */
#include "common/ocr/straighten.h"

#include <leptonica/allheaders.h>
#include <math.h>
#include <stdlib.h>

#include "common/ocr/layout_signs.h"
#include "common/ocr/pixels.h"

#define RADIANS_PER_DEGREE 0.017453292519943295
#define LEAST_SKEW_DEGREES 0.3
#define LEAST_RISE 0.3 /* x-heights: below, fewer pages gain by it, and each costs another layout */
#define MUCH_SKEW_DEGREES 3.0 /* breaks lines, which are then too short to rise much */
#define MOST_SKEW_DEGREES 12.0
#define MOST_SPREAD_DEGREES 2.0
#define FEWEST_LINES 3 /* that a skew is believed of */
#define SMALL_X_HEIGHT_PX 12.0
#define LIGHT_SCALE 0.25f /* a page is looked at for its light in this scale */
#define LIGHT_TILE_PX 8
#define FEWEST_KEPT 0.75 /* of a page's letters, by a change that is kept */
#define LEAST_DARK 0.05 /* of all tiles */
#define MOST_DARK 0.5
#define LONGEST_SIDE_PX 32767 /* libtesseract's */
/* Which way up, as tests/bench/rotation shows on the corpus: a line alone may read well by chance. */
#define LINES 8 /* read at most */
#define FEWEST_LETTERS 6
#define BEST_LETTERS 20
#define READS_SURELY 90.0f
#define READS_WELL 75.0f
#define WELL_READ_LINES 2
#define FEWEST_TO_COMPARE 3 /* that tell anything together when they read badly */
#define READS_AT_ALL 30.0f
#define READS_BETTER 10.0f
#define TEST_HEIGHT_PX 36 /* of line images when the caller asks for none */

struct work {
	struct tesseract_engine *tesseract;
	const struct straighten_options *options;
	struct Pix **image;
	struct turn *turn;
	struct layout *layout;
	struct error *error;
};

static bool no_memory(struct error *error)
{
	return error_set(error, ERROR_OUT_OF_MEMORY, "no memory to turn a page");
}

/* Puts what was made of the page in its place. */
static bool replace(struct work *work, PIX *made)
{
	if (!made)
		return no_memory(work->error);
	pixDestroy(work->image);
	*work->image = made;
	return true;
}

static bool undo_rotation(struct work *work, int32_t degrees)
{
	if (degrees == 0)
		return true;
	turn_undo_rotation(work->turn, degrees);
	return replace(work, pixRotateOrth(*work->image, 4 - degrees / 90));
}

/* What can be turned and scaled without becoming ragged. */
static PIX *grey_or_colour(PIX *image)
{
	return pixGetDepth(image) == 32 ? pixClone(image) : pixConvertTo8(image, 0);
}

/* Black and white becomes grey: edges that are turned by a few degrees are no longer either. */
static bool undo_skew(struct work *work, double degrees)
{
	PIX *page = grey_or_colour(*work->image);
	PIX *turned = page ? pixRotate(page, (float)(-degrees * RADIANS_PER_DEGREE), L_ROTATE_AREA_MAP, L_BRING_IN_WHITE,
				       pixGetWidth(page), pixGetHeight(page)) :
			     NULL;
	if (turned)
		pixCopyResolution(turned, page);
	pixDestroy(&page);
	if (!replace(work, turned))
		return false;
	turn_undo_skew(work->turn, degrees, pixGetWidth(turned), pixGetHeight(turned));
	return true;
}

/* ---- which way up ---- */

static int32_t unfit(const struct layout_piece *piece)
{
	return abs(piece->blob_count - BEST_LETTERS);
}

/* Up to LINES pieces with images, those of nearly BEST_LETTERS letters first. */
static size_t choose_lines(const struct layout *layout, int32_t quarter_turns, const struct layout_piece **chosen)
{
	size_t count = 0;
	for (size_t b = 0; b < layout->block_count; b++) {
		const struct layout_block *block = &layout->blocks[b];
		for (int32_t r = block->first_row; r < block->first_row + block->row_count; r++) {
			const struct layout_piece *piece = &layout->pieces[layout->rows[r].first_piece];
			if (block->quarter_turns != quarter_turns || layout->rows[r].piece_count == 0 ||
			    piece->first_image < 0 || piece->blob_count < FEWEST_LETTERS)
				continue;
			size_t at = count < LINES ? count++ : LINES;
			for (; at > 0 && unfit(chosen[at - 1]) > unfit(piece); at--)
				if (at < LINES)
					chosen[at] = chosen[at - 1];
			if (at < LINES)
				chosen[at] = piece;
		}
	}
	return count;
}

static PIX *line_picture(const struct layout *layout, const struct layout_piece *piece)
{
	const struct layout_image *image = &layout->images[piece->first_image];
	PIX *pix = image->width > 0 ? pixCreate(image->width, image->height, 8) : NULL;
	const uint8_t *from = layout->pixels + image->offset;
	for (int32_t y = 0; pix && y < image->height; y++) {
		l_uint32 *line = pixGetData(pix) + (size_t)y * (size_t)pixGetWpl(pix);
		for (int32_t x = 0; x < image->width; x++)
			SET_DATA_BYTE(line, x, *from++);
	}
	return pix;
}

static bool read_line(struct work *work, const struct layout_piece *piece, bool upside_down, float *confidence)
{
	if (work->options->line_reader)
		return line_reader_read(work->options->line_reader, work->layout, (size_t)(piece - work->layout->pieces),
					upside_down, confidence, NULL, work->error);
	PIX *pix = line_picture(work->layout, piece);
	*confidence = 0.0f;
	if (pix && upside_down)
		(void)pixRotate180(pix, pix);
	bool done = !pix || tesseract_read_line(work->tesseract, pix, confidence, work->error);
	pixDestroy(&pix);
	return done;
}

/* The mean of the lines' confidences; *well: they read well, and no more were read than it takes to know that. */
static bool read_lines(struct work *work, const struct layout_piece *const *lines, size_t count, bool upside_down, float *mean,
		       bool *well)
{
	float sum = 0.0f, confidence;
	size_t well_read = 0, read = 0;
	for (*well = false; read < count && !*well; read++) {
		if (!read_line(work, lines[read], upside_down, &confidence))
			return false;
		sum += confidence;
		well_read += confidence >= READS_WELL;
		*well = confidence >= READS_SURELY || well_read == WELL_READ_LINES;
	}
	*mean = read > 0 ? sum / (float)read : 0.0f;
	return true;
}

/* How a page stands that was looked at. */
struct stand {
	int32_t rotation;
	enum { STAND_UNKNOWN, STAND_LIKELY, STAND_SURE } certainty; /* likely: its lines read better so; sure: well */
};

/*
 * How the page stands: as its lines run, if they read well so, else the way in which they read better. Lines that run down a
 * page and read as badly either way are upright letters of vertical writing.
 */
static bool find_rotation(struct work *work, int32_t quarter_turns, struct stand *stand)
{
	const struct layout_piece *lines[LINES];
	size_t count = choose_lines(work->layout, quarter_turns, lines);
	/* The upright page turned counterclockwise by quarter_turns is this one. */
	int32_t along = (4 - quarter_turns) % 4 * 90;
	float upright, turned = 0.0f;
	bool well, turned_well = false;
	if (!read_lines(work, lines, count, false, &upright, &well) ||
	    (!well && !read_lines(work, lines, count, true, &turned, &turned_well)))
		return false;
	bool are_many = count >= FEWEST_TO_COMPARE;
	*stand = (struct stand){ 0, STAND_UNKNOWN };
	if (well || (are_many && upright > READS_AT_ALL && upright > turned + READS_BETTER))
		*stand = (struct stand){ along, well ? STAND_SURE : STAND_LIKELY };
	else if ((are_many || turned_well) && turned > READS_AT_ALL && turned > upright + READS_BETTER)
		*stand = (struct stand){ (along + 180) % 360, turned_well ? STAND_SURE : STAND_LIKELY };
	return true;
}

/* ---- skew ---- */

/* Of a page on which few lines were found, by its black pixels. */
static double skew_of_pixels(PIX *image)
{
	float degrees = 0.0f, confidence = 0.0f;
	PIX *grey = pixConvertTo8(image, 0), *black = NULL;
	if (grey)
		(void)pixOtsuAdaptiveThreshold(grey, pixGetWidth(grey), pixGetHeight(grey), 0, 0, 0.0f, NULL, &black);
	if (!black || pixFindSkewSweepAndSearch(black, &degrees, &confidence, 4, 2, (float)MOST_SKEW_DEGREES, 1.0f, 0.01f))
		confidence = 0.0f;
	pixDestroy(&grey);
	pixDestroy(&black);
	return confidence >= 3.0f ? (double)-degrees : 0.0;
}

static double skew_to_undo(const struct work *work, const struct layout_signs *signs)
{
	double degrees = 0.0;
	if (!(work->options->improve & IMPROVE_SKEW))
		return 0.0;
	if (signs->line_count < FEWEST_LINES)
		degrees = skew_of_pixels(*work->image);
	else if (signs->spread_degrees <= MOST_SPREAD_DEGREES &&
		 (signs->rise >= LEAST_RISE || fabs(signs->skew_degrees) >= MUCH_SKEW_DEGREES))
		degrees = signs->skew_degrees;
	return fabs(degrees) >= LEAST_SKEW_DEGREES && fabs(degrees) <= MOST_SKEW_DEGREES ? degrees : 0.0;
}

/* ---- light ---- */

/* White on black, as far as one threshold tells. */
static bool is_mostly_dark(PIX *grey, l_int32 threshold)
{
	l_int32 dark = 0;
	PIX *black = pixThresholdToBinary(grey, threshold);
	bool counted = black && pixCountPixels(black, &dark, NULL) == 0;
	pixDestroy(&black);
	return counted && (int64_t)dark * 2 > (int64_t)pixGetWidth(grey) * pixGetHeight(grey);
}

/*
 * Whether one threshold for the whole page would make some of its paper black: the brightest pixel of a tile is paper, and
 * where that is darker than the threshold between ink and paper, all of the tile is lost. What is far darker is black, as a
 * border is.
 */
static bool is_lit_unevenly(PIX *page)
{
	l_int32 threshold = 0;
	l_uint32 value;
	size_t dark = 0, count = 0;
	PIX *small = pixGetDepth(page) > 1 ? pixScaleBySampling(page, LIGHT_SCALE, LIGHT_SCALE) : NULL;
	PIX *grey = small ? pixConvertTo8(small, 0) : NULL;
	PIX *paper = grey ? pixScaleGrayMinMax(grey, LIGHT_TILE_PX, LIGHT_TILE_PX, L_CHOOSE_MAX) : NULL;
	if (paper && pixSplitDistributionFgBg(grey, 0.0f, 1, &threshold, NULL, NULL, NULL) == 0 &&
	    !is_mostly_dark(grey, threshold))
		for (l_int32 y = 0; y < pixGetHeight(paper); y++)
			for (l_int32 x = 0; x < pixGetWidth(paper); x++, count++)
				dark += pixGetPixel(paper, x, y, &value) == 0 && (l_int32)value < threshold &&
					(l_int32)value > threshold / 4;
	pixDestroy(&small);
	pixDestroy(&grey);
	pixDestroy(&paper);
	return (double)dark > LEAST_DARK * (double)count && (double)dark < MOST_DARK * (double)count;
}

/* ---- resolution ---- */

/* How much a page whose letters are too small is enlarged; 1: not at all. */
static int32_t enlargement(const struct work *work, const struct layout_signs *signs)
{
	int64_t width = pixGetWidth(*work->image), height = pixGetHeight(*work->image);
	int32_t factor = signs->x_height_px > 0.0 && signs->x_height_px < SMALL_X_HEIGHT_PX ? 2 : 1;
	bool fits = width * factor <= LONGEST_SIDE_PX && height * factor <= LONGEST_SIDE_PX &&
		    width * height * factor * factor <= work->options->most_pixels;
	return work->options->improve & IMPROVE_RESOLUTION && fits ? factor : 1;
}

static bool enlarge(struct work *work, int32_t factor)
{
	PIX *page = grey_or_colour(*work->image);
	PIX *large = page ? pixScale(page, (float)factor, (float)factor) : NULL;
	pixDestroy(&page);
	if (!replace(work, large))
		return false;
	turn_scale(work->turn, pixGetWidth(large), pixGetHeight(large));
	return true;
}

/* ---- all of it ---- */

static bool lay_out(struct work *work)
{
	static const int32_t test_heights[] = { TEST_HEIGHT_PX };
	const struct straighten_options *options = work->options;
	bool is_asked = options->height_count > 0;
	int32_t dpi = (int32_t)lround(options->dpi * work->turn->scale);
	return tesseract_lines(work->tesseract, *work->image, options->psm, dpi, is_asked ? options->heights : test_heights,
			       is_asked ? options->height_count : 1, work->layout, work->error);
}

/* The page before a change, which may be taken back. */
struct kept {
	PIX *image;
	struct turn turn;
	struct layout layout;
};

static struct kept keep(struct work *work)
{
	struct kept kept = { pixClone(*work->image), *work->turn, *work->layout };
	*work->layout = (struct layout){ 0 };
	return kept;
}

static void forget(struct kept *kept)
{
	pixDestroy(&kept->image);
	layout_free(&kept->layout);
}

static bool take_back(struct work *work, struct kept *kept)
{
	layout_free(work->layout);
	*work->turn = kept->turn;
	*work->layout = kept->layout;
	return replace(work, kept->image);
}

/*
 * Removes the skew, enlarges, and lays out again; *changed: there was something to do. A page that loses letters by it is
 * taken back: small dots and rules look like small letters.
 */
static bool improve(struct work *work, const struct layout_signs *signs, bool *changed)
{
	double skew = skew_to_undo(work, signs);
	int32_t factor = enlargement(work, signs);
	struct layout_signs after;
	*changed = skew != 0.0 || factor > 1;
	if (!*changed)
		return true;
	struct kept kept = keep(work);
	bool done = (skew == 0.0 || undo_skew(work, skew)) && (factor == 1 || enlarge(work, factor)) && lay_out(work) &&
		    layout_signs_find(work->layout, &after, work->error);
	if (done && (double)after.letters < (double)signs->letters * FEWEST_KEPT)
		return take_back(work, &kept);
	forget(&kept);
	return done;
}

/* Turns the page back by what was found, and lays it out again. */
static bool turn_upright(struct work *work, int32_t rotation)
{
	if (rotation == 0)
		return true;
	layout_free(work->layout);
	return undo_rotation(work, rotation) && lay_out(work);
}

/*
 * A page on its side of which the layout finds no lines that run down it, or wrong ones that run across: only if it reads
 * well on its side it is turned.
 */
static bool look_sideways(struct work *work)
{
	struct layout_signs signs;
	struct stand stand = { 0, STAND_UNKNOWN };
	struct kept kept = keep(work);
	bool done = undo_rotation(work, 90) && lay_out(work) && layout_signs_find(work->layout, &signs, work->error) &&
		    find_rotation(work, signs.quarter_turns, &stand);
	if (done && stand.certainty != STAND_SURE)
		return take_back(work, &kept);
	forget(&kept);
	return done && turn_upright(work, stand.rotation);
}

/* Finds out how the page stands; when that is not upright, it is turned and laid out again. */
static bool rotate(struct work *work, const struct layout_signs *signs)
{
	struct stand stand;
	if (work->options->rotate != ROTATE_AUTO)
		return true;
	if (!find_rotation(work, signs->quarter_turns, &stand))
		return false;
	if (stand.certainty == STAND_UNKNOWN && signs->quarter_turns == 0)
		return look_sideways(work);
	return turn_upright(work, stand.rotation);
}

bool straighten(struct tesseract_engine *tesseract, const struct straighten_options *options, struct Pix **image,
		struct turn *turn, struct layout *layout, struct error *error)
{
	struct work work = { tesseract, options, image, turn, layout, error };
	struct layout_signs signs;
	bool looks = options->rotate == ROTATE_AUTO || options->improve, changed = false, is_asked = options->height_count > 0;
	PIX *grey = pixels_without_colour(*image);
	if (grey) {
		pixDestroy(image);
		*image = grey;
	}
	*turn = turn_none(pixGetWidth(*image), pixGetHeight(*image));
	*layout = (struct layout){ 0 };
	if (options->rotate > 0 && !undo_rotation(&work, options->rotate))
		return false;
	turn->uneven_light = options->improve & IMPROVE_LIGHT && is_lit_unevenly(*image);
	tesseract_follow_light(tesseract, turn->uneven_light);
	if ((looks || is_asked) && !lay_out(&work))
		return false;
	bool done = !looks || (layout_signs_find(layout, &signs, error) && improve(&work, &signs, &changed) &&
			       (!changed || layout_signs_find(layout, &signs, error)) && rotate(&work, &signs));
	if (!done || !is_asked)
		layout_free(layout);
	/* The look has taken the page from libtesseract. */
	int32_t dpi = (int32_t)lround(options->dpi * turn->scale);
	return done && (is_asked || tesseract_layout(tesseract, *image, options->psm, dpi, error));
}
