/*
 * A layout as bytes: the counts, then each array as it stands in memory. Both ends are the same program on the same
 * machine, one of them not trusted; so numbers are checked, not converted.
 */
#include "common/ocr/layout.h"

#include <stdlib.h>
#include <string.h>

#define MOST_ITEMS (1 << 24)
#define FARTHEST_PX 40000

const struct upright upright_none = { INT16_MAX, INT16_MAX, -INT16_MAX, -INT16_MAX };

bool upright_is_none(struct upright box)
{
	return box.left >= box.right || box.top <= box.bottom;
}

struct upright upright_union(struct upright a, struct upright b)
{
	return (struct upright){
		a.left < b.left ? a.left : b.left,
		a.bottom < b.bottom ? a.bottom : b.bottom,
		a.right > b.right ? a.right : b.right,
		a.top > b.top ? a.top : b.top,
	};
}

struct layout_head {
	int32_t width, height, dpi, psm;
	uint64_t block_count, row_count, piece_count, box_count, image_count, pixel_count;
};

void layout_free(struct layout *layout)
{
	free(layout->blocks);
	free(layout->rows);
	free(layout->pieces);
	free(layout->boxes);
	free(layout->images);
	free(layout->pixels);
	*layout = (struct layout){ 0 };
}

void layout_write(const struct layout *layout, struct buffer *out)
{
	struct layout_head head = { layout->width,	 layout->height,      layout->dpi,	   layout->psm,
				    layout->block_count, layout->row_count,   layout->piece_count, layout->box_count,
				    layout->image_count, layout->pixel_count };

	buffer_append(out, &head, sizeof head);
	buffer_append(out, layout->blocks, layout->block_count * sizeof *layout->blocks);
	buffer_append(out, layout->rows, layout->row_count * sizeof *layout->rows);
	buffer_append(out, layout->pieces, layout->piece_count * sizeof *layout->pieces);
	buffer_append(out, layout->boxes, layout->box_count * sizeof *layout->boxes);
	buffer_append(out, layout->images, layout->image_count * sizeof *layout->images);
	buffer_append(out, layout->pixels, layout->pixel_count);
}

/* The next `count` items of the bytes, copied; NULL for none or when memory ends. *bytes moves behind them. */
static void *take(const uint8_t **bytes, size_t *left, uint64_t count, size_t item_bytes, size_t *got, bool *fits)
{
	if (count > MOST_ITEMS * (item_bytes == 1 ? 64u : 1u) || count * item_bytes > *left) {
		*fits = false;
		return NULL;
	}
	size_t length = (size_t)count * item_bytes;
	void *items = length ? malloc(length) : NULL;
	if (items)
		memcpy(items, *bytes, length);
	*bytes += length;
	*left -= length;
	*got = items ? (size_t)count : 0;
	return items;
}

static bool is_coordinate(int32_t value)
{
	return value >= -FARTHEST_PX && value <= FARTHEST_PX;
}

static bool is_near(struct upright box)
{
	return is_coordinate(box.left) && is_coordinate(box.right) && is_coordinate(box.top) && is_coordinate(box.bottom);
}

static bool within(int32_t first, int32_t count, size_t all)
{
	return first >= 0 && count >= 0 && (size_t)first + (size_t)count <= all;
}

static bool blocks_hold(const struct layout *layout)
{
	for (size_t i = 0; i < layout->block_count; i++) {
		const struct layout_block *block = &layout->blocks[i];

		if (block->kind < 0 || block->kind >= BLOCK_KIND_COUNT || block->quarter_turns < 0 ||
		    block->quarter_turns > 3 || block->orientation % 90 != 0 || block->orientation < 0 ||
		    block->orientation > 270 || block->unread_count < 0 || !within(block->first_row, block->row_count, layout->row_count))
			return false;
	}
	for (size_t i = 0; i < layout->row_count; i++) {
		const struct layout_row *row = &layout->rows[i];

		if (!within(row->first_piece, row->piece_count, layout->piece_count) || !is_near(row->bound) ||
		    !is_coordinate(row->left_margin) || !is_coordinate(row->right_margin) ||
		    !is_coordinate(row->space) || !(row->x_height >= 0 && row->x_height < FARTHEST_PX))
			return false;
	}
	return true;
}

