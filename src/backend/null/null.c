/* null.c - a backend that computes no model: logits are a hash of all the ids of a sequence, fetched through its page
 * tables. It exists to test the engine at thousands of steps a second, so it is strict where a real backend is fast:
 *
 *  - Every row leaves one word in its page of each cache group: a hash of its id, place, rope choices and of the words
 * it could see. What a row sees it reads back through the page tables, within each group's window. So a wrong page, a
 *    page freed too early, a prefix of another sequence or of another rope table changes every later logit.
 *  - A page that a row must see but that the table does not have fails the run.
 *  - Nothing happens before wait: memory that the engine lets go too early shows.
 *
 * It takes any plan, and weights without reading them. */
#include "backend/backend.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct hz_device {
    int threads;
};

struct hz_buffer {
    unsigned char *data;
    uint64_t bytes;
    bool owned;
};

struct hz_packed {
    char none;
};

struct candidate {
    float p;
    uint32_t id;
};

struct hz_exec {
    const struct hz_plan *plan;
    struct hz_compile_options options;
    float *logits;                /* [limits.outputs][hz_row_stride(n_vocab)] */
    float *edited;                /* [n_vocab] */
    struct candidate *candidates; /* [n_vocab] */
    struct hz_buffer buffer;      /* over logits */
    int32_t *drawn;               /* [n_slots] */
    uint64_t *state;              /* [limits.outputs]: hash behind each wanted row */
    /* enqueued, done by wait */
    const struct hz_batch *batch;
    const struct hz_draw_spec *specs;
    struct hz_drawn *results;
    uint32_t n_specs;
    hz_ticket ticket;
};

static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 33)) * 0xff51afd7ed558ccdu;
    x = (x ^ (x >> 33)) * 0xc4ceb9fe1a85ec53u;
    return x ^ (x >> 33);
}

/* ---- device and memory ----------------------------------------------------------------------- */

static hz_status null_open(const struct hz_device_options *options, struct hz_device **dev, struct hz_error *err)
{
    struct hz_device *d = hz_calloc(1, sizeof *d);
    if (!d)
        return hz_fail_nomem(err, sizeof *d);
    d->threads = options->threads;
    *dev = d;
    return HZ_OK;
}

static void null_close(struct hz_device *dev)
{
    free(dev);
}

static hz_status null_memory(struct hz_device *dev, struct hz_device_memory *out, struct hz_error *err)
{
    (void)dev, (void)err;
    *out = (struct hz_device_memory){(uint64_t)1 << 30, (uint64_t)1 << 30, (uint64_t)1 << 30};
    return HZ_OK;
}

static void null_describe(struct hz_device *dev, struct hz_buf *out)
{
    (void)dev;
    hz_buf_puts(out, "{\"name\": \"null\", \"threads\": 1}");
}

static hz_status null_alloc(struct hz_device *dev, uint64_t bytes, struct hz_buffer **buffer, struct hz_error *err)
{
    (void)dev;
    struct hz_buffer *b = hz_calloc(1, sizeof *b);
    if (b)
        b->data = hz_calloc(bytes ? bytes : 1, 1);
    if (!b || !b->data) {
        free(b);
        return hz_fail_nomem(err, bytes);
    }
    b->bytes = bytes;
    b->owned = true;
    *buffer = b;
    return HZ_OK;
}

static void null_free(struct hz_device *dev, struct hz_buffer *buffer)
{
    (void)dev;
    if (buffer && buffer->owned)
        free(buffer->data);
    free(buffer);
}

static hz_status null_wrap(struct hz_device *dev, const void *mapped, uint64_t bytes, struct hz_buffer **buffer,
                           struct hz_error *err)
{
    (void)dev;
    struct hz_buffer *b = hz_calloc(1, sizeof *b);
    if (!b)
        return hz_fail_nomem(err, sizeof *b);
    b->data = (unsigned char *)(uintptr_t)mapped;
    b->bytes = bytes;
    *buffer = b;
    return HZ_OK;
}

