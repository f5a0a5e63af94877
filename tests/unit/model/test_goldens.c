/* Logits of golden checkpoints against transformers' (golden/README.md): whole, and the three prompts side by side in
 * chunks. By hand: test_model_goldens CHECKPOINT [REFERENCE.safetensors]... */
#include "backend/backend.h"
#include "base/os/file.h"
#include "file/checkpoint.h"
#include "file/safetensors.h"
#include "model/model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { PROMPTS = 3, GREEDY = 12, MAX_TOKENS = 64, MAX_PAGES = 2 };

struct golden {
    struct hz_checkpoint *ck;
    struct hz_plan *plan;
    struct hz_device *dev;
    struct hz_weights *weights;
    struct hz_buffer *pool;
    struct hz_exec *exec;
    struct hz_batch_limits limits;
    void *block;
};

struct prompt {
    uint32_t n, given;       /* tokens; of them the prompt */
    int32_t ids[MAX_TOKENS]; /* the prompt, then the reference's greedy tokens but the last */
    const float *want;       /* [given][n_vocab] */
    const int32_t *greedy;   /* [GREEDY] */
    float *got;              /* [n][n_vocab] */
};

static const struct hz_backend *const cpu = &hz_backend_cpu;

static hz_status golden_open(const char *path, struct golden *g, struct hz_error *err)
{
    struct hz_checkpoint_options open = {0};
    struct hz_device_options device = {.threads = 2};
    struct hz_weights_options load = {.precision = HZ_EXACT};
    struct hz_model_facts facts;
    uint64_t block_bytes;
    memset(g, 0, sizeof *g);
    HZ_TRY(hz_checkpoint_open(path, &open, &g->ck, err));
    HZ_TRY(hz_model_plan(g->ck, &g->plan, &facts, err));
    HZ_TRY(cpu->open(&device, &g->dev, err));
    HZ_TRY(hz_weights_load(g->plan, g->ck, cpu, g->dev, &load, &g->weights, err));
    HZ_TRY(cpu->supports(g->dev, g->plan, g->weights->types, HZ_EXACT, err));
    HZ_TRY(hz_plan_split_groups(g->plan, cpu->kv_bytes[HZ_EXACT], &block_bytes, err));
    HZ_TRY(hz_plan_group(g->plan, cpu->fusions, err));
    HZ_TRY(hz_plan_buffers(g->plan, err));
    uint32_t pages = PROMPTS * g->plan->n_groups * MAX_PAGES;
    g->limits = (struct hz_batch_limits){PROMPTS * MAX_TOKENS, PROMPTS, PROMPTS * MAX_TOKENS, pages};
    HZ_TRY(cpu->alloc(g->dev, (1 + pages) * block_bytes, &g->pool, err));
    struct hz_compile_options options = {HZ_EXACT, g->limits, PROMPTS, {g->pool, 0}, block_bytes, 1 + pages};
    g->block = hz_alloc_aligned(hz_batch_bytes(&g->limits));
    return cpu->compile(g->dev, g->plan, g->weights->packed, &options, &g->exec, err);
}

static void golden_close(struct golden *g)
{
    cpu->discard(g->exec);
    if (g->pool)
        cpu->free(g->dev, g->pool);
    hz_weights_free(g->weights);
    if (g->dev)
        cpu->close(g->dev);
    hz_plan_free(g->plan);
    hz_checkpoint_close(g->ck);
    hz_free_aligned(g->block, hz_batch_bytes(&g->limits));
}

