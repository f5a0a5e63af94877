/* Golden checkpoints through the public header: three prompts side by side in one batch, cut into chunks of 1, 7
 * and 16. In exact mode the logits are transformers' within 2e-4 of their spread (golden/README.md); in fast mode they
 * and the greedy ids are the same bits for every chunking, batch and number of threads, on every rung that this machine
 * runs. */
#include "base/os/file.h"
#include "engine/internal.h"
#include "file/safetensors.h"
#include "kern/kern.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { PROMPTS = 3, GREEDY = 12, MAX_PROMPT = 64 };

struct result {
    float *logits; /* [n][n_vocab] */
    uint32_t n_rows;
    int32_t greedy[GREEDY];
    uint32_t n_greedy;
    bool done;
};

struct golden {
    hz_model *model;
    struct hz_file_map map;
    struct hz_arena arena;
    struct hz_tensor_table table;
    uint32_t vocab, n[PROMPTS];
    const int32_t *ids[PROMPTS];
    const float *want[PROMPTS];
};

/* ---- a run ----------------------------------------------------------------------------------- */

static hz_engine *load(const struct golden *g, const char *rung, int threads, enum hz_compute dtype, uint32_t chunk)
{
    struct hz_error err = {0};
    hz_engine *e;
    struct hz_engine_options options = {.size = sizeof options,
                                        .device = "cpu",
                                        .cpu_rung = rung,
                                        .threads = threads,
                                        .context = 80,
                                        .no_prefix_cache = true};
    struct hz_load_options how = {.size = sizeof how, .dtype = dtype};
    if (hz_engine_open(&options, &e, &err) != HZ_OK || hz_engine_load(e, g->model, &how, &err) != HZ_OK)
        fail_msg("%s", err.text);
    e->chunk = chunk; /* nothing runs yet */
    return e;
}

/* Called by the engine thread: it stands still until all prompts are handed over, so that one batch takes them. */
static void hold(void *gate)
{
    while (!atomic_load((atomic_bool *)gate))
        hz_pause();
}

static hz_request *start(hz_engine *e, const struct golden *g, int p, struct result *out)
{
    struct hz_error err = {0};
    hz_request *r;
    struct hz_request_options o = {.size = sizeof o,
                                   .ids = g->ids[p],
                                   .n_ids = g->n[p],
                                   .max_tokens = GREEDY,
                                   .ignore_eos = true,
                                   .want = HZ_WANT_LOGITS};
    hz_sampling_default(&o.sampling);
    o.sampling.temperature = 0;
    *out = (struct result){.logits = calloc((size_t)g->n[p] * g->vocab, sizeof *out->logits)};
    if (!out->logits || hz_request_start(e, &o, &r, &err) != HZ_OK)
        fail_msg("prompt %d: %s", p, err.text);
    return r;
}

static void take(const struct golden *g, hz_request *r, struct result *out)
{
    struct hz_event event;
    if (out->done || hz_request_next(r, &event, 1) != HZ_OK)
        return;
    if (event.kind == HZ_EVENT_ROWS) {
        assert_int_equal(event.first_row, out->n_rows);
        memcpy(out->logits + (size_t)out->n_rows * g->vocab, event.logits, event.n_rows * g->vocab * sizeof(float));
        out->n_rows += event.n_rows;
    }
    for (size_t i = 0; i < event.n_tokens; i++)
        out->greedy[out->n_greedy++] = event.tokens[i].id;
    out->done = event.kind == HZ_EVENT_DONE;
    if (out->done && event.finish != HZ_FINISH_LENGTH)
        fail_msg("ended as %d: %s", event.finish, event.error.text);
}

/* All prompts at once, or one after another. */
static void run(const struct golden *g, hz_engine *e, bool together, struct result out[PROMPTS])
{
    hz_request *r[PROMPTS];
    atomic_bool gate = false;
    struct hz_error err;
    if (!together) {
        for (int p = 0; p < PROMPTS; p++) {
            r[p] = start(e, g, p, &out[p]);
            while (!out[p].done)
                take(g, r[p], &out[p]);
            hz_request_free(r[p]);
        }
        return;
    }
    int32_t id = 0;
    struct hz_request_options o = {.size = sizeof o, .ids = &id, .n_ids = 1, .wake = hold, .user = &gate};
    hz_request *first;
    hz_sampling_default(&o.sampling);
    assert_int_equal(hz_request_start(e, &o, &first, &err), HZ_OK);
    for (int p = 0; p < PROMPTS; p++)
        r[p] = start(e, g, p, &out[p]);
    atomic_store(&gate, true);
    while (!out[0].done || !out[1].done || !out[2].done)
        for (int p = 0; p < PROMPTS; p++)
            take(g, r[p], &out[p]);
    for (int p = 0; p < PROMPTS; p++)
        hz_request_free(r[p]);
    hz_request_free(first);
}

static void free_results(struct result out[PROMPTS])
{
    for (int p = 0; p < PROMPTS; p++)
        free(out[p].logits);
}

/* ---- a checkpoint ---------------------------------------------------------------------------- */

