/* Result lines (filot-jobs(5)): what a worker says of one document. Written here and nowhere else. */
#ifndef FILOT_RESULT_H
#define FILOT_RESULT_H

#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/error.h"
#include "common/ocr/page.h"

struct engine_info {
	char backend[16]; /* cuda, avx512vnni, avx2, generic or tesseract */
	char model[160]; /* language names as given, "deu+eng" */
	char model_sha256[65]; /* of the traineddata file (of several: of their sums joined by '\n' in order) */
	char version[64];
};

struct result_times {
	int64_t queue_ms, fetch_ms, decode_ms, layout_ms, recognise_ms, store_ms, total_ms;
};

struct result {
	const char *job; /* ULID, or NULL for a file given by name */
	const char *document; /* a job's document id, or the file's name as given */
	struct page *pages;
	size_t page_count;
	struct engine_info engine;
	struct result_times ms;
	struct error error; /* ERROR_NONE: done */
	int32_t error_page; /* 0: not about one page */
};

/* Appends the line with its "\n". */
void result_write(const struct result *result, struct buffer *line);

void result_free_pages(struct result *result);

#endif
