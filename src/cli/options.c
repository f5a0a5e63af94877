/* options.c - parses a command line by the command's tables, and prints its help from them. */
#include "cli/options.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- values ------------------------------------------------------------------------------------------------- */

bool hz_parse_int(const char *text, int64_t low, int64_t high, int64_t *out)
{
    const char *digits = text + (*text == '-');
    if (!isdigit((unsigned char)*digits))
        return false; /* strtoll would skip blanks and take a plus */
    char *end;
    errno = 0;
    long long v = strtoll(text, &end, 10);
    if (errno || *end || v < low || v > high)
        return false;
    *out = v;
    return true;
}

bool hz_parse_real(const char *text, double *out)
{
    const char *first = text + (*text == '-');
    if (!isdigit((unsigned char)*first) && *first != '.')
        return false; /* no blanks, no plus, no "inf" */
    char *end;
    double v = strtod(text, &end);
    if (*end || end == text || !isfinite(v))
        return false;
    *out = v;
    return true;
}

/* The option as people spell it: --name, or -x where they wrote the letter. */
struct spelled {
    const struct hz_opt *opt;
    char text[64];
};

static struct spelled spell(const struct hz_opt *o, bool letter)
{
    struct spelled s = {.opt = o};
    if (letter)
        snprintf(s.text, sizeof s.text, "-%c", o->letter);
    else
        snprintf(s.text, sizeof s.text, "--%s", o->name);
    return s;
}

static hz_status bad_number(const struct spelled *s, const char *text, bool whole, struct hz_error *err)
{
    const struct hz_opt *o = s->opt;
    const char *what = whole ? "a whole number" : "a number";
    if (isinf(o->high) || o->high >= 9e18)
        return hz_fail(err, HZ_E_INVALID, "%s wants %s of at least %.9g, not '%s'", s->text, what, o->low, text);
    return hz_fail(err, HZ_E_INVALID, "%s wants %s from %.9g to %.10g, not '%s'", s->text, what, o->low, o->high, text);
}

/* The borders of a table row as integers: a double holds INT64_MAX only rounded up. */
static int64_t border(double v)
{
    return v >= 9.2233720368547758e18 ? INT64_MAX : v <= -9.2233720368547758e18 ? INT64_MIN : (int64_t)v;
}

static hz_status set_ints(const struct spelled *s, const char *text, struct hz_arena *arena, struct hz_ints *list,
                          struct hz_error *err)
{
    char *copy = hz_arena_strndup(arena, text, strlen(text));
    size_t most = 1;
    for (const char *c = text; *c; c++)
        most += *c == ',';
    list->at = hz_arena_alloc(arena, most, sizeof *list->at);
    if (!copy || !list->at)
        return hz_fail_nomem(err, strlen(text));
    list->n = 0;
    list->cap = most;
    for (char *at = copy; at;) {
        char *comma = strchr(at, ',');
        if (comma)
            *comma++ = 0;
        if (!hz_parse_int(at, border(s->opt->low), border(s->opt->high), &list->at[list->n++]))
            return bad_number(s, at, true, err);
        at = comma;
    }
    return HZ_OK;
}

static hz_status set_choice(const struct spelled *s, const char *text, int *slot, struct hz_error *err)
{
    char all[256] = "";
    for (int i = 0; s->opt->choices[i]; i++) {
        if (!strcmp(s->opt->choices[i], text)) {
            *slot = i;
            return HZ_OK;
        }
        size_t used = strlen(all);
        snprintf(all + used, sizeof all - used, "%s%s", i ? ", " : "", s->opt->choices[i]);
    }
    return hz_fail(err, HZ_E_INVALID, "%s wants one of %s, not '%s'", s->text, all, text);
}

