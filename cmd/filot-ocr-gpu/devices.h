/* filot-ocr-gpu --devices: what can read here, and what --backend and --gpus would use. */
#ifndef OCR_DEVICES_H
#define OCR_DEVICES_H

#include "settings.h"

/*
 * Prints the processor's back ends and the GPUs on standard output: a table on a terminal, else JSON lines. The errors
 * of engine_choose, after the list, when what was asked for cannot be used.
 */
bool devices_print(const struct ocr_settings *settings, struct error *error);

#endif
