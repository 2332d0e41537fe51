/*
 * usage: recognise_lines [-b BATCH] [-o FILE -n LINES] MODEL IMAGE...
 *
 * The network alone, libtesseract's and ours in one process on the same lines: libtesseract reads the images, and what
 * it calls for each line goes through functions of its names that this program defines: so the line image, its black
 * and contrast, the time of its network and its outputs are seen. Then our back ends run the same lines in batches,
 * the mean of a few runs, and every output is compared bit for bit. Exits with 1 when one differs.
 *
 * Prints a JSON line a figure on standard output and a table on standard error. With -o it writes the first LINES lines
 * and the hashes of their outputs, for tests/line_file.h.
 */
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tesseract/capi.h>
#include <unistd.h>

#include "common/base/array.h"
#include "common/ocr/network.h"
#include "tests/bench/hooks.h"
#include "tests/line_file.h"

#define RUNS 5
#define FORWARD "_ZN9tesseract6Series7ForwardEbRKNS_9NetworkIOEPKNS_15TransposedArrayEPNS_14NetworkScratchEPS1_"
#define FROM_PIX "_ZN9tesseract9NetworkIO7FromPixERKNS_11StaticShapeENS_5ImageEPNS_5TRandE"
#define SET_PIXEL "_ZN9tesseract9NetworkIO8SetPixelEiiiff"
#define READ_STEP "_ZNK9tesseract9NetworkIO12ReadTimeStepEiPf"

typedef void forward_function(void *series, bool debug, const void *input, const void *transposed, void *scratch,
			      void *output);
typedef void from_pix_function(void *io, const void *shape, PIX *pix, void *random);
typedef void set_pixel_function(void *io, int step, int channel, int pixel, float black, float contrast);
typedef void read_step_function(const void *io, int step, float *output);

forward_function series_forward __asm__(FORWARD);
from_pix_function io_from_pix __asm__(FROM_PIX);
set_pixel_function io_set_pixel __asm__(SET_PIXEL);

/* What the functions that libtesseract calls share with main; there is no other way to hand it to them. */
static struct {
	struct network_shape shape;
	struct network_line *lines;
	float **expected; /* [lines] libtesseract's outputs */
	size_t count, line_capacity, expected_capacity;
	size_t steps;
	int depth; /* networks inside networks */
	double forward_s;
} bench;

/* A line image is about to become the network's input. */
void io_from_pix(void *io, const void *shape, PIX *pix, void *random)
{
	static from_pix_function *function;
	size_t width, height;
	uint8_t *pixels = pixels_of(pix, &width, &height);

	if (!function)
		*(void **)&function = original(FROM_PIX);
	bench.lines = array_grow(bench.lines, &bench.line_capacity, bench.count + 1, sizeof *bench.lines);
	bench.expected = array_grow(bench.expected, &bench.expected_capacity, bench.count + 1, sizeof *bench.expected);
	if (!bench.lines || !bench.expected || height != (size_t)bench.shape.height)
		abort();
	bench.lines[bench.count] =
	    (struct network_line){ .pixels = pixels, .stride_bytes = width, .width = (int32_t)width };
	bench.expected[bench.count++] = NULL;
	function(io, shape, pix, random);
}

void io_set_pixel(void *io, int step, int channel, int pixel, float black, float contrast)
{
	static set_pixel_function *function;

	if (!function)
		*(void **)&function = original(SET_PIXEL);
	bench.lines[bench.count - 1].black = black;
	bench.lines[bench.count - 1].contrast = contrast;
	function(io, step, channel, pixel, black, contrast);
}

