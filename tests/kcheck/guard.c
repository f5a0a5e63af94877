/* guard.c - memory between pages that trap; a test, so it may speak to the system itself. */
#define _GNU_SOURCE
#include "kcheck/kcheck.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { FILL = 0xa5 };

static size_t page(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

/* Bytes of the mapping without its two guards. */
static size_t inner(size_t bytes)
{
    return (bytes + page() - 1) / page() * page() + (bytes ? 0 : page());
}

static size_t slack(size_t bytes, size_t align)
{
    return (inner(bytes) - bytes) % align;
}

void *kc_guard_alloc(size_t bytes, size_t align)
{
    size_t all = inner(bytes) + 2 * page();
    uint8_t *p = mmap(NULL, all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED || mprotect(p, page(), PROT_NONE) || mprotect(p + all - page(), page(), PROT_NONE)) {
        perror("kcheck: guarded memory");
        exit(2);
    }
    memset(p + page(), FILL, inner(bytes));
    return p + page() + inner(bytes) - slack(bytes, align) - bytes;
}

bool kc_guard_ok(const void *p, size_t bytes, size_t align)
{
    const uint8_t *end = (const uint8_t *)p + bytes;
    for (size_t i = 0; i < slack(bytes, align); i++)
        if (end[i] != FILL)
            return false;
    return true;
}

void kc_guard_free(void *p, size_t bytes, size_t align)
{
    uint8_t *start = (uint8_t *)p + bytes + slack(bytes, align) - inner(bytes) - page();
    munmap(start, inner(bytes) + 2 * page());
}

double kc_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}
