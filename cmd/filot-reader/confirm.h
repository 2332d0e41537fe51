/*
 * Whether a PDF page's text layer names the characters that it draws. A font's table of what its glyphs mean can be missing,
 * shifted by a converter's mistake, or made to deceive; the page looks the same in each case. So a few lines that together
 * have as many different characters as can be are read by OCR, and must come out much as the layer has them: no more than
 * CONFIRM_MOST_ERRORS of a line's letters and digits, and one, may differ, in whatever case.
 *
 * It is a sample: a forger who knows it, and spends a font on one word of a long page, may get past it.
 */
#ifndef FILOT_READER_CONFIRM_H
#define FILOT_READER_CONFIRM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/ocr/line_reader.h"
#include "common/ocr/page.h"
#include "common/ocr/tesseract.h"

#define CONFIRM_LINES 3
#define CONFIRM_MOST_ERRORS 0.3

/* What finds and reads a line; all have the models of the document's languages. */
struct confirm_engine {
	struct tesseract_engine *tesseract;
	struct line_reader *line_reader; /* reads, by images of these heights; NULL: libtesseract does */
	const int32_t *heights;
	size_t height_count;
};

/*
 * `image` is the page's, `text` a page with a text layer. A script that the models do not know is not confirmed. Errors of
 * tesseract_layout, tesseract_lines and of what reads.
 */
bool confirm_text(const struct confirm_engine *engine, struct Pix *image, const struct page *text, bool *confirmed,
		  struct error *error);

#endif
