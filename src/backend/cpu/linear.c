/* linear.c - products of panels with tiles. Threads split N, never K: each takes runs of tiles of about 64 KiB. For
 * many rows the panel is walked in pieces that stay in the cache beside the run. */
#include "backend/cpu/cpu.h"

#include <string.h>

enum { PANEL_BYTES = 384 << 10 }; /* of a panel's piece; a run of tiles and it share a core's second-level cache */

/* The tile ready to multiply: as it lies, packed from published rows, or made f32. */
static const uint8_t *tile_ready(const struct hz_packed *w, uint32_t expert, uint32_t tile, struct hz_scratch *s)
{
    const uint8_t *t = w->data + ((size_t)expert * w->tiles + tile) * w->tile_bytes;
    uint8_t *f32 = s->tile;
    if (w->borrowed) {
        const void *at[HZ_TILE];
        uint32_t first = tile * HZ_TILE, n = HZ_MIN(w->rows - first, (uint32_t)HZ_TILE);
        for (uint32_t i = 0; i < n; i++)
            at[i] = w->data + ((size_t)expert * w->rows + first + i) * w->row_bytes;
        w->linear->pack(at, n, w->cols, s->tile);
        t = s->tile;
        f32 = s->tile + hz_align(w->tile_bytes, 64);
    }
    if (!hz_made_f32(w))
        return t;
    hz_tile_to_f32(w->linear, t, w->cols, (float *)(void *)f32);
    return f32;
}

static hz_mul_fn *mul_of(const struct hz_exec *x, const struct hz_packed *w, enum hz_xform form)
{
    if (form != HZ_X_F32)
        return w->linear->mul;
    return hz_made_f32(w) ? x->kern->linear[HZ_F32].mul : w->linear->mul_f32;
}

/* y (rows of the panel's blocks first .. end-1, 16 columns) = panel times tile. */
static void tile_product(struct hz_exec *x, const struct hz_packed *w, uint32_t expert, uint32_t tile,
                         const struct hz_panel *panel, uint32_t first, uint32_t end, float *y, size_t ldy, int thread)
{
    const uint8_t *t = tile_ready(w, expert, tile, &x->scratch[thread]);
    hz_mul_fn *mul = mul_of(x, w, panel->form);
    for (uint32_t b = first; b < end; b++)
        mul(t, w->cols, panel, b, y + (size_t)(b - first) * panel->at_once * ldy, ldy);
}

/* Rows of x in the panel's blocks first .. end-1, and the number of the first one. */
static uint32_t rows_in(const struct hz_exec *x, const struct hz_panel *panel, uint32_t first, uint32_t end,
                        uint32_t *row)
{
    uint32_t planes = x->planes[panel->form], from = first * panel->at_once;
    *row = from / planes;
    return (HZ_MIN(panel->n, end * panel->at_once) - from) / planes;
}

/* Adds 16 columns of a bias to rows of y. */
static void add_bias(const float *bias, uint32_t n, float *y, size_t ldy, uint32_t rows)
{
    for (uint32_t r = 0; r < rows; r++)
        for (uint32_t i = 0; i < n; i++)
            y[r * ldy + i] += bias[i];
}

/* The bias of an op's tile: *n of its columns, or NULL. */
static const float *bias_of(const struct hz_exec *x, const struct hz_op *op, uint32_t expert, uint32_t tile,
                            uint32_t *n)
{
    if (op->n_weights < 2)
        return NULL;
    const struct hz_packed *b = x->packed[op->weight[1]];
    *n = HZ_MIN(b->cols - tile * HZ_TILE, (uint32_t)HZ_TILE);
    return b->vector + (size_t)expert * b->cols + tile * HZ_TILE;
}

/* The op's result for rows of x in blocks first .. end-1: products of a row and its residual added up, bias added. */
static void linear_with_bias(struct hz_exec *x, const struct hz_op *op, uint32_t expert, uint32_t tile,
                             const struct hz_panel *panel, uint32_t first, uint32_t end, float *y, size_t ldy,
                             int thread)
{
    uint32_t n = 0, row, rows = rows_in(x, panel, first, end, &row);
    const struct hz_packed *w = x->packed[op->weight[0]];
    const float *bias = bias_of(x, op, expert, tile, &n), *fold = x->scratch[thread].fold;
    if (x->planes[panel->form] == 1) {
        tile_product(x, w, expert, tile, panel, first, end, y, ldy, thread);
    } else {
        tile_product(x, w, expert, tile, panel, first, end, x->scratch[thread].fold, HZ_TILE, thread);
        for (uint32_t r = 0; r < rows; r++, fold += 2 * HZ_TILE)
            for (uint32_t i = 0; i < HZ_TILE; i++)
                y[r * ldy + i] = fold[i] + fold[HZ_TILE + i];
    }
    if (bias)
        add_bias(bias, n, y, ldy, rows);
}

