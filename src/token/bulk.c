/* bulk.c - a pull reader of JSON, strict about what it reads. */
#include "token/bulk.h"

#include "text/utf8.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 512, MAX_STRING = 1 << 26 };

void hz_bulk_begin(struct hz_bulk *b, const char *text, const char *path, struct hz_bulk_part part,
                   struct hz_error *err)
{
    *b = (struct hz_bulk){.text = text, .path = path, .p = part.from, .end = part.to, .err = err};
    hz_buf_init(&b->unescaped[0], MAX_STRING);
    hz_buf_init(&b->unescaped[1], MAX_STRING);
}

void hz_bulk_free(struct hz_bulk *b)
{
    hz_buf_free(&b->unescaped[0]);
    hz_buf_free(&b->unescaped[1]);
}

hz_status hz_bulk_fail(struct hz_bulk *b, const char *what)
{
    size_t line = 1;
    for (const char *p = b->text; p < b->p; p++)
        line += *p == '\n';
    return hz_fail(b->err, HZ_E_FORMAT, "%s: byte %zu (line %zu): %s", b->path, (size_t)(b->p - b->text), line, what);
}

char hz_bulk_peek(struct hz_bulk *b)
{
    while (b->p < b->end && (*b->p == ' ' || *b->p == '\n' || *b->p == '\t' || *b->p == '\r'))
        b->p++;
    return b->p < b->end ? *b->p : 0;
}

hz_status hz_bulk_expect(struct hz_bulk *b, char c)
{
    if (hz_bulk_peek(b) != c) {
        char what[] = "a ? is expected";
        what[2] = c;
        return hz_bulk_fail(b, what);
    }
    b->p++;
    return HZ_OK;
}

hz_status hz_bulk_more(struct hz_bulk *b, bool first, char close, bool *more)
{
    *more = false;
    if (hz_bulk_peek(b) == close) {
        b->p++;
        return HZ_OK;
    }
    *more = true;
    return first ? HZ_OK : hz_bulk_expect(b, ',');
}

/* ---- strings ---------------------------------------------------------------------------------------------------- */

static bool hex4(const struct hz_bulk *b, const char *p, uint32_t *v)
{
    *v = 0;
    for (int i = 0; i < 4; i++) {
        char c = p + i < b->end ? p[i] : 0;
        uint32_t digit = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                         : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
                         : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A' + 10)
                                                : 16;
        if (digit > 15)
            return false;
        *v = *v << 4 | digit;
    }
    return true;
}

/* At a backslash: what it stands for goes to out. */
static hz_status read_escape(struct hz_bulk *b, struct hz_buf *out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    char c = b->p + 1 < b->end ? b->p[1] : 0;
    const char *simple = c ? strchr(from, c) : NULL;
    if (simple) {
        hz_buf_putc(out, to[simple - from]);
        b->p += 2;
        return HZ_OK;
    }
    uint32_t cp, low;
    if (c != 'u' || !hex4(b, b->p + 2, &cp))
        return hz_bulk_fail(b, "an escape that JSON does not have");
    b->p += 6;
    if (cp >= 0xD800 && cp < 0xDC00 && b->end - b->p >= 6 && b->p[0] == '\\' && b->p[1] == 'u' &&
        hex4(b, b->p + 2, &low) && low >= 0xDC00 && low < 0xE000) {
        cp = 0x10000 + ((cp - 0xD800) << 10) + (low - 0xDC00);
        b->p += 6;
    }
    if (cp >= 0xD800 && cp < 0xE000)
        return hz_bulk_fail(b, "half of a surrogate pair");
    char utf8[4];
    hz_buf_put(out, utf8, hz_utf8_encode(cp, utf8));
    return HZ_OK;
}

/* The plain run at b->p: up to a quote, a backslash or a control character. */
static hz_status plain_run(struct hz_bulk *b, const char **s, size_t *len)
{
    const char *p = b->p;
    unsigned char any = 0;
    while (p < b->end && *p != '"' && *p != '\\' && (unsigned char)*p >= 0x20)
        any |= (unsigned char)*p++;
    *s = b->p;
    *len = (size_t)(p - b->p);
    if (any >= 0x80 && !hz_utf8_valid(*s, *len))
        return hz_bulk_fail(b, "bytes that are not UTF-8");
    b->p = p;
    return HZ_OK;
}

hz_status hz_bulk_string(struct hz_bulk *b, const char **s, size_t *len)
{
    HZ_TRY(hz_bulk_expect(b, '"'));
    HZ_TRY(plain_run(b, s, len));
    if (b->p < b->end && *b->p == '"') {
        b->p++;
        return HZ_OK;
    }
    struct hz_buf *out = &b->unescaped[b->turn ^= 1];
    hz_buf_clear(out);
    hz_buf_put(out, *s, *len);
    while (b->p < b->end && *b->p == '\\') {
        HZ_TRY(read_escape(b, out));
        HZ_TRY(plain_run(b, s, len));
        hz_buf_put(out, *s, *len);
    }
    HZ_TRY(hz_bulk_expect(b, '"'));
    HZ_TRY(hz_buf_check(out, "a string", b->err));
    *s = out->data;
    *len = out->len;
    return HZ_OK;
}

