/* hanzo.h - the public interface of libhanzo, an LLM inference engine in C.
 *
 * Two nouns carry the work. A hz_model is an opened checkpoint without its weights: it tokenizes, renders
 * chat templates and describes itself. A hz_engine owns devices, threads and caches; it loads models and runs
 * requests. A hz_request is pulled for events until one of kind HZ_EVENT_DONE.
 *
 * Rules that hold everywhere:
 *  - A fallible function returns HZ_OK or a negative hz_status and fills *err (which may be NULL).
 *  - Every options struct begins with its size: set it to sizeof the struct and zero the rest; zero is default.
 *  - Pointers given out stay owned by the library unless a comment says "free with hz_free".
 *  - Any thread may call; one request has one reader at a time. Strings are UTF-8.
 */
#ifndef HANZO_HANZO_H
#define HANZO_HANZO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define HZ_API __attribute__((visibility("default")))
#else
#define HZ_API
#endif

#define HZ_VERSION "0.1.0"

/* code, name, what it means */
#define HZ_STATUS_MAP(X)                                                                                               \
    X(0, OK, "success")                                                                                                \
    X(-1, E_NOMEM, "out of memory")                                                                                    \
    X(-2, E_IO, "a file or the system failed")                                                                         \
    X(-3, E_FORMAT, "a file does not hold what its format says")                                                       \
    X(-4, E_INVALID, "an argument or request is wrong")                                                                \
    X(-5, E_UNSUPPORTED, "a feature this build, model or device does not have")                                        \
    X(-6, E_LIMIT, "a limit was exceeded")                                                                             \
    X(-7, E_NOTFOUND, "a file, tensor or model was not found")                                                         \
    X(-8, E_CANCELLED, "cancelled by the caller")                                                                      \
    X(-9, E_TIMEOUT, "nothing happened within the time given")                                                         \
    X(-10, E_DEVICE, "a device failed")                                                                                \
    X(-11, E_TEMPLATE, "a chat template raised an exception")                                                          \
    X(-12, E_INTERNAL, "a bug in the library")

typedef int hz_status;
#define HZ_STATUS_ENUM(code, name, text) HZ_##name = (code),
enum { HZ_STATUS_MAP(HZ_STATUS_ENUM) };
#undef HZ_STATUS_ENUM

/* The words of a failure: one line, naming the file, tensor or field and what was expected. */
struct hz_error {
    hz_status status;
    char text[1020];
};

/* "E_FORMAT" and the like; "?" for an unknown code. */
HZ_API const char *hz_status_name(hz_status status);
HZ_API const char *hz_version(void);
/* Frees what a function gave out with "free with hz_free"; NULL is fine. */
HZ_API void hz_free(void *p);

enum hz_log_level { HZ_LOG_ERROR, HZ_LOG_WARN, HZ_LOG_INFO, HZ_LOG_DEBUG };
/* One callback for the process; NULL (the default) drops all lines. `line` has no newline. */
typedef void hz_log_fn(void *user, enum hz_log_level level, const char *line);
HZ_API void hz_set_log(hz_log_fn *fn, void *user, enum hz_log_level level);

/* ---- models ------------------------------------------------------------------------------------------------ */

typedef struct hz_model hz_model;

struct hz_model_options {
    size_t size;
    const char *file;          /* which GGUF inside a folder; NULL: the folder's checkpoint, or its only GGUF */
    const char *tokenizer;     /* another tokenizer.json; NULL: the checkpoint's */
    const char *chat_template; /* path of another template; NULL: the checkpoint's */
    bool tokenizer_only;       /* open a folder that holds only tokenizer files, or a GGUF with only a vocabulary */
};

/* Opens a GGUF file (any part of a split one) or a checkpoint folder. Reads metadata only. */
HZ_API hz_status hz_model_open(const char *path, const struct hz_model_options *options, hz_model **model,
                               struct hz_error *err);
HZ_API void hz_model_close(hz_model *model);

/* Ids of `text`. special: with the tokenizer's own BOS, EOS (its post-processor); parse_special: the spelling of a
 * special token inside the text becomes that token. *ids: free with hz_free. */
HZ_API hz_status hz_tokenize(const hz_model *model, const char *text, size_t len, bool special, bool parse_special,
                             int32_t **ids, size_t *n, struct hz_error *err);
/* Text of `ids`, NUL-terminated, *len without the NUL. *text: free with hz_free. */
HZ_API hz_status hz_detokenize(const hz_model *model, const int32_t *ids, size_t n, bool skip_special, char **text,
                               size_t *len, struct hz_error *err);
