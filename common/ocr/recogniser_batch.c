/*
 * A batch: the network on all its lines, each step reduced to what decoding looks at (24 bytes of about 450 for eng),
 * the weak lines once more inverted, then every line's text. When memory does not suffice for a batch, its halves are
 * run, down to single lines.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/array.h"
#include "common/base/clock.h"
#include "common/ocr/recogniser_private.h"

static void reader_clear(struct recogniser_thread *thread, struct recogniser_reader *reader)
{
	network_workspace_free(reader->workspace);
	beam_free(reader->beam);
	text_models_give(thread->recogniser->models, reader->model);
	*reader = (struct recogniser_reader){ 0 };
}

/* The thread's memory for a model; the least lately used one's place when there is no free one. */
static struct recogniser_reader *reader_for(struct recogniser_thread *thread, const struct text_model *model,
					    struct error *error)
{
	struct recogniser_reader *place = &thread->readers[0];

	for (size_t i = 0; i < RECOGNISER_MODELS_MOST; i++) {
		struct recogniser_reader *reader = &thread->readers[i];

		if (reader->model == model) {
			reader->used = ++thread->clock;
			return reader;
		}
		if (reader->used < place->used)
			place = reader;
	}
	reader_clear(thread, place);
	text_models_share(thread->recogniser->models, model);
	place->model = model;
	place->used = ++thread->clock;
	place->workspace = network_workspace_new(model->network, error);
	place->beam = place->workspace ? beam_new(&model->decoding, error) : NULL;
	if (!place->beam) {
		reader_clear(thread, place);
		return NULL;
	}
	return place;
}

void recogniser_thread_clear(struct recogniser_thread *thread)
{
	for (size_t i = 0; i < RECOGNISER_MODELS_MOST; i++)
		reader_clear(thread, &thread->readers[i]);
	free(thread->lines);
	free(thread->network_lines);
	free(thread->readings);
	free(thread->means);
	free(thread->starts);
	free(thread->retried);
	free(thread->steps);
	free(thread->inverse_pixels);
}

bool recogniser_thread_prepare(struct recogniser_thread *thread, struct error *error)
{
	size_t lines = (size_t)thread->recogniser->options.batch_lines;

	thread->lines = calloc(lines, sizeof *thread->lines);
	thread->network_lines = calloc(lines, sizeof *thread->network_lines);
	thread->readings = calloc(lines, sizeof *thread->readings);
	thread->means = calloc(lines, sizeof *thread->means);
	thread->starts = calloc(lines + 1, sizeof *thread->starts);
	thread->retried = calloc(lines, sizeof *thread->retried);
	if (!thread->lines || !thread->network_lines || !thread->readings || !thread->means || !thread->starts ||
	    !thread->retried)
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a recogniser's thread");
	return true;
}

/*
 * Runs the network on network_lines[0..count), a part at a time when memory ends; what it reads in a part lives until the
 * next. `take` is called for each line's.
 */
static bool run_lines(struct recogniser_thread *thread, const struct recogniser_reader *reader, size_t count,
		      void (*take)(struct recogniser_thread *, size_t), struct error *error)
{
	size_t part = count;

	for (size_t first = 0; first < count;) {
		size_t left = count - first, size = left < part ? left : part;

		if (network_read(reader->workspace, thread->network_lines + first, size, thread->readings + first,
				 error)) {
			for (size_t i = first; i < first + size; i++)
				take(thread, i);
			first += size;
		} else if (error->code == ERROR_OUT_OF_MEMORY && part > 1) {
			part = (part + 1) / 2;
		} else {
			return false;
		}
	}
	return true;
}

bool recogniser_reads(const struct network_shape *shape, int32_t width)
{
	return width >= shape->x_scale && width <= NETWORK_WIDTH_MOST;
}

/* Keeps the steps of beam_decode. */
static void keep_steps(const struct network_reading *reading, struct beam_step *steps)
{
	for (int32_t i = 0; i < reading->step_count; i++)
		steps[i] = reading->steps[i].step;
}

static void take_line(struct recogniser_thread *thread, size_t index)
{
	thread->means[index] = line_mean_output(&thread->readings[index]);
	keep_steps(&thread->readings[index], thread->steps + thread->starts[index]);
}

/* Of an inverse: it takes the line's place when it is stronger. */
static void take_inverse(struct recogniser_thread *thread, size_t index)
{
	size_t line = thread->retried[index];

	if (!(line_mean_output(&thread->readings[index]) > thread->means[line]))
		return;
	keep_steps(&thread->readings[index], thread->steps + thread->starts[line]);
	thread->lines[line]->text->inverted = true;
}

