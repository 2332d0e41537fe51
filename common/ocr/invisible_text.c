/*
 * Positions. The image has its origin at the top left, so a text matrix here mirrors: its second column points to the
 * tops of letters, against y. Words are placed on the line's baseline where that is known and sound, by where they begin
 * along the way the text runs; the boxes' own height says nothing of a word but which letters it has. The baseline also
 * says which way that is, since it goes from the line's beginning to its end: Tesseract calls text upright that it has
 * itself turned.
 *
 * On a slope each glyph begins a little higher or lower than the one before. Poppler lets a word end where it is more than
 * half a point off its beginning (TextOutputDev.cc), so a word that would rise by more is put down level, as a step.
 *
 * Text that runs from right to left is put down as it is seen, from the left, as all programs that make PDFs do and all
 * that read them expect (pdftotext turns it around again).
 */
#include "common/ocr/invisible_text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/json_text.h"

#define CODE_POINTS 0x110000
#define MOST_CHARACTERS 0xffff
#define BLANK 1
#define LONGEST_BLOCK 100 /* of a CMap's entries */
#define SLOPE_LEAST_COSINE 0.94 /* of a baseline against the way its line runs: 20 degrees */
#define MOST_RISE 0.4 /* points, within a word */
#define FALLBACK_DPI 300
#define LEAST_GAP 0.16 /* em, between words */
#define MOST_CUT 0.3 /* of a word's width, to make that */

struct writer {
	struct invisible_text *text;
	uint16_t *numbers; /* of each code point; 0: not met yet */
	uint32_t *characters; /* code points by number */
};

struct vector {
	double x, y;
};

/* Where and how large a line's text is put. */
struct pen {
	struct vector along; /* which way it runs: one of four */
	struct vector baseline, direction; /* a point and the way of unit length */
	double size; /* of an em */
	double points; /* of a pixel */
};

static double dot(struct vector one, struct vector other)
{
	return one.x * other.x + one.y * other.y;
}

/* ---- characters ---- */

/* Its number; 0 when there are no more. */
static unsigned number_of(struct writer *writer, uint32_t code)
{
	if (!writer->numbers[code] && writer->text->character_count <= MOST_CHARACTERS) {
		writer->numbers[code] = (uint16_t)writer->text->character_count;
		writer->characters[writer->text->character_count++] = code;
	}
	return writer->numbers[code];
}

static void append_code(struct buffer *out, unsigned number)
{
	static const char digits[] = "0123456789abcdef";
	const char text[4] = { digits[number >> 12 & 15], digits[number >> 8 & 15], digits[number >> 4 & 15],
			       digits[number & 15] };
	buffer_append(out, text, sizeof text);
}

/* The word's characters as numbers, and how many they are. */
static size_t append_characters(struct writer *writer, const struct word *word, struct buffer *out)
{
	const char *text = word->text;
	size_t length = strlen(text), count = 0, start = out->length;
	for (size_t index = 0; index < length;) {
		size_t size = json_text_utf8_length(text + index, length - index);
		unsigned number = size ? number_of(writer, json_text_utf8_code(text + index, size)) : 0;
		if (number) {
			append_code(out, number);
			count++;
		}
		index += size ? size : 1;
	}
	if (word->direction != WORD_RIGHT_TO_LEFT || out->failed)
		return count;
	for (size_t left = 0, right = count; left + 1 < right; left++) {
		char moved[4];
		right--;
		memcpy(moved, out->data + start + left * 4, 4);
		memcpy(out->data + start + left * 4, out->data + start + right * 4, 4);
		memcpy(out->data + start + right * 4, moved, 4);
	}
	return count;
}

static void append_unicode(uint32_t code, struct buffer *out)
{
	if (code < 0x10000) {
		buffer_printf(out, "%04X", code);
	} else {
		buffer_printf(out, "%04X%04X", 0xd800 + ((code - 0x10000) >> 10), 0xdc00 + ((code - 0x10000) & 0x3ff));
	}
}

/* The form is Adobe's (Technical Note 5411, ToUnicode Mapping File Tutorial). */
static void write_unicode(const struct writer *writer, struct buffer *out)
{
	size_t count = writer->text->character_count;
	buffer_append_string(out, "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n"
				  "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n"
				  "/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n"
				  "1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n");
	for (size_t first = BLANK; first < count; first += LONGEST_BLOCK) {
		size_t end = count - first < LONGEST_BLOCK ? count : first + LONGEST_BLOCK;
		buffer_printf(out, "%zu beginbfchar\n", end - first);
		for (size_t number = first; number < end; number++) {
			buffer_printf(out, "<%04zX> <", number);
			append_unicode(writer->characters[number], out);
			buffer_append_string(out, ">\n");
		}
		buffer_append_string(out, "endbfchar\n");
	}
	buffer_append_string(out, "endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n");
}

