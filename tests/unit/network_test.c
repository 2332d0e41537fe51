/*
 * The network: libtesseract's own outputs to the last bit, in batches of any kind, by every back end that the machine
 * runs. Lines and hashes of outputs in tests/data/network-LANG.bin were written by tests/bench/recognise_lines -o,
 * which took them from libtesseract 5.3.0; those of languages that are not installed are passed over, English never
 * (scripts/check installs them all).
 */
#include <math.h>
#include <stdlib.h>

#include "common/base/sanitized.h"
#include "common/ocr/network_private.h"
#include "tests/line_file.h"
#include "tests/unit/model_writer.h"
#define RANDOM_SEED 77001
#include "tests/unit/random.h"
#include "tests/unit/tessdata.h"
#include "tests/unit/test.h"

#define LINES_MOST 64

static void *allocate(size_t bytes)
{
	void *memory = calloc(1, bytes);

	if (!memory)
		abort();
	return memory;
}

/* NULL when it is not installed. */
static struct model *installed(const char *language)
{
	struct error error;
	char path[4096];

	(void)snprintf(path, sizeof path, "%s/%s.traineddata", tessdata(), language);
	struct model *model = model_open(path, &error);
	if (!model && (error.code != ERROR_UNKNOWN_LANGUAGE || strcmp(language, "eng") == 0)) {
		printf("Bail out! %s\n", error.message);
		exit(1);
	}
	return model;
}

/* A network and a workspace for it; the tests cannot go on without. */
struct runner {
	struct network *network;
	struct network_workspace *workspace;
};

static struct runner runner_open(const struct model *model, enum network_backend backend)
{
	struct error error = { 0 };
	struct runner runner = { .network = network_new(model, backend, &error) };

	runner.workspace = runner.network ? network_workspace_new(runner.network, &error) : NULL;
	if (!runner.workspace) {
		printf("Bail out! %s\n", error.message);
		exit(1);
	}
	return runner;
}

static void runner_close(struct runner *runner)
{
	network_workspace_free(runner->workspace);
	network_free(runner->network);
}

static uint64_t output_hash(const struct runner *runner, const struct network_output *output)
{
	return line_hash(output->probabilities,
			 (size_t)output->step_count * (size_t)runner->network->shape.class_count * sizeof(float));
}

/* Whether reading a batch gives what its outputs reduce to. */
static bool reads_the_same(const struct runner *runner, const struct network_line *lines, size_t count)
{
	size_t classes = (size_t)runner->network->shape.class_count, different = 0;
	struct beam_reduced *expected[LINES_MOST];
	struct network_output outputs[LINES_MOST];
	struct network_reading readings[LINES_MOST];
	struct error error = { 0 };

	if (!network_run(runner->workspace, lines, count, outputs, &error))
		return false;
	for (size_t i = 0; i < count; i++) {
		expected[i] = calloc((size_t)outputs[i].step_count, sizeof *expected[i]);
		if (!expected[i])
			abort();
		for (int32_t step = 0; step < outputs[i].step_count; step++)
			expected[i][step] = beam_reduce(outputs[i].probabilities + (size_t)step * classes,
							(int32_t)classes, runner->network->model->null_code);
	}
	different += !network_read(runner->workspace, lines, count, readings, &error);
	for (size_t i = 0; i < count; i++) {
		different += different > 0 || readings[i].step_count != outputs[i].step_count ||
			     memcmp(readings[i].steps, expected[i],
				    (size_t)readings[i].step_count * sizeof *expected[i]) != 0;
		free(expected[i]);
	}
	return different == 0;
}

/* Runs a batch and hashes each line's outputs. */
static void run_hashes(const struct runner *runner, const struct network_line *lines, size_t count, uint64_t *hashes)
{
	struct network_output outputs[LINES_MOST];
	struct error error = { 0 };

	CHECK(network_run(runner->workspace, lines, count, outputs, &error));
	if (error.code)
		printf("# %s\n", error.message);
	for (size_t i = 0; i < count; i++) {
		CHECK_INTEGER(outputs[i].step_count, lines[i].width / runner->network->shape.x_scale);
		hashes[i] = output_hash(runner, &outputs[i]);
	}
}

