/* filot-ocr-gpu as a worker: jobs from the queue, results into PostgreSQL, until a signal asks it to drain. */
#ifndef OCR_CONSUMER_H
#define OCR_CONSUMER_H

#include "settings.h"

/*
 * True after a drain (SIGTERM, SIGINT) or, with --once, when nothing was ready any more. False when it could not start:
 * ERROR_UNAVAILABLE (after --wait), ERROR_NOT_PERMITTED, ERROR_CONFIG. Once started it outlives its services' absence.
 */
bool consumer_run(const struct ocr_settings *settings, struct error *error);

#endif
