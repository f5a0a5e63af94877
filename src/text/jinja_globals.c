/* jinja_globals.c - the functions that every template can call: range, dict, namespace, cycler, joiner,
 * raise_exception, strftime_now. lipsum is random text, so it is there only to be `defined`. */
#include "text/jinja_ast.h"

#include <string.h>

static bool is(const char *name, size_t len, const char *text)
{
    return len == strlen(text) && !memcmp(name, text, len);
}

/* ---- namespace -------------------------------------------------------------------------------------------------- */

struct namespace
{
    struct hz_py_object object;
    struct hz_py_dict *attrs;
};

static hz_status namespace_attr(struct hz_py *py, struct hz_py_object *o, const char *name, size_t len,
                                struct hz_py_val *out)
{
    (void)py;
    struct hz_py_val *found = hz_py_dict_get_str(((struct namespace *)o)->attrs, name, len);
    if (found)
        *out = *found;
    return HZ_OK;
}

static void namespace_repr(struct hz_py_sb *sb, struct hz_py_object *o)
{
    hz_py_sb_puts(sb, "<Namespace ");
    hz_py_put_repr(sb, hz_py_dict_val(((struct namespace *)o)->attrs));
    hz_py_sb_putc(sb, '>');
}

static const struct hz_py_class namespace_class = {"Namespace", namespace_attr, NULL, NULL, namespace_repr};

bool hz_jinja_is_namespace(struct hz_py_val v)
{
    return v.kind == HZ_PY_OBJECT && v.object->cls == &namespace_class;
}

/* transformers keeps names with an underscore in front out of namespaces. */
static hz_status check_name(struct hz_py *py, struct hz_py_val name)
{
    if (name.kind != HZ_PY_STR || !name.str->len || name.str->data[0] != '_')
        return HZ_OK;
    return hz_py_fail(py, "Chat templates cannot store underscore-prefixed attributes on a namespace, but got '%.*s'.",
                      (int)HZ_MIN(name.str->len, 100), name.str->data);
}

hz_status hz_jinja_namespace_set(struct hz_py *py, struct hz_py_val ns, struct hz_py_val name, struct hz_py_val v)
{
    HZ_TRY(check_name(py, name));
    return hz_py_dict_set(py, ((struct namespace *)ns.object)->attrs, name, v);
}

/* dict(): of a mapping or pairs, and keywords. */
static hz_status make_dict(struct hz_py *py, struct hz_py_call *c, struct hz_py_dict **out)
{
    struct hz_py_val from = c->arg[0];
    struct hz_py_list *pairs, *pair;
    if (!(*out = hz_py_dict_new(py)))
        return hz_py_status(py);
    if (from.kind == HZ_PY_DICT) {
        for (size_t i = 0; i < from.dict->n; i++)
            HZ_TRY(hz_py_dict_set(py, *out, from.dict->at[i].key, from.dict->at[i].value));
    } else if (from.kind != HZ_PY_MISSING) {
        HZ_TRY(hz_py_list_of(py, from, &pairs));
        for (size_t i = 0; i < pairs->n; i++) {
            HZ_TRY(hz_py_list_of(py, pairs->at[i], &pair));
            if (pair->n != 2)
                return hz_py_fail(py, "dictionary update sequence element #%zu has length %zu; 2 is required", i,
                                  pair->n);
            HZ_TRY(hz_py_dict_set(py, *out, pair->at[0], pair->at[1]));
        }
    }
    for (size_t i = 0; c->rest.kw && i < c->rest.kw->n; i++)
        HZ_TRY(hz_py_dict_set(py, *out, c->rest.kw->at[i].key, c->rest.kw->at[i].value));
    return HZ_OK;
}

static hz_status namespace(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    struct namespace *ns = HZ_PY_NEW(py, struct namespace);
    if (!ns)
        return hz_py_status(py);
    ns->object.cls = &namespace_class;
    HZ_TRY(make_dict(py, c, &ns->attrs));
    for (size_t i = 0; i < ns->attrs->n; i++)
        HZ_TRY(check_name(py, ns->attrs->at[i].key));
    *out = hz_py_object_val(ns);
    return HZ_OK;
}

static hz_status dict(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    struct hz_py_dict *d;
    HZ_TRY(make_dict(py, c, &d));
    *out = hz_py_dict_val(d);
    return HZ_OK;
}

/* ---- range ------------------------------------------------------------------------------------------------------ */

static hz_status range(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    enum { MAX_RANGE = 100000 }; /* the sandbox's */
    int64_t a[3] = {0, 0, 1};
    for (int i = 0; i < 3; i++) {
        HZ_TRY(hz_py_arg_int(py, c->arg[i], a[i], &a[i]));
        if (a[i] > INT64_MAX / 4 || a[i] < -(INT64_MAX / 4))
            return hz_py_fail(py, "range() argument is too large");
    }
    if (c->arg[1].kind == HZ_PY_MISSING) {
        a[1] = a[0];
        a[0] = 0;
    }
    if (!a[2])
        return hz_py_fail(py, "range() arg 3 must not be zero");
    int64_t span = a[2] > 0 ? a[1] - a[0] : a[0] - a[1], step = a[2] > 0 ? a[2] : -a[2];
    int64_t len = span > 0 ? (span - 1) / step + 1 : 0;
    if (len > MAX_RANGE)
        return hz_py_fail(py, "Range too big. The sandbox blocks ranges larger than MAX_RANGE (%d).", MAX_RANGE);
    struct hz_py_range *r = HZ_PY_NEW(py, struct hz_py_range);
    if (!r)
        return hz_py_status(py);
    *r = (struct hz_py_range){a[0], a[1], a[2], len};
    *out = (struct hz_py_val){.kind = HZ_PY_RANGE, .range = r};
    return HZ_OK;
}

