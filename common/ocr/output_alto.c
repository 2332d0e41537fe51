/*
 * A line that has no words is left out, since the schema wants a String in each. Angles are counterclockwise in ALTO and
 * clockwise in a page. The size of a font is Tesseract's estimate: the height of the row (ccmain/ltrresultiterator.cpp,
 * WordFontAttributes), in whole points.
 *
 * A word is taken for one that is parted when its line is not the paragraph's last, it ends in a hyphen after a letter,
 * and the next line goes on in small letters or ones that are not ASCII. That is a guess, so both parts stay as they are on
 * the page, and what they are together stands beside them.
 */
#include "common/ocr/output_alto.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

#include "common/base/version.h"
#include "common/ocr/xml_text.h"

#define POINTS_PER_INCH 72
#define LARGEST_FONT 999 /* points */
#define LANGUAGE_SIZE 36

struct alto_place {
	const struct page *page;
	size_t paragraph, line, word; /* indices; ids are one more */
	const char *page_language, *language; /* of the page; of the paragraph, which is the page's unless it says so */
};

/* ---- attributes ---- */

static void append_box(struct buffer *out, const struct box *box)
{
	buffer_printf(out, " HPOS=\"%d\" VPOS=\"%d\" WIDTH=\"%d\" HEIGHT=\"%d\"", box->x, box->y, box->width, box->height);
}

static void append_attribute(struct buffer *out, const char *name, const char *text)
{
	buffer_printf(out, " %s=\"", name);
	xml_text(out, text);
	buffer_append_char(out, '"');
}

/* An element that holds text, unless that is empty. */
static void append_element(struct buffer *out, const char *indent, const char *name, const char *text)
{
	if (!*text)
		return;
	buffer_printf(out, "%s<%s>", indent, name);
	xml_text(out, text);
	buffer_printf(out, "</%s>\n", name);
}

/* Confidences are 0 to 1 here. */
static void append_confidence(struct buffer *out, const char *name, float percent)
{
	buffer_printf(out, " %s=\"%.4g\"", name, fmin(fmax((double)percent / 100, 0), 1));
}

/*
 * A model's name as BCP 47 has languages. Most are ISO 639-2 codes, followed by what tells the model from others of its
 * language; of the suffixes some mean a script. False for what names no language.
 */
static bool find_language(const char *model, char language[static LANGUAGE_SIZE])
{
	static const char *const known[][2] = {
		{ "aze_cyrl", "az-Cyrl" }, { "chi_sim", "zh-Hans" },	{ "chi_sim_vert", "zh-Hans" },
		{ "chi_tra", "zh-Hant" },  { "chi_tra_vert", "zh-Hant" }, { "dan_frak", "da-Latf" },
		{ "deu_frak", "de-Latf" }, { "deu_latf", "de-Latf" },	{ "frk", "de-Latf" },
		{ "kur_ara", "ku-Arab" },  { "slk_frak", "sk-Latf" },	{ "srp_latn", "sr-Latn" },
		{ "uzb_cyrl", "uz-Cyrl" }, { "equ", "" },		{ "osd", "" },
	};
	for (size_t index = 0; model && index < sizeof known / sizeof *known; index++)
		if (!strcmp(model, known[index][0])) {
			memcpy(language, known[index][1], strlen(known[index][1]) + 1);
			return *language != '\0';
		}
	size_t length = model ? strspn(model, "abcdefghijklmnopqrstuvwxyz") : 0;
	if (length < 2 || length > 3 || (model[length] && model[length] != '_'))
		return false;
	memcpy(language, model, length);
	language[length] = '\0';
	return true;
}

static bool same(const char *one, const char *other)
{
	return one == other || (one && other && !strcmp(one, other));
}

/* The language, when it is not what the element around has. */
static void append_language(struct buffer *out, const char *model, const char *around)
{
	char language[LANGUAGE_SIZE];
	if (!same(model, around) && find_language(model, language))
		append_attribute(out, "LANG", language);
}

static int32_t counterclockwise(int32_t degrees)
{
	return (360 - degrees) % 360;
}

/* In whole points; 0 when not known. */
static int font_size(const struct page *page, const struct line *line)
{
	if (page->dpi <= 0 || line->row_height_px <= 0)
		return 0;
	return (int)fmin(round((double)line->row_height_px * POINTS_PER_INCH / page->dpi), LARGEST_FONT);
}

static const char *layout_tag(enum block_kind kind)
{
	bool tagged = kind == BLOCK_HEADING || kind == BLOCK_PULLOUT || kind == BLOCK_CAPTION;
	return tagged ? block_kind_names[kind] : NULL;
}

