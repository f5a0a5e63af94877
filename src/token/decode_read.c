/* decode_read.c - decoders from JSON. */
#include "token/decode.h"

#include "base/mem.h"
#include "text/utf8.h"
#include "token/normalize.h"

#include <stdlib.h>
#include <string.h>

/* A copy of the text of a key, or of `otherwise` if the key is absent. */
static hz_status read_text(struct hz_json json, const char *key, const char *otherwise, const char *path, char **s,
                           size_t *len, struct hz_error *err)
{
    struct hz_json value = hz_json_get(json, key);
    const char *text = hz_json_str(value, len);
    if (!text && value.kind == HZ_JSON_ABSENT && otherwise) {
        text = otherwise;
        *len = strlen(otherwise);
    }
    if (!text)
        return hz_fail(err, HZ_E_FORMAT, "%s: decoder: \"%s\" must be a string", path, key);
    *s = hz_strndup(text, *len);
    return *s ? HZ_OK : hz_fail_nomem(err, *len);
}

static hz_status read_replace(struct hz_decode_step *step, struct hz_json json, const char *path, struct hz_error *err)
{
    step->kind = HZ_DECODE_REPLACE;
    HZ_TRY(
        hz_pattern_read(hz_json_get(json, "pattern"), path, "Replace", &step->regex, &step->literal, &step->len, err));
    return read_text(json, "content", NULL, path, &step->content, &step->content_len, err);
}

static hz_status read_count(struct hz_json json, const char *key, const char *path, size_t *n, struct hz_error *err)
{
    int64_t value = 0;
    if (hz_json_get(json, key).kind != HZ_JSON_ABSENT &&
        (!hz_json_int(hz_json_get(json, key), &value) || value < 0 || value > 1 << 20))
        return hz_fail(err, HZ_E_FORMAT, "%s: decoder: \"%s\" must be a number from 0 to a million", path, key);
    *n = (size_t)value;
    return HZ_OK;
}

static hz_status read_strip(struct hz_decode_step *step, struct hz_json json, const char *path, struct hz_error *err)
{
    step->kind = HZ_DECODE_STRIP;
    HZ_TRY(read_text(json, "content", NULL, path, &step->literal, &step->len, err));
    if (hz_utf8_count(step->literal, step->len) != 1)
        return hz_fail(err, HZ_E_FORMAT, "%s: decoder: the \"content\" of Strip must be one character", path);
    HZ_TRY(read_count(json, "start", path, &step->start, err));
    return read_count(json, "stop", path, &step->stop, err);
}

static hz_status read_metaspace(struct hz_decode_step *step, struct hz_json json, const char *path,
                                struct hz_error *err)
{
    const char *replacement;
    step->kind = HZ_DECODE_METASPACE;
    HZ_TRY(hz_metaspace_read(json, path, &step->prepend, &replacement, &step->len, err));
    step->literal = hz_strndup(replacement, step->len);
    return step->literal ? HZ_OK : hz_fail_nomem(err, step->len);
}

static hz_status read_wordpiece(struct hz_decode_step *step, struct hz_json json, const char *path,
                                struct hz_error *err)
{
    step->kind = HZ_DECODE_WORDPIECE;
    step->cleanup = hz_json_bool(hz_json_get(json, "cleanup"), true);
    return read_text(json, "prefix", "##", path, &step->literal, &step->len, err);
}

static hz_status read_suffix(struct hz_decode_step *step, struct hz_json json, const char *path, struct hz_error *err)
{
    step->kind = HZ_DECODE_SUFFIX;
    return read_text(json, "suffix", "</w>", path, &step->literal, &step->len, err);
}

static hz_status read_ctc(struct hz_decode_step *step, struct hz_json json, const char *path, struct hz_error *err)
{
    step->kind = HZ_DECODE_CTC;
    step->cleanup = hz_json_bool(hz_json_get(json, "cleanup"), true);
    HZ_TRY(read_text(json, "pad_token", "<pad>", path, &step->literal, &step->len, err));
    return read_text(json, "word_delimiter_token", "|", path, &step->content, &step->content_len, err);
}

static hz_status read_fuse(struct hz_decode_step *step, struct hz_json json, const char *path, struct hz_error *err)
{
    (void)json, (void)path, (void)err;
    step->kind = HZ_DECODE_FUSE;
    return HZ_OK;
}

static hz_status read_byte_fallback(struct hz_decode_step *step, struct hz_json json, const char *path,
                                    struct hz_error *err)
{
    (void)json, (void)path, (void)err;
    step->kind = HZ_DECODE_BYTE_FALLBACK;
    return HZ_OK;
}

static const struct {
    const char *type;
    hz_status (*read)(struct hz_decode_step *, struct hz_json, const char *, struct hz_error *);
} readers[] = {
    {"Replace", read_replace},     {"Strip", read_strip},
    {"Metaspace", read_metaspace}, {"WordPiece", read_wordpiece},
    {"BPEDecoder", read_suffix},   {"CTC", read_ctc},
    {"Fuse", read_fuse},           {"ByteFallback", read_byte_fallback},
};

static hz_status read_at_depth(struct hz_decode_chain *d, struct hz_json json, const char *path, int depth,
                               struct hz_error *err)
{
    const char *type = hz_json_str(hz_json_get(json, "type"), NULL);
    if (!type || depth > 32)
        return hz_fail(err, HZ_E_FORMAT, "%s: decoder: an object with a \"type\" is expected", path);
    if (!strcmp(type, "Sequence")) {
        struct hz_json list = hz_json_get(json, "decoders");
        if (list.kind != HZ_JSON_ARRAY)
            return hz_fail(err, HZ_E_FORMAT, "%s: decoder: \"decoders\" must be an array", path);
        for (struct hz_json_iter it = hz_json_each(list); hz_json_next(&it);)
            HZ_TRY(read_at_depth(d, it.value, path, depth + 1, err));
        return HZ_OK;
    }
    if (!strcmp(type, "ByteLevel")) {
        HZ_TRY(hz_decode_chain_add(d, (struct hz_decode_step){.kind = HZ_DECODE_ALPHABET}, err));
        return hz_decode_chain_add(d, (struct hz_decode_step){.kind = HZ_DECODE_BYTES}, err);
    }
    for (size_t i = 0; i < HZ_COUNT(readers); i++)
        if (!strcmp(type, readers[i].type)) {
            struct hz_decode_step step = {0};
            hz_status status = readers[i].read(&step, json, path, err);
            hz_status added = hz_decode_chain_add(d, step, status ? NULL : err); /* owns it even if it failed to read */
            return status ? status : added;
        }
    return hz_fail(err, HZ_E_UNSUPPORTED, "%s: the decoder \"%s\" is not known", path, type);
}

hz_status hz_decode_chain_read(struct hz_decode_chain *d, struct hz_json json, const char *path, struct hz_error *err)
{
    if (json.kind == HZ_JSON_NULL || json.kind == HZ_JSON_ABSENT)
        return hz_decode_chain_add(d, (struct hz_decode_step){.kind = HZ_DECODE_JOIN}, err);
    return read_at_depth(d, json, path, 0, err);
}
