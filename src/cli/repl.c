/* repl.c - the conversation: reads messages and commands, keeps what was said, streams answers. */
#include "cli/repl.h"

#include "base/os/sys.h"
#include "cli/answer.h"
#include "cli/io.h"
#include "cli/term.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const size_t longest_message = (size_t)64 << 20;
static const char fence[] = "\"\"\"";
enum { FENCE = sizeof fence - 1 };

struct repl {
    struct hz_session *session;
    struct hz_request_options request;
    bool raw, person; /* person: somebody sits at a terminal */
    bool done;
    struct hz_lines *lines;
    struct hz_buf input;         /* the message or command that was read */
    struct hz_buf system;        /* empty: none */
    struct hz_message *messages; /* user, assistant, user, ...; contents are owned */
    size_t n, cap;
};

/* ---- what was said ------------------------------------------------------------------------------------------ */

static hz_status remember(struct repl *r, const char *role, const char *text, size_t len, struct hz_error *err)
{
    char *copy = hz_strndup(text, len);
    if (!copy || !HZ_GROW(r->messages, r->n, r->cap)) {
        free(copy);
        return hz_fail_nomem(err, len);
    }
    r->messages[r->n++] = (struct hz_message){role, copy, len};
    return HZ_OK;
}

static void forget_from(struct repl *r, size_t n)
{
    while (r->n > n)
        free((char *)(uintptr_t)r->messages[--r->n].content);
}

/* The conversation as JSON, the system message in front. */
static hz_status conversation(struct repl *r, struct hz_buf *json, struct hz_error *err)
{
    struct hz_message *all = hz_calloc(r->n + 1, sizeof *all);
    if (!all)
        return hz_fail_nomem(err, (r->n + 1) * sizeof *all);
    size_t n = 0;
    if (r->system.len)
        all[n++] = (struct hz_message){"system", r->system.data, r->system.len};
    for (size_t i = 0; i < r->n; i++)
        all[n++] = r->messages[i];
    hz_answer_chat_json(all, n, json);
    free(all);
    return hz_buf_check(json, "the conversation", err);
}

/* ---- answers ------------------------------------------------------------------------------------------------ */

static hz_status run_request(struct repl *r, struct hz_answer *answer, struct hz_error *err)
{
    hz_term_clear_interrupt();
    hz_term_echo(false); /* what is typed meanwhile would stand in the middle of the answer */
    hz_status status = hz_answer_run(r->session->engine, &r->request, true, answer, err);
    hz_term_echo(true);
    hz_term_clear_interrupt();
    if (status == HZ_OK && hz_term_is_tty(HZ_TERM_ERR))
        hz_answer_print_stats(answer, -1);
    return status;
}

static hz_status complete(struct repl *r, struct hz_error *err)
{
    r->request.text = r->input.data;
    r->request.text_len = r->input.len;
    struct hz_answer answer;
    hz_status status = run_request(r, &answer, err);
    hz_answer_free(&answer);
    return status;
}

/* An answer that was stopped stays as far as it went; without any answer the message is taken back. */
static hz_status chat(struct repl *r, struct hz_error *err)
{
    size_t before = r->n;
    struct hz_buf json;
    struct hz_answer answer = {0};
    hz_buf_init(&json, SIZE_MAX / 2);
    hz_status status = remember(r, "user", r->input.data, r->input.len, err);
    if (status == HZ_OK)
        status = conversation(r, &json, err);
    if (status == HZ_OK) {
        r->request.chat_json = json.data;
        r->request.chat_json_len = json.len;
        status = run_request(r, &answer, err);
    }
    if (status == HZ_OK && answer.text.len)
        status = remember(r, "assistant", answer.text.data, answer.text.len, err);
    else
        forget_from(r, before);
    hz_answer_free(&answer);
    hz_buf_free(&json);
    return status;
}

/* ---- commands ----------------------------------------------------------------------------------------------- */

struct repl_command {
    const char *name, *value, *help;
    hz_status (*run)(struct repl *r, const char *value, struct hz_error *err);
};
static const struct repl_command repl_commands[];

static hz_status do_help(struct repl *r, const char *value, struct hz_error *err)
{
    (void)r, (void)value, (void)err;
    for (const struct repl_command *c = repl_commands; c->name; c++) {
        char usage[64];
        snprintf(usage, sizeof usage, "/%s %s", c->name, c->value);
        printf("  %-18s %s\n", usage, c->help);
    }
    printf("Several lines: end each in \\, or write them between %s and %s, or press Alt-Enter.\n"
           "Ctrl-C stops an answer, Ctrl-D leaves. A blank in front sends a text that\n"
           "begins with a slash.\n",
           fence, fence);
    return HZ_OK;
}

