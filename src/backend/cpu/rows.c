/* rows.c - ops that work on each row by itself. A run of them goes through row after row, each row through all ops
 * while it is in the cache, and puts the row into the panels of the linears that come next. */
#include "backend/cpu/cpu.h"

#include <math.h>
#include <string.h>

static void embed(struct hz_exec *x, const struct hz_op *op, uint32_t row, float *out)
{
    const struct hz_packed *w = x->packed[op->weight[0]];
    const struct hz_batch_row *r = &hz_batch_rows(x->batch)[row];
    uint32_t index = op->u.embed.by == HZ_BY_ID ? (uint32_t)x->ids[row] : r->position[0];
    hz_cpu_row(w, HZ_MIN(index, w->rows - 1), out); /* positions beyond a learned table were refused by the engine */
}

static void norm(struct hz_exec *x, const struct hz_op *op, const float *in, float *out)
{
    uint32_t group = op->u.norm.group, n = op->in[0].cols;
    const struct hz_packed *w = op->n_weights > 0 && op->weight[0] != HZ_NONE ? x->packed[op->weight[0]] : NULL;
    const struct hz_packed *b = op->n_weights > 1 ? x->packed[op->weight[1]] : NULL;
    for (uint32_t at = 0; at < n; at += group) {
        const float *wv = w ? w->vector + (w->cols == group ? 0 : at) : NULL;
        const float *bv = b ? b->vector + (b->cols == group ? 0 : at) : NULL;
        if (op->u.norm.kind == HZ_NORM_LAYER)
            x->kern->layer_norm(in + at, wv, bv, op->u.norm.eps, out + at, group);
        else if (op->u.norm.kind == HZ_NORM_RMS)
            x->kern->rms_norm(in + at, wv, bv, op->u.norm.eps, out + at, group);
        else /* l2: x / sqrt(n (mean x^2 + eps / n)) */
            x->kern->rms_norm(in + at, wv, bv, op->u.norm.eps / (float)group, out + at, group),
                x->kern->scale(out + at, 1 / sqrtf((float)group), 0, out + at, group);
    }
}

static void rope(struct hz_exec *x, const struct hz_op *op, uint32_t row, const float *in, float *out)
{
    uint32_t hd = op->u.rope.head_dim, rot = op->u.rope.rot, n = op->in[0].cols;
    const float *cos = x->angles + ((size_t)op->u.rope.table * x->options.limits.rows + row) * 2 * x->most_half;
    memcpy(out, in, n * sizeof *out);
    for (uint32_t h = 0; h < n; h += hd)
        x->kern->rope(out + h + op->u.rope.off, cos, cos + x->most_half, rot, op->u.rope.pairs);
}

/* Where K and V of a row go: the tile of kv head 0 of its page; K comes first in a head's tile. */
static uint8_t *cache_tile(struct hz_exec *x, const struct hz_op *op, uint32_t row)
{
    const struct hz_batch_row *r = &hz_batch_rows(x->batch)[row];
    const struct hz_cache_group *g = &x->plan->groups[op->u.append.group];
    size_t head = (size_t)HZ_PAGE_TOKENS * (g->head_dim + g->v_dim) * hz_backend_cpu.kv_bytes[x->options.precision];
    uint32_t block = 0; /* padding goes to the block that nobody owns */
    if (r->seq != HZ_NONE) {
        const struct hz_batch_seq *s = &hz_batch_seqs(x->batch)[r->seq];
        block = hz_batch_pages(x->batch)[s->tables + op->u.append.group * s->n_pages + r->index / HZ_PAGE_TOKENS];
    }
    return x->options.cache.buffer->data + x->options.cache.offset + block * x->options.block_bytes +
           op->u.append.layer * g->kv_heads * head;
}

