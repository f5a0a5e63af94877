/* check_plan.c - every op, and every run that the CPU backend fuses, as small plans through backend.h.
 *
 * Each case is a plan over two tables of random values. The rung under check, with fusion and threads, must agree with
 * plain C run op by op on one thread; and with itself, bit for bit, whatever the batch, the chunks and the threads. */
#include "backend/backend.h"
#include "kcheck/kcheck.h"
#include "quant/half.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VOCAB = 32, SEQS = 3, MAX_ROWS = 800, MAX_PAGES = 32 };

/* ---- weights made up on the spot ------------------------------------------------------------- */

struct made {
    enum hz_dtype type;
    uint32_t rows, cols;
    size_t row_bytes;
    uint8_t *data;
};

static hz_status read_rows(void *user, uint32_t first, uint32_t n, const void **at, void *scratch, struct hz_error *err)
{
    const struct made *m = user;
    (void)scratch, (void)err;
    for (uint32_t i = 0; i < n; i++)
        at[i] = m->data + (size_t)(first + i) * m->row_bytes;
    return HZ_OK;
}

/* Rows of the type: dense ones are normal; quantized ones are quantized normal values where there is a quantizer. */
static void make_weight(struct kc *c, const struct hz_weight *w, enum hz_dtype type, struct made *m)
{
    float *row = hz_alloc_aligned(w->cols * sizeof *row);
    *m = (struct made){type, w->rows, w->cols, (size_t)hz_dtype_row_bytes(type, w->cols), NULL};
    m->data = hz_alloc_aligned(m->row_bytes * m->rows);
    for (uint32_t r = 0; r < m->rows; r++) {
        uint8_t *out = m->data + r * m->row_bytes;
        for (uint32_t i = 0; i < w->cols; i++)
            row[i] = kc_normal(c) * (w->uses & HZ_USE_VECTOR || w->uses == HZ_USE_EMBED ? 1 : 0.1f);
        for (uint32_t i = 0; i < w->cols; i++) {
            uint16_t half = type == HZ_BF16 ? hz_f32_bf16(row[i]) : hz_f32_f16(row[i]);
            if (type == HZ_F32)
                memcpy(out + 4 * i, &row[i], 4);
            else if (type == HZ_BF16 || type == HZ_F16)
                memcpy(out + 2 * i, &half, 2);
        }
        if (hz_dtype_info(type)->block > 1)
            hz_quantize_c(type)(row, out, w->cols);
    }
    hz_free_aligned(row, w->cols * sizeof *row);
}

/* ---- cases ----------------------------------------------------------------------------------- */

struct sketch { /* what a case builds with */
    struct hz_plan *p;
    enum hz_dtype type;  /* of its matrices */
    struct hz_operand x; /* [TOKENS, width] */
    uint32_t width;
};

struct plan_case {
    const char *name;
    struct hz_operand (*build)(struct sketch *s);
    uint32_t width;
    enum hz_dtype type;
    double
        tolerance;   /* of the largest value; an int8 code that flips between rungs moves a sum by 1/127 of a product */
    uint32_t length; /* tokens of the longest sequence */
};

static uint32_t vector(struct sketch *s, uint32_t n, uint32_t experts)
{
    struct hz_piece piece = {.tensor = "v", .count = n};
    struct hz_weight w = {
        "v", HZ_MAX(experts, 1), n, experts, HZ_USE_VECTOR | (experts ? HZ_USE_EXPERTS : 0), &piece, 1, 0.5f};
    return hz_plan_weight(s->p, &w);
}

static uint32_t matrix(struct sketch *s, uint32_t rows, uint32_t cols, uint32_t experts, unsigned uses)
{
    struct hz_piece piece = {.tensor = "m", .count = rows};
    struct hz_weight w = {"m", rows, cols, experts, uses | (experts ? HZ_USE_EXPERTS : 0), &piece, 1, 0};
    return hz_plan_weight(s->p, &w);
}

static uint32_t rope_table(struct sketch *s, uint32_t rot)
{
    float freq[64];
    for (uint32_t i = 0; i < rot / 2; i++)
        freq[i] = powf(10000, -2 * (float)i / (float)rot);
    struct hz_rope r = {.rot = rot, .n_variants = 1, .inv_freq = {freq}, .scale = {1.1f}};
    return hz_plan_rope(s->p, &r);
}

static struct hz_operand build_embed(struct sketch *s)
{
    return hz_op_add(s->p, s->x, hz_op_embed(s->p, matrix(s, MAX_ROWS, s->width, 0, HZ_USE_EMBED), HZ_BY_POSITION), 1,
                     0.5f);
}

