/* jinja_filters_text.c - filters over strings and numbers. */
#include "text/jinja_ast.h"
#include "text/jinja_filters.h"
#include "text/utf8.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct hz_py_val missing = {.kind = HZ_PY_MISSING};

/* jinja2's soft_str: text, and markup stays markup. */
static hz_status soft_str(struct hz_py *py, struct hz_py_val v, struct hz_py_val *out)
{
    *out = v;
    return v.kind == HZ_PY_STR ? HZ_OK : hz_py_str_of(py, v, out);
}

/* ---- case, blanks, markup --------------------------------------------------------------------------------------- */

static hz_status change_case(struct hz_py *py, struct hz_py_call *c, enum hz_py_case to, struct hz_py_val *out)
{
    HZ_TRY(soft_str(py, c->self, out));
    return hz_py_change_case(py, to, *out, out);
}

static hz_status upper(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    return change_case(py, c, HZ_PY_UPPER, out);
}

static hz_status lower(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    return change_case(py, c, HZ_PY_LOWER, out);
}

static hz_status capitalize(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    return change_case(py, c, HZ_PY_CAPITALIZE, out);
}

/* Words begin behind blanks and -({[<, so "it's" is "It's", other than with str.title. */
static hz_status title(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    struct hz_py_val s, part;
    struct hz_py_sb sb;
    HZ_TRY(soft_str(py, c->self, &s));
    hz_py_sb_begin(&sb, py);
    const char *data = s.str->data;
    for (size_t at = 0, len = s.str->len; at < len;) {
        size_t from = at, n;
        uint32_t cp;
        while (at < len && (n = hz_utf8_decode(data + at, len - at, &cp),
                            hz_utf8_is_space(cp) || (cp < 0x80 && cp && strchr("-({[<", (int)cp))))
            at += n;
        hz_py_sb_put(&sb, data + from, at - from);
        from = at;
        while (at < len && (n = hz_utf8_decode(data + at, len - at, &cp),
                            !hz_utf8_is_space(cp) && !(cp < 0x80 && cp && strchr("-({[<", (int)cp))))
            at += n ? n : 1;
        if (at == from)
            continue;
        n = hz_utf8_decode(data + from, at - from, &cp);
        n = n ? n : 1;
        HZ_TRY(hz_py_str_part(py, s, from, from + n, &part));
        HZ_TRY(hz_py_change_case(py, HZ_PY_UPPER, part, &part));
        hz_py_sb_str(&sb, part);
        HZ_TRY(hz_py_str_part(py, s, from + n, at, &part));
        HZ_TRY(hz_py_change_case(py, HZ_PY_LOWER, part, &part));
        hz_py_sb_str(&sb, part);
    }
    return hz_py_sb_end(&sb, out);
}

static hz_status trim(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    HZ_TRY(soft_str(py, c->self, out));
    return hz_py_strip(py, *out, c->arg[0], HZ_PY_LEFT | HZ_PY_RIGHT, out);
}

static hz_status string(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    return soft_str(py, c->self, out);
}

static hz_status safe(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    HZ_TRY(soft_str(py, c->self, out));
    out->safe = true;
    return HZ_OK;
}

static hz_status escape(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    return hz_py_escape(py, c->self, out);
}

static hz_status forceescape(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    HZ_TRY(hz_py_str_of(py, c->self, out));
    return hz_py_escape(py, *out, out);
}

static hz_status replace(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    struct hz_py_val s = c->self, from = c->arg[0], to = c->arg[1];
    int64_t count;
    HZ_TRY(hz_py_arg_int(py, c->arg[2].kind == HZ_PY_NONE ? missing : c->arg[2], -1, &count));
    bool markup = py->autoescape;
    bool escapes = markup && ((from.kind == HZ_PY_STR && from.safe) ||
                              (to.kind == HZ_PY_STR && to.safe && !(s.kind == HZ_PY_STR && s.safe)));
    HZ_TRY(escapes ? hz_py_escape(py, s, &s) : markup ? soft_str(py, s, &s) : hz_py_str_of(py, s, &s));
    HZ_TRY(hz_py_str_of(py, from, &from));
    HZ_TRY(markup ? soft_str(py, to, &to) : hz_py_str_of(py, to, &to));
    if (s.safe)
        HZ_TRY(hz_py_escape(py, to, &to));
    return hz_py_replace(py, s, from, to, count, out);
}

