/*
 * The text of a searchable PDF's pages: content streams that show it in render mode 3, so that nothing is drawn, word by
 * word where it stands on the image. What they are put into is compose.h's matter.
 *
 * A stream is for within BT and ET, of a font of size 1 whose glyphs are all INVISIBLE_GLYPH_EM wide and reach from
 * -INVISIBLE_DESCENT_EM to 1 - INVISIBLE_DESCENT_EM, in pixels of the page from its top left. A line has one size, that of
 * its row, and one baseline, so that viewers take it for one line; a word is scaled to its width, and a blank to the gap
 * after it. Characters are numbered as they come (0 is none, 1 the blank), in two bytes; a CMap says which they are (PDF
 * 32000-1, 9.10.3), so any of Unicode's can be found and copied.
 */
#ifndef FILOT_INVISIBLE_TEXT_H
#define FILOT_INVISIBLE_TEXT_H

#include "common/json/result.h"

#define INVISIBLE_GLYPH_EM 0.5
#define INVISIBLE_DESCENT_EM 0.2

struct invisible_text {
	struct buffer unicode; /* the CMap */
	struct buffer streams; /* of all pages, one behind another */
	size_t *lengths; /* of each page of the result; 0 where there is nothing to add */
	size_t character_count; /* of the font, 0 included */
};

/* A page whose text is the PDF's own gets none. ERROR_OUT_OF_MEMORY; *text is to be freed in any case. */
bool invisible_text_make(struct invisible_text *text, const struct result *result, struct error *error);

void invisible_text_free(struct invisible_text *text);

#endif
