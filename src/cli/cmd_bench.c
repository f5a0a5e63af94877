/* cmd_bench.c - `hanzo bench`: tokens per second of reading a prompt (pp) and of writing an answer (tg).
 *
 * A test at depth d has d tokens in the cache before its clock starts: the engine's prefix cache brings them back, so
 * the clock is the request's own, prompt_s or decode_s, and not the time of a process. Ids are drawn at random from
 * ordinary tokens, the same ones each time. */
#include "cli/command.h"
#include "cli/io.h"
#include "cli/progress.h"
#include "cli/pull.h"
#include "cli/session.h"
#include "cli/table.h"
#include "text/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bench_opts {
    struct hz_model_opts model;
    struct hz_ints prompt, gen, depth;
    int64_t samples;
    bool json;
    struct hz_engine_opts engine;
    struct hz_general_opts general;
};

struct test {
    int64_t n_prompt, n_gen, depth; /* one of the first two is 0 */
    double *samples;                /* tokens per second, in the order they were taken */
    double median;
};

struct bench {
    struct hz_session session;
    struct hz_arena arena;
    struct test *tests;
    size_t n_tests;
    int32_t *ids; /* of the longest request: the first `depth` of them stay the same */
    uint64_t random;
    struct hz_session_facts facts;
};

/* ---- ids ---------------------------------------------------------------------------------------------------- */

/* xorshift64*: any generator will do that is the same everywhere. */
static uint64_t next_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1dull;
}

/* An ordinary token: special ones might be treated specially. A model without a tokenizer has no tokens to look at. */
static int32_t draw_id(struct bench *b)
{
    enum { TRIES = 64 };
    int32_t id = 0;
    for (int i = 0; i < TRIES; i++) {
        size_t len;
        bool special = false;
        id = (int32_t)(next_random(&b->random) % b->facts.n_vocab);
        if (!b->facts.has_tokenizer || (hz_model_token(b->session.model, id, &len, &special) && !special))
            break;
    }
    return id;
}

static void draw_ids(struct bench *b, int64_t from, int64_t to)
{
    for (int64_t i = from; i < to; i++)
        b->ids[i] = draw_id(b);
}

/* ---- one sample --------------------------------------------------------------------------------------------- */

static hz_status request(struct bench *b, int64_t n_ids, int64_t max_tokens, struct hz_usage *usage,
                         struct hz_error *err)
{
    struct hz_request_options r = {
        .size = sizeof r,
        .ids = b->ids,
        .n_ids = (size_t)n_ids,
        .max_tokens = (int32_t)max_tokens,
        .ignore_eos = true,
    };
    struct hz_event done;
    hz_sampling_greedy(&r.sampling);
    HZ_TRY(hz_pull(b->session.engine, &r, NULL, NULL, &done, err));
    *usage = done.usage;
    return HZ_OK;
}

/* The prompt is new in each sample, but for the depth: else the prefix cache would answer. A page of the depth that did
 * not come back from the cache is computed with the prompt, and counted. */
static hz_status sample_prompt(struct bench *b, const struct test *t, double *rate, struct hz_error *err)
{
    struct hz_usage usage;
    draw_ids(b, t->depth, t->depth + t->n_prompt);
    HZ_TRY(request(b, t->depth + t->n_prompt, 0, &usage, err));
    *rate = (usage.prompt_tokens - usage.cached_tokens) / usage.prompt_s;
    return HZ_OK;
}

