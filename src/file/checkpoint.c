/* checkpoint.c - what a path holds, and the files beside the weights: configurations, tokenizer, chat templates.
 *
 * In a folder the weights are model.safetensors, else the shards of model.safetensors.index.json, else a GGUF; files of
 * other names (a vendor's own consolidated.safetensors, leftovers of an upload) are never picked up. */
#include "file/checkpoint.h"

#include "file/weights.h"
#include "text/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TEMPLATE = 16 << 20 };

static const char default_name[] = "default"; /* of the chat template that is not for a special purpose */

struct opening {
    struct hz_checkpoint *ck;
    struct hz_arena *arena;
    const struct hz_checkpoint_options *options;
    size_t cap_templates;
    char **names; /* of the folder */
    size_t n_names;
    struct hz_error *err;
};

static hz_status nomem(const struct opening *o)
{
    return hz_fail_nomem(o->err, o->arena->total);
}

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), k = strlen(end);
    return n >= k && !strcmp(s + n - k, end);
}

static bool has(const struct opening *o, const char *name)
{
    for (size_t i = 0; i < o->n_names; i++)
        if (!strcmp(o->names[i], name))
            return true;
    return false;
}

static const char *path_in(const struct opening *o, const char *name)
{
    return hz_arena_printf(o->arena, "%s/%s", o->ck->path, name);
}

/* ---- chat templates --------------------------------------------------------------------------------------------- */

/* A later template of the same name replaces the earlier one. */
static hz_status add_template(struct opening *o, const char *name, size_t name_len, const char *source, size_t len,
                              const char *file)
{
    struct hz_checkpoint *ck = o->ck;
    struct hz_checkpoint_template t = {hz_arena_strndup(o->arena, name, name_len),
                                       hz_arena_strndup(o->arena, source, len), len, file};
    if (!t.name || !t.source || !t.file || !HZ_GROW(ck->templates, ck->n_templates, o->cap_templates))
        return nomem(o);
    if (!hz_utf8_valid(source, len))
        return hz_fail(o->err, HZ_E_FORMAT, "%s: the chat template '%s' is not UTF-8", file, t.name);
    size_t i = 0;
    while (i < ck->n_templates && strcmp(ck->templates[i].name, t.name))
        i++;
    ck->n_templates += i == ck->n_templates;
    ck->templates[i] = t;
    return HZ_OK;
}

static hz_status add_template_file(struct opening *o, const char *name, size_t name_len, const char *path)
{
    char *source;
    size_t len;
    if (!path)
        return nomem(o);
    HZ_TRY(hz_file_read(path, MAX_TEMPLATE, &source, &len, o->err));
    hz_status status = add_template(o, name, name_len, source, len, path);
    free(source);
    return status;
}

/* chat_template.jinja and additional_chat_templates/NAME.jinja. */
static hz_status add_jinja_files(struct opening *o)
{
    static const char more[] = "additional_chat_templates";
    char **names = NULL;
    size_t n = 0;
    hz_status status = HZ_OK;
    if (has(o, "chat_template.jinja"))
        HZ_TRY(add_template_file(o, default_name, strlen(default_name), path_in(o, "chat_template.jinja")));
    const char *folder = path_in(o, more);
    if (!folder)
        return nomem(o);
    if (hz_file_kind(folder) != HZ_FILE_FOLDER)
        return HZ_OK;
    HZ_TRY(hz_file_list(folder, &names, &n, o->err));
    for (size_t i = 0; i < n && status == HZ_OK; i++)
        if (ends_with(names[i], ".jinja"))
            status = add_template_file(o, names[i], strlen(names[i]) - strlen(".jinja"),
                                       hz_arena_printf(o->arena, "%s/%s", folder, names[i]));
    hz_file_list_free(names, n);
    return status;
}

