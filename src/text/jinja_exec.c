/* jinja_exec.c - statements: what a template puts out, and its macros. */
#include "text/jinja_ast.h"

#include <string.h>

/* ---- scopes and frames ------------------------------------------------------------------------------------------ */

static const struct hz_py_class self_class;

/* The context's value, else the global function of that name, else MISSING. `self` is the template. */
static hz_status resolve(struct hz_jinja_run *run, const struct hz_py_str *name, struct hz_py_val *out)
{
    struct hz_py_val *found = hz_py_dict_get_str(run->exported, name->data, name->len);
    if (!found)
        found = hz_py_dict_get_str(run->context, name->data, name->len);
    if (found) {
        *out = *found;
        return HZ_OK;
    }
    *out = (struct hz_py_val){.kind = HZ_PY_MISSING};
    if (name->len == 4 && !memcmp(name->data, "self", 4)) {
        struct hz_py_object *self = HZ_PY_NEW(&run->py, struct hz_py_object);
        if (!self)
            return hz_py_status(&run->py);
        self->cls = &self_class;
        *out = hz_py_object_val(self);
        return HZ_OK;
    }
    const struct hz_py_def *def = hz_jinja_find_global(name->data, name->len);
    return def ? hz_py_func(&run->py, def, *out, out) : HZ_OK;
}

hz_status hz_jinja_enter_scope(struct hz_jinja_run *run, const struct hz_jinja_scope *scope)
{
    for (size_t i = 0; i < scope->n; i++) {
        const struct hz_jinja_load *load = &scope->loads[i];
        struct hz_py_val *slot = &run->frame->slot[load->slot];
        if (load->how == HZ_JINJA_RESOLVE)
            HZ_TRY(resolve(run, load->name, slot));
        else if (load->how == HZ_JINJA_ALIAS)
            *slot = *hz_jinja_slot(run, load->outer);
        else if (load->how == HZ_JINJA_UNDEFINED)
            slot->kind = HZ_PY_MISSING;
    }
    return HZ_OK;
}

void hz_jinja_leave_scope(struct hz_jinja_run *run, const struct hz_jinja_scope *scope)
{
    for (size_t i = 0; i < scope->n; i++)
        run->frame->slot[scope->loads[i].slot].kind = HZ_PY_MISSING;
}

hz_status hz_jinja_frame_new(struct hz_jinja_run *run, const struct hz_jinja_scope *scope, struct hz_jinja_frame *up,
                             struct hz_jinja_frame **out)
{
    struct hz_jinja_frame *frame = hz_py_alloc(&run->py, 1, sizeof *frame + scope->n_slots * sizeof frame->slot[0]);
    if (!frame)
        return hz_py_status(&run->py);
    frame->up = up;
    *out = frame;
    return HZ_OK;
}

hz_status hz_jinja_assign(struct hz_jinja_run *run, const struct hz_jinja_node *target, struct hz_py_val v)
{
    struct hz_py *py = &run->py;
    if (target->type == HZ_JINJA_NAME) {
        *hz_jinja_slot(run, target->ref) = v;
        if (run->t->blocks.n && !run->frame->up && !run->scopes)
            return hz_py_dict_set(py, run->exported, target->value, v);
        return HZ_OK;
    }
    if (target->type == HZ_JINJA_NSREF) {
        struct hz_py_val ns = *hz_jinja_slot(run, target->ref);
        if (!hz_jinja_is_namespace(ns))
            return hz_py_fail(py, "cannot assign attribute on non-namespace object");
        return hz_jinja_namespace_set(py, ns, target->value, v);
    }
    struct hz_py_iter *it;
    struct hz_py_val item;
    if (!hz_py_iterable(v))
        return hz_py_fail(py, "cannot unpack non-iterable %s object", hz_py_type_name(v));
    HZ_TRY(hz_py_iter(py, v, &it));
    for (size_t i = 0; i < target->items.n; i++) {
        HZ_TRY(hz_py_next(py, it, &item));
        if (item.kind == HZ_PY_MISSING)
            return hz_py_fail(py, "not enough values to unpack (expected %zu, got %zu)", target->items.n, i);
        HZ_TRY(hz_jinja_assign(run, target->items.at[i], item));
    }
    HZ_TRY(hz_py_next(py, it, &item));
    return item.kind == HZ_PY_MISSING ? HZ_OK
                                      : hz_py_fail(py, "too many values to unpack (expected %zu)", target->items.n);
}

/* ---- bodies ----------------------------------------------------------------------------------------------------- */

