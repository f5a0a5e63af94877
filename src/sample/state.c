/* state.c - penalties and biases as logit edits, kept up as the tokens of one sequence come.
 *
 * Repetition counts once for each distinct token of prompt and answer (Keskar et al. 2019, as transformers and
 * llama.cpp do it); presence and frequency look at the answer alone (OpenAI's definition); DRY is p-e-w's, as llama.cpp
 * has it with breakers of one token each. */
#include "sample/sample.h"

#include "base/mem.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct tracked { /* an id that may get an edit */
    uint32_t id;
    uint32_t answer; /* how often the answer holds it */
    bool seen;       /* in prompt or answer */
    float bias;
    float dry; /* of the token to be drawn next */
};

struct hz_sample_state {
    struct hz_sample_params p; /* bias, breakers: NULL, see below */
    uint32_t n_vocab;
    bool track;      /* repetition, presence or frequency is on */
    uint32_t *where; /* [n_vocab]: 1 + place in tracked, 0: not tracked. Zero pages, touched where ids fall */
    struct tracked *tracked;
    struct hz_edit *edits;
    uint32_t n_tracked, cap;
    /* DRY */
    uint8_t *breaker; /* [n_vocab] bits: ends a match */
    int32_t *history; /* [n_max] */
    uint32_t *match;  /* [n_max] scratch: lengths of matches */
    uint32_t n_history;
    uint32_t since_breaker; /* tokens behind the last breaker: no match is longer */
};

static hz_status in_range(float v, float low, float high, const char *name, struct hz_error *err)
{
    if (v >= low && v <= high) /* false for NaN */
        return HZ_OK;
    return hz_fail(err, HZ_E_INVALID, "%s is %g, must be from %g to %g", name, (double)v, (double)low, (double)high);
}

hz_status hz_sample_check(const struct hz_sample_params *p, uint32_t n_vocab, struct hz_error *err)
{
    HZ_TRY(in_range(p->temperature, 0, 1e6f, "temperature", err));
    HZ_TRY(in_range(p->top_p, 0, 1, "top_p", err));
    HZ_TRY(in_range(p->min_p, 0, 1, "min_p", err));
    HZ_TRY(in_range(p->repetition_penalty, 1e-3f, 1e3f, "repetition_penalty", err));
    HZ_TRY(in_range(p->presence_penalty, -1e3f, 1e3f, "presence_penalty", err));
    HZ_TRY(in_range(p->frequency_penalty, -1e3f, 1e3f, "frequency_penalty", err));
    HZ_TRY(in_range(p->dry_multiplier, 0, 1e3f, "dry_multiplier", err));
    if (p->dry_multiplier > 0)
        HZ_TRY(in_range(p->dry_base, 1, 1e3f, "dry_base", err));
    for (size_t i = 0; i < p->n_bias; i++) {
        if (p->bias[i].id < 0 || (uint32_t)p->bias[i].id >= n_vocab)
            return hz_fail(err, HZ_E_INVALID, "logit bias for id %d, the vocabulary has ids 0 to %u", p->bias[i].id,
                           n_vocab - 1);
        if (isnan(p->bias[i].add) || p->bias[i].add == INFINITY)
            return hz_fail(err, HZ_E_INVALID, "logit bias %g for id %d, must be a number or -infinity",
                           (double)p->bias[i].add, p->bias[i].id);
    }
    for (size_t i = 0; i < p->n_breakers; i++)
        if (p->breakers[i] < 0 || (uint32_t)p->breakers[i] >= n_vocab)
            return hz_fail(err, HZ_E_INVALID, "DRY breaker %d, the vocabulary has ids 0 to %u", p->breakers[i],
                           n_vocab - 1);
    return HZ_OK;
}

/* The finalizer of splitmix64, twice: seed and index are often small numbers. */
static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

float hz_sample_uniform(uint64_t seed, uint64_t index)
{
    uint64_t x = mix(mix(seed + 0x9e3779b97f4a7c15u) ^ (index * 0x9e3779b97f4a7c15u + 0x632be59bd9b4e019u));
    return (float)(x >> 40) * 0x1p-24f;
}

static struct tracked *track(struct hz_sample_state *s, int32_t id)
{
    if (!s->where[id]) {
        s->tracked[s->n_tracked] = (struct tracked){.id = (uint32_t)id};
        s->where[id] = ++s->n_tracked;
    }
    return &s->tracked[s->where[id] - 1];
}

