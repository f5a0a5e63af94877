/* facts.c - which ids end an answer, how the publisher wants to sample. */
#include "model/facts.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_EOS = 64 };

struct eos {
    int32_t ids[MAX_EOS];
    size_t n;
};

static void add_eos(struct eos *eos, int64_t id)
{
    bool known = id < 0 || id > INT32_MAX;
    for (size_t i = 0; i < eos->n; i++)
        known |= eos->ids[i] == id;
    if (!known && eos->n < MAX_EOS)
        eos->ids[eos->n++] = (int32_t)id;
}

/* ---- folders ----------------------------------------------------------------------------------------------------- */

/* A number or a list of them. False if it is absent or null. */
static bool eos_from(struct hz_json v, struct eos *eos)
{
    int64_t id;
    if (hz_json_int(v, &id))
        add_eos(eos, id);
    for (size_t i = 0; i < hz_json_len(v); i++)
        if (hz_json_int(hz_json_at(v, i), &id))
            add_eos(eos, id);
    return v.kind != HZ_JSON_ABSENT && v.kind != HZ_JSON_NULL;
}

/* `key` of generation_config.json, else of config.json. */
static struct hz_json either(const struct hz_config *c, const char *key)
{
    struct hz_json v = {0};
    if (c->ck->generation_config)
        v = hz_json_get(hz_json_root(c->ck->generation_config), key);
    if (v.kind == HZ_JSON_ABSENT || v.kind == HZ_JSON_NULL)
        v = hz_json_get(c->text, key);
    if (v.kind == HZ_JSON_ABSENT || v.kind == HZ_JSON_NULL)
        v = hz_json_get(c->root, key);
    return v;
}

static hz_status sampling_number(const struct hz_config *c, const char *key, float *out, struct hz_error *err)
{
    struct hz_json v = hz_json_get(hz_json_root(c->ck->generation_config), key);
    double d;
    if (v.kind == HZ_JSON_ABSENT || v.kind == HZ_JSON_NULL)
        return HZ_OK;
    if (!hz_json_double(v, &d) || !isfinite(d))
        return hz_fail(err, HZ_E_FORMAT, "%s: generation_config.json: %s is not a finite number", c->ck->path, key);
    *out = (float)d;
    return HZ_OK;
}

static hz_status read_folder(const struct hz_config *c, struct hz_model_facts *f, struct eos *eos, struct hz_error *err)
{
    int64_t id;
    eos_from(either(c, "eos_token_id"), eos);
    if (hz_json_int(either(c, "bos_token_id"), &id) && id >= 0 && id <= INT32_MAX)
        f->bos = (int32_t)id;
    if (!c->ck->generation_config)
        return HZ_OK;
    struct hz_json g = hz_json_root(c->ck->generation_config);
    HZ_TRY(sampling_number(c, "temperature", &f->sampling.temperature, err));
    HZ_TRY(sampling_number(c, "top_p", &f->sampling.top_p, err));
    HZ_TRY(sampling_number(c, "min_p", &f->sampling.min_p, err));
    HZ_TRY(sampling_number(c, "repetition_penalty", &f->sampling.repetition_penalty, err));
    if (hz_json_int(hz_json_get(g, "top_k"), &id) && id >= 0 && id <= INT32_MAX)
        f->sampling.top_k = (int32_t)id;
    if (!hz_json_bool(hz_json_get(g, "do_sample"), true))
        f->sampling.temperature = 0;
    return HZ_OK;
}

/* ---- GGUF -------------------------------------------------------------------------------------------------------- */

static float sampling_meta(const struct hz_gguf *g, const char *key, float otherwise)
{
    const struct hz_meta *m = hz_gguf_get(g, key);
    double d;
    return m && hz_meta_double(m, &d) && isfinite(d) ? (float)d : otherwise;
}

/* The keys alone: ends that only their spelling gives away are the tokenizer's to know (token/gguf_tokens.c). */
static void read_gguf(const struct hz_gguf *g, struct hz_model_facts *f, struct eos *eos)
{
    static const char *const ends[] = {"eos", "eot", "eom", "fim_pad", "fim_rep", "fim_sep"};
    const struct hz_meta *m;
    int64_t id;
    char key[64];
    for (size_t i = 0; i < HZ_COUNT(ends); i++) {
        snprintf(key, sizeof key, "tokenizer.ggml.%s_token_id", ends[i]);
        m = hz_gguf_get(g, key);
        if (m && hz_meta_int(m, &id))
            add_eos(eos, id);
    }
    m = hz_gguf_get(g, "tokenizer.ggml.bos_token_id");
    if (m && hz_meta_int(m, &id) && id >= 0 && id <= INT32_MAX)
        f->bos = (int32_t)id;
    f->sampling.temperature = sampling_meta(g, "general.sampling.temp", NAN);
    f->sampling.top_p = sampling_meta(g, "general.sampling.top_p", NAN);
    f->sampling.min_p = sampling_meta(g, "general.sampling.min_p", NAN);
    f->sampling.repetition_penalty = sampling_meta(g, "general.sampling.penalty_repeat", NAN);
    m = hz_gguf_get(g, "general.sampling.top_k");
    if (m && hz_meta_int(m, &id) && id >= 0 && id <= INT32_MAX)
        f->sampling.top_k = (int32_t)id;
}

/* ----------------------------------------------------------------------------------------------------------------- */

/* What the configuration says, but the extrapolation of dynamic NTK starts only there. */
static uint32_t longest(const struct hz_config *c, const struct hz_plan *p)
{
    double factor = 1;
    for (uint32_t i = 0; i < p->n_ropes; i++)
        if (p->ropes[i].dynamic)
            factor = HZ_MAX(factor, p->ropes[i].factor);
    return (uint32_t)HZ_MIN(c->context * factor, INT32_MAX);
}

hz_status hz_facts_read(struct hz_config *c, struct hz_plan *p, struct hz_model_facts *facts, struct hz_error *err)
{
    struct eos eos = {.n = 0};
    *facts = (struct hz_model_facts){.arch = p->name,
                                     .context = longest(c, p),
                                     .n_vocab = p->n_vocab,
                                     .bos = -1,
                                     .sampling = {NAN, NAN, NAN, NAN, -1}};
    if (c->ck->gguf)
        read_gguf(c->ck->gguf, facts, &eos);
    else
        HZ_TRY(read_folder(c, facts, &eos, err));
    for (uint32_t i = 0; i < p->n_weights; i++)
        facts->parameters += (uint64_t)p->weights[i].rows * p->weights[i].cols;
    int32_t *ids = hz_arena_alloc(&p->arena, eos.n + 1, sizeof *ids);
    if (!ids)
        return hz_fail_nomem(err, eos.n * sizeof *ids);
    memcpy(ids, eos.ids, eos.n * sizeof *ids);
    facts->eos = ids;
    facts->n_eos = eos.n;
    return HZ_OK;
}
