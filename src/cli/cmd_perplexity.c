/* cmd_perplexity.c - `hanzo perplexity`: how surprised a model is by a text.
 *
 * As llama.cpp's llama-perplexity defines it: the text's ids, with BOS where the model asks for one and special tokens
 * not parsed, are cut into chunks of `context` ids that do not overlap; what remains is dropped. BOS replaces the first
 * id of every chunk. Each chunk runs alone; its rows from the middle to the last but one score the token that follows
 * them. The perplexity is exp of the mean of their negative log-likelihoods. */
#include "cli/command.h"
#include "cli/io.h"
#include "cli/progress.h"
#include "cli/pull.h"
#include "cli/session.h"
#include "cli/term.h"
#include "text/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct perplexity_opts {
    struct hz_model_opts model;
    const char *file;
    int64_t context;
    bool json;
    struct hz_engine_opts engine;
    struct hz_general_opts general;
};

struct text_ids {
    int32_t *ids; /* free with hz_free */
    size_t n;
    bool has_bos;
    int32_t bos;
};

/* BOS is what stands in front when special tokens are asked for; what a tokenizer appends (EOS) is left out. */
static hz_status tokenize(const hz_model *model, const char *text, size_t len, struct text_ids *t, struct hz_error *err)
{
    int32_t *plain = NULL, *with = NULL;
    size_t n_plain = 0, n_with = 0;
    hz_status status = hz_tokenize(model, text, len, false, false, &plain, &n_plain, err);
    if (status == HZ_OK)
        status = hz_tokenize(model, text, len, true, false, &with, &n_with, err);
    if (status == HZ_OK) {
        t->has_bos = n_with > n_plain && (!n_plain || with[0] != plain[0]);
        t->bos = t->has_bos ? with[0] : -1;
        t->ids = with;
        t->n = n_plain + t->has_bos;
    } else {
        hz_free(with);
    }
    hz_free(plain);
    return status;
}

/* ---- scoring ------------------------------------------------------------------------------------------------ */

struct score {
    uint32_t from, to; /* rows that count: from <= row < to */
    double sum;        /* of log-likelihoods, over all chunks */
    uint64_t n;
};

static hz_status take(void *user, const struct hz_event *event, struct hz_error *err)
{
    struct score *s = user;
    if (event->kind != HZ_EVENT_ROWS || !event->logprobs)
        return HZ_OK;
    for (uint32_t i = 0; i < event->n_rows; i++) {
        uint32_t row = event->first_row + i;
        if (row < s->from || row >= s->to)
            continue;
        if (isnan(event->logprobs[i]))
            return hz_fail(err, HZ_E_INTERNAL, "the model computed no number for row %u of a chunk", row);
        s->sum += event->logprobs[i];
        s->n++;
    }
    return HZ_OK;
}

static double perplexity(const struct score *s)
{
    return exp(-s->sum / (double)s->n);
}

static hz_status score_chunk(const struct hz_session *session, const int32_t *ids, uint32_t context, struct score *s,
                             struct hz_error *err)
{
    struct hz_request_options request = {
        .size = sizeof request,
        .ids = ids,
        .n_ids = context,
        .want = HZ_WANT_PROMPT_LOGPROBS,
    };
    struct hz_event done;
    uint64_t before = s->n;
    hz_sampling_greedy(&request.sampling);
    HZ_TRY(hz_pull(session->engine, &request, take, s, &done, err));
    if (s->n - before != s->to - s->from)
        return hz_fail(err, HZ_E_INTERNAL, "a chunk scored %llu rows where %u were expected",
                       (unsigned long long)(s->n - before), s->to - s->from);
    return HZ_OK;
}

/* running: the perplexity after each chunk. */
static hz_status score_all(const struct hz_session *session, const struct perplexity_opts *o, struct text_ids *t,
                           size_t n_chunks, double *running, struct score *s, struct hz_error *err)
{
    size_t context = (size_t)o->context;
    struct hz_progress progress = {0};
    hz_status status = HZ_OK;
    for (size_t i = 0; i < n_chunks && status == HZ_OK; i++) {
        hz_progress_count(&progress, "scoring chunks", i, n_chunks);
        int32_t *chunk = t->ids + i * context;
        if (t->has_bos)
            chunk[0] = t->bos;
        status = score_chunk(session, chunk, (uint32_t)context, s, err);
        if (status != HZ_OK)
            break;
        running[i] = perplexity(s);
        if (!o->json) {
            char line[128];
            hz_progress_end(&progress);
            int len = snprintf(line, sizeof line, "chunk %zu of %zu: %.4f\n", i + 1, n_chunks, running[i]);
            status = hz_io_put(line, (size_t)len, err);
            if (status == HZ_OK)
                status = hz_io_flush(err);
        }
    }
    hz_progress_end(&progress);
    return status;
}

