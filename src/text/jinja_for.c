/* jinja_for.c - the for loop, its test, its recursion, and the variable `loop`. */
#include "text/jinja_ast.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- `for x in l if test`: an iterator over the items that pass, drawn as the loop goes ------------------------- */

struct test_iter {
    struct hz_py_iter it, *of;
    const struct hz_jinja_node *node;
    struct hz_jinja_frame *frame;
    bool entered;
};

static hz_status test_item(struct hz_jinja_run *run, struct test_iter *t, struct hz_py_val item, bool *pass)
{
    struct hz_py_val v;
    if (!t->entered)
        HZ_TRY(hz_jinja_enter_scope(run, &t->node->test_scope));
    t->entered = true;
    HZ_TRY(hz_jinja_assign(run, t->node->d, item));
    HZ_TRY(hz_jinja_eval(run, t->node->c, &v));
    *pass = hz_py_truth(v);
    return HZ_OK;
}

static hz_status test_next(struct hz_py *py, struct hz_py_iter *it, struct hz_py_val *out)
{
    struct hz_jinja_run *run = (struct hz_jinja_run *)py;
    struct test_iter *t = (struct test_iter *)it;
    for (bool pass = false; !pass;) {
        HZ_TRY(hz_py_next(py, t->of, out));
        if (out->kind == HZ_PY_MISSING)
            return HZ_OK;
        struct hz_jinja_frame *outer = run->frame;
        run->frame = t->frame;
        hz_status status = test_item(run, t, *out, &pass);
        run->frame = outer;
        HZ_TRY(status);
    }
    return HZ_OK;
}

static hz_status test_iter_new(struct hz_jinja_run *run, const struct hz_jinja_node *node, struct hz_jinja_frame *up,
                               struct hz_py_iter *of, struct hz_py_iter **out)
{
    struct test_iter *t = HZ_PY_NEW(&run->py, struct test_iter);
    if (!t)
        return hz_py_status(&run->py);
    *t = (struct test_iter){.it = {test_next, false}, .of = of, .node = node};
    *out = &t->it;
    return hz_jinja_frame_new(run, &node->test_scope, up, &t->frame);
}

/* ---- the variable `loop` ---------------------------------------------------------------------------------------- */

struct loop {
    struct hz_py_object object;
    const struct hz_jinja_node *node;
    struct hz_jinja_frame *up; /* where the loop stands; what a recursive call closes over */
    struct hz_py_iter *it;
    int64_t index0, length; /* length -1: not known yet */
    int64_t depth0;
    struct hz_py_val before, current, after; /* after: looked at already */
    bool looked;
    struct hz_py_val changed;
};

static hz_status look_ahead(struct hz_py *py, struct loop *l)
{
    if (!l->looked)
        HZ_TRY(hz_py_next(py, l->it, &l->after));
    l->looked = true;
    return HZ_OK;
}

static hz_status loop_next(struct hz_py *py, struct loop *l, struct hz_py_val *out)
{
    HZ_TRY(look_ahead(py, l));
    l->looked = false;
    *out = l->after;
    if (out->kind != HZ_PY_MISSING) {
        l->index0++;
        l->before = l->current;
        l->current = *out;
    }
    return HZ_OK;
}

/* Of an iterable without length the rest is drawn to count it. */
static hz_status loop_length(struct hz_py *py, struct loop *l, int64_t *out)
{
    if (l->length < 0) {
        struct hz_py_list *rest;
        bool ahead = l->looked && l->after.kind != HZ_PY_MISSING;
        HZ_TRY(hz_py_list_of(py, (struct hz_py_val){.kind = HZ_PY_ITER, .iter = l->it}, &rest));
        l->length = (int64_t)rest->n + l->index0 + 1 + ahead;
        HZ_TRY(hz_py_iter(py, hz_py_list_val(rest), &l->it));
    }
    *out = l->length;
    return HZ_OK;
}

static hz_status loop_cycle(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    const struct loop *l = (const struct loop *)c->self.object;
    if (!c->rest.n)
        return hz_py_fail(py, "no items for cycling given");
    *out = c->rest.at[(size_t)l->index0 % c->rest.n];
    return HZ_OK;
}

static hz_status loop_changed(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    struct loop *l = (struct loop *)c->self.object;
    bool same = false;
    struct hz_py_list *values = hz_py_list_new(py, c->rest.n);
    if (!values)
        return hz_py_status(py);
    for (size_t i = 0; i < c->rest.n; i++)
        HZ_TRY(hz_py_push(py, values, c->rest.at[i]));
    struct hz_py_val now = hz_py_tuple_val(values);
    if (l->changed.kind != HZ_PY_MISSING)
        HZ_TRY(hz_py_equal(py, l->changed, now, &same));
    l->changed = now;
    *out = hz_py_bool(!same);
    return HZ_OK;
}

