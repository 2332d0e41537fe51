/*
 * Whether a word that was read is good enough to stop at. With several languages Tesseract reads a line with the next
 * one only while some word of the best reading so far is not acceptable (ccmain/control.cpp,
 * classify_word_and_language). Sources: dict/stopper.cpp (AcceptableResult), dict/context.cpp (case_ok); settings at
 * their defaults.
 */
#ifndef FILOT_ACCEPTABLE_H
#define FILOT_ACCEPTABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/ocr/beam.h"

/*
 * `unichars` are a word's `count` ids, `final_certainty` is that of struct beam_word. The threshold is −2.5; for a word
 * of the dictionary in plausible case it is lower by 0.5 for each letter above two in its shortest run of letters.
 */
bool word_is_acceptable(const struct beam_model *model, const int32_t *unichars, size_t count, float final_certainty);

#endif
