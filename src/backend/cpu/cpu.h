/* cpu.h - what the files of the CPU backend share: the device, packed weights, and a compiled plan as a list of steps.
 *
 * A step is a function over numbered chunks of work; all threads take chunks until none is left, meet, and go on with
 * the next step. So a step reads only what earlier steps wrote, and no lock is needed. */
#ifndef HZ_BACKEND_CPU_CPU_H
#define HZ_BACKEND_CPU_CPU_H

#include "backend/backend.h"
#include "base/checked.h"
#include "base/os/thread.h"
#include "base/pool.h"
#include "kern/kern.h"

struct hz_store; /* store.c: a piece of the weights' memory */

struct hz_device {
    struct hz_pool *pool;
    const struct hz_kern *kern;
    int threads;
    struct hz_queue *queue; /* run.c: jobs of the driver thread */
    struct hz_store *store; /* the piece that is being filled, those before it behind it */
};

struct hz_buffer {
    uint8_t *data;
    uint64_t bytes;
    bool borrowed; /* wrapped: not ours to free */
};

/* A weight on the CPU. Matrices lie in tiles of 16 rows, each expert's rows beginning a tile; or, borrowed, as
 * published: then a tile is packed into a thread's scratch when it is used. */
struct hz_packed {
    enum hz_dtype type;
    const struct hz_linear_kern *linear; /* of the type */
    uint32_t rows, cols, experts;        /* experts at least 1; rows of one expert */
    uint32_t tiles;                      /* of one expert */
    size_t tile_bytes;
    const uint8_t *data; /* tiles or published rows */
    size_t row_bytes;    /* published */
    bool borrowed;
    bool precise;           /* its products take x as f32, weights as dequantized; see hz_wants */
    float *vector;          /* HZ_USE_VECTOR: [experts][cols] */
    struct hz_store *store; /* where data or vector lies; NULL: borrowed */
};

hz_status hz_cpu_pack(struct hz_device *dev, const struct hz_weight *weight, const struct hz_row_source *rows,
                      const struct hz_pack_options *options, struct hz_packed **packed, uint64_t *bytes,
                      struct hz_error *err);
void hz_cpu_unpack(struct hz_device *dev, struct hz_packed *packed);
/* Zeroed memory for a weight, at a multiple of 64 bytes; *at: the piece it lies in, for hz_store_drop. NULL: none left.
 */
uint8_t *hz_store_take(struct hz_device *dev, size_t bytes, struct hz_store **at);
/* A weight in this piece is gone; NULL is fine. */
void hz_store_drop(struct hz_device *dev, struct hz_store *at);
/* One row of a matrix, dequantized. */
void hz_cpu_row(const struct hz_packed *w, uint32_t row, float *out);

/* ---- steps ----------------------------------------------------------------------------------- */

struct hz_step;
typedef uint32_t hz_chunks_fn(struct hz_exec *x, const struct hz_step *s);
typedef void hz_step_fn(struct hz_exec *x, const struct hz_step *s, int thread, uint32_t chunk);

/* A row of x put into a panel as soon as it is written, for the linears of the next group. */
struct hz_put {
    struct hz_operand x;
    enum hz_xform form;
    uint32_t panel; /* into panels */
};

/* Tiles of one weight of a linear group (of one expert of it). */
struct hz_tiles {
    uint32_t which, expert, first, count; /* which: op of the group */
};

struct hz_step {
    hz_chunks_fn *chunks; /* how many for the batch at hand; asked once all earlier steps are done, by one thread */
    hz_step_fn *run;
    const struct hz_op *ops;
    uint32_t n_ops;
    enum hz_rows axis;             /* rows that the step goes through */
    bool gated;                    /* linear: ops are gate, up, glu */
    struct hz_put puts[HZ_XFORMS]; /* of one operand, each form once */
    uint32_t n_puts;
    uint32_t panel[HZ_XFORMS]; /* linear: its input in each form that its weights want */
    struct hz_tiles *tiles;    /* linear: its chunks */
    uint32_t n_tiles;
};

/* What one thread needs for itself. */
struct hz_scratch {
    uint8_t *tile;                      /* a borrowed tile packed, or a tile as f32 */
    float *gate, *up;                   /* [rows][16] */
    float *fold;                        /* [2 rows][16]: products of a row and of its residual */
    float *residual;                    /* [most columns of a linear's input] */
    struct hz_attend_row *rows, *parts; /* [attend rows]: the running result, and that of one segment */
    float *q, *o, *part;                /* [attend rows][dim] */
    float *draw;                        /* [2 * n_vocab] */
};

/* One piece of an attend step: rows of one sequence, one kv head, and one segment of keys or all of them. */
struct hz_attend_item {
    uint32_t seq, first_row, n_rows, kv_head, segment;
};

struct hz_moe {       /* pairs of the batch, ordered by expert */
    uint32_t *start;  /* [experts + 1] into order */
    uint32_t *order;  /* [pairs] */
    uint32_t *place;  /* [pairs]: where in order */
    size_t *panel_at; /* [experts]: bytes into the panel buffer */
    uint8_t *panels;
    enum hz_xform form;
    uint32_t experts, k_cols;
    size_t panel_bytes; /* the most there can be of each */
    uint32_t most_pairs, most_experts;
};

struct hz_block { /* memory of an exec */
    void *data;
    size_t bytes;
    struct hz_block *next;
};

