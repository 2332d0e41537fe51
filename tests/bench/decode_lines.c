/*
 * usage: decode_lines TESSDATA LANGUAGE IMAGE...
 *
 * Decoding of the same lines by libtesseract and by us, in one process: the images are read by libtesseract, whose beam
 * search is called through symbols that this program defines as well; so each line's outputs are seen on their way in,
 * and both searches are timed on them, each the best of a few runs, one after the other. Prints a JSON line a figure on
 * standard output and a table on standard error.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tesseract/capi.h>

#include "common/base/array.h"
#include "common/ocr/text_model.h"
#include "tests/bench/hooks.h"

#define RUNS 5
#define DECODE "_ZN9tesseract16RecodeBeamSearch6DecodeERKNS_9NetworkIOEdddPKNS_10UNICHARSETEi"
#define DECODE_STEP "_ZN9tesseract16RecodeBeamSearch10DecodeStepEPKfidddPKNS_10UNICHARSETEb"
#define EXTRACT                                                                                                        \
	"_ZN9tesseract16RecodeBeamSearch22ExtractBestPathAsWordsERKNS_4TBOXEfbPKNS_10UNICHARSETEPNS_"                  \
	"13PointerVectorINS_8WERD_RESEEEi"

typedef void decode_function(void *search, const void *outputs, double ratio, double offset, double worst,
			     const void *charset, int mode);
typedef void step_function(void *search, const float *outputs, int step, double ratio, double offset, double worst,
			   const void *charset, bool debug);
typedef void extract_function(void *search, const void *box, float scale, bool debug, const void *charset, void *words,
			      int mode);

decode_function search_decode __asm__(DECODE);
step_function search_step __asm__(DECODE_STEP);
extract_function search_extract __asm__(EXTRACT);

/* What the functions that libtesseract calls share with main; there is no other way to hand it to them. */
static struct {
	struct beam *beam;
	size_t output_count;
	bool recording;
	float *outputs; /* of the line being decoded, [step_count][output_count] */
	size_t step_count, capacity;
	size_t lines, steps, words;
	double theirs_s, reduce_s, ours_s;
} bench;

void search_step(void *search, const float *outputs, int step, double ratio, double offset, double worst,
		 const void *charset, bool debug)
{
	static step_function *function;

	if (!function)
		*(void **)&function = original(DECODE_STEP);
	if (bench.recording) {
		float *grown = array_grow(bench.outputs, &bench.capacity, (bench.step_count + 1) * bench.output_count,
					  sizeof *grown);

		if (!grown)
			abort();
		bench.outputs = grown;
		memcpy(grown + bench.step_count++ * bench.output_count, outputs, bench.output_count * sizeof *grown);
	}
	function(search, outputs, step, ratio, offset, worst, charset, debug);
}

void search_decode(void *search, const void *outputs, double ratio, double offset, double worst, const void *charset,
		   int mode)
{
	static decode_function *function;
	double best = 1e9;

	if (!function)
		*(void **)&function = original(DECODE);
	bench.step_count = 0;
	bench.recording = true;
	function(search, outputs, ratio, offset, worst, charset, mode);
	bench.recording = false;
	for (int run = 0; run < RUNS; run++) {
		double start = now_s(), spent;

		function(search, outputs, ratio, offset, worst, charset, mode);
		spent = now_s() - start;
		best = spent < best ? spent : best;
	}
	bench.theirs_s += best;
}

