/* decoder.c - the emitter behind most architectures; decoder.h is its data. */
#include "model/arch/decoder.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const struct hz_decoder_names hz_decoder_llama_names = {
    .layer = "layers",
    .embed = "embed_tokens",
    .norm = "norm",
    .q = "self_attn.q_proj",
    .k = "self_attn.k_proj",
    .v = "self_attn.v_proj",
    .o = "self_attn.o_proj",
    .gate = "mlp.gate_proj",
    .up = "mlp.up_proj",
    .down = "mlp.down_proj",
    .before_attention = "input_layernorm",
    .before_mlp = "post_attention_layernorm",
};

/* ---- reading ----------------------------------------------------------------------------------------------------- */

/* Sizes come from outside and are multiplied with each other: beyond these nobody has made a model. */
enum { MAX_LAYERS = 4096, MAX_WIDTH = 1 << 20, MAX_HEADS = 4096, MAX_EXPERTS = 4096, MAX_EXPERT_ROWS = 1 << 30 };

static void read_experts(struct hz_config *c, struct hz_decoder *d)
{
    d->experts = hz_config_size(c, "num_experts|num_local_experts|.expert_count", 0, MAX_EXPERTS);
    d->experts_used = hz_config_size(c, "num_experts_per_tok|.expert_used_count", 0, d->experts);
    d->n_ff_expert = hz_config_size(c, "moe_intermediate_size|.expert_feed_forward_length", d->n_ff, MAX_WIDTH);
    if ((uint64_t)d->experts * HZ_MAX(d->n_ff_expert, d->n_embd) > MAX_EXPERT_ROWS)
        hz_config_fail(c, "%u experts of %u by %u", d->experts, d->n_ff_expert, d->n_embd);
    if (hz_config_u32(c, ".expert_gating_func", 1) != 1 || hz_config_f64(c, ".expert_weights_scale", 1) != 1)
        hz_config_fail(c, "a routing other than softmax with weights as they are");
    d->renorm = hz_config_bool(c, ".expert_weights_norm", d->renorm);
}

void hz_decoder_read(struct hz_config *c, struct hz_plan *p, struct hz_decoder *d, uint32_t context)
{
    bool gguf = hz_config_is_gguf(c), layer_norm = d->norm == HZ_NORM_LAYER;
    hz_config_context(c, gguf ? 0 : context);
    d->n_layers = hz_config_size(c, "num_hidden_layers|n_layer|.block_count", gguf ? 0 : d->n_layers, MAX_LAYERS);
    d->n_embd = hz_config_size(c, "hidden_size|n_embd|.embedding_length", gguf ? 0 : d->n_embd, MAX_WIDTH);
    d->heads = hz_config_size(c, "num_attention_heads|n_head|.attention.head_count", gguf ? 0 : d->heads, MAX_HEADS);
    /* null is what a family without a default of its own has: one head of keys a head, the width over the heads */
    bool own_kv = !gguf && d->kv_heads && !hz_config_null(c, "num_key_value_heads");
    uint32_t kv = own_kv ? d->kv_heads : d->heads;
    d->kv_heads = hz_config_size(c, "num_key_value_heads|.attention.head_count_kv", kv, MAX_HEADS);
    bool own_dim = !gguf && d->head_dim && !hz_config_null(c, "head_dim");
    uint32_t dim = own_dim ? d->head_dim : d->n_embd / d->heads;
    d->head_dim = hz_config_size(c, "head_dim|.attention.key_length", dim ? dim : 1, MAX_WIDTH / d->heads);
    if (hz_config_u32(c, ".attention.value_length", d->head_dim) != d->head_dim)
        hz_config_fail(c, "keys and values of different length");
    d->n_ff = hz_config_size(c, "intermediate_size|n_inner|.feed_forward_length", gguf ? 0 : d->n_ff, MAX_WIDTH);
    if (d->heads % d->kv_heads)
        hz_config_fail(c, "%u attention heads over %u key-value heads", d->heads, d->kv_heads);
    d->eps =
        hz_config_f64_in(c,
                         layer_norm ? "layer_norm_eps|layer_norm_epsilon|norm_epsilon|.attention.layer_norm_epsilon"
                                    : "rms_norm_eps|.attention.layer_norm_rms_epsilon",
                         gguf || d->eps == 0 ? 1e-5 : d->eps, 0, 1);
    hz_config_ignore(c, layer_norm ? ".attention.layer_norm_rms_epsilon" : ".attention.layer_norm_epsilon");
    d->act = hz_config_act(c, "hidden_activation|hidden_act|activation_function|.hidden_activation", d->act);
    d->tied = hz_config_bool(c, "tie_word_embeddings", d->tied);
    if (!hz_config_bool(c, "is_causal|use_causal_mask|.attention.causal", true))
        hz_config_fail(c, "attention that looks ahead");
    if (gguf)
        d->norm_add = 0;
    if (!d->residual_scale)
        d->residual_scale = 1;
    if (d->names.moe)
        read_experts(c, d);
    d->layers = hz_arena_alloc(&p->arena, d->n_layers, sizeof *d->layers);
    if (!d->layers)
        hz_config_nomem(c);
    for (uint32_t i = 0; d->layers && i < d->n_layers; i++)
        d->layers[i].rope = HZ_NONE;
}

