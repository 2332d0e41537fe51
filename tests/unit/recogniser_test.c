/*
 * The recogniser: what it reads on a line never depends on the batch, the threads or the other pages; pages come back
 * whole and in order, or with an error; models are loaded once and given up when they are many. Lines are those of
 * tests/data/network-eng.bin, which libtesseract made, and random ones.
 */
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/sanitized.h"
#include "common/ocr/recogniser_private.h"
#include "tests/line_file.h"
#define RANDOM_SEED 88001
#include "tests/unit/random.h"
#include "tests/unit/tessdata.h"
#include "tests/unit/test.h"

#define LINES_MOST 64
#define PAGES 12

static _Noreturn void bail_out(const char *why)
{
	printf("Bail out! %s\n", why);
	exit(1);
}

static void *allocate(size_t bytes)
{
	void *memory = calloc(1, bytes + 1);

	if (!memory)
		abort();
	return memory;
}

/* Real lines of the English network's height. */
static size_t read_lines(struct line_image *lines)
{
	struct line_file file;

	if (!line_file_read("tests/data/network-eng.bin", LINES_MOST, &file))
		bail_out("tests/data/network-eng.bin cannot be read");
	size_t count = file.count;
	for (size_t i = 0; i < count; i++)
		lines[i] = (struct line_image){ .pixels = file.lines[i].pixels,
						.width = file.lines[i].width,
						.height = file.height };
	file.count = 0; /* the pixels are the caller's now */
	line_file_free(&file);
	return count;
}

static struct line_image random_line(int32_t width)
{
	uint8_t *pixels = allocate((size_t)width * 36);

	for (size_t i = 0; i < (size_t)width * 36; i++)
		pixels[i] = (uint8_t)random_below(256);
	return (struct line_image){ .pixels = pixels, .width = width, .height = 36 };
}

static void free_lines(struct line_image *lines, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free((void *)(uintptr_t)lines[i].pixels);
}

/* A recogniser with the English model; the tests cannot go on without. */
struct bench {
	struct text_models *models;
	const struct text_model *model;
	struct recogniser *recogniser;
};

static struct bench bench_open(struct recogniser_options options)
{
	struct bench bench = { 0 };
	struct error error = { 0 };

	bench.models = text_models_new(tessdata(), network_backend_best(), 2, &error);
	bench.model = bench.models ? text_models_take(bench.models, "eng", NULL, &error) : NULL;
	bench.recogniser = bench.model ? recogniser_new(&options, bench.models, &error) : NULL;
	if (!bench.recogniser)
		bail_out(error.message);
	return bench;
}

static void bench_close(struct bench *bench)
{
	recogniser_free(bench->recogniser);
	text_models_give(bench->models, bench->model);
	text_models_free(bench->models);
}

static struct recogniser_options options_of(int32_t threads, int32_t batch_lines)
{
	struct recogniser_options options = recogniser_default_options;

	options.threads = threads;
	options.batch_lines = batch_lines;
	return options;
}

static struct recogniser_page *submit(const struct bench *bench, const struct line_image *lines, size_t count)
{
	struct error error = { 0 };
	struct recogniser_page *page = recogniser_submit(bench->recogniser, bench->model, lines, count, &error);

	if (!page)
		bail_out(error.message);
	return page;
}

static void read_page(const struct bench *bench, const struct line_image *lines, size_t count, struct line_text *texts)
{
	struct recogniser_page *page = submit(bench, lines, count);
	struct error error = { 0 };

	CHECK(recogniser_wait(page, texts, &error));
	recogniser_page_free(page);
}

/* Every number of every character and word. */
static bool same_text(const struct line_text *a, const struct line_text *b)
{
	if (a->failed != b->failed || a->inverted != b->inverted || a->step_count != b->step_count ||
	    a->character_count != b->character_count || a->word_count != b->word_count)
		return false;
	for (size_t i = 0; i < a->character_count; i++) {
		const struct beam_character *x = &a->characters[i], *y = &b->characters[i];

		if (x->unichar != y->unichar || x->step != y->step || x->first_step != y->first_step ||
		    x->end_step != y->end_step || memcmp(&x->certainty, &y->certainty, sizeof(float)) != 0 ||
		    memcmp(&x->rating, &y->rating, sizeof(float)) != 0)
			return false;
	}
	for (size_t i = 0; i < a->word_count; i++) {
		const struct beam_word *x = &a->words[i], *y = &b->words[i];

		if (x->first_character != y->first_character || x->character_count != y->character_count ||
		    x->permuter != y->permuter || memcmp(&x->final_certainty, &y->final_certainty, sizeof(float)) != 0)
			return false;
	}
	return true;
}

