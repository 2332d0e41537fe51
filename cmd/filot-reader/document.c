/* The bytes are mapped (map.h); which decoder gets them is what they say. */
#include "cmd/filot-reader/document.h"

#include <leptonica/allheaders.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/filot-reader/map.h"
#include "common/ocr/decode.h"
#include "common/ocr/pdf.h"

struct document {
	struct map map;
	struct image *image; /* one of the two */
	struct pdf *pdf;
};

bool document_prepare_all(void)
{
	/* One letter of a font that is not embedded. Poppler repairs the missing cross-references. */
	static const char page[] = "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
				   "2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
				   "3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R"
				   "/Resources<</Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>>>endobj\n"
				   "4 0 obj<</Length 27>>stream\nBT /F 8 Tf 1 1 Td (a) Tj ET \nendstream endobj\n"
				   "trailer<</Root 1 0 R>>\n";
	static bool prepared; /* as those tables are: once for the process */
	if (prepared)
		return false;
	prepared = true;
	struct pdf *pdf = pdf_open(page, sizeof page - 1, NULL, NULL);
	struct Pix *pix = pdf ? pdf_page(pdf, 1, 72, 81, NULL) : NULL;
	pixDestroy(&pix);
	pdf_close(pdf);
	return true;
}

bool document_prepare(int descriptor)
{
	char start[1024]; /* where media.h looks for a PDF's header */
	enum media media;
	ssize_t length = pread(descriptor, start, sizeof start, 0);
	bool is_pdf = length > 0 && media_find(start, (size_t)length, &media, NULL) && media == MEDIA_PDF;
	explicit_bzero(start, sizeof start); /* the processes of other documents are copies of this one */
	return is_pdf && document_prepare_all();
}

struct document *document_open(int descriptor, int64_t most_bytes, const char *password, struct error *error)
{
	enum media media;
	struct document *document = calloc(1, sizeof *document);
	if (!document) {
		error_set(error, ERROR_OUT_OF_MEMORY, "no memory");
		return NULL;
	}
	bool opened = map_open(&document->map, descriptor, most_bytes, error) &&
		      media_find(document->map.bytes, document->map.length, &media, error);
	if (opened && media == MEDIA_PDF)
		opened = (document->pdf = pdf_open(document->map.bytes, document->map.length, password, error)) != NULL;
	else if (opened)
		opened = (document->image = image_open(media, document->map.bytes, document->map.length, error)) != NULL;
	if (!opened) {
		document_close(document);
		return NULL;
	}
	return document;
}

int32_t document_page_count(const struct document *document)
{
	return document->pdf ? pdf_page_count(document->pdf) : image_page_count(document->image);
}

struct Pix *document_page(struct document *document, int32_t number, int32_t dpi, int64_t most_pixels,
			  struct page *text, struct error *error)
{
	return document->pdf ? pdf_page_with_text(document->pdf, number, dpi, most_pixels, text, error)
			     : image_page(document->image, number, most_pixels, error);
}

void document_close(struct document *document)
{
	if (!document)
		return;
	image_close(document->image);
	pdf_close(document->pdf);
	map_close(&document->map);
	free(document);
}
