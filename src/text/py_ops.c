/* py_ops.c - comparison, the binary operators, subscripts and slices. */
#include "text/py.h"

#include <math.h>
#include <string.h>

/* ---- truth and comparison --------------------------------------------------------------------------------------- */

int64_t hz_py_len(struct hz_py_val v)
{
    switch (v.kind) {
    case HZ_PY_UNDEFINED:
        return 0;
    case HZ_PY_STR:
        return (int64_t)hz_py_chars(v);
    case HZ_PY_LIST:
    case HZ_PY_TUPLE:
        return (int64_t)v.list->n;
    case HZ_PY_DICT:
        return (int64_t)v.dict->n;
    case HZ_PY_RANGE:
        return v.range->len;
    case HZ_PY_VIEW:
        return (int64_t)v.view->dict->n;
    default:
        return -1;
    }
}

bool hz_py_truth(struct hz_py_val v)
{
    switch (v.kind) {
    case HZ_PY_MISSING:
    case HZ_PY_UNDEFINED:
    case HZ_PY_NONE:
        return false;
    case HZ_PY_BOOL:
        return v.b;
    case HZ_PY_INT:
        return v.i != 0;
    case HZ_PY_FLOAT:
        return v.f != 0;
    case HZ_PY_STR:
        return v.str->len > 0;
    default:
        return hz_py_len(v) != 0;
    }
}

static hz_status equal_items(struct hz_py *py, const struct hz_py_list *a, const struct hz_py_list *b, bool *out)
{
    *out = a->n == b->n;
    for (size_t i = 0; *out && i < a->n; i++)
        HZ_TRY(hz_py_equal(py, a->at[i], b->at[i], out));
    return HZ_OK;
}

static hz_status equal_dicts(struct hz_py *py, const struct hz_py_dict *a, struct hz_py_dict *b, bool *out)
{
    *out = a->n == b->n;
    for (size_t i = 0; *out && i < a->n; i++) {
        struct hz_py_val *other;
        HZ_TRY(hz_py_dict_get(py, b, a->at[i].key, &other));
        *out = other != NULL;
        if (other)
            HZ_TRY(hz_py_equal(py, a->at[i].value, *other, out));
    }
    return HZ_OK;
}

static hz_status equal_views(struct hz_py *py, const struct hz_py_view *a, const struct hz_py_view *b, bool *out)
{
    if (a->which == HZ_PY_VALUES || b->which == HZ_PY_VALUES || a->which != b->which) {
        *out = a == b;
        return HZ_OK;
    }
    if (a->which == HZ_PY_ITEMS)
        return equal_dicts(py, a->dict, b->dict, out);
    *out = a->dict->n == b->dict->n;
    for (size_t i = 0; *out && i < a->dict->n; i++) {
        struct hz_py_val *other;
        HZ_TRY(hz_py_dict_get(py, b->dict, a->dict->at[i].key, &other));
        *out = other != NULL;
    }
    return HZ_OK;
}

hz_status hz_py_equal(struct hz_py *py, struct hz_py_val a, struct hz_py_val b, bool *out)
{
    *out = false;
    if (hz_py_is_number(a) && hz_py_is_number(b)) {
        *out = hz_py_number_order(a, b) == 0;
        return HZ_OK;
    }
    if (a.kind != b.kind)
        return HZ_OK;
    HZ_TRY(hz_py_enter(py));
    hz_status status = HZ_OK;
    switch (a.kind) {
    case HZ_PY_UNDEFINED:
    case HZ_PY_NONE:
        *out = true;
        break;
    case HZ_PY_STR:
        *out =
            a.str->len == b.str->len && (a.str->data == b.str->data || !memcmp(a.str->data, b.str->data, a.str->len));
        status = hz_py_step(py, a.str->len == b.str->len ? a.str->len / 64 : 0);
        break;
    case HZ_PY_LIST:
    case HZ_PY_TUPLE:
        status = hz_py_step(py, a.list->n / 4);
        if (status == HZ_OK)
            status = equal_items(py, a.list, b.list, out);
        break;
    case HZ_PY_DICT:
        status = hz_py_step(py, a.dict->n / 4);
        if (status == HZ_OK)
            status = equal_dicts(py, a.dict, b.dict, out);
        break;
    case HZ_PY_RANGE:
        *out = a.range->len == b.range->len && (a.range->len == 0 || a.range->start == b.range->start) &&
               (a.range->len <= 1 || a.range->step == b.range->step);
        break;
    case HZ_PY_VIEW:
        status = equal_views(py, a.view, b.view, out);
        break;
    case HZ_PY_FUNC:
        *out = a.func == b.func ||
               (a.func->def == b.func->def && a.func->self.kind == HZ_PY_MISSING && b.func->self.kind == HZ_PY_MISSING);
        break;
    default:
        *out = a.object == b.object;
    }
    py->depth--;
    return status;
}

