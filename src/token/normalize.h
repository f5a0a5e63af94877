/* normalize.h - the normalizers of a tokenizer.json, in order; a Sequence is flattened. */
#ifndef HZ_TOKEN_NORMALIZE_H
#define HZ_TOKEN_NORMALIZE_H

#include "text/json.h"
#include "token/flow.h"
#include "token/regex.h"

struct hz_charsmap;

enum hz_norm_kind {
    HZ_NORM_UNICODE, /* NFC, NFD, NFKC, NFKD */
    HZ_NORM_LOWERCASE,
    HZ_NORM_STRIP,
    HZ_NORM_STRIP_ACCENTS,
    HZ_NORM_STRIP_NONSPACING, /* the filter of BertNormalizer, after NFD */
    HZ_NORM_CLEAN,            /* of BertNormalizer: control characters out, blanks to U+0020 */
    HZ_NORM_CJK,              /* of BertNormalizer: blanks round CJK characters */
    HZ_NORM_REPLACE,
    HZ_NORM_PREPEND,
    HZ_NORM_NMT,
    HZ_NORM_PRECOMPILED,
    HZ_NORM_BYTE_LEVEL
};

struct hz_norm_step {
    enum hz_norm_kind kind;
    bool compose, compat;    /* UNICODE */
    bool left, right;        /* STRIP */
    struct hz_regex *regex;  /* REPLACE; NULL: the literal `pattern` */
    char *pattern, *content; /* REPLACE, PREPEND (content) */
    size_t pattern_len, content_len;
    struct hz_charsmap *charsmap; /* PRECOMPILED */
};

struct hz_normalizer { /* starts as {0} */
    struct hz_norm_step *steps;
    size_t n, cap;
};

/* Appends the steps of a "normalizer" value; null adds none. path: the file, for errors. */
hz_status hz_normalizer_read(struct hz_normalizer *n, struct hz_json json, const char *path, struct hz_error *err);
void hz_normalizer_free(struct hz_normalizer *n);
hz_status hz_normalize(const struct hz_normalizer *n, struct hz_flow *flow, struct hz_regex_scratch *scratch,
                       struct hz_error *err);

/* NFC, NFD, NFKC or NFKD alone; Unicode 9, as the crate of the definition. */
hz_status hz_normalize_unicode(struct hz_flow *flow, bool compose, bool compat, struct hz_error *err);

/* {"String": ".."} or {"Regex": ".."} of a Replace or Split, which the decoder and pre-tokenizer have as well. Gives
 * either a regex or a literal (free both). */
hz_status hz_pattern_read(struct hz_json json, const char *path, const char *what, struct hz_regex **regex,
                          char **literal, size_t *len, struct hz_error *err);

#endif
