/* linear_tmpl.h - panels, and products of tiles with them, for one rung whose registers hold a line of a tile or a part
 * of one. kern/tile.h and kern/panel.h say where everything lies. The including file defines first:
 *
 *   R, V, AT_ONCE, EACH_WIDTH    as mul_tmpl.h says
 *   START_HALVES     whether start words are two int16 (panel.h)
 *   vi, vf, v_*, f_* registers and plain instructions, as used below
 *   dot_code(acc, w, x)      acc + unsigned codes (at most ROOM(bits) quads of them) times int8, in the rung's own form
 *   dot_start(p)             such an acc, starting from the panel's start word at p
 *   dot_int(acc)             int32 lanes of it
 *   dot_s8(acc, w, x)        the same for signed codes, acc being int32; S8_START: whether it wants start128
 *   vs, s_zero(), s_scale(pair, odd), s_add(sum, acc, scale), s_float(sum)   sums over the groups of a superblock
 *   HOLD(v)                  keeps the compiler from moving the computation of v
 *   top_bits, put_codes      the parts of quantizing x, declared below */
#ifndef HZ_KERN_LINEAR_TMPL_H
#define HZ_KERN_LINEAR_TMPL_H

#include "kern/c/panel_c.h"
#include "kern/fill.h"
#include "kern/mul_tmpl.h"
#include "kern/panel.h"
#include "kern/to_f32_tmpl.h"

/* ---- panels ---------------------------------------------------------------------------------- */

struct sums { /* of 16 codes: in all, of the columns 0, 1 and of the columns 2, 3 of each quad (if START_HALVES) */
    int32_t all, low, high;
};

/* The bits of the largest magnitude of n values, n a multiple of 32. */
INLINE uint32_t top_bits(const float *in, uint32_t n);
/* The 32 codes of 32 values, and their sums; inverse is not 0. */
INLINE void put_codes(const float *in, float inverse, int8_t *q, struct sums sums[2]);

/* What a sum of codes counted from `zero` starts with (panel.h). */
INLINE int32_t start_word(struct sums s, int32_t zero)
{
    return START_HALVES ? (int32_t)((uint32_t)(-zero * s.low & 0xffff) | (uint32_t)(-zero * s.high) << 16)
                        : -zero * s.all;
}

/* 32 codes and their sums; none where the values are too small or not finite: their products could be NaN. */
INLINE void put_32(const float *in, float inverse, int8_t *q, struct sums sums[2])
{
    if (inverse != 0) {
        put_codes(in, inverse, q, sums);
        return;
    }
    memset(q, 0, 32);
    memset(sums, 0, 2 * sizeof *sums);
}

INLINE void put_x32(uint8_t *step, uint32_t rows, uint32_t t, const float *in)
{
    struct sums two[2];
    float inverse, d = hz_x_scale(top_bits(in, 32), &inverse);
    put_32(in, inverse, (int8_t *)step + (size_t)32 * t, two);
    struct sums s = {two[0].all + two[1].all, two[0].low + two[1].low, two[0].high + two[1].high};
    *(float *)hz_x32_word(step, rows, t, HZ_X32_D) = d;
    *(float *)hz_x32_word(step, rows, t, HZ_X32_S) = d * (float)s.all;
    *(int32_t *)hz_x32_word(step, rows, t, HZ_X32_START8) = start_word(s, 8);
    *(int32_t *)hz_x32_word(step, rows, t, HZ_X32_START16) = start_word(s, 16);
    *(int32_t *)hz_x32_word(step, rows, t, HZ_X32_START128) = -128 * s.all;
}

INLINE void put_x256(struct hz_x256 *x, const float *in)
{
    float inverse;
    int32_t all = 0;
    x->d = hz_x_scale(top_bits(in, 256), &inverse);
    for (int u = 0; u < 8; u++) {
        struct sums two[2];
        put_32(in + 32 * u, inverse, x->q + 32 * u, two);
        for (int i = 0; i < 2; i++) {
            x->start32[2 * u + i] = start_word(two[i], 32);
            x->sum16[2 * u + i] = (int16_t)two[i].all;
        }
        x->sum32[u] = (int16_t)(two[0].all + two[1].all);
        all += two[0].all + two[1].all;
    }
    x->start128 = -128 * all;
}

