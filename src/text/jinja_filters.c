/* jinja_filters.c - filters over lists and dictionaries. Where jinja2 has a generator there is one here: it computes an
 * item when it is asked for one. */
#include "text/jinja_ast.h"

#include <ctype.h>
#include <string.h>

static const struct hz_py_val missing = {.kind = HZ_PY_MISSING};

/* The argument, with None where it was not given. */
static struct hz_py_val or_none(struct hz_py_val v)
{
    return v.kind == HZ_PY_MISSING ? hz_py_none() : v;
}

/* ---- attributes of items: "a.b.0" ------------------------------------------------------------------------------- */

/* The parts of a path; digits alone are an index. */
static hz_status attribute_parts(struct hz_py *py, struct hz_py_val path, struct hz_py_list **out)
{
    struct hz_py_val dot;
    if (path.kind != HZ_PY_STR) {
        if (!(*out = hz_py_list_new(py, 1)))
            return hz_py_status(py);
        return path.kind == HZ_PY_NONE || path.kind == HZ_PY_MISSING ? HZ_OK : hz_py_push(py, *out, path);
    }
    HZ_TRY(hz_py_str_at(py, ".", 1, &dot));
    HZ_TRY(hz_py_split(py, path, dot, -1, out));
    for (size_t i = 0; i < (*out)->n; i++) {
        bool ok = false;
        if (hz_py_str_class((*out)->at[i], "isdecimal"))
            HZ_TRY(hz_py_parse_int(py, (*out)->at[i], 10, &(*out)->at[i], &ok));
    }
    return HZ_OK;
}

static hz_status get_attribute(struct hz_py *py, const struct hz_py_list *parts, struct hz_py_val otherwise,
                               bool ignore_case, struct hz_py_val *v)
{
    for (size_t i = 0; i < parts->n; i++) {
        HZ_TRY(hz_jinja_getitem(py, *v, parts->at[i], v));
        if (v->kind == HZ_PY_UNDEFINED && otherwise.kind != HZ_PY_MISSING && otherwise.kind != HZ_PY_NONE)
            *v = otherwise;
    }
    return ignore_case && v->kind == HZ_PY_STR ? hz_py_change_case(py, HZ_PY_LOWER, *v, v) : HZ_OK;
}

/* ---- select, reject, map ---------------------------------------------------------------------------------------- */

struct picking {
    struct hz_py_iter it, *of; /* of: NULL before the first item */
    struct hz_py_val value;
    struct hz_py_list *parts;    /* of the attribute looked at; NULL: the item itself */
    struct hz_py_val otherwise;  /* for map: where there is no attribute */
    const struct hz_py_def *def; /* the test or filter applied, or NULL */
    struct hz_py_args args;
    bool wanted; /* what select and reject let pass */
};

static hz_status start_picking(struct hz_py *py, struct picking *p, bool *any)
{
    *any = p->of || hz_py_truth(p->value);
    return *any && !p->of ? hz_py_iter(py, p->value, &p->of) : HZ_OK;
}

static hz_status select_next(struct hz_py *py, struct hz_py_iter *it, struct hz_py_val *out)
{
    struct picking *p = (struct picking *)it;
    bool any;
    HZ_TRY(start_picking(py, p, &any));
    while (any) {
        struct hz_py_val item, v;
        HZ_TRY(hz_py_next(py, p->of, &item));
        if (item.kind == HZ_PY_MISSING)
            break;
        v = item;
        if (p->parts)
            HZ_TRY(get_attribute(py, p->parts, missing, false, &v));
        if (p->def)
            HZ_TRY(hz_py_apply(py, p->def, v, &p->args, &v));
        if (hz_py_truth(v) == p->wanted) {
            *out = item;
            return HZ_OK;
        }
    }
    return HZ_OK;
}

static hz_status map_next(struct hz_py *py, struct hz_py_iter *it, struct hz_py_val *out)
{
    struct picking *p = (struct picking *)it;
    bool any;
    HZ_TRY(start_picking(py, p, &any));
    if (!any)
        return HZ_OK;
    HZ_TRY(hz_py_next(py, p->of, out));
    if (out->kind == HZ_PY_MISSING)
        return HZ_OK;
    return p->parts ? get_attribute(py, p->parts, p->otherwise, false, out)
                    : hz_py_apply(py, p->def, *out, &p->args, out);
}