static bool less_str(const struct hz_py_str *a, const struct hz_py_str *b)
{
    int order = memcmp(a->data, b->data, HZ_MIN(a->len, b->len)); /* UTF-8 sorts as code points do */
    return order ? order < 0 : a->len < b->len;
}

hz_status hz_py_less(struct hz_py *py, struct hz_py_val a, struct hz_py_val b, bool *out)
{
    *out = false;
    if (hz_py_is_number(a) && hz_py_is_number(b)) {
        *out = hz_py_number_order(a, b) == -1;
        return HZ_OK;
    }
    if (a.kind == HZ_PY_STR && b.kind == HZ_PY_STR) {
        if (a.str->len && b.str->len)
            *out = less_str(a.str, b.str);
        else
            *out = a.str->len < b.str->len;
        return hz_py_step(py, HZ_MIN(a.str->len, b.str->len) / 64);
    }
    if (a.kind == b.kind && (a.kind == HZ_PY_LIST || a.kind == HZ_PY_TUPLE)) {
        HZ_TRY(hz_py_enter(py));
        size_t n = HZ_MIN(a.list->n, b.list->n), i = 0;
        hz_status status = hz_py_step(py, n / 4);
        bool same = true;
        for (; status == HZ_OK && i < n; i++) {
            status = hz_py_equal(py, a.list->at[i], b.list->at[i], &same);
            if (!same)
                break;
        }
        if (status == HZ_OK && i < n)
            status = hz_py_less(py, a.list->at[i], b.list->at[i], out);
        else
            *out = a.list->n < b.list->n;
        py->depth--;
        return status;
    }
    if (a.kind == HZ_PY_UNDEFINED || b.kind == HZ_PY_UNDEFINED)
        return hz_py_fail_undefined(py, a.kind == HZ_PY_UNDEFINED ? a : b);
    return hz_py_fail(py, "'<' not supported between instances of '%s' and '%s'", hz_py_type_name(a),
                      hz_py_type_name(b));
}

static hz_status contains_item(struct hz_py *py, struct hz_py_val haystack, struct hz_py_val needle, bool *out)
{
    struct hz_py_iter *it;
    HZ_TRY(hz_py_iter(py, haystack, &it));
    for (*out = false; !*out;) {
        struct hz_py_val item;
        HZ_TRY(hz_py_next(py, it, &item));
        if (item.kind == HZ_PY_MISSING)
            return HZ_OK;
        HZ_TRY(hz_py_equal(py, item, needle, out));
    }
    return HZ_OK;
}

