/* cmd_template.c - `hanzo template`: renders chat templates. */
#include "cli/command.h"
#include "cli/io.h"
#include "cli/session.h"
#include "cli/term.h"
#include "text/json.h"

#include <string.h>

struct template_opts {
    struct hz_model_opts model;
    struct hz_general_opts general;
};

/* One request as text of its own, as the library takes it. */
static hz_status render(const hz_model *model, struct hz_json request, char **text, size_t *len, struct hz_error *err)
{
    if (request.kind != HZ_JSON_OBJECT)
        return hz_fail(err, HZ_E_INVALID, "an object was expected, not %s", hz_json_kind_name(request.kind));
    if (!model && hz_json_get(request, "template").kind == HZ_JSON_ABSENT)
        return hz_fail(err, HZ_E_INVALID, "messages need a model's template: -m MODEL");
    struct hz_buf json;
    struct hz_json_writer w;
    hz_buf_init(&json, SIZE_MAX / 2);
    hz_json_begin(&w, &json, 0);
    hz_json_put(&w, request);
    hz_status status = hz_buf_check(&json, "the request", err);
    if (status == HZ_OK)
        status = hz_render(model, json.data, json.len, text, len, err);
    hz_buf_free(&json);
    return status;
}

static void render_into(const hz_model *model, struct hz_json request, struct hz_json_writer *w)
{
    struct hz_error inner = {0};
    char *text = NULL;
    size_t len = 0;
    hz_status status = render(model, request, &text, &len, &inner);
    hz_json_object(w);
    hz_json_key(w, status == HZ_OK ? "rendered" : "error");
    hz_json_put_str(w, status == HZ_OK ? text : inner.text, status == HZ_OK ? len : strlen(inner.text));
    hz_json_end_object(w);
    hz_free(text);
}

static hz_status render_all(const hz_model *model, struct hz_json root, struct hz_buf *out, struct hz_error *err)
{
    if (root.kind == HZ_JSON_ARRAY) {
        struct hz_json_writer w;
        hz_json_begin(&w, out, 0);
        hz_json_array(&w);
        for (struct hz_json_iter it = hz_json_each(root); hz_json_next(&it);)
            render_into(model, it.value, &w);
        hz_json_end_array(&w);
        hz_buf_putc(out, '\n');
        return HZ_OK;
    }
    char *text = NULL;
    size_t len = 0;
    HZ_TRY(render(model, root, &text, &len, err));
    hz_buf_put(out, text, len);
    if (hz_term_is_tty(HZ_TERM_OUT) && len && text[len - 1] != '\n')
        hz_buf_putc(out, '\n');
    hz_free(text);
    return HZ_OK;
}

static hz_status run(const void *values, const struct hz_texts *operands, struct hz_error *err)
{
    const struct template_opts *o = values;
    hz_general_apply(&o->general);
    const char *path = operands->at[0];
    struct hz_session s = {0};
    struct hz_json_doc *doc = NULL;
    struct hz_buf out;
    hz_buf_init(&out, SIZE_MAX / 2);
    hz_status status = hz_io_read_json(path, &doc, err);
    if (status == HZ_OK && o->model.path)
        status = hz_session_open(&s, &o->model, true, err);
    if (status == HZ_OK) {
        status = render_all(s.model, hz_json_root(doc), &out, err);
        if (status != HZ_OK)
            hz_fail_in(err, status, "%s", path);
    }
    if (status == HZ_OK)
        status = hz_io_put_buf(&out, err);
    hz_buf_free(&out);
    hz_session_close(&s);
    hz_json_free(doc);
    return status;
}

#define AT(member) offsetof(struct template_opts, member)
static const struct hz_opt opts[] = {
    {'m', "model", "MODEL", HZ_OPT_TEXT, AT(model.path), .help = "whose chat template is used"},
};
static const struct hz_opt_group groups[] = {
    {"Options", opts, HZ_COUNT(opts), 0},
    {"Model", hz_model_opt_list + 1, HZ_MODEL_OPTS - 1, AT(model)}, /* all but -m, which stands above */
    {"General", hz_general_opt_list, HZ_GENERAL_OPTS, AT(general)},
};
static const struct template_opts defaults;

const struct hz_command hz_command_template = {
    .name = "template",
    .summary = "print the prompt that a chat template makes of messages",
    .operands = "FILE.json",
    .min_operands = 1,
    .max_operands = 1,
    .groups = groups,
    .n_groups = HZ_COUNT(groups),
    .defaults = &defaults,
    .size = sizeof defaults,
    .run = run,
    .notes = "FILE.json (-: standard input) holds {messages, tools, add_generation_prompt, continue_final_message, "
             "kwargs, now}, where now, an ISO time, stands in for the clock; or an array of such objects, for which an "
             "array of {\"rendered\": ...} or {\"error\": ...} is printed. An object {template, context, now} is "
             "rendered as it stands, without a model.",
};
