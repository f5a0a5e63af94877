#include "text/json_scan.h"

#include "text/utf8.h"

#include <string.h>

struct scan {
    const char *text;
    size_t len, at;
    size_t copied; /* text[0..copied) is in `mended` already, once anything is */
    struct hz_buf *mended;
    bool nul_keys;
    const char *name;
    struct hz_error *err;
};

hz_status hz_json_fail_at(const char *text, size_t at, const char *name, const char *what, struct hz_error *err)
{
    size_t line = 1, start = 0;
    for (size_t i = 0; i < at; i++)
        if (text[i] == '\n') {
            line++;
            start = i + 1;
        }
    return hz_fail(err, HZ_E_FORMAT, "%s:%zu:%zu: %s", name, line, hz_utf8_count(text + start, at - start) + 1, what);
}

static hz_status fail(struct scan *s, size_t at, const char *what)
{
    return hz_json_fail_at(s->text, at, s->name, what, s->err);
}

/* Puts `with` in place of text[from..to) of what json-c will read. */
static void mend(struct scan *s, size_t from, size_t to, const char *with, size_t with_len)
{
    hz_buf_put(s->mended, s->text + s->copied, from - s->copied);
    hz_buf_put(s->mended, with, with_len);
    s->copied = to;
}

static bool is_digit_at(const struct scan *s, size_t i)
{
    return i < s->len && s->text[i] >= '0' && s->text[i] <= '9';
}

static bool is_hex4_at(const struct scan *s, size_t i)
{
    for (size_t k = i; k < i + 4; k++)
        if (k >= s->len || !strchr("0123456789abcdefABCDEF", s->text[k]) || !s->text[k])
            return false;
    return true;
}

/* Four hexadecimal digits, which were checked. */
static uint32_t hex4(const char *at)
{
    uint32_t v = 0;
    for (int i = 0; i < 4; i++)
        v = v << 4 | (uint32_t)((at[i] & 15) + (at[i] > '9' ? 9 : 0));
    return v;
}

/* The UTF-8 of a surrogate pair escaped at `at`, 4 bytes; 0 if there is none. json-c 0.16 loses the pairs whose
 * character looks like a surrogate in its low 16 bits (U+1D800), so all of them are put in as they are. */
static size_t pair_at(const struct scan *s, size_t at, char utf8[4])
{
    const char *t = s->text + at;
    if (s->at - at < 12 || t[1] != 'u' || t[6] != '\\' || t[7] != 'u')
        return 0;
    uint32_t high = hex4(t + 2), low = hex4(t + 8);
    if (high >> 10 != 0xd800 >> 10 || low >> 10 != 0xdc00 >> 10)
        return 0;
    return hz_utf8_encode(0x10000 + ((high & 0x3ff) << 10) + (low & 0x3ff), utf8);
}

/* A string that was just passed is a key if a colon follows. */
static bool is_key_end(const struct scan *s)
{
    size_t i = s->at;
    while (i < s->len && strchr(" \t\r\n", s->text[i]) && s->text[i])
        i++;
    return i < s->len && s->text[i] == ':';
}

static hz_status scan_string(struct scan *s)
{
    size_t start = s->at++;
    bool has_nul = false, has_pair = false;
    for (;;) {
        if (s->at >= s->len)
            return fail(s, start, "a string that does not end");
        unsigned char c = (unsigned char)s->text[s->at];
        if (c == '"')
            break;
        if (c < 0x20)
            return fail(s, s->at, "a control character inside a string; it must be escaped");
        if (c == '\\') {
            char e = s->at + 1 < s->len ? s->text[s->at + 1] : '\0';
            if (!e || !strchr("\"\\/bfnrtu", e) || (e == 'u' && !is_hex4_at(s, s->at + 2)))
                return fail(s, s->at, "an escape that JSON does not have");
            has_nul = has_nul || (e == 'u' && !memcmp(s->text + s->at + 2, "0000", 4));
            has_pair = has_pair || (e == 'u' && hex4(s->text + s->at + 2) >> 10 == 0xd800 >> 10);
            s->at += e == 'u' ? 6 : 2;
        } else if (c < 0x80) {
            s->at++;
        } else {
            uint32_t cp;
            size_t n = hz_utf8_decode(s->text + s->at, s->len - s->at, &cp);
            if (!n)
                return fail(s, s->at, "bytes that are not UTF-8");
            s->at += n;
        }
    }
    s->at++;
    has_nul = has_nul && is_key_end(s);
    s->nul_keys = s->nul_keys || has_nul;
    for (size_t i = start; (has_nul || has_pair) && i < s->at; i++)
        if (s->text[i] == '\\') {
            char utf8[4];
            size_t n = pair_at(s, i, utf8);
            if (n)
                mend(s, i, i + 12, utf8, n);
            else if (has_nul && s->text[i + 1] == 'u' && !memcmp(s->text + i + 2, "0000", 4))
                mend(s, i, i + 6, HZ_JSON_NUL_MARK, 2);
            i += n ? 11 : 1; /* the escaped character is no backslash of its own */
        }
    return HZ_OK;
}

