/* io.c - reads files and standard input whole, writes standard output and notices when that fails. */
#include "cli/io.h"

#include "base/os/file.h"
#include "text/utf8.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STDIN = 0 };
static const uint64_t longest = (uint64_t)1 << 30;

static bool reader_gone;

hz_status hz_io_check_utf8(const char *what, const char *text, size_t len, struct hz_error *err)
{
    for (size_t i = 0; i < len;) {
        uint32_t cp;
        size_t n = hz_utf8_decode(text + i, len - i, &cp);
        if (!n)
            return hz_fail(err, HZ_E_INVALID, "%s is not valid UTF-8 at byte %zu", what, i);
        i += n;
    }
    return HZ_OK;
}

hz_status hz_io_read(const char *path, char **text, size_t *len, struct hz_error *err)
{
    bool standard = !strcmp(path, "-");
    hz_status status =
        standard ? hz_file_read_fd(STDIN, longest, text, len, err) : hz_file_read(path, longest, text, len, err);
    if (status != HZ_OK)
        return status;
    status = hz_io_check_utf8(standard ? "standard input" : path, *text, *len, err);
    if (status != HZ_OK)
        free(*text);
    return status;
}

hz_status hz_io_read_json(const char *path, struct hz_json_doc **doc, struct hz_error *err)
{
    char *text;
    size_t len;
    HZ_TRY(hz_io_read(path, &text, &len, err));
    hz_status status = hz_json_parse(text, len, strcmp(path, "-") ? path : "standard input", doc, err);
    free(text);
    return status;
}

static hz_status write_failed(struct hz_error *err)
{
    reader_gone = errno == EPIPE;
    return hz_fail(err, HZ_E_IO, "standard output: %s", strerror(errno));
}

hz_status hz_io_put(const void *data, size_t len, struct hz_error *err)
{
    return fwrite(data, 1, len, stdout) == len ? HZ_OK : write_failed(err);
}

hz_status hz_io_put_buf(const struct hz_buf *buf, struct hz_error *err)
{
    HZ_TRY(hz_buf_check(buf, "the output", err));
    return buf->len ? hz_io_put(buf->data, buf->len, err) : HZ_OK;
}

hz_status hz_io_flush(struct hz_error *err)
{
    return fflush(stdout) == 0 ? HZ_OK : write_failed(err);
}

bool hz_io_reader_gone(void)
{
    return reader_gone;
}
