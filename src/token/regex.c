/* regex.c - compiling and matching with PCRE2. */
#define PCRE2_CODE_UNIT_WIDTH 8

#include "token/regex.h"

#include "base/mem.h"
#include "text/utf8.h"
#include "token/regex_spell.h"

#include <pcre2.h>

#include <stdlib.h>

enum { MAX_PATTERN = 1 << 16, MAX_SPELLED = 1 << 20, MATCH_LIMIT = 10000000, HEAP_LIMIT_KIB = 64 << 10 };

struct hz_regex {
    pcre2_code *code;
    struct hz_buf spelling;
    bool jit;
};

struct hz_regex_scratch {
    pcre2_match_data *data;
    pcre2_match_context *context;
};

/* Patterns come from files: \C would cut characters, and captures are of no use to anybody. */
static pcre2_code *compile(const char *pattern, size_t len, int *code, size_t *at)
{
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    if (!context) {
        *code = PCRE2_ERROR_NOMEMORY;
        *at = 0;
        return NULL;
    }
    pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    pcre2_code *compiled = pcre2_compile(
        (PCRE2_SPTR)pattern, len,
        PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NO_AUTO_CAPTURE | PCRE2_NEVER_BACKSLASH_C, code, at, context);
    pcre2_compile_context_free(context);
    return compiled;
}

bool hz_regex_knows(const char *name)
{
    struct hz_buf pattern;
    hz_buf_init(&pattern, 256);
    hz_buf_printf(&pattern, "\\p{%s}", name);
    int code;
    size_t at;
    pcre2_code *compiled = pattern.failed ? NULL : compile(pattern.data, pattern.len, &code, &at);
    pcre2_code_free(compiled);
    hz_buf_free(&pattern);
    return compiled != NULL;
}

hz_status hz_regex_new(const char *pattern, size_t len, int unicode, const char *what, struct hz_regex **regex,
                       struct hz_error *err)
{
    *regex = NULL;
    if (len > MAX_PATTERN)
        return hz_fail(err, HZ_E_LIMIT, "%s: a pattern of %zu bytes, more than %d", what, len, MAX_PATTERN);
    if (!hz_utf8_valid(pattern, len))
        return hz_fail(err, HZ_E_FORMAT, "%s: the pattern is not UTF-8", what);
    struct hz_regex *r = hz_calloc(1, sizeof *r);
    if (!r)
        return hz_fail_nomem(err, sizeof *r);
    hz_buf_init(&r->spelling, MAX_SPELLED);
    hz_status status = hz_regex_spell(pattern, len, unicode, what, &r->spelling, err);
    if (!status)
        status = hz_buf_check(&r->spelling, what, err);
    if (status)
        goto fail;
    hz_buf_put(&r->spelling, "", 0);
    int code;
    size_t at;
    r->code = compile(r->spelling.data, r->spelling.len, &code, &at);
    if (!r->code) {
        char text[160];
        pcre2_get_error_message(code, (PCRE2_UCHAR *)text, sizeof text);
        status = hz_fail(err, HZ_E_UNSUPPORTED, "%s: the regular expression \"%.200s\" is beyond PCRE2: %s", what,
                         r->spelling.data, text);
        goto fail;
    }
    r->jit = pcre2_jit_compile(r->code, PCRE2_JIT_COMPLETE) == 0;
    *regex = r;
    return HZ_OK;
fail:
    hz_regex_free(r);
    return status;
}

void hz_regex_free(struct hz_regex *regex)
{
    if (!regex)
        return;
    pcre2_code_free(regex->code);
    hz_buf_free(&regex->spelling);
    free(regex);
}

const char *hz_regex_spelling(const struct hz_regex *regex)
{
    return regex->spelling.data;
}

hz_status hz_regex_scratch_new(struct hz_regex_scratch **scratch, struct hz_error *err)
{
    struct hz_regex_scratch *s = hz_calloc(1, sizeof *s);
    if (s) {
        s->data = pcre2_match_data_create(1, NULL);
        s->context = pcre2_match_context_create(NULL);
    }
    *scratch = s;
    if (!s || !s->data || !s->context) {
        hz_regex_scratch_free(s);
        *scratch = NULL;
        return hz_fail_nomem(err, sizeof *s);
    }
    pcre2_set_match_limit(s->context, MATCH_LIMIT);
    pcre2_set_heap_limit(s->context, HEAP_LIMIT_KIB);
    return HZ_OK;
}

void hz_regex_scratch_free(struct hz_regex_scratch *scratch)
{
    if (!scratch)
        return;
    pcre2_match_data_free(scratch->data);
    pcre2_match_context_free(scratch->context);
    free(scratch);
}

/* One search from m->at. UTF-8 was checked once by the caller: PCRE2 would check the whole rest each time. */
static int search(const struct hz_matches *m)
{
    const struct hz_regex *r = m->regex;
    const struct hz_regex_scratch *s = m->scratch;
    int rc = PCRE2_ERROR_JIT_STACKLIMIT;
    if (r->jit)
        rc = pcre2_jit_match(r->code, (PCRE2_SPTR)m->s, m->len, m->at, 0, s->data, s->context);
    if (rc == PCRE2_ERROR_JIT_STACKLIMIT) /* the interpreter keeps its stack on the heap */
        rc = pcre2_match(r->code, (PCRE2_SPTR)m->s, m->len, m->at, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, s->data,
                         s->context);
    return rc;
}

hz_status hz_regex_next(struct hz_matches *m, bool *found, size_t *start, size_t *end, struct hz_error *err)
{
    *found = false;
    while (m->at <= m->len) {
        int rc = search(m);
        if (rc == PCRE2_ERROR_NOMATCH)
            return HZ_OK;
        if (rc < 0)
            return hz_fail(err, rc == PCRE2_ERROR_NOMEMORY ? HZ_E_NOMEM : HZ_E_LIMIT,
                           "the regular expression \"%.200s\" needs too many steps for this text (PCRE2 error %d)",
                           hz_regex_spelling(m->regex), rc);
        const PCRE2_SIZE *v = pcre2_get_ovector_pointer(m->scratch->data);
        size_t s = v[0], e = v[1];
        if (e < s) /* \K in a lookahead */
            return hz_fail(err, HZ_E_UNSUPPORTED, "the regular expression \"%.200s\" matches backwards",
                           hz_regex_spelling(m->regex));
        if (s == e && e == m->last_end) {
            uint32_t cp;
            m->at += m->at < m->len ? hz_utf8_decode(m->s + m->at, m->len - m->at, &cp) : 1;
            continue;
        }
        m->at = m->last_end = e;
        *start = s;
        *end = e;
        *found = true;
        return HZ_OK;
    }
    return HZ_OK;
}
