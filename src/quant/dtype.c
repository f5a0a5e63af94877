/* dtype.c - the facts of dtype.h's table, by id, name and GGUF number. */
#include "quant/dtype.h"

#include <string.h>

static const struct hz_dtype_info infos[HZ_DTYPES] = {
#define INFO(id, name, block, bytes, gguf) [HZ_##id] = {name, block, bytes, gguf},
    HZ_DTYPE_MAP(INFO)
#undef INFO
};

/* GGUF's types that have no entry above; the numbers 4, 5, 31 to 33 and 36 to 38 were withdrawn. */
static const struct {
    uint32_t id;
    const char *name;
} foreign[] = {
    {4, "Q4_2"},        {5, "Q4_3"},      {16, "IQ2_XXS"}, {17, "IQ2_XS"}, {18, "IQ3_XXS"},    {19, "IQ1_S"},
    {20, "IQ4_NL"},     {21, "IQ3_S"},    {22, "IQ2_S"},   {23, "IQ4_XS"}, {29, "IQ1_M"},      {31, "Q4_0_4_4"},
    {32, "Q4_0_4_8"},   {33, "Q4_0_8_8"}, {34, "TQ1_0"},   {35, "TQ2_0"},  {36, "IQ4_NL_4_4"}, {37, "IQ4_NL_4_8"},
    {38, "IQ4_NL_8_8"}, {39, "MXFP4"},    {40, "NVFP4"},   {41, "Q1_0"},   {42, "Q2_0"},
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