static void runner_hashes(const struct model *model, enum network_backend backend, const struct network_line *lines,
			  size_t count, uint64_t *hashes)
{
	struct runner runner = runner_open(model, backend);

	run_hashes(&runner, lines, count, hashes);
	runner_close(&runner);
}

static struct line_file reference_open(const char *name)
{
	struct line_file reference;
	char path[256];

	(void)snprintf(path, sizeof path, "tests/data/network-%s.bin", name);
	if (!line_file_read(path, LINES_MOST, &reference)) {
		printf("Bail out! %s cannot be read\n", path);
		exit(1);
	}
	return reference;
}

static void free_lines(struct network_line *lines, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free((void *)(uintptr_t)lines[i].pixels);
}

static void check_reference(const struct model *model, const char *name)
{
	struct line_file reference = reference_open(name);
	uint64_t hashes[LINES_MOST];

	for (enum network_backend backend = 0; backend < NETWORK_BACKEND_COUNT; backend++) {
		if (!network_backend_runs(backend))
			continue;
		struct runner runner = runner_open(model, backend);

		run_hashes(&runner, reference.lines, reference.count, hashes);
		CHECK(reads_the_same(&runner, reference.lines, reference.count < 4 ? reference.count : 4));
		runner_close(&runner);
		for (size_t i = 0; i < reference.count; i++) {
			if (hashes[i] != reference.hashes[i])
				printf("# %s, line %zu, %s\n", name, i, network_backend_name(backend));
			CHECK(hashes[i] == reference.hashes[i]);
		}
	}
	line_file_free(&reference);
}

static void outputs_of_integer_models_are_libtesseracts_bit_for_bit(void)
{
	static const char *const languages[] = { "eng", "deu", "fra", "ell", "chi_sim" };

	for (size_t i = 0; i < sizeof languages / sizeof *languages; i++) {
		struct model *model = installed(languages[i]);

		if (model)
			check_reference(model, languages[i]);
		else
			printf("# not installed: %s\n", languages[i]);
		model_close(model);
	}
}

static struct model *float_model(void)
{
	struct model *integers = installed("eng"), *model;
	struct buffer file = write_model_of(integers, false);
	struct error error;

	model = model_read(file.data, file.length, "float", &error);
	if (!model)
		abort();
	buffer_free(&file);
	model_close(integers);
	return model;
}

/* The English model's integers as floats, which libtesseract was given in a file as well. */
static void outputs_of_a_float_model_are_those_of_libtesseracts_AVX_code_bit_for_bit(void)
{
	struct model *model = float_model();

	check_reference(model, "eng-float");
	model_close(model);
}

enum texture { NOISE, BLACK, WHITE, STRIPES, CHECKERS, TEXTURE_COUNT };

static struct network_line random_line(int32_t height, int32_t width, enum texture texture)
{
	uint8_t *pixels = allocate((size_t)height * (size_t)width);

	for (int32_t y = 0; y < height; y++)
		for (int32_t x = 0; x < width; x++) {
			bool white =
			    texture == WHITE || (texture == STRIPES && x % 2) || (texture == CHECKERS && (x + y) % 2);

			pixels[y * width + x] = white ? 255 : 0;
			if (texture == NOISE)
				pixels[y * width + x] = (uint8_t)random_below(256);
		}
	return (struct network_line){ .pixels = pixels,
				      .stride_bytes = (size_t)width,
				      .width = width,
				      .black = (float)random_below(100),
				      .contrast = texture == CHECKERS ? 1e-3f : 1 + (float)random_below(127) };
}

