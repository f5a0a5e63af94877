/* llama.c - special tokens, and the normalization of each kind of vocabulary, as llama-vocab.cpp does them. */
#include "token/llama.h"

#include "base/mem.h"
#include "text/utf8.h"
#include "token/ids.h"
#include "token/state.h"
#include "token/ucd.h"

#include <utf8proc.h>

#include <stdlib.h>
#include <string.h>

static const char META[] = "\xE2\x96\x81"; /* U+2581 */

enum { META_LEN = 3, UNICODE = 15 /* .1 */ };

void hz_llama_free(struct hz_llama *llama)
{
    if (!llama)
        return;
    free(llama->specials);
    hz_trie_free(&llama->special_trie);
    hz_trie_free(&llama->user_defined_trie);
    hz_charsmap_free(llama->charsmap);
    free(llama);
}

/* ---- special tokens --------------------------------------------------------------------------------------------- */

struct hit { /* a special token's spelling in the text */
    uint32_t at, place;
};

struct partition {
    struct hit *hits;
    size_t n, cap;
    char *taken; /* for each byte of the text: part of a token, or a blank that one took */
};

static int by_place(const void *a, const void *b)
{
    const struct hit *x = a, *y = b;
    if (x->place != y->place)
        return x->place < y->place ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}

static int by_position(const void *a, const void *b)
{
    const struct hit *x = a, *y = b;
    return x->at < y->at ? -1 : x->at > y->at;
}

static hz_status find_hits(struct partition *p, const struct hz_llama *l, bool parse_special, const char *s, size_t len,
                           struct hz_error *err)
{
    const struct hz_trie *trie = &l->special_trie;
    for (size_t at = 0; trie->n > 1 && at < len; at++) {
        uint32_t node = 0;
        for (size_t i = at; i < len && (node = hz_trie_step(trie, node, (uint8_t)s[i])) != 0; i++) {
            int32_t place = trie->nodes[node].value;
            if (place < 0 || !(parse_special || l->specials[place].user_defined))
                continue;
            if (!HZ_GROW(p->hits, p->n, p->cap))
                return hz_fail_nomem(err, p->n * sizeof *p->hits);
            p->hits[p->n++] = (struct hit){(uint32_t)at, (uint32_t)place};
        }
    }
    return HZ_OK;
}

static bool is_c_space(char c) /* isspace in the C locale */
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* llama.cpp looks for one token after the other, the longest first, in what the earlier ones left: so a long token wins
 * over a shorter one that begins before it. */
static hz_status claim(struct partition *p, const struct hz_llama *l, const char *s, size_t len, struct hz_error *err)
{
    if (!p->n)
        return HZ_OK;
    p->taken = hz_calloc(len, 1);
    if (!p->taken)
        return hz_fail_nomem(err, len);
    qsort(p->hits, p->n, sizeof *p->hits, by_place);
    size_t kept = 0;
    for (size_t i = 0; i < p->n; i++) {
        struct hit h = p->hits[i];
        const struct hz_llama_special *t = &l->specials[h.place];
        if (memchr(p->taken + h.at, 1, t->len))
            continue;
        memset(p->taken + h.at, 1, t->len);
        for (size_t at = h.at; t->lstrip && at > 0 && !p->taken[at - 1] && is_c_space(s[at - 1]); at--)
            p->taken[at - 1] = 1;
        for (size_t at = h.at + t->len; t->rstrip && at < len && !p->taken[at] && is_c_space(s[at]); at++)
            p->taken[at] = 1;
        p->hits[kept++] = h;
    }
    p->n = kept;
    qsort(p->hits, p->n, sizeof *p->hits, by_position);
    return HZ_OK;
}

/* ---- one stretch of text ---------------------------------------------------------------------------------------- */

/* SentencePiece: blanks become U+2581, one more in front where it begins the text or follows a special token. */
static hz_status escape_blanks(struct hz_flow *f, bool prefix, struct hz_error *err)
{
    hz_flow_begin(f);
    if (prefix)
        hz_flow_put(f, 0, META, META_LEN);
    for (size_t at = 0; at < f->len;) {
        const char *blank = memchr(f->s + at, ' ', f->len - at);
        size_t to = blank ? (size_t)(blank - f->s) : f->len;
        hz_flow_put(f, at, f->s + at, to - at);
        if (blank)
            hz_flow_put(f, to, META, META_LEN);
        at = to + 1;
    }
    return hz_flow_take(f, err);
}

static bool is_boundary(const char *s, size_t len, size_t at)
{
    return at == len || ((uint8_t)s[at] & 0xC0) != 0x80;
}

/* What normalize_prefix of the UGM tokenizer makes of the beginning of s; gives how much of it is consumed. There the
 * longest path along the user-defined tokens stays as it is, whether or not one ends there; here too, but no character
 * is cut in two. */
static size_t ugm_prefix(const struct hz_llama *l, const char *s, size_t len, const char **text, size_t *text_len)
{
    size_t used = 0;
    uint32_t node = 0, cp;
    while (used < len && (node = hz_trie_step(&l->user_defined_trie, node, (uint8_t)s[used])) != 0)
        used++;
    while (used && !is_boundary(s, len, used))
        used--;
    if (!used && l->charsmap && hz_charsmap_find(l->charsmap, s, len, true, &used, text, text_len) &&
        is_boundary(s, len, used))
        return used;
    if (!used || !is_boundary(s, len, used))
        used = hz_utf8_decode(s, len, &cp);
    *text = s;
    *text_len = used;
    return used;
}

