/* normalize.c - what each normalizer does to a text. Reading them from JSON: normalize_read.c. */
#include "token/normalize.h"

#include "base/mem.h"
#include "text/utf8.h"
#include "token/charsmap.h"
#include "token/ucd.h"
#include "token/vocab.h"

#include <utf8proc.h>

#include <stdlib.h>
#include <string.h>

void hz_normalizer_free(struct hz_normalizer *n)
{
    for (size_t i = 0; i < n->n; i++) {
        hz_regex_free(n->steps[i].regex);
        free(n->steps[i].pattern);
        free(n->steps[i].content);
        hz_charsmap_free(n->steps[i].charsmap);
    }
    free(n->steps);
    *n = (struct hz_normalizer){0};
}

static size_t decode(const struct hz_flow *f, size_t at, uint32_t *cp)
{
    return hz_utf8_decode(f->s + at, f->len - at, cp);
}

static bool is_ascii(const char *s, size_t len)
{
    unsigned char any = 0;
    for (size_t i = 0; i < len; i++)
        any |= (unsigned char)s[i];
    return any < 0x80;
}

/* ---- NFC, NFD, NFKC, NFKD --------------------------------------------------------------------------------------- */

/* Composes with a character before it though its combining class is 0. */
static bool is_second_starter(uint32_t cp)
{
    static const uint32_t others[] = {0x9BE,   0x9D7,   0xB3E,   0xB56,   0xB57,   0xBBE,   0xBD7,  0xCC2,
                                      0xCD5,   0xCD6,   0xD3E,   0xD57,   0xDCF,   0xDDF,   0x102E, 0x1B35,
                                      0x11127, 0x1133E, 0x11357, 0x114B0, 0x114BA, 0x114BD, 0x115AF};
    if (cp < 0x9BE)
        return false;
    if ((cp >= 0x1161 && cp <= 0x1175) || (cp >= 0x11A8 && cp <= 0x11C2))
        return true;
    for (size_t i = 0; i < HZ_COUNT(others); i++)
        if (cp == others[i])
            return true;
    return false;
}

/* A character that stays as it is unless one that isn't inert follows, and on which nothing before it depends. What
 * is younger than Unicode 9 the definition doesn't know: no decomposition, no class. */
static bool is_inert(uint32_t cp, bool compose, bool compat)
{
    if (cp < 0x80)
        return true;
    if (compose && !compat && cp < 0x300)
        return true;
    bool hangul = cp >= 0xAC00 && cp <= 0xD7A3;
    const utf8proc_property_t *p = utf8proc_get_property((utf8proc_int32_t)cp);
    bool decomposes = p->decomp_seqindex != UINT16_MAX && (compat || !p->decomp_type);
    if (!p->combining_class && !decomposes && !(hangul && !compose) && !(compose && is_second_starter(cp)))
        return true;
    return hz_ucd_since(cp) >= 10;
}

struct run { /* code points of a starter and what hangs on it */
    utf8proc_int32_t *cps;
    size_t n, cap;
    size_t n_first; /* of them stem from its first character */
};

static bool run_put(struct run *run, uint32_t cp, bool compat)
{
    if (hz_ucd_since(cp) >= 10) {
        if (!HZ_GROW(run->cps, run->n, run->cap))
            return false;
        run->cps[run->n++] = (utf8proc_int32_t)cp;
        return true;
    }
    utf8proc_int32_t parts[32];
    int last = 0;
    utf8proc_ssize_t n = utf8proc_decompose_char((utf8proc_int32_t)cp, parts, (utf8proc_ssize_t)HZ_COUNT(parts),
                                                 UTF8PROC_DECOMPOSE | (compat ? UTF8PROC_COMPAT : 0), &last);
    for (utf8proc_ssize_t i = 0; i < n && i < (utf8proc_ssize_t)HZ_COUNT(parts); i++) {
        if (!HZ_GROW(run->cps, run->n, run->cap))
            return false;
        run->cps[run->n++] = parts[i];
    }
    return true;
}

static unsigned class_of(utf8proc_int32_t cp)
{
    unsigned class = (unsigned)utf8proc_get_property(cp)->combining_class;
    return class && hz_ucd_since((uint32_t)cp) < 10 ? class : 0;
}

