/* store.c - memory of packed weights: pieces of fresh pages in which one weight lies behind another. A weight in pages
 * of its own would cost up to a huge page of rounding, and small ones would get no huge pages at all. */
#include "backend/cpu/cpu.h"

#include <stdlib.h>

enum { PIECE = 128 << 20 }; /* bytes of address space; memory is taken as weights are written */

struct hz_store {
    struct hz_store *next;
    uint8_t *data;
    size_t used, size;
    uint32_t weights; /* that lie in it */
};

static struct hz_store *new_piece(struct hz_device *dev, size_t size)
{
    struct hz_store *s = hz_calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->data = hz_alloc_aligned(size);
    if (!s->data) {
        free(s);
        return NULL;
    }
    s->size = size;
    s->next = dev->store;
    dev->store = s;
    return s;
}

uint8_t *hz_store_take(struct hz_device *dev, size_t bytes, struct hz_store **at)
{
    struct hz_store *s = dev->store;
    if (bytes > SIZE_MAX - 64)
        return NULL;
    bytes = hz_align(bytes, 64);
    if ((!s || bytes > s->size - s->used) && !(s = new_piece(dev, HZ_MAX(bytes, (size_t)PIECE))))
        return NULL;
    uint8_t *p = s->data + s->used;
    s->used += bytes;
    s->weights++;
    *at = s;
    return p;
}

void hz_store_drop(struct hz_device *dev, struct hz_store *at)
{
    if (!at || --at->weights)
        return;
    struct hz_store **link = &dev->store;
    while (*link != at)
        link = &(*link)->next;
    *link = at->next;
    hz_free_aligned(at->data, at->size);
    free(at);
}
