/* jinja_reference.h - runs files of {"now", "cases": [{name, template, context, rendered | error + error_type}]}, as
 * Python's jinja2 made them. */
#ifndef HZ_TESTS_JINJA_REFERENCE_H
#define HZ_TESTS_JINJA_REFERENCE_H

#include "text/jinja.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Prints what differs; returns whether the case came out as recorded. Words of errors count only where the template
 * raised them itself. */
static bool reference_case_passes(struct hz_json c, const char *now)
{
    struct hz_jinja *t = NULL;
    struct hz_error err = {0};
    struct hz_buf out;
    struct hz_jinja_options options = {.now = now};
    size_t len, want_len;
    const char *source = hz_json_str(hz_json_get(c, "template"), &len);
    const char *want = hz_json_str(hz_json_get(c, "rendered"), &want_len);
    const char *error = hz_json_str(hz_json_get(c, "error"), NULL);
    hz_buf_init(&out, 1 << 26);
    hz_status status = hz_jinja_compile(source, len, "t", &t, &err);
    if (status == HZ_OK)
        status = hz_jinja_render(t, hz_json_get(c, "context"), &options, &out, &err);
    bool passes;
    if (want)
        passes = status == HZ_OK && out.len == want_len && (!want_len || !memcmp(out.data, want, want_len));
    else if (hz_json_str_is(hz_json_get(c, "error_type"), "TemplateError"))
        passes = status == HZ_E_TEMPLATE && !strcmp(err.text, error);
    else
        passes = status != HZ_OK && status != HZ_E_TEMPLATE;
    if (!passes) {
        const char *name = hz_json_str(hz_json_get(c, "name"), NULL);
        print_error("%s: %.*s\n  wanted %s\n  got    %s\n", name ? name : "?", (int)len, source, want ? want : error,
                    status != HZ_OK ? err.text
                    : out.data      ? out.data
                                    : "");
    }
    hz_buf_free(&out);
    hz_jinja_free(t);
    return passes;
}

/* Returns how many cases there were; 0 if the file is not there. */
static size_t reference_file(const char *path)
{
    struct hz_json_doc *doc;
    struct hz_error err;
    size_t n = 0, failed = 0;
    hz_status status = hz_json_load(path, &doc, &err);
    if (status == HZ_E_NOTFOUND || status == HZ_E_IO)
        return 0;
    if (status != HZ_OK)
        fail_msg("%s", err.text);
    struct hz_json root = hz_json_root(doc);
    const char *now = hz_json_str(hz_json_get(root, "now"), NULL);
    for (struct hz_json_iter it = hz_json_each(hz_json_get(root, "cases")); hz_json_next(&it); n++)
        failed += !reference_case_passes(it.value, now);
    hz_json_free(doc);
    if (failed)
        fail_msg("%zu of %zu cases of %s differ", failed, n, path);
    return n;
}

#endif
