/*
 * PDF rendering. Cairo draws in 32-bit colour only, so a page is drawn so and then packed to the fewest bits that hold it.
 *
 * Poppler tells where images lie, but their sizes in pixels only by decoding them. So a scan is decoded twice: once for its
 * size, once when the page is drawn. Drawing the page, and not taking the image, keeps what lies over it: stamps,
 * annotations, filled forms, the second strip of a scan in strips.
 */
#include "common/ocr/pdf.h"

#include <cairo.h>
#include <inttypes.h>
#include <leptonica/allheaders.h>
#include <math.h>
#include <poppler.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/ocr/decode.h"

#define POINTS_PER_INCH 72.0
#define SCAN_COVERS 0.9 /* of the page's area */
#define SCAN_LEAST_DPI 36.0 /* an image coarser than that is a background, not a scan */
#define SCAN_MOST_DPI 2400.0
#define SQUARE_WITHIN 0.02 /* scales of x and y nearer than that are taken as they are */
#define CAIRO_LONGEST_SIDE 32767

struct pdf {
	PopplerDocument *document;
	int32_t page_count;
};

/* How points of the page (from its top left) become pixels. */
struct grid {
	double scale_x, scale_y; /* pixels a point */
	double offset_x, offset_y; /* pixels, in -0.5..0.5 */
	int64_t width, height;
};

/* True for an answer that another password might change. */
static bool is_locked(const GError *failure)
{
	return g_error_matches(failure, POPPLER_ERROR, POPPLER_ERROR_ENCRYPTED);
}

struct pdf *pdf_open(const void *bytes, size_t length, const char *password, struct error *error)
{
	GError *failure = NULL;
	GBytes *block = g_bytes_new_static(bytes, length);
	PopplerDocument *document = poppler_document_new_from_bytes(block, password, &failure);
	if (!document && password && is_locked(failure)) {
		/* A password for a document that opens without one. */
		g_clear_error(&failure);
		document = poppler_document_new_from_bytes(block, NULL, &failure);
	}
	g_bytes_unref(block);
	struct pdf *pdf = NULL;
	if (!document && is_locked(failure))
		error_set(error, ERROR_ENCRYPTED_DOCUMENT, password ? "the PDF has another user password than this one"
								    : "the PDF needs a user password");
	else if (!document)
		error_set(error, ERROR_CORRUPT_DOCUMENT, "the PDF cannot be opened: %s",
			  failure ? failure->message : "unknown error");
	else if (poppler_document_get_n_pages(document) < 1)
		error_set(error, ERROR_EMPTY_DOCUMENT, "the PDF has no pages");
	else if (!(pdf = calloc(1, sizeof *pdf)))
		error_set(error, ERROR_OUT_OF_MEMORY, "no memory");
	g_clear_error(&failure);
	if (pdf)
		*pdf = (struct pdf){ document, poppler_document_get_n_pages(document) };
	else if (document)
		g_object_unref(document);
	return pdf;
}

int32_t pdf_page_count(const struct pdf *pdf)
{
	return pdf->page_count;
}

void pdf_close(struct pdf *pdf)
{
	if (!pdf)
		return;
	g_object_unref(pdf->document);
	free(pdf);
}

/* The largest image of the page that covers enough of it; false when there is none. Its area is cut to the page. */
static bool find_scan(PopplerPage *page, double page_width, double page_height, PopplerImageMapping *scan)
{
	double largest = SCAN_COVERS * page_width * page_height;
	bool found = false;
	GList *images = poppler_page_get_image_mapping(page);
	for (const GList *at = images; at; at = at->next) {
		const PopplerImageMapping *image = at->data;
		double width = fmin(image->area.x2, page_width) - fmax(image->area.x1, 0);
		double height = fmin(image->area.y2, page_height) - fmax(image->area.y1, 0);
		if (width > 0 && height > 0 && width * height >= largest) {
			largest = width * height;
			*scan = *image;
			found = true;
		}
	}
	poppler_page_free_image_mapping(images);
	return found;
}

/* Where the pixels of a scan fall; false when that is no grid that a page would be scanned in. */
static bool scan_grid(PopplerPage *page, const PopplerImageMapping *scan, struct grid *grid)
{
	cairo_surface_t *surface = poppler_page_get_image(page, scan->image_id);
	if (!surface)
		return false;
	double width = cairo_image_surface_get_width(surface), height = cairo_image_surface_get_height(surface);
	cairo_surface_destroy(surface);
	double area_width = scan->area.x2 - scan->area.x1, area_height = scan->area.y2 - scan->area.y1;
	double x = width / area_width, y = height / area_height;
	double turned_x = height / area_width, turned_y = width / area_height;
	if (fabs(log(turned_x / turned_y)) < fabs(log(x / y))) { /* the page shows it turned by a quarter */
		x = turned_x;
		y = turned_y;
	}
	if (!(fabs(log(x / y)) < SQUARE_WITHIN)) /* a fax of 204 x 98 dpi: letters are read in their true shape */
		x = y = fmax(x, y);
	double dpi = y * POINTS_PER_INCH;
	*grid = (struct grid){ .scale_x = x, .scale_y = y };
	grid->offset_x = round(scan->area.x1 * x) - scan->area.x1 * x;
	grid->offset_y = round(scan->area.y1 * y) - scan->area.y1 * y;
	return dpi >= SCAN_LEAST_DPI && dpi <= SCAN_MOST_DPI;
}