/* ---- words ---- */

/* Length of a word without the hyphen at its end; 0 when it has none after a letter. */
static size_t length_before_hyphen(const char *text)
{
	static const char *const hyphens[] = { "-", "\xc2\xad" /* soft */, "\xe2\x80\x90" };
	size_t length = strlen(text);
	for (size_t index = 0; index < sizeof hyphens / sizeof *hyphens; index++) {
		size_t size = strlen(hyphens[index]);
		if (length > size && !strcmp(text + length - size, hyphens[index])) {
			unsigned char before = (unsigned char)text[length - size - 1];
			return isalpha(before) || before >= 0x80 ? length - size : 0;
		}
	}
	return 0;
}

/* The word that goes on what the last one of line `index` begins; NULL when that is whole. */
static const struct word *second_part(const struct page *page, size_t index)
{
	const struct line *line = &page->lines[index], *next = line + 1;
	if (index + 1 >= page->line_count || !line->word_count || !next->word_count || next->block != line->block ||
	    next->paragraph != line->paragraph ||
	    !length_before_hyphen(page->words[line->first_word + line->word_count - 1].text))
		return NULL;
	const struct word *second = &page->words[next->first_word];
	unsigned char first = (unsigned char)second->text[0];
	return islower(first) || first >= 0x80 ? second : NULL;
}

/* Both parts of a word as one. */
static void append_whole(struct buffer *out, const char *type, const struct word *first, const struct word *second)
{
	buffer_printf(out, " SUBS_TYPE=\"%s\" SUBS_CONTENT=\"", type);
	xml_bytes(out, first->text, length_before_hyphen(first->text));
	xml_text(out, second->text);
	buffer_append_char(out, '"');
}

/* The last word of the line before, when the first of this one is its second part. */
static const struct word *first_part(const struct page *page, size_t index)
{
	const struct line *before = &page->lines[index] - 1;
	return index && second_part(page, index - 1) ? &page->words[before->first_word + before->word_count - 1] : NULL;
}

static void write_string(struct alto_place *place, const struct word *first, const struct word *second,
			 struct buffer *out)
{
	const struct word *word = &place->page->words[place->word++];
	buffer_printf(out, "\t\t\t\t\t\t\t<String ID=\"string_%d_%zu\"", place->page->number, place->word);
	append_box(out, &word->box);
	append_confidence(out, "WC", word->confidence);
	append_language(out, word->language, place->language);
	if (second) {
		append_whole(out, "HypPart1", word, second);
		buffer_append_string(out, " CONTENT=\"");
		xml_bytes(out, word->text, length_before_hyphen(word->text));
		buffer_append_string(out, "\"/>\n\t\t\t\t\t\t\t<HYP");
		append_attribute(out, "CONTENT", word->text + length_before_hyphen(word->text));
	} else {
		if (first)
			append_whole(out, "HypPart2", first, word);
		append_attribute(out, "CONTENT", word->text);
	}
	buffer_append_string(out, "/>\n");
}

/* The blank between two words, as wide as it is when they stand beside one another. */
static void write_blank(const struct box *one, const struct box *other, bool upright, struct buffer *out)
{
	struct box gap = *one;
	if (upright) {
		const struct box *left = one->x < other->x ? one : other, *right = left == one ? other : one;
		gap.x = left->x + left->width;
		gap.width = right->x - gap.x;
	} else {
		const struct box *top = one->y < other->y ? one : other, *bottom = top == one ? other : one;
		gap.y = top->y + top->height;
		gap.height = bottom->y - gap.y;
	}
	buffer_append_string(out, "\t\t\t\t\t\t\t<SP");
	if (gap.width >= 0 && gap.height >= 0)
		append_box(out, &gap);
	buffer_append_string(out, "/>\n");
}

/* ---- lines, paragraphs, blocks ---- */

static void write_line(struct alto_place *place, struct buffer *out)
{
	const struct page *page = place->page;
	size_t index = place->line++;
	const struct line *line = &page->lines[index];
	if (!line->word_count)
		return;
	const struct word *first = first_part(page, index), *second = second_part(page, index);
	int size = font_size(page, line);
	buffer_printf(out, "\t\t\t\t\t\t<TextLine ID=\"line_%d_%zu\"", page->number, place->line);
	if (size)
		buffer_printf(out, " STYLEREFS=\"font_%d\"", size);
	append_box(out, &line->box);
	const int32_t *baseline = line->baseline;
	if (baseline[0] || baseline[1] || baseline[2] || baseline[3])
		buffer_printf(out, " BASELINE=\"%d,%d %d,%d\"", baseline[0], baseline[1], baseline[2], baseline[3]);
	buffer_append_string(out, ">\n");
	for (size_t word = 0; word < line->word_count; word++) {
		const struct word *words = &page->words[line->first_word + word];
		if (word)
			write_blank(&words[-1].box, &words->box, line->orientation % 180 == 0, out);
		write_string(place, word ? NULL : first, word + 1 == line->word_count ? second : NULL, out);
	}
	buffer_append_string(out, "\t\t\t\t\t\t</TextLine>\n");
}

