/* config.c - one accessor over config.json and GGUF metadata. */
#include "model/config_open.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- keys -------------------------------------------------------------------------------------------------------- */

/* What was found under a key. */
struct found {
    const char *key; /* as the file spells it; lives in the config's arena or a literal */
    struct hz_json json;
    const struct hz_meta *meta; /* GGUF only */
};

static void note(struct hz_config *c, const char *fmt, ...) HZ_PRINTF(2, 3);
static void vnote(struct hz_config *c, const char *fmt, va_list ap)
{
    if (c->failed)
        return;
    c->failed = true;
    hz_vfail(&c->err, HZ_E_FORMAT, fmt, ap);
    hz_fail_in(&c->err, HZ_E_FORMAT, "%s%s", c->ck->path, c->ck->gguf ? "" : ": config.json");
}

static void note(struct hz_config *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vnote(c, fmt, ap);
    va_end(ap);
}

void hz_config_fail(struct hz_config *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vnote(c, fmt, ap);
    va_end(ap);
}

void hz_config_nomem(struct hz_config *c)
{
    if (!c->failed)
        hz_fail(&c->err, HZ_E_NOMEM, "%s: out of memory", c->ck->path);
    c->failed = true;
}

bool hz_config_failed(const struct hz_config *c)
{
    return c->failed;
}

bool hz_config_is_gguf(const struct hz_config *c)
{
    return c->ck->gguf != NULL;
}

/* Cuts the next spelling off *keys: its length, 0 at the end. */
static size_t next_key(const char **keys, const char **key)
{
    if (**keys == '|')
        ++*keys;
    *key = *keys;
    size_t len = strcspn(*keys, "|");
    *keys += len;
    return len;
}

/* The spelling as this checkpoint would have it: NULL if it is one of the other kind of checkpoint. */
static const char *spell(struct hz_config *c, const char *key, size_t len)
{
    bool bare = !strncmp(key, "tokenizer.", 10) || !strncmp(key, "general.", 8);
    if ((*key == '.' || bare) != hz_config_is_gguf(c))
        return NULL;
    const char *text = *key == '.' ? hz_arena_printf(&c->arena, "%s%.*s", c->type, (int)len, key)
                                   : hz_arena_strndup(&c->arena, key, len);
    if (!text || !hz_map_put(&c->read, text, strlen(text), 1)) {
        hz_config_nomem(c);
        return NULL;
    }
    return text;
}

/* The first spelling that is present and not null; all of them count as read. *null: one was present and null. */
static bool find(struct hz_config *c, const char *keys, struct found *f, bool *null)
{
    bool got = false;
    const char *key;
    for (size_t len; (len = next_key(&keys, &key)) != 0;) {
        const char *text = spell(c, key, len);
        if (!text || got)
            continue;
        const char *first = f->key;
        f->key = text;
        if (c->ck->gguf) {
            f->meta = hz_gguf_get(c->ck->gguf, text);
            got = f->meta != NULL;
        } else {
            f->json = hz_json_get(c->text, text);
            if (f->json.kind == HZ_JSON_ABSENT)
                f->json = hz_json_get(c->root, text);
            *null |= f->json.kind == HZ_JSON_NULL;
            got = f->json.kind != HZ_JSON_ABSENT && f->json.kind != HZ_JSON_NULL;
        }
        if (!got && first)
            f->key = first; /* the usual spelling, for an error that says what is missing */
    }
    return got;
}

bool hz_config_has(struct hz_config *c, const char *keys)
{
    struct found f = {0};
    bool null = false;
    return find(c, keys, &f, &null);
}

bool hz_config_null(struct hz_config *c, const char *keys)
{
    struct found f = {0};
    bool null = false;
    return !find(c, keys, &f, &null) && null;
}

void hz_config_ignore(struct hz_config *c, const char *keys)
{
    hz_config_has(c, keys);
}

