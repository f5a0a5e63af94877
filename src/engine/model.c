/* model.c - hz_model: an opened checkpoint without its weights, with its tokenizer and its chat templates. */
#include "engine/internal.h"

#include "base/mem.h"
#include "base/os/file.h"
#include "file/safetensors.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_TEMPLATE = 16 << 20 };

/* ---- opening --------------------------------------------------------------------------------- */

static void open_tokenizer(struct hz_model *m, const char *other)
{
    const struct hz_checkpoint *ck = m->checkpoint;
    const char *path = other ? other : ck->tokenizer_json;
    struct hz_error *err = &m->tokenizer_error;
    if (path)
        hz_tokenizer_load(path, &m->tokenizer, err);
    else if (ck->kind == HZ_CHECKPOINT_GGUF)
        hz_tokenizer_from_gguf(ck->gguf, &m->tokenizer, err);
    else
        hz_fail(err, HZ_E_NOTFOUND, "%s: no tokenizer.json", ck->path);
}

hz_status hz_model_open(const char *path, const struct hz_model_options *options, hz_model **model,
                        struct hz_error *err)
{
    struct hz_model_options o = {.size = sizeof o};
    if (options)
        HZ_TRY(hz_options_copy(&o, sizeof o, options, "hz_model_options", err));
    struct hz_checkpoint_options files = {.file = o.file, .tokenizer_only = o.tokenizer_only};
    hz_status status = HZ_OK;
    struct hz_model *m = hz_calloc(1, sizeof *m);
    if (!m)
        return hz_fail_nomem(err, sizeof *m);
    m->lock = hz_mutex_new();
    if (!m->lock) {
        status = hz_fail_nomem(err, 64);
        goto fail;
    }
    if ((status = hz_checkpoint_open(path, &files, &m->checkpoint, err)) != HZ_OK)
        goto fail;
    open_tokenizer(m, o.tokenizer);
    /* Without a tokenizer a model still runs on ids; one that was asked for, or is all there is, must be readable. */
    if (!m->tokenizer && (o.tokenizer || o.tokenizer_only)) {
        status = hz_fail(err, m->tokenizer_error.status, "%s", m->tokenizer_error.text);
        goto fail;
    }
    if (o.chat_template) {
        m->template_path = hz_strndup(o.chat_template, strlen(o.chat_template));
        if (!m->template_path) {
            status = hz_fail_nomem(err, strlen(o.chat_template));
            goto fail;
        }
        status = hz_file_read(o.chat_template, MAX_TEMPLATE, &m->template_source, &m->template_len, err);
        if (status != HZ_OK)
            goto fail;
    }
    *model = m;
    return HZ_OK;
fail:
    hz_model_close(m);
    return status;
}

void hz_model_close(hz_model *m)
{
    if (!m)
        return;
    hz_chat_free(m->chat);
    hz_tokenizer_free(m->tokenizer);
    hz_checkpoint_close(m->checkpoint);
    hz_mutex_free(m->lock);
    free(m->template_path);
    free(m->template_source);
    free(m);
}

/* ---- tokens ---------------------------------------------------------------------------------- */

hz_status hz_model_tokenizer(const struct hz_model *m, const struct hz_tokenizer **tokenizer, struct hz_error *err)
{
    *tokenizer = m->tokenizer;
    return m->tokenizer ? HZ_OK : hz_fail(err, m->tokenizer_error.status, "%s", m->tokenizer_error.text);
}

hz_status hz_tokenize(const hz_model *m, const char *text, size_t len, bool special, bool parse_special, int32_t **ids,
                      size_t *n, struct hz_error *err)
{
    const struct hz_tokenizer *t;
    struct hz_ids out = {0};
    unsigned flags = (special ? HZ_ENCODE_SPECIAL : 0u) | (parse_special ? HZ_ENCODE_PARSE_SPECIAL : 0u);
    HZ_TRY(hz_model_tokenizer(m, &t, err));
    hz_status status = hz_encode(t, text, len, flags, &out, err);
    if (status == HZ_OK && !out.data && !HZ_GROW(out.data, out.n, out.cap)) /* no ids are an array too */
        status = hz_fail_nomem(err, sizeof *out.data);
    if (status != HZ_OK) {
        hz_ids_free(&out);
        return status;
    }
    *ids = out.data;
    *n = out.n;
    return HZ_OK;
}

