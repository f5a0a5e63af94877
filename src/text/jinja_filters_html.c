/* jinja_filters_html.c - the filters that look into HTML and URLs: striptags, urlize. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "text/jinja_ast.h"
#include "text/jinja_entities.h"
#include "text/jinja_filters.h"
#include "text/utf8.h"

#include <pcre2.h>

#include <ctype.h>
#include <string.h>

/* ---- striptags -------------------------------------------------------------------------------------------------- */

/* Cuts everything from `open` to the next `close` behind it, both included, as often as there is such a pair. */
static hz_status cut_between(struct hz_py *py, struct hz_py_val *s, const char *open, const char *close)
{
    struct hz_py_sb sb;
    size_t at = 0, len = s->str->len, n_open = strlen(open), n_close = strlen(close);
    hz_py_sb_begin(&sb, py);
    for (;;) {
        size_t from = hz_py_find(s->str->data, at, len, open, n_open);
        size_t to = from == SIZE_MAX ? SIZE_MAX : hz_py_find(s->str->data, from, len, close, n_close);
        if (to == SIZE_MAX)
            break;
        hz_py_sb_put(&sb, s->str->data + at, from - at);
        at = to + n_close;
    }
    hz_py_sb_put(&sb, s->str->data + at, len - at);
    return hz_py_sb_end(&sb, s);
}

/* What a number in &#...; stands for in HTML 5: Windows-1252 for the C1 controls, nothing for characters that are none.
 */
static void put_numbered(struct hz_py_sb *sb, uint32_t cp)
{
    static const uint16_t windows[] = {0x20AC, 0x81,   0x201A, 0x192,  0x201E, 0x2026, 0x2020, 0x2021,
                                       0x2C6,  0x2030, 0x160,  0x2039, 0x152,  0x8D,   0x17D,  0x8F,
                                       0x90,   0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
                                       0x2DC,  0x2122, 0x161,  0x203A, 0x153,  0x9D,   0x17E,  0x178};
    bool none = (cp >= 1 && cp <= 8) || (cp >= 0xB && cp <= 0x1F && cp != 0xD && cp != 0xC) || cp == 0x7F ||
                (cp >= 0xFDD0 && cp <= 0xFDEF) || (cp & 0xFFFE) == 0xFFFE;
    if (cp >= 0x80 && cp <= 0x9F)
        hz_py_sb_cp(sb, windows[cp - 0x80]);
    else if (!cp || (cp >= 0xD800 && cp <= 0xDFFF) || cp > 0x10FFFF)
        hz_py_sb_cp(sb, 0xFFFD);
    else if (!none && cp != 0xB)
        hz_py_sb_cp(sb, cp);
}

/* The reference at s, which is behind an ampersand: its length, or 0 if there is none. */
static size_t put_reference(struct hz_py_sb *sb, const char *s, size_t len)
{
    size_t at = 0;
    if (len > 1 && s[0] == '#') {
        bool hex = (s[1] | 0x20) == 'x';
        uint32_t cp = 0;
        size_t first = at = hex ? 2 : 1;
        for (; at < len && (hex ? isxdigit((unsigned char)s[at]) : isdigit((unsigned char)s[at])); at++) {
            uint32_t digit = (uint32_t)(isdigit((unsigned char)s[at]) ? s[at] - '0' : (s[at] | 0x20) - 'a' + 10);
            cp = cp > 0x110000 ? cp : cp * (hex ? 16 : 10) + digit;
        }
        if (at == first)
            return 0;
        put_numbered(sb, cp);
        return at + (at < len && s[at] == ';');
    }
    const struct entity *best = NULL;
    for (size_t i = 0; i < HZ_COUNT(entities); i++) {
        size_t n = strlen(entities[i].name);
        bool closed = n < len && s[n] == ';', old = entities[i].cp < 0x100; /* the old ones need no semicolon */
        if (n <= len && !memcmp(s, entities[i].name, n) && (closed || old) && (!best || n > strlen(best->name)))
            best = &entities[i];
    }
    if (!best)
        return 0;
    hz_py_sb_cp(sb, best->cp);
    at = strlen(best->name);
    return at + (at < len && s[at] == ';');
}

static hz_status unescape(struct hz_py *py, struct hz_py_val *s)
{
    struct hz_py_sb sb;
    const char *data = s->str->data;
    size_t len = s->str->len;
    hz_py_sb_begin(&sb, py);
    for (size_t at = 0; at < len;) {
        size_t n = data[at] == '&' ? put_reference(&sb, data + at + 1, len - at - 1) : 0;
        if (!n)
            hz_py_sb_putc(&sb, data[at]);
        at += 1 + n;
    }
    return hz_py_sb_end(&sb, s);
}

