/* attend_tmpl.h - the template of attention over one tile, for the vectors of the vec.h included before it:
 *   ATTEND_ROWS, ATTEND_COLS   the block of sums in registers: 3, 6 or 12 rows by vectors
 *   V_NAME(kernel)             the kernel's name in this rung
 * It defines hz_kern_attend_<rung>.
 *
 * Scores are q [rows][head_dim] times K [head_dim][32], values p [rows][32] times V [32][v_dim]: the same product,
 * which mul_add computes in blocks. Each sum runs through its depth in one order in every block size, and a row always
 * takes all 32 keys, those it does not see with weight 0: so its bits do not depend on the rows beside it. */
#include "kern/fill.h"
#include "kern/vec_math_tmpl.h"

#include <math.h>

struct tile {
    const void *k, *v;
    ptrdiff_t next;
    uint32_t head_dim, v_dim;
};

V_INLINE size_t kv_size(enum hz_kv_type type)
{
    return type == HZ_KV_F32 ? sizeof(float) : sizeof(uint16_t);
}

V_INLINE const void *at(enum hz_kv_type type, const void *p, size_t i)
{
    return (const char *)p + i * kv_size(type);
}

V_INLINE vf load(enum hz_kv_type type, const void *p, size_t at, uint32_t lanes)
{
    if (type == HZ_KV_F32)
        return lanes == VW ? v_load((const float *)p + at) : v_loadn((const float *)p + at, lanes, 0);
    return lanes == VW ? v_load_f16((const uint16_t *)p + at) : v_loadn_f16((const uint16_t *)p + at, lanes);
}

/* acc[r][c] += sum over i < depth of a[r][i] * b[i][c * VW ..], b's rows ldb apart, the last vector of `lanes`. What
 * lies `next` bytes behind b is prefetched: in one burst before the work it would fill the line buffers and wait. */
V_INLINE void mul_add(const uint32_t rows, const uint32_t cols, enum hz_kv_type type, const float *const *a,
                      const void *b, ptrdiff_t next, size_t ldb, uint32_t lanes, uint32_t depth, vf (*acc)[ATTEND_COLS])
{
    for (uint32_t i = 0; i < depth; i++) {
        vf x[ATTEND_COLS];
        for (size_t line = 0; next && line < cols * VW * kv_size(type); line += 64)
            __builtin_prefetch((const char *)b + next + i * ldb * kv_size(type) + line);
        V_UNROLL
        for (uint32_t c = 0; c < cols; c++)
            x[c] = load(type, b, i * ldb + c * VW, c + 1 < cols ? VW : lanes);
        V_UNROLL
        for (uint32_t r = 0; r < rows; r++) {
            vf y = v_set(a[r][i]);
            V_UNROLL
            for (uint32_t c = 0; c < cols; c++)
                acc[r][c] = v_fma(x[c], y, acc[r][c]);
        }
    }
}

/* One row's scores s to weights, in place, its maximum and sum brought up to date. Returns what its o must be
 * multiplied with: 1 for most tiles, since a maximum is seldom beaten, and 0 for the first. */
static float weigh(float softcap, struct hz_attend_row *row, float *s)
{
    vf x[HZ_KV_TILE / VW], top = v_set(-INFINITY), none = top, sum = v_set(0), m = v_set(row->m);
    bool all = row->to - row->from == HZ_KV_TILE;
    float fix = 1;

    V_UNROLL
    for (uint32_t t = 0; t < HZ_KV_TILE / VW; t++) {
        x[t] = v_load(s + t * VW);
        if (softcap > 0)
            x[t] = v_mul(v_tanh(v_div(x[t], v_set(softcap))), v_set(softcap * 1.44269504f));
        if (!all) {
            vf key = v_add(v_iota(), v_set((float)(t * VW)));
            x[t] = v_pick(v_lt(key, v_set((float)row->from)), none, x[t]);
            x[t] = v_pick(v_lt(key, v_set((float)row->to)), x[t], none);
        }
        top = v_max(x[t], top);
    }
    if (v_any(v_lt(m, top))) {
        m = v_set(v_top(top));
        fix = v_first(v_exp2(v_sub(v_set(row->m), m)));
        row->m = v_first(m);
    }
    V_UNROLL
    for (uint32_t t = 0; t < HZ_KV_TILE / VW; t++) {
        vf p = v_exp2(v_sub(x[t], m));
        v_store(s + t * VW, p);
        sum = v_add(sum, p);
    }
    row->l = row->l * fix + v_sum(sum);
    return fix;
}

