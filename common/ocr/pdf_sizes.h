/*
 * The sizes of the images of a PDF by their dictionaries, without decoding one. Poppler tells an image's size only by
 * unpacking it into 32 bits a pixel, which costs as much again as drawing the page, and gigabytes for a hostile one.
 *
 * Image dictionaries stand in the file's bytes as they are: they belong to streams, which are never inside compressed
 * object streams, and encryption leaves numbers alone (PDF 32000-1, 7.5.7 and 7.6.1).
 */
#ifndef FILOT_PDF_SIZES_H
#define FILOT_PDF_SIZES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PDF_SIZES_MOST 64

struct pdf_size {
	int32_t width, height;
};

struct pdf_sizes {
	struct pdf_size sizes[PDF_SIZES_MOST]; /* each once */
	size_t count;
	bool complete; /* no more than these, and none said by reference */
};

/* Looks through all bytes. Sizes of deleted or replaced images are among those found. */
void pdf_sizes_find(const void *bytes, size_t length, struct pdf_sizes *sizes);

#endif