static struct hz_operand build_norms(struct sketch *s)
{
    struct hz_operand a = hz_op_norm(s->p, s->x, HZ_NORM_RMS, 1e-5f, 0, vector(s, s->width, 0), HZ_NONE);
    a = hz_op_norm(s->p, a, HZ_NORM_LAYER, 1e-5f, 0, vector(s, s->width, 0), vector(s, s->width, 0));
    a = hz_op_norm(s->p, a, HZ_NORM_RMS, 1e-6f, s->width / 4, vector(s, s->width / 4, 0), HZ_NONE);
    a = hz_op_norm(s->p, a, HZ_NORM_LAYER, 1e-6f, 0, HZ_NONE, HZ_NONE);
    return hz_op_norm(s->p, a, HZ_NORM_L2, 1e-6f, s->width / 2, HZ_NONE, HZ_NONE);
}

static struct hz_operand build_pointwise(struct sketch *s)
{
    struct hz_operand a = s->x;
    for (int act = 0; act < HZ_ACTS; act++)
        a = hz_op_add(s->p, a, hz_op_act(s->p, s->x, (enum hz_act)act), 1, 0.25f);
    for (int act = 0; act < HZ_ACTS; act++)
        a = hz_op_add(s->p, a, hz_op_glu(s->p, s->x, a, (enum hz_act)act), 0.5f, 0.25f);
    a = hz_op_scale(s->p, a, 0.7f, 2.5f);
    return hz_op_softcap(s->p, a, 3);
}

static struct hz_operand build_linear(struct sketch *s)
{
    return hz_op_linear(s->p, s->x, matrix(s, 50, s->width, 0, HZ_USE_LINEAR), vector(s, 50, 0));
}

static struct hz_operand build_tied(struct sketch *s)
{
    uint32_t w = matrix(s, MAX_ROWS, s->width, 0, HZ_USE_LINEAR | HZ_USE_EMBED);
    return hz_op_linear(s->p, hz_op_add(s->p, s->x, hz_op_embed(s->p, w, HZ_BY_POSITION), 1, 1), w, HZ_NONE);
}

static struct hz_operand build_linears(struct sketch *s)
{
    struct hz_operand x = hz_op_norm(s->p, s->x, HZ_NORM_RMS, 1e-5f, 0, vector(s, s->width, 0), HZ_NONE);
    struct hz_operand a = hz_op_linear(s->p, x, matrix(s, 64, s->width, 0, HZ_USE_LINEAR), HZ_NONE);
    struct hz_operand b = hz_op_linear(s->p, x, matrix(s, 32, s->width, 0, HZ_USE_LINEAR), HZ_NONE);
    struct hz_operand d = hz_op_linear(s->p, x, matrix(s, 96, s->width, 0, HZ_USE_LINEAR), HZ_NONE);
    a = hz_op_add(s->p, a, hz_cols(d, 32, 64), 1, 1);
    return hz_op_add(s->p, hz_cols(a, 16, 32), b, 1, -1);
}

static struct hz_operand build_gated(struct sketch *s)
{
    struct hz_operand g = hz_op_linear(s->p, s->x, matrix(s, 256, s->width, 0, HZ_USE_LINEAR), vector(s, 256, 0));
    struct hz_operand u = hz_op_linear(s->p, s->x, matrix(s, 256, s->width, 0, HZ_USE_LINEAR), HZ_NONE);
    struct hz_operand h = hz_op_glu(s->p, g, u, HZ_ACT_SILU);
    return hz_op_linear(s->p, h, matrix(s, 33, 256, 0, HZ_USE_LINEAR), HZ_NONE);
}

static struct hz_operand attention(struct sketch *s, uint32_t heads, uint32_t kv, uint32_t hd, uint32_t window,
                                   float cap, bool pairs)
{
    uint32_t table = rope_table(s, hd / 2);
    struct hz_operand q = hz_op_linear(s->p, s->x, matrix(s, heads * hd, s->width, 0, HZ_USE_LINEAR), HZ_NONE);
    struct hz_operand k = hz_op_linear(s->p, s->x, matrix(s, kv * hd, s->width, 0, HZ_USE_LINEAR), HZ_NONE);
    struct hz_operand v = hz_op_linear(s->p, s->x, matrix(s, kv * hd, s->width, 0, HZ_USE_LINEAR), HZ_NONE);
    q = hz_op_norm(s->p, q, HZ_NORM_RMS, 1e-6f, hd, vector(s, hd, 0), HZ_NONE);
    q = hz_op_rope(s->p, q, table, hd, pairs ? hd / 4 : 0, pairs);
    k = hz_op_rope(s->p, k, table, hd, pairs ? hd / 4 : 0, pairs);
    struct hz_attention a = {heads, kv, hd, hd, window, 1 / sqrtf((float)hd), cap};
    return hz_op_attention(s->p, q, k, v, &a);
}

