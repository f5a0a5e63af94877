/* pretok.c - cutting text into pieces. Reading the steps from JSON: pretok_read.c. */
#include "token/pretok.h"

#include "base/mem.h"
#include "text/utf8.h"
#include "token/ucd.h"
#include "token/vocab.h"

#include <stdlib.h>
#include <string.h>

hz_status hz_pretok_add(struct hz_pretok *p, struct hz_pretok_step step, struct hz_error *err)
{
    if (!HZ_GROW(p->steps, p->n, p->cap)) {
        hz_regex_free(step.regex);
        free(step.literal);
        return hz_fail_nomem(err, sizeof step);
    }
    p->steps[p->n++] = step;
    return HZ_OK;
}

void hz_pretok_free(struct hz_pretok *p)
{
    for (size_t i = 0; i < p->n; i++) {
        hz_regex_free(p->steps[i].regex);
        free(p->steps[i].literal);
    }
    free(p->steps);
    *p = (struct hz_pretok){0};
}

bool hz_pretok_is_byte_level(const struct hz_pretok *p)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n; i++)
        n += p->steps[i].kind == HZ_PRETOK_BYTES;
    return n == 1 && p->steps[p->n - 1].kind == HZ_PRETOK_BYTES;
}

/* ---- pieces from matches ---------------------------------------------------------------------------------------- */

/* Takes a piece as a row of matches and gaps without holes, and deals with the matches as the behavior says. */
struct splitter {
    struct hz_pieces *out;
    size_t base; /* of the piece that is being cut, in the text */
    enum hz_split_behavior behavior;
    bool invert;
    bool held, was_match; /* [from, to) waits: what comes next may join it */
    size_t from, to;
    bool failed;
};

static void emit(struct splitter *s, size_t from, size_t to)
{
    if (from == to)
        return;
    struct hz_pieces *out = s->out;
    if (!HZ_GROW(out->list, out->n, out->cap)) {
        s->failed = true;
        return;
    }
    out->list[out->n++] = (struct hz_piece){(uint32_t)(s->base + from), (uint32_t)(to - from)};
}

static void finish(struct splitter *s)
{
    if (s->held)
        emit(s, s->from, s->to);
    s->held = false;
}

static void hold(struct splitter *s, size_t from, size_t to)
{
    finish(s);
    s->held = true;
    s->from = from;
    s->to = to;
}

static void span(struct splitter *s, size_t from, size_t to, bool match)
{
    match = match != s->invert;
    switch (s->behavior) {
    case HZ_SPLIT_REMOVED:
        if (!match)
            emit(s, from, to);
        break;
    case HZ_SPLIT_ISOLATED:
        emit(s, from, to);
        break;
    case HZ_SPLIT_CONTIGUOUS:
        if (s->held && match == s->was_match)
            s->to = to;
        else
            hold(s, from, to);
        break;
    case HZ_SPLIT_WITH_PREVIOUS:
        if (s->held && match && !s->was_match)
            s->to = to;
        else
            hold(s, from, to);
        break;
    case HZ_SPLIT_WITH_NEXT:
        if (match) {
            hold(s, from, to);
        } else {
            emit(s, s->held ? s->from : from, to);
            s->held = false;
        }
        break;
    }
    s->was_match = match;
}

static hz_status split_regex(struct splitter *s, const struct hz_pretok_step *step, struct hz_regex_scratch *scratch,
                             const char *text, size_t len, struct hz_error *err)
{
    struct hz_matches m = hz_regex_matches(step->regex, scratch, text, len);
    size_t done = 0, start, end;
    bool found;
    for (;;) {
        HZ_TRY(hz_regex_next(&m, &found, &start, &end, err));
        if (!found)
            break;
        if (start > done)
            span(s, done, start, false);
        span(s, start, end, true);
        done = end;
    }
    if (done < len)
        span(s, done, len, false);
    return HZ_OK;
}

