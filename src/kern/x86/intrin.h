/* intrin.h - x86 intrinsics: the compiler's, or (for checks on machines that lack them) SIMDe's emulation of AVX-512 on
 * AVX2, with the few that SIMDe has not. */
#ifndef HZ_KERN_X86_INTRIN_H
#define HZ_KERN_X86_INTRIN_H

#ifdef SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx2.h>
#include <simde/x86/avx512.h>
#include <simde/x86/f16c.h>
#include <simde/x86/fma.h>
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
