/* unigram.c - Viterbi over a trie, with the sums and comparisons of `tokenizers`, so that ties fall the same way. */
#include "token/unigram.h"

#include "text/utf8.h"
#include "token/ids.h"

#include <stdlib.h>

void hz_unigram_free(struct hz_unigram *u)
{
    if (!u)
        return;
    hz_trie_free(&u->trie);
    free(u->scores);
    free(u);
}

void hz_unigram_room_free(struct hz_unigram_room *room)
{
    free(room->best);
    hz_ids_free(&room->backwards);
}

static void offer(struct hz_unigram_best *to, double score, size_t from, int32_t id)
{
    if (to->id < 0 || score > to->score)
        *to = (struct hz_unigram_best){score, (uint32_t)from, id};
}

static hz_status find_best(const struct hz_unigram *u, struct hz_unigram_best *best, const char *s, size_t len,
                           struct hz_error *err)
{
    for (size_t i = 0; i <= len; i++)
        best[i] = (struct hz_unigram_best){0, 0, -1};
    for (size_t from = 0, step; from < len; from += step) {
        uint32_t cp, node = 0;
        step = hz_utf8_decode(s + from, len - from, &cp);
        double here = best[from].score;
        bool single = false;
        for (size_t to = from; to < len && (node = hz_trie_step(&u->trie, node, (uint8_t)s[to])) != 0; to++) {
            int32_t id = u->trie.nodes[node].value;
            if (id < 0)
                continue;
            offer(&best[to + 1], u->scores[id] + here, from, id);
            single = single || to + 1 - from == step;
        }
        if (single)
            continue;
        if (u->unk < 0)
            return hz_fail(err, HZ_E_INVALID, "the text holds U+%04X, which is no token, and there is no unk_id",
                           (unsigned)cp);
        offer(&best[from + step], u->unk_score + here, from, u->unk);
    }
    return HZ_OK;
}

/* A run of unknown characters: the token it spells, its bytes, or unk. Written backwards. */
static bool put_unknown(const struct hz_unigram *u, const char *s, size_t len, struct hz_ids *out)
{
    int32_t id = u->llama ? -1 : hz_vocab_model_id(u->vocab, s, len);
    bool bytes = id < 0 && u->byte_fallback;
    for (size_t i = 0; bytes && i < len; i++)
        bytes = u->byte_ids[(uint8_t)s[i]] >= 0;
    if (!bytes)
        return hz_ids_put(out, id >= 0 ? id : u->unk);
    for (size_t i = len; i-- > 0;)
        if (!hz_ids_put(out, u->byte_ids[(uint8_t)s[i]]))
            return false;
    return true;
}

hz_status hz_unigram_encode(const struct hz_unigram *u, struct hz_unigram_room *room, const char *s, size_t len,
                            struct hz_ids *ids, struct hz_error *err)
{
    if (!len)
        return HZ_OK;
    if (len >= room->cap && !hz_grow((void **)&room->best, &room->cap, len + 1, sizeof *room->best))
        return hz_fail_nomem(err, len * sizeof *room->best);
    HZ_TRY(find_best(u, room->best, s, len, err));
    struct hz_ids *back = &room->backwards;
    back->n = 0;
    bool ok = true;
    for (size_t end = len; ok && end;) {
        size_t from = room->best[end].from;
        if (room->best[end].id != u->unk) {
            ok = hz_ids_put(back, room->best[end].id);
        } else {
            while (from && room->best[from].id == u->unk)
                from = room->best[from].from;
            ok = put_unknown(u, s + from, end - from, back);
        }
        end = from;
    }
    for (size_t i = back->n; ok && i-- > 0;)
        ok = hz_ids_put(ids, back->data[i]);
    return ok ? HZ_OK : hz_fail_nomem(err, len);
}
