/* plan.h - a model as data: a flat list of ops over values, the same for every backend.
 *
 * A plan is in SSA form: every value is written by one op, ops stand in an order in which operands come first. Every op
 * has the same header, so a pass walks any op without knowing it; what is its own stands in a union of parameters.
 * What an op computes is defined by its `_c` reference in kern/c and described beside its parameters here.
 *
 * A value's rows are the step's tokens, the rows whose outputs are wanted, or (token, expert) pairs; no op knows a
 * batch size. An operand is a range of a value's columns, so splitting a fused projection is free. */
#ifndef HZ_PLAN_PLAN_H
#define HZ_PLAN_PLAN_H

#include "base/buf.h"
#include "base/mem.h"
#include "quant/act.h"
#include "quant/dtype.h"

#define HZ_NONE UINT32_MAX

/* ---- weights: rows drawn from tensors ---------------------------------------------------------------------------- */

/* Rows first, first+stride, ... (count of them) of a tensor seen as [rows, cols], its outer dimensions flattened; or,
 * with `list`, those rows. transposed: the tensor lies [in, out] (gpt2's Conv1D) and its columns are the rows.
 * Of a vector (one row of a weight) the same fields choose elements. */
struct hz_piece {
    const char *tensor;
    uint32_t first, count, stride; /* stride 0 counts as 1 */
    const uint32_t *list;          /* [count] or NULL; lives in the plan's arena */
    bool transposed;
};

enum hz_use {
    HZ_USE_LINEAR = 1,  /* y = x W^T */
    HZ_USE_EMBED = 2,   /* rows by index */
    HZ_USE_EXPERTS = 4, /* `experts` matrices of rows / experts rows each */
    HZ_USE_ROUTER = 16, /* its products choose experts: no backend rounds its input */
    HZ_USE_VECTOR = 8   /* f32 values: norm weights, biases; with HZ_USE_EXPERTS one row for each expert */
};

struct hz_weight {
    const char *name;             /* for errors and tables: the first tensor's */
    uint32_t rows, cols, experts; /* rows: of all experts together; experts 0: no expert weight */
    unsigned uses;                /* a tied embedding has LINEAR and EMBED and is one weight */
    struct hz_piece *pieces;
    uint32_t n_pieces;
    float add; /* added to every element of a vector: Gemma's norms say 1 + w */
};

/* ---- values ------------------------------------------------------------------------------------------------------ */

enum hz_rows {
    HZ_ROWS_TOKENS,  /* one for each row of the batch */
    HZ_ROWS_OUTPUTS, /* one for each wanted row */
    HZ_ROWS_PAIRS,   /* fan for each token: its chosen experts, in route order */
    HZ_ROWS_PLACE,   /* no data: the cache place that an append has filled */
    HZ_ROWS_MEDIA    /* room */
};

struct hz_value {
    uint32_t width;
    enum hz_rows rows;
    uint32_t fan; /* PAIRS: experts per token; else 1 */
    uint32_t def; /* index of the op that writes it */
};

struct hz_operand {
    uint32_t value, col, cols; /* columns col .. col+cols-1 */
};

/* ---- ops --------------------------------------------------------------------------------------------------------- */

