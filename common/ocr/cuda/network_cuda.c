/*
 * Batches on a GPU. What a batch needs there goes over in one copy from pinned memory: its lines, the numbering of its
 * rows (network.h), the noise and the pixels as they are in the page, one byte each. Then one launch a layer; two
 * buffers take turns as a layer's inputs and outputs. One copy brings back what is wanted: the probabilities, or of each
 * step what reading takes of them. The calling thread sleeps meanwhile; batches of other threads run beside it on other
 * streams, so copies, kernels and decoding overlap.
 */
#include <stdlib.h>

#include "common/ocr/cuda/convolve.h"
#include "common/ocr/cuda/lstm.h"
#include "common/ocr/cuda/lstm_float.h"
#include "common/ocr/cuda/network_cuda.h"
#include "common/ocr/cuda/softmax.h"

#define ALIGNMENT 256

/* Pinned memory that grows. */
struct pinned {
	char *bytes;
	size_t size;
};

struct cuda_workspace {
	struct pinned staging, results;
	size_t *order;
	size_t order_capacity;
};

/* A batch; offsets count from the arena's start, and for what is uploaded from that of the staging memory as well. */
struct batch {
	const struct network *network;
	const struct cuda_network *cuda;
	const struct network_line *lines;
	size_t count;
	const size_t *order;
	int32_t rows, most_steps;
	size_t lines_at, step_counts, row_starts, line_starts, noise, pixels, pixel_count;
	size_t uploaded; /* bytes from the start */
	size_t values;	 /* float models: the pixels as floats */
	bool reduced;	 /* what reading takes is wanted, not the probabilities */
	size_t buffers[2], probabilities, results, result_bytes, bytes;
	const char *weights; /* on the stream's GPU */
	char *arena;
	const struct cuda_description *gpu;
	struct cuda_stream *stream;
};

