/* jinja_filters_wrap.c - the filters that fill lines: wordwrap as Python's textwrap does, pprint as its pprint does. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "text/jinja_ast.h"
#include "text/jinja_filters.h"

#include <pcre2.h>

#include <string.h>

/* ---- wordwrap --------------------------------------------------------------------------------------------------- */

#define BLANK    "[\\t\\n\\x0b\\x0c\\r ]"
#define NO_BLANK "[^\\t\\n\\x0b\\x0c\\r ]"
#define PUNCT    "[\\w!\"'&.,?]"
#define LETTER   "[^\\d\\W]"

/* A stretch of blanks, an em-dash between words, or a word up to its end, a hyphen between letters or an em-dash. */
static const char chunk_pattern[] =
    BLANK "+|(?<=" PUNCT ")-{2,}(?=\\w)|" NO_BLANK "+?(?:-(?:(?<=" LETTER LETTER "-)|(?<=" LETTER "-" PUNCT
          "-))(?=" LETTER "-?" LETTER ")|(?=" BLANK "|\\Z)|(?<=" PUNCT ")(?=-{2,}\\w))";
static const char plain_pattern[] = BLANK "+|" NO_BLANK "+";

static hz_status split_with(struct hz_py *py, pcre2_code *code, pcre2_match_data *data, struct hz_py_val line,
                            struct hz_py_list *chunks)
{
    struct hz_py_val chunk;
    size_t at = 0, len = line.str->len;
    while (at < len) {
        const size_t *where = pcre2_get_ovector_pointer(data);
        HZ_TRY(hz_py_step(py, 8));
        size_t from = len, to = len;
        if (pcre2_match(code, (PCRE2_SPTR)line.str->data, len, at, PCRE2_NO_UTF_CHECK, data, NULL) > 0) {
            from = where[0];
            to = where[1];
        }
        if (from > at) { /* between two matches */
            HZ_TRY(hz_py_str_part(py, line, at, from, &chunk));
            HZ_TRY(hz_py_push(py, chunks, chunk));
        }
        if (to > from) {
            HZ_TRY(hz_py_str_part(py, line, from, to, &chunk));
            HZ_TRY(hz_py_push(py, chunks, chunk));
        }
        at = to > at ? to : len;
    }
    return HZ_OK;
}

static hz_status split_chunks(struct hz_py *py, struct hz_py_val line, bool hyphens, struct hz_py_list **out)
{
    int error;
    PCRE2_SIZE at;
    const char *pattern = hyphens ? chunk_pattern : plain_pattern;
    if (!(*out = hz_py_list_new(py, 0)))
        return hz_py_status(py);
    pcre2_code *code =
        pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, PCRE2_UTF | PCRE2_UCP, &error, &at, NULL);
    pcre2_match_data *data = code ? pcre2_match_data_create_from_pattern(code, NULL) : NULL;
    hz_status status = data ? split_with(py, code, data, line, *out) : hz_fail_nomem(py->err, 0);
    pcre2_match_data_free(data);
    pcre2_code_free(code);
    return status;
}

struct wrapping {
    struct hz_py *py;
    int64_t width;
    bool break_words, hyphens;
};

static bool is_blank(struct hz_py_val chunk)
{
    return hz_py_str_class(chunk, "isspace");
}

/* Where a word too long for any line is cut so that its first part fits `room` characters. */
static size_t cut_word(struct hz_py_val word, int64_t room, bool hyphens)
{
    size_t end = hz_py_offset(word, (size_t)HZ_MAX(room, 1));
    size_t hyphen = hyphens && room > 0 ? hz_py_rfind(word.str->data, 0, end, "-", 1) : SIZE_MAX;
    if (hyphen == SIZE_MAX || hyphen == 0)
        return end;
    for (size_t i = 0; i < hyphen; i++)
        if (word.str->data[i] != '-')
            return hyphen + 1;
    return end;
}

/* Takes chunks from *at on for one line. */
static hz_status fill_line(struct wrapping *w, struct hz_py_list *chunks, size_t *at, bool first,
                           struct hz_py_list *line)
{
    int64_t used = 0;
    if (!first && is_blank(chunks->at[*at]))
        ++*at;
    for (; *at < chunks->n && used + hz_py_len(chunks->at[*at]) <= w->width; ++*at) {
        used += hz_py_len(chunks->at[*at]);
        HZ_TRY(hz_py_push(w->py, line, chunks->at[*at]));
    }
    if (*at < chunks->n && hz_py_len(chunks->at[*at]) > w->width) {
        struct hz_py_val *word = &chunks->at[*at], part;
        if (w->break_words) {
            size_t cut = cut_word(*word, w->width - used, w->hyphens);
            if (w->width - used <= 0)
                cut = 0;
            HZ_TRY(hz_py_str_part(w->py, *word, 0, cut, &part));
            HZ_TRY(hz_py_push(w->py, line, part));
            HZ_TRY(hz_py_str_part(w->py, *word, cut, word->str->len, word));
        } else if (!line->n) {
            HZ_TRY(hz_py_push(w->py, line, *word));
            ++*at;
        }
    }
    if (line->n && (is_blank(line->at[line->n - 1]) || !line->at[line->n - 1].str->len))
        line->n--;
    return HZ_OK;
}

