/* check_draw.c - the draw over a rung's sums against the draw over those of plain C. Both must pick the same id; where
 * u or top-p falls on a border between two candidates, the id that plain C picks a rounding further. Logits and scratch
 * end at a trap. What a draw must be is tested in tests/unit/kern/test_draw.c. */
#include "kcheck/kcheck.h"

#include <math.h>
#include <stdlib.h>

static int32_t draw(struct kc *c, const struct hz_kern *kern, const struct hz_draw_args *a, struct hz_draw_result *out)
{
    size_t bytes = (size_t)a->n * 2 * sizeof(float);
    float *scratch = kc_guard_alloc(bytes, 4);
    struct hz_draw_result r;
    hz_status status = hz_draw(kern, a, scratch, out ? out : &r, NULL);
    if (!kc_guard_ok(scratch, bytes, 4))
        kc_fail(c, "n %u: written behind the scratch", a->n);
    kc_guard_free(scratch, bytes, 4);
    return status == HZ_OK ? out ? out->id : r.id : status;
}

/* Whether plain C draws id a rounding away from u and top_p. */
static bool nearby(struct kc *c, const struct hz_draw_args *args, int32_t id)
{
    struct hz_draw_args a = *args;
    for (int i = 0; i < 9; i++) {
        a.u = fminf(fmaxf(args->u + 4e-6f * (float)(i % 3 - 1), 0), 1 - 0x1p-24f);
        a.top_p = args->top_p < 1 ? fmaxf(args->top_p + 2e-6f * (float)(i / 3 - 1), 0) : 1;
        if (draw(c, c->ref, &a, NULL) == id)
            return true;
    }
    return false;
}

static void check_one(struct kc *c, struct hz_draw_args *a, float *logits, struct hz_edit *edits, uint32_t *mask)
{
    float spread = kc_below(c, 2) ? 3 : 0.3f;
    for (uint32_t i = 0; i < a->n; i++)
        logits[i] = spread * kc_normal(c);
    a->n_edits = kc_below(c, 2) ? 0 : HZ_MIN(a->n, 30);
    for (uint32_t i = 0; i < a->n_edits; i++)
        edits[i] = (struct hz_edit){a->n - 1 - i, 1.5f, kc_normal(c)};
    for (uint32_t i = 0; i < (a->n + 31) / 32; i++)
        mask[i] = (uint32_t)kc_random(c) | 1;
    a->mask = kc_below(c, 4) ? NULL : mask;
    a->temperature = kc_below(c, 4) ? 0.2f + fabsf(kc_normal(c)) : 0;
    a->top_k = kc_below(c, 2) ? 0 : 1 + kc_below(c, kc_below(c, 2) ? 60 : a->n);
    a->top_p = kc_below(c, 2) ? 1 : fabsf(kc_uniform(c));
    a->min_p = kc_below(c, 3) ? 0 : 0.1f * fabsf(kc_uniform(c));
    a->u = fminf(fabsf(kc_uniform(c)), 1 - 0x1p-24f);
    a->n_top = kc_below(c, 4) ? 0 : 20;

    struct hz_draw_result got, want;
    int32_t id = draw(c, c->kern, a, &got), ref = draw(c, c->ref, a, &want);
    if (id != ref && (a->temperature == 0 || !nearby(c, a, id)))
        kc_fail(c, "n %u: id %d instead of %d", a->n, id, ref);
    for (uint32_t i = 0; i < a->n_top; i++)
        if (got.top[i].id != want.top[i].id ||
            !(got.top[i].id < 0 || fabsf(got.top[i].logprob - want.top[i].logprob) <= 4e-6f))
            kc_fail(c, "n %u: alternative %u differs", a->n, i);
}

void kc_check_draw(struct kc *c)
{
    static const uint32_t sizes[] = {1, 2, 31, 32, 33, 64, 1000, 1023, 1024, 1025, 4097, 32003};
    c->where = "draw";
    for (int round = 0; round < 400; round++) {
        uint32_t n = sizes[kc_below(c, HZ_COUNT(sizes))];
        float *logits = kc_guard_alloc(n * sizeof *logits, 4);
        struct hz_edit *edits = malloc(30 * sizeof *edits);
        uint32_t *mask = kc_guard_alloc((n + 31) / 32 * sizeof *mask, 4);
        struct hz_draw_args a = {.logits = logits, .n = n, .edits = edits};
        check_one(c, &a, logits, edits, mask);
        kc_guard_free(logits, n * sizeof *logits, 4), kc_guard_free(mask, (n + 31) / 32 * sizeof *mask, 4);
        free(edits);
    }
}
