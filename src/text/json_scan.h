/* json_scan.h - the strict look at a JSON text before json-c reads it: what json-c lets pass is refused here (broken
 * UTF-8, raw control characters, numbers like "1.", excessive depth), and what it cannot carry is respelled. */
#ifndef HZ_TEXT_JSON_SCAN_H
#define HZ_TEXT_JSON_SCAN_H

#include "base/buf.h"

enum { HZ_JSON_MAX_DEPTH = 512 };

/* How the two things that json-c would lose are spelled for it. The scan keeps both spellings out of what it lets pass
 * unchanged (it refuses C0 80 as UTF-8 and writes E in floats as e), so they are unambiguous. */
#define HZ_JSON_LONG_MARK "E0"       /* behind an integer beyond 64 bits: json-c keeps the text of a float */
#define HZ_JSON_NUL_MARK  "\xC0\x80" /* U+0000 in a key: json-c ends a key at NUL */

/* Checks text[0..len). `mended` is left empty if json-c can read the text as it stands, else it holds the respelled
 * text; nul_keys says whether NUL marks are in it. Errors name line and column. */
hz_status hz_json_scan(const char *text, size_t len, const char *name, struct hz_buf *mended, bool *nul_keys,
                       struct hz_error *err);
/* "name:line:column: what" of the place text[at]; lines and columns count from 1, columns in characters. */
hz_status hz_json_fail_at(const char *text, size_t at, const char *name, const char *what, struct hz_error *err);

#endif
