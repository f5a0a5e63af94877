/* gguf_pre.h - what tokenizer.ggml.pre names: the regular expressions that cut a text before byte-pair encoding, one
 * applied to the pieces of the other, and some settings. The names and meanings are llama.cpp's. */
#ifndef HZ_TOKEN_GGUF_PRE_H
#define HZ_TOKEN_GGUF_PRE_H

#include "token/pretok.h"

enum {
    HZ_PRE_IGNORE_MERGES = 1,
    HZ_PRE_ADD_BOS = 2,
    HZ_PRE_NO_BOS_ID = 4,      /* has no default for it */
    HZ_PRE_RAW = 8,            /* no byte-level alphabet: characters, and <0xNN> for unknown ones */
    HZ_PRE_ESCAPE_BLANKS = 16, /* blanks become U+2581 first */
    HZ_PRE_NEWLINES_WHOLE = 32,
    HZ_PRE_ALWAYS_BOS = 64 /* whatever add_bos_token says */
};

/* Appends the steps of a name (len 0: none was given, which means "default"); sets the flags. E_UNSUPPORTED names a
 * name that isn't known. */
hz_status hz_gguf_pre(const char *name, size_t len, struct hz_pretok *p, unsigned *flags, struct hz_error *err);

#endif
