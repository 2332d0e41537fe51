/*
 * Reads text lines on all cores: pages hand in their lines' images and get back what a model read on each. Threads take
 * lines in batches, across pages and documents, run the network on them (network.h), read the inverse of those whose
 * outputs are weak (line.h) and decode them (beam.h). A line's text never depends on the batch it was in.
 *
 * Batches. Of the lines that wait for one model, a thread takes those nearest in width to the one that waits longest:
 * at most `batch_lines` and `batch_columns` pixels of width, and fewer when all that wait would not keep every thread
 * busy. When they are very few, it waits up to `wait_us` for company.
 *
 * Memory. Images belong to the caller until recogniser_wait; recogniser_submit blocks while `waiting_columns` pixels of
 * width wait, so that callers cannot run ahead. A thread needs about 0.2 KB for each of batch_columns (eng; 5 MiB by
 * default), 2.5 MB for its beam, and as much again for each other model that it used lately (at most
 * RECOGNISER_MODELS_MOST).
 *
 * One struct recogniser serves any number of callers. Threads get no signals (stop_start_thread).
 */
#ifndef FILOT_RECOGNISER_H
#define FILOT_RECOGNISER_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/ocr/line.h"
#include "common/ocr/text_model.h"

struct recogniser_options {
	int32_t threads;	 /* 0: as many as this process may run on */
	int32_t batch_lines;	 /* 1 to NETWORK_LINES_MOST */
	int32_t batch_columns;	 /* pixels of width; a wider line is a batch of its own */
	int64_t waiting_columns; /* of lines that no thread has begun */
	int64_t wait_us;
};

extern const struct recogniser_options recogniser_default_options;

#define RECOGNISER_THREADS_MOST 1024
#define RECOGNISER_MODELS_MOST 4 /* whose memory a thread keeps */

struct recogniser;

/* `models` is borrowed. NULL with ERROR_CONFIG (an option out of its range), ERROR_OUT_OF_MEMORY, ERROR_INTERNAL. */
struct recogniser *recogniser_new(const struct recogniser_options *options, struct text_models *models,
				  struct error *error);
/* Ends the threads. Every page was freed before. NULL is fine. */
void recogniser_free(struct recogniser *recogniser);

int32_t recogniser_threads(const struct recogniser *recogniser);

/* The lines of a page (or of a part of one) that are being read. */
struct recogniser_page;

/*
 * Begins to read `count` lines with a model, which the caller holds until recogniser_page_free; the images of
 * `lines` and their pixels are borrowed until recogniser_wait returned. Lines may be 0. NULL with ERROR_BAD_INPUT (a
 * line whose height is not the model's) or ERROR_OUT_OF_MEMORY.
 */
struct recogniser_page *recogniser_submit(struct recogniser *recogniser, const struct text_model *model,
					  const struct line_image *lines, size_t count, struct error *error);

/*
 * Waits until no thread works on the page any more and moves what was read to texts[count], in the order of the lines;
 * the caller frees each with line_text_free. Lines too narrow or too wide for the network come back `failed`. Once a
 * page. On failure texts hold nothing: ERROR_OUT_OF_MEMORY, ERROR_TRY_AGAIN after recogniser_cancel.
 */
bool recogniser_wait(struct recogniser_page *page, struct line_text *texts, struct error *error);

/* From any thread: lines that no thread has begun are not read; recogniser_wait returns soon after. */
void recogniser_cancel(struct recogniser_page *page);

/* After recogniser_wait, or instead of it: cancels and waits. NULL is fine. */
void recogniser_page_free(struct recogniser_page *page);

/* Since the start. Times are sums over threads, so a page on two threads takes half of them. */
struct recogniser_figures {
	int64_t lines, inverse_lines, steps, batches;
	int64_t network_us, decode_us; /* of threads; what is left of their time is waiting */
};
struct recogniser_figures recogniser_figures(struct recogniser *recogniser);

/* The same of a page's lines after recogniser_wait; network times are shared out by steps. */
struct recogniser_figures recogniser_page_figures(const struct recogniser_page *page);

#endif
