/* word_cache.h - what short pieces were encoded to: a table of fixed size in which a new piece takes the place of
 * whatever was there. Any number of threads read and write it without waiting; a reader that meets a writer sees a
 * miss. Each slot is one cache line under a sequence lock whose every word is atomic. */
#ifndef HZ_TOKEN_WORD_CACHE_H
#define HZ_TOKEN_WORD_CACHE_H

#include "token/tokenizer.h"

enum { HZ_WORD_MAX_BYTES = 32, HZ_WORD_MAX_IDS = 6 };

struct hz_word_cache;

struct hz_word_key { /* a piece, padded with zeros, and where it belongs */
    uint64_t words[HZ_WORD_MAX_BYTES / 8];
    uint32_t len;
    uint32_t slot;
};

struct hz_word_cache *hz_word_cache_new(void); /* NULL when memory is short */
void hz_word_cache_free(struct hz_word_cache *cache);

/* len is 1 to HZ_WORD_MAX_BYTES. */
void hz_word_key(const struct hz_word_cache *cache, const char *s, size_t len, struct hz_word_key *key);
/* How many ids the piece has, or 0 if it isn't there. */
unsigned hz_word_cache_get(const struct hz_word_cache *cache, const struct hz_word_key *key,
                           int32_t ids[HZ_WORD_MAX_IDS]);
/* n is 1 to HZ_WORD_MAX_IDS. */
void hz_word_cache_put(struct hz_word_cache *cache, const struct hz_word_key *key, const int32_t *ids, unsigned n);

#endif
