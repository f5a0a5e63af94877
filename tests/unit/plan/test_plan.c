/* Plans: what the check refuses, how groups are cut, which runs fuse, that values never share memory while both live,
 * which rope table a sequence gets, and what a batch must keep to. */
#include "plan/batch.h"

#include <math.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { WIDTH = 32, VOCAB = 50 };

static uint32_t weight(struct hz_plan *p, uint32_t rows, uint32_t cols, unsigned uses)
{
    struct hz_piece piece = {.tensor = "w", .count = rows};
    struct hz_weight w = {"w", rows, cols, 0, uses, &piece, 1, 0};
    return hz_plan_weight(p, &w);
}

/* Layers of attention and a gated MLP; the first n_windowed of them slide. */
static struct hz_plan *make(uint32_t n_layers, uint32_t n_windowed)
{
    struct hz_plan *p = hz_plan_new("test");
    uint32_t embed = weight(p, VOCAB, WIDTH, HZ_USE_EMBED | HZ_USE_LINEAR), norm = weight(p, 1, WIDTH, HZ_USE_VECTOR);
    float freq[4] = {1, 0.5f, 0.25f, 0.125f};
    struct hz_rope r = {.rot = 8, .n_variants = 1, .inv_freq = {freq}, .scale = {1}};
    uint32_t rope = hz_plan_rope(p, &r);
    struct hz_operand x = hz_op_embed(p, embed, HZ_BY_ID);
    for (uint32_t i = 0; i < n_layers; i++) {
        hz_plan_layer(p, (int32_t)i);
        struct hz_attention a = {4, 2, 8, 8, i < n_windowed ? 100 : 0, 1, 0};
        struct hz_operand h = hz_op_norm(p, x, HZ_NORM_RMS, 1e-6f, 0, norm, HZ_NONE);
        struct hz_operand q = hz_op_linear(p, h, weight(p, 32, WIDTH, HZ_USE_LINEAR), HZ_NONE);
        struct hz_operand k = hz_op_linear(p, h, weight(p, 16, WIDTH, HZ_USE_LINEAR), HZ_NONE);
        struct hz_operand v = hz_op_linear(p, h, weight(p, 16, WIDTH, HZ_USE_LINEAR), HZ_NONE);
        q = hz_op_rope(p, q, rope, 8, 0, false);
        k = hz_op_rope(p, k, rope, 8, 0, false);
        h = hz_op_linear(p, hz_op_attention(p, q, k, v, &a), weight(p, WIDTH, 32, HZ_USE_LINEAR), HZ_NONE);
        x = hz_op_add(p, x, h, 1, 1);
        h = hz_op_norm(p, x, HZ_NORM_RMS, 1e-6f, 0, norm, HZ_NONE);
        struct hz_operand gate = hz_op_linear(p, h, weight(p, 64, WIDTH, HZ_USE_LINEAR), HZ_NONE);
        struct hz_operand up = hz_op_linear(p, h, weight(p, 64, WIDTH, HZ_USE_LINEAR), HZ_NONE);
        h = hz_op_linear(p, hz_op_glu(p, gate, up, HZ_ACT_SILU), weight(p, WIDTH, 64, HZ_USE_LINEAR), HZ_NONE);
        x = hz_op_add(p, x, h, 1, 1);
    }
    hz_plan_layer(p, -1);
    x = hz_op_take_outputs(p, x);
    hz_plan_finish(p, hz_op_linear(p, hz_op_norm(p, x, HZ_NORM_RMS, 1e-6f, 0, norm, HZ_NONE), embed, HZ_NONE), WIDTH);
    return p;
}

static void refuse(struct hz_plan *p, const char *word)
{
    struct hz_error err;
    assert_int_not_equal(hz_plan_check(p, &err), HZ_OK);
    if (!strstr(err.text, word))
        fail_msg("\"%s\" does not say \"%s\"", err.text, word);
    hz_plan_free(p);
}