/* What a body puts out, as a string. */
static hz_status capture(struct hz_jinja_run *run, const struct hz_jinja_body *body, struct hz_py_val *out)
{
    struct hz_py_sb sb, *outer = run->out;
    hz_py_sb_begin(&sb, &run->py);
    run->out = &sb;
    hz_status status = hz_jinja_exec(run, body);
    run->out = outer;
    HZ_TRY(status);
    return hz_py_sb_end(&sb, out);
}

/* What a filter block or a call block puts out: text, or jinja2 cannot join it with the rest. */
static hz_status put_text(struct hz_jinja_run *run, struct hz_py_val v)
{
    if (v.kind != HZ_PY_STR)
        return hz_py_fail(&run->py, "sequence item: expected str instance, %s found", hz_py_type_name(v));
    hz_py_sb_str(run->out, v);
    return run->out->status;
}

static hz_status put_out(struct hz_jinja_run *run, struct hz_py_val v)
{
    if (run->py.autoescape)
        HZ_TRY(hz_py_escape(&run->py, v, &v));
    hz_py_put_str(run->out, v);
    return run->out->status;
}

static hz_status exec_output(struct hz_jinja_run *run, const struct hz_jinja_node *node)
{
    for (size_t i = 0; i < node->items.n; i++) {
        const struct hz_jinja_node *item = node->items.at[i];
        struct hz_py_val v;
        if (item->data) {
            hz_py_sb_str(run->out, item->value);
            continue;
        }
        run->line = item->line;
        HZ_TRY(hz_jinja_eval(run, item, &v));
        HZ_TRY(put_out(run, v));
    }
    if (run->out->len > run->max_output)
        return hz_fail(run->py.err, HZ_E_LIMIT, "the template puts out more than %zu bytes", run->max_output);
    return run->out->status;
}

static hz_status exec_if(struct hz_jinja_run *run, const struct hz_jinja_node *node)
{
    for (;;) {
        struct hz_py_val test;
        run->line = node->line;
        HZ_TRY(hz_jinja_eval(run, node->a, &test));
        if (hz_py_truth(test))
            return hz_jinja_exec(run, &node->body);
        if (node->orelse.n != 1 || node->orelse.at[0]->type != HZ_JINJA_IF)
            return hz_jinja_exec(run, &node->orelse);
        node = node->orelse.at[0];
        HZ_TRY(hz_py_step(&run->py, 1));
    }
}

/* set and filter blocks: the body's output, through filters. */
static hz_status exec_captured(struct hz_jinja_run *run, const struct hz_jinja_node *node)
{
    bool set = node->type == HZ_JINJA_SET_BLOCK;
    const struct hz_jinja_node *filter = set ? node->b : node->a;
    struct hz_py_val v;
    HZ_TRY(capture(run, &node->body, &v));
    if (run->flow != HZ_JINJA_NEXT) /* a break leaves before anything is done with it */
        return HZ_OK;
    v.safe = run->py.autoescape;
    if (filter)
        HZ_TRY(hz_jinja_eval_filter(run, filter, v, &v));
    if (!set)
        return put_text(run, v);
    if (run->py.autoescape) {
        HZ_TRY(hz_py_str_of(&run->py, v, &v));
        v.safe = true;
    }
    run->scopes--; /* the target belongs outside */
    hz_status status = hz_jinja_assign(run, node->a, v);
    run->scopes++;
    return status;
}

static hz_status exec_with(struct hz_jinja_run *run, const struct hz_jinja_node *node)
{
    for (size_t i = 0; i < node->params.n; i++) {
        struct hz_py_val v;
        HZ_TRY(hz_jinja_eval(run, node->defaults.at[i], &v));
        HZ_TRY(hz_jinja_assign(run, node->params.at[i], v));
    }
    return hz_jinja_exec(run, &node->body);
}

static hz_status exec_autoescape(struct hz_jinja_run *run, const struct hz_jinja_node *node)
{
    bool before = run->py.autoescape;
    struct hz_py_val v;
    HZ_TRY(hz_jinja_eval(run, node->a, &v));
    run->py.autoescape = hz_py_truth(v);
    hz_status status = hz_jinja_exec(run, &node->body);
    run->py.autoescape = before;
    return status;
}

/* The statements whose body is a scope in the current frame. */
static hz_status exec_scoped(struct hz_jinja_run *run, const struct hz_jinja_node *node)
{
    HZ_TRY(hz_jinja_enter_scope(run, &node->scope));
    run->scopes++;
    hz_status status = node->type == HZ_JINJA_WITH         ? exec_with(run, node)
                       : node->type == HZ_JINJA_AUTOESCAPE ? exec_autoescape(run, node)
                                                           : exec_captured(run, node);
    run->scopes--;
    hz_jinja_leave_scope(run, &node->scope);
    return status;
}

