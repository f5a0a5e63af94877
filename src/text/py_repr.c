/* py_repr.c - values as text: str(), repr() and json.dumps(). */
#include "text/number.h"
#include "text/py.h"
#include "text/utf8.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *hz_py_type_name(struct hz_py_val v)
{
    static const char *const names[] = {
        [HZ_PY_MISSING] = "missing", [HZ_PY_UNDEFINED] = "Undefined",
        [HZ_PY_NONE] = "NoneType",   [HZ_PY_BOOL] = "bool",
        [HZ_PY_INT] = "int",         [HZ_PY_BIGINT] = "int",
        [HZ_PY_FLOAT] = "float",     [HZ_PY_STR] = "str",
        [HZ_PY_LIST] = "list",       [HZ_PY_TUPLE] = "tuple",
        [HZ_PY_DICT] = "dict",       [HZ_PY_RANGE] = "range",
        [HZ_PY_VIEW] = "dict_items", [HZ_PY_ITER] = "generator",
        [HZ_PY_FUNC] = "function",
    };
    if (v.kind == HZ_PY_OBJECT)
        return v.object->cls->name;
    if (v.kind == HZ_PY_STR && v.safe)
        return "Markup";
    return names[v.kind];
}

/* ---- repr ------------------------------------------------------------------------------------------------------- */

void hz_py_escape_cp(uint32_t cp, char out[16])
{
    snprintf(out, 16, cp < 0x100 ? "\\x%02" PRIx32 : cp < 0x10000 ? "\\u%04" PRIx32 : "\\U%08" PRIx32, cp);
}

static void put_char_repr(struct hz_py_sb *sb, uint32_t cp, const char *bytes, size_t n, char quote)
{
    static const char from[] = "\\\n\r\t", to[] = "\\nrt";
    char text[16];
    const char *at = cp && cp < 0x80 ? strchr(from, (int)cp) : NULL;
    if (at)
        snprintf(text, sizeof text, "\\%c", to[at - from]);
    else if (cp == (unsigned char)quote)
        snprintf(text, sizeof text, "\\%c", quote);
    else if (hz_py_is_printable(cp)) {
        hz_py_sb_put(sb, bytes, n);
        return;
    } else {
        hz_py_escape_cp(cp, text);
    }
    hz_py_sb_puts(sb, text);
}

static void put_str_repr(struct hz_py_sb *sb, struct hz_py_val v)
{
    const char *s = v.str->data;
    size_t len = v.str->len;
    char quote = len && memchr(s, '\'', len) && !memchr(s, '"', len) ? '"' : '\'';
    hz_py_sb_puts(sb, v.safe ? "Markup(" : "");
    hz_py_sb_putc(sb, quote);
    for (size_t i = 0; i < len;) {
        uint32_t cp;
        size_t n = hz_utf8_decode(s + i, len - i, &cp);
        n = n ? n : 1;
        put_char_repr(sb, cp, s + i, n, quote);
        i += n;
    }
    hz_py_sb_putc(sb, quote);
    hz_py_sb_puts(sb, v.safe ? ")" : "");
}

static void put_items(struct hz_py_sb *sb, const struct hz_py_list *list, const char *open, const char *close)
{
    hz_py_sb_puts(sb, open);
    for (size_t i = 0; i < list->n && sb->status == HZ_OK; i++) {
        hz_py_sb_puts(sb, i ? ", " : "");
        hz_py_put_repr(sb, list->at[i]);
    }
    hz_py_sb_puts(sb, close);
}

static void put_dict(struct hz_py_sb *sb, const struct hz_py_dict *dict)
{
    hz_py_sb_putc(sb, '{');
    for (size_t i = 0; i < dict->n && sb->status == HZ_OK; i++) {
        hz_py_sb_puts(sb, i ? ", " : "");
        hz_py_put_repr(sb, dict->at[i].key);
        hz_py_sb_puts(sb, ": ");
        hz_py_put_repr(sb, dict->at[i].value);
    }
    hz_py_sb_putc(sb, '}');
}

