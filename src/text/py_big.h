/* py_big.h - arithmetic on integers of any length: sign and magnitude, limbs of nine decimal digits, lowest first. */
#ifndef HZ_TEXT_PY_BIG_H
#define HZ_TEXT_PY_BIG_H

#include "text/py.h"

enum { HZ_PY_LIMB = 1000000000 };

struct hz_py_big {
    bool negative;
    size_t n; /* limbs; results may have zeros on top */
    uint32_t *limb;
};

/* n zero limbs. Integers are limited to some tens of thousands of digits. */
hz_status hz_py_big_new(struct hz_py *py, size_t n, struct hz_py_big *out);
hz_status hz_py_big_add(struct hz_py *py, const struct hz_py_big *a, const struct hz_py_big *b, struct hz_py_big *out);
hz_status hz_py_big_mul(struct hz_py *py, const struct hz_py_big *a, const struct hz_py_big *b, struct hz_py_big *out);
/* Quotient rounded down and the remainder with the sign of b, which is not 0. */
hz_status hz_py_big_divide(struct hz_py *py, const struct hz_py_big *a, const struct hz_py_big *b,
                           struct hz_py_big *quotient, struct hz_py_big *rest);
/* a /= by in place, zeros on top dropped; returns the remainder. */
uint32_t hz_py_big_divide_small(struct hz_py_big *a, uint32_t by);
int hz_py_big_order(const struct hz_py_big *a, const struct hz_py_big *b); /* -1, 0, 1 */

#endif
