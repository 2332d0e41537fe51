/*
 * Reads a line here and now, for a look at a page in a process without a recogniser's threads: which way up it stands
 * (straighten.h), whether its text layer is true (confirm.h). The line's text is what recogniser.h reads on it, by a
 * batch of one; of several languages, that of the model which is surest.
 *
 * The models are loaded before the process forks, which then share them; what a model needs to read with is made when
 * its first line is read: 3 MB (eng).
 */
#ifndef FILOT_LINE_READER_H
#define FILOT_LINE_READER_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/buffer.h"
#include "common/base/error.h"
#include "common/ocr/layout.h"

struct line_reader;

/* `tessdata` is copied. Nothing is loaded yet. NULL with ERROR_OUT_OF_MEMORY. */
struct line_reader *line_reader_new(const char *tessdata, struct error *error);
void line_reader_free(struct line_reader *reader); /* NULL is fine */

/* From now on lines are read with the models of `languages` ("deu+eng"). Errors of text_models_take_all; no model then. */
bool line_reader_load(struct line_reader *reader, const char *languages, struct error *error);

/*
 * How sure it is of the layout's piece, 0 to 100 (the mean of its words, as of a page; 0: nothing was read), as it stands
 * or turned by 180 degrees. The piece has images of the models' heights, or reads as nothing. The text is appended to
 * `text` unless that is NULL, words set apart by spaces. ERROR_OUT_OF_MEMORY.
 */
bool line_reader_read(struct line_reader *reader, const struct layout *layout, size_t piece, bool upside_down,
		      float *confidence, struct buffer *text, struct error *error);

#endif
