/*
 * The AVX-512 VNNI back end for integer models: the kernels of network_simd.h with vectors of 16 lanes. dpbusd
 * multiplies unsigned by signed bytes and adds four products to each lane without saturating, 64 multiplications an
 * instruction; inputs are made unsigned by adding 128, which what the sums begin with takes off again.
 */
#ifdef __x86_64__

#include <immintrin.h>
#include <stdlib.h>

#include "common/ocr/network_private.h"

#define LANES 16
#define TILE_ROWS 4
#define INPUT_OFFSET 128

typedef __m512i vint;
typedef __m512 vfloat;

struct operand {
	vint offset;
};

static inline __attribute__((always_inline)) struct operand operand_load(const int8_t *inputs)
{
	uint32_t four;

	memcpy(&four, inputs, sizeof four);
	return (struct operand){ _mm512_set1_epi32((int32_t)(four ^ 0x80808080u)) };
}

static inline __attribute__((always_inline)) vint dot(vint sum, vint weights, struct operand operand)
{
	return _mm512_dpbusd_epi32(sum, operand.offset, weights);
}

#define v_load_int(from) _mm512_load_si512((const void *)(from))
#define v_load(from) _mm512_loadu_ps(from)
#define v_store(to, x) _mm512_storeu_ps(to, x)
#define v_all(x) _mm512_set1_ps(x)
#define v_add(x, y) _mm512_add_ps(x, y)
#define v_sub(x, y) _mm512_sub_ps(x, y)
#define v_mul(x, y) _mm512_mul_ps(x, y)
#define v_min(x, y) _mm512_min_ps(x, y)
#define v_max(x, y) _mm512_max_ps(x, y)
#define v_to_float(x) _mm512_cvtepi32_ps(x)
#define v_truncate(x) _mm512_cvttps_epi32(x)
#define v_magnitude(x) _mm512_andnot_ps(_mm512_set1_ps(-0.0f), x)
#define v_with_sign(x, sign) _mm512_or_ps(x, _mm512_and_ps(_mm512_set1_ps(-0.0f), sign))
#define v_if_negative(x, yes, no) _mm512_mask_blend_ps(_mm512_movepi32_mask(_mm512_castps_si512(x)), no, yes)

static inline __attribute__((always_inline)) void v_gather(const struct network_table_entry *table, vint index,
							   vfloat *value, vfloat *gain)
{
	*value = _mm512_i32gather_ps(index, &table->value, sizeof *table);
	*gain = _mm512_i32gather_ps(index, &table->gain, sizeof *table);
}

/* Half away from zero. */
static inline __attribute__((always_inline)) vint v_round(vfloat x)
{
	vint rounded = _mm512_cvttps_epi32(_mm512_add_ps(v_magnitude(x), _mm512_set1_ps(0.5f)));
	__mmask16 negative = _mm512_movepi32_mask(_mm512_castps_si512(x));

	return _mm512_mask_sub_epi32(rounded, negative, _mm512_setzero_si512(), rounded);
}

/* The first `count` lanes as bytes; they are within ±127. */
static inline __attribute__((always_inline)) void v_store_int8(int8_t *to, vint x, size_t count)
{
	_mm512_mask_cvtepi32_storeu_epi8(to, (__mmask16)((1u << count) - 1), x);
}

#include "common/ocr/network_simd.h"

const struct network_kernels network_vnni_integer = { .pack = pack,
						      .affine = affine,
						      .lstm_step = lstm_step,
						      .convolve = network_avx2_convolve,
						      .softmax = network_avx2_softmax };

#endif
