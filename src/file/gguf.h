/* gguf.h - GGUF versions 2 and 3: metadata and tensor list. Everything is bounds-checked; nothing is copied but the
 * index. Layout: the GGUF specification (ggml/docs/gguf.md). */
#ifndef HZ_FILE_GGUF_H
#define HZ_FILE_GGUF_H

#include "base/cursor.h"
#include "file/tensor.h"

enum hz_meta_type { /* numbered as in the file */
                    HZ_META_U8,
                    HZ_META_I8,
                    HZ_META_U16,
                    HZ_META_I16,
                    HZ_META_U32,
                    HZ_META_I32,
                    HZ_META_F32,
                    HZ_META_BOOL,
                    HZ_META_STRING,
                    HZ_META_ARRAY,
                    HZ_META_U64,
                    HZ_META_I64,
                    HZ_META_F64,
                    HZ_META_TYPES
};

struct hz_str { /* bytes inside the mapping: no NUL behind them */
    const char *s;
    uint64_t len;
};

struct hz_meta {
    struct hz_str key;
    enum hz_meta_type type;
    union {
        uint64_t u; /* unsigned and bool */
        int64_t i;
        double f;
        struct hz_str str;
        struct {
            enum hz_meta_type type; /* of the elements; arrays of arrays are kept as bytes only */
            uint64_t n;
            const uint8_t *data; /* elements in file layout, within [data, data+bytes) */
            uint64_t bytes;
        } array;
    } v;
};

struct hz_gguf {
    const char *path;
    uint32_t version;
    struct hz_meta *meta;
    size_t n_meta;
    struct hz_map by_key;
};

/* Reads one GGUF that lies in memory: its metadata into g, its tensors behind those already in the table. The index
 * comes from the arena; strings and tensors stay where they are, so data[0..size) and path must outlive g and table.
 * On failure g is empty, while the table may have grown. */
hz_status hz_gguf_parse(const uint8_t *data, uint64_t size, const char *path, struct hz_arena *arena, struct hz_gguf *g,
                        struct hz_tensor_table *table, struct hz_error *err);
/* Frees what does not lie in the arena. */
void hz_gguf_free(struct hz_gguf *g);

/* NULL if the key is absent. */
const struct hz_meta *hz_gguf_get(const struct hz_gguf *g, const char *key);
/* The getters take NULL, which is false. Any integer type (or bool) that fits; false otherwise. */
bool hz_meta_int(const struct hz_meta *m, int64_t *out);
/* Any number. */
bool hz_meta_double(const struct hz_meta *m, double *out);
bool hz_meta_bool(const struct hz_meta *m, bool *out);
/* Walks an array: struct hz_cursor c = hz_meta_elements(m); then hz_meta_next_str / hz_meta_next_double / _int,
 * which are false at the end or for another element type. */
struct hz_cursor hz_meta_elements(const struct hz_meta *m);
bool hz_meta_next_str(const struct hz_meta *m, struct hz_cursor *c, struct hz_str *out);
bool hz_meta_next_double(const struct hz_meta *m, struct hz_cursor *c, double *out);
bool hz_meta_next_int(const struct hz_meta *m, struct hz_cursor *c, int64_t *out);
const char *hz_meta_type_name(enum hz_meta_type type);

#endif
