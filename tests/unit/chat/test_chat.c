/* Chats: the conversations that transformers rendered, by published templates where they are at hand and by a small one
 * of our own, and the errors of requests. */
#include "base/os/file.h"
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

/* The own template, as the file holds it, in the form that chat_of takes. */
static struct hz_json_doc *own_template(void)
{
    char *text;
    size_t len;
    struct hz_buf json;
    struct hz_json_writer w;
    struct hz_json_doc *doc;
    assert_int_equal(hz_file_read(HZ_TEST_DATA "/chat/template.jinja", 1 << 20, &text, &len, NULL), HZ_OK);
    hz_buf_init(&json, 1 << 20);
    hz_json_begin(&w, &json, 0);
    hz_json_put_str(&w, text, len);
    assert_int_equal(hz_json_parse(json.data, json.len, NULL, &doc, NULL), HZ_OK);
    hz_buf_free(&json);
    free(text);
    return doc;
}

static void own_template_cases(void **state)
{
    (void)state;
    struct hz_json_doc *doc, *source = own_template();
    size_t n = 0, failed = 0;
    assert_int_equal(hz_json_load(HZ_TEST_DATA "/chat/cases.json", &doc, NULL), HZ_OK);
    struct hz_json root = hz_json_root(doc);
    struct hz_chat *chat = chat_of(hz_json_root(source), hz_json_get(root, "special_tokens"));
    const char *now = hz_json_str(hz_json_get(root, "now"), NULL);
    for (struct hz_json_iter it = hz_json_each(hz_json_get(root, "cases")); hz_json_next(&it); n++)
        failed += failures_of(chat, it.value, now);
    assert_true(n > 20);
    assert_int_equal(failed, 0);
    hz_chat_free(chat);
    hz_json_free(source);
    hz_json_free(doc);
}

/* ---- requests --------------------------------------------------------------------------------------------------- */

/* A chat of templates {name, source, name, source, ..., NULL} and special tokens as JSON. */
static hz_status new_chat(const char *const *templates, const char *special, struct hz_chat **chat,
                          struct hz_error *err)
{
    struct hz_chat_template t[4];
    struct hz_json_doc *doc;
    size_t n = 0;
    for (; templates[2 * n]; n++)
        t[n] = (struct hz_chat_template){templates[2 * n], templates[2 * n + 1], strlen(templates[2 * n + 1]), NULL};
    assert_int_equal(hz_json_parse(special, strlen(special), NULL, &doc, NULL), HZ_OK);
    hz_status status = hz_chat_new(t, n, hz_json_root(doc), chat, err);
    hz_json_free(doc);
    return status;
}

static hz_status render(const struct hz_chat *chat, const char *request, char **text, struct hz_error *err)
{
    struct hz_json_doc *doc;
    struct hz_buf out;
    hz_buf_init(&out, 1 << 20);
    assert_int_equal(hz_json_parse(request, strlen(request), NULL, &doc, NULL), HZ_OK);
    hz_status status = hz_chat_render(chat, hz_json_root(doc), false, &out, err);
    hz_buf_puts(&out, "");
    *text = hz_buf_take(&out, NULL);
    hz_json_free(doc);
    return status;
}

static void renders(const struct hz_chat *chat, const char *request, const char *want)
{
    struct hz_error err = {0};
    char *text;
    if (render(chat, request, &text, &err) != HZ_OK)
        fail_msg("%s: %s", request, err.text);
    assert_string_equal(text, want);
    free(text);
}

static void refused(const struct hz_chat *chat, const char *request, const char *words)
{
    struct hz_error err = {0};
    char *text;
    hz_status status = render(chat, request, &text, &err);
    if (status != HZ_E_INVALID || !strstr(err.text, words))
        fail_msg("%s: status %d, \"%s\", wanted \"%s\"", request, status, err.text, words);
    free(text);
}

