/* charsmap.h - SentencePiece's precompiled_charsmap: a double-array trie (Darts-clone units) from byte strings to
 * replacements, and the replacements one behind the other, NUL between them. */
#ifndef HZ_TOKEN_CHARSMAP_H
#define HZ_TOKEN_CHARSMAP_H

#include "base/status.h"

struct hz_charsmap {
    uint32_t *units;
    size_t n_units;
    char *texts;
    size_t texts_len;
};

/* blob: u32 size of the trie in bytes (little endian), the trie, the texts. */
hz_status hz_charsmap_new(const void *blob, size_t len, const char *path, struct hz_charsmap **map,
                          struct hz_error *err);
hz_status hz_charsmap_from_base64(const char *s, size_t len, const char *path, struct hz_charsmap **map,
                                  struct hz_error *err);
void hz_charsmap_free(struct hz_charsmap *map);
/* The replacement of a key that s[0..len) begins with: of the shortest such key (as `tokenizers` does it) or of the
 * longest (as SentencePiece and llama.cpp). *used: the key's length. False if there is none. */
bool hz_charsmap_find(const struct hz_charsmap *map, const char *s, size_t len, bool longest, size_t *used,
                      const char **text, size_t *text_len);

#endif
