#include "text/utf8.h"

static bool is_trail(unsigned char c)
{
    return (c & 0xC0) == 0x80;
}

size_t hz_utf8_decode(const char *s, size_t len, uint32_t *cp)
{
    const unsigned char *p = (const unsigned char *)s;
    uint32_t c = p[0];
    if (c < 0x80) {
        *cp = c;
        return 1;
    }
    *cp = 0xFFFD;
    size_t n = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
    if (c < 0xC2 || c > 0xF4 || len < n)
        return 0;
    c &= 0x7Fu >> n;
    for (size_t i = 1; i < n; i++) {
        if (!is_trail(p[i]))
            return 0;
        c = c << 6 | (p[i] & 0x3Fu);
    }
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    if (c < least[n] || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
        return 0;
    *cp = c;
    return n;
}

size_t hz_utf8_encode(uint32_t cp, char out[4])
{
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    size_t n = cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, cp >>= 6)
        out[i] = (char)(0x80 | (cp & 0x3F));
    out[0] = (char)(0xF00u >> n | cp);
    return n;
}

bool hz_utf8_valid(const char *s, size_t len)
{
    for (size_t i = 0; i < len;) {
        uint32_t cp;
        size_t n = hz_utf8_decode(s + i, len - i, &cp);
        if (!n)
            return false;
        i += n;
    }
    return true;
}

size_t hz_utf8_unfinished(const char *s, size_t len)
{
    for (size_t n = 1; n <= 3 && n <= len; n++) {
        unsigned char c = (unsigned char)s[len - n];
        if (is_trail(c))
            continue;
        if (c < 0xC2 || c > 0xF4 || n >= (c >= 0xF0 ? 4u : c >= 0xE0 ? 3u : 2u))
            return 0;
        /* The second byte decides whether a character can still come of it: E0 80, ED A0, F0 80 and F4 90 begin none.
         */
        unsigned char second = n > 1 ? (unsigned char)s[len - n + 1] : 0;
        bool dead = n > 1 && ((c == 0xE0 && second < 0xA0) || (c == 0xED && second >= 0xA0) ||
                              (c == 0xF0 && second < 0x90) || (c == 0xF4 && second >= 0x90));
        return dead ? 0 : n;
    }
    return 0;
}

size_t hz_utf8_count(const char *s, size_t len)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++)
        n += !is_trail((unsigned char)s[i]);
    return n;
}

bool hz_utf8_is_space(uint32_t cp)
{
    if (cp < 0x80)
        return cp == ' ' || (cp >= 0x09 && cp <= 0x0D) || (cp >= 0x1C && cp <= 0x1F);
    return cp == 0x85 || cp == 0xA0 || cp == 0x1680 || (cp >= 0x2000 && cp <= 0x200A) || cp == 0x2028 || cp == 0x2029 ||
           cp == 0x202F || cp == 0x205F || cp == 0x3000;
}