static void panel_put(const struct hz_panel *x, uint32_t row, const float *in)
{
    struct hz_x_block block = hz_panel_block(x, row / x->at_once);
    size_t step = hz_x_bytes(x->form) * block.rows;
    uint32_t t = row % x->at_once;
    if (x->form == HZ_X_I8_32)
        for (uint32_t i = 0; i < x->k; i += 32, block.at += step)
            put_x32(block.at, block.rows, t, in + i);
    else if (x->form == HZ_X_I8_256)
        for (uint32_t i = 0; i < x->k; i += 256, block.at += step)
            put_x256((struct hz_x256 *)(void *)block.at + t, in + i);
    else
        hz_panel_put_dense(x, row, in);
}

/* ---- products -------------------------------------------------------------------------------- */

/* Codes of quad q, 0 .. 7, of a unit; register v of the line. */
INLINE vi codes(const uint8_t *unit, int bits, int q, int v)
{
    const uint8_t *lane = unit + 4 * R * v;
    if (bits == 8)
        return v_load(lane + HZ_LINE * q);
    if (bits == 2 || bits == 3) {
        int shift = q % 4 * 2;
        vi c = v_load(lane + HZ_LINE * (q / 4));
        c = v_and(shift ? v_shr(c, shift) : c, v_byte(3));
        if (bits == 2)
            return c;
        vi top = v_load(lane + 2 * HZ_LINE);
        return v_or_and(c, q < 2 ? v_shl(top, 2 - q) : q > 2 ? v_shr(top, q - 2) : top, v_byte(4));
    }
    vi c = v_load(lane + HZ_LINE * (q % 4));
    c = v_and(q < 4 ? c : v_shr(c, 4), v_byte(15));
    if (bits == 5) {
        vi top = v_load(lane + 4 * HZ_LINE);
        return v_or_and(c, q < 4 ? v_shl(top, 4 - q) : q > 4 ? v_shr(top, q - 4) : top, v_byte(16));
    }
    if (bits == 6) {
        int shift = 4 - q % 4 * 2;
        vi top = v_load(lane + HZ_LINE * (4 + q / 4));
        return v_or_and(c, shift > 0 ? v_shl(top, shift) : shift < 0 ? v_shr(top, -shift) : top, v_byte(48));
    }
    return c;
}

/* dot += quad q of a unit times the four bytes at xq + t * step of each row. */
INLINE void quad(vi *dot, const uint8_t *unit, int bits, int plus, int q, const int8_t *xq, size_t step, int NT)
{
    vi c[V];
    EACH(v, V)
    {
        c[v] = codes(unit, bits, q, v);
        if (plus)
            c[v] = v_add8(c[v], v_byte((char)plus));
        HOLD(c[v]);
    }
    EACH(t, NT)
    {
        vi a = v_quad(xq + (size_t)t * step);
        EACH(v, V)
        {
            dot[ACC(t, v)] = bits == 8 ? dot_s8(dot[ACC(t, v)], c[v], a) : dot_code(dot[ACC(t, v)], c[v], a);
            HOLD(dot[ACC(t, v)]);
        }
    }
}

/* ---- 32 columns, a scale each: d * (code - zero), or d * code + m ---------------------------- */

INLINE const void *x_words(const uint8_t *x, uint32_t rows, uint32_t t0, uint32_t kind)
{
    return x + (size_t)kind * rows + (size_t)4 * t0;
}

/* Where codes of up to 31 would overflow int16 halves they count from 16, for Q5_1 too: d * (code - 16) + (m + 16 d).
 */