static hz_status picking_new(struct hz_py *py, struct hz_py_call *c, struct picking **out, struct hz_py_val *v)
{
    struct picking *p = HZ_PY_NEW(py, struct picking);
    if (!p)
        return hz_py_status(py);
    p->value = c->self;
    p->otherwise = missing;
    *out = p;
    *v = (struct hz_py_val){.kind = HZ_PY_ITER, .iter = &p->it};
    return HZ_OK;
}

/* The filter or test named by the first of `args`, which get shorter by it. */
static hz_status named(struct hz_py *py, struct picking *p, struct hz_py_args args, bool filter)
{
    struct hz_py_val name = args.at[0];
    if (name.kind == HZ_PY_STR)
        p->def = filter ? hz_jinja_find_filter(name.str->data, name.str->len)
                        : hz_jinja_find_test(name.str->data, name.str->len);
    p->args = (struct hz_py_args){args.at + 1, args.n - 1, args.kw};
    if (p->def)
        return HZ_OK;
    HZ_TRY(hz_py_str_of(py, name, &name));
    return hz_py_fail(py, "No %s named '%.*s'.", filter ? "filter" : "test", (int)HZ_MIN(name.str->len, 60),
                      name.str->data);
}

static hz_status picked(struct hz_py *py, struct hz_py_call *c, bool attribute, bool wanted, struct hz_py_val *out)
{
    struct picking *p;
    struct hz_py_args args = c->rest;
    HZ_TRY(picking_new(py, c, &p, out));
    p->it.next = select_next;
    p->wanted = wanted;
    if (!hz_py_truth(c->self))
        return HZ_OK;
    if (attribute) {
        if (!args.n)
            return hz_py_fail(py, "Missing parameter for attribute name");
        HZ_TRY(attribute_parts(py, args.at[0], &p->parts));
        args.at++;
        args.n--;
    }
    return args.n ? named(py, p, args, false) : HZ_OK;
}

static hz_status select_items(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    return picked(py, c, false, true, out);
}

static hz_status reject_items(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    return picked(py, c, false, false, out);
}

static hz_status selectattr(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    return picked(py, c, true, true, out);
}

static hz_status rejectattr(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    return picked(py, c, true, false, out);
}

static hz_status map(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    struct picking *p;
    struct hz_py_dict *kw = c->rest.kw;
    struct hz_py_val *attribute = kw ? hz_py_dict_get_str(kw, "attribute", 9) : NULL;
    HZ_TRY(picking_new(py, c, &p, out));
    p->it.next = map_next;
    if (!hz_py_truth(c->self))
        return HZ_OK;
    if (c->rest.n)
        return named(py, p, c->rest, true);
    if (!attribute)
        return hz_py_fail(py, "map requires a filter argument");
    struct hz_py_val *otherwise = hz_py_dict_get_str(kw, "default", 7);
    if (kw->n > (otherwise ? 2u : 1u))
        return hz_py_fail(py, "map() got an unexpected keyword argument");
    if (otherwise)
        p->otherwise = *otherwise;
    return attribute_parts(py, *attribute, &p->parts);
}

/* ---- generators whose items are all computed at the first one --------------------------------------------------- */

struct deferred {
    struct hz_py_iter it;
    hz_status (*make)(struct hz_py *py, struct deferred *d, struct hz_py_list **out);
    struct hz_py_val value, arg[2];
    struct hz_py_list *items;
    size_t at;
};

static hz_status deferred_next(struct hz_py *py, struct hz_py_iter *it, struct hz_py_val *out)
{
    struct deferred *d = (struct deferred *)it;
    if (!d->items)
        HZ_TRY(d->make(py, d, &d->items));
    if (d->at < d->items->n)
        *out = d->items->at[d->at++];
    return HZ_OK;
}

static hz_status defer(struct hz_py *py, struct hz_py_call *c, size_t n_args,
                       hz_status (*make)(struct hz_py *, struct deferred *, struct hz_py_list **),
                       struct hz_py_val *out)
{
    struct deferred *d = HZ_PY_NEW(py, struct deferred);
    if (!d)
        return hz_py_status(py);
    d->it.next = deferred_next;
    d->make = make;
    d->value = c->self;
    for (size_t i = 0; i < n_args; i++)
        d->arg[i] = c->arg[i];
    *out = (struct hz_py_val){.kind = HZ_PY_ITER, .iter = &d->it};
    return HZ_OK;
}

