/* py_attr.c - attributes of values, as Python's getattr finds them and the immutable sandbox allows them. */
#include "text/py.h"
#include "text/py_methods.h"

#include <math.h>
#include <string.h>

/* ---- methods of lists, tuples and dictionaries ------------------------------------------------------------------ */

static hz_status list_index(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    const struct hz_py_list *list = c->self.list;
    int64_t n = (int64_t)list->n, from, to;
    HZ_TRY(hz_py_arg_int(py, c->arg[1], 0, &from));
    HZ_TRY(hz_py_arg_int(py, c->arg[2], n, &to));
    from = from < 0 ? HZ_MAX(from + n, 0) : from;
    to = to < 0 ? to + n : HZ_MIN(to, n);
    for (int64_t i = from; i < to; i++) {
        bool same;
        HZ_TRY(hz_py_equal(py, list->at[i], c->arg[0], &same));
        if (same) {
            *out = hz_py_int(i);
            return HZ_OK;
        }
    }
    return hz_py_fail(py, "value is not in list");
}

static hz_status list_count(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    int64_t n = 0;
    for (size_t i = 0; i < c->self.list->n; i++) {
        bool same;
        HZ_TRY(hz_py_equal(py, c->self.list->at[i], c->arg[0], &same));
        n += same;
    }
    *out = hz_py_int(n);
    return HZ_OK;
}

static hz_status list_copy(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    struct hz_py_list *list;
    HZ_TRY(hz_py_list_of(py, c->self, &list));
    *out = hz_py_list_val(list);
    return HZ_OK;
}

static hz_status refused(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    (void)out;
    return hz_py_fail(py, "a method that changes a '%s' is unsafe", hz_py_type_name(c->self));
}

const struct hz_py_def hz_py_list_methods[] = {
    {"index", "value start= stop= /", list_index},
    {"count", "value /", list_count},
    {"copy", "", list_copy},
    {"append", "* **", refused},
    {"clear", "* **", refused},
    {"extend", "* **", refused},
    {"insert", "* **", refused},
    {"pop", "* **", refused},
    {"remove", "* **", refused},
    {"reverse", "* **", refused},
    {"sort", "* **", refused},
    {NULL, NULL, NULL},
};

const struct hz_py_def hz_py_tuple_methods[] = {
    {"index", "value start= stop= /", list_index},
    {"count", "value /", list_count},
    {NULL, NULL, NULL},
};

static hz_status view_of(struct hz_py *py, struct hz_py_call *c, int which, struct hz_py_val *out)
{
    struct hz_py_view *view = HZ_PY_NEW(py, struct hz_py_view);
    if (!view)
        return hz_py_status(py);
    view->dict = c->self.dict;
    view->which = which;
    *out = (struct hz_py_val){.kind = HZ_PY_VIEW, .view = view};
    return HZ_OK;
}

static hz_status dict_keys(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    return view_of(py, c, HZ_PY_KEYS, out);
}

static hz_status dict_values(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    return view_of(py, c, HZ_PY_VALUES, out);
}

static hz_status dict_items(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    return view_of(py, c, HZ_PY_ITEMS, out);
}

static hz_status dict_get(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    struct hz_py_val *found;
    HZ_TRY(hz_py_dict_get(py, c->self.dict, c->arg[0], &found));
    *out = found ? *found : c->arg[1].kind == HZ_PY_MISSING ? hz_py_none() : c->arg[1];
    return HZ_OK;
}

static hz_status dict_copy(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    struct hz_py_dict *copy = hz_py_dict_new(py);
    if (!copy)
        return hz_py_status(py);
    for (size_t i = 0; i < c->self.dict->n; i++)
        HZ_TRY(hz_py_dict_set(py, copy, c->self.dict->at[i].key, c->self.dict->at[i].value));
    *out = hz_py_dict_val(copy);
    return HZ_OK;
}

static hz_status dict_fromkeys(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    struct hz_py_dict *dict = hz_py_dict_new(py);
    struct hz_py_list *keys;
    if (!dict)
        return hz_py_status(py);
    HZ_TRY(hz_py_list_of(py, c->arg[0], &keys));
    for (size_t i = 0; i < keys->n; i++)
        HZ_TRY(hz_py_dict_set(py, dict, keys->at[i], c->arg[1].kind == HZ_PY_MISSING ? hz_py_none() : c->arg[1]));
    *out = hz_py_dict_val(dict);
    return HZ_OK;
}

const struct hz_py_def hz_py_dict_methods[] = {
    {"keys", "", dict_keys},      {"values", "", dict_values},
    {"items", "", dict_items},    {"get", "key default= /", dict_get},
    {"copy", "", dict_copy},      {"fromkeys", "keys value= /", dict_fromkeys},
    {"clear", "* **", refused},   {"pop", "* **", refused},
    {"popitem", "* **", refused}, {"setdefault", "* **", refused},
    {"update", "* **", refused},  {NULL, NULL, NULL},
};

