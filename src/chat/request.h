/* request.h - a chat request checked and turned into the variables of a template. */
#ifndef HZ_CHAT_REQUEST_H
#define HZ_CHAT_REQUEST_H

#include "text/json.h"

/* What continue_final_message appends to the last message, to be found and cut in what the template puts out. */
#define HZ_CHAT_TAG "CONTINUE_FINAL_MESSAGE_TAG "

struct hz_chat_request {
    struct hz_json messages, tools, kwargs;
    bool add_generation_prompt, keep_nulls;
    bool join_text;             /* lists of text parts become strings */
    const char *continue_field; /* NULL: no message is continued */
    struct hz_json final;       /* the string that is continued */
};

/* Reads {messages, tools, ...}; join_text is left as asked for. */
hz_status hz_chat_request_read(struct hz_json json, bool keep_nulls, struct hz_chat_request *request,
                               struct hz_error *err);
/* Appends an object: special (an object of strings), then kwargs, messages, tools, documents, add_generation_prompt. */
hz_status hz_chat_request_write(const struct hz_chat_request *request, struct hz_json special, struct hz_buf *out,
                                struct hz_error *err);
/* The field to continue, or one that it is also passed under, is named in the template. */
bool hz_chat_request_continues(const struct hz_chat_request *request, const char *source, size_t len);

#endif
