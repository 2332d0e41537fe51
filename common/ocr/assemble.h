/*
 * From a page's layout and what was read on its lines to the page: the best language for each line, words with boxes made
 * of the layout's blobs, reading order (right-to-left text too), paragraphs, plain text. Given what libtesseract read on
 * the lines it gives what libtesseract gives for the page, byte for byte.
 *
 * Sources: Tesseract 5.3.0, ccmain/control.cpp (classify_word_and_language, SelectBestWords), ccstruct/pageres.cpp
 * (ReplaceCurrentWord), lstm/recodebeam.cpp (InitializeWord), ccmain/resultiterator.cpp, api/baseapi.cpp (GetUTF8Text).
 */
#ifndef FILOT_ASSEMBLE_H
#define FILOT_ASSEMBLE_H

#include "common/ocr/layout.h"
#include "common/ocr/line.h"
#include "common/ocr/page.h"
#include "common/ocr/text_model.h"

/*
 * Fills *page but for its number, rotation and times. `models` are the languages in the order that they were asked for;
 * texts[piece × model_count + model] is what that model read on a piece (`failed` where it has no image). ERROR_OUT_OF_MEMORY;
 * the page is zero then.
 */
bool assemble_page(const struct layout *layout, const struct text_model *const *models, size_t model_count,
		   const struct line_text *texts, struct page *page, struct error *error);

/*
 * Which readings assemble_page would look at, while only those of texts are there that is_read marks: sets wanted[] (of
 * the same shape) where one is missing that the choice among languages needs, and guesses on from there as if it were no
 * better. With none missing, *some is false and assemble_page looks at nothing that was not read. Asked again after the
 * wanted ones were read, it comes to an end: the first one missing is never a guess. ERROR_OUT_OF_MEMORY.
 */
bool assemble_wants(const struct layout *layout, const struct text_model *const *models, size_t model_count,
		    const struct line_text *texts, const bool *is_read, bool *wanted, bool *some, struct error *error);

#endif
