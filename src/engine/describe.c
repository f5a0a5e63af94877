/* describe.c - reports as JSON: of a model, of an engine, of the machine. */
#include "engine/internal.h"

#include "base/mem.h"
#include "base/os/sys.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_REPORT = 1 << 30, SHOWN_ELEMENTS = 8 /* of a GGUF array */ };

static void put_int(struct hz_json_writer *w, const char *key, uint64_t v)
{
    hz_json_key(w, key);
    hz_json_put_int(w, (int64_t)HZ_MIN(v, (uint64_t)INT64_MAX));
}

static void put_str(struct hz_json_writer *w, const char *key, const char *s)
{
    hz_json_key(w, key);
    if (s)
        hz_json_put_cstr(w, s);
    else
        hz_json_put_null(w);
}

static hz_status hand_over(struct hz_buf *out, char **json, struct hz_error *err)
{
    hz_status status = hz_buf_check(out, "description", err);
    if (status == HZ_OK)
        *json = hz_buf_take(out, &(size_t){0});
    hz_buf_free(out);
    return status;
}

/* ---- a model --------------------------------------------------------------------------------- */

static void put_scalar(struct hz_json_writer *w, enum hz_meta_type type, const struct hz_meta *m)
{
    int64_t i;
    double f;
    if (type == HZ_META_STRING)
        hz_json_put_str(w, m->v.str.s, m->v.str.len);
    else if (type == HZ_META_BOOL)
        hz_json_put_bool(w, m->v.u != 0);
    else if (hz_meta_int(m, &i))
        hz_json_put_int(w, i);
    else if (hz_meta_double(m, &f))
        hz_json_put_double(w, f);
    else
        hz_json_put_null(w);
}

/* {"type": ..., "n": ..., "first": [...]}: vocabularies have hundreds of thousands of strings. */
static void put_meta_array(struct hz_json_writer *w, const struct hz_meta *m)
{
    struct hz_cursor c = hz_meta_elements(m);
    struct hz_str s;
    int64_t i;
    double f;
    hz_json_object(w);
    put_str(w, "type", hz_meta_type_name(m->v.array.type));
    put_int(w, "n", m->v.array.n);
    hz_json_key(w, "first");
    hz_json_array(w);
    for (int k = 0; k < SHOWN_ELEMENTS; k++)
        if (hz_meta_next_str(m, &c, &s))
            hz_json_put_str(w, s.s, s.len);
        else if (hz_meta_next_int(m, &c, &i))
            hz_json_put_int(w, i);
        else if (hz_meta_next_double(m, &c, &f))
            hz_json_put_double(w, f);
        else
            break;
    hz_json_end_array(w);
    hz_json_end_object(w);
}

static hz_status put_metadata(struct hz_json_writer *w, const struct hz_gguf *g, struct hz_error *err)
{
    hz_json_object(w);
    for (size_t i = 0; i < g->n_meta; i++) {
        const struct hz_meta *m = &g->meta[i];
        char *key = hz_strndup(m->key.s, m->key.len);
        if (!key)
            return hz_fail_nomem(err, m->key.len);
        hz_json_key(w, key);
        free(key);
        if (m->type == HZ_META_ARRAY)
            put_meta_array(w, m);
        else
            put_scalar(w, m->type, m);
    }
    hz_json_end_object(w);
    return HZ_OK;
}

static void put_tensors(struct hz_json_writer *w, const struct hz_tensor_table *table)
{
    hz_json_key(w, "tensors");
    hz_json_array(w);
    for (size_t i = 0; i < table->n; i++) {
        const struct hz_tensor *t = &table->tensors[i];
        hz_json_object(w);
        put_str(w, "name", t->name);
        put_str(w, "dtype", hz_dtype_info(t->type)->name);
        hz_json_key(w, "shape");
        hz_json_array(w);
        for (uint32_t d = 0; d < t->n_dims; d++)
            hz_json_put_int(w, (int64_t)t->dims[d]);
        hz_json_end_array(w);
        put_int(w, "bytes", t->bytes);
        put_str(w, "file", t->file);
        hz_json_end_object(w);
    }
    hz_json_end_array(w);
}

static void put_tokenizer(struct hz_json_writer *w, const struct hz_model *m)
{
    hz_json_key(w, "tokenizer");
    hz_json_object(w);
    if (m->tokenizer) {
        put_int(w, "size", hz_tokenizer_size(m->tokenizer));
        hz_json_key(w, "bos");
        hz_json_put_int(w, hz_tokenizer_bos(m->tokenizer));
        hz_json_key(w, "eos");
        hz_json_put_int(w, hz_tokenizer_eos(m->tokenizer));
        hz_json_key(w, "adds_bos");
        hz_json_put_bool(w, hz_tokenizer_adds_bos(m->tokenizer));
    } else {
        put_str(w, "error", m->tokenizer_error.text);
    }
    hz_json_end_object(w);
    hz_json_key(w, "templates");
    hz_json_array(w);
    for (size_t i = 0; i < m->checkpoint->n_templates; i++)
        hz_json_put_cstr(w, m->checkpoint->templates[i].name);
    hz_json_end_array(w);
}

