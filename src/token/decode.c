/* decode.c - the chain of decoders. Reading it from JSON: decode_read.c. */
#include "token/decode.h"

#include "base/mem.h"
#include "text/utf8.h"

#include <stdlib.h>
#include <string.h>

#define REPLACEMENT "\xEF\xBF\xBD"

enum { BEGIN = 1, END = 2, WHOLE = BEGIN | END }; /* of a token, which may come in several chunks */

hz_status hz_decode_chain_add(struct hz_decode_chain *d, struct hz_decode_step step, struct hz_error *err)
{
    if (!HZ_GROW(d->steps, d->n, d->cap)) {
        hz_regex_free(step.regex);
        free(step.literal);
        free(step.content);
        return hz_fail_nomem(err, sizeof step);
    }
    d->steps[d->n++] = step;
    return HZ_OK;
}

void hz_decode_chain_free(struct hz_decode_chain *d)
{
    for (size_t i = 0; i < d->n; i++) {
        hz_regex_free(d->steps[i].regex);
        free(d->steps[i].literal);
        free(d->steps[i].content);
    }
    free(d->steps);
    *d = (struct hz_decode_chain){0};
}

hz_status hz_decoding_begin(struct hz_decoding *g, const struct hz_decode_chain *d, bool eager, struct hz_buf *out,
                            struct hz_error *err)
{
    *g = (struct hz_decoding){.d = d, .eager = eager, .out = out};
    g->states = hz_calloc(d->n, sizeof *g->states);
    if (!g->states)
        return hz_fail_nomem(err, d->n * sizeof *g->states);
    for (size_t i = 0; i < d->n; i++) {
        hz_buf_init(&g->states[i].held, out->max);
        hz_buf_init(&g->states[i].chunks, out->max);
    }
    return hz_regex_scratch_new(&g->scratch, err);
}

void hz_decoding_free(struct hz_decoding *g)
{
    for (size_t i = 0; g->states && i < g->d->n; i++) {
        hz_buf_free(&g->states[i].held);
        hz_buf_free(&g->states[i].chunks);
    }
    free(g->states);
    hz_regex_scratch_free(g->scratch);
    *g = (struct hz_decoding){0};
}

static void feed(struct hz_decoding *g, size_t k, const char *s, size_t len, int part);

/* ---- bytes ------------------------------------------------------------------------------------------------------ */

/* Length of the maximal beginning of a character at s, which is not a character: 1 to 3. */
static size_t broken_length(const char *s, size_t len)
{
    size_t n = 1;
    while (n < 3 && n < len && hz_utf8_unfinished(s, n + 1) == n + 1)
        n++;
    return n;
}

/* What of held and s together is text or surely none; the beginning of a character at the end waits. */
static void feed_bytes(struct hz_decoding *g, size_t k, const char *s, size_t len, bool last)
{
    struct hz_decode_state *st = &g->states[k];
    hz_buf_put(&st->held, s, len);
    const char *p = st->held.data;
    size_t n = st->held.len, waits = last || !n ? 0 : hz_utf8_unfinished(p, n), end = n - waits;
    for (size_t at = 0, from = 0; at < end || from < end;) {
        uint32_t cp;
        size_t step = at < end ? hz_utf8_decode(p + at, end - at, &cp) : 0;
        if (step) {
            at += step;
            continue;
        }
        if (at > from) {
            feed(g, k + 1, p + from, at - from, st->open ? 0 : BEGIN);
            st->open = true;
        }
        if (at < end) {
            feed(g, k + 1, REPLACEMENT, 3, st->open ? 0 : BEGIN);
            st->open = true;
            at += broken_length(p + at, end - at);
        }
        from = at;
    }
    if (n && !st->held.failed) {
        memmove(st->held.data, p + end, waits);
        st->held.len = waits;
    }
}

static bool byte_token(const char *s, size_t len, uint8_t *byte)
{
    static const char digits[] = "0123456789abcdef";
    if (len != 6 || memcmp(s, "<0x", 3) != 0 || s[5] != '>')
        return false;
    unsigned value = 0;
    for (int i = 3; i < 5; i++) {
        char c = s[i] >= 'A' && s[i] <= 'F' ? (char)(s[i] + 32) : s[i];
        const char *digit = c ? strchr(digits, c) : NULL;
        if (!digit)
            return false;
        value = value << 4 | (unsigned)(digit - digits);
    }
    *byte = (uint8_t)value;
    return true;
}

