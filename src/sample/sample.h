/* sample.h - the host side of sampling: what a request asks, turned into logit edits and thresholds; stop strings;
 * random numbers. The draw itself is the backend's. */
#ifndef HZ_SAMPLE_SAMPLE_H
#define HZ_SAMPLE_SAMPLE_H

#include "plan/batch.h"

/* A request's parameters, all resolved: no "not given" left. */
struct hz_sample_params {
    float temperature, top_p, min_p, repetition_penalty, presence_penalty, frequency_penalty;
    uint32_t top_k;
    float dry_multiplier, dry_base;
    uint32_t dry_allowed_length;
    const struct hz_bias *bias; /* copied by the state */
    size_t n_bias;
    const int32_t *breakers; /* ids that end a DRY match */
    size_t n_breakers;
    uint64_t seed;
};

/* Checks ranges (finite, temperature >= 0, top_p and min_p in 0..1, penalties, bias ids below n_vocab): E_INVALID. */
hz_status hz_sample_check(const struct hz_sample_params *p, uint32_t n_vocab, struct hz_error *err);

/* Uniform in [0, 1): a function of (seed, index) alone, so the same id is drawn in any batch and after preemption. */
float hz_sample_uniform(uint64_t seed, uint64_t index);

/* Counts of one sequence, kept as tokens come, and the edits made from them. All memory is taken here: n_max is the
 * longest that prompt and answer together may become. */
struct hz_sample_state;
hz_status hz_sample_new(const struct hz_sample_params *p, uint32_t n_vocab, uint32_t n_max, struct hz_sample_state **s,
                        struct hz_error *err);
void hz_sample_free(struct hz_sample_state *s);
/* A token of the prompt (repetition penalty and DRY see it) or of the answer (all penalties do). */
void hz_sample_push(struct hz_sample_state *s, int32_t id, bool answer);
/* Fills edits, thresholds and u of the spec for the token with this index in the answer. Edits live until the next
 * call. An id's edit is mul = repetition_penalty if it was seen, and add = bias - presence - frequency * count - DRY.
 */
void hz_sample_spec(struct hz_sample_state *s, uint64_t index, struct hz_draw_spec *spec);

/* Stop strings over a stream of pieces: holds back exactly the tail that could begin one. */
struct hz_stops;
hz_status hz_stops_new(const char *const *stops, size_t n, struct hz_stops **s, struct hz_error *err);
void hz_stops_free(struct hz_stops *s);
/* Feeds a piece; *out, valid until the next call, is what may be shown. *met: a stop string was met (of several that
 * end at one place the longest); what stands before it is the last text. */
hz_status hz_stops_push(struct hz_stops *s, const char *piece, size_t len, const char **out, size_t *out_len, bool *met,
                        struct hz_error *err);
/* What was held back, at the end of the answer. */
void hz_stops_flush(struct hz_stops *s, const char **out, size_t *out_len);

#endif
