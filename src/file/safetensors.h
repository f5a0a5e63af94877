/* safetensors.h - one safetensors file read, and written. Format: github.com/huggingface/safetensors, checked as its
 * own library checks (header length, names unique, offsets inside and covering the data exactly, sizes that agree). */
#ifndef HZ_FILE_SAFETENSORS_H
#define HZ_FILE_SAFETENSORS_H

#include "base/os/file.h"
#include "file/tensor.h"

/* Adds the file's tensors to the table (names in the arena). path must outlive the table. Only the names for which
 * `wanted` is true (all if NULL). */
hz_status hz_safetensors_read(const struct hz_file_map *map, const char *path, struct hz_arena *arena,
                              struct hz_tensor_table *table, bool (*wanted)(void *user, const char *name), void *user,
                              struct hz_error *err);
/* Writes n tensors (name, type, dims, data and bytes are read). */
hz_status hz_safetensors_write(const char *path, const struct hz_tensor *tensors, size_t n, struct hz_error *err);

#endif
