/* The layout of a page with the images of its lines, for tesseract.cpp. */
#ifndef FILOT_TESSERACT_LINES_HPP
#define FILOT_TESSERACT_LINES_HPP

#include <tesseract/pageiterator.h>

extern "C" {
#include "common/ocr/layout.h"
}

enum block_kind block_kind_of(tesseract::PolyBlockType type);

/*
 * Fills a layout that has its width and height from an iterator at a page's begin, made with similar words merged
 * (AnalyseLayout(true)). `page` is the image that lines are cut out of. ERROR_INTERNAL when libtesseract's objects are
 * not as expected; throws std::bad_alloc.
 */
bool lines_collect(const tesseract::PageIterator &from, Pix *page, int psm, const int32_t *heights, size_t height_count,
		   struct layout *layout, struct error *error);

#endif
