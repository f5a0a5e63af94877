/* hz_draw against a plain sort of everything in double, against exact probabilities, and at the edges. */
#include "kern/kern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 300000 };

static const struct hz_kern *kern;
static float logits[MOST], scratch[2 * MOST];
static uint32_t mask[MOST / 32 + 1];

static uint64_t state = 88172645463325252u;

static uint32_t random_u32(void) /* xorshift64*: a fixed sequence */
{
    state ^= state >> 12, state ^= state << 25, state ^= state >> 27;
    return (uint32_t)(state * 2685821657736338717u >> 32);
}

static float uniform(void)
{
    return (float)(random_u32() >> 8) * 0x1p-24f;
}

static float normal(void)
{
    float sum = 0;
    for (int i = 0; i < 12; i++)
        sum += uniform();
    return sum - 6;
}

static struct hz_draw_args plain(uint32_t n)
{
    return (struct hz_draw_args){.logits = logits, .n = n, .temperature = 1, .top_p = 1};
}

static int32_t drawn(const struct hz_draw_args *a)
{
    struct hz_draw_result r;
    struct hz_error err;
    assert_int_equal(hz_draw(kern, a, scratch, &r, &err), HZ_OK);
    return r.id;
}

static void refused(const struct hz_draw_args *a)
{
    struct hz_draw_result r;
    struct hz_error err = {0};
    assert_int_equal(hz_draw(kern, a, scratch, &r, &err), HZ_E_INVALID);
    assert_true(err.text[0]);
}

/* ---- the reference ------------------------------------------------------------------------------------------- */

struct entry {
    float logit;
    uint32_t id;
    double p;
};

static int larger_first(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->logit != y->logit)
        return x->logit > y->logit ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

/* The candidates in their order, p their shares of 1; returns how many, 0 if a rounding decides where top-p cuts. */
static uint32_t candidates(const struct hz_draw_args *a, struct entry *e)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < a->n; i++) {
        float x = a->logits[i];
        for (uint32_t j = 0; j < a->n_edits; j++)
            if (a->edits[j].id == i)
                x = (x > 0 ? x / a->edits[j].mul : x * a->edits[j].mul) + a->edits[j].add;
        if (isfinite(x) && (!a->mask || a->mask[i / 32] >> i % 32 & 1))
            e[n++] = (struct entry){x, i, 0};
    }
    qsort(e, n, sizeof *e, larger_first);
    double total = 0, sum = 0, kept = 0;
    if (a->top_k && a->top_k < n)
        n = a->top_k;
    for (uint32_t i = 0; i < n; i++)
        total += e[i].p = exp(((double)e[i].logit - e[0].logit) / a->temperature);
    uint32_t keep = 0;
    for (; keep < n; keep++) {
        if (keep && a->top_p < 1 && fabs(sum / total - a->top_p * (1 - 1e-6)) < 5e-7)
            return 0;
        if (keep && ((a->top_p < 1 && sum / total >= a->top_p * (1 - 1e-6)) ||
                     (double)e[keep].logit - e[0].logit < a->temperature * log(a->min_p)))
            break;
        sum += e[keep].p;
    }
    for (uint32_t i = 0; i < keep; i++)
        kept += e[i].p;
    for (uint32_t i = 0; i < keep; i++)
        e[i].p /= kept;
    return keep;
}

/* By how much u misses id's part of 0 to 1; a rounding of sums is no miss. */
static double missed_by(const struct entry *e, uint32_t n, double u, int32_t id)
{
    double sum = 0;
    for (uint32_t i = 0; i < n; sum += e[i++].p)
        if (e[i].id == (uint32_t)id)
            return u < sum ? sum - u : i + 1 < n && u >= sum + e[i].p ? u - sum - e[i].p : 0;
    return INFINITY;
}

/* ---- tests --------------------------------------------------------------------------------------------------- */

static void fill(uint32_t n, float spread, bool ties)
{
    for (uint32_t i = 0; i < n; i++) {
        float x = spread * normal();
        logits[i] = ties ? roundf(x) : x;
    }
}

