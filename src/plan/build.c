/* build.c - adding weights, values and ops to a plan. Mistakes of an arch file (an operand that is too narrow, say) are
 * noted once in p->why and make everything after them do nothing; hz_plan_check turns them into an error. */
#include "plan/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct hz_operand NOTHING = {HZ_NONE, 0, 0};

struct hz_plan *hz_plan_new(const char *name)
{
    struct hz_plan *p = hz_calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->layer = -1;
    p->logits = HZ_NONE;
    p->name = hz_arena_strndup(&p->arena, name, strlen(name));
    if (!p->name) {
        hz_plan_free(p);
        return NULL;
    }
    return p;
}

void hz_plan_free(struct hz_plan *p)
{
    if (!p)
        return;
    free(p->ops);
    free(p->values);
    free(p->weights);
    free(p->ropes);
    free(p->groups);
    hz_arena_free(&p->arena);
    free(p);
}

static void fail(struct hz_plan *p, const char *why)
{
    if (!p->failed)
        snprintf(p->why, sizeof p->why, "layer %d: %s", (int)p->layer, why);
    p->failed = true;
}

/* Copies n elements of `size` bytes into the plan's arena; NULL stays NULL. */
static const void *keep(struct hz_plan *p, const void *from, size_t n, size_t size)
{
    if (!from)
        return NULL;
    void *to = hz_arena_alloc(&p->arena, n, size);
    if (to)
        memcpy(to, from, n * size);
    else
        fail(p, "out of memory");
    return to;
}

struct hz_operand hz_cols(struct hz_operand v, uint32_t first, uint32_t n)
{
    if (v.value == HZ_NONE || first > v.cols || n > v.cols - first || !n)
        return NOTHING;
    return (struct hz_operand){v.value, v.col + first, n};
}

uint32_t hz_plan_weight(struct hz_plan *p, const struct hz_weight *w)
{
    if (p->failed || !HZ_GROW(p->weights, p->n_weights, p->cap_weights)) {
        fail(p, "out of memory");
        return HZ_NONE;
    }
    struct hz_weight *to = &p->weights[p->n_weights];
    *to = *w;
    to->name = keep(p, w->name, strlen(w->name) + 1, 1);
    to->pieces = hz_arena_alloc(&p->arena, w->n_pieces, sizeof *to->pieces);
    for (uint32_t i = 0; to->pieces && i < w->n_pieces; i++) {
        struct hz_piece *piece = &to->pieces[i];
        *piece = w->pieces[i];
        piece->tensor = keep(p, piece->tensor, strlen(piece->tensor) + 1, 1);
        piece->list = keep(p, piece->list, piece->count, sizeof *piece->list);
        if (!piece->stride)
            piece->stride = 1;
    }
    if (!to->pieces)
        fail(p, "out of memory");
    return p->n_weights++;
}

uint32_t hz_plan_rope(struct hz_plan *p, const struct hz_rope *rope)
{
    if (p->failed || !HZ_GROW(p->ropes, p->n_ropes, p->cap_ropes)) {
        fail(p, "out of memory");
        return HZ_NONE;
    }
    struct hz_rope *to = &p->ropes[p->n_ropes];
    *to = *rope;
    for (uint32_t i = 0; i < rope->n_variants; i++)
        to->inv_freq[i] = keep(p, rope->inv_freq[i], rope->rot / 2, sizeof(float));
    return p->n_ropes++;
}

void hz_plan_layer(struct hz_plan *p, int32_t layer)
{
    p->layer = layer;
    if (layer >= 0)
        p->n_layers = HZ_MAX(p->n_layers, (uint32_t)layer + 1);
}

void hz_plan_finish(struct hz_plan *p, struct hz_operand logits, uint32_t n_embd)
{
    p->logits = logits.value;
    p->n_vocab = logits.cols;
    p->n_embd = n_embd;
}

/* ---- ops --------------------------------------------------------------------------------------------------------- */

