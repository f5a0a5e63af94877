/* q2_k.c - superblock of 16 groups of 16 two-bit codes with four-bit scales and mins. */
#include "quant/blocks.h"
#include "quant/codes.h"

void hz_explode_q2_k(const void *src, struct hz_codes *out)
{
    struct hz_q2_k b;
    memcpy(&b, src, sizeof b);
    out->d = b.d;
    out->m = b.m;
    for (int g = 0; g < 16; g++) {
        out->scale[g] = b.scales[g] & 15;
        out->min[g] = (int8_t)(b.scales[g] >> 4);
    }
    for (int i = 0; i < 256; i++)
        out->code[i] = b.qs[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3;
}
