/* added.h - added tokens of a tokenizer.json: found in the text before anything else, leftmost first, the longest of
 * those that begin there. */
#ifndef HZ_TOKEN_ADDED_H
#define HZ_TOKEN_ADDED_H

#include "token/trie.h"

struct hz_added_token {
    int32_t id;
    const char *pattern; /* what is looked for: the spelling, normalized if `normalized` */
    size_t pattern_len;
    bool single_word, lstrip, rstrip, normalized, special;
};

struct hz_added { /* starts as {0} */
    struct hz_added_token *tokens;
    size_t n, cap;
    struct hz_trie raw, normalized; /* patterns to places in tokens */
};

/* After tokens has been filled. */
hz_status hz_added_build(struct hz_added *a, struct hz_error *err);
void hz_added_free(struct hz_added *a);

struct hz_span {
    size_t from, to;
    int32_t id; /* -1: text */
};

struct hz_added_scan {
    const struct hz_added *added;
    const struct hz_trie *trie;
    const char *s;
    size_t len;
    bool with_special; /* special tokens are found too */
    size_t at, done;
    bool waits;
    struct hz_span next;
};

/* The spans of s in order; of the raw text, or of a normalized stretch. s must be valid UTF-8. */
static inline struct hz_added_scan hz_added_scan(const struct hz_added *added, bool normalized, const char *s,
                                                 size_t len, bool with_special)
{
    return (struct hz_added_scan){
        added, normalized ? &added->normalized : &added->raw, s, len, with_special, 0, 0, false, {0, 0, 0}};
}
bool hz_added_next(struct hz_added_scan *scan, struct hz_span *span);

#endif
