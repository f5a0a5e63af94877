/* arch.h - the architectures of this build. Each reads the configuration and emits a plan; it opens no file and moves
 * no bytes. */
#ifndef HZ_MODEL_ARCH_ARCH_H
#define HZ_MODEL_ARCH_ARCH_H

#include "model/config.h"

struct hz_arch {
    const char *name;  /* the plan's: "llama" */
    const char *types; /* model_type of config.json, '|' between several */
    const char *gguf;  /* general.architecture, '|' between several; NULL: GGUF has it not */
    void (*emit)(struct hz_config *c, struct hz_plan *p); /* what is wrong is noted in c or p */
};

/* Sorted by name. */
extern const struct hz_arch *const hz_archs[];
extern const size_t hz_n_archs;

extern const struct hz_arch hz_arch_cohere, hz_arch_gemma, hz_arch_gemma2, hz_arch_gemma3, hz_arch_gpt2,
    hz_arch_granite, hz_arch_llama, hz_arch_mistral, hz_arch_mixtral, hz_arch_olmo2, hz_arch_phi3, hz_arch_qwen2,
    hz_arch_qwen3, hz_arch_qwen3_moe, hz_arch_smollm3, hz_arch_starcoder2;

#endif
