/*
 * The CUDA back end by its twin (tests/gpu/twin.h): the kernels' source on the host. Here: the warp's product, launches
 * for GPUs of all kinds, warps in any order and at once, memory that ends, devices that fail, several of them. That the
 * outputs are libtesseract's, for models and lines of any size, network_test says, which runs the twin as one more back
 * end.
 */
#include <pthread.h>
#include <stdlib.h>

#include "common/base/sanitized.h"
#include "common/ocr/cuda/lstm.h"
#include "common/ocr/cuda/lstm_float.h"
#include "common/ocr/cuda/network_cuda.h"
#include "tests/gpu/twin.h"
#define RANDOM_SEED 31007
#include "tests/unit/random.h"
#include "tests/unit/tessdata.h"
#include "tests/unit/test.h"

#define LINES 24
#define THREADS 6

static const struct twin_settings a10g = {
	.devices = 1, .processors = 80, .shared_bytes = 101376, .memory_bytes = INT64_C(1) << 30, .lost_after = -1
};

static struct model *english(void)
{
	struct error error;
	char path[4096];

	(void)snprintf(path, sizeof path, "%s/eng.traineddata", tessdata());
	struct model *model = model_open(path, &error);
	if (!model) {
		printf("Bail out! %s\n", error.message);
		exit(1);
	}
	return model;
}

/* Lines of noise, `least` to `most` pixels wide. */
static void make_lines(struct network_line *lines, size_t count, uint32_t least, uint32_t most)
{
	for (size_t i = 0; i < count; i++) {
		int32_t width = (int32_t)(least + random_below(most - least + 1));
		uint8_t *pixels = malloc(36 * (size_t)width);

		if (!pixels)
			abort();
		for (int32_t at = 0; at < 36 * width; at++)
			pixels[at] = (uint8_t)random_below(256);
		lines[i] = (struct network_line){ .pixels = pixels,
						  .stride_bytes = (size_t)width,
						  .width = width,
						  .black = (float)random_below(90),
						  .contrast = 1 + (float)random_below(100) };
	}
}

static void free_lines(struct network_line *lines, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free((void *)(uintptr_t)lines[i].pixels);
}

/* A batch's outputs, one after the other; to be freed. */
static float *run(const struct network *network, const struct network_line *lines, size_t count, struct error *error)
{
	struct network_workspace *workspace = network_workspace_new(network, error);
	size_t classes = (size_t)network_shape(network).class_count, total = 0, at = 0;
	struct network_output outputs[LINES];
	float *all = NULL;

	if (workspace && network_run(workspace, lines, count, outputs, error)) {
		for (size_t i = 0; i < count; i++)
			total += (size_t)outputs[i].step_count * classes;
		all = malloc(total * sizeof *all);
		for (size_t i = 0; all && i < count; i++) {
			size_t floats = (size_t)outputs[i].step_count * classes;

			memcpy(all + at, outputs[i].probabilities, floats * sizeof *all);
			at += floats;
		}
	}
	network_workspace_free(workspace);
	return all;
}

static size_t output_bytes(const struct network *network, const struct network_line *lines, size_t count)
{
	struct network_shape shape = network_shape(network);
	size_t steps = 0;

	for (size_t i = 0; i < count; i++)
		steps += (size_t)(lines[i].width / shape.x_scale);
	return steps * (size_t)shape.class_count * sizeof(float);
}

/* Lines, and what the plain back end makes of them. */
struct expected {
	struct model *model;
	struct network *plain;
	struct network_line lines[LINES];
	float *outputs;
	size_t bytes;
};

static struct expected expected_open(uint32_t most_width)
{
	struct expected expected = { .model = english() };
	struct error error = { 0 };

	expected.plain = network_new(expected.model, NETWORK_GENERIC, &error);
	make_lines(expected.lines, LINES, 3, most_width);
	expected.outputs = run(expected.plain, expected.lines, LINES, &error);
	expected.bytes = output_bytes(expected.plain, expected.lines, LINES);
	if (!expected.outputs)
		abort();
	return expected;
}

