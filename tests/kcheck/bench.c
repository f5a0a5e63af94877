/* bench.c - speed of the products: GB/s of weights for one row of x from memory beside the read limit, and GOP/s for
 * more rows. Best of several rounds; on a machine that others use, compare within one run only. */
#define _GNU_SOURCE
#include "kcheck/kcheck.h"

#include "base/mem.h"
#include "base/os/thread.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_THREADS = 64, ROUNDS = 5, K = 2048 };

struct job {
    const struct hz_kern *kern;
    enum hz_dtype type;
    const uint8_t *tiles;
    uint32_t n_tiles, n, threads, rounds;
    struct hz_panel panel;
    float *y;
    _Atomic uint32_t arrived;
    _Atomic uint32_t phase;
    _Atomic uint64_t sink;
    double best;
};

struct member {
    struct job *job;
    uint32_t id;
};

static void barrier(struct job *j)
{
    uint32_t phase = j->phase;
    if (atomic_fetch_add(&j->arrived, 1) + 1 == j->threads) {
        j->arrived = 0;
        j->phase = phase + 1;
    }
    while (j->phase == phase)
        hz_pause();
}

/* Rows of x are taken in spans that stay in the L2 cache while all tiles pass. */
static void multiply(struct job *j, uint32_t from, uint32_t to)
{
    const struct hz_linear_kern *linear = &j->kern->linear[j->type];
    size_t tile = hz_tile_bytes(linear, K), ldy = (size_t)j->n_tiles * HZ_TILE;
    uint32_t blocks = hz_panel_blocks(&j->panel), span = HZ_MAX(1, 96 / j->panel.at_once);
    for (uint32_t b0 = 0; b0 < blocks; b0 += span)
        for (uint32_t i = from; i < to; i++)
            for (uint32_t b = b0; b < HZ_MIN(b0 + span, blocks); b++)
                linear->mul(j->tiles + i * tile, K, &j->panel, b,
                            j->y + (size_t)b * j->panel.at_once * ldy + i * HZ_TILE, ldy);
}

static void read_all(struct job *j, uint32_t from, uint32_t to)
{
    size_t tile = hz_tile_bytes(&j->kern->linear[j->type], K);
    const uint64_t *p = (const void *)(j->tiles + from * tile), *end = (const void *)(j->tiles + to * tile);
    uint64_t s[8] = {0};
    for (; p + 8 <= end; p += 8)
        for (int i = 0; i < 8; i++)
            s[i] += p[i];
    for (int i = 0; i < 8; i++)
        atomic_fetch_add(&j->sink, s[i]);
}

static void work(void *arg)
{
    struct member *m = arg;
    struct job *j = m->job;
    uint32_t from = (uint32_t)((uint64_t)j->n_tiles * m->id / j->threads),
             to = (uint32_t)((uint64_t)j->n_tiles * (m->id + 1) / j->threads);
    for (uint32_t r = 0; r < j->rounds; r++) {
        barrier(j);
        double start = kc_clock();
        if (j->n)
            multiply(j, from, to);
        else
            read_all(j, from, to);
        barrier(j);
        double s = kc_clock() - start;
        if (!m->id && (!r || s < j->best))
            j->best = s;
    }
}

static double run(struct job *j)
{
    struct hz_thread *threads[MAX_THREADS];
    struct member members[MAX_THREADS];
    j->arrived = j->phase = 0;
    for (uint32_t i = 0; i < j->threads; i++) {
        members[i] = (struct member){j, i};
        if (i && hz_thread_start(&threads[i], "bench", work, &members[i], NULL) != HZ_OK)
            exit(2);
    }
    work(&members[0]);
    for (uint32_t i = 1; i < j->threads; i++)
        hz_thread_join(threads[i]);
    return j->best;
}

static double seconds(struct job *j, uint32_t n, uint32_t n_tiles, const float *x)
{
    enum hz_xform form = j->kern->linear[j->type].form;
    size_t bytes = n ? j->kern->panel_bytes(form, K, n) : 64;
    j->n = n;
    j->n_tiles = n_tiles;
    uint8_t *data = hz_alloc_aligned(bytes);
    if (n)
        j->panel = hz_panel_over(j->kern, form, K, n, data);
    for (uint32_t i = 0; i < n; i++)
        j->kern->panel_put(&j->panel, i, x);
    double s = run(j);
    hz_free_aligned(data, bytes);
    return s;
}

static void bench_type(const struct hz_kern *kern, enum hz_dtype type, uint32_t threads)
{
    static const uint32_t rows[] = {2, 4, 8, 16, 32, 64, 512};
    const struct hz_linear_kern *linear = &kern->linear[type];
    size_t tile = hz_tile_bytes(linear, K), bytes = (size_t)160 << 20;
    uint32_t all = (uint32_t)(bytes / tile), few = 64;
    struct kc c = {.rng = 1};
    uint8_t *tiles = hz_alloc_aligned(all * tile);
    float x[K];
    for (size_t i = 0; i + 8 <= all * tile;
         i += 8) { /* halves and floats of 2^-15 .. 2: nothing that slows arithmetic */
        uint64_t v = (kc_random(&c) & 0x83ff83ff83ff83ffu) | 0x3800380038003800u;
        memcpy(tiles + i, &v, 8);
    }
    for (int i = 0; i < K; i++)
        x[i] = kc_normal(&c);
    struct job j = {.kern = kern, .type = type, .tiles = tiles, .threads = threads, .rounds = ROUNDS};
    j.y = hz_alloc_aligned((size_t)512 * HZ_TILE * few * sizeof *j.y + (size_t)all * HZ_TILE * 64 * sizeof *j.y);
    double limit = (double)(all * tile) / seconds(&j, 0, all, x) * 1e-9;
    double one = (double)(all * tile) / seconds(&j, 1, all, x) * 1e-9;
    printf("  %-5s read %5.1f, one row %5.1f GB/s (%3.0f %%)", hz_dtype_info(type)->name, limit, one,
           one / limit * 100);
    j.rounds = 50;
    printf(", cached %5.1f; GOP/s", (double)(few * tile) / seconds(&j, 1, few, x) * 1e-9);
    for (size_t i = 0; i < HZ_COUNT(rows); i++) {
        j.rounds = HZ_MAX(3, 512 / rows[i]);
        printf(" %u: %.0f", rows[i], 2e-9 * rows[i] * K * HZ_TILE * few / seconds(&j, rows[i], few, x));
        fflush(stdout);
    }
    printf("\n");
    hz_free_aligned(j.y, (size_t)512 * HZ_TILE * few * sizeof *j.y + (size_t)all * HZ_TILE * 64 * sizeof *j.y);
    hz_free_aligned(tiles, all * tile);
}

void kc_bench_linear(const struct hz_kern *kern, int threads, const char *only)
{
    for (int type = 0; type < HZ_DTYPES; type++)
        if (kern->linear[type].mul && (!only || !strcmp(only, hz_dtype_info((enum hz_dtype)type)->name)))
            bench_type(kern, (enum hz_dtype)type, (uint32_t)HZ_MAX(1, HZ_MIN(threads, MAX_THREADS)));
}
