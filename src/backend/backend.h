/* backend.h - what a device can do: one versioned struct of functions. No function takes a model's name.
 *
 * One thread drives a device: calls on it are never made from two threads at once. A place in device memory is
 * {buffer, offset}. run and sample enqueue and return tickets; what they point to must live until wait has returned. */
#ifndef HZ_BACKEND_BACKEND_H
#define HZ_BACKEND_BACKEND_H

#include "plan/batch.h"

enum { HZ_BACKEND_VERSION = 1 };

struct hz_device;           /* an opened device; each backend has its own */
struct hz_buffer;           /* memory on it */
struct hz_packed;           /* a weight, packed for it */
struct hz_exec;             /* a compiled plan with its buffers */
typedef uint64_t hz_ticket; /* counts up; waiting for one waits for all before it */

struct hz_place {
    struct hz_buffer *buffer;
    uint64_t offset;
};

struct hz_device_options {
    int threads;          /* cpu: 0 for one per core */
    const char *cpu_rung; /* NULL: the best */
};

struct hz_device_memory {
    uint64_t total, free, recommended; /* recommended: the most to plan with */
};

/* Published rows of a weight, in order (experts one after another). Called from any thread, also from several at once
 * for different rows. */
struct hz_row_source {
    enum hz_dtype type;
    uint32_t rows, cols;
    /* Puts the addresses of rows first .. first+n-1 (n at most 64) in at[]: where they lie mapped, at any alignment, or
     * in scratch, which has n times the row's bytes. */
    hz_status (*read)(void *user, uint32_t first, uint32_t n, const void **at, void *scratch, struct hz_error *err);
    /* The pages of these rows are not needed again; may be NULL. */
    void (*done)(void *user, uint32_t first, uint32_t n);
    void *user;
    const uint8_t
        *mapped; /* row 0, if all rows lie one behind another in a mapping that outlives the weight; else NULL */
};

enum hz_precision {
    HZ_FAST,
    HZ_EXACT /* weights as dequantized, activations and caches f32 */
};

struct hz_pack_options {
    enum hz_precision precision;
    bool borrow; /* keep the published layout where it lies, if the source is mapped */
};

struct hz_compile_options {
    enum hz_precision precision;
    struct hz_batch_limits limits;
    uint32_t n_slots;      /* sampling slots */
    struct hz_place cache; /* the pool of KV blocks, from alloc */
    uint64_t block_bytes;
    uint32_t n_blocks; /* block 0 included, which no sequence owns */
};

struct hz_backend {
    uint32_t version;     /* HZ_BACKEND_VERSION */
    const char *name;     /* "cpu" */
    uint32_t kv_bytes[2]; /* of a cached element, by hz_precision */
    unsigned fusions;     /* bits 1 << hz_fusion that compile makes use of */

    hz_status (*open)(const struct hz_device_options *options, struct hz_device **dev, struct hz_error *err);
    void (*close)(struct hz_device *dev);
    hz_status (*memory)(struct hz_device *dev, struct hz_device_memory *out, struct hz_error *err);
    void (*describe)(struct hz_device *dev, struct hz_buf *out); /* appends one JSON object: name, threads, rung, ... */

    hz_status (*alloc)(struct hz_device *dev, uint64_t bytes, struct hz_buffer **buffer,
                       struct hz_error *err); /* zeroed */
    void (*free)(struct hz_device *dev, struct hz_buffer *buffer);
    hz_status (*wrap)(struct hz_device *dev, const void *mapped, uint64_t bytes, struct hz_buffer **buffer,
                      struct hz_error *err); /* host pages used where they lie; not owned */
    hz_status (*upload)(struct hz_device *dev, struct hz_place to, const void *from, uint64_t bytes,
                        struct hz_error *err);
    hz_status (*download)(struct hz_device *dev, struct hz_place from, void *to, uint64_t bytes, struct hz_error *err);
    hz_status (*copy)(struct hz_device *dev, struct hz_place from, struct hz_place to, uint64_t bytes,
                      struct hz_error *err);

    /* Packs a weight for its uses; one copy serves all of them. *bytes: device memory it takes. */
    hz_status (*pack)(struct hz_device *dev, const struct hz_weight *weight, const struct hz_row_source *rows,
                      const struct hz_pack_options *options, struct hz_packed **packed, uint64_t *bytes,
                      struct hz_error *err);
    void (*unpack)(struct hz_device *dev, struct hz_packed *packed); /* frees it; NULL is fine */
    /* Quantizes rows to another published type on the device; NULL: not offered (room: ISQ then runs on the host). */
    hz_status (*quantize)(struct hz_device *dev, const struct hz_row_source *rows, enum hz_dtype to, void *out,
                          struct hz_error *err);

    /* HZ_OK, or E_UNSUPPORTED naming the op, weight type or parameter. Asked at load, never again. types: one for each
     * of the plan's weights. */
    hz_status (*supports)(struct hz_device *dev, const struct hz_plan *plan, const enum hz_dtype *types,
                          enum hz_precision precision, struct hz_error *err);
    /* plan: checked, groups split, grouped, buffers placed. packed: one for each of the plan's weights. All outlive
     * exec. */
    hz_status (*compile)(struct hz_device *dev, const struct hz_plan *plan, struct hz_packed *const *packed,
                         const struct hz_compile_options *options, struct hz_exec **exec, struct hz_error *err);
    void (*discard)(struct hz_exec *exec); /* NULL is fine */

    hz_status (*run)(struct hz_exec *exec, const struct hz_batch *batch, hz_ticket *ticket, struct hz_error *err);
    /* Draws from the logits of the last run: n specs, n results. */
    hz_status (*sample)(struct hz_exec *exec, const struct hz_draw_spec *specs, struct hz_drawn *results, uint32_t n,
                        hz_ticket *ticket, struct hz_error *err);
    hz_status (*wait)(struct hz_exec *exec, hz_ticket ticket, struct hz_error *err);
    /* Where the logits [n_outputs][hz_row_stride(n_vocab)] f32 of the last run lie, for download after wait. */
    struct hz_place (*logits)(struct hz_exec *exec);
};

extern const struct hz_backend hz_backend_cpu, hz_backend_null;
/* By name; "auto" is the best this build has. NULL: none of that name. */
const struct hz_backend *hz_backend_find(const char *name);
const struct hz_backend *hz_backend_at(size_t i); /* walks all of this build; NULL behind the last */

#endif
