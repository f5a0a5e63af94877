/* llama.c - Llama and its near relatives: RMS norms before each part, rope over halves, a gated MLP. */
#include "model/arch/decoder.h"

static void mixtral_experts(struct hz_decoder *d)
{
    d->names.moe = "block_sparse_moe";
    d->names.expert_gate = "w1";
    d->names.expert_up = "w3";
    d->names.expert_down = "w2";
    d->renorm = true;
}

static void llama(struct hz_config *c, struct hz_plan *p)
{
    struct hz_decoder d = {.names = hz_decoder_llama_names, .eps = 1e-6, .act = HZ_ACT_SILU, .permuted = true};
    /* A Mixtral is a llama in the words of GGUF. */
    if (hz_config_u32(c, ".expert_count", 0))
        mixtral_experts(&d);
    else
        hz_config_ignore(c, ".expert_used_count");
    hz_decoder_read(c, p, &d, 2048);
    hz_decoder_attention_bias(c, &d);
    d.mlp_bias = hz_decoder_bias(c, &d, "mlp_bias", false, d.names.up);
    if (hz_config_has(c, ".attention.sliding_window"))
        hz_decoder_windows(c, &d, hz_config_u32(c, ".attention.sliding_window", 0), hz_decoder_all_slide, 0);
    hz_decoder_rope(c, p, &d, 10000);
    hz_decoder_emit(c, p, &d);
}

static void mistral(struct hz_config *c, struct hz_plan *p)
{
    struct hz_decoder d = {.names = hz_decoder_llama_names, .kv_heads = 8, .eps = 1e-6, .act = HZ_ACT_SILU};
    hz_decoder_read(c, p, &d, 131072);
    uint32_t window = hz_config_u32(c, "sliding_window", hz_config_null(c, "sliding_window") ? 0 : 4096);
    hz_decoder_windows(c, &d, window, hz_decoder_all_slide, 0);
    hz_decoder_rope(c, p, &d, 10000);
    hz_decoder_emit(c, p, &d);
}

static void mixtral(struct hz_config *c, struct hz_plan *p)
{
    struct hz_decoder d = {.names = hz_decoder_llama_names, .kv_heads = 8, .eps = 1e-5, .act = HZ_ACT_SILU};
    mixtral_experts(&d);
    hz_decoder_read(c, p, &d, 131072);
    hz_decoder_windows(c, &d, hz_config_u32(c, "sliding_window", 0), hz_decoder_all_slide, 0);
    hz_decoder_rope(c, p, &d, 1e6);
    hz_decoder_emit(c, p, &d);
}

static bool has_no_rope(uint32_t layer, uint32_t interval)
{
    return (layer + 1) % interval == 0;
}

static void smollm3(struct hz_config *c, struct hz_plan *p)
{
    struct hz_decoder d = {.names = hz_decoder_llama_names,
                           .kv_heads = 4,
                           .eps = 1e-6,
                           .act = HZ_ACT_SILU,
                           .permuted = true,
                           .tied = true};
    hz_decoder_read(c, p, &d, 32768);
    hz_decoder_attention_bias(c, &d);
    d.mlp_bias = hz_decoder_bias(c, &d, "mlp_bias", false, d.names.up);
    hz_decoder_rope(c, p, &d, 2e6);
    uint32_t interval = hz_config_size(c, "no_rope_layer_interval", 4, INT32_MAX);
    bool slides = hz_config_bool(c, "use_sliding_window", false);
    hz_decoder_windows(c, &d, slides ? hz_config_u32(c, "sliding_window", 0) : 0, has_no_rope, interval);
    hz_config_ignore(c, "sliding_window");
    for (uint32_t i = 0; !hz_config_failed(c) && i < d.n_layers; i++)
        if (!hz_config_u32_at(c, "no_rope_layers", i, !has_no_rope(i, interval)))
            d.layers[i].rope = HZ_NONE;
    hz_decoder_emit(c, p, &d);
}

static void granite(struct hz_config *c, struct hz_plan *p)
{
    struct hz_decoder d = {.names = hz_decoder_llama_names, .eps = 1e-6, .act = HZ_ACT_SILU, .permuted = true};
    hz_decoder_read(c, p, &d, 2048);
    d.attn_scale = hz_config_f64(c, "attention_multiplier|.attention.scale", hz_config_is_gguf(c) ? 0 : 1);
    d.embd_scale = hz_config_f64(c, "embedding_multiplier|.embedding_scale", 1);
    d.residual_scale = hz_config_f64(c, "residual_multiplier|.residual_scale", 1);
    double divisor = hz_config_f64(c, "logits_scaling|.logit_scale", 1);
    if (!(divisor > 0))
        hz_config_fail(c, "logits divided by %g", divisor);
    d.logit_scale = 1 / divisor;
    hz_decoder_attention_bias(c, &d);
    d.mlp_bias = hz_decoder_bias(c, &d, "mlp_bias", false, d.names.up);
    if (!hz_config_bool(c, ".rope.scaling.finetuned", true)) /* how llama.cpp says that there is no rope */
        hz_config_fail(c, "a granite without rope");
    hz_decoder_rope(c, p, &d, 10000);
    hz_decoder_emit(c, p, &d);
}

/* Norms stand behind the parts; q and k are normed over all heads together. */
static void olmo2(struct hz_config *c, struct hz_plan *p)
{
    struct hz_decoder d = {.names = hz_decoder_llama_names, .eps = 1e-5, .act = HZ_ACT_SILU, .qk_norm = HZ_QK_WHOLE};
    d.names.before_attention = d.names.before_mlp = NULL;
    d.names.after_attention = "post_attention_layernorm";
    d.names.after_mlp = "post_feedforward_layernorm";
    hz_decoder_read(c, p, &d, 2048);
    hz_decoder_attention_bias(c, &d);
    hz_decoder_rope(c, p, &d, 10000);
    hz_decoder_emit(c, p, &d);
}

const struct hz_arch hz_arch_llama = {"llama", "llama", "llama", llama};
const struct hz_arch hz_arch_mistral = {"mistral", "mistral", NULL, mistral};
const struct hz_arch hz_arch_mixtral = {"mixtral", "mixtral", NULL, mixtral};
const struct hz_arch hz_arch_smollm3 = {"smollm3", "smollm3", "smollm3", smollm3};
const struct hz_arch hz_arch_granite = {"granite", "granite", "granite", granite};
const struct hz_arch hz_arch_olmo2 = {"olmo2", "olmo2", "olmo2", olmo2};