/* The definition looks at a run as a whole: one wrong byte makes all of it U+FFFD. Eagerly, characters are passed on
 * as they become whole; if the run goes bad later, the rest alone can be. */
static void put_fallback_byte(struct hz_decoding *g, size_t k, uint8_t byte)
{
    struct hz_decode_state *st = &g->states[k];
    if (!st->running) {
        st->running = true;
        st->bad = false;
        st->count = 0;
        hz_buf_clear(&st->held);
    }
    st->count++;
    if (st->bad)
        return;
    hz_buf_putc(&st->held, (char)byte);
    if (!g->eager || st->held.failed)
        return;
    if (hz_utf8_valid(st->held.data, st->held.len)) {
        feed(g, k + 1, st->held.data, st->held.len, st->open ? 0 : BEGIN);
        st->open = true;
        st->count = 0;
        hz_buf_clear(&st->held);
    } else if (hz_utf8_unfinished(st->held.data, st->held.len) != st->held.len) {
        st->bad = true;
    }
}

static void end_fallback_run(struct hz_decoding *g, size_t k)
{
    struct hz_decode_state *st = &g->states[k];
    if (!st->running)
        return;
    st->running = false;
    if (st->open)
        feed(g, k + 1, "", 0, END);
    st->open = false;
    if (!st->count)
        return;
    if (!st->bad && hz_utf8_valid(st->held.data, st->held.len)) {
        feed(g, k + 1, st->held.data, st->held.len, WHOLE);
        return;
    }
    for (; st->count; st->count--)
        feed(g, k + 1, REPLACEMENT, 3, WHOLE);
}

static void feed_alphabet(struct hz_decoding *g, size_t k, const char *s, size_t len)
{
    char *room = hz_calloc(len, 1);
    size_t n;
    if (!room)
        g->status = hz_fail_nomem(g->err, len);
    else if (hz_alphabet_decode(s, len, room, &n))
        feed(g, k + 1, room, n, WHOLE);
    else
        feed(g, k + 1, s, len, WHOLE);
    free(room);
}

/* ---- text ------------------------------------------------------------------------------------------------------- */

/* Appends s with every `what` replaced. */
static void put_replaced(struct hz_buf *out, const char *s, size_t len, const char *what, size_t what_len,
                         const char *with, size_t with_len)
{
    size_t done = 0;
    for (size_t at = 0; what_len && at + what_len <= len;) {
        const char *hit = memchr(s + at, what[0], len - what_len + 1 - at);
        if (!hit)
            break;
        at = (size_t)(hit - s);
        if (memcmp(hit, what, what_len) != 0) {
            at++;
            continue;
        }
        hz_buf_put(out, s + done, at - done);
        hz_buf_put(out, with, with_len);
        done = at += what_len;
    }
    hz_buf_put(out, s + done, len - done);
}

static void put_regex_replaced(struct hz_decoding *g, const struct hz_decode_step *step, struct hz_buf *out,
                               const char *s, size_t len)
{
    struct hz_matches m = hz_regex_matches(step->regex, g->scratch, s, len);
    size_t start, end, done = 0;
    bool found = len > 0;
    while (found) {
        g->status = hz_regex_next(&m, &found, &start, &end, g->err);
        if (g->status || !found)
            break;
        hz_buf_put(out, s + done, start - done);
        hz_buf_put(out, step->content, step->content_len);
        done = end;
    }
    hz_buf_put(out, s + done, len - done);
}

/* How much of the end of s could be the beginning of `what`. */
static size_t begun_length(const char *s, size_t len, const char *what, size_t what_len)
{
    for (size_t n = HZ_MIN(len, what_len - 1); n; n--)
        if (!memcmp(s + len - n, what, n))
            return n;
    return 0;
}