static void free_texts(struct line_text *texts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		line_text_free(&texts[i]);
}

/* What a line reads as, all alone on one thread. */
static void read_alone(const struct line_image *lines, size_t count, struct line_text *texts)
{
	struct bench bench = bench_open(options_of(1, 1));

	for (size_t i = 0; i < count; i++)
		read_page(&bench, &lines[i], 1, &texts[i]);
	bench_close(&bench);
}

static void text_of(const struct text_model *model, const struct line_text *line, char *text, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i < line->character_count; i++)
		used += (size_t)snprintf(text + used, size - used, "%s",
					 line->characters[i].unichar == UNICHAR_SPACE
					     ? " "
					     : model->decoding.unicharset->unichars[line->characters[i].unichar].text);
}

static void a_real_line_is_read(void)
{
	struct bench bench = bench_open(options_of(1, 16));
	struct line_image lines[LINES_MOST];
	size_t count = read_lines(lines);
	struct line_text texts[LINES_MOST];
	char text[512] = "";

	read_page(&bench, lines, count, texts);
	text_of(bench.model, &texts[0], text, sizeof text);
	CHECK_STRING(text, "This is a lot of 12 point text to test the");
	CHECK(!texts[0].inverted && !texts[0].failed);
	CHECK_INTEGER(texts[0].step_count, lines[0].width / bench.model->shape.x_scale);
	free_texts(texts, count);
	free_lines(lines, count);
	bench_close(&bench);
}

static void a_line_has_the_same_text_alone_first_last_and_among_63_others(void)
{
	struct bench bench = bench_open(options_of(1, 64));
	struct line_image real[LINES_MOST], lines[LINES_MOST];
	size_t count = read_lines(real);
	struct line_text alone, texts[LINES_MOST];

	printf("# seed %llu\n", (unsigned long long)random_state);
	read_alone(&real[0], 1, &alone);
	CHECK(alone.word_count > 0);
	for (size_t place = 0; place < LINES_MOST; place += SANITIZED ? 63 : 21) {
		for (size_t i = 0; i < LINES_MOST; i++)
			lines[i] = i == place ? real[0] : random_line(3 + (int32_t)random_below(200));
		read_page(&bench, lines, LINES_MOST, texts);
		CHECK(same_text(&texts[place], &alone));
		lines[place].pixels = NULL;
		free_lines(lines, LINES_MOST);
		free_texts(texts, LINES_MOST);
	}
	line_text_free(&alone);
	free_lines(real, count);
	bench_close(&bench);
}

static void a_line_of_white_on_black_is_read_as_its_inverse(void)
{
	struct bench bench = bench_open(options_of(2, 8));
	struct line_image lines[LINES_MOST], pair[2];
	size_t count = read_lines(lines), bytes = (size_t)lines[0].width * (size_t)lines[0].height;
	uint8_t *inverse = allocate(bytes);
	struct line_text texts[2], given, plain;

	for (size_t i = 0; i < bytes; i++)
		inverse[i] = (uint8_t)(UINT8_MAX - lines[0].pixels[i]);
	pair[0] = pair[1] = lines[0];
	pair[0].pixels = inverse;
	pair[1].pixels = inverse;
	pair[1].inverse = lines[0].pixels;
	read_alone(&lines[0], 1, &plain);
	read_page(&bench, pair, 2, texts);
	for (int i = 0; i < 2; i++) {
		CHECK(texts[i].inverted);
		given = texts[i];
		given.inverted = false;
		CHECK(same_text(&given, &plain));
	}
	free_texts(texts, 2);
	line_text_free(&plain);
	free(inverse);
	free_lines(lines, count);
	bench_close(&bench);
}

static void lines_that_the_network_cannot_take_come_back_failed_and_the_others_read(void)
{
	struct bench bench = bench_open(options_of(1, 8));
	struct line_image lines[3] = { random_line(2), random_line(90), random_line(1) };
	struct line_text texts[3];

	read_page(&bench, lines, 3, texts);
	CHECK(texts[0].failed && texts[0].word_count == 0);
	CHECK(!texts[1].failed && texts[1].step_count == 30);
	CHECK(texts[2].failed);
	free_texts(texts, 3);
	read_page(&bench, lines, 0, texts);
	free_lines(lines, 3);
	bench_close(&bench);
}