static size_t pixels_of(const struct line_image *image)
{
	return (size_t)image->width * (size_t)image->height;
}

/* Room for the inverses that have to be made. */
static bool reserve_inverses(struct recogniser_thread *thread, size_t count, struct error *error)
{
	size_t bytes = 0;
	uint8_t *pixels;

	for (size_t i = 0; i < count; i++) {
		const struct line_image *image = thread->lines[thread->retried[i]]->image;

		bytes += image->inverse ? 0 : pixels_of(image);
	}
	if (bytes <= thread->inverse_bytes)
		return true;
	pixels = realloc(thread->inverse_pixels, bytes);
	if (!pixels)
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for the inverses of %zu lines", count);
	thread->inverse_pixels = pixels;
	thread->inverse_bytes = bytes;
	return true;
}

static bool retry_weak_lines(struct recogniser_thread *thread, const struct recogniser_reader *reader, size_t count,
			     struct recogniser_figures *figures, struct error *error)
{
	size_t weak = 0;
	uint8_t *next;

	for (size_t i = 0; i < count; i++)
		if (thread->means[i] < LINE_INVERT_THRESHOLD)
			thread->retried[weak++] = i;
	if (weak == 0)
		return true;
	if (!reserve_inverses(thread, weak, error))
		return false;
	next = thread->inverse_pixels;
	for (size_t i = 0; i < weak; i++) {
		const struct line_image *image = thread->lines[thread->retried[i]]->image;
		const uint8_t *inverse = image->inverse;

		if (!inverse) {
			inverse = next;
			for (size_t at = 0; at < pixels_of(image); at++)
				*next++ = (uint8_t)(UINT8_MAX - image->pixels[at]);
		}
		line_to_network(inverse, image->width, image->height, &thread->network_lines[i]);
	}
	figures->inverse_lines += (int64_t)weak;
	return run_lines(thread, reader, weak, take_inverse, error);
}

static bool decode_lines(struct recogniser_thread *thread, const struct recogniser_reader *reader, size_t count,
			 struct error *error)
{
	for (size_t i = 0; i < count; i++) {
		struct line_text *text = thread->lines[i]->text;
		bool inverted = text->inverted;
		size_t steps = thread->starts[i + 1] - thread->starts[i];
		struct beam_line line;

		if (!beam_decode(reader->beam, thread->steps + thread->starts[i], steps, &line, error) ||
		    !line_text_copy(text, &line, error))
			return false;
		text->inverted = inverted;
		text->step_count = (int32_t)steps;
	}
	return true;
}

/* Places for each line's steps. */
static bool reserve_steps(struct recogniser_thread *thread, const struct text_model *model, size_t count,
			  struct error *error)
{
	struct beam_step *steps;
	size_t total = 0;

	for (size_t i = 0; i < count; i++) {
		thread->starts[i] = total;
		total += (size_t)(thread->lines[i]->image->width / model->shape.x_scale);
	}
	thread->starts[count] = total;
	steps = array_grow(thread->steps, &thread->step_capacity, total, sizeof *steps);
	if (!steps)
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for %zu steps", total);
	thread->steps = steps;
	return true;
}

bool recogniser_batch_run(struct recogniser_thread *thread, size_t count, struct recogniser_figures *figures,
			  struct error *error)
{
	const struct text_model *model = thread->lines[0]->page->model;
	int64_t start_us = clock_monotonic_us(), decode_us;
	struct recogniser_reader *reader;

	*figures = (struct recogniser_figures){ .lines = (int64_t)count, .batches = 1 };
	reader = reader_for(thread, model, error);
	if (!reader || !reserve_steps(thread, model, count, error))
		return false;
	figures->steps = (int64_t)thread->starts[count];
	for (size_t i = 0; i < count; i++) {
		const struct line_image *image = thread->lines[i]->image;

		line_to_network(image->pixels, image->width, image->height, &thread->network_lines[i]);
	}
	if (!run_lines(thread, reader, count, take_line, error) ||
	    !retry_weak_lines(thread, reader, count, figures, error))
		return false;
	decode_us = clock_monotonic_us();
	figures->network_us = decode_us - start_us;
	if (!decode_lines(thread, reader, count, error))
		return false;
	figures->decode_us = clock_monotonic_us() - decode_us;
	return true;
}
