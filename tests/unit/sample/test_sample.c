/* Logit edits against their formulas, random numbers, stop strings against a plain search. */
#include "sample/sample.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { VOCAB = 100 };

static struct hz_sample_params neutral(void)
{
    return (struct hz_sample_params){
        .temperature = 1, .top_p = 1, .repetition_penalty = 1, .dry_base = 1.75f, .dry_allowed_length = 2};
}

static struct hz_sample_state *make(const struct hz_sample_params *p)
{
    struct hz_sample_state *s = NULL;
    struct hz_error err = {0};
    if (hz_sample_new(p, VOCAB, 1000, &s, &err) != HZ_OK)
        fail_msg("%s", err.text);
    return s;
}

static void push(struct hz_sample_state *s, const char *letters, bool answer)
{
    for (; *letters; letters++)
        hz_sample_push(s, *letters - 'A', answer);
}

/* The edit of a letter; mul 1 and add 0 if there is none. Each id may have one edit only. */
static struct hz_edit edit_of(const struct hz_draw_spec *spec, char letter)
{
    struct hz_edit found = {(uint32_t)(letter - 'A'), 1, 0};
    int n = 0;
    for (uint32_t i = 0; i < spec->n_edits; i++)
        if (spec->edits[i].id == found.id) {
            found = spec->edits[i];
            n++;
        }
    assert_true(n <= 1);
    return found;
}

static void assert_edit(const struct hz_draw_spec *spec, char letter, float mul, float add)
{
    struct hz_edit e = edit_of(spec, letter);
    if (e.mul != mul || fabsf(e.add - add) > 1e-6f * (1 + fabsf(add)))
        fail_msg("%c: mul %g add %g, must be %g and %g", letter, (double)e.mul, (double)e.add, (double)mul,
                 (double)add);
}

static void test_repetition(void **state)
{
    (void)state;
    struct hz_sample_params p = neutral();
    struct hz_draw_spec spec = {0};
    p.repetition_penalty = 1.3f;
    struct hz_sample_state *s = make(&p);
    push(s, "AABB", false);
    push(s, "CCB", true);
    hz_sample_spec(s, 3, &spec);
    assert_int_equal(spec.n_edits, 3); /* once for each token, prompt and answer */
    assert_edit(&spec, 'A', 1.3f, 0);
    assert_edit(&spec, 'B', 1.3f, 0);
    assert_edit(&spec, 'C', 1.3f, 0);
    hz_sample_free(s);
}

static void test_presence_and_frequency(void **state)
{
    (void)state;
    struct hz_sample_params p = neutral();
    struct hz_draw_spec spec = {0};
    p.presence_penalty = 0.5f;
    p.frequency_penalty = -0.25f;
    struct hz_sample_state *s = make(&p);
    push(s, "AAAB", false); /* the prompt does not count */
    push(s, "BCCC", true);
    hz_sample_spec(s, 4, &spec);
    assert_int_equal(spec.n_edits, 2);
    assert_edit(&spec, 'B', 1, -0.5f + 0.25f);
    assert_edit(&spec, 'C', 1, -0.5f + 0.75f);
    hz_sample_free(s);
}

static void test_bias_joins_penalties(void **state)
{
    (void)state;
    struct hz_sample_params p = neutral();
    struct hz_draw_spec spec = {0};
    struct hz_bias bias[] = {{0, 2}, {0, 1}, {5, -INFINITY}, {7, 0}};
    p.bias = bias;
    p.n_bias = 4;
    p.repetition_penalty = 2;
    p.presence_penalty = 1;
    p.frequency_penalty = 0.5f;
    struct hz_sample_state *s = make(&p);
    hz_sample_spec(s, 0, &spec);
    assert_int_equal(spec.n_edits, 2); /* a bias of 0 is none */
    assert_edit(&spec, 'A', 1, 3);     /* given twice: added */
    assert_true(edit_of(&spec, 'F').add == -INFINITY);
    push(s, "AA", true);
    hz_sample_spec(s, 2, &spec);
    assert_edit(&spec, 'A', 2, 3 - 1 - 1);
    hz_sample_free(s);
}

