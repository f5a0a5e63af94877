/* tokenizer.c - encoding, decoding and the questions a tokenizer answers. */
#include "token/tokenizer.h"

#include "base/mem.h"
#include "base/os/file.h"
#include "text/utf8.h"
#include "token/ids.h"
#include "token/state.h"

#include <stdlib.h>

enum { MAX_TEXT = 1 << 30, MAX_FILE = 1 << 30, GROWTH = 64, ALWAYS = 1 << 20 };

void hz_tokenizer_free(struct hz_tokenizer *t)
{
    if (!t)
        return;
    hz_added_free(&t->added);
    hz_normalizer_free(&t->normalizer);
    hz_pretok_free(&t->pretok);
    hz_bpe_free(t->bpe);
    hz_unigram_free(t->unigram);
    hz_wordpiece_free(t->wordpiece);
    hz_llama_free(t->llama);
    hz_word_cache_free(t->cache);
    hz_decode_chain_free(&t->decoder);
    hz_ids_free(&t->post);
    hz_ids_free(&t->ends);
    free(t->scores);
    free(t->path);
    hz_vocab_free(&t->vocab);
    free(t);
}

void hz_ids_free(struct hz_ids *ids)
{
    free(ids->data);
    *ids = (struct hz_ids){0};
}

hz_status hz_tokenizer_load(const char *path, struct hz_tokenizer **t, struct hz_error *err)
{
    char *text;
    size_t len;
    *t = NULL;
    HZ_TRY(hz_file_read(path, MAX_FILE, &text, &len, err));
    hz_status status = hz_tokenizer_from_json(text, len, path, t, err);
    free(text);
    return status;
}

/* ---- encoding --------------------------------------------------------------------------------------------------- */

static hz_status encode_word(struct hz_encoding *e, const char *s, size_t len)
{
    const struct hz_tokenizer *t = e->t;
    struct hz_word_key key;
    int32_t known[HZ_WORD_MAX_IDS];
    bool cached = len <= HZ_WORD_MAX_BYTES;
    if (cached) {
        hz_word_key(t->cache, s, len, &key);
        unsigned n = hz_word_cache_get(t->cache, &key, known);
        for (unsigned i = 0; i < n; i++)
            if (!hz_ids_put(e->ids, known[i]))
                return hz_fail_nomem(e->err, sizeof *known);
        if (n)
            return HZ_OK;
    }
    size_t before = e->ids->n;
    if (t->bpe)
        HZ_TRY(hz_bpe_encode(t->bpe, &e->merge, s, len, e->ids, e->err));
    else if (t->unigram)
        HZ_TRY(hz_unigram_encode(t->unigram, &e->unigram, s, len, e->ids, e->err));
    else
        HZ_TRY(hz_wordpiece_encode(t->wordpiece, s, len, e->ids, e->err));
    size_t n = e->ids->n - before;
    if (cached && n && n <= HZ_WORD_MAX_IDS)
        hz_word_cache_put(t->cache, &key, e->ids->data + before, (unsigned)n);
    return HZ_OK;
}

hz_status hz_encode_piece(struct hz_encoding *e, const char *s, size_t len)
{
    while (len) {
        size_t n = e->t->bpe ? hz_bpe_cut(e->t->bpe, s, len) : len;
        HZ_TRY(encode_word(e, s, n));
        s += n;
        len -= n;
    }
    return HZ_OK;
}

hz_status hz_encode_flow(struct hz_encoding *e)
{
    struct hz_pieces *pieces;
    if (!e->flow.len)
        return HZ_OK;
    HZ_TRY(hz_pretok_run(&e->t->pretok, &e->flow, e->scratch, e->pieces, &pieces, e->err));
    for (size_t i = 0; i < pieces->n; i++)
        HZ_TRY(hz_encode_piece(e, e->flow.s + pieces->list[i].at, pieces->list[i].len));
    return HZ_OK;
}

/* A stretch between added tokens: normalized, searched for those that are looked for in normalized text, and cut. */
static hz_status encode_stretch(struct hz_encoding *e, const char *s, size_t len, bool at_start)
{
    const struct hz_tokenizer *t = e->t;
    struct hz_flow *f = &e->flow;
    hz_flow_set(f, s, len, at_start);
    HZ_TRY(hz_normalize(&t->normalizer, f, e->scratch, e->err));
    if (t->added.normalized.n <= 1)
        return hz_encode_flow(e);
    size_t zero = f->zero;
    struct hz_buf normalized; /* apart, as the stretches between reuse the flow's buffers */
    hz_buf_init(&normalized, SIZE_MAX / 4);
    hz_buf_put(&normalized, f->s, f->len);
    hz_status status = hz_buf_check(&normalized, "the normalized text", e->err);
    struct hz_added_scan scan =
        hz_added_scan(&t->added, true, normalized.data, normalized.len, (e->flags & HZ_ENCODE_PARSE_SPECIAL) != 0);
    struct hz_span span;
    while (!status && hz_added_next(&scan, &span)) {
        if (span.id >= 0) {
            status = hz_ids_put(e->ids, span.id) ? HZ_OK : hz_fail_nomem(e->err, sizeof span.id);
            continue;
        }
        hz_flow_set(f, normalized.data + span.from, span.to - span.from, false);
        f->zero = zero > span.from ? zero - span.from : 0;
        status = hz_encode_flow(e);
    }
    hz_buf_free(&normalized);
    return status;
}

