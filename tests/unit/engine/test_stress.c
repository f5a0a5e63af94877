/* 10,000 requests from four threads on the null backend: prompts that fork from one another, a pool that is much too
 * small, windows, a rope limit, random cancelling and slow readers. Each finished one must have the ids that it has
 * alone in a fresh engine, and in the end every block must be back. */
#include "unit/engine/toy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#ifdef __SANITIZE_THREAD__
enum { EACH = 500 }; /* races show sooner than wrong pages, and everything takes ten times as long */
#else
enum { EACH = 2500 };
#endif
enum { VOCAB = 61, THREADS = 4, FLYING = 8, CONTEXT = 288, BASES = 12 };

struct job { /* all a request depends on */
    int32_t ids[CONTEXT];
    uint32_t n, max_tokens, seed;
    float temperature, repetition;
    bool cancel;
};

struct worker {
    hz_engine *engine;
    const struct toy *toy;
    uint64_t random;
    size_t wrong, finished, cancelled;
    struct hz_thread *thread;
    struct toy_answer got, want; /* too large for a thread's stack */
};

static uint32_t below(struct worker *w, uint32_t n)
{
    w->random = w->random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((w->random >> 33) % n);
}

/* A prompt begins as one of the bases does, for a random length, and goes on at random. */
static void make_job(struct worker *w, struct job *j)
{
    uint32_t shared = below(w, 130), more = below(w, 30);
    toy_ids(j->ids, CONTEXT, VOCAB, below(w, BASES));
    toy_ids(j->ids + shared, more + 1, VOCAB, w->random);
    j->n = shared + more + 1;
    j->max_tokens = below(w, HZ_MIN(CONTEXT - j->n, 120u));
    j->seed = below(w, 1000);
    j->temperature = below(w, 2) ? 0.9f : 0;
    j->repetition = below(w, 3) ? 1 : 1.2f;
    j->cancel = below(w, 5) == 0;
}

static struct hz_request_options job_options(const struct job *j)
{
    struct hz_request_options o = toy_options(j->ids, j->n, (int32_t)j->max_tokens);
    o.sampling.temperature = j->temperature;
    o.sampling.seed = j->seed;
    o.sampling.repetition_penalty = j->repetition;
    return o;
}

static void check_job(struct worker *w, const struct job *j, hz_request *r)
{
    struct hz_request_options o = job_options(j);
    if (j->cancel) /* once more is fine */
        hz_request_cancel(r);
    toy_read(r, &w->got);
    hz_request_free(r);
    struct toy big = *w->toy;
    big.blocks = 0;
    big.options = (struct hz_engine_options){.context = CONTEXT, .max_seqs = 1, .no_prefix_cache = true};
    hz_engine *fresh = toy_engine(&big);
    toy_run(fresh, &o, &w->want);
    hz_engine_close(fresh);
    bool done = w->got.finish == HZ_FINISH_LENGTH;
    w->finished += done;
    w->cancelled += w->got.finish == HZ_FINISH_CANCELLED;
    bool right = done ? w->got.n == w->want.n : w->got.finish == HZ_FINISH_CANCELLED && w->got.n <= w->want.n;
    w->wrong += !right || memcmp(w->got.ids, w->want.ids, w->got.n * sizeof *w->got.ids) != 0;
}

static void work(void *arg)
{
    struct worker *w = arg;
    struct job jobs[FLYING];
    hz_request *flying[FLYING] = {0};
    for (uint32_t i = 0; i < EACH + FLYING; i++) {
        uint32_t at = i < EACH ? below(w, FLYING) : i - EACH;
        if (flying[at])
            check_job(w, &jobs[at], flying[at]);
        flying[at] = NULL;
        if (i >= EACH)
            continue;
        make_job(w, &jobs[at]);
        struct hz_request_options o = job_options(&jobs[at]);
        flying[at] = toy_start(w->engine, &o);
        if (jobs[at].cancel && jobs[at].seed % 2)
            hz_request_cancel(flying[at]);
    }
}

static void test_stress(void **state)
{
    (void)state;
    static struct worker workers[THREADS];
    struct toy t = {.n_layers = 3,
                    .windows = {0, 40, 70},
                    .rope_limit = 150,
                    .blocks = 36,
                    .chunk = 23,
                    .options = {.max_seqs = 9, .batch_tokens = 40, .context = CONTEXT}};
    hz_engine *e = toy_engine(&t);
    size_t finished = 0, cancelled = 0;
    for (uint32_t i = 0; i < THREADS; i++) {
        struct hz_error err;
        workers[i] = (struct worker){.engine = e, .toy = &t, .random = 1000 + i};
        assert_int_equal(hz_thread_start(&workers[i].thread, "worker", work, &workers[i], &err), HZ_OK);
    }
    for (uint32_t i = 0; i < THREADS; i++) {
        hz_thread_join(workers[i].thread);
        assert_int_equal(workers[i].wrong, 0);
        finished += workers[i].finished;
        cancelled += workers[i].cancelled;
    }
    struct hz_engine_counts c = toy_counts(e);
    print_message("%zu finished, %zu cancelled, %llu preempted, %llu restarted, %llu of %llu prompt tokens reused, "
                  "%llu blocks evicted, %llu steps\n",
                  finished, cancelled, (unsigned long long)c.preempted, (unsigned long long)c.restarted,
                  (unsigned long long)c.cached_tokens, (unsigned long long)c.prompt_tokens,
                  (unsigned long long)c.cache.evicted, (unsigned long long)c.steps);
    assert_int_equal(finished + cancelled, THREADS * EACH);
    assert_int_equal(c.finished, THREADS * EACH);
    assert_int_equal(c.cache.used, 0);
    assert_int_equal(c.cache.free + c.cache.cached, c.cache.blocks);
    assert_true(c.preempted > EACH / 25 && c.restarted > EACH / 25 && c.cached_tokens > EACH * 4 &&
                cancelled > EACH / 5);
    hz_engine_close(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_stress)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
