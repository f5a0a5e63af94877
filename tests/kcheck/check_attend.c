/* check_attend.c - attention over tiles, and the stores that fill them.
 *
 * A batch of rows passes over several tiles and is held against plain C (kern/tolerance.h) and against a softmax in
 * double; each row alone must have the bits it has among others, and keep them when the keys that it does not see are
 * overwritten with the largest numbers. All memory ends at a trap. */
#include "kcheck/kcheck.h"

#include "kern/tolerance.h"
#include "quant/half.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TILES = 3, MAX_ROWS = 128, KEYS = TILES * HZ_KV_TILE };

struct span {
    uint32_t from, to;
};

struct attention {
    enum hz_kv_type type;
    uint32_t hd, vd, n;
    float softcap;
    void *k[TILES], *v[TILES];
    float *q, *o;                      /* [n][hd], [n][vd] */
    struct span seen[TILES][MAX_ROWS]; /* from == to: not this tile */
};

static size_t kv_size(enum hz_kv_type type)
{
    return type == HZ_KV_F32 ? sizeof(float) : sizeof(uint16_t);
}

static void kv_set(enum hz_kv_type type, void *p, size_t at, float x)
{
    if (type == HZ_KV_F32)
        ((float *)p)[at] = x;
    else
        ((uint16_t *)p)[at] = hz_f32_f16(x);
}

static double kv_get(enum hz_kv_type type, const void *p, size_t at)
{
    return type == HZ_KV_F32 ? ((const float *)p)[at] : hz_f16_f32(((const uint16_t *)p)[at]);
}

static void make(struct kc *c, struct attention *a, float q_scale)
{
    for (int t = 0; t < TILES; t++) {
        a->k[t] = kc_guard_alloc(a->hd * HZ_KV_TILE * kv_size(a->type), 64);
        a->v[t] = kc_guard_alloc(a->vd * HZ_KV_TILE * kv_size(a->type), 64);
        for (uint32_t i = 0; i < a->hd * HZ_KV_TILE; i++)
            kv_set(a->type, a->k[t], i, kc_normal(c));
        for (uint32_t i = 0; i < a->vd * HZ_KV_TILE; i++)
            kv_set(a->type, a->v[t], i, kc_normal(c));
    }
    a->q = kc_guard_alloc((size_t)a->n * a->hd * sizeof(float), 4);
    a->o = kc_guard_alloc((size_t)a->n * a->vd * sizeof(float), 4);
    for (uint32_t r = 0; r < a->n; r++) {
        bool zero = kc_below(c, 16) == 0;
        for (uint32_t i = 0; i < a->hd; i++)
            a->q[r * a->hd + i] = zero ? 0 : kc_normal(c) * q_scale;
        bool any = false; /* rows see anything, as windows, padding and causality together may make it */
        for (int t = 0; t < TILES; t++) {
            uint32_t from = kc_below(c, 2) ? 0 : kc_below(c, HZ_KV_TILE);
            uint32_t to = kc_below(c, 2) ? HZ_KV_TILE : from + kc_below(c, HZ_KV_TILE + 1 - from);
            if (t + 1 == TILES && !any)
                to = from + 1;
            a->seen[t][r] = (struct span){from, to};
            any |= from < to;
        }
    }
}

static void unmake(struct attention *a)
{
    for (int t = 0; t < TILES; t++) {
        kc_guard_free(a->k[t], a->hd * HZ_KV_TILE * kv_size(a->type), 64);
        kc_guard_free(a->v[t], a->vd * HZ_KV_TILE * kv_size(a->type), 64);
    }
    kc_guard_free(a->q, (size_t)a->n * a->hd * sizeof(float), 4);
    kc_guard_free(a->o, (size_t)a->n * a->vd * sizeof(float), 4);
}

/* Runs rows first .. first + n - 1 over all tiles; out gets m and l, a->o the values. */
static void run(const struct hz_kern *kern, struct attention *a, uint32_t first, uint32_t n, struct hz_attend_row *out)
{
    struct hz_attend_row some[MAX_ROWS];
    uint32_t whose[MAX_ROWS];
    for (uint32_t r = first; r < first + n; r++) {
        out[r] = (struct hz_attend_row){a->q + r * a->hd, a->o + r * a->vd, -INFINITY, 0, 0, 0};
        memset(out[r].o, 0, a->vd * sizeof(float));
    }
    for (int t = 0; t < TILES; t++) {
        uint32_t m = 0;
        for (uint32_t r = first; r < first + n; r++)
            if (a->seen[t][r].from < a->seen[t][r].to) {
                out[r].from = a->seen[t][r].from, out[r].to = a->seen[t][r].to;
                whose[m] = r;
                some[m++] = out[r];
            }
        if (m)
            kern->attend[a->type](a->k[t], a->v[t], t % 2 ? 64 : 0, a->hd, a->vd, a->softcap, some, m);
        for (uint32_t i = 0; i < m; i++)
            out[whose[i]] = some[i];
    }
}

