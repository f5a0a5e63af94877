/* step.c - one step: which rows, the batch, its run, and what becomes of the results. */
#include "engine/internal.h"

#include "base/os/sys.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- which rows ------------------------------------------------------------------------------ */

struct room {
    uint32_t rows, seqs, outputs;
};

/* A sequence whose length passed the limit of its rope table is computed anew with the next one: cached keys were
 * turned by the old one. For dynamic NTK that is at every token beyond the limit. */
static void restart_outgrown(struct hz_engine *e, struct hz_request *r)
{
    for (uint32_t i = 0; i < e->plan->n_ropes; i++)
        if (hz_rope_choose(&e->plan->ropes[i], r->n_tokens) != r->rope[i]) {
            hz_cache_release(e->cache, &r->pages);
            hz_scheduler_begin(e, r);
            e->now.restarted++;
            return;
        }
}

/* Prompt rows of the chunk computed .. computed+n-1 whose logits the reader wants. */
static uint32_t wanted_rows(const struct hz_request *r, uint32_t n)
{
    uint32_t end = r->want & HZ_WANT_LOGITS ? r->n_prompt : r->n_prompt - 1; /* the last row predicts no prompt token */
    uint32_t first = HZ_MAX(r->computed, r->rows_done), stop = HZ_MIN(r->computed + n, end);
    return r->want && stop > first ? stop - first : 0;
}

/* Chooses as many rows of r as there is room for. */
static void choose_rows(struct hz_engine *e, struct hz_request *r, struct room *room)
{
    uint32_t n = HZ_MIN(HZ_MIN(r->n_tokens - r->computed, room->rows), e->chunk);
    if (!room->seqs || !n)
        return;
    uint32_t most = room->outputs, wanted = wanted_rows(r, n);
    if (r->want & HZ_WANT_LOGITS)
        most = HZ_MIN(most, hz_request_rows_room(r));
    if (wanted > most) {
        n = HZ_MAX(r->computed, r->rows_done) - r->computed + most;
        wanted = most;
    }
    bool draws = n && r->computed + n == r->n_tokens && r->n_tokens < r->n_max;
    /* the drawn row is one of the wanted ones only if that is the last row of the prompt */
    bool extra = draws && !(wanted && (r->want & HZ_WANT_LOGITS) && r->n_tokens == r->n_prompt);
    if (extra && wanted == room->outputs) {
        n--;
        draws = extra = false;
    }
    if (!n)
        return;
    r->n_rows = n;
    r->draws = draws;
    r->n_outputs = wanted + extra;
    room->rows -= n;
    room->seqs--;
    room->outputs -= r->n_outputs;
}

static bool decodes(const struct hz_request *r)
{
    return r->n_tokens > r->n_prompt && r->computed + 1 == r->n_tokens;
}

uint32_t hz_step_plan(struct hz_engine *e)
{
    struct room room = {e->limits.rows, e->limits.seqs, e->limits.outputs};
    uint32_t n = e->n_running, total = 0;
    for (uint32_t i = 0; i < n; i++) {
        e->running[i]->n_rows = 0;
        restart_outgrown(e, e->running[i]);
    }
    for (uint32_t i = 0; i < n; i++) {
        struct hz_request *r = e->running[(e->turn + i) % n];
        if (decodes(r))
            choose_rows(e, r, &room);
    }
    if (!room.rows || !room.seqs)
        e->turn += e->limits.rows; /* some may have got none: the next step begins behind these */
    for (uint32_t i = 0; i < n; i++)
        if (!decodes(e->running[i]))
            choose_rows(e, e->running[i], &room);
    /* Blocks, oldest first; who comes too short takes them from the newest. */
    for (uint32_t i = 0; i < e->n_running; i++) {
        struct hz_request *r = e->running[i];
        if (r->n_rows)
            hz_cache_slide(e->cache, &r->pages, r->computed);
        while (r->n_rows && !hz_cache_extend(e->cache, &r->pages, r->computed + r->n_rows))
            hz_scheduler_preempt(e, e->running[e->n_running - 1]); /* r itself, maybe: then it has no rows */
    }
    for (uint32_t i = 0; i < e->n_running; i++)
        total += e->running[i]->n_rows;
    return total;
}

/* ---- the batch ------------------------------------------------------------------------------- */