static hz_status add_text(struct hz_texts *list, const char *text, struct hz_arena *arena, struct hz_error *err)
{
    if (list->n == list->cap) { /* the arena has no realloc: a doubled copy */
        size_t cap = HZ_MAX(list->cap * 2, 4);
        const char **at = hz_arena_alloc(arena, cap, sizeof *at);
        if (!at)
            return hz_fail_nomem(err, cap * sizeof *at);
        if (list->n)
            memcpy(at, list->at, list->n * sizeof *at);
        list->at = at;
        list->cap = cap;
    }
    list->at[list->n++] = text;
    return HZ_OK;
}

static bool takes_value(const struct hz_opt *o)
{
    return o->kind != HZ_OPT_FLAG && o->kind != HZ_OPT_COUNT;
}

static hz_status set_value(const struct spelled *s, const char *text, struct hz_arena *arena, void *slot,
                           struct hz_error *err)
{
    switch (s->opt->kind) {
    case HZ_OPT_FLAG:
        *(bool *)slot = true;
        return HZ_OK;
    case HZ_OPT_COUNT:
        ++*(int *)slot;
        return HZ_OK;
    case HZ_OPT_TEXT:
        *(const char **)slot = text;
        return HZ_OK;
    case HZ_OPT_TEXTS:
        return add_text(slot, text, arena, err);
    case HZ_OPT_INT:
        return hz_parse_int(text, border(s->opt->low), border(s->opt->high), slot) ? HZ_OK
                                                                                   : bad_number(s, text, true, err);
    case HZ_OPT_INTS:
        return set_ints(s, text, arena, slot, err);
    case HZ_OPT_REAL: {
        double v;
        if (!hz_parse_real(text, &v) || v < s->opt->low || v > s->opt->high)
            return bad_number(s, text, false, err);
        *(double *)slot = v;
        return HZ_OK;
    }
    case HZ_OPT_CHOICE:
        return set_choice(s, text, slot, err);
    }
    return HZ_E_INTERNAL;
}

/* ---- words -------------------------------------------------------------------------------------------------- */

struct parse {
    const struct hz_command *command;
    int argc;
    char **argv;
    int at; /* next word */
    struct hz_arena *arena;
    char *values;
};

/* Finds an option by letter, or by name where letter is 0. *slot is where it writes. */
static const struct hz_opt *find(const struct parse *p, char letter, const char *name, size_t len, void **slot)
{
    for (size_t g = 0; g < p->command->n_groups; g++) {
        const struct hz_opt_group *group = &p->command->groups[g];
        for (size_t i = 0; i < group->n; i++) {
            const struct hz_opt *o = &group->opts[i];
            bool same = letter ? o->letter == letter : strlen(o->name) == len && !memcmp(o->name, name, len);
            if (same) {
                *slot = p->values + group->offset + o->offset;
                return o;
            }
        }
    }
    return NULL;
}

static hz_status unknown_option(const struct parse *p, const char *word, size_t len, struct hz_error *err)
{
    const char *names[128];
    size_t n = 0;
    for (size_t g = 0; g < p->command->n_groups; g++)
        for (size_t i = 0; i < p->command->groups[g].n && n < HZ_COUNT(names); i++)
            names[n++] = p->command->groups[g].opts[i].name;
    char typed[64];
    snprintf(typed, sizeof typed, "%.*s", (int)HZ_MIN(len, sizeof typed - 1), word);
    const char *close = typed[0] == '-' && typed[1] == '-' ? hz_suggest(typed + 2, names, n) : NULL;
    if (close)
        return hz_fail(err, HZ_E_INVALID, "unknown option %s; did you mean --%s?", typed, close);
    return hz_fail(err, HZ_E_INVALID, "unknown option %s; `hanzo %s --help` lists them", typed, p->command->name);
}

/* The value of an option: what is behind it in its own word (NULL: nothing is), else the next word. */
static hz_status apply(struct parse *p, const struct spelled *s, const char *inside, void *slot, struct hz_error *err)
{
    const char *text = inside;
    if (takes_value(s->opt) && !text) {
        if (p->at == p->argc)
            return hz_fail(err, HZ_E_INVALID, "%s wants a value: %s %s", s->text, s->text, s->opt->value);
        text = p->argv[p->at++];
    }
    return set_value(s, text, p->arena, slot, err);
}

