/* jinja_scope.c - where every name lives, decided before anything runs, by the rules of jinja2's idtracking.
 *
 * Bodies of loops, macros, with, set, filter and call blocks are scopes; an if is none. What a scope assigns is its own
 * variable; on entry it starts as the variable of that name outside, or as what the context has, or undefined. Macros,
 * recursive loops, loop tests and blocks are functions with a frame of their own; scopes inside share it. */
#include "text/jinja_ast.h"

#include <string.h>

struct function {
    size_t n_slots;
};

struct scope {
    struct scope *parent; /* NULL: names not found come from the context */
    struct function *function;
    bool border;                 /* the parent belongs to another frame */
    struct hz_jinja_node *macro; /* whose body this is, or NULL */
    struct hz_jinja_load *symbols;
    size_t n, cap;
};

struct resolver {
    struct hz_jinja *t;
    struct scope *scope;
    bool soft;    /* inside an if: an unknown filter fails only when it runs */
    bool in_loop; /* break and continue have a loop to act on */
};

static const char *const special_names[] = {"caller", "kwargs", "varargs"};

/* ---- symbols ---------------------------------------------------------------------------------------------------- */

static bool same_name(const struct hz_py_str *a, const struct hz_py_str *b)
{
    return a->len == b->len && !memcmp(a->data, b->data, a->len);
}

static struct hz_jinja_load *own_symbol(struct scope *s, const struct hz_py_str *name)
{
    for (size_t i = 0; i < s->n; i++)
        if (same_name(s->symbols[i].name, name))
            return &s->symbols[i];
    return NULL;
}

static hz_status define(struct resolver *r, struct scope *s, const struct hz_py_str *name, int how,
                        struct hz_jinja_ref outer)
{
    struct hz_py *py = &r->t->py;
    struct hz_jinja_load *symbol = own_symbol(s, name);
    if (symbol) { /* a parameter given twice */
        symbol->how = how;
        return HZ_OK;
    }
    if (s->function->n_slots >= UINT16_MAX)
        return hz_fail(py->err, HZ_E_LIMIT, "%s: more than %d variables", r->t->name, UINT16_MAX);
    if (s->n == s->cap) {
        size_t cap = HZ_MAX(2 * s->cap, 8);
        struct hz_jinja_load *symbols = hz_py_alloc(py, cap, sizeof *symbols);
        if (!symbols)
            return hz_py_status(py);
        if (s->n)
            memcpy(symbols, s->symbols, s->n * sizeof *symbols);
        s->symbols = symbols;
        s->cap = cap;
    }
    s->symbols[s->n++] = (struct hz_jinja_load){how, (uint16_t)s->function->n_slots++, outer, name};
    return HZ_OK;
}

static const struct hz_jinja_ref nowhere = {0, 0};

/* caller, kwargs and varargs become parameters of a macro, and of those around it, once its body mentions them. */
static hz_status want_special(struct resolver *r, struct scope *from, const struct hz_py_str *name)
{
    for (int i = 0; i < 3; i++) {
        if (name->len != strlen(special_names[i]) || memcmp(name->data, special_names[i], name->len))
            continue;
        for (struct scope *s = from; s; s = s->parent) {
            struct hz_jinja_load *own = own_symbol(s, name);
            if (s->macro && (!own || own->how == HZ_JINJA_PARAMETER))
                s->macro->wants[i] = true;
            if (own)
                break;
            if (s->macro)
                HZ_TRY(define(r, s, name, HZ_JINJA_PARAMETER, nowhere));
        }
    }
    return HZ_OK;
}

static bool find(struct scope *s, const struct hz_py_str *name, struct hz_jinja_ref *out)
{
    uint16_t up = 0;
    for (; s; s = s->parent) {
        struct hz_jinja_load *own = own_symbol(s, name);
        if (own) {
            *out = (struct hz_jinja_ref){up, own->slot};
            return true;
        }
        up = (uint16_t)(up + s->border);
    }
    return false;
}

static hz_status load(struct resolver *r, const struct hz_py_str *name)
{
    struct hz_jinja_ref ref;
    HZ_TRY(want_special(r, r->scope, name));
    return find(r->scope, name, &ref) ? HZ_OK : define(r, r->scope, name, HZ_JINJA_RESOLVE, nowhere);
}

