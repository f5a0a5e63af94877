/* q5_0.c - 32 five-bit codes around zero with one f16 scale. */
#include "quant/blocks.h"
#include "quant/codes.h"
#include "quant/half.h"
#include "quant/quantize.h"

#include <math.h>

void hz_explode_q5_0(const void *src, struct hz_codes *out)
{
    struct hz_q5_0 b;
    memcpy(&b, src, sizeof b);
    out->d = b.d;
    for (int i = 0; i < 32; i++)
        out->code[i] = (uint8_t)((b.qs[i % 16] >> (i / 16 * 4) & 15) | (b.qh[i / 8] >> i % 8 & 1) << 4);
}

/* As Q4_0: the value of largest magnitude gets code 0. */
void hz_quantize_q5_0(const float *x, void *out, uint64_t k)
{
    for (struct hz_q5_0 b; k; k -= 32, x += 32, out = (uint8_t *)out + sizeof b) {
        float top = 0;
        for (int i = 0; i < 32; i++)
            if (fabsf(x[i]) > fabsf(top))
                top = x[i];
        float d = top / -16, inv = d != 0 ? 1 / d : 0;
        memset(&b, 0, sizeof b);
        b.d = hz_f32_f16(d);
        for (int i = 0; i < 32; i++) {
            uint8_t q = hz_code(x[i] * inv + 16.5f, 31);
            b.qs[i % 16] |= (uint8_t)((q & 15) << (i / 16 * 4));
            b.qh[i / 8] |= (uint8_t)(q >> 4 << i % 8);
        }
        memcpy(out, &b, sizeof b);
    }
}
