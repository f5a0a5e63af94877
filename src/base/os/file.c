/* os/file.c - files on POSIX systems. */
#define _GNU_SOURCE
#include "base/os/file.h"

#include "base/mem.h"
#include "base/os/sys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static hz_status fail_errno(struct hz_error *err, const char *path, const char *what)
{
    int e = errno;
    return hz_fail(err, e == ENOENT ? HZ_E_NOTFOUND : HZ_E_IO, "%s: cannot %s: %s", path, what, strerror(e));
}

enum hz_file_kind hz_file_kind(const char *path)
{
    struct stat st;
    if (stat(path, &st))
        return HZ_FILE_MISSING;
    return S_ISREG(st.st_mode) ? HZ_FILE_REGULAR : S_ISDIR(st.st_mode) ? HZ_FILE_FOLDER : HZ_FILE_OTHER;
}

/* Opens a regular file; *size is its length. Non-blocking, so that a pipe in its place cannot hang us. */
static hz_status open_regular(const char *path, int *fd, uint64_t *size, struct hz_error *err)
{
    struct stat st;
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (*fd < 0)
        return fail_errno(err, path, "open");
    if (fstat(*fd, &st)) {
        hz_status status = fail_errno(err, path, "read its size");
        close(*fd);
        return status;
    }
    if (!S_ISREG(st.st_mode)) {
        close(*fd);
        return hz_fail(err, HZ_E_INVALID, "%s: expected a file, found %s", path,
                       S_ISDIR(st.st_mode) ? "a folder" : "something that is neither file nor folder");
    }
    *size = (uint64_t)st.st_size;
    return HZ_OK;
}

hz_status hz_file_map(const char *path, struct hz_file_map *map, struct hz_error *err)
{
    int fd;
    *map = (struct hz_file_map){0};
    HZ_TRY(open_regular(path, &fd, &map->size, err));
    hz_status status = HZ_OK;
    if (map->size) {
        void *p = mmap(NULL, map->size, PROT_READ, MAP_SHARED, fd, 0);
        if (p == MAP_FAILED)
            status = fail_errno(err, path, "map");
        else
            map->data = p;
    }
    close(fd);
    return status;
}

void hz_file_unmap(struct hz_file_map *map)
{
    if (map->data)
        munmap((void *)map->data, map->size);
    *map = (struct hz_file_map){0};
}

void hz_file_dont_need(const void *data, uint64_t size)
{
    uintptr_t page = (uintptr_t)hz_page_size(), from = (uintptr_t)data, to = (from + size) / page * page;
    from = (from + page - 1) / page * page;
    if (to > from)
        madvise((void *)from, to - from, MADV_DONTNEED);
}

/* Reads until the end or `max`; the buffer grows as bytes arrive, so a false size costs nothing. */
static hz_status read_all(int fd, const char *path, uint64_t expected, uint64_t max, char **data, size_t *len,
                          struct hz_error *err)
{
    size_t cap = (size_t)HZ_MIN(expected, (uint64_t)64 << 20) + 1, n = 0;
    char *buf = malloc(cap);
    if (!buf)
        return hz_fail_nomem(err, cap);
    for (;;) {
        if (n + 1 >= cap) {
            if (n > max)
                break;
            char *bigger = hz_realloc(buf, cap * 2, 1);
            if (!bigger) {
                free(buf);
                return hz_fail_nomem(err, cap * 2);
            }
            buf = bigger;
            cap *= 2;
        }
        ssize_t got = read(fd, buf + n, cap - n - 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            hz_status status = fail_errno(err, path, "read");
            free(buf);
            return status;
        }
        if (!got)
            break;
        n += (size_t)got;
    }
    if (n > max) {
        free(buf);
        return hz_fail(err, HZ_E_LIMIT, "%s: longer than the %llu bytes allowed", path, (unsigned long long)max);
    }
    buf[n] = 0;
    *data = buf;
    *len = n;
    return HZ_OK;
}

hz_status hz_file_read(const char *path, uint64_t max, char **data, size_t *len, struct hz_error *err)
{
    int fd;
    uint64_t size = 0;
    HZ_TRY(open_regular(path, &fd, &size, err));
    hz_status status = read_all(fd, path, size, max, data, len, err);
    close(fd);
    return status;
}

hz_status hz_file_read_fd(int fd, uint64_t max, char **data, size_t *len, struct hz_error *err)
{
    return read_all(fd, fd == 0 ? "standard input" : "input", 4096, max, data, len, err);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

hz_status hz_file_list(const char *path, char ***names, size_t *n, struct hz_error *err)
{
    DIR *dir = opendir(path);
    size_t count = 0, cap = 0;
    char **list = NULL;
    if (!dir)
        return fail_errno(err, path, "list");
    for (struct dirent *e; (e = readdir(dir));) {
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
            continue;
        if (!HZ_GROW(list, count, cap) || !(list[count] = hz_strndup(e->d_name, strlen(e->d_name)))) {
            hz_file_list_free(list, count);
            closedir(dir);
            return hz_fail_nomem(err, cap * sizeof *list);
        }
        count++;
    }
    closedir(dir);
    if (count)
        qsort(list, count, sizeof *list, by_name);
    *names = list;
    *n = count;
    return HZ_OK;
}

void hz_file_list_free(char **names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(names[i]);
    free(names);
}

/* ---- writing: under a name of its own beside the target, renamed when whole ------------------ */

struct hz_file_writer {
    char *path, *temporary;
    FILE *file;
};

static void writer_free(struct hz_file_writer *w)
{
    free(w->path);
    free(w->temporary);
    free(w);
}

hz_status hz_file_create(const char *path, struct hz_file_writer **writer, struct hz_error *err)
{
    size_t len = strlen(path);
    struct hz_file_writer *w = hz_calloc(1, sizeof *w);
    if (!w)
        return hz_fail_nomem(err, sizeof *w);
    w->path = hz_strndup(path, len);
    w->temporary = hz_calloc(len + 32, 1);
    if (!w->path || !w->temporary) {
        writer_free(w);
        return hz_fail_nomem(err, len);
    }
    snprintf(w->temporary, len + 32, "%s.part-%ld", path, (long)getpid());
    w->file = fopen(w->temporary, "wb");
    if (!w->file) {
        hz_status status = fail_errno(err, path, "create");
        writer_free(w);
        return status;
    }
    *writer = w;
    return HZ_OK;
}

hz_status hz_file_write(struct hz_file_writer *writer, const void *data, size_t len, struct hz_error *err)
{
    if (len && fwrite(data, 1, len, writer->file) != len)
        return fail_errno(err, writer->path, "write");
    return HZ_OK;
}

hz_status hz_file_finish(struct hz_file_writer *writer, bool commit, struct hz_error *err)
{
    hz_status status = HZ_OK;
    if (!writer)
        return HZ_OK;
    if (fclose(writer->file) && commit)
        status = fail_errno(err, writer->path, "write");
    if (status == HZ_OK && commit && rename(writer->temporary, writer->path))
        status = fail_errno(err, writer->path, "rename its part");
    if (status != HZ_OK || !commit)
        unlink(writer->temporary);
    writer_free(writer);
    return status;
}
