/* cursor.h - the one way through bytes from outside: every read is bounded. After a read that did not fit, `failed` is
 * set, the cursor stands still and reads give 0 or NULL; so a parser may read a whole record and ask once. */
#ifndef HZ_BASE_CURSOR_H
#define HZ_BASE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hz_cursor {
    const uint8_t *base;
    uint64_t at, size;
    bool failed;
};

static inline struct hz_cursor hz_cursor_of(const void *data, uint64_t size)
{
    return (struct hz_cursor){data, 0, size, false};
}

static inline uint64_t hz_cursor_left(const struct hz_cursor *c)
{
    return c->size - c->at;
}

/* The next n bytes where they lie, or NULL. */
const uint8_t *hz_cursor_bytes(struct hz_cursor *c, uint64_t n);
uint8_t hz_cursor_u8(struct hz_cursor *c);
uint16_t hz_cursor_u16(struct hz_cursor *c); /* little endian, any alignment */
uint32_t hz_cursor_u32(struct hz_cursor *c);
uint64_t hz_cursor_u64(struct hz_cursor *c);
float hz_cursor_f32(struct hz_cursor *c);
double hz_cursor_f64(struct hz_cursor *c);

#endif
