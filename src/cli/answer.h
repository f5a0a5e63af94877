/* answer.h - one request from start to end: text streams to standard output as it comes, Ctrl-C cancels it. */
#ifndef HZ_CLI_ANSWER_H
#define HZ_CLI_ANSWER_H

#include "base/buf.h"
#include "base/status.h"
#include "text/json.h"

struct hz_answer {
    struct hz_buf text;
    int32_t *ids;
    size_t n_ids, cap_ids;
    enum hz_finish finish;
    struct hz_usage usage;
};

struct hz_message {
    const char *role;
    const char *content;
    size_t len;
};

/* Appends {"messages": [...]}, what hz_render and a chat request take. */
void hz_answer_chat_json(const struct hz_message *messages, size_t n, struct hz_buf *json);

/* Runs a request to its end. stream: writes the text as it comes, and a newline behind it; to a terminal control
 * characters go as U+FFFD, so that no answer can drive the terminal. A cancelled request is no failure: see finish.
 * Free the answer with hz_answer_free, after a failure too. */
hz_status hz_answer_run(hz_engine *engine, const struct hz_request_options *request, bool stream,
                        struct hz_answer *answer, struct hz_error *err);
void hz_answer_free(struct hz_answer *answer);

/* One line for people, on stderr: tokens per second of prompt and answer, time to the first token, memory. load_s is
 * left out where it is negative. */
void hz_answer_print_stats(const struct hz_answer *answer, double load_s);
/* The same and the text, as one JSON object. */
void hz_answer_json(const struct hz_answer *answer, double load_s, struct hz_buf *out);

#endif
