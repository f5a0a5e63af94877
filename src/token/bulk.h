/* bulk.h - the two long lists of a tokenizer.json, vocab and merges, read straight from the text. Half a million
 * entries as a tree of JSON values take json-c a second and 200 MB; in one pass they take a twentieth of that. The
 * rest of the file goes the usual way. */
#ifndef HZ_TOKEN_BULK_H
#define HZ_TOKEN_BULK_H

#include "base/buf.h"

/* A reader within the text. The bytes it gives are UTF-8. */
struct hz_bulk {
    const char *text; /* of the whole file, for errors */
    const char *path;
    const char *p, *end;
    struct hz_buf unescaped[2]; /* of the last strings that had escapes */
    int turn;
    struct hz_error *err;
};

struct hz_bulk_part {
    const char *from, *to; /* NULL: absent */
};

/* Finds model.vocab and model.merges and appends the text without them (null in their place) to rest. Of a key given
 * twice the last counts. */
hz_status hz_bulk_split(const char *text, size_t len, const char *path, struct hz_buf *rest, struct hz_bulk_part *vocab,
                        struct hz_bulk_part *merges, struct hz_error *err);

void hz_bulk_begin(struct hz_bulk *b, const char *text, const char *path, struct hz_bulk_part part,
                   struct hz_error *err);
void hz_bulk_free(struct hz_bulk *b);
/* The next byte that is no blank, not consumed; 0 at the end. */
char hz_bulk_peek(struct hz_bulk *b);
/* Consumes a { or [ or : and the like; an error says what was expected. */
hz_status hz_bulk_expect(struct hz_bulk *b, char c);
/* Inside a list: steps over the comma, or the closing bracket, which ends it (*more false). first: no comma yet. */
hz_status hz_bulk_more(struct hz_bulk *b, bool first, char close, bool *more);
/* A string; it stays until the next but one. */
hz_status hz_bulk_string(struct hz_bulk *b, const char **s, size_t *len);
hz_status hz_bulk_number(struct hz_bulk *b, double *v);
/* Steps over a value. */
hz_status hz_bulk_skip(struct hz_bulk *b);
hz_status hz_bulk_fail(struct hz_bulk *b, const char *what);

#endif
