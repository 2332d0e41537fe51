/* Every figure here was set by the documents of tests/cli/pdf_text.bats and their forged twins. */
#include "common/ocr/pdf_seen.h"

#include <leptonica/allheaders.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MOST_PICTURES 0.1 /* of the page's area */
#define LEAST_CONTRAST 40 /* of 255 levels of grey, between a glyph and what it stands on */
#define LEAST_LIKENESS 0.7 /* correlation of a word as drawn alone and as on the page; 0.83 when it is underlined */
#define MOST_SHARED 0.25 /* of a word's box, with other words: two texts on each other cannot both be read */
#define LEAST_HEIGHT_POINTS 3.0 /* of a font's cell; letters of less are not seen */
#define CORE 0.25 /* of a cell's width is left out at either side: neighbours reach into it */
#define NARROW_PX 3.0f /* cells under this hold a combining mark or nothing */
#define TILE_POINTS 36 /* of which one grey is the background */
#define INK_CONTRAST 48
#define RULE_POINTS 18 /* straight ink of this length is a line or a frame */
/* Marks that could be letters, in points. */
#define MARK_LEAST_HEIGHT 3.0
#define MARK_LEAST_WIDTH 1.5
#define MARK_MOST_HEIGHT 40.0
#define MARK_MOST_WIDTH 60.0
#define MARK_MOST_SOLID 0.75 /* of its box is inked; bullets and bars have more */
#define FREE_MARKS 3
#define MARKS_A_LETTER 0.005 /* beyond those, for each letter of the layer */

/* Leptonica's 8 bits a pixel, a row at a time. */
static uint8_t grey_at(const l_uint32 *row, int32_t x)
{
	return (uint8_t)GET_DATA_BYTE(row, x);
}

static const l_uint32 *row_of(PIX *pix, int32_t y)
{
	return pixGetData(pix) + (size_t)y * (size_t)pixGetWpl(pix);
}

static bool no_memory(struct error *error)
{
	return error_set(error, ERROR_OUT_OF_MEMORY, "no memory to compare a page with its text layer");
}

bool pdf_seen_pictures(PopplerPage *page)
{
	double width = 0, height = 0, area = 0;
	poppler_page_get_size(page, &width, &height);
	GList *images = poppler_page_get_image_mapping(page);
	for (const GList *at = images; at; at = at->next) {
		const PopplerRectangle *sides = &((const PopplerImageMapping *)at->data)->area;
		area += fabs((sides->x2 - sides->x1) * (sides->y2 - sides->y1));
	}
	poppler_page_free_image_mapping(images);
	return area > MOST_PICTURES * width * height;
}

/* ---- the layer's glyphs ---- */

/* The glyphs alone: 0 where there is none, 255 where they are black. */
static PIX *draw_glyphs(PopplerPage *page, const struct pdf_grid *grid)
{
	PopplerColor black = { 0, 0, 0 }, white = { 65535, 65535, 65535 };
	PopplerRectangle area = { 0, 0, 0, 0 };
	int width = (int)grid->width, height = (int)grid->height;
	poppler_page_get_size(page, &area.x2, &area.y2);
	cairo_t *cairo;
	cairo_surface_t *surface = pdf_grid_canvas(grid, &cairo);
	poppler_page_render_selection(page, cairo, &area, NULL, POPPLER_SELECTION_GLYPH, &black, &white);
	bool drawn = cairo_status(cairo) == CAIRO_STATUS_SUCCESS;
	cairo_destroy(cairo);
	cairo_surface_flush(surface);
	PIX *glyphs = drawn ? pixCreate(width, height, 8) : NULL;
	for (int y = 0; glyphs && y < height; y++) {
		const unsigned char *from = cairo_image_surface_get_data(surface) +
					    (size_t)y * (size_t)cairo_image_surface_get_stride(surface);
		l_uint32 *to = pixGetData(glyphs) + (size_t)y * (size_t)pixGetWpl(glyphs);
		for (int x = 0; x < width; x++)
			SET_DATA_BYTE(to, x, 255 - from[4 * (size_t)x]);
	}
	cairo_surface_destroy(surface);
	return glyphs;
}

