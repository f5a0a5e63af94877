/* py_format.c - values put into text: s % args, s.format(...), and format specifications. */
#include "text/number.h"
#include "text/py.h"
#include "text/utf8.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_WIDTH = 1 << 20, MAX_PRECISION = 1000 };

/* [[fill]align][sign][#][0][width][grouping][.precision][type] */
struct spec {
    char fill[4];
    size_t fill_len;
    char align; /* '<' '>' '^' '=', 0: the type's own */
    char sign;  /* '-' '+' ' ', 0: not given */
    bool alternate, no_negative_zero;
    char group;               /* ',' '_' or 0 */
    int64_t width, precision; /* -1: none */
    char type;
};

static const struct spec plain_spec = {.fill = " ", .fill_len = 1, .width = -1, .precision = -1};

/* Pads text, of which the first `head` bytes (sign and prefix) stand before filling zeros. */
static void put_padded(struct hz_py_sb *sb, const struct spec *spec, const char *text, size_t len, size_t head,
                       char align)
{
    int64_t chars = (int64_t)hz_utf8_count(text, len), missing = HZ_MAX(spec->width - chars, 0);
    align = spec->align ? spec->align : align;
    int64_t left = align == '>' ? missing : align == '^' ? missing / 2 : 0;
    hz_py_sb_fill(sb, spec->fill, spec->fill_len, (size_t)left);
    if (align == '=') {
        hz_py_sb_put(sb, text, head);
        hz_py_sb_fill(sb, spec->fill, spec->fill_len, (size_t)missing);
        hz_py_sb_put(sb, text + head, len - head);
        return;
    }
    hz_py_sb_put(sb, text, len);
    hz_py_sb_fill(sb, spec->fill, spec->fill_len, (size_t)(missing - left));
}

/* The whole digits with separators, zeros in front so that at least `least` characters come out. */
static void put_grouped(struct hz_py_sb *sb, const char *digits, size_t n, char group, size_t every, int64_t least)
{
    size_t zeros = 0;
    while ((int64_t)(n + zeros + (n + zeros - 1) / every) < least)
        zeros++;
    for (size_t i = 0, total = n + zeros; i < total; i++) {
        if (i && (total - i) % every == 0)
            hz_py_sb_putc(sb, group);
        hz_py_sb_putc(sb, i < zeros ? '0' : digits[i - zeros]);
    }
}

/* Sign, prefix, digits and what follows them (fraction, exponent, percent), padded. */
static void put_number(struct hz_py_sb *sb, const struct spec *spec, bool negative, const char *prefix,
                       const char *digits, size_t n)
{
    struct hz_py_sb text;
    hz_py_sb_begin(&text, sb->py);
    if (negative || spec->sign == '+' || spec->sign == ' ')
        hz_py_sb_putc(&text, negative ? '-' : spec->sign);
    hz_py_sb_puts(&text, prefix);
    size_t head = text.len, whole = 0;
    bool hex = spec->type == 'x' || spec->type == 'X';
    while (whole < n && (hex ? isxdigit((unsigned char)digits[whole]) : isdigit((unsigned char)digits[whole])))
        whole++;
    if (spec->group && whole) {
        bool zeros = spec->align == '=' && spec->fill[0] == '0';
        int64_t least = zeros ? spec->width - (int64_t)(head + n - whole) : 0;
        put_grouped(&text, digits, whole, spec->group, hex || spec->type == 'b' || spec->type == 'o' ? 4 : 3, least);
    } else {
        hz_py_sb_put(&text, digits, whole);
    }
    hz_py_sb_put(&text, digits + whole, n - whole);
    if (text.status != HZ_OK)
        sb->status = text.status;
    else
        put_padded(sb, spec, text.data, text.len, head, '>');
}