static void test_against_sort(void **unused)
{
    (void)unused;
    static const uint32_t sizes[] = {1, 2, 3, 16, 17, 63, 64, 65, 1000, 1024, 5000, 40000};
    static const uint32_t ks[] = {0, 0, 1, 2, 5, 40, 63, 64, 1000, 1u << 30};
    static const float ps[] = {1, 1, 0, 0.1f, 0.5f, 0.9f, 0.99f, 0.9999f}, ms[] = {0, 0, 0, 0.01f, 0.2f, 1};
    static const float ts[] = {1, 0.7f, 2, 0.1f, 1e-3f, 1e-30f, 1e-44f, 1e20f};
    struct entry *e = malloc(40000 * sizeof *e);
    for (int round = 0; round < 1500; round++) {
        struct hz_draw_args a = plain(sizes[random_u32() % 12]);
        struct hz_edit edits[20];
        fill(a.n, random_u32() % 2 ? 3 : 0.5f, random_u32() % 3 == 0);
        a.top_k = ks[random_u32() % 10], a.top_p = ps[random_u32() % 8], a.min_p = ms[random_u32() % 6];
        a.temperature = ts[random_u32() % 8];
        for (uint32_t i = random_u32() % a.n; random_u32() % 2 && a.n_edits < 20 && i < a.n; i += 1 + random_u32() % 9)
            edits[a.n_edits++] = (struct hz_edit){i, random_u32() % 2 ? 1 : 1.3f, 4 * normal()};
        a.edits = edits;
        if (random_u32() % 4 == 0) {
            for (uint32_t i = 0; i < a.n; i++)
                mask[i / 32] = random_u32() | 1;
            a.mask = mask;
        }
        uint32_t n = candidates(&a, e);
        for (int i = 0; n && i < 5; i++) {
            a.u = i == 0 ? 0 : i == 1 ? 1 - 0x1p-24f : uniform();
            int32_t id = drawn(&a);
            double miss = missed_by(e, n, a.u, id);
            if (miss > 3e-6)
                fail_msg("round %d: id %d of %u candidates misses u %.8f by %g: n %u k %u p %g min_p %g t %g", round,
                         id, n, (double)a.u, miss, a.n, a.top_k, (double)a.top_p, (double)a.min_p,
                         (double)a.temperature);
        }
    }
    free(e);
}

/* Pearson's chi-square of `draws` draws with u from the fixed sequence, against the exact shares. */
static double chi_square(const struct hz_draw_args *args, int draws, uint32_t *cells)
{
    struct hz_draw_args a = *args;
    struct entry *e = malloc(a.n * sizeof *e);
    int *seen = calloc(a.n, sizeof *seen);
    uint32_t n = candidates(&a, e);
    int inside = 0;
    for (int i = 0; i < draws; i++) {
        a.u = uniform();
        seen[drawn(&a)]++;
    }
    double chi = 0, rest = 0, rest_seen = 0;
    *cells = 0;
    for (uint32_t i = 0; i < n; i++) {
        double expected = e[i].p * draws;
        inside += seen[e[i].id];
        if (expected < 8) {
            rest += expected, rest_seen += seen[e[i].id];
            continue;
        }
        chi += (seen[e[i].id] - expected) * (seen[e[i].id] - expected) / expected;
        ++*cells;
    }
    if (rest >= 8)
        chi += (rest_seen - rest) * (rest_seen - rest) / rest, ++*cells;
    assert_int_equal(inside, draws);
    free(e), free(seen);
    return chi;
}

static void test_frequencies(void **unused)
{
    (void)unused;
    static const struct {
        uint32_t n, k;
        float t, p, m;
    } cases[] = {{50, 0, 1, 1, 0},        {50, 10, 1, 1, 0},         {50, 0, 0.6f, 0.8f, 0},
                 {50, 0, 1.5f, 1, 0.1f},  {50, 30, 1, 0.9f, 0.02f},  {3000, 0, 1, 1, 0},
                 {3000, 200, 0.9f, 1, 0}, {3000, 0, 0.5f, 0.95f, 0}, {3000, 100, 2, 0.7f, 0.1f}};
    for (size_t i = 0; i < HZ_COUNT(cases); i++) {
        struct hz_draw_args a = plain(cases[i].n);
        fill(a.n, 1, false);
        a.top_k = cases[i].k, a.temperature = cases[i].t, a.top_p = cases[i].p, a.min_p = cases[i].m;
        uint32_t cells;
        double chi = chi_square(&a, 20000, &cells), free_cells = cells - 1.0;
        /* Wilson and Hilferty: the cube root is nearly normal; 4 standard deviations, since the sequence is fixed. */
        double z = (cbrt(chi / free_cells) - (1 - 2 / (9 * free_cells))) / sqrt(2 / (9 * free_cells));
        if (!(fabs(z) < 4))
            fail_msg("case %zu: chi-square %g of %u cells, z %g", i, chi, cells, z);
    }
}

