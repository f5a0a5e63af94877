/* cache.c - see cache.h. */
#include "engine/cache.h"

#include "base/map.h"
#include "base/mem.h"
#include "base/os/sys.h"

#include <stdlib.h>
#include <string.h>

struct block {
    uint32_t refs;       /* sequences that hold it */
    uint32_t node;       /* that remembers it; HZ_NONE */
    uint32_t group;      /* of the page it holds */
    uint32_t prev, next; /* in the list of remembered blocks that nobody holds; next: in the list of free ones too */
};

struct node {
    uint32_t parent;   /* HZ_NONE: a root */
    uint32_t children; /* nodes whose parent this is */
    uint32_t pins;     /* sequences whose tip it is */
    uint32_t n_blocks; /* groups whose block is remembered */
    uint32_t next;     /* in its bucket, or in the list of free nodes */
    uint32_t bucket;
    char *key; /* of a root; owned */
    size_t key_len;
    int32_t tokens[HZ_PAGE_TOKENS];
};

struct hz_cache {
    struct hz_cache_shape shape;
    struct block *blocks;
    struct node *nodes;
    uint32_t *node_blocks; /* [n_nodes][n_groups]; 0: not remembered */
    uint32_t *buckets;     /* first node or HZ_NONE */
    uint32_t n_nodes, n_buckets;
    uint64_t seed; /* of the hash: nobody outside can aim collisions */
    uint32_t free_block, free_node;
    uint32_t lru_first, lru_last; /* first: the next to be evicted */
    struct hz_cache_counts counts;
};

/* ---- lists ----------------------------------------------------------------------------------- */

static void lru_add(struct hz_cache *c, uint32_t b)
{
    struct block *x = &c->blocks[b];
    x->prev = c->lru_last;
    x->next = HZ_NONE;
    *(c->lru_last == HZ_NONE ? &c->lru_first : &c->blocks[c->lru_last].next) = b;
    c->lru_last = b;
    c->counts.cached++;
}

static void lru_remove(struct hz_cache *c, uint32_t b)
{
    struct block *x = &c->blocks[b];
    *(x->prev == HZ_NONE ? &c->lru_first : &c->blocks[x->prev].next) = x->next;
    *(x->next == HZ_NONE ? &c->lru_last : &c->blocks[x->next].prev) = x->prev;
    c->counts.cached--;
}

static void block_free(struct hz_cache *c, uint32_t b)
{
    c->blocks[b].next = c->free_block;
    c->free_block = b;
    c->counts.free++;
}

/* ---- nodes ----------------------------------------------------------------------------------- */

/* Frees a node, and its ancestors, once nothing holds it. */
static void node_settle(struct hz_cache *c, uint32_t n)
{
    while (n != HZ_NONE) {
        struct node *x = &c->nodes[n];
        if (x->children || x->pins || x->n_blocks)
            return;
        uint32_t *link = &c->buckets[x->bucket], parent = x->parent;
        while (*link != n)
            link = &c->nodes[*link].next;
        *link = x->next;
        free(x->key);
        x->key = NULL;
        x->next = c->free_node;
        c->free_node = n;
        if (parent != HZ_NONE)
            c->nodes[parent].children--;
        n = parent;
    }
}

static void evict(struct hz_cache *c)
{
    uint32_t b = c->lru_first, n = c->blocks[b].node;
    lru_remove(c, b);
    c->node_blocks[(size_t)n * c->shape.n_groups + c->blocks[b].group] = 0;
    c->blocks[b].node = HZ_NONE;
    c->nodes[n].n_blocks--;
    c->counts.evicted++;
    block_free(c, b);
    node_settle(c, n);
}

/* The child of `parent` with these tokens, or the root with this key. Parents are compared by number, which is exact: a
 * node lives as long as it has children. */
static uint32_t node_find(const struct hz_cache *c, uint32_t parent, const void *content, size_t len, uint32_t *bucket)
{
    *bucket = (uint32_t)(hz_hash_bytes(content, len, c->seed ^ (parent * 0x9e3779b97f4a7c15u)) & (c->n_buckets - 1));
    for (uint32_t n = c->buckets[*bucket]; n != HZ_NONE; n = c->nodes[n].next) {
        const struct node *x = &c->nodes[n];
        bool same =
            parent == HZ_NONE ? x->key_len == len && !memcmp(x->key, content, len) : !memcmp(x->tokens, content, len);
        if (x->parent == parent && same)
            return n;
    }
    return HZ_NONE;
}

/* The same, made if there is none; HZ_NONE when memory is short or all nodes have children or holders. */
static uint32_t node_make(struct hz_cache *c, uint32_t parent, const void *content, size_t len)
{
    uint32_t bucket, n = node_find(c, parent, content, len, &bucket);
    if (n != HZ_NONE)
        return n;
    while (c->free_node == HZ_NONE && c->lru_first != HZ_NONE)
        evict(c);
    n = c->free_node;
    char *key = n != HZ_NONE && parent == HZ_NONE ? hz_strndup(content, len) : NULL;
    if (n == HZ_NONE || (parent == HZ_NONE && !key))
        return HZ_NONE;
    struct node *x = &c->nodes[n];
    c->free_node = x->next;
    *x = (struct node){.parent = parent, .next = c->buckets[bucket], .bucket = bucket, .key = key, .key_len = len};
    c->buckets[bucket] = n;
    if (parent != HZ_NONE) {
        memcpy(x->tokens, content, len);
        c->nodes[parent].children++;
    }
    return n;
}

