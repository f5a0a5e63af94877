/* tokenizer.h - text to ids and back, as Hugging Face `tokenizers` 0.23 does it: byte-level BPE, SentencePiece-style
 * BPE with byte fallback, Unigram, WordPiece; from tokenizer.json or from GGUF metadata. A tokenizer is immutable and
 * may be used from several threads. */
#ifndef HZ_TOKEN_TOKENIZER_H
#define HZ_TOKEN_TOKENIZER_H

#include "base/buf.h"
#include "file/gguf.h"

struct hz_tokenizer;

/* text: the bytes of a tokenizer.json, not needed afterwards; path: for errors. It takes the text and not a parsed
 * document because half a million vocabulary entries and merges are read several times faster without one. */
hz_status hz_tokenizer_from_json(const char *text, size_t len, const char *path, struct hz_tokenizer **t,
                                 struct hz_error *err);
/* The file itself, at most 1 GiB. */
hz_status hz_tokenizer_load(const char *path, struct hz_tokenizer **t, struct hz_error *err);
/* From tokenizer.ggml.* keys. The mapping must outlive the tokenizer. */
hz_status hz_tokenizer_from_gguf(const struct hz_gguf *g, struct hz_tokenizer **t, struct hz_error *err);
void hz_tokenizer_free(struct hz_tokenizer *t);

enum hz_encode_flags {
    HZ_ENCODE_SPECIAL = 1, /* add what the post-processor adds: BOS, EOS, ... */
    HZ_ENCODE_PARSE_SPECIAL =
        2 /* a special token's spelling in the text becomes that token (Hugging Face always does) */
};

struct hz_ids { /* starts as {0} */
    int32_t *data;
    size_t n, cap;
};
void hz_ids_free(struct hz_ids *ids);

/* Appends the ids of text (valid UTF-8, may hold NULs; E_INVALID otherwise). */
hz_status hz_encode(const struct hz_tokenizer *t, const char *text, size_t len, unsigned flags, struct hz_ids *ids,
                    struct hz_error *err);
/* Appends the text of ids; unknown ids are an error. */
hz_status hz_decode(const struct hz_tokenizer *t, const int32_t *ids, size_t n, bool skip_special, struct hz_buf *out,
                    struct hz_error *err);

size_t hz_tokenizer_size(const struct hz_tokenizer *t); /* one above the largest id */
/* The token as the vocabulary spells it; NULL if the id has none. */
const char *hz_token_spelling(const struct hz_tokenizer *t, int32_t id, size_t *len);
bool hz_token_is_special(const struct hz_tokenizer *t, int32_t id);
/* The id of a spelling (added tokens first), or -1. */
int32_t hz_token_id(const struct hz_tokenizer *t, const char *spelling, size_t len);
/* What the tokenizer's own settings say: ids or -1 (GGUF keys; of a tokenizer.json only what its post-processor adds).
 */
int32_t hz_tokenizer_bos(const struct hz_tokenizer *t);
int32_t hz_tokenizer_eos(const struct hz_tokenizer *t);
bool hz_tokenizer_adds_bos(const struct hz_tokenizer *t); /* encoding with SPECIAL starts with BOS */
/* The ids that end a generation: of a GGUF eos, eot, eom and the spellings llama.cpp knows; of a tokenizer.json none
 * (its other files say). Owned by the tokenizer, ascending. */
size_t hz_tokenizer_ends(const struct hz_tokenizer *t, const int32_t **ids);

/* Incremental detokenizer: ids in, whole UTF-8 out. Joined pieces equal hz_decode of all ids, special tokens kept
 * (or skipped). Work per id does not grow with what was decoded before. */
struct hz_detok;
hz_status hz_detok_new(const struct hz_tokenizer *t, bool skip_special, struct hz_detok **d, struct hz_error *err);
void hz_detok_free(struct hz_detok *d);
/* *piece is valid until the next call; *len 0 while a character is unfinished. */
hz_status hz_detok_push(struct hz_detok *d, int32_t id, const char **piece, size_t *len, struct hz_error *err);
/* What is held back at the end: U+FFFD for an unfinished character. */
hz_status hz_detok_flush(struct hz_detok *d, const char **piece, size_t *len, struct hz_error *err);

#endif
