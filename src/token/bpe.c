/* bpe.c - merges by rank. */
#include "token/bpe.h"

#include "base/os/sys.h"
#include "text/utf8.h"
#include "token/heap.h"
#include "token/ids.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_AFFIX = 64, NONE = -1 };
static const uint32_t NO_RANK = UINT32_MAX, NOWHERE = UINT32_MAX;

struct pair {
    uint32_t a, b, rank;
    int32_t merged;
};

struct hz_bpe {
    const struct hz_vocab *vocab;
    struct hz_bpe_options o;
    struct pair *pairs; /* open addressing; rank NO_RANK: empty */
    size_t n_pairs, cap;
    uint64_t seed;
    uint32_t n_merges;
    struct hz_map extra; /* llama: what merges make that is no token; ids from vocab->n on */
    struct hz_arena arena;
    int32_t byte_ids[256];           /* byte_level: of the character that stands for the byte */
    int32_t fallback_ids[256];       /* of <0xNN> */
    uint16_t page_of[0x110000 >> 8]; /* else: ids of the characters that are tokens */
    int32_t (*pages)[256];
    size_t n_pages, pages_cap;
    size_t longest; /* spelling, in bytes */
    bool cuts;      /* pieces may be cut before U+2581, except behind these bytes */
    bool glue[256];
};

/* ---- building --------------------------------------------------------------------------------------------------- */

static bool set_char(struct hz_bpe *m, uint32_t cp, int32_t id)
{
    uint16_t *page = &m->page_of[cp >> 8];
    if (!*page) {
        if (!HZ_GROW(m->pages, m->n_pages, m->pages_cap))
            return false;
        memset(m->pages[m->n_pages], 0xFF, sizeof *m->pages);
        *page = (uint16_t)m->n_pages++;
    }
    m->pages[*page][cp & 0xFF] = id;
    return true;
}

static int32_t char_id(const struct hz_bpe *m, uint32_t cp)
{
    return m->pages[m->page_of[cp >> 8]][cp & 0xFF];
}

static bool map_characters(struct hz_bpe *m)
{
    for (int b = 0; b < 256; b++) {
        char utf8[4];
        m->byte_ids[b] = hz_vocab_model_id(m->vocab, utf8, hz_utf8_encode(hz_alphabet_char((uint8_t)b), utf8));
        m->fallback_ids[b] = hz_vocab_byte_id(m->vocab, (uint8_t)b);
    }
    if (!HZ_GROW(m->pages, m->n_pages, m->pages_cap))
        return false;
    memset(m->pages[m->n_pages++], 0xFF, sizeof *m->pages); /* page 0: nothing known */
    for (size_t id = 0; id < m->vocab->n; id++) {
        const struct hz_vocab_entry *t = &m->vocab->tokens[id];
        uint32_t cp;
        m->longest = HZ_MAX(m->longest, t->len);
        if (t->s && t->len && t->len <= 4 && hz_utf8_decode(t->s, t->len, &cp) == t->len &&
            !set_char(m, cp, hz_vocab_model_id(m->vocab, t->s, t->len)))
            return false;
    }
    return true;
}

