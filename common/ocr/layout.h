/*
 * A page's layout before it is read: blocks of rows of pieces, each piece with the image that a network takes. A piece
 * is what Tesseract's LSTM engine reads at a time: mostly a whole row, a part of one where words differ much in height
 * or stand far apart. It is all that the rest of reading needs, so it goes from a reader process to its worker as bytes.
 *
 * Coordinates of rows, pieces and boxes ("upright") are Tesseract's own: origin at the bottom left, y upwards, the block
 * turned so that its rows run from left to right. A point of the page is the upright one turned by `quarter_turns` of 90
 * degrees counterclockwise about the origin.
 *
 * Sources: Tesseract 5.3.0, ccstruct/pageres.cpp, ocrrow.h, ccmain/linerec.cpp.
 */
#ifndef FILOT_LAYOUT_H
#define FILOT_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/error.h"
#include "common/ocr/page.h"

#define LAYOUT_MOST_HEIGHTS 4 /* different network heights of one job's languages */
#define LAYOUT_HIGHEST_PX 1024

struct upright {
	int32_t left, bottom, right, top;
};

/* A box without extent, to be grown; and growing it. */
extern const struct upright upright_none;
bool upright_is_none(struct upright box);
struct upright upright_union(struct upright a, struct upright b);

struct layout_block {
	int32_t kind;		 /* enum block_kind; text of any kind has rows, images and separators have none */
	int32_t quarter_turns;	 /* 0..3 */
	int32_t orientation;	 /* 0, 90, 180, 270, clockwise (struct line) */
	struct box box;		 /* images and separators: on the page; text: that of its rows as found */
	int32_t first_row, row_count;
	int32_t unread_count; /* words in an image, which are never read */
};

struct layout_row {
	int32_t left_margin, right_margin, space; /* pixels to the block's edges, between words */
	float x_height, ascenders, descenders;
	float row_height;     /* as RowAttributes gives it */
	int32_t baseline[4];  /* on the page */
	struct upright bound; /* as found */
	int32_t first_piece, piece_count;
};

struct layout_piece {
	struct upright box;    /* of all its blobs */
	struct upright line;   /* what was cut out of the page */
	int32_t blanks;		/* before it in its row, as far as the layout can tell; 0 for the first */
	int32_t is_combination; /* of several words, which stay the row's whatever is read */
	struct upright parts;	/* around these words, less their noise; upright_none without */
	/* In layout.boxes: blobs, then blobs that were set aside as noise, then parts. */
	int32_t first_box, blob_count, reject_count, part_count;
	int32_t first_image; /* one for each height asked for; -1: could not be cut out */
};

struct layout_image {
	int32_t width, height;
	float factor;	 /* image pixels a page pixel */
	int32_t has_inverse; /* the inverted image follows the image */
	int64_t offset;	 /* in layout.pixels: rows without padding */
};

struct layout {
	int32_t width, height; /* of the page */
	int32_t dpi;
	int32_t psm;
	struct layout_block *blocks;
	struct layout_row *rows;
	struct layout_piece *pieces;
	struct upright *boxes;
	struct layout_image *images;
	uint8_t *pixels;
	size_t block_count, row_count, piece_count, box_count, image_count, pixel_count;
	size_t block_capacity, row_capacity, piece_capacity, box_capacity, image_capacity, pixel_capacity;
};

void layout_free(struct layout *layout);

/* Appends what layout_read takes. */
void layout_write(const struct layout *layout, struct buffer *out);

/*
 * Reads what layout_write wrote, distrusting it: counts, indices, sizes and coordinates are checked. ERROR_INTERNAL when
 * it is no layout; ERROR_OUT_OF_MEMORY. *layout is zero then.
 */
bool layout_read(struct layout *layout, const void *bytes, size_t length, struct error *error);

/* An upright box on the page: turned, from the top left, cut at the page's edges (PageIterator::BoundingBox). */
struct box layout_on_page(const struct layout *layout, const struct layout_block *block, struct upright upright);

#endif
