/* rope.c - the frequencies of a model's rope from its configuration. Formulas: transformers 5.24,
 * modeling_rope_utils.py (default, linear, dynamic, yarn, longrope, llama3); for GGUF llama.cpp's ggml_rope_ext and
 * llama-context.cpp. Computed in double, kept in f32. */
#include "model/config_open.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TWO_PI 6.283185307179586476925

/* What all types share; `o` is the object that the scaling stands in, ABSENT if there is none. */
struct source {
    struct hz_config *c;
    struct hz_json o;
    const char *name; /* of the object */
    double theta, factor;
    uint32_t rot, half, context;
};

/* A number of the object. */
static double number(const struct source *s, const char *key, double otherwise)
{
    struct hz_json v = hz_json_get(s->o, key);
    double out;
    if (v.kind == HZ_JSON_ABSENT || v.kind == HZ_JSON_NULL)
        return otherwise;
    if (hz_json_double(v, &out) && fabs(out) <= FLT_MAX)
        return out;
    hz_config_fail(s->c, "%s.%s is not a number that a float32 can hold", s->name, key);
    return otherwise;
}

/* One that must be there and be positive. */
static double need(const struct source *s, const char *key)
{
    double v = number(s, key, 0);
    if (!(v > 0))
        hz_config_fail(s->c, "%s.%s must be there and be positive", s->name, key);
    return v > 0 ? v : 1;
}

static void plain(const struct source *s, double *inv)
{
    for (uint32_t i = 0; i < s->half; i++)
        inv[i] = pow(s->theta, -2.0 * i / s->rot);
}

static uint32_t add_table(const struct source *s, struct hz_plan *p, struct hz_rope *rope, const double *const inv[2])
{
    rope->rot = s->rot;
    rope->n_variants = rope->n_variants ? rope->n_variants : 1;
    for (uint32_t v = 0; v < rope->n_variants; v++) {
        float *f = hz_arena_alloc(&s->c->arena, s->half, sizeof *f);
        if (!f) {
            hz_config_nomem(s->c);
            return HZ_NONE;
        }
        for (uint32_t i = 0; i < s->half; i++)
            f[i] = (float)inv[v][i];
        rope->inv_freq[v] = f;
    }
    return hz_plan_rope(p, rope);
}

/* ---- yarn -------------------------------------------------------------------------------------------------------- */

struct yarn {
    double original, beta_fast, beta_slow;
    bool truncate;
};

/* Slow dimensions are interpolated, fast ones not, between them is a ramp. inv: plain frequencies, changed in place. */
static void yarn(const struct source *s, const struct yarn *y, double *inv)
{
    double span = 2 * log(s->theta);
    double low = s->rot * log(y->original / (y->beta_fast * TWO_PI)) / span;
    double high = s->rot * log(y->original / (y->beta_slow * TWO_PI)) / span;
    if (y->truncate) {
        low = floor(low);
        high = ceil(high);
    }
    low = HZ_MAX(low, 0);
    high = HZ_MIN(high, s->rot - 1.0);
    if (low == high)
        high += 0.001;
    for (uint32_t i = 0; i < s->half; i++) {
        double ramp = HZ_MIN(HZ_MAX((i - low) / (high - low), 0), 1);
        inv[i] = inv[i] / s->factor * ramp + inv[i] * (1 - ramp);
    }
}

static double yarn_scale(double factor, double mscale)
{
    return factor <= 1 ? 1 : 0.1 * mscale * log(factor) + 1;
}

/* ---- config.json ------------------------------------------------------------------------------------------------- */

/* Transformers ignores attn_factor, an old name from elsewhere; what attention_factor says counts. */
static const char *const known[] = {
    "attention_factor",
    "attn_factor",
    "beta_fast",
    "beta_slow",
    "factor",
    "finetuned",
    "high_freq_factor",
    "long_factor",
    "low_freq_factor",
    "mscale",
    "mscale_all_dim",
    "rope_theta",
    "rope_type",
    "short_factor",
    "truncate",
    "type",
    "partial_rotary_factor",
    "original_max_position_embeddings",
};

