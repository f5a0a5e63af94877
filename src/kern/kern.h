/* kern.h - CPU kernels: one const table per rung of instruction sets. c/ holds the plain references, named _c; x86/ and
 * arm/ the fast ones, named by their rung. A table starts as the _c table and each rung overwrites what it has.
 *
 * What every kernel keeps: a row's result depends on that row alone. A product sums K in one order whether one row or
 * many are computed; attention takes keys in tiles of 32 counted from index 0. So a row alone and the same row among
 * others agree bit for bit within a rung; between rungs float stages differ within the tolerance in kcheck.
 *
 * Shapes: x and y are f32 rows; "tile" is HZ_TILE rows of a weight packed for reading forward; a "panel" is rows of x
 * in the form that a weight's kernel wants. All buffers are 64-byte aligned unless a comment says otherwise. */
#ifndef HZ_KERN_KERN_H
#define HZ_KERN_KERN_H

#include "quant/act.h"
#include "quant/edit.h"
#include "quant/quant.h"

enum { HZ_TILE = 16, HZ_KV_TILE = 32 };

enum hz_rung { HZ_RUNG_C, HZ_RUNG_AVX2, HZ_RUNG_AVX512, HZ_RUNG_AVX512_BF16, HZ_RUNG_NEON, HZ_RUNG_DOTPROD, HZ_RUNGS };

/* ---- linear: y[row][n] = sum over k of x[row][k] * w[n][k] ------------------------------------------------- */

/* The form in which a kernel reads x. F32 and BF16 pad k to 32 with zeros; BF16 is x rounded to nearest even. I8_32 and
 * I8_256 are int8 with one f32 scale per 32 or 256 columns (scale = absmax/127, round to nearest even) and the group
 * sums the kernels want. */
enum hz_xform { HZ_X_F32, HZ_X_BF16, HZ_X_I8_32, HZ_X_I8_256, HZ_XFORMS };

/* Rows of x, quantized; made by hz_panel_over. Rows lie in blocks of `at_once`, the last one shorter; kern/panel.h. */
struct hz_panel {
    enum hz_xform form;
    uint32_t k, n;    /* columns, rows */
    uint32_t at_once; /* rows a kernel call takes */
    uint8_t *data;    /* hz_kern.panel_bytes(form, k, n) bytes, 64-byte aligned */
};

/* y[i][0..15] = block's row i times the tile's 16 rows; y row i at y + i*ldy, any alignment; all 16 are written. */
typedef void hz_mul_fn(const uint8_t *tile, uint32_t k, const struct hz_panel *x, uint32_t block, float *y, size_t ldy);
/* Packs `rows` (1 to 16) published rows, rows_at[i] at any alignment, each k elements; missing rows become zeros. */
typedef void hz_pack_fn(const void *const *rows_at, uint32_t rows, uint32_t k, uint8_t *tile);
/* Row r of a tile, dequantized exactly: the same f32 bits as hz_dequantize_c of the published row. */
typedef void hz_unpack_fn(const uint8_t *tile, uint32_t r, uint32_t k, float *out);
/* All rows of a tile, dequantized so, to a tile of type F32; k is whole blocks. */
typedef void hz_to_f32_fn(const uint8_t *tile, uint32_t k, float *out);

struct hz_linear_kern { /* per published type; mul NULL: the type has no kernel */
    enum hz_xform form;
    uint32_t tile_block, tile_bytes; /* a tile is ceil(k / tile_block) pieces of tile_bytes bytes, in order of k */
    hz_pack_fn *pack;
    hz_unpack_fn *unpack;
    hz_to_f32_fn *to_f32; /* NULL: row by row */
    hz_mul_fn *mul;
    hz_mul_fn *mul_f32; /* with a panel of form F32, weights as dequantized; NULL: by way of hz_tile_to_f32 */
};

/* ---- attention over one tile of 32 keys of one kv head ------------------------------------------------------ */

enum hz_kv_type { HZ_KV_F32, HZ_KV_F16, HZ_KV_TYPES };

/* K of a tile is [head_dim][32 tokens], V is [32 tokens][v_dim], in the kv type. */
struct hz_attend_row {
    const float *q;    /* [head_dim], already times the attention scale and log2(e) (softcap 0), or times scale alone */
    float *o;          /* [v_dim], sum of weights times V so far (start 0) */
    float m, l;        /* running maximum (start -INFINITY) and sum (start 0), base 2 */
    uint32_t from, to; /* visible keys of this tile, from < to <= 32 */
};
/* Online softmax over one tile for n rows (tokens and heads that share the kv head). Rows do not touch each other.
 * softcap 0: none; else score = softcap * tanh(score / softcap) * log2(e). Keys outside from..to count nothing, but
 * must be finite. next: how many bytes behind k and v those of the tile read next lie, which is prefetched line by line
 * beside the work; 0: none. */
typedef void hz_attend_fn(const void *k, const void *v, ptrdiff_t next, uint32_t head_dim, uint32_t v_dim,
                          float softcap, struct hz_attend_row *rows, uint32_t n);
/* Stores one token's k [head_dim] and v [v_dim] at `slot` of a tile; f16 saturates at +-65504. */
typedef void hz_kv_put_fn(void *k_tile, void *v_tile, uint32_t slot, const float *k, const float *v, uint32_t head_dim,
                          uint32_t v_dim);

/* ---- rows ---------------------------------------------------------------------------------------------------- */