static void put_int(struct hz_py_sb *sb, const struct spec *spec, struct hz_py_val v)
{
    int base = spec->type == 'x' || spec->type == 'X' ? 16 : spec->type == 'o' ? 8 : spec->type == 'b' ? 2 : 10;
    const char *prefix = !spec->alternate ? ""
                         : base == 16     ? (spec->type == 'X' ? "0X" : "0x")
                         : base == 8      ? "0o"
                         : base == 2      ? "0b"
                                          : "";
    struct hz_py_sb digits, text;
    hz_py_sb_begin(&digits, sb->py);
    hz_py_sb_begin(&text, sb->py);
    hz_py_put_digits(&digits, v, base);
    if (digits.status == HZ_OK && spec->precision > (int64_t)digits.len) /* of %: that many digits at least */
        hz_py_sb_fill(&text, "0", 1, (size_t)spec->precision - digits.len);
    hz_py_sb_put(&text, digits.data, digits.len);
    if (digits.status != HZ_OK || text.status != HZ_OK) {
        sb->status = digits.status != HZ_OK ? digits.status : text.status;
        return;
    }
    for (size_t i = 0; spec->type == 'X' && i < text.len; i++)
        text.data[i] = (char)toupper((unsigned char)text.data[i]);
    put_number(sb, spec, hz_py_int_negative(v), prefix, text.data, text.len);
}

/* printf's text of |v| with a point whatever the locale says. */
static size_t print_float(char *text, size_t cap, double v, char type, int precision, bool alternate)
{
    const char fmt[] = {
        '%', alternate ? '#' : '.', alternate ? '.' : '*', alternate ? '*' : type, alternate ? type : '\0', '\0'};
    int n = HZ_MAX(snprintf(text, cap, fmt, precision, fabs(v)), 0);
    for (int i = 0; i < n; i++)
        if (!isalnum((unsigned char)text[i]) && text[i] != '-' && text[i] != '+')
            text[i] = '.';
    return (size_t)n;
}

/* format(v) without a type: repr, or with a precision as 'g' that never is without a digit behind the point, and turns
 * to an exponent one digit earlier. */
static size_t print_general(char *text, size_t cap, double v, int precision)
{
    if (precision < 0)
        return hz_double_repr(fabs(v), text);
    precision = precision ? precision : 1;
    size_t n = print_float(text, cap, v, 'e', precision - 1, false);
    int exponent = atoi(strchr(text, 'e') + 1);
    if (exponent == precision - 1)
        return n;
    n = print_float(text, cap, v, 'g', precision, false);
    if (!memchr(text, 'e', n) && !memchr(text, '.', n) && n + 2 < cap) {
        memcpy(text + n, ".0", 3);
        n += 2;
    }
    return n;
}

static void put_float(struct hz_py_sb *sb, const struct spec *spec, double v)
{
    char text[MAX_PRECISION + 340];
    char type = spec->type;
    int precision = spec->precision < 0 ? 6 : (int)HZ_MIN(spec->precision, MAX_PRECISION);
    bool negative = signbit(v) && v == v, percent = type == '%', upper = type && isupper((unsigned char)type);
    if (spec->precision > MAX_PRECISION) {
        sb->status = hz_fail(sb->py->err, HZ_E_LIMIT, "a format asks for more than %d digits", MAX_PRECISION);
        return;
    }
    size_t n;
    if (isnan(v) || isinf(v)) {
        n = (size_t)snprintf(text, sizeof text, "%s%s", isnan(v) ? "nan" : "inf", percent ? "%" : "");
    } else if (!type) {
        n = print_general(text, sizeof text, v, (int)spec->precision);
    } else {
        type = percent ? 'f' : type == 'n' ? 'g' : (char)tolower((unsigned char)type);
        precision = type == 'g' && !precision ? 1 : precision;
        n = print_float(text, sizeof text - 1, percent ? v * 100 : v, type, precision, spec->alternate);
        if (percent)
            text[n++] = '%';
    }
    for (size_t i = 0; upper && i < n; i++)
        text[i] = (char)toupper((unsigned char)text[i]);
    bool zero = true;
    for (size_t i = 0; i < n && tolower((unsigned char)text[i]) != 'e'; i++)
        zero = zero && (text[i] == '0' || text[i] == '.' || text[i] == '%');
    put_number(sb, spec, negative && !(zero && spec->no_negative_zero), "", text, n);
}

void hz_py_put_fixed(struct hz_py_sb *sb, double v, int precision)
{
    struct spec spec = plain_spec;
    spec.type = 'f';
    spec.precision = precision;
    put_float(sb, &spec, v);
}

