/* py_str_methods.c - the methods of str, bound to the functions of py_str.c, py_case.c and py_format.c. */
#include "text/py.h"
#include "text/py_methods.h"
#include "text/utf8.h"

#include <string.h>

/* ---- trimming and case ------------------------------------------------------------------------------------------ */

static hz_status strip(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    return hz_py_strip(py, c->self, c->arg[0], HZ_PY_LEFT | HZ_PY_RIGHT, out);
}

static hz_status lstrip(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    return hz_py_strip(py, c->self, c->arg[0], HZ_PY_LEFT, out);
}

static hz_status rstrip(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    return hz_py_strip(py, c->self, c->arg[0], HZ_PY_RIGHT, out);
}

#define CASE_METHOD(name, to)                                                                                          \
    static hz_status name(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)                               \
    {                                                                                                                  \
        return hz_py_change_case(py, to, c->self, out);                                                                \
    }
CASE_METHOD(upper, HZ_PY_UPPER)
CASE_METHOD(lower, HZ_PY_LOWER)
CASE_METHOD(title, HZ_PY_TITLE)
CASE_METHOD(capitalize, HZ_PY_CAPITALIZE)
CASE_METHOD(swapcase, HZ_PY_SWAPCASE)
CASE_METHOD(casefold, HZ_PY_CASEFOLD)

