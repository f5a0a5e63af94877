/* gemma.c - Gemma 1, 2, 3 (text): norms that scale by 1 + w, embeddings scaled by sqrt(width), a tied head; from 2 on
 * norms around each part and windows, from 3 on norms on q and k and a rope of its own for windowed layers. */
#include "model/arch/decoder.h"

#include <math.h>

static const struct hz_decoder gemma_like = {
    .eps = 1e-6, .norm_add = 1, .act = HZ_ACT_GELU_TANH, .head_dim = 256, .tied = true};

/* "gelu" in a Gemma's file means the tanh form (transformers, configuration_gemma.py). */
static void read(struct hz_config *c, struct hz_plan *p, struct hz_decoder *d, uint32_t context)
{
    hz_decoder_read(c, p, d, context);
    if (d->act == HZ_ACT_GELU)
        d->act = HZ_ACT_GELU_TANH;
    d->embd_scale = sqrt(d->n_embd);
    hz_decoder_attention_bias(c, d);
}

static void gemma(struct hz_config *c, struct hz_plan *p)
{
    struct hz_decoder d = gemma_like;
    d.names = hz_decoder_llama_names;
    d.kv_heads = 16;
    read(c, p, &d, 8192);
    hz_decoder_rope(c, p, &d, 10000);
    hz_decoder_emit(c, p, &d);
}

/* llama.cpp knows the largest model of each generation by its layers (models/gemma2.cpp, models/gemma3.cpp): its scale
 * is of the width for each head, the others' of the key length. */
static double attn_scale(struct hz_config *c, const struct hz_decoder *d, uint32_t layers_of_27b)
{
    double scalar = hz_config_f64(c, "query_pre_attn_scalar", 256);
    if (hz_config_is_gguf(c))
        scalar = d->n_layers == layers_of_27b ? d->n_embd / d->heads : d->head_dim;
    if (!(scalar > 0))
        hz_config_fail(c, "query_pre_attn_scalar is not positive");
    return 1 / sqrt(scalar);
}

static void sandwich(struct hz_decoder *d)
{
    d->names = hz_decoder_llama_names;
    d->names.after_attention = "post_attention_layernorm";
    d->names.before_mlp = "pre_feedforward_layernorm";
    d->names.after_mlp = "post_feedforward_layernorm";
    d->kv_heads = 4;
}

/* Of each n layers the last sees everything. */
static bool slides(uint32_t layer, uint32_t n)
{
    return (layer + 1) % n != 0;
}

#define PATTERN "sliding_window_pattern|_sliding_window_pattern|.attention.sliding_window_pattern"

static void windows(struct hz_config *c, struct hz_decoder *d, uint32_t pattern)
{
    uint32_t window =
        hz_config_u32(c, "sliding_window|.attention.sliding_window", hz_config_null(c, "sliding_window") ? 0 : 4096);
    if (hz_config_len(c, PATTERN)) {
        for (uint32_t i = 0; !hz_config_failed(c) && i < d->n_layers; i++)
            d->layers[i].window = hz_config_u32_at(c, PATTERN, i, 0) ? window : 0;
        return;
    }
    hz_decoder_windows(c, d, window, slides, hz_config_size(c, PATTERN, pattern, INT32_MAX));
}

static void gemma2(struct hz_config *c, struct hz_plan *p)
{
    struct hz_decoder d = gemma_like;
    sandwich(&d);
    read(c, p, &d, 8192);
    d.attn_softcap = hz_config_f64(c, "attn_logit_softcapping|.attn_logit_softcapping",
                                   hz_config_null(c, "attn_logit_softcapping") ? 0 : 50);
    d.logit_softcap = hz_config_f64(c, "final_logit_softcapping|.final_logit_softcapping",
                                    hz_config_null(c, "final_logit_softcapping") ? 0 : 30);
    d.attn_scale = attn_scale(c, &d, 46);
    hz_config_ignore(c, "sliding_window_size"); /* of the first files, the same again; its code does not read it */
    windows(c, &d, 2);
    hz_decoder_rope(c, p, &d, 10000);
    hz_decoder_emit(c, p, &d);
}

/* Larger ones come in a shell whose text_config leaves out what has its default. */
static void gemma3(struct hz_config *c, struct hz_plan *p)
{
    struct hz_decoder d = gemma_like;
    sandwich(&d);
    d.qk_norm = HZ_QK_HEAD;
    d.n_embd = 2304;
    d.n_layers = 26;
    d.heads = 8;
    d.n_ff = 9216;
    read(c, p, &d, 131072);
    d.logit_softcap = hz_config_f64(c, "final_logit_softcapping|.final_logit_softcapping", 0);
    d.attn_scale = attn_scale(c, &d, 62);
    windows(c, &d, 6);
    if (hz_config_failed(c))
        return;
    uint32_t local = hz_config_rope(c, p, d.head_dim, "sliding_attention", 10000);
    uint32_t global = hz_config_rope(c, p, d.head_dim, "full_attention", 1e6);
    for (uint32_t i = 0; i < d.n_layers; i++)
        d.layers[i].rope = d.layers[i].window ? local : global;
    hz_decoder_emit(c, p, &d);
}

const struct hz_arch hz_arch_gemma = {"gemma", "gemma", "gemma", gemma};
const struct hz_arch hz_arch_gemma2 = {"gemma2", "gemma2", "gemma2", gemma2};
const struct hz_arch hz_arch_gemma3 = {"gemma3", "gemma3_text|gemma3", "gemma3", gemma3};
