/*
 * usage: read_pages [-e libtesseract|filot] [-j PROCESSES] [-l LANGUAGE] [-o FOLDER] IMAGE...
 *
 * Whole pages in process, without start, queue or reader: decode, layout, recognise, decode-text, output, and what each
 * stage took. -e libtesseract recognises with libtesseract's own engine (OEM_LSTM_ONLY), -e filot with ours on one
 * thread; the layout is libtesseract's. The program read_pages_filot is the same with filot-reader's functions in place of
 * libtesseract's and Leptonica's (cmd/filot-reader/leptonica.c, libtesseract.c). Several processes share the images, one
 * image a time; models are loaded before the clock starts. The text of each image goes to FOLDER/NAME.txt.
 *
 * Stages of libtesseract are told apart by functions of its names that this program defines: recognise is its
 * RecognizeLine less the beam search, decode-text the beam search, output all that follows the layout but these.
 *
 * Prints JSON lines on standard output and a table on standard error.
 */
#include <limits.h>
#include <malloc.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/ocr/decode.h"
#include "common/ocr/page_reader.h"
#include "common/ocr/pixels.h"
#include "common/ocr/tesseract.h"
#include "tests/bench/hooks.h"

#define RECOGNIZE_LINE                                                                                                 \
	"_ZN9tesseract14LSTMRecognizer13RecognizeLineERKNS_9ImageDataEfbdRKNS_4TBOXEPNS_13PointerVectorINS_8WERD_"     \
	"RESEEEii"
#define DECODE "_ZN9tesseract16RecodeBeamSearch6DecodeERKNS_9NetworkIOEdddPKNS_10UNICHARSETEi"
#define EXTRACT                                                                                                        \
	"_ZN9tesseract16RecodeBeamSearch22ExtractBestPathAsWordsERKNS_4TBOXEfbPKNS_10UNICHARSETEPNS_"                  \
	"13PointerVectorINS_8WERD_RESEEEi"

typedef void recognize_function(void *recognizer, const void *image, float invert, bool debug, double worst,
				const void *box, void *words, int mode, int amount);
typedef void decode_function(void *search, const void *outputs, double ratio, double offset, double worst,
			     const void *charset, int mode);
typedef void extract_function(void *search, const void *box, float scale, bool debug, const void *charset, void *words,
			      int mode);

recognize_function recognize_line __asm__(RECOGNIZE_LINE);
decode_function search_decode __asm__(DECODE);
extract_function search_extract __asm__(EXTRACT);

enum stage { STAGE_DECODE, STAGE_LAYOUT, STAGE_RECOGNISE, STAGE_DECODE_TEXT, STAGE_OUTPUT, STAGE_COUNT };

static const char *const stage_names[STAGE_COUNT] = { "decode", "layout", "recognise", "decode_text", "output" };

struct figures {
	double stage_s[STAGE_COUNT];
	double cpu_s; /* of all threads; tells more than the wall clock on a machine that does other things too */
	long documents, pages, lines, failed;
};

/* What the processes share. */
struct shared {
	int next; /* image, taken by atomic addition */
	pthread_barrier_t loaded;
	double start_s;
	struct figures figures[1024]; /* of each process */
};

/* What the functions that libtesseract calls share with the rest; there is no other way to hand it to them. */
static struct {
	double line_s, decode_text_s;
	long lines;
} hooked;

void recognize_line(void *recognizer, const void *image, float invert, bool debug, double worst, const void *box,
		    void *words, int mode, int amount)
{
	static recognize_function *function;
	double start = now_s();

	if (!function)
		*(void **)&function = original(RECOGNIZE_LINE);
	function(recognizer, image, invert, debug, worst, box, words, mode, amount);
	hooked.line_s += now_s() - start;
	hooked.lines++;
}

void search_decode(void *search, const void *outputs, double ratio, double offset, double worst, const void *charset,
		   int mode)
{
	static decode_function *function;
	double start = now_s();

	if (!function)
		*(void **)&function = original(DECODE);
	function(search, outputs, ratio, offset, worst, charset, mode);
	hooked.decode_text_s += now_s() - start;
}

void search_extract(void *search, const void *box, float scale, bool debug, const void *charset, void *words, int mode)
{
	static extract_function *function;
	double start = now_s();

	if (!function)
		*(void **)&function = original(EXTRACT);
	function(search, box, scale, debug, charset, words, mode);
	hooked.decode_text_s += now_s() - start;
}

/* What a process reads with; `models` is NULL for libtesseract's own engine. */
struct engine {
	struct tesseract_engine *tesseract;
	struct text_models *models;
	const struct text_model *model;
	struct recogniser *recogniser;
	struct figures *figures;
};

static void fail(const struct error *error)
{
	(void)fprintf(stderr, "read_pages: %s\n", error->message);
	exit(1);
}