#define CLASS_METHOD(name)                                                                                             \
    static hz_status class_##name(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)                       \
    {                                                                                                                  \
        *out = hz_py_bool(hz_py_str_class(c->self, #name));                                                            \
        return hz_py_step(py, c->self.str->len / 16);                                                                  \
    }
CLASS_METHOD(isalnum)
CLASS_METHOD(isalpha)
CLASS_METHOD(isascii)
CLASS_METHOD(isdecimal)
CLASS_METHOD(isdigit)
CLASS_METHOD(isidentifier)
CLASS_METHOD(islower)
CLASS_METHOD(isnumeric)
CLASS_METHOD(isprintable)
CLASS_METHOD(isspace)
CLASS_METHOD(istitle)
CLASS_METHOD(isupper)

/* ---- searching -------------------------------------------------------------------------------------------------- */

/* The part s[arg[1]:arg[2]] in bytes; *valid is false if it starts behind its end, where nothing is found, not even "".
 */
static hz_status part_of(struct hz_py *py, struct hz_py_call *c, size_t *from, size_t *to, bool *valid)
{
    int64_t n = hz_py_len(c->self), start, stop;
    struct hz_py_val missing = {.kind = HZ_PY_MISSING};
    HZ_TRY(hz_py_arg_int(py, c->arg[1].kind == HZ_PY_NONE ? missing : c->arg[1], 0, &start));
    HZ_TRY(hz_py_arg_int(py, c->arg[2].kind == HZ_PY_NONE ? missing : c->arg[2], n, &stop));
    start = start < 0 ? HZ_MAX(start + n, 0) : start;
    stop = stop < 0 ? HZ_MAX(stop + n, 0) : HZ_MIN(stop, n);
    *valid = start <= stop;
    *from = hz_py_offset(c->self, (size_t)HZ_MIN(start, n));
    *to = hz_py_offset(c->self, (size_t)stop);
    return hz_py_step(py, c->self.str->len / 64);
}

/* The index of arg[0], or -1. */
static hz_status find_index(struct hz_py *py, struct hz_py_call *c, bool last, int64_t *out)
{
    size_t from, to, hit = SIZE_MAX;
    bool valid;
    HZ_TRY(hz_py_arg_str(py, c->arg[0], "argument"));
    HZ_TRY(part_of(py, c, &from, &to, &valid));
    const struct hz_py_str *s = c->self.str, *needle = c->arg[0].str;
    if (valid)
        hit = last ? hz_py_rfind(s->data, from, to, needle->data, needle->len)
                   : hz_py_find(s->data, from, to, needle->data, needle->len);
    *out = hit == SIZE_MAX ? -1 : (int64_t)hz_utf8_count(s->data, hit);
    return HZ_OK;
}

static hz_status find(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    *out = hz_py_int(0);
    return find_index(py, c, false, &out->i);
}

static hz_status rfind(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    *out = hz_py_int(0);
    return find_index(py, c, true, &out->i);
}

static hz_status index_of(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    HZ_TRY(find(py, c, out));
    return out->i < 0 ? hz_py_fail(py, "substring not found") : HZ_OK;
}

static hz_status rindex_of(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    HZ_TRY(rfind(py, c, out));
    return out->i < 0 ? hz_py_fail(py, "substring not found") : HZ_OK;
}

static hz_status count(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    size_t from, to;
    bool valid;
    HZ_TRY(hz_py_arg_str(py, c->arg[0], "argument"));
    HZ_TRY(part_of(py, c, &from, &to, &valid));
    const struct hz_py_str *s = c->self.str, *needle = c->arg[0].str;
    int64_t n = 0;
    if (valid && !needle->len)
        n = (int64_t)hz_utf8_count(s->data + from, to - from) + 1;
    for (size_t hit; valid && needle->len; from = hit + needle->len, n++)
        if ((hit = hz_py_find(s->data, from, to, needle->data, needle->len)) == SIZE_MAX)
            break;
    *out = hz_py_int(n);
    return HZ_OK;
}

/* startswith and endswith: arg[0] is a string or a tuple of them. */
static hz_status has_affix(struct hz_py *py, struct hz_py_call *c, bool at_end, struct hz_py_val *out)
{
    size_t from, to;
    bool valid, has = false;
    HZ_TRY(part_of(py, c, &from, &to, &valid));
    bool many = c->arg[0].kind == HZ_PY_TUPLE;
    for (size_t i = 0; i < (many ? c->arg[0].list->n : 1) && !has; i++) {
        struct hz_py_val affix = many ? c->arg[0].list->at[i] : c->arg[0];
        if (affix.kind != HZ_PY_STR)
            return hz_py_fail(py, "%s first arg must be str or a tuple of str, not %s",
                              at_end ? "endswith" : "startswith", hz_py_type_name(affix));
        size_t n = affix.str->len;
        const char *at = c->self.str->data + (at_end ? to - HZ_MIN(n, to - HZ_MIN(from, to)) : from);
        has = valid && n <= to - from && (!n || !memcmp(at, affix.str->data, n));
    }
    *out = hz_py_bool(has);
    return HZ_OK;
}

static hz_status startswith(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    return has_affix(py, c, false, out);
}

static hz_status endswith(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    return has_affix(py, c, true, out);
}

static hz_status remove_affix(struct hz_py *py, struct hz_py_call *c, bool at_end, struct hz_py_val *out)
{
    HZ_TRY(hz_py_arg_str(py, c->arg[0], "argument"));
    const struct hz_py_str *s = c->self.str, *affix = c->arg[0].str;
    size_t n = affix->len;
    bool has = n && n <= s->len && !memcmp(at_end ? s->data + s->len - n : s->data, affix->data, n);
    n = has ? n : 0;
    HZ_TRY(hz_py_str_part(py, c->self, at_end ? 0 : n, s->len - (at_end ? n : 0), out));
    out->safe = c->self.safe;
    return HZ_OK;
}

static hz_status removeprefix(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    return remove_affix(py, c, false, out);
}

static hz_status removesuffix(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    return remove_affix(py, c, true, out);
}

/* ---- taking apart and putting together -------------------------------------------------------------------------- */

static hz_status split_method(struct hz_py *py, struct hz_py_call *c, bool right, struct hz_py_val *out)
{
    int64_t max;
    struct hz_py_list *list;
    HZ_TRY(hz_py_arg_int(py, c->arg[1], -1, &max));
    HZ_TRY(right ? hz_py_rsplit(py, c->self, c->arg[0], max, &list) : hz_py_split(py, c->self, c->arg[0], max, &list));
    *out = hz_py_list_val(list);
    return HZ_OK;
}

static hz_status split(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    return split_method(py, c, false, out);
}

static hz_status rsplit(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    return split_method(py, c, true, out);
}

static hz_status splitlines(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    struct hz_py_list *list;
    HZ_TRY(hz_py_splitlines(py, c->self, hz_py_truth(c->arg[0]), &list));
    *out = hz_py_list_val(list);
    return HZ_OK;
}

static hz_status partition_method(struct hz_py *py, struct hz_py_call *c, bool right, struct hz_py_val *out)
{
    HZ_TRY(hz_py_arg_str(py, c->arg[0], "separator"));
    const struct hz_py_str *s = c->self.str, *sep = c->arg[0].str;
    if (!sep->len)
        return hz_py_fail(py, "empty separator");
    size_t hit = right ? hz_py_rfind(s->data, 0, s->len, sep->data, sep->len)
                       : hz_py_find(s->data, 0, s->len, sep->data, sep->len);
    size_t cut[4] = {0, hit, hit + sep->len, s->len};
    if (hit == SIZE_MAX) {
        cut[1] = cut[2] = right ? 0 : s->len;
    }
    struct hz_py_list *list = hz_py_list_new(py, 3);
    if (!list)
        return hz_py_status(py);
    for (int i = 0; i < 3; i++) {
        HZ_TRY(hz_py_str_part(py, c->self, cut[i], cut[i + 1], &list->at[list->n]));
        list->at[list->n++].safe = c->self.safe;
    }
    *out = hz_py_tuple_val(list);
    return HZ_OK;
}

static hz_status partition(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    return partition_method(py, c, false, out);
}

static hz_status rpartition(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    return partition_method(py, c, true, out);
}

static hz_status join(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    struct hz_py_list *list;
    struct hz_py_sb sb;
    HZ_TRY(hz_py_list_of(py, c->arg[0], &list));
    hz_py_sb_begin(&sb, py);
    for (size_t i = 0; i < list->n; i++) {
        struct hz_py_val item = list->at[i];
        if (c->self.safe)
            HZ_TRY(hz_py_escape(py, item, &item));
        if (item.kind != HZ_PY_STR)
            return hz_py_fail(py, "sequence item %zu: expected str instance, %s found", i, hz_py_type_name(item));
        if (i)
            hz_py_sb_str(&sb, c->self);
        hz_py_sb_str(&sb, item);
    }
    HZ_TRY(hz_py_sb_end(&sb, out));
    out->safe = c->self.safe;
    return HZ_OK;
}

static hz_status replace(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    int64_t n;
    HZ_TRY(hz_py_arg_str(py, c->arg[0], "replace() argument 1"));
    HZ_TRY(hz_py_arg_str(py, c->arg[1], "replace() argument 2"));
    HZ_TRY(hz_py_arg_int(py, c->arg[2], -1, &n));
    struct hz_py_val to = c->arg[1];
    if (c->self.safe)
        HZ_TRY(hz_py_escape(py, to, &to));
    return hz_py_replace(py, c->self, c->arg[0], to, n, out);
}

/* ---- filling ---------------------------------------------------------------------------------------------------- */

/* arg: width and the character to fill with. left: where the text stands, in halves of what is missing. */
static hz_status fill(struct hz_py *py, struct hz_py_call *c, int halves, struct hz_py_val *out)
{
    int64_t width, n = hz_py_len(c->self);
    HZ_TRY(hz_py_arg_int(py, c->arg[0], 0, &width));
    struct hz_py_val with = c->arg[1];
    if (with.kind == HZ_PY_MISSING)
        HZ_TRY(hz_py_str_at(py, " ", 1, &with));
    HZ_TRY(hz_py_arg_str(py, with, "The fill character"));
    if (hz_py_chars(with) != 1)
        return hz_py_fail(py, "The fill character must be exactly one character long");
    int64_t missing = HZ_MAX(width - n, 0), left = halves == 0 ? 0 : halves == 2 ? missing : 0;
    if (halves == 1) /* CPython's rule where the odd one goes */
        left = missing / 2 + (missing & width & 1);
    struct hz_py_sb sb;
    hz_py_sb_begin(&sb, py);
    hz_py_sb_fill(&sb, with.str->data, with.str->len, (size_t)left);
    hz_py_sb_str(&sb, c->self);
    hz_py_sb_fill(&sb, with.str->data, with.str->len, (size_t)(missing - left));
    HZ_TRY(hz_py_sb_end(&sb, out));
    out->safe = c->self.safe;
    return HZ_OK;
}

static hz_status ljust(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    return fill(py, c, 0, out);
}

static hz_status center(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    return fill(py, c, 1, out);
}

static hz_status rjust(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    return fill(py, c, 2, out);
}

static hz_status zfill(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    int64_t width, n = hz_py_len(c->self);
    HZ_TRY(hz_py_arg_int(py, c->arg[0], 0, &width));
    const struct hz_py_str *s = c->self.str;
    size_t sign = s->len && (s->data[0] == '-' || s->data[0] == '+');
    struct hz_py_sb sb;
    hz_py_sb_begin(&sb, py);
    hz_py_sb_put(&sb, s->data, sign);
    hz_py_sb_fill(&sb, "0", 1, (size_t)HZ_MAX(width - n, 0));
    hz_py_sb_put(&sb, s->data + sign, s->len - sign);
    HZ_TRY(hz_py_sb_end(&sb, out));
    out->safe = c->self.safe;
    return HZ_OK;
}

static hz_status expandtabs(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    int64_t size, column = 0;
    HZ_TRY(hz_py_arg_int(py, c->arg[0], 8, &size));
    const struct hz_py_str *s = c->self.str;
    struct hz_py_sb sb;
    hz_py_sb_begin(&sb, py);
    for (size_t i = 0; i < s->len && sb.status == HZ_OK; i++) {
        if (s->data[i] == '\t') {
            int64_t n = size > 0 ? size - column % size : 0;
            hz_py_sb_fill(&sb, " ", 1, (size_t)n);
            column += n;
            continue;
        }
        hz_py_sb_putc(&sb, s->data[i]);
        bool newline = s->data[i] == '\n' || s->data[i] == '\r';
        column = newline ? 0 : column + (((unsigned char)s->data[i] & 0xC0) != 0x80);
    }
    HZ_TRY(hz_py_sb_end(&sb, out));
    out->safe = c->self.safe;
    return HZ_OK;
}

static hz_status format(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    return hz_py_str_format(py, c->self, c->rest.at, c->rest.n, c->rest.kw, out);
}

static hz_status format_map(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    if (c->arg[0].kind != HZ_PY_DICT)
        return hz_py_fail(py, "format_map() wants a mapping, not %s", hz_py_type_name(c->arg[0]));
    return hz_py_str_format(py, c->self, NULL, 0, c->arg[0].dict, out);
}

const struct hz_py_def hz_py_str_methods[] = {
    {"strip", "chars= /", strip},
    {"split", "sep= maxsplit=", split},
    {"startswith", "prefix start= end= /", startswith},
    {"endswith", "suffix start= end= /", endswith},
    {"replace", "old new count= /", replace},
    {"lstrip", "chars= /", lstrip},
    {"rstrip", "chars= /", rstrip},
    {"join", "iterable /", join},
    {"upper", "", upper},
    {"lower", "", lower},
    {"title", "", title},
    {"capitalize", "", capitalize},
    {"casefold", "", casefold},
    {"swapcase", "", swapcase},
    {"format", "* **", format},
    {"format_map", "mapping /", format_map},
    {"find", "sub start= end= /", find},
    {"rfind", "sub start= end= /", rfind},
    {"index", "sub start= end= /", index_of},
    {"rindex", "sub start= end= /", rindex_of},
    {"count", "sub start= end= /", count},
    {"rsplit", "sep= maxsplit=", rsplit},
    {"splitlines", "keepends=", splitlines},
    {"partition", "sep /", partition},
    {"rpartition", "sep /", rpartition},
    {"removeprefix", "prefix /", removeprefix},
    {"removesuffix", "suffix /", removesuffix},
    {"ljust", "width fillchar= /", ljust},
    {"rjust", "width fillchar= /", rjust},
    {"center", "width fillchar= /", center},
    {"zfill", "width /", zfill},
    {"expandtabs", "tabsize=", expandtabs},
    {"isalnum", "", class_isalnum},
    {"isalpha", "", class_isalpha},
    {"isascii", "", class_isascii},
    {"isdecimal", "", class_isdecimal},
    {"isdigit", "", class_isdigit},
    {"isidentifier", "", class_isidentifier},
    {"islower", "", class_islower},
    {"isnumeric", "", class_isnumeric},
    {"isprintable", "", class_isprintable},
    {"isspace", "", class_isspace},
    {"istitle", "", class_istitle},
    {"isupper", "", class_isupper},
    {NULL, NULL, NULL},
};