/* kind, name, least and most inputs, least and most weights */
#define HZ_OP_MAP(X)                                                                                                   \
    X(EMBED, "embed", 0, 0, 1, 1)                                                                                      \
    X(ROWS, "rows", 1, 2, 0, 0)                                                                                        \
    X(NORM, "norm", 1, 1, 0, 2)                                                                                        \
    X(LINEAR, "linear", 1, 1, 1, 2)                                                                                    \
    X(ADD, "add", 2, 2, 0, 0)                                                                                          \
    X(SCALE, "scale", 1, 1, 0, 0)                                                                                      \
    X(ACT, "act", 1, 1, 0, 0)                                                                                          \
    X(GLU, "glu", 2, 2, 0, 0)                                                                                          \
    X(SOFTCAP, "softcap", 1, 1, 0, 0)                                                                                  \
    X(ROPE, "rope", 1, 1, 0, 0)                                                                                        \
    X(APPEND, "append", 2, 2, 0, 0)                                                                                    \
    X(ATTEND, "attend", 2, 2, 0, 0)                                                                                    \
    X(ROUTE, "route", 1, 1, 0, 0)                                                                                      \
    X(MOE_LINEAR, "moe_linear", 2, 2, 1, 2)                                                                            \
    X(COMBINE, "combine", 2, 2, 0, 0)                                                                                  \
    /* room: a plan can name them, the check refuses them */                                                           \
    X(ATTEND_LATENT, "attend_latent", 2, 2, 1, 1)                                                                      \
    X(CONV, "conv", 1, 1, 1, 2)                                                                                        \
    X(SCAN, "scan", 4, 4, 3, 3)                                                                                        \
    X(DELTA, "delta", 5, 5, 2, 2)                                                                                      \
    X(LORA, "lora", 1, 2, 2, 2)                                                                                        \
    X(COPY, "copy", 1, 1, 0, 0)                                                                                        \
    X(REDUCE, "reduce", 1, 1, 0, 0)

enum hz_op_kind {
#define HZ_OP_ENUM(id, name, in0, in1, w0, w1) HZ_OP_##id,
    HZ_OP_MAP(HZ_OP_ENUM)
#undef HZ_OP_ENUM
        HZ_OPS
};

enum { HZ_OP_INPUTS = 5, HZ_OP_WEIGHTS = 3 };

enum hz_by { HZ_BY_ID, HZ_BY_POSITION };
enum hz_norm { HZ_NORM_RMS, HZ_NORM_LAYER, HZ_NORM_L2 };
enum hz_rows_mode { HZ_ROWS_TAKE_OUTPUTS, HZ_ROWS_PLACE_MEDIA, HZ_ROWS_ADD, HZ_ROWS_JOIN, HZ_ROWS_WEIGH };

struct hz_op {
    enum hz_op_kind kind;
    uint32_t n_in, n_weights;
    struct hz_operand in[HZ_OP_INPUTS];
    uint32_t weight[HZ_OP_WEIGHTS]; /* into plan->weights; HZ_NONE for one left out (a norm with bias alone) */
    uint32_t out;                   /* value */
    int32_t layer;                  /* -1 outside layers */
    int32_t device;                 /* room: 0 */
    union {
        struct {
            enum hz_by by;
        } embed; /* row of weight[0] by token id or by position[0] */
        struct {
            enum hz_rows_mode mode;
        } rows; /* all but TAKE_OUTPUTS: room */
        /* per `group` columns: rms x/sqrt(mean x^2 + eps), layer (x-mean)/sqrt(var + eps), l2 x/sqrt(sum x^2 + eps);
         * then times weight[0] (`group` or all columns long), plus weight[1] */
        struct {
            enum hz_norm kind;
            float eps;
            uint32_t group;
        } norm;
        struct {
            float alpha, beta;
        } add; /* alpha a + beta b */
        struct {
            float mul, clamp;
        } scale; /* clamp 0: none */
        struct {
            enum hz_act act;
        } act;
        struct {
            enum hz_act act;
        } glu; /* act(in[0]) * in[1] */
        struct {
            float cap;
        } softcap; /* cap * tanh(x / cap) */
        /* columns off .. off+rot-1 of each head are rotated by the table's angles at the row's position[0] */
        struct {
            uint32_t table, head_dim, off, rot;
            bool pairs;
        } rope;
        struct {
            uint32_t group, layer;
        } append; /* k, v into the cache place; yields a PLACE value */
        /* in[0] q [heads * head_dim], in[1] the place. A query sees keys of its sequence with index in
         * (own - window, own]; window 0: all up to its own. softcap 0: none. */
        struct {
            uint32_t group, layer, heads, kv_heads, head_dim, v_dim, window;
            float scale, softcap;
        } attend;
        /* scores = softmax of the logits; the k largest (lowest index wins ties); renorm: divided by their sum; times
         * scale. Yields [k ids as f32][k weights]. */
        struct {
            uint32_t k;
            bool renorm;
            float scale;
        } route;
        struct {
            uint32_t k;
        } moe; /* MOE_LINEAR: in[0] TOKENS or PAIRS, in[1] route; COMBINE: pairs, route */
    } u;
};

