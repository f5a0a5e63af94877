/* py_call.c - calling functions of C: arguments bound to the parameters that they declare. */
#include "text/py.h"

#include <string.h>

enum { MAX_PARAMS = 8 };

struct params {
    struct param {
        const char *name;
        size_t len;
        bool optional;
    } of[MAX_PARAMS];
    size_t n, positional_only;
    bool star, star_star;
};

static struct params params_of(const struct hz_py_def *def)
{
    struct params p = {0};
    for (const char *at = def->params; *at;) {
        size_t len = strcspn(at, " ");
        if (len == 1 && *at == '*')
            p.star = true;
        else if (len == 2 && at[0] == '*')
            p.star_star = true;
        else if (len == 1 && *at == '/')
            p.positional_only = p.n;
        else if (p.n < MAX_PARAMS)
            p.of[p.n++] = (struct param){at, len - (at[len - 1] == '='), at[len - 1] == '='};
        at += len + (at[len] == ' ');
    }
    return p;
}

static hz_status bind_keyword(struct hz_py *py, const struct hz_py_def *def, const struct params *p,
                              const struct hz_py_entry *e, struct hz_py_call *call)
{
    const struct hz_py_str *key = e->key.str;
    for (size_t i = p->positional_only; i < p->n; i++) {
        if (p->of[i].len != key->len || memcmp(p->of[i].name, key->data, key->len))
            continue;
        if (call->arg[i].kind != HZ_PY_MISSING)
            return hz_py_fail(py, "%s() got multiple values for argument '%.*s'", def->name, (int)key->len, key->data);
        call->arg[i] = e->value;
        return HZ_OK;
    }
    if (!p->star_star)
        return hz_py_fail(py, "%s() got an unexpected keyword argument '%.*s'", def->name, (int)HZ_MIN(key->len, 100),
                          key->data);
    if (!call->rest.kw && !(call->rest.kw = hz_py_dict_new(py)))
        return hz_py_status(py);
    return hz_py_dict_set(py, call->rest.kw, e->key, e->value);
}

hz_status hz_py_apply(struct hz_py *py, const struct hz_py_def *def, struct hz_py_val self,
                      const struct hz_py_args *args, struct hz_py_val *out)
{
    struct params p = params_of(def);
    struct hz_py_val arg[MAX_PARAMS] = {{.kind = HZ_PY_MISSING}};
    struct hz_py_call call = {.self = self, .arg = arg};
    size_t given = HZ_MIN(args->n, p.n);
    for (size_t i = 0; i < given; i++)
        arg[i] = args->at[i];
    if (args->n > p.n) {
        if (!p.star)
            return hz_py_fail(py, "%s() takes at most %zu arguments (%zu given)", def->name, p.n, args->n);
        call.rest.at = args->at + p.n;
        call.rest.n = args->n - p.n;
    }
    for (size_t i = 0; args->kw && i < args->kw->n; i++)
        HZ_TRY(bind_keyword(py, def, &p, &args->kw->at[i], &call));
    for (size_t i = 0; i < p.n; i++)
        if (arg[i].kind == HZ_PY_MISSING && !p.of[i].optional)
            return hz_py_fail(py, "%s() missing required argument '%.*s'", def->name, (int)p.of[i].len, p.of[i].name);
    return def->fn(py, &call, out);
}

hz_status hz_py_func(struct hz_py *py, const struct hz_py_def *def, struct hz_py_val self, struct hz_py_val *out)
{
    struct hz_py_func *f = HZ_PY_NEW(py, struct hz_py_func);
    if (!f)
        return hz_py_status(py);
    *f = (struct hz_py_func){def, self};
    *out = (struct hz_py_val){.kind = HZ_PY_FUNC, .func = f};
    return HZ_OK;
}

bool hz_py_callable(struct hz_py_val v)
{
    return v.kind == HZ_PY_FUNC || v.kind == HZ_PY_UNDEFINED || (v.kind == HZ_PY_OBJECT && v.object->cls->call);
}

hz_status hz_py_call(struct hz_py *py, struct hz_py_val fn, const struct hz_py_args *args, struct hz_py_val *out)
{
    if (fn.kind == HZ_PY_UNDEFINED)
        return hz_py_fail_undefined(py, fn);
    if (!hz_py_callable(fn))
        return hz_py_fail(py, "'%s' object is not callable", hz_py_type_name(fn));
    HZ_TRY(hz_py_enter(py));
    hz_status status = fn.kind == HZ_PY_FUNC ? hz_py_apply(py, fn.func->def, fn.func->self, args, out)
                                             : fn.object->cls->call(py, fn.object, args, out);
    py->depth--;
    return status;
}

hz_status hz_py_arg_int(struct hz_py *py, struct hz_py_val v, int64_t otherwise, int64_t *out)
{
    *out = otherwise;
    if (v.kind == HZ_PY_MISSING || hz_py_small(v, out))
        return HZ_OK;
    if (v.kind == HZ_PY_UNDEFINED)
        return hz_py_fail_undefined(py, v);
    return hz_py_fail(py, "'%s' object cannot be interpreted as an integer", hz_py_type_name(v));
}

hz_status hz_py_arg_str(struct hz_py *py, struct hz_py_val v, const char *what)
{
    if (v.kind == HZ_PY_STR)
        return HZ_OK;
    return hz_py_fail(py, "%s must be str, not %s", what, hz_py_type_name(v));
}
