/* fill.h - what puts kernels into a rung's table: one function per file of kernels, called by kern.c in the order c,
 * then each rung on top. A fill function overwrites the entries its file has and leaves the others. */
#ifndef HZ_KERN_FILL_H
#define HZ_KERN_FILL_H

#include "kern/kern.h"

typedef void hz_kern_fill_fn(struct hz_kern *k);

hz_kern_fill_fn hz_kern_linear_c;
hz_kern_fill_fn hz_kern_linear_avx2, hz_kern_linear_avx512, hz_kern_linear_avx512bf16;
hz_kern_fill_fn hz_kern_linear_neon, hz_kern_linear_dotprod;

hz_kern_fill_fn hz_kern_rows_c, hz_kern_attend_c;
hz_kern_fill_fn hz_kern_rows_avx2, hz_kern_attend_avx2, hz_kern_rows_avx512, hz_kern_attend_avx512;
hz_kern_fill_fn hz_kern_rows_neon, hz_kern_attend_neon;

#endif
