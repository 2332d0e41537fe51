/*
 * Runs a batch through the plan: lines are sorted by width and their steps are numbered (network.h, "row"); then layer
 * after layer, a back end's kernels are given the rows that they work on. All memory of a batch is one arena, which
 * stays with the workspace and grows when a batch needs more.
 *
 * An LSTM along x takes one step of all lines that have it at a time; one along y takes all steps of all lines as
 * sequences side by side, in blocks that stay in the cache from the top of the image to its bottom. The input and the
 * recurrent half of a step are one product: with lines side by side the weights are read from the cache once for many
 * rows either way, and the sums between the halves, 16 bytes a cell for each step, need not go to memory and back.
 */
#include <math.h>
#include <stdlib.h>

#include "common/ocr/cuda/network_cuda.h"

#define BLOCK_ROWS 128 /* rows side by side along y and in the softmax */
#define ALIGNMENT 64

struct network_workspace {
	const struct network *network;
	char *arena;
	size_t arena_bytes;
	void *noise; /* the network's noise so far */
	size_t noise_count;
	uint64_t noise_state;
	struct cuda_workspace *cuda; /* of NETWORK_CUDA, whose batches it holds instead of the arena */
};

/* A batch in the arena. */
struct batch {
	const struct network *network;
	const struct network_line *lines;
	size_t line_count;
	size_t *order;	      /* [line_count] index of the line in each place */
	int32_t *step_counts; /* [line_count] of the line in each place, falling */
	size_t *line_starts;  /* [line_count] how many steps the lines before have */
	size_t *row_starts;   /* [most steps + 1] first row of each step */
	size_t row_count;
	int32_t widest;
	char *values[NETWORK_LAYERS_MOST]; /* of each layer but the last: [output_height][row_count][outputs] */
	bool reduced;			   /* steps are wanted reduced, not whole */
	float *probabilities;		   /* line by line: [steps][classes]; reduced: of BLOCK_ROWS rows */
	struct beam_reduced *reductions;   /* line by line: [steps] */
	char *pixels;			   /* one line's columns */
	void *window_rows;
	float *sums;
	float *states, *scratch;
	const void **inputs, **previous;
	void **outputs;
	char *summaries; /* [2][BLOCK_ROWS][outputs] for LSTMs that keep their last step only */
};

/* Takes places in the arena one after the other; with arena NULL it only counts. */
struct placing {
	char *arena;
	size_t used;
	bool too_large;
};

