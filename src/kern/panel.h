/* panel.h - how rows of x lie in a panel; the same on every rung, so that codes can be compared between them.
 *
 * A block of rows (panel.at_once, the last one shorter) is one piece: a step of columns after the other, each with all
 * rows of the block. So a row alone and among others differs only in the distance between its steps. */
#ifndef HZ_KERN_PANEL_H
#define HZ_KERN_PANEL_H

#include "kern/kern.h"

#include <string.h>

/* A step of I8_32: the codes of 32 columns, [row][32], then a word of each kind per row, [row]. The constants are where
 * the kinds begin, in bytes times rows.
 *
 * A "start" word begins a kernel's integer sum, so that codes counted from `zero` need no other correction: it is -zero
 * * sum(q), as int32; the AVX2 rung, which sums in int16 halves, keeps two of them there: of the columns 0, 1 and of
 * the columns 2, 3 of each four. */
enum {
    HZ_X32_Q = 0,        /* int8 [32] */
    HZ_X32_D = 32,       /* f32: scale */
    HZ_X32_S = 36,       /* f32: scale * sum(q) */
    HZ_X32_START8 = 40,  /* for zero = 8 */
    HZ_X32_START16 = 44, /* for zero = 16 */
    HZ_X32_START128 = 48 /* for zero = 128; int32 on every rung */
};

/* A step of I8_256 is [row] of these. */
struct hz_x256 {
    int8_t q[256];
    int32_t start32[16];         /* of each 16 columns, for zero = 32 */
    int16_t sum16[16], sum32[8]; /* of q over 16 and 32 columns */
    float d;
    int32_t start128; /* of all, for zero = 128, as int32 on every rung */
    int32_t unused[2];
};

_Static_assert(sizeof(struct hz_x256) == 384, "whole cache lines");

/* Columns of a step, and its bytes per row. The dense forms' steps are [row][16 f32] and [row][32 bf16]. */
static inline uint32_t hz_x_columns(enum hz_xform form)
{
    static const uint32_t columns[HZ_XFORMS] = {16, 32, 32, 256};
    return columns[form];
}

static inline size_t hz_x_bytes(enum hz_xform form)
{
    static const size_t bytes[HZ_XFORMS] = {64, 64, 52, sizeof(struct hz_x256)};
    return bytes[form];
}

/* Steps of a row. Dense forms pad k to 32 columns with zeros. */
static inline uint32_t hz_x_steps(enum hz_xform form, uint32_t k)
{
    uint32_t columns = hz_x_columns(form);
    return form == HZ_X_F32 ? (k + 31) / 32 * 2 : (k + columns - 1) / columns;
}

/* Rows of block `block`. */
static inline uint32_t hz_panel_rows(const struct hz_panel *x, uint32_t block)
{
    uint32_t left = x->n - block * x->at_once;
    return left < x->at_once ? left : x->at_once;
}

/* A block of rows, and the rows it has room for: kernels that take 16 at a time find them all, the last ones undefined.
 */
struct hz_x_block {
    uint8_t *at;
    uint32_t rows;
};

static inline struct hz_x_block hz_panel_block(const struct hz_panel *x, uint32_t block)
{
    uint32_t rows = hz_panel_rows(x, block);
    uint8_t *at = x->data + (size_t)block * x->at_once * hz_x_steps(x->form, x->k) * hz_x_bytes(x->form);
    return (struct hz_x_block){at, x->at_once % 16 ? rows : (rows + 15) / 16 * 16};
}

/* Bytes of a panel whose blocks are at_once rows. */
static inline size_t hz_x_panel_bytes(enum hz_xform form, uint32_t k, uint32_t n, uint32_t at_once)
{
    size_t rows = at_once % 16 ? n : ((size_t)n + 15) / 16 * 16;
    return rows * hz_x_steps(form, k) * hz_x_bytes(form);
}

/* Word `kind` of row t in a step of I8_32. */
static inline void *hz_x32_word(uint8_t *step, uint32_t rows, uint32_t t, uint32_t kind)
{
    return step + (size_t)kind * rows + (size_t)4 * t;
}

/* The quantizer's scale, and its inverse, from the largest magnitude's bits: both 0 where the inverse would overflow
 * (all values below 2^-119 count as 0); a NaN scale and no codes where a value is not finite. */
static inline float hz_x_scale(uint32_t top_bits, float *inverse)
{
    float top;
    memcpy(&top, &top_bits, 4);
    *inverse = 0;
    if (top_bits >= 0x7f800000u)
        return top - top; /* NaN */
    if (top_bits < 0x04000000u)
        return 0;
    *inverse = 127 / top;
    return top / 127;
}

#endif