/* Rows first .. of a tile's result, from a thread's buffer to where they belong; order: which row each one is. */
static void scatter(struct hz_exec *x, uint32_t value, uint32_t tile, const float *from, uint32_t first, uint32_t rows,
                    const uint32_t *order)
{
    struct hz_operand out = {value, tile * HZ_TILE, HZ_TILE};
    for (uint32_t r = 0; r < rows; r++)
        memcpy(hz_at(x, out, order ? order[first + r] : first + r), from + r * HZ_TILE, HZ_TILE * sizeof(float));
}

/* act(gate) * up of one tile for the panel's blocks first .. end-1. */
static void gated_tile(struct hz_exec *x, const struct hz_step *s, uint32_t expert, uint32_t tile,
                       const struct hz_panel *panel, uint32_t first, uint32_t end, const uint32_t *order, int thread)
{
    struct hz_scratch *t = &x->scratch[thread];
    uint32_t row, rows = rows_in(x, panel, first, end, &row);
    linear_with_bias(x, &s->ops[0], expert, tile, panel, first, end, t->gate, HZ_TILE, thread);
    linear_with_bias(x, &s->ops[1], expert, tile, panel, first, end, t->up, HZ_TILE, thread);
    x->kern->glu(s->ops[2].u.glu.act, t->gate, t->up, t->gate, rows * HZ_TILE);
    scatter(x, s->ops[2].out, tile, t->gate, row, rows, order);
}

uint32_t hz_linear_chunks(struct hz_exec *x, const struct hz_step *s)
{
    return hz_axis_rows(x, s->axis) ? s->n_tiles : 0;
}

void hz_linear_run(struct hz_exec *x, const struct hz_step *s, int thread, uint32_t chunk)
{
    const struct hz_tiles *t = &s->tiles[chunk];
    const struct hz_op *op = &s->ops[t->which];
    const struct hz_packed *w = x->packed[op->weight[0]];
    const struct hz_panel *panel = &x->panels[s->panel[hz_wants(x, w)]];
    uint32_t blocks = hz_panel_blocks(panel), per = blocks;
    /* A tile that must be converted first is converted once for all rows; else pieces of the panel come first. */
    if (!w->borrowed && !hz_made_f32(w)) {
        size_t bytes = x->kern->panel_bytes(panel->form, panel->k, panel->at_once);
        per = (uint32_t)HZ_MAX(PANEL_BYTES / bytes, 1);
        per = (per + 1) / 2 * 2; /* so that no row is parted from its residual */
    }
    for (uint32_t b = 0; b < blocks; b += per) {
        uint32_t end = HZ_MIN(b + per, blocks);
        for (uint32_t i = t->first; i < t->first + t->count; i++) {
            if (s->gated) {
                gated_tile(x, s, 0, i, panel, b, end, NULL, thread);
                continue;
            }
            struct hz_operand out = {op->out, i * HZ_TILE, HZ_TILE};
            uint32_t row;
            rows_in(x, panel, b, end, &row);
            linear_with_bias(x, op, 0, i, panel, b, end, hz_at(x, out, row),
                             hz_row_stride(x->plan->values[op->out].width), thread);
        }
    }
}

/* ---- panels of rows that no row step has put already ----------------------------------------- */

enum { PUT_ROWS = 4 }; /* rows a chunk puts: whole blocks on no rung, but bytes of other rows are never written */

void hz_put_row(struct hz_exec *x, const struct hz_panel *panel, uint32_t row, const float *in, int thread)
{
    if (x->planes[panel->form] == 1) {
        x->kern->panel_put(panel, row, in);
        return;
    }
    float *residual = x->scratch[thread].residual;
    x->kern->panel_put(panel, 2 * row, in);
    hz_panel_residual(panel, 2 * row, in, residual);
    x->kern->panel_put(panel, 2 * row + 1, residual);
}

void hz_begin_puts(struct hz_exec *x, const struct hz_step *s)
{
    for (uint32_t i = 0; i < s->n_puts; i++) {
        const struct hz_put *p = &s->puts[i];
        bool outputs = x->plan->values[p->x.value].rows == HZ_ROWS_OUTPUTS;
        uint32_t n = hz_axis_rows(x, outputs ? HZ_ROWS_OUTPUTS : HZ_ROWS_TOKENS);
        x->panels[p->panel] =
            hz_panel_over(x->kern, p->form, p->x.cols, n * x->planes[p->form], x->panel_data[p->form]);
    }
}

uint32_t hz_put_chunks(struct hz_exec *x, const struct hz_step *s)
{
    hz_begin_puts(x, s);
    return (hz_axis_rows(x, s->axis) + PUT_ROWS - 1) / PUT_ROWS;
}

