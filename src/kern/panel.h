/* panel.h - how rows of x lie in a panel; the same on every rung, so that codes can be compared between them.
 *
 * A block of rows (panel.at_once, the last one shorter) is one piece: for each step of columns, each row's 64 bytes (or
 * struct) of it. A row among others and alone differ only in the distance between its steps. */
#ifndef HZ_KERN_PANEL_H
#define HZ_KERN_PANEL_H

#include "kern/kern.h"

#include <string.h>

/* 32 columns as int8. "start" words begin a kernel's integer sum, so that codes counted from `zero` need no other
 * correction: -zero * sum(q), as int32; the AVX2 rung, which sums in int16 halves, keeps two of them there: of the
 * columns 0, 1 and of the columns 2, 3 of each four. */
struct hz_x32 {
    int8_t q[32];
    float d, s;                        /* scale; scale * sum(q) */
    int32_t start8, start16, start128; /* for zero = 8, 16, 128 */
    int32_t unused[3];
};

/* 256 columns as int8. */
struct hz_x256 {
    int8_t q[256];
    int32_t start32[16];         /* of each 16 columns, for zero = 32 */
    int16_t sum16[16], sum32[8]; /* of q over 16 and 32 columns */
    float d;
    int32_t start128; /* of all, for zero = 128, as int32 on every rung */
    int32_t unused[2];
};

_Static_assert(sizeof(struct hz_x32) == 64 && sizeof(struct hz_x256) == 384, "whole cache lines");

/* Columns of a step, and its bytes. */
static inline uint32_t hz_x_columns(enum hz_xform form)
{
    static const uint32_t columns[HZ_XFORMS] = {16, 32, 32, 256};
    return columns[form];
}

static inline size_t hz_x_bytes(enum hz_xform form)
{
    return form == HZ_X_I8_256 ? sizeof(struct hz_x256) : 64;
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

/* Where block `block` begins. */
static inline uint8_t *hz_panel_block(const struct hz_panel *x, uint32_t block)
{
    return x->data + (size_t)block * x->at_once * hz_x_steps(x->form, x->k) * hz_x_bytes(x->form);
}

/* A row's first step; *stride is the distance to its next one. */
static inline uint8_t *hz_panel_row(const struct hz_panel *x, uint32_t row, size_t *stride)
{
    uint32_t block = row / x->at_once;
    *stride = hz_panel_rows(x, block) * hz_x_bytes(x->form);
    return hz_panel_block(x, block) + row % x->at_once * hz_x_bytes(x->form);
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
