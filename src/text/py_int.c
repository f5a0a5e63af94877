/* py_int.c - numbers: integers of any length in base 1e9, and how they mix with floats. */
#include "text/py.h"
#include "text/py_big.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool hz_py_is_int(struct hz_py_val v)
{
    return v.kind == HZ_PY_INT || v.kind == HZ_PY_BIGINT || v.kind == HZ_PY_BOOL;
}

bool hz_py_is_number(struct hz_py_val v)
{
    return hz_py_is_int(v) || v.kind == HZ_PY_FLOAT;
}

bool hz_py_small(struct hz_py_val v, int64_t *out)
{
    if (v.kind != HZ_PY_INT && v.kind != HZ_PY_BOOL)
        return false;
    *out = v.kind == HZ_PY_BOOL ? v.b : v.i;
    return true;
}

bool hz_py_int_negative(struct hz_py_val v)
{
    return v.kind == HZ_PY_BIGINT ? v.big->negative : v.kind == HZ_PY_INT && v.i < 0;
}

/* ---- conversions ------------------------------------------------------------------------------------------------ */

/* A view of any int as a big one; `limbs` is room for a small one. */
static struct hz_py_big big_of(struct hz_py_val v, uint32_t limbs[3])
{
    if (v.kind == HZ_PY_BIGINT)
        return *v.big;
    int64_t i = 0;
    hz_py_small(v, &i);
    struct hz_py_big big = {i < 0, 0, limbs};
    for (uint64_t u = i < 0 ? 0 - (uint64_t)i : (uint64_t)i; u; u /= HZ_PY_LIMB)
        limbs[big.n++] = (uint32_t)(u % HZ_PY_LIMB);
    return big;
}

/* The value of a fresh big integer: an INT if it fits 64 bits. */
static hz_status normalize(struct hz_py *py, struct hz_py_big big, struct hz_py_val *out)
{
    while (big.n && !big.limb[big.n - 1])
        big.n--;
    if (big.n <= 3) {
        unsigned __int128 u = 0;
        for (size_t i = big.n; i-- > 0;)
            u = u * HZ_PY_LIMB + big.limb[i];
        if (u <= (unsigned __int128)INT64_MAX + big.negative) {
            *out = hz_py_int(big.negative ? (int64_t)(0 - (uint64_t)u) : (int64_t)u);
            return HZ_OK;
        }
    }
    struct hz_py_big *p = HZ_PY_NEW(py, struct hz_py_big);
    if (!p)
        return hz_py_status(py);
    *p = big;
    *out = (struct hz_py_val){.kind = HZ_PY_BIGINT, .big = p};
    return HZ_OK;
}

hz_status hz_py_int_digits(struct hz_py *py, const char *digits, size_t len, int base, bool negative,
                           struct hz_py_val *out)
{
    struct hz_py_big big;
    HZ_TRY(hz_py_big_new(py, len / 5 + 2, &big)); /* base 36 has 5.2 bits a digit, a limb 29.9 */
    big.negative = negative;
    big.n = 0;
    HZ_TRY(hz_py_step(py, len * (len / 64 + 1) / 8));
    for (size_t i = 0; i < len; i++) {
        uint64_t carry = (uint64_t)(digits[i] <= '9' ? digits[i] - '0' : (digits[i] | 0x20) - 'a' + 10);
        for (size_t k = 0; k < big.n || carry; k++) {
            big.n = HZ_MAX(big.n, k + 1);
            carry += (uint64_t)big.limb[k] * (uint64_t)base;
            big.limb[k] = (uint32_t)(carry % HZ_PY_LIMB);
            carry /= HZ_PY_LIMB;
        }
    }
    return normalize(py, big, out);
}

/* Decimal digits of |v| into a fresh buffer. */
static void put_decimal(struct hz_py_sb *sb, struct hz_py_val v)
{
    uint32_t limbs[3];
    struct hz_py_big big = big_of(v, limbs);
    char text[16];
    if (!big.n)
        hz_py_sb_putc(sb, '0');
    for (size_t i = big.n; i-- > 0;) {
        snprintf(text, sizeof text, i + 1 == big.n ? "%" PRIu32 : "%09" PRIu32, big.limb[i]);
        hz_py_sb_puts(sb, text);
    }
}

