/* The tables are those that a PDF asks of TrueType, in the order of their names; numbers are big-endian (OpenType 1.9). */
#include "common/ocr/glyphless_font.h"

#include <stdint.h>
#include <string.h>

#define GLYPHS 2
#define UNITS_PER_EM 1000
#define TABLES 6
#define DIRECTORY_BYTES (12 + TABLES * 16)
#define HEAD_CHECKSUM_AT 8

static void put_16(struct buffer *out, uint32_t value)
{
	const unsigned char bytes[2] = { (unsigned char)(value >> 8), (unsigned char)value };
	buffer_append(out, bytes, sizeof bytes);
}

static void put_32(struct buffer *out, uint32_t value)
{
	put_16(out, value >> 16);
	put_16(out, value & 0xffff);
}

static void put_zeros(struct buffer *out, int count_16)
{
	while (count_16-- > 0)
		put_16(out, 0);
}

static void put_head(struct buffer *out)
{
	put_32(out, 0x00010000);
	put_32(out, 0x00010000); /* revision */
	put_32(out, 0); /* checksum of the file, set when that is known */
	put_32(out, 0x5f0f3cf5); /* magic */
	put_16(out, 3); /* baseline and left side bearing at 0 */
	put_16(out, UNITS_PER_EM);
	put_zeros(out, 8); /* made and changed at no time */
	put_zeros(out, 4); /* bounds of the glyphs */
	put_16(out, 0); /* neither bold nor italic */
	put_16(out, 8); /* smallest readable size */
	put_16(out, 2); /* direction: as old fonts say */
	put_16(out, 0); /* offsets of 16 bits */
	put_16(out, 0);
}

static void put_hhea(struct buffer *out)
{
	put_32(out, 0x00010000);
	put_16(out, 800); /* ascender */
	put_16(out, 0x10000 - 200); /* descender */
	put_16(out, 0); /* gap between lines */
	put_16(out, UNITS_PER_EM / 2); /* widest advance */
	put_zeros(out, 3);
	put_16(out, 1); /* slope of the caret: upright */
	put_zeros(out, 7);
	put_16(out, GLYPHS); /* advances in hmtx */
}

static void put_hmtx(struct buffer *out)
{
	for (int glyph = 0; glyph < GLYPHS; glyph++) {
		put_16(out, UNITS_PER_EM / 2);
		put_16(out, 0);
	}
}

static void put_loca(struct buffer *out)
{
	put_zeros(out, GLYPHS + 1);
}

static void put_maxp(struct buffer *out)
{
	put_32(out, 0x00010000);
	put_16(out, GLYPHS);
	put_zeros(out, 4); /* no points, no contours */
	put_16(out, 1); /* zones */
	put_zeros(out, 8);
}

/* One byte, since some readers want the table to have some. */
static void put_glyf(struct buffer *out)
{
	buffer_append_char(out, '\0');
}

static uint32_t checksum(const char *bytes, size_t length)
{
	uint32_t sum = 0;
	for (size_t index = 0; index < length; index++)
		sum += (uint32_t)(unsigned char)bytes[index] << (24 - 8 * (index % 4));
	return sum;
}

void glyphless_font_program(struct buffer *out)
{
	static const struct {
		char name[5];
		void (*put)(struct buffer *);
	} tables[TABLES] = { { "glyf", put_glyf }, { "head", put_head }, { "hhea", put_hhea },
			     { "hmtx", put_hmtx }, { "loca", put_loca }, { "maxp", put_maxp } };
	struct buffer font = { 0 }, data = { 0 };
	size_t head = 0;
	put_32(&font, 0x00010000);
	put_16(&font, TABLES);
	put_16(&font, 4 * 16); /* for a binary search: the largest power of two of tables, in bytes */
	put_16(&font, 2);
	put_16(&font, (TABLES - 4) * 16);
	for (int index = 0; index < TABLES; index++) {
		size_t start = data.length;
		tables[index].put(&data);
		size_t length = data.length - start;
		while (data.length % 4)
			buffer_append_char(&data, '\0');
		if (!strcmp(tables[index].name, "head"))
			head = DIRECTORY_BYTES + start;
		buffer_append(&font, tables[index].name, 4);
		put_32(&font, data.failed ? 0 : checksum(data.data + start, data.length - start));
		put_32(&font, (uint32_t)(DIRECTORY_BYTES + start));
		put_32(&font, (uint32_t)length);
	}
	buffer_append(&font, data.data, data.length);
	if (!font.failed && !data.failed) {
		struct buffer adjustment = { 0 };
		put_32(&adjustment, 0xb1b0afba - checksum(font.data, font.length));
		if (!adjustment.failed)
			memcpy(font.data + head + HEAD_CHECKSUM_AT, adjustment.data, 4);
		buffer_append(out, font.data, font.length);
		buffer_free(&adjustment);
	}
	out->failed |= font.failed || data.failed;
	buffer_free(&font);
	buffer_free(&data);
}

void glyphless_font_map(size_t count, struct buffer *out)
{
	while (count-- > 0)
		put_16(out, 1);
}
