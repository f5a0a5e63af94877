/* passes.c - what happens to a plan between check and compile: cache groups are cut to equal blocks, fusible runs are
 * found, values get their places. (Cutting by ranks and by devices comes before these, when there is more than one.) */
#include "plan/plan.h"

#include <stdlib.h>
#include <string.h>

/* ---- cache groups ---------------------------------------------------------------------------- */

static uint64_t layer_bytes(const struct hz_cache_group *g, uint32_t kv_bytes)
{
    return (uint64_t)HZ_PAGE_TOKENS * g->kv_heads * (g->head_dim + g->v_dim) * kv_bytes;
}

/* How many groups there are if a block has `block` bytes. */
static uint64_t groups_with(const struct hz_plan *p, uint32_t kv_bytes, uint64_t block)
{
    uint64_t n = 0;
    for (uint32_t g = 0; g < p->n_groups; g++) {
        uint64_t per = block / layer_bytes(&p->groups[g], kv_bytes);
        n += (p->groups[g].n_layers + per - 1) / per;
    }
    return n;
}

hz_status hz_plan_split_groups(struct hz_plan *p, uint32_t kv_bytes, uint64_t *block_bytes, struct hz_error *err)
{
    uint64_t block = UINT64_MAX, least = 0;
    if (!p->n_groups)
        return hz_fail(err, HZ_E_INVALID, "plan %s has no attention, so no cache", p->name);
    for (uint32_t g = 0; g < p->n_groups; g++) {
        uint64_t layer = layer_bytes(&p->groups[g], kv_bytes);
        block = HZ_MIN(block, layer * p->groups[g].n_layers);
        least = HZ_MAX(least, layer);
    }
    block = HZ_MAX(block, least);
    while (groups_with(p, kv_bytes, block) > HZ_MAX_GROUPS)
        block *= 2;

    struct hz_cache_group *cut = hz_calloc(HZ_MAX_GROUPS, sizeof *cut);
    if (!cut)
        return hz_fail_nomem(err, HZ_MAX_GROUPS * sizeof *cut);
    uint32_t n = 0, first[HZ_MAX_GROUPS], per[HZ_MAX_GROUPS];
    for (uint32_t g = 0; g < p->n_groups; g++) {
        uint32_t left = p->groups[g].n_layers;
        first[g] = n;
        per[g] = (uint32_t)HZ_MIN(block / layer_bytes(&p->groups[g], kv_bytes), left);
        for (; left; left -= cut[n++].n_layers) {
            cut[n] = p->groups[g];
            cut[n].n_layers = HZ_MIN(left, per[g]);
        }
    }
    for (uint32_t i = 0; i < p->n_ops; i++) {
        struct hz_op *op = &p->ops[i];
        uint32_t *group = op->kind == HZ_OP_APPEND ? &op->u.append.group : &op->u.attend.group;
        uint32_t *layer = op->kind == HZ_OP_APPEND ? &op->u.append.layer : &op->u.attend.layer;
        if (op->kind != HZ_OP_APPEND && op->kind != HZ_OP_ATTEND)
            continue;
        uint32_t g = *group, l = *layer;
        *group = first[g] + l / per[g];
        *layer = l % per[g];
    }
    free(p->groups);
    p->groups = cut;
    p->n_groups = n;
    p->cap_groups = HZ_MAX_GROUPS;
    *block_bytes = block;
    return HZ_OK;
}

/* ---- group: fusible runs --------------------------------------------------------------------- */

static bool same_operand(struct hz_operand a, struct hz_operand b)
{
    return a.value == b.value && a.col == b.col && a.cols == b.cols;
}

static bool is_linear(const struct hz_op *op)
{
    return op->kind == HZ_OP_LINEAR || op->kind == HZ_OP_MOE_LINEAR;
}

/* Do two linears read the same rows (and the same route)? */
static bool same_inputs(const struct hz_op *a, const struct hz_op *b)
{
    return a->kind == b->kind && same_operand(a->in[0], b->in[0]) && (a->n_in < 2 || same_operand(a->in[1], b->in[1]));
}

static uint32_t count_uses(const struct hz_plan *p, uint32_t value)
{
    uint32_t n = value == p->logits;
    for (uint32_t i = 0; i < p->n_ops; i++)
        for (uint32_t k = 0; k < p->ops[i].n_in; k++)
            n += p->ops[i].in[k].value == value;
    return n;
}

/* Each matcher says how many ops from i on it takes; 0 for none. */
static uint32_t match_gated(const struct hz_plan *p, uint32_t i)
{
    if (i + 2 >= p->n_ops)
        return 0;
    const struct hz_op *gate = &p->ops[i], *up = &p->ops[i + 1], *glu = &p->ops[i + 2];
    if (!is_linear(gate) || !is_linear(up) || !same_inputs(gate, up) || glu->kind != HZ_OP_GLU)
        return 0;
    struct hz_operand g = {gate->out, 0, p->values[gate->out].width}, u = {up->out, 0, p->values[up->out].width};
    bool fits = same_operand(glu->in[0], g) && same_operand(glu->in[1], u);
    return fits && count_uses(p, gate->out) == 1 && count_uses(p, up->out) == 1 ? 3 : 0;
}

static uint32_t match_linears(const struct hz_plan *p, uint32_t i)
{
    uint32_t n = 0;
    if (!is_linear(&p->ops[i]))
        return 0;
    while (i + n < p->n_ops && is_linear(&p->ops[i + n]) && same_inputs(&p->ops[i], &p->ops[i + n]) &&
           !(n && match_gated(p, i + n)))
        n++;
    return n;
}

