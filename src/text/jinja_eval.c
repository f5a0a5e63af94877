/* jinja_eval.c - the value of an expression. */
#include "text/jinja_ast.h"

#include <string.h>

hz_status hz_jinja_getattr(struct hz_py *py, struct hz_py_val of, struct hz_py_val name, struct hz_py_val *out)
{
    HZ_TRY(hz_py_attr(py, of, name.str->data, name.str->len, out));
    if (out->kind == HZ_PY_MISSING)
        HZ_TRY(hz_py_subscript(py, of, name, out));
    return out->kind == HZ_PY_MISSING ? hz_py_undefined_of(py, of, name, out) : HZ_OK;
}

hz_status hz_jinja_getitem(struct hz_py *py, struct hz_py_val of, struct hz_py_val key, struct hz_py_val *out)
{
    HZ_TRY(hz_py_subscript(py, of, key, out));
    if (out->kind == HZ_PY_MISSING && key.kind == HZ_PY_STR && key.str->len)
        HZ_TRY(hz_py_attr(py, of, key.str->data, key.str->len, out));
    return out->kind == HZ_PY_MISSING ? hz_py_undefined_of(py, of, key, out) : HZ_OK;
}

struct hz_py_val *hz_jinja_slot(struct hz_jinja_run *run, struct hz_jinja_ref ref)
{
    struct hz_jinja_frame *frame = run->frame;
    for (uint16_t i = 0; i < ref.up; i++)
        frame = frame->up;
    return &frame->slot[ref.slot];
}

static hz_status eval_items(struct hz_jinja_run *run, const struct hz_jinja_node *node, struct hz_py_val *out)
{
    struct hz_py_list *list = hz_py_list_new(&run->py, node->items.n);
    if (!list)
        return hz_py_status(&run->py);
    for (size_t i = 0; i < node->items.n; i++) {
        struct hz_py_val item;
        HZ_TRY(hz_jinja_eval(run, node->items.at[i], &item));
        HZ_TRY(hz_py_push(&run->py, list, item));
    }
    *out = node->type == HZ_JINJA_LIST ? hz_py_list_val(list) : hz_py_tuple_val(list);
    return HZ_OK;
}

static hz_status eval_dict(struct hz_jinja_run *run, const struct hz_jinja_node *node, struct hz_py_val *out)
{
    struct hz_py_dict *dict = hz_py_dict_new(&run->py);
    if (!dict)
        return hz_py_status(&run->py);
    for (size_t i = 0; i < node->items.n; i += 2) {
        struct hz_py_val key, value;
        HZ_TRY(hz_jinja_eval(run, node->items.at[i], &key));
        HZ_TRY(hz_jinja_eval(run, node->items.at[i + 1], &value));
        HZ_TRY(hz_py_dict_set(&run->py, dict, key, value));
    }
    *out = hz_py_dict_val(dict);
    return HZ_OK;
}

static hz_status eval_cond(struct hz_jinja_run *run, const struct hz_jinja_node *node, struct hz_py_val *out)
{
    struct hz_py_val test;
    HZ_TRY(hz_jinja_eval(run, node->b, &test));
    if (hz_py_truth(test))
        return hz_jinja_eval(run, node->a, out);
    if (node->c)
        return hz_jinja_eval(run, node->c, out);
    return hz_py_undefined_hint(&run->py, "the inline if-expression evaluated to false and no else section was defined",
                                out);
}

static hz_status compare(struct hz_py *py, enum hz_jinja_compare op, struct hz_py_val a, struct hz_py_val b, bool *out)
{
    bool numbers = hz_py_is_number(a) && hz_py_is_number(b), less;
    switch (op) {
    case HZ_JINJA_EQ:
    case HZ_JINJA_NE:
        HZ_TRY(hz_py_equal(py, a, b, out));
        *out = *out == (op == HZ_JINJA_EQ);
        return HZ_OK;
    case HZ_JINJA_IN:
    case HZ_JINJA_NOT_IN:
        HZ_TRY(hz_py_contains(py, b, a, out));
        *out = *out == (op == HZ_JINJA_IN);
        return HZ_OK;
    case HZ_JINJA_LT:
        return hz_py_less(py, a, b, out);
    case HZ_JINJA_GT:
        return hz_py_less(py, b, a, out);
    default:
        break;
    }
    if (numbers && hz_py_number_order(a, b) == 2) { /* a NaN is neither less nor greater nor equal */
        *out = false;
        return HZ_OK;
    }
    HZ_TRY(op == HZ_JINJA_LE ? hz_py_less(py, b, a, &less) : hz_py_less(py, a, b, &less));
    *out = !less;
    return HZ_OK;
}

