/* cmd_run.c - `hanzo run`: one answer, or a conversation where there is a person to have it with. */
#include "cli/answer.h"
#include "cli/command.h"
#include "cli/io.h"
#include "cli/repl.h"
#include "cli/session.h"
#include "cli/term.h"

#include <stdlib.h>
#include <string.h>

/* The options' request, all but its input. */
static struct hz_request_options request_of(const struct hz_run_opts *o)
{
    struct hz_request_options r = {
        .size = sizeof r,
        .max_tokens = (int32_t)o->max_tokens,
        .stop = o->stop.at,
        .n_stop = o->stop.n,
        .ignore_eos = o->ignore_eos,
        .special_text = o->special,
    };
    hz_sampling_from_opts(&o->sampling, &r.sampling);
    return r;
}

/* Renders a conversation before any weight is read: a model without a template is told about at once. */
static hz_status check_template(const struct hz_session *s, const char *json, size_t len, struct hz_error *err)
{
    char *text = NULL;
    hz_status status = hz_render(s->model, json, len, &text, NULL, err);
    hz_free(text);
    if (status == HZ_E_NOTFOUND || status == HZ_E_UNSUPPORTED) {
        struct hz_error inner = *err;
        return hz_fail(err, status, "%s: --chat-template FILE or --raw", inner.text);
    }
    return status;
}

static hz_status answer_once(struct hz_session *s, const struct hz_run_opts *o, const struct hz_request_options *r,
                             struct hz_error *err)
{
    struct hz_session_needs needs = {.max_seqs = (uint32_t)o->max_seqs};
    HZ_TRY(hz_session_load(s, &o->engine, &needs, err));
    struct hz_answer answer;
    hz_status status = hz_answer_run(s->engine, r, !o->json, &answer, err);
    if (status == HZ_OK && o->json) {
        struct hz_buf out;
        hz_buf_init(&out, SIZE_MAX / 2);
        hz_answer_json(&answer, s->load_s, &out);
        status = hz_io_put_buf(&out, err);
        hz_buf_free(&out);
    } else if (status == HZ_OK && (hz_term_is_tty(HZ_TERM_ERR) || o->general.verbose)) {
        hz_answer_print_stats(&answer, s->load_s);
    }
    bool interrupted = status == HZ_OK && answer.finish == HZ_FINISH_CANCELLED;
    hz_answer_free(&answer);
    return interrupted ? hz_fail(err, HZ_E_CANCELLED, "interrupted") : status;
}

static hz_status one_shot(struct hz_session *s, const struct hz_run_opts *o, const char *text, size_t len,
                          struct hz_error *err)
{
    struct hz_request_options r = request_of(o);
    if (o->raw) {
        r.text = text;
        r.text_len = len;
        return answer_once(s, o, &r, err);
    }
    struct hz_message messages[2];
    size_t n = 0;
    if (o->system)
        messages[n++] = (struct hz_message){"system", o->system, strlen(o->system)};
    messages[n++] = (struct hz_message){"user", text, len};
    struct hz_buf json;
    hz_buf_init(&json, SIZE_MAX / 2);
    hz_answer_chat_json(messages, n, &json);
    hz_status status = hz_buf_check(&json, "the prompt", err);
    if (status == HZ_OK)
        status = check_template(s, json.data, json.len, err);
    if (status == HZ_OK) {
        r.chat_json = json.data;
        r.chat_json_len = json.len;
        status = answer_once(s, o, &r, err);
    }
    hz_buf_free(&json);
    return status;
}

static hz_status converse(struct hz_session *s, const struct hz_run_opts *o, struct hz_error *err)
{
    static const char greeting[] = "{\"messages\": [{\"role\": \"user\", \"content\": \"Hello\"}]}";
    if (!o->raw)
        HZ_TRY(check_template(s, greeting, sizeof greeting - 1, err));
    struct hz_session_needs needs = {.max_seqs = (uint32_t)o->max_seqs};
    HZ_TRY(hz_session_load(s, &o->engine, &needs, err));
    struct hz_request_options r = request_of(o);
    return hz_repl(s, &r, o->system, o->raw, err);
}

