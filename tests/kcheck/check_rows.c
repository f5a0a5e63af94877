/* check_rows.c - norms, activations, rope and the sums behind sampling against plain C, within kern/tolerance.h. Odd
 * sizes, every buffer ends at a trap, in place and not. */
#include "kcheck/kcheck.h"

#include "kern/tolerance.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 9000 };

struct rows { /* inputs and the two outputs, n floats each */
    uint32_t n;
    float *a, *b, *w, *ref, *out;
};

static float *floats(uint32_t n)
{
    return kc_guard_alloc(n * sizeof(float), 4);
}

static void make(struct kc *c, struct rows *r)
{
    static const uint32_t sizes[] = {1,  2,  3,  7,   8,   9,   15,  16,   17,   31,   32,   33,  63,
                                     64, 65, 96, 127, 128, 257, 576, 1024, 2048, 2053, 4097, 8193};
    r->n = sizes[kc_below(c, HZ_COUNT(sizes))];
    r->a = floats(r->n), r->b = floats(r->n), r->w = floats(r->n), r->ref = floats(r->n), r->out = floats(r->n);
    float spread = kc_below(c, 3) ? 2 : kc_below(c, 2) ? 100 : 1e-3f, shift = kc_below(c, 4) ? 0 : 300 * spread;
    for (uint32_t i = 0; i < r->n; i++)
        r->a[i] = spread * kc_normal(c) + shift, r->b[i] = kc_normal(c), r->w[i] = kc_normal(c);
}

static void unmake(struct kc *c, struct rows *r)
{
    if (!kc_guard_ok(r->out, r->n * sizeof(float), 4))
        kc_fail(c, "n %u: written behind its end", r->n);
    float *all[] = {r->a, r->b, r->w, r->ref, r->out};
    for (size_t i = 0; i < HZ_COUNT(all); i++)
        kc_guard_free(all[i], r->n * sizeof(float), 4);
}

/* ref and out agree within tol * size[i] + floor. */
static void compare(struct kc *c, const struct rows *r, const float *size, double tol, double floor)
{
    for (uint32_t i = 0; i < r->n; i++) {
        double want = r->ref[i], got = r->out[i], allowed = tol * fabs(size[i]) + floor;
        if (!(fabs(want - got) <= allowed) && !(isnan(want) && isnan(got)) && want != got) {
            kc_fail(c, "element %u of %u: %.9g instead of %.9g, allowed %g", i, r->n, got, want, allowed);
            return;
        }
    }
}

static void same(struct kc *c, const struct rows *r, const float *in_place)
{
    if (memcmp(r->out, in_place, r->n * sizeof(float)))
        kc_fail(c, "n %u: differs in place", r->n);
}

static void check_norms(struct kc *c)
{
    struct rows r;
    make(c, &r);
    const float *w = kc_below(c, 3) ? r.w : NULL, *b = kc_below(c, 3) ? NULL : r.b;
    float *size = malloc(r.n * sizeof *size), eps = kc_below(c, 2) ? 1e-5f : 1e-6f;
    if (kc_below(c, 16) == 0)
        memset(r.a, 0, r.n * sizeof *r.a);

    c->where = "rms_norm";
    c->ref->rms_norm(r.a, w, NULL, eps, size, r.n);
    for (uint32_t i = 0; b && i < r.n; i++)
        size[i] = fabsf(size[i]) + fabsf(b[i]);
    c->ref->rms_norm(r.a, w, b, eps, r.ref, r.n);
    c->kern->rms_norm(r.a, w, b, eps, r.out, r.n);
    compare(c, &r, size, HZ_TOL_NORM, 1e-37);

    c->where = "layer_norm"; /* a rounding of the mean moves all elements alike */
    float most = 0, mean = 0;
    for (uint32_t i = 0; i < r.n; i++)
        mean = fmaxf(mean, fabsf(r.a[i]));
    c->ref->layer_norm(r.a, NULL, NULL, eps, size, r.n);
    for (uint32_t i = 0; i < r.n; i++)
        most = fmaxf(most, fabsf(size[i]));
    double square = 0, sum = 0;
    for (uint32_t i = 0; i < r.n; i++)
        sum += r.a[i];
    for (uint32_t i = 0; i < r.n; i++)
        square += (r.a[i] - sum / r.n) * (r.a[i] - sum / r.n);
    most += mean / sqrtf((float)(square / r.n) + eps) * 0.1f; /* x - mean is rounded to 2^-24 of x */
    for (uint32_t i = 0; i < r.n; i++)
        size[i] = most * (w ? fabsf(w[i]) : 1) + (b ? fabsf(b[i]) : 0);
    c->ref->layer_norm(r.a, w, b, eps, r.ref, r.n);
    c->kern->layer_norm(r.a, w, b, eps, r.out, r.n);
    compare(c, &r, size, HZ_TOL_NORM, 1e-37);
    c->kern->layer_norm(r.a, w, b, eps, r.a, r.n);
    same(c, &r, r.a);
    free(size);
    unmake(c, &r);
}