static void open_golden(const char *root, const char *name, struct golden *g)
{
    struct hz_error err = {0};
    char path[512];
    memset(g, 0, sizeof *g);
    snprintf(path, sizeof path, "%s/%s", root, name);
    if (hz_model_open(path, NULL, &g->model, &err) != HZ_OK)
        fail_msg("%s", err.text);
    snprintf(path, sizeof path, "%s/%s/reference.safetensors", root, name);
    if (hz_file_map(path, &g->map, &err) != HZ_OK ||
        hz_safetensors_read(&g->map, path, &g->arena, &g->table, NULL, NULL, &err) != HZ_OK)
        fail_msg("%s", err.text);
    for (int p = 0; p < PROMPTS; p++) {
        snprintf(path, sizeof path, "ids_%d", p);
        const struct hz_tensor *ids = hz_tensor_find(&g->table, path);
        snprintf(path, sizeof path, "logits_%d", p);
        const struct hz_tensor *logits = hz_tensor_find(&g->table, path);
        assert_true(ids && logits && hz_tensor_elements(ids) <= MAX_PROMPT);
        g->n[p] = (uint32_t)hz_tensor_elements(ids);
        g->ids[p] = (const int32_t *)(const void *)ids->data;
        g->want[p] = (const float *)(const void *)logits->data;
        g->vocab = (uint32_t)logits->dims[1];
    }
}

static void close_golden(struct golden *g)
{
    hz_model_close(g->model);
    free(g->table.tensors);
    hz_map_free(&g->table.by_name);
    hz_arena_free(&g->arena);
    hz_file_unmap(&g->map);
}

/* The largest error in parts of the reference's spread. */
static double error_of(const struct golden *g, const struct result *out, int p)
{
    double low = INFINITY, high = -INFINITY, worst = 0;
    for (size_t i = 0; i < (size_t)g->n[p] * g->vocab; i++) {
        low = fmin(low, g->want[p][i]);
        high = fmax(high, g->want[p][i]);
        double d = fabs((double)out->logits[i] - g->want[p][i]);
        worst = d == d ? fmax(worst, d) : INFINITY;
    }
    return worst / (high - low);
}

static void check_exact(const struct golden *g, const char *name)
{
    static const uint32_t chunks[] = {1, 7, 16};
    double worst = 0;
    for (size_t c = 0; c < HZ_COUNT(chunks); c++) {
        struct result out[PROMPTS];
        hz_engine *e = load(g, NULL, 2, HZ_COMPUTE_F32, chunks[c]);
        run(g, e, true, out);
        hz_engine_close(e);
        for (int p = 0; p < PROMPTS; p++) {
            assert_int_equal(out[p].n_rows, g->n[p]);
            worst = fmax(worst, error_of(g, &out[p], p));
        }
        free_results(out);
    }
    print_message("%-20s exact, in chunks: %.1e of the spread\n", name, worst);
    if (worst > 2e-4)
        fail_msg("%s: %.1e of the spread", name, worst);
}

static void assert_same(const struct golden *g, const struct result *a, const struct result *b, const char *what)
{
    for (int p = 0; p < PROMPTS; p++) {
        if (memcmp(a[p].logits, b[p].logits, (size_t)g->n[p] * g->vocab * sizeof(float)) != 0)
            fail_msg("%s: prompt %d has other logits", what, p);
        if (memcmp(a[p].greedy, b[p].greedy, sizeof a[p].greedy) != 0)
            fail_msg("%s: prompt %d has other greedy ids", what, p);
    }
}

static void check_fast(const struct golden *g, const char *name, const char *rung)
{
    static const struct {
        uint32_t chunk;
        int threads;
        bool together;
    } ways[] = {{1, 2, true}, {7, 1, true}, {16, 3, true}, {512, 2, true}, {5, 2, false}};
    struct result base[PROMPTS], out[PROMPTS];
    hz_engine *e = load(g, rung, 1, HZ_COMPUTE_AUTO, 512);
    run(g, e, false, base);
    hz_engine_close(e);
    for (size_t i = 0; i < HZ_COUNT(ways); i++) {
        char what[128];
        snprintf(what, sizeof what, "%s, rung %s, chunk %u, %d threads", name, rung, ways[i].chunk, ways[i].threads);
        e = load(g, rung, ways[i].threads, HZ_COMPUTE_AUTO, ways[i].chunk);
        run(g, e, ways[i].together, out);
        hz_engine_close(e);
        assert_same(g, base, out, what);
        free_results(out);
    }
    free_results(base);
}

static void check_golden(const char *root, const char *name)
{
    struct golden g;
    open_golden(root, name, &g);
    check_exact(&g, name);
    for (int r = 0; r < HZ_RUNGS; r++)
        if (hz_rung_runs((enum hz_rung)r))
            check_fast(&g, name, hz_rung_name((enum hz_rung)r));
    close_golden(&g);
}

static void test_stored(void **state)
{
    static const char *const names[] = {"llama", "gemma3", "mixtral", "phi3_longrope", "qwen3", "gpt2"};
    size_t n = HZ_COUNT(names);
    (void)state;
#ifdef __SANITIZE_THREAD__
    n = 2; /* races show here as well as anywhere */
#endif
    for (size_t i = 0; i < n; i++)
        check_golden(HZ_TEST_DATA "/golden", names[i]);
}

static void test_shared(void **state)
{
    static const char *const names[] = {"cohere",     "gemma",     "gemma2",  "granite",   "llama_dynamic_rope",
                                        "llama_yarn", "mistral",   "olmo2",   "phi3",      "qwen2",
                                        "qwen2_swa",  "qwen3_moe", "smollm3", "starcoder2"};
    (void)state;
#ifdef __SANITIZE_THREAD__
    skip();
#endif
    if (hz_file_kind(HZ_SHARED "/golden/hf") != HZ_FILE_FOLDER)
        skip();
    for (size_t i = 0; i < HZ_COUNT(names); i++)
        check_golden(HZ_SHARED "/golden/hf", names[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_stored), cmocka_unit_test(test_shared)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