static void a_line_of_another_height_is_refused(void)
{
	struct bench bench = bench_open(options_of(1, 8));
	struct line_image line = random_line(90);
	struct error error = { 0 };

	line.height = 35;
	CHECK(!recogniser_submit(bench.recogniser, bench.model, &line, 1, &error));
	CHECK_INTEGER(error.code, ERROR_BAD_INPUT);
	free_lines(&line, 1);
	bench_close(&bench);
}

/* One caller of many: its pages, read several at a time, must come back whole and in order. */
struct caller {
	const struct bench *bench;
	const struct line_image *lines;
	const struct line_text *expected;
	size_t count, wrong;
};

static void *call(void *argument)
{
	struct caller *caller = argument;
	struct line_text texts[LINES_MOST];

	for (size_t page = 0; page < PAGES; page += 2) {
		/* The second is a part of the lines, so that pages of different sizes mix. */
		struct recogniser_page *first = submit(caller->bench, caller->lines, caller->count);
		struct recogniser_page *second = submit(caller->bench, caller->lines + 1, caller->count - 1);
		struct error error;

		if (!recogniser_wait(second, texts, &error))
			caller->wrong++;
		for (size_t i = 0; i + 1 < caller->count; i++)
			caller->wrong += !same_text(&texts[i], &caller->expected[i + 1]);
		free_texts(texts, caller->count - 1);
		if (!recogniser_wait(first, texts, &error))
			caller->wrong++;
		for (size_t i = 0; i < caller->count; i++)
			caller->wrong += !same_text(&texts[i], &caller->expected[i]);
		free_texts(texts, caller->count);
		recogniser_page_free(first);
		recogniser_page_free(second);
	}
	return NULL;
}

static void pages_of_many_callers_come_back_in_order_with_the_text_of_one_thread(void)
{
	struct recogniser_options options = options_of(4, 8);
	struct line_image lines[LINES_MOST];
	struct line_text expected[LINES_MOST];
	struct caller callers[4];
	pthread_t threads[4];
	size_t count = read_lines(lines);

	free_lines(lines + 4, count > 4 ? count - 4 : 0);
	count = 4;
	for (; count < 10; count++)
		lines[count] = random_line(3 + (int32_t)random_below(120));
	options.waiting_columns = 2000; /* callers wait for each other */
	options.wait_us = 500;
	struct bench bench = bench_open(options);
	read_alone(lines, count, expected);
	for (size_t i = 0; i < 4; i++) {
		callers[i] = (struct caller){ .bench = &bench, .lines = lines, .expected = expected, .count = count };
		if (pthread_create(&threads[i], NULL, call, &callers[i]) != 0)
			bail_out("no thread");
	}
	for (size_t i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		CHECK_INTEGER(callers[i].wrong, 0);
	}
	struct recogniser_figures figures = recogniser_figures(bench.recogniser);
	CHECK_INTEGER(figures.lines, 4 * PAGES / 2 * (2 * (int64_t)count - 1));
	CHECK(figures.batches < figures.lines);
	free_texts(expected, count);
	free_lines(lines, count);
	bench_close(&bench);
}

static void a_cancelled_page_ends_soon_and_costs_the_others_nothing(void)
{
	struct bench bench = bench_open(options_of(1, 1));
	struct line_image lines[40], one = random_line(60);
	struct line_text texts[40], alone;
	struct error error = { 0 };

	for (size_t i = 0; i < 40; i++)
		lines[i] = random_line(600);
	struct recogniser_page *page = submit(&bench, lines, 40), *other = submit(&bench, &one, 1);
	recogniser_cancel(page);
	CHECK(!recogniser_wait(page, texts, &error));
	CHECK_INTEGER(error.code, ERROR_TRY_AGAIN);
	CHECK(texts[0].words == NULL);
	CHECK(recogniser_wait(other, texts, &error));
	CHECK(recogniser_figures(bench.recogniser).lines < 40);
	read_alone(&one, 1, &alone);
	CHECK(same_text(&texts[0], &alone));
	line_text_free(&texts[0]);
	line_text_free(&alone);
	recogniser_page_free(page);
	recogniser_page_free(other);
	/* Given up without being waited for. */
	recogniser_page_free(submit(&bench, lines, 40));
	CHECK(recogniser_figures(bench.recogniser).lines < 80);
	free_lines(lines, 40);
	free_lines(&one, 1);
	bench_close(&bench);
}