static hz_status eval_compare(struct hz_jinja_run *run, const struct hz_jinja_node *node, struct hz_py_val *out)
{
    struct hz_py_val left, right;
    bool result = true;
    HZ_TRY(hz_jinja_eval(run, node->a, &left));
    for (size_t i = 0; i < node->items.n && result; i++) {
        HZ_TRY(hz_jinja_eval(run, node->items.at[i], &right));
        HZ_TRY(compare(&run->py, node->ops[i], left, right, &result));
        left = right;
    }
    *out = hz_py_bool(result);
    return HZ_OK;
}

/* a ~ b ~ c: as text; where values are escaped and one is markup, the others get escaped. */
static hz_status eval_concat(struct hz_jinja_run *run, const struct hz_jinja_node *node, struct hz_py_val *out)
{
    struct hz_py_val values, item;
    bool safe = false;
    HZ_TRY(eval_items(run, node, &values));
    for (size_t i = 0; run->py.autoescape && i < values.list->n; i++)
        safe = safe || (values.list->at[i].kind == HZ_PY_STR && values.list->at[i].safe);
    for (size_t i = 0; i < values.list->n; i++) {
        item = values.list->at[i];
        HZ_TRY(safe ? hz_py_escape(&run->py, item, &item) : hz_py_str_of(&run->py, item, &item));
        if (i == 0)
            *out = item;
        else
            HZ_TRY(hz_py_concat(&run->py, *out, item, out));
    }
    out->safe = safe;
    return HZ_OK;
}

static hz_status eval_slice(struct hz_jinja_run *run, const struct hz_jinja_node *node, struct hz_py_val *out)
{
    struct hz_py_val of, at[3] = {{.kind = HZ_PY_MISSING}};
    const struct hz_jinja_node *given[3] = {node->b, node->c, node->d};
    bool fits = true;
    HZ_TRY(hz_jinja_eval(run, node->a, &of));
    for (int i = 0; i < 3; i++)
        if (given[i]) {
            HZ_TRY(hz_jinja_eval(run, given[i], &at[i]));
            fits = fits && (hz_py_is_int(at[i]) || at[i].kind == HZ_PY_NONE);
        }
    fits = fits && (of.kind == HZ_PY_STR || of.kind == HZ_PY_LIST || of.kind == HZ_PY_TUPLE);
    if (node->lenient && !fits)
        return hz_py_undefined_of(&run->py, of, hz_py_none(), out);
    return hz_py_slice(&run->py, of, at[0], at[1], at[2], out);
}

/* ---- calls ------------------------------------------------------------------------------------------------------ */

static hz_status add_keyword(struct hz_jinja_run *run, struct hz_py_args *out, struct hz_py_val key, struct hz_py_val v)
{
    struct hz_py_val *found;
    if (key.kind != HZ_PY_STR)
        return hz_py_fail(&run->py, "keywords must be strings");
    if (!out->kw && !(out->kw = hz_py_dict_new(&run->py)))
        return hz_py_status(&run->py);
    HZ_TRY(hz_py_dict_get(&run->py, out->kw, key, &found));
    if (found)
        return hz_py_fail(&run->py, "got multiple values for keyword argument '%.*s'", (int)HZ_MIN(key.str->len, 100),
                          key.str->data);
    return hz_py_dict_set(&run->py, out->kw, key, v);
}

hz_status hz_jinja_eval_args(struct hz_jinja_run *run, const struct hz_jinja_args *args, struct hz_py_args *out)
{
    struct hz_py_val v;
    *out = (struct hz_py_args){0};
    if (!args->positional.n && !args->values.n && !args->star && !args->star_star)
        return HZ_OK;
    struct hz_py_list *list = hz_py_list_new(&run->py, args->positional.n);
    if (!list)
        return hz_py_status(&run->py);
    for (size_t i = 0; i < args->positional.n; i++) {
        HZ_TRY(hz_jinja_eval(run, args->positional.at[i], &v));
        HZ_TRY(hz_py_push(&run->py, list, v));
    }
    if (args->star) {
        struct hz_py_list *more;
        HZ_TRY(hz_jinja_eval(run, args->star, &v));
        HZ_TRY(hz_py_list_of(&run->py, v, &more));
        for (size_t i = 0; i < more->n; i++)
            HZ_TRY(hz_py_push(&run->py, list, more->at[i]));
    }
    for (size_t i = 0; i < args->values.n; i++) {
        HZ_TRY(hz_jinja_eval(run, args->values.at[i], &v));
        HZ_TRY(add_keyword(run, out, args->keywords[i], v));
    }
    if (args->star_star) {
        HZ_TRY(hz_jinja_eval(run, args->star_star, &v));
        if (v.kind != HZ_PY_DICT)
            return hz_py_fail(&run->py, "argument after ** must be a mapping, not %s", hz_py_type_name(v));
        for (size_t i = 0; i < v.dict->n; i++)
            HZ_TRY(add_keyword(run, out, v.dict->at[i].key, v.dict->at[i].value));
    }
    out->at = list->at;
    out->n = list->n;
    return HZ_OK;
}