void series_forward(void *series, bool debug, const void *input, const void *transposed, void *scratch, void *output)
{
	static forward_function *function;
	static read_step_function *read_step;
	double start = now_s();

	if (!function) {
		*(void **)&function = original(FORWARD);
		*(void **)&read_step = original(READ_STEP);
	}
	bench.depth++;
	function(series, debug, input, transposed, scratch, output);
	if (--bench.depth > 0)
		return;
	bench.forward_s += now_s() - start;
	size_t steps = (size_t)(bench.lines[bench.count - 1].width / bench.shape.x_scale);
	size_t classes = (size_t)bench.shape.class_count;
	float *expected = allocate(steps * classes * sizeof *expected);

	for (size_t step = 0; step < steps; step++)
		read_step(output, (int)step, expected + step * classes);
	bench.expected[bench.count - 1] = expected;
	bench.steps += steps;
}

static size_t output_bytes(size_t line)
{
	return (size_t)(bench.lines[line].width / bench.shape.x_scale) * (size_t)bench.shape.class_count *
	       sizeof(float);
}

/* int32 lines, height, classes; for each: int32 width, float black, contrast, uint64 hash, the pixels. */
static void write_lines(const char *path, size_t count)
{
	FILE *file = fopen(path, "wb");
	int32_t head[3] = { (int32_t)count, bench.shape.height, bench.shape.class_count };

	if (!file || fwrite(head, sizeof head, 1, file) != 1)
		exit(1);
	for (size_t i = 0; i < count && i < bench.count; i++) {
		const struct network_line *line = &bench.lines[i];
		uint64_t hash = line_hash(bench.expected[i], output_bytes(i));

		(void)fwrite(&line->width, 4, 1, file);
		(void)fwrite(&line->black, 4, 1, file);
		(void)fwrite(&line->contrast, 4, 1, file);
		(void)fwrite(&hash, 8, 1, file);
		(void)fwrite(line->pixels, (size_t)line->width, (size_t)bench.shape.height, file);
	}
	if (fclose(file) != 0)
		exit(1);
}

static int by_width(const void *left, const void *right)
{
	int32_t a = bench.lines[*(const size_t *)left].width, b = bench.lines[*(const size_t *)right].width;

	return (a > b) - (a < b);
}

static void figure(const char *model, const char *name, double value, const char *unit)
{
	printf("{\"bench\":\"network\",\"model\":\"%s\",\"figure\":\"%s\",\"value\":%.6g,\"unit\":\"%s\"}\n", model,
	       name, value, unit);
	(void)fprintf(stderr, "  %-12s %-28s %12.4g %s\n", model, name, value, unit);
}

/* All lines, narrow ones first so that lines of like width meet, `batch` at a time. Returns how many differ. */
static size_t run_ours(const struct model *model, enum network_backend backend, size_t batch, double *spent_s)
{
	struct error error;
	struct network *network = network_new(model, backend, &error);
	struct network_workspace *workspace = network ? network_workspace_new(network, &error) : NULL;
	struct network_line *lines = allocate(bench.count * sizeof *lines);
	struct network_output *outputs = allocate(bench.count * sizeof *outputs);
	size_t *order = allocate(bench.count * sizeof *order), bad = 0;
	int runs = backend == NETWORK_GENERIC ? 1 : RUNS;

	for (size_t i = 0; i < bench.count; i++)
		order[i] = i;
	qsort(order, bench.count, sizeof *order, by_width);
	for (size_t i = 0; i < bench.count; i++)
		lines[i] = bench.lines[order[i]];
	*spent_s = 0;
	for (int run = 0; run < runs; run++)
		for (size_t first = 0; first < bench.count; first += batch) {
			size_t count = bench.count - first < batch ? bench.count - first : batch;
			double start = now_s();

			if (!workspace || !network_run(workspace, lines + first, count, outputs, &error)) {
				(void)fprintf(stderr, "recognise_lines: %s\n", error.message);
				exit(1);
			}
			*spent_s += (now_s() - start) / runs;
			for (size_t i = 0; run == 0 && i < count; i++)
				bad += memcmp(outputs[i].probabilities, bench.expected[order[first + i]],
					      output_bytes(order[first + i])) != 0;
		}
	free(order);
	free(outputs);
	free(lines);
	network_workspace_free(workspace);
	network_free(network);
	return bad;
}

