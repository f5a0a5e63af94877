/* from_json.c - a tokenizer from tokenizer.json. */
#include "base/mem.h"
#include "text/json.h"
#include "text/utf8.h"
#include "token/bulk.h"
#include "token/ids.h"
#include "token/state.h"

#include <stdlib.h>
#include <string.h>

enum { SPARE_IDS = 1 << 16, IDS_PER_TOKEN = 16 }; /* how far ids may lie apart */
enum { MAX_POST = 256, MAX_POST_TEXTS = 4 };      /* tokens and texts in what a post-processor makes of a text */

struct reader {
    struct hz_tokenizer *t;
    const char *path;
    struct hz_json root, model;
    struct hz_bulk bulk; /* the vocabulary, then the merges */
    size_t n_vocab;      /* entries in the model's vocabulary */
    double *scores;      /* Unigram, by id */
    struct hz_error *err;
};

/* ---- vocabulary ------------------------------------------------------------------------------------------------- */

static hz_status put_token(struct reader *r, double id, const char *s, size_t len)
{
    /* The table of ids is as large as the largest: a file must not make it larger than its own size warrants. */
    double most = (double)(r->bulk.end - r->bulk.text) / 4 * IDS_PER_TOKEN + SPARE_IDS;
    if (!(id >= 0) || id > most || id >= INT32_MAX || id != (double)(uint32_t)id)
        return hz_bulk_fail(&r->bulk, "this is no id of a token");
    const char *copy = hz_vocab_copy(&r->t->vocab, s, len);
    if (!copy || !hz_vocab_put(&r->t->vocab, (uint32_t)id, copy, len))
        return hz_fail_nomem(r->err, len);
    r->n_vocab++;
    return HZ_OK;
}

/* {"token": id, ..} */
static hz_status read_vocab_object(struct reader *r)
{
    struct hz_bulk *b = &r->bulk;
    HZ_TRY(hz_bulk_expect(b, '{'));
    for (bool first = true, more;; first = false) {
        const char *s;
        size_t len;
        double id;
        HZ_TRY(hz_bulk_more(b, first, '}', &more));
        if (!more)
            break;
        HZ_TRY(hz_bulk_string(b, &s, &len));
        HZ_TRY(hz_bulk_expect(b, ':'));
        HZ_TRY(hz_bulk_number(b, &id));
        HZ_TRY(put_token(r, id, s, len));
    }
    r->n_vocab = r->t->vocab.ids.n; /* a spelling given twice is one entry */
    return HZ_OK;
}

/* [["token", score], ..]: the place is the id. */
static hz_status read_vocab_array(struct reader *r)
{
    struct hz_bulk *b = &r->bulk;
    size_t cap = 0;
    HZ_TRY(hz_bulk_expect(b, '['));
    for (bool first = true, more;; first = false) {
        const char *s;
        size_t len, n = r->n_vocab;
        HZ_TRY(hz_bulk_more(b, first, ']', &more));
        if (!more)
            return HZ_OK;
        HZ_TRY(hz_bulk_expect(b, '['));
        HZ_TRY(hz_bulk_string(b, &s, &len));
        HZ_TRY(hz_bulk_expect(b, ','));
        if (!HZ_GROW(r->scores, n, cap))
            return hz_fail_nomem(r->err, n * sizeof *r->scores);
        HZ_TRY(hz_bulk_number(b, &r->scores[n]));
        HZ_TRY(hz_bulk_expect(b, ']'));
        HZ_TRY(put_token(r, (double)n, s, len));
    }
}

static hz_status read_vocab(struct reader *r, const char *text, struct hz_bulk_part part)
{
    if (!part.from)
        return hz_fail(r->err, HZ_E_FORMAT, "%s: the model has no \"vocab\"", r->path);
    hz_bulk_begin(&r->bulk, text, r->path, part, r->err);
    if (!hz_vocab_reserve(&r->t->vocab, (size_t)(part.to - part.from) / 24)) /* about what an entry takes */
        return hz_fail_nomem(r->err, (size_t)(part.to - part.from));
    hz_status status = hz_bulk_peek(&r->bulk) == '[' ? read_vocab_array(r) : read_vocab_object(r);
    hz_bulk_free(&r->bulk);
    return status;
}

