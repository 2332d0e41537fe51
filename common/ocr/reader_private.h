/* What reader.c and reader_compose.c share. */
#ifndef FILOT_READER_PRIVATE_H
#define FILOT_READER_PRIVATE_H

#include "common/ocr/page_image.h"
#include "common/ocr/reader.h"
#include "common/ocr/reader_lines.h"
#include "common/ocr/reader_process.h"
#include "common/ocr/reader_protocol.h"

struct reader {
	char *program, *tessdata;
	struct reader_limits limits;
	const struct reader_engine *engine; /* NULL: the child's own */
	int64_t recycle_documents, recycle_rss_bytes;
	bool no_sandbox;
	struct reader_process process;
	int64_t documents; /* that this child has had */
	int64_t rss_bytes; /* of the child after its last document */
	int interrupt; /* eventfd */
	struct buffer frame;
};

/* What is taken from a child's answer to one request. */
struct answer {
	const char *pages; /* that were asked for */
	struct reader_lines *lines; /* NULL: no layouts may come */
	const struct reader_composition *composition; /* NULL: no bytes of a PDF may come; else nothing but those */
	bool images; /* pages come with theirs */
	struct page_image image; /* of the page that comes next */
	int64_t text_bytes; /* of pages, and of their images */
	int64_t composed_bytes;
	struct result *result;
	struct reader_progress *progress; /* or NULL */
	bool counted; /* FRAME_COUNT has come */
	bool proper; /* ended by a proper FRAME_DONE or FRAME_ERROR: the child can go on */
};

/* Sends a request, with a descriptor unless that is -1, and takes the answer. */
bool reader_converse(struct reader *reader, enum frame_type type, const struct buffer *request, int descriptor,
		     struct answer *answer, struct error *error);

/* That a document is a file of a size within the limits. */
bool reader_check_document(const struct reader *reader, int descriptor, struct error *error);

/* Appends `before` and a JSON string, or null for NULL. */
void reader_append_string(struct buffer *out, const char *before, const char *text);

/* Takes a FRAME_BYTES (reader_compose.c). */
bool reader_take_bytes(const struct reader *reader, struct answer *answer, struct error *error);

#endif
