/*
 * PDF rendering. Cairo draws in 32-bit colour only, so a page is drawn so and then packed to the fewest bits that hold it.
 *
 * Poppler tells where images lie, but their sizes in pixels only by decoding them, so those come from the file's bytes
 * (pdf_sizes.h) where that is unambiguous. Drawing the page, and not taking the image, keeps what lies over it: stamps,
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

#include "common/base/sanitized.h"
#include "common/ocr/decode.h"
#include "common/ocr/pdf_grid.h"
#include "common/ocr/pdf_sizes.h"
#include "common/ocr/pdf_text.h"

#define SCAN_COVERS 0.9 /* of the page's area */
#define SCAN_LEAST_DPI 36.0 /* an image coarser than that is a background, not a scan */
#define SCAN_MOST_DPI 2400.0
#define CAIRO_LONGEST_SIDE 32767

struct pdf {
	PopplerDocument *document;
	int32_t page_count;
	struct pdf_sizes sizes;
};

#if SANITIZED
/* Fontconfig keeps its configuration until the process ends, Poppler one object of 24 bytes; neither grows. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libfontconfig.so\nleak:libpoppler.so\n";
}
#endif

/* True for an answer that another password might change. */
static bool is_locked(const GError *failure)
{
	return g_error_matches(failure, POPPLER_ERROR, POPPLER_ERROR_ENCRYPTED);
}

