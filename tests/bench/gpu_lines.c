/*
 * usage: gpu_lines [-c] [-s SECONDS] MODEL LINES-FILE
 *
 * The network on lines of a file that recognise_lines wrote (with the hashes of libtesseract's outputs): every output of
 * the GPU is compared bit for bit, and what it reduces them to, then lines and steps a second (so reduced, as they are
 * read) by the fastest back end of one core, and by the GPU for batches of several sizes in several threads (batches in
 * flight), with the GPU's time for each stage. -c: only the comparison, in a few batches (for tools that slow a GPU
 * down). JSON lines on standard output. Exit status: 69 without a GPU, 1 when an output differs.
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/ocr/network.h"
#include "common/ocr/network_gpus.h"
#include "tests/line_file.h"

#define THREADS_MOST 16

/* A thread that runs batches of copies of the lines until the time is over. */
struct runner {
	pthread_t thread;
	const struct network *network;
	const struct line_file *lines;
	size_t batch;
	int64_t until_us, lines_done, steps_done;
	bool failed;
};

static void *allocate(size_t count, size_t bytes)
{
	void *memory = calloc(count, bytes);

	if (!memory)
		abort();
	return memory;
}

/* Whether a line's steps, read by the GPU, are what the processor reads. */
static bool same_steps(const struct network_reading *left, const struct network_reading *right)
{
	return left->step_count == right->step_count &&
	       memcmp(left->steps, right->steps, (size_t)left->step_count * sizeof *left->steps) == 0;
}

/* How many lines the GPU reads otherwise than the processor. */
static size_t compare_readings(const struct network *gpu, const struct network *processor,
			       const struct line_file *lines, struct error *error)
{
	struct network_workspace *workspaces[2] = { network_workspace_new(gpu, error),
						    network_workspace_new(processor, error) };
	struct network_reading *readings[2] = { allocate(lines->count, sizeof *readings[0]),
						allocate(lines->count, sizeof *readings[0]) };
	size_t different = 0;

	for (int i = 0; i < 2; i++)
		if (!workspaces[i] || !network_read(workspaces[i], lines->lines, lines->count, readings[i], error))
			different = lines->count;
	for (size_t i = 0; different < lines->count && i < lines->count; i++)
		different += !same_steps(&readings[0][i], &readings[1][i]);
	for (int i = 0; i < 2; i++) {
		network_workspace_free(workspaces[i]);
		free(readings[i]);
	}
	return different;
}

/* How many lines differ from libtesseract's outputs, each run alone and all in one batch. */
static size_t compare(const struct network *network, const struct line_file *lines, struct error *error)
{
	struct network_workspace *workspace = network_workspace_new(network, error);
	struct network_output *outputs = allocate(lines->count, sizeof *outputs);
	size_t classes = (size_t)network_shape(network).class_count, different = 0;

	for (size_t part = 1; workspace && part <= lines->count; part = part < lines->count / 4 ? part * 4 :
						  part < lines->count ? lines->count : lines->count + 1)
		for (size_t first = 0; first < lines->count; first += part) {
			size_t left = lines->count - first, count = left < part ? left : part;

			if (!network_run(workspace, lines->lines + first, count, outputs, error)) {
				different += count;
				continue;
			}
			for (size_t i = 0; i < count; i++)
				different += line_hash(outputs[i].probabilities, (size_t)outputs[i].step_count * classes *
										    sizeof(float)) !=
					     lines->hashes[first + i];
		}
	network_workspace_free(workspace);
	free(outputs);
	return workspace ? different : lines->count;
}

static void *run_batches(void *argument)
{
	struct runner *runner = argument;
	struct error error = { 0 };
	struct network_workspace *workspace = network_workspace_new(runner->network, &error);
	struct network_line *batch = allocate(runner->batch, sizeof *batch);
	struct network_reading *readings = allocate(runner->batch, sizeof *readings);

	for (size_t i = 0; i < runner->batch; i++)
		batch[i] = runner->lines->lines[i % runner->lines->count];
	while (workspace && !runner->failed && clock_monotonic_us() < runner->until_us) {
		runner->failed = !network_read(workspace, batch, runner->batch, readings, &error);
		runner->lines_done += (int64_t)runner->batch;
		for (size_t i = 0; i < runner->batch; i++)
			runner->steps_done += readings[i].step_count;
	}
	runner->failed |= !workspace;
	if (runner->failed)
		(void)fprintf(stderr, "gpu_lines: batch of %zu: %s\n", runner->batch, error.message);
	network_workspace_free(workspace);
	free(readings);
	free(batch);
	return NULL;
}

