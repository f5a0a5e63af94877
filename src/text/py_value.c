/* py_value.c - memory and limits of a rendering; strings, lists and dictionaries being made. */
#include "base/map.h"
#include "text/py.h"
#include "text/utf8.h"

#include <math.h>
#include <string.h>

/* ---- limits ----------------------------------------------------------------------------------------------------- */

hz_status hz_py_fail(struct hz_py *py, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    hz_status status = hz_vfail(py->err, HZ_E_INVALID, fmt, ap);
    va_end(ap);
    return status;
}

hz_status hz_py_step(struct hz_py *py, size_t n)
{
    if (py->steps < n) {
        py->steps = 0;
        return hz_fail(py->err, HZ_E_LIMIT, "the template takes too many steps");
    }
    py->steps -= n;
    return HZ_OK;
}

hz_status hz_py_enter(struct hz_py *py)
{
    if (py->depth >= HZ_PY_MAX_DEPTH)
        return hz_fail(py->err, HZ_E_LIMIT, "the template nests calls or values too deeply");
    py->depth++;
    return HZ_OK;
}

void *hz_py_alloc(struct hz_py *py, size_t n, size_t size)
{
    if (size && n > py->max_bytes / size) {
        hz_fail(py->err, HZ_E_LIMIT, "the template makes a value that is too large");
        return NULL;
    }
    if (n * size > py->max_bytes - HZ_MIN(py->arena.total, py->max_bytes)) {
        hz_fail(py->err, HZ_E_LIMIT, "the template uses more than %zu MiB of memory", py->max_bytes >> 20);
        return NULL;
    }
    if (hz_py_step(py, n * size / 64) != HZ_OK)
        return NULL;
    void *p = hz_arena_alloc(&py->arena, n, size);
    if (!p)
        hz_fail_nomem(py->err, n * size);
    return p;
}

/* ---- strings ---------------------------------------------------------------------------------------------------- */

hz_status hz_py_str_at(struct hz_py *py, const char *data, size_t len, struct hz_py_val *out)
{
    struct hz_py_str *s = HZ_PY_NEW(py, struct hz_py_str);
    if (!s)
        return hz_py_status(py);
    *s = (struct hz_py_str){len ? data : "", len, len ? SIZE_MAX : 0, NULL};
    *out = (struct hz_py_val){.kind = HZ_PY_STR, .str = s};
    return HZ_OK;
}

hz_status hz_py_str_copy(struct hz_py *py, const char *data, size_t len, struct hz_py_val *out)
{
    char *copy = hz_py_alloc(py, len + 1, 1);
    if (!copy)
        return hz_py_status(py);
    memcpy(copy, data, len);
    return hz_py_str_at(py, copy, len, out);
}

hz_status hz_py_str_part(struct hz_py *py, struct hz_py_val s, size_t from, size_t to, struct hz_py_val *out)
{
    if (from == 0 && to == s.str->len) {
        *out = s;
        out->safe = false;
        return HZ_OK;
    }
    HZ_TRY(hz_py_str_at(py, s.str->data + from, to - from, out));
    if (s.str->chars == s.str->len) /* of ASCII every part is */
        out->str->chars = to - from;
    return HZ_OK;
}

size_t hz_py_chars(struct hz_py_val s)
{
    if (s.str->chars == SIZE_MAX)
        s.str->chars = hz_utf8_count(s.str->data, s.str->len);
    return s.str->chars;
}

size_t hz_py_offset(struct hz_py_val s, size_t index)
{
    if (hz_py_chars(s) == s.str->len)
        return HZ_MIN(index, s.str->len);
    size_t at = 0;
    for (; at < s.str->len; at++)
        if (((unsigned char)s.str->data[at] & 0xC0) != 0x80 && index-- == 0)
            break;
    return at;
}

bool hz_py_str_is(struct hz_py_val v, const char *text)
{
    return v.kind == HZ_PY_STR && v.str->len == strlen(text) && !memcmp(v.str->data, text, v.str->len);
}

/* A block that strings end in, with room behind: `a ~ b` again and again is linear that way, since a string that ends
 * where the block's used part ends can grow there without being copied. */
struct hz_py_home {
    size_t used, cap;
    char *data;
};

