/* cmd_tokenize.c - `hanzo tokenize`: text to ids and back, one text or a file of them. */
#include "cli/command.h"
#include "cli/ids.h"
#include "cli/io.h"
#include "cli/session.h"
#include "cli/table.h"
#include "cli/term.h"
#include "text/json.h"

#include <stdlib.h>
#include <string.h>

struct tokenize_opts {
    struct hz_model_opts model;
    bool special, decode, json;
    const char *batch;
    struct hz_general_opts general;
};

/* ---- one item ----------------------------------------------------------------------------------------------- */

static hz_status encode(const hz_model *model, const struct tokenize_opts *o, const char *text, size_t len,
                        struct hz_json_writer *w, struct hz_error *err)
{
    int32_t *ids = NULL;
    size_t n = 0;
    HZ_TRY(hz_tokenize(model, text, len, o->special, true, &ids, &n, err));
    hz_json_array(w);
    for (size_t i = 0; i < n; i++)
        hz_json_put_int(w, ids[i]);
    hz_json_end_array(w);
    hz_free(ids);
    return HZ_OK;
}

/* ids: a JSON array. The text is free with hz_free. */
static hz_status decode(const hz_model *model, const struct tokenize_opts *o, struct hz_json array, char **text,
                        size_t *len, struct hz_error *err)
{
    struct hz_id_list ids = {0};
    hz_status status = hz_id_list_from_json(array, &ids, err);
    if (status == HZ_OK)
        status = hz_detokenize(model, ids.at, ids.n, !o->special, text, len, err);
    hz_id_list_free(&ids);
    return status;
}

/* ---- a file of them ----------------------------------------------------------------------------------------- */

static hz_status batch_item(const hz_model *model, const struct tokenize_opts *o, struct hz_json item,
                            struct hz_json_writer *w, struct hz_error *err)
{
    size_t len;
    if (!o->decode) {
        const char *text = hz_json_str(item, &len);
        if (!text)
            return hz_fail(err, HZ_E_INVALID, "a string was expected, not %s", hz_json_kind_name(item.kind));
        return encode(model, o, text, len, w, err);
    }
    char *text = NULL;
    HZ_TRY(decode(model, o, item, &text, &len, err));
    hz_json_put_str(w, text, len);
    hz_free(text);
    return HZ_OK;
}

static hz_status batch(const hz_model *model, const struct tokenize_opts *o, struct hz_buf *out, struct hz_error *err)
{
    struct hz_json_doc *doc = NULL;
    HZ_TRY(hz_io_read_json(o->batch, &doc, err));
    hz_status status = HZ_OK;
    struct hz_json root = hz_json_root(doc);
    size_t i = 0;
    struct hz_json_writer w;
    hz_json_begin(&w, out, 0);
    hz_json_array(&w);
    if (root.kind != HZ_JSON_ARRAY)
        status =
            hz_fail(err, HZ_E_INVALID, "%s: an array was expected, not %s", o->batch, hz_json_kind_name(root.kind));
    for (struct hz_json_iter it = hz_json_each(root); status == HZ_OK && hz_json_next(&it); i++) {
        status = batch_item(model, o, it.value, &w, err);
        if (status != HZ_OK)
            hz_fail_in(err, status, "%s: item %zu", o->batch, i);
    }
    hz_json_end_array(&w);
    hz_buf_putc(out, '\n');
    hz_json_free(doc);
    return status;
}

/* ---- one text ----------------------------------------------------------------------------------------------- */

/* For people: an id and its spelling per line. */
static hz_status list_pieces(const hz_model *model, const struct tokenize_opts *o, const char *text, size_t len,
                             struct hz_buf *out, struct hz_error *err)
{
    int32_t *ids = NULL;
    size_t n = 0;
    HZ_TRY(hz_tokenize(model, text, len, o->special, true, &ids, &n, err));
    struct hz_table t = {.columns = 2, .right = 1};
    for (size_t i = 0; i < n; i++) {
        size_t size = 0;
        bool special;
        const char *spelling = hz_model_token(model, ids[i], &size, &special);
        struct hz_buf quoted;
        struct hz_json_writer w;
        hz_buf_init(&quoted, 1 << 20);
        hz_json_begin(&w, &quoted, 0);
        hz_json_put_str(&w, spelling ? spelling : "", size);
        hz_table_cell(&t, "%d", (int)ids[i]);
        hz_table_cell(&t, "%s", quoted.data ? quoted.data : "");
        hz_buf_free(&quoted);
    }
    hz_table_print(&t, 0, out);
    hz_free(ids);
    return HZ_OK;
}

static hz_status encode_one(const hz_model *model, const struct tokenize_opts *o, const char *text, size_t len,
                            struct hz_buf *out, struct hz_error *err)
{
    HZ_TRY(hz_io_check_utf8("the text", text, len, err));
    if (!o->json)
        return list_pieces(model, o, text, len, out, err);
    struct hz_json_writer w;
    hz_json_begin(&w, out, 0);
    HZ_TRY(encode(model, o, text, len, &w, err));
    hz_buf_putc(out, '\n');
    return HZ_OK;
}