/* The smallest box around the ink within a box; the same again when there is none. */
static struct box ink_box(PIX *glyphs, const struct box *within)
{
	int32_t left = within->x + within->width, right = within->x, top = within->y + within->height, bottom = within->y;
	for (int32_t y = within->y; y < within->y + within->height; y++) {
		const l_uint32 *row = row_of(glyphs, y);
		for (int32_t x = within->x; x < within->x + within->width; x++) {
			if (grey_at(row, x) < 64)
				continue;
			left = x < left ? x : left;
			right = x >= right ? x + 1 : right;
			top = y < top ? y : top;
			bottom = y + 1;
		}
	}
	return bottom > top ? (struct box){ left, top, right - left, bottom - top } : *within;
}

/* ---- whether words are seen ---- */

struct comparison {
	PIX *image; /* the page, 8 bits a pixel */
	PIX *glyphs;
	const struct pdf_layer *layer;
};

/* A word, and the part of the page that is compared. */
struct compared_word {
	const struct layer_word *word;
	struct box region;
	bool is_turned; /* its line runs up or down */
};

/* The box with some of its surroundings, to have a background to compare with. */
static struct box around(const struct comparison *comparison, const struct box *box)
{
	int32_t width = pixGetWidth(comparison->image), height = pixGetHeight(comparison->image);
	int32_t margin = 2 + (box->width < box->height ? box->width : box->height) / 8;
	int32_t left = box->x > margin ? box->x - margin : 0, top = box->y > margin ? box->y - margin : 0;
	int32_t right = box->x + box->width + margin, bottom = box->y + box->height + margin;
	return (struct box){ left, top, (right < width ? right : width) - left, (bottom < height ? bottom : height) - top };
}

/*
 * Whether a column of a word is one that Poppler draws otherwise when it draws the text alone: it has a ligature as so many
 * letters of the same width, and takes another glyph for them.
 */
static bool in_ligature(const struct comparison *comparison, const struct layer_word *word, int32_t x)
{
	const struct pdf_layer *layer = comparison->layer;
	for (size_t i = word->first; i + 1 < word->first + word->count; i++) {
		const struct layer_cell *a = &layer->cells[i], *b = a + 1;
		uint32_t first = layer->codes[i], second = layer->codes[i + 1];
		bool joins = first < 0x80 && second < 0x80 && strchr("fTtcs", (int)first) && strchr("filthj", (int)second);
		if (joins && fabsf((a->right - a->left) - (b->right - b->left)) < 0.5f && (float)x >= a->left - 1 &&
		    (float)x <= b->right + 1)
			return true;
	}
	return false;
}

/* The correlation of glyphs and page around a word, without its sign; 1 when all of it is ligatures. */
static double likeness(const struct comparison *comparison, const struct compared_word *compared)
{
	const struct box *region = &compared->region;
	bool skipped = false;
	int64_t count = 0, sum_g = 0, sum_p = 0, sum_gg = 0, sum_pp = 0, sum_gp = 0; /* of at most 2^30 pixels */
	for (int32_t x = region->x; x < region->x + region->width; x++) {
		if (!compared->is_turned && in_ligature(comparison, compared->word, x)) {
			skipped = true;
			continue;
		}
		for (int32_t y = region->y; y < region->y + region->height; y++) {
			int64_t g = grey_at(row_of(comparison->glyphs, y), x), p = grey_at(row_of(comparison->image, y), x);
			count++;
			sum_g += g;
			sum_p += p;
			sum_gg += g * g;
			sum_pp += p * p;
			sum_gp += g * p;
		}
	}
	if (skipped && sum_g < 255) /* nothing else is in it */
		return 1;
	double n = (double)count, g = (double)sum_g, p = (double)sum_p;
	double variances = (n * (double)sum_gg - g * g) * (n * (double)sum_pp - p * p);
	return variances > 0 ? fabs(n * (double)sum_gp - g * p) / sqrt(variances) : 0;
}

/* Whether something stands out in the middle of a glyph's cell. */
static bool has_contrast(const struct comparison *comparison, const struct layer_cell *cell,
			 const struct compared_word *compared)
{
	const struct box *region = &compared->region;
	float inset_x = compared->is_turned ? 0 : (float)CORE * (cell->right - cell->left);
	float inset_y = compared->is_turned ? (float)CORE * (cell->bottom - cell->top) : 0;
	float left = fmaxf(cell->left + inset_x, (float)region->x), top = fmaxf(cell->top + inset_y, (float)region->y);
	float right = fminf(cell->right - inset_x, (float)(region->x + region->width - 1));
	float bottom = fminf(cell->bottom - inset_y, (float)(region->y + region->height - 1));
	int least = 255, most = 0;
	for (int32_t y = (int32_t)top; (float)y <= bottom; y++)
		for (int32_t x = (int32_t)left; (float)x <= right; x++) {
			int grey = grey_at(row_of(comparison->image, y), x);
			least = grey < least ? grey : least;
			most = grey > most ? grey : most;
		}
	return most - least >= LEAST_CONTRAST;
}

