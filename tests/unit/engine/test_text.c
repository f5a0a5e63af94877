/* What the reader sees: text, stop strings, ends, special tokens, prompts of text and of chats. The tokenizer has a
 * token for every byte (0 to 255) and three special ones; the model's vocabulary is padded to 264 ids. */
#include "text/utf8.h"
#include "unit/engine/toy.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { VOCAB = 264, END = 256, START = 257, TURN_END = 258, TOKENS = 259 };

static hz_model *model;

static int open_model(void **state)
{
    (void)state;
    struct hz_model_options o = {.size = sizeof o, .tokenizer_only = true};
    struct hz_error err = {0};
    if (hz_model_open(HZ_TEST_DATA "/engine/bytes", &o, &model, &err) != HZ_OK)
        fail_msg("%s", err.text);
    return 0;
}

static int close_model(void **state)
{
    (void)state;
    hz_model_close(model);
    return 0;
}

static struct toy text_toy(void)
{
    return (struct toy){.vocab = VOCAB, .model = model};
}

/* Bans all ids but the given ones; the rest is drawn by temperature 1. */
static struct hz_request_options only(const unsigned char *allowed, size_t n, struct hz_bias *bias, int32_t max_tokens,
                                      int64_t seed)
{
    static const int32_t prompt[] = {'H', 'i', ' '};
    struct hz_request_options o = toy_options(prompt, 3, max_tokens);
    o.sampling.temperature = 1;
    o.sampling.seed = seed;
    o.sampling.bias = bias;
    for (int32_t id = 0; id < VOCAB; id++)
        if (id >= 256 || !memchr(allowed, id, n))
            bias[o.sampling.n_bias++] = (struct hz_bias){id, -INFINITY};
    return o;
}

/* Bytes of letters, of 2, 3 and 4 byte characters, and a stray one: sequences that are finished, cut and wrong. */
static const unsigned char mixed[] = {'a', ' ', 0xc3, 0xa9, 0xe6, 0x97, 0xa5, 0xf0, 0x9f, 0x98, 0x80, 0xff};

/* Every piece is whole UTF-8, and joined they are what all ids decode to, also where the budget ends in a character. */
static void test_pieces(void **state)
{
    (void)state;
    struct toy t = text_toy();
    hz_engine *e = toy_engine(&t);
    for (int64_t seed = 0; seed < 40; seed++) {
        struct hz_bias bias[VOCAB];
        struct hz_request_options o = only(mixed, sizeof mixed, bias, 10 + (int32_t)seed, seed);
        struct hz_event event;
        struct hz_error err;
        char got[2048];
        int32_t ids[64];
        size_t len = 0, n = 0;
        hz_request *r = toy_start(e, &o);
        while (hz_request_next(r, &event, -1) == HZ_OK && event.kind != HZ_EVENT_DONE) {
            assert_int_equal(event.kind, HZ_EVENT_TEXT);
            assert_true(hz_utf8_valid(event.text, event.text_len));
            memcpy(got + len, event.text, event.text_len);
            len += event.text_len;
            for (size_t i = 0; i < event.n_tokens; i++)
                ids[n++] = event.tokens[i].id;
        }
        hz_request_free(r);
        char *want;
        size_t want_len;
        assert_int_equal(n, 10 + (size_t)seed);
        assert_int_equal(hz_detokenize(model, ids, n, true, &want, &want_len, &err), HZ_OK);
        assert_int_equal(len, want_len);
        assert_memory_equal(got, want, len);
        hz_free(want);
    }
    hz_engine_close(e);
}