static hz_status home_new(struct hz_py *py, char *data, size_t used, size_t cap, struct hz_py_home **out)
{
    struct hz_py_home *home = HZ_PY_NEW(py, struct hz_py_home);
    if (!home)
        return hz_py_status(py);
    *home = (struct hz_py_home){used, cap, data};
    *out = home;
    return HZ_OK;
}

hz_status hz_py_concat(struct hz_py *py, struct hz_py_val a, struct hz_py_val b, struct hz_py_val *out)
{
    enum { WORTH_A_HOME = 256 };
    const struct hz_py_str *x = a.str, *y = b.str;
    if (!x->len || !y->len) {
        *out = x->len ? a : b;
        out->safe = false;
        return HZ_OK;
    }
    size_t len = x->len + y->len;
    struct hz_py_home *home = x->home;
    if (!home || x->data + x->len != home->data + home->used || home->cap - home->used < y->len) {
        size_t cap = len < WORTH_A_HOME ? len : 2 * len;
        char *data = hz_py_alloc(py, cap, 1);
        if (!data)
            return hz_py_status(py);
        memcpy(data, x->data, x->len);
        home = NULL;
        if (len >= WORTH_A_HOME)
            HZ_TRY(home_new(py, data, x->len, cap, &home));
        HZ_TRY(hz_py_str_at(py, data, len, out));
    } else {
        HZ_TRY(hz_py_str_at(py, x->data, len, out));
    }
    memcpy((char *)out->str->data + x->len, y->data, y->len);
    if (home)
        home->used += y->len;
    out->str->home = home;
    if (x->chars != SIZE_MAX && y->chars != SIZE_MAX)
        out->str->chars = x->chars + y->chars;
    return HZ_OK;
}

void hz_py_sb_begin(struct hz_py_sb *sb, struct hz_py *py)
{
    *sb = (struct hz_py_sb){.py = py};
}

static bool sb_reserve(struct hz_py_sb *sb, size_t more)
{
    if (sb->status != HZ_OK)
        return false;
    if (more <= sb->cap - sb->len)
        return true;
    size_t cap = HZ_MAX(HZ_MAX(2 * sb->cap, 64), more < sb->py->max_bytes ? sb->len + more : SIZE_MAX / 2);
    char *data = hz_py_alloc(sb->py, cap, 1);
    if (!data) {
        sb->status = hz_py_status(sb->py);
        return false;
    }
    if (sb->len)
        memcpy(data, sb->data, sb->len);
    sb->data = data;
    sb->cap = cap;
    return true;
}

void hz_py_sb_put(struct hz_py_sb *sb, const char *data, size_t len)
{
    if (!len || !sb_reserve(sb, len))
        return;
    memcpy(sb->data + sb->len, data, len);
    sb->len += len;
}

void hz_py_sb_puts(struct hz_py_sb *sb, const char *s)
{
    hz_py_sb_put(sb, s, strlen(s));
}

void hz_py_sb_putc(struct hz_py_sb *sb, char c)
{
    hz_py_sb_put(sb, &c, 1);
}

void hz_py_sb_cp(struct hz_py_sb *sb, uint32_t cp)
{
    char s[4];
    hz_py_sb_put(sb, s, hz_utf8_encode(cp, s));
}

void hz_py_sb_fill(struct hz_py_sb *sb, const char *s, size_t len, size_t times)
{
    if (!len || !times)
        return;
    if (times > sb->py->max_bytes / len) {
        if (sb->status == HZ_OK)
            sb->status = hz_fail(sb->py->err, HZ_E_LIMIT, "the template makes a string that is too large");
        return;
    }
    if (!sb_reserve(sb, len * times))
        return;
    for (size_t i = 0; i < times; i++)
        memcpy(sb->data + sb->len + i * len, s, len);
    sb->len += len * times;
}

void hz_py_sb_str(struct hz_py_sb *sb, struct hz_py_val s)
{
    hz_py_sb_put(sb, s.str->data, s.str->len);
}

hz_status hz_py_sb_end(struct hz_py_sb *sb, struct hz_py_val *out)
{
    if (sb->status != HZ_OK)
        return sb->status;
    HZ_TRY(hz_py_str_at(sb->py, sb->data, sb->len, out));
    if (sb->cap > sb->len)
        HZ_TRY(home_new(sb->py, sb->data, sb->len, sb->cap, &out->str->home));
    return HZ_OK;
}