hz_status hz_sample_new(const struct hz_sample_params *p, uint32_t n_vocab, uint32_t n_max,
                        struct hz_sample_state **out, struct hz_error *err)
{
    HZ_TRY(hz_sample_check(p, n_vocab, err));
    struct hz_sample_state *s = hz_calloc(1, sizeof *s);
    if (!s)
        return hz_fail_nomem(err, sizeof *s);
    s->p = *p;
    s->p.bias = NULL;
    s->p.breakers = NULL;
    s->n_vocab = n_vocab;
    bool dry = p->dry_multiplier > 0;
    s->track = p->repetition_penalty != 1 || p->presence_penalty != 0 || p->frequency_penalty != 0 || dry;
    uint64_t cap = p->n_bias + (s->track ? (uint64_t)n_max : 0);
    s->cap = (uint32_t)HZ_MIN(cap, n_vocab);
    if (s->cap) {
        s->where = hz_calloc(n_vocab, sizeof *s->where);
        s->tracked = hz_calloc(s->cap, sizeof *s->tracked);
        s->edits = hz_calloc(s->cap, sizeof *s->edits);
    }
    if (dry) {
        s->breaker = hz_calloc(n_vocab / 8 + 1, 1);
        s->history = hz_calloc(n_max, sizeof *s->history);
        s->match = hz_calloc(n_max, sizeof *s->match);
    }
    if ((s->cap && !(s->where && s->tracked && s->edits)) || (dry && !(s->breaker && s->history && s->match))) {
        hz_sample_free(s);
        return hz_fail_nomem(err, (size_t)n_vocab * sizeof *s->where);
    }
    for (size_t i = 0; i < p->n_bias; i++)
        track(s, p->bias[i].id)->bias += p->bias[i].add;
    for (size_t i = 0; dry && i < p->n_breakers; i++)
        s->breaker[p->breakers[i] / 8] |= (uint8_t)(1 << p->breakers[i] % 8);
    *out = s;
    return HZ_OK;
}

void hz_sample_free(struct hz_sample_state *s)
{
    if (!s)
        return;
    free(s->where);
    free(s->tracked);
    free(s->edits);
    free(s->breaker);
    free(s->history);
    free(s->match);
    free(s);
}

void hz_sample_push(struct hz_sample_state *s, int32_t id, bool answer)
{
    if (!s->track)
        return;
    struct tracked *t = track(s, id);
    t->seen = true;
    t->answer += answer;
    if (s->history) {
        s->history[s->n_history++] = id;
        s->since_breaker = s->breaker[id / 8] >> id % 8 & 1 ? 0 : s->since_breaker + 1;
    }
}

/* Sets `dry` of every id that would continue a repetition. With r the history read backwards, match[i] is how many
 * tokens of r from i on equal r from 0 on (the Z function, linear time): the text before place i ends as the whole text
 * does, and r[i-1] is what followed there. */
static void find_repeats(struct hz_sample_state *s)
{
    uint32_t n = s->n_history, limit = s->since_breaker, allowed = s->p.dry_allowed_length;
    const int32_t *last = s->history + n - 1; /* last[-i] is r[i] */
    uint32_t *z = s->match;
    if (n <= allowed || limit < allowed)
        return;
    float max_exponent = s->p.dry_base > 1 ? logf(FLT_MAX) / logf(s->p.dry_base) : FLT_MAX;
    for (ptrdiff_t i = 1, left = 0, right = 0; i < (ptrdiff_t)n; i++) {
        ptrdiff_t k = i < right ? HZ_MIN((ptrdiff_t)z[i - left], right - i) : 0;
        while (i + k < (ptrdiff_t)n && last[-k] == last[-(i + k)])
            k++;
        if (i + k > right) {
            left = i;
            right = i + k;
        }
        z[i] = (uint32_t)k;
        uint32_t repeat = HZ_MIN(z[i], limit);
        if (!repeat || repeat < allowed)
            continue;
        float exponent = HZ_MIN((float)(repeat - allowed), max_exponent);
        float penalty = s->p.dry_multiplier * powf(s->p.dry_base, exponent);
        struct tracked *t = track(s, last[-(i - 1)]);
        t->dry = HZ_MAX(t->dry, HZ_MIN(penalty, FLT_MAX));
    }
}

void hz_sample_spec(struct hz_sample_state *s, uint64_t index, struct hz_draw_spec *spec)
{
    const struct hz_sample_params *p = &s->p;
    if (s->history && s->n_history)
        find_repeats(s);
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->n_tracked; i++) {
        struct tracked *t = &s->tracked[i];
        float add = t->bias - t->dry - (t->answer ? p->presence_penalty : 0) - p->frequency_penalty * (float)t->answer;
        float mul = t->seen ? p->repetition_penalty : 1;
        if (mul != 1 || add != 0)
            s->edits[n++] = (struct hz_edit){t->id, mul, add};
        t->dry = 0;
    }
    spec->edits = s->edits;
    spec->n_edits = n;
    spec->temperature = p->temperature;
    spec->top_k = p->top_k;
    spec->top_p = p->top_p;
    spec->min_p = p->min_p;
    spec->u = hz_sample_uniform(p->seed, index);
}