/* ---- models ----------------------------------------------------------------------------------------------------- */

static hz_status read_merge(struct reader *r, const char **a, size_t *a_len, const char **b, size_t *b_len)
{
    struct hz_bulk *k = &r->bulk;
    if (hz_bulk_peek(k) == '[') {
        HZ_TRY(hz_bulk_expect(k, '['));
        HZ_TRY(hz_bulk_string(k, a, a_len));
        HZ_TRY(hz_bulk_expect(k, ','));
        HZ_TRY(hz_bulk_string(k, b, b_len));
        return hz_bulk_expect(k, ']');
    }
    HZ_TRY(hz_bulk_string(k, a, a_len));
    const char *blank = memchr(*a, ' ', *a_len);
    if (!blank || memchr(blank + 1, ' ', *a_len - (size_t)(blank + 1 - *a)))
        return hz_bulk_fail(k, "a merge must be two tokens with a blank between them");
    *b = blank + 1;
    *b_len = *a_len - (size_t)(*b - *a);
    *a_len = (size_t)(blank - *a);
    return HZ_OK;
}

static hz_status read_merges(struct reader *r, const char *text, struct hz_bulk_part part)
{
    hz_bulk_begin(&r->bulk, text, r->path, part, r->err);
    struct hz_bulk *k = &r->bulk;
    hz_status status = hz_bulk_expect(k, '[');
    for (bool first = true, more; !status; first = false) {
        const char *a, *b;
        size_t a_len, b_len;
        status = hz_bulk_more(k, first, ']', &more);
        if (status || !more)
            break;
        status = read_merge(r, &a, &a_len, &b, &b_len);
        if (!status && !(first && a_len >= 8 && !memcmp(a, "#version", 8))) { /* a line of old merges files */
            status = hz_bpe_add_merge(r->t->bpe, a, a_len, b, b_len, r->err);
            if (status)
                hz_fail_in(r->err, status, "%s", r->path);
        }
    }
    hz_bulk_free(k);
    return status;
}

static const char *text_of(struct reader *r, const char *key, size_t *len)
{
    *len = 0;
    return hz_json_str(hz_json_get(r->model, key), len);
}

static hz_status read_bpe(struct reader *r, const char *text, struct hz_bulk_part merges)
{
    struct hz_tokenizer *t = r->t;
    struct hz_bpe_options o = {0};
    size_t unk_len, n = merges.from ? (size_t)(merges.to - merges.from) / 16 : 0;
    o.byte_fallback = hz_json_bool(hz_json_get(r->model, "byte_fallback"), false);
    o.fuse_unk = hz_json_bool(hz_json_get(r->model, "fuse_unk"), false);
    o.ignore_merges = hz_json_bool(hz_json_get(r->model, "ignore_merges"), false);
    const char *unk = text_of(r, "unk_token", &unk_len);
    o.has_unk = unk != NULL;
    o.unk = unk ? hz_vocab_id(&t->vocab, unk, unk_len) : -1;
    o.prefix = text_of(r, "continuing_subword_prefix", &o.prefix_len);
    o.suffix = text_of(r, "end_of_word_suffix", &o.suffix_len);
    /* Bytes need not be spelled and read again where nothing looks at their spelling. */
    o.byte_level = hz_pretok_is_byte_level(&t->pretok) && !o.byte_fallback;
    if (o.byte_level)
        t->pretok.n--;
    if (!merges.from)
        return hz_fail(r->err, HZ_E_FORMAT, "%s: the BPE model has no \"merges\"", r->path);
    hz_status status = hz_bpe_new(&t->vocab, &o, n, &t->bpe, r->err);
    if (status)
        return hz_fail_in(r->err, status, "%s", r->path);
    return read_merges(r, text, merges);
}