static void append(struct hz_exec *x, const struct hz_op *op, uint32_t row)
{
    const struct hz_cache_group *g = &x->plan->groups[op->u.append.group];
    size_t bytes = hz_backend_cpu.kv_bytes[x->options.precision],
           k_bytes = (size_t)HZ_PAGE_TOKENS * g->head_dim * bytes;
    size_t head = k_bytes + (size_t)HZ_PAGE_TOKENS * g->v_dim * bytes;
    uint8_t *tile = cache_tile(x, op, row);
    const float *k = hz_at(x, op->in[0], row), *v = hz_at(x, op->in[1], row);
    uint32_t slot = hz_batch_rows(x->batch)[row].index % HZ_PAGE_TOKENS;
    for (uint32_t h = 0; h < g->kv_heads; h++, tile += head)
        x->kern->kv_put[x->kv](tile, tile + k_bytes, slot, k + h * g->head_dim, v + h * g->v_dim, g->head_dim,
                               g->v_dim);
}

/* The k most probable experts, and their weights. Scores of all are softmaxed in f32, as transformers does. */
static void route(const struct hz_op *op, const float *logits, float *out)
{
    uint32_t n = op->in[0].cols, k = op->u.route.k;
    float top = -INFINITY, sum = 0, kept = 0;
    for (uint32_t i = 0; i < n; i++)
        top = fmaxf(top, logits[i]);
    for (uint32_t i = 0; i < n; i++)
        sum += expf(logits[i] - top);
    for (uint32_t j = 0; j < k; j++) {
        uint32_t best = 0;
        bool found = false;
        for (uint32_t i = 0; i < n; i++) {
            bool taken = false;
            for (uint32_t t = 0; t < j; t++)
                taken |= (uint32_t)out[t] == i;
            if (!taken && (!found || logits[i] > logits[best])) {
                best = i;
                found = true;
            }
        }
        out[j] = (float)best;
        out[k + j] = expf(logits[best] - top) / sum;
        kept += out[k + j];
    }
    for (uint32_t j = 0; j < k; j++)
        out[k + j] *= op->u.route.scale / (op->u.route.renorm ? kept : 1);
}

/* Sum of a token's pairs by their weights, in route order. */
static void combine(struct hz_exec *x, const struct hz_op *op, uint32_t row, float *out)
{
    uint32_t k = op->u.moe.k, n = op->in[0].cols;
    const float *weights = hz_at(x, op->in[1], row) + k;
    x->kern->scale(hz_at(x, op->in[0], row * k), weights[0], 0, out, n);
    for (uint32_t j = 1; j < k; j++)
        x->kern->add(out, 1, hz_at(x, op->in[0], row * k + j), weights[j], out, n);
}

static void row_op(struct hz_exec *x, const struct hz_op *op, uint32_t row)
{
    const struct hz_kern *k = x->kern;
    struct hz_operand o = {op->out, 0, x->plan->values[op->out].width};
    if (op->kind == HZ_OP_APPEND) { /* its output is a place, which has no memory */
        append(x, op, row);
        return;
    }
    float *out = hz_at(x, o, row);
    const float *a =
        op->n_in > 0 && op->kind != HZ_OP_COMBINE && op->kind != HZ_OP_ROWS ? hz_at(x, op->in[0], row) : NULL;
    const float *b = op->n_in > 1 ? hz_at(x, op->in[1], row) : NULL;
    switch (op->kind) {
    case HZ_OP_EMBED:
        embed(x, op, row, out);
        break;
    case HZ_OP_ROWS:
        memcpy(out, hz_at(x, op->in[0], hz_batch_outputs(x->batch)[row]), o.cols * sizeof *out);
        break;
    case HZ_OP_NORM:
        norm(x, op, a, out);
        break;
    case HZ_OP_ADD:
        k->add(a, op->u.add.alpha, b, op->u.add.beta, out, o.cols);
        break;
    case HZ_OP_SCALE:
        k->scale(a, op->u.scale.mul, op->u.scale.clamp, out, o.cols);
        break;
    case HZ_OP_ACT:
        k->act(op->u.act.act, a, out, o.cols);
        break;
    case HZ_OP_GLU:
        k->glu(op->u.glu.act, a, b, out, o.cols);
        break;
    case HZ_OP_SOFTCAP:
        k->softcap(a, op->u.softcap.cap, out, o.cols);
        break;
    case HZ_OP_ROPE:
        rope(x, op, row, a, out);
        break;
    case HZ_OP_ROUTE:
        route(op, a, out);
        break;
    case HZ_OP_COMBINE:
        combine(x, op, row, out);
        break;
    default: /* hz_cpu_supports let no other kind through */
        break;
    }
}