void hz_py_put_digits(struct hz_py_sb *sb, struct hz_py_val v, int base)
{
    if (base == 10) {
        put_decimal(sb, v);
        return;
    }
    uint32_t small[3];
    struct hz_py_big big = big_of(v, small), rest;
    if (sb->status == HZ_OK)
        sb->status = hz_py_big_new(sb->py, big.n, &rest);
    if (sb->status == HZ_OK)
        sb->status = hz_py_step(sb->py, big.n * big.n / 4);
    if (sb->status != HZ_OK)
        return;
    memcpy(rest.limb, big.limb, big.n * sizeof *big.limb);
    size_t from = sb->len;
    do {
        hz_py_sb_putc(sb, "0123456789abcdef"[hz_py_big_divide_small(&rest, (uint32_t)base)]);
    } while (rest.n && sb->status == HZ_OK);
    for (size_t i = from, j = sb->len; i + 1 < j; i++) { /* they came lowest first */
        char c = sb->data[i];
        sb->data[i] = sb->data[--j];
        sb->data[j] = c;
    }
}

double hz_py_double(struct hz_py_val v)
{
    if (v.kind == HZ_PY_FLOAT)
        return v.f;
    if (v.kind != HZ_PY_BIGINT) {
        int64_t i = 0;
        hz_py_small(v, &i);
        return (double)i;
    }
    /* Correctly rounded: strtod of the leading digits with a 1 behind for what was cut off. */
    enum { LIMBS = 8 };
    char text[LIMBS * 9 + 32];
    size_t at = 0, shown = HZ_MIN(v.big->n, LIMBS), low = v.big->n - shown;
    bool cut = false;
    for (size_t i = v.big->n; i-- > low;)
        at += (size_t)snprintf(text + at, sizeof text - at, "%09" PRIu32, v.big->limb[i]);
    for (size_t i = 0; i < low; i++)
        cut = cut || v.big->limb[i];
    if (low)
        snprintf(text + at, sizeof text - at, "%de%zu", cut, 9 * low - 1);
    double d = strtod(text, NULL);
    return v.big->negative ? -d : d;
}

hz_status hz_py_int_from_double(struct hz_py *py, double f, struct hz_py_val *out)
{
    if (f > -0x1p63 && f < 0x1p63) {
        *out = hz_py_int((int64_t)f);
        return HZ_OK;
    }
    char text[350]; /* 309 digits, exactly */
    int n = snprintf(text, sizeof text, "%.0f", fabs(f));
    return hz_py_int_digits(py, text, (size_t)n, 10, f < 0, out);
}

int hz_py_number_order(struct hz_py_val a, struct hz_py_val b)
{
    int64_t x, y;
    if (hz_py_small(a, &x) && hz_py_small(b, &y))
        return (x > y) - (x < y);
    if (a.kind == HZ_PY_FLOAT && b.kind == HZ_PY_FLOAT)
        return a.f != a.f || b.f != b.f ? 2 : (a.f > b.f) - (a.f < b.f);
    if (a.kind != HZ_PY_FLOAT && b.kind != HZ_PY_FLOAT) {
        uint32_t p[3], q[3];
        struct hz_py_big big_a = big_of(a, p), big_b = big_of(b, q);
        return hz_py_big_order(&big_a, &big_b);
    }
    if (a.kind == HZ_PY_FLOAT) {
        int order = hz_py_number_order(b, a);
        return order == 2 ? 2 : -order;
    }
    /* An int and a float: exact where both are near, by magnitude else. */
    double f = b.f;
    if (f != f)
        return 2;
    if (hz_py_small(a, &x) && f >= -0x1p63 && f < 0x1p63) {
        int64_t whole = (int64_t)f;
        double part = f - (double)whole;
        return x != whole ? (x > whole) - (x < whole) : (part < 0) - (part > 0);
    }
    /* Beyond 64 bits a finite float is whole: compare it digit by digit. */
    if (isinf(f) || a.kind != HZ_PY_BIGINT)
        return f > 0 ? -1 : 1;
    enum { DIGITS = 309, LIMBS = DIGITS / 9 + 1 };
    char text[DIGITS + 16];
    uint32_t limbs[LIMBS + 1] = {0};
    struct hz_py_big whole = {f < 0, 0, limbs};
    int n = snprintf(text, sizeof text, "%.0f", trunc(fabs(f)));
    for (int end = n; end > 0; end -= 9) {
        uint32_t limb = 0;
        for (int i = HZ_MAX(end - 9, 0); i < end; i++)
            limb = limb * 10 + (uint32_t)(text[i] - '0');
        limbs[whole.n++] = limb;
    }
    return hz_py_big_order(a.big, &whole);
}

/* ---- arithmetic ------------------------------------------------------------------------------------------------- */