static void put_text(struct hz_py_sb *sb, const struct spec *spec, struct hz_py_val s, char align)
{
    size_t len = spec->precision < 0 ? s.str->len : hz_py_offset(s, (size_t)spec->precision);
    put_padded(sb, spec, s.str->data, len, 0, align);
}

static void sb_fail(struct hz_py_sb *sb, const char *fmt, const char *what)
{
    if (sb->status == HZ_OK)
        sb->status = hz_fail(sb->py->err, HZ_E_INVALID, fmt, what);
}

/* A code point, as %c and type 'c' want it. */
static void put_char(struct hz_py_sb *sb, const struct spec *spec, struct hz_py_val v, char align)
{
    char text[4];
    int64_t cp;
    if (!hz_py_small(v, &cp) || cp < 0 || cp > 0x10FFFF || (cp >= 0xD800 && cp <= 0xDFFF))
        sb_fail(sb, "%%c arg not in range(0x110000)%s", "");
    else
        put_padded(sb, spec, text, hz_utf8_encode((uint32_t)cp, text), 0, align);
}

/* ---- s % args --------------------------------------------------------------------------------------------------- */

struct percent {
    const char *at, *end;
    struct hz_py_val args; /* what stands right of % */
    size_t used;
    bool safe; /* the format is markup: what is put in gets escaped */
};

/* The next argument, or the one of a key in parentheses. */
static hz_status percent_arg(struct hz_py *py, struct percent *p, struct hz_py_val *out)
{
    if (p->args.kind == HZ_PY_TUPLE) {
        if (p->used >= p->args.list->n)
            return hz_py_fail(py, "not enough arguments for format string");
        *out = p->args.list->at[p->used++];
        return HZ_OK;
    }
    if (p->used++)
        return hz_py_fail(py, "not enough arguments for format string");
    *out = p->args;
    return HZ_OK;
}

static hz_status percent_key(struct hz_py *py, struct percent *p, struct hz_py_val *out)
{
    const char *from = ++p->at;
    int depth = 1;
    for (; p->at < p->end && depth; p->at++)
        depth += *p->at == '(' ? 1 : *p->at == ')' ? -1 : 0;
    if (depth)
        return hz_py_fail(py, "incomplete format key");
    if (p->args.kind != HZ_PY_DICT)
        return hz_py_fail(py, "format requires a mapping");
    size_t len = (size_t)(p->at - from - 1);
    struct hz_py_val *found = hz_py_dict_get_str(p->args.dict, from, len);
    if (!found)
        return hz_py_fail(py, "KeyError: '%.*s'", (int)HZ_MIN(len, 100), from);
    *out = *found;
    return HZ_OK;
}

static hz_status percent_number(struct hz_py *py, struct percent *p, int64_t *out)
{
    if (p->at < p->end && *p->at == '*') {
        struct hz_py_val v;
        p->at++;
        HZ_TRY(percent_arg(py, p, &v));
        if (!hz_py_small(v, out))
            return hz_py_fail(py, "* wants int");
    } else {
        for (*out = 0; p->at < p->end && isdigit((unsigned char)*p->at); p->at++)
            *out = HZ_MIN(*out * 10 + (*p->at - '0'), 2 * MAX_WIDTH);
    }
    if (*out > MAX_WIDTH || *out < -MAX_WIDTH)
        return hz_fail(py->err, HZ_E_LIMIT, "a format asks for more than %d characters", MAX_WIDTH);
    return HZ_OK;
}

/* Flags, width and precision. */
static hz_status percent_spec(struct hz_py *py, struct percent *p, struct spec *spec)
{
    bool left = false, zero = false;
    for (; p->at < p->end && strchr("-+ #0", *p->at) && *p->at; p->at++) {
        left = left || *p->at == '-';
        zero = zero || *p->at == '0';
        spec->alternate = spec->alternate || *p->at == '#';
        if (*p->at == '+' || (*p->at == ' ' && spec->sign != '+'))
            spec->sign = *p->at;
    }
    HZ_TRY(percent_number(py, p, &spec->width));
    if (spec->width < 0) {
        left = true;
        spec->width = -spec->width;
    }
    if (p->at < p->end && *p->at == '.') {
        p->at++;
        HZ_TRY(percent_number(py, p, &spec->precision));
        spec->precision = HZ_MAX(spec->precision, 0);
    }
    while (p->at < p->end && strchr("hlL", *p->at) && *p->at)
        p->at++;
    spec->align = left ? '<' : zero ? '=' : '>';
    spec->fill[0] = zero && !left ? '0' : ' ';
    if (p->at >= p->end)
        return hz_py_fail(py, "incomplete format");
    spec->type = *p->at++;
    return HZ_OK;
}

