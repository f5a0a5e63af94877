/* pool.h - a team of compute threads that runs one function on all of them at a time.
 *
 * The caller is thread 0; the others wait between calls, first spinning for some microseconds, then asleep. Inside the
 * function, hz_pool_barrier separates phases and hz_work_next hands out chunks of work, so that a thread that was
 * delayed takes fewer. The barrier costs 50 to 200 ns when every thread has a core, and sleeps when one has not. */
#ifndef HZ_BASE_POOL_H
#define HZ_BASE_POOL_H

#include "base/status.h"

#include <stdatomic.h>

enum { HZ_POOL_MAX = 256 };

struct hz_pool;

typedef void hz_pool_fn(struct hz_pool *pool, int thread, void *arg);

/* threads: the caller included, 1 to HZ_POOL_MAX. */
hz_status hz_pool_new(int threads, struct hz_pool **pool, struct hz_error *err);
void hz_pool_free(struct hz_pool *pool);
/* Runs fn(pool, t, arg) for t = 0 .. threads-1, t = 0 on the calling thread; returns when all are done. One caller. */
void hz_pool_run(struct hz_pool *pool, hz_pool_fn *fn, void *arg);
/* All threads of the running function meet. */
void hz_pool_barrier(struct hz_pool *pool);
/* The same, but the last one to arrive first runs last(arg, its thread) while the others wait: for work that is not
 * worth sharing, and to share out what comes next. */
void hz_pool_meet(struct hz_pool *pool, int thread, void (*last)(void *arg, int thread), void *arg);

/* Chunks 0 .. n-1 of one phase: each thread first takes its own share in order (so its data stays near), then steals
 * from the others. A work is set while nobody takes from it: before hz_pool_run, or by the last one in hz_pool_meet. */
struct hz_work {
    struct {
        _Alignas(64) _Atomic uint32_t next;
        uint32_t end;
    } share[64];
    int n_shares;
};
void hz_work_set(struct hz_work *work, uint32_t n, int threads);
/* The next chunk for this thread, or false when none is left. */
bool hz_work_next(struct hz_work *work, int thread, uint32_t *chunk);

#endif