/* The first token belongs to the prompt's time; n_gen steps of one row follow. */
static hz_status sample_gen(struct bench *b, const struct test *t, double *rate, struct hz_error *err)
{
    struct hz_usage usage;
    HZ_TRY(request(b, HZ_MAX(t->depth, 1), t->n_gen + 1, &usage, err));
    *rate = (usage.completion_tokens - 1) / usage.decode_s;
    return HZ_OK;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(const double *v, size_t n, double *scratch)
{
    memcpy(scratch, v, n * sizeof *v);
    qsort(scratch, n, sizeof *scratch, by_value);
    return (scratch[(n - 1) / 2] + scratch[n / 2]) / 2;
}

/* Fills the cache, warms up once, then takes the samples. */
static hz_status run_test(struct bench *b, struct test *t, int64_t n_samples, struct hz_error *err)
{
    struct hz_usage usage;
    b->random = 42;
    draw_ids(b, 0, HZ_MAX(t->depth, 1));
    if (t->depth)
        HZ_TRY(request(b, t->depth, 0, &usage, err));
    for (int64_t i = -1; i < n_samples; i++) {
        double rate = 0;
        HZ_TRY(t->n_prompt ? sample_prompt(b, t, &rate, err) : sample_gen(b, t, &rate, err));
        if (i >= 0)
            t->samples[i] = rate;
    }
    double *scratch = hz_arena_alloc(&b->arena, (size_t)n_samples, sizeof *scratch);
    if (!scratch)
        return hz_fail_nomem(err, (size_t)n_samples * sizeof *scratch);
    t->median = median(t->samples, (size_t)n_samples, scratch);
    return HZ_OK;
}

/* ---- all tests ---------------------------------------------------------------------------------------------- */

static void add_tests(struct bench *b, const struct hz_ints *counts, bool prompt, int64_t depth, int64_t n_samples)
{
    for (size_t i = 0; i < counts->n; i++)
        if (counts->at[i]) /* a count of 0 leaves the test out */
            b->tests[b->n_tests++] = (struct test){
                .n_prompt = prompt ? counts->at[i] : 0,
                .n_gen = prompt ? 0 : counts->at[i],
                .depth = depth,
                .samples = hz_arena_alloc(&b->arena, (size_t)n_samples, sizeof(double)),
            };
}

static hz_status make_tests(struct bench *b, const struct bench_opts *o, struct hz_error *err)
{
    size_t most = o->depth.n * (o->prompt.n + o->gen.n);
    b->tests = hz_arena_alloc(&b->arena, most, sizeof *b->tests);
    if (!b->tests)
        return hz_fail_nomem(err, most * sizeof *b->tests);
    for (size_t d = 0; d < o->depth.n; d++) {
        add_tests(b, &o->prompt, true, o->depth.at[d], o->samples);
        add_tests(b, &o->gen, false, o->depth.at[d], o->samples);
    }
    if (!b->n_tests)
        return hz_fail(err, HZ_E_INVALID, "there is nothing to measure: -p and -n are 0");
    int64_t longest = 1;
    for (size_t i = 0; i < b->n_tests; i++) {
        longest = HZ_MAX(longest, b->tests[i].depth + b->tests[i].n_prompt);
        if (!b->tests[i].samples)
            return hz_fail_nomem(err, (size_t)o->samples * sizeof(double));
    }
    b->ids = hz_arena_alloc(&b->arena, (size_t)longest, sizeof *b->ids);
    return b->ids ? HZ_OK : hz_fail_nomem(err, (size_t)longest * sizeof *b->ids);
}

static hz_status run_tests(struct bench *b, int64_t n_samples, struct hz_error *err)
{
    struct hz_progress progress = {0};
    hz_status status = HZ_OK;
    for (size_t i = 0; i < b->n_tests && status == HZ_OK; i++) {
        hz_progress_count(&progress, "measuring", i, b->n_tests);
        status = run_test(b, &b->tests[i], n_samples, err);
    }
    hz_progress_end(&progress);
    return status;
}

/* ---- reports ------------------------------------------------------------------------------------------------ */

static const char *test_name(const struct test *t, char name[64])
{
    int n = snprintf(name, 64, "%s%lld", t->n_prompt ? "pp" : "tg", (long long)(t->n_prompt ? t->n_prompt : t->n_gen));
    if (t->depth)
        snprintf(name + n, 64 - (size_t)n, "@d%lld", (long long)t->depth);
    return name;
}

static void report_json(const struct bench *b, int64_t n_samples, struct hz_buf *out)
{
    struct hz_json_writer w;
    char name[64];
    hz_json_begin(&w, out, 0);
    hz_json_object(&w);
    hz_json_key(&w, "model");
    hz_json_put_cstr(&w, b->facts.title);
    hz_json_key(&w, "threads");
    hz_json_put_int(&w, b->facts.threads);
    hz_json_key(&w, "results");
    hz_json_array(&w);
    for (size_t i = 0; i < b->n_tests; i++) {
        const struct test *t = &b->tests[i];
        hz_json_object(&w);
        hz_json_key(&w, "test");
        hz_json_put_cstr(&w, test_name(t, name));
        hz_json_key(&w, "n_prompt");
        hz_json_put_int(&w, t->n_prompt);
        hz_json_key(&w, "n_gen");
        hz_json_put_int(&w, t->n_gen);
        hz_json_key(&w, "depth");
        hz_json_put_int(&w, t->depth);
        hz_json_key(&w, "tok_per_s");
        hz_json_put_double(&w, t->median);
        hz_json_key(&w, "samples");
        hz_json_array(&w);
        for (int64_t k = 0; k < n_samples; k++)
            hz_json_put_double(&w, t->samples[k]);
        hz_json_end_array(&w);
        hz_json_end_object(&w);
    }
    hz_json_end_array(&w);
    hz_json_end_object(&w);
    hz_buf_putc(out, '\n');
}

static void report_table(const struct bench *b, int64_t n_samples, struct hz_buf *out)
{
    struct hz_table table = {.columns = 4, .right = 0xe};
    static const char *const heads[] = {"test", "tok/s", "lowest", "highest"};
    char name[64];
    hz_buf_printf(out, "%s, %d threads, median of %lld\n\n", b->facts.title, b->facts.threads, (long long)n_samples);
    for (size_t i = 0; i < HZ_COUNT(heads); i++)
        hz_table_cell(&table, "%s", heads[i]);
    for (size_t i = 0; i < b->n_tests; i++) {
        const struct test *t = &b->tests[i];
        double low = t->samples[0], high = low;
        for (int64_t k = 1; k < n_samples; k++) {
            low = HZ_MIN(low, t->samples[k]);
            high = HZ_MAX(high, t->samples[k]);
        }
        hz_table_cell(&table, "%s", test_name(t, name));
        hz_table_cell(&table, "%.2f", t->median);
        hz_table_cell(&table, "%.2f", low);
        hz_table_cell(&table, "%.2f", high);
    }
    hz_table_print(&table, 0, out);
}

static hz_status bench(struct bench *b, const struct bench_opts *o, struct hz_error *err)
{
    struct hz_session_needs needs = {.max_seqs = 1};
    struct hz_buf out;
    HZ_TRY(make_tests(b, o, err));
    HZ_TRY(hz_session_open(&b->session, &o->model, false, err));
    HZ_TRY(hz_session_load(&b->session, &o->engine, &needs, err));
    HZ_TRY(hz_session_facts(&b->session, &b->facts, err));
    HZ_TRY(run_tests(b, o->samples, err));
    hz_buf_init(&out, SIZE_MAX / 2);
    if (o->json)
        report_json(b, o->samples, &out);
    else
        report_table(b, o->samples, &out);
    hz_status status = hz_io_put_buf(&out, err);
    hz_buf_free(&out);
    return status;
}

static hz_status run(const void *values, const struct hz_texts *operands, struct hz_error *err)
{
    (void)operands;
    const struct bench_opts *o = values;
    hz_general_apply(&o->general);
    struct bench b = {0};
    hz_status status = bench(&b, o, err);
    hz_session_close(&b.session);
    hz_arena_free(&b.arena);
    return status;
}

#define AT(member) offsetof(struct bench_opts, member)
static const struct hz_opt opts[] = {
    {'p', "prompt-len", "N,...", HZ_OPT_INTS, AT(prompt), 0, 1 << 24,
     .help = "tokens of a prompt; 0: no such test (512)"},
    {'n', "gen-len", "N,...", HZ_OPT_INTS, AT(gen), 0, 1 << 24, .help = "tokens of an answer; 0: no such test (128)"},
    {'d', "depth", "N,...", HZ_OPT_INTS, AT(depth), 0, 1 << 24,
     .help = "tokens in the cache before the clock starts (0)"},
    {'r', "samples", "N", HZ_OPT_INT, AT(samples), 1, 1000, .help = "how often each test runs, after one warm-up (3)"},
    {0, "json", NULL, HZ_OPT_FLAG, AT(json), .help = "print one JSON object"},
};
static const struct hz_opt_group groups[] = {
    {"Options", opts, HZ_COUNT(opts), 0},
    {"Model", hz_model_opt_list, HZ_MODEL_OPTS, AT(model)},
    {"Engine", hz_engine_opt_list, HZ_ENGINE_OPTS, AT(engine)},
    {"General", hz_general_opt_list, HZ_GENERAL_OPTS, AT(general)},
};
static int64_t default_prompt[] = {512}, default_gen[] = {128}, default_depth[] = {0};
static const struct bench_opts defaults = {
    .prompt = {default_prompt, 1, 1}, .gen = {default_gen, 1, 1}, .depth = {default_depth, 1, 1}, .samples = 3};

const struct hz_command hz_command_bench = {
    .name = "bench",
    .summary = "measure tokens per second",
    .groups = groups,
    .n_groups = HZ_COUNT(groups),
    .defaults = &defaults,
    .size = sizeof defaults,
    .run = run,
    .notes =
        "pp512 reads a prompt of 512 tokens, tg128 writes 128 tokens one after the other; @d2048 behind 2048 tokens "
        "of context. Loading is not counted.",
};