static hz_status do_exit(struct repl *r, const char *value, struct hz_error *err)
{
    (void)value, (void)err;
    r->done = true;
    return HZ_OK;
}

static hz_status do_clear(struct repl *r, const char *value, struct hz_error *err)
{
    (void)value, (void)err;
    forget_from(r, 0);
    if (r->person)
        printf("The conversation begins anew.\n");
    return HZ_OK;
}

static hz_status do_system(struct repl *r, const char *value, struct hz_error *err)
{
    if (r->raw)
        return hz_fail(err, HZ_E_INVALID, "a system message belongs to the chat template, which --raw leaves out");
    if (!*value) {
        printf("%s\n", r->system.len ? r->system.data : "There is no system message.");
        return HZ_OK;
    }
    hz_buf_clear(&r->system);
    if (strcmp(value, "\"\"")) /* two quotes take it away */
        hz_buf_puts(&r->system, value);
    return hz_buf_check(&r->system, "the system message", err);
}

static hz_status set_real(const char *name, const char *value, double high, float *slot, struct hz_error *err)
{
    double v;
    if (!*value && isnan(*slot))
        printf("%s is as the model's generation_config.json has it.\n", name);
    else if (!*value)
        printf("%s is %g.\n", name, (double)*slot);
    else if (!hz_parse_real(value, &v) || v < 0 || v > high)
        return isinf(high) ? hz_fail(err, HZ_E_INVALID, "%s is a number of at least 0, not '%s'", name, value)
                           : hz_fail(err, HZ_E_INVALID, "%s is a number from 0 to %g, not '%s'", name, high, value);
    else
        *slot = (float)v;
    return HZ_OK;
}

static hz_status do_temperature(struct repl *r, const char *value, struct hz_error *err)
{
    return set_real("temperature", value, INFINITY, &r->request.sampling.temperature, err);
}

static hz_status do_topp(struct repl *r, const char *value, struct hz_error *err)
{
    return set_real("top-p", value, 1, &r->request.sampling.top_p, err);
}

static hz_status do_topk(struct repl *r, const char *value, struct hz_error *err)
{
    int32_t *slot = &r->request.sampling.top_k;
    int64_t v;
    if (!*value && *slot < 0)
        printf("top-k is as the model's generation_config.json has it.\n");
    else if (!*value)
        printf("top-k is %d.\n", (int)*slot);
    else if (!hz_parse_int(value, 0, INT32_MAX, &v))
        return hz_fail(err, HZ_E_INVALID, "top-k is a whole number of at least 0, not '%s'", value);
    else
        *slot = (int32_t)v;
    return HZ_OK;
}

static const struct repl_command repl_commands[] = {
    {"help", "", "this list", do_help},
    {"exit", "", "leave", do_exit},
    {"clear", "", "forget the conversation, keep the system message", do_clear},
    {"system", "TEXT", "set the system message; without TEXT: show it; \"\": none", do_system},
    {"temperature", "T", "0 takes the likeliest token", do_temperature},
    {"topk", "N", "draw from the N likeliest tokens; 0: from all", do_topk},
    {"topp", "P", "draw from the likeliest tokens that sum up to P", do_topp},
    {0},
};

/* The input is "/word rest". */
static hz_status run_repl_command(struct repl *r, struct hz_error *err)
{
    char *word = r->input.data + 1;
    size_t len = strcspn(word, " \t\n");
    char *value = word + len;
    value += strspn(value, " \t\n");
    for (size_t end = strlen(value); end && strchr(" \t\n", value[end - 1]);)
        value[--end] = 0;
    const char *names[HZ_COUNT(repl_commands)];
    size_t n = 0;
    for (const struct repl_command *c = repl_commands; c->name; c++) {
        if (strlen(c->name) == len && !memcmp(c->name, word, len))
            return c->run(r, value, err);
        names[n++] = c->name;
    }
    word[len] = 0;
    const char *close = hz_suggest(word, names, n);
    if (close)
        return hz_fail(err, HZ_E_INVALID, "there is no /%s; did you mean /%s?", word, close);
    return hz_fail(err, HZ_E_INVALID, "there is no /%s; /help lists the commands, a blank in front sends it as text",
                   word);
}

