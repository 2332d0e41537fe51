/*
 * usage: equal_pages [-b BACKEND] [-l LANG] [-p PSM] [-d TESSDATA] [-v] IMAGE...
 *
 * Whether ours reads what libtesseract reads: each page of each image by libtesseract's own engine (OEM_LSTM_ONLY) and by
 * ours, in this process, on the same layout. Compared are the plain text, byte by byte, and, in order, words' boxes,
 * texts and confidences, lines and paragraphs.
 *
 * A JSON line for each page that differs and one for all on standard output, a table on standard error. Exits with 1 when
 * the text of a page differs.
 */
#include <leptonica/allheaders.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/buffer.h"
#include "common/ocr/decode.h"
#include "common/ocr/page_reader.h"
#include "common/ocr/tesseract.h"

struct comparison {
	struct text_models *cache;
	const struct text_model *models[TEXT_MODELS_AT_ONCE];
	size_t model_count;
	struct recogniser *recogniser;
	struct tesseract_engine *tesseract;
	int32_t psm;
	bool verbose;
	/* figures */
	int64_t pages, equal_texts, equal_boxes, equal_all, words, word_boxes, word_texts;
	double worst_confidence;
};

static void die(const struct error *error)
{
	(void)fprintf(stderr, "equal_pages: %s\n", error->message);
	exit(70);
}

static void print_string(const char *text, size_t length)
{
	putchar('"');
	for (size_t i = 0; i < length && text[i]; i++) {
		unsigned char byte = (unsigned char)text[i];

		if (byte == '"' || byte == '\\')
			printf("\\%c", byte);
		else if (byte < 0x20)
			printf("\\u%04x", byte);
		else
			putchar(byte);
	}
	putchar('"');
}

/* The line around the first place where two texts differ. */
static void print_difference(const char *theirs, const char *ours)
{
	size_t at = 0, line = 0, number = 1;

	while (theirs[at] && theirs[at] == ours[at]) {
		if (theirs[at++] == '\n') {
			line = at;
			number++;
		}
	}
	printf(",\"line\":%zu,\"tesseract\":", number);
	print_string(theirs + line, strcspn(theirs + line, "\n") + 1);
	printf(",\"ours\":");
	print_string(ours + line, strcspn(ours + line, "\n") + 1);
}

static bool boxes_equal(const struct box *a, const struct box *b)
{
	return a->x == b->x && a->y == b->y && a->width == b->width && a->height == b->height;
}

/* What of lines, blocks and paragraphs differs first; NULL: nothing. */
static const char *first_difference(const struct page *a, const struct page *b)
{
	if (a->block_count != b->block_count || a->paragraph_count != b->paragraph_count || a->line_count != b->line_count)
		return "counts";
	if (a->confidence != b->confidence)
		return "mean confidence";
	if (a->dpi != b->dpi)
		return "dpi";
	for (size_t i = 0; i < a->line_count; i++) {
		const struct line *left = &a->lines[i], *right = &b->lines[i];

		if (!boxes_equal(&left->box, &right->box))
			return "box of a line";
		if (memcmp(left->baseline, right->baseline, sizeof left->baseline) != 0 ||
		    left->row_height_px != right->row_height_px || left->orientation != right->orientation)
			return "baseline";
		if (left->paragraph != right->paragraph || left->block != right->block)
			return "paragraph of a line";
		if (fabsf(left->confidence - right->confidence) >= 0.001f)
			return "confidence of a line";
	}
	for (size_t i = 0; i < a->block_count; i++)
		if (!boxes_equal(&a->blocks[i].box, &b->blocks[i].box) || a->blocks[i].kind != b->blocks[i].kind)
			return "box of a block";
	for (size_t i = 0; i < a->paragraph_count; i++)
		if (!boxes_equal(&a->paragraphs[i].box, &b->paragraphs[i].box) ||
		    a->paragraphs[i].right_to_left != b->paragraphs[i].right_to_left)
			return "box of a paragraph";
	return NULL;
}