struct hz_exec {
    struct hz_device *dev;
    const struct hz_kern *kern;
    const struct hz_plan *plan;
    struct hz_packed *const *packed;
    struct hz_compile_options options;
    enum hz_kv_type kv;
    bool narrow; /* the model's text would suffer from rounding x once; see compile.c */
    struct hz_arena arena;
    struct hz_step *steps;
    uint32_t n_steps;
    uint32_t at;         /* the step at hand */
    struct hz_work work; /* its chunks */

    float *tokens, *outputs; /* the two value buffers */
    uint64_t outputs_bytes;
    struct hz_buffer logits_buffer; /* the outputs buffer, as a place to download from */
    struct hz_panel *panels;        /* each linear group's own, over the data of its form, which all groups share */
    uint32_t n_panels;
    uint8_t *panel_data[HZ_XFORMS];
    uint32_t planes[HZ_XFORMS]; /* panel rows for a row of x: 2 where int8 alone would lose too much */
    size_t panel_bytes[HZ_XFORMS];
    struct hz_scratch *scratch; /* [threads] */
    struct hz_block *blocks;

    const struct hz_batch *batch; /* of the step at hand */
    int32_t *ids;                 /* [rows], slots resolved */
    int32_t *drawn;               /* [n_slots]: what each slot drew last */
    float *freqs;                 /* [seqs][ropes][most rot/2] */
    float *freq_scale;            /* [seqs][ropes] */
    float *angles;                /* [ropes][rows][cos rot/2, sin rot/2], a row's at rope_at */
    uint32_t most_half;           /* largest rot/2 */
    uint32_t most_cols;           /* of a linear's input */

    struct hz_attend_item *items;
    uint32_t n_items, cap_items;
    float *partials; /* results of segments, see attend.c */
    uint32_t partial_rows, most_segments, partial_dim;
    uint32_t attend_rows; /* most rows of one attend item */
    struct hz_moe moe;

    /* run.c */
    hz_ticket issued, done;
};

/* Row `row` of an operand; for PAIRS, row is the pair's number. */
static inline float *hz_at(const struct hz_exec *x, struct hz_operand v, uint32_t row)
{
    const struct hz_value *value = &x->plan->values[v.value];
    bool out = value->rows == HZ_ROWS_OUTPUTS;
    uint64_t most = out ? x->options.limits.outputs : x->options.limits.rows;
    return (out ? x->outputs : x->tokens) + x->plan->offset[v.value] * most +
           (uint64_t)row * hz_row_stride(value->width) + v.col;
}

/* Rows of that kind in the batch at hand. */
static inline uint32_t hz_axis_rows(const struct hz_exec *x, enum hz_rows axis)
{
    return axis == HZ_ROWS_OUTPUTS ? x->batch->n_outputs : x->batch->n_rows;
}

/* compile.c's steps come from these. */
hz_chunks_fn hz_rows_chunks, hz_linear_chunks, hz_put_chunks, hz_attend_chunks, hz_merge_chunks, hz_angles_chunks,
    hz_one_chunk, hz_moe_put_chunks, hz_moe_chunks;
hz_step_fn hz_rows_run, hz_linear_run, hz_put_run, hz_attend_run, hz_merge_run, hz_angles_run, hz_moe_sort_run,
    hz_moe_put_run, hz_moe_run;
/* Puts row `row` of x, and its residual where the form has two planes. */
void hz_put_row(struct hz_exec *x, const struct hz_panel *panel, uint32_t row, const float *in, int thread);
/* Sizes the panels that a step puts rows into for the batch at hand. */
void hz_begin_puts(struct hz_exec *x, const struct hz_step *s);

/* The form in which a weight's kernel wants x. */
static inline enum hz_xform hz_wants(const struct hz_exec *x, const struct hz_packed *w)
{
    bool f32 = w->precise || (x->narrow && w->linear->form == HZ_X_BF16);
    return f32 ? HZ_X_F32 : w->linear->form;
}

/* Must its tiles be made f32 before they are multiplied? */
static inline bool hz_made_f32(const struct hz_packed *w)
{
    return w->precise && !w->linear->mul_f32;
}

/* Keys of a segment: attention over more keys is cut in segments, whose results are joined in order; so a long decode
 * can be shared among threads and still gives the same bits. */
enum { HZ_SEGMENT = 512, HZ_SEGMENT_PAGES = HZ_SEGMENT / HZ_PAGE_TOKENS };

/* ---- run.c ----------------------------------------------------------------------------------- */

hz_status hz_queue_new(struct hz_device *dev, struct hz_error *err);
void hz_queue_free(struct hz_device *dev);
hz_status hz_cpu_run(struct hz_exec *x, const struct hz_batch *batch, hz_ticket *ticket, struct hz_error *err);
hz_status hz_cpu_sample(struct hz_exec *x, const struct hz_draw_spec *specs, struct hz_drawn *results, uint32_t n,
                        hz_ticket *ticket, struct hz_error *err);
hz_status hz_cpu_wait(struct hz_exec *x, hz_ticket ticket, struct hz_error *err);

/* compile.c */
hz_status hz_cpu_compile(struct hz_device *dev, const struct hz_plan *plan, struct hz_packed *const *packed,
                         const struct hz_compile_options *options, struct hz_exec **exec, struct hz_error *err);
void hz_cpu_discard(struct hz_exec *x);
hz_status hz_cpu_supports(struct hz_device *dev, const struct hz_plan *plan, const enum hz_dtype *types,
                          enum hz_precision precision, struct hz_error *err);

#endif