static hz_status format(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    bool keywords = c->rest.kw && c->rest.kw->n;
    HZ_TRY(soft_str(py, c->self, out));
    if (c->rest.n && keywords)
        return hz_py_fail(py, "can't handle positional and keyword arguments at the same time");
    if (keywords)
        return hz_py_percent(py, *out, hz_py_dict_val(c->rest.kw), out);
    struct hz_py_list *args = hz_py_list_new(py, c->rest.n);
    if (!args)
        return hz_py_status(py);
    for (size_t i = 0; i < c->rest.n; i++)
        HZ_TRY(hz_py_push(py, args, c->rest.at[i]));
    return hz_py_percent(py, *out, hz_py_tuple_val(args), out);
}

/* ---- layout ----------------------------------------------------------------------------------------------------- */

static hz_status center(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    int64_t width;
    struct hz_py_sb sb;
    HZ_TRY(soft_str(py, c->self, out));
    HZ_TRY(hz_py_arg_int(py, c->arg[0], 80, &width));
    int64_t gap = HZ_MAX(width - hz_py_len(*out), 0), left = gap / 2 + (gap & width & 1);
    hz_py_sb_begin(&sb, py);
    hz_py_sb_fill(&sb, " ", 1, (size_t)left);
    hz_py_sb_str(&sb, *out);
    hz_py_sb_fill(&sb, " ", 1, (size_t)(gap - left));
    return hz_py_sb_end(&sb, out);
}

/* arg: width (a number or the text itself), first, blank. */
static hz_status indent(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    struct hz_py_val newline, text = c->self, with = c->arg[0];
    struct hz_py_list *lines;
    struct hz_py_sb sb;
    bool first = hz_py_truth(c->arg[1]), blank = hz_py_truth(c->arg[2]);
    int64_t width = 4;
    if (with.kind != HZ_PY_STR) {
        HZ_TRY(hz_py_arg_int(py, with, 4, &width));
        HZ_TRY(hz_py_str_at(py, " ", 1, &with));
        HZ_TRY(hz_py_binary(py, HZ_PY_MUL, with, hz_py_int(width), &with));
    }
    bool markup = text.kind == HZ_PY_STR && text.safe;
    HZ_TRY(hz_py_str_at(py, "\n", 1, &newline));
    newline.safe = markup;
    HZ_TRY(hz_py_binary(py, HZ_PY_ADD, text, newline, &text)); /* what splitlines needs to see a last empty line */
    HZ_TRY(hz_py_splitlines(py, text, false, &lines));
    hz_py_sb_begin(&sb, py);
    for (size_t i = 0; i < lines->n; i++) {
        if (i)
            hz_py_sb_putc(&sb, '\n');
        if (i ? blank || lines->at[i].str->len : first)
            hz_py_sb_str(&sb, with);
        hz_py_sb_str(&sb, lines->at[i]);
    }
    HZ_TRY(hz_py_sb_end(&sb, out));
    out->safe = markup;
    return HZ_OK;
}

/* arg: length, killwords, end, leeway. */
static hz_status truncate(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    int64_t length, leeway;
    struct hz_py_val end = c->arg[2], space, cut;
    struct hz_py_list *parts;
    HZ_TRY(hz_py_arg_int(py, c->arg[0], 255, &length));
    HZ_TRY(hz_py_arg_int(py, c->arg[3].kind == HZ_PY_NONE ? missing : c->arg[3], 5, &leeway));
    if (end.kind == HZ_PY_MISSING)
        HZ_TRY(hz_py_str_at(py, "...", 3, &end));
    HZ_TRY(hz_py_arg_str(py, end, "end"));
    if (length < hz_py_len(end) || leeway < 0)
        return hz_py_fail(py, "truncate() expects a length of the end at least, and a leeway of 0 at least");
    *out = c->self;
    if (hz_py_len(c->self) < 0)
        return hz_py_fail(py, "object of type '%s' has no len()", hz_py_type_name(c->self));
    if (hz_py_len(c->self) - leeway <= length)
        return HZ_OK;
    HZ_TRY(hz_py_slice(py, c->self, missing, hz_py_int(length - hz_py_len(end)), missing, &cut));
    if (!hz_py_truth(c->arg[1])) {
        HZ_TRY(hz_py_arg_str(py, cut, "truncate() argument"));
        HZ_TRY(hz_py_str_at(py, " ", 1, &space));
        HZ_TRY(hz_py_rsplit(py, cut, space, 1, &parts));
        cut = parts->at[0];
    }
    return hz_py_binary(py, HZ_PY_ADD, cut, end, out);
}