static void test_edits(void **unused)
{
    (void)unused;
    struct hz_draw_args a = plain(4);
    a.temperature = 0;
    memcpy(logits, (float[]){2, 1.5f, -1, -3}, 16);
    assert_int_equal(drawn(&a), 0);
    a.edits = (struct hz_edit[]){{0, 2, 0}}, a.n_edits = 1; /* 2 / 2 < 1.5 */
    assert_int_equal(drawn(&a), 1);
    memcpy(logits, (float[]){-1, -1.5f, -4, -3}, 16); /* a negative logit is multiplied: -2 < -1.5 */
    assert_int_equal(drawn(&a), 1);
    a.edits = (struct hz_edit[]){{2, 2, 10}, {3, 1, 4.5f}}, a.n_edits = 2; /* -8 + 10 = 2 > 1.5: mul before add */
    assert_int_equal(drawn(&a), 2);
    a.edits = (struct hz_edit[]){{0, 1, -INFINITY}}, a.n_edits = 1;
    for (int i = 0; i < 3; i++) { /* a ban holds in every way of drawing */
        a.temperature = i == 0 ? 0 : 1, a.top_k = i == 2 ? 3 : 0;
        for (int j = 0; j < 100; j++) {
            a.u = (float)j / 100;
            assert_int_not_equal(drawn(&a), 0);
        }
    }
    a.mask = (uint32_t[]){0x8}, a.temperature = 0;
    assert_int_equal(drawn(&a), 3);
    a.mask = (uint32_t[]){0x1}; /* allowed, but banned */
    refused(&a);
    a.edits = (struct hz_edit[]){{4, 1, 1}};
    refused(&a);
}

/* top-k, then top-p of what it left, then min-p. */
static void test_order(void **unused)
{
    (void)unused;
    struct hz_draw_args a = plain(5);
    float p[] = {0.4f, 0.3f, 0.15f, 0.1f, 0.05f};
    for (int i = 0; i < 5; i++)
        logits[i] = logf(p[i]);
    a.u = 1 - 0x1p-24f; /* draws the last candidate */
    assert_int_equal(drawn(&a), 4);
    a.top_p = 0.7f;
    assert_int_equal(drawn(&a), 1);
    a.top_p = 0.71f;
    assert_int_equal(drawn(&a), 2);
    a.top_k = 3; /* shares of the three: 0.47, 0.35, 0.18; 0.82 is reached by two */
    a.top_p = 0.8f;
    assert_int_equal(drawn(&a), 1);
    a.top_k = 0; /* of all, 0.8 needs three */
    assert_int_equal(drawn(&a), 2);
    a.min_p = 0.5f; /* of the largest: 0.2; top-p is not measured again after it */
    assert_int_equal(drawn(&a), 1);
    a.top_p = 1, a.min_p = 0.3f;
    assert_int_equal(drawn(&a), 2);
    a.min_p = 1;
    assert_int_equal(drawn(&a), 0);
    a.min_p = 0, a.top_p = 0; /* keeps one */
    assert_int_equal(drawn(&a), 0);
    a.top_p = 0.5f, a.temperature = 4; /* temperature comes first: flatter, so 0.5 needs three */
    assert_int_equal(drawn(&a), 2);
}

static void test_ties(void **unused)
{
    (void)unused;
    for (uint32_t n = 1; n < 5000; n = n * 3 + 1) {
        struct hz_draw_args a = plain(n);
        for (uint32_t i = 0; i < n; i++)
            logits[i] = -7.25f;
        for (int t = 0; t < 2; t++) {
            a.temperature = (float)t;
            assert_int_equal(drawn(&a), 0);
        }
        for (a.top_k = 1; a.top_k <= n; a.top_k *= 3) { /* the lowest ids are the largest */
            a.u = 1 - 0x1p-24f;
            assert_int_equal(drawn(&a), a.top_k - 1);
            a.u = 0;
        }
        a.top_k = 0;
        for (int j = 0; j < 10; j++) {
            a.u = 0.03f + 0.1f * (float)j;
            assert_in_range(drawn(&a) + 1, (int)(a.u * n * (1 - 1e-5f)), (int)(a.u * n * (1 + 1e-5f)) + 2);
        }
    }
}

