/* gguf_tokens.c - special tokens by spelling. GGUF files often say too little; llama.cpp goes by these lists. */
#include "token/gguf_tokens.h"

#include "token/ids.h"

#include <stdlib.h>
#include <string.h>

/* The first of several in the order of ids; llama.cpp takes any. */
static int32_t find_one(const struct hz_vocab *v, const char *const *spellings, size_t n)
{
    int32_t found = -1;
    for (size_t i = 0; i < n; i++) {
        int32_t id = hz_vocab_id(v, spellings[i], strlen(spellings[i]));
        if (id >= 0 && (found < 0 || id < found))
            found = id;
    }
    return found;
}

static const char *const EOT[] = {
    "<|eot_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>",         "<|endoftext|>",     "<|end_of_text|>",
    "<EOT>",      "_<EOT>",     "[EOT]",   "<｜end▁of▁sentence｜>", "<end_of_utterance>"};
static const char *const EOM[] = {"<|eom_id|>"};
static const char *const FIM_PRE[] = {"<|fim_prefix|>", "<fim-prefix>", "<fim_prefix>",    "<｜fim▁begin｜>",
                                      "<PRE>",          "▁<PRE>",       "<|code_prefix|>", "<|prefix|>"};
static const char *const FIM_SUF[] = {"<|fim_suffix|>", "<fim-suffix>", "<fim_suffix>",    "<｜fim▁hole｜>",
                                      "<SUF>",          "▁<SUF>",       "<|code_suffix|>", "<|suffix|>"};
static const char *const FIM_MID[] = {"<|fim_middle|>", "<fim-middle>", "<fim_middle>",    "<｜fim▁end｜>",
                                      "<MID>",          "▁<MID>",       "<|code_middle|>", "<|middle|>"};
static const char *const FIM_PAD[] = {"<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]"};
static const char *const FIM_REP[] = {"<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>", "<reponame>"};
static const char *const FIM_SEP[] = {"<|file_sep|>"};
static const char *const ENDS[] = {"<|eot_id|>",
                                   "<|im_end|>",
                                   "<|end|>",
                                   "<|return|>",
                                   "<|call|>",
                                   "<|flush|>",
                                   "<|calls|>",
                                   "<end_of_turn>",
                                   "<|endoftext|>",
                                   "</s>",
                                   "<|eom_id|>",
                                   "<EOT>",
                                   "_<EOT>",
                                   "[EOT]",
                                   "[EOS]",
                                   "<|end_of_text|>",
                                   "<end_of_utterance>",
                                   "<eos>",
                                   "<turn|>",
                                   "<|tool_response>",
                                   "<｜end▁of▁sentence｜>",
                                   "[e~["};
static const char *const SHOWN[] = {"<|channel|>", "<|message|>", "<|start|>", "<|constrain|>"}; /* of gpt-oss */

static bool is_end(const struct hz_ids *ends, int32_t id)
{
    for (size_t i = 0; i < ends->n; i++)
        if (ends->data[i] == id)
            return true;
    return false;
}

static hz_status add_end(struct hz_ids *ends, int32_t id, struct hz_error *err)
{
    if (id < 0 || is_end(ends, id))
        return HZ_OK;
    return hz_ids_put(ends, id) ? HZ_OK : hz_fail_nomem(err, sizeof id);
}

static void drop_end(struct hz_ids *ends, int32_t id)
{
    for (size_t i = 0; i < ends->n; i++)
        if (ends->data[i] == id) {
            memmove(ends->data + i, ends->data + i + 1, (ends->n - i - 1) * sizeof *ends->data);
            ends->n--;
            return;
        }
}

static int32_t end_spelled(const struct hz_tokenizer *t, const char *spelling)
{
    int32_t id = hz_vocab_id(&t->vocab, spelling, strlen(spelling));
    return id >= 0 && is_end(&t->ends, id) ? id : -1;
}

/* A key that says nothing: the spelling decides, and makes a control token of it. */
static void default_to(const struct hz_vocab *v, uint8_t *attrs, int32_t *id, const char *const *spellings, size_t n)
{
    if (*id >= 0)
        return;
    *id = find_one(v, spellings, n);
    if (*id >= 0)
        attrs[*id] |= HZ_ATTR_CONTROL;
}

#define DEFAULT_TO(id, list) default_to(&t->vocab, attrs, id, list, HZ_COUNT(list))

static hz_status find_ends(struct hz_tokenizer *t, const struct hz_gguf_special *s, uint8_t *attrs,
                           struct hz_error *err)
{
    HZ_TRY(add_end(&t->ends, s->fim_pad, err));
    HZ_TRY(add_end(&t->ends, s->fim_rep, err));
    HZ_TRY(add_end(&t->ends, s->fim_sep, err));
    for (size_t i = 0; i < HZ_COUNT(ENDS); i++) {
        int32_t id = hz_vocab_id(&t->vocab, ENDS[i], strlen(ENDS[i]));
        HZ_TRY(add_end(&t->ends, id, err));
        if (id >= 0)
            attrs[id] |= HZ_ATTR_CONTROL;
    }
    for (size_t i = 0; i < HZ_COUNT(SHOWN); i++) {
        int32_t id = hz_vocab_id(&t->vocab, SHOWN[i], strlen(SHOWN[i]));
        if (id >= 0)
            attrs[id] = HZ_ATTR_USER_DEFINED;
    }
    HZ_TRY(add_end(&t->ends, s->eos, err));
    HZ_TRY(add_end(&t->ends, s->eot, err));
    HZ_TRY(add_end(&t->ends, s->eom, err));
    /* Where a message ends otherwise, <|end|> only ends a part of it. */
    int32_t end = end_spelled(t, "<|end|>");
    bool call = end_spelled(t, "<|call|>") >= 0 || end_spelled(t, "<|calls|>") >= 0;
    if (end >= 0 && call && (end_spelled(t, "<|return|>") >= 0 || end_spelled(t, "<|flush|>") >= 0)) {
        drop_end(&t->ends, end);
        attrs[end] = HZ_ATTR_USER_DEFINED;
    }
    int32_t s_end = end_spelled(t, "</s>"); /* an ordinary token of Gemma 4 and PLaMo */
    if (s_end >= 0 && (end_spelled(t, "<|tool_response>") >= 0 || end_spelled(t, "<|plamo:eos|>") >= 0)) {
        drop_end(&t->ends, s_end);
        attrs[s_end] = HZ_ATTR_NORMAL;
    }
    return HZ_OK;
}