static void check_keys(const struct source *s)
{
    for (struct hz_json_iter it = hz_json_each(s->o); hz_json_next(&it);) {
        bool found = it.value.kind == HZ_JSON_NULL;
        for (size_t i = 0; i < HZ_COUNT(known) && !found; i++)
            found = !strcmp(known[i], it.key);
        if (!found)
            hz_config_fail(s->c, "%s has \"%s\", which this build does not know", s->name, it.key);
    }
}

/* The object for a layer type: rope_parameters may hold one for each. True if it is such a one. */
static bool choose_object(struct source *s, const char *layer_type)
{
    if (!hz_config_object(s->c, "rope_scaling|rope_parameters", &s->o, &s->name))
        return false;
    if (!hz_json_len(s->o)) /* {} says as little as null */
        hz_config_object(s->c, "rope_parameters", &s->o, &s->name);
    struct hz_json of_type = {0};
    for (struct hz_json_iter it = hz_json_each(s->o); hz_json_next(&it);) {
        if (it.value.kind != HZ_JSON_OBJECT)
            continue;
        if (!strcmp(it.key, layer_type ? layer_type : "full_attention"))
            of_type = it.value;
        else if (!layer_type)
            hz_config_fail(s->c, "%s differs by layer (%s), which this architecture does not know", s->name, it.key);
    }
    if (of_type.kind == HZ_JSON_OBJECT)
        s->o = of_type;
    return of_type.kind == HZ_JSON_OBJECT;
}

static double original_context(const struct source *s)
{
    /* Phi-3 keeps it outside, and there it counts more. */
    double v = hz_config_f64(s->c, "original_max_position_embeddings", s->c->original);
    v = v > 0 ? v : number(s, "original_max_position_embeddings", s->context);
    if (!(v >= 1))
        hz_config_fail(s->c, "%s.original_max_position_embeddings is not positive", s->name);
    return v >= 1 ? v : 1;
}

static void longrope(const struct source *s, struct hz_rope *rope, double *inv[2])
{
    static const char *const keys[2] = {"short_factor", "long_factor"};
    double original = original_context(s), factor = number(s, "factor", s->context / original);
    double scale = factor > 1 ? sqrt(1 + log(factor) / log(original)) : 1;
    scale = number(s, "attention_factor", scale);
    rope->n_variants = 2;
    rope->limit = (uint32_t)HZ_MIN(original, INT32_MAX);
    for (int v = 0; v < 2; v++) {
        struct hz_json list = hz_json_get(s->o, keys[v]);
        plain(s, inv[v]);
        rope->scale[v] = (float)scale;
        if (list.kind != HZ_JSON_ARRAY || hz_json_len(list) != s->half) {
            hz_config_fail(s->c, "%s.%s must be a list of %u numbers", s->name, keys[v], s->half);
            return;
        }
        for (uint32_t i = 0; i < s->half; i++) {
            double f = 0;
            if (!hz_json_double(hz_json_at(list, i), &f) || !(f > 0))
                hz_config_fail(s->c, "%s.%s[%u] is not a positive number", s->name, keys[v], i);
            inv[v][i] /= f;
        }
    }
}

static void llama3(const struct source *s, double *inv)
{
    double original = original_context(s), low = need(s, "low_freq_factor"), high = need(s, "high_freq_factor");
    double factor = need(s, "factor");
    if (high == low)
        hz_config_fail(s->c, "%s: low_freq_factor and high_freq_factor are equal", s->name);
    for (uint32_t i = 0; i < s->half; i++) {
        double wave = TWO_PI / inv[i], smooth = (original / wave - low) / (high - low);
        if (wave > original / low)
            inv[i] /= factor;
        else if (wave >= original / high)
            inv[i] = (1 - smooth) * inv[i] / factor + smooth * inv[i];
    }
}

/* By its names in the first Phi-3 files; a yarn has no factors of its own. */
static bool is_old_longrope(const struct source *s, const char *type)
{
    bool factors = hz_json_get(s->o, "short_factor").kind == HZ_JSON_ARRAY;
    return !strcmp(type, "su") || (!strcmp(type, "yarn") && factors);
}

