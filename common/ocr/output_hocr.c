/*
 * hOCR in the layout of Tesseract's api/hocrrenderer.cpp (5.5.0), blank for blank, so that a diff against its output shows
 * differences of recognition only. Two things are ours: ids go by the document's page numbers, and what XML cannot hold
 * (control characters, bytes that are not UTF-8) becomes U+FFFD.
 */
#include "common/ocr/output_hocr.h"

#include <math.h>
#include <string.h>

#include "common/ocr/xml_text.h"

static void append_corners(struct buffer *out, const char *before, const struct box *box)
{
	buffer_printf(out, "%sbbox %d %d %d %d", before, box->x, box->y, box->x + box->width, box->y + box->height);
}

/*
 * The baseline as slope and offset from the box's bottom left corner (hOCR 1.2, "baseline"), or for text that does not
 * stand upright the angle alone.
 */
static void append_baseline(struct buffer *out, const struct line *line)
{
	if (line->orientation) {
		buffer_printf(out, "; textangle %d", 360 - line->orientation);
		return;
	}
	int32_t x1 = line->baseline[0] - line->box.x, x2 = line->baseline[2] - line->box.x;
	int32_t bottom = line->box.y + line->box.height;
	int32_t y1 = line->baseline[1] - bottom, y2 = line->baseline[3] - bottom;
	if (x1 == x2)
		return;
	double slope = (y2 - y1) / (double)(x2 - x1);
	double offset = y1 - slope * x1;
	buffer_printf(out, "; baseline %.8g %.8g", round(slope * 1000.0) / 1000.0, round(offset * 1000.0) / 1000.0);
}

/* Where one is in the page: the numbers that ids are made of, and what the paragraph has set. */
struct hocr_place {
	const struct page *page;
	int32_t block;
	size_t paragraph, line, word; /* indices; ids are one more */
	const char *language;
	bool right_to_left;
};

static void write_word(struct hocr_place *place, struct buffer *out)
{
	const struct word *word = &place->page->words[place->word++];
	buffer_printf(out, "\n      <span class='ocrx_word' id='word_%d_%zu'", place->page->number, place->word);
	append_corners(out, " title='", &word->box);
	buffer_printf(out, "; x_wconf %d'", (int)word->confidence);
	if (word->language && (!place->language || strcmp(word->language, place->language) != 0)) {
		buffer_append_string(out, " lang='");
		xml_text(out, word->language);
		buffer_append_char(out, '\'');
	}
	if (word->direction == WORD_LEFT_TO_RIGHT && place->right_to_left)
		buffer_append_string(out, " dir='ltr'");
	if (word->direction == WORD_RIGHT_TO_LEFT && !place->right_to_left)
		buffer_append_string(out, " dir='rtl'");
	buffer_append_char(out, '>');
	xml_text(out, word->text);
	buffer_append_string(out, "</span>");
}

static void write_line(struct hocr_place *place, enum block_kind kind, struct buffer *out)
{
	const struct line *line = &place->page->lines[place->line++];
	const char *class = kind == BLOCK_HEADING ? "ocr_header" : kind == BLOCK_PULLOUT ? "ocr_textfloat" :
			    kind == BLOCK_CAPTION ? "ocr_caption" : "ocr_line";
	buffer_printf(out, "\n     <span class='%s' id='line_%d_%zu'", class, place->page->number, place->line);
	append_corners(out, " title=\"", &line->box);
	append_baseline(out, line);
	buffer_printf(out, "; x_size %.8g; x_descenders %.8g; x_ascenders %.8g\">", (double)line->row_height_px,
		      (double)-line->descenders_px, (double)line->ascenders_px);
	for (size_t index = 0; index < line->word_count; index++)
		write_word(place, out);
	buffer_append_string(out, "\n     </span>");
}

/* A paragraph's language is that of its first word. */
static void write_paragraph(struct hocr_place *place, enum block_kind kind, struct buffer *out)
{
	const struct page *page = place->page;
	const struct paragraph *paragraph = &page->paragraphs[place->paragraph++];
	place->right_to_left = paragraph->right_to_left;
	place->language = place->word < page->word_count ? page->words[place->word].language : NULL;
	buffer_printf(out, "\n    <p class='ocr_par'%s id='par_%d_%zu'", paragraph->right_to_left ? " dir='rtl'" : "",
		      page->number, place->paragraph);
	if (place->language) {
		buffer_append_string(out, " lang='");
		xml_text(out, place->language);
		buffer_append_char(out, '\'');
	}
	append_corners(out, " title=\"", &paragraph->box);
	buffer_append_string(out, "\">");
	while (place->line < page->line_count && page->lines[place->line].block == paragraph->block &&
	       page->lines[place->line].paragraph == paragraph->number)
		write_line(place, kind, out);
	buffer_append_string(out, "\n    </p>\n");
}

static void write_block(struct hocr_place *place, const struct block *block, struct buffer *out)
{
	const struct page *page = place->page;
	bool picture = block->kind == BLOCK_IMAGE || block->kind == BLOCK_SEPARATOR;
	const char *class = block->kind == BLOCK_IMAGE ? "ocr_photo" : picture ? "ocr_separator" : "ocr_carea";
	buffer_printf(out, "   <div class='%s' id='block_%d_%d'", class, page->number, block->number);
	append_corners(out, " title=\"", &block->box);
	buffer_append_string(out, "\">");
	if (!picture)
		while (place->paragraph < page->paragraph_count &&
		       page->paragraphs[place->paragraph].block == block->number)
			write_paragraph(place, block->kind, out);
	buffer_append_string(out, picture ? "</div>\n" : "   </div>\n");
}

static void write_page(const struct page *page, const char *document, struct buffer *out)
{
	struct hocr_place place = { .page = page };
	buffer_printf(out, "  <div class='ocr_page' id='page_%d' title='image \"", page->number);
	xml_text(out, document ? document : "unknown");
	buffer_printf(out, "\"; bbox 0 0 %d %d; ppageno %d; scan_res %d %d'>\n", page->width, page->height,
		      page->number - 1, page->dpi, page->dpi);
	for (size_t index = 0; index < page->block_count; index++)
		write_block(&place, &page->blocks[index], out);
	buffer_append_string(out, "  </div>\n");
}

void output_hocr_write(const struct result *result, struct buffer *out)
{
	bool own = strcmp(result->engine.backend, "tesseract") != 0;
	buffer_append_string(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
				  "<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0 Transitional//EN\"\n"
				  "    \"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd\">\n"
				  "<html xmlns=\"http://www.w3.org/1999/xhtml\" xml:lang=\"en\" lang=\"en\">\n"
				  " <head>\n"
				  "  <title></title>\n"
				  "  <meta http-equiv=\"Content-Type\" content=\"text/html;charset=utf-8\"/>\n"
				  "  <meta name='ocr-system' content='");
	buffer_append_string(out, own ? "filot" : "tesseract");
	buffer_append_char(out, ' ');
	xml_text(out, result->engine.version);
	buffer_append_string(out, "' />\n"
				  "  <meta name='ocr-capabilities' content='ocr_page ocr_carea ocr_par ocr_line ocrx_word "
				  "ocrp_dir ocrp_lang ocrp_wconf'/>\n"
				  " </head>\n"
				  " <body>\n");
	for (size_t index = 0; index < result->page_count; index++)
		write_page(&result->pages[index], result->document, out);
	buffer_append_string(out, " </body>\n</html>\n");
}
