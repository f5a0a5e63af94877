/* Small tokenizers of every kind against `tokenizers`, and small GGUF vocabularies against llama.cpp: tests/data/token,
 * which make.py there wrote. */
#include "base/os/file.h"
#include "cases.h"

static void check_json(const char *name)
{
    char path[512], *text;
    size_t len;
    struct hz_error err = {0};
    struct hz_tokenizer *t;
    snprintf(path, sizeof path, HZ_TEST_DATA "/token/%s.json", name);
    if (hz_tokenizer_load(path, &t, &err))
        fail_msg("%s", err.text);
    snprintf(path, sizeof path, HZ_TEST_DATA "/token/%s.ref.json", name);
    assert_int_equal(hz_file_read(path, 1 << 24, &text, &len, &err), HZ_OK);
    check_cases(t, text, len, 100, check_case);
    hz_tokenizer_free(t);
}

#define JSON_TEST(name)                                                                                                \
    static void name(void **state)                                                                                     \
    {                                                                                                                  \
        (void)state;                                                                                                   \
        check_json(#name);                                                                                             \
    }

JSON_TEST(bert)
JSON_TEST(unigram)
JSON_TEST(unigram_bytes)
JSON_TEST(roberta)
JSON_TEST(llama3)
JSON_TEST(clip)
JSON_TEST(gpt1)
JSON_TEST(llama2)
JSON_TEST(words)
JSON_TEST(scripts)

static void check_llama(const struct hz_tokenizer *t, struct hz_json c)
{
    check_ids(t, c, "ids", HZ_ENCODE_PARSE_SPECIAL);
    check_ids(t, c, "ids_special", HZ_ENCODE_PARSE_SPECIAL | HZ_ENCODE_SPECIAL);
    check_ids(t, c, "ids_plain", 0);
}

/* A file's keys often name the base model's end alone: how a turn of a chat ends is known by its spelling. */
static void check_ends(const struct hz_tokenizer *t)
{
    int32_t end = hz_token_id(t, "<|im_end|>", 10), other = hz_token_id(t, "<|begin_of_text|>", 17);
    const int32_t *ids;
    size_t n = hz_tokenizer_ends(t, &ids), found = 0;
    for (size_t i = 0; i < n; i++) {
        found += end >= 0 && ids[i] == end;
        assert_true(ids[i] >= 0 && (other < 0 || ids[i] != other));
    }
    assert_int_equal(found, end >= 0);
}

static void check_gguf(const char *name)
{
    char path[512], *text;
    size_t len;
    struct hz_error err = {0};
    struct hz_file_map map;
    struct hz_arena arena = {0};
    struct hz_gguf g;
    struct hz_tensor_table table = {0};
    struct hz_tokenizer *t;
    snprintf(path, sizeof path, HZ_TEST_DATA "/token/%s.gguf", name);
    if (hz_file_map(path, &map, &err) || hz_gguf_parse(map.data, map.size, path, &arena, &g, &table, &err) ||
        hz_tokenizer_from_gguf(&g, &t, &err))
        fail_msg("%s", err.text);
    char cases[512];
    snprintf(cases, sizeof cases, HZ_TEST_DATA "/token/%s.gguf.json", name);
    assert_int_equal(hz_file_read(cases, 1 << 24, &text, &len, &err), HZ_OK);
    check_cases(t, text, len, 100, check_llama);
    check_ends(t);
    hz_tokenizer_free(t);
    hz_gguf_free(&g);
    hz_tensor_table_free(&table);
    hz_arena_free(&arena);
    hz_file_unmap(&map);
}

#define GGUF_TEST(name)                                                                                                \
    static void gguf_##name(void **state)                                                                              \
    {                                                                                                                  \
        (void)state;                                                                                                   \
        check_gguf(#name);                                                                                             \
    }

GGUF_TEST(gpt2)
GGUF_TEST(deepseek)
GGUF_TEST(spm)
GGUF_TEST(t5)
GGUF_TEST(wpm)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bert),     cmocka_unit_test(unigram),   cmocka_unit_test(unigram_bytes),
        cmocka_unit_test(roberta),  cmocka_unit_test(llama3),    cmocka_unit_test(clip),
        cmocka_unit_test(gpt1),     cmocka_unit_test(llama2),    cmocka_unit_test(words),
        cmocka_unit_test(scripts),  cmocka_unit_test(gguf_gpt2), cmocka_unit_test(gguf_deepseek),
        cmocka_unit_test(gguf_spm), cmocka_unit_test(gguf_t5),   cmocka_unit_test(gguf_wpm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