static void compare(struct comparison *run, const char *name, const struct page *theirs, const struct page *ours)
{
	bool text = strcmp(theirs->text, ours->text) == 0, boxes = theirs->word_count == ours->word_count;
	size_t first_box = SIZE_MAX;
	double worst = 0.0;

	for (size_t i = 0; i < theirs->word_count && i < ours->word_count; i++) {
		bool same = boxes_equal(&theirs->words[i].box, &ours->words[i].box);
		double difference = fabs((double)theirs->words[i].confidence - (double)ours->words[i].confidence);

		run->word_boxes += same;
		run->word_texts += strcmp(theirs->words[i].text, ours->words[i].text) == 0;
		if (!same && first_box == SIZE_MAX)
			first_box = i;
		boxes &= same;
		worst = difference > worst ? difference : worst;
	}
	const char *difference = first_difference(theirs, ours);
	bool lines = !difference;
	run->words += (int64_t)theirs->word_count;
	run->pages++;
	run->equal_texts += text;
	run->equal_boxes += text && boxes;
	run->equal_all += text && boxes && lines && worst < 0.001;
	if (text && worst > run->worst_confidence)
		run->worst_confidence = worst;
	if (text && boxes && lines && worst < 0.001 && !run->verbose)
		return;
	printf("{\"bench\":\"equal\",\"page\":\"%s\",\"text\":%s,\"boxes\":%s,\"other\":\"%s\",\"confidence\":%.3f,\"words\":[%zu,%zu]",
	       name, text ? "true" : "false", boxes ? "true" : "false", difference ? difference : "", worst,
	       theirs->word_count, ours->word_count);
	if (!text)
		print_difference(theirs->text, ours->text);
	if (first_box != SIZE_MAX && text) {
		const struct box *a = &theirs->words[first_box].box, *b = &ours->words[first_box].box;

		printf(",\"word\":%zu,\"boxes_of\":[[%d,%d,%d,%d],[%d,%d,%d,%d]]", first_box, a->x, a->y, a->width,
		       a->height, b->x, b->y, b->width, b->height);
	}
	printf("}\n");
	(void)fflush(stdout);
}

static bool read_ours(struct comparison *run, PIX *image, struct page *page, struct error *error)
{
	int32_t heights[LAYOUT_MOST_HEIGHTS];
	size_t height_count = page_reader_heights(run->models, run->model_count, heights);
	struct layout layout;

	if (!tesseract_lines(run->tesseract, image, run->psm, 0, heights, height_count, &layout, error))
		return false;
	struct buffer bytes = { 0 };
	layout_write(&layout, &bytes);
	layout_free(&layout);
	bool done = layout_read(&layout, bytes.data, bytes.length, error);
	buffer_free(&bytes);
	struct page_reading *reading =
	    done ? page_reading_begin(run->recogniser, &layout, run->models, run->model_count, error) : NULL;
	done = reading && page_reading_finish(reading, page, error);
	page_reading_free(reading);
	return done;
}

static void compare_image(struct comparison *run, const char *path)
{
	struct error error = { 0 };
	size_t length = 0;
	l_uint8 *bytes = l_binaryRead(path, &length);
	enum media media;
	struct image *image = bytes && media_find(bytes, length, &media, &error) && media != MEDIA_PDF ?
				  image_open(media, bytes, length, &error) :
				  NULL;

	if (!image) {
		(void)fprintf(stderr, "equal_pages: %s: not read (%s)\n", path, error.message);
		free(bytes);
		return;
	}
	for (int32_t number = 1; number <= image_page_count(image); number++) {
		struct page theirs = { 0 }, ours = { 0 };
		char name[4096];
		PIX *pix = image_page(image, number, INT64_C(400000000), &error);

		if (!pix) {
			(void)fprintf(stderr, "equal_pages: %s: %s\n", path, error.message);
			continue;
		}
		(void)snprintf(name, sizeof name, "%s#%d", strrchr(path, '/') ? strrchr(path, '/') + 1 : path, number);
		if (!tesseract_layout(run->tesseract, pix, run->psm, 0, &error) ||
		    !tesseract_recognise(run->tesseract, &theirs, &error) || !read_ours(run, pix, &ours, &error))
			(void)fprintf(stderr, "equal_pages: %s: %s\n", name, error.message);
		else
			compare(run, name, &theirs, &ours);
		page_free(&theirs);
		page_free(&ours);
		pixDestroy(&pix);
	}
	image_close(image);
	free(bytes);
}

