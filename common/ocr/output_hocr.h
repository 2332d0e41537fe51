/* hOCR 1.2 as Tesseract's TessHOcrRenderer writes it. For output.c. */
#ifndef FILOT_OUTPUT_HOCR_H
#define FILOT_OUTPUT_HOCR_H

#include "common/json/result.h"

/* Appends one whole XHTML document. */
void output_hocr_write(const struct result *result, struct buffer *out);

#endif