static void wrong_requests(void **state)
{
    (void)state;
    static const char *const templates[] = {"default", "{{ messages[0].content }}{{ add_generation_prompt }}", NULL};
    struct hz_chat *chat;
    assert_int_equal(new_chat(templates, "{}", &chat, NULL), HZ_OK);
    refused(chat, "[]", "must be an object, is an array");
    refused(chat, "{}", "messages must be an array, is nothing");
    refused(chat, "{\"messages\": \"hi\"}", "messages must be an array, is a string");
    refused(chat, "{\"messages\": [{}, 3]}", "messages[1] must be an object, is an integer");
    refused(chat, "{\"messages\": [], \"tools\": {}}", "tools must be an array, is an object");
    refused(chat, "{\"messages\": [], \"tools\": [1]}", "tools[0] must be an object");
    refused(chat, "{\"messages\": [], \"kwargs\": []}", "kwargs must be an object");
    refused(chat, "{\"messages\": [], \"kwargs\": {\"messages\": []}}", "kwargs must not hold messages");
    refused(chat, "{\"messages\": [], \"now\": 5}", "now must be a string");
    refused(chat, "{\"messages\": [], \"add_generation_prompt\": 1}", "add_generation_prompt must be a boolean");
    refused(chat,
            "{\"messages\": [{\"content\": \"x\"}], \"continue_final_message\": true, "
            "\"add_generation_prompt\": true}",
            "exclude each other");
    refused(chat, "{\"messages\": [{\"role\": \"user\"}], \"continue_final_message\": true}", "no text in \"content\"");
    refused(chat, "{\"messages\": [{\"content\": [{\"type\": \"image\"}]}], \"continue_final_message\": true}",
            "no text");
    renders(chat, "{\"messages\": [{\"content\": \"a\"}]}", "aTrue");
    renders(chat, "{\"messages\": [{\"content\": \"a\"}], \"add_generation_prompt\": false}", "aFalse");
    renders(chat, "{\"messages\": [{\"content\": \"a\"}], \"continue_final_message\": true}", "a");
    renders(chat, "{\"messages\": [{\"content\": null}]}", "True");
    hz_chat_free(chat);
}

static void choice_of_templates(void **state)
{
    (void)state;
    static const char *const three[] = {"default", "D", "tool_use", "T{{ tools | length }}", "rag", "R", NULL};
    static const char *const none_default[] = {"rag", "R", "other", "O", NULL};
    static const char *const one[] = {"rag", "R{{ tools is none }}{{ documents is none }}", NULL};
    static const char *const broken[] = {"default", "{{ x", NULL};
    static const char *const nothing[] = {NULL};
    struct hz_error err = {0};
    struct hz_chat *chat;
    assert_int_equal(new_chat(three, "{}", &chat, NULL), HZ_OK);
    renders(chat, "{\"messages\": []}", "D");
    renders(chat, "{\"messages\": [], \"tools\": null}", "D");
    renders(chat, "{\"messages\": [], \"tools\": [{}, {}]}", "T2");
    renders(chat, "{\"messages\": [], \"tools\": []}", "T0");
    hz_chat_free(chat);
    assert_int_equal(new_chat(none_default, "{}", &chat, NULL), HZ_OK);
    refused(chat, "{\"messages\": []}", "none is called default: rag, other");
    hz_chat_free(chat);
    assert_int_equal(new_chat(one, "{}", &chat, NULL), HZ_OK);
    renders(chat, "{\"messages\": []}", "RTrueTrue");
    hz_chat_free(chat);
    assert_int_equal(new_chat(nothing, "{}", &chat, &err), HZ_E_NOTFOUND);
    assert_null(chat);
    assert_int_equal(new_chat(broken, "{}", &chat, &err), HZ_E_INVALID);
    assert_non_null(strstr(err.text, "default:1: "));
    assert_null(chat);
}

