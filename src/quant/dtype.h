/* dtype.h - how the elements of a published tensor are stored: every type that safetensors and GGUF name.
 *
 * Block types (block > 1 elements in `bytes` bytes) are GGUF's, laid out as in ggml-common.h; their structs stand in
 * quant/blocks.h. dims[] of a tensor always count elements, outermost first, so a row is dims[n-1] elements. */
#ifndef HZ_QUANT_DTYPE_H
#define HZ_QUANT_DTYPE_H

#include "base/status.h"

/* id, name (safetensors' or GGUF's), elements per block, bytes per block, GGUF type id or -1 */
#define HZ_DTYPE_MAP(X)                                                                                                \
    X(F32, "F32", 1, 4, 0)                                                                                             \
    X(F16, "F16", 1, 2, 1)                                                                                             \
    X(BF16, "BF16", 1, 2, 30)                                                                                          \
    X(F64, "F64", 1, 8, 28)                                                                                            \
    X(I8, "I8", 1, 1, 24)                                                                                              \
    X(I16, "I16", 1, 2, 25)                                                                                            \
    X(I32, "I32", 1, 4, 26)                                                                                            \
    X(I64, "I64", 1, 8, 27)                                                                                            \
    X(U8, "U8", 1, 1, -1)                                                                                              \
    X(U16, "U16", 1, 2, -1)                                                                                            \
    X(U32, "U32", 1, 4, -1)                                                                                            \
    X(U64, "U64", 1, 8, -1)                                                                                            \
    X(BOOL, "BOOL", 1, 1, -1)                                                                                          \
    X(F8_E4M3, "F8_E4M3", 1, 1, -1)                                                                                    \
    X(F8_E5M2, "F8_E5M2", 1, 1, -1)                                                                                    \
    X(F8_E8M0, "F8_E8M0", 1, 1, -1)                                                                                    \
    X(F4, "F4", 2, 1, -1)                                                                                              \
    X(Q4_0, "Q4_0", 32, 18, 2)                                                                                         \
    X(Q4_1, "Q4_1", 32, 20, 3)                                                                                         \
    X(Q5_0, "Q5_0", 32, 22, 6)                                                                                         \
    X(Q5_1, "Q5_1", 32, 24, 7)                                                                                         \
    X(Q8_0, "Q8_0", 32, 34, 8)                                                                                         \
    X(Q8_1, "Q8_1", 32, 36, 9)                                                                                         \
    X(Q2_K, "Q2_K", 256, 84, 10)                                                                                       \
    X(Q3_K, "Q3_K", 256, 110, 11)                                                                                      \
    X(Q4_K, "Q4_K", 256, 144, 12)                                                                                      \
    X(Q5_K, "Q5_K", 256, 176, 13)                                                                                      \
    X(Q6_K, "Q6_K", 256, 210, 14)                                                                                      \
    X(Q8_K, "Q8_K", 256, 292, 15)

enum hz_dtype {
#define HZ_DTYPE_ENUM(id, name, block, bytes, gguf) HZ_##id,
    HZ_DTYPE_MAP(HZ_DTYPE_ENUM)
#undef HZ_DTYPE_ENUM
        HZ_DTYPES
};

/* What a kernel computes with; docs/ARCHITECTURE.md, "Weight families". */
enum hz_family {
    HZ_FAMILY_NONE,
    HZ_FAMILY_DENSE,
    HZ_FAMILY_AFFINE,
    HZ_FAMILY_SUPERBLOCK,
    HZ_FAMILY_CODEBOOK,
    HZ_FAMILY_FP8
};

struct hz_dtype_info {
    const char *name;
    uint32_t block, bytes; /* elements and bytes of a block */
    int gguf;              /* GGUF's type id, -1 if it has none */
};

/* Of HZ_DTYPES, a type that we cannot read: "unknown". */
const struct hz_dtype_info *hz_dtype_info(enum hz_dtype type);
/* False if unknown. */
bool hz_dtype_by_name(const char *name, size_t len, enum hz_dtype *type);
bool hz_dtype_by_gguf(uint32_t id, enum hz_dtype *type);
/* The name of any GGUF type id, also of those we cannot read ("IQ2_XXS"); NULL for ids that mean nothing. */
const char *hz_gguf_type_name(uint32_t id);
/* Elements and bytes of a block of any GGUF type id, also of those we cannot read; false where they are unknown. */
bool hz_gguf_type_size(uint32_t id, uint32_t *block, uint32_t *bytes);
enum hz_family hz_dtype_family(enum hz_dtype type); /* NONE: not a weight (integers, f64, Q8_1) */
/* Bytes of k elements; k must be a multiple of the block. */
uint64_t hz_dtype_row_bytes(enum hz_dtype type, uint64_t k);

#endif
