/* buf.c - the growable buffer with a cap. */
#include "base/buf.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void hz_buf_init(struct hz_buf *buf, size_t max)
{
    *buf = (struct hz_buf){.max = max};
}

void hz_buf_free(struct hz_buf *buf)
{
    free(buf->data);
    *buf = (struct hz_buf){.max = buf->max};
}

void hz_buf_clear(struct hz_buf *buf)
{
    buf->len = 0;
    buf->failed = false;
}

/* Room for `more` bytes and a NUL. */
static bool reserve(struct hz_buf *buf, size_t more)
{
    if (buf->failed || more > buf->max - buf->len) {
        buf->failed = true;
        return false;
    }
    if (buf->cap - buf->len <= more || !buf->data) {
        size_t need = buf->len + more + 1, want = HZ_MAX(HZ_MAX(need, buf->cap + buf->cap / 2), 64);
        char *p = hz_realloc(buf->data, want, 1);
        if (!p) {
            buf->failed = true;
            return false;
        }
        buf->data = p;
        buf->cap = want;
    }
    return true;
}

void hz_buf_put(struct hz_buf *buf, const void *data, size_t len)
{
    if (!reserve(buf, len))
        return;
    if (len)
        memcpy(buf->data + buf->len, data, len);
    buf->len += len;
    buf->data[buf->len] = 0;
}

void hz_buf_puts(struct hz_buf *buf, const char *s)
{
    hz_buf_put(buf, s, strlen(s));
}

void hz_buf_putc(struct hz_buf *buf, char c)
{
    hz_buf_put(buf, &c, 1);
}

void hz_buf_printf(struct hz_buf *buf, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int len = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (len < 0)
        buf->failed = true;
    else if (reserve(buf, (size_t)len)) {
        vsnprintf(buf->data + buf->len, (size_t)len + 1, fmt, again);
        buf->len += (size_t)len;
    }
    va_end(again);
}

hz_status hz_buf_check(const struct hz_buf *buf, const char *what, struct hz_error *err)
{
    if (!buf->failed)
        return HZ_OK;
    return hz_fail(err, HZ_E_LIMIT, "%s would be longer than %zu bytes, or memory is short", what, buf->max);
}

char *hz_buf_take(struct hz_buf *buf, size_t *len)
{
    if (!buf->data)
        hz_buf_put(buf, "", 0); /* an empty string is still a string */
    char *data = buf->failed ? NULL : buf->data;
    if (len)
        *len = data ? buf->len : 0;
    if (!data)
        free(buf->data);
    *buf = (struct hz_buf){.max = buf->max};
    return data;
}