static void test_bad_rows(void **unused)
{
    (void)unused;
    struct hz_draw_args a = plain(100);
    for (int i = 0; i < 2; i++) {
        a.temperature = (float)i;
        fill(100, 3, false);
        logits[0] = NAN, logits[17] = NAN, logits[99] = NAN, logits[5] = INFINITY, logits[6] = -INFINITY;
        for (int j = 0; j < 1000; j++) {
            a.u = (float)j / 1000;
            assert_true(isfinite(logits[drawn(&a)]));
        }
        for (int j = 0; j < 100; j++)
            logits[j] = NAN;
        refused(&a);
        logits[3] = -INFINITY;
        refused(&a);
        logits[50] = INFINITY;
        refused(&a);
        logits[51] = -88;
        assert_int_equal(drawn(&a), 51);
        a.mask = memset(mask, 0, sizeof mask);
        refused(&a);
        a.mask = NULL;
    }
    struct hz_draw_args bad[] = {a, a, a, a, a, a, a, a, a};
    bad[0].temperature = -1, bad[1].temperature = NAN, bad[2].temperature = INFINITY, bad[3].top_p = 1.5f;
    bad[4].top_p = NAN, bad[5].min_p = -1, bad[6].u = 1, bad[7].n_top = 21, bad[8].n = 0;
    for (size_t i = 0; i < HZ_COUNT(bad); i++)
        refused(&bad[i]);
}

static void test_large_spread(void **unused)
{
    (void)unused;
    struct hz_draw_args a = plain(3);
    memcpy(logits, (float[]){FLT_MAX, -FLT_MAX, 3e38f}, 12);
    for (int j = 0; j < 10; j++) {
        a.u = (float)j / 10;
        assert_int_equal(drawn(&a), 0);
    }
    a.temperature = 1e-45f;
    assert_int_equal(drawn(&a), 0);
    memcpy(logits, (float[]){1e38f, -1e38f, 0.9e38f}, 12);
    a.temperature = 1e38f, a.u = 0.99f; /* e^1, e^-1, e^0.9 */
    assert_int_equal(drawn(&a), 1);
}

static void test_logprobs(void **unused)
{
    (void)unused;
    static const uint32_t sizes[] = {1, 5, 20, 21, 1023, 1024, 1025, 5000, 262144};
    for (size_t s = 0; s < HZ_COUNT(sizes); s++) {
        struct hz_draw_args a = plain(sizes[s]);
        fill(a.n, 4, s % 2);
        double sum = 0;
        for (uint32_t i = 0; i < a.n; i++)
            sum += exp(logits[i]);
        a.edits = (struct hz_edit[]){{0, 1, 50}}, a.n_edits = 1; /* logprobs are the model's own */
        a.n_top = 20, a.top_k = 5, a.u = 0.3f;
        struct hz_draw_result r;
        assert_int_equal(hz_draw(kern, &a, scratch, &r, NULL), HZ_OK);
        assert_int_equal(r.id, 0);
        assert_true(fabs(r.logprob - (logits[0] - log(sum))) < 4e-6);
        for (uint32_t i = 0; i < 20; i++) {
            if (i >= a.n) {
                assert_int_equal(r.top[i].id, -1);
                continue;
            }
            uint32_t rank = 0, id = (uint32_t)r.top[i].id;
            for (uint32_t j = 0; j < a.n; j++)
                rank += logits[j] > logits[id] || (logits[j] == logits[id] && j < id);
            assert_int_equal(rank, i);
            assert_true(fabs(r.top[i].logprob - (logits[id] - log(sum))) < 4e-6);
        }
    }
}

/* What cannot be drawn is left out early: never what can. A flat row of many, u near 1. */
static void test_far_tail(void **unused)
{
    (void)unused;
    struct hz_draw_args a = plain(262144);
    fill(a.n, 0.01f, false);
    logits[77] = -10; /* the last in the order; its share is 1.7e-10, below what u can reach */
    a.u = 1 - 0x1p-24f;
    int32_t id = drawn(&a);
    uint32_t behind = 0;
    for (uint32_t i = 0; i < a.n; i++)
        behind += logits[i] < logits[id];
    assert_in_range(behind, 0, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_sort), cmocka_unit_test(test_frequencies), cmocka_unit_test(test_edits),
        cmocka_unit_test(test_order),        cmocka_unit_test(test_ties),        cmocka_unit_test(test_bad_rows),
        cmocka_unit_test(test_large_spread), cmocka_unit_test(test_logprobs),    cmocka_unit_test(test_far_tail),
    };
    int failed = 0;
    for (int r = 0; r < HZ_RUNGS; r++)
        if (hz_rung_runs((enum hz_rung)r)) {
            kern = hz_kern_table((enum hz_rung)r);
            failed += cmocka_run_group_tests_name(kern->name, tests, NULL, NULL);
        }
    return failed;
}