/* A paragraph's language is that of its first word, its angle that of its first line. */
static void write_paragraph(struct alto_place *place, const char *tag, struct buffer *out)
{
	const struct page *page = place->page;
	const struct paragraph *paragraph = &page->paragraphs[place->paragraph++];
	size_t end = place->line;
	while (end < page->line_count && page->lines[end].block == paragraph->block &&
	       page->lines[end].paragraph == paragraph->number)
		end++;
	buffer_printf(out, "\t\t\t\t\t<TextBlock ID=\"par_%d_%zu\"", page->number, place->paragraph);
	if (tag)
		buffer_printf(out, " TAGREFS=\"layout_%s\"", tag);
	append_box(out, &paragraph->box);
	place->language = place->page_language;
	if (end > place->line) {
		const struct line *line = &page->lines[place->line];
		if (line->orientation != page->rotation)
			buffer_printf(out, " ROTATION=\"%d\"", counterclockwise(line->orientation));
		if (place->word < page->word_count)
			place->language = page->words[place->word].language;
	}
	append_language(out, place->language, place->page_language);
	buffer_append_string(out, paragraph->right_to_left ? " BASEDIRECTION=\"rtl\">\n" : ">\n");
	while (place->line < end)
		write_line(place, out);
	buffer_append_string(out, "\t\t\t\t\t</TextBlock>\n");
}

static void write_block(struct alto_place *place, const struct block *block, struct buffer *out)
{
	const struct page *page = place->page;
	bool picture = block->kind == BLOCK_IMAGE || block->kind == BLOCK_SEPARATOR;
	const char *element = block->kind == BLOCK_IMAGE ? "Illustration" : picture ? "GraphicalElement" : "ComposedBlock";
	buffer_printf(out, "\t\t\t\t<%s ID=\"block_%d_%d\"", element, page->number, block->number);
	append_box(out, &block->box);
	buffer_append_string(out, picture ? "/>\n" : ">\n");
	if (picture)
		return;
	while (place->paragraph < page->paragraph_count && page->paragraphs[place->paragraph].block == block->number)
		write_paragraph(place, layout_tag(block->kind), out);
	buffer_append_string(out, "\t\t\t\t</ComposedBlock>\n");
}

static void write_page(const struct page *page, struct buffer *out)
{
	const struct box whole = { 0, 0, page->width, page->height };
	struct alto_place place = { .page = page, .page_language = page->word_count ? page->words[0].language : NULL };
	buffer_printf(out, "\t\t<Page ID=\"page_%d\" PHYSICAL_IMG_NR=\"%d\" WIDTH=\"%d\" HEIGHT=\"%d\"", page->number,
		      page->number, page->width, page->height);
	if (page->source != PAGE_SOURCE_NONE)
		buffer_printf(out, " PROCESSING=\"%s\"", page->source == PAGE_SOURCE_OCR ? "reading" : "text_layer");
	append_confidence(out, "PC", page->confidence);
	if (page->rotation)
		buffer_printf(out, " ROTATION=\"%d\"", counterclockwise(page->rotation));
	append_language(out, place.page_language, NULL);
	buffer_printf(out, ">\n\t\t\t<PrintSpace ID=\"space_%d\"", page->number);
	append_box(out, &whole);
	buffer_append_string(out, ">\n");
	for (size_t index = 0; index < page->block_count; index++)
		write_block(&place, &page->blocks[index], out);
	buffer_append_string(out, "\t\t\t</PrintSpace>\n\t\t</Page>\n");
}

/* ---- what stands before the pages ---- */

static bool has_source(const struct result *result, enum page_source source)
{
	for (size_t index = 0; index < result->page_count; index++)
		if (result->pages[index].source == source)
			return true;
	return false;
}

