/* pretok.h - the pre-tokenizers of a tokenizer.json, in order: they cut a stretch into the pieces that the model sees
 * alone. A Sequence is flattened, and what does two things (ByteLevel, Metaspace) becomes several steps. */
#ifndef HZ_TOKEN_PRETOK_H
#define HZ_TOKEN_PRETOK_H

#include "text/json.h"
#include "token/flow.h"
#include "token/regex.h"

struct hz_piece {
    uint32_t at, len; /* in the flow's text */
};

struct hz_pieces { /* starts as {0} */
    struct hz_piece *list;
    size_t n, cap;
};

enum hz_split_behavior {
    HZ_SPLIT_REMOVED,
    HZ_SPLIT_ISOLATED,
    HZ_SPLIT_WITH_PREVIOUS,
    HZ_SPLIT_WITH_NEXT,
    HZ_SPLIT_CONTIGUOUS
};

enum hz_pretok_kind {
    HZ_PRETOK_REGEX,        /* Split and the pattern inside ByteLevel */
    HZ_PRETOK_LITERAL,      /* Split, CharDelimiterSplit and the cut inside Metaspace */
    HZ_PRETOK_CLASS,        /* each character that `is` holds for: WhitespaceSplit, Digits, Punctuation, Bert's two */
    HZ_PRETOK_WORDS,        /* Whitespace: \w+|[^\w\s]+ */
    HZ_PRETOK_SCRIPTS,      /* UnicodeScripts */
    HZ_PRETOK_FIXED,        /* FixedLength */
    HZ_PRETOK_DIGIT_GROUPS, /* threes from the right of each run of digits (llama.cpp's afmoe and tiny_aya) */
    HZ_PRETOK_METASPACE,    /* blanks to `literal`, and the one in front */
    HZ_PRETOK_PREFIX_SPACE, /* of ByteLevel */
    HZ_PRETOK_BYTES         /* of ByteLevel: bytes to the characters that stand for them */
};

enum hz_prepend_scheme { HZ_PREPEND_ALWAYS, HZ_PREPEND_FIRST, HZ_PREPEND_NEVER };

struct hz_pretok_step {
    enum hz_pretok_kind kind;
    enum hz_split_behavior behavior;
    enum hz_prepend_scheme prepend;
    bool invert;
    bool (*is)(uint32_t cp);
    struct hz_regex *regex;
    char *literal;
    size_t len; /* of literal; FIXED: characters in a piece */
};

struct hz_pretok { /* starts as {0} */
    struct hz_pretok_step *steps;
    size_t n, cap;
};

/* Appends the steps of a "pre_tokenizer" value; null adds none. */
hz_status hz_pretok_read(struct hz_pretok *p, struct hz_json json, const char *path, struct hz_error *err);
hz_status hz_pretok_add(struct hz_pretok *p, struct hz_pretok_step step, struct hz_error *err);
/* Whether the last step spells bytes with the byte-level alphabet and no other step does. */
bool hz_pretok_is_byte_level(const struct hz_pretok *p);
void hz_pretok_free(struct hz_pretok *p);

/* Cuts flow's text; two[0] and two[1] are room, *pieces is one of them. */
hz_status hz_pretok_run(const struct hz_pretok *p, struct hz_flow *flow, struct hz_regex_scratch *scratch,
                        struct hz_pieces two[2], struct hz_pieces **pieces, struct hz_error *err);

/* "always", "first" or "never" of a Metaspace (the decoder has it as well), and its older spellings. */
hz_status hz_metaspace_read(struct hz_json json, const char *path, enum hz_prepend_scheme *scheme,
                            const char **replacement, size_t *len, struct hz_error *err);

#endif