/* ---- rope tables ----------------------------------------------------------------------------- */

/* Angles of a rope: angle[i] = position * inv_freq[i] in f32, cos and sin times `scale`. Which frequencies hold is a
 * choice made once per sequence from its whole length; it is part of the page hash. */
struct hz_rope {
    uint32_t rot;        /* rotated columns of a head; rot/2 frequencies */
    uint32_t n_variants; /* 1; 2 for longrope (short, long) */
    const float *inv_freq[2];
    float scale[2];
    uint32_t limit;      /* longrope: the longest sequence of variant 0; dynamic: of the plain table; else 0 */
    bool dynamic;        /* NTK: beyond the limit the base grows with the length */
    double base, factor; /* of dynamic */
};

/* The choice for a sequence of `length` tokens: 0 up to the limit; then 1 (longrope) or the length itself (dynamic). */
uint32_t hz_rope_choose(const struct hz_rope *rope, uint32_t length);
/* Frequencies [rot/2] and scale of a choice; false for a choice the rope does not have. */
bool hz_rope_freqs(const struct hz_rope *rope, uint32_t choice, float *inv_freq, float *scale);

/* ---- caches ---------------------------------------------------------------------------------- */

/* Layers of equal K and V width and window share a group and its page table. */
struct hz_cache_group {
    uint32_t kv_heads, head_dim, v_dim; /* K is kv_heads * head_dim wide, V kv_heads * v_dim */
    uint32_t window;                    /* 0: keeps everything */
    uint32_t n_layers;
};

enum { HZ_PAGE_TOKENS = 32, HZ_MAX_GROUPS = 64, HZ_MAX_ROPES = 4 };

/* ---- plan ------------------------------------------------------------------------------------ */

/* Runs of ops that a backend may do as one, found by one table of patterns; HZ_FUSE_NONE is one op by itself. */
enum hz_fusion {
    HZ_FUSE_NONE,
    HZ_FUSE_LINEARS, /* linears of one input (q, k, v) */
    HZ_FUSE_GATED,   /* two linears of one input and the glu of their outputs, which nobody else reads */
    HZ_FUSE_ROWS,    /* ops that work on each token's row by itself (embed to append), one after another */
    HZ_FUSIONS
};

struct hz_group {
    enum hz_fusion fusion;
    uint32_t first, count; /* ops first .. first+count-1 */
};

struct hz_plan {
    struct hz_arena arena; /* everything below lies here */
    const char *name;      /* "llama" */
    struct hz_op *ops;
    struct hz_value *values;
    struct hz_weight *weights;
    struct hz_rope *ropes;
    struct hz_cache_group *groups;
    uint32_t n_ops, n_values, n_weights, n_ropes, n_groups;
    uint32_t n_vocab, n_layers, n_embd;
    uint32_t logits; /* value: [OUTPUTS, n_vocab] */
    /* filled by the passes */
    struct hz_group *fusions; /* covers all ops, in order */
    uint32_t n_fusions;
    uint64_t *offset;                     /* per value, in floats per row; see hz_plan_buffers */
    uint64_t token_floats, output_floats; /* floats of the two buffers for each row */
    /* while building */
    size_t cap_ops, cap_values, cap_weights, cap_ropes, cap_groups;
    int32_t layer;
    bool failed; /* memory was short, or shapes did not fit */
    char why[160];
};

/* ---- building: what arch/ calls. After a failure all of them do nothing; hz_plan_check says what it was. ---- */

struct hz_plan *hz_plan_new(const char *name); /* NULL when memory is short */
void hz_plan_free(struct hz_plan *p);
struct hz_operand hz_cols(struct hz_operand v, uint32_t first, uint32_t n); /* a range of an operand's columns */

uint32_t hz_plan_weight(struct hz_plan *p, const struct hz_weight *w); /* copies pieces, names and lists */
uint32_t hz_plan_rope(struct hz_plan *p, const struct hz_rope *rope);  /* copies frequencies */
void hz_plan_layer(struct hz_plan *p, int32_t layer); /* ops added from now on belong to it; -1: to none */
void hz_plan_finish(struct hz_plan *p, struct hz_operand logits, uint32_t n_embd);

