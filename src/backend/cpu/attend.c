/* attend.c - attention over paged caches.
 *
 * Keys come in tiles of 32 counted from index 0, tiles in segments of 512 keys. Each segment is a softmax of its own;
 * the results are joined in order of segments. That order belongs to the row alone, so one thread may do all segments
 * of a row, or several threads one each: the bits are the same. Query heads that share a kv head are done together. */
#include "backend/cpu/cpu.h"

#include <math.h>
#include <string.h>

enum { ALL_SEGMENTS = UINT32_MAX };

struct shape { /* of one attend op */
    const struct hz_op *op;
    uint32_t group_heads, hd, vd, window; /* query heads of a kv head */
    size_t k_bytes, head_bytes;
    float q_scale;
};

static struct shape shape_of(const struct hz_exec *x, const struct hz_op *op)
{
    size_t bytes = hz_backend_cpu.kv_bytes[x->options.precision];
    uint32_t hd = op->u.attend.head_dim, vd = op->u.attend.v_dim;
    float log2e = op->u.attend.softcap != 0 ? 1 : 1.44269504088896340736f;
    return (struct shape){op,
                          op->u.attend.heads / op->u.attend.kv_heads,
                          hd,
                          vd,
                          op->u.attend.window,
                          (size_t)HZ_PAGE_TOKENS * hd * bytes,
                          (size_t)HZ_PAGE_TOKENS * (hd + vd) * bytes,
                          op->u.attend.scale * log2e};
}

/* Tokens whose rows one item takes: as many as keep q and results of all their heads in the first-level cache. */
static uint32_t tokens_of(const struct hz_exec *x, const struct shape *a)
{
    uint32_t rows = HZ_MAX(4096 / HZ_MAX(a->hd, a->vd), 1), tokens = HZ_MAX(rows / a->group_heads, 1);
    return HZ_MIN(tokens, HZ_MAX(x->attend_rows / a->group_heads, 1));
}

static uint32_t first_seen(const struct shape *a, uint32_t index)
{
    return a->window && index >= a->window ? index - a->window + 1 : 0;
}

/* ---- one item -------------------------------------------------------------------------------- */

/* The tile of a kv head in page `page` of the sequence. */
static const uint8_t *tile_at(const struct hz_exec *x, const struct shape *a, const struct hz_batch_seq *s,
                              uint32_t page, uint32_t kv_head)
{
    uint32_t g = a->op->u.attend.group, block = hz_batch_pages(x->batch)[s->tables + g * s->n_pages + page];
    return x->options.cache.buffer->data + x->options.cache.offset + block * x->options.block_bytes +
           ((size_t)a->op->u.attend.layer * a->op->u.attend.kv_heads + kv_head) * a->head_bytes;
}

/* Softmax of the item's rows over one segment, into t->parts. Rows are [token][head of the group]. */
static void segment(struct hz_exec *x, const struct shape *a, const struct hz_attend_item *item, uint32_t seg,
                    struct hz_scratch *t)
{
    const struct hz_batch_seq *s = &hz_batch_seqs(x->batch)[item->seq];
    uint32_t heads = a->group_heads, index = hz_batch_rows(x->batch)[item->first_row].index;
    uint32_t last = index + item->n_rows - 1, page = seg * HZ_SEGMENT_PAGES;
    uint32_t end = HZ_MIN(page + HZ_SEGMENT_PAGES, last / HZ_PAGE_TOKENS + 1);
    for (uint32_t i = 0; i < item->n_rows * heads; i++) {
        float *o = t->part + (size_t)i * a->vd;
        t->parts[i] = (struct hz_attend_row){t->q + (size_t)i * a->hd, o, -INFINITY, 0, 0, 0};
        memset(o, 0, a->vd * sizeof *o);
    }
    for (page = HZ_MAX(page, first_seen(a, index) / HZ_PAGE_TOKENS); page < end; page++) {
        uint32_t from = page * HZ_PAGE_TOKENS, first = item->n_rows, n = 0;
        for (uint32_t r = 0; r < item->n_rows; r++) { /* those that see this page are neighbours */
            uint32_t lo = HZ_MAX(first_seen(a, index + r), from), hi = HZ_MIN(index + r + 1, from + HZ_PAGE_TOKENS);
            if (lo >= hi)
                continue;
            first = HZ_MIN(first, r);
            n++;
            for (uint32_t h = 0; h < heads; h++) {
                t->parts[r * heads + h].from = lo - from;
                t->parts[r * heads + h].to = hi - from;
            }
        }
        const uint8_t *k = tile_at(x, a, s, page, item->kv_head);
        ptrdiff_t next = page + 1 < end ? tile_at(x, a, s, page + 1, item->kv_head) - k : 0;
        if (n)
            x->kern->attend[x->kv](k, k + a->k_bytes, next, a->hd, a->vd, a->op->u.attend.softcap,
                                   t->parts + first * heads, n * heads);
    }
}

