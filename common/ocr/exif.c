/* Three containers, one TIFF structure in them; whatever does not fit its bounds counts as not there. */
#include "common/ocr/exif.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define ORIENTATION 0x0112
#define SHORT 3
#define ENTRY_BYTES 12

struct span {
	const uint8_t *bytes;
	size_t length;
};

static const struct span nothing = { NULL, 0 };

/* What follows the first `count` bytes. */
static struct span after(struct span span, size_t count)
{
	return count <= span.length ? (struct span){ span.bytes + count, span.length - count } : nothing;
}

static struct span first(struct span span, size_t count)
{
	return count <= span.length ? (struct span){ span.bytes, count } : nothing;
}

static bool begins(struct span span, const char *text, size_t length)
{
	return span.length >= length && memcmp(span.bytes, text, length) == 0;
}

/* The number of the first `size` bytes; 0 when there are fewer. */
static uint32_t number(struct span span, size_t size, bool little)
{
	uint32_t value = 0;
	for (size_t i = 0; i < size && span.length >= size; i++)
		value = value << 8 | span.bytes[little ? size - 1 - i : i];
	return value;
}

/* The first directory of a TIFF structure has it, if any. */
static int orientation_of(struct span tiff)
{
	bool little = begins(tiff, "II*\0", 4);
	if (!little && !begins(tiff, "MM\0*", 4))
		return 1;
	struct span directory = after(tiff, number(after(tiff, 4), 4, little));
	uint32_t count = number(directory, 2, little);
	for (struct span entry = after(directory, 2); count > 0 && entry.length >= ENTRY_BYTES; count--) {
		if (number(entry, 2, little) == ORIENTATION && number(after(entry, 2), 2, little) == SHORT) {
			uint32_t value = number(after(entry, 8), 2, little);
			return value >= 1 && value <= 8 ? (int)value : 1;
		}
		entry = after(entry, ENTRY_BYTES);
	}
	return 1;
}

/* Segments up to the first scan; each is 0xff, its kind, and its length with those two bytes. */
static struct span find_in_jpeg(struct span file)
{
	static const char name[] = "Exif\0";
	for (struct span at = after(file, 2); at.length >= 4 && at.bytes[0] == 0xff;) {
		uint8_t kind = at.bytes[1];
		if (kind == 0xff) { /* filling */
			at = after(at, 1);
			continue;
		}
		size_t length = number(after(at, 2), 2, false);
		struct span body = first(after(at, 2), length);
		if (kind == 0xda || length < 2)
			break;
		if (kind == 0xe1 && begins(after(body, 2), name, sizeof name))
			return after(body, 2 + sizeof name);
		at = after(at, 2 + length);
	}
	return nothing;
}

/* Chunks: length, name, as many bytes, checksum. */
static struct span find_in_png(struct span file)
{
	for (struct span at = after(file, 8); at.length >= 12;) {
		size_t length = number(at, 4, false);
		if (begins(after(at, 4), "eXIf", 4))
			return first(after(at, 8), length);
		at = after(after(at, 12), length);
	}
	return nothing;
}

/* Chunks: name, length, as many bytes, filled up to an even number. Some writers keep JPEG's name before the structure. */
static struct span find_in_webp(struct span file)
{
	static const char name[] = "Exif\0";
	for (struct span at = after(file, 12); at.length >= 8;) {
		size_t length = number(after(at, 4), 4, true);
		struct span body = first(after(at, 8), length);
		if (begins(at, "EXIF", 4))
			return begins(body, name, sizeof name) ? after(body, sizeof name) : body;
		at = after(after(at, 8), length + length % 2);
	}
	return nothing;
}

int exif_orientation(enum media media, const void *bytes, size_t length)
{
	const struct span file = { bytes, length };
	switch (media) {
	case MEDIA_JPEG:
		return orientation_of(find_in_jpeg(file));
	case MEDIA_PNG:
		return orientation_of(find_in_png(file));
	case MEDIA_WEBP:
		return orientation_of(find_in_webp(file));
	default:
		return 1;
	}
}
