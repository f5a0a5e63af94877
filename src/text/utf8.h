/* utf8.h - UTF-8 looked at byte by byte. Properties of code points come from utf8proc where they are needed. */
#ifndef HZ_TEXT_UTF8_H
#define HZ_TEXT_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decodes one code point of s[0..len), len > 0. Returns its length 1 to 4, or 0 if the bytes are not valid there
 * (overlong, surrogate, above U+10FFFF, cut off); *cp is then U+FFFD. */
size_t hz_utf8_decode(const char *s, size_t len, uint32_t *cp);
/* Writes cp, which is a scalar value, and returns 1 to 4. */
size_t hz_utf8_encode(uint32_t cp, char out[4]);
bool hz_utf8_valid(const char *s, size_t len);
/* How many bytes at the end of s are the beginning of a character that more bytes could complete (0 to 3). */
size_t hz_utf8_unfinished(const char *s, size_t len);
/* Code points in valid UTF-8. */
size_t hz_utf8_count(const char *s, size_t len);
/* What Python's str.isspace and str.strip take for a blank. */
bool hz_utf8_is_space(uint32_t cp);

#endif
