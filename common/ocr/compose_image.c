/*
 * Headers are read here, in bounds, as far as a PDF must repeat what they say. Whatever is unusual in one makes the image
 * take the long way, by Leptonica's decoders, so that what a viewer shows is what was read.
 */
#include "common/ocr/compose_image.h"

#include <leptonica/allheaders.h>
#include <stdlib.h>
#include <string.h>
#include <tiffio.h>

#include "common/ocr/decode.h"
#include "common/ocr/exif.h"

#define PNG_SIGNATURE "\x89PNG\r\n\x1a\n"
#define PNG_CHUNK_BYTES 12 /* beside its data: length, name, checksum */
#define PNG_HEADER_BYTES 13
#define PNG_MOST_COLOURS 256
#define JP2_SIGNATURE "\0\0\0\x0cjP  \r\n\x87\n"

static uint32_t big_endian(const unsigned char *bytes, int count)
{
	uint32_t value = 0;
	while (count-- > 0)
		value = value << 8 | *bytes++;
	return value;
}

/* ---- JPEG (ITU-T T.81, annex B) ---- */

struct jpeg_header {
	uint32_t width, height, components;
	bool adobe; /* whose CMYK is inverted */
};

/* Up to its frame header; false when there is none of a kind that PDF has. */
static bool read_jpeg(const unsigned char *bytes, size_t length, struct jpeg_header *header)
{
	*header = (struct jpeg_header){ 0 };
	for (size_t at = 2; length - at >= 4;) {
		if (bytes[at] != 0xff)
			return false;
		unsigned marker = bytes[at + 1];
		if (marker == 0xff || marker == 0x01 || (marker >= 0xd0 && marker <= 0xd7)) {
			at += marker == 0xff ? 1 : 2; /* a fill byte, or a marker without a segment */
			continue;
		}
		size_t size = big_endian(bytes + at + 2, 2);
		if (size < 2 || size > length - at - 2 || marker == 0xda || marker == 0xd9)
			return false;
		if (marker == 0xee && size >= 14 && !memcmp(bytes + at + 4, "Adobe", 5))
			header->adobe = true;
		if (marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc) {
			if (marker > 0xc2 || size < 8 || bytes[at + 4] != 8)
				return false;
			header->height = big_endian(bytes + at + 5, 2);
			header->width = big_endian(bytes + at + 7, 2);
			header->components = bytes[at + 9];
			return header->width && header->height;
		}
		at += 2 + size;
	}
	return false;
}

static bool embed_jpeg(const unsigned char *bytes, size_t length, struct compose_image *image)
{
	struct jpeg_header header;
	if (length < 4 || !read_jpeg(bytes, length, &header) ||
	    (header.components != 1 && header.components != 3 && header.components != 4))
		return false;
	buffer_printf(&image->entries, "/Width %u/Height %u/BitsPerComponent 8/ColorSpace/Device%s/Filter/DCTDecode%s",
		      header.width, header.height,
		      header.components == 1 ? "Gray" : header.components == 3 ? "RGB" : "CMYK",
		      header.components == 4 && header.adobe ? "/Decode[1 0 1 0 1 0 1 0]" : "");
	image->bytes = bytes;
	image->length = length;
	return true;
}

/* ---- JPEG 2000: its own file says all but the size ---- */

static bool embed_jp2(const unsigned char *bytes, size_t length, struct compose_image *image)
{
	l_int32 width = 0, height = 0;
	if (length < sizeof JP2_SIGNATURE - 1 || memcmp(bytes, JP2_SIGNATURE, sizeof JP2_SIGNATURE - 1) != 0 ||
	    pixReadHeaderMem(bytes, length, NULL, &width, &height, NULL, NULL, NULL) != 0)
		return false;
	buffer_printf(&image->entries, "/Width %d/Height %d/Filter/JPXDecode", width, height);
	image->bytes = bytes;
	image->length = length;
	return true;
}

/* ---- PNG (ISO/IEC 15948): its data is what PDF's Flate filter with PNG's predictors takes ---- */

struct png_chunk {
	const unsigned char *data;
	size_t length;
	const char *name;
};

/* The chunk at *at, which is moved behind it; false at the end. */
static bool next_chunk(const unsigned char *bytes, size_t length, size_t *at, struct png_chunk *chunk)
{
	if (length - *at < PNG_CHUNK_BYTES)
		return false;
	*chunk = (struct png_chunk){ bytes + *at + 8, big_endian(bytes + *at, 4), (const char *)bytes + *at + 4 };
	if (chunk->length > length - *at - PNG_CHUNK_BYTES)
		return false;
	*at += PNG_CHUNK_BYTES + chunk->length;
	return true;
}

static bool is_chunk(const struct png_chunk *chunk, const char *name)
{
	return !memcmp(chunk->name, name, 4);
}