/* The rows that an op works through one by one; PLACE if it does not. */
static enum hz_rows row_axis(const struct hz_plan *p, const struct hz_op *op)
{
    switch (op->kind) {
    case HZ_OP_EMBED:
    case HZ_OP_ROWS:
    case HZ_OP_NORM:
    case HZ_OP_ADD:
    case HZ_OP_SCALE:
    case HZ_OP_ACT:
    case HZ_OP_GLU:
    case HZ_OP_SOFTCAP:
    case HZ_OP_ROPE:
    case HZ_OP_ROUTE:
    case HZ_OP_COMBINE:
        return p->values[op->out].rows;
    case HZ_OP_APPEND:
        return HZ_ROWS_TOKENS;
    default:
        return HZ_ROWS_PLACE;
    }
}

static uint32_t match_rows(const struct hz_plan *p, uint32_t i)
{
    enum hz_rows axis = row_axis(p, &p->ops[i]);
    uint32_t n = axis != HZ_ROWS_PLACE;
    while (n && i + n < p->n_ops && row_axis(p, &p->ops[i + n]) == axis) {
        const struct hz_op *op = &p->ops[i + n];
        /* Taking outputs and combining pairs read other rows than they write: those must be ready before the run. */
        bool crosses = op->kind == HZ_OP_ROWS || op->kind == HZ_OP_COMBINE,
             inside = p->values[op->in[0].value].def >= i;
        if (op->n_in && crosses && inside)
            break;
        n++;
    }
    return n;
}

static const struct {
    enum hz_fusion fusion;
    uint32_t (*match)(const struct hz_plan *p, uint32_t i);
} patterns[] = {/* the first that matches */
                {HZ_FUSE_GATED, match_gated},
                {HZ_FUSE_LINEARS, match_linears},
                {HZ_FUSE_ROWS, match_rows}};

hz_status hz_plan_group(struct hz_plan *p, unsigned fusions, struct hz_error *err)
{
    p->fusions = hz_arena_alloc(&p->arena, p->n_ops, sizeof *p->fusions);
    p->n_fusions = 0;
    if (!p->fusions)
        return hz_fail_nomem(err, p->n_ops * sizeof *p->fusions);
    for (uint32_t i = 0; i < p->n_ops;) {
        struct hz_group g = {HZ_FUSE_NONE, i, 1};
        for (size_t k = 0; k < HZ_COUNT(patterns); k++) {
            uint32_t n = fusions >> patterns[k].fusion & 1 ? patterns[k].match(p, i) : 0;
            if (n) {
                g = (struct hz_group){patterns[k].fusion, i, n};
                break;
            }
        }
        p->fusions[p->n_fusions++] = g;
        i += g.count;
    }
    return HZ_OK;
}

/* ---- buffers --------------------------------------------------------------------------------- */

struct life {
    uint32_t from, to; /* groups */
    uint64_t at, floats;
    bool outputs, none;
};

/* The lowest offset at which `floats` fit between the lives that overlap v's. lives[0..v) are placed. */
static uint64_t lowest_gap(const struct life *lives, uint32_t v)
{
    uint64_t at = 0;
    for (bool moved = true; moved;) {
        moved = false;
        for (uint32_t u = 0; u < v; u++) {
            const struct life *l = &lives[u];
            bool alive = !l->none && l->outputs == lives[v].outputs && l->from <= lives[v].to && l->to >= lives[v].from;
            if (alive && l->at < at + lives[v].floats && at < l->at + l->floats) {
                at = l->at + l->floats;
                moved = true;
            }
        }
    }
    return at;
}

hz_status hz_plan_buffers(struct hz_plan *p, struct hz_error *err)
{
    struct life *lives = hz_calloc(p->n_values, sizeof *lives);
    p->offset = hz_arena_alloc(&p->arena, p->n_values, sizeof *p->offset);
    if (!lives || !p->offset) {
        free(lives);
        return hz_fail_nomem(err, p->n_values * sizeof *lives);
    }
    for (uint32_t g = 0; g < p->n_fusions; g++)
        for (uint32_t i = 0; i < p->fusions[g].count; i++) {
            const struct hz_op *op = &p->ops[p->fusions[g].first + i];
            struct life *l = &lives[op->out];
            const struct hz_value *v = &p->values[op->out];
            *l = (struct life){g,
                               g,
                               0,
                               (uint64_t)hz_row_stride(v->width) * v->fan,
                               v->rows == HZ_ROWS_OUTPUTS,
                               v->rows == HZ_ROWS_PLACE || (p->fusions[g].fusion == HZ_FUSE_GATED && i < 2)};
            for (uint32_t k = 0; k < op->n_in; k++)
                lives[op->in[k].value].to = g;
        }
    lives[p->logits].to = p->n_fusions;
    p->token_floats = p->output_floats = 0;
    for (uint32_t v = 0; v < p->n_values; v++) {
        struct life *l = &lives[v];
        l->at = l->none ? UINT64_MAX : lowest_gap(lives, v);
        p->offset[v] = l->at;
        uint64_t *end = l->outputs ? &p->output_floats : &p->token_floats;
        if (!l->none)
            *end = HZ_MAX(*end, l->at + l->floats);
    }
    free(lives);
    return HZ_OK;
}
