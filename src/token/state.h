/* state.h - what a tokenizer is made of. Filled by from_json.c or from_gguf.c, then never changed but for the cache. */
#ifndef HZ_TOKEN_STATE_H
#define HZ_TOKEN_STATE_H

#include "token/added.h"
#include "token/bpe.h"
#include "token/decode.h"
#include "token/llama.h"
#include "token/normalize.h"
#include "token/pretok.h"
#include "token/tokenizer.h"
#include "token/unigram.h"
#include "token/vocab.h"
#include "token/word_cache.h"
#include "token/wordpiece.h"

enum { HZ_POST_TEXT = -1 }; /* in a post list: the ids of the text */

struct hz_tokenizer {
    char *path; /* for errors */
    struct hz_vocab vocab;
    struct hz_added added;
    struct hz_normalizer normalizer;
    struct hz_pretok pretok;
    struct hz_bpe *bpe; /* one of the three models */
    struct hz_unigram *unigram;
    struct hz_wordpiece *wordpiece;
    struct hz_llama *llama; /* from GGUF: how llama.cpp prepares a text, in place of added, normalizer */
    float *scores;          /* of SentencePiece from GGUF; by id */
    struct hz_word_cache *cache;
    struct hz_decode_chain decoder;
    struct hz_ids post; /* what encoding gives with SPECIAL: ids and HZ_POST_TEXT */
    struct hz_ids ends;
    int32_t bos, eos;
};

/* One encoding under way. */
struct hz_encoding {
    const struct hz_tokenizer *t;
    unsigned flags;
    struct hz_flow flow;
    struct hz_pieces pieces[2];
    struct hz_regex_scratch *scratch;
    struct hz_merge_room merge;
    struct hz_unigram_room unigram;
    struct hz_ids *ids;
    struct hz_error *err;
};

/* Appends the ids of one piece, word by word where the model allows. */
hz_status hz_encode_piece(struct hz_encoding *e, const char *s, size_t len);
/* Cuts the flow's text into pieces and encodes them. */
hz_status hz_encode_flow(struct hz_encoding *e);

#endif
