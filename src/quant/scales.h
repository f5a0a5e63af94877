/* scales.h - the packed scales and mins that Q4_K and Q5_K share; blocks.h says where their bits lie. */
#ifndef HZ_QUANT_SCALES_H
#define HZ_QUANT_SCALES_H

#include <stdint.h>

static inline void hz_scales_6bit(const uint8_t packed[12], int8_t scale[8], int8_t min[8])
{
    for (int g = 0; g < 4; g++) {
        scale[g] = packed[g] & 63;
        min[g] = packed[4 + g] & 63;
        scale[4 + g] = (int8_t)((packed[8 + g] & 15) | packed[g] >> 6 << 4);
        min[4 + g] = (int8_t)(packed[8 + g] >> 4 | packed[4 + g] >> 6 << 4);
    }
}

#endif
