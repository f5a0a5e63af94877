/* Requests on the null backend, whose logits show every error of paging, windows, prefixes and rope choices. */
#include "unit/engine/toy.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void assert_same_ids(const struct toy_answer *a, const struct toy_answer *b)
{
    assert_int_equal(a->n, b->n);
    assert_memory_equal(a->ids, b->ids, a->n * sizeof *a->ids);
}

/* What a request gives alone in a fresh engine, in one chunk. */
static void alone(const struct toy *t, const struct hz_request_options *o, struct toy_answer *a)
{
    struct toy big = *t;
    big.blocks = 0;
    big.chunk = 0;
    big.options.batch_tokens = 512;
    big.options.no_prefix_cache = true;
    hz_engine *e = toy_engine(&big);
    toy_run(e, o, a);
    hz_engine_close(e);
}

static void test_one_request(void **state)
{
    (void)state;
    struct toy t = {0};
    int32_t ids[70];
    struct toy_answer a, b;
    toy_ids(ids, 70, 61, 1);
    struct hz_request_options o = toy_options(ids, 70, 20);
    hz_engine *e = toy_engine(&t);
    toy_run(e, &o, &a);
    assert_int_equal(a.n, 20);
    assert_int_equal(a.finish, HZ_FINISH_LENGTH);
    assert_int_equal(a.usage.prompt_tokens, 70);
    assert_int_equal(a.usage.completion_tokens, 20);
    assert_int_equal(a.usage.cached_tokens, 0);
    assert_true(a.usage.queue_s >= 0 && a.usage.prompt_s >= 0 && a.usage.decode_s >= 0);
    alone(&t, &o, &b);
    assert_same_ids(&a, &b);
    hz_engine_close(e);
}

/* max_tokens is exact: 0, 1, as many as asked, never more than the context. */
static void test_max_tokens(void **state)
{
    (void)state;
    struct toy t = {.options.context = 100};
    int32_t ids[100];
    struct toy_answer a;
    toy_ids(ids, 100, 61, 2);
    hz_engine *e = toy_engine(&t);
    for (int32_t n = 0; n < 4; n++) {
        struct hz_request_options o = toy_options(ids, 33, n);
        toy_run(e, &o, &a);
        assert_int_equal(a.n, n);
        assert_int_equal(a.finish, HZ_FINISH_LENGTH);
    }
    struct hz_request_options o = toy_options(ids, 90, -1);
    toy_run(e, &o, &a);
    assert_int_equal(a.n, 10);
    o = toy_options(ids, 100, 5);
    toy_run(e, &o, &a);
    assert_int_equal(a.n, 0);
    assert_int_equal(a.finish, HZ_FINISH_LENGTH);
    hz_engine_close(e);
}

static void refused(hz_engine *e, const struct hz_request_options *o, hz_status status, const char *word)
{
    struct hz_error err = {0};
    hz_request *r = NULL;
    assert_int_equal(hz_request_start(e, o, &r, &err), status);
    if (!strstr(err.text, word))
        fail_msg("'%s' should name %s", err.text, word);
}

static void test_refusals(void **state)
{
    (void)state;
    struct toy t = {.options.context = 64};
    int32_t ids[65];
    hz_engine *e = toy_engine(&t);
    toy_ids(ids, 65, 61, 3);
    struct hz_request_options o = toy_options(ids, 65, 1);
    refused(e, &o, HZ_E_LIMIT, "65 tokens");
    o = toy_options(ids, 0, 1);
    refused(e, &o, HZ_E_INVALID, "no tokens");
    ids[3] = 61;
    o = toy_options(ids, 5, 1);
    refused(e, &o, HZ_E_INVALID, "id 61 at place 3");
    ids[3] = -1;
    refused(e, &o, HZ_E_INVALID, "id -1");
    ids[3] = 0;
    struct hz_bias bias = {61, 1};
    o.sampling.bias = &bias;
    o.sampling.n_bias = 1;
    refused(e, &o, HZ_E_INVALID, "bias for id 61");
    o.sampling.n_bias = 0;
    o.sampling.top_p = 1.5f;
    refused(e, &o, HZ_E_INVALID, "top_p");
    o.sampling.top_p = -1;
    o.sampling.repetition_penalty = 0;
    refused(e, &o, HZ_E_INVALID, "repetition_penalty");
    o.sampling.repetition_penalty = -1;
    o.top_logprobs = 21;
    refused(e, &o, HZ_E_INVALID, "top_logprobs");
    o.top_logprobs = 0;
    o.model = "other";
    refused(e, &o, HZ_E_NOTFOUND, "other");
    o.model = NULL;
    o.text = "both";
    refused(e, &o, HZ_E_INVALID, "one of ids");
    o.ids = NULL;
    refused(e, &o, HZ_E_UNSUPPORTED, "no tokenizer");
    o = toy_options(ids, 5, 1);
    o.stop = &(const char *){""};
    o.n_stop = 1;
    refused(e, &o, HZ_E_INVALID, "stop string");
    o.n_stop = 0;
    o.size = 4;
    refused(e, &o, HZ_E_INVALID, "size");
    hz_engine_close(e);
}