static hz_status make_items(struct hz_py *py, struct deferred *d, struct hz_py_list **out)
{
    if (!(*out = hz_py_list_new(py, 0)))
        return hz_py_status(py);
    if (d->value.kind == HZ_PY_UNDEFINED)
        return HZ_OK;
    if (d->value.kind != HZ_PY_DICT)
        return hz_py_fail(py, "Can only get item pairs from a mapping.");
    for (size_t i = 0; i < d->value.dict->n; i++) {
        struct hz_py_val pair;
        HZ_TRY(hz_py_pair(py, d->value.dict->at[i].key, d->value.dict->at[i].value, &pair));
        HZ_TRY(hz_py_push(py, *out, pair));
    }
    return HZ_OK;
}

static hz_status items(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    return defer(py, c, 0, make_items, out);
}

static hz_status make_batches(struct hz_py *py, struct deferred *d, struct hz_py_list **out)
{
    int64_t size;
    struct hz_py_list *all, *batch = NULL;
    HZ_TRY(hz_py_arg_int(py, d->arg[0], 0, &size));
    HZ_TRY(hz_py_list_of(py, d->value, &all));
    if (!(*out = hz_py_list_new(py, 0)))
        return hz_py_status(py);
    for (size_t i = 0; i < all->n; i++) {
        if (!batch || (int64_t)batch->n == size) {
            if (!(batch = hz_py_list_new(py, 0)))
                return hz_py_status(py);
            if (size <= 0 && i == 0) /* a full empty batch comes first */
                HZ_TRY(hz_py_push(py, *out, hz_py_list_val(batch)));
            if (!(batch = hz_py_list_new(py, 0)))
                return hz_py_status(py);
            HZ_TRY(hz_py_push(py, *out, hz_py_list_val(batch)));
        }
        HZ_TRY(hz_py_push(py, batch, all->at[i]));
    }
    for (; batch && or_none(d->arg[1]).kind != HZ_PY_NONE && (int64_t)batch->n < size;)
        HZ_TRY(hz_py_push(py, batch, d->arg[1]));
    return HZ_OK;
}

static hz_status batch(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    return defer(py, c, 2, make_batches, out);
}

static hz_status make_slices(struct hz_py *py, struct deferred *d, struct hz_py_list **out)
{
    int64_t slices;
    struct hz_py_list *all;
    HZ_TRY(hz_py_arg_int(py, d->arg[0], 0, &slices));
    HZ_TRY(hz_py_list_of(py, d->value, &all));
    if (!slices)
        return hz_py_fail(py, "integer division or modulo by zero");
    if (!(*out = hz_py_list_new(py, 0)))
        return hz_py_status(py);
    size_t from = 0;
    for (int64_t i = 0; i < slices; i++) {
        size_t extra = i < (int64_t)all->n % slices, n = (size_t)((int64_t)all->n / slices) + extra;
        struct hz_py_list *slice = hz_py_list_new(py, n + 1);
        HZ_TRY(hz_py_step(py, 1));
        if (!slice)
            return hz_py_status(py);
        for (size_t k = 0; k < n; k++)
            slice->at[slice->n++] = all->at[from++];
        if (!extra && or_none(d->arg[1]).kind != HZ_PY_NONE)
            slice->at[slice->n++] = d->arg[1];
        HZ_TRY(hz_py_push(py, *out, hz_py_list_val(slice)));
    }
    return HZ_OK;
}

static hz_status slice(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    return defer(py, c, 2, make_slices, out);
}

static hz_status make_unique(struct hz_py *py, struct deferred *d, struct hz_py_list **out)
{
    struct hz_py_dict *seen = hz_py_dict_new(py);
    struct hz_py_list *all, *parts;
    HZ_TRY(attribute_parts(py, d->arg[1], &parts));
    HZ_TRY(hz_py_list_of(py, d->value, &all));
    if (!seen || !(*out = hz_py_list_new(py, 0)))
        return hz_py_status(py);
    for (size_t i = 0; i < all->n; i++) {
        struct hz_py_val key = all->at[i], *found;
        HZ_TRY(get_attribute(py, parts, missing, !hz_py_truth(d->arg[0]), &key));
        HZ_TRY(hz_py_dict_get(py, seen, key, &found));
        if (found)
            continue;
        HZ_TRY(hz_py_dict_set(py, seen, key, hz_py_none()));
        HZ_TRY(hz_py_push(py, *out, all->at[i]));
    }
    return HZ_OK;
}

