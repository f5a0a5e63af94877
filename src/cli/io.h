/* io.h - what the program reads as a whole, and what it writes on standard output. */
#ifndef HZ_CLI_IO_H
#define HZ_CLI_IO_H

#include "base/buf.h"
#include "base/status.h"
#include "text/json.h"

/* The text of a file, or of standard input where path is "-". It must be UTF-8. Free with free(). */
hz_status hz_io_read(const char *path, char **text, size_t *len, struct hz_error *err);
/* Likewise, parsed as JSON. */
hz_status hz_io_read_json(const char *path, struct hz_json_doc **doc, struct hz_error *err);
/* Refuses bytes that are no UTF-8; `what` names the text. */
hz_status hz_io_check_utf8(const char *what, const char *text, size_t len, struct hz_error *err);

/* Standard output. A reader that went away (EPIPE) is an error like others; main() stays quiet about it. */
hz_status hz_io_put(const void *data, size_t len, struct hz_error *err);
hz_status hz_io_put_buf(const struct hz_buf *buf, struct hz_error *err);
hz_status hz_io_flush(struct hz_error *err);
bool hz_io_reader_gone(void);

#endif