/* Adds tokens done .. done+n-1 of prompt q to the batch. */
static void add_rows(const struct golden *g, struct hz_batch *b, const struct prompt *p, uint32_t q, uint32_t done,
                     uint32_t n)
{
    const struct hz_plan *plan = g->plan;
    struct hz_batch_seq *s = &hz_batch_seqs(b)[b->n_seqs];
    *s = (struct hz_batch_seq){.first_row = b->n_rows, .n_rows = n, .before = done, .slot = q, .tables = b->n_pages};
    s->n_pages = (done + n + HZ_PAGE_TOKENS - 1) / HZ_PAGE_TOKENS;
    for (uint32_t r = 0; r < plan->n_ropes; r++)
        s->rope[r] = hz_rope_choose(&plan->ropes[r], p->given);
    for (uint32_t k = 0; k < plan->n_groups; k++)
        for (uint32_t page = 0; page < s->n_pages; page++)
            hz_batch_pages(b)[b->n_pages++] = 1 + (q * plan->n_groups + k) * MAX_PAGES + page;
    for (uint32_t i = done; i < done + n; i++) {
        hz_batch_rows(b)[b->n_rows] = (struct hz_batch_row){.id = p->ids[i],
                                                            .from_slot = HZ_NONE,
                                                            .seq = b->n_seqs,
                                                            .index = i,
                                                            .position = {i, i, i},
                                                            .wanted = HZ_WANTED_LOGITS};
        hz_batch_outputs(b)[b->n_outputs++] = b->n_rows++;
    }
    b->n_seqs++;
}

/* The prompts of the mask side by side, at most `chunk` tokens of each in a step. */
static hz_status run(const struct golden *g, struct prompt *prompts, unsigned mask, uint32_t chunk,
                     struct hz_error *err)
{
    uint32_t width = g->plan->n_vocab, done[PROMPTS] = {0};
    for (;;) {
        struct hz_batch *b = hz_batch_init(g->block, &g->limits);
        uint32_t n[PROMPTS] = {0}, at = 0;
        hz_ticket ticket;
        for (uint32_t q = 0; q < PROMPTS; q++) {
            n[q] = mask >> q & 1 ? HZ_MIN(chunk, prompts[q].n - done[q]) : 0;
            if (n[q])
                add_rows(g, b, &prompts[q], q, done[q], n[q]);
        }
        if (!b->n_rows)
            return HZ_OK;
        HZ_TRY(hz_batch_check(b, &g->limits, g->plan, 1 + g->limits.pages, PROMPTS, err));
        HZ_TRY(cpu->run(g->exec, b, &ticket, err));
        HZ_TRY(cpu->wait(g->exec, ticket, err));
        struct hz_place from = cpu->logits(g->exec);
        for (uint32_t q = 0; q < PROMPTS; q++)
            for (uint32_t i = 0; i < n[q]; i++, done[q]++, at++) {
                struct hz_place row = {from.buffer, from.offset + (uint64_t)at * hz_row_stride(width) * sizeof(float)};
                HZ_TRY(
                    cpu->download(g->dev, row, prompts[q].got + (size_t)done[q] * width, width * sizeof(float), err));
            }
    }
}

/* The worst of the logits, and of what a greedy choice would have missed, in parts of the spread. */
static void compare(const struct prompt *p, uint32_t width, double *error, double *missed)
{
    double low = 1e30, high = -1e30, worst = 0, most = 0;
    for (size_t i = 0; i < (size_t)p->given * width; i++) {
        double d = (double)p->got[i] - (double)p->want[i];
        low = HZ_MIN(low, (double)p->want[i]);
        high = HZ_MAX(high, (double)p->want[i]);
        worst = d == d ? HZ_MAX(worst, d < 0 ? -d : d) : 1e30;
    }
    for (uint32_t i = p->given - 1; i < p->n; i++) {
        const float *row = p->got + (size_t)i * width;
        for (uint32_t k = 0; k < width; k++)
            most = HZ_MAX(most, (double)row[k] - (double)row[p->greedy[i - (p->given - 1)]]);
    }
    *error = HZ_MAX(*error, worst / (high - low));
    *missed = HZ_MAX(*missed, most / (high - low));
}

