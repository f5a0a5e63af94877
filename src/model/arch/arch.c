#include "model/arch/arch.h"

const struct hz_arch *const hz_archs[] = {
    &hz_arch_cohere, &hz_arch_gemma,     &hz_arch_gemma2,  &hz_arch_gemma3,     &hz_arch_gpt2, &hz_arch_granite,
    &hz_arch_llama,  &hz_arch_mistral,   &hz_arch_mixtral, &hz_arch_olmo2,      &hz_arch_phi3, &hz_arch_qwen2,
    &hz_arch_qwen3,  &hz_arch_qwen3_moe, &hz_arch_smollm3, &hz_arch_starcoder2,
};

const size_t hz_n_archs = sizeof hz_archs / sizeof hz_archs[0];
