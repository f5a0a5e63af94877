/* JSON: what Python's json reads is read, what it refuses is refused with line and column, and what was read is
 * written back. */
#include "text/json.h"
#include "text/number.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PARSE(doc, text) assert_int_equal(hz_json_parse(text, sizeof(text) - 1, "t", &(doc), NULL), HZ_OK)

static void accessors(void **state)
{
    (void)state;
    struct hz_json_doc *doc;
    PARSE(doc,
          " {\"b\": [1, -2.5, \"x\\u0000y\", null, true], \"a\": {}, \"\": 3.0, \"n\\u00e9\": \"\\ud83d\\ude00\"}\n");
    struct hz_json root = hz_json_root(doc), list = hz_json_get(root, "b");
    assert_int_equal(root.kind, HZ_JSON_OBJECT);
    assert_int_equal(hz_json_len(root), 4);
    assert_int_equal(hz_json_len(list), 5);
    int64_t i;
    double d;
    size_t len;
    assert_true(hz_json_int(hz_json_at(list, 0), &i) && i == 1);
    assert_false(hz_json_int(hz_json_at(list, 1), &i));
    assert_true(hz_json_double(hz_json_at(list, 1), &d) && d == -2.5);
    const char *s = hz_json_str(hz_json_at(list, 2), &len);
    assert_int_equal(len, 3);
    assert_memory_equal(s, "x\0y", 4);
    assert_int_equal(hz_json_at(list, 3).kind, HZ_JSON_NULL);
    assert_true(hz_json_bool(hz_json_at(list, 4), false));
    assert_int_equal(hz_json_at(list, 5).kind, HZ_JSON_ABSENT);
    assert_true(hz_json_int(hz_json_get(root, ""), &i) && i == 3);
    assert_true(hz_json_str_is(hz_json_get(root, "n\xC3\xA9"), "\xF0\x9F\x98\x80"));
    /* Look-ups chain through what is not there. */
    assert_int_equal(hz_json_get(hz_json_at(hz_json_get(root, "zz"), 3), "q").kind, HZ_JSON_ABSENT);
    assert_null(hz_json_str(list, &len));
    assert_true(hz_json_bool(list, true));
    assert_string_equal(hz_json_kind_name(list.kind), "an array");
    hz_json_free(doc);
}

static void keys_in_order(void **state)
{
    (void)state;
    struct hz_json_doc *doc;
    PARSE(doc, "{\"z\": 1, \"a\": 2, \"m\": 3, \"z\": 4}");
    const char *const want[] = {"z", "a", "m"};
    const int64_t values[] = {4, 2, 3}; /* of a key given twice the last value, at the first place */
    size_t n = 0;
    for (struct hz_json_iter it = hz_json_each(hz_json_root(doc)); hz_json_next(&it); n++) {
        int64_t v;
        assert_string_equal(it.key, want[n]);
        assert_true(hz_json_int(it.value, &v) && v == values[n]);
    }
    assert_int_equal(n, 3);
    hz_json_free(doc);
}

static void nul_in_keys(void **state)
{
    (void)state;
    struct hz_json_doc *doc;
    PARSE(doc, "[{\"a\\u0000b\": 1, \"a\": 2, \"\\\\u0000\": 3, \"\\u0000\" : {\"\\u0000\\u0000\": 4}}]");
    struct hz_json o = hz_json_at(hz_json_root(doc), 0);
    const char *const want[] = {"a\0b", "a", "\\u0000", "\0"};
    const size_t lens[] = {3, 1, 6, 1};
    size_t n = 0;
    for (struct hz_json_iter it = hz_json_each(o); hz_json_next(&it); n++) {
        assert_int_equal(it.key_len, lens[n]);
        assert_memory_equal(it.key, want[n], lens[n] + 1);
    }
    assert_int_equal(n, 4);
    int64_t i;
    assert_true(hz_json_int(hz_json_get_n(o, "a\0b", 3), &i) && i == 1);
    assert_true(hz_json_int(hz_json_get_n(o, "abc", 1), &i) && i == 2);
    assert_true(hz_json_int(hz_json_get_n(hz_json_get_n(o, "\0", 1), "\0\0", 2), &i) && i == 4);
    assert_int_equal(hz_json_get_n(o, "a\0c", 3).kind, HZ_JSON_ABSENT);
    hz_json_free(doc);
}