/* inv[0] holds plain frequencies. */
static void scale_json(struct source *s, struct hz_rope *rope, double *inv[2])
{
    const char *type = hz_json_str(hz_json_get(s->o, "rope_type"), NULL);
    if (!type)
        type = hz_json_str(hz_json_get(s->o, "type"), NULL);
    if (!type || !strcmp(type, "default"))
        return;
    if (!strcmp(type, "linear")) {
        s->factor = need(s, "factor");
        for (uint32_t i = 0; i < s->half; i++)
            inv[0][i] /= s->factor;
    } else if (!strcmp(type, "dynamic")) {
        rope->dynamic = true;
        rope->base = s->theta;
        rope->factor = need(s, "factor");
        rope->limit = s->context;
        if (s->rot <= 2)
            hz_config_fail(s->c, "%s: dynamic scaling of %u columns", s->name, s->rot);
    } else if (!strcmp(type, "longrope") || is_old_longrope(s, type)) {
        longrope(s, rope, inv);
    } else if (!strcmp(type, "yarn")) {
        struct yarn y = {original_context(s), number(s, "beta_fast", 0), number(s, "beta_slow", 0),
                         hz_json_bool(hz_json_get(s->o, "truncate"), true)};
        y.beta_fast = y.beta_fast > 0 ? y.beta_fast : 32;
        y.beta_slow = y.beta_slow > 0 ? y.beta_slow : 1;
        /* null stands for the ratio of the contexts; an absent one is an error there too */
        s->factor = hz_json_get(s->o, "factor").kind == HZ_JSON_NULL ? s->context / y.original : need(s, "factor");
        double mscale = number(s, "mscale", 0), all = number(s, "mscale_all_dim", 0);
        double scale = mscale != 0 && all != 0 ? yarn_scale(s->factor, mscale) / yarn_scale(s->factor, all)
                                               : yarn_scale(s->factor, 1);
        rope->scale[0] = (float)number(s, "attention_factor", scale);
        if (!(s->factor > 0))
            hz_config_fail(s->c, "%s.factor is not positive", s->name);
        else
            yarn(s, &y, inv[0]);
    } else if (!strcmp(type, "llama3")) {
        llama3(s, inv[0]);
    } else {
        hz_config_fail(s->c, "%s: rope type \"%s\" is unknown", s->name, type);
    }
}

/* ---- GGUF -------------------------------------------------------------------------------------------------------- */

/* Divisors of the frequencies, from a tensor; NULL if there is none. */
static const float *divisors(const struct source *s, const char *name)
{
    const struct hz_tensor *t = hz_tensor_find(&s->c->ck->table, name);
    if (!t)
        return NULL;
    char shape[128];
    float *out = hz_arena_alloc(&s->c->arena, s->half, sizeof *out);
    if (t->type != HZ_F32 || hz_tensor_elements(t) != s->half || !out) {
        hz_config_fail(s->c, "%s is %s, expected F32 [%u]", name, hz_tensor_shape(t, shape, sizeof shape), s->half);
        return NULL;
    }
    memcpy(out, t->data, s->half * sizeof *out);
    for (uint32_t i = 0; i < s->half; i++)
        if (!(out[i] > 0)) {
            hz_config_fail(s->c, "%s: element %u is not positive", name, i);
            return NULL;
        }
    return out;
}

static void divide(const struct source *s, double *inv, const float *by)
{
    for (uint32_t i = 0; by && i < s->half; i++)
        inv[i] /= (double)by[i];
}