bool hz_config_object(struct hz_config *c, const char *keys, struct hz_json *object, const char **name)
{
    struct found f = {0};
    bool null = false;
    if (!find(c, keys, &f, &null) || f.meta)
        return false;
    if (f.json.kind != HZ_JSON_OBJECT) {
        note(c, "%s is %s, expected an object", f.key, hz_json_kind_name(f.json.kind));
        return false;
    }
    *object = f.json;
    *name = f.key;
    return true;
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

static const char *kind_of(const struct found *f)
{
    return f->meta ? hz_meta_type_name(f->meta->type) : hz_json_kind_name(f->json.kind);
}

/* Element i of an array; any other value stands for all elements. False (noted) beyond its end. */
static bool element(struct hz_config *c, struct found *f, uint32_t i, struct hz_meta *scratch)
{
    size_t n = i + (size_t)1;
    if (!f->meta && f->json.kind == HZ_JSON_ARRAY) {
        n = hz_json_len(f->json);
        f->json = hz_json_at(f->json, i);
    } else if (f->meta && f->meta->type == HZ_META_ARRAY) {
        n = (size_t)HZ_MIN(f->meta->v.array.n, SIZE_MAX);
        struct hz_cursor at = hz_meta_elements(f->meta);
        bool strings = f->meta->v.array.type == HZ_META_STRING, ok = true;
        int64_t whole = 0;
        double number = 0;
        struct hz_str str = {0};
        for (uint32_t k = 0; k <= i && ok; k++) {
            struct hz_cursor before = at;
            if (strings) {
                ok = hz_meta_next_str(f->meta, &at, &str);
                *scratch = (struct hz_meta){.type = HZ_META_STRING, .v.str = str};
            } else if (hz_meta_next_int(f->meta, &at, &whole)) {
                *scratch = (struct hz_meta){.type = HZ_META_I64, .v.i = whole};
            } else {
                at = before;
                ok = hz_meta_next_double(f->meta, &at, &number);
                *scratch = (struct hz_meta){.type = HZ_META_F64, .v.f = number};
            }
        }
        f->meta = scratch;
        n = ok ? n : i;
    }
    if (i >= n)
        note(c, "%s has %zu elements, expected at least %u", f->key, n, i + 1);
    return i < n;
}

static bool whole(const struct found *f, int64_t *out)
{
    return f->meta ? hz_meta_int(f->meta, out) : hz_json_int(f->json, out);
}

static uint32_t u32_between(struct hz_config *c, const struct found *f, uint32_t least, uint32_t most,
                            uint32_t otherwise)
{
    int64_t v;
    if (!whole(f, &v)) {
        note(c, "%s is %s, expected a whole number", f->key, kind_of(f));
        return otherwise;
    }
    if (v < least || v > most) {
        note(c, "%s is %lld, expected %u to %u", f->key, (long long)v, least, most);
        return otherwise;
    }
    return (uint32_t)v;
}

uint32_t hz_config_u32(struct hz_config *c, const char *keys, uint32_t otherwise)
{
    struct found f = {0};
    bool null = false;
    return find(c, keys, &f, &null) ? u32_between(c, &f, 0, INT32_MAX, otherwise) : otherwise;
}

uint32_t hz_config_u32_at(struct hz_config *c, const char *keys, uint32_t i, uint32_t otherwise)
{
    struct found f = {0};
    struct hz_meta scratch;
    bool null = false;
    if (!find(c, keys, &f, &null) || !element(c, &f, i, &scratch))
        return otherwise;
    return u32_between(c, &f, 0, INT32_MAX, otherwise);
}

/* Elements of an array; 0 of another value. */
static uint64_t length(const struct found *f)
{
    if (f->meta)
        return f->meta->type == HZ_META_ARRAY ? f->meta->v.array.n : 0;
    return f->json.kind == HZ_JSON_ARRAY ? hz_json_len(f->json) : 0;
}

uint32_t hz_config_len(struct hz_config *c, const char *keys)
{
    struct found f = {0};
    bool null = false;
    return find(c, keys, &f, &null) ? (uint32_t)HZ_MIN(length(&f), UINT32_MAX) : 0;
}

uint32_t hz_config_size(struct hz_config *c, const char *keys, uint32_t otherwise, uint32_t most)
{
    struct found f = {0};
    struct hz_meta scratch;
    bool null = false;
    if (!find(c, keys, &f, &null)) {
        if (!otherwise)
            note(c, "no %s, which the architecture needs", f.key ? f.key : keys);
        return otherwise ? otherwise : 1;
    }
    uint64_t n = length(&f);
    if (!n)
        return u32_between(c, &f, 1, most, 1);
    uint32_t first = 1;
    for (uint32_t i = 0; i < HZ_MIN(n, 4096) && !c->failed; i++) {
        struct found at = f;
        uint32_t v = element(c, &at, i, &scratch) ? u32_between(c, &at, 1, most, 1) : 1;
        first = i ? first : v;
        if (v != first)
            note(c, "%s differs by layer (%u, %u), which this architecture does not know", f.key, first, v);
    }
    return first;
}

double hz_config_f64_in(struct hz_config *c, const char *keys, double otherwise, double least, double most)
{
    struct found f = {0};
    bool null = false;
    double v;
    if (!find(c, keys, &f, &null))
        return otherwise;
    if (!(f.meta ? hz_meta_double(f.meta, &v) : hz_json_double(f.json, &v)))
        note(c, "%s is %s, expected a number", f.key, kind_of(&f));
    else if (!(fabs(v) <= FLT_MAX))
        note(c, "%s is %g, expected a number that a float32 can hold", f.key, v);
    else if (v < least || v > most)
        note(c, "%s is %g, expected %g to %g", f.key, v, least, most);
    else
        return v;
    return otherwise;
}

double hz_config_f64(struct hz_config *c, const char *keys, double otherwise)
{
    return hz_config_f64_in(c, keys, otherwise, -FLT_MAX, FLT_MAX);
}

bool hz_config_bool(struct hz_config *c, const char *keys, bool otherwise)
{
    struct found f = {0};
    bool null = false, v = otherwise;
    if (!find(c, keys, &f, &null))
        return otherwise;
    if (f.meta ? !hz_meta_bool(f.meta, &v) : f.json.kind != HZ_JSON_BOOL)
        note(c, "%s is %s, expected a boolean", f.key, kind_of(&f));
    return f.meta ? v : hz_json_bool(f.json, otherwise);
}

static const char *string(struct hz_config *c, const struct found *f, const char *otherwise)
{
    const char *s = NULL;
    if (f->meta && f->meta->type == HZ_META_STRING)
        s = hz_arena_strndup(&c->arena, f->meta->v.str.s, (size_t)f->meta->v.str.len);
    else if (!f->meta)
        s = hz_json_str(f->json, NULL);
    if (!s)
        note(c, "%s is %s, expected a string", f->key, kind_of(f));
    return s ? s : otherwise;
}

const char *hz_config_str(struct hz_config *c, const char *keys, const char *otherwise)
{
    struct found f = {0};
    bool null = false;
    return find(c, keys, &f, &null) ? string(c, &f, otherwise) : otherwise;
}

const char *hz_config_str_at(struct hz_config *c, const char *keys, uint32_t i, const char *otherwise)
{
    struct found f = {0};
    struct hz_meta scratch;
    bool null = false;
    return find(c, keys, &f, &null) && element(c, &f, i, &scratch) ? string(c, &f, otherwise) : otherwise;
}

enum hz_act hz_config_act(struct hz_config *c, const char *keys, enum hz_act otherwise)
{
    static const struct {
        const char *name;
        enum hz_act act;
    } acts[] = {{"silu", HZ_ACT_SILU},           {"swish", HZ_ACT_SILU},
                {"gelu", HZ_ACT_GELU},           {"gelu_python", HZ_ACT_GELU},
                {"gelu_new", HZ_ACT_GELU_TANH},  {"gelu_pytorch_tanh", HZ_ACT_GELU_TANH},
                {"gelu_fast", HZ_ACT_GELU_TANH}, {"relu", HZ_ACT_RELU},
                {"relu2", HZ_ACT_RELU2},         {"sigmoid", HZ_ACT_SIGMOID}};
    struct found f = {0};
    bool null = false;
    const char *name = find(c, keys, &f, &null) ? string(c, &f, NULL) : NULL;
    for (size_t i = 0; name && i < HZ_COUNT(acts); i++)
        if (!strcmp(name, acts[i].name))
            return acts[i].act;
    if (name)
        note(c, "%s is \"%.100s\", an unknown activation (known are silu, relu, relu2, sigmoid and gelu)", f.key, name);
    return otherwise;
}

uint32_t hz_config_context(struct hz_config *c, uint32_t otherwise)
{
    c->context = hz_config_size(c, "max_position_embeddings|n_positions|.context_length", otherwise, INT32_MAX);
    return c->context;
}

void hz_config_rope_of_phi3(struct hz_config *c, uint32_t original)
{
    c->original = original;
    c->partial_rope = true;
}

bool hz_config_tensor(const struct hz_config *c, const char *name)
{
    char real[HZ_NAME_MAX];
    return hz_names_find(&c->names, name, real) != NULL;
}

_Static_assert((int)HZ_CONFIG_NAME == (int)HZ_NAME_MAX, "one length of names");

const char *hz_config_tensor_name(const struct hz_config *c, const char *name, char *real)
{
    hz_names_find(&c->names, name, real);
    return real;
}

uint32_t hz_config_rows(const struct hz_config *c, const char *name)
{
    char real[HZ_NAME_MAX];
    const struct hz_tensor *t = hz_names_find(&c->names, name, real);
    if (!t)
        return 0;
    uint64_t row = t->n_dims ? t->dims[t->n_dims - 1] : 1;
    return row ? (uint32_t)HZ_MIN(hz_tensor_elements(t) / row, UINT32_MAX) : 0;
}

/* ---- weights ----------------------------------------------------------------------------------------------------- */

static uint32_t whole_tensor(struct hz_plan *p, const struct hz_weight *shape, const char *fmt, va_list ap)
{
    char name[HZ_NAME_MAX];
    vsnprintf(name, sizeof name, fmt, ap);
    bool vector = shape->uses & HZ_USE_VECTOR;
    struct hz_piece piece = {.tensor = name, .count = vector ? shape->cols : shape->rows};
    struct hz_weight w = *shape;
    w.name = name;
    w.pieces = &piece;
    w.n_pieces = 1;
    return hz_plan_weight(p, &w);
}

uint32_t hz_weight_linear(struct hz_plan *p, uint32_t rows, uint32_t cols, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    uint32_t w = whole_tensor(p, &(struct hz_weight){.rows = rows, .cols = cols, .uses = HZ_USE_LINEAR}, fmt, ap);
    va_end(ap);
    return w;
}

uint32_t hz_weight_embed(struct hz_plan *p, uint32_t rows, uint32_t cols, bool tied, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    struct hz_weight shape = {.rows = rows, .cols = cols, .uses = HZ_USE_EMBED | (tied ? HZ_USE_LINEAR : 0)};
    uint32_t w = whole_tensor(p, &shape, fmt, ap);
    va_end(ap);
    return w;
}

uint32_t hz_weight_vector(struct hz_plan *p, uint32_t n, float plus, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    struct hz_weight shape = {.rows = 1, .cols = n, .uses = HZ_USE_VECTOR, .add = plus};
    uint32_t w = whole_tensor(p, &shape, fmt, ap);
    va_end(ap);
    return w;
}

/* ---- opening and closing ----------------------------------------------------------------------------------------- */

/* Folders whose weights are quantized name their method here; bits of it would be ignored otherwise. */
static hz_status refuse_quantized(const struct hz_config *c, struct hz_error *err)
{
    static const char *const keys[] = {"quantization_config", "quantization", "compression_config"};
    for (size_t i = 0; i < 2 * HZ_COUNT(keys); i++) {
        const char *key = keys[i / 2];
        struct hz_json q = hz_json_get(i % 2 ? c->text : c->root, key);
        if (q.kind == HZ_JSON_ABSENT || q.kind == HZ_JSON_NULL)
            continue;
        const char *method = hz_json_str(hz_json_get(q, "quant_method"), NULL);
        return hz_fail(err, HZ_E_UNSUPPORTED, "%s: config.json: %s: weights quantized by %s cannot be read yet",
                       c->ck->path, key, method ? method : "a method that it does not name");
    }
    return HZ_OK;
}

static hz_status open_json(struct hz_config *c, struct hz_error *err)
{
    if (!c->ck->config)
        return hz_fail(err, HZ_E_NOTFOUND, "%s: no config.json", c->ck->path);
    c->root = c->text = hz_json_root(c->ck->config);
    if (c->root.kind != HZ_JSON_OBJECT)
        return hz_fail(err, HZ_E_FORMAT, "%s: config.json is not an object", c->ck->path);
    struct hz_json text = hz_json_get(c->root, "text_config");
    if (text.kind == HZ_JSON_OBJECT)
        c->text = text;
    c->type = hz_json_str(hz_json_get(c->text, "model_type"), NULL);
    if (!c->type)
        c->type = hz_json_str(hz_json_get(c->root, "model_type"), NULL);
    if (!c->type)
        return hz_fail(err, HZ_E_FORMAT, "%s: config.json: no model_type", c->ck->path);
    return refuse_quantized(c, err);
}

static hz_status open_gguf(struct hz_config *c, struct hz_error *err)
{
    const struct hz_meta *arch = hz_gguf_get(c->ck->gguf, "general.architecture");
    if (!arch || arch->type != HZ_META_STRING)
        return hz_fail(err, HZ_E_FORMAT, "%s: no general.architecture", c->ck->path);
    c->type = hz_arena_strndup(&c->arena, arch->v.str.s, (size_t)arch->v.str.len);
    return c->type ? HZ_OK : hz_fail_nomem(err, (size_t)arch->v.str.len);
}

hz_status hz_config_open(const struct hz_checkpoint *ck, struct hz_config **config, struct hz_error *err)
{
    struct hz_config *c = hz_calloc(1, sizeof *c);
    if (!c)
        return hz_fail_nomem(err, sizeof *c);
    c->ck = ck;
    hz_names_detect(&c->names, ck);
    hz_status status = ck->gguf ? open_gguf(c, err) : open_json(c, err);
    if (status != HZ_OK) {
        hz_config_close(c);
        c = NULL;
    }
    *config = c;
    return status;
}

void hz_config_close(struct hz_config *c)
{
    if (!c)
        return;
    hz_map_free(&c->read);
    hz_arena_free(&c->arena);
    free(c);
}

/* ---- keys that nobody read --------------------------------------------------------------------------------------- */

/* They say nothing about the result of a forward pass of one language model. */
static const char harmless[] =
    /* who wrote it, for which program */
    "_name_or_path|architectures|auto_map|base_model_name_or_path|custom_pipelines|license|model_type|"
    "model_name|name_or_path|transformers.js_config|transformers_version|unsloth_fixed|unsloth_version|"
    "_commit_hash|is_llama_config|tokenizer_class|trust_remote_code|"
    /* how another engine computes */
    "_attn_implementation|_attn_implementation_autoset|_experts_implementation|_flash_attn_2_enabled|"
    "attn_implementation|cache_implementation|chunk_size_feed_forward|dtype|gradient_checkpointing|"
    "low_cpu_mem_usage|num_logits_to_keep|output_attentions|output_hidden_states|output_past|pretraining_tp|"
    "reorder_and_upcast_attn|return_dict|tf_legacy_loss|torch_dtype|torchscript|use_bfloat16|use_cache|"
    "use_flash_attention|use_flash_attention_2|use_flash_attn|use_return_dict|world_size|"
    /* training */
    "attention_dropout|attention_probs_dropout_prob|attn_pdrop|classifier_dropout|dropout|embd_pdrop|"
    "embedding_dropout|finetuning_task|hidden_dropout|hidden_dropout_prob|initializer_factor|"
    "initializer_range|output_router_logits|problem_type|resid_pdrop|residual_dropout|router_aux_loss_coef|"
    "router_jitter_noise|summary_activation|summary_first_dropout|summary_proj_to_labels|summary_type|"
    "summary_use_proj|task_specific_params|n_special|predict_special_tokens|pruned_heads|_num_labels|"
    /* labels, tokens, how to generate */
    "bad_words_ids|begin_suppress_tokens|bos_token_id|decoder_start_token_id|diversity_penalty|do_sample|"
    "early_stopping|encoder_no_repeat_ngram_size|eos_token_id|exponential_decay_length_penalty|"
    "forced_bos_token_id|forced_eos_token_id|id2label|label2id|length_penalty|mask_token_id|max_length|"
    "max_sequence_length|min_length|model_max_length|n_ctx|no_repeat_ngram_size|num_beam_groups|num_beams|num_labels|"
    "num_return_sequences|output_scores|pad_token_id|prefix|remove_invalid_values|repetition_penalty|"
    "return_dict_in_generate|sep_token_id|suppress_tokens|temperature|tokenizer_model_max_length|"
    "tokenizer_padding_side|top_k|top_p|typical_p|unk_token_id|"
    /* for windows that are off; Phi-4-mini's own code reads neither of its two */
    "max_window_layers|full_attn_mod|interpolate_factor";

/* Harmless as long as they are false. */
static const char harmless_false[] =
    "add_cross_attention|attention_bias|is_decoder|is_encoder_decoder|lm_head_bias|mlp_bias|rope_interleaved|"
    "tie_encoder_decoder|use_bidirectional_attention|use_mrope|use_sliding_window";

/* Keys of a GGUF's architecture, behind the prefix. llama.cpp 0.3.36 computes YaRN's factor anew (llama-context.cpp)
 * and reads the last one for one architecture alone. */
static const char harmless_gguf[] =
    ".pooling_type|.rope.scaling.finetuned|.tensor_data_layout|.vocab_size|.rope.scaling.yarn_attn_factor";

static bool is_harmless(const struct hz_config *c, const char *key, struct hz_json value, bool shell)
{
    uint32_t read;
    if (value.kind == HZ_JSON_NULL || hz_map_get(&c->read, key, strlen(key), &read) || hz_names_among(harmless, key))
        return true;
    if (value.kind == HZ_JSON_BOOL && !hz_json_bool(value, true) && hz_names_among(harmless_false, key))
        return true;
    /* The shell around a language model tells how pictures and sound come in; none do. */
    static const char *const senses[] = {"audio",         "boi_",        "eoi_",           "ignore_index",
                                         "image",         "mm_",         "projection_dim", "projector",
                                         "spatial_merge", "text_config", "video",          "vision"};
    for (size_t i = 0; shell && i < HZ_COUNT(senses); i++)
        if (strstr(key, senses[i]))
            return true;
    return false;
}

static hz_status done_json(const struct hz_config *c, struct hz_error *err)
{
    bool nested = c->text.ref != c->root.ref;
    for (int shell = 0; shell <= nested; shell++)
        for (struct hz_json_iter it = hz_json_each(shell ? c->root : c->text); hz_json_next(&it);)
            if (!is_harmless(c, it.key, it.value, shell))
                return hz_fail(err, HZ_E_UNSUPPORTED,
                               "%s: config.json has \"%s\", which this build does not know for %s and will not ignore",
                               c->ck->path, it.key, c->type);
    return HZ_OK;
}

static hz_status done_gguf(const struct hz_config *c, struct hz_error *err)
{
    size_t n = strlen(c->type);
    const struct hz_gguf *g = c->ck->gguf;
    for (size_t i = 0; i < g->n_meta; i++) {
        const struct hz_str key = g->meta[i].key;
        uint32_t read;
        char text[128];
        if (key.len <= n || memcmp(key.s, c->type, n) || key.s[n] != '.' ||
            hz_map_get(&c->read, key.s, (size_t)key.len, &read))
            continue;
        snprintf(text, sizeof text, "%.*s", (int)HZ_MIN(key.len - n, sizeof text), key.s + n);
        if (!hz_names_among(harmless_gguf, text))
            return hz_fail(err, HZ_E_UNSUPPORTED, "%s has %s%s, which this build does not know and will not ignore",
                           c->ck->path, c->type, text);
    }
    return HZ_OK;
}

hz_status hz_config_done(const struct hz_config *c, struct hz_error *err)
{
    if (c->failed) {
        if (err)
            *err = c->err;
        return c->err.status;
    }
    return c->ck->gguf ? done_gguf(c, err) : done_json(c, err);
}
