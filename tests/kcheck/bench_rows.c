/* bench_rows.c - speed of attention, row kernels and draws on one thread, best of several rounds.
 *
 * Decode: rows of one token over caches far larger than the last-level cache, beside the read limit over the same
 * bytes. The next tile is prefetched as the CPU backend does. Prompt: many rows over a tile in the cache. */
#include "kcheck/kcheck.h"

#include "base/mem.h"
#include "quant/half.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ROWS = 128, MAX_DIM = 256, VOCAB = 262144, BYTES = 128 << 20 };

struct bench {
    const struct hz_kern *kern;
    enum hz_kv_type type;
    uint32_t hd, n, first, tiles; /* tiles first .. first + tiles - 1 of a call */
    size_t tile_bytes;            /* K and V */
    uint8_t *kv;
    uint32_t *order; /* tiles lie anywhere, as pages do */
    float *q, *o;
    float *x, *y, *w, *scratch;
    const struct hz_draw_args *draw;
    enum hz_act act;
    double sink;
};

typedef void work_fn(struct bench *b);

/* Seconds of one call: the best of rounds that last 0.2 s together, at least 3. */
static double best_of(struct bench *b, work_fn *work)
{
    double best = INFINITY, end = kc_clock() + 0.2;
    for (int i = 0; i < 3 || kc_clock() < end; i++) {
        double start = kc_clock();
        work(b);
        best = fmin(best, kc_clock() - start);
    }
    return best;
}

/* ---- attention ------------------------------------------------------------------------------------------------ */

static void attend(struct bench *b)
{
    struct hz_attend_row rows[MAX_ROWS];
    for (uint32_t r = 0; r < b->n; r++)
        rows[r] = (struct hz_attend_row){b->q + r * b->hd, b->o + r * b->hd, -INFINITY, 0, 0, HZ_KV_TILE};
    memset(b->o, 0, (size_t)b->n * b->hd * sizeof(float));
    for (uint32_t i = 0; i < b->tiles; i++) {
        const uint32_t *at = &b->order[b->first + i];
        const uint8_t *k = b->kv + at[0] * b->tile_bytes, *next = b->kv + at[i + 1 < b->tiles] * b->tile_bytes;
        b->kern->attend[b->type](k, k + b->tile_bytes / 2, next - k, b->hd, b->hd, 0, rows, b->n);
    }
}

