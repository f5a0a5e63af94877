/* gguf_tokens.h - what llama.cpp makes of the types and spellings of a GGUF's tokens: which are special, which end a
 * generation, which eat blanks. */
#ifndef HZ_TOKEN_GGUF_TOKENS_H
#define HZ_TOKEN_GGUF_TOKENS_H

#include "file/gguf.h"
#include "token/state.h"

enum { /* of a token, as llama.cpp's attributes */
       HZ_ATTR_UNKNOWN = 1,
       HZ_ATTR_UNUSED = 2,
       HZ_ATTR_NORMAL = 4,
       HZ_ATTR_CONTROL = 8,
       HZ_ATTR_USER_DEFINED = 16,
       HZ_ATTR_BYTE = 32,
       HZ_ATTR_LSTRIP = 64,
       HZ_ATTR_RSTRIP = 128
};

struct hz_gguf_special { /* ids, or -1 */
    int32_t bos, eos, eot, eom, unk, sep;
    int32_t fim_pad, fim_rep, fim_sep;
};

/* attrs: by id, from token_type; special: from the keys. Corrects the attributes by spelling, and appends to t->ends.
 */
hz_status hz_gguf_find_special(const struct hz_gguf *g, struct hz_tokenizer *t, struct hz_gguf_special *special,
                               uint8_t *attrs, struct hz_error *err);

#endif