static hz_status wrap_line(struct wrapping *w, struct hz_py_val text, struct hz_py_val separator, struct hz_py_sb *sb)
{
    struct hz_py_list *chunks;
    bool first = true;
    HZ_TRY(split_chunks(w->py, text, w->hyphens, &chunks));
    for (size_t at = 0; at < chunks->n;) {
        struct hz_py_list *line = hz_py_list_new(w->py, 0);
        HZ_TRY(hz_py_step(w->py, 1));
        if (!line)
            return hz_py_status(w->py);
        HZ_TRY(fill_line(w, chunks, &at, first, line));
        if (!line->n)
            continue;
        if (!first)
            hz_py_sb_str(sb, separator);
        first = false;
        for (size_t i = 0; i < line->n; i++)
            hz_py_sb_str(sb, line->at[i]);
    }
    return sb->status;
}

/* arg: width, break_long_words, wrapstring, break_on_hyphens. */
hz_status hz_jinja_wordwrap(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    struct wrapping w = {.py = py};
    struct hz_py_val separator = c->arg[2];
    struct hz_py_list *lines;
    struct hz_py_sb sb;
    HZ_TRY(hz_py_arg_str(py, c->self, "wordwrap() argument"));
    HZ_TRY(hz_py_arg_int(py, c->arg[0], 79, &w.width));
    if (w.width <= 0)
        return hz_py_fail(py, "invalid width (must be > 0)");
    w.break_words = c->arg[1].kind == HZ_PY_MISSING || hz_py_truth(c->arg[1]);
    w.hyphens = c->arg[3].kind == HZ_PY_MISSING || hz_py_truth(c->arg[3]);
    if (separator.kind == HZ_PY_MISSING || separator.kind == HZ_PY_NONE)
        HZ_TRY(hz_py_str_at(py, "\n", 1, &separator));
    HZ_TRY(hz_py_arg_str(py, separator, "wrapstring"));
    HZ_TRY(hz_py_splitlines(py, c->self, false, &lines));
    hz_py_sb_begin(&sb, py);
    for (size_t i = 0; i < lines->n; i++) {
        if (i)
            hz_py_sb_str(&sb, separator);
        HZ_TRY(wrap_line(&w, lines->at[i], separator, &sb));
    }
    return hz_py_sb_end(&sb, out);
}

/* ---- pprint ----------------------------------------------------------------------------------------------------- */

enum { LINE = 80 };

/* v with the keys of all dictionaries sorted, where they have an order. */
static hz_status sort_keys(struct hz_py *py, struct hz_py_val v, struct hz_py_val *out)
{
    bool dict = v.kind == HZ_PY_DICT;
    *out = v;
    if (!dict && v.kind != HZ_PY_LIST && v.kind != HZ_PY_TUPLE)
        return HZ_OK;
    HZ_TRY(hz_py_enter(py));
    struct hz_py_list *list = hz_py_list_new(py, 0), *keys = hz_py_list_new(py, 0);
    struct hz_py_dict *sorted = hz_py_dict_new(py);
    if (!list || !keys || !sorted)
        return hz_py_status(py);
    bool ordered = true;
    for (size_t i = 0; i < (dict ? v.dict->n : v.list->n); i++) {
        struct hz_py_val item, pair;
        HZ_TRY(sort_keys(py, dict ? v.dict->at[i].value : v.list->at[i], &item));
        if (dict) {
            HZ_TRY(hz_py_pair(py, v.dict->at[i].key, item, &pair));
            HZ_TRY(hz_py_push(py, keys, v.dict->at[i].key));
            ordered = ordered && (v.dict->at[i].key.kind == v.dict->at[0].key.kind) &&
                      (v.dict->at[i].key.kind == HZ_PY_STR || hz_py_is_number(v.dict->at[i].key));
        }
        HZ_TRY(hz_py_push(py, list, dict ? pair : item));
    }
    if (dict && ordered)
        HZ_TRY(hz_py_sort(py, list, keys->at, false));
    for (size_t i = 0; dict && i < list->n; i++)
        HZ_TRY(hz_py_dict_set(py, sorted, list->at[i].list->at[0], list->at[i].list->at[1]));
    *out = dict ? hz_py_dict_val(sorted) : v.kind == HZ_PY_LIST ? hz_py_list_val(list) : hz_py_tuple_val(list);
    py->depth--;
    return HZ_OK;
}

static hz_status repr_of(struct hz_py *py, struct hz_py_val v, struct hz_py_val *out)
{
    struct hz_py_sb sb;
    hz_py_sb_begin(&sb, py);
    hz_py_put_repr(&sb, v);
    return hz_py_sb_end(&sb, out);
}

static hz_status put_pretty(struct hz_py_sb *sb, struct hz_py_val v, int64_t indent, int64_t allowance, int level);