static hz_status read_unigram(struct reader *r)
{
    struct hz_tokenizer *t = r->t;
    struct hz_unigram *u = t->unigram = hz_calloc(1, sizeof *u);
    if (!u)
        return hz_fail_nomem(r->err, sizeof *u);
    u->vocab = &t->vocab;
    u->scores = r->scores;
    r->scores = NULL;
    u->byte_fallback = hz_json_bool(hz_json_get(r->model, "byte_fallback"), false);
    u->unk = -1;
    int64_t unk;
    if (hz_json_int(hz_json_get(r->model, "unk_id"), &unk)) {
        if (unk < 0 || (uint64_t)unk >= r->n_vocab)
            return hz_fail(r->err, HZ_E_FORMAT, "%s: unk_id %lld is not in the vocabulary", r->path, (long long)unk);
        u->unk = (int32_t)unk;
    }
    double least = 0;
    struct hz_trie_key *keys = hz_calloc(r->n_vocab, sizeof *keys);
    if (!keys)
        return hz_fail_nomem(r->err, r->n_vocab * sizeof *keys);
    for (size_t i = 0; i < r->n_vocab; i++) {
        const struct hz_vocab_entry *token = &t->vocab.tokens[i];
        keys[i] = (struct hz_trie_key){token->s, token->len, (int32_t)i};
        least = !i || u->scores[i] < least ? u->scores[i] : least;
    }
    u->unk_score = least - 10;
    for (int b = 0; b < 256; b++)
        u->byte_ids[b] = hz_vocab_byte_id(&t->vocab, (uint8_t)b);
    hz_status status = hz_trie_build(&u->trie, keys, r->n_vocab, r->err);
    free(keys);
    return status ? hz_fail_in(r->err, status, "%s", r->path) : HZ_OK;
}

static hz_status read_wordpiece(struct reader *r, bool words_only)
{
    struct hz_tokenizer *t = r->t;
    size_t unk_len, prefix_len;
    int64_t most = 100;
    const char *unk = text_of(r, "unk_token", &unk_len), *prefix = text_of(r, "continuing_subword_prefix", &prefix_len);
    hz_json_int(hz_json_get(r->model, "max_input_chars_per_word"), &most);
    if (!unk) {
        unk = words_only ? "<unk>" : "[UNK]";
        unk_len = 5;
    }
    if (!prefix) {
        prefix = "##";
        prefix_len = 2;
    }
    int32_t id = hz_vocab_id(&t->vocab, unk, unk_len);
    if (words_only)
        return hz_wordlevel_new(&t->vocab, id, &t->wordpiece, r->err);
    hz_status status =
        hz_wordpiece_new(&t->vocab, prefix, prefix_len, most < 0 ? 0 : (size_t)most, id, &t->wordpiece, r->err);
    return status ? hz_fail_in(r->err, status, "%s", r->path) : HZ_OK;
}

static hz_status read_model(struct reader *r, const char *text, struct hz_bulk_part vocab, struct hz_bulk_part merges)
{
    if (r->model.kind != HZ_JSON_OBJECT)
        return hz_fail(r->err, HZ_E_FORMAT, "%s: there is no \"model\"", r->path);
    HZ_TRY(read_vocab(r, text, vocab));
    r->t->vocab.n_model = r->t->vocab.n;
    const char *type = hz_json_str(hz_json_get(r->model, "type"), NULL);
    if (!type) /* older files don't say: what they have tells */
        type = merges.from                                                                ? "BPE"
               : r->scores                                                                ? "Unigram"
               : hz_json_get(r->model, "max_input_chars_per_word").kind != HZ_JSON_ABSENT ? "WordPiece"
                                                                                          : "WordLevel";
    bool unigram = !strcmp(type, "Unigram");
    if (unigram != (r->scores != NULL) && r->n_vocab)
        return hz_fail(r->err, HZ_E_FORMAT, "%s: the vocabulary of a %s model must be an %s", r->path, type,
                       unigram ? "array" : "object");
    if (!strcmp(type, "BPE"))
        return read_bpe(r, text, merges);
    if (unigram)
        return read_unigram(r);
    if (!strcmp(type, "WordPiece") || !strcmp(type, "WordLevel"))
        return read_wordpiece(r, !strcmp(type, "WordLevel"));
    return hz_fail(r->err, HZ_E_UNSUPPORTED, "%s: the model \"%s\" is not known", r->path, type);
}

/* ---- added tokens ----------------------------------------------------------------------------------------------- */