/* Rows of a chunk: enough that chunks are not the work, few enough that threads stay even. PAIRS count as tokens. */
static uint32_t rows_per_chunk(uint32_t rows, int threads)
{
    return HZ_MAX(1, HZ_MIN(16, rows / (4 * (uint32_t)threads)));
}

uint32_t hz_rows_chunks(struct hz_exec *x, const struct hz_step *s)
{
    uint32_t rows = hz_axis_rows(x, s->axis), per = rows_per_chunk(rows, x->dev->threads);
    hz_begin_puts(x, s);
    return (rows + per - 1) / per;
}

void hz_rows_run(struct hz_exec *x, const struct hz_step *s, int thread, uint32_t chunk)
{
    uint32_t rows = hz_axis_rows(x, s->axis), per = rows_per_chunk(rows, x->dev->threads);
    uint32_t end = HZ_MIN((chunk + 1) * per, rows);
    for (uint32_t row = chunk * per; row < end; row++) {
        for (uint32_t i = 0; i < s->n_ops; i++) {
            const struct hz_op *op = &s->ops[i];
            uint32_t fan = x->plan->values[op->out].fan;
            for (uint32_t j = 0; j < fan; j++)
                row_op(x, op, row * fan + j);
        }
        for (uint32_t i = 0; i < s->n_puts; i++)
            hz_put_row(x, &x->panels[s->puts[i].panel], row, hz_at(x, s->puts[i].x, row), thread);
    }
}

/* ---- rope angles: once a step, for all tables ------------------------------------------------ */

enum { ANGLE_ROWS = 8 };

uint32_t hz_angles_chunks(struct hz_exec *x, const struct hz_step *s)
{
    (void)s;
    uint32_t half = x->most_half, ropes = x->plan->n_ropes;
    for (uint32_t q = 0; ropes && q < x->batch->n_seqs; q++)
        for (uint32_t t = 0; t < ropes; t++) {
            size_t at = (size_t)q * ropes + t;
            hz_rope_freqs(&x->plan->ropes[t], hz_batch_seqs(x->batch)[q].rope[t], x->freqs + at * half,
                          &x->freq_scale[at]);
        }
    return ropes ? (x->batch->n_rows + ANGLE_ROWS - 1) / ANGLE_ROWS : 0;
}

void hz_angles_run(struct hz_exec *x, const struct hz_step *s, int thread, uint32_t chunk)
{
    (void)s, (void)thread;
    uint32_t end = HZ_MIN((chunk + 1) * ANGLE_ROWS, x->batch->n_rows), ropes = x->plan->n_ropes;
    for (uint32_t row = chunk * ANGLE_ROWS; row < end; row++) {
        const struct hz_batch_row *r = &hz_batch_rows(x->batch)[row];
        for (uint32_t t = 0; t < ropes && r->seq != HZ_NONE; t++) {
            size_t at = (size_t)r->seq * ropes + t;
            const float *freq = x->freqs + at * x->most_half;
            float *cs = x->angles + ((size_t)t * x->options.limits.rows + row) * 2 * x->most_half;
            for (uint32_t i = 0; i < x->plan->ropes[t].rot / 2; i++) {
                double angle = (float)r->position[0] * freq[i]; /* the product in f32, as every reference has it */
                cs[i] = (float)cos(angle) * x->freq_scale[at];
                cs[x->most_half + i] = (float)sin(angle) * x->freq_scale[at];
            }
        }
    }
}