static void scale_gguf(struct source *s, struct hz_rope *rope, double *inv[2])
{
    struct hz_config *c = s->c;
    const char *type = hz_config_str(c, ".rope.scaling.type", "linear");
    s->factor = hz_config_f64(c, ".rope.scaling.factor|.rope.scale_linear", 0);
    s->factor = s->factor > 0 ? s->factor : 1;
    double scale = hz_config_f64(c, ".rope.scaling.attn_factor", 1);
    uint32_t original = hz_config_u32(c, ".rope.scaling.original_context_length", s->context);
    double log_mul = hz_config_f64(c, ".rope.scaling.yarn_log_multiplier", 0);
    struct yarn y = {HZ_MAX(original, 1), hz_config_f64(c, ".rope.scaling.yarn_beta_fast", 32),
                     hz_config_f64(c, ".rope.scaling.yarn_beta_slow", 1), true};
    if (hz_config_f64(c, ".rope.scaling.yarn_ext_factor", 1) != 1)
        hz_config_fail(c, "rope.scaling.yarn_ext_factor other than 1");

    /* Llama 3.1: the scaling is in the divisors. Phi-3: two sets of them, and no scaling type. */
    divide(s, inv[0], divisors(s, "rope_freqs.weight"));
    const float *brief = divisors(s, "rope_factors_short.weight"), *lengthy = divisors(s, "rope_factors_long.weight");
    if (brief && lengthy && !hz_tensor_find(&c->ck->table, "rope_freqs.weight")) {
        memcpy(inv[1], inv[0], s->half * sizeof *inv[1]);
        divide(s, inv[0], brief);
        divide(s, inv[1], lengthy);
        rope->n_variants = 2;
        rope->limit = original;
    }
    if (!strcmp(type, "yarn")) {
        if (y.beta_fast > 0 && y.beta_slow > 0)
            yarn(s, &y, inv[0]);
        else
            hz_config_fail(c, "rope.scaling: yarn with betas that are not positive");
        scale *= log_mul != 0 ? yarn_scale(s->factor, 1) / yarn_scale(s->factor, log_mul) : yarn_scale(s->factor, 1);
    } else if (!strcmp(type, "linear") || !strcmp(type, "longrope")) {
        for (uint32_t v = 0; v < 2; v++)
            for (uint32_t i = 0; i < s->half; i++)
                inv[v][i] /= s->factor;
    } else if (strcmp(type, "none") != 0) {
        hz_config_fail(c, "rope.scaling.type \"%s\" is unknown", type);
    }
    rope->scale[0] = rope->scale[1] = (float)scale;
}

/* ---- both -------------------------------------------------------------------------------------------------------- */

uint32_t hz_config_rope(struct hz_config *c, struct hz_plan *p, uint32_t head_dim, const char *layer_type,
                        double default_theta)
{
    bool gguf = hz_config_is_gguf(c), sliding = layer_type && !strcmp(layer_type, "sliding_attention");
    struct source s = {.c = c, .name = "", .theta = default_theta, .factor = 1, .context = c->context};
    struct hz_rope rope = {.scale = {1, 1}};
    bool of_type = !gguf && choose_object(&s, layer_type);
    /* Before there was one object for each layer type, scaling was for the layers that see everything. */
    bool scaled = !sliding || of_type;
    double part = 1;
    if (gguf) {
        s.theta = hz_config_f64(c, sliding ? ".rope.freq_base_swa" : ".rope.freq_base", 10000);
        s.rot = hz_config_u32(c, ".rope.dimension_count", head_dim);
    } else {
        s.theta = hz_config_f64(c, sliding ? "rope_local_base_freq" : "rope_theta", default_theta);
        part = hz_config_f64(c, "partial_rotary_factor", 1);
        hz_config_ignore(c, "original_max_position_embeddings");
        if (scaled) {
            s.theta = number(&s, "rope_theta", s.theta);
            part = number(&s, "partial_rotary_factor", part);
            check_keys(&s);
        }
        if (part != 1 && !c->partial_rope)
            hz_config_fail(c, "partial_rotary_factor is %g, which this architecture does not know", part);
        s.rot = part > 0 && part <= 1 ? (uint32_t)(head_dim * part) : 0;
    }
    if (!(s.theta > 1)) {
        hz_config_fail(c, "%s is %g, expected more than 1", gguf ? "rope.freq_base" : "rope_theta", s.theta);
        return HZ_NONE;
    }
    if (!s.rot || s.rot % 2 || s.rot > head_dim) {
        hz_config_fail(c, "a rope over %u of %u columns of a head, expected an even number", s.rot, head_dim);
        return HZ_NONE;
    }
    s.half = s.rot / 2;
    double *inv[2] = {hz_arena_alloc(&c->arena, s.half, sizeof *inv[0]),
                      hz_arena_alloc(&c->arena, s.half, sizeof *inv[1])};
    if (!inv[0] || !inv[1]) {
        hz_config_nomem(c);
        return HZ_NONE;
    }
    plain(&s, inv[0]);
    if (scaled && gguf)
        scale_gguf(&s, &rope, inv);
    else if (scaled && s.o.kind == HZ_JSON_OBJECT)
        scale_json(&s, &rope, inv);
    if (c->failed)
        return HZ_NONE;
    return add_table(&s, p, &rope, (const double *const[2]){inv[0], inv[1]});
}
