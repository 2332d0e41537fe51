/*
 * The AVX2 back end: for integer models the kernels of network_simd.h and a convolution, kernels for float models, and
 * a softmax for both.
 *
 * Sums: maddubs multiplies unsigned by signed bytes and adds two products in 16 bits. With |x| and w given x's sign,
 * two products are at most 2 × 127 × 127 = 32258, so it never saturates; madd then widens them to 32 bits. That is 32
 * multiplications by four instructions, and about 30 a cycle where four vector instructions start in one (Zen 3).
 *
 * Functions: a table's value and gain lie side by side, so one 8-byte load a lane brings both; on AMD's cores such
 * loads are faster than gather instructions.
 */
#ifdef __x86_64__

#include <immintrin.h>
#include <math.h>
#include <stdlib.h>

#include "common/ocr/network_private.h"

#define LANES 8
#define TILE_ROWS 2
#define INPUT_OFFSET 0

typedef __m256i vint;
typedef __m256 vfloat;

struct operand {
	vint value, magnitude;
};

static inline __attribute__((always_inline)) struct operand operand_load(const int8_t *inputs)
{
	int32_t four;

	memcpy(&four, inputs, sizeof four);
	vint value = _mm256_set1_epi32(four);

	return (struct operand){ value, _mm256_abs_epi8(value) };
}

