/* map.h - a hash map from byte strings to 32-bit values, insert and look up. Keys are borrowed: they must outlive the
 * map. FNV-like hashing seeded per map, so files cannot aim collisions. Looking up is safe from several threads. */
#ifndef HZ_BASE_MAP_H
#define HZ_BASE_MAP_H

#include "base/status.h"

struct hz_map_slot {
    const char *key;
    uint32_t len, value;
    uint64_t hash;
};

struct hz_map { /* starts as {0} */
    struct hz_map_slot *slots;
    size_t n, cap;
    uint64_t seed;
};

/* Room for n keys at once. False when memory is short. */
bool hz_map_reserve(struct hz_map *map, size_t n);
/* Sets key to value; an older value goes. False when memory is short (or the key is 4 GiB long). */
bool hz_map_put(struct hz_map *map, const char *key, size_t len, uint32_t value);
/* False if the key is unknown. */
bool hz_map_get(const struct hz_map *map, const char *key, size_t len, uint32_t *value);
void hz_map_free(struct hz_map *map);
/* The hash that the map uses, for other tables of byte strings: 64 well mixed bits. */
uint64_t hz_hash_bytes(const void *data, size_t len, uint64_t seed);

#endif