/* ---- undefined -------------------------------------------------------------------------------------------------- */

static hz_status undefined_new(struct hz_py *py, struct hz_py_undefined u, struct hz_py_val *out)
{
    struct hz_py_undefined *p = HZ_PY_NEW(py, struct hz_py_undefined);
    if (!p)
        return hz_py_status(py);
    *p = u;
    *out = (struct hz_py_val){.kind = HZ_PY_UNDEFINED, .undefined = p};
    return HZ_OK;
}

hz_status hz_py_undefined_hint(struct hz_py *py, const char *hint, struct hz_py_val *out)
{
    return undefined_new(py, (struct hz_py_undefined){.hint = hint}, out);
}

hz_status hz_py_undefined_of(struct hz_py *py, struct hz_py_val of, struct hz_py_val name, struct hz_py_val *out)
{
    return undefined_new(py, (struct hz_py_undefined){.of = of, .name = name}, out);
}

hz_status hz_py_fail_undefined(struct hz_py *py, struct hz_py_val undefined)
{
    const struct hz_py_undefined *u = undefined.undefined;
    if (u->hint)
        return hz_py_fail(py, "%s", u->hint);
    struct hz_py_sb sb;
    struct hz_py_val name;
    hz_py_sb_begin(&sb, py);
    hz_py_put_repr(&sb, u->name);
    HZ_TRY(hz_py_sb_end(&sb, &name));
    int n = (int)HZ_MIN(name.str->len, 200);
    if (u->of.kind == HZ_PY_MISSING)
        return hz_py_fail(py, "%.*s is undefined", n, name.str->data);
    const char *type = u->of.kind == HZ_PY_NONE ? "None" : hz_py_type_name(u->of);
    return hz_py_fail(py, "'%s%s' has no %s %.*s", type, u->of.kind == HZ_PY_NONE ? "" : " object",
                      u->name.kind == HZ_PY_STR ? "attribute" : "element", n, name.str->data);
}

/* ---- lists ------------------------------------------------------------------------------------------------------ */

struct hz_py_list *hz_py_list_new(struct hz_py *py, size_t cap)
{
    struct hz_py_list *list = HZ_PY_NEW(py, struct hz_py_list);
    if (!list)
        return NULL;
    list->at = cap ? hz_py_alloc(py, cap, sizeof *list->at) : NULL;
    list->cap = cap;
    return cap && !list->at ? NULL : list;
}

hz_status hz_py_push(struct hz_py *py, struct hz_py_list *list, struct hz_py_val v)
{
    if (list->n == list->cap) {
        size_t cap = HZ_MAX(2 * list->cap, 4);
        struct hz_py_val *at = hz_py_alloc(py, cap, sizeof *at);
        if (!at)
            return hz_py_status(py);
        if (list->n)
            memcpy(at, list->at, list->n * sizeof *at);
        list->at = at;
        list->cap = cap;
    }
    list->at[list->n++] = v;
    return HZ_OK;
}

struct hz_py_val hz_py_list_val(struct hz_py_list *list)
{
    return (struct hz_py_val){.kind = HZ_PY_LIST, .list = list};
}

struct hz_py_val hz_py_tuple_val(struct hz_py_list *list)
{
    return (struct hz_py_val){.kind = HZ_PY_TUPLE, .list = list};
}

hz_status hz_py_pair(struct hz_py *py, struct hz_py_val a, struct hz_py_val b, struct hz_py_val *out)
{
    struct hz_py_list *list = hz_py_list_new(py, 2);
    if (!list)
        return hz_py_status(py);
    list->at[0] = a;
    list->at[1] = b;
    list->n = 2;
    *out = hz_py_tuple_val(list);
    return HZ_OK;
}

/* ---- dictionaries ----------------------------------------------------------------------------------------------- */

enum { INDEXED_FROM = 8, HASH_SEED = 0x5EED };

bool hz_py_hashable(struct hz_py_val v)
{
    if (v.kind == HZ_PY_TUPLE) {
        for (size_t i = 0; i < v.list->n; i++)
            if (!hz_py_hashable(v.list->at[i]))
                return false;
        return true;
    }
    return v.kind != HZ_PY_LIST && v.kind != HZ_PY_DICT && (v.kind != HZ_PY_VIEW || v.view->which == HZ_PY_VALUES);
}

