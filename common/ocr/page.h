/*
 * What was read from a document: pages of blocks of paragraphs of lines of words, in reading order.
 *
 * A page is what the reader process (reader.h) sends, what every output format is written from, and what PostgreSQL
 * keeps: its JSON form is the page object of a result line (filot-jobs(5)), so there is one writer and one parser.
 * Boxes are pixels of the page as it was given, origin top left. Confidences are 0..100.
 *
 * Ownership: page_free frees all that a page points to. A page is built with page_add_*; a returned pointer is valid
 * until the next page_add_* of the same kind.
 */
#ifndef FILOT_PAGE_H
#define FILOT_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/error.h"
#include "common/mrz/mrz.h"
#include "common/ocr/page_image.h"

#define PAGE_LONGEST_SIDE_PX 1000000
#define PAGE_MOST_WORDS 1000000

struct box {
	int32_t x, y, width, height;
};

/* Neutral (numbers, punctuation) and mixed words follow their paragraph. */
enum word_direction { WORD_NEUTRAL, WORD_LEFT_TO_RIGHT, WORD_RIGHT_TO_LEFT };

struct word {
	struct box box;
	float confidence;
	char *text; /* UTF-8, not empty */
	char *language; /* Tesseract's name, or NULL */
	enum word_direction direction;
};

struct line {
	struct box box;
	float confidence; /* mean of its words */
	int32_t block, paragraph; /* numbers from 1; paragraphs count anew in each block */
	size_t first_word, word_count; /* in page.words */
	int32_t baseline[4]; /* x1, y1, x2, y2 */
	/* As Tesseract's RowAttributes gives them (descenders below zero); 0 when not known. */
	float row_height_px, descenders_px, ascenders_px;
	int32_t orientation; /* 0, 90, 180, 270: how the text stands on the page, clockwise */
};

struct paragraph {
	struct box box;
	int32_t block, number; /* number: 1, 2, … within the block */
	bool right_to_left;
};

/* Tesseract's PolyBlockType as far as its outputs tell it apart: hOCR's ocr_header, ocr_textfloat and ocr_caption. */
enum block_kind { BLOCK_TEXT, BLOCK_HEADING, BLOCK_PULLOUT, BLOCK_CAPTION, BLOCK_IMAGE, BLOCK_SEPARATOR, BLOCK_KIND_COUNT };

struct block {
	struct box box;
	int32_t number; /* 1, 2, … among all blocks, in reading order: its index + 1 */
	enum block_kind kind; /* images and separators (rules) have no paragraphs; they are kept for TSV, hOCR and ALTO */
};

/* Who says what a page's text is. */
enum page_source {
	PAGE_SOURCE_OCR,
	PAGE_SOURCE_TEXT_LAYER, /* of the PDF, word for word */
	PAGE_SOURCE_NONE, /* nobody: the layer is not good, and OCR was not wanted */
	PAGE_SOURCE_COUNT
};

/* Why the text layer of a PDF page was not taken; pdf_text.h says how that is found out. */
enum text_layer_fault {
	TEXT_LAYER_NO_FAULT, /* it was taken, nobody looked, or there is no PDF */
	TEXT_LAYER_ABSENT, /* no letter or digit */
	TEXT_LAYER_UNREADABLE, /* characters that the file does not say */
	TEXT_LAYER_FROM_RIGHT, /* mostly Hebrew, Arabic, …, of which Poppler gives a part only */
	TEXT_LAYER_PICTURES, /* they cover more of the page than a logo does */
	TEXT_LAYER_HIDDEN, /* some words cannot be seen on the page */
	TEXT_LAYER_INCOMPLETE, /* the page shows what looks like more letters */
	TEXT_LAYER_CONTRADICTED, /* OCR reads other characters in some of its lines */
	TEXT_LAYER_FAULT_COUNT
};

