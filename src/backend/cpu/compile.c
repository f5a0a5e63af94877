/* compile.c - a plan made into steps, with all the memory that running them takes. */
#include "backend/cpu/cpu.h"

#include <stdlib.h>
#include <string.h>

/* Models up to this width get two int8 rows for each row of x, and f32 where wider ones get bf16. Rounding x to 8 bits
 * once changes the text of a small model: mean KL of SmolLM2-135M's next token against exact mode is 3.4e-3 with one
 * row. Wider models lose less, and their prompts are worth the second product less. */
enum { FINE_WIDTH = 1024 };

enum { TILES_BYTES = 64 << 10 }; /* of a linear's chunk: enough to read forward, few enough to share out evenly */

hz_status hz_cpu_supports(struct hz_device *dev, const struct hz_plan *plan, const enum hz_dtype *types,
                          enum hz_precision precision, struct hz_error *err)
{
    (void)precision;
    for (uint32_t i = 0; i < plan->n_weights; i++) {
        const struct hz_weight *w = &plan->weights[i];
        bool vector = w->uses & HZ_USE_VECTOR,
             ok = vector ? hz_dequantize_c(types[i]) != NULL : dev->kern->linear[types[i]].mul != NULL;
        if (!ok)
            return hz_fail(err, HZ_E_UNSUPPORTED, "%s: the cpu backend has no kernel for %s of type %s", w->name,
                           vector ? "vectors" : "weights", hz_dtype_info(types[i])->name);
        uint32_t block = hz_dtype_info(types[i])->block;
        if (w->cols % block)
            return hz_fail(err, HZ_E_UNSUPPORTED, "%s: rows of %u values do not fill blocks of %u of type %s", w->name,
                           w->cols, block, hz_dtype_info(types[i])->name);
    }
    for (uint32_t i = 0; i < plan->n_ops; i++) {
        const struct hz_op *op = &plan->ops[i];
        bool known = op->kind <= HZ_OP_COMBINE; /* all that are not room */
        if (!known)
            return hz_fail(err, HZ_E_UNSUPPORTED, "the cpu backend has no op %s (layer %d)", hz_op_name(op->kind),
                           (int)op->layer);
    }
    return HZ_OK;
}

/* ---- steps ----------------------------------------------------------------------------------- */

static struct hz_step *add_step(struct hz_exec *x, hz_chunks_fn *chunks, hz_step_fn *run, const struct hz_op *ops,
                                uint32_t n_ops, enum hz_rows axis)
{
    struct hz_step *s = &x->steps[x->n_steps++];
    *s = (struct hz_step){.chunks = chunks, .run = run, .ops = ops, .n_ops = n_ops, .axis = axis};
    return s;
}

/* Ops of a linear group that have a weight: all, or gate and up. */
static uint32_t linears_in(const struct hz_group *g)
{
    return g->fusion == HZ_FUSE_GATED ? 2 : g->count;
}

/* Cuts the group's weights into chunks of tiles. */
static hz_status cut_tiles(struct hz_exec *x, struct hz_step *s, const struct hz_group *g, struct hz_error *err)
{
    uint32_t weights = g->fusion == HZ_FUSE_GATED ? 1 : g->count;
    size_t n = 0, all = 0;
    for (uint32_t i = 0; i < weights; i++) {
        const struct hz_packed *w = x->packed[s->ops[i].weight[0]];
        n += (size_t)w->tiles * w->experts;
        all += (size_t)w->tiles * w->tile_bytes;
    }
    s->tiles = hz_arena_alloc(&x->arena, n, sizeof *s->tiles); /* at most one chunk a tile */
    if (!s->tiles)
        return hz_fail_nomem(err, n * sizeof *s->tiles);
    size_t chunk = HZ_MIN((size_t)TILES_BYTES, all / (4 * (size_t)x->dev->threads));
    for (uint32_t i = 0; i < weights; i++) {
        const struct hz_packed *w = x->packed[s->ops[i].weight[0]];
        size_t bytes = w->tile_bytes * (s->gated ? 2 : 1);
        uint32_t per = (uint32_t)HZ_MAX(chunk / bytes, 1);
        for (uint32_t e = 0; e < w->experts; e++)
            for (uint32_t t = 0; t < w->tiles; t += per)
                s->tiles[s->n_tiles++] = (struct hz_tiles){i, e, t, HZ_MIN(per, w->tiles - t)};
    }
    return HZ_OK;
}

/* Does this step write the value, row by row, so that it may put the rows into panels? */
static bool writes(const struct hz_step *s, uint32_t value)
{
    for (uint32_t i = 0; s && s->run == hz_rows_run && i < s->n_ops; i++)
        if (s->ops[i].out == value)
            return true;
    return false;
}

