/* regex_spell.c - from Oniguruma's spelling to PCRE2's. */
#include "token/regex_spell.h"

#include "text/utf8.h"
#include "token/ucd.h"

#include <utf8proc.h>

#include <string.h>

enum { MAX_DEPTH = 64 };

struct speller {
    const char *p;
    size_t len, at;
    int unicode;
    const char *what;
    struct hz_buf *out;
    size_t atom; /* where in out the last atom begins, which a quantifier would repeat */
    struct hz_error *err;
};

/* A bracket expression while it is read: what it holds, and what stands in it negated (\W, \P{..}, [^..]). */
struct set {
    struct hz_buf plain, negated; /* negated: sets [..] one behind the other, each to be inverted */
    size_t n_negated;
};

static hz_status refuse(const struct speller *s, const char *why)
{
    return hz_fail(s->err, HZ_E_UNSUPPORTED, "%s: the regular expression \"%.*s\" has %s", s->what,
                   (int)HZ_MIN(s->len, 200), s->p, why);
}

static int peek(const struct speller *s, size_t ahead)
{
    return s->at + ahead < s->len ? (unsigned char)s->p[s->at + ahead] : -1;
}

/* ---- what a class escape stands for, as the inside of [..] ----------------------------------- */

#define SPACE "\\t-\\r\\x{20}\\x{85}\\x{A0}\\x{1680}\\x{2000}-\\x{200A}\\x{2028}\\x{2029}\\x{202F}\\x{205F}\\x{3000}"
/* Marks of Unicode 15 and 16 that are alphabetic. */
#define YOUNG_MARKS                                                                                                    \
    "\\x{897}\\x{CF3}\\x{10D69}\\x{10EFC}\\x{11241}\\x{113B8}-\\x{113C0}\\x{113C2}\\x{113C5}\\x{113C7}-\\x{113CA}"     \
    "\\x{113CC}-\\x{113CD}\\x{11F00}-\\x{11F01}\\x{11F03}\\x{11F34}-\\x{11F3A}\\x{11F3E}-\\x{11F40}"                   \
    "\\x{1611E}-\\x{1612E}\\x{1E08F}"

struct name {
    const char *name, *spelling;
};

static const struct name long_names[] = {
    {"letter", "L"},
    {"mark", "M"},
    {"number", "N"},
    {"punctuation", "P"},
    {"symbol", "S"},
    {"separator", "Z"},
    {"other", "C"},
    {"uppercaseletter", "Lu"},
    {"lowercaseletter", "Ll"},
    {"titlecaseletter", "Lt"},
    {"modifierletter", "Lm"},
    {"otherletter", "Lo"},
    {"nonspacingmark", "Mn"},
    {"spacingmark", "Mc"},
    {"enclosingmark", "Me"},
    {"decimalnumber", "Nd"},
    {"letternumber", "Nl"},
    {"othernumber", "No"},
    {"any", "Any"},
};

/* Classes that are no general category, for \p{..} and [:..:]; `young`: categories whose new members belong to it. */
static const struct class
{
    const char *name, *spelling, *young[2];
} classes[] = {
    {"alpha", "\\p{Alphabetic}" YOUNG_MARKS, {"L"}},
    {"alphabetic", "\\p{Alphabetic}" YOUNG_MARKS, {"L"}},
    {"alnum", "\\p{Alphabetic}\\p{Nd}" YOUNG_MARKS, {"L", "Nd"}},
    {"upper", "\\p{Uppercase}", {"Lu"}},
    {"uppercase", "\\p{Uppercase}", {"Lu"}},
    {"lower", "\\p{Lowercase}\\x{1E030}-\\x{1E06D}", {"Ll"}},
    {"lowercase", "\\p{Lowercase}\\x{1E030}-\\x{1E06D}", {"Ll"}},
    {"digit", "\\p{Nd}", {"Nd"}},
    {"punct", "\\p{P}\\p{S}", {"P", "S"}},
    {"space", SPACE, {NULL}},
    {"blank", "\\t\\p{Zs}", {NULL}},
    {"cntrl", "\\p{Cc}", {NULL}},
    {"xdigit", "0-9A-Fa-f", {NULL}},
    {"ascii", "\\x00-\\x7F", {NULL}},
};

