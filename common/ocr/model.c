/*
 * Model files. Every size is checked against the bytes that are left before anything is allocated for it, so a file
 * cannot ask for more memory than a few times its own length; the tree of layers is read with a stack of its own, so a
 * file cannot exhaust ours either.
 */
#include "common/ocr/model.h"

#include <endian.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/array.h"

#define ENTRIES_MOST 1000 /* TessdataManager's limit, by which it tells the byte order */
#define LAYERS_MOST 256
#define CHILDREN_MOST 64
#define DEPTH_MOST 16
#define CHANNELS_MOST 65535 /* keeps sums of int8 products far from the ends of int32 */
#define WINDOW_MOST 32
#define HEIGHT_MOST 1024
#define TESSERACT_TAKES_IT "; `--engine tesseract` takes it"

enum { FLAG_INTEGER = 1, FLAG_LAYER_RATES = 64 };
enum { MATRIX_INTEGER = 1, MATRIX_FORMAT = 128 };
enum { TRAINING_ENABLED = 1 };

struct reader {
	const uint8_t *next, *end;
	const uint8_t *start; /* of the model, to say where */
	bool failed;	      /* the bytes ended */
};

/* A layer whose inner layers are being read. */
struct open_layer {
	size_t index;
	uint32_t remaining;
	bool has_rates;
};

/* Type names as Tesseract writes them, by its numbers (lstm/network.cpp, kTypeNames); -1: not one of ours. */
static const struct {
	const char *name;
	int type;
} type_names[] = {
	{ "Invalid", -1 },
	{ "Input", MODEL_INPUT },
	{ "Convolve", MODEL_CONVOLVE },
	{ "Maxpool", MODEL_MAXPOOL },
	{ "Parallel", -1 },
	{ "Replicated", -1 },
	{ "ParBidiLSTM", -1 },
	{ "DepParUDLSTM", -1 },
	{ "Par2dLSTM", -1 },
	{ "Series", MODEL_SERIES },
	{ "Reconfig", -1 },
	{ "RTLReversed", MODEL_X_REVERSED },
	{ "TTBReversed", MODEL_Y_REVERSED },
	{ "XYTranspose", MODEL_TRANSPOSED },
	{ "LSTM", MODEL_LSTM_LAYER },
	{ "SummLSTM", MODEL_LSTM_SUMMARY },
	{ "Logistic", -1 },
	{ "LinLogistic", -1 },
	{ "LinTanh", -1 },
	{ "Tanh", MODEL_TANH },
	{ "Relu", -1 },
	{ "Linear", -1 },
	{ "Softmax", MODEL_SOFTMAX },
	{ "SoftmaxNoCTC", -1 },
	{ "LSTMSoftmax", -1 },
	{ "LSTMBinarySoftmax", -1 },
	{ "TensorFlow", -1 },
};
#define TYPE_COUNT (sizeof type_names / sizeof *type_names)

static const uint8_t *read_bytes(struct reader *reader, size_t length)
{
	const uint8_t *bytes = reader->next;

	if (reader->failed || (size_t)(reader->end - reader->next) < length) {
		reader->failed = true;
		return NULL;
	}
	reader->next += length;
	return bytes;
}

static uint8_t read_byte(struct reader *reader)
{
	const uint8_t *bytes = read_bytes(reader, 1);

	return bytes ? *bytes : 0;
}

static uint32_t read_uint32(struct reader *reader)
{
	const uint8_t *bytes = read_bytes(reader, 4);
	uint32_t value = 0;

	if (bytes)
		memcpy(&value, bytes, sizeof value);
	return le32toh(value);
}

static int32_t read_int32(struct reader *reader)
{
	return (int32_t)read_uint32(reader);
}

static int64_t read_int64(struct reader *reader)
{
	uint64_t low = read_uint32(reader), high = read_uint32(reader);

	return (int64_t)(high << 32 | low);
}

static double read_double(struct reader *reader)
{
	uint64_t bits = (uint64_t)read_int64(reader);
	double value;

	memcpy(&value, &bits, sizeof value);
	return value;
}

/* A string of the file, cut to the room that there is; what is no printable ASCII becomes '?', as errors show it. */
static void read_string(struct reader *reader, char *text, size_t room)
{
	uint32_t length = read_uint32(reader);
	const uint8_t *bytes = read_bytes(reader, length);
	size_t kept = !bytes ? 0 : length < room - 1 ? length : room - 1;

	for (size_t i = 0; i < kept; i++)
		text[i] = (char)(bytes[i] >= 0x20 && bytes[i] < 0x7f ? bytes[i] : '?');
	text[kept] = '\0';
}