/* Adds op with a fresh output value; rows, width and fan are the output's. */
static struct hz_operand add(struct hz_plan *p, struct hz_op *op, enum hz_rows rows, uint32_t width, uint32_t fan)
{
    if (p->failed)
        return NOTHING;
    for (uint32_t i = 0; i < op->n_in; i++)
        if (op->in[i].value == HZ_NONE) {
            fail(p, "an operand lies outside its value");
            return NOTHING;
        }
    if (!HZ_GROW(p->ops, p->n_ops, p->cap_ops) || !HZ_GROW(p->values, p->n_values, p->cap_values)) {
        fail(p, "out of memory");
        return NOTHING;
    }
    op->layer = p->layer;
    op->out = p->n_values;
    p->values[p->n_values++] = (struct hz_value){width, rows, fan, p->n_ops};
    p->ops[p->n_ops++] = *op;
    return (struct hz_operand){op->out, 0, width};
}

/* The rows of an operand's value; TOKENS where there is none. */
static struct hz_value value_of(const struct hz_plan *p, struct hz_operand x)
{
    return x.value < p->n_values ? p->values[x.value] : (struct hz_value){0, HZ_ROWS_TOKENS, 1, 0};
}

/* An op whose output has the rows of its first input. */
static struct hz_operand add_like(struct hz_plan *p, struct hz_op *op, uint32_t width)
{
    struct hz_value v = value_of(p, op->in[0]);
    return add(p, op, v.rows, width, v.fan);
}

/* One or two weights; trailing HZ_NONE are left out. */
static void set_weights(struct hz_op *op, uint32_t w, uint32_t b)
{
    op->weight[0] = w;
    op->weight[1] = b;
    op->n_weights = b != HZ_NONE ? 2 : w != HZ_NONE ? 1 : 0;
}

/* Rows of a weight, of one expert if it has several; 0 for HZ_NONE. */
static uint32_t weight_rows(const struct hz_plan *p, uint32_t w)
{
    if (w >= p->n_weights)
        return 0;
    return p->weights[w].rows / HZ_MAX(p->weights[w].experts, 1);
}

struct hz_operand hz_op_embed(struct hz_plan *p, uint32_t w, enum hz_by by)
{
    struct hz_op op = {HZ_OP_EMBED, .u.embed = {by}};
    set_weights(&op, w, HZ_NONE);
    return add(p, &op, HZ_ROWS_TOKENS, w < p->n_weights ? p->weights[w].cols : 0, 1);
}

struct hz_operand hz_op_take_outputs(struct hz_plan *p, struct hz_operand x)
{
    struct hz_op op = {HZ_OP_ROWS, 1, .in = {x}, .u.rows = {HZ_ROWS_TAKE_OUTPUTS}};
    return add(p, &op, HZ_ROWS_OUTPUTS, x.cols, 1);
}

struct hz_operand hz_op_norm(struct hz_plan *p, struct hz_operand x, enum hz_norm kind, float eps, uint32_t group,
                             uint32_t w, uint32_t b)
{
    struct hz_op op = {HZ_OP_NORM, 1, .in = {x}, .u.norm = {kind, eps, group ? group : x.cols}};
    set_weights(&op, w, b);
    return add_like(p, &op, x.cols);
}

struct hz_operand hz_op_linear(struct hz_plan *p, struct hz_operand x, uint32_t w, uint32_t b)
{
    struct hz_op op = {HZ_OP_LINEAR, 1, .in = {x}};
    set_weights(&op, w, b);
    return add_like(p, &op, weight_rows(p, w));
}

struct hz_operand hz_op_add(struct hz_plan *p, struct hz_operand a, struct hz_operand b, float alpha, float beta)
{
    struct hz_op op = {HZ_OP_ADD, 2, .in = {a, b}, .u.add = {alpha, beta}};
    return add_like(p, &op, a.cols);
}

struct hz_operand hz_op_scale(struct hz_plan *p, struct hz_operand x, float mul, float clamp)
{
    struct hz_op op = {HZ_OP_SCALE, 1, .in = {x}, .u.scale = {mul, clamp}};
    return add_like(p, &op, x.cols);
}

struct hz_operand hz_op_act(struct hz_plan *p, struct hz_operand x, enum hz_act act)
{
    struct hz_op op = {HZ_OP_ACT, 1, .in = {x}, .u.act = {act}};
    return add_like(p, &op, x.cols);
}

