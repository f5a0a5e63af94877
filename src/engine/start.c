/* start.c - hz_request_start: the input to ids, everything checked, all memory of the request taken. */
#include "engine/internal.h"

#include "base/mem.h"
#include "base/os/sys.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void hz_sampling_default(struct hz_sampling *sampling)
{
    *sampling = (struct hz_sampling){.temperature = -1,
                                     .top_k = -1,
                                     .top_p = -1,
                                     .min_p = -1,
                                     .repetition_penalty = -1,
                                     .presence_penalty = NAN,
                                     .frequency_penalty = NAN,
                                     .dry_multiplier = -1,
                                     .dry_base = -1,
                                     .dry_allowed_length = -1,
                                     .seed = -1};
}

/* ---- sampling parameters --------------------------------------------------------------------- */

/* What the request says, else what the checkpoint says, else the default; below 0 and NaN say nothing. */
static float resolve(float asked, float published, float otherwise)
{
    return asked >= 0 ? asked : published >= 0 ? published : otherwise;
}

static hz_status add_id(struct hz_ids *ids, int32_t id, struct hz_error *err)
{
    if (!HZ_GROW(ids->data, ids->n, ids->cap))
        return hz_fail_nomem(err, ids->cap * sizeof *ids->data);
    ids->data[ids->n++] = id;
    return HZ_OK;
}

/* Adds the ids whose text holds one of the strings; *met: bits of strings that some id holds. */
static hz_status find_breaker_ids(const struct hz_engine *e, const char *const *strings, size_t n, struct hz_ids *out,
                                  uint64_t *met, struct hz_error *err)
{
    struct hz_buf text;
    hz_status status = HZ_OK;
    uint32_t n_ids = (uint32_t)HZ_MIN(hz_tokenizer_size(e->tokenizer), e->plan->n_vocab);
    hz_buf_init(&text, 1 << 16);
    for (int32_t id = 0; (uint32_t)id < n_ids && status == HZ_OK; id++) {
        bool holds = false;
        hz_buf_clear(&text);
        if (!hz_token_spelling(e->tokenizer, id, NULL) || hz_decode(e->tokenizer, &id, 1, false, &text, NULL) != HZ_OK)
            continue;
        for (size_t i = 0; i < n && text.len; i++)
            if (strstr(text.data, strings[i])) {
                holds = true;
                *met |= (uint64_t)1 << i;
            }
        status = holds ? add_id(out, id, err) : HZ_OK;
    }
    hz_buf_free(&text);
    return status;
}

/* Ids that end a DRY match: those whose text holds a breaker; of a breaker that no token holds the last of its ids. */
static hz_status find_breakers(const struct hz_engine *e, const struct hz_sampling *s, struct hz_ids *out,
                               struct hz_error *err)
{
    static const char *const usual[] = {"\n", ":", "\"", "*"};
    const char *const *strings = s->dry_breakers ? s->dry_breakers : usual;
    size_t n = s->dry_breakers ? s->n_dry_breakers : HZ_COUNT(usual);
    uint64_t met = 0;
    if (n > 64)
        return hz_fail(err, HZ_E_LIMIT, "%zu DRY breakers, at most 64", n);
    for (size_t i = 0; i < n; i++)
        if (!strings[i] || !*strings[i])
            return hz_fail(err, HZ_E_INVALID, "DRY breaker %zu is empty", i);
    if (!e->tokenizer)
        return HZ_OK;
    HZ_TRY(find_breaker_ids(e, strings, n, out, &met, err));
    for (size_t i = 0; i < n; i++) {
        struct hz_ids own = {0};
        hz_status status = HZ_OK;
        if (!(met >> i & 1))
            status = hz_encode(e->tokenizer, strings[i], strlen(strings[i]), 0, &own, err);
        if (status == HZ_OK && own.n)
            status = add_id(out, own.data[own.n - 1], err);
        hz_ids_free(&own);
        HZ_TRY(status);
    }
    return HZ_OK;
}

