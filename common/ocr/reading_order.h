/*
 * In which order words of a row and characters of a word are read where scripts of both directions meet. Rows, words and
 * characters come from the left to the right; the order is the logical one, as text is written to a file.
 *
 * Source: Tesseract 5.3.0, ccmain/resultiterator.cpp.
 */
#ifndef FILOT_READING_ORDER_H
#define FILOT_READING_ORDER_H

#include "common/ocr/found_words.h"

/* Marks among the indices of words: a run against the paragraph's direction, and a word with letters of both. */
#define ORDER_RUN_BEGINS (-1)
#define ORDER_RUN_ENDS (-2)
#define ORDER_MIXED_WORD (-3)

/* Room that order_words needs for `count` words. */
#define ORDER_ROOM(count) (3 * (count) + 4)

/* Indices of the words in reading order, with marks; returns how many entries. */
size_t order_words(bool left_to_right, const struct found_word *words, size_t count, int32_t *order);

/* order[i] is the index of the character read i-th. */
void order_characters(bool left_to_right, const struct found_word *word, int32_t *order);

/* The direction of a paragraph by its words: `first_row_count` of `count` are its first row's. */
bool order_is_left_to_right(const struct found_word *words, size_t first_row_count, size_t count);

#endif
