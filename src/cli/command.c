/* command.c - the options that several commands have in common. */
#include "cli/command.h"

#include "cli/term.h"

#include <stdio.h>

#define AT(member) offsetof(struct hz_model_opts, member)
const struct hz_opt hz_model_opt_list[HZ_MODEL_OPTS] = {
    {'m', "model", "MODEL", HZ_OPT_TEXT, AT(path), .required = true,
     .help = "a GGUF file (any part of a split one) or a checkpoint folder"},
    {0, "file", "NAME", HZ_OPT_TEXT, AT(file), .help = "which GGUF file of the folder"},
    {0, "tokenizer", "FILE", HZ_OPT_TEXT, AT(tokenizer), .help = "a tokenizer.json instead of the model's own"},
    {0, "chat-template", "FILE", HZ_OPT_TEXT, AT(chat_template), .help = "a chat template instead of the model's own"},
};
#undef AT

static const char *const dtypes[] = {
    [HZ_COMPUTE_AUTO] = "auto", [HZ_COMPUTE_F32] = "f32", [HZ_COMPUTE_BF16] = "bf16", NULL};

#define AT(member) offsetof(struct hz_engine_opts, member)
const struct hz_opt hz_engine_opt_list[HZ_ENGINE_OPTS] = {
    {0, "threads", "N", HZ_OPT_INT, AT(threads), 1, 4096, .help = "compute threads (one per core)"},
    {0, "dtype", "TYPE", HZ_OPT_CHOICE, AT(dtype), .choices = dtypes,
     .help = "auto: the fast mode; f32: exact, all in float32; bf16: the fast mode, for models stored in BF16 (auto)"},
    {0, "device", "NAME", HZ_OPT_TEXT, AT(device), .help = "cpu, or auto (auto)"},
    {0, "cpu-rung", "NAME", HZ_OPT_TEXT, AT(cpu_rung),
     .help = "which CPU kernels: c, avx2, avx512, avx512_bf16, neon, dotprod (the best that the machine has)"},
    {0, "mmap", NULL, HZ_OPT_FLAG, AT(mmap), .help = "use the weights as they lie in the file, repack nothing"},
    {0, "max-seq-len", "N", HZ_OPT_INT, AT(context), 1, UINT32_MAX,
     .help = "tokens of the longest sequence (the model's)"},
};
#undef AT

#define AT(member) offsetof(struct hz_sampling_opts, member)
const struct hz_opt hz_sampling_opt_list[HZ_SAMPLING_OPTS] = {
    {0, "temperature", "T", HZ_OPT_REAL, AT(temperature), 0, INFINITY, .help = "0 takes the likeliest token"},
    {0, "top-k", "N", HZ_OPT_INT, AT(top_k), 0, INT32_MAX, .help = "draw from the N likeliest; 0: from all"},
    {0, "top-p", "P", HZ_OPT_REAL, AT(top_p), 0, 1, .help = "draw from the likeliest that together have probability P"},
    {0, "min-p", "P", HZ_OPT_REAL, AT(min_p), 0, 1, .help = "leave out what is less likely than P times the likeliest"},
    {0, "repetition-penalty", "R", HZ_OPT_REAL, AT(repetition_penalty), 0.01, INFINITY,
     .help = "above 1: tokens of prompt and answer become less likely"},
    {0, "presence-penalty", "P", HZ_OPT_REAL, AT(presence_penalty), -100, 100,
     .help = "taken off tokens of the answer"},
    {0, "frequency-penalty", "P", HZ_OPT_REAL, AT(frequency_penalty), -100, 100,
     .help = "taken off tokens of the answer for each time they occur"},
    {0, "dry-multiplier", "X", HZ_OPT_REAL, AT(dry_multiplier), 0, INFINITY,
     .help = "strength of DRY, which weakens what would repeat a sequence; 0: off"},
    {0, "dry-base", "X", HZ_OPT_REAL, AT(dry_base), 1, INFINITY, .help = "how fast DRY grows with the length (1.75)"},
    {0, "dry-allowed-length", "N", HZ_OPT_INT, AT(dry_allowed_length), 0, INT32_MAX,
     .help = "repetitions up to this length are free (2)"},
    {0, "seed", "N", HZ_OPT_INT, AT(seed), 0, (double)INT64_MAX, .help = "the same seed draws the same text"},
};
#undef AT

const struct hz_opt hz_general_opt_list[HZ_GENERAL_OPTS] = {
    {'v', "verbose", NULL, HZ_OPT_COUNT, offsetof(struct hz_general_opts, verbose),
     .help = "say on standard error what happens; twice: in detail"},
};

void hz_sampling_from_opts(const struct hz_sampling_opts *o, struct hz_sampling *s)
{
    hz_sampling_default(s);
    s->temperature = (float)o->temperature;
    s->top_p = (float)o->top_p;
    s->min_p = (float)o->min_p;
    s->repetition_penalty = (float)o->repetition_penalty;
    s->presence_penalty = (float)o->presence_penalty;
    s->frequency_penalty = (float)o->frequency_penalty;
    s->dry_multiplier = (float)o->dry_multiplier;
    s->dry_base = (float)o->dry_base;
    s->top_k = (int32_t)o->top_k;
    s->dry_allowed_length = (int32_t)o->dry_allowed_length;
    s->seed = o->seed;
}

void hz_sampling_greedy(struct hz_sampling *s)
{
    hz_sampling_default(s);
    s->temperature = 0;
    s->top_k = 0;
    s->top_p = 1;
    s->min_p = 0;
    s->repetition_penalty = 1;
    s->presence_penalty = 0;
    s->frequency_penalty = 0;
    s->dry_multiplier = 0;
}

static void print_line(void *user, enum hz_log_level level, const char *line)
{
    static const char *const names[] = {"error", "warning", "info", "debug"};
    (void)user;
    fprintf(stderr, "%s: %s\n", names[level], line);
}

void hz_general_apply(const struct hz_general_opts *opts)
{
    if (opts->verbose)
        hz_set_log(print_line, NULL, opts->verbose == 1 ? HZ_LOG_INFO : HZ_LOG_DEBUG);
}