struct pdf *pdf_open(const void *bytes, size_t length, const char *password, struct error *error)
{
	GError *failure = NULL;
	GBytes *block = g_bytes_new_static(bytes, length);
	PopplerDocument *document = poppler_document_new_from_bytes(block, NULL, &failure);
	if (!document && password && is_locked(failure)) {
		/* By a stream: given bytes or a descriptor, Poppler's second try of a wrong password (in another encoding)
		   reads what its first try has freed (22.12). */
		GInputStream *stream = g_memory_input_stream_new_from_bytes(block);
		g_clear_error(&failure);
		document = poppler_document_new_from_stream(stream, (goffset)length, password, NULL, &failure);
		g_object_unref(stream);
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
	if (!pdf) {
		if (document)
			g_object_unref(document);
		return NULL;
	}
	pdf->document = document;
	pdf->page_count = poppler_document_get_n_pages(document);
	pdf_sizes_find(bytes, length, &pdf->sizes);
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

/*
 * An image on a page, as Poppler tells it: the page's point where the image's first pixel has its outer corner, and the
 * lengths of the image's own sides in points, rounded up to whole ones (CairoImageOutputDev: they are not those of a box on
 * the page when the page is turned).
 */
struct scan {
	int id;
	double corner_x, corner_y;
	double sides[2]; /* along the image's rows, along its columns */
};

/* How much of the page the image covers, 0 to 1, when its rows lie along the page's (or, turned, along its columns). */
static double coverage(const struct scan *scan, const double page[2], bool turned)
{
	return fmin(scan->sides[turned], page[0]) * fmin(scan->sides[!turned], page[1]) / (page[0] * page[1]);
}

/* The largest image of the page that covers enough of it; false when there is none. */
static bool find_scan(PopplerPage *page, const double page_points[2], struct scan *scan)
{
	double largest = 0;
	PopplerRectangle crop;
	poppler_page_get_crop_box(page, &crop);
	GList *images = poppler_page_get_image_mapping(page);
	for (const GList *at = images; at; at = at->next) {
		const PopplerImageMapping *image = at->data;
		/* Poppler takes the crop box's corner off twice. */
		const struct scan found = { image->image_id, image->area.x1 + crop.x1, image->area.y1 + crop.y1,
					    { image->area.x2 - image->area.x1, image->area.y2 - image->area.y1 } };
		double area = found.sides[0] * found.sides[1];
		if (area > largest && fmax(coverage(&found, page_points, false), coverage(&found, page_points, true)) >=
					      SCAN_COVERS) {
			largest = area;
			*scan = found;
		}
	}
	poppler_page_free_image_mapping(images);
	return largest > 0;
}

/*
 * The scale (pixels a point) at which an image of pixels[0] x pixels[1] has sides that round up to those given. Of the many
 * that do: the one that makes it as wide or high as the page, else one of a whole number of dpi. 0 when none does, which
 * is the case of images whose pixels are not square.
 */
static double square_scale(const double pixels[2], const struct scan *scan, const double page[2], bool turned)
{
	double least = fmax(pixels[0] / scan->sides[0], pixels[1] / scan->sides[1]);
	double most = fmin(pixels[0] / fmax(scan->sides[0] - 1, 1e-9), pixels[1] / fmax(scan->sides[1] - 1, 1e-9));
	const double wishes[] = { pixels[turned] / page[0], pixels[!turned] / page[1],
				  ceil(least * POINTS_PER_INCH - 1e-6) / POINTS_PER_INCH, least };
	for (size_t i = 0; i < sizeof wishes / sizeof *wishes; i++)
		if (wishes[i] >= least * (1 - 1e-9) && wishes[i] <= most)
			return wishes[i];
	return 0;
}

static bool is_scan_scale(double scale)
{
	return scale * POINTS_PER_INCH >= SCAN_LEAST_DPI && scale * POINTS_PER_INCH <= SCAN_MOST_DPI;
}

/*
 * The size in pixels of the image that is the scan: that of the file's images which alone would fit; else Poppler decodes
 * it, unless the file has one that is too large for that.
 */
static bool scan_size(const struct pdf *pdf, PopplerPage *page, const struct scan *scan, const double page_points[2],
		      bool turned, int64_t most_pixels, double pixels[2])
{
	int fitting = 0;
	bool safe = true;
	for (size_t i = 0; i < pdf->sizes.count; i++) {
		const double size[2] = { pdf->sizes.sizes[i].width, pdf->sizes.sizes[i].height };
		safe &= size[0] * size[1] <= (double)most_pixels;
		if (is_scan_scale(square_scale(size, scan, page_points, turned))) {
			memcpy(pixels, size, sizeof size);
			fitting++;
		}
	}
	if (pdf->sizes.complete && fitting == 1)
		return true;
	cairo_surface_t *surface = safe ? poppler_page_get_image(page, scan->id) : NULL;
	if (!surface)
		return false;
	pixels[0] = cairo_image_surface_get_width(surface);
	pixels[1] = cairo_image_surface_get_height(surface);
	cairo_surface_destroy(surface);
	return true;
}

/* Where the pixels of a scan fall; false when there is no telling, or they are too coarse or too fine for a scan. */
static bool scan_grid(const struct pdf *pdf, PopplerPage *page, const struct scan *scan, const double page_points[2],
		      int64_t most_pixels, struct pdf_grid *grid)
{
	double pixels[2];
	bool turned = coverage(scan, page_points, true) > coverage(scan, page_points, false);
	if (!scan_size(pdf, page, scan, page_points, turned, most_pixels, pixels))
		return false;
	double scale = square_scale(pixels, scan, page_points, turned);
	/* A fax of 204 x 98 dpi is drawn in its true shape, at its finer resolution. */
	if (scale <= 0)
		scale = fmax(pixels[0] / scan->sides[0], pixels[1] / scan->sides[1]);
	double left = scan->corner_x * scale, top = scan->corner_y * scale;
	*grid = (struct pdf_grid){ .scale = scale, .offset_x = round(left) - left, .offset_y = round(top) - top };
	return is_scan_scale(scale);
}

static bool fits(struct pdf_grid *grid, const double page_points[2], int64_t most_pixels, struct error *error)
{
	double width = fmax(round(page_points[0] * grid->scale), 1), height = fmax(round(page_points[1] * grid->scale), 1);
	if (!(width < 1e9 && height < 1e9))
		return error_set(error, ERROR_PAGE_TOO_LARGE, "the page is %.0f x %.0f points", page_points[0],
				 page_points[1]);
	grid->width = (int64_t)width;
	grid->height = (int64_t)height;
	if (grid->width > CAIRO_LONGEST_SIDE || grid->height > CAIRO_LONGEST_SIDE)
		return error_set(error, ERROR_PAGE_TOO_LARGE,
				 "the page is %" PRId64 " x %" PRId64 " pixels; no side may have more than %d", grid->width,
				 grid->height, CAIRO_LONGEST_SIDE);
	return decode_page_fits(grid->width, grid->height, most_pixels, error);
}

static bool choose_grid(const struct pdf *pdf, PopplerPage *page, int32_t dpi, int64_t most_pixels, struct pdf_grid *grid,
			struct error *error)
{
	double points[2] = { 0, 0 };
	struct scan scan = { 0 };
	poppler_page_get_size(page, &points[0], &points[1]);
	if (!(points[0] > 0 && points[1] > 0))
		return error_set(error, ERROR_CORRUPT_DOCUMENT, "a page of %.0f x %.0f points", points[0], points[1]);
	if (dpi == 0 && find_scan(page, points, &scan) && scan_grid(pdf, page, &scan, points, most_pixels, grid) &&
	    fits(grid, points, most_pixels, NULL))
		return true;
	*grid = (struct pdf_grid){ .scale = (dpi > 0 ? dpi : PDF_DEFAULT_DPI) / POINTS_PER_INCH };
	return fits(grid, points, most_pixels, error);
}

cairo_surface_t *pdf_grid_canvas(const struct pdf_grid *grid, cairo_t **cairo)
{
	cairo_surface_t *surface =
		cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)grid->width, (int)grid->height);
	*cairo = cairo_create(surface);
	cairo_set_source_rgb(*cairo, 1, 1, 1);
	cairo_paint(*cairo);
	cairo_translate(*cairo, grid->offset_x, grid->offset_y);
	cairo_scale(*cairo, grid->scale, grid->scale);
	return surface;
}