static void put_view(struct hz_py_sb *sb, const struct hz_py_view *view)
{
    static const char *const open[] = {"dict_keys([", "dict_values([", "dict_items(["};
    hz_py_sb_puts(sb, open[view->which]);
    for (size_t i = 0; i < view->dict->n && sb->status == HZ_OK; i++) {
        const struct hz_py_entry *e = &view->dict->at[i];
        hz_py_sb_puts(sb, i ? ", " : "");
        hz_py_sb_puts(sb, view->which == HZ_PY_ITEMS ? "(" : "");
        if (view->which != HZ_PY_VALUES)
            hz_py_put_repr(sb, e->key);
        hz_py_sb_puts(sb, view->which == HZ_PY_ITEMS ? ", " : "");
        if (view->which != HZ_PY_KEYS)
            hz_py_put_repr(sb, e->value);
        hz_py_sb_puts(sb, view->which == HZ_PY_ITEMS ? ")" : "");
    }
    hz_py_sb_puts(sb, "])");
}

static void put_range(struct hz_py_sb *sb, const struct hz_py_range *r)
{
    char text[96];
    int n = snprintf(text, sizeof text, "range(%" PRId64 ", %" PRId64, r->start, r->stop);
    if (r->step != 1)
        n += snprintf(text + n, sizeof text - (size_t)n, ", %" PRId64, r->step);
    snprintf(text + n, sizeof text - (size_t)n, ")");
    hz_py_sb_puts(sb, text);
}

static void put_func(struct hz_py_sb *sb, const struct hz_py_func *f)
{
    bool method = f->self.kind != HZ_PY_MISSING;
    hz_py_sb_puts(sb, method ? "<built-in method " : "<function ");
    hz_py_sb_puts(sb, f->def->name);
    if (method) {
        hz_py_sb_puts(sb, " of ");
        hz_py_sb_puts(sb, hz_py_type_name(f->self));
        hz_py_sb_puts(sb, " object");
    }
    hz_py_sb_putc(sb, '>');
}

static void put_number(struct hz_py_sb *sb, struct hz_py_val v)
{
    char text[HZ_DOUBLE_CHARS];
    if (v.kind == HZ_PY_FLOAT) {
        hz_py_sb_put(sb, text, hz_double_repr(v.f, text));
        return;
    }
    hz_py_sb_puts(sb, hz_py_int_negative(v) ? "-" : "");
    hz_py_put_digits(sb, v, 10);
}

static void put_repr(struct hz_py_sb *sb, struct hz_py_val v)
{
    switch (v.kind) {
    case HZ_PY_UNDEFINED:
        hz_py_sb_puts(sb, "Undefined");
        break;
    case HZ_PY_NONE:
    case HZ_PY_MISSING:
        hz_py_sb_puts(sb, "None");
        break;
    case HZ_PY_BOOL:
        hz_py_sb_puts(sb, v.b ? "True" : "False");
        break;
    case HZ_PY_INT:
    case HZ_PY_BIGINT:
    case HZ_PY_FLOAT:
        put_number(sb, v);
        break;
    case HZ_PY_STR:
        put_str_repr(sb, v);
        break;
    case HZ_PY_LIST:
        put_items(sb, v.list, "[", "]");
        break;
    case HZ_PY_TUPLE:
        put_items(sb, v.list, "(", v.list->n == 1 ? ",)" : ")");
        break;
    case HZ_PY_DICT:
        put_dict(sb, v.dict);
        break;
    case HZ_PY_RANGE:
        put_range(sb, v.range);
        break;
    case HZ_PY_VIEW:
        put_view(sb, v.view);
        break;
    case HZ_PY_ITER:
        hz_py_sb_puts(sb, "<generator object>");
        break;
    case HZ_PY_FUNC:
        put_func(sb, v.func);
        break;
    case HZ_PY_OBJECT:
        if (v.object->cls->repr)
            v.object->cls->repr(sb, v.object);
        else {
            hz_py_sb_putc(sb, '<');
            hz_py_sb_puts(sb, v.object->cls->name);
            hz_py_sb_puts(sb, " object>");
        }
        break;
    }
}

void hz_py_put_repr(struct hz_py_sb *sb, struct hz_py_val v)
{
    if (sb->status != HZ_OK)
        return;
    sb->status = hz_py_step(sb->py, 1);
    if (sb->status == HZ_OK)
        sb->status = hz_py_enter(sb->py);
    if (sb->status != HZ_OK)
        return;
    put_repr(sb, v);
    sb->py->depth--;
}

