/*
 * usage: sandbox_documents DOCUMENTS IMAGE
 *
 * The same image as DOCUMENTS documents, decoded and read: in this process, by readers without their fence, and behind it,
 * in turns so that all three meet the same machine, each when the one before has cleaned up. Prints a JSON line each:
 * milliseconds a document (median), milliseconds of processor a document (all of it, the cleaning up, too), and for readers
 * what starting one takes.
 */
#include <fcntl.h>
#include <leptonica/allheaders.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/ocr/decode.h"
#include "common/ocr/reader.h"
#include "common/ocr/tesseract.h"

#define REST_MS 5 /* between two documents */

enum way { IN_PROCESS, NO_SANDBOX, SANDBOX, WAYS };

static const char *const names[WAYS] = { "in_process", "no_sandbox", "sandbox" };

static int compare(const void *first, const void *second)
{
	int64_t a = *(const int64_t *)first, b = *(const int64_t *)second;
	return (a > b) - (a < b);
}

static bool read_here(struct tesseract_engine *engine, int descriptor, struct error *error)
{
	struct stat status;
	struct page page = { 0 };
	enum media media;
	if (fstat(descriptor, &status) != 0)
		return error_set(error, ERROR_INTERNAL, "fstat");
	size_t length = (size_t)status.st_size;
	void *bytes = mmap(NULL, length, PROT_READ, MAP_PRIVATE, descriptor, 0);
	struct image *image = NULL;
	if (bytes != MAP_FAILED && media_find(bytes, length, &media, error))
		image = image_open(media, bytes, length, error);
	PIX *pix = image ? image_page(image, 1, reader_default_limits.page_pixels, error) : NULL;
	bool done = pix && tesseract_layout(engine, pix, 3, 0, error) && tesseract_recognise(engine, &page, error);
	pixDestroy(&pix);
	image_close(image);
	page_free(&page);
	if (bytes != MAP_FAILED)
		(void)munmap(bytes, length);
	return done;
}

static bool read_there(struct reader *reader, int descriptor, struct error *error)
{
	const struct reader_request request = { .descriptor = descriptor, .lang = "eng", .psm = 3 };
	struct result result = { 0 };
	bool done = reader_read(reader, &request, &result, error);
	result_free_pages(&result);
	return done;
}

/* Of this process, or of one and those that it waited for; 0 when not known. */
static double processor_ms(int process)
{
	char path[64];
	unsigned long long ticks[4] = { 0 };
	(void)snprintf(path, sizeof path, "/proc/%d/stat", process);
	FILE *file = fopen(path, "re");
	bool known = file && fscanf(file, "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %llu %llu", &ticks[0],
				    &ticks[1], &ticks[2], &ticks[3]) == 4;
	if (file)
		(void)fclose(file);
	return known ? (double)(ticks[0] + ticks[1] + ticks[2] + ticks[3]) * 1000 / (double)sysconf(_SC_CLK_TCK) : 0;
}

int main(int argc, char **argv)
{
	struct error error = { 0 };
	char folder[PATH_MAX];
	struct reader *readers[WAYS] = { 0 };
	int64_t start_us[WAYS] = { 0 };
	double used_ms[WAYS] = { 0 };
	int descriptor = argc == 3 ? open(argv[2], O_RDONLY | O_CLOEXEC) : -1;
	size_t count = argc == 3 ? strtoul(argv[1], NULL, 10) : 0;
	int64_t *times_us = calloc(WAYS * count + 1, sizeof *times_us);
	if (descriptor < 0 || !count || !times_us)
		return 64;
	bool done = tesseract_default_folder(folder, sizeof folder, &error);
	struct tesseract_engine *engine = done ? tesseract_new(folder, &error) : NULL;
	done = engine && tesseract_load(engine, "eng", &error);
	for (int way = NO_SANDBOX; done && way < WAYS; way++) {
		const struct reader_options options = { .limits = reader_default_limits, .no_sandbox = way == NO_SANDBOX };
		int64_t before_us = clock_monotonic_us();
		readers[way] = reader_new(&options, &error);
		done = readers[way] && reader_start(readers[way], "eng", &error);
		start_us[way] = clock_monotonic_us() - before_us;
	}
	for (int way = IN_PROCESS; done && way < WAYS; way++)
		used_ms[way] = -processor_ms(way == IN_PROCESS ? getpid() : reader_process(readers[way]));
	for (size_t i = 0; done && i < count; i++)
		for (int way = IN_PROCESS; done && way < WAYS; way++) {
			clock_sleep_ms(REST_MS);
			int64_t before_us = clock_monotonic_us();
			done = way == IN_PROCESS ? read_here(engine, descriptor, &error) :
						   read_there(readers[way], descriptor, &error);
			times_us[(size_t)way * count + i] = clock_monotonic_us() - before_us;
		}
	for (int way = IN_PROCESS; done && way < WAYS; way++) {
		used_ms[way] += processor_ms(way == IN_PROCESS ? getpid() : reader_process(readers[way]));
		qsort(times_us + (size_t)way * count, count, sizeof *times_us, compare);
		printf("{\"bench\":\"sandbox\",\"way\":\"%s\",\"ms_a_document\":%.3f,\"cost_ms\":%.3f,\"processor_ms\":%.2f,"
		       "\"start_ms\":%.1f,\"documents\":%zu}\n",
		       names[way], (double)times_us[(size_t)way * count + count / 2] / 1000,
		       (double)(times_us[(size_t)way * count + count / 2] - times_us[count / 2]) / 1000,
		       used_ms[way] / (double)count, (double)start_us[way] / 1000, count);
	}
	if (!done)
		(void)fprintf(stderr, "sandbox_documents: %s\n", error.message);
	for (int way = NO_SANDBOX; way < WAYS; way++)
		reader_free(readers[way]);
	tesseract_free(engine);
	free(times_us);
	(void)close(descriptor);
	return done ? 0 : 70;
}