INLINE void affine(KERNEL_ARGS, int bits, int zero, bool mins, int NT)
{
    vf acc[V * AT_ONCE];
    int head = mins ? 64 : 32;
    EACH(i, V * NT) acc[i] = f_zero();
    for (uint32_t at = 0; at < k; at += 32, w += head + HZ_LINE * bits, x += hz_x_bytes(HZ_X_I8_32) * rows) {
        const int8_t *q8 = (const int8_t *)x + (size_t)32 * t0;
        const float *xd = x_words(x, rows, t0, HZ_X32_D), *xs = x_words(x, rows, t0, HZ_X32_S);
        const int32_t *start = x_words(x, rows, t0,
                                       bits == 8   ? HZ_X32_START128
                                       : bits == 5 ? HZ_X32_START16
                                                   : HZ_X32_START8);
        const uint8_t *unit = w + head;
        vi dot[V * AT_ONCE];
        EACH(t, NT) EACH(v, V)
        {
            if (bits == 8)
                dot[ACC(t, v)] = S8_START ? v_quad(&start[t]) : v_zero();
            else
                dot[ACC(t, v)] = zero || bits == 5 ? dot_start(&start[t]) : v_zero();
        }
        ahead(w);
        EACH(i, 8)
        {
            int q = bits == 8 ? i : i / 2 + i % 2 * 4; /* a line of nibbles is read once for both its quads */
            if (i < bits)
                ahead(unit + HZ_LINE * i);
            quad(dot, unit, bits, 0, q, q8 + 4 * q, 32, NT);
        }
        EACH(v, V)
        {
            vf d = f_half(w + 2 * R * v), m = f_zero();
            if (mins)
                m = f_half(w + 32 + 2 * R * v);
            if (mins && bits == 5)
                m = f_fma(f_set(16), d, m);
            EACH(t, NT)
            {
                vf *a = &acc[ACC(t, v)], n = f_int(bits == 8 ? dot[ACC(t, v)] : dot_int(dot[ACC(t, v)]));
                *a = f_fma(f_mul(d, f_set(xd[t])), n, *a);
                if (mins)
                    *a = f_fma(m, f_set(xs[t]), *a);
            }
        }
    }
    STORE(acc);
}

/* ---- 256 columns with coded scales: d * scale * (code - zero), or d * scale * code - m * min ---- */

/* acc -= m * d(x) * sum of min * sum(x) over the groups. */
INLINE void super_mins(vf *acc, const uint8_t *w, int bits, const struct hz_x256 *xs, int NT)
{
    vi min[V * AT_ONCE];
    int pairs = bits == 2 ? 8 : 4;
    EACH(i, V * NT) min[i] = v_zero();
    EACH(p, pairs) EACH(v, V)
    {
        vi m;
        if (bits == 2)
            m = v_and(v_shr(v_pairs_u(w + 64 + 32 * p + 2 * R * v), 4), v_short(15));
        else
            m = v_pairs(w + 64 + 128 + 32 * p + 2 * R * v);
        EACH(t, NT)
        {
            const int16_t *sums = bits == 2 ? xs[t].sum16 + 2 * p : xs[t].sum32 + 2 * p;
            min[ACC(t, v)] = v_madd_add(min[ACC(t, v)], m, v_quad(sums));
            HOLD(min[ACC(t, v)]);
        }
    }
    EACH(v, V)
    {
        vf m = f_half(w + 32 + 2 * R * v);
        EACH(t, NT) acc[ACC(t, v)] = f_fnma(f_mul(m, f_set(xs[t].d)), f_int(min[ACC(t, v)]), acc[ACC(t, v)]);
    }
}

/* sum += scale times the dot of one group: `quads` quads of the unit, from quad q0. */
INLINE void super_group(vs *sum, const uint8_t *unit, int bits, bool from_zero, int plus, int q0, int quads, vi *pair,
                        int odd, const struct hz_x256 *xs, int column, int NT)
{
    int room = ROOM(bits) < quads ? ROOM(bits) : quads;
    EACH(part, quads / room)
    {
        vi dot[V * AT_ONCE];
        EACH(t, NT) EACH(v, V) dot[ACC(t, v)] = from_zero ? v_zero() : dot_start(&xs[t].start32[column / 16]);
        EACH(i, room)
        {
            int q = q0 + part * room + (quads == 8 && room == 8 ? i / 2 + i % 2 * 4 : i);
            quad(dot, unit, bits, plus, q, xs->q + column + 4 * (q - q0), sizeof *xs, NT);
        }
        EACH(v, V)
        {
            vs_scale s = s_scale(pair[v], odd);
            EACH(t, NT) sum[ACC(t, v)] = s_add(sum[ACC(t, v)], dot[ACC(t, v)], s);
        }
    }
}

