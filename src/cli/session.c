/* session.c - opens models and engines for the commands. */
#include "cli/session.h"

#include "base/os/sys.h"
#include "cli/progress.h"
#include "cli/table.h"
#include "cli/term.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

hz_status hz_session_open(struct hz_session *s, const struct hz_model_opts *opts, bool tokenizer_only,
                          struct hz_error *err)
{
    struct hz_model_options o = {
        .size = sizeof o,
        .file = opts->file,
        .tokenizer = opts->tokenizer,
        .chat_template = opts->chat_template,
        .tokenizer_only = tokenizer_only,
    };
    return hz_model_open(opts->path, &o, &s->model, err);
}

hz_status hz_session_load(struct hz_session *s, const struct hz_engine_opts *opts, const struct hz_session_needs *needs,
                          struct hz_error *err)
{
    struct hz_engine_options o = {
        .size = sizeof o,
        .device = opts->device,
        .cpu_rung = opts->cpu_rung,
        .threads = (int)opts->threads,
        .context = (uint32_t)opts->context,
        .max_seqs = needs->max_seqs,
        .no_prefix_cache = needs->no_prefix_cache,
    };
    struct hz_progress progress = {0};
    struct hz_load_options load = {
        .size = sizeof load,
        .dtype = (enum hz_compute)opts->dtype,
        .mmap = opts->mmap,
        .progress = hz_progress_bytes,
        .user = &progress,
    };
    double start = hz_clock();
    hz_term_catch_interrupts(true);
    hz_status status = hz_engine_open(&o, &s->engine, err);
    if (status == HZ_OK)
        status = hz_engine_load(s->engine, s->model, &load, err);
    hz_progress_end(&progress);
    s->load_s = hz_clock() - start;
    return status;
}

/* ---- facts -------------------------------------------------------------------------------------------------- */

static hz_status parse_report(char *json, const char *what, struct hz_json_doc **doc, struct hz_error *err)
{
    hz_status status = hz_json_parse(json, strlen(json), what, doc, err);
    hz_free(json);
    return status;
}

hz_status hz_session_describe(const struct hz_session *s, struct hz_json_doc **doc, struct hz_error *err)
{
    char *json;
    HZ_TRY(hz_model_describe(s->model, &json, err));
    return parse_report(json, "the description of the model", doc, err);
}

static int by_bytes(const void *a, const void *b)
{
    const struct hz_dtype_sum *x = a, *y = b;
    return (x->bytes < y->bytes) - (x->bytes > y->bytes);
}

size_t hz_session_dtypes(struct hz_json tensors, struct hz_dtype_sum sums[HZ_DTYPE_SUMS])
{
    size_t n = 0;
    for (struct hz_json_iter it = hz_json_each(tensors); hz_json_next(&it);) {
        const char *name = hz_json_str(hz_json_get(it.value, "dtype"), NULL);
        int64_t bytes = 0;
        hz_json_int(hz_json_get(it.value, "bytes"), &bytes);
        size_t i = 0;
        while (i < n && name && strcmp(sums[i].name, name))
            i++;
        if (!name || i == HZ_DTYPE_SUMS)
            continue;
        if (i == n)
            sums[n++] = (struct hz_dtype_sum){.name = name};
        sums[i].bytes += (uint64_t)bytes;
        sums[i].n++;
    }
    qsort(sums, n, sizeof *sums, by_bytes);
    return n;
}

hz_status hz_session_facts(const struct hz_session *s, struct hz_session_facts *facts, struct hz_error *err)
{
    struct hz_json_doc *model = NULL, *engine = NULL;
    struct hz_dtype_sum dtypes[HZ_DTYPE_SUMS];
    char *json, count[32];
    HZ_TRY(hz_session_describe(s, &model, err));
    hz_status status = hz_describe(s->engine, &json, err);
    if (status == HZ_OK)
        status = parse_report(json, "the description of the engine", &engine, err);
    if (status == HZ_OK) {
        struct hz_json m = hz_json_root(model), e = hz_json_root(engine);
        int64_t parameters = 0, vocab = 0, threads = 1;
        hz_json_int(hz_json_get(m, "parameters"), &parameters);
        hz_json_int(hz_json_get(hz_json_get(e, "model"), "vocab"), &vocab);
        hz_json_int(hz_json_get(hz_json_get(e, "device"), "threads"), &threads);
        const char *arch = hz_json_str(hz_json_get(m, "architecture"), NULL);
        size_t n = hz_session_dtypes(hz_json_get(m, "tensors"), dtypes);
        snprintf(facts->title, sizeof facts->title, "%s %s %s", arch ? arch : "model",
                 hz_format_count((uint64_t)parameters, count), n ? dtypes[0].name : "");
        facts->n_vocab = (uint32_t)HZ_MAX(vocab, 1);
        facts->has_tokenizer = hz_json_get(hz_json_get(m, "tokenizer"), "size").kind == HZ_JSON_INT;
        facts->threads = (int)threads;
    }
    hz_json_free(model);
    hz_json_free(engine);
    return status;
}

void hz_session_close(struct hz_session *s)
{
    hz_engine_close(s->engine);
    hz_model_close(s->model);
    *s = (struct hz_session){0};
}
