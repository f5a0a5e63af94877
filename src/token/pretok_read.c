/* pretok_read.c - pre-tokenizers from JSON. */
#include "token/pretok.h"

#include "base/mem.h"
#include "text/utf8.h"
#include "token/normalize.h"
#include "token/ucd.h"

#include <stdlib.h>
#include <string.h>

/* What GPT-2 cuts by, and ByteLevel with use_regex. */
static const char GPT2[] = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

static hz_status read_behavior(struct hz_json json, const char *path, enum hz_split_behavior otherwise,
                               enum hz_split_behavior *behavior, struct hz_error *err)
{
    static const char *const names[] = {"Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"};
    *behavior = otherwise;
    if (json.kind == HZ_JSON_ABSENT)
        return HZ_OK;
    for (size_t i = 0; i < HZ_COUNT(names); i++)
        if (hz_json_str_is(json, names[i])) {
            *behavior = (enum hz_split_behavior)i;
            return HZ_OK;
        }
    return hz_fail(err, HZ_E_UNSUPPORTED,
                   "%s: pre_tokenizer: the behavior must be Removed, Isolated, MergedWithPrevious, "
                   "MergedWithNext or Contiguous",
                   path);
}

static hz_status add_class(struct hz_pretok *p, bool (*is)(uint32_t), enum hz_split_behavior behavior,
                           struct hz_error *err)
{
    return hz_pretok_add(p, (struct hz_pretok_step){.kind = HZ_PRETOK_CLASS, .is = is, .behavior = behavior}, err);
}

static hz_status add_literal(struct hz_pretok *p, enum hz_pretok_kind kind, const char *s, size_t len,
                             enum hz_split_behavior behavior, enum hz_prepend_scheme prepend, struct hz_error *err)
{
    char *copy = hz_strndup(s, len);
    if (!copy)
        return hz_fail_nomem(err, len);
    struct hz_pretok_step step = {.kind = kind, .behavior = behavior, .prepend = prepend, .literal = copy, .len = len};
    return hz_pretok_add(p, step, err);
}

static hz_status read_split(struct hz_pretok *p, struct hz_json json, const char *path, struct hz_error *err)
{
    struct hz_pretok_step step = {.invert = hz_json_bool(hz_json_get(json, "invert"), false)};
    HZ_TRY(read_behavior(hz_json_get(json, "behavior"), path, HZ_SPLIT_ISOLATED, &step.behavior, err));
    HZ_TRY(hz_pattern_read(hz_json_get(json, "pattern"), path, "Split", &step.regex, &step.literal, &step.len, err));
    step.kind = step.regex ? HZ_PRETOK_REGEX : HZ_PRETOK_LITERAL;
    return hz_pretok_add(p, step, err);
}

static hz_status read_byte_level(struct hz_pretok *p, struct hz_json json, struct hz_error *err)
{
    if (hz_json_bool(hz_json_get(json, "add_prefix_space"), true))
        HZ_TRY(hz_pretok_add(p, (struct hz_pretok_step){.kind = HZ_PRETOK_PREFIX_SPACE}, err));
    if (hz_json_bool(hz_json_get(json, "use_regex"), true)) {
        struct hz_pretok_step step = {.kind = HZ_PRETOK_REGEX, .behavior = HZ_SPLIT_ISOLATED};
        HZ_TRY(hz_regex_new(GPT2, strlen(GPT2), 16, "ByteLevel", &step.regex, err));
        HZ_TRY(hz_pretok_add(p, step, err));
    }
    return hz_pretok_add(p, (struct hz_pretok_step){.kind = HZ_PRETOK_BYTES}, err);
}

hz_status hz_metaspace_read(struct hz_json json, const char *path, enum hz_prepend_scheme *scheme,
                            const char **replacement, size_t *len, struct hz_error *err)
{
    *replacement = hz_json_str(hz_json_get(json, "replacement"), len);
    if (!*replacement || hz_utf8_count(*replacement, *len) != 1)
        return hz_fail(err, HZ_E_FORMAT, "%s: Metaspace: \"replacement\" must be one character", path);
    struct hz_json given = hz_json_get(json, "prepend_scheme");
    bool prefix = hz_json_bool(hz_json_get(json, "add_prefix_space"), true); /* what older files have instead */
    if (given.kind == HZ_JSON_ABSENT)
        *scheme = prefix ? HZ_PREPEND_ALWAYS : HZ_PREPEND_NEVER;
    else if (hz_json_str_is(given, "always"))
        *scheme = HZ_PREPEND_ALWAYS;
    else if (hz_json_str_is(given, "first"))
        *scheme = HZ_PREPEND_FIRST;
    else if (hz_json_str_is(given, "never"))
        *scheme = HZ_PREPEND_NEVER;
    else
        return hz_fail(err, HZ_E_UNSUPPORTED, "%s: Metaspace: \"prepend_scheme\" must be always, first or never", path);
    if (!prefix && *scheme != HZ_PREPEND_NEVER)
        return hz_fail(err, HZ_E_FORMAT,
                       "%s: Metaspace: \"add_prefix_space\" is false, but \"prepend_scheme\" isn't never", path);
    return HZ_OK;
}