hz_status hz_jinja_striptags(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    struct hz_py_list *words;
    struct hz_py_sb sb;
    HZ_TRY(hz_py_str_of(py, c->self, out));
    HZ_TRY(cut_between(py, out, "<!--", "-->"));
    HZ_TRY(cut_between(py, out, "<", ">"));
    HZ_TRY(hz_py_split(py, *out, hz_py_none(), -1, &words));
    hz_py_sb_begin(&sb, py);
    for (size_t i = 0; i < words->n; i++) {
        hz_py_sb_puts(&sb, i ? " " : "");
        hz_py_sb_str(&sb, words->at[i]);
    }
    HZ_TRY(hz_py_sb_end(&sb, out));
    return unescape(py, out);
}

/* ---- urlize ----------------------------------------------------------------------------------------------------- */

static const char http_pattern[] =
    "^((https?://|www\\.)(([\\w%-]+\\.)+)?([a-z]{2,63}|xn--[\\w%]{2,59})"
    "|([\\w%-]{2,63}\\.)+(com|net|int|edu|gov|org|info|mil)"
    "|(https?://)((([\\d]{1,3})(\\.[\\d]{1,3}){3})|(\\[([\\da-f]{0,4}:){2}([\\da-f]{0,4}:?){1,6}])))"
    "(?::[\\d]{1,5})?(?:[/?#]\\S*)?$";
static const char email_pattern[] = "^\\S+@\\w[\\w.-]*\\.\\w+$";
static const char head_pattern[] = "^([(<]|&lt;)+";
static const char tail_pattern[] = "([)>.,\\n]|&gt;)+$";

/* Where the pattern matches in s, *from and *to; false: nowhere, or PCRE2 gave up. */
static bool matches(const char *pattern, const char *s, size_t len, size_t *from, size_t *to)
{
    int error;
    PCRE2_SIZE at;
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, PCRE2_UTF | PCRE2_UCP | PCRE2_CASELESS,
                                     &error, &at, NULL);
    pcre2_match_data *data = code ? pcre2_match_data_create_from_pattern(code, NULL) : NULL;
    bool found = data && pcre2_match(code, (PCRE2_SPTR)s, len, 0, 0, data, NULL) > 0;
    *from = found ? pcre2_get_ovector_pointer(data)[0] : 0;
    *to = found ? pcre2_get_ovector_pointer(data)[1] : 0;
    pcre2_match_data_free(data);
    pcre2_code_free(code);
    return found;
}

static size_t count_of(const char *s, size_t from, size_t to, const char *what)
{
    size_t n = 0;
    for (size_t at; (at = hz_py_find(s, from, to, what, strlen(what))) != SIZE_MAX; from = at + strlen(what))
        n++;
    return n;
}

struct links {
    struct hz_py_sb *sb;
    struct hz_py_val rel, target; /* attributes as text, empty if none */
    struct hz_py_list *schemes;
    int64_t limit; /* of what is shown of a URL; -1: none */
};

static hz_status put_link(struct links *l, const char *prefix, const char *s, size_t len, bool url, size_t skip)
{
    struct hz_py_val text;
    HZ_TRY(hz_py_str_at(l->sb->py, s + skip, len - skip, &text));
    hz_py_sb_puts(l->sb, "<a href=\"");
    hz_py_sb_puts(l->sb, prefix);
    hz_py_sb_put(l->sb, s, len);
    hz_py_sb_puts(l->sb, "\"");
    if (url) {
        hz_py_sb_str(l->sb, l->rel);
        hz_py_sb_str(l->sb, l->target);
    }
    hz_py_sb_puts(l->sb, ">");
    bool cut = url && l->limit >= 0 && hz_py_len(text) > l->limit;
    hz_py_sb_put(l->sb, text.str->data, cut ? hz_py_offset(text, (size_t)l->limit) : text.str->len);
    hz_py_sb_puts(l->sb, cut ? "...</a>" : "</a>");
    return l->sb->status;
}

static bool begins(const char *s, size_t len, const char *with)
{
    return len >= strlen(with) && !memcmp(s, with, strlen(with));
}

/* The middle of a word, as a link if it is one. */
static hz_status put_middle(struct links *l, const char *s, size_t len)
{
    size_t from, to;
    if (matches(http_pattern, s, len, &from, &to))
        return put_link(l, begins(s, len, "https://") || begins(s, len, "http://") ? "" : "https://", s, len, true, 0);
    if (begins(s, len, "mailto:") && matches(email_pattern, s + 7, len - 7, &from, &to))
        return put_link(l, "", s, len, false, 7);
    if (memchr(s, '@', len) && !begins(s, len, "www.") && s[0] != '@' && !memchr(s, ':', len) &&
        matches(email_pattern, s, len, &from, &to))
        return put_link(l, "mailto:", s, len, false, 0);
    for (size_t i = 0; i < l->schemes->n; i++) {
        struct hz_py_val scheme = l->schemes->at[i];
        HZ_TRY(hz_py_arg_str(l->sb->py, scheme, "a URI scheme"));
        if (len > scheme.str->len && !memcmp(s, scheme.str->data, scheme.str->len))
            return put_link(l, "", s, len, true, 0);
    }
    hz_py_sb_put(l->sb, s, len);
    return l->sb->status;
}

/* A word without blanks: brackets and punctuation at its ends stay outside of a link, but closing ones that a link
 * opened stay inside. */
