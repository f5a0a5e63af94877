/* flow.c - a stretch of text between two buffers. */
#include "token/flow.h"

#include "text/utf8.h"

void hz_flow_set(struct hz_flow *f, const char *s, size_t len, bool at_start)
{
    uint32_t cp;
    f->s = s;
    f->len = len;
    f->zero = at_start && len ? hz_utf8_decode(s, len, &cp) : 0;
    f->spare = 0;
}

void hz_flow_begin(struct hz_flow *f)
{
    hz_buf_clear(&f->bufs[f->spare]);
    f->zero_out = 0;
}

void hz_flow_put_cp(struct hz_flow *f, size_t from, uint32_t cp)
{
    char utf8[4];
    hz_flow_put(f, from, utf8, hz_utf8_encode(cp, utf8));
}

hz_status hz_flow_take(struct hz_flow *f, struct hz_error *err)
{
    struct hz_buf *out = &f->bufs[f->spare];
    hz_buf_put(out, "", 0);
    HZ_TRY(hz_buf_check(out, "the normalized text", err));
    f->s = out->data;
    f->len = out->len;
    f->zero = f->zero_out;
    f->spare ^= 1;
    return HZ_OK;
}
