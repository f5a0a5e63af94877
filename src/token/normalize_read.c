/* normalize_read.c - normalizers from JSON. */
#include "token/normalize.h"

#include "base/mem.h"
#include "token/charsmap.h"

#include <stdlib.h>
#include <string.h>

hz_status hz_pattern_read(struct hz_json json, const char *path, const char *what, struct hz_regex **regex,
                          char **literal, size_t *len, struct hz_error *err)
{
    *regex = NULL;
    *literal = NULL;
    const char *s = hz_json_str(hz_json_get(json, "String"), len);
    if (s && *len) {
        *literal = hz_strndup(s, *len);
        return *literal ? HZ_OK : hz_fail_nomem(err, *len);
    }
    if (!s) /* an empty literal matches everywhere, as an empty regex does */
        s = hz_json_str(hz_json_get(json, "Regex"), len);
    if (!s)
        return hz_fail(err, HZ_E_FORMAT, "%s: the pattern of %s must be {\"String\": ..} or {\"Regex\": ..}", path,
                       what);
    hz_status status = hz_regex_new(s, *len, 16, what, regex, err);
    return status ? hz_fail_in(err, status, "%s", path) : HZ_OK;
}

static hz_status add(struct hz_normalizer *n, struct hz_norm_step step, struct hz_error *err)
{
    if (!HZ_GROW(n->steps, n->n, n->cap))
        return hz_fail_nomem(err, sizeof step);
    n->steps[n->n++] = step;
    return HZ_OK;
}

static hz_status add_kind(struct hz_normalizer *n, enum hz_norm_kind kind, struct hz_error *err)
{
    return add(n, (struct hz_norm_step){.kind = kind}, err);
}

static hz_status read_bert(struct hz_normalizer *n, struct hz_json json, struct hz_error *err)
{
    bool lowercase = hz_json_bool(hz_json_get(json, "lowercase"), true);
    if (hz_json_bool(hz_json_get(json, "clean_text"), true))
        HZ_TRY(add_kind(n, HZ_NORM_CLEAN, err));
    if (hz_json_bool(hz_json_get(json, "handle_chinese_chars"), true))
        HZ_TRY(add_kind(n, HZ_NORM_CJK, err));
    if (hz_json_bool(hz_json_get(json, "strip_accents"), lowercase)) { /* null: as lowercase */
        HZ_TRY(add_kind(n, HZ_NORM_UNICODE, err));
        HZ_TRY(add_kind(n, HZ_NORM_STRIP_NONSPACING, err));
    }
    return lowercase ? add_kind(n, HZ_NORM_LOWERCASE, err) : HZ_OK;
}

/* The text of a key that must be there, copied. */
static hz_status read_text(struct hz_json json, const char *key, const char *path, char **s, size_t *len,
                           struct hz_error *err)
{
    const char *text = hz_json_str(hz_json_get(json, key), len);
    if (!text)
        return hz_fail(err, HZ_E_FORMAT, "%s: normalizer: \"%s\" must be a string", path, key);
    *s = hz_strndup(text, *len);
    return *s ? HZ_OK : hz_fail_nomem(err, *len);
}

/* Appends the step first, so that what it owns is freed with the normalizer whatever happens. */
static hz_status read_owner(struct hz_normalizer *n, enum hz_norm_kind kind, struct hz_json json, const char *path,
                            struct hz_error *err)
{
    HZ_TRY(add_kind(n, kind, err));
    struct hz_norm_step *step = &n->steps[n->n - 1];
    if (kind == HZ_NORM_PREPEND)
        return read_text(json, "prepend", path, &step->content, &step->content_len, err);
    if (kind == HZ_NORM_PRECOMPILED) {
        size_t len;
        const char *s = hz_json_str(hz_json_get(json, "precompiled_charsmap"), &len);
        if (!s)
            return hz_fail(err, HZ_E_FORMAT, "%s: normalizer: \"precompiled_charsmap\" must be a string", path);
        return hz_charsmap_from_base64(s, len, path, &step->charsmap, err);
    }
    HZ_TRY(hz_pattern_read(hz_json_get(json, "pattern"), path, "Replace", &step->regex, &step->pattern,
                           &step->pattern_len, err));
    return read_text(json, "content", path, &step->content, &step->content_len, err);
}

static const struct {
    const char *type;
    struct hz_norm_step step;
} simple[] = {
    {"NFC", {.kind = HZ_NORM_UNICODE, .compose = true}},
    {"NFD", {.kind = HZ_NORM_UNICODE}},
    {"NFKC", {.kind = HZ_NORM_UNICODE, .compose = true, .compat = true}},
    {"NFKD", {.kind = HZ_NORM_UNICODE, .compat = true}},
    {"Lowercase", {.kind = HZ_NORM_LOWERCASE}},
    {"StripAccents", {.kind = HZ_NORM_STRIP_ACCENTS}},
    {"Nmt", {.kind = HZ_NORM_NMT}},
    {"ByteLevel", {.kind = HZ_NORM_BYTE_LEVEL}},
};

static hz_status read_at_depth(struct hz_normalizer *n, struct hz_json json, const char *path, int depth,
                               struct hz_error *err)
{
    if (json.kind == HZ_JSON_NULL || json.kind == HZ_JSON_ABSENT)
        return HZ_OK;
    const char *type = hz_json_str(hz_json_get(json, "type"), NULL);
    if (!type || depth > 32)
        return hz_fail(err, HZ_E_FORMAT, "%s: normalizer: an object with a \"type\" is expected", path);
    for (size_t i = 0; i < HZ_COUNT(simple); i++)
        if (!strcmp(type, simple[i].type))
            return add(n, simple[i].step, err);
    if (!strcmp(type, "Sequence")) {
        struct hz_json list = hz_json_get(json, "normalizers");
        if (list.kind != HZ_JSON_ARRAY)
            return hz_fail(err, HZ_E_FORMAT, "%s: normalizer: \"normalizers\" must be an array", path);
        for (struct hz_json_iter it = hz_json_each(list); hz_json_next(&it);)
            HZ_TRY(read_at_depth(n, it.value, path, depth + 1, err));
        return HZ_OK;
    }
    if (!strcmp(type, "BertNormalizer"))
        return read_bert(n, json, err);
    if (!strcmp(type, "Strip"))
        return add(n,
                   (struct hz_norm_step){.kind = HZ_NORM_STRIP,
                                         .left = hz_json_bool(hz_json_get(json, "strip_left"), true),
                                         .right = hz_json_bool(hz_json_get(json, "strip_right"), true)},
                   err);
    if (!strcmp(type, "Replace"))
        return read_owner(n, HZ_NORM_REPLACE, json, path, err);
    if (!strcmp(type, "Prepend"))
        return read_owner(n, HZ_NORM_PREPEND, json, path, err);
    if (!strcmp(type, "Precompiled"))
        return read_owner(n, HZ_NORM_PRECOMPILED, json, path, err);
    return hz_fail(err, HZ_E_UNSUPPORTED, "%s: the normalizer \"%s\" is not known", path, type);
}

hz_status hz_normalizer_read(struct hz_normalizer *n, struct hz_json json, const char *path, struct hz_error *err)
{
    return read_at_depth(n, json, path, 0, err);
}