static void check_sums(struct kc *c)
{
    struct rows r;
    make(c, &r);
    float alpha = kc_below(c, 2) ? 1 : kc_normal(c), beta = kc_below(c, 2) ? 1 : kc_normal(c);
    float *size = malloc(r.n * sizeof *size);

    c->where = "add";
    for (uint32_t i = 0; i < r.n; i++)
        size[i] = fabsf(alpha * r.a[i]) + fabsf(beta * r.b[i]);
    c->ref->add(r.a, alpha, r.b, beta, r.ref, r.n);
    c->kern->add(r.a, alpha, r.b, beta, r.out, r.n);
    compare(c, &r, size, alpha == 1 && beta == 1 ? 0 : HZ_TOL_ADD, 0);

    c->where = "scale";
    float clamp = kc_below(c, 2) ? 0 : 1.5f;
    c->ref->scale(r.a, alpha, clamp, r.ref, r.n);
    c->kern->scale(r.a, alpha, clamp, r.out, r.n);
    compare(c, &r, size, 0, 0);

    c->where = "softcap";
    c->ref->softcap(r.a, 30, r.ref, r.n);
    c->kern->softcap(r.a, 30, r.out, r.n);
    compare(c, &r, r.ref, HZ_TOL_TANH, 0);
    c->kern->softcap(r.a, 30, r.a, r.n);
    same(c, &r, r.a);
    free(size);
    unmake(c, &r);
}

static void check_acts(struct kc *c)
{
    static const char *const names[] = {"silu", "gelu", "gelu_tanh", "relu", "relu2", "sigmoid", "none"};
    static const float odd[] = {0,      -0.0f,   88,    -88,    89,   -89,  1e4f, -1e4f,
                                1e-30f, -1e-30f, 1e30f, -1e30f, 0.9f, 5.6f, -5.6f};
    struct rows r;
    make(c, &r);
    for (uint32_t i = 0; i < r.n; i++)
        r.a[i] = kc_below(c, 8) ? r.a[i] : odd[kc_below(c, HZ_COUNT(odd))];
    if (kc_below(c, 8) == 0)
        r.a[kc_below(c, r.n)] = NAN;
    for (enum hz_act act = 0; act < HZ_ACTS; act++) {
        bool gelu = act == HZ_ACT_GELU || act == HZ_ACT_GELU_TANH, exact = act >= HZ_ACT_RELU && act != HZ_ACT_SIGMOID;
        double tol = gelu ? HZ_TOL_GELU : exact ? 0 : HZ_TOL_ACT;
        c->where = names[act];
        c->ref->act(act, r.a, r.ref, r.n);
        c->kern->act(act, r.a, r.out, r.n);
        compare(c, &r, gelu ? r.a : r.ref, tol, exact ? 0 : 4e-37);

        char where[40];
        snprintf(where, sizeof where, "glu %s", names[act]);
        c->where = where;
        float *size = malloc(r.n * sizeof *size);
        for (uint32_t i = 0; i < r.n; i++)
            size[i] = fabsf(gelu ? r.a[i] : r.ref[i]) * fabsf(r.b[i]);
        c->ref->glu(act, r.a, r.b, r.ref, r.n);
        c->kern->glu(act, r.a, r.b, r.out, r.n);
        compare(c, &r, size, exact ? 0 : tol + 1e-7, exact ? 0 : 4e-37 * 3);
        memcpy(size, r.a, r.n * sizeof *size);
        c->kern->glu(act, r.a, r.b, r.a, r.n);
        same(c, &r, r.a);
        memcpy(r.a, size, r.n * sizeof *size);
        free(size);
    }
    unmake(c, &r);
}

