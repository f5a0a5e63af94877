/* request.c - a request as its reader sees it: events, cancelling, the end. What waits for the reader is joined text
 * and tokens (no more than the answer) and prompt rows (no more than one step's), so a slow reader makes nothing grow.
 */
#include "engine/internal.h"

#include "base/mem.h"
#include "base/os/sys.h"

#include <stdlib.h>
#include <string.h>

/* ---- the engine thread's side ---------------------------------------------------------------- */

/* Wakes whoever waits. Called without locks: the callback may do what it likes but free the request. */
static void wake(struct hz_request *r)
{
    if (r->wake)
        r->wake(r->user);
}

uint32_t hz_request_rows_room(struct hz_request *r)
{
    hz_mutex_lock(r->lock);
    if (!r->rows_n && !r->rows_taken)
        r->rows_at = 0;
    uint32_t room = r->rows_cap - r->rows_at - r->rows_n;
    hz_mutex_unlock(r->lock);
    return room;
}

float *hz_request_rows_place(struct hz_request *r)
{
    hz_mutex_lock(r->lock);
    uint32_t row = r->rows_at + r->rows_n; /* taking rows leaves the sum as it is */
    hz_mutex_unlock(r->lock);
    return r->logits + (size_t)row * r->engine->plan->n_vocab;
}

void hz_request_put_rows(struct hz_request *r, uint32_t first, uint32_t n)
{
    hz_mutex_lock(r->lock);
    if (!r->rows_n)
        r->rows_first = first;
    r->rows_n += n;
    hz_cond_broadcast(r->cond);
    hz_mutex_unlock(r->lock);
    wake(r);
}

static hz_status put_token(struct hz_request *r, const struct hz_drawn *drawn, const char *bytes, size_t n_bytes,
                           struct hz_error *err)
{
    struct hz_outbox *box = &r->pending;
    if (!HZ_GROW(box->tokens, box->n_tokens, box->cap_tokens))
        return hz_fail_nomem(err, box->cap_tokens * sizeof *box->tokens);
    for (uint32_t i = 0; i < r->n_top; i++) {
        if (!HZ_GROW(box->top, box->n_top, box->cap_top))
            return hz_fail_nomem(err, box->cap_top * sizeof *box->top);
        if (drawn->top[i].id >= 0)
            box->top[box->n_top++] = (struct hz_alternative){drawn->top[i].id, drawn->top[i].logprob};
    }
    hz_buf_put(&box->bytes, bytes, n_bytes);
    HZ_TRY(hz_buf_check(&box->bytes, "bytes of waiting tokens", err));
    uint32_t n_top = 0;
    while (n_top < r->n_top && drawn->top[n_top].id >= 0)
        n_top++;
    box->tokens[box->n_tokens++] = (struct hz_token){
        .id = drawn->id, .logprob = r->logprobs ? drawn->logprob : 0, .n_top = n_top, .n_bytes = n_bytes};
    return HZ_OK;
}

hz_status hz_request_put_text(struct hz_request *r, const struct hz_drawn *token, const char *bytes, size_t n_bytes,
                              const char *text, size_t len, struct hz_error *err)
{
    if (!token && !len)
        return HZ_OK;
    hz_mutex_lock(r->lock);
    hz_status status = token ? put_token(r, token, bytes, n_bytes, err) : HZ_OK;
    if (status == HZ_OK) {
        hz_buf_put(&r->pending.text, text, len);
        status = hz_buf_check(&r->pending.text, "waiting text", err);
    }
    hz_cond_broadcast(r->cond);
    hz_mutex_unlock(r->lock);
    wake(r);
    return status;
}

void hz_request_put_done(struct hz_request *r, enum hz_finish finish, const struct hz_error *err)
{
    hz_mutex_lock(r->lock);
    r->done = true;
    r->finish = finish;
    if (err)
        r->error = *err;
    hz_cond_broadcast(r->cond);
    hz_mutex_unlock(r->lock);
    wake(r);
    hz_mutex_lock(r->lock);
    r->detached = true; /* hz_request_free waits for it: no callback comes after that has returned */
    hz_cond_broadcast(r->cond);
    hz_mutex_unlock(r->lock);
}

/* ---- the reader's side ----------------------------------------------------------------------- */