static void put_line(struct hz_py_sb *sb, const char *before, int64_t indent)
{
    hz_py_sb_puts(sb, before);
    hz_py_sb_putc(sb, '\n');
    hz_py_sb_fill(sb, " ", 1, (size_t)indent);
}

static hz_status put_pretty_items(struct hz_py_sb *sb, struct hz_py_val v, int64_t indent, int64_t allowance, int level)
{
    bool dict = v.kind == HZ_PY_DICT;
    size_t n = dict ? v.dict->n : v.list->n;
    for (size_t i = 0; i < n; i++) {
        struct hz_py_val key;
        int64_t at = indent + 1;
        if (i)
            put_line(sb, ",", indent + 1);
        if (dict) {
            HZ_TRY(repr_of(sb->py, v.dict->at[i].key, &key));
            hz_py_sb_str(sb, key);
            hz_py_sb_puts(sb, ": ");
            at += hz_py_len(key) + 2;
        }
        HZ_TRY(put_pretty(sb, dict ? v.dict->at[i].value : v.list->at[i], at, i + 1 == n ? allowance : 1, level));
    }
    return sb->status;
}

/* The pieces of a line that is too long for one literal: cut behind blanks. */
static hz_status cut_literal(struct hz_py *py, struct hz_py_val line, int64_t width, int64_t last_width,
                             struct hz_py_list *pieces)
{
    size_t from = 0, at = 0, len = line.str->len;
    struct hz_py_val piece, repr;
    while (at < len) {
        size_t end = at;
        while (end < len && !strchr(" \t\n\r\v\f", line.str->data[end]))
            end++;
        while (end < len && line.str->data[end] && strchr(" \t\n\r\v\f", line.str->data[end]))
            end++;
        end = end == at ? end + 1 : end;
        HZ_TRY(hz_py_str_part(py, line, from, end, &piece));
        HZ_TRY(repr_of(py, piece, &repr));
        if (hz_py_len(repr) > (end == len ? last_width : width) && at > from) {
            HZ_TRY(hz_py_str_part(py, line, from, at, &piece));
            HZ_TRY(repr_of(py, piece, &repr));
            HZ_TRY(hz_py_push(py, pieces, repr));
            from = at;
        }
        at = end;
    }
    HZ_TRY(hz_py_str_part(py, line, from, len, &piece));
    HZ_TRY(repr_of(py, piece, &repr));
    return hz_py_push(py, pieces, repr);
}

static hz_status put_pretty_str(struct hz_py_sb *sb, struct hz_py_val v, int64_t indent, int64_t allowance, int level)
{
    struct hz_py *py = sb->py;
    struct hz_py_list *lines, *pieces = hz_py_list_new(py, 0);
    struct hz_py_val repr;
    if (!pieces)
        return hz_py_status(py);
    indent += level == 1;
    allowance += level == 1;
    HZ_TRY(hz_py_splitlines(py, v, true, &lines));
    for (size_t i = 0; i < lines->n; i++) {
        int64_t last = LINE - indent - (i + 1 == lines->n ? allowance : 0);
        HZ_TRY(repr_of(py, lines->at[i], &repr));
        if (hz_py_len(repr) <= last)
            HZ_TRY(hz_py_push(py, pieces, repr));
        else
            HZ_TRY(cut_literal(py, lines->at[i], LINE - indent, last, pieces));
    }
    bool parentheses = level == 1 && pieces->n > 1;
    hz_py_sb_puts(sb, parentheses ? "(" : "");
    for (size_t i = 0; i < pieces->n; i++) {
        if (i)
            put_line(sb, "", indent);
        hz_py_sb_str(sb, pieces->at[i]);
    }
    hz_py_sb_puts(sb, parentheses ? ")" : "");
    return sb->status;
}

static hz_status put_pretty(struct hz_py_sb *sb, struct hz_py_val v, int64_t indent, int64_t allowance, int level)
{
    struct hz_py_val repr;
    HZ_TRY(repr_of(sb->py, v, &repr));
    bool list = v.kind == HZ_PY_LIST, tuple = v.kind == HZ_PY_TUPLE, dict = v.kind == HZ_PY_DICT;
    if (hz_py_len(repr) <= LINE - indent - allowance || !(list || tuple || dict || v.kind == HZ_PY_STR)) {
        hz_py_sb_str(sb, repr);
        return sb->status;
    }
    if (v.kind == HZ_PY_STR)
        return put_pretty_str(sb, v, indent, allowance, level + 1);
    const char *end = list ? "]" : dict ? "}" : v.list->n == 1 ? ",)" : ")";
    hz_py_sb_putc(sb, list ? '[' : dict ? '{' : '(');
    HZ_TRY(put_pretty_items(sb, v, indent, allowance + (int64_t)strlen(end), level + 1));
    hz_py_sb_puts(sb, end);
    return sb->status;
}

hz_status hz_jinja_pprint(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out)
{
    struct hz_py_sb sb;
    struct hz_py_val v;
    HZ_TRY(sort_keys(py, c->self, &v));
    hz_py_sb_begin(&sb, py);
    HZ_TRY(put_pretty(&sb, v, 0, 0, 0));
    return hz_py_sb_end(&sb, out);
}
