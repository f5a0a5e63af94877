/* cmd_inspect.c - `hanzo inspect`: what a checkpoint is, without reading its weights. */
#include "cli/command.h"
#include "cli/io.h"
#include "cli/session.h"
#include "cli/table.h"
#include "text/json.h"

#include <inttypes.h>
#include <stdio.h>

struct inspect_opts {
    struct hz_model_opts model; /* the path is the operand */
    bool tensors, plan, json;
    struct hz_general_opts general;
    const char *other; /* -m, as the other commands spell it */
};

/* ---- looking things up -------------------------------------------------------------------------------------- */

static const char *text_of(struct hz_json object, const char *key)
{
    const char *s = hz_json_str(hz_json_get(object, key), NULL);
    return s ? s : "";
}

static int64_t int_of(struct hz_json object, const char *key)
{
    int64_t v = 0;
    hz_json_int(hz_json_get(object, key), &v);
    return v;
}

/* "576 x 49152", outermost first. Returns text. */
static const char *shape_of(struct hz_json tensor, char text[128])
{
    size_t used = 0;
    text[0] = 0;
    for (struct hz_json_iter it = hz_json_each(hz_json_get(tensor, "shape")); hz_json_next(&it) && used < 100;) {
        int64_t d = 0;
        hz_json_int(it.value, &d);
        used += (size_t)snprintf(text + used, 128 - used, "%s%" PRId64, used ? " x " : "", d);
    }
    return text;
}

/* ---- the summary -------------------------------------------------------------------------------------------- */

/* One line per type of tensor. */
static void put_dtypes(struct hz_json tensors, struct hz_table *t)
{
    struct hz_dtype_sum sums[HZ_DTYPE_SUMS];
    char bytes[32];
    size_t n = hz_session_dtypes(tensors, sums);
    for (size_t i = 0; i < n; i++) {
        hz_table_cell(t, "%s", i ? "" : "weights");
        hz_table_cell(t, "%s: %zu tensors, %s", sums[i].name, sums[i].n, hz_format_bytes(sums[i].bytes, bytes));
    }
}

/* The layers whose K and V have one shape and window. */
static void put_cache_groups(struct hz_json plan, struct hz_table *t)
{
    bool first = true;
    for (struct hz_json_iter it = hz_json_each(hz_json_get(plan, "cache_groups")); hz_json_next(&it); first = false) {
        char window[64] = "all tokens";
        if (int_of(it.value, "window"))
            snprintf(window, sizeof window, "a window of %" PRId64 " tokens", int_of(it.value, "window"));
        hz_table_cell(t, "%s", first ? "attention" : "");
        hz_table_cell(t, "%" PRId64 " layers: %" PRId64 " KV heads of %" PRId64 ", over %s", int_of(it.value, "layers"),
                      int_of(it.value, "kv_heads"), int_of(it.value, "head_dim"), window);
    }
}

static void put_tokenizer(const hz_model *model, struct hz_json root, struct hz_table *t)
{
    struct hz_json tokenizer = hz_json_get(root, "tokenizer");
    struct hz_buf ends;
    hz_table_cell(t, "tokenizer");
    if (hz_json_get(tokenizer, "error").kind == HZ_JSON_STRING)
        hz_table_cell(t, "none: %s", text_of(tokenizer, "error"));
    else
        hz_table_cell(t, "%" PRId64 " tokens, %s", int_of(tokenizer, "size"),
                      hz_json_bool(hz_json_get(tokenizer, "adds_bos"), false) ? "puts BOS in front" : "adds no BOS");
    hz_buf_init(&ends, 4096);
    for (struct hz_json_iter it = hz_json_each(hz_json_get(root, "ends")); hz_json_next(&it);) {
        int64_t id = 0;
        size_t len = 0;
        hz_json_int(it.value, &id);
        const char *spelling = hz_model_token(model, (int32_t)id, &len, NULL);
        hz_buf_printf(&ends, "%s%" PRId64 " %.*s", ends.len ? ", " : "", id, (int)len, spelling ? spelling : "");
    }
    hz_table_cell(t, "answers end at");
    hz_table_cell(t, "%s", ends.len ? ends.data : "nothing");
    hz_buf_free(&ends);
}

static void put_templates(struct hz_json templates, struct hz_table *t)
{
    struct hz_buf names;
    hz_buf_init(&names, 4096);
    for (struct hz_json_iter it = hz_json_each(templates); hz_json_next(&it);)
        hz_buf_printf(&names, "%s%s", names.len ? ", " : "", hz_json_str(it.value, NULL));
    hz_table_cell(t, "chat template");
    hz_table_cell(t, "%s", names.len ? names.data : "none");
    hz_buf_free(&names);
}

static void put_architecture(struct hz_json root, struct hz_table *t)
{
    char count[32];
    struct hz_json plan = hz_json_get(root, "plan");
    hz_table_cell(t, "architecture");
    if (!*text_of(root, "architecture")) {
        hz_table_cell(t, "cannot run: %s", text_of(root, "plan_error"));
        return;
    }
    hz_table_cell(t, "%s, %s parameters", text_of(root, "architecture"),
                  hz_format_count((uint64_t)int_of(root, "parameters"), count));
    hz_table_cell(t, "context");
    hz_table_cell(t, "%" PRId64 " tokens", int_of(root, "context"));
    hz_table_cell(t, "shape");
    hz_table_cell(t, "%" PRId64 " layers, width %" PRId64 ", %" PRId64 " logits", int_of(plan, "layers"),
                  int_of(plan, "width"), int_of(plan, "vocab"));
    put_cache_groups(plan, t);
}

