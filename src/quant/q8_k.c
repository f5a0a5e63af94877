/* q8_k.c - 256 signed bytes with one f32 scale; the sums beside them are for kernels of others. */
#include "quant/blocks.h"
#include "quant/codes.h"

void hz_explode_q8_k(const void *src, struct hz_codes *out)
{
    struct hz_q8_k b;
    memcpy(&b, src, sizeof b);
    memcpy(&out->d, &b.d, 4);
    memcpy(out->code, b.qs, 256);
}
