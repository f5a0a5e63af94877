/* py_str.c - searching, trimming, splitting and replacing in strings. */
#include "text/py.h"
#include "text/utf8.h"

#include <string.h>

size_t hz_py_find(const char *s, size_t from, size_t to, const char *needle, size_t n)
{
    if (from > to || n > to - from)
        return SIZE_MAX;
    if (!n)
        return from;
    for (size_t last = to - n; from <= last; from++) {
        const char *p = memchr(s + from, needle[0], last - from + 1);
        if (!p)
            return SIZE_MAX;
        from = (size_t)(p - s);
        if (!memcmp(p, needle, n))
            return from;
    }
    return SIZE_MAX;
}

size_t hz_py_rfind(const char *s, size_t from, size_t to, const char *needle, size_t n)
{
    if (from > to || n > to - from)
        return SIZE_MAX;
    for (size_t at = to - n + 1; at-- > from;)
        if (!n || (s[at] == needle[0] && !memcmp(s + at, needle, n)))
            return at;
    return SIZE_MAX;
}

/* The code point that ends before s[at], and its length. */
static size_t decode_before(const char *s, size_t at, uint32_t *cp)
{
    size_t n = 1;
    while (n < 4 && n < at && ((unsigned char)s[at - n] & 0xC0) == 0x80)
        n++;
    size_t got = hz_utf8_decode(s + at - n, n, cp);
    return got == n ? n : 1;
}

static bool in_set(struct hz_py_val chars, uint32_t cp, const char *bytes, size_t n)
{
    if (chars.kind != HZ_PY_STR)
        return hz_utf8_is_space(cp);
    return hz_py_find(chars.str->data, 0, chars.str->len, bytes, n) != SIZE_MAX;
}

hz_status hz_py_strip(struct hz_py *py, struct hz_py_val s, struct hz_py_val chars, int sides, struct hz_py_val *out)
{
    const char *data = s.str->data;
    size_t from = 0, to = s.str->len, n;
    uint32_t cp;
    if (chars.kind != HZ_PY_MISSING && chars.kind != HZ_PY_NONE && chars.kind != HZ_PY_STR)
        return hz_py_fail(py, "strip arg must be None or str");
    if (chars.kind == HZ_PY_STR)
        HZ_TRY(hz_py_step(py, to / 64 * (chars.str->len / 64 + 1)));
    while ((sides & HZ_PY_LEFT) && from < to) {
        n = hz_utf8_decode(data + from, to - from, &cp);
        n = n ? n : 1;
        if (!in_set(chars, cp, data + from, n))
            break;
        from += n;
    }
    while ((sides & HZ_PY_RIGHT) && to > from) {
        n = decode_before(data, to, &cp);
        if (!in_set(chars, cp, data + to - n, n))
            break;
        to -= n;
    }
    HZ_TRY(hz_py_str_part(py, s, from, to, out));
    out->safe = s.safe;
    return HZ_OK;
}

hz_status hz_py_replace(struct hz_py *py, struct hz_py_val s, struct hz_py_val from, struct hz_py_val to, int64_t count,
                        struct hz_py_val *out)
{
    const struct hz_py_str *a = s.str, *b = from.str;
    struct hz_py_sb sb;
    hz_py_sb_begin(&sb, py);
    HZ_TRY(hz_py_step(py, a->len / 64));
    size_t at = 0;
    if (!b->len) { /* between all characters, and at both ends */
        for (; count != 0 && sb.status == HZ_OK; count -= count > 0) {
            uint32_t cp;
            hz_py_sb_str(&sb, to);
            if (at >= a->len)
                break;
            size_t n = hz_utf8_decode(a->data + at, a->len - at, &cp);
            n = n ? n : 1;
            hz_py_sb_put(&sb, a->data + at, n);
            at += n;
        }
    } else {
        for (size_t hit; count != 0 && sb.status == HZ_OK; count -= count > 0) {
            hit = hz_py_find(a->data, at, a->len, b->data, b->len);
            if (hit == SIZE_MAX)
                break;
            hz_py_sb_put(&sb, a->data + at, hit - at);
            hz_py_sb_str(&sb, to);
            at = hit + b->len;
        }
    }
    if (!at && !sb.len && sb.status == HZ_OK) { /* nothing to do: no copy */
        *out = s;
        return HZ_OK;
    }
    hz_py_sb_put(&sb, a->data + at, a->len - at);
    HZ_TRY(hz_py_sb_end(&sb, out));
    out->safe = s.safe;
    return HZ_OK;
}

static hz_status push_part(struct hz_py *py, struct hz_py_list *list, struct hz_py_val s, size_t from, size_t to)
{
    struct hz_py_val part;
    HZ_TRY(hz_py_str_part(py, s, from, to, &part));
    part.safe = s.safe;
    return hz_py_push(py, list, part);
}