static hz_status store(struct resolver *r, const struct hz_py_str *name, bool in_branch)
{
    struct hz_jinja_ref outer = nowhere;
    struct scope *s = r->scope;
    if (own_symbol(s, name))
        return HZ_OK;
    if (s->parent && find(s->parent, name, &outer)) {
        outer.up = (uint16_t)(outer.up + s->border);
        return define(r, s, name, HZ_JINJA_ALIAS, outer);
    }
    return define(r, s, name, in_branch ? HZ_JINJA_RESOLVE : HZ_JINJA_UNDEFINED, nowhere);
}

/* ---- first pass over a scope: which names it has ---------------------------------------------------------------- */

static hz_status scan_expr(struct resolver *r, const struct hz_jinja_node *e);

static hz_status scan_exprs(struct resolver *r, const struct hz_jinja_body *list)
{
    for (size_t i = 0; i < list->n; i++)
        HZ_TRY(scan_expr(r, list->at[i]));
    return HZ_OK;
}

static hz_status scan_expr(struct resolver *r, const struct hz_jinja_node *e)
{
    if (!e)
        return HZ_OK;
    if (e->type == HZ_JINJA_NAME)
        return load(r, e->value.str);
    HZ_TRY(scan_expr(r, e->a));
    HZ_TRY(scan_expr(r, e->b));
    HZ_TRY(scan_expr(r, e->c));
    HZ_TRY(scan_expr(r, e->d));
    if (e->type == HZ_JINJA_CALL || e->type == HZ_JINJA_FILTER || e->type == HZ_JINJA_TEST) {
        HZ_TRY(scan_exprs(r, &e->args.positional));
        HZ_TRY(scan_exprs(r, &e->args.values));
        HZ_TRY(scan_expr(r, e->args.star));
        return scan_expr(r, e->args.star_star);
    }
    return scan_exprs(r, &e->items);
}

enum target_as { STORED, STORED_IN_BRANCH, PARAMETER };

static hz_status scan_target(struct resolver *r, const struct hz_jinja_node *target, enum target_as as)
{
    if (target->type == HZ_JINJA_NSREF)
        return load(r, target->a->value.str);
    if (target->type == HZ_JINJA_NAME)
        return as == PARAMETER ? define(r, r->scope, target->value.str, HZ_JINJA_PARAMETER, nowhere)
                               : store(r, target->value.str, as == STORED_IN_BRANCH);
    for (size_t i = 0; i < target->items.n; i++)
        HZ_TRY(scan_target(r, target->items.at[i], as));
    return HZ_OK;
}

static hz_status scan_body(struct resolver *r, const struct hz_jinja_body *body, bool in_branch);

static hz_status scan_if(struct resolver *r, const struct hz_jinja_node *node)
{
    for (;;) { /* along the elifs */
        HZ_TRY(scan_expr(r, node->a));
        HZ_TRY(scan_body(r, &node->body, true));
        if (node->orelse.n != 1 || node->orelse.at[0]->type != HZ_JINJA_IF)
            return scan_body(r, &node->orelse, true);
        node = node->orelse.at[0];
    }
}

static hz_status scan_statement(struct resolver *r, const struct hz_jinja_node *node, bool in_branch)
{
    enum target_as stored = in_branch ? STORED_IN_BRANCH : STORED;
    switch (node->type) {
    case HZ_JINJA_OUTPUT:
        return scan_exprs(r, &node->items);
    case HZ_JINJA_SET:
        HZ_TRY(scan_expr(r, node->b));
        return scan_target(r, node->a, stored);
    case HZ_JINJA_SET_BLOCK:
        return scan_target(r, node->a, stored);
    case HZ_JINJA_IF:
        return scan_if(r, node);
    case HZ_JINJA_FOR:
        return scan_expr(r, node->b);
    case HZ_JINJA_WITH:
        return scan_exprs(r, &node->defaults);
    case HZ_JINJA_MACRO:
        return store(r, node->value.str, in_branch);
    case HZ_JINJA_CALL_BLOCK:
    case HZ_JINJA_FILTER_BLOCK:
    case HZ_JINJA_LOAD_TEMPLATE:
        return scan_expr(r, node->a);
    default:
        return HZ_OK;
    }
}

