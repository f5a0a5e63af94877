#include "unit/engine/toy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { HEADS = 2, HEAD_DIM = 8, WIDTH = HEADS * HEAD_DIM };

static uint32_t weight(struct hz_plan *p, const char *name, uint32_t rows, uint32_t cols, unsigned uses)
{
    struct hz_piece piece = {.tensor = name, .count = rows};
    struct hz_weight w = {.name = name, .rows = rows, .cols = cols, .uses = uses, .pieces = &piece, .n_pieces = 1};
    return hz_plan_weight(p, &w);
}

static struct hz_plan *toy_plan(const struct toy *t, uint32_t vocab)
{
    static const float inv_freq[HEAD_DIM / 2] = {1, 0.1f, 0.01f, 0.001f};
    struct hz_plan *p = hz_plan_new("toy");
    assert_non_null(p);
    struct hz_rope rope = {.rot = HEAD_DIM,
                           .n_variants = t->rope_limit && !t->rope_dynamic ? 2 : 1,
                           .inv_freq = {inv_freq, inv_freq},
                           .scale = {1, 1},
                           .limit = t->rope_limit,
                           .dynamic = t->rope_dynamic,
                           .base = 10000,
                           .factor = 2};
    uint32_t table = hz_plan_rope(p, &rope), embed = weight(p, "embed", vocab, WIDTH, HZ_USE_EMBED | HZ_USE_LINEAR);
    struct hz_operand x = hz_op_embed(p, embed, HZ_BY_ID);
    for (uint32_t l = 0; l < (t->n_layers ? t->n_layers : 2); l++) {
        struct hz_attention a = {HEADS, HEADS, HEAD_DIM, HEAD_DIM, t->windows[l], 1, 0};
        hz_plan_layer(p, (int32_t)l);
        struct hz_operand q = hz_op_linear(p, x, weight(p, "q", WIDTH, WIDTH, HZ_USE_LINEAR), HZ_NONE);
        struct hz_operand k = hz_op_rope(p, hz_op_linear(p, x, weight(p, "k", WIDTH, WIDTH, HZ_USE_LINEAR), HZ_NONE),
                                         table, HEAD_DIM, 0, false);
        struct hz_operand v = hz_op_linear(p, x, weight(p, "v", WIDTH, WIDTH, HZ_USE_LINEAR), HZ_NONE);
        x = hz_op_add(p, x, hz_op_attention(p, q, k, v, &a), 1, 1);
    }
    hz_plan_layer(p, -1);
    hz_plan_finish(p, hz_op_linear(p, hz_op_take_outputs(p, x), embed, HZ_NONE), WIDTH);
    struct hz_error err;
    if (hz_plan_check(p, &err) != HZ_OK)
        fail_msg("%s", err.text);
    return p;
}

/* Block bytes of a toy plan: each group has one layer, or all of one kind. */
static uint64_t block_bytes(const struct toy *t, uint32_t vocab)
{
    uint64_t bytes = 0;
    struct hz_error err;
    struct hz_plan *p = toy_plan(t, vocab);
    assert_int_equal(hz_plan_split_groups(p, hz_backend_null.kv_bytes[HZ_EXACT], &bytes, &err), HZ_OK);
    hz_plan_free(p);
    return bytes;
}

hz_engine *toy_engine(const struct toy *t)
{
    struct hz_error err = {0};
    struct hz_engine_options o = t->options;
    uint32_t vocab = t->vocab ? t->vocab : 61;
    hz_engine *e = NULL;
    o.size = sizeof o;
    o.device = "null";
    if (t->blocks)
        o.cache_bytes = (uint64_t)t->blocks * block_bytes(t, vocab);
    if (hz_engine_open(&o, &e, &err) != HZ_OK)
        fail_msg("%s", err.text);
    struct hz_engine_parts parts = {.plan = toy_plan(t, vocab), .model = t->model, .precision = HZ_EXACT};
    parts.tokenizer = t->model ? t->model->tokenizer : NULL;
    parts.facts = (struct hz_model_facts){.arch = "toy", .context = 2048, .n_vocab = vocab};
    parts.facts.sampling.temperature = parts.facts.sampling.top_p = parts.facts.sampling.min_p =
        parts.facts.sampling.repetition_penalty = -1;
    parts.facts.sampling.top_k = -1;
    if (t->temperature > 0) {
        parts.facts.sampling.temperature = t->temperature;
        parts.facts.sampling.top_k = t->top_k;
    }
    if (t->n_eos) {
        parts.ends.ids = calloc(t->n_eos, sizeof *parts.ends.ids);
        assert_non_null(parts.ends.ids);
        memcpy(parts.ends.ids, t->eos, t->n_eos * sizeof *t->eos);
        parts.ends.n = t->n_eos;
    }
    if (hz_engine_load_parts(e, &parts, &err) != HZ_OK)
        fail_msg("%s", err.text);
    e->chunk = t->chunk ? t->chunk : e->chunk; /* nothing runs yet */
    return e;
}

struct hz_engine_counts toy_counts(const hz_engine *e)
{
    struct hz_engine_counts c;
    hz_engine_counts_now(e, &c);
    return c;
}

void toy_read(hz_request *r, struct toy_answer *a)
{
    struct hz_event event;
    memset(a, 0, sizeof *a);
    for (;;) {
        assert_int_equal(hz_request_next(r, &event, 60000), HZ_OK);
        if (event.kind == HZ_EVENT_ROWS)
            a->n_rows += event.n_rows;
        if (event.kind == HZ_EVENT_DONE)
            break;
        for (size_t i = 0; i < event.n_tokens; i++) {
            assert_true(a->n < HZ_COUNT(a->ids));
            a->logprobs[a->n] = event.tokens[i].logprob;
            a->ids[a->n++] = event.tokens[i].id;
        }
        assert_true(a->len + event.text_len < sizeof a->text);
        if (event.text_len)
            memcpy(a->text + a->len, event.text, event.text_len);
        a->len += event.text_len;
    }
    a->finish = event.finish;
    a->usage = event.usage;
    a->error = event.error;
}

struct hz_request_options toy_options(const int32_t *ids, size_t n, int32_t max_tokens)
{
    struct hz_request_options o = {
        .size = sizeof o, .ids = ids, .n_ids = n, .max_tokens = max_tokens, .ignore_eos = true};
    hz_sampling_default(&o.sampling);
    return o;
}

hz_request *toy_start(hz_engine *e, const struct hz_request_options *o)
{
    struct hz_error err = {0};
    hz_request *r = NULL;
    if (hz_request_start(e, o, &r, &err) != HZ_OK)
        fail_msg("%s", err.text);
    return r;
}

void toy_run(hz_engine *e, const struct hz_request_options *o, struct toy_answer *a)
{
    hz_request *r = toy_start(e, o);
    toy_read(r, a);
    hz_request_free(r);
}

void toy_ids(int32_t *ids, size_t n, uint32_t vocab, uint64_t seed)
{
    for (size_t i = 0; i < n; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        ids[i] = (int32_t)((seed >> 33) % vocab);
    }
}