static hz_status big_op(struct hz_py *py, enum hz_py_op op, struct hz_py_val a, struct hz_py_val b,
                        struct hz_py_val *out)
{
    uint32_t p[3], q[3];
    struct hz_py_big x = big_of(a, p), y = big_of(b, q), r = {0}, rest = {0};
    switch (op) {
    case HZ_PY_ADD:
    case HZ_PY_SUB:
        if (op == HZ_PY_SUB)
            y.negative = !y.negative;
        HZ_TRY(hz_py_big_add(py, &x, &y, &r));
        break;
    case HZ_PY_MUL:
        HZ_TRY(hz_py_big_mul(py, &x, &y, &r));
        break;
    default:
        HZ_TRY(hz_py_big_divide(py, &x, &y, &r, &rest));
        if (op == HZ_PY_MOD)
            r = rest;
    }
    return normalize(py, r, out);
}

static hz_status floor_divide(struct hz_py *py, enum hz_py_op op, int64_t x, int64_t y, struct hz_py_val *out)
{
    if (x == INT64_MIN && y == -1) {
        struct hz_py_val a = hz_py_int(x), b = hz_py_int(y);
        return big_op(py, op, a, b, out);
    }
    int64_t q = x / y, r = x % y;
    if (r && (r < 0) != (y < 0)) {
        q--;
        r += y;
    }
    *out = hz_py_int(op == HZ_PY_MOD ? r : q);
    return HZ_OK;
}

static hz_status int_pow(struct hz_py *py, struct hz_py_val a, struct hz_py_val b, struct hz_py_val *out)
{
    int64_t e, base;
    if (hz_py_int_negative(b)) {
        if (hz_py_double(a) == 0)
            return hz_py_fail(py, "0.0 cannot be raised to a negative power");
        *out = hz_py_float(pow(hz_py_double(a), hz_py_double(b)));
        return HZ_OK;
    }
    bool trivial = hz_py_small(a, &base) && base >= -1 && base <= 1;
    if (!hz_py_small(b, &e)) {
        if (!trivial)
            return hz_fail(py->err, HZ_E_LIMIT, "the template makes an integer that is too large");
        e = 2; /* of -1, 0 and 1 only the parity matters, and a digit tells it */
        struct hz_py_val two = hz_py_int(2), parity;
        HZ_TRY(big_op(py, HZ_PY_MOD, b, two, &parity));
        e += parity.i;
    }
    if (trivial) {
        *out = hz_py_int(e == 0 ? 1 : base >= 0 || e % 2 ? base : 1);
        return HZ_OK;
    }
    struct hz_py_val result = hz_py_int(1), square = a;
    for (; e; e /= 2) {
        if (e % 2)
            HZ_TRY(hz_py_int_op(py, HZ_PY_MUL, result, square, &result));
        if (e > 1)
            HZ_TRY(hz_py_int_op(py, HZ_PY_MUL, square, square, &square));
    }
    *out = result;
    return HZ_OK;
}

/* x / y correctly rounded, also where x or y is no double: the quotient to more bits than a double has, and a last bit
 * that stands for what was cut off. */
static double divide(int64_t x, int64_t y)
{
    const int64_t exact = (int64_t)1 << 53;
    if (x <= exact && x >= -exact && y <= exact && y >= -exact)
        return (double)x / (double)y;
    uint64_t a = x < 0 ? 0 - (uint64_t)x : (uint64_t)x, b = y < 0 ? 0 - (uint64_t)y : (uint64_t)y;
    unsigned __int128 wide = (unsigned __int128)a << 64, q = wide / b;
    int shift = 64;
    if (q < (unsigned __int128)1 << 56) { /* few bits: b is large, so a was small enough to shift further */
        q = 0;
        for (shift = 64; shift < 128 && !(a >> 63); shift++)
            a <<= 1;
        wide = (unsigned __int128)a << 64;
        q = wide / b;
    }
    q |= wide % b != 0;
    double d = ldexp((double)q, -shift);
    return (x < 0) != (y < 0) ? -d : d;
}

hz_status hz_py_int_op(struct hz_py *py, enum hz_py_op op, struct hz_py_val a, struct hz_py_val b,
                       struct hz_py_val *out)
{
    int64_t x = 0, y = 0, r;
    bool small = hz_py_small(a, &x) && hz_py_small(b, &y), overflow = true;
    bool zero = b.kind != HZ_PY_BIGINT && hz_py_double(b) == 0;
    switch (op) {
    case HZ_PY_ADD:
        overflow = !small || __builtin_add_overflow(x, y, &r);
        break;
    case HZ_PY_SUB:
        overflow = !small || __builtin_sub_overflow(x, y, &r);
        break;
    case HZ_PY_MUL:
        overflow = !small || __builtin_mul_overflow(x, y, &r);
        break;
    case HZ_PY_DIV:
        if (zero)
            return hz_py_fail(py, "division by zero");
        *out = hz_py_float(small ? divide(x, y) : hz_py_double(a) / hz_py_double(b));
        return HZ_OK;
    case HZ_PY_POW:
        return int_pow(py, a, b, out);
    default:
        if (zero)
            return hz_py_fail(py, op == HZ_PY_MOD ? "integer modulo by zero" : "integer division by zero");
        if (small)
            return floor_divide(py, op, x, y, out);
    }
    if (overflow)
        return big_op(py, op, a, b, out);
    *out = hz_py_int(r);
    return HZ_OK;
}

