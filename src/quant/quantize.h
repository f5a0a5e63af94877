/* quantize.h - the quantizers of the formats' files, and the dense types' decoders; see quant.h for their contract. */
#ifndef HZ_QUANT_QUANTIZE_H
#define HZ_QUANT_QUANTIZE_H

#include "quant/quant.h"

hz_dequantize_fn hz_dequantize_f32, hz_dequantize_f16, hz_dequantize_bf16;
hz_quantize_fn hz_quantize_f32, hz_quantize_f16, hz_quantize_bf16;
hz_quantize_fn hz_quantize_q4_0, hz_quantize_q4_1, hz_quantize_q5_0, hz_quantize_q5_1, hz_quantize_q8_0;

/* A code from a value that should lie in 0 .. top + 1: cut to an integer, and into 0 .. top; NaN gives 0. */
static inline uint8_t hz_code(float v, uint8_t top)
{
    if (!(v > 0))
        return 0;
    return v < (float)top ? (uint8_t)v : top;
}

#endif