/* An options struct of another version: shorter is filled up, longer must have zeros where this version ends. */
static void test_option_sizes(void **state)
{
    (void)state;
    struct {
        struct hz_engine_options o;
        uint64_t more;
    } newer = {.o = {.size = sizeof newer, .device = "null"}};
    struct hz_error err;
    hz_engine *e;
    assert_int_equal(hz_engine_open(&newer.o, &e, &err), HZ_OK);
    hz_engine_close(e);
    newer.more = 1;
    assert_int_equal(hz_engine_open(&newer.o, &e, &err), HZ_E_UNSUPPORTED);
    struct hz_engine_options older = {
        .size = offsetof(struct hz_engine_options, threads), .device = "null", .threads = -5};
    assert_int_equal(hz_engine_open(&older, &e, &err), HZ_OK);
    hz_engine_close(e);
    older.size = sizeof older;
    assert_int_equal(hz_engine_open(&older, &e, &err), HZ_E_INVALID);
    older.device = "abacus";
    older.threads = 0;
    assert_int_equal(hz_engine_open(&older, &e, &err), HZ_E_UNSUPPORTED);
    assert_non_null(strstr(err.text, "abacus"));
}

static void test_eos(void **state)
{
    (void)state;
    struct toy t = {0};
    int32_t ids[10], eos[2];
    struct toy_answer all, a;
    toy_ids(ids, 10, 61, 4);
    struct hz_request_options o = toy_options(ids, 10, 30);
    alone(&t, &o, &all);
    eos[0] = 60; /* the set's second id ends it as well */
    eos[1] = all.ids[7];
    size_t first = 0;
    while (all.ids[first] != eos[0] && all.ids[first] != eos[1])
        first++;
    t.eos = eos;
    t.n_eos = 2;
    hz_engine *e = toy_engine(&t);
    o.ignore_eos = false;
    toy_run(e, &o, &a);
    assert_int_equal(a.finish, HZ_FINISH_STOP);
    assert_int_equal(a.n, first + 1); /* the end itself is among the tokens */
    o.ignore_eos = true;
    toy_run(e, &o, &a);
    assert_same_ids(&a, &all);
    hz_engine_close(e);
}

/* The same prompt again: all full pages but what leaves a token to compute; other salts find nothing. */
static void test_prefix_reuse(void **state)
{
    (void)state;
    struct toy t = {.windows = {0, 40}};
    int32_t ids[200];
    struct toy_answer a, b;
    toy_ids(ids, 200, 61, 5);
    hz_engine *e = toy_engine(&t);
    static const struct {
        uint32_t n;
        const char *salt;
        uint32_t cached;
    } runs[] = {{100, NULL, 0}, {100, NULL, 96}, {96, NULL, 64}, {97, NULL, 96}, {200, NULL, 96}, {200, NULL, 192},
                {100, "x", 0},  {100, "x", 96},  {100, "y", 0},  {100, "", 0},   {31, NULL, 0},   {33, NULL, 32}};
    for (size_t i = 0; i < HZ_COUNT(runs); i++) {
        struct hz_request_options o = toy_options(ids, runs[i].n, 3);
        o.cache_salt = runs[i].salt;
        toy_run(e, &o, &a);
        assert_int_equal(a.usage.cached_tokens, runs[i].cached);
        alone(&t, &o, &b);
        assert_same_ids(&a, &b);
    }
    /* a fork shares the pages before the place where it differs */
    ids[70] = (ids[70] + 1) % 61;
    struct hz_request_options o = toy_options(ids, 100, 3);
    toy_run(e, &o, &a);
    assert_int_equal(a.usage.cached_tokens, 64);
    alone(&t, &o, &b);
    assert_same_ids(&a, &b);
    assert_int_equal(toy_counts(e).cache.used, 0);
    hz_engine_close(e);
    t.options.no_prefix_cache = true;
    e = toy_engine(&t);
    toy_run(e, &o, &a);
    toy_run(e, &o, &a);
    assert_int_equal(a.usage.cached_tokens, 0);
    assert_int_equal(toy_counts(e).cache.cached, 0);
    hz_engine_close(e);
}

