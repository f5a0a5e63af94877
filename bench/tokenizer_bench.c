/* tokenizer_bench TOKENIZER.json TEXT [SECONDS]: loading time and speed of encoding, one thread, as one JSON line.
 * The text is encoded line by line (with the newline), again and again. bench/tokenizer.py sets the `tokenizers`
 * package beside it. */
#include "base/os/file.h"
#include "base/os/sys.h"
#include "token/tokenizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Encodes all lines once; false on an error. */
static bool encode_all(const struct hz_tokenizer *t, const char *text, size_t len, struct hz_ids *ids,
                       struct hz_error *err)
{
    for (const char *at = text, *end = text + len; at < end;) {
        const char *nl = memchr(at, '\n', (size_t)(end - at));
        size_t n = nl ? (size_t)(nl + 1 - at) : (size_t)(end - at);
        if (hz_encode(t, at, n, HZ_ENCODE_PARSE_SPECIAL, ids, err) != HZ_OK)
            return false;
        at += n;
    }
    return true;
}

int main(int argc, char **argv)
{
    struct hz_error err;
    struct hz_tokenizer *t;
    struct hz_ids ids = {0};
    char *text;
    size_t len, n_ids = 0, rounds = 0;
    if (argc < 3)
        return fprintf(stderr, "usage: tokenizer_bench TOKENIZER.json TEXT [SECONDS]\n"), 1;
    double seconds = argc > 3 ? atof(argv[3]) : 1, start = hz_clock();
    if (hz_tokenizer_load(argv[1], &t, &err) != HZ_OK || hz_file_read(argv[2], 1 << 30, &text, &len, &err) != HZ_OK)
        return fprintf(stderr, "tokenizer_bench: %s\n", err.text), 1;
    double loaded = hz_clock() - start, best = 0;
    for (start = hz_clock(); hz_clock() - start < seconds || rounds < 3; rounds++) {
        double from = hz_clock();
        ids.n = 0;
        if (!encode_all(t, text, len, &ids, &err))
            return fprintf(stderr, "tokenizer_bench: %s\n", err.text), 1;
        double speed = (double)len / (hz_clock() - from) * 1e-6;
        best = speed > best ? speed : best;
        n_ids = ids.n;
    }
    printf("{\"load_s\": %.3f, \"mb_per_s\": %.2f, \"ids\": %zu}\n", loaded, best, n_ids);
    hz_ids_free(&ids);
    hz_tokenizer_free(t);
    free(text);
    return 0;
}
