/* tensor.c - the table of tensors. */
#include "file/tensor.h"

#include "base/checked.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

hz_status hz_tensor_add(struct hz_tensor_table *table, const struct hz_tensor *t, struct hz_error *err)
{
    const struct hz_tensor *other = hz_tensor_find(table, t->name);
    if (other)
        return hz_fail(err, HZ_E_FORMAT, "tensor '%.200s' stands twice, the first time in %s", t->name, other->file);
    if (table->n >= UINT32_MAX)
        return hz_fail(err, HZ_E_LIMIT, "more tensors than 2^32");
    if (!HZ_GROW(table->tensors, table->n, table->cap) ||
        !hz_map_put(&table->by_name, t->name, strlen(t->name), (uint32_t)table->n))
        return hz_fail_nomem(err, table->n * sizeof *t);
    table->tensors[table->n++] = *t;
    return HZ_OK;
}

void hz_tensor_table_free(struct hz_tensor_table *table)
{
    free(table->tensors);
    hz_map_free(&table->by_name);
    *table = (struct hz_tensor_table){0};
}

const struct hz_tensor *hz_tensor_find(const struct hz_tensor_table *table, const char *name)
{
    uint32_t i;
    return hz_map_get(&table->by_name, name, strlen(name), &i) ? &table->tensors[i] : NULL;
}

bool hz_dims_elements(const uint64_t *dims, uint32_t n, uint64_t *elements)
{
    uint64_t product = 1;
    for (uint32_t i = 0; i < n; i++)
        if (!hz_mul_u64(product, dims[i], &product))
            return false;
    *elements = product;
    return product <= INT64_MAX;
}

uint64_t hz_tensor_elements(const struct hz_tensor *t)
{
    uint64_t product = 0;
    hz_dims_elements(t->dims, t->n_dims, &product);
    return product;
}

const char *hz_tensor_shape(const struct hz_tensor *t, char *out, size_t cap)
{
    size_t at = 0;
    int put = snprintf(out, cap, "%s [", t->type_name);
    for (uint32_t i = 0; put >= 0 && (at += (size_t)put) < cap && i <= t->n_dims; i++)
        put = i < t->n_dims ? snprintf(out + at, cap - at, "%s%" PRIu64, i ? ", " : "", t->dims[i])
                            : snprintf(out + at, cap - at, "]");
    return out;
}
