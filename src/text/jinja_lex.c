/* jinja_lex.c - the template's text cut into tokens: data, and inside of {{ }} and {% %} names, literals, operators.
 *
 * Works as jinja2's lexer does with trim_blocks and lstrip_blocks: the newline behind a block or comment goes, blanks
 * before one that stands first on its line go, '-' takes all blanks, '+' keeps them. */
#include "text/jinja_ast.h"
#include "text/utf8.h"

#include <ctype.h>
#include <string.h>

struct lexer {
    struct hz_jinja *t;
    const char *s;
    size_t len, at;
    uint32_t line;
    bool line_starting; /* what was passed last ended in a newline */
    struct hz_jinja_token *tokens;
    size_t n, cap;
    char open[256]; /* brackets to be closed */
    size_t n_open;
};

hz_status hz_jinja_fail_at(struct hz_jinja *t, uint32_t line, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    hz_status status = hz_vfail(t->py.err, HZ_E_INVALID, fmt, ap);
    va_end(ap);
    return hz_fail_in(t->py.err, status, "%s:%u", t->name, (unsigned)line);
}

static hz_status add(struct lexer *x, enum hz_jinja_token_type type, const char *text, size_t len)
{
    if (x->n == x->cap) {
        size_t cap = HZ_MAX(2 * x->cap, 64);
        struct hz_jinja_token *tokens = hz_py_alloc(&x->t->py, cap, sizeof *tokens);
        if (!tokens)
            return hz_py_status(&x->t->py);
        if (x->n)
            memcpy(tokens, x->tokens, x->n * sizeof *tokens);
        x->tokens = tokens;
        x->cap = cap;
    }
    x->tokens[x->n++] = (struct hz_jinja_token){type, x->line, text, len};
    return HZ_OK;
}

/* Moves on to `to`, counting lines. */
static void pass(struct lexer *x, size_t to)
{
    for (size_t i = x->at; i < to; i++)
        x->line += x->s[i] == '\n';
    if (to > x->at)
        x->line_starting = x->s[to - 1] == '\n';
    x->at = to;
}

static bool starts(const struct lexer *x, size_t at, const char *text)
{
    size_t n = strlen(text);
    return at <= x->len && n <= x->len - at && !memcmp(x->s + at, text, n);
}

static size_t skip_blanks(const struct lexer *x, size_t at)
{
    uint32_t cp;
    size_t n;
    while (at < x->len && (n = hz_utf8_decode(x->s + at, x->len - at, &cp), hz_utf8_is_space(cp)))
        at += n;
    return at;
}

static size_t skip_name(const struct lexer *x, size_t at)
{
    uint32_t cp;
    size_t n;
    while (at < x->len && (n = hz_utf8_decode(x->s + at, x->len - at, &cp), hz_py_is_word(cp)))
        at += n ? n : 1;
    return at;
}

/* If x->s[at..] closes a tag with `close`: where it goes on, after blanks for '-' and a newline where trim_blocks says
 * so. Else 0. */
static size_t tag_end(const struct lexer *x, size_t at, const char *close, bool trim)
{
    if (starts(x, at, close))
        return at + 2 + (trim && at + 2 < x->len && x->s[at + 2] == '\n');
    if (at < x->len && x->s[at] == '-' && starts(x, at + 1, close))
        return skip_blanks(x, at + 3);
    return trim && at < x->len && x->s[at] == '+' && starts(x, at + 1, close) ? at + 3 : 0;
}

/* `{% word %}` with any signs and blanks, at x->s[at]: where it ends, else 0. */
static size_t raw_tag(const struct lexer *x, size_t at, const char *word, bool trim)
{
    if (!starts(x, at, "{%"))
        return 0;
    at += 2;
    at += at < x->len && (x->s[at] == '-' || x->s[at] == '+');
    at = skip_blanks(x, at);
    if (!starts(x, at, word))
        return 0;
    at = skip_blanks(x, at + strlen(word));
    if (!trim && at < x->len && x->s[at] == '+')
        return 0; /* the opening tag has no '+' at its end */
    return tag_end(x, at, "%}", trim);
}