static void summary(const hz_model *model, struct hz_json root, struct hz_buf *out)
{
    struct hz_table t = {.columns = 2};
    char bytes[32];
    struct hz_json tensors = hz_json_get(root, "tensors");
    hz_table_cell(&t, "model");
    hz_table_cell(&t, "%s", text_of(root, "path"));
    hz_table_cell(&t, "format");
    hz_table_cell(&t, "%s, %s in %zu tensors", text_of(root, "format"),
                  hz_format_bytes((uint64_t)int_of(root, "bytes"), bytes), hz_json_len(tensors));
    put_architecture(root, &t);
    put_dtypes(tensors, &t);
    put_tokenizer(model, root, &t);
    put_templates(hz_json_get(root, "templates"), &t);
    hz_table_print(&t, 0, out);
}

/* ---- the details -------------------------------------------------------------------------------------------- */

static void list_tensors(struct hz_json tensors, struct hz_buf *out)
{
    struct hz_table t = {.columns = 4, .right = 1 << 3};
    char shape[128], bytes[32];
    for (struct hz_json_iter it = hz_json_each(tensors); hz_json_next(&it);) {
        hz_table_cell(&t, "%s", text_of(it.value, "name"));
        hz_table_cell(&t, "%s", text_of(it.value, "dtype"));
        hz_table_cell(&t, "%s", shape_of(it.value, shape));
        hz_table_cell(&t, "%s", hz_format_bytes((uint64_t)int_of(it.value, "bytes"), bytes));
    }
    hz_buf_putc(out, '\n');
    hz_table_print(&t, 0, out);
}

static hz_status report(const hz_model *model, const struct inspect_opts *o, struct hz_json root, struct hz_buf *out,
                        struct hz_error *err)
{
    summary(model, root, out);
    if (o->tensors)
        list_tensors(hz_json_get(root, "tensors"), out);
    if (!o->plan)
        return HZ_OK;
    struct hz_json plan = hz_json_get(root, "plan");
    if (plan.kind != HZ_JSON_OBJECT)
        return hz_fail(err, HZ_E_UNSUPPORTED, "there is no plan: %s", text_of(root, "plan_error"));
    hz_buf_printf(out, "\n%s", text_of(plan, "text"));
    return HZ_OK;
}

static hz_status inspect(struct hz_session *s, const struct inspect_opts *o, const char *path, struct hz_buf *out,
                         struct hz_error *err)
{
    struct hz_model_opts where = o->model;
    where.path = path ? path : o->other;
    if (!where.path)
        return hz_fail(err, HZ_E_INVALID, "inspect needs MODEL; `hanzo inspect --help` explains it");
    HZ_TRY(hz_session_open(s, &where, false, err));
    if (o->json) {
        char *json;
        HZ_TRY(hz_model_describe(s->model, &json, err));
        hz_buf_printf(out, "%s\n", json);
        hz_free(json);
        return HZ_OK;
    }
    struct hz_json_doc *doc;
    HZ_TRY(hz_session_describe(s, &doc, err));
    hz_status status = report(s->model, o, hz_json_root(doc), out, err);
    hz_json_free(doc);
    return status;
}

static hz_status run(const void *values, const struct hz_texts *operands, struct hz_error *err)
{
    const struct inspect_opts *o = values;
    hz_general_apply(&o->general);
    struct hz_session s = {0};
    struct hz_buf out;
    hz_buf_init(&out, SIZE_MAX / 2);
    hz_status status = inspect(&s, o, operands->n ? operands->at[0] : NULL, &out, err);
    if (status == HZ_OK)
        status = hz_io_put_buf(&out, err);
    hz_buf_free(&out);
    hz_session_close(&s);
    return status;
}

#define AT(member) offsetof(struct inspect_opts, member)
static const struct hz_opt opts[] = {
    {'m', "model", "MODEL", HZ_OPT_TEXT, AT(other), .help = "another way to name MODEL"},
    {0, "tensors", NULL, HZ_OPT_FLAG, AT(tensors), .help = "list the tensors as well"},
    {0, "plan", NULL, HZ_OPT_FLAG, AT(plan), .help = "print the plan that the engine would run"},
    {0, "json", NULL, HZ_OPT_FLAG, AT(json), .help = "print all there is as one JSON object"},
};
static const struct hz_opt_group groups[] = {
    {"Options", opts, HZ_COUNT(opts), 0},
    {"Model", hz_model_opt_list + 1, HZ_MODEL_OPTS - 1, AT(model)}, /* all but -m: the operand is the model */
    {"General", hz_general_opt_list, HZ_GENERAL_OPTS, AT(general)},
};
static const struct inspect_opts defaults;

const struct hz_command hz_command_inspect = {
    .name = "inspect",
    .summary = "say what a checkpoint is, without loading it",
    .operands = "MODEL",
    .min_operands = 0,
    .max_operands = 1,
    .groups = groups,
    .n_groups = HZ_COUNT(groups),
    .defaults = &defaults,
    .size = sizeof defaults,
    .run = run,
};