/* The pattern of a token that is looked for in normalized text, and what it is decoded from. */
static hz_status normalize_added(struct reader *r, struct hz_added_token *a, struct hz_flow *flow,
                                 struct hz_regex_scratch *scratch)
{
    hz_flow_set(flow, a->pattern, a->pattern_len, true);
    HZ_TRY(hz_normalize(&r->t->normalizer, flow, scratch, r->err));
    if (flow->len == a->pattern_len && !memcmp(flow->s, a->pattern, flow->len))
        return HZ_OK;
    a->pattern = hz_vocab_copy(&r->t->vocab, flow->s, flow->len);
    a->pattern_len = flow->len;
    return a->pattern ? HZ_OK : hz_fail_nomem(r->err, flow->len);
}

/* As the definition does, the id is what the vocabulary says, else the next free one; the file's "id" is not asked. */
static hz_status add_token(struct reader *r, struct hz_json json, uint32_t *next, struct hz_flow *flow,
                           struct hz_regex_scratch *scratch)
{
    struct hz_tokenizer *t = r->t;
    size_t len;
    const char *s = hz_json_str(hz_json_get(json, "content"), &len);
    if (!s || len > 1 << 20)
        return hz_fail(r->err, HZ_E_FORMAT, "%s: added_tokens: the \"content\" must be a string", r->path);
    if (!len)
        return HZ_OK;
    int32_t known = hz_vocab_id(&t->vocab, s, len);
    uint32_t id = known >= 0 ? (uint32_t)known : (*next)++;
    const char *copy = hz_vocab_copy(&t->vocab, s, len);
    if (!copy || !hz_vocab_put(&t->vocab, id, copy, len) || !HZ_GROW(t->added.tokens, t->added.n, t->added.cap))
        return hz_fail_nomem(r->err, len);
    bool special = hz_json_bool(hz_json_get(json, "special"), false);
    struct hz_added_token *a = &t->added.tokens[t->added.n++];
    *a = (struct hz_added_token){
        .id = (int32_t)id,
        .pattern = copy,
        .pattern_len = len,
        .special = special,
        .single_word = hz_json_bool(hz_json_get(json, "single_word"), false),
        .lstrip = hz_json_bool(hz_json_get(json, "lstrip"), false),
        .rstrip = hz_json_bool(hz_json_get(json, "rstrip"), false),
        .normalized = hz_json_bool(hz_json_get(json, "normalized"), !special),
    };
    struct hz_vocab_entry *token = &t->vocab.tokens[id];
    if (a->normalized)
        HZ_TRY(normalize_added(r, a, flow, scratch));
    token->text = a->pattern;
    token->text_len = (uint32_t)a->pattern_len;
    token->flags = special ? HZ_TOKEN_SPECIAL : 0;
    return HZ_OK;
}

static hz_status read_added(struct reader *r)
{
    struct hz_regex_scratch *scratch;
    struct hz_flow flow;
    uint32_t next = (uint32_t)r->n_vocab;
    HZ_TRY(hz_regex_scratch_new(&scratch, r->err));
    hz_flow_init(&flow, 1 << 24);
    hz_status status = HZ_OK;
    for (struct hz_json_iter it = hz_json_each(hz_json_get(r->root, "added_tokens")); !status && hz_json_next(&it);)
        status = add_token(r, it.value, &next, &flow, scratch);
    hz_flow_free(&flow);
    hz_regex_scratch_free(scratch);
    HZ_TRY(status);
    status = hz_added_build(&r->t->added, r->err);
    return status ? hz_fail_in(r->err, status, "%s: added_tokens", r->path) : HZ_OK;
}

/* ---- post-processor --------------------------------------------------------------------------------------------- */

static hz_status post_put(struct reader *r, struct hz_ids *list, int64_t id)
{
    if (id < HZ_POST_TEXT || id > INT32_MAX)
        return hz_fail(r->err, HZ_E_FORMAT, "%s: post_processor: %lld is no id", r->path, (long long)id);
    if (list->n >= MAX_POST)
        return hz_fail(r->err, HZ_E_LIMIT, "%s: post_processor: it adds more than %d tokens to a text", r->path,
                       MAX_POST);
    return hz_ids_put(list, (int32_t)id) ? HZ_OK : hz_fail_nomem(r->err, sizeof id);
}

