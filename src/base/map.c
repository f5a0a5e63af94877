/* map.c - open addressing with linear probing, at most 2/3 full. */
#include "base/map.h"

#include "base/mem.h"
#include "base/os/sys.h"

#include <stdlib.h>
#include <string.h>

static uint64_t mix(uint64_t h)
{
    h ^= h >> 32;
    h *= 0xd6e8feb86659fd93u;
    h ^= h >> 32;
    h *= 0xd6e8feb86659fd93u;
    return h ^ h >> 32;
}

/* Eight bytes at a time through a multiply and a mix (the finalizer is rrmxmx-like, by P. Evensen). */
uint64_t hz_hash_bytes(const void *data, size_t len, uint64_t seed)
{
    const unsigned char *p = data;
    uint64_t h = seed ^ (len * 0x9e3779b97f4a7c15u), w;
    for (; len >= 8; len -= 8, p += 8) {
        memcpy(&w, p, 8);
        h = (h ^ w) * 0x9fb21c651e98df25u;
        h ^= h >> 29;
    }
    w = 0;
    for (size_t i = 0; i < len; i++)
        w |= (uint64_t)p[i] << (8 * i);
    return mix(h ^ w);
}

static struct hz_map_slot *slot_of(const struct hz_map *map, const char *key, size_t len, uint64_t hash)
{
    size_t i = hash & (map->cap - 1);
    while (map->slots[i].key) {
        const struct hz_map_slot *s = &map->slots[i];
        if (s->hash == hash && s->len == len && !memcmp(s->key, key, len))
            break;
        i = (i + 1) & (map->cap - 1);
    }
    return &map->slots[i];
}

bool hz_map_reserve(struct hz_map *map, size_t n)
{
    size_t cap = map->cap ? map->cap : 16;
    while (cap / 3 * 2 < n) {
        if (cap > SIZE_MAX / 4)
            return false;
        cap *= 2;
    }
    if (cap == map->cap)
        return true;
    struct hz_map bigger = {hz_calloc(cap, sizeof *bigger.slots), map->n, cap,
                            map->seed ? map->seed : hz_random_u64() | 1};
    if (!bigger.slots)
        return false;
    for (size_t i = 0; i < map->cap; i++)
        if (map->slots[i].key) {
            const struct hz_map_slot *s = &map->slots[i];
            *slot_of(&bigger, s->key, s->len, s->hash) = *s;
        }
    free(map->slots);
    *map = bigger;
    return true;
}

bool hz_map_put(struct hz_map *map, const char *key, size_t len, uint32_t value)
{
    if (len > UINT32_MAX || !hz_map_reserve(map, map->n + 1))
        return false;
    uint64_t hash = hz_hash_bytes(key, len, map->seed);
    struct hz_map_slot *s = slot_of(map, key, len, hash);
    if (!s->key) {
        *s = (struct hz_map_slot){key, (uint32_t)len, 0, hash};
        map->n++;
    }
    s->value = value;
    return true;
}

bool hz_map_get(const struct hz_map *map, const char *key, size_t len, uint32_t *value)
{
    if (!map->n)
        return false;
    const struct hz_map_slot *s = slot_of(map, key, len, hz_hash_bytes(key, len, map->seed));
    if (!s->key)
        return false;
    *value = s->value;
    return true;
}

void hz_map_free(struct hz_map *map)
{
    free(map->slots);
    *map = (struct hz_map){0};
}