static void engine_open(struct engine *engine, bool is_ours, const char *language, const char *tessdata)
{
	struct recogniser_options options = recogniser_default_options;
	struct error error;

	engine->tesseract = tesseract_new(tessdata, &error);
	if (!engine->tesseract || !tesseract_load(engine->tesseract, language, &error))
		fail(&error);
	if (!is_ours)
		return;
	(void)mallopt(M_MMAP_MAX, 0); /* as memory_keep() of filot-reader */
	(void)mallopt(M_TRIM_THRESHOLD, INT_MAX);
	options.threads = 1;
	options.wait_us = 0; /* nobody else hands in lines */
	engine->models = text_models_new(tessdata, network_backend_best(), 1, &error);
	engine->model = engine->models ? text_models_take(engine->models, language, NULL, &error) : NULL;
	engine->recogniser = engine->model ? recogniser_new(&options, engine->models, &error) : NULL;
	if (!engine->recogniser)
		fail(&error);
}

static bool read_theirs(struct engine *engine, PIX *pix, struct page *page, struct error *error)
{
	double *stage_s = engine->figures->stage_s, start = now_s(), laid_out, total, line_s = hooked.line_s;
	double decode_text_s = hooked.decode_text_s;
	bool done = tesseract_layout(engine->tesseract, pix, 3, 0, error);

	laid_out = now_s();
	done = done && tesseract_recognise(engine->tesseract, page, error);
	total = now_s() - laid_out;
	line_s = hooked.line_s - line_s;
	decode_text_s = hooked.decode_text_s - decode_text_s;
	stage_s[STAGE_LAYOUT] += laid_out - start;
	stage_s[STAGE_RECOGNISE] += line_s - decode_text_s;
	stage_s[STAGE_DECODE_TEXT] += decode_text_s;
	stage_s[STAGE_OUTPUT] += total - line_s;
	engine->figures->lines = hooked.lines;
	return done;
}

static bool read_ours(struct engine *engine, PIX *pix, struct page *page, struct error *error)
{
	struct recogniser_figures before = recogniser_figures(engine->recogniser), after;
	double *stage_s = engine->figures->stage_s, start = now_s(), laid_out, total, network_s, decode_text_s;
	struct page_reading *reading;
	struct layout layout;
	PIX *grey = pixels_without_colour(pix); /* as straighten.c */
	bool done = tesseract_lines(engine->tesseract, grey ? grey : pix, 3, 0, &engine->model->shape.height, 1,
				    &layout, error);

	pixDestroy(&grey);
	laid_out = now_s();
	reading = done ? page_reading_begin(engine->recogniser, &layout, &engine->model, 1, error) : NULL;
	done = reading && page_reading_finish(reading, page, error);
	page_reading_free(reading);
	total = now_s() - laid_out;
	after = recogniser_figures(engine->recogniser);
	network_s = 1e-6 * (double)(after.network_us - before.network_us);
	decode_text_s = 1e-6 * (double)(after.decode_us - before.decode_us);
	stage_s[STAGE_LAYOUT] += laid_out - start;
	stage_s[STAGE_RECOGNISE] += network_s;
	stage_s[STAGE_DECODE_TEXT] += decode_text_s;
	stage_s[STAGE_OUTPUT] += total - network_s - decode_text_s;
	engine->figures->lines = after.lines;
	return done;
}

/* FOLDER/NAME.txt for .../NAME.EXTENSION; NULL without a folder. */
static FILE *open_output(const char *folder, const char *image)
{
	const char *name = strrchr(image, '/') ? strrchr(image, '/') + 1 : image, *dot = strrchr(name, '.');
	char path[4096];
	FILE *file;

	if (!folder)
		return NULL;
	(void)snprintf(path, sizeof path, "%s/%.*s.txt", folder, (int)(dot ? dot - name : (ptrdiff_t)strlen(name)),
		       name);
	file = fopen(path, "w");
	if (!file) {
		perror(path);
		exit(1);
	}
	return file;
}

static void read_image(struct engine *engine, const char *path, const char *folder)
{
	double start = now_s();
	struct error error = { .message = "not an image" };
	size_t length = 0;
	l_uint8 *bytes = l_binaryRead(path, &length);
	enum media media;
	struct image *image = bytes && media_find(bytes, length, &media, &error) && media != MEDIA_PDF
				  ? image_open(media, bytes, length, &error)
				  : NULL;
	FILE *output = open_output(folder, path);
	bool done = image != NULL;

	engine->figures->documents++;
	engine->figures->stage_s[STAGE_DECODE] += now_s() - start;
	for (int32_t number = 1; done && number <= image_page_count(image); number++) {
		struct page page = { 0 };

		start = now_s();
		PIX *pix = image_page(image, number, INT64_C(400000000), &error);
		engine->figures->stage_s[STAGE_DECODE] += now_s() - start;
		done = pix && (engine->models ? read_ours : read_theirs)(engine, pix, &page, &error);
		if (output && done)
			(void)fprintf(output, "%s%s", number > 1 ? "\f" : "", page.text);
		engine->figures->pages++;
		page_free(&page);
		pixDestroy(&pix);
	}
	if (!done) {
		(void)fprintf(stderr, "read_pages: %s: %s\n", path, error.message);
		engine->figures->failed++;
	}
	if (output)
		(void)fclose(output);
	image_close(image);
	free(bytes);
}

