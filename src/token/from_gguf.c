/* from_gguf.c - a tokenizer from the tokenizer.ggml.* keys of a GGUF, giving the ids that llama.cpp gives. */
#include "base/mem.h"
#include "text/utf8.h"
#include "token/gguf_pre.h"
#include "token/gguf_tokens.h"
#include "token/ids.h"
#include "token/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reader {
    const struct hz_gguf *g;
    struct hz_tokenizer *t;
    struct hz_llama *l;
    uint8_t *attrs;
    float *scores;
    unsigned pre;
    bool add_bos, add_eos, add_sep;
    struct hz_gguf_special special;
    struct hz_error *err;
};

static hz_status bad(struct reader *r, const char *key, const char *what)
{
    return hz_fail(r->err, HZ_E_FORMAT, "%s: %s must be %s", r->g->path, key, what);
}

static bool string_is(const struct hz_meta *m, const char *s)
{
    return m && m->type == HZ_META_STRING && m->v.str.len == strlen(s) && !memcmp(m->v.str.s, s, strlen(s));
}

static void read_bool(struct reader *r, const char *key, bool *value)
{
    hz_meta_bool(hz_gguf_get(r->g, key), value);
}

/* ---- tokens ----------------------------------------------------------------------------------------------------- */

static hz_status read_tokens(struct reader *r)
{
    const char *key = "tokenizer.ggml.tokens";
    const struct hz_meta *m = hz_gguf_get(r->g, key);
    if (!m || m->type != HZ_META_ARRAY || m->v.array.type != HZ_META_STRING || m->v.array.n > INT32_MAX)
        return bad(r, key, "an array of strings");
    struct hz_vocab *v = &r->t->vocab;
    struct hz_cursor c = hz_meta_elements(m);
    struct hz_str s;
    if (!hz_vocab_reserve(v, (size_t)m->v.array.n))
        return hz_fail_nomem(r->err, (size_t)m->v.array.n * sizeof *v->tokens);
    for (uint32_t id = 0; hz_meta_next_str(m, &c, &s); id++) {
        char name[32];
        if (!s.len) { /* llama.cpp's stand-in */
            int n = snprintf(name, sizeof name, "[EMPTY_%u]", (unsigned)id);
            s = (struct hz_str){hz_vocab_copy(v, name, (size_t)n), (uint64_t)n};
        }
        if (!s.s || !hz_vocab_put(v, id, s.s, (size_t)s.len))
            return hz_fail_nomem(r->err, (size_t)s.len);
    }
    if (v->n != m->v.array.n || !v->n)
        return bad(r, key, "an array of strings, at least one");
    v->n_model = v->n;
    return HZ_OK;
}

static hz_status read_scores(struct reader *r)
{
    const char *key = "tokenizer.ggml.scores";
    const struct hz_meta *m = hz_gguf_get(r->g, key);
    size_t n = r->t->vocab.n;
    r->scores = hz_calloc(n, sizeof *r->scores);
    if (!r->scores)
        return hz_fail_nomem(r->err, n * sizeof *r->scores);
    if (!m)
        return HZ_OK;
    if (m->type != HZ_META_ARRAY || m->v.array.n < n)
        return bad(r, key, "an array with a number for each token");
    struct hz_cursor c = hz_meta_elements(m);
    double score;
    for (size_t i = 0; i < n; i++) {
        if (!hz_meta_next_double(m, &c, &score))
            return bad(r, key, "an array with a number for each token");
        r->scores[i] = (float)score;
    }
    return HZ_OK;
}

static hz_status read_types(struct reader *r)
{
    static const uint8_t attr_of[] = {
        0, HZ_ATTR_NORMAL, HZ_ATTR_UNKNOWN, HZ_ATTR_CONTROL, HZ_ATTR_USER_DEFINED, HZ_ATTR_UNUSED, HZ_ATTR_BYTE};
    const char *key = "tokenizer.ggml.token_type";
    const struct hz_meta *m = hz_gguf_get(r->g, key);
    size_t n = r->t->vocab.n;
    r->attrs = hz_calloc(n, 1);
    if (!r->attrs)
        return hz_fail_nomem(r->err, n);
    if (!m) {
        memset(r->attrs, HZ_ATTR_NORMAL, n);
        return HZ_OK;
    }
    if (m->type != HZ_META_ARRAY || m->v.array.n < n)
        return bad(r, key, "an array with an integer for each token");
    struct hz_cursor c = hz_meta_elements(m);
    int64_t type;
    for (size_t i = 0; i < n; i++) {
        if (!hz_meta_next_int(m, &c, &type))
            return bad(r, key, "an array with an integer for each token");
        r->attrs[i] = type > 0 && type < (int64_t)HZ_COUNT(attr_of) ? attr_of[type] : 0;
    }
    return HZ_OK;
}

