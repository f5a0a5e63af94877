/* charsmap.c - the double array of SentencePiece's normalizer. */
#include "token/charsmap.h"

#include "base/cursor.h"
#include "base/mem.h"
#include "text/utf8.h"

#include <stdlib.h>
#include <string.h>

hz_status hz_charsmap_new(const void *blob, size_t len, const char *path, struct hz_charsmap **map,
                          struct hz_error *err)
{
    *map = NULL;
    struct hz_cursor c = hz_cursor_of(blob, len);
    uint32_t size = hz_cursor_u32(&c);
    const uint8_t *units = hz_cursor_bytes(&c, size);
    if (c.failed || size % 4 || !size)
        return hz_fail(err, HZ_E_FORMAT, "%s: precompiled_charsmap: %zu bytes cannot hold a trie of %u", path, len,
                       size);
    if (!hz_utf8_valid((const char *)units + size, (size_t)hz_cursor_left(&c)))
        return hz_fail(err, HZ_E_FORMAT, "%s: precompiled_charsmap: its replacements are not UTF-8", path);
    struct hz_charsmap *m = hz_calloc(1, sizeof *m);
    if (!m)
        return hz_fail_nomem(err, sizeof *m);
    m->n_units = size / 4;
    m->texts_len = (size_t)hz_cursor_left(&c);
    m->units = hz_calloc(m->n_units, sizeof *m->units);
    m->texts = hz_strndup((const char *)hz_cursor_bytes(&c, m->texts_len), m->texts_len);
    if (!m->units || !m->texts) {
        hz_charsmap_free(m);
        return hz_fail_nomem(err, len);
    }
    struct hz_cursor u = hz_cursor_of(units, size);
    for (size_t i = 0; i < m->n_units; i++)
        m->units[i] = hz_cursor_u32(&u);
    *map = m;
    return HZ_OK;
}

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

hz_status hz_charsmap_from_base64(const char *s, size_t len, const char *path, struct hz_charsmap **map,
                                  struct hz_error *err)
{
    *map = NULL;
    while (len && s[len - 1] == '=')
        len--;
    uint8_t *blob = hz_calloc(len / 4 * 3 + 3, 1);
    if (!blob)
        return hz_fail_nomem(err, len);
    size_t n = 0;
    uint32_t bits = 0;
    hz_status status = HZ_OK;
    for (size_t i = 0; i < len && !status; i++) {
        int v = base64_value(s[i]);
        if (v < 0)
            status = hz_fail(err, HZ_E_FORMAT, "%s: precompiled_charsmap is not base64", path);
        bits = bits << 6 | (uint32_t)(v & 63);
        if (i % 4)
            blob[n++] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
    }
    if (!status)
        status = hz_charsmap_new(blob, n, path, map, err);
    free(blob);
    return status;
}

void hz_charsmap_free(struct hz_charsmap *map)
{
    if (!map)
        return;
    free(map->units);
    free(map->texts);
    free(map);
}

/* A unit: label in bits 0-7 and 31, "a value follows" in bit 8, offset in bits 10-31, shifted by 8 if bit 9 is set. */
static uint32_t offset_of(uint32_t unit)
{
    return unit >> 10 << ((unit & 1u << 9) >> 6);
}

bool hz_charsmap_find(const struct hz_charsmap *map, const char *s, size_t len, bool longest, size_t *used,
                      const char **text, size_t *text_len)
{
    bool found = false;
    uint32_t at = offset_of(map->units[0]);
    for (size_t i = 0; i < len && s[i]; i++) {
        uint8_t c = (uint8_t)s[i];
        at ^= c;
        if (at >= map->n_units || (map->units[at] & (1u << 31 | 0xFF)) != c)
            break;
        uint32_t unit = map->units[at];
        at ^= offset_of(unit);
        if (!(unit >> 8 & 1) || at >= map->n_units)
            continue;
        uint32_t value = map->units[at] & ~(1u << 31);
        if (value >= map->texts_len || ((uint8_t)map->texts[value] & 0xC0) == 0x80)
            continue;
        found = true;
        *used = i + 1;
        *text = map->texts + value;
        const char *end = memchr(*text, 0, map->texts_len - value);
        *text_len = end ? (size_t)(end - *text) : map->texts_len - value;
        if (!longest)
            break;
    }
    return found;
}