static bool fits(struct grid *grid, double page_width, double page_height, int64_t most_pixels, struct error *error)
{
	double width = fmax(round(page_width * grid->scale_x), 1), height = fmax(round(page_height * grid->scale_y), 1);
	if (!(width < 1e9 && height < 1e9))
		return error_set(error, ERROR_PAGE_TOO_LARGE, "the page is %.0f x %.0f points", page_width, page_height);
	grid->width = (int64_t)width;
	grid->height = (int64_t)height;
	if (grid->width > CAIRO_LONGEST_SIDE || grid->height > CAIRO_LONGEST_SIDE)
		return error_set(error, ERROR_PAGE_TOO_LARGE,
				 "the page is %" PRId64 " x %" PRId64 " pixels; no side may have more than %d", grid->width,
				 grid->height, CAIRO_LONGEST_SIDE);
	return decode_page_fits(grid->width, grid->height, most_pixels, error);
}

static bool choose_grid(PopplerPage *page, int32_t dpi, int64_t most_pixels, struct grid *grid, struct error *error)
{
	double width = 0, height = 0, scale = (dpi > 0 ? dpi : PDF_DEFAULT_DPI) / POINTS_PER_INCH;
	PopplerImageMapping scan = { 0 };
	poppler_page_get_size(page, &width, &height);
	if (!(width > 0 && height > 0))
		return error_set(error, ERROR_CORRUPT_DOCUMENT, "a page of %.0f x %.0f points", width, height);
	if (dpi == 0 && find_scan(page, width, height, &scan) && scan_grid(page, &scan, grid) &&
	    fits(grid, width, height, most_pixels, NULL))
		return true;
	*grid = (struct grid){ .scale_x = scale, .scale_y = scale };
	return fits(grid, width, height, most_pixels, error);
}

static cairo_surface_t *draw(PopplerPage *page, const struct grid *grid, struct error *error)
{
	cairo_surface_t *surface =
		cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)grid->width, (int)grid->height);
	cairo_t *cairo = cairo_create(surface);
	cairo_set_source_rgb(cairo, 1, 1, 1);
	cairo_paint(cairo);
	cairo_translate(cairo, grid->offset_x, grid->offset_y);
	cairo_scale(cairo, grid->scale_x, grid->scale_y);
	poppler_page_render(page, cairo);
	cairo_status_t status = cairo_status(cairo);
	cairo_destroy(cairo);
	cairo_surface_flush(surface);
	if (status == CAIRO_STATUS_SUCCESS)
		return surface;
	cairo_surface_destroy(surface);
	error_set(error, status == CAIRO_STATUS_NO_MEMORY ? ERROR_OUT_OF_MEMORY : ERROR_CORRUPT_DOCUMENT,
		  "the page cannot be drawn: %s", cairo_status_to_string(status));
	return NULL;
}

/* The fewest bits that hold all pixels: 1 (black and white only), 8 (grey) or 32. */
static int depth_needed(const unsigned char *bytes, const struct grid *grid, size_t stride)
{
	int depth = 1;
	for (int64_t y = 0; y < grid->height; y++) {
		const uint32_t *row = (const uint32_t *)(const void *)(bytes + (size_t)y * stride);
		for (int64_t x = 0; x < grid->width; x++) {
			uint32_t rgb = row[x] & 0xffffff;
			if ((rgb >> 8) != (rgb & 0xffff))
				return 32;
			if (rgb != 0 && rgb != 0xffffff)
				depth = 8;
		}
	}
	return depth;
}

static void pack_row(const uint32_t *row, int64_t width, int depth, l_uint32 *line)
{
	for (int x = 0; x < width; x++)
		if (depth == 32)
			line[x] = row[x] << 8;
		else if (depth == 8)
			SET_DATA_BYTE(line, x, row[x] & 0xff);
		else if (!(row[x] & 1))
			SET_DATA_BIT(line, x); /* in 1 bit, 1 is black */
}

static PIX *pack(cairo_surface_t *surface, const struct grid *grid, struct error *error)
{
	const unsigned char *bytes = cairo_image_surface_get_data(surface);
	size_t stride = (size_t)cairo_image_surface_get_stride(surface);
	int depth = depth_needed(bytes, grid, stride);
	PIX *pix = pixCreate((l_int32)grid->width, (l_int32)grid->height, depth);
	if (!pix) {
		error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a page of %" PRId64 " x %" PRId64 " pixels",
			  grid->width, grid->height);
		return NULL;
	}
	l_int32 words = pixGetWpl(pix);
	for (int64_t y = 0; y < grid->height; y++)
		pack_row((const uint32_t *)(const void *)(bytes + (size_t)y * stride), grid->width, depth,
			 pixGetData(pix) + y * words);
	pixSetResolution(pix, (l_int32)lround(grid->scale_x * POINTS_PER_INCH),
			 (l_int32)lround(grid->scale_y * POINTS_PER_INCH));
	return pix;
}

struct Pix *pdf_page(struct pdf *pdf, int32_t number, int32_t dpi, int64_t most_pixels, struct error *error)
{
	struct grid grid;
	PIX *pix = NULL;
	PopplerPage *page = poppler_document_get_page(pdf->document, number - 1);
	if (!page) {
		error_set(error, ERROR_CORRUPT_DOCUMENT, "page %" PRId32 " of the PDF cannot be read", number);
		return NULL;
	}
	if (choose_grid(page, dpi, most_pixels, &grid, error)) {
		cairo_surface_t *surface = draw(page, &grid, error);
		if (surface)
			pix = pack(surface, &grid, error);
		cairo_surface_destroy(surface);
	}
	g_object_unref(page);
	return pix;
}