/* The ids as people write them: "[1, 2]", "1,2" or "1 2". */
static hz_status decode_one(const hz_model *model, const struct tokenize_opts *o, const char *words, size_t words_len,
                            struct hz_buf *out, struct hz_error *err)
{
    struct hz_buf array;
    hz_buf_init(&array, SIZE_MAX / 2);
    hz_buf_putc(&array, '[');
    bool between = false; /* two ids: a comma is due before the next digit */
    for (size_t i = 0; i < words_len; i++) {
        char c = words[i];
        bool blank = strchr("[], \t\r\n", c) && c;
        if (!blank && between)
            hz_buf_putc(&array, ',');
        if (!blank)
            hz_buf_putc(&array, c);
        between = blank ? between || (array.len > 1) : false;
    }
    hz_buf_putc(&array, ']');
    struct hz_json_doc *doc = NULL;
    hz_status status = hz_buf_check(&array, "the list of ids", err);
    if (status == HZ_OK)
        status = hz_json_parse(array.data, array.len, "the list of ids", &doc, err);
    char *text = NULL;
    size_t len = 0;
    if (status == HZ_OK)
        status = decode(model, o, hz_json_root(doc), &text, &len, err);
    if (status == HZ_OK && o->json) {
        struct hz_json_writer w;
        hz_json_begin(&w, out, 0);
        hz_json_put_str(&w, text, len);
    } else if (status == HZ_OK) {
        hz_buf_put(out, text, len);
    }
    if (status == HZ_OK && (o->json || hz_term_is_tty(HZ_TERM_OUT)))
        hz_buf_putc(out, '\n');
    hz_free(text);
    hz_json_free(doc);
    hz_buf_free(&array);
    return status;
}

/* The operands with blanks between them, or standard input. */
static hz_status input_text(const struct hz_texts *operands, char **text, size_t *len, struct hz_error *err)
{
    if (!operands->n || (operands->n == 1 && !strcmp(operands->at[0], "-")))
        return hz_io_read("-", text, len, err);
    struct hz_buf joined;
    hz_buf_init(&joined, SIZE_MAX / 2);
    for (size_t i = 0; i < operands->n; i++)
        hz_buf_printf(&joined, "%s%s", i ? " " : "", operands->at[i]);
    *text = hz_buf_take(&joined, len);
    return *text ? HZ_OK : hz_fail_nomem(err, 0);
}

static hz_status tokenize(const struct tokenize_opts *o, const hz_model *model, const struct hz_texts *operands,
                          struct hz_buf *out, struct hz_error *err)
{
    if (o->batch)
        return batch(model, o, out, err);
    char *text;
    size_t len;
    HZ_TRY(input_text(operands, &text, &len, err));
    hz_status status =
        o->decode ? decode_one(model, o, text, len, out, err) : encode_one(model, o, text, len, out, err);
    free(text);
    return status;
}

static hz_status run(const void *values, const struct hz_texts *operands, struct hz_error *err)
{
    const struct tokenize_opts *o = values;
    hz_general_apply(&o->general);
    if (o->batch && operands->n)
        return hz_fail(err, HZ_E_INVALID, "a text and --batch: only one of them");
    struct hz_session s = {0};
    struct hz_buf out;
    hz_buf_init(&out, SIZE_MAX / 2);
    hz_status status = hz_session_open(&s, &o->model, true, err);
    if (status == HZ_OK)
        status = tokenize(o, s.model, operands, &out, err);
    if (status == HZ_OK)
        status = hz_io_put_buf(&out, err);
    hz_buf_free(&out);
    hz_session_close(&s);
    return status;
}

#define AT(member) offsetof(struct tokenize_opts, member)
static const struct hz_opt opts[] = {
    {0, "special", NULL, HZ_OPT_FLAG, AT(special),
     .help = "add the tokens that the tokenizer puts around a text; with --decode: show special tokens"},
    {0, "decode", NULL, HZ_OPT_FLAG, AT(decode), .help = "the other way: TEXT is a list of ids"},
    {0, "json", NULL, HZ_OPT_FLAG, AT(json), .help = "print a JSON array of ids (a JSON string with --decode)"},
    {0, "batch", "FILE", HZ_OPT_TEXT, AT(batch),
     .help = "a JSON array of texts (of arrays of ids with --decode); prints the array of results"},
};
static const struct hz_opt_group groups[] = {
    {"Options", opts, HZ_COUNT(opts), 0},
    {"Model (a folder with only tokenizer files will do)", hz_model_opt_list, HZ_MODEL_OPTS, AT(model)},
    {"General", hz_general_opt_list, HZ_GENERAL_OPTS, AT(general)},
};
static const struct tokenize_opts defaults;

const struct hz_command hz_command_tokenize = {
    .name = "tokenize",
    .summary = "text to token ids, and back",
    .operands = "TEXT",
    .max_operands = SIZE_MAX,
    .groups = groups,
    .n_groups = HZ_COUNT(groups),
    .defaults = &defaults,
    .size = sizeof defaults,
    .run = run,
    .notes = "Without TEXT, or where it is -, standard input is read. A special token's spelling in the text becomes "
             "that token.\n\n"
             "  hanzo tokenize -m MODEL \"Hello, world\"\n"
             "  hanzo tokenize -m MODEL --decode 9707 11 1879",
};