/* A GPU's twin takes half a minute for wide lines: it gets them only when asked, as tests/gpu/run does. */
static bool is_too_wide(enum network_backend backend, int32_t width, int32_t twin_most)
{
	return backend == NETWORK_CUDA && width > twin_most && !getenv("FILOT_ALL_WIDTHS");
}

static void a_line_has_the_same_bits_alone_first_last_and_among_63_others(void)
{
	struct model *models[] = { installed("eng"), float_model() };

	printf("# seed %llu\n", (unsigned long long)random_state);
	for (size_t kind = 0; kind < 2; kind++)
		for (enum network_backend backend = 0; backend < NETWORK_BACKEND_COUNT; backend++) {
			if (!network_backend_runs(backend))
				continue;
			struct runner runner = runner_open(models[kind], backend);
			struct network_line lines[LINES_MOST], line = random_line(36, 131, NOISE);
			uint64_t hashes[LINES_MOST], alone;
			bool is_short = SANITIZED || is_too_wide(backend, 163, 40);

			run_hashes(&runner, &line, 1, &alone);
			for (size_t place = 0; place < LINES_MOST; place += is_short ? 63 : 21) {
				for (size_t i = 0; i < LINES_MOST; i++)
					lines[i] = i == place ? line
							      : random_line(36, 3 + (int32_t)random_below(is_short ? 40 : 160),
									    NOISE);
				run_hashes(&runner, lines, LINES_MOST, hashes);
				CHECK(hashes[place] == alone);
				lines[place] = lines[(place + 1) % LINES_MOST];
				lines[(place + 1) % LINES_MOST].pixels = NULL;
				free_lines(lines, LINES_MOST);
			}
			run_hashes(&runner, &line, 1, hashes);
			CHECK(*hashes == alone);
			free_lines(&line, 1);
			runner_close(&runner);
		}
	model_close(models[0]);
	model_close(models[1]);
}

static void fast_back_ends_have_the_bits_of_the_plain_one_for_every_width_to_300(void)
{
	struct model *model = installed("eng");

	printf("# seed %llu\n", (unsigned long long)random_state);
	for (int32_t first = 3; first <= (SANITIZED ? 64 : 300); first += LINES_MOST) {
		size_t count = 301 - first < LINES_MOST ? (size_t)(301 - first) : LINES_MOST;
		struct network_line lines[LINES_MOST];
		uint64_t plain[LINES_MOST], fast[LINES_MOST];

		for (size_t i = 0; i < count; i++)
			lines[i] = random_line(36, first + (int32_t)i, (enum texture)(i % TEXTURE_COUNT));
		runner_hashes(model, NETWORK_GENERIC, lines, count, plain);
		for (enum network_backend backend = 1; backend < NETWORK_BACKEND_COUNT; backend++) {
			if (!network_backend_runs(backend))
				continue;
			if (is_too_wide(backend, first, 2 * LINES_MOST))
				continue;
			runner_hashes(model, backend, lines, count, fast);
			for (size_t i = 0; i < count; i++)
				CHECK(fast[i] == plain[i]);
		}
		free_lines(lines, count);
	}
	model_close(model);
}

/* A matrix of random weights, or of the greatest ones there are. */
static struct model_matrix random_matrix(int32_t rows, int32_t columns, bool is_integer, bool is_extreme)
{
	struct model_matrix matrix = { .rows = rows, .columns = columns };
	size_t count = (size_t)rows * (size_t)columns;
	int8_t *integers = allocate(count);

	matrix.scales = allocate((size_t)rows * sizeof *matrix.scales);
	for (size_t i = 0; i < count; i++)
		integers[i] = (int8_t)(is_extreme ? (random_below(2) ? 127 : -127) : (int)random_below(255) - 127);
	for (int32_t i = 0; i < rows; i++)
		matrix.scales[i] = (1 + (float)random_below(1000)) / 127.0f / 127.0f / 2000.0f;
	matrix.integers = integers;
	if (is_integer)
		return matrix;
	matrix.floats = allocate(count * sizeof *matrix.floats);
	for (size_t i = 0; i < count; i++)
		matrix.floats[i] = (float)integers[i] / 500.0f;
	return matrix;
}

