/* flow.h - a stretch of text on its way through normalizer and pre-tokenizer.
 *
 * A step either leaves the text, or writes another into the spare one of two buffers (begin, puts, take). Of the
 * alignment with the original only one thing is ever asked for, by Metaspace: does a piece begin where the whole input
 * does? So `zero` is kept: how many bytes at the front stem from the first byte of the input. */
#ifndef HZ_TOKEN_FLOW_H
#define HZ_TOKEN_FLOW_H

#include "base/buf.h"

struct hz_flow {
    const char *s;
    size_t len, zero;
    struct hz_buf bufs[2];
    int spare;       /* the buffer that s does not lie in */
    size_t zero_out; /* `zero` of what is being written */
};

static inline void hz_flow_init(struct hz_flow *f, size_t max)
{
    *f = (struct hz_flow){0};
    hz_buf_init(&f->bufs[0], max);
    hz_buf_init(&f->bufs[1], max);
}

static inline void hz_flow_free(struct hz_flow *f)
{
    hz_buf_free(&f->bufs[0]);
    hz_buf_free(&f->bufs[1]);
}

/* The stretch s[0..len) of the input; at_start: it is the input's beginning. */
void hz_flow_set(struct hz_flow *f, const char *s, size_t len, bool at_start);
void hz_flow_begin(struct hz_flow *f);
/* Writes bytes that stem from the byte s[from] of the text so far. */
static inline void hz_flow_put(struct hz_flow *f, size_t from, const char *bytes, size_t n)
{
    struct hz_buf *out = &f->bufs[f->spare];
    if (from < f->zero && out->len == f->zero_out)
        f->zero_out += n;
    hz_buf_put(out, bytes, n);
}
void hz_flow_put_cp(struct hz_flow *f, size_t from, uint32_t cp);
/* What was written becomes the text. E_LIMIT if it grew beyond bounds. */
hz_status hz_flow_take(struct hz_flow *f, struct hz_error *err);

#endif