struct hz_kern {
    enum hz_rung rung;
    const char *name;
    struct hz_linear_kern linear[HZ_DTYPES];
    uint32_t (*panel_at_once)(enum hz_xform form, uint32_t n); /* rows per block that suit a panel of n rows */
    size_t (*panel_bytes)(enum hz_xform form, uint32_t k, uint32_t n);
    void (*panel_put)(const struct hz_panel *x, uint32_t row,
                      const float *in); /* rows of a panel in any order, any thread */

    hz_attend_fn *attend[HZ_KV_TYPES];
    hz_kv_put_fn *kv_put[HZ_KV_TYPES];

    /* out may be x. w, b may be NULL. rms: x / sqrt(mean(x^2) + eps) * w + b; layer: of x - mean(x). */
    void (*rms_norm)(const float *x, const float *w, const float *b, float eps, float *out, uint32_t n);
    void (*layer_norm)(const float *x, const float *w, const float *b, float eps, float *out, uint32_t n);
    void (*add)(const float *a, float alpha, const float *b, float beta, float *out, uint32_t n); /* alpha a + beta b */
    void (*scale)(const float *x, float mul, float clamp, float *out, uint32_t n);                /* clamp 0: none */
    void (*softcap)(const float *x, float cap, float *out, uint32_t n); /* cap * tanh(x / cap) */
    void (*act)(enum hz_act act, const float *x, float *out, uint32_t n);
    void (*glu)(enum hz_act act, const float *gate, const float *up, float *out, uint32_t n); /* act(gate) * up */
    /* One head's rotated part, `rot` values at x: halves (x[i], x[i+rot/2]) or pairs (x[2i], x[2i+1]); cos, sin
     * [rot/2]. */
    void (*rope)(float *x, const float *cos, const float *sin, uint32_t rot, bool pairs);

    /* Of logits; a NaN counts as if it were not there. Index of the largest (the lowest index wins a tie), -1 if there
     * is no number; log(sum(exp(x))), -INFINITY if there is none; sum(exp((x - from) * mul)) for x <= from. */
    int32_t (*argmax)(const float *x, uint32_t n);
    float (*log_sum_exp)(const float *x, uint32_t n);
    double (*exp_sum)(const float *x, float from, float mul, uint32_t n);
};

/* A panel of n rows of k columns over `data`, whose rows panel_put then fills. */
static inline struct hz_panel hz_panel_over(const struct hz_kern *kern, enum hz_xform form, uint32_t k, uint32_t n,
                                            uint8_t *data)
{
    return (struct hz_panel){form, k, n, kern->panel_at_once(form, n), data};
}

/* What rounding took from a row that was put into an int8 panel: in - the panel's values, [k]. The row and its residual
 * as a row of its own together carry x in about 15 bits. */
void hz_panel_residual(const struct hz_panel *x, uint32_t row, const float *in, float *out);

/* Calls of mul that a tile needs for all rows of the panel: blocks 0 .. this - 1. */
static inline uint32_t hz_panel_blocks(const struct hz_panel *x)
{
    return (x->n + x->at_once - 1) / x->at_once;
}

/* Bytes of a tile of k columns. */
static inline size_t hz_tile_bytes(const struct hz_linear_kern *linear, uint32_t k)
{
    return ((size_t)k + linear->tile_block - 1) / linear->tile_block * linear->tile_bytes;
}

/* The same tile as one of type F32 (hz_tile_bytes of kern->linear[HZ_F32]), which that type's mul takes with a panel of
 * form HZ_X_F32: exact mode where there is no mul_f32, which would give the same bits. */
void hz_tile_to_f32(const struct hz_linear_kern *linear, const uint8_t *tile, uint32_t k, float *out);

/* The table of a rung by name ("c", "avx2", ...), or the best for NULL. A rung this machine cannot run is
 * E_UNSUPPORTED, an unknown name E_INVALID. */
hz_status hz_kern_select(const char *name, const struct hz_kern **kern, struct hz_error *err);
/* The table of a rung, NULL if this build has none. Only where the rung runs: what fills the table is compiled for it.
 */
const struct hz_kern *hz_kern_table(enum hz_rung rung);
bool hz_rung_built(enum hz_rung rung); /* into this program */
const char *hz_rung_name(enum hz_rung rung);
bool hz_rung_runs(enum hz_rung rung); /* on this machine */

/* ---- one draw ------------------------------------------------------------------------------------------------ */

struct hz_draw_args {
    const float *logits; /* [n], the model's own; not changed */
    uint32_t n;
    const struct hz_edit *edits; /* each id at most once, ids < n */
    uint32_t n_edits;
    const uint32_t *mask; /* bit i of the array: id i is allowed; NULL: all */
    float temperature;    /* 0: greedy */
    uint32_t top_k;       /* 0: all */
    float top_p, min_p;   /* 1 and 0: all */
    float u;              /* uniform in [0, 1) */
    uint32_t n_top;       /* alternatives wanted, at most 20 */
    bool logprob;         /* whether id's logprob is wanted (implied by n_top) */
};

struct hz_draw_result {
    int32_t id;
    float logprob; /* of id, from the unedited logits */
    struct {
        int32_t id;
        float logprob;
    } top[20]; /* of the unedited logits, largest first */
};

/* Edits, mask, then temperature, top-k, top-p, min-p, one draw by walking the candidates, largest first (ties: lowest
 * id first). Only finite logits are candidates. top-p keeps the fewest whose share of what top-k left reaches top_p;
 * min-p those at least min_p times as likely as the likeliest. The largest is always kept.
 * scratch: 2 * n floats. E_INVALID: no candidate at all, or arguments that are not in the ranges above. */
hz_status hz_draw(const struct hz_kern *kern, const struct hz_draw_args *args, float *scratch,
                  struct hz_draw_result *out, struct hz_error *err);

#endif