/* chat_template of tokenizer_config.json: a string, or [{"name": ..., "template": ...}, ...]. */
static hz_status add_configured_templates(struct opening *o)
{
    const char *file = path_in(o, "tokenizer_config.json");
    struct hz_json v = hz_json_get(hz_json_root(o->ck->tokenizer_config), "chat_template");
    size_t len, name_len;
    const char *source = hz_json_str(v, &len);
    if (!file)
        return nomem(o);
    if (source)
        return add_template(o, default_name, strlen(default_name), source, len, file);
    if (v.kind != HZ_JSON_ARRAY && v.kind != HZ_JSON_NULL && v.kind != HZ_JSON_ABSENT)
        return hz_fail(o->err, HZ_E_FORMAT, "%s: chat_template is %s, expected a string or a list", file,
                       hz_json_kind_name(v.kind));
    for (size_t i = 0; i < hz_json_len(v); i++) {
        const char *name = hz_json_str(hz_json_get(hz_json_at(v, i), "name"), &name_len);
        source = hz_json_str(hz_json_get(hz_json_at(v, i), "template"), &len);
        if (!name || !source)
            return hz_fail(o->err, HZ_E_FORMAT, "%s: chat_template[%zu] lacks a name or template that is a string",
                           file, i);
        HZ_TRY(add_template(o, name, name_len, source, len, file));
    }
    return HZ_OK;
}

/* tokenizer.chat_template and tokenizer.chat_template.NAME. */
static hz_status add_gguf_templates(struct opening *o)
{
    static const char key[] = "tokenizer.chat_template";
    const struct hz_gguf *g = o->ck->gguf;
    size_t len = strlen(key);
    for (size_t i = 0; i < g->n_meta; i++) {
        const struct hz_meta *m = &g->meta[i];
        bool plain = m->key.len == len;
        if (m->key.len < len || memcmp(m->key.s, key, len) || (!plain && m->key.s[len] != '.'))
            continue;
        if (m->type != HZ_META_STRING)
            return hz_fail(o->err, HZ_E_FORMAT, "%s: %.*s is of type %s, expected a string", g->path,
                           (int)HZ_MIN(m->key.len, (uint64_t)200), m->key.s, hz_meta_type_name(m->type));
        HZ_TRY(add_template(o, plain ? default_name : m->key.s + len + 1,
                            plain ? strlen(default_name) : m->key.len - len - 1, m->v.str.s, m->v.str.len, g->path));
    }
    return HZ_OK;
}

static void put_default_first(struct hz_checkpoint *ck)
{
    for (size_t i = 1; i < ck->n_templates; i++)
        if (!strcmp(ck->templates[i].name, default_name)) {
            struct hz_checkpoint_template t = ck->templates[i];
            memmove(&ck->templates[1], &ck->templates[0], i * sizeof t);
            ck->templates[0] = t;
        }
}

/* ---- GGUF ------------------------------------------------------------------------------------------------------- */

static hz_status open_gguf(struct opening *o, const char *path)
{
    if (!path)
        return nomem(o);
    o->ck->kind = HZ_CHECKPOINT_GGUF;
    HZ_TRY(hz_weights_open_gguf(o->ck, path, o->options->tokenizer_only, o->err));
    return add_gguf_templates(o);
}

/* Of a split GGUF only the first part that is there is a choice. */
static bool is_later_part(const struct opening *o, size_t i)
{
    struct hz_split_name a, b;
    if (!hz_split_name_parse(o->names[i], &a))
        return false;
    for (size_t k = 0; k < i; k++)
        if (hz_split_name_parse(o->names[k], &b) && a.stem == b.stem && a.count == b.count &&
            !memcmp(o->names[i], o->names[k], a.stem))
            return true;
    return false;
}

/* The names of the folder that `is_choice` holds for, as "a, b, c"; *first is the first of them, NULL for none. */
static size_t list_choices(const struct opening *o, bool (*is_choice)(const struct opening *, size_t), char *out,
                           size_t cap, const char **first)
{
    size_t n = 0, at = 0;
    *first = NULL;
    out[0] = 0;
    for (size_t i = 0; i < o->n_names; i++) {
        if (!is_choice(o, i))
            continue;
        if (!n++)
            *first = o->names[i];
        if (at < cap)
            at += (size_t)snprintf(out + at, cap - at, "%s%s", n > 1 ? ", " : "", o->names[i]);
    }
    return n;
}

static bool is_gguf(const struct opening *o, size_t i)
{
    return ends_with(o->names[i], ".gguf") && !is_later_part(o, i);
}

