/* checkpoint.h - an opened checkpoint: a GGUF (also split), or a Hugging Face folder of safetensors with its JSON
 * files. A table of names and bytes, nothing more: what they mean is model/'s affair. Never opens a socket. */
#ifndef HZ_FILE_CHECKPOINT_H
#define HZ_FILE_CHECKPOINT_H

#include "file/gguf.h"
#include "file/tensor.h"
#include "text/json.h"

enum hz_checkpoint_kind { HZ_CHECKPOINT_FOLDER, HZ_CHECKPOINT_GGUF };

struct hz_checkpoint_template {
    const char *name;   /* "default", "tool_use", ... */
    const char *source; /* the text itself */
    size_t len;
    const char *file; /* where it stood, for errors */
};

struct hz_checkpoint {
    enum hz_checkpoint_kind kind;
    const char *path; /* as given */
    struct hz_tensor_table table;
    struct hz_gguf *gguf;                     /* GGUF only; metadata of the first part */
    struct hz_json_doc *config;               /* folder: config.json; NULL if absent (allowed for tokenizer_only) */
    struct hz_json_doc *generation_config;    /* NULL if absent */
    struct hz_json_doc *tokenizer_config;     /* NULL if absent */
    struct hz_json_doc *special_tokens_map;   /* NULL if absent, or if tokenizer_config.json is not of its time */
    const char *tokenizer_json;               /* path, NULL if absent */
    struct hz_checkpoint_template *templates; /* chat templates in order of precedence, default first */
    size_t n_templates;
    uint64_t bytes; /* sizes of all weight files */
    void *owned;    /* arena, mappings */
};

struct hz_checkpoint_options {
    const char *file;    /* which GGUF in a folder; NULL: decide (checkpoint folder first, else the only GGUF) */
    bool tokenizer_only; /* weights and config.json may be missing */
};

/* path: a GGUF file or a folder. */
hz_status hz_checkpoint_open(const char *path, const struct hz_checkpoint_options *options,
                             struct hz_checkpoint **checkpoint, struct hz_error *err);
void hz_checkpoint_close(struct hz_checkpoint *checkpoint);

#endif
