/* Tokenizers against the packages that define them: small ones of every kind in tests/data/token (make.py there made
 * them, with what `tokenizers` and llama.cpp say), and, beside the checkout, six published ones on 681 strings each. */
#include "base/mem.h"
#include "base/os/file.h"
#include "base/os/sys.h"
#include "file/checkpoint.h"
#include "token/tokenizer.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct count {
    size_t cases, failed;
};

static void complain(struct count *n, const char *name, const char *what, struct hz_json text)
{
    size_t len;
    const char *s = hz_json_str(text, &len);
    if (n->failed++ < 10)
        print_message("%s: %s of \"%.*s\" differs\n", name, what, (int)HZ_MIN(len, 60), s);
}

static bool same_ids(struct hz_json expected, const struct hz_ids *ids)
{
    bool same = hz_json_len(expected) == ids->n;
    for (size_t i = 0; same && i < ids->n; i++) {
        int64_t id = -1;
        same = hz_json_int(hz_json_at(expected, i), &id) && id == ids->data[i];
    }
    return same;
}

static bool same_text(struct hz_json expected, const char *s, size_t n)
{
    size_t len;
    const char *e = hz_json_str(expected, &len);
    return e && len == n && !memcmp(e, s, n);
}

static void check_encode(const struct hz_tokenizer *t, const char *name, struct hz_json c, const char *key,
                         unsigned flags, struct count *n)
{
    struct hz_json text = hz_json_get(c, "text"), expected = hz_json_get(c, key);
    struct hz_ids ids = {0};
    size_t len;
    const char *s = hz_json_str(text, &len);
    if (expected.kind == HZ_JSON_ARRAY)
        if (hz_encode(t, s, len, flags, &ids, NULL) != HZ_OK || !same_ids(expected, &ids))
            complain(n, name, key, text);
    hz_ids_free(&ids);
}

static struct hz_ids ids_of(struct hz_json list)
{
    struct hz_ids ids = {hz_calloc(hz_json_len(list) + 1, sizeof(int32_t)), hz_json_len(list), hz_json_len(list) + 1};
    for (size_t i = 0; i < ids.n; i++) {
        int64_t id = -1;
        hz_json_int(hz_json_at(list, i), &id);
        ids.data[i] = (int32_t)id;
    }
    return ids;
}

static void check_decode(const struct hz_tokenizer *t, const char *name, struct hz_json c, const char *from,
                         const char *key, bool skip, struct count *n)
{
    struct hz_json expected = hz_json_get(c, key);
    struct hz_ids ids = ids_of(hz_json_get(c, from));
    struct hz_buf out;
    hz_buf_init(&out, 1 << 24);
    if (expected.kind == HZ_JSON_STRING)
        if (hz_decode(t, ids.data, ids.n, skip, &out, NULL) != HZ_OK ||
            !same_text(expected, out.data ? out.data : "", out.len))
            complain(n, name, key, hz_json_get(c, "text"));
    hz_buf_free(&out);
    hz_ids_free(&ids);
}

/* What the detokenizer gives after each id and at the end; never half a character. */
static void check_pieces(const struct hz_tokenizer *t, const char *name, struct hz_json c, struct count *n)
{
    struct hz_json pieces = hz_json_get(c, "pieces");
    struct hz_ids ids = ids_of(hz_json_get(c, "ids"));
    struct hz_detok *d = NULL;
    if (pieces.kind == HZ_JSON_ARRAY) {
        bool same = hz_json_len(pieces) == ids.n + 1 && hz_detok_new(t, false, &d, NULL) == HZ_OK;
        for (size_t i = 0; same && i <= ids.n; i++) {
            const char *piece = NULL;
            size_t len = 0;
            hz_status status =
                i < ids.n ? hz_detok_push(d, ids.data[i], &piece, &len, NULL) : hz_detok_flush(d, &piece, &len, NULL);
            same = status == HZ_OK && same_text(hz_json_at(pieces, i), piece, len);
        }
        if (!same)
            complain(n, name, "pieces", hz_json_get(c, "text"));
    }
    hz_detok_free(d);
    hz_ids_free(&ids);
}

static void check_reference(const struct hz_tokenizer *t, const char *name, const char *path, bool gguf)
{
    struct hz_json_doc *doc;
    struct hz_error err;
    struct count n = {0};
    if (hz_json_load(path, &doc, &err) != HZ_OK)
        fail_msg("%s", err.text);
    for (struct hz_json_iter it = hz_json_each(hz_json_get(hz_json_root(doc), "cases")); hz_json_next(&it); n.cases++) {
        struct hz_json c = it.value, special = hz_json_get(c, "decoded_special");
        check_encode(t, name, c, "ids", HZ_ENCODE_PARSE_SPECIAL, &n);
        check_encode(t, name, c, "ids_special", HZ_ENCODE_PARSE_SPECIAL | HZ_ENCODE_SPECIAL, &n);
        if (gguf) {
            check_encode(t, name, c, "ids_plain", 0, &n);
            continue;
        }
        check_decode(t, name, c, "ids", "decoded", false, &n);
        check_decode(t, name, c, "ids", "decoded_skip", true, &n);
        if (special.kind == HZ_JSON_STRING)
            check_decode(t, name, c, "ids_special", "decoded_special", false, &n);
        check_pieces(t, name, c, &n);
    }
    hz_json_free(doc);
    print_message("%s: %zu cases\n", name, n.cases);
    assert_true(n.cases > 0);
    assert_int_equal(n.failed, 0);
}

