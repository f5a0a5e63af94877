/* panel_c.h - what panel_c.c offers the other rungs and the checks. */
#ifndef HZ_KERN_C_PANEL_C_H
#define HZ_KERN_C_PANEL_C_H

#include "kern/kern.h"

uint32_t hz_panel_at_once_c(enum hz_xform form, uint32_t n);
size_t hz_panel_bytes_c(enum hz_xform form, uint32_t k, uint32_t n);
void hz_panel_put_c(const struct hz_panel *x, uint32_t row, const float *in);
/* Forms F32 and BF16 alone. */
void hz_panel_put_dense(const struct hz_panel *x, uint32_t row, const float *in);
/* Columns from .. from + n - 1 of a row, as the values that the codes stand for. */
void hz_panel_get(const struct hz_panel *x, uint32_t row, uint32_t from, uint32_t n, float *out);

#endif