static hz_status wordcount(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    struct hz_py_val s;
    int64_t words = 0;
    bool inside = false;
    HZ_TRY(soft_str(py, c->self, &s));
    for (size_t at = 0, n; at < s.str->len; at += n ? n : 1) {
        uint32_t cp;
        n = hz_utf8_decode(s.str->data + at, s.str->len - at, &cp);
        bool word = hz_py_is_word(cp);
        words += word && !inside;
        inside = word;
    }
    *out = hz_py_int(words);
    return HZ_OK;
}

/* ---- numbers ---------------------------------------------------------------------------------------------------- */

static hz_status to_int(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    struct hz_py_val v = c->self;
    int64_t base;
    bool ok = false;
    double f = 0;
    HZ_TRY(hz_py_arg_int(py, c->arg[1], 10, &base));
    *out = c->arg[0].kind == HZ_PY_MISSING ? hz_py_int(0) : c->arg[0];
    if (v.kind == HZ_PY_UNDEFINED)
        return hz_py_fail_undefined(py, v);
    if (hz_py_is_int(v))
        return hz_py_positive(py, v, out);
    if (v.kind == HZ_PY_FLOAT && isinf(v.f))
        return hz_py_fail(py, "cannot convert float infinity to integer");
    if (v.kind == HZ_PY_STR) {
        struct hz_py_val parsed;
        HZ_TRY(hz_py_parse_int(py, v, base, &parsed, &ok));
        if (ok) {
            *out = parsed;
            return HZ_OK;
        }
        ok = hz_py_parse_float(v, &f) && isfinite(f); /* "42.23" is 42 */
    } else if (v.kind == HZ_PY_FLOAT) {
        f = v.f;
        ok = !isnan(f);
    }
    return ok ? hz_py_int_from_double(py, f, out) : HZ_OK;
}

static hz_status to_float(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    double f = 0;
    bool ok = hz_py_is_number(c->self);
    if (c->self.kind == HZ_PY_UNDEFINED)
        return hz_py_fail_undefined(py, c->self);
    if (ok)
        f = hz_py_double(c->self);
    else
        ok = c->self.kind == HZ_PY_STR && hz_py_parse_float(c->self, &f);
    *out = ok ? hz_py_float(f) : c->arg[0].kind == HZ_PY_MISSING ? hz_py_float(0) : c->arg[0];
    return HZ_OK;
}

static hz_status absolute(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    struct hz_py_val v = c->self;
    if (v.kind == HZ_PY_UNDEFINED)
        return hz_py_fail_undefined(py, v);
    if (!hz_py_is_number(v))
        return hz_py_fail(py, "bad operand type for abs(): '%s'", hz_py_type_name(v));
    if (v.kind == HZ_PY_FLOAT) {
        *out = hz_py_float(fabs(v.f));
        return HZ_OK;
    }
    return hz_py_int_negative(v) ? hz_py_negative(py, v, out) : hz_py_positive(py, v, out);
}

/* v to a multiple of 10^-places, places < 0; halves go to the even one. */
static double round_to_tens(double v, int64_t places)
{
    double unit = pow(10, (double)-places), whole = floor(fabs(v)), rest = fmod(whole, unit), half = unit / 2;
    bool above = rest > half || (rest == half && fabs(v) > whole), tie = rest == half && fabs(v) == whole;
    double low = whole - rest;
    bool up = above || (tie && fmod(low / unit, 2) != 0);
    return copysign(low + (up ? unit : 0), v);
}