static void split_literal(struct splitter *s, const struct hz_pretok_step *step, const char *text, size_t len)
{
    size_t done = 0;
    for (size_t at = 0; at + step->len <= len;) {
        const char *hit = memchr(text + at, step->literal[0], len - step->len + 1 - at);
        if (!hit)
            break;
        at = (size_t)(hit - text);
        if (memcmp(hit, step->literal, step->len) != 0) {
            at++;
            continue;
        }
        if (at > done)
            span(s, done, at, false);
        span(s, at, at + step->len, true);
        done = at += step->len;
    }
    if (done < len)
        span(s, done, len, false);
}

static void split_class(struct splitter *s, bool (*is)(uint32_t), const char *text, size_t len)
{
    size_t done = 0;
    for (size_t at = 0, n; at < len; at += n) {
        uint32_t cp;
        n = hz_utf8_decode(text + at, len - at, &cp);
        if (!is(cp))
            continue;
        if (at > done)
            span(s, done, at, false);
        span(s, at, at + n, true);
        done = at + n;
    }
    if (done < len)
        span(s, done, len, false);
}

static int word_class(uint32_t cp)
{
    return hz_ucd_is_word(cp) ? 1 : hz_ucd_is_space(cp) ? 0 : 2;
}

static void split_words(struct splitter *s, const char *text, size_t len)
{
    size_t from = 0;
    int before = 0;
    for (size_t at = 0, n; at < len; at += n) {
        uint32_t cp;
        n = hz_utf8_decode(text + at, len - at, &cp);
        int class = word_class(cp);
        if (class != before) {
            if (before)
                emit(s, from, at);
            from = at;
        }
        before = class;
    }
    if (before)
        emit(s, from, len);
}

/* A piece begins where the script changes. What belongs to no script goes with what is before it, and is lost where
 * nothing is: so the reference has it. */
static void split_scripts(struct splitter *s, const char *text, size_t len)
{
    size_t from = len;
    int before = 0;
    for (size_t at = 0, n; at < len; at += n) {
        uint32_t cp;
        n = hz_utf8_decode(text + at, len - at, &cp);
        int script = hz_ucd_script(cp);
        if (!script || script == before)
            continue;
        if (before)
            emit(s, from, at);
        from = at;
        before = script;
    }
    emit(s, from, len);
}

static void split_fixed(struct splitter *s, size_t size, const char *text, size_t len)
{
    size_t from = 0, count = 0;
    for (size_t at = 0, n; at < len; at += n) {
        uint32_t cp;
        n = hz_utf8_decode(text + at, len - at, &cp);
        if (++count == size) {
            emit(s, from, at + n);
            from = at + n;
            count = 0;
        }
    }
    emit(s, from, len);
}

/* Cuts inside runs of digits: 1234567 is 1, 234, 567. What stands before a run stays with its first group. */
static void split_digit_groups(struct splitter *s, const struct hz_pretok_step *step, const char *text, size_t len)
{
    size_t done = 0;
    for (size_t at = 0; at < len;) {
        uint32_t cp;
        size_t n = hz_utf8_decode(text + at, len - at, &cp), end = at, count = 0;
        if (!step->is(cp)) {
            at += n;
            continue;
        }
        for (; end < len; end += n, count++) {
            n = hz_utf8_decode(text + end, len - end, &cp);
            if (!step->is(cp))
                break;
        }
        for (size_t left = count; left; left--) {
            at += hz_utf8_decode(text + at, len - at, &cp);
            if (left % 3 == 1) {
                emit(s, done, at);
                done = at;
            }
        }
    }
    emit(s, done, len);
}

/* ---- steps that rewrite the text -------------------------------------------------------------------------------- */

static void put_metaspaced(struct hz_flow *f, const struct hz_pretok_step *step, size_t at, size_t end)
{
    bool begins = f->s[at] == ' ' || (end - at >= step->len && !memcmp(f->s + at, step->literal, step->len));
    bool prepend = step->prepend == HZ_PREPEND_ALWAYS || (step->prepend == HZ_PREPEND_FIRST && at < f->zero);
    if (prepend && !begins)
        hz_flow_put(f, at, step->literal, step->len);
    for (size_t from = at; from < end;) {
        const char *blank = memchr(f->s + from, ' ', end - from);
        size_t to = blank ? (size_t)(blank - f->s) : end;
        size_t zero = HZ_MIN(HZ_MAX(f->zero, from), to);
        hz_flow_put(f, from, f->s + from, zero - from);
        hz_flow_put(f, zero, f->s + zero, to - zero);
        if (blank)
            hz_flow_put(f, to, step->literal, step->len);
        from = to + 1;
    }
}