void hz_py_put_ascii(struct hz_py_sb *sb, struct hz_py_val v)
{
    struct hz_py_sb text;
    hz_py_sb_begin(&text, sb->py);
    hz_py_put_repr(&text, v);
    if (sb->status == HZ_OK)
        sb->status = text.status;
    for (size_t i = 0, n; i < text.len && sb->status == HZ_OK; i += n ? n : 1) {
        uint32_t cp;
        char escape[16] = {text.data[i]};
        n = hz_utf8_decode(text.data + i, text.len - i, &cp);
        if (cp >= 0x80)
            hz_py_escape_cp(cp, escape);
        hz_py_sb_puts(sb, escape);
    }
}

void hz_py_put_str(struct hz_py_sb *sb, struct hz_py_val v)
{
    if (v.kind == HZ_PY_STR)
        hz_py_sb_str(sb, v);
    else if (v.kind != HZ_PY_UNDEFINED)
        hz_py_put_repr(sb, v);
}

hz_status hz_py_str_of(struct hz_py *py, struct hz_py_val v, struct hz_py_val *out)
{
    if (v.kind == HZ_PY_STR) {
        *out = v;
        out->safe = false;
        return HZ_OK;
    }
    struct hz_py_sb sb;
    hz_py_sb_begin(&sb, py);
    hz_py_put_str(&sb, v);
    return hz_py_sb_end(&sb, out);
}

/* ---- JSON ------------------------------------------------------------------------------------------------------- */

static void put_json_char(struct hz_py_sb *sb, uint32_t cp, const char *bytes, size_t n, bool ascii)
{
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    const char *at = cp && cp < 0x80 ? strchr(from, (int)cp) : NULL;
    char text[16];
    if (at)
        snprintf(text, sizeof text, "\\%c", to[at - from]);
    else if (cp < 0x20 || (ascii && cp >= 0x7F && cp < 0x10000))
        snprintf(text, sizeof text, "\\u%04" PRIx32, cp);
    else if (ascii && cp >= 0x10000)
        snprintf(text, sizeof text, "\\u%04" PRIx32 "\\u%04" PRIx32, 0xD800 + ((cp - 0x10000) >> 10),
                 0xDC00 + ((cp - 0x10000) & 0x3FF));
    else {
        hz_py_sb_put(sb, bytes, n);
        return;
    }
    hz_py_sb_puts(sb, text);
}

static void put_json_str(struct hz_py_sb *sb, struct hz_py_val v, bool ascii)
{
    const char *s = v.str->data;
    size_t len = v.str->len;
    hz_py_sb_putc(sb, '"');
    for (size_t i = 0; i < len;) {
        size_t plain = i; /* a stretch that needs nothing is copied at once */
        while (i < len && (unsigned char)s[i] >= 0x20 && s[i] != '"' && s[i] != '\\' && (unsigned char)s[i] < 0x7F)
            i++;
        hz_py_sb_put(sb, s + plain, i - plain);
        if (i >= len)
            break;
        uint32_t cp;
        size_t n = hz_utf8_decode(s + i, len - i, &cp);
        n = n ? n : 1;
        put_json_char(sb, cp, s + i, n, ascii);
        i += n;
    }
    hz_py_sb_putc(sb, '"');
}

static void put_json(struct hz_py_sb *sb, struct hz_py_val v, const struct hz_py_dumps *how, int level);

static void json_line(struct hz_py_sb *sb, const struct hz_py_dumps *how, int level)
{
    if (!how->pretty)
        return;
    hz_py_sb_putc(sb, '\n');
    hz_py_sb_fill(sb, how->indent, how->indent_len, (size_t)level);
}

static void json_fail(struct hz_py_sb *sb, const char *fmt, struct hz_py_val v)
{
    if (sb->status == HZ_OK)
        sb->status = hz_fail(sb->py->err, HZ_E_INVALID, fmt, hz_py_type_name(v));
}

static void put_json_scalar(struct hz_py_sb *sb, struct hz_py_val v)
{
    if (v.kind == HZ_PY_NONE)
        hz_py_sb_puts(sb, "null");
    else if (v.kind == HZ_PY_BOOL)
        hz_py_sb_puts(sb, v.b ? "true" : "false");
    else if (v.kind == HZ_PY_FLOAT && (v.f != v.f || v.f - v.f != 0))
        hz_py_sb_puts(sb, v.f != v.f ? "NaN" : v.f > 0 ? "Infinity" : "-Infinity");
    else
        put_number(sb, v);
}

