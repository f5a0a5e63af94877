#include "text/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* text is a printed %.*e with whatever radix character the locale has; takes its digits and exponent. */
static size_t take_digits(const char *text, char *digits, int *exponent)
{
    size_t n = 0;
    const char *p = text;
    for (; *p != 'e'; p++)
        if (*p >= '0' && *p <= '9')
            digits[n++] = *p;
    digits[n] = '\0';
    *exponent = atoi(p + 1);
    return n;
}

/* digits + 1 in the last place; false if that needs one more digit. */
static bool increment(char *digits, size_t n)
{
    for (size_t i = n; i-- > 0;) {
        if (digits[i] != '9') {
            digits[i]++;
            return true;
        }
        digits[i] = '0';
    }
    return false;
}

static double value_of_digits(const char *digits, size_t n, int exponent)
{
    char text[HZ_DOUBLE_DIGITS + 16];
    snprintf(text, sizeof text, "%se%d", digits, exponent - (int)n + 1);
    return strtod(text, NULL);
}

size_t hz_double_digits(double v, char digits[HZ_DOUBLE_DIGITS + 1], int *exponent)
{
    v = fabs(v);
    size_t n = 1;
    for (int precision = 1; precision <= HZ_DOUBLE_DIGITS; precision++) {
        char text[HZ_DOUBLE_DIGITS + 16];
        snprintf(text, sizeof text, "%.*e", precision - 1, v);
        n = take_digits(text, digits, exponent);
        if (value_of_digits(digits, n, *exponent) == v)
            break;
        /* Below a power of two the doubles lie closer: the nearest decimal may miss where the next one up does not. */
        char up[HZ_DOUBLE_DIGITS + 1];
        memcpy(up, digits, n + 1);
        if (increment(up, n) && value_of_digits(up, n, *exponent) == v) {
            memcpy(digits, up, n + 1);
            break;
        }
    }
    return n;
}

size_t hz_double_repr(double v, char out[HZ_DOUBLE_CHARS])
{
    if (isnan(v) || isinf(v))
        return (size_t)snprintf(out, HZ_DOUBLE_CHARS, "%s", isnan(v) ? "nan" : v < 0 ? "-inf" : "inf");
    char digits[HZ_DOUBLE_DIGITS + 1];
    int exponent;
    int n = (int)hz_double_digits(v, digits, &exponent);
    const char *sign = signbit(v) ? "-" : "";
    int len;
    if (exponent < -4 || exponent >= 16)
        len = snprintf(out, HZ_DOUBLE_CHARS, "%s%c%s%se%+03d", sign, digits[0], n > 1 ? "." : "", digits + 1, exponent);
    else if (exponent < 0)
        len = snprintf(out, HZ_DOUBLE_CHARS, "%s0.%.*s%s", sign, -exponent - 1, "0000", digits);
    else if (n <= exponent + 1)
        len = snprintf(out, HZ_DOUBLE_CHARS, "%s%s%.*s.0", sign, digits, exponent + 1 - n, "0000000000000000");
    else
        len = snprintf(out, HZ_DOUBLE_CHARS, "%s%.*s.%s", sign, exponent + 1, digits, digits + exponent + 1);
    return (size_t)len;
}