static hz_status scan_body(struct resolver *r, const struct hz_jinja_body *body, bool in_branch)
{
    for (size_t i = 0; i < body->n; i++)
        HZ_TRY(scan_statement(r, body->at[i], in_branch));
    return HZ_OK;
}

/* ---- second pass: places for names, functions for filters ------------------------------------------------------- */

static hz_status bind_expr(struct resolver *r, struct hz_jinja_node *e);
static hz_status bind_body(struct resolver *r, const struct hz_jinja_body *body);

static hz_status bind_exprs(struct resolver *r, const struct hz_jinja_body *list)
{
    for (size_t i = 0; i < list->n; i++)
        HZ_TRY(bind_expr(r, list->at[i]));
    return HZ_OK;
}

static hz_status bind_name(struct resolver *r, struct hz_jinja_node *e)
{
    if (find(r->scope, e->value.str, &e->ref))
        return HZ_OK;
    HZ_TRY(load(r, e->value.str)); /* in the argument of a set block's filter, which the first pass does not see */
    find(r->scope, e->value.str, &e->ref);
    return HZ_OK;
}

static hz_status bind_function(struct resolver *r, struct hz_jinja_node *e)
{
    const struct hz_py_str *name = e->value.str;
    bool filter = e->type == HZ_JINJA_FILTER;
    e->def = filter ? hz_jinja_find_filter(name->data, name->len) : hz_jinja_find_test(name->data, name->len);
    if (e->def || r->soft)
        return HZ_OK;
    return hz_jinja_fail_at(r->t, e->line, "No %s named '%.*s'.", filter ? "filter" : "test",
                            (int)HZ_MIN(name->len, 60), name->data);
}

static hz_status bind_expr(struct resolver *r, struct hz_jinja_node *e)
{
    bool soft = r->soft;
    if (!e)
        return HZ_OK;
    if (e->type == HZ_JINJA_NAME)
        return bind_name(r, e);
    r->soft = soft || e->type == HZ_JINJA_COND;
    HZ_TRY(bind_expr(r, e->a));
    HZ_TRY(bind_expr(r, e->b));
    HZ_TRY(bind_expr(r, e->c));
    HZ_TRY(bind_expr(r, e->d));
    if (e->type == HZ_JINJA_CALL || e->type == HZ_JINJA_FILTER || e->type == HZ_JINJA_TEST) {
        HZ_TRY(bind_exprs(r, &e->args.positional));
        HZ_TRY(bind_exprs(r, &e->args.values));
        HZ_TRY(bind_expr(r, e->args.star));
        HZ_TRY(bind_expr(r, e->args.star_star));
    } else {
        HZ_TRY(bind_exprs(r, &e->items));
    }
    r->soft = soft;
    return e->type == HZ_JINJA_FILTER || e->type == HZ_JINJA_TEST ? bind_function(r, e) : HZ_OK;
}

static hz_status bind_target(struct resolver *r, struct hz_jinja_node *target)
{
    if (target->type == HZ_JINJA_NSREF) {
        HZ_TRY(bind_name(r, target->a));
        target->ref = target->a->ref;
        return HZ_OK;
    }
    if (target->type == HZ_JINJA_NAME)
        return bind_name(r, target);
    for (size_t i = 0; i < target->items.n; i++)
        HZ_TRY(bind_target(r, target->items.at[i]));
    return HZ_OK;
}

/* What the interpreter needs of a scope whose bodies are bound. */
static void finish(const struct scope *s, struct hz_jinja_scope *out)
{
    *out = (struct hz_jinja_scope){s->symbols, s->n, s->border || !s->parent ? (uint16_t)s->function->n_slots : 0};
}

/* A resolver for a scope inside r's. own: with a frame of its own. */
static struct resolver inner(const struct resolver *r, struct scope *s, struct function *own)
{
    *s = (struct scope){.parent = r->scope, .function = own ? own : r->scope->function, .border = own != NULL};
    return (struct resolver){r->t, s, false, own ? false : r->in_loop};
}