static bool ended(const struct reader *reader, struct error *error)
{
	return error_set(error, ERROR_CONFIG, "the lstm entry ends too early, at byte %td",
			 reader->end - reader->start);
}

static bool read_integers(struct reader *reader, struct model_matrix *matrix, struct error *error)
{
	size_t value_count = (size_t)matrix->rows * (size_t)matrix->columns;
	const uint8_t *values = read_bytes(reader, value_count + 1); /* after an empty one */
	uint32_t scale_count = read_uint32(reader);

	if (reader->failed || (size_t)(reader->end - reader->next) / 8 < scale_count)
		return ended(reader, error);
	/* A model that was written after its scales were padded for SIMD has some more. */
	if (scale_count < (uint32_t)matrix->rows || scale_count - (uint32_t)matrix->rows >= 64)
		return error_set(error, ERROR_CONFIG, "a matrix of %d rows has %u scales", matrix->rows, scale_count);
	matrix->integers = (const int8_t *)values + 1;
	/* Tesseract never writes it, and without it sums of two products stay within 16 bits. */
	if (memchr(matrix->integers, 0x80, value_count))
		return error_set(error, ERROR_CONFIG, "a weight of -128");
	matrix->scales = calloc((size_t)matrix->rows, sizeof *matrix->scales);
	if (!matrix->scales)
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a matrix's scales");
	for (uint32_t i = 0; i < scale_count; i++) {
		float scale = (float)(read_double(reader) / INT8_MAX);

		if (i < (uint32_t)matrix->rows)
			matrix->scales[i] = scale;
		if (!isfinite(scale))
			return error_set(error, ERROR_CONFIG, "a matrix's scale is not a number");
	}
	return true;
}

static bool read_floats(struct reader *reader, struct model_matrix *matrix, struct error *error)
{
	size_t value_count = (size_t)matrix->rows * (size_t)matrix->columns;

	(void)read_double(reader); /* the empty value */
	if (reader->failed || (size_t)(reader->end - reader->next) / 8 < value_count)
		return ended(reader, error);
	matrix->floats = calloc(value_count, sizeof *matrix->floats);
	if (!matrix->floats)
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a matrix's weights");
	for (size_t i = 0; i < value_count; i++) {
		matrix->floats[i] = (float)read_double(reader);
		if (!isfinite(matrix->floats[i]))
			return error_set(error, ERROR_CONFIG, "a weight is not a number");
	}
	return true;
}

static bool read_matrix(struct reader *reader, struct model_matrix *matrix, int32_t rows, int32_t columns,
			struct error *error)
{
	uint8_t mode = read_byte(reader);
	uint32_t file_rows, file_columns;

	if (!reader->failed && !(mode & MATRIX_FORMAT))
		return error_set(error, ERROR_CONFIG,
				 "a matrix in the format of before Tesseract 4.0" TESSERACT_TAKES_IT);
	file_rows = read_uint32(reader);
	file_columns = read_uint32(reader);
	if (reader->failed)
		return ended(reader, error);
	if (file_rows != (uint32_t)rows || file_columns != (uint32_t)columns)
		return error_set(error, ERROR_CONFIG, "a matrix is %u x %u, not %d x %d", file_rows, file_columns, rows,
				 columns);
	matrix->rows = rows;
	matrix->columns = columns;
	return mode & MATRIX_INTEGER ? read_integers(reader, matrix, error) : read_floats(reader, matrix, error);
}

static bool read_lstm_matrices(struct reader *reader, struct model_layer *layer, struct error *error)
{
	int32_t gate_inputs = read_int32(reader), cells = layer->outputs;

	if (reader->failed)
		return ended(reader, error);
	if (gate_inputs == layer->inputs + 2 * cells)
		return error_set(error, ERROR_CONFIG, "a two-dimensional LSTM" TESSERACT_TAKES_IT);
	if (gate_inputs != layer->inputs + cells)
		return error_set(error, ERROR_CONFIG, "gates of %d inputs, not %d + %d", gate_inputs, layer->inputs,
				 cells);
	for (int gate = 0; gate < MODEL_GATE_COUNT; gate++)
		if (!read_matrix(reader, &layer->matrices[gate], cells, gate_inputs + 1, error))
			return false;
	return true;
}

