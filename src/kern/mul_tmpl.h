/* mul_tmpl.h - what makes the mul of a type of a kernel written for NT rows of x. The including file defines first:
 *
 *   R, V             32-bit lanes of a register, registers of a line of a tile: R * V = 16
 *   AT_ONCE          rows of x in a block
 *   EACH_WIDTH(X, type, call)  X(type, n, call) for AT_ONCE and fewer rows at once, down to 1
 *   f_store(p, v)    as STORE uses it
 *
 * A kernel is an inline function of KERNEL_ARGS and NT, whose arithmetic for a row does not depend on NT: whole numbers
 * are exact, and floats are added block by block in order of k. */
#ifndef HZ_KERN_MUL_TMPL_H
#define HZ_KERN_MUL_TMPL_H

#include "kern/panel.h"
#include "kern/tile.h"

#define INLINE static inline __attribute__((always_inline))
#ifdef __clang__
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif
#define EACH(i, n) UNROLL for (int i = 0; i < (n); i++)
#define ACC(t, v)  ((t)*V + (v))

/* What a kernel is given: the tile, k, a block of the panel, its rows, the first of the NT rows to take; y of that row.
 */
#define KERNEL_ARGS const uint8_t *w, uint32_t k, const uint8_t *x, uint32_t rows, uint32_t t0, float *y, size_t ldy
#define ARGS        w, k, x, rows, t0, y, ldy
#define STORE(acc)  EACH(t, NT) EACH(v, V) f_store(y + (size_t)t * ldy + R * v, acc[ACC(t, v)])

/* The hardware's own prefetchers reach 70 % of the read limit; one line ahead beside each line's work reaches it,
 * bursts of several do not. 2 KiB was the best distance. */
INLINE void ahead(const uint8_t *p)
{
    __builtin_prefetch(p + 2048);
}

typedef void kernel_fn(KERNEL_ARGS);
#define WIDTH_ROWS(type, n, call) n,
static const uint32_t widths[] = {EACH_WIDTH(WIDTH_ROWS, , )};

/* The rows of a block by kernels of fewer and fewer rows. */
static void multiply(kernel_fn *const *kernels, const uint8_t *tile, uint32_t k, const struct hz_panel *x,
                     uint32_t block, float *y, size_t ldy)
{
    struct hz_x_block b = hz_panel_block(x, block);
    uint32_t rows = hz_panel_rows(x, block), t = 0;
    for (size_t i = 0; t < rows; i++)
        for (; rows - t >= widths[i]; t += widths[i])
            kernels[i](tile, k, b.at, b.rows, t, y + t * ldy, ldy);
}

#define WIDTH_NAME(type, n, call) mul_##type##_##n,
#define WIDTH(type, n, call)                                                                                           \
    static void mul_##type##_##n(KERNEL_ARGS)                                                                          \
    {                                                                                                                  \
        enum { NT = n };                                                                                               \
        call;                                                                                                          \
    }
/* Defines mul_<type>; call: the kernel's, with ARGS and NT. */
#define MUL(type, form, call)                                                                                          \
    EACH_WIDTH(WIDTH, type, call)                                                                                      \
    static void mul_##type(const uint8_t *tile, uint32_t k, const struct hz_panel *x, uint32_t block, float *y,        \
                           size_t ldy)                                                                                 \
    {                                                                                                                  \
        static kernel_fn *const kernels[] = {EACH_WIDTH(WIDTH_NAME, type, )};                                          \
        multiply(kernels, tile, k, x, block, y, ldy);                                                                  \
    }

#endif