static double cpu_now_s(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void run_process(struct shared *shared, struct engine *engine, int count, char **images, const char *folder)
{
	if (pthread_barrier_wait(&shared->loaded) == PTHREAD_BARRIER_SERIAL_THREAD)
		shared->start_s = now_s();
	double start = cpu_now_s();
	for (int i; (i = __atomic_fetch_add(&shared->next, 1, __ATOMIC_RELAXED)) < count;)
		read_image(engine, images[i], folder);
	engine->figures->cpu_s = cpu_now_s() - start;
}

static struct shared *shared_new(unsigned processes)
{
	struct shared *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_barrierattr_t attributes;

	if (shared == MAP_FAILED)
		exit(1);
	pthread_barrierattr_init(&attributes);
	pthread_barrierattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	pthread_barrier_init(&shared->loaded, &attributes, processes);
	return shared;
}

static void report(const struct shared *shared, long processes, bool is_ours, double spent_s)
{
	struct figures sum = { 0 };
	const char *engine = is_ours ? "filot" : "libtesseract";
	struct rusage usage;

	for (long i = 0; i < processes; i++) {
		const struct figures *figures = &shared->figures[i];

		for (int stage = 0; stage < STAGE_COUNT; stage++)
			sum.stage_s[stage] += figures->stage_s[stage];
		sum.cpu_s += figures->cpu_s;
		sum.documents += figures->documents;
		sum.pages += figures->pages;
		sum.lines += figures->lines;
		sum.failed += figures->failed;
	}
	(void)getrusage(RUSAGE_CHILDREN, &usage);
	printf("{\"bench\":\"ocr\",\"engine\":\"%s\",\"processes\":%ld,\"documents\":%ld,\"pages\":%ld,\"lines\":%ld,"
	       "\"failed\":%ld,\"seconds\":%.4f,\"cpu_seconds\":%.4f,\"peak_kib\":%ld",
	       engine, processes, sum.documents, sum.pages, sum.lines, sum.failed, spent_s, sum.cpu_s, usage.ru_maxrss);
	(void)fprintf(stderr, "  %-13s %2ld proc %6.2f pages/s %7.1f lines/s  ms/page:", engine, processes,
		      (double)sum.pages / spent_s, (double)sum.lines / spent_s);
	for (int stage = 0; stage < STAGE_COUNT; stage++) {
		double page_ms = 1000.0 * sum.stage_s[stage] / (double)sum.pages;

		printf(",\"%s_ms\":%.3f", stage_names[stage], page_ms);
		(void)fprintf(stderr, " %s %.1f", stage_names[stage], page_ms);
	}
	printf("}\n");
	(void)fprintf(stderr, "\n");
}

int main(int argc, char **argv)
{
	const char *language = "eng", *folder = NULL;
	bool is_ours = false, all_ended = true;
	long processes = 1;
	struct error error;
	char tessdata[4096];
	int option;

	while ((option = getopt(argc, argv, "e:j:l:o:")) != -1)
		if (option == 'e')
			is_ours = strcmp(optarg, "filot") == 0;
		else if (option == 'j')
			processes = strtol(optarg, NULL, 10);
		else if (option == 'l')
			language = optarg;
		else if (option == 'o')
			folder = optarg;
		else
			return 64;
	if (optind == argc || processes < 1 || processes > 1024)
		return 64;
	if (!tesseract_default_folder(tessdata, sizeof tessdata, &error))
		fail(&error);
	setMsgSeverity(L_SEVERITY_NONE);
	struct shared *shared = shared_new((unsigned)processes);
	for (long i = 0; i < processes; i++) {
		if (fork() != 0)
			continue;
		struct engine engine = { .figures = &shared->figures[i] };

		engine_open(&engine, is_ours, language, tessdata);
		run_process(shared, &engine, argc - optind, argv + optind, folder);
		_exit(0);
	}
	for (int status; wait(&status) > 0;)
		all_ended = all_ended && WIFEXITED(status) && WEXITSTATUS(status) == 0;
	report(shared, processes, is_ours, now_s() - shared->start_s);
	return !all_ended;
}