/* Letters that Unicode 15 and 16 added to scripts that patterns name. */
static const struct name young_scripts[] = {
    {"han", "\\x{2B739}\\x{2EBF0}-\\x{2EE5D}\\x{31350}-\\x{323AF}"},
    {"hiragana", "\\x{1B132}"},
    {"katakana", "\\x{1B155}"},
    {"cyrillic", "\\x{1C89}\\x{1C8A}\\x{1E030}-\\x{1E06D}\\x{1E08F}"},
    {"latin", "\\x{A7CB}-\\x{A7CD}\\x{A7DA}-\\x{A7DC}\\x{1DF25}-\\x{1DF2A}"},
    {"arabic", "\\x{897}\\x{10EC2}-\\x{10EC4}\\x{10EFC}-\\x{10EFF}"},
    {"devanagari", "\\x{11B00}-\\x{11B09}"},
};

/* Whether a general category, written as in \p{}, holds utf8proc's category c. */
static bool category_in(const char *name, int c)
{
    static const char letters[] = "CnLuLlLtLmLoMnMcMeNdNlNoPcPdPsPePiPfPoSmScSkSoZsZlZpCcCfCsCo";
    const char *full = letters + 2 * c;
    if (!strcmp(name, "LC") || !strcmp(name, "L&"))
        return full[0] == 'L' && strchr("ult", full[1]);
    return name[0] == full[0] && (!name[1] || (name[1] == full[1] && !name[2]));
}

/* The code points of a category that PCRE2 may be too old to know. */
static void put_young(struct hz_buf *out, const char *name, int unicode)
{
    for (size_t i = 0; i < hz_ucd_n_young; i++) {
        const struct hz_ucd_range *r = &hz_ucd_young[i];
        if (r->since >= 15 && r->since <= unicode && category_in(name, r->category))
            hz_buf_printf(out, "\\x{%X}-\\x{%X}", (unsigned)r->first, (unsigned)r->last);
    }
}

/* Oniguruma's \w: letters, marks, decimal digits, connectors; and letter numbers, circled letters, and the superscript
 * digits and fractions of Latin-1. */
static void put_word(struct hz_buf *out, int unicode)
{
    hz_buf_puts(out,
                "\\p{L}\\p{M}\\p{Nd}\\p{Nl}\\p{Pc}\\x{B2}\\x{B3}\\x{B9}\\x{BC}-\\x{BE}\\x{24B6}-\\x{24E9}\\x{1F130}-"
                "\\x{1F149}\\x{1F150}-\\x{1F169}\\x{1F170}-\\x{1F189}");
    put_young(out, "L", unicode);
    put_young(out, "M", unicode);
    put_young(out, "Nd", unicode);
}

static bool put_class(const char *name, size_t len, int unicode, struct hz_buf *out)
{
    for (size_t i = 0; i < HZ_COUNT(classes); i++) {
        if (strlen(classes[i].name) != len || memcmp(classes[i].name, name, len) != 0)
            continue;
        hz_buf_puts(out, classes[i].spelling);
        for (size_t k = 0; k < HZ_COUNT(classes[i].young) && classes[i].young[k]; k++)
            put_young(out, classes[i].young[k], unicode);
        return true;
    }
    return false;
}

/* Categories that shrink from version to version are what the others leave. */
static bool put_unassigned(const char *category, int unicode, struct hz_buf *out, bool *negated)
{
    static const char *const assigned[] = {"L", "M", "N", "P", "S", "Z"};
    bool all = !strcmp(category, "C");
    if (!all && strcmp(category, "Cn") != 0)
        return false;
    for (size_t i = 0; i < HZ_COUNT(assigned); i++) {
        hz_buf_printf(out, "\\p{%s}", assigned[i]);
        put_young(out, assigned[i], unicode);
    }
    if (!all)
        hz_buf_puts(out, "\\p{Cc}\\p{Cf}\\p{Co}\\p{Cs}");
    *negated = !*negated;
    return true;
}

