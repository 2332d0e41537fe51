/* Model files: what is read of the installed ones, what is refused, and that nothing in a file can do harm. */
#include <glob.h>
#include <math.h>

#include "common/ocr/model.h"
#include "common/ocr/network.h"
#include "tests/unit/model_writer.h"
#define RANDOM_SEED 20240607
#include "tests/unit/random.h"
#include "tests/unit/tessdata.h"
#include "tests/unit/test.h"

#define FLIPS 20000

/* An installed model; the tests cannot go on without. */
static struct model *installed(const char *language)
{
	struct error error;
	char path[4096];

	(void)snprintf(path, sizeof path, "%s/%s.traineddata", tessdata(), language);
	struct model *model = model_open(path, &error);
	if (!model) {
		printf("Bail out! %s\n", error.message);
		exit(1);
	}
	return model;
}

static void every_installed_model_is_read_and_compiled_or_has_no_lstm(void)
{
	glob_t found;
	char pattern[4096];

	(void)snprintf(pattern, sizeof pattern, "%s/*.traineddata", tessdata());
	CHECK(glob(pattern, 0, NULL, &found) == 0 && found.gl_pathc > 0);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		struct error error = { 0 };
		struct model *model = model_open(found.gl_pathv[i], &error);
		struct network *network = model ? network_new(model, network_backend_best(), &error) : NULL;

		CHECK(network || strstr(error.message, "no lstm entry"));
		printf("# %s: %s\n", found.gl_pathv[i], network ? model->specification : error.message);
		network_free(network);
		model_close(model);
	}
	globfree(&found);
}

static void the_english_model_is_what_its_specification_says(void)
{
	struct model *model = installed("eng");
	const struct model_layer *layers = model->layers;

	CHECK_STRING(model->specification, "[1,36,0,1Ct3,3,16Mp3,3Lfys48Lfx96Lrx96Lfx192O1c1]");
	CHECK_INTEGER(model->null_code, 110);
	CHECK_INTEGER(model->sample_iteration, 6352704);
	CHECK(model->is_integer);
	CHECK_INTEGER(model->layer_count, 13);
	CHECK_INTEGER(layers[0].type, MODEL_SERIES);
	CHECK_INTEGER(layers[0].end, 13);
	CHECK_INTEGER(layers[1].height, 36);
	CHECK_INTEGER(layers[3].type, MODEL_CONVOLVE);
	CHECK_INTEGER(layers[6].type, MODEL_TRANSPOSED);
	CHECK_INTEGER(layers[7].type, MODEL_LSTM_SUMMARY);
	CHECK_INTEGER(layers[9].type, MODEL_X_REVERSED);
	CHECK_INTEGER(layers[9].end, 11);
	CHECK_INTEGER(layers[10].matrices[MODEL_GATE_OUTPUT].columns, 193);
	CHECK_INTEGER(layers[12].outputs, 111);
	CHECK(model->entries[MODEL_VERSION].length > 0);
	CHECK(!memcmp(model->entries[MODEL_VERSION].data, "4.00.00alpha:eng", 16));
	CHECK(model->entries[MODEL_PUNCTUATION].data && model->entries[MODEL_RECODER].length == 1012);
	model_close(model);
}

static void a_float_model_is_read_with_the_values_that_its_integers_stand_for(void)
{
	struct error error;
	struct model *model = installed("eng");
	struct buffer file = write_model_of(model, false);
	struct model *floats = model_read(file.data, file.length, "float", &error);

	CHECK(floats && !floats->is_integer);
	if (floats) {
		const struct model_matrix *matrix = &floats->layers[11].matrices[0];
		const struct model_matrix *source = &model->layers[11].matrices[0];

		CHECK(!matrix->integers && !matrix->scales);
		CHECK(matrix->floats[5] == (float)((double)source->integers[5] * 127 * (double)source->scales[0]));
	}
	model_close(floats);
	buffer_free(&file);
	model_close(model);
}

/* The message of a refusal; "" when the model was taken after all. */
static const char *refusal(const void *bytes, size_t length)
{
	static struct error error;
	struct model *model = model_read(bytes, length, "m", &error);
	struct network *network = model ? network_new(model, NETWORK_GENERIC, &error) : NULL;

	if (network)
		error.message[0] = '\0';
	network_free(network);
	model_close(model);
	return error.message;
}

