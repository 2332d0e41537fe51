/* Lines are chosen one by one: each time the one that has most characters that none before it has. */
#include "cmd/filot-reader/confirm.h"

#include <glib.h>
#include <leptonica/allheaders.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SINGLE_LINE 7 /* page segmentation mode */
#define LONGEST 512 /* letters and digits of a line that are compared */
#define SEEN_ROOM 4096 /* characters are told apart by their numbers modulo this */
#define MARGIN_PX 8
#define LETTERS_A_SIGN 4 /* of a line that reads well; rows of dots are read as anything */

/* The letters and digits of a text, in lower case. */
struct letters {
	uint32_t codes[LONGEST];
	size_t count;
	size_t others; /* how many characters are none */
};

static void add_letters(struct letters *letters, const char *text)
{
	for (; *text && letters->count < LONGEST; text = g_utf8_next_char(text)) {
		gunichar code = g_utf8_get_char(text);
		if (g_unichar_isalnum(code))
			letters->codes[letters->count++] = g_unichar_tolower(code);
		else
			letters->others++;
	}
}

static void line_letters(const struct page *page, const struct line *line, struct letters *letters)
{
	letters->count = letters->others = 0;
	for (size_t i = 0; i < line->word_count; i++)
		add_letters(letters, page->words[line->first_word + i].text);
}

/* How many single changes lead from one to the other (Levenshtein). */
static size_t distance(const struct letters *a, const struct letters *b)
{
	size_t row[LONGEST + 1];
	for (size_t k = 0; k <= b->count; k++)
		row[k] = k;
	for (size_t i = 1; i <= a->count; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t k = 1; k <= b->count; k++) {
			size_t replaced = diagonal + (a->codes[i - 1] != b->codes[k - 1]);
			size_t other = (row[k] < row[k - 1] ? row[k] : row[k - 1]) + 1;
			diagonal = row[k];
			row[k] = replaced < other ? replaced : other;
		}
	}
	return row[b->count];
}

/*
 * The line with most characters that are not in `seen`, which they are put into, of those that have `letters_a_sign`; NULL when
 * none has any.
 */
static const struct line *next_line(const struct page *page, size_t letters_a_sign, bool seen[static SEEN_ROOM])
{
	const struct line *best = NULL;
	struct letters letters;
	size_t most = 0;
	for (size_t i = 0; i < page->line_count; i++) {
		bool own[SEEN_ROOM] = { false };
		size_t fresh = 0;
		line_letters(page, &page->lines[i], &letters);
		for (size_t k = 0; k < letters.count; k++) {
			bool *mine = &own[letters.codes[k] % SEEN_ROOM];
			fresh += !*mine && !seen[letters.codes[k] % SEEN_ROOM];
			*mine = true;
		}
		if (fresh > most && letters.others * letters_a_sign <= letters.count) {
			most = fresh;
			best = &page->lines[i];
		}
	}
	if (best)
		line_letters(page, best, &letters);
	for (size_t k = 0; best && k < letters.count; k++)
		seen[letters.codes[k] % SEEN_ROOM] = true;
	return best;
}

/* The line's part of the page, upright. */
static PIX *line_image(PIX *page, const struct line *line)
{
	BOX *box = boxCreate(line->box.x - MARGIN_PX, line->box.y - MARGIN_PX, line->box.width + 2 * MARGIN_PX,
			     line->box.height + 2 * MARGIN_PX);
	PIX *part = box ? pixClipRectangle(page, box, NULL) : NULL;
	PIX *upright = part ? pixRotateOrth(part, (360 - line->orientation) / 90 % 4) : NULL;
	boxDestroy(&box);
	pixDestroy(&part);
	return upright;
}

/* What libtesseract's recogniser reads. */
static bool read_by_tesseract(const struct confirm_engine *engine, PIX *image, struct letters *letters, struct error *error)
{
	struct page read = { 0 };
	bool done = tesseract_layout(engine->tesseract, image, SINGLE_LINE, 0, error) &&
		    tesseract_recognise(engine->tesseract, &read, error);
	if (done)
		add_letters(letters, read.text ? read.text : "");
	page_free(&read);
	return done;
}

/* What ours reads. */
static bool read_pieces(const struct confirm_engine *engine, PIX *image, struct letters *letters, struct error *error)
{
	struct layout layout = { 0 };
	struct buffer text = { 0 };
	float confidence;
	bool done = tesseract_lines(engine->tesseract, image, SINGLE_LINE, 0, engine->heights, engine->height_count, &layout,
				    error);
	for (size_t piece = 0; done && piece < layout.piece_count; piece++)
		done = layout.pieces[piece].first_image < 0 ||
		       line_reader_read(engine->line_reader, &layout, piece, false, &confidence, &text, error);
	buffer_append_char(&text, '\0');
	if (done && text.failed)
		done = error_set(error, ERROR_OUT_OF_MEMORY, "no memory for the text of a line");
	if (done)
		add_letters(letters, text.data);
	buffer_free(&text);
	layout_free(&layout);
	return done;
}

static bool read_line(const struct confirm_engine *engine, PIX *page, const struct line *line, struct letters *letters,
		      struct error *error)
{
	PIX *image = line_image(page, line);
	if (!image)
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for the image of a line");
	letters->count = letters->others = 0;
	bool done = (engine->line_reader ? read_pieces : read_by_tesseract)(engine, image, letters, error);
	pixDestroy(&image);
	return done;
}

bool confirm_text(const struct confirm_engine *engine, struct Pix *image, const struct page *text, bool *confirmed,
		  struct error *error)
{
	bool seen[SEEN_ROOM] = { false };
	*confirmed = true;
	for (int count = 0; *confirmed && count < CONFIRM_LINES; count++) {
		struct letters expected, read;
		const struct line *line = next_line(text, LETTERS_A_SIGN, seen);
		if (!line && count == 0)
			line = next_line(text, 1, seen);
		if (!line)
			break;
		if (!read_line(engine, image, line, &read, error))
			return false;
		line_letters(text, line, &expected);
		*confirmed = (double)distance(&expected, &read) <= 1 + CONFIRM_MOST_ERRORS * (double)expected.count;
	}
	return true;
}
