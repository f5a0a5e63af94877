/* unigram.h - the Unigram model: of all ways to cut a piece into tokens the one of the highest sum of scores. */
#ifndef HZ_TOKEN_UNIGRAM_H
#define HZ_TOKEN_UNIGRAM_H

#include "token/tokenizer.h"
#include "token/trie.h"
#include "token/vocab.h"

struct hz_unigram {
    const struct hz_vocab *vocab;
    struct hz_trie trie;
    double *scores; /* by id */
    double unk_score;
    int32_t unk; /* -1: a character that is no token is an error */
    bool byte_fallback;
    bool llama; /* a run of unknown characters is one unk whatever it spells, and there are no bytes */
    int32_t byte_ids[256];
};

struct hz_unigram_best { /* the best way to the end of a prefix */
    double score;
    uint32_t from;
    int32_t id; /* of the last token; -1: no way found yet */
};

struct hz_unigram_room { /* starts as {0} */
    struct hz_unigram_best *best;
    size_t cap;
    struct hz_ids backwards;
};

void hz_unigram_free(struct hz_unigram *u); /* and itself */
void hz_unigram_room_free(struct hz_unigram_room *room);
hz_status hz_unigram_encode(const struct hz_unigram *u, struct hz_unigram_room *room, const char *s, size_t len,
                            struct hz_ids *ids, struct hz_error *err);

#endif