/* The prompt of a one-shot: -i TEXT, or standard input. Whoever types `echo hello |` means no newline. */
static hz_status read_prompt(const struct hz_run_opts *o, char **text, size_t *len, struct hz_error *err)
{
    if (o->input && strcmp(o->input, "-")) {
        *len = strlen(o->input);
        *text = hz_strndup(o->input, *len);
        if (!*text)
            return hz_fail_nomem(err, *len);
        hz_status status = hz_io_check_utf8("the text of -i", *text, *len, err);
        if (status != HZ_OK)
            free(*text);
        return status;
    }
    HZ_TRY(hz_io_read("-", text, len, err));
    if (!o->raw && *len && (*text)[*len - 1] == '\n')
        --*len;
    if (*len)
        return HZ_OK;
    free(*text);
    return hz_fail(err, HZ_E_INVALID, "there is no prompt: standard input is empty");
}

hz_status hz_run(const struct hz_run_opts *o, struct hz_error *err)
{
    hz_general_apply(&o->general);
    if (o->system)
        HZ_TRY(hz_io_check_utf8("the text of --system", o->system, strlen(o->system), err));
    if (o->raw && o->system)
        return hz_fail(err, HZ_E_INVALID, "--system belongs to the chat template, which --raw leaves out");
    bool talk = o->interactive || (!o->input && hz_term_is_tty(HZ_TERM_IN));
    if (talk && o->json)
        return hz_fail(err, HZ_E_INVALID, "--json reports on one answer: give the prompt with -i or through a pipe");
    char *text = NULL;
    size_t len = 0;
    if (!talk)
        HZ_TRY(read_prompt(o, &text, &len, err));
    struct hz_session s = {0};
    hz_status status = hz_session_open(&s, &o->model, false, err);
    if (status == HZ_OK)
        status = talk ? converse(&s, o, err) : one_shot(&s, o, text, len, err);
    hz_session_close(&s);
    free(text);
    return status;
}

static hz_status run(const void *values, const struct hz_texts *operands, struct hz_error *err)
{
    (void)operands;
    return hz_run(values, err);
}

#define AT(member) offsetof(struct hz_run_opts, member)
static const struct hz_opt opts[] = {
    {'i', "input", "TEXT", HZ_OPT_TEXT, AT(input), .help = "answer this and end; -: what comes on standard input"},
    {0, "raw", NULL, HZ_OPT_FLAG, AT(raw), .help = "complete the text as it stands, without the chat template"},
    {0, "system", "TEXT", HZ_OPT_TEXT, AT(system), .help = "the system message"},
    {0, "max-tokens", "N", HZ_OPT_INT, AT(max_tokens), 0, INT32_MAX,
     .help = "end the answer after N tokens (when the context is full)"},
    {0, "stop", "TEXT", HZ_OPT_TEXTS, AT(stop), .help = "end the answer before this text; may be given again"},
    {0, "ignore-eos", NULL, HZ_OPT_FLAG, AT(ignore_eos), .help = "go on after the model's end token"},
    {0, "special", NULL, HZ_OPT_FLAG, AT(special), .help = "show special tokens in the answer"},
    {0, "json", NULL, HZ_OPT_FLAG, AT(json), .help = "print one JSON object: text, ids, counts, times"},
};
static const struct hz_opt_group groups[] = {
    {"Options", opts, HZ_COUNT(opts), 0},
    {"Model", hz_model_opt_list, HZ_MODEL_OPTS, AT(model)},
    {"Sampling (what is not given is taken from the model's generation_config.json)", hz_sampling_opt_list,
     HZ_SAMPLING_OPTS, AT(sampling)},
    {"Engine", hz_engine_opt_list, HZ_ENGINE_OPTS, AT(engine)},
    {"General", hz_general_opt_list, HZ_GENERAL_OPTS, AT(general)},
};
static const struct hz_run_opts defaults = HZ_RUN_OPTS_NONE;

const struct hz_command hz_command_run = {
    .name = "run",
    .summary = "answer a prompt, or hold a conversation",
    .groups = groups,
    .n_groups = HZ_COUNT(groups),
    .defaults = &defaults,
    .size = sizeof defaults,
    .run = run,
    .notes = "Without -i the prompt is what comes through a pipe; at a terminal a conversation begins, in which /help "
             "lists the commands.\n\n"
             "  hanzo run -m SmolLM2.gguf -i \"What is the capital of France?\"\n"
             "  hanzo run -m SmolLM2.gguf --system \"Answer in one word.\" < question.txt\n"
             "  hanzo run -m gemma-3-270m.gguf --raw -i \"Once upon a time\" --max-tokens 50",
};