static hz_status percent_int(struct hz_py *py, struct hz_py_sb *sb, struct spec *spec, struct hz_py_val v)
{
    if (spec->type == 'd' && v.kind == HZ_PY_FLOAT) {
        if (!isfinite(v.f))
            return hz_py_fail(py, "cannot convert float %s to integer", isnan(v.f) ? "NaN" : "infinity");
        HZ_TRY(hz_py_int_from_double(py, v.f, &v));
    }
    if (!hz_py_is_int(v)) {
        if (v.kind == HZ_PY_UNDEFINED)
            return hz_py_fail_undefined(py, v);
        return hz_py_fail(py, "%%%c format: %s is required, not %s", spec->type,
                          spec->type == 'd' ? "a real number" : "an integer", hz_py_type_name(v));
    }
    put_int(sb, spec, v);
    return sb->status;
}

static hz_status percent_text(struct hz_py *py, struct hz_py_sb *sb, const struct percent *p, struct spec *spec,
                              struct hz_py_val v)
{
    if (spec->type == 's') {
        if (p->safe)
            HZ_TRY(hz_py_escape(py, v, &v));
        else
            HZ_TRY(hz_py_str_of(py, v, &v));
    } else {
        struct hz_py_sb repr;
        hz_py_sb_begin(&repr, py);
        (spec->type == 'a' ? hz_py_put_ascii : hz_py_put_repr)(&repr, v);
        HZ_TRY(hz_py_sb_end(&repr, &v));
        if (p->safe)
            HZ_TRY(hz_py_escape(py, v, &v));
    }
    spec->align = spec->align == '=' ? '>' : spec->align; /* zeros never fill text */
    spec->fill[0] = ' ';
    put_text(sb, spec, v, '>');
    return sb->status;
}

static hz_status percent_item(struct hz_py *py, struct hz_py_sb *sb, struct percent *p)
{
    struct spec spec = plain_spec;
    struct hz_py_val v = {.kind = HZ_PY_MISSING};
    if (p->at < p->end && *p->at == '(')
        HZ_TRY(percent_key(py, p, &v));
    HZ_TRY(percent_spec(py, p, &spec));
    if (spec.type == '%') {
        hz_py_sb_putc(sb, '%');
        return sb->status;
    }
    if (!strchr("diuoxXeEfFgGcrsa", spec.type) || !spec.type)
        return hz_py_fail(py, "unsupported format character '%c'", isprint((unsigned char)spec.type) ? spec.type : '?');
    if (v.kind == HZ_PY_MISSING)
        HZ_TRY(percent_arg(py, p, &v));
    if (strchr("diu", spec.type))
        spec.type = 'd';
    if (strchr("doxX", spec.type))
        return percent_int(py, sb, &spec, v);
    if (strchr("rsa", spec.type))
        return percent_text(py, sb, p, &spec, v);
    if (spec.type == 'c') {
        if (v.kind == HZ_PY_STR && hz_py_chars(v) == 1)
            put_text(sb, &spec, v, '>');
        else
            put_char(sb, &spec, v, '>');
        return sb->status;
    }
    if (!hz_py_is_number(v)) {
        if (v.kind == HZ_PY_UNDEFINED)
            return hz_py_fail_undefined(py, v);
        return hz_py_fail(py, "must be real number, not %s", hz_py_type_name(v));
    }
    put_float(sb, &spec, hz_py_double(v));
    return sb->status;
}