/* Canonical order: marks between two starters, stably by class. Counted, as a run may be as long as a hostile text. */
static bool run_order(struct run *run)
{
    for (size_t i = 0; i < run->n;) {
        if (!class_of(run->cps[i])) {
            i++;
            continue;
        }
        size_t end = i, count[257] = {0};
        bool ordered = true;
        unsigned before = 0;
        for (unsigned class; end < run->n && (class = class_of(run->cps[end])) != 0; end++) {
            ordered = ordered && class >= before;
            before = class;
            count[class + 1]++;
        }
        if (!ordered) {
            utf8proc_int32_t *sorted = hz_calloc(end - i, sizeof *sorted);
            if (!sorted)
                return false;
            for (size_t c = 1; c < HZ_COUNT(count); c++)
                count[c] += count[c - 1];
            for (size_t k = i; k < end; k++)
                sorted[count[class_of(run->cps[k])]++] = run->cps[k];
            memcpy(run->cps + i, sorted, (end - i) * sizeof *sorted);
            free(sorted);
        }
        i = end;
    }
    return true;
}

/* The run's text is f->s[from..], its first character ends at first_end. */
static void run_write(struct run *run, bool compose, struct hz_flow *f, size_t from, size_t first_end)
{
    size_t before = run->n;
    if (compose && run->n > 1) {
        /* The first may be too young to compose: it must not be offered. */
        size_t skip = hz_ucd_since((uint32_t)run->cps[0]) >= 10;
        utf8proc_ssize_t n = utf8proc_normalize_utf32(run->cps + skip, (utf8proc_ssize_t)(run->n - skip),
                                                      UTF8PROC_COMPOSE | UTF8PROC_STABLE);
        if (n >= 0)
            run->n = (size_t)n + skip;
    }
    size_t shrunk = before - run->n, n_first = run->n_first > shrunk ? run->n_first - shrunk : 1;
    for (size_t i = 0; i < run->n; i++)
        hz_flow_put_cp(f, i < n_first ? from : first_end, (uint32_t)run->cps[i]);
}

hz_status hz_normalize_unicode(struct hz_flow *f, bool compose, bool compat, struct hz_error *err)
{
    if (is_ascii(f->s, f->len))
        return HZ_OK;
    hz_flow_begin(f);
    struct run run = {0};
    hz_status status = HZ_OK;
    for (size_t at = 0; at < f->len;) {
        uint32_t cp, next = 0;
        size_t end = at + decode(f, at, &cp);
        bool plain = is_inert(cp, compose, compat);
        size_t step = end < f->len ? decode(f, end, &next) : 0;
        if (plain && (!step || is_inert(next, compose, compat))) {
            hz_flow_put(f, at, f->s + at, end - at);
            at = end;
            continue;
        }
        run.n = 0;
        bool ok = run_put(&run, cp, compat);
        size_t first_end = end;
        run.n_first = run.n;
        for (; ok && step && !is_inert(next, compose, compat); step = end < f->len ? decode(f, end, &next) : 0) {
            ok = run_put(&run, next, compat);
            end += step;
        }
        if (!ok || !run_order(&run)) {
            status = hz_fail_nomem(err, f->len);
            break;
        }
        run_write(&run, compose, f, at, first_end);
        at = end;
    }
    free(run.cps);
    return status ? status : hz_flow_take(f, err);
}

/* ---- character by character ------------------------------------------------------------------------------------- */

static bool is_cleaned_space(uint32_t cp)
{
    return cp == '\t' || cp == '\n' || cp == '\r' || (hz_ucd_is_space(cp) && !hz_ucd_is_control(cp));
}

static bool is_nmt_removed(uint32_t cp)
{
    return (cp >= 1 && cp <= 8) || cp == 0xB || (cp >= 0xE && cp <= 0x1F) || cp == 0x7F || cp == 0x8F || cp == 0x9F;
}

static bool is_nmt_space(uint32_t cp)
{
    return cp == 9 || cp == 0xA || cp == 0xC || cp == 0xD || cp == 0x1680 || (cp >= 0x200B && cp <= 0x200F) ||
           cp == 0x2028 || cp == 0x2029 || cp == 0x2581 || cp == 0xFEFF || cp == 0xFFFD;
}