static hz_status make_sampler(const struct hz_engine *e, struct hz_request *r, const struct hz_sampling *s,
                              struct hz_error *err)
{
    const struct hz_model_facts *f = &e->facts;
    struct hz_ids breakers = {0};
    int32_t top_k = s->top_k >= 0 ? s->top_k : f->sampling.top_k;
    struct hz_sample_params p = {
        .temperature = resolve(s->temperature, f->sampling.temperature, 0),
        .top_k = top_k > 0 ? (uint32_t)top_k : 0,
        .top_p = resolve(s->top_p, f->sampling.top_p, 1),
        .min_p = resolve(s->min_p, f->sampling.min_p, 0),
        .repetition_penalty = resolve(s->repetition_penalty, f->sampling.repetition_penalty, 1),
        .presence_penalty = isnan(s->presence_penalty) ? 0 : s->presence_penalty,
        .frequency_penalty = isnan(s->frequency_penalty) ? 0 : s->frequency_penalty,
        .dry_multiplier = resolve(s->dry_multiplier, -1, 0),
        .dry_base = resolve(s->dry_base, -1, 1.75f),
        .dry_allowed_length = s->dry_allowed_length >= 0 ? (uint32_t)s->dry_allowed_length : 2,
        .bias = s->bias,
        .n_bias = s->n_bias,
        .seed = s->seed >= 0 ? (uint64_t)s->seed : hz_random_u64(),
    };
    hz_status status = p.dry_multiplier > 0 ? find_breakers(e, s, &breakers, err) : HZ_OK;
    p.breakers = breakers.data;
    p.n_breakers = breakers.n;
    if (status == HZ_OK)
        status = hz_sample_new(&p, e->plan->n_vocab, r->n_max, &r->sample, err);
    hz_ids_free(&breakers);
    return status;
}

/* ---- the prompt ------------------------------------------------------------------------------ */

static hz_status append_ids(struct hz_ids *ids, const int32_t *from, size_t n, struct hz_error *err)
{
    ids->data = hz_calloc(n ? n : 1, sizeof *ids->data);
    if (!ids->data)
        return hz_fail_nomem(err, n * sizeof *ids->data);
    ids->n = ids->cap = n;
    memcpy(ids->data, from, n * sizeof *from);
    return HZ_OK;
}

/* Raw text, with the tokenizer's own special tokens in front. An end token that its post-processor sets behind is left
 * out: the answer would begin after the end. */
static hz_status encode_text(const struct hz_tokenizer *t, const char *text, size_t len, struct hz_ids *ids,
                             struct hz_error *err)
{
    HZ_TRY(hz_encode(t, text, len, HZ_ENCODE_SPECIAL | HZ_ENCODE_PARSE_SPECIAL, ids, err));
    int32_t eos = hz_tokenizer_eos(t);
    size_t n = 0;
    const char *spelling = eos >= 0 ? hz_token_spelling(t, eos, &n) : NULL;
    bool written = spelling && n <= len && !memcmp(text + len - n, spelling, n);
    if (ids->n > 1 && ids->data[ids->n - 1] == eos && !written)
        ids->n--;
    return HZ_OK;
}

static hz_status read_prompt(const struct hz_engine *e, const struct hz_request_options *o, struct hz_ids *ids,
                             struct hz_error *err)
{
    if (!!o->ids + !!o->text + !!o->chat_json != 1)
        return hz_fail(err, HZ_E_INVALID, "a request has one of ids, text and chat_json, this one has %d",
                       !!o->ids + !!o->text + !!o->chat_json);
    if (o->ids)
        return append_ids(ids, o->ids, o->n_ids, err);
    if (!e->tokenizer) /* says why */
        return e->model ? hz_model_tokenizer(e->model, &(const struct hz_tokenizer *){NULL}, err)
                        : hz_fail(err, HZ_E_UNSUPPORTED, "the model has no tokenizer: give ids");
    if (o->text)
        return encode_text(e->tokenizer, o->text, o->text_len, ids, err);
    char *text;
    size_t len;
    if (!e->model)
        return hz_fail(err, HZ_E_UNSUPPORTED, "the model has no chat template: give text or ids");
    HZ_TRY(hz_render(e->model, o->chat_json, o->chat_json_len, &text, &len, err));
    hz_status status = hz_encode(e->tokenizer, text, len, HZ_ENCODE_PARSE_SPECIAL, ids, err);
    hz_free(text);
    return status;
}

