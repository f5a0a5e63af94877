/* scheduler.c - the engine thread: takes new requests in, admits them in the order they came, and makes step after
 * step.
 *
 * A sequence is admitted when there are a sampling slot and blocks for all its tokens. When blocks run out later, the
 * newest running sequence gives up its own and waits again, in front; its pages stay remembered as long as nobody needs
 * them. The oldest is therefore never disturbed, and since any sequence fits alone, all come to an end. */
#include "engine/internal.h"

#include "base/os/sys.h"

#include <string.h>

/* Waits while there is nothing to do; takes new requests behind the waiting ones. False: the engine closes. */
static bool take(struct hz_engine *e, bool idle)
{
    hz_mutex_lock(e->lock);
    while (idle && !e->kicked && !e->stopping)
        hz_cond_wait(e->cond, e->lock);
    e->kicked = false;
    struct hz_request **end = &e->waiting;
    while (*end)
        end = &(*end)->next;
    *end = e->incoming;
    for (struct hz_request *r = e->incoming; r; r = r->next)
        e->n_waiting++;
    e->incoming = NULL;
    e->incoming_end = &e->incoming;
    bool stopping = e->stopping;
    hz_mutex_unlock(e->lock);
    return !stopping;
}

static void publish(struct hz_engine *e)
{
    hz_cache_counts(e->cache, &e->now.cache);
    e->now.running = e->n_running;
    e->now.waiting = e->n_waiting;
    hz_mutex_lock(e->lock);
    e->counts = e->now;
    hz_mutex_unlock(e->lock);
}

/* Takes r out of the running or the waiting ones; its blocks and its slot are free again. */
static void take_out(struct hz_engine *e, struct hz_request *r)
{
    for (struct hz_request **at = &e->waiting; *at; at = &(*at)->next)
        if (*at == r) {
            *at = r->next;
            e->n_waiting--;
            return;
        }
    hz_cache_release(e->cache, &r->pages);
    e->slot_used[r->slot] = false;
    uint32_t i = 0;
    while (e->running[i] != r)
        i++;
    e->n_running--;
    memmove(e->running + i, e->running + i + 1, (e->n_running - i) * sizeof(e->running[0]));
}

static void fill_usage(const struct hz_request *r, struct hz_usage *u)
{
    double now = hz_clock();
    u->prompt_tokens = r->n_prompt;
    u->cached_tokens = r->cached_tokens;
    u->completion_tokens = r->n_tokens - r->n_prompt;
    u->queue_s = (r->begun ? r->at_first_step : now) - r->at_start;
    if (r->begun)
        u->prompt_s = (u->completion_tokens ? r->at_first_token : now) - r->at_first_step;
    if (u->completion_tokens)
        u->decode_s = r->at_last_token - r->at_first_token;
}

void hz_scheduler_finish(struct hz_engine *e, struct hz_request *r, enum hz_finish finish, const struct hz_error *err)
{
    take_out(e, r);
    e->now.finished++;
    e->now.cancelled += finish == HZ_FINISH_CANCELLED;
    e->now.failed += finish == HZ_FINISH_ERROR;
    fill_usage(r, &r->usage);
    publish(e); /* who has seen DONE finds it counted */
    hz_request_put_done(r, finish, err);
}

void hz_scheduler_preempt(struct hz_engine *e, struct hz_request *r)
{
    take_out(e, r);
    r->n_rows = 0;
    r->computed = 0;
    r->next = e->waiting; /* it is older than all that wait */
    e->waiting = r;
    e->n_waiting++;
    e->now.preempted++;
}

void hz_scheduler_begin(struct hz_engine *e, struct hz_request *r)
{
    for (uint32_t i = 0; i < e->plan->n_ropes; i++)
        r->rope[i] = hz_rope_choose(&e->plan->ropes[i], r->n_tokens);
    memcpy(r->key, r->rope, sizeof r->rope);
    /* At least one token is left to compute: its logits are wanted. So are those of prompt rows not yet given out. */
    uint32_t most = r->n_tokens - 1;
    if (r->want)
        most = HZ_MIN(most, r->rows_done);
    r->computed = hz_cache_begin(e->cache, &r->pages, r->key, r->key_len, r->tokens, most / HZ_PAGE_TOKENS);
}

/* Blocks that the running sequences still need for the tokens they have. */
static uint64_t blocks_promised(const struct hz_engine *e)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < e->n_running; i++) {
        const struct hz_request *r = e->running[i];
        uint64_t held = 0, need = hz_cache_need(&e->shape, r->n_tokens, HZ_MIN(r->n_tokens, e->chunk));
        for (uint32_t g = 0; g < e->shape.n_groups; g++)
            held += r->pages.n - r->pages.slid[g];
        sum += need > held ? need - held : 0;
    }
    return sum;
}

/* Admits the first waiting request if slot and blocks allow. */
static bool admit(struct hz_engine *e)
{
    struct hz_request *r = e->waiting;
    uint32_t slot = 0;
    if (!r || e->n_running == e->options.max_seqs)
        return false;
    while (e->slot_used[slot])
        slot++;
    uint64_t promised = blocks_promised(e), held = 0;
    hz_scheduler_begin(e, r);
    struct hz_cache_counts counts;
    hz_cache_counts(e->cache, &counts);
    for (uint32_t g = 0; g < e->shape.n_groups; g++)
        held += r->pages.n - r->pages.slid[g];
    uint64_t need = hz_cache_need(&e->shape, r->n_tokens, HZ_MIN(r->n_tokens, e->chunk));
    need -= HZ_MIN(need, held);
    if (e->n_running && promised + need > (uint64_t)counts.free + counts.cached) {
        hz_cache_release(e->cache, &r->pages);
        return false;
    }
    e->waiting = r->next;
    e->n_waiting--;
    r->next = NULL;
    r->slot = slot;
    e->slot_used[slot] = true;
    e->running[e->n_running++] = r;
    if (!r->begun) {
        r->cached_tokens = r->computed;
        e->now.prompt_tokens += r->n_prompt;
        e->now.cached_tokens += r->computed;
    }
    return true;
}

static void sweep_cancelled(struct hz_engine *e)
{
    for (uint32_t i = e->n_running; i-- > 0;)
        if (atomic_load(&e->running[i]->cancelled))
            hz_scheduler_finish(e, e->running[i], HZ_FINISH_CANCELLED, NULL);
    for (struct hz_request *r = e->waiting, *next; r; r = next) {
        next = r->next;
        if (atomic_load(&r->cancelled))
            hz_scheduler_finish(e, r, HZ_FINISH_CANCELLED, NULL);
    }
}

void hz_scheduler_main(void *engine)
{
    struct hz_engine *e = engine;
    bool idle = false;
    while (take(e, idle)) {
        sweep_cancelled(e);
        while (admit(e))
            ;
        idle = hz_step_plan(e) == 0;
        if (!idle)
            hz_step_run(e);
        publish(e);
    }
    while (e->n_running)
        hz_scheduler_finish(e, e->running[e->n_running - 1], HZ_FINISH_CANCELLED, NULL);
    while (e->waiting)
        hz_scheduler_finish(e, e->waiting, HZ_FINISH_CANCELLED, NULL);
}