/* Length of the line end at s[at], 0 if there is none: those of str.splitlines. */
static size_t line_end(const char *s, size_t at, size_t len)
{
    unsigned char c = (unsigned char)s[at];
    if (c == '\r')
        return at + 1 < len && s[at + 1] == '\n' ? 2 : 1;
    if ((c >= '\n' && c <= '\f') || (c >= 0x1C && c <= 0x1E))
        return 1;
    if (c == 0xC2 && at + 1 < len && (unsigned char)s[at + 1] == 0x85)
        return 2;
    return c == 0xE2 && at + 2 < len && (!memcmp(s + at, "\xE2\x80\xA8", 3) || !memcmp(s + at, "\xE2\x80\xA9", 3)) ? 3
                                                                                                                   : 0;
}

hz_status hz_py_splitlines(struct hz_py *py, struct hz_py_val s, bool keep_ends, struct hz_py_list **out)
{
    size_t from = 0, len = s.str->len;
    if (!(*out = hz_py_list_new(py, 0)))
        return hz_py_status(py);
    HZ_TRY(hz_py_step(py, len / 64));
    for (size_t at = 0; at < len;) {
        size_t end = line_end(s.str->data, at, len);
        if (!end) {
            at++;
            continue;
        }
        HZ_TRY(push_part(py, *out, s, from, keep_ends ? at + end : at));
        from = at += end;
    }
    return from < len ? push_part(py, *out, s, from, len) : HZ_OK;
}

static hz_status split_blanks(struct hz_py *py, struct hz_py_val s, int64_t max, struct hz_py_list *list)
{
    const char *data = s.str->data;
    size_t len = s.str->len, at = 0, n;
    uint32_t cp;
    for (;;) {
        while (at < len && (n = hz_utf8_decode(data + at, len - at, &cp), hz_utf8_is_space(cp)))
            at += n;
        if (at >= len)
            return HZ_OK;
        size_t from = at;
        if (max >= 0 && (int64_t)list->n >= max) /* the rest as it is */
            return push_part(py, list, s, from, len);
        while (at < len && (n = hz_utf8_decode(data + at, len - at, &cp), !hz_utf8_is_space(cp)))
            at += n ? n : 1;
        HZ_TRY(push_part(py, list, s, from, at));
    }
}

static hz_status rsplit_blanks(struct hz_py *py, struct hz_py_val s, int64_t max, struct hz_py_list *list)
{
    const char *data = s.str->data;
    size_t at = s.str->len, n;
    uint32_t cp;
    for (;;) {
        while (at > 0 && (n = decode_before(data, at, &cp), hz_utf8_is_space(cp)))
            at -= n;
        if (!at)
            return HZ_OK;
        size_t to = at;
        if (max >= 0 && (int64_t)list->n >= max)
            return push_part(py, list, s, 0, to);
        while (at > 0 && (n = decode_before(data, at, &cp), !hz_utf8_is_space(cp)))
            at -= n;
        HZ_TRY(push_part(py, list, s, at, to));
    }
}

/* What sep has to be: a string that is not empty, or none for blanks. */
static hz_status check_separator(struct hz_py *py, struct hz_py_val s, struct hz_py_val sep, struct hz_py_list **out)
{
    if (!(*out = hz_py_list_new(py, 0)))
        return hz_py_status(py);
    if (sep.kind != HZ_PY_MISSING && sep.kind != HZ_PY_NONE && sep.kind != HZ_PY_STR)
        return hz_py_fail(py, "must be str or None, not %s", hz_py_type_name(sep));
    if (sep.kind == HZ_PY_STR && !sep.str->len)
        return hz_py_fail(py, "empty separator");
    return hz_py_step(py, s.str->len / 64);
}

hz_status hz_py_split(struct hz_py *py, struct hz_py_val s, struct hz_py_val sep, int64_t max, struct hz_py_list **out)
{
    HZ_TRY(check_separator(py, s, sep, out));
    if (sep.kind != HZ_PY_STR)
        return split_blanks(py, s, max, *out);
    size_t from = 0;
    for (; max < 0 || (int64_t)(*out)->n < max;) {
        size_t hit = hz_py_find(s.str->data, from, s.str->len, sep.str->data, sep.str->len);
        if (hit == SIZE_MAX)
            break;
        HZ_TRY(push_part(py, *out, s, from, hit));
        from = hit + sep.str->len;
    }
    return push_part(py, *out, s, from, s.str->len);
}

hz_status hz_py_rsplit(struct hz_py *py, struct hz_py_val s, struct hz_py_val sep, int64_t max, struct hz_py_list **out)
{
    HZ_TRY(check_separator(py, s, sep, out));
    struct hz_py_list *list = *out;
    if (sep.kind != HZ_PY_STR) {
        HZ_TRY(rsplit_blanks(py, s, max, list));
    } else {
        size_t to = s.str->len;
        while (max < 0 || (int64_t)list->n < max) {
            size_t hit = hz_py_rfind(s.str->data, 0, to, sep.str->data, sep.str->len);
            if (hit == SIZE_MAX)
                break;
            HZ_TRY(push_part(py, list, s, hit + sep.str->len, to));
            to = hit;
        }
        HZ_TRY(push_part(py, list, s, 0, to));
    }
    for (size_t i = 0; i + 1 < list->n - i; i++) { /* they were found from the end */
        struct hz_py_val t = list->at[i];
        list->at[i] = list->at[list->n - 1 - i];
        list->at[list->n - 1 - i] = t;
    }
    return HZ_OK;
}