static hz_status check_prompt(const struct hz_engine *e, const struct hz_ids *ids, struct hz_error *err)
{
    if (!ids->n)
        return hz_fail(err, HZ_E_INVALID, "the prompt has no tokens");
    if (ids->n > e->context)
        return hz_fail(err, HZ_E_LIMIT, "the prompt has %zu tokens, the context holds %u%s", ids->n, e->context,
                       e->context_ends ? ", all that the model has learned" : "; --max-seq-len makes it longer");
    for (size_t i = 0; i < ids->n; i++)
        if (ids->data[i] < 0 || (uint32_t)ids->data[i] >= e->plan->n_vocab)
            return hz_fail(err, HZ_E_INVALID, "id %d at place %zu of the prompt, the vocabulary has ids 0 to %u",
                           ids->data[i], i, e->plan->n_vocab - 1);
    return HZ_OK;
}

/* ---- the request ----------------------------------------------------------------------------- */

static hz_status check_options(const struct hz_engine *e, const struct hz_request_options *o, struct hz_error *err)
{
    if (!e->loaded)
        return hz_fail(err, HZ_E_INVALID, "no model is loaded");
    if (o->model && strcmp(o->model, e->model_name) != 0)
        return hz_fail(err, HZ_E_NOTFOUND, "no model is loaded as %s, the only one is %s", o->model, e->model_name);
    if (o->top_logprobs > HZ_TOP)
        return hz_fail(err, HZ_E_INVALID, "top_logprobs is %u, at most %d", o->top_logprobs, HZ_TOP);
    if (o->want & ~(unsigned)(HZ_WANT_LOGITS | HZ_WANT_PROMPT_LOGPROBS))
        return hz_fail(err, HZ_E_UNSUPPORTED, "want is %#x, known are logits (1) and prompt logprobs (2)", o->want);
    return HZ_OK;
}

static bool outbox_init(struct hz_outbox *box)
{
    hz_buf_init(&box->text, SIZE_MAX / 2);
    hz_buf_init(&box->bytes, SIZE_MAX / 2);
    /* room for what waits for a reader who keeps up: then no step takes memory */
    hz_buf_put(&box->text, NULL, 0);
    hz_buf_put(&box->bytes, NULL, 0);
    return hz_grow((void **)&box->tokens, &box->cap_tokens, 16, sizeof *box->tokens);
}