static void numbers(void **state)
{
    (void)state;
    struct hz_json_doc *doc;
    PARSE(doc,
          "[9223372036854775807, -9223372036854775808, 9223372036854775808, -9223372036854775809, "
          "123456789012345678901234567890, 1E5, 1E0, 12345678901234567890E0, 0.1, -0, 1e400, NaN, -Infinity, 1e2]");
    struct hz_json a = hz_json_root(doc);
    const enum hz_json_kind kinds[] = {HZ_JSON_INT,   HZ_JSON_INT,   HZ_JSON_BIGINT, HZ_JSON_BIGINT, HZ_JSON_BIGINT,
                                       HZ_JSON_FLOAT, HZ_JSON_FLOAT, HZ_JSON_FLOAT,  HZ_JSON_FLOAT,  HZ_JSON_INT,
                                       HZ_JSON_FLOAT, HZ_JSON_FLOAT, HZ_JSON_FLOAT,  HZ_JSON_FLOAT};
    for (size_t i = 0; i < HZ_COUNT(kinds); i++)
        assert_int_equal(hz_json_at(a, i).kind, kinds[i]);
    int64_t i;
    double d;
    size_t len;
    assert_true(hz_json_int(hz_json_at(a, 0), &i) && i == INT64_MAX);
    assert_true(hz_json_int(hz_json_at(a, 1), &i) && i == INT64_MIN);
    assert_false(hz_json_int(hz_json_at(a, 2), &i));
    assert_true(hz_json_double(hz_json_at(a, 2), &d) && d == 0x1p63);
    const char *digits = hz_json_digits(hz_json_at(a, 3), &len);
    assert_int_equal(len, 20);
    assert_memory_equal(digits, "-9223372036854775809", 20);
    digits = hz_json_digits(hz_json_at(a, 4), &len);
    assert_int_equal(len, 30);
    assert_memory_equal(digits, "123456789012345678901234567890", 30);
    assert_true(hz_json_double(hz_json_at(a, 5), &d) && d == 1e5);
    assert_true(hz_json_double(hz_json_at(a, 10), &d) && isinf(d) && d > 0);
    assert_true(hz_json_double(hz_json_at(a, 11), &d) && isnan(d));
    assert_true(hz_json_double(hz_json_at(a, 12), &d) && isinf(d) && d < 0);
    assert_true(hz_json_int(hz_json_at(a, 13), &i) && i == 100);
    hz_json_free(doc);
    PARSE(doc, "{\"__float__\": \"Infinity\"}");
    assert_true(hz_json_double(hz_json_root(doc), &d) && isinf(d));
    hz_json_free(doc);
}

static void scalars_alone(void **state)
{
    (void)state;
    struct hz_json_doc *doc;
    int64_t i;
    PARSE(doc, "12");
    assert_true(hz_json_int(hz_json_root(doc), &i) && i == 12);
    hz_json_free(doc);
    PARSE(doc, "null");
    assert_int_equal(hz_json_root(doc).kind, HZ_JSON_NULL);
    hz_json_free(doc);
    PARSE(doc, "\"\\ud83d x \\udc00\"");
    assert_true(hz_json_str_is(hz_json_root(doc), "\xEF\xBF\xBD x \xEF\xBF\xBD"));
    hz_json_free(doc);
}

static void refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
    } bad[] = {
        {"", "t:1:1: "},
        {"  \n ", "t:2:2: "},
        {"{\"a\": 1} x", "t:1:10: text after"},
        {"1 2", "t:1:3: text after"},
        {"[1,\n 2,]", "t:2:4: "},
        {"{\"a\": 1,}", "t:1:9: "},
        {"{\"a\" 1}", "t:1:6: "},
        {"{a: 1}", "t:1:2: "},
        {"{'a': 1}", "t:1:2: "},
        {"[1 2]", "t:1:4: "},
        {"[", "t:1:2: "},
        {"\"abc", "t:1:1: a string that does not end"},
        {"\"\xC3\xA9\xC3\xA9\x01\"", "t:1:4: a control character"},
        {"\"a\tb\"", "t:1:3: a control character"},
        {"\"\\x41\"", "t:1:2: an escape"},
        {"\"\\u12g4\"", "t:1:2: an escape"},
        {"\"\\", "t:1:2: an escape"},
        {"\"\xFF\"", "t:1:2: bytes that are not UTF-8"},
        {"\"\xED\xA0\x80\"", "t:1:2: bytes that are not UTF-8"},
        {"\xEF\xBB\xBF{}", "t:1:1: a byte order mark"},
        {"01", "t:1:1: a number"},
        {"[1.]", "t:1:2: a number"},
        {"-", "t:1:1: a number"},
        {"1e", "t:1:1: a number"},
        {"1.e5", "t:1:1: a number"},
        {"+1", "t:1:1: "},
        {".5", "t:1:1: "},
        {"0x10", "t:1:2: "},
        {"nan", "t:1:2: "},
        {"True", "t:1:1: "},
        {"/* c */ 1", "t:1:1: "},
        {"[12345678901234567890, 1E5, x]", "t:1:29: "}, /* places count in the text as it was given */
    };
    for (size_t i = 0; i < HZ_COUNT(bad); i++) {
        struct hz_json_doc *doc = NULL;
        struct hz_error err = {0};
        assert_int_equal(hz_json_parse(bad[i].text, strlen(bad[i].text), "t", &doc, &err), HZ_E_FORMAT);
        assert_null(doc);
        if (strncmp(err.text, bad[i].words, strlen(bad[i].words)))
            fail_msg("%s: got \"%s\", expected \"%s\"", bad[i].text, err.text, bad[i].words);
    }
    struct hz_json_doc *doc;
    assert_int_equal(hz_json_parse("1\0", 2, "t", &doc, NULL), HZ_E_FORMAT);
}