/* The "single" template: special tokens by name, and the text, which is what earlier processors made of it. */
static hz_status read_template(struct reader *r, struct hz_json json, const struct hz_ids *before, struct hz_ids *list)
{
    struct hz_json named = hz_json_get(json, "special_tokens");
    for (struct hz_json_iter it = hz_json_each(hz_json_get(json, "single")); hz_json_next(&it);) {
        if (hz_json_get(it.value, "Sequence").kind == HZ_JSON_OBJECT) {
            for (size_t i = 0; i < before->n; i++)
                HZ_TRY(post_put(r, list, before->data[i]));
            continue;
        }
        size_t len;
        const char *name = hz_json_str(hz_json_get(hz_json_get(it.value, "SpecialToken"), "id"), &len);
        struct hz_json ids = name ? hz_json_get(hz_json_get_n(named, name, len), "ids") : (struct hz_json){0};
        if (ids.kind != HZ_JSON_ARRAY)
            return hz_fail(r->err, HZ_E_FORMAT,
                           "%s: post_processor: a token of \"single\" is not in \"special_tokens\"", r->path);
        for (struct hz_json_iter k = hz_json_each(ids); hz_json_next(&k);) {
            int64_t id = -2;
            hz_json_int(k.value, &id);
            HZ_TRY(post_put(r, list, id < 0 ? -2 : id));
        }
    }
    return HZ_OK;
}

/* BertProcessing and RobertaProcessing: cls, the text, sep. */
static hz_status read_pair(struct reader *r, struct hz_json json, const struct hz_ids *before, struct hz_ids *list)
{
    int64_t cls, sep;
    if (!hz_json_int(hz_json_at(hz_json_get(json, "cls"), 1), &cls) || cls < 0 ||
        !hz_json_int(hz_json_at(hz_json_get(json, "sep"), 1), &sep) || sep < 0)
        return hz_fail(r->err, HZ_E_FORMAT, "%s: post_processor: \"cls\" and \"sep\" must be [token, id]", r->path);
    HZ_TRY(post_put(r, list, cls));
    for (size_t i = 0; i < before->n; i++)
        HZ_TRY(post_put(r, list, before->data[i]));
    return post_put(r, list, sep);
}

static hz_status read_post(struct reader *r, struct hz_json json, struct hz_ids *list, int depth)
{
    if (json.kind == HZ_JSON_NULL || json.kind == HZ_JSON_ABSENT)
        return HZ_OK;
    const char *type = hz_json_str(hz_json_get(json, "type"), NULL);
    if (!type || depth > 32)
        return hz_fail(r->err, HZ_E_FORMAT, "%s: post_processor: an object with a \"type\" is expected", r->path);
    if (!strcmp(type, "ByteLevel")) /* only trims offsets */
        return HZ_OK;
    if (!strcmp(type, "Sequence")) {
        for (struct hz_json_iter it = hz_json_each(hz_json_get(json, "processors")); hz_json_next(&it);)
            HZ_TRY(read_post(r, it.value, list, depth + 1));
        return HZ_OK;
    }
    struct hz_ids before = *list;
    *list = (struct hz_ids){0};
    hz_status status;
    if (!strcmp(type, "TemplateProcessing"))
        status = read_template(r, json, &before, list);
    else if (!strcmp(type, "BertProcessing") || !strcmp(type, "RobertaProcessing"))
        status = read_pair(r, json, &before, list);
    else
        status = hz_fail(r->err, HZ_E_UNSUPPORTED, "%s: the post-processor \"%s\" is not known", r->path, type);
    hz_ids_free(&before);
    size_t texts = 0;
    for (size_t i = 0; i < list->n; i++)
        texts += list->data[i] == HZ_POST_TEXT;
    if (!status && texts > MAX_POST_TEXTS)
        status = hz_fail(r->err, HZ_E_LIMIT, "%s: post_processor: it gives the text %zu times, expected at most %d",
                         r->path, texts, MAX_POST_TEXTS);
    return status;
}

/* ---- the whole -------------------------------------------------------------------------------------------------- */

