/* scales.h - six-bit scales out of the bytes they are packed in; blocks.h says where their bits lie. */
#ifndef HZ_QUANT_SCALES_H
#define HZ_QUANT_SCALES_H

#include <stdint.h>

/* Of Q4_K and Q5_K. */
static inline void hz_scales_6bit(const uint8_t packed[12], int8_t scale[8], int8_t min[8])
{
    for (int g = 0; g < 4; g++) {
        scale[g] = packed[g] & 63;
        min[g] = packed[4 + g] & 63;
        scale[4 + g] = (int8_t)((packed[8 + g] & 15) | packed[g] >> 6 << 4);
        min[4 + g] = (int8_t)(packed[8 + g] >> 4 | packed[4 + g] >> 6 << 4);
    }
}

/* Of Q3_K: four low bits in bytes 0..7 (groups 8 .. 15 above 0 .. 7), two high ones in bytes 8..11. */
static inline void hz_scales_q3(const uint8_t packed[12], int8_t scale[16])
{
    for (int g = 0; g < 16; g++) {
        int low = packed[g % 8] >> (g / 8 * 4) & 15, high = packed[8 + g % 4] >> (g / 4 * 2) & 3;
        scale[g] = (int8_t)((low | high << 4) - 32);
    }
}

#endif