hz_status hz_bpe_new(const struct hz_vocab *vocab, const struct hz_bpe_options *options, size_t n_merges,
                     struct hz_bpe **bpe, struct hz_error *err)
{
    *bpe = NULL;
    if (options->prefix_len > MAX_AFFIX || options->suffix_len > MAX_AFFIX)
        return hz_fail(err, HZ_E_LIMIT, "a continuing_subword_prefix or end_of_word_suffix longer than %d bytes",
                       MAX_AFFIX);
    struct hz_bpe *m = hz_calloc(1, sizeof *m);
    if (!m)
        return hz_fail_nomem(err, sizeof *m);
    m->vocab = vocab;
    m->o = *options;
    m->seed = hz_random_u64() | 1;
    m->cap = 16;
    while (m->cap / 4 * 3 < n_merges)
        m->cap *= 2;
    m->pairs = hz_calloc(m->cap, sizeof *m->pairs);
    m->o.prefix = hz_arena_strndup(&m->arena, options->prefix_len ? options->prefix : "", options->prefix_len);
    m->o.suffix = hz_arena_strndup(&m->arena, options->suffix_len ? options->suffix : "", options->suffix_len);
    if (!m->pairs || !m->o.prefix || !m->o.suffix || !map_characters(m)) {
        hz_bpe_free(m);
        return hz_fail_nomem(err, n_merges * sizeof *m->pairs);
    }
    for (size_t i = 0; i < m->cap; i++)
        m->pairs[i].rank = NO_RANK;
    hz_vocab_glue(vocab, m->glue);
    m->cuts =
        !m->o.byte_level && !m->o.ignore_merges && !m->o.prefix_len && !m->o.suffix_len && char_id(m, 0x2581) >= 0;
    *bpe = m;
    return HZ_OK;
}

void hz_bpe_free(struct hz_bpe *bpe)
{
    if (!bpe)
        return;
    free(bpe->pairs);
    free(bpe->pages);
    hz_map_free(&bpe->extra);
    hz_arena_free(&bpe->arena);
    free(bpe);
}

static struct pair *pair_slot(const struct hz_bpe *m, uint32_t a, uint32_t b)
{
    uint64_t h = ((uint64_t)a << 32 | b) * m->seed;
    h ^= h >> 32;
    h *= 0x9fb21c651e98df25u;
    size_t i = (size_t)(h >> 32) & (m->cap - 1);
    while (m->pairs[i].rank != NO_RANK && (m->pairs[i].a != a || m->pairs[i].b != b))
        i = (i + 1) & (m->cap - 1);
    return &m->pairs[i];
}

static bool grow_pairs(struct hz_bpe *m)
{
    if (m->n_pairs < m->cap / 4 * 3)
        return true;
    struct pair *old = m->pairs;
    size_t old_cap = m->cap;
    struct pair *fresh = hz_calloc(old_cap * 2, sizeof *fresh);
    if (!fresh)
        return false;
    m->pairs = fresh;
    m->cap = old_cap * 2;
    for (size_t i = 0; i < m->cap; i++)
        m->pairs[i].rank = NO_RANK;
    for (size_t i = 0; i < old_cap; i++)
        if (old[i].rank != NO_RANK)
            *pair_slot(m, old[i].a, old[i].b) = old[i];
    free(old);
    return true;
}

/* The id of a part or result of a merge; llama.cpp gives any string one. -1: there is none, -2: memory is short. */
static int32_t part_id(struct hz_bpe *m, const char *s, size_t len)
{
    int32_t id = hz_vocab_model_id(m->vocab, s, len);
    uint32_t extra;
    if (id >= 0 || !m->o.llama)
        return id;
    if (hz_map_get(&m->extra, s, len, &extra))
        return (int32_t)extra;
    char *copy = hz_arena_strndup(&m->arena, s, len);
    extra = (uint32_t)(m->vocab->n_model + m->extra.n);
    return copy && extra < INT32_MAX && hz_map_put(&m->extra, copy, len, extra) ? (int32_t)extra : -2;
}

static hz_status no_token(const struct hz_bpe *m, const char *s, size_t len, struct hz_error *err)
{
    return hz_fail(err, HZ_E_FORMAT, "merge %u needs \"%.*s\", which is not in the vocabulary", (unsigned)m->n_merges,
                   (int)HZ_MIN(len, 80), s);
}

