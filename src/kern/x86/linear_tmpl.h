/* linear_tmpl.h - products of tiles with panels for one rung of x86, whose registers hold a line (AVX-512) or half of
 * one (AVX2). kern/tile.h and kern/panel.h say where everything lies. The including file defines first:
 *
 *   R, V             32-bit lanes of a register, registers of a line: R * V = 16
 *   AT_ONCE          rows of x in a block
 *   EACH_WIDTH(X, type, call)  X(type, n, call) for AT_ONCE and fewer rows at once, down to 1
 *   START_HALVES     whether start words are two int16 (panel.h)
 *   vi, vf, v_*, f_* registers and plain instructions, as used below
 *   dot_code(acc, w, x)      acc + unsigned codes (at most ROOM(bits) quads of them) times int8, in the rung's own form
 *   dot_start(p)             such an acc, starting from the panel's start word at p
 *   dot_int(acc)             int32 lanes of it
 *   dot_s8(acc, w, x)        the same for signed codes, acc being int32; S8_START: whether it wants start128
 *   vs, s_zero(), s_scale(pair, odd), s_add(sum, acc, scale), s_float(sum)   sums over the groups of a superblock
 *
 * Every kernel takes NT rows at once, and its arithmetic for a row does not depend on NT: whole numbers are exact, and
 * floats are added block by block in order of k. */
#include "kern/c/panel_c.h"
#include "kern/fill.h"
#include "kern/panel.h"
#include "kern/tile.h"

#define INLINE static inline __attribute__((always_inline))
#ifdef __clang__
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif
#define EACH(i, n) UNROLL for (int i = 0; i < (n); i++)
#define ACC(t, v)  ((t)*V + (v))

/* ---- panels
 * ---------------------------------------------------------------------------------------------------------- */

/* Eight int32 lanes added up. */
INLINE int32_t sum_lanes(__m256i v)
{
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
    return _mm_extract_epi32(s, 0) + _mm_extract_epi32(s, 1);
}

INLINE uint32_t top_bits(const float *in, int n)
{
    const __m256i magnitude = _mm256_set1_epi32(0x7fffffff);
    __m256i top = _mm256_setzero_si256();
    for (int i = 0; i < n; i += 8)
        top = _mm256_max_epu32(
            top, _mm256_and_si256(magnitude, _mm256_loadu_si256((const __m256i *)(const void *)(in + i))));
    __m128i m = _mm_max_epu32(_mm256_castsi256_si128(top), _mm256_extracti128_si256(top, 1));
    m = _mm_max_epu32(m, _mm_shuffle_epi32(m, 0x4e));
    return (uint32_t)_mm_cvtsi128_si32(_mm_max_epu32(m, _mm_shuffle_epi32(m, 0xb1)));
}

/* 32 codes; *pairs gets, for each of the eight quads, the sums of its columns 0, 1 and of 2, 3 as int16. */
INLINE void put_codes(const float *in, float inverse, int8_t *q, __m256i *pairs)
{
    const __m256 f = _mm256_set1_ps(inverse);
    __m256i a = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(in), f));
    __m256i b = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(in + 8), f));
    __m256i c = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(in + 16), f));
    __m256i d = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(in + 24), f));
    a = _mm256_packs_epi32(a, b); /* within halves: columns 0-3 8-11 | 4-7 12-15 */
    c = _mm256_packs_epi32(c, d);
    a = _mm256_permutevar8x32_epi32(_mm256_packs_epi16(a, c), _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    _mm256_storeu_si256((__m256i *)(void *)q, a);
    *pairs = _mm256_maddubs_epi16(_mm256_set1_epi8(1), a);
}

struct sums { /* of codes: in all, of the columns 0, 1 and of the columns 2, 3 of each quad */
    int32_t all, low, high;
};

