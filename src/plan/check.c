/* check.c - the first pass: is this a plan that a backend may trust? Everything later relies on it. */
#include "plan/plan.h"

struct op_facts {
    const char *name;
    uint8_t in0, in1, w0, w1;
};

static const struct op_facts facts[HZ_OPS] = {
#define FACTS(id, name, in0, in1, w0, w1) {name, in0, in1, w0, w1},
    HZ_OP_MAP(FACTS)
#undef FACTS
};

const char *hz_op_name(enum hz_op_kind kind)
{
    return (unsigned)kind < HZ_OPS ? facts[kind].name : "?";
}

struct check {
    const struct hz_plan *p;
    const struct hz_op *op;
    uint32_t index;
    struct hz_error *err;
};

static hz_status fail(const struct check *c, const char *fmt, ...) HZ_PRINTF(2, 3);
static hz_status fail(const struct check *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    hz_vfail(c->err, HZ_E_INVALID, fmt, ap);
    va_end(ap);
    return hz_fail_in(c->err, HZ_E_INVALID, "plan %s, op %u (%s, layer %d)", c->p->name, c->index,
                      hz_op_name(c->op->kind), (int)c->op->layer);
}

static hz_status check_operands(const struct check *c)
{
    const struct hz_op *op = c->op;
    const struct op_facts *f = &facts[op->kind];
    if (op->n_in < f->in0 || op->n_in > f->in1)
        return fail(c, "%u inputs, expected %u to %u", op->n_in, f->in0, f->in1);
    for (uint32_t i = 0; i < op->n_in; i++) {
        struct hz_operand x = op->in[i];
        if (x.value >= c->p->n_values || c->p->values[x.value].def >= c->index)
            return fail(c, "input %u is not written by an earlier op", i);
        if (!x.cols || x.col > c->p->values[x.value].width || x.cols > c->p->values[x.value].width - x.col)
            return fail(c, "input %u: columns %u to %u of a value of %u", i, x.col, x.col + x.cols,
                        c->p->values[x.value].width);
        if ((c->p->values[x.value].rows == HZ_ROWS_PLACE) != (op->kind == HZ_OP_ATTEND && i == 1))
            return fail(c, "input %u: a cache place is what attend takes second, and nothing else", i);
    }
    if (op->n_weights < f->w0 || op->n_weights > f->w1)
        return fail(c, "%u weights, expected %u to %u", op->n_weights, f->w0, f->w1);
    for (uint32_t i = 0; i < op->n_weights; i++)
        if (op->weight[i] >= c->p->n_weights && !(op->kind == HZ_OP_NORM && op->weight[i] == HZ_NONE))
            return fail(c, "weight %u does not exist", i);
    if (op->out >= c->p->n_values || c->p->values[op->out].def != c->index || !c->p->values[op->out].width)
        return fail(c, "its output is not its own, or has no columns");
    if (op->device)
        return fail(c, "device %d: maps over several devices are not in this build", (int)op->device);
    return HZ_OK;
}

/* A vector of n elements (n for each expert). */
static hz_status check_vector(const struct check *c, uint32_t w, uint32_t n, uint32_t experts)
{
    const struct hz_weight *v = &c->p->weights[w];
    if (!(v->uses & HZ_USE_VECTOR) || v->cols != n || v->rows != HZ_MAX(experts, 1))
        return fail(c, "%s is [%u, %u], expected [%u, %u]", v->name, v->rows, v->cols, HZ_MAX(experts, 1), n);
    return HZ_OK;
}

static hz_status check_matrix(const struct check *c, uint32_t w, uint32_t cols, unsigned use)
{
    const struct hz_weight *m = &c->p->weights[w];
    if ((m->uses & use) != use || m->cols != cols || !m->rows)
        return fail(c, "%s is [%u, %u] with uses %u, expected %u columns and use %u", m->name, m->rows, m->cols,
                    m->uses, cols, use);
    return HZ_OK;
}

static hz_status check_attention(const struct check *c)
{
    const struct hz_op *op = c->op;
    if (op->kind == HZ_OP_APPEND) {
        if (op->u.append.group >= c->p->n_groups)
            return fail(c, "cache group %u does not exist", op->u.append.group);
        const struct hz_cache_group *g = &c->p->groups[op->u.append.group];
        if (op->u.append.layer >= g->n_layers || op->in[0].cols != g->kv_heads * g->head_dim ||
            op->in[1].cols != g->kv_heads * g->v_dim)
            return fail(c, "k %u and v %u wide do not fit the cache group", op->in[0].cols, op->in[1].cols);
        return HZ_OK;
    }
    const struct hz_op *append = &c->p->ops[c->p->values[op->in[1].value].def];
    uint32_t kv = op->u.attend.kv_heads, hd = op->u.attend.head_dim;
    if (append->u.append.group != op->u.attend.group || append->u.append.layer != op->u.attend.layer)
        return fail(c, "attends another place than its append filled");
    const struct hz_cache_group *g = &c->p->groups[op->u.attend.group];
    if (!kv || !hd || !op->u.attend.v_dim || op->u.attend.heads % kv || g->kv_heads != kv || g->head_dim != hd ||
        g->v_dim != op->u.attend.v_dim || g->window != op->u.attend.window || op->in[0].cols != op->u.attend.heads * hd)
        return fail(c, "%u heads of %u over %u: q is %u wide", op->u.attend.heads, hd, kv, op->in[0].cols);
    return HZ_OK;
}