static bool put_script(const char *name, const char *folded, struct hz_buf *out)
{
    char script[64] = "sc:";
    strncat(script, name, sizeof script - 4);
    if (!hz_regex_knows(script))
        return false;
    hz_buf_printf(out, "\\p{%s}", script);
    for (size_t i = 0; i < HZ_COUNT(young_scripts); i++)
        if (!strcmp(folded, young_scripts[i].name))
            hz_buf_puts(out, young_scripts[i].spelling);
    return true;
}

/* The inside of \p{..}: long names are cleaned of case, blanks, _ and -. */
static hz_status put_property(struct speller *s, const char *name, size_t len, struct hz_buf *out, bool *negated)
{
    char given[48], folded[48];
    size_t n = 0;
    if (!len || len >= sizeof given)
        return refuse(s, "an unknown \\p{..}");
    memcpy(given, name, len);
    given[len] = 0;
    for (size_t i = 0; i < len; i++)
        if (given[i] != '_' && given[i] != '-' && given[i] != ' ')
            folded[n++] = (char)(given[i] >= 'A' && given[i] <= 'Z' ? given[i] + 32 : given[i]);
    folded[n] = 0;
    const char *category = n <= 2 ? given : NULL;
    for (size_t i = 0; !category && i < HZ_COUNT(long_names); i++)
        if (!strcmp(folded, long_names[i].name))
            category = long_names[i].spelling;
    if (category && hz_regex_knows(category)) {
        if (!put_unassigned(category, s->unicode, out, negated)) {
            hz_buf_printf(out, "\\p{%s}", category);
            put_young(out, category, s->unicode);
        }
        return HZ_OK;
    }
    return put_class(folded, n, s->unicode, out) || put_script(given, folded, out) ? HZ_OK
                                                                                   : refuse(s, "an unknown \\p{..}");
}

/* At a backslash: if it is a class escape, appends its inside to `out`, says whether it is negated, and steps behind.
 */
static hz_status class_escape(struct speller *s, struct hz_buf *out, bool *is_class, bool *negated)
{
    int e = peek(s, 1);
    *is_class = true;
    *negated = e >= 'A' && e <= 'Z';
    switch (e) {
    case 's':
    case 'S':
        hz_buf_puts(out, SPACE);
        break;
    case 'w':
    case 'W':
        put_word(out, s->unicode);
        break;
    case 'd':
    case 'D':
        hz_buf_puts(out, "\\p{Nd}");
        put_young(out, "Nd", s->unicode);
        break;
    case 'h':
    case 'H':
        hz_buf_puts(out, "0-9A-Fa-f");
        break;
    case 'p':
    case 'P': {
        if (peek(s, 2) != '{')
            return refuse(s, "a \\p without {..}");
        size_t from = s->at + 3, to = from;
        while (to < s->len && s->p[to] != '}')
            to++;
        if (to == s->len)
            return refuse(s, "a \\p{ that does not end");
        if (from < to && s->p[from] == '^') {
            *negated = !*negated;
            from++;
        }
        HZ_TRY(put_property(s, s->p + from, to - from, out, negated));
        s->at = to + 1;
        return HZ_OK;
    }
    default:
        *is_class = false;
        return HZ_OK;
    }
    s->at += 2;
    return HZ_OK;
}

/* At a backslash that is no class escape: copies it. */
static hz_status plain_escape(struct speller *s, bool in_set, struct hz_buf *out)
{
    int e = peek(s, 1);
    if (e < 0)
        return refuse(s, "a backslash at its end");
    if (e == 'v') { /* one character there, a class in PCRE2 */
        hz_buf_puts(out, "\\x0B");
    } else if (e == 'u') {
        if (s->at + 6 > s->len)
            return refuse(s, "an unfinished \\u");
        hz_buf_printf(out, "\\x{%.4s}", s->p + s->at + 2);
        s->at += 6;
        return HZ_OK;
    } else if (!in_set && (e == 'X' || e == 'R' || e == 'y' || e == 'Y' || e == 'K' || e == 'g' || e == 'k')) {
        return refuse(s, "an escape that the two engines read differently");
    } else if (e < 0x80) {
        hz_buf_putc(out, '\\');
        hz_buf_putc(out, (char)e);
    } else { /* an escaped character beyond ASCII is itself */
        s->at++;
        return HZ_OK;
    }
    s->at += 2;
    return HZ_OK;
}