static hz_status unique(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    return defer(py, c, 2, make_unique, out);
}

/* ---- sorting and grouping --------------------------------------------------------------------------------------- */

/* One key for each item: the values of the attributes in "a,b", as a list so that equal ones are never ordered. */
static hz_status sort(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    struct hz_py_list *all, *paths, *keys;
    struct hz_py_val comma, path = or_none(c->arg[2]);
    bool ignore_case = !hz_py_truth(c->arg[1]);
    HZ_TRY(hz_py_list_of(py, c->self, &all));
    HZ_TRY(hz_py_str_at(py, ",", 1, &comma));
    if (path.kind == HZ_PY_STR)
        HZ_TRY(hz_py_split(py, path, comma, -1, &paths));
    else if (!(paths = hz_py_list_new(py, 1)))
        return hz_py_status(py);
    else
        HZ_TRY(hz_py_push(py, paths, path));
    if (!(keys = hz_py_list_new(py, all->n)))
        return hz_py_status(py);
    for (size_t i = 0; i < all->n; i++) {
        struct hz_py_list *key = hz_py_list_new(py, paths->n), *parts;
        if (!key)
            return hz_py_status(py);
        for (size_t k = 0; k < paths->n; k++) {
            struct hz_py_val v = all->at[i];
            HZ_TRY(attribute_parts(py, paths->at[k], &parts));
            HZ_TRY(get_attribute(py, parts, missing, ignore_case, &v));
            HZ_TRY(hz_py_push(py, key, v));
        }
        HZ_TRY(hz_py_push(py, keys, hz_py_list_val(key)));
    }
    HZ_TRY(hz_py_sort(py, all, keys->at, hz_py_truth(c->arg[0])));
    *out = hz_py_list_val(all);
    return HZ_OK;
}

static hz_status dictsort(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    bool by_value = c->arg[1].kind != HZ_PY_MISSING && hz_py_str_is(c->arg[1], "value");
    struct deferred d = {.value = c->self};
    struct hz_py_list *pairs, *keys;
    if (c->arg[1].kind != HZ_PY_MISSING && !by_value && !hz_py_str_is(c->arg[1], "key"))
        return hz_py_fail(py, "You can only sort by either \"key\" or \"value\"");
    if (c->self.kind == HZ_PY_UNDEFINED)
        return hz_py_fail_undefined(py, c->self);
    HZ_TRY(make_items(py, &d, &pairs));
    if (!(keys = hz_py_list_new(py, pairs->n)))
        return hz_py_status(py);
    for (size_t i = 0; i < pairs->n; i++) {
        struct hz_py_val key = pairs->at[i].list->at[by_value];
        if (!hz_py_truth(c->arg[0]) && key.kind == HZ_PY_STR)
            HZ_TRY(hz_py_change_case(py, HZ_PY_LOWER, key, &key));
        HZ_TRY(hz_py_push(py, keys, key));
    }
    HZ_TRY(hz_py_sort(py, pairs, keys->at, hz_py_truth(c->arg[2])));
    *out = hz_py_list_val(pairs);
    return HZ_OK;
}

static hz_status attributes_of(struct hz_py *py, const struct hz_py_list *all, struct hz_py_val path,
                               struct hz_py_val otherwise, bool ignore_case, struct hz_py_list **out)
{
    struct hz_py_list *parts;
    HZ_TRY(attribute_parts(py, path, &parts));
    if (!(*out = hz_py_list_new(py, all->n)))
        return hz_py_status(py);
    for (size_t i = 0; i < all->n; i++) {
        struct hz_py_val v = all->at[i];
        HZ_TRY(get_attribute(py, parts, otherwise, ignore_case, &v));
        HZ_TRY(hz_py_push(py, *out, v));
    }
    return HZ_OK;
}

static hz_status add_group(struct hz_py *py, struct hz_py_list *groups, struct hz_py_val key, struct hz_py_list **group)
{
    struct hz_py_val pair;
    if (!(*group = hz_py_list_new(py, 0)))
        return hz_py_status(py);
    HZ_TRY(hz_py_pair(py, key, hz_py_list_val(*group), &pair));
    pair.list->group = true;
    return hz_py_push(py, groups, pair);
}