/* Text before a tag, whose sign is s[sign]; the lexer then stands at `tag`. */
static hz_status add_data(struct lexer *x, size_t tag, size_t sign, bool variable)
{
    size_t from = x->at, to = tag;
    char c = sign < x->len ? x->s[sign] : '\0';
    if (c == '-') {
        uint32_t cp;
        while (to > from) {
            size_t n = 1;
            while (n < 4 && n < to - from && ((unsigned char)x->s[to - n] & 0xC0) == 0x80)
                n++;
            hz_utf8_decode(x->s + to - n, n, &cp);
            if (!hz_utf8_is_space(cp))
                break;
            to -= n;
        }
    } else if (c != '+' && !variable) {
        size_t line = to;
        while (line > from && x->s[line - 1] != '\n')
            line--;
        if ((line > from || x->line_starting) && skip_blanks(x, line) >= to)
            to = line;
    }
    if (to > from)
        HZ_TRY(add(x, HZ_JINJA_T_DATA, x->s + from, to - from));
    pass(x, tag);
    return HZ_OK;
}

static hz_status lex_comment(struct lexer *x)
{
    size_t at = x->at + 2, end = 0;
    at += at < x->len && (x->s[at] == '-' || x->s[at] == '+');
    for (; at < x->len && !end; at++)
        end = tag_end(x, at, "#}", true);
    if (!end)
        return hz_jinja_fail_at(x->t, x->line, "Missing end of comment tag");
    pass(x, end);
    return HZ_OK;
}

static hz_status lex_raw(struct lexer *x, size_t body)
{
    uint32_t line = x->line;
    pass(x, body);
    for (size_t at = body; at < x->len; at++) {
        size_t end = raw_tag(x, at, "endraw", true);
        if (!end)
            continue;
        HZ_TRY(add_data(x, at, at + 2, false));
        pass(x, end);
        return HZ_OK;
    }
    return hz_jinja_fail_at(x->t, line, "Missing end of raw directive");
}

/* ---- inside of tags --------------------------------------------------------------------------------------------- */

/* Digits with single underscores between them: where they end. */
static size_t skip_digits(const struct lexer *x, size_t at)
{
    while (at < x->len && (isdigit((unsigned char)x->s[at]) ||
                           (x->s[at] == '_' && at + 1 < x->len && isdigit((unsigned char)x->s[at + 1]))))
        at++;
    return at;
}

static bool is_digit_of(const struct lexer *x, size_t at, const char *digits)
{
    return at < x->len && x->s[at] && strchr(digits, tolower((unsigned char)x->s[at]));
}

static size_t integer_end(const struct lexer *x, size_t at)
{
    const char *digits = NULL;
    if (x->s[at] == '0' && at + 1 < x->len) {
        char base = (char)tolower((unsigned char)x->s[at + 1]);
        digits = base == 'x' ? "0123456789abcdef" : base == 'o' ? "01234567" : base == 'b' ? "01" : NULL;
    }
    size_t end = at + 2;
    if (digits && (is_digit_of(x, end, digits) || (starts(x, end, "_") && is_digit_of(x, end + 1, digits)))) {
        while (is_digit_of(x, end, digits) || (starts(x, end, "_") && is_digit_of(x, end + 1, digits)))
            end++;
        return end;
    }
    if (x->s[at] != '0')
        return skip_digits(x, at);
    for (end = at + 1; is_digit_of(x, end, "0") || (starts(x, end, "_") && is_digit_of(x, end + 1, "0"));)
        end++;
    return end;
}

static hz_status lex_number(struct lexer *x)
{
    size_t at = x->at, whole = skip_digits(x, at), end = whole;
    bool after_dot = at > 0 && x->s[at - 1] == '.', is_float = false;
    if (end + 1 < x->len && x->s[end] == '.' && isdigit((unsigned char)x->s[end + 1])) {
        end = skip_digits(x, end + 1);
        is_float = true;
    }
    if (end < x->len && (x->s[end] | 0x20) == 'e') {
        size_t exponent = end + 1 + (end + 1 < x->len && (x->s[end + 1] == '+' || x->s[end + 1] == '-'));
        if (exponent < x->len && isdigit((unsigned char)x->s[exponent])) {
            end = skip_digits(x, exponent);
            is_float = true;
        }
    }
    is_float = is_float && !after_dot;
    end = is_float ? end : integer_end(x, at);
    HZ_TRY(add(x, is_float ? HZ_JINJA_T_FLOAT : HZ_JINJA_T_INTEGER, x->s + at, end - at));
    pass(x, end);
    return HZ_OK;
}

static hz_status unexpected_char(struct lexer *x)
{
    unsigned char c = (unsigned char)x->s[x->at];
    if (c < 0x80)
        return hz_jinja_fail_at(x->t, x->line, "unexpected char '%c'", c);
    return hz_jinja_fail_at(x->t, x->line, "an unexpected character, byte 0x%02X", c);
}

