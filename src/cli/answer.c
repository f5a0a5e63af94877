/* answer.c - runs one request and reports on it. */
#include "cli/answer.h"

#include "base/mem.h"
#include "base/os/sys.h"
#include "cli/io.h"
#include "cli/pull.h"
#include "cli/table.h"
#include "cli/term.h"
#include "text/utf8.h"

#include <stdio.h>
#include <stdlib.h>

void hz_answer_chat_json(const struct hz_message *messages, size_t n, struct hz_buf *json)
{
    struct hz_json_writer w;
    hz_json_begin(&w, json, 0);
    hz_json_object(&w);
    hz_json_key(&w, "messages");
    hz_json_array(&w);
    for (size_t i = 0; i < n; i++) {
        hz_json_object(&w);
        hz_json_key(&w, "role");
        hz_json_put_cstr(&w, messages[i].role);
        hz_json_key(&w, "content");
        hz_json_put_str(&w, messages[i].content, messages[i].len);
        hz_json_end_object(&w);
    }
    hz_json_end_array(&w);
    hz_json_key(&w, "add_generation_prompt");
    hz_json_put_bool(&w, true);
    hz_json_end_object(&w);
}

/* ---- running ------------------------------------------------------------------------------------------------ */

static bool drives_terminal(uint32_t cp)
{
    return (cp < 0x20 && cp != '\n' && cp != '\t') || (cp >= 0x7f && cp < 0xa0);
}

static hz_status put_harmless(const char *text, size_t len, struct hz_error *err)
{
    size_t plain = 0;
    for (size_t i = 0; i < len;) {
        uint32_t cp;
        size_t n = HZ_MAX(hz_utf8_decode(text + i, len - i, &cp), 1);
        if (drives_terminal(cp)) {
            HZ_TRY(hz_io_put(text + plain, i - plain, err));
            HZ_TRY(hz_io_put("\xEF\xBF\xBD", 3, err));
            plain = i + n;
        }
        i += n;
    }
    return hz_io_put(text + plain, len - plain, err);
}

static hz_status put_piece(const char *text, size_t len, struct hz_error *err)
{
    if (hz_term_is_tty(HZ_TERM_OUT))
        HZ_TRY(put_harmless(text, len, err));
    else
        HZ_TRY(hz_io_put(text, len, err));
    return hz_io_flush(err);
}

struct streaming {
    struct hz_answer *answer;
    bool stream;
};

static hz_status take(void *user, const struct hz_event *event, struct hz_error *err)
{
    struct streaming *s = user;
    struct hz_answer *a = s->answer;
    if (event->kind != HZ_EVENT_TEXT)
        return HZ_OK;
    for (size_t i = 0; i < event->n_tokens; i++) {
        if (!HZ_GROW(a->ids, a->n_ids, a->cap_ids))
            return hz_fail_nomem(err, a->n_ids * sizeof *a->ids);
        a->ids[a->n_ids++] = event->tokens[i].id;
    }
    hz_buf_put(&a->text, event->text, event->text_len);
    HZ_TRY(hz_buf_check(&a->text, "the answer", err));
    return s->stream && event->text_len ? put_piece(event->text, event->text_len, err) : HZ_OK;
}

hz_status hz_answer_run(hz_engine *engine, const struct hz_request_options *request, bool stream,
                        struct hz_answer *answer, struct hz_error *err)
{
    *answer = (struct hz_answer){0};
    hz_buf_init(&answer->text, 1 << 30);
    struct streaming s = {answer, stream};
    struct hz_event done;
    hz_status status = hz_pull(engine, request, take, &s, &done, err);
    answer->finish = done.finish;
    answer->usage = done.usage;
    if (status == HZ_E_CANCELLED)
        status = HZ_OK;
    if (stream && !hz_io_reader_gone() && (status == HZ_OK || answer->text.len)) {
        hz_status end = put_piece("\n", 1, status == HZ_OK ? err : NULL);
        status = status == HZ_OK ? end : status;
    }
    return status;
}

