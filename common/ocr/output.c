/*
 * The dispatch over formats, and the short ones: JSON, plain text and TSV. TSV is GetTSVText's (api/baseapi.cpp; the same
 * from 5.3.0 to 5.5): numbers of lines count anew in each paragraph, those of words in each line, and an image or a rule
 * is a block of one paragraph, one line and one word " " whose confidence is 95. One thing is simpler here: an image that
 * Tesseract's layout cut into several lines or blanks without text is still one row a level and one blank.
 */
#include "common/ocr/output.h"

#include <string.h>

#include "common/ocr/output_alto.h"
#include "common/ocr/output_hocr.h"
#include "common/ocr/output_overlay.h"

const char *const output_format_names[OUTPUT_FORMAT_COUNT + 1] = {
	"json", "text", "tsv", "hocr", "alto", "overlay", "pdf", NULL
};

const char *const output_format_extensions[OUTPUT_FORMAT_COUNT + 1] = {
	"json", "txt", "tsv", "hocr", "xml", "html", "pdf", NULL
};

static const char tsv_heading[] =
	"level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext\n";

static void write_text(const struct result *result, struct buffer *out)
{
	for (size_t index = 0; index < result->page_count; index++) {
		if (index)
			buffer_append_char(out, '\f');
		if (result->pages[index].text)
			buffer_append_string(out, result->pages[index].text);
	}
}

/* ---- TSV ---- */

/* The numbers that a row begins with; those below its level are zero. */
struct tsv_row {
	int level;
	int32_t page, block, paragraph, line;
	size_t word;
};

/* All but the last two columns. */
static void write_row_start(const struct tsv_row *row, const struct box *box, struct buffer *out)
{
	buffer_printf(out, "%d\t%d\t%d\t%d\t%d\t%zu\t%d\t%d\t%d\t%d\t", row->level, row->page, row->block,
		      row->paragraph, row->line, row->word, box->x, box->y, box->width, box->height);
}

static void write_outer_row(const struct tsv_row *row, const struct box *box, struct buffer *out)
{
	write_row_start(row, box, out);
	buffer_append_string(out, "-1\t\n");
}

static void write_word_row(const struct tsv_row *row, const struct word *word, struct buffer *out)
{
	write_row_start(row, &word->box, out);
	buffer_printf(out, "%f\t%s\n", (double)word->confidence, word->text);
}

/* An image or a rule. */
static void write_tsv_picture(struct tsv_row row, const struct box *box, struct buffer *out)
{
	char blank[] = " ";
	const struct word word = { .box = *box, .confidence = 95, .text = blank };
	write_outer_row(&row, box, out);
	row.level = 3;
	row.paragraph = 1;
	write_outer_row(&row, box, out);
	row.level = 4;
	row.line = 1;
	write_outer_row(&row, box, out);
	row.level = 5;
	row.word = 1;
	write_word_row(&row, &word, out);
}

static void write_tsv_line(const struct page *page, const struct line *line, struct tsv_row row, struct buffer *out)
{
	row.level = 4;
	write_outer_row(&row, &line->box, out);
	row.level = 5;
	for (size_t index = 0; index < line->word_count; index++) {
		row.word = index + 1;
		write_word_row(&row, &page->words[line->first_word + index], out);
	}
}

/* The paragraph and its lines, which begin at *line; that is moved behind them. */
static void write_tsv_paragraph(const struct page *page, const struct paragraph *paragraph, struct tsv_row row,
				size_t *line, struct buffer *out)
{
	row.level = 3;
	row.paragraph = paragraph->number;
	write_outer_row(&row, &paragraph->box, out);
	for (; *line < page->line_count && page->lines[*line].block == paragraph->block &&
	       page->lines[*line].paragraph == paragraph->number;
	     ++*line) {
		row.line++;
		write_tsv_line(page, &page->lines[*line], row, out);
	}
}

static void write_tsv_page(const struct page *page, struct buffer *out)
{
	const struct tsv_row head = { .level = 1, .page = page->number };
	const struct box whole = { 0, 0, page->width, page->height };
	size_t paragraph = 0, line = 0;
	write_outer_row(&head, &whole, out);
	for (size_t index = 0; index < page->block_count; index++) {
		const struct block *block = &page->blocks[index];
		const struct tsv_row row = { .level = 2, .page = page->number, .block = block->number };
		if (block->kind == BLOCK_IMAGE || block->kind == BLOCK_SEPARATOR) {
			write_tsv_picture(row, &block->box, out);
			continue;
		}
		write_outer_row(&row, &block->box, out);
		while (paragraph < page->paragraph_count && page->paragraphs[paragraph].block == block->number)
			write_tsv_paragraph(page, &page->paragraphs[paragraph++], row, &line, out);
	}
}

static void write_tsv(const struct result *result, struct buffer *out)
{
	for (size_t index = 0; index < result->page_count; index++)
		write_tsv_page(&result->pages[index], out);
}

/* ---- all formats ---- */

void output_begin(enum output_format format, struct buffer *out)
{
	if (format == OUTPUT_TSV)
		buffer_append_string(out, tsv_heading);
}

void output_end(enum output_format format, struct buffer *out)
{
	(void)format;
	(void)out;
}

const char *output_separator(enum output_format format)
{
	return format == OUTPUT_TEXT ? "\f" : "";
}

void output_write(enum output_format format, const struct result *result, struct buffer *out)
{
	if (format == OUTPUT_JSON) {
		result_write(result, out);
		return;
	}
	if (result->error.code != ERROR_NONE)
		return;
	if (format == OUTPUT_TEXT)
		write_text(result, out);
	else if (format == OUTPUT_TSV)
		write_tsv(result, out);
	else if (format == OUTPUT_HOCR)
		output_hocr_write(result, out);
	else if (format == OUTPUT_ALTO)
		output_alto_write(result, out);
	else if (format == OUTPUT_OVERLAY)
		output_overlay_write(result, out);
}
