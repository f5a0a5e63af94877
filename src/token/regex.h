/* regex.h - the regular expressions of tokenizers, run by PCRE2.
 *
 * A tokenizer.json is written for Oniguruma with Ruby's syntax and Unicode 16, the pre-tokenizers of GGUF for the
 * engine in llama.cpp with Unicode 15.1. A pattern is respelled for PCRE2 before it is compiled: \s, \w, \d, \h, \v and
 * \b get the other engine's meaning, \p{..} the code points that PCRE2 is too old to know, X{n,m}+ and X{n}? their
 * Ruby sense (a repeat of a repeat), (?m) becomes (?s), and nested sets [a[b]], [a&&b], [^\W_] are unfolded. What
 * cannot be respelled is refused, never taken for something else. */
#ifndef HZ_TOKEN_REGEX_H
#define HZ_TOKEN_REGEX_H

#include "base/buf.h"

struct hz_regex;
struct hz_regex_scratch; /* what a thread needs to match: of one thread at a time */

/* unicode: 16 or 15. what: names the pattern in errors. */
hz_status hz_regex_new(const char *pattern, size_t len, int unicode, const char *what, struct hz_regex **regex,
                       struct hz_error *err);
void hz_regex_free(struct hz_regex *regex);
/* The respelled pattern, for tests and errors. */
const char *hz_regex_spelling(const struct hz_regex *regex);

hz_status hz_regex_scratch_new(struct hz_regex_scratch **scratch, struct hz_error *err);
void hz_regex_scratch_free(struct hz_regex_scratch *scratch);

/* All matches from left to right as Oniguruma's find_iter gives them: an empty one right behind the last match is
 * skipped. s must be valid UTF-8. */
struct hz_matches {
    const struct hz_regex *regex;
    struct hz_regex_scratch *scratch;
    const char *s;
    size_t len, at;
    size_t last_end; /* of the last match, SIZE_MAX before the first */
};

static inline struct hz_matches hz_regex_matches(const struct hz_regex *regex, struct hz_regex_scratch *scratch,
                                                 const char *s, size_t len)
{
    return (struct hz_matches){regex, scratch, s, len, 0, SIZE_MAX};
}

/* *found false when there is no further match. E_LIMIT if the pattern needs too many steps. */
hz_status hz_regex_next(struct hz_matches *m, bool *found, size_t *start, size_t *end, struct hz_error *err);

#endif