static bool read_input(struct reader *reader, struct model_layer *layer, struct error *error)
{
	int32_t batch = read_int32(reader), width;

	layer->height = read_int32(reader);
	width = read_int32(reader);
	layer->depth = read_int32(reader);
	(void)read_int32(reader); /* the kind of loss, for training */
	if (reader->failed)
		return ended(reader, error);
	if (batch < 0 || batch > 1 || width != 0 || layer->height < 2 || layer->height > HEIGHT_MOST ||
	    layer->depth != 1)
		return error_set(
		    error, ERROR_CONFIG,
		    "images of %d x height %d x width %d x depth %d, where we take grey lines of fixed height "
		    "and any width" TESSERACT_TAKES_IT,
		    batch, layer->height, width, layer->depth);
	return true;
}

static bool read_window(struct reader *reader, struct model_layer *layer, struct error *error)
{
	int32_t least = layer->type == MODEL_CONVOLVE ? 0 : 1;

	layer->x = read_int32(reader);
	layer->y = read_int32(reader);
	if (reader->failed)
		return ended(reader, error);
	if (layer->x < least || layer->x > WINDOW_MOST || layer->y < least || layer->y > WINDOW_MOST)
		return error_set(error, ERROR_CONFIG, "a window of %d and %d", layer->x, layer->y);
	return true;
}

/* What the layer's type adds; *children is the number of layers inside it, which follow. */
static bool read_layer_body(struct reader *reader, struct model_layer *layer, uint32_t *children, struct error *error)
{
	bool one_inside =
	    layer->type == MODEL_X_REVERSED || layer->type == MODEL_Y_REVERSED || layer->type == MODEL_TRANSPOSED;

	switch (layer->type) {
	case MODEL_INPUT:
		return read_input(reader, layer, error);
	case MODEL_CONVOLVE:
	case MODEL_MAXPOOL:
		return read_window(reader, layer, error);
	case MODEL_SERIES:
	case MODEL_X_REVERSED:
	case MODEL_Y_REVERSED:
	case MODEL_TRANSPOSED:
		*children = read_uint32(reader);
		if (reader->failed)
			return ended(reader, error);
		if (*children < 1 || *children > (one_inside ? 1 : CHILDREN_MOST))
			return error_set(error, ERROR_CONFIG, "%u layers inside", *children);
		return true;
	case MODEL_LSTM_LAYER:
	case MODEL_LSTM_SUMMARY:
		return read_lstm_matrices(reader, layer, error);
	default:
		return read_matrix(reader, &layer->matrices[0], layer->outputs, layer->inputs + 1, error);
	}
}

/* The type, by name or, in old files, by number. */
static bool read_type(struct reader *reader, enum model_layer_type *type, struct error *error)
{
	uint8_t number = read_byte(reader);
	char name[64] = "";

	if (number == 0) {
		read_string(reader, name, sizeof name);
		while (number < TYPE_COUNT && strcmp(name, type_names[number].name) != 0)
			number++;
	}
	if (reader->failed)
		return ended(reader, error);
	if (number >= TYPE_COUNT && !*name)
		return error_set(error, ERROR_CONFIG, "a layer of the unknown type %u at byte %td" TESSERACT_TAKES_IT,
				 number, reader->next - reader->start);
	if (number >= TYPE_COUNT || type_names[number].type < 0)
		return error_set(error, ERROR_CONFIG, "a layer of type %s, which we do not have" TESSERACT_TAKES_IT,
				 number < TYPE_COUNT ? type_names[number].name : name);
	*type = (enum model_layer_type)type_names[number].type;
	return true;
}

static bool read_layer(struct reader *reader, struct model_layer *layer, struct open_layer *inside, struct error *error)
{
	uint8_t training;
	int32_t flags;

	if (!read_type(reader, &layer->type, error))
		return false;
	training = read_byte(reader);
	(void)read_byte(reader); /* needs_to_backprop */
	flags = read_int32(reader);
	layer->inputs = read_int32(reader);
	layer->outputs = read_int32(reader);
	(void)read_int32(reader); /* weights */
	read_string(reader, layer->name, sizeof layer->name);
	if (reader->failed)
		return ended(reader, error);
	if (training == TRAINING_ENABLED)
		return error_set(error, ERROR_CONFIG,
				 "layer %s: a checkpoint of training, not a model (lstmtraining "
				 "--stop_training makes one of it)",
				 layer->name);
	if (layer->inputs < 1 || layer->inputs > CHANNELS_MOST || layer->outputs < 1 || layer->outputs > CHANNELS_MOST)
		return error_set(error, ERROR_CONFIG, "layer %s: %d inputs and %d outputs", layer->name, layer->inputs,
				 layer->outputs);
	inside->has_rates = flags & FLAG_LAYER_RATES;
	if (!read_layer_body(reader, layer, &inside->remaining, error))
		return error_prefix(error, "layer %s", layer->name);
	return true;
}