/* Joins the result (m, l, o) of a later segment to that of the earlier ones. */
static void join(struct hz_attend_row *row, float m, float l, const float *o, uint32_t vd)
{
    if (m == -INFINITY) /* the row saw nothing of it */
        return;
    float top = fmaxf(row->m, m), a = exp2f(row->m - top), b = exp2f(m - top);
    for (uint32_t i = 0; i < vd; i++)
        row->o[i] = row->o[i] * a + o[i] * b;
    row->l = row->l * a + l * b;
    row->m = top;
}

static void write_result(const struct hz_exec *x, const struct shape *a, uint32_t row, uint32_t head,
                         const struct hz_attend_row *r)
{
    struct hz_operand out = {a->op->out, head * a->vd, a->vd};
    float *to = hz_at(x, out, row), inv = r->l > 0 ? 1 / r->l : 0;
    for (uint32_t i = 0; i < a->vd; i++)
        to[i] = r->o[i] * inv;
}

/* Where segment `seg` of (partial row, head) is kept: m, l, o. Partial rows count the rows of single-row items. */
static float *partial(const struct hz_exec *x, uint32_t row, uint32_t head, uint32_t heads, uint32_t seg)
{
    return x->partials + (((size_t)row * heads + head) * x->most_segments + seg) * x->partial_dim;
}

void hz_attend_run(struct hz_exec *x, const struct hz_step *s, int thread, uint32_t chunk)
{
    const struct hz_attend_item *item = &x->items[chunk];
    const struct shape a = shape_of(x, s->ops);
    struct hz_scratch *t = &x->scratch[thread];
    uint32_t heads = a.group_heads, n = item->n_rows * heads;
    uint32_t index = hz_batch_rows(x->batch)[item->first_row].index;
    for (uint32_t r = 0; r < item->n_rows; r++) {
        const float *q = hz_at(x, s->ops->in[0], item->first_row + r) + item->kv_head * heads * a.hd;
        x->kern->scale(q, a.q_scale, 0, t->q + (size_t)r * heads * a.hd, heads * a.hd);
    }
    if (item->segment != ALL_SEGMENTS) {
        segment(x, &a, item, item->segment, t);
        for (uint32_t h = 0; h < n; h++) {
            float *p = partial(x, item->seq, item->kv_head * heads + h, s->ops->u.attend.heads, item->segment);
            p[0] = t->parts[h].m;
            p[1] = t->parts[h].l;
            memcpy(p + 2, t->parts[h].o, a.vd * sizeof *p);
        }
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        t->rows[i] = (struct hz_attend_row){NULL, t->o + (size_t)i * a.vd, -INFINITY, 0, 0, 0};
        memset(t->rows[i].o, 0, a.vd * sizeof(float));
    }
    for (uint32_t seg = first_seen(&a, index) / HZ_SEGMENT; seg <= (index + item->n_rows - 1) / HZ_SEGMENT; seg++) {
        segment(x, &a, item, seg, t);
        for (uint32_t i = 0; i < n; i++)
            join(&t->rows[i], t->parts[i].m, t->parts[i].l, t->parts[i].o, a.vd);
    }
    for (uint32_t i = 0; i < n; i++)
        write_result(x, &a, item->first_row + i / heads, item->kv_head * heads + i % heads, &t->rows[i]);
}