/* ---- report ------------------------------------------------------------------------------------------------- */

static void report_json(const struct perplexity_opts *o, const struct text_ids *t, size_t n_chunks,
                        const double *running, const struct score *s, struct hz_buf *out)
{
    struct hz_json_writer w;
    hz_json_begin(&w, out, 0);
    hz_json_object(&w);
    hz_json_key(&w, "perplexity");
    hz_json_put_double(&w, perplexity(s));
    hz_json_key(&w, "chunks");
    hz_json_array(&w);
    for (size_t i = 0; i < n_chunks; i++)
        hz_json_put_double(&w, running[i]);
    hz_json_end_array(&w);
    hz_json_key(&w, "context");
    hz_json_put_int(&w, o->context);
    hz_json_key(&w, "tokens");
    hz_json_put_int(&w, (int64_t)t->n);
    hz_json_key(&w, "scored_tokens");
    hz_json_put_int(&w, (int64_t)s->n);
    hz_json_end_object(&w);
    hz_buf_putc(out, '\n');
}

static hz_status measure(struct hz_session *session, const struct perplexity_opts *o, struct text_ids *t,
                         struct hz_error *err)
{
    size_t n_chunks = t->n / (size_t)o->context;
    if (!n_chunks)
        return hz_fail(err, HZ_E_INVALID, "%s has %zu tokens, fewer than one chunk of %lld", o->file, t->n,
                       (long long)o->context);
    struct hz_session_needs needs = {.max_seqs = 1, .no_prefix_cache = true};
    HZ_TRY(hz_session_load(session, &o->engine, &needs, err));
    double *running = hz_calloc(n_chunks, sizeof *running);
    if (!running)
        return hz_fail_nomem(err, n_chunks * sizeof *running);
    struct score score = {.from = (uint32_t)o->context / 2, .to = (uint32_t)o->context - 1};
    struct hz_buf out;
    hz_buf_init(&out, SIZE_MAX / 2);
    hz_status status = score_all(session, o, t, n_chunks, running, &score, err);
    if (status == HZ_OK && o->json)
        report_json(o, t, n_chunks, running, &score, &out);
    else if (status == HZ_OK)
        hz_buf_printf(&out, "perplexity: %.4f (%zu chunks of %lld tokens, %llu scored)\n", perplexity(&score), n_chunks,
                      (long long)o->context, (unsigned long long)score.n);
    if (status == HZ_OK)
        status = hz_io_put_buf(&out, err);
    hz_buf_free(&out);
    free(running);
    return status;
}

static hz_status run(const void *values, const struct hz_texts *operands, struct hz_error *err)
{
    (void)operands;
    const struct perplexity_opts *o = values;
    hz_general_apply(&o->general);
    struct hz_session s = {0};
    struct text_ids t = {0};
    char *text;
    size_t len;
    HZ_TRY(hz_io_read(o->file, &text, &len, err));
    hz_status status = hz_session_open(&s, &o->model, false, err);
    if (status == HZ_OK)
        status = tokenize(s.model, text, len, &t, err);
    if (status == HZ_OK)
        status = measure(&s, o, &t, err);
    hz_session_close(&s);
    hz_free(t.ids);
    free(text);
    return status;
}

#define AT(member) offsetof(struct perplexity_opts, member)
static const struct hz_opt opts[] = {
    {'f', "text", "FILE", HZ_OPT_TEXT, AT(file), .required = true, .help = "the text; -: standard input"},
    {'c', "context", "N", HZ_OPT_INT, AT(context), 4, 1 << 24, .help = "tokens in a chunk (512)"},
    {0, "json", NULL, HZ_OPT_FLAG, AT(json), .help = "print one JSON object"},
};
static const struct hz_opt_group groups[] = {
    {"Options", opts, HZ_COUNT(opts), 0},
    {"Model", hz_model_opt_list, HZ_MODEL_OPTS, AT(model)},
    {"Engine", hz_engine_opt_list, HZ_ENGINE_OPTS, AT(engine)},
    {"General", hz_general_opt_list, HZ_GENERAL_OPTS, AT(general)},
};
static const struct perplexity_opts defaults = {.context = 512};

const struct hz_command hz_command_perplexity = {
    .name = "perplexity",
    .summary = "how surprised a model is by a text",
    .groups = groups,
    .n_groups = HZ_COUNT(groups),
    .defaults = &defaults,
    .size = sizeof defaults,
    .run = run,
    .notes =
        "The text is cut into chunks that do not overlap; each runs on an empty cache, and the second half of it is "
        "scored. A value is printed after every chunk, over all chunks so far.",
};