INLINE void super(KERNEL_ARGS, int bits, int group, int zero, bool mins, int NT)
{
    vf acc[V * AT_ONCE];
    int scales = mins ? 64 : 32, lines = scales + (group == 32 ? 256 : 256),
        units = group == 32 ? 2 : 1; /* units a pair */
    /* Codes with a zero point start their sums at -32 * sum(x); those of Q3_K, around 4, are moved to 32 first. */
    int plus = zero ? 32 - zero : 0;
    EACH(i, V * NT) acc[i] = f_zero();
    for (uint32_t at = 0; at < k; at += 256, w += lines + 8 * HZ_LINE * bits, x += sizeof(struct hz_x256) * rows) {
        const struct hz_x256 *xs = (const struct hz_x256 *)(const void *)x + t0;
        vs sum[V * AT_ONCE];
        EACH(i, 5) ahead(w + HZ_LINE * i);
        if (mins)
            super_mins(acc, w, bits, xs, NT);
        EACH(i, V * NT) sum[i] = s_zero();
        for (int p = 0; p < 8 / units; p++) {
            const uint8_t *unit = w + lines + p * units * bits * HZ_LINE;
            vi pair[V];
            EACH(i, units * bits) ahead(unit + HZ_LINE * i);
            EACH(v, V)
            {
                const uint8_t *at_pair = w + scales + 32 * p + 2 * R * v;
                pair[v] = bits == 2 ? v_and(v_pairs_u(at_pair), v_short(15)) : v_pairs(at_pair);
            }
            EACH(g, 2)
            {
                int column = group * (2 * p + g);
                if (group == 32)
                    super_group(sum, unit + g * bits * HZ_LINE, bits, true, 0, 0, 8, pair, g, xs, column, NT);
                else
                    super_group(sum, unit, bits, !zero, plus, 4 * g, 4, pair, g, xs, column, NT);
            }
        }
        EACH(v, V)
        {
            vf d = f_half(w + 2 * R * v);
            EACH(t, NT)
            acc[ACC(t, v)] = f_fma(f_mul(d, f_set(xs[t].d)), s_float(sum[ACC(t, v)]), acc[ACC(t, v)]);
        }
    }
    STORE(acc);
}

/* Q8_K: 256 signed bytes with one f32 scale. */
INLINE void bytes_256(KERNEL_ARGS, int NT)
{
    vf acc[V * AT_ONCE];
    EACH(i, V * NT) acc[i] = f_zero();
    for (uint32_t at = 0; at < k; at += 256, w += HZ_TILE_Q8_K, x += sizeof(struct hz_x256) * rows) {
        const struct hz_x256 *xs = (const struct hz_x256 *)(const void *)x + t0;
        vi dot[V * AT_ONCE];
        EACH(t, NT) EACH(v, V) dot[ACC(t, v)] = S8_START ? v_quad(&xs[t].start128) : v_zero();
        for (int u = 0; u < 8; u++)
            EACH(q, 8)
            {
                ahead(w + 64 + HZ_LINE * (8 * u + q));
                quad(dot, w + 64 + 8 * HZ_LINE * u, 8, 0, q, xs->q + 32 * u + 4 * q, sizeof *xs, NT);
            }
        EACH(v, V)
        {
            vf d = f_load((const float *)(const void *)w + R * v);
            EACH(t, NT)
            acc[ACC(t, v)] = f_fma(f_mul(d, f_set(xs[t].d)), f_int(dot[ACC(t, v)]), acc[ACC(t, v)]);
        }
    }
    STORE(acc);
}

/* ---- dense ----------------------------------------------------------------------------------- */