static hz_status groupby(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    struct hz_py_list *all, *keys, *shown, *groups = hz_py_list_new(py, 0), *group = NULL;
    bool same = false;
    if (!groups)
        return hz_py_status(py);
    HZ_TRY(hz_py_list_of(py, c->self, &all));
    HZ_TRY(attributes_of(py, all, c->arg[0], c->arg[1], !hz_py_truth(c->arg[2]), &keys));
    HZ_TRY(hz_py_sort(py, all, keys->at, false));
    HZ_TRY(attributes_of(py, all, c->arg[0], c->arg[1], !hz_py_truth(c->arg[2]), &keys)); /* in the new order */
    HZ_TRY(attributes_of(py, all, c->arg[0], c->arg[1], false, &shown));
    for (size_t i = 0; i < all->n; i++) {
        if (i)
            HZ_TRY(hz_py_equal(py, keys->at[i - 1], keys->at[i], &same));
        if (!same)
            HZ_TRY(add_group(py, groups, shown->at[i], &group));
        HZ_TRY(hz_py_push(py, group, all->at[i]));
    }
    *out = hz_py_list_val(groups);
    return HZ_OK;
}

static hz_status extreme(struct hz_py *py, struct hz_py_call *c, bool largest, struct hz_py_val *out)
{
    struct hz_py_list *all, *keys;
    size_t best = 0;
    HZ_TRY(hz_py_list_of(py, c->self, &all));
    if (!all->n)
        return hz_py_undefined_hint(py, "No aggregated item, sequence was empty.", out);
    HZ_TRY(attributes_of(py, all, c->arg[1], missing, !hz_py_truth(c->arg[0]), &keys));
    for (size_t i = 1; i < all->n; i++) {
        bool better;
        HZ_TRY(largest ? hz_py_less(py, keys->at[best], keys->at[i], &better)
                       : hz_py_less(py, keys->at[i], keys->at[best], &better));
        best = better ? i : best;
    }
    *out = all->at[best];
    return HZ_OK;
}

static hz_status smallest(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    return extreme(py, c, false, out);
}

static hz_status largest(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    return extreme(py, c, true, out);
}

/* ---- the rest --------------------------------------------------------------------------------------------------- */

static hz_status sum(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    struct hz_py_list *all, *values;
    struct hz_py_val total = c->arg[1].kind == HZ_PY_MISSING ? hz_py_int(0) : c->arg[1];
    if (total.kind == HZ_PY_STR)
        return hz_py_fail(py, "sum() can't sum strings [use ''.join(seq) instead]");
    HZ_TRY(hz_py_list_of(py, c->self, &all));
    HZ_TRY(attributes_of(py, all, c->arg[0], missing, false, &values));
    for (size_t i = 0; i < values->n; i++)
        HZ_TRY(hz_py_binary(py, HZ_PY_ADD, total, values->at[i], &total));
    *out = total;
    return HZ_OK;
}

static hz_status first(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    struct hz_py_iter *it;
    HZ_TRY(hz_py_iter(py, c->self, &it));
    HZ_TRY(hz_py_next(py, it, out));
    return out->kind == HZ_PY_MISSING ? hz_py_undefined_hint(py, "No first item, sequence was empty.", out) : HZ_OK;
}

static hz_status last(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    bool can;
    struct hz_py_val reversed;
    if (hz_py_len(c->self) == 0)
        return hz_py_undefined_hint(py, "No last item, sequence was empty.", out);
    if (c->self.kind == HZ_PY_STR)
        return hz_py_subscript(py, c->self, hz_py_int(-1), out);
    HZ_TRY(hz_py_reversed(py, c->self, &reversed, &can));
    if (!can)
        return hz_py_fail(py, "'%s' object is not reversible", hz_py_type_name(c->self));
    return hz_py_next(py, reversed.iter, out);
}

static hz_status reverse(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    bool can;
    struct hz_py_list *all;
    if (c->self.kind == HZ_PY_STR)
        return hz_py_slice(py, c->self, missing, missing, hz_py_int(-1), out);
    HZ_TRY(hz_py_reversed(py, c->self, out, &can));
    if (can)
        return HZ_OK;
    HZ_TRY(hz_py_list_of(py, c->self, &all));
    for (size_t i = 0; i + 1 < all->n - i; i++) {
        struct hz_py_val t = all->at[i];
        all->at[i] = all->at[all->n - 1 - i];
        all->at[all->n - 1 - i] = t;
    }
    *out = hz_py_list_val(all);
    return HZ_OK;
}