static void expected_close(struct expected *expected)
{
	free(expected->outputs);
	free_lines(expected->lines, LINES);
	network_free(expected->plain);
	model_close(expected->model);
}

/* Whether a network reads on the lines what their outputs reduce to. */
static bool reads(const struct expected *expected, const struct network *network, struct error *error)
{
	struct network_workspace *workspace = network_workspace_new(network, error);
	int32_t classes = network_shape(network).class_count;
	const float *outputs = expected->outputs;
	struct network_reading readings[LINES];
	bool same = workspace && network_read(workspace, expected->lines, LINES, readings, error);

	for (size_t i = 0; same && i < LINES; i++)
		for (int32_t step = 0; step < readings[i].step_count; step++, outputs += classes) {
			struct beam_reduced reduced = beam_reduce(outputs, classes, expected->model->null_code);

			same &= memcmp(&readings[i].steps[step], &reduced, sizeof reduced) == 0;
		}
	network_workspace_free(workspace);
	return same;
}

/* Whether a network on GPUs makes the same of the lines. */
static bool makes(const struct expected *expected, const struct network *network)
{
	struct error error = { 0 };
	float *outputs = run(network, expected->lines, LINES, &error);
	bool same = outputs && memcmp(outputs, expected->outputs, expected->bytes) == 0;

	if (error.code)
		printf("# %s\n", error.message);
	free(outputs);
	return same;
}

static void a_warps_product_is_that_of_its_matrices(void)
{
	int8_t weights[TILE_OUTPUTS][TILE_INPUTS], rows[TILE_ROWS][TILE_INPUTS + 16];
	struct kernel_chunk packed[KERNEL_LANES];
	struct tile_operand operands[KERNEL_LANES];
	struct tile_sums sums[KERNEL_LANES];
	int seen[TILE_OUTPUTS][TILE_ROWS] = { 0 };

	printf("# seed %llu\n", (unsigned long long)random_state);
	for (int32_t i = 0; i < TILE_OUTPUTS * TILE_INPUTS; i++)
		weights[i / TILE_INPUTS][i % TILE_INPUTS] = (int8_t)((int)random_below(255) - 127);
	for (int32_t i = 0; i < TILE_ROWS * TILE_INPUTS; i++)
		rows[i / TILE_INPUTS][i % TILE_INPUTS] = (int8_t)((int)random_below(255) - 127);
	for (int32_t lane = 0; lane < KERNEL_LANES; lane++) {
		for (int32_t byte = 0; byte < KERNEL_CHUNK; byte++)
			((int8_t *)&packed[lane])[byte] =
			    weights[tile_weight_output(lane, byte)][tile_weight_input(lane, byte)];
		operands[lane] = tile_load_operand((const char *)rows, TILE_INPUTS + 16, lane);
		for (int i = 0; i < 4; i++)
			sums[lane].at[i] = 1000 * lane + i;
	}
	tile_multiply(sums, packed, operands);
	for (int32_t lane = 0; lane < KERNEL_LANES; lane++)
		for (int32_t i = 0; i < 4; i++) {
			int32_t output = tile_sum_output(lane, i), row = tile_sum_row(lane, i), sum = 1000 * lane + i;

			for (int32_t k = 0; k < TILE_INPUTS; k++)
				sum += weights[output][k] * rows[row][k];
			CHECK_INTEGER(sums[lane].at[i], sum);
			seen[output][row]++;
		}
	for (int32_t i = 0; i < TILE_OUTPUTS * TILE_ROWS; i++)
		CHECK_INTEGER(seen[i / TILE_ROWS][i % TILE_ROWS], 1);
}

