/* q5_k.c - superblock of 8 groups of 32 five-bit codes with six-bit scales and mins. */
#include "quant/blocks.h"
#include "quant/codes.h"
#include "quant/scales.h"

void hz_explode_q5_k(const void *src, struct hz_codes *out)
{
    struct hz_q5_k b;
    memcpy(&b, src, sizeof b);
    out->d = b.d;
    out->m = b.m;
    hz_scales_6bit(b.scales, out->scale, out->min);
    for (int i = 0; i < 256; i++) {
        int low = b.qs[i / 64 * 32 + i % 32] >> (i % 64 / 32 * 4) & 15, high = b.qh[i % 32] >> (i / 32) & 1;
        out->code[i] = (uint8_t)(low | high << 4);
    }
}