static hz_status exec_block(struct hz_jinja_run *run, const struct hz_jinja_node *node)
{
    struct hz_jinja_frame *outer = run->frame;
    HZ_TRY(hz_jinja_frame_new(run, &node->scope, NULL, &run->frame));
    hz_status status = hz_jinja_enter_scope(run, &node->scope);
    run->scopes++;
    if (status == HZ_OK)
        status = hz_jinja_exec(run, &node->body);
    run->scopes--;
    run->frame = outer;
    return status;
}

/* self.name, which puts out that block again when it is called */
struct block_reference {
    struct hz_py_object object;
    const struct hz_jinja_node *node;
};

static hz_status block_call(struct hz_py *py, struct hz_py_object *o, const struct hz_py_args *args,
                            struct hz_py_val *out)
{
    struct hz_jinja_run *run = (struct hz_jinja_run *)py;
    struct hz_py_sb sb, *outer = run->out;
    if (args->n || (args->kw && args->kw->n))
        return hz_py_fail(py, "a block takes no arguments");
    if (run->calls >= run->max_calls)
        return hz_fail(py->err, HZ_E_LIMIT, "blocks call each other more than %d deep", run->max_calls);
    hz_py_sb_begin(&sb, py);
    run->out = &sb;
    run->calls++;
    hz_status status = exec_block(run, ((struct block_reference *)o)->node);
    run->calls--;
    run->out = outer;
    HZ_TRY(status);
    HZ_TRY(hz_py_sb_end(&sb, out));
    out->safe = py->autoescape;
    return HZ_OK;
}

static const struct hz_py_class block_class = {"BlockReference", NULL, block_call, NULL, NULL};

static hz_status self_attr(struct hz_py *py, struct hz_py_object *o, const char *name, size_t len,
                           struct hz_py_val *out)
{
    (void)o;
    const struct hz_jinja_body *blocks = &((struct hz_jinja_run *)py)->t->blocks;
    for (size_t i = 0; i < blocks->n; i++) {
        const struct hz_py_str *own = blocks->at[i]->value.str;
        if (own->len != len || memcmp(own->data, name, len))
            continue;
        struct block_reference *r = HZ_PY_NEW(py, struct block_reference);
        if (!r)
            return hz_py_status(py);
        *r = (struct block_reference){{&block_class}, blocks->at[i]};
        *out = hz_py_object_val(r);
    }
    return HZ_OK;
}

static void self_repr(struct hz_py_sb *sb, struct hz_py_object *o)
{
    (void)o;
    hz_py_sb_puts(sb, "<TemplateReference None>");
}

static const struct hz_py_class self_class = {"TemplateReference", self_attr, NULL, NULL, self_repr};

/* ---- macros ----------------------------------------------------------------------------------------------------- */

struct macro {
    struct hz_py_object object;
    const struct hz_jinja_node *node;
    struct hz_jinja_frame *frame; /* where it was defined */
};

static const struct hz_py_class macro_class;

hz_status hz_jinja_macro(struct hz_jinja_run *run, const struct hz_jinja_node *node, struct hz_py_val *out)
{
    struct macro *m = HZ_PY_NEW(&run->py, struct macro);
    if (!m)
        return hz_py_status(&run->py);
    *m = (struct macro){{&macro_class}, node, run->frame};
    *out = hz_py_object_val(m);
    return HZ_OK;
}

enum { CALLER, KWARGS, VARARGS };

/* Keyword arguments that no parameter takes. */
static hz_status surplus_keywords(struct hz_py *py, const struct hz_jinja_node *node, const struct hz_py_args *args,
                                  bool caller_taken, struct hz_py_val *caller, struct hz_py_dict **out)
{
    if (!(*out = hz_py_dict_new(py)))
        return hz_py_status(py);
    for (size_t i = 0; args->kw && i < args->kw->n; i++) {
        const struct hz_py_entry *e = &args->kw->at[i];
        bool named = false;
        for (size_t k = HZ_MIN(args->n, node->params.n); k < node->params.n && !named; k++)
            HZ_TRY(hz_py_equal(py, node->params.at[k]->value, e->key, &named));
        if (named)
            continue;
        if (node->wants[CALLER] && !caller_taken && hz_py_str_is(e->key, "caller"))
            *caller = e->value;
        else
            HZ_TRY(hz_py_dict_set(py, *out, e->key, e->value));
    }
    if (!(*out)->n || node->wants[KWARGS])
        return HZ_OK;
    const struct hz_py_str *key = (*out)->at[0].key.str;
    return hz_py_fail(py, "macro takes no keyword argument '%.*s'", (int)HZ_MIN(key->len, 100), key->data);
}

