/*
 * libtesseract's LSTM engine for C: an image goes in, its layout is found, its lines are read, a struct page comes out.
 * Settings are those of the `tesseract` command with --oem 1, so text, boxes and confidences are the same.
 *
 * For its own recogniser layout and reading are two steps, which makes their times known apart. The first is exactly what
 * the second would begin with (TessBaseAPI::FindLines), so splitting changes no result. For ours there is a third, the
 * layout with the images of its lines.
 *
 * One struct tesseract_engine serves one thread. Needs OMP_THREAD_LIMIT=1 in the environment of the process from its start.
 * After ERROR_OUT_OF_MEMORY or ERROR_INTERNAL libtesseract's state is not known: end the process.
 */
#ifndef FILOT_TESSERACT_H
#define FILOT_TESSERACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/ocr/layout.h"
#include "common/ocr/page.h"

struct Pix;
struct tesseract_engine;

/* The library's version, "5.3.0". */
const char *tesseract_version(void);

/* The folder of models that the library takes when none is named (TESSDATA_PREFIX, then the built-in one). */
bool tesseract_default_folder(char *path, size_t size, struct error *error);

/* Nothing is loaded yet. `tessdata` must outlive it. */
struct tesseract_engine *tesseract_new(const char *tessdata, struct error *error);
void tesseract_free(struct tesseract_engine *tesseract); /* NULL is fine */

/*
 * Loads the models unless they are loaded already. Check the names first (languages.h). ERROR_UNKNOWN_LANGUAGE when
 * libtesseract does not take a file.
 */
bool tesseract_load(struct tesseract_engine *tesseract, const char *languages, struct error *error);

/*
 * Thresholds and finds the text lines. `dpi` 0: as the image says. `psm` is Tesseract's page segmentation mode, but 0 and 2,
 * which read no text (ERROR_BAD_JOB). The image is copied: free yours to have its memory back. An image with a side under
 * 3 pixels is taken as a page without text; one with a side over 32767 is ERROR_PAGE_TOO_LARGE (libtesseract's limit).
 */
bool tesseract_layout(struct tesseract_engine *tesseract, struct Pix *image, int32_t psm, int32_t dpi, struct error *error);

/*
 * Whether the pages that follow are made black and white by a threshold that follows the light (Sauvola) instead of one for
 * the whole page (Otsu, libtesseract's default). Lines are found by it; they are read from the grey page all the same.
 */
void tesseract_follow_light(struct tesseract_engine *tesseract, bool follows);

/* Reads the lines found into *page (width, height, dpi, confidence, text, blocks and below); then forgets the image. */
bool tesseract_recognise(struct tesseract_engine *tesseract, struct page *page, struct error *error);

/*
 * Instead of both: the layout that tesseract_layout would find, with the images of its lines for networks of `height_count`
 * heights (at most LAYOUT_MOST_HEIGHTS). The caller frees it (layout_free). A page that is laid out is forgotten. Errors of
 * tesseract_layout; ERROR_INTERNAL also when this libtesseract keeps its layout otherwise than the versions known here
 * (5.0 to 5.5).
 */
bool tesseract_lines(struct tesseract_engine *tesseract, struct Pix *image, int32_t psm, int32_t dpi, const int32_t *heights,
		     size_t height_count, struct layout *layout, struct error *error);

/*
 * Reads an image of one line by libtesseract's recogniser and tells how sure it was, 0 to 100 (0: nothing was read). A page
 * that is laid out is forgotten. Errors as of tesseract_recognise.
 */
bool tesseract_read_line(struct tesseract_engine *tesseract, struct Pix *line, float *confidence, struct error *error);

#endif