static void what_is_missing_is_said_by_name(void)
{
	struct error error;
	struct model *model = installed("eng");
	struct buffer file = write_model_of(model, true);
	int64_t none = -1;

	CHECK(!model_open("/nonexistent/xyz.traineddata", &error) && error.code == ERROR_UNKNOWN_LANGUAGE);
	CHECK(!model_open("/", &error) && error.code == ERROR_CONFIG);
	CHECK_STRING(refusal(file.data, file.length), "");
	CHECK(strstr(refusal("", 0), "not a model"));
	CHECK(strstr(refusal("\x18\0\0\0", 4), "not a model"));
	CHECK(strstr(refusal("\0\0\0\x18 more of a table than this", 30), "reversed"));
	memcpy(file.data + 4 + 8 * MODEL_RECODER, &none, sizeof none);
	CHECK(strstr(refusal(file.data, file.length), "`--engine tesseract` takes it"));
	memcpy(file.data + 4 + 8 * MODEL_LSTM, &none, sizeof none);
	CHECK(strstr(refusal(file.data, file.length), "no lstm entry"));
	buffer_free(&file);
	model_close(model);
}

/* The bytes of a file with the first `what` replaced by `by`, of the same length. */
static const char *refusal_with(const struct buffer *file, const char *what, const char *by, size_t length)
{
	struct buffer changed = { 0 };
	const char *message;

	buffer_append(&changed, file->data, file->length);
	char *place = memmem(changed.data, changed.length, what, length);
	if (!place) {
		buffer_free(&changed);
		return "the test's own text is not in the file";
	}
	memcpy(place, by, length);
	message = refusal(changed.data, changed.length);
	buffer_free(&changed);
	return message;
}

static void layers_that_we_do_not_have_are_refused_by_name_and_sent_to_tesseract(void)
{
	struct model *model = installed("eng");
	struct buffer file = write_model_of(model, true);
	const char *message = refusal_with(&file, "Softmax", "Softmay", 7);

	CHECK(strstr(message, "Softmay") && strstr(message, "`--engine tesseract` takes it"));
	message = refusal_with(&file, "\x08\0\0\0SummLSTM", "\x08\0\0\0Reconfig", 12);
	CHECK(strstr(message, "Reconfig") && strstr(message, "`--engine tesseract` takes it"));
	message = refusal_with(&file, "\0\x04\0\0\0Tanh\0\0", "\0\x04\0\0\0Relu\0\0", 11);
	CHECK(strstr(message, "Relu"));
	message = refusal_with(&file, "\x04\0\0\0Tanh\0", "\x04\0\0\0Tanh\x01", 9);
	CHECK(strstr(message, "checkpoint of training"));
	message = refusal_with(&file, "XYTranspose", "RTLReversed", 11);
	CHECK(strstr(message, "Lfys48") && strstr(message, "one step of the whole line"));
	buffer_free(&file);
	model_close(model);
}

static void a_tree_that_is_too_deep_is_refused(void)
{
	struct model_layer layers[64];
	struct buffer file;

	for (size_t i = 0; i < 64; i++)
		layers[i] =
		    (struct model_layer){ .type = MODEL_SERIES, .name = "s", .inputs = 1, .outputs = 1, .end = 64 };
	layers[63] = (struct model_layer){
		.type = MODEL_INPUT, .name = "i", .inputs = 1, .outputs = 1, .height = 36, .depth = 1, .end = 64
	};
	file = write_model(&(struct model_file){ .layers = layers, .layer_count = 64, .specification = "[deep]" });
	CHECK(strstr(refusal(file.data, file.length), "deep"));
	buffer_free(&file);
}

/* The last place of two int32 in a file. */
static char *place_of(const struct buffer *file, int32_t first, int32_t second)
{
	int32_t both[2] = { first, second };
	char *place = NULL, *next = file->data;

	while ((next = memmem(next, file->length - (size_t)(next - file->data), both, sizeof both)))
		place = next++;
	return place;
}

static void counts_larger_than_the_file_ask_for_no_memory(void)
{
	struct model *model = installed("eng");
	struct buffer file = write_model_of(model, true);
	int32_t matrix[2] = { 65535, 65535 }, channels[2] = { 65534, 65535 };
	char *place = place_of(&file, 111, 193), *layer = place_of(&file, 192, 111);

	CHECK(place && layer && layer < place);
	if (place && layer) {
		memcpy(place, matrix, sizeof matrix);
		CHECK(strstr(refusal(file.data, file.length), "a matrix is 65535 x 65535, not 111 x 193"));
		memcpy(layer, channels, sizeof channels);
		CHECK(strstr(refusal(file.data, file.length), "layer Output: the lstm entry ends too early"));
	}
	buffer_free(&file);
	model_close(model);
}