/* Lets this process have so many bytes of address space more than it has. */
static void limit_memory(int64_t more_bytes)
{
	long long pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	if (!file || fscanf(file, "%lld", &pages) != 1)
		exit(9);
	(void)fclose(file);
	const struct rlimit limit = { .rlim_cur = (rlim_t)(pages * getpagesize() + more_bytes),
				      .rlim_max = RLIM_INFINITY };
	if (setrlimit(RLIMIT_AS, &limit) != 0)
		exit(9);
}

/* 0 when all lines were read as expected with so much memory more, 1 when there was no memory, 2 when they were not. */
static int read_within(const struct line_image *lines, const struct line_text *expected, size_t count,
		       int64_t more_bytes)
{
	struct recogniser_options options = options_of(1, 64);
	struct line_text texts[LINES_MOST];
	struct error error = { 0 };
	int status = 0;

	options.batch_columns = NETWORK_COLUMNS_MOST;
	struct bench bench = bench_open(options);
	read_page(&bench, lines, 1, texts); /* what a thread needs whatever the batch */
	line_text_free(&texts[0]);
	limit_memory(more_bytes);
	struct recogniser_page *page = submit(&bench, lines, count);
	if (!recogniser_wait(page, texts, &error))
		return error.code == ERROR_OUT_OF_MEMORY ? 1 : 2;
	for (size_t i = 0; i < count; i++)
		status = same_text(&texts[i], &expected[i]) ? status : 2;
	return status;
}

static int child_status(const struct line_image *lines, const struct line_text *expected, size_t count,
			int64_t more_bytes)
{
	int status = 0;

	(void)fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		(void)mallopt(M_ARENA_MAX, 1); /* each one more reserves 64 MB of addresses, when threads happen to meet */
		_exit(read_within(lines, expected, count, more_bytes));
	}
	return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* 64 lines of 1500 pixels want some 40 MB at once. */
static void with_too_little_memory_a_batch_is_read_in_parts_and_with_less_it_is_an_error(void)
{
	struct line_image lines[LINES_MOST];
	struct line_text expected[LINES_MOST];

	if (SANITIZED) {
		printf("# not under sanitizers, which need the address space themselves\n");
		return;
	}
	for (size_t i = 0; i < LINES_MOST; i++)
		lines[i] = random_line(1500);
	read_alone(lines, LINES_MOST, expected);
	CHECK_INTEGER(child_status(lines, expected, LINES_MOST, INT64_C(200) << 20), 0);
	CHECK_INTEGER(child_status(lines, expected, LINES_MOST, INT64_C(30) << 20), 0);
	free_lines(lines + 1, LINES_MOST - 1);
	lines[1] = random_line(60000);
	CHECK_INTEGER(child_status(lines, expected, 2, INT64_C(4) << 20), 1);
	free_texts(expected, LINES_MOST);
	free_lines(lines, 2);
}

/* The queue alone, with lines of given widths. */
struct queue_bench {
	struct recogniser recogniser;
	struct text_model models[2];
	struct line_image images[LINES_MOST];
	struct recogniser_line lines[LINES_MOST];
	struct recogniser_page pages[2];
};

static void queue_add(struct queue_bench *bench, size_t page, size_t first, const int32_t *widths, size_t count)
{
	bench->pages[page] = (struct recogniser_page){ .recogniser = &bench->recogniser,
						       .model = &bench->models[page],
						       .lines = bench->lines + first,
						       .readable_count = count };
	for (size_t i = 0; i < count; i++) {
		bench->images[first + i].width = widths[i];
		bench->lines[first + i] =
		    (struct recogniser_line){ .page = &bench->pages[page], .image = &bench->images[first + i] };
	}
	CHECK(recogniser_queue_add(&bench->recogniser.queue, &bench->pages[page], 1000));
}

static void queue_free(struct queue_bench *bench)
{
	free(bench->recogniser.queue.waiting);
	free(bench->recogniser.queue.candidates);
	free(bench);
}