static hz_status add_linears(struct hz_exec *x, const struct hz_group *g, struct hz_error *err)
{
    const struct hz_op *ops = &x->plan->ops[g->first];
    struct hz_operand in = ops[0].in[0];
    enum hz_rows axis = x->plan->values[in.value].rows;
    struct hz_step *before = x->n_steps ? &x->steps[x->n_steps - 1] : NULL;
    uint32_t panel[HZ_XFORMS], most = axis == HZ_ROWS_OUTPUTS ? x->options.limits.outputs : x->options.limits.rows;
    if (!writes(before, in.value) || before->n_puts)
        before = add_step(x, hz_put_chunks, hz_put_run, ops, 1, axis);
    for (uint32_t f = 0; f < HZ_XFORMS; f++)
        panel[f] = HZ_NONE;
    for (uint32_t i = 0; i < linears_in(g); i++) {
        enum hz_xform form = hz_wants(x, x->packed[ops[i].weight[0]]);
        if (panel[form] != HZ_NONE)
            continue;
        panel[form] = x->n_panels++;
        before->puts[before->n_puts++] = (struct hz_put){in, form, panel[form]};
        x->panel_bytes[form] =
            HZ_MAX(x->panel_bytes[form], x->kern->panel_bytes(form, in.cols, most * x->planes[form]));
        x->most_cols = HZ_MAX(x->most_cols, in.cols);
    }
    struct hz_step *s = add_step(x, hz_linear_chunks, hz_linear_run, ops, g->count, axis);
    s->gated = g->fusion == HZ_FUSE_GATED;
    memcpy(s->panel, panel, sizeof panel);
    return cut_tiles(x, s, g, err);
}

static hz_status add_experts(struct hz_exec *x, const struct hz_group *g, struct hz_error *err)
{
    const struct hz_op *ops = &x->plan->ops[g->first];
    struct hz_packed *const *w = x->packed;
    for (uint32_t i = 1; i < linears_in(g); i++)
        if (hz_wants(x, w[ops[i].weight[0]]) != hz_wants(x, w[ops[0].weight[0]]))
            return hz_fail(err, HZ_E_UNSUPPORTED, "%s and %s are of types that want different inputs",
                           x->plan->weights[ops[0].weight[0]].name, x->plan->weights[ops[i].weight[0]].name);
    uint32_t pairs = x->options.limits.rows * ops[0].u.moe.k;
    enum hz_xform form = hz_wants(x, w[ops[0].weight[0]]);
    uint32_t cols = w[ops[0].weight[0]]->cols;
    size_t bytes = (size_t)pairs * hz_align(x->kern->panel_bytes(form, cols, x->planes[form]), 64);
    x->most_cols = HZ_MAX(x->most_cols, cols);
    x->moe.panel_bytes = HZ_MAX(x->moe.panel_bytes, bytes);
    x->moe.most_pairs = HZ_MAX(x->moe.most_pairs, pairs);
    x->moe.most_experts = HZ_MAX(x->moe.most_experts, w[ops[0].weight[0]]->experts);
    add_step(x, hz_one_chunk, hz_moe_sort_run, ops, 1, HZ_ROWS_TOKENS);
    add_step(x, hz_moe_put_chunks, hz_moe_put_run, ops, 1, HZ_ROWS_TOKENS);
    struct hz_step *s = add_step(x, hz_moe_chunks, hz_moe_run, ops, g->count, HZ_ROWS_TOKENS);
    s->gated = g->fusion == HZ_FUSE_GATED;
    return cut_tiles(x, s, g, err);
}

static hz_status add_group(struct hz_exec *x, const struct hz_group *g, struct hz_error *err)
{
    const struct hz_op *op = &x->plan->ops[g->first];
    enum hz_rows rows = x->plan->values[op->out].rows;
    switch (op->kind) {
    case HZ_OP_LINEAR:
        return add_linears(x, g, err);
    case HZ_OP_MOE_LINEAR:
        return add_experts(x, g, err);
    case HZ_OP_ATTEND:
        add_step(x, hz_attend_chunks, hz_attend_run, op, 1, HZ_ROWS_TOKENS);
        add_step(x, hz_merge_chunks, hz_merge_run, op, 1, HZ_ROWS_TOKENS);
        return HZ_OK;
    default: /* work row by row; pairs and places go with their tokens */
        add_step(x, hz_rows_chunks, hz_rows_run, op, g->count, rows == HZ_ROWS_OUTPUTS ? rows : HZ_ROWS_TOKENS);
        return HZ_OK;
    }
}

