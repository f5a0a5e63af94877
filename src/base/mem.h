/* mem.h - heap memory with overflow-checked counts, and arenas.
 *
 * An arena gives out pieces that are freed together: what a parser or a compiled plan builds. Not thread-safe. */
#ifndef HZ_BASE_MEM_H
#define HZ_BASE_MEM_H

#include "base/status.h"

/* Zeroed memory for n elements of `size` bytes; NULL when it overflows or memory is short. Free with free(). */
void *hz_calloc(size_t n, size_t size);
/* As realloc, for n elements; NULL leaves the old block as it was. New bytes are not zeroed. */
void *hz_realloc(void *p, size_t n, size_t size);
/* Copy of len bytes with a NUL behind it; NULL when memory is short. */
char *hz_strndup(const char *s, size_t len);
/* Zeroed memory at a multiple of 64 bytes (page-aligned and huge-page advised from 2 MiB on); free with
 * hz_free_aligned. */
void *hz_alloc_aligned(size_t bytes);
void hz_free_aligned(void *p, size_t bytes);

/* Makes room for one more element in an array that doubles: HZ_GROW(list, n, cap) is false when memory is short. */
#define HZ_GROW(array, n, cap) ((n) < (cap) || hz_grow((void **)&(array), &(cap), (n) + 1, sizeof *(array)))
bool hz_grow(void **array, size_t *cap, size_t need, size_t size);

struct hz_arena {
    struct hz_arena_chunk *head;
    size_t total; /* bytes given out */
};

/* An arena starts as {0}. Memory is zeroed and aligned to 16 bytes; NULL when memory is short. */
void *hz_arena_alloc(struct hz_arena *arena, size_t n, size_t size);
char *hz_arena_strndup(struct hz_arena *arena, const char *s, size_t len);
/* NUL-terminated formatted string. */
char *hz_arena_printf(struct hz_arena *arena, const char *fmt, ...) HZ_PRINTF(2, 3);
void hz_arena_free(struct hz_arena *arena);

#endif
