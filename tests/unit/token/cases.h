/* cases.h - a tokenizer held against what the program that defines it made of the same texts. */
#ifndef HZ_TEST_TOKEN_CASES_H
#define HZ_TEST_TOKEN_CASES_H

#include "text/json.h"
#include "token/tokenizer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static inline const char *case_name(struct hz_json c)
{
    const char *name = hz_json_str(hz_json_get(c, "name"), NULL);
    return name ? name : hz_json_str(hz_json_get(c, "text"), NULL);
}

static inline void read_case_ids(struct hz_json list, struct hz_ids *ids)
{
    *ids =
        (struct hz_ids){hz_json_len(list) ? malloc(hz_json_len(list) * sizeof *ids->data) : NULL, 0, hz_json_len(list)};
    for (struct hz_json_iter it = hz_json_each(list); hz_json_next(&it);) {
        int64_t id = -1;
        assert_true(hz_json_int(it.value, &id));
        ids->data[ids->n++] = (int32_t)id;
    }
}

/* Encodes the case's text and compares with the ids under `key`. */
static inline void check_ids(const struct hz_tokenizer *t, struct hz_json c, const char *key, unsigned flags)
{
    size_t len;
    const char *text = hz_json_str(hz_json_get(c, "text"), &len);
    struct hz_ids got = {0}, want;
    struct hz_error err = {0};
    if (hz_json_get(c, key).kind == HZ_JSON_ABSENT)
        return;
    read_case_ids(hz_json_get(c, key), &want);
    if (hz_encode(t, text, len, flags, &got, &err))
        fail_msg("%s of %.60s: %s", key, case_name(c), err.text);
    if (got.n != want.n || (want.n && memcmp(got.data, want.data, want.n * sizeof *want.data) != 0)) {
        size_t i = 0;
        while (i < got.n && i < want.n && got.data[i] == want.data[i])
            i++;
        fail_msg("%s of %.60s: %zu ids for %zu, the first other one is number %zu: %d for %d", key, case_name(c), got.n,
                 want.n, i, i < got.n ? got.data[i] : -1, i < want.n ? want.data[i] : -1);
    }
    hz_ids_free(&got);
    hz_ids_free(&want);
}

/* Decodes the ids under `ids_key` and compares with the text under `key`. */
static inline void check_text(const struct hz_tokenizer *t, struct hz_json c, const char *ids_key, const char *key,
                              bool skip_special)
{
    size_t len;
    const char *want = hz_json_str(hz_json_get(c, key), &len);
    if (!want)
        return;
    struct hz_ids ids;
    struct hz_error err = {0};
    struct hz_buf got;
    hz_buf_init(&got, 1 << 24);
    read_case_ids(hz_json_get(c, ids_key), &ids);
    if (hz_decode(t, ids.data, ids.n, skip_special, &got, &err))
        fail_msg("%s of %.60s: %s", key, case_name(c), err.text);
    if (got.len != len || (len && memcmp(got.data, want, len) != 0))
        fail_msg("%s of %.60s:\n  %.200s\n  for\n  %.200s", key, case_name(c), got.len ? got.data : "", want);
    hz_buf_free(&got);
    hz_ids_free(&ids);
}

/* Streams the ids and compares with `pieces`, the last of which is the flush. */
static inline void check_pieces(const struct hz_tokenizer *t, struct hz_json c)
{
    struct hz_json pieces = hz_json_get(c, "pieces");
    if (pieces.kind != HZ_JSON_ARRAY)
        return;
    struct hz_ids ids;
    struct hz_detok *d;
    struct hz_error err = {0};
    read_case_ids(hz_json_get(c, "ids"), &ids);
    assert_int_equal(hz_json_len(pieces), ids.n + 1);
    assert_int_equal(hz_detok_new(t, false, &d, &err), HZ_OK);
    for (size_t i = 0; i <= ids.n; i++) {
        size_t len, want_len;
        const char *piece, *want = hz_json_str(hz_json_at(pieces, i), &want_len);
        hz_status status =
            i < ids.n ? hz_detok_push(d, ids.data[i], &piece, &len, &err) : hz_detok_flush(d, &piece, &len, &err);
        if (status || len != want_len || memcmp(piece, want, len) != 0)
            fail_msg("piece %zu of %.60s: \"%.*s\" for \"%s\" %s", i, case_name(c), (int)len, piece, want, err.text);
    }
    hz_detok_free(d);
    hz_ids_free(&ids);
}

/* Everything that a case of `tokenizers` says. */
static inline void check_case(const struct hz_tokenizer *t, struct hz_json c)
{
    check_ids(t, c, "ids", HZ_ENCODE_PARSE_SPECIAL);
    check_ids(t, c, "ids_special", HZ_ENCODE_PARSE_SPECIAL | HZ_ENCODE_SPECIAL);
    check_text(t, c, "ids", "decoded", false);
    check_text(t, c, "ids", "decoded_skip", true);
    check_text(t, c, "ids_special", "decoded_special", false);
    check_pieces(t, c);
}

/* All cases of a file's text, which is freed; at least `least`. */
static inline void check_cases(const struct hz_tokenizer *t, char *json, size_t len, size_t least,
                               void (*check)(const struct hz_tokenizer *, struct hz_json))
{
    struct hz_json_doc *doc;
    struct hz_error err = {0};
    if (hz_json_parse(json, len, "cases", &doc, &err))
        fail_msg("%s", err.text);
    free(json);
    size_t n = 0;
    for (struct hz_json_iter it = hz_json_each(hz_json_get(hz_json_root(doc), "cases")); hz_json_next(&it); n++)
        check(t, it.value);
    assert_true(n >= least);
    hz_json_free(doc);
}

#endif