static struct hz_operand build_attention(struct sketch *s)
{
    return attention(s, 6, 2, 32, 0, 0, false);
}

static struct hz_operand build_window(struct sketch *s)
{
    struct hz_operand a = attention(s, 4, 4, 16, 40, 20, true);
    s->x = hz_op_linear(s->p, a, matrix(s, s->width, 64, 0, HZ_USE_LINEAR), HZ_NONE);
    return hz_op_add(s->p, a, attention(s, 4, 4, 16, 0, 0, true), 1, 1);
}

static struct hz_operand build_experts(struct sketch *s)
{
    enum { E = 6, K = 2 };
    struct hz_operand r = hz_op_linear(s->p, s->x, matrix(s, E, s->width, 0, HZ_USE_LINEAR), HZ_NONE);
    r = hz_op_route(s->p, r, K, true, 1.5f);
    struct hz_operand g =
        hz_op_moe_linear(s->p, s->x, r, K, matrix(s, E * 64, s->width, E, HZ_USE_LINEAR), vector(s, 64, E));
    struct hz_operand u = hz_op_moe_linear(s->p, s->x, r, K, matrix(s, E * 64, s->width, E, HZ_USE_LINEAR), HZ_NONE);
    struct hz_operand h = hz_op_glu(s->p, g, u, HZ_ACT_SILU);
    struct hz_operand d = hz_op_moe_linear(s->p, h, r, K, matrix(s, E * 40, 64, E, HZ_USE_LINEAR), vector(s, 40, E));
    return hz_op_combine(s->p, d, r, K);
}

/* ---- running --------------------------------------------------------------------------------- */

struct machine {
    struct hz_device *dev;
    struct hz_plan *plan;
    struct hz_packed **packed;
    struct hz_exec *exec;
    struct hz_buffer *pool;
    uint32_t n_blocks;
    void *block;
    struct hz_batch_limits limits;
};

static const struct hz_backend *const cpu = &hz_backend_cpu;

static void machine_free(struct machine *m)
{
    cpu->discard(m->exec);
    for (uint32_t i = 0; m->packed && i < m->plan->n_weights; i++)
        cpu->unpack(m->dev, m->packed[i]);
    free(m->packed);
    if (m->pool)
        cpu->free(m->dev, m->pool);
    if (m->dev)
        cpu->close(m->dev);
    hz_plan_free(m->plan);
    hz_free_aligned(m->block, hz_batch_bytes(&m->limits));
    memset(m, 0, sizeof *m);
}

static hz_status machine_make(struct kc *c, const struct plan_case *pc, const char *rung, int threads, bool fuse,
                              enum hz_precision precision, struct machine *m, struct hz_error *err)
{
    struct hz_device_options dev = {threads, rung};
    struct kc fixed = *c; /* the same weights for every machine of a case */
    uint64_t block_bytes;
    memset(m, 0, sizeof *m);
    m->limits = (struct hz_batch_limits){MAX_ROWS, SEQS, MAX_ROWS, SEQS * MAX_PAGES * 8};
    struct sketch s = {hz_plan_new("case"), pc->type, {0}, pc->width};
    m->plan = s.p;
    s.x = hz_op_embed(s.p, matrix(&s, VOCAB, pc->width, 0, HZ_USE_EMBED), HZ_BY_ID);
    hz_plan_finish(s.p, hz_op_take_outputs(s.p, pc->build(&s)), pc->width);
    HZ_TRY(cpu->open(&dev, &m->dev, err));
    HZ_TRY(hz_plan_check(s.p, err));
    if (!s.p->n_groups) { /* a plan needs a cache to be split: give the ones without attention a token one */
        m->n_blocks = 1;
        block_bytes = 64;
    } else {
        HZ_TRY(hz_plan_split_groups(s.p, cpu->kv_bytes[precision], &block_bytes, err));
        m->n_blocks = 1 + SEQS * s.p->n_groups * MAX_PAGES;
    }
    HZ_TRY(hz_plan_group(s.p, fuse ? cpu->fusions : 0, err));
    HZ_TRY(hz_plan_buffers(s.p, err));
    HZ_TRY(cpu->alloc(m->dev, m->n_blocks * block_bytes, &m->pool, err));
    m->packed = calloc(s.p->n_weights, sizeof *m->packed);
    for (uint32_t i = 0; i < s.p->n_weights; i++) {
        const struct hz_weight *w = &s.p->weights[i];
        struct made made;
        uint64_t bytes;
        bool f32 = w->uses & HZ_USE_VECTOR || w->cols % hz_dtype_info(pc->type)->block || w->uses == HZ_USE_EMBED;
        make_weight(&fixed, w, f32 ? HZ_F32 : pc->type, &made);
        struct hz_row_source rows = {made.type, made.rows, made.cols, read_rows, NULL, &made, NULL};
        struct hz_pack_options options = {precision, false};
        hz_status status = cpu->pack(m->dev, w, &rows, &options, &m->packed[i], &bytes, err);
        hz_free_aligned(made.data, made.row_bytes * made.rows);
        HZ_TRY(status);
    }
    struct hz_compile_options options = {precision, m->limits, SEQS, {m->pool, 0}, block_bytes, m->n_blocks};
    m->block = hz_alloc_aligned(hz_batch_bytes(&m->limits));
    return cpu->compile(m->dev, s.p, m->packed, &options, &m->exec, err);
}