static hz_status inside(struct hz_place at, uint64_t bytes, struct hz_error *err)
{
    if (at.offset <= at.buffer->bytes && bytes <= at.buffer->bytes - at.offset)
        return HZ_OK;
    return hz_fail(err, HZ_E_INTERNAL, "null: %llu bytes at %llu of a buffer of %llu", (unsigned long long)bytes,
                   (unsigned long long)at.offset, (unsigned long long)at.buffer->bytes);
}

static hz_status null_upload(struct hz_device *dev, struct hz_place to, const void *from, uint64_t bytes,
                             struct hz_error *err)
{
    (void)dev;
    HZ_TRY(inside(to, bytes, err));
    memcpy(to.buffer->data + to.offset, from, bytes);
    return HZ_OK;
}

static hz_status null_download(struct hz_device *dev, struct hz_place from, void *to, uint64_t bytes,
                               struct hz_error *err)
{
    (void)dev;
    HZ_TRY(inside(from, bytes, err));
    memcpy(to, from.buffer->data + from.offset, bytes);
    return HZ_OK;
}

static hz_status null_copy(struct hz_device *dev, struct hz_place from, struct hz_place to, uint64_t bytes,
                           struct hz_error *err)
{
    (void)dev;
    HZ_TRY(inside(from, bytes, err));
    HZ_TRY(inside(to, bytes, err));
    memmove(to.buffer->data + to.offset, from.buffer->data + from.offset, bytes);
    return HZ_OK;
}

static hz_status null_pack(struct hz_device *dev, const struct hz_weight *weight, const struct hz_row_source *rows,
                           const struct hz_pack_options *options, struct hz_packed **packed, uint64_t *bytes,
                           struct hz_error *err)
{
    (void)dev, (void)weight, (void)rows, (void)options;
    *packed = hz_calloc(1, sizeof **packed);
    *bytes = 0;
    return *packed ? HZ_OK : hz_fail_nomem(err, sizeof **packed);
}

static void null_unpack(struct hz_device *dev, struct hz_packed *packed)
{
    (void)dev;
    free(packed);
}

/* ---- a plan ---------------------------------------------------------------------------------- */

static hz_status null_supports(struct hz_device *dev, const struct hz_plan *plan, const enum hz_dtype *types,
                               enum hz_precision precision, struct hz_error *err)
{
    (void)dev, (void)plan, (void)types, (void)precision, (void)err;
    return HZ_OK;
}

static void null_discard(struct hz_exec *exec)
{
    if (!exec)
        return;
    free(exec->logits);
    free(exec->edited);
    free(exec->candidates);
    free(exec->drawn);
    free(exec->state);
    free(exec);
}

static hz_status null_compile(struct hz_device *dev, const struct hz_plan *plan, struct hz_packed *const *packed,
                              const struct hz_compile_options *options, struct hz_exec **exec, struct hz_error *err)
{
    (void)dev, (void)packed;
    if (options->block_bytes < HZ_PAGE_TOKENS * sizeof(uint64_t))
        return hz_fail(err, HZ_E_UNSUPPORTED, "null: a cache block of %llu bytes, needs %zu",
                       (unsigned long long)options->block_bytes, HZ_PAGE_TOKENS * sizeof(uint64_t));
    HZ_TRY(inside(options->cache, options->block_bytes * options->n_blocks, err));
    struct hz_exec *e = hz_calloc(1, sizeof *e);
    if (!e)
        return hz_fail_nomem(err, sizeof *e);
    e->plan = plan;
    e->options = *options;
    uint64_t floats = (uint64_t)options->limits.outputs * hz_row_stride(plan->n_vocab);
    e->logits = hz_calloc(floats, sizeof *e->logits);
    e->edited = hz_calloc(plan->n_vocab, sizeof *e->edited);
    e->candidates = hz_calloc(plan->n_vocab, sizeof *e->candidates);
    e->drawn = hz_calloc(options->n_slots, sizeof *e->drawn);
    e->state = hz_calloc(options->limits.outputs, sizeof *e->state);
    if (!e->logits || !e->edited || !e->candidates || !e->drawn || !e->state) {
        null_discard(e);
        return hz_fail_nomem(err, floats * sizeof *e->logits);
    }
    e->buffer = (struct hz_buffer){(unsigned char *)e->logits, floats * sizeof *e->logits, false};
    *exec = e;
    return HZ_OK;
}