/* s[r] = q of row r times K. */
V_INLINE void scores(const uint32_t rows, enum hz_kv_type type, const struct tile *tile,
                     const struct hz_attend_row *row, float (*s)[HZ_KV_TILE])
{
    const float *q[ATTEND_ROWS];
    for (uint32_t r = 0; r < rows; r++)
        q[r] = row[r].q;
    for (uint32_t t = 0; t < HZ_KV_TILE; t += ATTEND_COLS * VW) {
        vf acc[ATTEND_ROWS][ATTEND_COLS];
        V_UNROLL
        for (uint32_t r = 0; r < rows; r++) {
            V_UNROLL
            for (uint32_t c = 0; c < ATTEND_COLS; c++)
                acc[r][c] = v_set(0);
        }
        mul_add(rows, ATTEND_COLS, type, q, at(type, tile->k, t), tile->next, HZ_KV_TILE, VW, tile->head_dim, acc);
        V_UNROLL
        for (uint32_t r = 0; r < rows; r++) {
            V_UNROLL
            for (uint32_t c = 0; c < ATTEND_COLS; c++)
                v_store(&s[r][t + c * VW], acc[r][c]);
        }
    }
}

/* o = o * fix + p V for `cols` vectors of o from column d, the last one of `lanes`. */
V_INLINE void values_at(const uint32_t rows, const uint32_t cols, enum hz_kv_type type, const struct tile *tile,
                        uint32_t d, uint32_t lanes, const float *const *p, const float *fix, struct hz_attend_row *row)
{
    vf acc[ATTEND_ROWS][ATTEND_COLS];
    V_UNROLL
    for (uint32_t r = 0; r < rows; r++) {
        V_UNROLL
        for (uint32_t c = 0; c < cols; c++)
            acc[r][c] = v_mul(load(HZ_KV_F32, row[r].o, d + c * VW, c + 1 < cols ? VW : lanes), v_set(fix[r]));
    }
    mul_add(rows, cols, type, p, at(type, tile->v, d), tile->next, tile->v_dim, lanes, HZ_KV_TILE, acc);
    V_UNROLL
    for (uint32_t r = 0; r < rows; r++) {
        V_UNROLL
        for (uint32_t c = 0; c < cols; c++) {
            if (c + 1 < cols || lanes == VW)
                v_store(row[r].o + d + c * VW, acc[r][c]);
            else
                v_storen(row[r].o + d + c * VW, lanes, acc[r][c]);
        }
    }
}

V_INLINE void values(const uint32_t rows, enum hz_kv_type type, const struct tile *tile, float (*s)[HZ_KV_TILE],
                     const float *fix, struct hz_attend_row *row)
{
    const float *p[ATTEND_ROWS];
    for (uint32_t r = 0; r < rows; r++)
        p[r] = s[r];
    uint32_t d = 0;
    for (; d + ATTEND_COLS * VW <= tile->v_dim; d += ATTEND_COLS * VW)
        values_at(rows, ATTEND_COLS, type, tile, d, VW, p, fix, row);
    for (; d + VW <= tile->v_dim; d += VW)
        values_at(rows, 1, type, tile, d, VW, p, fix, row);
    if (d < tile->v_dim)
        values_at(rows, 1, type, tile, d, tile->v_dim - d, p, fix, row);
}

#define BLOCK(rows)                                                                                                    \
    case rows:                                                                                                         \
        if (score)                                                                                                     \
            scores(rows, type, &tile, row, s);                                                                         \
        else                                                                                                           \
            values(rows, type, &tile, s, fix, row);                                                                    \
        break

/* Scores or values of n rows in blocks of equal size, the first ones larger by one: 9 rows are 5 and 4, as 8 and 1
 * would waste the last. */
