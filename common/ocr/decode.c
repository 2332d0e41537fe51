/*
 * Image decoding. The allow-list is a table of magic bytes; what is not on it is named as well as its first bytes allow,
 * because "unsupported_format" alone helps nobody. Sizes come from Leptonica's header readers, except for BMP and GIF,
 * for which those decode all pixels: their few header bytes are read here.
 */
#include "common/ocr/decode.h"

#include <errno.h>
#include <inttypes.h>
#include <leptonica/allheaders.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PDF_HEADER_WITHIN 1024 /* a PDF may have this many bytes before "%PDF-" (PDF 32000-1, annex H.3.4.1) */
#define TEXT_SAMPLE_BYTES 512

const char *const media_names[MEDIA_COUNT] = { "PNG", "JPEG", "TIFF", "WebP", "BMP", "GIF", "JPEG 2000", "PNM", "PDF" };

struct magic {
	const char *bytes;
	size_t length;
	size_t offset;
};

#define MAGIC(text, at) { (text), sizeof(text) - 1, (at) }

static const struct {
	enum media media;
	struct magic magic[2]; /* all that have a length must match */
} media_magic[] = {
	{ MEDIA_PNG, { MAGIC("\x89PNG\r\n\x1a\n", 0) } },
	{ MEDIA_JPEG, { MAGIC("\xff\xd8\xff", 0) } },
	{ MEDIA_TIFF, { MAGIC("II*\0", 0) } },
	{ MEDIA_TIFF, { MAGIC("MM\0*", 0) } },
	{ MEDIA_TIFF, { MAGIC("II+\0", 0) } }, /* BigTIFF */
	{ MEDIA_TIFF, { MAGIC("MM\0+", 0) } },
	{ MEDIA_WEBP, { MAGIC("RIFF", 0), MAGIC("WEBP", 8) } },
	{ MEDIA_BMP, { MAGIC("BM", 0) } },
	{ MEDIA_GIF, { MAGIC("GIF87a", 0) } },
	{ MEDIA_GIF, { MAGIC("GIF89a", 0) } },
	{ MEDIA_JP2, { MAGIC("\0\0\0\x0cjP  \r\n\x87\n", 0) } },
	{ MEDIA_JP2, { MAGIC("\xff\x4f\xff\x51", 0) } },
};

static const struct {
	struct magic magic;
	const char *name;
} other_magic[] = {
	{ MAGIC("#!", 0), "a shell script" },
	{ MAGIC("%!PS", 0), "PostScript" },
	{ MAGIC("PK\x03\x04", 0), "a ZIP archive or an office document" },
	{ MAGIC("\xd0\xcf\x11\xe0", 0), "an old office document" },
	{ MAGIC("{\\rtf", 0), "RTF text" },
	{ MAGIC("\x7f" "ELF", 0), "a program" },
	{ MAGIC("MZ", 0), "a program" },
	{ MAGIC("\x1f\x8b", 0), "gzip data" },
	{ MAGIC("BZh", 0), "bzip2 data" },
	{ MAGIC("\xfd" "7zXZ", 0), "xz data" },
	{ MAGIC("\x28\xb5\x2f\xfd", 0), "zstd data" },
	{ MAGIC("7z\xbc\xaf", 0), "a 7z archive" },
	{ MAGIC("Rar!", 0), "a RAR archive" },
	{ MAGIC("AT&TFORM", 0), "DjVu" },
	{ MAGIC("ftypavif", 4), "AVIF" },
	{ MAGIC("ftyphei", 4), "HEIF" },
	{ MAGIC("ftypmif1", 4), "HEIF" },
	{ MAGIC("ftyp", 4), "a film" },
	{ MAGIC("\xff\x0a", 0), "JPEG XL" },
	{ MAGIC("\0\0\0\x0cJXL ", 0), "JPEG XL" },
	{ MAGIC("\0\0\x01\0", 0), "an icon" },
	{ MAGIC("8BPS", 0), "a Photoshop document" },
	{ MAGIC("<svg", 0), "SVG" },
	{ MAGIC("<?xml", 0), "XML" },
	{ MAGIC("<!DOCTYPE", 0), "HTML" },
	{ MAGIC("<html", 0), "HTML" },
};