/* A key's id; one out of range leaves the default, and a default out of range is none. */
static void read_id(struct reader *r, const char *key, int32_t *id)
{
    int64_t given;
    size_t n = r->t->vocab.n;
    if (*id >= 0 && (size_t)*id >= n)
        *id = -1;
    if (hz_meta_int(hz_gguf_get(r->g, key), &given) && given >= 0 && (uint64_t)given < n)
        *id = (int32_t)given;
}

static void read_ids(struct reader *r)
{
    struct hz_gguf_special *s = &r->special;
    read_id(r, "tokenizer.ggml.bos_token_id", &s->bos);
    read_id(r, "tokenizer.ggml.eos_token_id", &s->eos);
    read_id(r, "tokenizer.ggml.eot_token_id", &s->eot);
    read_id(r, "tokenizer.ggml.eom_token_id", &s->eom);
    read_id(r, "tokenizer.ggml.unknown_token_id", &s->unk);
    read_id(r, "tokenizer.ggml.seperator_token_id", &s->sep); /* spelled so */
    read_id(r, "tokenizer.ggml.fim_pad_token_id", &s->fim_pad);
    read_id(r, "tokenizer.ggml.fim_rep_token_id", &s->fim_rep);
    read_id(r, "tokenizer.ggml.fim_sep_token_id", &s->fim_sep);
    read_bool(r, "tokenizer.ggml.add_bos_token", &r->add_bos);
    read_bool(r, "tokenizer.ggml.add_eos_token", &r->add_eos);
    read_bool(r, "tokenizer.ggml.add_sep_token", &r->add_sep);
    if (r->pre & HZ_PRE_ALWAYS_BOS)
        r->add_bos = true;
    read_bool(r, "tokenizer.ggml.add_space_prefix", &r->l->add_space_prefix);
    read_bool(r, "tokenizer.ggml.remove_extra_whitespaces", &r->l->remove_extra_whitespaces);
    r->l->lowercase = true;
    read_bool(r, "tokenizer.ggml.normalizer.lowercase", &r->l->lowercase);
    r->l->strip_accents = r->l->lowercase;
    read_bool(r, "tokenizer.ggml.normalizer.strip_accents", &r->l->strip_accents);
}

/* ---- models ----------------------------------------------------------------------------------------------------- */

static hz_status read_kind(struct reader *r)
{
    const char *key = "tokenizer.ggml.model";
    const struct hz_meta *model = hz_gguf_get(r->g, key), *pre = hz_gguf_get(r->g, "tokenizer.ggml.pre");
    struct hz_gguf_special *s = &r->special;
    *s = (struct hz_gguf_special){-1, -1, -1, -1, -1, -1, -1, -1, -1};
    if (!model || model->type != HZ_META_STRING)
        return bad(r, key, "a string");
    if (string_is(model, "llama")) {
        r->l->kind = HZ_LLAMA_SPM;
        s->bos = 1;
        s->eos = 2;
        s->unk = 0;
        r->add_bos = r->l->add_space_prefix = true;
    } else if (string_is(model, "bert")) {
        r->l->kind = HZ_LLAMA_WPM;
        s->bos = 101;
        s->unk = 100;
        s->sep = 102;
        r->add_bos = r->add_sep = true;
    } else if (string_is(model, "t5")) {
        r->l->kind = HZ_LLAMA_UGM;
        s->eos = 1;
        s->unk = 2;
        r->add_eos = true;
    } else if (string_is(model, "gpt2") || string_is(model, "gemma4")) {
        bool gemma = string_is(model, "gemma4");
        r->l->kind = HZ_LLAMA_BPE;
        s->bos = s->eos = gemma ? -1 : 11;
        bool named = pre && pre->type == HZ_META_STRING;
        hz_status status = gemma ? hz_gguf_pre("gemma4", 6, &r->t->pretok, &r->pre, r->err)
                                 : hz_gguf_pre(named ? pre->v.str.s : "", named ? (size_t)pre->v.str.len : 0,
                                               &r->t->pretok, &r->pre, r->err);
        if (status)
            return hz_fail_in(r->err, status, "%s", r->g->path);
        r->add_bos = (r->pre & HZ_PRE_ADD_BOS) != 0;
        if (r->pre & HZ_PRE_NO_BOS_ID)
            s->bos = -1;
        r->l->escape_whitespaces = (r->pre & HZ_PRE_ESCAPE_BLANKS) != 0;
    } else {
        return hz_fail(r->err, HZ_E_UNSUPPORTED, "%s: tokenizer.ggml.model \"%.*s\" is not known", r->g->path,
                       (int)HZ_MIN(model->v.str.len, 80), model->v.str.s);
    }
    return HZ_OK;
}

