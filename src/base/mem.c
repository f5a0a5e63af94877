/* mem.c - checked heap memory and arenas. */
#include "base/mem.h"

#include "base/checked.h"
#include "base/os/sys.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *hz_calloc(size_t n, size_t size)
{
    uint64_t bytes;
    if (!hz_mul_u64(n, size, &bytes) || bytes > SIZE_MAX / 2) /* here, so that sanitizers see no overflow */
        return NULL;
    return calloc(n ? n : 1, size ? size : 1);
}

void *hz_realloc(void *p, size_t n, size_t size)
{
    uint64_t bytes;
    if (!hz_mul_u64(n, size, &bytes) || bytes > SIZE_MAX / 2)
        return NULL;
    return realloc(p, bytes ? (size_t)bytes : 1);
}

char *hz_strndup(const char *s, size_t len)
{
    char *copy = len < SIZE_MAX ? malloc(len + 1) : NULL;
    if (copy) {
        memcpy(copy, s, len);
        copy[len] = 0;
    }
    return copy;
}

void *hz_alloc_aligned(size_t bytes)
{
    enum { huge = 2 << 20 };
    if (bytes > SIZE_MAX - huge)
        return NULL;
    if (bytes >= huge) /* fresh pages of the system: zero already, and touched only when used */
        return hz_map_pages(hz_align(bytes, (size_t)hz_page_size()));
    size_t size = hz_align(bytes ? bytes : 1, 64);
    void *p = aligned_alloc(64, size);
    if (p)
        memset(p, 0, size);
    return p;
}

void hz_free_aligned(void *p, size_t bytes)
{
    enum { huge = 2 << 20 };
    if (p && bytes >= huge)
        hz_unmap_pages(p, hz_align(bytes, (size_t)hz_page_size()));
    else
        free(p);
}

bool hz_grow(void **array, size_t *cap, size_t need, size_t size)
{
    size_t want = *cap > SIZE_MAX / 2 ? SIZE_MAX : *cap * 2;
    want = HZ_MAX(HZ_MAX(want, need), 8);
    void *p = hz_realloc(*array, want, size);
    if (!p)
        return false;
    *array = p;
    *cap = want;
    return true;
}

/* ---- arena ------------------------------------------------------------------------------------------------------ */

struct hz_arena_chunk {
    struct hz_arena_chunk *next;
    size_t used, cap;
};

enum { CHUNK_HEAD = 32, FIRST_CHUNK = 4096, LARGEST_CHUNK = 1 << 20 };

void *hz_arena_alloc(struct hz_arena *arena, size_t n, size_t size)
{
    uint64_t want;
    if (!hz_mul_u64(n, size, &want) || want > SIZE_MAX / 2)
        return NULL;
    size_t bytes = hz_align(want ? (size_t)want : 1, 16);
    struct hz_arena_chunk *c = arena->head;
    if (!c || c->cap - c->used < bytes) {
        size_t next = c ? HZ_MIN(c->cap * 2, LARGEST_CHUNK) : FIRST_CHUNK;
        size_t cap = HZ_MAX(next, bytes);
        struct hz_arena_chunk *fresh = malloc(CHUNK_HEAD + cap);
        if (!fresh)
            return NULL;
        *fresh = (struct hz_arena_chunk){c, 0, cap};
        if (c && bytes > next && c->cap > c->used) { /* a large piece: keep filling the old chunk */
            fresh->next = c->next;
            c->next = fresh;
        } else {
            arena->head = fresh;
        }
        c = fresh;
    }
    void *p = (char *)c + CHUNK_HEAD + c->used;
    c->used += bytes;
    arena->total += bytes;
    memset(p, 0, bytes);
    return p;
}

char *hz_arena_strndup(struct hz_arena *arena, const char *s, size_t len)
{
    char *copy = len < SIZE_MAX ? hz_arena_alloc(arena, len + 1, 1) : NULL;
    if (copy)
        memcpy(copy, s, len);
    return copy;
}

char *hz_arena_printf(struct hz_arena *arena, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int len = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *s = len < 0 ? NULL : hz_arena_alloc(arena, (size_t)len + 1, 1);
    if (s)
        vsnprintf(s, (size_t)len + 1, fmt, again);
    va_end(again);
    return s;
}

void hz_arena_free(struct hz_arena *arena)
{
    struct hz_arena_chunk *c = arena->head;
    while (c) {
        struct hz_arena_chunk *next = c->next;
        free(c);
        c = next;
    }
    *arena = (struct hz_arena){0};
}