static void a_batch_has_the_lines_nearest_in_width_to_the_oldest(void)
{
	struct queue_bench *bench = allocate(sizeof *bench);
	static const int32_t widths[] = { 500, 90, 480, 100, 900, 510, 110, 890, 495 }, other[] = { 501, 502 };
	struct recogniser_options options = options_of(1, 4);
	struct recogniser_line *lines[4];
	int64_t ready_us = 0;

	queue_add(bench, 0, 0, widths, 9);
	queue_add(bench, 1, 9, other, 2);
	size_t count = recogniser_queue_take(&bench->recogniser.queue, &options, 1, 1000, lines, &ready_us);
	CHECK_INTEGER(count, 4);
	for (size_t i = 0; i < count; i++)
		CHECK(lines[i]->image->width >= 480 && lines[i]->image->width <= 510 &&
		      lines[i]->page == &bench->pages[0]);
	CHECK_INTEGER(bench->recogniser.queue.count, 7);
	CHECK_INTEGER(bench->recogniser.queue.columns, 90 + 100 + 900 + 110 + 890 + 501 + 502);
	/* The oldest is now 90 pixels wide; five wait for its model, which are few, so the time decides. */
	CHECK_INTEGER(recogniser_queue_take(&bench->recogniser.queue, &options, 1, 1000, lines, &ready_us), 0);
	CHECK_INTEGER(ready_us, 1000 + options.wait_us);
	count = recogniser_queue_take(&bench->recogniser.queue, &options, 1, ready_us, lines, &ready_us);
	CHECK_INTEGER(count, 4);
	CHECK(lines[count - 1]->image->width == 90);
	recogniser_queue_remove(&bench->recogniser.queue, &bench->pages[1]);
	CHECK_INTEGER(bench->recogniser.queue.count, 1);
	CHECK_INTEGER(bench->recogniser.queue.columns, 900);
	queue_free(bench);
}

static void a_batch_keeps_to_its_columns_and_leaves_a_share_for_each_thread(void)
{
	struct queue_bench *bench = allocate(sizeof *bench);
	struct recogniser_options options = options_of(4, 64);
	struct recogniser_line *lines[64];
	int32_t widths[LINES_MOST];
	int64_t ready_us = 0;

	for (size_t i = 0; i < LINES_MOST; i++)
		widths[i] = 300;
	widths[0] = 5000;
	options.batch_columns = 1000;
	queue_add(bench, 0, 0, widths, LINES_MOST);
	/* Wider than a batch: alone. */
	CHECK_INTEGER(recogniser_queue_take(&bench->recogniser.queue, &options, 4, 1000, lines, &ready_us), 1);
	CHECK_INTEGER(lines[0]->image->width, 5000);
	CHECK_INTEGER(recogniser_queue_take(&bench->recogniser.queue, &options, 4, 1000, lines, &ready_us), 3);
	options.batch_columns = 100000;
	CHECK_INTEGER(recogniser_queue_take(&bench->recogniser.queue, &options, 4, 1000, lines, &ready_us), 15);
	CHECK_INTEGER(recogniser_queue_take(&bench->recogniser.queue, &options, 1, 1000, lines, &ready_us), 45);
	CHECK_INTEGER(bench->recogniser.queue.columns, 0);
	queue_free(bench);
}

/* A model's file in a folder of its own. */
static void copy_model(const char *folder, const char *name, bool changed)
{
	char path[4096];
	struct error error;

	(void)snprintf(path, sizeof path, "%s/eng.traineddata", tessdata());
	struct model *model = model_open(path, &error);
	if (!model)
		bail_out(error.message);
	/* The version is text that nothing depends on. */
	size_t at = (size_t)(model->entries[MODEL_VERSION].data - model->bytes);
	model->bytes[at] = changed ? '9' : model->bytes[at];
	(void)snprintf(path, sizeof path, "%s/%s.traineddata", folder, name);
	(void)unlink(path);
	FILE *file = fopen(path, "wb");
	if (!file || fwrite(model->bytes, 1, model->length, file) != model->length || fclose(file) != 0)
		bail_out("a model's file cannot be written");
	model_close(model);
}

