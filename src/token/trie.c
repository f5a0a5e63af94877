/* trie.c - building level by level from sorted keys. */
#include "token/trie.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
    const struct hz_trie_key *x = a, *y = b;
    int order = memcmp(x->s, y->s, HZ_MIN(x->len, y->len));
    if (order)
        return order;
    return x->len != y->len ? (x->len < y->len ? -1 : 1) : 0;
}

/* Of equal keys the last; qsort may turn them round, so it is told by where they stood. */
struct placed {
    struct hz_trie_key key;
    size_t place;
};

static int compare_placed(const void *a, const void *b)
{
    const struct placed *x = a, *y = b;
    int order = compare(&x->key, &y->key);
    return order ? order : x->place < y->place ? -1 : x->place > y->place;
}

static hz_status sort_unique(struct hz_trie_key *keys, size_t *n, struct hz_error *err)
{
    struct placed *list = hz_calloc(*n, sizeof *list);
    if (!list)
        return hz_fail_nomem(err, *n * sizeof *list);
    for (size_t i = 0; i < *n; i++)
        list[i] = (struct placed){keys[i], i};
    qsort(list, *n, sizeof *list, compare_placed);
    size_t out = 0;
    for (size_t i = 0; i < *n; i++) {
        bool superseded = i + 1 < *n && compare(&list[i].key, &list[i + 1].key) == 0;
        if (list[i].key.len && !superseded)
            keys[out++] = list[i].key;
    }
    *n = out;
    free(list);
    return HZ_OK;
}

/* The keys of a node are keys[lo..hi), which share their first `depth` bytes. */
struct range {
    uint32_t lo, hi;
};

static bool push(struct hz_trie *t, size_t *cap, struct range **ranges, size_t *range_cap, struct hz_trie_node node,
                 struct range range)
{
    size_t n = t->n;
    if (!HZ_GROW(t->nodes, n, *cap) || !HZ_GROW(*ranges, n, *range_cap))
        return false;
    t->nodes[n] = node;
    (*ranges)[n] = range;
    t->n++;
    return true;
}

hz_status hz_trie_build(struct hz_trie *trie, struct hz_trie_key *keys, size_t n, struct hz_error *err)
{
    *trie = (struct hz_trie){0};
    for (size_t i = 0; i < n; i++)
        if (keys[i].len > HZ_TRIE_MAX_KEY)
            return hz_fail(err, HZ_E_LIMIT, "the token \"%.40s...\" has %u bytes, expected at most %d", keys[i].s,
                           keys[i].len, HZ_TRIE_MAX_KEY);
    HZ_TRY(sort_unique(keys, &n, err));
    size_t cap = 0, range_cap = 0;
    struct range *ranges = NULL;
    if (!push(trie, &cap, &ranges, &range_cap, (struct hz_trie_node){0, -1, 0, 0}, (struct range){0, (uint32_t)n}))
        goto nomem;
    size_t level_end = 1; /* nodes [i, level_end) have keys of at least `depth` bytes behind them */
    uint32_t depth = 0;
    for (size_t i = 0; i < trie->n; i++) {
        if (i == level_end) {
            level_end = trie->n;
            depth++;
        }
        struct range r = ranges[i];
        if (depth && r.lo < r.hi && keys[r.lo].len == depth)
            trie->nodes[i].value = keys[r.lo++].value;
        trie->nodes[i].first = (uint32_t)trie->n;
        while (r.lo < r.hi) {
            uint8_t label = (uint8_t)keys[r.lo].s[depth];
            uint32_t hi = r.lo + 1;
            while (hi < r.hi && (uint8_t)keys[hi].s[depth] == label)
                hi++;
            if (!i)
                trie->root[label] = (uint32_t)trie->n;
            if (!push(trie, &cap, &ranges, &range_cap, (struct hz_trie_node){0, -1, 0, label},
                      (struct range){r.lo, hi}))
                goto nomem;
            trie->nodes[i].n++;
            r.lo = hi;
        }
    }
    free(ranges);
    return HZ_OK;
nomem:
    free(ranges);
    hz_trie_free(trie);
    return hz_fail_nomem(err, n * sizeof *trie->nodes);
}

void hz_trie_free(struct hz_trie *trie)
{
    free(trie->nodes);
    *trie = (struct hz_trie){0};
}

int32_t hz_trie_longest(const struct hz_trie *trie, const char *s, size_t len, size_t *match)
{
    int32_t value = -1;
    uint32_t node = 0;
    for (size_t i = 0; i < len && (node = hz_trie_step(trie, node, (uint8_t)s[i])) != 0; i++)
        if (trie->nodes[node].value >= 0) {
            value = trie->nodes[node].value;
            *match = i + 1;
        }
    return value;
}
