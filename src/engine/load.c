/* load.c - a model comes into an engine: weights, the pool of cache blocks, the compiled plan, all memory of the steps.
 */
#include "engine/internal.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { USUAL_CONTEXT = 32768, USUAL_TOKENS = 256 /* of each sequence, beside one that fills the context */ };

/* ---- sizes ----------------------------------------------------------------------------------- */

/* Rows of the smallest table that positions are looked up in (gpt2); UINT32_MAX where there is none. */
static uint32_t learned_positions(const struct hz_plan *p)
{
    uint32_t n = UINT32_MAX;
    for (uint32_t i = 0; i < p->n_ops; i++)
        if (p->ops[i].kind == HZ_OP_EMBED && p->ops[i].u.embed.by == HZ_BY_POSITION)
            n = HZ_MIN(n, p->weights[p->ops[i].weight[0]].rows);
    return n;
}

/* How many blocks the pool has, and the longest sequence that fits in them. */
static hz_status size_pool(struct hz_engine *e, struct hz_error *err)
{
    const struct hz_engine_options *o = &e->options;
    struct hz_device_memory memory;
    uint32_t usual = HZ_MIN(e->facts.context ? e->facts.context : USUAL_CONTEXT, USUAL_CONTEXT);
    uint32_t learned = learned_positions(e->plan), context = o->context ? o->context : HZ_MIN(usual, learned);
    if (context > learned)
        return hz_fail(err, HZ_E_LIMIT, "a context of %u tokens, the model has learned %u positions", context, learned);
    uint64_t usual_pages = (uint64_t)o->max_seqs * e->shape.n_groups * (USUAL_TOKENS / HZ_PAGE_TOKENS);
    uint64_t need = hz_cache_need(&e->shape, context, o->batch_tokens), blocks = need + usual_pages;
    HZ_TRY(e->backend->memory(e->device, &memory, err));
    uint64_t most = memory.free / 2 / e->block_bytes;
    if (o->cache_bytes)
        blocks = most = o->cache_bytes / e->block_bytes;
    blocks = HZ_MIN(HZ_MIN(blocks, most), (1u << 28) - 1);
    if (need > blocks && o->context)
        return hz_fail(err, HZ_E_LIMIT,
                       "a context of %u tokens needs %llu KV blocks of %llu bytes, there is room for %llu", context,
                       (unsigned long long)need, (unsigned long long)e->block_bytes, (unsigned long long)blocks);
    while (need > blocks && context > HZ_PAGE_TOKENS) {
        context = (context - 1) / HZ_PAGE_TOKENS * HZ_PAGE_TOKENS;
        need = hz_cache_need(&e->shape, context, HZ_MIN(context, o->batch_tokens));
    }
    if (need > blocks)
        return hz_fail(
            err, HZ_E_LIMIT, "no room for KV: a sequence of %d tokens needs %llu blocks of %llu bytes, there are %llu",
            HZ_PAGE_TOKENS, (unsigned long long)need, (unsigned long long)e->block_bytes, (unsigned long long)blocks);
    if (e->facts.context && context > e->facts.context)
        hz_log(HZ_LOG_WARN, "a context of %u tokens, the model was made for %u", context, e->facts.context);
    if (context < usual && !o->context)
        hz_log(HZ_LOG_WARN, "the KV cache has room for a context of %u tokens, the model for %u", context, usual);
    e->context = context;
    e->context_ends = context == learned;
    e->shape.n_blocks = (uint32_t)blocks + 1;
    return HZ_OK;
}

static hz_status size_steps(struct hz_engine *e, struct hz_error *err)
{
    const struct hz_engine_options *o = &e->options;
    struct hz_batch_limits *l = &e->limits;
    l->rows = o->batch_tokens;
    l->seqs = HZ_MIN(o->max_seqs, l->rows);
    l->outputs = HZ_MIN(HZ_MAX(o->max_seqs, 64), l->rows);
    uint64_t pages = (uint64_t)l->seqs * e->shape.n_groups * ((e->context + HZ_PAGE_TOKENS - 1) / HZ_PAGE_TOKENS);
    if (pages > UINT32_MAX / 8)
        return hz_fail(err, HZ_E_LIMIT, "%u sequences of %u tokens are too many page table entries", l->seqs,
                       e->context);
    l->pages = (uint32_t)pages;
    uint64_t bytes = hz_batch_bytes(l);
    e->batch_block = hz_alloc_aligned(bytes);
    e->specs = hz_calloc(l->outputs, sizeof *e->specs);
    e->drawn = hz_calloc(l->outputs, sizeof *e->drawn);
    e->stepped = hz_calloc(o->max_seqs, sizeof(e->stepped[0]));
    e->running = hz_calloc(o->max_seqs, sizeof(e->running[0]));
    e->slot_used = hz_calloc(o->max_seqs, sizeof *e->slot_used);
    e->raise = hz_calloc(l->outputs, sizeof *e->raise);
    if (!e->batch_block || !e->specs || !e->drawn || !e->stepped || !e->running || !e->slot_used || !e->raise)
        return hz_fail_nomem(err, bytes);
    return HZ_OK;
}