/* ---- memory ---------------------------------------------------------------------------------- */

/* Sizes that follow from the plan's ops. */
struct sizes {
    size_t q, o; /* floats of a thread's attention scratch */
    size_t tile; /* bytes of a tile that must be made before use */
    uint32_t heads, kv_heads, vd;
};

static struct sizes measure(struct hz_exec *x)
{
    struct sizes z = {0};
    for (uint32_t i = 0; i < x->plan->n_ops; i++) {
        const struct hz_op *op = &x->plan->ops[i];
        if (op->kind == HZ_OP_LINEAR || op->kind == HZ_OP_MOE_LINEAR) {
            const struct hz_packed *w = x->packed[op->weight[0]];
            size_t f32 = hz_made_f32(w) ? hz_tile_bytes(&x->kern->linear[HZ_F32], w->cols) : 0;
            z.tile = HZ_MAX(z.tile, (w->borrowed ? hz_align(w->tile_bytes, 64) : 0) + f32);
        }
        if (op->kind != HZ_OP_ATTEND)
            continue;
        uint32_t hd = op->u.attend.head_dim, vd = op->u.attend.v_dim,
                 group = op->u.attend.heads / op->u.attend.kv_heads;
        uint32_t rows = HZ_MAX(group, 4096 / HZ_MAX(hd, vd));
        x->attend_rows = HZ_MAX(x->attend_rows, rows);
        z.heads = HZ_MAX(z.heads, op->u.attend.heads);
        z.kv_heads = HZ_MAX(z.kv_heads, op->u.attend.kv_heads);
        z.vd = HZ_MAX(z.vd, vd);
        z.q = HZ_MAX(z.q, (size_t)rows * hd);
        z.o = HZ_MAX(z.o, (size_t)rows * vd);
    }
    for (uint32_t i = 0; i < x->plan->n_ropes; i++)
        x->most_half = HZ_MAX(x->most_half, x->plan->ropes[i].rot / 2);
    return z;
}

/* Cuts one aligned block into the threads' scratch; with base NULL it only adds up. */
static size_t lay_out_scratch(struct hz_exec *x, const struct sizes *z, uint8_t *base)
{
    size_t at = 0, rows16 = (size_t)x->options.limits.rows * HZ_TILE * sizeof(float);
#define TAKE(field, bytes)                                                                                             \
    do {                                                                                                               \
        if (base)                                                                                                      \
            x->scratch[t].field = (void *)(base + at);                                                                 \
        at += hz_align(bytes, 64);                                                                                     \
    } while (0)
    for (int t = 0; t < x->dev->threads; t++) {
        TAKE(tile, z->tile);
        TAKE(gate, HZ_MAX(rows16, x->options.limits.outputs * HZ_TILE * sizeof(float)));
        TAKE(up, HZ_MAX(rows16, x->options.limits.outputs * HZ_TILE * sizeof(float)));
        TAKE(fold, 2 * HZ_MAX(rows16, x->options.limits.outputs * HZ_TILE * sizeof(float)));
        TAKE(residual, x->most_cols * sizeof(float));
        TAKE(rows, x->attend_rows * sizeof(struct hz_attend_row));
        TAKE(parts, x->attend_rows * sizeof(struct hz_attend_row));
        TAKE(q, z->q * sizeof(float));
        TAKE(o, z->o * sizeof(float));
        TAKE(part, z->o * sizeof(float));
        TAKE(draw, 2 * (size_t)x->plan->n_vocab * sizeof(float));
    }
#undef TAKE
    return at;
}

/* n elements of `size` bytes, kept until the exec goes; on failure *ok becomes false. */
static void *take(struct hz_exec *x, size_t n, size_t size, bool *ok)
{
    struct hz_block *b = hz_arena_alloc(&x->arena, 1, sizeof *b);
    if (!b || !n || n > SIZE_MAX / size) {
        *ok = *ok && b && !n;
        return NULL;
    }
    *b = (struct hz_block){hz_alloc_aligned(n * size), n * size, x->blocks};
    x->blocks = b;
    *ok = *ok && b->data;
    return b->data;
}

