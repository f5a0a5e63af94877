/* vocab.h - ids and their spellings: the model's vocabulary and, above or among it, the added tokens. */
#ifndef HZ_TOKEN_VOCAB_H
#define HZ_TOKEN_VOCAB_H

#include "base/map.h"
#include "base/mem.h"

enum hz_token_flags {
    HZ_TOKEN_SPECIAL = 1, /* left out where special tokens are skipped */
    HZ_TOKEN_BYTE = 2,    /* <0xNN>: stands for one byte (GGUF's type; a tokenizer.json goes by the spelling) */
    HZ_TOKEN_RAW = 4      /* its text is its spelling as it stands (GGUF: control and user-defined tokens) */
};

struct hz_vocab_entry {
    const char *s; /* the spelling; NULL: no token has this id */
    uint32_t len;
    uint32_t text_len;
    const char *text; /* what it decodes from: s, or the bytes that s stands for in a byte-level vocabulary */
    unsigned flags;
};

struct hz_vocab { /* starts as {0} */
    struct hz_vocab_entry *tokens;
    size_t n, cap;     /* n is one above the largest id */
    size_t n_model;    /* the model's own tokens have ids below this; added ones may lie above */
    struct hz_map ids; /* spelling to id */
    struct hz_arena arena;
    char *room; /* rest of the chunk that strings are copied to */
    size_t room_left;
};

void hz_vocab_free(struct hz_vocab *v);
/* Room for n tokens at once. */
bool hz_vocab_reserve(struct hz_vocab *v, size_t n);
/* A copy that lives as long as the vocabulary (not NUL-terminated), or NULL. */
const char *hz_vocab_copy(struct hz_vocab *v, const char *s, size_t len);
/* Gives an id its spelling; s must live as long as the vocabulary. The last of several spellings of an id, and the last
 * of several ids of a spelling, count. False when memory is short. */
bool hz_vocab_put(struct hz_vocab *v, uint32_t id, const char *s, size_t len);
int32_t hz_vocab_id(const struct hz_vocab *v, const char *s, size_t len); /* or -1 */
/* The same among the model's own tokens. */
static inline int32_t hz_vocab_model_id(const struct hz_vocab *v, const char *s, size_t len)
{
    int32_t id = hz_vocab_id(v, s, len);
    return id >= 0 && (size_t)id < v->n_model ? id : -1;
}

/* The id of <0xNN> in the model, or -1. */
int32_t hz_vocab_byte_id(const struct hz_vocab *v, uint8_t byte);

static inline const struct hz_vocab_entry *hz_vocab_token(const struct hz_vocab *v, int32_t id)
{
    return id >= 0 && (size_t)id < v->n && v->tokens[id].s ? &v->tokens[id] : NULL;
}

/* Bytes that stand right before U+2581 inside some token: only behind these can a merge reach over the start of a
 * word. A stretch may be cut before U+2581 everywhere else, and the cuts change no token. */
void hz_vocab_glue(const struct hz_vocab *v, bool glue[256]);

/* The GPT-2 alphabet: the character that stands for each byte, and back (-1 for a character that stands for none). */
uint32_t hz_alphabet_char(uint8_t byte);
int hz_alphabet_byte(uint32_t cp);
/* The bytes that a byte-level spelling stands for, into room[len]; false if a character is not of the alphabet. */
bool hz_alphabet_decode(const char *s, size_t len, char *room, size_t *out_len);

#endif
