/*
 * Pages and threads. One lock guards the queue, the pages' counts and the figures; batches run outside of it. A thread
 * that has nothing to do sleeps until a page comes, or until the oldest line has waited long enough for company.
 */
#include "common/ocr/recogniser.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/condition.h"
#include "common/base/stop.h"
#include "common/ocr/recogniser_private.h"

/* Measured (recognise_pages -s): speed is level from 16 lines on; more cost memory, and the second-level cache.
 */
const struct recogniser_options recogniser_default_options = {
	.threads = 0, .batch_lines = 32, .batch_columns = 24576, .waiting_columns = 1 << 21, .wait_us = 2000
};

static void add_figures(struct recogniser_figures *sum, const struct recogniser_figures *figures)
{
	sum->lines += figures->lines;
	sum->inverse_lines += figures->inverse_lines;
	sum->steps += figures->steps;
	sum->batches += figures->batches;
	sum->network_us += figures->network_us;
	sum->decode_us += figures->decode_us;
}

/* What one line has of its batch's figures. */
static struct recogniser_figures share_of(const struct recogniser_figures *batch, int64_t steps, bool is_first)
{
	int64_t all = batch->steps > 0 ? batch->steps : 1;

	return (struct recogniser_figures){ .lines = 1,
					    .steps = steps,
					    .batches = is_first,
					    .network_us = batch->network_us * steps / all,
					    .decode_us = batch->decode_us * steps / all };
}

/* Under the lock: a line of a page is done with. */
static void finish_lines(struct recogniser_page *page, size_t count)
{
	page->unfinished -= count;
	if (page->unfinished == 0)
		pthread_cond_broadcast(&page->finished);
}

/* Under the lock: lines that no thread has begun never will be. */
static void drop_waiting(struct recogniser_page *page)
{
	struct recogniser_queue *queue = &page->recogniser->queue;
	size_t before = queue->count;

	recogniser_queue_remove(queue, page);
	if (before > queue->count) {
		finish_lines(page, before - queue->count);
		pthread_cond_broadcast(&page->recogniser->room);
	}
}

/* Under the lock: hands a batch's lines back to their pages. */
static void finish_batch(struct recogniser_thread *thread, size_t count, const struct recogniser_figures *figures,
			 const struct error *error)
{
	add_figures(&thread->recogniser->figures, figures);
	for (size_t i = 0; i < count; i++) {
		struct recogniser_page *page = thread->lines[i]->page;
		int32_t width = thread->lines[i]->image->width;
		struct recogniser_figures share =
		    share_of(figures, width / page->model->shape.x_scale, i == 0 || thread->lines[i - 1]->page != page);

		share.inverse_lines = thread->lines[i]->text->inverted;
		add_figures(&page->figures, &share);
		if (error->code && !page->error.code) {
			page->error = *error;
			drop_waiting(page);
		}
		finish_lines(page, 1);
	}
}

/* Under the lock: sleeps until something waits, or `until_us` when that is not 0. */
static void wait_for_work(struct recogniser *recogniser, int64_t until_us)
{
	if (until_us == 0)
		pthread_cond_wait(&recogniser->work, &recogniser->lock);
	else
		(void)condition_wait_until(&recogniser->work, &recogniser->lock, until_us);
}

/* Under the lock: the lines of the next batch in thread->lines, 0 when the recogniser ends. */
static size_t next_batch(struct recogniser_thread *thread)
{
	struct recogniser *recogniser = thread->recogniser;

	while (!recogniser->ending) {
		int64_t ready_us = 0;
		size_t count =
		    recogniser_queue_take(&recogniser->queue, &recogniser->options, (size_t)recogniser->options.threads,
					  clock_monotonic_us(), thread->lines, &ready_us);

		if (count > 0) {
			pthread_cond_broadcast(&recogniser->room);
			return count;
		}
		wait_for_work(recogniser, ready_us);
	}
	return 0;
}

static void *run_thread(void *argument)
{
	struct recogniser_thread *thread = argument;
	struct recogniser *recogniser = thread->recogniser;

	pthread_mutex_lock(&recogniser->lock);
	for (size_t count; (count = next_batch(thread)) > 0;) {
		struct recogniser_figures figures;
		struct error error = { 0 };

		pthread_mutex_unlock(&recogniser->lock);
		if (recogniser_batch_run(thread, count, &figures, &error))
			error.code = ERROR_NONE; /* smaller batches were tried before */
		pthread_mutex_lock(&recogniser->lock);
		finish_batch(thread, count, &figures, &error);
	}
	pthread_mutex_unlock(&recogniser->lock);
	return NULL;
}