static hz_status read_bpe(struct reader *r)
{
    const char *key = "tokenizer.ggml.merges";
    const struct hz_meta *m = hz_gguf_get(r->g, key);
    if (!m || m->type != HZ_META_ARRAY || m->v.array.type != HZ_META_STRING || m->v.array.n > INT32_MAX)
        return bad(r, key, "an array of strings");
    struct hz_bpe_options o = {.llama = true,
                               .byte_level = !(r->pre & HZ_PRE_RAW),
                               .ignore_merges = (r->pre & HZ_PRE_IGNORE_MERGES) != 0,
                               .newlines_whole = (r->pre & HZ_PRE_NEWLINES_WHOLE) != 0};
    HZ_TRY(hz_bpe_new(&r->t->vocab, &o, (size_t)m->v.array.n, &r->t->bpe, r->err));
    struct hz_cursor c = hz_meta_elements(m);
    struct hz_str s;
    while (hz_meta_next_str(m, &c, &s)) { /* the first blank behind the first byte parts the two */
        const char *blank = s.len > 1 ? memchr(s.s + 1, ' ', (size_t)s.len - 1) : NULL;
        size_t a = blank ? (size_t)(blank - s.s) : 0;
        if (!blank)
            return bad(r, key, "pairs of tokens with a blank between them");
        HZ_TRY(hz_bpe_add_merge(r->t->bpe, s.s, a, blank + 1, (size_t)s.len - a - 1, r->err));
    }
    return HZ_OK;
}

static hz_status read_spm(struct reader *r)
{
    struct hz_bpe_options o = {.llama = true, .scores = r->scores, .unk = r->special.unk};
    return hz_bpe_new(&r->t->vocab, &o, 0, &r->t->bpe, r->err);
}

static hz_status read_charsmap(struct reader *r)
{
    const char *key = "tokenizer.ggml.precompiled_charsmap";
    const struct hz_meta *m = hz_gguf_get(r->g, key);
    if (!m)
        return HZ_OK;
    if (m->type != HZ_META_ARRAY || (m->v.array.type != HZ_META_I8 && m->v.array.type != HZ_META_U8))
        return bad(r, key, "an array of bytes");
    return hz_charsmap_new(m->v.array.data, (size_t)m->v.array.n, r->g->path, &r->l->charsmap, r->err);
}

static hz_status read_ugm(struct reader *r)
{
    struct hz_vocab *v = &r->t->vocab;
    HZ_TRY(read_charsmap(r));
    struct hz_unigram *u = r->t->unigram = hz_calloc(1, sizeof *u);
    struct hz_trie_key *keys = hz_calloc(v->n, sizeof *keys);
    if (u)
        u->scores = hz_calloc(v->n, sizeof *u->scores);
    hz_status status = u && u->scores && keys ? HZ_OK : hz_fail_nomem(r->err, v->n * sizeof *keys);
    size_t n = 0, n_user = 0;
    float least = 3.402823466e+38F;
    for (size_t i = 0; i < v->n && !status; i++) {
        if (r->attrs[i] & HZ_ATTR_NORMAL)
            least = HZ_MIN(least, r->scores[i]);
        u->scores[i] = r->attrs[i] & HZ_ATTR_USER_DEFINED ? 0 : (double)r->scores[i];
        if (r->attrs[i] & (HZ_ATTR_NORMAL | HZ_ATTR_USER_DEFINED | HZ_ATTR_UNUSED) &&
            hz_utf8_valid(v->tokens[i].s, v->tokens[i].len))
            keys[n++] = (struct hz_trie_key){v->tokens[i].s, v->tokens[i].len, (int32_t)i};
    }
    if (!status) {
        u->vocab = v;
        u->llama = true;
        u->unk = r->special.unk;
        u->unk_score = (double)(least - 10.0F);
        status = hz_trie_build(&u->trie, keys, n, r->err);
    }
    for (size_t i = 0; i < v->n && !status; i++)
        if (r->attrs[i] & HZ_ATTR_USER_DEFINED && hz_utf8_valid(v->tokens[i].s, v->tokens[i].len))
            keys[n_user++] = (struct hz_trie_key){v->tokens[i].s, v->tokens[i].len, (int32_t)i};
    if (!status)
        status = hz_trie_build(&r->l->user_defined_trie, keys, n_user, r->err);
    free(keys);
    return status ? hz_fail_in(r->err, status, "%s: tokenizer.ggml.tokens", r->g->path) : HZ_OK;
}