static void put_groups(struct hz_json_writer *w, const struct hz_plan *p)
{
    hz_json_key(w, "cache_groups");
    hz_json_array(w);
    for (uint32_t g = 0; g < p->n_groups; g++) {
        const struct hz_cache_group *c = &p->groups[g];
        hz_json_object(w);
        put_int(w, "layers", c->n_layers);
        put_int(w, "kv_heads", c->kv_heads);
        put_int(w, "head_dim", c->head_dim);
        put_int(w, "v_dim", c->v_dim);
        put_int(w, "window", c->window);
        hz_json_end_object(w);
    }
    hz_json_end_array(w);
}

static hz_status put_plan(struct hz_json_writer *w, const struct hz_plan *p, struct hz_error *err)
{
    struct hz_buf text;
    hz_json_key(w, "plan");
    hz_json_object(w);
    put_int(w, "ops", p->n_ops);
    put_int(w, "layers", p->n_layers);
    put_int(w, "width", p->n_embd);
    put_int(w, "vocab", p->n_vocab);
    put_int(w, "weights", p->n_weights);
    put_groups(w, p);
    hz_buf_init(&text, MAX_REPORT);
    hz_plan_print(p, &text);
    hz_status status = hz_buf_check(&text, "text of the plan", err);
    hz_json_key(w, "text");
    hz_json_put_str(w, text.data ? text.data : "", text.len);
    hz_buf_free(&text);
    hz_json_end_object(w);
    return status;
}

/* Architecture and plan, or why there is none: a checkpoint that cannot run can still be looked at. */
static hz_status put_architecture(struct hz_json_writer *w, const struct hz_model *m, struct hz_error *err)
{
    struct hz_plan *plan = NULL;
    struct hz_model_facts facts = {0};
    struct hz_error why = {0};
    struct hz_id_set ends = {0};
    if (hz_model_plan(m->checkpoint, &plan, &facts, &why) != HZ_OK) {
        put_str(w, "architecture", NULL);
        put_str(w, "plan_error", why.text);
        return HZ_OK;
    }
    put_str(w, "architecture", facts.arch);
    put_int(w, "context", facts.context);
    put_int(w, "parameters", facts.parameters);
    hz_status status = hz_model_ends(m, &facts, &ends, err);
    hz_json_key(w, "ends");
    hz_json_array(w);
    for (size_t i = 0; i < ends.n; i++)
        hz_json_put_int(w, ends.ids[i]);
    hz_json_end_array(w);
    if (status == HZ_OK)
        status = put_plan(w, plan, err);
    free(ends.ids);
    hz_plan_free(plan);
    return status;
}

hz_status hz_model_describe(const hz_model *m, char **json, struct hz_error *err)
{
    const struct hz_checkpoint *ck = m->checkpoint;
    struct hz_json_writer w;
    struct hz_buf out;
    hz_buf_init(&out, MAX_REPORT);
    hz_json_begin(&w, &out, 2);
    hz_json_object(&w);
    put_str(&w, "path", ck->path);
    put_str(&w, "format", ck->kind == HZ_CHECKPOINT_GGUF ? "gguf" : "safetensors");
    put_int(&w, "bytes", ck->bytes);
    hz_status status = put_architecture(&w, m, err);
    put_tokenizer(&w, m);
    hz_json_key(&w, "config");
    if (ck->kind == HZ_CHECKPOINT_GGUF && status == HZ_OK)
        status = put_metadata(&w, ck->gguf, err);
    else if (ck->config)
        hz_json_put(&w, hz_json_root(ck->config));
    else
        hz_json_put_null(&w);
    hz_json_key(&w, "generation_config");
    if (ck->generation_config)
        hz_json_put(&w, hz_json_root(ck->generation_config));
    else
        hz_json_put_null(&w);
    put_tensors(&w, &ck->table);
    hz_json_end_object(&w);
    if (status != HZ_OK) {
        hz_buf_free(&out);
        return status;
    }
    return hand_over(&out, json, err);
}

/* ---- an engine ------------------------------------------------------------------------------- */