static size_t add_layer(struct model_layer *layers, size_t count, enum model_layer_type type, int32_t inputs,
			int32_t outputs, bool is_integer)
{
	bool is_extreme = random_below(3) == 0, is_lstm = type == MODEL_LSTM_LAYER || type == MODEL_LSTM_SUMMARY;
	struct model_layer *layer = &layers[count];

	*layer =
	    (struct model_layer){ .type = type, .name = "x", .inputs = inputs, .outputs = outputs, .end = count + 1 };
	if (is_lstm)
		for (int gate = 0; gate < MODEL_GATE_COUNT; gate++)
			layer->matrices[gate] = random_matrix(outputs, inputs + outputs + 1, is_integer, is_extreme);
	else if (type == MODEL_TANH || type == MODEL_SOFTMAX)
		layer->matrices[0] = random_matrix(outputs, inputs + 1, is_integer, is_extreme);
	return count + 1;
}

/* A wrapper around what is added next, which is one layer. */
static size_t add_wrapper(struct model_layer *layers, size_t count, enum model_layer_type type, size_t layers_inside)
{
	layers[count] = (struct model_layer){
		.type = type, .name = "w", .inputs = 1, .outputs = 1, .end = count + 1 + layers_inside
	};
	return count + 1;
}

/* A model of random sizes with LSTMs in all directions; *height is that of its lines. */
static struct model *random_model(bool is_integer, int32_t *height)
{
	int32_t channels[6], half_x = (int32_t)random_below(3), half_y = (int32_t)random_below(3);
	struct model_layer layers[32];
	size_t count;
	struct error error;

	*height = 5 + (int32_t)random_below(12);
	for (size_t i = 0; i < 6; i++)
		channels[i] = 2 + (int32_t)random_below(40);
	count = add_wrapper(layers, 0, MODEL_SERIES, 0);
	count = add_layer(layers, count, MODEL_INPUT, *height, 1, is_integer);
	layers[1].height = *height;
	layers[1].depth = 1;
	count = add_layer(layers, count, MODEL_CONVOLVE, 1, (2 * half_x + 1) * (2 * half_y + 1), is_integer);
	layers[2].x = half_x;
	layers[2].y = half_y;
	count = add_layer(layers, count, MODEL_TANH, layers[2].outputs, channels[0], is_integer);
	if (random_below(4)) {
		count = add_layer(layers, count, MODEL_MAXPOOL, channels[0], channels[0], is_integer);
		layers[count - 1].x = 1 + (int32_t)random_below(4);
		layers[count - 1].y = 1 + (int32_t)random_below(4);
	}
	if (random_below(2)) /* along x, in each row of the image */
		count = add_layer(layers, count, MODEL_LSTM_LAYER, channels[0], channels[0], is_integer);
	if (random_below(2)) { /* along y, upwards */
		count = add_wrapper(layers, count, MODEL_TRANSPOSED, 2);
		count = add_wrapper(layers, count, MODEL_X_REVERSED, 1);
		count = add_layer(layers, count, MODEL_LSTM_LAYER, channels[0], channels[0], is_integer);
	}
	count = add_wrapper(layers, count, MODEL_TRANSPOSED, 1);
	count = add_layer(layers, count, MODEL_LSTM_SUMMARY, channels[0], channels[1], is_integer);
	count = add_layer(layers, count, MODEL_LSTM_LAYER, channels[1], channels[2], is_integer);
	count = add_wrapper(layers, count, MODEL_X_REVERSED, 1);
	count = add_layer(layers, count, MODEL_LSTM_LAYER, channels[2], channels[3], is_integer);
	count = add_layer(layers, count, MODEL_SOFTMAX, channels[3], channels[4], is_integer);
	layers[0].end = count;
	layers[0].outputs = channels[4];
	struct buffer file = write_model(&(struct model_file){ .layers = layers,
							       .layer_count = count,
							       .sample_iteration = (int32_t)random_below(1000),
							       .is_integer = is_integer,
							       .specification = "[random]" });
	struct model *model = model_read(file.data, file.length, "random", &error);
	if (!model)
		printf("# %s\n", error.message);
	buffer_free(&file);
	for (size_t i = 0; i < count; i++)
		for (int gate = 0; gate < MODEL_GATE_COUNT; gate++) {
			free((void *)(uintptr_t)layers[i].matrices[gate].integers);
			free(layers[i].matrices[gate].scales);
			free(layers[i].matrices[gate].floats);
		}
	return model;
}