hz_status hz_py_percent(struct hz_py *py, struct hz_py_val s, struct hz_py_val args, struct hz_py_val *out)
{
    struct percent p = {s.str->data, s.str->data + s.str->len, args, 0, s.safe};
    struct hz_py_sb sb;
    hz_py_sb_begin(&sb, py);
    while (p.at < p.end) {
        const char *next = memchr(p.at, '%', (size_t)(p.end - p.at));
        hz_py_sb_put(&sb, p.at, (size_t)((next ? next : p.end) - p.at));
        p.at = next ? next + 1 : p.end;
        if (next)
            HZ_TRY(percent_item(py, &sb, &p));
    }
    bool mapping = args.kind == HZ_PY_DICT || args.kind == HZ_PY_LIST || args.kind == HZ_PY_RANGE ||
                   args.kind == HZ_PY_UNDEFINED; /* what has __getitem__ need not be used */
    if (args.kind == HZ_PY_TUPLE ? p.used < args.list->n : !mapping && !p.used)
        return hz_py_fail(py, "not all arguments converted during string formatting");
    HZ_TRY(hz_py_sb_end(&sb, out));
    out->safe = s.safe;
    return HZ_OK;
}

/* ---- format(value, spec) ---------------------------------------------------------------------------------------- */

static bool is_align(char c)
{
    return c == '<' || c == '>' || c == '^' || c == '=';
}

static hz_status spec_number(struct hz_py *py, const char **at, const char *end, int64_t *out)
{
    for (*out = 0; *at < end && isdigit((unsigned char)**at); ++*at)
        *out = HZ_MIN(*out * 10 + (**at - '0'), 2 * MAX_WIDTH);
    return *out > MAX_WIDTH ? hz_fail(py->err, HZ_E_LIMIT, "a format asks for more than %d characters", MAX_WIDTH)
                            : HZ_OK;
}

static hz_status parse_spec(struct hz_py *py, const char *at, const char *end, struct spec *spec)
{
    uint32_t cp;
    *spec = plain_spec;
    size_t n = at < end ? hz_utf8_decode(at, (size_t)(end - at), &cp) : 0;
    bool filled = n && at + n < end && is_align(at[n]);
    if (filled) {
        memcpy(spec->fill, at, n);
        spec->fill_len = n;
        spec->align = at[n];
        at += n + 1;
    } else if (at < end && is_align(*at)) {
        spec->align = *at++;
    }
    if (at < end && (*at == '+' || *at == '-' || *at == ' '))
        spec->sign = *at++;
    spec->no_negative_zero = at < end && *at == 'z';
    at += spec->no_negative_zero;
    spec->alternate = at < end && *at == '#';
    at += spec->alternate;
    if (at < end && *at == '0') {
        spec->align = spec->align ? spec->align : '=';
        if (!filled)
            spec->fill[0] = '0';
        at++;
    }
    if (at < end && isdigit((unsigned char)*at))
        HZ_TRY(spec_number(py, &at, end, &spec->width));
    if (at < end && (*at == ',' || *at == '_'))
        spec->group = *at++;
    if (at < end && *at == '.') {
        if (++at >= end || !isdigit((unsigned char)*at))
            return hz_py_fail(py, "Format specifier missing precision");
        HZ_TRY(spec_number(py, &at, end, &spec->precision));
    }
    if (at < end)
        spec->type = *at++;
    return at < end ? hz_py_fail(py, "Invalid format specifier") : HZ_OK;
}

static hz_status format_int(struct hz_py *py, struct hz_py_sb *sb, struct spec *spec, struct hz_py_val v)
{
    if (strchr("eEfFgG%", spec->type) && spec->type)
        put_float(sb, spec, hz_py_double(v));
    else if (spec->no_negative_zero)
        return hz_py_fail(py, "Negative zero coercion (z) not allowed in format specifier with integer");
    else if (spec->precision >= 0)
        return hz_py_fail(py, "Precision not allowed in integer format specifier");
    else if (spec->type == 'c')
        put_char(sb, spec, v, '>');
    else if (!spec->type || strchr("bdnoxX", spec->type))
        put_int(sb, spec, v);
    else
        return hz_py_fail(py, "Unknown format code '%c' for object of type 'int'", spec->type);
    return sb->status;
}

