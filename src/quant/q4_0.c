/* q4_0.c - 32 four-bit codes around zero with one f16 scale. */
#include "quant/blocks.h"
#include "quant/codes.h"
#include "quant/half.h"
#include "quant/quantize.h"

#include <math.h>

void hz_explode_q4_0(const void *src, struct hz_codes *out)
{
    struct hz_q4_0 b;
    memcpy(&b, src, sizeof b);
    out->d = b.d;
    for (int i = 0; i < 16; i++) {
        out->code[i] = b.qs[i] & 15;
        out->code[16 + i] = b.qs[i] >> 4;
    }
}

/* The value of largest magnitude gets code 0, so that it is met exactly whatever its sign. */
void hz_quantize_q4_0(const float *x, void *out, uint64_t k)
{
    for (struct hz_q4_0 b; k; k -= 32, x += 32, out = (uint8_t *)out + sizeof b) {
        float top = 0;
        for (int i = 0; i < 32; i++)
            if (fabsf(x[i]) > fabsf(top))
                top = x[i];
        float d = top / -8, inv = d != 0 ? 1 / d : 0;
        b.d = hz_f32_f16(d);
        for (int i = 0; i < 16; i++)
            b.qs[i] = (uint8_t)(hz_code(x[i] * inv + 8.5f, 15) | hz_code(x[16 + i] * inv + 8.5f, 15) << 4);
        memcpy(out, &b, sizeof b);
    }
}