struct page {
	int32_t number; /* from 1, of the document */
	int32_t width, height;
	int32_t dpi; /* that the engine worked with (GetSourceYResolution after recognition); 0 when not known */
	enum page_source source;
	enum text_layer_fault text_layer_fault;
	int32_t rotation; /* 0, 90, 180, 270: what was undone before reading, as is the rest (turn.h) */
	float skew_degrees;
	float enlarged; /* so many times; 0: not at all */
	bool uneven_light;
	float confidence; /* Tesseract's mean text confidence */
	char *text; /* plain text as the engine lays it out, with its line ends */
	struct block *blocks;
	struct paragraph *paragraphs;
	struct line *lines;
	struct word *words;
	size_t block_count, paragraph_count, line_count, word_count;
	struct mrz *mrz; /* the machine readable zone in its text; NULL: none, or nobody looked (page_find_mrz) */
	struct page_image image; /* where it was asked for; in no JSON */
	int64_t decode_ms, layout_ms, recognise_ms;
};

bool page_add_block(struct page *page, const struct block *block, struct error *error);
bool page_add_paragraph(struct page *page, const struct paragraph *paragraph, struct error *error);
/* first_word is set here; word_count grows with the words that follow. */
bool page_add_line(struct page *page, const struct line *line, struct error *error);
/* Copies the strings. The word belongs to the last line. */
bool page_add_word(struct page *page, const struct word *word, struct error *error);

/* Looks for a machine readable zone in the page's text. */
bool page_find_mrz(struct page *page, struct error *error);

void page_free(struct page *page);

/*
 * Appends the page as a JSON object (no line end). The members of the contract:
 *   page, width, height, dpi, rotation, source, text, confidence,
 *   lines [{ box [x,y,w,h], text (its words joined by blanks), confidence, words [{ box, text, confidence }] }]
 * and, beyond it, what TSV, hOCR and the reader need:
 *   lang         the language of the page's first word, left out when there is none; a word of another language has its
 *                own "lang" (null: none)
 *   lines        block, paragraph (numbers); baseline [x1,y1,x2,y2], row [height,descenders,ascenders], orientation:
 *                left out when all zero
 *   words        dir "ltr" or "rtl", left out when neutral
 *   skew, enlarged, uneven_light  what else was undone: degrees clockwise, times, true; left out where nothing was
 *   text_layer   why the text layer of a PDF page was not taken: "absent", "unreadable", "right-to-left", "pictures",
 *                "hidden", "incomplete", "contradicted"; else left out
 *   blocks       [{ box, kind "text|heading|pullout|caption|image|separator" }], block 1 first
 *   paragraphs   [{ box, block, number, rtl }], rtl left out when false
 *   mrz          the machine readable zone (mrz_json.h), left out when there is none
 *   ms           { decode, layout, recognise }
 * Confidences and row attributes have at most two decimals here: what a result line and a database need.
 */
void page_write_json(const struct page *page, struct buffer *out);

/* The same with every bit of the numbers, for the way from a reader to its worker: TSV shows six decimals. */
void page_write_exact_json(const struct page *page, struct buffer *out);

#define PAGE_LONGEST_JSON_BYTES (128 * 1024 * 1024)

/*
 * Reads what the two writers write, distrusting it: it comes from a process that parsed a stranger's bytes. Every number
 * is checked for its range, every box for lying on the page, every reference for its target, strings for UTF-8 without
 * NUL. Unknown members are passed over; a line's "text" (its words have it) and "mrz" (the text has it) are not read. ERROR_INTERNAL, with the place,
 * when it is not a page; *page is zero then.
 */
bool page_parse_json(struct page *page, const char *bytes, size_t length, struct error *error);

/* The checks of page_parse_json on a page built otherwise (a reader's own test of what it built). */
bool page_check(const struct page *page, struct error *error);

/* "ocr", "text-layer", …; "", "absent", "unreadable", …; NULL. */
extern const char *const page_source_names[PAGE_SOURCE_COUNT + 1];
extern const char *const text_layer_fault_names[TEXT_LAYER_FAULT_COUNT + 1];

/* "text", "heading", …, NULL. */
extern const char *const block_kind_names[BLOCK_KIND_COUNT + 1];

#endif