static void put_char(struct speller *s, struct hz_buf *out)
{
    uint32_t cp;
    size_t n = hz_utf8_decode(s->p + s->at, s->len - s->at, &cp);
    if (cp)
        hz_buf_put(out, s->p + s->at, n);
    else
        hz_buf_puts(out, "\\x00");
    s->at += n;
}

/* ---- [..] ------------------------------------------------------------------------------------------------------- */

static hz_status spell_set(struct speller *s, struct hz_buf *out, int depth);

static void set_init(struct set *set)
{
    *set = (struct set){0};
    hz_buf_init(&set->plain, 1 << 18);
    hz_buf_init(&set->negated, 1 << 18);
}

static void set_free(struct set *set)
{
    hz_buf_free(&set->plain);
    hz_buf_free(&set->negated);
}

/* As one atom: [plain] if nothing in it is negated, else an alternation, or for [^..] a chain of looks ahead. */
static void put_set(const struct set *set, bool inverted, struct hz_buf *out)
{
    if (!set->n_negated) {
        hz_buf_puts(out, inverted ? "[^" : "[");
        hz_buf_put(out, set->plain.data, set->plain.len);
        hz_buf_putc(out, ']');
        return;
    }
    hz_buf_puts(out, "(?:");
    if (set->plain.len) {
        hz_buf_puts(out, inverted ? "(?![" : "[");
        hz_buf_put(out, set->plain.data, set->plain.len);
        hz_buf_puts(out, inverted ? "])" : "]|");
    }
    const char *item = set->negated.data;
    for (size_t i = 0; i < set->n_negated; i++) {
        size_t len = strlen(item);
        bool last = i + 1 == set->n_negated;
        hz_buf_puts(out, inverted ? (last ? "[" : "(?=[") : "[^");
        hz_buf_put(out, item, len);
        hz_buf_puts(out, inverted ? (last ? "]" : "])") : (last ? "]" : "]|"));
        item += len + 1;
    }
    hz_buf_putc(out, ')');
}

/* At a [: of [:alpha:] and the like. */
static hz_status read_posix(struct speller *s, struct set *set)
{
    size_t from = s->at + 2, to = from;
    while (to + 1 < s->len && !(s->p[to] == ':' && s->p[to + 1] == ']'))
        to++;
    if (to + 1 >= s->len || !put_class(s->p + from, to - from, s->unicode, &set->plain))
        return refuse(s, "an unknown [:..:]");
    s->at = to + 2;
    return HZ_OK;
}