static void check_rope(struct kc *c)
{
    uint32_t half = 1 + kc_below(c, kc_below(c, 2) ? 70 : 130), rot = 2 * half;
    float *cos = floats(half), *sin = floats(half), *size = malloc(rot * sizeof *size);
    for (int pairs = 0; pairs < 2; pairs++) {
        struct rows r = {
            .n = rot, .a = floats(1), .b = floats(1), .w = floats(1), .ref = floats(rot), .out = floats(rot)};
        c->where = pairs ? "rope of pairs" : "rope of halves";
        for (uint32_t i = 0; i < half; i++)
            cos[i] = cosf((float)i), sin[i] = sinf((float)i);
        for (uint32_t i = 0; i < rot; i++)
            r.ref[i] = r.out[i] = kc_normal(c);
        for (uint32_t i = 0; i < rot; i++) {
            uint32_t other = pairs ? i ^ 1 : i < half ? i + half : i - half;
            size[i] = fabsf(r.out[i]) + fabsf(r.out[other]);
        }
        c->ref->rope(r.ref, cos, sin, rot, pairs);
        c->kern->rope(r.out, cos, sin, rot, pairs);
        compare(c, &r, size, HZ_TOL_ROPE, 0);
        if (!kc_guard_ok(r.out, rot * sizeof(float), 4))
            kc_fail(c, "rot %u: written behind its end", rot);
        kc_guard_free(r.a, 4, 4), kc_guard_free(r.b, 4, 4), kc_guard_free(r.w, 4, 4);
        kc_guard_free(r.ref, rot * sizeof(float), 4), kc_guard_free(r.out, rot * sizeof(float), 4);
    }
    kc_guard_free(cos, half * sizeof(float), 4), kc_guard_free(sin, half * sizeof(float), 4);
    free(size);
}

static void check_logits(struct kc *c)
{
    struct rows r;
    make(c, &r);
    uint32_t kind = kc_below(c, 8);
    for (uint32_t i = 0; i < r.n; i++) {
        if (kind == 0)
            r.a[i] = roundf(r.a[i]); /* ties */
        else if (kind == 1 && kc_below(c, 3) == 0)
            r.a[i] = kc_below(c, 2) ? NAN : -INFINITY;
        else if (kind == 2)
            r.a[i] = kc_below(c, 2) ? NAN : -INFINITY;
        else if (kind == 3)
            r.a[i] = NAN;
        else if (kind == 4)
            r.a[i] *= 1e30f;
    }
    c->where = "argmax";
    int32_t want = c->ref->argmax(r.a, r.n), got = c->kern->argmax(r.a, r.n);
    if (want != got)
        kc_fail(c, "of %u: %d instead of %d", r.n, got, want);

    c->where = "log_sum_exp";
    double a = c->ref->log_sum_exp(r.a, r.n), b = c->kern->log_sum_exp(r.a, r.n);
    if (!(a == b || fabs(a - b) <= HZ_TOL_LSE + 2e-7 * fabs(a)))
        kc_fail(c, "of %u: %.9g instead of %.9g", r.n, b, a);

    c->where = "exp_sum";
    float from = want < 0 || isinf(r.a[want]) ? 0 : r.a[want], mul = kc_below(c, 2) ? 1 : fabsf(kc_normal(c)) + 0.1f;
    a = c->ref->exp_sum(r.a, from, mul, r.n), b = c->kern->exp_sum(r.a, from, mul, r.n);
    if (!(fabs(a - b) <= HZ_TOL_EXPSUM * a))
        kc_fail(c, "of %u: %.12g instead of %.12g", r.n, b, a);
    unmake(c, &r);
}

void kc_check_rows(struct kc *c)
{
    for (int round = 0; round < 300; round++) {
        check_norms(c);
        check_sums(c);
        check_acts(c);
        check_rope(c);
        check_logits(c);
    }
}