/* A second turn of a conversation finds the pages of prompt and answer of the first. */
static void test_second_turn(void **state)
{
    (void)state;
    struct toy t = {.windows = {0, 33}};
    int32_t ids[300];
    struct toy_answer a, b;
    toy_ids(ids, 300, 61, 6);
    hz_engine *e = toy_engine(&t);
    struct hz_request_options o = toy_options(ids, 50, 100);
    toy_run(e, &o, &a);
    memcpy(ids + 50, a.ids, a.n * sizeof *a.ids);
    o = toy_options(ids, 170, 10);
    toy_run(e, &o, &a);
    assert_int_equal(a.usage.cached_tokens, 128); /* of 149 computed: the last token was drawn, not computed */
    alone(&t, &o, &b);
    assert_same_ids(&a, &b);
    hz_engine_close(e);
}

/* longrope: one table up to the limit; past it all is computed anew with the other, also in the middle of an answer.
 * Pages of one table are no prefix of the other. */
static void test_rope_crossing(void **state)
{
    (void)state;
    struct toy t = {.rope_limit = 96};
    int32_t ids[120];
    struct toy_answer a, b, c;
    toy_ids(ids, 120, 61, 7);
    hz_engine *e = toy_engine(&t);
    struct hz_request_options o = toy_options(ids, 80, 40);
    toy_run(e, &o, &a);
    assert_int_equal(toy_counts(e).restarted, 1);
    /* from token 97 on the answer is that of a prompt which had the second table from the start */
    int32_t longer[120];
    memcpy(longer, ids, 80 * sizeof *ids);
    memcpy(longer + 80, a.ids, 17 * sizeof *ids);
    o = toy_options(longer, 97, 23);
    alone(&t, &o, &b);
    assert_memory_equal(a.ids + 17, b.ids, 23 * sizeof *b.ids);
    /* up to it, that of a model without a limit */
    struct toy unlimited = {0};
    o = toy_options(ids, 80, 17);
    alone(&unlimited, &o, &c);
    assert_memory_equal(a.ids, c.ids, 17 * sizeof *c.ids);
    /* both tables are remembered, each for its own */
    o = toy_options(ids, 80, 1);
    toy_run(e, &o, &a);
    assert_int_equal(a.usage.cached_tokens, 64);
    o = toy_options(longer, 97, 1);
    toy_run(e, &o, &a);
    assert_int_equal(a.usage.cached_tokens, 96);
    o = toy_options(ids, 120, 1); /* shares 80 ids with the above, and its table is the second */
    toy_run(e, &o, &a);
    assert_int_equal(a.usage.cached_tokens, 64);
    hz_engine_close(e);
}

/* The table goes by the whole prompt, not by the chunk that is computed. */
static void test_rope_of_chunks(void **state)
{
    (void)state;
    struct toy t = {.rope_limit = 50, .options.batch_tokens = 16};
    int32_t ids[100];
    struct toy_answer a, b;
    toy_ids(ids, 100, 61, 8);
    for (uint32_t n = 49; n <= 52; n++) {
        struct hz_request_options o = toy_options(ids, n, 1);
        hz_engine *e = toy_engine(&t);
        toy_run(e, &o, &a);
        hz_engine_close(e);
        alone(&t, &o, &b);
        assert_same_ids(&a, &b);
    }
}