/* Ends the layers that have nothing more inside; learning rates follow where there are some. */
static bool close_layers(struct reader *reader, struct model *model, struct open_layer *stack, size_t *depth,
			 struct error *error)
{
	while (*depth > 0 && stack[*depth - 1].remaining == 0) {
		struct open_layer *closed = &stack[--*depth];

		model->layers[closed->index].end = model->layer_count;
		if (closed->has_rates) {
			uint32_t rates = read_uint32(reader);

			(void)read_bytes(reader, (size_t)rates * 4);
			if (reader->failed)
				return ended(reader, error);
		}
	}
	return true;
}

static bool read_layers(struct reader *reader, struct model *model, struct error *error)
{
	struct open_layer stack[DEPTH_MOST];
	size_t depth = 0, capacity = 0;

	do {
		struct open_layer inside = { .index = model->layer_count };
		struct model_layer *layers =
		    array_grow(model->layers, &capacity, model->layer_count + 1, sizeof *model->layers);

		if (!layers)
			return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for its layers");
		model->layers = layers;
		memset(&layers[inside.index], 0, sizeof *layers);
		model->layer_count++;
		if (depth > 0)
			stack[depth - 1].remaining--;
		if (!read_layer(reader, &layers[inside.index], &inside, error))
			return false;
		layers[inside.index].end = model->layer_count;
		if (inside.remaining > 0) {
			if (depth == DEPTH_MOST)
				return error_set(error, ERROR_CONFIG, "layers inside layers, more than %d deep",
						 DEPTH_MOST);
			stack[depth++] = inside;
		}
		if (model->layer_count > LAYERS_MOST)
			return error_set(error, ERROR_CONFIG, "more than %d layers", LAYERS_MOST);
		if (!close_layers(reader, model, stack, &depth, error))
			return false;
	} while (depth > 0);
	return true;
}

/* All matrices are of the kind that the flags say. */
static bool check_kind(const struct model *model, struct error *error)
{
	for (size_t i = 0; i < model->layer_count; i++)
		for (int gate = 0; gate < MODEL_GATE_COUNT; gate++) {
			const struct model_matrix *matrix = &model->layers[i].matrices[gate];

			if (matrix->rows > 0 && (matrix->integers != NULL) != model->is_integer)
				return error_set(error, ERROR_CONFIG, "layer %s: %s weights in a model of %s",
						 model->layers[i].name, matrix->integers ? "integer" : "float",
						 model->is_integer ? "integers" : "floats");
		}
	return true;
}

static bool read_recogniser(struct model *model, struct error *error)
{
	const struct model_bytes *entry = &model->entries[MODEL_LSTM];
	struct reader reader = { .next = entry->data, .end = entry->data + entry->length, .start = entry->data };
	int32_t flags;

	if (!read_layers(&reader, model, error))
		return false;
	read_string(&reader, model->specification, sizeof model->specification);
	flags = read_int32(&reader);
	(void)read_int32(&reader); /* training_iteration */
	model->sample_iteration = read_int32(&reader);
	model->null_code = read_int32(&reader);
	(void)read_bytes(&reader, 12); /* adam_beta, learning_rate, momentum */
	if (reader.failed)
		return ended(&reader, error);
	if (reader.next != reader.end)
		return error_set(error, ERROR_CONFIG, "%td bytes too many after the network %s",
				 reader.end - reader.next, model->specification);
	if (model->null_code < 0 || model->null_code >= model->layers[0].outputs)
		return error_set(error, ERROR_CONFIG, "code %d is the blank of %d outputs", model->null_code,
				 model->layers[0].outputs);
	model->is_integer = flags & FLAG_INTEGER;
	return check_kind(model, error);
}

