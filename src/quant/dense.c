/* dense.c - f32, f16 and bf16 rows at any alignment. */
#include "quant/half.h"
#include "quant/quantize.h"

void hz_dequantize_f32(const void *src, float *out, uint64_t k)
{
    memcpy(out, src, k * 4);
}

void hz_quantize_f32(const float *x, void *out, uint64_t k)
{
    memcpy(out, x, k * 4);
}

static inline uint16_t half_at(const void *src, uint64_t i)
{
    uint16_t h;
    memcpy(&h, (const uint8_t *)src + 2 * i, 2);
    return h;
}

void hz_dequantize_f16(const void *src, float *out, uint64_t k)
{
    for (uint64_t i = 0; i < k; i++)
        out[i] = hz_f16_f32(half_at(src, i));
}

void hz_dequantize_bf16(const void *src, float *out, uint64_t k)
{
    for (uint64_t i = 0; i < k; i++)
        out[i] = hz_bf16_f32(half_at(src, i));
}

void hz_quantize_f16(const float *x, void *out, uint64_t k)
{
    for (uint64_t i = 0; i < k; i++) {
        uint16_t h = hz_f32_f16(x[i]);
        memcpy((uint8_t *)out + 2 * i, &h, 2);
    }
}

void hz_quantize_bf16(const float *x, void *out, uint64_t k)
{
    for (uint64_t i = 0; i < k; i++) {
        uint16_t h = hz_f32_bf16(x[i]);
        memcpy((uint8_t *)out + 2 * i, &h, 2);
    }
}