static void put_mapped(struct hz_flow *f, enum hz_norm_kind kind, size_t at, size_t n, uint32_t cp)
{
    uint32_t lower[2];
    switch (kind) {
    case HZ_NORM_LOWERCASE:
        for (int i = 0, count = hz_ucd_lower(cp, lower); i < count; i++)
            hz_flow_put_cp(f, at, lower[i]);
        return;
    case HZ_NORM_STRIP_ACCENTS:
        if (hz_ucd_is_combining(cp))
            return;
        break;
    case HZ_NORM_STRIP_NONSPACING:
        if (hz_ucd_is_nonspacing(cp))
            return;
        break;
    case HZ_NORM_CLEAN:
        if (!cp || cp == 0xFFFD || hz_ucd_is_control(cp))
            return;
        if (is_cleaned_space(cp)) {
            hz_flow_put(f, at, " ", 1);
            return;
        }
        break;
    case HZ_NORM_CJK:
        if (hz_ucd_is_cjk(cp)) {
            hz_flow_put(f, at, " ", 1);
            hz_flow_put(f, at, f->s + at, n);
            hz_flow_put(f, at, " ", 1);
            return;
        }
        break;
    case HZ_NORM_NMT:
        if (is_nmt_removed(cp))
            return;
        if (is_nmt_space(cp)) {
            hz_flow_put(f, at, " ", 1);
            return;
        }
        break;
    case HZ_NORM_BYTE_LEVEL:
        for (size_t i = 0; i < n; i++)
            hz_flow_put_cp(f, at, hz_alphabet_char((uint8_t)f->s[at + i]));
        return;
    default:
        break;
    }
    hz_flow_put(f, at, f->s + at, n);
}

static hz_status map_characters(struct hz_flow *f, enum hz_norm_kind kind, struct hz_error *err)
{
    hz_flow_begin(f);
    for (size_t at = 0, n; at < f->len; at += n) {
        uint32_t cp;
        n = decode(f, at, &cp);
        put_mapped(f, kind, at, n, cp);
    }
    return hz_flow_take(f, err);
}

static hz_status strip(struct hz_flow *f, bool left, bool right, struct hz_error *err)
{
    size_t from = 0, to = f->len, last_text = 0;
    uint32_t cp;
    for (size_t at = 0, n; at < f->len; at += n) {
        n = decode(f, at, &cp);
        bool space = hz_ucd_is_space(cp);
        if (left && space && from == at)
            from = at + n;
        if (!space)
            last_text = at + n;
    }
    if (right)
        to = HZ_MAX(last_text, from);
    if (from == 0 && to == f->len)
        return HZ_OK;
    hz_flow_begin(f);
    for (size_t at = from, n; at < to; at += n) {
        n = decode(f, at, &cp);
        hz_flow_put(f, at, f->s + at, n);
    }
    return hz_flow_take(f, err);
}

static hz_status prepend(struct hz_flow *f, const struct hz_norm_step *step, struct hz_error *err)
{
    if (!f->len)
        return HZ_OK;
    hz_flow_begin(f);
    hz_flow_put(f, 0, step->content, step->content_len);
    size_t zero = HZ_MIN(f->zero, f->len);
    hz_flow_put(f, 0, f->s, zero);
    hz_flow_put(f, zero, f->s + zero, f->len - zero);
    return hz_flow_take(f, err);
}

/* ---- Replace ---------------------------------------------------------------------------------------------------- */

static void keep(struct hz_flow *f, size_t from, size_t to)
{
    size_t zero = HZ_MIN(HZ_MAX(f->zero, from), to);
    hz_flow_put(f, from, f->s + from, zero - from);
    hz_flow_put(f, zero, f->s + zero, to - zero);
}

/* The definition aligns what it puts in with the last byte of what it took out. */
static void put_replacement(struct hz_flow *f, const struct hz_norm_step *step, size_t match_end)
{
    hz_flow_put(f, match_end ? match_end - 1 : 0, step->content, step->content_len);
}

