/* bpe.h - byte-pair encoding with ranked merges, as `tokenizers` and llama.cpp do it: over bytes (byte-level), or over
 * characters with byte fallback. The merge of lowest rank comes first, of equal ones the leftmost; a piece of n
 * characters takes O(n log n). */
#ifndef HZ_TOKEN_BPE_H
#define HZ_TOKEN_BPE_H

#include "token/merge.h"
#include "token/tokenizer.h"
#include "token/vocab.h"

struct hz_bpe;

struct hz_bpe_options {
    bool byte_level;    /* pieces are raw bytes, each of which is the character of the alphabet that stands for it */
    bool ignore_merges; /* a piece that is a token is that token */
    bool byte_fallback; /* an unknown character becomes <0xNN> tokens */
    bool fuse_unk;
    bool has_unk;
    int32_t unk;                 /* with has_unk; -1: named but not in the vocabulary, which fails when it is needed */
    const char *prefix, *suffix; /* continuing_subword_prefix, end_of_word_suffix; copied */
    size_t prefix_len, suffix_len;
    /* llama.cpp: the first of equal merges counts, merges may make what is no token, and what comes out as none is
     * spelled by single bytes, those without a token left out. */
    bool llama;
    /* llama.cpp's SentencePiece: not ranked merges, but of all pairs that make a token the one of the highest score
     * comes first. Scores by id; must outlive it. Needs llama; a byte without a token becomes unk. */
    const float *scores;
    bool newlines_whole; /* llama.cpp's gemma4: a piece of newlines that is a token is that token */
};

/* vocab must outlive it. n_merges: room. */
hz_status hz_bpe_new(const struct hz_vocab *vocab, const struct hz_bpe_options *options, size_t n_merges,
                     struct hz_bpe **bpe, struct hz_error *err);
void hz_bpe_free(struct hz_bpe *bpe);
/* Merges in order of rank. E_FORMAT if one is of no tokens. */
hz_status hz_bpe_add_merge(struct hz_bpe *bpe, const char *a, size_t a_len, const char *b, size_t b_len,
                           struct hz_error *err);
/* Where the first word of a piece ends: encoded alone, its words give what the whole piece would. So long pieces fall
 * into short ones where no token reaches over the start of a word (see hz_vocab_glue). */
size_t hz_bpe_cut(const struct hz_bpe *bpe, const char *s, size_t len);
/* Appends the ids of a piece. */
hz_status hz_bpe_encode(const struct hz_bpe *bpe, struct hz_merge_room *room, const char *s, size_t len,
                        struct hz_ids *ids, struct hz_error *err);

#endif
