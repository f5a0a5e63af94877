/* From a configuration to a plan: a GGUF in memory, or a config.json over the tensors of no file (names and shapes of a
 * small llama with experts beside it, so that both roads are walked). */
#include "file/checkpoint.h"
#include "model/model.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct {
    const char *name;
    uint64_t rows, cols; /* cols 0: a vector */
} shapes[] = {
    {"model.embed_tokens.weight", 16, 8},
    {"lm_head.weight", 16, 8},
    {"model.norm.weight", 8, 0},
    {"model.layers.0.input_layernorm.weight", 8, 0},
    {"model.layers.0.post_attention_layernorm.weight", 8, 0},
    {"model.layers.0.post_feedforward_layernorm.weight", 8, 0},
    {"model.layers.0.pre_feedforward_layernorm.weight", 8, 0},
    {"model.layers.0.self_attn.q_proj.weight", 8, 8},
    {"model.layers.0.self_attn.k_proj.weight", 4, 8},
    {"model.layers.0.self_attn.v_proj.weight", 4, 8},
    {"model.layers.0.self_attn.qkv_proj.weight", 16, 8},
    {"model.layers.0.self_attn.o_proj.weight", 8, 8},
    {"model.layers.0.self_attn.q_norm.weight", 4, 0},
    {"model.layers.0.self_attn.k_norm.weight", 4, 0},
    {"model.layers.0.mlp.gate_proj.weight", 8, 8},
    {"model.layers.0.mlp.up_proj.weight", 8, 8},
    {"model.layers.0.mlp.gate_up_proj.weight", 16, 8},
    {"model.layers.0.mlp.down_proj.weight", 8, 8},
    {"model.layers.0.mlp.gate.weight", 2, 8},
    {"model.layers.0.mlp.experts.gate_up_proj", 32, 8},
    {"model.layers.0.mlp.experts.down_proj", 16, 8},
};

static void plan_of(const struct hz_checkpoint *ck)
{
    struct hz_plan *plan;
    struct hz_model_facts facts;
    struct hz_error err = {0};
    hz_status status = hz_model_plan(ck, &plan, &facts, &err);
    if ((status == HZ_OK) != (plan != NULL) || (status != HZ_OK && !*err.text))
        abort();
    if (plan && (!facts.n_vocab || !facts.context || hz_plan_check(plan, &err) != HZ_OK))
        abort();
    hz_plan_free(plan);
}

static void plan_of_gguf(const uint8_t *data, size_t size)
{
    struct hz_arena arena = {0};
    struct hz_gguf g;
    struct hz_checkpoint ck = {.kind = HZ_CHECKPOINT_GGUF, .path = "fuzz", .gguf = &g};
    if (hz_gguf_parse(data, size, "fuzz", &arena, &g, &ck.table, NULL) == HZ_OK)
        plan_of(&ck);
    hz_gguf_free(&g);
    hz_tensor_table_free(&ck.table);
    hz_arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hz_checkpoint ck = {.kind = HZ_CHECKPOINT_FOLDER, .path = "fuzz"};
    if (size > 4 && !memcmp(data, "GGUF", 4)) {
        plan_of_gguf(data, size);
        return 0;
    }
    if (hz_json_parse((const char *)data, size, "fuzz", &ck.config, NULL) != HZ_OK)
        return 0;
    for (size_t i = 0; i < HZ_COUNT(shapes); i++) {
        struct hz_tensor t = {shapes[i].name, HZ_BF16, "BF16", shapes[i].cols ? 2 : 1, {shapes[i].rows, shapes[i].cols},
                              NULL,           0,       "fuzz"};
        if (hz_tensor_add(&ck.table, &t, NULL) != HZ_OK)
            abort();
    }
    plan_of(&ck);
    hz_tensor_table_free(&ck.table);
    hz_json_free(ck.config);
    return 0;
}