static hz_status lex_string(struct lexer *x)
{
    char quote = x->s[x->at];
    for (size_t at = x->at + 1; at < x->len; at++) {
        if (x->s[at] == '\\') {
            at++;
        } else if (x->s[at] == quote) {
            HZ_TRY(add(x, HZ_JINJA_T_STRING, x->s + x->at, at + 1 - x->at));
            pass(x, at + 1);
            return HZ_OK;
        }
    }
    return unexpected_char(x);
}

static hz_status lex_operator(struct lexer *x)
{
    static const char *const two[] = {"//", "**", "==", "!=", ">=", "<="};
    size_t n = 0;
    for (size_t i = 0; i < HZ_COUNT(two) && !n; i++)
        n = starts(x, x->at, two[i]) ? 2 : 0;
    char c = x->s[x->at];
    if (!n && (!c || !strchr("+-/*%~[](){}><=.:|,;", c)))
        return unexpected_char(x);
    n = n ? n : 1;
    if (strchr("{[(", c)) {
        if (x->n_open == sizeof x->open)
            return hz_jinja_fail_at(x->t, x->line, "brackets nested deeper than %zu", sizeof x->open);
        x->open[x->n_open++] = c == '{' ? '}' : c == '[' ? ']' : ')';
    } else if (strchr("}])", c)) {
        if (!x->n_open)
            return hz_jinja_fail_at(x->t, x->line, "unexpected '%c'", c);
        char expected = x->open[--x->n_open];
        if (c != expected)
            return hz_jinja_fail_at(x->t, x->line, "unexpected '%c', expected '%c'", c, expected);
    }
    HZ_TRY(add(x, HZ_JINJA_T_OPERATOR, x->s + x->at, n));
    pass(x, x->at + n);
    return HZ_OK;
}

/* From `{{` or `{%` to its end. */
static hz_status lex_tag(struct lexer *x, bool variable)
{
    HZ_TRY(add(x, variable ? HZ_JINJA_T_VARIABLE_BEGIN : HZ_JINJA_T_BLOCK_BEGIN, x->s + x->at, 2));
    size_t begin = x->at + 2;
    pass(x, begin + (begin < x->len && (x->s[begin] == '-' || x->s[begin] == '+')));
    for (x->n_open = 0; x->at < x->len;) {
        size_t end = x->n_open ? 0 : tag_end(x, x->at, variable ? "}}" : "%}", !variable);
        if (end) {
            HZ_TRY(add(x, variable ? HZ_JINJA_T_VARIABLE_END : HZ_JINJA_T_BLOCK_END, x->s + x->at, 2));
            pass(x, end);
            return HZ_OK;
        }
        unsigned char c = (unsigned char)x->s[x->at];
        size_t blanks = skip_blanks(x, x->at);
        if (blanks > x->at) {
            pass(x, blanks);
        } else if (isdigit(c)) {
            HZ_TRY(lex_number(x));
        } else if (skip_name(x, x->at) > x->at) {
            size_t name_end = skip_name(x, x->at);
            HZ_TRY(add(x, HZ_JINJA_T_NAME, x->s + x->at, name_end - x->at));
            pass(x, name_end);
        } else {
            HZ_TRY(c == '"' || c == '\'' ? lex_string(x) : lex_operator(x));
        }
    }
    return HZ_OK;
}

hz_status hz_jinja_lex(struct hz_jinja *t, struct hz_jinja_token **tokens, size_t *n)
{
    struct lexer x = {.t = t, .s = t->source, .len = t->len, .line = 1, .line_starting = true};
    for (size_t tag = 0; tag < x.len;) {
        const char *brace = memchr(x.s + tag, '{', x.len - tag);
        tag = brace ? (size_t)(brace - x.s) : x.len;
        char c = tag + 1 < x.len ? x.s[tag + 1] : '\0';
        if (!brace || (c != '{' && c != '%' && c != '#')) {
            tag += brace != NULL;
            continue;
        }
        size_t raw = raw_tag(&x, tag, "raw", false);
        HZ_TRY(add_data(&x, tag, tag + 2, c == '{'));
        HZ_TRY(c == '#' ? lex_comment(&x) : raw ? lex_raw(&x, raw) : lex_tag(&x, c == '{'));
        tag = x.at;
    }
    if (x.len > x.at)
        HZ_TRY(add(&x, HZ_JINJA_T_DATA, x.s + x.at, x.len - x.at));
    pass(&x, x.len);
    HZ_TRY(add(&x, HZ_JINJA_T_EOF, x.s + x.len, 0));
    *tokens = x.tokens;
    *n = x.n;
    return HZ_OK;
}