/* The token as the vocabulary spells it, and whether it is a special one; NULL if the id has none. */
HZ_API const char *hz_model_token(const hz_model *model, int32_t id, size_t *len, bool *special);
/* Renders {messages, tools, add_generation_prompt, continue_final_message, kwargs, now} with the model's template,
 * or {template, context, now} as it stands (model may be NULL). *text: free with hz_free. */
HZ_API hz_status hz_render(const hz_model *model, const char *json, size_t json_len, char **text, size_t *len,
                           struct hz_error *err);
/* A JSON description: files, architecture, configuration, tensors, tokenizer, plan. Free with hz_free. */
HZ_API hz_status hz_model_describe(const hz_model *model, char **json, struct hz_error *err);

/* ---- engine ------------------------------------------------------------------------------------------------ */

typedef struct hz_engine hz_engine;

/* The fast mode; the exact mode; the fast mode, refused unless all linears are stored in BF16. */
enum hz_compute { HZ_COMPUTE_AUTO, HZ_COMPUTE_F32, HZ_COMPUTE_BF16 };

/* Progress of loading: done of total bytes. A non-zero return stops it with E_CANCELLED. */
typedef int hz_progress_fn(void *user, const char *what, uint64_t done, uint64_t total);

struct hz_engine_options {
    size_t size;
    const char *device;    /* "auto", "cpu", "null"; NULL is auto */
    const char *cpu_rung;  /* c, avx2, avx512, avx512_bf16, neon, dotprod; NULL: the best that this machine has */
    int threads;           /* compute threads; 0: one per core this process may use */
    uint32_t max_seqs;     /* sequences that run at once; 0: 32 */
    uint32_t batch_tokens; /* rows of one step at most; 0: 512 */
    uint64_t cache_bytes;  /* size of the KV pool; 0: as large as the model's context, or free memory, needs */
    uint32_t context;      /* longest sequence; 0: what the model was trained for, at most 32768 */
    bool no_prefix_cache;
};

struct hz_load_options {
    size_t size;
    const char *name; /* under which requests ask for it; NULL: "default" */
    enum hz_compute dtype;
    bool mmap; /* use the published layout as it lies in the file, pack nothing */
    hz_progress_fn *progress;
    void *user;
};

HZ_API hz_status hz_engine_open(const struct hz_engine_options *options, hz_engine **engine, struct hz_error *err);
/* Loads the model's weights and makes its caches. The model must outlive the engine. One model for now. */
HZ_API hz_status hz_engine_load(hz_engine *engine, const hz_model *model, const struct hz_load_options *options,
                                struct hz_error *err);
/* Cancels what runs, waits, frees all. Requests must have been freed. */
HZ_API void hz_engine_close(hz_engine *engine);
/* Devices, threads, rung, plan, memory and counters as JSON. engine may be NULL: the machine alone. Free with hz_free.
 */
HZ_API hz_status hz_describe(const hz_engine *engine, char **json, struct hz_error *err);

/* ---- requests ---------------------------------------------------------------------------------------------- */

typedef struct hz_request hz_request;

struct hz_bias {
    int32_t id;
    float add;
};

/* A negative number or NaN means "not given": then generation_config.json's value holds, else the default named.
 * hz_sampling_default fills all with "not given". */
struct hz_sampling {
    float temperature;        /* 0 is greedy. Not given anywhere: greedy */
    int32_t top_k;            /* 0 is off */
    float top_p;              /* 1 is off; 0 keeps one */
    float min_p;              /* 0 is off */
    float repetition_penalty; /* 1 is off; over prompt and answer, once per distinct token */
    float presence_penalty;   /* 0 is off; NaN: not given; may be negative */
    float frequency_penalty;
    float dry_multiplier;            /* 0 is off */
    float dry_base;                  /* 1.75 */
    int32_t dry_allowed_length;      /* 2 */
    const char *const *dry_breakers; /* NULL: newline, colon, quote, star */
    size_t n_dry_breakers;
    const struct hz_bias *bias;
    size_t n_bias;
    int64_t seed; /* negative: a fresh one */
};
HZ_API void hz_sampling_default(struct hz_sampling *sampling);

enum hz_want { HZ_WANT_LOGITS = 1, HZ_WANT_PROMPT_LOGPROBS = 2 }; /* of every prompt row, beside the answer */