static void put_machine(struct hz_json_writer *w)
{
    static const struct {
        unsigned bit;
        const char *name;
    } features[] = {{HZ_CPU_AVX2, "avx2"},         {HZ_CPU_AVX512, "avx512"},     {HZ_CPU_AVX512_BF16, "avx512_bf16"},
                    {HZ_CPU_AMX_INT8, "amx_int8"}, {HZ_CPU_AMX_BF16, "amx_bf16"}, {HZ_CPU_NEON, "neon"},
                    {HZ_CPU_DOTPROD, "dotprod"},   {HZ_CPU_I8MM, "i8mm"}};
    unsigned have = hz_cpu_features();
    hz_json_key(w, "machine");
    hz_json_object(w);
    put_str(w, "cpu", hz_cpu_name());
    put_int(w, "cpus", (uint64_t)hz_cpu_count());
    put_int(w, "cores", (uint64_t)hz_cpu_cores());
    hz_json_key(w, "features");
    hz_json_array(w);
    for (size_t i = 0; i < HZ_COUNT(features); i++)
        if (have & features[i].bit)
            hz_json_put_cstr(w, features[i].name);
    hz_json_end_array(w);
    put_int(w, "memory_total", hz_memory_total());
    put_int(w, "memory_available", hz_memory_available());
    put_int(w, "page_size", hz_page_size());
    hz_json_end_object(w);
    hz_json_key(w, "backends");
    hz_json_array(w);
    for (size_t i = 0; hz_backend_at(i); i++)
        hz_json_put_cstr(w, hz_backend_at(i)->name);
    hz_json_end_array(w);
    hz_json_key(w, "architectures");
    hz_json_array(w);
    for (const char *const *arch = hz_model_archs(); *arch; arch++)
        hz_json_put_cstr(w, *arch);
    hz_json_end_array(w);
}

static hz_status put_device(struct hz_json_writer *w, const struct hz_engine *e, struct hz_error *err)
{
    struct hz_json_doc *doc;
    hz_json_key(w, "device");
    HZ_TRY(hz_json_parse(e->device_json, strlen(e->device_json), "description of the device", &doc, err));
    hz_json_put(w, hz_json_root(doc));
    hz_json_free(doc);
    return HZ_OK;
}

static void put_model(struct hz_json_writer *w, const struct hz_engine *e)
{
    hz_json_key(w, "model");
    hz_json_object(w);
    put_str(w, "name", e->model_name);
    put_str(w, "path", e->model ? e->model->checkpoint->path : NULL);
    put_str(w, "architecture", e->facts.arch);
    put_int(w, "parameters", e->facts.parameters);
    put_str(w, "precision", e->precision == HZ_EXACT ? "exact" : "fast");
    put_int(w, "file_bytes", e->model ? e->model->checkpoint->bytes : 0);
    put_int(w, "weight_bytes", e->weights ? e->weights->bytes : 0);
    put_int(w, "vocab", e->plan->n_vocab);
    put_int(w, "context", e->context);
    put_int(w, "ops", e->plan->n_ops);
    put_int(w, "fused_runs", e->plan->n_fusions);
    put_groups(w, e->plan);
    hz_json_end_object(w);
}

static void put_counts(struct hz_json_writer *w, const struct hz_engine *e, const struct hz_engine_counts *c)
{
    hz_json_key(w, "cache");
    hz_json_object(w);
    put_int(w, "page_tokens", HZ_PAGE_TOKENS);
    put_int(w, "block_bytes", e->block_bytes);
    put_int(w, "blocks", c->cache.blocks);
    put_int(w, "blocks_used", c->cache.used);
    put_int(w, "blocks_cached", c->cache.cached);
    put_int(w, "blocks_free", c->cache.free);
    put_int(w, "evicted", c->cache.evicted);
    hz_json_end_object(w);
    hz_json_key(w, "counters");
    hz_json_object(w);
    put_int(w, "requests_running", c->running);
    put_int(w, "requests_waiting", c->waiting);
    put_int(w, "requests_finished", c->finished);
    put_int(w, "requests_cancelled", c->cancelled);
    put_int(w, "requests_failed", c->failed);
    put_int(w, "preempted", c->preempted);
    put_int(w, "restarted", c->restarted);
    put_int(w, "steps", c->steps);
    put_int(w, "rows", c->rows);
    put_int(w, "prompt_tokens", c->prompt_tokens);
    put_int(w, "cached_tokens", c->cached_tokens);
    put_int(w, "completion_tokens", c->completion_tokens);
    hz_json_end_object(w);
}

hz_status hz_describe(const hz_engine *e, char **json, struct hz_error *err)
{
    struct hz_json_writer w;
    struct hz_buf out;
    hz_status status = HZ_OK;
    hz_buf_init(&out, MAX_REPORT);
    hz_json_begin(&w, &out, 2);
    hz_json_object(&w);
    put_str(&w, "version", hz_version());
    put_machine(&w);
    if (e && e->loaded) {
        struct hz_engine_counts counts;
        hz_engine_counts_now(e, &counts);
        status = put_device(&w, e, err);
        put_int(&w, "max_seqs", e->options.max_seqs);
        put_int(&w, "batch_tokens", e->options.batch_tokens);
        put_model(&w, e);
        put_counts(&w, e, &counts);
    }
    hz_json_key(&w, "memory");
    hz_json_object(&w);
    put_int(&w, "resident", hz_memory_resident());
    put_int(&w, "peak", hz_memory_peak());
    hz_json_end_object(&w);
    hz_json_end_object(&w);
    if (status != HZ_OK) {
        hz_buf_free(&out);
        return status;
    }
    return hand_over(&out, json, err);
}