static void *place(struct placing *placing, size_t count, size_t bytes)
{
	size_t start = (placing->used + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT, size;

	if (__builtin_mul_overflow(count, bytes, &size) || size > SIZE_MAX / 4 - start) {
		placing->too_large = true;
		return NULL;
	}
	placing->used = start + size + NETWORK_SLACK_BYTES;
	return placing->arena ? placing->arena + start : NULL;
}

static size_t at_least(size_t a, size_t b)
{
	return a > b ? a : b;
}

/* Everything of a batch that depends on its size. */
static void place_batch(struct batch *batch, struct placing *placing, int32_t most_steps)
{
	const struct network *network = batch->network;
	const struct network_layer *convolution = &network->layers[0];
	size_t element = network->element_bytes, lines = batch->line_count, rows = batch->row_count;
	size_t width = (size_t)batch->widest, blocks = at_least(BLOCK_ROWS, lines), most_outputs = 0, most_inputs = 0,
	       sums;
	size_t window_rows = at_least(width, (size_t)convolution->output_height * (size_t)most_steps);

	for (size_t i = 0; i < network->layer_count; i++) {
		const struct network_layer *layer = &network->layers[i];

		most_outputs = at_least(most_outputs, (size_t)NETWORK_ROUND(layer->outputs));
		most_inputs = at_least(most_inputs, (size_t)NETWORK_ROUND(layer->inputs));
		if (layer->kind != NETWORK_SOFTMAX)
			batch->values[i] =
			    place(placing, (size_t)layer->output_height * rows, (size_t)layer->outputs * element);
	}
	batch->order = place(placing, lines, sizeof *batch->order);
	batch->step_counts = place(placing, lines, sizeof *batch->step_counts);
	batch->line_starts = place(placing, lines, sizeof *batch->line_starts);
	batch->row_starts = place(placing, (size_t)most_steps + 1, sizeof *batch->row_starts);
	batch->probabilities = place(placing, batch->reduced ? BLOCK_ROWS : rows,
				     (size_t)network->shape.class_count * sizeof *batch->probabilities);
	batch->reductions = place(placing, batch->reduced ? rows : 0, sizeof *batch->reductions);
	batch->pixels =
	    place(placing, width, ((size_t)network->shape.height + 2 * (size_t)convolution->half_y + 3) * element);
	batch->window_rows = place(placing, width, (size_t)NETWORK_ROUND(convolution->inputs) * element);
	sums = at_least(width * (size_t)NETWORK_ROUND(convolution->outputs), BLOCK_ROWS * most_outputs);
	batch->sums = place(placing, sums, sizeof *batch->sums);
	batch->states = place(placing, blocks, most_outputs * sizeof *batch->states);
	if (!network->model->is_integer)
		batch->scratch = place(placing, blocks, (most_inputs + most_outputs) * sizeof *batch->scratch);
	batch->inputs = place(placing, at_least(blocks, width), sizeof *batch->inputs);
	batch->previous = place(placing, blocks, sizeof *batch->previous);
	batch->outputs = place(placing, at_least(blocks, window_rows), sizeof *batch->outputs);
	batch->summaries = place(placing, 2 * BLOCK_ROWS, most_outputs * element);
}

/* The place of a line at a step. */
static size_t row_of(const struct batch *batch, size_t line, int32_t step)
{
	return batch->row_starts[step] + line;
}

static char *values_at(const struct batch *batch, size_t layer, int32_t y, size_t row)
{
	const struct network_layer *writer = &batch->network->layers[layer];
	size_t bytes = (size_t)writer->outputs * batch->network->element_bytes;

	return batch->values[layer] + ((size_t)y * batch->row_count + row) * bytes;
}

/* Widest first; of equal ones in the order given, which changes no result but makes runs alike. */
static int compare_widths(const void *left, const void *right, void *argument)
{
	const struct network_line *lines = argument;
	size_t a = *(const size_t *)left, b = *(const size_t *)right;

	if (lines[a].width != lines[b].width)
		return lines[a].width > lines[b].width ? -1 : 1;
	return a < b ? -1 : a > b;
}

void network_sort_lines(const struct network_line *lines, size_t count, size_t *order)
{
	for (size_t i = 0; i < count; i++)
		order[i] = i;
	qsort_r(order, count, sizeof *order, compare_widths, (void *)(uintptr_t)lines);
}

static void number_rows(struct batch *batch)
{
	size_t row = 0, active = batch->line_count, start = 0;

	network_sort_lines(batch->lines, batch->line_count, batch->order);
	for (size_t i = 0; i < batch->line_count; i++) {
		batch->step_counts[i] = batch->lines[batch->order[i]].width / batch->network->shape.x_scale;
		batch->line_starts[i] = start;
		start += (size_t)batch->step_counts[i];
	}
	for (int32_t step = 0; step < batch->step_counts[0]; step++) {
		while (batch->step_counts[active - 1] <= step)
			active--;
		batch->row_starts[step] = row;
		row += active;
	}
	batch->row_starts[batch->step_counts[0]] = row;
}

/* Lines that have a step. */
static size_t lines_at(const struct batch *batch, int32_t step)
{
	return batch->row_starts[step + 1] - batch->row_starts[step];
}

/* The next of std::minstd_rand, with which Tesseract draws. */
static uint32_t draw(uint64_t *state)
{
	*state = *state * 48271 % 2147483647;
	return (uint32_t)*state;
}

/* Sets the generator as Tesseract does before each line (LSTMRecognizer::SetRandomSeed); it drops the first number. */
static void seed_noise(struct network_workspace *workspace)
{
	uint64_t seed = (uint64_t)((int64_t)workspace->network->model->sample_iteration * 0x10000001);

	workspace->noise_state = seed % 2147483647;
	if (workspace->noise_state == 0)
		workspace->noise_state = 1;
	(void)draw(&workspace->noise_state);
}

/* What a line of a width takes of the noise: one for each place of a window outside the image. */
static size_t count_noise(const struct network_layer *layer, int32_t width)
{
	size_t window_x = 2 * (size_t)layer->half_x + 1, window_y = 2 * (size_t)layer->half_y + 1;

	return 2 * (size_t)layer->height * (size_t)layer->half_x * window_x * window_y +
	       2 * (size_t)width * (size_t)layer->half_y * window_x * window_y;
}

static bool extend_noise(struct network_workspace *workspace, size_t count, struct error *error)
{
	bool is_integer = workspace->network->model->is_integer;
	void *noise;

	if (count <= workspace->noise_count)
		return true;
	noise = realloc(workspace->noise, count * workspace->network->element_bytes + NETWORK_SLACK_BYTES);
	if (!noise)
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for the noise around lines");
	workspace->noise = noise;
	for (; workspace->noise_count < count; workspace->noise_count++) {
		double range = is_integer ? INT8_MAX : 1;
		double value = range * 2.0 * draw(&workspace->noise_state) / INT32_MAX - range;

		if (is_integer)
			((int8_t *)noise)[workspace->noise_count] =
			    (int8_t)(value >= 0 ? (int)(value + 0.5) : -(int)(0.5 - value));
		else
			((float *)noise)[workspace->noise_count] = (float)value;
	}
	return true;
}

/* A line's pixels as the network's inputs, column by column. */
static void quantise(const struct batch *batch, const struct network_line *line, size_t column_elements)
{
	const struct network_layer *convolution = &batch->network->layers[0];
	float values[UINT8_MAX + 1];
	int8_t integers[UINT8_MAX + 1];

	for (int pixel = 0; pixel <= UINT8_MAX; pixel++) {
		values[pixel] = network_pixel((uint8_t)pixel, line->black, line->contrast);
		integers[pixel] = network_pixel_integer((uint8_t)pixel, line->black, line->contrast);
	}
	for (int32_t y = 0; y < convolution->height; y++) {
		const uint8_t *pixels = line->pixels + (size_t)y * line->stride_bytes;
		size_t at = (size_t)(y + convolution->half_y);

		for (int32_t x = 0; x < line->width; x++, at += column_elements)
			if (batch->network->model->is_integer)
				((int8_t *)batch->pixels)[at] = integers[pixels[x]];
			else
				((float *)batch->pixels)[at] = values[pixels[x]];
	}
}

static void run_convolution(const struct network_workspace *workspace, const struct batch *batch)
{
	const struct network *network = workspace->network;
	const struct network_layer *layer = &network->layers[0];
	struct network_image image = { .columns = batch->pixels,
				       .column_elements = (size_t)(layer->height + 2 * layer->half_y + 3),
				       .height = layer->height,
				       .noise = workspace->noise,
				       .outputs = batch->outputs,
				       .window_rows = batch->window_rows,
				       .sums = batch->sums,
				       .rows = batch->inputs };

	for (size_t i = 0; i < batch->line_count; i++) {
		const struct network_line *line = &batch->lines[batch->order[i]];

		image.width = line->width;
		image.step_count = batch->step_counts[i];
		quantise(batch, line, image.column_elements);
		for (int32_t y = 0; y < layer->output_height; y++)
			for (int32_t step = 0; step < image.step_count; step++)
				batch->outputs[(size_t)y * (size_t)image.step_count + (size_t)step] =
				    values_at(batch, 0, y, row_of(batch, i, step));
		network->kernels->convolve(layer, &image);
	}
}

/* One step of all lines that have it, for each row of the image. */
static void run_along_x(const struct batch *batch, size_t index)
{
	const struct network_layer *layer = &batch->network->layers[index];
	struct network_lanes lanes = {
		.inputs = batch->inputs, .outputs = batch->outputs, .states = batch->states, .scratch = batch->scratch
	};

	for (int32_t y = 0; y < layer->height; y++)
		for (int32_t step = 0; step < batch->step_counts[0]; step++) {
			lanes.count = lines_at(batch, step);
			lanes.previous = step > 0 ? batch->previous : NULL;
			for (size_t line = 0; line < lanes.count; line++) {
				int32_t at = layer->reversed ? batch->step_counts[line] - 1 - step : step;
				size_t row = row_of(batch, line, at);

				batch->inputs[line] = values_at(batch, index - 1, y, row);
				batch->outputs[line] = values_at(batch, index, y, row);
				if (step > 0)
					batch->previous[line] = values_at(
					    batch, index, y, row_of(batch, line, layer->reversed ? at + 1 : at - 1));
			}
			batch->network->kernels->lstm_step(layer, &lanes);
		}
}

static void run_along_y(const struct batch *batch, size_t index)
{
	const struct network_layer *layer = &batch->network->layers[index];
	size_t bytes = (size_t)layer->outputs * batch->network->element_bytes;
	struct network_lanes lanes = {
		.inputs = batch->inputs, .outputs = batch->outputs, .states = batch->states, .scratch = batch->scratch
	};

	for (size_t first = 0; first < batch->row_count; first += lanes.count) {
		size_t left = batch->row_count - first;

		lanes.count = left < BLOCK_ROWS ? left : BLOCK_ROWS;
		for (int32_t step = 0; step < layer->height; step++) {
			int32_t y = layer->reversed ? layer->height - 1 - step : step;
			char *kept = batch->summaries + (size_t)(step % 2) * BLOCK_ROWS * bytes;

			lanes.previous = step > 0 ? batch->previous : NULL;
			for (size_t i = 0; i < lanes.count; i++) {
				batch->inputs[i] = values_at(batch, index - 1, y, first + i);
				batch->previous[i] = batch->outputs[i];
				if (!layer->is_summary)
					batch->outputs[i] = values_at(batch, index, y, first + i);
				else if (step == layer->height - 1)
					batch->outputs[i] = values_at(batch, index, 0, first + i);
				else
					batch->outputs[i] = kept + i * bytes;
			}
			batch->network->kernels->lstm_step(layer, &lanes);
		}
	}
}

/* Some rows on their way through the softmax. */
struct softmax_rows {
	size_t count;
	size_t places[BLOCK_ROWS]; /* of each row's step, line by line */
};

static void finish_rows(const struct batch *batch, const struct network_layer *layer, const struct softmax_rows *rows)
{
	for (size_t i = 0; i < rows->count; i++)
		batch->outputs[i] =
		    batch->probabilities + (batch->reduced ? i : rows->places[i]) * (size_t)layer->outputs;
	batch->network->kernels->affine(layer, batch->inputs, rows->count, batch->sums);
	batch->network->kernels->softmax(layer, batch->sums, rows->count, (float *const *)batch->outputs);
	for (size_t i = 0; batch->reduced && i < rows->count; i++)
		batch->reductions[rows->places[i]] =
		    beam_reduce(batch->outputs[i], layer->outputs, batch->network->model->null_code);
}

/* From the order of rows to that of lines. */
static void run_softmax(const struct batch *batch, size_t index)
{
	struct softmax_rows rows = { 0 };
	size_t row = 0;

	for (int32_t step = 0; step < batch->step_counts[0]; step++)
		for (size_t line = 0; line < lines_at(batch, step); line++) {
			batch->inputs[rows.count] = values_at(batch, index - 1, 0, row++);
			rows.places[rows.count++] = batch->line_starts[line] + (size_t)step;
			if (rows.count < BLOCK_ROWS && row < batch->row_count)
				continue;
			finish_rows(batch, &batch->network->layers[index], &rows);
			rows.count = 0;
		}
}

static bool check_lines(const struct network *network, const struct network_line *lines, size_t count,
			struct error *error)
{
	int64_t columns = 0;

	if (count < 1 || count > NETWORK_LINES_MOST)
		return error_set(error, ERROR_BAD_INPUT, "a batch of %zu lines, not 1 to %d", count,
				 NETWORK_LINES_MOST);
	for (size_t i = 0; i < count; i++) {
		const struct network_line *line = &lines[i];

		if (line->width < network->shape.x_scale || line->width > NETWORK_WIDTH_MOST)
			return error_set(error, ERROR_BAD_INPUT, "line %zu of a batch is %d pixels wide, not %d to %d",
					 i, line->width, network->shape.x_scale, NETWORK_WIDTH_MOST);
		if (!isfinite(line->black) || !isfinite(line->contrast) || !(line->contrast > 0))
			return error_set(error, ERROR_BAD_INPUT, "line %zu of a batch has black %g and contrast %g", i,
					 (double)line->black, (double)line->contrast);
		columns += line->width;
	}
	if (columns > NETWORK_COLUMNS_MOST)
		return error_set(error, ERROR_BAD_INPUT, "a batch of %lld pixels of width, more than %d",
				 (long long)columns, NETWORK_COLUMNS_MOST);
	return true;
}

/* Makes the arena large enough and gives the batch its places in it. */
static bool prepare(struct network_workspace *workspace, struct batch *batch, struct error *error)
{
	const struct network *network = workspace->network;
	struct placing placing = { 0 };
	int32_t most_steps;

	for (size_t i = 0; i < batch->line_count; i++) {
		int32_t width = batch->lines[i].width;

		batch->row_count += (size_t)(width / network->shape.x_scale);
		batch->widest = width > batch->widest ? width : batch->widest;
	}
	most_steps = batch->widest / network->shape.x_scale;
	place_batch(batch, &placing, most_steps);
	if (!placing.too_large && placing.used > workspace->arena_bytes) {
		size_t bytes = (placing.used + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;

		free(workspace->arena);
		workspace->arena = aligned_alloc(ALIGNMENT, bytes);
		workspace->arena_bytes = workspace->arena ? bytes : 0;
	}
	if (placing.too_large || !workspace->arena)
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a batch of %zu lines and %zu steps",
				 batch->line_count, batch->row_count);
	placing = (struct placing){ .arena = workspace->arena };
	place_batch(batch, &placing, most_steps);
	return extend_noise(workspace, count_noise(&network->layers[0], batch->widest), error);
}

struct network_workspace *network_workspace_new(const struct network *network, struct error *error)
{
	struct network_workspace *workspace = calloc(1, sizeof *workspace);

	if (!workspace) {
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a network's workspace");
		return NULL;
	}
	workspace->network = network;
	seed_noise(workspace);
	if (network->cuda && !(workspace->cuda = cuda_workspace_new(error))) {
		free(workspace);
		return NULL;
	}
	return workspace;
}

void network_workspace_free(struct network_workspace *workspace)
{
	if (!workspace)
		return;
	free(workspace->arena);
	free(workspace->noise);
	cuda_workspace_free(workspace->cuda);
	free(workspace);
}

static bool run_on_gpu(struct network_workspace *workspace, const struct network_line *lines, size_t count,
		       struct network_output *outputs, struct network_reading *readings, struct error *error)
{
	const struct network *network = workspace->network;
	int32_t widest = 0;
	size_t noise;

	for (size_t i = 0; i < count; i++)
		widest = lines[i].width > widest ? lines[i].width : widest;
	noise = count_noise(&network->layers[0], widest);
	return extend_noise(workspace, noise, error) &&
	       cuda_network_run(network, workspace->cuda, lines, count, workspace->noise,
				noise * network->element_bytes, outputs, readings, error);
}

static void run_layers(const struct network_workspace *workspace, struct batch *batch)
{
	const struct network *network = workspace->network;

	number_rows(batch);
	run_convolution(workspace, batch);
	for (size_t i = 1; i < network->layer_count; i++)
		if (network->layers[i].kind == NETWORK_SOFTMAX)
			run_softmax(batch, i);
		else if (network->layers[i].along_y)
			run_along_y(batch, i);
		else
			run_along_x(batch, i);
}

/* A finished batch's results, by the caller's order of lines. */
static void hand_out(const struct batch *batch, struct network_output *outputs, struct network_reading *readings)
{
	size_t classes = (size_t)batch->network->shape.class_count;

	for (size_t i = 0; i < batch->line_count; i++)
		if (readings)
			readings[batch->order[i]] =
			    (struct network_reading){ .steps = batch->reductions + batch->line_starts[i],
						      .step_count = batch->step_counts[i] };
		else
			outputs[batch->order[i]] = (struct network_output){
				.probabilities = batch->probabilities + batch->line_starts[i] * classes,
				.step_count = batch->step_counts[i],
			};
}

/* network_run, or network_read where `readings` is not NULL. */
static bool run_batch(struct network_workspace *workspace, const struct network_line *lines, size_t count,
		      struct network_output *outputs, struct network_reading *readings, struct error *error)
{
	const struct network *network = workspace->network;
	struct batch batch = { .network = network, .lines = lines, .line_count = count, .reduced = readings != NULL };

	if (!check_lines(network, lines, count, error))
		return false;
	if (network->cuda)
		return run_on_gpu(workspace, lines, count, outputs, readings, error);
	if (!prepare(workspace, &batch, error))
		return false;
	run_layers(workspace, &batch);
	hand_out(&batch, outputs, readings);
	return true;
}

bool network_run(struct network_workspace *workspace, const struct network_line *lines, size_t count,
		 struct network_output *outputs, struct error *error)
{
	return run_batch(workspace, lines, count, outputs, NULL, error);
}

bool network_read(struct network_workspace *workspace, const struct network_line *lines, size_t count,
		  struct network_reading *readings, struct error *error)
{
	return run_batch(workspace, lines, count, NULL, readings, error);
}
