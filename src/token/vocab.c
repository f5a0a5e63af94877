/* vocab.c - ids, spellings, and the byte-level alphabet. */
#include "token/vocab.h"

#include "text/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM = 1 << 16 };

void hz_vocab_free(struct hz_vocab *v)
{
    free(v->tokens);
    hz_map_free(&v->ids);
    hz_arena_free(&v->arena);
    *v = (struct hz_vocab){0};
}

bool hz_vocab_reserve(struct hz_vocab *v, size_t n)
{
    if (!hz_map_reserve(&v->ids, n))
        return false;
    return n <= v->cap || hz_grow((void **)&v->tokens, &v->cap, n, sizeof *v->tokens);
}

const char *hz_vocab_copy(struct hz_vocab *v, const char *s, size_t len)
{
    if (len > v->room_left) {
        if (len > ROOM / 4) {
            char *own = hz_arena_alloc(&v->arena, len, 1);
            return own ? memcpy(own, s, len) : NULL;
        }
        v->room = hz_arena_alloc(&v->arena, ROOM, 1);
        v->room_left = v->room ? ROOM : 0;
        if (!v->room)
            return NULL;
    }
    char *copy = v->room;
    if (len)
        memcpy(copy, s, len);
    v->room += len;
    v->room_left -= len;
    return copy;
}

bool hz_vocab_put(struct hz_vocab *v, uint32_t id, const char *s, size_t len)
{
    if (len > UINT32_MAX || !hz_map_put(&v->ids, s, len, id))
        return false;
    if (id >= v->n) {
        if (id >= v->cap && !hz_grow((void **)&v->tokens, &v->cap, (size_t)id + 1, sizeof *v->tokens))
            return false;
        memset(v->tokens + v->n, 0, (id + 1 - v->n) * sizeof *v->tokens);
        v->n = (size_t)id + 1;
    }
    v->tokens[id] = (struct hz_vocab_entry){s, (uint32_t)len, (uint32_t)len, s, v->tokens[id].flags};
    return true;
}

int32_t hz_vocab_id(const struct hz_vocab *v, const char *s, size_t len)
{
    uint32_t id;
    return hz_map_get(&v->ids, s, len, &id) ? (int32_t)id : -1;
}

int32_t hz_vocab_byte_id(const struct hz_vocab *v, uint8_t byte)
{
    char name[8];
    snprintf(name, sizeof name, "<0x%02X>", (unsigned)byte);
    return hz_vocab_model_id(v, name, 6);
}

void hz_vocab_glue(const struct hz_vocab *v, bool glue[256])
{
    memset(glue, 0, 256 * sizeof *glue);
    for (size_t id = 0; id < v->n; id++) {
        const struct hz_vocab_entry *t = &v->tokens[id];
        for (size_t i = 1; i + 3 <= t->len; i++) /* E2 96 81 is U+2581 */
            if ((uint8_t)t->s[i] == 0xE2 && !memcmp(t->s + i, "\xE2\x96\x81", 3) &&
                (i < 3 || memcmp(t->s + i - 3, "\xE2\x96\x81", 3) != 0))
                glue[(uint8_t)t->s[i - 1]] = true;
    }
}

/* The printable characters of Latin-1 stand for themselves, the other bytes in order for U+0100 and up: 00 to 20, 7F,
 * 80 to A0, AD. */
uint32_t hz_alphabet_char(uint8_t byte)
{
    if (byte <= 0x20)
        return 0x100u + byte;
    if (byte == 0x7F)
        return 0x121;
    if (byte >= 0x80 && byte <= 0xA0)
        return 0x122u + (byte - 0x80u);
    return byte == 0xAD ? 0x143 : byte;
}

int hz_alphabet_byte(uint32_t cp)
{
    if (cp >= 0x100 && cp <= 0x143)
        return cp <= 0x120 ? (int)cp - 0x100 : cp == 0x121 ? 0x7F : cp <= 0x142 ? (int)cp - 0x122 + 0x80 : 0xAD;
    return cp < 0x100 && hz_alphabet_char((uint8_t)cp) == cp ? (int)cp : -1;
}

bool hz_alphabet_decode(const char *s, size_t len, char *room, size_t *out_len)
{
    size_t n = 0;
    for (size_t i = 0; i < len;) {
        uint32_t cp;
        size_t step = hz_utf8_decode(s + i, len - i, &cp);
        int byte = step ? hz_alphabet_byte(cp) : -1;
        if (byte < 0)
            return false;
        room[n++] = (char)byte;
        i += step;
    }
    *out_len = n;
    return true;
}