static hz_status null_run(struct hz_exec *exec, const struct hz_batch *batch, hz_ticket *ticket, struct hz_error *err)
{
    if (exec->batch)
        return hz_fail(err, HZ_E_INTERNAL, "null: a second run before wait");
    exec->batch = batch;
    *ticket = ++exec->ticket;
    return HZ_OK;
}

static hz_status null_sample(struct hz_exec *exec, const struct hz_draw_spec *specs, struct hz_drawn *results,
                             uint32_t n, hz_ticket *ticket, struct hz_error *err)
{
    if (exec->specs)
        return hz_fail(err, HZ_E_INTERNAL, "null: a second sample before wait");
    exec->specs = specs;
    exec->results = results;
    exec->n_specs = n;
    *ticket = ++exec->ticket;
    return HZ_OK;
}

/* The word of token `index` of a sequence in a group. */
static uint64_t *word_at(const struct hz_exec *e, uint32_t block, uint32_t index)
{
    const struct hz_compile_options *o = &e->options;
    return (uint64_t *)(void *)(o->cache.buffer->data + o->cache.offset + o->block_bytes * block) +
           index % HZ_PAGE_TOKENS;
}

static hz_status run_row(struct hz_exec *e, const struct hz_batch_row *row, const struct hz_batch_seq *seq,
                         const uint32_t *pages, int32_t id, uint64_t *state, struct hz_error *err)
{
    uint64_t seen = 0, own = mix((uint64_t)(uint32_t)id << 32 | row->position[0]);
    for (uint32_t i = 0; i < e->plan->n_ropes; i++)
        own = mix(own ^ seq->rope[i]);
    for (uint32_t g = 0; g < e->plan->n_groups; g++) {
        uint32_t window = e->plan->groups[g].window;
        const uint32_t *table = pages + seq->tables + (size_t)g * seq->n_pages;
        uint32_t first = window && row->index >= window ? row->index - window + 1 : 0;
        for (uint32_t i = first; i <= row->index; i++)
            if (!table[i / HZ_PAGE_TOKENS])
                return hz_fail(err, HZ_E_INTERNAL, "null: token %u of group %u is seen by token %u, but has no page", i,
                               g, row->index);
        for (uint32_t i = first; i < row->index; i++)
            seen +=
                mix(*word_at(e, table[i / HZ_PAGE_TOKENS], i) + (uint64_t)(row->index - i) * 0x9e3779b97f4a7c15u + g);
    }
    *state = mix(own ^ mix(seen));
    for (uint32_t g = 0; g < e->plan->n_groups; g++) {
        uint32_t block = pages[seq->tables + (size_t)g * seq->n_pages + row->index / HZ_PAGE_TOKENS];
        *word_at(e, block, row->index) = mix(*state + g);
    }
    return HZ_OK;
}

static hz_status run_batch(struct hz_exec *e, struct hz_error *err)
{
    const struct hz_batch *b = e->batch;
    const struct hz_compile_options *o = &e->options;
    HZ_TRY(hz_batch_check(b, &o->limits, e->plan, o->n_blocks, o->n_slots, err));
    const struct hz_batch_row *rows = hz_batch_rows(b);
    uint32_t output = 0;
    for (uint32_t r = 0; r < b->n_rows; r++) {
        if (rows[r].seq == HZ_NONE)
            continue;
        uint64_t state = 0;
        int32_t id = rows[r].from_slot == HZ_NONE ? rows[r].id : e->drawn[rows[r].from_slot];
        HZ_TRY(run_row(e, &rows[r], &hz_batch_seqs(b)[rows[r].seq], hz_batch_pages(b), id, &state, err));
        if (rows[r].wanted == HZ_WANTED_LOGITS)
            e->state[output++] = state;
    }
    for (uint32_t i = 0; i < output; i++)
        for (uint32_t v = 0; v < e->plan->n_vocab; v++)
            e->logits[(size_t)i * hz_row_stride(e->plan->n_vocab) + v] =
                (float)(mix(e->state[i] ^ v) >> 40) * 0x1p-21f - 4;
    return HZ_OK;
}

/* ---- drawing --------------------------------------------------------------------------------- */