void hz_decoder_rope(struct hz_config *c, struct hz_plan *p, struct hz_decoder *d, double default_theta)
{
    if (hz_config_failed(c))
        return;
    uint32_t table = hz_config_rope(c, p, d->head_dim, NULL, default_theta);
    for (uint32_t i = 0; i < d->n_layers; i++)
        d->layers[i].rope = table;
}

bool hz_decoder_all_slide(uint32_t layer, uint32_t n)
{
    (void)layer;
    (void)n;
    return true;
}

void hz_decoder_windows(struct hz_config *c, struct hz_decoder *d, uint32_t window,
                        bool (*sliding)(uint32_t layer, uint32_t n), uint32_t n)
{
    bool typed = hz_config_has(c, "layer_types");
    for (uint32_t i = 0; !hz_config_failed(c) && i < d->n_layers; i++) {
        bool slides = sliding(i, n);
        if (typed) {
            const char *type = hz_config_str_at(c, "layer_types", i, "full_attention");
            slides = !strcmp(type, "sliding_attention");
            if (!slides && strcmp(type, "full_attention") != 0)
                hz_config_fail(c, "layer_types[%u] is \"%s\", which is unknown", i, type);
        }
        d->layers[i].window = slides ? window : 0;
    }
}

bool hz_decoder_bias(struct hz_config *c, const struct hz_decoder *d, const char *key, bool otherwise,
                     const char *module)
{
    char name[96];
    snprintf(name, sizeof name, "%s.0.%s.bias", d->names.layer, module);
    return hz_config_is_gguf(c) ? hz_config_tensor(c, name) : hz_config_bool(c, key, otherwise);
}

void hz_decoder_attention_bias(struct hz_config *c, struct hz_decoder *d)
{
    d->qkv_bias = hz_decoder_bias(c, d, "attention_bias", false, d->names.q);
    d->o_bias = hz_decoder_bias(c, d, "attention_bias", false, d->names.o);
}

/* ---- emitting ---------------------------------------------------------------------------------------------------- */

struct emit {
    struct hz_config *c;
    struct hz_plan *p;
    const struct hz_decoder *d;
    uint32_t layer;
    char name[160]; /* of the tensor at hand */
};

/* "layers.3.<module><suffix>" */
static const char *name(struct emit *e, const char *module, const char *suffix)
{
    snprintf(e->name, sizeof e->name, "%s.%u.%s%s", e->d->names.layer, e->layer, module, suffix);
    return e->name;
}

static struct hz_operand norm_as(struct emit *e, struct hz_operand x, enum hz_norm kind, uint32_t group, uint32_t n,
                                 const char *module)
{
    const struct hz_decoder *d = e->d;
    uint32_t w = hz_weight_vector(e->p, n, d->norm_add, "%s", name(e, module, ".weight"));
    uint32_t b = d->norm_bias ? hz_weight_vector(e->p, n, 0, "%s", name(e, module, ".bias")) : HZ_NONE;
    return hz_op_norm(e->p, x, kind, (float)d->eps, group, w, b);
}

static struct hz_operand norm(struct emit *e, struct hz_operand x, const char *module)
{
    return norm_as(e, x, e->d->norm, 0, x.cols, module);
}

/* Rows that a linear draws from its module's tensor, and from its bias. */
struct rows {
    uint32_t first, count;
    const uint32_t *list;
};

static struct hz_operand linear(struct emit *e, struct hz_operand x, const char *module, struct rows rows, bool bias)
{
    struct hz_piece piece = {name(e, module, ".weight"), rows.first, rows.count, 1, rows.list, e->d->transposed};
    struct hz_weight w = {.name = piece.tensor,
                          .rows = rows.count,
                          .cols = x.cols,
                          .uses = HZ_USE_LINEAR,
                          .pieces = &piece,
                          .n_pieces = 1};
    uint32_t weight = hz_plan_weight(e->p, &w), b = HZ_NONE;
    if (bias) {
        piece.tensor = w.name = name(e, module, ".bias");
        piece.transposed = false;
        w.uses = HZ_USE_VECTOR;
        w.rows = 1;
        w.cols = rows.count;
        b = hz_plan_weight(e->p, &w);
    }
    return hz_op_linear(e->p, x, weight, b);
}