static void read_images(const char *model_path, int count, char **images)
{
	char folder[4096], language[4096];

	(void)snprintf(folder, sizeof folder, "%s", model_path);
	(void)snprintf(language, sizeof language, "%s", model_path);
	char *name = basename(language);
	name[strcspn(name, ".")] = '\0';
	TessBaseAPI *api = TessBaseAPICreate();
	if (TessBaseAPIInit2(api, dirname(folder), name, OEM_LSTM_ONLY) != 0)
		exit(1);
	TessBaseAPISetPageSegMode(api, PSM_AUTO);
	for (int i = 0; i < count; i++) {
		PIX *image = pixRead(images[i]);

		if (!image)
			continue;
		TessBaseAPISetImage2(api, image);
		(void)TessBaseAPIRecognize(api, NULL);
		pixDestroy(&image);
	}
	TessBaseAPIDelete(api);
	if (bench.steps == 0) {
		(void)fprintf(stderr,
			      "recognise_lines: no line was seen: images without text, or a libtesseract whose network "
			      "cannot be hooked\n");
		exit(1);
	}
}

int main(int argc, char **argv)
{
	size_t batch = 64, written = 0, bad = 0;
	const char *output = NULL;
	struct error error;
	int option;

	while ((option = getopt(argc, argv, "b:o:n:")) != -1)
		if (option == 'o')
			output = optarg;
		else if (option == 'b')
			batch = strtoul(optarg, NULL, 10);
		else if (option == 'n')
			written = strtoul(optarg, NULL, 10);
		else
			return 64;
	if (argc - optind < 2 || batch < 1 || batch > NETWORK_LINES_MOST) {
		(void)fprintf(stderr, "usage: recognise_lines [-b BATCH] [-o FILE -n LINES] MODEL IMAGE...\n");
		return 64;
	}
	struct model *model = model_open(argv[optind], &error);
	struct network *network = model ? network_new(model, NETWORK_GENERIC, &error) : NULL;
	if (!network) {
		(void)fprintf(stderr, "recognise_lines: %s\n", error.message);
		return 1;
	}
	bench.shape = network_shape(network);
	network_free(network);
	read_images(argv[optind], argc - optind - 1, argv + optind + 1);
	if (output)
		write_lines(output, written);
	const char *name = basename(argv[optind]);
	double operations = (double)bench.shape.step_operations * (double)bench.steps;
	figure(name, "lines", (double)bench.count, "lines");
	figure(name, "steps", (double)bench.steps, "steps");
	figure(name, "operations_per_step", (double)bench.shape.step_operations, "multiplications");
	figure(name, "libtesseract", 1e6 * bench.forward_s / (double)bench.steps, "us/step");
	for (enum network_backend backend = 0; backend < NETWORK_BACKEND_COUNT; backend++) {
		char label[64];
		double spent_s;

		if (!network_backend_runs(backend))
			continue;
		size_t different = run_ours(model, backend, batch, &spent_s);

		bad += different;
		(void)snprintf(label, sizeof label, "%s", network_backend_name(backend));
		figure(name, label, 1e6 * spent_s / (double)bench.steps, "us/step");
		(void)snprintf(label, sizeof label, "%s_lines", network_backend_name(backend));
		figure(name, label, (double)bench.count / spent_s, "lines/s");
		(void)snprintf(label, sizeof label, "%s_rate", network_backend_name(backend));
		figure(name, label, 1e-9 * operations / spent_s, "10^9 multiplications/s");
		(void)snprintf(label, sizeof label, "%s_speedup", network_backend_name(backend));
		figure(name, label, bench.forward_s / spent_s, "x");
		(void)snprintf(label, sizeof label, "%s_lines_that_differ", network_backend_name(backend));
		figure(name, label, (double)different, "lines");
	}
	model_close(model);
	return bad ? 1 : 0;
}