/* ---- loading --------------------------------------------------------------------------------- */

/* Bits of the ids that have a token; rows that pad the vocabulary must never be drawn. */
static hz_status make_mask(struct hz_engine *e, struct hz_error *err)
{
    uint32_t n = e->plan->n_vocab, n_real = 0;
    if (!e->tokenizer)
        return HZ_OK;
    uint32_t *mask = hz_calloc((n + 31) / 32, sizeof *mask);
    if (!mask)
        return hz_fail_nomem(err, n / 8);
    for (uint32_t id = 0; id < n; id++)
        if (hz_token_spelling(e->tokenizer, (int32_t)id, NULL)) {
            mask[id / 32] |= 1u << id % 32;
            n_real++;
        }
    if (n_real == n || !n_real) {
        free(mask);
        return n_real ? HZ_OK : hz_fail(err, HZ_E_FORMAT, "none of the model's %u ids has a token", n);
    }
    e->mask = mask;
    return HZ_OK;
}

static hz_status compile(struct hz_engine *e, struct hz_error *err)
{
    const struct hz_backend *b = e->backend;
    struct hz_plan *p = e->plan;
    HZ_TRY(hz_plan_split_groups(p, b->kv_bytes[e->precision], &e->block_bytes, err));
    HZ_TRY(hz_plan_group(p, b->fusions, err));
    HZ_TRY(hz_plan_buffers(p, err));
    e->shape.n_groups = p->n_groups;
    e->shape.reuse = !e->options.no_prefix_cache;
    for (uint32_t g = 0; g < p->n_groups; g++)
        e->shape.windows[g] = p->groups[g].window;
    HZ_TRY(size_pool(e, err));
    HZ_TRY(size_steps(e, err));
    HZ_TRY(make_mask(e, err));
    HZ_TRY(hz_cache_new(&e->shape, &e->cache, err));
    HZ_TRY(b->alloc(e->device, e->block_bytes * e->shape.n_blocks, &e->pool, err));
    /* slots of sequences, then of prompt rows that are drawn for their logprobs */
    struct hz_compile_options o = {.precision = e->precision,
                                   .limits = e->limits,
                                   .n_slots = e->options.max_seqs + e->limits.outputs,
                                   .cache = {e->pool, 0},
                                   .block_bytes = e->block_bytes,
                                   .n_blocks = e->shape.n_blocks};
    return b->compile(e->device, p, e->packed, &o, &e->exec, err);
}

static hz_status describe_device(struct hz_engine *e, struct hz_error *err)
{
    struct hz_buf json;
    hz_buf_init(&json, 1 << 20);
    e->backend->describe(e->device, &json); /* now: later the device belongs to the engine thread */
    hz_status status = hz_buf_check(&json, "description of the device", err);
    e->device_json = status == HZ_OK ? hz_buf_take(&json, &(size_t){0}) : NULL;
    hz_buf_free(&json);
    return status;
}

hz_status hz_engine_load_parts(struct hz_engine *e, struct hz_engine_parts *parts, struct hz_error *err)
{
    hz_status status;
    const char *name = parts->name ? parts->name : "default";
    e->plan = parts->plan;
    e->facts = parts->facts;
    e->weights = parts->weights;
    e->tokenizer = parts->tokenizer;
    e->model = parts->model;
    e->ends = parts->ends;
    e->precision = parts->precision;
    e->chunk = e->options.batch_tokens;
    e->model_name = hz_strndup(name, strlen(name));
    e->packed = e->weights ? e->weights->packed : NULL;
    if (!e->model_name) {
        status = hz_fail_nomem(err, strlen(name));
        goto fail;
    }
    status = compile(e, err);
    if (status == HZ_OK)
        hz_cache_counts(e->cache, &e->counts.cache);
    if (status != HZ_OK || (status = describe_device(e, err)) != HZ_OK ||
        (status = hz_thread_start(&e->thread, "hz-engine", hz_scheduler_main, e, err)) != HZ_OK)
        goto fail;
    e->loaded = true;
    return HZ_OK;
fail:
    hz_engine_unload(e);
    return status;
}

