/* number.h - doubles in decimal, as short as they can be. Independent of the locale. */
#ifndef HZ_TEXT_NUMBER_H
#define HZ_TEXT_NUMBER_H

#include <stdbool.h>
#include <stddef.h>

enum { HZ_DOUBLE_DIGITS = 17, HZ_DOUBLE_CHARS = 32 };

/* The fewest significant digits that read back as v, which is finite; of several such the nearest (David Gay's mode 0,
 * what Python's repr prints). |v| = d.ddd * 10^*exponent; 0 is "0", exponent 0. Returns how many; NUL-terminated. */
size_t hz_double_digits(double v, char digits[HZ_DOUBLE_DIGITS + 1], int *exponent);
/* Python's repr: 1.0, 0.1, 1e-07, 1e+16, -0.0, inf, nan. Returns the length. */
size_t hz_double_repr(double v, char out[HZ_DOUBLE_CHARS]);

#endif
