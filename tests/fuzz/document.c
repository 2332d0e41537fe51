/* A document of any kind, as a reader's child decodes it, up to the pixels of its first pages. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <leptonica/allheaders.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cmd/filot-reader/document.h"
#include "common/ocr/page.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct error error = { 0 };
	int file = memfd_create("document", MFD_CLOEXEC);
	if (file < 0)
		abort();
	(void)setMsgSeverity(L_SEVERITY_NONE);
	bool written = write(file, bytes, length) == (ssize_t)length;
	struct document *document = written ? document_open(file, 1 << 20, NULL, &error) : NULL;
	for (int32_t number = 1; document && number <= document_page_count(document) && number <= 3; number++) {
		struct page text = { 0 };
		struct Pix *page = document_page(document, number, 72, 1000000, &text, &error);
		page_free(&text);
		pixDestroy(&page);
	}
	document_close(document);
	(void)close(file);
	return 0;
}
