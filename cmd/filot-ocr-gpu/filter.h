/* filot-ocr-gpu as a filter: documents in, results out on standard output, in the order given. */
#ifndef OCR_FILTER_H
#define OCR_FILTER_H

#include "settings.h"

struct filter_counts {
	int64_t done, failed;
};

/*
 * Reads the operands, or the job lines of standard input, settings->jobs side by side. A document that fails gives its
 * error and the rest go on. False when the run itself cannot go on: ERROR_TRY_AGAIN after SIGTERM or SIGINT, an error of
 * writing standard output (a reader that went away, EPIPE, included), no slot could be made.
 */
bool filter_run(const struct ocr_settings *settings, const struct string_list *operands, struct filter_counts *counts,
		struct error *error);

#endif
