/* UTF-8: every code point there and back, everything that is not UTF-8 refused, cut characters recognized. */
#include "text/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void every_code_point(void **state)
{
    (void)state;
    for (uint32_t cp = 0; cp <= 0x10FFFF; cp++) {
        if (cp >= 0xD800 && cp <= 0xDFFF)
            continue;
        char s[4];
        size_t n = hz_utf8_encode(cp, s);
        uint32_t back;
        assert_int_equal(hz_utf8_decode(s, n, &back), n);
        assert_int_equal(back, cp);
        assert_int_equal(hz_utf8_count(s, n), 1);
        for (size_t cut = 1; cut < n; cut++) {
            assert_int_equal(hz_utf8_decode(s, cut, &back), 0);
            assert_int_equal(back, 0xFFFD);
            assert_int_equal(hz_utf8_unfinished(s, cut), cut);
        }
        assert_int_equal(hz_utf8_unfinished(s, n), 0);
    }
}

static void invalid(void **state)
{
    (void)state;
    const char *const bad[] = {
        "\x80",         "\xBF",         "\xC0\x80",         "\xC1\xBF",         "\xE0\x80\x80",     "\xE0\x9F\xBF",
        "\xED\xA0\x80", "\xED\xBF\xBF", "\xF0\x80\x80\x80", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80",
        "\xFF",         "\xC3\x28",     "\xE2\x28\xA1",     "\xE2\x82\x28"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(hz_utf8_valid(bad[i], strlen(bad[i])));
        assert_int_equal(hz_utf8_unfinished(bad[i], strlen(bad[i])), 0);
    }
    assert_true(hz_utf8_valid("", 0));
    assert_true(hz_utf8_valid("a\0é日😀", 1 + 1 + 2 + 3 + 4));
}

/* Of every two and three bytes: unfinished exactly if some continuation makes it valid and it isn't yet. */
static void unfinished(void **state)
{
    (void)state;
    for (unsigned a = 0xC0; a < 0x100; a++)
        for (unsigned b = 0x80; b < 0xC0; b++) {
            char s[4] = {(char)a, (char)b, (char)0x80, (char)0x80};
            bool three = hz_utf8_valid(s, 3) && !hz_utf8_valid(s, 2);
            bool four = hz_utf8_valid(s, 4) && !hz_utf8_valid(s, 2) && !hz_utf8_valid(s, 3);
            assert_int_equal(hz_utf8_unfinished(s, 2), three || four ? 2 : 0);
            assert_int_equal(hz_utf8_unfinished(s, 3), four ? 3 : 0);
        }
    assert_int_equal(hz_utf8_unfinished("abc\xF0\x9F", 5), 2);
    assert_int_equal(hz_utf8_unfinished("abc", 3), 0);
    assert_int_equal(hz_utf8_unfinished("", 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_code_point), cmocka_unit_test(invalid),
                                       cmocka_unit_test(unfinished)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
