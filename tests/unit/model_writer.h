/*
 * Writes model files for tests: from layers as struct model has them, a traineddata file with that network, and with a
 * character set and a recoder that are nothing but there. Integer matrices can be written as the floats that they stand
 * for, which makes a float model of an integer one.
 */
#ifndef FILOT_MODEL_WRITER_H
#define FILOT_MODEL_WRITER_H

#include <stdlib.h>
#include <string.h>

#include "common/base/buffer.h"
#include "common/ocr/model.h"

struct model_file {
	const struct model_layer *layers;
	size_t layer_count;
	int32_t null_code, sample_iteration;
	bool is_integer;
	const char *specification;
};

static const char *const model_writer_types[] = {
	[MODEL_INPUT] = "Input",
	[MODEL_CONVOLVE] = "Convolve",
	[MODEL_MAXPOOL] = "Maxpool",
	[MODEL_SERIES] = "Series",
	[MODEL_X_REVERSED] = "RTLReversed",
	[MODEL_Y_REVERSED] = "TTBReversed",
	[MODEL_TRANSPOSED] = "XYTranspose",
	[MODEL_LSTM_LAYER] = "LSTM",
	[MODEL_LSTM_SUMMARY] = "SummLSTM",
	[MODEL_TANH] = "Tanh",
	[MODEL_SOFTMAX] = "Softmax",
};

static inline void write_int32(struct buffer *buffer, int32_t value)
{
	buffer_append(buffer, &value, sizeof value);
}

static inline void write_double(struct buffer *buffer, double value)
{
	buffer_append(buffer, &value, sizeof value);
}

static inline void write_string(struct buffer *buffer, const char *text)
{
	write_int32(buffer, (int32_t)strlen(text));
	buffer_append_string(buffer, text);
}

static inline void write_matrix(struct buffer *buffer, const struct model_matrix *matrix, bool is_integer)
{
	size_t count = (size_t)matrix->rows * (size_t)matrix->columns;

	buffer_append_char(buffer, (char)(128 | is_integer));
	write_int32(buffer, matrix->rows);
	write_int32(buffer, matrix->columns);
	if (is_integer) {
		buffer_append_char(buffer, 0);
		buffer_append(buffer, matrix->integers, count);
		write_int32(buffer, matrix->rows);
		for (int32_t row = 0; row < matrix->rows; row++)
			write_double(buffer, (double)matrix->scales[row] * INT8_MAX);
		return;
	}
	write_double(buffer, 0);
	for (size_t i = 0; i < count; i++)
		write_double(buffer, matrix->floats ? (double)matrix->floats[i]
						    : (double)matrix->integers[i] * INT8_MAX *
							  (double)matrix->scales[i / (size_t)matrix->columns]);
}

/* The layers directly inside one. */
static inline int32_t count_inside(const struct model_layer *layers, size_t index)
{
	int32_t count = 0;

	for (size_t i = index + 1; i < layers[index].end; i = layers[i].end)
		count++;
	return count;
}

static inline void write_layer(struct buffer *buffer, const struct model_file *file, size_t index)
{
	const struct model_layer *layer = &file->layers[index];

	buffer_append_char(buffer, 0);
	write_string(buffer, model_writer_types[layer->type]);
	buffer_append(buffer, "\0\0", 2);
	write_int32(buffer, 0);
	write_int32(buffer, layer->inputs);
	write_int32(buffer, layer->outputs);
	write_int32(buffer, 0);
	write_string(buffer, layer->name);
	if (layer->type == MODEL_INPUT) {
		write_int32(buffer, 1);
		write_int32(buffer, layer->height);
		write_int32(buffer, 0);
		write_int32(buffer, layer->depth);
		write_int32(buffer, 0);
	} else if (layer->type == MODEL_CONVOLVE || layer->type == MODEL_MAXPOOL) {
		write_int32(buffer, layer->x);
		write_int32(buffer, layer->y);
	} else if (layer->end > index + 1) {
		write_int32(buffer, count_inside(file->layers, index));
	} else if (layer->type == MODEL_LSTM_LAYER || layer->type == MODEL_LSTM_SUMMARY) {
		write_int32(buffer, layer->inputs + layer->outputs);
		for (int gate = 0; gate < MODEL_GATE_COUNT; gate++)
			write_matrix(buffer, &layer->matrices[gate], file->is_integer);
	} else {
		write_matrix(buffer, &layer->matrices[0], file->is_integer);
	}
}

static inline void write_lstm_entry(struct buffer *buffer, const struct model_file *file)
{
	for (size_t i = 0; i < file->layer_count; i++)
		write_layer(buffer, file, i);
	write_string(buffer, file->specification);
	write_int32(buffer, 64 | file->is_integer);
	write_int32(buffer, 1);
	write_int32(buffer, file->sample_iteration);
	write_int32(buffer, file->null_code);
	for (int i = 0; i < 3; i++)
		write_int32(buffer, 0);
}

/* A file with the three entries; the caller frees the buffer. */
static inline struct buffer write_container(const void *lstm, size_t length)
{
	struct buffer file = { 0 };
	int64_t offset = 4 + 8 * MODEL_ENTRY_COUNT;

	write_int32(&file, MODEL_ENTRY_COUNT);
	for (int i = 0; i < MODEL_ENTRY_COUNT; i++) {
		int64_t none = -1;

		buffer_append(&file, i == MODEL_LSTM || i == MODEL_UNICHARSET || i == MODEL_RECODER ? &offset : &none,
			      sizeof offset);
		offset += i == MODEL_LSTM ? (int64_t)length : i == MODEL_UNICHARSET ? 2 : 0;
	}
	buffer_append(&file, lstm, length);
	buffer_append_string(&file, "0\n");
	write_int32(&file, 0);
	if (file.failed)
		abort();
	return file;
}

static inline struct buffer write_model(const struct model_file *file)
{
	struct buffer lstm = { 0 }, whole;

	write_lstm_entry(&lstm, file);
	whole = write_container(lstm.data, lstm.length);
	buffer_free(&lstm);
	return whole;
}

/* The network of a model, as floats or as it is. */
static inline struct buffer write_model_of(const struct model *model, bool is_integer)
{
	return write_model(&(struct model_file){ .layers = model->layers,
						 .layer_count = model->layer_count,
						 .null_code = model->null_code,
						 .sample_iteration = model->sample_iteration,
						 .is_integer = is_integer,
						 .specification = model->specification });
}

#endif