hz_status hz_py_contains(struct hz_py *py, struct hz_py_val haystack, struct hz_py_val needle, bool *out)
{
    struct hz_py_val *found;
    if (haystack.kind == HZ_PY_STR) {
        if (needle.kind != HZ_PY_STR)
            return hz_py_fail(py, "'in <string>' requires string as left operand, not %s", hz_py_type_name(needle));
        const struct hz_py_str *h = haystack.str, *n = needle.str;
        *out = hz_py_find(h->data, 0, h->len, n->data, n->len) != SIZE_MAX;
        return hz_py_step(py, h->len / 64);
    }
    if (haystack.kind == HZ_PY_DICT || (haystack.kind == HZ_PY_VIEW && haystack.view->which == HZ_PY_KEYS)) {
        struct hz_py_dict *dict = haystack.kind == HZ_PY_DICT ? haystack.dict : haystack.view->dict;
        HZ_TRY(hz_py_dict_get(py, dict, needle, &found));
        *out = found != NULL;
        return HZ_OK;
    }
    if (!hz_py_iterable(haystack))
        return hz_py_fail(py, "argument of type '%s' is not iterable", hz_py_type_name(haystack));
    return contains_item(py, haystack, needle, out);
}

/* ---- operators -------------------------------------------------------------------------------------------------- */

static const char *const op_names[] = {"+", "-", "*", "/", "//", "%", "** or pow()"};

static bool is_sequence(struct hz_py_val v)
{
    return v.kind == HZ_PY_STR || v.kind == HZ_PY_LIST || v.kind == HZ_PY_TUPLE;
}

static hz_status no_operator(struct hz_py *py, enum hz_py_op op, struct hz_py_val a, struct hz_py_val b)
{
    if (a.kind == HZ_PY_UNDEFINED || b.kind == HZ_PY_UNDEFINED)
        return hz_py_fail_undefined(py, a.kind == HZ_PY_UNDEFINED ? a : b);
    if (op == HZ_PY_ADD && is_sequence(a))
        return hz_py_fail(py, "can only concatenate %s (not \"%s\") to %s", hz_py_type_name(a), hz_py_type_name(b),
                          hz_py_type_name(a));
    return hz_py_fail(py, "unsupported operand type(s) for %s: '%s' and '%s'", op_names[op], hz_py_type_name(a),
                      hz_py_type_name(b));
}

static hz_status float_op(struct hz_py *py, enum hz_py_op op, double x, double y, struct hz_py_val *out)
{
    double r = 0;
    if (y == 0 && op >= HZ_PY_DIV && op <= HZ_PY_MOD)
        return hz_py_fail(py, op == HZ_PY_MOD ? "float modulo" : "float division by zero");
    switch (op) {
    case HZ_PY_ADD:
        r = x + y;
        break;
    case HZ_PY_SUB:
        r = x - y;
        break;
    case HZ_PY_MUL:
        r = x * y;
        break;
    case HZ_PY_DIV:
        r = x / y;
        break;
    case HZ_PY_FLOORDIV:
    case HZ_PY_MOD: {
        double mod = fmod(x, y), div = (x - mod) / y;
        if (mod != 0 && (y < 0) != (mod < 0)) {
            mod += y;
            div -= 1;
        } else if (mod == 0) {
            mod = copysign(0, y);
        }
        double whole = div != 0 ? floor(div) : copysign(0, x / y);
        r = op == HZ_PY_MOD ? mod : div - whole > 0.5 ? whole + 1 : whole;
        break;
    }
    case HZ_PY_POW:
        if (x == 0 && y < 0)
            return hz_py_fail(py, "0.0 cannot be raised to a negative power");
        if (x < 0 && isfinite(x) && isfinite(y) && y != floor(y))
            return hz_py_fail(py, "a complex number, which templates do not have here");
        r = pow(x, y);
        if (isinf(r) && isfinite(x) && isfinite(y))
            return hz_py_fail(py, "Numerical result out of range");
    }
    *out = hz_py_float(r);
    return HZ_OK;
}

/* a + b or b + a of strings where one may be markup: the other one is escaped then. */
static hz_status add_strings(struct hz_py *py, struct hz_py_val a, struct hz_py_val b, struct hz_py_val *out)
{
    bool safe = a.safe || b.safe;
    if (safe) {
        HZ_TRY(hz_py_escape(py, a, &a));
        HZ_TRY(hz_py_escape(py, b, &b));
    }
    HZ_TRY(hz_py_concat(py, a, b, out));
    out->safe = safe;
    return HZ_OK;
}

