#include "text/py_big.h"

#include <string.h>

hz_status hz_py_big_new(struct hz_py *py, size_t n, struct hz_py_big *out)
{
    enum { MAX_LIMBS = 4096 };
    if (n > MAX_LIMBS)
        return hz_fail(py->err, HZ_E_LIMIT, "the template makes an integer that is too large");
    *out = (struct hz_py_big){false, n, hz_py_alloc(py, n + 1, sizeof *out->limb)};
    return out->limb ? HZ_OK : hz_py_status(py);
}

static size_t length(const struct hz_py_big *a)
{
    size_t n = a->n;
    while (n && !a->limb[n - 1])
        n--;
    return n;
}

static int magnitude_order(const struct hz_py_big *a, const struct hz_py_big *b)
{
    size_t n = length(a), m = length(b);
    if (n != m)
        return n < m ? -1 : 1;
    while (n-- > 0)
        if (a->limb[n] != b->limb[n])
            return a->limb[n] < b->limb[n] ? -1 : 1;
    return 0;
}

int hz_py_big_order(const struct hz_py_big *a, const struct hz_py_big *b)
{
    bool zero = !length(a) && !length(b);
    if (zero || a->negative != b->negative)
        return zero ? 0 : a->negative ? -1 : 1;
    return a->negative ? magnitude_order(b, a) : magnitude_order(a, b);
}

/* out[0..n] += sign * b << shift limbs; the result is not negative. */
static void accumulate(uint32_t *out, size_t n, const struct hz_py_big *b, int sign)
{
    int64_t carry = 0;
    for (size_t i = 0; i < n; i++) {
        carry += (int64_t)out[i] + (i < b->n ? sign * (int64_t)b->limb[i] : 0);
        out[i] = (uint32_t)(carry < 0 ? carry + HZ_PY_LIMB : carry % HZ_PY_LIMB);
        carry = carry < 0 ? -1 : carry / HZ_PY_LIMB;
    }
}

hz_status hz_py_big_add(struct hz_py *py, const struct hz_py_big *a, const struct hz_py_big *b, struct hz_py_big *out)
{
    if (magnitude_order(a, b) < 0) {
        const struct hz_py_big *t = a;
        a = b;
        b = t;
    }
    HZ_TRY(hz_py_big_new(py, a->n + 1, out));
    memcpy(out->limb, a->limb, a->n * sizeof *a->limb);
    out->negative = a->negative;
    accumulate(out->limb, out->n, b, a->negative == b->negative ? 1 : -1);
    return HZ_OK;
}

hz_status hz_py_big_mul(struct hz_py *py, const struct hz_py_big *a, const struct hz_py_big *b, struct hz_py_big *out)
{
    HZ_TRY(hz_py_step(py, a->n * b->n / 16));
    HZ_TRY(hz_py_big_new(py, a->n + b->n, out));
    out->negative = a->negative != b->negative;
    for (size_t i = 0; i < a->n; i++) {
        uint64_t carry = 0;
        for (size_t k = 0; k < b->n || carry; k++) {
            carry += out->limb[i + k] + (k < b->n ? (uint64_t)a->limb[i] * b->limb[k] : 0);
            out->limb[i + k] = (uint32_t)(carry % HZ_PY_LIMB);
            carry /= HZ_PY_LIMB;
        }
    }
    return HZ_OK;
}

uint32_t hz_py_big_divide_small(struct hz_py_big *a, uint32_t by)
{
    uint64_t rest = 0;
    for (size_t i = a->n; i-- > 0;) {
        rest = rest * HZ_PY_LIMB + a->limb[i];
        a->limb[i] = (uint32_t)(rest / by);
        rest %= by;
    }
    a->n = length(a);
    return (uint32_t)rest;
}

/* rest -= b * factor at limb `at`; returns false if that went below zero (it is then left as its complement). */
static bool subtract_multiple(uint32_t *rest, const struct hz_py_big *b, size_t n, uint64_t factor)
{
    uint64_t carry = 0;
    int64_t borrow = 0;
    for (size_t i = 0; i <= n; i++) {
        carry += i < n ? factor * b->limb[i] : 0;
        borrow += (int64_t)rest[i] - (int64_t)(carry % HZ_PY_LIMB);
        carry /= HZ_PY_LIMB;
        rest[i] = (uint32_t)(borrow < 0 ? borrow + HZ_PY_LIMB : borrow);
        borrow = borrow < 0 ? -1 : 0;
    }
    return borrow == 0;
}

/* Schoolbook long division of magnitudes, Knuth's algorithm D without the scaling: the digit is guessed from the top
 * three limbs against the top two, which is off by at most a few, and corrected. */
static void divide_magnitudes(struct hz_py_big *rest, const struct hz_py_big *b, size_t n, struct hz_py_big *quotient)
{
    unsigned __int128 top_b = (unsigned __int128)b->limb[n - 1] * HZ_PY_LIMB + (n > 1 ? b->limb[n - 2] : 0);
    for (size_t at = quotient->n; at-- > 0;) {
        uint32_t *r = rest->limb + at;
        unsigned __int128 top = ((unsigned __int128)r[n] * HZ_PY_LIMB + r[n - 1]) * HZ_PY_LIMB + (n > 1 ? r[n - 2] : 0);
        uint64_t digit = (uint64_t)(top / top_b);
        digit = digit < HZ_PY_LIMB ? digit : HZ_PY_LIMB - 1;
        if (!subtract_multiple(r, b, n, digit)) {
            digit--; /* the guess never is too small, and too large by one at most */
            struct hz_py_big low = {false, n, b->limb};
            accumulate(r, n + 1, &low, 1);
        }
        quotient->limb[at] = (uint32_t)digit;
    }
}

hz_status hz_py_big_divide(struct hz_py *py, const struct hz_py_big *a, const struct hz_py_big *b,
                           struct hz_py_big *quotient, struct hz_py_big *rest)
{
    size_t n = length(b), m = length(a);
    HZ_TRY(hz_py_step(py, n * m / 16));
    HZ_TRY(hz_py_big_new(py, m >= n ? m - n + 1 : 1, quotient));
    HZ_TRY(hz_py_big_new(py, HZ_MAX(m, n) + 2, rest));
    memcpy(rest->limb, a->limb, m * sizeof *a->limb);
    if (m >= n)
        divide_magnitudes(rest, b, n, quotient);
    quotient->negative = a->negative != b->negative;
    rest->negative = a->negative;
    if (length(rest) && a->negative != b->negative) { /* round down, not towards zero */
        static uint32_t one_limb = 1;
        const struct hz_py_big one = {true, 1, &one_limb};
        struct hz_py_big q = *quotient, r = *rest;
        HZ_TRY(hz_py_big_add(py, &q, &one, quotient));
        HZ_TRY(hz_py_big_add(py, &r, b, rest));
    }
    return HZ_OK;
}