hz_status hz_bpe_add_merge(struct hz_bpe *m, const char *a, size_t a_len, const char *b, size_t b_len,
                           struct hz_error *err)
{
    int32_t id_a = part_id(m, a, a_len), id_b = part_id(m, b, b_len);
    if (id_a == NONE)
        return no_token(m, a, a_len, err);
    if (id_b == NONE || b_len < m->o.prefix_len)
        return no_token(m, b, b_len, err);
    char room[256], *both = room;
    size_t len = a_len + b_len - m->o.prefix_len;
    if (len > sizeof room && !(both = hz_calloc(len, 1)))
        return hz_fail_nomem(err, len);
    memcpy(both, a, a_len);
    memcpy(both + a_len, b + m->o.prefix_len, b_len - m->o.prefix_len);
    int32_t merged = part_id(m, both, len);
    hz_status status = merged == NONE ? no_token(m, both, len, err) : HZ_OK;
    if (both != room)
        free(both);
    if (!status && (merged == -2 || id_a == -2 || id_b == -2 || m->n_merges == NO_RANK - 1 || !grow_pairs(m)))
        status = hz_fail_nomem(err, len);
    if (status)
        return status;
    struct pair *p = pair_slot(m, (uint32_t)id_a, (uint32_t)id_b);
    if (p->rank == NO_RANK)
        m->n_pairs++;
    if (p->rank == NO_RANK || !m->o.llama)
        *p = (struct pair){(uint32_t)id_a, (uint32_t)id_b, m->n_merges, merged};
    m->n_merges++;
    return HZ_OK;
}

/* ---- a piece to symbols ----------------------------------------------------------------------------------------- */

struct symbols { /* the piece on its way: an unknown character waits, as others may join it */
    const struct hz_bpe *m;
    struct hz_merge_room *room;
    bool unk_waits;
    uint32_t unk_at;
    struct hz_error *err;
};

static hz_status put_symbol(struct symbols *y, int32_t id, size_t at)
{
    struct hz_merge_room *r = y->room;
    if (!HZ_GROW(r->symbols, r->n, r->cap))
        return hz_fail_nomem(y->err, r->n * sizeof *r->symbols);
    r->symbols[r->n++] = (struct hz_symbol){.id = id, .at = (uint32_t)at};
    return HZ_OK;
}

static hz_status flush_unk(struct symbols *y)
{
    if (!y->unk_waits)
        return HZ_OK;
    y->unk_waits = false;
    return put_symbol(y, y->m->o.unk, y->unk_at);
}

/* s[0..len): the character with its affixes. Byte-fallback tokens overtake an unknown character that waits: so it is
 * in the definition. */
static hz_status put_unknown(struct symbols *y, const char *s, size_t len, size_t at)
{
    const struct hz_bpe *m = y->m;
    bool all = m->o.byte_fallback;
    for (size_t i = 0; all && i < len; i++)
        all = m->fallback_ids[(uint8_t)s[i]] >= 0;
    if (all) {
        for (size_t i = 0; i < len; i++)
            HZ_TRY(put_symbol(y, m->fallback_ids[(uint8_t)s[i]], at));
        return HZ_OK;
    }
    if (!m->o.has_unk)
        return HZ_OK;
    if (m->o.unk < 0)
        return hz_fail(y->err, HZ_E_INVALID, "the text needs the unk_token, which is not in the vocabulary");
    if (!m->o.fuse_unk)
        HZ_TRY(flush_unk(y));
    if (!y->unk_waits)
        y->unk_at = (uint32_t)at;
    y->unk_waits = true;
    return HZ_OK;
}

/* One character (of a byte-level piece: one byte) with the affixes of its place. */
static hz_status put_affixed(struct symbols *y, const char *s, size_t n, size_t at, bool first, bool last)
{
    const struct hz_bpe *m = y->m;
    char spelled[2 * MAX_AFFIX + 4];
    size_t len = 0;
    if (!first) {
        memcpy(spelled, m->o.prefix, m->o.prefix_len);
        len = m->o.prefix_len;
    }
    if (m->o.byte_level) {
        len += hz_utf8_encode(hz_alphabet_char((uint8_t)*s), spelled + len);
    } else {
        memcpy(spelled + len, s, n);
        len += n;
    }
    if (last) {
        memcpy(spelled + len, m->o.suffix, m->o.suffix_len);
        len += m->o.suffix_len;
    }
    int32_t id = hz_vocab_model_id(m->vocab, spelled, len);
    if (id < 0)
        return put_unknown(y, spelled, len, at);
    HZ_TRY(flush_unk(y));
    return put_symbol(y, id, at);
}