static hz_status add_lists(struct hz_py *py, struct hz_py_val a, struct hz_py_val b, struct hz_py_val *out)
{
    struct hz_py_list *list = hz_py_list_new(py, a.list->n + b.list->n);
    if (!list)
        return hz_py_status(py);
    for (size_t i = 0; i < a.list->n; i++)
        list->at[list->n++] = a.list->at[i];
    for (size_t i = 0; i < b.list->n; i++)
        list->at[list->n++] = b.list->at[i];
    *out = a.kind == HZ_PY_LIST ? hz_py_list_val(list) : hz_py_tuple_val(list);
    return HZ_OK;
}

static hz_status repeat(struct hz_py *py, struct hz_py_val seq, struct hz_py_val times, struct hz_py_val *out)
{
    int64_t n;
    if (!hz_py_small(times, &n))
        return hz_py_fail(py, "cannot fit 'int' into an index-sized integer");
    n = HZ_MAX(n, 0);
    if (seq.kind == HZ_PY_STR) {
        struct hz_py_sb sb;
        hz_py_sb_begin(&sb, py);
        hz_py_sb_fill(&sb, seq.str->data, seq.str->len, (size_t)n);
        HZ_TRY(hz_py_sb_end(&sb, out));
        out->safe = seq.safe;
        return HZ_OK;
    }
    if (seq.list->n && (uint64_t)n > py->max_bytes / seq.list->n)
        return hz_fail(py->err, HZ_E_LIMIT, "the template makes a list that is too large");
    struct hz_py_list *list = hz_py_list_new(py, seq.list->n * (size_t)n);
    if (!list)
        return hz_py_status(py);
    while (list->n < list->cap) {
        memcpy(list->at + list->n, seq.list->at, seq.list->n * sizeof *list->at);
        list->n += seq.list->n;
    }
    *out = seq.kind == HZ_PY_LIST ? hz_py_list_val(list) : hz_py_tuple_val(list);
    return HZ_OK;
}

hz_status hz_py_binary(struct hz_py *py, enum hz_py_op op, struct hz_py_val a, struct hz_py_val b,
                       struct hz_py_val *out)
{
    if (hz_py_is_number(a) && hz_py_is_number(b)) {
        if (a.kind == HZ_PY_FLOAT || b.kind == HZ_PY_FLOAT)
            return float_op(py, op, hz_py_double(a), hz_py_double(b), out);
        return hz_py_int_op(py, op, a, b, out);
    }
    if (op == HZ_PY_ADD && a.kind == b.kind && is_sequence(a))
        return a.kind == HZ_PY_STR ? add_strings(py, a, b, out) : add_lists(py, a, b, out);
    if (op == HZ_PY_MUL && is_sequence(a) && hz_py_is_int(b))
        return repeat(py, a, b, out);
    if (op == HZ_PY_MUL && is_sequence(b) && hz_py_is_int(a))
        return repeat(py, b, a, out);
    if (op == HZ_PY_MOD && a.kind == HZ_PY_STR)
        return hz_py_percent(py, a, b, out);
    return no_operator(py, op, a, b);
}

hz_status hz_py_negative(struct hz_py *py, struct hz_py_val a, struct hz_py_val *out)
{
    if (a.kind == HZ_PY_FLOAT) {
        *out = hz_py_float(-a.f);
        return HZ_OK;
    }
    if (hz_py_is_int(a))
        return hz_py_int_op(py, HZ_PY_SUB, hz_py_int(0), a, out);
    if (a.kind == HZ_PY_UNDEFINED)
        return hz_py_fail_undefined(py, a);
    return hz_py_fail(py, "bad operand type for unary -: '%s'", hz_py_type_name(a));
}

hz_status hz_py_positive(struct hz_py *py, struct hz_py_val a, struct hz_py_val *out)
{
    if (hz_py_is_number(a)) {
        *out = a.kind == HZ_PY_BOOL ? hz_py_int(a.b) : a;
        return HZ_OK;
    }
    if (a.kind == HZ_PY_UNDEFINED)
        return hz_py_fail_undefined(py, a);
    return hz_py_fail(py, "bad operand type for unary +: '%s'", hz_py_type_name(a));
}

