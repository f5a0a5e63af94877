/* vec.h - the vectors of the row and attention kernels on x86: one vocabulary for AVX2 (with FMA, F16C; 8 lanes) and
 * AVX-512 (F, BW, DQ, VL; 16 lanes), chosen by what the including file is compiled for. arm/vec.h is its sibling.
 *
 * VW lanes of f32 in a vf. A multiplication and addition is fused only where v_fma says so. v_max(a, b) is a > b ? a :
 * b in every lane and v_min likewise, so a NaN in either gives b. A vector of less than VW lanes in memory is read with
 * v_loadn and written with v_storen, 1 to VW - 1 lanes; nothing behind them is touched. */
#ifndef HZ_KERN_X86_VEC_H
#define HZ_KERN_X86_VEC_H

#include "kern/x86/intrin.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define V_INLINE static inline __attribute__((always_inline))
#if defined(__clang__)
#define V_UNROLL _Pragma("unroll")
#else
#define V_UNROLL _Pragma("GCC unroll 16")
#endif

#if defined(__AVX512F__) || defined(SIMDE_ENABLE_NATIVE_ALIASES)

#define V_NAME(kernel) kernel##_avx512
typedef __m512 vf;
typedef __mmask16 vmask;
enum { VW = 16 };
/* Attention keeps the sums of this many rows by this many vectors in registers. */
#ifndef SIMDE_ENABLE_NATIVE_ALIASES
#define ATTEND_ROWS 12 /* 24 sums, two vectors, a broadcast value: 27 of 32; 8 rows are up to 5 % slower */
#else
#define ATTEND_ROWS 3 /* emulated instructions take minutes to compile */
#endif
#define ATTEND_COLS 2

V_INLINE vmask v_lanes(uint32_t n) /* the first n */
{
    return (vmask)((1u << n) - 1);
}
V_INLINE vf v_set(float x)
{
    return _mm512_set1_ps(x);
}
V_INLINE vf v_iota(void) /* 0, 1, 2, ... */
{
    return _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}
V_INLINE vf v_load(const float *p)
{
    return _mm512_loadu_ps(p);
}
V_INLINE vf v_loadn(const float *p, uint32_t n, float fill)
{
    return _mm512_mask_loadu_ps(v_set(fill), v_lanes(n), p);
}
V_INLINE void v_store(float *p, vf x)
{
    _mm512_storeu_ps(p, x);
}
V_INLINE void v_storen(float *p, uint32_t n, vf x)
{
    _mm512_mask_storeu_ps(p, v_lanes(n), x);
}
V_INLINE vf v_load_f16(const uint16_t *p)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
}
V_INLINE vf v_loadn_f16(const uint16_t *p, uint32_t n)
{
    return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(v_lanes(n), p));
}
V_INLINE void v_store_f16(uint16_t *p, vf x)
{
    _mm256_storeu_si256((__m256i *)p, _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
V_INLINE vf v_add(vf a, vf b)
{
    return _mm512_add_ps(a, b);
}
V_INLINE vf v_sub(vf a, vf b)
{
    return _mm512_sub_ps(a, b);
}
V_INLINE vf v_mul(vf a, vf b)
{
    return _mm512_mul_ps(a, b);
}
V_INLINE vf v_div(vf a, vf b)
{
    return _mm512_div_ps(a, b);
}
V_INLINE vf v_fma(vf a, vf b, vf c) /* a * b + c */
{
    return _mm512_fmadd_ps(a, b, c);
}
V_INLINE vf v_nfma(vf a, vf b, vf c) /* c - a * b */
{
    return _mm512_fnmadd_ps(a, b, c);
}
V_INLINE vf v_min(vf a, vf b)
{
    return _mm512_min_ps(a, b);
}
V_INLINE vf v_max(vf a, vf b)
{
    return _mm512_max_ps(a, b);
}
V_INLINE vmask v_lt(vf a, vf b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ);
}
V_INLINE bool v_any(vmask mask)
{
    return mask != 0;
}
V_INLINE vf v_pick(vmask mask, vf yes, vf no)
{
    return _mm512_mask_blend_ps(mask, no, yes);
}
V_INLINE vf v_shift23(vf x) /* the bits of x moved up by 23, into the exponent */
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_castps_si512(x), 23));
}
V_INLINE vf v_abs(vf x)
{
    return _mm512_abs_ps(x);
}
V_INLINE vf v_copysign(vf magnitude, vf sign)
{
    __m512i top = _mm512_set1_epi32(INT32_MIN), s = _mm512_castps_si512(sign), m = _mm512_castps_si512(magnitude);
    return _mm512_castsi512_ps(_mm512_ternarylogic_epi32(top, s, m, 0xca)); /* top ? s : m, bit by bit */
}
V_INLINE float v_first(vf x)
{
    return _mm512_cvtss_f32(x);
}
V_INLINE float v_sum(vf x)
{
    return _mm512_reduce_add_ps(x);
}
V_INLINE float v_top(vf x) /* the largest lane; no NaN among them */
{
    return _mm512_reduce_max_ps(x);
}
/* 2 VW floats as their even and odd ones, and back. */
V_INLINE void v_load2(const float *p, vf *even, vf *odd)
{
    __m512i at = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    vf a = v_load(p), b = v_load(p + VW);
    *even = _mm512_permutex2var_ps(a, at, b);
    *odd = _mm512_permutex2var_ps(a, _mm512_add_epi32(at, _mm512_set1_epi32(1)), b);
}
V_INLINE void v_store2(float *p, vf even, vf odd)
{
    __m512i at = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    v_store(p, _mm512_permutex2var_ps(even, at, odd));
    v_store(p + VW, _mm512_permutex2var_ps(even, _mm512_add_epi32(at, _mm512_set1_epi32(8)), odd));
}