static void a_model_is_loaded_once_shared_and_given_up_when_others_are_needed(void)
{
	char folder[] = "/tmp/filot-models-XXXXXX", path[64];
	static const char *const names[] = { "aaa", "bbb", "ccc" };
	const struct text_model *held[3], *again;
	struct error error = { 0 };

	if (!mkdtemp(folder))
		bail_out("no folder");
	struct text_models *models = text_models_new(folder, NETWORK_GENERIC, 1, &error);
	for (size_t i = 0; i < 3; i++) {
		copy_model(folder, names[i], false);
		held[i] = text_models_take(models, names[i], NULL, &error);
		if (!held[i])
			bail_out(error.message);
		CHECK_STRING(held[i]->name, names[i]);
	}
	CHECK_INTEGER(text_models_count(models), 3);
	again = text_models_take(models, "bbb", NULL, &error);
	CHECK(again == held[1]);
	text_models_give(models, again);
	/* With another blacklist it is another model. */
	again = text_models_take(models, "bbb", "xyz", &error);
	CHECK(again && again != held[1] && again->decoding.disabled);
	CHECK(!held[1]->decoding.disabled);
	text_models_give(models, again);
	text_models_give(models, held[0]);
	text_models_give(models, held[1]);
	/* One that nobody holds is kept, the last one given back, beside the one that is held. */
	CHECK_INTEGER(text_models_count(models), 2);
	again = text_models_take(models, "bbb", NULL, &error);
	CHECK(again == held[1]);
	/* The same bytes in another file are the same model, others are another. */
	copy_model(folder, "ccc", false);
	held[0] = text_models_take(models, "ccc", NULL, &error);
	CHECK(held[0] == held[2]);
	text_models_give(models, held[0]);
	copy_model(folder, "ccc", true);
	held[0] = text_models_take(models, "ccc", NULL, &error);
	CHECK(held[0] && held[0] != held[2] && strcmp(held[0]->sha256, held[2]->sha256) != 0);
	text_models_give(models, held[2]);
	CHECK_INTEGER(text_models_count(models), 2);
	text_models_give(models, held[0]);
	text_models_give(models, again);
	CHECK(!text_models_take(models, "ddd", NULL, &error));
	CHECK_INTEGER(error.code, ERROR_UNKNOWN_LANGUAGE);
	CHECK(strstr(error.message, "aaa, bbb, ccc") != NULL);
	CHECK(!text_models_take(models, "../aaa", NULL, &error));
	CHECK_INTEGER(error.code, ERROR_UNKNOWN_LANGUAGE);
	text_models_free(models);
	for (size_t i = 0; i < 3; i++) {
		(void)snprintf(path, sizeof path, "%s/%s.traineddata", folder, names[i]);
		(void)unlink(path);
	}
	(void)rmdir(folder);
}

static void options_out_of_their_range_are_refused_by_name(void)
{
	struct bench bench = bench_open(options_of(1, 8));
	struct recogniser_options options = options_of(-1, 8);
	struct error error = { 0 };

	CHECK(!recogniser_new(&options, bench.models, &error));
	CHECK_INTEGER(error.code, ERROR_CONFIG);
	CHECK(strstr(error.message, "threads") != NULL);
	options = options_of(1, 0);
	CHECK(!recogniser_new(&options, bench.models, &error));
	CHECK(strstr(error.message, "batch_lines") != NULL);
	bench_close(&bench);
}

int main(void)
{
	(void)mallopt(M_ARENA_MAX, 1); /* else threads' heaps have a reserve that limit_memory does not see */
	TEST(a_real_line_is_read);
	TEST(a_line_has_the_same_text_alone_first_last_and_among_63_others);
	TEST(a_line_of_white_on_black_is_read_as_its_inverse);
	TEST(lines_that_the_network_cannot_take_come_back_failed_and_the_others_read);
	TEST(a_line_of_another_height_is_refused);
	TEST(pages_of_many_callers_come_back_in_order_with_the_text_of_one_thread);
	TEST(a_cancelled_page_ends_soon_and_costs_the_others_nothing);
	TEST(with_too_little_memory_a_batch_is_read_in_parts_and_with_less_it_is_an_error);
	TEST(a_batch_has_the_lines_nearest_in_width_to_the_oldest);
	TEST(a_batch_keeps_to_its_columns_and_leaves_a_share_for_each_thread);
	TEST(a_model_is_loaded_once_shared_and_given_up_when_others_are_needed);
	TEST(options_out_of_their_range_are_refused_by_name);
	return test_done();
}
