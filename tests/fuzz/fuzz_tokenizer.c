/* A tokenizer.json from anywhere: the input up to a NUL is the file, what follows is text to encode; ids are decoded
 * again, whole and piece by piece. Nothing may crash, and what was encoded must decode. */
#include "text/utf8.h"
#include "token/tokenizer.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = memchr(data, 0, size), *file = (const char *)data;
    size_t file_len = text ? (size_t)(text - file) : size, len = text ? size - file_len - 1 : 0;
    struct hz_tokenizer *t;
    if (hz_tokenizer_from_json(file, file_len, "fuzz", &t, NULL) != HZ_OK)
        return 0;
    text = text && hz_utf8_valid(text + 1, len) ? text + 1 : "The quick brown fox\n\xf0\x9f\x98\x80  1234";
    len = len && text[0] != 'T' ? len : strlen(text);
    struct hz_ids ids = {0};
    if (hz_encode(t, text, HZ_MIN(len, (size_t)4096), HZ_ENCODE_SPECIAL | HZ_ENCODE_PARSE_SPECIAL, &ids, NULL) ==
        HZ_OK) {
        struct hz_buf out;
        struct hz_detok *d = NULL;
        const char *piece;
        size_t n;
        hz_buf_init(&out, 1 << 22);
        hz_decode(t, ids.data, ids.n, true, &out, NULL);
        hz_buf_free(&out);
        if (hz_detok_new(t, false, &d, NULL) == HZ_OK) {
            for (size_t i = 0; i < ids.n; i++)
                if (hz_detok_push(d, ids.data[i], &piece, &n, NULL) == HZ_OK && !hz_utf8_valid(piece, n))
                    abort();
            if (hz_detok_flush(d, &piece, &n, NULL) == HZ_OK && !hz_utf8_valid(piece, n))
                abort();
        }
        hz_detok_free(d);
    }
    hz_ids_free(&ids);
    hz_tokenizer_free(t);
    return 0;
}
