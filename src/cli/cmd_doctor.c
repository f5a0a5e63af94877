/* cmd_doctor.c - `hanzo doctor`: what this machine and this build have, and what would help. */
#include "cli/command.h"
#include "cli/io.h"
#include "cli/table.h"
#include "cli/term.h"
#include "text/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct doctor_opts {
    bool json;
};

/* ---- what is checked ---------------------------------------------------------------------------------------- */

struct check {
    const char *name;
    bool ok;
    char found[160];
    const char *advice; /* where it is not ok */
};
enum { CHECKS = 4 };

static bool has_feature(struct hz_json machine, const char *name)
{
    for (struct hz_json_iter it = hz_json_each(hz_json_get(machine, "features")); hz_json_next(&it);)
        if (hz_json_str_is(it.value, name))
            return true;
    return false;
}

/* The CPU kernels' rungs, best first. */
static const char *best_rung(struct hz_json machine)
{
    static const char *const rungs[] = {"avx512_bf16", "avx512", "avx2", "dotprod", "neon"};
    for (size_t i = 0; i < HZ_COUNT(rungs); i++)
        if (has_feature(machine, rungs[i]))
            return rungs[i];
    return "c";
}

static void check_kernels(struct hz_json machine, struct check *c)
{
    const char *rung = best_rung(machine);
    *c = (struct check){
        "kernels", strcmp(rung, "c") && strcmp(rung, "neon"),
        .advice = "the fast kernels need AVX2 (x86) or dotprod (arm); a virtual machine may hide them from its guests"};
    snprintf(c->found, sizeof c->found, "%s", rung);
}