/* ---- which items ----------------------------------------------------------------------------- */

/* Are there so few items that single rows should be cut by segments? */
static bool cuts_segments(const struct hz_exec *x, const struct shape *a)
{
    uint32_t n = 0, tokens = tokens_of(x, a);
    for (uint32_t q = 0; q < x->batch->n_seqs; q++)
        n += (hz_batch_seqs(x->batch)[q].n_rows + tokens - 1) / tokens * a->op->u.attend.kv_heads;
    return x->dev->threads > 1 && n < 4 * (uint32_t)x->dev->threads && x->batch->n_seqs <= x->partial_rows;
}

static bool is_cut(const struct hz_exec *x, const struct shape *a, const struct hz_batch_seq *s)
{
    uint32_t index = s->before, segments = index / HZ_SEGMENT + 1 - first_seen(a, index) / HZ_SEGMENT;
    return s->n_rows == 1 && segments > 1 && cuts_segments(x, a);
}

static void add_item(struct hz_exec *x, struct hz_attend_item item)
{
    if (x->n_items < x->cap_items) /* compile.c made room for the most there can be */
        x->items[x->n_items++] = item;
}

uint32_t hz_attend_chunks(struct hz_exec *x, const struct hz_step *step)
{
    const struct shape a = shape_of(x, step->ops);
    uint32_t tokens = tokens_of(x, &a);
    x->n_items = 0;
    for (uint32_t q = 0; q < x->batch->n_seqs; q++) {
        const struct hz_batch_seq *s = &hz_batch_seqs(x->batch)[q];
        bool cut = is_cut(x, &a, s);
        for (uint32_t h = 0; h < step->ops->u.attend.kv_heads; h++) {
            for (uint32_t seg = first_seen(&a, s->before) / HZ_SEGMENT; cut && seg <= s->before / HZ_SEGMENT; seg++)
                add_item(x, (struct hz_attend_item){q, s->first_row, 1, h, seg});
            /* The last rows see most: they come first, so that threads end together. */
            for (uint32_t r = (s->n_rows + tokens - 1) / tokens; !cut && r-- > 0;)
                add_item(x, (struct hz_attend_item){q, s->first_row + r * tokens,
                                                    HZ_MIN(tokens, s->n_rows - r * tokens), h, ALL_SEGMENTS});
        }
    }
    return x->n_items;
}

/* Joins the segments of rows that were cut. */
uint32_t hz_merge_chunks(struct hz_exec *x, const struct hz_step *step)
{
    const struct shape a = shape_of(x, step->ops);
    for (uint32_t q = 0; q < x->batch->n_seqs; q++)
        if (is_cut(x, &a, &hz_batch_seqs(x->batch)[q]))
            return x->batch->n_seqs * step->ops->u.attend.heads;
    return 0;
}

void hz_merge_run(struct hz_exec *x, const struct hz_step *step, int thread, uint32_t chunk)
{
    const struct shape a = shape_of(x, step->ops);
    uint32_t heads = step->ops->u.attend.heads, q = chunk / heads, head = chunk % heads;
    const struct hz_batch_seq *s = &hz_batch_seqs(x->batch)[q];
    if (!is_cut(x, &a, s))
        return;
    struct hz_attend_row r = {NULL, x->scratch[thread].o, -INFINITY, 0, 0, 0};
    memset(r.o, 0, a.vd * sizeof *r.o);
    for (uint32_t seg = first_seen(&a, s->before) / HZ_SEGMENT; seg <= s->before / HZ_SEGMENT; seg++) {
        const float *p = partial(x, q, head, heads, seg);
        join(&r, p[0], p[1], p + 2, a.vd);
    }
    write_result(x, &a, s->first_row, head, &r);
}