/* ---- cycler and joiner ------------------------------------------------------------------------------------------ */

struct cycler {
    struct hz_py_object object;
    struct hz_py_list *items;
    size_t at;
};

static hz_status cycler_next(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    (void)py;
    struct cycler *self = (struct cycler *)c->self.object;
    *out = self->items->at[self->at];
    self->at = (self->at + 1) % self->items->n;
    return HZ_OK;
}

static hz_status cycler_reset(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    (void)py;
    ((struct cycler *)c->self.object)->at = 0;
    *out = hz_py_none();
    return HZ_OK;
}

static const struct hz_py_def cycler_methods[] = {{"next", "", cycler_next}, {"reset", "", cycler_reset}};

static hz_status cycler_attr(struct hz_py *py, struct hz_py_object *o, const char *name, size_t len,
                             struct hz_py_val *out)
{
    struct cycler *self = (struct cycler *)o;
    for (size_t i = 0; i < HZ_COUNT(cycler_methods); i++)
        if (is(name, len, cycler_methods[i].name))
            return hz_py_func(py, &cycler_methods[i], hz_py_object_val(o), out);
    if (is(name, len, "current"))
        *out = self->items->at[self->at];
    else if (is(name, len, "items"))
        *out = hz_py_tuple_val(self->items);
    else if (is(name, len, "pos"))
        *out = hz_py_int((int64_t)self->at);
    return HZ_OK;
}

static const struct hz_py_class cycler_class = {"Cycler", cycler_attr, NULL, NULL, NULL};

static hz_status cycler(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    struct cycler *self = HZ_PY_NEW(py, struct cycler);
    if (!self || !(self->items = hz_py_list_new(py, c->rest.n)))
        return hz_py_status(py);
    if (!c->rest.n)
        return hz_py_fail(py, "at least one item has to be provided");
    for (size_t i = 0; i < c->rest.n; i++)
        HZ_TRY(hz_py_push(py, self->items, c->rest.at[i]));
    self->object.cls = &cycler_class;
    *out = hz_py_object_val(self);
    return HZ_OK;
}

struct joiner {
    struct hz_py_object object;
    struct hz_py_val sep;
    bool used;
};

static hz_status joiner_call(struct hz_py *py, struct hz_py_object *o, const struct hz_py_args *args,
                             struct hz_py_val *out)
{
    struct joiner *self = (struct joiner *)o;
    if (args->n || (args->kw && args->kw->n))
        return hz_py_fail(py, "a joiner takes no arguments");
    if (!self->used)
        HZ_TRY(hz_py_str_at(py, "", 0, out));
    else
        *out = self->sep;
    self->used = true;
    return HZ_OK;
}

static hz_status joiner_attr(struct hz_py *py, struct hz_py_object *o, const char *name, size_t len,
                             struct hz_py_val *out)
{
    (void)py;
    if (is(name, len, "sep"))
        *out = ((struct joiner *)o)->sep;
    else if (is(name, len, "used"))
        *out = hz_py_bool(((struct joiner *)o)->used);
    return HZ_OK;
}

static const struct hz_py_class joiner_class = {"Joiner", joiner_attr, joiner_call, NULL, NULL};

static hz_status joiner(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    struct joiner *self = HZ_PY_NEW(py, struct joiner);
    if (!self)
        return hz_py_status(py);
    self->object.cls = &joiner_class;
    self->sep = c->arg[0];
    if (self->sep.kind == HZ_PY_MISSING)
        HZ_TRY(hz_py_str_at(py, ", ", 2, &self->sep));
    *out = hz_py_object_val(self);
    return HZ_OK;
}

/* ---- what transformers adds ------------------------------------------------------------------------------------- */

static hz_status raise_exception(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    HZ_TRY(hz_py_str_of(py, c->arg[0], out));
    return hz_fail(py->err, HZ_E_TEMPLATE, "%.*s", (int)HZ_MIN(out->str->len, 4096), out->str->data);
}

static hz_status strftime_now(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    return hz_py_strftime(py, c->arg[0], out);
}

static hz_status lipsum(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    (void)c;
    (void)out;
    return hz_py_fail(py, "lipsum() makes random text, which templates do not get here");
}

static const struct hz_py_def globals[] = {
    {"range", "start stop= step= /", range},
    {"dict", "from= / **", dict},
    {"namespace", "from= / **", namespace},
    {"cycler", "*", cycler},
    {"joiner", "sep=", joiner},
    {"raise_exception", "message", raise_exception},
    {"strftime_now", "format", strftime_now},
    {"lipsum", "* **", lipsum},
};

const struct hz_py_def *hz_jinja_find_global(const char *name, size_t len)
{
    for (size_t i = 0; i < HZ_COUNT(globals); i++)
        if (is(name, len, globals[i].name))
            return &globals[i];
    return NULL;
}
