/* panel_x86_tmpl.h - quantizing rows of x with AVX2, for the rungs of x86; see linear_tmpl.h, which declares these. */
#ifndef HZ_KERN_X86_PANEL_X86_H
#define HZ_KERN_X86_PANEL_X86_H

#include "kern/linear_tmpl.h"

INLINE uint32_t top_bits(const float *in, uint32_t n)
{
    const __m256i magnitude = _mm256_set1_epi32(0x7fffffff);
    __m256i top = _mm256_setzero_si256();
    for (uint32_t i = 0; i < n; i += 8)
        top = _mm256_max_epu32(
            top, _mm256_and_si256(magnitude, _mm256_loadu_si256((const __m256i *)(const void *)(in + i))));
    __m128i m = _mm_max_epu32(_mm256_castsi256_si128(top), _mm256_extracti128_si256(top, 1));
    m = _mm_max_epu32(m, _mm_shuffle_epi32(m, 0x4e));
    return (uint32_t)_mm_cvtsi128_si32(_mm_max_epu32(m, _mm_shuffle_epi32(m, 0xb1)));
}

/* The int32 lanes of each half added up. */
INLINE void sum_halves(__m256i v, int32_t *first, int32_t *second)
{
    v = _mm256_add_epi32(v, _mm256_shuffle_epi32(v, 0x4e));
    v = _mm256_add_epi32(v, _mm256_shuffle_epi32(v, 0xb1));
    *first = _mm256_extract_epi32(v, 0);
    *second = _mm256_extract_epi32(v, 4);
}

INLINE void put_codes(const float *in, float inverse, int8_t *q, struct sums sums[2])
{
    const __m256 f = _mm256_set1_ps(inverse);
    __m256i a = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(in), f));
    __m256i b = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(in + 8), f));
    __m256i c = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(in + 16), f));
    __m256i d = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(in + 24), f));
    a = _mm256_packs_epi32(a, b); /* within halves: columns 0-3 8-11 | 4-7 12-15 */
    c = _mm256_packs_epi32(c, d);
    a = _mm256_permutevar8x32_epi32(_mm256_packs_epi16(a, c), _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    _mm256_storeu_si256((__m256i *)(void *)q, a);
    /* Of each quad, columns 0 + 1 and 2 + 3 as int16. */
    __m256i pairs = _mm256_maddubs_epi16(_mm256_set1_epi8(1), a);
    if (!START_HALVES) {
        sum_halves(_mm256_madd_epi16(pairs, _mm256_set1_epi16(1)), &sums[0].all, &sums[1].all);
        sums[0].low = sums[0].high = sums[1].low = sums[1].high = 0;
        return;
    }
    sum_halves(_mm256_madd_epi16(pairs, _mm256_set1_epi32(1)), &sums[0].low, &sums[1].low);
    sum_halves(_mm256_madd_epi16(pairs, _mm256_set1_epi32(1 << 16)), &sums[0].high, &sums[1].high);
    sums[0].all = sums[0].low + sums[0].high;
    sums[1].all = sums[1].low + sums[1].high;
}

#endif
