/* decoder.h - decoder-only transformers are one program with different data: this is the data. An arch file fills it
 * from the configuration, hz_decoder_emit makes the plan of it. */
#ifndef HZ_MODEL_ARCH_DECODER_H
#define HZ_MODEL_ARCH_DECODER_H

#include "model/arch/arch.h"

enum hz_qk_norm {
    HZ_QK_NONE,
    HZ_QK_HEAD,  /* of each head, one weight for all: Qwen 3, Gemma 3 */
    HZ_QK_HEADS, /* of each head, each with its weight: Cohere */
    HZ_QK_WHOLE  /* of all columns together: OLMo 2 */
};

/* Modules as Hugging Face calls them; NULL: there is none. */
struct hz_decoder_names {
    const char *layer, *embed, *positions, *norm; /* layer: "layers" */
    const char *q, *k, *v, *o, *qkv;              /* qkv: one tensor with the rows of q, k and v */
    const char *gate, *up, *down, *gate_up;       /* gate_up: one tensor with the rows of both; no gate: not gated */
    /* Norms in the residual stream x: x += after(f(before(x))), f the attention, then the MLP. */
    const char *before_attention, *after_attention, *before_mlp, *after_mlp;
    /* Router "<moe>.gate", experts "<moe>.experts.7.<expert_...>". */
    const char *moe, *expert_gate, *expert_up, *expert_down;
};
extern const struct hz_decoder_names hz_decoder_llama_names;

struct hz_decoder_layer {
    uint32_t window; /* 0: none */
    uint32_t rope;   /* table, HZ_NONE: no rope */
    bool dense;      /* in a model of experts: this layer has a plain MLP */
};

struct hz_decoder {
    struct hz_decoder_names names;
    uint32_t n_embd, n_layers, heads, kv_heads, head_dim, n_ff;
    uint32_t experts, experts_used, n_ff_expert;
    bool renorm; /* weights of the chosen experts are divided by their sum */
    enum hz_norm norm;
    double eps;
    float norm_add; /* added to norm weights; a GGUF has it in them already */
    bool norm_bias, qkv_bias, o_bias, mlp_bias;
    bool transposed; /* linear weights lie [in, out] */
    bool permuted;   /* q and k rows of a GGUF stand in pairs, as llama.cpp's rope wants them */
    bool pairs;      /* rope turns neighbouring columns, not halves */
    enum hz_qk_norm qk_norm;
    bool parallel; /* x += attention(h) + mlp(h), h = before_attention(x): Cohere */
    enum hz_act act;
    double embd_scale, residual_scale, attn_scale, logit_scale; /* attn_scale 0: 1 / sqrt(head_dim) */
    double attn_softcap, logit_softcap;                         /* 0: none */
    bool tied;
    struct hz_decoder_layer *layers; /* [n_layers], in the plan's arena */
};

/* Reads what all have in common. Fields that are set are the defaults of absent keys of a config.json (not of a GGUF,
 * whose defaults are the same for all): sizes, eps, act, tied. context: the default of that. */
void hz_decoder_read(struct hz_config *c, struct hz_plan *p, struct hz_decoder *d, uint32_t context);
/* One rope for all layers. */
void hz_decoder_rope(struct hz_config *c, struct hz_plan *p, struct hz_decoder *d, double default_theta);
/* Windows: of the layers that layer_types calls sliding, else of those for which `sliding` is true, with n. */
void hz_decoder_windows(struct hz_config *c, struct hz_decoder *d, uint32_t window,
                        bool (*sliding)(uint32_t layer, uint32_t n), uint32_t n);
bool hz_decoder_all_slide(uint32_t layer, uint32_t n); /* true */
/* Is there a bias? config.json says it with a key, a GGUF by having it in layer 0. */
bool hz_decoder_bias(struct hz_config *c, const struct hz_decoder *d, const char *key, bool otherwise,
                     const char *module);
/* The same of q, k, v and o, which attention_bias speaks of. */
void hz_decoder_attention_bias(struct hz_config *c, struct hz_decoder *d);
void hz_decoder_emit(struct hz_config *c, struct hz_plan *p, const struct hz_decoder *d);

#endif