static void put_piece(struct hz_flow *f, const struct hz_pretok_step *step, size_t at, size_t end)
{
    switch (step->kind) {
    case HZ_PRETOK_METASPACE:
        put_metaspaced(f, step, at, end);
        break;
    case HZ_PRETOK_PREFIX_SPACE:
        if (f->s[at] != ' ')
            hz_flow_put(f, at, " ", 1);
        hz_flow_put(f, at, f->s + at, end - at);
        break;
    default:
        for (size_t i = at; i < end; i++)
            hz_flow_put_cp(f, at, hz_alphabet_char((uint8_t)f->s[i]));
    }
}

static hz_status rewrite(struct hz_flow *f, const struct hz_pretok_step *step, struct hz_pieces *pieces,
                         struct hz_error *err)
{
    hz_flow_begin(f);
    for (size_t i = 0; i < pieces->n; i++) {
        struct hz_piece *p = &pieces->list[i];
        size_t at = f->bufs[f->spare].len;
        put_piece(f, step, p->at, (size_t)p->at + p->len);
        *p = (struct hz_piece){(uint32_t)at, (uint32_t)(f->bufs[f->spare].len - at)};
    }
    return hz_flow_take(f, err);
}

static hz_status cut(const struct hz_pretok_step *step, const struct hz_flow *f, struct hz_piece piece,
                     struct hz_regex_scratch *scratch, struct hz_pieces *out, struct hz_error *err)
{
    struct splitter s = {.out = out, .base = piece.at, .behavior = step->behavior, .invert = step->invert};
    const char *text = f->s + piece.at;
    switch (step->kind) {
    case HZ_PRETOK_REGEX:
        HZ_TRY(split_regex(&s, step, scratch, text, piece.len, err));
        break;
    case HZ_PRETOK_LITERAL:
        split_literal(&s, step, text, piece.len);
        break;
    case HZ_PRETOK_CLASS:
        split_class(&s, step->is, text, piece.len);
        break;
    case HZ_PRETOK_WORDS:
        split_words(&s, text, piece.len);
        break;
    case HZ_PRETOK_SCRIPTS:
        split_scripts(&s, text, piece.len);
        break;
    case HZ_PRETOK_DIGIT_GROUPS:
        split_digit_groups(&s, step, text, piece.len);
        break;
    default:
        split_fixed(&s, step->len, text, piece.len);
    }
    finish(&s);
    return s.failed ? hz_fail_nomem(err, piece.len) : HZ_OK;
}

hz_status hz_pretok_run(const struct hz_pretok *p, struct hz_flow *flow, struct hz_regex_scratch *scratch,
                        struct hz_pieces two[2], struct hz_pieces **pieces, struct hz_error *err)
{
    struct hz_pieces *in = &two[0], *out = &two[1];
    in->n = 0;
    if (!HZ_GROW(in->list, in->n, in->cap))
        return hz_fail_nomem(err, sizeof *in->list);
    in->list[in->n++] = (struct hz_piece){0, (uint32_t)flow->len};
    for (size_t i = 0; i < p->n; i++) {
        const struct hz_pretok_step *step = &p->steps[i];
        if (step->kind >= HZ_PRETOK_METASPACE) {
            HZ_TRY(rewrite(flow, step, in, err));
            continue;
        }
        out->n = 0;
        for (size_t k = 0; k < in->n; k++)
            HZ_TRY(cut(step, flow, in->list[k], scratch, out, err));
        struct hz_pieces *swap = in;
        in = out;
        out = swap;
    }
    *pieces = in;
    return HZ_OK;
}
