/* q3_k.c - superblock of 16 groups of 16 three-bit codes with six-bit scales. */
#include "quant/blocks.h"
#include "quant/codes.h"

void hz_explode_q3_k(const void *src, struct hz_codes *out)
{
    struct hz_q3_k b;
    memcpy(&b, src, sizeof b);
    out->d = b.d;
    for (int g = 0; g < 16;
         g++) { /* four low bits in bytes 0..7 (groups 8.. above 0..), two high ones in bytes 8..11 */
        int low = b.scales[g % 8] >> (g / 8 * 4) & 15, high = b.scales[8 + g % 4] >> (g / 4 * 2) & 3;
        out->scale[g] = (int8_t)((low | high << 4) - 32);
    }
    for (int i = 0; i < 256; i++) {
        int low = b.qs[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3, high = b.hmask[i % 32] >> (i / 32) & 1;
        out->code[i] = (uint8_t)(low | high << 2);
    }
}