hz_status hz_detokenize(const hz_model *m, const int32_t *ids, size_t n, bool skip_special, char **text, size_t *len,
                        struct hz_error *err)
{
    const struct hz_tokenizer *t;
    struct hz_buf out;
    HZ_TRY(hz_model_tokenizer(m, &t, err));
    hz_buf_init(&out, SIZE_MAX / 2);
    hz_buf_put(&out, "", 0);
    hz_status status = hz_decode(t, ids, n, skip_special, &out, err);
    if (status == HZ_OK)
        status = hz_buf_check(&out, "decoded text", err);
    if (status == HZ_OK)
        *text = hz_buf_take(&out, len);
    hz_buf_free(&out);
    return status;
}

const char *hz_model_token(const hz_model *m, int32_t id, size_t *len, bool *special)
{
    size_t n = 0;
    const char *spelling = m->tokenizer && id >= 0 ? hz_token_spelling(m->tokenizer, id, &n) : NULL;
    if (len)
        *len = spelling ? n : 0;
    if (special)
        *special = spelling && hz_token_is_special(m->tokenizer, id);
    return spelling;
}

/* ---- what ends an answer --------------------------------------------------------------------- */

static hz_status add_end(struct hz_id_set *set, size_t *cap, int32_t id, struct hz_error *err)
{
    size_t at = 0;
    while (at < set->n && set->ids[at] < id)
        at++;
    if (id < 0 || (at < set->n && set->ids[at] == id))
        return HZ_OK;
    if (!HZ_GROW(set->ids, set->n, *cap))
        return hz_fail_nomem(err, *cap * sizeof *set->ids);
    memmove(set->ids + at + 1, set->ids + at, (set->n - at) * sizeof *set->ids);
    set->ids[at] = id;
    set->n++;
    return HZ_OK;
}

/* Where a folder names its special tokens; what comes first counts. */
static size_t token_sources(const struct hz_checkpoint *ck, struct hz_json sources[3])
{
    size_t n = 0;
    if (ck->special_tokens_map)
        sources[n++] = hz_json_root(ck->special_tokens_map);
    if (ck->tokenizer_config) {
        struct hz_json config = hz_json_root(ck->tokenizer_config), extra = hz_json_get(config, "extra_special_tokens");
        if (extra.kind == HZ_JSON_OBJECT) /* a list has no names */
            sources[n++] = extra;
        sources[n++] = config;
    }
    return n;
}

/* Its value in the first source that has it. */
static struct hz_json named_token(const struct hz_json *sources, size_t n, const char *key)
{
    struct hz_json v = {0};
    for (size_t i = 0; i < n && v.kind != HZ_JSON_STRING && v.kind != HZ_JSON_OBJECT; i++)
        v = hz_json_get(sources[i], key);
    return v;
}

/* The id of a token that is named so: a string or an object with "content". */
static int32_t configured_token(const struct hz_model *m, const char *key)
{
    size_t len;
    struct hz_json sources[3];
    struct hz_json v = named_token(sources, token_sources(m->checkpoint, sources), key);
    const char *s = hz_json_str(v.kind == HZ_JSON_OBJECT ? hz_json_get(v, "content") : v, &len);
    return s ? hz_token_id(m->tokenizer, s, len) : -1;
}

