/* batch.h - what a step computes: one block of plain data without pointers, so that it can be copied to fixed
 * addresses, recorded, replayed and sent elsewhere. Arrays stand behind the head at byte offsets; the accessors below
 * find them. */
#ifndef HZ_PLAN_BATCH_H
#define HZ_PLAN_BATCH_H

#include "plan/plan.h"
#include "quant/edit.h"

enum hz_wanted { HZ_WANTED_NOTHING, HZ_WANTED_LOGITS, HZ_WANTED_HIDDEN /* room */ };

struct hz_batch_row {
    int32_t id;           /* token id; unused if from_slot is set */
    uint32_t from_slot;   /* HZ_NONE, or: the id that sampling slot drew last, which may still be on the device */
    uint32_t seq;         /* into seqs; HZ_NONE: padding, uses block 0 */
    uint32_t index;       /* place in the sequence: where K and V go, what masks compare */
    uint32_t position[3]; /* what rope sees; in text all equal the index */
    uint32_t wanted;      /* enum hz_wanted */
    uint32_t span;        /* room: 0 */
    uint32_t pad;
    uint64_t tree; /* room: 0 */
};

struct hz_batch_seq {
    uint32_t first_row, n_rows;           /* contiguous, indices ascending from `before` */
    uint32_t before;                      /* tokens in the cache already */
    uint32_t slot;                        /* sampling slot */
    uint32_t tables;                      /* where in pages[] its tables begin: n_groups tables of n_pages entries */
    uint32_t n_pages;                     /* ceil((before + n_rows) / 32) */
    uint32_t rope[HZ_MAX_ROPES];          /* hz_rope_choose of each of the plan's tables, in order */
    uint32_t state_read, state_write;     /* room: 0 */
    uint32_t first_snapshot, n_snapshots; /* room: 0 */
    uint32_t adapter;                     /* room: 0 */
    uint32_t pad;
};

struct hz_batch {
    uint32_t bytes;                                  /* of the whole block */
    uint32_t n_rows, n_seqs, n_outputs, n_pages;     /* n_pages: entries of pages[] */
    uint32_t rows_at, seqs_at, outputs_at, pages_at; /* byte offsets */
};

static inline struct hz_batch_row *hz_batch_rows(const struct hz_batch *b)
{
    return (struct hz_batch_row *)((char *)b + b->rows_at);
}

static inline struct hz_batch_seq *hz_batch_seqs(const struct hz_batch *b)
{
    return (struct hz_batch_seq *)((char *)b + b->seqs_at);
}

/* Row numbers of the wanted rows, ascending: output i is row outputs[i]. */
static inline uint32_t *hz_batch_outputs(const struct hz_batch *b)
{
    return (uint32_t *)((char *)b + b->outputs_at);
}

/* Block numbers; page p of group g: pages[seq->tables + g * seq->n_pages + p]. 0 where a window freed it. */
static inline uint32_t *hz_batch_pages(const struct hz_batch *b)
{
    return (uint32_t *)((char *)b + b->pages_at);
}

/* The most a step may hold; a backend sizes its buffers by it. */
struct hz_batch_limits {
    uint32_t rows, seqs, outputs, pages; /* pages: entries over all sequences and groups */
};

/* Bytes of a block with room for the limits. */
uint64_t hz_batch_bytes(const struct hz_batch_limits *limits);
/* Lays out an empty batch in `block` (hz_batch_bytes long, 64-byte aligned): counts 0, offsets set. */
struct hz_batch *hz_batch_init(void *block, const struct hz_batch_limits *limits);
/* Counts within limits, rows of sequences contiguous, outputs ascending, blocks below n_blocks, ids below n_vocab,
 * slots below n_slots, room fields at their defaults: what every backend relies on. */
hz_status hz_batch_check(const struct hz_batch *b, const struct hz_batch_limits *limits, const struct hz_plan *plan,
                         uint32_t n_blocks, uint32_t n_slots, struct hz_error *err);

/* ---- drawing ids from logits ----------------------------------------------------------------- */

enum { HZ_TOP = 20 };

struct hz_draw_spec {
    uint32_t output;             /* which wanted row of the last run */
    uint32_t slot;               /* sampling slot that remembers the id */
    const struct hz_edit *edits; /* each id at most once */
    uint32_t n_edits;
    const uint32_t *mask; /* bit i: id i is allowed; NULL: all. [ceil(n_vocab / 32)] */
    float temperature;    /* 0: greedy */
    uint32_t top_k;       /* 0: all */
    float top_p, min_p;   /* 1, 0: all */
    float u;              /* uniform in [0, 1): a function of the request's seed and the token's index */
    uint32_t n_top;       /* alternatives wanted, at most HZ_TOP */
    bool logprob;
};

struct hz_drawn {
    int32_t id;    /* -1: no finite logit was left (NaN, or everything masked) */
    float logprob; /* of the unedited logits */
    struct {
        int32_t id;
        float logprob;
    } top[HZ_TOP];
};

#endif
