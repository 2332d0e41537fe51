/*
 * The layout that libtesseract found, as struct layout, with the images of its lines.
 *
 * The public iterators give a row's baseline rounded and only at its ends, and neither its margins nor the noise that
 * was set aside; all of them decide what is read and where words end. So this file looks at libtesseract's own objects
 * behind its page iterator (a protected member): the structs below repeat the first members of its classes, which are
 * the same from 5.0 to 5.5 (ccstruct/pageres.h, ocrrow.h, werd.h, elst.h). Nothing is taken on trust: what the public
 * functions give as well is compared for each row and word, and any difference refuses the page with a message that
 * names `--engine tesseract`. Exported functions are called where they answer (boxes, baseline).
 */
#include <bitset>
#include <cmath>
#include <cstring>
#include <memory>
#include <new>
#include <string>

#include <leptonica/allheaders.h>
#include <tesseract/baseapi.h>

#include "common/ocr/picture.hpp"
#include "common/ocr/tesseract_lines.hpp"

extern "C" {
#include "common/base/array.h"
}

namespace tesseract {

/* Of libtesseract's classes, what this file reads. */
class TBOX {
public:
	int16_t left, bottom, right, top;
};

class C_BLOB {
public:
	C_BLOB *next;
	TBOX bounding_box() const;
};

class WERD {
public:
	WERD *previous, *next;
	uint8_t blanks;
	std::bitset<16> flags, display_flags;
	int16_t script;
	std::string correct;
	C_BLOB *last_blob, *last_reject; /* lists are circles */
	TBOX restricted_bounding_box(bool upper_dots, bool lower_dots) const;
};

class QSPLINE {
public:
	int32_t segments;
	int32_t *xcoords;
	void *quadratics;
	double y(double x) const;
};

class ROW {
public:
	ROW *next;
	int32_t kerning, spacing;
	TBOX bound_box;
	float x_height, ascenders, descenders, body_size;
	WERD *last_word;
	QSPLINE baseline;
	bool has_drop_cap;
	int16_t left_margin, right_margin;
};

class ROW_RES {
public:
	ROW_RES *next;
	ROW *row;
};

class WERD_RES {
public:
	WERD_RES *next;
	WERD *word;
};

class BLOCK_RES;

class PAGE_RES_IT {
public:
	PAGE_RES *page_res;
	WERD_RES *previous_word;
	ROW_RES *previous_row;
	BLOCK_RES *previous_block;
	WERD_RES *word;
	ROW_RES *row;
	BLOCK_RES *block;
};

} // namespace tesseract

using namespace tesseract;

namespace {

const int kPadding = 4;
const int kBeginsRow = 3; /* W_BOL */

class Place : public PageIterator {
public:
	explicit Place(const PageIterator &from) : PageIterator(from) {}
	const PAGE_RES_IT &at() const { return *it_; }
};

struct upright upright_of(const TBOX &box)
{
	return { box.left, box.bottom, box.right, box.top };
}

/* Turns a box by quarters of a circle counterclockwise. */
struct upright turned(struct upright box, int quarters)
{
	for (; quarters > 0; quarters--)
		box = { -box.top, box.left, -box.bottom, box.right };
	return box;
}

struct Filling {
	struct layout *layout;
	Pix *page;
	const int32_t *heights;
	size_t height_count;
	struct error *error;
	int psm;