static const struct hz_py_def loop_methods[] = {{"cycle", "*", loop_cycle}, {"changed", "*", loop_changed}};

static hz_status loop_neighbour(struct hz_py *py, struct loop *l, bool next, struct hz_py_val *out)
{
    if (next) {
        HZ_TRY(look_ahead(py, l));
        *out = l->after;
    } else {
        *out = l->index0 == 0 ? (struct hz_py_val){.kind = HZ_PY_MISSING} : l->before;
    }
    if (out->kind != HZ_PY_MISSING)
        return HZ_OK;
    return hz_py_undefined_hint(py, next ? "there is no next item" : "there is no previous item", out);
}

static hz_status loop_attr(struct hz_py *py, struct hz_py_object *o, const char *name, size_t len,
                           struct hz_py_val *out)
{
    static const char *const names[] = {"index", "index0", "revindex", "revindex0", "first", "last",   "length",
                                        "depth", "depth0", "previtem", "nextitem",  "cycle", "changed"};
    enum { INDEX, INDEX0, REVINDEX, REVINDEX0, FIRST, LAST, LENGTH, DEPTH, DEPTH0, PREVITEM, NEXTITEM, CYCLE, CHANGED };
    struct loop *l = (struct loop *)o;
    size_t which = 0;
    int64_t length = 0;
    while (which < HZ_COUNT(names) && (len != strlen(names[which]) || memcmp(name, names[which], len)))
        which++;
    if (which == REVINDEX || which == REVINDEX0 || which == LENGTH)
        HZ_TRY(loop_length(py, l, &length));
    switch (which) {
    case INDEX:
    case INDEX0:
        *out = hz_py_int(l->index0 + (which == INDEX));
        break;
    case REVINDEX:
    case REVINDEX0:
        *out = hz_py_int(length - l->index0 - (which == REVINDEX0));
        break;
    case FIRST:
        *out = hz_py_bool(l->index0 == 0);
        break;
    case LAST:
        HZ_TRY(look_ahead(py, l));
        *out = hz_py_bool(l->after.kind == HZ_PY_MISSING);
        break;
    case LENGTH:
        *out = hz_py_int(length);
        break;
    case DEPTH:
    case DEPTH0:
        *out = hz_py_int(l->depth0 + (which == DEPTH));
        break;
    case PREVITEM:
    case NEXTITEM:
        return loop_neighbour(py, l, which == NEXTITEM, out);
    case CYCLE:
    case CHANGED:
        return hz_py_func(py, &loop_methods[which - CYCLE], hz_py_object_val(l), out);
    default:
        break;
    }
    return HZ_OK;
}

static void loop_repr(struct hz_py_sb *sb, struct hz_py_object *o)
{
    struct loop *l = (struct loop *)o;
    int64_t length = 0;
    char text[64];
    if (sb->status == HZ_OK)
        sb->status = loop_length(sb->py, l, &length);
    snprintf(text, sizeof text, "<LoopContext %" PRId64 "/%" PRId64 ">", l->index0 + 1, length);
    hz_py_sb_puts(sb, text);
}

static hz_status loop_call(struct hz_py *py, struct hz_py_object *o, const struct hz_py_args *args,
                           struct hz_py_val *out);

/* Walking `loop` itself takes items away from the loop, each with the loop at its side. */
struct loop_iter {
    struct hz_py_iter it;
    struct loop *loop;
};

static hz_status loop_iter_next(struct hz_py *py, struct hz_py_iter *it, struct hz_py_val *out)
{
    struct loop *l = ((struct loop_iter *)it)->loop;
    struct hz_py_val item;
    HZ_TRY(loop_next(py, l, &item));
    return item.kind == HZ_PY_MISSING ? HZ_OK : hz_py_pair(py, item, hz_py_object_val(l), out);
}

static hz_status loop_iter(struct hz_py *py, struct hz_py_object *o, struct hz_py_iter **out)
{
    struct loop_iter *it = HZ_PY_NEW(py, struct loop_iter);
    if (!it)
        return hz_py_status(py);
    *it = (struct loop_iter){{loop_iter_next, false}, (struct loop *)o};
    *out = &it->it;
    return HZ_OK;
}

static const struct hz_py_class loop_class = {"LoopContext", loop_attr, loop_call, loop_iter, loop_repr};

/* ---- looping ---------------------------------------------------------------------------------------------------- */