static size_t place(size_t *used, size_t count, size_t bytes)
{
	size_t start = (*used + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;

	*used = start + count * bytes;
	return start;
}

/* Sizes are within network.h's limits and a model's, so nothing overflows 64 bits. */
static void place_batch(struct batch *batch, size_t noise_bytes)
{
	size_t used = 0, buffer_bytes = 0, rows = (size_t)batch->rows;
	const struct network *network = batch->network;

	for (size_t i = 0; i < batch->count; i++)
		batch->pixel_count += (size_t)batch->lines[i].width * (size_t)network->shape.height;
	batch->lines_at = place(&used, batch->count, sizeof(struct convolve_line));
	batch->step_counts = place(&used, batch->count, sizeof(int32_t));
	batch->line_starts = place(&used, batch->count, sizeof(int32_t));
	batch->row_starts = place(&used, (size_t)batch->most_steps + 1, sizeof(int32_t));
	batch->noise = place(&used, noise_bytes, 1);
	batch->pixels = place(&used, batch->pixel_count, 1);
	batch->uploaded = used;
	if (!network->model->is_integer)
		batch->values = place(&used, batch->pixel_count, sizeof(float));
	for (size_t i = 0; i + 1 < network->layer_count; i++) {
		size_t bytes = (size_t)network->layers[i].output_height * (size_t)batch->cuda->layers[i].output_stride;

		buffer_bytes = bytes > buffer_bytes ? bytes : buffer_bytes;
	}
	batch->buffers[0] = place(&used, rows, buffer_bytes);
	batch->buffers[1] = place(&used, rows, buffer_bytes);
	batch->result_bytes = rows * (size_t)network->shape.class_count * sizeof(float);
	if (!batch->reduced || !batch->cuda->reduces_in_shared)
		batch->probabilities = place(&used, batch->result_bytes, 1);
	batch->results = batch->probabilities;
	if (batch->reduced) {
		batch->result_bytes = rows * sizeof(struct beam_reduced);
		batch->results = place(&used, batch->result_bytes, 1);
	}
	batch->bytes = used;
}

static bool grow(struct pinned *memory, size_t bytes, struct error *error)
{
	if (bytes <= memory->size)
		return true;
	cuda_pinned_release(memory->bytes);
	memory->size = bytes + bytes / 4;
	memory->bytes = cuda_pinned_allocate(memory->size, error);
	if (!memory->bytes)
		memory->size = 0;
	return memory->bytes != NULL;
}

/* Everything that is uploaded. */
static void stage(const struct batch *batch, char *staging, const void *noise, size_t noise_bytes)
{
	struct convolve_line *lines = (struct convolve_line *)(void *)(staging + batch->lines_at);
	int32_t *step_counts = (int32_t *)(void *)(staging + batch->step_counts);
	int32_t *line_starts = (int32_t *)(void *)(staging + batch->line_starts);
	int32_t *row_starts = (int32_t *)(void *)(staging + batch->row_starts);
	int32_t height = batch->network->shape.height, start = 0, row = 0;
	size_t active = batch->count, pixel = 0;

	for (size_t i = 0; i < batch->count; i++) {
		const struct network_line *line = &batch->lines[batch->order[i]];

		lines[i] = (struct convolve_line){ .pixels = (int64_t)pixel,
						   .width = line->width,
						   .black = line->black,
						   .contrast = line->contrast };
		step_counts[i] = line->width / batch->network->shape.x_scale;
		line_starts[i] = start;
		start += step_counts[i];
		for (int32_t y = 0; y < height; y++, pixel += (size_t)line->width)
			memcpy(staging + batch->pixels + pixel, line->pixels + (size_t)y * line->stride_bytes,
			       (size_t)line->width);
	}
	for (int32_t step = 0; step < batch->most_steps; step++) {
		while (step_counts[active - 1] <= step)
			active--;
		row_starts[step] = row;
		row += (int32_t)active;
	}
	row_starts[batch->most_steps] = row;
	if (noise_bytes > 0)
		memcpy(staging + batch->noise, noise, noise_bytes);
}

static bool launch_convolution(const struct batch *batch, struct error *error)
{
	const struct network_layer *layer = &batch->network->layers[0];
	const struct cuda_layer *cuda = &batch->cuda->layers[0];
	bool is_integer = batch->network->model->is_integer;
	int32_t threads = CONVOLVE_WARPS * KERNEL_LANES;
	const struct convolve_arguments arguments = {
		.lines = (const void *)(batch->arena + batch->lines_at),
		.pixels = (uint8_t *)batch->arena + batch->pixels,
		.values = (void *)(batch->arena + batch->values),
		.outputs = batch->arena + batch->buffers[0],
		.weights = (const void *)(batch->weights + cuda->weights),
		.biases = (const void *)(batch->weights + cuda->biases),
		.scales = (const void *)(batch->weights + cuda->scales),
		.floats = (const void *)(batch->weights + cuda->weights),
		.noise = batch->arena + batch->noise,
		.curves = (const void *)(batch->weights + batch->cuda->curves),
		.row_starts = (const void *)(batch->arena + batch->row_starts),
		.line_starts = (const void *)(batch->arena + batch->line_starts),
		.rows = batch->rows,
		.line_count = (int32_t)batch->count,
		.height = layer->height,
		.output_stride = cuda->output_stride,
		.output_count = layer->outputs,
		.half_x = layer->half_x,
		.half_y = layer->half_y,
		.pool_x = layer->pool_x,
		.pool_y = layer->pool_y,
	};
	const struct cuda_grid pixels = { .x = TILES(batch->lines[batch->order[0]].width * layer->height, threads),
					  .y = (int32_t)batch->count,
					  .warps = CONVOLVE_WARPS };
	const struct cuda_grid places = { .x = TILES(batch->rows, threads),
					  .y = layer->output_height,
					  .warps = CONVOLVE_WARPS,
					  .shared_bytes = is_integer ? convolve_words(&arguments) * CONVOLVE_OUTPUTS *
									   (int32_t)sizeof(uint32_t) :
								       0 };

	return cuda_launch(batch->stream, is_integer ? CUDA_NORMALISE_INTEGER : CUDA_NORMALISE_FLOAT, &pixels,
			   &arguments, error) &&
	       cuda_launch(batch->stream, is_integer ? CUDA_CONVOLVE_INTEGER : CUDA_CONVOLVE_FLOAT, &places, &arguments,
			   error);
}

static bool launch_lstm(const struct batch *batch, size_t index, struct error *error)
{
	const struct network_layer *layer = &batch->network->layers[index];
	const struct cuda_layer *cuda = &batch->cuda->layers[index];
	struct cuda_grid grid;
	struct lstm_arguments arguments = {
		.inputs = batch->arena + batch->buffers[(index + 1) % 2],
		.outputs = batch->arena + batch->buffers[index % 2],
		.weights = (const void *)(batch->weights + cuda->weights),
		.biases = (const void *)(batch->weights + cuda->biases),
		.scales = (const void *)(batch->weights + cuda->scales),
		.curves = (const void *)(batch->weights + batch->cuda->curves),
		.step_counts = (const void *)(batch->arena + batch->step_counts),
		.row_starts = (const void *)(batch->arena + batch->row_starts),
		.lines = (int32_t)batch->count,
		.rows = batch->rows,
		.height = layer->height,
		.input_stride = cuda->input_stride,
		.output_stride = cuda->output_stride,
		.cell_tiles = cuda->tiles,
		.tiles_deep = cuda->tiles_deep,
		.along_y = layer->along_y,
		.reversed = layer->reversed,
		.is_summary = layer->is_summary,
	};

	(void)cuda_lstm_shape(batch->gpu, &arguments, &grid); /* weights.c has seen that it fits */
	return cuda_launch(batch->stream,
			   !arguments.keeps_curves    ? CUDA_LSTM_LARGE
			   : arguments.row_tiles == 4 ? CUDA_LSTM_4
			   : arguments.row_tiles == 2 ? CUDA_LSTM_2
						      : CUDA_LSTM_1,
			   &grid, &arguments, error);
}

static bool launch_lstm_float(const struct batch *batch, size_t index, struct error *error)
{
	const struct network_layer *layer = &batch->network->layers[index];
	const struct cuda_layer *cuda = &batch->cuda->layers[index];
	struct cuda_grid grid;
	struct lstm_float_arguments arguments = {
		.inputs = batch->arena + batch->buffers[(index + 1) % 2],
		.outputs = batch->arena + batch->buffers[index % 2],
		.weights = (const void *)(batch->weights + cuda->weights),
		.curves = (const void *)(batch->weights + batch->cuda->curves),
		.step_counts = (const void *)(batch->arena + batch->step_counts),
		.row_starts = (const void *)(batch->arena + batch->row_starts),
		.lines = (int32_t)batch->count,
		.rows = batch->rows,
		.height = layer->height,
		.input_stride = cuda->input_stride,
		.output_stride = cuda->output_stride,
		.inputs_count = layer->inputs,
		.cells = layer->outputs,
		.along_y = layer->along_y,
		.reversed = layer->reversed,
		.is_summary = layer->is_summary,
	};

	(void)cuda_lstm_float_shape(batch->gpu, &arguments, &grid);
	return cuda_launch(batch->stream, CUDA_LSTM_FLOAT, &grid, &arguments, error);
}

static bool launch_softmax(const struct batch *batch, size_t index, struct error *error)
{
	const struct network_layer *layer = &batch->network->layers[index];
	const struct cuda_layer *cuda = &batch->cuda->layers[index];
	bool is_integer = batch->network->model->is_integer;
	bool in_shared = batch->reduced && batch->cuda->reduces_in_shared;
	const struct softmax_arguments arguments = {
		.inputs = batch->arena + batch->buffers[(index + 1) % 2],
		.outputs = in_shared ? NULL : (void *)(batch->arena + batch->probabilities),
		.reductions = batch->reduced ? (void *)(batch->arena + batch->results) : NULL,
		.weights = (const void *)(batch->weights + cuda->weights),
		.biases = (const void *)(batch->weights + cuda->biases),
		.scales = (const void *)(batch->weights + cuda->scales),
		.floats = (const void *)(batch->weights + cuda->weights),
		.powers = (const void *)(batch->weights + batch->cuda->powers),
		.row_starts = (const void *)(batch->arena + batch->row_starts),
		.line_starts = (const void *)(batch->arena + batch->line_starts),
		.rows = batch->rows,
		.most_steps = batch->most_steps,
		.inputs_count = layer->inputs,
		.input_stride = cuda->input_stride,
		.classes = layer->outputs,
		.class_tiles = cuda->tiles,
		.tiles_deep = cuda->tiles_deep,
		.null_code = batch->network->model->null_code,
	};
	const struct cuda_grid grid = { .x = TILES(batch->rows, SOFTMAX_ROWS),
					.y = 1,
					.warps = SOFTMAX_WARPS,
					.shared_bytes = softmax_shared_bytes(cuda->tiles_deep, layer->outputs,
									     is_integer, in_shared) };

	return cuda_launch(batch->stream, is_integer ? CUDA_SOFTMAX_INTEGER : CUDA_SOFTMAX_FLOAT, &grid, &arguments,
			   error);
}

/* All of a batch that the GPU does, with a mark after each stage. */
static bool run_stages(const struct batch *batch, const struct cuda_workspace *workspace,
		       int64_t us[CUDA_MARKS - 1], struct error *error)
{
	size_t last = batch->network->layer_count - 1;
	bool done = cuda_mark(batch->stream, 0, error) &&
		    cuda_upload(batch->stream, batch->arena, workspace->staging.bytes, batch->uploaded, error) &&
		    cuda_mark(batch->stream, 1, error) && launch_convolution(batch, error) &&
		    cuda_mark(batch->stream, 2, error);

	for (size_t i = 1; done && i < last; i++)
		done = batch->network->model->is_integer ? launch_lstm(batch, i, error) :
							   launch_lstm_float(batch, i, error);
	return done && cuda_mark(batch->stream, 3, error) && launch_softmax(batch, last, error) &&
	       cuda_mark(batch->stream, 4, error) &&
	       cuda_download(batch->stream, workspace->results.bytes, batch->arena + batch->results,
			     batch->result_bytes, error) &&
	       cuda_mark(batch->stream, 5, error) && cuda_finish(batch->stream, us, error);
}

static bool run_on_gpu(struct batch *batch, const struct cuda_workspace *workspace, struct error *error)
{
	struct gpu_batch done = { .lines = (int64_t)batch->count, .steps = batch->rows };
	struct network_gpus *gpus = batch->cuda->gpus;
	struct gpu_stream *stream;
	struct error failure = { 0 };
	bool finished;

	stream = network_gpus_take(gpus, error);
	if (!stream)
		return false;
	finished = network_gpus_reserve(gpus, stream, batch->bytes, &failure);
	if (finished) {
		batch->weights = batch->cuda->blocks[stream->gpu];
		batch->gpu = network_gpus_describe(gpus, stream->gpu);
		batch->stream = stream->stream;
		batch->arena = stream->arena;
		finished = run_stages(batch, workspace, done.us, &failure);
	}
	network_gpus_give(gpus, stream, finished ? &done : NULL, &failure);
	if (!finished && error)
		*error = failure;
	return finished;
}

struct cuda_workspace *cuda_workspace_new(struct error *error)
{
	struct cuda_workspace *workspace = calloc(1, sizeof *workspace);

	if (!workspace)
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a network's workspace");
	return workspace;
}

void cuda_workspace_free(struct cuda_workspace *workspace)
{
	if (!workspace)
		return;
	cuda_pinned_release(workspace->staging.bytes);
	cuda_pinned_release(workspace->results.bytes);
	free(workspace->order);
	free(workspace);
}

/* Lines by width in workspace->order. */
static bool sort_lines(struct cuda_workspace *workspace, const struct network_line *lines, size_t count,
		       struct error *error)
{
	if (count > workspace->order_capacity) {
		free(workspace->order);
		workspace->order = calloc(count, sizeof *workspace->order);
		workspace->order_capacity = workspace->order ? count : 0;
	}
	if (!workspace->order)
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a batch of %zu lines", count);
	network_sort_lines(lines, count, workspace->order);
	return true;
}

/* A finished batch's results, by the caller's order of lines. */
static void hand_out(const struct batch *batch, const struct cuda_workspace *workspace, struct network_output *outputs,
		     struct network_reading *readings)
{
	const char *staging = workspace->staging.bytes, *results = workspace->results.bytes;
	const int32_t *step_counts = (const int32_t *)(const void *)(staging + batch->step_counts);
	const int32_t *line_starts = (const int32_t *)(const void *)(staging + batch->line_starts);
	const struct beam_reduced *reductions = (const struct beam_reduced *)(const void *)results;
	const float *probabilities = (const float *)(const void *)results;

	for (size_t i = 0; i < batch->count; i++) {
		size_t start = (size_t)line_starts[i], line = batch->order[i];

		if (readings)
			readings[line] =
			    (struct network_reading){ .steps = reductions + start, .step_count = step_counts[i] };
		else
			outputs[line] = (struct network_output){
				.probabilities = probabilities + start * (size_t)batch->network->shape.class_count,
				.step_count = step_counts[i],
			};
	}
}

bool cuda_network_run(const struct network *network, struct cuda_workspace *workspace, const struct network_line *lines,
		      size_t count, const void *noise, size_t noise_bytes, struct network_output *outputs,
		      struct network_reading *readings, struct error *error)
{
	struct batch batch = {
		.network = network, .cuda = network->cuda, .lines = lines, .count = count, .reduced = readings != NULL
	};

	if (!sort_lines(workspace, lines, count, error))
		return false;
	batch.order = workspace->order;
	for (size_t i = 0; i < count; i++)
		batch.rows += lines[i].width / network->shape.x_scale;
	batch.most_steps = lines[batch.order[0]].width / network->shape.x_scale;
	place_batch(&batch, noise_bytes);
	if (!grow(&workspace->staging, batch.uploaded, error) ||
	    !grow(&workspace->results, batch.result_bytes, error))
		return false;
	stage(&batch, workspace->staging.bytes, noise, noise_bytes);
	if (!run_on_gpu(&batch, workspace, error))
		return false;
	hand_out(&batch, workspace, outputs, readings);
	return true;
}
