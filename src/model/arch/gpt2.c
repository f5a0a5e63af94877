/* gpt2.c - GPT-2 (learned positions, weights that lie [in, out], q, k, v in one) and StarCoder 2: layer norms with
 * bias, an MLP without gate. */
#include "model/arch/decoder.h"

static void gpt2(struct hz_config *c, struct hz_plan *p)
{
    static const struct hz_decoder_names names = {.layer = "h",
                                                  .embed = "wte",
                                                  .positions = "wpe",
                                                  .norm = "ln_f",
                                                  .qkv = "attn.c_attn",
                                                  .o = "attn.c_proj",
                                                  .up = "mlp.c_fc",
                                                  .down = "mlp.c_proj",
                                                  .before_attention = "ln_1",
                                                  .before_mlp = "ln_2"};
    struct hz_decoder d = {.names = names,
                           .norm = HZ_NORM_LAYER,
                           .eps = 1e-5,
                           .norm_bias = true,
                           .qkv_bias = true,
                           .o_bias = true,
                           .mlp_bias = true,
                           .act = HZ_ACT_GELU_TANH,
                           .tied = true,
                           .n_ff = 1};
    hz_decoder_read(c, p, &d, 1024);
    /* Its code reads neither num_key_value_heads nor intermediate_size. */
    d.kv_heads = d.heads;
    d.n_ff = hz_config_size(c, "n_inner|.feed_forward_length", 4 * d.n_embd, 1 << 22);
    d.transposed = !hz_config_is_gguf(c);
    if (!hz_config_bool(c, "scale_attn_weights", true) || hz_config_bool(c, "scale_attn_by_inverse_layer_idx", false))
        hz_config_fail(c, "an attention scale that gpt2 does not know");
    hz_decoder_emit(c, p, &d);
}

static void starcoder2(struct hz_config *c, struct hz_plan *p)
{
    struct hz_decoder d = {.names = hz_decoder_llama_names,
                           .kv_heads = 2,
                           .norm = HZ_NORM_LAYER,
                           .eps = 1e-5,
                           .norm_bias = true,
                           .act = HZ_ACT_GELU_TANH,
                           .tied = true};
    d.names.gate = NULL;
    d.names.up = "mlp.c_fc";
    d.names.down = "mlp.c_proj";
    hz_decoder_read(c, p, &d, 4096);
    d.qkv_bias = d.o_bias = d.mlp_bias = hz_decoder_bias(c, &d, "use_bias", true, d.names.q);
    hz_config_ignore(c, "mlp_type|norm_type"); /* older files have them, its code does not read them */
    hz_decoder_windows(c, &d, hz_config_u32(c, "sliding_window", 0), hz_decoder_all_slide, 0);
    hz_decoder_rope(c, p, &d, 10000);
    hz_decoder_emit(c, p, &d);
}

const struct hz_arch hz_arch_gpt2 = {"gpt2", "gpt2", "gpt2", gpt2};
const struct hz_arch hz_arch_starcoder2 = {"starcoder2", "starcoder2", "starcoder2", starcoder2};