static hz_status copy_target(struct resolver *r, const struct hz_jinja_node *target, struct hz_jinja_node **out)
{
    struct hz_jinja_node *copy = HZ_PY_NEW(&r->t->py, struct hz_jinja_node);
    if (!copy)
        return hz_py_status(&r->t->py);
    *copy = *target;
    *out = copy;
    if (target->type != HZ_JINJA_TUPLE)
        return HZ_OK;
    copy->items = (struct hz_jinja_body){0};
    for (size_t i = 0; i < target->items.n; i++) {
        struct hz_jinja_node *item;
        HZ_TRY(copy_target(r, target->items.at[i], &item));
        HZ_TRY(hz_jinja_body_add(r->t, &copy->items, item));
    }
    return HZ_OK;
}

static bool assigns_loop(const struct hz_jinja_node *target)
{
    if (target->type == HZ_JINJA_NAME)
        return hz_py_str_is(target->value, "loop");
    for (size_t i = 0; target->type == HZ_JINJA_TUPLE && i < target->items.n; i++)
        if (assigns_loop(target->items.at[i]))
            return true;
    return false;
}

static const struct hz_py_str loop_name = {"loop", 4, 4, NULL};

static hz_status bind_for_test(struct resolver *r, struct hz_jinja_node *node)
{
    struct function function = {0};
    struct scope s;
    struct resolver test = inner(r, &s, &function);
    HZ_TRY(copy_target(r, node->a, &node->d));
    HZ_TRY(scan_target(&test, node->d, PARAMETER));
    HZ_TRY(scan_expr(&test, node->c));
    HZ_TRY(bind_target(&test, node->d));
    HZ_TRY(bind_expr(&test, node->c));
    finish(&s, &node->test_scope);
    return HZ_OK;
}

static hz_status bind_for(struct resolver *r, struct hz_jinja_node *node)
{
    struct function function = {0};
    struct scope body_scope, else_scope;
    if (assigns_loop(node->a))
        return hz_jinja_fail_at(r->t, node->line, "Can't assign to special loop variable in for-loop target");
    HZ_TRY(bind_expr(r, node->b));
    if (node->c)
        HZ_TRY(bind_for_test(r, node));
    struct resolver body = inner(r, &body_scope, node->recursive ? &function : NULL);
    struct resolver orelse = inner(r, &else_scope, node->recursive ? &function : NULL);
    body.in_loop = true;
    HZ_TRY(define(&body, &body_scope, &loop_name, HZ_JINJA_PARAMETER, nowhere));
    HZ_TRY(scan_target(&body, node->a, PARAMETER));
    HZ_TRY(scan_body(&body, &node->body, false));
    HZ_TRY(scan_body(&orelse, &node->orelse, false));
    find(&body_scope, &loop_name, &node->loop);
    HZ_TRY(bind_target(&body, node->a));
    HZ_TRY(bind_body(&body, &node->body));
    HZ_TRY(bind_body(&orelse, &node->orelse));
    finish(&body_scope, &node->scope);
    finish(&else_scope, &node->else_scope);
    return HZ_OK;
}

static hz_status bind_macro(struct resolver *r, struct hz_jinja_node *node)
{
    struct function function = {0};
    struct scope s;
    struct resolver body = inner(r, &s, &function);
    s.macro = node;
    for (size_t i = 0; i < node->params.n; i++)
        HZ_TRY(scan_target(&body, node->params.at[i], PARAMETER));
    HZ_TRY(scan_exprs(&body, &node->defaults));
    HZ_TRY(scan_body(&body, &node->body, false));
    for (size_t i = 0; i < node->params.n; i++)
        HZ_TRY(bind_target(&body, node->params.at[i]));
    HZ_TRY(bind_exprs(&body, &node->defaults));
    HZ_TRY(bind_body(&body, &node->body));
    for (size_t i = 0; node->wants[0] && i < node->params.n - node->defaults.n; i++)
        if (hz_py_str_is(node->params.at[i]->value, "caller"))
            return hz_jinja_fail_at(r->t, node->line, "the special argument caller must be omitted or given a default");
    for (int i = 0; i < 3; i++)
        if (node->wants[i]) {
            struct hz_py_str name = {special_names[i], strlen(special_names[i]), SIZE_MAX, NULL};
            find(&s, &name, &node->special[i]);
        }
    finish(&s, &node->scope);
    return HZ_OK;
}