/* A lstm entry cut after `length` bytes, in a whole file. */
static bool cut_is_refused(const struct model_bytes *entry, size_t length)
{
	struct buffer file = write_container(entry->data, length);
	bool refused = *refusal(file.data, file.length) != '\0';

	buffer_free(&file);
	return refused;
}

static void every_truncation_is_refused(void)
{
	struct model *model = installed("eng");
	const struct model_bytes *entry = &model->entries[MODEL_LSTM];
	size_t taken = 0;

	for (size_t length = 0; length < 4096; length++)
		taken += !cut_is_refused(entry, length);
	for (size_t length = 4096; length + 512 < entry->length; length += 509)
		taken += !cut_is_refused(entry, length);
	for (size_t length = entry->length - 512; length < entry->length; length++)
		taken += !cut_is_refused(entry, length);
	CHECK_INTEGER(taken, 0);
	CHECK(!cut_is_refused(entry, entry->length));
	for (size_t length = 0; length < 4 + 8 * MODEL_ENTRY_COUNT; length++)
		CHECK(*refusal(model->bytes, length));
	model_close(model);
}

/* Half of the places anywhere, half where the structure is: before a matrix's values, at both ends. */
static size_t place_to_flip(const struct model *model, const struct buffer *file)
{
	size_t layer = random_below((uint32_t)model->layer_count), gate = random_below(MODEL_GATE_COUNT);
	const int8_t *values = model->layers[layer].matrices[gate].integers;

	switch (random_below(4)) {
	case 0:
		return random_below(1024);
	case 1:
		return file->length - 1 - random_below(512);
	case 2:
		if (values)
			return (size_t)((const uint8_t *)values - model->bytes) - 1 - random_below(96);
		return random_below((uint32_t)file->length);
	default:
		return random_below((uint32_t)file->length);
	}
}

static void flipped_bits_do_no_harm(void)
{
	uint8_t pixels[36 * 12];
	struct network_line line = { .pixels = pixels, .stride_bytes = 12, .width = 12, .contrast = 100 };
	struct model *eng = installed("eng");
	struct buffer file = write_model_of(eng, true);
	struct error error;
	size_t taken = 0;

	printf("# seed %llu\n", (unsigned long long)random_state);
	struct model *model = model_read(file.data, file.length, "small", &error);
	for (size_t i = 0; i < sizeof pixels; i++)
		pixels[i] = (uint8_t)random_below(256);
	for (int flip = 0; model && flip < FLIPS; flip++) {
		size_t place = place_to_flip(model, &file);
		uint8_t bit = (uint8_t)(1u << random_below(8));

		file.data[place] = (char)((uint8_t)file.data[place] ^ bit);
		struct model *flipped = model_read(file.data, file.length, "flipped", &error);
		struct network *network = flipped ? network_new(flipped, NETWORK_GENERIC, &error) : NULL;

		if (network && taken++ % 64 == 0 && network_shape(network).height <= 36) {
			struct network_workspace *workspace = network_workspace_new(network, &error);
			struct network_output output;

			CHECK(workspace &&
			      (network_run(workspace, &line, 1, &output, &error) || error.code == ERROR_BAD_INPUT));
			network_workspace_free(workspace);
		}
		network_free(network);
		model_close(flipped);
		file.data[place] = (char)((uint8_t)file.data[place] ^ bit);
	}
	printf("# of %d files, %zu were still models\n", FLIPS, taken);
	CHECK(taken > 0 && taken < FLIPS);
	model_close(model);
	buffer_free(&file);
	model_close(eng);
}

int main(void)
{
	TEST(every_installed_model_is_read_and_compiled_or_has_no_lstm);
	TEST(the_english_model_is_what_its_specification_says);
	TEST(a_float_model_is_read_with_the_values_that_its_integers_stand_for);
	TEST(what_is_missing_is_said_by_name);
	TEST(layers_that_we_do_not_have_are_refused_by_name_and_sent_to_tesseract);
	TEST(a_tree_that_is_too_deep_is_refused);
	TEST(counts_larger_than_the_file_ask_for_no_memory);
	TEST(every_truncation_is_refused);
	TEST(flipped_bits_do_no_harm);
	return test_done();
}
