/* jinja.h - the chat-template interpreter: Jinja2 as transformers sets it up (ImmutableSandboxedEnvironment with
 * trim_blocks, lstrip_blocks, loop controls and the generation block; tojson, raise_exception, strftime_now,
 * namespace, dict, range, cycler, joiner, lipsum-free). Results equal Python's jinja2 3.1 byte for byte. */
#ifndef HZ_TEXT_JINJA_H
#define HZ_TEXT_JINJA_H

#include "text/json.h"

struct hz_jinja;

struct hz_jinja_options { /* zero: defaults */
    const char *now;      /* ISO time that strftime_now sees; NULL: the clock */
    size_t max_output;    /* bytes; 0: 64 MiB */
    uint64_t max_steps;   /* evaluated nodes; 0: 50 million */
    int max_depth;        /* nested calls and blocks; 0: 200 */
};

/* Syntax errors name `name`, line and what was expected. */
hz_status hz_jinja_compile(const char *source, size_t len, const char *name, struct hz_jinja **t, struct hz_error *err);
void hz_jinja_free(struct hz_jinja *t);
/* Renders with the keys of `context` (an object) as variables. A template's own raise_exception gives E_TEMPLATE and
 * its message alone; other failures E_INVALID with name and line. Safe from several threads on one template. */
hz_status hz_jinja_render(const struct hz_jinja *t, struct hz_json context, const struct hz_jinja_options *options,
                          struct hz_buf *out, struct hz_error *err);

#endif