static bool magic_matches(const struct magic *magic, const unsigned char *bytes, size_t length)
{
	return magic->length == 0 || (magic->offset + magic->length <= length &&
				      !memcmp(bytes + magic->offset, magic->bytes, magic->length));
}

/* "P1" to "P7" with white space after it: text files begin with two such characters less often. */
static bool is_pnm(const unsigned char *bytes, size_t length)
{
	return length > 2 && bytes[0] == 'P' && bytes[1] >= '1' && bytes[1] <= '7' &&
	       (strchr(" \t\r\n", bytes[2]) || bytes[2] == '#') && bytes[2];
}

static bool is_text(const unsigned char *bytes, size_t length)
{
	for (size_t i = 0; i < length && i < TEXT_SAMPLE_BYTES; i++)
		if (bytes[i] == 127 || (bytes[i] < ' ' && !memchr("\t\n\r\f\x1b", bytes[i], 5)))
			return false;
	return true;
}

static bool refuse(const unsigned char *bytes, size_t length, struct error *error)
{
	const char *name = is_text(bytes, length) ? "text" : "data of an unknown kind";
	for (size_t i = sizeof other_magic / sizeof *other_magic; i-- > 0;)
		if (magic_matches(&other_magic[i].magic, bytes, length))
			name = other_magic[i].name;
	return error_set(error, ERROR_UNSUPPORTED_FORMAT,
			 "this is %s; PDF, PNG, JPEG, TIFF, WebP, BMP, GIF, JPEG 2000 and PNM are read", name);
}

bool media_find(const void *bytes, size_t length, enum media *media, struct error *error)
{
	const unsigned char *first = bytes;
	if (length == 0)
		return error_set(error, ERROR_EMPTY_DOCUMENT, "the document has no bytes");
	for (size_t i = 0; i < sizeof media_magic / sizeof *media_magic; i++)
		if (magic_matches(&media_magic[i].magic[0], first, length) &&
		    magic_matches(&media_magic[i].magic[1], first, length)) {
			*media = media_magic[i].media;
			return true;
		}
	if (is_pnm(first, length)) {
		*media = MEDIA_PNM;
		return true;
	}
	if (memmem(first, length < PDF_HEADER_WITHIN ? length : PDF_HEADER_WITHIN, "%PDF-", 5)) {
		*media = MEDIA_PDF;
		return true;
	}
	return refuse(first, length, error);
}

struct image {
	enum media media;
	const unsigned char *bytes;
	size_t length;
	int32_t page_count;
};

bool decode_page_fits(int64_t width, int64_t height, int64_t most_pixels, struct error *error)
{
	if (width <= most_pixels / height)
		return true;
	return error_set(error, ERROR_PAGE_TOO_LARGE,
			 "the page is %" PRId64 " x %" PRId64 " pixels, more than %" PRId64 " in all", width, height,
			 most_pixels);
}

static bool tiff_count(struct image *image, struct error *error)
{
	FILE *stream = fmemopen((void *)(uintptr_t)image->bytes, image->length, "rb");
	if (!stream)
		return error_set(error, ERROR_OUT_OF_MEMORY, "cannot open the document in memory: %s", strerror(errno));
	l_int32 count = 0;
	bool counted = tiffGetCount(stream, &count) == 0;
	(void)fclose(stream);
	if (!counted || count < 1)
		return error_set(error, ERROR_CORRUPT_DOCUMENT, "the TIFF's directory cannot be read");
	image->page_count = count;
	return true;
}

struct image *image_open(enum media media, const void *bytes, size_t length, struct error *error)
{
	struct image *image = calloc(1, sizeof *image);
	if (!image) {
		error_set(error, ERROR_OUT_OF_MEMORY, "no memory");
		return NULL;
	}
	*image = (struct image){ media, bytes, length, 1 };
	if (media == MEDIA_TIFF && !tiff_count(image, error)) {
		free(image);
		return NULL;
	}
	return image;
}

void image_close(struct image *image)
{
	free(image);
}

int32_t image_page_count(const struct image *image)
{
	return image->page_count;
}

static int64_t little_endian(const unsigned char *bytes, int count)
{
	int64_t value = 0;
	while (count-- > 0)
		value = value << 8 | bytes[count];
	return value;
}

