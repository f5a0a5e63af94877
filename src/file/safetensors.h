/* safetensors.h - one safetensors file read, and written. Format: github.com/huggingface/safetensors, checked as its
 * own library checks (header length, names unique, offsets inside and covering the data exactly, sizes that agree). */
#ifndef HZ_FILE_SAFETENSORS_H
#define HZ_FILE_SAFETENSORS_H

#include "base/os/file.h"
#include "file/tensor.h"

/* Whether a tensor goes into the table; all do where the function is NULL. */
typedef bool hz_tensor_filter(void *user, const char *name);

/* Checks the whole header and adds the wanted tensors to the table, in the header's order, names in the arena. map
 * and path must outlive the table. On failure the table may have grown. */
hz_status hz_safetensors_read(const struct hz_file_map *map, const char *path, struct hz_arena *arena,
                              struct hz_tensor_table *table, hz_tensor_filter *wanted, void *user,
                              struct hz_error *err);
/* Writes n tensors (name, type, dims, data and bytes are read), those of wide elements first so that all of them lie
 * aligned. The file appears under its name only when it is whole. */
hz_status hz_safetensors_write(const char *path, const struct hz_tensor *tensors, size_t n, struct hz_error *err);

#endif
