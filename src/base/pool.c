/* pool.c - the team of compute threads.
 *
 * Every run is a new phase of one counter. Waiting is: spin for a while with pause, then sleep on the word; the last
 * one to arrive makes a system call only when somebody sleeps. Endless spinning would be no faster when every thread
 * has a core (43 to 164 ns either way, measured) and loses whole time slices when one has not. */
#include "base/pool.h"

#include "base/mem.h"
#include "base/os/sys.h"
#include "base/os/thread.h"

#include <stdio.h>
#include <stdlib.h>

struct member {
    struct hz_pool *pool;
    struct hz_thread *thread;
    int id;
};

struct hz_pool {
    int n;
    hz_pool_fn *fn;
    void *arg;
    bool quit;
    _Alignas(64) _Atomic uint32_t start; /* counts runs; workers wait for it to move */
    _Alignas(64) _Atomic uint32_t arrived;
    _Alignas(64) _Atomic uint32_t phase;
    _Alignas(64) _Atomic uint32_t sleepers;
    struct member member[HZ_POOL_MAX];
};

/* About 30 us of pauses: a pause takes 20 to 140 cycles on x86, so this is a bound on time, not a clock. */
enum { SPINS = 700 };

/* Waits until *word is no longer old. */
static void wait_change(struct hz_pool *pool, _Atomic uint32_t *word, uint32_t old)
{
    for (int i = 0; i < SPINS; i++) {
        if (atomic_load_explicit(word, memory_order_acquire) != old)
            return;
        hz_pause();
    }
    atomic_fetch_add(&pool->sleepers, 1);
    while (atomic_load(word) == old)
        hz_wait_word(word, old);
    atomic_fetch_sub(&pool->sleepers, 1);
}

/* Changes *word and wakes whoever sleeps. Sequentially consistent, so that either we see the sleeper or it sees the
 * change. */
static void change(struct hz_pool *pool, _Atomic uint32_t *word, uint32_t to)
{
    atomic_store(word, to);
    if (atomic_load(&pool->sleepers))
        hz_wake_all(word);
}

void hz_pool_meet(struct hz_pool *pool, int thread, void (*last)(void *arg, int thread), void *arg)
{
    uint32_t phase = atomic_load_explicit(&pool->phase, memory_order_relaxed);
    if (atomic_fetch_add_explicit(&pool->arrived, 1, memory_order_acq_rel) + 1 < (uint32_t)pool->n) {
        wait_change(pool, &pool->phase, phase);
        return;
    }
    atomic_store_explicit(&pool->arrived, 0, memory_order_relaxed);
    if (last)
        last(arg, thread);
    change(pool, &pool->phase, phase + 1);
}

void hz_pool_barrier(struct hz_pool *pool)
{
    hz_pool_meet(pool, 0, NULL, NULL);
}

static void worker(void *arg)
{
    struct member *m = arg;
    struct hz_pool *pool = m->pool;
    for (uint32_t seen = 0;; seen++) {
        wait_change(pool, &pool->start, seen);
        if (pool->quit)
            return;
        pool->fn(pool, m->id, pool->arg);
        hz_pool_barrier(pool);
    }
}

void hz_pool_run(struct hz_pool *pool, hz_pool_fn *fn, void *arg)
{
    pool->fn = fn;
    pool->arg = arg;
    if (pool->n > 1)
        change(pool, &pool->start, atomic_load_explicit(&pool->start, memory_order_relaxed) + 1);
    fn(pool, 0, arg);
    hz_pool_barrier(pool);
}

hz_status hz_pool_new(int threads, struct hz_pool **out, struct hz_error *err)
{
    if (threads < 1 || threads > HZ_POOL_MAX)
        return hz_fail(err, HZ_E_INVALID, "%d threads: expected 1 to %d", threads, HZ_POOL_MAX);
    struct hz_pool *pool = hz_alloc_aligned(sizeof *pool);
    if (!pool)
        return hz_fail_nomem(err, sizeof *pool);
    pool->n = 1;
    for (int i = 1; i < threads; i++) {
        struct member *m = &pool->member[i];
        *m = (struct member){pool, NULL, i};
        char name[24];
        snprintf(name, sizeof name, "hz-compute-%d", i);
        hz_status status = hz_thread_start(&m->thread, name, worker, m, err);
        if (status != HZ_OK) {
            hz_pool_free(pool);
            return status;
        }
        pool->n = i + 1;
    }
    *out = pool;
    return HZ_OK;
}

void hz_pool_free(struct hz_pool *pool)
{
    if (!pool)
        return;
    pool->quit = true;
    change(pool, &pool->start, atomic_load_explicit(&pool->start, memory_order_relaxed) + 1);
    for (int i = 1; i < pool->n; i++)
        hz_thread_join(pool->member[i].thread);
    hz_free_aligned(pool, sizeof *pool);
}

void hz_work_set(struct hz_work *work, uint32_t n, int threads)
{
    int shares = HZ_MIN(threads, (int)HZ_COUNT(work->share));
    work->n_shares = shares;
    for (int i = 0; i < shares; i++) {
        uint32_t from = (uint32_t)((uint64_t)n * (uint32_t)i / (uint32_t)shares);
        atomic_store_explicit(&work->share[i].next, from, memory_order_relaxed);
        work->share[i].end = (uint32_t)((uint64_t)n * ((uint32_t)i + 1) / (uint32_t)shares);
    }
}

bool hz_work_next(struct hz_work *work, int thread, uint32_t *chunk)
{
    for (int i = 0; i < work->n_shares; i++) {
        int s = (thread + i) % work->n_shares;
        uint32_t end = work->share[s].end;
        if (atomic_load_explicit(&work->share[s].next, memory_order_relaxed) >= end)
            continue;
        uint32_t c = atomic_fetch_add_explicit(&work->share[s].next, 1, memory_order_relaxed);
        if (c < end) {
            *chunk = c;
            return true;
        }
    }
    return false;
}