static inline __attribute__((always_inline)) vint dot(vint sum, vint weights, struct operand operand)
{
	vint pairs = _mm256_maddubs_epi16(operand.magnitude, _mm256_sign_epi8(weights, operand.value));

	return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

#define v_load_int(from) _mm256_load_si256((const __m256i *)(const void *)(from))
#define v_load(from) _mm256_loadu_ps(from)
#define v_store(to, x) _mm256_storeu_ps(to, x)
#define v_all(x) _mm256_set1_ps(x)
#define v_add(x, y) _mm256_add_ps(x, y)
#define v_sub(x, y) _mm256_sub_ps(x, y)
#define v_mul(x, y) _mm256_mul_ps(x, y)
#define v_min(x, y) _mm256_min_ps(x, y)
#define v_max(x, y) _mm256_max_ps(x, y)
#define v_to_float(x) _mm256_cvtepi32_ps(x)
#define v_truncate(x) _mm256_cvttps_epi32(x)
#define v_magnitude(x) _mm256_andnot_ps(_mm256_set1_ps(-0.0f), x)
#define v_with_sign(x, sign) _mm256_or_ps(x, _mm256_and_ps(_mm256_set1_ps(-0.0f), sign))
#define v_if_negative(x, yes, no) _mm256_blendv_ps(no, yes, x)

static inline __attribute__((always_inline)) __m128 two_entries(const struct network_table_entry *table, int32_t first,
								int32_t second)
{
	__m128i low = _mm_loadl_epi64((const __m128i *)(const void *)&table[first]);

	return _mm_loadh_pi(_mm_castsi128_ps(low), (const __m64 *)(const void *)&table[second]);
}

static inline __attribute__((always_inline)) void v_gather(const struct network_table_entry *table, vint index,
							   vfloat *value, vfloat *gain)
{
	int32_t at[LANES] __attribute__((aligned(32)));

	_mm256_store_si256((__m256i *)(void *)at, index);
	__asm__("" : "+m"(at)); /* compilers would take them from the register one by one, which is slower */
	__m256 outer = _mm256_set_m128(two_entries(table, at[4], at[5]), two_entries(table, at[0], at[1]));
	__m256 inner = _mm256_set_m128(two_entries(table, at[6], at[7]), two_entries(table, at[2], at[3]));
	*value = _mm256_shuffle_ps(outer, inner, _MM_SHUFFLE(2, 0, 2, 0));
	*gain = _mm256_shuffle_ps(outer, inner, _MM_SHUFFLE(3, 1, 3, 1));
}

/* Half away from zero. */
static inline __attribute__((always_inline)) vint v_round(vfloat x)
{
	vint rounded = _mm256_cvttps_epi32(_mm256_add_ps(v_magnitude(x), _mm256_set1_ps(0.5f)));

	return _mm256_sign_epi32(rounded, _mm256_or_si256(_mm256_castps_si256(x), _mm256_set1_epi32(1)));
}

/* The first `count` lanes as bytes; they are within ±127. */
static inline __attribute__((always_inline)) void v_store_int8(int8_t *to, vint x, size_t count)
{
	__m128i words = _mm_packs_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
	__m128i bytes = _mm_packs_epi16(words, words);
	int64_t eight = _mm_cvtsi128_si64(bytes);

	if (count == LANES)
		memcpy(to, &eight, LANES);
	else
		memcpy(to, &eight, count);
}

#include "common/ocr/network_simd.h"

/* The convolution of published models: a window at most four high, 16 outputs; a window's column is one operand. */
#define CONVOLUTION_VECTORS 2
#define CONVOLUTION_OUTPUTS (CONVOLUTION_VECTORS * LANES)
#define WINDOW_MOST 9 /* columns */

struct packed_convolution {
	float scales[CONVOLUTION_OUTPUTS];
	int32_t sums[CONVOLUTION_OUTPUTS];
	int8_t weights[WINDOW_MOST][CONVOLUTION_OUTPUTS][GROUP];
};

bool network_avx2_pack_convolution(struct network_layer *layer, struct error *error)
{
	int32_t columns = 2 * layer->half_x + 1, rows = 2 * layer->half_y + 1;
	const struct model_matrix *matrix = layer->matrices;
	struct packed_convolution *packed;

	if (columns > WINDOW_MOST || rows > GROUP || layer->outputs > CONVOLUTION_OUTPUTS)
		return true; /* the plain kernel runs it */
	packed = aligned_alloc(64, (sizeof *packed + 63) / 64 * 64);
	if (!packed)
		return error_set(error, ERROR_OUT_OF_MEMORY, "layer %s: no memory for its weights", layer->name);
	memset(packed, 0, sizeof *packed);
	layer->packed = packed;
	for (int32_t i = 0; i < layer->outputs; i++) {
		const int8_t *weights = matrix->integers + (size_t)i * (size_t)matrix->columns;

		packed->scales[i] = matrix->scales[i];
		packed->sums[i] = weights[matrix->columns - 1] * INT8_MAX;
		for (int32_t x = 0; x < columns; x++)
			memcpy(packed->weights[x][i], weights + x * rows, (size_t)rows);
	}
	return true;
}

/* Noise that a row of the image takes: one for each place of its windows outside the image. */
static size_t row_noise(const struct network_layer *layer, const struct network_image *image, int32_t y)
{
	size_t columns = 2 * (size_t)layer->half_x + 1, outside_x = 0, outside_y = 0, width = (size_t)image->width;

	for (int32_t offset = 1; offset <= layer->half_x; offset++)
		outside_x += 2 * (offset < image->width ? (size_t)offset : width);
	for (int32_t offset = -layer->half_y; offset <= layer->half_y; offset++)
		outside_y += y + offset < 0 || y + offset >= image->height;
	return outside_x * (2 * (size_t)layer->half_y + 1) + (width * columns - outside_x) * outside_y;
}

/* The values of a place's outputs before tanh; `columns[i]` is the window's column i. */
INLINE void convolve_place(const struct packed_convolution *packed, const int8_t *window, size_t column_bytes,
			   size_t column_count, vfloat best[CONVOLUTION_VECTORS])
{
	vint sums[CONVOLUTION_VECTORS] = { v_load_int(packed->sums), v_load_int(packed->sums + LANES) };

	for (size_t column = 0; column < column_count; column++) {
		struct operand operand = operand_load(window + column * column_bytes);

		sums[0] = dot(sums[0], v_load_int(packed->weights[column][0]), operand);
		sums[1] = dot(sums[1], v_load_int(packed->weights[column][LANES]), operand);
	}
	best[0] = v_max(best[0], v_mul(v_to_float(sums[0]), v_load(packed->scales)));
	best[1] = v_max(best[1], v_mul(v_to_float(sums[1]), v_load(packed->scales + LANES)));
}

/* A place whose window reaches over the image's border. */
static const char *convolve_border(const struct network_layer *layer, const struct network_image *image, int32_t x,
				   int32_t y, const char *noise, vfloat best[CONVOLUTION_VECTORS])
{
	size_t columns = 2 * (size_t)layer->half_x + 1, rows = 2 * (size_t)layer->half_y + 1;
	int8_t window[WINDOW_MOST * GROUP], spread[WINDOW_MOST * GROUP] = { 0 };

	noise = network_window(layer, image, x, y, noise, (char *)window, 1);
	for (size_t i = 0; i < columns; i++)
		memcpy(spread + i * GROUP, window + i * rows, rows);
	convolve_place(layer->packed, spread, GROUP, columns, best);
	return noise;
}

/* One pooled row. tanh and rounding never fall, so the maximum is taken before them. */
static void convolve_row(const struct network_layer *layer, const struct network_image *image, const char **noise,
			 int32_t pooled_y)
{
	size_t columns = 2 * (size_t)layer->half_x + 1, column_bytes = image->column_elements;
	int32_t used_width = image->step_count * layer->pool_x, first_y = pooled_y * layer->pool_y;
	size_t low = (size_t)layer->outputs < LANES ? (size_t)layer->outputs : LANES;
	vfloat best[CONVOLUTION_VECTORS] = { v_all(-INFINITY), v_all(-INFINITY) };

	for (int32_t x = 0; x < used_width; x++) {
		bool inside_x = x >= layer->half_x && x + layer->half_x < image->width;

		for (int32_t i = 0; i < layer->pool_y; i++) {
			int32_t y = first_y + i;
			bool inside_y = y >= layer->half_y && y + layer->half_y < image->height;

			if (inside_x && inside_y)
				convolve_place(layer->packed,
					       (const int8_t *)image->columns +
						   (size_t)(x - layer->half_x) * column_bytes + (size_t)y,
					       column_bytes, columns, best);
			else
				noise[i] = convolve_border(layer, image, x, y, noise[i], best);
		}
		if ((x + 1) % layer->pool_x != 0)
			continue;
		int8_t *outputs =
		    image->outputs[(size_t)pooled_y * (size_t)image->step_count + (size_t)(x / layer->pool_x)];

		v_store_int8(outputs, v_round(v_mul(v_tanh(layer->tables, best[0]), v_all(INT8_MAX))), low);
		if (layer->outputs > LANES)
			v_store_int8(outputs + LANES, v_round(v_mul(v_tanh(layer->tables, best[1]), v_all(INT8_MAX))),
				     (size_t)layer->outputs - LANES);
		best[0] = best[1] = v_all(-INFINITY);
	}
}

void network_avx2_convolve(const struct network_layer *layer, const struct network_image *image)
{
	const char *noise[32], *next = image->noise; /* of each row that is pooled; model.c allows no more */

	if (!layer->packed) {
		network_convolve(layer, image, true, &network_generic_integer);
		return;
	}
	for (int32_t y = 0; y < layer->output_height; y++) {
		for (int32_t i = 0; i < layer->pool_y; i++) {
			noise[i] = next;
			next += row_noise(layer, image, y * layer->pool_y + i);
		}
		convolve_row(layer, image, noise, y);
	}
}

/*
 * expf of four numbers in [-86, 0], with the bits of glibc's (Szabolcs Nagy's algorithm, in ARM's optimized-routines),
 * as they are where the processor has fused operations: e^x = 2^(k/32) · 2^r with k whole and r small, in double.
 * `powers` are 2^(i/32). Compared with glibc 2.36 for every float there is in that range.
 */
INLINE __m128 exponential(__m128 x, const double *powers)
{
	const __m256d shift = _mm256_set1_pd(0x1.8p52), steps = _mm256_set1_pd(0x1.71547652b82fep+0 * 32);
	__m256d wide = _mm256_cvtps_pd(x), shifted = _mm256_add_pd(_mm256_mul_pd(wide, steps), shift);
	__m256d r = _mm256_fmsub_pd(wide, steps, _mm256_sub_pd(shifted, shift));
	__m256i k = _mm256_castpd_si256(shifted), low = _mm256_and_si256(k, _mm256_set1_epi64x(31));
	__m256i power = _mm256_castpd_si256(_mm256_i64gather_pd(powers, low, 8));
	__m256d p = _mm256_fmadd_pd(_mm256_set1_pd(0x1.c6af84b912394p-5 / 32 / 32 / 32), r,
				    _mm256_set1_pd(0x1.ebfce50fac4f3p-3 / 32 / 32));
	__m256d y = _mm256_fmadd_pd(_mm256_set1_pd(0x1.62e42ff0c52d6p-1 / 32), r, _mm256_set1_pd(1));

	power = _mm256_add_epi64(power, _mm256_slli_epi64(_mm256_srli_epi64(k, 5), 52));
	y = _mm256_fmadd_pd(p, _mm256_mul_pd(r, r), y);
	return _mm256_cvtpd_ps(_mm256_mul_pd(y, _mm256_castsi256_pd(power)));
}

/* exp(x - most) for a row, at least e^-86. What is after the last class is computed as well and never used. */
static void exponentials(float *sums, size_t count, const double *powers)
{
	__m128 most = _mm_set1_ps(sums[0]);

	for (size_t i = 0; i < count; i++)
		most = _mm_max_ss(_mm_load_ss(sums + i), most);
	most = _mm_shuffle_ps(most, most, 0);
	for (size_t i = 0; i < count; i += 4) {
		__m128 below = _mm_sub_ps(_mm_loadu_ps(sums + i), most);

		below = _mm_min_ps(_mm_max_ps(below, _mm_set1_ps(-86)), _mm_setzero_ps());
		_mm_storeu_ps(sums + i, exponential(below, powers));
	}
}

#define SUM_ROWS 4 /* at a time, as each is a chain of additions in the order of classes */

static void normalise(const struct network_layer *layer, const float *sums, size_t rows, float *const *outputs)
{
	size_t stride = (size_t)NETWORK_ROUND(layer->outputs), count = (size_t)layer->outputs;
	float totals[SUM_ROWS] = { 0 };

	for (size_t i = 0; i < count; i++)
		for (size_t row = 0; row < rows; row++)
			totals[row] += sums[row * stride + i];
	for (size_t row = 0; row < rows; row++) {
		size_t i = 0;

		for (; i + LANES <= count; i += LANES)
			v_store(outputs[row] + i, _mm256_div_ps(v_load(sums + row * stride + i), v_all(totals[row])));
		for (; i < count; i++)
			outputs[row][i] = sums[row * stride + i] / totals[row];
	}
}

void network_avx2_softmax(const struct network_layer *layer, float *sums, size_t count, float *const *outputs)
{
	size_t stride = (size_t)NETWORK_ROUND(layer->outputs), row = 0;
	double powers[32];

	for (int i = 0; i < 32; i++)
		powers[i] = exp2(i / 32.0);
	for (size_t i = 0; i < count; i++)
		exponentials(sums + i * stride, (size_t)layer->outputs, powers);
	for (; row + SUM_ROWS <= count; row += SUM_ROWS)
		normalise(layer, sums + row * stride, SUM_ROWS, outputs + row);
	if (row < count)
		normalise(layer, sums + row * stride, count - row, outputs + row);
}

const struct network_kernels network_avx2_integer = { .pack = pack,
						      .affine = affine,
						      .lstm_step = lstm_step,
						      .convolve = network_avx2_convolve,
						      .softmax = network_avx2_softmax };

/*
 * Float models. A dot product is eight partial sums, added up in the order of Tesseract's AVX code, without fused
 * operations: eight outputs at a time have theirs in eight registers, which are transposed at the end, so that the
 * additions of all eight run side by side in that order. (On machines with AVX-512, Tesseract itself keeps sixteen
 * partial sums and its last bits differ from these.)
 */

/* Rows of a matrix one after the other as columns: sums[i] becomes lane i of each. */
INLINE void transpose(__m256 rows[LANES])
{
	__m256 pairs[LANES], fours[LANES];

	UNROLLED
	for (int i = 0; i < LANES; i += 2) {
		pairs[i] = _mm256_unpacklo_ps(rows[i], rows[i + 1]);
		pairs[i + 1] = _mm256_unpackhi_ps(rows[i], rows[i + 1]);
	}
	UNROLLED
	for (int i = 0; i < LANES; i += 4) {
		fours[i] = _mm256_shuffle_ps(pairs[i], pairs[i + 2], 0x44);
		fours[i + 1] = _mm256_shuffle_ps(pairs[i], pairs[i + 2], 0xee);
		fours[i + 2] = _mm256_shuffle_ps(pairs[i + 1], pairs[i + 3], 0x44);
		fours[i + 3] = _mm256_shuffle_ps(pairs[i + 1], pairs[i + 3], 0xee);
	}
	UNROLLED
	for (int i = 0; i < 4; i++) {
		rows[i] = _mm256_permute2f128_ps(fours[i], fours[i + 4], 0x20);
		rows[i + 4] = _mm256_permute2f128_ps(fours[i], fours[i + 4], 0x31);
	}
}

/* Eight outputs of a matrix from `first` on, of which those that there are count. */
INLINE void dot_eight(const struct model_matrix *matrix, int32_t first, const float *inputs, float *outputs)
{
	int32_t count = matrix->columns - 1, whole = count / LANES * LANES;
	const float *weights[LANES];
	__m256 sums[LANES], sum;

	UNROLLED
	for (int lane = 0; lane < LANES; lane++) {
		int32_t row = first + lane < matrix->rows ? first + lane : matrix->rows - 1;

		weights[lane] = matrix->floats + (size_t)row * (size_t)matrix->columns;
		sums[lane] = _mm256_setzero_ps();
	}
	for (int32_t i = 0; i < whole; i += LANES) {
		__m256 input = _mm256_loadu_ps(inputs + i);

		UNROLLED
		for (int lane = 0; lane < LANES; lane++)
			sums[lane] =
			    _mm256_add_ps(sums[lane], _mm256_mul_ps(_mm256_loadu_ps(weights[lane] + i), input));
	}
	transpose(sums);
	sum = sums[0];
	UNROLLED
	for (int lane = 1; lane < LANES; lane++)
		sum = _mm256_add_ps(sum, sums[lane]);
	_mm256_storeu_ps(outputs, sum);
	UNROLLED
	for (int lane = 0; lane < LANES; lane++) {
		for (int32_t i = whole; i < count; i++)
			outputs[lane] += weights[lane][i] * inputs[i];
		outputs[lane] += weights[lane][count];
	}
}

static void affine_float(const struct network_layer *layer, const void *const *inputs, size_t count, float *sums)
{
	size_t stride = (size_t)NETWORK_ROUND(layer->outputs);

	for (int32_t first = 0; first < layer->outputs; first += LANES)
		for (size_t row = 0; row < count; row++)
			dot_eight(layer->matrices, first, inputs[row], sums + row * stride + first);
}

#define FLOAT_LANES 16

static void lstm_step_float(const struct network_layer *layer, const struct network_lanes *lanes)
{
	size_t inputs = (size_t)layer->inputs, outputs = (size_t)layer->outputs, stride = NETWORK_ROUND(outputs);
	size_t both = NETWORK_ROUND(inputs) + stride;

	/* One vector of both, as the order of additions runs through it. */
	for (size_t lane = 0; lane < lanes->count; lane++) {
		float *row = lanes->scratch + lane * both;

		memcpy(row, lanes->inputs[lane], inputs * sizeof *row);
		if (lanes->previous)
			memcpy(row + inputs, lanes->previous[lane], outputs * sizeof *row);
		else
			memset(row + inputs, 0, outputs * sizeof *row);
	}
	/* A gate's weights for eight cells stay in the first-level cache while some lanes go past them. */
	for (size_t cell = 0; cell < outputs; cell += LANES)
		for (size_t first = 0; first < lanes->count; first += FLOAT_LANES) {
			size_t left = lanes->count - first, count = left < FLOAT_LANES ? left : FLOAT_LANES;
			float sums[FLOAT_LANES][MODEL_GATE_COUNT][LANES];

			for (int gate = 0; gate < MODEL_GATE_COUNT; gate++)
				for (size_t lane = 0; lane < count; lane++)
					dot_eight(&layer->matrices[gate], (int32_t)cell,
						  lanes->scratch + (first + lane) * both, sums[lane][gate]);
			for (size_t lane = 0; lane < count; lane++) {
				float *target = lanes->outputs[first + lane], values[LANES];
				vfloat gates[MODEL_GATE_COUNT];

				for (int gate = 0; gate < MODEL_GATE_COUNT; gate++)
					gates[gate] = v_load(sums[lane][gate]);
				v_store(values,
					step_states(layer->tables, gates,
						    lanes->states + (first + lane) * stride + cell, !lanes->previous));
				memcpy(target + cell, values,
				       (outputs - cell < LANES ? outputs - cell : LANES) * sizeof *values);
			}
		}
}

static void convolve_float(const struct network_layer *layer, const struct network_image *image)
{
	network_convolve(layer, image, false, &network_avx2_float);
}

const struct network_kernels network_avx2_float = { .affine = affine_float,
						    .lstm_step = lstm_step_float,
						    .convolve = convolve_float,
						    .softmax = network_avx2_softmax };

#endif