/* One step: n[q] tokens of each sequence after done[q]; results go to out[q] row by row. */
static hz_status step(struct machine *m, const uint32_t *done, const uint32_t *n, float *const *out,
                      struct hz_error *err)
{
    struct hz_batch *b = hz_batch_init(m->block, &m->limits);
    uint32_t groups = m->plan->n_groups, width = m->plan->n_vocab;
    for (uint32_t q = 0; q < SEQS; q++) {
        if (!n[q])
            continue;
        struct hz_batch_seq *s = &hz_batch_seqs(b)[b->n_seqs];
        *s = (struct hz_batch_seq){.first_row = b->n_rows,
                                   .n_rows = n[q],
                                   .before = done[q],
                                   .slot = q,
                                   .tables = b->n_pages,
                                   .n_pages = (done[q] + n[q] + HZ_PAGE_TOKENS - 1) / HZ_PAGE_TOKENS};
        for (uint32_t g = 0; g < groups; g++)
            for (uint32_t p = 0; p < s->n_pages; p++) /* scattered over the pool */
                hz_batch_pages(b)[b->n_pages++] = 1 + (q * groups + g) * MAX_PAGES + (p * 7 + q) % MAX_PAGES;
        for (uint32_t i = 0; i < n[q]; i++) {
            uint32_t index = done[q] + i;
            hz_batch_rows(b)[b->n_rows] =
                (struct hz_batch_row){.id = (int32_t)((index * 13 + q * 5 + index / 7) % VOCAB),
                                      .from_slot = HZ_NONE,
                                      .seq = b->n_seqs,
                                      .index = index,
                                      .position = {index, index, index},
                                      .wanted = HZ_WANTED_LOGITS};
            hz_batch_outputs(b)[b->n_outputs++] = b->n_rows++;
        }
        b->n_seqs++;
    }
    hz_ticket ticket;
    HZ_TRY(cpu->run(m->exec, b, &ticket, err));
    HZ_TRY(cpu->wait(m->exec, ticket, err));
    struct hz_place logits = cpu->logits(m->exec);
    size_t row_bytes = hz_row_stride(width) * sizeof(float);
    for (uint32_t i = 0, q = 0; q < SEQS; q++)
        for (uint32_t r = 0; r < n[q]; r++, i++) {
            struct hz_place at = {logits.buffer, logits.offset + i * row_bytes};
            HZ_TRY(cpu->download(m->dev, at, out[q] + (size_t)(done[q] + r) * width, width * sizeof(float), err));
        }
    return HZ_OK;
}

/* All sequences, in steps of at most `chunk` tokens of each (0: whole). */
static hz_status run_all(struct machine *m, const uint32_t *length, uint32_t chunk, float *const *out,
                         struct hz_error *err)
{
    uint32_t done[SEQS] = {0}, n[SEQS];
    for (bool more = true; more;) {
        more = false;
        for (uint32_t q = 0; q < SEQS; q++) {
            n[q] = chunk ? HZ_MIN(chunk, length[q] - done[q]) : length[q] - done[q];
            more |= n[q] > 0;
        }
        if (!more)
            break;
        HZ_TRY(step(m, done, n, out, err));
        for (uint32_t q = 0; q < SEQS; q++)
            done[q] += n[q];
    }
    return HZ_OK;
}