static cairo_surface_t *draw(PopplerPage *page, const struct pdf_grid *grid, struct error *error)
{
	cairo_t *cairo;
	cairo_surface_t *surface = pdf_grid_canvas(grid, &cairo);
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
static int depth_needed(const unsigned char *bytes, const struct pdf_grid *grid, size_t stride)
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

static PIX *pack(cairo_surface_t *surface, const struct pdf_grid *grid, struct error *error)
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
	l_int32 dpi = (l_int32)lround(grid->scale * POINTS_PER_INCH);
	pixSetResolution(pix, dpi, dpi);
	return pix;
}

struct Pix *pdf_page(struct pdf *pdf, int32_t number, int32_t dpi, int64_t most_pixels, struct error *error)
{
	return pdf_page_with_text(pdf, number, dpi, most_pixels, NULL, error);
}

struct Pix *pdf_page_with_text(struct pdf *pdf, int32_t number, int32_t dpi, int64_t most_pixels, struct page *text,
			       struct error *error)
{
	struct pdf_grid grid;
	PIX *pix = NULL;
	PopplerPage *page = poppler_document_get_page(pdf->document, number - 1);
	if (!page) {
		error_set(error, ERROR_CORRUPT_DOCUMENT, "page %" PRId32 " of the PDF cannot be read", number);
		return NULL;
	}
	if (choose_grid(pdf, page, dpi, most_pixels, &grid, error)) {
		cairo_surface_t *surface = draw(page, &grid, error);
		if (surface)
			pix = pack(surface, &grid, error);
		cairo_surface_destroy(surface);
	}
	if (pix && text && !pdf_text_read(page, &grid, pix, text, error))
		pixDestroy(&pix);
	g_object_unref(page);
	return pix;
}