static void clear(struct hz_outbox *box)
{
    hz_buf_clear(&box->text);
    hz_buf_clear(&box->bytes);
    box->n_tokens = box->n_top = 0;
}

/* Hands what is pending to the reader; the tokens' pointers are set now that nothing moves any more. */
static void take_text(struct hz_request *r, struct hz_event *event)
{
    struct hz_outbox box = r->pending;
    r->pending = r->taken;
    clear(&r->pending);
    r->taken = box;
    const char *bytes = box.bytes.data ? box.bytes.data : "";
    const struct hz_alternative *top = box.top;
    for (size_t i = 0; i < box.n_tokens; i++) {
        struct hz_token *t = &box.tokens[i];
        t->bytes = bytes;
        t->top = t->n_top ? top : NULL;
        bytes += t->n_bytes;
        top += t->n_top;
    }
    event->kind = HZ_EVENT_TEXT;
    event->channel = HZ_CHANNEL_CONTENT;
    event->text = box.text.data ? box.text.data : "";
    event->text_len = box.text.len;
    event->tokens = box.tokens;
    event->n_tokens = box.n_tokens;
}

static void take_rows(struct hz_request *r, struct hz_event *event)
{
    event->kind = HZ_EVENT_ROWS;
    event->first_row = r->rows_first;
    event->n_rows = r->rows_n;
    event->n_vocab = r->engine->plan->n_vocab;
    event->logits = r->logits ? r->logits + (size_t)r->rows_at * event->n_vocab : NULL;
    event->logprobs = r->row_logprobs ? r->row_logprobs + r->rows_first : NULL;
    r->rows_at += r->rows_n;
    r->rows_n = 0;
    r->rows_taken = true;
}

/* The next event if there is one. */
static bool take_event(struct hz_request *r, struct hz_event *event)
{
    if (r->rows_n) {
        take_rows(r, event);
    } else if (r->pending.n_tokens || r->pending.text.len) {
        take_text(r, event);
    } else if (r->done) {
        event->kind = HZ_EVENT_DONE;
        event->finish = r->finish;
        event->usage = r->usage;
        event->error = r->error;
    } else {
        return false;
    }
    return true;
}

hz_status hz_request_next(hz_request *r, struct hz_event *event, int timeout_ms)
{
    double until = timeout_ms > 0 ? hz_clock() + timeout_ms / 1000.0 : 0;
    memset(event, 0, sizeof *event);
    hz_mutex_lock(r->lock);
    bool rows_back = r->rows_taken;
    r->rows_taken = false;
    if (rows_back && r->logits) { /* the engine may be waiting for the room */
        hz_mutex_unlock(r->lock);
        hz_engine_kick(r->engine);
        hz_mutex_lock(r->lock);
    }
    bool found;
    while (!(found = take_event(r, event)) && timeout_ms) {
        double left = until - hz_clock();
        if (timeout_ms < 0)
            hz_cond_wait(r->cond, r->lock);
        else if (left > 0)
            hz_cond_wait_for(r->cond, r->lock, (int)(left * 1000) + 1);
        else
            break;
    }
    hz_mutex_unlock(r->lock);
    return found ? HZ_OK : HZ_E_TIMEOUT;
}

void hz_request_cancel(hz_request *r)
{
    atomic_store(&r->cancelled, true);
    hz_engine_kick(r->engine);
}

static void outbox_free(struct hz_outbox *box)
{
    hz_buf_free(&box->text);
    hz_buf_free(&box->bytes);
    free(box->tokens);
    free(box->top);
}

/* Frees what hz_request_start made, however far it came. */
void hz_request_destroy(struct hz_request *r)
{
    if (!r)
        return;
    free(r->key);
    free(r->tokens);
    free(r->pages.blocks);
    hz_sample_free(r->sample);
    hz_detok_free(r->detok);
    hz_stops_free(r->stops);
    free(r->logits);
    free(r->row_logprobs);
    outbox_free(&r->pending);
    outbox_free(&r->taken);
    hz_cond_free(r->cond);
    hz_mutex_free(r->lock);
    free(r);
}

void hz_request_free(hz_request *r)
{
    if (!r)
        return;
    hz_request_cancel(r);
    hz_mutex_lock(r->lock);
    while (!r->detached)
        hz_cond_wait(r->cond, r->lock);
    hz_mutex_unlock(r->lock);
    hz_request_destroy(r);
}