/* ---- places ---- */

/* What a box covers along a direction that is one of four: from `*least`, `*most`. */
static void extent(const struct box *box, struct vector way, double *least, double *most)
{
	double one = dot(way, (struct vector){ box->x, box->y });
	double other = dot(way, (struct vector){ box->x + box->width, box->y + box->height });
	*least = fmin(one, other);
	*most = fmax(one, other);
}

static double thickness(const struct box *box, struct vector up)
{
	double low, high;
	extent(box, up, &low, &high);
	return high - low;
}

/* The line's own baseline as a direction of unit length; false when it has none. */
static bool baseline_of(const struct line *line, struct vector *from, struct vector *way)
{
	const int32_t *points = line->baseline;
	*from = (struct vector){ points[0], points[1] };
	*way = (struct vector){ points[2] - from->x, points[3] - from->y };
	double length = hypot(way->x, way->y);
	if (length < 1)
		return false;
	*way = (struct vector){ way->x / length, way->y / length };
	return true;
}

/* Which of the four ways a line runs: that of its baseline when there is a clear one, else as its orientation says. */
static struct vector way_of(const struct line *line)
{
	static const struct vector ways[] = { { 1, 0 }, { 0, 1 }, { -1, 0 }, { 0, -1 } };
	struct vector from, way;
	if (baseline_of(line, &from, &way))
		for (size_t index = 0; index < sizeof ways / sizeof *ways; index++)
			if (dot(way, ways[index]) >= SLOPE_LEAST_COSINE)
				return ways[index];
	return ways[line->orientation / 90 % 4];
}

/* Takes the line's own baseline when it runs as the line does and through its box. */
static void take_baseline(const struct line *line, struct vector up, struct pen *pen)
{
	struct vector from, way;
	double least, most, low, high;
	if (!baseline_of(line, &from, &way) || dot(way, pen->along) < SLOPE_LEAST_COSINE)
		return;
	extent(&line->box, pen->along, &least, &most);
	extent(&line->box, up, &low, &high);
	double middle = ((least + most) / 2 - dot(from, pen->along)) / dot(way, pen->along);
	double height = dot(up, (struct vector){ from.x + middle * way.x, from.y + middle * way.y });
	if (height < low - (high - low) / 2 || height > high)
		return;
	pen->baseline = from;
	pen->direction = way;
}

static struct pen pen_for(const struct page *page, const struct line *line)
{
	struct pen pen = { .along = way_of(line), .points = 72.0 / (page->dpi > 0 ? page->dpi : FALLBACK_DPI) };
	struct vector up = { pen.along.y, -pen.along.x };
	double least, most, low, high, tallest = 1;
	for (size_t index = 0; index < line->word_count; index++)
		tallest = fmax(tallest, thickness(&page->words[line->first_word + index].box, up));
	pen.size = (double)line->row_height_px;
	if (!(pen.size > tallest / 3 && pen.size < tallest * 3))
		pen.size = tallest;
	extent(&line->box, pen.along, &least, &most);
	extent(&line->box, up, &low, &high);
	double base = low + INVISIBLE_DESCENT_EM * pen.size;
	pen.baseline = (struct vector){ least * pen.along.x + base * up.x, least * pen.along.y + base * up.y };
	pen.direction = pen.along;
	take_baseline(line, up, &pen);
	return pen;
}

/* The pen for a stretch of the line: the line's, or a level one at the height of its middle. */
static struct pen pen_within(const struct pen *pen, double start, double end)
{
	double cosine = dot(pen->direction, pen->along);
	double rise = sqrt(fmax(1 - cosine * cosine, 0)) / cosine * (end - start);
	if (rise * pen->points <= MOST_RISE)
		return *pen;
	struct pen level = *pen;
	double step = ((start + end) / 2 - dot(pen->baseline, pen->along)) / cosine;
	level.baseline.x += step * pen->direction.x;
	level.baseline.y += step * pen->direction.y;
	level.direction = pen->along;
	return level;
}

/* Moves to the point of the baseline that is `start` along the line. */
static void append_matrix(const struct pen *pen, double start, struct buffer *out)
{
	struct vector way = pen->direction, base = pen->baseline;
	double step = (start - dot(base, pen->along)) / dot(way, pen->along);
	buffer_printf(out, "%.6g %.6g %.6g %.6g %.7g %.7g Tm ", pen->size * way.x, pen->size * way.y, pen->size * way.y,
		      -pen->size * way.x, base.x + step * way.x, base.y + step * way.y);
}

