/* options.h - the options of a command as data: one table serves parsing, range checks, suggestions and --help.
 *
 * A command's values live in one struct. Its option groups say at which offset of that struct each of them writes, so
 * groups that several commands have in common (the model, the engine, sampling) are written down once. */
#ifndef HZ_CLI_OPTIONS_H
#define HZ_CLI_OPTIONS_H

#include "base/buf.h"
#include "base/mem.h"
#include "base/status.h"

enum hz_opt_kind {
    HZ_OPT_FLAG,  /* bool, no value */
    HZ_OPT_COUNT, /* int, no value: one more each time it is given */
    HZ_OPT_TEXT,  /* const char * */
    HZ_OPT_TEXTS, /* struct hz_texts, one more each time it is given */
    HZ_OPT_INT,   /* int64_t from low to high */
    HZ_OPT_INTS,  /* struct hz_ints, numbers from low to high between commas */
    HZ_OPT_REAL,  /* double from low to high */
    HZ_OPT_CHOICE /* int, the place of the word in choices */
};

struct hz_texts {
    const char **at;
    size_t n, cap;
};

struct hz_ints {
    int64_t *at;
    size_t n, cap;
};

struct hz_opt {
    char letter; /* 0: has only its long name */
    const char *name;
    const char *value; /* what --help calls the value */
    enum hz_opt_kind kind;
    size_t offset; /* in the struct of its group */
    double low, high;
    const char *const *choices; /* NULL-terminated */
    bool required;
    const char *help;
};

struct hz_opt_group {
    const char *title; /* NULL: "Options" */
    const struct hz_opt *opts;
    size_t n;
    size_t offset; /* of the group's struct in the command's */
};

struct hz_command {
    const char *name, *summary;
    const char *operands; /* as the usage line shows them; NULL: the command takes none */
    size_t min_operands, max_operands;
    bool leading; /* options end at the first operand: all words from there on are operands */
    const struct hz_opt_group *groups;
    size_t n_groups;
    const void *defaults; /* what the struct of values holds before parsing */
    size_t size;          /* of that struct */
    const char *notes;    /* closes --help; NULL: nothing */
    hz_status (*run)(const void *values, const struct hz_texts *operands, struct hz_error *err);
};

/* Parses argv[0..argc), the words behind the command's name, into values (command->size bytes). Lists and operands are
 * in the arena, texts point into argv. *help is set when -h or --help was met: then nothing was checked. */
hz_status hz_options_parse(const struct hz_command *command, int argc, char **argv, struct hz_arena *arena,
                           void *values, struct hz_texts *operands, bool *help, struct hz_error *err);
/* Appends the --help text, wrapped at `width` columns. */
void hz_options_help(const struct hz_command *command, int width, struct hz_buf *out);
/* Appends text wrapped at `width` columns, all but the first line indented by `indent`; `at` is where the first starts.
 */
void hz_wrap(struct hz_buf *out, const char *text, int at, int indent, int width);
/* The one of n names that a person who typed `word` probably meant, or NULL. */
const char *hz_suggest(const char *word, const char *const *names, size_t n);
/* A whole number from low to high in decimal, nothing behind it. */
bool hz_parse_int(const char *text, int64_t low, int64_t high, int64_t *out);
/* A finite decimal number. */
bool hz_parse_real(const char *text, double *out);

#endif