/* A literal is replaced as its text comes; what may be its beginning waits. */
static void feed_replaced(struct hz_decoding *g, size_t k, const char *s, size_t len, int part)
{
    const struct hz_decode_step *step = &g->d->steps[k];
    struct hz_buf out, *held = &g->states[k].held;
    hz_buf_init(&out, g->out->max);
    if (step->regex) {
        put_regex_replaced(g, step, &out, s, len);
    } else if (part == WHOLE) {
        put_replaced(&out, s, len, step->literal, step->len, step->content, step->content_len);
    } else {
        hz_buf_put(held, s, len);
        size_t done = 0, waits = 0;
        for (size_t at = 0; at + step->len <= held->len && !held->failed;)
            if (!memcmp(held->data + at, step->literal, step->len)) {
                hz_buf_put(&out, held->data + done, at - done);
                hz_buf_put(&out, step->content, step->content_len);
                done = at += step->len;
            } else {
                at++;
            }
        if (!(part & END))
            waits = begun_length(held->data + done, held->len - done, step->literal, step->len);
        hz_buf_put(&out, held->data + done, held->len - done - waits);
        memmove(held->data, held->data + held->len - waits, waits);
        held->len = waits;
        out.failed = out.failed || held->failed;
    }
    if (!g->status)
        g->status = hz_buf_check(&out, "decoded text", g->err);
    if (!g->status)
        feed(g, k + 1, out.data, out.len, part);
    hz_buf_free(&out);
}

static bool begins_with(const char *s, size_t len, const char *what, size_t what_len)
{
    return what_len && len >= what_len && !memcmp(s, what, what_len);
}

/* Leading characters are cut as they come; up to `stop` trailing ones wait to see whether they are the last. */
static void feed_stripped(struct hz_decoding *g, size_t k, const char *s, size_t len, int part)
{
    const struct hz_decode_step *step = &g->d->steps[k];
    struct hz_decode_state *st = &g->states[k];
    if (part & BEGIN) {
        st->to_cut = step->start;
        st->count = 0;
        feed(g, k + 1, "", 0, BEGIN);
    }
    for (; st->to_cut && begins_with(s, len, step->literal, step->len); st->to_cut--) {
        s += step->len;
        len -= step->len;
    }
    if (len)
        st->to_cut = 0;
    size_t tail = 0; /* characters at the end that may be cut */
    while (tail < step->stop && len >= (tail + 1) * step->len &&
           !memcmp(s + len - (tail + 1) * step->len, step->literal, step->len))
        tail++;
    bool all = len == tail * step->len;
    size_t released = all ? st->count + tail - HZ_MIN(st->count + tail, step->stop) : st->count;
    for (size_t i = 0; i < released; i++)
        feed(g, k + 1, step->literal, step->len, 0);
    feed(g, k + 1, s, len - tail * step->len, 0);
    st->count = all ? HZ_MIN(st->count + tail, step->stop) : tail;
    if (part & END)
        feed(g, k + 1, "", 0, END);
}

static void feed_metaspace(struct hz_decoding *g, size_t k, const char *s, size_t len, int part)
{
    const struct hz_decode_step *step = &g->d->steps[k];
    bool first = g->states[k].tokens == 1 && step->prepend != HZ_PREPEND_NEVER;
    struct hz_buf out;
    hz_buf_init(&out, g->out->max);
    put_replaced(&out, s, len, step->literal, step->len, " ", first ? 0 : 1);
    g->status = hz_buf_check(&out, "decoded text", g->err);
    if (!g->status)
        feed(g, k + 1, out.data, out.len, part);
    hz_buf_free(&out);
}

