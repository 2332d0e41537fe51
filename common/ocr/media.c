/*
 * The allow-list of formats is a table of magic bytes; what is not on it is named as well as its first bytes allow, because
 * "unsupported_format" alone helps nobody.
 */
#include "common/ocr/media.h"

#include <string.h>

#define PDF_HEADER_WITHIN MEDIA_PREFIX_BYTES /* a PDF may have this many bytes before "%PDF-" (PDF 32000-1, annex H.3.4.1) */
#define TEXT_SAMPLE_BYTES 512

const char *const media_names[MEDIA_COUNT] = { "PNG", "JPEG", "TIFF", "WebP", "BMP", "GIF", "JPEG 2000", "PNM", "PDF" };

/* IANA's, and for PNM and WebP what everybody says (RFC 9649 for the latter). */
const char *const media_types[MEDIA_COUNT] = { "image/png", "image/jpeg", "image/tiff",
					       "image/webp", "image/bmp", "image/gif",
					       "image/jp2", "image/x-portable-anymap", "application/pdf" };

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