void hz_engine_unload(struct hz_engine *e)
{
    if (e->backend && e->exec)
        e->backend->discard(e->exec);
    if (e->backend && e->pool)
        e->backend->free(e->device, e->pool);
    hz_weights_free(e->weights);
    hz_cache_free(e->cache);
    hz_plan_free(e->plan);
    hz_free_aligned(e->batch_block, e->batch_block ? hz_batch_bytes(&e->limits) : 0);
    free(e->specs);
    free(e->drawn);
    free(e->stepped);
    free(e->running);
    free(e->slot_used);
    free(e->raise);
    free(e->mask);
    free(e->ends.ids);
    free(e->model_name);
    free(e->device_json);
    e->exec = NULL;
    e->pool = NULL;
    e->weights = NULL;
    e->cache = NULL;
    e->plan = NULL;
    e->batch_block = NULL;
    e->specs = NULL;
    e->drawn = NULL;
    e->stepped = e->running = NULL;
    e->slot_used = NULL;
    e->raise = NULL;
    e->mask = NULL;
    e->ends = (struct hz_id_set){0};
    e->model_name = e->device_json = NULL;
}

/* --dtype bf16 asks for weights in bf16: those stored so are taken as they are, by the fast mode; others would have to
 * be converted, which is not in this build. */
static hz_status check_bf16(const struct hz_plan *plan, const enum hz_dtype *types, struct hz_error *err)
{
    for (uint32_t i = 0; i < plan->n_weights; i++)
        if (plan->weights[i].uses & HZ_USE_LINEAR && types[i] != HZ_BF16)
            return hz_fail(err, HZ_E_UNSUPPORTED, "dtype bf16: %s is stored as %s, expected BF16; use auto or f32",
                           plan->weights[i].name, hz_dtype_info(types[i])->name);
    return HZ_OK;
}

/* The plan's weights, once the device has said that it can run it. */
static hz_status load_weights(struct hz_engine *e, const struct hz_checkpoint *ck, const struct hz_load_options *o,
                              struct hz_engine_parts *parts, struct hz_error *err)
{
    struct hz_weights_options options = {parts->precision, o->mmap, o->progress, o->user};
    enum hz_dtype *types = hz_calloc(parts->plan->n_weights + 1, sizeof *types);
    if (!types)
        return hz_fail_nomem(err, parts->plan->n_weights * sizeof *types);
    hz_status status = hz_weights_types(parts->plan, ck, types, err);
    if (status == HZ_OK && o->dtype == HZ_COMPUTE_BF16)
        status = check_bf16(parts->plan, types, err);
    if (status == HZ_OK)
        status = e->backend->supports(e->device, parts->plan, types, parts->precision, err);
    free(types);
    HZ_TRY(status);
    return hz_weights_load(parts->plan, ck, e->backend, e->device, &options, &parts->weights, err);
}

hz_status hz_engine_load(hz_engine *e, const hz_model *model, const struct hz_load_options *options,
                         struct hz_error *err)
{
    struct hz_load_options o = {.size = sizeof o};
    struct hz_engine_parts parts = {.model = model};
    if (options)
        HZ_TRY(hz_options_copy(&o, sizeof o, options, "hz_load_options", err));
    if (e->loaded)
        return hz_fail(err, HZ_E_UNSUPPORTED, "the engine has loaded %s already, it takes one model for now",
                       e->model_name);
    if (o.dtype > HZ_COMPUTE_BF16)
        return hz_fail(err, HZ_E_INVALID, "dtype is %d, known are auto, f32 and bf16", (int)o.dtype);
    parts.precision = o.dtype == HZ_COMPUTE_F32 ? HZ_EXACT : HZ_FAST;
    parts.name = o.name;
    if (hz_model_tokenizer(model, &parts.tokenizer, NULL) != HZ_OK)
        parts.tokenizer = NULL; /* ids still work; who wants text is told why */
    HZ_TRY(hz_model_plan(model->checkpoint, &parts.plan, &parts.facts, err));
    hz_status status = hz_model_ends(model, &parts.facts, &parts.ends, err);
    if (status == HZ_OK)
        status = load_weights(e, model->checkpoint, &o, &parts, err);
    if (status != HZ_OK) {
        hz_weights_free(parts.weights);
        free(parts.ends.ids);
        hz_plan_free(parts.plan);
        return hz_fail_in(err, status, "%s", model->checkpoint->path);
    }
    return hz_engine_load_parts(e, &parts, err);
}