/* Eight rows' operands lie in 32 different banks of shared memory for any depth of a layer. */
static void operands_of_a_warp_come_from_32_banks(void)
{
	for (int32_t deep = 1; deep < 70; deep++) {
		uint32_t banks = 0;

		for (int32_t lane = 0; lane < KERNEL_LANES; lane++)
			banks |= UINT32_C(1) << (lane / 4 * tile_pitch(deep) + lane % 4 * 4) / 4 % 32;
		CHECK(banks == UINT32_MAX);
	}
}

/* T4, A100, A10G and L4, H100 and H200: processors and the most shared memory of a block. */
static const struct cuda_description kinds[] = {
	{ .processors = 40, .shared_bytes = 65536 },   { .processors = 108, .shared_bytes = 166912 },
	{ .processors = 80, .shared_bytes = 101376 },  { .processors = 58, .shared_bytes = 101376 },
	{ .processors = 132, .shared_bytes = 232448 },
};

static void launches_fit_every_kind_of_GPU_and_leave_no_cell_and_no_line_out(void)
{
	static const int32_t lines[] = { 1, 7, 8, 9, 100, 1000, 4096 };

	for (size_t kind = 0; kind < sizeof kinds / sizeof *kinds; kind++)
		for (int32_t cells = 1; cells <= 512; cells += cells < 40 ? 1 : 59)
			for (size_t i = 0; i < 2 * sizeof lines / sizeof *lines; i++) {
				struct lstm_arguments arguments = { .cell_tiles = TILES(cells, TILE_OUTPUTS),
								    .tiles_deep = TILES(2 * cells + 30, TILE_INPUTS),
								    .lines = lines[i / 2],
								    .rows = 300 * lines[i / 2],
								    .height = 1 + (int32_t)i % 2 * 11,
								    .along_y = i % 2 };
				struct cuda_grid grid;
				int32_t sequences = arguments.along_y ? arguments.rows : arguments.lines;

				CHECK(cuda_lstm_shape(&kinds[kind], &arguments, &grid));
				CHECK(grid.shared_bytes <= kinds[kind].shared_bytes);
				CHECK(grid.warps >= 1 && grid.warps <= KERNEL_WARPS_MOST);
				CHECK(grid.warps == arguments.tile_warps * arguments.groups);
				CHECK(arguments.row_tiles == 1 || arguments.row_tiles == 2 || arguments.row_tiles == 4);
				CHECK((int64_t)grid.x * lstm_sequences(&arguments) >= sequences);
				CHECK((int64_t)(grid.x - 1) * lstm_sequences(&arguments) < sequences);
				CHECK_INTEGER(grid.y, arguments.along_y ? 1 : arguments.height);
				CHECK(arguments.resident_tiles >= 0 &&
				      arguments.resident_tiles <= arguments.cell_tiles);
			}
}

static void a_layer_too_large_for_shared_memory_is_told(void)
{
	struct lstm_arguments arguments = { .cell_tiles = 4000, .tiles_deep = 4000, .lines = 1, .height = 1 };
	struct cuda_grid grid;

	CHECK(!cuda_lstm_shape(&kinds[0], &arguments, &grid));
}

/*
 * GPUs with few processors get many lines a block, with many get few; small shared memory holds part of the weights, and
 * smaller one not even the curves or the outputs of a block.
 */
static void every_way_to_launch_gives_the_plain_back_ends_bits(void)
{
	static const int32_t processors[] = { 1, 2, 1000, 80 };
	static const int32_t shared[] = { 65536, 101376, 232448, 40000 };
	struct expected expected = expected_open(SANITIZED ? 30 : 70);
	struct error error = { 0 };

	printf("# seed %llu\n", (unsigned long long)random_state);
	twin_figures = (struct twin_figures){ 0 };
	for (size_t i = 0; i < 4; i++) {
		twin_settings = a10g;
		twin_settings.processors = processors[i];
		twin_settings.shared_bytes = shared[i];
		twin_settings.order = (uint32_t)i + 1;
		struct network *network = network_new(expected.model, NETWORK_CUDA, &error);
		CHECK(network && makes(&expected, network));
		CHECK(network && reads(&expected, network, &error));
		CHECK(network && network->cuda->reduces_in_shared == (shared[i] > 65000));
		network_free(network);
	}
	CHECK(twin_figures.row_tiles[1] > 0 && twin_figures.row_tiles[2] > 0 && twin_figures.row_tiles[4] > 0);
	CHECK(twin_figures.resident_some > 0 && twin_figures.large > 0);
	CHECK_INTEGER(twin_figures.allocated_bytes, 0);
	twin_settings = a10g;
	expected_close(&expected);
}

