/* q8_0.c - 32 signed bytes with one f16 scale. */
#include "quant/blocks.h"
#include "quant/codes.h"
#include "quant/half.h"
#include "quant/quantize.h"

#include <math.h>

void hz_explode_q8_0(const void *src, struct hz_codes *out)
{
    struct hz_q8_0 b;
    memcpy(&b, src, sizeof b);
    out->d = b.d;
    memcpy(out->code, b.qs, 32);
}

void hz_quantize_q8_0(const float *x, void *out, uint64_t k)
{
    for (struct hz_q8_0 b; k; k -= 32, x += 32, out = (uint8_t *)out + sizeof b) {
        float top = 0;
        for (int i = 0; i < 32; i++)
            top = fabsf(x[i]) > top ? fabsf(x[i]) : top;
        float d = top / 127, inv = d != 0 ? 1 / d : 0;
        b.d = hz_f32_f16(d);
        for (int i = 0; i < 32; i++) {
            float v = roundf(x[i] * inv); /* halves away from zero, as ggml's reference has it */
            b.qs[i] = (int8_t)(v > 127 ? 127 : v > -128 ? v : v == v ? -128 : 0);
        }
        memcpy(out, &b, sizeof b);
    }
}