/* Scales `count` glyphs to a width along the line; a width of nothing is a little, since no scale is 0. */
static void append_scale(const struct pen *pen, double width, size_t count, struct buffer *out)
{
	double natural = INVISIBLE_GLYPH_EM * pen->size * (double)count;
	double wanted = fmax(width, pen->size / 100) / dot(pen->direction, pen->along);
	buffer_printf(out, "%.5g Tz ", 100 * wanted / natural);
}

/* What a word covers along its line, and where the next one begins and ends. */
struct stretch {
	double start, end, next_start, next_end;
	bool backwards; /* the next one comes before it */
};

/* Poppler sees words apart by the gap between them, whatever stands there (TextOutputDev.cc: 0.15 em). */
static struct stretch stretch_of(const struct pen *pen, const struct word *word, const struct word *next)
{
	struct stretch stretch = { 0 };
	extent(&word->box, pen->along, &stretch.start, &stretch.end);
	if (!next)
		return stretch;
	extent(&next->box, pen->along, &stretch.next_start, &stretch.next_end);
	stretch.backwards = stretch.next_start < stretch.start;
	double gap = stretch.backwards ? stretch.start - stretch.next_end : stretch.next_start - stretch.end;
	double missing = fmin(fmax(LEAST_GAP * pen->size - gap, 0), (stretch.end - stretch.start) * MOST_CUT);
	if (stretch.backwards)
		stretch.start += missing;
	else
		stretch.end -= missing;
	return stretch;
}

static void write_word(struct writer *writer, const struct pen *pen, const struct word *word, const struct word *next,
		       struct buffer *out)
{
	struct buffer codes = { 0 };
	const struct stretch stretch = stretch_of(pen, word, next);
	double start = stretch.start, end = stretch.end;
	size_t count = append_characters(writer, word, &codes);
	if (count) {
		const struct pen own = pen_within(pen, start, end);
		append_matrix(&own, start, out);
		append_scale(&own, end - start, count, out);
		buffer_append_char(out, '<');
		buffer_append(out, codes.data, codes.length);
		buffer_append_string(out, "> Tj\n");
	}
	if (count && next) {
		double gap_start = stretch.backwards ? fmin(stretch.next_end, start) : end;
		double gap_end = stretch.backwards ? start : stretch.next_start;
		const struct pen own = pen_within(pen, gap_start, fmax(gap_end, gap_start));
		append_matrix(&own, gap_start, out);
		append_scale(&own, gap_end - gap_start, 1, out);
		buffer_printf(out, "<%04x> Tj\n", BLANK);
	}
	out->failed |= codes.failed;
	buffer_free(&codes);
}

static void write_page(struct writer *writer, const struct page *page, struct buffer *out)
{
	for (size_t index = 0; index < page->line_count; index++) {
		const struct line *line = &page->lines[index];
		const struct pen pen = pen_for(page, line);
		for (size_t word = 0; word < line->word_count; word++) {
			const struct word *here = &page->words[line->first_word + word];
			write_word(writer, &pen, here, word + 1 < line->word_count ? here + 1 : NULL, out);
		}
	}
}

bool invisible_text_make(struct invisible_text *text, const struct result *result, struct error *error)
{
	*text = (struct invisible_text){ .lengths = calloc(result->page_count + 1, sizeof *text->lengths),
					 .character_count = BLANK };
	struct writer writer = { text, calloc(CODE_POINTS, sizeof *writer.numbers),
				 calloc(MOST_CHARACTERS + 1, sizeof *writer.characters) };
	bool done = text->lengths && writer.numbers && writer.characters;
	if (done)
		(void)number_of(&writer, ' ');
	for (size_t index = 0; done && index < result->page_count; index++) {
		size_t before = text->streams.length;
		if (result->pages[index].source == PAGE_SOURCE_OCR)
			write_page(&writer, &result->pages[index], &text->streams);
		text->lengths[index] = text->streams.length - before;
	}
	if (done)
		write_unicode(&writer, &text->unicode);
	free(writer.numbers);
	free(writer.characters);
	return (done && !text->streams.failed && !text->unicode.failed) ||
	       error_set(error, ERROR_OUT_OF_MEMORY, "no memory for the text of a PDF");
}

void invisible_text_free(struct invisible_text *text)
{
	buffer_free(&text->unicode);
	buffer_free(&text->streams);
	free(text->lengths);
	*text = (struct invisible_text){ 0 };
}