/* Row r of a head's first half stands at 2r, of its second half at 2r + 1 (llama.cpp, conversion/llama.py, permute). */
static const uint32_t *unpermute(struct emit *e, uint32_t heads)
{
    uint32_t dim = e->d->head_dim, half = dim / 2,
             *list = hz_arena_alloc(&e->p->arena, (size_t)heads * dim, sizeof *list);
    if (!list) {
        hz_config_nomem(e->c);
        return NULL;
    }
    for (uint32_t h = 0; h < heads; h++)
        for (uint32_t i = 0; i < half; i++) {
            list[h * dim + i] = h * dim + 2 * i;
            list[h * dim + half + i] = h * dim + 2 * i + 1;
        }
    return list;
}

static struct hz_operand qk_norm(struct emit *e, struct hz_operand x, const char *module)
{
    const struct hz_decoder *d = e->d;
    switch (d->qk_norm) {
    case HZ_QK_HEAD:
        return norm_as(e, x, d->norm, d->head_dim, d->head_dim, module);
    case HZ_QK_HEADS:
        return norm_as(e, x, d->norm, d->head_dim, x.cols, module);
    case HZ_QK_WHOLE:
        return norm_as(e, x, d->norm, 0, x.cols, module);
    default:
        return x;
    }
}

static struct hz_operand attention(struct emit *e, struct hz_operand x)
{
    const struct hz_decoder *d = e->d;
    const struct hz_decoder_names *n = &d->names;
    const struct hz_decoder_layer *l = &d->layers[e->layer];
    uint32_t q_rows = d->heads * d->head_dim, kv_rows = d->kv_heads * d->head_dim;
    struct rows q_from = {0, q_rows, NULL}, k_from = {0, kv_rows, NULL}, v_from = {0, kv_rows, NULL};
    if (n->qkv) {
        k_from.first = q_rows;
        v_from.first = q_rows + kv_rows;
    }
    if (d->permuted && hz_config_is_gguf(e->c) && l->rope != HZ_NONE) {
        if (e->p->ropes[l->rope].rot != d->head_dim)
            hz_config_fail(e->c, "a rope over a part of each head, whose rows are woven into pairs");
        q_from.list = unpermute(e, d->heads);
        k_from.list = unpermute(e, d->kv_heads);
    }
    struct hz_operand q = linear(e, x, n->qkv ? n->qkv : n->q, q_from, d->qkv_bias);
    struct hz_operand k = linear(e, x, n->qkv ? n->qkv : n->k, k_from, d->qkv_bias);
    struct hz_operand v = linear(e, x, n->qkv ? n->qkv : n->v, v_from, d->qkv_bias);
    q = qk_norm(e, q, "self_attn.q_norm");
    k = qk_norm(e, k, "self_attn.k_norm");
    if (l->rope != HZ_NONE) {
        q = hz_op_rope(e->p, q, l->rope, d->head_dim, 0, d->pairs);
        k = hz_op_rope(e->p, k, l->rope, d->head_dim, 0, d->pairs);
    }
    double scale = d->attn_scale > 0 ? d->attn_scale : 1 / sqrt(d->head_dim);
    struct hz_attention a = {d->heads,  d->kv_heads,  d->head_dim,           d->head_dim,
                             l->window, (float)scale, (float)d->attn_softcap};
    struct hz_operand o = hz_op_attention(e->p, q, k, v, &a);
    return linear(e, o, n->o, (struct rows){0, d->n_embd, NULL}, d->o_bias);
}

enum part { GATE, UP, DOWN };

/* One part of all experts: rows of one tensor that holds them all, of one that holds gate and up of each, or each has a
 * tensor of its own. */