/* Image encoders are published beside the model as mmproj-*.gguf; they are no model of their own. */
static bool is_model_gguf(const struct opening *o, size_t i)
{
    return is_gguf(o, i) && !strstr(o->names[i], "mmproj");
}

static bool has_gguf(const struct opening *o)
{
    for (size_t i = 0; i < o->n_names; i++)
        if (is_model_gguf(o, i))
            return true;
    return false;
}

static bool is_weight_file(const struct opening *o, size_t i)
{
    static const char *const ends[] = {".safetensors", ".bin",     ".pt",  ".pth", ".ckpt",
                                       ".h5",          ".msgpack", ".npz", ".onnx"};
    for (size_t k = 0; k < HZ_COUNT(ends); k++)
        if (ends_with(o->names[i], ends[k]))
            return true;
    return false;
}

/* options.file, or the folder's only GGUF. */
static hz_status open_gguf_in_folder(struct opening *o)
{
    char choices[600];
    const char *only, *file = o->options->file;
    size_t n = list_choices(o, is_model_gguf, choices, sizeof choices, &only);
    if (!n)
        n = list_choices(o, is_gguf, choices, sizeof choices, &only);
    if (file) {
        const char *path = path_in(o, file);
        if (path && (!*file || hz_file_kind(path) == HZ_FILE_MISSING))
            return hz_fail(o->err, HZ_E_NOTFOUND, "%s: there is no '%s'; GGUF files there: %s", o->ck->path, file,
                           n ? choices : "none");
        return open_gguf(o, path);
    }
    if (n > 1)
        return hz_fail(o->err, HZ_E_INVALID, "%s: holds several GGUF files, one must be named: %s", o->ck->path,
                       choices);
    if (n)
        return open_gguf(o, path_in(o, only));
    if (o->options->tokenizer_only)
        return hz_fail(o->err, HZ_E_NOTFOUND,
                       "%s: expected tokenizer.json, tokenizer_config.json or a GGUF, found none", o->ck->path);
    n = list_choices(o, is_weight_file, choices, sizeof choices, &only);
    return hz_fail(o->err, HZ_E_NOTFOUND,
                   "%s: expected model.safetensors, model.safetensors.index.json or a GGUF, found %s%s", o->ck->path,
                   n ? "only " : "no weights", choices);
}

/* ---- folders ---------------------------------------------------------------------------------------------------- */

/* *doc stays NULL where the folder has no such file. */
static hz_status load_json(struct opening *o, const char *name, struct hz_json_doc **doc)
{
    const char *path = path_in(o, name);
    if (!path)
        return nomem(o);
    if (!has(o, name))
        return HZ_OK;
    HZ_TRY(hz_json_load(path, doc, o->err));
    struct hz_json root = hz_json_root(*doc);
    if (root.kind != HZ_JSON_OBJECT)
        return hz_fail(o->err, HZ_E_FORMAT, "%s: is %s, expected an object", path, hz_json_kind_name(root.kind));
    return HZ_OK;
}

static hz_status load_companions(struct opening *o)
{
    struct hz_checkpoint *ck = o->ck;
    HZ_TRY(load_json(o, "config.json", &ck->config));
    HZ_TRY(load_json(o, "generation_config.json", &ck->generation_config));
    HZ_TRY(load_json(o, "tokenizer_config.json", &ck->tokenizer_config));
    /* Since transformers 4.34 tokenizer_config.json says it all, and lists the added tokens. */
    if (!ck->tokenizer_config ||
        hz_json_get(hz_json_root(ck->tokenizer_config), "added_tokens_decoder").kind == HZ_JSON_ABSENT)
        HZ_TRY(load_json(o, "special_tokens_map.json", &ck->special_tokens_map));
    if (!ck->config && !o->options->tokenizer_only)
        return hz_fail(o->err, HZ_E_NOTFOUND, "%s: has weights but no config.json", ck->path);
    if (has(o, "tokenizer.json") && !(ck->tokenizer_json = path_in(o, "tokenizer.json")))
        return nomem(o);
    HZ_TRY(add_jinja_files(o));
    /* As in transformers: template files, where there are any, take the place of the configured ones altogether. */
    return ck->n_templates || !ck->tokenizer_config ? HZ_OK : add_configured_templates(o);
}

