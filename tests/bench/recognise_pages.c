/*
 * usage: recognise_pages [-l LANGUAGE] [-b LINES] [-s] [-r RUNS] TESSDATA IMAGE...
 *
 * Recognition of lines (image to words), libtesseract's and ours in one process on the same lines: libtesseract reads
 * the images, and what it calls for each line goes through functions of its names that this program defines; so its
 * time for each line is seen (LSTMRecognizer::RecognizeLine: scaling the crop, network, decoding), and the image that
 * its network got, with the inverse where it tried that. Then our recogniser reads these lines page by page as a worker
 * would hand them in, on one thread and on all cores, the best of a few runs (libtesseract reads once: it is a mean of
 * thousands).
 *
 * -s also measures batches of other sizes. Prints a JSON line a figure on standard output, a table on standard error.
 */
#include <string.h>
#include <sys/resource.h>
#include <tesseract/capi.h>
#include <unistd.h>

#include "common/base/array.h"
#include "common/ocr/recogniser.h"
#include "tests/bench/hooks.h"

#define PAGES_AHEAD 4 /* handed in before the first is waited for, as documents that are read at once do */
#define FROM_PIX "_ZN9tesseract9NetworkIO7FromPixERKNS_11StaticShapeENS_5ImageEPNS_5TRandE"
#define RECOGNIZE_LINE                                                                                                 \
	"_ZN9tesseract14LSTMRecognizer13RecognizeLineERKNS_9ImageDataEfbdRKNS_4TBOXEPNS_13PointerVectorINS_8WERD_"     \
	"RESEEEii"

typedef void from_pix_function(void *io, const void *shape, PIX *pix, void *random);
typedef void recognize_function(void *recognizer, const void *image, float invert, bool debug, double worst,
				const void *box, void *words, int mode, int amount);

from_pix_function io_from_pix __asm__(FROM_PIX);
recognize_function recognize_line __asm__(RECOGNIZE_LINE);

struct page {
	size_t first, count; /* of bench.lines */
};

/* What the functions that libtesseract calls share with main; there is no other way to hand it to them. */
static struct {
	struct line_image *lines;
	size_t count, capacity;
	size_t images; /* of the line that is being read */
	int64_t inverses;
	int64_t columns;
	struct page *pages;
	size_t page_count, page_capacity;
	double theirs_s;
	const char *language;
} bench;

/* A line image is about to become the network's input: the line's, then its inverse. */
void io_from_pix(void *io, const void *shape, PIX *pix, void *random)
{
	static from_pix_function *function;
	double start = now_s();
	size_t width, height;
	uint8_t *pixels = pixels_of(pix, &width, &height);

	if (!function)
		*(void **)&function = original(FROM_PIX);
	if (bench.images++ == 0) {
		bench.lines = array_grow(bench.lines, &bench.capacity, bench.count + 1, sizeof *bench.lines);
		if (!bench.lines)
			abort();
		bench.lines[bench.count++] =
		    (struct line_image){ .pixels = pixels, .width = (int32_t)width, .height = (int32_t)height };
		bench.columns += (int64_t)width;
	} else {
		bench.lines[bench.count - 1].inverse = pixels;
		bench.inverses++;
	}
	bench.theirs_s -= now_s() - start; /* our copy is none of its time */
	function(io, shape, pix, random);
}

void recognize_line(void *recognizer, const void *image, float invert, bool debug, double worst, const void *box,
		    void *words, int mode, int amount)
{
	static recognize_function *function;
	double start = now_s();

	if (!function)
		*(void **)&function = original(RECOGNIZE_LINE);
	bench.images = 0;
	function(recognizer, image, invert, debug, worst, box, words, mode, amount);
	bench.theirs_s += now_s() - start;
}

static void figure(const char *name, double value, const char *unit, const char *wanted)
{
	printf("{\"bench\":\"ocr\",\"language\":\"%s\",\"figure\":\"%s\",\"value\":%.5g,\"unit\":\"%s\",\"wanted\":\"%"
	       "s\"}\n",
	       bench.language, name, value, unit, wanted);
	(void)fprintf(stderr, "  %-44s %12.5g %-10s %s\n", name, value, unit, wanted);
}

static void read_images(const char *folder, int count, char **images)
{
	TessBaseAPI *api = TessBaseAPICreate();

	if (TessBaseAPIInit2(api, folder, bench.language, OEM_LSTM_ONLY) != 0)
		exit(1);
	TessBaseAPISetPageSegMode(api, PSM_AUTO);
	for (int i = 0; i < count; i++) {
		PIX *image = pixRead(images[i]);
		size_t first = bench.count;

		if (!image)
			continue;
		TessBaseAPISetImage2(api, image);
		(void)TessBaseAPIRecognize(api, NULL);
		pixDestroy(&image);
		bench.pages = array_grow(bench.pages, &bench.page_capacity, bench.page_count + 1, sizeof *bench.pages);
		if (!bench.pages)
			abort();
		bench.pages[bench.page_count++] = (struct page){ first, bench.count - first };
	}
	TessBaseAPIDelete(api);
	if (bench.count == 0) {
		(void)fprintf(stderr, "recognise_pages: no line was seen: images without text, or a libtesseract that "
				      "cannot be hooked\n");
		exit(1);
	}
}

static void fail(const struct error *error)
{
	(void)fprintf(stderr, "recognise_pages: %s\n", error->message);
	exit(1);
}

static void finish(struct recogniser_page *page, size_t count)
{
	struct line_text *texts = allocate((count + 1) * sizeof *texts);
	struct error error;

	if (!recogniser_wait(page, texts, &error))
		fail(&error);
	recogniser_page_free(page);
	for (size_t i = 0; i < count; i++)
		line_text_free(&texts[i]);
	free(texts);
}