/* Weights of column c, 0 .. 31, of a piece. */
INLINE vf column(const uint8_t *w, enum hz_dtype type, int c, int v)
{
    if (type == HZ_F32)
        return f_load((const float *)(const void *)w + HZ_TILE * c + R * v);
    if (type == HZ_F16)
        return f_half(w + 2 * HZ_TILE * c + 2 * R * v);
    vi pair = v_load(w + HZ_LINE * (c / 2) + 4 * R * v);
    return f_bits(c % 2 ? v_and(pair, v_int((int)0xffff0000u)) : v_shl32(pair, 16));
}

/* Each 32 columns are summed on their own and then added: chains short enough to overlap, and sums that stay accurate.
 */
INLINE void dense(KERNEL_ARGS, enum hz_dtype type, int NT)
{
    vf acc[V * AT_ONCE];
    int line = type == HZ_F32 ? 1 : 2; /* columns of a line */
    EACH(i, V * NT) acc[i] = f_zero();
    for (uint32_t at = 0; at < k; at += 32, w += 32 / line * HZ_LINE, x += (size_t)128 * rows) {
        vf part[V * AT_ONCE];
        EACH(i, V * NT) part[i] = f_zero();
        for (int h = 0; h < 2; h++) /* a step of the panel holds 16 columns */
            EACH(c, 16)
            {
                const float *xs = (const float *)(const void *)x + 16 * (t0 + (h ? rows : 0)) + c;
                if (c % line == 0)
                    ahead(w + HZ_LINE * ((16 * h + c) / line));
                EACH(v, V)
                {
                    vf a = column(w + 16 * h / line * HZ_LINE, type, c, v);
                    EACH(t, NT) part[ACC(t, v)] = f_fma(a, f_set(xs[16 * t]), part[ACC(t, v)]);
                }
            }
        EACH(i, V * NT) acc[i] = f_add(acc[i], part[i]);
    }
    STORE(acc);
}

/* ---- entries --------------------------------------------------------------------------------- */

#define LINEAR_TYPES(X)                                                                                                \
    X(Q4_0, I8_32, affine(ARGS, 4, 8, false, NT))                                                                      \
    X(Q4_1, I8_32, affine(ARGS, 4, 0, true, NT))                                                                       \
    X(Q5_0, I8_32, affine(ARGS, 5, 16, false, NT))                                                                     \
    X(Q5_1, I8_32, affine(ARGS, 5, 0, true, NT))                                                                       \
    X(Q8_0, I8_32, affine(ARGS, 8, 0, false, NT))                                                                      \
    X(Q2_K, I8_256, super(ARGS, 2, 16, 0, true, NT))                                                                   \
    X(Q3_K, I8_256, super(ARGS, 3, 16, 4, false, NT))                                                                  \
    X(Q4_K, I8_256, super(ARGS, 4, 32, 0, true, NT))                                                                   \
    X(Q5_K, I8_256, super(ARGS, 5, 32, 0, true, NT))                                                                   \
    X(Q6_K, I8_256, super(ARGS, 6, 16, 32, false, NT))                                                                 \
    X(Q8_K, I8_256, bytes_256(ARGS, NT))                                                                               \
    X(F32, F32, dense(ARGS, HZ_F32, NT))                                                                               \
    X(F16, F32, dense(ARGS, HZ_F16, NT))                                                                               \
    X(BF16, F32, dense(ARGS, HZ_BF16, NT))

LINEAR_TYPES(MUL)

static uint32_t panel_at_once(enum hz_xform form, uint32_t n)
{
    (void)form;
    (void)n;
    return AT_ONCE;
}

static size_t panel_bytes(enum hz_xform form, uint32_t k, uint32_t n)
{
    return hz_x_panel_bytes(form, k, n, AT_ONCE);
}

static void fill(struct hz_kern *k)
{
#define ENTRY(type, xform, call)                                                                                       \
    k->linear[HZ_##type].form = HZ_X_##xform;                                                                          \
    k->linear[HZ_##type].mul = mul_##type;                                                                             \
    k->linear[HZ_##type].mul_f32 = HZ_X_##xform == HZ_X_F32 ? mul_##type : NULL;
    LINEAR_TYPES(ENTRY)
    fill_to_f32(k);
    k->panel_at_once = panel_at_once;
    k->panel_bytes = panel_bytes;
    k->panel_put = panel_put;
}

#endif
