/*
 * The text of a born-digital PDF page, taken from its text layer instead of being read from its image: every character as
 * the file has it, at once. Only of a layer that is good, which means:
 *
 *   readable  it has letters or digits, half of its characters are such (of a row of the same other character one counts),
 *             and each has a Unicode character of its own; ornaments of symbol fonts (private use) may stand alone
 *   no scan   pictures cover at most a tenth of the page. Under a scan the text is some OCR's, of which nothing is known: ours
 *             is tested, and says how sure it is
 *   seen      each word with a letter or digit is drawn where the layer has it, in its shape, in a colour that stands out,
 *             at least 3 points high
 *   complete  beside the words the page shows at most a few marks that could be letters (in pictures, as outlines)
 *
 * Anything else is a struct page's text_layer_fault. Whether the characters are those that are drawn is not asked here: that
 * takes OCR (cmd/filot-reader/confirm.h). The confidence of what is taken is 100: nothing was guessed.
 *
 * Words are as Poppler finds them, which is by their gaps; words cut at the end of a line stay cut, as on the page. Latin
 * ligatures and Arabic presentation forms become the letters that they show. Blocks and paragraphs are found by gaps and by
 * paragraphs.h. Boxes are those of the ink.
 */
#ifndef FILOT_PDF_TEXT_H
#define FILOT_PDF_TEXT_H

#include <poppler.h>

#include "common/ocr/page.h"
#include "common/ocr/pdf_grid.h"

struct Pix;

/*
 * Fills *text from the layer when it is good, else only its text_layer_fault; width, height, dpi and source are set in both
 * cases (PAGE_SOURCE_NONE for the latter). The caller frees it (page_free). ERROR_OUT_OF_MEMORY; *text is zero then.
 */
bool pdf_text_read(PopplerPage *page, const struct pdf_grid *grid, struct Pix *image, struct page *text,
		   struct error *error);

#endif