static void append_png_entries(const unsigned char *header, const struct png_chunk *palette, struct buffer *entries)
{
	uint32_t width = big_endian(header, 4), height = big_endian(header + 4, 4);
	unsigned bits = header[8], colour = header[9];
	buffer_printf(entries, "/Width %u/Height %u/BitsPerComponent %u/ColorSpace", width, height, bits);
	if (colour == 3) {
		buffer_printf(entries, "[/Indexed/DeviceRGB %zu<", palette->length / 3 - 1);
		for (size_t index = 0; index < palette->length; index++)
			buffer_printf(entries, "%02x", palette->data[index]);
		buffer_append_string(entries, ">]");
	} else {
		buffer_append_string(entries, colour == 2 ? "/DeviceRGB" : "/DeviceGray");
	}
	buffer_printf(entries, "/Filter/FlateDecode/DecodeParms<</Predictor 15/Colors %d/BitsPerComponent %u/Columns %u>>",
		      colour == 2 ? 3 : 1, bits, width);
}

static bool embed_png(const unsigned char *bytes, size_t length, struct compose_image *image)
{
	size_t at = sizeof PNG_SIGNATURE - 1;
	struct png_chunk header, palette = { 0 }, chunk;
	if (length < at || memcmp(bytes, PNG_SIGNATURE, at) != 0 || !next_chunk(bytes, length, &at, &header) ||
	    !is_chunk(&header, "IHDR") || header.length != PNG_HEADER_BYTES)
		return false;
	unsigned colour = header.data[9];
	bool interlaced = header.data[12] != 0;
	if (interlaced || (colour != 0 && colour != 2 && colour != 3))
		return false;
	while (next_chunk(bytes, length, &at, &chunk) && !is_chunk(&chunk, "IEND")) {
		if (is_chunk(&chunk, "tRNS"))
			return false;
		if (is_chunk(&chunk, "PLTE"))
			palette = chunk;
		if (is_chunk(&chunk, "IDAT"))
			buffer_append(&image->own, chunk.data, chunk.length);
	}
	if (!image->own.length ||
	    (colour == 3 && (palette.length < 3 || palette.length % 3 || palette.length > PNG_MOST_COLOURS * 3)))
		return false;
	append_png_entries(header.data, &palette, &image->entries);
	image->bytes = image->own.data;
	image->length = image->own.length;
	return true;
}

/* ---- TIFF ---- */

struct memory_file {
	const unsigned char *bytes;
	toff_t length, at;
};

static tmsize_t memory_read(thandle_t handle, void *to, tmsize_t size)
{
	struct memory_file *file = handle;
	if (file->at >= file->length || size < 0)
		return 0;
	if ((toff_t)size > file->length - file->at)
		size = (tmsize_t)(file->length - file->at);
	memcpy(to, file->bytes + file->at, (size_t)size);
	file->at += (toff_t)size;
	return size;
}

static tmsize_t memory_write(thandle_t handle, void *from, tmsize_t size)
{
	(void)handle;
	(void)from;
	(void)size;
	return -1;
}

static toff_t memory_seek(thandle_t handle, toff_t offset, int whence)
{
	struct memory_file *file = handle;
	file->at = offset + (whence == SEEK_CUR ? file->at : whence == SEEK_END ? file->length : 0);
	return file->at;
}

static int memory_close(thandle_t handle)
{
	(void)handle;
	return 0;
}

static toff_t memory_size(thandle_t handle)
{
	const struct memory_file *file = handle;
	return file->length;
}

/* Resolutions that differ, as a fax has them, make pixels that are not square. */
static double pixel_shape(TIFF *tiff)
{
	float across = 0, down = 0;
	if (!TIFFGetField(tiff, TIFFTAG_XRESOLUTION, &across) || !TIFFGetField(tiff, TIFFTAG_YRESOLUTION, &down) ||
	    !(across > 0 && down > 0 && across < down * 4 && down < across * 4))
		return 1;
	return (double)across / (double)down;
}

