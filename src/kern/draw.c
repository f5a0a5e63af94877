/* draw.c - one draw from a row of logits. Nothing is ever sorted as a whole: top-k, top-p and the draw itself all ask
 * for a prefix of the order "largest first, lowest id first among equals", which a quickselect finds in linear time,
 * and what cannot lie in that prefix is left out before by one comparison. */
#include "kern/kern.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { SMALL = 16, LANES = 16, STEPS = 64 };

/* Candidates in parallel arrays, so that their weights exp((key - top) * mul) can be summed by a kernel. */
struct pool {
    const struct hz_kern *kern;
    float *key;
    uint32_t *id;
    uint32_t n;
    float top, mul;
};

static bool before(float key_a, uint32_t id_a, float key_b, uint32_t id_b)
{
    return key_a > key_b || (key_a == key_b && id_a < id_b);
}

static bool comes(const struct pool *c, uint32_t i, uint32_t j) /* i before j */
{
    return before(c->key[i], c->id[i], c->key[j], c->id[j]);
}

static void swap(struct pool *c, uint32_t i, uint32_t j)
{
    float key = c->key[i];
    uint32_t id = c->id[i];
    c->key[i] = c->key[j], c->id[i] = c->id[j];
    c->key[j] = key, c->id[j] = id;
}

static double weight(const struct pool *c, uint32_t from, uint32_t to)
{
    return c->kern->exp_sum(c->key + from, c->top, c->mul, to - from);
}

/* Keeps of n keys the finite ones from `floor` up; ids NULL: their indices. keys and ids may be the pool's own. */
static void collect(struct pool *c, const float *keys, const uint32_t *ids, uint32_t n, float floor)
{
    uint32_t kept = 0;
    floor = fmaxf(floor, -FLT_MAX);
    for (uint32_t i = 0; i < n; i += STEPS) {
        uint32_t end = HZ_MIN(i + STEPS, n), hits = 0;
        for (uint32_t j = i; j < end; j++) /* vectorized; mostly 0 */
            hits += keys[j] >= floor;
        for (uint32_t j = i; hits && j < end;
             j++) { /* without a branch on the key, which would often be mispredicted */
            float key = keys[j];
            c->key[kept] = key, c->id[kept] = ids ? ids[j] : j;
            kept += (key >= floor) & (key <= FLT_MAX);
        }
    }
    c->n = kept;
}

/* Hoare's partition around the median of three: lo < result < hi, and all of lo..result comes before the rest. */
static uint32_t split(struct pool *c, uint32_t lo, uint32_t hi)
{
    uint32_t mid = lo + (hi - lo) / 2, last = hi - 1;
    if (comes(c, mid, lo))
        swap(c, mid, lo);
    if (comes(c, last, mid))
        swap(c, last, mid);
    if (comes(c, mid, lo))
        swap(c, mid, lo);
    float key = c->key[mid];
    uint32_t id = c->id[mid];
    for (uint32_t i = lo, j = hi - 1;; i++, j--) {
        while (before(c->key[i], c->id[i], key, id))
            i++;
        while (before(key, id, c->key[j], c->id[j]))
            j--;
        if (i >= j)
            return j + 1;
        swap(c, i, j);
    }
}

static void sort(struct pool *c, uint32_t lo, uint32_t hi)
{
    for (uint32_t i = lo + 1; i < hi; i++)
        for (uint32_t j = i; j > lo && comes(c, j, j - 1); j--)
            swap(c, j - 1, j);
}

/* The shortest prefix of the order that has `count` candidates or weighs more than `mass`; all if none does. Its
 * members come to the front of the pool in any order, but its last member last. Returns its length, at least 1. */
static uint32_t prefix(struct pool *c, uint32_t count, double mass)
{
    uint32_t lo = 0, hi = c->n; /* lo members are known; the prefix ends at hi or before */
    while (hi - lo > SMALL) {
        uint32_t mid = split(c, lo, hi);
        double part = mass < INFINITY ? weight(c, lo, mid) : 0;
        if (mid >= count || part > mass)
            hi = mid;
        else
            lo = mid, mass -= part;
    }
    sort(c, lo, hi);
    for (; lo + 1 < HZ_MIN(hi, count); lo++) {
        mass -= mass < INFINITY ? weight(c, lo, lo + 1) : 0;
        if (mass < 0)
            break;
    }
    return lo + 1;
}

/* A bound that at least k keys reach and not many more: the k-th largest of the maxima of disjoint groups of keys.
 * space: n / STEPS * 2 floats. */
static float floor_of_top(const struct hz_kern *kern, const float *x, uint32_t n, uint32_t k, float *space)
{
    uint32_t groups = n / (LANES * STEPS) * LANES;
    if (k > groups)
        return -FLT_MAX;
    struct pool c = {.kern = kern, .key = space, .id = (uint32_t *)(space + groups), .n = groups};
    for (uint32_t g = 0; g < groups; g += LANES, x += LANES * STEPS) {
        float top[LANES];
        memcpy(top, x, sizeof top);
        for (uint32_t s = 1; s < STEPS; s++)
            for (uint32_t l = 0; l < LANES; l++)
                top[l] = x[s * LANES + l] > top[l] ? x[s * LANES + l] : top[l];
        for (uint32_t l = 0; l < LANES; l++) /* a NaN that came first hides its group, which only lowers the bound */
            c.key[g + l] = top[l] >= -FLT_MAX ? top[l] : -FLT_MAX, c.id[g + l] = g + l;
    }
    return c.key[prefix(&c, k, INFINITY) - 1];
}

/* The k largest finite of x, in any order but the last. */
static void collect_top(struct pool *c, const float *x, uint32_t n, uint32_t k)
{
    collect(c, x, NULL, n, floor_of_top(c->kern, x, n, k, (float *)c->id));
    c->n = c->n ? prefix(c, k, INFINITY) : 0;
}