/* Lines a second; prints the figure. */
static double measure(const struct network *network, const struct line_file *lines, const char *backend, size_t batch,
		      int threads, double seconds, double one_core)
{
	struct runner runners[THREADS_MOST];
	int64_t start_us = clock_monotonic_us(), lines_done = 0, steps_done = 0;
	double spent_s, rate;

	for (int i = 0; i < threads; i++) {
		runners[i] = (struct runner){ .network = network, .lines = lines, .batch = batch };
		runners[i].until_us = start_us + (int64_t)(seconds * 1e6);
		if (pthread_create(&runners[i].thread, NULL, run_batches, &runners[i]) != 0)
			abort();
	}
	for (int i = 0; i < threads; i++) {
		(void)pthread_join(runners[i].thread, NULL);
		lines_done += runners[i].failed ? 0 : runners[i].lines_done;
		steps_done += runners[i].failed ? 0 : runners[i].steps_done;
	}
	spent_s = (double)(clock_monotonic_us() - start_us) * 1e-6;
	rate = (double)lines_done / spent_s;
	printf("{\"bench\":\"gpu_lines\",\"backend\":\"%s\",\"batch\":%zu,\"threads\":%d,\"lines_per_s\":%.6g,"
	       "\"steps_per_s\":%.6g,\"times_one_core\":%.4g}\n",
	       backend, batch, threads, rate, (double)steps_done / spent_s, one_core > 0 ? rate / one_core : 1.0);
	(void)fflush(stdout);
	return rate;
}

static void measure_all(const struct network *gpu, const struct network *processor, enum network_backend backend,
			const struct line_file *lines, double seconds)
{
	static const size_t batches[] = { 32, 128, 256, 512, 1024 };
	static const int threads[] = { 1, 2, 4, 8 };
	cpu_set_t all, one;
	double one_core;
	size_t first = 0;

	(void)sched_getaffinity(0, sizeof all, &all);
	while (!CPU_ISSET(first, &all))
		first++;
	CPU_ZERO(&one);
	CPU_SET(first, &one);
	(void)sched_setaffinity(0, sizeof one, &one);
	one_core = measure(processor, lines, network_backend_name(backend), 32, 1, seconds, 0);
	(void)sched_setaffinity(0, sizeof all, &all);
	for (size_t i = 0; i < sizeof batches / sizeof *batches; i++)
		for (size_t j = 0; j < sizeof threads / sizeof *threads; j++)
			(void)measure(gpu, lines, "cuda", batches[i], threads[j], seconds, one_core);
}

static void print_stages(struct network_gpus *gpus)
{
	struct network_gpu_figures all[NETWORK_GPUS_MOST];
	size_t count = network_gpus_figures(gpus, all, NETWORK_GPUS_MOST);

	for (size_t i = 0; i < count; i++) {
		const struct network_gpu_figures *gpu = &all[i];
		double us = (double)(gpu->upload_us + gpu->convolve_us + gpu->lstm_us + gpu->softmax_us +
				     gpu->download_us);

		us = us > 0 ? us : 1;
		printf("{\"bench\":\"gpu_stages\",\"gpu\":%d,\"name\":\"%s\",\"batches\":%lld,\"upload\":%.4f,"
		       "\"convolve\":%.4f,\"lstm\":%.4f,\"softmax\":%.4f,\"download\":%.4f}\n",
		       gpu->number, gpu->name, (long long)gpu->batches, (double)gpu->upload_us / us,
		       (double)gpu->convolve_us / us, (double)gpu->lstm_us / us, (double)gpu->softmax_us / us,
		       (double)gpu->download_us / us);
	}
}

int main(int argc, char **argv)
{
	enum network_backend best = network_backend_best();
	struct error error = { 0 };
	struct line_file lines = { 0 };
	double seconds = 2;
	bool only_compare = false;
	int option;

	while ((option = getopt(argc, argv, "cs:")) != -1)
		if (option == 'c')
			only_compare = true;
		else if (option == 's')
			seconds = strtod(optarg, NULL);
		else
			return EX_USAGE;
	if (argc - optind != 2)
		return EX_USAGE;
	struct network_gpus *gpus = network_gpus_open(&(struct network_gpus_options){ .streams = 8 }, &error);
	struct model *model = gpus ? model_open(argv[optind], &error) : NULL;
	struct network *gpu = model ? network_new_on(model, gpus, &error) : NULL;
	struct network *processor = gpu ? network_new(model, best, &error) : NULL;
	if (!processor || !line_file_read(argv[optind + 1], NETWORK_LINES_MOST, &lines)) {
		(void)fprintf(stderr, "gpu_lines: %s\n", processor ? "the lines cannot be read" : error.message);
		return gpus ? 1 : EX_UNAVAILABLE;
	}
	size_t different = compare(gpu, &lines, &error), otherwise = compare_readings(gpu, processor, &lines, &error);
	printf("{\"bench\":\"gpu_equal\",\"lines\":%zu,\"outputs_that_differ\":%zu,\"readings_that_differ\":%zu}\n",
	       lines.count, different, otherwise);
	if (error.code)
		(void)fprintf(stderr, "gpu_lines: %s\n", error.message);
	if (!only_compare && different + otherwise == 0)
		measure_all(gpu, processor, best, &lines, seconds);
	print_stages(gpus);
	network_free(gpu);
	network_free(processor);
	network_gpus_close(gpus);
	model_close(model);
	return different + otherwise > 0 ? 1 : 0;
}