/*
 * Windows BMP: the header that follows the 14 bytes of the file's is 12 bytes (OS/2: 16-bit sizes) or longer (32-bit sizes,
 * a negative height is a picture from the top down). Source: Microsoft, "Bitmap Storage".
 */
static bool bmp_size(const unsigned char *bytes, size_t length, int64_t *width, int64_t *height)
{
	if (length < 26)
		return false;
	if (little_endian(bytes + 14, 4) == 12) {
		*width = little_endian(bytes + 18, 2);
		*height = little_endian(bytes + 20, 2);
		return true;
	}
	*width = (int32_t)little_endian(bytes + 18, 4);
	*height = (int32_t)little_endian(bytes + 22, 4);
	if (*height < 0)
		*height = -*height;
	return true;
}

/* Past the sub-blocks at `at`: a length byte and as many bytes, until a length of 0. */
static size_t gif_skip(const unsigned char *bytes, size_t length, size_t at)
{
	while (at < length && bytes[at] != 0)
		at += (size_t)bytes[at] + 1;
	return at + 1;
}

/* Bytes of the colour table that a packed field announces. */
static size_t gif_colours(unsigned char packed)
{
	return packed & 0x80 ? 3U << ((packed & 7) + 1) : 0;
}

/*
 * All frames of a GIF are unpacked to get the first, so the size that counts is that of the largest frame's sides and of
 * all frames' pixels together: given as width x height of one picture as wide as the widest. Source: GIF89a.
 */
static bool gif_size(const unsigned char *bytes, size_t length, int64_t *width, int64_t *height)
{
	size_t at = 13;
	if (length < at)
		return false;
	at += gif_colours(bytes[10]);
	int64_t widest = 0, pixels = 0;
	while (at < length && bytes[at] != ';') {
		if (bytes[at] == '!') {
			at = gif_skip(bytes, length, at + 2);
			continue;
		}
		if (bytes[at] != ',' || length - at < 11)
			break; /* cut: what came before counts */
		int64_t frame_width = little_endian(bytes + at + 5, 2), frame_height = little_endian(bytes + at + 7, 2);
		widest = frame_width > widest ? frame_width : widest;
		pixels += frame_width * frame_height;
		at = gif_skip(bytes, length, at + 11 + gif_colours(bytes[at + 9]));
	}
	if (widest == 0)
		return false;
	*width = widest;
	*height = (pixels + widest - 1) / widest;
	return true;
}

/* Size of a page by its header alone. */
static bool page_size(const struct image *image, int32_t number, int64_t *width, int64_t *height)
{
	l_int32 w = 0, h = 0;
	bool read;
	switch (image->media) {
	case MEDIA_BMP:
		read = bmp_size(image->bytes, image->length, width, height);
		break;
	case MEDIA_GIF:
		read = gif_size(image->bytes, image->length, width, height);
		break;
	case MEDIA_TIFF:
		read = !readHeaderMemTiff(image->bytes, image->length, number - 1, &w, &h, NULL, NULL, NULL, NULL, NULL);
		*width = w;
		*height = h;
		break;
	default:
		read = !pixReadHeaderMem(image->bytes, image->length, NULL, &w, &h, NULL, NULL, NULL);
		*width = w;
		*height = h;
		break;
	}
	return read && *width > 0 && *height > 0;
}

struct Pix *image_page(const struct image *image, int32_t number, int64_t most_pixels, struct error *error)
{
	int64_t width = 0, height = 0;
	const char *name = media_names[image->media];
	if (!page_size(image, number, &width, &height)) {
		error_set(error, ERROR_CORRUPT_DOCUMENT, "the %s header of page %" PRId32 " cannot be read", name, number);
		return NULL;
	}
	if (!decode_page_fits(width, height, most_pixels, error))
		return NULL;
	PIX *pix = image->media == MEDIA_TIFF ? pixReadMemTiff(image->bytes, image->length, number - 1)
					      : pixReadMem(image->bytes, image->length);
	if (!pix)
		error_set(error, ERROR_CORRUPT_DOCUMENT, "the %s data of page %" PRId32 " cannot be decoded", name, number);
	return pix;
}
