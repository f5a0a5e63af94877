/* quant.c - the formats' table and what is made of it for all. */
#include "quant/codes.h"
#include "quant/half.h"
#include "quant/quantize.h"

const struct hz_format hz_formats[HZ_DTYPES] = {
#define FORMAT(id, name, ...) [HZ_##id] = {__VA_ARGS__, hz_explode_##name},
    HZ_FORMAT_MAP(FORMAT)};

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

#define DEQUANTIZE(id, ...)                                                                                            \
    static void dequantize_##id(const void *src, float *out, uint64_t k)                                               \
    {                                                                                                                  \
        dequantize(HZ_##id, src, out, k);                                                                              \
    }
HZ_FORMAT_MAP(DEQUANTIZE)

hz_dequantize_fn *hz_dequantize_c(enum hz_dtype type)
{
#define ENTRY(id, ...) [HZ_##id] = dequantize_##id,
    static hz_dequantize_fn *const table[HZ_DTYPES] = {[HZ_F32] = hz_dequantize_f32,
                                                       [HZ_F16] = hz_dequantize_f16,
                                                       [HZ_BF16] = hz_dequantize_bf16,
                                                       HZ_FORMAT_MAP(ENTRY)};
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
