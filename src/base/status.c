/* status.c - error words, the log callback, and the small public functions that belong to no layer above. */
#include "base/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One line stays one line, whatever a file's name or a tensor's holds. */
static void make_printable(char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7f)
            *s = '?';
}

hz_status hz_vfail(struct hz_error *err, hz_status status, const char *fmt, va_list ap)
{
    if (err) {
        err->status = status;
        vsnprintf(err->text, sizeof err->text, fmt, ap);
        make_printable(err->text);
    }
    return status;
}

hz_status hz_fail(struct hz_error *err, hz_status status, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    hz_vfail(err, status, fmt, ap);
    va_end(ap);
    return status;
}

hz_status hz_fail_in(struct hz_error *err, hz_status status, const char *fmt, ...)
{
    if (!err)
        return status;
    struct hz_error inner = *err;
    va_list ap;
    va_start(ap, fmt);
    hz_vfail(err, status, fmt, ap);
    va_end(ap);
    size_t used = strlen(err->text);
    snprintf(err->text + used, sizeof err->text - used, ": %.*s", (int)sizeof inner.text, inner.text);
    return status;
}

hz_status hz_fail_nomem(struct hz_error *err, size_t bytes)
{
    return hz_fail(err, HZ_E_NOMEM, "out of memory: %zu bytes were asked for", bytes);
}

const char *hz_status_name(hz_status status)
{
    switch (status) {
#define NAME_CASE(code, name, text)                                                                                    \
    case code:                                                                                                         \
        return #name;
        HZ_STATUS_MAP(NAME_CASE)
#undef NAME_CASE
    default:
        return "?";
    }
}

const char *hz_version(void)
{
    return HZ_VERSION;
}

void hz_free(void *p)
{
    free(p);
}

static struct {
    hz_log_fn *fn;
    void *user;
    enum hz_log_level level;
} sink;

void hz_set_log(hz_log_fn *fn, void *user, enum hz_log_level level)
{
    sink.fn = fn;
    sink.user = user;
    sink.level = level;
}

void hz_log(enum hz_log_level level, const char *fmt, ...)
{
    if (!sink.fn || level > sink.level)
        return;
    char line[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    make_printable(line);
    sink.fn(sink.user, level, line);
}