static void tip_move(struct hz_cache *c, struct hz_page_tables *t, uint32_t n)
{
    uint32_t old = t->tip;
    if (n != HZ_NONE)
        c->nodes[n].pins++;
    t->tip = n;
    if (old != HZ_NONE) {
        c->nodes[old].pins--;
        node_settle(c, old);
    }
}

/* ---- holding blocks -------------------------------------------------------------------------- */

static void hold(struct hz_cache *c, uint32_t b)
{
    struct block *x = &c->blocks[b];
    if (x->refs++)
        return;
    if (x->node != HZ_NONE)
        lru_remove(c, b);
    c->counts.used++;
}

static void let_go(struct hz_cache *c, uint32_t b)
{
    struct block *x = &c->blocks[b];
    if (--x->refs)
        return;
    c->counts.used--;
    if (x->node != HZ_NONE)
        lru_add(c, b);
    else
        block_free(c, b);
}

static uint32_t *table(const struct hz_page_tables *t, uint32_t group)
{
    return t->blocks + (size_t)group * t->cap;
}

/* The first page of a group that a token can see. */
static uint32_t first_seen(uint32_t window, uint32_t index)
{
    return window && index >= window ? (index - window + 1) / HZ_PAGE_TOKENS : 0;
}

/* ---- what the scheduler calls ---------------------------------------------------------------- */

hz_status hz_cache_new(const struct hz_cache_shape *shape, struct hz_cache **cache, struct hz_error *err)
{
    if (shape->n_blocks < 2 || shape->n_blocks > 1u << 28)
        return hz_fail(err, HZ_E_LIMIT, "a KV cache of %u blocks, must have 2 to %u", shape->n_blocks, 1u << 28);
    struct hz_cache *c = hz_calloc(1, sizeof *c);
    if (!c)
        return hz_fail_nomem(err, sizeof *c);
    c->shape = *shape;
    c->seed = hz_random_u64();
    /* Twice as many nodes as blocks: a node whose blocks were evicted stays while it has children. */
    c->n_nodes = 2 * shape->n_blocks + 64;
    for (c->n_buckets = 64; c->n_buckets < c->n_nodes;)
        c->n_buckets *= 2;
    c->blocks = hz_calloc(shape->n_blocks, sizeof *c->blocks);
    c->nodes = hz_calloc(c->n_nodes, sizeof *c->nodes);
    c->node_blocks = hz_calloc((size_t)c->n_nodes * shape->n_groups + 1, sizeof *c->node_blocks);
    c->buckets = hz_calloc(c->n_buckets, sizeof *c->buckets);
    if (!c->blocks || !c->nodes || !c->node_blocks || !c->buckets) {
        hz_cache_free(c);
        return hz_fail_nomem(err, 2 * sizeof(struct node) * shape->n_blocks);
    }
    c->free_block = c->free_node = c->lru_first = c->lru_last = HZ_NONE;
    for (uint32_t i = 0; i < c->n_buckets; i++)
        c->buckets[i] = HZ_NONE;
    for (uint32_t i = c->n_nodes; i-- > 0;) {
        c->nodes[i].next = c->free_node;
        c->free_node = i;
    }
    for (uint32_t i = shape->n_blocks; i-- > 1;) { /* low numbers are given out first: high ones stay untouched */
        c->blocks[i].node = HZ_NONE;
        block_free(c, i);
    }
    c->counts.blocks = shape->n_blocks - 1;
    *cache = c;
    return HZ_OK;
}

void hz_cache_free(struct hz_cache *c)
{
    if (!c)
        return;
    for (uint32_t i = 0; c->nodes && i < c->n_nodes; i++)
        free(c->nodes[i].key);
    free(c->blocks);
    free(c->nodes);
    free(c->node_blocks);
    free(c->buckets);
    free(c);
}

void hz_cache_counts(const struct hz_cache *c, struct hz_cache_counts *out)
{
    *out = c->counts;
}

uint64_t hz_cache_need(const struct hz_cache_shape *shape, uint32_t n_tokens, uint32_t rows)
{
    uint64_t all = ((uint64_t)n_tokens + HZ_PAGE_TOKENS - 1) / HZ_PAGE_TOKENS, sum = 0;
    for (uint32_t g = 0; g < shape->n_groups; g++) {
        /* window - 1 tokens before the first row and the rows, at the worst alignment */
        uint64_t seen = ((uint64_t)shape->windows[g] + rows + HZ_PAGE_TOKENS - 3) / HZ_PAGE_TOKENS + 1;
        sum += shape->windows[g] ? HZ_MIN(all, seen) : all;
    }
    return sum;
}