static hz_status format_value(struct hz_py *py, struct hz_py_sb *sb, struct hz_py_val v, struct hz_py_val spec_text)
{
    struct spec spec;
    const char *s = spec_text.str->data;
    if (!spec_text.str->len) {
        hz_py_put_str(sb, v);
        return sb->status;
    }
    HZ_TRY(parse_spec(py, s, s + spec_text.str->len, &spec));
    if (hz_py_is_int(v))
        return format_int(py, sb, &spec, v);
    if (v.kind == HZ_PY_FLOAT) {
        if (spec.type && !strchr("eEfFgGn%", spec.type))
            return hz_py_fail(py, "Unknown format code '%c' for object of type 'float'", spec.type);
        put_float(sb, &spec, v.f);
        return sb->status;
    }
    if (v.kind != HZ_PY_STR)
        return hz_py_fail(py, "unsupported format string passed to %s.__format__", hz_py_type_name(v));
    if ((spec.type && spec.type != 's') || spec.sign || spec.alternate || spec.group || spec.no_negative_zero)
        return hz_py_fail(py, "Invalid format specifier for object of type 'str'");
    if (spec.align == '=') {
        if (spec.fill[0] != '0' || s[0] != '0')
            return hz_py_fail(py, "'=' alignment not allowed in string format specifier");
        spec.align = '<';
    }
    put_text(sb, &spec, v, '<');
    return sb->status;
}

/* ---- s.format(...) ---------------------------------------------------------------------------------------------- */

struct formatting {
    const struct hz_py_val *args;
    size_t n;
    struct hz_py_dict *kw;
    int64_t next; /* of the fields without a number; -1 once one had a number */
    bool safe;
};

static hz_status field_first(struct hz_py *py, struct formatting *f, const char *name, size_t len,
                             struct hz_py_val *out)
{
    int64_t index = 0;
    bool number = true;
    for (size_t i = 0; i < len; i++) {
        number = number && isdigit((unsigned char)name[i]);
        index = number ? HZ_MIN(index * 10 + (name[i] - '0'), INT32_MAX) : 0;
    }
    if (number && len && f->next > 0)
        return hz_py_fail(py, "cannot switch from manual field specification to automatic field numbering");
    if (!len) {
        if (f->next < 0)
            return hz_py_fail(py, "cannot switch from manual field specification to automatic field numbering");
        index = f->next++;
    } else if (number) {
        f->next = -1;
    } else {
        struct hz_py_val *found = f->kw ? hz_py_dict_get_str(f->kw, name, len) : NULL;
        if (!found)
            return hz_py_fail(py, "KeyError: '%.*s'", (int)HZ_MIN(len, 100), name);
        *out = *found;
        return HZ_OK;
    }
    if (index < 0 || (size_t)index >= f->n)
        return hz_py_fail(py, "Replacement index %" PRId64 " out of range for positional args tuple", index);
    *out = f->args[index];
    return HZ_OK;
}

/* One .name or [key] behind a field. */
static hz_status field_step(struct hz_py *py, bool attribute, const char *name, size_t len, struct hz_py_val *v)
{
    struct hz_py_val key, of = *v;
    int64_t index = 0;
    bool number = !attribute && len && len < 10;
    for (size_t i = 0; i < len; i++) {
        number = number && isdigit((unsigned char)name[i]);
        index = number ? index * 10 + (name[i] - '0') : 0;
    }
    HZ_TRY(hz_py_str_copy(py, name, len, &key));
    if (number)
        key = hz_py_int(index);
    *v = (struct hz_py_val){.kind = HZ_PY_MISSING};
    if (attribute)
        HZ_TRY(hz_py_attr(py, of, name, len, v));
    if (v->kind == HZ_PY_MISSING)
        HZ_TRY(hz_py_subscript(py, of, key, v));
    if (v->kind == HZ_PY_MISSING && !attribute && !number)
        HZ_TRY(hz_py_attr(py, of, name, len, v));
    return v->kind == HZ_PY_MISSING ? hz_py_undefined_of(py, of, key, v) : HZ_OK;
}

