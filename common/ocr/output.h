/*
 * What can be made of a result: JSON lines, plain text, TSV, hOCR, ALTO and the overlay, a page for a browser. The text, TSV
 * and hOCR are those of Tesseract's own renderers (api/baseapi.cpp and api/hocrrenderer.cpp of 5.x): the same columns,
 * classes, attributes and page separators.
 */
#ifndef FILOT_OUTPUT_H
#define FILOT_OUTPUT_H

#include "common/json/result.h"

enum output_format { OUTPUT_JSON, OUTPUT_TEXT, OUTPUT_TSV, OUTPUT_HOCR, OUTPUT_ALTO, OUTPUT_OVERLAY, OUTPUT_PDF, OUTPUT_FORMAT_COUNT };

/* "json", "text", "tsv", "hocr", "alto", "overlay", "pdf", NULL. */
extern const char *const output_format_names[OUTPUT_FORMAT_COUNT + 1];

/* What names of files end in: "json", "txt", "tsv", "hocr", "xml", "html", "pdf", NULL. */
extern const char *const output_format_extensions[OUTPUT_FORMAT_COUNT + 1];

/* What stands before the first and after the last document in a stream of this format (TSV's heading; else nothing). */
void output_begin(enum output_format format, struct buffer *out);
void output_end(enum output_format format, struct buffer *out);

/*
 * What the caller puts between two documents that were written ("" but for text: "\f", as between two pages). There is
 * none after the last, as Tesseract has none.
 */
const char *output_separator(enum output_format format);

/*
 * Appends one document. A failed one is a JSON result line in OUTPUT_JSON and nothing in the others (the caller logs
 * the error). JSON is one line a document. hOCR and ALTO are one whole XML document a result, so several are one
 * behind the other, each from its <?xml …?> on. Nothing in OUTPUT_PDF, which takes the document itself (reader_compose).
 */
void output_write(enum output_format format, const struct result *result, struct buffer *out);

#endif