/* As threads, between real barriers: with ThreadSanitizer (make TSAN=1) this finds what no barrier keeps apart. */
static void warps_that_run_at_once_give_the_same(void)
{
	struct expected expected = expected_open(12);
	struct error error = { 0 };

	twin_settings = a10g;
	twin_settings.threads = true;
	struct network *network = network_new(expected.model, NETWORK_CUDA, &error);
	CHECK(network && makes(&expected, network));
	CHECK(network && reads(&expected, network, &error));
	network_free(network);
	twin_settings = a10g;
	expected_close(&expected);
}

static void a_batch_that_memory_refuses_is_no_loss_and_a_smaller_one_is_read(void)
{
	struct expected expected = expected_open(60);
	struct network_gpu_figures figures;
	struct error error = { 0 };
	struct network_line wide;

	make_lines(&wide, 1, 20000, 20000);
	for (int by_device = 0; by_device < 2; by_device++) {
		/* 20000 pixels take some 9 MB, the short lines together less than one. */
		const struct network_gpus_options options = { .memory_bytes = by_device ? INT64_C(1) << 33 : 6 << 20,
							       .streams = by_device ? 2 : 1 };
		twin_settings = a10g;
		twin_settings.memory_bytes = by_device ? 6 << 20 : INT64_C(1) << 30;
		struct network_gpus *gpus = network_gpus_open(&options, &error);
		struct network *network = gpus ? network_new_on(expected.model, gpus, &error) : NULL;
		CHECK(network != NULL);
		if (!network)
			return;
		CHECK(!run(network, &wide, 1, &error) && error.code == ERROR_OUT_OF_MEMORY);
		CHECK(!network_gpus_lost(gpus, NULL));
		CHECK(makes(&expected, network));
		CHECK_INTEGER(network_gpus_figures(gpus, &figures, 1), 1);
		CHECK_INTEGER(figures.refused, 1);
		CHECK_INTEGER(figures.batches, 1);
		CHECK_INTEGER(figures.lines, LINES);
		CHECK(figures.used_bytes > 0 && figures.used_bytes <= 6 << 20);
		network_free(network);
		network_gpus_close(gpus);
		CHECK_INTEGER(twin_figures.allocated_bytes, 0);
	}
	twin_settings = a10g;
	free_lines(&wide, 1);
	expected_close(&expected);
}

static void a_lost_device_fails_its_batch_and_all_after_it(void)
{
	struct expected expected = expected_open(20);
	struct error error = { 0 };

	twin_settings = a10g;
	struct network_gpus *gpus = network_gpus_open(&(struct network_gpus_options){ 0 }, &error);
	struct network *network = gpus ? network_new_on(expected.model, gpus, &error) : NULL;
	CHECK(network && makes(&expected, network));
	if (!network)
		return;
	/* In the middle of a batch, then wherever it is: at once. */
	for (int64_t launch = 3; launch >= 0; launch -= 3) {
		twin_settings.lost_after = twin_figures.launches + launch;
		CHECK(!run(network, expected.lines, LINES, &error) && error.code == ERROR_UNAVAILABLE);
		CHECK(strstr(error.message, "GPU 0") != NULL);
		CHECK(network_gpus_lost(gpus, &error) && error.code == ERROR_UNAVAILABLE);
	}
	/* It never comes back, even if it would answer: what was on it is void. */
	twin_settings = a10g;
	CHECK(!run(network, expected.lines, LINES, &error) && error.code == ERROR_UNAVAILABLE);
	network_free(network);
	network_gpus_close(gpus);
	CHECK_INTEGER(twin_figures.allocated_bytes, 0);
	expected_close(&expected);
}

