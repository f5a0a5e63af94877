/* wordpiece.h - WordPiece: the longest token a word begins with, then the longest continuing one, and so on; one unk
 * for a word that cannot be cut so. WordLevel is the case that only knows whole words. */
#ifndef HZ_TOKEN_WORDPIECE_H
#define HZ_TOKEN_WORDPIECE_H

#include "token/tokenizer.h"
#include "token/trie.h"
#include "token/vocab.h"

struct hz_wordpiece {
    const struct hz_vocab *vocab;
    struct hz_trie first, rest; /* the tokens; those with the continuing prefix, without it */
    int32_t unk;                /* -1: needed and missing is an error */
    size_t max_chars;           /* a longer word is unk */
    bool words_only;            /* WordLevel */
};

/* prefix: of continuing tokens, "##". */
hz_status hz_wordpiece_new(const struct hz_vocab *vocab, const char *prefix, size_t prefix_len, size_t max_chars,
                           int32_t unk, struct hz_wordpiece **w, struct hz_error *err);
hz_status hz_wordlevel_new(const struct hz_vocab *vocab, int32_t unk, struct hz_wordpiece **w, struct hz_error *err);
void hz_wordpiece_free(struct hz_wordpiece *w);
hz_status hz_wordpiece_encode(const struct hz_wordpiece *w, const char *s, size_t len, struct hz_ids *ids,
                              struct hz_error *err);

#endif
