/* intrin.h - x86 intrinsics: the compiler's, or (for checks on machines that lack them) SIMDe's emulation of AVX-512 on
 * AVX2, with the few that SIMDe has not. */
#ifndef HZ_KERN_X86_INTRIN_H
#define HZ_KERN_X86_INTRIN_H

#ifdef SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx2.h>
#include <simde/x86/avx512.h>
#include <simde/x86/f16c.h>
#include <simde/x86/fma.h>
#include <stdbool.h>
#include <string.h>

static inline simde__m512 hz_emulated_cvtph(simde__m256i h)
{
    simde__m256 low = simde_mm256_cvtph_ps(simde_mm256_castsi256_si128(h));
    simde__m256 high = simde_mm256_cvtph_ps(simde_mm256_extracti128_si256(h, 1));
    simde__m512 out;
    memcpy(&out, &low, 32);
    memcpy((char *)&out + 32, &high, 32);
    return out;
}

static inline simde__m512 hz_emulated_cvtepi32(simde__m512i v)
{
    int32_t in[16];
    float out[16];
    simde_mm512_storeu_si512(in, v);
    for (int i = 0; i < 16; i++)
        out[i] = (float)in[i];
    return simde_mm512_loadu_ps(out);
}

static inline simde__m512i hz_emulated_cvtepu8(simde__m256i v)
{
    uint8_t in[32];
    uint16_t out[32];
    simde_mm256_storeu_si256((simde__m256i *)(void *)in, v);
    for (int i = 0; i < 32; i++)
        out[i] = in[i];
    return simde_mm512_loadu_si512(out);
}

static inline simde__m512i hz_emulated_srai(simde__m512i v, int n)
{
    int32_t in[16];
    simde_mm512_storeu_si512(in, v);
    for (int i = 0; i < 16; i++)
        in[i] >>= n;
    return simde_mm512_loadu_si512(in);
}

static inline simde__m512 hz_emulated_maskload(simde__m512 fill, simde__mmask16 mask, const float *p)
{
    float out[16];
    simde_mm512_storeu_ps(out, fill);
    for (int i = 0; i < 16; i++)
        out[i] = mask >> i & 1 ? p[i] : out[i];
    return simde_mm512_loadu_ps(out);
}

static inline void hz_emulated_maskstore(float *p, simde__mmask16 mask, simde__m512 v)
{
    float in[16];
    simde_mm512_storeu_ps(in, v);
    for (int i = 0; i < 16; i++)
        if (mask >> i & 1)
            p[i] = in[i];
}

static inline simde__m256i hz_emulated_maskload16(simde__mmask16 mask, const uint16_t *p)
{
    uint16_t out[16];
    for (int i = 0; i < 16; i++)
        out[i] = mask >> i & 1 ? p[i] : 0;
    return simde_mm256_loadu_si256((const simde__m256i *)(const void *)out);
}

static inline simde__m256i hz_emulated_cvtps_ph(simde__m512 v)
{
    float in[16];
    simde_mm512_storeu_ps(in, v);
    return simde_mm256_set_m128i(simde_mm256_cvtps_ph(simde_mm256_loadu_ps(in + 8), 0),
                                 simde_mm256_cvtps_ph(simde_mm256_loadu_ps(in), 0));
}

static inline float hz_emulated_reduce(simde__m512 v, bool sum) /* in the order of the instructions */
{
    float in[16];
    simde_mm512_storeu_ps(in, v);
    for (int half = 8; half; half /= 2)
        for (int i = 0; i < half; i++)
            in[i] = sum ? in[i] + in[i + half] : in[i] > in[i + half] ? in[i] : in[i + half];
    return in[0];
}

#define _mm512_mask_loadu_ps         hz_emulated_maskload
#define _mm512_mask_storeu_ps        hz_emulated_maskstore
#define _mm256_maskz_loadu_epi16     hz_emulated_maskload16
#define _mm512_cvtps_ph(v, rounding) hz_emulated_cvtps_ph(v)
#define _mm512_reduce_add_ps(v)      hz_emulated_reduce(v, true)
#define _mm512_reduce_max_ps(v)      hz_emulated_reduce(v, false)
#define _mm512_cvtss_f32(v)          simde_mm_cvtss_f32(simde_mm512_castps512_ps128(v))
#undef _mm512_srai_epi32
#define _mm512_srai_epi32 hz_emulated_srai
#undef _mm512_cvtph_ps
#undef _mm512_cvtepi32_ps
#undef _mm512_cvtepu8_epi16
#define _mm512_cvtph_ps      hz_emulated_cvtph
#define _mm512_cvtepi32_ps   hz_emulated_cvtepi32
#define _mm512_cvtepu8_epi16 hz_emulated_cvtepu8
#else
#include <immintrin.h>
#endif

#endif
