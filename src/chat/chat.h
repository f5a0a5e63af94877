/* chat.h - messages and tools to a prompt. Works as transformers' apply_chat_template (5.24) does. */
#ifndef HZ_CHAT_CHAT_H
#define HZ_CHAT_CHAT_H

#include "text/jinja.h"

struct hz_chat; /* the compiled templates of one model with the variables it gives them */

struct hz_chat_template {
    const char *name, *source;
    size_t len;
    const char *file;
};

/* special: an object {"bos_token": "...", ...}; values may be objects with "content"; null ones are left undefined. */
hz_status hz_chat_new(const struct hz_chat_template *templates, size_t n, struct hz_json special, struct hz_chat **chat,
                      struct hz_error *err);
void hz_chat_free(struct hz_chat *chat);
/* request: {messages, tools, add_generation_prompt (default true, but false where a message is continued),
 * continue_final_message (a boolean, or the field to continue), join_text, kwargs, now}. kwargs become variables and
 * override the special tokens. With tools the template "tool_use" if there is one, else "default"; several and no
 * default is an error, none too. keep_nulls: message fields that are null are kept (transformers 4) instead of removed
 * (5); a template that fails one way is not retried. join_text (default false): content that is a list of text parts is
 * joined with newlines where the template takes strings alone; without it such a template fails or prints the list, as
 * with transformers. Errors of the request are E_INVALID; E_TEMPLATE is the template's own words. */
hz_status hz_chat_render(const struct hz_chat *chat, struct hz_json request, bool keep_nulls, struct hz_buf *out,
                         struct hz_error *err);
/* {template, context, now}: renders as it stands. */
hz_status hz_chat_render_bare(struct hz_json request, struct hz_buf *out, struct hz_error *err);

#endif