/* ---- other values ----------------------------------------------------------------------------------------------- */

hz_status hz_bulk_number(struct hz_bulk *b, double *v)
{
    char digits[64];
    size_t n = 0;
    uint64_t whole = 0;
    hz_bulk_peek(b);
    const char *p = b->p;
    while (p < b->end && *p >= '0' && *p <= '9' && n < 15) { /* most are small whole numbers */
        whole = whole * 10 + (uint64_t)(*p++ - '0');
        n++;
    }
    if (n && (p == b->end || !strchr("0123456789.eE", *p))) {
        b->p = p;
        *v = (double)whole;
        return HZ_OK;
    }
    for (p = b->p, n = 0; p < b->end && *p && strchr("0123456789.eE+-", *p) && n + 1 < sizeof digits; n++)
        digits[n] = *p++;
    digits[n] = 0;
    char *end;
    *v = strtod(digits, &end);
    if (!n || end != digits + n)
        return hz_bulk_fail(b, "a number is expected");
    b->p = p;
    return HZ_OK;
}

static hz_status skip_string(struct hz_bulk *b)
{
    for (b->p++;; b->p++) {
        const char *quote = memchr(b->p, '"', (size_t)(b->end - b->p));
        if (!quote)
            return hz_bulk_fail(b, "a string that does not end");
        size_t slashes = 0;
        while (quote - slashes > b->p && quote[-1 - (ptrdiff_t)slashes] == '\\')
            slashes++;
        b->p = quote;
        if (slashes % 2 == 0)
            break;
    }
    b->p++;
    return HZ_OK;
}

/* Only as strict as it takes to find the end: what is skipped is read elsewhere. */
hz_status hz_bulk_skip(struct hz_bulk *b)
{
    int depth = 0;
    do {
        char c = hz_bulk_peek(b);
        if (!c)
            return hz_bulk_fail(b, "the text ends inside a value");
        if (c == '"') {
            HZ_TRY(skip_string(b));
        } else if (c == '{' || c == '[') {
            if (++depth > MAX_DEPTH)
                return hz_bulk_fail(b, "nested deeper than 512");
            b->p++;
        } else if (c == '}' || c == ']') {
            if (!depth--)
                return hz_bulk_fail(b, "a value is expected");
            b->p++;
        } else if (c == ',' || c == ':') {
            if (!depth)
                return hz_bulk_fail(b, "a value is expected");
            b->p++;
        } else { /* a number or a word */
            while (b->p < b->end && *b->p && !strchr(",:]}[{\" \n\r\t", *b->p))
                b->p++;
            if (b->p < b->end && !*b->p)
                return hz_bulk_fail(b, "a byte that is no part of JSON");
        }
    } while (depth);
    return HZ_OK;
}

/* ---- finding the two lists -------------------------------------------------------------------------------------- */

static bool is(const char *s, size_t len, const char *word)
{
    return len == strlen(word) && !memcmp(s, word, len);
}

static hz_status split_model(struct hz_bulk *b, struct hz_bulk_part *vocab, struct hz_bulk_part *merges,
                             const char **done, struct hz_buf *rest)
{
    bool more, first = true;
    HZ_TRY(hz_bulk_expect(b, '{'));
    *vocab = *merges = (struct hz_bulk_part){0};
    for (;; first = false) {
        const char *key;
        size_t len;
        HZ_TRY(hz_bulk_more(b, first, '}', &more));
        if (!more)
            return HZ_OK;
        HZ_TRY(hz_bulk_string(b, &key, &len));
        struct hz_bulk_part *part = is(key, len, "vocab") ? vocab : is(key, len, "merges") ? merges : NULL;
        HZ_TRY(hz_bulk_expect(b, ':'));
        hz_bulk_peek(b);
        const char *from = b->p;
        HZ_TRY(hz_bulk_skip(b));
        if (!part)
            continue;
        *part = (struct hz_bulk_part){from, b->p};
        hz_buf_put(rest, *done, (size_t)(from - *done));
        hz_buf_puts(rest, "null");
        *done = b->p;
    }
}

hz_status hz_bulk_split(const char *text, size_t len, const char *path, struct hz_buf *rest, struct hz_bulk_part *vocab,
                        struct hz_bulk_part *merges, struct hz_error *err)
{
    struct hz_bulk b;
    bool more = true;
    const char *done = text;
    *vocab = *merges = (struct hz_bulk_part){0};
    hz_bulk_begin(&b, text, path, (struct hz_bulk_part){text, text + len}, err);
    hz_status status = hz_bulk_expect(&b, '{');
    for (bool first = true; !status; first = false) {
        const char *key;
        size_t key_len;
        status = hz_bulk_more(&b, first, '}', &more);
        if (status || !more)
            break;
        status = hz_bulk_string(&b, &key, &key_len);
        bool model = !status && is(key, key_len, "model");
        if (!status)
            status = hz_bulk_expect(&b, ':');
        if (!status && model && hz_bulk_peek(&b) == '{')
            status = split_model(&b, vocab, merges, &done, rest);
        else if (!status)
            status = hz_bulk_skip(&b);
    }
    hz_buf_put(rest, done, (size_t)(text + len - done));
    hz_bulk_free(&b);
    return status ? status : hz_buf_check(rest, path, err);
}