static hz_status normalize_ugm(const struct hz_llama *l, struct hz_flow *f, struct hz_error *err)
{
    bool prepended = false, in_word = false;
    hz_flow_begin(f);
    for (size_t at = 0; at < f->len;) {
        const char *text;
        size_t text_len, used = ugm_prefix(l, f->s + at, f->len - at, &text, &text_len);
        for (size_t i = 0; i < text_len; i++) {
            if (text[i] == ' ') {
                in_word = false;
                if (!l->remove_extra_whitespaces)
                    hz_flow_put(f, at, META, META_LEN);
                continue;
            }
            if (!in_word && ((l->add_space_prefix && !prepended) || l->remove_extra_whitespaces)) {
                hz_flow_put(f, at, META, META_LEN);
                prepended = true;
            }
            in_word = true;
            hz_flow_put(f, at, &text[i], 1);
        }
        at += used;
    }
    return hz_flow_take(f, err);
}

static int category(uint32_t cp)
{
    int c = hz_ucd_category(cp);
    return c == UTF8PROC_CATEGORY_CN || hz_ucd_since(cp) > UNICODE ? UTF8PROC_CATEGORY_CN : c;
}

static bool stands_alone(uint32_t cp, int c)
{
    bool punctuation = c >= UTF8PROC_CATEGORY_PC && c <= UTF8PROC_CATEGORY_PO;
    bool symbol = c >= UTF8PROC_CATEGORY_SM && c <= UTF8PROC_CATEGORY_SO;
    return punctuation || (cp < 0x7F && symbol) || hz_ucd_is_cjk(cp);
}

/* Of a decomposition llama.cpp keeps the first character. */
static uint32_t first_decomposed(uint32_t cp)
{
    utf8proc_int32_t parts[32];
    int last = 0;
    utf8proc_ssize_t n = utf8proc_decompose_char((utf8proc_int32_t)cp, parts, (utf8proc_ssize_t)HZ_COUNT(parts),
                                                 UTF8PROC_DECOMPOSE, &last);
    return n > 0 ? (uint32_t)parts[0] : cp;
}

static hz_status end_word(struct hz_encoding *e, struct hz_buf *word)
{
    HZ_TRY(hz_buf_check(word, "a word", e->err));
    hz_status status = word->len > META_LEN ? hz_encode_piece(e, word->data, word->len) : HZ_OK;
    hz_buf_clear(word);
    hz_buf_put(word, META, META_LEN);
    return status;
}

static hz_status encode_wpm(struct hz_encoding *e, const char *s, size_t len)
{
    const struct hz_llama *l = e->t->llama;
    struct hz_buf *word = &e->flow.bufs[0];
    hz_buf_clear(word);
    hz_buf_put(word, META, META_LEN);
    for (size_t at = 0; at < len;) {
        uint32_t cp, lower[2];
        at += hz_utf8_decode(s + at, len - at, &cp);
        if (l->strip_accents)
            cp = first_decomposed(cp);
        int c = category(cp);
        if (hz_ucd_is_space(cp)) {
            HZ_TRY(end_word(e, word));
            continue;
        }
        bool control = c == UTF8PROC_CATEGORY_CC || c == UTF8PROC_CATEGORY_CF || c == UTF8PROC_CATEGORY_CO;
        bool mark = c >= UTF8PROC_CATEGORY_MN && c <= UTF8PROC_CATEGORY_ME;
        if (!cp || cp == 0xFFFD || control || (l->strip_accents && mark))
            continue;
        bool alone = stands_alone(cp, c);
        if (l->lowercase && c != UTF8PROC_CATEGORY_CN) { /* what is unknown there has no lower case */
            hz_ucd_lower(cp, lower);
            cp = lower[0];
        }
        if (alone)
            HZ_TRY(end_word(e, word));
        char utf8[4];
        hz_buf_put(word, utf8, hz_utf8_encode(cp, utf8));
        if (alone)
            HZ_TRY(end_word(e, word));
    }
    return end_word(e, word);
}

static hz_status encode_stretch(struct hz_encoding *e, const char *s, size_t len, bool after_special)
{
    const struct hz_llama *l = e->t->llama;
    struct hz_flow *f = &e->flow;
    hz_flow_set(f, s, len, false);
    switch (l->kind) {
    case HZ_LLAMA_SPM:
        HZ_TRY(escape_blanks(f, l->add_space_prefix && after_special, e->err));
        break;
    case HZ_LLAMA_BPE:
        if (l->escape_whitespaces)
            HZ_TRY(escape_blanks(f, false, e->err));
        break;
    case HZ_LLAMA_WPM:
        return encode_wpm(e, s, len);
    case HZ_LLAMA_UGM:
        HZ_TRY(normalize_ugm(l, f, e->err));
        break;
    }
    return hz_encode_flow(e);
}

hz_status hz_llama_encode(struct hz_encoding *e, const char *s, size_t len)
{
    const struct hz_llama *l = e->t->llama;
    struct partition p = {0};
    size_t at = 0;
    bool after_special = true; /* the beginning counts as well */
    hz_status status = find_hits(&p, l, (e->flags & HZ_ENCODE_PARSE_SPECIAL) != 0, s, len, e->err);
    if (!status)
        status = claim(&p, l, s, len, e->err);
    for (size_t i = 0; i <= p.n && !status; i++) {
        size_t end = i < p.n ? p.hits[i].at : len, from = at, to = end;
        while (p.taken && from < to && p.taken[from])
            from++;
        while (p.taken && to > from && p.taken[to - 1])
            to--;
        if (from < to) {
            status = encode_stretch(e, s + from, to - from, after_special);
            after_special = false;
        }
        if (i < p.n && !status) {
            const struct hz_llama_special *t = &l->specials[p.hits[i].place];
            status = hz_ids_put(e->ids, t->id) ? HZ_OK : hz_fail_nomem(e->err, sizeof t->id);
            after_special = true;
            at = end + t->len;
        }
    }
    free(p.hits);
    free(p.taken);
    return status;
}
