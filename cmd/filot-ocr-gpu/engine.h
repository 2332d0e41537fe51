/* The recogniser that all slots of a worker share, as --engine and --backend say. */
#ifndef OCR_ENGINE_H
#define OCR_ENGINE_H

#include "common/base/log.h"
#include "common/ocr/reader.h"
#include "settings.h"

struct engine;

/*
 * Which back end --backend means on this machine. "auto" is a GPU where one can be opened; else, what the processor runs
 * fastest, and a worker's log says once why (a filter's, with --log-level debug). *gpus: those to use, to be closed; NULL for any other back end. ERROR_UNAVAILABLE
 * when "cuda" has no GPU or --gpus names one that is not there, ERROR_CONFIG when this machine does not run what is named.
 */
struct network_gpus;
bool engine_choose(const struct ocr_settings *settings, enum network_backend *backend, struct network_gpus **gpus,
		   struct error *error);

/*
 * Starts the recogniser's threads; models are loaded when a document needs them. The errors of engine_choose, and
 * ERROR_CONFIG when the folder of models cannot be told.
 */
struct engine *engine_open(const struct ocr_settings *settings, struct error *error);

/* For reader_options; NULL with --engine tesseract. */
const struct reader_engine *engine_for_readers(const struct engine *engine);

/* What reads, as result lines name it: "avx2" …, or "tesseract". */
const char *engine_backend(const struct engine *engine);

/* True once a GPU is lost (*error, which may be NULL, says why): nothing can be read any more, the process should end. */
bool engine_lost(const struct engine *engine, struct error *error);

/* A line in the log for each GPU: use, memory, batches and their stages since the start. */
void engine_log_figures(const struct engine *engine, enum log_level level);

void engine_close(struct engine *engine); /* after all readers; NULL is fine */

#endif
