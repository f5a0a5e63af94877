/* half.h - f16 and bf16 to f32 and back, round to nearest even, as IEEE 754 says; plain C, the reference for all. */
#ifndef HZ_QUANT_HALF_H
#define HZ_QUANT_HALF_H

#include <stdint.h>
#include <string.h>

static inline float hz_bits_f32(uint32_t u)
{
    float f;
    memcpy(&f, &u, 4);
    return f;
}

static inline uint32_t hz_f32_bits(float f)
{
    uint32_t u;
    memcpy(&u, &f, 4);
    return u;
}

static inline float hz_bf16_f32(uint16_t h)
{
    return hz_bits_f32((uint32_t)h << 16);
}

static inline uint16_t hz_f32_bf16(float f)
{
    uint32_t u = hz_f32_bits(f);
    if ((u & 0x7fffffffu) > 0x7f800000u) /* NaN stays NaN */
        return (uint16_t)(u >> 16 | 64);
    return (uint16_t)((u + 0x7fffu + (u >> 16 & 1)) >> 16);
}

static inline float hz_f16_f32(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000u) << 16, exp = h >> 10 & 31, man = h & 0x3ffu;
    if (exp == 31)
        return hz_bits_f32(sign | 0x7f800000u | man << 13);
    if (exp)
        return hz_bits_f32(sign | (exp + 112) << 23 | man << 13);
    float sub = (float)man * 0x1p-24f; /* zero and subnormals: exact */
    return sign ? -sub : sub;
}

static inline uint16_t hz_f32_f16(float f)
{
    uint32_t u = hz_f32_bits(f), sign = u >> 16 & 0x8000u, a = u & 0x7fffffffu;
    if (a > 0x7f800000u)
        return (uint16_t)(sign | 0x7e00u | (a >> 13 & 0x3ffu));
    if (a >= 0x477ff000u) /* 65520 and above round to infinity */
        return (uint16_t)(sign | 0x7c00u);
    if (a < 0x38800000u) { /* below 2^-14: a multiple of 2^-24; adding 0.5 rounds to nearest even */
        float r = hz_bits_f32(a) + 0.5f;
        return (uint16_t)(sign | (hz_f32_bits(r) - 0x3f000000u));
    }
    uint32_t r = a + 0xfffu + (a >> 13 & 1);
    return (uint16_t)(sign | (r - 0x38000000u) >> 13);
}

#endif
