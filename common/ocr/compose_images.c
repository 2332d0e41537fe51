/*
 * A PDF of images, written from its first byte to its last: what is an object's place is known when it is written, and
 * the table of places comes at the end (PDF 32000-1, 7.5). Objects: the catalogue, the pages' root, the document's
 * information, six of the font, then three for each page.
 */
#include "common/ocr/compose.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "common/base/buffer.h"
#include "common/base/sha256.h"
#include "common/base/version.h"
#include "common/ocr/compose_image.h"
#include "common/ocr/decode.h"
#include "common/ocr/glyphless_font.h"

#define POINTS_PER_INCH 72.0
#define FALLBACK_DPI 96 /* of pages that nobody knows better of */
#define LONGEST_SIDE 14400 /* in default units; the specification's annex C */

enum object {
	OBJECT_CATALOGUE = 1,
	OBJECT_PAGES,
	OBJECT_INFORMATION,
	OBJECT_FONT,
	OBJECT_CID_FONT,
	OBJECT_DESCRIPTOR,
	OBJECT_PROGRAM,
	OBJECT_MAP,
	OBJECT_UNICODE,
	OBJECT_FIRST_PAGE /* the page, what it draws, its image */
};
#define OBJECTS_A_PAGE 3

struct output {
	const struct compose_sink *sink;
	int64_t written; /* bytes */
	int64_t *places; /* of objects, by number */
	size_t count; /* of objects, with 0 */
	struct error *error;
	bool failed;
};

static void put(struct output *output, const void *bytes, size_t length)
{
	output->failed = output->failed || !output->sink->write(output->sink->context, bytes, length, output->error);
	output->written += (int64_t)length;
}

static __attribute__((format(printf, 2, 3))) void put_text(struct output *output, const char *format, ...)
{
	char *line = NULL;
	va_list arguments;
	va_start(arguments, format);
	int length = vasprintf(&line, format, arguments);
	va_end(arguments);
	if (length < 0)
		output->failed = !error_set(output->error, ERROR_OUT_OF_MEMORY, "no memory for a PDF");
	else
		put(output, line, (size_t)length);
	free(length < 0 ? NULL : line);
}

static void begin_object(struct output *output, size_t number)
{
	output->places[number] = output->written;
	put_text(output, "%zu 0 obj\n", number);
}

/* A stream object as it is, with the entries of its dictionary. */
static void put_stream(struct output *output, size_t number, const char *entries, const void *bytes, size_t length)
{
	begin_object(output, number);
	put_text(output, "<<%s/Length %zu>>\nstream\n", entries, length);
	put(output, bytes, length);
	put_text(output, "\nendstream\nendobj\n");
}

/* The same, packed by Flate. */
static void put_packed(struct output *output, size_t number, const char *entries, const struct buffer *data)
{
	uLongf length = compressBound((uLong)data->length);
	Bytef *packed = data->failed ? NULL : malloc(length);
	struct buffer all = { 0 };
	if (packed && compress2(packed, &length, (const Bytef *)data->data, (uLong)data->length, 6) == Z_OK) {
		buffer_printf(&all, "%s/Filter/FlateDecode", entries);
		put_stream(output, number, all.data ? all.data : "", packed, length);
	} else {
		output->failed = !error_set(output->error, ERROR_OUT_OF_MEMORY, "no memory for a PDF");
	}
	buffer_free(&all);
	free(packed);
}