/* Dynamic NTK: every token beyond the limit has a table of its own. */
static void test_rope_dynamic(void **state)
{
    (void)state;
    struct toy t = {.rope_limit = 40, .rope_dynamic = true};
    int32_t ids[60];
    struct toy_answer a, b;
    toy_ids(ids, 60, 61, 9);
    hz_engine *e = toy_engine(&t);
    struct hz_request_options o = toy_options(ids, 36, 14);
    toy_run(e, &o, &a);
    assert_int_equal(toy_counts(e).restarted, 9); /* lengths 41 to 49; the token at 50 is not computed */
    for (uint32_t n = 36; n < 50; n++) {
        memcpy(ids + 36, a.ids, (n - 36) * sizeof *ids);
        o = toy_options(ids, n, 1);
        alone(&t, &o, &b);
        assert_int_equal(b.ids[0], a.ids[n - 36]);
    }
    hz_engine_close(e);
}

/* The same seed draws the same ids whatever else runs; another seed does not. */
static void test_seed(void **state)
{
    (void)state;
    struct toy t = {0};
    int32_t ids[40];
    struct toy_answer a, b;
    toy_ids(ids, 40, 61, 10);
    hz_engine *e = toy_engine(&t);
    struct hz_request_options o = toy_options(ids, 40, 50);
    o.sampling.temperature = 1;
    o.sampling.seed = 42;
    toy_run(e, &o, &a);
    hz_request *others[5];
    for (int i = 0; i < 5; i++) {
        struct hz_request_options other = toy_options(ids + i, 20, 60);
        others[i] = toy_start(e, &other);
    }
    toy_run(e, &o, &b);
    assert_same_ids(&a, &b);
    for (int i = 0; i < 5; i++)
        hz_request_free(others[i]);
    o.sampling.seed = 43;
    toy_run(e, &o, &b);
    assert_memory_not_equal(a.ids, b.ids, a.n * sizeof *a.ids);
    hz_engine_close(e);
}

/* Bias and bans hold for greedy too; a row that nothing is left of ends its request alone. */
static void test_bias_and_masked_row(void **state)
{
    (void)state;
    struct toy t = {0};
    int32_t ids[20];
    struct hz_bias bias[61];
    struct toy_answer a, b;
    toy_ids(ids, 20, 61, 11);
    hz_engine *e = toy_engine(&t);
    for (int i = 0; i < 61; i++)
        bias[i] = (struct hz_bias){i, -INFINITY};
    struct hz_request_options o = toy_options(ids, 20, 10), good = toy_options(ids, 20, 200);
    o.sampling.bias = bias;
    o.sampling.n_bias = 60; /* all but 60 */
    toy_run(e, &o, &a);
    for (size_t i = 0; i < a.n; i++)
        assert_int_equal(a.ids[i], 60);
    o.sampling.n_bias = 61;
    hz_request *other = toy_start(e, &good);
    toy_run(e, &o, &a);
    assert_int_equal(a.finish, HZ_FINISH_ERROR);
    assert_int_equal(a.error.status, HZ_E_INVALID);
    assert_non_null(strstr(a.error.text, "finite"));
    toy_read(other, &a);
    hz_request_free(other);
    assert_int_equal(a.finish, HZ_FINISH_LENGTH);
    alone(&t, &good, &b);
    assert_same_ids(&a, &b);
    hz_engine_close(e);
}