static hz_status length(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    *out = hz_py_int(hz_py_len(c->self));
    return out->i < 0 ? hz_py_fail(py, "object of type '%s' has no len()", hz_py_type_name(c->self)) : HZ_OK;
}

static hz_status list(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    struct hz_py_list *all;
    HZ_TRY(hz_py_list_of(py, c->self, &all));
    *out = hz_py_list_val(all);
    return HZ_OK;
}

/* Where values are escaped and the separator or an item is markup, the others are escaped and the result is markup. */
static hz_status join(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    struct hz_py_list *all, *values;
    struct hz_py_val sep = c->arg[0];
    struct hz_py_sb sb;
    HZ_TRY(hz_py_list_of(py, c->self, &all));
    HZ_TRY(attributes_of(py, all, c->arg[1], missing, false, &values));
    if (sep.kind == HZ_PY_MISSING)
        HZ_TRY(hz_py_str_at(py, "", 0, &sep));
    bool safe = py->autoescape && sep.kind == HZ_PY_STR && sep.safe;
    for (size_t i = 0; i < values->n && py->autoescape; i++)
        safe = safe || (values->at[i].kind == HZ_PY_STR && values->at[i].safe);
    HZ_TRY(safe ? hz_py_escape(py, sep, &sep) : hz_py_str_of(py, sep, &sep));
    hz_py_sb_begin(&sb, py);
    for (size_t i = 0; i < values->n; i++) {
        struct hz_py_val v = values->at[i];
        if (safe)
            HZ_TRY(hz_py_escape(py, v, &v));
        if (i)
            hz_py_sb_str(&sb, sep);
        hz_py_put_str(&sb, v);
    }
    HZ_TRY(hz_py_sb_end(&sb, out));
    out->safe = safe;
    return HZ_OK;
}

static hz_status default_value(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    *out = c->self;
    if (c->self.kind != HZ_PY_UNDEFINED && !(hz_py_truth(c->arg[1]) && !hz_py_truth(c->self)))
        return HZ_OK;
    *out = c->arg[0];
    return out->kind == HZ_PY_MISSING ? hz_py_str_at(py, "", 0, out) : HZ_OK;
}

static hz_status attr(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    HZ_TRY(hz_py_arg_str(py, c->arg[0], "attribute name"));
    HZ_TRY(hz_py_attr(py, c->self, c->arg[0].str->data, c->arg[0].str->len, out));
    return out->kind == HZ_PY_MISSING ? hz_py_undefined_of(py, c->self, c->arg[0], out) : HZ_OK;
}

static hz_status random_item(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    (void)c;
    (void)out;
    return hz_py_fail(py, "the filter random is not supported: a prompt must not depend on chance");
}

const struct hz_py_def hz_jinja_list_filters[] = {
    {"attr", "name", attr},
    {"batch", "linecount fill_with=", batch},
    {"count", "", length},
    {"d", "default_value= boolean=", default_value},
    {"default", "default_value= boolean=", default_value},
    {"dictsort", "case_sensitive= by= reverse=", dictsort},
    {"first", "", first},
    {"groupby", "attribute default= case_sensitive=", groupby},
    {"items", "", items},
    {"join", "d= attribute=", join},
    {"last", "", last},
    {"length", "", length},
    {"list", "", list},
    {"map", "* **", map},
    {"max", "case_sensitive= attribute=", largest},
    {"min", "case_sensitive= attribute=", smallest},
    {"random", "", random_item},
    {"reject", "* **", reject_items},
    {"rejectattr", "* **", rejectattr},
    {"reverse", "", reverse},
    {"select", "* **", select_items},
    {"selectattr", "* **", selectattr},
    {"slice", "slices fill_with=", slice},
    {"sort", "reverse= case_sensitive= attribute=", sort},
    {"sum", "attribute= start=", sum},
    {"unique", "case_sensitive= attribute=", unique},
    {NULL, NULL, NULL},
};

static const struct hz_py_def *find_in(const struct hz_py_def *table, const char *name, size_t len)
{
    for (; table->name; table++)
        if (len == strlen(table->name) && !memcmp(name, table->name, len))
            return table;
    return NULL;
}

const struct hz_py_def *hz_jinja_find_filter(const char *name, size_t len)
{
    const struct hz_py_def *def = find_in(hz_jinja_text_filters, name, len);
    return def ? def : find_in(hz_jinja_list_filters, name, len);
}
