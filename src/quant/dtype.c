/* dtype.c - the facts of dtype.h's table, by id, name and GGUF number. */
#include "quant/dtype.h"

#include <string.h>

static const struct hz_dtype_info infos[HZ_DTYPES + 1] = {
#define INFO(id, name, block, bytes, gguf) [HZ_##id] = {name, block, bytes, gguf},
    HZ_DTYPE_MAP(INFO)
#undef INFO
        [HZ_DTYPES] = {"unknown", 1, 0, -1},
};

/* GGUF's types that have no entry above; the numbers 4, 5, 31 to 33 and 36 to 38 were withdrawn and have no size. */
static const struct {
    uint32_t id;
    const char *name;
    uint32_t block, bytes; /* 0: unknown */
} foreign[] = {
    {4, "Q4_2"},
    {5, "Q4_3"},
    {16, "IQ2_XXS", 256, 66},
    {17, "IQ2_XS", 256, 74},
    {18, "IQ3_XXS", 256, 98},
    {19, "IQ1_S", 256, 50},
    {20, "IQ4_NL", 32, 18},
    {21, "IQ3_S", 256, 110},
    {22, "IQ2_S", 256, 82},
    {23, "IQ4_XS", 256, 136},
    {29, "IQ1_M", 256, 56},
    {31, "Q4_0_4_4"},
    {32, "Q4_0_4_8"},
    {33, "Q4_0_8_8"},
    {34, "TQ1_0", 256, 54},
    {35, "TQ2_0", 256, 66},
    {36, "IQ4_NL_4_4"},
    {37, "IQ4_NL_4_8"},
    {38, "IQ4_NL_8_8"},
    {39, "MXFP4", 32, 17},
    {40, "NVFP4", 64, 36},
    {41, "Q1_0", 128, 18},
    {42, "Q2_0"},
};

const struct hz_dtype_info *hz_dtype_info(enum hz_dtype type)
{
    return &infos[type];
}

bool hz_dtype_by_name(const char *name, size_t len, enum hz_dtype *type)
{
    for (int i = 0; i < HZ_DTYPES; i++)
        if (strlen(infos[i].name) == len && !memcmp(infos[i].name, name, len)) {
            *type = (enum hz_dtype)i;
            return true;
        }
    return false;
}

bool hz_dtype_by_gguf(uint32_t id, enum hz_dtype *type)
{
    for (int i = 0; i < HZ_DTYPES; i++)
        if (infos[i].gguf >= 0 && (uint32_t)infos[i].gguf == id) {
            *type = (enum hz_dtype)i;
            return true;
        }
    return false;
}

const char *hz_gguf_type_name(uint32_t id)
{
    enum hz_dtype type;
    if (hz_dtype_by_gguf(id, &type))
        return infos[type].name;
    for (size_t i = 0; i < HZ_COUNT(foreign); i++)
        if (foreign[i].id == id)
            return foreign[i].name;
    return NULL;
}

bool hz_gguf_type_size(uint32_t id, uint32_t *block, uint32_t *bytes)
{
    enum hz_dtype type;
    if (hz_dtype_by_gguf(id, &type)) {
        *block = infos[type].block;
        *bytes = infos[type].bytes;
        return true;
    }
    for (size_t i = 0; i < HZ_COUNT(foreign); i++)
        if (foreign[i].id == id && foreign[i].block) {
            *block = foreign[i].block;
            *bytes = foreign[i].bytes;
            return true;
        }
    return false;
}

enum hz_family hz_dtype_family(enum hz_dtype type)
{
    switch (type) {
    case HZ_F32:
    case HZ_F16:
    case HZ_BF16:
        return HZ_FAMILY_DENSE;
    case HZ_Q4_0:
    case HZ_Q4_1:
    case HZ_Q5_0:
    case HZ_Q5_1:
    case HZ_Q8_0:
        return HZ_FAMILY_AFFINE;
    case HZ_Q2_K:
    case HZ_Q3_K:
    case HZ_Q4_K:
    case HZ_Q5_K:
    case HZ_Q6_K:
    case HZ_Q8_K:
        return HZ_FAMILY_SUPERBLOCK;
    case HZ_F4:
        return HZ_FAMILY_CODEBOOK;
    case HZ_F8_E4M3:
    case HZ_F8_E5M2:
        return HZ_FAMILY_FP8;
    default:
        return HZ_FAMILY_NONE;
    }
}

uint64_t hz_dtype_row_bytes(enum hz_dtype type, uint64_t k)
{
    return k / infos[type].block * infos[type].bytes;
}
