/* llama.h - how llama.cpp takes a text apart before the model sees it; what a tokenizer from GGUF has in place of added
 * tokens and normalizer. */
#ifndef HZ_TOKEN_LLAMA_H
#define HZ_TOKEN_LLAMA_H

#include "token/charsmap.h"
#include "token/trie.h"

enum hz_llama_kind { HZ_LLAMA_SPM, HZ_LLAMA_BPE, HZ_LLAMA_WPM, HZ_LLAMA_UGM };

struct hz_llama_special { /* control, unknown and user-defined tokens: the longest first */
    int32_t id;
    uint32_t len;
    bool user_defined; /* is one whether or not special tokens are parsed */
    bool lstrip, rstrip;
};

struct hz_llama {
    enum hz_llama_kind kind;
    bool add_space_prefix, escape_whitespaces, remove_extra_whitespaces;
    bool lowercase, strip_accents;
    struct hz_llama_special *specials;
    size_t n_specials;
    struct hz_trie special_trie;      /* spellings to places in specials */
    struct hz_trie user_defined_trie; /* UGM */
    struct hz_charsmap *charsmap;     /* UGM; NULL: none */
};

struct hz_encoding;

/* Appends the ids of s, which is valid UTF-8, without what encoding adds at the ends. */
hz_status hz_llama_encode(struct hz_encoding *e, const char *s, size_t len);
void hz_llama_free(struct hz_llama *llama); /* and itself */

#endif
