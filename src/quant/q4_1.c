/* q4_1.c - 32 four-bit codes with an f16 scale and an f16 minimum. */
#include "quant/blocks.h"
#include "quant/codes.h"
#include "quant/half.h"
#include "quant/quantize.h"

#include <float.h>

void hz_explode_q4_1(const void *src, struct hz_codes *out)
{
    struct hz_q4_1 b;
    memcpy(&b, src, sizeof b);
    out->d = b.d;
    out->m = b.m;
    for (int i = 0; i < 16; i++) {
        out->code[i] = b.qs[i] & 15;
        out->code[16 + i] = b.qs[i] >> 4;
    }
}

void hz_quantize_q4_1(const float *x, void *out, uint64_t k)
{
    for (struct hz_q4_1 b; k; k -= 32, x += 32, out = (uint8_t *)out + sizeof b) {
        float min = FLT_MAX, max = -FLT_MAX;
        for (int i = 0; i < 32; i++) {
            min = x[i] < min ? x[i] : min;
            max = x[i] > max ? x[i] : max;
        }
        float d = (max - min) / 15, inv = d != 0 ? 1 / d : 0;
        b.d = hz_f32_f16(d);
        b.m = hz_f32_f16(min);
        for (int i = 0; i < 16; i++)
            b.qs[i] =
                (uint8_t)(hz_code((x[i] - min) * inv + 0.5f, 15) | hz_code((x[16 + i] - min) * inv + 0.5f, 15) << 4);
        memcpy(out, &b, sizeof b);
    }
}