static hz_status put_word(struct links *l, const char *s, size_t len)
{
    static const char *const pairs[][2] = {{"(", ")"}, {"<", ">"}, {"&lt;", "&gt;"}};
    size_t from, to, head = 0, tail = len;
    if (matches(head_pattern, s, len, &from, &to))
        head = to;
    if (matches(tail_pattern, s + head, len - head, &from, &to))
        tail = head + from;
    for (size_t i = 0; i < HZ_COUNT(pairs); i++) {
        size_t opened = count_of(s, head, tail, pairs[i][0]), closing = count_of(s, tail, len, pairs[i][1]);
        if (opened <= count_of(s, head, tail, pairs[i][1]))
            continue;
        for (size_t n = HZ_MIN(opened, closing); n > 0; n--)
            tail = hz_py_find(s, tail, len, pairs[i][1], strlen(pairs[i][1])) + strlen(pairs[i][1]);
    }
    hz_py_sb_put(l->sb, s, head);
    if (tail > head)
        HZ_TRY(put_middle(l, s + head, tail - head));
    hz_py_sb_put(l->sb, s + tail, len - tail);
    return l->sb->status;
}

static hz_status attribute_text(struct hz_py *py, const char *name, struct hz_py_val value, struct hz_py_val *out)
{
    struct hz_py_sb sb;
    hz_py_sb_begin(&sb, py);
    if (hz_py_truth(value)) {
        HZ_TRY(hz_py_escape(py, value, &value));
        hz_py_sb_puts(&sb, name);
        hz_py_sb_str(&sb, value);
        hz_py_sb_putc(&sb, '"');
    }
    return hz_py_sb_end(&sb, out);
}

/* The words of `rel` with nofollow and noopener, each once and sorted. */
static hz_status link_relations(struct hz_py *py, struct hz_py_val rel, bool nofollow, struct hz_py_val *out)
{
    struct hz_py_list *words;
    struct hz_py_val word;
    struct hz_py_sb sb;
    if (rel.kind == HZ_PY_STR)
        HZ_TRY(hz_py_split(py, rel, hz_py_none(), -1, &words));
    else if (!(words = hz_py_list_new(py, 2)))
        return hz_py_status(py);
    HZ_TRY(hz_py_str_at(py, "noopener", 8, &word));
    HZ_TRY(hz_py_push(py, words, word));
    HZ_TRY(hz_py_str_at(py, "nofollow", 8, &word));
    if (nofollow)
        HZ_TRY(hz_py_push(py, words, word));
    HZ_TRY(hz_py_sort(py, words, NULL, false));
    hz_py_sb_begin(&sb, py);
    for (size_t i = 0; i < words->n; i++) {
        bool again = false;
        if (i)
            HZ_TRY(hz_py_equal(py, words->at[i - 1], words->at[i], &again));
        if (again)
            continue;
        hz_py_sb_puts(&sb, sb.len ? " " : "");
        hz_py_sb_str(&sb, words->at[i]);
    }
    return hz_py_sb_end(&sb, out);
}

/* arg: trim_url_limit, nofollow, target, rel, extra_schemes. */
hz_status hz_jinja_urlize(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    struct hz_py_sb sb;
    struct links l = {.sb = &sb};
    struct hz_py_val text, rel;
    bool no_limit = c->arg[0].kind == HZ_PY_NONE;
    HZ_TRY(hz_py_arg_int(py, no_limit ? (struct hz_py_val){.kind = HZ_PY_MISSING} : c->arg[0], -1, &l.limit));
    HZ_TRY(link_relations(py, c->arg[3], hz_py_truth(c->arg[1]), &rel));
    HZ_TRY(attribute_text(py, " rel=\"", rel, &l.rel));
    HZ_TRY(attribute_text(py, " target=\"", c->arg[2], &l.target));
    if (hz_py_truth(c->arg[4]))
        HZ_TRY(hz_py_list_of(py, c->arg[4], &l.schemes));
    else if (!(l.schemes = hz_py_list_new(py, 0)))
        return hz_py_status(py);
    HZ_TRY(hz_py_escape(py, c->self, &text));
    hz_py_sb_begin(&sb, py);
    const char *s = text.str->data;
    for (size_t at = 0, len = text.str->len; at < len;) {
        size_t from = at, n;
        uint32_t cp;
        while (at < len && (n = hz_utf8_decode(s + at, len - at, &cp), hz_utf8_is_space(cp)))
            at += n;
        hz_py_sb_put(&sb, s + from, at - from);
        from = at;
        while (at < len && (n = hz_utf8_decode(s + at, len - at, &cp), !hz_utf8_is_space(cp)))
            at += n ? n : 1;
        HZ_TRY(hz_py_step(py, 16 + (at - from) / 16));
        if (at > from)
            HZ_TRY(put_word(&l, s + from, at - from));
    }
    HZ_TRY(hz_py_sb_end(&sb, out));
    out->safe = py->autoescape;
    return HZ_OK;
}