/* The same of an int, exactly. */
static hz_status round_int(struct hz_py *py, struct hz_py_val v, int64_t places, struct hz_py_val *out)
{
    struct hz_py_val unit, rest, twice, half;
    HZ_TRY(hz_py_int_op(py, HZ_PY_POW, hz_py_int(10), hz_py_int(-HZ_MAX(places, -100000)), &unit));
    HZ_TRY(hz_py_int_op(py, HZ_PY_MOD, v, unit, &rest));
    HZ_TRY(hz_py_int_op(py, HZ_PY_SUB, v, rest, out));
    HZ_TRY(hz_py_int_op(py, HZ_PY_MUL, rest, hz_py_int(2), &twice));
    HZ_TRY(hz_py_int_op(py, HZ_PY_FLOORDIV, *out, unit, &half));
    HZ_TRY(hz_py_int_op(py, HZ_PY_MOD, half, hz_py_int(2), &half));
    int order = hz_py_number_order(twice, unit);
    bool up = order > 0 || (order == 0 && hz_py_truth(half));
    return up ? hz_py_int_op(py, HZ_PY_ADD, *out, unit, out) : HZ_OK;
}

static hz_status round_common(struct hz_py *py, struct hz_py_val v, int64_t places, struct hz_py_val *out)
{
    enum { EXACT = 320 };
    char text[EXACT + 340];
    if (hz_py_is_int(v))
        return places < 0 ? round_int(py, v, places, out) : hz_py_positive(py, v, out);
    *out = v;
    if (!isfinite(v.f) || places > EXACT)
        return HZ_OK;
    if (places < 0) {
        *out = hz_py_float(places < -308 ? copysign(0, v.f) : round_to_tens(v.f, places));
        return HZ_OK;
    }
    snprintf(text, sizeof text, "%.*f", (int)places, v.f); /* exact, and strtod reads the locale's own point */
    *out = hz_py_float(strtod(text, NULL));
    return HZ_OK;
}

static hz_status round_number(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    int64_t places;
    struct hz_py_val v = c->self;
    bool common = c->arg[1].kind == HZ_PY_MISSING || hz_py_str_is(c->arg[1], "common"),
         up = hz_py_str_is(c->arg[1].kind == HZ_PY_STR ? c->arg[1] : missing, "ceil");
    HZ_TRY(hz_py_arg_int(py, c->arg[0], 0, &places));
    if (!common && !up && !hz_py_str_is(c->arg[1], "floor"))
        return hz_py_fail(py, "method must be common, ceil or floor");
    if (v.kind == HZ_PY_UNDEFINED)
        return hz_py_fail_undefined(py, v);
    if (!hz_py_is_number(v))
        return hz_py_fail(py, "type %s doesn't define __round__ method", hz_py_type_name(v));
    if (common)
        return round_common(py, v, places, out);
    double unit = pow(10, (double)places), scaled = hz_py_double(v) * unit;
    if (!isfinite(scaled))
        return hz_py_fail(py, "cannot convert float infinity or NaN to integer");
    *out = hz_py_float(((up ? ceil(scaled) : floor(scaled)) + 0.0) / unit); /* by way of an int: no negative zero */
    return HZ_OK;
}

static hz_status filesizeformat(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    static const char *const prefixes = "kMGTPEZY";
    struct hz_py_val v = c->self;
    struct hz_py_sb sb;
    char text[64];
    double bytes = 0;
    bool binary = hz_py_truth(c->arg[0]);
    if (v.kind == HZ_PY_UNDEFINED)
        return hz_py_fail_undefined(py, v);
    if (!hz_py_is_number(v) && !(v.kind == HZ_PY_STR && hz_py_parse_float(v, &bytes)))
        return hz_py_fail(py, "could not convert a %s to float", hz_py_type_name(v));
    bytes = hz_py_is_number(v) ? hz_py_double(v) : bytes;
    double base = binary ? 1024 : 1000, unit = base * base;
    hz_py_sb_begin(&sb, py);
    if (bytes == 1) {
        hz_py_sb_puts(&sb, "1 Byte");
    } else if (bytes < base) {
        snprintf(text, sizeof text, "%.0f Bytes", trunc(bytes) + 0.0); /* no minus before a zero */
        hz_py_sb_puts(&sb, text);
    } else {
        size_t i = 0;
        for (; i < 7 && bytes >= unit; i++)
            unit *= base;
        hz_py_put_fixed(&sb, base * bytes / unit, 1);
        snprintf(text, sizeof text, " %c%sB", binary && !i ? 'K' : prefixes[i], binary ? "i" : "");
        hz_py_sb_puts(&sb, text);
    }
    return hz_py_sb_end(&sb, out);
}