/* What WordPiece and CTC call cleanup, on one token. */
static void clean(struct hz_buf *text)
{
    static const char *const pairs[][2] = {{" .", "."},   {" ?", "?"},     {" !", "!"},    {" ,", ","},
                                           {" ' ", "'"},  {" n't", "n't"}, {" 'm", "'m"},  {" do not", " don't"},
                                           {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
    for (size_t i = 0; i < HZ_COUNT(pairs); i++) {
        struct hz_buf out;
        hz_buf_init(&out, text->max);
        put_replaced(&out, text->data, text->len, pairs[i][0], strlen(pairs[i][0]), pairs[i][1], strlen(pairs[i][1]));
        out.failed = out.failed || text->failed;
        hz_buf_free(text);
        *text = out;
    }
}

static void feed_wordpiece(struct hz_decoding *g, size_t k, const char *s, size_t len)
{
    const struct hz_decode_step *step = &g->d->steps[k];
    struct hz_buf out;
    hz_buf_init(&out, g->out->max);
    if (g->states[k].tokens > 1) {
        bool continues = len >= step->len && !memcmp(s, step->literal, step->len);
        if (!continues)
            hz_buf_putc(&out, ' ');
        s += continues ? step->len : 0;
        len -= continues ? step->len : 0;
    }
    hz_buf_put(&out, s, len);
    if (step->cleanup)
        clean(&out);
    g->status = hz_buf_check(&out, "decoded text", g->err);
    if (!g->status)
        feed(g, k + 1, out.data, out.len, WHOLE);
    hz_buf_free(&out);
}

/* The suffix is a blank but in the last token, where it is nothing. Which token is the last shows when another comes,
 * so only what both spellings begin with goes out; the rests wait, that of a token in the middle before that of the
 * last. */
static void feed_suffixed(struct hz_decoding *g, size_t k, const char *s, size_t len)
{
    const struct hz_decode_step *step = &g->d->steps[k];
    struct hz_decode_state *st = &g->states[k];
    if (st->open)
        feed(g, k + 1, st->held.data, st->held.len - st->count, END);
    struct hz_buf middle, last;
    hz_buf_init(&middle, g->out->max);
    hz_buf_init(&last, g->out->max);
    put_replaced(&middle, s, len, step->literal, step->len, " ", 1);
    put_replaced(&last, s, len, step->literal, step->len, "", 0);
    if (!g->status && (middle.failed || last.failed))
        g->status = hz_fail_nomem(g->err, len);
    if (!g->status) {
        size_t same = 0;
        while (same < last.len && last.data[same] == middle.data[same])
            same++;
        feed(g, k + 1, last.data, same, BEGIN);
        st->open = true;
        hz_buf_clear(&st->held);
        hz_buf_put(&st->held, middle.data + same, middle.len - same);
        hz_buf_put(&st->held, last.data + same, last.len - same);
        st->count = last.len - same;
    }
    hz_buf_free(&middle);
    hz_buf_free(&last);
}

static void end_suffixed(struct hz_decoding *g, size_t k)
{
    struct hz_decode_state *st = &g->states[k];
    if (st->open)
        feed(g, k + 1, st->held.data + st->held.len - st->count, st->count, END);
    st->open = false;
}

static void feed_ctc(struct hz_decoding *g, size_t k, const char *s, size_t len)
{
    const struct hz_decode_step *step = &g->d->steps[k];
    struct hz_decode_state *st = &g->states[k];
    if (st->tokens > 1 && st->held.len == len && (!len || !memcmp(st->held.data, s, len)))
        return; /* the same again */
    hz_buf_clear(&st->held);
    hz_buf_put(&st->held, s, len);
    struct hz_buf out;
    hz_buf_init(&out, g->out->max);
    put_replaced(&out, s, len, step->literal, step->len, "", 0);
    if (step->cleanup) {
        clean(&out);
        struct hz_buf delimited;
        hz_buf_init(&delimited, g->out->max);
        put_replaced(&delimited, out.data, out.len, step->content, step->content_len, " ", 1);
        hz_buf_free(&out);
        out = delimited;
    }
    g->status = hz_buf_check(&out, "decoded text", g->err);
    if (!g->status && out.len)
        feed(g, k + 1, out.data, out.len, WHOLE);
    hz_buf_free(&out);
}

/* ---- the chain -------------------------------------------------------------------------------------------------- */

/* Steps that see a token only when all of it is there. */
static bool wants_whole(const struct hz_decode_step *step)
{
    switch (step->kind) {
    case HZ_DECODE_BYTES:
    case HZ_DECODE_FUSE:
    case HZ_DECODE_STRIP:
    case HZ_DECODE_METASPACE:
    case HZ_DECODE_JOIN:
        return false;
    case HZ_DECODE_REPLACE:
        return step->regex != NULL;
    default:
        return true;
    }
}

static void feed_step(struct hz_decoding *g, size_t k, const char *s, size_t len, int part)
{
    const struct hz_decode_step *step = &g->d->steps[k];
    struct hz_decode_state *st = &g->states[k];
    uint8_t byte;
    st->tokens += part & BEGIN ? 1 : 0;
    switch (step->kind) {
    case HZ_DECODE_ALPHABET:
        feed_alphabet(g, k, s, len);
        break;
    case HZ_DECODE_BYTES:
        feed_bytes(g, k, s, len, false);
        break;
    case HZ_DECODE_BYTE_FALLBACK:
        if (byte_token(s, len, &byte)) {
            put_fallback_byte(g, k, byte);
        } else {
            end_fallback_run(g, k);
            feed(g, k + 1, s, len, WHOLE);
        }
        break;
    case HZ_DECODE_FUSE:
        feed(g, k + 1, s, len, st->open ? 0 : BEGIN);
        st->open = true;
        break;
    case HZ_DECODE_REPLACE:
        feed_replaced(g, k, s, len, part);
        break;
    case HZ_DECODE_STRIP:
        feed_stripped(g, k, s, len, part);
        break;
    case HZ_DECODE_METASPACE:
        feed_metaspace(g, k, s, len, part);
        break;
    case HZ_DECODE_WORDPIECE:
        feed_wordpiece(g, k, s, len);
        break;
    case HZ_DECODE_SUFFIX:
        feed_suffixed(g, k, s, len);
        break;
    case HZ_DECODE_CTC:
        feed_ctc(g, k, s, len);
        break;
    case HZ_DECODE_JOIN:
        if (part & BEGIN && st->tokens > 1)
            feed(g, k + 1, " ", 1, 0);
        feed(g, k + 1, s, len, 0);
        break;
    case HZ_DECODE_FIRST_BLANK: {
        size_t cut = st->tokens == 1 && len && s[0] == ' ';
        feed(g, k + 1, s + cut, len - cut, part);
        break;
    }
    }
}

/* Hands a chunk to step k; behind the last it is text. */
static void feed(struct hz_decoding *g, size_t k, const char *s, size_t len, int part)
{
    if (g->status)
        return;
    if (k == g->d->n) {
        hz_buf_put(g->out, s, len);
        return;
    }
    if (part == WHOLE || !wants_whole(&g->d->steps[k])) {
        feed_step(g, k, s, len, part);
        return;
    }
    struct hz_buf *chunks = &g->states[k].chunks;
    if (part & BEGIN)
        hz_buf_clear(chunks);
    hz_buf_put(chunks, s, len);
    g->status = hz_buf_check(chunks, "decoded text", g->err);
    if (!g->status && part & END)
        feed_step(g, k, chunks->data ? chunks->data : "", chunks->len, WHOLE);
}

static void end_step(struct hz_decoding *g, size_t k)
{
    struct hz_decode_state *st = &g->states[k];
    switch (g->d->steps[k].kind) {
    case HZ_DECODE_BYTES:
        feed_bytes(g, k, "", 0, true);
        if (st->open)
            feed(g, k + 1, "", 0, END);
        break;
    case HZ_DECODE_FUSE:
        if (st->open)
            feed(g, k + 1, "", 0, END);
        break;
    case HZ_DECODE_BYTE_FALLBACK:
        end_fallback_run(g, k);
        break;
    case HZ_DECODE_SUFFIX:
        end_suffixed(g, k);
        break;
    default:
        break;
    }
}

hz_status hz_decoding_put(struct hz_decoding *g, const char *text, size_t len, struct hz_error *err)
{
    g->err = err;
    feed(g, 0, text, len, WHOLE);
    if (!g->status)
        g->status = hz_buf_check(g->out, "decoded text", err);
    return g->status;
}

hz_status hz_decoding_end(struct hz_decoding *g, struct hz_error *err)
{
    g->err = err;
    for (size_t k = 0; k < g->d->n && !g->status; k++)
        end_step(g, k);
    if (!g->status)
        g->status = hz_buf_check(g->out, "decoded text", err);
    return g->status;
}

bool hz_decoding_waits(const struct hz_decoding *g)
{
    for (size_t k = 0; k < g->d->n; k++) {
        const struct hz_decode_state *st = &g->states[k];
        if (g->d->steps[k].kind == HZ_DECODE_BYTES && st->held.len)
            return true;
        if (g->d->steps[k].kind == HZ_DECODE_BYTE_FALLBACK && st->running && st->count)
            return true;
    }
    return g->out->len >= 3 && !memcmp(g->out->data + g->out->len - 3, REPLACEMENT, 3);
}