/* Memory whose size the prompt and the wishes say. */
static hz_status take_memory(const struct hz_engine *e, struct hz_request *r, const struct hz_ids *ids,
                             const struct hz_request_options *o, struct hz_error *err)
{
    size_t salt = o->cache_salt ? strlen(o->cache_salt) + 1 : 0, n_rows = HZ_MIN(r->n_prompt, e->limits.outputs);
    r->key_len = sizeof r->rope + salt;
    r->key = hz_calloc(r->key_len, 1);
    r->tokens = hz_calloc(r->n_max, sizeof *r->tokens);
    r->pages.cap = (r->n_max + HZ_PAGE_TOKENS - 1) / HZ_PAGE_TOKENS;
    r->pages.tip = HZ_NONE;
    r->pages.blocks = hz_calloc((size_t)r->pages.cap * e->shape.n_groups + 1, sizeof *r->pages.blocks);
    r->lock = hz_mutex_new();
    r->cond = hz_cond_new();
    if (!r->key || !r->tokens || !r->pages.blocks || !r->lock || !r->cond || !outbox_init(&r->pending) ||
        !outbox_init(&r->taken))
        return hz_fail_nomem(err, r->n_max * sizeof *r->tokens);
    if (salt) /* with its NUL: no salt differs from the empty one */
        memcpy(r->key + sizeof r->rope, o->cache_salt, salt);
    memcpy(r->tokens, ids->data, r->n_prompt * sizeof *r->tokens);
    if (o->want & HZ_WANT_LOGITS) {
        r->rows_cap = (uint32_t)n_rows;
        r->logits = hz_calloc(n_rows * e->plan->n_vocab, sizeof *r->logits);
        if (!r->logits)
            return hz_fail_nomem(err, n_rows * e->plan->n_vocab * sizeof *r->logits);
    }
    if (o->want & HZ_WANT_PROMPT_LOGPROBS) {
        r->row_logprobs = hz_calloc(r->n_prompt, sizeof *r->row_logprobs);
        if (!r->row_logprobs)
            return hz_fail_nomem(err, r->n_prompt * sizeof *r->row_logprobs);
    }
    return HZ_OK;
}

static hz_status make_request(struct hz_engine *e, const struct hz_request_options *o, struct hz_request *r,
                              struct hz_error *err)
{
    struct hz_ids ids = {0};
    hz_status status = read_prompt(e, o, &ids, err);
    if (status == HZ_OK)
        status = check_prompt(e, &ids, err);
    if (status != HZ_OK)
        goto fail;
    r->engine = e;
    r->n_prompt = r->n_tokens = (uint32_t)ids.n;
    uint32_t room = e->context - r->n_prompt;
    r->n_max = r->n_prompt + (o->max_tokens < 0 ? room : HZ_MIN((uint32_t)o->max_tokens, room));
    r->want = o->want;
    r->ignore_eos = o->ignore_eos;
    r->any_id = o->any_id;
    r->n_top = o->top_logprobs;
    r->logprobs = o->logprobs || o->top_logprobs;
    r->wake = o->wake;
    r->user = o->user;
    if ((status = take_memory(e, r, &ids, o, err)) != HZ_OK ||
        (status = make_sampler(e, r, &o->sampling, err)) != HZ_OK ||
        (status = hz_stops_new(o->stop, o->n_stop, &r->stops, err)) != HZ_OK)
        goto fail;
    for (uint32_t i = 0; i < r->n_prompt; i++)
        hz_sample_push(r->sample, r->tokens[i], false);
    if (e->tokenizer && (status = hz_detok_new(e->tokenizer, !o->special_text, &r->detok, err)) != HZ_OK)
        goto fail;
    int32_t last = r->tokens[r->n_prompt - 1];
    if (r->detok && !o->chat_json && hz_token_spelling(e->tokenizer, last, NULL)) {
        /* an answer that continues text keeps the blank in front, which the beginning of a text would lose */
        const char *piece;
        size_t len;
        status = hz_detok_push(r->detok, last, &piece, &len, err);
    }
fail:
    hz_ids_free(&ids);
    return status;
}

hz_status hz_request_start(hz_engine *e, const struct hz_request_options *options, hz_request **request,
                           struct hz_error *err)
{
    struct hz_request_options o;
    double now = hz_clock();
    HZ_TRY(hz_options_copy(&o, sizeof o, options, "hz_request_options", err));
    HZ_TRY(check_options(e, &o, err));
    struct hz_request *r = hz_calloc(1, sizeof *r);
    if (!r)
        return hz_fail_nomem(err, sizeof *r);
    hz_status status = make_request(e, &o, r, err);
    if (status != HZ_OK) {
        hz_request_destroy(r);
        return status;
    }
    r->at_start = now;
    hz_mutex_lock(e->lock);
    *e->incoming_end = r;
    e->incoming_end = &r->next;
    e->kicked = true;
    hz_cond_signal(e->cond);
    hz_mutex_unlock(e->lock);
    *request = r;
    return HZ_OK;
}