static void put_sequence(struct hz_engine *e, struct hz_request *r)
{
    struct hz_batch *b = e->batch;
    struct hz_batch_seq *seq = &hz_batch_seqs(b)[b->n_seqs];
    uint32_t n_pages = (r->computed + r->n_rows + HZ_PAGE_TOKENS - 1) / HZ_PAGE_TOKENS;
    uint32_t first_wanted = r->want ? HZ_MAX(r->computed, r->rows_done) - r->computed : r->n_rows;
    uint32_t n_wanted = wanted_rows(r, r->n_rows);
    *seq = (struct hz_batch_seq){.first_row = b->n_rows,
                                 .n_rows = r->n_rows,
                                 .before = r->computed,
                                 .slot = r->slot,
                                 .tables = b->n_pages,
                                 .n_pages = n_pages};
    memcpy(seq->rope, r->rope, sizeof seq->rope);
    for (uint32_t g = 0; g < e->shape.n_groups; g++) {
        memcpy(hz_batch_pages(b) + b->n_pages, r->pages.blocks + (size_t)g * r->pages.cap,
               n_pages * sizeof *r->pages.blocks);
        b->n_pages += n_pages;
    }
    r->first_row = b->n_rows;
    r->first_output = b->n_outputs;
    for (uint32_t i = 0; i < r->n_rows; i++) {
        uint32_t index = r->computed + i;
        bool wanted = (i >= first_wanted && i < first_wanted + n_wanted) || (r->draws && i + 1 == r->n_rows);
        hz_batch_rows(b)[b->n_rows] = (struct hz_batch_row){.id = r->tokens[index],
                                                            .from_slot = HZ_NONE,
                                                            .seq = b->n_seqs,
                                                            .index = index,
                                                            .position = {index, index, index},
                                                            .wanted = wanted ? HZ_WANTED_LOGITS : HZ_WANTED_NOTHING};
        if (wanted)
            hz_batch_outputs(b)[b->n_outputs++] = b->n_rows;
        b->n_rows++;
    }
    b->n_seqs++;
}

/* Lays out the batch; e->stepped: the requests in it. */
static void put_batch(struct hz_engine *e)
{
    double now = hz_clock();
    e->batch = hz_batch_init(e->batch_block, &e->limits);
    e->n_stepped = 0;
    for (uint32_t i = 0; i < e->n_running; i++) {
        struct hz_request *r = e->running[i];
        if (!r->n_rows)
            continue;
        put_sequence(e, r);
        e->stepped[e->n_stepped++] = r;
        if (!r->begun)
            r->at_first_step = now;
        r->begun = true;
    }
}

/* One spec for every prompt row whose logprob is wanted: the next token of the prompt is drawn, since its logit is
 * raised above all others; the logprob that comes with it is of the logits as they were. */
static uint32_t put_row_specs(struct hz_engine *e, struct hz_request *r, uint32_t n)
{
    uint32_t wanted = wanted_rows(r, r->n_rows), first = HZ_MAX(r->computed, r->rows_done);
    r->first_drawn = n;
    for (uint32_t i = 0; i < wanted && first + i + 1 < r->n_prompt; i++, n++) {
        uint32_t output = r->first_output + i;
        e->raise[n] = (struct hz_edit){.id = (uint32_t)r->tokens[first + i + 1], .mul = 1, .add = 1e30f};
        e->specs[n] = (struct hz_draw_spec){.output = output,
                                            .slot = e->options.max_seqs + output,
                                            .edits = &e->raise[n],
                                            .n_edits = 1,
                                            .top_p = 1,
                                            .logprob = true};
    }
    return n;
}

/* Those, and one for every request that draws; made while the backend computes. There are no more than outputs. */
static uint32_t put_specs(struct hz_engine *e)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < e->n_stepped; i++) {
        struct hz_request *r = e->stepped[i];
        if (r->want & HZ_WANT_PROMPT_LOGPROBS)
            n = put_row_specs(e, r, n);
        if (!r->draws)
            continue;
        struct hz_draw_spec *spec = &e->specs[n];
        *spec = (struct hz_draw_spec){.output = r->first_output + r->n_outputs - 1,
                                      .slot = r->slot,
                                      .mask = r->any_id ? NULL : e->mask,
                                      .n_top = r->n_top,
                                      .logprob = r->logprobs};
        hz_sample_spec(r->sample, r->n_tokens - r->n_prompt, spec);
        r->drawn = &e->drawn[n++];
    }
    return n;
}

/* ---- results --------------------------------------------------------------------------------- */

static bool ends_answer(const struct hz_engine *e, const struct hz_request *r, int32_t id)
{
    for (size_t i = 0; i < e->ends.n && !r->ignore_eos; i++)
        if (e->ends.ids[i] == id)
            return true;
    return false;
}

/* Gives out what detokenizer and stop strings held back. *met: it holds a stop string. */
static hz_status flush_text(struct hz_request *r, bool *met, struct hz_error *err)
{
    const char *piece = "", *text;
    size_t len = 0, n;
    *met = false;
    if (r->detok)
        HZ_TRY(hz_detok_flush(r->detok, &piece, &len, err));
    HZ_TRY(hz_stops_push(r->stops, piece, len, &text, &n, met, err));
    HZ_TRY(hz_request_put_text(r, NULL, NULL, 0, text, n, err));
    if (*met)
        return HZ_OK;
    hz_stops_flush(r->stops, &text, &n);
    return hz_request_put_text(r, NULL, NULL, 0, text, n, err);
}

static bool has_token(const struct hz_engine *e, int32_t id)
{
    return !e->mask || e->mask[id / 32] >> id % 32 & 1;
}