/* -?(0|[1-9][0-9]*)([.][0-9]+)?([eE][+-]?[0-9]+)? */
static hz_status scan_number(struct scan *s)
{
    size_t start = s->at;
    bool negative = s->text[start] == '-';
    s->at += negative;
    if (negative && s->at < s->len && s->text[s->at] == 'I')
        return HZ_OK; /* -Infinity: json-c's word */
    size_t digits = s->at;
    while (is_digit_at(s, s->at))
        s->at++;
    size_t n = s->at - digits, e = 0;
    bool whole = true, ok = n == 1 || (n > 1 && s->text[digits] != '0');
    if (s->at < s->len && s->text[s->at] == '.') {
        whole = false;
        ok = ok && is_digit_at(s, ++s->at);
        while (is_digit_at(s, s->at))
            s->at++;
    }
    if (s->at < s->len && (s->text[s->at] == 'e' || s->text[s->at] == 'E')) {
        whole = false;
        e = s->at++;
        s->at += s->at < s->len && (s->text[s->at] == '+' || s->text[s->at] == '-');
        ok = ok && is_digit_at(s, s->at);
        while (is_digit_at(s, s->at))
            s->at++;
    }
    if (!ok)
        return fail(s, start, "a number that JSON does not have");
    if (e && s->text[e] == 'E')
        mend(s, e, e + 1, "e", 1);
    const char *most = negative ? "9223372036854775808" : "9223372036854775807";
    if (whole && (n > 19 || (n == 19 && memcmp(s->text + digits, most, 19) > 0)))
        mend(s, s->at, s->at, HZ_JSON_LONG_MARK, strlen(HZ_JSON_LONG_MARK));
    return HZ_OK;
}

static hz_status scan_token(struct scan *s, int *depth)
{
    unsigned char c = (unsigned char)s->text[s->at];
    switch (c) {
    case '"':
        return scan_string(s);
    case '[':
    case '{':
        if (++*depth > HZ_JSON_MAX_DEPTH)
            return fail(s, s->at, "nested deeper than 512");
        break;
    case ']':
    case '}':
        --*depth;
        break;
    case '\t':
    case '\n':
    case '\r':
        break;
    default:
        if (c == '-' || (c >= '0' && c <= '9'))
            return scan_number(s);
        if (c < 0x20 || c >= 0x7F || c == '\'')
            return fail(s, s->at, "a character that is no part of JSON");
    }
    s->at++;
    return HZ_OK;
}

hz_status hz_json_scan(const char *text, size_t len, const char *name, struct hz_buf *mended, bool *nul_keys,
                       struct hz_error *err)
{
    struct scan s = {text, len, 0, 0, mended, false, name, err};
    if (len >= 3 && !memcmp(text, "\xEF\xBB\xBF", 3))
        return fail(&s, 0, "a byte order mark, which JSON does not have");
    int depth = 0;
    while (s.at < len)
        HZ_TRY(scan_token(&s, &depth));
    if (s.copied)
        mend(&s, len, len, NULL, 0);
    *nul_keys = s.nul_keys;
    return hz_buf_check(mended, name, err);
}
