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

/* All of them, sorted by name. */
#define HZ_ARCH_MAP(X)                                                                                                 \
    X(cohere)                                                                                                          \
    X(gemma)                                                                                                           \
    X(gemma2)                                                                                                          \
    X(gemma3)                                                                                                          \
    X(gpt2)                                                                                                            \
    X(granite)                                                                                                         \
    X(llama)                                                                                                           \
    X(mistral)                                                                                                         \
    X(mixtral)                                                                                                         \
    X(olmo2)                                                                                                           \
    X(phi3)                                                                                                            \
    X(qwen2)                                                                                                           \
    X(qwen3)                                                                                                           \
    X(qwen3_moe)                                                                                                       \
    X(smollm3)                                                                                                         \
    X(starcoder2)

#define HZ_ARCH_EXTERN(id) extern const struct hz_arch hz_arch_##id;
HZ_ARCH_MAP(HZ_ARCH_EXTERN)
#undef HZ_ARCH_EXTERN

#endif