/* Softmax of row r in double; returns the largest sum|q k| of its keys, in the base-2 domain. */
static double exact(const struct attention *a, uint32_t r, double *o, double *most_v)
{
    double s[KEYS], top = -INFINITY, sum = 0, most = 0;
    *most_v = 0;
    memset(o, 0, a->vd * sizeof *o);
    for (int t = 0; t < TILES; t++)
        for (uint32_t j = a->seen[t][r].from; j < a->seen[t][r].to; j++) {
            double dot = 0, all = 0;
            for (uint32_t i = 0; i < a->hd; i++) {
                double term = a->q[r * a->hd + i] * kv_get(a->type, a->k[t], (size_t)i * HZ_KV_TILE + j);
                dot += term, all += fabs(term);
            }
            if (a->softcap > 0)
                dot = a->softcap * tanh(dot / a->softcap) / log(2);
            s[t * HZ_KV_TILE + (int)j] = dot;
            top = fmax(top, dot), most = fmax(most, all);
        }
    for (int t = 0; t < TILES; t++)
        for (uint32_t j = a->seen[t][r].from; j < a->seen[t][r].to; j++) {
            double p = exp2(s[t * HZ_KV_TILE + (int)j] - top);
            sum += p;
            for (uint32_t i = 0; i < a->vd; i++) {
                double v = kv_get(a->type, a->v[t], (size_t)j * a->vd + i);
                o[i] += p * v, *most_v = fmax(*most_v, fabs(v));
            }
        }
    for (uint32_t i = 0; i < a->vd; i++)
        o[i] /= sum;
    return most;
}

static void accurate(struct kc *c, struct attention *a)
{
    static struct hz_attend_row rows[MAX_ROWS], ref[MAX_ROWS];
    float *plain = malloc((size_t)a->n * a->vd * sizeof *plain), *own = a->o;
    double *o = malloc(a->vd * sizeof *o);
    a->o = plain;
    run(c->ref, a, 0, a->n, ref);
    a->o = own;
    run(c->kern, a, 0, a->n, rows);
    for (uint32_t r = 0; r < a->n; r++) {
        double most_v, most = exact(a, r, o, &most_v);
        double shift = HZ_TOL_ATTEND_SCORE * most + HZ_TOL_ATTEND_CAP * a->softcap;
        double tol = most_v * (HZ_TOL_ATTEND + shift), worst = 0, worst_exact = 0;
        for (uint32_t i = 0; i < a->vd; i++) {
            double y = rows[r].o[i] / rows[r].l;
            worst = fmax(worst, fabs(y - plain[r * a->vd + i] / ref[r].l));
            worst_exact = fmax(worst_exact, fabs(y - o[i]));
        }
        if (!(worst <= tol) || !(worst_exact <= tol))
            kc_fail(c, "row %u of %u: off by %g from c, %g from double, allowed %g", r, a->n, worst, worst_exact, tol);
    }
    if (!kc_guard_ok(a->o, (size_t)a->n * a->vd * sizeof(float), 4))
        kc_fail(c, "o: written behind its end");
    free(plain), free(o);
}

/* Overwrites what row r does not see with numbers up to the largest. */
static void spoil(struct kc *c, struct attention *a, uint32_t r)
{
    float big = a->type == HZ_KV_F32 ? 3e38f : 65504;
    for (int t = 0; t < TILES; t++)
        for (uint32_t j = 0; j < HZ_KV_TILE; j++) {
            if (j >= a->seen[t][r].from && j < a->seen[t][r].to)
                continue;
            for (uint32_t i = 0; i < a->hd; i++)
                kv_set(a->type, a->k[t], (size_t)i * HZ_KV_TILE + j, big * kc_uniform(c));
            for (uint32_t i = 0; i < a->vd; i++)
                kv_set(a->type, a->v[t], (size_t)j * a->vd + i, big * kc_uniform(c));
        }
}

static void alone(struct kc *c, struct attention *a)
{
    static struct hz_attend_row rows[MAX_ROWS], one[MAX_ROWS];
    size_t bytes = (size_t)a->n * a->vd * sizeof(float);
    float *together = malloc(bytes);
    run(c->kern, a, 0, a->n, rows);
    memcpy(together, a->o, bytes);
    for (int spoiled = 0; spoiled < 2; spoiled++) {
        /* What one row does not see another may: only the last row can be spoiled. */
        for (uint32_t r = spoiled ? a->n - 1 : 0; r < a->n; r++) {
            if (spoiled)
                spoil(c, a, r);
            run(c->kern, a, r, 1, one);
            if (memcmp(a->o + r * a->vd, together + r * a->vd, a->vd * sizeof(float)) || one[r].m != rows[r].m ||
                one[r].l != rows[r].l)
                kc_fail(c, "row %u of %u differs when alone%s", r, a->n, spoiled ? " among spoiled keys" : "");
        }
    }
    free(together);
}