static bool is_seen(const struct comparison *comparison, const struct compared_word *compared, double scale)
{
	const struct layer_word *word = compared->word;
	const struct layer_cell *cells = comparison->layer->cells + word->first;
	float across = compared->is_turned ? word->cell.right - word->cell.left : word->cell.bottom - word->cell.top;
	if (across < LEAST_HEIGHT_POINTS * scale || likeness(comparison, compared) < LEAST_LIKENESS)
		return false;
	for (size_t i = 0; i < word->count; i++) {
		float along = compared->is_turned ? cells[i].bottom - cells[i].top : cells[i].right - cells[i].left;
		if (along >= NARROW_PX && !has_contrast(comparison, &cells[i], compared))
			return false;
	}
	return true;
}

static bool all_seen(const struct comparison *comparison, double scale)
{
	const struct pdf_layer *layer = comparison->layer;
	for (size_t l = 0; l < layer->line_count; l++) {
		const struct layer_line *line = &layer->lines[l];
		for (size_t i = 0; i < line->word_count; i++) {
			const struct layer_word *word = &layer->words[line->first_word + i];
			const struct compared_word compared = { word, around(comparison, &word->box),
								line->orientation % 180 != 0 };
			if (word->is_text && !is_seen(comparison, &compared, scale))
				return false;
		}
	}
	return true;
}

/* -1: no memory */
static int some_share_a_place(const struct comparison *comparison)
{
	const struct pdf_layer *layer = comparison->layer;
	PIX *taken = pixCreate(pixGetWidth(comparison->image), pixGetHeight(comparison->image), 1);
	int found = taken ? 0 : -1;
	for (size_t i = 0; found == 0 && i < layer->word_count; i++) {
		const struct box *of = &layer->words[i].box;
		BOX *box = boxCreate(of->x, of->y, of->width, of->height);
		l_int32 shared = 0;
		if (layer->words[i].is_text && box && pixCountPixelsInRect(taken, box, &shared, NULL) == 0)
			found = shared > MOST_SHARED * (double)of->width * (double)of->height;
		if (box && layer->words[i].is_text)
			(void)pixSetInRect(taken, box);
		boxDestroy(&box);
	}
	pixDestroy(&taken);
	return found;
}

/* ---- whether all letters are words ---- */

/* The most frequent of sixteen greys in a part of the page, by every fourth pixel. */
static int background_of(PIX *image, const struct box *tile)
{
	int counts[16] = { 0 }, best = 0;
	for (int32_t y = tile->y; y < tile->y + tile->height; y += 2)
		for (int32_t x = tile->x; x < tile->x + tile->width; x += 2)
			counts[grey_at(row_of(image, y), x) / 16]++;
	for (int i = 1; i < 16; i++)
		best = counts[i] > counts[best] ? i : best;
	return best * 16 + 8;
}

static void mark_ink(PIX *image, const struct box *tile, PIX *ink)
{
	int background = background_of(image, tile);
	for (int32_t y = tile->y; y < tile->y + tile->height; y++) {
		const l_uint32 *from = row_of(image, y);
		l_uint32 *to = pixGetData(ink) + (size_t)y * (size_t)pixGetWpl(ink);
		for (int32_t x = tile->x; x < tile->x + tile->width; x++)
			if (abs(grey_at(from, x) - background) > INK_CONTRAST)
				SET_DATA_BIT(to, x);
	}
}

/* Takes away rules and frames, which letters are not made of. */
static bool remove_rules(PIX *ink, double scale)
{
	l_int32 length = (l_int32)(RULE_POINTS * scale) + 1;
	PIX *flat = pixOpenBrick(NULL, ink, length, 1), *upright = pixOpenBrick(NULL, ink, 1, length);
	bool done = flat && upright && pixSubtract(ink, ink, flat) && pixSubtract(ink, ink, upright);
	pixDestroy(&flat);
	pixDestroy(&upright);
	return done;
}

