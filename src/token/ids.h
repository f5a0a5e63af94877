/* ids.h - appending to a list of ids. */
#ifndef HZ_TOKEN_IDS_H
#define HZ_TOKEN_IDS_H

#include "base/mem.h"
#include "token/tokenizer.h"

/* False when memory is short. */
static inline bool hz_ids_put(struct hz_ids *ids, int32_t id)
{
    if (!HZ_GROW(ids->data, ids->n, ids->cap))
        return false;
    ids->data[ids->n++] = id;
    return true;
}

#endif