static hz_status check_norm(const struct check *c)
{
    const struct hz_op *op = c->op;
    uint32_t group = op->u.norm.group;
    if (!group || op->in[0].cols % group)
        return fail(c, "groups of %u do not divide %u columns", group, op->in[0].cols);
    for (uint32_t i = 0; i < op->n_weights; i++)
        if (op->weight[i] != HZ_NONE)
            HZ_TRY(
                check_vector(c, op->weight[i], c->p->weights[op->weight[i]].cols == group ? group : op->in[0].cols, 0));
    return HZ_OK;
}

static hz_status check_moe(const struct check *c)
{
    const struct hz_op *op = c->op;
    const struct hz_value *x = &c->p->values[op->in[0].value];
    uint32_t k = op->u.moe.k;
    if (!k || op->in[1].cols != 2 * k || c->p->values[op->in[1].value].rows != HZ_ROWS_TOKENS)
        return fail(c, "its route is %u wide, expected %u", op->in[1].cols, 2 * k);
    if (x->rows == HZ_ROWS_PAIRS ? x->fan != k : x->rows != HZ_ROWS_TOKENS || op->kind == HZ_OP_COMBINE)
        return fail(c, "its rows are not the route's pairs");
    if (op->kind == HZ_OP_COMBINE)
        return HZ_OK;
    HZ_TRY(check_matrix(c, op->weight[0], op->in[0].cols, HZ_USE_LINEAR | HZ_USE_EXPERTS));
    const struct hz_weight *w = &c->p->weights[op->weight[0]];
    if (!w->experts || w->rows % w->experts || k > w->experts)
        return fail(c, "%s: %u rows of %u experts, %u chosen", w->name, w->rows, w->experts, k);
    return op->n_weights > 1 ? check_vector(c, op->weight[1], w->rows / w->experts, w->experts) : HZ_OK;
}

static hz_status check_op(const struct check *c)
{
    const struct hz_op *op = c->op;
    const struct hz_value *in0 = op->n_in ? &c->p->values[op->in[0].value] : NULL;
    switch (op->kind) {
    case HZ_OP_EMBED:
        return check_matrix(c, op->weight[0], c->p->values[op->out].width, HZ_USE_EMBED);
    case HZ_OP_ROWS:
        if (op->u.rows.mode != HZ_ROWS_TAKE_OUTPUTS || op->n_in != 1)
            return fail(c, "only taking the wanted rows is in this build");
        return in0->rows == HZ_ROWS_TOKENS ? HZ_OK : fail(c, "takes from tokens");
    case HZ_OP_NORM:
        return check_norm(c);
    case HZ_OP_LINEAR:
        HZ_TRY(check_matrix(c, op->weight[0], op->in[0].cols, HZ_USE_LINEAR));
        return op->n_weights > 1 ? check_vector(c, op->weight[1], c->p->weights[op->weight[0]].rows, 0) : HZ_OK;
    case HZ_OP_ADD:
    case HZ_OP_GLU:
        if (op->in[0].cols != op->in[1].cols || c->p->values[op->in[1].value].rows != in0->rows ||
            c->p->values[op->in[1].value].fan != in0->fan)
            return fail(c, "inputs of %u and %u columns, or of other rows", op->in[0].cols, op->in[1].cols);
        return HZ_OK;
    case HZ_OP_SCALE:
    case HZ_OP_ACT:
    case HZ_OP_SOFTCAP:
        return HZ_OK;
    case HZ_OP_ROPE: {
        uint32_t end = op->u.rope.off + op->u.rope.rot;
        if (op->u.rope.table >= c->p->n_ropes || op->u.rope.rot != c->p->ropes[op->u.rope.table].rot)
            return fail(c, "rope table %u does not exist or has another width", op->u.rope.table);
        if (!op->u.rope.head_dim || op->in[0].cols % op->u.rope.head_dim || end > op->u.rope.head_dim ||
            !op->u.rope.rot || op->u.rope.rot % 2 || in0->rows != HZ_ROWS_TOKENS)
            return fail(c, "rotates columns %u to %u of heads of %u", op->u.rope.off, end, op->u.rope.head_dim);
        return HZ_OK;
    }
    case HZ_OP_APPEND:
    case HZ_OP_ATTEND:
        return in0->rows == HZ_ROWS_TOKENS ? check_attention(c) : fail(c, "attention is over tokens");
    case HZ_OP_ROUTE:
        if (!op->u.route.k || op->u.route.k > op->in[0].cols || in0->rows != HZ_ROWS_TOKENS)
            return fail(c, "%u of %u experts", op->u.route.k, op->in[0].cols);
        return HZ_OK;
    case HZ_OP_MOE_LINEAR:
    case HZ_OP_COMBINE:
        return check_moe(c);
    default:
        return fail(c, "this op is not in this build");
    }
}

hz_status hz_plan_check(const struct hz_plan *p, struct hz_error *err)
{
    if (p->failed)
        return hz_fail(err, HZ_E_INVALID, "plan %s: %s", p->name, p->why);
    if (p->n_ropes > HZ_MAX_ROPES || p->n_groups > HZ_MAX_GROUPS)
        return hz_fail(err, HZ_E_LIMIT, "plan %s: %u rope tables and %u cache groups, at most %d and %d", p->name,
                       p->n_ropes, p->n_groups, HZ_MAX_ROPES, HZ_MAX_GROUPS);
    for (uint32_t i = 0; i < p->n_ops; i++) {
        struct check c = {p, &p->ops[i], i, err};
        HZ_TRY(check_operands(&c));
        HZ_TRY(check_op(&c));
    }
    if (p->logits >= p->n_values || p->values[p->logits].rows != HZ_ROWS_OUTPUTS ||
        p->values[p->logits].width != p->n_vocab)
        return hz_fail(err, HZ_E_INVALID, "plan %s: no logits of the wanted rows", p->name);
    return HZ_OK;
}