static bool text_contains(const struct hz_gguf *g, const char *key, const char *word)
{
    const struct hz_meta *m = hz_gguf_get(g, key);
    size_t n = strlen(word);
    if (!m || m->type != HZ_META_STRING)
        return false;
    for (uint64_t at = 0; at + n <= m->v.str.len; at++) {
        size_t i = 0;
        while (i < n && ((unsigned char)m->v.str.s[at + i] | 0x20u) == ((unsigned char)word[i] | 0x20u))
            i++;
        if (i == n)
            return true;
    }
    return false;
}

static void set_attr(const struct hz_tokenizer *t, uint8_t *attrs, const char *spelling, uint8_t attr, bool on)
{
    int32_t id = hz_vocab_id(&t->vocab, spelling, strlen(spelling));
    if (id >= 0)
        attrs[id] = (uint8_t)(on ? attrs[id] | attr : attrs[id] & ~attr);
}

/* Tokens that take blanks: no key says so, llama.cpp goes by the model's name. */
static void set_strips(const struct hz_gguf *g, struct hz_tokenizer *t, uint8_t *attrs)
{
    static const char *const kept[] = {"<unk>", "<s>", "<|endoftext|>"};
    const char *pre = "tokenizer.ggml.pre", *architecture = "general.architecture", *name = "general.name";
    if (text_contains(g, pre, "jina-v2-de") || text_contains(g, pre, "jina-v2-es") ||
        text_contains(g, pre, "jina-v2-code") || text_contains(g, architecture, "nomic-bert-moe") ||
        text_contains(g, architecture, "jina-bert-v3")) {
        set_attr(t, attrs, "<mask>", HZ_ATTR_LSTRIP, true);
    } else if (text_contains(g, name, "phi-3") || text_contains(g, name, "phi3")) {
        for (size_t id = 0; id < t->vocab.n; id++)
            if (attrs[id] & (HZ_ATTR_CONTROL | HZ_ATTR_USER_DEFINED | HZ_ATTR_UNKNOWN))
                attrs[id] |= HZ_ATTR_RSTRIP;
        set_attr(t, attrs, "</s>", HZ_ATTR_RSTRIP, true);
        for (size_t i = 0; i < HZ_COUNT(kept); i++)
            set_attr(t, attrs, kept[i], HZ_ATTR_RSTRIP, false);
    } else if (text_contains(g, name, "modern-bert")) {
        set_attr(t, attrs, "[MASK]", HZ_ATTR_LSTRIP, true);
    }
}

static int compare_ids(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return x < y ? -1 : x > y;
}

hz_status hz_gguf_find_special(const struct hz_gguf *g, struct hz_tokenizer *t, struct hz_gguf_special *special,
                               uint8_t *attrs, struct hz_error *err)
{
    int32_t pre = -1, suf = -1, mid = -1;
    int64_t id;
    DEFAULT_TO(&special->eot, EOT);
    DEFAULT_TO(&special->eom, EOM);
    /* Only whether their keys are given matters of these three. */
    if (!hz_meta_int(hz_gguf_get(g, "tokenizer.ggml.fim_pre_token_id"), &id) &&
        !hz_meta_int(hz_gguf_get(g, "tokenizer.ggml.prefix_token_id"), &id))
        DEFAULT_TO(&pre, FIM_PRE);
    if (!hz_meta_int(hz_gguf_get(g, "tokenizer.ggml.fim_suf_token_id"), &id) &&
        !hz_meta_int(hz_gguf_get(g, "tokenizer.ggml.suffix_token_id"), &id))
        DEFAULT_TO(&suf, FIM_SUF);
    if (!hz_meta_int(hz_gguf_get(g, "tokenizer.ggml.fim_mid_token_id"), &id) &&
        !hz_meta_int(hz_gguf_get(g, "tokenizer.ggml.middle_token_id"), &id))
        DEFAULT_TO(&mid, FIM_MID);
    DEFAULT_TO(&special->fim_pad, FIM_PAD);
    DEFAULT_TO(&special->fim_rep, FIM_REP);
    DEFAULT_TO(&special->fim_sep, FIM_SEP);
    HZ_TRY(find_ends(t, special, attrs, err));
    if (t->ends.n)
        qsort(t->ends.data, t->ends.n, sizeof *t->ends.data, compare_ids);
    set_strips(g, t, attrs);
    return HZ_OK;
}
