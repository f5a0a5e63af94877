/* legacy.c - the spelling of hanzo-server: options for all, then a selector, then the model's options. Interactive
 * only: `hanzo -i plain -m MODEL`, `hanzo -i gguf -m DIR -f FILE`. What it does is `hanzo run`. */
#include "cli/command.h"

#include "base/os/file.h"

#include <stdio.h>
#include <string.h>

struct global_opts {
    bool interactive, cpu;
    int64_t seed, max_seqs;
    const char *chat_template;
};

#define AT(member) offsetof(struct global_opts, member)
static const struct hz_opt global_opts[] = {
    {'i', "interactive-mode", NULL, HZ_OPT_FLAG, AT(interactive), .help = "a conversation"},
    {'s', "seed", "N", HZ_OPT_INT, AT(seed), 0, (double)INT64_MAX, .help = "of the sampling"},
    {'c', "chat-template", "FILE", HZ_OPT_TEXT, AT(chat_template), .help = "instead of the model's own"},
    {'j', "jinja-explicit", "FILE", HZ_OPT_TEXT, AT(chat_template), .help = "the same"},
    {0, "max-seqs", "N", HZ_OPT_INT, AT(max_seqs), 1, 65536, .help = "sequences that run at once"},
    {0, "cpu", NULL, HZ_OPT_FLAG, AT(cpu), .help = "run on the CPU"},
};
#undef AT
static const struct hz_opt_group global_groups[] = {{"Options", global_opts, HZ_COUNT(global_opts), 0}};
static const struct global_opts global_defaults = {.seed = -1};
static const struct hz_command globals = {
    .name = "-i",
    .operands = "a selector: plain, gguf or run",
    .min_operands = 1,
    .max_operands = SIZE_MAX,
    .leading = true,
    .groups = global_groups,
    .n_groups = HZ_COUNT(global_groups),
    .defaults = &global_defaults,
    .size = sizeof global_defaults,
};

struct selector_opts {
    const char *model, *file, *tokenizer;
    int64_t context;
    int dtype;
};

static const char *const dtypes[] = {
    [HZ_COMPUTE_AUTO] = "auto", [HZ_COMPUTE_F32] = "f32", [HZ_COMPUTE_BF16] = "bf16", NULL};
#define AT(member) offsetof(struct selector_opts, member)
static const struct hz_opt selector_opts[] = {
    {'m', "model-id", "MODEL", HZ_OPT_TEXT, AT(model), .required = true, .help = "a checkpoint folder, or a GGUF file"},
    {0, "quantized-model-id", "DIR", HZ_OPT_TEXT, AT(model), .help = "the folder of a GGUF file"},
    {'f', "quantized-filename", "FILE", HZ_OPT_TEXT, AT(file), .help = "the GGUF file in it"},
    {'t', "tok-model-id", "PATH", HZ_OPT_TEXT, AT(tokenizer), .help = "a tokenizer.json, or its folder"},
    {0, "tokenizer-json", "FILE", HZ_OPT_TEXT, AT(tokenizer), .help = "a tokenizer.json"},
    {'d', "dtype", "TYPE", HZ_OPT_CHOICE, AT(dtype), .choices = dtypes, .help = "auto, f32 or bf16"},
    {0, "max-seq-len", "N", HZ_OPT_INT, AT(context), 1, UINT32_MAX, .help = "tokens of the longest sequence"},
};
#undef AT
static const struct hz_opt_group selector_groups[] = {{"Options", selector_opts, HZ_COUNT(selector_opts), 0}};
static const struct selector_opts selector_defaults;

static hz_status parse_selector(const struct hz_texts *words, struct hz_arena *arena, struct selector_opts *out,
                                bool *help, struct hz_error *err)
{
    const char *name = words->at[0];
    static const char *const known[] = {"plain", "gguf", "run"};
    bool found = false;
    for (size_t i = 0; i < HZ_COUNT(known); i++)
        found |= !strcmp(name, known[i]);
    if (!found)
        return hz_fail(err, HZ_E_UNSUPPORTED, "unknown selector '%s'; there are plain, gguf and run", name);
    const struct hz_command selector = {
        .name = name,
        .groups = selector_groups,
        .n_groups = HZ_COUNT(selector_groups),
        .defaults = &selector_defaults,
        .size = sizeof selector_defaults,
    };
    struct hz_texts rest;
    return hz_options_parse(&selector, (int)words->n - 1, (char **)(uintptr_t)(words->at + 1), arena, out, &rest, help,
                            err);
}

static hz_status run(const struct global_opts *g, struct selector_opts *m, struct hz_error *err)
{
    char inside[4096];
    if (m->tokenizer && hz_file_kind(m->tokenizer) == HZ_FILE_FOLDER) {
        snprintf(inside, sizeof inside, "%s/tokenizer.json", m->tokenizer);
        m->tokenizer = inside;
    }
    struct hz_run_opts o = HZ_RUN_OPTS_NONE;
    o.interactive = true;
    o.max_seqs = g->max_seqs;
    o.sampling.seed = g->seed;
    o.model = (struct hz_model_opts){m->model, m->file, m->tokenizer, g->chat_template};
    o.engine.dtype = m->dtype;
    o.engine.context = m->context;
    o.engine.device = g->cpu ? "cpu" : NULL;
    return hz_run(&o, err);
}

/* Options of that program whose feature is not here yet are named, rather than called unknown. */
static hz_status refuse_missing(int argc, char **argv, struct hz_error *err)
{
    static const struct {
        const char *option, *feature;
    } missing[] = {{"--port", "the server"}, {"--serve-ip", "the server"}, {"--isq", "quantizing while loading"}};
    for (int i = 0; i < argc; i++)
        for (size_t k = 0; k < HZ_COUNT(missing); k++) {
            size_t n = strlen(missing[k].option);
            if (!strncmp(argv[i], missing[k].option, n) && (!argv[i][n] || argv[i][n] == '='))
                return hz_fail(err, HZ_E_UNSUPPORTED, "%s: %s is not in this build yet", missing[k].option,
                               missing[k].feature);
        }
    return HZ_OK;
}

hz_status hz_legacy(int argc, char **argv, bool *help, struct hz_error *err)
{
    struct hz_arena arena = {0};
    struct global_opts g;
    struct selector_opts m;
    struct hz_texts words;
    HZ_TRY(refuse_missing(argc, argv, err));
    hz_status status = hz_options_parse(&globals, argc, argv, &arena, &g, &words, help, err);
    if (!*help && !g.interactive)
        status = hz_fail(err, HZ_E_INVALID, "%s: a command comes first (`hanzo --help` lists them), or -i", argv[0]);
    if (status == HZ_OK && !*help)
        status = parse_selector(&words, &arena, &m, help, err);
    if (status == HZ_OK && !*help)
        status = run(&g, &m, err);
    hz_arena_free(&arena);
    return status;
}
