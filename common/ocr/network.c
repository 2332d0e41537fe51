/*
 * A network for a back end: which back ends this machine runs, the plan, the tables of its functions and the weights in
 * the back end's order.
 */
#include <math.h>
#include <stdlib.h>

#include "common/ocr/cuda/network_cuda.h"

static const struct {
	const char *name;
	const struct network_kernels *integer_kernels, *float_kernels; /* NULL: not for this architecture */
} backends[NETWORK_BACKEND_COUNT] = {
	[NETWORK_GENERIC] = { "generic", &network_generic_integer, &network_generic_float },
#ifdef __x86_64__
	[NETWORK_AVX2] = { "avx2", &network_avx2_integer, &network_avx2_float },
	[NETWORK_AVX512VNNI] = { "avx512vnni", &network_vnni_integer, &network_avx2_float },
#else
	[NETWORK_AVX2] = { .name = "avx2" },
	[NETWORK_AVX512VNNI] = { .name = "avx512vnni" },
#endif
	[NETWORK_CUDA] = { .name = "cuda" },
};

bool network_backend_runs(enum network_backend backend)
{
#ifdef __x86_64__
	bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");

	if (backend == NETWORK_AVX2)
		return avx2;
	if (backend == NETWORK_AVX512VNNI)
		return avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
		       __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
		       __builtin_cpu_supports("avx512vnni");
#endif
	if (backend == NETWORK_CUDA)
		return network_gpus_count(NULL) > 0;
	return backend == NETWORK_GENERIC;
}

enum network_backend network_backend_best(void)
{
	enum network_backend best = NETWORK_CUDA - 1;

	while (!network_backend_runs(best))
		best--;
	return best;
}

const char *network_backend_name(enum network_backend backend)
{
	return backends[backend].name;
}

static double logistic(double x)
{
	return 1 / (1 + exp(-x));
}

/*
 * The values that Tesseract has as text (lstm/generate_lut.py): of the functions in double, rounded to float. `size`: of
 * the curve.
 */
static void fill_table(struct network_table_entry *table, float *curve, int size, double (*function)(double))
{
	for (int i = 0; i < NETWORK_TABLE_SIZE; i++)
		table[i].value = (float)function(i / (double)NETWORK_TABLE_SCALE);
	for (int i = 0; i < size; i++)
		curve[i] = table[i].value;
	curve[size] = curve[size + 1] = 1;
	for (int i = 0; i < NETWORK_TABLE_SIZE - 1; i++)
		table[i].gain = table[i + 1].value - table[i].value;
	table[NETWORK_TABLE_SIZE - 1] = (struct network_table_entry){ .value = 1 };
}

void network_fill_tables(struct network_tables *tables, struct network_curves *curves)
{
	fill_table(tables->tanh, curves->tanh, NETWORK_TANH_SIZE, tanh);
	fill_table(tables->logistic, curves->logistic, NETWORK_TABLE_SIZE, logistic);
}

static bool pack(struct network *network, struct error *error)
{
	for (size_t i = 0; network->kernels->pack && i < network->layer_count; i++)
		if (!network->kernels->pack(&network->layers[i], error))
			return false;
	return true;
}

/* `gpus`: for NETWORK_CUDA; NULL: all there are. */
static struct network *compile(const struct model *model, enum network_backend backend, struct network_gpus *gpus,
			       struct error *error)
{
	struct network *network = calloc(1, sizeof *network);

	if (!network) {
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a network");
		return NULL;
	}
	network->model = model;
	network->backend = backend;
	network->kernels = model->is_integer ? backends[backend].integer_kernels : backends[backend].float_kernels;
	network->element_bytes = model->is_integer ? sizeof(int8_t) : sizeof(float);
	network_fill_tables(&network->tables, &network->curves);
	if (network_plan(network, error)) {
		if (backend == NETWORK_CUDA)
			network->cuda = cuda_network_new(network, gpus, error);
		if (backend == NETWORK_CUDA ? network->cuda != NULL : pack(network, error))
			return network;
	}
	(void)error_prefix(error, "network %s", model->specification);
	network_free(network);
	return NULL;
}

struct network *network_new(const struct model *model, enum network_backend backend, struct error *error)
{
	if (network_backend_runs(backend))
		return compile(model, backend, NULL, error);
	(void)error_set(error, ERROR_CONFIG, "this machine does not run the back end %s, but %s",
			network_backend_name(backend), network_backend_name(network_backend_best()));
	return NULL;
}

struct network *network_new_on(const struct model *model, struct network_gpus *gpus, struct error *error)
{
	return compile(model, NETWORK_CUDA, gpus, error);
}

void network_free(struct network *network)
{
	if (!network)
		return;
	for (size_t i = 0; i < network->layer_count; i++)
		free(network->layers[i].packed);
	cuda_network_free(network->cuda);
	free(network);
}

struct network_shape network_shape(const struct network *network)
{
	return network->shape;
}
