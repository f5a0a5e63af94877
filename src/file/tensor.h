/* tensor.h - the table that every file format fills: names, types, shapes, and bytes where they lie. */
#ifndef HZ_FILE_TENSOR_H
#define HZ_FILE_TENSOR_H

#include "base/map.h"
#include "base/mem.h"
#include "quant/dtype.h"

enum { HZ_MAX_DIMS = 8 };

struct hz_tensor {
    const char *name;
    enum hz_dtype type;         /* HZ_DTYPES: one whose size is known but which nothing here reads, like IQ2_XXS */
    const char *type_name;      /* as the file's format spells it */
    uint32_t n_dims;            /* 0: a scalar */
    uint64_t dims[HZ_MAX_DIMS]; /* elements, outermost first (GGUF's order reversed); a row is dims[n_dims-1] */
    const uint8_t *data;        /* mapped, any alignment; valid while the table lives */
    uint64_t bytes;
    const char *file; /* the file it lies in, for errors */
};

struct hz_tensor_table { /* starts as {0} */
    struct hz_tensor *tensors;
    size_t n, cap;
    struct hz_map by_name; /* name to index */
};

/* Appends a copy of t; what its pointers reach stays borrowed. A name that is there already is E_FORMAT. */
hz_status hz_tensor_add(struct hz_tensor_table *table, const struct hz_tensor *t, struct hz_error *err);
void hz_tensor_table_free(struct hz_tensor_table *table);
/* NULL if there is none of that name. */
const struct hz_tensor *hz_tensor_find(const struct hz_tensor_table *table, const char *name);
/* Product of n dims; false if it passes 2^63 - 1. */
bool hz_dims_elements(const uint64_t *dims, uint32_t n, uint64_t *elements);
/* Elements of all dims; checked when the table was read. */
uint64_t hz_tensor_elements(const struct hz_tensor *t);
/* "BF16 [64, 128]", for errors and tables; returns out. */
const char *hz_tensor_shape(const struct hz_tensor *t, char *out, size_t cap);

#endif