	template <typename T> T *add(T *&items, size_t &count, size_t &capacity)
	{
		T *grown = static_cast<T *>(array_grow(items, &capacity, count + 1, sizeof(T)));
		if (!grown)
			throw std::bad_alloc();
		items = grown;
		items[count] = T();
		return &items[count++];
	}
	void add_box(const TBOX &box)
	{
		*add(layout->boxes, layout->box_count, layout->box_capacity) = upright_of(box);
	}
	uint8_t *add_pixels(size_t more)
	{
		uint8_t *grown = static_cast<uint8_t *>(
			array_grow(layout->pixels, &layout->pixel_capacity, layout->pixel_count + more, 1));
		if (!grown)
			throw std::bad_alloc();
		layout->pixels = grown;
		layout->pixel_count += more;
		return grown + layout->pixel_count - more;
	}
	bool strange(const char *what)
	{
		return error_set(error, ERROR_INTERNAL,
				 "libtesseract %s keeps its layout in a way that is not known here (%s); use --engine tesseract",
				 TessBaseAPI::Version(), what);
	}
};

/* The grey bytes of an image of 8 bits. */
void copy_pixels(Filling &filling, Pix *grey)
{
	const int width = pixGetWidth(grey), height = pixGetHeight(grey);
	uint8_t *to = filling.add_pixels(static_cast<size_t>(width) * static_cast<size_t>(height));
	for (int y = 0; y < height; y++) {
		const l_uint32 *from = pixGetData(grey) + static_cast<size_t>(y) * static_cast<size_t>(pixGetWpl(grey));
		for (int x = 0; x < width; x++)
			*to++ = static_cast<uint8_t>(GET_DATA_BYTE(from, x));
	}
}

/* As 8 bits and of the network's height (Input::PreparePixInput). */
Picture grey_of(Pix *scaled, int height)
{
	Picture grey = picture(pixGetDepth(scaled) == 8 ? pixClone(scaled) : pixConvertTo8(scaled, false));
	if (grey && pixGetHeight(grey.get()) != height) {
		const float factor = static_cast<float>(height) / static_cast<float>(pixGetHeight(grey.get()));
		grey = picture(pixScale(grey.get(), factor, factor));
	}
	if (!grey)
		throw std::bad_alloc();
	return grey;
}

void add_image(Filling &filling, Pix *cut, int height)
{
	const float factor = static_cast<float>(height) / static_cast<float>(pixGetHeight(cut));
	struct layout *layout = filling.layout;
	Picture scaled = picture(pixScale(cut, factor, factor));
	struct layout_image *image = filling.add(layout->images, layout->image_count, layout->image_capacity);
	image->factor = factor;
	image->height = height;
	image->offset = static_cast<int64_t>(layout->pixel_count);
	if (!scaled)
		return; /* of no width: not read */
	Picture grey = grey_of(scaled.get(), height);
	image->width = pixGetWidth(grey.get());
	copy_pixels(filling, grey.get());
	if (pixGetDepth(scaled.get()) == 8)
		return;
	/* A grey made of inverted colours is rounded otherwise than an inverted grey. */
	Picture inverted = picture(pixInvert(nullptr, scaled.get()));
	if (!inverted)
		throw std::bad_alloc();
	copy_pixels(filling, grey_of(inverted.get(), height).get());
	image->has_inverse = 1;
}

/* The image that is read (BestPix): the page as given when it has the binary one's size, as it has without scaling. */
void cut_out(Filling &filling, struct layout_piece *piece, int quarters)
{
	const int width = pixGetWidth(filling.page), height = pixGetHeight(filling.page);
	struct upright box = piece->line;
	box = { box.left - kPadding, box.bottom - kPadding, box.right + kPadding, box.top + kPadding };
	box = turned(box, quarters);
	box.left = box.left > 0 ? box.left : 0;
	box.bottom = box.bottom > 0 ? box.bottom : 0;
	box.right = box.right < width ? box.right : width;
	box.top = box.top < height ? box.top : height;
	piece->line = turned(box, (4 - quarters) % 4);
	piece->first_image = -1;
	if (box.left >= box.right || box.bottom >= box.top)
		return;
	Box *clip = boxCreate(box.left, height - box.top, box.right - box.left, box.top - box.bottom);
	Picture cut = picture(pixClipRectangle(filling.page, clip, nullptr));
	boxDestroy(&clip);
	if (!cut)
		return;
	if (quarters > 0)
		cut = picture(pixRotateOrth(cut.get(), quarters));
	if (cut && pixGetDepth(cut.get()) < 8)
		cut = picture(pixConvertTo8(cut.get(), false));
	if (!cut)
		throw std::bad_alloc();
	piece->first_image = static_cast<int32_t>(filling.layout->image_count);
	for (size_t i = 0; i < filling.height_count; i++)
		add_image(filling, cut.get(), filling.heights[i]);
}

/* Where the line of a piece begins and ends (LSTMRecognizeWord), before padding. */
struct upright line_of(const Filling &filling, const ROW &row, struct upright box)
{
	if (filling.psm == PSM_SINGLE_WORD || filling.psm == PSM_RAW_LINE)
		return { 0, 0, pixGetWidth(filling.page), pixGetHeight(filling.page) };
	const int middle = (box.left + box.right) / 2;
	const float baseline = static_cast<float>(row.baseline.y(static_cast<double>(static_cast<float>(middle))));
	const float lowest = baseline + row.descenders;
	const float highest = baseline + row.x_height + row.ascenders;
	if (lowest < static_cast<float>(box.bottom))
		box.bottom = static_cast<int>(lowest);
	if (highest > static_cast<float>(box.top))
		box.top = static_cast<int>(highest);
	return box;
}

int add_blobs(Filling &filling, const C_BLOB *last)
{
	int count = 0;
	if (!last)
		return 0;
	const C_BLOB *blob = last;
	do {
		blob = blob->next;
		filling.add_box(blob->bounding_box());
		count++;
	} while (blob != last);
	return count;
}

bool same(const struct box &box, int left, int top, int right, int bottom)
{
	return box.x == left && box.y == top && box.x + box.width == right && box.y + box.height == bottom;
}

/*
 * How the block is turned: the turn that takes a word's own box to the one that the iterator gives. Words whose blobs
 * were all set aside have no box that tells.
 */
bool find_turn(const Filling &filling, const Place &first, struct layout_block *block)
{
	int left, top, right, bottom;
	Place place(first);
	struct upright box = upright_of(place.at().word->word->restricted_bounding_box(false, false));
	while ((box.left >= box.right || box.bottom >= box.top) && place.Next(RIL_WORD) && place.at().word &&
	       place.at().block == first.at().block)
		box = upright_of(place.at().word->word->restricted_bounding_box(false, false));
	if (!place.at().word || place.at().block != first.at().block ||
	    !place.BoundingBox(RIL_WORD, &left, &top, &right, &bottom)) {
		block->quarter_turns = 0;
		return true;
	}
	for (block->quarter_turns = 0; block->quarter_turns < 4; block->quarter_turns++)
		if (same(layout_on_page(filling.layout, block, box), left, top, right, bottom))
			return true;
	return false;
}

void add_piece(Filling &filling, const Place &place, const WERD_RES *row_first, const struct layout_block &block)
{
	const WERD &word = *place.at().word->word;
	struct layout *layout = filling.layout;
	struct layout_piece *piece = filling.add(layout->pieces, layout->piece_count, layout->piece_capacity);
	piece->box = upright_of(word.restricted_bounding_box(true, true));
	piece->parts = upright_none;
	piece->blanks = word.flags[kBeginsRow] ? 0 : word.blanks;
	piece->first_box = static_cast<int32_t>(layout->box_count);
	piece->blob_count = add_blobs(filling, word.last_blob);
	piece->reject_count = add_blobs(filling, word.last_reject);
	/* The words that were put together follow in the row's list, a circle, up to the next that is visited. */
	Place next(place);
	next.Next(RIL_WORD);
	for (const WERD_RES *part = place.at().word->next; part != next.at().word && part != row_first; part = part->next) {
		filling.add_box(part->word->restricted_bounding_box(true, true));
		piece->parts = upright_union(piece->parts, upright_of(part->word->restricted_bounding_box(false, false)));
		piece->part_count++;
	}
	piece->is_combination = piece->part_count > 0;
	piece->line = line_of(filling, *place.at().row->row, piece->box);
	cut_out(filling, piece, block.quarter_turns);
}

/* As PageIterator::Baseline rounds. */
int rounded(double y)
{
	return static_cast<int16_t>(static_cast<double>(static_cast<float>(y)) + 0.5);
}

bool add_row(Filling &filling, const Place &place, const struct layout_block &block)
{
	const ROW &from = *place.at().row->row;
	struct layout *layout = filling.layout;
	float row_height, descenders, ascenders;
	int left, top, right, bottom;
	place.RowAttributes(&row_height, &descenders, &ascenders);
	const float height = from.x_height + from.ascenders - from.descenders;
	if (std::memcmp(&row_height, &height, sizeof height) != 0 ||
	    std::memcmp(&descenders, &from.descenders, sizeof descenders) != 0 ||
	    std::memcmp(&ascenders, &from.ascenders, sizeof ascenders) != 0)
		return filling.strange("the heights of a row");
	struct layout_row *row = filling.add(layout->rows, layout->row_count, layout->row_capacity);
	*row = { from.left_margin, from.right_margin, from.spacing, from.x_height, ascenders, descenders, row_height,
		 {}, upright_of(from.bound_box), static_cast<int32_t>(layout->piece_count), 0 };
	place.Baseline(RIL_TEXTLINE, &left, &top, &right, &bottom);
	const int32_t baseline[4] = { left, top, right, bottom };
	std::memcpy(row->baseline, baseline, sizeof baseline);
	if (block.quarter_turns == 0 &&
	    (left != row->bound.left || right != row->bound.right ||
	     top != layout->height - rounded(from.baseline.y(static_cast<double>(left)))))
		return filling.strange("the baseline of a row");
	return true;
}

bool add_block(Filling &filling, const Place &place)
{
	struct layout *layout = filling.layout;
	struct layout_block *block = filling.add(layout->blocks, layout->block_count, layout->block_capacity);
	block->kind = block_kind_of(place.BlockType());
	block->first_row = static_cast<int32_t>(layout->row_count);
	int left = 0, top = 0, right = 0, bottom = 0;
	/* An image's box is that of its first row, if it has one (tesseract.cpp, walk). */
	if (!place.BoundingBox(RIL_TEXTLINE, &left, &top, &right, &bottom))
		place.BoundingBox(RIL_BLOCK, &left, &top, &right, &bottom);
	block->box = { left, top, right - left, bottom - top };
	Orientation orientation;
	WritingDirection direction;
	TextlineOrder order;
	float deskew;
	place.Orientation(&orientation, &direction, &order, &deskew);
	block->orientation = orientation * 90;
	return !place.at().word || find_turn(filling, place, block) || filling.strange("the place of a word");
}

} // namespace

