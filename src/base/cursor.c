/* cursor.c - bounded little-endian reads. */
#include "base/cursor.h"

#include <string.h>

const uint8_t *hz_cursor_bytes(struct hz_cursor *c, uint64_t n)
{
    if (c->failed || n > c->size - c->at) {
        c->failed = true;
        return NULL;
    }
    const uint8_t *p = c->base + c->at;
    c->at += n;
    return p;
}

/* The next n bytes, n up to 8, as a little-endian number. */
static uint64_t number(struct hz_cursor *c, unsigned n)
{
    const uint8_t *p = hz_cursor_bytes(c, n);
    uint64_t v = 0;
    for (unsigned i = 0; p && i < n; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

uint8_t hz_cursor_u8(struct hz_cursor *c)
{
    return (uint8_t)number(c, 1);
}

uint16_t hz_cursor_u16(struct hz_cursor *c)
{
    return (uint16_t)number(c, 2);
}

uint32_t hz_cursor_u32(struct hz_cursor *c)
{
    return (uint32_t)number(c, 4);
}

uint64_t hz_cursor_u64(struct hz_cursor *c)
{
    return number(c, 8);
}

float hz_cursor_f32(struct hz_cursor *c)
{
    uint32_t u = hz_cursor_u32(c);
    float f;
    memcpy(&f, &u, 4);
    return f;
}

double hz_cursor_f64(struct hz_cursor *c)
{
    uint64_t u = hz_cursor_u64(c);
    double f;
    memcpy(&f, &u, 8);
    return f;
}