static void test_cancel(void **state)
{
    (void)state;
    struct toy t = {.options = {.max_seqs = 1, .context = 2000}};
    int32_t ids[20];
    struct toy_answer a;
    struct hz_event event;
    toy_ids(ids, 20, 61, 12);
    hz_engine *e = toy_engine(&t);
    struct hz_request_options o = toy_options(ids, 20, -1);
    hz_request *running = toy_start(e, &o), *waiting = toy_start(e, &o);
    assert_int_equal(hz_request_next(running, &event, -1), HZ_OK);
    assert_int_equal(hz_request_next(waiting, &event, 0), HZ_E_TIMEOUT);
    hz_request_cancel(waiting);
    toy_read(waiting, &a);
    assert_int_equal(a.finish, HZ_FINISH_CANCELLED);
    assert_int_equal(a.n, 0);
    hz_request_cancel(running);
    uint64_t steps = toy_counts(e).steps;
    toy_read(running, &a);
    assert_int_equal(a.finish, HZ_FINISH_CANCELLED);
    assert_true(toy_counts(e).steps <= steps + 2); /* the one that ran, and one whose counting we may have missed */
    assert_int_equal(hz_request_next(running, &event, 0), HZ_OK); /* DONE again */
    assert_int_equal(event.kind, HZ_EVENT_DONE);
    hz_request_free(running);
    hz_request_free(waiting);
    assert_int_equal(toy_counts(e).cache.used, 0);
    assert_int_equal(toy_counts(e).cancelled, 2);
    /* freed while it runs; the engine closed with one that waits for its reader */
    hz_request_free(toy_start(e, &o));
    hz_engine_close(e);
}

/* A pool that holds little: the newest give way and come back, and nobody's ids change. */
static void test_preemption(void **state)
{
    (void)state;
    struct toy t = {.windows = {0, 40}, .blocks = 24, .options = {.batch_tokens = 32, .context = 200}};
    enum { N = 6 };
    int32_t ids[N][60];
    hz_request *r[N];
    struct hz_request_options o[N];
    struct toy_answer a, b;
    hz_engine *e = toy_engine(&t);
    for (int i = 0; i < N; i++) {
        toy_ids(ids[i], 60, 61, 100 + (uint64_t)i);
        o[i] = toy_options(ids[i], 60, 100);
        o[i].sampling.temperature = i % 2 ? 0.8f : 0;
        o[i].sampling.seed = i;
        r[i] = toy_start(e, &o[i]);
    }
    for (int i = 0; i < N; i++) {
        toy_read(r[i], &a);
        hz_request_free(r[i]);
        assert_int_equal(a.finish, HZ_FINISH_LENGTH);
        alone(&t, &o[i], &b);
        assert_same_ids(&a, &b);
    }
    assert_true(toy_counts(e).preempted > 0);
    assert_int_equal(toy_counts(e).cache.used, 0);
    hz_engine_close(e);
}

/* A context that the pool cannot hold is shrunk, or refused if it was asked for. */
static void test_pool_limits(void **state)
{
    (void)state;
    struct toy t = {.blocks = 8};
    hz_engine *e = toy_engine(&t);
    assert_int_equal(e->context, 8 * 32); /* both layers share a group */
    hz_engine_close(e);
    struct hz_error err;
    struct hz_engine_options o = {.size = sizeof o, .device = "null", .cache_bytes = 100};
    assert_int_equal(hz_engine_open(&o, &e, &err), HZ_OK);
    hz_engine_close(e);
}

/* Logits of all prompt rows, bounded by what the reader takes; they are the rows of any other chunking. */
static void test_rows(void **state)
{
    (void)state;
    struct toy t = {.windows = {0, 16}};
    enum { N = 150, VOCAB = 61 };
    static float logits[2][N * VOCAB];
    int32_t ids[N];
    toy_ids(ids, N, VOCAB, 13);
    struct hz_request_options o = toy_options(ids, N, 2);
    for (int k = 0; k < 2; k++) {
        t.options.batch_tokens = k ? 7 : 512;
        hz_engine *e = toy_engine(&t);
        struct toy_answer warm;
        o.want = 0;
        toy_run(e, &o, &warm); /* its pages must not hide rows */
        o.want = HZ_WANT_LOGITS | HZ_WANT_PROMPT_LOGPROBS;
        hz_request *r = toy_start(e, &o);
        struct hz_event event;
        uint32_t rows = 0;
        while (hz_request_next(r, &event, -1) == HZ_OK && event.kind == HZ_EVENT_ROWS) {
            assert_int_equal(event.first_row, rows);
            assert_int_equal(event.n_vocab, VOCAB);
            assert_true(event.n_rows <= 64);
            for (uint32_t i = 0; i < event.n_rows; i++) {
                const float *row = event.logits + i * VOCAB;
                double sum = 0;
                for (int v = 0; v < VOCAB; v++)
                    sum += exp(row[v]);
                if (rows + i + 1 < N)
                    assert_true(fabs(event.logprobs[i] - (row[ids[rows + i + 1]] - log(sum))) < 1e-5);
                else
                    assert_true(isnan(event.logprobs[i]));
            }
            memcpy(logits[k] + rows * VOCAB, event.logits, event.n_rows * VOCAB * sizeof *event.logits);
            rows += event.n_rows;
        }
        assert_int_equal(rows, N);
        assert_int_equal(event.kind, HZ_EVENT_TEXT);
        hz_request_free(r);
        hz_engine_close(e);
    }
    assert_memory_equal(logits[0], logits[1], sizeof logits[0]);
}

