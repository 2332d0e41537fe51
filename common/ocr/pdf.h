/*
 * PDF pages as images, by Poppler (poppler-glib and cairo).
 *
 * A page that is one scan (one image covers at least nine tenths of it) comes at that image's own resolution, scaled and
 * moved so that its pixels are the page's pixels; every other page at 300 dpi. Rotation, crop box, annotations and form
 * fields are as a viewer shows them; invisible text is not drawn. A page without colour comes with 8 bits a pixel, one of
 * black and white only with 1 bit: the same text for a quarter and a thirty-second of the memory.
 *
 * Needs fontconfig's folders for fonts that are not embedded. Not for several threads.
 */
#ifndef FILOT_PDF_H
#define FILOT_PDF_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"

#define PDF_DEFAULT_DPI 300

struct Pix;
struct page;
struct pdf;

/*
 * The bytes must stay until pdf_close. `password` NULL: none. ERROR_ENCRYPTED_DOCUMENT when it needs a user password
 * and this is not it; ERROR_EMPTY_DOCUMENT without pages; ERROR_CORRUPT_DOCUMENT when Poppler cannot repair it.
 */
struct pdf *pdf_open(const void *bytes, size_t length, const char *password, struct error *error);

int32_t pdf_page_count(const struct pdf *pdf);

/*
 * Page `number` (from 1), drawn at `dpi`; 0: as said above. The caller frees it (pixDestroy). ERROR_PAGE_TOO_LARGE when
 * it would have more than most_pixels (a scan of more is tried at 300 dpi first), ERROR_CORRUPT_DOCUMENT,
 * ERROR_OUT_OF_MEMORY.
 */
struct Pix *pdf_page(struct pdf *pdf, int32_t number, int32_t dpi, int64_t most_pixels, struct error *error);

/*
 * The same, and the page's text in *text if its text layer is good, else why it is not (pdf_text.h). The caller frees both;
 * *text is not touched when there is no image.
 */
struct Pix *pdf_page_with_text(struct pdf *pdf, int32_t number, int32_t dpi, int64_t most_pixels, struct page *text,
			       struct error *error);

void pdf_close(struct pdf *pdf); /* NULL is fine */

#endif
