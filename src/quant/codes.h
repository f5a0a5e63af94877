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

/* value = s * (code - zero) or, with mins, s * code + m; where scales are coded s = d * scale[i / group], m = -min *
 * mins[i / group]. */
struct hz_format {
    uint32_t block; /* columns: 32 or 256; 0: not a block format */
    uint32_t group; /* columns of a coded scale; 0: the scale is d itself */
    uint32_t bits;  /* of a code; 8-bit codes are signed */
    int32_t zero;
    bool mins;
    bool d_f32;                                             /* d is f32, else f16 */
    void (*explode)(const void *src, struct hz_codes *out); /* one block at any alignment */
};

extern const struct hz_format hz_formats[HZ_DTYPES];

/* The values of one block, in the very order of operations of ggml's dequantize_row_*. */
void hz_codes_values(const struct hz_format *format, const struct hz_codes *codes, float *out);

/* Of the formats' files. */
#define HZ_EXPLODE(name) void hz_explode_##name(const void *src, struct hz_codes *out)
HZ_EXPLODE(q4_0);
HZ_EXPLODE(q4_1);
HZ_EXPLODE(q5_0);
HZ_EXPLODE(q5_1);
HZ_EXPLODE(q8_0);
HZ_EXPLODE(q2_k);
HZ_EXPLODE(q3_k);
HZ_EXPLODE(q4_k);
HZ_EXPLODE(q5_k);
HZ_EXPLODE(q6_k);
HZ_EXPLODE(q8_k);

#endif
