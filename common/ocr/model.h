/*
 * A Tesseract model file (LANG.traineddata): its entries, and the network of its LSTM recogniser read to the last byte.
 * Everything is checked here, so that whoever takes the layers need not ask again whether a matrix has the size that it
 * says. Immutable after loading, so threads share it.
 *
 * File (Tesseract, ccutil/tessdatamanager.cpp, little endian): int32 number of entries, that many int64 offsets (-1:
 * not there), the entries one after the other; each ends where the next present one starts. Entry 17 (lstm,
 * lstm/lstmrecognizer.cpp): a network, a string with its specification ("[1,36,0,1Ct3,3,16Mp3,3…]"), int32
 * training_flags, training_iteration, sample_iteration, null_char, float adam_beta, learning_rate, momentum. Strings
 * are a uint32 length and bytes.
 *
 * A network (lstm/network.cpp) is a tree of layers: int8 0 and the type's name (old files: the type's number), int8
 * training, int8 needs_to_backprop, int32 flags, inputs, outputs, weights, string name, then what the type adds:
 *   Input                        int32 batch, height, width, depth, loss
 *   Convolve                     int32 half_x, half_y
 *   Maxpool                      int32 x_scale, y_scale
 *   Series, …Reversed, XYTranspose  uint32 count, that many layers; flag 64: uint32 count and that many float rates
 *   LSTM, SummLSTM               int32 inputs of a gate, the matrices of cell input, input, forget and output gate
 *   Tanh, Softmax                one matrix
 * A matrix (lstm/weightmatrix.cpp): uint8 mode (128: this format, 1: int8, 4: trained with Adam), uint32 rows, columns,
 * an empty value, the values row by row, a row an output, the last column the bias; int8 or double. int8 adds a uint32
 * count and a double for each output, which divided by 127 is the scale of its sums.
 */
#ifndef FILOT_MODEL_H
#define FILOT_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"

/* Entries, by their place in the file. */
enum model_entry {
	MODEL_CONFIG = 0, /* lines NAME VALUE, e.g. tessedit_char_blacklist */
	MODEL_LSTM = 17,
	MODEL_PUNCTUATION, /* dawg.h reads this and the next two */
	MODEL_WORDS,
	MODEL_NUMBERS,
	MODEL_UNICHARSET, /* unicharset.h */
	MODEL_RECODER,	  /* recoder.h */
	MODEL_VERSION,	  /* text without NUL, e.g. "4.00.00alpha:eng:synth20170629" */
	MODEL_ENTRY_COUNT
};

struct model_bytes {
	const uint8_t *data; /* NULL: the model has no such entry */
	size_t length;
};

/* The types that published models are made of; a file with any other is refused by that name. */
enum model_layer_type {
	MODEL_INPUT,
	MODEL_CONVOLVE, /* stacks what is around each place */
	MODEL_MAXPOOL,
	MODEL_SERIES,
	MODEL_X_REVERSED,
	MODEL_Y_REVERSED,
	MODEL_TRANSPOSED, /* x and y change places for the layer inside */
	MODEL_LSTM_LAYER,
	MODEL_LSTM_SUMMARY, /* keeps the last step only */
	MODEL_TANH,	    /* fully connected, as the next */
	MODEL_SOFTMAX
};

enum model_gate { MODEL_GATE_CELL, MODEL_GATE_INPUT, MODEL_GATE_FORGET, MODEL_GATE_OUTPUT, MODEL_GATE_COUNT };

/* [rows][columns], the last column is the bias. Exactly one of `integers` and `floats` is set. */
struct model_matrix {
	int32_t rows, columns;
	const int8_t *integers; /* within the model's bytes */
	float *scales;		/* [rows] of integer sums to values */
	float *floats;
};

struct model_layer {
	enum model_layer_type type;
	char name[32];					/* as in the file, cut */
	int32_t inputs, outputs;			/* channels */
	int32_t height, depth;				/* Input: 0 = any */
	int32_t x, y;					/* Convolve: half widths; Maxpool: scales */
	size_t end;					/* index after the last layer inside it */
	struct model_matrix matrices[MODEL_GATE_COUNT]; /* LSTM: by gate; fully connected: the first */
};

struct model {
	uint8_t *bytes; /* the whole file */
	size_t length;
	struct model_bytes entries[MODEL_ENTRY_COUNT];
	struct model_layer *layers; /* a layer before those inside it; layers[0] is the whole network */
	size_t layer_count;
	char specification[256];  /* cut */
	int32_t null_code;	  /* CTC's blank among the network's outputs */
	int32_t sample_iteration; /* seeds the noise at the border of convolutions */
	bool is_integer;	  /* int8 weights and activations, else float */
};

#define MODEL_LARGEST_BYTES (1u << 29)

/*
 * Reads a model file. ERROR_UNKNOWN_LANGUAGE when there is no such file; ERROR_CONFIG when it is no model or is
 * damaged, with what and where; also when it is a model of a kind that we do not run (legacy only, a layer that we do
 * not have, a checkpoint of training), and then the message names it and says that `--engine tesseract` takes it;
 * ERROR_OUT_OF_MEMORY.
 */
struct model *model_open(const char *path, struct error *error);

/* The same from bytes, which are copied. `name` begins the error messages. */
struct model *model_read(const void *bytes, size_t length, const char *name, struct error *error);

/* The value of the config entry's last line "NAME VALUE", within the model's bytes; data is NULL when there is none. */
struct model_bytes model_setting(const struct model *model, const char *name);

void model_close(struct model *model); /* NULL is fine */

#endif
