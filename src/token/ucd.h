/* ucd.h - properties of code points as the programs that define our results know them.
 *
 * Each of them carries another Unicode: Oniguruma in the wheel of `tokenizers` has 16.0, Rust's standard library 17.0,
 * the crates behind Punctuation and BertNormalizer 8.0, the one behind NFC and its sisters 9.0, llama.cpp 15.1; the
 * libraries here have 14.0 (utf8proc 2.8, PCRE2 10.42) or later. hz_ucd_young bridges the gap: all that 15.0 to 16.0
 * assigned, and of 9.0 to 14.0 the marks, punctuation, format characters and decompositions. */
#ifndef HZ_TOKEN_UCD_H
#define HZ_TOKEN_UCD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hz_ucd_range {
    uint32_t first, last;
    uint8_t category; /* utf8proc's number */
    uint8_t since;    /* major version that assigned it; 10 for 10.0 to 14.0 */
};

extern const struct hz_ucd_range hz_ucd_young[]; /* ascending */
extern const size_t hz_ucd_n_young;

/* The general category in Unicode 16, as utf8proc numbers them. */
int hz_ucd_category(uint32_t cp);
/* The major version since which it is known, 0 if that is 8 or older (or doesn't matter, see above). */
int hz_ucd_since(uint32_t cp);

bool hz_ucd_is_space(uint32_t cp);       /* White_Space: Rust's is_whitespace, the \s of Oniguruma and of llama.cpp */
bool hz_ucd_is_number(uint32_t cp);      /* Rust's is_numeric: categories N */
bool hz_ucd_is_word(uint32_t cp);        /* \w of Rust's regex crate */
bool hz_ucd_is_punctuation(uint32_t cp); /* what Punctuation and BertPreTokenizer split at: categories P and ASCII's */
bool hz_ucd_is_control(uint32_t cp);     /* what BertNormalizer's clean_text removes: Cc, Cf, Co but tab, LF, CR */
bool hz_ucd_is_combining(uint32_t cp);   /* what StripAccents removes: categories M */
bool hz_ucd_is_nonspacing(uint32_t cp);  /* what BertNormalizer's strip_accents removes: category Mn */
bool hz_ucd_is_cjk(uint32_t cp);         /* what handle_chinese_chars puts blanks round */
/* A number for what UnicodeScripts takes for one script, Han and kana together; 0: of any, or not assigned there. */
int hz_ucd_script(uint32_t cp);
/* Rust's to_lowercase: one or two code points. */
int hz_ucd_lower(uint32_t cp, uint32_t out[2]);

#endif