/* Some files (Mistral's tekken 13) spell their pieces in bytes, but have the decoder of a SentencePiece model, with
 * which `tokenizers` shows blanks as U+0120. What the pieces are the pre-tokenizer tells. */
static hz_status read_decoder(struct reader *r, bool byte_level)
{
    struct hz_decode_chain *d = &r->t->decoder;
    HZ_TRY(hz_decode_chain_read(d, hz_json_get(r->root, "decoder"), r->path, r->err));
    bool fallback = false;
    for (size_t i = 0; i < d->n; i++) {
        fallback |= d->steps[i].kind == HZ_DECODE_BYTE_FALLBACK;
        byte_level &= d->steps[i].kind != HZ_DECODE_ALPHABET;
    }
    if (!byte_level || !fallback)
        return HZ_OK;
    hz_decode_chain_free(d);
    HZ_TRY(hz_decode_chain_add(d, (struct hz_decode_step){.kind = HZ_DECODE_ALPHABET}, r->err));
    return hz_decode_chain_add(d, (struct hz_decode_step){.kind = HZ_DECODE_BYTES}, r->err);
}

/* With ByteLevel first in the decoder, the bytes of each token are worked out once. */
static hz_status spell_bytes(struct reader *r)
{
    struct hz_decode_chain *d = &r->t->decoder;
    struct hz_vocab *v = &r->t->vocab;
    if (!d->n || d->steps[0].kind != HZ_DECODE_ALPHABET)
        return HZ_OK;
    memmove(d->steps, d->steps + 1, --d->n * sizeof *d->steps);
    struct hz_buf room;
    hz_buf_init(&room, SIZE_MAX / 4);
    for (size_t id = 0; id < v->n; id++) {
        struct hz_vocab_entry *t = &v->tokens[id];
        size_t len;
        hz_buf_clear(&room);
        hz_buf_put(&room, t->text, t->text_len);
        if (!room.failed && t->text_len && hz_alphabet_decode(t->text, t->text_len, room.data, &len) &&
            (len != t->text_len || memcmp(room.data, t->text, len) != 0)) {
            t->text = hz_vocab_copy(v, room.data, len);
            t->text_len = (uint32_t)len;
        }
        if (room.failed || (t->s && !t->text)) {
            hz_buf_free(&room);
            return hz_fail_nomem(r->err, t->len);
        }
    }
    hz_buf_free(&room);
    return HZ_OK;
}

/* Special is what is spelled as a special token: so it is asked for in the definition, where a normalized token goes by
 * its normalized spelling. */
static void mark_special(struct hz_tokenizer *t)
{
    for (size_t i = 0; i < t->added.n; i++) {
        const struct hz_added_token *a = &t->added.tokens[i];
        struct hz_vocab_entry *token = &t->vocab.tokens[a->id];
        if (a->special && (token->text_len != token->len || memcmp(token->text, token->s, token->len) != 0))
            token->flags &= ~(unsigned)HZ_TOKEN_SPECIAL;
    }
}

/* What each key must be wherever it stands; the readers take another value for an absent one. null is one. */
static const struct {
    const char *key;
    enum hz_json_kind kind;
} kinds[] = {
    {"add_prefix_space", HZ_JSON_BOOL},
    {"use_regex", HZ_JSON_BOOL},
    {"invert", HZ_JSON_BOOL},
    {"split", HZ_JSON_BOOL},
    {"individual_digits", HZ_JSON_BOOL},
    {"lowercase", HZ_JSON_BOOL},
    {"clean_text", HZ_JSON_BOOL},
    {"handle_chinese_chars", HZ_JSON_BOOL},
    {"strip_accents", HZ_JSON_BOOL},
    {"strip_left", HZ_JSON_BOOL},
    {"strip_right", HZ_JSON_BOOL},
    {"cleanup", HZ_JSON_BOOL},
    {"byte_fallback", HZ_JSON_BOOL},
    {"fuse_unk", HZ_JSON_BOOL},
    {"ignore_merges", HZ_JSON_BOOL},
    {"special", HZ_JSON_BOOL},
    {"single_word", HZ_JSON_BOOL},
    {"lstrip", HZ_JSON_BOOL},
    {"rstrip", HZ_JSON_BOOL},
    {"normalized", HZ_JSON_BOOL},
    {"type", HZ_JSON_STRING},
    {"unk_token", HZ_JSON_STRING},
    {"continuing_subword_prefix", HZ_JSON_STRING},
    {"end_of_word_suffix", HZ_JSON_STRING},
    {"added_tokens", HZ_JSON_ARRAY},
    {"processors", HZ_JSON_ARRAY},
    {"single", HZ_JSON_ARRAY},
    {"unk_id", HZ_JSON_INT},
    {"max_input_chars_per_word", HZ_JSON_INT},
};

