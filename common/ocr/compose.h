/*
 * A searchable PDF from a document and the text that was read from it (invisible_text.h). Documents are strangers' bytes,
 * so this is done where they are decoded, in a reader's process.
 *
 * A PDF keeps its pages as they are; the text is put before what they draw, in a stream of its own. Only the pages asked
 * for stay. Encryption and its restrictions stay, too. An image becomes a page of its size whose pixels are the document's
 * own: compose_image.h says which are taken without decoding them.
 *
 * The bytes come piece by piece as they are made. What is held is the parsed document, one page's image and the text.
 */
#ifndef FILOT_COMPOSE_H
#define FILOT_COMPOSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/ocr/media.h"

struct compose_page {
	int32_t number; /* from 1, of the document; ascending */
	int32_t width, height, dpi; /* as it was read */
	const char *text; /* its stream; not NUL-terminated */
	size_t text_length; /* 0: nothing to add */
};

struct compose_request {
	enum media media;
	const void *bytes; /* the document */
	size_t length;
	const char *password; /* of a PDF, or NULL */
	int64_t most_pixels; /* of a page's image that must be decoded */
	const struct compose_page *pages;
	size_t page_count;
	const char *unicode; /* the font's CMap */
	size_t unicode_length, character_count;
};

/* Takes the next bytes; false with *error ends it. */
struct compose_sink {
	bool (*write)(void *context, const void *bytes, size_t length, struct error *error);
	void *context;
};

/*
 * ERROR_CORRUPT_DOCUMENT when it cannot be taken over, ERROR_ENCRYPTED_DOCUMENT for a wrong password, ERROR_OUT_OF_MEMORY,
 * those of decode.h, and the sink's. `page` is the one that failed, 0 for none.
 */
bool compose(const struct compose_request *request, const struct compose_sink *sink, int32_t *page, struct error *error);

/* The two kinds. */
bool compose_pdf(const struct compose_request *request, const struct compose_sink *sink, int32_t *page,
		 struct error *error);
bool compose_images(const struct compose_request *request, const struct compose_sink *sink, int32_t *page,
		    struct error *error);

#endif
