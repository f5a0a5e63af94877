#include "text/jinja_ast.h"
#include "text/utf8.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_SOURCE = 8 << 20, MAX_MEMORY = 512 << 20 };

/* The source as jinja2 sees it: every line end a newline, and one at the very end dropped. */
static hz_status normalize(struct hz_jinja *t, const char *source, size_t len)
{
    char *s = hz_py_alloc(&t->py, len + 1, 1);
    if (!s)
        return hz_py_status(&t->py);
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        if (source[i] == '\r' && i + 1 < len && source[i + 1] == '\n')
            continue;
        s[n++] = source[i] == '\r' ? '\n' : source[i];
    }
    t->source = s;
    t->len = n && s[n - 1] == '\n' ? n - 1 : n;
    return HZ_OK;
}

static hz_status compile(struct hz_jinja *t, const char *source, size_t len)
{
    struct hz_jinja_token *tokens;
    size_t n;
    if (len > MAX_SOURCE)
        return hz_fail(t->py.err, HZ_E_LIMIT, "%s: a template of %zu bytes, more than 8 MiB", t->name, len);
    if (!hz_utf8_valid(source, len))
        return hz_fail(t->py.err, HZ_E_INVALID, "%s: a template that is not UTF-8", t->name);
    HZ_TRY(normalize(t, source, len));
    HZ_TRY(hz_jinja_lex(t, &tokens, &n));
    HZ_TRY(hz_jinja_parse(t, tokens));
    return hz_jinja_resolve(t);
}

hz_status hz_jinja_compile(const char *source, size_t len, const char *name, struct hz_jinja **t, struct hz_error *err)
{
    struct hz_error ignored;
    *t = NULL;
    name = name ? name : "<template>";
    struct hz_jinja *template = hz_calloc(1, sizeof *template);
    if (!template)
        return hz_fail_nomem(err, sizeof *template);
    template->py = (struct hz_py){.max_bytes = MAX_MEMORY, .steps = UINT64_MAX, .err = err ? err : &ignored};
    template->name = hz_arena_strndup(&template->py.arena, name, strlen(name));
    hz_status status = template->name ? compile(template, source, len) : hz_fail_nomem(err, strlen(name));
    template->py.err = NULL; /* rendering has its own */
    if (status != HZ_OK) {
        hz_jinja_free(template);
        return status;
    }
    *t = template;
    return HZ_OK;
}

void hz_jinja_free(struct hz_jinja *t)
{
    if (!t)
        return;
    hz_arena_free(&t->py.arena);
    free(t);
}

static hz_status render(struct hz_jinja_run *run, struct hz_json context, struct hz_py_sb *out)
{
    struct hz_py *py = &run->py;
    struct hz_py_val v;
    HZ_TRY(hz_py_from_json(py, context, &v));
    if (v.kind != HZ_PY_DICT)
        return hz_py_fail(py, "the context must be an object, not %s", hz_json_kind_name(context.kind));
    run->context = v.dict;
    if (!(run->exported = hz_py_dict_new(py)))
        return hz_py_status(py);
    hz_py_sb_begin(out, py);
    run->out = out;
    HZ_TRY(hz_jinja_frame_new(run, &run->t->scope, NULL, &run->frame));
    HZ_TRY(hz_jinja_enter_scope(run, &run->t->scope));
    HZ_TRY(hz_jinja_exec(run, &run->t->body));
    return out->status;
}

hz_status hz_jinja_render(const struct hz_jinja *t, struct hz_json context, const struct hz_jinja_options *options,
                          struct hz_buf *out, struct hz_error *err)
{
    static const struct hz_jinja_options defaults;
    struct hz_error ignored;
    struct hz_py_sb text;
    const struct hz_jinja_options *o = options ? options : &defaults;
    struct hz_jinja_run run = {.t = t};
    run.py = (struct hz_py){.max_bytes = MAX_MEMORY, .now = o->now, .err = err ? err : &ignored};
    run.py.steps = o->max_steps ? o->max_steps : 50 * 1000 * 1000;
    run.max_output = o->max_output ? o->max_output : 64 << 20;
    run.max_calls = o->max_depth ? o->max_depth : 200;
    hz_status status = render(&run, context, &text);
    if (status == HZ_OK) {
        hz_buf_put(out, text.data, text.len);
        status = hz_buf_check(out, "the rendered template", err);
    } else if (status != HZ_E_TEMPLATE || !*run.py.err->text) {
        if (status == HZ_E_TEMPLATE)
            hz_fail(run.py.err, status, "raise_exception() without a message");
        status = hz_fail_in(run.py.err, status, "%s:%u", t->name, (unsigned)run.line);
    }
    hz_arena_free(&run.py.arena);
    return status;
}
