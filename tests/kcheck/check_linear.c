/* check_linear.c - tiles, panels and products of every type.
 *
 * Packing must give back the published values bit for bit, panels the codes of plain C bit for bit, and a row alone the
 * bits it has among others. Products are held against plain C on the same panel (so the rounding of x is no excuse):
 * |error| <= 3e-6 * max|w| * sum|x|, a bound that one wrong code of a long row breaks; where x is not finite, neither
 * is the result. The product with x as f32 that a type may have beside its own has the bits of the tile made F32. */
#include "kcheck/kcheck.h"

#include "kern/c/panel_c.h"
#include "kern/panel.h"
#include "quant/half.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_N = 64 };

/* Where the f16 (Q8_K: f32) scale and min of a block lie; -1: none. */
static const struct {
    enum hz_dtype type;
    int d, m;
} scales_at[] = {{HZ_Q4_0, 0, -1}, {HZ_Q4_1, 0, 2},    {HZ_Q5_0, 0, -1},   {HZ_Q5_1, 0, 2},
                 {HZ_Q8_0, 0, -1}, {HZ_Q2_K, 80, 82},  {HZ_Q3_K, 108, -1}, {HZ_Q4_K, 0, 2},
                 {HZ_Q5_K, 0, 2},  {HZ_Q6_K, 208, -1}, {HZ_Q8_K, 0, -1}};

/* Any finite f16: zeros and subnormals of either sign among them. */
static uint16_t any_half(struct kc *c)
{
    uint16_t h = (uint16_t)kc_random(c);
    if ((h & 0x7c00) == 0x7c00)
        h &= 0xbfff;
    return kc_below(c, 4) ? h : h & 0x83ff;
}

static uint16_t random_half(struct kc *c)
{
    float sign = kc_below(c, 2) ? 1.0f : -1.0f;
    return hz_f32_f16(sign * (0.01f + 0.01f * fabsf(kc_uniform(c))));
}

/* Scales and mins of a row's blocks from `half`. */
static void put_scales(struct kc *c, enum hz_dtype type, uint32_t k, uint8_t *row, uint16_t (*half)(struct kc *))
{
    const struct hz_dtype_info *info = hz_dtype_info(type);
    for (size_t s = 0; s < HZ_COUNT(scales_at); s++)
        for (uint32_t b = 0; scales_at[s].type == type && b < k / info->block; b++) {
            uint8_t *block = row + (size_t)b * info->bytes;
            uint16_t d = half(c), m = half(c);
            float f = hz_f16_f32(d);
            memcpy(block + scales_at[s].d, type == HZ_Q8_K ? (void *)&f : (void *)&d, type == HZ_Q8_K ? 4 : 2);
            if (scales_at[s].m >= 0)
                memcpy(block + scales_at[s].m, &m, 2);
        }
}

/* A published row with random codes and scales that make no infinities. */
static void random_row(struct kc *c, enum hz_dtype type, uint32_t k, uint8_t *row)
{
    const struct hz_dtype_info *info = hz_dtype_info(type);
    if (info->block == 1) {
        for (uint32_t i = 0; i < k; i++) {
            float v = kc_normal(c);
            uint16_t h = type == HZ_F16 ? hz_f32_f16(v) : hz_f32_bf16(v);
            memcpy(row + (size_t)i * info->bytes, type == HZ_F32 ? (void *)&v : (void *)&h, info->bytes);
        }
        return;
    }
    for (size_t i = 0; i < hz_dtype_row_bytes(type, k); i++)
        row[i] = (uint8_t)kc_random(c);
    put_scales(c, type, k, row, random_half);
}

static void random_x(struct kc *c, uint32_t k, float *x)
{
    for (uint32_t i = 0; i < k; i++)
        x[i] = kc_normal(c) * (kc_below(c, 97) ? 1 : 30); /* outliers, as real activations have */
}

static bool same(const float *a, const float *b, size_t n)
{
    return !memcmp(a, b, n * sizeof *a);
}

/* ---- tiles ----------------------------------------------------------------------------------------------------- */

struct weight { /* one tile and what it was made of */
    enum hz_dtype type;
    uint32_t rows, k;
    uint8_t *published[HZ_TILE];
    float *values[HZ_TILE]; /* zeros in rows that are missing */
    uint8_t *tile;
};

static size_t tile_bytes(const struct kc *c, const struct weight *w)
{
    return hz_tile_bytes(&c->kern->linear[w->type], w->k);
}

