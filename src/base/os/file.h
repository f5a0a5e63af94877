/* file.h - files: mapped for reading, read whole, listed. Errors name the path and say why. */
#ifndef HZ_BASE_OS_FILE_H
#define HZ_BASE_OS_FILE_H

#include "base/status.h"

struct hz_file_map {
    const uint8_t *data; /* NULL for an empty file */
    uint64_t size;
    void *handle;
};

/* Maps a regular file read-only. A folder, a socket or a missing file is an error that says so. */
hz_status hz_file_map(const char *path, struct hz_file_map *map, struct hz_error *err);
void hz_file_unmap(struct hz_file_map *map);
/* Tells the system that the whole pages inside data[0..size) are no longer needed. The bytes stay readable. */
void hz_file_dont_need(const void *data, uint64_t size);
/* The whole file, NUL behind it, at most `max` bytes; free with free(). */
hz_status hz_file_read(const char *path, uint64_t max, char **data, size_t *len, struct hz_error *err);
/* Everything there is on standard input or another descriptor until its end, at most `max`. */
hz_status hz_file_read_fd(int fd, uint64_t max, char **data, size_t *len, struct hz_error *err);

enum hz_file_kind { HZ_FILE_MISSING, HZ_FILE_REGULAR, HZ_FILE_FOLDER, HZ_FILE_OTHER };
enum hz_file_kind hz_file_kind(const char *path);
/* Names in a folder, sorted, without . and ..; free each and the list with hz_file_list_free. */
hz_status hz_file_list(const char *path, char ***names, size_t *n, struct hz_error *err);
void hz_file_list_free(char **names, size_t n);

/* A file being written: it appears under its name only when it was finished. */
struct hz_file_writer;
hz_status hz_file_create(const char *path, struct hz_file_writer **writer, struct hz_error *err);
hz_status hz_file_write(struct hz_file_writer *writer, const void *data, size_t len, struct hz_error *err);
/* Flushes and renames (commit true) or throws away; frees the writer either way. NULL is fine. */
hz_status hz_file_finish(struct hz_file_writer *writer, bool commit, struct hz_error *err);

#endif