static hz_status loop_new(struct hz_jinja_run *run, const struct hz_jinja_node *node, struct hz_py_val over,
                          struct hz_jinja_frame *up, int64_t depth0, struct loop **out)
{
    struct loop *l = HZ_PY_NEW(&run->py, struct loop);
    if (!l)
        return hz_py_status(&run->py);
    *l = (struct loop){.object = {&loop_class}, .node = node, .up = up, .index0 = -1, .depth0 = depth0};
    l->length = node->c ? -1 : hz_py_len(over);
    HZ_TRY(hz_py_iter(&run->py, over, &l->it));
    if (node->c)
        HZ_TRY(test_iter_new(run, node, up, l->it, &l->it));
    *out = l;
    return HZ_OK;
}

static hz_status run_body(struct hz_jinja_run *run, const struct hz_jinja_node *node, struct loop *l, bool *completed)
{
    for (;;) {
        struct hz_py_val item;
        HZ_TRY(loop_next(&run->py, l, &item));
        if (item.kind == HZ_PY_MISSING)
            return HZ_OK;
        *hz_jinja_slot(run, node->loop) = hz_py_object_val(l);
        HZ_TRY(hz_jinja_assign(run, node->a, item));
        HZ_TRY(hz_jinja_enter_scope(run, &node->scope));
        HZ_TRY(hz_jinja_exec(run, &node->body));
        enum hz_jinja_flow flow = run->flow;
        run->flow = HZ_JINJA_NEXT;
        *completed = *completed || flow == HZ_JINJA_NEXT;
        if (flow == HZ_JINJA_BROKEN)
            return HZ_OK;
    }
}

/* The loop in the current frame. As in jinja2, else runs unless an iteration came to its end, so also after a break or
 * continue in the first one. */
static hz_status run_loop(struct hz_jinja_run *run, const struct hz_jinja_node *node, struct loop *l)
{
    bool completed = false;
    HZ_TRY(run_body(run, node, l, &completed));
    hz_jinja_leave_scope(run, &node->scope);
    if (completed || !node->orelse.n)
        return HZ_OK;
    HZ_TRY(hz_jinja_enter_scope(run, &node->else_scope));
    HZ_TRY(hz_jinja_exec(run, &node->orelse));
    hz_jinja_leave_scope(run, &node->else_scope);
    return HZ_OK;
}

/* One level of a recursive loop, in a frame of its own, with its output as a string. */
static hz_status run_recursive(struct hz_jinja_run *run, const struct hz_jinja_node *node, struct hz_py_val over,
                               struct hz_jinja_frame *up, int64_t depth0, struct hz_py_val *out)
{
    struct hz_jinja_frame *outer = run->frame;
    struct hz_py_sb sb, *outer_out = run->out;
    struct loop *l;
    if (run->calls >= run->max_calls)
        return hz_fail(run->py.err, HZ_E_LIMIT, "a loop calls itself more than %d deep", run->max_calls);
    hz_py_sb_begin(&sb, &run->py);
    HZ_TRY(loop_new(run, node, over, up, depth0, &l));
    HZ_TRY(hz_jinja_frame_new(run, &node->scope, up, &run->frame));
    run->out = &sb;
    run->calls++;
    hz_status status = run_loop(run, node, l);
    run->calls--;
    run->out = outer_out;
    run->frame = outer;
    HZ_TRY(status);
    HZ_TRY(hz_py_sb_end(&sb, out));
    out->safe = run->py.autoescape;
    return HZ_OK;
}

static hz_status loop_call(struct hz_py *py, struct hz_py_object *o, const struct hz_py_args *args,
                           struct hz_py_val *out)
{
    struct loop *l = (struct loop *)o;
    if (!l->node->recursive)
        return hz_py_fail(py, "The loop must have the 'recursive' marker to be called recursively.");
    if (args->n != 1 || (args->kw && args->kw->n))
        return hz_py_fail(py, "loop() takes one argument (%zu given)", args->n);
    return run_recursive((struct hz_jinja_run *)py, l->node, args->at[0], l->up, l->depth0 + 1, out);
}

hz_status hz_jinja_for(struct hz_jinja_run *run, const struct hz_jinja_node *node)
{
    struct hz_py_val over, text;
    struct loop *l;
    HZ_TRY(hz_jinja_eval(run, node->b, &over));
    if (node->recursive) {
        HZ_TRY(run_recursive(run, node, over, run->frame, 0, &text));
        hz_py_sb_str(run->out, text);
        return run->out->status;
    }
    HZ_TRY(loop_new(run, node, over, run->frame, 0, &l));
    run->scopes++;
    hz_status status = run_loop(run, node, l);
    run->scopes--;
    return status;
}