/* Logprobs alone: no row of the last token, and nobody waits for the reader. */
static void test_prompt_logprobs(void **state)
{
    (void)state;
    struct toy t = {0};
    int32_t ids[200];
    struct toy_answer a;
    toy_ids(ids, 200, 61, 14);
    hz_engine *e = toy_engine(&t);
    for (size_t n = 1; n < 200; n += 66) {
        struct hz_request_options o = toy_options(ids, n, 0);
        o.want = HZ_WANT_PROMPT_LOGPROBS;
        toy_run(e, &o, &a);
        assert_int_equal(a.n_rows, n - 1);
        assert_int_equal(a.finish, HZ_FINISH_LENGTH);
    }
    hz_engine_close(e);
}

/* While one request's rows wait for its reader, others run. */
static void test_rows_wait(void **state)
{
    (void)state;
    struct toy t = {0};
    int32_t ids[300];
    struct toy_answer a;
    toy_ids(ids, 300, 61, 15);
    hz_engine *e = toy_engine(&t);
    struct hz_request_options o = toy_options(ids, 300, 1), other = toy_options(ids, 100, 100);
    o.want = HZ_WANT_LOGITS;
    hz_request *r = toy_start(e, &o);
    toy_run(e, &other, &a);
    assert_int_equal(a.n, 100);
    toy_read(r, &a);
    assert_int_equal(a.n_rows, 300);
    assert_int_equal(a.n, 1);
    hz_request_free(r);
    r = toy_start(e, &o); /* never read */
    hz_request_free(r);
    hz_engine_close(e);
}

/* Logprobs are of the model's own logits, whatever bias and temperature do. */
static void test_token_logprobs(void **state)
{
    (void)state;
    struct toy t = {0};
    int32_t ids[30];
    toy_ids(ids, 30, 61, 16);
    hz_engine *e = toy_engine(&t);
    struct hz_request_options o = toy_options(ids, 30, 1), rows = toy_options(ids, 30, 0);
    rows.want = HZ_WANT_LOGITS;
    struct hz_event event;
    float row[61];
    double sum = 0;
    hz_request *r = toy_start(e, &rows);
    assert_int_equal(hz_request_next(r, &event, -1), HZ_OK);
    memcpy(row, event.logits + 29 * 61, sizeof row);
    hz_request_free(r);
    for (int v = 0; v < 61; v++)
        sum += exp(row[v]);
    struct hz_bias bias = {7, 100};
    o.sampling.bias = &bias;
    o.sampling.n_bias = 1;
    o.sampling.temperature = 0.5f;
    o.top_logprobs = 5;
    r = toy_start(e, &o);
    assert_int_equal(hz_request_next(r, &event, -1), HZ_OK);
    assert_int_equal(event.n_tokens, 1);
    assert_int_equal(event.tokens[0].id, 7);
    assert_true(fabs(event.tokens[0].logprob - (row[7] - log(sum))) < 1e-5);
    assert_int_equal(event.tokens[0].n_top, 5);
    for (int i = 0; i < 5; i++) {
        const struct hz_alternative *top = &event.tokens[0].top[i];
        assert_true(fabs(top->logprob - (row[top->id] - log(sum))) < 1e-5);
        assert_true(!i || top->logprob <= top[-1].logprob);
    }
    hz_request_free(r);
    hz_engine_close(e);
}

/* A step that fails ends the requests in it, not the engine: the next ones run, and all blocks are back. */
static _Atomic int failures;

