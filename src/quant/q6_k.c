/* q6_k.c - superblock of 16 groups of 16 six-bit codes with int8 scales. */
#include "quant/blocks.h"
#include "quant/codes.h"

void hz_explode_q6_k(const void *src, struct hz_codes *out)
{
    struct hz_q6_k b;
    memcpy(&b, src, sizeof b);
    out->d = b.d;
    memcpy(out->scale, b.scales, 16);
    for (int i = 0; i < 256; i++) {
        int low = b.ql[i / 128 * 64 + i % 64] >> (i % 128 / 64 * 4) & 15;
        int high = b.qh[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3;
        out->code[i] = (uint8_t)(low | high << 4);
    }
}