static struct weight weight_new(struct kc *c, enum hz_dtype type, uint32_t rows, uint32_t k)
{
    struct weight w = {.type = type, .rows = rows, .k = k};
    size_t bytes = hz_dtype_row_bytes(type, k);
    const void *at[HZ_TILE] = {NULL};
    for (uint32_t r = 0; r < HZ_TILE; r++) {
        w.values[r] = calloc(k, sizeof(float));
        if (r >= rows)
            continue;
        at[r] = w.published[r] = kc_guard_alloc(bytes, 1);
        random_row(c, type, k, w.published[r]);
        hz_dequantize_c(type)(at[r], w.values[r], k);
    }
    w.tile = kc_guard_alloc(tile_bytes(c, &w), 64);
    c->kern->linear[type].pack(at, rows, k, w.tile);
    return w;
}

static void weight_free(const struct kc *c, struct weight *w)
{
    for (uint32_t r = 0; r < HZ_TILE; r++) {
        free(w->values[r]);
        if (w->published[r])
            kc_guard_free(w->published[r], hz_dtype_row_bytes(w->type, w->k), 1);
    }
    kc_guard_free(w->tile, tile_bytes(c, w), 64);
}

/* Row r of the tile is its published values bit for bit; zeros of either sign where it has none. */
static bool row_ok(const struct weight *w, uint32_t r, const float *row)
{
    for (uint32_t i = 0; r >= w->rows && i < w->k; i++)
        if (row[i] != 0)
            return false;
    return r >= w->rows || same(row, w->values[r], w->k);
}

static void check_tile(struct kc *c, const struct weight *w)
{
    const struct hz_linear_kern *linear = &c->kern->linear[w->type];
    float *row = kc_guard_alloc(w->k * sizeof *row, 4);
    for (uint32_t r = 0; r < HZ_TILE; r++) {
        linear->unpack(w->tile, r, w->k, row);
        if (!row_ok(w, r, row))
            kc_fail(c, "row %u of %u, k %u: unpacked values differ from the published ones", r, w->rows, w->k);
    }
    size_t bytes = hz_tile_bytes(&c->kern->linear[HZ_F32], w->k);
    uint8_t *dense = kc_guard_alloc(bytes, 64);
    hz_tile_to_f32(linear, w->tile, w->k, (float *)(void *)dense);
    for (uint32_t r = 0; r < HZ_TILE; r++) {
        c->kern->linear[HZ_F32].unpack(dense, r, w->k, row);
        if (!row_ok(w, r, row))
            kc_fail(c, "row %u, k %u: the tile as F32 differs", r, w->k);
    }
    kc_guard_free(dense, bytes, 64);
    kc_guard_free(row, w->k * sizeof *row, 4);
}

/* ---- panels ---------------------------------------------------------------------------------------------------- */

static struct hz_panel panel_new(const struct hz_kern *kern, enum hz_xform form, uint32_t k, uint32_t n, const float *x)
{
    struct hz_panel p = hz_panel_over(kern, form, k, n, kc_guard_alloc(kern->panel_bytes(form, k, n), 64));
    for (uint32_t i = n; i-- > 0;)
        kern->panel_put(&p, i, x + (size_t)i * k);
    return p;
}

static void panel_free(const struct hz_kern *kern, struct hz_panel *p)
{
    kc_guard_free(p->data, kern->panel_bytes(p->form, p->k, p->n), 64);
}

/* Rows that quantizing could trip over. */
static void odd_rows(struct kc *c, uint32_t k, uint32_t n, float *x)
{
    static const float odd[] = {0, -0.0f, 1e-45f, 1e-38f, 3e38f, INFINITY, -INFINITY, NAN, 0.5f, 127, 1e-30f};
    for (uint32_t r = 0; r < n; r++) {
        random_x(c, k, x + (size_t)r * k);
        for (uint32_t i = 0; r > 1 && i < k; i++)
            if (r == 2)
                x[(size_t)r * k + i] = (float)((int)kc_below(c, 255) - 127) + 0.5f; /* ties */
            else if (r == 3)
                x[(size_t)r * k + i] = i / 32 % 3 ? 0 : -0.0f;
            else if (!kc_below(c, 20))
                x[(size_t)r * k + i] = odd[kc_below(c, HZ_COUNT(odd))];
    }
    if (k > 32)
        x[40 % k] = 127, x[41 % k] = 126.5f; /* absmax 127: codes are the values, and ties are halves */
}