/* The text ends right before the first stop string, wherever tokens and events are cut; nothing comes after it. */
static void test_stop_strings(void **state)
{
    (void)state;
    struct toy t = text_toy();
    hz_engine *e = toy_engine(&t);
    for (int64_t seed = 0; seed < 60; seed++) {
        struct hz_bias bias[VOCAB];
        struct hz_request_options o = only((const unsigned char *)"ab ", 3, bias, 40, seed);
        struct toy_answer all, cut;
        char stop[8] = {0};
        const char *stops[] = {"never", stop};
        toy_run(e, &o, &all);
        all.text[all.len] = 0;
        memcpy(stop, all.text + 3 + seed % 30, 1 + (size_t)seed % 6);
        o.stop = stops;
        o.n_stop = 2;
        toy_run(e, &o, &cut);
        assert_int_equal(cut.finish, HZ_FINISH_STOP);
        assert_int_equal(cut.len, strstr(all.text, stop) - all.text);
        assert_memory_equal(cut.text, all.text, cut.len);
        assert_int_equal(cut.n, cut.len + strlen(stop)); /* one token a byte: the last one completed the string */
    }
    hz_engine_close(e);
}

/* What a stop string that never came held back is given out at the end. */
static void test_held_back(void **state)
{
    (void)state;
    struct toy t = text_toy();
    hz_engine *e = toy_engine(&t);
    struct hz_bias bias[VOCAB];
    struct hz_request_options o = only((const unsigned char *)"a", 1, bias, 5, 0);
    struct toy_answer a;
    o.stop = &(const char *){"aaaaaa"};
    o.n_stop = 1;
    toy_run(e, &o, &a);
    assert_int_equal(a.finish, HZ_FINISH_LENGTH);
    assert_int_equal(a.len, 5);
    hz_engine_close(e);
}

/* The token that ends the answer is not in its text; special ones are only on request, and so are ids without a token.
 */
