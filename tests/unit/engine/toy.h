/* toy.h - engines on the null backend over plans of two layers, without a checkpoint. */
#ifndef HZ_TEST_TOY_H
#define HZ_TEST_TOY_H

#include "engine/internal.h"

struct toy {
    uint32_t vocab;      /* 0: 61 */
    uint32_t windows[3]; /* of the layers; 0: none */
    uint32_t n_layers;   /* 0: 2 */
    uint32_t rope_limit; /* 0: one rope table for all lengths */
    bool rope_dynamic;
    const int32_t *eos;
    size_t n_eos;
    const hz_model *model; /* its tokenizer and template; NULL: ids only */
    float temperature;     /* what its generation_config.json would say; 0: nothing */
    int32_t top_k;
    struct hz_engine_options options; /* device is null */
    uint32_t blocks;                  /* of the pool; 0: as many as the engine likes */
    uint32_t chunk;                   /* prompt rows of one sequence in a step; 0: batch_tokens */
};

hz_engine *toy_engine(const struct toy *t);
struct hz_engine_counts toy_counts(const hz_engine *e);

/* Everything a request gave, read to its end. */
struct toy_answer {
    int32_t ids[1024];
    float logprobs[1024];
    size_t n;
    char text[8192];
    size_t len;
    enum hz_finish finish;
    struct hz_usage usage;
    struct hz_error error;
    size_t n_rows; /* prompt rows given */
};
void toy_read(hz_request *r, struct toy_answer *a);
/* Options with ids, greedy, ignoring the end. */
struct hz_request_options toy_options(const int32_t *ids, size_t n, int32_t max_tokens);
hz_request *toy_start(hz_engine *e, const struct hz_request_options *o);
void toy_run(hz_engine *e, const struct hz_request_options *o, struct toy_answer *a);
/* n ids below vocab, from a seed. */
void toy_ids(int32_t *ids, size_t n, uint32_t vocab, uint64_t seed);

#endif