static bool check_range(const char *name, int64_t value, int64_t least, int64_t most, struct error *error)
{
	if (value >= least && value <= most)
		return true;
	return error_set(error, ERROR_CONFIG, "recogniser: %s is %lld, not %lld to %lld", name, (long long)value,
			 (long long)least, (long long)most);
}

static bool check_options(const struct recogniser_options *options, struct error *error)
{
	return check_range("threads", options->threads, 0, RECOGNISER_THREADS_MOST, error) &&
	       check_range("batch_lines", options->batch_lines, 1, NETWORK_LINES_MOST, error) &&
	       check_range("batch_columns", options->batch_columns, 1, NETWORK_COLUMNS_MOST, error) &&
	       check_range("waiting_columns", options->waiting_columns, 1, INT64_MAX, error) &&
	       check_range("wait_us", options->wait_us, 0, 1000000, error);
}

static int32_t core_count(void)
{
	cpu_set_t cores;
	int count = sched_getaffinity(0, sizeof cores, &cores) == 0 ? CPU_COUNT(&cores) : 1;

	return count < 1 ? 1 : count > RECOGNISER_THREADS_MOST ? RECOGNISER_THREADS_MOST : count;
}

static bool start_threads(struct recogniser *recogniser, struct error *error)
{
	for (int32_t i = 0; i < recogniser->options.threads; i++) {
		struct recogniser_thread *thread = &recogniser->threads[i];

		thread->recogniser = recogniser;
		if (!recogniser_thread_prepare(thread, error))
			return false;
		int failure = stop_start_thread(&thread->thread, run_thread, thread);
		if (failure)
			return error_set(error, ERROR_INTERNAL, "a recogniser's thread cannot be started: %s",
					 strerror(failure));
		thread->started = true;
	}
	return true;
}

struct recogniser *recogniser_new(const struct recogniser_options *options, struct text_models *models,
				  struct error *error)
{
	struct recogniser *recogniser;

	if (!check_options(options, error))
		return NULL;
	recogniser = calloc(1, sizeof *recogniser);
	if (!recogniser) {
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a recogniser");
		return NULL;
	}
	recogniser->options = *options;
	recogniser->models = models;
	if (recogniser->options.threads == 0)
		recogniser->options.threads = core_count();
	pthread_mutex_init(&recogniser->lock, NULL);
	condition_init(&recogniser->work);
	condition_init(&recogniser->room);
	recogniser->threads = calloc((size_t)recogniser->options.threads, sizeof *recogniser->threads);
	if (!recogniser->threads)
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a recogniser");
	if (!recogniser->threads || !start_threads(recogniser, error)) {
		recogniser_free(recogniser);
		return NULL;
	}
	return recogniser;
}

void recogniser_free(struct recogniser *recogniser)
{
	if (!recogniser)
		return;
	pthread_mutex_lock(&recogniser->lock);
	recogniser->ending = true;
	pthread_cond_broadcast(&recogniser->work);
	pthread_mutex_unlock(&recogniser->lock);
	for (int32_t i = 0; recogniser->threads && i < recogniser->options.threads; i++) {
		if (recogniser->threads[i].started)
			pthread_join(recogniser->threads[i].thread, NULL);
		if (recogniser->threads[i].recogniser)
			recogniser_thread_clear(&recogniser->threads[i]);
	}
	free(recogniser->threads);
	free(recogniser->queue.waiting);
	free(recogniser->queue.candidates);
	pthread_cond_destroy(&recogniser->room);
	pthread_cond_destroy(&recogniser->work);
	pthread_mutex_destroy(&recogniser->lock);
	free(recogniser);
}

int32_t recogniser_threads(const struct recogniser *recogniser)
{
	return recogniser->options.threads;
}

struct recogniser_figures recogniser_figures(struct recogniser *recogniser)
{
	struct recogniser_figures figures;

	pthread_mutex_lock(&recogniser->lock);
	figures = recogniser->figures;
	pthread_mutex_unlock(&recogniser->lock);
	return figures;
}

