/* A GGUF in memory: the parser, then every getter over what it took, then the first byte of every tensor. */
#include "file/gguf.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint64_t sink; /* so that the reads below are made */

static uint64_t walk(const struct hz_gguf *g)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < g->n_meta; i++) {
        const struct hz_meta *m = &g->meta[i];
        struct hz_str s;
        int64_t n;
        double f;
        bool b;
        sum += hz_meta_int(m, &n) + hz_meta_double(m, &f) + hz_meta_bool(m, &b);
        for (struct hz_cursor c = hz_meta_elements(m); hz_meta_next_str(m, &c, &s);)
            sum += s.len ? (uint8_t)s.s[s.len - 1] : 0;
        for (struct hz_cursor c = hz_meta_elements(m); hz_meta_next_int(m, &c, &n);)
            sum++;
        for (struct hz_cursor c = hz_meta_elements(m); hz_meta_next_double(m, &c, &f);)
            sum++;
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hz_arena arena = {0};
    struct hz_tensor_table table = {0};
    struct hz_gguf g;
    struct hz_error err;
    if (hz_gguf_parse(data, size, "fuzz", &arena, &g, &table, &err) == HZ_OK) {
        sink = walk(&g);
        for (size_t i = 0; i < table.n; i++) {
            const struct hz_tensor *t = &table.tensors[i];
            if (!t->data || t->data + t->bytes > data + size || !hz_tensor_find(&table, t->name))
                abort();
            sink = t->data[0] + t->data[t->bytes - 1];
        }
    }
    hz_gguf_free(&g);
    hz_tensor_table_free(&table);
    hz_arena_free(&arena);
    return 0;
}