static hz_status read_metaspace(struct hz_pretok *p, struct hz_json json, const char *path, struct hz_error *err)
{
    enum hz_prepend_scheme scheme;
    const char *replacement;
    size_t len;
    HZ_TRY(hz_metaspace_read(json, path, &scheme, &replacement, &len, err));
    HZ_TRY(add_literal(p, HZ_PRETOK_METASPACE, replacement, len, HZ_SPLIT_REMOVED, scheme, err));
    if (!hz_json_bool(hz_json_get(json, "split"), true))
        return HZ_OK;
    return add_literal(p, HZ_PRETOK_LITERAL, replacement, len, HZ_SPLIT_WITH_NEXT, HZ_PREPEND_NEVER, err);
}

static hz_status read_delimiter(struct hz_pretok *p, struct hz_json json, const char *path, struct hz_error *err)
{
    size_t len;
    const char *s = hz_json_str(hz_json_get(json, "delimiter"), &len);
    if (!s || hz_utf8_count(s, len) != 1)
        return hz_fail(err, HZ_E_FORMAT, "%s: CharDelimiterSplit: \"delimiter\" must be one character", path);
    return add_literal(p, HZ_PRETOK_LITERAL, s, len, HZ_SPLIT_REMOVED, HZ_PREPEND_NEVER, err);
}

static hz_status read_fixed(struct hz_pretok *p, struct hz_json json, const char *path, struct hz_error *err)
{
    int64_t length = 5;
    if (hz_json_get(json, "length").kind != HZ_JSON_ABSENT &&
        (!hz_json_int(hz_json_get(json, "length"), &length) || length < 1))
        return hz_fail(err, HZ_E_FORMAT, "%s: FixedLength: \"length\" must be at least 1", path);
    return hz_pretok_add(p, (struct hz_pretok_step){.kind = HZ_PRETOK_FIXED, .len = (size_t)length}, err);
}

static hz_status read_at_depth(struct hz_pretok *p, struct hz_json json, const char *path, int depth,
                               struct hz_error *err)
{
    if (json.kind == HZ_JSON_NULL || json.kind == HZ_JSON_ABSENT)
        return HZ_OK;
    const char *type = hz_json_str(hz_json_get(json, "type"), NULL);
    if (!type || depth > 32)
        return hz_fail(err, HZ_E_FORMAT, "%s: pre_tokenizer: an object with a \"type\" is expected", path);
    if (!strcmp(type, "Sequence")) {
        struct hz_json list = hz_json_get(json, "pretokenizers");
        if (list.kind != HZ_JSON_ARRAY)
            return hz_fail(err, HZ_E_FORMAT, "%s: pre_tokenizer: \"pretokenizers\" must be an array", path);
        for (struct hz_json_iter it = hz_json_each(list); hz_json_next(&it);)
            HZ_TRY(read_at_depth(p, it.value, path, depth + 1, err));
        return HZ_OK;
    }
    if (!strcmp(type, "ByteLevel"))
        return read_byte_level(p, json, err);
    if (!strcmp(type, "Split"))
        return read_split(p, json, path, err);
    if (!strcmp(type, "Metaspace"))
        return read_metaspace(p, json, path, err);
    if (!strcmp(type, "Whitespace"))
        return hz_pretok_add(p, (struct hz_pretok_step){.kind = HZ_PRETOK_WORDS}, err);
    if (!strcmp(type, "WhitespaceSplit"))
        return add_class(p, hz_ucd_is_space, HZ_SPLIT_REMOVED, err);
    if (!strcmp(type, "BertPreTokenizer")) {
        HZ_TRY(add_class(p, hz_ucd_is_space, HZ_SPLIT_REMOVED, err));
        return add_class(p, hz_ucd_is_punctuation, HZ_SPLIT_ISOLATED, err);
    }
    if (!strcmp(type, "Punctuation")) {
        enum hz_split_behavior behavior;
        HZ_TRY(read_behavior(hz_json_get(json, "behavior"), path, HZ_SPLIT_ISOLATED, &behavior, err));
        return add_class(p, hz_ucd_is_punctuation, behavior, err);
    }
    if (!strcmp(type, "Digits")) {
        bool each = hz_json_bool(hz_json_get(json, "individual_digits"), false);
        return add_class(p, hz_ucd_is_number, each ? HZ_SPLIT_ISOLATED : HZ_SPLIT_CONTIGUOUS, err);
    }
    if (!strcmp(type, "CharDelimiterSplit"))
        return read_delimiter(p, json, path, err);
    if (!strcmp(type, "UnicodeScripts"))
        return hz_pretok_add(p, (struct hz_pretok_step){.kind = HZ_PRETOK_SCRIPTS}, err);
    if (!strcmp(type, "FixedLength"))
        return read_fixed(p, json, path, err);
    return hz_fail(err, HZ_E_UNSUPPORTED, "%s: the pre-tokenizer \"%s\" is not known", path, type);
}

hz_status hz_pretok_read(struct hz_pretok *p, struct hz_json json, const char *path, struct hz_error *err)
{
    return read_at_depth(p, json, path, 0, err);
}