/* ---- numbers in text -------------------------------------------------------------------------------------------- */

/* Copies text without blanks around it and without the underscores between digits; false if one stands elsewhere. */
static bool clean_number(struct hz_py_val s, char *out, size_t cap, size_t *len)
{
    const char *p = s.str->data, *end = p + s.str->len;
    while (p < end && (*p == ' ' || (*p >= '\t' && *p <= '\r')))
        p++;
    while (end > p && (end[-1] == ' ' || (end[-1] >= '\t' && end[-1] <= '\r')))
        end--;
    *len = 0;
    if ((size_t)(end - p) >= cap)
        return false;
    for (const char *c = p; c < end; c++) {
        bool alnum_before =
            c > p && (c[-1] >= '0' && c[-1] <= '9' ? true : (c[-1] | 0x20) >= 'a' && (c[-1] | 0x20) <= 'z');
        bool alnum_after =
            c + 1 < end && (c[1] >= '0' && c[1] <= '9' ? true : (c[1] | 0x20) >= 'a' && (c[1] | 0x20) <= 'z');
        if (*c == '_' && !(alnum_before && alnum_after))
            return false;
        if (*c != '_')
            out[(*len)++] = *c;
    }
    out[*len] = '\0';
    return *len > 0;
}

static int digit_value(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'z' ? (c | 0x20) - 'a' + 10 : 99;
}

hz_status hz_py_parse_int(struct hz_py *py, struct hz_py_val s, int64_t base, struct hz_py_val *out, bool *ok)
{
    size_t len;
    char *text = hz_py_alloc(py, s.str->len + 1, 1);
    if (!text)
        return hz_py_status(py);
    *ok = false;
    if (base != 0 && (base < 2 || base > 36))
        return hz_py_fail(py, "int() base must be >= 2 and <= 36, or 0");
    if (!clean_number(s, text, s.str->len + 1, &len))
        return HZ_OK;
    bool negative = *text == '-';
    if (*text == '-' || *text == '+') {
        text++;
        len--;
    }
    int marked = len > 2 && *text == '0' ? (text[1] | 0x20) == 'x'   ? 16
                                           : (text[1] | 0x20) == 'o' ? 8
                                           : (text[1] | 0x20) == 'b' ? 2
                                                                     : 0
                                         : 0;
    if (marked && (base == 0 || base == marked)) {
        base = marked;
        text += 2;
        len -= 2;
    } else if (base == 0) {
        base = 10;
        for (size_t i = 0; *text == '0' && i < len; i++)
            if (text[i] != '0') /* 010 is no number in base 0 */
                return HZ_OK;
    }
    for (size_t i = 0; i < len; i++)
        if (digit_value(text[i]) >= base)
            return HZ_OK;
    *ok = len > 0;
    return *ok ? hz_py_int_digits(py, text, len, (int)base, negative, out) : HZ_OK;
}

bool hz_py_parse_float(struct hz_py_val s, double *out)
{
    char text[400];
    size_t len;
    if (!clean_number(s, text, sizeof text, &len))
        return false;
    char *p = text + (*text == '-' || *text == '+');
    for (char *c = p; *c; c++)
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c | 0x20) : *c;
    bool word = !strcmp(p, "inf") || !strcmp(p, "infinity") || !strcmp(p, "nan");
    size_t digits = strspn(p, "0123456789."), points = 0;
    for (size_t i = 0; i < digits; i++)
        points += p[i] == '.';
    if (word) {
        *out = *p == 'n' ? NAN : *text == '-' ? -INFINITY : INFINITY;
        return true;
    }
    if (points > 1 || digits == points)
        return false;
    if (p[digits] == 'e') {
        char *e = p + digits + 1;
        e += *e == '-' || *e == '+';
        if (!*e || e[strspn(e, "0123456789")])
            return false;
    } else if (p[digits]) {
        return false;
    }
    *out = strtod(text, NULL);
    return true;
}
