/* names.c - names of tensors: prefixes of folders, and the words of GGUF (llama.cpp, src/llama-arch.cpp). */
#include "model/names.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Outside layers: module in Hugging Face's words, in GGUF's. */
static const char *const outside[][2] = {
    {"embed_tokens", "token_embd"}, {"wte", "token_embd"},   {"wpe", "position_embd"},
    {"norm", "output_norm"},        {"ln_f", "output_norm"}, {"lm_head", "output"},
};

/* Inside a layer. A module that stands here twice is called differently by different architectures, whose files tell
 * by what they have: the first name that is present counts. A * is an expert's number. */
static const char *const inside[][2] = {
    {"input_layernorm", "attn_norm"},
    {"ln_1", "attn_norm"},
    {"self_attn.q_proj", "attn_q"},
    {"self_attn.k_proj", "attn_k"},
    {"self_attn.v_proj", "attn_v"},
    {"self_attn.qkv_proj", "attn_qkv"},
    {"attn.c_attn", "attn_qkv"},
    {"self_attn.o_proj", "attn_output"},
    {"attn.c_proj", "attn_output"},
    {"self_attn.q_norm", "attn_q_norm"},
    {"self_attn.k_norm", "attn_k_norm"},
    {"post_attention_layernorm", "post_attention_norm"},
    {"post_attention_layernorm", "ffn_norm"},
    {"ln_2", "ffn_norm"},
    {"pre_feedforward_layernorm", "ffn_norm"},
    {"post_feedforward_layernorm", "post_ffw_norm"},
    {"mlp.gate_proj", "ffn_gate"},
    {"mlp.up_proj", "ffn_up"},
    {"mlp.gate_up_proj", "ffn_up"},
    {"mlp.down_proj", "ffn_down"},
    {"mlp.c_fc", "ffn_up"},
    {"mlp.c_proj", "ffn_down"},
    {"mlp.gate", "ffn_gate_inp"},
    {"block_sparse_moe.gate", "ffn_gate_inp"},
    {"mlp.experts.gate_proj", "ffn_gate_exps"},
    {"mlp.experts.up_proj", "ffn_up_exps"},
    {"mlp.experts.gate_up_proj", "ffn_gate_up_exps"},
    {"mlp.experts.down_proj", "ffn_down_exps"},
    {"block_sparse_moe.experts.*.w1", "ffn_gate.*"}, /* Mixtral files before experts were stacked */
    {"block_sparse_moe.experts.*.w3", "ffn_up.*"},
    {"block_sparse_moe.experts.*.w2", "ffn_down.*"},
};

void hz_names_detect(struct hz_names *names, const struct hz_checkpoint *ck)
{
    static const char *const trunks[] = {"model.", "transformer.", "", "language_model.model.",
                                         "model.language_model."};
    static const char *const heads[] = {"", "language_model.", "model."};
    static const char *const embeddings[] = {"embed_tokens.weight", "wte.weight"};
    *names = (struct hz_names){ck, "model.", ""};
    char text[HZ_NAME_MAX];
    for (size_t i = HZ_COUNT(trunks); i-- > 0;)
        for (size_t k = 0; k < HZ_COUNT(embeddings); k++) {
            snprintf(text, sizeof text, "%s%s", trunks[i], embeddings[k]);
            if (hz_tensor_find(&ck->table, text))
                names->trunk = trunks[i];
        }
    for (size_t i = HZ_COUNT(heads); i-- > 0;) {
        snprintf(text, sizeof text, "%slm_head.weight", heads[i]);
        if (hz_tensor_find(&ck->table, text))
            names->head = heads[i];
    }
}

/* Does `module` (len bytes) read as `pattern`? *expert gets the number at the *. */
static bool match(const char *pattern, const char *module, size_t len, unsigned long *expert)
{
    const char *star = strchr(pattern, '*');
    size_t before = star ? (size_t)(star - pattern) : strlen(pattern);
    if (!star)
        return before == len && !memcmp(pattern, module, len);
    if (len <= before || memcmp(pattern, module, before) || !isdigit((unsigned char)module[before]))
        return false;
    char *end;
    *expert = strtoul(module + before, &end, 10);
    size_t rest = len - (size_t)(end - module);
    return strlen(star + 1) == rest && !memcmp(star + 1, end, rest);
}

static const struct hz_tensor *find_gguf(const struct hz_names *names, const char *name, char real[HZ_NAME_MAX])
{
    char *after;
    const char *module = name, *suffix = "weight";
    unsigned long layer = 0, expert = 0;
    bool in_layer = !strncmp(name, "layers.", 7) || !strncmp(name, "h.", 2);
    if (in_layer) {
        layer = strtoul(strchr(name, '.') + 1, &after, 10);
        module = *after == '.' ? after + 1 : after;
    }
    size_t len = strlen(module);
    if (len > 7 && !strcmp(module + len - 7, ".weight")) {
        len -= 7;
    } else if (len > 5 && !strcmp(module + len - 5, ".bias")) {
        len -= 5;
        suffix = "bias";
    }
    snprintf(real, HZ_NAME_MAX, "%s", name);
    const char *const(*table)[2] = in_layer ? inside : outside;
    for (size_t i = 0; i < (in_layer ? HZ_COUNT(inside) : HZ_COUNT(outside)); i++) {
        if (!match(table[i][0], module, len, &expert))
            continue;
        const char *word = table[i][1];
        size_t stem = strcspn(word, "*");
        int n = in_layer ? snprintf(real, HZ_NAME_MAX, "blk.%lu.", layer) : 0;
        n += snprintf(real + n, HZ_NAME_MAX - (size_t)n, "%.*s", (int)stem, word);
        if (word[stem])
            n += snprintf(real + n, HZ_NAME_MAX - (size_t)n, "%lu", expert);
        snprintf(real + n, HZ_NAME_MAX - (size_t)n, ".%s", suffix);
        const struct hz_tensor *t = hz_tensor_find(&names->ck->table, real);
        if (t)
            return t;
    }
    return NULL;
}

const struct hz_tensor *hz_names_find(const struct hz_names *names, const char *name, char real[HZ_NAME_MAX])
{
    if (names->ck->kind == HZ_CHECKPOINT_GGUF)
        return find_gguf(names, name, real);
    snprintf(real, HZ_NAME_MAX, "%s%s", strncmp(name, "lm_head.", 8) ? names->trunk : names->head, name);
    return hz_tensor_find(&names->ck->table, real);
}

bool hz_names_among(const char *names, const char *name)
{
    size_t n = strlen(name);
    for (const char *at = names; at && *at; at += strcspn(at, "|"), at += *at == '|')
        if (strcspn(at, "|") == n && !memcmp(at, name, n))
            return true;
    return false;
}
