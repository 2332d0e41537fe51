/*
 * Laying out a page as it can be read best: upright, without skew, large enough. The page is laid out as it is; what the
 * layout tells (layout_signs.h) and how well a few of its lines read decide whether it is changed and laid out again. A
 * page of which nothing is undone is laid out, and read, exactly as without this file.
 *
 * Which way up: a page whose lines run down or up is turned by a quarter. Then up to eight lines are read with the
 * document's own languages, until they read well; when they do not, they are read upside down, too. When that tells
 * nothing either, the layout may have missed lines that run down the page: it is laid out on its side, and stays so if it
 * reads well. That needs no model of its own (osd.traineddata), holds for every script that has a model, and a page that
 * reads well as it is can never be turned.
 */
#ifndef FILOT_STRAIGHTEN_H
#define FILOT_STRAIGHTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/ocr/layout.h"
#include "common/ocr/line_reader.h"
#include "common/ocr/tesseract.h"
#include "common/ocr/turn.h"

#define ROTATE_AUTO (-1)

/* What may be improved: bits. */
enum improve_step { IMPROVE_SKEW = 1, IMPROVE_RESOLUTION = 2, IMPROVE_LIGHT = 4, IMPROVE_ALL = 7 };

struct straighten_options {
	int32_t rotate; /* ROTATE_AUTO; 0: as it is; 90, 180, 270: the page stands so, clockwise */
	uint32_t improve; /* of enum improve_step */
	int32_t psm, dpi; /* as for tesseract_layout */
	int64_t most_pixels; /* that a page may be enlarged to */
	const int32_t *heights; /* of line images, as for tesseract_lines; none: the page is left laid out for tesseract_recognise */
	size_t height_count;
	struct line_reader *line_reader; /* reads those lines, by such images; NULL: libtesseract's recogniser does */
};

/*
 * Lays out *image, which may be replaced by what is read instead. *turn: how that lies on the page as given. *layout is
 * filled when line images are asked for; the caller frees it. Errors of tesseract_layout and tesseract_lines;
 * ERROR_OUT_OF_MEMORY.
 */
bool straighten(struct tesseract_engine *tesseract, const struct straighten_options *options, struct Pix **image,
		struct turn *turn, struct layout *layout, struct error *error);

#endif