static void special_tokens(void **state)
{
    (void)state;
    static const char *const templates[] = {
        "default", "{{ bos_token }}|{{ eos_token }}|{{ pad_token is defined }}|{{ unk_token is defined }}", NULL};
    struct hz_chat *chat;
    assert_int_equal(new_chat(templates,
                              "{\"bos_token\": {\"content\": \"<s>\", \"lstrip\": false}, \"eos_token\": \"</s>\", "
                              "\"pad_token\": null}",
                              &chat, NULL),
                     HZ_OK);
    renders(chat, "{\"messages\": []}", "<s>|</s>|False|False");
    renders(chat, "{\"messages\": [], \"kwargs\": {\"bos_token\": \"B\", \"unk_token\": null}}", "B|</s>|False|True");
    hz_chat_free(chat);
}

#define PARTS                                                                                                          \
    "{\"messages\": [{\"role\": \"user\", \"content\": [{\"type\": \"text\", \"text\": \"a\"}, {\"type\": \"text\", "  \
    "\"text\": \"b\"}]}]"

static void text_parts(void **state)
{
    (void)state;
    static const char *const adds[] = {"default", "{% for m in messages %}{{ '<' + m.content + '>' }}{% endfor %}",
                                       NULL};
    static const char *const prints[] = {"default", "{% for m in messages %}<{{ m.content }}>{% endfor %}", NULL};
    static const char *const takes[] = {"default",
                                        "{% for m in messages %}{% if m.content is string %}{{ m.content }}{% else %}"
                                        "{% for p in m.content %}{{ p.text }}.{% endfor %}{% endif %}{% endfor %}",
                                        NULL};
    struct hz_chat *chat;
    assert_int_equal(new_chat(adds, "{}", &chat, NULL), HZ_OK);
    refused(chat, PARTS "}", "can only concatenate str");
    renders(chat, PARTS ", \"join_text\": true}", "<a\nb>");
    renders(chat, PARTS ", \"join_text\": true, \"continue_final_message\": true}", "<a\nb");
    refused(chat, "{\"messages\": [{\"content\": [{\"type\": \"image\"}]}], \"join_text\": true}",
            "messages[0].content[0] is of type \"image\"");
    hz_chat_free(chat);
    assert_int_equal(new_chat(prints, "{}", &chat, NULL), HZ_OK);
    renders(chat, PARTS "}", "<[{'type': 'text', 'text': 'a'}, {'type': 'text', 'text': 'b'}]>");
    renders(chat, PARTS ", \"join_text\": true}", "<a\nb>");
    hz_chat_free(chat);
    assert_int_equal(new_chat(takes, "{}", &chat, NULL), HZ_OK);
    renders(chat, PARTS "}", "a.b.");
    renders(chat, PARTS ", \"join_text\": true}", "a.b.");
    hz_chat_free(chat);
}

static void bare_templates(void **state)
{
    (void)state;
    static const char json[] = "{\"template\": \"{{ x }} {{ strftime_now('%Y') }}\", \"context\": {\"x\": 1}, \"now\": "
                               "\"2001-02-03\"}";
    struct hz_json_doc *doc;
    struct hz_buf out;
    hz_buf_init(&out, 1 << 20);
    assert_int_equal(hz_json_parse(json, sizeof json - 1, NULL, &doc, NULL), HZ_OK);
    assert_int_equal(hz_chat_render_bare(hz_json_root(doc), &out, NULL), HZ_OK);
    assert_string_equal(out.data, "1 2001");
    hz_json_free(doc);
    assert_int_equal(hz_json_parse("{}", 2, NULL, &doc, NULL), HZ_OK);
    assert_int_equal(hz_chat_render_bare(hz_json_root(doc), &out, NULL), HZ_E_INVALID);
    hz_json_free(doc);
    hz_buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_templates), cmocka_unit_test(own_template_cases), cmocka_unit_test(wrong_requests),
        cmocka_unit_test(choice_of_templates), cmocka_unit_test(special_tokens),     cmocka_unit_test(text_parts),
        cmocka_unit_test(bare_templates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
