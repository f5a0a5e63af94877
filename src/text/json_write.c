#include "text/json.h"
#include "text/number.h"
#include "text/utf8.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

void hz_json_begin(struct hz_json_writer *w, struct hz_buf *out, int indent)
{
    *w = (struct hz_json_writer){.out = out, .indent = indent, .first = true};
}

static void new_line(struct hz_json_writer *w)
{
    if (!w->indent)
        return;
    hz_buf_putc(w->out, '\n');
    for (int i = 0; i < w->indent * w->depth; i++)
        hz_buf_putc(w->out, ' ');
}

/* What stands between the last thing written and the next value or key. */
static void separate(struct hz_json_writer *w)
{
    if (w->after_key) {
        w->after_key = false;
        return;
    }
    if (!w->first)
        hz_buf_puts(w->out, w->indent ? "," : ", ");
    if (w->depth)
        new_line(w);
    w->first = false;
}

static void open_container(struct hz_json_writer *w, char c)
{
    separate(w);
    hz_buf_putc(w->out, c);
    w->depth++;
    w->first = true;
}

static void close_container(struct hz_json_writer *w, char c)
{
    w->depth--;
    if (!w->first)
        new_line(w);
    hz_buf_putc(w->out, c);
    w->first = false;
}

void hz_json_object(struct hz_json_writer *w)
{
    open_container(w, '{');
}

void hz_json_end_object(struct hz_json_writer *w)
{
    close_container(w, '}');
}

void hz_json_array(struct hz_json_writer *w)
{
    open_container(w, '[');
}

void hz_json_end_array(struct hz_json_writer *w)
{
    close_container(w, ']');
}

static void put_escaped(struct hz_buf *out, unsigned char c)
{
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    const char *at = c ? strchr(from, c) : NULL;
    if (at)
        hz_buf_printf(out, "\\%c", to[at - from]);
    else
        hz_buf_printf(out, "\\u%04x", c);
}

static void put_quoted(struct hz_buf *out, const char *s, size_t len)
{
    hz_buf_putc(out, '"');
    size_t plain = 0; /* s[plain..i) is waiting to be copied */
    for (size_t i = 0; i < len;) {
        unsigned char c = (unsigned char)s[i];
        uint32_t cp;
        size_t n = c < 0x80 ? 1 : hz_utf8_decode(s + i, len - i, &cp);
        if (n && c >= 0x20 && c != '"' && c != '\\') {
            i += n;
            continue;
        }
        hz_buf_put(out, s + plain, i - plain);
        if (n)
            put_escaped(out, c);
        else
            hz_buf_puts(out, "\xEF\xBF\xBD"); /* a byte that is no UTF-8 */
        plain = ++i;
    }
    hz_buf_put(out, s + plain, len - plain);
    hz_buf_putc(out, '"');
}

void hz_json_put_str(struct hz_json_writer *w, const char *s, size_t len)
{
    separate(w);
    put_quoted(w->out, s, len);
}

void hz_json_put_cstr(struct hz_json_writer *w, const char *s)
{
    hz_json_put_str(w, s, strlen(s));
}

void hz_json_key_n(struct hz_json_writer *w, const char *key, size_t len)
{
    hz_json_put_str(w, key, len);
    hz_buf_puts(w->out, ": ");
    w->after_key = true;
}

void hz_json_key(struct hz_json_writer *w, const char *key)
{
    hz_json_key_n(w, key, strlen(key));
}

void hz_json_put_int(struct hz_json_writer *w, int64_t v)
{
    separate(w);
    hz_buf_printf(w->out, "%" PRId64, v);
}

void hz_json_put_double(struct hz_json_writer *w, double v)
{
    separate(w);
    char text[HZ_DOUBLE_CHARS];
    if (isnan(v))
        hz_buf_puts(w->out, "null");
    else if (isinf(v))
        hz_buf_puts(w->out, v < 0 ? "-1e999" : "1e999"); /* reads back as infinite, and is JSON */
    else
        hz_buf_put(w->out, text, hz_double_repr(v, text));
}

void hz_json_put_bool(struct hz_json_writer *w, bool v)
{
    separate(w);
    hz_buf_puts(w->out, v ? "true" : "false");
}

void hz_json_put_null(struct hz_json_writer *w)
{
    separate(w);
    hz_buf_puts(w->out, "null");
}

static void put_container(struct hz_json_writer *w, struct hz_json v)
{
    bool object = v.kind == HZ_JSON_OBJECT;
    open_container(w, object ? '{' : '[');
    for (struct hz_json_iter it = hz_json_each(v); hz_json_next(&it);) {
        if (object)
            hz_json_key_n(w, it.key, it.key_len);
        hz_json_put(w, it.value);
    }
    close_container(w, object ? '}' : ']');
}

void hz_json_put(struct hz_json_writer *w, struct hz_json v)
{
    int64_t i = 0;
    double d = 0;
    size_t len;
    const char *text;
    switch (v.kind) {
    case HZ_JSON_ABSENT:
    case HZ_JSON_NULL:
        hz_json_put_null(w);
        break;
    case HZ_JSON_BOOL:
        hz_json_put_bool(w, hz_json_bool(v, false));
        break;
    case HZ_JSON_INT:
        hz_json_int(v, &i);
        hz_json_put_int(w, i);
        break;
    case HZ_JSON_BIGINT:
        separate(w);
        text = hz_json_digits(v, &len);
        hz_buf_put(w->out, text, len);
        break;
    case HZ_JSON_FLOAT:
        hz_json_double(v, &d);
        hz_json_put_double(w, d);
        break;
    case HZ_JSON_STRING:
        text = hz_json_str(v, &len);
        hz_json_put_str(w, text, len);
        break;
    case HZ_JSON_ARRAY:
    case HZ_JSON_OBJECT:
        put_container(w, v);
        break;
    }
}