static void write_processing(const char *id, const char *step, const char *settings, const char *software,
			     const char *version, struct buffer *out)
{
	buffer_printf(out, "\t\t<Processing ID=\"%s\">\n", id);
	append_element(out, "\t\t\t", "processingCategory", "contentGeneration");
	append_element(out, "\t\t\t", "processingStepDescription", step);
	append_element(out, "\t\t\t", "processingStepSettings", settings);
	buffer_append_string(out, "\t\t\t<processingSoftware>\n");
	append_element(out, "\t\t\t\t", "softwareName", software);
	append_element(out, "\t\t\t\t", "softwareVersion", version);
	buffer_append_string(out, "\t\t\t</processingSoftware>\n\t\t</Processing>\n");
}

/* Where the text of the pages comes from: who read it, or the PDF itself. */
static void write_description(const struct result *result, struct buffer *out)
{
	const struct engine_info *engine = &result->engine;
	const char *reader = strcmp(engine->backend, "tesseract") ? "filot" : "tesseract";
	struct buffer settings = { 0 };
	if (*engine->backend)
		buffer_printf(&settings, "backend %s", engine->backend);
	if (*engine->model)
		buffer_printf(&settings, ", model %s", engine->model);
	if (*engine->model_sha256)
		buffer_printf(&settings, ", SHA-256 of the model %s", engine->model_sha256);
	buffer_append_string(out, "\t<Description>\n\t\t<MeasurementUnit>pixel</MeasurementUnit>\n");
	if (result->document) {
		buffer_append_string(out, "\t\t<sourceImageInformation>\n");
		append_element(out, "\t\t\t", "fileName", result->document);
		buffer_append_string(out, "\t\t</sourceImageInformation>\n");
	}
	if (has_source(result, PAGE_SOURCE_OCR))
		write_processing("reading", "text recognition", settings.data ? settings.data : "", reader, engine->version,
				 out);
	if (has_source(result, PAGE_SOURCE_TEXT_LAYER))
		write_processing("text_layer", "text layer of the PDF", "", "filot", FILOT_VERSION, out);
	buffer_append_string(out, "\t</Description>\n");
	out->failed |= settings.failed;
	buffer_free(&settings);
}

/* A TextStyle for each size of font. */
static void write_styles(const struct result *result, struct buffer *out)
{
	bool seen[LARGEST_FONT + 1] = { false }, some = false;
	for (size_t page = 0; page < result->page_count; page++)
		for (size_t line = 0; line < result->pages[page].line_count; line++)
			if (result->pages[page].lines[line].word_count)
				seen[font_size(&result->pages[page], &result->pages[page].lines[line])] = true;
	for (int size = 1; size <= LARGEST_FONT; size++) {
		if (!seen[size])
			continue;
		buffer_append_string(out, some ? "" : "\t<Styles>\n");
		buffer_printf(out, "\t\t<TextStyle ID=\"font_%d\" FONTSIZE=\"%d\"/>\n", size, size);
		some = true;
	}
	buffer_append_string(out, some ? "\t</Styles>\n" : "");
}

/* A tag for each kind of text block but plain ones. */
static void write_tags(const struct result *result, struct buffer *out)
{
	bool seen[BLOCK_KIND_COUNT] = { false }, some = false;
	for (size_t page = 0; page < result->page_count; page++)
		for (size_t block = 0; block < result->pages[page].block_count; block++)
			seen[result->pages[page].blocks[block].kind] = true;
	for (int kind = 0; kind < BLOCK_KIND_COUNT; kind++) {
		const char *tag = layout_tag((enum block_kind)kind);
		if (!seen[kind] || !tag)
			continue;
		buffer_append_string(out, some ? "" : "\t<Tags>\n");
		buffer_printf(out, "\t\t<LayoutTag ID=\"layout_%s\" TYPE=\"block\" LABEL=\"%s\"/>\n", tag, tag);
		some = true;
	}
	buffer_append_string(out, some ? "\t</Tags>\n" : "");
}

void output_alto_write(const struct result *result, struct buffer *out)
{
	if (!result->page_count)
		return;
	buffer_append_string(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
				  "<alto xmlns=\"http://www.loc.gov/standards/alto/ns-v4#\" "
				  "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "
				  "xsi:schemaLocation=\"http://www.loc.gov/standards/alto/ns-v4# "
				  "http://www.loc.gov/standards/alto/v4/alto-4-4.xsd\" SCHEMAVERSION=\"4.4\">\n");
	write_description(result, out);
	write_styles(result, out);
	write_tags(result, out);
	buffer_append_string(out, "\t<Layout>\n");
	for (size_t index = 0; index < result->page_count; index++)
		write_page(&result->pages[index], out);
	buffer_append_string(out, "\t</Layout>\n</alto>\n");
}