static hz_status encode_text(struct hz_encoding *e, const char *s, size_t len)
{
    if (e->t->llama)
        return hz_llama_encode(e, s, len);
    struct hz_added_scan scan = hz_added_scan(&e->t->added, false, s, len, (e->flags & HZ_ENCODE_PARSE_SPECIAL) != 0);
    struct hz_span span;
    while (hz_added_next(&scan, &span)) {
        if (span.id < 0)
            HZ_TRY(encode_stretch(e, s + span.from, span.to - span.from, span.from == 0));
        else if (!hz_ids_put(e->ids, span.id))
            return hz_fail_nomem(e->err, sizeof span.id);
    }
    return HZ_OK;
}

static hz_status encode_with_post(struct hz_encoding *e, const char *s, size_t len)
{
    const struct hz_ids *post = &e->t->post;
    for (size_t i = 0; i < post->n; i++) {
        if (post->data[i] == HZ_POST_TEXT)
            HZ_TRY(encode_text(e, s, len));
        else if (e->flags & HZ_ENCODE_SPECIAL && !hz_ids_put(e->ids, post->data[i]))
            return hz_fail_nomem(e->err, sizeof *post->data);
    }
    return HZ_OK;
}

hz_status hz_encode(const struct hz_tokenizer *t, const char *text, size_t len, unsigned flags, struct hz_ids *ids,
                    struct hz_error *err)
{
    if (len > MAX_TEXT)
        return hz_fail(err, HZ_E_LIMIT, "a text of %zu bytes, more than 1 GiB", len);
    if (!hz_utf8_valid(text, len))
        return hz_fail(err, HZ_E_INVALID, "the text is not UTF-8");
    struct hz_encoding e = {.t = t, .flags = flags, .ids = ids, .err = err};
    hz_flow_init(&e.flow, ALWAYS + GROWTH * len);
    size_t before = ids->n;
    hz_status status = hz_regex_scratch_new(&e.scratch, err);
    if (!status)
        status = encode_with_post(&e, text, len);
    if (status) {
        ids->n = before;
        hz_fail_in(err, status, "%s", t->path);
    }
    hz_regex_scratch_free(e.scratch);
    hz_flow_free(&e.flow);
    free(e.pieces[0].list);
    free(e.pieces[1].list);
    hz_merge_room_free(&e.merge);
    hz_unigram_room_free(&e.unigram);
    return status;
}

/* ---- decoding --------------------------------------------------------------------------------------------------- */

hz_status hz_decode(const struct hz_tokenizer *t, const int32_t *ids, size_t n, bool skip_special, struct hz_buf *out,
                    struct hz_error *err)
{
    struct hz_decoding g;
    struct hz_buf text; /* apart: the chain looks at the end of what it wrote, which out may not begin with */
    hz_buf_init(&text, out->max);
    hz_status status = hz_decoding_begin(&g, &t->decoder, false, &text, err);
    for (size_t i = 0; i < n && !status; i++) {
        const struct hz_vocab_entry *token = hz_vocab_token(&t->vocab, ids[i]);
        if (!token)
            status = hz_fail(err, HZ_E_INVALID, "no token has the id %d", ids[i]);
        else if (!(skip_special && token->flags & HZ_TOKEN_SPECIAL))
            status = hz_decoding_put(&g, token->text, token->text_len, err);
    }
    if (!status)
        status = hz_decoding_end(&g, err);
    if (!status && text.len) {
        hz_buf_put(out, text.data, text.len);
        status = hz_buf_check(out, "decoded text", err);
    }
    hz_decoding_free(&g);
    hz_buf_free(&text);
    return status;
}

/* ---- questions -------------------------------------------------------------------------------------------------- */

size_t hz_tokenizer_size(const struct hz_tokenizer *t)
{
    return t->vocab.n;
}

const char *hz_token_spelling(const struct hz_tokenizer *t, int32_t id, size_t *len)
{
    const struct hz_vocab_entry *token = hz_vocab_token(&t->vocab, id);
    if (len)
        *len = token ? token->len : 0;
    return token ? token->s : NULL;
}

bool hz_token_is_special(const struct hz_tokenizer *t, int32_t id)
{
    const struct hz_vocab_entry *token = hz_vocab_token(&t->vocab, id);
    return token && token->flags & HZ_TOKEN_SPECIAL;
}

int32_t hz_token_id(const struct hz_tokenizer *t, const char *spelling, size_t len)
{
    return hz_vocab_id(&t->vocab, spelling, len);
}

int32_t hz_tokenizer_bos(const struct hz_tokenizer *t)
{
    return t->bos;
}

int32_t hz_tokenizer_eos(const struct hz_tokenizer *t)
{
    return t->eos;
}

bool hz_tokenizer_adds_bos(const struct hz_tokenizer *t)
{
    return t->bos >= 0 && t->post.n && t->post.data[0] == t->bos;
}

size_t hz_tokenizer_ends(const struct hz_tokenizer *t, const int32_t **ids)
{
    *ids = t->ends.data;
    return t->ends.n;
}