static void check_tiles(struct kc *c)
{
    static const uint32_t dims[] = {1, 7, 8, 16, 17, 31, 32, 40, 64, 72, 80, 96, 100, 112, 128, 192, 256, 576};
    static const uint32_t counts[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 16, 23, 25, 48, 49, 64, 100, 128};
    char where[120];
    for (int round = 0; round < 240; round++) {
        struct attention a = {.type = round % 2 ? HZ_KV_F16 : HZ_KV_F32};
        a.hd = dims[kc_below(c, HZ_COUNT(dims))], a.vd = dims[kc_below(c, HZ_COUNT(dims))];
        a.n = counts[(uint32_t)round / 2 % HZ_COUNT(counts)];
        a.softcap = kc_below(c, 4) ? 0 : 30;
        /* q k is normal with a spread of 1; now and then 60, where one key takes all */
        make(c, &a, (kc_below(c, 8) ? 1.44f : 90) / sqrtf((float)a.hd));
        snprintf(where, sizeof where, "attend %s, head_dim %u, v_dim %u, softcap %g",
                 a.type == HZ_KV_F32 ? "f32" : "f16", a.hd, a.vd, (double)a.softcap);
        c->where = where;
        accurate(c, &a);
        alone(c, &a);
        unmake(&a);
    }
}

/* With q = 1 of one dimension, K the scores and V the unit matrix, o is the weights themselves. */
static void check_weights(struct kc *c)
{
    _Alignas(64) float k[HZ_KV_TILE], v[HZ_KV_TILE * HZ_KV_TILE] = {0}, o[HZ_KV_TILE], q = 1;
    c->where = "weights of attend";
    for (int i = 0; i < HZ_KV_TILE; i++)
        v[i * HZ_KV_TILE + i] = 1;
    for (int round = 0; round < 1000; round++) {
        struct hz_attend_row row = {&q, o, -INFINITY, 0, 0, HZ_KV_TILE};
        float below = round % 3 == 0 ? 1 : round % 3 == 1 ? 24 : 125, top = 100 * kc_uniform(c);
        memset(o, 0, sizeof o);
        for (int i = 0; i < HZ_KV_TILE; i++)
            k[i] = i == 7 ? top : top - below * fabsf(kc_uniform(c));
        c->kern->attend[HZ_KV_F32](k, v, 0, 1, HZ_KV_TILE, 0, &row, 1);
        for (int i = 0; i < HZ_KV_TILE; i++) {
            double want = exp2((double)(k[i] - top));
            if (!(fabs(o[i] - want) <= HZ_TOL_ATTEND_WEIGHT * want) || (i == 7 && o[i] != 1))
                kc_fail(c, "2^%.9g: %.9g instead of %.9g", (double)(k[i] - top), (double)o[i], want);
        }
        if (row.m != top)
            kc_fail(c, "maximum %.9g instead of %.9g", (double)row.m, (double)top);
    }
}

static void check_put(struct kc *c)
{
    static const float odd[] = {0,      -0.0f, 65504,   65519,   65520,    -65520,   1e6f,
                                -1e30f, 6e-8f, 2.9e-8f, 6.1e-5f, INFINITY, -INFINITY};
    for (int round = 0; round < 100; round++) {
        enum hz_kv_type type = round % 2 ? HZ_KV_F16 : HZ_KV_F32;
        uint32_t hd = 1 + kc_below(c, 150), vd = 1 + kc_below(c, 150), slot = kc_below(c, HZ_KV_TILE);
        size_t k_bytes = hd * HZ_KV_TILE * kv_size(type), v_bytes = vd * HZ_KV_TILE * kv_size(type);
        uint8_t *k[2], *v[2];
        float *x = kc_guard_alloc(hd * sizeof *x, 4), *y = kc_guard_alloc(vd * sizeof *y, 4);
        for (uint32_t i = 0; i < hd; i++)
            x[i] = kc_below(c, 4) ? kc_normal(c) : odd[kc_below(c, HZ_COUNT(odd))];
        for (uint32_t i = 0; i < vd; i++)
            y[i] = kc_below(c, 4) ? kc_normal(c) : odd[kc_below(c, HZ_COUNT(odd))];
        for (int i = 0; i < 2; i++) {
            k[i] = kc_guard_alloc(k_bytes, 64), v[i] = kc_guard_alloc(v_bytes, 64);
            (i ? c->kern : c->ref)->kv_put[type](k[i], v[i], slot, x, y, hd, vd);
        }
        c->where = "kv_put";
        if (memcmp(k[0], k[1], k_bytes) || memcmp(v[0], v[1], v_bytes))
            kc_fail(c, "%s, head_dim %u, v_dim %u, slot %u: differs", type == HZ_KV_F32 ? "f32" : "f16", hd, vd, slot);
        for (int i = 0; i < 2; i++)
            kc_guard_free(k[i], k_bytes, 64), kc_guard_free(v[i], v_bytes, 64);
        kc_guard_free(x, hd * sizeof *x, 4), kc_guard_free(y, vd * sizeof *y, 4);
    }
}

void kc_check_attend(struct kc *c)
{
    check_tiles(c);
    check_weights(c);
    check_put(c);
}
