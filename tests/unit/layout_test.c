/* A layout on its way between processes: it comes back as it went, and what is damaged is refused, whatever it says. */
#include <stdlib.h>
#include <string.h>

#include "common/ocr/layout.h"
#include "test.h"

/* Two blocks: text of one row with one piece (two blobs, a reject, two parts, an image with its inverse), a picture. */
static void fill(struct layout *layout)
{
	*layout = (struct layout){ .width = 600, .height = 400, .dpi = 300, .psm = 3 };
	layout->blocks = calloc(2, sizeof *layout->blocks);
	layout->rows = calloc(1, sizeof *layout->rows);
	layout->pieces = calloc(1, sizeof *layout->pieces);
	layout->boxes = calloc(5, sizeof *layout->boxes);
	layout->images = calloc(1, sizeof *layout->images);
	layout->pixels = malloc(2 * 36 * 100);
	layout->blocks[0] = (struct layout_block){ .kind = BLOCK_TEXT, .row_count = 1 };
	layout->blocks[1] = (struct layout_block){ .kind = BLOCK_IMAGE, .box = { 1, 2, 3, 4 }, .first_row = 1 };
	layout->rows[0] = (struct layout_row){ .x_height = 12.5f, .bound = { 10, 20, 300, 60 }, .piece_count = 1 };
	layout->pieces[0] = (struct layout_piece){ .box = { 10, 20, 300, 60 },
						   .line = { 6, 16, 304, 64 },
						   .parts = upright_none,
						   .blob_count = 2,
						   .reject_count = 1,
						   .part_count = 2 };
	for (int32_t i = 0; i < 5; i++)
		layout->boxes[i] = (struct upright){ i, i, i + 10, i + 20 };
	layout->images[0] = (struct layout_image){ .width = 100, .height = 36, .factor = 0.75f, .has_inverse = 1 };
	memset(layout->pixels, 200, 2 * 36 * 100);
	layout->block_count = 2;
	layout->row_count = layout->piece_count = layout->image_count = 1;
	layout->box_count = 5;
	layout->pixel_count = 2 * 36 * 100;
}

static void write_one(struct buffer *bytes)
{
	struct layout layout;

	fill(&layout);
	layout_write(&layout, bytes);
	layout_free(&layout);
}

static void a_layout_comes_back_as_it_went(void)
{
	struct buffer bytes = { 0 }, again = { 0 };
	struct layout layout;
	struct error error;

	write_one(&bytes);
	CHECK(layout_read(&layout, bytes.data, bytes.length, &error));
	CHECK_INTEGER(layout.block_count, 2);
	CHECK_INTEGER(layout.pieces[0].line.right, 304);
	layout_write(&layout, &again);
	CHECK(again.length == bytes.length && memcmp(again.data, bytes.data, bytes.length) == 0);
	layout_free(&layout);
	buffer_free(&bytes);
	buffer_free(&again);
}

static void a_layout_that_is_cut_anywhere_or_too_long_is_refused(void)
{
	struct buffer bytes = { 0 };
	struct layout layout;
	struct error error;

	write_one(&bytes);
	for (size_t length = 0; length < bytes.length; length++) {
		char *cut = malloc(length + 1); /* so that AddressSanitizer sees a read behind it */

		memcpy(cut, bytes.data, length);
		CHECK(!layout_read(&layout, cut, length, &error));
		free(cut);
	}
	buffer_append_char(&bytes, '\0');
	CHECK(!layout_read(&layout, bytes.data, bytes.length, &error));
	CHECK(error.code == ERROR_INTERNAL);
	buffer_free(&bytes);
}

/* Every index and offset that is followed must be one: a layout that is taken is walked to its last pixel. */
static int64_t walk(const struct layout *layout)
{
	int64_t sum = 0;

	for (size_t b = 0; b < layout->block_count; b++)
		for (int32_t r = 0; r < layout->blocks[b].row_count; r++) {
			const struct layout_row *row = &layout->rows[layout->blocks[b].first_row + r];

			for (int32_t p = 0; p < row->piece_count; p++) {
				const struct layout_piece *piece = &layout->pieces[row->first_piece + p];
				int32_t boxes = piece->blob_count + piece->reject_count + piece->part_count;

				for (int32_t i = 0; i < boxes; i++)
					sum += layout_on_page(layout, &layout->blocks[b],
							      layout->boxes[piece->first_box + i])
						   .width;
				if (piece->first_image < 0)
					continue;
				const struct layout_image *image = &layout->images[piece->first_image];
				int64_t pixels = (int64_t)image->width * image->height * (image->has_inverse ? 2 : 1);
				for (int64_t i = 0; i < pixels; i++)
					sum += layout->pixels[image->offset + i];
			}
		}
	return sum;
}

static void flipped_bits_are_refused_or_harmless(void)
{
	struct buffer bytes = { 0 };
	struct layout layout;
	struct error error;
	int64_t taken = 0, refused = 0;

	write_one(&bytes);
	for (size_t bit = 0; bit < (bytes.length - 2 * 36 * 100) * 8; bit++) {
		bytes.data[bit / 8] = (char)(bytes.data[bit / 8] ^ (1 << bit % 8));
		if (layout_read(&layout, bytes.data, bytes.length, &error)) {
			CHECK(walk(&layout) > INT64_MIN);
			layout_free(&layout);
			taken++;
		} else {
			CHECK(error.code == ERROR_INTERNAL);
			refused++;
		}
		bytes.data[bit / 8] = (char)(bytes.data[bit / 8] ^ (1 << bit % 8));
	}
	CHECK(taken > 0 && refused > taken / 4);
	buffer_free(&bytes);
}

static void upright_boxes_are_turned_and_cut_at_the_page(void)
{
	struct layout layout = { .width = 100, .height = 200 };
	struct layout_block block = { 0 };
	struct box box = layout_on_page(&layout, &block, (struct upright){ 10, 20, 120, 60 });

	CHECK(box.x == 10 && box.y == 140 && box.width == 90 && box.height == 40);
	/* a quarter counterclockwise: what is right becomes up */
	block.quarter_turns = 1;
	box = layout_on_page(&layout, &block, (struct upright){ 20, -60, 50, -10 });
	CHECK(box.x == 10 && box.y == 150 && box.width == 50 && box.height == 30);
}

int main(void)
{
	TEST(a_layout_comes_back_as_it_went);
	TEST(a_layout_that_is_cut_anywhere_or_too_long_is_refused);
	TEST(flipped_bits_are_refused_or_harmless);
	TEST(upright_boxes_are_turned_and_cut_at_the_page);
	return test_done();
}
