/* session.h - a model and the engine that runs it, opened as the options say. */
#ifndef HZ_CLI_SESSION_H
#define HZ_CLI_SESSION_H

#include "cli/command.h"
#include "text/json.h"

struct hz_session { /* starts as {0} */
    hz_model *model;
    hz_engine *engine;
    double load_s;
};

/* What a command wants of the engine beside the options. */
struct hz_session_needs {
    uint32_t max_seqs;
    bool no_prefix_cache;
};

/* Reads metadata only. tokenizer_only: a folder of tokenizer files alone will do. */
hz_status hz_session_open(struct hz_session *s, const struct hz_model_opts *opts, bool tokenizer_only,
                          struct hz_error *err);
/* Loads the weights, with a progress bar on a terminal. Ctrl-C is a flag from here on and ends the loading. */
hz_status hz_session_load(struct hz_session *s, const struct hz_engine_opts *opts, const struct hz_session_needs *needs,
                          struct hz_error *err);
/* What the library says of the model, parsed. Free with hz_json_free. */
hz_status hz_session_describe(const struct hz_session *s, struct hz_json_doc **doc, struct hz_error *err);
enum { HZ_DTYPE_SUMS = 64 };
struct hz_dtype_sum {
    const char *name;
    uint64_t bytes;
    size_t n; /* tensors */
};
/* Adds up the tensors of a description by type, the type with most bytes first; how many there are. */
size_t hz_session_dtypes(struct hz_json tensors, struct hz_dtype_sum sums[HZ_DTYPE_SUMS]);
/* What commands want to know of a loaded model. */
struct hz_session_facts {
    char title[128]; /* "llama 135M Q4_1" */
    uint32_t n_vocab;
    bool has_tokenizer;
    int threads;
};
hz_status hz_session_facts(const struct hz_session *s, struct hz_session_facts *facts, struct hz_error *err);
void hz_session_close(struct hz_session *s);

#endif