static bool read_entries(struct model *model, struct error *error)
{
	struct reader reader = { .next = model->bytes, .end = model->bytes + model->length, .start = model->bytes };
	uint32_t count = read_uint32(&reader);
	struct model_bytes *last = NULL;
	int64_t last_offset;

	if (reader.failed || count > ENTRIES_MOST || model->length < 4 + 8 * (size_t)count)
		return error_set(error, ERROR_CONFIG, "not a model: no table of entries at its beginning%s",
				 !reader.failed && be32toh(htole32(count)) <= ENTRIES_MOST
				     ? " (perhaps one with the bytes reversed" TESSERACT_TAKES_IT ")"
				     : "");
	last_offset = 4 + 8 * (int64_t)count;
	for (uint32_t i = 0; i < count; i++) {
		int64_t offset = read_int64(&reader);

		if (offset == -1)
			continue;
		if (offset < last_offset || (uint64_t)offset > model->length)
			return error_set(error, ERROR_CONFIG, "not a model: entry %u begins at byte %lld of %zu", i,
					 (long long)offset, model->length);
		if (last)
			last->length = (size_t)(offset - last_offset);
		last_offset = offset;
		last = i < MODEL_ENTRY_COUNT ? &model->entries[i] : NULL;
		if (last)
			*last = (struct model_bytes){ model->bytes + offset, model->length - (size_t)offset };
	}
	if (!model->entries[MODEL_LSTM].data)
		return error_set(error, ERROR_CONFIG,
				 "no lstm entry: a model of the legacy engine only" TESSERACT_TAKES_IT);
	if (!model->entries[MODEL_UNICHARSET].data || !model->entries[MODEL_RECODER].data)
		return error_set(error, ERROR_CONFIG,
				 "no entries lstm-unicharset and lstm-recoder: an early model" TESSERACT_TAKES_IT);
	return true;
}

/* Takes over bytes, from malloc; they are freed when it fails as well. */
static struct model *model_of(uint8_t *bytes, size_t length, const char *name, struct error *error)
{
	struct model *model = calloc(1, sizeof *model);

	if (!model) {
		free(bytes);
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "model %s: no memory", name);
		return NULL;
	}
	model->bytes = bytes;
	model->length = length;
	if (!read_entries(model, error) || !read_recogniser(model, error)) {
		(void)error_prefix(error, "model %s", name);
		model_close(model);
		return NULL;
	}
	return model;
}

struct model *model_read(const void *bytes, size_t length, const char *name, struct error *error)
{
	uint8_t *copy = malloc(length ? length : 1);

	if (!copy) {
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "model %s: no memory for its %zu bytes", name, length);
		return NULL;
	}
	memcpy(copy, bytes, length);
	return model_of(copy, length, name, error);
}

struct model *model_open(const char *path, struct error *error)
{
	FILE *file = fopen(path, "rbe");
	struct stat status;
	uint8_t *bytes = NULL;
	size_t length = 0;

	if (!file) {
		bool missing = errno == ENOENT || errno == ENOTDIR;

		(void)error_set(error, missing ? ERROR_UNKNOWN_LANGUAGE : ERROR_CONFIG, "model %s: %s", path,
				strerror(errno));
		return NULL;
	}
	if (fstat(fileno(file), &status) != 0 || !S_ISREG(status.st_mode)) {
		(void)error_set(error, ERROR_CONFIG, "model %s: not a file", path);
	} else if (status.st_size > MODEL_LARGEST_BYTES) {
		(void)error_set(error, ERROR_CONFIG, "model %s: larger than %u MiB", path, MODEL_LARGEST_BYTES >> 20);
	} else {
		length = (size_t)status.st_size;
		bytes = malloc(length ? length : 1);
		if (!bytes) {
			(void)error_set(error, ERROR_OUT_OF_MEMORY, "model %s: no memory for its %zu bytes", path,
					length);
		} else if (fread(bytes, 1, length, file) != length) {
			(void)error_set(error, ERROR_CONFIG, "model %s: cannot be read: %s", path, strerror(errno));
			free(bytes);
			bytes = NULL;
		}
	}
	(void)fclose(file);
	return bytes ? model_of(bytes, length, path, error) : NULL;
}

void model_close(struct model *model)
{
	if (!model)
		return;
	for (size_t i = 0; i < model->layer_count; i++)
		for (int gate = 0; gate < MODEL_GATE_COUNT; gate++) {
			free(model->layers[i].matrices[gate].scales);
			free(model->layers[i].matrices[gate].floats);
		}
	free(model->layers);
	free(model->bytes);
	free(model);
}