static hz_status apply_named(struct hz_jinja_run *run, const struct hz_jinja_node *node, struct hz_py_val input,
                             struct hz_py_val *out)
{
    struct hz_py_args args;
    if (!node->def)
        return hz_py_fail(&run->py, "No %s named '%.*s' found.", node->type == HZ_JINJA_FILTER ? "filter" : "test",
                          (int)HZ_MIN(node->value.str->len, 60), node->value.str->data);
    HZ_TRY(hz_jinja_eval_args(run, &node->args, &args));
    return hz_py_apply(&run->py, node->def, input, &args, out);
}

hz_status hz_jinja_eval_filter(struct hz_jinja_run *run, const struct hz_jinja_node *filter, struct hz_py_val input,
                               struct hz_py_val *out)
{
    if (filter->a)
        HZ_TRY(hz_jinja_eval_filter(run, filter->a, input, &input));
    return apply_named(run, filter, input, out);
}

static hz_status eval_call(struct hz_jinja_run *run, const struct hz_jinja_node *node, struct hz_py_val *out)
{
    struct hz_py_val fn;
    struct hz_py_args args;
    HZ_TRY(hz_jinja_eval(run, node->a, &fn));
    HZ_TRY(hz_jinja_eval_args(run, &node->args, &args));
    run->line = node->line;
    return hz_py_call(&run->py, fn, &args, out);
}

/* ---- everything ------------------------------------------------------------------------------------------------- */

static hz_status eval_name(struct hz_jinja_run *run, const struct hz_jinja_node *node, struct hz_py_val *out)
{
    *out = *hz_jinja_slot(run, node->ref);
    if (out->kind != HZ_PY_MISSING)
        return HZ_OK;
    return hz_py_undefined_of(&run->py, (struct hz_py_val){.kind = HZ_PY_MISSING}, node->value, out);
}

static hz_status eval_operands(struct hz_jinja_run *run, const struct hz_jinja_node *node, struct hz_py_val *out)
{
    struct hz_py *py = &run->py;
    struct hz_py_val a, b;
    HZ_TRY(hz_jinja_eval(run, node->a, &a));
    switch (node->type) {
    case HZ_JINJA_AND:
    case HZ_JINJA_OR:
        if (hz_py_truth(a) == (node->type == HZ_JINJA_AND))
            return hz_jinja_eval(run, node->b, out);
        *out = a;
        return HZ_OK;
    case HZ_JINJA_NOT:
        *out = hz_py_bool(!hz_py_truth(a));
        return HZ_OK;
    case HZ_JINJA_NEG:
        return hz_py_negative(py, a, out);
    case HZ_JINJA_POS:
        return hz_py_positive(py, a, out);
    case HZ_JINJA_GETATTR:
        return hz_jinja_getattr(py, a, node->value, out);
    case HZ_JINJA_FILTER:
    case HZ_JINJA_TEST:
        return apply_named(run, node, a, out);
    default:
        break;
    }
    HZ_TRY(hz_jinja_eval(run, node->b, &b));
    run->line = node->line;
    return node->type == HZ_JINJA_GETITEM ? hz_jinja_getitem(py, a, b, out) : hz_py_binary(py, node->op, a, b, out);
}

static hz_status eval(struct hz_jinja_run *run, const struct hz_jinja_node *node, struct hz_py_val *out)
{
    switch (node->type) {
    case HZ_JINJA_CONST:
        *out = node->value;
        return HZ_OK;
    case HZ_JINJA_NAME:
        return eval_name(run, node, out);
    case HZ_JINJA_TUPLE:
    case HZ_JINJA_LIST:
        return eval_items(run, node, out);
    case HZ_JINJA_DICT:
        return eval_dict(run, node, out);
    case HZ_JINJA_COND:
        return eval_cond(run, node, out);
    case HZ_JINJA_COMPARE:
        return eval_compare(run, node, out);
    case HZ_JINJA_CONCAT:
        return eval_concat(run, node, out);
    case HZ_JINJA_SLICE:
        return eval_slice(run, node, out);
    case HZ_JINJA_CALL:
        return eval_call(run, node, out);
    default:
        return eval_operands(run, node, out);
    }
}

hz_status hz_jinja_eval(struct hz_jinja_run *run, const struct hz_jinja_node *node, struct hz_py_val *out)
{
    HZ_TRY(hz_py_step(&run->py, 1));
    HZ_TRY(hz_py_enter(&run->py));
    hz_status status = eval(run, node, out);
    run->py.depth--;
    return status;
}