/* The drawn token joins the answer. *finish: whether and how that ends it. */
static hz_status accept(struct hz_engine *e, struct hz_request *r, bool *ends, enum hz_finish *finish,
                        struct hz_error *err)
{
    const struct hz_drawn *drawn = r->drawn;
    const char *piece = "", *text;
    size_t len = 0, n;
    bool met;
    if (drawn->id < 0 || (uint32_t)drawn->id >= e->plan->n_vocab)
        return hz_fail(err, HZ_E_INVALID, "token %u of the answer: no logit is finite after bias and masks",
                       r->n_tokens - r->n_prompt);
    r->at_last_token = hz_clock();
    if (r->n_tokens == r->n_prompt)
        r->at_first_token = r->at_last_token;
    r->tokens[r->n_tokens++] = drawn->id;
    e->now.completion_tokens++;
    hz_sample_push(r->sample, drawn->id, true);
    bool end = ends_answer(e, r, drawn->id);
    if (r->detok && !end && has_token(e, drawn->id)) /* the token that ends the answer isn't part of its text */
        HZ_TRY(hz_detok_push(r->detok, drawn->id, &piece, &len, err));
    HZ_TRY(hz_stops_push(r->stops, piece, len, &text, &n, &met, err));
    HZ_TRY(hz_request_put_text(r, drawn, piece, len, text, n, err));
    *ends = met || end || r->n_tokens == r->n_max;
    *finish = met || end ? HZ_FINISH_STOP : HZ_FINISH_LENGTH;
    if (*ends && !met) {
        HZ_TRY(flush_text(r, &met, err));
        *finish = met ? HZ_FINISH_STOP : *finish;
    }
    return HZ_OK;
}

/* Fetches the wanted prompt rows of this step: n of them, `first` is the first one's place in the prompt. */
static hz_status take_rows(struct hz_engine *e, struct hz_request *r, uint32_t first, uint32_t n, struct hz_error *err)
{
    uint32_t vocab = e->plan->n_vocab;
    struct hz_place at = e->backend->logits(e->exec);
    uint64_t stride = hz_row_stride(vocab) * sizeof(float);
    float *rows = r->want & HZ_WANT_LOGITS ? hz_request_rows_place(r) : NULL;
    at.offset += r->first_output * stride;
    for (uint32_t i = 0; rows && i < n; i++, at.offset += stride)
        HZ_TRY(e->backend->download(e->device, at, rows + (size_t)i * vocab, vocab * sizeof(float), err));
    for (uint32_t i = 0; r->row_logprobs && i < n; i++) {
        const struct hz_drawn *drawn = &e->drawn[r->first_drawn + i];
        bool last = first + i + 1 == r->n_prompt;
        if (last)
            r->row_logprobs[first + i] = NAN; /* nothing follows it */
        else                                  /* another id: that one's logit is -inf, or the row has NaNs */
            r->row_logprobs[first + i] = drawn->id == r->tokens[first + i + 1] ? drawn->logprob : -INFINITY;
    }
    hz_request_put_rows(r, first, n);
    return HZ_OK;
}

static void advance(struct hz_engine *e, struct hz_request *r)
{
    struct hz_error err = {0};
    enum hz_finish finish = HZ_FINISH_LENGTH;
    hz_status status = HZ_OK;
    uint32_t wanted = wanted_rows(r, r->n_rows), first = HZ_MAX(r->computed, r->rows_done);
    if (wanted) {
        status = take_rows(e, r, first, wanted, &err);
        r->rows_done = first + wanted;
    }
    r->computed += r->n_rows;
    hz_cache_commit(e->cache, &r->pages, r->tokens, r->computed);
    bool ends = r->computed == r->n_max;
    if (status == HZ_OK && r->draws)
        status = accept(e, r, &ends, &finish, &err);
    if (status != HZ_OK)
        hz_scheduler_finish(e, r, HZ_FINISH_ERROR, &err);
    else if (ends)
        hz_scheduler_finish(e, r, finish, NULL);
}

void hz_step_run(struct hz_engine *e)
{
    const struct hz_backend *backend = e->backend;
    struct hz_error err = {0};
    hz_ticket ticket;
    put_batch(e);
    hz_status status = backend->run(e->exec, e->batch, &ticket, &err);
    if (status == HZ_OK) {
        uint32_t n = put_specs(e);
        if (n)
            status = backend->sample(e->exec, e->specs, e->drawn, n, &ticket, &err);
        hz_status waited = backend->wait(e->exec, ticket, status == HZ_OK ? &err : NULL);
        status = status == HZ_OK ? waited : status;
    }
    e->now.steps++;
    e->now.rows += e->batch->n_rows;
    for (uint32_t i = 0; i < e->n_stepped; i++)
        if (status == HZ_OK)
            advance(e, e->stepped[i]);
        else
            hz_scheduler_finish(e, e->stepped[i], HZ_FINISH_ERROR, &err);
}
