/* Chats: the conversations that transformers rendered, by published templates where they are at hand and by a small one
 * of our own, and the errors of requests. */
#include "chat/chat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- references ------------------------------------------------------------------------------------------------- */

/* The request that a case of the references is. */
static struct hz_json_doc *request_of(struct hz_json c, const char *now)
{
    static const char *const keys[] = {"messages", "tools", "kwargs", "add_generation_prompt",
                                       "continue_final_message"};
    struct hz_buf json;
    struct hz_json_writer w;
    struct hz_json_doc *doc = NULL;
    hz_buf_init(&json, 1 << 26);
    hz_json_begin(&w, &json, 0);
    hz_json_object(&w);
    for (size_t i = 0; i < HZ_COUNT(keys); i++) {
        hz_json_key(&w, keys[i]);
        hz_json_put(&w, hz_json_get(c, keys[i]));
    }
    hz_json_key(&w, "now");
    hz_json_put_cstr(&w, now);
    hz_json_end_object(&w);
    assert_int_equal(hz_json_parse(json.data, json.len, "request", &doc, NULL), HZ_OK);
    hz_buf_free(&json);
    return doc;
}

/* Whether rendering came out as `want`, {"rendered"} or {"error", "error_type"}; prints what differs. */
static bool outcome_is(const struct hz_chat *chat, struct hz_json request, bool keep_nulls, struct hz_json want,
                       const char *name)
{
    struct hz_error err = {0};
    struct hz_buf out;
    size_t len;
    const char *text = hz_json_str(hz_json_get(want, "rendered"), &len);
    const char *error = hz_json_str(hz_json_get(want, "error"), NULL);
    hz_buf_init(&out, 1 << 26);
    hz_status status = hz_chat_render(chat, request, keep_nulls, &out, &err);
    bool same;
    if (text)
        same = status == HZ_OK && out.len == len && (!len || !memcmp(out.data, text, len));
    else if (hz_json_str_is(hz_json_get(want, "error_type"), "TemplateError"))
        same = status == HZ_E_TEMPLATE && !strcmp(err.text, error);
    else
        same = status != HZ_OK && status != HZ_E_TEMPLATE;
    if (!same)
        print_error("%s, nulls %s\n  wanted %s\n  got    %s\n", name, keep_nulls ? "kept" : "removed",
                    text ? text : error,
                    status != HZ_OK ? err.text
                    : out.data      ? out.data
                                    : "");
    hz_buf_free(&out);
    return same;
}

/* A case with `without_nulls` has another outcome where fields that are null are removed. */
static size_t failures_of(const struct hz_chat *chat, struct hz_json c, const char *now)
{
    struct hz_json_doc *doc = request_of(c, now);
    struct hz_json request = hz_json_root(doc), without = hz_json_get(c, "without_nulls");
    const char *name = hz_json_str(hz_json_get(c, "name"), NULL);
    size_t failed = !outcome_is(chat, request, true, c, name);
    failed += !outcome_is(chat, request, false, without.kind == HZ_JSON_OBJECT ? without : c, name);
    hz_json_free(doc);
    return failed;
}

static struct hz_chat *chat_of(struct hz_json template, struct hz_json special)
{
    struct hz_chat_template t = {.name = "default"};
    struct hz_chat *chat = NULL;
    struct hz_error err = {0};
    t.source = hz_json_str(template, &t.len);
    assert_non_null(t.source);
    if (hz_chat_new(&t, 1, special, &chat, &err) != HZ_OK)
        fail_msg("%s", err.text);
    return chat;
}

static void published_templates(void **state)
{
    (void)state;
    struct hz_json_doc *doc, *config = NULL;
    struct hz_chat *chat = NULL;
    const char *loaded = "";
    size_t n = 0, failed = 0;
    if (hz_json_load(HZ_SHARED "/tokenizers/references/templates.json", &doc, NULL) != HZ_OK)
        skip();
    const char *now = hz_json_str(hz_json_get(hz_json_root(doc), "now"), NULL);
    for (struct hz_json_iter it = hz_json_each(hz_json_get(hz_json_root(doc), "cases")); hz_json_next(&it); n++) {
        const char *tokenizer = hz_json_str(hz_json_get(it.value, "tokenizer"), NULL);
        if (strcmp(tokenizer, loaded)) {
            char path[512];
            hz_chat_free(chat);
            hz_json_free(config);
            snprintf(path, sizeof path, "%s/%s/tokenizer_config.json", HZ_TOKENIZERS, tokenizer);
            assert_int_equal(hz_json_load(path, &config, NULL), HZ_OK);
            chat = chat_of(hz_json_get(hz_json_root(config), "chat_template"), hz_json_get(it.value, "special_tokens"));
            loaded = tokenizer;
        }
        failed += failures_of(chat, it.value, now);
    }
    hz_chat_free(chat);
    hz_json_free(config);
    hz_json_free(doc);
    print_message("%zu cases\n", n);
    assert_int_equal(failed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(published_templates)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