static hz_status parse_long(struct parse *p, const char *word, struct hz_error *err)
{
    const char *equals = strchr(word, '=');
    size_t len = equals ? (size_t)(equals - word) : strlen(word);
    void *slot;
    const struct hz_opt *o = find(p, 0, word + 2, len - 2, &slot);
    if (!o)
        return unknown_option(p, word, len, err);
    struct spelled s = spell(o, false);
    if (equals && !takes_value(s.opt))
        return hz_fail(err, HZ_E_INVALID, "%s takes no value, yet '%s' was given", s.text, equals + 1);
    return apply(p, &s, equals ? equals + 1 : NULL, slot, err);
}

/* -x, -xVALUE, -vv, -jm MODEL. */
static hz_status parse_letters(struct parse *p, const char *word, struct hz_error *err)
{
    for (const char *c = word + 1; *c; c++) {
        void *slot;
        const struct hz_opt *o = find(p, *c, NULL, 0, &slot);
        if (!o) {
            const char typed[] = {'-', *c, 0};
            const char *shown = c == word + 1 ? word : typed;
            return unknown_option(p, shown, strlen(shown), err);
        }
        struct spelled s = spell(o, true);
        if (takes_value(s.opt))
            return apply(p, &s, c[1] ? c + 1 : NULL, slot, err);
        HZ_TRY(apply(p, &s, NULL, slot, err));
    }
    return HZ_OK;
}

static hz_status check_complete(const struct parse *p, const struct hz_texts *operands, struct hz_error *err)
{
    const struct hz_command *c = p->command;
    for (size_t g = 0; g < c->n_groups; g++)
        for (size_t i = 0; i < c->groups[g].n; i++) {
            const struct hz_opt *o = &c->groups[g].opts[i];
            if (o->required && !*(const char **)(p->values + c->groups[g].offset + o->offset))
                return hz_fail(err, HZ_E_INVALID, "%s needs %s %s", c->name, spell(o, o->letter).text, o->value);
        }
    if (operands->n < c->min_operands)
        return hz_fail(err, HZ_E_INVALID, "%s needs %s", c->name, c->operands);
    if (operands->n > c->max_operands)
        return hz_fail(err, HZ_E_INVALID, "%s does not know what to do with '%s'; `hanzo %s --help` shows its usage",
                       c->name, operands->at[c->max_operands], c->name);
    return HZ_OK;
}

hz_status hz_options_parse(const struct hz_command *command, int argc, char **argv, struct hz_arena *arena,
                           void *values, struct hz_texts *operands, bool *help, struct hz_error *err)
{
    struct parse p = {command, argc, argv, 0, arena, values};
    memcpy(values, command->defaults, command->size);
    *operands = (struct hz_texts){0};
    *help = false;
    bool only_operands = false;
    while (p.at < argc) {
        const char *word = argv[p.at++];
        bool option = !only_operands && word[0] == '-' && word[1]; /* a lone - is an operand: standard input */
        if (option && !strcmp(word, "--")) {
            only_operands = true;
        } else if (option && (!strcmp(word, "-h") || !strcmp(word, "--help"))) {
            *help = true;
            return HZ_OK;
        } else if (option && word[1] == '-') {
            HZ_TRY(parse_long(&p, word, err));
        } else if (option) {
            HZ_TRY(parse_letters(&p, word, err));
        } else {
            HZ_TRY(add_text(operands, word, arena, err));
            only_operands |= command->leading;
        }
    }
    return check_complete(&p, operands, err);
}

/* ---- suggestions -------------------------------------------------------------------------------------------- */

enum { LONGEST_NAME = 64 };

