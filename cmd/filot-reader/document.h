/*
 * One document of any kind, as pages of pixels: the images of decode.h and the PDFs of pdf.h behind one face.
 * Errors are those of the two.
 */
#ifndef FILOT_READER_DOCUMENT_H
#define FILOT_READER_DOCUMENT_H

#include <stdint.h>

#include "common/base/error.h"

struct Pix;
struct page;
struct document;

/*
 * Loads what the decoders of such a document keep for the process: Poppler's and fontconfig's tables, for a PDF. To be
 * called before the fork that its document is read in; documents are not decoded here. True when something was loaded, so
 * that processes that were forked before lack it.
 */
bool document_prepare(int descriptor);
bool document_prepare_all(void);

/* `descriptor` is a regular file or memfd and may be closed after. More than most_bytes: ERROR_TOO_LARGE. */
struct document *document_open(int descriptor, int64_t most_bytes, const char *password, struct error *error);

int32_t document_page_count(const struct document *document); /* at least 1 */

/*
 * Page `number` from 1. `dpi` is for PDF pages, 0: as pdf.h chooses. With `text`, also what a PDF's text layer says, as
 * pdf_page_with_text does; *text is zero for an image. The caller frees both.
 */
struct Pix *document_page(struct document *document, int32_t number, int32_t dpi, int64_t most_pixels,
			  struct page *text, struct error *error);

void document_close(struct document *document); /* NULL is fine */

#endif
