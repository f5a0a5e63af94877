/* cmd_logits.c - `hanzo logits`: every logit of a prompt, and the greedy continuation, into a safetensors file. */
#include "cli/command.h"
#include "cli/ids.h"
#include "cli/pull.h"
#include "cli/session.h"

#include <stdlib.h>
#include <string.h>

struct logits_opts {
    struct hz_model_opts model;
    const char *ids, *out;
    int64_t greedy;
    struct hz_engine_opts engine;
    struct hz_general_opts general;
};

struct result {
    float *logits; /* [n_ids][n_vocab] */
    uint64_t shape[2];
    int32_t *greedy; /* [n_greedy] */
    size_t n_greedy, cap_greedy;
};

/* Rows arrive in order, some at a time; the first ones tell the width. */
static hz_status take_rows(struct result *r, const struct hz_event *event, struct hz_error *err)
{
    if (!event->logits)
        return HZ_OK;
    if (!r->logits) {
        r->shape[1] = event->n_vocab;
        r->logits = hz_realloc(NULL, r->shape[0], r->shape[1] * sizeof *r->logits);
        if (!r->logits)
            return hz_fail_nomem(err, r->shape[0] * r->shape[1] * sizeof *r->logits);
    }
    memcpy(r->logits + event->first_row * r->shape[1], event->logits, event->n_rows * r->shape[1] * sizeof *r->logits);
    return HZ_OK;
}

static hz_status take_ids(struct result *r, const struct hz_event *event, struct hz_error *err)
{
    for (size_t i = 0; i < event->n_tokens; i++) {
        if (!HZ_GROW(r->greedy, r->n_greedy, r->cap_greedy))
            return hz_fail_nomem(err, r->n_greedy * sizeof *r->greedy);
        r->greedy[r->n_greedy++] = event->tokens[i].id;
    }
    return HZ_OK;
}

static hz_status take(void *user, const struct hz_event *event, struct hz_error *err)
{
    if (event->kind == HZ_EVENT_ROWS)
        return take_rows(user, event, err);
    return event->kind == HZ_EVENT_TEXT ? take_ids(user, event, err) : HZ_OK;
}

static hz_status compute(const struct logits_opts *o, const struct hz_id_list *ids, struct result *r,
                         struct hz_error *err)
{
    struct hz_session s = {0};
    struct hz_session_needs needs = {.max_seqs = 1, .no_prefix_cache = true};
    struct hz_request_options request = {
        .size = sizeof request,
        .ids = ids->at,
        .n_ids = ids->n,
        .max_tokens = (int32_t)o->greedy,
        .ignore_eos = true, /* N ids were asked for, */
        .any_id = true,     /* of the largest of the logits written */
        .want = HZ_WANT_LOGITS,
    };
    hz_sampling_greedy(&request.sampling);
    struct hz_event done;
    r->shape[0] = ids->n;
    hz_status status = hz_session_open(&s, &o->model, false, err);
    if (status == HZ_OK)
        status = hz_session_load(&s, &o->engine, &needs, err);
    if (status == HZ_OK)
        status = hz_pull(s.engine, &request, take, r, &done, err);
    hz_session_close(&s);
    return status;
}

static hz_status run(const void *values, const struct hz_texts *operands, struct hz_error *err)
{
    (void)operands;
    const struct logits_opts *o = values;
    hz_general_apply(&o->general);
    struct hz_id_list ids = {0};
    struct result r = {0};
    hz_status status = hz_id_list_load(o->ids, &ids, err);
    if (status == HZ_OK)
        status = compute(o, &ids, &r, err);
    if (status == HZ_OK) {
        const uint64_t n_greedy = r.n_greedy;
        const struct hz_array arrays[] = {
            {"logits", HZ_ARRAY_F32, 2, r.shape, r.logits},
            {"greedy", HZ_ARRAY_I32, 1, &n_greedy, r.greedy},
        };
        status = hz_write_arrays(o->out, arrays, HZ_COUNT(arrays), err);
    }
    free(r.logits);
    free(r.greedy);
    hz_id_list_free(&ids);
    return status;
}

#define AT(member) offsetof(struct logits_opts, member)
static const struct hz_opt opts[] = {
    {0, "ids", "FILE.json", HZ_OPT_TEXT, AT(ids), .required = true, .help = "the prompt: a JSON array of token ids"},
    {'o', "output", "FILE", HZ_OPT_TEXT, AT(out), .required = true,
     .help = "the safetensors file to write: `logits`, float32 [T, vocabulary], and `greedy`, int32 [N]"},
    {0, "greedy", "N", HZ_OPT_INT, AT(greedy), 0, INT32_MAX, .help = "append N ids by greedy decoding (0)"},
};
static const struct hz_opt_group groups[] = {
    {"Options", opts, HZ_COUNT(opts), 0},
    {"Model", hz_model_opt_list, HZ_MODEL_OPTS, AT(model)},
    {"Engine", hz_engine_opt_list, HZ_ENGINE_OPTS, AT(engine)},
    {"General", hz_general_opt_list, HZ_GENERAL_OPTS, AT(general)},
};
static const struct logits_opts defaults;

const struct hz_command hz_command_logits = {
    .name = "logits",
    .summary = "write the logits of a prompt to a safetensors file",
    .groups = groups,
    .n_groups = HZ_COUNT(groups),
    .defaults = &defaults,
    .size = sizeof defaults,
    .run = run,
};