static void check_case(struct kc *c, const struct plan_case *pc, enum hz_precision precision)
{
    uint32_t length[SEQS] = {pc->length, 21, 1}, chunks[] = {0, 1, 7, 16};
    float *ref[SEQS], *whole[SEQS], *cut[SEQS];
    struct machine m = {0};
    struct hz_error err = {0};
    char where[64];
    snprintf(where, sizeof where, "%s %s %s", pc->name, hz_dtype_info(pc->type)->name,
             precision == HZ_EXACT ? "exact" : "fast");
    c->where = where;
    for (int q = 0; q < SEQS; q++) {
        size_t n = (size_t)pc->length * MAX_ROWS;
        ref[q] = calloc(n, sizeof **ref);
        whole[q] = calloc(n, sizeof **whole);
        cut[q] = calloc(n, sizeof **cut);
    }
    uint32_t width = 0;
    double top = 0, worst = 0;
    if (machine_make(c, pc, "c", 1, false, precision, &m, &err) != HZ_OK ||
        run_all(&m, length, 0, ref, &err) != HZ_OK) {
        kc_fail(c, "reference: %s", err.text);
        goto done;
    }
    width = m.plan->n_vocab;
    machine_free(&m);
    for (int threads = 1; threads <= 3; threads++) {
        if (machine_make(c, pc, c->kern->name, threads, true, precision, &m, &err) != HZ_OK) {
            kc_fail(c, "%s", err.text);
            goto done;
        }
        for (size_t k = 0; k < HZ_COUNT(chunks); k++) {
            float **out = threads == 1 && k == 0 ? whole : cut;
            if (run_all(&m, length, chunks[k], out, &err) != HZ_OK) {
                kc_fail(c, "chunks of %u: %s", chunks[k], err.text);
                goto done;
            }
            for (int q = 0; out == cut && q < SEQS; q++)
                if (memcmp(whole[q], cut[q], (size_t)length[q] * width * sizeof(float)))
                    kc_fail(c, "sequence %d in chunks of %u on %d threads has other bits", q, chunks[k], threads);
        }
        machine_free(&m);
    }
    for (int q = 0; q < SEQS; q++)
        for (size_t i = 0; i < (size_t)length[q] * width; i++) {
            top = fmax(top, fabs(ref[q][i]));
            worst = fmax(worst, isfinite(whole[q][i]) ? fabs((double)ref[q][i] - whole[q][i]) : INFINITY);
        }
    if (!(worst <= pc->tolerance * top) || top == 0)
        kc_fail(c, "differs from plain C by %.2g of %.2g (allowed %.2g of it)", worst, top, pc->tolerance);
done:
    machine_free(&m);
    for (int q = 0; q < SEQS; q++) {
        free(ref[q]);
        free(whole[q]);
        free(cut[q]);
    }
}

void kc_check_plan(struct kc *c)
{
    static const struct plan_case cases[] = {
        {"embed", build_embed, 64, HZ_F32, 1e-6, 50},
        {"norms", build_norms, 96, HZ_F32, 1e-5, 50},
        {"pointwise", build_pointwise, 100, HZ_F32, 1e-5, 50},
        {"linear", build_linear, 70, HZ_F32, 1e-5, 50},
        {"linear", build_linear, 70, HZ_BF16, 1e-5, 50},
        {"linear", build_linear, 512, HZ_Q8_0, 1e-5, 50},
        {"tied", build_tied, 64, HZ_F16, 1e-5, 50},
        {"tied", build_tied, 64, HZ_Q4_1, 1e-5, 50},
        {"linears", build_linears, 256, HZ_BF16, 1e-2, 50},
        {"linears", build_linears, 256, HZ_Q4_0, 2e-2, 50},
        {"gated", build_gated, 256, HZ_Q8_0, 2e-2, 50},
        {"gated", build_gated, 1280, HZ_Q4_0, 3e-2, 30}, /* wide: one int8 row for each row of x */
        {"gated", build_gated, 64, HZ_F32, 1e-5, 50},
        {"gated", build_gated, 1056, HZ_BF16, 1e-2, 30}, /* wide: x in bf16 on the rungs that multiply it */
        {"attention", build_attention, 64, HZ_F32, 2e-3,
         750}, /* f16 caches round values that differ in their last bits */
        {"window", build_window, 64, HZ_F32, 2e-3, 150},
        {"experts", build_experts, 64, HZ_F32, 1e-5, 50},
        {"experts", build_experts, 64, HZ_Q8_0, 2e-2, 50},
        {"experts", build_experts, 1056, HZ_BF16, 1e-2, 30},
    };
    for (size_t i = 0; i < HZ_COUNT(cases); i++) {
        check_case(c, &cases[i], HZ_FAST);
        struct plan_case exact = cases[i];
        exact.tolerance = 1e-5;
        check_case(c, &exact, HZ_EXACT);
    }
}