hz_status hz_model_ends(const struct hz_model *m, const struct hz_model_facts *facts, struct hz_id_set *out,
                        struct hz_error *err)
{
    /* Ends of a turn in published chat models. Configurations that name only the base model's end are common; a chat
     * model would then talk on with itself. */
    static const char *const turn_ends[] = {"<|im_end|>", "<|eot_id|>",    "<|eom_id|>",         "<end_of_turn>",
                                            "<|end|>",    "<|endoftext|>", "<|end_of_text|>",    "<|end_of_turn|>",
                                            "<EOT>",      "[EOT]",         "<end_of_utterance>", "<|return|>"};
    const int32_t *ends = NULL; /* a tokenizer from a GGUF names them all; one from tokenizer.json none */
    size_t cap = 0, n = m->tokenizer ? hz_tokenizer_ends(m->tokenizer, &ends) : 0;
    *out = (struct hz_id_set){0};
    for (size_t i = 0; i < facts->n_eos; i++)
        HZ_TRY(add_end(out, &cap, facts->eos[i], err));
    for (size_t i = 0; i < n; i++)
        HZ_TRY(add_end(out, &cap, ends[i], err));
    if (!m->tokenizer || n)
        return HZ_OK;
    HZ_TRY(add_end(out, &cap, configured_token(m, "eos_token"), err));
    for (size_t i = 0; i < HZ_COUNT(turn_ends); i++) {
        int32_t id = hz_token_id(m->tokenizer, turn_ends[i], strlen(turn_ends[i]));
        if (id >= 0 && hz_token_is_special(m->tokenizer, id))
            HZ_TRY(add_end(out, &cap, id, err));
    }
    return HZ_OK;
}

/* ---- chat templates -------------------------------------------------------------------------- */

static void put_token(struct hz_json_writer *w, const struct hz_tokenizer *t, const char *key, int32_t id)
{
    size_t len;
    const char *s = t && id >= 0 ? hz_token_spelling(t, id, &len) : NULL;
    if (!s)
        return;
    hz_json_key(w, key);
    hz_json_put_str(w, s, len);
}

/* An id that the GGUF names; its tokenizer may be another one, which does not know. */
static int32_t gguf_token(const struct hz_model *m, const char *key)
{
    const struct hz_meta *meta = hz_gguf_get(m->checkpoint->gguf, key);
    int64_t id;
    return meta && hz_meta_int(meta, &id) && id >= 0 && id <= INT32_MAX ? (int32_t)id : -1;
}

/* {"bos_token": ..., ...}, as the templates see them: what a folder calls *_token, or a GGUF's two. */
static void put_special_tokens(const struct hz_model *m, struct hz_buf *out)
{
    struct hz_json_writer w;
    struct hz_json sources[3];
    size_t n = token_sources(m->checkpoint, sources);
    hz_json_begin(&w, out, 0);
    hz_json_object(&w);
    for (size_t i = 0; i < n; i++)
        for (struct hz_json_iter it = hz_json_each(sources[i]); hz_json_next(&it);) {
            bool named = it.key_len > 6 && !memcmp(it.key + it.key_len - 6, "_token", 6);
            if (!named || (it.value.kind != HZ_JSON_STRING && it.value.kind != HZ_JSON_OBJECT) ||
                named_token(sources, i, it.key).kind != HZ_JSON_ABSENT)
                continue;
            hz_json_key(&w, it.key);
            hz_json_put(&w, it.value);
        }
    if (m->checkpoint->kind == HZ_CHECKPOINT_GGUF && m->tokenizer) {
        int32_t bos = hz_tokenizer_bos(m->tokenizer), eos = hz_tokenizer_eos(m->tokenizer);
        put_token(&w, m->tokenizer, "bos_token", bos >= 0 ? bos : gguf_token(m, "tokenizer.ggml.bos_token_id"));
        put_token(&w, m->tokenizer, "eos_token", eos >= 0 ? eos : gguf_token(m, "tokenizer.ggml.eos_token_id"));
    }
    hz_json_end_object(&w);
}

static hz_status make_chat(const struct hz_model *m, struct hz_chat **chat, struct hz_error *err)
{
    const struct hz_checkpoint *ck = m->checkpoint;
    size_t n = m->template_source ? 1 : ck->n_templates;
    struct hz_json_doc *special = NULL;
    struct hz_buf json;
    if (!n)
        return hz_fail(err, HZ_E_NOTFOUND, "%s: no chat template; give one, or a raw prompt", ck->path);
    struct hz_chat_template *t = hz_calloc(n, sizeof *t);
    if (!t)
        return hz_fail_nomem(err, n * sizeof *t);
    for (size_t i = 0; i < n; i++)
        t[i] = m->template_source
                   ? (struct hz_chat_template){"default", m->template_source, m->template_len, m->template_path}
                   : (struct hz_chat_template){ck->templates[i].name, ck->templates[i].source, ck->templates[i].len,
                                               ck->templates[i].file};
    hz_buf_init(&json, 1 << 24);
    put_special_tokens(m, &json);
    hz_status status = hz_buf_check(&json, "special tokens", err);
    if (status == HZ_OK)
        status = hz_json_parse(json.data, json.len, "special tokens", &special, err);
    if (status == HZ_OK)
        status = hz_chat_new(t, n, hz_json_root(special), chat, err);
    hz_json_free(special);
    hz_buf_free(&json);
    free(t);
    return status;
}

