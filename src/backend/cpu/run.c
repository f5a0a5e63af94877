/* run.c - the driver thread: it takes runs and draws from a queue in order and leads the pool through their steps, so
 * that the engine's own thread makes logit edits and the next batch meanwhile. */
#include "backend/cpu/cpu.h"

#include <stdlib.h>
#include <string.h>

struct job {
    struct hz_exec *exec;
    hz_ticket ticket;
    const struct hz_batch *batch;     /* a run */
    const struct hz_draw_spec *specs; /* or draws */
    struct hz_drawn *results;
    uint32_t n;
};

enum { QUEUE = 16 };

struct hz_queue {
    struct hz_mutex *lock;
    struct hz_cond *changed;
    struct hz_thread *thread;
    struct job jobs[QUEUE];
    uint32_t first, n;
    bool quit;
};

/* ---- on the driver thread -------------------------------------------------------------------- */

/* Goes on to the next step that is worth sharing, doing those of one chunk at once: few threads meet less often, and
 * beside busy processes each meeting may cost a time slice. */
static void next_step(void *arg, int thread)
{
    struct hz_exec *x = arg;
    while (++x->at < x->n_steps) {
        const struct hz_step *s = &x->steps[x->at];
        uint32_t n = s->chunks(x, s);
        if (n > 1 && x->dev->threads > 1) {
            hz_work_set(&x->work, n, x->dev->threads);
            return;
        }
        for (uint32_t i = 0; i < n; i++)
            s->run(x, s, thread, i);
    }
}

static void run_steps(struct hz_pool *pool, int thread, void *arg)
{
    struct hz_exec *x = arg;
    while (x->at < x->n_steps) {
        const struct hz_step *s = &x->steps[x->at];
        uint32_t chunk;
        while (hz_work_next(&x->work, thread, &chunk))
            s->run(x, s, thread, chunk);
        hz_pool_meet(pool, thread, next_step, x);
    }
}

static void do_run(const struct job *j)
{
    struct hz_exec *x = j->exec;
    x->batch = j->batch;
    const struct hz_batch_row *rows = hz_batch_rows(j->batch);
    for (uint32_t i = 0; i < j->batch->n_rows; i++)
        x->ids[i] = rows[i].seq == HZ_NONE         ? 0
                    : rows[i].from_slot == HZ_NONE ? rows[i].id
                                                   : HZ_MAX(x->drawn[rows[i].from_slot], 0);
    x->at = UINT32_MAX; /* before the first */
    next_step(x, 0);
    if (x->at < x->n_steps)
        hz_pool_run(x->dev->pool, run_steps, x);
}

static void draw_one(struct hz_exec *x, const struct hz_draw_spec *d, struct hz_drawn *out, float *scratch)
{
    struct hz_operand logits = {x->plan->logits, 0, x->plan->n_vocab};
    struct hz_draw_result r;
    struct hz_draw_args a = {.logits = hz_at(x, logits, d->output),
                             .n = x->plan->n_vocab,
                             .edits = d->edits,
                             .n_edits = d->n_edits,
                             .mask = d->mask,
                             .temperature = d->temperature,
                             .top_k = d->top_k,
                             .top_p = d->top_p,
                             .min_p = d->min_p,
                             .u = d->u,
                             .n_top = d->n_top,
                             .logprob = d->logprob};
    out->id = -1;
    if (hz_draw(x->kern, &a, scratch, &r, NULL) != HZ_OK)
        return;
    out->id = x->drawn[d->slot] = r.id;
    out->logprob = r.logprob;
    for (uint32_t i = 0; i < d->n_top; i++) {
        out->top[i].id = r.top[i].id;
        out->top[i].logprob = r.top[i].logprob;
    }
}

static void draw_on_thread(struct hz_pool *pool, int thread, void *arg)
{
    (void)pool;
    const struct job *j = arg;
    struct hz_exec *x = j->exec;
    uint32_t i;
    while (hz_work_next(&x->work, thread, &i))
        draw_one(x, &j->specs[i], &j->results[i], x->scratch[thread].draw);
}

