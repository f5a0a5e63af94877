/* buf.h - a growable byte buffer with a cap. Appending never fails on the spot: an append that would pass the cap or
 * finds no memory sets `failed`, and later appends do nothing; ask once at the end (hz_buf_check). */
#ifndef HZ_BASE_BUF_H
#define HZ_BASE_BUF_H

#include "base/status.h"

struct hz_buf {
    char *data; /* NUL behind the last byte, once anything was appended; owned */
    size_t len, cap;
    size_t max; /* most bytes it may hold */
    bool failed;
};

void hz_buf_init(struct hz_buf *buf, size_t max);
void hz_buf_free(struct hz_buf *buf);
void hz_buf_clear(struct hz_buf *buf); /* keeps the memory; forgets `failed` */
void hz_buf_put(struct hz_buf *buf, const void *data, size_t len);
void hz_buf_puts(struct hz_buf *buf, const char *s);
void hz_buf_putc(struct hz_buf *buf, char c);
void hz_buf_printf(struct hz_buf *buf, const char *fmt, ...) HZ_PRINTF(2, 3);
/* E_LIMIT naming `what` if it failed. */
hz_status hz_buf_check(const struct hz_buf *buf, const char *what, struct hz_error *err);
/* Hands over the bytes (NUL-terminated, free with free()); the buffer is empty then. NULL when it failed. */
char *hz_buf_take(struct hz_buf *buf, size_t *len);

#endif
