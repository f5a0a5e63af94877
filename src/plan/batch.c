/* batch.c - laying out a batch and checking it. */
#include "plan/batch.h"

#include "base/checked.h"

#include <string.h>

/* Byte offsets of the arrays for these limits; the return value is the size. */
static uint64_t lay_out(const struct hz_batch_limits *l, struct hz_batch *b)
{
    uint64_t rows = hz_align(sizeof *b, 64),
             seqs = hz_align(rows + (uint64_t)l->rows * sizeof(struct hz_batch_row), 64);
    uint64_t outputs = hz_align(seqs + (uint64_t)l->seqs * sizeof(struct hz_batch_seq), 64);
    uint64_t pages = hz_align(outputs + (uint64_t)l->outputs * sizeof(uint32_t), 64);
    uint64_t bytes = hz_align(pages + (uint64_t)l->pages * sizeof(uint32_t), 64);
    *b = (struct hz_batch){(uint32_t)bytes, 0, 0, 0, 0, (uint32_t)rows, (uint32_t)seqs, (uint32_t)outputs,
                           (uint32_t)pages};
    return bytes;
}

uint64_t hz_batch_bytes(const struct hz_batch_limits *limits)
{
    struct hz_batch b;
    return lay_out(limits, &b);
}

struct hz_batch *hz_batch_init(void *block, const struct hz_batch_limits *limits)
{
    struct hz_batch *b = block;
    lay_out(limits, b);
    return b;
}

static hz_status check_row(const struct hz_batch *b, uint32_t i, const struct hz_plan *plan, uint32_t n_slots,
                           struct hz_error *err)
{
    const struct hz_batch_row *r = &hz_batch_rows(b)[i];
    if (r->span || r->tree || r->wanted == HZ_WANTED_HIDDEN)
        return hz_fail(err, HZ_E_UNSUPPORTED, "batch row %u: spans, trees and hidden outputs are not in this build", i);
    if (r->seq == HZ_NONE)
        return r->wanted ? hz_fail(err, HZ_E_INVALID, "batch row %u: padding has no output", i) : HZ_OK;
    if (r->from_slot == HZ_NONE ? r->id < 0 || (uint32_t)r->id >= plan->n_vocab : r->from_slot >= n_slots)
        return hz_fail(err, HZ_E_INVALID, "batch row %u: id %d of %u, slot %u of %u", i, (int)r->id, plan->n_vocab,
                       r->from_slot, n_slots);
    if (r->seq >= b->n_seqs)
        return hz_fail(err, HZ_E_INVALID, "batch row %u: sequence %u of %u", i, r->seq, b->n_seqs);
    const struct hz_batch_seq *s = &hz_batch_seqs(b)[r->seq];
    if (i < s->first_row || i - s->first_row >= s->n_rows || r->index != s->before + (i - s->first_row))
        return hz_fail(err, HZ_E_INVALID, "batch row %u: index %u does not follow its sequence", i, r->index);
    return HZ_OK;
}

static hz_status check_seq(const struct hz_batch *b, uint32_t i, const struct hz_plan *plan, uint32_t n_blocks,
                           uint32_t n_slots, struct hz_error *err)
{
    const struct hz_batch_seq *s = &hz_batch_seqs(b)[i];
    const uint32_t *pages = hz_batch_pages(b);
    uint64_t end = (uint64_t)s->before + s->n_rows, tables = (uint64_t)s->n_pages * plan->n_groups;
    if (s->state_read || s->state_write || s->first_snapshot || s->n_snapshots || s->adapter)
        return hz_fail(err, HZ_E_UNSUPPORTED, "batch sequence %u: state slots and adapters are not in this build", i);
    if (!s->n_rows || (uint64_t)s->first_row + s->n_rows > b->n_rows || s->slot >= n_slots ||
        s->n_pages != (end + HZ_PAGE_TOKENS - 1) / HZ_PAGE_TOKENS || s->tables + tables > b->n_pages)
        return hz_fail(err, HZ_E_INVALID, "batch sequence %u: rows, slot or page tables do not fit the batch", i);
    for (uint32_t g = 0; g < plan->n_groups; g++) {
        uint32_t window = plan->groups[g].window;
        uint32_t seen = window && s->before >= window ? s->before - window + 1 : 0; /* the first index a row looks at */
        for (uint32_t p = 0; p < s->n_pages; p++) {
            uint32_t block = pages[s->tables + g * s->n_pages + p];
            if (block >= n_blocks || (!block && (p + 1) * HZ_PAGE_TOKENS > seen))
                return hz_fail(err, HZ_E_INVALID, "batch sequence %u: page %u of group %u is block %u of %u", i, p, g,
                               block, n_blocks);
        }
    }
    return HZ_OK;
}

hz_status hz_batch_check(const struct hz_batch *b, const struct hz_batch_limits *limits, const struct hz_plan *plan,
                         uint32_t n_blocks, uint32_t n_slots, struct hz_error *err)
{
    uint32_t wanted = 0;
    if (b->n_rows > limits->rows || b->n_seqs > limits->seqs || b->n_outputs > limits->outputs ||
        b->n_pages > limits->pages)
        return hz_fail(err, HZ_E_LIMIT,
                       "batch of %u rows, %u sequences, %u outputs, %u pages: limits are %u, %u, %u, %u", b->n_rows,
                       b->n_seqs, b->n_outputs, b->n_pages, limits->rows, limits->seqs, limits->outputs, limits->pages);
    for (uint32_t i = 0; i < b->n_seqs; i++)
        HZ_TRY(check_seq(b, i, plan, n_blocks, n_slots, err));
    for (uint32_t i = 0; i < b->n_rows; i++) {
        HZ_TRY(check_row(b, i, plan, n_slots, err));
        if (!hz_batch_rows(b)[i].wanted)
            continue;
        if (wanted >= b->n_outputs || hz_batch_outputs(b)[wanted] != i)
            return hz_fail(err, HZ_E_INVALID, "batch row %u is wanted, but is not output %u", i, wanted);
        wanted++;
    }
    if (wanted != b->n_outputs)
        return hz_fail(err, HZ_E_INVALID, "batch has %u outputs for %u wanted rows", b->n_outputs, wanted);
    return HZ_OK;
}