/* From 8 (or, of one half, 4) quads' pairs. */
INLINE struct sums sums_of(__m256i pairs)
{
    struct sums s = {0};
    if (START_HALVES) {
        s.low = sum_lanes(_mm256_madd_epi16(pairs, _mm256_set1_epi32(1)));
        s.high = sum_lanes(_mm256_madd_epi16(pairs, _mm256_set1_epi32(1 << 16)));
        s.all = s.low + s.high;
    } else
        s.all = sum_lanes(_mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
    return s;
}

/* What a sum of codes counted from `zero` starts with (panel.h). */
INLINE int32_t start_word(struct sums s, int32_t zero)
{
    return START_HALVES ? (int32_t)((uint32_t)(-zero * s.low & 0xffff) | (uint32_t)(-zero * s.high) << 16)
                        : -zero * s.all;
}

INLINE void put_x32(uint8_t *step, uint32_t rows, uint32_t t, const float *in)
{
    int8_t *q = (int8_t *)step + (size_t)32 * t;
    __m256i pairs;
    float inverse, d = hz_x_scale(top_bits(in, 32), &inverse);
    if (inverse != 0)
        put_codes(in, inverse, q, &pairs);
    else { /* values too small, or not finite: products with them could be NaN, which has no code */
        memset(q, 0, 32);
        pairs = _mm256_setzero_si256();
    }
    struct sums s = sums_of(pairs);
    *(float *)hz_x32_word(step, rows, t, HZ_X32_D) = d;
    *(float *)hz_x32_word(step, rows, t, HZ_X32_S) = d * (float)s.all;
    *(int32_t *)hz_x32_word(step, rows, t, HZ_X32_START8) = start_word(s, 8);
    *(int32_t *)hz_x32_word(step, rows, t, HZ_X32_START16) = start_word(s, 16);
    *(int32_t *)hz_x32_word(step, rows, t, HZ_X32_START128) = -128 * s.all;
}

INLINE void put_x256(struct hz_x256 *x, const float *in)
{
    __m256i pairs = _mm256_setzero_si256();
    float inverse;
    int32_t all = 0;
    x->d = hz_x_scale(top_bits(in, 256), &inverse);
    if (inverse == 0)
        memset(x->q, 0, sizeof x->q);
    for (int u = 0; u < 8; u++) {
        if (inverse != 0)
            put_codes(in + 32 * u, inverse, x->q + 32 * u, &pairs);
        const __m256i first = _mm256_permute2x128_si256(pairs, pairs, 0x80); /* the unit's first 16 columns */
        struct sums both = sums_of(pairs), a = sums_of(first);
        struct sums b = {both.all - a.all, both.low - a.low, both.high - a.high};
        x->start32[2 * u] = start_word(a, 32);
        x->start32[2 * u + 1] = start_word(b, 32);
        x->sum16[2 * u] = (int16_t)a.all;
        x->sum16[2 * u + 1] = (int16_t)b.all;
        x->sum32[u] = (int16_t)both.all;
        all += both.all;
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

/* ---- products
 * -------------------------------------------------------------------------------------------------------- */

/* What a kernel is given: the tile, k, a block of the panel, its rows, the first of the NT rows to take; y of that row.
 */
#define KERNEL_ARGS const uint8_t *w, uint32_t k, const uint8_t *x, uint32_t rows, uint32_t t0, float *y, size_t ldy

/* The hardware's own prefetchers reach 70 % of the read limit; one line ahead beside each line's work reaches it,
 * bursts of several do not. 2 KiB was the best distance. */
INLINE void ahead(const uint8_t *p)
{
    _mm_prefetch((const char *)p + 2048, _MM_HINT_T0);
}

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

#define STORE(acc) EACH(t, NT) EACH(v, V) f_store(y + (size_t)t * ldy + R * v, acc[ACC(t, v)])

/* ---- 32 columns, a scale each: d * (code - zero), or d * code + m
 * ---------------------------------------------------- */

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

/* ---- 256 columns with coded scales: d * scale * (code - zero), or d * scale * code - m * min
 * ------------------------- */

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

/* ---- dense
 * ----------------------------------------------------------------------------------------------------------- */

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

/* ---- entries
 * --------------------------------------------------------------------------------------------------------- */

#define ARGS w, k, x, rows, t0, y, ldy
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

typedef void kernel_fn(KERNEL_ARGS);
#define WIDTH_ROWS(type, n, call) n,
static const uint32_t widths[] = {EACH_WIDTH(WIDTH_ROWS, , )};

/* The rows of a block by kernels of fewer and fewer rows. */
static void multiply(kernel_fn *const *kernels, const uint8_t *tile, uint32_t k, const struct hz_panel *x,
                     uint32_t block, float *y, size_t ldy)
{
    struct hz_x_block b = hz_panel_block(x, block);
    uint32_t rows = hz_panel_rows(x, block), t = 0;
    for (size_t i = 0; t < rows; i++)
        for (; rows - t >= widths[i]; t += widths[i])
            kernels[i](tile, k, b.at, b.rows, t, y + t * ldy, ldy);
}

#define WIDTH_NAME(type, n, call) mul_##type##_##n,
#define WIDTH(type, n, call)                                                                                           \
    static void mul_##type##_##n(KERNEL_ARGS)                                                                          \
    {                                                                                                                  \
        enum { NT = n };                                                                                               \
        call;                                                                                                          \
    }
#define TYPE(type, form, call)                                                                                         \
    EACH_WIDTH(WIDTH, type, call)                                                                                      \
    static void mul_##type(const uint8_t *tile, uint32_t k, const struct hz_panel *x, uint32_t block, float *y,        \
                           size_t ldy)                                                                                 \
    {                                                                                                                  \
        static kernel_fn *const kernels[] = {EACH_WIDTH(WIDTH_NAME, type, )};                                          \
        multiply(kernels, tile, k, x, block, y, ldy);                                                                  \
    }
LINEAR_TYPES(TYPE)

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
    k->linear[HZ_##type].mul = mul_##type;
    LINEAR_TYPES(ENTRY)
    k->panel_at_once = panel_at_once;
    k->panel_bytes = panel_bytes;
    k->panel_put = panel_put;
}