static void check(void **state)
{
    (void)state;
    struct hz_plan *p = make(2, 1);
    assert_int_equal(hz_plan_check(p, NULL), HZ_OK);
    hz_plan_free(p);

    p = make(1, 0);
    p->ops[3].kind = HZ_OP_DELTA;
    refuse(p, "delta");
    p = make(1, 0);
    p->ops[1].in[0].cols = WIDTH + 1;
    refuse(p, "columns");
    p = make(1, 0);
    p->ops[1].in[0].value = p->ops[5].out; /* not written yet */
    refuse(p, "earlier");
    p = make(1, 0);
    p->ops[2].device = 1;
    refuse(p, "device");
    p = make(1, 0);
    p->weights[0].cols = WIDTH + 32;
    refuse(p, "w is [50, 64]");
    p = make(1, 0);
    p->ops[8].u.attend.kv_heads = 3;
    refuse(p, "attend");
    p = make(1, 0);
    p->logits = p->ops[0].out;
    refuse(p, "logits");
    p = make(1, 0); /* an arch that cuts outside its value */
    hz_op_add(p, hz_cols((struct hz_operand){0, 0, WIDTH}, 30, 10), (struct hz_operand){0, 0, 10}, 1, 1);
    refuse(p, "outside");
}

static void groups_fill_blocks(void **state)
{
    (void)state;
    uint64_t block;
    struct hz_plan *p = make(18, 15); /* Gemma 3 270M: 15 layers slide, 3 do not */
    assert_int_equal(hz_plan_split_groups(p, 2, &block, NULL), HZ_OK);
    assert_int_equal(p->n_groups, 6);
    for (uint32_t g = 0; g < p->n_groups; g++) {
        assert_int_equal(p->groups[g].n_layers, 3);
        assert_int_equal(p->groups[g].window, g < 5 ? 100 : 0);
    }
    assert_int_equal(block, 3 * 32 * 2 * (8 + 8) * 2);
    assert_int_equal(hz_plan_check(p, NULL), HZ_OK); /* every append and attend was renumbered alike */
    uint64_t seen = 0;
    for (uint32_t i = 0; i < p->n_ops; i++)
        if (p->ops[i].kind == HZ_OP_APPEND)
            seen |= 1ull << (p->ops[i].u.append.group * 3 + p->ops[i].u.append.layer);
    assert_int_equal(seen, (1ull << 18) - 1);
    hz_plan_free(p);

    p = make(130, 129); /* more groups than there may be: blocks grow */
    assert_int_equal(hz_plan_split_groups(p, 2, &block, NULL), HZ_OK);
    assert_in_range(p->n_groups, 1, HZ_MAX_GROUPS);
    assert_int_equal(hz_plan_check(p, NULL), HZ_OK);
    hz_plan_free(p);
}

static void runs_fuse(void **state)
{
    (void)state;
    const enum hz_fusion expected[] = {HZ_FUSE_ROWS,    /* embed, norm */
                                       HZ_FUSE_LINEARS, /* q, k, v */
                                       HZ_FUSE_ROWS,    /* ropes, append */
                                       HZ_FUSE_NONE,    /* attend */
                                       HZ_FUSE_LINEARS, /* o */
                                       HZ_FUSE_ROWS,    /* add, norm */
                                       HZ_FUSE_GATED,   HZ_FUSE_LINEARS, HZ_FUSE_ROWS, HZ_FUSE_ROWS, HZ_FUSE_LINEARS};
    struct hz_plan *p = make(1, 0);
    assert_int_equal(hz_plan_group(p, ~0u, NULL), HZ_OK);
    assert_int_equal(p->n_fusions, HZ_COUNT(expected));
    uint32_t next = 0;
    for (uint32_t i = 0; i < p->n_fusions; i++) {
        assert_int_equal(p->fusions[i].fusion, expected[i]);
        assert_int_equal(p->fusions[i].first, next);
        next += p->fusions[i].count;
    }
    assert_int_equal(next, p->n_ops);
    assert_int_equal(hz_plan_group(p, 0, NULL), HZ_OK); /* a backend that fuses nothing */
    assert_int_equal(p->n_fusions, p->n_ops);
    hz_plan_free(p);
}