static hz_status failing_wait(struct hz_exec *exec, hz_ticket ticket, struct hz_error *err)
{
    HZ_TRY(hz_backend_null.wait(exec, ticket, err));
    return atomic_fetch_sub(&failures, 1) == 1 ? hz_fail(err, HZ_E_DEVICE, "the device is on fire") : HZ_OK;
}

static void test_failed_step(void **state)
{
    (void)state;
    struct toy t = {0};
    int32_t ids[40];
    struct toy_answer a, b;
    toy_ids(ids, 40, 61, 18);
    struct hz_request_options o = toy_options(ids, 40, 20);
    struct hz_backend failing = hz_backend_null;
    hz_engine *e = toy_engine(&t);
    failing.wait = failing_wait;
    e->backend = &failing; /* nothing runs yet */
    for (int at = 1; at < 6; at++) {
        atomic_store(&failures, at);
        toy_run(e, &o, &a);
        assert_int_equal(a.finish, HZ_FINISH_ERROR);
        assert_int_equal(a.error.status, HZ_E_DEVICE);
        assert_string_equal(a.error.text, "the device is on fire");
        assert_int_equal(a.n, at - 1);
    }
    toy_run(e, &o, &a);
    assert_int_equal(a.finish, HZ_FINISH_LENGTH);
    alone(&t, &o, &b);
    assert_same_ids(&a, &b);
    assert_int_equal(toy_counts(e).failed, 5);
    assert_int_equal(toy_counts(e).cache.used, 0);
    hz_engine_close(e);
}

static void count_wakes(void *user)
{
    atomic_fetch_add((_Atomic int *)user, 1);
}

static void test_wake(void **state)
{
    (void)state;
    struct toy t = {0};
    int32_t ids[30];
    struct toy_answer a;
    _Atomic int wakes = 0;
    toy_ids(ids, 30, 61, 17);
    hz_engine *e = toy_engine(&t);
    struct hz_request_options o = toy_options(ids, 30, 5);
    o.wake = count_wakes;
    o.user = (void *)&wakes;
    toy_run(e, &o, &a);
    assert_int_equal(atomic_load(&wakes), 6); /* five tokens and the end; all are over once the request is freed */
    hz_engine_close(e);
}

static void test_describe(void **state)
{
    (void)state;
    struct toy t = {.windows = {0, 40}};
    char *json;
    struct hz_error err;
    struct hz_json_doc *doc;
    int64_t blocks;
    hz_engine *e = toy_engine(&t);
    assert_int_equal(hz_describe(e, &json, &err), HZ_OK);
    assert_int_equal(hz_json_parse(json, strlen(json), NULL, &doc, &err), HZ_OK);
    struct hz_json root = hz_json_root(doc);
    assert_true(hz_json_int(hz_json_get(hz_json_get(root, "cache"), "blocks"), &blocks));
    assert_int_equal(blocks, toy_counts(e).cache.blocks);
    assert_true(hz_json_str_is(hz_json_get(hz_json_get(root, "device"), "name"), "null"));
    hz_json_free(doc);
    hz_free(json);
    hz_engine_close(e);
    assert_int_equal(hz_describe(NULL, &json, &err), HZ_OK);
    assert_int_equal(hz_json_parse(json, strlen(json), NULL, &doc, &err), HZ_OK);
    hz_json_free(doc);
    hz_free(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_request),
        cmocka_unit_test(test_max_tokens),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_option_sizes),
        cmocka_unit_test(test_eos),
        cmocka_unit_test(test_prefix_reuse),
        cmocka_unit_test(test_second_turn),
        cmocka_unit_test(test_rope_crossing),
        cmocka_unit_test(test_rope_of_chunks),
        cmocka_unit_test(test_rope_dynamic),
        cmocka_unit_test(test_seed),
        cmocka_unit_test(test_bias_and_masked_row),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_preemption),
        cmocka_unit_test(test_pool_limits),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_prompt_logprobs),
        cmocka_unit_test(test_rows_wait),
        cmocka_unit_test(test_token_logprobs),
        cmocka_unit_test(test_wake),
        cmocka_unit_test(test_failed_step),
        cmocka_unit_test(test_describe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
