/* command.h - the commands, and the options that several of them have in common. */
#ifndef HZ_CLI_COMMAND_H
#define HZ_CLI_COMMAND_H

#include "cli/options.h"

#include <math.h>

extern const struct hz_command hz_command_run, hz_command_bench, hz_command_inspect, hz_command_doctor,
    hz_command_perplexity, hz_command_logits, hz_command_tokenize, hz_command_template;

/* ---- the model ---------------------------------------------------------------------------------------------- */

struct hz_model_opts {
    const char *path, *file, *tokenizer, *chat_template;
};
extern const struct hz_opt hz_model_opt_list[]; /* first -m, which is required, then --file, --tokenizer, ... */
enum { HZ_MODEL_OPTS = 4 };

/* ---- the engine --------------------------------------------------------------------------------------------- */

struct hz_engine_opts {
    int64_t threads, context;
    const char *device, *cpu_rung;
    int dtype; /* enum hz_compute */
    bool mmap;
};
extern const struct hz_opt hz_engine_opt_list[];
enum { HZ_ENGINE_OPTS = 6 };

/* ---- sampling ----------------------------------------------------------------------------------------------- */

/* NaN and -1: not given. */
struct hz_sampling_opts {
    double temperature, top_p, min_p, repetition_penalty, presence_penalty, frequency_penalty;
    double dry_multiplier, dry_base;
    int64_t top_k, dry_allowed_length, seed;
};
extern const struct hz_opt hz_sampling_opt_list[];
enum { HZ_SAMPLING_OPTS = 11 };
#define HZ_SAMPLING_OPTS_NONE                                                                                          \
    {                                                                                                                  \
        .temperature = NAN, .top_p = NAN, .min_p = NAN, .repetition_penalty = NAN, .presence_penalty = NAN,            \
        .frequency_penalty = NAN, .dry_multiplier = NAN, .dry_base = NAN, .top_k = -1, .dry_allowed_length = -1,       \
        .seed = -1                                                                                                     \
    }
/* What the library takes for it. */
void hz_sampling_from_opts(const struct hz_sampling_opts *opts, struct hz_sampling *sampling);
/* The likeliest token and nothing else, whatever generation_config.json says. */
void hz_sampling_greedy(struct hz_sampling *sampling);

/* ---- all commands ------------------------------------------------------------------------------------------- */

struct hz_general_opts {
    int verbose; /* -v: what the library logs of its own accord; -vv: all of it */
};
extern const struct hz_opt hz_general_opt_list[];
enum { HZ_GENERAL_OPTS = 1 };
/* Sends the library's log to stderr as -v asks. */
void hz_general_apply(const struct hz_general_opts *opts);

/* ---- run, also by its older spelling ------------------------------------------------------------------------ */

struct hz_run_opts {
    struct hz_model_opts model;
    const char *input;
    bool raw, interactive, ignore_eos, special, json;
    const char *system;
    int64_t max_tokens, max_seqs;
    struct hz_texts stop;
    struct hz_sampling_opts sampling;
    struct hz_engine_opts engine;
    struct hz_general_opts general;
};
#define HZ_RUN_OPTS_NONE                                                                                               \
    {                                                                                                                  \
        .max_tokens = -1, .sampling = HZ_SAMPLING_OPTS_NONE                                                            \
    }
hz_status hz_run(const struct hz_run_opts *opts, struct hz_error *err);

/* `hanzo -i plain -m MODEL`: options for all come before a selector, those of the model behind it. argv[0..argc) is
 * what stands behind the program's name. *help is set when help was asked for. */
hz_status hz_legacy(int argc, char **argv, bool *help, struct hz_error *err);

#endif