struct hz_operand hz_op_embed(struct hz_plan *p, uint32_t w, enum hz_by by);
struct hz_operand hz_op_take_outputs(struct hz_plan *p, struct hz_operand x);
struct hz_operand hz_op_norm(struct hz_plan *p, struct hz_operand x, enum hz_norm kind, float eps, uint32_t group,
                             uint32_t w, uint32_t b); /* w, b may be HZ_NONE; group 0: all columns */
struct hz_operand hz_op_linear(struct hz_plan *p, struct hz_operand x, uint32_t w, uint32_t b); /* b may be HZ_NONE */
struct hz_operand hz_op_add(struct hz_plan *p, struct hz_operand a, struct hz_operand b, float alpha, float beta);
struct hz_operand hz_op_scale(struct hz_plan *p, struct hz_operand x, float mul, float clamp);
struct hz_operand hz_op_act(struct hz_plan *p, struct hz_operand x, enum hz_act act);
struct hz_operand hz_op_glu(struct hz_plan *p, struct hz_operand gate, struct hz_operand up, enum hz_act act);
struct hz_operand hz_op_softcap(struct hz_plan *p, struct hz_operand x, float cap);
struct hz_operand hz_op_rope(struct hz_plan *p, struct hz_operand x, uint32_t table, uint32_t head_dim, uint32_t off,
                             bool pairs);

struct hz_attention { /* what append and attend of one layer share */
    uint32_t heads, kv_heads, head_dim, v_dim, window;
    float scale, softcap;
};
/* append k and v, then attend q; finds or makes the cache group. */
struct hz_operand hz_op_attention(struct hz_plan *p, struct hz_operand q, struct hz_operand k, struct hz_operand v,
                                  const struct hz_attention *a);
struct hz_operand hz_op_route(struct hz_plan *p, struct hz_operand logits, uint32_t k, bool renorm, float scale);
struct hz_operand hz_op_moe_linear(struct hz_plan *p, struct hz_operand x, struct hz_operand route, uint32_t k,
                                   uint32_t w, uint32_t b);
struct hz_operand hz_op_combine(struct hz_plan *p, struct hz_operand pairs, struct hz_operand route, uint32_t k);

/* ---- passes, in this order ------------------------------------------------------------------- */

/* Shapes, operands, order, weights, cache places; ops that are room are refused by name. */
hz_status hz_plan_check(const struct hz_plan *p, struct hz_error *err);
/* Cuts groups so that the pages of all fill equal blocks. kv_bytes: of one cached element. *block_bytes: of a block.
 * A page of group g takes n_layers * 32 * kv_heads * (head_dim + v_dim) * kv_bytes of it. */
hz_status hz_plan_split_groups(struct hz_plan *p, uint32_t kv_bytes, uint64_t *block_bytes, struct hz_error *err);
/* Finds fusible runs; fusions: bits 1 << hz_fusion that the backend makes use of. */
hz_status hz_plan_group(struct hz_plan *p, unsigned fusions, struct hz_error *err);
/* Places values by lifetime (a value lives from its op to the end of its last reader's group) in two buffers, one for
 * TOKENS and PAIRS, one for OUTPUTS: row r of value v (row r * fan + j of pairs) lies at float
 * p->offset[v] * R + r * hz_row_stride(width) of its buffer, R the most rows a step may have of that kind. Values that
 * nobody sees outside a GATED group, and cache places, have no memory: their offset is UINT64_MAX. */
static inline uint32_t hz_row_stride(uint32_t width)
{
    return (width + 15) / 16 * 16; /* so that no two rows share a cache line */
}
hz_status hz_plan_buffers(struct hz_plan *p, struct hz_error *err);
/* One line an op, for people: "%7 = linear %6 blk.0.attn_q [576 -> 576]". */
void hz_plan_print(const struct hz_plan *p, struct hz_buf *out);
const char *hz_op_name(enum hz_op_kind kind);

#endif