/* multiplier * base^(length - allowed), length: of the longest earlier text that ends as the whole does, before the
 * token in question. */
static void test_dry(void **state)
{
    (void)state;
    static const struct {
        const char *prompt, *answer;
        const char *ids; /* with a penalty */
        int exponent[3];
    } cases[] = {
        {"ABCABC", "AB", "C", {3}},     /* ABCAB before C */
        {"ABC", "AB", "C", {0}},        /* AB before C: just the allowed length */
        {"AXBA", "", "", {0}},          /* A before X: shorter than allowed */
        {"ABCABD", "AB", "CD", {0, 0}}, /* two continuations */
        {"XABCYABD", "XAB", "CD", {1, 0}},
        {"AAAA", "", "A", {1}}, /* overlapping: AAA, then A */
    };
    for (size_t i = 0; i < HZ_COUNT(cases); i++) {
        struct hz_sample_params p = neutral();
        struct hz_draw_spec spec = {0};
        p.dry_multiplier = 0.8f;
        struct hz_sample_state *s = make(&p);
        push(s, cases[i].prompt, false);
        push(s, cases[i].answer, true);
        hz_sample_spec(s, 0, &spec);
        assert_int_equal(spec.n_edits, strlen(cases[i].ids));
        for (size_t k = 0; cases[i].ids[k]; k++)
            assert_edit(&spec, cases[i].ids[k], 1, -0.8f * powf(1.75f, (float)cases[i].exponent[k]));
        hz_sample_free(s);
    }
}

/* A match does not reach over a breaker, and right behind one there is none. */
static void test_dry_breakers(void **state)
{
    (void)state;
    struct hz_sample_params p = neutral();
    struct hz_draw_spec spec = {0};
    int32_t breaker = 'N' - 'A';
    p.dry_multiplier = 1;
    p.dry_base = 2;
    p.breakers = &breaker;
    p.n_breakers = 1;
    struct hz_sample_state *s = make(&p);
    push(s, "ABNCDE", false);
    push(s, "ABN", true);
    hz_sample_spec(s, 3, &spec);
    assert_int_equal(spec.n_edits, 0);
    push(s, "C", true);
    hz_sample_spec(s, 4, &spec);
    assert_int_equal(spec.n_edits, 0); /* one token since the breaker */
    push(s, "D", true);
    hz_sample_spec(s, 5, &spec);
    assert_int_equal(spec.n_edits, 1);
    assert_edit(&spec, 'E', 1, -1); /* CD, not ABNCD */
    hz_sample_free(s);
}

/* Against a search that tries every place; long texts of few letters have many overlapping repeats. */
static void test_dry_random(void **state)
{
    (void)state;
    for (uint32_t round = 0; round < 200; round++) {
        struct hz_sample_params p = neutral();
        struct hz_draw_spec spec = {0};
        int32_t text[60], breaker = 0;
        float want[VOCAB] = {0};
        int n = 1 + (int)(hz_sample_uniform(round, 0) * 59), letters = 2 + (int)round % 3;
        p.dry_multiplier = 0.5f;
        p.dry_base = 1.5f;
        p.dry_allowed_length = 1 + round % 4;
        p.breakers = &breaker;
        p.n_breakers = round % 2;
        struct hz_sample_state *s = make(&p);
        for (int i = 0; i < n; i++) {
            text[i] = (int32_t)(hz_sample_uniform(round, 100 + (uint64_t)i) * (float)letters);
            hz_sample_push(s, text[i], i > n / 2);
        }
        for (int end = 0; end + 1 < n; end++) { /* text[..end] compared with text[..n-1] from the back */
            int len = 0;
            while (len <= end && text[end - len] == text[n - 1 - len] &&
                   !(p.n_breakers && text[n - 1 - len] == breaker))
                len++;
            float penalty = 0.5f * powf(1.5f, (float)(len - (int)p.dry_allowed_length));
            if (len >= (int)p.dry_allowed_length)
                want[text[end + 1]] = fmaxf(want[text[end + 1]], penalty);
        }
        hz_sample_spec(s, 0, &spec);
        for (int v = 0; v < letters; v++)
            assert_edit(&spec, (char)('A' + v), 1, -want[v]);
        hz_sample_spec(s, 0, &spec); /* nothing is left over from the last time */
        for (int v = 0; v < letters; v++)
            assert_edit(&spec, (char)('A' + v), 1, -want[v]);
        hz_sample_free(s);
    }
}