/* Fills the macro's parameters from what it was called with; those not given stay MISSING. */
static hz_status bind_params(struct hz_jinja_run *run, const struct hz_jinja_node *node, struct hz_jinja_frame *frame,
                             const struct hz_py_args *args)
{
    struct hz_py *py = &run->py;
    struct hz_py_val caller = {.kind = HZ_PY_MISSING};
    struct hz_py_dict *kwargs;
    bool caller_is_param = false;
    for (size_t i = 0; i < node->params.n; i++) {
        const struct hz_jinja_node *param = node->params.at[i];
        const struct hz_py_str *name = param->value.str;
        struct hz_py_val *given = args->kw ? hz_py_dict_get_str(args->kw, name->data, name->len) : NULL;
        caller_is_param = caller_is_param || hz_py_str_is(param->value, "caller");
        if (i < args->n)
            frame->slot[param->ref.slot] = args->at[i];
        else if (given)
            frame->slot[param->ref.slot] = *given;
    }
    HZ_TRY(surplus_keywords(py, node, args, caller_is_param, &caller, &kwargs));
    if (node->wants[CALLER] && !caller_is_param) {
        if (caller.kind == HZ_PY_MISSING || caller.kind == HZ_PY_NONE)
            HZ_TRY(hz_py_undefined_hint(py, "No caller defined", &caller));
        frame->slot[node->special[CALLER].slot] = caller;
    }
    if (node->wants[KWARGS])
        frame->slot[node->special[KWARGS].slot] = hz_py_dict_val(kwargs);
    if (!node->wants[VARARGS])
        return args->n <= node->params.n ? HZ_OK
                                         : hz_py_fail(py, "macro takes not more than %zu argument(s)", node->params.n);
    struct hz_py_list *varargs = hz_py_list_new(py, 0);
    if (!varargs)
        return hz_py_status(py);
    for (size_t i = node->params.n; i < args->n; i++)
        HZ_TRY(hz_py_push(py, varargs, args->at[i]));
    frame->slot[node->special[VARARGS].slot] = hz_py_tuple_val(varargs);
    return HZ_OK;
}

static hz_status set_defaults(struct hz_jinja_run *run, const struct hz_jinja_node *node)
{
    size_t required = node->params.n - node->defaults.n;
    for (size_t i = 0; i < node->params.n; i++) {
        struct hz_py_val *slot = &run->frame->slot[node->params.at[i]->ref.slot], v;
        if (slot->kind != HZ_PY_MISSING)
            continue;
        if (i >= required)
            HZ_TRY(hz_jinja_eval(run, node->defaults.at[i - required], &v));
        else
            HZ_TRY(hz_py_undefined_hint(&run->py, "a parameter was not provided", &v));
        *slot = v;
    }
    return HZ_OK;
}

static hz_status call_in_frame(struct hz_jinja_run *run, const struct hz_jinja_node *node,
                               const struct hz_py_args *args, struct hz_py_val *out)
{
    HZ_TRY(bind_params(run, node, run->frame, args));
    HZ_TRY(hz_jinja_enter_scope(run, &node->scope));
    HZ_TRY(set_defaults(run, node));
    HZ_TRY(capture(run, &node->body, out));
    out->safe = run->py.autoescape;
    return HZ_OK;
}

static hz_status macro_call(struct hz_py *py, struct hz_py_object *o, const struct hz_py_args *args,
                            struct hz_py_val *out)
{
    struct hz_jinja_run *run = (struct hz_jinja_run *)py;
    struct macro *m = (struct macro *)o;
    struct hz_jinja_frame *outer = run->frame;
    int scopes = run->scopes;
    if (run->calls >= run->max_calls)
        return hz_fail(py->err, HZ_E_LIMIT, "macros call each other more than %d deep", run->max_calls);
    HZ_TRY(hz_jinja_frame_new(run, &m->node->scope, m->frame, &run->frame));
    run->calls++;
    hz_status status = call_in_frame(run, m->node, args, out);
    run->calls--;
    run->scopes = scopes;
    run->frame = outer;
    return status;
}