#else /* AVX2 */

#define V_NAME(kernel) kernel##_avx2
typedef __m256 vf;
typedef __m256 vmask;
enum { VW = 8 };
#define ATTEND_ROWS    6 /* 12 sums, two vectors, a broadcast value: 15 of 16 registers */
#define ATTEND_COLS    2

V_INLINE vf v_set(float x)
{
    return _mm256_set1_ps(x);
}
V_INLINE vf v_iota(void)
{
    return _mm256_setr_ps(0, 1, 2, 3, 4, 5, 6, 7);
}
V_INLINE __m256i v_lanes(uint32_t n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
V_INLINE vf v_load(const float *p)
{
    return _mm256_loadu_ps(p);
}
V_INLINE vf v_loadn(const float *p, uint32_t n, float fill)
{
    __m256i lanes = v_lanes(n);
    return _mm256_blendv_ps(v_set(fill), _mm256_maskload_ps(p, lanes), _mm256_castsi256_ps(lanes));
}
V_INLINE void v_store(float *p, vf x)
{
    _mm256_storeu_ps(p, x);
}
V_INLINE void v_storen(float *p, uint32_t n, vf x)
{
    _mm256_maskstore_ps(p, v_lanes(n), x);
}
V_INLINE vf v_load_f16(const uint16_t *p)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p));
}
V_INLINE vf v_loadn_f16(const uint16_t *p, uint32_t n)
{
    uint16_t all[VW] = {0};
    memcpy(all, p, n * sizeof *p);
    return v_load_f16(all);
}
V_INLINE void v_store_f16(uint16_t *p, vf x)
{
    _mm_storeu_si128((__m128i *)p, _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
V_INLINE vf v_add(vf a, vf b)
{
    return _mm256_add_ps(a, b);
}
V_INLINE vf v_sub(vf a, vf b)
{
    return _mm256_sub_ps(a, b);
}
V_INLINE vf v_mul(vf a, vf b)
{
    return _mm256_mul_ps(a, b);
}
V_INLINE vf v_div(vf a, vf b)
{
    return _mm256_div_ps(a, b);
}
V_INLINE vf v_fma(vf a, vf b, vf c)
{
    return _mm256_fmadd_ps(a, b, c);
}
V_INLINE vf v_nfma(vf a, vf b, vf c)
{
    return _mm256_fnmadd_ps(a, b, c);
}
V_INLINE vf v_min(vf a, vf b)
{
    return _mm256_min_ps(a, b);
}
V_INLINE vf v_max(vf a, vf b)
{
    return _mm256_max_ps(a, b);
}
V_INLINE vmask v_lt(vf a, vf b)
{
    return _mm256_cmp_ps(a, b, _CMP_LT_OQ);
}
V_INLINE bool v_any(vmask mask)
{
    return _mm256_movemask_ps(mask) != 0;
}
V_INLINE vf v_pick(vmask mask, vf yes, vf no)
{
    return _mm256_blendv_ps(no, yes, mask);
}
V_INLINE vf v_shift23(vf x)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(x), 23));
}
V_INLINE vf v_abs(vf x)
{
    return _mm256_andnot_ps(v_set(-0.0f), x);
}
V_INLINE vf v_copysign(vf magnitude, vf sign)
{
    return _mm256_or_ps(v_abs(magnitude), _mm256_and_ps(v_set(-0.0f), sign));
}
V_INLINE float v_first(vf x)
{
    return _mm256_cvtss_f32(x);
}
V_INLINE float v_sum(vf x)
{
    __m128 y = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    y = _mm_add_ps(y, _mm_movehl_ps(y, y));
    return _mm_cvtss_f32(_mm_add_ss(y, _mm_movehdup_ps(y)));
}
V_INLINE float v_top(vf x)
{
    __m128 y = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    y = _mm_max_ps(y, _mm_movehl_ps(y, y));
    return _mm_cvtss_f32(_mm_max_ss(y, _mm_movehdup_ps(y)));
}
V_INLINE void v_load2(const float *p, vf *even, vf *odd)
{
    vf a = v_load(p), b = v_load(p + VW);
    vf low = _mm256_permute2f128_ps(a, b, 0x20), high = _mm256_permute2f128_ps(a, b, 0x31);
    *even = _mm256_shuffle_ps(low, high, 0x88);
    *odd = _mm256_shuffle_ps(low, high, 0xdd);
}
V_INLINE void v_store2(float *p, vf even, vf odd)
{
    vf low = _mm256_unpacklo_ps(even, odd), high = _mm256_unpackhi_ps(even, odd);
    v_store(p, _mm256_permute2f128_ps(low, high, 0x20));
    v_store(p + VW, _mm256_permute2f128_ps(low, high, 0x31));
}

#endif

#endif
