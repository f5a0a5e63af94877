/* q5_1.c - 32 five-bit codes with an f16 scale and an f16 minimum. */
#include "quant/blocks.h"
#include "quant/codes.h"
#include "quant/half.h"
#include "quant/quantize.h"

#include <float.h>

void hz_explode_q5_1(const void *src, struct hz_codes *out)
{
    struct hz_q5_1 b;
    memcpy(&b, src, sizeof b);
    out->d = b.d;
    out->m = b.m;
    for (int i = 0; i < 32; i++)
        out->code[i] = (uint8_t)((b.qs[i % 16] >> (i / 16 * 4) & 15) | (b.qh[i / 8] >> i % 8 & 1) << 4);
}

void hz_quantize_q5_1(const float *x, void *out, uint64_t k)
{
    for (struct hz_q5_1 b; k; k -= 32, x += 32, out = (uint8_t *)out + sizeof b) {
        float min = FLT_MAX, max = -FLT_MAX;
        for (int i = 0; i < 32; i++) {
            min = x[i] < min ? x[i] : min;
            max = x[i] > max ? x[i] : max;
        }
        float d = (max - min) / 31, inv = d != 0 ? 1 / d : 0;
        memset(&b, 0, sizeof b);
        b.d = hz_f32_f16(d);
        b.m = hz_f32_f16(min);
        for (int i = 0; i < 32; i++) {
            uint8_t q = hz_code((x[i] - min) * inv + 0.5f, 31);
            b.qs[i % 16] |= (uint8_t)((q & 15) << (i / 16 * 4));
            b.qh[i / 8] |= (uint8_t)(q >> 4 << i % 8);
        }
        memcpy(out, &b, sizeof b);
    }
}