/* ---- HTML and URLs ---------------------------------------------------------------------------------------------- */

static void put_url(struct hz_py_sb *sb, struct hz_py_val s, bool query)
{
    for (size_t i = 0; i < s.str->len; i++) {
        unsigned char c = (unsigned char)s.str->data[i];
        char text[8];
        if (c == ' ' && query)
            hz_py_sb_putc(sb, '+');
        else if (c < 0x80 && (isalnum(c) || (c && strchr("_.-~", c)) || (c == '/' && !query)))
            hz_py_sb_putc(sb, (char)c);
        else {
            snprintf(text, sizeof text, "%%%02X", c);
            hz_py_sb_puts(sb, text);
        }
    }
}

static hz_status put_query_pair(struct hz_py *py, struct hz_py_sb *sb, struct hz_py_val key, struct hz_py_val value)
{
    HZ_TRY(hz_py_str_of(py, key, &key));
    HZ_TRY(hz_py_str_of(py, value, &value));
    if (sb->len)
        hz_py_sb_putc(sb, '&');
    put_url(sb, key, true);
    hz_py_sb_putc(sb, '=');
    put_url(sb, value, true);
    return HZ_OK;
}

static hz_status urlencode(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    struct hz_py_val v = c->self;
    struct hz_py_sb sb;
    struct hz_py_list *pairs, *pair;
    hz_py_sb_begin(&sb, py);
    if (v.kind == HZ_PY_STR || !hz_py_iterable(v)) {
        HZ_TRY(hz_py_str_of(py, v, &v));
        put_url(&sb, v, false);
        return hz_py_sb_end(&sb, out);
    }
    if (v.kind == HZ_PY_DICT) {
        for (size_t i = 0; i < v.dict->n; i++)
            HZ_TRY(put_query_pair(py, &sb, v.dict->at[i].key, v.dict->at[i].value));
        return hz_py_sb_end(&sb, out);
    }
    HZ_TRY(hz_py_list_of(py, v, &pairs));
    for (size_t i = 0; i < pairs->n; i++) {
        HZ_TRY(hz_py_list_of(py, pairs->at[i], &pair));
        if (pair->n != 2)
            return hz_py_fail(py, "urlencode wants pairs");
        HZ_TRY(put_query_pair(py, &sb, pair->at[0], pair->at[1]));
    }
    return hz_py_sb_end(&sb, out);
}

static hz_status xmlattr(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    struct hz_py_sb sb;
    bool space = c->arg[0].kind == HZ_PY_MISSING || hz_py_truth(c->arg[0]);
    if (c->self.kind != HZ_PY_DICT)
        return hz_py_fail(py, "xmlattr wants a mapping, not %s", hz_py_type_name(c->self));
    hz_py_sb_begin(&sb, py);
    for (size_t i = 0; i < c->self.dict->n; i++) {
        struct hz_py_val key = c->self.dict->at[i].key, value = c->self.dict->at[i].value;
        if (value.kind == HZ_PY_NONE || value.kind == HZ_PY_UNDEFINED)
            continue;
        HZ_TRY(hz_py_arg_str(py, key, "an attribute's name"));
        for (size_t k = 0; k < key.str->len; k++)
            if (strchr(" \t\n\r\f\v/>=", key.str->data[k]) && key.str->data[k])
                return hz_py_fail(py, "Invalid character in attribute name");
        HZ_TRY(hz_py_escape(py, key, &key));
        HZ_TRY(hz_py_escape(py, value, &value));
        hz_py_sb_puts(&sb, sb.len || space ? " " : "");
        hz_py_sb_str(&sb, key);
        hz_py_sb_puts(&sb, "=\"");
        hz_py_sb_str(&sb, value);
        hz_py_sb_putc(&sb, '"');
    }
    HZ_TRY(hz_py_sb_end(&sb, out));
    out->safe = py->autoescape;
    return HZ_OK;
}