/* A thread that runs batches one after the other. */
struct runner {
	pthread_t thread;
	const struct expected *expected;
	const struct network *network;
	size_t right;
};

static void *run_batches(void *argument)
{
	struct runner *runner = argument;

	for (int i = 0; i < 2; i++)
		runner->right += makes(runner->expected, runner->network);
	return NULL;
}

static void batches_of_many_threads_share_two_GPUs_of_three(void)
{
	struct expected expected = expected_open(SANITIZED ? 8 : 20);
	struct network_gpu_figures figures[NETWORK_GPUS_MOST];
	struct runner runners[THREADS];
	struct error error = { 0 };

	twin_settings = a10g;
	twin_settings.devices = 3;
	struct network_gpus *gpus = network_gpus_open(&(struct network_gpus_options){ .list = "2,0", .streams = 2 }, &error);
	struct network *network = gpus ? network_new_on(expected.model, gpus, &error) : NULL;
	CHECK(network != NULL);
	if (!network)
		return;
	for (size_t i = 0; i < THREADS; i++) {
		runners[i] = (struct runner){ .expected = &expected, .network = network };
		CHECK_INTEGER(pthread_create(&runners[i].thread, NULL, run_batches, &runners[i]), 0);
	}
	for (size_t i = 0; i < THREADS; i++) {
		(void)pthread_join(runners[i].thread, NULL);
		CHECK_INTEGER(runners[i].right, 2);
	}
	CHECK_INTEGER(network_gpus_figures(gpus, figures, NETWORK_GPUS_MOST), 2);
	CHECK(figures[0].number == 2 && figures[1].number == 0);
	CHECK(figures[0].batches > 0 && figures[1].batches > 0);
	CHECK_INTEGER(figures[0].batches + figures[1].batches, 2 * THREADS);
	CHECK_INTEGER(figures[0].busy + figures[1].busy, 0);
	network_free(network);
	network_gpus_close(gpus);
	twin_settings = a10g;
	expected_close(&expected);
}

static void lists_of_GPUs_that_are_none_or_not_there_are_refused(void)
{
	static const struct {
		const char *list;
		int32_t devices;
		enum error_code code;
	} cases[] = { { NULL, 0, ERROR_UNAVAILABLE }, { "0", 0, ERROR_UNAVAILABLE }, { "1", 1, ERROR_UNAVAILABLE },
		      { "", 1, ERROR_CONFIG },	      { "0,", 1, ERROR_CONFIG },     { "0,0", 1, ERROR_CONFIG },
		      { "-1", 1, ERROR_CONFIG },      { "a", 1, ERROR_CONFIG },	     { "0 1", 2, ERROR_CONFIG } };

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct error error = { 0 };

		twin_settings = a10g;
		twin_settings.devices = cases[i].devices;
		CHECK(!network_gpus_open(&(struct network_gpus_options){ .list = cases[i].list }, &error));
		CHECK_INTEGER(error.code, cases[i].code);
	}
	twin_settings = a10g;
}

int main(void)
{
	TEST(a_warps_product_is_that_of_its_matrices);
	TEST(operands_of_a_warp_come_from_32_banks);
	TEST(launches_fit_every_kind_of_GPU_and_leave_no_cell_and_no_line_out);
	TEST(a_layer_too_large_for_shared_memory_is_told);
	TEST(every_way_to_launch_gives_the_plain_back_ends_bits);
	TEST(warps_that_run_at_once_give_the_same);
	TEST(a_batch_that_memory_refuses_is_no_loss_and_a_smaller_one_is_read);
	TEST(a_lost_device_fails_its_batch_and_all_after_it);
	TEST(batches_of_many_threads_share_two_GPUs_of_three);
	TEST(lists_of_GPUs_that_are_none_or_not_there_are_refused);
	return test_done();
}
