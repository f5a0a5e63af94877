/* qwen.c - Qwen 2 (biases on q, k and v), Qwen 3 (norms on q and k instead), Qwen 3 with experts. */
#include "model/arch/decoder.h"

#include <stdio.h>

static bool from_layer(uint32_t layer, uint32_t n)
{
    return layer >= n;
}

/* Windows are on only where use_sliding_window says so; then the first max_window_layers layers see everything. */
static void windows(struct hz_config *c, struct hz_decoder *d)
{
    uint32_t window = hz_config_u32(c, "sliding_window", 4096), from = hz_config_u32(c, "max_window_layers", 28);
    if (!hz_config_bool(c, "use_sliding_window", false))
        window = 0;
    hz_decoder_windows(c, d, window, from_layer, from);
}

static void qwen2(struct hz_config *c, struct hz_plan *p)
{
    struct hz_decoder d = {
        .names = hz_decoder_llama_names, .kv_heads = 32, .eps = 1e-6, .act = HZ_ACT_SILU, .qkv_bias = true};
    hz_decoder_read(c, p, &d, 32768);
    windows(c, &d);
    hz_decoder_rope(c, p, &d, 10000);
    hz_decoder_emit(c, p, &d);
}

static void qwen3(struct hz_config *c, struct hz_plan *p)
{
    struct hz_decoder d = {.names = hz_decoder_llama_names,
                           .kv_heads = 32,
                           .head_dim = 128,
                           .eps = 1e-6,
                           .act = HZ_ACT_SILU,
                           .qk_norm = HZ_QK_HEAD};
    hz_decoder_read(c, p, &d, 32768);
    hz_decoder_attention_bias(c, &d);
    windows(c, &d);
    hz_decoder_rope(c, p, &d, 10000);
    hz_decoder_emit(c, p, &d);
}

/* GGUF has no word for layers without experts but what they have. */
static bool has_router(struct hz_config *c, uint32_t layer)
{
    char name[64];
    snprintf(name, sizeof name, "layers.%u.mlp.gate.weight", layer);
    return hz_config_tensor(c, name);
}

static void qwen3_moe(struct hz_config *c, struct hz_plan *p)
{
    struct hz_decoder d = {
        .names = hz_decoder_llama_names, .kv_heads = 4, .eps = 1e-6, .act = HZ_ACT_SILU, .qk_norm = HZ_QK_HEAD};
    d.names.moe = "mlp";
    d.names.expert_gate = "gate_proj";
    d.names.expert_up = "up_proj";
    d.names.expert_down = "down_proj";
    d.renorm = hz_config_bool(c, "norm_topk_prob", hz_config_is_gguf(c));
    hz_decoder_read(c, p, &d, 32768);
    hz_decoder_attention_bias(c, &d);
    uint32_t window = hz_config_u32(c, "sliding_window", 4096);
    if (!hz_config_bool(c, "use_sliding_window", false))
        window = 0;
    hz_decoder_windows(c, &d, window, hz_decoder_all_slide, 0);
    uint32_t step = hz_config_size(c, "decoder_sparse_step", 1, INT32_MAX), plain = hz_config_len(c, "mlp_only_layers");
    for (uint32_t i = 0; !hz_config_failed(c) && i < d.n_layers; i++)
        d.layers[i].dense = (i + 1) % step != 0 || (hz_config_is_gguf(c) && !has_router(c, i));
    for (uint32_t i = 0; !hz_config_failed(c) && i < plain; i++) {
        uint32_t layer = hz_config_u32_at(c, "mlp_only_layers", i, 0);
        if (layer < d.n_layers)
            d.layers[layer].dense = true;
    }
    hz_decoder_rope(c, p, &d, 10000);
    hz_decoder_emit(c, p, &d);
}

const struct hz_arch hz_arch_qwen2 = {"qwen2", "qwen2", "qwen2", qwen2};
const struct hz_arch hz_arch_qwen3 = {"qwen3", "qwen3", "qwen3", qwen3};
const struct hz_arch hz_arch_qwen3_moe = {"qwen3_moe", "qwen3_moe", "qwen3moe", qwen3_moe};
