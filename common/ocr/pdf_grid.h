/* How points of a PDF page (from its top left, as shown) become pixels of its image. For pdf.c and the pdf_layer files. */
#ifndef FILOT_PDF_GRID_H
#define FILOT_PDF_GRID_H

#include <cairo.h>
#include <stdint.h>

#define POINTS_PER_INCH 72.0

struct pdf_grid {
	double scale; /* pixels a point */
	double offset_x, offset_y; /* pixels, in -0.5..0.5 */
	int64_t width, height; /* pixels */
};

/* A white surface of the image's size, and what draws on it in points of the page; the caller's, both. */
cairo_surface_t *pdf_grid_canvas(const struct pdf_grid *grid, cairo_t **cairo);

#endif
