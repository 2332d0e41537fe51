/*
 * A network's weights in the kernels' order, in one block that each GPU gets a copy of: curves, then layer by layer
 * tiles, biases and scales (integer models) or turned matrices (float models).
 */
#include <math.h>
#include <stdlib.h>

#include "common/ocr/cuda/convolve.h"
#include "common/ocr/cuda/lstm.h"
#include "common/ocr/cuda/lstm_float.h"
#include "common/ocr/cuda/network_cuda.h"
#include "common/ocr/cuda/softmax.h"

#define ALIGNMENT 256
#define FLOAT_SHARED_BYTES (48 << 10) /* that an LSTM of floats takes at most when it need not take more */
#define FLOAT_SEQUENCES 8
#define WARPS_WANTED 12 /* of a block along y */

/* A block that is counted first (bytes NULL) and filled then. */
struct packing {
	char *bytes;
	size_t used;
};

static size_t reserve(struct packing *packing, size_t count, size_t bytes)
{
	size_t start = (packing->used + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;

	packing->used = start + count * bytes;
	return start;
}

static int32_t matrix_count(const struct network_layer *layer)
{
	return layer->kind == NETWORK_LSTM ? MODEL_GATE_COUNT : 1;
}

/* A matrix's column for a tile's input: an LSTM's inputs and previous outputs each begin at a whole chunk. */
static int32_t column_of(const struct network_layer *layer, const struct cuda_layer *cuda, int32_t input)
{
	if (input < layer->inputs)
		return input;
	if (layer->kind == NETWORK_LSTM && input >= cuda->input_stride && input < cuda->input_stride + layer->outputs)
		return layer->inputs + input - cuda->input_stride;
	return -1;
}

/* Tiles in the order [output tiles][depth][matrices]; biases and scales [outputs][matrices]. */
static void fill_tiles(const struct network_layer *layer, const struct cuda_layer *cuda, const struct packing *packing)
{
	int32_t count = matrix_count(layer);
	int32_t *biases = (int32_t *)(void *)(packing->bytes + cuda->biases);
	float *scales = (float *)(void *)(packing->bytes + cuda->scales);

	for (int32_t tile = 0; tile < cuda->tiles; tile++)
		for (int32_t which = 0; which < count; which++) {
			const struct model_matrix *matrix = &layer->matrices[which];

			for (int32_t i = 0; i < TILE_OUTPUTS && tile * TILE_OUTPUTS + i < layer->outputs; i++) {
				int32_t row = tile * TILE_OUTPUTS + i;
				size_t last = ((size_t)row + 1) * (size_t)matrix->columns - 1;

				biases[row * count + which] = matrix->integers[last] * INT8_MAX;
				scales[row * count + which] = matrix->scales[row];
			}
			for (int32_t depth = 0; depth < cuda->tiles_deep; depth++) {
				size_t place = ((size_t)tile * (size_t)cuda->tiles_deep + (size_t)depth) * (size_t)count +
					       (size_t)which;
				int8_t *bytes = (int8_t *)packing->bytes + cuda->weights + place * TILE_BYTES;

				for (int32_t i = 0; i < TILE_BYTES; i++) {
					int32_t lane = i / KERNEL_CHUNK, byte = i % KERNEL_CHUNK;
					int32_t row = tile * TILE_OUTPUTS + tile_weight_output(lane, byte);
					int32_t column = column_of(layer, cuda,
								   depth * TILE_INPUTS + tile_weight_input(lane, byte));

					if (row < layer->outputs && column >= 0)
						bytes[i] = matrix->integers[(size_t)row * (size_t)matrix->columns +
									    (size_t)column];
				}
			}
		}
}

/* A convolution's weights as words: [output tiles][window columns × words][16 outputs]. */
static void fill_convolution(const struct network_layer *layer, const struct cuda_layer *cuda,
			     const struct packing *packing)
{
	const struct model_matrix *matrix = layer->matrices;
	int32_t rows = 2 * layer->half_y + 1, column_words = TILES(rows, 4);
	int32_t words = (2 * layer->half_x + 1) * column_words;
	int32_t *biases = (int32_t *)(void *)(packing->bytes + cuda->biases);
	float *scales = (float *)(void *)(packing->bytes + cuda->scales);

	for (int32_t output = 0; output < layer->outputs; output++) {
		const int8_t *weights = matrix->integers + (size_t)output * (size_t)matrix->columns;
		size_t tile = (size_t)(output / CONVOLVE_OUTPUTS), within = (size_t)(output % CONVOLVE_OUTPUTS);
		int8_t *bytes = (int8_t *)packing->bytes + cuda->weights;

		biases[output] = weights[matrix->columns - 1] * INT8_MAX;
		scales[output] = matrix->scales[output];
		for (int32_t place = 0; place < matrix->columns - 1; place++) {
			int32_t word = place / rows * column_words + place % rows / 4;

			bytes[((tile * (size_t)words + (size_t)word) * CONVOLVE_OUTPUTS + within) * 4 +
			      (size_t)(place % rows % 4)] = weights[place];
		}
	}
}

/* Float matrices with the outputs side by side: [columns][matrices][outputs]; a convolution's as they are. */
static void fill_floats(const struct network_layer *layer, const struct cuda_layer *cuda, const struct packing *packing)
{
	float *target = (float *)(void *)(packing->bytes + cuda->weights);
	int32_t count = matrix_count(layer), columns = layer->matrices->columns;

	if (layer->kind == NETWORK_CONVOLVE) {
		memcpy(target, layer->matrices->floats, (size_t)columns * (size_t)layer->outputs * sizeof *target);
		return;
	}
	for (int32_t column = 0; column < columns; column++)
		for (int32_t which = 0; which < count; which++)
			for (int32_t output = 0; output < layer->outputs; output++)
				*target++ =
				    layer->matrices[which].floats[(size_t)output * (size_t)columns + (size_t)column];
}

static void place_layer(const struct network *network, const struct network_layer *layer, struct cuda_layer *cuda,
			struct packing *packing)
{
	size_t matrices = (size_t)matrix_count(layer);
	int32_t element = (int32_t)network->element_bytes, words;

	cuda->input_stride = KERNEL_CHUNKS(layer->inputs * element) * KERNEL_CHUNK;
	cuda->output_stride = KERNEL_CHUNKS(layer->outputs * element) * KERNEL_CHUNK;
	cuda->tiles = TILES(layer->outputs, TILE_OUTPUTS);
	cuda->tiles_deep =
	    TILES(cuda->input_stride + (layer->kind == NETWORK_LSTM ? cuda->output_stride : 0), TILE_INPUTS);
	if (!network->model->is_integer) {
		cuda->weights = reserve(packing, matrices * (size_t)layer->outputs,
					(size_t)layer->matrices->columns * sizeof(float));
		return;
	}
	cuda->biases = reserve(packing, (size_t)cuda->tiles * matrices, TILE_OUTPUTS * sizeof(int32_t));
	cuda->scales = reserve(packing, (size_t)cuda->tiles * matrices, TILE_OUTPUTS * sizeof(float));
	words = (2 * layer->half_x + 1) * TILES(2 * layer->half_y + 1, 4);
	cuda->weights = layer->kind == NETWORK_CONVOLVE ?
			    reserve(packing, (size_t)cuda->tiles * (size_t)words, CONVOLVE_OUTPUTS * sizeof(uint32_t)) :
			    reserve(packing, (size_t)cuda->tiles * (size_t)cuda->tiles_deep * matrices, TILE_BYTES);
}

static void fill(const struct network *network, const struct cuda_network *cuda, const struct packing *packing)
{
	double *powers = (double *)(void *)(packing->bytes + cuda->powers);

	memcpy(packing->bytes + cuda->curves, &network->curves, sizeof network->curves);
	for (int i = 0; i < SOFTMAX_POWERS; i++)
		powers[i] = exp2(i / (double)SOFTMAX_POWERS);
	for (size_t i = 0; i < network->layer_count; i++) {
		const struct network_layer *layer = &network->layers[i];

		if (!network->model->is_integer)
			fill_floats(layer, &cuda->layers[i], packing);
		else if (layer->kind == NETWORK_CONVOLVE)
			fill_convolution(layer, &cuda->layers[i], packing);
		else
			fill_tiles(layer, &cuda->layers[i], packing);
	}
}

/* Chooses what a block keeps in shared memory; false when not even the rest fits. */
static bool choose_resident(const struct cuda_description *gpu, struct lstm_arguments *arguments)
{
	int32_t room;

	while (arguments->groups > 1 && lstm_working_bytes(arguments) > gpu->shared_bytes)
		arguments->groups--;
	room = gpu->shared_bytes - lstm_working_bytes(arguments);
	arguments->resident_tiles = room / lstm_resident_bytes(arguments, 1);
	if (arguments->resident_tiles > arguments->cell_tiles)
		arguments->resident_tiles = arguments->cell_tiles;
	return room >= 0;
}

/*
 * Many sequences for each byte of weights that comes from outside of shared memory, but no processor without a block
 * while others have two.
 */
static bool choose_row_tiles(const struct cuda_description *gpu, struct lstm_arguments *arguments, int32_t sequences,
			     int32_t height)
{
	int64_t least = INT64_MAX;

	for (int32_t row_tiles = 4; row_tiles >= 1; row_tiles /= 2) {
		struct lstm_arguments trial = *arguments;
		int64_t streamed;

		trial.row_tiles = row_tiles;
		if (!choose_resident(gpu, &trial) ||
		    (row_tiles > 1 && TILES(sequences, lstm_sequences(&trial)) * height < gpu->processors))
			continue;
		streamed = (int64_t)(trial.cell_tiles - trial.resident_tiles) * INT16_MAX / lstm_sequences(&trial);
		if (streamed < least) {
			least = streamed;
			*arguments = trial;
		}
	}
	return least < INT64_MAX;
}

bool cuda_lstm_shape(const struct cuda_description *gpu, struct lstm_arguments *arguments, struct cuda_grid *grid)
{
	int32_t sequences = arguments->along_y ? arguments->rows : arguments->lines;
	int32_t tiles = arguments->cell_tiles, height = arguments->along_y ? 1 : arguments->height;

	/* As many warps as tiles, or so many that each has as many tiles as the others. */
	arguments->tile_warps = TILES(tiles, TILES(tiles, KERNEL_WARPS_MOST));
	arguments->groups = arguments->along_y && arguments->tile_warps * 2 <= WARPS_WANTED ?
				WARPS_WANTED / arguments->tile_warps :
				1;
	arguments->keeps_curves = true;
	if (!choose_row_tiles(gpu, arguments, sequences, height)) {
		arguments->keeps_curves = false;
		arguments->row_tiles = 1;
		if (!choose_resident(gpu, arguments))
			return false;
	}
	*grid = (struct cuda_grid){ .x = TILES(sequences, lstm_sequences(arguments)),
				    .y = height,
				    .warps = arguments->tile_warps * arguments->groups,
				    .shared_bytes = lstm_working_bytes(arguments) +
						    lstm_resident_bytes(arguments, arguments->resident_tiles) };
	return true;
}

bool cuda_lstm_float_shape(const struct cuda_description *gpu, struct lstm_float_arguments *arguments,
			   struct cuda_grid *grid)
{
	int32_t bytes = lstm_float_sequence_floats(arguments) * (int32_t)sizeof(float);
	int32_t sequences = arguments->along_y ? arguments->rows : arguments->lines;

	arguments->sequences = FLOAT_SHARED_BYTES / bytes;
	if (arguments->sequences > FLOAT_SEQUENCES)
		arguments->sequences = FLOAT_SEQUENCES;
	if (arguments->sequences < 1)
		arguments->sequences = 1;
	*grid = (struct cuda_grid){ .x = TILES(sequences, arguments->sequences),
				    .y = arguments->along_y ? 1 : arguments->height,
				    .warps = LSTM_FLOAT_WARPS,
				    .shared_bytes = arguments->sequences * bytes };
	return grid->shared_bytes <= gpu->shared_bytes;
}

/* Whether a layer fits a GPU's shared memory. */
static bool check_layer(const struct network *network, const struct network_layer *layer, const struct cuda_layer *cuda,
			const struct cuda_description *gpu, struct error *error)
{
	struct lstm_arguments integer = { .cell_tiles = cuda->tiles, .tiles_deep = cuda->tiles_deep, .lines = 1 };
	struct lstm_float_arguments floats = { .inputs_count = layer->inputs, .cells = layer->outputs, .lines = 1 };
	struct convolve_arguments window = { .half_x = layer->half_x, .half_y = layer->half_y };
	struct cuda_grid grid;
	bool fits = true;

	if (layer->kind == NETWORK_CONVOLVE && !network->model->is_integer && layer->inputs > WINDOW_MOST)
		return error_set(error, ERROR_CONFIG,
				 "layer %s: a window of %d places, more than %d; another --backend takes it", layer->name,
				 layer->inputs, WINDOW_MOST);
	if (layer->kind == NETWORK_LSTM)
		fits = network->model->is_integer ? cuda_lstm_shape(gpu, &integer, &grid) :
						    cuda_lstm_float_shape(gpu, &floats, &grid);
	else if (layer->kind == NETWORK_CONVOLVE)
		fits = convolve_words(&window) * CONVOLVE_OUTPUTS * (int32_t)sizeof(uint32_t) <= gpu->shared_bytes;
	else
		fits = softmax_shared_bytes(cuda->tiles_deep, layer->outputs, network->model->is_integer, false) <=
		       gpu->shared_bytes;
	return fits || error_set(error, ERROR_CONFIG,
				 "layer %s: %d channels are too many for the %d bytes of shared memory of %s; "
				 "another --backend takes it",
				 layer->name, layer->outputs, gpu->shared_bytes, gpu->name);
}

/* Whether a quarter of a GPU's shared memory does, so that it has four blocks at least. */
static bool reduces_in_shared(const struct network *network, const struct cuda_network *cuda,
			      const struct cuda_description *gpu)
{
	const struct network_layer *layer = &network->layers[network->layer_count - 1];
	const struct cuda_layer *last = &cuda->layers[network->layer_count - 1];

	return softmax_shared_bytes(last->tiles_deep, layer->outputs, network->model->is_integer, true) <=
	       gpu->shared_bytes / 4;
}

static bool upload(const struct network *network, struct cuda_network *cuda, struct error *error)
{
	struct packing packing = { .bytes = calloc(1, cuda->bytes) };
	bool done = packing.bytes || error_set(error, ERROR_OUT_OF_MEMORY, "no memory for the weights");

	if (done)
		fill(network, cuda, &packing);
	cuda->reduces_in_shared = true;
	for (int32_t gpu = 0; done && gpu < network_gpus_used(cuda->gpus); gpu++) {
		const struct cuda_description *description = network_gpus_describe(cuda->gpus, gpu);

		for (size_t i = 0; done && i < network->layer_count; i++)
			done = check_layer(network, &network->layers[i], &cuda->layers[i], description, error);
		cuda->reduces_in_shared &= reduces_in_shared(network, cuda, description);
		if (done)
			cuda->blocks[gpu] = network_gpus_store(cuda->gpus, gpu, packing.bytes, cuda->bytes, error);
		done = done && cuda->blocks[gpu];
	}
	free(packing.bytes);
	return done;
}

struct cuda_network *cuda_network_new(const struct network *network, struct network_gpus *gpus, struct error *error)
{
	struct cuda_network *cuda = calloc(1, sizeof *cuda);
	struct packing packing = { 0 };

	if (!cuda) {
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a network");
		return NULL;
	}
	cuda->owns_gpus = !gpus;
	cuda->gpus = gpus ? gpus : network_gpus_open(&(struct network_gpus_options){ 0 }, error);
	cuda->curves = reserve(&packing, 1, sizeof network->curves);
	cuda->powers = reserve(&packing, SOFTMAX_POWERS, sizeof(double));
	for (size_t i = 0; i < network->layer_count; i++)
		place_layer(network, &network->layers[i], &cuda->layers[i], &packing);
	cuda->bytes = packing.used;
	if (cuda->gpus && upload(network, cuda, error))
		return cuda;
	cuda_network_free(cuda);
	return NULL;
}

void cuda_network_free(struct cuda_network *cuda)
{
	if (!cuda)
		return;
	for (int32_t gpu = 0; cuda->gpus && gpu < network_gpus_used(cuda->gpus); gpu++)
		network_gpus_drop(cuda->gpus, gpu, cuda->blocks[gpu], cuda->bytes);
	if (cuda->owns_gpus)
		network_gpus_close(cuda->gpus);
	free(cuda);
}