/* The items up to the ] or && that ends them. A set inside the set joins it. */
static hz_status read_items(struct speller *s, struct set *set, int depth)
{
    for (bool first = true;; first = false) {
        int c = peek(s, 0);
        if (c < 0)
            return refuse(s, "a [ that does not end");
        if ((c == ']' && !first) || (c == '&' && peek(s, 1) == '&'))
            return HZ_OK;
        if (c == '\\') {
            bool is_class, negated;
            size_t plain = set->plain.len;
            HZ_TRY(class_escape(s, &set->plain, &is_class, &negated));
            if (!is_class) {
                HZ_TRY(plain_escape(s, true, &set->plain));
            } else if (negated) { /* it was written to the wrong buffer: move it */
                if (set->plain.failed)
                    return hz_buf_check(&set->plain, s->what, s->err);
                hz_buf_put(&set->negated, set->plain.data + plain, set->plain.len - plain);
                hz_buf_putc(&set->negated, '\0');
                set->plain.len = plain;
                set->n_negated++;
            }
        } else if (c == '[' && peek(s, 1) == ':') {
            HZ_TRY(read_posix(s, set));
        } else if (c == '[') {
            if (depth >= MAX_DEPTH)
                return refuse(s, "sets nested too deeply");
            bool inverted = peek(s, 1) == '^';
            s->at += 1 + inverted;
            struct set inner;
            set_init(&inner);
            hz_status status = read_items(s, inverted ? &inner : set, depth + 1);
            if (!status && (peek(s, 0) != ']' || inner.n_negated))
                status = refuse(s, "a set inside a set that is too deep to unfold");
            if (!status && inverted) {
                hz_buf_put(&set->negated, inner.plain.data, inner.plain.len);
                hz_buf_putc(&set->negated, '\0');
                set->n_negated++;
            }
            set_free(&inner);
            HZ_TRY(status);
            s->at++;
        } else if (first && c == ']') {
            hz_buf_puts(&set->plain, "\\]");
            s->at++;
        } else {
            put_char(s, &set->plain);
        }
    }
}

/* What follows && up to the closing ], as one atom. A set in brackets is the usual case. */
static hz_status spell_intersected(struct speller *s, struct hz_buf *out, int depth)
{
    if (peek(s, 0) == '[' && peek(s, 1) != ':') {
        HZ_TRY(spell_set(s, out, depth + 1));
        return peek(s, 0) == ']' || peek(s, 0) == '&' ? HZ_OK : refuse(s, "a && that is too deep to unfold");
    }
    struct set set;
    set_init(&set);
    hz_status status = read_items(s, &set, depth + 1);
    if (!status)
        put_set(&set, false, out);
    set_free(&set);
    return status;
}

/* At a [. [a&&b&&c] becomes (?:(?=b)(?=c)[a]). */
static hz_status spell_set(struct speller *s, struct hz_buf *out, int depth)
{
    if (depth >= MAX_DEPTH)
        return refuse(s, "sets nested too deeply");
    bool inverted = peek(s, 1) == '^';
    s->at += 1 + inverted;
    struct set set;
    set_init(&set);
    hz_status status = read_items(s, &set, depth);
    bool intersected = !status && peek(s, 0) == '&';
    if (intersected && inverted)
        status = refuse(s, "a [^..&&..]");
    if (!status && intersected)
        hz_buf_puts(out, "(?:");
    while (!status && peek(s, 0) == '&') {
        s->at += 2;
        hz_buf_puts(out, "(?=");
        status = spell_intersected(s, out, depth);
        hz_buf_putc(out, ')');
    }
    if (!status) {
        put_set(&set, inverted, out);
        if (intersected)
            hz_buf_putc(out, ')');
        s->at++;
        status = hz_buf_check(&set.plain, s->what, s->err);
    }
    if (!status)
        status = hz_buf_check(&set.negated, s->what, s->err);
    set_free(&set);
    return status;
}

/* ---- outside of sets -------------------------------------------------------------------------------------------- */

static void put_boundary(struct speller *s, bool negated)
{
    struct hz_buf word;
    hz_buf_init(&word, 1 << 14);
    put_word(&word, s->unicode);
    hz_buf_printf(s->out,
                  negated ? "(?:(?<=[%s])(?=[%s])|(?<![%s])(?![%s]))" : "(?:(?<=[%s])(?![%s])|(?<![%s])(?=[%s]))",
                  word.data, word.data, word.data, word.data);
    s->out->failed = s->out->failed || word.failed;
    hz_buf_free(&word);
}

static hz_status spell_escape(struct speller *s)
{
    int e = peek(s, 1);
    if (e == 'b' || e == 'B') {
        put_boundary(s, e == 'B');
        s->at += 2;
        return HZ_OK;
    }
    struct hz_buf inside;
    hz_buf_init(&inside, 1 << 14);
    bool is_class, negated;
    hz_status status = class_escape(s, &inside, &is_class, &negated);
    if (!status && !is_class)
        status = plain_escape(s, false, s->out);
    else if (!status)
        hz_buf_printf(s->out, negated ? "[^%s]" : "[%s]", inside.data);
    hz_buf_free(&inside);
    return status;
}