V_INLINE void product(bool score, enum hz_kv_type type, struct tile tile, float (*s)[HZ_KV_TILE], const float *fix,
                      struct hz_attend_row *row, uint32_t n)
{
    for (uint32_t blocks = (n + ATTEND_ROWS - 1) / ATTEND_ROWS; blocks > 0; blocks--) {
        uint32_t rows = (n + blocks - 1) / blocks;
        switch (rows) {
            BLOCK(1);
            BLOCK(2);
            BLOCK(3);
#if ATTEND_ROWS > 3
            BLOCK(4);
            BLOCK(5);
            BLOCK(6);
#endif
#if ATTEND_ROWS > 6
            BLOCK(7);
            BLOCK(8);
            BLOCK(9);
            BLOCK(10);
            BLOCK(11);
            BLOCK(12);
#endif
        }
        row += rows, s += rows, fix += rows;
        n -= rows;
        tile.next = 0;
    }
}

/* Softmax goes row by row between the products of many rows: its long chains of latency then overlap. */
V_INLINE void attend(enum hz_kv_type type, struct tile tile, float softcap, struct hz_attend_row *row, uint32_t n)
{
    enum { AT_ONCE = 4 * ATTEND_ROWS };
    _Alignas(64) float s[AT_ONCE][HZ_KV_TILE];
    float fix[AT_ONCE];
    for (; n > 0; n -= HZ_MIN(n, AT_ONCE), row += AT_ONCE) {
        uint32_t rows = HZ_MIN(n, AT_ONCE);
        product(true, type, tile, s, fix, row, rows);
        for (uint32_t r = 0; r < rows; r++)
            fix[r] = weigh(softcap, &row[r], s[r]);
        product(false, type, tile, s, fix, row, rows);
        tile.next = 0;
    }
}

static void V_NAME(attend_f32)(const void *k, const void *v, ptrdiff_t next, uint32_t head_dim, uint32_t v_dim,
                               float softcap, struct hz_attend_row *rows, uint32_t n)
{
    attend(HZ_KV_F32, (struct tile){k, v, next, head_dim, v_dim}, softcap, rows, n);
}

static void V_NAME(attend_f16)(const void *k, const void *v, ptrdiff_t next, uint32_t head_dim, uint32_t v_dim,
                               float softcap, struct hz_attend_row *rows, uint32_t n)
{
    attend(HZ_KV_F16, (struct tile){k, v, next, head_dim, v_dim}, softcap, rows, n);
}

/* n floats to f16, saturating; out has room for whole vectors. */
V_INLINE void narrow(const float *x, uint32_t n, uint16_t *out)
{
    for (uint32_t i = 0; i < n; i += VW) {
        vf y = load(HZ_KV_F32, x, i, n - i < VW ? n - i : VW);
        v_store_f16(out + i, v_max(v_set(-65504), v_min(v_set(65504), y)));
    }
}

static void V_NAME(kv_put_f16)(void *k_tile, void *v_tile, uint32_t slot, const float *k, const float *v,
                               uint32_t head_dim, uint32_t v_dim)
{
    uint16_t half[64];
    for (uint32_t i = 0; i < head_dim; i += 64) {
        uint32_t n = HZ_MIN(64, head_dim - i);
        narrow(k + i, n, half);
        for (uint32_t j = 0; j < n; j++)
            ((uint16_t *)k_tile)[(size_t)(i + j) * HZ_KV_TILE + slot] = half[j];
    }
    for (uint32_t i = 0; i < v_dim; i += 64) {
        uint32_t n = HZ_MIN(64, v_dim - i);
        narrow(v + i, n, half);
        memcpy((uint16_t *)v_tile + (size_t)slot * v_dim + i, half, n * sizeof *half);
    }
}

void V_NAME(hz_kern_attend)(struct hz_kern *kern)
{
    kern->attend[HZ_KV_F32] = V_NAME(attend_f32);
    kern->attend[HZ_KV_F16] = V_NAME(attend_f16);
    kern->kv_put[HZ_KV_F16] = V_NAME(kv_put_f16); /* _c stores f32 as well as it can be done */
}
