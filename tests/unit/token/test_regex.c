/* Patterns of Oniguruma: respelled for PCRE2 they match what they matched there. */
#include "token/regex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Matches as "[text]" one behind the other. */
static void matches(const char *pattern, const char *text, const char *want)
{
    struct hz_regex *r;
    struct hz_regex_scratch *s;
    struct hz_error err = {0};
    char got[1024] = "";
    size_t start, end, n = 0;
    bool found;
    if (hz_regex_new(pattern, strlen(pattern), 16, "test", &r, &err))
        fail_msg("%s", err.text);
    assert_int_equal(hz_regex_scratch_new(&s, &err), HZ_OK);
    struct hz_matches m = hz_regex_matches(r, s, text, strlen(text));
    while (!hz_regex_next(&m, &found, &start, &end, &err) && found)
        n += (size_t)snprintf(got + n, sizeof got - n, "[%.*s]", (int)(end - start), text + start);
    if (strcmp(got, want) != 0)
        fail_msg("%s on %s: %s for %s (%s)", pattern, text, got, want, hz_regex_spelling(r));
    hz_regex_scratch_free(s);
    hz_regex_free(r);
}

static void refused(const char *pattern)
{
    struct hz_regex *r;
    struct hz_error err = {0};
    if (hz_regex_new(pattern, strlen(pattern), 16, "test", &r, &err) == HZ_OK)
        fail_msg("%s was taken as %s", pattern, hz_regex_spelling(r));
    assert_null(r);
    assert_true(strlen(err.text) > 10);
}

static void blanks(void **state)
{
    (void)state;
    matches("\\s+",
            "a\xE1\xA0\x8E"
            "b",
            ""); /* U+180E is none since Unicode 6.3 */
    matches("\\s+",
            "a\xC2\x85\xC2\xA0\xE3\x80\x80"
            "b",
            "[\xC2\x85\xC2\xA0\xE3\x80\x80]");
    matches("[^\\s]+",
            "a\x1C"
            "b c",
            "[a\x1C"
            "b][c]");                                         /* 1C to 1F are none */
    matches("\\S+", "a\xE2\x80\x8B b", "[a\xE2\x80\x8B][b]"); /* nor is U+200B */
    matches("[\\S]+|[\\s\\S]", "ab c", "[ab][ ][c]");
    matches("\\s+(?!\\S)|\\s+", "a   b  ", "[  ][ ][  ]");
}

static void words(void **state)
{
    (void)state;
    matches("\\w+", "e\xCC\x81t\xC3\xA9_1 \xC2\xB2 \xE2\x81\xB4",
            "[e\xCC\x81t\xC3\xA9_1][\xC2\xB2]"); /* with marks and 2, without 4 */
    matches("[^\\W\\d_]+", "ab1c_d", "[ab][c][d]");
    matches("[\\W_]+", "a-_b", "[-_]");
    matches("\\bthe\\b", "the other the", "[the][the]");
    matches("\\d+", "1\xD9\xA3\xC2\xB2", "[1\xD9\xA3]");
    matches("\\h+", "xfFg1", "[fF][1]"); /* hexadecimal, not horizontal */
    matches("\\v", "a\x0B\n", "[\x0B]");
}

static void unicode(void **state)
{
    (void)state;
    /* Letters and digits of Unicode 15 and 16: Garay, Sunuwar, CJK extensions H and I. */
    matches("\\p{L}+", "a\xF0\x90\xB5\x90\xF0\x91\xAF\x80\xF0\xB1\x8D\x90\xF0\xAE\xAF\xB0!",
            "[a\xF0\x90\xB5\x90\xF0\x91\xAF\x80\xF0\xB1\x8D\x90\xF0\xAE\xAF\xB0]");
    matches("[^\\s\\p{L}\\p{N}]+", "\xF0\x90\xB5\x90!", "[!]");
    matches("\\p{Lu}\\p{Ll}", "\xF0\x90\xB5\x90\xF0\x90\xB5\xB0", "[\xF0\x90\xB5\x90\xF0\x90\xB5\xB0]");
    matches("\\p{^L}+|\\P{N}", "a-1", "[a][-1]");
    matches("\\p{C}+", "a\xF0\x90\xB5\x90\x01", "[\x01]");
    matches("\\p{Letter}\\p{Decimal_Number}", "a1", "[a1]");
    matches("\\p{Han}+", "\xE4\xB8\xAD\xF0\xB1\x8D\x90x", "[\xE4\xB8\xAD\xF0\xB1\x8D\x90]");
    matches("[[:alpha:]]+[[:digit:]]", "ab1", "[ab1]");
    matches("(?i:'s|'t)", "'S'\xC5\xBF'T", "['S]['\xC5\xBF]['T]"); /* U+017F folds to s */
}

static void ruby(void **state)
{
    (void)state;
    matches("\\p{N}{1,3}+", "1234567", "[1234567]"); /* a repeat of a repeat, not a possessive one */
    matches("(ab){2}+c", "ababababc", "[ababababc]");
    matches("a{2}?b|b", "aabb", "[aab][b]");
    matches("[^x]?+a", "ba", "[ba]"); /* this one is possessive */
    matches("a{,2}", "aaa", "[aa][a]");
    matches("x{", "x{", "[x{]");
    matches("(?m:a.b)", "a\nb", "[a\nb]");
    matches("a.b", "a\nb", "");
    matches("^.|.$", "ab\ncd", "[a][b][c][d]");
    matches("[a-c[x-z]]+", "abxq", "[abx]");
    matches("[a[^b-z]]+", "xaA1", "[aA1]");
    matches("[\\p{L}&&[^aeiou]]+", "hello", "[h][ll]");
    matches("[a-z&&c-x]+", "abcxyz", "[cx]");
    matches("[]a]+", "a]", "[a]]");
    matches("\\u00e9", "\xC3\xA9", "[\xC3\xA9]");
    matches("x*", "axb", "[][x][]");
    matches("(?<=a)b|(?<!\\s)c", "ab c bc", "[b][c]");
}

static void refusals(void **state)
{
    (void)state;
    refused("(");
    refused("[a");
    refused("\\");
    refused("\\p{Nonsense}");
    refused("\\p{L");
    refused("(a)\\1");
    refused("[^a&&b]");
    refused("a\\Kb");
    refused("\\C");
    refused("[[:nonsense:]]");
}

static void steps_are_bounded(void **state)
{
    (void)state;
    struct hz_regex *r;
    struct hz_regex_scratch *s;
    struct hz_error err = {0};
    const char *pattern = "(a+)+b|(a+)+c|(a+)+d", text[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    size_t start, end;
    bool found;
    assert_int_equal(hz_regex_new(pattern, strlen(pattern), 16, "test", &r, &err), HZ_OK);
    assert_int_equal(hz_regex_scratch_new(&s, &err), HZ_OK);
    struct hz_matches m = hz_regex_matches(r, s, text, sizeof text - 1);
    hz_status status = hz_regex_next(&m, &found, &start, &end, &err);
    assert_true(status == HZ_E_LIMIT || (status == HZ_OK && !found)); /* PCRE2 may see that no b comes */
    hz_regex_scratch_free(s);
    hz_regex_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blanks), cmocka_unit_test(words),    cmocka_unit_test(unicode),
        cmocka_unit_test(ruby),   cmocka_unit_test(refusals), cmocka_unit_test(steps_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