void hz_put_run(struct hz_exec *x, const struct hz_step *s, int thread, uint32_t chunk)
{
    uint32_t end = HZ_MIN((chunk + 1) * PUT_ROWS, hz_axis_rows(x, s->axis));
    for (uint32_t r = chunk * PUT_ROWS; r < end; r++)
        for (uint32_t i = 0; i < s->n_puts; i++)
            hz_put_row(x, &x->panels[s->puts[i].panel], r, hz_at(x, s->puts[i].x, r), thread);
}

/* ---- experts --------------------------------------------------------------------------------- */

static struct hz_panel expert_panel(const struct hz_exec *x, uint32_t expert)
{
    const struct hz_moe *m = &x->moe;
    uint32_t n = m->start[expert + 1] - m->start[expert];
    return hz_panel_over(x->kern, m->form, m->k_cols, n * x->planes[m->form], m->panels + m->panel_at[expert]);
}

uint32_t hz_one_chunk(struct hz_exec *x, const struct hz_step *s)
{
    (void)x, (void)s;
    return 1;
}

/* Orders the batch's pairs by expert (stable: a row's place does not matter to its result). One thread: a counting sort
 * of at most a few thousand numbers. */
void hz_moe_sort_run(struct hz_exec *x, const struct hz_step *s, int thread, uint32_t chunk)
{
    (void)thread, (void)chunk;
    struct hz_moe *m = &x->moe;
    const struct hz_op *op = &s->ops[0];
    const struct hz_packed *w = x->packed[op->weight[0]];
    uint32_t k = op->u.moe.k, pairs = x->batch->n_rows * k;
    m->experts = w->experts;
    m->form = hz_wants(x, w);
    m->k_cols = w->cols;
    memset(m->start, 0, (w->experts + 1) * sizeof *m->start);
    for (uint32_t p = 0; p < pairs; p++)
        m->start[1 + (uint32_t)hz_at(x, op->in[1], p / k)[p % k]]++;
    size_t at = 0;
    for (uint32_t e = 0; e < w->experts; e++) {
        uint32_t n = m->start[e + 1];
        m->panel_at[e] = at;
        at += n ? hz_align(x->kern->panel_bytes(m->form, m->k_cols, n * x->planes[m->form]), 64) : 0;
        m->start[e + 1] += m->start[e];
    }
    for (uint32_t p = pairs; p-- > 0;) {
        uint32_t e = (uint32_t)hz_at(x, op->in[1], p / k)[p % k];
        m->order[--m->start[e + 1]] = p;
        m->place[p] = m->start[e + 1];
    }
    /* Filling from behind moved each end to its expert's beginning: the ends are the next expert's beginnings. */
    for (uint32_t e = 0; e < w->experts; e++)
        m->start[e] = m->start[e + 1];
    m->start[w->experts] = pairs;
}

uint32_t hz_moe_put_chunks(struct hz_exec *x, const struct hz_step *s)
{
    return (x->batch->n_rows * s->ops[0].u.moe.k + PUT_ROWS - 1) / PUT_ROWS;
}

void hz_moe_put_run(struct hz_exec *x, const struct hz_step *s, int thread, uint32_t chunk)
{
    const struct hz_op *op = &s->ops[0];
    uint32_t k = op->u.moe.k, end = HZ_MIN((chunk + 1) * PUT_ROWS, x->batch->n_rows * k);
    bool pairs = x->plan->values[op->in[0].value].rows == HZ_ROWS_PAIRS;
    for (uint32_t p = chunk * PUT_ROWS; p < end; p++) {
        uint32_t e = (uint32_t)hz_at(x, op->in[1], p / k)[p % k];
        struct hz_panel panel = expert_panel(x, e);
        hz_put_row(x, &panel, x->moe.place[p] - x->moe.start[e], hz_at(x, op->in[0], pairs ? p : p / k), thread);
    }
}

uint32_t hz_moe_chunks(struct hz_exec *x, const struct hz_step *s)
{
    return x->batch->n_rows ? s->n_tiles : 0;
}

void hz_moe_run(struct hz_exec *x, const struct hz_step *s, int thread, uint32_t chunk)
{
    const struct hz_tiles *t = &s->tiles[chunk];
    const struct hz_op *op = &s->ops[t->which];
    const uint32_t *order = x->moe.order + x->moe.start[t->expert];
    if (x->moe.start[t->expert] == x->moe.start[t->expert + 1])
        return;
    struct hz_panel panel = expert_panel(x, t->expert);
    uint32_t blocks = hz_panel_blocks(&panel);
    for (uint32_t i = t->first; i < t->first + t->count; i++) {
        if (s->gated) {
            gated_tile(x, s, t->expert, i, &panel, 0, blocks, order, thread);
            continue;
        }
        linear_with_bias(x, op, t->expert, i, &panel, 0, blocks, x->scratch[thread].gate, HZ_TILE, thread);
        scatter(x, op->out, i, x->scratch[thread].gate, 0, panel.n / x->planes[panel.form], order);
    }
}