uint32_t hz_cache_begin(struct hz_cache *c, struct hz_page_tables *t, const void *key, size_t key_len,
                        const int32_t *tokens, uint32_t max_pages)
{
    uint32_t groups = c->shape.n_groups, best = 0, bucket;
    uint32_t run[HZ_MAX_GROUPS] = {0}; /* pages of each group in a row, up to here, whose blocks are remembered */
    t->n = t->n_known = 0;
    t->tip = HZ_NONE;
    memset(t->slid, 0, sizeof t->slid);
    if (!c->shape.reuse)
        return 0;
    uint32_t root = node_make(c, HZ_NONE, key, key_len), node = root, best_node = root;
    if (root == HZ_NONE)
        return 0;
    for (uint32_t p = 0; p < max_pages; p++) {
        node = node_find(c, node, tokens + (size_t)p * HZ_PAGE_TOKENS, sizeof c->nodes->tokens, &bucket);
        if (node == HZ_NONE)
            break;
        bool all = true;
        for (uint32_t g = 0; g < groups; g++) {
            run[g] = c->node_blocks[(size_t)node * groups + g] ? run[g] + 1 : 0;
            all &= run[g] >= p + 1 - first_seen(c->shape.windows[g], (p + 1) * HZ_PAGE_TOKENS);
        }
        if (all) {
            best = p + 1;
            best_node = node;
        }
    }
    tip_move(c, t, best_node);
    t->n = t->n_known = best;
    for (uint32_t g = 0; g < groups; g++) {
        t->slid[g] = first_seen(c->shape.windows[g], best * HZ_PAGE_TOKENS);
        memset(table(t, g), 0, t->slid[g] * sizeof *t->blocks);
    }
    node = best_node;
    for (uint32_t p = best; p-- > 0; node = c->nodes[node].parent)
        for (uint32_t g = 0; g < groups; g++)
            if (p >= t->slid[g])
                hold(c, table(t, g)[p] = c->node_blocks[(size_t)node * groups + g]);
    return best * HZ_PAGE_TOKENS;
}

void hz_cache_slide(struct hz_cache *c, struct hz_page_tables *t, uint32_t first)
{
    for (uint32_t g = 0; g < c->shape.n_groups; g++) {
        uint32_t end = HZ_MIN(first_seen(c->shape.windows[g], first), t->n);
        for (; t->slid[g] < end; t->slid[g]++) {
            let_go(c, table(t, g)[t->slid[g]]);
            table(t, g)[t->slid[g]] = 0;
        }
    }
}

bool hz_cache_extend(struct hz_cache *c, struct hz_page_tables *t, uint32_t n_tokens)
{
    uint32_t n = (n_tokens + HZ_PAGE_TOKENS - 1) / HZ_PAGE_TOKENS;
    if (n <= t->n)
        return true;
    if ((uint64_t)(n - t->n) * c->shape.n_groups > (uint64_t)c->counts.free + c->counts.cached)
        return false;
    for (; t->n < n; t->n++)
        for (uint32_t g = 0; g < c->shape.n_groups; g++) {
            if (c->free_block == HZ_NONE)
                evict(c);
            uint32_t b = c->free_block;
            c->free_block = c->blocks[b].next;
            c->counts.free--;
            c->blocks[b].group = g;
            hold(c, b);
            table(t, g)[t->n] = b;
        }
    return true;
}

void hz_cache_commit(struct hz_cache *c, struct hz_page_tables *t, const int32_t *tokens, uint32_t n_tokens)
{
    for (; t->tip != HZ_NONE && (t->n_known + 1) * HZ_PAGE_TOKENS <= n_tokens; t->n_known++) {
        uint32_t page = t->n_known;
        uint32_t n = node_make(c, t->tip, tokens + (size_t)page * HZ_PAGE_TOKENS, sizeof c->nodes->tokens);
        tip_move(c, t, n);
        for (uint32_t g = 0; g < c->shape.n_groups && n != HZ_NONE; g++) {
            uint32_t b = table(t, g)[page], *at = &c->node_blocks[(size_t)n * c->shape.n_groups + g];
            if (!b || *at || c->blocks[b].node != HZ_NONE)
                continue; /* slid out already, or another sequence computed the same page before */
            *at = b;
            c->blocks[b].node = n;
            c->nodes[n].n_blocks++;
        }
    }
}

void hz_cache_release(struct hz_cache *c, struct hz_page_tables *t)
{
    /* last page first, so that it is evicted first: a prefix is useful without what follows, not the other way round */
    for (uint32_t p = t->n; p-- > 0;)
        for (uint32_t g = 0; g < c->shape.n_groups; g++)
            if (p >= t->slid[g])
                let_go(c, table(t, g)[p]);
    tip_move(c, t, HZ_NONE);
    t->n = t->n_known = 0;
    memset(t->slid, 0, sizeof t->slid);
}