static void put_font(struct output *output, const struct compose_request *request)
{
	struct buffer program = { 0 }, map = { 0 }, unicode = { 0 };
	char entries[64];
	glyphless_font_program(&program);
	glyphless_font_map(request->character_count, &map);
	buffer_append(&unicode, request->unicode, request->unicode_length);
	begin_object(output, OBJECT_FONT);
	put_text(output, "<<" GLYPHLESS_TYPE0 "/DescendantFonts[%d 0 R]/ToUnicode %d 0 R>>\nendobj\n", OBJECT_CID_FONT,
		 OBJECT_UNICODE);
	begin_object(output, OBJECT_CID_FONT);
	put_text(output, "<<" GLYPHLESS_CID "/FontDescriptor %d 0 R/CIDToGIDMap %d 0 R>>\nendobj\n", OBJECT_DESCRIPTOR,
		 OBJECT_MAP);
	begin_object(output, OBJECT_DESCRIPTOR);
	put_text(output, "<<" GLYPHLESS_DESCRIPTOR "/FontFile2 %d 0 R>>\nendobj\n", OBJECT_PROGRAM);
	(void)snprintf(entries, sizeof entries, "/Length1 %zu", program.length);
	put_packed(output, OBJECT_PROGRAM, entries, &program);
	put_packed(output, OBJECT_MAP, "", &map);
	put_packed(output, OBJECT_UNICODE, "", &unicode);
	buffer_free(&program);
	buffer_free(&map);
	buffer_free(&unicode);
}

/* A page's sides in points, and how many points a unit is when they are too long for a page. */
static void page_sides(const struct compose_page *page, double shape, double sides[2], double *unit)
{
	double dpi = page->dpi > 0 ? page->dpi : FALLBACK_DPI;
	sides[0] = page->width * POINTS_PER_INCH / dpi;
	sides[1] = page->height * POINTS_PER_INCH / dpi * shape;
	*unit = ceil(fmax(fmax(sides[0], sides[1]) / LONGEST_SIDE, 1));
	sides[0] /= *unit;
	sides[1] /= *unit;
}

/* Draws the image over the whole page, turned and mirrored from how it is stored (PDF 32000-1, 8.9.5: a unit square). */
static void append_image(const double sides[2], int orientation, struct buffer *content)
{
	static const signed char unit[8][6] = { /* what of the sides is in a matrix */
		{ 1, 0, 0, 1, 0, 0 },  { -1, 0, 0, 1, 1, 0 },  { -1, 0, 0, -1, 1, 1 }, { 1, 0, 0, -1, 0, 1 },
		{ 0, -1, -1, 0, 1, 1 }, { 0, -1, 1, 0, 0, 1 }, { 0, 1, 1, 0, 0, 0 },   { 0, 1, -1, 0, 1, 0 },
	};
	const signed char *of = unit[orientation - 1];
	buffer_printf(content, "q %.4f %.4f %.4f %.4f %.4f %.4f cm /I Do Q\n", of[0] * sides[0], of[1] * sides[1],
		      of[2] * sides[0], of[3] * sides[1], of[4] * sides[0], of[5] * sides[1]);
}

static void put_page(struct output *output, const struct compose_page *page, size_t number,
		     const struct compose_image *image)
{
	double sides[2], unit;
	struct buffer content = { 0 }, entries = { 0 };
	page_sides(page, image->shape, sides, &unit);
	begin_object(output, number);
	put_text(output, "<</Type/Page/Parent %d 0 R/MediaBox[0 0 %.4f %.4f]", OBJECT_PAGES, sides[0], sides[1]);
	if (unit > 1)
		put_text(output, "/UserUnit %.0f", unit);
	put_text(output, "/Resources<</Font<</F %d 0 R>>/XObject<</I %zu 0 R>>>>/Contents %zu 0 R>>\nendobj\n", OBJECT_FONT,
		 number + 2, number + 1);
	if (page->text_length) {
		buffer_printf(&content, "q %.7g 0 0 %.7g 0 %.4f cm BT /F 1 Tf 3 Tr\n", sides[0] / page->width,
			      -sides[1] / page->height, sides[1]);
		buffer_append(&content, page->text, page->text_length);
		buffer_append_string(&content, "ET Q\n");
	}
	append_image(sides, image->orientation, &content);
	put_packed(output, number + 1, "", &content);
	buffer_append_string(&entries, "/Type/XObject/Subtype/Image");
	buffer_append(&entries, image->entries.data, image->entries.length);
	if (entries.failed)
		output->failed = !error_set(output->error, ERROR_OUT_OF_MEMORY, "no memory for a PDF");
	else
		put_stream(output, number + 2, entries.data, image->bytes, image->length);
	buffer_free(&content);
	buffer_free(&entries);
}