static hz_status to_symbols(struct symbols *y, const char *s, size_t len)
{
    const struct hz_bpe *m = y->m;
    bool affixed = m->o.prefix_len || m->o.suffix_len;
    y->room->n = 0;
    for (size_t at = 0, n; at < len; at += n) {
        uint32_t cp;
        n = m->o.byte_level ? 1 : hz_utf8_decode(s + at, len - at, &cp);
        if (affixed) {
            HZ_TRY(put_affixed(y, s + at, n, at, at == 0, at + n == len));
            continue;
        }
        int32_t id = m->o.byte_level ? m->byte_ids[(uint8_t)s[at]] : char_id(m, cp);
        if (id < 0 && !m->o.llama) {
            HZ_TRY(put_unknown(y, s + at, n, at));
            continue;
        }
        if (id < 0) { /* may still be part of a merge */
            char utf8[4];
            uint32_t extra;
            size_t spelled = hz_utf8_encode(m->o.byte_level ? hz_alphabet_char((uint8_t)s[at]) : cp, utf8);
            id = hz_map_get(&m->extra, utf8, spelled, &extra) ? (int32_t)extra : NONE;
        }
        HZ_TRY(flush_unk(y));
        HZ_TRY(put_symbol(y, id, at));
    }
    return flush_unk(y);
}

/* ---- merging ---------------------------------------------------------------------------------------------------- */

/* A piece that is being merged. */
struct merging {
    const struct hz_bpe *m;
    const char *s;
    struct hz_merge_room *room;
    size_t len, queued;
};

static size_t end_of(const struct merging *g, const struct hz_symbol *y)
{
    return y->next == NOWHERE ? g->len : g->room->symbols[y->next].at;
}

/* Scores as ranks: the highest first. */
static uint32_t rank_of_score(float score)
{
    uint32_t bits;
    memcpy(&bits, &score, sizeof bits);
    bits = bits >> 31 ? bits : ~(bits | 0x80000000u); /* order-preserving, then turned round */
    return HZ_MIN(bits, NO_RANK - 1);
}

/* Looks up the merge of symbol i with the next one, and queues it. */
static void queue(struct merging *g, uint32_t i)
{
    const struct hz_bpe *m = g->m;
    struct hz_symbol *y = &g->room->symbols[i];
    y->rank = NO_RANK;
    if (y->next == NOWHERE)
        return;
    const struct hz_symbol *next = &g->room->symbols[y->next];
    if (m->o.scores) {
        size_t len = end_of(g, next) - y->at;
        y->merged = len <= m->longest ? hz_vocab_model_id(m->vocab, g->s + y->at, len) : NONE;
        if (y->merged >= 0)
            y->rank = rank_of_score(m->o.scores[y->merged]);
    } else if (y->id >= 0 && next->id >= 0) {
        const struct pair *p = pair_slot(m, (uint32_t)y->id, (uint32_t)next->id);
        y->rank = p->rank;
        y->merged = p->merged;
    }
    if (y->rank != NO_RANK)
        hz_heap_push(g->room->heap, &g->queued, (uint64_t)y->rank << 32 | i);
}

static hz_status merge(struct merging *g, struct hz_error *err)
{
    struct hz_merge_room *room = g->room;
    size_t n = room->n; /* each of up to n - 1 merges queues two, beside n - 1 at the start */
    if (3 * n > room->heap_cap && !hz_grow((void **)&room->heap, &room->heap_cap, 3 * n, sizeof *room->heap))
        return hz_fail_nomem(err, 3 * n * sizeof *room->heap);
    for (size_t i = 0; i < n; i++) {
        room->symbols[i].prev = i ? (uint32_t)i - 1 : NOWHERE;
        room->symbols[i].next = i + 1 < n ? (uint32_t)i + 1 : NOWHERE;
    }
    for (size_t i = 0; i < n; i++)
        queue(g, (uint32_t)i);
    while (g->queued) {
        uint64_t key = hz_heap_pop(room->heap, &g->queued);
        uint32_t at = (uint32_t)(key & UINT32_MAX);
        struct hz_symbol *left = &room->symbols[at];
        if (left->rank != key >> 32) /* outdated: one of the two is part of another merge by now */
            continue;
        struct hz_symbol *right = &room->symbols[left->next];
        left->id = left->merged;
        left->next = right->next;
        right->rank = NO_RANK;
        if (left->next != NOWHERE)
            room->symbols[left->next].prev = at;
        queue(g, at);
        if (left->prev != NOWHERE)
            queue(g, left->prev);
    }
    return HZ_OK;
}