static bool is_json_scalar(struct hz_py_val v)
{
    return v.kind == HZ_PY_NONE || hz_py_is_number(v);
}

static void put_json_key(struct hz_py_sb *sb, struct hz_py_val key, const struct hz_py_dumps *how)
{
    if (key.kind == HZ_PY_STR)
        put_json_str(sb, key, how->ensure_ascii);
    else if (is_json_scalar(key)) {
        hz_py_sb_putc(sb, '"');
        put_json_scalar(sb, key);
        hz_py_sb_putc(sb, '"');
    } else {
        json_fail(sb, "keys must be str, int, float, bool or None, not %s", key);
    }
    hz_py_sb_put(sb, how->key_sep, how->key_sep_len);
}

/* Entries in the order they are written in: [i] of a list of pairs when sorted. */
static hz_status sorted_entries(struct hz_py *py, const struct hz_py_dict *dict, struct hz_py_list **out)
{
    struct hz_py_list *items = hz_py_list_new(py, dict->n), *keys = hz_py_list_new(py, dict->n);
    if (!items || !keys)
        return hz_py_status(py);
    for (size_t i = 0; i < dict->n; i++) {
        struct hz_py_val pair;
        HZ_TRY(hz_py_pair(py, dict->at[i].key, dict->at[i].value, &pair));
        HZ_TRY(hz_py_push(py, items, pair));
        HZ_TRY(hz_py_push(py, keys, dict->at[i].key));
    }
    HZ_TRY(hz_py_sort(py, items, keys->at, false));
    *out = items;
    return HZ_OK;
}

static void put_json_dict(struct hz_py_sb *sb, const struct hz_py_dict *dict, const struct hz_py_dumps *how, int level)
{
    struct hz_py_list *sorted = NULL;
    if (how->sort_keys && sb->status == HZ_OK)
        sb->status = sorted_entries(sb->py, dict, &sorted);
    hz_py_sb_putc(sb, '{');
    for (size_t i = 0; i < dict->n && sb->status == HZ_OK; i++) {
        if (i)
            hz_py_sb_put(sb, how->item_sep, how->item_sep_len);
        json_line(sb, how, level + 1);
        put_json_key(sb, sorted ? sorted->at[i].list->at[0] : dict->at[i].key, how);
        put_json(sb, sorted ? sorted->at[i].list->at[1] : dict->at[i].value, how, level + 1);
    }
    if (dict->n)
        json_line(sb, how, level);
    hz_py_sb_putc(sb, '}');
}

static void put_json_list(struct hz_py_sb *sb, const struct hz_py_list *list, const struct hz_py_dumps *how, int level)
{
    hz_py_sb_putc(sb, '[');
    for (size_t i = 0; i < list->n && sb->status == HZ_OK; i++) {
        if (i)
            hz_py_sb_put(sb, how->item_sep, how->item_sep_len);
        json_line(sb, how, level + 1);
        put_json(sb, list->at[i], how, level + 1);
    }
    if (list->n)
        json_line(sb, how, level);
    hz_py_sb_putc(sb, ']');
}

static void put_json(struct hz_py_sb *sb, struct hz_py_val v, const struct hz_py_dumps *how, int level)
{
    if (sb->status == HZ_OK)
        sb->status = hz_py_step(sb->py, 1);
    if (sb->status == HZ_OK)
        sb->status = hz_py_enter(sb->py);
    if (sb->status != HZ_OK)
        return;
    if (v.kind == HZ_PY_STR)
        put_json_str(sb, v, how->ensure_ascii);
    else if (is_json_scalar(v))
        put_json_scalar(sb, v);
    else if (v.kind == HZ_PY_LIST || v.kind == HZ_PY_TUPLE)
        put_json_list(sb, v.list, how, level);
    else if (v.kind == HZ_PY_DICT)
        put_json_dict(sb, v.dict, how, level);
    else
        json_fail(sb, "Object of type %s is not JSON serializable", v);
    sb->py->depth--;
}

hz_status hz_py_to_json(struct hz_py *py, struct hz_py_val v, const struct hz_py_dumps *how, struct hz_py_val *out)
{
    struct hz_py_sb sb;
    hz_py_sb_begin(&sb, py);
    put_json(&sb, v, how, 0);
    return hz_py_sb_end(&sb, out);
}
