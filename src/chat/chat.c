#include "chat/chat.h"

#include "base/mem.h"
#include "chat/request.h"
#include "text/utf8.h"

#include <stdlib.h>
#include <string.h>

struct template
{
    char *name, *source;
    size_t len;
    struct hz_jinja *jinja;
    bool text_only; /* content must be a string */
};

struct hz_chat {
    struct template *templates;
    size_t n;
    struct hz_json_doc *special; /* an object of strings */
};

/* ---- compiling -------------------------------------------------------------------------------------------------- */

/* Renders one user message with this content (JSON) and nothing else, to see what the template does with it. */
static hz_status probe(const struct template *t, struct hz_json special, const char *content, struct hz_buf *out)
{
    struct hz_buf json;
    struct hz_json_doc *doc = NULL, *variables = NULL;
    struct hz_chat_request request;
    struct hz_error ignored;
    hz_buf_init(&json, 1 << 24);
    hz_buf_printf(&json, "{\"messages\": [{\"role\": \"user\", \"content\": %s}]}", content);
    hz_status status = hz_json_parse(json.data ? json.data : "", json.len, "probe", &doc, &ignored);
    if (status == HZ_OK)
        status = hz_chat_request_read(hz_json_root(doc), false, &request, &ignored);
    hz_buf_clear(&json);
    if (status == HZ_OK)
        status = hz_chat_request_write(&request, special, &json, &ignored);
    if (status == HZ_OK)
        status = hz_json_parse(json.data, json.len, "probe", &variables, &ignored);
    if (status == HZ_OK) {
        const struct hz_jinja_options options = {.max_steps = 1000000, .max_output = 1 << 20, .now = "2000-01-01"};
        status = hz_jinja_render(t->jinja, hz_json_root(variables), &options, out, &ignored);
    }
    hz_json_free(variables);
    hz_json_free(doc);
    hz_buf_free(&json);
    return status;
}

static bool shows(const struct hz_buf *out, const char *text)
{
    return out->data && strstr(out->data, text);
}

/* A template takes strings alone if it renders a string, and of a list of parts fails, loses the text or prints the
 * list itself. */
static bool takes_text_only(const struct template *t, struct hz_json special)
{
    struct hz_buf text, parts;
    hz_buf_init(&text, 1 << 21);
    hz_buf_init(&parts, 1 << 21);
    bool as_text = probe(t, special, "\"PROBED TEXT\"", &text) == HZ_OK && shows(&text, "PROBED TEXT");
    bool as_parts =
        probe(t, special, "[{\"type\": \"text\", \"text\": \"PROBED TEXT\", \"probed_key\": \"\"}]", &parts) == HZ_OK &&
        shows(&parts, "PROBED TEXT") && !shows(&parts, "probed_key");
    hz_buf_free(&text);
    hz_buf_free(&parts);
    return as_text && !as_parts;
}

/* Special tokens as plain strings: {"content": s} is s, what is null is left out. */
static hz_status read_special(struct hz_json special, struct hz_json_doc **out, struct hz_error *err)
{
    struct hz_buf json;
    struct hz_json_writer w;
    hz_buf_init(&json, 1 << 26);
    hz_json_begin(&w, &json, 0);
    hz_json_object(&w);
    for (struct hz_json_iter it = hz_json_each(special); special.kind == HZ_JSON_OBJECT && hz_json_next(&it);) {
        struct hz_json v = it.value.kind == HZ_JSON_OBJECT ? hz_json_get(it.value, "content") : it.value;
        size_t len;
        const char *s = hz_json_str(v, &len);
        if (!s)
            continue;
        hz_json_key_n(&w, it.key, it.key_len);
        hz_json_put_str(&w, s, len);
    }
    hz_json_end_object(&w);
    hz_status status = hz_buf_check(&json, "special tokens", err);
    if (status == HZ_OK)
        status = hz_json_parse(json.data, json.len, "special tokens", out, err);
    hz_buf_free(&json);
    return status;
}