static uint32_t experts(struct emit *e, enum part part)
{
    static const char *const stacked[] = {"mlp.experts.gate_proj", "mlp.experts.up_proj", "mlp.experts.down_proj"};
    static const char *const suffixes[] = {".weight", ""}; /* transformers 5 keeps them without */
    const struct hz_decoder *d = e->d;
    uint32_t rows = part == DOWN ? d->n_embd : d->n_ff_expert, cols = part == DOWN ? d->n_ff_expert : d->n_embd;
    struct hz_piece *pieces = hz_arena_alloc(&e->p->arena, d->experts, sizeof *pieces);
    if (!pieces) {
        hz_config_nomem(e->c);
        return HZ_NONE;
    }
    struct hz_weight w = {.rows = d->experts * rows,
                          .cols = cols,
                          .experts = d->experts,
                          .uses = HZ_USE_LINEAR | HZ_USE_EXPERTS,
                          .pieces = pieces};
    for (size_t i = 0; i < HZ_COUNT(suffixes) && !w.n_pieces; i++) {
        if (hz_config_tensor(e->c, name(e, stacked[part], suffixes[i]))) {
            pieces[w.n_pieces++] = (struct hz_piece){.tensor = e->name, .count = w.rows};
        } else if (part != DOWN && hz_config_tensor(e->c, name(e, "mlp.experts.gate_up_proj", suffixes[i]))) {
            for (; w.n_pieces < d->experts; w.n_pieces++)
                pieces[w.n_pieces] = (struct hz_piece){
                    .tensor = e->name, .first = (2 * w.n_pieces + (part == UP)) * rows, .count = rows};
        }
    }
    /* The last one is looked for before so many are written down. */
    char module[96];
    const char *own = part == GATE ? d->names.expert_gate : part == UP ? d->names.expert_up : d->names.expert_down;
    snprintf(module, sizeof module, "%s.experts.%u.%s", d->names.moe, d->experts - 1, own);
    if (!w.n_pieces && !hz_config_tensor(e->c, name(e, module, ".weight"))) {
        hz_config_fail(e->c, "%u experts, but layer %u has no tensor for %s", d->experts, e->layer, module);
        return HZ_NONE;
    }
    for (bool each = !w.n_pieces; each && w.n_pieces < d->experts; w.n_pieces++) {
        const char *tensor = hz_arena_printf(&e->p->arena, "%s.%u.%s.experts.%u.%s.weight", d->names.layer, e->layer,
                                             d->names.moe, w.n_pieces, own);
        pieces[w.n_pieces] = (struct hz_piece){.tensor = tensor ? tensor : "", .count = rows};
    }
    w.name = pieces[0].tensor;
    return hz_plan_weight(e->p, &w);
}

static struct hz_operand moe(struct emit *e, struct hz_operand x)
{
    const struct hz_decoder *d = e->d;
    uint32_t k = d->experts_used;
    char router[64];
    snprintf(router, sizeof router, "%s.gate", d->names.moe);
    if (!hz_config_tensor(e->c, name(e, router, ".weight")))
        snprintf(router, sizeof router, "mlp.gate"); /* what transformers 5 calls all of them */
    struct hz_operand logits = linear(e, x, router, (struct rows){0, d->experts, NULL}, false);
    struct hz_operand route = hz_op_route(e->p, logits, k, d->renorm, 1);
    struct hz_operand gate = hz_op_moe_linear(e->p, x, route, k, experts(e, GATE), HZ_NONE);
    struct hz_operand up = hz_op_moe_linear(e->p, x, route, k, experts(e, UP), HZ_NONE);
    struct hz_operand h = hz_op_glu(e->p, gate, up, d->act);
    h = hz_op_moe_linear(e->p, h, route, k, experts(e, DOWN), HZ_NONE);
    return hz_op_combine(e->p, h, route, k);
}

static struct hz_operand mlp(struct emit *e, struct hz_operand x)
{
    const struct hz_decoder *d = e->d;
    const struct hz_decoder_names *n = &d->names;
    if (n->moe && !d->layers[e->layer].dense)
        return moe(e, x);
    struct rows first = {0, d->n_ff, NULL}, second = {d->n_ff, d->n_ff, NULL};
    struct hz_operand h;
    if (n->gate_up || n->gate) {
        struct hz_operand gate = linear(e, x, n->gate_up ? n->gate_up : n->gate, first, d->mlp_bias);
        struct hz_operand up = linear(e, x, n->gate_up ? n->gate_up : n->up, n->gate_up ? second : first, d->mlp_bias);
        h = hz_op_glu(e->p, gate, up, d->act);
    } else {
        h = hz_op_act(e->p, linear(e, x, n->up, first, d->mlp_bias), d->act);
    }
    return linear(e, h, n->down, (struct rows){0, d->n_embd, NULL}, d->mlp_bias);
}

