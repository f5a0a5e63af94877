/* json.h - JSON read and written. Reading is json-c's work behind a small value type; what Python's json does that
 * JSON does not (NaN, Infinity, integers of any length, "\u0000") works here too, keys keep their order, and of a key
 * given twice the last value counts at the first one's place. Text after the document, a byte order mark, broken UTF-8
 * and nesting deeper than 512 are errors that name line and column. Half a surrogate pair ("\ud83d" alone) reads as
 * U+FFFD. */
#ifndef HZ_TEXT_JSON_H
#define HZ_TEXT_JSON_H

#include "base/buf.h"
#include "base/status.h"

enum hz_json_kind {
    HZ_JSON_ABSENT, /* no such key or index: not an error until somebody needs it */
    HZ_JSON_NULL,
    HZ_JSON_BOOL,
    HZ_JSON_INT,
    HZ_JSON_BIGINT,
    HZ_JSON_FLOAT,
    HZ_JSON_STRING,
    HZ_JSON_ARRAY,
    HZ_JSON_OBJECT
};

/* A value inside a document: copy it freely; it lives as long as the document. */
struct hz_json {
    void *ref;
    enum hz_json_kind kind;
};

struct hz_json_doc;

/* name: the file, for errors (NULL: "JSON"). The text is not needed afterwards. */
hz_status hz_json_parse(const char *text, size_t len, const char *name, struct hz_json_doc **doc, struct hz_error *err);
/* Reads and parses a file of at most 1 GiB. */
hz_status hz_json_load(const char *path, struct hz_json_doc **doc, struct hz_error *err);
void hz_json_free(struct hz_json_doc *doc);
struct hz_json hz_json_root(const struct hz_json_doc *doc);

/* Of a value that is not of the kind: ABSENT, 0, NULL or the given default; so look-ups chain. */
struct hz_json hz_json_get(struct hz_json object, const char *key);
struct hz_json hz_json_get_n(struct hz_json object, const char *key, size_t len);
struct hz_json hz_json_at(struct hz_json array, size_t i);
size_t hz_json_len(struct hz_json v); /* of an array or object */
bool hz_json_bool(struct hz_json v, bool otherwise);
/* INT, or a FLOAT that is whole and fits. */
bool hz_json_int(struct hz_json v, int64_t *out);
/* INT, BIGINT or FLOAT, also {"__float__": "Infinity"}. */
bool hz_json_double(struct hz_json v, double *out);
/* NULL if not a STRING; len may be NULL; may hold NULs. */
const char *hz_json_str(struct hz_json v, size_t *len);
bool hz_json_str_is(struct hz_json v, const char *s);
/* Decimal digits of a BIGINT as they stood in the text, sign in front; not NUL-terminated. Else NULL. */
const char *hz_json_digits(struct hz_json v, size_t *len);
const char *hz_json_kind_name(enum hz_json_kind kind); /* "an object" and the like, for errors */

/* for (struct hz_json_iter it = hz_json_each(object); hz_json_next(&it);) it.key, it.key_len, it.value
 * walks an object in order; of an array key is NULL. */
struct hz_json_iter {
    struct hz_json container;
    void *at;
    size_t i;
    const char *key;
    size_t key_len;
    struct hz_json value;
};
struct hz_json_iter hz_json_each(struct hz_json container);
bool hz_json_next(struct hz_json_iter *it);

/* Writing: appends to a buffer, commas and colons by itself. indent 0 is one line. */
struct hz_json_writer {
    struct hz_buf *out;
    int indent, depth;
    bool first, after_key;
};
void hz_json_begin(struct hz_json_writer *w, struct hz_buf *out, int indent);
void hz_json_object(struct hz_json_writer *w);
void hz_json_end_object(struct hz_json_writer *w);
void hz_json_array(struct hz_json_writer *w);
void hz_json_end_array(struct hz_json_writer *w);
void hz_json_key(struct hz_json_writer *w, const char *key);
void hz_json_key_n(struct hz_json_writer *w, const char *key, size_t len);
void hz_json_put_str(struct hz_json_writer *w, const char *s, size_t len);
void hz_json_put_cstr(struct hz_json_writer *w, const char *s);
void hz_json_put_int(struct hz_json_writer *w, int64_t v);
void hz_json_put_double(struct hz_json_writer *w, double v); /* shortest form that reads back the same; NaN as null */
void hz_json_put_bool(struct hz_json_writer *w, bool v);
void hz_json_put_null(struct hz_json_writer *w);
void hz_json_put(struct hz_json_writer *w, struct hz_json v); /* a read value, copied */

#endif