static void check_memory(struct hz_json machine, struct check *c)
{
    int64_t available = 0, total = 0;
    char a[32], t[32];
    hz_json_int(hz_json_get(machine, "memory_available"), &available);
    hz_json_int(hz_json_get(machine, "memory_total"), &total);
    *c = (struct check){"memory", available >= (int64_t)1 << 30,
                        .advice = "less than 1 GiB is free: close other programs, or choose a smaller model"};
    snprintf(c->found, sizeof c->found, "%s of %s available", hz_format_bytes((uint64_t)available, a),
             hz_format_bytes((uint64_t)total, t));
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define BUILD "with a sanitizer, slow"
#elif !defined(__OPTIMIZE__)
#define BUILD "without optimization, slow"
#else
#define BUILD "optimized"
#endif

static void check_build(struct check *c)
{
    *c = (struct check){"build", !strcmp(BUILD, "optimized"), BUILD,
                        "`make build` makes the fast one, build/release/hanzo"};
}

static void check_editing(struct check *c)
{
    *c = (struct check){
        "line editing", strcmp(hz_lines_editor(), "none"),
        .advice = "install libedit (Debian: libedit-dev) and build again, for history and editing in a conversation"};
    snprintf(c->found, sizeof c->found, "%s", hz_lines_editor());
}

static void run_checks(struct hz_json root, struct check checks[CHECKS])
{
    struct hz_json machine = hz_json_get(root, "machine");
    check_kernels(machine, &checks[0]);
    check_memory(machine, &checks[1]);
    check_build(&checks[2]);
    check_editing(&checks[3]);
}

/* ---- reports ------------------------------------------------------------------------------------------------ */

static void join(struct hz_json array, struct hz_buf *out)
{
    hz_buf_clear(out);
    for (struct hz_json_iter it = hz_json_each(array); hz_json_next(&it);)
        hz_buf_printf(out, "%s%s", out->len ? ", " : "", hz_json_str(it.value, NULL));
}

static void report(struct hz_json root, const struct check checks[CHECKS], struct hz_buf *out)
{
    struct hz_json machine = hz_json_get(root, "machine");
    const char *cpu = hz_json_str(hz_json_get(machine, "cpu"), NULL);
    int64_t cpus = 0, cores = 0;
    hz_json_int(hz_json_get(machine, "cpus"), &cpus);
    hz_json_int(hz_json_get(machine, "cores"), &cores);
    struct hz_table t = {.columns = 3};
    struct hz_buf list;
    hz_buf_init(&list, 1 << 20);
    hz_table_cell(&t, "version");
    hz_table_cell(&t, " ");
    hz_table_cell(&t, "%s", hz_version());
    hz_table_cell(&t, "processor");
    hz_table_cell(&t, " ");
    hz_table_cell(&t, "%s, %" PRId64 " cores, %" PRId64 " CPUs for this process", cpu ? cpu : "unknown", cores, cpus);
    join(hz_json_get(machine, "features"), &list);
    hz_table_cell(&t, "instructions");
    hz_table_cell(&t, " ");
    hz_table_cell(&t, "%s", list.len ? list.data : "none that the kernels use");
    join(hz_json_get(root, "backends"), &list);
    hz_table_cell(&t, "backends");
    hz_table_cell(&t, " ");
    hz_table_cell(&t, "%s", list.len ? list.data : "none");
    for (size_t i = 0; i < CHECKS; i++) {
        hz_table_cell(&t, "%s", checks[i].name);
        hz_table_cell(&t, "%s", checks[i].ok ? "ok" : "!!");
        hz_table_cell(&t, "%s%s%s", checks[i].found, checks[i].ok ? "" : ": ", checks[i].ok ? "" : checks[i].advice);
    }
    hz_table_print(&t, 0, out);
    join(hz_json_get(root, "architectures"), &list);
    hz_buf_puts(out, "architectures: ");
    hz_wrap(out, list.len ? list.data : "none", 15, 15, HZ_MIN(hz_term_width(), 100));
    hz_buf_putc(out, '\n');
    hz_buf_free(&list);
}

static void report_json(struct hz_json root, const struct check checks[CHECKS], struct hz_buf *out)
{
    struct hz_json_writer w;
    hz_json_begin(&w, out, 2);
    hz_json_object(&w);
    for (struct hz_json_iter it = hz_json_each(root); hz_json_next(&it);) {
        hz_json_key(&w, it.key);
        hz_json_put(&w, it.value);
    }
    hz_json_key(&w, "checks");
    hz_json_array(&w);
    for (size_t i = 0; i < CHECKS; i++) {
        hz_json_object(&w);
        hz_json_key(&w, "name");
        hz_json_put_cstr(&w, checks[i].name);
        hz_json_key(&w, "ok");
        hz_json_put_bool(&w, checks[i].ok);
        hz_json_key(&w, "found");
        hz_json_put_cstr(&w, checks[i].found);
        if (!checks[i].ok) {
            hz_json_key(&w, "advice");
            hz_json_put_cstr(&w, checks[i].advice);
        }
        hz_json_end_object(&w);
    }
    hz_json_end_array(&w);
    hz_json_end_object(&w);
    hz_buf_putc(out, '\n');
}

static hz_status run(const void *values, const struct hz_texts *operands, struct hz_error *err)
{
    (void)operands;
    const struct doctor_opts *o = values;
    struct hz_json_doc *doc;
    struct check checks[CHECKS];
    struct hz_buf out;
    char *json;
    HZ_TRY(hz_describe(NULL, &json, err));
    hz_status status = hz_json_parse(json, strlen(json), "the description of the machine", &doc, err);
    hz_free(json);
    if (status != HZ_OK)
        return status;
    hz_buf_init(&out, 1 << 24);
    run_checks(hz_json_root(doc), checks);
    if (o->json)
        report_json(hz_json_root(doc), checks, &out);
    else
        report(hz_json_root(doc), checks, &out);
    status = hz_io_put_buf(&out, err);
    hz_buf_free(&out);
    hz_json_free(doc);
    return status;
}

static const struct hz_opt opts[] = {
    {0, "json", NULL, HZ_OPT_FLAG, offsetof(struct doctor_opts, json), .help = "print one JSON object"},
};
static const struct hz_opt_group groups[] = {{"Options", opts, HZ_COUNT(opts), 0}};
static const struct doctor_opts defaults;

const struct hz_command hz_command_doctor = {
    .name = "doctor",
    .summary = "say what this machine has, and what would help",
    .groups = groups,
    .n_groups = HZ_COUNT(groups),
    .defaults = &defaults,
    .size = sizeof defaults,
    .run = run,
};