/* A repeat of any length stays a number. */
static void test_dry_overflow(void **state)
{
    (void)state;
    struct hz_sample_params p = neutral();
    struct hz_draw_spec spec = {0};
    p.dry_multiplier = 1000;
    p.dry_base = 1000;
    struct hz_sample_state *s = make(&p);
    for (int i = 0; i < 1000; i++)
        hz_sample_push(s, 3, true);
    hz_sample_spec(s, 0, &spec);
    assert_int_equal(spec.n_edits, 1);
    assert_true(isfinite(spec.edits[0].add) && spec.edits[0].add < -1e30f);
    hz_sample_free(s);
}

static void test_check(void **state)
{
    (void)state;
    struct hz_error err;
    struct hz_bias bias = {VOCAB, 0};
    const struct hz_sample_params fine = neutral();
    struct hz_sample_params p = fine;
    assert_int_equal(hz_sample_check(&p, VOCAB, &err), HZ_OK);
    p.temperature = NAN;
    assert_int_equal(hz_sample_check(&p, VOCAB, &err), HZ_E_INVALID);
    p.temperature = INFINITY;
    assert_int_equal(hz_sample_check(&p, VOCAB, &err), HZ_E_INVALID);
    p = fine;
    p.top_p = 0; /* keeps one */
    p.temperature = 1e-30f;
    assert_int_equal(hz_sample_check(&p, VOCAB, &err), HZ_OK);
    p.min_p = 1.01f;
    assert_int_equal(hz_sample_check(&p, VOCAB, &err), HZ_E_INVALID);
    p = fine;
    p.bias = &bias;
    p.n_bias = 1;
    assert_int_equal(hz_sample_check(&p, VOCAB, &err), HZ_E_INVALID);
    bias = (struct hz_bias){0, NAN};
    assert_int_equal(hz_sample_check(&p, VOCAB, &err), HZ_E_INVALID);
}

static void test_thresholds(void **state)
{
    (void)state;
    struct hz_sample_params p = neutral();
    struct hz_draw_spec spec = {0};
    p.temperature = 0.7f;
    p.top_k = 40;
    p.top_p = 0.9f;
    p.min_p = 0.05f;
    p.seed = 99;
    struct hz_sample_state *s = make(&p);
    hz_sample_spec(s, 5, &spec);
    assert_true(spec.temperature == 0.7f && spec.top_k == 40 && spec.top_p == 0.9f && spec.min_p == 0.05f);
    assert_true(spec.u == hz_sample_uniform(99, 5));
    assert_int_equal(spec.n_edits, 0);
    hz_sample_free(s);
}

/* Even over seeds and over indices: chi-square of 16 cells, 15 degrees of freedom. */
static void test_uniform(void **state)
{
    (void)state;
    for (int by_seed = 0; by_seed < 2; by_seed++) {
        enum { N = 16000, CELLS = 16 };
        int counts[CELLS] = {0};
        double chi = 0, expected = (double)N / CELLS;
        for (uint64_t i = 0; i < N; i++) {
            float u = by_seed ? hz_sample_uniform(i, 0) : hz_sample_uniform(0, i);
            assert_true(u >= 0 && u < 1);
            counts[(int)(u * CELLS)]++;
        }
        for (int c = 0; c < CELLS; c++)
            chi += (counts[c] - expected) * (counts[c] - expected) / expected;
        assert_true(chi < 37.7); /* p = 0.001 */
    }
}

/* ---- stop strings ---------------------------------------------------------------------------- */