static hz_status allocate(struct hz_exec *x, struct hz_error *err)
{
    const struct hz_batch_limits *l = &x->options.limits;
    const struct hz_plan *p = x->plan;
    const struct sizes z = measure(x);
    bool ok = true;
    x->outputs_bytes = (uint64_t)l->outputs * p->output_floats * sizeof(float);
    x->tokens = take(x, (size_t)l->rows * p->token_floats, sizeof(float), &ok);
    x->outputs = take(x, (size_t)l->outputs * p->output_floats, sizeof(float), &ok);
    x->logits_buffer = (struct hz_buffer){(uint8_t *)x->outputs, x->outputs_bytes, true};
    for (uint32_t f = 0; f < HZ_XFORMS; f++)
        x->panel_data[f] = take(x, x->panel_bytes[f], 1, &ok);
    x->panels = take(x, x->n_panels, sizeof *x->panels, &ok);
    x->scratch = take(x, (size_t)x->dev->threads, sizeof *x->scratch, &ok);
    uint8_t *scratch = take(x, lay_out_scratch(x, &z, NULL), 1, &ok);
    x->ids = take(x, l->rows, sizeof *x->ids, &ok);
    x->drawn = take(x, x->options.n_slots, sizeof *x->drawn, &ok);
    x->freqs = take(x, (size_t)l->seqs * p->n_ropes * x->most_half, sizeof(float), &ok);
    x->freq_scale = take(x, (size_t)l->seqs * p->n_ropes, sizeof(float), &ok);
    x->angles = take(x, (size_t)l->rows * p->n_ropes * 2 * x->most_half, sizeof(float), &ok);
    uint32_t threads = (uint32_t)x->dev->threads;
    x->most_segments = l->pages / HZ_MAX(p->n_groups, 1) / HZ_SEGMENT_PAGES + 2;
    x->partial_rows = HZ_MIN(l->seqs, 4 * threads);
    x->partial_dim = hz_row_stride(z.vd + 2);
    x->partials = take(x, (size_t)x->partial_rows * z.heads * x->most_segments * x->partial_dim, sizeof(float), &ok);
    x->cap_items = z.kv_heads * (l->rows + l->seqs) + 4 * threads * x->most_segments;
    x->items = take(x, x->cap_items, sizeof *x->items, &ok);
    x->moe.start = take(x, x->moe.most_experts + 1, sizeof *x->moe.start, &ok);
    x->moe.panel_at = take(x, x->moe.most_experts, sizeof *x->moe.panel_at, &ok);
    x->moe.order = take(x, x->moe.most_pairs, sizeof *x->moe.order, &ok);
    x->moe.place = take(x, x->moe.most_pairs, sizeof *x->moe.place, &ok);
    x->moe.panels = take(x, x->moe.panel_bytes, 1, &ok);
    if (!ok)
        return hz_fail(err, HZ_E_NOMEM, "out of memory for the buffers of a step of %u rows", l->rows);
    lay_out_scratch(x, &z, scratch);
    return HZ_OK;
}

void hz_cpu_discard(struct hz_exec *x)
{
    if (!x)
        return;
    for (struct hz_block *b = x->blocks; b; b = b->next)
        hz_free_aligned(b->data, b->bytes);
    hz_arena_free(&x->arena);
    hz_free_aligned(x, sizeof *x);
}

hz_status hz_cpu_compile(struct hz_device *dev, const struct hz_plan *plan, struct hz_packed *const *packed,
                         const struct hz_compile_options *options, struct hz_exec **exec, struct hz_error *err)
{
    struct hz_exec *x = hz_alloc_aligned(sizeof *x);
    hz_status status = HZ_OK;
    if (!x)
        return hz_fail_nomem(err, sizeof *x);
    x->dev = dev;
    x->kern = dev->kern;
    x->plan = plan;
    x->packed = packed;
    x->options = *options;
    x->kv = options->precision == HZ_EXACT ? HZ_KV_F32 : HZ_KV_F16;
    x->narrow = plan->n_embd <= FINE_WIDTH;
    for (int f = 0; f < HZ_XFORMS; f++) {
        bool int8 = f == HZ_X_I8_32 || f == HZ_X_I8_256;
        x->planes[f] = int8 && x->narrow ? 2 : 1;
    }
    x->steps = hz_arena_alloc(&x->arena, 3 * (size_t)plan->n_fusions + 1, sizeof *x->steps); /* no group makes more */
    if (!x->steps) {
        status = hz_fail_nomem(err, plan->n_fusions * sizeof *x->steps);
        goto fail;
    }
    add_step(x, hz_angles_chunks, hz_angles_run, NULL, 0, HZ_ROWS_TOKENS);
    for (uint32_t g = 0; status == HZ_OK && g < plan->n_fusions; g++)
        status = add_group(x, &plan->fusions[g], err);
    if (status == HZ_OK)
        status = allocate(x, err);
    if (status != HZ_OK)
        goto fail;
    *exec = x;
    return HZ_OK;
fail:
    hz_cpu_discard(x);
    return status;
}