/* Puts text before the atom that was written last. */
static void wrap_atom(struct speller *s)
{
    struct hz_buf *out = s->out;
    hz_buf_puts(out, "(?:");
    if (out->failed)
        return;
    memmove(out->data + s->atom + 3, out->data + s->atom, out->len - 3 - s->atom);
    memcpy(out->data + s->atom, "(?:", 3);
}

/* At a {: if it is an interval, copies it; X{n,m}+ and X{n}? repeat the repeat. */
static bool spell_interval(struct speller *s)
{
    size_t i = s->at + 1, low = i;
    while (i < s->len && s->p[i] >= '0' && s->p[i] <= '9')
        i++;
    bool has_low = i > low, comma = i < s->len && s->p[i] == ',';
    size_t high = i += comma;
    while (comma && i < s->len && s->p[i] >= '0' && s->p[i] <= '9')
        i++;
    if ((!has_low && i == high) || i == s->len || s->p[i] != '}')
        return false;
    char next = i + 1 < s->len ? s->p[i + 1] : 0;
    bool wrap = next == '+' || (next == '?' && !comma);
    if (wrap)
        wrap_atom(s);
    if (has_low)
        hz_buf_put(s->out, s->p + s->at, i + 1 - s->at);
    else
        hz_buf_printf(s->out, "{0%.*s", (int)(i + 1 - low), s->p + low);
    if (wrap) {
        hz_buf_putc(s->out, ')');
        hz_buf_putc(s->out, next);
        i++;
    }
    s->at = i + 1;
    return true;
}

/* At a (: copies its head; of option letters, m means that . matches a newline. */
static void spell_open(struct speller *s)
{
    hz_buf_putc(s->out, '(');
    s->at++;
    if (peek(s, 0) != '?')
        return;
    hz_buf_putc(s->out, '?');
    s->at++;
    size_t i = s->at;
    while (i < s->len && s->p[i] && strchr("imx-", s->p[i]))
        i++;
    if (i < s->len && (s->p[i] == ':' || s->p[i] == ')'))
        for (; s->at < i; s->at++)
            hz_buf_putc(s->out, s->p[s->at] == 'm' ? 's' : s->p[s->at]);
    bool behind = peek(s, 0) == '<';
    if (peek(s, 0) > 0 && strchr(":=!<>", peek(s, 0))) /* no quantifier may take these for its atom */
        put_char(s, s->out);
    if (behind && (peek(s, 0) == '=' || peek(s, 0) == '!'))
        put_char(s, s->out);
}

hz_status hz_regex_spell(const char *pattern, size_t len, int unicode, const char *what, struct hz_buf *out,
                         struct hz_error *err)
{
    struct speller s = {pattern, len, 0, unicode, what, out, out->len, err};
    size_t open[256]; /* where in out the groups around begin */
    size_t depth = 0;
    while (s.at < len && !out->failed) {
        char c = pattern[s.at];
        size_t atom = out->len;
        switch (c) {
        case '\\':
            s.atom = atom;
            HZ_TRY(spell_escape(&s));
            break;
        case '[':
            s.atom = atom;
            HZ_TRY(spell_set(&s, out, 0));
            break;
        case '(':
            if (depth == HZ_COUNT(open))
                return refuse(&s, "groups nested too deeply");
            s.atom = open[depth++] = atom;
            spell_open(&s);
            break;
        case ')':
            s.atom = depth ? open[--depth] : atom;
            put_char(&s, out);
            break;
        case '*':
        case '+':
        case '?':
        case '|':
        case '^':
        case '$':
            put_char(&s, out);
            break;
        case '{':
            if (spell_interval(&s))
                break;
            s.atom = atom;
            hz_buf_puts(out, "\\{");
            s.at++;
            break;
        default:
            s.atom = atom;
            put_char(&s, out);
        }
    }
    return HZ_OK;
}