static hz_status bind_if(struct resolver *r, struct hz_jinja_node *node)
{
    bool soft = r->soft;
    r->soft = true;
    for (;;) {
        HZ_TRY(bind_expr(r, node->a));
        HZ_TRY(bind_body(r, &node->body));
        if (node->orelse.n != 1 || node->orelse.at[0]->type != HZ_JINJA_IF)
            break;
        node = node->orelse.at[0];
    }
    HZ_TRY(bind_body(r, &node->orelse));
    r->soft = soft;
    return HZ_OK;
}

/* set, filter, with and autoescape blocks: their body is a scope in the frame around it. */
static hz_status bind_block_scope(struct resolver *r, struct hz_jinja_node *node)
{
    struct scope s;
    struct resolver body = inner(r, &s, NULL);
    bool set = node->type == HZ_JINJA_SET_BLOCK, with = node->type == HZ_JINJA_WITH;
    if (with)
        HZ_TRY(bind_exprs(r, &node->defaults));
    for (size_t i = 0; with && i < node->params.n; i++)
        HZ_TRY(scan_target(&body, node->params.at[i], PARAMETER));
    if (!set)
        HZ_TRY(scan_expr(&body, node->a));
    HZ_TRY(scan_body(&body, &node->body, false));
    for (size_t i = 0; with && i < node->params.n; i++)
        HZ_TRY(bind_target(&body, node->params.at[i]));
    HZ_TRY(set ? bind_target(r, node->a) : bind_expr(&body, node->a));
    HZ_TRY(bind_expr(&body, node->b));
    HZ_TRY(bind_body(&body, &node->body));
    finish(&s, &node->scope);
    return HZ_OK;
}

static hz_status bind_block(struct resolver *r, struct hz_jinja_node *node)
{
    struct function function = {0};
    struct scope s;
    struct resolver body = inner(r, &s, &function);
    s.parent = NULL; /* it sees the context alone */
    HZ_TRY(scan_body(&body, &node->body, false));
    HZ_TRY(bind_body(&body, &node->body));
    finish(&s, &node->scope);
    return HZ_OK;
}

static hz_status bind_statement(struct resolver *r, struct hz_jinja_node *node)
{
    switch (node->type) {
    case HZ_JINJA_OUTPUT:
        return bind_exprs(r, &node->items);
    case HZ_JINJA_SET:
        HZ_TRY(bind_expr(r, node->b));
        return bind_target(r, node->a);
    case HZ_JINJA_IF:
        return bind_if(r, node);
    case HZ_JINJA_FOR:
        return bind_for(r, node);
    case HZ_JINJA_MACRO:
        HZ_TRY(bind_target(r, node->a));
        return bind_macro(r, node);
    case HZ_JINJA_CALL_BLOCK:
        HZ_TRY(bind_expr(r, node->a));
        return bind_macro(r, node);
    case HZ_JINJA_SET_BLOCK:
    case HZ_JINJA_WITH:
    case HZ_JINJA_FILTER_BLOCK:
    case HZ_JINJA_AUTOESCAPE:
        return bind_block_scope(r, node);
    case HZ_JINJA_BLOCK:
        return bind_block(r, node);
    case HZ_JINJA_BREAK:
    case HZ_JINJA_CONTINUE:
        if (r->in_loop)
            return HZ_OK;
        return hz_jinja_fail_at(r->t, node->line, "'%s' outside loop",
                                node->type == HZ_JINJA_BREAK ? "break" : "continue");
    default:
        return bind_expr(r, node->a);
    }
}

static hz_status bind_body(struct resolver *r, const struct hz_jinja_body *body)
{
    for (size_t i = 0; i < body->n; i++)
        HZ_TRY(bind_statement(r, body->at[i]));
    return HZ_OK;
}

hz_status hz_jinja_resolve(struct hz_jinja *t)
{
    struct function function = {0};
    struct scope s = {.function = &function};
    struct resolver root = {t, &s, false, false};
    HZ_TRY(scan_body(&root, &t->body, false));
    HZ_TRY(bind_body(&root, &t->body));
    finish(&s, &t->scope);
    return HZ_OK;
}