static void check_panel(struct kc *c, enum hz_xform form, uint32_t k, uint32_t n)
{
    float *x = kc_guard_alloc((size_t)n * k * sizeof *x, 4), *a = malloc(k * sizeof *a), *b = malloc(k * sizeof *b);
    odd_rows(c, k, n, x);
    struct hz_panel p = panel_new(c->kern, form, k, n, x), q = panel_new(c->ref, form, k, n, x);
    for (uint32_t r = 0; r < n; r++) {
        hz_panel_get(&p, r, 0, k, a);
        hz_panel_get(&q, r, 0, k, b);
        for (uint32_t i = 0; i < k; i++)
            if (hz_f32_bits(a[i]) != hz_f32_bits(b[i]) && !(a[i] != a[i] && b[i] != b[i])) {
                kc_fail(c, "x form %d, k %u, row %u of %u, column %u (%g): %g, in plain C %g", form, k, r, n, i,
                        (double)x[(size_t)r * k + i], (double)a[i], (double)b[i]);
                break;
            }
    }
    panel_free(c->kern, &p);
    panel_free(c->ref, &q);
    kc_guard_free(x, (size_t)n * k * sizeof *x, 4);
    free(a);
    free(b);
}

/* ---- products ---------------------------------------------------------------------------------------------------- */

/* All rows of a panel times one tile; y [n][ldy] must end where it ends. */
static void product(const struct hz_kern *kern, const struct weight *w, const struct hz_panel *p, float *y, size_t ldy)
{
    for (uint32_t b = 0; b < hz_panel_blocks(p); b++)
        kern->linear[w->type].mul(w->tile, w->k, p, b, y + (size_t)b * p->at_once * ldy, ldy);
}

static void check_against_c(struct kc *c, const struct weight *w, const struct hz_panel *p, const float *y, size_t ldy)
{
    float *want = calloc((size_t)p->n * HZ_TILE, sizeof *want), *v = malloc(w->k * sizeof *v), top[HZ_TILE] = {0};
    product(c->ref, w, p, want, HZ_TILE);
    for (uint32_t r = 0; r < HZ_TILE; r++)
        for (uint32_t i = 0; i < w->k; i++)
            top[r] = fmaxf(top[r], fabsf(w->values[r][i]));
    for (uint32_t t = 0; t < p->n; t++) {
        double sum = 0;
        hz_panel_get(p, t, 0, w->k, v);
        for (uint32_t i = 0; i < w->k; i++)
            sum += fabs((double)v[i]);
        for (uint32_t r = 0; r < HZ_TILE; r++) {
            double error = fabs((double)y[t * ldy + r] - (double)want[t * HZ_TILE + r]);
            if (isfinite(sum) ? !(error <= 3e-6 * sum * (double)top[r]) : isfinite(y[t * ldy + r]))
                kc_fail(c, "k %u, row %u of %u, weight row %u of %u: %g, in plain C %g", w->k, t, p->n, r, w->rows,
                        (double)y[t * ldy + r], (double)want[t * HZ_TILE + r]);
        }
    }
    free(want);
    free(v);
}

static void check_product(struct kc *c, const struct weight *w, uint32_t n, const float *x)
{
    enum hz_xform form = c->kern->linear[w->type].form;
    size_t ldy = HZ_TILE + kc_below(c, 3), floats = (n - 1) * ldy + HZ_TILE;
    struct hz_panel p = panel_new(c->kern, form, w->k, n, x);
    float *y = kc_guard_alloc(floats * sizeof *y, 4), alone[HZ_TILE];
    uint32_t before = hz_f32_bits(y[floats - 1]);
    product(c->kern, w, &p, y, ldy);
    for (uint32_t t = 0; t + 1 < n; t++)
        for (size_t i = HZ_TILE; i < ldy; i++)
            if (hz_f32_bits(y[t * ldy + i]) != before)
                kc_fail(c, "k %u, row %u of %u: written beyond 16 results", w->k, t, n);
    check_against_c(c, w, &p, y, ldy);
    for (uint32_t t = 0; t < n; t++) {
        struct hz_panel one = panel_new(c->kern, form, w->k, 1, x + (size_t)t * w->k);
        product(c->kern, w, &one, alone, HZ_TILE);
        if (!same(alone, y + t * ldy, HZ_TILE))
            kc_fail(c, "k %u: row %u alone differs from itself among %u", w->k, t, n);
        panel_free(c->kern, &one);
    }
    panel_free(c->kern, &p);
    kc_guard_free(y, floats * sizeof *y, 4);
}