static void fast_back_ends_have_the_bits_of_the_plain_one_for_layers_of_any_size_and_direction(void)
{
	printf("# seed %llu\n", (unsigned long long)random_state);
	for (int trial = 0; trial < (SANITIZED ? 40 : 200); trial++) {
		int32_t height;
		struct model *model = random_model(trial % 4 != 3, &height);
		struct network_line lines[9];
		uint64_t plain[9], fast[9];

		CHECK(model != NULL);
		if (!model)
			return;
		for (size_t i = 0; i < 9; i++)
			lines[i] = random_line(height, 4 + (int32_t)random_below(30),
					       (enum texture)random_below(TEXTURE_COUNT));
		runner_hashes(model, NETWORK_GENERIC, lines, 9, plain);
		for (enum network_backend backend = 1; backend < NETWORK_BACKEND_COUNT; backend++) {
			if (!network_backend_runs(backend))
				continue;
			runner_hashes(model, backend, lines, 9, fast);
			for (size_t i = 0; i < 9; i++) {
				if (fast[i] != plain[i])
					printf("# trial %d, line %zu, %s\n", trial, i, network_backend_name(backend));
				CHECK(fast[i] == plain[i]);
			}
		}
		free_lines(lines, 9);
		model_close(model);
	}
}

/* libtesseract's tables. */
extern const float their_tanh[NETWORK_TABLE_SIZE] __asm__("_ZN9tesseract9TanhTableE");
extern const float their_logistic[NETWORK_TABLE_SIZE] __asm__("_ZN9tesseract13LogisticTableE");

static void the_tables_are_libtesseracts_and_the_functions_are_tanh_and_logistic(void)
{
	struct model *model = installed("eng");
	struct runner runner = runner_open(model, NETWORK_GENERIC);
	const struct network_tables *tables = &runner.network->tables;
	const struct network_curves *curves = &runner.network->curves;
	size_t different = 0;

	for (size_t i = 0; i < NETWORK_TABLE_SIZE - 1; i++)
		different += tables->tanh[i].value != their_tanh[i] || tables->logistic[i].value != their_logistic[i] ||
			     tables->tanh[i].gain != their_tanh[i + 1] - their_tanh[i] ||
			     tables->logistic[i].gain != their_logistic[i + 1] - their_logistic[i];
	for (size_t i = 0; i < NETWORK_TABLE_SIZE; i++)
		different += curves->logistic[i] != their_logistic[i] ||
			     (i < NETWORK_TANH_SIZE && curves->tanh[i] != their_tanh[i]) ||
			     (i >= NETWORK_TANH_SIZE - 1 && their_tanh[i] != 1);
	CHECK_INTEGER(different, 0);
	for (double x = -20; x < 20; x += 0.00917) {
		different += fabs((double)network_tanh(curves, (float)x) - tanh(x)) > 2e-6;
		different += fabs((double)network_logistic(curves, (float)x) - 1 / (1 + exp(-x))) > 1e-6;
	}
	CHECK_INTEGER(different, 0);
	CHECK(network_tanh(curves, 1e30f) == 1 && network_tanh(curves, -INFINITY) == -1);
	CHECK(network_logistic(curves, 1e30f) == 1 && network_logistic(curves, -1e30f) == 0);
	runner_close(&runner);
	model_close(model);
}

