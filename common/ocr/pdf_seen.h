/*
 * Whether a PDF page shows what its text layer says, and no more. Text can be drawn so that nobody sees it (in white, by an
 * invisible rendering mode, under a picture or another text), and letters can be drawn that are no text (in a picture, as
 * outlines): who reads the layer alone is deceived by the one and misses the other.
 *
 * The layer's glyphs are drawn once more, black on white, and compared with the page word by word: where they are, the page
 * must have their shape in a colour that stands out. What is left of the page's ink outside of the words must not look like
 * letters.
 *
 * What this does not find: a font that draws one character and says that it is another. Only reading does.
 */
#ifndef FILOT_PDF_SEEN_H
#define FILOT_PDF_SEEN_H

#include "common/ocr/pdf_layer.h"

struct Pix;

/* Whether pictures cover more of the page than a logo does. Quick: nothing is drawn. */
bool pdf_seen_pictures(PopplerPage *page);

/*
 * Compares the layer with the page's image, and shrinks the boxes of its words to their ink. *fault is what was found.
 * ERROR_OUT_OF_MEMORY.
 */
bool pdf_seen_compare(PopplerPage *page, const struct pdf_grid *grid, struct Pix *image, struct pdf_layer *layer,
		      enum text_layer_fault *fault, struct error *error);

#endif