/* ---- JSON ------------------------------------------------------------------------------------------------------- */

static hz_status json_separators(struct hz_py *py, struct hz_py_val v, struct hz_py_dumps *how)
{
    struct hz_py_list *pair;
    HZ_TRY(hz_py_list_of(py, v, &pair));
    if (pair->n != 2)
        return hz_py_fail(py, "tojson() wants two separators, not %zu", pair->n);
    HZ_TRY(hz_py_arg_str(py, pair->at[0], "a separator"));
    HZ_TRY(hz_py_arg_str(py, pair->at[1], "a separator"));
    how->item_sep = pair->at[0].str->data;
    how->item_sep_len = pair->at[0].str->len;
    how->key_sep = pair->at[1].str->data;
    how->key_sep_len = pair->at[1].str->len;
    return HZ_OK;
}

/* transformers' own: json.dumps, nothing escaped for HTML. arg: ensure_ascii, indent, separators, sort_keys. */
static hz_status tojson(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    struct hz_py_dumps how = {.ensure_ascii = hz_py_truth(c->arg[0]), .sort_keys = hz_py_truth(c->arg[3])};
    struct hz_py_val with = c->arg[1], space;
    int64_t width;
    how.pretty = with.kind != HZ_PY_MISSING && with.kind != HZ_PY_NONE;
    if (how.pretty && with.kind != HZ_PY_STR) {
        HZ_TRY(hz_py_arg_int(py, with, 0, &width));
        HZ_TRY(hz_py_str_at(py, " ", 1, &space));
        HZ_TRY(hz_py_binary(py, HZ_PY_MUL, space, hz_py_int(width), &with));
    }
    if (how.pretty) {
        how.indent = with.str->data;
        how.indent_len = with.str->len;
    }
    how.item_sep = how.pretty ? "," : ", ";
    how.item_sep_len = strlen(how.item_sep);
    how.key_sep = ": ";
    how.key_sep_len = 2;
    if (c->arg[2].kind != HZ_PY_MISSING && c->arg[2].kind != HZ_PY_NONE)
        HZ_TRY(json_separators(py, c->arg[2], &how));
    return hz_py_to_json(py, c->self, &how, out);
}

const struct hz_py_def hz_jinja_text_filters[] = {
    {"tojson", "ensure_ascii= indent= separators= sort_keys=", tojson},
    {"trim", "chars=", trim},
    {"upper", "", upper},
    {"lower", "", lower},
    {"capitalize", "", capitalize},
    {"title", "", title},
    {"string", "", string},
    {"safe", "", safe},
    {"e", "", escape},
    {"escape", "", escape},
    {"forceescape", "", forceescape},
    {"replace", "old new count=", replace},
    {"format", "* **", format},
    {"center", "width=", center},
    {"indent", "width= first= blank=", indent},
    {"truncate", "length= killwords= end= leeway=", truncate},
    {"wordcount", "", wordcount},
    {"int", "default= base=", to_int},
    {"float", "default=", to_float},
    {"abs", "", absolute},
    {"round", "precision= method=", round_number},
    {"filesizeformat", "binary=", filesizeformat},
    {"urlencode", "", urlencode},
    {"xmlattr", "autospace=", xmlattr},
    {"striptags", "", hz_jinja_striptags},
    {"urlize", "trim_url_limit= nofollow= target= rel= extra_schemes=", hz_jinja_urlize},
    {"wordwrap", "width= break_long_words= wrapstring= break_on_hyphens=", hz_jinja_wordwrap},
    {"pprint", "", hz_jinja_pprint},
    {NULL, NULL, NULL},
};
