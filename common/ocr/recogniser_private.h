/*
 * Shared by recogniser.c (pages, threads), recogniser_queue.c (which lines make a batch) and recogniser_batch.c (what
 * is done with one). A batch is all that a back end needs to see: lines in, two outputs and a blank a step out
 * (network_read).
 */
#ifndef FILOT_RECOGNISER_PRIVATE_H
#define FILOT_RECOGNISER_PRIVATE_H

#include <pthread.h>

#include "common/ocr/recogniser.h"

struct recogniser_line {
	struct recogniser_page *page;
	const struct line_image *image;
	struct line_text *text;
};

/* A page that was handed in. */
struct recogniser_page {
	struct recogniser *recogniser;
	const struct text_model *model;
	struct line_text *texts; /* [count] */
	size_t count;
	struct recogniser_line *lines; /* [readable_count], those that are read */
	size_t readable_count;
	/* under the recogniser's lock */
	size_t unfinished; /* of readable_count */
	bool cancelled;
	struct error error;
	struct recogniser_figures figures;
	pthread_cond_t finished;
};

/* A line that waits. */
struct recogniser_waiting {
	struct recogniser_line *line;
	int64_t since_us;
	uint64_t number; /* of its arrival */
};

/* Lines that no thread has begun; all under the recogniser's lock. */
struct recogniser_queue {
	struct recogniser_waiting *waiting; /* [count], in order of arrival */
	size_t count, capacity;
	int64_t columns;
	uint64_t arrivals;
	struct recogniser_waiting *candidates; /* scratch: [capacity] */
};

/* False without memory; then nothing was added. */
bool recogniser_queue_add(struct recogniser_queue *queue, struct recogniser_page *page, int64_t now_us);
void recogniser_queue_remove(struct recogniser_queue *queue, const struct recogniser_page *page);

/*
 * Takes the next batch's lines out of the queue: as recogniser.h says. `lines` has room for options->batch_lines.
 * Returns how many; 0 with *ready_us set to when the oldest has waited long enough.
 */
size_t recogniser_queue_take(struct recogniser_queue *queue, const struct recogniser_options *options, size_t threads,
			     int64_t now_us, struct recogniser_line **lines, int64_t *ready_us);

/* A thread's memory for one model. */
struct recogniser_reader {
	const struct text_model *model; /* held; NULL: free */
	struct network_workspace *workspace;
	struct beam *beam;
	uint64_t used;
};

/* A thread's own. */
struct recogniser_thread {
	struct recogniser *recogniser;
	pthread_t thread;
	bool started;
	struct recogniser_reader readers[RECOGNISER_MODELS_MOST];
	uint64_t clock;
	/* of a batch: [batch_lines] */
	struct recogniser_line **lines;
	struct network_line *network_lines;
	struct network_reading *readings;
	float *means;
	size_t *starts, *retried;
	struct beam_step *steps; /* of all lines, one after the other */
	size_t step_capacity;
	uint8_t *inverse_pixels;
	size_t inverse_bytes;
};

struct recogniser {
	struct recogniser_options options;
	struct text_models *models;
	pthread_mutex_t lock;
	pthread_cond_t work, room; /* something waits; there is room for more */
	struct recogniser_queue queue;
	bool ending;
	struct recogniser_figures figures;
	struct recogniser_thread *threads; /* [options.threads] */
};

/*
 * Reads thread->lines[0..count), all of one model, into their texts. Adds to *figures. On failure nothing of the batch
 * is of use.
 */
bool recogniser_batch_run(struct recogniser_thread *thread, size_t count, struct recogniser_figures *figures,
			  struct error *error);

/* Whether a line of that width is neither too narrow nor too wide for the network. */
bool recogniser_reads(const struct network_shape *shape, int32_t width);

bool recogniser_thread_prepare(struct recogniser_thread *thread, struct error *error);
void recogniser_thread_clear(struct recogniser_thread *thread);

#endif