/* ---- reading ------------------------------------------------------------------------------------------------ */

static bool ends_with(const struct hz_buf *text, const char *end)
{
    size_t len = strlen(end);
    return text->len >= len && !memcmp(text->data + text->len - len, end, len);
}

static void cut(struct hz_buf *text, size_t front, size_t back)
{
    text->len -= front + back;
    memmove(text->data, text->data + front, text->len);
    text->data[text->len] = 0;
}

/* A message: one line, lines joined by a backslash at their end, or a block between two fences. */
static enum hz_line_result read_message(struct repl *r)
{
    struct hz_buf *in = &r->input;
    hz_buf_clear(in);
    enum hz_line_result got = hz_lines_read(r->lines, "> ", in);
    if (got != HZ_LINE_READ)
        return got;
    bool block = in->len >= FENCE && !memcmp(in->data, fence, FENCE);
    while (got == HZ_LINE_READ && !in->failed) {
        bool closed = in->len >= 2 * FENCE && ends_with(in, fence);
        if (block ? closed : !ends_with(in, "\\"))
            break;
        if (!block)
            cut(in, 0, 1);
        hz_buf_putc(in, '\n');
        got = hz_lines_read(r->lines, ". ", in);
    }
    if (got != HZ_LINE_READ || in->failed)
        return got;
    if (r->person)
        hz_lines_remember(r->lines, in->data);
    if (block) {
        size_t front = FENCE + (in->data[FENCE] == '\n');
        size_t back = FENCE + (in->len > front + FENCE && in->data[in->len - FENCE - 1] == '\n');
        cut(in, front, back);
    }
    return got;
}

static hz_status take_message(struct repl *r, struct hz_error *err)
{
    HZ_TRY(hz_buf_check(&r->input, "the message", err));
    HZ_TRY(hz_io_check_utf8("the message", r->input.data, r->input.len, err));
    if (r->input.data[0] == '/')
        return run_repl_command(r, err);
    size_t blank = r->input.data[0] == ' ' && r->input.data[1] == '/';
    cut(&r->input, blank, 0);
    if (strspn(r->input.data, " \t\n") == r->input.len && !memchr(r->input.data, 0, r->input.len))
        return HZ_OK; /* nothing was said */
    return r->raw ? complete(r, err) : chat(r, err);
}

static hz_status loop(struct repl *r, struct hz_error *err)
{
    while (!r->done) {
        hz_term_clear_interrupt();
        enum hz_line_result got = read_message(r);
        if (got == HZ_LINE_END) {
            if (r->person)
                printf("\n");
            break;
        }
        if (got == HZ_LINE_INTERRUPTED && !r->person)
            return hz_fail(err, HZ_E_CANCELLED, "interrupted");
        if (got == HZ_LINE_INTERRUPTED)
            continue;
        hz_status status = take_message(r, err);
        if (status != HZ_OK && (!r->person || hz_io_reader_gone()))
            return status;
        if (status != HZ_OK)
            fprintf(stderr, "hanzo: %s\n", err->text);
    }
    return HZ_OK;
}

static hz_status open_lines(struct repl *r, struct hz_error *err)
{
    struct hz_buf path;
    hz_buf_init(&path, 4096);
    bool kept = r->person && hz_term_state_file("history", &path);
    hz_status status = hz_lines_open(kept ? path.data : NULL, &r->lines, err);
    hz_buf_free(&path);
    return status;
}

hz_status hz_repl(struct hz_session *s, const struct hz_request_options *request, const char *system, bool raw,
                  struct hz_error *err)
{
    struct repl r = {.session = s, .request = *request, .raw = raw, .person = hz_term_is_tty(HZ_TERM_IN)};
    hz_buf_init(&r.input, longest_message);
    hz_buf_init(&r.system, longest_message);
    if (system)
        hz_buf_puts(&r.system, system);
    hz_term_catch_interrupts(!r.person);
    if (r.person)
        hz_term_guard();
    hz_status status = open_lines(&r, err);
    if (status == HZ_OK && r.person)
        printf("The model was loaded in %.2f s. /help lists the commands, Ctrl-D leaves.\n", s->load_s);
    if (status == HZ_OK)
        status = loop(&r, err);
    hz_lines_close(r.lines);
    forget_from(&r, 0);
    free(r.messages);
    hz_buf_free(&r.input);
    hz_buf_free(&r.system);
    return status;
}