/* mul_f32 against the F32 kernel on the same tile made F32. */
static void check_as_f32(struct kc *c, const struct weight *w, uint32_t n, const float *x)
{
    const struct hz_linear_kern *linear = &c->kern->linear[w->type], *f32 = &c->kern->linear[HZ_F32];
    size_t bytes = hz_tile_bytes(f32, w->k), floats = (size_t)n * HZ_TILE;
    struct hz_panel p = panel_new(c->kern, HZ_X_F32, w->k, n, x);
    uint8_t *dense = kc_guard_alloc(bytes, 64);
    float *y = kc_guard_alloc(floats * sizeof *y, 4), *want = calloc(floats, sizeof *want);
    hz_tile_to_f32(linear, w->tile, w->k, (float *)(void *)dense);
    for (uint32_t b = 0; b < hz_panel_blocks(&p); b++) {
        size_t at = (size_t)b * p.at_once * HZ_TILE;
        linear->mul_f32(w->tile, w->k, &p, b, y + at, HZ_TILE);
        f32->mul(dense, w->k, &p, b, want + at, HZ_TILE);
    }
    if (!same(y, want, floats))
        kc_fail(c, "k %u, %u rows as f32: other bits than of the tile as F32", w->k, n);
    panel_free(c->kern, &p);
    kc_guard_free(dense, bytes, 64);
    kc_guard_free(y, floats * sizeof *y, 4);
    free(want);
}

/* Scales that no product could take: tiles must hold and dequantize them all the same. */
static void check_any_scales(struct kc *c, enum hz_dtype type, uint32_t k)
{
    struct weight w = weight_new(c, type, 1 + kc_below(c, HZ_TILE), k);
    const void *at[HZ_TILE];
    for (uint32_t r = 0; r < w.rows; r++) {
        at[r] = w.published[r];
        put_scales(c, type, k, w.published[r], any_half);
        hz_dequantize_c(type)(at[r], w.values[r], k);
    }
    c->kern->linear[type].pack(at, w.rows, k, w.tile);
    check_tile(c, &w);
    weight_free(c, &w);
}

static void check_type(struct kc *c, enum hz_dtype type)
{
    static const float odd[] = {NAN, INFINITY, -INFINITY};
    static const uint32_t dense[] = {1, 2, 15, 31, 32, 33, 100, 257, 576}, blocks[] = {1, 2, 3, 5, 9};
    uint32_t block = hz_dtype_info(type)->block;
    size_t n_k = block == 1 ? HZ_COUNT(dense) : HZ_COUNT(blocks);
    for (size_t i = 0; i < n_k; i++) {
        uint32_t k = block == 1 ? dense[i] : blocks[i] * block;
        float *x = kc_guard_alloc((size_t)MAX_N * k * sizeof *x, 4);
        for (uint32_t t = 0; t < MAX_N; t++)
            random_x(c, k, x + (size_t)t * k);
        struct weight w = weight_new(c, type, i ? 1 + kc_below(c, HZ_TILE) : HZ_TILE, k);
        check_tile(c, &w);
        if (block > 1)
            check_any_scales(c, type, k);
        for (uint32_t n = 1; n <= MAX_N; n += n < 18 ? 1 : 1 + kc_below(c, 15))
            if (i == 0 || n < 4 || !kc_below(c, 4))
                check_product(c, &w, n, x);
        if (c->kern->linear[type].mul_f32)
            check_as_f32(c, &w, 1 + kc_below(c, 20), x);
        for (uint32_t t = 0; t < HZ_COUNT(odd); t++)
            x[(size_t)(2 * t + 1) * k + kc_below(c, k)] = odd[t];
        check_product(c, &w, 2 * HZ_COUNT(odd) + 1, x);
        weight_free(c, &w);
        kc_guard_free(x, (size_t)MAX_N * k * sizeof *x, 4);
    }
}

void kc_check_linear(struct kc *c)
{
    for (int form = 0; form < HZ_XFORMS; form++)
        for (uint32_t n = 1; n < 20; n += 1 + kc_below(c, 4)) {
            c->where = "panel";
            check_panel(c, (enum hz_xform)form,
                        form == HZ_X_I8_256  ? 768
                        : form == HZ_X_I8_32 ? 160
                                             : 1 + kc_below(c, 200),
                        n);
        }
    for (int type = 0; type < HZ_DTYPES; type++)
        if (c->ref->linear[type].mul) {
            c->where = hz_dtype_info((enum hz_dtype)type)->name;
            if (c->kern->linear[type].mul)
                check_type(c, (enum hz_dtype)type);
            else
                kc_fail(c, "no kernel");
        }
}