static void do_draws(struct job *j)
{
    struct hz_exec *x = j->exec;
    if (j->n == 1) { /* not worth waking anybody */
        draw_one(x, j->specs, j->results, x->scratch[0].draw);
        return;
    }
    hz_work_set(&x->work, j->n, x->dev->threads);
    hz_pool_run(x->dev->pool, draw_on_thread, j);
}

static void drive(void *arg)
{
    struct hz_device *dev = arg;
    struct hz_queue *q = dev->queue;
    hz_mutex_lock(q->lock);
    for (;;) {
        while (!q->n && !q->quit)
            hz_cond_wait(q->changed, q->lock);
        if (!q->n)
            break;
        struct job j = q->jobs[q->first];
        hz_mutex_unlock(q->lock);
        if (j.batch)
            do_run(&j);
        else
            do_draws(&j);
        hz_mutex_lock(q->lock);
        q->first = (q->first + 1) % QUEUE;
        q->n--;
        j.exec->done = j.ticket;
        hz_cond_broadcast(q->changed);
    }
    hz_mutex_unlock(q->lock);
}

/* ---- on the engine's thread ------------------------------------------------------------------ */

hz_status hz_queue_new(struct hz_device *dev, struct hz_error *err)
{
    struct hz_queue *q = dev->queue = hz_calloc(1, sizeof *q);
    if (!q)
        return hz_fail_nomem(err, sizeof *q);
    q->lock = hz_mutex_new();
    q->changed = hz_cond_new();
    if (!q->lock || !q->changed)
        return hz_fail_nomem(err, sizeof *q);
    return hz_thread_start(&q->thread, "hz-compute-0", drive, dev, err);
}

void hz_queue_free(struct hz_device *dev)
{
    struct hz_queue *q = dev->queue;
    if (!q)
        return;
    if (q->thread) {
        hz_mutex_lock(q->lock);
        q->quit = true;
        hz_cond_broadcast(q->changed);
        hz_mutex_unlock(q->lock);
        hz_thread_join(q->thread);
    }
    hz_cond_free(q->changed);
    hz_mutex_free(q->lock);
    free(q);
}

static void enqueue(struct hz_exec *x, struct job job, hz_ticket *ticket)
{
    struct hz_queue *q = x->dev->queue;
    hz_mutex_lock(q->lock);
    while (q->n == QUEUE)
        hz_cond_wait(q->changed, q->lock);
    job.exec = x;
    *ticket = job.ticket = ++x->issued;
    q->jobs[(q->first + q->n++) % QUEUE] = job;
    hz_cond_broadcast(q->changed);
    hz_mutex_unlock(q->lock);
}

hz_status hz_cpu_run(struct hz_exec *x, const struct hz_batch *batch, hz_ticket *ticket, struct hz_error *err)
{
    HZ_TRY(hz_batch_check(batch, &x->options.limits, x->plan, x->options.n_blocks, x->options.n_slots, err));
    enqueue(x, (struct job){.batch = batch}, ticket);
    return HZ_OK;
}

hz_status hz_cpu_sample(struct hz_exec *x, const struct hz_draw_spec *specs, struct hz_drawn *results, uint32_t n,
                        hz_ticket *ticket, struct hz_error *err)
{
    for (uint32_t i = 0; i < n; i++)
        if (specs[i].output >= x->options.limits.outputs || specs[i].slot >= x->options.n_slots ||
            specs[i].n_top > HZ_TOP)
            return hz_fail(err, HZ_E_INVALID, "draw %u: output %u, slot %u or %u alternatives are out of range", i,
                           specs[i].output, specs[i].slot, specs[i].n_top);
    enqueue(x, (struct job){.specs = specs, .results = results, .n = n}, ticket);
    return HZ_OK;
}

hz_status hz_cpu_wait(struct hz_exec *x, hz_ticket ticket, struct hz_error *err)
{
    struct hz_queue *q = x->dev->queue;
    if (ticket > x->issued)
        return hz_fail(err, HZ_E_INVALID, "ticket %llu was never given out", (unsigned long long)ticket);
    hz_mutex_lock(q->lock);
    while (x->done < ticket)
        hz_cond_wait(q->changed, q->lock);
    hz_mutex_unlock(q->lock);
    return HZ_OK;
}
