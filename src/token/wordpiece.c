/* wordpiece.c - greedy longest match over two tries. */
#include "token/wordpiece.h"

#include "text/utf8.h"
#include "token/ids.h"

#include <stdlib.h>
#include <string.h>

static hz_status build(struct hz_trie *trie, const struct hz_vocab *vocab, const char *prefix, size_t prefix_len,
                       struct hz_error *err)
{
    struct hz_trie_key *keys = hz_calloc(vocab->n, sizeof *keys);
    if (!keys)
        return hz_fail_nomem(err, vocab->n * sizeof *keys);
    size_t n = 0;
    for (size_t id = 0; id < vocab->n; id++) {
        const struct hz_vocab_entry *t = &vocab->tokens[id];
        if (t->s && t->len >= prefix_len && !memcmp(t->s, prefix, prefix_len))
            keys[n++] = (struct hz_trie_key){t->s + prefix_len, (uint32_t)(t->len - prefix_len), (int32_t)id};
    }
    hz_status status = hz_trie_build(trie, keys, n, err);
    free(keys);
    return status;
}

hz_status hz_wordlevel_new(const struct hz_vocab *vocab, int32_t unk, struct hz_wordpiece **w, struct hz_error *err)
{
    *w = hz_calloc(1, sizeof **w);
    if (!*w)
        return hz_fail_nomem(err, sizeof **w);
    **w = (struct hz_wordpiece){.vocab = vocab, .unk = unk, .words_only = true};
    return HZ_OK;
}

hz_status hz_wordpiece_new(const struct hz_vocab *vocab, const char *prefix, size_t prefix_len, size_t max_chars,
                           int32_t unk, struct hz_wordpiece **w, struct hz_error *err)
{
    HZ_TRY(hz_wordlevel_new(vocab, unk, w, err));
    (*w)->words_only = false;
    (*w)->max_chars = max_chars;
    hz_status status = build(&(*w)->first, vocab, "", 0, err);
    if (!status)
        status = build(&(*w)->rest, vocab, prefix, prefix_len, err);
    if (status) {
        hz_wordpiece_free(*w);
        *w = NULL;
    }
    return status;
}

void hz_wordpiece_free(struct hz_wordpiece *w)
{
    if (!w)
        return;
    hz_trie_free(&w->first);
    hz_trie_free(&w->rest);
    free(w);
}

hz_status hz_wordpiece_encode(const struct hz_wordpiece *w, const char *s, size_t len, struct hz_ids *ids,
                              struct hz_error *err)
{
    size_t before = ids->n;
    bool cut = w->words_only || hz_utf8_count(s, len) <= w->max_chars;
    for (size_t at = 0, used = 0; cut && at < len; at += used) {
        int32_t id;
        if (w->words_only) {
            id = hz_vocab_model_id(w->vocab, s, len);
            used = len;
        } else {
            id = hz_trie_longest(at ? &w->rest : &w->first, s + at, len - at, &used);
        }
        cut = id >= 0;
        if (cut && !hz_ids_put(ids, id))
            return hz_fail_nomem(err, len);
    }
    if (cut)
        return HZ_OK;
    ids->n = before;
    if (w->unk < 0)
        return hz_fail(err, HZ_E_INVALID, "the text needs the unk_token, which is not in the vocabulary");
    return hz_ids_put(ids, w->unk) ? HZ_OK : hz_fail_nomem(err, sizeof w->unk);
}