static hz_status replace_literal(struct hz_flow *f, const struct hz_norm_step *step, struct hz_error *err)
{
    size_t done = 0;
    bool any = false;
    for (size_t at = 0; at + step->pattern_len <= f->len;) {
        const char *hit = memchr(f->s + at, step->pattern[0], f->len - step->pattern_len + 1 - at);
        if (!hit)
            break;
        at = (size_t)(hit - f->s);
        if (memcmp(hit, step->pattern, step->pattern_len) != 0) {
            at++;
            continue;
        }
        if (!any)
            hz_flow_begin(f);
        any = true;
        keep(f, done, at);
        done = at += step->pattern_len;
        put_replacement(f, step, at);
    }
    if (!any)
        return HZ_OK;
    keep(f, done, f->len);
    return hz_flow_take(f, err);
}

static hz_status replace_regex(struct hz_flow *f, const struct hz_norm_step *step, struct hz_regex_scratch *scratch,
                               struct hz_error *err)
{
    if (!f->len)
        return HZ_OK;
    struct hz_matches m = hz_regex_matches(step->regex, scratch, f->s, f->len);
    size_t start, end, done = 0;
    bool found;
    hz_flow_begin(f);
    for (;;) {
        HZ_TRY(hz_regex_next(&m, &found, &start, &end, err));
        if (!found)
            break;
        keep(f, done, start);
        put_replacement(f, step, end);
        done = end;
    }
    keep(f, done, f->len);
    return hz_flow_take(f, err);
}

/* ---- Precompiled ------------------------------------------------------------------------------------------------ */

/* The definition aligns the first character it writes with the first it read, even if those between went. */
static size_t aligned(const struct hz_flow *f, size_t at)
{
    return f->bufs[f->spare].len ? at : 0;
}

static bool put_charsmapped(struct hz_flow *f, const struct hz_charsmap *map, size_t at, size_t len)
{
    size_t used, text_len;
    const char *text;
    if (!hz_charsmap_find(map, f->s + at, len, false, &used, &text, &text_len))
        return false;
    hz_flow_put(f, aligned(f, at), text, text_len);
    return true;
}

/* By grapheme clusters: one of less than 6 bytes is looked up whole, else each of its characters. */
static hz_status precompiled(struct hz_flow *f, const struct hz_charsmap *map, struct hz_error *err)
{
    hz_flow_begin(f);
    for (size_t at = 0; at < f->len;) {
        uint32_t cp, next;
        size_t end = at + decode(f, at, &cp);
        utf8proc_int32_t state = 0;
        while (end < f->len) {
            size_t n = decode(f, end, &next);
            if (utf8proc_grapheme_break_stateful((utf8proc_int32_t)cp, (utf8proc_int32_t)next, &state))
                break;
            cp = next;
            end += n;
        }
        if (end - at < 6 && put_charsmapped(f, map, at, end - at)) {
            at = end;
            continue;
        }
        for (size_t n; at < end; at += n) {
            n = decode(f, at, &cp);
            if (!put_charsmapped(f, map, at, n))
                hz_flow_put(f, aligned(f, at), f->s + at, n);
        }
    }
    return hz_flow_take(f, err);
}

hz_status hz_normalize(const struct hz_normalizer *n, struct hz_flow *flow, struct hz_regex_scratch *scratch,
                       struct hz_error *err)
{
    for (size_t i = 0; i < n->n; i++) {
        const struct hz_norm_step *step = &n->steps[i];
        hz_status status;
        switch (step->kind) {
        case HZ_NORM_UNICODE:
            status = hz_normalize_unicode(flow, step->compose, step->compat, err);
            break;
        case HZ_NORM_STRIP:
            status = strip(flow, step->left, step->right, err);
            break;
        case HZ_NORM_PREPEND:
            status = prepend(flow, step, err);
            break;
        case HZ_NORM_REPLACE:
            status = step->regex ? replace_regex(flow, step, scratch, err) : replace_literal(flow, step, err);
            break;
        case HZ_NORM_PRECOMPILED:
            status = precompiled(flow, step->charsmap, err);
            break;
        default:
            status = map_characters(flow, step->kind, err);
        }
        HZ_TRY(status);
    }
    return HZ_OK;
}
