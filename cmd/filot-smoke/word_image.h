/* A word as a picture that OCR reads without fail: made of straight strokes, so that no font is needed. */
#ifndef FILOT_SMOKE_WORD_IMAGE_H
#define FILOT_SMOKE_WORD_IMAGE_H

#include "common/base/buffer.h"
#include "common/base/error.h"

#define WORD_LENGTH 10
#define WORD_SIZE (WORD_LENGTH + 1)

/*
 * A new random word: ten capitals, a consonant and a vowel in turn, so that a reader's dictionary is never tempted to
 * another one; one of 3.2 million. Returns `word`.
 */
char *word_new(char word[static WORD_SIZE]);

/* Appends the word, three times below each other, as a PGM image (Netpbm's P5), black on white, as at 300 dpi. */
bool word_image(const char *word, struct buffer *image, struct error *error);

#endif