static struct hz_operand layer(struct emit *e, struct hz_operand x)
{
    const struct hz_decoder *d = e->d;
    const struct hz_decoder_names *n = &d->names;
    struct hz_operand h = n->before_attention ? norm(e, x, n->before_attention) : x;
    if (d->parallel) {
        struct hz_operand a = attention(e, h), m = mlp(e, h);
        return hz_op_add(e->p, x, hz_op_add(e->p, a, m, 1, 1), 1, (float)d->residual_scale);
    }
    h = attention(e, h);
    if (n->after_attention)
        h = norm(e, h, n->after_attention);
    x = hz_op_add(e->p, x, h, 1, (float)d->residual_scale);
    h = mlp(e, n->before_mlp ? norm(e, x, n->before_mlp) : x);
    if (n->after_mlp)
        h = norm(e, h, n->after_mlp);
    return hz_op_add(e->p, x, h, 1, (float)d->residual_scale);
}

/* The embedding has as many rows as the checkpoint gives it: padding beyond vocab_size is scored like the rest. */
static uint32_t vocabulary(struct emit *e)
{
    char weight[64], real[HZ_CONFIG_NAME];
    snprintf(weight, sizeof weight, "%s.weight", e->d->names.embed);
    hz_config_tensor_name(e->c, weight, real);
    uint32_t rows = hz_config_rows(e->c, weight), least = hz_config_size(e->c, "vocab_size|.vocab_size", 1, INT32_MAX);
    least = HZ_MAX(least, hz_config_len(e->c, "tokenizer.ggml.tokens"));
    if (!rows)
        hz_config_fail(e->c, "no tensor %s", real);
    else if (rows < least)
        hz_config_fail(e->c, "%s has %u rows for a vocabulary of %u", real, rows, least);
    return rows;
}

/* embed: the weight that is the head too, if it is not HZ_NONE. */
static struct hz_operand head(struct emit *e, struct hz_operand x, uint32_t rows, uint32_t embed)
{
    const struct hz_decoder *d = e->d;
    struct hz_plan *p = e->p;
    uint32_t w = embed == HZ_NONE ? hz_weight_linear(p, rows, d->n_embd, "lm_head.weight") : embed;
    uint32_t b = hz_config_tensor(e->c, "lm_head.bias") ? hz_weight_vector(p, rows, 0, "lm_head.bias") : HZ_NONE;
    struct hz_operand y = hz_op_linear(p, x, w, b);
    if (d->logit_scale != 0 && d->logit_scale != 1)
        y = hz_op_scale(p, y, (float)d->logit_scale, 0);
    return d->logit_softcap > 0 ? hz_op_softcap(p, y, (float)d->logit_softcap) : y;
}

void hz_decoder_emit(struct hz_config *c, struct hz_plan *p, const struct hz_decoder *d)
{
    struct emit e = {c, p, d, 0, ""};
    uint32_t rows = hz_config_failed(c) ? 0 : vocabulary(&e);
    bool own_head = hz_config_tensor(c, "lm_head.weight"); /* counts even where the configuration says tied */
    if (!own_head && !d->tied && !hz_config_is_gguf(c))
        hz_config_fail(c, "tie_word_embeddings is false, but there is no lm_head.weight");
    if (hz_config_failed(c))
        return;
    uint32_t embed = hz_weight_embed(p, rows, d->n_embd, !own_head, "%s.weight", d->names.embed);
    struct hz_operand x = hz_op_embed(p, embed, HZ_BY_ID);
    if (d->names.positions) {
        uint32_t w = hz_weight_embed(p, hz_config_context(c, 0), d->n_embd, false, "%s.weight", d->names.positions);
        x = hz_op_add(p, x, hz_op_embed(p, w, HZ_BY_POSITION), 1, 1);
    }
    if (d->embd_scale != 0 && d->embd_scale != 1)
        x = hz_op_scale(p, x, (float)d->embd_scale, 0);
    for (; e.layer < d->n_layers && !p->failed && !hz_config_failed(c); e.layer++) {
        if (!hz_config_tensor(c, name(&e, d->names.o, ".weight"))) /* before many that are not there are emitted */
            hz_config_fail(c, "%u layers, but there is no %s for layer %u", d->n_layers, d->names.o, e.layer);
        hz_plan_layer(p, (int32_t)e.layer);
        x = layer(&e, x);
    }
    hz_plan_layer(p, -1);
    x = hz_op_take_outputs(p, x);
    uint32_t w = hz_weight_vector(p, d->n_embd, d->norm_add, "%s.weight", d->names.norm);
    uint32_t b = d->norm_bias ? hz_weight_vector(p, d->n_embd, 0, "%s.bias", d->names.norm) : HZ_NONE;
    x = hz_op_norm(p, x, d->norm, (float)d->eps, 0, w, b);
    hz_plan_finish(p, head(&e, x, rows, own_head ? HZ_NONE : embed), d->n_embd);
}
