/*
 * The AVX-512 VNNI kernels on machines that do not run them: network_vnni.c compiled with each instruction that it uses
 * written out in C, after Intel's description of it. That shows what the file computes (the order of weights, the
 * offset of its inputs and what takes it off again), not that a processor does the same.
 */
#include <math.h>

#include "tests/unit/model_writer.h"
#include "tests/unit/test.h"

#ifdef __x86_64__
#include <immintrin.h>

#define VECTOR_LANES 16
#define EACH_LANE for (int i = 0; i < VECTOR_LANES; i++)

struct integers {
	int32_t at[VECTOR_LANES];
};

struct floats {
	float at[VECTOR_LANES];
};

#define INTEGERS(name, parameters, expression)                                                                         \
	static inline struct integers name parameters {                                                                \
		struct integers result;                                                                                \
		EACH_LANE result.at[i] = (expression);                                                                 \
		return result;                                                                                         \
	}
#define FLOATS(name, parameters, expression)                                                                           \
	static inline struct floats name parameters {                                                                  \
		struct floats result;                                                                                  \
		EACH_LANE result.at[i] = (expression);                                                                 \
		return result;                                                                                         \
	}

static inline int32_t float_bits(float x)
{
	int32_t bits;

	memcpy(&bits, &x, sizeof bits);
	return bits;
}

static inline float bits_float(int32_t bits)
{
	float x;

	memcpy(&x, &bits, sizeof x);
	return x;
}

/* Four unsigned bytes times four signed ones, added up without saturation. */
static inline int32_t dot_four(int32_t sum, int32_t unsigned_bytes, int32_t signed_bytes)
{
	for (int i = 0; i < 4; i++)
		sum += (uint8_t)((uint32_t)unsigned_bytes >> 8 * i) * (int8_t)((uint32_t)signed_bytes >> 8 * i);
	return sum;
}

INTEGERS(set_integers, (int32_t x), x)
FLOATS(set_floats, (float x), x)
INTEGERS(load_integers, (const void *from), ((const int32_t *)from)[i])
FLOATS(load_floats, (const float *from), from[i])
INTEGERS(dot_products, (struct integers sum, struct integers a, struct integers b),
	 dot_four(sum.at[i], a.at[i], b.at[i]))
FLOATS(add, (struct floats a, struct floats b), a.at[i] + b.at[i])
FLOATS(subtract, (struct floats a, struct floats b), a.at[i] - b.at[i])
FLOATS(multiply, (struct floats a, struct floats b), a.at[i] * b.at[i])
FLOATS(least, (struct floats a, struct floats b), a.at[i] < b.at[i] ? a.at[i] : b.at[i])
FLOATS(greatest, (struct floats a, struct floats b), a.at[i] > b.at[i] ? a.at[i] : b.at[i])
FLOATS(to_floats, (struct integers x), (float)x.at[i])
INTEGERS(truncated, (struct floats x), (int32_t)x.at[i])
FLOATS(and_not, (struct floats a, struct floats b), bits_float(~float_bits(a.at[i]) & float_bits(b.at[i])))
FLOATS(bits_or, (struct floats a, struct floats b), bits_float(float_bits(a.at[i]) | float_bits(b.at[i])))
FLOATS(bits_and, (struct floats a, struct floats b), bits_float(float_bits(a.at[i]) & float_bits(b.at[i])))
INTEGERS(as_integers, (struct floats x), float_bits(x.at[i]))
FLOATS(blend, (uint16_t mask, struct floats a, struct floats b), mask >> i & 1 ? b.at[i] : a.at[i])
INTEGERS(subtract_where, (struct integers otherwise, uint16_t mask, struct integers a, struct integers b),
	 mask >> i & 1 ? a.at[i] - b.at[i] : otherwise.at[i])
FLOATS(gather, (struct integers index, const void *from, size_t scale),
       *(const float *)(const void *)((const char *)from + (size_t)index.at[i] * scale))

static inline uint16_t sign_mask(struct integers x)
{
	uint16_t mask = 0;

	EACH_LANE mask = (uint16_t)(mask | (x.at[i] < 0) << i);
	return mask;
}

static inline void store_floats(float *to, struct floats x)
{
	memcpy(to, x.at, sizeof x.at);
}

static inline void store_bytes(void *to, uint16_t mask, struct integers x)
{
	EACH_LANE if (mask >> i & 1)((int8_t *)to)[i] = (int8_t)x.at[i];
}

#define __m512i struct integers
#define __m512 struct floats
#define __mmask16 uint16_t
#define _mm512_set1_epi32 set_integers
#define _mm512_setzero_si512() set_integers(0)
#define _mm512_set1_ps set_floats
#define _mm512_load_si512 load_integers
#define _mm512_loadu_ps load_floats
#define _mm512_storeu_ps store_floats
#define _mm512_dpbusd_epi32 dot_products
#define _mm512_add_ps add
#define _mm512_sub_ps subtract
#define _mm512_mul_ps multiply
#define _mm512_min_ps least
#define _mm512_max_ps greatest
#define _mm512_cvtepi32_ps to_floats
#define _mm512_cvttps_epi32 truncated
#define _mm512_andnot_ps and_not
#define _mm512_or_ps bits_or
#define _mm512_and_ps bits_and
#define _mm512_castps_si512 as_integers
#define _mm512_movepi32_mask sign_mask
#define _mm512_mask_blend_ps blend
#define _mm512_mask_sub_epi32 subtract_where
#undef _mm512_i32gather_ps /* a macro in some compilers */
#define _mm512_i32gather_ps gather
#define _mm512_mask_cvtepi32_storeu_epi8 store_bytes
#define network_vnni_integer network_vnni_emulated

