/* codes.h - a block taken apart into codes, scales and mins: the one decoder of each format, from which dequantizing,
 * packing for the CPU and the checks of every kernel are made. Also the formats' shape as numbers. */
#ifndef HZ_QUANT_CODES_H
#define HZ_QUANT_CODES_H

#include "quant/quant.h"

#include <string.h>

struct hz_codes {
    uint8_t code[256];
    int8_t scale[16], min[16]; /* per group */
    uint32_t d, m;             /* bits as published, of f16 (f32 if d_f32) */
};

/* value = s * (code - zero) or, with mins, s * code + m; where scales are coded s = d * scale[i / group], m = -m *
 * min[i / group]. */
struct hz_format {
    uint32_t block; /* columns: 32 or 256; 0: not a block format */
    uint32_t group; /* columns of a coded scale; 0: the scale is d itself */
    uint32_t bits;  /* of a code; 8-bit codes are signed */
    int32_t zero;
    bool mins;
    bool d_f32;                                             /* d is f32, else f16 */
    void (*explode)(const void *src, struct hz_codes *out); /* one block at any alignment */
};

/* id, name, block, group, bits, zero, mins, d_f32 */
#define HZ_FORMAT_MAP(X)                                                                                               \
    X(Q4_0, q4_0, 32, 0, 4, 8, false, false)                                                                           \
    X(Q4_1, q4_1, 32, 0, 4, 0, true, false)                                                                            \
    X(Q5_0, q5_0, 32, 0, 5, 16, false, false)                                                                          \
    X(Q5_1, q5_1, 32, 0, 5, 0, true, false)                                                                            \
    X(Q8_0, q8_0, 32, 0, 8, 0, false, false)                                                                           \
    X(Q2_K, q2_k, 256, 16, 2, 0, true, false)                                                                          \
    X(Q3_K, q3_k, 256, 16, 3, 4, false, false)                                                                         \
    X(Q4_K, q4_k, 256, 32, 4, 0, true, false)                                                                          \
    X(Q5_K, q5_k, 256, 32, 5, 0, true, false)                                                                          \
    X(Q6_K, q6_k, 256, 16, 6, 32, false, false)                                                                        \
    X(Q8_K, q8_k, 256, 0, 8, 0, false, true)

extern const struct hz_format hz_formats[HZ_DTYPES];

/* The values of one block, in the very order of operations of ggml's dequantize_row_*. */
void hz_codes_values(const struct hz_format *format, const struct hz_codes *codes, float *out);

/* Of the formats' files. */
#define HZ_EXPLODE(id, name, ...) void hz_explode_##name(const void *src, struct hz_codes *out);
HZ_FORMAT_MAP(HZ_EXPLODE)
#undef HZ_EXPLODE

#endif