struct hz_request_options {
    size_t size;
    const char *model; /* NULL: the only one */
    /* One of three inputs. */
    const int32_t *ids; /* as they are */
    size_t n_ids;
    const char *text; /* raw completion, with the tokenizer's own special tokens */
    size_t text_len;
    const char *chat_json; /* what hz_render takes */
    size_t chat_json_len;
    struct hz_sampling sampling; /* set it by hz_sampling_default */
    int32_t max_tokens;          /* 0: none, only the prompt is computed; negative: until the context is full */
    const char *const *stop;     /* stop strings */
    size_t n_stop;
    bool ignore_eos;
    bool any_id;              /* ids without a token, which pad the vocabulary, may be drawn as well */
    bool special_text;        /* special tokens show in the text */
    uint32_t top_logprobs;    /* alternatives in token events, at most 20 */
    bool logprobs;            /* token events carry logprobs */
    unsigned want;            /* enum hz_want bits */
    const char *cache_salt;   /* prefixes are shared only between equal salts; NULL is one of them */
    void (*wake)(void *user); /* called, from another thread, when an event waits; carries no data */
    void *user;
};

enum hz_event_kind {
    HZ_EVENT_NONE,
    HZ_EVENT_ROWS, /* logits or logprobs of prompt rows */
    HZ_EVENT_TEXT, /* a piece of the answer: whole UTF-8, tokens joined for a slow reader */
    HZ_EVENT_DONE  /* the last one, always: finish reason, usage, error */
};
enum hz_channel { HZ_CHANNEL_CONTENT, HZ_CHANNEL_REASONING, HZ_CHANNEL_TOOL }; /* room: only content for now */
enum hz_finish { HZ_FINISH_STOP, HZ_FINISH_LENGTH, HZ_FINISH_CANCELLED, HZ_FINISH_ERROR };

struct hz_alternative {
    int32_t id;
    float logprob;
};

/* One generated token. logprob: ln of the softmax of the model's own logits, before penalties and temperature. */
struct hz_token {
    int32_t id;
    float logprob;
    uint32_t n_top;
    const struct hz_alternative *top;
    const char *bytes; /* what the token adds, maybe part of a character */
    size_t n_bytes;
};

struct hz_usage {
    uint32_t prompt_tokens, cached_tokens, completion_tokens;
    double queue_s;  /* from the call to the first step */
    double prompt_s; /* from the first step until the prompt was computed and its token drawn */
    double decode_s; /* the tokens after the first */
};

struct hz_event {
    enum hz_event_kind kind;
    /* TEXT. Valid until the next call of hz_request_next. */
    enum hz_channel channel;
    const char *text;
    size_t text_len;
    const struct hz_token *tokens;
    size_t n_tokens;
    /* ROWS: rows first .. first+n_rows-1 of the prompt. logits: [n_rows][n_vocab]; logprobs: [n_rows], of the
     * token that follows each row (the last row of the prompt has none and is left out). */
    uint32_t first_row, n_rows, n_vocab;
    const float *logits;
    const float *logprobs;
    /* DONE */
    enum hz_finish finish;
    struct hz_usage usage;
    struct hz_error error; /* of HZ_FINISH_ERROR */
};

/* Copies what it needs of the options. Bad input (ids outside the vocabulary, a prompt longer than the context)
 * fails here. */
HZ_API hz_status hz_request_start(hz_engine *engine, const struct hz_request_options *options, hz_request **request,
                                  struct hz_error *err);
/* The next event; waits at most timeout_ms (negative: for ever; 0: not at all) and then returns E_TIMEOUT. After
 * DONE it returns DONE again. */
HZ_API hz_status hz_request_next(hz_request *request, struct hz_event *event, int timeout_ms);
/* Takes effect within one step; the reader still gets DONE. */
HZ_API void hz_request_cancel(hz_request *request);
/* Cancels if need be. NULL is fine. */
HZ_API void hz_request_free(hz_request *request);

/* ---- tensor files ------------------------------------------------------------------------------------------ */

enum hz_array_type { HZ_ARRAY_F32, HZ_ARRAY_I32 };
/* rank lengths in shape, the last one varying fastest; data in the machine's order of bytes. */
struct hz_array {
    const char *name;
    enum hz_array_type type;
    size_t rank;
    const uint64_t *shape;
    const void *data;
};
/* Writes a safetensors file, which appears under its name only when it is whole. */
HZ_API hz_status hz_write_arrays(const char *path, const struct hz_array *arrays, size_t n, struct hz_error *err);

#ifdef __cplusplus
}
#endif
#endif