static int by_logit(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    return x->p != y->p ? (x->p < y->p) - (x->p > y->p) : (x->id > y->id) - (x->id < y->id);
}

/* Fills e->candidates with the allowed ids, largest value first. */
static uint32_t rank(struct hz_exec *e, const float *values, const uint32_t *mask)
{
    uint32_t n = 0;
    for (uint32_t v = 0; v < e->plan->n_vocab; v++)
        if ((!mask || mask[v / 32] >> v % 32 & 1) && values[v] > -INFINITY)
            e->candidates[n++] = (struct candidate){values[v], v};
    qsort(e->candidates, n, sizeof *e->candidates, by_logit);
    return n;
}

static void draw(struct hz_exec *e, const struct hz_draw_spec *spec, struct hz_drawn *out)
{
    const float *logits = e->logits + (size_t)spec->output * hz_row_stride(e->plan->n_vocab);
    struct candidate *c = e->candidates;
    double sum = 0;
    memcpy(e->edited, logits, e->plan->n_vocab * sizeof *logits);
    for (uint32_t i = 0; i < spec->n_edits; i++) {
        const struct hz_edit *edit = &spec->edits[i];
        float x = e->edited[edit->id];
        e->edited[edit->id] = (x > 0 ? x / edit->mul : x * edit->mul) + edit->add;
    }
    uint32_t n = rank(e, e->edited, spec->mask), kept = 0;
    out->id = n ? (int32_t)c[0].id : -1;
    if (spec->temperature > 0 && n) {
        float best = c[0].p;
        n = spec->top_k ? HZ_MIN(n, spec->top_k) : n;
        for (uint32_t i = 0; i < n; i++)
            sum += c[i].p = expf((c[i].p - best) / spec->temperature);
        double all = sum, target;
        for (sum = 0; kept < n && (!kept || (sum < spec->top_p * all && c[kept].p >= spec->min_p)); kept++)
            sum += c[kept].p;
        target = sum * spec->u;
        for (uint32_t i = 0; i < kept; i++) {
            out->id = (int32_t)c[i].id;
            if ((target -= c[i].p) < 0)
                break;
        }
    }
    if (!spec->logprob && !spec->n_top)
        return;
    n = rank(e, logits, NULL);
    sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += exp((double)c[i].p - c[0].p);
    double log_sum = n ? c[0].p + log(sum) : 0;
    out->logprob = out->id < 0 ? 0 : (float)(logits[out->id] - log_sum);
    for (uint32_t i = 0; i < spec->n_top; i++) {
        out->top[i].id = i < n ? (int32_t)c[i].id : -1;
        out->top[i].logprob = i < n ? (float)(c[i].p - log_sum) : -INFINITY;
    }
}

static hz_status null_wait(struct hz_exec *exec, hz_ticket ticket, struct hz_error *err)
{
    hz_status status = HZ_OK;
    (void)ticket; /* there are never more than one run and one sample: all is done */
    if (exec->batch)
        status = run_batch(exec, err);
    for (uint32_t i = 0; i < exec->n_specs && status == HZ_OK; i++) {
        draw(exec, &exec->specs[i], &exec->results[i]);
        exec->drawn[exec->specs[i].slot] = exec->results[i].id;
    }
    exec->batch = NULL;
    exec->specs = NULL;
    exec->n_specs = 0;
    return status;
}

static struct hz_place null_logits(struct hz_exec *exec)
{
    return (struct hz_place){&exec->buffer, 0};
}

const struct hz_backend hz_backend_null = {
    .version = HZ_BACKEND_VERSION,
    .name = "null",
    .kv_bytes = {2, 4},
    .open = null_open,
    .close = null_close,
    .memory = null_memory,
    .describe = null_describe,
    .alloc = null_alloc,
    .free = null_free,
    .wrap = null_wrap,
    .upload = null_upload,
    .download = null_download,
    .copy = null_copy,
    .pack = null_pack,
    .unpack = null_unpack,
    .supports = null_supports,
    .compile = null_compile,
    .discard = null_discard,
    .run = null_run,
    .sample = null_sample,
    .wait = null_wait,
    .logits = null_logits,
};