/* The group in which an op lies. */
static uint32_t group_of(const struct hz_plan *p, uint32_t op)
{
    uint32_t g = 0;
    while (op >= p->fusions[g].first + p->fusions[g].count)
        g++;
    return g;
}

static void values_do_not_share(void **state)
{
    (void)state;
    struct hz_plan *p = make(3, 1);
    assert_int_equal(hz_plan_group(p, ~0u, NULL), HZ_OK);
    assert_int_equal(hz_plan_buffers(p, NULL), HZ_OK);
    uint32_t *last = calloc(p->n_values, sizeof *last);
    for (uint32_t i = 0; i < p->n_ops; i++) {
        last[p->ops[i].out] = group_of(p, i);
        for (uint32_t k = 0; k < p->ops[i].n_in; k++)
            last[p->ops[i].in[k].value] = group_of(p, i);
    }
    for (uint32_t a = 0; a < p->n_values; a++)
        for (uint32_t b = a + 1; b < p->n_values; b++) {
            bool same_buffer = (p->values[a].rows == HZ_ROWS_OUTPUTS) == (p->values[b].rows == HZ_ROWS_OUTPUTS);
            if (p->offset[a] == UINT64_MAX || p->offset[b] == UINT64_MAX || !same_buffer)
                continue;
            uint32_t born = group_of(p, p->values[b].def); /* b is younger */
            bool both_live = last[a] >= born;
            bool overlap = p->offset[a] < p->offset[b] + hz_row_stride(p->values[b].width) &&
                           p->offset[b] < p->offset[a] + hz_row_stride(p->values[a].width);
            assert_false(both_live && overlap);
        }
    assert_true(p->token_floats < 600); /* three layers need no more memory than one */
    free(last);
    hz_plan_free(p);
}

static void rope_choices(void **state)
{
    (void)state;
    const float one[2] = {1, 0.01f}, two[2] = {0.5f, 0.001f};
    float freq[2], scale;
    struct hz_rope plain = {.rot = 4, .n_variants = 1, .inv_freq = {one}, .scale = {1}};
    assert_int_equal(hz_rope_choose(&plain, 1 << 20), 0);
    struct hz_rope longrope = {.rot = 4, .n_variants = 2, .inv_freq = {one, two}, .scale = {1, 2}, .limit = 100};
    assert_int_equal(hz_rope_choose(&longrope, 100), 0);
    assert_int_equal(hz_rope_choose(&longrope, 101), 1);
    assert_true(hz_rope_freqs(&longrope, 1, freq, &scale) && freq[0] == 0.5f && scale == 2);
    assert_false(hz_rope_freqs(&longrope, 2, freq, &scale));
    struct hz_rope dynamic = {.rot = 4,
                              .n_variants = 1,
                              .inv_freq = {one},
                              .scale = {1},
                              .limit = 128,
                              .dynamic = true,
                              .base = 10000,
                              .factor = 2};
    assert_int_equal(hz_rope_choose(&dynamic, 128), 0); /* not at the limit, beyond it */
    assert_int_equal(hz_rope_choose(&dynamic, 160), 160);
    assert_true(hz_rope_freqs(&dynamic, 160, freq, &scale));
    double base = 10000 * pow(2.0 * 160 / 128 - 1, 4.0 / 2.0); /* transformers' formula, dim 4 */
    assert_true(fabs(freq[1] - 1 / sqrt(base)) < 1e-9);
    assert_false(hz_rope_freqs(&dynamic, 100, freq, &scale));
}

