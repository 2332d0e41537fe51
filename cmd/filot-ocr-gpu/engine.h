/* The recogniser that all slots of a worker share, as --engine and --backend say. */
#ifndef OCR_ENGINE_H
#define OCR_ENGINE_H

#include "common/ocr/reader.h"
#include "settings.h"

struct engine;

/*
 * Starts the recogniser's threads; models are loaded when a document needs them. ERROR_CONFIG when this machine does not
 * run the back end, or the folder of models cannot be told.
 */
struct engine *engine_open(const struct ocr_settings *settings, struct error *error);

/* For reader_options; NULL with --engine tesseract. */
const struct reader_engine *engine_for_readers(const struct engine *engine);

/* What reads, as result lines name it: "avx2" …, or "tesseract". */
const char *engine_backend(const struct engine *engine);

void engine_close(struct engine *engine); /* after all readers; NULL is fine */

#endif