static void read_tiles(struct bench *b)
{
    float sum = 0;
    for (uint32_t t = 0; t < b->tiles; t++)
        for (size_t i = 0; i < b->tile_bytes; i += 64)
            sum += *(const float *)(const void *)(b->kv + b->order[b->first + t] * b->tile_bytes + i);
    b->sink += sum;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Seconds of the median of slices of about 1 MB that go through all tiles twice. */
static double median_of(struct bench *b, work_fn *work)
{
    static double seconds[4096];
    uint32_t n = 0, all = (uint32_t)(BYTES / b->tile_bytes);
    b->tiles = (uint32_t)((1 << 20) / b->tile_bytes);
    for (int round = 0; round < 2; round++)
        for (b->first = 0; b->first + b->tiles <= all && n < HZ_COUNT(seconds); b->first += b->tiles) {
            double start = kc_clock();
            work(b);
            seconds[n++] = kc_clock() - start;
        }
    qsort(seconds, n, sizeof *seconds, by_size);
    return seconds[n / 2];
}

static void say_attend(const struct bench *b, const char *where, double s, double limit)
{
    printf("  attend %s head_dim %3u, %2u rows, %s: %5.1f GFLOP/s", b->type == HZ_KV_F32 ? "f32" : "f16", b->hd, b->n,
           where, 4e-9 * b->n * b->hd * HZ_KV_TILE * b->tiles / s);
    double gb = 1e-9 * (double)b->tile_bytes * b->tiles;
    if (limit > 0)
        printf(", %4.1f GB/s of %4.1f", gb / s, gb / limit);
    printf("\n");
}

static void bench_attend(struct bench *b)
{
    static const uint32_t decode[] = {1, 4, 8}, prompt[] = {4, 12, 64};
    b->tile_bytes = 2 * HZ_KV_TILE * b->hd * (b->type == HZ_KV_F32 ? sizeof(float) : sizeof(uint16_t));
    for (size_t i = 0; i < HZ_COUNT(decode); i++) {
        b->n = decode[i];
        double s = median_of(b, attend);
        say_attend(b, "memory", s, median_of(b, read_tiles));
    }
    for (size_t i = 0; i < HZ_COUNT(prompt); i++) {
        b->n = prompt[i], b->first = 0, b->tiles = 1;
        say_attend(b, "cache", best_of(b, attend), 0);
    }
}

static void bench_attention(struct bench *b)
{
    struct kc c = {.rng = 1};
    b->kv = hz_alloc_aligned(BYTES);
    b->order = malloc(BYTES / 4096 * sizeof *b->order);
    b->q = hz_alloc_aligned(2 * MAX_ROWS * MAX_DIM * sizeof(float));
    b->o = b->q + MAX_ROWS * MAX_DIM;
    for (int i = 0; i < MAX_ROWS * MAX_DIM; i++)
        b->q[i] = 0.1f * kc_normal(&c);
    for (int type = 0; type < HZ_KV_TYPES; type++) {
        b->type = (enum hz_kv_type)type;
        for (size_t i = 0; i < BYTES / 4; i++) { /* f32, or two f16, of 0.5 to 1 */
            uint32_t half = 0x3800u | (uint32_t)(i * 2654435761u >> 22);
            float f = 0.5f + (float)(i % 1024) / 2048;
            memcpy(b->kv + i * 4, type == HZ_KV_F32 ? (void *)&f : (void *)&(uint32_t){half << 16 | half}, 4);
        }
        for (b->hd = 64; b->hd <= MAX_DIM; b->hd *= 2) {
            uint32_t all = (uint32_t)(BYTES / (2 * (type == HZ_KV_F32 ? 4 : 2) * HZ_KV_TILE * b->hd));
            for (uint32_t i = 0; i < all; i++)
                b->order[i] = i;
            for (uint32_t i = all - 1; i > 0; i--) {
                uint32_t j = kc_below(&c, i + 1), t = b->order[i];
                b->order[i] = b->order[j], b->order[j] = t;
            }
            bench_attend(b);
        }
    }
    hz_free_aligned(b->kv, BYTES);
    hz_free_aligned(b->q, 2 * MAX_ROWS * MAX_DIM * sizeof(float));
    free(b->order);
}

/* ---- rows ------------------------------------------------------------------------------------------------------ */

static void rms_norm(struct bench *b)
{
    b->kern->rms_norm(b->x, b->w, NULL, 1e-5f, b->y, 4096);
}
static void layer_norm(struct bench *b)
{
    b->kern->layer_norm(b->x, b->w, b->w, 1e-5f, b->y, 4096);
}
static void add(struct bench *b)
{
    b->kern->add(b->x, 1, b->w, 1, b->y, 4096);
}
static void glu(struct bench *b)
{
    b->kern->glu(b->act, b->x, b->w, b->y, 4096);
}
static void argmax(struct bench *b)
{
    b->sink += b->kern->argmax(b->x, VOCAB);
}
static void log_sum_exp(struct bench *b)
{
    b->sink += b->kern->log_sum_exp(b->x, VOCAB);
}
static void draw(struct bench *b)
{
    struct hz_draw_result r;
    hz_draw(b->kern, b->draw, b->scratch, &r, NULL);
    b->sink += r.id;
}

static void say(struct bench *b, const char *name, work_fn *work, double n)
{
    double s = best_of(b, work);
    printf("  %-34s %8.2f us, %5.2f elements/ns\n", name, 1e6 * s, 1e-9 * n / s);
}

static void bench_draws(struct bench *b)
{
    static struct hz_edit edits[256];
    for (uint32_t i = 0; i < HZ_COUNT(edits); i++)
        edits[i] = (struct hz_edit){i * 1000, 1.1f, 0};
    uint32_t *mask = malloc(VOCAB / 8);
    memset(mask, 0x7f, VOCAB / 8);
    struct hz_draw_args plain = {.logits = b->x, .n = VOCAB, .temperature = 1, .top_p = 1, .u = 0.7f}, a = plain;
    b->draw = &a;
    a.temperature = 0;
    say(b, "draw, greedy", draw, VOCAB);
    a.edits = edits, a.n_edits = HZ_COUNT(edits);
    say(b, "draw, greedy, 256 edits", draw, VOCAB);
    a.mask = mask;
    say(b, "draw, greedy, edits and mask", draw, VOCAB);
    a = plain;
    say(b, "draw, temperature 1", draw, VOCAB);
    a.top_k = 40;
    say(b, "draw, top-k 40", draw, VOCAB);
    a.top_p = 0.95f;
    say(b, "draw, top-k 40, top-p 0.95", draw, VOCAB);
    a.top_k = 0;
    say(b, "draw, top-p 0.95", draw, VOCAB);
    a.temperature = 0.7f, a.edits = edits, a.n_edits = HZ_COUNT(edits);
    say(b, "draw, top-p, edits, temperature 0.7", draw, VOCAB);
    a = plain, a.min_p = 0.05f;
    say(b, "draw, min-p 0.05", draw, VOCAB);
    a.top_k = 100000, a.min_p = 0;
    say(b, "draw, top-k 100000", draw, VOCAB);
    a = plain, a.n_top = 20;
    say(b, "draw, temperature 1, 20 logprobs", draw, VOCAB);
    for (uint32_t i = 0; i < VOCAB; i++)
        b->x[i] *= 0.1f;
    a = plain;
    say(b, "draw, temperature 1, flat", draw, VOCAB);
    a.top_p = 0.95f;
    say(b, "draw, top-p 0.95, flat", draw, VOCAB);
    free(mask);
}

static void bench_row_kernels(struct bench *b)
{
    struct kc c = {.rng = 1};
    size_t bytes = 5 * (size_t)VOCAB * sizeof(float);
    b->x = hz_alloc_aligned(bytes);
    b->y = b->x + VOCAB, b->w = b->y + VOCAB, b->scratch = b->w + VOCAB;
    for (uint32_t i = 0; i < VOCAB; i++) { /* logits as models give them: some 50 stand out and weigh 0.97 together */
        b->x[i] = 2 * kc_normal(&c) + (kc_below(&c, 5000) ? 0 : 12);
        b->w[i] = kc_normal(&c);
    }
    say(b, "rms_norm 4096", rms_norm, 4096);
    say(b, "layer_norm 4096", layer_norm, 4096);
    say(b, "add 4096", add, 4096);
    b->act = HZ_ACT_SILU;
    say(b, "glu silu 4096", glu, 4096);
    b->act = HZ_ACT_GELU_TANH;
    say(b, "glu gelu_tanh 4096", glu, 4096);
    b->act = HZ_ACT_GELU;
    say(b, "glu gelu 4096", glu, 4096);
    say(b, "argmax 262144", argmax, VOCAB);
    say(b, "log_sum_exp 262144", log_sum_exp, VOCAB);
    bench_draws(b);
    hz_free_aligned(b->x, bytes);
}

void kc_bench_rows(const struct hz_kern *kern)
{
    struct bench b = {.kern = kern};
    bench_row_kernels(&b);
    bench_attention(&b);
}