/* What is inked, in 1 bit, but for the words' cells and a little around them. */
static PIX *other_ink(const struct comparison *comparison, double scale)
{
	PIX *image = comparison->image;
	int32_t width = pixGetWidth(image), height = pixGetHeight(image), side = (int32_t)(TILE_POINTS * scale) + 1;
	PIX *ink = pixCreate(width, height, 1);
	for (int32_t y = 0; ink && y < height; y += side)
		for (int32_t x = 0; x < width; x += side) {
			const struct box tile = { x, y, width - x < side ? width - x : side,
						  height - y < side ? height - y : side };
			mark_ink(image, &tile, ink);
		}
	for (size_t i = 0; ink && i < comparison->layer->word_count; i++) {
		const struct box *place = &comparison->layer->words[i].place;
		int32_t margin = (int32_t)scale;
		BOX *box = boxCreate(place->x - margin, place->y, place->width + 2 * margin, place->height);
		if (box)
			(void)pixClearInRect(ink, box);
		boxDestroy(&box);
	}
	return ink;
}

static bool is_like_a_letter(PIX *mark, double scale)
{
	double width = pixGetWidth(mark) / scale, height = pixGetHeight(mark) / scale;
	l_int32 count = 0;
	if (height < MARK_LEAST_HEIGHT || height > MARK_MOST_HEIGHT || width < MARK_LEAST_WIDTH || width > MARK_MOST_WIDTH)
		return false;
	return pixCountPixels(mark, &count, NULL) == 0 &&
	       count <= MARK_MOST_SOLID * (double)pixGetWidth(mark) * (double)pixGetHeight(mark);
}

/* How many marks look like letters, and whether any is long enough to hold a rule. False: no memory. */
static bool count_marks(PIX *ink, double scale, double *count, bool *has_long)
{
	PIXA *marks = NULL;
	BOXA *boxes = pixConnComp(ink, &marks, 8);
	bool done = boxes && marks;
	*count = 0;
	*has_long = false;
	for (l_int32 i = 0; done && i < pixaGetCount(marks); i++) {
		PIX *mark = pixaGetPix(marks, i, L_CLONE);
		*count += is_like_a_letter(mark, scale);
		*has_long |= pixGetWidth(mark) > RULE_POINTS * scale || pixGetHeight(mark) > RULE_POINTS * scale;
		pixDestroy(&mark);
	}
	boxaDestroy(&boxes);
	pixaDestroy(&marks);
	return done;
}

/* Marks beside the words that could be letters; those that touch a rule are found when it is gone. */
static bool count_other_marks(const struct comparison *comparison, double scale, double *count)
{
	bool has_long = false;
	PIX *ink = other_ink(comparison, scale);
	bool done = ink && count_marks(ink, scale, count, &has_long);
	if (done && has_long)
		done = remove_rules(ink, scale) && count_marks(ink, scale, count, &has_long);
	pixDestroy(&ink);
	return done;
}

bool pdf_seen_compare(PopplerPage *page, const struct pdf_grid *grid, struct Pix *image, struct pdf_layer *layer,
		      enum text_layer_fault *fault, struct error *error)
{
	struct comparison comparison = {
		.image = pixConvertTo8(image, 0),
		.glyphs = draw_glyphs(page, grid),
		.layer = layer,
	};
	bool done = comparison.image && comparison.glyphs;
	double marks = 0;
	int shared = 0;
	*fault = TEXT_LAYER_NO_FAULT;
	for (size_t i = 0; done && i < layer->word_count; i++)
		layer->words[i].box = ink_box(comparison.glyphs, &layer->words[i].box);
	if (done)
		done = (shared = some_share_a_place(&comparison)) >= 0;
	if (done && (shared || !all_seen(&comparison, grid->scale)))
		*fault = TEXT_LAYER_HIDDEN;
	else if (done)
		done = count_other_marks(&comparison, grid->scale, &marks);
	if (marks > FREE_MARKS + MARKS_A_LETTER * (double)layer->text_count)
		*fault = TEXT_LAYER_INCOMPLETE;
	pixDestroy(&comparison.image);
	pixDestroy(&comparison.glyphs);
	return done || no_memory(error);
}
