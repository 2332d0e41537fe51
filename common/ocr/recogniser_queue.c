/*
 * Which lines make the next batch. The queue is an array in order of arrival: it holds hundreds of lines, and a batch
 * takes milliseconds, so nothing cleverer is worth its lines. Taking sorts those of the oldest line's model by width
 * and cuts a window around it: lines of like width leave few places of a batch idle at its end.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/array.h"
#include "common/ocr/recogniser_private.h"

#define FEW_LINES 8 /* that a thread would rather wait than take: below, weights are loaded for too few rows */

bool recogniser_queue_add(struct recogniser_queue *queue, struct recogniser_page *page, int64_t now_us)
{
	size_t capacity = queue->capacity, candidate_capacity = queue->capacity;
	struct recogniser_waiting *waiting, *candidates;

	candidates =
	    array_grow(queue->candidates, &candidate_capacity, queue->count + page->readable_count, sizeof *candidates);
	if (!candidates)
		return false;
	queue->candidates = candidates;
	waiting = array_grow(queue->waiting, &capacity, queue->count + page->readable_count, sizeof *waiting);
	if (!waiting)
		return false;
	queue->waiting = waiting;
	queue->capacity = capacity;
	for (size_t i = 0; i < page->readable_count; i++) {
		queue->waiting[queue->count++] = (struct recogniser_waiting){ .line = &page->lines[i],
									      .since_us = now_us,
									      .number = queue->arrivals++ };
		queue->columns += page->lines[i].image->width;
	}
	return true;
}

void recogniser_queue_remove(struct recogniser_queue *queue, const struct recogniser_page *page)
{
	size_t kept = 0;

	for (size_t i = 0; i < queue->count; i++) {
		struct recogniser_line *line = queue->waiting[i].line;

		if (line->page == page)
			queue->columns -= line->image->width;
		else
			queue->waiting[kept++] = queue->waiting[i];
	}
	queue->count = kept;
}

static int by_width(const void *left, const void *right)
{
	const struct recogniser_waiting *a = left, *b = right;
	int32_t a_width = a->line->image->width, b_width = b->line->image->width;

	if (a_width != b_width)
		return a_width > b_width ? -1 : 1;
	return a->number < b->number ? -1 : a->number > b->number;
}

static int by_number(const void *left, const void *right)
{
	const struct recogniser_waiting *a = left, *b = right;

	return a->number < b->number ? -1 : a->number > b->number;
}

/* Sorts the lines of the oldest one's model by width; returns how many they are, and where the oldest stands. */
static size_t sort_candidates(struct recogniser_queue *queue, size_t *oldest)
{
	const struct recogniser_waiting *first = &queue->waiting[0];
	size_t count = 0;

	for (size_t i = 0; i < queue->count; i++)
		if (queue->waiting[i].line->page->model == first->line->page->model)
			queue->candidates[count++] = queue->waiting[i];
	qsort(queue->candidates, count, sizeof *queue->candidates, by_width);
	for (*oldest = 0; queue->candidates[*oldest].number != first->number;)
		(*oldest)++;
	return count;
}

/* The candidates [*start, return value) around the oldest, by lines and columns; the nearest in width are taken. */
static size_t cut_window(const struct recogniser_queue *queue, size_t count, size_t most, int64_t most_columns,
			 size_t oldest, size_t *start)
{
	const struct recogniser_waiting *candidates = queue->candidates;
	size_t end = oldest + 1;
	int32_t width = candidates[oldest].line->image->width;
	int64_t columns = width;

	*start = oldest;
	while (end - *start < most && (*start > 0 || end < count)) {
		bool has_wider = *start > 0, has_narrower = end < count;
		int32_t wider = has_wider ? candidates[*start - 1].line->image->width : 0;
		int32_t narrower = has_narrower ? candidates[end].line->image->width : 0;
		bool take_wider = has_wider && (!has_narrower || wider - width <= width - narrower);

		columns += take_wider ? wider : narrower;
		if (columns > most_columns)
			break;
		if (take_wider)
			--*start;
		else
			end++;
	}
	return end;
}

/* Takes the candidates of a window, sorted by arrival now, out of the queue. */
static void take_out(struct recogniser_queue *queue, const struct recogniser_waiting *taken, size_t count)
{
	size_t kept = 0, next = 0;

	for (size_t i = 0; i < queue->count; i++)
		if (next < count && queue->waiting[i].number == taken[next].number)
			next++;
		else
			queue->waiting[kept++] = queue->waiting[i];
	queue->count = kept;
	for (size_t i = 0; i < count; i++)
		queue->columns -= taken[i].line->image->width;
}

size_t recogniser_queue_take(struct recogniser_queue *queue, const struct recogniser_options *options, size_t threads,
			     int64_t now_us, struct recogniser_line **lines, int64_t *ready_us)
{
	size_t oldest, start, end, count, most;

	if (queue->count == 0)
		return 0;
	*ready_us = queue->waiting[0].since_us + options->wait_us;
	count = sort_candidates(queue, &oldest);
	if (count < FEW_LINES && now_us < *ready_us)
		return 0;
	/* A share for each thread, so that none is idle at a page's end; but no crumbs. */
	most = (count + threads - 1) / threads;
	if (most < FEW_LINES)
		most = FEW_LINES;
	if (most > (size_t)options->batch_lines)
		most = (size_t)options->batch_lines;
	end = cut_window(queue, count, most, options->batch_columns, oldest, &start);
	count = end - start;
	for (size_t i = 0; i < count; i++)
		lines[i] = queue->candidates[start + i].line;
	qsort(queue->candidates + start, count, sizeof *queue->candidates, by_number);
	take_out(queue, queue->candidates + start, count);
	return count;
}