/* ---- numbers, ranges and the rest ------------------------------------------------------------------------------- */

static hz_status bit_length(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    struct hz_py_sb digits;
    hz_py_sb_begin(&digits, py);
    hz_py_put_digits(&digits, c->self, 2);
    HZ_TRY(digits.status);
    *out = hz_py_int(digits.len == 1 && digits.data[0] == '0' ? 0 : (int64_t)digits.len);
    return HZ_OK;
}

static hz_status is_integer(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    (void)py;
    double f = hz_py_double(c->self);
    *out = hz_py_bool(isfinite(f) && f == floor(f));
    return HZ_OK;
}

static hz_status conjugate(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    return hz_py_positive(py, c->self, out);
}

static hz_status range_index(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    for (int64_t i = 0; i < c->self.range->len; i++) {
        bool same;
        HZ_TRY(hz_py_step(py, 1));
        HZ_TRY(hz_py_equal(py, hz_py_int(c->self.range->start + i * c->self.range->step), c->arg[0], &same));
        if (same) {
            *out = hz_py_int(i);
            return HZ_OK;
        }
    }
    return hz_py_fail(py, "value is not in range");
}

static hz_status range_count(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    bool has;
    HZ_TRY(hz_py_contains(py, c->self, c->arg[0], &has));
    *out = hz_py_int(has);
    return HZ_OK;
}

static const struct hz_py_def int_methods[] = {
    {"bit_length", "", bit_length}, {"conjugate", "", conjugate}, {NULL, NULL, NULL}};
static const struct hz_py_def float_methods[] = {
    {"is_integer", "", is_integer}, {"conjugate", "", conjugate}, {NULL, NULL, NULL}};
static const struct hz_py_def range_methods[] = {
    {"index", "value /", range_index}, {"count", "value /", range_count}, {NULL, NULL, NULL}};

static const struct hz_py_def *methods_of(struct hz_py_val v)
{
    switch (v.kind) {
    case HZ_PY_STR:
        return hz_py_str_methods;
    case HZ_PY_LIST:
        return hz_py_list_methods;
    case HZ_PY_TUPLE:
        return hz_py_tuple_methods;
    case HZ_PY_DICT:
        return hz_py_dict_methods;
    case HZ_PY_BOOL:
    case HZ_PY_INT:
    case HZ_PY_BIGINT:
        return int_methods;
    case HZ_PY_FLOAT:
        return float_methods;
    case HZ_PY_RANGE:
        return range_methods;
    default:
        return NULL;
    }
}

static bool is(const char *name, size_t len, const char *text)
{
    return len == strlen(text) && !memcmp(name, text, len);
}

/* Attributes that are no methods. */
static bool plain_attr(struct hz_py_val v, const char *name, size_t len, struct hz_py_val *out)
{
    if (hz_py_is_number(v) && is(name, len, "imag")) {
        *out = v.kind == HZ_PY_FLOAT ? hz_py_float(0) : hz_py_int(0);
        return true;
    }
    if (hz_py_is_number(v) && (is(name, len, "real") || (v.kind != HZ_PY_FLOAT && is(name, len, "numerator")))) {
        *out = v.kind == HZ_PY_BOOL ? hz_py_int(v.b) : v;
        return true;
    }
    if (hz_py_is_int(v) && is(name, len, "denominator")) {
        *out = hz_py_int(1);
        return true;
    }
    if (v.kind == HZ_PY_RANGE && (is(name, len, "start") || is(name, len, "stop") || is(name, len, "step"))) {
        *out = hz_py_int(name[2] == 'a' ? v.range->start : name[2] == 'o' ? v.range->stop : v.range->step);
        return true;
    }
    if (v.kind == HZ_PY_TUPLE && v.list->group && (is(name, len, "grouper") || is(name, len, "list"))) {
        *out = v.list->at[name[0] == 'l'];
        return true;
    }
    return false;
}

hz_status hz_py_attr(struct hz_py *py, struct hz_py_val v, const char *name, size_t len, struct hz_py_val *out)
{
    *out = (struct hz_py_val){.kind = HZ_PY_MISSING};
    if (v.kind == HZ_PY_UNDEFINED)
        return hz_py_fail_undefined(py, v);
    if (v.kind == HZ_PY_OBJECT)
        return v.object->cls->attr && name[0] != '_' ? v.object->cls->attr(py, v.object, name, len, out) : HZ_OK;
    if (plain_attr(v, name, len, out))
        return HZ_OK;
    for (const struct hz_py_def *m = methods_of(v); m && m->name; m++)
        if (is(name, len, m->name))
            return hz_py_func(py, m, v, out);
    return HZ_OK;
}