static struct hz_tokenizer *load(const char *path)
{
    struct hz_tokenizer *t;
    struct hz_error err;
    if (hz_tokenizer_load(path, &t, &err) != HZ_OK)
        fail_msg("%s", err.text);
    return t;
}

static void small_ones(void **state)
{
    (void)state;
    static const char *const names[] = {"bert",    "clip",    "gpt1",          "llama2", "llama3",
                                        "roberta", "unigram", "unigram_bytes", "words"};
    for (size_t i = 0; i < HZ_COUNT(names); i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/token/%s.json", HZ_TEST_DATA, names[i]);
        struct hz_tokenizer *t = load(path);
        snprintf(path, sizeof path, "%s/token/%s.ref.json", HZ_TEST_DATA, names[i]);
        check_reference(t, names[i], path, false);
        hz_tokenizer_free(t);
    }
}

static void small_ggufs(void **state)
{
    (void)state;
    static const char *const names[] = {"gpt2", "deepseek", "spm", "t5", "wpm"};
    for (size_t i = 0; i < HZ_COUNT(names); i++) {
        char path[512];
        struct hz_checkpoint_options options = {.tokenizer_only = true};
        struct hz_checkpoint *ck;
        struct hz_tokenizer *t;
        struct hz_error err;
        snprintf(path, sizeof path, "%s/token/%s.gguf", HZ_TEST_DATA, names[i]);
        if (hz_checkpoint_open(path, &options, &ck, &err) != HZ_OK ||
            hz_tokenizer_from_gguf(ck->gguf, &t, &err) != HZ_OK)
            fail_msg("%s", err.text);
        snprintf(path, sizeof path, "%s/token/%s.gguf.json", HZ_TEST_DATA, names[i]);
        check_reference(t, names[i], path, true);
        hz_tokenizer_free(t);
        hz_checkpoint_close(ck);
    }
}

static void published_ones(void **state)
{
    (void)state;
    static const char *const names[] = {"deepseek_v3", "gemma3", "gptoss", "llama2", "llama3_1", "qwen3"};
    if (hz_file_kind(HZ_PUBLISHED) != HZ_FILE_FOLDER)
        skip();
    for (size_t i = 0; i < HZ_COUNT(names); i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s/tokenizer.json", HZ_PUBLISHED, names[i]);
        struct hz_tokenizer *t = load(path);
        snprintf(path, sizeof path, "%s/%s/reference.json", HZ_PUBLISHED, names[i]);
        check_reference(t, names[i], path, false);
        hz_tokenizer_free(t);
    }
}

/* One piece of 200,000 letters: merging must not be quadratic. */
static void long_piece(void **state)
{
    (void)state;
    enum { N = 200000 };
    static const char *const names[] = {"llama2", "llama3", "unigram"};
    char *text = malloc(N), path[512];
    for (int i = 0; i < N; i++)
        text[i] = "theandofin"[i * 7 % 10];
    for (size_t i = 0; i < HZ_COUNT(names); i++) {
        struct hz_ids ids = {0};
        snprintf(path, sizeof path, "%s/token/%s.json", HZ_TEST_DATA, names[i]);
        struct hz_tokenizer *t = load(path);
        double start = hz_clock();
        assert_int_equal(hz_encode(t, text, N, 0, &ids, NULL), HZ_OK);
        assert_true(ids.n > 1000);
        assert_true(hz_clock() - start < 5);
        hz_ids_free(&ids);
        hz_tokenizer_free(t);
    }
    free(text);
}

static void bad_input(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "{}",
        "[]",
        "{\"model\": {}}",
        "{\"model\": {\"type\": \"NoSuch\"}}",
        "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": -1}, \"merges\": []}}",
        "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": [\"a b\"]}}",
        "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 99999999999}, \"merges\": []}}",
        "{\"model\": {\"type\": \"Unigram\", \"vocab\": [[\"a\"]]}}",
    };
    struct hz_tokenizer *t;
    struct hz_error err;
    for (size_t i = 0; i < HZ_COUNT(bad); i++) {
        memset(&err, 0, sizeof err);
        assert_int_not_equal(hz_tokenizer_from_json(bad[i], strlen(bad[i]), "x/tokenizer.json", &t, &err), HZ_OK);
        assert_non_null(strstr(err.text, "x/tokenizer.json"));
    }
    char path[512];
    struct hz_ids ids = {0};
    struct hz_buf out;
    snprintf(path, sizeof path, "%s/token/llama3.json", HZ_TEST_DATA);
    t = load(path);
    assert_int_equal(hz_encode(t, "\xff\xfe", 2, 0, &ids, &err), HZ_E_INVALID); /* no UTF-8 */
    hz_buf_init(&out, 100);
    assert_int_not_equal(hz_decode(t, &(int32_t){-1}, 1, false, &out, &err), HZ_OK);
    assert_int_not_equal(hz_decode(t, &(int32_t){1 << 30}, 1, false, &out, &err), HZ_OK);
    hz_buf_free(&out);
    hz_ids_free(&ids);
    hz_tokenizer_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(small_ones), cmocka_unit_test(small_ggufs),
                                       cmocka_unit_test(published_ones), cmocka_unit_test(long_piece),
                                       cmocka_unit_test(bad_input)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
