/* jinja_tests.c - what stands behind `is`. */
#include "text/jinja_ast.h"

#include <string.h>

#define KIND_TEST(name, condition)                                                                                     \
    static hz_status name(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)                               \
    {                                                                                                                  \
        (void)py;                                                                                                      \
        struct hz_py_val v = c->self;                                                                                  \
        *out = hz_py_bool(condition);                                                                                  \
        return HZ_OK;                                                                                                  \
    }

KIND_TEST(is_defined, v.kind != HZ_PY_UNDEFINED)
KIND_TEST(is_undefined, v.kind == HZ_PY_UNDEFINED)
KIND_TEST(is_none, v.kind == HZ_PY_NONE)
KIND_TEST(is_boolean, v.kind == HZ_PY_BOOL)
KIND_TEST(is_true, v.kind == HZ_PY_BOOL && v.b)
KIND_TEST(is_false, v.kind == HZ_PY_BOOL && !v.b)
KIND_TEST(is_integer, v.kind == HZ_PY_INT || v.kind == HZ_PY_BIGINT)
KIND_TEST(is_float, v.kind == HZ_PY_FLOAT)
KIND_TEST(is_number, hz_py_is_number(v))
KIND_TEST(is_string, v.kind == HZ_PY_STR)
KIND_TEST(is_mapping, v.kind == HZ_PY_DICT)
KIND_TEST(is_iterable, hz_py_iterable(v))
KIND_TEST(is_sequence, hz_py_len(v) >= 0 && v.kind != HZ_PY_VIEW)
KIND_TEST(is_callable, hz_py_callable(v))
KIND_TEST(is_escaped, v.kind == HZ_PY_STR && v.safe)

/* Whether there is such a filter or test; names are looked up in a dictionary, so a list is an error. */
static hz_status is_known(struct hz_py *py, struct hz_py_val name, bool filter, struct hz_py_val *out)
{
    if (!hz_py_hashable(name))
        return hz_py_fail(py, "unhashable type: '%s'", hz_py_type_name(name));
    const struct hz_py_def *def = NULL;
    if (name.kind == HZ_PY_STR)
        def = filter ? hz_jinja_find_filter(name.str->data, name.str->len)
                     : hz_jinja_find_test(name.str->data, name.str->len);
    *out = hz_py_bool(def != NULL);
    return HZ_OK;
}

static hz_status is_filter(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    return is_known(py, c->self, true, out);
}

static hz_status is_test(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    return is_known(py, c->self, false, out);
}

/* value % by == rest */
static hz_status remainder_is(struct hz_py *py, struct hz_py_val value, struct hz_py_val by, int64_t rest,
                              struct hz_py_val *out)
{
    struct hz_py_val mod;
    bool same;
    HZ_TRY(hz_py_binary(py, HZ_PY_MOD, value, by, &mod));
    HZ_TRY(hz_py_equal(py, mod, hz_py_int(rest), &same));
    *out = hz_py_bool(same);
    return HZ_OK;
}

static hz_status is_odd(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    return remainder_is(py, c->self, hz_py_int(2), 1, out);
}

static hz_status is_even(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    return remainder_is(py, c->self, hz_py_int(2), 0, out);
}

static hz_status is_divisible(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    return remainder_is(py, c->self, c->arg[0], 0, out);
}

static hz_status case_test(struct hz_py *py, struct hz_py_val v, const char *method, struct hz_py_val *out)
{
    HZ_TRY(hz_py_str_of(py, v, &v));
    *out = hz_py_bool(hz_py_str_class(v, method));
    return HZ_OK;
}

static hz_status is_lower(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    return case_test(py, c->self, "islower", out);
}

static hz_status is_upper(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    return case_test(py, c->self, "isupper", out);
}

static hz_status is_in(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    *out = hz_py_bool(false);
    return hz_py_contains(py, c->arg[0], c->self, &out->b);
}

/* Python's `is`: one object. Equal small values count as one, as interned ones are. */
static hz_status is_same(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    struct hz_py_val a = c->self, b = c->arg[0];
    bool same = a.kind == b.kind;
    if (same && (a.kind == HZ_PY_STR || hz_py_is_number(a)))
        HZ_TRY(hz_py_equal(py, a, b, &same));
    else if (same && a.kind != HZ_PY_NONE)
        same = a.object == b.object;
    *out = hz_py_bool(same);
    return HZ_OK;
}

static hz_status is_equal(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    *out = hz_py_bool(false);
    return hz_py_equal(py, c->self, c->arg[0], &out->b);
}

static hz_status is_unequal(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    HZ_TRY(is_equal(py, c, out));
    out->b = !out->b;
    return HZ_OK;
}

static bool has_nan(const struct hz_py_call *c)
{
    return hz_py_is_number(c->self) && hz_py_is_number(c->arg[0]) && hz_py_number_order(c->self, c->arg[0]) == 2;
}

/* less: self < arg, else arg < self; negated for the two that include equality. */
static hz_status ordered(struct hz_py *py, struct hz_py_call *c, bool less, bool negated, struct hz_py_val *out)
{
    *out = hz_py_bool(false);
    HZ_TRY(less ? hz_py_less(py, c->self, c->arg[0], &out->b) : hz_py_less(py, c->arg[0], c->self, &out->b));
    if (negated)
        out->b = !out->b && !has_nan(c);
    return HZ_OK;
}

static hz_status is_less(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    return ordered(py, c, true, false, out);
}

static hz_status is_greater(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    return ordered(py, c, false, false, out);
}

static hz_status is_at_most(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    return ordered(py, c, false, true, out);
}

static hz_status is_at_least(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    return ordered(py, c, true, true, out);
}

static const struct hz_py_def tests[] = {
    {"defined", "", is_defined},
    {"undefined", "", is_undefined},
    {"none", "", is_none},
    {"string", "", is_string},
    {"mapping", "", is_mapping},
    {"iterable", "", is_iterable},
    {"sequence", "", is_sequence},
    {"boolean", "", is_boolean},
    {"true", "", is_true},
    {"false", "", is_false},
    {"integer", "", is_integer},
    {"float", "", is_float},
    {"number", "", is_number},
    {"callable", "", is_callable},
    {"escaped", "", is_escaped},
    {"filter", "", is_filter},
    {"test", "", is_test},
    {"odd", "", is_odd},
    {"even", "", is_even},
    {"divisibleby", "num", is_divisible},
    {"lower", "", is_lower},
    {"upper", "", is_upper},
    {"in", "seq", is_in},
    {"sameas", "other", is_same},
    {"==", "other /", is_equal},
    {"eq", "other /", is_equal},
    {"equalto", "other /", is_equal},
    {"!=", "other /", is_unequal},
    {"ne", "other /", is_unequal},
    {"<", "other /", is_less},
    {"lt", "other /", is_less},
    {"lessthan", "other /", is_less},
    {">", "other /", is_greater},
    {"gt", "other /", is_greater},
    {"greaterthan", "other /", is_greater},
    {"<=", "other /", is_at_most},
    {"le", "other /", is_at_most},
    {">=", "other /", is_at_least},
    {"ge", "other /", is_at_least},
};

const struct hz_py_def *hz_jinja_find_test(const char *name, size_t len)
{
    for (size_t i = 0; i < HZ_COUNT(tests); i++)
        if (len == strlen(tests[i].name) && !memcmp(name, tests[i].name, len))
            return &tests[i];
    return NULL;
}