hz_status hz_py_escape(struct hz_py *py, struct hz_py_val v, struct hz_py_val *out)
{
    static const char special[] = "&<>'\"";
    static const char *const entity[] = {"&amp;", "&lt;", "&gt;", "&#39;", "&#34;"};
    if (v.kind != HZ_PY_STR)
        HZ_TRY(hz_py_str_of(py, v, &v));
    if (!v.safe) {
        struct hz_py_sb sb;
        hz_py_sb_begin(&sb, py);
        const char *p = v.str->data, *end = p + v.str->len, *plain = p;
        for (; p < end; p++) {
            const char *at = *p ? strchr(special, *p) : NULL;
            if (!at)
                continue;
            hz_py_sb_put(&sb, plain, (size_t)(p - plain));
            hz_py_sb_puts(&sb, entity[at - special]);
            plain = p + 1;
        }
        if (plain != v.str->data) {
            hz_py_sb_put(&sb, plain, (size_t)(end - plain));
            HZ_TRY(hz_py_sb_end(&sb, &v));
        }
    }
    *out = v;
    out->safe = true;
    return HZ_OK;
}

/* ---- subscripts ------------------------------------------------------------------------------------------------- */

/* Python's slice.indices: what start, stop and step mean for a length. */
static hz_status slice_bounds(struct hz_py *py, const struct hz_py_val given[3], int64_t len, int64_t out[3],
                              int64_t *count)
{
    int64_t v[3] = {0, 0, 1};
    bool set[3] = {false, false, false};
    for (int i = 0; i < 3; i++) {
        if (given[i].kind == HZ_PY_MISSING || given[i].kind == HZ_PY_NONE)
            continue;
        set[i] = true;
        if (given[i].kind == HZ_PY_BIGINT)
            v[i] = given[i].big && hz_py_int_negative(given[i]) ? INT64_MIN + 1 : INT64_MAX;
        else if (!hz_py_small(given[i], &v[i]))
            return hz_py_fail(py, "slice indices must be integers or None or have an __index__ method");
    }
    if (set[2] && v[2] == 0)
        return hz_py_fail(py, "slice step cannot be zero");
    int64_t step = v[2] == INT64_MIN ? INT64_MIN + 1 : v[2], low = step < 0 ? -1 : 0, high = step < 0 ? len - 1 : len;
    for (int i = 0; i < 2; i++) {
        if (!set[i])
            v[i] = (i == 0) == (step > 0) ? low : high;
        else
            v[i] = HZ_MIN(HZ_MAX(v[i] < 0 ? v[i] + len : v[i], low), high);
    }
    out[0] = v[0];
    out[1] = v[1];
    out[2] = step;
    *count =
        step > 0 ? (v[0] < v[1] ? (v[1] - v[0] - 1) / step + 1 : 0) : (v[1] < v[0] ? (v[0] - v[1] - 1) / -step + 1 : 0);
    return HZ_OK;
}

static hz_status slice_str(struct hz_py *py, struct hz_py_val s, const int64_t at[3], int64_t count,
                           struct hz_py_val *out)
{
    bool safe = s.safe;
    if (at[2] == 1) {
        size_t from = hz_py_offset(s, (size_t)at[0]), to = hz_py_offset(s, (size_t)(at[0] + count));
        HZ_TRY(hz_py_str_part(py, s, from, to, out));
        out->safe = safe;
        return HZ_OK;
    }
    struct hz_py_sb sb;
    hz_py_sb_begin(&sb, py);
    HZ_TRY(hz_py_step(py, s.str->len / 64));
    size_t *offset = NULL; /* of every character, where they differ from bytes */
    if (hz_py_chars(s) != s.str->len) {
        size_t n = 0;
        offset = hz_py_alloc(py, s.str->chars + 1, sizeof *offset);
        if (!offset)
            return hz_py_status(py);
        for (size_t i = 0; i < s.str->len; i++)
            if (((unsigned char)s.str->data[i] & 0xC0) != 0x80)
                offset[n++] = i;
        offset[n] = s.str->len;
    }
    for (int64_t i = at[0]; count > 0; i += at[2], count--) {
        size_t from = offset ? offset[i] : (size_t)i, to = offset ? offset[i + 1] : (size_t)i + 1;
        hz_py_sb_put(&sb, s.str->data + from, to - from);
        if (count == 1)
            break; /* the step may be huge */
    }
    HZ_TRY(hz_py_sb_end(&sb, out));
    out->safe = safe;
    return HZ_OK;
}