static void put_start(struct output *output, size_t page_count)
{
	put_text(output, "%%PDF-1.5\n%%\xe2\xe3\xcf\xd3\n");
	begin_object(output, OBJECT_CATALOGUE);
	put_text(output, "<</Type/Catalog/Pages %d 0 R>>\nendobj\n", OBJECT_PAGES);
	begin_object(output, OBJECT_PAGES);
	put_text(output, "<</Type/Pages/Count %zu/Kids[", page_count);
	for (size_t index = 0; index < page_count; index++)
		put_text(output, "%zu 0 R\n", OBJECT_FIRST_PAGE + index * OBJECTS_A_PAGE);
	put_text(output, "]>>\nendobj\n");
	begin_object(output, OBJECT_INFORMATION);
	put_text(output, "<</Producer(FiLot " FILOT_VERSION ")>>\nendobj\n");
}

/* The table of places and the trailer. The file's identifier comes from the document, so that it is the same each time. */
static void put_end(struct output *output, const struct compose_request *request)
{
	char sum[SHA256_HEX_SIZE] = "";
	int64_t place = output->written;
	(void)sha256_of(request->bytes, request->length, sum);
	put_text(output, "xref\n0 %zu\n0000000000 65535 f \n", output->count);
	for (size_t number = 1; number < output->count; number++)
		put_text(output, "%010" PRId64 " 00000 n \n", output->places[number]);
	put_text(output, "trailer\n<</Size %zu/Root %d 0 R/Info %d 0 R/ID[<%.32s><%.32s>]>>\nstartxref\n%" PRId64 "\n%%%%EOF\n",
		 output->count, OBJECT_CATALOGUE, OBJECT_INFORMATION, sum, sum, place);
}

static bool put_pages(struct output *output, const struct compose_request *request, int32_t *page)
{
	struct image *document = image_open(request->media, request->bytes, request->length, output->error);
	bool done = document != NULL;
	for (size_t index = 0; done && index < request->page_count; index++) {
		struct compose_image image;
		*page = request->pages[index].number;
		done = *page <= image_page_count(document) ||
		       error_set(output->error, ERROR_CORRUPT_DOCUMENT, "there is no such page");
		if (!done)
			break;
		done = compose_image_make(document, request->media, request->bytes, request->length, *page,
					  request->most_pixels, &image, output->error);
		if (done)
			put_page(output, &request->pages[index], OBJECT_FIRST_PAGE + index * OBJECTS_A_PAGE, &image);
		compose_image_free(&image);
		done = done && !output->failed;
	}
	image_close(document);
	if (done)
		*page = 0;
	return done;
}

bool compose_images(const struct compose_request *request, const struct compose_sink *sink, int32_t *page,
		    struct error *error)
{
	struct output output = { .sink = sink, .error = error };
	output.count = OBJECT_FIRST_PAGE + request->page_count * OBJECTS_A_PAGE;
	output.places = calloc(output.count, sizeof *output.places);
	if (!output.places)
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a PDF");
	put_start(&output, request->page_count);
	put_font(&output, request);
	bool done = put_pages(&output, request, page);
	if (done)
		put_end(&output, request);
	free(output.places);
	return done && !output.failed;
}

bool compose(const struct compose_request *request, const struct compose_sink *sink, int32_t *page, struct error *error)
{
	*page = 0;
	return request->media == MEDIA_PDF ? compose_pdf(request, sink, page, error) :
					     compose_images(request, sink, page, error);
}
