/* tensor.h - the table that every file format fills: names, types, shapes, and bytes where they lie. */
#ifndef HZ_FILE_TENSOR_H
#define HZ_FILE_TENSOR_H

#include "base/map.h"
#include "base/mem.h"
#include "quant/dtype.h"

enum { HZ_MAX_DIMS = 8 };

struct hz_tensor {
    const char *name;
    enum hz_dtype type;
    uint32_t n_dims;              /* 0: a scalar */
    uint64_t dims[HZ_MAX_DIMS];   /* elements, outermost first (GGUF's order reversed); a row is dims[n_dims-1] */
    const uint8_t *data;          /* mapped, any alignment; valid while the table lives */
    uint64_t bytes;
    const char *file;             /* the file it lies in, for errors */
};

struct hz_tensor_table {
    struct hz_tensor *tensors;
    size_t n;
    struct hz_map by_name;        /* name to index */
};

/* NULL if there is none of that name. */
const struct hz_tensor *hz_tensor_find(const struct hz_tensor_table *table, const char *name);
/* Elements of all dims; checked when the table was read. */
uint64_t hz_tensor_elements(const struct hz_tensor *t);
/* "BF16 [64, 128]", for errors and tables; returns out. */
const char *hz_tensor_shape(const struct hz_tensor *t, char *out, size_t cap);

#endif