static hz_status open_folder(struct opening *o)
{
    static const char single[] = "model.safetensors", index[] = "model.safetensors.index.json";
    struct hz_checkpoint *ck = o->ck;
    bool tokenizer_only = o->options->tokenizer_only;
    bool is_checkpoint = has(o, single) || has(o, index);
    if (tokenizer_only) /* the last without a GGUF: then the tokenizer may come from elsewhere */
        is_checkpoint =
            has(o, "tokenizer.json") || has(o, "tokenizer_config.json") || (has(o, "config.json") && !has_gguf(o));
    if (o->options->file || !is_checkpoint)
        return open_gguf_in_folder(o);
    ck->kind = HZ_CHECKPOINT_FOLDER;
    HZ_TRY(load_companions(o));
    if (tokenizer_only)
        return HZ_OK;
    const char *path = path_in(o, has(o, single) ? single : index);
    if (!path)
        return nomem(o);
    return has(o, single) ? hz_weights_open_single(ck, path, o->err)
                          : hz_weights_open_index(ck, ck->path, path, o->err);
}

static hz_status open_path(struct opening *o)
{
    const char *path = o->ck->path;
    switch (hz_file_kind(path)) {
    case HZ_FILE_MISSING:
        return hz_fail(o->err, HZ_E_NOTFOUND, "%s: no such file or folder", path);
    case HZ_FILE_OTHER:
        return hz_fail(o->err, HZ_E_INVALID, "%s: expected a GGUF file or a folder", path);
    case HZ_FILE_REGULAR:
        if (ends_with(path, ".safetensors") || ends_with(path, ".json"))
            return hz_fail(o->err, HZ_E_INVALID, "%s: expected a GGUF file, or the folder that this file lies in",
                           path);
        if (o->options->file)
            return hz_fail(o->err, HZ_E_INVALID, "%s: is a file, so '%s' cannot be chosen in it", path,
                           o->options->file);
        return open_gguf(o, path);
    case HZ_FILE_FOLDER:
        break;
    }
    HZ_TRY(hz_file_list(path, &o->names, &o->n_names, o->err));
    hz_status status = open_folder(o);
    hz_file_list_free(o->names, o->n_names);
    return status;
}

hz_status hz_checkpoint_open(const char *path, const struct hz_checkpoint_options *options,
                             struct hz_checkpoint **checkpoint, struct hz_error *err)
{
    static const struct hz_checkpoint_options defaults;
    struct hz_checkpoint *ck = hz_calloc(1, sizeof *ck);
    struct hz_checkpoint_owned *own = hz_calloc(1, sizeof *own);
    *checkpoint = NULL;
    if (!ck || !own) {
        free(ck);
        free(own);
        return hz_fail_nomem(err, sizeof *ck + sizeof *own);
    }
    ck->owned = own;
    ck->path = hz_arena_strndup(&own->arena, path, strlen(path));
    struct opening o = {ck, &own->arena, options ? options : &defaults, .err = err};
    hz_status status = ck->path ? open_path(&o) : nomem(&o);
    if (status != HZ_OK) {
        hz_checkpoint_close(ck);
        return status;
    }
    put_default_first(ck);
    *checkpoint = ck;
    return HZ_OK;
}

void hz_checkpoint_close(struct hz_checkpoint *checkpoint)
{
    if (!checkpoint)
        return;
    struct hz_checkpoint_owned *own = checkpoint->owned;
    hz_json_free(checkpoint->config);
    hz_json_free(checkpoint->generation_config);
    hz_json_free(checkpoint->tokenizer_config);
    hz_json_free(checkpoint->special_tokens_map);
    hz_tensor_table_free(&checkpoint->table);
    hz_gguf_free(&own->gguf);
    free(checkpoint->templates);
    for (size_t i = 0; i < own->n_maps; i++)
        hz_file_unmap(&own->maps[i]);
    free(own->maps);
    hz_arena_free(&own->arena);
    free(own);
    free(checkpoint);
}
