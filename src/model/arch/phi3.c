/* phi3.c - Phi-3 and Phi-4: Llama with q, k, v in one tensor, gate and up in another. */
#include "model/arch/decoder.h"

static void phi3(struct hz_config *c, struct hz_plan *p)
{
    struct hz_decoder d = {.names = hz_decoder_llama_names, .eps = 1e-5, .act = HZ_ACT_SILU};
    d.names.qkv = "self_attn.qkv_proj";
    d.names.gate_up = "mlp.gate_up_proj";
    hz_decoder_read(c, p, &d, 4096);
    if (hz_config_bool(c, "attention_bias", false) || hz_config_bool(c, "mlp_bias", false))
        hz_config_fail(c, "biases, which phi3 does not know");
    uint32_t window = hz_config_u32(c, "sliding_window|.attention.sliding_window", 0);
    hz_decoder_windows(c, &d, window, hz_decoder_all_slide, 0);
    hz_config_rope_of_phi3(c, 4096);
    hz_decoder_rope(c, p, &d, 10000);
    hz_decoder_emit(c, p, &d);
}

const struct hz_arch hz_arch_phi3 = {"phi3", "phi3", "phi3", phi3};