enum block_kind block_kind_of(PolyBlockType type)
{
	switch (type) {
	case PT_FLOWING_IMAGE:
	case PT_HEADING_IMAGE:
	case PT_PULLOUT_IMAGE:
		return BLOCK_IMAGE;
	case PT_HORZ_LINE:
	case PT_VERT_LINE:
		return BLOCK_SEPARATOR;
	case PT_HEADING_TEXT:
		return BLOCK_HEADING;
	case PT_PULLOUT_TEXT:
		return BLOCK_PULLOUT;
	case PT_CAPTION_TEXT:
		return BLOCK_CAPTION;
	default:
		return BLOCK_TEXT;
	}
}

bool lines_collect(const PageIterator &from, Pix *page, int psm, const int32_t *heights, size_t height_count,
		   struct layout *layout, struct error *error)
{
	Filling filling = { layout, page, heights, height_count, error, psm };
	Place place(from);
	const BLOCK_RES *block = nullptr;
	const ROW_RES *row = nullptr;
	const WERD_RES *row_first = nullptr;
	do {
		if (place.at().block != block && !add_block(filling, place))
			return false;
		block = place.at().block;
		if (!place.at().word)
			continue;
		struct layout_block *owner = &layout->blocks[layout->block_count - 1];
		/* An image has no rows that are read, whatever lies in it. */
		if (owner->kind == BLOCK_IMAGE || owner->kind == BLOCK_SEPARATOR) {
			owner->unread_count++;
			continue;
		}
		if (place.at().row != row) {
			if (!add_row(filling, place, *owner))
				return false;
			owner->row_count++;
			row_first = place.at().word;
		}
		row = place.at().row;
		add_piece(filling, place, row_first, *owner);
		layout->rows[layout->row_count - 1].piece_count++;
	} while (place.Next(RIL_WORD));
	return true;
}