/* Edits that make b of a, both shorter than LONGEST_NAME: insert, delete, replace, swap neighbours. */
static int edit_distance(const char *a, const char *b)
{
    int rows[3][LONGEST_NAME], n = (int)strlen(b), m = (int)strlen(a); /* row i lies in rows[i % 3] */
    for (int j = 0; j <= n; j++)
        rows[0][j] = j;
    for (int i = 1; i <= m; i++) {
        int *row = rows[i % 3], *above = rows[(i + 2) % 3], *second = rows[(i + 1) % 3];
        row[0] = i;
        for (int j = 1; j <= n; j++) {
            int replaced = above[j - 1] + (a[i - 1] != b[j - 1]);
            row[j] = HZ_MIN(replaced, HZ_MIN(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = HZ_MIN(row[j], second[j - 2] + 1);
        }
    }
    return rows[m % 3][n];
}

const char *hz_suggest(const char *word, const char *const *names, size_t n)
{
    const char *best = NULL;
    size_t len = strlen(word);
    int best_distance = len < 4 ? 2 : 3; /* the first distance that is too far */
    for (size_t i = 0; i < n && len < LONGEST_NAME; i++) {
        size_t name_len = strlen(names[i]);
        int distance = name_len < LONGEST_NAME ? edit_distance(word, names[i]) : LONGEST_NAME;
        if (len >= 3 && name_len > len && !strncmp(word, names[i], len))
            distance = HZ_MIN(distance, 1); /* the beginning of a name */
        if (distance < best_distance) {
            best_distance = distance;
            best = names[i];
        }
    }
    return best;
}

/* ---- help --------------------------------------------------------------------------------------------------- */

void hz_wrap(struct hz_buf *out, const char *text, int at, int indent, int width)
{
    int column = at;
    bool start = true; /* of a line: no blank in front of the word */
    while (*text) {
        size_t len = strcspn(text, " \n");
        if (!start && column + 1 + (int)len > width) {
            hz_buf_printf(out, "\n%*s", indent, "");
            column = indent;
            start = true;
        }
        if (!start)
            hz_buf_putc(out, ' ');
        hz_buf_put(out, text, len);
        column += (int)len + !start;
        start = false;
        text += len;
        if (*text == '\n') {
            hz_buf_printf(out, "\n%*s", indent, "");
            column = indent;
            start = true;
        }
        if (*text)
            text++;
    }
}

static void help_option(const struct hz_opt *o, int column, int width, struct hz_buf *out)
{
    size_t before = out->len;
    if (o->letter)
        hz_buf_printf(out, "  -%c, --%s", o->letter, o->name);
    else
        hz_buf_printf(out, "      --%s", o->name);
    if (takes_value(o))
        hz_buf_printf(out, " %s", o->value);
    int used = (int)(out->len - before);
    if (used > column - 2) {
        hz_buf_putc(out, '\n');
        used = 0;
    }
    hz_buf_printf(out, "%*s", column - used, "");
    hz_wrap(out, o->help, column, column, width);
    hz_buf_putc(out, '\n');
}

void hz_options_help(const struct hz_command *command, int width, struct hz_buf *out)
{
    enum { COLUMN = 30 };
    hz_buf_printf(out, "hanzo %s: %s\n\nUsage: hanzo %s", command->name, command->summary, command->name);
    for (size_t g = 0; g < command->n_groups; g++)
        for (size_t i = 0; i < command->groups[g].n; i++) {
            const struct hz_opt *o = &command->groups[g].opts[i];
            if (o->required)
                hz_buf_printf(out, " %s %s", spell(o, o->letter).text, o->value);
        }
    hz_buf_puts(out, " [options]");
    if (command->operands)
        hz_buf_printf(out, command->min_operands ? " %s" : " [%s]", command->operands);
    hz_buf_putc(out, '\n');
    for (size_t g = 0; g < command->n_groups; g++) {
        const struct hz_opt_group *group = &command->groups[g];
        hz_buf_printf(out, "\n%s:\n", group->title ? group->title : "Options");
        for (size_t i = 0; i < group->n; i++)
            help_option(&group->opts[i], COLUMN, width, out);
    }
    if (command->notes) {
        hz_buf_putc(out, '\n');
        hz_wrap(out, command->notes, 0, 0, width);
        hz_buf_putc(out, '\n');
    }
}
