/* heap.h - the queue of possible merges: a binary heap of 64-bit keys, smallest first. A key is the merge's rank above
 * its position, so the lowest rank comes first, and of equal ranks the leftmost. */
#ifndef HZ_TOKEN_HEAP_H
#define HZ_TOKEN_HEAP_H

#include <stddef.h>
#include <stdint.h>

static inline void hz_heap_down(uint64_t *heap, size_t n, size_t i)
{
    uint64_t key = heap[i];
    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        child += child + 1 < n && heap[child + 1] < heap[child];
        if (key <= heap[child])
            break;
        heap[i] = heap[child];
    }
    heap[i] = key;
}

static inline void hz_heap_push(uint64_t *heap, size_t *n, uint64_t key)
{
    size_t i = (*n)++;
    for (size_t parent; i && key < heap[parent = (i - 1) / 2]; i = parent)
        heap[i] = heap[parent];
    heap[i] = key;
}

static inline uint64_t hz_heap_pop(uint64_t *heap, size_t *n)
{
    uint64_t top = heap[0];
    heap[0] = heap[--*n];
    if (*n)
        hz_heap_down(heap, *n, 0);
    return top;
}

#endif