static void values_are_rounded_half_away_from_zero_and_clipped(void)
{
	CHECK_INTEGER(network_round(0), 0);
	CHECK_INTEGER(network_round(0.5f / 127), 1);
	CHECK_INTEGER(network_round(-0.5f / 127), -1);
	CHECK_INTEGER(network_round(0.49f / 127), 0);
	CHECK_INTEGER(network_round(1), 127);
	CHECK_INTEGER(network_round(5), 127);
	CHECK_INTEGER(network_round(-1e30f), -127);
}

/* Two steps of a layer of two inputs and one cell. */
static void an_LSTM_cell_follows_its_formula(void)
{
	struct model *model = installed("eng");
	struct runner runner = runner_open(model, NETWORK_GENERIC);
	const float weights[MODEL_GATE_COUNT][4] = {
		{ 0.5f, -0.25f, 0.75f, 0.1f }, { 1, 0.5f, -1, 0.2f }, { -0.5f, 0.3f, 2, 1 }, { 0.7f, -0.1f, 0.4f, 0 }
	};
	const float inputs[2][2] = { { 0.9f, -0.4f }, { -0.6f, 0.8f } };
	struct model_matrix matrices[MODEL_GATE_COUNT];
	double state = 0, output = 0;
	float states[NETWORK_LANES_MOST] = { 0 }, outputs[2] = { 0 }, scratch[64];

	for (int gate = 0; gate < MODEL_GATE_COUNT; gate++)
		matrices[gate] =
		    (struct model_matrix){ .rows = 1, .columns = 4, .floats = (float *)(uintptr_t)weights[gate] };
	struct network_layer layer = {
		.kind = NETWORK_LSTM, .matrices = matrices, .curves = &runner.network->curves, .inputs = 2, .outputs = 1
	};
	for (int step = 0; step < 2; step++) {
		const void *input = inputs[step], *previous = &outputs[0];
		void *target = &outputs[step];
		double gates[MODEL_GATE_COUNT];

		for (int gate = 0; gate < MODEL_GATE_COUNT; gate++)
			gates[gate] = (double)weights[gate][0] * (double)inputs[step][0] +
				      (double)weights[gate][1] * (double)inputs[step][1] +
				      (double)weights[gate][2] * output + (double)weights[gate][3];
		state = state / (1 + exp(-gates[MODEL_GATE_FORGET])) +
			tanh(gates[MODEL_GATE_CELL]) / (1 + exp(-gates[MODEL_GATE_INPUT]));
		output = tanh(state) / (1 + exp(-gates[MODEL_GATE_OUTPUT]));
		network_generic_float.lstm_step(&layer, &(struct network_lanes){ .count = 1,
										 .inputs = &input,
										 .previous = step ? &previous : NULL,
										 .outputs = &target,
										 .states = states,
										 .scratch = scratch });
		CHECK(fabs((double)outputs[step] - output) < 1e-5);
		CHECK(fabs((double)states[0] - state) < 1e-5);
	}
	runner_close(&runner);
	model_close(model);
}

static void a_layers_sum_is_its_weights_times_inputs_and_bias_times_its_scale(void)
{
	int8_t weights[2][4] = { { 127, -127, 3, 100 }, { 1, 2, 3, -4 } }, inputs[3] = { 127, -127, 5 };
	float scales[2] = { 0.5f, 2 }, sums[2 * NETWORK_LANES_MOST];
	struct model_matrix matrix = { .rows = 2, .columns = 4, .integers = weights[0], .scales = scales };
	struct network_layer layer = { .kind = NETWORK_SOFTMAX, .matrices = &matrix, .inputs = 3, .outputs = 2 };
	const void *rows[1] = { inputs };

	network_generic_integer.affine(&layer, rows, 1, sums);
	CHECK(sums[0] == (2 * 127 * 127 + 15 + 100 * 127) * 0.5f);
	CHECK(sums[1] == (127 - 254 + 15 - 4 * 127) * 2.0f);
}