void hz_answer_free(struct hz_answer *answer)
{
    hz_buf_free(&answer->text);
    free(answer->ids);
    *answer = (struct hz_answer){0};
}

/* ---- reports ------------------------------------------------------------------------------------------------ */

static double rate(double tokens, double seconds)
{
    return seconds > 0 && tokens > 0 ? tokens / seconds : 0;
}

/* Cached tokens cost nothing, and the answer's first token belongs to the prompt's time. */
static double prompt_rate(const struct hz_usage *u)
{
    return rate((double)u->prompt_tokens - u->cached_tokens, u->prompt_s);
}

static double decode_rate(const struct hz_usage *u)
{
    return rate((double)u->completion_tokens - 1, u->decode_s);
}

void hz_answer_print_stats(const struct hz_answer *answer, double load_s)
{
    const struct hz_usage *u = &answer->usage;
    const char *faint = hz_term_styled(HZ_TERM_ERR) ? "\033[2m" : "", *normal = *faint ? "\033[0m" : "";
    char memory[32];
    fprintf(stderr, "%sprompt: %u tokens", faint, u->prompt_tokens);
    if (u->cached_tokens)
        fprintf(stderr, " (%u cached)", u->cached_tokens);
    fprintf(stderr, ", %.1f tok/s | answer: %u tokens", prompt_rate(u), u->completion_tokens);
    if (u->completion_tokens > 1)
        fprintf(stderr, ", %.1f tok/s", decode_rate(u));
    fprintf(stderr, " | first token: %.3f s", u->queue_s + u->prompt_s);
    if (load_s >= 0)
        fprintf(stderr, " | load: %.2f s", load_s);
    fprintf(stderr, " | memory: %s%s\n", hz_format_bytes(hz_memory_peak(), memory), normal);
}

static void put_double(struct hz_json_writer *w, const char *key, double v)
{
    hz_json_key(w, key);
    hz_json_put_double(w, v);
}

static void put_int(struct hz_json_writer *w, const char *key, int64_t v)
{
    hz_json_key(w, key);
    hz_json_put_int(w, v);
}

void hz_answer_json(const struct hz_answer *answer, double load_s, struct hz_buf *out)
{
    static const char *const finishes[] = {[HZ_FINISH_STOP] = "stop",
                                           [HZ_FINISH_LENGTH] = "length",
                                           [HZ_FINISH_CANCELLED] = "cancelled",
                                           [HZ_FINISH_ERROR] = "error"};
    const struct hz_usage *u = &answer->usage;
    struct hz_json_writer w;
    hz_json_begin(&w, out, 0);
    hz_json_object(&w);
    hz_json_key(&w, "text");
    hz_json_put_str(&w, answer->text.data ? answer->text.data : "", answer->text.len);
    hz_json_key(&w, "ids");
    hz_json_array(&w);
    for (size_t i = 0; i < answer->n_ids; i++)
        hz_json_put_int(&w, answer->ids[i]);
    hz_json_end_array(&w);
    hz_json_key(&w, "finish_reason");
    hz_json_put_cstr(&w, finishes[answer->finish]);
    put_int(&w, "prompt_tokens", u->prompt_tokens);
    put_int(&w, "cached_tokens", u->cached_tokens);
    put_int(&w, "completion_tokens", u->completion_tokens);
    put_double(&w, "load_s", load_s);
    put_double(&w, "first_token_s", u->queue_s + u->prompt_s);
    put_double(&w, "prompt_s", u->prompt_s);
    put_double(&w, "decode_s", u->decode_s);
    put_double(&w, "prompt_tok_per_s", prompt_rate(u));
    put_double(&w, "decode_tok_per_s", decode_rate(u));
    put_int(&w, "peak_memory_bytes", (int64_t)hz_memory_peak());
    hz_json_end_object(&w);
    hz_buf_putc(out, '\n');
}