/* Feeds text in pieces of `step` bytes; what was shown, whether a stop was met, and what was held back at the worst. */
static bool feed(const char *const *stops, size_t n, const char *text, size_t step, char *shown, size_t *worst)
{
    struct hz_stops *s;
    struct hz_error err;
    bool met = false;
    const char *out;
    size_t len = strlen(text), out_len, given = 0;
    *worst = 0;
    assert_int_equal(hz_stops_new(stops, n, &s, &err), HZ_OK);
    for (size_t at = 0; at < len && !met; at += step) {
        size_t piece = HZ_MIN(step, len - at);
        assert_int_equal(hz_stops_push(s, text + at, piece, &out, &out_len, &met, &err), HZ_OK);
        memcpy(shown + given, out, out_len);
        given += out_len;
        if (!met)
            *worst = HZ_MAX(*worst, at + piece - given);
    }
    if (!met) {
        hz_stops_flush(s, &out, &out_len);
        memcpy(shown + given, out, out_len);
        given += out_len;
    }
    shown[given] = 0;
    hz_stops_free(s);
    return met;
}

static void test_stops(void **state)
{
    (void)state;
    static const struct {
        const char *stops[3];
        size_t n;
        const char *text, *shown;
        bool met;
        size_t held;
    } cases[] = {
        {{"\n\n"}, 1, "one\ntwo\n\nthree", "one\ntwo", true, 1},
        {{"END"}, 1, "the ENEND", "the EN", true, 2},
        {{"END"}, 1, "the EN", "the EN", false, 2}, /* held back, then given out */
        {{"aab"}, 1, "aaaab", "aa", true, 2},
        {{"b", "ab"}, 2, "xab", "x", true, 1},  /* of two that end together the longer */
        {{"abc", "b"}, 2, "abc", "a", true, 1}, /* the one that is complete first */
        {{"xyz"}, 1, "", "", false, 0},
        {{NULL}, 0, "anything", "anything", false, 0},
        {{"\xc3\xa9"}, 1, "caf\xc3\xa9!", "caf", true, 1},
    };
    for (size_t i = 0; i < HZ_COUNT(cases); i++)
        for (size_t step = 1; step < 8; step++) {
            char shown[64];
            size_t held;
            bool met = feed(cases[i].stops, cases[i].n, cases[i].text, step, shown, &held);
            assert_int_equal(met, cases[i].met);
            assert_string_equal(shown, cases[i].shown);
            if (step == 1)
                assert_int_equal(held, cases[i].held);
        }
}

/* Against strstr, with exactly the tail that begins a stop string held back. */
static void test_stops_random(void **state)
{
    (void)state;
    for (uint64_t round = 0; round < 500; round++) {
        char stop[6] = {0}, text[80] = {0}, shown[80];
        size_t n = 1 + (size_t)(hz_sample_uniform(round, 0) * 4), held;
        for (size_t i = 0; i < n; i++)
            stop[i] = "ab"[hz_sample_uniform(round, i + 1) > 0.5f];
        for (size_t i = 0; i < 70; i++)
            text[i] = "abc"[(int)(hz_sample_uniform(round, i + 10) * 3)];
        const char *at = strstr(text, stop), *stops[] = {stop};
        size_t len = at ? (size_t)(at - text) : strlen(text);
        assert_int_equal(feed(stops, 1, text, 1 + round % 5, shown, &held), at != NULL);
        assert_int_equal(strlen(shown), len);
        assert_memory_equal(shown, text, len);
        assert_true(held < n + 1);
    }
}

static void test_stops_refused(void **state)
{
    (void)state;
    struct hz_stops *s;
    struct hz_error err;
    const char *stops[] = {"ok", ""}, *none[] = {NULL};
    assert_int_equal(hz_stops_new(stops, 2, &s, &err), HZ_E_INVALID);
    assert_int_equal(hz_stops_new(none, 1, &s, &err), HZ_E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_repetition),
        cmocka_unit_test(test_presence_and_frequency),
        cmocka_unit_test(test_bias_joins_penalties),
        cmocka_unit_test(test_dry),
        cmocka_unit_test(test_dry_breakers),
        cmocka_unit_test(test_dry_random),
        cmocka_unit_test(test_dry_overflow),
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_thresholds),
        cmocka_unit_test(test_uniform),
        cmocka_unit_test(test_stops),
        cmocka_unit_test(test_stops_random),
        cmocka_unit_test(test_stops_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