static void read_prompt(const struct hz_tensor_table *table, uint32_t p, uint32_t width, struct prompt *to)
{
    char name[32];
    snprintf(name, sizeof name, "ids_%u", p);
    const struct hz_tensor *ids = hz_tensor_find(table, name);
    snprintf(name, sizeof name, "logits_%u", p);
    const struct hz_tensor *logits = hz_tensor_find(table, name);
    snprintf(name, sizeof name, "greedy_%u", p);
    const struct hz_tensor *greedy = hz_tensor_find(table, name);
    assert_non_null(ids);
    assert_non_null(logits);
    assert_non_null(greedy);
    to->given = (uint32_t)hz_tensor_elements(ids);
    to->n = to->given + GREEDY - 1;
    assert_true(to->n <= MAX_TOKENS && hz_tensor_elements(greedy) == GREEDY);
    assert_true(hz_tensor_elements(logits) == (uint64_t)to->given * width);
    memcpy(to->ids, ids->data, to->given * sizeof *to->ids);
    memcpy(to->ids + to->given, greedy->data, (GREEDY - 1) * sizeof *to->ids);
    to->want = (const float *)logits->data;
    to->greedy = (const int32_t *)greedy->data;
    to->got = calloc((size_t)to->n * width, sizeof *to->got);
}

static void check_golden(const char *path, const char *reference)
{
    struct hz_error err = {0};
    struct golden g;
    struct hz_file_map map;
    struct hz_arena arena = {0};
    struct hz_tensor_table table = {0};
    struct prompt prompts[PROMPTS];
    double error[2] = {0}, missed[2] = {0};
    if (golden_open(path, &g, &err) != HZ_OK || hz_file_map(reference, &map, &err) != HZ_OK ||
        hz_safetensors_read(&map, reference, &arena, &table, NULL, NULL, &err) != HZ_OK)
        fail_msg("%s", err.text);
    for (uint32_t p = 0; p < PROMPTS; p++)
        read_prompt(&table, p, g.plan->n_vocab, &prompts[p]);
    for (int way = 0; way < 2; way++) {
        for (uint32_t p = 0; p < (way ? 1 : PROMPTS); p++)
            if (run(&g, prompts, way ? 7 : 1u << p, way ? 7 : MAX_TOKENS, &err) != HZ_OK)
                fail_msg("%s: %s", path, err.text);
        for (uint32_t p = 0; p < PROMPTS; p++)
            compare(&prompts[p], g.plan->n_vocab, &error[way], &missed[way]);
    }
    print_message("%-60s whole %.1e, chunks %.1e; greedy misses %.1e\n", path, error[0], error[1], missed[0]);
    for (int way = 0; way < 2; way++)
        if (error[way] > 2e-4 || missed[way] > 4e-4)
            fail_msg("%s: off by %.1e of the spread, greedy by %.1e", path, error[way], missed[way]);
    for (uint32_t p = 0; p < PROMPTS; p++)
        free(prompts[p].got);
    hz_tensor_table_free(&table);
    hz_arena_free(&arena);
    hz_file_unmap(&map);
    golden_close(&g);
}

static void check_named(const char *root, const char *name)
{
    char path[512], reference[512];
    snprintf(path, sizeof path, "%s/%s", root, name);
    snprintf(reference, sizeof reference, "%s/%s/reference.safetensors", root, name);
    check_golden(path, reference);
}

static void stored(void **state)
{
    static const char *const names[] = {"gemma3", "gpt2", "llama", "mixtral", "phi3_longrope", "qwen3"};
    (void)state;
    for (size_t i = 0; i < HZ_COUNT(names); i++)
        check_named(HZ_TEST_DATA "/golden", names[i]);
}

static void beside(void **state)
{
    static const char *const names[] = {"cohere",
                                        "gemma",
                                        "gemma2",
                                        "granite",
                                        "llama3_rope",
                                        "llama_dynamic_rope",
                                        "llama_linear_rope",
                                        "llama_yarn",
                                        "mistral",
                                        "mistral_full",
                                        "olmo2",
                                        "phi3",
                                        "qwen2",
                                        "qwen2_swa",
                                        "qwen3_moe",
                                        "smollm3",
                                        "starcoder2"};
    (void)state;
    if (hz_file_kind(HZ_SHARED "/golden/hf") != HZ_FILE_FOLDER)
        skip();
    for (size_t i = 0; i < HZ_COUNT(names); i++)
        check_named(HZ_SHARED "/golden/hf", names[i]);
}

int main(int argc, char **argv)
{
    for (int i = 1; i + 1 < argc; i += 2)
        check_golden(argv[i], argv[i + 1]);
    if (argc > 1)
        return 0;
    const struct CMUnitTest tests[] = {cmocka_unit_test(stored), cmocka_unit_test(beside)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
