/* checked.h - arithmetic on sizes that come from outside. Each returns false on overflow, *out is then untouched. */
#ifndef HZ_BASE_CHECKED_H
#define HZ_BASE_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool hz_add_u64(uint64_t a, uint64_t b, uint64_t *out)
{
    if (a > UINT64_MAX - b)
        return false;
    *out = a + b;
    return true;
}

static inline bool hz_mul_u64(uint64_t a, uint64_t b, uint64_t *out)
{
    if (b && a > UINT64_MAX / b)
        return false;
    *out = a * b;
    return true;
}

/* a rounded up to a multiple of `to`, which is not 0. */
static inline bool hz_round_up_u64(uint64_t a, uint64_t to, uint64_t *out)
{
    uint64_t rest = a % to;
    return rest ? hz_add_u64(a, to - rest, out) : (*out = a, true);
}

/* The same for sizes known to be small, such as our own buffers. */
static inline size_t hz_align(size_t a, size_t to)
{
    return (a + to - 1) / to * to;
}

#endif