static hz_status compile(struct hz_chat *chat, const struct hz_chat_template *from, struct template *t,
                         struct hz_error *err)
{
    const char *name = from->name ? from->name : "default";
    t->name = hz_strndup(name, strlen(name));
    t->source = hz_strndup(from->source, from->len);
    t->len = from->len;
    if (!t->name || !t->source)
        return hz_fail_nomem(err, from->len);
    HZ_TRY(hz_jinja_compile(from->source, from->len, from->file ? from->file : name, &t->jinja, err));
    t->text_only = takes_text_only(t, hz_json_root(chat->special));
    return HZ_OK;
}

hz_status hz_chat_new(const struct hz_chat_template *templates, size_t n, struct hz_json special, struct hz_chat **chat,
                      struct hz_error *err)
{
    *chat = NULL;
    if (!n)
        return hz_fail(err, HZ_E_NOTFOUND, "there is no chat template; give one, or a raw prompt");
    struct hz_chat *c = hz_calloc(1, sizeof *c);
    if (!c || !(c->templates = hz_calloc(n, sizeof *c->templates))) {
        free(c);
        return hz_fail_nomem(err, n * sizeof *c->templates);
    }
    hz_status status = read_special(special, &c->special, err);
    for (; status == HZ_OK && c->n < n; c->n++)
        status = compile(c, &templates[c->n], &c->templates[c->n], err);
    if (status != HZ_OK) {
        hz_chat_free(c);
        return status;
    }
    *chat = c;
    return HZ_OK;
}

void hz_chat_free(struct hz_chat *chat)
{
    if (!chat)
        return;
    for (size_t i = 0; i < chat->n; i++) {
        free(chat->templates[i].name);
        free(chat->templates[i].source);
        hz_jinja_free(chat->templates[i].jinja);
    }
    hz_json_free(chat->special);
    free(chat->templates);
    free(chat);
}

/* ---- rendering -------------------------------------------------------------------------------------------------- */

static const struct template *template_named(const struct hz_chat *chat, const char *name)
{
    for (size_t i = 0; i < chat->n; i++)
        if (!strcmp(chat->templates[i].name, name))
            return &chat->templates[i];
    return NULL;
}

static hz_status choose(const struct hz_chat *chat, bool tools, const struct template **out, struct hz_error *err)
{
    *out = tools ? template_named(chat, "tool_use") : NULL;
    if (!*out)
        *out = chat->n == 1 ? &chat->templates[0] : template_named(chat, "default");
    if (*out)
        return HZ_OK;
    struct hz_buf names;
    hz_buf_init(&names, 400);
    for (size_t i = 0; i < chat->n; i++)
        hz_buf_printf(&names, "%s%s", i ? ", " : "", chat->templates[i].name);
    hz_status status = hz_fail(err, HZ_E_INVALID, "the model has several chat templates and none is called default: %s",
                               names.data ? names.data : "");
    hz_buf_free(&names);
    return status;
}

static size_t trim_right(const char *s, size_t len)
{
    while (len) {
        size_t n = 1;
        uint32_t cp;
        while (n < 4 && n < len && ((unsigned char)s[len - n] & 0xC0) == 0x80)
            n++;
        hz_utf8_decode(s + len - n, n, &cp);
        if (!hz_utf8_is_space(cp))
            break;
        len -= n;
    }
    return len;
}

static size_t trim_left(const char *s, size_t len)
{
    size_t at = 0, n;
    uint32_t cp;
    while (at < len && (n = hz_utf8_decode(s + at, len - at, &cp)) && hz_utf8_is_space(cp))
        at += n;
    return at;
}

/* Where needle is found last in s, or SIZE_MAX. */
static size_t find_last(const char *s, size_t len, const char *needle, size_t n)
{
    for (size_t at = len >= n ? len - n + 1 : 0; at-- > 0;)
        if (!memcmp(s + at, needle, n))
            return at;
    return SIZE_MAX;
}

