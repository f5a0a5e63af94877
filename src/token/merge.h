/* merge.h - room for merging a piece, kept from piece to piece within one call. */
#ifndef HZ_TOKEN_MERGE_H
#define HZ_TOKEN_MERGE_H

#include "base/buf.h"
#include "base/mem.h"

#include <stdlib.h>

struct hz_symbol {
    int32_t id;          /* -1: no token */
    uint32_t at;         /* where its text begins; it ends where the next symbol begins */
    uint32_t prev, next; /* UINT32_MAX: none */
    uint32_t rank;       /* of the merge with the next one; UINT32_MAX: none, or the symbol is gone */
    int32_t merged;      /* what that merge makes */
};

struct hz_merge_room { /* starts as {0} */
    struct hz_symbol *symbols;
    size_t n, cap;
    uint64_t *heap;
    size_t heap_cap;
    struct hz_buf text; /* a spelling while it is looked up */
};

static inline void hz_merge_room_free(struct hz_merge_room *room)
{
    free(room->symbols);
    free(room->heap);
    hz_buf_free(&room->text);
}

#endif
