/* py_iter.c - walking values, and sorting them. */
#include "text/py.h"
#include "text/utf8.h"

#include <string.h>

bool hz_py_iterable(struct hz_py_val v)
{
    switch (v.kind) {
    case HZ_PY_UNDEFINED:
    case HZ_PY_STR:
    case HZ_PY_LIST:
    case HZ_PY_TUPLE:
    case HZ_PY_DICT:
    case HZ_PY_RANGE:
    case HZ_PY_VIEW:
    case HZ_PY_ITER:
        return true;
    case HZ_PY_OBJECT:
        return v.object->cls->iter != NULL;
    default:
        return false;
    }
}

struct walk { /* of a value by index; `left` items, `at` the next one */
    struct hz_py_iter it;
    struct hz_py_val of;
    int64_t at, step, left;
    size_t byte; /* of a string */
};

static hz_status view_item(struct hz_py *py, const struct hz_py_view *view, int64_t i, struct hz_py_val *out)
{
    const struct hz_py_entry *e = &view->dict->at[i];
    if (view->which == HZ_PY_ITEMS)
        return hz_py_pair(py, e->key, e->value, out);
    *out = view->which == HZ_PY_KEYS ? e->key : e->value;
    return HZ_OK;
}

static hz_status next_char(struct hz_py *py, struct walk *w, struct hz_py_val *out)
{
    uint32_t cp;
    size_t n = hz_utf8_decode(w->of.str->data + w->byte, w->of.str->len - w->byte, &cp);
    n = n ? n : 1;
    HZ_TRY(hz_py_str_at(py, w->of.str->data + w->byte, n, out)); /* of markup too, plain characters */
    w->byte += n;
    return HZ_OK;
}

static hz_status walk_next(struct hz_py *py, struct hz_py_iter *it, struct hz_py_val *out)
{
    struct walk *w = (struct walk *)it;
    if (w->left <= 0)
        return HZ_OK;
    w->left--;
    int64_t i = w->at;
    w->at += w->step;
    switch (w->of.kind) {
    case HZ_PY_STR:
        return next_char(py, w, out);
    case HZ_PY_LIST:
    case HZ_PY_TUPLE:
        *out = w->of.list->at[i];
        break;
    case HZ_PY_DICT:
        *out = w->of.dict->at[i].key;
        break;
    case HZ_PY_RANGE:
        *out = hz_py_int(w->of.range->start + i * w->of.range->step);
        break;
    case HZ_PY_VIEW:
        return view_item(py, w->of.view, i, out);
    default:
        break;
    }
    return HZ_OK;
}

static hz_status walk_new(struct hz_py *py, struct hz_py_val v, bool backwards, struct hz_py_iter **out)
{
    struct walk *w = HZ_PY_NEW(py, struct walk);
    if (!w)
        return hz_py_status(py);
    int64_t len = hz_py_len(v);
    *w = (struct walk){{walk_next, false}, v, backwards ? len - 1 : 0, backwards ? -1 : 1, len, 0};
    *out = &w->it;
    return HZ_OK;
}

hz_status hz_py_iter(struct hz_py *py, struct hz_py_val v, struct hz_py_iter **out)
{
    if (v.kind == HZ_PY_ITER) {
        *out = v.iter;
        return HZ_OK;
    }
    if (v.kind == HZ_PY_OBJECT && v.object->cls->iter)
        return v.object->cls->iter(py, v.object, out);
    if (!hz_py_iterable(v))
        return hz_py_fail(py, "'%s' object is not iterable", hz_py_type_name(v));
    return walk_new(py, v, false, out);
}

hz_status hz_py_next(struct hz_py *py, struct hz_py_iter *it, struct hz_py_val *out)
{
    *out = (struct hz_py_val){.kind = HZ_PY_MISSING};
    if (it->done)
        return HZ_OK;
    HZ_TRY(hz_py_step(py, 1));
    HZ_TRY(hz_py_enter(py)); /* iterators stand on iterators */
    hz_status status = it->next(py, it, out);
    py->depth--;
    if (status == HZ_OK && out->kind == HZ_PY_MISSING)
        it->done = true;
    return status;
}

hz_status hz_py_list_of(struct hz_py *py, struct hz_py_val v, struct hz_py_list **out)
{
    struct hz_py_iter *it;
    int64_t len = hz_py_len(v);
    HZ_TRY(hz_py_iter(py, v, &it));
    struct hz_py_list *list = hz_py_list_new(py, len > 0 ? (size_t)len : 0);
    if (!list)
        return hz_py_status(py);
    for (;;) {
        struct hz_py_val item;
        HZ_TRY(hz_py_next(py, it, &item));
        if (item.kind == HZ_PY_MISSING)
            break;
        HZ_TRY(hz_py_push(py, list, item));
    }
    *out = list;
    return HZ_OK;
}

hz_status hz_py_reversed(struct hz_py *py, struct hz_py_val v, struct hz_py_val *out, bool *can)
{
    struct hz_py_iter *it;
    *can = v.kind == HZ_PY_LIST || v.kind == HZ_PY_TUPLE || v.kind == HZ_PY_DICT || v.kind == HZ_PY_RANGE ||
           v.kind == HZ_PY_VIEW;
    if (!*can)
        return HZ_OK;
    HZ_TRY(walk_new(py, v, true, &it));
    *out = (struct hz_py_val){.kind = HZ_PY_ITER, .iter = it};
    return HZ_OK;
}

/* ---- sorting ---------------------------------------------------------------------------------------------------- */

struct sorting {
    struct hz_py *py;
    const struct hz_py_val *keys;
    uint32_t *order, *spare;
    bool reverse;
};

/* Merge sort of order[from..to): the right half's item goes first only if it is strictly less (greater in reverse). */
static hz_status merge_sort(struct sorting *s, size_t from, size_t to)
{
    if (to - from < 2)
        return HZ_OK;
    size_t mid = from + (to - from) / 2, i = from, k = mid, n = 0;
    HZ_TRY(merge_sort(s, from, mid));
    HZ_TRY(merge_sort(s, mid, to));
    HZ_TRY(hz_py_step(s->py, to - from));
    while (i < mid && k < to) {
        struct hz_py_val left = s->keys[s->order[i]], right = s->keys[s->order[k]];
        bool swap;
        HZ_TRY(s->reverse ? hz_py_less(s->py, left, right, &swap) : hz_py_less(s->py, right, left, &swap));
        s->spare[n++] = s->order[swap ? k++ : i++];
    }
    while (i < mid)
        s->spare[n++] = s->order[i++];
    memcpy(s->order + from, s->spare, n * sizeof *s->order);
    return HZ_OK;
}

hz_status hz_py_sort(struct hz_py *py, struct hz_py_list *items, const struct hz_py_val *keys, bool reverse)
{
    size_t n = items->n;
    struct sorting s = {py, keys ? keys : items->at, NULL, NULL, reverse};
    s.order = hz_py_alloc(py, n, sizeof *s.order);
    s.spare = hz_py_alloc(py, n, sizeof *s.spare);
    struct hz_py_val *sorted = hz_py_alloc(py, n, sizeof *sorted);
    if (!s.order || !s.spare || !sorted)
        return hz_py_status(py);
    for (size_t i = 0; i < n; i++)
        s.order[i] = (uint32_t)i;
    HZ_TRY(merge_sort(&s, 0, n));
    for (size_t i = 0; i < n; i++)
        sorted[i] = items->at[s.order[i]];
    items->at = sorted;
    items->cap = n;
    return HZ_OK;
}