extern const struct network_kernels network_vnni_emulated;

#include "common/ocr/network_vnni.c"

static uint64_t random_state = 4711;

static int8_t random_weight(void)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return (int8_t)(random_state >> 62 == 0	  ? 127
			: random_state >> 62 == 1 ? -127
						  : (int)((random_state >> 33) % 255) - 127);
}

/* Random weights and inputs for a layer of some size, a third of them the greatest there are. */
static void fill(int8_t *values, size_t count)
{
	for (size_t i = 0; i < count; i++)
		values[i] = random_weight();
}

#define OUTPUTS_MOST 90
#define INPUTS_MOST 60
#define ROWS 7

/* Both back ends' sums of a fully connected layer, and two steps of an LSTM. */
static size_t differences(int32_t inputs, int32_t outputs, const struct network_tables *tables,
			  const struct network_curves *curves)
{
	static int8_t weights[MODEL_GATE_COUNT][OUTPUTS_MOST * (INPUTS_MOST + OUTPUTS_MOST + 1)];
	static int8_t values[2][ROWS][INPUTS_MOST + 64], made[2][2][ROWS][OUTPUTS_MOST + 64];
	static float sums[2][ROWS * 96], states[2][ROWS * 96], scales[OUTPUTS_MOST];
	const struct network_kernels *kernels[2] = { &network_generic_integer, &network_vnni_emulated };
	struct model_matrix matrices[MODEL_GATE_COUNT];
	const void *rows[2][ROWS], *previous[ROWS];
	void *targets[ROWS];
	struct error error;
	size_t different = 0;

	fill(weights[0], sizeof weights);
	fill(values[0][0], sizeof values);
	for (int32_t i = 0; i < outputs; i++)
		scales[i] = 1.0f / (float)(20000 + 300 * i);
	for (size_t i = 0; i < 2 * ROWS; i++)
		rows[i / ROWS][i % ROWS] = values[i / ROWS][i % ROWS];
	for (int is_lstm = 0; is_lstm < 2; is_lstm++)
		for (int back_end = 0; back_end < 2; back_end++) {
			struct network_layer layer = { .kind = is_lstm ? NETWORK_LSTM : NETWORK_SOFTMAX,
						       .name = "x",
						       .matrices = matrices,
						       .tables = tables,
						       .curves = curves,
						       .inputs = inputs,
						       .outputs = outputs };

			for (int gate = 0; gate < MODEL_GATE_COUNT; gate++)
				matrices[gate] = (struct model_matrix){ .rows = outputs,
									.columns = inputs + (is_lstm ? outputs : 0) + 1,
									.integers = weights[gate],
									.scales = scales };
			if (kernels[back_end]->pack && !kernels[back_end]->pack(&layer, &error))
				return 1;
			if (!is_lstm)
				kernels[back_end]->affine(&layer, rows[0], ROWS, sums[back_end]);
			for (int step = 0; is_lstm && step < 2; step++) {
				for (size_t i = 0; i < ROWS; i++) {
					targets[i] = made[back_end][step][i];
					previous[i] = made[back_end][0][i];
				}
				kernels[back_end]->lstm_step(
				    &layer, &(struct network_lanes){ .count = ROWS,
								     .inputs = rows[step],
								     .previous = step ? previous : NULL,
								     .outputs = targets,
								     .states = states[back_end] });
			}
			free(layer.packed);
		}
	for (size_t row = 0; row < ROWS; row++) {
		size_t at = row * (size_t)NETWORK_ROUND(outputs);

		different += memcmp(sums[0] + at, sums[1] + at, (size_t)outputs * sizeof(float)) != 0;
		different += memcmp(states[0] + at, states[1] + at, (size_t)outputs * sizeof(float)) != 0;
		for (int step = 0; step < 2; step++)
			different += memcmp(made[0][step][row], made[1][step][row], (size_t)outputs) != 0;
	}
	return different;
}

static void layers_of_any_size_have_the_bits_of_the_plain_back_end(void)
{
	static struct network_tables tables;
	static struct network_curves curves;

	printf("# seed %llu\n", (unsigned long long)random_state);
	network_fill_tables(&tables, &curves);
	for (int32_t inputs = 1; inputs <= INPUTS_MOST; inputs += inputs < 10 ? 1 : 9)
		for (int32_t outputs = 1; outputs <= OUTPUTS_MOST; outputs += outputs < 20 ? 1 : 14)
			CHECK_INTEGER(differences(inputs, outputs, &tables, &curves), 0);
}
#endif

int main(void)
{
#ifdef __x86_64__
	TEST(layers_of_any_size_have_the_bits_of_the_plain_back_end);
#endif
	return test_done();
}