hz_status hz_py_slice(struct hz_py *py, struct hz_py_val v, struct hz_py_val start, struct hz_py_val stop,
                      struct hz_py_val step, struct hz_py_val *out)
{
    const struct hz_py_val given[3] = {start, stop, step};
    int64_t at[3] = {0}, count = 0;
    if (v.kind == HZ_PY_UNDEFINED)
        return hz_py_fail_undefined(py, v);
    if (v.kind == HZ_PY_DICT)
        return hz_py_fail(py, "unhashable type: 'slice'");
    if (!is_sequence(v) && v.kind != HZ_PY_RANGE)
        return hz_py_fail(py, "'%s' object is not subscriptable", hz_py_type_name(v));
    HZ_TRY(slice_bounds(py, given, hz_py_len(v), at, &count));
    if (v.kind == HZ_PY_STR)
        return slice_str(py, v, at, count, out);
    if (v.kind == HZ_PY_RANGE) {
        struct hz_py_range *r = HZ_PY_NEW(py, struct hz_py_range);
        if (!r)
            return hz_py_status(py);
        *r = (struct hz_py_range){v.range->start + at[0] * v.range->step, v.range->start + at[1] * v.range->step,
                                  v.range->step, count};
        if (__builtin_mul_overflow(v.range->step, at[2], &r->step))
            r->step = at[2] < 0 ? -1 : 1;
        *out = (struct hz_py_val){.kind = HZ_PY_RANGE, .range = r};
        return HZ_OK;
    }
    struct hz_py_list *list = hz_py_list_new(py, (size_t)count);
    if (!list)
        return hz_py_status(py);
    while ((int64_t)list->n < count) {
        list->at[list->n] = v.list->at[at[0] + (int64_t)list->n * at[2]];
        list->n++;
    }
    *out = v.kind == HZ_PY_LIST ? hz_py_list_val(list) : hz_py_tuple_val(list);
    return HZ_OK;
}

hz_status hz_py_subscript(struct hz_py *py, struct hz_py_val v, struct hz_py_val key, struct hz_py_val *out)
{
    int64_t i;
    *out = (struct hz_py_val){.kind = HZ_PY_MISSING};
    if (v.kind == HZ_PY_UNDEFINED)
        return hz_py_fail_undefined(py, v);
    if (v.kind == HZ_PY_DICT) {
        struct hz_py_val *found = NULL;
        if (hz_py_hashable(key))
            HZ_TRY(hz_py_dict_get(py, v.dict, key, &found));
        if (found)
            *out = *found;
        return HZ_OK;
    }
    if ((!is_sequence(v) && v.kind != HZ_PY_RANGE) || !hz_py_small(key, &i))
        return HZ_OK;
    int64_t len = hz_py_len(v);
    if (i < 0)
        i += len;
    if (i < 0 || i >= len)
        return HZ_OK;
    if (v.kind == HZ_PY_RANGE)
        *out = hz_py_int(v.range->start + i * v.range->step);
    else if (v.kind != HZ_PY_STR)
        *out = v.list->at[i];
    else {
        HZ_TRY(hz_py_str_part(py, v, hz_py_offset(v, (size_t)i), hz_py_offset(v, (size_t)i + 1), out));
        out->safe = v.safe;
    }
    return HZ_OK;
}
