/* word_cache.c - direct-mapped, one cache line a slot. */
#include "token/word_cache.h"

#include "base/mem.h"
#include "base/os/sys.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 1 << 14, KEY_WORDS = HZ_WORD_MAX_BYTES / 8, ID_WORDS = HZ_WORD_MAX_IDS / 2 };

struct slot {
    _Atomic uint32_t sequence; /* odd while a writer is at it */
    _Atomic uint32_t sizes;    /* len << 8 | n; 0: empty */
    _Atomic uint64_t key[KEY_WORDS];
    _Atomic uint64_t ids[ID_WORDS]; /* two in a word */
};

_Static_assert(sizeof(struct slot) == 64, "a slot is a cache line");

struct hz_word_cache {
    struct slot *slots;
    uint64_t seed;
};

struct hz_word_cache *hz_word_cache_new(void)
{
    struct hz_word_cache *c = hz_calloc(1, sizeof *c);
    if (c) {
        c->slots = hz_alloc_aligned(SLOTS * sizeof *c->slots);
        c->seed = hz_random_u64() | 1;
    }
    if (c && !c->slots) {
        hz_word_cache_free(c);
        c = NULL;
    }
    return c;
}

void hz_word_cache_free(struct hz_word_cache *cache)
{
    if (!cache)
        return;
    hz_free_aligned(cache->slots, SLOTS * sizeof *cache->slots);
    free(cache);
}

void hz_word_key(const struct hz_word_cache *cache, const char *s, size_t len, struct hz_word_key *key)
{
    memset(key->words, 0, sizeof key->words);
    memcpy(key->words, s, len);
    key->len = (uint32_t)len;
    uint64_t h = cache->seed ^ len;
    for (size_t i = 0; i < KEY_WORDS; i++) {
        h = (h ^ key->words[i]) * 0x9fb21c651e98df25u;
        h ^= h >> 32;
    }
    key->slot = (uint32_t)(h & (SLOTS - 1));
}

/* Loads are acquiring and stores releasing: what a reader got from a later write shows it the later sequence too. */
unsigned hz_word_cache_get(const struct hz_word_cache *cache, const struct hz_word_key *key,
                           int32_t ids[HZ_WORD_MAX_IDS])
{
    struct slot *s = &cache->slots[key->slot];
    uint32_t sequence = atomic_load_explicit(&s->sequence, memory_order_acquire);
    uint32_t sizes = atomic_load_explicit(&s->sizes, memory_order_acquire);
    if (sequence & 1 || sizes >> 8 != key->len)
        return 0;
    for (size_t i = 0; i < KEY_WORDS; i++)
        if (atomic_load_explicit(&s->key[i], memory_order_acquire) != key->words[i])
            return 0;
    for (size_t i = 0; i < ID_WORDS; i++) {
        uint64_t two = atomic_load_explicit(&s->ids[i], memory_order_acquire);
        ids[2 * i] = (int32_t)(two & UINT32_MAX);
        ids[2 * i + 1] = (int32_t)(two >> 32);
    }
    if (atomic_load_explicit(&s->sequence, memory_order_relaxed) != sequence)
        return 0;
    return sizes & 0xFF;
}

void hz_word_cache_put(struct hz_word_cache *cache, const struct hz_word_key *key, const int32_t *ids, unsigned n)
{
    struct slot *s = &cache->slots[key->slot];
    uint32_t sequence = atomic_load_explicit(&s->sequence, memory_order_relaxed);
    if (sequence & 1 || !atomic_compare_exchange_strong_explicit(&s->sequence, &sequence, sequence + 1,
                                                                 memory_order_acq_rel, memory_order_relaxed))
        return; /* another thread writes here: its piece is as good */
    uint64_t two[ID_WORDS] = {0};
    for (unsigned i = 0; i < n; i++)
        two[i / 2] |= (uint64_t)(uint32_t)ids[i] << (32 * (i % 2));
    atomic_store_explicit(&s->sizes, key->len << 8 | n, memory_order_release);
    for (size_t i = 0; i < KEY_WORDS; i++)
        atomic_store_explicit(&s->key[i], key->words[i], memory_order_release);
    for (size_t i = 0; i < ID_WORDS; i++)
        atomic_store_explicit(&s->ids[i], two[i], memory_order_release);
    atomic_store_explicit(&s->sequence, sequence + 2, memory_order_release);
}
