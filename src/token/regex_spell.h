/* regex_spell.h - respells a pattern of Oniguruma (Ruby syntax) for PCRE2; see regex.h. */
#ifndef HZ_TOKEN_REGEX_SPELL_H
#define HZ_TOKEN_REGEX_SPELL_H

#include "base/buf.h"

/* pattern: valid UTF-8. Appends the PCRE2 pattern, which wants UTF, UCP and MULTILINE. */
hz_status hz_regex_spell(const char *pattern, size_t len, int unicode, const char *what, struct hz_buf *out,
                         struct hz_error *err);
/* Whether PCRE2 knows \p{name}. */
bool hz_regex_knows(const char *name);

#endif
