/* A safetensors file in memory: what is taken must lie inside it, disjoint and complete. The header's length is mended,
 * else nearly every input would stop there. */
#include "file/safetensors.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const uint8_t *data, size_t size)
{
    struct hz_file_map map = {size ? data : NULL, size, NULL};
    struct hz_arena arena = {0};
    struct hz_tensor_table table = {0};
    struct hz_error err;
    uint64_t bytes = 0, header = 0;
    if (hz_safetensors_read(&map, "fuzz", &arena, &table, NULL, NULL, &err) == HZ_OK) {
        for (int i = 0; i < 8; i++)
            header |= (uint64_t)data[i] << (8 * i);
        for (size_t i = 0; i < table.n; i++) {
            const struct hz_tensor *t = &table.tensors[i];
            if (t->data < data + 8 + header || t->data + t->bytes > data + size)
                abort();
            bytes += t->bytes;
        }
        if (bytes != size - 8 - header)
            abort();
    }
    hz_tensor_table_free(&table);
    hz_arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check(data, size);
    if (size < 8)
        return 0;
    uint8_t *mended = malloc(size);
    if (!mended)
        return 0;
    memcpy(mended, data, size);
    uint64_t header = ((uint64_t)data[1] << 8 | data[0]) % (size - 7);
    for (int i = 0; i < 8; i++)
        mended[i] = (uint8_t)(header >> (8 * i));
    check(mended, size);
    free(mended);
    return 0;
}