/* One strip of group 4 whose pixels lie as they are read. */
static bool embed_strip(TIFF *tiff, struct compose_image *image)
{
	uint32_t width = 0, height = 0;
	uint16_t coding = 0, bits = 0, samples = 0, photometric = 0, orientation = 0, order = 0;
	(void)TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &width);
	(void)TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &height);
	(void)TIFFGetField(tiff, TIFFTAG_PHOTOMETRIC, &photometric);
	(void)TIFFGetFieldDefaulted(tiff, TIFFTAG_COMPRESSION, &coding);
	(void)TIFFGetFieldDefaulted(tiff, TIFFTAG_BITSPERSAMPLE, &bits);
	(void)TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLESPERPIXEL, &samples);
	(void)TIFFGetFieldDefaulted(tiff, TIFFTAG_ORIENTATION, &orientation);
	(void)TIFFGetFieldDefaulted(tiff, TIFFTAG_FILLORDER, &order);
	if (coding != COMPRESSION_CCITTFAX4 || bits != 1 || samples != 1 || orientation != ORIENTATION_TOPLEFT ||
	    photometric > PHOTOMETRIC_MINISBLACK || TIFFIsTiled(tiff) || TIFFNumberOfStrips(tiff) != 1 || !width || !height)
		return false;
	uint64_t size = TIFFRawStripSize64(tiff, 0);
	char *room = size && size < INT32_MAX ? buffer_reserve(&image->own, (size_t)size) : NULL;
	tmsize_t got = room ? TIFFReadRawStrip(tiff, 0, room, (tmsize_t)size) : -1;
	if (got <= 0 || (uint64_t)got > size)
		return false;
	buffer_added(&image->own, (size_t)got);
	if (order == FILLORDER_LSB2MSB)
		TIFFReverseBits((uint8_t *)image->own.data, got);
	buffer_printf(&image->entries,
		      "/Width %u/Height %u/BitsPerComponent 1/ColorSpace/DeviceGray/Filter/CCITTFaxDecode"
		      "/DecodeParms<</K -1/Columns %u/Rows %u/BlackIs1 %s>>",
		      width, height, width, height, photometric == PHOTOMETRIC_MINISBLACK ? "true" : "false");
	image->bytes = image->own.data;
	image->length = image->own.length;
	return true;
}

static bool embed_tiff(const unsigned char *bytes, size_t length, int32_t number, struct compose_image *image)
{
	struct memory_file file = { bytes, length, 0 };
	TIFF *tiff = TIFFClientOpen("page", "rm", &file, memory_read, memory_write, memory_seek, memory_close, memory_size,
				    NULL, NULL);
	bool embedded = false;
	if (tiff && TIFFSetDirectory(tiff, (tdir_t)(number - 1))) {
		image->shape = pixel_shape(tiff);
		embedded = embed_strip(tiff, image);
	}
	if (tiff)
		TIFFClose(tiff);
	return embedded;
}

/* ---- all others ---- */

static bool embed_pixels(PIX *pixels, struct compose_image *image)
{
	l_uint8 *bytes = NULL;
	size_t length = 0;
	bool two_colours = pixGetDepth(pixels) == 1 && !pixGetColormap(pixels);
	double shape = image->shape;
	buffer_clear(&image->entries);
	buffer_clear(&image->own);
	bool done = two_colours ? pixWriteMemTiff(&bytes, &length, pixels, IFF_TIFF_G4) == 0 &&
					  embed_tiff(bytes, length, 1, image) :
				  pixWriteMemPng(&bytes, &length, pixels, 0) == 0 && embed_png(bytes, length, image);
	lept_free(bytes);
	image->shape = shape;
	return done;
}

/* Pixels as they were read; what is transparent is white, as the page is. */
static bool embed_decoded(const struct image *document, int32_t number, int64_t most_pixels, struct compose_image *image,
			  struct error *error)
{
	PIX *pixels = image_page(document, number, most_pixels, error);
	if (!pixels)
		return false;
	PIX *opaque = pixGetDepth(pixels) == 32 && pixGetSpp(pixels) == 4 ? pixRemoveAlpha(pixels) : pixClone(pixels);
	if (opaque && pixGetDepth(opaque) == 32)
		(void)pixSetSpp(opaque, 3);
	bool done = opaque && embed_pixels(opaque, image);
	pixDestroy(&opaque);
	pixDestroy(&pixels);
	return done || error_set(error, ERROR_OUT_OF_MEMORY, "no memory for the image of a page");
}

static bool embed_as_it_is(enum media media, const void *bytes, size_t length, int32_t number, struct compose_image *image)
{
	switch (media) {
	case MEDIA_JPEG:
		return embed_jpeg(bytes, length, image);
	case MEDIA_JP2:
		return embed_jp2(bytes, length, image);
	case MEDIA_PNG:
		return embed_png(bytes, length, image);
	case MEDIA_TIFF:
		return embed_tiff(bytes, length, number, image);
	default:
		return false;
	}
}

bool compose_image_make(const struct image *document, enum media media, const void *bytes, size_t length, int32_t number,
			int64_t most_pixels, struct compose_image *image, struct error *error)
{
	*image = (struct compose_image){ .orientation = 1, .shape = 1 };
	if (embed_as_it_is(media, bytes, length, number, image))
		image->orientation = exif_orientation(media, bytes, length);
	else if (!embed_decoded(document, number, most_pixels, image, error)) /* which turns it */
		return false;
	return (!image->own.failed && !image->entries.failed) ||
	       error_set(error, ERROR_OUT_OF_MEMORY, "no memory for the image of a page");
}

void compose_image_free(struct compose_image *image)
{
	buffer_free(&image->entries);
	buffer_free(&image->own);
	*image = (struct compose_image){ 0 };
}