struct hz_operand hz_op_glu(struct hz_plan *p, struct hz_operand gate, struct hz_operand up, enum hz_act act)
{
    struct hz_op op = {HZ_OP_GLU, 2, .in = {gate, up}, .u.glu = {act}};
    return add_like(p, &op, up.cols);
}

struct hz_operand hz_op_softcap(struct hz_plan *p, struct hz_operand x, float cap)
{
    struct hz_op op = {HZ_OP_SOFTCAP, 1, .in = {x}, .u.softcap = {cap}};
    return add_like(p, &op, x.cols);
}

struct hz_operand hz_op_rope(struct hz_plan *p, struct hz_operand x, uint32_t table, uint32_t head_dim, uint32_t off,
                             bool pairs)
{
    uint32_t rot = table < p->n_ropes ? p->ropes[table].rot : 0;
    struct hz_op op = {HZ_OP_ROPE, 1, .in = {x}, .u.rope = {table, head_dim, off, rot, pairs}};
    return add_like(p, &op, x.cols);
}

/* The group for layers of this shape, made if there is none; *layer is the place in it. */
static uint32_t cache_group(struct hz_plan *p, const struct hz_attention *a, uint32_t *layer)
{
    uint32_t g = 0;
    for (; g < p->n_groups; g++) {
        const struct hz_cache_group *c = &p->groups[g];
        if (c->kv_heads == a->kv_heads && c->head_dim == a->head_dim && c->v_dim == a->v_dim && c->window == a->window)
            break;
    }
    if (g == p->n_groups) {
        if (!HZ_GROW(p->groups, p->n_groups, p->cap_groups)) {
            fail(p, "out of memory");
            return HZ_NONE;
        }
        p->groups[p->n_groups++] = (struct hz_cache_group){a->kv_heads, a->head_dim, a->v_dim, a->window, 0};
    }
    *layer = p->groups[g].n_layers++;
    return g;
}

struct hz_operand hz_op_attention(struct hz_plan *p, struct hz_operand q, struct hz_operand k, struct hz_operand v,
                                  const struct hz_attention *a)
{
    uint32_t layer = 0, group = p->failed ? HZ_NONE : cache_group(p, a, &layer);
    struct hz_op append = {HZ_OP_APPEND, 2, .in = {k, v}, .u.append = {group, layer}};
    struct hz_operand place = add(p, &append, HZ_ROWS_PLACE, 1, 1);
    struct hz_op attend = {
        HZ_OP_ATTEND, 2, .in = {q, place},
        .u.attend = {group, layer, a->heads, a->kv_heads, a->head_dim, a->v_dim, a->window, a->scale, a->softcap}};
    return add(p, &attend, HZ_ROWS_TOKENS, a->heads * a->v_dim, 1);
}

struct hz_operand hz_op_route(struct hz_plan *p, struct hz_operand logits, uint32_t k, bool renorm, float scale)
{
    struct hz_op op = {HZ_OP_ROUTE, 1, .in = {logits}, .u.route = {k, renorm, scale}};
    const struct hz_op *from = logits.value < p->n_values ? &p->ops[p->values[logits.value].def] : NULL;
    if (from && from->kind == HZ_OP_LINEAR && from->weight[0] < p->n_weights)
        p->weights[from->weight[0]].uses |= HZ_USE_ROUTER;
    return add(p, &op, HZ_ROWS_TOKENS, 2 * k, 1);
}

struct hz_operand hz_op_moe_linear(struct hz_plan *p, struct hz_operand x, struct hz_operand route, uint32_t k,
                                   uint32_t w, uint32_t b)
{
    struct hz_op op = {HZ_OP_MOE_LINEAR, 2, .in = {x, route}, .u.moe = {k}};
    set_weights(&op, w, b);
    return add(p, &op, HZ_ROWS_PAIRS, weight_rows(p, w), k);
}

struct hz_operand hz_op_combine(struct hz_plan *p, struct hz_operand pairs, struct hz_operand route, uint32_t k)
{
    struct hz_op op = {HZ_OP_COMBINE, 2, .in = {pairs, route}, .u.moe = {k}};
    return add(p, &op, HZ_ROWS_TOKENS, pairs.cols, 1);
}
