#include "chat/request.h"

#include <string.h>

/* Names that a message's reasoning is passed under; the first present fills the first two. */
static const char *const reasoning_fields[] = {"reasoning_content", "thinking", "reasoning"};

static bool is_null(struct hz_json v)
{
    return v.kind == HZ_JSON_NULL || v.kind == HZ_JSON_ABSENT;
}

static bool is_reasoning(const char *field)
{
    for (size_t i = 0; i < HZ_COUNT(reasoning_fields); i++)
        if (!strcmp(field, reasoning_fields[i]))
            return true;
    return false;
}

static struct hz_json reasoning_of(struct hz_json message)
{
    struct hz_json v = {NULL, HZ_JSON_ABSENT};
    for (size_t i = 0; i < HZ_COUNT(reasoning_fields) && is_null(v); i++)
        v = hz_json_get(message, reasoning_fields[i]);
    return v;
}

static bool same_string(struct hz_json a, struct hz_json b)
{
    size_t n, m;
    const char *s = hz_json_str(a, &n), *t = hz_json_str(b, &m);
    return s && t && n == m && !memcmp(s, t, n);
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

static hz_status read_bool(struct hz_json json, const char *key, bool otherwise, bool *out, struct hz_error *err)
{
    struct hz_json v = hz_json_get(json, key);
    *out = hz_json_bool(v, otherwise);
    if (v.kind == HZ_JSON_BOOL || is_null(v))
        return HZ_OK;
    return hz_fail(err, HZ_E_INVALID, "%s must be a boolean, is %s", key, hz_json_kind_name(v.kind));
}

static hz_status check_messages(struct hz_json messages, struct hz_error *err)
{
    if (messages.kind != HZ_JSON_ARRAY)
        return hz_fail(err, HZ_E_INVALID, "messages must be an array, is %s", hz_json_kind_name(messages.kind));
    for (size_t i = 0; i < hz_json_len(messages); i++) {
        struct hz_json m = hz_json_at(messages, i);
        if (m.kind != HZ_JSON_OBJECT)
            return hz_fail(err, HZ_E_INVALID, "messages[%zu] must be an object, is %s", i, hz_json_kind_name(m.kind));
    }
    return HZ_OK;
}

static hz_status check_tools(struct hz_json tools, struct hz_error *err)
{
    if (is_null(tools))
        return HZ_OK;
    if (tools.kind != HZ_JSON_ARRAY)
        return hz_fail(err, HZ_E_INVALID, "tools must be an array, is %s", hz_json_kind_name(tools.kind));
    for (size_t i = 0; i < hz_json_len(tools); i++) {
        struct hz_json t = hz_json_at(tools, i);
        if (t.kind != HZ_JSON_OBJECT)
            return hz_fail(err, HZ_E_INVALID, "tools[%zu] must be an object, is %s", i, hz_json_kind_name(t.kind));
    }
    return HZ_OK;
}

static hz_status check_kwargs(struct hz_json kwargs, struct hz_error *err)
{
    static const char *const taken[] = {"messages", "tools", "add_generation_prompt", "continue_final_message"};
    if (is_null(kwargs))
        return HZ_OK;
    if (kwargs.kind != HZ_JSON_OBJECT)
        return hz_fail(err, HZ_E_INVALID, "kwargs must be an object, is %s", hz_json_kind_name(kwargs.kind));
    for (size_t i = 0; i < HZ_COUNT(taken); i++)
        if (hz_json_get(kwargs, taken[i]).kind != HZ_JSON_ABSENT)
            return hz_fail(err, HZ_E_INVALID, "kwargs must not hold %s: it stands beside them", taken[i]);
    return HZ_OK;
}

/* The string that the last message ends in: the field itself, or its last part that has text. */
static hz_status find_final(struct hz_chat_request *r, struct hz_error *err)
{
    size_t n = hz_json_len(r->messages);
    if (!n)
        return hz_fail(err, HZ_E_INVALID, "continue_final_message is set, but there are no messages");
    struct hz_json last = hz_json_at(r->messages, n - 1), v = hz_json_get(last, r->continue_field);
    if (is_null(v) && is_reasoning(r->continue_field) && strcmp(r->continue_field, "reasoning"))
        v = reasoning_of(last);
    for (size_t i = hz_json_len(v); v.kind == HZ_JSON_ARRAY && i-- > 0;) {
        struct hz_json text = hz_json_get(hz_json_at(v, i), "text");
        if (text.kind != HZ_JSON_ABSENT)
            v = text;
    }
    r->final = v;
    if (v.kind == HZ_JSON_STRING)
        return HZ_OK;
    return hz_fail(err, HZ_E_INVALID, "continue_final_message is set, but the last message has no text in \"%s\"",
                   r->continue_field);
}

static hz_status read_continue(struct hz_json json, struct hz_chat_request *r, struct hz_error *err)
{
    struct hz_json v = hz_json_get(json, "continue_final_message"), gen = hz_json_get(json, "add_generation_prompt");
    size_t len;
    const char *field = hz_json_str(v, &len);
    bool flag = false;
    if (!field)
        HZ_TRY(read_bool(json, "continue_final_message", false, &flag, err));
    r->continue_field = field && len ? field : flag ? "content" : NULL;
    HZ_TRY(read_bool(json, "add_generation_prompt", !r->continue_field, &r->add_generation_prompt, err));
    if (!r->continue_field)
        return HZ_OK;
    if (r->add_generation_prompt && gen.kind == HZ_JSON_BOOL)
        return hz_fail(err, HZ_E_INVALID, "continue_final_message and add_generation_prompt exclude each other");
    return find_final(r, err);
}

hz_status hz_chat_request_read(struct hz_json json, bool keep_nulls, struct hz_chat_request *request,
                               struct hz_error *err)
{
    *request = (struct hz_chat_request){.keep_nulls = keep_nulls};
    if (json.kind != HZ_JSON_OBJECT)
        return hz_fail(err, HZ_E_INVALID, "a chat request must be an object, is %s", hz_json_kind_name(json.kind));
    request->messages = hz_json_get(json, "messages");
    request->tools = hz_json_get(json, "tools");
    request->kwargs = hz_json_get(json, "kwargs");
    HZ_TRY(check_messages(request->messages, err));
    HZ_TRY(check_tools(request->tools, err));
    HZ_TRY(check_kwargs(request->kwargs, err));
    HZ_TRY(read_bool(json, "join_text", false, &request->join_text, err));
    return read_continue(json, request, err);
}

bool hz_chat_request_continues(const struct hz_chat_request *request, const char *source, size_t len)
{
    bool reasoning = is_reasoning(request->continue_field);
    for (size_t i = 0; i < (reasoning ? HZ_COUNT(reasoning_fields) : 1); i++) {
        const char *field = reasoning ? reasoning_fields[i] : request->continue_field;
        size_t n = strlen(field);
        for (size_t at = 0; at + n <= len; at++)
            if (!memcmp(source + at, field, n))
                return true;
    }
    return false;
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

struct writing {
    const struct hz_chat_request *request;
    struct hz_json_writer w;
    size_t message;
    struct hz_error *err;
};

/* s, with the tag behind it if it is the string to be continued. */
static void put_tagged(struct writing *x, const char *s, size_t len, bool tag)
{
    struct hz_buf text;
    hz_buf_init(&text, len + sizeof HZ_CHAT_TAG);
    hz_buf_put(&text, s, len);
    hz_buf_puts(&text, tag ? HZ_CHAT_TAG : "");
    hz_json_put_str(&x->w, text.data ? text.data : "", text.len);
    x->w.out->failed = x->w.out->failed || text.failed;
    hz_buf_free(&text);
}

/* Where join_text asks for it: the texts of a list of parts, a newline between two. */
static hz_status put_joined(struct writing *x, struct hz_json parts, bool tag)
{
    struct hz_buf text;
    hz_buf_init(&text, SIZE_MAX / 2);
    hz_status status = HZ_OK;
    for (size_t i = 0; i < hz_json_len(parts) && status == HZ_OK; i++) {
        struct hz_json part = hz_json_at(parts, i), type = hz_json_get(part, "type");
        size_t len;
        const char *s = hz_json_str(hz_json_get(part, "text"), &len);
        if (!s || (type.kind != HZ_JSON_ABSENT && !hz_json_str_is(type, "text"))) {
            const char *name = hz_json_str(type, NULL);
            status = hz_fail(x->err, HZ_E_INVALID,
                             "messages[%zu].content[%zu] is of type \"%s\"; this model's template takes text only",
                             x->message, i, name ? name : hz_json_kind_name(part.kind));
            break;
        }
        hz_buf_puts(&text, i ? "\n" : "");
        hz_buf_put(&text, s, len);
    }
    if (status == HZ_OK)
        status = hz_buf_check(&text, "joined content", x->err);
    if (status == HZ_OK)
        put_tagged(x, text.data ? text.data : "", text.len, tag);
    hz_buf_free(&text);
    return status;
}

static void put_part(struct writing *x, struct hz_json part, bool tag)
{
    if (!tag) {
        hz_json_put(&x->w, part);
        return;
    }
    hz_json_object(&x->w);
    for (struct hz_json_iter it = hz_json_each(part); hz_json_next(&it);) {
        size_t len;
        const char *s = hz_json_str(it.value, &len);
        hz_json_key_n(&x->w, it.key, it.key_len);
        if (s && it.value.ref == x->request->final.ref)
            put_tagged(x, s, len, true);
        else
            hz_json_put(&x->w, it.value);
    }
    hz_json_end_object(&x->w);
}

/* A field of a message; tag: it is the one to be continued. */
static hz_status put_field(struct writing *x, const char *key, size_t key_len, struct hz_json v, bool tag)
{
    size_t len;
    const char *s = hz_json_str(v, &len);
    hz_json_key_n(&x->w, key, key_len);
    if (v.kind == HZ_JSON_ARRAY && x->request->join_text && key_len == 7 && !memcmp(key, "content", 7))
        return put_joined(x, v, tag);
    if (!tag || (!s && v.kind != HZ_JSON_ARRAY)) {
        hz_json_put(&x->w, v);
    } else if (s) {
        put_tagged(x, s, len, true);
    } else {
        hz_json_array(&x->w);
        for (size_t i = 0; i < hz_json_len(v); i++) {
            struct hz_json part = hz_json_at(v, i);
            put_part(x, part, hz_json_get(part, "text").ref == x->request->final.ref);
        }
        hz_json_end_array(&x->w);
    }
    return HZ_OK;
}

/* Whether a field of the last message gets the tag: reasoning does under each of its names. */
static bool is_continued(const struct writing *x, const char *key, struct hz_json v)
{
    const struct hz_chat_request *r = x->request;
    if (!r->continue_field || x->message + 1 != hz_json_len(r->messages))
        return false;
    if (is_reasoning(r->continue_field))
        return is_reasoning(key) && same_string(v, r->final);
    return !strcmp(key, r->continue_field);
}

/* As transformers does: with reasoning, `thinking` comes first and `reasoning_content` is there as well. */
static hz_status put_message(struct writing *x, struct hz_json message)
{
    struct hz_json reasoning = reasoning_of(message), thinking = hz_json_get(message, "thinking");
    bool any = !is_null(reasoning), keep = x->request->keep_nulls, has_content = false;
    hz_json_object(&x->w);
    if (any) {
        if (thinking.kind == HZ_JSON_ABSENT || (thinking.kind == HZ_JSON_NULL && !keep))
            thinking = reasoning;
        HZ_TRY(put_field(x, "thinking", 8, thinking, is_continued(x, "thinking", thinking)));
    }
    for (struct hz_json_iter it = hz_json_each(message); hz_json_next(&it);) {
        bool first = it.key_len == 8 && !memcmp(it.key, "thinking", 8);
        bool main = it.key_len == 17 && !memcmp(it.key, "reasoning_content", 17);
        if ((any && first) || (it.value.kind == HZ_JSON_NULL && !keep))
            continue;
        struct hz_json v = any && main ? reasoning : it.value;
        has_content = has_content || main;
        HZ_TRY(put_field(x, it.key, it.key_len, v, is_continued(x, it.key, v)));
    }
    if (any && !has_content)
        HZ_TRY(put_field(x, "reasoning_content", 17, reasoning, is_continued(x, "reasoning_content", reasoning)));
    hz_json_end_object(&x->w);
    return HZ_OK;
}

static bool is_set(struct hz_json kwargs, const char *key, size_t len)
{
    return hz_json_get_n(kwargs, key, len).kind != HZ_JSON_ABSENT;
}

hz_status hz_chat_request_write(const struct hz_chat_request *request, struct hz_json special, struct hz_buf *out,
                                struct hz_error *err)
{
    struct writing x = {.request = request, .err = err};
    hz_json_begin(&x.w, out, 0);
    hz_json_object(&x.w);
    for (struct hz_json_iter it = hz_json_each(special); hz_json_next(&it);)
        if (!is_set(request->kwargs, it.key, it.key_len)) {
            hz_json_key_n(&x.w, it.key, it.key_len);
            hz_json_put(&x.w, it.value);
        }
    if (!is_set(request->kwargs, "documents", 9)) {
        hz_json_key(&x.w, "documents");
        hz_json_put_null(&x.w);
    }
    for (struct hz_json_iter it = hz_json_each(request->kwargs); hz_json_next(&it);) {
        hz_json_key_n(&x.w, it.key, it.key_len);
        hz_json_put(&x.w, it.value);
    }
    hz_json_key(&x.w, "tools");
    hz_json_put(&x.w, request->tools);
    hz_json_key(&x.w, "add_generation_prompt");
    hz_json_put_bool(&x.w, request->add_generation_prompt);
    hz_json_key(&x.w, "messages");
    hz_json_array(&x.w);
    for (; x.message < hz_json_len(request->messages); x.message++)
        HZ_TRY(put_message(&x, hz_json_at(request->messages, x.message)));
    hz_json_end_array(&x.w);
    hz_json_end_object(&x.w);
    return hz_buf_check(out, "the variables of the chat template", err);
}
