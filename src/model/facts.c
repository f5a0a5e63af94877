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

/* What a sampler can do (sample/state.c has the same bounds for what a user asks for). */
static hz_status sampling_range(double v, double least, double most, const char *path, const char *key, float *out,
                                struct hz_error *err)
{
    if (!(v >= least && v <= most)) /* NaN is neither */
        return hz_fail(err, HZ_E_FORMAT, "%s: %s is %g, expected %g to %g", path, key, v, least, most);
    *out = (float)v;
    return HZ_OK;
}

/* ---- folders ----------------------------------------------------------------------------------------------------- */

/* `key` of generation_config.json, else of config.json; *file is the name of the one. */
static struct hz_json either(const struct hz_config *c, const char *key, const char **file)
{
    struct hz_json v = {0};
    *file = "generation_config.json";
    if (c->ck->generation_config)
        v = hz_json_get(hz_json_root(c->ck->generation_config), key);
    if (v.kind != HZ_JSON_ABSENT && v.kind != HZ_JSON_NULL)
        return v;
    *file = "config.json";
    v = hz_json_get(c->text, key);
    return v.kind == HZ_JSON_ABSENT || v.kind == HZ_JSON_NULL ? hz_json_get(c->root, key) : v;
}

/* An id or a list of them; a negative one stands for none. */
static hz_status folder_eos(const struct hz_config *c, struct eos *eos, struct hz_error *err)
{
    const char *file;
    struct hz_json v = either(c, "eos_token_id", &file);
    bool list = v.kind == HZ_JSON_ARRAY;
    size_t n = list ? hz_json_len(v) : v.kind != HZ_JSON_ABSENT && v.kind != HZ_JSON_NULL;
    if (n > MAX_EOS)
        return hz_fail(err, HZ_E_LIMIT, "%s: %s: eos_token_id has %zu ids, expected at most %d", c->ck->path, file, n,
                       MAX_EOS);
    for (size_t i = 0; i < n; i++) {
        struct hz_json one = list ? hz_json_at(v, i) : v;
        int64_t id;
        if (!hz_json_int(one, &id))
            return hz_fail(err, HZ_E_FORMAT, "%s: %s: eos_token_id is %s%s, expected an id or a list of ids",
                           c->ck->path, file, list ? "a list with " : "", hz_json_kind_name(one.kind));
        add_eos(eos, id);
    }
    return HZ_OK;
}

static hz_status folder_bos(const struct hz_config *c, int32_t *bos, struct hz_error *err)
{
    const char *file;
    struct hz_json v = either(c, "bos_token_id", &file);
    int64_t id = -1;
    if (v.kind != HZ_JSON_ABSENT && v.kind != HZ_JSON_NULL && !hz_json_int(v, &id))
        return hz_fail(err, HZ_E_FORMAT, "%s: %s: bos_token_id is %s, expected an id", c->ck->path, file,
                       hz_json_kind_name(v.kind));
    if (id >= 0 && id <= INT32_MAX)
        *bos = (int32_t)id;
    return HZ_OK;
}

/* One key of generation_config.json. */
static hz_status sampling_number(const struct hz_config *c, const char *key, double least, double most, float *out,
                                 struct hz_error *err)
{
    struct hz_json v = hz_json_get(hz_json_root(c->ck->generation_config), key);
    double d;
    if (v.kind == HZ_JSON_ABSENT || v.kind == HZ_JSON_NULL)
        return HZ_OK;
    if (!hz_json_double(v, &d))
        return hz_fail(err, HZ_E_FORMAT, "%s: generation_config.json: %s is %s, expected a number", c->ck->path, key,
                       hz_json_kind_name(v.kind));
    hz_status status = sampling_range(d, least, most, "generation_config.json", key, out, err);
    return status ? hz_fail_in(err, status, "%s", c->ck->path) : HZ_OK;
}

static hz_status read_folder(const struct hz_config *c, struct hz_model_facts *f, struct eos *eos, struct hz_error *err)
{
    int64_t k = -1;
    HZ_TRY(folder_eos(c, eos, err));
    HZ_TRY(folder_bos(c, &f->bos, err));
    if (!c->ck->generation_config)
        return HZ_OK;
    struct hz_json g = hz_json_root(c->ck->generation_config);
    struct hz_json top_k = hz_json_get(g, "top_k"), draws = hz_json_get(g, "do_sample");
    HZ_TRY(sampling_number(c, "temperature", 0, 1e6, &f->sampling.temperature, err));
    HZ_TRY(sampling_number(c, "top_p", 0, 1, &f->sampling.top_p, err));
    HZ_TRY(sampling_number(c, "min_p", 0, 1, &f->sampling.min_p, err));
    HZ_TRY(sampling_number(c, "repetition_penalty", 1e-3, 1e3, &f->sampling.repetition_penalty, err));
    if (top_k.kind != HZ_JSON_ABSENT && top_k.kind != HZ_JSON_NULL && (!hz_json_int(top_k, &k) || k > INT32_MAX))
        return hz_fail(err, HZ_E_FORMAT, "%s: generation_config.json: top_k is %s, expected a whole number below 2^31",
                       c->ck->path, hz_json_kind_name(top_k.kind));
    f->sampling.top_k = k >= 0 ? (int32_t)k : -1;
    if (draws.kind != HZ_JSON_ABSENT && draws.kind != HZ_JSON_NULL && draws.kind != HZ_JSON_BOOL)
        return hz_fail(err, HZ_E_FORMAT, "%s: generation_config.json: do_sample is %s, expected a boolean", c->ck->path,
                       hz_json_kind_name(draws.kind));
    if (!hz_json_bool(draws, true))
        f->sampling.temperature = 0;
    return HZ_OK;
}

/* ---- GGUF -------------------------------------------------------------------------------------------------------- */

static hz_status sampling_meta(const struct hz_gguf *g, const char *key, double least, double most, float *out,
                               struct hz_error *err)
{
    const struct hz_meta *m = hz_gguf_get(g, key);
    double d;
    if (!m)
        return HZ_OK;
    if (!hz_meta_double(m, &d))
        return hz_fail(err, HZ_E_FORMAT, "%s: %s is %s, expected a number", g->path, key, hz_meta_type_name(m->type));
    return sampling_range(d, least, most, g->path, key, out, err);
}

/* The keys alone: ends that only their spelling gives away are the tokenizer's to know (token/gguf_tokens.c). */
static hz_status read_gguf(const struct hz_gguf *g, struct hz_model_facts *f, struct eos *eos, struct hz_error *err)
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
    HZ_TRY(sampling_meta(g, "general.sampling.temp", 0, 1e6, &f->sampling.temperature, err));
    HZ_TRY(sampling_meta(g, "general.sampling.top_p", 0, 1, &f->sampling.top_p, err));
    HZ_TRY(sampling_meta(g, "general.sampling.min_p", 0, 1, &f->sampling.min_p, err));
    HZ_TRY(sampling_meta(g, "general.sampling.penalty_repeat", 1e-3, 1e3, &f->sampling.repetition_penalty, err));
    m = hz_gguf_get(g, "general.sampling.top_k");
    if (m && hz_meta_int(m, &id) && id >= 0 && id <= INT32_MAX)
        f->sampling.top_k = (int32_t)id;
    return HZ_OK;
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
        HZ_TRY(read_gguf(c->ck->gguf, facts, &eos, err));
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