/* The compiled templates, made when first needed: a broken one hurts only who renders. */
static hz_status get_chat(const struct hz_model *model, const struct hz_chat **chat, struct hz_error *err)
{
    struct hz_model *m = (struct hz_model *)model; /* what is made late is guarded by its lock */
    hz_mutex_lock(m->lock);
    hz_status status = m->chat ? HZ_OK : make_chat(m, &m->chat, err);
    *chat = m->chat;
    hz_mutex_unlock(m->lock);
    return status;
}

static hz_status render(const struct hz_model *m, struct hz_json request, struct hz_buf *out, struct hz_error *err)
{
    const struct hz_chat *chat;
    if (request.kind != HZ_JSON_OBJECT)
        return hz_fail(err, HZ_E_INVALID, "what to render must be an object, is %s", hz_json_kind_name(request.kind));
    bool bare = hz_json_get(request, "template").kind == HZ_JSON_STRING;
    if (bare)
        return hz_chat_render_bare(request, out, err);
    if (!m)
        return hz_fail(err, HZ_E_INVALID, "messages need a model, without one there must be a \"template\"");
    HZ_TRY(get_chat(m, &chat, err));
    return hz_chat_render(chat, request, false, out, err);
}

hz_status hz_render(const hz_model *m, const char *json, size_t json_len, char **text, size_t *len,
                    struct hz_error *err)
{
    struct hz_json_doc *doc = NULL;
    struct hz_buf out;
    hz_buf_init(&out, SIZE_MAX / 2); /* the interpreter has its own limit */
    hz_buf_put(&out, "", 0);
    hz_status status = hz_json_parse(json, json_len, NULL, &doc, err);
    if (status == HZ_OK)
        status = render(m, hz_json_root(doc), &out, err);
    if (status == HZ_OK)
        status = hz_buf_check(&out, "rendered prompt", err);
    if (status == HZ_OK)
        *text = hz_buf_take(&out, len);
    hz_buf_free(&out);
    hz_json_free(doc);
    return status;
}

/* ---- tensor files ---------------------------------------------------------------------------- */

hz_status hz_write_arrays(const char *path, const struct hz_array *arrays, size_t n, struct hz_error *err)
{
    struct hz_tensor *t = hz_calloc(n + 1, sizeof *t);
    if (!t)
        return hz_fail_nomem(err, n * sizeof *t);
    hz_status status = HZ_OK;
    for (size_t i = 0; i < n && status == HZ_OK; i++) {
        const struct hz_array *a = &arrays[i];
        if (a->rank > HZ_MAX_DIMS || (a->type != HZ_ARRAY_F32 && a->type != HZ_ARRAY_I32)) {
            status = hz_fail(err, HZ_E_INVALID, "array %s: rank %zu and type %d, must be at most %d and f32 or i32",
                             a->name, a->rank, (int)a->type, HZ_MAX_DIMS);
            break;
        }
        t[i] = (struct hz_tensor){.name = a->name,
                                  .type = a->type == HZ_ARRAY_F32 ? HZ_F32 : HZ_I32,
                                  .n_dims = (uint32_t)a->rank,
                                  .data = a->data,
                                  .bytes = 4,
                                  .file = path};
        for (size_t k = 0; k < a->rank; k++) {
            t[i].dims[k] = a->shape[k];
            t[i].bytes *= a->shape[k];
        }
    }
    if (status == HZ_OK)
        status = hz_safetensors_write(path, t, n, err);
    free(t);
    return status;
}
