/* model.h - from a checkpoint to a plan and its packed weights. Finds the architecture by name (its file in arch/ reads
 * the configuration and emits the plan), binds weights to tensors, loads them tile by tile. */
#ifndef HZ_MODEL_MODEL_H
#define HZ_MODEL_MODEL_H

#include "backend/backend.h"
#include "file/checkpoint.h"

/* What the engine wants to know of a model beside its plan. */
struct hz_model_facts {
    const char *arch;   /* "llama"; lives in the plan's arena, as all below */
    uint32_t context;   /* longest sequence it was made for */
    uint32_t n_vocab;   /* width of the logits */
    const int32_t *eos; /* ids that end an answer: generation_config.json's, else config.json's, GGUF's eos and eot */
    size_t n_eos;
    int32_t bos; /* -1: none named */
    struct {     /* generation_config.json (GGUF: general.sampling.*); NaN or -1 where it says nothing; */
        float temperature, top_p, min_p, repetition_penalty; /* temperature 0 where do_sample is false */
        int32_t top_k;
    } sampling;
    uint64_t parameters; /* elements of all weights */
};

/* Reads the configuration and builds the plan (checked, groups not split). An unknown architecture, a missing tensor, a
 * wrong shape or an unread configuration key is refused by name. Free the plan with hz_plan_free. */
hz_status hz_model_plan(const struct hz_checkpoint *ck, struct hz_plan **plan, struct hz_model_facts *facts,
                        struct hz_error *err);
/* Names of the architectures this build knows, sorted; NULL-terminated. */
const char *const *hz_model_archs(void);

/* The plan's weights, packed for one device. */
struct hz_weights {
    struct hz_packed **packed; /* [plan->n_weights] */
    enum hz_dtype *types;      /* published type of each */
    uint32_t n;
    uint64_t bytes; /* device memory they take */
    const struct hz_backend *backend;
    struct hz_device *dev;
};

struct hz_weights_options {
    enum hz_precision precision;
    bool borrow;              /* --mmap */
    hz_progress_fn *progress; /* may be NULL; counts published bytes */
    void *user;
};

/* Types of the plan's weights as published, [plan->n_weights], for hz_backend.supports. Checks that every piece exists
 * and has the shape it must have. */
hz_status hz_weights_types(const struct hz_plan *plan, const struct hz_checkpoint *ck, enum hz_dtype *types,
                           struct hz_error *err);
hz_status hz_weights_load(const struct hz_plan *plan, const struct hz_checkpoint *ck, const struct hz_backend *backend,
                          struct hz_device *dev, const struct hz_weights_options *options, struct hz_weights **weights,
                          struct hz_error *err);
void hz_weights_free(struct hz_weights *weights);

#endif
