/* detok.c - the incremental detokenizer: the decoder chain run eagerly. */
#include "base/mem.h"
#include "token/state.h"

#include <stdlib.h>

enum { MAX_HELD = 1 << 30 };

struct hz_detok {
    const struct hz_tokenizer *t;
    bool skip_special, given;
    struct hz_buf out; /* text that was not given out */
    struct hz_decoding decoding;
};

hz_status hz_detok_new(const struct hz_tokenizer *t, bool skip_special, struct hz_detok **d, struct hz_error *err)
{
    *d = hz_calloc(1, sizeof **d);
    if (!*d)
        return hz_fail_nomem(err, sizeof **d);
    (*d)->t = t;
    (*d)->skip_special = skip_special;
    hz_buf_init(&(*d)->out, MAX_HELD);
    hz_status status = hz_decoding_begin(&(*d)->decoding, &t->decoder, true, &(*d)->out, err);
    if (status) {
        hz_detok_free(*d);
        *d = NULL;
    }
    return status;
}

void hz_detok_free(struct hz_detok *d)
{
    if (!d)
        return;
    hz_decoding_free(&d->decoding);
    hz_buf_free(&d->out);
    free(d);
}

static void forget_given(struct hz_detok *d)
{
    if (d->given)
        hz_buf_clear(&d->out);
    d->given = false;
}

static void give(struct hz_detok *d, const char **piece, size_t *len)
{
    d->given = true;
    *piece = d->out.len ? d->out.data : "";
    *len = d->out.len;
}

hz_status hz_detok_push(struct hz_detok *d, int32_t id, const char **piece, size_t *len, struct hz_error *err)
{
    *piece = "";
    *len = 0;
    const struct hz_vocab_entry *token = hz_vocab_token(&d->t->vocab, id);
    if (!token)
        return hz_fail(err, HZ_E_INVALID, "no token has the id %d", id);
    forget_given(d);
    if (d->skip_special && token->flags & HZ_TOKEN_SPECIAL)
        return HZ_OK;
    HZ_TRY(hz_decoding_put(&d->decoding, token->text, token->text_len, err));
    if (!hz_decoding_waits(&d->decoding))
        give(d, piece, len);
    return HZ_OK;
}

hz_status hz_detok_flush(struct hz_detok *d, const char **piece, size_t *len, struct hz_error *err)
{
    *piece = "";
    *len = 0;
    forget_given(d);
    HZ_TRY(hz_decoding_end(&d->decoding, err));
    give(d, piece, len);
    return HZ_OK;
}