static hz_status check_kinds(struct reader *r, struct hz_json json)
{
    for (struct hz_json_iter it = hz_json_each(json); hz_json_next(&it);) {
        size_t i = 0;
        while (it.key && i < HZ_COUNT(kinds) && strcmp(it.key, kinds[i].key) != 0)
            i++;
        bool known = it.key && i < HZ_COUNT(kinds) && it.value.kind != HZ_JSON_NULL;
        if (known && it.value.kind != kinds[i].kind)
            return hz_fail(r->err, HZ_E_FORMAT, "%s: \"%s\" is %s, expected %s", r->path, it.key,
                           hz_json_kind_name(it.value.kind), hz_json_kind_name(kinds[i].kind));
        if (!it.key || strcmp(it.key, "special_tokens") != 0) /* whose keys are tokens */
            HZ_TRY(check_kinds(r, it.value));
    }
    return HZ_OK;
}

static hz_status read_all(struct reader *r, const char *text, struct hz_bulk_part vocab, struct hz_bulk_part merges)
{
    struct hz_tokenizer *t = r->t;
    t->cache = hz_word_cache_new();
    t->path = hz_strndup(r->path, strlen(r->path));
    if (!t->cache || !t->path || !hz_ids_put(&t->post, HZ_POST_TEXT))
        return hz_fail_nomem(r->err, sizeof *t);
    HZ_TRY(check_kinds(r, r->root));
    HZ_TRY(hz_normalizer_read(&t->normalizer, hz_json_get(r->root, "normalizer"), r->path, r->err));
    HZ_TRY(hz_pretok_read(&t->pretok, hz_json_get(r->root, "pre_tokenizer"), r->path, r->err));
    bool byte_level = hz_pretok_is_byte_level(&t->pretok);
    HZ_TRY(read_model(r, text, vocab, merges));
    HZ_TRY(read_added(r));
    HZ_TRY(read_post(r, hz_json_get(r->root, "post_processor"), &t->post, 0));
    HZ_TRY(read_decoder(r, byte_level));
    mark_special(t);
    HZ_TRY(spell_bytes(r));
    if (t->post.n > 1 && t->post.data[0] != HZ_POST_TEXT)
        t->bos = t->post.data[0];
    if (t->post.n > 1 && t->post.data[t->post.n - 1] != HZ_POST_TEXT)
        t->eos = t->post.data[t->post.n - 1];
    return HZ_OK;
}

hz_status hz_tokenizer_from_json(const char *text, size_t len, const char *path, struct hz_tokenizer **out,
                                 struct hz_error *err)
{
    *out = NULL;
    struct hz_bulk_part vocab, merges;
    struct hz_json_doc *doc = NULL;
    struct hz_buf rest;
    hz_buf_init(&rest, len + 64);
    struct reader r = {.path = path, .err = err, .t = hz_calloc(1, sizeof *r.t)};
    hz_status status =
        r.t ? hz_bulk_split(text, len, path, &rest, &vocab, &merges, err) : hz_fail_nomem(err, sizeof *r.t);
    if (!status)
        status = hz_json_parse(rest.data, rest.len, path, &doc, err);
    if (!status) {
        r.root = hz_json_root(doc);
        r.model = hz_json_get(r.root, "model");
        r.t->bos = r.t->eos = -1;
        status = read_all(&r, text, vocab, merges);
    }
    hz_json_free(doc);
    hz_buf_free(&rest);
    free(r.scores);
    if (status)
        hz_tokenizer_free(r.t);
    else
        *out = r.t;
    return status;
}
