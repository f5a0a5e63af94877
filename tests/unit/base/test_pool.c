/* The thread pool: every chunk is taken once, barriers hold, threads that slept wake up. Run under the thread sanitizer
 * as well. */
#include "base/os/thread.h"
#include "base/pool.h"

#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

enum { PHASES = 200, CHUNKS = 97 };

struct job {
    struct hz_work work;
    _Atomic uint32_t taken[CHUNKS];
    uint32_t met, threads; /* written by the last to arrive alone, read by all after that */
    _Atomic uint32_t wrong;
};

static void share_out(void *arg, int thread)
{
    struct job *j = arg;
    (void)thread;
    j->met++;
    hz_work_set(&j->work, CHUNKS, (int)j->threads);
}

static void phases(struct hz_pool *pool, int thread, void *arg)
{
    struct job *j = arg;
    for (uint32_t p = 0; p < PHASES; p++) {
        uint32_t chunk;
        while (hz_work_next(&j->work, thread, &chunk))
            atomic_fetch_add(&j->taken[chunk], 1);
        hz_pool_meet(pool, thread, share_out, j);
        if (j->met != p + 1)
            atomic_fetch_add(&j->wrong, 1);
        if (p % 50 == 0)
            hz_pool_barrier(pool);
    }
}

static void every_chunk_once(void **state)
{
    (void)state;
    static struct job j;
    for (int threads = 1; threads <= 5; threads++) {
        struct hz_pool *pool;
        assert_int_equal(hz_pool_new(threads, &pool, NULL), HZ_OK);
        for (int again = 0; again < 3; again++) {
            memset(&j, 0, sizeof j);
            j.threads = (uint32_t)threads;
            hz_work_set(&j.work, CHUNKS, threads);
            hz_pool_run(pool, phases, &j);
            for (int c = 0; c < CHUNKS; c++)
                assert_int_equal(j.taken[c], PHASES);
            assert_int_equal(j.wrong, 0);
        }
        hz_pool_free(pool);
    }
}

static void count(struct hz_pool *pool, int thread, void *arg)
{
    (void)pool, (void)thread;
    atomic_fetch_add((_Atomic uint32_t *)arg, 1);
}

static void sleepers_wake(void **state)
{
    (void)state;
    struct hz_pool *pool;
    _Atomic uint32_t n = 0;
    struct hz_mutex *m = hz_mutex_new();
    struct hz_cond *c = hz_cond_new();
    assert_int_equal(hz_pool_new(4, &pool, NULL), HZ_OK);
    for (int i = 0; i < 5; i++) {
        hz_mutex_lock(m);
        assert_false(hz_cond_wait_for(c, m, 20)); /* long enough that all workers sleep */
        hz_mutex_unlock(m);
        hz_pool_run(pool, count, &n);
    }
    assert_int_equal(n, 20);
    hz_pool_free(pool);
    hz_cond_free(c);
    hz_mutex_free(m);
}

static void limits(void **state)
{
    (void)state;
    struct hz_pool *pool;
    struct hz_error err;
    assert_int_equal(hz_pool_new(0, &pool, &err), HZ_E_INVALID);
    assert_int_equal(hz_pool_new(HZ_POOL_MAX + 1, &pool, &err), HZ_E_INVALID);
    hz_pool_free(NULL);
    struct hz_work w;
    uint32_t chunk;
    hz_work_set(&w, 0, 3);
    assert_false(hz_work_next(&w, 2, &chunk));
    hz_work_set(&w, 1, 100); /* more threads than shares */
    assert_true(hz_work_next(&w, 99, &chunk) && chunk == 0);
    assert_false(hz_work_next(&w, 0, &chunk));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_chunk_once), cmocka_unit_test(sleepers_wake),
                                       cmocka_unit_test(limits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