/* A sample of all floats from -86 to 0 and what is beyond; the other class has the greatest sum, 0. */
static void the_softmax_of_every_back_end_has_the_bits_of_expf(void)
{
	const struct network_layer layer = { .kind = NETWORK_SOFTMAX, .outputs = 2 };
	float sums[2 * NETWORK_LANES_MOST + 8] = { 0 }, result[2];
	float *outputs[1] = { result };
	size_t different = 0;

	for (uint32_t bits = 0x80000000u; bits < 0xc2b40000u; bits += 1009) {
		float x, power, total;

		memcpy(&x, &bits, sizeof x);
		if (bits == 0x80000000u)
			x = -0x1.f8cbb2p+5f; /* the one whose last bit tells fused operations */
		power = expf(x < -86 ? -86 : x);
		total = power + 1;
		for (enum network_backend backend = 0; backend < NETWORK_BACKEND_COUNT; backend++) {
			if (!network_backend_runs(backend))
				continue;
			sums[0] = x;
			sums[1] = 0;
			(backend == NETWORK_GENERIC ? network_generic_integer.softmax
						    : network_avx2_softmax)(&layer, sums, 1, outputs);
			different += result[0] != power / total || result[1] != 1 / total;
		}
	}
	CHECK_INTEGER(different, 0);
}

static void what_is_outside_of_the_limits_is_refused(void)
{
	struct model *model = installed("eng");
	struct runner runner = runner_open(model, network_backend_best());
	struct network_line line = random_line(36, 30, NOISE), bad = line;
	struct network_output output;
	struct error error;

	CHECK(network_run(runner.workspace, &line, 1, &output, &error));
	CHECK(!network_run(runner.workspace, &line, 0, &output, &error) && error.code == ERROR_BAD_INPUT);
	bad.width = 2;
	CHECK(!network_run(runner.workspace, &bad, 1, &output, &error) && strstr(error.message, "2 pixels wide"));
	bad.width = NETWORK_WIDTH_MOST + 1;
	CHECK(!network_run(runner.workspace, &bad, 1, &output, &error) && error.code == ERROR_BAD_INPUT);
	bad = line;
	bad.contrast = 0;
	CHECK(!network_run(runner.workspace, &bad, 1, &output, &error) && error.code == ERROR_BAD_INPUT);
	bad.contrast = NAN;
	CHECK(!network_run(runner.workspace, &bad, 1, &output, &error) && error.code == ERROR_BAD_INPUT);
	for (enum network_backend backend = 0; backend < NETWORK_BACKEND_COUNT; backend++)
		if (!network_backend_runs(backend)) {
			CHECK(!network_new(model, backend, &error) && error.code == ERROR_CONFIG);
			printf("# not run here: %s\n", network_backend_name(backend));
		}
	free_lines(&line, 1);
	runner_close(&runner);
	model_close(model);
}

int main(void)
{
	TEST(the_tables_are_libtesseracts_and_the_functions_are_tanh_and_logistic);
	TEST(values_are_rounded_half_away_from_zero_and_clipped);
	TEST(a_layers_sum_is_its_weights_times_inputs_and_bias_times_its_scale);
	TEST(an_LSTM_cell_follows_its_formula);
	TEST(the_softmax_of_every_back_end_has_the_bits_of_expf);
	TEST(what_is_outside_of_the_limits_is_refused);
	TEST(outputs_of_integer_models_are_libtesseracts_bit_for_bit);
	TEST(outputs_of_a_float_model_are_those_of_libtesseracts_AVX_code_bit_for_bit);
	TEST(a_line_has_the_same_bits_alone_first_last_and_among_63_others);
	TEST(fast_back_ends_have_the_bits_of_the_plain_one_for_every_width_to_300);
	TEST(fast_back_ends_have_the_bits_of_the_plain_one_for_layers_of_any_size_and_direction);
	return test_done();
}
