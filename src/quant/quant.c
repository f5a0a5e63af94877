/* quant.c - the formats' table and what is made of it for all. */
#include "quant/codes.h"
#include "quant/half.h"
#include "quant/quantize.h"

const struct hz_format hz_formats[HZ_DTYPES] = {
    [HZ_Q4_0] = {.block = 32, .bits = 4, .zero = 8, .explode = hz_explode_q4_0},
    [HZ_Q4_1] = {.block = 32, .bits = 4, .mins = true, .explode = hz_explode_q4_1},
    [HZ_Q5_0] = {.block = 32, .bits = 5, .zero = 16, .explode = hz_explode_q5_0},
    [HZ_Q5_1] = {.block = 32, .bits = 5, .mins = true, .explode = hz_explode_q5_1},
    [HZ_Q8_0] = {.block = 32, .bits = 8, .explode = hz_explode_q8_0},
    [HZ_Q2_K] = {.block = 256, .group = 16, .bits = 2, .mins = true, .explode = hz_explode_q2_k},
    [HZ_Q3_K] = {.block = 256, .group = 16, .bits = 3, .zero = 4, .explode = hz_explode_q3_k},
    [HZ_Q4_K] = {.block = 256, .group = 32, .bits = 4, .mins = true, .explode = hz_explode_q4_k},
    [HZ_Q5_K] = {.block = 256, .group = 32, .bits = 5, .mins = true, .explode = hz_explode_q5_k},
    [HZ_Q6_K] = {.block = 256, .group = 16, .bits = 6, .zero = 32, .explode = hz_explode_q6_k},
    [HZ_Q8_K] = {.block = 256, .bits = 8, .d_f32 = true, .explode = hz_explode_q8_k},
};

void hz_codes_values(const struct hz_format *f, const struct hz_codes *c, float *out)
{
    float d = f->d_f32 ? hz_bits_f32(c->d) : hz_f16_f32((uint16_t)c->d);
    float m = f->mins ? hz_f16_f32((uint16_t)c->m) : 0;
    for (uint32_t i = 0; i < f->block; i++) {
        int32_t q = f->bits == 8 ? (int8_t)c->code[i] : c->code[i] - f->zero;
        if (!f->group) {
            out[i] = f->mins ? (float)q * d + m : (float)q * d;
            continue;
        }
        float s = d * (float)c->scale[i / f->group];
        out[i] = f->mins ? s * (float)q - m * (float)c->min[i / f->group] : s * (float)q;
    }
}

static void dequantize(enum hz_dtype type, const void *src, float *out, uint64_t k)
{
    const struct hz_format *f = &hz_formats[type];
    const uint8_t *p = src;
    struct hz_codes codes;
    for (uint64_t i = 0; i < k; i += f->block, p += hz_dtype_info(type)->bytes) {
        f->explode(p, &codes);
        hz_codes_values(f, &codes, out + i);
    }
}

#define BLOCK_FORMATS(X) X(Q4_0) X(Q4_1) X(Q5_0) X(Q5_1) X(Q8_0) X(Q2_K) X(Q3_K) X(Q4_K) X(Q5_K) X(Q6_K) X(Q8_K)

#define DEQUANTIZE(id)                                                                                                 \
    static void dequantize_##id(const void *src, float *out, uint64_t k)                                               \
    {                                                                                                                  \
        dequantize(HZ_##id, src, out, k);                                                                              \
    }
BLOCK_FORMATS(DEQUANTIZE)

hz_dequantize_fn *hz_dequantize_c(enum hz_dtype type)
{
#define ENTRY(id) [HZ_##id] = dequantize_##id,
    static hz_dequantize_fn *const table[HZ_DTYPES] = {[HZ_F32] = hz_dequantize_f32,
                                                       [HZ_F16] = hz_dequantize_f16,
                                                       [HZ_BF16] = hz_dequantize_bf16,
                                                       BLOCK_FORMATS(ENTRY)};
    return table[type];
}

hz_quantize_fn *hz_quantize_c(enum hz_dtype type)
{
    static hz_quantize_fn *const table[HZ_DTYPES] = {
        [HZ_F32] = hz_quantize_f32,   [HZ_F16] = hz_quantize_f16,   [HZ_BF16] = hz_quantize_bf16,
        [HZ_Q4_0] = hz_quantize_q4_0, [HZ_Q4_1] = hz_quantize_q4_1, [HZ_Q5_0] = hz_quantize_q5_0,
        [HZ_Q5_1] = hz_quantize_q5_1, [HZ_Q8_0] = hz_quantize_q8_0,
    };
    return table[type];
}
