/* cache.h - the paged KV cache of a loaded model: which block holds which page of which sequence, and which full pages
 * may serve another sequence that begins alike. It only keeps books; the blocks' bytes are the backend's.
 *
 * A page is HZ_PAGE_TOKENS tokens of one cache group and fills one block. Blocks are counted by the sequences that hold
 * them. A full page of final tokens is a *node* of a tree: its parent is the page before, its root what else shapes K
 * and V (salt, rope choices). A node remembers one block for each group; blocks that nobody holds stay there until they
 * are needed, least recently used first.
 *
 * All memory is taken at the start. Only the engine thread calls. */
#ifndef HZ_ENGINE_CACHE_H
#define HZ_ENGINE_CACHE_H

#include "plan/plan.h"

struct hz_cache;

struct hz_cache_shape {
    uint32_t n_blocks; /* block 0 included, which is never given out */
    uint32_t n_groups;
    uint32_t windows[HZ_MAX_GROUPS]; /* of each group; 0: keeps everything */
    bool reuse;                      /* look for prefixes */
};

/* The pages of one sequence. */
struct hz_page_tables {
    uint32_t *blocks;             /* [n_groups][cap]; 0 where a window has let go */
    uint32_t cap;                 /* pages the longest this sequence may become has */
    uint32_t n;                   /* pages it has now, in every group */
    uint32_t slid[HZ_MAX_GROUPS]; /* of each group: pages before this one are let go */
    uint32_t tip;                 /* node of page n_known-1, or the root; HZ_NONE: its pages are not remembered */
    uint32_t n_known;             /* pages that have a node */
};

struct hz_cache_counts {
    uint32_t blocks; /* without block 0 */
    uint32_t used;   /* held by sequences */
    uint32_t cached; /* held by nobody, but remembered */
    uint32_t free;
    uint64_t evicted; /* so far */
};

hz_status hz_cache_new(const struct hz_cache_shape *shape, struct hz_cache **cache, struct hz_error *err);
void hz_cache_free(struct hz_cache *cache);
void hz_cache_counts(const struct hz_cache *cache, struct hz_cache_counts *out);

/* The most blocks that a sequence of n tokens needs at a time, when a step computes at most `rows` of it. */
uint64_t hz_cache_need(const struct hz_cache_shape *shape, uint32_t n_tokens, uint32_t rows);

/* Begins a sequence that holds nothing yet: finds the longest remembered prefix of at most max_pages pages and takes
 * it. key: what else shapes the pages, any bytes. Returns the tokens that need not be computed, a multiple of a page.
 */
uint32_t hz_cache_begin(struct hz_cache *cache, struct hz_page_tables *t, const void *key, size_t key_len,
                        const int32_t *tokens, uint32_t max_pages);
/* Lets go what no token from `first` on can see. */
void hz_cache_slide(struct hz_cache *cache, struct hz_page_tables *t, uint32_t first);
/* Gives the sequence pages for its first n tokens. False, and nothing changed, if there are too few blocks. */
bool hz_cache_extend(struct hz_cache *cache, struct hz_page_tables *t, uint32_t n_tokens);
/* Remembers the pages that the first n tokens, which are final and computed, have filled. */
void hz_cache_commit(struct hz_cache *cache, struct hz_page_tables *t, const int32_t *tokens, uint32_t n_tokens);
/* The sequence holds nothing any more. */
void hz_cache_release(struct hz_cache *cache, struct hz_page_tables *t);

#endif