static hz_status read_model(struct reader *r)
{
    hz_status status;
    switch (r->l->kind) {
    case HZ_LLAMA_SPM:
        return read_spm(r);
    case HZ_LLAMA_BPE:
        return read_bpe(r);
    case HZ_LLAMA_WPM:
        status = hz_wordpiece_new(&r->t->vocab, "", 0, SIZE_MAX, r->special.unk, &r->t->wordpiece, r->err);
        return status ? hz_fail_in(r->err, status, "%s: tokenizer.ggml.tokens", r->g->path) : HZ_OK;
    case HZ_LLAMA_UGM:
        return read_ugm(r);
    }
    return HZ_OK;
}

/* ---- special tokens, ends and texts ----------------------------------------------------------------------------- */

static int longest_first(const void *a, const void *b)
{
    const struct hz_llama_special *x = a, *y = b;
    if (x->len != y->len)
        return x->len > y->len ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

static hz_status list_specials(struct reader *r)
{
    struct hz_vocab *v = &r->t->vocab;
    struct hz_llama *l = r->l;
    size_t cap = 0;
    for (size_t id = 0; id < v->n; id++) {
        uint8_t attr = r->attrs[id];
        if (!(attr & (HZ_ATTR_CONTROL | HZ_ATTR_USER_DEFINED | HZ_ATTR_UNKNOWN)) ||
            !hz_utf8_valid(v->tokens[id].s, v->tokens[id].len)) /* would cut a character */
            continue;
        if (!HZ_GROW(l->specials, l->n_specials, cap))
            return hz_fail_nomem(r->err, cap * sizeof *l->specials);
        l->specials[l->n_specials++] =
            (struct hz_llama_special){.id = (int32_t)id,
                                      .len = v->tokens[id].len,
                                      .user_defined = !(attr & (HZ_ATTR_CONTROL | HZ_ATTR_UNKNOWN)),
                                      .lstrip = (attr & HZ_ATTR_LSTRIP) != 0,
                                      .rstrip = (attr & HZ_ATTR_RSTRIP) != 0};
    }
    if (!l->n_specials)
        return HZ_OK;
    qsort(l->specials, l->n_specials, sizeof *l->specials, longest_first);
    struct hz_trie_key *keys = hz_calloc(l->n_specials, sizeof *keys);
    if (!keys)
        return hz_fail_nomem(r->err, l->n_specials * sizeof *keys);
    for (size_t i = 0; i < l->n_specials; i++)
        keys[i] = (struct hz_trie_key){v->tokens[l->specials[i].id].s, l->specials[i].len, (int32_t)i};
    hz_status status = hz_trie_build(&l->special_trie, keys, l->n_specials, r->err);
    free(keys);
    return status ? hz_fail_in(r->err, status, "%s: tokenizer.ggml.tokens", r->g->path) : HZ_OK;
}

/* What a token is as text: llama.cpp's token_to_piece with special tokens shown. */
static bool spell(struct reader *r, size_t id, struct hz_buf *room)
{
    struct hz_vocab_entry *t = &r->t->vocab.tokens[id];
    uint8_t attr = r->attrs[id];
    hz_buf_clear(room);
    if (attr & (HZ_ATTR_UNKNOWN | HZ_ATTR_CONTROL))
        t->flags |= HZ_TOKEN_SPECIAL;
    if (attr & (HZ_ATTR_UNKNOWN | HZ_ATTR_CONTROL | HZ_ATTR_USER_DEFINED))
        return true;
    if (attr & HZ_ATTR_BYTE && t->len == 6) {
        unsigned byte = 0;
        for (int i = 3; i < 5; i++) {
            char c = t->s[i];
            byte = byte * 16 + (unsigned)(c >= 'a' ? c - 'a' + 10 : c >= 'A' ? c - 'A' + 10 : c - '0');
        }
        hz_buf_putc(room, (char)byte);
    } else if (!(attr & HZ_ATTR_NORMAL)) {
        t->text_len = 0; /* unused or undefined: nothing */
        return true;
    } else if (r->l->kind == HZ_LLAMA_BPE && !r->l->escape_whitespaces) {
        size_t len;
        hz_buf_put(room, t->s, t->len);
        if (room->failed || !hz_alphabet_decode(t->s, t->len, room->data, &len))
            return !room->failed; /* stands for itself */
        room->len = len;
    } else {
        for (size_t i = 0; i < t->len;) {
            bool meta = t->len - i >= 3 && !memcmp(t->s + i, "\xE2\x96\x81", 3);
            hz_buf_putc(room, meta ? ' ' : t->s[i]);
            i += meta ? 3 : 1;
        }
    }
    if (room->failed)
        return false;
    if (room->len == t->len && !memcmp(room->data, t->s, t->len))
        return true;
    t->text = hz_vocab_copy(&r->t->vocab, room->data, room->len);
    t->text_len = (uint32_t)room->len;
    return t->text != NULL;
}

static hz_status set_decoder(struct reader *r)
{
    struct hz_buf room;
    hz_buf_init(&room, SIZE_MAX / 4);
    bool ok = true;
    for (size_t id = 0; ok && id < r->t->vocab.n; id++)
        ok = spell(r, id, &room);
    hz_buf_free(&room);
    if (!ok)
        return hz_fail_nomem(r->err, r->t->vocab.n);
    if (r->l->add_space_prefix)
        HZ_TRY(hz_decode_chain_add(&r->t->decoder, (struct hz_decode_step){.kind = HZ_DECODE_FIRST_BLANK}, r->err));
    return hz_decode_chain_add(&r->t->decoder, (struct hz_decode_step){.kind = HZ_DECODE_BYTES}, r->err);
}

static hz_status set_post(struct reader *r)
{
    struct hz_ids *post = &r->t->post;
    struct hz_gguf_special *s = &r->special;
    bool wpm = r->l->kind == HZ_LLAMA_WPM, ok = true;
    if ((r->add_bos || wpm) && s->bos >= 0)
        ok = hz_ids_put(post, s->bos);
    ok = ok && hz_ids_put(post, HZ_POST_TEXT);
    int32_t last = wpm ? s->sep : r->add_eos ? s->eos : -1;
    if (last >= 0)
        ok = ok && hz_ids_put(post, last);
    r->t->bos = s->bos;
    r->t->eos = s->eos;
    return ok ? HZ_OK : hz_fail_nomem(r->err, sizeof *post->data);
}

static hz_status read_all(struct reader *r)
{
    r->t->cache = hz_word_cache_new();
    r->l = r->t->llama = hz_calloc(1, sizeof *r->l);
    if (!r->t->cache || !r->l)
        return hz_fail_nomem(r->err, sizeof *r->l);
    HZ_TRY(read_kind(r));
    HZ_TRY(read_tokens(r));
    HZ_TRY(read_scores(r));
    HZ_TRY(read_types(r));
    read_ids(r);
    HZ_TRY(read_model(r));
    HZ_TRY(hz_gguf_find_special(r->g, r->t, &r->special, r->attrs, r->err));
    HZ_TRY(list_specials(r));
    HZ_TRY(set_decoder(r));
    return set_post(r);
}

hz_status hz_tokenizer_from_gguf(const struct hz_gguf *g, struct hz_tokenizer **out, struct hz_error *err)
{
    *out = NULL;
    struct reader r = {.g = g, .err = err, .t = hz_calloc(1, sizeof *r.t)};
    if (!r.t)
        return hz_fail_nomem(err, sizeof *r.t);
    r.t->path = hz_strndup(g->path, strlen(g->path));
    hz_status status = r.t->path ? read_all(&r) : hz_fail_nomem(err, strlen(g->path));
    free(r.attrs);
    if (!status && r.t->llama->kind == HZ_LLAMA_SPM)
        r.t->scores = r.scores;
    else
        free(r.scores);
    if (status)
        hz_tokenizer_free(r.t);
    else
        *out = r.t;
    return status;
}
