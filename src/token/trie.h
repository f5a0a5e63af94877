/* trie.h - a trie of byte strings: which keys begin here? Built once, then read by any thread. */
#ifndef HZ_TOKEN_TRIE_H
#define HZ_TOKEN_TRIE_H

#include "base/status.h"

struct hz_trie_key {
    const char *s; /* borrowed while the trie is built */
    uint32_t len;
    int32_t value; /* not negative */
};

struct hz_trie_node {
    uint32_t first; /* its children lie side by side, ascending by label */
    int32_t value;  /* -1: no key ends here */
    uint16_t n;
    uint8_t label;
};

struct hz_trie { /* starts as {0}; node 0 is the root */
    struct hz_trie_node *nodes;
    size_t n;
    uint32_t root[256]; /* the root's children by label; 0 none */
};

/* A look-up goes down as far as the longest key: it must not be told by a file to do so for a page of text at every
 * byte. */
enum { HZ_TRIE_MAX_KEY = 4096 };

/* Sorts the keys. Of equal keys the last in the list counts. Empty keys are left out; E_LIMIT if one is longer than
 * HZ_TRIE_MAX_KEY. */
hz_status hz_trie_build(struct hz_trie *trie, struct hz_trie_key *keys, size_t n, struct hz_error *err);
void hz_trie_free(struct hz_trie *trie);

/* The child of a node, or 0. */
static inline uint32_t hz_trie_step(const struct hz_trie *trie, uint32_t node, uint8_t label)
{
    if (!node)
        return trie->root[label];
    const struct hz_trie_node *p = &trie->nodes[node];
    uint32_t lo = p->first, hi = p->first + p->n;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (trie->nodes[mid].label < label)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < p->first + p->n && trie->nodes[lo].label == label ? lo : 0;
}

/* The longest key that s[0..len) begins with: its value, *match its length; -1 if there is none. */
int32_t hz_trie_longest(const struct hz_trie *trie, const char *s, size_t len, size_t *match);

#endif