/* Sets out the lines that the network can read; the others come back as failed. */
static bool choose_lines(struct recogniser_page *page, const struct line_image *images, struct error *error)
{
	const struct network_shape *shape = &page->model->shape;

	for (size_t i = 0; i < page->count; i++) {
		if (images[i].height != shape->height)
			return error_set(error, ERROR_BAD_INPUT, "line %zu is %d pixels high, not %d", i,
					 images[i].height, shape->height);
		page->texts[i].failed = !recogniser_reads(shape, images[i].width);
		if (!page->texts[i].failed)
			page->lines[page->readable_count++] =
			    (struct recogniser_line){ .page = page, .image = &images[i], .text = &page->texts[i] };
	}
	page->unfinished = page->readable_count;
	return true;
}

static bool enqueue(struct recogniser_page *page, struct error *error)
{
	struct recogniser *recogniser = page->recogniser;
	bool added;

	pthread_mutex_lock(&recogniser->lock);
	while (recogniser->queue.columns >= recogniser->options.waiting_columns)
		pthread_cond_wait(&recogniser->room, &recogniser->lock);
	added = page->readable_count == 0 || recogniser_queue_add(&recogniser->queue, page, clock_monotonic_us());
	pthread_cond_broadcast(&recogniser->work);
	pthread_mutex_unlock(&recogniser->lock);
	return added || error_set(error, ERROR_OUT_OF_MEMORY, "no memory for %zu waiting lines", page->readable_count);
}

static void page_free(struct recogniser_page *page)
{
	for (size_t i = 0; page->texts && i < page->count; i++)
		line_text_free(&page->texts[i]);
	pthread_cond_destroy(&page->finished);
	free(page->texts);
	free(page->lines);
	free(page);
}

struct recogniser_page *recogniser_submit(struct recogniser *recogniser, const struct text_model *model,
					  const struct line_image *lines, size_t count, struct error *error)
{
	struct recogniser_page *page = calloc(1, sizeof *page);

	if (!page) {
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a page");
		return NULL;
	}
	pthread_cond_init(&page->finished, NULL);
	page->recogniser = recogniser;
	page->model = model;
	page->count = count;
	page->texts = calloc(count > 0 ? count : 1, sizeof *page->texts);
	page->lines = calloc(count > 0 ? count : 1, sizeof *page->lines);
	if (!page->texts || !page->lines)
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a page of %zu lines", count);
	if (!page->texts || !page->lines || !choose_lines(page, lines, error) || !enqueue(page, error)) {
		page_free(page);
		return NULL;
	}
	return page;
}

/* Under the lock. */
static void wait_until_finished(struct recogniser_page *page)
{
	while (page->unfinished > 0)
		pthread_cond_wait(&page->finished, &page->recogniser->lock);
}

/* Under the lock: what became of a finished page. */
static bool check_finished(const struct recogniser_page *page, struct error *error)
{
	if (page->error.code && error)
		*error = page->error;
	if (page->error.code)
		return false;
	return !page->cancelled || error_set(error, ERROR_TRY_AGAIN, "reading was cancelled");
}

bool recogniser_wait(struct recogniser_page *page, struct line_text *texts, struct error *error)
{
	bool read;

	pthread_mutex_lock(&page->recogniser->lock);
	wait_until_finished(page);
	read = check_finished(page, error);
	pthread_mutex_unlock(&page->recogniser->lock);
	for (size_t i = 0; i < page->count; i++) {
		texts[i] = (struct line_text){ 0 };
		if (!read)
			continue;
		texts[i] = page->texts[i];
		page->texts[i] = (struct line_text){ 0 };
	}
	return read;
}

void recogniser_cancel(struct recogniser_page *page)
{
	pthread_mutex_lock(&page->recogniser->lock);
	page->cancelled = true;
	drop_waiting(page);
	pthread_mutex_unlock(&page->recogniser->lock);
}

void recogniser_page_free(struct recogniser_page *page)
{
	if (!page)
		return;
	pthread_mutex_lock(&page->recogniser->lock);
	drop_waiting(page);
	wait_until_finished(page);
	pthread_mutex_unlock(&page->recogniser->lock);
	page_free(page);
}

struct recogniser_figures recogniser_page_figures(const struct recogniser_page *page)
{
	return page->figures;
}
