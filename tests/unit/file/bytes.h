/* bytes.h - files made by hand, byte for byte, for the tests of file/. */
#ifndef TEST_FILE_BYTES_H
#define TEST_FILE_BYTES_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/buf.h"
#include "file/gguf.h"

static inline void put_number(struct hz_buf *b, uint64_t v, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        hz_buf_putc(b, (char)(v >> (8 * i)));
}

static inline void put_u32(struct hz_buf *b, uint32_t v)
{
    put_number(b, v, 4);
}

static inline void put_u64(struct hz_buf *b, uint64_t v)
{
    put_number(b, v, 8);
}

static inline void put_zeros(struct hz_buf *b, size_t n)
{
    while (n--)
        hz_buf_putc(b, 0);
}

/* GGUF's string. */
static inline void put_bytes(struct hz_buf *b, const char *s, size_t len)
{
    put_u64(b, len);
    hz_buf_put(b, s, len);
}

static inline void put_str(struct hz_buf *b, const char *s)
{
    put_bytes(b, s, strlen(s));
}

static inline void gguf_head(struct hz_buf *b, uint32_t version, uint64_t n_tensors, uint64_t n_meta)
{
    hz_buf_init(b, 1 << 26);
    hz_buf_puts(b, "GGUF");
    put_u32(b, version);
    put_u64(b, n_tensors);
    put_u64(b, n_meta);
}

static inline void gguf_key(struct hz_buf *b, const char *key, enum hz_meta_type type)
{
    put_str(b, key);
    put_u32(b, type);
}

static inline void gguf_u32(struct hz_buf *b, const char *key, uint32_t v)
{
    gguf_key(b, key, HZ_META_U32);
    put_u32(b, v);
}

static inline void gguf_u16(struct hz_buf *b, const char *key, uint16_t v)
{
    gguf_key(b, key, HZ_META_U16);
    put_number(b, v, 2);
}

static inline void gguf_string(struct hz_buf *b, const char *key, const char *v)
{
    gguf_key(b, key, HZ_META_STRING);
    put_str(b, v);
}

/* An entry of the tensor list with n dims in the file's order, innermost first. */
static inline void gguf_tensor(struct hz_buf *b, const char *name, uint32_t n, const uint64_t *dims, uint32_t type,
                               uint64_t offset)
{
    put_str(b, name);
    put_u32(b, n);
    for (uint32_t i = 0; i < n; i++)
        put_u64(b, dims[i]);
    put_u32(b, type);
    put_u64(b, offset);
}

static inline void pad_to(struct hz_buf *b, size_t alignment)
{
    while (b->len % alignment)
        hz_buf_putc(b, 0);
}

/* The buffer's bytes in a block of exactly their length, so that a sanitizer sees a read behind them. Frees b. */
static inline uint8_t *exact_bytes(struct hz_buf *b, size_t *len)
{
    assert_false(b->failed);
    uint8_t *copy = malloc(b->len ? b->len : 1);
    assert_non_null(copy);
    if (b->len)
        memcpy(copy, b->data, b->len);
    *len = b->len;
    hz_buf_free(b);
    return copy;
}

/* An error of that status whose line holds each of the words (a NULL ends them). */
static inline void assert_failed(hz_status got, const struct hz_error *err, hz_status status, ...)
{
    va_list ap;
    va_start(ap, status);
    if (got != status || err->status != status)
        fail_msg("status %d, expected %d: %s", got, status, err->text);
    for (const char *words; (words = va_arg(ap, const char *));)
        if (!strstr(err->text, words))
            fail_msg("'%s' does not say '%s'", err->text, words);
    va_end(ap);
    assert_null(strchr(err->text, '\n'));
}

#endif