/* llama.cpp spells a symbol that is no token by bytes: a byte-level one only by those that stand for themselves. */
static bool put_bytes(const struct hz_bpe *m, const char *s, size_t len, struct hz_ids *ids)
{
    for (size_t i = 0; i < len; i++) {
        uint8_t b = (uint8_t)s[i];
        int32_t id = !m->o.byte_level ? m->fallback_ids[b] : b > ' ' && b < 0x7F ? m->byte_ids[b] : NONE;
        if (id < 0 && m->o.scores)
            id = m->o.unk;
        if (id >= 0 && !hz_ids_put(ids, id))
            return false;
    }
    return true;
}

/* The piece as a token, or -1. */
static int32_t whole(const struct hz_bpe *m, struct hz_merge_room *room, const char *s, size_t len)
{
    if (len > m->longest)
        return NONE;
    if (!m->o.byte_level)
        return hz_vocab_model_id(m->vocab, s, len);
    if (!room->text.max)
        hz_buf_init(&room->text, SIZE_MAX / 4);
    hz_buf_clear(&room->text);
    for (size_t i = 0; i < len; i++) {
        char utf8[4];
        hz_buf_put(&room->text, utf8, hz_utf8_encode(hz_alphabet_char((uint8_t)s[i]), utf8));
    }
    return room->text.failed ? NONE : hz_vocab_model_id(m->vocab, room->text.data, room->text.len);
}

static bool is_newlines(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (s[i] != '\n')
            return false;
    return true;
}

hz_status hz_bpe_encode(const struct hz_bpe *m, struct hz_merge_room *room, const char *s, size_t len,
                        struct hz_ids *ids, struct hz_error *err)
{
    if (m->o.ignore_merges || (m->o.newlines_whole && is_newlines(s, len))) {
        int32_t id = whole(m, room, s, len);
        if (id >= 0)
            return hz_ids_put(ids, id) ? HZ_OK : hz_fail_nomem(err, sizeof id);
    }
    struct symbols y = {.m = m, .room = room, .err = err};
    HZ_TRY(to_symbols(&y, s, len));
    if (!room->n)
        return HZ_OK;
    struct merging g = {m, s, room, len, 0};
    HZ_TRY(merge(&g, err));
    for (uint32_t i = 0; i != NOWHERE; i = room->symbols[i].next) {
        const struct hz_symbol *symbol = &room->symbols[i];
        bool token = symbol->id >= 0 && (size_t)symbol->id < m->vocab->n_model;
        if (token ? !hz_ids_put(ids, symbol->id) : !put_bytes(m, s + symbol->at, end_of(&g, symbol) - symbol->at, ids))
            return hz_fail_nomem(err, ids->n * sizeof *ids->data);
    }
    return HZ_OK;
}

size_t hz_bpe_cut(const struct hz_bpe *m, const char *s, size_t len)
{
    for (size_t at = 1; m->cuts && !m->extra.n && at + 3 <= len; at++) {
        const char *mark = memchr(s + at, 0xE2, len - at - 2);
        if (!mark)
            break;
        at = (size_t)(mark - s);
        if (!memcmp(mark, "\xE2\x96\x81", 3) && !m->glue[(uint8_t)s[at - 1]] &&
            (at < 3 || memcmp(mark - 3, "\xE2\x96\x81", 3) != 0))
            return at;
    }
    return len;
}