static hz_status macro_attr(struct hz_py *py, struct hz_py_object *o, const char *name, size_t len,
                            struct hz_py_val *out)
{
    const struct hz_jinja_node *node = ((struct macro *)o)->node;
    static const char *const flags[] = {"caller", "catch_kwargs", "catch_varargs"};
    if (len == 4 && !memcmp(name, "name", 4))
        *out = node->value.kind == HZ_PY_STR ? node->value : hz_py_none();
    for (int i = 0; i < 3; i++)
        if (len == strlen(flags[i]) && !memcmp(name, flags[i], len))
            *out = hz_py_bool(node->wants[i]);
    if (len != 9 || memcmp(name, "arguments", 9))
        return HZ_OK;
    struct hz_py_list *list = hz_py_list_new(py, node->params.n);
    if (!list)
        return hz_py_status(py);
    for (size_t i = 0; i < node->params.n; i++)
        HZ_TRY(hz_py_push(py, list, node->params.at[i]->value));
    *out = hz_py_tuple_val(list);
    return HZ_OK;
}

static void macro_repr(struct hz_py_sb *sb, struct hz_py_object *o)
{
    const struct hz_jinja_node *node = ((struct macro *)o)->node;
    hz_py_sb_puts(sb, "<Macro ");
    if (node->value.kind == HZ_PY_STR)
        hz_py_put_repr(sb, node->value);
    else
        hz_py_sb_puts(sb, "anonymous");
    hz_py_sb_putc(sb, '>');
}

static const struct hz_py_class macro_class = {"Macro", macro_attr, macro_call, NULL, macro_repr};

static hz_status exec_call_block(struct hz_jinja_run *run, const struct hz_jinja_node *node)
{
    struct hz_py *py = &run->py;
    struct hz_py_val caller, fn, key, v;
    struct hz_py_args args = {0};
    HZ_TRY(hz_jinja_macro(run, node, &caller));
    if (!node->a) { /* a generation block is called at once, and marks nothing here */
        HZ_TRY(hz_py_call(py, caller, &args, &v));
        return put_text(run, v);
    }
    HZ_TRY(hz_jinja_eval(run, node->a->a, &fn));
    HZ_TRY(hz_jinja_eval_args(run, &node->a->args, &args));
    if (!args.kw && !(args.kw = hz_py_dict_new(py)))
        return hz_py_status(py);
    HZ_TRY(hz_py_str_at(py, "caller", 6, &key));
    HZ_TRY(hz_py_dict_set(py, args.kw, key, caller));
    run->line = node->line;
    HZ_TRY(hz_py_call(py, fn, &args, &v));
    return put_text(run, v);
}

/* ---- statements ------------------------------------------------------------------------------------------------- */

static hz_status exec_set(struct hz_jinja_run *run, const struct hz_jinja_node *node)
{
    struct hz_py_val v;
    HZ_TRY(hz_jinja_eval(run, node->b, &v));
    return hz_jinja_assign(run, node->a, v);
}

static hz_status exec_statement(struct hz_jinja_run *run, const struct hz_jinja_node *node)
{
    struct hz_py_val v;
    run->line = node->line;
    switch (node->type) {
    case HZ_JINJA_OUTPUT:
        return exec_output(run, node);
    case HZ_JINJA_SET:
        return exec_set(run, node);
    case HZ_JINJA_IF:
        return exec_if(run, node);
    case HZ_JINJA_FOR:
        return hz_jinja_for(run, node);
    case HZ_JINJA_MACRO:
        HZ_TRY(hz_jinja_macro(run, node, &v));
        return hz_jinja_assign(run, node->a, v);
    case HZ_JINJA_CALL_BLOCK:
        return exec_call_block(run, node);
    case HZ_JINJA_BLOCK:
        return exec_block(run, node);
    case HZ_JINJA_BREAK:
    case HZ_JINJA_CONTINUE:
        run->flow = node->type == HZ_JINJA_BREAK ? HZ_JINJA_BROKEN : HZ_JINJA_CONTINUED;
        return HZ_OK;
    case HZ_JINJA_LOAD_TEMPLATE:
        return hz_py_fail(&run->py, "templates cannot be loaded from templates here");
    default:
        return exec_scoped(run, node);
    }
}

hz_status hz_jinja_exec(struct hz_jinja_run *run, const struct hz_jinja_body *body)
{
    HZ_TRY(hz_py_enter(&run->py));
    hz_status status = HZ_OK;
    for (size_t i = 0; i < body->n && status == HZ_OK && run->flow == HZ_JINJA_NEXT; i++) {
        status = hz_py_step(&run->py, 1);
        if (status == HZ_OK)
            status = exec_statement(run, body->at[i]);
    }
    run->py.depth--;
    return status;
}