static bool pieces_hold(const struct layout *layout)
{
	for (size_t i = 0; i < layout->piece_count; i++) {
		const struct layout_piece *piece = &layout->pieces[i];
		int64_t boxes = (int64_t)piece->blob_count + piece->reject_count + piece->part_count;

		if (piece->blanks < 0 || piece->blanks > UINT8_MAX || piece->blob_count < 0 || piece->reject_count < 0 || piece->part_count < 0 || boxes > INT32_MAX ||
		    !within(piece->first_box, (int32_t)boxes, layout->box_count) || !is_near(piece->box) ||
		    !is_near(piece->line) || !is_near(piece->parts) || piece->first_image < -1 ||
		    piece->first_image >= (int64_t)layout->image_count)
			return false;
	}
	for (size_t i = 0; i < layout->box_count; i++)
		if (!is_near(layout->boxes[i]))
			return false;
	for (size_t i = 0; i < layout->image_count; i++) {
		const struct layout_image *image = &layout->images[i];
		int64_t bytes = (int64_t)image->width * image->height * (image->has_inverse ? 2 : 1);

		if (image->width < 0 || image->height <= 0 || image->height > LAYOUT_HIGHEST_PX ||
		    image->width > 4 * 1024 * 1024 || !(image->factor > 0.0f && image->factor < 1e6f) ||
		    image->offset < 0 || image->offset > (int64_t)layout->pixel_count - bytes)
			return false;
	}
	return true;
}

bool layout_read(struct layout *layout, const void *from, size_t length, struct error *error)
{
	struct layout_head head;
	const uint8_t *bytes = from;
	bool fits = true;

	*layout = (struct layout){ 0 };
	if (length < sizeof head)
		return error_set(error, ERROR_INTERNAL, "a layout of %zu bytes", length);
	memcpy(&head, bytes, sizeof head);
	bytes += sizeof head;
	length -= sizeof head;
	layout->width = head.width;
	layout->height = head.height;
	layout->dpi = head.dpi;
	layout->psm = head.psm;
	layout->blocks = take(&bytes, &length, head.block_count, sizeof *layout->blocks, &layout->block_count, &fits);
	layout->rows = take(&bytes, &length, head.row_count, sizeof *layout->rows, &layout->row_count, &fits);
	layout->pieces = take(&bytes, &length, head.piece_count, sizeof *layout->pieces, &layout->piece_count, &fits);
	layout->boxes = take(&bytes, &length, head.box_count, sizeof *layout->boxes, &layout->box_count, &fits);
	layout->images = take(&bytes, &length, head.image_count, sizeof *layout->images, &layout->image_count, &fits);
	layout->pixels = take(&bytes, &length, head.pixel_count, 1, &layout->pixel_count, &fits);
	if (fits && (layout->block_count != head.block_count || layout->row_count != head.row_count ||
		     layout->piece_count != head.piece_count || layout->box_count != head.box_count ||
		     layout->image_count != head.image_count || layout->pixel_count != head.pixel_count)) {
		layout_free(layout);
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for the layout of a page");
	}
	if (fits && length == 0 && layout->width >= 0 && layout->height >= 0 && layout->width <= PAGE_LONGEST_SIDE_PX &&
	    layout->height <= PAGE_LONGEST_SIDE_PX && blocks_hold(layout) && pieces_hold(layout))
		return true;
	layout_free(layout);
	return error_set(error, ERROR_INTERNAL, "what came is no layout");
}

static int32_t clip(int32_t value, int32_t least, int32_t most)
{
	return value < least ? least : value > most ? most : value;
}

struct box layout_on_page(const struct layout *layout, const struct layout_block *block, struct upright upright)
{
	for (int32_t turn = 0; turn < block->quarter_turns; turn++)
		upright = (struct upright){ -upright.top, upright.left, -upright.bottom, upright.right };
	/* A box of nothing has its corners the wrong way round; libtesseract swaps them when it turns it, by nothing too. */
	if (upright.left > upright.right || upright.bottom > upright.top)
		upright = (struct upright){ upright.right, upright.top, upright.left, upright.bottom };
	int32_t left = clip(upright.left, 0, layout->width);
	int32_t top = clip(layout->height - upright.top, 0, layout->height);
	int32_t right = clip(upright.right, left, layout->width);
	int32_t bottom = clip(layout->height - upright.bottom, top, layout->height);

	return (struct box){ left, top, right - left, bottom - top };
}