/* Draws one candidate of x, whose largest is finite. x may be the pool's keys. */
static uint32_t draw(const struct hz_draw_args *a, struct pool *c, const float *x)
{
    double total;
    if (a->top_k && a->top_k < a->n) {
        collect_top(c, x, a->n, a->top_k);
        total = weight(c, 0, c->n);
    } else {
        /* Keys below the floor weigh together less than what top-p cuts off, or than what lies above u: neither the
         * cut nor the draw can reach them. 0.99 is room for rounding. */
        total = c->kern->exp_sum(x, c->top, c->mul, a->n);
        double tail = a->top_p < 1 ? 1 - (double)a->top_p : a->min_p > 0 ? 0 : 1 - (double)a->u;
        double share = fmax(0.99 * tail * total / a->n, a->min_p);
        collect(c, x, NULL, a->n, (float)(c->top + a->temperature * log(share)));
    }
    if (a->min_p > 0)
        collect(c, c->key, c->id, c->n, (float)(c->top + a->temperature * log(a->min_p)));
    if (a->top_p < 1) /* a share that reaches top_p but for rounding has reached it */
        c->n = prefix(c, c->n, a->top_p * (1 - 1e-6) * total);
    if (a->min_p > 0 || a->top_p < 1)
        total = weight(c, 0, c->n);
    return c->id[prefix(c, c->n, a->u * total) - 1];
}

/* The logits as edits and mask leave them, and without +inf, into x. */
static void edit(const struct hz_draw_args *a, float *x)
{
    for (uint32_t i = 0; i < a->n; i++)
        x[i] = a->logits[i] > FLT_MAX ? -INFINITY : a->logits[i];
    for (uint32_t i = 0; i < a->n_edits; i++) {
        const struct hz_edit *e = &a->edits[i];
        float y = (x[e->id] > 0 ? x[e->id] / e->mul : x[e->id] * e->mul) + e->add;
        x[e->id] = y > FLT_MAX ? -INFINITY : y;
    }
    for (uint32_t i = 0; a->mask && i < a->n; i += 32) {
        uint32_t banned = ~a->mask[i / 32] & (a->n - i < 32 ? (1u << (a->n - i)) - 1 : UINT32_MAX);
        for (; banned; banned &= banned - 1)
            x[i + (uint32_t)__builtin_ctz(banned)] = -INFINITY;
    }
}

static hz_status check(const struct hz_draw_args *a, struct hz_error *err)
{
    if (a->n == 0 || a->n > INT32_MAX)
        return hz_fail(err, HZ_E_INVALID, "draw: %u logits", a->n);
    if (!(a->temperature >= 0 && a->temperature <= FLT_MAX))
        return hz_fail(err, HZ_E_INVALID, "draw: temperature %g is not a finite number from 0 up",
                       (double)a->temperature);
    if (!(a->top_p >= 0 && a->top_p <= 1) || !(a->min_p >= 0 && a->min_p <= 1))
        return hz_fail(err, HZ_E_INVALID, "draw: top_p %g or min_p %g is not in 0 to 1", (double)a->top_p,
                       (double)a->min_p);
    if (!(a->u >= 0 && a->u < 1))
        return hz_fail(err, HZ_E_INVALID, "draw: random number %g is not in 0 to 1", (double)a->u);
    if (a->n_top > HZ_COUNT(((struct hz_draw_result *)0)->top))
        return hz_fail(err, HZ_E_INVALID, "draw: %u alternatives, at most %zu", a->n_top,
                       HZ_COUNT(((struct hz_draw_result *)0)->top));
    for (uint32_t i = 0; i < a->n_edits; i++)
        if (a->edits[i].id >= a->n)
            return hz_fail(err, HZ_E_INVALID, "draw: edit of id %u among %u logits", a->edits[i].id, a->n);
    return HZ_OK;
}

/* The logprobs wanted, of the model's own logits. */
static void logprobs(const struct hz_draw_args *a, struct pool *c, struct hz_draw_result *out)
{
    float sum = c->kern->log_sum_exp(a->logits, a->n);
    out->logprob = a->logits[out->id] - sum;
    if (a->n_top == 0)
        return;
    collect_top(c, a->logits, a->n, a->n_top);
    sort(c, 0, c->n);
    for (uint32_t i = 0; i < a->n_top; i++) {
        bool is = i < c->n;
        out->top[i].id = is ? (int32_t)c->id[i] : -1;
        out->top[i].logprob = is ? c->key[i] - sum : -INFINITY;
    }
}

hz_status hz_draw(const struct hz_kern *kern, const struct hz_draw_args *args, float *scratch,
                  struct hz_draw_result *out, struct hz_error *err)
{
    HZ_TRY(check(args, err));
    struct pool c = {.kern = kern, .key = scratch, .id = (uint32_t *)(scratch + args->n)};
    const float *x = args->logits;
    int32_t top = kern->argmax(x, args->n);
    if (args->n_edits || args->mask || (top >= 0 && x[top] > FLT_MAX)) {
        edit(args, scratch);
        x = scratch;
        top = kern->argmax(x, args->n);
    }
    if (top < 0 || x[top] < -FLT_MAX)
        return hz_fail(err, HZ_E_INVALID, "draw: none of %u logits is a finite number that may be drawn", args->n);
    out->id = top;
    if (args->temperature > 0 && args->top_k != 1) {
        c.top = x[top];
        c.mul = fminf(1 / args->temperature, FLT_MAX);
        out->id = (int32_t)draw(args, &c, x);
    }
    if (args->logprob || args->n_top)
        logprobs(args, &c, out);
    return HZ_OK;
}