static hz_status field_value(struct hz_py *py, struct formatting *f, const char *at, const char *end,
                             struct hz_py_val *out)
{
    const char *from = at;
    while (at < end && *at != '.' && *at != '[')
        at++;
    HZ_TRY(field_first(py, f, from, (size_t)(at - from), out));
    while (at < end) {
        bool attribute = *at == '.';
        if (!attribute && *at != '[')
            return hz_py_fail(py, "Only '.' or '[' may follow ']' in format field specifier");
        from = ++at;
        while (at < end && (attribute ? *at != '.' && *at != '[' : *at != ']'))
            at++;
        if (at == from || (!attribute && at >= end))
            return hz_py_fail(py, "Empty attribute in format string");
        HZ_TRY(field_step(py, attribute, from, (size_t)(at - from), out));
        at += !attribute;
    }
    return HZ_OK;
}

static hz_status format_text(struct hz_py *py, struct hz_py_sb *sb, struct formatting *f, const char *at,
                             const char *end, int depth);

/* at: behind the opening brace; *stop: behind the closing one. */
static hz_status format_field(struct hz_py *py, struct hz_py_sb *sb, struct formatting *f, const char *at,
                              const char *end, const char **stop, int depth)
{
    const char *from = at, *conversion = NULL, *spec = NULL;
    int braces = 1, brackets = 0;
    for (; at < end; at++) {
        brackets += !spec && *at == '[' ? 1 : !spec && *at == ']' ? -1 : 0;
        braces += *at == '{' ? 1 : *at == '}' ? -1 : 0;
        if (!braces)
            break;
        if (!spec && brackets <= 0 && *at == '!' && !conversion)
            conversion = at;
        if (!spec && brackets <= 0 && *at == ':')
            spec = at;
    }
    if (at >= end)
        return hz_py_fail(py, "expected '}' before end of string");
    *stop = at + 1;
    struct hz_py_val v, spec_text;
    HZ_TRY(field_value(py, f, from, conversion ? conversion : spec ? spec : at, &v));
    if (conversion) {
        char c = conversion + 1 < at ? conversion[1] : '\0';
        if (conversion + 2 != (spec ? spec : at) || (c != 's' && c != 'r' && c != 'a'))
            return hz_py_fail(py, "Unknown conversion specifier");
        struct hz_py_sb text;
        hz_py_sb_begin(&text, py);
        (c == 's' ? hz_py_put_str : c == 'a' ? hz_py_put_ascii : hz_py_put_repr)(&text, v);
        HZ_TRY(hz_py_sb_end(&text, &v));
    }
    struct hz_py_sb text;
    hz_py_sb_begin(&text, py);
    if (spec)
        HZ_TRY(format_text(py, &text, f, spec + 1, at, depth + 1));
    HZ_TRY(hz_py_sb_end(&text, &spec_text));
    if (!f->safe)
        return format_value(py, sb, v, spec_text);
    hz_py_sb_begin(&text, py);
    HZ_TRY(format_value(py, &text, v, spec_text));
    bool safe = v.kind == HZ_PY_STR && v.safe;
    HZ_TRY(hz_py_sb_end(&text, &v));
    v.safe = safe;
    HZ_TRY(hz_py_escape(py, v, &v));
    hz_py_sb_str(sb, v);
    return sb->status;
}

static hz_status format_text(struct hz_py *py, struct hz_py_sb *sb, struct formatting *f, const char *at,
                             const char *end, int depth)
{
    if (depth > 2)
        return hz_py_fail(py, "Max string recursion exceeded");
    while (at < end) {
        if (*at != '{' && *at != '}') {
            hz_py_sb_putc(sb, *at++);
        } else if (at + 1 < end && at[1] == *at) {
            hz_py_sb_putc(sb, *at);
            at += 2;
        } else if (*at == '}') {
            return hz_py_fail(py, "Single '}' encountered in format string");
        } else {
            HZ_TRY(format_field(py, sb, f, at + 1, end, &at, depth));
        }
    }
    return sb->status;
}

hz_status hz_py_str_format(struct hz_py *py, struct hz_py_val s, const struct hz_py_val *args, size_t n,
                           struct hz_py_dict *kw, struct hz_py_val *out)
{
    struct formatting f = {args, n, kw, 0, s.safe};
    struct hz_py_sb sb;
    hz_py_sb_begin(&sb, py);
    HZ_TRY(format_text(py, &sb, &f, s.str->data, s.str->data + s.str->len, 0));
    HZ_TRY(hz_py_sb_end(&sb, out));
    out->safe = s.safe;
    return HZ_OK;
}