/* All pages once; the seconds that took. */
static double read_pages(struct recogniser *recogniser, const struct text_model *model)
{
	struct recogniser_page *ahead[PAGES_AHEAD];
	double start = now_s();
	struct error error;

	for (size_t i = 0; i < bench.page_count + PAGES_AHEAD; i++) {
		if (i >= PAGES_AHEAD)
			finish(ahead[i % PAGES_AHEAD], bench.pages[i - PAGES_AHEAD].count);
		if (i >= bench.page_count)
			continue;
		ahead[i % PAGES_AHEAD] = recogniser_submit(recogniser, model, bench.lines + bench.pages[i].first,
							   bench.pages[i].count, &error);
		if (!ahead[i % PAGES_AHEAD])
			fail(&error);
	}
	return now_s() - start;
}

/* Seconds of the best of some runs; *figures are those of all of them. */
static double measure(struct text_models *models, const struct text_model *model, int32_t threads, int32_t lines,
		      int runs, struct recogniser_figures *figures)
{
	struct recogniser_options options = recogniser_default_options;
	struct recogniser *recogniser;
	struct error error;
	double best = 0;

	options.threads = threads;
	if (lines > 0) {
		options.batch_lines = lines;
		options.batch_columns = lines * 1536;
	}
	recogniser = recogniser_new(&options, models, &error);
	if (!recogniser)
		fail(&error);
	for (int run = 0; run < runs; run++) {
		double spent = read_pages(recogniser, model);

		best = run == 0 || spent < best ? spent : best;
	}
	*figures = recogniser_figures(recogniser);
	recogniser_free(recogniser);
	return best;
}

static void measure_sizes(struct text_models *models, const struct text_model *model)
{
	static const int32_t sizes[] = { 1, 2, 4, 8, 16, 32, 64 };

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		struct recogniser_figures figures;
		char name[64];

		(void)snprintf(name, sizeof name, "lines_batch_%d", sizes[i]);
		figure(name, (double)bench.count / measure(models, model, 1, sizes[i], 1, &figures), "lines/s", "");
	}
}

static void measure_ours(struct text_models *models, const struct text_model *model, int32_t lines, int runs)
{
	struct recogniser_figures figures;
	double steps = (double)(bench.columns / model->shape.x_scale);
	double one_s = measure(models, model, 1, lines, runs, &figures), all_s;
	const char *wanted = model->network && network_backend_best() == NETWORK_AVX512VNNI ? ">= 8" : ">= 4";

	figure("lines_ours_one_core", (double)bench.count / one_s, "lines/s", "");
	figure("lines_ours_one_core_step", 1e6 * one_s / steps, "us/step", "");
	figure("lines_ours_network_share",
	       100.0 * (double)figures.network_us / (double)(figures.network_us + figures.decode_us), "%", "");
	figure("lines_ours_inverse", (double)figures.inverse_lines / runs, "lines", "");
	figure("lines_ours_batch", (double)figures.lines / (double)figures.batches, "lines/batch", "");
	figure("lines_speedup_one_core", bench.theirs_s / one_s, "x", wanted);
	all_s = measure(models, model, 0, lines, runs, &figures);
	figure("lines_ours_all_cores", (double)bench.count / all_s, "lines/s", "");
	figure("lines_ours_all_cores_scaling", one_s / all_s, "x", "");
}

/* What a processor without VNNI would do. */
static void measure_avx2(const char *tessdata, int32_t lines, int runs)
{
	struct recogniser_figures figures;
	struct error error;
	struct text_models *models = text_models_new(tessdata, NETWORK_AVX2, 1, &error);
	const struct text_model *model = models ? text_models_take(models, bench.language, NULL, &error) : NULL;
	if (!model)
		fail(&error);
	figure("lines_speedup_one_core_avx2", bench.theirs_s / measure(models, model, 1, lines, runs, &figures), "x", ">= 4");
	text_models_give(models, model);
	text_models_free(models);
}

int main(int argc, char **argv)
{
	int32_t lines = 0;
	bool all_sizes = false;
	struct error error;
	int option, runs = 3;

	bench.language = "eng";
	while ((option = getopt(argc, argv, "l:b:sr:")) != -1)
		if (option == 'l')
			bench.language = optarg;
		else if (option == 'b')
			lines = (int32_t)strtol(optarg, NULL, 10);
		else if (option == 'r')
			runs = (int)strtol(optarg, NULL, 10);
		else if (option == 's')
			all_sizes = true;
		else
			return 64;
	if (argc - optind < 2 || runs < 1 || lines < 0 || lines > NETWORK_LINES_MOST) {
		(void)fprintf(stderr,
			      "usage: recognise_pages [-l LANGUAGE] [-b LINES] [-s] [-r RUNS] TESSDATA IMAGE...\n");
		return 64;
	}
	struct text_models *models = text_models_new(argv[optind], network_backend_best(), 1, &error);
	const struct text_model *model = models ? text_models_take(models, bench.language, NULL, &error) : NULL;
	if (!model)
		fail(&error);
	read_images(argv[optind], argc - optind - 1, argv + optind + 1);
	figure("lines", (double)bench.count, "lines", "");
	figure("lines_libtesseract", (double)bench.count / bench.theirs_s, "lines/s", "");
	figure("lines_libtesseract_step", 1e6 * bench.theirs_s * model->shape.x_scale / (double)bench.columns,
	       "us/step", "");
	figure("lines_libtesseract_inverse", (double)bench.inverses, "lines", "");
	measure_ours(models, model, lines, runs);
	if (network_backend_best() == NETWORK_AVX512VNNI)
		measure_avx2(argv[optind], lines, runs);
	if (all_sizes)
		measure_sizes(models, model);
	text_models_give(models, model);
	text_models_free(models);
	return 0;
}