static void open_models(struct comparison *run, const char *tessdata, const char *languages, enum network_backend backend)
{
	struct error error = { 0 };

	run->cache = text_models_new(tessdata, backend, TEXT_MODELS_AT_ONCE, &error);
	run->tesseract = tesseract_new(tessdata, &error);
	if (!run->cache || !run->tesseract || !tesseract_load(run->tesseract, languages, &error))
		die(&error);
	run->model_count = text_models_take_all(run->cache, languages, run->models, &error);
	if (run->model_count == 0)
		die(&error);
	run->recogniser = recogniser_new(&recogniser_default_options, run->cache, &error);
	if (!run->recogniser)
		die(&error);
}

int main(int argc, char **argv)
{
	struct comparison run = { .psm = 3 };
	struct error error = { 0 };
	char languages[1024] = "eng", tessdata[4096];
	enum network_backend backend = network_backend_best();
	int option;

	if (!tesseract_default_folder(tessdata, sizeof tessdata, &error))
		die(&error);
	setMsgSeverity(L_SEVERITY_NONE);
	while ((option = getopt(argc, argv, "b:l:p:d:v")) != -1) {
		if (option == 'b')
			for (backend = 0; backend < NETWORK_BACKEND_COUNT - 1; backend++)
				if (strcmp(network_backend_name(backend), optarg) == 0)
					break;
		if (option == 'l')
			(void)snprintf(languages, sizeof languages, "%s", optarg);
		if (option == 'd')
			(void)snprintf(tessdata, sizeof tessdata, "%s", optarg);
		if (option == 'p')
			run.psm = (int32_t)strtol(optarg, NULL, 10);
		run.verbose |= option == 'v';
		if (option == '?')
			return 64;
	}
	char name[1024];
	(void)snprintf(name, sizeof name, "%s", languages);
	open_models(&run, tessdata, languages, backend);
	for (int i = optind; i < argc; i++)
		compare_image(&run, argv[i]);
	printf("{\"bench\":\"equal\",\"version\":\"%s\",\"lang\":\"%s\",\"backend\":\"%s\",\"psm\":%d,\"pages\":%lld,\"equal_texts\":%lld,"
	       "\"equal_boxes\":%lld,\"equal_all\":%lld,\"words\":%lld,\"word_texts\":%lld,\"word_boxes\":%lld,"
	       "\"worst_confidence\":%.4f}\n",
	       tesseract_version(), name, network_backend_name(backend), run.psm, (long long)run.pages,
	       (long long)run.equal_texts, (long long)run.equal_boxes, (long long)run.equal_all, (long long)run.words,
	       (long long)run.word_texts, (long long)run.word_boxes, run.worst_confidence);
	(void)fprintf(stderr, "%-10s %s: %lld of %lld pages have the same text, %lld also the same word boxes, %lld are the same in all\n",
		      name, network_backend_name(backend), (long long)run.equal_texts, (long long)run.pages,
		      (long long)run.equal_boxes, (long long)run.equal_all);
	recogniser_free(run.recogniser);
	text_models_give_all(run.cache, run.models, run.model_count);
	text_models_free(run.cache);
	tesseract_free(run.tesseract);
	return run.equal_texts == run.pages ? 0 : 1;
}
