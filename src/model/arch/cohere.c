/* cohere.c - Command-R: attention and MLP side by side behind one layer norm without bias, rope over pairs. */
#include "model/arch/decoder.h"

static void cohere(struct hz_config *c, struct hz_plan *p)
{
    struct hz_decoder d = {.names = hz_decoder_llama_names,
                           .norm = HZ_NORM_LAYER,
                           .eps = 1e-5,
                           .act = HZ_ACT_SILU,
                           .pairs = true,
                           .parallel = true,
                           .tied = true};
    d.names.before_mlp = NULL;
    bool qk_norm = hz_config_is_gguf(c) ? hz_config_tensor(c, "layers.0.self_attn.q_norm.weight")
                                        : hz_config_bool(c, "use_qk_norm", false);
    d.qk_norm = qk_norm ? HZ_QK_HEADS : HZ_QK_NONE;
    hz_decoder_read(c, p, &d, 8192);
    hz_decoder_attention_bias(c, &d);
    d.logit_scale = hz_config_f64(c, "logit_scale|.logit_scale", 0.0625);
    hz_decoder_rope(c, p, &d, 500000);
    hz_decoder_emit(c, p, &d);
}

const struct hz_arch hz_arch_cohere = {"cohere", "cohere", "command-r", cohere};
