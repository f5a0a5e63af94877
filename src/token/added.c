/* added.c - finding added tokens. */
#include "token/added.h"

#include "base/mem.h"
#include "text/utf8.h"
#include "token/ucd.h"

#include <stdlib.h>

hz_status hz_added_build(struct hz_added *a, struct hz_error *err)
{
    struct hz_trie_key *keys = hz_calloc(a->n, sizeof *keys);
    if (!keys)
        return hz_fail_nomem(err, a->n * sizeof *keys);
    hz_status status = HZ_OK;
    for (int normalized = 0; normalized < 2 && !status; normalized++) {
        size_t n = 0;
        for (size_t i = 0; i < a->n; i++)
            if (a->tokens[i].normalized == (normalized == 1))
                keys[n++] = (struct hz_trie_key){a->tokens[i].pattern, (uint32_t)a->tokens[i].pattern_len, (int32_t)i};
        status = hz_trie_build(normalized ? &a->normalized : &a->raw, keys, n, err);
    }
    free(keys);
    return status;
}

void hz_added_free(struct hz_added *a)
{
    hz_trie_free(&a->raw);
    hz_trie_free(&a->normalized);
    free(a->tokens);
    *a = (struct hz_added){0};
}

/* Where the character that ends at s[at] begins; at > 0. */
static size_t before(const char *s, size_t at, uint32_t *cp)
{
    size_t from = at - 1;
    while (from && ((unsigned char)s[from] & 0xC0) == 0x80)
        from--;
    hz_utf8_decode(s + from, at - from, cp);
    return from;
}

static bool is_alone(const struct hz_added_scan *c, size_t from, size_t to)
{
    uint32_t cp;
    if (from) {
        before(c->s, from, &cp);
        if (hz_ucd_is_word(cp))
            return false;
    }
    if (to < c->len) {
        hz_utf8_decode(c->s + to, c->len - to, &cp);
        if (hz_ucd_is_word(cp))
            return false;
    }
    return true;
}

/* A match s[from..to): whether it counts, and the blanks it takes. */
static bool accept(struct hz_added_scan *c, const struct hz_added_token *t, size_t *from, size_t *to)
{
    uint32_t cp;
    if ((t->special && !c->with_special) || (t->single_word && !is_alone(c, *from, *to)))
        return false;
    if (t->lstrip)
        for (size_t at; *from > c->done && (at = before(c->s, *from, &cp), hz_ucd_is_space(cp));)
            *from = at;
    if (t->rstrip)
        for (size_t n; *to < c->len && (n = hz_utf8_decode(c->s + *to, c->len - *to, &cp), hz_ucd_is_space(cp));)
            *to += n;
    return true;
}

bool hz_added_next(struct hz_added_scan *c, struct hz_span *span)
{
    if (c->waits) {
        c->waits = false;
        *span = c->next;
        return true;
    }
    while (c->trie->n > 1 && c->at < c->len) {
        size_t n, from = c->at;
        int32_t place =
            c->trie->root[(uint8_t)c->s[from]] ? hz_trie_longest(c->trie, c->s + from, c->len - from, &n) : -1;
        if (place < 0) {
            c->at++;
            continue;
        }
        const struct hz_added_token *t = &c->added->tokens[place];
        size_t to = from + n;
        c->at = to; /* the search goes on behind the match, even if it takes blanks or doesn't count */
        if (!accept(c, t, &from, &to))
            continue;
        size_t done = c->done;
        c->done = to;
        c->next = (struct hz_span){from, to, t->id};
        c->waits = done < from;
        *span = c->waits ? (struct hz_span){done, from, -1} : c->next;
        return true;
    }
    if (c->done >= c->len)
        return false;
    *span = (struct hz_span){c->done, c->len, -1};
    c->done = c->len;
    return true;
}
