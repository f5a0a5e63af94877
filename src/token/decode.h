/* decode.h - tokens back to text: the decoders of a tokenizer.json as a chain of steps through which the text of one
 * token after the other is passed. The same chain decodes a whole list and, eagerly, a stream: each step keeps what it
 * must wait for, which is a few bytes, except where a definition asks for the end of all text. */
#ifndef HZ_TOKEN_DECODE_H
#define HZ_TOKEN_DECODE_H

#include "text/json.h"
#include "token/pretok.h"
#include "token/regex.h"
#include "token/vocab.h"

enum hz_decode_kind {
    HZ_DECODE_ALPHABET,      /* a byte-level token to the bytes it stands for */
    HZ_DECODE_BYTES,         /* bytes to text; what is no UTF-8 becomes U+FFFD, one for each maximal beginning */
    HZ_DECODE_BYTE_FALLBACK, /* a run of <0xNN> to its text, or to one U+FFFD for each */
    HZ_DECODE_FUSE,
    HZ_DECODE_REPLACE,
    HZ_DECODE_STRIP, /* up to `start` and `stop` characters `literal` at the ends */
    HZ_DECODE_METASPACE,
    HZ_DECODE_WORDPIECE,
    HZ_DECODE_SUFFIX, /* BPEDecoder */
    HZ_DECODE_CTC,
    HZ_DECODE_JOIN,       /* a blank between tokens: what having no decoder means */
    HZ_DECODE_FIRST_BLANK /* one blank off the front of the first token (llama.cpp) */
};

struct hz_decode_step {
    enum hz_decode_kind kind;
    struct hz_regex *regex;  /* REPLACE; NULL: `literal` */
    char *literal, *content; /* what is looked for, what it becomes; CTC: pad token, word delimiter */
    size_t len, content_len;
    size_t start, stop;
    bool cleanup;
    enum hz_prepend_scheme prepend;
};

struct hz_decode_chain { /* starts as {0} */
    struct hz_decode_step *steps;
    size_t n, cap;
};

/* Appends the steps of a "decoder" value; null is JOIN. */
hz_status hz_decode_chain_read(struct hz_decode_chain *d, struct hz_json json, const char *path, struct hz_error *err);
hz_status hz_decode_chain_add(struct hz_decode_chain *d, struct hz_decode_step step, struct hz_error *err);
void hz_decode_chain_free(struct hz_decode_chain *d);

/* Tokens on their way through the chain. */
struct hz_decode_state {
    size_t tokens;        /* begun so far */
    struct hz_buf chunks; /* of a token that is not all there */
    struct hz_buf held;   /* text or bytes that the step itself keeps */
    size_t count;         /* BYTE_FALLBACK: bytes not passed on; STRIP: characters that wait or may still be cut */
    bool open;            /* passed a token on without its end */
    bool running, bad;    /* BYTE_FALLBACK: inside a run; the run is no UTF-8 */
    size_t to_cut;
};

struct hz_decoding {
    const struct hz_decode_chain *d;
    bool eager; /* pass on what a run of bytes has spelled so far, before it is known whether it stays UTF-8 */
    struct hz_decode_state *states;
    struct hz_regex_scratch *scratch;
    struct hz_buf *out;
    struct hz_error *err;
    hz_status status; /* the first failure */
};

hz_status hz_decoding_begin(struct hz_decoding *g, const struct hz_decode_chain *d, bool eager, struct hz_buf *out,
                            struct hz_error *err);
hz_status hz_decoding_put(struct hz_decoding *g, const char *text, size_t len, struct hz_error *err);
hz_status hz_decoding_end(struct hz_decoding *g, struct hz_error *err);
/* Whether a character is unfinished: the text so far, were it all, would end in U+FFFD. */
bool hz_decoding_waits(const struct hz_decoding *g);
void hz_decoding_free(struct hz_decoding *g);

#endif
