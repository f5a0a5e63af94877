/* q3_k.c - superblock of 16 groups of 16 three-bit codes with six-bit scales. */
#include "quant/blocks.h"
#include "quant/codes.h"
#include "quant/scales.h"

void hz_explode_q3_k(const void *src, struct hz_codes *out)
{
    struct hz_q3_k b;
    memcpy(&b, src, sizeof b);
    out->d = b.d;
    hz_scales_q3(b.scales, out->scale);
    for (int i = 0; i < 256; i++) {
        int low = b.qs[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3, high = b.hmask[i % 32] >> (i / 32) & 1;
        out->code[i] = (uint8_t)(low | high << 2);
    }
}