/* Numbers that are equal have one hash, as 1, 1.0 and true. */
static uint64_t hash_of(struct hz_py_val v)
{
    uint64_t h;
    int64_t i;
    double f;
    switch (v.kind) {
    case HZ_PY_STR:
        return hz_hash_bytes(v.str->data, v.str->len, HASH_SEED);
    case HZ_PY_BOOL:
    case HZ_PY_INT:
        hz_py_small(v, &i);
        return hz_hash_bytes(&i, sizeof i, HASH_SEED + 1);
    case HZ_PY_FLOAT:
    case HZ_PY_BIGINT:
        f = hz_py_double(v);
        if (f >= -0x1p63 && f < 0x1p63 && f == floor(f)) {
            i = (int64_t)f;
            return hz_hash_bytes(&i, sizeof i, HASH_SEED + 1);
        }
        return hz_hash_bytes(&f, sizeof f, HASH_SEED + 2);
    case HZ_PY_TUPLE:
        h = HASH_SEED + 3;
        for (size_t k = 0; k < v.list->n; k++)
            h = hash_of(v.list->at[k]) + 31 * h;
        return h;
    case HZ_PY_OBJECT:
        return hz_hash_bytes(&v.object, sizeof v.object, HASH_SEED + 4);
    default:
        return v.kind;
    }
}

struct hz_py_dict *hz_py_dict_new(struct hz_py *py)
{
    return HZ_PY_NEW(py, struct hz_py_dict);
}

struct hz_py_val hz_py_dict_val(struct hz_py_dict *dict)
{
    return (struct hz_py_val){.kind = HZ_PY_DICT, .dict = dict};
}

/* The slot where the search for a key with this hash begins, and how it goes on. */
#define PROBE(slot, dict, hash)                                                                                        \
    for (size_t slot = (hash) & ((dict)->n_index - 1); (dict)->index[slot]; slot = (slot + 1) & ((dict)->n_index - 1))

static void index_put(struct hz_py_dict *dict, uint64_t hash, uint32_t entry)
{
    size_t slot = hash & (dict->n_index - 1);
    while (dict->index[slot])
        slot = (slot + 1) & (dict->n_index - 1);
    dict->index[slot] = entry + 1;
}

static hz_status find_entry(struct hz_py *py, struct hz_py_dict *dict, struct hz_py_val key, uint64_t hash,
                            struct hz_py_entry **found)
{
    bool same = false;
    *found = NULL;
    if (!dict->index) {
        for (size_t i = 0; i < dict->n && !*found; i++)
            if (dict->at[i].hash == hash) {
                HZ_TRY(hz_py_equal(py, dict->at[i].key, key, &same));
                *found = same ? &dict->at[i] : NULL;
            }
        return HZ_OK;
    }
    PROBE(slot, dict, hash)
    {
        struct hz_py_entry *e = &dict->at[dict->index[slot] - 1];
        if (e->hash != hash)
            continue;
        HZ_TRY(hz_py_equal(py, e->key, key, &same));
        if (same) {
            *found = e;
            return HZ_OK;
        }
    }
    return HZ_OK;
}

static hz_status dict_grow(struct hz_py *py, struct hz_py_dict *dict)
{
    size_t cap = HZ_MAX(2 * dict->cap, 4);
    if (cap > UINT32_MAX / 4)
        return hz_fail(py->err, HZ_E_LIMIT, "the template makes a dictionary that is too large");
    struct hz_py_entry *at = hz_py_alloc(py, cap, sizeof *at);
    if (!at)
        return hz_py_status(py);
    if (dict->n)
        memcpy(at, dict->at, dict->n * sizeof *at);
    dict->at = at;
    dict->cap = cap;
    if (cap > INDEXED_FROM) {
        dict->n_index = 2 * cap;
        dict->index = hz_py_alloc(py, dict->n_index, sizeof *dict->index);
        if (!dict->index)
            return hz_py_status(py);
        for (size_t i = 0; i < dict->n; i++)
            index_put(dict, dict->at[i].hash, (uint32_t)i);
    }
    return HZ_OK;
}