/* Cuts text[0..*len) where the tag stands; a template that trimmed the tag's blank has trimmed the message too. */
static hz_status cut_at_tag(const struct hz_chat_request *request, const char *text, size_t *len, struct hz_error *err)
{
    size_t n, tag = strlen(HZ_CHAT_TAG), tag_word = tag - 1;
    const char *s = hz_json_str(request->final, &n);
    n = trim_right(s, n);
    size_t from = trim_left(s, n);
    size_t at = find_last(text, *len, HZ_CHAT_TAG, tag_word);
    if (at == SIZE_MAX || find_last(text, *len, s + from, n - from) == SIZE_MAX)
        return hz_fail(err, HZ_E_INVALID,
                       "continue_final_message is set, but the template does not show the last message as it is");
    bool whole = *len - at >= tag && text[at + tag_word] == ' ';
    *len = whole ? at : trim_right(text, at);
    return HZ_OK;
}

static hz_status render_with(const struct hz_chat *chat, const struct template *t,
                             const struct hz_chat_request *request, const char *now, struct hz_buf *out,
                             struct hz_error *err)
{
    const struct hz_jinja_options options = {.now = now};
    struct hz_json_doc *variables = NULL;
    struct hz_buf json, text;
    hz_buf_init(&json, SIZE_MAX / 2);
    hz_buf_init(&text, SIZE_MAX / 2);
    hz_status status = hz_chat_request_write(request, hz_json_root(chat->special), &json, err);
    if (status == HZ_OK)
        status = hz_json_parse(json.data, json.len, "chat variables", &variables, err);
    if (status == HZ_OK)
        status = hz_jinja_render(t->jinja, hz_json_root(variables), &options, &text, err);
    size_t len = text.len;
    if (status == HZ_OK && request->continue_field)
        status = cut_at_tag(request, text.data ? text.data : "", &len, err);
    if (status == HZ_OK) {
        hz_buf_put(out, text.data, len);
        status = hz_buf_check(out, "the rendered chat", err);
    }
    hz_json_free(variables);
    hz_buf_free(&json);
    hz_buf_free(&text);
    return status;
}

static hz_status read_now(struct hz_json request, const char **now, struct hz_error *err)
{
    struct hz_json v = hz_json_get(request, "now");
    *now = hz_json_str(v, NULL);
    if (*now || v.kind == HZ_JSON_NULL || v.kind == HZ_JSON_ABSENT)
        return HZ_OK;
    return hz_fail(err, HZ_E_INVALID, "now must be a string with an ISO time, is %s", hz_json_kind_name(v.kind));
}

hz_status hz_chat_render(const struct hz_chat *chat, struct hz_json json, bool keep_nulls, struct hz_buf *out,
                         struct hz_error *err)
{
    struct hz_chat_request request;
    const struct template *t;
    const char *now;
    HZ_TRY(hz_chat_request_read(json, keep_nulls, &request, err));
    HZ_TRY(read_now(json, &now, err));
    HZ_TRY(choose(chat, request.tools.kind == HZ_JSON_ARRAY, &t, err));
    if (request.continue_field && !hz_chat_request_continues(&request, t->source, t->len))
        return hz_fail(err, HZ_E_INVALID, "continue_final_message: the chat template does not know the field \"%s\"",
                       request.continue_field);
    request.join_text = request.join_text && t->text_only;
    return render_with(chat, t, &request, now, out, err);
}

hz_status hz_chat_render_bare(struct hz_json request, struct hz_buf *out, struct hz_error *err)
{
    static const char no_variables[] = "{}";
    struct hz_jinja_options options = {0};
    struct hz_json_doc *empty = NULL;
    struct hz_jinja *t = NULL;
    struct hz_json context = hz_json_get(request, "context");
    size_t len;
    const char *source = hz_json_str(hz_json_get(request, "template"), &len);
    if (!source)
        return hz_fail(err, HZ_E_INVALID, "template must be a string");
    HZ_TRY(read_now(request, &options.now, err));
    hz_status status = hz_json_parse(no_variables, strlen(no_variables), NULL, &empty, err);
    if (status == HZ_OK)
        status = hz_jinja_compile(source, len, "template", &t, err);
    if (status == HZ_OK)
        status = hz_jinja_render(t, context.kind == HZ_JSON_ABSENT ? hz_json_root(empty) : context, &options, out, err);
    hz_jinja_free(t);
    hz_json_free(empty);
    return status;
}