static void depth(void **state)
{
    (void)state;
    char text[2 * 513 + 1];
    for (int n = 512; n <= 513; n++) {
        memset(text, '[', (size_t)n);
        memset(text + n, ']', (size_t)n);
        struct hz_json_doc *doc;
        assert_int_equal(hz_json_parse(text, 2 * (size_t)n, "t", &doc, NULL), n == 512 ? HZ_OK : HZ_E_FORMAT);
        hz_json_free(doc);
    }
}

static void written(void **state)
{
    (void)state;
    struct hz_json_doc *doc;
    PARSE(doc, "{\"k\": [1, 2.0, 1e-7, 12345678901234567890123, \"\\\"\\\\\\n\\u0001é\", null, true, {}, []], "
               "\"a\\u0000\": {\"x\": NaN}}");
    struct hz_buf out;
    hz_buf_init(&out, 1 << 16);
    struct hz_json_writer w;
    hz_json_begin(&w, &out, 0);
    hz_json_put(&w, hz_json_root(doc));
    assert_string_equal(
        out.data, "{\"k\": [1, 2.0, 1e-07, 12345678901234567890123, \"\\\"\\\\\\n\\u0001é\", null, true, {}, []], "
                  "\"a\\u0000\": {\"x\": null}}");
    hz_buf_clear(&out);
    hz_json_begin(&w, &out, 2);
    hz_json_object(&w);
    hz_json_key(&w, "a");
    hz_json_array(&w);
    hz_json_put_int(&w, INT64_MIN);
    hz_json_put_str(&w, "\xFFx", 2);
    hz_json_end_array(&w);
    hz_json_key(&w, "b");
    hz_json_object(&w);
    hz_json_end_object(&w);
    hz_json_end_object(&w);
    assert_string_equal(out.data,
                        "{\n  \"a\": [\n    -9223372036854775808,\n    \"\xEF\xBF\xBDx\"\n  ],\n  \"b\": {}\n}");
    hz_buf_free(&out);
    hz_json_free(doc);
}

static void shortest_doubles(void **state)
{
    (void)state;
    static const struct {
        double v;
        const char *text;
    } cases[] = {{0.0, "0.0"},
                 {-0.0, "-0.0"},
                 {1.0, "1.0"},
                 {0.1 + 0.2, "0.30000000000000004"},
                 {5e-324, "5e-324"},
                 {1.7976931348623157e308, "1.7976931348623157e+308"},
                 {0x1p-44, "5.684341886080802e-14"}, /* nearest 16 digits would end in 1 and read as another number */
                 {9007199254740993.0, "9007199254740992.0"},
                 {1e15, "1000000000000000.0"},
                 {1e16, "1e+16"},
                 {123456789.123456789, "123456789.12345679"},
                 {1e-4, "0.0001"},
                 {1e-5, "1e-05"},
                 {1.5e100, "1.5e+100"},
                 {-2.5e-07, "-2.5e-07"}};
    char text[HZ_DOUBLE_CHARS];
    for (size_t i = 0; i < HZ_COUNT(cases); i++) {
        size_t n = hz_double_repr(cases[i].v, text);
        assert_string_equal(text, cases[i].text);
        assert_int_equal(n, strlen(text));
    }
}

/* Pairs whose character looks like a surrogate in its low 16 bits, beside keys with NULs and escaped backslashes. */
static void surrogate_pairs(void **state)
{
    (void)state;
    const char text[] = "{\"\\u0000\\ud836\\udc00\": \"\\ud83d\\ude00\\\\ud836\\ud836\\udc00\"}";
    struct hz_json_doc *doc;
    assert_int_equal(hz_json_parse(text, strlen(text), "test", &doc, NULL), HZ_OK);
    struct hz_json_iter it = hz_json_each(hz_json_root(doc));
    assert_true(hz_json_next(&it));
    assert_int_equal(it.key_len, 5);
    assert_memory_equal(it.key, "\0\xf0\x9d\xa0\x80", 5);
    size_t len;
    const char *s = hz_json_str(it.value, &len);
    assert_string_equal(s, "\xf0\x9f\x98\x80\\ud836\xf0\x9d\xa0\x80");
    hz_json_free(doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(surrogate_pairs),  cmocka_unit_test(accessors), cmocka_unit_test(keys_in_order),
        cmocka_unit_test(nul_in_keys),      cmocka_unit_test(numbers),   cmocka_unit_test(scalars_alone),
        cmocka_unit_test(refused),          cmocka_unit_test(depth),     cmocka_unit_test(written),
        cmocka_unit_test(shortest_doubles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