hz_status hz_py_dict_set(struct hz_py *py, struct hz_py_dict *dict, struct hz_py_val key, struct hz_py_val value)
{
    struct hz_py_entry *e;
    if (!hz_py_hashable(key))
        return hz_py_fail(py, "unhashable type: '%s'", hz_py_type_name(key));
    uint64_t hash = hash_of(key);
    HZ_TRY(find_entry(py, dict, key, hash, &e));
    if (e) {
        e->value = value;
        return HZ_OK;
    }
    if (dict->n == dict->cap)
        HZ_TRY(dict_grow(py, dict));
    if (dict->index)
        index_put(dict, hash, (uint32_t)dict->n);
    dict->at[dict->n++] = (struct hz_py_entry){key, value, hash};
    return HZ_OK;
}

hz_status hz_py_dict_get(struct hz_py *py, struct hz_py_dict *dict, struct hz_py_val key, struct hz_py_val **found)
{
    struct hz_py_entry *e;
    *found = NULL;
    if (!hz_py_hashable(key))
        return hz_py_fail(py, "unhashable type: '%s'", hz_py_type_name(key));
    if (dict->n) {
        HZ_TRY(find_entry(py, dict, key, hash_of(key), &e));
        *found = e ? &e->value : NULL;
    }
    return HZ_OK;
}

static bool is_key(const struct hz_py_entry *e, uint64_t hash, const char *key, size_t len)
{
    return e->hash == hash && e->key.kind == HZ_PY_STR && e->key.str->len == len && !memcmp(e->key.str->data, key, len);
}

struct hz_py_val *hz_py_dict_get_str(struct hz_py_dict *dict, const char *key, size_t len)
{
    uint64_t hash = hz_hash_bytes(key, len, HASH_SEED);
    if (!dict->index) {
        for (size_t i = 0; i < dict->n; i++)
            if (is_key(&dict->at[i], hash, key, len))
                return &dict->at[i].value;
        return NULL;
    }
    PROBE(slot, dict, hash)
    if (is_key(&dict->at[dict->index[slot] - 1], hash, key, len))
        return &dict->at[dict->index[slot] - 1].value;
    return NULL;
}

/* ---- from JSON -------------------------------------------------------------------------------------------------- */

static hz_status from_container(struct hz_py *py, struct hz_json v, struct hz_py_val *out)
{
    struct hz_py_list *list = v.kind == HZ_JSON_ARRAY ? hz_py_list_new(py, hz_json_len(v)) : NULL;
    struct hz_py_dict *dict = v.kind == HZ_JSON_OBJECT ? hz_py_dict_new(py) : NULL;
    if (!list && !dict)
        return hz_py_status(py);
    for (struct hz_json_iter it = hz_json_each(v); hz_json_next(&it);) {
        struct hz_py_val item, key;
        HZ_TRY(hz_py_from_json(py, it.value, &item));
        if (list) {
            HZ_TRY(hz_py_push(py, list, item));
            continue;
        }
        HZ_TRY(hz_py_str_at(py, it.key, it.key_len, &key));
        HZ_TRY(hz_py_dict_set(py, dict, key, item));
    }
    *out = list ? hz_py_list_val(list) : hz_py_dict_val(dict);
    return HZ_OK;
}

hz_status hz_py_from_json(struct hz_py *py, struct hz_json v, struct hz_py_val *out)
{
    int64_t i = 0;
    double f = 0;
    size_t len;
    const char *s;
    switch (v.kind) {
    case HZ_JSON_BOOL:
        *out = hz_py_bool(hz_json_bool(v, false));
        return HZ_OK;
    case HZ_JSON_INT:
        hz_json_int(v, &i);
        *out = hz_py_int(i);
        return HZ_OK;
    case HZ_JSON_BIGINT:
        s = hz_json_digits(v, &len);
        return hz_py_int_digits(py, s + (*s == '-'), len - (*s == '-'), 10, *s == '-', out);
    case HZ_JSON_FLOAT:
        hz_json_double(v, &f);
        *out = hz_py_float(f);
        return HZ_OK;
    case HZ_JSON_STRING:
        s = hz_json_str(v, &len);
        return hz_py_str_at(py, s, len, out);
    case HZ_JSON_ARRAY:
    case HZ_JSON_OBJECT:
        return from_container(py, v, out);
    case HZ_JSON_NULL:
    case HZ_JSON_ABSENT:
        break;
    }
    *out = hz_py_none();
    return HZ_OK;
}