static void test_special_tokens(void **state)
{
    (void)state;
    struct toy t = text_toy();
    int32_t end = END;
    struct hz_bias bias[VOCAB], force[] = {{START, 50}, {END, 20}, {262, 200}};
    struct toy_answer a;
    t.eos = &end;
    t.n_eos = 1;
    hz_engine *e = toy_engine(&t);
    struct hz_request_options o = only((const unsigned char *)"a", 1, bias, 3, 0);
    o.sampling.bias = force;
    o.sampling.n_bias = 3;
    o.sampling.temperature = 0;
    toy_run(e, &o, &a);
    assert_int_equal(a.n, 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(a.ids[i], START);
    assert_int_equal(a.len, 0);
    o.special_text = true;
    toy_run(e, &o, &a);
    assert_int_equal(a.len, 3 * strlen("<|start|>"));
    o.any_id = true;
    toy_run(e, &o, &a);
    assert_int_equal(a.n, 3);
    assert_int_equal(a.ids[0], 262);
    o.any_id = false;
    o.sampling.bias = force + 1;
    o.sampling.n_bias = 2;
    o.ignore_eos = false;
    toy_run(e, &o, &a);
    assert_int_equal(a.finish, HZ_FINISH_STOP);
    assert_int_equal(a.n, 1);
    assert_int_equal(a.ids[0], END);
    assert_int_equal(a.len, 0);
    hz_engine_close(e);
}

/* Bytes of the tokens join to the text where no stop string holds anything back. */
static void test_token_bytes(void **state)
{
    (void)state;
    struct toy t = text_toy();
    hz_engine *e = toy_engine(&t);
    struct hz_bias bias[VOCAB];
    struct hz_request_options o = only(mixed, 2, bias, 20, 3);
    struct hz_event event;
    hz_request *r = toy_start(e, &o);
    while (hz_request_next(r, &event, -1) == HZ_OK && event.kind == HZ_EVENT_TEXT) {
        size_t at = 0;
        for (size_t i = 0; i < event.n_tokens; i++) {
            assert_memory_equal(event.tokens[i].bytes, event.text + at, event.tokens[i].n_bytes);
            at += event.tokens[i].n_bytes;
        }
        assert_int_equal(at, event.text_len);
    }
    hz_request_free(r);
    hz_engine_close(e);
}

/* A reader who comes late finds all that was said in one event. */
static void test_slow_reader(void **state)
{
    (void)state;
    struct toy t = text_toy();
    hz_engine *e = toy_engine(&t);
    struct hz_bias bias[VOCAB];
    struct hz_request_options o = only(mixed, 2, bias, 500, 4);
    struct hz_event event;
    o.top_logprobs = 3;
    hz_request *r = toy_start(e, &o);
    while (toy_counts(e).finished < 1)
        hz_pause();
    assert_int_equal(hz_request_next(r, &event, -1), HZ_OK);
    assert_int_equal(event.kind, HZ_EVENT_TEXT);
    assert_int_equal(event.n_tokens, 500);
    assert_int_equal(event.text_len, 500);
    for (size_t i = 0; i < 500; i++)
        assert_true(event.tokens[i].n_top == 3 && event.tokens[i].bytes[0] == event.text[i]);
    assert_int_equal(hz_request_next(r, &event, -1), HZ_OK);
    assert_int_equal(event.kind, HZ_EVENT_DONE);
    hz_request_free(r);
    hz_engine_close(e);
}

/* Raw text gets the tokenizer's own BOS but not its EOS; a rendered chat neither, its template has set them. */
static void test_prompts(void **state)
{
    (void)state;
    struct toy t = text_toy();
    static const char chat[] = "{\"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}]}";
    struct hz_request_options o = toy_options(NULL, 0, 1);
    struct toy_answer a;
    struct hz_error err;
    hz_request *r;
    hz_engine *e = toy_engine(&t);
    o.text = "Hello";
    o.text_len = 5;
    toy_run(e, &o, &a);
    assert_int_equal(a.usage.prompt_tokens, 6);
    o.text = "Hello<|end|>"; /* the writer's own end stays */
    o.text_len = strlen(o.text);
    toy_run(e, &o, &a);
    assert_int_equal(a.usage.prompt_tokens, 8);
    o.text = "\xff";
    o.text_len = 1;
    assert_int_equal(hz_request_start(e, &o, &r, &err), HZ_E_INVALID);
    o.text = NULL;
    o.chat_json = chat;
    o.chat_json_len = strlen(chat);
    toy_run(e, &o, &a);
    /* <|start|>user:Hi<|end|>assistant: */
    assert_int_equal(a.usage.prompt_tokens, 1 + strlen("user:Hi") + 1 + strlen("assistant:"));
    o.chat_json = "{\"messages\": 3";
    o.chat_json_len = strlen(o.chat_json);
    assert_int_not_equal(hz_request_start(e, &o, &r, &err), HZ_OK);
    hz_engine_close(e);
}

/* generation_config.json holds where the request says nothing. */
static void test_published_sampling(void **state)
{
    (void)state;
    struct toy t = text_toy();
    static const int32_t prompt[] = {1, 2, 3};
    struct hz_request_options o = toy_options(prompt, 3, 40);
    struct toy_answer greedy, a;
    hz_engine *e = toy_engine(&t);
    toy_run(e, &o, &greedy); /* nothing said anywhere */
    hz_engine_close(e);
    t.temperature = 5;
    t.top_k = 1;
    e = toy_engine(&t);
    toy_run(e, &o, &a); /* hot, but of one candidate */
    assert_memory_equal(a.ids, greedy.ids, sizeof greedy.ids);
    o.sampling.top_k = 0; /* off, said by the request */
    toy_run(e, &o, &a);
    assert_memory_not_equal(a.ids, greedy.ids, sizeof greedy.ids);
    o.sampling.temperature = 0;
    toy_run(e, &o, &a);
    assert_memory_equal(a.ids, greedy.ids, sizeof greedy.ids);
    hz_engine_close(e);
}

/* With DRY no three letters follow twice, unless a breaker stands between. */
static void test_dry(void **state)
{
    (void)state;
    struct toy t = text_toy();
    struct hz_bias bias[VOCAB];
    struct toy_answer a;
    struct hz_error err;
    hz_request *r;
    struct hz_request_options o = only((const unsigned char *)"abcdef", 6, bias, 80, 5);
    hz_engine *e = toy_engine(&t);
    o.sampling.dry_multiplier = 100;
    toy_run(e, &o, &a);
    for (size_t i = 0; i + 3 <= a.n; i++)
        for (size_t k = i + 1; k + 3 <= a.n; k++)
            assert_memory_not_equal(a.ids + i, a.ids + k, 3 * sizeof *a.ids);
    const char *breakers[] = {"a", "b", "c", "d", "e", "f"};
    o.sampling.dry_breakers = breakers;
    o.sampling.n_dry_breakers = 6;
    struct toy_answer broken, plain;
    toy_run(e, &o, &broken);
    o.sampling.dry_multiplier = 0;
    toy_run(e, &o, &plain);
    assert_memory_equal(broken.ids, plain.ids, sizeof plain.ids); /* every token is a breaker: nothing ever matches */
    o.sampling.dry_multiplier = 1;
    breakers[2] = "";
    assert_int_equal(hz_request_start(e, &o, &r, &err), HZ_E_INVALID);
    hz_engine_close(e);
}

/* ---- a model without weights ----------------------------------------------------------------- */

static void test_tokens_of_model(void **state)
{
    (void)state;
    struct hz_error err;
    int32_t *ids;
    size_t n;
    char *text;
    bool special;
    assert_int_equal(hz_tokenize(model, "a\0b", 3, true, true, &ids, &n, &err), HZ_OK);
    assert_int_equal(n, 5);
    assert_int_equal(ids[0], START);
    assert_int_equal(ids[2], 0);
    assert_int_equal(ids[4], END);
    assert_int_equal(hz_detokenize(model, ids, n, true, &text, &n, &err), HZ_OK);
    assert_int_equal(n, 3);
    assert_memory_equal(text, "a\0b", 4);
    hz_free(text);
    hz_free(ids);
    assert_int_equal(hz_tokenize(model, "", 0, false, true, &ids, &n, &err), HZ_OK);
    assert_int_equal(n, 0);
    assert_non_null(ids);
    assert_int_equal(hz_detokenize(model, ids, 0, true, &text, &n, &err), HZ_OK);
    assert_string_equal(text, "");
    hz_free(text);
    hz_free(ids);
    const char *spelling = hz_model_token(model, END, &n, &special); /* no NUL behind it */
    assert_true(special && n == 7);
    assert_memory_equal(spelling, "<|end|>", n);
    spelling = hz_model_token(model, 'a', &n, &special);
    assert_true(!special && n == 1 && *spelling == 'a');
    assert_null(hz_model_token(model, TOKENS, NULL, NULL));
    assert_null(hz_model_token(model, -1, NULL, NULL));
}

/* eos of the configuration, of the tokenizer, and known ends of a turn that are special tokens here. */
static void test_ends(void **state)
{
    (void)state;
    int32_t eos[] = {300, 7, 7};
    struct hz_model_facts facts = {.eos = eos, .n_eos = 3};
    struct hz_id_set ends;
    assert_int_equal(hz_model_ends(model, &facts, &ends, NULL), HZ_OK);
    static const int32_t want[] = {7, END, TURN_END, 300};
    assert_int_equal(ends.n, 4);
    assert_memory_equal(ends.ids, want, sizeof want);
    free(ends.ids);
}

static void test_render(void **state)
{
    (void)state;
    static const struct {
        const char *json, *want; /* want NULL: an error */
    } cases[] = {
        {"{\"messages\": [{\"role\": \"user\", \"content\": \"x\"}]}", "<|start|>user:x<|end|>assistant:"},
        {"{\"messages\": [], \"add_generation_prompt\": false}", "<|start|>"},
        {"{\"template\": \"{{ a + 1 }}\", \"context\": {\"a\": 41}}", "42"},
        {"[]", NULL},
        {"{", NULL},
        {"{\"template\": \"{% if\", \"context\": {}}", NULL},
    };
    for (size_t i = 0; i < HZ_COUNT(cases); i++) {
        struct hz_error err = {0};
        char *text;
        size_t len;
        hz_status status = hz_render(model, cases[i].json, strlen(cases[i].json), &text, &len, &err);
        assert_int_equal(status == HZ_OK, cases[i].want != NULL);
        if (status != HZ_OK) {
            assert_true(err.text[0]);
            continue;
        }
        assert_string_equal(text, cases[i].want);
        assert_int_equal(len, strlen(text));
        hz_free(text);
    }
    char *text;
    size_t len;
    struct hz_error err;
    assert_int_equal(hz_render(NULL, cases[0].json, strlen(cases[0].json), &text, &len, &err), HZ_E_INVALID);
    assert_int_equal(hz_render(NULL, cases[2].json, strlen(cases[2].json), &text, &len, &err), HZ_OK);
    hz_free(text);
}

/* A checkpoint without tokenizer and template: it opens, and says what is missing when that is asked for. */
static void test_model_without(void **state)
{
    (void)state;
    struct hz_error err = {0};
    hz_model *m;
    int32_t *ids;
    size_t n;
    char *text;
    static const char chat[] = "{\"messages\": []}";
    assert_int_equal(hz_model_open(HZ_TEST_DATA "/golden/llama", NULL, &m, &err), HZ_OK);
    assert_int_equal(hz_tokenize(m, "a", 1, true, true, &ids, &n, &err), HZ_E_NOTFOUND);
    assert_non_null(strstr(err.text, "golden/llama"));
    assert_int_equal(hz_render(m, chat, strlen(chat), &text, &n, &err), HZ_E_NOTFOUND);
    assert_non_null(strstr(err.text, "no chat template"));
    assert_null(hz_model_token(m, 0, &n, NULL));
    hz_model_close(m);
    struct hz_model_options o = {.size = sizeof o, .tokenizer = HZ_TEST_DATA "/engine/bytes/tokenizer.json"};
    assert_int_equal(hz_model_open(HZ_TEST_DATA "/golden/llama", &o, &m, &err), HZ_OK);
    assert_int_equal(hz_tokenize(m, "a", 1, false, true, &ids, &n, &err), HZ_OK);
    assert_int_equal(n, 1);
    hz_free(ids);
    hz_model_close(m);
    o.tokenizer = HZ_TEST_DATA "/engine/none.json";
    assert_int_equal(hz_model_open(HZ_TEST_DATA "/golden/llama", &o, &m, &err), HZ_E_NOTFOUND);
    assert_non_null(strstr(err.text, "none.json"));
}

static void test_describe_model(void **state)
{
    (void)state;
    static const char *const paths[] = {HZ_TEST_DATA "/golden/gemma3", HZ_TEST_DATA "/engine/bytes"};
    for (size_t i = 0; i < HZ_COUNT(paths); i++) {
        struct hz_error err = {0};
        struct hz_model_options o = {.size = sizeof o, .tokenizer_only = i == 1};
        struct hz_json_doc *doc;
        hz_model *m;
        char *json;
        assert_int_equal(hz_model_open(paths[i], &o, &m, &err), HZ_OK);
        if (hz_model_describe(m, &json, &err) != HZ_OK)
            fail_msg("%s", err.text);
        assert_int_equal(hz_json_parse(json, strlen(json), NULL, &doc, &err), HZ_OK);
        struct hz_json root = hz_json_root(doc);
        assert_true(hz_json_str_is(hz_json_get(root, "path"), paths[i]));
        if (i == 0) {
            assert_true(hz_json_str_is(hz_json_get(root, "architecture"), "gemma3"));
            assert_true(hz_json_len(hz_json_get(root, "tensors")) > 10);
            assert_true(hz_json_len(hz_json_get(hz_json_get(root, "plan"), "cache_groups")) == 2);
        } else {
            assert_int_equal(hz_json_get(root, "plan_error").kind, HZ_JSON_STRING);
        }
        hz_json_free(doc);
        hz_free(json);
        hz_model_close(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces),        cmocka_unit_test(test_stop_strings),
        cmocka_unit_test(test_held_back),     cmocka_unit_test(test_special_tokens),
        cmocka_unit_test(test_token_bytes),   cmocka_unit_test(test_slow_reader),
        cmocka_unit_test(test_prompts),       cmocka_unit_test(test_published_sampling),
        cmocka_unit_test(test_dry),           cmocka_unit_test(test_tokens_of_model),
        cmocka_unit_test(test_ends),          cmocka_unit_test(test_render),
        cmocka_unit_test(test_model_without), cmocka_unit_test(test_describe_model),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