static void decode_ours(void)
{
	double best_reduce = 1e9, best = 1e9;
	struct beam_step reduced = { 0 };
	struct beam_line line;
	struct error error;

	for (int run = 0; run < RUNS; run++) {
		double start = now_s(), spent;

		for (size_t step = 0; step < bench.step_count; step++) {
			struct beam_reduced next =
			    beam_reduce(bench.outputs + step * bench.output_count, (int32_t)bench.output_count, 0);

			reduced.top += next.step.top;
		}
		spent = now_s() - start;
		best_reduce = spent < best_reduce ? spent : best_reduce;
		start = now_s();
		if (!beam_decode_outputs(bench.beam, bench.outputs, bench.step_count, bench.output_count,
					 bench.output_count, &line, &error)) {
			(void)fprintf(stderr, "decode_lines: %s\n", error.message);
			exit(1);
		}
		spent = now_s() - start;
		best = spent < best ? spent : best;
	}
	bench.words += line.word_count + (reduced.top < 0); /* never negative: keeps the loop above */
	bench.reduce_s += best_reduce;
	bench.ours_s += best;
	bench.lines++;
	bench.steps += bench.step_count;
}

void search_extract(void *search, const void *box, float scale, bool debug, const void *charset, void *words, int mode)
{
	static extract_function *function;
	double best = 1e9;

	if (!function)
		*(void **)&function = original(EXTRACT);
	for (int run = 0; run < RUNS; run++) {
		double start = now_s(), spent;

		function(search, box, scale, debug, charset, words, mode);
		spent = now_s() - start;
		best = spent < best ? spent : best;
	}
	bench.theirs_s += best;
	if (bench.step_count > 0)
		decode_ours();
}

/* Our side of the model; it lives until the program ends. */
static void open_model(const char *folder, const char *language)
{
	struct error error;
	struct text_models *models = text_models_new(folder, NETWORK_GENERIC, 1, &error);
	const struct text_model *model = models ? text_models_take(models, language, NULL, &error) : NULL;

	bench.beam = model ? beam_new(&model->decoding, &error) : NULL;
	if (!bench.beam) {
		(void)fprintf(stderr, "decode_lines: %s\n", error.message);
		exit(1);
	}
	bench.output_count = (size_t)model->shape.class_count;
}

static void figure(const char *language, const char *name, double value, const char *unit)
{
	printf("{\"bench\":\"beam\",\"language\":\"%s\",\"figure\":\"%s\",\"value\":%.4g,\"unit\":\"%s\"}\n", language,
	       name, value, unit);
	(void)fprintf(stderr, "  %-10s %-24s %12.4g %s\n", language, name, value, unit);
}

int main(int argc, char **argv)
{
	if (argc < 4) {
		(void)fprintf(stderr, "usage: decode_lines TESSDATA LANGUAGE IMAGE...\n");
		return 64;
	}
	open_model(argv[1], argv[2]);
	TessBaseAPI *api = TessBaseAPICreate();
	if (TessBaseAPIInit2(api, argv[1], argv[2], OEM_LSTM_ONLY) != 0)
		return 1;
	TessBaseAPISetPageSegMode(api, PSM_AUTO);
	for (int i = 3; i < argc; i++) {
		PIX *image = pixRead(argv[i]);

		if (!image)
			continue;
		TessBaseAPISetImage2(api, image);
		(void)TessBaseAPIRecognize(api, NULL);
		pixDestroy(&image);
	}
	if (bench.steps == 0) {
		(void)fprintf(stderr, "decode_lines: no line was seen: an image without text, or a libtesseract whose "
				      "search cannot be hooked\n");
		return 1;
	}
	figure(argv[2], "lines", (double)bench.lines, "lines");
	figure(argv[2], "steps", (double)bench.steps, "steps");
	figure(argv[2], "libtesseract", 1e6 * bench.theirs_s / (double)bench.steps, "us/step");
	figure(argv[2], "ours", 1e6 * bench.ours_s / (double)bench.steps, "us/step");
	figure(argv[2], "ours_reduce_alone", 1e6 * bench.reduce_s / (double)bench.steps, "us/step");
	figure(argv[2], "ours_rate", (double)bench.steps / bench.ours_s, "steps/s");
	figure(argv[2], "speedup", bench.theirs_s / bench.ours_s, "x");
	TessBaseAPIDelete(api);
	return 0;
}