static void print(void **state)
{
    (void)state;
    struct hz_plan *p = make(1, 1);
    struct hz_buf out;
    hz_buf_init(&out, 1 << 16);
    hz_plan_print(p, &out);
    assert_non_null(strstr(out.data, "%0 tokens[32] = embed w[50, 32] by id\n"));
    assert_non_null(strstr(out.data, "= attend %5 %7 heads=4/2 dim=8 scale=1 window=100\n"));
    hz_buf_free(&out);
    hz_plan_free(p);
}

/* ---- batches --------------------------------------------------------------------------------- */

static struct hz_batch *one_row(void *block, const struct hz_batch_limits *limits)
{
    struct hz_batch *b = hz_batch_init(block, limits);
    b->n_rows = b->n_seqs = b->n_outputs = 1;
    b->n_pages = 2;
    hz_batch_rows(b)[0] = (struct hz_batch_row){.id = 3, .from_slot = HZ_NONE, .index = 40, .wanted = HZ_WANTED_LOGITS};
    hz_batch_seqs(b)[0] = (struct hz_batch_seq){.n_rows = 1, .before = 40, .n_pages = 2};
    hz_batch_outputs(b)[0] = 0;
    hz_batch_pages(b)[0] = 1;
    hz_batch_pages(b)[1] = 2;
    return b;
}

static void batches(void **state)
{
    (void)state;
    const struct hz_batch_limits limits = {4, 2, 2, 8};
    struct hz_plan *p = make(1, 0);
    void *block = hz_alloc_aligned(hz_batch_bytes(&limits));
    struct hz_batch *b = one_row(block, &limits);
    assert_int_equal(hz_batch_check(b, &limits, p, 3, 1, NULL), HZ_OK);
    assert_int_equal(hz_batch_check(b, &limits, p, 2, 1, NULL), HZ_E_INVALID); /* block 2 of 2 */
#define REFUSED(change)                                                                                                \
    do {                                                                                                               \
        b = one_row(block, &limits);                                                                                   \
        change;                                                                                                        \
        assert_int_not_equal(hz_batch_check(b, &limits, p, 3, 1, NULL), HZ_OK);                                        \
    } while (0)
    REFUSED(hz_batch_rows(b)[0].id = VOCAB);
    REFUSED(hz_batch_rows(b)[0].id = -1);
    REFUSED(hz_batch_rows(b)[0].from_slot = 1);
    REFUSED(hz_batch_rows(b)[0].index = 41);
    REFUSED(hz_batch_rows(b)[0].seq = 1);
    REFUSED(hz_batch_rows(b)[0].span = 1);
    REFUSED(hz_batch_rows(b)[0].tree = 1);
    REFUSED(hz_batch_rows(b)[0].wanted = HZ_WANTED_HIDDEN);
    REFUSED(hz_batch_rows(b)[0].wanted = HZ_WANTED_NOTHING);
    REFUSED(hz_batch_seqs(b)[0].slot = 1);
    REFUSED(hz_batch_seqs(b)[0].n_pages = 1);
    REFUSED(hz_batch_seqs(b)[0].adapter = 1);
    REFUSED(hz_batch_seqs(b)[0].state_read = 1);
    REFUSED(hz_batch_pages(b)[0] = 0); /* nothing slid out of a group without a window */
    REFUSED(b->n_rows = 5);
    REFUSED(b->n_pages = 1);
#undef REFUSED
    b = one_row(block, &limits);
    hz_batch_rows(b)[1] = (struct hz_batch_row){.seq = HZ_NONE, .from_slot = HZ_NONE}; /* padding */
    b->n_rows = 2;
    assert_int_equal(hz_batch_check(b, &limits, p, 3, 1, NULL), HZ_OK);
    hz_free_aligned(block, hz_batch_bytes(&limits));
    hz_plan_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check),        cmocka_unit_test(groups_fill_blocks),
        cmocka_unit_test(runs_fuse),    cmocka_unit_test(values_do_not_share),
        cmocka_unit_test(rope_choices), cmocka_unit_test(print),
        cmocka_unit_test(batches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
