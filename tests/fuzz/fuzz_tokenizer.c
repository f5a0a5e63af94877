/* A tokenizer out of nowhere, and a text through it and back. Input: a GGUF; or a tokenizer.json, a line of "\n---\n",
 * the text; without the line the JSON is the text as well. Encoding, decoding and streaming must agree where the
 * definition lets them. */
#include "token/tokenizer.h"

#include "text/utf8.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TEXT = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *find_line(const char *s, size_t len)
{
    for (size_t i = 0; i + 5 <= len; i++)
        if (!memcmp(s + i, "\n---\n", 5))
            return s + i;
    return NULL;
}

/* All ids one by one: a stream must not fail where decoding does not. */
static void stream(const struct hz_tokenizer *t, const struct hz_ids *ids)
{
    struct hz_detok *d;
    const char *piece;
    size_t len;
    if (hz_detok_new(t, false, &d, NULL))
        return;
    for (size_t i = 0; i < ids->n; i++)
        if (hz_detok_push(d, ids->data[i], &piece, &len, NULL) == HZ_OK && !hz_utf8_valid(piece, len))
            abort();
    if (hz_detok_flush(d, &piece, &len, NULL) == HZ_OK && !hz_utf8_valid(piece, len))
        abort();
    hz_detok_free(d);
}

static void there_and_back(const struct hz_tokenizer *t, const char *text, size_t len)
{
    struct hz_ids ids = {0};
    struct hz_buf out;
    hz_buf_init(&out, 1 << 22);
    if (hz_encode(t, text, len, HZ_ENCODE_SPECIAL | HZ_ENCODE_PARSE_SPECIAL, &ids, NULL) == HZ_OK) {
        if (hz_decode(t, ids.data, ids.n, false, &out, NULL) == HZ_OK && out.len && !hz_utf8_valid(out.data, out.len))
            abort();
        stream(t, &ids);
    }
    hz_buf_free(&out);
    hz_ids_free(&ids);
}

static const char mixed[] = "Hello, W\xC3\xB6rld! 123  \n<s> \xF0\x9F\x98\x80 e\xCC\x81";

static void from_gguf(const uint8_t *data, size_t size)
{
    struct hz_arena arena = {0};
    struct hz_tensor_table table = {0};
    struct hz_gguf g;
    struct hz_tokenizer *t;
    if (hz_gguf_parse(data, size, "fuzz", &arena, &g, &table, NULL) == HZ_OK &&
        hz_tokenizer_from_gguf(&g, &t, NULL) == HZ_OK) {
        there_and_back(t, mixed, sizeof mixed - 1);
        there_and_back(t, "", 0);
        hz_tokenizer_free(t);
    }
    hz_gguf_free(&g);
    hz_tensor_table_free(&table);
    hz_arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *s = (const char *)data, *line = find_line(s, size);
    size_t len = line ? (size_t)(line - s) : size;
    const char *text = line ? line + 5 : s;
    size_t text_len = line ? size - len - 5 : size;
    struct hz_tokenizer *t;
    if (size > 4 && !memcmp(data, "GGUF", 4)) {
        from_gguf(data, size);
        return 0;
    }
    if (hz_tokenizer_from_json(s, len, "fuzz", &t, NULL))
        return 0;
    while (text_len > MAX_TEXT || (text_len && !hz_utf8_valid(text, text_len)))
        text_len = text_len > MAX_TEXT ? MAX_TEXT : text_len - 1;
    there_and_back(t, text, text_len);
    there_and_back(t, mixed, sizeof mixed - 1);
    hz_tokenizer_free(t);
    return 0;
}
